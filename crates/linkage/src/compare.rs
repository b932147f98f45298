//! Compares the two records of a pair: one level a comparison, packed into a pattern.
//!
//! Sixth step of the path, after blocking and before scoring. The kernels are free functions in the modules below, plain
//! and over characters (Unicode scalar values), never bytes: `José` is one substitution away from `Jose`, as `Jxse` is.
//! This file turns a model's levels into calls of them, and remembers what two values came to, because few values make
//! many pairs. It doesn't weigh anything, and it doesn't choose which pairs to look at.

pub mod date;
pub mod exact;
pub mod number;
pub mod text;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::model::{Comparison, Test};
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables, Values};

/// Compares pairs of records by the comparisons of a model.
///
/// It remembers what it worked out, so one is kept for a whole run. What it remembers never changes an answer.
pub struct Comparer<'t> {
    tables: &'t Tables,
    comparisons: Vec<Compiled>,
}

/// One comparison, its column names looked up.
struct Compiled {
    column: usize,
    parts: Vec<PartTest>,
    reversed: Vec<(u8, usize)>,
    otherwise: u8,
}

/// The levels of one comparison that look at the same column.
struct PartTest {
    column: usize,
    tests: Vec<(u8, Test)>,
    /// The first level that holds, or [`NONE_HOLDS`], by the two codes, the smaller first: every test is symmetric.
    known: FxHashMap<u64, u8>,
}

const NONE_HOLDS: u8 = u8::MAX;

/// What is remembered for one column is forgotten at this many value pairs, so that memory has a bound.
const MOST_KNOWN: usize = 4_000_000;

impl<'t> Comparer<'t> {
    /// Looks up the columns of the comparisons in the tables.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownColumn`] where the tables were prepared without one.
    pub fn new(tables: &'t Tables, comparisons: &[Comparison]) -> Result<Self> {
        let comparisons = comparisons
            .iter()
            .map(|comparison| Compiled::new(tables, comparison))
            .collect::<Result<_>>()?;
        Ok(Self { tables, comparisons })
    }

    /// Returns the pattern of a pair.
    pub fn pattern(&mut self, source: RecordRef, recipient: RecordRef) -> Pattern {
        let mut pattern = Pattern::default();
        for (index, comparison) in self.comparisons.iter_mut().enumerate() {
            pattern = pattern.with(index, comparison.level(self.tables, source, recipient));
        }
        pattern
    }
}

impl std::fmt::Debug for Comparer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Comparer({} comparisons, [redacted])", self.comparisons.len())
    }
}

impl Compiled {
    fn new(tables: &Tables, comparison: &Comparison) -> Result<Self> {
        let place = format!("comparison `{}`", comparison.name);
        let column = tables.column_index(&place, &comparison.column)?;
        let mut parts: Vec<PartTest> = Vec::new();
        let mut reversed = Vec::new();
        let mut otherwise = Pattern::NULL;
        for (level, number) in comparison.levels.iter().zip(1..) {
            match &level.test {
                Test::Else => otherwise = number,
                Test::Reversed(other) => {
                    reversed.push((number, tables.column_index(&place, other)?));
                }
                test => {
                    let own = match &level.column {
                        None => column,
                        Some(other) => tables.column_index(&place, other)?,
                    };
                    match parts.iter_mut().find(|part| part.column == own) {
                        Some(part) => part.tests.push((number, test.clone())),
                        None => parts.push(PartTest {
                            column: own,
                            tests: vec![(number, test.clone())],
                            known: FxHashMap::default(),
                        }),
                    }
                }
            }
        }
        Ok(Self { column, parts, reversed, otherwise })
    }

    fn level(&mut self, tables: &Tables, source: RecordRef, recipient: RecordRef) -> u8 {
        let left = tables.codes(self.column, Side::Source)[source.index()];
        let right = tables.codes(self.column, Side::Recipient)[recipient.index()];
        if left == NO_VALUE || right == NO_VALUE {
            return Pattern::NULL;
        }
        // Each column's first level that holds; the first of those is the first of all.
        let mut first = self.otherwise;
        for part in &mut self.parts {
            first = first.min(part.first_level(tables, source, recipient));
        }
        for (number, other) in &self.reversed {
            if *number < first && is_reversed(tables, self.column, *other, source, recipient) {
                first = *number;
            }
        }
        first
    }
}

/// Whether each record has in the other column what the other record has in the first.
///
/// Two columns have two dictionaries, so this one test compares the values themselves.
fn is_reversed(
    tables: &Tables,
    main: usize,
    other: usize,
    source: RecordRef,
    recipient: RecordRef,
) -> bool {
    let left = tables.codes(main, Side::Source)[source.index()];
    let right = tables.codes(main, Side::Recipient)[recipient.index()];
    let left_other = tables.codes(other, Side::Source)[source.index()];
    let right_other = tables.codes(other, Side::Recipient)[recipient.index()];
    left_other != NO_VALUE
        && right_other != NO_VALUE
        && exact::equal(tables.values(main), left, tables.values(other), right_other)
        && exact::equal(tables.values(main), right, tables.values(other), left_other)
}

