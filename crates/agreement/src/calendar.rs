//! A calendar of a law pack: which days are working days.
//!
//! Holidays are rules and not lists, so that a period that ends ten years from now is counted by the same text: a fixed
//! day, the n-th weekday of a month, or one date alone. Each rule says from when until when it is in force, because a
//! period is counted by the calendar of its own days (5 U.S.C. 6103(a) has changed four times since 1968). What day it
//! is anywhere is not here; that is the clock's time zone ([`crate::Clock`]).

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::InForce;

/// Days in a row that a calendar may have without a working day; one that has more names no end of a period.
const LONGEST_REST_DAYS: u32 = 366;

/// Which days are working days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// The calendar's name.
    pub id: String,
    /// Days of the week on which nobody works.
    #[serde(default)]
    pub rest: Vec<WeekDay>,
    /// Holidays.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// A holiday as a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// What the law calls it.
    pub name: String,
    /// On which day it falls.
    pub on: HolidayRule,
    /// What happens when it falls on a day of rest.
    #[serde(default)]
    pub observed: Observed,
    /// Since when, and until when; always, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
    /// Where it stands.
    pub cite: String,
}

/// On which day a holiday falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum HolidayRule {
    /// One date alone.
    Date {
        /// The date.
        date: Date,
    },
    /// The same day of every year.
    Fixed {
        /// The month, from 1.
        month: i8,
        /// The day of the month, from 1.
        day: i8,
    },
    /// The n-th weekday of a month.
    Nth {
        /// The month, from 1.
        month: i8,
        /// Which one, from 1; -1 is the last.
        nth: i8,
        /// The weekday.
        weekday: WeekDay,
    },
}

