//! Runs the plans within a limit of memory.
//!
//! Beside the path: stages the rows, gives the operators a pool of so much memory and a folder to spill to, and hands on
//! what comes out. The tables are gone through once or twice and their rows twice: to count keys, and to link. What it can't
//! spill is held to the limit nevertheless: a count for each value of columns that are weighed by how common they are, before
//! any operator runs, and one unit of work for each partition.
//!
//! It opens no file of anybody's records, and sets no threshold.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use datafusion_common::DataFusionError;
use datafusion_common::config::SpillCompression;
use datafusion_execution::TaskContext;
use datafusion_execution::config::SessionConfig;
use datafusion_execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion_execution::runtime_env::RuntimeEnvBuilder;
use datafusion_physical_plan::ExecutionPlan;
use futures::StreamExt;

use super::assign::{Assignment, Tally};
use super::block_exec::column;
use super::build::{counting_plan, in_order, linking_plan, sorting_plan, together};
use super::failed;
use super::link_exec::Output;
use super::measure::{Fitted, fitted};
use super::pool::{Load, Pool, bringing_part};
use super::rows::{Populations, Rows};
use super::stage::Staged;
use crate::link::Pair;
use crate::model::Model;
use crate::pattern::Pattern;
use crate::record::RecordRef;
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
    /// How common values are, where that isn't counted in the tables.
    pub populations: Populations,
}

impl Bounds {
    /// Takes a limit of memory and a folder, and what is usual for the rest: two partitions of 8,192 rows, a million pairs.
    pub fn new(memory_bytes: usize, spill: PathBuf) -> Self {
        let two = NonZeroUsize::MIN.saturating_add(1);
        let batch_rows = NonZeroUsize::MIN.saturating_add(8191);
        let populations = Populations::new();
        Self { memory_bytes, spill, partitions: two, batch_rows, unit_pairs: 1 << 20, populations }
    }

    /// Returns how many threads work.
    pub(super) fn threads(&self) -> usize {
        self.partitions.get().min(MOST_THREADS)
    }
}

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
    /// Bytes that the prepared rows took in files, which are written whatever the memory.
    pub staged_bytes: u64,
    /// Bytes that were written besides because they didn't fit the memory.
    pub spilled_bytes: u64,
    /// How often that happened.
    pub spills: u64,
}

/// Links tables that need not fit the memory, and hands on the pairs that weigh at least so much, as they come.
///
/// The pairs are those of [`crate::link`] before any is settled one to one, bit for bit; their order is left open.
///
/// It runs its own threads and waits for them, so it isn't called from inside an asynchronous task.
///
/// ```
/// # use linkage::synth::{Plan, synthesise};
/// # use linkage::{Recipe, Table, Tables, train};
/// # let files = synthesise(&Plan::small(1))?;
/// # let (payroll, caseload) = ([files.payroll.clone()], [files.caseload.clone()]);
/// # let recipe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benefits.toml"));
/// # let recipe = Recipe::from_toml(recipe)?;
/// # let source = Table::new(&payroll).with_id("row_id");
/// # let recipient = Table::new(&caseload).with_id("case_id");
/// # let tables = Tables::between(recipe.columns(), source, recipient)?;
/// # let model = train(&recipe, &tables)?;
/// use linkage::plan::{Bounds, HeldTables, Rows, link_bounded};
/// use std::sync::Arc;
///
/// let model = Arc::new(model);
/// // Whatever can be gone through again, batch by batch: here two tables that stand in memory.
/// let rows: Arc<dyn Rows> = Arc::new(HeldTables::new(vec![files.payroll], vec![files.caseload]));
/// let bounds = Bounds::new(32 << 20, std::env::temp_dir());
/// let mut heaviest = f64::NEG_INFINITY;
/// let linked = link_bounded(&model, &rows, model.threshold(), &bounds, |pairs| {
///     heaviest = pairs.iter().map(|pair| pair.weight).fold(heaviest, f64::max);
///     Ok(())
/// })?;
/// assert!(linked.pairs > 0 && heaviest >= model.threshold());
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// What preparing tables meets, [`Error::BlockTooLarge`], [`Error::UnitsTooLarge`] with the memory that would do,
/// [`Error::OutOfMemory`], [`Error::UnplannableRule`], [`Error::FailedPlan`], and whatever `on_pairs` returns.
pub fn link_bounded(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    least: f64,
    bounds: &Bounds,
    on_pairs: impl FnMut(&[PlannedPair]) -> Result<()>,
) -> Result<Linked> {
    run_to_pairs(model, rows, least, bounds, |plan| Ok(together(plan)), on_pairs)
}

