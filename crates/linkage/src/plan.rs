//! Linking as a plan of DataFusion: in bounded memory, over several partitions, on one machine or many.
//!
//! Steps five to seven of the path again. `link` composes them plainly in memory and is the definition; this gives the same
//! pairs and the same bits of weight, whatever the partitions, the order of rows, the size of batches and the memory.
//!
//! ```text
//! tables ─► Staged                                                         rows, prepared once, in Arrow files
//! scan ─► KeysExec ─► repartition ─► sort ─► CountExec ─► Tally ─► Assignment   which unit a block goes to, by pairs
//! rows ─► what each unit takes ─► Assignment, cut until the largest fits   in this process only
//! scan ─► AssignExec ─► repartition by unit ─► sort by unit ─► LinkExec ─► pairs, or counts of patterns
//! ```
//!
//! Training goes by the same plan, from which counts of patterns come out, and by rows that are brought into order
//! (`train`, `ranks`, `values`); it gives the model of [`crate::train()`], to the bit, but for a
//! prior that is estimated there and counted here.
//!
//! [`link_bounded`] does all of it in this process. Elsewhere, a host runs what [`counting_plan`] and [`linking_plan`] make,
//! unchanged: their leaf is DataFusion's own scan of files, what stands between is DataFusion's too, and ours are written
//! and read by [`PlanCodec`]. `tests/plan/elsewhere.rs` does so in another process.
//!
//! Rows are an ordinary table ([`Staged`]): a record's side and number, a key hash for each layer of the rules, what
//! is looked up for it (places and shares), and its prepared values. The unit is an ordinary column too, so whoever runs
//! the plan needs to know nothing of blocks, and no operator holds anything by partition. Everything that can grow with
//! the tables is in sorts and exchanges, which spill. The model stays out of the plan: it travels by digest
//! ([`ModelSource`]).
//!
//! Work is cut by pairs and not by keys: large blocks into tiles, small ones packed. Kolb, Thor and Rahm, [Load
//! Balancing for MapReduce-based Entity Resolution](https://doi.org/10.1109/ICDE.2012.22), 2012 (BlockSplit).

mod assign;
mod block_exec;
mod build;
mod codec;
mod draws;
mod link_exec;
mod measure;
mod pool;
mod ranks;
mod rows;
mod run;
mod size;
mod spelling;
mod stage;
mod train;
mod unit;
mod values;

pub use assign::{Assignment, Tally};
pub use block_exec::{BlockExec, BlockStep};
pub use build::{counting_plan, linking_plan};
pub use codec::PlanCodec;
pub use link_exec::{LinkExec, ModelSource, Output};
pub use rows::{Batches, HeldTables, Populations, Rows};
pub use run::{
    Bounds, Linked, PlannedPair, count_patterns_bounded, link_bounded, link_bounded_in_order,
};
pub use stage::Staged;
pub use train::train_bounded;

/// Turns an error of DataFusion into one of this crate.
pub(crate) fn failed(error: datafusion_common::DataFusionError) -> crate::Error {
    use datafusion_common::DataFusionError;
    match error {
        DataFusionError::External(inner) => match inner.downcast::<crate::Error>() {
            Ok(own) => *own,
            Err(other) => crate::Error::FailedPlan { problem: first_line(&other.to_string()) },
        },
        DataFusionError::Context(_, inner) => failed(*inner),
        // An exchange hands one error to all that read from it; it is ours to take apart if nobody else holds it.
        DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
            Ok(inner) => failed(inner),
            Err(held) => match held.find_root() {
                DataFusionError::ResourcesExhausted(problem) => {
                    crate::Error::OutOfMemory { problem: first_line(problem) }
                }
                root => crate::Error::FailedPlan { problem: first_line(&root.strip_backtrace()) },
            },
        },
        DataFusionError::ResourcesExhausted(problem) => {
            crate::Error::OutOfMemory { problem: first_line(&problem) }
        }
        other => crate::Error::FailedPlan { problem: first_line(&other.strip_backtrace()) },
    }
}

/// Turns an error of this crate into one that passes through DataFusion.
pub(crate) fn passed(error: crate::Error) -> datafusion_common::DataFusionError {
    datafusion_common::DataFusionError::External(Box::new(error))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A model for tests of the plans: of one column.
#[cfg(test)]
const SMALL_MODEL: &str = r#"
name = "small"
link = "between"
prior = 0.01
threshold = 0.0
column = [{ name = "given", from = ["given"] }]
rule = [{ keys = [{ column = "given" }] }]
[[comparison]]
name = "given"
column = "given"
level = [{ test = "exact", m = 0.7, u = 0.01 }, { test = "else", m = 0.3, u = 0.99 }]
"#;
