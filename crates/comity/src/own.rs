//! Files that their holder owns, linked without an agreement.
//!
//! Beside the path of the data: `comity link` is a linkage tool in its own right, for one controller's own files. No
//! permit is asked for, because nothing passes from one agency to another; therefore nothing that comes out of it can
//! enter casework, where a lead is only ever opened by a run under an agreement. One rule of the floor holds here too:
//! nobody is selected by a protected trait or its proxy (F3), so no rule and no comparison looks at one. Whoever looks
//! people up in records held for somebody else needs the agreement's path, its permits and its counts (F4):
//! [`crate::run::look_up`].

mod screen;

use crate::Error;
use crate::admit::{self, Csv, FileSpec, Format, Limits, Projection};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use linkage::model::{Column, Link};
use linkage::{Intake, Model, Side, Tables, estimate};
use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

pub use screen::{Declared, Protected, screen};

/// A file of the holder's own.
#[derive(Clone, Debug)]
pub struct OwnFile {
    /// Where it is.
    pub path: PathBuf,
    /// The column that its records are known by, if it has one.
    pub id: Option<String>,
    /// A column that says who is who, if one is to be read. It is never compared.
    pub truth: Option<String>,
    /// A column whose values are groups that errors are counted by, if one is to be read. It is never compared.
    pub group: Option<String>,
    /// What stands between two fields of a delimited file.
    pub delimiter: u8,
}

impl OwnFile {
    /// Reads the columns named, all as text, with the column of ids and the one that says who is who.
    ///
    /// # Errors
    /// Every way in which a file can differ from what is expected of it, by file and line.
    pub fn read(&self, columns: &BTreeSet<String>) -> Result<(RecordBatch, OwnTable), Error> {
        let mut spec = self.spec();
        spec.id.clone_from(&self.id);
        let mut wanted = columns.clone();
        wanted.extend(self.id.iter().chain(&self.truth).chain(&self.group).cloned());
        let named = wanted.iter().map(|name| (name.as_str(), admit::Kind::Text));
        let admitted = admit::open(&spec, &Projection::new(named), Limits::default())?;
        let texts = |name: &Option<String>| {
            let array = name.as_ref().and_then(|name| admitted.batch.column_by_name(name));
            array.and_then(|array| array.as_string_opt::<i32>()).cloned()
        };
        let table = OwnTable {
            records: admitted.records,
            truth: texts(&self.truth),
            group: texts(&self.group),
            digest: admitted.digest,
            caveats: admitted.caveats.iter().map(ToString::to_string).collect(),
        };
        Ok((admitted.batch, table))
    }

    /// Reads the same columns of a file that was read before, and hands them on in batches of so many records, for as long as
    /// `take` wants more.
    ///
    /// # Errors
    /// As [`OwnFile::read`], where it isn't the file that it was, and where `take` broke.
    pub fn pieces(
        &self,
        columns: &BTreeSet<String>,
        digest: &admit::Digest,
        rows: usize,
        take: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        let named = columns.iter().map(|name| (name.as_str(), admit::Kind::Text));
        let projection = Projection::new(named);
        Ok(admit::pieces(&self.spec(), &projection, digest, Limits::default(), rows, take)?)
    }

    /// Returns what its columns are called.
    ///
    /// # Errors
    /// As [`OwnFile::read`].
    pub fn columns(&self) -> Result<Vec<String>, Error> {
        Ok(admit::columns(&self.spec())?)
    }

    fn spec(&self) -> FileSpec {
        FileSpec::new(&self.path, format_of(&self.path, self.delimiter))
    }
}

/// A file by its name's ending is Parquet, and delimited text otherwise.
pub(crate) fn format_of(path: &Path, delimiter: u8) -> Format {
    if ends_in(path, "parquet") {
        Format::Parquet
    } else {
        let delimiter = if ends_in(path, "tsv") && delimiter == b',' { b'\t' } else { delimiter };
        Format::Csv(Csv { delimiter, ..Csv::default() })
    }
}

/// Says whether a file's name has this ending, in whatever case.
pub fn ends_in(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// What is known of a file once its values were taken in.
#[derive(Clone)]
pub struct OwnTable {
    /// How many records it has.
    pub records: u64,
    truth: Option<StringArray>,
    group: Option<StringArray>,
    /// The digest of the file.
    pub digest: admit::Digest,
    /// What its holder should look at.
    pub caveats: Vec<String>,
}

impl fmt::Debug for OwnTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnTable").field("records", &self.records).finish_non_exhaustive()
    }
}

impl OwnTable {
    /// Returns whom a record is said to be of, where that was read and is stated.
    pub fn truth(&self, row: usize) -> Option<&str> {
        stated(self.truth.as_ref()?, row)
    }

    /// Returns the group of a record, where that was read and is stated.
    pub fn group(&self, row: usize) -> Option<&str> {
        stated(self.group.as_ref()?, row)
    }
}

