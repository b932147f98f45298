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
    #[error("`{}`, line {line}: {found} fields where the header has {expected}", file.display())]
    Ragged { file: PathBuf, line: u64, expected: usize, found: usize },
    /// A record of a fixed-width file is longer or shorter than the layout says.
    #[error("`{}`, line {line}: {found} bytes where the layout has {expected}", file.display())]
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
            Self::NotFound { .. } => "look at `path` in the operations schedule; it is taken from the program's folder",
            Self::NotAFile { .. } => "name the file itself, not the folder it is in",
            Self::NotAllowed { .. } => "give the account that runs comity leave to read it",
            Self::Read { .. } => "see that the disk or the share is there, and run again",
            Self::Changed { .. } => "let nothing write to the file during a run; copy it aside and run again",
            Self::Empty { .. } | Self::CutOff { .. } | Self::Damaged { .. } | Self::NoTrailer { .. } => {
                "the transfer was probably broken off; ask the source to deliver the file again"
            }
            Self::NoRecords { .. } => "if none is right, have the manifest or the trailer state 0 records",
            Self::TooManyRecords { .. } => "deliver the file in parts, each a run of its own, or raise the limit",
            Self::ColumnTooLarge { .. } => "deliver the file in parts, each a run of its own",
            Self::NotPacked { .. } => "set `compression` to what the file is, or to `auto`",
            Self::PackedParquet { .. } => "Parquet is packed within; unpack the file and deliver it so",
            Self::CorruptParquet { .. } => "see that the format is Parquet; if it is, ask the source to deliver again",
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
            Self::Ragged { .. } => "a line end within a field has to be quoted; else the file may be cut off",
            Self::RecordLength { .. } => {
                "see that the layout is of this delivery, and that no program took off blanks at line ends"
            }
            Self::UnclosedQuote { .. } => "close it, or double a quote that belongs to the text, or set `quote` to none",
            Self::WrongEncoding { encoding, .. } if *encoding == "UTF-8" => {
                "set `encoding` to what the source writes, often `windows-1252` or `latin1`"
            }
            Self::WrongEncoding { .. } => "set `encoding` to what the source writes, `utf-8` or `windows-1252`",
            Self::OtherEncoding { .. } => "set `encoding` to `utf-8`, and have the source write UTF-8",
            Self::FieldTooLong { .. } => "a quote may be left open before it; if the field is right, raise the limit",
            Self::NotADate { .. } => "set the format the source writes; map a placeholder to the empty text",
            Self::DateFormat { .. } => "write it with `%Y`, `%m` and `%d`, such as `%Y-%m-%d`",
            Self::NotANumber { .. } => {
                "numbers are digits with a point and no other separators; map a placeholder to the empty text"
            }
            Self::IdTwice { .. } => "the source has to deliver one record for each; or another element tells them apart",
            Self::IdMissing { .. } => "the source has to complete the record or leave it out",
            Self::IdNotRead { .. } => "name it among the elements matched on, or do not ask that it be unique",
            Self::NoSuchRow { .. } => "the file is not the one the run began with; run again",
            Self::Layout { .. } | Self::Manifest { .. } => return None,
            Self::AfterTrailer { .. } => "deliveries may have been put together; each file has one trailer, at its end",
            Self::TrailerUnreadable { .. } => "see that the trailer is described as the source writes it",
            Self::UnbalancedRows { .. } | Self::UnbalancedSum { .. } => {
                "nothing was compared; ask the source which of the two is right"
            }
            Self::DigestDiffers { .. } => "the file or its manifest is of another delivery; ask for both again",
            Self::Late { .. } => "ask the source for a file drawn for this cycle",
            Self::NoAsOf { .. } => "have the manifest or the trailer state `as_of`",
            Self::Doubled { .. } => "ask the source for this cycle's file; running the same one again proves nothing",
            Self::WrongCycle { .. } => "ask the source for this cycle's file, or name the right cycle",
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
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
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
