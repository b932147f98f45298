//! The table under construction: text of one field in, typed columns out.
//!
//! Step 3 of the path. The formats hand it each field of a named column; it maps, parses, counts and adds up.
//! It knows no format and reads no file.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Date32Builder, Decimal128Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};
use jiff::civil::Date;
use jiff::fmt::strtime;

use super::caveat::Caveat;
use super::decimal::{self, SUM_DECIMALS};
use super::encoding::Encoding;
use super::error::{Error, Place};
use super::projection::{Kind, Projection};
use super::spec::{FileSpec, Limits};

/// The most bytes of text in one Arrow `Utf8` column, whose offsets are signed 32-bit numbers.
const COLUMN_BYTES: usize = i32::MAX as usize;

/// The precision of `Decimal128`.
const DECIMAL_DIGITS: u8 = 38;

/// What is read of a file, so far.
pub(super) struct Table<'a> {
    pub(super) file: &'a Path,
    pub(super) limits: Limits,
    pub(super) columns: Vec<Column<'a>>,
    places: Vec<Place>,
    rows: Which<'a>,
    seen: u64,
    pieces: Option<Pieces<'a>>,
}

/// A table that is handed on piece by piece and never stands whole.
struct Pieces<'a> {
    rows: usize,
    take: &'a mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
}

/// Which rows are kept.
enum Which<'a> {
    All,
    Named(&'a BTreeSet<u64>),
}

/// One column that is read: kept for an element, or added up for a control total, or both.
pub(super) struct Column<'a> {
    /// The column's name in the file.
    pub(super) name: &'a str,
    /// The element it holds; of a column that is only added up, the column's own name.
    pub(super) element: &'a str,
    value_map: Option<&'a BTreeMap<String, String>>,
    kept: Kept<'a>,
    sum: Option<i128>,
    present: u64,
    /// Whether every letter beyond ASCII was well-formed UTF-8 in a file declared otherwise, and where the first was.
    utf8: Option<(bool, Place)>,
}

enum Kept<'a> {
    Nothing,
    Text(StringBuilder),
    Date(&'a str, Date32Builder),
    Number(u8, Decimal128Builder),
}

/// A table finished.
pub(super) struct Finished {
    pub(super) batch: RecordBatch,
    pub(super) places: Vec<Place>,
    pub(super) sums: Vec<(String, i128)>,
    pub(super) caveats: Vec<Caveat>,
    pub(super) seen: u64,
}

impl<'a> Table<'a> {
    /// Begins a table of every row, with the columns in `totalled` added up where the projection lets them be.
    pub(super) fn of_all(
        spec: &'a FileSpec,
        projection: &'a Projection,
        totalled: &[String],
        limits: Limits,
    ) -> Result<Self, Error> {
        let mut table = Self::begin(spec, projection, Which::All, limits)?;
        for total in totalled {
            if let Some(column) = table.columns.iter_mut().find(|column| column.name == total) {
                column.sum = Some(0);
            } else if let Some(element) =
                projection.summed.iter().find(|element| spec.column(element) == total)
            {
                table.columns.push(Column {
                    name: spec.column(element),
                    element,
                    value_map: spec.value_maps.get(element),
                    kept: Kept::Nothing,
                    sum: Some(0),
                    present: 0,
                    utf8: None,
                });
            }
        }
        Ok(table)
    }

    /// Begins a table of every row that is handed on as soon as there are so many of them.
    pub(super) fn of_pieces(
        spec: &'a FileSpec,
        projection: &'a Projection,
        limits: Limits,
        rows: usize,
        take: &'a mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        let table = Self::begin(spec, projection, Which::All, limits)?;
        Ok(Self { pieces: Some(Pieces { rows, take }), ..table })
    }

    /// Begins a table of the rows named, counted from 0.
    pub(super) fn of_rows(
        spec: &'a FileSpec,
        projection: &'a Projection,
        rows: &'a BTreeSet<u64>,
        limits: Limits,
    ) -> Result<Self, Error> {
        Self::begin(spec, projection, Which::Named(rows), limits)
    }

