//! Admit: opens an agency's file and takes out of it only the elements named.
//!
//! Step 3 of the path of the data: the caller holds a permit, and turns what the permit names into a
//! [`Projection`]; admit knows nothing of law and reads nothing that the projection does not name. Fields of
//! other columns are passed over undecoded, or, in Parquet, never fetched. What comes out is an Arrow record
//! batch for `linkage::prepare`, with the file's digest and its control totals.
//!
//! It does not normalise values (that is prepare's), does not write anything, and keeps no value after the
//! caller drops the batch. No error or caveat holds a value: a record is named by its file and line, a column
//! by its name.
//!
//! ```
//! use comity::admit::{self, FileSpec, Kind, Limits, Projection};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("claims.csv");
//! std::fs::write(&path, "case,surname,amount,remark\n1,Okafor,120.50,x\n2,Lindqvist,80,y\n")?;
//! let mut spec = FileSpec::csv(&path);
//! spec.id = Some("case".into());
//!
//! let matched_on = Projection::new([("case", Kind::Text), ("surname", Kind::Text)]);
//! let table = admit::open(&spec, &matched_on, Limits::default())?;
//! assert_eq!(table.batch.num_rows(), 2);
//!
//! // Only after a release: the returned elements, and only of the rows named.
//! let returned = Projection::new([("amount", Kind::Number { decimals: 2 })]);
//! let rows = admit::rows(&spec, &returned, &[1].into(), &table.digest, Limits::default())?;
//! assert_eq!(rows.batch.num_rows(), 1);
//! # Ok(())
//! # }
//! ```

mod bytes;
mod caveat;
mod control;
mod csv;
mod decimal;
mod encoding;
mod error;

mod fixed;
mod layout;
mod parquet;
mod projection;
mod spec;
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use arrow_array::RecordBatch;

use bytes::Opened;
use layout::Layout;
use table::Table;

pub use bytes::Digest;
pub use caveat::Caveat;
pub use control::{Control, DateSpot, Spot, Sum, SumSpot, Totals, Trailer};
pub use encoding::Encoding;
pub use error::{Error, Place};
pub use projection::{Kind, Projection};
pub use spec::{Compression, Csv, FileSpec, Format, Limits};

/// Opens a file and returns the elements that the projection names, of every record.
///
/// Where a digest is stated or earlier files are known, it is compared before a record is read; the control totals are
/// compared before anything is returned.
///
/// # Errors
///
/// Every way in which a file can differ from what was promised has an [`Error`] of its own; nothing is returned then.
pub fn open(spec: &FileSpec, projection: &Projection, limits: Limits) -> Result<Admitted, Error> {
    let file = &spec.path;
    let opened = Opened::open(file, spec.compression)?;
    let manifest = spec.control.manifest.as_deref().map(control::manifest).transpose()?;
    let manifest = manifest.unwrap_or_default();
    if spec.control.asks_digest(&manifest) {
        spec.control.admits_bytes(file, &opened.digest()?, &manifest)?;
    }
    spec.control.admits_statement(file, &manifest)?;

    let reader = Reader::of(&spec.format)?;
    let totalled = reader.totalled(&[&spec.control.known, &manifest]);
    let mut table = Table::of_all(spec, projection, &totalled, limits)?;
    let trailer = reader.read(&opened, &mut table)?;
    let finished = table.finish(&totalled)?;

    spec.control.admits_statement(file, &trailer)?;
    for stated in [&spec.control.known, &manifest, &trailer] {
        stated.balance(file, finished.seen, &finished.sums)?;
    }
    let totals = spec.control.complete(file, manifest, trailer)?;
    if finished.seen == 0 && totals.rows != Some(0) {
        return Err(Error::NoRecords { file: file.clone() });
    }
    if let Some(id) = &spec.id {
        table::unique(&finished, file, id)?;
    }
    let table::Finished { batch, places, caveats, seen: records, .. } = finished;
    Ok(Admitted { batch, records, digest: opened.digest()?, totals, caveats, places })
}

/// Reads the elements that the projection names, of some rows of a file admitted before, counted from 0.
///
/// Fields of other rows are passed over undecoded. `digest` is the one that [`open`] gave: were the file another
/// by now, the rows would be other people.
///
/// # Errors
///
/// As [`open`], without control totals; and when the file has changed or lacks a row.
pub fn rows(
    spec: &FileSpec,
    projection: &Projection,
    wanted: &BTreeSet<u64>,
    digest: &Digest,
    limits: Limits,
) -> Result<Rows, Error> {
    let opened = Opened::open(&spec.path, spec.compression)?;
    let now = opened.digest()?;
    if now != *digest {
        return Err(Error::Changed { file: spec.path.clone(), before: *digest, now });
    }
    let mut table = Table::of_rows(spec, projection, wanted, limits)?;
    Reader::of(&spec.format)?.read(&opened, &mut table)?;
    let finished = table.finish(&[])?;
    Ok(Rows { batch: finished.batch, rows: wanted.iter().copied().collect() })
}

