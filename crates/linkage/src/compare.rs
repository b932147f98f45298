//! Compares the two records of a pair: one level a comparison, packed into a pattern.
//!
//! Sixth step of the path, after blocking and before scoring. The kernels are free functions in the modules below, plain
//! and over characters (Unicode scalar values), never bytes: `José` is one substitution away from `Jose`, as `Jxse` is.
//! This file turns a model's levels into calls of them, and remembers what two values came to, because few values make
//! many pairs. It is the definition: whatever compares faster gives the same levels. It doesn't weigh anything, and it
//! doesn't choose which pairs to look at.

pub mod date;
pub mod exact;
pub(crate) mod grader;
pub mod gram;
pub(crate) mod likeness;
pub mod list;
pub mod number;
pub mod phonetic;
pub mod place;
pub mod prepared;
pub(crate) mod simd;
pub mod text;
mod words;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::compare::likeness::{Likeness, Stated};
use crate::expression::{Condition, Expression};
use crate::model::{Comparison, On, Test};
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables};

/// Compares pairs of records by the comparisons of a model.
///
/// It remembers what it worked out, so one is kept for a whole run. What it remembers never changes an answer.
pub struct Comparer<'t> {
    tables: &'t Tables,
    comparisons: Vec<Compiled>,
}

/// One comparison, its column names looked up.
pub(crate) struct Compiled {
    pub(crate) column: usize,
    pub(crate) parts: Vec<PartTest>,
    pub(crate) wide: Vec<(u8, Wide)>,
    pub(crate) otherwise: u8,
}

/// The levels of one comparison that look at the same column and at no other.
pub(crate) struct PartTest {
    pub(crate) column: usize,
    pub(crate) tests: Vec<(u8, Test)>,
    pub(crate) literals: Vec<Stated>,
    /// Whether no test asks which record has which value.
    pub(crate) symmetric: bool,
    /// The first level that holds, or [`NONE_HOLDS`], by the two codes, the smaller first where that makes no difference.
    known: FxHashMap<u64, u8>,
}

/// A test that looks at several columns, its column names looked up.
pub(crate) enum Wide {
    One(usize, Test, Vec<Stated>),
    Reversed(usize, usize),
    Expression(Box<Condition>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

pub(crate) const NONE_HOLDS: u8 = u8::MAX;

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
    pub(crate) fn new(tables: &Tables, comparison: &Comparison) -> Result<Self> {
        let place = format!("comparison `{}`", comparison.name);
        let column = tables.column_index(&place, &comparison.column)?;
        let mut parts: Vec<PartTest> = Vec::new();
        let mut wide = Vec::new();
        let mut otherwise = Pattern::NULL;
        for (level, number) in comparison.levels.iter().zip(1..) {
            let own = match &level.column {
                None => column,
                Some(other) => tables.column_index(&place, other)?,
            };
            if level.test == Test::Else {
                otherwise = number;
            } else if !level.test.other_columns().is_empty() {
                wide.push((number, Wide::new(tables, &place, own, &level.test)?));
            } else if let Some(part) = parts.iter_mut().find(|part| part.column == own) {
                part.take(tables, number, &level.test);
            } else {
                let mut part = PartTest::new(own);
                part.take(tables, number, &level.test);
                parts.push(part);
            }
        }
        Ok(Self { column, parts, wide, otherwise })
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
        for (number, test) in &self.wide {
            if *number < first && test.holds(tables, source, recipient) == Some(true) {
                first = *number;
            }
        }
        first
    }
}

impl Wide {
    /// Looks up the columns of a test that is asked of a comparison's column.
    pub(crate) fn new(tables: &Tables, place: &str, column: usize, test: &Test) -> Result<Self> {
        let several = |tests: &[Test]| -> Result<Vec<Self>> {
            tests.iter().map(|test| Self::new(tables, place, column, test)).collect()
        };
        Ok(match test {
            Test::On(On { column, test }) => {
                Self::new(tables, place, tables.column_index(place, column)?, test)?
            }
            Test::Reversed(other) => Self::Reversed(column, tables.column_index(place, other)?),
            Test::Expression(sql) => {
                let expression = Expression::read(place, sql, tables.columns())?;
                Self::Expression(Box::new(expression.on(tables)?))
            }
            test if test.other_columns().is_empty() => {
                let values = tables.values(column);
                let literals =
                    Stated::all(&tables.columns()[column], values, std::iter::once(test));
                Self::One(column, test.clone(), literals)
            }
            Test::All(tests) => Self::All(several(tests)?),
            Test::Any(tests) => Self::Any(several(tests)?),
            Test::Not(test) => Self::Not(Box::new(Self::new(tables, place, column, test)?)),
            // The rest look at one column alone, and were taken above.
            Test::Exact
            | Test::Jaro(_)
            | Test::JaroWinkler(_)
            | Test::Levenshtein(_)
            | Test::OptimalAlignment(_)
            | Test::Damerau(_)
            | Test::Jaccard(_)
            | Test::Cosine(_)
            | Test::Prefix(_)
            | Test::Suffix(_)
            | Test::Sounds(_)
            | Test::Days(_)
            | Test::Months(_)
            | Test::Years(_)
            | Test::DayMonthSwapped
            | Test::Seconds(_)
            | Test::Within(_)
            | Test::Percent(_)
            | Test::Kilometres(_)
            | Test::Shared(_)
            | Test::Subset
            | Test::SomeItem(_)
            | Test::Literal(_)
            | Test::Else => Self::One(column, test.clone(), Vec::new()),
        })
    }

