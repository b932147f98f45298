//! The clock of a law pack: a period that a law sets, and the instant at which it is over.
//!
//! A period is counted in days of a place, so a clock states its time zone; a day there has 23 hours or 25 when the
//! hands are moved, and the period ends when its last day does. The rules of the zones are the ones built into the
//! program, never the machine's, so that two nodes count alike. Everything here is total: what cannot be counted ends
//! never ([`Timestamp::MAX`]), because a period that is not over stops an action and one that is over allows it.
//!
//! 5 U.S.C. 552a(p)(1)(C) and (p)(3) are the clocks that matter most; they stand in `laws/us-cmppa/pack.toml`.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Calendar, InForce};

/// The zones built into the program.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A period or a bound the law sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The clock's name. Several may share one, each in force at its own time.
    pub id: String,
    /// How many.
    pub length: u32,
    /// Of what.
    pub unit: ClockUnit,
    /// What starts it.
    pub from: String,
    /// Which day is the first.
    #[serde(default, skip_serializing_if = "Counted::is_day_after")]
    pub counted: Counted,
    /// Calendar days added where what starts it goes by mail.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mailing_days: u32,
    /// Whether a last day on which nobody works moves to the next working day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_on_working_day: bool,
    /// The zone whose days are counted, by its name in the IANA database; Coordinated Universal Time if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The calendar of this pack that says which days are working days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// What a period counts that a statute or regulation of the program itself fixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_period: Option<ProgramPeriod>,
    /// When this version of the clock is in force; as long as the pack, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
    /// The rule of this pack that holds it, if one does.
    #[serde(default)]
    pub rule: Option<String>,
    /// Where it stands.
    pub cite: String,
    /// Whether it was checked against the official text.
    pub confirmed: bool,
    /// What is to be said about it.
    #[serde(default)]
    pub note: Option<String>,
}

/// The unit of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockUnit {
    /// Hours, counted from the instant itself.
    Hours,
    /// Calendar days.
    Days,
    /// Days on which people work, by the clock's calendar.
    WorkingDays,
    /// Calendar months.
    Months,
    /// Years.
    Years,
    /// Percent; a bound and not a period.
    Percent,
    /// A number of things; a bound and not a period.
    Count,
}

/// Which day of a period is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The day after what starts it.
    #[default]
    DayAfter,
    /// The day of what starts it.
    SameDay,
}

impl Counted {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    const fn is_day_after(&self) -> bool {
        matches!(self, Self::DayAfter)
    }
}

/// What a period counts that the program's own statute or regulation fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramPeriod {
    /// It stands instead of this clock's.
    Instead,
    /// The longer of the two counts.
    Longer,
}

/// The end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// The first instant after the period.
    pub ends: Timestamp,
    /// The last day of it where it is counted, which is what a letter names.
    pub last_day: Date,
}

impl Clock {
    /// Returns the first instant after the period that starts at `from`, counted by a calendar.
    pub fn ends(&self, from: Timestamp, calendar: &Calendar) -> Timestamp {
        self.deadline(from, 0, calendar).ends
    }

    /// Returns the end of the period that starts at `from` and is longer by some calendar days.
    pub fn deadline(&self, from: Timestamp, more_days: u32, calendar: &Calendar) -> Deadline {
        let zone = self.zone();
        let Some(zone) = zone else { return Deadline::NEVER };
        let begins = from.to_zoned(zone.clone()).date();
        let last = match self.unit {
            ClockUnit::Hours => return self.hours(from, more_days, &zone),
            ClockUnit::Days => self.plus(begins, Span::try_days),
            ClockUnit::Months => self.plus(begins, Span::try_months),
            ClockUnit::Years => self.plus(begins, Span::try_years),
            ClockUnit::WorkingDays => Some(calendar.working_days_after(begins, self.length)),
            // A bound is no period, so nothing ever ends by it.
            ClockUnit::Percent | ClockUnit::Count => None,
        };
        let last = last.and_then(|day| match (self.counted, self.length) {
            (Counted::SameDay, 1..) => day.yesterday().ok(),
            (Counted::SameDay, 0) | (Counted::DayAfter, _) => Some(day),
        });
        let more = Span::new().try_days(more_days).ok();
        let last = last.zip(more).and_then(|(day, more)| day.checked_add(more).ok());
        let Some(last) = last else { return Deadline::NEVER };
        let last = if self.ends_on_working_day { calendar.working_day_from(last) } else { last };
        Deadline::after(last, &zone)
    }

