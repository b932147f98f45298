//! The levels of one column, made ready to be asked of many pairs of values.
//!
//! A [`Grader`] gives of two values the level that the plain comparer gives, and works on words where that works on
//! tables: each function is worked out once for all levels that grade by it, and only as far as the loosest of them
//! asks; q-grams, sounds and calendar days are worked out once a value. Whoever compares pairs builds one for the levels
//! that look at one column, and asks for many at once; it remembers nothing between pairs and can be asked from several
//! threads. Levels that look at several columns are [`super::Wide`]'s.

#![expect(
    clippy::inline_always,
    reason = "a kernel takes on its caller's instructions only where it is inlined"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, date};
use rustc_hash::FxHashMap;

use crate::compare::likeness::{self, Likeness, Stated};
use crate::compare::list::shared;
use crate::compare::phonetic;
use crate::compare::prepared::{Distance, Floor, Prepared};
use crate::compare::simd::{Processor, Work};
use crate::dictionary::Texts;
use crate::model::{Column, On, Phonetic, Test};
use crate::tables::Values;

/// The levels of one comparison that look at one column, and that column's values as they ask for them.
pub(crate) struct Grader<'t> {
    processor: Processor,
    values: &'t Values,
    literals: Vec<Stated>,
    prepared: Option<Arc<Prepared>>,
    tests: Vec<(u8, Quick)>,
    jaro: Floor,
    jaro_winkler: Floor,
    levenshtein: u32,
    optimal_alignment: u32,
    damerau: u32,
    sets: Vec<Sets>,
    days: Vec<Day>,
    symmetric: bool,
}

/// A test as it is asked here.
enum Quick {
    Exact,
    Jaro(f64),
    JaroWinkler(f64),
    Levenshtein(u32),
    OptimalAlignment(u32),
    Damerau(u32),
    Jaccard(usize, f64),
    Cosine(usize, f64),
    Sounds(usize),
    Days(u32),
    Months(u32),
    Years(u32),
    DayMonthSwapped,
    SomeItem(Box<Test>, usize),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Else,
    /// One that is quick as it is.
    Plain(Test),
}

/// What has been worked out of two values so far.
#[derive(Default)]
struct Known {
    jaro: Option<f64>,
    jaro_winkler: Option<f64>,
    levenshtein: Option<u32>,
    optimal_alignment: Option<u32>,
    damerau: Option<u32>,
}

/// No level holds of two values.
pub(crate) const NONE_HOLDS: u8 = u8::MAX;

impl<'t> Grader<'t> {
    /// Makes levels ready, each by its number in the comparison and in its order, on the values of a column.
    pub(crate) fn new(column: &Column, values: &'t Values, tests: &[(u8, Test)]) -> Self {
        Self::with_prepared(column, values, tests, prepare(values))
    }

    /// Does the same with texts that were laid out before, by [`prepare`], for another comparison of the same column.
    pub(crate) fn with_prepared(
        column: &Column,
        values: &'t Values,
        tests: &[(u8, Test)],
        prepared: Option<Arc<Prepared>>,
    ) -> Self {
        let all = || tests.iter().map(|(_, test)| test);
        let mut making = Making { values, sets: Vec::new(), ..Making::of(all()) };
        let made = tests.iter().map(|(number, test)| (*number, making.quick(test))).collect();
        Self {
            processor: Processor::detect(),
            values,
            literals: Stated::all(column, values, all()),
            prepared,
            tests: made,
            jaro: Floor::jaro(making.jaro),
            jaro_winkler: Floor::jaro_winkler(making.jaro_winkler),
            levenshtein: making.levenshtein,
            optimal_alignment: making.optimal_alignment,
            damerau: making.damerau,
            sets: making.sets,
            days: match values {
                Values::Dates(dates, _) => dates.iter().copied().map(Day::new).collect(),
                Values::Text(_)
                | Values::Numbers(_)
                | Values::Times(_)
                | Values::Places(_)
                | Values::Lists(_) => Vec::new(),
            },
            symmetric: all().all(Test::is_symmetric),
        }
    }

