//! The layout of a fixed-width file, read from TOML.
//!
//! Step 3 of the path. It says where each field stands; which fields are read is the projection's.
//!
//! ```toml
//! record_length = 34          # bytes, without the line end
//! encoding = "windows-1252"   # or "utf-8" (the default), "latin1"
//! line_ends = true            # the default; false where records follow each other without any
//! header = "H"                # records that begin so are passed over
//!
//! [[field]]
//! name = "case"
//! start = 1                   # the first byte is 1
//! length = 8
//!
//! [trailer]
//! prefix = "T"
//! rows = { start = 2, length = 9 }
//! sum = { column = "amount", at = { start = 11, length = 12 } }
//! as_of = { format = "%Y%m%d", at = { start = 23, length = 8 } }
//! ```

use std::fs;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::control::Trailer;
use super::encoding::Encoding;
use super::error::Error;

/// Where each field of a fixed-width record stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layout {
    record_length: Spanned<usize>,
    #[serde(default)]
    pub(super) encoding: Encoding,
    #[serde(default = "yes")]
    pub(super) line_ends: bool,
    pub(super) header: Option<String>,
    pub(super) trailer: Option<Trailer>,
    #[serde(rename = "field")]
    pub(super) fields: Vec<LayoutField>,
}

/// One field of a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayoutField {
    name: Spanned<String>,
    start: usize,
    length: usize,
}

fn yes() -> bool {
    true
}

impl LayoutField {
    pub(super) fn name(&self) -> &str {
        self.name.get_ref()
    }

    /// Returns the bytes of a record that the field takes.
    pub(super) fn range(&self) -> Range<usize> {
        self.start - 1..self.start - 1 + self.length
    }
}

impl Layout {
    /// Returns the length of a record in bytes, without its line end.
    pub(super) fn record_length(&self) -> usize {
        *self.record_length.get_ref()
    }

    /// Returns how many bytes of a line are of use: a trailer may be longer than a record.
    pub(super) fn reach(&self) -> usize {
        self.trailer.as_ref().map_or(0, Trailer::reach).max(self.record_length())
    }

    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::opening(path, source))?;
        let layout: Self = toml::from_str(&text).map_err(|problem| Error::Layout {
            file: path.to_owned(),
            line: line_of(&text, problem.span()),
            problem: problem.message().to_owned(),
        })?;
        let wrong = |span: Range<usize>, problem: String| Error::Layout {
            file: path.to_owned(),
            line: line_of(&text, Some(span)),
            problem,
        };
        if layout.record_length() == 0 {
            return Err(wrong(layout.record_length.span(), "`record_length` is 0".to_owned()));
        }
        for (index, field) in layout.fields.iter().enumerate() {
            let name = field.name();
            let end = field.start.checked_add(field.length).and_then(|end| end.checked_sub(1));
            let problem = if field.start == 0 {
                format!("the field `{name}` starts at 0, and the first byte is 1")
            } else if field.length == 0 {
                format!("the field `{name}` has no length")
            } else if end.is_none_or(|end| end > layout.record_length()) {
                format!(
                    "the field `{name}` ends beyond the record's {} bytes",
                    layout.record_length()
                )
            } else if layout.fields.iter().take(index).any(|earlier| earlier.name() == name) {
                format!("the field `{name}` stands twice")
            } else {
                continue;
            };
            return Err(wrong(field.name.span(), problem));
        }
        Ok(layout)
    }
}

/// Returns the line on which a stretch of a text begins, counted from 1.
pub(super) fn line_of(text: &str, span: Option<Range<usize>>) -> u64 {
    let start = span.map_or(0, |span| span.start);
    1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count() as u64
}
