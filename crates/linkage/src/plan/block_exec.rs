//! The operators that find blocks, count them, and send their records to units of work.
//!
//! Fifth step of the path. Each takes one input and keeps nothing between batches but the one block that it is counting, so
//! what runs beside it, and in which partition, makes no difference. They compare nothing.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, FixedSizeBinaryArray, RecordBatch, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{DataFusionError, Result};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion_physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties,
};
use futures::StreamExt;

use super::assign::{Assignment, BlockName};
use super::rows::{RECORD, SIDE, key_name, key_type};
use crate::keys::KEY_BYTES;

/// The column of the unit of work.
pub(super) const UNIT: &str = "unit";
/// The column of the layer.
pub(super) const LAYER: &str = "layer";
/// The column of the key in that layer.
pub(super) const KEY: &str = "key";
/// The column of where a record stands in its tile.
pub(super) const ROLE: &str = "role";
/// The column of how many source records have a key.
pub(super) const SOURCES: &str = "sources";
/// The column of how many recipient records have it.
pub(super) const RECIPIENTS: &str = "recipients";

/// What an operator does with blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockStep {
    /// Makes one narrow row of each key of each record.
    Keys,
    /// Counts such rows, which come sorted by layer and key.
    Count,
    /// Sends each record to the units that its keys belong to.
    Assign(Arc<Assignment>),
}

/// One step with blocks as an operator.
#[derive(Debug)]
pub struct BlockExec {
    step: BlockStep,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl BlockExec {
    /// Puts a step after an input.
    ///
    /// # Errors
    ///
    /// An error of DataFusion where the input isn't the rows that the step takes.
    pub fn try_new(step: BlockStep, input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let given = input.schema();
        let wanted: &[&str] = match step {
            BlockStep::Keys | BlockStep::Assign(_) => &[SIDE, RECORD],
            BlockStep::Count => &[LAYER, KEY, SIDE],
        };
        for name in wanted {
            given.field_with_name(name)?;
        }
        let schema = output_schema(&step, &given);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Self { step, input, properties })
    }

    /// Returns what it does.
    pub fn step(&self) -> &BlockStep {
        &self.step
    }
}

fn output_schema(step: &BlockStep, input: &SchemaRef) -> SchemaRef {
    let layer = Field::new(LAYER, DataType::UInt16, false);
    let key = Field::new(KEY, key_type(), false);
    Arc::new(Schema::new(match step {
        BlockStep::Keys => vec![layer, key, Field::new(SIDE, DataType::UInt8, false)],
        BlockStep::Count => vec![
            layer,
            key,
            Field::new(SOURCES, DataType::UInt64, false),
            Field::new(RECIPIENTS, DataType::UInt64, false),
        ],
        BlockStep::Assign(_) => {
            let own = [
                Field::new(UNIT, DataType::UInt64, false),
                layer,
                key,
                Field::new(ROLE, DataType::UInt8, false),
            ];
            own.into_iter().chain(input.fields().iter().map(|field| (**field).clone())).collect()
        }
    }))
}

impl DisplayAs for BlockExec {
    fn fmt_as(&self, _kind: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            BlockStep::Keys => formatter.write_str("KeysExec"),
            BlockStep::Count => formatter.write_str("CountExec"),
            BlockStep::Assign(assignment) => {
                write!(formatter, "AssignExec: units={}", assignment.units())
            }
        }
    }
}

impl ExecutionPlan for BlockExec {
    fn name(&self) -> &'static str {
        match &self.step {
            BlockStep::Keys => "KeysExec",
            BlockStep::Count => "CountExec",
            BlockStep::Assign(_) => "AssignExec",
        }
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
        Ok(Arc::new(Self::try_new(self.step.clone(), input)?))
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
        let schema = self.schema();
        let rows = context.session_config().batch_size().max(1);
        let input = self.input.execute(partition, context)?;
        let out = Arc::clone(&schema);
        match self.step.clone() {
            BlockStep::Keys => {
                let stream = input.map(move |batch| keys(&batch?, &out));
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
            }
            BlockStep::Assign(assignment) => {
                let stream = input.flat_map(move |batch| {
                    let assigned = batch.and_then(|batch| assign(&batch, &assignment, &out, rows));
                    let batches = match assigned {
                        Ok(batches) => batches.into_iter().map(Ok).collect(),
                        Err(error) => vec![Err(error)],
                    };
                    futures::stream::iter(batches)
                });
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
            }
            BlockStep::Count => {
                let counting = Counting { input, schema: out, open: None, rows, ended: false };
                let stream = futures::stream::try_unfold(counting, Counting::next);
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
            }
        }
    }
}

pub(super) fn missing_input(name: &str) -> DataFusionError {
    DataFusionError::Plan(format!("{name} takes one input"))
}

/// A column of a batch by its name.
pub(super) fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| DataFusionError::Plan(format!("there is no column {name}")))
}

