//! The operator that links: rows sorted by unit of work in, pairs or counts of patterns out.
//!
//! Steps five to seven of the path. A thin host: it gathers the rows of a unit, hands them to `unit`, and sends on what
//! comes of it. It holds one unit at a time, and accounts for it with the memory pool. It wants the rows of a unit in one
//! partition, sorted by unit, layer and key, and keeps nothing by partition. The model isn't part of it: it is fetched
//! by its digest wherever the operator runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, UInt16Array, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, SortOptions};
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result};
use datafusion_execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::expressions::col;
use datafusion_physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion_physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, Partitioning, PlanProperties,
};
use futures::StreamExt;

use super::block_exec::{KEY, LAYER, UNIT, column, missing_input};
use super::passed;
use super::pool::LINKING;
use super::rows::row_schema;
use super::run::PlannedPair;
use super::size::bytes_of;
use super::unit::Worker;
use crate::pattern::Pattern;
use crate::{Digest, Model};

/// Where an operator finds the model that its plan names.
///
/// The same digest must give the same model wherever it is asked: it is the digest of the model's canonical form.
pub trait ModelSource: fmt::Debug + Send + Sync {
    /// Returns the model of a digest.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownModel`] where there is none.
    fn model(&self, digest: Digest) -> crate::Result<Arc<Model>>;
}

/// A model is a source of itself.
impl ModelSource for Arc<Model> {
    fn model(&self, digest: Digest) -> crate::Result<Arc<Model>> {
        if self.digest()? == digest {
            Ok(Arc::clone(self))
        } else {
            Err(crate::Error::UnknownModel { digest })
        }
    }
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output {
    /// The pairs that weigh at least this.
    Pairs(f64),
    /// How many pairs each rule made of each pattern, those that no rule before it makes.
    Patterns,
}

impl Output {
    pub(super) fn schema(self) -> SchemaRef {
        let field = |name: &str, kind: DataType| Field::new(name, kind, false);
        Arc::new(Schema::new(match self {
            Self::Pairs(_) => vec![
                field("left", DataType::UInt32),
                field("right", DataType::UInt32),
                field("rule", DataType::UInt16),
                field("pattern", DataType::UInt64),
                field("weight", DataType::Float64),
            ],
            Self::Patterns => vec![
                field("rule", DataType::UInt16),
                field("pattern", DataType::UInt64),
                field("pairs", DataType::UInt64),
            ],
        }))
    }
}

/// Links the records of each unit of work.
pub struct LinkExec {
    model: Arc<Model>,
    digest: Digest,
    output: Output,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl LinkExec {
    /// Puts the operator after rows that were assigned to units.
    ///
    /// # Errors
    ///
    /// Those of the source, and an error of DataFusion where the input isn't the rows of that model.
    pub fn try_new(
        models: &dyn ModelSource,
        digest: Digest,
        output: Output,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let model = models.model(digest).map_err(passed)?;
        let given = input.schema();
        for field in row_schema(&model).fields() {
            let found = given.field_with_name(field.name())?;
            if found.data_type() != field.data_type() {
                let (name, found) = (field.name(), found.data_type());
                return Err(DataFusionError::Plan(format!("the column {name} is of {found}")));
            }
        }
        for name in [UNIT, LAYER, KEY] {
            given.field_with_name(name)?;
        }
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(output.schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Self { model, digest, output, input, properties })
    }

    /// Returns the digest of the model that it links by.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns what comes out of it.
    pub fn output(&self) -> Output {
        self.output
    }
}

/// The order that rows of units are wanted in.
pub(super) fn unit_order(schema: &SchemaRef) -> Result<LexOrdering> {
    order_by(schema, &[UNIT, LAYER, KEY])
}

pub(super) fn order_by(schema: &SchemaRef, names: &[&str]) -> Result<LexOrdering> {
    let sort = |name: &&str| Ok(PhysicalSortExpr::new(col(name, schema)?, SortOptions::default()));
    let sorts = names.iter().map(sort).collect::<Result<Vec<_>>>()?;
    LexOrdering::new(sorts)
        .ok_or_else(|| DataFusionError::Plan("there is nothing to sort by".to_owned()))
}

impl fmt::Debug for LinkExec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LinkExec({}, {:?})", self.digest, self.output)
    }
}

impl DisplayAs for LinkExec {
    fn fmt_as(&self, _kind: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LinkExec: model={}, output={:?}", self.digest, self.output)
    }
}

