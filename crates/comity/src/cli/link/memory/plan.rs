//! Linking by a plan of DataFusion that spills.
//!
//! Files are read piece by piece, each time they are gone through, and pairs come out in order, so that neither stands whole
//! in memory; only pairs that are settled one to one do. What does besides the plan is counted first: the ids that pairs are written by, and the program itself. Half
//! of the rest is the plan's own, since its operators account for what they hold and not for what they work on just then.

use super::one_to_one;
use super::{Bound, Bounded};
use crate::Error;
use crate::admit::Digest;
use crate::cli::link::Files;
use crate::cli::link::pairs::{self, Holder, Put};
use crate::cli::link::shares::Shares;
use crate::own::{self, OwnFile};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use linkage::model::OneToOne;
use linkage::plan::{Batches, Bounds, PlannedPair, Rows, link_bounded_in_order};
use linkage::{Link, Model, Pair, RecordRef, Side};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the program itself and its threads are thought to take.
const PROGRAM_BYTES: u64 = 96 << 20;

/// The least that a plan is given.
const LEAST_BYTES: u64 = 32 << 20;

/// How many rows are prepared at once.
const ROWS: usize = 1 << 13;

/// About what a row of a unit of work takes, its own tables included.
const ROW_BYTES: u64 = 1 << 10;

/// What a pair takes while they are gathered to be settled: a list that has to grow is copied to one of twice its size.
const GATHERED_BYTES: u64 = 3 * size_of::<Pair>() as u64;

/// How many pieces of a file wait to be prepared.
const WAITING: usize = 2;

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
    let boundary = u32::try_from(source.records).unwrap_or(u32::MAX);

    let both = || std::iter::once(&source).chain(&recipient);
    let ids = both().filter_map(|file| file.ids.as_ref());
    let taken = ids.map(Array::get_array_memory_size).sum::<usize>() as u64 + PROGRAM_BYTES;
    let needed = taken + LEAST_BYTES;
    if bound.bytes < needed {
        return Err(Error::TooLittleMemory { given: bound.bytes, needed });
    }
    let pool = (bound.bytes - taken) / 2;
    let partitions = files.threads();
    // What a sort takes in at once is a small part of a partition's share, or nothing would be left to merge in.
    let batch_rows = (pool / 64 / partitions.get() as u64 / ROW_BYTES).clamp(64, ROWS as u64);
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
        ids: [source.ids.clone(), recipient.as_ref().and_then(|file| file.ids.clone())],
        boundary,
    };
    let trouble = Trouble::default();
    // Where all records are one table, the recipient's are numbered on from the source's.
    let first = if model.link() == Link::Both { boundary } else { 0 };
    let mut read = vec![(Arc::new(source), 0)];
    read.extend(recipient.map(|file| (Arc::new(file), first)));
    let files: Vec<Arc<OneFile>> = read.iter().map(|(file, _)| Arc::clone(file)).collect();
    let rows: Arc<dyn Rows> = Arc::new(FileRows { files: read, trouble: trouble.clone() });
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
        .map_err(|error| trouble.taken().unwrap_or_else(|| error.into()))
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

fn pair_of(pair: &PlannedPair) -> Pair {
    Pair {
        source: RecordRef::new(pair.left),
        recipient: RecordRef::new(pair.right),
        rule: pair.rule,
        pattern: pair.pattern,
        weight: pair.weight,
    }
}

/// An error of ours on its way through a plan, which has only room for what it says.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// Keeps the first, and returns what goes through the plan in its place.
    fn passed(&self, error: Error) -> linkage::Error {
        let problem = error.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        linkage::Error::FailedPlan { problem }
    }

    fn taken(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A file that was gone through once, for its records and ids.
pub(super) struct OneFile {
    file: OwnFile,
    columns: BTreeSet<String>,
    records: u64,
    digest: Digest,
    ids: Option<StringArray>,
}

impl OneFile {
    fn open(model: &Model, file: OwnFile, side: Side) -> Result<Self, Error> {
        let (batch, table) = file.read(&BTreeSet::new())?;
        let ids = file.id.as_ref().and_then(|id| batch.column_by_name(id));
        let ids = ids.and_then(|ids| ids.as_string_opt::<i32>()).cloned();
        let columns = own::origins(model.columns(), side);
        Ok(Self { file, columns, records: table.records, digest: table.digest, ids })
    }

    /// Returns the column of ids, where one was named.
    pub(super) fn id(&self) -> Option<&str> {
        self.file.id.as_deref()
    }

    /// Returns the columns that the model asks for, and that of ids.
    pub(super) fn columns_and_id(&self) -> BTreeSet<String> {
        self.columns.iter().chain(&self.file.id).cloned().collect()
    }

    /// Reads these again, piece by piece.
    pub(super) fn read(&self, take: &mut dyn FnMut(RecordBatch)) -> Result<u64, Error> {
        self.file.pieces(&self.columns_and_id(), &self.digest, ROWS, take)
    }
}

/// The files of a command, read anew each time a side is opened.
struct FileRows {
    /// The source's and the recipient's, each with the number of its first record.
    files: Vec<(Arc<OneFile>, u32)>,
    trouble: Trouble,
}

impl fmt::Debug for FileRows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FileRows({} files)", self.files.len())
    }
}