    fn begin(
        spec: &'a FileSpec,
        projection: &'a Projection,
        rows: Which<'a>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let mut named = BTreeSet::new();
        let mut columns = Vec::with_capacity(projection.elements.len());
        for (element, kind) in &projection.elements {
            if !named.insert(element) {
                return Err(Error::ElementTwice {
                    file: spec.path.clone(),
                    element: element.clone(),
                });
            }
            let kept = match kind {
                Kind::Text => Kept::Text(StringBuilder::new()),
                Kind::Date { format } => {
                    let sample = Date::constant(2001, 2, 3);
                    let written = strtime::format(format, sample);
                    if written.and_then(|text| Date::strptime(format, text)).ok() != Some(sample) {
                        return Err(Error::DateFormat {
                            file: spec.path.clone(),
                            column: spec.column(element).to_owned(),
                            format: format.clone(),
                        });
                    }
                    Kept::Date(format, Date32Builder::new())
                }
                Kind::Number { decimals } => {
                    let builder = Decimal128Builder::new();
                    let builder =
                        builder.with_precision_and_scale(DECIMAL_DIGITS, decimals.cast_signed());
                    let builder = builder.map_err(|_| Error::TooManyDecimals {
                        file: spec.path.clone(),
                        column: spec.column(element).to_owned(),
                        decimals: *decimals,
                    })?;
                    Kept::Number(*decimals, builder)
                }
            };
            columns.push(Column {
                name: spec.column(element),
                element,
                value_map: spec.value_maps.get(element),
                kept,
                sum: None,
                present: 0,
                utf8: None,
            });
        }
        Ok(Self {
            file: &spec.path,
            limits,
            columns,
            places: Vec::new(),
            rows,
            seen: 0,
            pieces: None,
        })
    }

    /// Tells whether the row that comes next is to be kept; if not, none of its fields need be decoded.
    pub(super) fn wants_row(&self) -> bool {
        match self.rows {
            Which::All => true,
            Which::Named(rows) => rows.contains(&self.seen),
        }
    }