    /// Says whether it holds of two records, where both have what it looks at.
    pub(crate) fn holds(
        &self,
        tables: &Tables,
        source: RecordRef,
        recipient: RecordRef,
    ) -> Option<bool> {
        match self {
            Self::One(column, test, literals) => {
                let left = tables.codes(*column, Side::Source)[source.index()];
                let right = tables.codes(*column, Side::Recipient)[recipient.index()];
                if left == NO_VALUE || right == NO_VALUE {
                    return None;
                }
                Likeness::new(tables.values(*column), literals, left, right).holds(test)
            }
            Self::Reversed(main, other) => reversed(tables, *main, *other, source, recipient),
            Self::Expression(condition) => condition.holds(tables, source, recipient),
            Self::All(tests) => {
                likeness::all(tests.iter().map(|test| test.holds(tables, source, recipient)))
            }
            Self::Any(tests) => {
                likeness::any(tests.iter().map(|test| test.holds(tables, source, recipient)))
            }
            Self::Not(test) => test.holds(tables, source, recipient).map(|holds| !holds),
        }
    }
}

/// Whether each record has in the other column what the other record has in the first.
///
/// Two columns have two dictionaries, so this one test compares the values themselves.
fn reversed(
    tables: &Tables,
    main: usize,
    other: usize,
    source: RecordRef,
    recipient: RecordRef,
) -> Option<bool> {
    let left = tables.codes(main, Side::Source)[source.index()];
    let right = tables.codes(main, Side::Recipient)[recipient.index()];
    let left_other = tables.codes(other, Side::Source)[source.index()];
    let right_other = tables.codes(other, Side::Recipient)[recipient.index()];
    if [left, right, left_other, right_other].contains(&NO_VALUE) {
        return None;
    }
    Some(
        exact::equal(tables.values(main), left, tables.values(other), right_other)
            && exact::equal(tables.values(main), right, tables.values(other), left_other),
    )
}

impl PartTest {
    fn new(column: usize) -> Self {
        Self {
            column,
            tests: Vec::new(),
            literals: Vec::new(),
            symmetric: true,
            known: FxHashMap::default(),
        }
    }

    fn take(&mut self, tables: &Tables, number: u8, test: &Test) {
        let (column, values) = (&tables.columns()[self.column], tables.values(self.column));
        self.literals.extend(Stated::all(column, values, std::iter::once(test)));
        self.symmetric &= test.is_symmetric();
        self.tests.push((number, test.clone()));
    }

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
        let (one, other) =
            if self.symmetric { (left.min(right), left.max(right)) } else { (left, right) };
        let key = u64::from(one) << 32 | u64::from(other);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        let mut likeness = Likeness::new(tables.values(self.column), &self.literals, one, other);
        let level = self
            .tests
            .iter()
            .find(|(_, test)| likeness.holds(test) == Some(true))
            .map_or(NONE_HOLDS, |(number, _)| *number);
        self.known.insert(key, level);
        level
    }
}
