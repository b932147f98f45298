//! Runs the plans within a limit of memory.
//!
//! Beside the path: puts the operators together, gives them a pool of so much memory and a folder to spill to, and hands on
//! what comes out. The tables are gone through up to three times: to count values, where the model weighs them by how
//! common they are, to count keys, and to link. What it can't spill is held to the limit nevertheless: a count for each value
//! of such columns, one unit of work for each partition, and what an operator is just working on.
//!
//! It opens no file of anybody's records, and sets no threshold.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_schema::SchemaRef;
use datafusion_common::DataFusionError;
use datafusion_execution::config::SessionConfig;
use datafusion_execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion_execution::memory_pool::{FairSpillPool, MemoryConsumer};
use datafusion_execution::runtime_env::RuntimeEnvBuilder;
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::expressions::col;
use datafusion_physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion_physical_plan::repartition::RepartitionExec;
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion_physical_plan::{ExecutionPlan, Partitioning};
use futures::StreamExt;

use super::assign::{Assignment, Tally};
use super::block_exec::{BlockExec, BlockStep, KEY, LAYER, UNIT, column, key_at};
use super::link_exec::{LinkExec, Output, order_by, unit_order};
use super::rows::{RowMaker, Rows, ValueCounts, prepare, rules_of_layers};
use super::{failed, passed};
use crate::model::{Link, Model};
use crate::parallel::share;
use crate::pattern::Pattern;
use crate::record::Side;
use crate::{Error, Result};

/// Within what a plan runs.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How many bytes of memory the operators may hold together.
    pub memory_bytes: usize,
    /// The folder that they spill to. What they write there is deleted when they end.
    pub spill: PathBuf,
    /// How many partitions, and at most how many threads, work at once.
    pub partitions: NonZeroUsize,
    /// How many rows an operator hands on at once.
    pub batch_rows: NonZeroUsize,
    /// How many pairs a unit of work has at most, or nearly so.
    pub unit_pairs: u64,
}

impl Bounds {
    /// Takes a limit of memory and a folder, and what is usual for the rest: two partitions of 8,192 rows, a million pairs.
    pub fn new(memory_bytes: usize, spill: PathBuf) -> Self {
        let two = NonZeroUsize::MIN.saturating_add(1);
        let batch_rows = NonZeroUsize::MIN.saturating_add(8191);
        Self { memory_bytes, spill, partitions: two, batch_rows, unit_pairs: 1 << 20 }
    }
}

/// How many units there should be for each partition, so that none is left with much more than the others.
const UNITS_A_PARTITION: u64 = 16;

/// A pair that came out of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedPair {
    /// The number of the source's record; within one table, the smaller.
    pub left: u32,
    /// The number of the recipient's record; within one table, the larger.
    pub right: u32,
    /// The first rule that made it, counted from 0.
    pub rule: u16,
    /// The level of each comparison.
    pub pattern: Pattern,
    /// The weight.
    pub weight: f64,
}

/// What running a plan came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Linked {
    /// Pairs that were handed on.
    pub pairs: u64,
    /// Units of work.
    pub units: u64,
    /// The pairs that the largest unit was to look at.
    pub largest_unit_pairs: u64,
    /// The pairs that an average unit was to look at.
    pub mean_unit_pairs: f64,
    /// Bytes that were written to the folder because they didn't fit the memory.
    pub spilled_bytes: u64,
}

/// Links tables that need not fit the memory, and hands on the pairs that weigh at least so much, as they come.
///
/// The pairs are those of [`crate::link`] before any is settled one to one, bit for bit; their order is left open.
///
/// It runs its own threads and waits for them, so it isn't called from inside an asynchronous task.
///
/// # Errors
///
/// What preparing tables meets, [`Error::BlockTooLarge`], [`Error::OutOfMemory`], [`Error::UnplannableRule`],
/// [`Error::FailedPlan`], and whatever `on_pairs` returns.
pub fn link_bounded(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    least: f64,
    bounds: &Bounds,
    mut on_pairs: impl FnMut(&[PlannedPair]) -> Result<()>,
) -> Result<Linked> {
    let mut pairs = 0;
    let mut linked = run(model, rows, Output::Pairs(least), bounds, |batch| {
        let read = pairs_of(batch)?;
        pairs += read.len() as u64;
        on_pairs(&read)
    })?;
    linked.pairs = pairs;
    Ok(linked)
}

