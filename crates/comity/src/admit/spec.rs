//! The specification of a file: where it is, how it is written, how its columns are called.
//!
//! Step 3 of the path. The caller fills it from the operations schedule of the agreement; it decides nothing
//! about which elements may be read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Control, Encoding, Trailer};

/// How one agency's file is found and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Where the file is.
    pub path: PathBuf,
    /// How its records are written.
    pub format: Format,
    /// How its bytes are packed.
    pub compression: Compression,
    /// Element to the column that holds it; an element that is not listed has a column of its own name.
    pub columns: BTreeMap<String, String>,
    /// Element to a map of values as delivered to values as the agreement words them. A value mapped to the
    /// empty text is missing; a value that is not listed stays.
    pub value_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// The element whose value must be present and different in each record.
    pub id: Option<String>,
    /// What the delivery has to fulfil as a whole.
    pub control: Control,
}

impl FileSpec {
    /// Returns the specification of a plain CSV file in UTF-8 with commas.
    pub fn csv(path: impl Into<PathBuf>) -> Self {
        Self::new(path, Format::Csv(Csv::default()))
    }

    /// Returns the specification of a file in `format`, with nothing renamed or mapped.
    pub fn new(path: impl Into<PathBuf>, format: Format) -> Self {
        Self {
            path: path.into(),
            format,
            compression: Compression::Auto,
            columns: BTreeMap::new(),
            value_maps: BTreeMap::new(),
            id: None,
            control: Control::default(),
        }
    }

    pub(super) fn column<'a>(&'a self, element: &'a str) -> &'a str {
        self.columns.get(element).map_or(element, String::as_str)
    }
}

/// How a file's records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Delimited text with a header line, [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180).
    Csv(Csv),
    /// [Apache Parquet](https://parquet.apache.org/docs/file-format/).
    Parquet,
    /// Records of fixed width, described by a layout file.
    Fixed {
        /// Where the layout file is.
        layout: PathBuf,
    },
}

/// The particulars of a delimited file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    /// What stands between two fields.
    pub delimiter: u8,
    /// What stands round a field that holds a delimiter or a line end; `None` if fields are never quoted.
    pub quote: Option<u8>,
    /// How the text is encoded.
    pub encoding: Encoding,
    /// The last record, when it states control totals.
    pub trailer: Option<Trailer>,
}

impl Default for Csv {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), encoding: Encoding::Utf8, trailer: None }
    }
}

/// How a file's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Whatever its first bytes say.
    #[default]
    Auto,
    /// Not packed.
    None,
    /// [Gzip](https://www.rfc-editor.org/rfc/rfc1952).
    Gzip,
    /// [Zstandard](https://www.rfc-editor.org/rfc/rfc8878).
    Zstd,
}

/// How much of a file is accepted before it is taken for damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest field, in bytes, of a column that is read.
    pub field_bytes: usize,
    /// The most records in a file.
    pub records: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { field_bytes: 1 << 20, records: u64::from(u32::MAX) }
    }
}
