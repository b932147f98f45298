//! The door for tables: record batches in, prepared columns out.
//!
//! Both tables are prepared at once, because they share one dictionary a column: equal values have equal codes on
//! either side, so blocking and the exact level compare two integers, and a likeness is worked out once for two values
//! however many pairs hold them. Codes follow the order of the values and not that of the rows.
//!
//! Everything personal is in here. `Debug` shows `[redacted]`, and nothing outside the crate can read a value back.
//! It opens no file and asks no database: the caller admits the columns that the agreement allows.

use std::collections::BTreeMap;
use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

use crate::compare::list::Lists;
use crate::compare::place::Place;
use crate::model::{Column, Kind, Link};
use crate::prepare::{Cell, Preparation, Value};
use crate::record::{RecordRef, Side};
use crate::{Error, Result};

/// One table as it is handed in: its batches, and the column that the caller knows its records by.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    batches: &'a [RecordBatch],
    id: Option<&'a str>,
}

impl<'a> Table<'a> {
    /// Takes the batches of one table, all of one schema.
    pub fn new(batches: &'a [RecordBatch]) -> Self {
        Self { batches, id: None }
    }

    /// Says which column the caller knows its records by. It is kept as it is, and never compared.
    #[must_use]
    pub fn with_id(self, column: &'a str) -> Self {
        Self { id: Some(column), ..self }
    }

    fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Table({} rows, [redacted])", self.rows())
    }
}

/// The tables of one run, prepared.
pub struct Tables {
    link: Link,
    columns: Vec<Column>,
    prepared: Vec<PreparedColumn>,
    source: Records,
    recipient: Records,
    missing: Vec<Missing>,
}

/// How many values a prepared column lacks on one side, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The prepared column.
    pub column: String,
    /// The table.
    pub side: Side,
    /// Its records.
    pub records: u64,
    /// Cells with nothing in them.
    pub absent: u64,
    /// Cells with something that stands for nothing.
    pub placeholders: u64,
    /// Cells that don't read as the column's kind.
    pub unreadable: u64,
}

impl Missing {
    /// Returns the share of records that have no value, 0 for an empty table.
    pub fn share(&self) -> f64 {
        let missing = self.absent + self.placeholders + self.unreadable;
        if self.records == 0 { 0.0 } else { missing as f64 / self.records as f64 }
    }
}

/// One prepared column: a code for each record, and the value of each code.
pub(crate) struct PreparedColumn {
    pub(crate) values: Values,
    source: Vec<u32>,
    recipient: Vec<u32>,
}

/// The most rows of one table, so that the values of two can be numbered in 32 bits.
const MOST_ROWS: usize = (u32::MAX / 2) as usize;

/// The code of no value.
pub(crate) const NO_VALUE: u32 = 0;

/// The distinct values of a column in ascending order. Code `c` stands for the value at `c - 1`.
pub(crate) enum Values {
    /// Text, as its characters.
    Text(Vec<Box<[char]>>),
    /// Dates, and the characters of their ISO form.
    Dates(Vec<Date>, Vec<Box<[char]>>),
    /// Numbers.
    Numbers(Vec<f64>),
    /// Moments.
    Times(Vec<Timestamp>),
    /// Places.
    Places(Vec<Place>),
    /// Lists, and the items that they are of.
    Lists(Lists),
}

impl Values {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Dates(values, _) => values.len(),
            Self::Numbers(values) => values.len(),
            Self::Times(values) => values.len(),
            Self::Places(values) => values.len(),
            Self::Lists(values) => values.len(),
        }
    }
}

/// The records of one side.
struct Records {
    count: u32,
    ids: Option<Vec<String>>,
    /// For each record, its place when all are put in the order of their values, then ids, then rows.
    ranks: Vec<u32>,
    /// The records in that order.
    ranked: Vec<RecordRef>,
}

