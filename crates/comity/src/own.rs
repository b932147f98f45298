//! Files that their holder owns, linked without an agreement.
//!
//! Beside the path of the data: `comity link` is a linkage tool in its own right, for one controller's own files. No
//! permit is asked for, because nothing passes from one agency to another; therefore nothing that comes out of it can
//! enter casework, where a lead is only ever opened by a run under an agreement. One rule of the floor holds here too:
//! nobody is selected by a protected trait or its proxy (F3), so no rule and no comparison looks at one. Whoever looks
//! people up in records held for somebody else needs the agreement's path, its permits and its counts (F4).

mod screen;

use crate::Error;
use crate::admit::{self, Csv, FileSpec, Format, Limits, Projection};
use arrow_array::RecordBatch;
use linkage::model::{Column, Link};
use linkage::{Side, Table, Tables};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

pub use screen::{Declared, Protected, screen};

/// A file of the holder's own.
#[derive(Clone, Debug)]
pub struct OwnFile {
    /// Where it is.
    pub path: PathBuf,
    /// The column that its records are known by, if it has one.
    pub id: Option<String>,
    /// What stands between two fields of a delimited file.
    pub delimiter: u8,
}

impl OwnFile {
    /// Reads the columns named, all as text, and the column of ids.
    ///
    /// # Errors
    /// Every way in which a file can differ from what is expected of it, by file and line.
    pub fn read(&self, columns: &BTreeSet<String>) -> Result<OwnTable, Error> {
        let mut spec = FileSpec::new(&self.path, format_of(&self.path, self.delimiter));
        spec.id.clone_from(&self.id);
        let mut wanted = columns.clone();
        wanted.extend(self.id.clone());
        let named = wanted.iter().map(|name| (name.as_str(), admit::Kind::Text));
        let admitted = admit::open(&spec, &Projection::new(named), Limits::default())?;
        Ok(OwnTable {
            id: self.id.clone(),
            digest: admitted.digest,
            caveats: admitted.caveats.iter().map(ToString::to_string).collect(),
            batches: vec![admitted.batch],
        })
    }
}

/// A file by its name's ending is Parquet, and delimited text otherwise.
fn format_of(path: &Path, delimiter: u8) -> Format {
    let is =
        |ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if is("parquet") {
        Format::Parquet
    } else {
        let delimiter = if is("tsv") && delimiter == b',' { b'\t' } else { delimiter };
        Format::Csv(Csv { delimiter, ..Csv::default() })
    }
}

/// What was read of a file.
#[derive(Clone)]
pub struct OwnTable {
    id: Option<String>,
    batches: Vec<RecordBatch>,
    /// The digest of the file.
    pub digest: admit::Digest,
    /// What its holder should look at.
    pub caveats: Vec<String>,
}

impl fmt::Debug for OwnTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnTable").field("records", &self.records()).finish_non_exhaustive()
    }
}

impl OwnTable {
    /// Returns how many records it has.
    pub fn records(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }

    /// Returns its batches.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Returns it as the linkage engine takes it.
    pub fn table(&self) -> Table<'_> {
        let table = Table::new(&self.batches);
        match &self.id {
            Some(id) => table.with_id(id),
            None => table,
        }
    }
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

/// Reads one file or two, at the same time, and prepares them.
///
/// # Errors
/// As [`OwnFile::read`]; the number of files is not what the recipe or model links; a column cannot be prepared.
pub fn prepare(
    columns: &[Column],
    link: Link,
    source: &OwnFile,
    recipient: Option<&OwnFile>,
) -> Result<(Tables, Vec<OwnTable>), Error> {
    match (link, recipient) {
        (Link::Between | Link::Both, Some(recipient)) => {
            let (left, right) = std::thread::scope(|scope| {
                let left = scope.spawn(|| source.read(&origins(columns, Side::Source)));
                let right = recipient.read(&origins(columns, Side::Recipient));
                (left.join(), right)
            });
            let (left, right) = (left.map_err(|_| Error::ReaderStopped)??, right?);
            let tables = if link == Link::Both {
                Tables::both(columns, left.table(), right.table())?
            } else {
                Tables::between(columns, left.table(), right.table())?
            };
            Ok((tables, vec![left, right]))
        }
        (Link::Within, None) => {
            let table = source.read(&origins(columns, Side::Source))?;
            Ok((Tables::within(columns, table.table())?, vec![table]))
        }
        (Link::Between | Link::Both, None) => {
            Err(Error::OtherFileCount { link, wanted: 2, given: 1 })
        }
        (Link::Within, Some(_)) => Err(Error::OtherFileCount { link, wanted: 1, given: 2 }),
    }
}