    /// Returns the zone whose days are counted; none if its name is unknown.
    fn zone(&self) -> Option<TimeZone> {
        zone(self.time_zone.as_deref())
    }

    fn plus(&self, day: Date, span: fn(Span, i64) -> Result<Span, jiff::Error>) -> Option<Date> {
        day.checked_add(span(Span::new(), i64::from(self.length)).ok()?).ok()
    }

    fn hours(&self, from: Timestamp, more_days: u32, zone: &TimeZone) -> Deadline {
        let hours = i64::from(self.length).saturating_add(i64::from(more_days).saturating_mul(24));
        let ends = from.checked_add(SignedDuration::from_hours(hours));
        ends.map_or(Deadline::NEVER, |ends| Deadline {
            ends,
            last_day: ends.to_zoned(zone.clone()).date(),
        })
    }

    /// Returns what is wrong with the clock.
    pub(crate) fn problems(&self, calendars: &[Calendar]) -> Vec<String> {
        let id = &self.id;
        let mut problems = Vec::new();
        if self.zone().is_none() {
            problems.push(format!("clock `{id}` names a time zone that is not known"));
        }
        let known = |name: &String| calendars.iter().any(|calendar| calendar.id == *name);
        let needs = self.unit == ClockUnit::WorkingDays || self.ends_on_working_day;
        if self.calendar.as_ref().is_some_and(|name| !known(name)) {
            problems.push(format!("clock `{id}` names a calendar that the pack does not have"));
        } else if needs && self.calendar.is_none() {
            problems.push(format!("clock `{id}` counts working days by no calendar"));
        }
        problems
    }
}

impl Deadline {
    /// What cannot be counted is never over.
    pub(crate) const NEVER: Self = Self { ends: Timestamp::MAX, last_day: Date::MAX };

    /// Returns the end of a last day in a zone: the first instant of the day after, whatever the hands do that night.
    pub(crate) fn after(last_day: Date, zone: &TimeZone) -> Self {
        let next = last_day.tomorrow().and_then(|day| day.to_zoned(zone.clone()));
        next.map_or(Self::NEVER, |zoned| Self { ends: zoned.timestamp(), last_day })
    }
}