impl Tables {
    /// Prepares two tables, to link records of the one with records of the other.
    ///
    /// # Errors
    ///
    /// [`Error::MissingColumn`] and [`Error::UnreadableColumn`] for what the columns ask and a table hasn't, and
    /// [`Error::TooManyRows`].
    pub fn between(columns: &[Column], source: Table<'_>, recipient: Table<'_>) -> Result<Self> {
        let mut prepared = Vec::with_capacity(columns.len());
        let mut missing = Vec::new();
        check_rows(Side::Source, source)?;
        check_rows(Side::Recipient, recipient)?;
        for column in columns {
            let left = read_column(column, Side::Source, source)?;
            let right = read_column(column, Side::Recipient, recipient)?;
            missing.push(count_missing(column, Side::Source, &left));
            missing.push(count_missing(column, Side::Recipient, &right));
            prepared.push(encode(&column.kind, left, right));
        }
        let source = Records::new(Side::Source, source, &prepared)?;
        let recipient = Records::new(Side::Recipient, recipient, &prepared)?;
        Ok(Self {
            link: Link::Between,
            columns: columns.to_vec(),
            prepared,
            source,
            recipient,
            missing,
        })
    }

    /// Prepares one table, to link its records with each other.
    ///
    /// # Errors
    ///
    /// The same as [`Tables::between`].
    pub fn within(columns: &[Column], table: Table<'_>) -> Result<Self> {
        let mut prepared = Vec::with_capacity(columns.len());
        let mut missing = Vec::new();
        check_rows(Side::Source, table)?;
        for column in columns {
            let values = read_column(column, Side::Source, table)?;
            missing.push(count_missing(column, Side::Source, &values));
            prepared.push(encode(&column.kind, values, Vec::new()));
        }
        let source = Records::new(Side::Source, table, &prepared)?;
        let recipient = Records { count: 0, ids: None, ranks: Vec::new(), ranked: Vec::new() };
        Ok(Self {
            link: Link::Within,
            columns: columns.to_vec(),
            prepared,
            source,
            recipient,
            missing,
        })
    }

    /// Returns which pairs the tables were prepared for.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Returns the columns that they were prepared by.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the number of records on a side. Within one table, both sides are that table.
    pub fn records(&self, side: Side) -> u32 {
        self.side(side).count
    }

    /// Returns how many pairs there are, blocked or not.
    pub fn all_pairs(&self) -> u64 {
        let (left, right) =
            (u64::from(self.source.count), u64::from(self.records(Side::Recipient)));
        match self.link {
            Link::Between => left * right,
            Link::Within => left * left.saturating_sub(1) / 2,
        }
    }

    /// Returns what the caller knows a record by, where an id column was named.
    pub fn id(&self, side: Side, record: RecordRef) -> Option<&str> {
        self.side(side).ids.as_ref()?.get(record.index()).map(String::as_str)
    }

    /// Returns how many values each column lacks on each side.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    pub(crate) fn column_index(&self, place: &str, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            Error::UnknownColumn { place: place.to_owned(), column: name.to_owned() }
        })
    }

    pub(crate) fn values(&self, column: usize) -> &Values {
        &self.prepared[column].values
    }

    pub(crate) fn codes(&self, column: usize, side: Side) -> &[u32] {
        let prepared = &self.prepared[column];
        match (self.link, side) {
            (Link::Within, _) | (Link::Between, Side::Source) => &prepared.source,
            (Link::Between, Side::Recipient) => &prepared.recipient,
        }
    }

    /// Returns a record's place in an order that doesn't depend on the order of rows.
    pub(crate) fn rank(&self, side: Side, record: RecordRef) -> u32 {
        self.side(side).ranks[record.index()]
    }

    /// Returns the record that has a place in that order.
    pub(crate) fn ranked(&self, side: Side, rank: usize) -> RecordRef {
        self.side(side).ranked[rank]
    }

    pub(crate) fn check_record(&self, side: Side, record: RecordRef) -> Result<()> {
        let rows = self.records(side);
        if record.row() < rows {
            Ok(())
        } else {
            Err(Error::UnknownRecord { side, row: record.row(), rows: rows as usize })
        }
    }

    /// Refuses tables that were prepared for something else.
    pub(crate) fn check_prepared(&self, name: &str, link: Link, columns: &[Column]) -> Result<()> {
        if self.link != link {
            return Err(Error::OtherLink {
                model: name.to_owned(),
                wanted: link,
                given: self.link,
            });
        }
        if self.columns != columns {
            return Err(Error::OtherPreparation { model: name.to_owned() });
        }
        Ok(())
    }

    fn side(&self, side: Side) -> &Records {
        match (self.link, side) {
            (Link::Within, _) | (Link::Between, Side::Source) => &self.source,
            (Link::Between, Side::Recipient) => &self.recipient,
        }
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tables")
            .field("link", &self.link)
            .field("source_records", &self.source.count)
            .field("recipient_records", &self.recipient.count)
            .field("values", &"[redacted]")
            .finish_non_exhaustive()
    }
}