    /// Returns the rows wanted, where not all are.
    pub(super) fn rows_wanted(&self) -> Option<&'a BTreeSet<u64>> {
        match self.rows {
            Which::All => None,
            Which::Named(rows) => Some(rows),
        }
    }

    /// Passes over rows of which nothing is wanted.
    pub(super) fn skip_rows(&mut self, count: u64) -> Result<(), Error> {
        self.seen += count;
        if self.seen > self.limits.records {
            return Err(Error::TooManyRecords {
                file: self.file.to_owned(),
                limit: self.limits.records,
            });
        }
        Ok(())
    }

    /// Ends a row, all of whose fields were put.
    pub(super) fn end_row(&mut self, place: Place) -> Result<(), Error> {
        self.places.push(place);
        self.skip_rows(1)?;
        if self.pieces.as_ref().is_some_and(|pieces| self.places.len() >= pieces.rows) {
            self.hand_on()?;
        }
        Ok(())
    }

    /// Hands on what stands here of a table in pieces, and how many rows there were so far. Fails where no more are wanted.
    pub(super) fn hand_on(&mut self) -> Result<u64, Error> {
        let rows = self.places.len();
        if let Some(pieces) = self.pieces.as_mut().filter(|_| rows > 0) {
            self.places.clear();
            if (pieces.take)(batch(self.columns.iter_mut(), rows)).is_break() {
                return Err(Error::Unwanted { file: self.file.to_owned() });
            }
        }
        Ok(self.seen)
    }

    /// Puts the bytes of one field of the row at `place`.
    pub(super) fn put_bytes(
        &mut self,
        index: usize,
        bytes: &[u8],
        encoding: Encoding,
        place: Place,
    ) -> Result<(), Error> {
        let Some(column) = self.columns.get_mut(index) else {
            return Ok(());
        };
        if bytes.len() > self.limits.field_bytes {
            return Err(column.too_long(self.file, place, self.limits));
        }
        let Some(text) = encoding.decode(bytes) else {
            return Err(Error::WrongEncoding {
                file: self.file.to_owned(),
                place,
                column: column.name.to_owned(),
                encoding: encoding.name(),
            });
        };
        if let Some(utf8) = encoding.seems_utf8(bytes) {
            let (so_far, first) = column.utf8.unwrap_or((true, place));
            column.utf8 = Some((so_far && utf8, first));
        }
        column.put(self.file, &text, &place)
    }

    /// Puts the text of one field of the row at `place`; `None` is a missing value.
    pub(super) fn put_text(
        &mut self,
        index: usize,
        text: Option<&str>,
        place: Place,
    ) -> Result<(), Error> {
        let Some(column) = self.columns.get_mut(index) else {
            return Ok(());
        };
        let text = text.unwrap_or_default();
        if text.len() > self.limits.field_bytes {
            return Err(column.too_long(self.file, place, self.limits));
        }
        column.put(self.file, text, &place)
    }

    /// Puts a date of the row at `place`, from a format that keeps dates as such.
    pub(super) fn put_date(&mut self, index: usize, date: Date, place: Place) -> Result<(), Error> {
        let Some(column) = self.columns.get_mut(index) else {
            return Ok(());
        };
        let text = date.to_string();
        match &mut column.kept {
            Kept::Date(_, builder)
                if column.value_map.is_none_or(|map| !map.contains_key(&text)) =>
            {
                builder.append_value(days_since_epoch(date));
                column.present += 1;
                Ok(())
            }
            Kept::Nothing | Kept::Text(_) | Kept::Date(..) | Kept::Number(..) => {
                column.put(self.file, &text, &place)
            }
        }
    }

    /// Says that a value kept as a date is beyond any calendar.
    pub(super) fn not_a_date(&self, index: usize, place: Place) -> Error {
        Error::NotADate {
            file: self.file.to_owned(),
            place,
            column: self.columns.get(index).map_or("", |column| column.name).to_owned(),
            format: "%Y-%m-%d".to_owned(),
        }
    }

    /// Returns the table as a record batch.
    pub(super) fn finish(self, totalled: &[String]) -> Result<Finished, Error> {
        let Self { file, mut columns, places, rows, seen, .. } = self;
        if let Which::Named(rows) = rows
            && let Some(&row) = rows.last()
            && row >= seen
        {
            return Err(Error::NoSuchRow { file: file.to_owned(), row, records: seen });
        }
        let mut caveats = Vec::new();
        let mut sums = Vec::new();
        for total in totalled {
            if !columns.iter().any(|column| column.name == total) {
                caveats.push(Caveat::NotSummed { column: total.clone() });
            }
        }
        for column in &columns {
            if let Some(sum) = column.sum {
                sums.push((column.name.to_owned(), sum));
            }
            if let Some((true, place)) = column.utf8 {
                caveats.push(Caveat::LooksLikeUtf8 { element: column.element.to_owned(), place });
            }
            let kept = !matches!(column.kept, Kept::Nothing);
            if kept && column.present == 0 && !places.is_empty() {
                caveats.push(Caveat::AllMissing { element: column.element.to_owned() });
            }
        }
        let batch = batch(columns.iter_mut(), places.len());
        Ok(Finished { batch, places, sums, caveats, seen })
    }
}

