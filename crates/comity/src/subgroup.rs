//! Step 8, beside the discrepancy: which group of each subgroup that the agreement names a case of the recipient is in.
//!
//! It looks at the recipient's own record alone, at elements that the run has read anyway. A lead is found without it, and
//! what comes of it is only ever counted.

use crate::discrepancy::Value;
use agreement::{Grouping, Subgroup};
use casework::Groups;
use jiff::civil::Date;

/// The group of cases whose record has no value, or none that can be read.
const NOT_STATED: &str = "not stated";

/// Returns the groups of a case, by what its record holds.
pub(crate) fn groups(subgroups: &[Subgroup], value: impl Fn(&Subgroup) -> Option<Value>) -> Groups {
    let group = |one: &Subgroup| {
        let group = value(one).and_then(|value| group(one.grouping, &value));
        (one.id.to_string(), group.unwrap_or_else(|| NOT_STATED.to_owned()))
    };
    subgroups.iter().map(group).collect()
}

fn group(grouping: Grouping, value: &Value) -> Option<String> {
    match (grouping, value) {
        (Grouping::Value {}, Value::Text(text)) => stated(text).map(str::to_owned),
        (Grouping::Beginning { characters }, Value::Text(text)) => {
            let text = stated(text)?;
            let kept: String = text.chars().take(characters as usize).collect();
            Some(if kept.len() < text.len() { kept + "…" } else { kept })
        }
        (Grouping::Years { span }, Value::Date(date)) => years(*date, span),
        // What is matched on is text; its dates are spelled as ISO 8601 ([`crate::extract::open`]).
        (Grouping::Years { span }, Value::Text(text)) => years(text.trim().parse().ok()?, span),
        // The agreement is held to its elements' kinds.
        (Grouping::Value {} | Grouping::Beginning { .. }, Value::Date(_) | Value::Cents(_))
        | (Grouping::Years { .. }, Value::Cents(_)) => None,
    }
}

fn years(date: Date, span: u32) -> Option<String> {
    let span = i32::try_from(span).ok().filter(|span| *span > 0)?;
    let first = i32::from(date.year()).div_euclid(span) * span;
    Some(format!("{first} to {}", first + span - 1))
}

fn stated(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_value_is_in_one_group() {
        let text = |text: &str| Value::Text(text.to_owned());
        let years = |span| Grouping::Years { span };
        let beginning = |characters| Grouping::Beginning { characters };
        for (grouping, value, expected) in [
            (Grouping::Value {}, text("north"), Some("north")),
            (Grouping::Value {}, text(" north "), Some("north")),
            (Grouping::Value {}, text("  "), None),
            (beginning(2), text("10115"), Some("10…")),
            (beginning(2), text("10"), Some("10")),
            (beginning(2), text("1"), Some("1")),
            (beginning(1), text("ÅB"), Some("Å…")),
            (years(20), Value::Date(date(1979, 12, 31)), Some("1960 to 1979")),
            (years(20), Value::Date(date(1980, 1, 1)), Some("1980 to 1999")),
            (years(20), Value::Date(date(1999, 12, 31)), Some("1980 to 1999")),
            (years(20), text("1980-01-01"), Some("1980 to 1999")),
            (years(20), text("about 1980"), None),
            (Grouping::Value {}, Value::Cents(100), None),
        ] {
            assert_eq!(group(grouping, &value).as_deref(), expected, "{grouping:?}");
        }
    }
}
