//! The pairs that rules make, written without a weight: what their keys alone say are one individual's.
//!
//! Beside the path of the data, as all of `comity link`. A file of them holds ids and the number of a rule, and no value that
//! was compared; they are made and written some at a time.

use super::pairs::{ROWS, of};
use super::{field, name};
use crate::own::ends_in;
use crate::{Error, program};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt16Array};
use linkage::{Blocked, Blocks, Link, Side, Tables};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Writes the pairs as CSV, or as Parquet by the file's ending: each once, with the first rule that makes it, counted from 1.
/// Returns how many there are.
pub(super) fn write(path: &Path, tables: &Tables, blocks: &Blocks<'_>) -> Result<u64, Error> {
    let cannot = |source: io::Error| Error::CannotWrite { path: path.to_owned(), source };
    let mut written = 0;
    program::write_in_pieces(path, |file| {
        let mut pairs = blocks.pairs();
        let mut next = || -> Vec<Blocked> { pairs.by_ref().take(ROWS).collect() };
        let mut some = next();
        if ends_in(path, "parquet") {
            let cannot_write = |error: ParquetError| cannot(error.into());
            let empty = batch(tables, &[]).map_err(cannot)?;
            let mut writer =
                ArrowWriter::try_new(file, empty.schema(), None).map_err(cannot_write)?;
            while !some.is_empty() {
                writer.write(&batch(tables, &some).map_err(cannot)?).map_err(cannot_write)?;
                written += some.len() as u64;
                some = next();
            }
            writer.close().map_err(cannot_write)?;
            return Ok(());
        }
        let files = if tables.link() == Link::Both { ",source_file,recipient_file" } else { "" };
        writeln!(file, "source,recipient,rule{files}").map_err(cannot)?;
        while !some.is_empty() {
            program::write_rows(file, path, tables.threads(), &some, |_, pairs, rows| {
                pairs.iter().try_for_each(|pair| write_row(rows, tables, pair)).map_err(cannot)
            })?;
            written += some.len() as u64;
            some = next();
        }
        Ok(())
    })?;
    Ok(written)
}

fn write_row(rows: &mut Vec<u8>, tables: &Tables, pair: &Blocked) -> io::Result<()> {
    let left = name(tables, Side::Source, pair.source);
    let right = name(tables, Side::Recipient, pair.recipient);
    write!(rows, "{},{},{}", field(&left), field(&right), pair.rule + 1)?;
    if tables.link() == Link::Both {
        write!(rows, ",{},{}", of(tables, pair.source), of(tables, pair.recipient))?;
    }
    writeln!(rows)
}

fn batch(tables: &Tables, pairs: &[Blocked]) -> io::Result<RecordBatch> {
    let texts = |text: &dyn Fn(&Blocked) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(pairs.iter().map(text)))
    };
    let rules = UInt16Array::from_iter_values(pairs.iter().map(|pair| pair.rule + 1));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("source", texts(&|pair| name(tables, Side::Source, pair.source).into_owned())),
        ("recipient", texts(&|pair| name(tables, Side::Recipient, pair.recipient).into_owned())),
        ("rule", Arc::new(rules)),
    ];
    if tables.link() == Link::Both {
        columns.push(("source_file", texts(&|pair| of(tables, pair.source).to_owned())));
        columns.push(("recipient_file", texts(&|pair| of(tables, pair.recipient).to_owned())));
    }
    RecordBatch::try_from_iter(columns).map_err(io::Error::other)
}
