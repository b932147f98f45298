//! How much memory what is made of a column's values may take.
//!
//! Where training is held to a bound, whatever is made of values beside themselves asks here first. It measures nothing:
//! who asks says how much it will be.

use crate::{Error, Result};

/// A number of bytes, or as many as there are.
#[derive(Clone, Copy)]
pub(crate) struct Room<'n> {
    /// The column whose values are looked at.
    column: &'n str,
    bytes: usize,
}

impl<'n> Room<'n> {
    /// As much as there is.
    pub(crate) fn open(column: &'n str) -> Self {
        Self { column, bytes: usize::MAX }
    }

    #[cfg(any(test, feature = "plan"))]
    pub(crate) fn of_bytes(column: &'n str, bytes: usize) -> Self {
        Self { column, bytes }
    }

    /// Halves it, for two that take of it at once.
    pub(crate) fn half(self) -> Self {
        Self { bytes: self.bytes / 2, ..self }
    }

    /// Returns how many bytes may be taken.
    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }

    /// Refuses what takes more.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], which says what for.
    pub(crate) fn check(self, needed: usize, what: &str) -> Result<()> {
        let Self { column, bytes } = self;
        if needed <= bytes {
            return Ok(());
        }
        let problem =
            format!("{needed} bytes are needed for {what} of `{column}`, and {bytes} may be");
        Err(Error::OutOfMemory { problem })
    }
}
