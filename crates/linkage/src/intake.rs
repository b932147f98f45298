//! Takes record batches in: cells to prepared values to codes, column by column and batch by batch.
//!
//! The first half of the third step, under `tables`. A batch can be let go as soon as it is taken in, so tables larger
//! than would fit as batches can be read. Columns are prepared on several threads, each column by one at a time. A raw
//! cell that comes again is looked up, not prepared again, as long as that pays. It opens no file.

use std::num::NonZeroUsize;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use jiff::Timestamp;
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::cell::{find_array, read_cell};
use crate::compare::list::Lists;
use crate::compare::place::Place;
use crate::dictionary::{Numbers, TextNumbers, Texts};
use crate::model::{Column, Kind, Link, Step};
use crate::parallel::share;
use crate::prepare::{Preparation, Value};
use crate::record::Side;
use crate::tables::{MOST_ROWS, Missing, NO_VALUE, PreparedColumn, Tables, Values};
use crate::{Error, Result};

/// Tables while their batches are being taken in.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, RecordBatch, StringArray};
/// use linkage::{Intake, Link, Side};
/// # let columns: Vec<linkage::model::Column> = Vec::new();
///
/// let mut intake = Intake::new(&columns, Link::Between, NonZeroUsize::MIN).with_id(Side::Source, "id");
/// for ids in [["a", "b"], ["c", "d"]] {
///     let ids: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
///     intake.take(Side::Source, &[RecordBatch::try_from_iter([("id", ids)])?])?;
/// }
/// let tables = intake.finish();
/// assert_eq!((tables.records(Side::Source), tables.records(Side::Recipient)), (4, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Intake<'c> {
    link: Link,
    threads: NonZeroUsize,
    columns: Vec<Taken<'c>>,
    ids: [Option<(String, Texts)>; 2],
    rows: [usize; 2],
}

impl<'c> Intake<'c> {
    /// Begins with no record on either side. Linking within one table, all are the source's.
    pub fn new(columns: &'c [Column], link: Link, threads: NonZeroUsize) -> Self {
        Self {
            link,
            threads,
            columns: columns.iter().map(Taken::new).collect(),
            ids: [None, None],
            rows: [0; 2],
        }
    }

    /// Says which column the caller knows the records of a side by. It is kept as it is, and never compared.
    #[must_use]
    pub fn with_id(mut self, side: Side, column: &str) -> Self {
        self.ids[place_of(side)] = Some((column.to_owned(), Texts::default()));
        self
    }

    /// Takes the next batches of a side in, in the order of their records.
    ///
    /// # Errors
    ///
    /// [`Error::MissingColumn`] and [`Error::UnreadableColumn`] for what the columns ask and a batch hasn't, and
    /// [`Error::TooManyRows`].
    pub fn take(&mut self, side: Side, batches: &[RecordBatch]) -> Result<()> {
        let rows = &mut self.rows[place_of(side)];
        *rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        if *rows > MOST_ROWS {
            return Err(Error::TooManyRows { side, rows: *rows, limit: MOST_ROWS });
        }
        if let Some((column, ids)) = &mut self.ids[place_of(side)] {
            for batch in batches {
                take_ids(column, side, batch, ids)?;
            }
        }
        let columns = self.columns.iter_mut().collect();
        let done = share(self.threads.get(), columns, |column: &mut Taken<'_>| {
            batches.iter().try_for_each(|batch| column.take(side, batch))
        });
        done.into_iter().collect()
    }

    /// Puts every column's values in order, and ends the taking in.
    pub fn finish(self) -> Tables {
        let columns: Vec<Column> = self.columns.iter().map(|taken| taken.column.clone()).collect();
        let sides: &[Side] = match self.link {
            Link::Between | Link::Both => &[Side::Source, Side::Recipient],
            Link::Within => &[Side::Source],
        };
        let missing = self.columns.iter().flat_map(|taken| {
            sides.iter().map(|side| taken.missing[place_of(*side)].told(taken.column, *side))
        });
        let missing = missing.collect();
        // The columns with most values first, so that no thread is left with one of them at the end.
        let mut taken: Vec<(usize, Taken<'_>)> = self.columns.into_iter().enumerate().collect();
        taken.sort_by_key(|(_, taken)| std::cmp::Reverse(taken.values.len()));
        let mut prepared = share(self.threads.get(), taken, |(place, taken)| {
            (place, taken.finish(self.link == Link::Both))
        });
        prepared.sort_by_key(|(place, _)| *place);
        let prepared = prepared.into_iter().map(|(_, prepared)| prepared).collect();
        let [source_ids, recipient_ids] = self.ids.map(|ids| ids.map(|(_, ids)| ids));
        Tables::of_parts(
            self.link,
            columns,
            prepared,
            [(self.rows[0], source_ids), (self.rows[1], recipient_ids)],
            missing,
            self.threads,
        )
    }
}

