//! How far two calendar dates or two moments lie apart, and the one way in which a date is commonly written wrong.
//!
//! Every test is symmetric and holds of equal dates, but for the swap, which needs two different ones. Months and years
//! are counted on the calendar: within a month of 31 January is every day to the last of February.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

/// Says whether two dates lie at most this many days apart.
pub fn within_days(one: Date, other: Date, most: u32) -> bool {
    // Whole days between two calendar dates, which the calendar's range keeps far below 2^31.
    days_since_epoch(one).abs_diff(days_since_epoch(other)) <= u64::from(most)
}

/// Says whether the earlier date and this many calendar months reach the later one.
pub fn within_months(one: Date, other: Date, most: u32) -> bool {
    let (early, late) = (one.min(other), one.max(other));
    // Beyond the calendar's range every date is within reach.
    0.months()
        .try_months(most)
        .and_then(|span| early.checked_add(span))
        .map_or(true, |reach| reach >= late)
}

/// Says whether the earlier date and this many calendar years reach the later one.
pub fn within_years(one: Date, other: Date, most: u32) -> bool {
    within_months(one, other, most.saturating_mul(12))
}

/// Says whether two different dates are equal once day and month of one are swapped.
pub fn day_month_swapped(one: Date, other: Date) -> bool {
    one != other
        && one.year() == other.year()
        && one.day() == other.month()
        && one.month() == other.day()
}

/// Says whether two moments lie at most this many seconds apart, parts of a second counted.
pub fn within_seconds(one: Timestamp, other: Timestamp, most: u32) -> bool {
    one.as_nanosecond().abs_diff(other.as_nanosecond()) <= u128::from(most) * 1_000_000_000
}

fn days_since_epoch(day: Date) -> i64 {
    day.duration_since(date(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: fn(Date, Date, u32) -> bool, one: Date, other: Date, most: u32, holds: bool) {
        assert_eq!(test(one, other, most), holds, "{one} {other} {most}");
        assert_eq!(test(other, one, most), holds, "{other} {one} {most}");
    }

    #[test]
    fn days_count_over_month_and_leap_day() {
        check(within_days, date(2024, 2, 28), date(2024, 3, 1), 2, true);
        check(within_days, date(2024, 2, 28), date(2024, 3, 1), 1, false);
        check(within_days, date(2023, 2, 28), date(2023, 3, 1), 1, true);
        check(within_days, date(1969, 12, 31), date(1970, 1, 1), 1, true);
        check(within_days, date(1970, 1, 1), date(1970, 1, 1), 0, true);
    }

    #[test]
    fn a_month_from_its_last_day_ends_on_the_next_ones_last() {
        check(within_months, date(2023, 1, 31), date(2023, 2, 28), 1, true);
        check(within_months, date(2023, 1, 31), date(2023, 3, 1), 1, false);
        check(within_months, date(2023, 1, 15), date(2023, 2, 15), 1, true);
        check(within_months, date(2023, 1, 15), date(2023, 2, 16), 1, false);
        check(within_months, date(2023, 1, 15), date(9999, 2, 16), u32::MAX, true);
    }

    #[test]
    fn years_are_twelve_months_each() {
        check(within_years, date(2020, 2, 29), date(2021, 2, 28), 1, true);
        check(within_years, date(2020, 2, 29), date(2021, 3, 1), 1, false);
        check(within_years, date(2020, 2, 29), date(2020, 2, 29), 0, true);
    }

    #[test]
    fn seconds_count_their_parts() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let (one, other) = (moment("2024-03-01T10:00:00Z"), moment("2024-03-01T11:00:00.5Z"));
        assert!(!within_seconds(one, other, 3600));
        assert!(within_seconds(other, one, 3601));
        assert!(within_seconds(one, one, 0));
        assert!(
            within_seconds(Timestamp::MIN, one, u32::MAX)
                == (one.as_second() - Timestamp::MIN.as_second() <= i64::from(u32::MAX))
        );
    }

    #[test]
    fn a_swap_needs_two_different_dates() {
        assert!(day_month_swapped(date(1980, 4, 9), date(1980, 9, 4)));
        assert!(!day_month_swapped(date(1980, 4, 4), date(1980, 4, 4)));
        assert!(!day_month_swapped(date(1980, 4, 9), date(1981, 9, 4)));
    }
}