impl Records {
    fn new(side: Side, table: Table<'_>, prepared: &[PreparedColumn]) -> Result<Self> {
        let rows = table.rows();
        let count = u32::try_from(rows).map_err(|_| too_many_rows(side, rows))?;
        let ids = table.id.map(|column| read_ids(column, side, table)).transpose()?;
        let id =
            |record: &RecordRef| ids.as_ref().map(|ids: &Vec<String>| ids[record.index()].as_str());
        let mut ranked: Vec<RecordRef> = (0..count).map(RecordRef::new).collect();
        ranked.sort_by(|one, other| {
            codes_of(prepared, side, *one)
                .cmp(codes_of(prepared, side, *other))
                .then_with(|| id(one).cmp(&id(other)))
                .then_with(|| one.cmp(other))
        });
        let mut ranks = vec![0; rows];
        for (rank, record) in (0..).zip(&ranked) {
            ranks[record.index()] = rank;
        }
        Ok(Self { count, ids, ranks, ranked })
    }
}

fn codes_of(
    prepared: &[PreparedColumn],
    side: Side,
    record: RecordRef,
) -> impl Iterator<Item = u32> + '_ {
    prepared.iter().map(move |column| match side {
        Side::Source => column.source[record.index()],
        Side::Recipient => column.recipient[record.index()],
    })
}

fn too_many_rows(side: Side, rows: usize) -> Error {
    Error::TooManyRows { side, rows, limit: MOST_ROWS }
}

fn check_rows(side: Side, table: Table<'_>) -> Result<()> {
    let rows = table.rows();
    if rows > MOST_ROWS { Err(too_many_rows(side, rows)) } else { Ok(()) }
}

fn count_missing(column: &Column, side: Side, values: &[Value]) -> Missing {
    let count = |wanted: &Value| values.iter().filter(|value| *value == wanted).count() as u64;
    Missing {
        column: column.name.clone(),
        side,
        records: values.len() as u64,
        absent: count(&Value::Absent),
        placeholders: count(&Value::Placeholder),
        unreadable: count(&Value::Unreadable),
    }
}

fn read_column(column: &Column, side: Side, table: Table<'_>) -> Result<Vec<Value>> {
    let own = match side {
        Side::Source => &column.source,
        Side::Recipient => &column.recipient,
    };
    let names = if column.from.is_empty() { own } else { &column.from };
    let preparation = Preparation::new(column);
    let mut values = Vec::with_capacity(table.rows());
    for batch in table.batches {
        let arrays =
            names.iter().map(|name| find_array(name, side, batch)).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let cells = names
                .iter()
                .zip(&arrays)
                .map(|(name, array)| read_cell(name, side, *array, row))
                .collect::<Result<Vec<_>>>()?;
            values.push(preparation.value(&cells));
        }
    }
    Ok(values)
}

fn read_ids(column: &str, side: Side, table: Table<'_>) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(table.rows());
    for batch in table.batches {
        let array = find_array(column, side, batch)?;
        for row in 0..batch.num_rows() {
            ids.push(match read_cell(column, side, array, row)? {
                Cell::Null => String::new(),
                Cell::Text(text) => text,
                Cell::Date(date) => date.to_string(),
                Cell::Time(time) => time.to_string(),
                Cell::List(items) => items.join(" "),
            });
        }
    }
    Ok(ids)
}

