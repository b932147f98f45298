//! Puts the operators of both plans together, for whoever runs them.
//!
//! Beside the path. A plan begins with rows that some operator reads, usually [`super::Staged::scan`], and is otherwise
//! made of DataFusion's own operators and the ones of this module, whose codec is [`super::PlanCodec`]: a host that can
//! write and read DataFusion's needs nothing else. It ends in as many partitions as were asked for, in no order, and a host
//! takes each by itself.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion_physical_expr::expressions::col;
use datafusion_physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion_physical_plan::repartition::RepartitionExec;
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion_physical_plan::{ExecutionPlan, Partitioning};

use super::assign::Assignment;
use super::block_exec::{BlockExec, BlockStep, KEY, LAYER, UNIT};
use super::failed;
use super::link_exec::{LinkExec, ModelSource, Output, order_by, unit_order};
use crate::{Digest, Result};

/// Makes the plan that counts the records of each key; what it gives goes into a [`super::Tally`].
///
/// # Errors
///
/// [`crate::Error::FailedPlan`] where the rows are none.
pub fn counting_plan(
    rows: Arc<dyn ExecutionPlan>,
    partitions: NonZeroUsize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let keys: Arc<dyn ExecutionPlan> =
        Arc::new(BlockExec::try_new(BlockStep::Keys, rows).map_err(failed)?);
    let sorted = || {
        let schema = keys.schema();
        let apart = apart(Arc::clone(&keys), &[LAYER, KEY], partitions)?;
        let order = order_by(&schema, &[LAYER, KEY])?;
        let sorted = Arc::new(SortExec::new(order, apart).with_preserve_partitioning(true));
        BlockExec::try_new(BlockStep::Count, sorted)
    };
    Ok(Arc::new(sorted().map_err(failed)?))
}

/// Makes the plan that links the records of each unit of work, by the model of a digest.
///
/// # Errors
///
/// Those of the source, and [`crate::Error::FailedPlan`] where the rows aren't that model's.
pub fn linking_plan(
    rows: Arc<dyn ExecutionPlan>,
    models: &dyn ModelSource,
    digest: Digest,
    assignment: &Arc<Assignment>,
    output: Output,
    partitions: NonZeroUsize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let linked = || {
        let assign = BlockStep::Assign(Arc::clone(assignment));
        let assigned: Arc<dyn ExecutionPlan> = Arc::new(BlockExec::try_new(assign, rows)?);
        let schema: SchemaRef = assigned.schema();
        let apart = apart(assigned, &[UNIT], partitions)?;
        let sorted =
            Arc::new(SortExec::new(unit_order(&schema)?, apart).with_preserve_partitioning(true));
        LinkExec::try_new(models, digest, output, sorted)
    };
    Ok(Arc::new(linked().map_err(failed)?))
}

/// Makes the plan that brings rows together in the order of these columns.
///
/// # Errors
///
/// [`crate::Error::FailedPlan`] where the rows lack one.
pub(super) fn sorting_plan(
    rows: Arc<dyn ExecutionPlan>,
    columns: &[&str],
) -> Result<Arc<dyn ExecutionPlan>> {
    let order = order_by(&rows.schema(), columns).map_err(failed)?;
    Ok(Arc::new(SortExec::new(order, together(rows))))
}

/// Sends rows to partitions by a hash of these columns.
fn apart(
    rows: Arc<dyn ExecutionPlan>,
    columns: &[&str],
    partitions: NonZeroUsize,
) -> datafusion_common::Result<Arc<dyn ExecutionPlan>> {
    let schema = rows.schema();
    let by =
        columns.iter().map(|name| col(name, &schema)).collect::<datafusion_common::Result<_>>()?;
    let by = Partitioning::Hash(by, partitions.get());
    Ok(Arc::new(RepartitionExec::try_new(rows, by)?))
}

/// Brings the partitions of a plan together, as they come.
pub(super) fn together(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(CoalescePartitionsExec::new(plan))
}

/// Brings the pairs of a plan together by their source's and then their recipient's record.
pub(super) fn in_order(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let order = order_by(&plan.schema(), &["left", "right"]).map_err(failed)?;
    let sorted = Arc::new(SortExec::new(order.clone(), plan).with_preserve_partitioning(true));
    Ok(Arc::new(SortPreservingMergeExec::new(order, sorted)))
}

#[cfg(test)]
mod tests {
    use datafusion_execution::TaskContext;
    use datafusion_physical_plan::displayable;
    use datafusion_physical_plan::empty::EmptyExec;
    use datafusion_proto::bytes::{physical_plan_from_bytes, physical_plan_to_bytes};

    use super::super::SMALL_MODEL;
    use super::super::assign::Tally;
    use super::super::pool::Load;
    use super::super::rows::{RECORD, SIDE, row_schema};
    use super::*;
    use crate::Model;

    #[test]
    fn memory_is_shared_out_among_what_stands_in_a_plan() {
        let model = Arc::new(Model::from_toml(SMALL_MODEL).unwrap());
        let rows = || Arc::new(EmptyExec::new(row_schema(&model)));
        let three = NonZeroUsize::new(3).unwrap();
        let parts = |plan: &Arc<dyn ExecutionPlan>| {
            let Load { partitions, sorts, exchanges, bringers, .. } = Load::of(plan.as_ref(), 3);
            (partitions, sorts, exchanges, bringers)
        };
        assert_eq!(parts(&together(counting_plan(rows(), three).unwrap())), (3, 1, 1, 0));
        let assignment = Tally::of(&model, 0).assigned(&model, 100, 1).unwrap();
        let assignment = Arc::new(assignment);
        let digest = model.digest().unwrap();
        let linking = || {
            let output = Output::Pairs(0.0);
            linking_plan(rows(), &model, digest, &assignment, output, three).unwrap()
        };
        assert_eq!(parts(&together(linking())), (3, 1, 1, 0));
        // Pairs that stand in order are sorted besides, and then brought together.
        assert_eq!(parts(&in_order(linking()).unwrap()), (3, 2, 1, 1));
    }

    #[test]
    fn a_plan_that_only_sorts_is_written_and_read_by_what_datafusion_has_itself() {
        let model = Model::from_toml(SMALL_MODEL).unwrap();
        let rows = Arc::new(EmptyExec::new(row_schema(&model)));
        let plan = sorting_plan(rows, &[SIDE, RECORD]).unwrap();
        let bytes = physical_plan_to_bytes(Arc::clone(&plan)).unwrap();
        let read = physical_plan_from_bytes(&bytes, &TaskContext::default()).unwrap();
        let shown =
            |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(true).to_string();
        assert_eq!(shown(&read), shown(&plan));
        assert!(shown(&plan).starts_with("SortExec"), "{}", shown(&plan));
    }
}