/// Counts the patterns of the pairs of each rule, those that no rule before it makes, in the same bounds.
///
/// # Errors
///
/// The same as [`link_bounded`].
pub fn count_patterns_bounded(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    bounds: &Bounds,
) -> Result<Vec<Vec<(Pattern, u64)>>> {
    let mut counts = vec![std::collections::BTreeMap::new(); model.rules().len()];
    run(model, rows, Output::Patterns, bounds, |batch| {
        let rules = column(batch, "rule").map_err(failed)?.as_primitive::<UInt16Type>();
        let patterns = column(batch, "pattern").map_err(failed)?.as_primitive::<UInt64Type>();
        let pairs = column(batch, "pairs").map_err(failed)?.as_primitive::<UInt64Type>();
        for row in 0..batch.num_rows() {
            let pattern = Pattern::from_word(patterns.value(row));
            *counts[usize::from(rules.value(row))].entry(pattern).or_insert(0) += pairs.value(row);
        }
        Ok(())
    })?;
    Ok(counts.into_iter().map(|counts| counts.into_iter().collect()).collect())
}

fn pairs_of(batch: &RecordBatch) -> Result<Vec<PlannedPair>> {
    let numbers =
        |name: &str| Ok(column(batch, name).map_err(failed)?.as_primitive::<UInt32Type>());
    let (lefts, rights) = (numbers("left")?, numbers("right")?);
    let rules = column(batch, "rule").map_err(failed)?.as_primitive::<UInt16Type>();
    let patterns = column(batch, "pattern").map_err(failed)?.as_primitive::<UInt64Type>();
    let weights = column(batch, "weight").map_err(failed)?.as_primitive::<Float64Type>();
    let pair = |row: usize| PlannedPair {
        left: lefts.value(row),
        right: rights.value(row),
        rule: rules.value(row),
        pattern: Pattern::from_word(patterns.value(row)),
        weight: weights.value(row),
    };
    Ok((0..batch.num_rows()).map(pair).collect())
}

