//! The errors of admitting a file.
//!
//! Step 3 of the path. Each names the file, the line, what is wrong and, by [`Error::hint`], what to do about it.
//! None holds a value from a record: a file that turns out not to be what was promised may be full of people.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ::parquet::errors::ParquetError;
use jiff::civil::Date;

use super::bytes::Digest;

/// Where in a file a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line of a text file on which the record begins, counted from 1.
    Line(u64),
    /// The record of a file without lines, counted from 1.
    Record(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record(record) => write!(f, "record {record}"),
        }
    }
}

/// Why a file is not admitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields of each variant are named in its message")]
pub enum Error {
    /// There is no such file.
    #[error("`{}` does not exist", file.display())]
    NotFound { file: PathBuf },
    /// The path leads to a directory, a device or a pipe.
    #[error("`{}` is not a file", file.display())]
    NotAFile { file: PathBuf },
    /// The operating system does not let this account read the file.
    #[error("`{}` may not be read by this account", file.display())]
    NotAllowed { file: PathBuf, source: io::Error },
    /// Reading failed part of the way.
    #[error("reading `{}` failed", file.display())]
    Read { file: PathBuf, source: io::Error },
    /// The file changed while it was read, or between the two passes over it.
    #[error("`{}` changed while it was in use: its digest was `{before}` and is now `{now}`", file.display())]
    Changed { file: PathBuf, before: Digest, now: Digest },
    /// Whoever took the records wanted no more, so the rest was not read.
    #[error("`{}` was not read to its end", file.display())]
    Unwanted { file: PathBuf },

    /// There is not one byte.
    #[error("`{}` is empty", file.display())]
    Empty { file: PathBuf },
    /// There is a header or a schema, but no record.
    #[error("`{}` holds no record", file.display())]
    NoRecords { file: PathBuf },
    /// There are more records than the limit.
    #[error("`{}` holds more than {limit} records", file.display())]
    TooManyRecords { file: PathBuf, limit: u64 },
    /// A column's text is larger than one Arrow column holds.
    #[error("`{}`, {place}: column `{column}` is larger than 2 GB of text up to here", file.display())]
    ColumnTooLarge { file: PathBuf, place: Place, column: String },

