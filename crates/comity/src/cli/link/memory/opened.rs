//! The files of a command within a bound of memory: gone through once for their ids, and ready to be gone through again.
//!
//! What does not go into a plan is counted first: the ids that records are known by, and the program itself. Half of the
//! rest is a plan's own, since its operators account for what they hold and not for what they work on just then.

use super::Bound;
use super::file_rows::FileRows;
use super::held::Held;
use super::one_file::OneFile;
use super::trouble::Trouble;
use crate::Error;
use crate::cli::link::Files;
use crate::own;
use arrow_array::Array;
use linkage::model::Column;
use linkage::plan::{Bounds, Rows};
use linkage::{Link, Side};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What the program itself and its threads are thought to take.
const PROGRAM_BYTES: u64 = 96 << 20;

/// One part of so many of what is left is the plan's own.
pub(super) const PLAN_PARTS: u64 = 2;

/// The least that a plan is given.
const LEAST_BYTES: u64 = 32 << 20;

/// The most rows that an operator hands on at once.
const MOST_ROWS: u64 = 1 << 13;

/// About what a row of a unit of work takes, its own tables included.
const ROW_BYTES: u64 = 1 << 10;

/// The files of a command, and within what they are worked on.
pub(super) struct Opened {
    pub(super) files: Vec<Arc<OneFile>>,
    pub(super) holder: Held,
    pub(super) rows: Arc<dyn Rows>,
    /// What goes wrong with a file while a plan reads it.
    pub(super) trouble: Trouble,
    /// Within what a plan runs: values are as common as they are counted.
    pub(super) bounds: Bounds,
    /// How many bytes there may be, and how many of them are in use before any plan runs.
    pub(super) given: u64,
    pub(super) taken: u64,
}

impl Opened {
    /// Goes through the files once, for their ids.
    pub(super) fn new(
        (columns, link): (&[Column], Link),
        files: &Files,
        bound: &Bound,
    ) -> Result<Self, Error> {
        let recipient = files.recipient();
        own::check_count(link, recipient.is_some())?;
        let source = OneFile::open(columns, files.source(), Side::Source)?;
        let recipient =
            recipient.map(|file| OneFile::open(columns, file, Side::Recipient)).transpose()?;
        let boundary = u32::try_from(source.records()).unwrap_or(u32::MAX);

        let both = || std::iter::once(&source).chain(&recipient);
        let ids = both().filter_map(OneFile::ids);
        let taken = ids.map(Array::get_array_memory_size).sum::<usize>() as u64 + PROGRAM_BYTES;
        let needed = taken + LEAST_BYTES;
        if bound.bytes < needed {
            return Err(Error::TooLittleMemory { given: bound.bytes, needed });
        }
        let pool = (bound.bytes - taken) / PLAN_PARTS;
        let partitions = files.threads();
        // What a sort takes in at once is a small part of a partition's share, or nothing would be left to merge in.
        let batch_rows = (pool / 64 / partitions.get() as u64 / ROW_BYTES).clamp(64, MOST_ROWS);
        let bounds = Bounds {
            partitions,
            batch_rows: usize::try_from(batch_rows)
                .ok()
                .and_then(NonZeroUsize::new)
                .unwrap_or(NonZeroUsize::MIN),
            // Two rows a pair at most, for each partition an eighth of what there is.
            unit_pairs: (pool / 8 / partitions.get() as u64 / (2 * ROW_BYTES))
                .clamp(1 << 8, 1 << 20),
            ..Bounds::new(usize::try_from(pool).unwrap_or(usize::MAX), bound.spill.clone())
        };
        std::fs::create_dir_all(&bound.spill)
            .map_err(|source| Error::CannotWrite { path: bound.spill.clone(), source })?;
        let holder = Held {
            link,
            threads: partitions,
            ids: [source.ids().cloned(), recipient.as_ref().and_then(OneFile::ids).cloned()],
            boundary,
        };
        let trouble = Trouble::default();
        // Where all records are one table, the recipient's are numbered on from the source's.
        let first = if link == Link::Both { boundary } else { 0 };
        let mut read = vec![(Arc::new(source), 0)];
        read.extend(recipient.map(|file| (Arc::new(file), first)));
        let files = read.iter().map(|(file, _)| Arc::clone(file)).collect();
        let rows: Arc<dyn Rows> = Arc::new(FileRows::new(read, link, trouble.clone()));
        Ok(Self { files, holder, rows, trouble, bounds, given: bound.bytes, taken })
    }

    /// Does what waits for threads of a plan on a thread of its own, since the command may be an asynchronous task, and says
    /// what a plan that wants more memory asks of `--memory`.
    pub(super) fn run<T: Send>(
        &self,
        work: impl FnOnce() -> linkage::Result<T> + Send,
    ) -> Result<T, Error> {
        let done = std::thread::scope(|scope| scope.spawn(work).join());
        done.map_err(|_| Error::LinkerStopped)?.map_err(|error| {
            self.trouble.taken().unwrap_or_else(|| of_plan(error, self.given, self.taken))
        })
    }
}

/// Says what a plan that wants more memory asks of `--memory`, of which `given` bytes are there and `taken` in use.
fn of_plan(error: linkage::Error, given: u64, taken: u64) -> Error {
    match error {
        linkage::Error::UnitsTooLarge { needed, .. } => {
            Error::TooLittleMemory { given, needed: taken + needed.saturating_mul(PLAN_PARTS) }
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_do_not_fit_are_told_by_the_memory_that_would_do() {
        let (given, taken) = (1_000, 300);
        let large = |needed| linkage::Error::UnitsTooLarge {
            at_once: 2,
            unit_bytes: needed / 8,
            given: (given - taken) / PLAN_PARTS,
            needed,
        };
        let told = of_plan(large(400), given, taken);
        let Error::TooLittleMemory { given: 1_000, needed } = told else { panic!("{told:?}") };
        assert!((needed - taken) / PLAN_PARTS >= 400, "the plan gets what it asks for");
        assert!((needed - 1 - taken) / PLAN_PARTS < 400, "and no less would do");
        assert!(matches!(of_plan(linkage::Error::NoPairs, given, taken), Error::Linkage(_)));
    }
}