impl ExecutionPlan for LinkExec {
    fn name(&self) -> &'static str {
        "LinkExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let unit = col(UNIT, &self.input.schema());
        InputDistributionRequirements::new(vec![match unit {
            Ok(unit) => Distribution::KeyPartitioned(vec![unit]),
            Err(_) => Distribution::SinglePartition,
        }])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![unit_order(&self.input.schema()).ok().map(OrderingRequirements::from)]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| missing_input(self.name()))?;
        Ok(Arc::new(Self::try_new(&self.model, self.digest, self.output, input)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let reservation = MemoryConsumer::new(LINKING).register(context.memory_pool());
        let linking = Linking {
            worker: Worker::new(Arc::clone(&self.model), self.output),
            output: self.output,
            rows: context.session_config().batch_size().max(1),
            input: self.input.execute(partition, context)?,
            reservation,
            gathered: Vec::new(),
            unit: None,
            waiting: None,
            ready: Ready::default(),
            ended: false,
        };
        let stream = futures::stream::try_unfold(linking, Linking::next);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.output.schema(), stream)))
    }
}

/// What the work on units has come to and wasn't sent on yet.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) pairs: Vec<PlannedPair>,
    pub(super) patterns: BTreeMap<(u16, Pattern), u64>,
}

/// Linking the units of one partition.
struct Linking {
    worker: Worker,
    output: Output,
    rows: usize,
    input: SendableRecordBatchStream,
    reservation: MemoryReservation,
    /// The rows of the unit that is being gathered.
    gathered: Vec<RecordBatch>,
    unit: Option<u64>,
    /// The rest of a batch that was cut at the end of a unit.
    waiting: Option<RecordBatch>,
    ready: Ready,
    ended: bool,
}

impl Linking {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            let full = self.ready.pairs.len() >= self.rows;
            if full || (self.ended && !self.ready.pairs.is_empty()) {
                let count = self.ready.pairs.len().min(self.rows);
                let rest = self.ready.pairs.split_off(count);
                let pairs = std::mem::replace(&mut self.ready.pairs, rest);
                return Ok(Some((pairs_batch(self.output, &pairs)?, self)));
            }
            if self.ended {
                if self.ready.patterns.is_empty() {
                    return Ok(None);
                }
                let patterns = std::mem::take(&mut self.ready.patterns);
                return Ok(Some((patterns_batch(self.output, &patterns)?, self)));
            }
            self.gather().await?;
        }
    }

    /// Takes the next batch in, and does a unit once all of it is there.
    async fn gather(&mut self) -> Result<()> {
        let batch = match self.waiting.take() {
            Some(batch) => Some(batch),
            None => self.input.next().await.transpose()?,
        };
        let Some(batch) = batch else {
            self.ended = true;
            return if self.unit.is_some() { self.work() } else { Ok(()) };
        };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let units = column(&batch, UNIT)?.as_primitive::<UInt64Type>();
        let first = units.value(0);
        if self.unit.is_some_and(|unit| unit != first) {
            self.work()?;
        }
        self.unit = Some(first);
        let same = units.values().iter().take_while(|unit| **unit == first).count();
        self.reservation.try_grow(bytes_of(&batch.slice(0, same)))?;
        self.gathered.push(batch.slice(0, same));
        if same < units.len() {
            self.waiting = Some(batch.slice(same, units.len() - same));
        }
        Ok(())
    }

    fn work(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.gathered);
        self.unit = None;
        let worked = self.worker.work(&rows, &mut self.ready).map_err(passed);
        self.reservation.free();
        worked
    }
}

fn pairs_batch(output: Output, pairs: &[PlannedPair]) -> Result<RecordBatch> {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.left))),
        Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.right))),
        Arc::new(UInt16Array::from_iter_values(pairs.iter().map(|pair| pair.rule))),
        Arc::new(UInt64Array::from_iter_values(pairs.iter().map(|pair| pair.pattern.word()))),
        Arc::new(Float64Array::from_iter_values(pairs.iter().map(|pair| pair.weight))),
    ];
    Ok(RecordBatch::try_new(output.schema(), arrays)?)
}

fn patterns_batch(output: Output, patterns: &BTreeMap<(u16, Pattern), u64>) -> Result<RecordBatch> {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt16Array::from_iter_values(patterns.keys().map(|(rule, _)| *rule))),
        Arc::new(UInt64Array::from_iter_values(patterns.keys().map(|(_, pattern)| pattern.word()))),
        Arc::new(UInt64Array::from_iter_values(patterns.values().copied())),
    ];
    Ok(RecordBatch::try_new(output.schema(), arrays)?)
}