/// What happens when a holiday falls on a day of rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Nothing.
    #[default]
    SameDay,
    /// On Saturday, the Friday before is kept too; on Sunday, the Monday after: 5 U.S.C. 6103(b) and section 3(a) of
    /// Executive Order 11582.
    NearestWeekday,
    /// The next working day is kept too.
    NextWorkday,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeekDay {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl WeekDay {
    const fn of(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

impl Calendar {
    /// Tells whether people work on a day.
    pub fn is_working_day(&self, day: Date) -> bool {
        !self.rests(day) && !self.is_holiday(day)
    }

    /// Tells whether a holiday is kept on a day, on its own day or instead of it.
    pub fn is_holiday(&self, day: Date) -> bool {
        self.holidays.iter().any(|holiday| self.is_kept(holiday, day))
    }

    /// Returns the day itself if people work on it, or else the next day on which they do.
    pub fn working_day_from(&self, day: Date) -> Date {
        let mut found = day;
        for _ in 0..LONGEST_REST_DAYS {
            if self.is_working_day(found) {
                return found;
            }
            let Ok(next) = found.tomorrow() else { return found };
            found = next;
        }
        found
    }

    /// Returns the working day so many after a day, which itself does not count.
    pub fn working_days_after(&self, day: Date, count: u32) -> Date {
        let mut found = day;
        for _ in 0..count {
            let Ok(next) = found.tomorrow() else { return found };
            found = self.working_day_from(next);
        }
        found
    }

    /// Returns what is wrong with the calendar: rules that name no day, or that leave no working day.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for holiday in &self.holidays {
            // A leap year, so that 29 February is a day.
            if holiday.on.in_year(2028).is_none() && !matches!(holiday.on, HolidayRule::Date { .. })
            {
                problems.push(format!("holiday `{}` falls on no day", holiday.name));
            }
        }
        let week = [
            WeekDay::Monday,
            WeekDay::Tuesday,
            WeekDay::Wednesday,
            WeekDay::Thursday,
            WeekDay::Friday,
            WeekDay::Saturday,
            WeekDay::Sunday,
        ];
        if week.iter().all(|day| self.rest.contains(day)) {
            problems.push(format!("calendar `{}` has no working day", self.id));
        }
        problems
    }

    fn rests(&self, day: Date) -> bool {
        self.rest.iter().any(|rest| rest.of() == day.weekday())
    }

    /// Tells whether one holiday is kept on a day. The day kept instead can lie in another year: the first of January
    /// 2028 is a Saturday.
    fn is_kept(&self, holiday: &Holiday, day: Date) -> bool {
        let years = [day.year().saturating_sub(1), day.year(), day.year().saturating_add(1)];
        years.into_iter().filter_map(|year| holiday.on.in_year(year)).any(|falls| {
            // In force on the day it falls on: the law of that day made it one.
            holiday.in_force.is_none_or(|law| law.contains(falls))
                && (falls == day || self.instead(holiday, falls) == Some(day))
        })
    }

    /// Returns the day kept for a holiday that falls on a day of rest.
    fn instead(&self, holiday: &Holiday, falls: Date) -> Option<Date> {
        match (holiday.observed, falls.weekday()) {
            (Observed::NearestWeekday, Weekday::Saturday) => falls.yesterday().ok(),
            (Observed::NearestWeekday, Weekday::Sunday) => falls.tomorrow().ok(),
            (Observed::SameDay | Observed::NearestWeekday, _) => None,
            (Observed::NextWorkday, _) if !self.rests(falls) => None,
            (Observed::NextWorkday, _) => {
                let mut next = falls.tomorrow().ok()?;
                for _ in 0..7 {
                    if !self.rests(next) {
                        return Some(next);
                    }
                    next = next.tomorrow().ok()?;
                }
                None
            }
        }
    }
}

impl HolidayRule {
    /// Returns the day in a year, if there is one.
    fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Date { date } => (date.year() == year).then_some(date),
            Self::Fixed { month, day } => Date::new(year, month, day).ok(),
            Self::Nth { month, nth, weekday } => {
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, weekday.of()).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn federal() -> Calendar {
        let packs = crate::Pack::shipped().unwrap();
        packs[0].calendar("us-federal").unwrap().clone()
    }

    /// As the Office of Personnel Management lists them for these years.
    #[test]
    fn the_federal_holidays_of_a_year_are_the_eleven_of_the_statute_with_the_days_kept_instead() {
        let kept = |year: i16| -> Vec<String> {
            let calendar = federal();
            let first = date(year, 1, 1);
            first
                .series(jiff::Span::new().days(1))
                .take_while(|day| day.year() == year)
                .filter(|day| !calendar.rests(*day) && calendar.is_holiday(*day))
                .map(|day| day.to_string())
                .collect()
        };
        assert_eq!(
            kept(2026),
            [
                "2026-01-01",
                "2026-01-19",
                "2026-02-16",
                "2026-05-25",
                "2026-06-19",
                // The fourth of July is a Saturday.
                "2026-07-03",
                "2026-09-07",
                "2026-10-12",
                "2026-11-11",
                "2026-11-26",
                "2026-12-25"
            ]
        );
        // Juneteenth is a Saturday, the Fourth of July a Sunday, Christmas a Saturday, and so is the New Year's Day of
        // the year after, which is therefore kept in this one.
        assert_eq!(
            kept(2027),
            [
                "2027-01-01",
                "2027-01-18",
                "2027-02-15",
                "2027-05-31",
                "2027-06-18",
                "2027-07-05",
                "2027-09-06",
                "2027-10-11",
                "2027-11-11",
                "2027-11-25",
                "2027-12-24",
                "2027-12-31"
            ]
        );
    }

    #[test]
    fn a_holiday_counts_from_the_day_its_law_is_in_force() {
        let calendar = federal();
        // Pub. L. 117-17 was signed on 17 June 2021, a Thursday; the nineteenth was a Saturday.
        assert!(calendar.is_holiday(date(2021, 6, 18)));
        assert!(!calendar.is_holiday(date(2020, 6, 19)));
        assert!(!calendar.is_holiday(date(1985, 1, 21)));
        assert!(calendar.is_holiday(date(1986, 1, 20)));
    }

    #[test]
    fn working_days_skip_weekends_and_holidays() {
        let calendar = federal();
        // From the Wednesday before Thanksgiving: Friday is the first.
        assert_eq!(calendar.working_days_after(date(2027, 11, 24), 1), date(2027, 11, 26));
        assert_eq!(calendar.working_days_after(date(2027, 11, 24), 2), date(2027, 11, 29));
        assert_eq!(calendar.working_days_after(date(2027, 11, 24), 0), date(2027, 11, 24));
        // Across the year, where the first of January 2028 is kept on the last of December.
        assert_eq!(calendar.working_days_after(date(2027, 12, 30), 1), date(2028, 1, 3));
        assert_eq!(calendar.working_day_from(date(2027, 12, 31)), date(2028, 1, 3));
        assert_eq!(calendar.working_day_from(date(2028, 1, 3)), date(2028, 1, 3));
    }

    #[test]
    fn a_leap_day_is_a_holiday_only_where_there_is_one() {
        let leap = Holiday {
            name: "leap day".to_owned(),
            on: HolidayRule::Fixed { month: 2, day: 29 },
            observed: Observed::SameDay,
            in_force: None,
            cite: "x".to_owned(),
        };
        let calendar = Calendar { holidays: vec![leap], ..Calendar::default() };
        assert!(calendar.problems().is_empty());
        assert!(calendar.is_holiday(date(2028, 2, 29)));
        assert!(!calendar.is_holiday(date(2027, 2, 28)) && !calendar.is_holiday(date(2027, 3, 1)));
    }

    #[test]
    fn a_holiday_kept_on_the_next_workday_goes_past_the_whole_weekend() {
        let calendar = Calendar {
            id: "x".to_owned(),
            rest: vec![WeekDay::Saturday, WeekDay::Sunday],
            holidays: vec![Holiday {
                name: "one day".to_owned(),
                on: HolidayRule::Date { date: date(2027, 5, 1) },
                observed: Observed::NextWorkday,
                in_force: None,
                cite: "x".to_owned(),
            }],
        };
        assert!(calendar.is_holiday(date(2027, 5, 3)) && !calendar.is_holiday(date(2028, 5, 1)));
        assert_eq!(calendar.working_day_from(date(2027, 5, 1)), date(2027, 5, 4));
    }

    #[test]
    fn a_calendar_without_a_working_day_or_with_an_impossible_day_is_wrong_and_ends_no_loop() {
        let all = "rest = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]";
        let text = format!(
            "id = \"x\"\n{all}\n[[holidays]]\nname = \"never\"\non = {{ month = 2, day = 30 }}\ncite = \"x\"\n"
        );
        let calendar: Calendar = crate::reader::read_small(&text).unwrap();
        assert_eq!(
            calendar.problems(),
            ["holiday `never` falls on no day", "calendar `x` has no working day"]
        );
        calendar.working_days_after(date(2027, 1, 1), 3);
        calendar.working_day_from(Date::MAX);
    }
}