/// Returns a zone by its name, Coordinated Universal Time without one, and none for a name that is not known.
pub(crate) fn zone(name: Option<&str>) -> Option<TimeZone> {
    match name {
        None => Some(TimeZone::UTC),
        Some(name) => ZONES.get(name).ok(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(days: &u32) -> bool {
    *days == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WeekDay;

    fn clock(length: u32, unit: ClockUnit, zone: &str) -> Clock {
        let text = "id = \"x\"\nlength = 1\nunit = \"days\"\nfrom = \"x\"\ncite = \"x\"\nconfirmed = true\n";
        let plain: Clock = crate::reader::read_small(text).unwrap();
        Clock { length, unit, time_zone: Some(zone.to_owned()), ..plain }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn federal() -> Calendar {
        crate::Pack::shipped().unwrap()[0].calendar("us-federal").unwrap().clone()
    }

    #[track_caller]
    fn check(clock: &Clock, from: &str, last_day: &str, ends: &str) {
        let deadline = clock.deadline(at(from), 0, &federal());
        assert_eq!(
            (deadline.last_day.to_string(), deadline.ends.to_string()),
            (last_day.to_owned(), ends.to_owned())
        );
        assert_eq!(clock.ends(at(from), &federal()), at(ends));
    }

    #[test]
    fn a_period_ends_with_its_last_day_whichever_way_the_hands_were_moved() {
        let days = clock(30, ClockUnit::Days, "America/New_York");
        // Summer time begins on 14 March 2027 and ends on 7 November.
        check(&days, "2027-02-20T17:00:00Z", "2027-03-22", "2027-03-23T04:00:00Z");
        check(&days, "2027-10-20T17:00:00Z", "2027-11-19", "2027-11-20T05:00:00Z");
        // The last day is the short one, or the long one.
        let one = clock(1, ClockUnit::Days, "America/New_York");
        check(&one, "2027-03-13T17:00:00Z", "2027-03-14", "2027-03-15T04:00:00Z");
        check(&one, "2027-11-06T17:00:00Z", "2027-11-07", "2027-11-08T05:00:00Z");
        // Where midnight itself was left out, the next day began at one.
        let gap = clock(1, ClockUnit::Days, "America/Sao_Paulo");
        check(&gap, "2018-11-02T15:00:00Z", "2018-11-03", "2018-11-04T03:00:00Z");
    }

    #[test]
    fn days_are_those_of_the_zone_east_and_west() {
        let from = "2027-05-04T23:30:00Z";
        let days = |zone| clock(10, ClockUnit::Days, zone);
        check(&days("Pacific/Honolulu"), from, "2027-05-14", "2027-05-15T10:00:00Z");
        check(&days("America/New_York"), from, "2027-05-14", "2027-05-15T04:00:00Z");
        check(&days("UTC"), from, "2027-05-14", "2027-05-15T00:00:00Z");
        check(&days("Asia/Tokyo"), from, "2027-05-15", "2027-05-15T15:00:00Z");
        check(&days("Pacific/Kiritimati"), from, "2027-05-15", "2027-05-15T10:00:00Z");
    }

    #[test]
    fn leap_days_count_and_months_end_on_their_last_day() {
        let days = clock(30, ClockUnit::Days, "UTC");
        check(&days, "2028-01-30T12:00:00Z", "2028-02-29", "2028-03-01T00:00:00Z");
        check(&days, "2027-01-30T12:00:00Z", "2027-03-01", "2027-03-02T00:00:00Z");
        let month = clock(1, ClockUnit::Months, "UTC");
        check(&month, "2028-01-31T12:00:00Z", "2028-02-29", "2028-03-01T00:00:00Z");
        check(&month, "2027-01-31T12:00:00Z", "2027-02-28", "2027-03-01T00:00:00Z");
        let year = clock(1, ClockUnit::Years, "UTC");
        check(&year, "2028-02-29T12:00:00Z", "2029-02-28", "2029-03-01T00:00:00Z");
    }

    #[test]
    fn the_end_of_a_year_is_a_day_like_any_other() {
        let days = clock(30, ClockUnit::Days, "America/New_York");
        check(&days, "2027-12-15T12:00:00Z", "2028-01-14", "2028-01-15T05:00:00Z");
        // Still the old year there, already the new one elsewhere.
        check(&days, "2028-01-01T04:59:59Z", "2028-01-30", "2028-01-31T05:00:00Z");
        check(&days, "2028-01-01T05:00:00Z", "2028-01-31", "2028-02-01T05:00:00Z");
    }

    #[test]
    fn a_last_day_without_work_moves_on_past_a_holiday_that_fell_on_a_weekend() {
        let mut days = clock(30, ClockUnit::Days, "America/New_York");
        // The thirtieth day is Sunday, the Fourth of July, kept on Monday the fifth.
        check(&days, "2027-06-04T12:00:00Z", "2027-07-04", "2027-07-05T04:00:00Z");
        days.ends_on_working_day = true;
        check(&days, "2027-06-04T12:00:00Z", "2027-07-06", "2027-07-07T04:00:00Z");
        check(&days, "2027-06-03T12:00:00Z", "2027-07-06", "2027-07-07T04:00:00Z");
        check(&days, "2027-06-06T12:00:00Z", "2027-07-06", "2027-07-07T04:00:00Z");
        check(&days, "2027-06-07T12:00:00Z", "2027-07-07", "2027-07-08T04:00:00Z");
        // From the thirty-first of December 2027, which is kept for the first of January, to Monday the third.
        check(&days, "2027-12-01T17:00:00Z", "2028-01-03", "2028-01-04T05:00:00Z");
    }

    #[test]
    fn working_days_are_counted_by_the_calendar() {
        let five = clock(5, ClockUnit::WorkingDays, "America/New_York");
        check(&five, "2027-11-23T17:00:00Z", "2027-12-01", "2027-12-02T05:00:00Z");
        // Without a calendar every day is one.
        let plain = five.deadline(at("2027-11-23T17:00:00Z"), 0, &Calendar::default());
        assert_eq!(plain.last_day.to_string(), "2027-11-28");
    }

    #[test]
    fn the_day_itself_counts_only_where_the_clock_says_so() {
        let mut days = clock(30, ClockUnit::Days, "UTC");
        days.counted = Counted::SameDay;
        check(&days, "2027-05-04T00:00:00Z", "2027-06-02", "2027-06-03T00:00:00Z");
        days.length = 0;
        check(&days, "2027-05-04T00:00:00Z", "2027-05-04", "2027-05-05T00:00:00Z");
    }

    #[test]
    fn hours_are_counted_from_the_instant() {
        let hours = clock(24, ClockUnit::Hours, "America/New_York");
        check(&hours, "2027-03-13T17:30:00Z", "2027-03-14", "2027-03-14T17:30:00Z");
    }

    #[test]
    fn days_for_the_mail_are_added_before_the_last_day_moves_on() {
        let mut days = clock(30, ClockUnit::Days, "America/New_York");
        days.ends_on_working_day = true;
        let mailed = days.deadline(at("2027-05-28T12:00:00Z"), 5, &federal());
        // The thirty-fifth day is Friday, the second of July.
        assert_eq!(mailed.last_day.to_string(), "2027-07-02");
        let mailed = days.deadline(at("2027-05-29T12:00:00Z"), 5, &federal());
        assert_eq!(mailed.last_day.to_string(), "2027-07-06");
    }

    #[test]
    fn what_cannot_be_counted_is_never_over() {
        let now = at("2027-05-04T00:00:00Z");
        for never in [
            clock(30, ClockUnit::Percent, "UTC"),
            clock(30, ClockUnit::Count, "UTC"),
            clock(30, ClockUnit::Days, "Atlantis/Capital"),
            clock(u32::MAX, ClockUnit::Days, "UTC"),
            clock(u32::MAX, ClockUnit::Years, "UTC"),
            clock(u32::MAX, ClockUnit::Hours, "UTC"),
        ] {
            assert_eq!(never.deadline(now, 0, &federal()), Deadline::NEVER);
        }
        let days = clock(30, ClockUnit::Days, "UTC");
        assert_eq!(days.deadline(Timestamp::MAX, 0, &federal()), Deadline::NEVER);
        assert_eq!(days.deadline(now, u32::MAX, &federal()), Deadline::NEVER);
    }

    /// Whoever's clock is ahead serves a notice that is not over sooner for it, and no hour of a year shortens a period.
    #[test]
    fn a_later_start_never_ends_sooner_and_no_period_is_shorter_than_its_days() {
        let calendar = federal();
        for zone in ["America/New_York", "Pacific/Honolulu", "Pacific/Auckland", "UTC"] {
            for rolls in [false, true] {
                let mut days = clock(30, ClockUnit::Days, zone);
                days.ends_on_working_day = rolls;
                let mut from = at("2027-12-25T00:30:00Z");
                let mut before = Timestamp::MIN;
                for _ in 0..(366 * 8) {
                    let ends = days.ends(from, &calendar);
                    assert!(before <= ends, "{zone} {from}");
                    // Thirty days, less the hour that a moved hand takes.
                    assert!(ends.duration_since(from) > SignedDuration::from_hours(30 * 24 - 1));
                    before = ends;
                    from += SignedDuration::from_hours(3);
                }
            }
        }
    }

    #[test]
    fn a_clock_that_names_what_is_not_there_is_wrong() {
        let calendars =
            [Calendar { id: "one".to_owned(), rest: vec![WeekDay::Sunday], holidays: vec![] }];
        let mut wrong = clock(1, ClockUnit::WorkingDays, "Atlantis/Capital");
        assert_eq!(
            wrong.problems(&calendars),
            [
                "clock `x` names a time zone that is not known",
                "clock `x` counts working days by no calendar"
            ]
        );
        wrong.calendar = Some("two".to_owned());
        wrong.time_zone = None;
        assert_eq!(
            wrong.problems(&calendars),
            ["clock `x` names a calendar that the pack does not have"]
        );
        wrong.calendar = Some("one".to_owned());
        assert!(wrong.problems(&calendars).is_empty());
    }
}
