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
            ClockUnit::Percent => None,
        };
        let last = last.and_then(|day| match (self.counted, self.length) {
            (Counted::SameDay, 1..) => day.yesterday().ok(),
            (Counted::SameDay, 0) | (Counted::DayAfter, _) => Some(day),
        });
        let last = last.and_then(|day| day.checked_add(Span::new().days(more_days)).ok());
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
