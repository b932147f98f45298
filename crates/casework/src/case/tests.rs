//! The rules of a case, each named as the rule; and every step at every stage, as one table.

use super::*;
use crate::action::{ActionKind, ActionOrder, Emergency};
use crate::contest::Ruling;
use crate::correction::Told;
use crate::dispute::{DisputeAnswer, Objection, Settled};
use crate::notice::{Addressee, Draft, How, Returned};
use crate::step::Acknowledgement;
use crate::verification::{Finding, Ground, Had, Source, SourceKind};
use crate::{Reviewers, store::cases::tallies};
use agreement::{EmergencyGround, NoticePart, PartyId, VerificationMethod, VerifiedFact};
use expect_test::expect_file;
use std::fmt::Write as _;

const OPENED: &str = "2027-01-04T09:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many days after the case was opened, at the same hour.
fn day(days: i64) -> Timestamp {
    at(OPENED).checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

fn officer(name: &str) -> Actor {
    Actor::Officer(OfficerId::new(name).unwrap())
}

fn opened() -> Case {
    Case::open(LeadId::new("2027Q1", 1), Terms::strict(), at(OPENED))
}

fn opinion(judgement: Judgement) -> Opinion {
    Opinion { judgement, reason: "seen".to_owned(), expires: None }
}

fn review(judgement: Judgement) -> Step {
    Step::Review(opinion(judgement))
}

fn source(kind: SourceKind, reference: &str) -> Source {
    Source { kind, reference: reference.to_owned(), seen: "2027-01-08".parse().unwrap() }
}

fn independent() -> Finding {
    Finding {
        ground: Ground::Independent {
            amount_cents: Some(123_400),
            access: Some(true),
            periods: vec![Had {
                from: "2026-07-01".parse().unwrap(),
                to: "2026-09-30".parse().unwrap(),
            }],
            sources: vec![source(SourceKind::Payer, "letter 7")],
        },
        words: "wages from July to September".to_owned(),
    }
}

fn service(served: i64, ends: i64) -> Service {
    Service {
        how: How::Mail,
        to: Addressee::Individual,
        language: "en".to_owned(),
        address: "1 Example Street".to_owned(),
        letter: "letter".to_owned(),
        states: [NoticePart::Findings, NoticePart::RightToContest, NoticePart::LastDay].into(),
        served_at: day(served),
        response_ends: day(ends),
    }
}

fn draft() -> Draft {
    Draft { language: "en".to_owned(), letter: "letter".to_owned() }
}

fn contest(wants_hearing: bool) -> Step {
    let statement = "I left that employer".to_owned();
    Step::FileContest(Contest { statement, attachments: Vec::new(), wants_hearing })
}

fn ruling(heard: Heard) -> Step {
    let reason = "as the papers show".to_owned();
    Step::Decide(Ruling { heard, reason, aid_continued: Some("payment 12".to_owned()) })
}

fn order(on: i64) -> ActionOrder {
    ActionOrder {
        kind: ActionKind::Reduced,
        from: "2027-04-01".parse().unwrap(),
        amount_cents: Some(10_000),
        undo_plan: "pay the difference from the first month on".to_owned(),
        undo_until: day(on + 730),
    }
}

fn correction() -> CorrectionOrder {
    CorrectionOrder {
        words: "it was another person's employer".to_owned(),
        recipients: [PartyId::new("family-support").unwrap()].into(),
        splits: true,
        language: "en".to_owned(),
    }
}

fn emergency(on: i64, days: i64) -> Step {
    Step::TakeEmergencyMeasure(Emergency {
        ground: EmergencyGround::PublicHealth,
        official: OfficerId::new("commissioner").unwrap(),
        reason: "the clinic serves children".to_owned(),
        ends: day(on + days),
    })
}

fn acknowledged() -> Step {
    Step::Acknowledge(Acknowledgement {
        recipient: PartyId::new("family-support").unwrap(),
        answer: "aa".to_owned(),
    })
}

fn told() -> Step {
    Step::TellIndividual(Told { how: How::Mail, letter: "bb".to_owned() })
}

fn objection(due: i64) -> Step {
    Step::OpenDispute(Objection {
        element: "payroll.gross_pay".parse().unwrap(),
        reason: "the quarter is another one".to_owned(),
        to: PartyId::new("payroll-administration").ok(),
        answer_due: day(due),
    })
}

fn answered() -> Step {
    Step::AnswerDispute(DisputeAnswer {
        number: 1,
        settled: Settled::Stands,
        reason: "checked with the payer".to_owned(),
    })
}

fn close(because: Because) -> Step {
    Step::Close(Closing { because, words: String::new() })
}

/// Takes steps, each by somebody on a day.
fn steps(case: Case, taken: &[(&str, i64, Step)]) -> Case {
    taken.iter().fold(case, |case, (by, on, step)| {
        let by = match *by {
            "individual" => Actor::Individual,
            "machine" => Actor::Machine,
            name => officer(name),
        };
        case.step(step, &by, day(*on)).unwrap_or_else(|why| panic!("{}: {why}", step.kind()))
    })
}

fn reviewed() -> Case {
    steps(opened(), &[("ada", 1, review(Judgement::Same))])
}

fn verifying() -> Case {
    steps(reviewed(), &[("ben", 2, Step::Verify)])
}

fn proposed() -> Case {
    steps(verifying(), &[("ben", 3, Step::Find(independent()))])
}

fn verified() -> Case {
    steps(proposed(), &[("cem", 4, Step::Confirm)])
}

fn drafted() -> Case {
    steps(verified(), &[("dot", 5, Step::DraftNotice(draft()))])
}

/// Served on the fifth day; the period ends on the thirty-fifth.
fn noticed() -> Case {
    steps(drafted(), &[("dot", 5, Step::ServeNotice(service(5, 35)))])
}

fn returned() -> Case {
    steps(noticed(), &[("dot", 9, Step::NoteReturnedMail(Returned { reason: "moved".to_owned() }))])
}

fn contested() -> Case {
    steps(noticed(), &[("individual", 10, contest(true))])
}

fn hearing() -> Case {
    steps(contested(), &[("eve", 12, Step::OpenHearing(day(20)))])
}

fn decided(heard: Heard) -> Case {
    steps(hearing(), &[("eve", 20, ruling(heard))])
}

fn acted() -> Case {
    steps(noticed(), &[("cem", 35, Step::TakeAction(order(35)))])
}

fn correcting() -> Case {
    steps(acted(), &[("eve", 40, Step::Reverse(correction()))])
}

fn not_same() -> Case {
    steps(opened(), &[("ada", 1, review(Judgement::NotSame))])
}

fn refused(case: Case, by: &str, on: i64, step: &Step) -> NotAllowed {
    let by = match by {
        "individual" => Actor::Individual,
        "machine" => Actor::Machine,
        name => officer(name),
    };
    case.step(step, &by, day(on)).err().unwrap_or_else(|| panic!("{} was taken", step.kind()))
}

#[test]
fn no_action_before_the_contest_period_ends() {
    let action = Step::TakeAction(order(35));
    let just_before = day(35).checked_sub(SignedDuration::from_secs(1)).unwrap();
    let early = noticed().step(&action, &officer("cem"), just_before);
    assert_eq!(early.err(), Some(NotAllowed::PeriodRuns { ends: day(35) }));
    assert_eq!(acted().stage(), CaseStage::Action, "on the instant it ends");
}

#[test]
fn no_action_without_a_served_notice() {
    let action = Step::TakeAction(order(60));
    for case in [opened(), reviewed(), verifying(), proposed(), verified(), drafted()] {
        let stage = case.stage();
        assert_eq!(
            refused(case, "cem", 60, &action),
            NotAllowed::WrongStage { stage, step: StepKind::TakeAction }
        );
    }
    assert_eq!(refused(returned(), "cem", 60, &action), NotAllowed::NotServed);
}

#[test]
fn the_clock_starts_again_when_returned_mail_is_tried_at_another_address() {
    let again = steps(returned(), &[("dot", 12, Step::ServeNotice(service(12, 42)))]);
    let action = |on| Step::TakeAction(order(on));
    assert_eq!(
        refused(again.clone(), "cem", 41, &action(41)),
        NotAllowed::PeriodRuns { ends: day(42) }
    );
    let acted = steps(again, &[("cem", 42, action(42))]);
    let Standing::Action(action) = acted.standing() else { panic!("no action") };
    assert_eq!(action.concluded().served_at(), day(12));
    assert_eq!(action.noticed().attempts(), 2);
}

#[test]
fn a_notice_that_comes_back_after_the_action_leaves_only_its_reversal() {
    let back = Step::NoteReturnedMail(Returned { reason: "unknown".to_owned() });
    let case = steps(acted(), &[("dot", 37, back)]);
    assert_eq!(case.due(), Some(day(37)), "at once");
    assert_eq!(
        refused(case.clone(), "cem", 36 + 730, &close(Because::ActionStands)),
        NotAllowed::MustBeReversed
    );
    let case = steps(case, &[("eve", 38, Step::Reverse(correction()))]);
    assert_eq!(case.stage(), CaseStage::Correction);
}

#[test]
fn no_period_is_shorter_than_the_agreements() {
    let short = Step::ServeNotice(service(5, 34));
    assert_eq!(refused(drafted(), "dot", 5, &short), NotAllowed::PeriodTooShort { days: 30 });
}

#[test]
fn a_notice_is_not_served_in_the_future_or_before_it_was_verified() {
    for served in [6, 3] {
        let step = Step::ServeNotice(service(served, 60));
        assert_eq!(refused(drafted(), "dot", 5, &step), NotAllowed::NotServedThen, "{served}");
    }
}

#[test]
fn the_machine_never_advances_a_case() {
    for case in [opened(), reviewed(), proposed(), drafted(), contested(), hearing()] {
        for step in every_step(60) {
            let kind = step.kind();
            let closes = matches!(&step, Step::Close(closing)
                if closing.because == Because::Superseded && case.stage() == CaseStage::Lead);
            let result = case.clone().step(&step, &Actor::Machine, day(60));
            if closes {
                assert_eq!(result.unwrap().stage(), CaseStage::Closed);
            } else {
                assert!(result.is_err(), "{kind} at {}", case.stage());
            }
        }
    }
    // What it may besides: close what is complete, and note acknowledgements.
    let closed = steps(acted(), &[("machine", 35 + 730, close(Because::ActionStands))]);
    assert_eq!(closed.stage(), CaseStage::Closed);
    let noted = steps(correcting(), &[("machine", 41, acknowledged())]);
    assert_eq!(noted.stage(), CaseStage::Correction);
}

#[test]
fn the_individual_contests_and_does_nothing_else() {
    for case in [opened(), verified(), noticed(), contested(), acted(), correcting()] {
        for step in every_step(60) {
            let may = [StepKind::FileContest, StepKind::WithdrawContest].contains(&step.kind());
            let result = case.clone().step(&step, &Actor::Individual, day(60));
            assert!(may || result.is_err(), "{} at {}", step.kind(), case.stage());
        }
    }
}

#[test]
fn who_proposed_a_finding_does_not_confirm_it() {
    let same = NotAllowed::SamePerson { did: "proposed the finding" };
    assert_eq!(refused(proposed(), "ben", 4, &Step::Confirm), same);
    assert_eq!(refused(verifying(), "cem", 4, &Step::Confirm), NotAllowed::NothingProposed);
    assert_eq!(verified().stage(), CaseStage::Verified);
}

#[test]
fn a_finding_confirms_amount_access_and_period_from_beyond_the_record() {
    let with = |change: fn(&mut Ground)| {
        let mut finding = independent();
        change(&mut finding.ground);
        refused(verifying(), "ben", 3, &Step::Find(finding))
    };
    let missing = |fact| NotAllowed::FactsMissing { missing: vec![fact] };
    assert_eq!(
        with(|ground| if let Ground::Independent { amount_cents, .. } = ground {
            *amount_cents = None;
        }),
        missing(VerifiedFact::Amount)
    );
    assert_eq!(
        with(|ground| if let Ground::Independent { access, .. } = ground {
            *access = None;
        }),
        missing(VerifiedFact::Access)
    );
    assert_eq!(
        with(|ground| if let Ground::Independent { access, .. } = ground {
            *access = Some(false);
        }),
        NotAllowed::NoAccess
    );
    assert_eq!(
        with(|ground| if let Ground::Independent { periods, .. } = ground {
            periods.clear();
        }),
        missing(VerifiedFact::Period)
    );
    assert_eq!(
        with(|ground| if let Ground::Independent { sources, .. } = ground {
            sources.clear();
        }),
        NotAllowed::NoSourceBeyondTheRecord
    );
}

#[test]
fn the_boards_finding_counts_only_where_the_agreement_rests_on_it() {
    let finding = Finding {
        ground: Ground::BoardFinding {
            document: "sha256:00".to_owned(),
            found: "2026-11-01".parse().unwrap(),
        },
        words: "benefits that the source itself pays".to_owned(),
    };
    let find = Step::Find(finding);
    assert_eq!(refused(verifying(), "ben", 3, &find), NotAllowed::NoBoardFinding);
    let terms = Terms { method: VerificationMethod::BoardFinding, ..Terms::strict() };
    let case = Case::open(LeadId::new("2027Q1", 1), terms, at(OPENED));
    let case = steps(
        case,
        &[("ada", 1, review(Judgement::Same)), ("ben", 2, Step::Verify), ("ben", 3, find)],
    );
    assert_eq!(steps(case, &[("cem", 4, Step::Confirm)]).stage(), CaseStage::Verified);
}

#[test]
fn a_death_takes_a_certified_record_a_second_datum_and_notice_to_the_household() {
    let death = |second: &str| {
        Step::Find(Finding {
            ground: Ground::Death {
                certified: source(SourceKind::Registrar, "entry 12"),
                second: source(SourceKind::Document, second),
            },
            words: "died in October".to_owned(),
        })
    };
    assert_eq!(refused(verifying(), "ben", 3, &death("entry 12")), NotAllowed::DeathNotCertified);
    let case = steps(
        verifying(),
        &[
            ("ben", 3, death("funeral home")),
            ("cem", 4, Step::Confirm),
            ("dot", 5, Step::DraftNotice(draft())),
        ],
    );
    let to_individual = Step::ServeNotice(service(5, 35));
    assert_eq!(refused(case.clone(), "dot", 5, &to_individual), NotAllowed::HouseholdNotTold);
    let to_household = Step::ServeNotice(Service { to: Addressee::Household, ..service(5, 35) });
    assert_eq!(steps(case, &[("dot", 5, to_household)]).stage(), CaseStage::Noticed);
}

#[test]
fn two_review_blind_and_a_third_settles_what_they_differ_on() {
    let terms = Terms { reviewers: Reviewers::TwoBlind, ..Terms::strict() };
    let case = Case::open(LeadId::new("2027Q1", 1), terms, at(OPENED));
    let one = steps(case, &[("ada", 1, review(Judgement::Same))]);
    let Standing::Lead(waiting) = one.standing() else { panic!("not a lead any more") };
    let (ada, ben) = (OfficerId::new("ada").unwrap(), OfficerId::new("ben").unwrap());
    assert_eq!(waiting.opinions_for(&ben).count(), 0, "the second does not see the first");
    assert_eq!(waiting.opinions_for(&ada).count(), 1);
    let twice = NotAllowed::SamePerson { did: "judged this lead before" };
    assert_eq!(refused(one.clone(), "ada", 2, &review(Judgement::Same)), twice);

    let agreed = steps(one.clone(), &[("ben", 2, review(Judgement::Same))]);
    assert_eq!(agreed.stage(), CaseStage::Reviewed);

    let differ = steps(one.clone(), &[("ben", 2, review(Judgement::NotSame))]);
    assert_eq!(differ.stage(), CaseStage::Lead);
    let third = review(Judgement::Same);
    assert_eq!(refused(differ.clone(), "cem", 3, &third), NotAllowed::NeedsAdjudication);
    let settle = Step::Adjudicate(opinion(Judgement::NotSame));
    assert_eq!(refused(differ.clone(), "ben", 3, &settle), twice);
    let settled = steps(differ, &[("cem", 3, settle.clone())]);
    assert_eq!(settled.stage(), CaseStage::Closed);
    assert_eq!(refused(one, "cem", 3, &settle), NotAllowed::NothingToAdjudicate);
}

#[test]
fn what_cannot_be_told_is_not_verified_and_somebody_else_may_settle_it() {
    let unsure = steps(opened(), &[("ada", 1, review(Judgement::Unsure))]);
    assert_eq!(refused(unsure.clone(), "ben", 2, &Step::Verify), NotAllowed::CannotBeTold);
    let settle = Step::Adjudicate(opinion(Judgement::Same));
    let settled = steps(unsure.clone(), &[("ben", 2, settle), ("cem", 3, Step::Verify)]);
    assert_eq!(settled.stage(), CaseStage::Verifying);
    let closed = steps(unsure, &[("ada", 2, close(Because::CannotBeTold))]);
    assert_eq!(closed.stage(), CaseStage::Closed);
}

#[test]
fn a_negative_judgement_can_be_reversed_and_the_lead_is_looked_at_again() {
    let back = Step::ReverseJudgement("the birth year was mistyped".to_owned());
    let case = steps(not_same(), &[("eve", 3, back.clone())]);
    assert_eq!(case.stage(), CaseStage::Lead);
    assert_eq!(steps(case, &[("ben", 4, review(Judgement::Same))]).stage(), CaseStage::Reviewed);
    let closed = steps(opened(), &[("ada", 1, close(Because::NoAction))]);
    let stage = CaseStage::Closed;
    let step = StepKind::ReverseJudgement;
    assert_eq!(refused(closed, "eve", 3, &back), NotAllowed::WrongStage { stage, step });
}

#[test]
fn aid_continues_until_the_contest_is_decided_however_long_ago_the_period_ended() {
    let action = Step::TakeAction(order(90));
    for case in [contested(), hearing()] {
        let stage = case.stage();
        let step = StepKind::TakeAction;
        assert_eq!(refused(case, "cem", 90, &action), NotAllowed::WrongStage { stage, step });
    }
}

#[test]
fn a_contest_decided_early_does_not_cut_the_period_short() {
    let decided = decided(Heard::NotUpheld);
    assert_eq!(
        refused(decided.clone(), "cem", 34, &Step::TakeAction(order(34))),
        NotAllowed::PeriodRuns { ends: day(35) }
    );
    let acted = steps(decided, &[("cem", 35, Step::TakeAction(order(35)))]);
    assert_eq!(acted.stage(), CaseStage::Action);
    assert_eq!(refused(acted, "individual", 36, &contest(false)), NotAllowed::ContestedBefore);
}

#[test]
fn a_contest_that_is_upheld_ends_in_no_action() {
    let case = decided(Heard::Upheld);
    assert_eq!(
        refused(case.clone(), "cem", 90, &Step::TakeAction(order(90))),
        NotAllowed::ContestUpheld
    );
    assert_eq!(
        steps(case, &[("eve", 91, Step::Correct(correction()))]).stage(),
        CaseStage::Correction
    );
}

#[test]
fn who_asks_for_a_hearing_gets_one_and_who_verified_does_not_decide() {
    let stage = CaseStage::Contested;
    let step = StepKind::Decide;
    assert_eq!(
        refused(contested(), "eve", 11, &ruling(Heard::NotUpheld)),
        NotAllowed::WrongStage { stage, step }
    );
    let same = NotAllowed::SamePerson { did: "verified or confirmed the finding" };
    for judge in ["ben", "cem"] {
        assert_eq!(refused(hearing(), judge, 20, &ruling(Heard::NotUpheld)), same);
    }
}

#[test]
fn a_late_answer_restores_what_was_taken_until_it_is_decided() {
    let late = steps(acted(), &[("individual", 50, contest(false))]);
    let Standing::Contested(contested) = late.standing() else { panic!("not contested") };
    assert!(contested.is_late() && contested.restored().is_some());
    let stands = steps(
        late.clone(),
        &[("eve", 55, ruling(Heard::NotUpheld)), ("cem", 56, Step::TakeAction(order(56)))],
    );
    assert_eq!(stands.stage(), CaseStage::Action);
    let right = steps(
        late,
        &[("eve", 55, ruling(Heard::Upheld)), ("eve", 56, Step::Correct(correction()))],
    );
    let Standing::Correction(correction) = right.standing() else { panic!("no correction") };
    assert!(correction.reversed().is_some());
}

#[test]
fn an_emergency_measure_ends_after_ten_days_and_is_taken_once() {
    let during = steps(noticed(), &[("cem", 6, emergency(6, 10))]);
    assert_eq!(during.due(), Some(day(16)));
    assert_eq!(refused(noticed(), "cem", 6, &emergency(6, 11)), NotAllowed::EmergencyTooLong);
    assert_eq!(refused(noticed(), "cem", 6, &emergency(6, 0)), NotAllowed::EmergencyTooLong);
    assert_eq!(refused(during.clone(), "cem", 20, &emergency(20, 5)), NotAllowed::EmergencyTaken);
    let ended = Step::EndEmergencyMeasure("no longer needed".to_owned());
    assert_eq!(
        refused(during.clone(), "cem", 16, &ended),
        NotAllowed::NoEmergency,
        "it has lapsed"
    );
    let ended = steps(during, &[("cem", 10, ended)]);
    assert_eq!(ended.stage(), CaseStage::Noticed, "the notice and its period go on");
}

#[test]
fn every_action_can_be_undone_until_its_time_ends() {
    let reverse = Step::Reverse(correction());
    assert_eq!(refused(acted(), "eve", 35 + 730, &reverse), NotAllowed::UndoEnded);
    assert_eq!(steps(acted(), &[("eve", 35 + 729, reverse)]).stage(), CaseStage::Correction);
    let mut short = order(35);
    short.undo_until = day(35 + 729);
    assert_eq!(
        refused(noticed(), "cem", 35, &Step::TakeAction(short)),
        NotAllowed::UndoTooShort { days: 730 }
    );
    let mut none = order(35);
    none.undo_plan = "  ".to_owned();
    assert_eq!(refused(noticed(), "cem", 35, &Step::TakeAction(none)), NotAllowed::NoUndoPlan);
    assert_eq!(
        refused(acted(), "cem", 36, &close(Because::ActionStands)),
        NotAllowed::CanBeUndone { until: day(35 + 730) }
    );
}

#[test]
fn a_correction_is_complete_when_every_recipient_acknowledged_and_the_individual_was_told() {
    let case = correcting();
    let done = close(Because::Corrected);
    assert_eq!(refused(case.clone(), "eve", 41, &done), NotAllowed::NotAllAcknowledged);
    let case = steps(case, &[("machine", 41, acknowledged())]);
    assert_eq!(refused(case.clone(), "eve", 42, &done), NotAllowed::IndividualNotTold);
    assert_eq!(refused(case.clone(), "machine", 42, &acknowledged()), NotAllowed::NotAwaited);
    let case = steps(case, &[("eve", 42, told()), ("machine", 43, done)]);
    assert_eq!(case.stage(), CaseStage::Closed);
    assert_eq!(case.due(), None);
}

#[test]
fn a_letter_that_came_back_has_told_nobody_of_the_correction() {
    let back = Step::NoteReturnedMail(Returned { reason: "moved".to_owned() });
    let case = correcting();
    assert!(matches!(refused(case.clone(), "dot", 41, &back), NotAllowed::WrongStage { .. }));
    let case =
        steps(case, &[("machine", 41, acknowledged()), ("eve", 42, told()), ("dot", 50, back)]);
    assert_eq!(
        refused(case.clone(), "eve", 51, &close(Because::Corrected)),
        NotAllowed::IndividualNotTold
    );
    let case = steps(case, &[("eve", 52, told()), ("eve", 53, close(Because::Corrected))]);
    assert_eq!(case.stage(), CaseStage::Closed);
}

#[test]
fn a_split_can_be_taken_back_and_an_amendment_cannot() {
    let closed = |splits| {
        let order = CorrectionOrder { splits, ..correction() };
        let done =
            [acknowledged(), told(), close(Because::Corrected)].map(|step| ("eve", 41, step));
        steps(steps(acted(), &[("eve", 40, Step::Reverse(order))]), &done)
    };
    let reverse = Step::ReverseJudgement("it was the same person".to_owned());
    assert!(matches!(refused(closed(false), "eve", 42, &reverse), NotAllowed::WrongStage { .. }));
    let again = steps(closed(true), &[("eve", 42, reverse.clone())]);
    assert_eq!(again.stage(), CaseStage::Lead);
    assert_eq!(again.correction_ordered(), None, "what was corrected before counts no more");
}

#[test]
fn nothing_is_served_or_taken_on_a_record_that_is_disputed() {
    let disputed = steps(drafted(), &[("ben", 5, objection(20))]);
    let serve = Step::ServeNotice(service(5, 35));
    assert_eq!(refused(disputed.clone(), "dot", 5, &serve), NotAllowed::DisputeOpen);
    assert_eq!(disputed.due(), Some(day(20)));
    assert!(
        !disputed.disputes()[0].is_overdue(day(19)) && disputed.disputes()[0].is_overdue(day(20))
    );
    assert_eq!(disputed.dispute_opened_by(disputed.version()), Some(1));
    assert_eq!(disputed.dispute_opened_by(1), None);
    assert_eq!(disputed.dispute_opened_by(99), None);
    // What the source's node signed is noted without an officer.
    let noted = steps(disputed.clone(), &[("machine", 21, answered())]);
    assert!(!noted.disputes()[0].is_open());
    let settled = steps(disputed, &[("ben", 21, answered())]);
    assert_eq!(refused(settled.clone(), "ben", 22, &answered()), NotAllowed::NoSuchDispute);
    let late = Step::ServeNotice(service(21, 51));
    assert_eq!(steps(settled, &[("dot", 21, late)]).stage(), CaseStage::Noticed);
    let disputed = steps(noticed(), &[("ben", 6, objection(40))]);
    assert_eq!(refused(disputed, "cem", 36, &Step::TakeAction(order(36))), NotAllowed::DisputeOpen);
}

#[test]
fn a_clock_set_back_neither_reorders_steps_nor_ends_a_period() {
    let case = steps(noticed(), &[("ben", 1, Step::Assign(Assignment::default()))]);
    assert_eq!(case.last_at(), day(5), "no earlier than the step before");
    assert_eq!(
        refused(case, "cem", 1, &Step::TakeAction(order(35))),
        NotAllowed::PeriodRuns { ends: day(35) }
    );
}

#[test]
fn the_fold_of_the_steps_is_the_case() {
    for case in every_stage() {
        let again = Case::replay(opened(), case.steps().to_vec()).unwrap();
        assert_eq!(again, case);
        // Left out or swapped, they are no case.
        if case.version() > 2 {
            let mut swapped = case.steps().to_vec();
            swapped.swap(0, 1);
            assert!(Case::replay(opened(), swapped).is_err(), "{}", case.stage());
            let rest = case.steps().iter().skip(1).cloned();
            assert!(Case::replay(opened(), rest).is_err(), "{}", case.stage());
        }
    }
}

#[test]
fn steps_come_back_from_their_stored_form() {
    for step in every_step(35) {
        let text = serde_json::to_string(&step).unwrap();
        assert_eq!(serde_json::from_str::<Step>(&text).unwrap(), step);
        assert_eq!(StepKind::read(step.kind().as_str()), Some(step.kind()));
        let shown = format!("{step:?}");
        assert_eq!(shown, format!("{} [redacted]", step.kind()));
    }
}

#[test]
fn the_counts_add_up_to_one_case_whatever_its_way() {
    for case in every_stage() {
        let mut standing = std::collections::BTreeMap::new();
        for version in 0..=case.steps().len() {
            let then = Case::replay(opened(), case.steps().iter().take(version).cloned()).unwrap();
            for tally in tallies(&then) {
                if tally.what == "standing" {
                    *standing.entry(tally.name).or_insert(0) += tally.n;
                }
            }
        }
        standing.retain(|_, n| *n != 0);
        assert_eq!(standing.into_iter().collect::<Vec<_>>(), [(case.stage().as_str(), 1)]);
    }
}

/// A case at every stage, and at the points within one that matter.
fn every_stage() -> Vec<Case> {
    vec![
        opened(),
        reviewed(),
        verifying(),
        proposed(),
        verified(),
        drafted(),
        steps(verifying(), &[("ben", 3, Step::Refute("another employer".to_owned()))]),
        noticed(),
        returned(),
        contested(),
        hearing(),
        decided(Heard::Upheld),
        decided(Heard::NotUpheld),
        acted(),
        correcting(),
        not_same(),
    ]
}

/// One of every step, as it would be taken on a day.
fn every_step(on: i64) -> Vec<Step> {
    let steps = vec![
        review(Judgement::Same),
        Step::Adjudicate(opinion(Judgement::Same)),
        Step::Assign(Assignment { county: Some("north".to_owned()), ..Assignment::default() }),
        Step::Verify,
        Step::Find(independent()),
        Step::Confirm,
        Step::SendBack("the period is open".to_owned()),
        Step::Refute("another employer".to_owned()),
        Step::DraftNotice(draft()),
        Step::ServeNotice(service(on, on + 30)),
        Step::NoteReturnedMail(Returned { reason: "moved".to_owned() }),
        contest(false),
        Step::WithdrawContest("settled".to_owned()),
        Step::OpenHearing(day(on + 10)),
        ruling(Heard::NotUpheld),
        emergency(on, 10),
        Step::EndEmergencyMeasure("no longer needed".to_owned()),
        Step::TakeAction(order(on)),
        Step::Reverse(correction()),
        Step::Correct(correction()),
        acknowledged(),
        told(),
        objection(on + 30),
        answered(),
        Step::ReverseJudgement("mistyped".to_owned()),
        close(Because::Superseded),
    ];
    assert_eq!(steps.iter().map(Step::kind).collect::<Vec<_>>(), StepKind::ALL, "one of each");
    steps
}

/// What an officer who had no part so far can do on the sixtieth day, when every period has ended.
#[test]
fn every_step_at_every_stage() {
    let mut table = String::new();
    for case in every_stage() {
        let last = case.steps().last().map_or("opened", |taken| taken.step.kind().as_str());
        writeln!(table, "{} (after {last})", case.stage()).unwrap();
        for step in every_step(60) {
            let kind = step.kind();
            match case.clone().step(&step, &officer("zoe"), day(60)) {
                Ok(after) => writeln!(table, "    {kind} -> {}", after.stage()).unwrap(),
                Err(NotAllowed::WrongStage { .. }) => {}
                Err(why) => writeln!(table, "    {kind}: {why}").unwrap(),
            }
        }
    }
    expect_file!["table.txt"].assert_eq(&table);
}
