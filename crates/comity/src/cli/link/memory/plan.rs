//! Linking by a plan of DataFusion that spills.
//!
//! What stands in memory besides the plan is counted first: the columns as they were read, and the program itself. Half of
//! the rest is the plan's own, since its operators account for what they hold and not for what they work on just then.

use super::{Bound, Bounded};
use crate::Error;
use crate::cli::link::Files;
use crate::cli::link::pairs::Holder;
use crate::own::{self, OwnFile};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use linkage::model::OneToOne;
use linkage::plan::{Bounds, HeldTables, Rows, link_bounded};
use linkage::{Link, Model, Pair, RecordRef, Side};
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What the program itself and its threads are thought to take.
const PROGRAM_BYTES: u64 = 96 << 20;

/// The least that a plan is given.
const LEAST_BYTES: u64 = 32 << 20;

/// How many rows are prepared at once.
const ROWS: usize = 1 << 13;

/// About what a row of a unit of work takes, its own tables included.
const ROW_BYTES: u64 = 1 << 10;

/// Links by a model within a bound.
pub(in crate::cli::link) fn link(
    model: &Model,
    files: &Files,
    bound: &Bound,
) -> Result<Bounded<Held>, Error> {
    if model.one_to_one() != OneToOne::Off {
        return Err(Error::BoundedOneToOne);
    }
    let (source, recipient) = (files.source(), files.recipient());
    own::check_count(model.link(), recipient.is_some())?;
    let (left, left_ids) = read(model, &source, Side::Source)?;
    let boundary = u32::try_from(left.num_rows()).unwrap_or(u32::MAX);
    let right = recipient.map(|file| read(model, &file, Side::Recipient)).transpose()?;
    let (right, right_ids) = right.map_or((None, None), |(batch, ids)| (Some(batch), ids));

    let columns = std::iter::once(&left).chain(&right).map(RecordBatch::get_array_memory_size);
    let taken = columns.sum::<usize>() as u64 + PROGRAM_BYTES;
    let needed = taken + LEAST_BYTES;
    if bound.bytes < needed {
        return Err(Error::TooLittleMemory { given: bound.bytes, needed });
    }
    let pool = (bound.bytes - taken) / 2;
    let partitions = files.threads();
    let bounds = Bounds {
        partitions,
        // Two rows a pair at most, for each partition an eighth of what there is.
        unit_pairs: (pool / 8 / partitions.get() as u64 / (2 * ROW_BYTES)).clamp(1 << 8, 1 << 20),
        ..Bounds::new(usize::try_from(pool).unwrap_or(usize::MAX), bound.spill.clone())
    };
    std::fs::create_dir_all(&bound.spill)
        .map_err(|source| Error::CannotWrite { path: bound.spill.clone(), source })?;
    // Where all records are one table, the recipient's are numbered on from the source's.
    let first = if model.link() == Link::Both { boundary } else { 0 };
    let held: Arc<dyn Rows> = Arc::new(HeldTables::numbered(
        pieces(&left, 0),
        right.map(|batch| pieces(&batch, first)).unwrap_or_default(),
    ));
    drop(left);
    let (model, least) = (Arc::new(model.clone()), model.threshold());
    let mut pairs = Vec::new();
    // On a thread of its own, since the plan waits for threads of its own and the command may be an asynchronous task.
    let linked = std::thread::scope(|scope| {
        let linked = scope.spawn(|| {
            link_bounded(&model, &held, least, &bounds, |found| {
                pairs.extend(found.iter().map(|pair| Pair {
                    source: RecordRef::new(pair.left),
                    recipient: RecordRef::new(pair.right),
                    rule: pair.rule,
                    pattern: pair.pattern,
                    weight: pair.weight,
                }));
                Ok(())
            })
        });
        linked.join().map_err(|_| Error::LinkerStopped)
    })??;
    pairs.sort_unstable_by_key(|pair: &Pair| (pair.source, pair.recipient));
    let holder =
        Held { link: model.link(), threads: partitions, ids: [left_ids, right_ids], boundary };
    Ok(Bounded { holder, pairs, units: linked.units, spilled_bytes: linked.spilled_bytes })
}

/// Reads the columns that a model asks for of a file, and its ids.
fn read(
    model: &Model,
    file: &OwnFile,
    side: Side,
) -> Result<(RecordBatch, Option<StringArray>), Error> {
    let (batch, _) = file.read(&own::origins(model.columns(), side))?;
    let ids = file.id.as_ref().and_then(|id| batch.column_by_name(id));
    let ids = ids.and_then(|ids| ids.as_string_opt::<i32>()).cloned();
    Ok((batch, ids))
}

/// Cuts a table into pieces, each with the number of its first record.
fn pieces(batch: &RecordBatch, first: u32) -> Vec<(u32, RecordBatch)> {
    let starts = (0..batch.num_rows()).step_by(ROWS);
    let piece = |start: usize| {
        let number = first.saturating_add(u32::try_from(start).unwrap_or(u32::MAX));
        (number, batch.slice(start, ROWS.min(batch.num_rows() - start)))
    };
    starts.map(piece).collect()
}

/// What records are known by, where there are no prepared tables.
pub(in crate::cli::link) struct Held {
    link: Link,
    threads: NonZeroUsize,
    /// The ids of the source's records and the recipient's, where a column was named.
    ids: [Option<StringArray>; 2],
    /// How many records the source has.
    boundary: u32,
}

impl Holder for Held {
    fn link(&self) -> Link {
        self.link
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    fn origin(&self, side: Side, record: RecordRef) -> (Side, RecordRef) {
        self.link.origin(side, record, self.boundary)
    }

    fn name(&self, side: Side, record: RecordRef) -> Cow<'_, str> {
        let (side, record) = self.origin(side, record);
        let ids = self.ids[usize::from(side == Side::Recipient)].as_ref();
        let row = record.row() as usize;
        match ids.filter(|ids| row < ids.len()) {
            Some(ids) if ids.is_valid(row) => Cow::Borrowed(ids.value(row)),
            Some(_) => Cow::Borrowed(""),
            None => Cow::Owned(row.to_string()),
        }
    }
}
