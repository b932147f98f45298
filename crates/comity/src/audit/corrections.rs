//! The audit of corrections: each goes to every recipient on record and is chased until all have acknowledged (floor F7,
//! 5 U.S.C. 552a(c)(4)). One that is on its way is open, not wrong; a case that closes before all have it is wrong.

use super::{ORDER, Reading};
use std::collections::BTreeSet;

/// A correction that was ordered, and how far it came.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    /// The entry of the step that ordered it.
    index: u64,
    /// To whom it must go; none where the ledger was written before it said so.
    recipients: Option<BTreeSet<String>>,
    arrived: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    /// Steps that note an acknowledgement, by whomever.
    steps: u64,
    /// The entry behind which a split may stand: the one that names the recipients.
    named_at: Option<u64>,
}

impl Ordered {
    fn of(index: u64) -> Ordered {
        Ordered { index, ..Ordered::default() }
    }

    /// Returns whom it has not reached, in words; none if it reached all.
    fn awaits(&self) -> Option<String> {
        let Some(recipients) = &self.recipients else {
            let missing = (self.arrived.len() as u64).saturating_sub(self.steps);
            return (missing > 0).then(|| format!("{missing} of those it was sent to"));
        };
        let missing: Vec<_> = recipients.difference(&self.acknowledged).cloned().collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

impl Reading<'_> {
    /// A step of a case orders a correction.
    pub(super) fn correction_begins(&mut self, index: u64, case: &str, number: u64) {
        self.corrections.insert((case.to_owned(), number), Ordered::of(index));
    }

    /// A step of a case notes an acknowledgement.
    pub(super) fn correction_step(&mut self, case: &str, ordered: Option<u64>) {
        let key = ordered.map(|number| (case.to_owned(), number));
        if let Some(correction) = key.and_then(|key| self.corrections.get_mut(&key)) {
            correction.steps += 1;
        }
    }

    /// A case closes: what it ordered must have come everywhere.
    pub(super) fn correction_closes(&mut self, index: u64, case: &str, ordered: Option<u64>) {
        let key = ordered.map(|number| (case.to_owned(), number));
        let known = key.and_then(|key| self.corrections.get(&key));
        // Where the ledger does not name the recipients, it cannot be told.
        let known = known.filter(|ordered| ordered.recipients.is_some());
        if let Some(missing) = known.and_then(Ordered::awaits) {
            let what = format!("case {case} is closed, and its correction awaits {missing}");
            self.wrong(index, &what, CHASE);
        }
    }

    /// The entry behind a step says to whom its correction goes.
    pub(super) fn correction_ordered(
        &mut self,
        index: u64,
        case: &str,
        number: u64,
        recipients: BTreeSet<String>,
    ) {
        match self.corrections.get_mut(&(case.to_owned(), number)) {
            Some(ordered) if ordered.recipients.is_none() => {
                ordered.recipients = Some(recipients);
                ordered.named_at = Some(index);
            }
            Some(_) => {
                let what = format!("it names the recipients of a correction of case {case} again");
                self.wrong(index, &what, ORDER);
            }
            None if self.gone.any() => self.gone.corrections += 1,
            None => {
                let what = format!("no step ordered the correction of case {case} before it");
                self.wrong(index, &what, ORDER);
            }
        }
    }

    /// The entry behind a correction says that it split a cluster: nothing goes on with its case until the judgement is
    /// taken back.
    pub(super) fn cluster_split(&mut self, index: u64, case: &str, number: u64, cut: u64) {
        match self.corrections.get(&(case.to_owned(), number)) {
            Some(ordered) if ordered.named_at.map(|at| at + 1) == Some(index) => {
                self.counted.splits += 1;
                if cut == 0 {
                    let what =
                        format!("the correction of case {case} splits a cluster and cuts nothing");
                    self.wrong(index, &what, CHASE);
                }
                self.case_splits(case);
            }
            None if self.gone.any() => self.gone.corrections += 1,
            Some(_) | None => {
                let what =
                    format!("no correction of case {case} stands before the split of its cluster");
                self.wrong(index, &what, ORDER);
            }
        }
    }

    /// A correction was sent.
    pub(super) fn correction_sent(
        &mut self,
        index: u64,
        case: &str,
        number: u64,
        recipient: &str,
        arrived: bool,
    ) {
        match self.corrections.get_mut(&(case.to_owned(), number)) {
            Some(ordered) => {
                let known = &ordered.recipients;
                let is_foreign = known.as_ref().is_some_and(|known| !known.contains(recipient));
                if arrived {
                    ordered.arrived.insert(recipient.to_owned());
                }
                if is_foreign {
                    let what = format!(
                        "it sends a correction of case {case} to {recipient}, who never got the record"
                    );
                    self.wrong(index, &what, CHASE);
                }
            }
            None if self.gone.any() => self.gone.corrections += 1,
            None => {
                let what =
                    format!("it sends a correction of case {case}, and none was ordered before");
                self.wrong(index, &what, ORDER);
            }
        }
    }

    /// A recipient acknowledged.
    pub(super) fn correction_acknowledged(
        &mut self,
        index: u64,
        case: &str,
        number: u64,
        recipient: &str,
    ) {
        match self.corrections.get_mut(&(case.to_owned(), number)) {
            Some(ordered) => {
                ordered.acknowledged.insert(recipient.to_owned());
            }
            None if self.gone.any() => self.gone.corrections += 1,
            None => {
                let what = format!(
                    "{recipient} acknowledges a correction of case {case}, and none was ordered before"
                );
                self.wrong(index, &what, ORDER);
            }
        }
    }

    /// Counts at the end, and lists what is still on its way.
    pub(super) fn corrections_end(&mut self) {
        for ((case, _), ordered) in &self.corrections {
            self.counted.corrections += 1;
            match ordered.awaits() {
                None => self.counted.corrected += 1,
                Some(missing) => self.open.push(format!(
                    "entry {}: the correction of case {case} awaits {missing}",
                    ordered.index
                )),
            }
        }
    }
}

const CHASE: &str = "send the correction until every recipient on record has acknowledged it";