    /// The file is not packed as the specification says.
    #[error("`{}` is declared as {declared} but does not begin like it", file.display())]
    NotPacked { file: PathBuf, declared: &'static str },
    /// The packed data stops short.
    #[error("`{}` is cut off: the {packing} data ends early, after line {line}", file.display())]
    CutOff { file: PathBuf, packing: &'static str, line: u64, source: io::Error },
    /// The packed data is damaged.
    #[error("`{}` is damaged: the {packing} data cannot be unpacked after line {line}", file.display())]
    Damaged { file: PathBuf, packing: &'static str, line: u64, source: io::Error },
    /// A Parquet file was packed once more as a whole.
    #[error("`{}` is declared as Parquet and packed as {packing}", file.display())]
    PackedParquet { file: PathBuf, packing: &'static str },
    /// The file is no Parquet file, or a damaged one.
    #[error("`{}` is not a sound Parquet file, from record {record} on", file.display())]
    CorruptParquet { file: PathBuf, record: u64, source: ParquetError },

    /// The file lacks a column for an element; it has others that were asked for.
    #[error(
        "`{}` has no column `{column}` for the element `{element}`; its columns are {}",
        file.display(), list(columns)
    )]
    NoSuchColumn { file: PathBuf, element: String, column: String, columns: Vec<String> },
    /// None of the columns asked for is in the first line, which may then be a person's record.
    #[error(
        "`{}`, line 1: none of the {found} fields is a column asked for ({})",
        file.display(), list(wanted)
    )]
    NoHeader { file: PathBuf, found: usize, wanted: Vec<String> },
    /// The header is one field, and would be several with another delimiter.
    #[error(
        "`{}`, line 1: the header is one column when split at {}; it seems to be split at {}",
        file.display(), delimiter(*given), delimiter(*seems)
    )]
    WrongDelimiter { file: PathBuf, given: u8, seems: u8 },
    /// Two columns have the name of one that is asked for.
    #[error("`{}` has the column `{column}` twice", file.display())]
    ColumnTwice { file: PathBuf, column: String },
    /// The projection names an element twice.
    #[error("the element `{element}` is named twice for `{}`", file.display())]
    ElementTwice { file: PathBuf, element: String },
    /// A Parquet column holds what is neither text, number nor date.
    #[error("`{}`: column `{column}` holds `{found}`, which is neither text, number nor date", file.display())]
    ColumnKind { file: PathBuf, column: String, found: String },

    /// A record of a delimited file has more or fewer fields than the header.
    #[error("`{}`, line {line}: {expected} fields expected, as in the header, and {found} found", file.display())]
    Ragged { file: PathBuf, line: u64, expected: usize, found: usize },
    /// A record of a fixed-width file is longer or shorter than the layout says.
    #[error("`{}`, line {line}: {expected} bytes expected, as in the layout, and {found} found", file.display())]
    RecordLength { file: PathBuf, line: u64, expected: usize, found: usize },
    /// A quote is opened and never closed.
    #[error("`{}`, line {line}: a quoted field begins in this record and never ends", file.display())]
    UnclosedQuote { file: PathBuf, line: u64 },
    /// A value is not written in the encoding declared.
    #[error("`{}`, {place}: column `{column}` is not {encoding}", file.display())]
    WrongEncoding { file: PathBuf, place: Place, column: String, encoding: &'static str },
    /// The file begins with the mark of an encoding that is not the one declared.
    #[error("`{}` begins with the mark of {found} and is declared as {declared}", file.display())]
    OtherEncoding { file: PathBuf, found: &'static str, declared: &'static str },
    /// A field is longer than the limit.
    #[error("`{}`, {place}: column `{column}` is longer than {limit} bytes", file.display())]
    FieldTooLong { file: PathBuf, place: Place, column: String, limit: usize },
    /// A value is not a date in the format declared.
    #[error("`{}`, {place}: column `{column}` is not a date like `{format}`", file.display())]
    NotADate { file: PathBuf, place: Place, column: String, format: String },
    /// The declared format of a date is itself wrong.
    #[error("the date format `{format}` of `{column}` in `{}` cannot be read", file.display())]
    DateFormat { file: PathBuf, column: String, format: String },
    /// More decimals are asked for than an exact number has digits.
    #[error("`{column}` in `{}` cannot be kept with {decimals} decimals", file.display())]
    TooManyDecimals { file: PathBuf, column: String, decimals: u8 },
    /// A value is not a number, or has more decimals or digits than can be kept exactly.
    #[error("`{}`, {place}: column `{column}` is not a number of at most {decimals} decimals", file.display())]
    NotANumber { file: PathBuf, place: Place, column: String, decimals: u8 },

    /// Two records have the same value where it must be unique.
    #[error("`{}`: {first} and {second} have the same `{element}`", file.display())]
    IdTwice { file: PathBuf, element: String, first: Place, second: Place },
    /// A record lacks the value that tells it from others.
    #[error("`{}`, {place}: no value for `{element}`, which each record needs", file.display())]
    IdMissing { file: PathBuf, element: String, place: Place },
    /// The element whose values must be unique is not among those to be read.
    #[error("`{element}` must be unique in `{}` but is not among the elements to be read", file.display())]
    IdNotRead { file: PathBuf, element: String },
    /// A row was asked for that the file does not have.
    #[error("`{}` has no record {} (it has {records})", file.display(), row + 1)]
    NoSuchRow { file: PathBuf, row: u64, records: u64 },

    /// A layout file cannot be read.
    #[error("`{}`, line {line}: {problem}", file.display())]
    Layout { file: PathBuf, line: u64, problem: String },
    /// A manifest cannot be read.
    #[error("`{}`, line {line}: {problem}", file.display())]
    Manifest { file: PathBuf, line: u64, problem: String },

    /// The trailer is not there.
    #[error("`{}` ends at line {line} without its trailer", file.display())]
    NoTrailer { file: PathBuf, line: u64 },
    /// Something follows the trailer.
    #[error("`{}`, line {line}: a record follows the trailer", file.display())]
    AfterTrailer { file: PathBuf, line: u64 },
    /// The trailer does not state what it should.
    #[error("`{}`, line {line}: the trailer's {what} cannot be read", file.display())]
    TrailerUnreadable { file: PathBuf, line: u64, what: &'static str },
    /// The number of records is not the one stated.
    #[error("`{}` is unbalanced: {stated} records are stated and {found} were read", file.display())]
    UnbalancedRows { file: PathBuf, stated: u64, found: u64 },
    /// A column does not add up to what is stated.
    #[error("`{}` is unbalanced: `{column}` is stated to add up to {stated} and adds up to {found}", file.display())]
    UnbalancedSum { file: PathBuf, column: String, stated: String, found: String },
    /// The bytes are not those the manifest states.
    #[error("`{}` is not the file its manifest states: digest `{stated}` stated, `{found}` found", file.display())]
    DigestDiffers { file: PathBuf, stated: Digest, found: Digest },
    /// The file was drawn before the earliest date allowed.
    #[error("`{}` is late: drawn as of {as_of}, and {earliest} is the earliest allowed", file.display())]
    Late { file: PathBuf, as_of: Date, earliest: Date },
    /// The file does not say as of when it was drawn.
    #[error("`{}` states no as-of date, and must be as of {earliest} or later", file.display())]
    NoAsOf { file: PathBuf, earliest: Date },
    /// The same bytes were delivered before.
    #[error("`{}` is doubled: a file with the digest `{digest}` was delivered before", file.display())]
    Doubled { file: PathBuf, digest: Digest },
    /// The file is for another cycle.
    #[error("`{}` is for the cycle `{found}`, and `{due}` is due", file.display())]
    WrongCycle { file: PathBuf, due: String, found: String },
    /// The file is not the next of its series.
    #[error("`{}` is number {found} of its series, and {due} is due", file.display())]
    OutOfSequence { file: PathBuf, due: u64, found: u64 },
}

impl Error {
    /// Tells what to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { .. } => {
                "look at `path` in the operations schedule; it is taken from the program's folder"
            }
            Self::NotAFile { .. } => "name the file itself, not the folder it is in",
            Self::NotAllowed { .. } => "give the account that runs comity leave to read it",
            Self::Read { .. } => "see that the disk or the share is there, and run again",
            Self::Changed { .. } => {
                "let nothing write to the file during a run; copy it aside and run again"
            }
            Self::Empty { .. }
            | Self::CutOff { .. }
            | Self::Damaged { .. }
            | Self::NoTrailer { .. } => {
                "the transfer was probably broken off; ask the source to deliver the file again"
            }
            Self::NoRecords { .. } => {
                "give a file with records; where a run is right to have none, its manifest or trailer states 0"
            }
            Self::TooManyRecords { .. } | Self::ColumnTooLarge { .. } => {
                "deliver the file in parts, each a run of its own"
            }
            Self::NotPacked { .. } => "set `compression` to what the file is, or leave it out",
            Self::PackedParquet { .. } => {
                "Parquet is packed within; unpack the file and deliver it so"
            }
            Self::CorruptParquet { .. } => {
                "see that the format is Parquet; if it is, ask the source to deliver again"
            }
            Self::NoSuchColumn { column, .. } if column.trim() != column => {
                "the name in the schedule begins or ends with a blank"
            }
            Self::NoSuchColumn { .. } => "name the column in the schedule, under `columns`",
            Self::NoHeader { .. } => {
                "the first line must name the columns, as the schedule does; it is not shown, for it may be a record"
            }
            Self::WrongDelimiter { .. } => "set `delimiter` in the schedule",
            Self::ColumnTwice { .. } => "the source has to name its columns apart",
            Self::ElementTwice { .. } => "name it once in the agreement",
            Self::ColumnKind { .. } => "deliver the column as text, number or date",
            Self::Ragged { found, expected, .. } if found > expected => {
                "a field that holds the delimiter has to be quoted"
            }
            Self::Ragged { .. } => {
                "a line end within a field has to be quoted; else the file may be cut off"
            }
            Self::RecordLength { .. } => {
                "see that the layout is of this delivery, and that no program took off blanks at line ends"
            }
            Self::UnclosedQuote { .. } => "close it, or double a quote that belongs to the text",
            Self::WrongEncoding { encoding, .. } if *encoding == "UTF-8" => {
                "set `encoding` to what the source writes, often `windows-1252`"
            }
            Self::WrongEncoding { .. } => {
                "set `encoding` to what the source writes, `utf-8` or `windows-1252`"
            }
            Self::OtherEncoding { found, .. } if *found == "UTF-8" => {
                "set `encoding` in the schedule to `utf-8`, or leave it out"
            }
            Self::OtherEncoding { declared, .. } if *declared == "UTF-8" => {
                "convert the file to UTF-8, such as with `iconv`, or have the source write UTF-8"
            }
            Self::OtherEncoding { .. } => {
                "convert the file to UTF-8, or have the source write it, and set `encoding` to `utf-8`"
            }
            Self::FieldTooLong { .. } => {
                "a quote may be left open before it; if not, ask the source what it delivered there"
            }
            Self::NotADate { .. } => {
                "set the format the source writes; map a placeholder to the empty text"
            }
            Self::DateFormat { .. } => "write it with `%Y`, `%m` and `%d`, such as `%Y-%m-%d`",
            Self::TooManyDecimals { .. } => "at most 38 are kept; amounts of money have 2",
            Self::NotANumber { .. } => {
                "numbers are digits with a point and no other separators; map a placeholder to the empty text"
            }
            Self::IdTwice { .. } => {
                "the source has to deliver one record for each; or another element tells them apart"
            }
            Self::IdMissing { .. } => "the source has to complete the record or leave it out",
            Self::IdNotRead { .. } => {
                "name it among the elements matched on, or do not ask that it be unique"
            }
            Self::NoSuchRow { .. } => "the file is not the one the run began with; run again",
            Self::Layout { .. } | Self::Manifest { .. } | Self::Unwanted { .. } => return None,
            Self::AfterTrailer { .. } => {
                "deliveries may have been put together; each file has one trailer, at its end"
            }
            Self::TrailerUnreadable { .. } => {
                "see that the trailer is described as the source writes it"
            }
            Self::UnbalancedRows { .. } | Self::UnbalancedSum { .. } => {
                "nothing was compared; ask the source which of the two is right"
            }
            Self::DigestDiffers { .. } => {
                "the file or its manifest is of another delivery; ask for both again"
            }
            Self::Late { .. } => "ask the source for a file drawn for this cycle",
            Self::NoAsOf { .. } => "have the manifest or the trailer state `as_of`",
            Self::Doubled { .. } => {
                "ask the source for this cycle's file; running the same one again proves nothing"
            }
            Self::WrongCycle { .. } => {
                "ask the source for this cycle's file, or name the right cycle"
            }
            Self::OutOfSequence { .. } => "a delivery is missing or came twice; ask the source",
        };
        Some(hint.to_owned())
    }

    /// Says why a file could not be opened.
    pub(super) fn opening(file: &Path, source: io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { file },
            io::ErrorKind::IsADirectory => Self::NotAFile { file },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { file, source },
            _ => Self::Read { file, source },
        }
    }
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 30;
    let mut text = String::new();
    for (index, name) in names.iter().take(SHOWN).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    if names.len() > SHOWN {
        text.push_str(" and ");
        text.push_str(&(names.len() - SHOWN).to_string());
        text.push_str(" more");
    }
    text
}

