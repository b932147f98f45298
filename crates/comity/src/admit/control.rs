//! Control totals: what a delivery says of itself, and what it has to be.
//!
//! Step 3 of the path. A trailer record or a manifest states how many records there are, what a column adds up
//! to, and as of when the file was drawn; a file that is late, doubled or unbalanced stops the cycle. It reads
//! the manifest and compares; it does not read the records (that is the formats').

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de};

use super::bytes::Digest;
use super::decimal::{self, SUM_DECIMALS};
use super::error::Error;

/// What a delivery has to fulfil as a whole. The default asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// A TOML file beside the data that states its totals; [`Totals`] says which keys it has.
    pub manifest: Option<PathBuf>,
    /// The earliest as-of date that is not late; with it, an as-of date must be stated.
    pub earliest_as_of: Option<Date>,
    /// The cycle this delivery is for; with it, a stated cycle must be this one.
    pub cycle: Option<String>,
    /// The sequence number due; with it, a stated number must be this one.
    pub sequence: Option<u64>,
    /// The digests of earlier deliveries: the same bytes again are a doubled file.
    pub previous: BTreeSet<Digest>,
    /// Totals known beforehand, besides those that the delivery states of itself.
    pub known: Totals,
}

/// What a trailer or a manifest states.
///
/// As a manifest, in TOML: `rows = 1200`, `as_of = "2027-03-31"`, `cycle = "2027Q1"`, `sequence = 7`,
/// `sha256 = "…"`, and `sum = { column = "amount", total = "51230.75" }`, or a list of such. All are optional, other
/// keys an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// How many records there are, without header and trailer.
    pub rows: Option<u64>,
    /// What columns add up to.
    #[serde(default, rename = "sum", deserialize_with = "one_or_more")]
    pub sums: Vec<Sum>,
    /// As of when the file was drawn; quoted, or as TOML writes a date.
    #[serde(default, deserialize_with = "day")]
    pub as_of: Option<Date>,
    /// The cycle the file is for.
    pub cycle: Option<String>,
    /// The delivery's number in its series.
    pub sequence: Option<u64>,
    /// The SHA-256 of the file's bytes.
    pub sha256: Option<Digest>,
}

/// What one column adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// The column, as the file names it.
    pub column: String,
    /// The sum, as decimal digits.
    pub total: String,
}

/// Where a trailer record states its totals.
///
/// In a layout file, the table `[trailer]`: `prefix = "T"`, `rows = { start = 2, length = 9 }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// What the trailer begins with and no record does: the whole first field of a delimited file.
    pub prefix: String,
    /// Where the number of records is.
    pub rows: Option<Spot>,
    /// Where the sums of columns are.
    #[serde(default, rename = "sum", deserialize_with = "one_or_more")]
    pub sums: Vec<SumSpot>,
    /// Where the as-of date is.
    pub as_of: Option<DateSpot>,
    /// Where the cycle is.
    pub cycle: Option<Spot>,
    /// Where the sequence number is.
    pub sequence: Option<Spot>,
}

/// Where in a trailer a value is, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Spot {
    /// A field of a delimited trailer.
    Field {
        /// Its number.
        field: usize,
    },
    /// A stretch of a fixed-width trailer.
    Span {
        /// Its first byte.
        start: usize,
        /// Its length in bytes.
        length: usize,
    },
}

/// Where in a trailer the sum of a column is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SumSpot {
    /// The column, as the file names it.
    pub column: String,
    /// Where its sum is.
    pub at: Spot,
    /// Whether the sum is written in hundredths, without a point.
    #[serde(default)]
    pub hundredths: bool,
}

/// Where in a trailer a date is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateSpot {
    /// How it is written, in the notation of [`jiff::fmt::strtime`].
    pub format: String,
    /// Where it is.
    pub at: Spot,
}

/// Reads a date, as text or as TOML's own.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a date such as `2027-03-31`")]
    enum Written {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Toml(date) => date.to_string(),
        Written::Text(text) => text,
    };
    text.parse().map(Some).map_err(|_| de::Error::custom("a date is written as in `2027-03-31`"))
}

/// Reads one table, or a list of tables.
fn one_or_more<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a table with `column` and its sum, or a list of such")]
    enum OneOrMore<T> {
        One(T),
        More(Vec<T>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    })
}

impl Trailer {
    /// Returns how many bytes of a fixed-width trailer hold something.
    pub(super) fn reach(&self) -> usize {
        let sums = self.sums.iter().map(|sum| Some(sum.at));
        let as_of = self.as_of.as_ref().map(|as_of| as_of.at);
        let spots = [self.rows, as_of, self.cycle, self.sequence];
        let end = |spot| match spot {
            Spot::Span { start, length } => usize::saturating_add(start, length),
            Spot::Field { .. } => 0,
        };
        spots
            .into_iter()
            .chain(sums)
            .flatten()
            .map(end)
            .max()
            .unwrap_or_default()
            .max(self.prefix.len())
    }