impl std::fmt::Debug for Intake<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Intake({:?} rows, [redacted])", self.rows)
    }
}

fn place_of(side: Side) -> usize {
    match side {
        Side::Source => 0,
        Side::Recipient => 1,
    }
}

fn take_ids(column: &str, side: Side, batch: &RecordBatch, ids: &mut Texts) -> Result<()> {
    let array = find_array(column, side, batch)?;
    for row in 0..batch.num_rows() {
        match TextArray::of(array) {
            Some(texts) => ids.push(texts.get(row).unwrap_or_default()),
            None => ids.push(&read_cell(column, side, array, row)?.into_text()),
        }
    }
    Ok(())
}

/// What became of a cell.
#[derive(Clone, Copy)]
enum Outcome {
    /// A value of this number.
    Numbered(u32),
    Absent,
    Placeholder,
    Unreadable,
}

/// One column while it is taken in.
struct Taken<'c> {
    column: &'c Column,
    preparation: Preparation<'c>,
    /// Whether texts of ASCII need none of what only other characters do.
    plain: bool,
    /// Whether a text is taken as it stands.
    bare: bool,
    values: Kept,
    known: Known,
    numbers: [Vec<u32>; 2],
    missing: [Lacking; 2],
    scratch: Vec<u8>,
}

/// The values of a column so far.
enum Kept {
    Texts(TextNumbers),
    Dates(Numbers<Date>),
    Numbers(Numbers<Ordered>),
    Times(Numbers<Timestamp>),
    Places(Numbers<Place>),
    Lists(Numbers<Vec<String>>),
}

/// The cells that had no value.
#[derive(Default)]
struct Lacking {
    records: u64,
    absent: u64,
    placeholders: u64,
    unreadable: u64,
}

impl Lacking {
    fn told(&self, column: &Column, side: Side) -> Missing {
        Missing {
            column: column.name.clone(),
            side,
            records: self.records,
            absent: self.absent,
            placeholders: self.placeholders,
            unreadable: self.unreadable,
        }
    }
}

/// What raw cells came to.
struct Known {
    outcomes: Option<FxHashMap<Box<str>, Outcome>>,
    asked: u32,
    found: u32,
}

/// The most raw cells of a column that are remembered.
const MOST_KNOWN: usize = 1 << 16;

/// After this many cells it is decided whether remembering pays.
const TRIED: u32 = 1 << 14;

impl Known {
    fn get(&mut self, text: &str) -> Option<Outcome> {
        let outcomes = self.outcomes.as_ref()?;
        let outcome = outcomes.get(text).copied();
        self.asked += 1;
        self.found += u32::from(outcome.is_some());
        if self.asked == TRIED {
            if self.found < TRIED / 2 {
                self.outcomes = None;
            }
            (self.asked, self.found) = (0, 0);
        }
        outcome
    }

    fn put(&mut self, text: &str, outcome: Outcome) {
        if let Some(outcomes) = &mut self.outcomes
            && outcomes.len() < MOST_KNOWN
        {
            outcomes.insert(text.into(), outcome);
        }
    }
}

impl<'c> Taken<'c> {
    fn new(column: &'c Column) -> Self {
        let preparation = Preparation::new(column);
        Self {
            column,
            bare: column.kind == Kind::Text
                && column.steps.is_empty()
                && preparation.knows_no_placeholder(),
            preparation,
            plain: column.kind == Kind::Text
                && !column.presence
                && !column.steps.iter().any(|step| matches!(step, Step::Extract { .. })),
            values: match &column.kind {
                Kind::Text => Kept::Texts(TextNumbers::default()),
                Kind::Date(_) => Kept::Dates(Numbers::default()),
                Kind::Number => Kept::Numbers(Numbers::default()),
                Kind::Time(_) => Kept::Times(Numbers::default()),
                Kind::Place => Kept::Places(Numbers::default()),
                Kind::List(_) => Kept::Lists(Numbers::default()),
            },
            known: Known { outcomes: Some(FxHashMap::default()), asked: 0, found: 0 },
            numbers: [Vec::new(), Vec::new()],
            missing: [Lacking::default(), Lacking::default()],
            scratch: Vec::new(),
        }
    }