fn delimiter(byte: u8) -> String {
    match byte {
        b'\t' => "tabs".to_owned(),
        b' ' => "blanks".to_owned(),
        byte => format!("`{}`", char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use jiff::civil::date;

    use super::*;

    fn one_of_each() -> Vec<Error> {
        let file = || PathBuf::from("in/claims.csv");
        let column = || "surname".to_owned();
        let element = || "surname".to_owned();
        let place = Place::Line(7);
        let io = || io::Error::from(io::ErrorKind::Other);
        let parquet = || ParquetError::General(String::new());
        let many = (1..=31).map(|number| format!("c{number}")).collect();
        vec![
            Error::NotFound { file: file() },
            Error::NotAFile { file: file() },
            Error::NotAllowed { file: file(), source: io() },
            Error::Read { file: file(), source: io() },
            Error::Changed { file: file(), before: Digest([0; 32]), now: Digest([0xab; 32]) },
            Error::Unwanted { file: file() },
            Error::Empty { file: file() },
            Error::NoRecords { file: file() },
            Error::TooManyRecords { file: file(), limit: 10 },
            Error::ColumnTooLarge { file: file(), place, column: column() },
            Error::NotPacked { file: file(), declared: "gzip" },
            Error::CutOff { file: file(), packing: "gzip", line: 6, source: io() },
            Error::Damaged { file: file(), packing: "zstd", line: 6, source: io() },
            Error::PackedParquet { file: file(), packing: "gzip" },
            Error::CorruptParquet { file: file(), record: 1, source: parquet() },
            Error::NoSuchColumn {
                file: file(),
                element: element(),
                column: column(),
                columns: vec!["case".into(), "born".into()],
            },
            Error::NoSuchColumn {
                file: file(),
                element: element(),
                column: " n".into(),
                columns: many,
            },
            Error::NoHeader { file: file(), found: 3, wanted: vec![column()] },
            Error::WrongDelimiter { file: file(), given: b'\t', seems: b'|' },
            Error::ColumnTwice { file: file(), column: column() },
            Error::ElementTwice { file: file(), element: element() },
            Error::ColumnKind { file: file(), column: column(), found: "List".into() },
            Error::Ragged { file: file(), line: 7, expected: 3, found: 4 },
            Error::Ragged { file: file(), line: 7, expected: 3, found: 2 },
            Error::RecordLength { file: file(), line: 7, expected: 80, found: 79 },
            Error::UnclosedQuote { file: file(), line: 7 },
            Error::WrongEncoding { file: file(), place, column: column(), encoding: "UTF-8" },
            Error::WrongEncoding { file: file(), place, column: column(), encoding: "ISO 8859-1" },
            Error::OtherEncoding { file: file(), found: "UTF-16", declared: "UTF-8" },
            Error::OtherEncoding { file: file(), found: "UTF-16", declared: "windows-1252" },
            Error::OtherEncoding { file: file(), found: "UTF-8", declared: "windows-1252" },
            Error::FieldTooLong { file: file(), place, column: column(), limit: 10 },
            Error::NotADate { file: file(), place, column: column(), format: "%Y%m%d".into() },
            Error::DateFormat { file: file(), column: column(), format: "yyyy".into() },
            Error::TooManyDecimals { file: file(), column: column(), decimals: 39 },
            Error::NotANumber {
                file: file(),
                place: Place::Record(7),
                column: column(),
                decimals: 2,
            },
            Error::IdTwice {
                file: file(),
                element: element(),
                first: Place::Line(2),
                second: place,
            },
            Error::IdMissing { file: file(), element: element(), place },
            Error::IdNotRead { file: file(), element: element() },
            Error::NoSuchRow { file: file(), row: 7, records: 3 },
            Error::Layout { file: "layout.toml".into(), line: 2, problem: "why".into() },
            Error::Manifest { file: "manifest.toml".into(), line: 2, problem: "why".into() },
            Error::NoTrailer { file: file(), line: 7 },
            Error::AfterTrailer { file: file(), line: 7 },
            Error::TrailerUnreadable { file: file(), line: 7, what: "sum" },
            Error::UnbalancedRows { file: file(), stated: 4, found: 3 },
            Error::UnbalancedSum {
                file: file(),
                column: "amount".into(),
                stated: "1.5".into(),
                found: "1.25".into(),
            },
            Error::DigestDiffers {
                file: file(),
                stated: Digest([0; 32]),
                found: Digest([0xab; 32]),
            },
            Error::Late { file: file(), as_of: date(2027, 3, 30), earliest: date(2027, 3, 31) },
            Error::NoAsOf { file: file(), earliest: date(2027, 3, 31) },
            Error::Doubled { file: file(), digest: Digest([0; 32]) },
            Error::WrongCycle { file: file(), due: "2027Q1".into(), found: "2026Q4".into() },
            Error::OutOfSequence { file: file(), due: 7, found: 9 },
        ]
    }

    #[test]
    fn every_error_names_the_file_what_is_wrong_and_what_to_do() {
        let mut shown = String::new();
        for error in one_of_each() {
            shown.push_str(&error.to_string());
            shown.push('\n');
            if let Some(hint) = error.hint() {
                shown.push_str("  hint: ");
                shown.push_str(&hint);
                shown.push('\n');
            }
        }
        expect![[r"
            `in/claims.csv` does not exist
              hint: look at `path` in the operations schedule; it is taken from the program's folder
            `in/claims.csv` is not a file
              hint: name the file itself, not the folder it is in
            `in/claims.csv` may not be read by this account
              hint: give the account that runs comity leave to read it
            reading `in/claims.csv` failed
              hint: see that the disk or the share is there, and run again
            `in/claims.csv` changed while it was in use: its digest was `0000000000000000000000000000000000000000000000000000000000000000` and is now `abababababababababababababababababababababababababababababababab`
              hint: let nothing write to the file during a run; copy it aside and run again
            `in/claims.csv` was not read to its end
            `in/claims.csv` is empty
              hint: the transfer was probably broken off; ask the source to deliver the file again
            `in/claims.csv` holds no record
              hint: give a file with records; where a run is right to have none, its manifest or trailer states 0
            `in/claims.csv` holds more than 10 records
              hint: deliver the file in parts, each a run of its own
            `in/claims.csv`, line 7: column `surname` is larger than 2 GB of text up to here
              hint: deliver the file in parts, each a run of its own
            `in/claims.csv` is declared as gzip but does not begin like it
              hint: set `compression` to what the file is, or leave it out
            `in/claims.csv` is cut off: the gzip data ends early, after line 6
              hint: the transfer was probably broken off; ask the source to deliver the file again
            `in/claims.csv` is damaged: the zstd data cannot be unpacked after line 6
              hint: the transfer was probably broken off; ask the source to deliver the file again
            `in/claims.csv` is declared as Parquet and packed as gzip
              hint: Parquet is packed within; unpack the file and deliver it so
            `in/claims.csv` is not a sound Parquet file, from record 1 on
              hint: see that the format is Parquet; if it is, ask the source to deliver again
            `in/claims.csv` has no column `surname` for the element `surname`; its columns are `case`, `born`
              hint: name the column in the schedule, under `columns`
            `in/claims.csv` has no column ` n` for the element `surname`; its columns are `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7`, `c8`, `c9`, `c10`, `c11`, `c12`, `c13`, `c14`, `c15`, `c16`, `c17`, `c18`, `c19`, `c20`, `c21`, `c22`, `c23`, `c24`, `c25`, `c26`, `c27`, `c28`, `c29`, `c30` and 1 more
              hint: the name in the schedule begins or ends with a blank
            `in/claims.csv`, line 1: none of the 3 fields is a column asked for (`surname`)
              hint: the first line must name the columns, as the schedule does; it is not shown, for it may be a record
            `in/claims.csv`, line 1: the header is one column when split at tabs; it seems to be split at `|`
              hint: set `delimiter` in the schedule
            `in/claims.csv` has the column `surname` twice
              hint: the source has to name its columns apart
            the element `surname` is named twice for `in/claims.csv`
              hint: name it once in the agreement
            `in/claims.csv`: column `surname` holds `List`, which is neither text, number nor date
              hint: deliver the column as text, number or date
            `in/claims.csv`, line 7: 3 fields expected, as in the header, and 4 found
              hint: a field that holds the delimiter has to be quoted
            `in/claims.csv`, line 7: 3 fields expected, as in the header, and 2 found
              hint: a line end within a field has to be quoted; else the file may be cut off
            `in/claims.csv`, line 7: 80 bytes expected, as in the layout, and 79 found
              hint: see that the layout is of this delivery, and that no program took off blanks at line ends
            `in/claims.csv`, line 7: a quoted field begins in this record and never ends
              hint: close it, or double a quote that belongs to the text
            `in/claims.csv`, line 7: column `surname` is not UTF-8
              hint: set `encoding` to what the source writes, often `windows-1252`
            `in/claims.csv`, line 7: column `surname` is not ISO 8859-1
              hint: set `encoding` to what the source writes, `utf-8` or `windows-1252`
            `in/claims.csv` begins with the mark of UTF-16 and is declared as UTF-8
              hint: convert the file to UTF-8, such as with `iconv`, or have the source write UTF-8
            `in/claims.csv` begins with the mark of UTF-16 and is declared as windows-1252
              hint: convert the file to UTF-8, or have the source write it, and set `encoding` to `utf-8`
            `in/claims.csv` begins with the mark of UTF-8 and is declared as windows-1252
              hint: set `encoding` in the schedule to `utf-8`, or leave it out
            `in/claims.csv`, line 7: column `surname` is longer than 10 bytes
              hint: a quote may be left open before it; if not, ask the source what it delivered there
            `in/claims.csv`, line 7: column `surname` is not a date like `%Y%m%d`
              hint: set the format the source writes; map a placeholder to the empty text
            the date format `yyyy` of `surname` in `in/claims.csv` cannot be read
              hint: write it with `%Y`, `%m` and `%d`, such as `%Y-%m-%d`
            `surname` in `in/claims.csv` cannot be kept with 39 decimals
              hint: at most 38 are kept; amounts of money have 2
            `in/claims.csv`, record 7: column `surname` is not a number of at most 2 decimals
              hint: numbers are digits with a point and no other separators; map a placeholder to the empty text
            `in/claims.csv`: line 2 and line 7 have the same `surname`
              hint: the source has to deliver one record for each; or another element tells them apart
            `in/claims.csv`, line 7: no value for `surname`, which each record needs
              hint: the source has to complete the record or leave it out
            `surname` must be unique in `in/claims.csv` but is not among the elements to be read
              hint: name it among the elements matched on, or do not ask that it be unique
            `in/claims.csv` has no record 8 (it has 3)
              hint: the file is not the one the run began with; run again
            `layout.toml`, line 2: why
            `manifest.toml`, line 2: why
            `in/claims.csv` ends at line 7 without its trailer
              hint: the transfer was probably broken off; ask the source to deliver the file again
            `in/claims.csv`, line 7: a record follows the trailer
              hint: deliveries may have been put together; each file has one trailer, at its end
            `in/claims.csv`, line 7: the trailer's sum cannot be read
              hint: see that the trailer is described as the source writes it
            `in/claims.csv` is unbalanced: 4 records are stated and 3 were read
              hint: nothing was compared; ask the source which of the two is right
            `in/claims.csv` is unbalanced: `amount` is stated to add up to 1.5 and adds up to 1.25
              hint: nothing was compared; ask the source which of the two is right
            `in/claims.csv` is not the file its manifest states: digest `0000000000000000000000000000000000000000000000000000000000000000` stated, `abababababababababababababababababababababababababababababababab` found
              hint: the file or its manifest is of another delivery; ask for both again
            `in/claims.csv` is late: drawn as of 2027-03-30, and 2027-03-31 is the earliest allowed
              hint: ask the source for a file drawn for this cycle
            `in/claims.csv` states no as-of date, and must be as of 2027-03-31 or later
              hint: have the manifest or the trailer state `as_of`
            `in/claims.csv` is doubled: a file with the digest `0000000000000000000000000000000000000000000000000000000000000000` was delivered before
              hint: ask the source for this cycle's file; running the same one again proves nothing
            `in/claims.csv` is for the cycle `2026Q4`, and `2027Q1` is due
              hint: ask the source for this cycle's file, or name the right cycle
            `in/claims.csv` is number 9 of its series, and 7 is due
              hint: a delivery is missing or came twice; ask the source
        "]].assert_eq(&shown);
    }
}
