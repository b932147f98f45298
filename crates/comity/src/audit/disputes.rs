//! The audit of disputes: an answer stands behind the dispute that it answers, whether an officer gave it here or the
//! source's node signed it. One that waits for its answer is open, not wrong (5 U.S.C. 552a(d)(2)).

use super::{ORDER, Reading};
use casework::StepKind;
use std::collections::{BTreeMap, BTreeSet};

/// The disputes that a ledger tells of.
#[derive(Debug, Default)]
pub(super) struct Disputes {
    /// Those a case has opened, by the number of the step, each with its entry.
    opened: BTreeMap<String, BTreeMap<u64, u64>>,
    /// How many answers a case has noted.
    answered: BTreeMap<String, u64>,
    /// Steps that note an answer without an officer's permit, by entry: the source's signed answer stands behind each.
    unsigned: BTreeMap<u64, String>,
    /// Those that other parties raised, by the digest of the message.
    raised: BTreeMap<String, Raised>,
}

#[derive(Debug)]
struct Raised {
    index: u64,
    from: String,
    due: String,
    is_answered: bool,
}

impl Reading<'_> {
    /// A step of a case opens a dispute, or notes its answer.
    pub(super) fn dispute_step(&mut self, index: u64, case: &str, number: u64, kind: StepKind) {
        match kind {
            StepKind::OpenDispute => {
                self.disputes.opened.entry(case.to_owned()).or_default().insert(number, index);
            }
            StepKind::AnswerDispute => {
                *self.disputes.answered.entry(case.to_owned()).or_default() += 1;
                let before = index.checked_sub(1);
                if !before.is_some_and(|before| self.permits.contains_key(&before)) {
                    self.disputes.unsigned.insert(index, case.to_owned());
                }
            }
            _other => {}
        }
    }

    /// A dispute was sent to the source.
    pub(super) fn dispute_sent(&mut self, index: u64, case: &str, number: u64) {
        let known = self.disputes.opened.get(case).is_some_and(|steps| steps.contains_key(&number));
        if !known && !self.gone.any() {
            let what = format!("it sends a dispute of case {case}, and none was opened before");
            self.wrong(index, &what, ORDER);
        }
    }

    /// The source's signed answer stands right behind the step that notes it.
    pub(super) fn dispute_settled(&mut self, index: u64, case: &str) {
        let step = index.checked_sub(1).and_then(|step| self.disputes.unsigned.remove(&step));
        if step.as_deref() != Some(case) {
            let what = format!("no step notes the answer to a dispute of case {case} before it");
            self.wrong(index, &what, ORDER);
        }
    }

    /// Another party's dispute came; it may come again.
    pub(super) fn dispute_received(
        &mut self,
        index: u64,
        message: String,
        from: String,
        due: &str,
    ) {
        let due = due.to_owned();
        let raised = Raised { index, from, due, is_answered: false };
        self.disputes.raised.entry(message).or_insert(raised);
    }

    /// An officer answered it.
    pub(super) fn dispute_answered(&mut self, index: u64, message: &str) {
        match self.disputes.raised.get_mut(message) {
            Some(raised) => raised.is_answered = true,
            None if self.gone.any() => {}
            None => self.wrong(index, "it answers a dispute that never came", ORDER),
        }
    }

    /// Lists what waits, and what nobody signed.
    pub(super) fn disputes_end(&mut self) {
        let disputes = std::mem::take(&mut self.disputes);
        for (index, case) in disputes.unsigned {
            let what =
                format!("an answer to a dispute of case {case} is noted, and nobody gave it");
            self.wrong(index, &what, "ask the source for its signed answer");
        }
        let none = BTreeSet::new();
        for (case, steps) in &disputes.opened {
            let answered = disputes.answered.get(case).copied().unwrap_or_default();
            // Which of a case's disputes an answer is of, the ledger does not say of each: they are counted.
            let waiting = (steps.len() as u64).saturating_sub(answered);
            let entries: BTreeSet<_> =
                if waiting > 0 { steps.values().collect() } else { none.clone() };
            if let Some(first) = entries.first() {
                let line = format!(
                    "entry {first}: {waiting} of the disputes of case {case} await the source's answer"
                );
                self.open.push(line);
            }
        }
        for raised in disputes.raised.values().filter(|raised| !raised.is_answered) {
            let Raised { index, from, due, .. } = raised;
            self.open
                .push(format!("entry {index}: a dispute of {from} awaits an answer, due {due}"));
        }
    }
}
