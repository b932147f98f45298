//! Parquet, by column.
//!
//! Step 3 of the path. Only the column chunks of named columns are fetched and decoded, and in the second pass only
//! the pages with rows wanted. Values become text and go the way of all others, so that a date or a number means
//! the same whatever the format it came in.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use ::parquet::errors::ParquetError;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use jiff::civil::Date;

use super::bytes::{Opened, Packing};
use super::decimal;
use super::error::{Error, Place};
use super::table::Table;

/// Returns what the columns are called that can be read; others, of nested values say, are passed over.
pub(super) fn columns(opened: &Opened, table: &Table<'_>) -> Result<Vec<String>, Error> {
    let file = || table.file.to_owned();
    if opened.packing != Packing::Plain {
        return Err(Error::PackedParquet { file: file(), packing: opened.packing.name() });
    }
    // It is read here and there, so that only a digest taken before tells whether it changed meanwhile.
    opened.digest()?;
    let corrupt = |source: ParquetError| Error::CorruptParquet { file: file(), record: 1, source };
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(opened.whole()?, options)
        .map_err(corrupt)?;
    let fields = builder.schema().fields().iter();
    let readable = fields.filter(|field| is_readable(field.data_type()));
    Ok(readable.map(|field| field.name().clone()).collect())
}

/// Reads the records into the table.
pub(super) fn read(opened: &Opened, table: &mut Table<'_>) -> Result<(), Error> {
    let file = || table.file.to_owned();
    if opened.packing != Packing::Plain {
        return Err(Error::PackedParquet { file: file(), packing: opened.packing.name() });
    }
    let corrupt = |source: ParquetError| Error::CorruptParquet { file: file(), record: 1, source };
    // Without the writer's own Arrow types, text is always `Utf8`, whatever dictionary or view it was written from.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(opened.whole()?, options)
        .map_err(corrupt)?;
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    if total > table.limits.records {
        return Err(Error::TooManyRecords { file: file(), limit: table.limits.records });
    }

    let schema = Arc::clone(builder.schema());
    let mut roots = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let mut found =
            schema.fields().iter().enumerate().filter(|(_, field)| field.name() == column.name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => {
                return Err(Error::ColumnTwice { file: file(), column: column.name.to_owned() });
            }
            (Some((root, field)), None) => {
                if !is_readable(field.data_type()) {
                    return Err(Error::ColumnKind {
                        file: file(),
                        column: column.name.to_owned(),
                        found: field.data_type().to_string(),
                    });
                }
                roots.push(root);
            }
            (None, _) => {
                return Err(Error::NoSuchColumn {
                    file: file(),
                    element: column.element.to_owned(),
                    column: column.name.to_owned(),
                    columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
                });
            }
        }
    }

    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    let mut builder = builder.with_projection(mask);
    let wanted: Option<Vec<u64>> =
        table.rows_wanted().map(|rows| rows.range(..total).copied().collect());
    if let Some(rows) = table.rows_wanted() {
        builder = builder.with_row_selection(selection(rows, total));
    }
    let mut wanted = wanted.map(Vec::into_iter);
    let mut next = 0;
    for batch in builder.build().map_err(corrupt)? {
        let batch = batch.map_err(|problem| Error::CorruptParquet {
            file: table.file.to_owned(),
            record: next + 1,
            source: ParquetError::from(problem),
        })?;
        // The reader gives the columns in the file's order, each once, whatever the order asked for.
        let order: Vec<usize> =
            roots.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        for row in 0..batch.num_rows() {
            let at = match &mut wanted {
                None => next,
                Some(rows) => rows.next().unwrap_or(next),
            };
            table.skip_rows(at - next)?;
            let place = Place::Record(at + 1);
            for (index, root) in roots.iter().enumerate() {
                let position = order.binary_search(root).unwrap_or_default();
                put(table, index, batch.column(position), row, place)?;
            }
            table.end_row(place)?;
            next = at + 1;
        }
    }
    table.skip_rows(total - next)?;
    opened.still_unchanged()
}

/// Returns the selection of some rows, counted from 0, out of `total`.
fn selection(rows: &BTreeSet<u64>, total: u64) -> RowSelection {
    let length = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut selectors = Vec::new();
    let mut next = 0;
    for &row in rows.range(..total) {
        if row > next {
            selectors.push(RowSelector::skip(length(row - next)));
        }
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    if total > next {
        selectors.push(RowSelector::skip(length(total - next)));
    }
    RowSelection::from(selectors)
}

fn is_readable(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32 => true,
        DataType::Decimal128(_, scale) => *scale >= 0,
        _ => false,
    }
}

/// Puts one value, as text, into a column of the table.
fn put(
    table: &mut Table<'_>,
    index: usize,
    array: &ArrayRef,
    row: usize,
    place: Place,
) -> Result<(), Error> {
    if array.is_null(row) {
        return table.put_text(index, None, place);
    }
    macro_rules! number {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row).to_string()
        };
    }
    let text = match array.data_type() {
        DataType::Utf8 => {
            return table.put_text(index, Some(array.as_string::<i32>().value(row)), place);
        }
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(_, scale) => {
            decimal::show(array.as_primitive::<Decimal128Type>().value(row), scale.unsigned_abs())
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(days));
            return match date {
                Ok(date) => table.put_date(index, date, place),
                // Beyond the year 9999.
                Err(_) => Err(table.not_a_date(index, place)),
            };
        }
        // Columns of other kinds were turned away when the file was opened.
        _ => return table.put_text(index, None, place),
    };
    table.put_text(index, Some(&text), place)
}
