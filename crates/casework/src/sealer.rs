//! What seals personal columns before they reach the database, and opens them again. The vault does it for real; in
//! tests that ask for it the clear form does nothing.

use crate::Error;
use std::fmt::Debug;

/// Seals cells under an agreement's key.
///
/// # Promises
/// What is sealed for one table, row and column opens for that one only; once the agreement's key is destroyed it opens
/// for nobody. A digest is keyed: without the key nobody can try values out.
pub trait Sealer: Debug + Send + Sync {
    /// Seals a cell under the key of an agreement.
    fn seal(
        &self,
        agreement: &str,
        table: &'static str,
        row: &str,
        column: &'static str,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Error>;

    /// Opens a sealed cell.
    fn open(
        &self,
        table: &'static str,
        row: &str,
        column: &'static str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error>;
}

/// Seals nothing: for tests of everything else.
#[derive(Clone, Copy, Debug)]
pub struct Clear;

impl Sealer for Clear {
    fn seal(
        &self,
        _agreement: &str,
        _table: &'static str,
        _row: &str,
        _column: &'static str,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Error> {
        Ok(bytes.to_vec())
    }

    fn open(
        &self,
        _table: &'static str,
        _row: &str,
        _column: &'static str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        Ok(sealed.to_vec())
    }
}
