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

use super::assign::Tally;
use super::block_exec::column;
use super::build::{counting_plan, in_order, linking_plan, together};
use super::failed;
use super::link_exec::Output;
use super::pool::{Load, Pool};
use super::rows::{Populations, Rows};
use super::stage::Staged;
use crate::model::Model;
use crate::pattern::Pattern;
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
/// # Errors
///
/// What preparing tables meets, [`Error::BlockTooLarge`], [`Error::OutOfMemory`], [`Error::UnplannableRule`],
/// [`Error::FailedPlan`], and whatever `on_pairs` returns.
pub fn link_bounded(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    least: f64,
    bounds: &Bounds,
    on_pairs: impl FnMut(&[PlannedPair]) -> Result<()>,
) -> Result<Linked> {
    run_to_pairs(model, rows, least, bounds, (1, |plan| Ok(together(plan))), on_pairs)
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
    run_to_pairs(model, rows, least, bounds, (2, in_order), on_pairs)
}

fn run_to_pairs(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    least: f64,
    bounds: &Bounds,
    finish: (usize, impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>),
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
    let mut counts = vec![std::collections::BTreeMap::new(); model.rules().len()];
    run(model, rows, Output::Patterns, bounds, (1, |plan| Ok(together(plan))), |batch| {
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

/// What a row of a unit has besides what is staged: its unit, layer, key and role.
const ASSIGNED_BYTES: u64 = 8 + 2 + 16 + 1;

/// What a pair takes in a batch.
const PAIR_BYTES: u64 = 32;

/// Runs both plans. `finish` brings the partitions of the second together, each of which has so many sorts then.
fn run(
    model: &Arc<Model>,
    rows: &Arc<dyn Rows>,
    output: Output,
    bounds: &Bounds,
    (sorts, finish): (usize, impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>),
    mut take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<Linked> {
    let staged = Staged::new(model, rows, bounds)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(bounds.threads())
        .build()
        .map_err(|error| Error::FailedPlan { problem: error.to_string() })?;

    let partitions = bounds.partitions.get();
    let load = Load { partitions, sorts: 1, units: 0, unit_bytes: 0 };
    let counting = together(counting_plan(staged.scan()?, bounds.partitions)?);
    let mut tally = Tally::of(model, staged.records());
    let context = context_of(bounds, load, staged.folder()).map_err(failed)?;
    drain(&runtime, &counting, &context, |batch| tally.take(batch))?;
    let least_units = partitions as u64 * UNITS_A_PARTITION;
    let assignment = Arc::new(tally.assigned(model, bounds.unit_pairs, least_units)?);

    // Twice what is expected: values may be longer than is usual, and keys that make no pair may go along.
    let unit_bytes = staged
        .mean_row_bytes()
        .saturating_add(ASSIGNED_BYTES)
        .saturating_mul(assignment.largest_unit_rows())
        .saturating_mul(2);
    // Besides, pairs that stand in order are brought together from all partitions, once no unit is left.
    let brought = (2 * partitions * bounds.batch_rows.get()) as u64 * PAIR_BYTES;
    let load = Load {
        partitions,
        sorts,
        units: partitions.min(usize::try_from(assignment.units()).unwrap_or(usize::MAX)),
        unit_bytes: usize::try_from(unit_bytes.max(brought)).unwrap_or(usize::MAX),
    };
    let context = context_of(bounds, load, staged.folder()).map_err(failed)?;
    let digest = model.digest()?;
    let linking =
        linking_plan(staged.scan()?, model, digest, &assignment, output, bounds.partitions)?;
    let linking = finish(linking)?;
    drain(&runtime, &linking, &context, &mut take)?;
    Ok(Linked {
        pairs: 0,
        units: assignment.units(),
        largest_unit_pairs: assignment.largest_unit_pairs(),
        mean_unit_pairs: assignment.mean_unit_pairs(),
        staged_bytes: staged.bytes(),
        spilled_bytes: spilled(&counting) + spilled(&linking),
        spills: spills(&counting) + spills(&linking),
    })
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
        .with_batch_size(bounds.batch_rows.get())
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