impl PartTest {
    fn first_level(&mut self, tables: &Tables, source: RecordRef, recipient: RecordRef) -> u8 {
        let left = tables.codes(self.column, Side::Source)[source.index()];
        let right = tables.codes(self.column, Side::Recipient)[recipient.index()];
        if left == NO_VALUE || right == NO_VALUE {
            return NONE_HOLDS;
        }
        if left == right
            && let Some((number, Test::Exact)) = self.tests.first()
        {
            return *number;
        }
        let (low, high) = (left.min(right), left.max(right));
        let key = u64::from(low) << 32 | u64::from(high);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let level = first_level(tables.values(self.column), low, high, &self.tests);
        self.known.insert(key, level);
        level
    }
}

/// Returns the first level whose test holds of two values, working each likeness out at most once.
fn first_level(values: &Values, low: u32, high: u32, tests: &[(u8, Test)]) -> u8 {
    let mut likeness = Likeness::new(values, low, high);
    tests.iter().find(|(_, test)| likeness.holds(test)).map_or(NONE_HOLDS, |(number, _)| *number)
}

/// Two values and what has been worked out of them so far.
struct Likeness<'t> {
    values: &'t Values,
    low: u32,
    high: u32,
    jaro: Option<f64>,
    jaro_winkler: Option<f64>,
    levenshtein: Option<usize>,
    optimal_alignment: Option<usize>,
    damerau: Option<usize>,
}

impl<'t> Likeness<'t> {
    fn new(values: &'t Values, low: u32, high: u32) -> Self {
        Self {
            values,
            low,
            high,
            jaro: None,
            jaro_winkler: None,
            levenshtein: None,
            optimal_alignment: None,
            damerau: None,
        }
    }

    fn holds(&mut self, test: &Test) -> bool {
        match test {
            Test::Exact => self.low == self.high,
            Test::Jaro(least) => {
                let (one, other) = &self.characters();
                *self.jaro.get_or_insert_with(|| text::jaro(one, other)) >= *least
            }
            Test::JaroWinkler(least) => {
                let (one, other) = &self.characters();
                *self.jaro_winkler.get_or_insert_with(|| text::jaro_winkler(one, other)) >= *least
            }
            Test::Levenshtein(most) => {
                let (one, other) = &self.characters();
                *self.levenshtein.get_or_insert_with(|| text::levenshtein(one, other))
                    <= *most as usize
            }
            Test::OptimalAlignment(most) => {
                let (one, other) = &self.characters();
                *self.optimal_alignment.get_or_insert_with(|| text::optimal_alignment(one, other))
                    <= *most as usize
            }
            Test::Damerau(most) => {
                let (one, other) = &self.characters();
                *self.damerau.get_or_insert_with(|| text::damerau(one, other)) <= *most as usize
            }
            Test::Days(most) => {
                self.dates().is_some_and(|(one, other)| date::within_days(one, other, *most))
            }
            Test::Months(most) => {
                self.dates().is_some_and(|(one, other)| date::within_months(one, other, *most))
            }
            Test::Years(most) => {
                self.dates().is_some_and(|(one, other)| date::within_years(one, other, *most))
            }
            Test::DayMonthSwapped => {
                self.dates().is_some_and(|(one, other)| date::day_month_swapped(one, other))
            }
            Test::Within(most) => {
                self.numbers().is_some_and(|(one, other)| number::within(one, other, *most))
            }
            Test::Percent(most) => {
                self.numbers().is_some_and(|(one, other)| number::within_percent(one, other, *most))
            }
            Test::Reversed(_) => false,
            Test::Else => true,
        }
    }

    /// The characters of both; none where the values are numbers, which the model doesn't allow.
    fn characters(&self) -> (Vec<char>, Vec<char>) {
        match self.values {
            Values::Text(texts) | Values::Dates(_, texts) => {
                let letters = |code: u32| texts.get(code as usize - 1).chars().collect();
                (letters(self.low), letters(self.high))
            }
            Values::Numbers(_) => (Vec::new(), Vec::new()),
        }
    }

    fn dates(&self) -> Option<(jiff::civil::Date, jiff::civil::Date)> {
        match self.values {
            Values::Dates(dates, _) => {
                Some((dates[self.low as usize - 1], dates[self.high as usize - 1]))
            }
            Values::Text(_) | Values::Numbers(_) => None,
        }
    }

    fn numbers(&self) -> Option<(f64, f64)> {
        match self.values {
            Values::Numbers(numbers) => {
                Some((numbers[self.low as usize - 1], numbers[self.high as usize - 1]))
            }
            Values::Text(_) | Values::Dates(..) => None,
        }
    }
}
