//! How long an individual has to contest: counted by the law packs and by the agreement, whichever gives longer.
//!
//! 5 U.S.C. 552a(p)(1)(C): the period that a statute or regulation of the program fixes, or else 30 days. The version
//! of 1988 had the later of the two; which version counts is the one in force on the day the notice is served. Days the
//! agreement adds, for the mail or of its own, only ever lengthen it. Serving the notice is not here.

use jiff::Timestamp;

use super::{Gate, Service};
use crate::{Agreement, Calendar, Clock, ClockUnit, Counted, Deadline, ProgramPeriod};

/// The clock of a pack that counts the days to contest.
const CLOCK: &str = "contest";

impl Gate {
    /// Returns the end of the period to contest a notice that was mailed or given at an instant.
    pub fn contest_ends(
        &self,
        agreement: &Agreement,
        served_at: Timestamp,
        service: Service,
    ) -> Deadline {
        let mailed = service == Service::Mailed;
        let own_days = agreement.notice.mailing_days.unwrap_or(0);
        let zones = [None, agreement.notice.time_zone.as_deref()];
        let mut latest = own(agreement);
        latest.time_zone.clone_from(&agreement.notice.time_zone);
        let more = if mailed { own_days } else { 0 };
        let mut end = latest.deadline(served_at, more, &Calendar::default());
        for pack in self.packs.iter().filter(|pack| agreement.laws.contains(&pack.manifest.id)) {
            let served_on = super::facts::day(served_at);
            let Some(clock) = pack.clock(CLOCK, served_on) else { continue };
            let more = if mailed { own_days.max(clock.mailing_days) } else { 0 };
            let calendar = pack.calendar_of(clock);
            for version in versions(clock, agreement) {
                for zone in zones {
                    let mut version = version.clone();
                    version.time_zone = zone.map(str::to_owned).or(version.time_zone);
                    end = end.max(version.deadline(served_at, more, &calendar));
                }
            }
        }
        end
    }
}

impl Gate {
    /// Returns the zone in which a program's days are counted: the agreement's own, or else that of its first law with one,
    /// as of a day.
    pub fn zone(&self, agreement: &Agreement, on: jiff::civil::Date) -> jiff::tz::TimeZone {
        let packs = self.packs.iter().filter(|pack| agreement.laws.contains(&pack.manifest.id));
        let mut laws = packs.filter_map(|pack| pack.clock(CLOCK, on)?.time_zone.as_deref());
        let name = agreement.notice.time_zone.as_deref().or_else(|| laws.next());
        crate::clock::zone(name).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// Returns the clock as the agreement's own period leaves it: replaced, or beside it.
fn versions(clock: &Clock, agreement: &Agreement) -> Vec<Clock> {
    let cited = agreement.notice.response_period_citation.is_some();
    let own = Clock {
        length: agreement.notice.response_period_days,
        unit: ClockUnit::Days,
        ..clock.clone()
    };
    match clock.program_period {
        Some(ProgramPeriod::Instead) if cited => vec![own],
        // Without a citation the law's period is the least; a longer one that the agreement gives counts.
        Some(ProgramPeriod::Instead | ProgramPeriod::Longer) | None => vec![clock.clone(), own],
    }
}

/// Returns the agreement's own period as a clock.
fn own(agreement: &Agreement) -> Clock {
    Clock {
        id: CLOCK.to_owned(),
        length: agreement.notice.response_period_days,
        unit: ClockUnit::Days,
        from: "the notice of findings is mailed or given".to_owned(),
        counted: Counted::DayAfter,
        mailing_days: 0,
        ends_on_working_day: false,
        time_zone: None,
        calendar: None,
        program_period: None,
        in_force: None,
        rule: None,
        cite: "the agreement".to_owned(),
        confirmed: true,
        note: None,
    }
}
