//! Reads the cells of Arrow arrays.
//!
//! At the door of the third step, under `intake`: what type a column has is seen here and nowhere else. A number is
//! written as text, so that it comes to what the same one in a file of text comes to. It prepares nothing.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use jiff::civil::date;
use jiff::{Timestamp, ToSpan};

use crate::prepare::Cell;
use crate::record::Side;
use crate::{Error, Result};

pub(crate) fn find_array<'a>(
    name: &str,
    side: Side,
    batch: &'a RecordBatch,
) -> Result<&'a dyn Array> {
    batch
        .column_by_name(name)
        .map(AsRef::as_ref)
        .ok_or_else(|| Error::MissingColumn { side, column: name.to_owned() })
}

pub(crate) fn read_cell(name: &str, side: Side, array: &dyn Array, row: usize) -> Result<Cell> {
    if array.is_null(row) {
        return Ok(Cell::Null);
    }
    // Numbers are written as text here, and so come to what the same ones in a file of text come to: whole ones beyond
    // 2^53 are identifiers and must keep every digit, and others are written as shortly as reads back the same.
    Ok(match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Int8 => Cell::Text(array.as_primitive::<Int8Type>().value(row).to_string()),
        DataType::Int16 => Cell::Text(array.as_primitive::<Int16Type>().value(row).to_string()),
        DataType::Int32 => Cell::Text(array.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => Cell::Text(array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::UInt8 => Cell::Text(array.as_primitive::<UInt8Type>().value(row).to_string()),
        DataType::UInt16 => Cell::Text(array.as_primitive::<UInt16Type>().value(row).to_string()),
        DataType::UInt32 => Cell::Text(array.as_primitive::<UInt32Type>().value(row).to_string()),
        DataType::UInt64 => Cell::Text(array.as_primitive::<UInt64Type>().value(row).to_string()),
        DataType::Float32 => Cell::Text(array.as_primitive::<Float32Type>().value(row).to_string()),
        DataType::Float64 => Cell::Text(array.as_primitive::<Float64Type>().value(row).to_string()),
        DataType::Date32 => {
            let days = i64::from(array.as_primitive::<Date32Type>().value(row));
            // A day outside the calendar's range is no date, and counts as absent.
            let day = 0.days().try_days(days).and_then(|span| date(1970, 1, 1).checked_add(span));
            day.map_or(Cell::Null, Cell::Date)
        }
        DataType::Timestamp(unit, _) => {
            let time = match unit {
                TimeUnit::Second => {
                    Timestamp::from_second(array.as_primitive::<TimestampSecondType>().value(row))
                }
                TimeUnit::Millisecond => Timestamp::from_millisecond(
                    array.as_primitive::<TimestampMillisecondType>().value(row),
                ),
                TimeUnit::Microsecond => Timestamp::from_microsecond(
                    array.as_primitive::<TimestampMicrosecondType>().value(row),
                ),
                TimeUnit::Nanosecond => Timestamp::from_nanosecond(i128::from(
                    array.as_primitive::<TimestampNanosecondType>().value(row),
                )),
            };
            time.map_or(Cell::Null, Cell::Time)
        }
        DataType::List(_) => read_items(name, side, array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => {
            read_items(name, side, array.as_list::<i64>().value(row).as_ref())?
        }
        other => {
            return Err(Error::UnreadableColumn {
                side,
                column: name.to_owned(),
                kind: other.to_string(),
            });
        }
    })
}

/// Reads the items of one list, leaving out those that are null.
fn read_items(name: &str, side: Side, items: &dyn Array) -> Result<Cell> {
    let mut texts = Vec::with_capacity(items.len());
    for item in 0..items.len() {
        match read_cell(name, side, items, item)? {
            Cell::Null => {}
            Cell::Text(text) => texts.push(text),
            Cell::Date(date) => texts.push(date.to_string()),
            Cell::Time(time) => texts.push(time.to_string()),
            Cell::List(nested) => texts.extend(nested),
        }
    }
    Ok(Cell::List(texts))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float32Array, Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::model::{Column, Kind, Step};
    use crate::prepare::{Preparation, Value};

    #[test]
    fn the_same_numbers_are_the_same_values_whatever_their_type() {
        let arrays: [ArrayRef; 3] = [
            Arc::new(StringArray::from(vec!["0", "0.1", "-2.5", "99999"])),
            Arc::new(Float64Array::from(vec![0.0, 0.1, -2.5, 99999.0])),
            Arc::new(Float32Array::from(vec![0.0, 0.1, -2.5, 99999.0])),
        ];
        let read = |array: &ArrayRef, steps: &[Step]| {
            let column = Column {
                name: "pay".to_owned(),
                from: vec!["pay".to_owned()],
                source: Vec::new(),
                recipient: Vec::new(),
                kind: Kind::Number,
                steps: steps.to_vec(),
                placeholders: None,
                presence: false,
            };
            let batch = RecordBatch::try_from_iter([("pay", array.clone())]).unwrap();
            let preparation = Preparation::new(&column);
            let values: Vec<Value> = (0..array.len())
                .map(|row| {
                    let array = find_array("pay", Side::Source, &batch).unwrap();
                    preparation.value(&[read_cell("pay", Side::Source, array, row).unwrap()])
                })
                .collect();
            let shown = |value: &Value| match value {
                Value::Number(number) => number.to_string(),
                Value::Placeholder => "placeholder".to_owned(),
                _ => "no number".to_owned(),
            };
            values.iter().map(shown).collect::<Vec<_>>()
        };
        for array in &arrays {
            assert_eq!(read(array, &Step::USUAL), ["0", "0.1", "-2.5", "placeholder"]);
            assert_eq!(read(array, &[Step::StripPunctuation])[2], "25");
        }
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![0, 99999]));
        assert_eq!(read(&whole, &Step::USUAL), ["0", "placeholder"]);
    }
}
