//! Reads simple CSV files for the examples.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};

/// Reads a file without quotes as columns of text, an empty cell being null.
pub(crate) fn read(path: &Path) -> Result<RecordBatch, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let header: Vec<&str> = lines.next().ok_or("no header")?.split(',').map(str::trim).collect();
    let mut cells: Vec<Vec<Option<&str>>> = vec![Vec::new(); header.len()];
    for line in lines {
        for (column, cell) in cells.iter_mut().zip(line.split(',')) {
            column.push(Some(cell.trim()).filter(|cell| !cell.is_empty()));
        }
    }
    let columns = header
        .iter()
        .zip(cells)
        .map(|(name, cells)| (*name, Arc::new(StringArray::from(cells)) as ArrayRef, true));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