fn stated(array: &StringArray, row: usize) -> Option<&str> {
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

/// Returns the columns of a side's file that prepared columns are made from.
pub fn origins(columns: &[Column], side: Side) -> BTreeSet<String> {
    let of = |column: &Column| {
        let own = match side {
            Side::Source => &column.source,
            Side::Recipient => &column.recipient,
        };
        column.from.iter().chain(own).cloned().collect::<Vec<_>>()
    };
    columns.iter().flat_map(of).collect()
}

/// Checks that there are as many files as a recipe or model links.
///
/// # Errors
/// [`Error::OtherFileCount`] where there are not.
pub fn check_count(link: Link, has_recipient: bool) -> Result<(), Error> {
    match (link, has_recipient) {
        (Link::Between | Link::Both, false) => {
            Err(Error::OtherFileCount { link, wanted: 2, given: 1 })
        }
        (Link::Within, true) => Err(Error::OtherFileCount { link, wanted: 1, given: 2 }),
        (Link::Between | Link::Both, true) | (Link::Within, false) => Ok(()),
    }
}

/// Reads one file or two, at the same time where there are threads for it, and prepares them. What was read of a file is
/// let go as soon as it is prepared.
///
/// # Errors
/// As [`OwnFile::read`]; the number of files is not what the recipe or model links; a column cannot be prepared.
pub fn prepare(
    columns: &[Column],
    link: Link,
    source: &OwnFile,
    recipient: Option<&OwnFile>,
    threads: NonZeroUsize,
) -> Result<(Tables, Vec<OwnTable>), Error> {
    check_count(link, recipient.is_some())?;
    let mut intake = Intake::new(columns, link, threads);
    let files = [(Side::Source, Some(source)), (Side::Recipient, recipient)];
    for (side, file) in files {
        if let Some(id) = file.and_then(|file| file.id.as_deref()) {
            intake = intake.with_id(side, id);
        }
    }
    let mut read = Vec::new();
    match (link, recipient) {
        (Link::Between | Link::Both, Some(recipient)) => {
            let read_source = || source.read(&origins(columns, Side::Source));
            let read_recipient = || recipient.read(&origins(columns, Side::Recipient));
            let (left, right) = if threads.get() > 1 {
                std::thread::scope(|scope| {
                    let left = scope.spawn(read_source);
                    let right = read_recipient();
                    (left.join(), right)
                })
            } else {
                let left = read_source();
                (Ok(left), read_recipient())
            };
            let (batch, table) = left.map_err(|_| Error::ReaderStopped)??;
            intake.take(Side::Source, &[batch])?;
            read.push(table);
            let (batch, table) = right?;
            intake.take(Side::Recipient, &[batch])?;
            read.push(table);
        }
        (Link::Within, None) => {
            let (batch, table) = source.read(&origins(columns, Side::Source))?;
            intake.take(Side::Source, &[batch])?;
            read.push(table);
        }
        // Checked already.
        (Link::Between | Link::Both, None) | (Link::Within, Some(_)) => {}
    }
    Ok((intake.finish().with_threads(threads), read))
}

/// Records that are known to have no counterpart: what is linked of them is linked wrongly.
#[derive(Clone, Copy, Debug)]
pub enum Decoys<'d> {
    /// Those of a file with the source's columns.
    OfFile(&'d OwnFile),
    /// So many, made up of the values of the source's records.
    MadeUp {
        /// How many.
        count: u32,
        /// Where drawing begins.
        seed: u64,
    },
}

/// Reads the files of a model once more and prepares them with decoys behind the source's records; says which rows those
/// are.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with_decoys(
    model: &Model,
    source: &OwnFile,
    recipient: Option<&OwnFile>,
    decoys: Decoys<'_>,
    threads: NonZeroUsize,
) -> Result<(Tables, Range<u32>), Error> {
    let columns = model.columns();
    check_count(model.link(), recipient.is_some())?;
    let mut intake = Intake::new(columns, model.link(), threads);
    let own = origins(columns, Side::Source);
    let (batch, _) = source.read(&own)?;
    let made = match decoys {
        Decoys::OfFile(file) => file.read(&own)?.0,
        Decoys::MadeUp { count, seed } => {
            estimate::made_up(model, std::slice::from_ref(&batch), count, seed)?
        }
    };
    let rows = [&batch, &made].map(|batch| u32::try_from(batch.num_rows()).unwrap_or(u32::MAX));
    intake.take(Side::Source, &[batch])?;
    intake.take(Side::Source, &[made])?;
    if let Some(recipient) = recipient {
        let (batch, _) = recipient.read(&origins(columns, Side::Recipient))?;
        intake.take(Side::Recipient, &[batch])?;
    }
    let tables = intake.finish().with_threads(threads);
    Ok((tables, rows[0]..rows[0].saturating_add(rows[1])))
}
