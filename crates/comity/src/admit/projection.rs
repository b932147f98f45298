//! The projection: which elements are read, and as what.
//!
//! Step 3 of the path. The caller takes it from the permit; whatever it does not name is never decoded.

/// The elements to read from a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// The elements kept, in the order of the batch's columns.
    pub elements: Vec<(String, Kind)>,
    /// Elements whose values may be added up for a control total while reading, and are kept no longer than that.
    pub summed: Vec<String>,
}

impl Projection {
    /// Returns a projection to `elements`, with nothing else added up.
    pub fn new<'a>(elements: impl IntoIterator<Item = (&'a str, Kind)>) -> Self {
        let elements = elements.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        Self { elements, summed: Vec::new() }
    }
}

/// What an element's values are.
///
/// An empty or blank value, and one that a value map turns into the empty text, is missing whatever the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text as it stands: an Arrow `Utf8` column. Padding of fixed-width fields is taken off.
    Text,
    /// A date: an Arrow `Date32` column.
    Date {
        /// How the file writes it, in the notation of [`jiff::fmt::strtime`]: `%Y-%m-%d`, `%Y%m%d`, `%m/%d/%Y`.
        format: String,
    },
    /// A number, kept exactly: an Arrow `Decimal128(38, decimals)` column.
    Number {
        /// How many decimals are kept; a value with more that are not 0 is an error, never rounded.
        decimals: u8,
    },
}
