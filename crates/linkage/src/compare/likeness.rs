//! What a test comes to of two values of one column.
//!
//! The plain definition of every test that looks at one column: each function is worked out at most once for two
//! values, and the answer is true, false or unknown. It knows no records and no other column, and nothing is remembered
//! beyond one pair of values.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::compare::place::{self, Place};
use crate::compare::{date, gram, list, number, phonetic, text};
use crate::model::{Column, Holder, Literal, Test};
use crate::prepare::{Preparation, Value, apply};
use crate::tables::Values;

/// Two values and what has been worked out of them so far.
pub(crate) struct Likeness<'t> {
    values: &'t Values,
    literals: &'t [Stated],
    /// The source's value and the recipient's, by their codes.
    one: u32,
    other: u32,
    jaro: Option<f64>,
    jaro_winkler: Option<f64>,
    levenshtein: Option<usize>,
    optimal_alignment: Option<usize>,
    damerau: Option<usize>,
}

/// A value that a test states, looked up in the column that the test is asked of.
pub(crate) struct Stated {
    value: String,
    /// Its code among the column's values, if any record has it.
    code: Option<u32>,
    /// Its code among the items of the column's lists, if any list has it.
    item: Option<u32>,
}

impl Stated {
    /// Looks up every value that some tests state.
    pub(crate) fn all<'m>(
        column: &Column,
        values: &Values,
        tests: impl Iterator<Item = &'m Test>,
    ) -> Vec<Self> {
        let mut stated = Vec::new();
        for test in tests {
            each_literal(test, &mut |literal| {
                let item = match values {
                    Values::Lists(lists) => {
                        code_of(lists.items(), &Value::Text(apply(&column.steps, &literal.value)))
                    }
                    Values::Text(_)
                    | Values::Dates(..)
                    | Values::Numbers(_)
                    | Values::Times(_)
                    | Values::Places(_) => None,
                };
                let value = Preparation::new(column).value_of_literal(&literal.value);
                let code = code_of(values, &value);
                stated.push(Self { value: literal.value.clone(), code, item });
            });
        }
        stated
    }
}

fn each_literal(test: &Test, take: &mut impl FnMut(&Literal)) {
    match test {
        Test::Literal(literal) => take(literal),
        Test::SomeItem(test) | Test::Not(test) => each_literal(test, take),
        Test::All(tests) | Test::Any(tests) => {
            for test in tests {
                each_literal(test, take);
            }
        }
        // What is asked of another column is looked up there.
        Test::On(_)
        | Test::Exact
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
        | Test::Reversed(_)
        | Test::Expression(_)
        | Test::Else => {}
    }
}

fn code_of(values: &Values, value: &Value) -> Option<u32> {
    let place = match (values, value) {
        (Values::Text(texts), Value::Text(text)) => texts.find(text).ok_or(0),
        (Values::Dates(dates, _), Value::Date(date)) => dates.binary_search(date),
        (Values::Numbers(numbers), Value::Number(number)) => {
            numbers.binary_search_by(|other| other.total_cmp(number))
        }
        (Values::Times(times), Value::Time(time)) => times.binary_search(time),
        (
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_),
            _,
        ) => return None,
    };
    u32::try_from(place.ok()? + 1).ok()
}

impl<'t> Likeness<'t> {
    /// Takes the source's value and the recipient's, by codes that both stand for a value.
    pub(crate) fn new(values: &'t Values, literals: &'t [Stated], one: u32, other: u32) -> Self {
        Self {
            values,
            literals,
            one,
            other,
            jaro: None,
            jaro_winkler: None,
            levenshtein: None,
            optimal_alignment: None,
            damerau: None,
        }
    }