    /// Returns the texts of the column as they are laid out, if it has any.
    pub(crate) fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_deref()
    }

    /// Returns how many sets each value was made into.
    #[cfg(feature = "plan")]
    pub(crate) fn sets_made(&self) -> usize {
        self.sets.len()
    }

    /// Says whether the level is the same whichever record has which value.
    pub(crate) fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// Returns the first level that holds of the source's value and the recipient's, or [`NONE_HOLDS`].
    ///
    /// Both codes stand for a value.
    pub(crate) fn first_level(&self, one: u32, other: u32) -> u8 {
        self.processor.run(Levels { grader: self, ones: &[one], others: &[other], found: &mut [0] })
    }

    /// Does the same for many pairs of values at once, which costs less a pair. All three are of one length.
    pub(crate) fn first_levels(&self, ones: &[u32], others: &[u32], levels: &mut [u8]) {
        self.processor.run(Levels { grader: self, ones, others, found: levels });
    }

    #[inline(always)]
    fn level(&self, one: u32, other: u32) -> u8 {
        let mut known = Known::default();
        for (number, test) in &self.tests {
            if self.holds(test, &mut known, one, other) == Some(true) {
                return *number;
            }
        }
        NONE_HOLDS
    }

    #[inline(always)]
    fn holds(&self, test: &Quick, known: &mut Known, one: u32, other: u32) -> Option<bool> {
        match test {
            Quick::Exact => Some(one == other),
            Quick::Jaro(least) => {
                let prepared = self.prepared.as_ref()?;
                let work = || prepared.similarity_of(&self.jaro, one, other);
                Some(*known.jaro.get_or_insert_with(work) >= *least)
            }
            Quick::JaroWinkler(least) => {
                let prepared = self.prepared.as_ref()?;
                let work = || prepared.similarity_of(&self.jaro_winkler, one, other);
                Some(*known.jaro_winkler.get_or_insert_with(work) >= *least)
            }
            Quick::Levenshtein(most) => {
                let (prepared, loosest) = (self.prepared.as_ref()?, self.levenshtein);
                let work = || prepared.distance_of(Distance::Levenshtein, loosest, one, other);
                Some(*known.levenshtein.get_or_insert_with(work) <= *most)
            }
            Quick::OptimalAlignment(most) => {
                let (prepared, loosest) = (self.prepared.as_ref()?, self.optimal_alignment);
                let work = || prepared.distance_of(Distance::OptimalAlignment, loosest, one, other);
                Some(*known.optimal_alignment.get_or_insert_with(work) <= *most)
            }
            Quick::Damerau(most) => {
                let (prepared, loosest) = (self.prepared.as_ref()?, self.damerau);
                let work = || prepared.distance_of(Distance::Damerau, loosest, one, other);
                Some(*known.damerau.get_or_insert_with(work) <= *most)
            }
            Quick::Jaccard(sets, least) => Some(self.sets[*sets].jaccard(one, other) >= *least),
            Quick::Cosine(sets, least) => Some(self.sets[*sets].cosine(one, other) >= *least),
            Quick::Sounds(sets) => self.sets[*sets].overlap(one, other),
            Quick::Days(most) => {
                self.both_days(one, other).map(|(here, there)| here.within_days(there, *most))
            }
            Quick::Months(most) => {
                self.both_days(one, other).map(|(here, there)| here.within_months(there, *most))
            }
            Quick::Years(most) => self
                .both_days(one, other)
                .map(|(here, there)| here.within_months(there, most.saturating_mul(12))),
            Quick::DayMonthSwapped => {
                self.both_days(one, other).map(|(here, there)| here.swapped(there))
            }
            Quick::Else => Some(true),
            Quick::Plain(test) => {
                Likeness::new(self.values, &self.literals, one, other).holds(test)
            }
            Quick::SomeItem(..) | Quick::All(_) | Quick::Any(_) | Quick::Not(_) => {
                self.combined(test, known, one, other)
            }
        }
    }

    #[inline(never)]
    fn combined(&self, test: &Quick, known: &mut Known, one: u32, other: u32) -> Option<bool> {
        match test {
            Quick::All(tests) => {
                likeness::all(tests.iter().map(|test| self.holds(test, known, one, other)))
            }
            Quick::Any(tests) => {
                likeness::any(tests.iter().map(|test| self.holds(test, known, one, other)))
            }
            Quick::Not(test) => self.holds(test, known, one, other).map(|holds| !holds),
            // An item in common settles most tests of items, and costs next to nothing to look for.
            Quick::SomeItem(test, common) => {
                if self.sets[*common].overlap(one, other) == Some(true) {
                    return Some(true);
                }
                Likeness::new(self.values, &self.literals, one, other).holds(test)
            }
            Quick::Exact
            | Quick::Jaro(_)
            | Quick::JaroWinkler(_)
            | Quick::Levenshtein(_)
            | Quick::OptimalAlignment(_)
            | Quick::Damerau(_)
            | Quick::Jaccard(..)
            | Quick::Cosine(..)
            | Quick::Sounds(_)
            | Quick::Days(_)
            | Quick::Months(_)
            | Quick::Years(_)
            | Quick::DayMonthSwapped
            | Quick::Else
            | Quick::Plain(_) => None,
        }
    }

    #[inline(always)]
    fn both_days(&self, one: u32, other: u32) -> Option<(Day, Day)> {
        Some((*self.days.get(one as usize - 1)?, *self.days.get(other as usize - 1)?))
    }
}

