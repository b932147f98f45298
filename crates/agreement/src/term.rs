//! When an agreement begins and ends.
//!
//! 5 U.S.C. 552a(o)(1)(C) and (o)(2)(C)–(D). Days are calendar days in Coordinated Universal Time; the last day counts
//! whole. How long a term may be is the law pack's to say.

use jiff::civil::Date;
use jiff::{Timestamp, Unit, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The term of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The first day.
    #[schemars(with = "String", extend("format" = "date", "x-cite" = "5 U.S.C. 552a(o)(1)(C)"))]
    pub begins: Date,
    /// The last day.
    #[schemars(with = "String", extend("format" = "date", "x-cite" = "5 U.S.C. 552a(o)(2)(C)"))]
    pub ends: Date,
    /// Whether this is a renewal, unchanged, of the agreement named under `continues`.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(2)(D)"))]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renewal: bool,
}

impl Term {
    /// Returns the instant the term begins.
    pub fn begins_at(&self) -> Timestamp {
        midnight(self.begins)
    }

    /// Returns the instant from which on the term is over: the end of its last day.
    pub fn ends_at(&self) -> Timestamp {
        self.ends.tomorrow().map_or(Timestamp::MAX, midnight)
    }

    /// Returns the length in months, a month begun counted whole.
    pub fn months(&self) -> i64 {
        // The last day is part of the term, so the span runs to the day after it.
        let after = self.ends.tomorrow().unwrap_or(self.ends);
        let Ok(span) = self.begins.until((Unit::Month, after)) else {
            return i64::MAX;
        };
        i64::from(span.get_months()) + i64::from(span.get_days() > 0)
    }
}

/// Returns the instant a day begins.
pub(crate) fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn months(begins: Date, ends: Date) -> i64 {
        Term { begins, ends, renewal: false }.months()
    }

    #[test]
    fn a_month_begun_counts_whole() {
        assert_eq!(months(date(2027, 1, 1), date(2027, 1, 31)), 1);
        assert_eq!(months(date(2027, 1, 1), date(2027, 2, 1)), 2);
        assert_eq!(months(date(2027, 1, 1), date(2028, 6, 30)), 18);
        assert_eq!(months(date(2027, 1, 1), date(2028, 7, 1)), 19);
    }

    #[test]
    fn the_last_day_counts_whole() {
        let term = Term { begins: date(2027, 1, 1), ends: date(2027, 1, 1), renewal: false };
        assert_eq!(term.begins_at().to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(term.ends_at().to_string(), "2027-01-02T00:00:00Z");
    }
}
