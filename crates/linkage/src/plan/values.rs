//! How many records have each value of a column, for tables that need not fit the memory.
//!
//! What u is observed from. Values are counted batch by batch, spelled as bytes, and sorted in files, so that equal ones
//! come together; one column after the other stands in memory, each of its values once. It compares nothing.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt16Type, UInt64Type};
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt16Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::block_exec::column;
use super::failed;
use super::rows::{Rows, failed_arrow, prepare};
use super::run::{Bounds, sorted};
use super::spelling::{Reading, spell};
use super::stage::Staged;
use crate::model::{Column, Link};
use crate::record::Side;
use crate::tables::{NO_VALUE, PreparedColumn, Tables, Values};
use crate::{Error, Result};

/// The number of a prepared column.
const COLUMN: &str = "column";
const VALUE: &str = "value";
/// How many records have it on either side.
const COUNTS: [&str; 2] = ["sources", "recipients"];

/// What a value takes besides its letters: where they end, two counts, these once more while a comparison looks at them,
/// and what laying it out for that takes.
const VALUE_BYTES: usize = 5 * size_of::<u64>() + 48;

/// What an item of a list takes: by itself while it comes, and as a code.
const ITEM_BYTES: usize = 96;

/// What a letter takes, with those of long texts laid out.
const LETTER_BYTES: usize = 2;

/// What a letter takes in each set that a test makes of it: its member, counts, and both once more while it is made.
const SET_BYTES: usize = 16;

/// What a record takes that has a value, while pairs of values are drawn.
const RECORD_BYTES: usize = size_of::<u32>();

/// Calls for each of these columns, in their order, with tables that hold its values and no record, with how many records
/// have each on either side, by code, and with the bytes that are left for what is made of them. `sets` says how many sets
/// a column's values are made into to be compared.
///
/// # Errors
///
/// What preparing tables meets, [`Error::OutOfMemory`] where the values of one column don't fit half of the memory,
/// [`Error::FailedPlan`], and whatever `take` returns.
pub(super) fn each_column(
    columns: &[Column],
    wanted: &[usize],
    link: Link,
    rows: &Arc<dyn Rows>,
    bounds: &Bounds,
    sets: impl Fn(usize) -> usize,
    mut take: impl FnMut(usize, &Tables, [Vec<u64>; 2], usize) -> Result<()>,
) -> Result<()> {
    let schema = schema();
    let staged = Staged::written(Arc::clone(&schema), rows, bounds, |side, _, batch| {
        let (tables, side) = prepare(columns, link, side, batch)?;
        counted(&tables, side, wanted, &schema)
    })?;
    // Half of it sorts, and half is for what stands in memory.
    let half = bounds.memory_bytes / 2;
    let sorting = Bounds { memory_bytes: half, ..bounds.clone() };
    let begin = |number: usize| Held {
        number,
        reading: Reading::new(&columns[number].kind),
        last: None,
        counts: [vec![0], vec![0]],
        letter_bytes: LETTER_BYTES + sets(number) * SET_BYTES,
        bytes: 0,
    };
    let mut left = wanted.iter().copied();
    let mut held = left.next().map(begin);
    let mut end = |held: Held| {
        let left = half.saturating_sub(held.bytes);
        let (number, tables, counts) = held.finish(columns, link);
        take(number, &tables, counts, left)
    };
    sorted(&staged, &[COLUMN, VALUE], &sorting, |batch| {
        let numbers = column(batch, COLUMN).map_err(failed)?.as_primitive::<UInt16Type>();
        let values = column(batch, VALUE).map_err(failed)?.as_binary::<i32>();
        let count = |name| Ok(column(batch, name).map_err(failed)?.as_primitive::<UInt64Type>());
        let [sources, recipients] = [count(COUNTS[0])?, count(COUNTS[1])?];
        for row in 0..batch.num_rows() {
            let number = usize::from(numbers.value(row));
            // A column of which no record has a value has no row, and still its turn.
            while held.as_ref().is_some_and(|held| held.number != number) {
                held.take().map_or(Ok(()), &mut end)?;
                held = left.next().map(begin);
            }
            if let Some(held) = &mut held {
                held.add(values.value(row), [sources.value(row), recipients.value(row)])?;
                if held.bytes > half {
                    let (name, bytes) = (&columns[number].name, held.bytes);
                    let problem = format!(
                        "{bytes} bytes are needed to hold the first values of `{name}`, and {half} may be"
                    );
                    return Err(Error::OutOfMemory { problem });
                }
            }
        }
        Ok(())
    })?;
    while let Some(ended) = held.take() {
        end(ended)?;
        held = left.next().map(begin);
    }
    Ok(())
}