/// Runs both plans.
fn run(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    output: Output,
    bounds: &Bounds,
    mut take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<Linked> {
    let context = context(bounds).map_err(failed)?;
    let threads = bounds.partitions.get().min(MOST_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .build()
        .map_err(|error| Error::FailedPlan { problem: error.to_string() })?;

    let counts = count_values(model, rows, threads)?;
    let records = counts.records;
    let held = MemoryConsumer::new("counts of values").register(context.memory_pool());
    held.try_grow(counts.bytes()).map_err(failed)?;
    let maker = Arc::new(RowMaker::new(Arc::clone(model), counts)?);
    let leaf = leaf(rows, &maker, bounds.partitions.get()).map_err(failed)?;

    let counting = counting_plan(Arc::clone(&leaf), bounds.partitions.get()).map_err(failed)?;
    let layers = rules_of_layers(model);
    let within = model.link() != Link::Between;
    let mut tally = Tally::new(within, records.saturating_mul(layers.len() as u64));
    drain(&runtime, &counting, &context, |batch| {
        let layer = column(batch, LAYER).map_err(failed)?.as_primitive::<UInt16Type>();
        let keys = column(batch, KEY).map_err(failed)?.as_fixed_size_binary();
        let count = |name| Ok(column(batch, name).map_err(failed)?.as_primitive::<UInt64Type>());
        let sources = count(super::block_exec::SOURCES)?;
        let recipients = count(super::block_exec::RECIPIENTS)?;
        for row in 0..batch.num_rows() {
            if let Some(key) = key_at(keys, row) {
                tally.add((layer.value(row), key), sources.value(row), recipients.value(row));
            }
        }
        Ok(())
    })?;
    let least_units = bounds.partitions.get() as u64 * UNITS_A_PARTITION;
    let assignment = tally.assign(bounds.unit_pairs, least_units, |layer| {
        layers
            .get(usize::from(layer))
            .map_or_else(String::new, |rule| model.rules()[*rule].to_string())
    })?;
    let assignment = Arc::new(assignment);

    let linking = linking_plan(leaf, model, &assignment, output, bounds.partitions.get());
    let linking = linking.map_err(failed)?;
    drain(&runtime, &linking, &context, &mut take)?;
    Ok(Linked {
        pairs: 0,
        units: assignment.units(),
        largest_unit_pairs: assignment.largest_unit_pairs(),
        mean_unit_pairs: assignment.mean_unit_pairs(),
        spilled_bytes: spilled(&counting) + spilled(&linking),
    })
}

/// The most threads that one run is given, whatever the partitions.
const MOST_THREADS: usize = 64;

fn context(bounds: &Bounds) -> datafusion_common::Result<Arc<TaskContext>> {
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![bounds.spill.clone()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(bounds.memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    // What a sort keeps back to merge what it spilled, out of its share of the memory.
    let kept_back = (bounds.memory_bytes / (8 * bounds.partitions.get())).min(10 << 20);
    let config = SessionConfig::new()
        .with_batch_size(bounds.batch_rows.get())
        .with_target_partitions(bounds.partitions.get())
        .with_sort_spill_reservation_bytes(kept_back);
    Ok(Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime)))
}

/// Goes through the tables once for the records and, where they are asked for, the values.
fn count_values(model: &Model, rows: &Arc<dyn Rows>, threads: usize) -> Result<ValueCounts> {
    let parts: Vec<(Side, usize)> = [Side::Source, Side::Recipient]
        .into_iter()
        .flat_map(|side| (0..rows.parts(side)).map(move |part| (side, part)))
        .collect();
    let shares: Vec<Vec<(Side, usize)>> = (0..threads)
        .map(|thread| parts.iter().skip(thread).step_by(threads).copied().collect())
        .collect();
    let counted = share(threads, shares, |parts| {
        let mut counts = ValueCounts::new(model);
        for (side, part) in parts {
            for batch in rows.open(side, part)? {
                let (_, batch) = batch?;
                if counts.counts_values() {
                    let (tables, side) = prepare(model, side, &batch)?;
                    counts.add(&tables, side);
                } else {
                    counts.records += batch.num_rows() as u64;
                }
            }
        }
        Ok(counts)
    });
    let mut all = ValueCounts::new(model);
    for counts in counted {
        all.join(counts?);
    }
    Ok(all)
}

/// The rows of some parts of the tables, made as they are read.
struct RowStream {
    rows: Arc<dyn Rows>,
    maker: Arc<RowMaker>,
    schema: SchemaRef,
    parts: Vec<(Side, usize)>,
}

impl fmt::Debug for RowStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RowStream({} parts)", self.parts.len())
    }
}

impl PartitionStream for RowStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (rows, maker) = (Arc::clone(&self.rows), Arc::clone(&self.maker));
        let most = context.session_config().batch_size().max(1);
        let batches = self.parts.clone().into_iter().flat_map(move |(side, part)| {
            let maker = Arc::clone(&maker);
            let opened: super::rows::Batches = match rows.open(side, part) {
                Ok(batches) => batches,
                Err(error) => Box::new(std::iter::once(Err(error))),
            };
            opened.flat_map(move |batch| {
                let made = batch.and_then(|(first, batch)| maker.rows(side, first, &batch));
                let cut: Vec<_> = match made {
                    Ok(made) => {
                        let starts = (0..made.num_rows()).step_by(most);
                        let cut = |start| made.slice(start, most.min(made.num_rows() - start));
                        starts.map(cut).map(Ok).collect()
                    }
                    Err(error) => vec![Err(passed(error))],
                };
                cut
            })
        });
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

fn leaf(
    rows: &Arc<dyn Rows>,
    maker: &Arc<RowMaker>,
    partitions: usize,
) -> datafusion_common::Result<Arc<dyn ExecutionPlan>> {
    let parts: Vec<(Side, usize)> = [Side::Source, Side::Recipient]
        .into_iter()
        .flat_map(|side| (0..rows.parts(side)).map(move |part| (side, part)))
        .collect();
    let stream = |partition: usize| -> Arc<dyn PartitionStream> {
        Arc::new(RowStream {
            rows: Arc::clone(rows),
            maker: Arc::clone(maker),
            schema: maker.schema(),
            parts: parts.iter().skip(partition).step_by(partitions).copied().collect(),
        })
    };
    let streams = (0..partitions).map(stream).collect();
    let table = StreamingTableExec::try_new(maker.schema(), streams, None, [], false, None)?;
    Ok(Arc::new(table))
}

