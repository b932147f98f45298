//! The audit of permits: each act stands behind one that is for it, under the same agreement, and had not ended.

use super::Reading;
use crate::event::Decided;
use agreement::Act;
use jiff::Timestamp;

/// A permit, as far as what follows is held against it.
pub(super) struct Held {
    pub(super) act: String,
    pub(super) agreement: String,
    pub(super) ends: Timestamp,
    /// Of a permit to look persons up: the register of requests that the agreement names, by the facts it was decided on.
    pub(super) register: Option<String>,
}

impl Reading<'_> {
    /// Reads a permit.
    pub(super) fn permit(&mut self, index: u64, at: Timestamp, decided: &Decided) {
        let Ok(ends) = decided.ends.parse::<Timestamp>() else {
            return self.wrong(
                index,
                "a permit has no end",
                "treat all that was done under it as done without one",
            );
        };
        if ends <= at {
            self.wrong(
                index,
                "a permit ended before it began",
                "treat all that was done under it as done without one",
            );
        }
        let (act, agreement) = (decided.act.clone(), decided.agreement.clone());
        if act == Act::DESTROY.as_str() {
            self.unspent.entry(agreement.clone()).or_default().push(index);
        }
        let register = if act == Act::REQUEST_RECORDS.as_str() {
            self.agreed_register(at, decided)
        } else {
            None
        };
        self.permits.insert(index, Held { act, agreement, ends, register });
    }

    /// The permit precedes the act: an earlier entry permits it, for this act and agreement, and had not ended.
    pub(super) fn under(
        &mut self,
        index: u64,
        at: Timestamp,
        permit: u64,
        act: &Act,
        agreement: Option<&str>,
    ) {
        if permit < index && self.gone.has(permit) {
            self.gone.permits += 1;
            return;
        }
        self.counted.acts += 1;
        let held = self.permits.get(&permit).filter(|_| permit < index);
        let fault = match held {
            None => Some(format!("no permit stands at entry {permit}, before it")),
            Some(held) if held.act != act.as_str() => {
                Some(format!("the permit at entry {permit} is for `{}`, not for `{act}`", held.act))
            }
            Some(held) if agreement.is_some_and(|agreement| agreement != held.agreement) => {
                Some(format!("the permit at entry {permit} is under another agreement"))
            }
            Some(held) if at >= held.ends => {
                Some(format!("the permit at entry {permit} had ended at {}", held.ends))
            }
            Some(_) => None,
        };
        if let Some(fault) = fault {
            self.wrong(
                index,
                &fault,
                "what was done without a permit is to be reported, and undone",
            );
        }
    }
}