    fn take(&mut self, side: Side, batch: &RecordBatch) -> Result<()> {
        let own = match side {
            Side::Source => &self.column.source,
            Side::Recipient => &self.column.recipient,
        };
        let names = if self.column.from.is_empty() { own } else { &self.column.from };
        let arrays =
            names.iter().map(|name| find_array(name, side, batch)).collect::<Result<Vec<_>>>()?;
        self.numbers[place_of(side)].reserve(batch.num_rows());
        if let [array] = arrays[..]
            && let Some(kind) = TextArray::of(array)
        {
            for row in 0..batch.num_rows() {
                let outcome = match kind.get(row) {
                    None if self.column.presence => self.of_text(""),
                    None => Outcome::Absent,
                    Some(text) => self.of_text(text),
                };
                self.put(side, outcome);
            }
            return Ok(());
        }
        for row in 0..batch.num_rows() {
            let cells = names
                .iter()
                .zip(&arrays)
                .map(|(name, array)| read_cell(name, side, *array, row))
                .collect::<Result<Vec<_>>>()?;
            let outcome = self.values.put(self.preparation.value(&cells));
            self.put(side, outcome);
        }
        Ok(())
    }

    fn put(&mut self, side: Side, outcome: Outcome) {
        let missing = &mut self.missing[place_of(side)];
        missing.records += 1;
        let number = match outcome {
            Outcome::Numbered(number) => number,
            Outcome::Absent => {
                missing.absent += 1;
                NO_VALUE
            }
            Outcome::Placeholder => {
                missing.placeholders += 1;
                NO_VALUE
            }
            Outcome::Unreadable => {
                missing.unreadable += 1;
                NO_VALUE
            }
        };
        self.numbers[place_of(side)].push(number);
    }

    fn of_text(&mut self, text: &str) -> Outcome {
        if self.bare
            && let Kept::Texts(numbers) = &mut self.values
        {
            return match text {
                "" => Outcome::Absent,
                text => Outcome::Numbered(numbers.number(text)),
            };
        }
        if let Some(outcome) = self.known.get(text) {
            return outcome;
        }
        let outcome = match (&mut self.values, self.plain && text.is_ascii()) {
            (Kept::Texts(numbers), true) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(text.as_bytes());
                apply_to_ascii(&self.column.steps, &mut self.scratch);
                match std::str::from_utf8(&self.scratch) {
                    Ok("") | Err(_) => Outcome::Absent,
                    Ok(text) if self.preparation.is_placeholder(text) => Outcome::Placeholder,
                    Ok(text) => Outcome::Numbered(numbers.number(text)),
                }
            }
            _ => self.values.put(self.preparation.value_of_text(text)),
        };
        self.known.put(text, outcome);
        outcome
    }

    fn finish(self, one_side: bool) -> PreparedColumn {
        let (values, places) = match self.values {
            Kept::Texts(numbers) => {
                let (texts, places) = numbers.in_order();
                (Values::Text(texts), places)
            }
            Kept::Dates(numbers) => {
                let (dates, places) = numbers.in_order();
                let texts = dates.iter().map(Date::to_string).collect();
                (Values::Dates(dates, texts), places)
            }
            Kept::Numbers(numbers) => {
                let (numbers, places) = numbers.in_order();
                let numbers = numbers.into_iter().map(|Ordered(number)| number).collect();
                (Values::Numbers(numbers), places)
            }
            Kept::Times(numbers) => {
                let (times, places) = numbers.in_order();
                (Values::Times(times), places)
            }
            Kept::Places(numbers) => {
                let (globe, places) = numbers.in_order();
                (Values::Places(globe), places)
            }
            Kept::Lists(numbers) => {
                let (lists, places) = numbers.in_order();
                (Values::Lists(Lists::new(&lists)), places)
            }
        };
        let [mut source, mut recipient] = self.numbers;
        if one_side {
            source.append(&mut recipient);
        }
        for code in source.iter_mut().chain(&mut recipient) {
            *code = places[*code as usize];
        }
        source.shrink_to_fit();
        recipient.shrink_to_fit();
        PreparedColumn { values, source, recipient }
    }
}

impl Kept {
    fn len(&self) -> usize {
        match self {
            Self::Texts(numbers) => numbers.len(),
            Self::Dates(numbers) => numbers.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Times(numbers) => numbers.len(),
            Self::Places(numbers) => numbers.len(),
            Self::Lists(numbers) => numbers.len(),
        }
    }

