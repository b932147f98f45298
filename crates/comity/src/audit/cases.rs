//! The audit of cases: each step stands right behind its permit, follows the one before it, and no action comes before its
//! verification, its notice and the end of its period (5 U.S.C. 552a(p), floor F5 and F6).
//!
//! The case's own rules made it so when it was done; here anybody can see that they did, from the ledger alone.

use super::{ORDER, Reading};
use crate::desk::act_of;
use agreement::Act;
use casework::StepKind;
use jiff::Timestamp;

/// A case, as far as what follows is held against it.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a step is held against")]
pub(super) struct Case {
    steps: u64,
    confirmed: bool,
    /// When the period of the notice ends that stands served.
    ends: Option<Timestamp>,
    contest_open: bool,
    /// The step that last ordered a correction.
    ordered: Option<u64>,
    /// Whether the individual was told of it, and the letter has not come back.
    told: bool,
    /// Whether it split the cluster: the two records are of different people.
    split: bool,
    /// Its first steps are among what a pruned ledger no longer has: what they were is not presumed.
    began_before: bool,
}

impl Reading<'_> {
    /// Reads a step of a case.
    pub(super) fn step(
        &mut self,
        index: u64,
        at: Timestamp,
        case: &str,
        number: u64,
        step: &str,
        ends: &str,
    ) {
        self.counted.steps += 1;
        let Some(kind) = StepKind::read(step) else {
            self.open.push(format!("entry {index}: this version does not know the step `{step}`"));
            return;
        };
        // What another party signed is its own authority; every other step has a permit right before it.
        self.dispute_step(index, case, number, kind);
        let is_noted = kind == StepKind::AnswerDispute
            && !index.checked_sub(1).is_some_and(|before| self.permits.contains_key(&before));
        if kind != StepKind::Acknowledge && !is_noted {
            self.just_permitted(index, at, &[act_of(kind)]);
        }
        let mut faults: Vec<String> = Vec::new();
        let any_gone = self.gone.any();
        let seen = self.cases.entry(case.to_owned()).or_default();
        if seen.steps == 0 && number > 1 && any_gone {
            *seen = Case { began_before: true, ..Case::default() };
        } else if number != seen.steps.saturating_add(1) {
            faults.push(format!("step {number} of case {case} follows step {}", seen.steps));
        }
        let sequence = faults.len();
        seen.steps = number;
        let served = ends.parse::<Timestamp>().ok();
        match kind {
            StepKind::Confirm => seen.confirmed = true,
            StepKind::SendBack | StepKind::Refute => seen.confirmed = false,
            StepKind::ReverseJudgement => {
                seen.confirmed = false;
                // The lead is looked at anew; what was corrected before is done.
                (seen.ordered, seen.split) = (None, false);
            }
            StepKind::ServeNotice => {
                if !seen.confirmed {
                    faults.push(format!(
                        "notice of case {case} is served before two people verified"
                    ));
                }
                match served {
                    Some(ends) if ends > at => seen.ends = Some(ends),
                    Some(_) | None => {
                        // Served some time ago and noted only now: the period may have ended since.
                        seen.ends = served;
                        if served.is_none() {
                            faults
                                .push(format!("notice of case {case} names no end of its period"));
                        }
                    }
                }
            }
            StepKind::NoteReturnedMail => {
                seen.ends = None;
                seen.told = false;
            }
            StepKind::TellIndividual => {
                seen.told = true;
                if seen.ordered.is_none() {
                    faults.push(format!("case {case} tells of a correction, and none was ordered"));
                }
            }
            StepKind::FileContest => seen.contest_open = true,
            StepKind::WithdrawContest | StepKind::Decide => seen.contest_open = false,
            StepKind::Close => {
                seen.contest_open = false;
                if seen.ordered.is_some() && !seen.told {
                    faults.push(format!(
                        "case {case} is closed, and nobody told the individual of its correction"
                    ));
                }
            }
            StepKind::TakeAction => {
                self.counted.actions += 1;
                if !seen.confirmed {
                    faults.push(format!("action on case {case} before two people verified"));
                }
                if seen.contest_open {
                    faults.push(format!("action on case {case} while a contest is open"));
                }
                match seen.ends {
                    None => faults.push(format!("action on case {case} without a served notice")),
                    Some(ends) if at < ends => {
                        faults.push(format!(
                            "action on case {case} before its period ended at {ends}"
                        ));
                    }
                    Some(_) => {}
                }
            }
            StepKind::TakeEmergencyMeasure => {
                if seen.ends.is_none() {
                    faults
                        .push(format!("emergency measure on case {case} without a served notice"));
                }
            }
            StepKind::Correct | StepKind::Reverse => {
                seen.ordered = Some(number);
                seen.told = false;
                seen.contest_open = false;
            }
            StepKind::Acknowledge => {
                if seen.ordered.is_none() {
                    faults.push(format!("case {case} has an acknowledgement and no correction"));
                }
            }
            StepKind::Review
            | StepKind::Adjudicate
            | StepKind::Assign
            | StepKind::Verify
            | StepKind::Find
            | StepKind::DraftNotice
            | StepKind::OpenHearing
            | StepKind::EndEmergencyMeasure
            | StepKind::OpenDispute
            | StepKind::AnswerDispute => {}
        }
        let goes_on = matches!(
            kind,
            StepKind::Review
                | StepKind::Verify
                | StepKind::Find
                | StepKind::Confirm
                | StepKind::ServeNotice
                | StepKind::TakeAction
        );
        if seen.split && goes_on {
            faults.push(format!(
                "case {case} goes on, and its records were said to be of different people"
            ));
        }
        let ordered = seen.ordered;
        if seen.began_before && faults.len() > sequence {
            faults.truncate(sequence);
            self.gone.steps += 1;
        }
        for fault in faults {
            self.wrong(index, &fault, WORKED);
        }
        match kind {
            StepKind::Correct | StepKind::Reverse => self.correction_begins(index, case, number),
            StepKind::Acknowledge => self.correction_step(case, ordered),
            StepKind::Close => self.correction_closes(index, case, ordered),
            _other => {}
        }
    }

    /// A correction says that the records of a case are of different people.
    pub(super) fn case_splits(&mut self, case: &str) {
        self.cases.entry(case.to_owned()).or_default().split = true;
    }

    /// The permit for an act stands right before it: the two were stored in one transaction.
    pub(super) fn just_permitted(&mut self, index: u64, at: Timestamp, acts: &[Act]) {
        let Some(before) = index.checked_sub(1) else {
            return self.wrong(index, "no permit stands before it", ORDER);
        };
        if self.gone.has(before) {
            self.gone.permits += 1;
            return;
        }
        let held = self.permits.get(&before).map(|held| held.act.clone());
        let act = acts.iter().find(|act| held.as_deref() == Some(act.as_str()));
        match act.or(acts.first()) {
            Some(act) => self.under(index, at, before, act, None),
            None => self.wrong(index, "no permit stands before it", ORDER),
        }
    }
}

const WORKED: &str =
    "look at the case: what was done too early is to be undone, and the individual told";