impl fmt::Debug for Grader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Grader({} levels, [redacted])", self.tests.len())
    }
}

/// Lays out the texts of a column, if it has any, for all that compare it.
pub(crate) fn prepare(values: &Values) -> Option<Arc<Prepared>> {
    match values {
        Values::Text(texts) | Values::Dates(_, texts) => Some(Arc::new(Prepared::of_texts(texts))),
        Values::Numbers(_) | Values::Times(_) | Values::Places(_) | Values::Lists(_) => None,
    }
}

/// Pairs of values to be graded; it comes to the last pair's level.
struct Levels<'a, 't> {
    grader: &'a Grader<'t>,
    ones: &'a [u32],
    others: &'a [u32],
    found: &'a mut [u8],
}

impl Work for Levels<'_, '_> {
    type Output = u8;

    #[inline(always)]
    fn run(self) -> u8 {
        let mut last = NONE_HOLDS;
        for ((one, other), level) in self.ones.iter().zip(self.others).zip(self.found) {
            last = self.grader.level(*one, *other);
            *level = last;
        }
        last
    }
}

/// What all tests together ask for, while they are made.
struct Making<'t> {
    values: &'t Values,
    sets: Vec<Sets>,
    jaro: f64,
    jaro_winkler: f64,
    levenshtein: u32,
    optimal_alignment: u32,
    damerau: u32,
}

static NO_VALUES: Values = Values::Numbers(Vec::new());