    fn put(&mut self, value: Value) -> Outcome {
        match (value, self) {
            (Value::Absent, _) => Outcome::Absent,
            (Value::Placeholder, _) => Outcome::Placeholder,
            (Value::Text(text), Self::Texts(numbers)) => Outcome::Numbered(numbers.number(&text)),
            (Value::Date(date), Self::Dates(numbers)) => Outcome::Numbered(numbers.number(date)),
            (Value::Number(number), Self::Numbers(numbers)) => {
                Outcome::Numbered(numbers.number(Ordered(number)))
            }
            (Value::Time(time), Self::Times(numbers)) => Outcome::Numbered(numbers.number(time)),
            (Value::Place(place), Self::Places(numbers)) => {
                Outcome::Numbered(numbers.number(place))
            }
            (Value::List(items), Self::Lists(numbers)) => Outcome::Numbered(numbers.number(items)),
            // Preparation gives no value of another kind than the column's.
            (
                Value::Unreadable
                | Value::Text(_)
                | Value::Date(_)
                | Value::Number(_)
                | Value::Time(_)
                | Value::Place(_)
                | Value::List(_),
                _,
            ) => Outcome::Unreadable,
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

impl std::hash::Hash for Ordered {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A column of text, its type looked up once.
#[derive(Clone, Copy)]
enum TextArray<'a> {
    Short(&'a arrow_array::StringArray),
    Long(&'a arrow_array::LargeStringArray),
    Views(&'a arrow_array::StringViewArray),
}

impl<'a> TextArray<'a> {
    fn of(array: &'a dyn Array) -> Option<Self> {
        match array.data_type() {
            DataType::Utf8 => Some(Self::Short(array.as_string())),
            DataType::LargeUtf8 => Some(Self::Long(array.as_string())),
            DataType::Utf8View => Some(Self::Views(array.as_string_view())),
            _ => None,
        }
    }

    fn get(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Short(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Long(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Views(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// Puts a text of ASCII through steps, as [`crate::prepare::apply`] does any text.
fn apply_to_ascii(steps: &[Step], text: &mut Vec<u8>) {
    for step in steps {
        match step {
            // There is nothing to compose in ASCII, and no diacritic; a byte is its own character; and a column with a
            // pattern doesn't come here.
            Step::Compose | Step::FoldDiacritics | Step::AsBytes | Step::Extract { .. } => {}
            Step::Trim => trim(text),
            Step::FoldCase => text.make_ascii_lowercase(),
            Step::CollapseSpaces => {
                let mut spaced = false;
                text.retain_mut(|letter| {
                    let (before, here) = (spaced, is_space(*letter));
                    spaced = here;
                    if here {
                        *letter = b' ';
                    }
                    !(before && here)
                });
            }
            Step::RemoveSpaces => text.retain(|letter| !is_space(*letter)),
            Step::StripPunctuation => {
                text.retain(|letter| letter.is_ascii_alphanumeric() || is_space(*letter));
            }
            Step::DigitsOnly => text.retain(u8::is_ascii_digit),
            Step::StripLeadingZeros => {
                let zeros = text.iter().take_while(|letter| **letter == b'0').count();
                text.drain(..zeros);
            }
            Step::Before(mark) => {
                let mark = mark.as_bytes();
                let found = text.windows(mark.len().max(1)).position(|window| window == mark);
                if let Some(found) = found {
                    text.truncate(found);
                }
            }
            Step::Part { start, length } => {
                text.drain(..text.len().min(*start as usize - 1));
                text.truncate(*length as usize);
            }
        }
    }
}

fn trim(text: &mut Vec<u8>) {
    let kept = text.iter().rposition(|letter| !is_space(*letter)).map_or(0, |last| last + 1);
    text.truncate(kept);
    let spaces = text.iter().take_while(|letter| is_space(**letter)).count();
    text.drain(..spaces);
}

/// White space as Unicode has it, as far as ASCII goes.
fn is_space(letter: u8) -> bool {
    matches!(letter, b'\t'..=b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prepare::apply;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop::sample::select(vec![
            Step::Compose,
            Step::Trim,
            Step::FoldCase,
            Step::CollapseSpaces,
            Step::RemoveSpaces,
            Step::StripPunctuation,
            Step::DigitsOnly,
            Step::FoldDiacritics,
            Step::StripLeadingZeros,
            Step::Before("@".to_owned()),
            Step::Before("ab".to_owned()),
            Step::Part { start: 2, length: 3 },
            Step::AsBytes,
        ]);
        prop::collection::vec(step, 0..6)
    }

    proptest! {
        #[test]
        fn ascii_comes_to_what_any_text_comes_to(steps in steps(), text in "[\\x00-\\x7f]{0,12}|[ 0aAbB@.\t]{0,12}") {
            let mut bytes = text.clone().into_bytes();
            apply_to_ascii(&steps, &mut bytes);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), apply(&steps, &text));
        }
    }
}
