//! Work whose plan goes over a wire, and what a process on either end of it needs.
//!
//! A plan is written to bytes and read from them; the model is found by its digest in a folder, and pairs are written down
//! there, a line each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion_common::{DataFusionError, Result as PlanResult};
use datafusion_execution::TaskContext;
use datafusion_physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use futures::TryStreamExt;
use linkage::plan::{
    Assignment, HeldTables, ModelSource, Output, PlanCodec, PlannedPair, Rows, Staged, Tally,
    counting_plan, linking_plan,
};
use linkage::{Digest, Error, Model};

use super::{Told, bounds, many, plain, shuffled, with_neighbours};
/// Names the folder to the other process.
pub(super) const FOLDER: &str = "COMITY_PLAN_FOLDER";

/// What a host of plans adds to make ours its extensions.
#[derive(Debug)]
struct Wire(PlanCodec);

impl PhysicalExtensionCodec for Wire {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        self.0.try_decode(bytes, inputs).map_err(|error| DataFusionError::External(error.into()))
    }

    fn try_encode(
        &self,
        operator: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> PlanResult<()> {
        if self.0.try_encode(&operator, bytes) {
            Ok(())
        } else {
            Err(DataFusionError::Plan(format!("{} is unknown", operator.name())))
        }
    }
}

/// Models in a folder, by their digests.
#[derive(Debug)]
pub(super) struct Shelf(pub(super) PathBuf);

impl Shelf {
    pub(super) fn file(&self, digest: Digest) -> PathBuf {
        self.0.join(format!("{}.toml", digest.to_string().replace(':', "-")))
    }
}

impl ModelSource for Shelf {
    fn model(&self, digest: Digest) -> linkage::Result<Arc<Model>> {
        let text = std::fs::read_to_string(self.file(digest));
        let text = text.map_err(|_| Error::UnknownModel { digest })?;
        Arc::new(Model::from_toml(&text)?).model(digest)
    }
}

pub(super) fn written(plan: &Arc<dyn ExecutionPlan>, models: Arc<dyn ModelSource>) -> Vec<u8> {
    let wire = Wire(PlanCodec::new(models));
    physical_plan_to_bytes_with_extension_codec(Arc::clone(plan), &wire).unwrap().to_vec()
}

pub(super) fn read(
    bytes: &[u8],
    models: Arc<dyn ModelSource>,
    context: &TaskContext,
) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let wire = Wire(PlanCodec::new(models));
    physical_plan_from_bytes_with_extension_codec(bytes, context, &wire)
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// Executes every partition of a plan at once, as an exchange inside it asks.
pub(super) fn partitions(plan: &Arc<dyn ExecutionPlan>) -> Vec<Vec<RecordBatch>> {
    let context = Arc::new(TaskContext::default());
    let streams: Vec<_> = (0..plan.output_partitioning().partition_count())
        .map(|number| plan.execute(number, Arc::clone(&context)).unwrap())
        .collect();
    let collect = futures::future::try_join_all(streams.into_iter().map(TryStreamExt::try_collect));
    runtime().block_on(collect).unwrap()
}

pub(super) fn told(batches: &[RecordBatch]) -> Vec<Told> {
    let pairs = batches.iter().flat_map(|batch| PlannedPair::all_of(batch).unwrap());
    let of = |pair: PlannedPair| {
        (pair.left, pair.right, pair.rule, pair.pattern.word(), pair.weight.to_bits())
    };
    pairs.map(of).collect()
}

/// A pair as a process writes it down for another.
pub(super) fn line_of((left, right, rule, pattern, weight): Told) -> String {
    format!("{left},{right},{rule},{pattern},{weight}\n")
}

pub(super) fn told_of_line(line: &str) -> Told {
    let cells: Vec<u64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
    let [left, right, rule, pattern, weight] = cells.try_into().unwrap();
    let small = |number: u64| u32::try_from(number).unwrap();
    (small(left), small(right), u16::try_from(rule).unwrap(), pattern, weight)
}

/// Work that was staged, and which unit each of its blocks goes to.
pub(super) struct Work {
    pub(super) model: Arc<Model>,
    pub(super) staged: Staged,
    pub(super) assignment: Arc<Assignment>,
    pub(super) meant: Vec<Told>,
    partitions: usize,
}

impl Work {
    pub(super) fn new(link: &str, partitions: usize, folder: &Path) -> Self {
        let model = with_neighbours(link);
        let (left, right) = (many(200, 0), many(200, 7));
        let right: &[_] = if link == "within" { &[] } else { &right };
        let meant = plain(&model, &left, right);
        let first = if link == "both" { left.len() } else { 0 };
        let right = shuffled(right, 9, 2).into_iter();
        let right = right.map(|(row, batch)| (row + u32::try_from(first).unwrap(), batch));
        let rows: Arc<dyn Rows> =
            Arc::new(HeldTables::numbered(shuffled(&left, 7, 3), right.collect()));
        let mut within = bounds(64 << 20, partitions, 16, 1 << 12);
        folder.clone_into(&mut within.spill);
        let staged = Staged::new(&model, &rows, &within).unwrap();
        let counting = counting_plan(staged.scan().unwrap(), within.partitions).unwrap();
        // The first plan goes through the wire as well.
        let bytes = written(&counting, Arc::new(Arc::clone(&model)));
        let none: Arc<dyn ModelSource> = Arc::new(Shelf(PathBuf::new()));
        let counting = read(&bytes, none, &TaskContext::default()).unwrap();
        let mut tally = Tally::of(&model, staged.records());
        for batch in partitions_of(&counting) {
            tally.take(&batch).unwrap();
        }
        let assignment = Arc::new(tally.assigned(&model, 1 << 11, 8).unwrap());
        assert!(assignment.units() >= 8, "{assignment:?}");
        Self { model, staged, assignment, meant, partitions }
    }

    pub(super) fn plan(&self, output: Output) -> Arc<dyn ExecutionPlan> {
        let partitions = std::num::NonZeroUsize::new(self.partitions).unwrap();
        let (scan, digest) = (self.staged.scan().unwrap(), self.model.digest().unwrap());
        linking_plan(scan, &self.model, digest, &self.assignment, output, partitions).unwrap()
    }
}

pub(super) fn partitions_of(plan: &Arc<dyn ExecutionPlan>) -> Vec<RecordBatch> {
    partitions(plan).concat()
}
