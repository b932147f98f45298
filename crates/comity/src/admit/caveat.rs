//! A caveat: what an officer should know of a file that was accepted all the same.
//!
//! Step 3 of the path. Caveats go into the report and back to the source; an error stops the cycle, a caveat does
//! not. They name columns and lines, never a value.

use std::fmt;

use super::error::Place;

/// What an officer should look at although the file was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caveat {
    /// No record has a value for the element.
    AllMissing {
        /// The element.
        element: String,
    },
    /// The text is declared to be in a one-byte encoding, and yet every letter beyond ASCII is well-formed UTF-8.
    LooksLikeUtf8 {
        /// The element whose column looks so.
        element: String,
        /// The first such record.
        place: Place,
    },
    /// A control total is stated for a column that the permit does not let us read, so it was not added up.
    NotSummed {
        /// The column, as the file names it.
        column: String,
    },
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllMissing { element } => write!(f, "no record has a value for `{element}`"),
            Self::LooksLikeUtf8 { element, place } => write!(
                f,
                "`{element}` is declared to be in a one-byte encoding but looks like UTF-8, first at {place}"
            ),
            Self::NotSummed { column } => {
                write!(
                    f,
                    "the control total of `{column}` was not added up, since the column may not be read"
                )
            }
        }
    }
}
