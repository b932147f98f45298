//! The door for tables: record batches in, prepared columns out.
//!
//! Both tables are prepared at once, because they share one dictionary a column: equal values have equal codes on
//! either side, so blocking and the exact level compare two integers, and a likeness is worked out once for two values
//! however many pairs hold them. Codes follow the order of the values and not that of the rows.
//!
//! Everything personal is in here. `Debug` shows `[redacted]`, and nothing outside the crate can read a value back.
//! It opens no file and asks no database: the caller admits the columns that the agreement allows.

mod seat;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use arrow_array::RecordBatch;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::compare::list::Lists;
use crate::compare::place::Place;
use crate::dictionary::Texts;
use crate::intake::Intake;
use crate::model::{Column, Link};
use crate::parallel::share;
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
    /// Where the recipient's records begin, when both tables stand one after the other.
    boundary: u32,
    threads: NonZeroUsize,
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
    pub(crate) source: Vec<u32>,
    pub(crate) recipient: Vec<u32>,
}

/// The most rows of one table, so that the values of two can be numbered in 32 bits.
pub(crate) const MOST_ROWS: usize = (u32::MAX / 2) as usize;

/// The code of no value.
pub(crate) const NO_VALUE: u32 = 0;

/// The distinct values of a column in ascending order. Code `c` stands for the value at `c - 1`.
pub(crate) enum Values {
    /// Text.
    Text(Texts),
    /// Dates, and their ISO form.
    Dates(Vec<Date>, Texts),
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
#[derive(Default)]
struct Records {
    count: u32,
    ids: Option<Texts>,
    order: OnceLock<Order>,
}

/// The order of records that doesn't depend on the order of rows: by their values, then ids, and only then rows.
struct Order {
    ranks: Vec<u32>,
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
        Self::of_two(columns, Link::Between, source, recipient)
    }

    /// Prepares one table, to link its records with each other.
    ///
    /// # Errors
    ///
    /// The same as [`Tables::between`].
    pub fn within(columns: &[Column], table: Table<'_>) -> Result<Self> {
        let mut intake = Intake::new(columns, Link::Within, NonZeroUsize::MIN);
        if let Some(id) = table.id {
            intake = intake.with_id(Side::Source, id);
        }
        intake.take(Side::Source, table.batches)?;
        Ok(intake.finish())
    }

    /// Prepares two tables, to link the records of both with each other, those of one table too.
    ///
    /// The recipient's records are numbered on from the source's; [`Tables::origin`] says where one came from.
    ///
    /// # Errors
    ///
    /// The same as [`Tables::between`].
    pub fn both(columns: &[Column], source: Table<'_>, recipient: Table<'_>) -> Result<Self> {
        Self::of_two(columns, Link::Both, source, recipient)
    }

    fn of_two(
        columns: &[Column],
        link: Link,
        source: Table<'_>,
        recipient: Table<'_>,
    ) -> Result<Self> {
        let mut intake = Intake::new(columns, link, NonZeroUsize::MIN);
        for (side, table) in [(Side::Source, source), (Side::Recipient, recipient)] {
            if let Some(id) = table.id {
                intake = intake.with_id(side, id);
            }
        }
        intake.take(Side::Source, source.batches)?;
        intake.take(Side::Recipient, recipient.batches)?;
        Ok(intake.finish())
    }

    pub(crate) fn of_parts(
        link: Link,
        columns: Vec<Column>,
        prepared: Vec<PreparedColumn>,
        sides: [(usize, Option<Texts>); 2],
        missing: Vec<Missing>,
        threads: NonZeroUsize,
    ) -> Self {
        // The intake lets no table have more rows than that.
        let records = |(rows, ids): (usize, Option<Texts>)| Records {
            count: u32::try_from(rows).unwrap_or(u32::MAX),
            ids,
            order: OnceLock::new(),
        };
        let [mut source, mut recipient] = sides.map(records);
        let boundary = source.count;
        if link == Link::Both {
            source = source.joined(&recipient);
            recipient = Records::default();
        }
        Self { link, columns, prepared, source, recipient, missing, boundary, threads }
    }

