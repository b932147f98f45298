//! The audit of destruction: what was obtained under an agreement, or what one of its cases held, is destroyed under a
//! permit to destroy it, one for each case or one for all (floor F9; 5 U.S.C. 552a(o)(1)(F)).

use super::{Given, Reading};
use agreement::Act;
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Reading<'_> {
    /// What was obtained was destroyed: all of it with the key, or without it what some cases held.
    pub(super) fn destroyed(
        &mut self,
        index: u64,
        at: Timestamp,
        agreement: &str,
        due: &str,
        key: bool,
        rows: &BTreeMap<String, u64>,
    ) {
        let cases = rows.get("case_file").copied().unwrap_or_default();
        self.permitted_to_destroy(index, at, agreement, if key { 1 } else { cases });
        let under = |given: &&Given| given.parties.agreement == agreement && !given.withdrawn;
        let disclosures = self.disclosures.values().filter(under);
        let (count, persons) = disclosures
            .fold((0_u64, 0_u64), |(count, persons), given| (count + 1, persons + given.persons));
        let openings = rows.get("opening").copied().unwrap_or_default();
        if !key {
            // Some cases whose time was over; what is left under the agreement can still be opened.
            let leads = rows.get("lead").copied().unwrap_or_default();
            self.erased.push(format!(
                "entry {index}: of agreement {agreement} {leads} leads and {openings} openings were destroyed at {at} \
                 (due {due}), without its key"
            ));
            return;
        }
        let gone = if self.gone.any() { ", and of those that are gone" } else { "" };
        self.erased.push(format!(
            "entry {index}: what was obtained under agreement {agreement} was destroyed at {at} (due {due}): its key and {openings} \
             openings; what {count} disclosures about {persons} persons commit to{gone} cannot be opened any more"
        ));
    }

    /// So many permits to destroy under the agreement stand before it, none of them used before. They were stored in one
    /// transaction with it, so that the last stand right before it.
    fn permitted_to_destroy(&mut self, index: u64, at: Timestamp, agreement: &str, wanted: u64) {
        let unspent = self.unspent.remove(agreement).unwrap_or_default();
        let short = wanted.saturating_sub(unspent.len() as u64);
        for permit in unspent.into_iter().rev().take(usize::try_from(wanted).unwrap_or(usize::MAX))
        {
            self.under(index, at, permit, &Act::DESTROY, Some(agreement));
        }
        if short == 0 {
            return;
        }
        // Permits are used up at once: those of a pruned ledger can be gone only if the entry before this one is.
        if index.checked_sub(1).is_some_and(|before| self.gone.has(before)) {
            self.gone.permits += short;
            return;
        }
        self.counted.acts += short;
        let what = format!("{short} of {wanted} permits to destroy do not stand before it");
        self.wrong(index, &what, "find out who destroyed what, on whose word, and report it");
    }
}