impl Making<'_> {
    /// Finds the loosest that is asked of each function.
    fn of<'m>(tests: impl Iterator<Item = &'m Test>) -> Making<'static> {
        let mut making = Making {
            values: &NO_VALUES,
            sets: Vec::new(),
            jaro: 1.0,
            jaro_winkler: 1.0,
            levenshtein: 0,
            optimal_alignment: 0,
            damerau: 0,
        };
        tests.for_each(|test| making.loosen(test));
        making
    }

    fn loosen(&mut self, test: &Test) {
        match test {
            Test::Jaro(least) => self.jaro = self.jaro.min(*least),
            Test::JaroWinkler(least) => self.jaro_winkler = self.jaro_winkler.min(*least),
            Test::Levenshtein(most) => self.levenshtein = self.levenshtein.max(*most),
            Test::OptimalAlignment(most) => {
                self.optimal_alignment = self.optimal_alignment.max(*most);
            }
            Test::Damerau(most) => self.damerau = self.damerau.max(*most),
            Test::Not(test) => self.loosen(test),
            Test::All(tests) | Test::Any(tests) => tests.iter().for_each(|test| self.loosen(test)),
            Test::Exact
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
            | Test::Reversed(_)
            | Test::Expression(_)
            | Test::On(On { .. })
            | Test::Else => {}
        }
    }

    fn quick(&mut self, test: &Test) -> Quick {
        let values = self.values;
        match test {
            Test::Exact => Quick::Exact,
            Test::Jaro(least) => Quick::Jaro(*least),
            Test::JaroWinkler(least) => Quick::JaroWinkler(*least),
            Test::Levenshtein(most) => Quick::Levenshtein(*most),
            Test::OptimalAlignment(most) => Quick::OptimalAlignment(*most),
            Test::Damerau(most) => Quick::Damerau(*most),
            Test::Jaccard(grams) => match texts_of(values) {
                Some(texts) => Quick::Jaccard(self.keep(Sets::grams(texts, grams.q)), grams.least),
                None => Quick::Plain(test.clone()),
            },
            Test::Cosine(grams) => match texts_of(values) {
                Some(texts) => Quick::Cosine(self.keep(Sets::grams(texts, grams.q)), grams.least),
                None => Quick::Plain(test.clone()),
            },
            Test::Sounds(scheme) => match texts_of(values) {
                Some(texts) => Quick::Sounds(self.keep(Sets::sounds(texts, *scheme))),
                None => Quick::Plain(test.clone()),
            },
            Test::Days(most) => Quick::Days(*most),
            Test::Months(most) => Quick::Months(*most),
            Test::Years(most) => Quick::Years(*most),
            Test::DayMonthSwapped => Quick::DayMonthSwapped,
            Test::SomeItem(inner) => match values {
                // Only what holds of equal items is settled by one in common.
                Values::Lists(lists) if Test::Exact.implies(inner) => {
                    let sets = Sets::new((0..lists.len()).map(|index| lists.codes(index).to_vec()));
                    Quick::SomeItem(Box::new(test.clone()), self.keep(sets))
                }
                Values::Lists(_)
                | Values::Text(_)
                | Values::Dates(..)
                | Values::Numbers(_)
                | Values::Times(_)
                | Values::Places(_) => Quick::Plain(test.clone()),
            },
            Test::All(tests) => Quick::All(tests.iter().map(|test| self.quick(test)).collect()),
            Test::Any(tests) => Quick::Any(tests.iter().map(|test| self.quick(test)).collect()),
            Test::Not(test) => Quick::Not(Box::new(self.quick(test))),
            Test::Else => Quick::Else,
            Test::Prefix(_)
            | Test::Suffix(_)
            | Test::Seconds(_)
            | Test::Within(_)
            | Test::Percent(_)
            | Test::Kilometres(_)
            | Test::Shared(_)
            | Test::Subset
            | Test::Literal(_)
            | Test::Reversed(_)
            | Test::Expression(_)
            | Test::On(_) => Quick::Plain(test.clone()),
        }
    }

    fn keep(&mut self, sets: Sets) -> usize {
        self.sets.push(sets);
        self.sets.len() - 1
    }
}

fn texts_of(values: &Values) -> Option<&Texts> {
    match values {
        Values::Text(texts) | Values::Dates(_, texts) => Some(texts),
        Values::Numbers(_) | Values::Times(_) | Values::Places(_) | Values::Lists(_) => None,
    }
}

/// A set of numbers for each value, with how often it has each.
struct Sets {
    /// Where each value's set begins, and where the last one ends.
    starts: Vec<usize>,
    /// Ascending within a set.
    members: Vec<u32>,
    counts: Vec<u32>,
    /// The sum of the squared counts of each.
    squares: Vec<u64>,
}

