//! Numbers and instants as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Groups digits by thousands.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Spells an instant to the minute, in UTC, which is said.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Spells an instant as the people of a program say it: the day, and the time in their zone, which is named.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let there = at.to_zoned(zone.clone());
    format!("{}, {}", super::agreement::shown(there.date()), there.strftime("%H:%M %Z"))
}

/// Spells the day of an instant in a zone.
pub(crate) fn day_in(at: Timestamp, zone: &TimeZone) -> String {
    super::agreement::shown(at.to_zoned(zone.clone()).date())
}

/// Spells the date of an instant for the name of a file.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).date().to_string()
}

/// Spells the day of an instant, in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    super::agreement::shown(at.to_zoned(TimeZone::UTC).date())
}

/// Spells a share as a percentage; a dash where there is nothing to be a share of.
pub(crate) fn percent(count: u64, of: u64) -> String {
    if of == 0 { "–".to_owned() } else { format!("{:.1} %", count as f64 / of as f64 * 100.0) }
}

/// The interval in which a share lies with 95 % confidence, by
/// [Wilson](https://doi.org/10.1080/01621459.1927.10502953)'s score: it is honest for small numbers, where the usual
/// one is not.
pub(crate) fn interval(count: u64, of: u64) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, share, z) = (of as f64, count as f64 / of as f64, 1.959_964);
    let z2 = z * z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Spells that interval.
pub(crate) fn between(count: u64, of: u64) -> String {
    if of == 0 {
        return "–".to_owned();
    }
    let (low, high) = interval(count, of);
    format!("{:.1} to {:.1} %", low * 100.0, high * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_thousands() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn a_moment_is_said_in_the_zone_of_the_program_whatever_the_season() {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("America/New_York").unwrap();
        for (at, said) in [
            ("2027-01-05T03:30:00Z", "4 January 2027, 22:30 EST"),
            ("2027-07-05T03:30:00Z", "4 July 2027, 23:30 EDT"),
            // The hour that a night in November has twice.
            ("2026-11-01T05:30:00Z", "1 November 2026, 01:30 EDT"),
            ("2026-11-01T06:30:00Z", "1 November 2026, 01:30 EST"),
        ] {
            assert_eq!(moment(at.parse().unwrap(), &zone), said);
        }
        assert_eq!(day_in("2027-01-05T03:30:00Z".parse().unwrap(), &zone), "4 January 2027");
        assert_eq!(
            moment("2027-01-05T03:30:00Z".parse().unwrap(), &TimeZone::UTC),
            "5 January 2027, 03:30 UTC"
        );
    }

    #[test]
    fn the_interval_is_wilsons() {
        // 10 of 100: the textbook's 0.0552 to 0.1744.
        let (low, high) = interval(10, 100);
        assert!((low - 0.0552).abs() < 1e-4 && (high - 0.1744).abs() < 1e-4);
        let (low, high) = interval(0, 10);
        assert!(low.abs() < 1e-12 && (high - 0.2775).abs() < 1e-4);
        assert_eq!(interval(0, 0), (0.0, 1.0));
        assert_eq!(percent(0, 0), "–");
    }
}