/// Does the same, and hands the pairs on by their source's and then their recipient's record.
///
/// They are sorted by the plan, which spills what doesn't fit: nobody has to hold them all.
///
/// # Errors
///
/// The same as [`link_bounded`].
pub fn link_bounded_in_order(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    least: f64,
    bounds: &Bounds,
    on_pairs: impl FnMut(&[PlannedPair]) -> Result<()>,
) -> Result<Linked> {
    run_to_pairs(model, rows, least, bounds, in_order, on_pairs)
}

fn run_to_pairs(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    least: f64,
    bounds: &Bounds,
    finish: impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>,
    mut on_pairs: impl FnMut(&[PlannedPair]) -> Result<()>,
) -> Result<Linked> {
    let mut pairs = 0;
    let mut linked = run(model, rows, Output::Pairs(least), bounds, finish, |batch| {
        let read = PlannedPair::all_of(batch)?;
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
    Work::new(model, Staged::new(model, rows, bounds)?, bounds)?.patterns(model)
}

impl From<&PlannedPair> for Pair {
    fn from(pair: &PlannedPair) -> Self {
        Self {
            source: RecordRef::new(pair.left),
            recipient: RecordRef::new(pair.right),
            rule: pair.rule,
            pattern: pair.pattern,
            weight: pair.weight,
        }
    }
}

impl PlannedPair {
    /// Reads the pairs of a batch that a plan for pairs gave.
    ///
    /// # Errors
    ///
    /// [`Error::FailedPlan`] where it lacks a column.
    pub fn all_of(batch: &RecordBatch) -> Result<Vec<Self>> {
        let numbers =
            |name: &str| Ok(column(batch, name).map_err(failed)?.as_primitive::<UInt32Type>());
        let (lefts, rights) = (numbers("left")?, numbers("right")?);
        let rules = column(batch, "rule").map_err(failed)?.as_primitive::<UInt16Type>();
        let patterns = column(batch, "pattern").map_err(failed)?.as_primitive::<UInt64Type>();
        let weights = column(batch, "weight").map_err(failed)?.as_primitive::<Float64Type>();
        let pair = |row: usize| Self {
            left: lefts.value(row),
            right: rights.value(row),
            rule: rules.value(row),
            pattern: Pattern::from_word(patterns.value(row)),
            weight: weights.value(row),
        };
        Ok((0..batch.num_rows()).map(pair).collect())
    }
}

/// What a pair takes while sorted pairs are brought together: it stands in a batch, and what it is sorted by is spelled beside.
const PAIR_BYTES: usize = 48;

/// What a batch of few pairs takes besides, its columns being rounded up.
const BATCH_BYTES: usize = 1 << 10;

/// Runs both plans. `finish` brings the partitions of the second together.
fn run(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    output: Output,
    bounds: &Bounds,
    finish: impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>,
    take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<Linked> {
    let work = Work::new(model, Staged::new(model, rows, bounds)?, bounds)?;
    let (spilled_bytes, spills) = work.run(model, output, finish, take)?;
    let Work { staged, assignment, .. } = &work;
    Ok(Linked {
        pairs: 0,
        units: assignment.units(),
        largest_unit_pairs: assignment.largest_unit_pairs(),
        mean_unit_pairs: assignment.mean_unit_pairs(),
        staged_bytes: staged.bytes(),
        spilled_bytes: work.spilled.0 + spilled_bytes,
        spills: work.spilled.1 + spills,
    })
}

/// Rows in files, and the units that their blocks are worked on in: whatever the parameters of a model, its rules are the
/// same, and it is linked by as often as one likes.
pub(super) struct Work<'b> {
    bounds: &'b Bounds,
    pub(super) staged: Staged,
    assignment: Arc<Assignment>,
    at_once: usize,
    unit_bytes: u64,
    pairs_to_look_at: u64,
    /// How many bytes counting keys spilled, and how often.
    spilled: (u64, u64),
}

impl<'b> Work<'b> {
    /// Counts the keys of rows, and cuts units of work that fit the memory.
    pub(super) fn new(model: &Model, staged: Staged, bounds: &'b Bounds) -> Result<Self> {
        let partitions = bounds.partitions.get();
        let counting = together(counting_plan(staged.scan()?, bounds.partitions)?);
        let load = Load::of(counting.as_ref(), partitions);
        let mut tally = Tally::of(model, staged.records());
        let context = context_of(bounds, load, staged.folder(), bounds.batch_rows.get());
        let context = context.map_err(failed)?;
        drain(&threads(bounds)?, &counting, &context, |batch| tally.take(batch))?;
        let Fitted { assignment, at_once, unit_bytes } = fitted(&tally, model, &staged, bounds)?;
        Ok(Self {
            bounds,
            staged,
            assignment: Arc::new(assignment),
            at_once,
            unit_bytes,
            pairs_to_look_at: tally.all_pairs(),
            spilled: (spilled(&counting), spills(&counting)),
        })
    }

    /// Returns how many pairs share a key, once for each layer of the rules that they do in.
    pub(super) fn pairs_to_look_at(&self) -> u64 {
        self.pairs_to_look_at
    }

    /// Counts the patterns of the pairs of each rule, those that no rule before it makes.
    pub(super) fn patterns(&self, model: &Arc<Model>) -> Result<Vec<Vec<(Pattern, u64)>>> {
        let mut counts = vec![std::collections::BTreeMap::new(); model.rules().len()];
        self.run(
            model,
            Output::Patterns,
            |plan| Ok(together(plan)),
            |batch| {
                let rules = column(batch, "rule").map_err(failed)?.as_primitive::<UInt16Type>();
                let patterns =
                    column(batch, "pattern").map_err(failed)?.as_primitive::<UInt64Type>();
                let pairs = column(batch, "pairs").map_err(failed)?.as_primitive::<UInt64Type>();
                for row in 0..batch.num_rows() {
                    let pattern = Pattern::from_word(patterns.value(row));
                    *counts[usize::from(rules.value(row))].entry(pattern).or_insert(0) +=
                        pairs.value(row);
                }
                Ok(())
            },
        )?;
        Ok(counts.into_iter().map(|counts| counts.into_iter().collect()).collect())
    }

    /// Hands on the pairs that weigh at least so much by a model, as they come.
    pub(super) fn pairs(
        &self,
        model: &Arc<Model>,
        least: f64,
        mut on_pairs: impl FnMut(&[PlannedPair]) -> Result<()>,
    ) -> Result<()> {
        let output = Output::Pairs(least);
        let take = |batch: &RecordBatch| on_pairs(&PlannedPair::all_of(batch)?);
        self.run(model, output, |plan| Ok(together(plan)), take).map(drop)
    }

    /// Runs the plan that links; `finish` brings its partitions together. Returns how many bytes were spilled, and how often.
    fn run(
        &self,
        model: &Arc<Model>,
        output: Output,
        finish: impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>,
        take: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<(u64, u64)> {
        let Self { bounds, staged, assignment, .. } = self;
        let partitions = bounds.partitions.get();
        let digest = model.digest()?;
        let linking =
            linking_plan(staged.scan()?, model, digest, assignment, output, bounds.partitions)?;
        let linking = finish(linking)?;
        // Fewer rows at once, where to bring so many together would take more than may be had for it.
        let most = bringing_part(bounds.memory_bytes);
        let fit = |rows: &usize| brought(partitions, *rows) <= most;
        let batch_rows =
            std::iter::successors(Some(bounds.batch_rows.get()), |rows| Some(rows / 2));
        let batch_rows = batch_rows.take_while(|rows| *rows > 0).find(fit).unwrap_or(1);
        let load = Load {
            units: self.at_once,
            unit_bytes: usize::try_from(self.unit_bytes).unwrap_or(usize::MAX),
            bringer_bytes: brought(partitions, batch_rows),
            ..Load::of(linking.as_ref(), partitions)
        };
        let context = context_of(bounds, load, staged.folder(), batch_rows).map_err(failed)?;
        drain(&threads(bounds)?, &linking, &context, take)?;
        Ok((spilled(&linking), spills(&linking)))
    }
}

/// Brings all rows together in the order of these columns, and hands them on.
pub(super) fn sorted(
    staged: &Staged,
    columns: &[&str],
    bounds: &Bounds,
    take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let plan = sorting_plan(staged.scan()?, columns)?;
    let load = Load::of(plan.as_ref(), 1);
    let context = context_of(bounds, load, staged.folder(), bounds.batch_rows.get());
    drain(&threads(bounds)?, &plan, &context.map_err(failed)?, take)
}

/// Starts the threads that a plan runs on.
fn threads(bounds: &Bounds) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(bounds.threads())
        .build()
        .map_err(|error| Error::FailedPlan { problem: error.to_string() })
}

/// Returns what it takes to bring sorted pairs of so many partitions together: of each the batch that is being read, and the
/// one before it that some pairs are still taken from.
fn brought(partitions: usize, batch_rows: usize) -> usize {
    2 * partitions * (batch_rows * PAIR_BYTES + BATCH_BYTES)
}

/// Up to what size a sort puts what it gathered into one piece before it sorts it, where its part is several times that. The
/// piece may be somewhat larger than what it is made of, and a sort that is refused then has no way back.
const IN_ONE_PIECE: usize = 1 << 20;

/// The most threads that one run is given, whatever the partitions.
const MOST_THREADS: usize = 64;

fn context_of(
    bounds: &Bounds,
    load: Load,
    folder: &Path,
    batch_rows: usize,
) -> datafusion_common::Result<Arc<TaskContext>> {
    let pool = Pool::new(bounds.memory_bytes, load);
    // What a sort keeps back to merge what it spilled.
    let kept_back = (pool.sort() / 2).min(10 << 20);
    let in_one_piece = if pool.sort() >= 4 * IN_ONE_PIECE { IN_ONE_PIECE } else { 0 };
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![folder.to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let config = SessionConfig::new()
        .with_batch_size(batch_rows)
        .with_target_partitions(bounds.partitions.get())
        .with_sort_spill_reservation_bytes(kept_back)
        .with_sort_in_place_threshold_bytes(in_one_piece)
        .with_spill_compression(SpillCompression::Lz4Frame);
    Ok(Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime)))
}

/// Runs a plan to its end and hands its batches on.
fn drain(
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

/// Adds up how many bytes the operators of a plan spilled.
fn spilled(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0) as u64;
    own + plan.children().into_iter().map(spilled).sum::<u64>()
}

/// Adds up how often they did.
fn spills(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0) as u64;
    own + plan.children().into_iter().map(spills).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, UInt8Array, UInt64Array};
    use datafusion_datasource::memory::MemorySourceConfig;
    use datafusion_physical_plan::sorts::sort::SortExec;

    use super::super::link_exec::order_by;
    use super::*;

    const ROWS: usize = 512;

    /// Rows in buffers that are full to the last byte. In every third batch some values are absent, so that whatever is put
    /// into one piece with it has to say of all its values whether they are there, and takes more than its pieces.
    fn batch(number: usize) -> RecordBatch {
        let rows = ROWS * number..ROWS * (number + 1);
        let mixed = |row: usize| row as u64 * 0x9E37_79B9 % 65_521;
        let absent = |row: usize| number.is_multiple_of(3) && row.is_multiple_of(7);
        let marks: UInt8Array = if number.is_multiple_of(3) {
            rows.clone().map(|row| (!absent(row)).then_some(1)).collect()
        } else {
            UInt8Array::from_value(1, ROWS)
        };
        let marks: ArrayRef = Arc::new(marks);
        let keys = ["unit", "layer"].map(|name| {
            let key: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows.clone().map(mixed)));
            (name.to_owned(), key, true)
        });
        let copied = |column: usize| {
            let same: Vec<u64> = (0..ROWS as u64).collect();
            let copy = arrow::compute::take(&marks, &UInt64Array::from(same), None).unwrap();
            (format!("value {column}"), copy, true)
        };
        let columns = keys.into_iter().chain((0..16).map(copied));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    #[test]
    fn a_sort_gets_through_whatever_small_part_it_has() {
        let batches: Vec<RecordBatch> = (0..16).map(batch).collect();
        let schema = batches[0].schema();
        let folder = tempfile::tempdir().unwrap();
        let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        for memory in (200_000..1_400_000).step_by(20_011) {
            let rows = std::slice::from_ref(&batches);
            let rows = MemorySourceConfig::try_new_exec(rows, Arc::clone(&schema), None).unwrap();
            let order = order_by(&schema, &["unit", "layer"]).unwrap();
            let sort: Arc<dyn ExecutionPlan> = Arc::new(SortExec::new(order, rows));
            let bounds = Bounds::new(memory, folder.path().to_owned());
            let load = Load::of(sort.as_ref(), 1);
            let context = context_of(&bounds, load, folder.path(), ROWS).unwrap();
            let mut sorted = 0;
            let done = drain(&tasks, &sort, &context, |batch| {
                sorted += batch.num_rows();
                Ok(())
            });
            assert!(done.is_ok(), "{memory} bytes: {done:?}");
            assert_eq!(sorted, 16 * ROWS);
        }
    }
}
