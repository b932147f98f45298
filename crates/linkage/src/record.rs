//! References to records, and the two sides a record can stand on.
//!
//! A reference is the number of a row in the table as it was handed in: it means something only in this run, and is
//! never an identifier that the person has. Errors and explanations name records by it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a row, counted from 0 over all batches of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordRef(u32);

impl RecordRef {
    /// Makes a reference of a row number.
    pub fn new(row: u32) -> Self {
        Self(row)
    }

    /// Returns the row number.
    pub fn row(self) -> u32 {
        self.0
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{}", self.0)
    }
}

/// Which table a record stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The table of the party that discloses.
    Source,
    /// The table of the party that receives.
    Recipient,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Source => "source",
            Self::Recipient => "recipient",
        })
    }
}
