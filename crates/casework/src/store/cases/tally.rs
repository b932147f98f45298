//! What a step changes in the counts, worked out from the case alone, so that every database counts alike and none has to
//! look at all its cases.

use crate::{Case, CaseStage, Standing, Step, StepKind};

/// Among a reviewer's outcomes: how many seconds the leads that they judged had waited, together.
pub(in crate::store) const SECONDS_TO_JUDGE: &str = "seconds-to-judge";

/// One count that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What is counted: `standing`, `reached`, `left`, `seconds`, `outcome`, or `group`: an outcome by subgroup.
    pub what: &'static str,
    /// Of which reviewer, or of which subgroup and, after a blank, which of its groups; empty for the program.
    pub of: String,
    /// Which stage or outcome.
    pub name: &'static str,
    /// By how much.
    pub n: i64,
}

fn tally(what: &'static str, name: &'static str, n: i64) -> Tally {
    Tally { what, of: String::new(), name, n }
}

/// Returns what a case's last step changes; for a case without steps, what opening it does.
pub fn tallies(case: &Case) -> Vec<Tally> {
    let mut changes = Vec::new();
    let Some((last, before)) = case.passed().split_last() else {
        return changes;
    };
    if last.version == case.version() {
        changes.push(tally("standing", last.stage.as_str(), 1));
        if before.iter().all(|passage| passage.stage != last.stage) {
            changes.push(tally("reached", last.stage.as_str(), 1));
        }
        if let Some(left) = before.last() {
            let seconds = last.since.as_second().saturating_sub(left.since.as_second());
            changes.push(tally("standing", left.stage.as_str(), -1));
            changes.push(tally("left", left.stage.as_str(), 1));
            changes.push(tally("seconds", left.stage.as_str(), seconds));
        }
    }
    let outcomes = outcomes(case);
    for (subgroup, group) in case.groups().iter() {
        let of = || format!("{subgroup} {group}");
        let of_all = outcomes.iter().filter(|change| change.of.is_empty());
        changes.extend(of_all.map(|change| Tally { what: "group", of: of(), ..*change }));
    }
    changes.extend(outcomes);
    changes
}

fn outcomes(case: &Case) -> Vec<Tally> {
    let Some(taken) = case.steps().last() else {
        return Vec::new();
    };
    let name = match (&taken.step, case.standing()) {
        // A judgement counts for each who gave one, by what each said.
        (Step::Review(_) | Step::Adjudicate(_), standing) => {
            let judged = match standing {
                Standing::Reviewed(reviewed) => reviewed.opinions(),
                Standing::Closed(closed) => closed.opinions(),
                _other => return Vec::new(),
            };
            let settled = match standing {
                Standing::Reviewed(reviewed) => reviewed.judgement().as_str(),
                _other => "not-same",
            };
            // Of one that could not be told before, only the opinion that settles it is new.
            let is_second_time = case
                .passed()
                .iter()
                .rev()
                .skip(1)
                .take_while(|passage| passage.stage != CaseStage::Lead)
                .any(|passage| passage.stage == CaseStage::Reviewed)
                || matches!(&taken.step, Step::Adjudicate(_))
                    && case.passed().last().is_some_and(|last| last.version != case.version());
            let news = if is_second_time { judged.len().saturating_sub(1) } else { 0 };
            let mut changes = vec![tally("outcome", settled, 1)];
            if is_second_time {
                changes.push(tally("outcome", "unsure", -1));
            }
            let waits_since = case
                .passed()
                .iter()
                .rev()
                .find(|passage| passage.stage == CaseStage::Lead)
                .map(|passage| passage.since.as_second());
            for judged in judged.iter().skip(news) {
                let count =
                    |name, n| Tally { what: "outcome", of: judged.by().to_string(), name, n };
                changes.push(count(judged.opinion().judgement.as_str(), 1));
                let at = judged.at().as_second();
                let seconds = at.saturating_sub(waits_since.unwrap_or(at));
                changes.push(count(SECONDS_TO_JUDGE, seconds));
            }
            return changes;
        }
        (Step::Confirm, _) => "verified",
        (Step::Refute(_), _) => "refuted",
        (Step::Decide(ruling), _) => ruling.heard.as_str(),
        (Step::TakeAction(_), Standing::Action(action)) if action.concluded().heard().is_none() => {
            "action-uncontested"
        }
        (Step::TakeAction(_), _) => "action-contested",
        (Step::Reverse(_), _) => "reversed",
        (Step::ReverseJudgement(_), _) => "judgement-reversed",
        (step, _) => {
            debug_assert_ne!(step.kind(), StepKind::Review);
            return Vec::new();
        }
    };
    let mut changes = vec![tally("outcome", name, 1)];
    changes.extend(case.reviewers().map(|officer| Tally {
        what: "outcome",
        of: officer.to_string(),
        name,
        n: 1,
    }));
    changes
}