impl Sets {
    /// Takes one list of numbers a value; order doesn't count, and repeats are counted.
    fn new(lists: impl Iterator<Item = Vec<u32>>) -> Self {
        let mut sets =
            Self { starts: vec![0], members: Vec::new(), counts: Vec::new(), squares: Vec::new() };
        for mut list in lists {
            list.sort_unstable();
            let first = sets.members.len();
            for member in list {
                if sets.members.len() > first && sets.members.last() == Some(&member) {
                    if let Some(count) = sets.counts.last_mut() {
                        *count += 1;
                    }
                } else {
                    sets.members.push(member);
                    sets.counts.push(1);
                }
            }
            let square = |count: &u32| u64::from(*count) * u64::from(*count);
            sets.squares.push(sets.counts[first..].iter().map(square).sum());
            sets.starts.push(sets.members.len());
        }
        sets
    }

    /// The q-grams of each text, numbered.
    fn grams(texts: &Texts, q: u32) -> Self {
        let mut numbers: FxHashMap<Box<[char]>, u32> = FxHashMap::default();
        let mut letters: Vec<char> = Vec::new();
        Self::new(texts.iter().map(|text| {
            letters.clear();
            letters.extend(text.chars());
            if letters.is_empty() {
                return Vec::new();
            }
            let grams = letters.windows((q as usize).clamp(1, letters.len()));
            grams.map(|gram| next_number(&mut numbers, gram)).collect()
        }))
    }

    /// The phonetic codes of each text, numbered.
    fn sounds(texts: &Texts, scheme: Phonetic) -> Self {
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        Self::new(texts.iter().map(|text| {
            let letters: Vec<char> = text.chars().collect();
            let codes = phonetic::codes(scheme, &letters).into_iter();
            codes
                .map(|code| {
                    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                    *numbers.entry(code).or_insert(next)
                })
                .collect()
        }))
    }

    fn range(&self, code: u32) -> std::ops::Range<usize> {
        self.starts[code as usize - 1]..self.starts[code as usize]
    }

    fn jaccard(&self, one: u32, other: u32) -> f64 {
        let (one, other) = (&self.members[self.range(one)], &self.members[self.range(other)]);
        let common = shared(one, other);
        let either = one.len() + other.len() - common;
        if either == 0 { 0.0 } else { common as f64 / either as f64 }
    }

    fn cosine(&self, one: u32, other: u32) -> f64 {
        let (here, there) = (self.range(one), self.range(other));
        let (mut left, mut right) = (here.start, there.start);
        let mut product = 0_u64;
        while left < here.end && right < there.end {
            let (smaller, larger) = (self.members[left], self.members[right]);
            if smaller == larger {
                product += u64::from(self.counts[left]) * u64::from(self.counts[right]);
            }
            left += usize::from(smaller <= larger);
            right += usize::from(larger <= smaller);
        }
        if product == 0 {
            return 0.0;
        }
        let squares = |code: u32| self.squares[code as usize - 1] as f64;
        product as f64 / (squares(one) * squares(other)).sqrt()
    }

    /// Whether two sets have a member in common; nothing where one of them is empty.
    fn overlap(&self, one: u32, other: u32) -> Option<bool> {
        let (one, other) = (&self.members[self.range(one)], &self.members[self.range(other)]);
        if one.is_empty() || other.is_empty() { None } else { Some(shared(one, other) > 0) }
    }
}

fn next_number(numbers: &mut FxHashMap<Box<[char]>, u32>, gram: &[char]) -> u32 {
    if let Some(number) = numbers.get(gram) {
        return *number;
    }
    // No more q-grams than fit memory as texts, far below 2^32 of them.
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    numbers.insert(gram.into(), next);
    next
}

/// A date as the tests of dates ask for it.
#[derive(Clone, Copy)]
struct Day {
    since_epoch: i32,
    months: i32,
    month: i8,
    of_month: i8,
}

impl Day {
    fn new(day: Date) -> Self {
        // The calendar has fewer than four million days.
        let days = day.duration_since(date(1970, 1, 1)).as_hours() / 24;
        Self {
            since_epoch: i32::try_from(days).unwrap_or(i32::MAX),
            months: i32::from(day.year()) * 12 + i32::from(day.month()) - 1,
            month: day.month(),
            of_month: day.day(),
        }
    }