fn schema() -> SchemaRef {
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    Arc::new(Schema::new(vec![
        field(COLUMN, DataType::UInt16),
        field(VALUE, DataType::Binary),
        field(COUNTS[0], DataType::UInt64),
        field(COUNTS[1], DataType::UInt64),
    ]))
}

/// Counts the values of one batch, column by column.
fn counted(
    tables: &Tables,
    side: Side,
    wanted: &[usize],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let (mut numbers, mut values, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for number in wanted {
        let held = tables.values(*number);
        let mut own = vec![0_u64; held.len() + 1];
        for code in tables.codes(*number, side) {
            own[*code as usize] += 1;
        }
        own[NO_VALUE as usize] = 0;
        for (index, count) in own.into_iter().skip(1).enumerate().filter(|(_, count)| *count > 0) {
            let mut bytes = Vec::new();
            spell(held, index, &mut bytes);
            numbers.push(u16::try_from(*number).unwrap_or(u16::MAX));
            values.push(bytes);
            counts.push(count);
        }
    }
    let nothing = vec![0; counts.len()];
    let (sources, recipients) =
        if side == Side::Source { (counts, nothing) } else { (nothing, counts) };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt16Array::from(numbers)),
        Arc::new(BinaryArray::from_iter_values(values)),
        Arc::new(UInt64Array::from(sources)),
        Arc::new(UInt64Array::from(recipients)),
    ];
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(failed_arrow)
}

/// One column's values while they come, equal ones together.
struct Held {
    number: usize,
    reading: Reading,
    last: Option<Vec<u8>>,
    /// By side and code, nothing first.
    counts: [Vec<u64>; 2],
    letter_bytes: usize,
    /// About what all of this takes, and what drawing from it will.
    bytes: usize,
}

impl Held {
    fn add(&mut self, value: &[u8], counts: [u64; 2]) -> Result<()> {
        if self.last.as_deref() != Some(value) {
            self.reading.push(value)?;
            self.last = Some(value.to_vec());
            self.counts.iter_mut().for_each(|counts| counts.push(0));
            self.bytes += value.len() * self.letter_bytes + VALUE_BYTES;
            self.bytes += self.reading.items_of_last() * ITEM_BYTES;
        }
        for (held, count) in self.counts.iter_mut().zip(counts) {
            if let Some(last) = held.last_mut() {
                *last += count;
            }
            let records = usize::try_from(count).unwrap_or(usize::MAX);
            self.bytes = self.bytes.saturating_add(records.saturating_mul(RECORD_BYTES));
        }
        Ok(())
    }

    /// Returns the column with tables of its values, in which every other column has none.
    fn finish(self, columns: &[Column], link: Link) -> (usize, Tables, [Vec<u64>; 2]) {
        let (number, mut own) = (self.number, Some(self.reading.finish()));
        let tables =
            of_values(columns, link, |place| if place == number { own.take() } else { None });
        let [sources, recipients] = self.counts;
        let recipients = if link == Link::Between { recipients } else { sources.clone() };
        (number, tables, [sources, recipients])
    }
}

/// Makes tables that hold no value and no record.
pub(super) fn no_values(columns: &[Column], link: Link) -> Tables {
    of_values(columns, link, |_| None)
}

/// Makes tables of the values of some columns, and no record.
fn of_values(
    columns: &[Column],
    link: Link,
    mut own: impl FnMut(usize) -> Option<Values>,
) -> Tables {
    let prepared = columns.iter().enumerate().map(|(place, column)| {
        let values = own(place).unwrap_or_else(|| Reading::new(&column.kind).finish());
        PreparedColumn { values, source: Vec::new(), recipient: Vec::new() }
    });
    let prepared = prepared.collect();
    let none = [(0, None), (0, None)];
    Tables::of_parts(link, columns.to_vec(), prepared, none, Vec::new(), NonZeroUsize::MIN)
}