impl Rows for FileRows {
    fn parts(&self, side: Side) -> usize {
        usize::from(self.files.len() > usize::from(side == Side::Recipient))
    }

    fn open(&self, side: Side, _: usize) -> linkage::Result<Batches> {
        let Some((file, first)) = self.files.get(usize::from(side == Side::Recipient)) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let (file, trouble) = (Arc::clone(file), self.trouble.clone());
        let read = move |take: &mut dyn FnMut(RecordBatch)| {
            file.file.pieces(&file.columns, &file.digest, ROWS, take).map(drop)
        };
        Ok(Box::new(Ahead::new(*first, trouble, read)))
    }
}

/// What is read of a file on a thread of its own, ahead of whoever prepares it.
struct Ahead {
    pieces: Receiver<(u32, RecordBatch)>,
    /// Until all was handed on.
    reader: Option<JoinHandle<Result<(), Error>>>,
    trouble: Trouble,
}

impl Ahead {
    /// Begins to read. If nobody waits for it any longer, the thread reads on to the file's end, and what it reads is let go.
    fn new(
        mut next: u32,
        trouble: Trouble,
        read: impl FnOnce(&mut dyn FnMut(RecordBatch)) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        let (send, pieces) = sync_channel(WAITING);
        let reader = std::thread::spawn(move || {
            read(&mut |batch| {
                let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                let _ = send.send((next, batch));
                next = next.saturating_add(rows);
            })
        });
        Self { pieces, reader: Some(reader), trouble }
    }
}

impl Iterator for Ahead {
    type Item = linkage::Result<(u32, RecordBatch)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Ok(piece) = self.pieces.recv() {
            return Some(Ok(piece));
        }
        // No more will come: because the file has ended only if the reader says so.
        let read = self.reader.take()?.join().unwrap_or(Err(Error::ReaderStopped));
        read.err().map(|error| Err(self.trouble.passed(error)))
    }
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

impl Held {
    /// Returns how many records the source has.
    pub(super) fn boundary(&self) -> u32 {
        self.boundary
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::ArrayRef;

    fn batch(rows: usize) -> RecordBatch {
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["x"; rows]));
        RecordBatch::try_from_iter([("id", ids)]).unwrap()
    }

    #[test]
    fn a_reader_that_comes_to_grief_is_no_end_of_a_file() {
        type Read = fn(&mut dyn FnMut(RecordBatch)) -> Result<(), Error>;
        let cases: [(Read, Option<&str>); 3] = [
            (|_| Ok(()), None),
            (|_| panic!("a fault that is put in"), Some("reading a file was broken off")),
            (|_| Err(Error::NoPlan), Some("this build cannot link in bounded memory")),
        ];
        for (end, meant) in cases {
            let trouble = Trouble::default();
            let mut ahead = Ahead::new(7, trouble.clone(), move |take| {
                take(batch(2));
                take(batch(3));
                end(take)
            });
            for (first, rows) in [(7, 2), (9, 3)] {
                let (number, piece) = ahead.next().unwrap().unwrap();
                assert_eq!((number, piece.num_rows()), (first, rows));
            }
            let last = ahead.next();
            assert_eq!(last.is_some_and(|last| last.is_err()), meant.is_some());
            assert_eq!(trouble.taken().map(|error| error.to_string()).as_deref(), meant);
            assert!(ahead.next().is_none(), "it is said once");
        }
    }

    #[test]
    fn a_reader_whom_nobody_waits_for_any_longer_comes_to_its_end() {
        let ahead = Ahead::new(0, Trouble::default(), |take| {
            (0..100).for_each(|_| take(batch(1)));
            Ok(())
        });
        let Ahead { pieces, reader, .. } = ahead;
        drop(pieces);
        reader.unwrap().join().unwrap().unwrap();
    }
}