/// Counts the records of each key.
pub(super) fn counting_plan(
    rows: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> datafusion_common::Result<Arc<dyn ExecutionPlan>> {
    let keys: Arc<dyn ExecutionPlan> = Arc::new(BlockExec::try_new(BlockStep::Keys, rows)?);
    let schema = keys.schema();
    let by_key = Partitioning::Hash(vec![col(LAYER, &schema)?, col(KEY, &schema)?], partitions);
    let apart = Arc::new(RepartitionExec::try_new(keys, by_key)?);
    let order = order_by(&schema, &[LAYER, KEY])?;
    let sorted = Arc::new(SortExec::new(order, apart).with_preserve_partitioning(true));
    let counted = Arc::new(BlockExec::try_new(BlockStep::Count, sorted)?);
    Ok(Arc::new(CoalescePartitionsExec::new(counted)))
}

/// Links the records of each unit.
pub(super) fn linking_plan(
    rows: Arc<dyn ExecutionPlan>,
    model: &Arc<Model>,
    assignment: &Arc<Assignment>,
    output: Output,
    partitions: usize,
) -> datafusion_common::Result<Arc<dyn ExecutionPlan>> {
    let assign = BlockStep::Assign(Arc::clone(assignment));
    let assigned: Arc<dyn ExecutionPlan> = Arc::new(BlockExec::try_new(assign, rows)?);
    let schema = assigned.schema();
    let by_unit = Partitioning::Hash(vec![col(UNIT, &schema)?], partitions);
    let apart = Arc::new(RepartitionExec::try_new(assigned, by_unit)?);
    let sorted =
        Arc::new(SortExec::new(unit_order(&schema)?, apart).with_preserve_partitioning(true));
    let digest = model.digest().map_err(passed)?;
    let linked = Arc::new(LinkExec::try_new(model, digest, output, sorted)?);
    Ok(Arc::new(CoalescePartitionsExec::new(linked)))
}

/// Runs a plan to its end and hands its batches on.
pub(super) fn drain(
    runtime: &tokio::runtime::Runtime,
    plan: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
    mut take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    runtime.block_on(async {
        let mut stream = plan.execute(0, Arc::clone(context)).map_err(failed)?;
        while let Some(batch) = stream.next().await {
            take(&batch.map_err(|error: DataFusionError| failed(error))?)?;
        }
        Ok(())
    })
}

/// Adds up what the operators of a plan spilled.
fn spilled(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0) as u64;
    own + plan.children().into_iter().map(spilled).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, StringArray};
    use datafusion_physical_plan::displayable;

    use super::*;
    use crate::plan::{HeldTables, PlanCodec};

    const MODEL: &str = r#"