    /// Says whether a test holds, where there is anything that it can look at.
    pub(crate) fn holds(&mut self, test: &Test) -> Option<bool> {
        match test {
            Test::Exact => Some(self.one == self.other),
            Test::Jaro(least) => {
                let (one, other) = &self.characters()?;
                Some(*self.jaro.get_or_insert_with(|| text::jaro(one, other)) >= *least)
            }
            Test::JaroWinkler(least) => {
                let (one, other) = &self.characters()?;
                let alike = self.jaro_winkler.get_or_insert_with(|| text::jaro_winkler(one, other));
                Some(*alike >= *least)
            }
            Test::Levenshtein(most) => {
                let (one, other) = &self.characters()?;
                let apart = self.levenshtein.get_or_insert_with(|| text::levenshtein(one, other));
                Some(*apart <= *most as usize)
            }
            Test::OptimalAlignment(most) => {
                let (one, other) = &self.characters()?;
                let work = || text::optimal_alignment(one, other);
                Some(*self.optimal_alignment.get_or_insert_with(work) <= *most as usize)
            }
            Test::Damerau(most) => {
                let (one, other) = &self.characters()?;
                let apart = self.damerau.get_or_insert_with(|| text::damerau(one, other));
                Some(*apart <= *most as usize)
            }
            Test::Jaccard(grams) => {
                let (one, other) = &self.characters()?;
                Some(gram::jaccard(one, other, grams.q as usize) >= grams.least)
            }
            Test::Cosine(grams) => {
                let (one, other) = &self.characters()?;
                Some(gram::cosine(one, other, grams.q as usize) >= grams.least)
            }
            Test::Prefix(length) => {
                let (one, other) = &self.characters()?;
                Some(text::same_prefix(one, other, *length as usize))
            }
            Test::Suffix(length) => {
                let (one, other) = &self.characters()?;
                Some(text::same_suffix(one, other, *length as usize))
            }
            Test::Sounds(scheme) => {
                let (one, other) = &self.characters()?;
                phonetic::sound_alike(*scheme, one, other)
            }
            Test::Days(most) => {
                self.dates().map(|(one, other)| date::within_days(one, other, *most))
            }
            Test::Months(most) => {
                self.dates().map(|(one, other)| date::within_months(one, other, *most))
            }
            Test::Years(most) => {
                self.dates().map(|(one, other)| date::within_years(one, other, *most))
            }
            Test::DayMonthSwapped => {
                self.dates().map(|(one, other)| date::day_month_swapped(one, other))
            }
            Test::Seconds(most) => {
                self.times().map(|(one, other)| date::within_seconds(one, other, *most))
            }
            Test::Within(most) => {
                self.numbers().map(|(one, other)| number::within(one, other, *most))
            }
            Test::Percent(most) => {
                self.numbers().map(|(one, other)| number::within_percent(one, other, *most))
            }
            Test::Kilometres(most) => {
                self.places().map(|(one, other)| place::within_kilometres(one, other, *most))
            }
            Test::Shared(least) => {
                self.lists().map(|(one, other)| list::shared(one, other) >= *least as usize)
            }
            Test::Subset => self.lists().map(|(one, other)| list::subset(one, other)),
            Test::SomeItem(test) => self.some_item(test),
            Test::Literal(literal) => Some(self.stated(literal)),
            Test::All(tests) => all(tests.iter().map(|test| self.holds(test))),
            Test::Any(tests) => any(tests.iter().map(|test| self.holds(test))),
            Test::Not(test) => self.holds(test).map(|holds| !holds),
            // These look at another column, and are asked elsewhere.
            Test::Reversed(_) | Test::On(_) | Test::Expression(_) => None,
            Test::Else => Some(true),
        }
    }

    fn some_item(&self, test: &Test) -> Option<bool> {
        let Values::Lists(lists) = self.values else {
            return None;
        };
        let (ones, others) = self.lists()?;
        any(ones.iter().flat_map(|one| others.iter().map(move |other| (one, other))).map(
            |(one, other)| Likeness::new(lists.items(), self.literals, *one, *other).holds(test),
        ))
    }

    fn stated(&self, literal: &Literal) -> bool {
        let stated = self.literals.iter().find(|stated| stated.value == literal.value);
        let code = stated.and_then(|stated| stated.code.or(stated.item));
        let (one, other) = (Some(self.one) == code, Some(self.other) == code);
        match literal.of {
            Holder::Both => one && other,
            Holder::Either => one || other,
            Holder::Source => one,
            Holder::Recipient => other,
        }
    }

    /// The characters of both, where the values have any.
    fn characters(&self) -> Option<(Vec<char>, Vec<char>)> {
        match self.values {
            Values::Text(texts) | Values::Dates(_, texts) => {
                let letters = |code: u32| texts.get(code as usize - 1).chars().collect();
                Some((letters(self.one), letters(self.other)))
            }
            Values::Numbers(_) | Values::Times(_) | Values::Places(_) | Values::Lists(_) => None,
        }
    }

    fn dates(&self) -> Option<(Date, Date)> {
        match self.values {
            Values::Dates(dates, _) => Some(self.both(dates)),
            Values::Text(_)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_) => None,
        }
    }

    fn numbers(&self) -> Option<(f64, f64)> {
        match self.values {
            Values::Numbers(numbers) => Some(self.both(numbers)),
            Values::Text(_)
            | Values::Dates(..)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_) => None,
        }
    }

    fn times(&self) -> Option<(Timestamp, Timestamp)> {
        match self.values {
            Values::Times(times) => Some(self.both(times)),
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Places(_)
            | Values::Lists(_) => None,
        }
    }

    fn places(&self) -> Option<(Place, Place)> {
        match self.values {
            Values::Places(places) => Some(self.both(places)),
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Lists(_) => None,
        }
    }

    fn lists(&self) -> Option<(&'t [u32], &'t [u32])> {
        match self.values {
            Values::Lists(lists) => {
                Some((lists.codes(self.one as usize - 1), lists.codes(self.other as usize - 1)))
            }
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_) => None,
        }
    }

    fn both<T: Copy>(&self, values: &[T]) -> (T, T) {
        (values[self.one as usize - 1], values[self.other as usize - 1])
    }
}

/// Kleene's conjunction: false where one is false, unknown where one is unknown, else true.
pub(crate) fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(parts.map(|part| part.map(|holds| !holds))).map(|holds| !holds)
}

/// Kleene's disjunction: true where one is true, unknown where one is unknown, else false.
pub(crate) fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(false);
    for part in parts {
        match part {
            Some(true) => return part,
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_decides_only_what_nothing_else_does() {
        let cases = [Some(true), Some(false), None];
        for one in cases {
            for other in cases {
                let both = all([one, other].into_iter());
                let either = any([one, other].into_iter());
                assert_eq!(both == Some(true), one == Some(true) && other == Some(true));
                assert_eq!(both == Some(false), one == Some(false) || other == Some(false));
                assert_eq!(either == Some(true), one == Some(true) || other == Some(true));
                assert_eq!(either == Some(false), one == Some(false) && other == Some(false));
            }
        }
    }
}