    /// Reads the totals out of a trailer record; `text_at` gives the text at a spot, if the record reaches so far.
    pub(super) fn read(
        &self,
        file: &Path,
        line: u64,
        text_at: impl Fn(Spot) -> Option<String>,
    ) -> Result<Totals, Error> {
        let unreadable =
            |what: &'static str| Error::TrailerUnreadable { file: file.to_owned(), line, what };
        let text = |spot: Spot, what: &'static str| -> Result<String, Error> {
            let text = text_at(spot).ok_or_else(|| unreadable(what))?;
            Ok(text.trim().to_owned())
        };
        let count = |spot: Option<Spot>, what: &'static str| -> Result<Option<u64>, Error> {
            spot.map(|spot| text(spot, what)?.parse().map_err(|_| unreadable(what))).transpose()
        };
        let sums = self.sums.iter().map(|sum| {
            let written = text(sum.at, "sum")?;
            let total = if sum.hundredths { from_hundredths(&written) } else { Some(written) };
            let total = total.ok_or_else(|| unreadable("sum"))?;
            decimal::parse(&total, SUM_DECIMALS).ok_or_else(|| unreadable("sum"))?;
            Ok(Sum { column: sum.column.clone(), total })
        });
        let as_of = self.as_of.as_ref().map(|as_of| {
            let text = text(as_of.at, "as-of date")?;
            Date::strptime(&as_of.format, text).map_err(|_| unreadable("as-of date"))
        });
        Ok(Totals {
            rows: count(self.rows, "number of records")?,
            sums: sums.collect::<Result<_, Error>>()?,
            as_of: as_of.transpose()?,
            cycle: self.cycle.map(|spot| text(spot, "cycle")).transpose()?,
            sequence: count(self.sequence, "sequence number")?,
            sha256: None,
        })
    }
}

/// Puts the point into a sum that is written in hundredths; none if it is anything but digits and a sign.
fn from_hundredths(text: &str) -> Option<String> {
    Some(decimal::show(decimal::parse(text, 0)?, 2))
}

/// Reads a manifest.
pub(super) fn manifest(path: &Path) -> Result<Totals, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::opening(path, source))?;
    let totals: Totals = toml::from_str(&text).map_err(|problem| Error::Manifest {
        file: path.to_owned(),
        line: super::layout::line_of(&text, problem.span()),
        problem: problem.message().to_owned(),
    })?;
    if totals.sums.iter().any(|sum| decimal::parse(&sum.total, SUM_DECIMALS).is_none()) {
        return Err(Error::Manifest {
            file: path.to_owned(),
            line: 1,
            problem: "`sum.total` is not a decimal number".to_owned(),
        });
    }
    Ok(totals)
}

impl Control {
    /// Says whether anything is known that the bytes are compared with.
    pub(super) fn asks_digest(&self, stated: &Totals) -> bool {
        !self.previous.is_empty() || stated.sha256.is_some()
    }

    /// Compares what is known before a record is read: the bytes.
    pub(super) fn admits_bytes(
        &self,
        file: &Path,
        digest: &Digest,
        stated: &Totals,
    ) -> Result<(), Error> {
        if self.previous.contains(digest) {
            return Err(Error::Doubled { file: file.to_owned(), digest: *digest });
        }
        match stated.sha256 {
            Some(stated) if stated != *digest => {
                Err(Error::DigestDiffers { file: file.to_owned(), stated, found: *digest })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Compares a statement with what is due.
    pub(super) fn admits_statement(&self, file: &Path, stated: &Totals) -> Result<(), Error> {
        let file = || file.to_owned();
        if let Some(as_of) = stated.as_of
            && let Some(earliest) = self.earliest_as_of
            && as_of < earliest
        {
            return Err(Error::Late { file: file(), as_of, earliest });
        }
        if let Some(found) = &stated.cycle
            && let Some(due) = &self.cycle
            && found != due
        {
            return Err(Error::WrongCycle { file: file(), due: due.clone(), found: found.clone() });
        }
        if let Some(found) = stated.sequence
            && let Some(due) = self.sequence
            && found != due
        {
            return Err(Error::OutOfSequence { file: file(), due, found });
        }
        Ok(())
    }

    /// Puts both statements and what is known together, the manifest first, and sees that what must be stated is.
    pub(super) fn complete(
        &self,
        file: &Path,
        manifest: Totals,
        trailer: Totals,
    ) -> Result<Totals, Error> {
        let totals = Totals {
            rows: manifest.rows.or(trailer.rows).or(self.known.rows),
            sums: [manifest.sums, trailer.sums, self.known.sums.clone()].concat(),
            as_of: manifest.as_of.or(trailer.as_of),
            cycle: manifest.cycle.or(trailer.cycle),
            sequence: manifest.sequence.or(trailer.sequence),
            sha256: manifest.sha256,
        };
        match self.earliest_as_of {
            Some(earliest) if totals.as_of.is_none() => {
                Err(Error::NoAsOf { file: file.to_owned(), earliest })
            }
            Some(_) | None => Ok(totals),
        }
    }
}

impl Totals {
    /// Compares the statement with what was read; `sums` are the columns added up.
    pub(super) fn balance(
        &self,
        file: &Path,
        rows: u64,
        sums: &[(String, i128)],
    ) -> Result<(), Error> {
        let file = || file.to_owned();
        if let Some(stated) = self.rows
            && stated != rows
        {
            return Err(Error::UnbalancedRows { file: file(), stated, found: rows });
        }
        for stated in &self.sums {
            if let Some((column, found)) = sums.iter().find(|(column, _)| *column == stated.column)
                && decimal::parse(&stated.total, SUM_DECIMALS) != Some(*found)
            {
                return Err(Error::UnbalancedSum {
                    file: file(),
                    column: column.clone(),
                    stated: stated.total.clone(),
                    found: decimal::show(*found, SUM_DECIMALS),
                });
            }
        }
        Ok(())
    }
}
