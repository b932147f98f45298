//! The audit of persons who were asked about by name (floor F4): that they were no more than the floor lets a recipient ask
//! about, and of which days that is proved. On a pruned ledger it is not of every day.

use super::Reading;
use crate::run::look_up;
use jiff::{SignedDuration, Timestamp};

/// How long before its entry persons can have been asked about: no longer than a run's permit lasts.
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_hours(24);

/// What to do about more than may be asked.
pub(super) const WHO_ASKED: &str = "find out who asked, and what became of what was disclosed";

impl Reading<'_> {
    /// Persons were asked about by name: with those of the days before there are no more than the floor lets a recipient ask
    /// about (F4), however many the gate was told of.
    ///
    /// They are counted from when they were asked about, as the gate counts, and not from when that was recorded.
    pub(super) fn asked(&mut self, index: u64, (recorded, second): (Timestamp, i64), persons: u64) {
        let at = self.asked_at(index, recorded, second);
        self.asked.push((at, persons));
        let since = look_up::since(at);
        let counted: u64 =
            self.asked.iter().filter(|(at, _)| *at >= since).map(|(_, persons)| persons).sum();
        self.counted.asked += persons;
        self.not_too_many(index, counted);
    }

    /// Returns when persons were asked about: not later than that was recorded, and not long before.
    pub(super) fn asked_at(&mut self, index: u64, recorded: Timestamp, second: i64) -> Timestamp {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
        if at > recorded || at < recorded - LONGEST_REQUEST {
            let what = "persons were asked about at another time than that of the entry";
            self.wrong(index, what, "find out who set the clock, and count anew by the entries");
        }
        at
    }

    /// So many persons were asked about together with those of the days before.
    pub(super) fn not_too_many(&mut self, index: u64, persons: u64) {
        if persons > look_up::MOST_PERSONS {
            let what = format!(
                "with it {persons} persons were asked about by name in {} days; the floor allows {} (F4)",
                look_up::DAYS,
                look_up::MOST_PERSONS
            );
            self.wrong(index, &what, WHO_ASKED);
        }
    }

    /// Says how many persons were asked about, and from when on it is proved that they were never too many.
    pub(super) fn asked_about(&self) -> String {
        let (persons, most, days) = (self.counted.asked, look_up::MOST_PERSONS, look_up::DAYS);
        match self.counted_in_full() {
            None => format!(
                "{persons} persons were asked about by name, never more than {most} in {days} days"
            ),
            Some(from) => format!(
                "{persons} persons were asked about by name in the entries that are left; from {from} on never more than {most} \
                 in {days} days"
            ),
        }
    }

    /// Says which requests can't be counted together with those that a pruned ledger no longer has.
    pub(super) fn asked_open(&mut self) {
        let Some(from) = self.counted_in_full() else { return };
        let before = self.asked.iter().filter(|(at, _)| *at < from);
        let persons: u64 = before.map(|(_, persons)| persons).sum();
        if persons > 0 {
            self.open.push(format!(
                "{persons} persons were asked about by name before {from}; with those of entries that are gone they may be more \
                 than {} in {} days",
                look_up::MOST_PERSONS,
                look_up::DAYS
            ));
        }
    }

    /// Returns the first instant whose days before it lie in what is left, where entries are gone.
    fn counted_in_full(&self) -> Option<Timestamp> {
        let days = SignedDuration::from_hours(24 * look_up::DAYS);
        self.gone.since().map(|since| since.checked_add(days).unwrap_or(Timestamp::MAX))
    }
}
