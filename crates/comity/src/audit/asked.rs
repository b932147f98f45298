//! What the audit says of persons who were asked about by name (floor F4): of which days it is proved that they were no more
//! than the floor lets a recipient ask about. On a pruned ledger that is not every day.

use super::Reading;
use crate::run::look_up;
use jiff::{SignedDuration, Timestamp};

impl Reading<'_> {
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
