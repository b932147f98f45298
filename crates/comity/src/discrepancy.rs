//! Step 8, its first half: does the discrepancy that the agreement names hold for a pair?
//!
//! Two records of one person are no reason to look at anybody. The rule is a term of the agreement; here it is held
//! against the values of one pair, and the values are dropped. A value that is missing or cannot be read never makes a
//! discrepancy.

use agreement::{Discrepancy, ElementRef, Period};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// The values of one pair that the rule looks at, by element.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<String, Value>);

/// One value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A calendar date.
    Date(Date),
    /// A sum in hundredths of the currency.
    Cents(i64),
    /// Anything else.
    Text(String),
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Values([redacted])")
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value([redacted])")
    }
}

impl Values {
    /// Sets the value of an element.
    pub fn set(&mut self, element: &ElementRef, value: Value) {
        self.0.insert(element.to_string(), value);
    }

    fn get(&self, element: &ElementRef) -> Option<&Value> {
        self.0.get(&element.to_string())
    }

    fn date(&self, element: &ElementRef) -> Option<Date> {
        match self.get(element)? {
            Value::Date(date) => Some(*date),
            Value::Cents(_) | Value::Text(_) => None,
        }
    }

    fn cents(&self, element: &ElementRef) -> Option<i64> {
        match self.get(element)? {
            Value::Cents(cents) => Some(*cents),
            Value::Date(_) | Value::Text(_) => None,
        }
    }
}

/// Says whether the rule holds for the values of a pair.
pub fn holds(rule: &Discrepancy, values: &Values) -> bool {
    match rule {
        Discrepancy::All { of } => !of.is_empty() && of.iter().all(|rule| holds(rule, values)),
        Discrepancy::Any { of } => of.iter().any(|rule| holds(rule, values)),
        // A pair is one record of each set: linkage found the person in both.
        Discrepancy::PresentInBoth { .. } => true,
        Discrepancy::PeriodsOverlap { one, other, least_days } => {
            days_in_common(values, one, other).is_some_and(|days| days >= i64::from(*least_days))
        }
        Discrepancy::AmountExceeds { amount, over, tolerance_cents } => {
            difference(values, amount, over)
                .is_some_and(|cents| cents > i128::from(*tolerance_cents))
        }
        Discrepancy::AmountDiffers { amount, from, tolerance_cents } => {
            difference(values, amount, from)
                .is_some_and(|cents| cents.abs() > i128::from(*tolerance_cents))
        }
        Discrepancy::ValueDiffers { value, from } => match (values.get(value), values.get(from)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        },
    }
}

fn difference(values: &Values, one: &ElementRef, other: &ElementRef) -> Option<i128> {
    Some(i128::from(values.cents(one)?) - i128::from(values.cents(other)?))
}

/// Counts the days that two periods share, both ends included. A period without a last day goes on.
fn days_in_common(values: &Values, one: &Period, other: &Period) -> Option<i64> {
    let last = |period: &Period| values.date(&period.to).unwrap_or(Date::MAX);
    let from = values.date(&one.from)?.max(values.date(&other.from)?);
    let to = last(one).min(last(other));
    // A period that ends before it begins is a mistake in the file, and shares nothing.
    if to < from || last(one) < values.date(&one.from)? || last(other) < values.date(&other.from)? {
        return Some(0);
    }
    Some(from.until(to).ok()?.get_days().into()).map(|days: i64| days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(name: &str) -> ElementRef {
        name.parse().expect("a reference of this test")
    }

    fn period(set: &str) -> Period {
        Period { from: element(&format!("{set}.from")), to: element(&format!("{set}.to")) }
    }

    fn overlap(dates: [Option<&str>; 4], least_days: u32) -> bool {
        let names = ["pay.from", "pay.to", "benefit.from", "benefit.to"];
        let mut values = Values::default();
        for (name, date) in names.into_iter().zip(dates) {
            if let Some(date) = date {
                values.set(&element(name), Value::Date(date.parse().unwrap()));
            }
        }
        let rule = Discrepancy::PeriodsOverlap {
            one: period("pay"),
            other: period("benefit"),
            least_days,
        };
        holds(&rule, &values)
    }

    #[test]
    fn periods_that_share_one_day_overlap_by_one_day() {
        let touching =
            [Some("2026-01-01"), Some("2026-03-31"), Some("2026-03-31"), Some("2026-06-30")];
        assert!(overlap(touching, 1));
        assert!(!overlap(touching, 2));
        let apart =
            [Some("2026-01-01"), Some("2026-03-30"), Some("2026-03-31"), Some("2026-06-30")];
        assert!(!overlap(apart, 1));
    }

    #[test]
    fn a_period_of_years_counts_every_day() {
        let years = [Some("2020-01-01"), Some("2024-12-31"), Some("2020-01-01"), None];
        assert!(overlap(years, 1827));
        assert!(!overlap(years, 1828));
    }

    #[test]
    fn a_missing_first_day_or_a_period_turned_round_is_no_overlap() {
        assert!(!overlap([None, Some("2026-03-31"), Some("2026-01-01"), None], 1));
        assert!(!overlap([Some("2026-05-01"), Some("2026-03-31"), Some("2026-01-01"), None], 1));
    }

    fn exceeds(pay: Option<i64>, declared: Option<i64>) -> bool {
        let mut values = Values::default();
        for (name, cents) in [("pay.gross", pay), ("benefit.declared", declared)] {
            if let Some(cents) = cents {
                values.set(&element(name), Value::Cents(cents));
            }
        }
        let rule = Discrepancy::AmountExceeds {
            amount: element("pay.gross"),
            over: element("benefit.declared"),
            tolerance_cents: 100,
        };
        holds(&rule, &values)
    }

    #[test]
    fn an_amount_must_exceed_the_other_by_more_than_the_tolerance() {
        assert!(!exceeds(Some(10_100), Some(10_000)));
        assert!(exceeds(Some(10_101), Some(10_000)));
        assert!(!exceeds(Some(10_000), Some(20_000)));
        assert!(exceeds(Some(i64::MAX), Some(i64::MIN)));
    }

    #[test]
    fn a_missing_value_never_makes_a_discrepancy() {
        assert!(!exceeds(Some(10_101), None));
        assert!(!exceeds(None, Some(0)));
        let rule = Discrepancy::ValueDiffers { value: element("a.x"), from: element("b.x") };
        assert!(!holds(&rule, &Values::default()));
        assert!(!holds(&Discrepancy::All { of: Vec::new() }, &Values::default()));
    }
}