/// Makes a record batch of what the columns hold, and leaves them empty.
fn batch<'c, 'a: 'c>(
    columns: impl Iterator<Item = &'c mut Column<'a>>,
    rows: usize,
) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for column in columns {
        let array: ArrayRef = match &mut column.kept {
            Kept::Nothing => continue,
            Kept::Text(builder) => Arc::new(builder.finish()),
            Kept::Date(_, builder) => Arc::new(builder.finish()),
            Kept::Number(_, builder) => Arc::new(builder.finish()),
        };
        fields.push(Field::new(column.element, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(Schema::new(fields));
    // INVARIANT: `end_row` counts a place only after every column had its field put, so all are equally long.
    #[expect(clippy::expect_used, reason = "columns are of one length and typed as their builders")]
    RecordBatch::try_new_with_options(schema, arrays, &options)
        .expect("columns are of one length and typed as their builders")
}

impl Column<'_> {
    /// Puts the text of one field.
    // The place by reference: this is called for every field, and copying one stalls (written in two halves, read as one).
    fn put(&mut self, file: &Path, text: &str, place: &Place) -> Result<(), Error> {
        let text = match self.value_map {
            Some(map) => map.get(text).map_or(text, String::as_str),
            None => text,
        };
        let missing =
            !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && text.trim().is_empty();
        if !missing {
            self.present += 1;
        }
        let not_a_number = |decimals| Error::NotANumber {
            file: file.to_owned(),
            place: *place,
            column: self.name.to_owned(),
            decimals,
        };
        if let Some(sum) = &mut self.sum
            && !missing
        {
            let value =
                decimal::parse(text, SUM_DECIMALS).ok_or_else(|| not_a_number(SUM_DECIMALS))?;
            *sum = sum.checked_add(value).ok_or_else(|| not_a_number(SUM_DECIMALS))?;
        }
        match &mut self.kept {
            Kept::Nothing => {}
            Kept::Text(builder) if missing => builder.append_null(),
            Kept::Text(builder) => {
                if builder.values_slice().len() + text.len() > COLUMN_BYTES {
                    return Err(Error::ColumnTooLarge {
                        file: file.to_owned(),
                        place: *place,
                        column: self.name.to_owned(),
                    });
                }
                builder.append_value(text);
            }
            Kept::Date(_, builder) if missing => builder.append_null(),
            Kept::Date(format, builder) => {
                let date = Date::strptime(*format, text.trim()).map_err(|_| Error::NotADate {
                    file: file.to_owned(),
                    place: *place,
                    column: self.name.to_owned(),
                    format: (*format).to_owned(),
                })?;
                builder.append_value(days_since_epoch(date));
            }
            Kept::Number(_, builder) if missing => builder.append_null(),
            Kept::Number(decimals, builder) => {
                builder.append_value(
                    decimal::parse(text, *decimals).ok_or_else(|| not_a_number(*decimals))?,
                );
            }
        }
        Ok(())
    }

    pub(super) fn too_long(&self, file: &Path, place: Place, limits: Limits) -> Error {
        Error::FieldTooLong {
            file: file.to_owned(),
            place,
            column: self.name.to_owned(),
            limit: limits.field_bytes,
        }
    }
}

/// Returns the number that Arrow's `Date32` keeps for a date.
fn days_since_epoch(date: Date) -> i32 {
    const EPOCH: Date = Date::constant(1970, 1, 1);
    // The difference of two civil dates in days is exact and below four million.
    date.duration_since(EPOCH).as_hours().div_euclid(24).try_into().unwrap_or_default()
}

/// Sees that the values of `element` are there and all different.
pub(super) fn unique(finished: &Finished, file: &Path, element: &str) -> Result<(), Error> {
    let Some(column) = finished.batch.column_by_name(element) else {
        return Err(Error::IdNotRead { file: file.to_owned(), element: element.to_owned() });
    };
    let place = |row: usize| finished.places.get(row).copied().unwrap_or(Place::Record(0));
    if let Some(row) = (0..column.len()).find(|row| column.is_null(*row)) {
        return Err(Error::IdMissing {
            file: file.to_owned(),
            element: element.to_owned(),
            place: place(row),
        });
    }
    let twice = |first, second| Error::IdTwice {
        file: file.to_owned(),
        element: element.to_owned(),
        first: place(first),
        second: place(second),
    };
    match column.data_type() {
        DataType::Utf8 => {
            let column = column.as_string::<i32>();
            first_repeat(column.len(), |row| column.value(row))
        }
        DataType::Date32 => {
            let column = column.as_primitive::<Date32Type>();
            first_repeat(column.len(), |row| column.value(row))
        }
        _ => {
            let column = column.as_primitive::<Decimal128Type>();
            first_repeat(column.len(), |row| column.value(row))
        }
    }
    .map_or(Ok(()), |(first, second)| Err(twice(first, second)))
}

/// Finds the first row whose value an earlier one has, and that earlier one.
///
/// By sorting hashes rather than by a table of the values, which would be looked up all over memory.
fn first_repeat<T: std::hash::Hash + Eq>(
    rows: usize,
    value: impl Fn(usize) -> T,
) -> Option<(usize, usize)> {
    let state = RandomState::new();
    let mut hashes: Vec<(u64, usize)> =
        (0..rows).map(|row| (state.hash_one(value(row)), row)).collect();
    hashes.sort_unstable();
    let alike = hashes.chunk_by(|one, other| one.0 == other.0).filter(|rows| rows.len() > 1);
    let repeats = alike.flat_map(|rows| {
        rows.iter().enumerate().filter_map(|(place, (_, second))| {
            let earlier = rows.iter().take(place);
            let first = earlier.map(|(_, row)| *row).find(|row| value(*row) == value(*second))?;
            Some((first, *second))
        })
    });
    repeats.min_by_key(|(_, second)| *second)
}