name = "small"
link = "between"
prior = 0.01
threshold = 0.0
column = [{ name = "given", from = ["given"] }]
rule = [{ keys = [{ column = "given", take = { prefix = 1 } }] }]
[[comparison]]
name = "given"
column = "given"
frequency = {}
level = [{ test = "exact", m = 0.7, u = 0.01 }, { test = "else", m = 0.3, u = 0.99 }]
"#;

    fn model() -> Arc<Model> {
        Arc::new(Model::from_toml(MODEL).unwrap())
    }

    fn held() -> Arc<dyn Rows> {
        let batch = |names: Vec<&str>| {
            let names: ArrayRef = Arc::new(StringArray::from(names));
            RecordBatch::try_from_iter([("given", names)]).unwrap()
        };
        let source = vec![batch(vec!["ana", "bo", "al"]), batch(vec!["ana", ""])];
        Arc::new(HeldTables::new(source, vec![batch(vec!["al", "ana", "cy", "bo"])]))
    }

    fn plans(partitions: usize) -> (Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>) {
        let model = model();
        let counts = count_values(&model, &held(), 1).unwrap();
        let maker = Arc::new(RowMaker::new(Arc::clone(&model), counts).unwrap());
        let leaf = leaf(&held(), &maker, partitions).unwrap();
        let counting = counting_plan(Arc::clone(&leaf), partitions).unwrap();
        let mut tally = Tally::new(false, 9);
        let runtime = runtime();
        drain(&runtime, &counting, &small(), |batch| {
            let keys = batch.column(1).as_fixed_size_binary();
            let counts = |index: usize| batch.column(index).as_primitive::<UInt64Type>();
            for row in 0..batch.num_rows() {
                tally.add(
                    (0, key_at(keys, row).unwrap()),
                    counts(2).value(row),
                    counts(3).value(row),
                );
            }
            Ok(())
        })
        .unwrap();
        let assignment = Arc::new(tally.assign(1 << 12, 1, |_| String::new()).unwrap());
        let output = Output::Pairs(-1000.0);
        (counting, linking_plan(leaf, &model, &assignment, output, partitions).unwrap())
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    fn small() -> Arc<TaskContext> {
        context(&Bounds::new(16 << 20, std::env::temp_dir())).unwrap()
    }

    #[test]
    fn the_plans_are_these() {
        let (counting, linking) = plans(2);
        let shown = format!(
            "{}\n{}",
            displayable(counting.as_ref()).indent(false),
            displayable(linking.as_ref()).indent(false)
        );
        expect_test::expect![[r"
            CoalescePartitionsExec
              CountExec
                SortExec: expr=[layer@0 ASC, key@1 ASC], preserve_partitioning=[true]
                  RepartitionExec: partitioning=Hash([layer@0, key@1], 2), input_partitions=2
                    KeysExec
                      StreamingTableExec: partition_sizes=2, projection=[side, record, key_0, share_0, value_0]

            CoalescePartitionsExec
              LinkExec: model=sha256:c03cb26fd34d8022cf4331370ace3c7310a0a0609927a9031f679040da675e63, output=Pairs(-1000.0)
                SortExec: expr=[unit@0 ASC, layer@1 ASC, key@2 ASC], preserve_partitioning=[true]
                  RepartitionExec: partitioning=Hash([unit@0], 2), input_partitions=2
                    AssignExec: units=1
                      StreamingTableExec: partition_sizes=2, projection=[side, record, key_0, share_0, value_0]
        "]].assert_eq(&shown);
    }

    /// Writes each of our operators and reads it back elsewhere; DataFusion's own are only given their new inputs.
    fn elsewhere(plan: &Arc<dyn ExecutionPlan>, there: &PlanCodec) -> Arc<dyn ExecutionPlan> {
        let inputs: Vec<_> =
            plan.children().into_iter().map(|input| elsewhere(input, there)).collect();
        let mut bytes = Vec::new();
        let here = PlanCodec::new(Arc::new(model()));
        if here.try_encode(plan, &mut bytes) {
            there.try_decode(&bytes, &inputs).unwrap()
        } else if inputs.is_empty() {
            Arc::clone(plan)
        } else {
            datafusion_physical_plan::execution_plan::replace_children_if_necessary(
                Arc::clone(plan),
                inputs,
            )
            .unwrap()
        }
    }

    #[test]
    fn a_plan_that_was_written_and_read_elsewhere_gives_the_same_pairs() {
        let collect = |plan: &Arc<dyn ExecutionPlan>| {
            let mut pairs = Vec::new();
            drain(&runtime(), plan, &small(), |batch| {
                pairs.extend(pairs_of(batch)?.into_iter().map(|pair| {
                    (pair.left, pair.right, pair.rule, pair.pattern, pair.weight.to_bits())
                }));
                Ok(())
            })
            .unwrap();
            pairs.sort_unstable();
            pairs
        };
        let here = collect(&plans(1).1);
        assert_eq!(here.len(), 3 * 2 + 1);
        for partitions in [1, 3] {
            // Another context: it has the model from its own source, by the digest.
            let there = PlanCodec::new(Arc::new(model()));
            assert_eq!(collect(&elsewhere(&plans(partitions).1, &there)), here);
        }
    }
}