fn find_array<'a>(name: &str, side: Side, batch: &'a RecordBatch) -> Result<&'a dyn Array> {
    batch
        .column_by_name(name)
        .map(AsRef::as_ref)
        .ok_or_else(|| Error::MissingColumn { side, column: name.to_owned() })
}

fn read_cell(name: &str, side: Side, array: &dyn Array, row: usize) -> Result<Cell> {
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

fn encode(kind: &Kind, source: Vec<Value>, recipient: Vec<Value>) -> PreparedColumn {
    match kind {
        Kind::Text => {
            let take = |value: Value| match value {
                Value::Text(text) => Some(text),
                _ => None,
            };
            let (values, source, recipient) = rank_values(source, recipient, take);
            let values = values.iter().map(|text| text.chars().collect()).collect();
            PreparedColumn { values: Values::Text(values), source, recipient }
        }
        Kind::Date(_) => {
            let take = |value: Value| match value {
                Value::Date(date) => Some(date),
                _ => None,
            };
            let (values, source, recipient) = rank_values(source, recipient, take);
            let texts = values.iter().map(|date| date.to_string().chars().collect()).collect();
            PreparedColumn { values: Values::Dates(values, texts), source, recipient }
        }
        Kind::Number => {
            let take = |value: Value| match value {
                Value::Number(number) => Some(Ordered(number)),
                _ => None,
            };
            let (values, source, recipient) = rank_values(source, recipient, take);
            let values = values.into_iter().map(|Ordered(number)| number).collect();
            PreparedColumn { values: Values::Numbers(values), source, recipient }
        }
        Kind::Time(_) => {
            let take = |value: Value| match value {
                Value::Time(time) => Some(time),
                _ => None,
            };
            let (values, source, recipient) = rank_values(source, recipient, take);
            PreparedColumn { values: Values::Times(values), source, recipient }
        }
        Kind::Place => {
            let take = |value: Value| match value {
                Value::Place(place) => Some(place),
                _ => None,
            };
            let (values, source, recipient) = rank_values(source, recipient, take);
            PreparedColumn { values: Values::Places(values), source, recipient }
        }
        Kind::List(_) => {
            let take = |value: Value| match value {
                Value::List(items) => Some(items),
                _ => None,
            };
            let (values, source, recipient) = rank_values(source, recipient, take);
            PreparedColumn { values: Values::Lists(Lists::new(&values)), source, recipient }
        }
    }
}

/// A finite number, put in its total order.
struct Ordered(f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Gives each distinct value its place, counted from 1, in the order of the values.
fn rank_values<T: Ord>(
    source: Vec<Value>,
    recipient: Vec<Value>,
    take: impl Fn(Value) -> Option<T>,
) -> (Vec<T>, Vec<u32>, Vec<u32>) {
    // Numbered as they first appear, then renumbered in order: one map, one sort.
    let mut seen: BTreeMap<T, u32> = BTreeMap::new();
    let mut last = NO_VALUE;
    let mut number = |value: Value| match take(value) {
        None => NO_VALUE,
        Some(value) => *seen.entry(value).or_insert_with(|| {
            last += 1;
            last
        }),
    };
    let mut source: Vec<u32> = source.into_iter().map(&mut number).collect();
    let mut recipient: Vec<u32> = recipient.into_iter().map(&mut number).collect();
    let mut places = vec![NO_VALUE; seen.len() + 1];
    let mut values = Vec::with_capacity(seen.len());
    for (place, (value, first)) in (1..).zip(seen) {
        places[first as usize] = place;
        values.push(value);
    }
    for code in source.iter_mut().chain(&mut recipient) {
        *code = places[*code as usize];
    }
    (values, source, recipient)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float32Array, Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::model::Step;

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
            };
            let batch = [RecordBatch::try_from_iter([("pay", array.clone())]).unwrap()];
            let values = read_column(&column, Side::Source, Table::new(&batch)).unwrap();
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