    #[inline(always)]
    fn within_days(self, other: Self, most: u32) -> bool {
        self.since_epoch.abs_diff(other.since_epoch) <= most
    }

    /// Within a month of the last day of a longer month is the last day of a shorter one, which no later day follows.
    #[inline(always)]
    fn within_months(self, other: Self, most: u32) -> bool {
        let (early, late) =
            if self.since_epoch <= other.since_epoch { (self, other) } else { (other, self) };
        let between = late.months.abs_diff(early.months);
        between < most || (between == most && early.of_month >= late.of_month)
    }

    #[inline(always)]
    fn swapped(self, other: Self) -> bool {
        self.since_epoch != other.since_epoch
            && self.of_month == other.month
            && self.month == other.of_month
            && self.months - i32::from(self.month) == other.months - i32::from(other.month)
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of these tests are small and positive"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compare::list::Lists;
    use crate::compare::place::Place;
    use crate::model::{Grams, Holder, Kind, Literal, Step};

    fn column(kind: Kind) -> Column {
        Column {
            name: "column".to_owned(),
            from: vec!["column".to_owned()],
            source: Vec::new(),
            recipient: Vec::new(),
            kind,
            steps: Step::USUAL.to_vec(),
            placeholders: Some(Vec::new()),
            presence: false,
        }
    }

    /// Holds the grader of some levels against the plain likeness, of every two values.
    fn check(kind: Kind, values: &Values, tests: &[Test]) {
        let column = column(kind);
        let tests: Vec<(u8, Test)> = (1..).zip(tests.iter().cloned()).collect();
        let literals = Stated::all(&column, values, tests.iter().map(|(_, test)| test));
        let mut grader = Grader::new(&column, values, &tests);
        for processor in [Processor::detect(), Processor::oldest()] {
            grader.processor = processor;
            for one in 1..=values.len() as u32 {
                for other in 1..=values.len() as u32 {
                    let mut likeness = Likeness::new(values, &literals, one, other);
                    let expected = tests
                        .iter()
                        .find(|(_, test)| likeness.holds(test) == Some(true))
                        .map_or(NONE_HOLDS, |(number, _)| *number);
                    assert_eq!(grader.first_level(one, other), expected, "{one} {other} {tests:?}");
                    if grader.is_symmetric() {
                        assert_eq!(grader.first_level(other, one), expected);
                    }
                }
            }
        }
    }

    fn texts(texts: &[&str]) -> Values {
        let mut texts: Vec<&str> = texts.to_vec();
        texts.sort_unstable();
        Values::Text(texts.into_iter().collect())
    }

    #[test]
    fn a_grader_never_shows_a_value() {
        let values = texts(&["martha"]);
        let grader = Grader::new(&column(Kind::Text), &values, &[(1, Test::Exact)]);
        assert_eq!(format!("{grader:?}"), "Grader(1 levels, [redacted])");
    }

    fn leaf() -> impl Strategy<Value = Test> {
        let least = prop::sample::select(vec![0.2, 0.5, 0.7, 0.8, 0.88, 0.92, 1.0]);
        let grams = (1..4_u32, least.clone()).prop_map(|(q, least)| Grams { q, least });
        let of = prop::sample::select(vec![
            Holder::Both,
            Holder::Either,
            Holder::Source,
            Holder::Recipient,
        ]);
        prop_oneof![
            Just(Test::Exact),
            least.clone().prop_map(Test::Jaro),
            least.prop_map(Test::JaroWinkler),
            (0..5_u32).prop_map(Test::Levenshtein),
            (0..5_u32).prop_map(Test::OptimalAlignment),
            (0..5_u32).prop_map(Test::Damerau),
            grams.clone().prop_map(Test::Jaccard),
            grams.prop_map(Test::Cosine),
            (1..4_u32).prop_map(Test::Prefix),
            (1..4_u32).prop_map(Test::Suffix),
            prop::sample::select(vec![
                Phonetic::DoubleMetaphone,
                Phonetic::Cologne,
                Phonetic::DaitchMokotoff,
            ])
            .prop_map(Test::Sounds),
            (prop::sample::select(vec!["ab", "李", "nobody"]), of)
                .prop_map(|(value, of)| Test::Literal(Literal { value: value.to_owned(), of })),
        ]
    }

    fn test_of_text() -> impl Strategy<Value = Test> {
        leaf().prop_recursive(2, 6, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..3).prop_map(Test::All),
                prop::collection::vec(inner.clone(), 1..3).prop_map(Test::Any),
                inner.prop_map(|test| Test::Not(Box::new(test))),
            ]
        })
    }

    fn test_of_dates() -> impl Strategy<Value = Test> {
        prop_oneof![
            (0..800_u32).prop_map(Test::Days),
            (0..30_u32).prop_map(Test::Months),
            (0..3_u32).prop_map(Test::Years),
            Just(Test::Years(u32::MAX)),
            Just(Test::DayMonthSwapped),
            (0..3_u32).prop_map(Test::Damerau),
        ]
    }

    fn some_date() -> impl Strategy<Value = Date> {
        // Month ends, leap days and swaps, close enough that spans of months decide.
        (2019..2022_i16, 1..13_i8, prop::sample::select(vec![1_i8, 2, 9, 12, 15, 28, 29, 30, 31]))
            .prop_filter_map("a day of the calendar", |(year, month, day)| {
                Date::new(year, month, day).ok()
            })
    }

    proptest! {
        #[test]
        fn texts_are_graded_as_the_plain_comparer_grades_them(
            values in prop::collection::btree_set("[ab李é]{1,9}|[a-d]{14,18}", 2..6),
            tests in prop::collection::vec(test_of_text(), 1..5),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            check(Kind::Text, &texts(&values), &tests);
        }

        #[test]
        fn dates_are_graded_as_the_plain_comparer_grades_them(
            dates in prop::collection::btree_set(some_date(), 2..8),
            tests in prop::collection::vec(test_of_dates(), 1..4),
        ) {
            let dates: Vec<Date> = dates.into_iter().collect();
            let texts = dates.iter().map(Date::to_string).collect();
            check(Kind::Date("%Y-%m-%d".to_owned()), &Values::Dates(dates, texts), &tests);
        }

        #[test]
        fn lists_are_graded_as_the_plain_comparer_grades_them(
            lists in prop::collection::btree_set(
                prop::collection::btree_set("[ab李]{1,3}", 1..4).prop_map(|set| set.into_iter().collect::<Vec<_>>()),
                2..5,
            ),
            inner in test_of_text(), least in 1..3_u32,
        ) {
            let lists: Vec<Vec<String>> = lists.into_iter().collect();
            let tests = [Test::Subset, Test::Shared(least), Test::SomeItem(Box::new(inner))];
            for test in tests {
                check(Kind::List(";".to_owned()), &Values::Lists(Lists::new(&lists)), &[test]);
            }
        }

        #[test]
        fn numbers_places_and_moments_are_graded_as_the_plain_comparer_grades_them(
            numbers in prop::collection::vec(-5.0..5.0_f64, 2..5), most in 0.0..4.0_f64,
        ) {
            let places = numbers.iter().map(|number| Place::new(*number, 2.0 * number).unwrap());
            check(Kind::Place, &Values::Places(places.collect()), &[Test::Kilometres(most * 300.0)]);
            let moment = |number: &f64| jiff::Timestamp::from_second((number * 9.0) as i64).unwrap();
            let times = Values::Times(numbers.iter().map(moment).collect());
            check(Kind::Time("%s".to_owned()), &times, &[Test::Seconds(most as u32)]);
            let tests = [Test::Within(most / 4.0), Test::Percent(most * 20.0)];
            check(Kind::Number, &Values::Numbers(numbers), &tests);
        }
    }
}
