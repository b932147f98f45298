//! The audit of persons who were asked about by name (floor F4): that they were no more than the floor lets a recipient ask
//! about, and of which days that is proved. On a pruned ledger it is not of every day.

use super::Reading;
use crate::run::look_up;
use jiff::{SignedDuration, Timestamp};

/// How long before its entry persons can have been asked about: no longer than a run's permit lasts.
pub(super) const LONGEST_REQUEST: SignedDuration = SignedDuration::from_hours(24);

impl Reading<'_> {
    /// Persons were asked about by name: with those of the days before there are no more than the floor lets a recipient ask
    /// about (F4), however many the gate was told of.
    ///
    /// They are counted from when they were asked about, as the gate counts, and not from when that was recorded.
    pub(super) fn asked(&mut self, index: u64, (recorded, second): (Timestamp, i64), persons: u64) {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
        if at > recorded || at < recorded - LONGEST_REQUEST {
            let what = "persons were asked about at another time than that of the entry";
            self.wrong(index, what, "find out who set the clock, and count anew by the entries");
        }
        self.asked.push((at, persons));
        let since = look_up::since(at);
        let counted: u64 =
            self.asked.iter().filter(|(at, _)| *at >= since).map(|(_, persons)| persons).sum();
        self.counted.asked += persons;
        if counted > look_up::MOST_PERSONS {
            let what = format!(
                "with it {counted} persons were asked about by name in {} days; the floor allows {} (F4)",
                look_up::DAYS,
                look_up::MOST_PERSONS
            );
            self.wrong(index, &what, "find out who asked, and what became of what was disclosed");
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
