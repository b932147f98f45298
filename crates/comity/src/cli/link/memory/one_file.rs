//! A file that is gone through several times, and of which only the ids stand in memory.

use crate::Error;
use crate::admit::Digest;
use crate::own::{self, OwnFile};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use linkage::Side;
use linkage::model::Column;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// How many rows are read at once.
const ROWS: usize = 1 << 13;

/// What takes the next rows of a file, and says whether it wants more.
pub(super) type Take<'t> = dyn FnMut(RecordBatch) -> ControlFlow<()> + 't;

/// A file that was gone through once, for its records and ids.
pub(super) struct OneFile {
    file: OwnFile,
    columns: BTreeSet<String>,
    records: u64,
    digest: Digest,
    ids: Option<StringArray>,
}

impl OneFile {
    /// Goes through it for the first time.
    pub(super) fn open(columns: &[Column], file: OwnFile, side: Side) -> Result<Self, Error> {
        let (batch, table) = file.read(&BTreeSet::new())?;
        let ids = file.id.as_ref().and_then(|id| batch.column_by_name(id));
        let ids = ids.and_then(|ids| ids.as_string_opt::<i32>()).cloned();
        let columns = own::origins(columns, side);
        Ok(Self { file, columns, records: table.records, digest: table.digest, ids })
    }

    /// Returns the column of ids, where one was named.
    pub(super) fn id(&self) -> Option<&str> {
        self.file.id.as_deref()
    }

    /// Returns how many records it has.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Returns the ids of its records, where a column of them was named.
    pub(super) fn ids(&self) -> Option<&StringArray> {
        self.ids.as_ref()
    }

    /// Returns what a record is known by, if it is by anything.
    pub(super) fn id_of(&self, row: u32) -> Option<&str> {
        let (ids, row) = (self.ids.as_ref()?, row as usize);
        (row < ids.len() && ids.is_valid(row)).then(|| ids.value(row))
    }

    /// Returns the columns that the model asks for, and that of ids.
    pub(super) fn columns_and_id(&self) -> BTreeSet<String> {
        self.columns.iter().chain(&self.file.id).cloned().collect()
    }

    /// Reads these again, piece by piece, for as long as `take` wants more.
    pub(super) fn read(&self, take: &mut Take<'_>) -> Result<u64, Error> {
        self.file.pieces(&self.columns_and_id(), &self.digest, ROWS, take)
    }

    /// Reads the columns that the model asks for again, in the same way.
    pub(super) fn read_columns(&self, take: &mut Take<'_>) -> Result<u64, Error> {
        self.file.pieces(&self.columns, &self.digest, ROWS, take)
    }
}
