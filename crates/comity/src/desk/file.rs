//! A case put as the gate asks about it: what it holds so far, and what an action brings. Nothing personal is in it.

use crate::event::Event;
use crate::summary::hex;
use agreement::{
    CaseFile, CaseStage, Death, Decided, Emergency, NoticeServed, ProposedAction, Reviews, Service,
    Undo,
};
use casework::{
    Actor, Case, Heard, How, Judgement, Reviewers, Split, Standing, Step, StepKind, Taken,
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// Returns what the ledger says of a correction with the last step: to whom it goes, or who acknowledged it.
pub(super) fn told_of_correction(case: &Case) -> Option<Event> {
    let steps = case.steps();
    let ordered = |taken: &Taken| matches!(taken.step, Step::Correct(_) | Step::Reverse(_));
    let number = steps.iter().rposition(ordered)? as u64 + 1;
    let case_number = case.id().to_string();
    match &steps.last()?.step {
        Step::Correct(order) | Step::Reverse(order) => Some(Event::CorrectionOrdered {
            case: case_number,
            number,
            recipients: order.recipients.iter().map(ToString::to_string).collect(),
        }),
        Step::Acknowledge(acknowledgement) => Some(Event::CorrectionAcknowledged {
            case: case_number,
            number,
            recipient: acknowledgement.recipient.to_string(),
            answer: acknowledgement.answer.clone(),
        }),
        _other => None,
    }
}

/// Returns what the ledger says of the cluster that the last step split, if it did.
pub(super) fn told_of_split(case: &Case, split: &Split) -> Option<Event> {
    let (Step::Correct(order) | Step::Reverse(order)) = &case.steps().last()?.step else {
        return None;
    };
    order.splits.then(|| Event::ClusterSplit {
        case: case.id().to_string(),
        number: case.version(),
        cut: split.cut.len() as u64,
        kept: split.kept.len() as u64,
    })
}

/// Puts a case as the gate asks about it.
pub(super) fn case_file(case: &Case) -> CaseFile {
    let standing = case.standing();
    let facts = case.facts(case.last_at());
    let noticed = standing.noticed();
    let contested = standing.contested();
    let acted_by = case.steps().iter().filter_map(|taken| match (taken.step.kind(), &taken.by) {
        (StepKind::TakeAction | StepKind::TakeEmergencyMeasure, Actor::Officer(officer)) => {
            Some(officer.clone())
        }
        _other => None,
    });
    CaseFile {
        stage: Some(stage(case.stage())),
        reviews: reviews(case),
        awaits_second_review: matches!(standing, Standing::Lead(waiting)
            if case.terms().reviewers == Reviewers::TwoBlind && waiting.opinions().len() == 1),
        reviewed_by: facts.reviewers,
        verified_by: facts.verifier.into_iter().collect(),
        confirmed_by: facts.confirmer.into_iter().collect(),
        acted_by: acted_by.collect(),
        confirmed: facts.confirmed,
        sources: u64::from(facts.sources),
        death: facts.death.then(|| Death {
            certified_record: facts.death_certified,
            second_datum: facts.death_second_datum,
            household_notified: noticed.is_some_and(|noticed| {
                noticed.service().to == casework::Addressee::Household
                    && noticed.returned_at().is_none()
            }),
        }),
        refuted: matches!(standing, Standing::Refuted(_)),
        notice: noticed.map(|noticed| {
            let service = noticed.service();
            NoticeServed {
                served_at: service.served_at,
                service: match service.how {
                    How::Mail => Service::Mailed,
                    How::InPerson | How::Electronic => Service::Given,
                },
                told_until: Some(service.response_ends),
                states: service.states.clone(),
                returned: facts.returned_mail_open,
            }
        }),
        contested: contested.is_some() || facts.heard.is_some(),
        contest_open: facts.contest_open,
        hearing: case.passed().iter().any(|passage| passage.stage == casework::CaseStage::Hearing),
        hearing_open: facts.hearing_open,
        aid_continued: facts.aid_continued,
        decided: facts.heard.map(|heard| match heard {
            Heard::Upheld => Decided::Overturned,
            Heard::UpheldInPart | Heard::NotUpheld => Decided::Upheld,
        }),
        late_answer: facts.contest_late && facts.contest_open,
        corrections_open: u64::from(facts.unacknowledged),
        undo: facts.undo_until.map(|until| Undo { kept_until: until, needed_until: until }),
        closed_at: match standing {
            Standing::Closed(closed) => Some(closed.at()),
            _other => None,
        },
    }
}

/// Puts what a step would do to the individual, if it is an action.
pub(super) fn action(case: &Case, step: &Step, now: Timestamp) -> Option<ProposedAction> {
    let days = SignedDuration::from_hours(24 * i64::from(case.terms().undo_days));
    let needed_until = now.checked_add(days).unwrap_or(Timestamp::MAX);
    match step {
        Step::TakeAction(order) => Some(ProposedAction {
            undo: Some(Undo { kept_until: order.undo_until, needed_until }),
            ..ProposedAction::default()
        }),
        Step::TakeEmergencyMeasure(measure) => Some(ProposedAction {
            emergency: Some(Emergency {
                ground: measure.ground,
                official: measure.official.clone(),
                reason: measure.reason.clone(),
                until: measure.ends,
                review_at: measure.ends,
            }),
            // The measure ends by itself, and all that it takes to undo it is kept in the case.
            undo: Some(Undo { kept_until: needed_until, needed_until }),
            ..ProposedAction::default()
        }),
        _other => None,
    }
}

/// Returns a digest as it is written elsewhere: 64 hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn reviews(case: &Case) -> Option<Reviews> {
    match case.standing() {
        Standing::Lead(waiting) => match waiting.opinions() {
            [] => None,
            [one] => Some(spoken(one.opinion().judgement)),
            [..] => Some(Reviews::Disagree),
        },
        Standing::Closed(closed) => {
            closed.opinions().last().map(|one| spoken(one.opinion().judgement))
        }
        other => other.reviewed().map(|reviewed| spoken(reviewed.judgement())),
    }
}

fn spoken(judgement: Judgement) -> Reviews {
    match judgement {
        Judgement::Same => Reviews::Same,
        Judgement::NotSame => Reviews::NotSame,
        Judgement::Unsure => Reviews::Unsure,
    }
}

fn stage(stage: casework::CaseStage) -> CaseStage {
    match stage {
        casework::CaseStage::Lead => CaseStage::Lead,
        casework::CaseStage::Reviewed => CaseStage::Reviewed,
        casework::CaseStage::Verifying => CaseStage::Verifying,
        casework::CaseStage::Verified => CaseStage::Verified,
        casework::CaseStage::Refuted => CaseStage::Refuted,
        casework::CaseStage::Noticed => CaseStage::Noticed,
        casework::CaseStage::Contested => CaseStage::Contested,
        casework::CaseStage::Hearing => CaseStage::Hearing,
        casework::CaseStage::Decided => CaseStage::Decided,
        casework::CaseStage::Action => CaseStage::Action,
        casework::CaseStage::Correction => CaseStage::Correction,
        casework::CaseStage::Closed => CaseStage::Closed,
    }
}