/// The keys of one layer, by row of a batch.
pub(super) enum KeyColumn<'b> {
    One(&'b FixedSizeBinaryArray),
    Many(&'b BinaryArray),
}

impl<'b> KeyColumn<'b> {
    /// Returns the keys of a row, in order, each once.
    pub(super) fn of(&self, row: usize) -> &'b [[u8; KEY_BYTES]] {
        let bytes: &'b [u8] = match self {
            Self::One(keys) if keys.is_valid(row) => keys.value(row),
            Self::Many(keys) if keys.is_valid(row) => keys.value(row),
            Self::One(_) | Self::Many(_) => &[],
        };
        bytes.as_chunks().0
    }
}

/// The key columns of a batch, by layer.
pub(super) fn key_columns(batch: &RecordBatch) -> Result<Vec<KeyColumn<'_>>> {
    let mut keys = Vec::new();
    while let Some(array) = batch.column_by_name(&key_name(keys.len())) {
        let one = array.as_fixed_size_binary_opt().map(KeyColumn::One);
        let keyed = one.or_else(|| array.as_binary_opt::<i32>().map(KeyColumn::Many));
        keys.push(keyed.ok_or_else(|| DataFusionError::Plan("keys are bytes".to_owned()))?);
    }
    Ok(keys)
}

pub(super) fn key_at(keys: &FixedSizeBinaryArray, row: usize) -> Option<[u8; KEY_BYTES]> {
    if keys.is_null(row) { None } else { keys.value(row).try_into().ok() }
}

fn keys(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let sides = column(batch, SIDE)?.as_primitive::<UInt8Type>();
    let (mut layers, mut out_sides) = (Vec::new(), Vec::new());
    let mut names = FixedSizeBinaryBuilder::new(16);
    for (layer, keys) in (0..).zip(key_columns(batch)?) {
        for row in 0..batch.num_rows() {
            for key in keys.of(row) {
                layers.push(layer);
                names.append_value(key)?;
                out_sides.push(sides.value(row));
            }
        }
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt16Array::from(layers)),
        Arc::new(names.finish()),
        Arc::new(UInt8Array::from(out_sides)),
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), arrays)?)
}

fn assign(
    batch: &RecordBatch,
    assignment: &Assignment,
    schema: &SchemaRef,
    most_rows: usize,
) -> Result<Vec<RecordBatch>> {
    let sides = column(batch, SIDE)?.as_primitive::<UInt8Type>();
    let records = column(batch, RECORD)?.as_primitive::<UInt32Type>();
    let mut rows: Vec<(u64, u16, [u8; KEY_BYTES], u8, u32)> = Vec::new();
    for (layer, keys) in (0..).zip(key_columns(batch)?) {
        for (row, number) in (0..batch.num_rows()).zip(0..) {
            let recipient = sides.value(row) != 0;
            for key in keys.of(row) {
                assignment.units_of((layer, *key), recipient, records.value(row), |unit, role| {
                    rows.push((unit, layer, *key, role, number));
                });
            }
        }
    }
    let make = |rows: &[(u64, u16, [u8; KEY_BYTES], u8, u32)]| -> Result<RecordBatch> {
        let mut names = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
        for (_, _, key, ..) in rows {
            names.append_value(key)?;
        }
        let places = UInt32Array::from_iter_values(rows.iter().map(|row| row.4));
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.1))),
            Arc::new(names.finish()),
            Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.3))),
        ];
        for array in batch.columns() {
            arrays.push(arrow::compute::take(array, &places, None)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), arrays)?)
    };
    rows.chunks(most_rows).map(make).collect()
}

/// Counting rows that come sorted by layer and key.
struct Counting {
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    /// The block that is being counted, which the next batch may go on with.
    open: Option<(BlockName, u64, u64)>,
    rows: usize,
    ended: bool,
}

impl Counting {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        let mut counted: Vec<(BlockName, u64, u64)> = Vec::new();
        while !self.ended && counted.len() < self.rows {
            let Some(batch) = self.input.next().await.transpose()? else {
                self.ended = true;
                counted.extend(self.open.take());
                break;
            };
            let layers = column(&batch, LAYER)?.as_primitive::<UInt16Type>();
            let keys = column(&batch, KEY)?.as_fixed_size_binary();
            let sides = column(&batch, SIDE)?.as_primitive::<UInt8Type>();
            for row in 0..batch.num_rows() {
                let Some(key) = key_at(keys, row) else { continue };
                let name = (layers.value(row), key);
                let recipient = u64::from(sides.value(row) != 0);
                match &mut self.open {
                    Some((open, sources, recipients)) if *open == name => {
                        *sources += 1 - recipient;
                        *recipients += recipient;
                    }
                    open => counted.extend(open.replace((name, 1 - recipient, recipient))),
                }
            }
        }
        if counted.is_empty() {
            return Ok(None);
        }
        let mut names = FixedSizeBinaryBuilder::with_capacity(counted.len(), 16);
        for ((_, key), ..) in &counted {
            names.append_value(key)?;
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt16Array::from_iter_values(counted.iter().map(|block| block.0.0))),
            Arc::new(names.finish()),
            Arc::new(UInt64Array::from_iter_values(counted.iter().map(|block| block.1))),
            Arc::new(UInt64Array::from_iter_values(counted.iter().map(|block| block.2))),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        Ok(Some((batch, self)))
    }
}