/// Reads the elements that the projection names, of every record of a file admitted before, and hands them on in batches of
/// so many records, so that the file never stands whole in memory. Returns how many there were.
///
/// `digest` is the one that [`open`] gave. What was handed on of a file that turns out to have changed is of no use. Where
/// `take` breaks, nothing more is read.
///
/// # Errors
///
/// As [`open`], without control totals; when the file has changed; and [`Error::Unwanted`] where `take` broke.
pub fn pieces(
    spec: &FileSpec,
    projection: &Projection,
    digest: &Digest,
    limits: Limits,
    rows: usize,
    take: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<u64, Error> {
    let opened = Opened::open(&spec.path, spec.compression)?;
    let mut table = Table::of_pieces(spec, projection, limits, rows.max(1), take)?;
    Reader::of(&spec.format)?.read(&opened, &mut table)?;
    let seen = table.hand_on()?;
    let now = opened.digest()?;
    if now != *digest {
        return Err(Error::Changed { file: spec.path.clone(), before: *digest, now });
    }
    Ok(seen)
}

/// Returns what the columns of a file are called, in their order, and reads nothing else.
///
/// # Errors
///
/// The file cannot be read, is empty, or is not of the format that the specification names.
pub fn columns(spec: &FileSpec) -> Result<Vec<String>, Error> {
    let opened = Opened::open(&spec.path, spec.compression)?;
    let nothing = Projection::new([]);
    let table = Table::of_all(spec, &nothing, &[], Limits::default())?;
    match &spec.format {
        Format::Csv(format) => csv::columns(&opened, format, &table),
        Format::Parquet => parquet::columns(&opened, &table),
        Format::Fixed { layout } => {
            Ok(Layout::read(layout)?.fields.iter().map(|field| field.name().to_owned()).collect())
        }
    }
}

/// What reads a format.
enum Reader<'a> {
    Csv(&'a Csv),
    Parquet,
    Fixed(Box<Layout>),
}

impl<'a> Reader<'a> {
    fn of(format: &'a Format) -> Result<Self, Error> {
        Ok(match format {
            Format::Csv(csv) => Self::Csv(csv),
            Format::Parquet => Self::Parquet,
            Format::Fixed { layout } => Self::Fixed(Box::new(Layout::read(layout)?)),
        })
    }

    /// Returns the columns of which a sum is known, or stated by the trailer.
    fn totalled(&self, known: &[&Totals]) -> Vec<String> {
        let trailer = match self {
            Self::Csv(csv) => csv.trailer.as_ref(),
            Self::Fixed(layout) => layout.trailer.as_ref(),
            Self::Parquet => None,
        };
        let stated = known.iter().flat_map(|totals| &totals.sums).map(|sum| sum.column.clone());
        let placed =
            trailer.into_iter().flat_map(|trailer| &trailer.sums).map(|sum| sum.column.clone());
        stated.chain(placed).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Reads the records into the table and returns what the trailer states.
    fn read(&self, opened: &Opened, table: &mut Table<'_>) -> Result<Totals, Error> {
        match self {
            Self::Csv(format) => csv::read(opened, format, table),
            Self::Fixed(layout) => fixed::read(opened, layout, table),
            Self::Parquet => parquet::read(opened, table).map(|()| Totals::default()),
        }
    }
}

/// A file admitted: the elements named, and what is known of the file as a whole.
#[derive(Clone)]
pub struct Admitted {
    /// One column an element, named by the element, in the projection's order.
    pub batch: RecordBatch,
    /// How many records the file has, also when no element of them was asked for.
    pub records: u64,
    /// The SHA-256 of the file as delivered, before unpacking.
    pub digest: Digest,
    /// What the trailer and the manifest state, after it was compared with what was read.
    pub totals: Totals,
    /// What an officer should look at although the file was accepted.
    pub caveats: Vec<Caveat>,
    places: Vec<Place>,
}

impl Admitted {
    /// Returns where in the file a row of the batch stands.
    pub fn place(&self, row: usize) -> Option<Place> {
        self.places.get(row).copied()
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted")
            .field("batch", &"[redacted]")
            .field("rows", &self.batch.num_rows())
            .field("digest", &self.digest)
            .field("totals", &self.totals)
            .field("caveats", &self.caveats)
            .finish_non_exhaustive()
    }
}

/// Some rows of a file already admitted, with the elements named for them.
#[derive(Clone)]
pub struct Rows {
    /// One column an element, in the projection's order; one row for each row wanted, ascending.
    pub batch: RecordBatch,
    /// Which row of the file each row of the batch is, counted from 0 as in [`Admitted::batch`].
    pub rows: Vec<u64>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("batch", &"[redacted]").field("rows", &self.rows).finish()
    }
}

#[cfg(test)]
mod tests;
