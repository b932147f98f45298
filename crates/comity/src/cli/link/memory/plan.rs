//! Linking by a plan of DataFusion that spills.
//!
//! Files are read piece by piece, each time they are gone through, and pairs come out in order, so that neither stands whole
//! in memory; only pairs that are settled one to one do. What does besides the plan is counted first: the ids that pairs are
//! written by, and the program itself. Half of the rest is the plan's own, since its operators account for what they hold and
//! not for what they work on just then.

use super::file_rows::FileRows;
use super::held::Held;
use super::one_file::OneFile;
use super::one_to_one;
use super::trouble::Trouble;
use super::{Bound, Bounded};
use crate::Error;
use crate::cli::link::Files;
use crate::cli::link::pairs::{self, Put};
use crate::cli::link::shares::Shares;
use crate::own;
use arrow_array::Array;
use linkage::model::OneToOne;
use linkage::plan::{Bounds, PlannedPair, Rows, link_bounded_in_order};
use linkage::{Link, Model, Pair, RecordRef, Side};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// What the program itself and its threads are thought to take.
const PROGRAM_BYTES: u64 = 96 << 20;

/// One part of so many of what is left is the plan's own.
const PLAN_PARTS: u64 = 2;

/// The least that a plan is given.
const LEAST_BYTES: u64 = 32 << 20;

/// The most rows that an operator hands on at once.
const MOST_ROWS: u64 = 1 << 13;

/// About what a row of a unit of work takes, its own tables included.
const ROW_BYTES: u64 = 1 << 10;

/// What a pair takes while they are gathered to be settled: a list that has to grow is copied to one of twice its size.
const GATHERED_BYTES: u64 = 3 * size_of::<Pair>() as u64;

/// Links by a model within a bound, and writes the pairs as they come.
pub(in crate::cli::link) fn link(
    model: &Model,
    files: &Files,
    (bound, shares): (&Bound, &Shares),
    out: &Path,
) -> Result<Bounded, Error> {
    let recipient = files.recipient();
    own::check_count(model.link(), recipient.is_some())?;
    let source = OneFile::open(model, files.source(), Side::Source)?;
    let recipient =
        recipient.map(|file| OneFile::open(model, file, Side::Recipient)).transpose()?;
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
        unit_pairs: (pool / 8 / partitions.get() as u64 / (2 * ROW_BYTES)).clamp(1 << 8, 1 << 20),
        populations: shares.populations(model)?,
        ..Bounds::new(usize::try_from(pool).unwrap_or(usize::MAX), bound.spill.clone())
    };
    std::fs::create_dir_all(&bound.spill)
        .map_err(|source| Error::CannotWrite { path: bound.spill.clone(), source })?;
    let holder = Held {
        link: model.link(),
        threads: partitions,
        ids: [source.ids().cloned(), recipient.as_ref().and_then(OneFile::ids).cloned()],
        boundary,
    };
    let trouble = Trouble::default();
    // Where all records are one table, the recipient's are numbered on from the source's.
    let first = if model.link() == Link::Both { boundary } else { 0 };
    let mut read = vec![(Arc::new(source), 0)];
    read.extend(recipient.map(|file| (Arc::new(file), first)));
    let files: Vec<Arc<OneFile>> = read.iter().map(|(file, _)| Arc::clone(file)).collect();
    let rows: Arc<dyn Rows> = Arc::new(FileRows::new(read, trouble.clone()));
    let (model, least) = (Arc::new(model.clone()), model.threshold());
    // On a thread of its own, since the plan waits for threads of its own and the command may be an asynchronous task.
    let link = |put: &mut Put<'_>| {
        let mut put = |found: &[PlannedPair]| {
            let pairs: Vec<Pair> = found.iter().map(pair_of).collect();
            put(&pairs).map_err(|error| trouble.passed(error))
        };
        std::thread::scope(|scope| {
            let linked =
                scope.spawn(|| link_bounded_in_order(&model, &rows, least, &bounds, &mut put));
            linked.join().map_err(|_| Error::LinkerStopped)
        })?
        .map_err(|error| trouble.taken().unwrap_or_else(|| of_plan(error, bound.bytes, taken)))
    };
    let (linked, kept, tied) = if model.one_to_one() == OneToOne::Off {
        let linked = pairs::write_as_they_come(out, &holder, &model, link)?;
        let kept = linked.pairs;
        (linked, kept, 0)
    } else {
        let mut found = Vec::new();
        let linked = link(&mut |pairs| {
            found.extend_from_slice(pairs);
            let needed = taken + pool + found.len() as u64 * GATHERED_BYTES;
            let fits = needed <= bound.bytes;
            if fits { Ok(()) } else { Err(Error::TooLittleMemory { given: bound.bytes, needed }) }
        })?;
        let settled = one_to_one::settle(&model, &files, &holder, &found, (bound.bytes, taken))?;
        pairs::write(out, &holder, &model, &settled.pairs)?;
        (linked, settled.pairs.len() as u64, settled.tied)
    };
    Ok(Bounded {
        pairs: kept,
        tied_pairs: tied,
        units: linked.units,
        staged_bytes: linked.staged_bytes,
        spilled_bytes: linked.spilled_bytes,
        spills: linked.spills,
    })
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

fn pair_of(pair: &PlannedPair) -> Pair {
    Pair {
        source: RecordRef::new(pair.left),
        recipient: RecordRef::new(pair.right),
        rule: pair.rule,
        pattern: pair.pattern,
        weight: pair.weight,
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