    /// Lets blocking, training and linking use this many threads. It changes no result.
    #[must_use]
    pub fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }

    /// Returns how many threads blocking, training and linking may use.
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
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

    /// Returns which table a record of a side came from, and its number there.
    pub fn origin(&self, side: Side, record: RecordRef) -> (Side, RecordRef) {
        self.link.origin(side, record, self.boundary)
    }

    /// Returns how many pairs there are, blocked or not.
    pub fn all_pairs(&self) -> u64 {
        let [left, right] = [Side::Source, Side::Recipient].map(|side| self.records(side));
        self.link.pairs(u64::from(left), u64::from(right))
    }

    /// Returns what the caller knows a record by, where an id column was named.
    pub fn id(&self, side: Side, record: RecordRef) -> Option<&str> {
        let ids = self.side(side).ids.as_ref()?;
        (record.index() < ids.len()).then(|| ids.get(record.index()))
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
            (Link::Within | Link::Both, _) | (Link::Between, Side::Source) => &prepared.source,
            (Link::Between, Side::Recipient) => &prepared.recipient,
        }
    }

    /// Returns a record's place in an order that doesn't depend on the order of rows.
    pub(crate) fn rank(&self, side: Side, record: RecordRef) -> u32 {
        self.order(side).ranks[record.index()]
    }

    /// Returns the record that has a place in that order.
    pub(crate) fn ranked(&self, side: Side, rank: usize) -> RecordRef {
        self.order(side).ranked[rank]
    }

    fn order(&self, side: Side) -> &Order {
        self.side(side).order.get_or_init(|| self.put_in_order(side))
    }

    /// Puts the records of a side in order. Only what settles ties and draws records asks for it.
    fn put_in_order(&self, side: Side) -> Order {
        let codes: Vec<&[u32]> =
            (0..self.prepared.len()).map(|column| self.codes(column, side)).collect();
        let records = self.side(side);
        // As many leading columns as fit are packed in one number, which decides nearly all comparisons by itself.
        let mut shifts = Vec::new();
        let mut used = 0;
        for column in &self.prepared {
            let bits = u64::BITS - (column.values.len() as u64).leading_zeros();
            if used + bits > u64::BITS {
                break;
            }
            used += bits;
            shifts.push(bits);
        }
        let packed = |row: usize| {
            let next = |sum: u64, (bits, codes): (&u32, &&[u32])| {
                sum.checked_shl(*bits).unwrap_or(0) | u64::from(codes[row])
            };
            shifts.iter().zip(&codes).fold(0, next)
        };
        let rows = records.count as usize;
        let mut order: Vec<(u64, RecordRef)> =
            (0..records.count).map(|row| (packed(row as usize), RecordRef::new(row))).collect();
        let rest = &codes[shifts.len()..];
        let id = |record: RecordRef| records.ids.as_ref().map(|ids| ids.get(record.index()));
        order.sort_unstable_by(|(one, this), (other, that)| {
            one.cmp(other)
                .then_with(|| {
                    let of =
                        |record: RecordRef| rest.iter().map(move |codes| codes[record.index()]);
                    of(*this).cmp(of(*that))
                })
                .then_with(|| id(*this).cmp(&id(*that)))
                .then_with(|| this.cmp(that))
        });
        let ranked: Vec<RecordRef> = order.into_iter().map(|(_, record)| record).collect();
        let mut ranks = vec![0; rows];
        for (rank, record) in (0..).zip(&ranked) {
            ranks[record.index()] = rank;
        }
        Order { ranks, ranked }
    }

    /// Puts the records in order that are going to be asked for by it, each side on a thread of its own.
    pub(crate) fn order_all(&self) {
        share(self.threads.get(), vec![Side::Source, Side::Recipient], |side| {
            self.order(side);
        });
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
            (Link::Within | Link::Both, _) | (Link::Between, Side::Source) => &self.source,
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
    /// Puts another side's records after these. Where only one side has ids, the other's are empty.
    fn joined(&self, other: &Self) -> Self {
        let ids = (self.ids.is_some() || other.ids.is_some()).then(|| {
            let mut ids = Texts::default();
            for side in [self, other] {
                for row in 0..side.count as usize {
                    ids.push(side.ids.as_ref().map_or("", |ids| ids.get(row)));
                }
            }
            ids
        });
        Self { count: self.count.saturating_add(other.count), ids, order: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};

    use super::*;
    use crate::model::{Kind, Step};

    fn column(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            from: vec![name.to_owned()],
            source: Vec::new(),
            recipient: Vec::new(),
            kind: Kind::Text,
            steps: Step::USUAL.to_vec(),
            placeholders: None,
            presence: false,
        }
    }

    fn batch(ids: &[&str], names: &[&str]) -> RecordBatch {
        let array = |cells: &[&str]| -> ArrayRef { Arc::new(StringArray::from(cells.to_vec())) };
        RecordBatch::try_from_iter([("id", array(ids)), ("name", array(names))]).unwrap()
    }

    #[test]
    fn ranks_follow_values_then_ids_then_rows() {
        let columns = [column("name")];
        let batch = [batch(&["d", "b", "a", "c", "c"], &["li", "ana", "li", "", ""])];
        let tables = Tables::within(&columns, Table::new(&batch).with_id("id")).unwrap();
        let ranked: Vec<u32> = (0..5).map(|rank| tables.ranked(Side::Source, rank).row()).collect();
        assert_eq!(ranked, [3, 4, 1, 2, 0]);
        for (rank, row) in (0..).zip(ranked) {
            assert_eq!(tables.rank(Side::Recipient, RecordRef::new(row)), rank);
        }
    }

    #[test]
    fn many_columns_rank_as_few_do() {
        // More than the packed number holds, so that the rest decides.
        let columns: Vec<Column> =
            (0..70).map(|index| Column { name: format!("{index}"), ..column("name") }).collect();
        let last = Column { name: "id".to_owned(), from: vec!["id".to_owned()], ..column("name") };
        let columns = [columns, vec![last]].concat();
        let batch = [batch(&["q", "r", "p"], &["li", "ana", "li"])];
        let tables = Tables::within(&columns, Table::new(&batch)).unwrap();
        let ranked: Vec<u32> = (0..3).map(|rank| tables.ranked(Side::Source, rank).row()).collect();
        assert_eq!(ranked, [1, 2, 0]);
    }

    #[test]
    fn both_tables_stand_one_after_the_other() {
        let columns = [column("name")];
        let (source, recipient) = ([batch(&["s"], &["li"])], [batch(&["r", "t"], &["ana", "li"])]);
        let tables =
            Tables::both(&columns, Table::new(&source).with_id("id"), Table::new(&recipient))
                .unwrap();
        assert_eq!((tables.records(Side::Source), tables.records(Side::Recipient)), (3, 3));
        assert_eq!(tables.all_pairs(), 3);
        let third = RecordRef::new(2);
        assert_eq!(tables.origin(Side::Source, third), (Side::Recipient, RecordRef::new(1)));
        assert_eq!(tables.id(Side::Source, RecordRef::new(0)), Some("s"));
        assert_eq!(tables.id(Side::Source, third), Some(""));
        assert_eq!(tables.codes(0, Side::Recipient), [2, 1, 2]);
    }
}
