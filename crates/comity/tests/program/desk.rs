//! The desk: a case's whole life through the gate, the store and the ledger, and what a failure in between leaves behind.

use super::place::{Place, at};
use agreement::{Gate, NoticePart, OfficerId, OfficerRole};
use casework::{
    Acknowledgement, ActionKind, ActionOrder, Addressee, Because, CaseStage, CaseStore as _,
    Closing, Contest, CorrectionOrder, Draft, Finding, Ground, Had, Heard, How, Judgement, LeadId,
    NotAllowed, Opinion, Queue, Ruling, Service, Source, SourceKind, Step, Store as _, Told,
};
use comity::desk::{Acted, Desk, Officer, Read};
use comity::event::Event;
use comity::node::Node;
use jiff::{SignedDuration, Timestamp};
use ledger::Commitments;

/// So many days after the run.
fn day(days: i64) -> Timestamp {
    at(0) + SignedDuration::from_hours(24 * days)
}

fn officer(name: &str, role: OfficerRole) -> Officer {
    Officer { id: OfficerId::new(name).unwrap(), roles: [role].into() }
}

fn ada() -> Officer {
    officer("ada", OfficerRole::Reviewer)
}

fn ben() -> Officer {
    officer("ben", OfficerRole::Verifier)
}

fn cem() -> Officer {
    officer("cem", OfficerRole::Verifier)
}

fn dot() -> Officer {
    officer("dot", OfficerRole::NoticeOfficer)
}

fn eve() -> Officer {
    officer("eve", OfficerRole::PrivacyOfficer)
}

fn review(judgement: Judgement) -> Step {
    Step::Review(Opinion { judgement, reason: "seen".to_owned(), expires: None })
}

fn finding() -> Step {
    Step::Find(Finding {
        ground: Ground::Independent {
            amount_cents: Some(123_400),
            access: Some(true),
            periods: vec![Had {
                from: "2026-07-01".parse().unwrap(),
                to: "2026-09-30".parse().unwrap(),
            }],
            sources: vec![Source {
                kind: SourceKind::Payer,
                reference: "letter 7".to_owned(),
                seen: "2027-01-05".parse().unwrap(),
            }],
        },
        words: "wages from July to September".to_owned(),
    })
}

fn service(on: i64, ends: Timestamp) -> Service {
    Service {
        how: How::Mail,
        to: Addressee::Individual,
        language: "en".to_owned(),
        address: "1 Example Street".to_owned(),
        letter: "letter".to_owned(),
        states: [NoticePart::Findings, NoticePart::RightToContest, NoticePart::LastDay].into(),
        served_at: day(on),
        response_ends: ends,
    }
}

fn ruling(heard: Heard, aid_continued: Option<&str>) -> Step {
    let reason = "the papers show it".to_owned();
    Step::Decide(Ruling { heard, reason, aid_continued: aid_continued.map(str::to_owned) })
}

/// A death, by a registrar's record and a second datum.
fn death() -> Step {
    let source = |kind, reference: &str| Source {
        kind,
        reference: reference.to_owned(),
        seen: "2027-01-05".parse().unwrap(),
    };
    Step::Find(Finding {
        ground: Ground::Death {
            certified: source(SourceKind::Registrar, "register 12"),
            second: source(SourceKind::Document, "letter 8"),
        },
        words: "the person died in March".to_owned(),
    })
}

fn action(on: Timestamp) -> Step {
    Step::TakeAction(ActionOrder {
        kind: ActionKind::Reduced,
        from: "2027-04-01".parse().unwrap(),
        amount_cents: Some(10_000),
        undo_plan: "pay the difference".to_owned(),
        undo_until: on + SignedDuration::from_hours(24 * 731),
    })
}

/// A place where a run was done, and one of its open leads.
struct Worked {
    place: Place,
    lead: LeadId,
}

impl Worked {
    async fn new() -> Worked {
        Worked::at(Place::with_pilot(40)).await
    }

    async fn at(place: Place) -> Worked {
        place.done(at(0)).await;
        let node = place.node(at(1)).await;
        let page = node.store.queue(&Queue::default(), 1).await.unwrap();
        Worked { lead: page.lines[0].id.clone(), place }
    }

    async fn desk(&self, now: Timestamp) -> (Node, Desk) {
        let mut node = self.place.node(now).await;
        node.drain().await.unwrap();
        let program = self.place.program(now);
        let desk = Desk::open(&node, &program, Gate::shipped().unwrap()).await.unwrap();
        (node, desk)
    }

    /// An officer's step at an instant; the ledger is drained after it.
    async fn act(&self, now: Timestamp, by: &Officer, step: Step) -> Acted {
        let (mut node, desk) = self.desk(now).await;
        let version = desk.store().case(&self.lead).await.unwrap().case.version();
        let acted = desk.act(by, &self.lead, version, step).await.unwrap();
        node.drain().await.unwrap();
        acted
    }

    async fn done(&self, on: i64, by: &Officer, step: Step) -> CaseStage {
        self.done_at(day(on), by, step).await
    }

    async fn done_at(&self, now: Timestamp, by: &Officer, step: Step) -> CaseStage {
        let kind = step.kind();
        match self.act(now, by, step).await {
            Acted::Done(stored, _) => stored.case.stage(),
            Acted::Refused(refusal) => panic!("{kind}: {refusal}"),
            Acted::NotAllowed(why) => panic!("{kind}: {why}"),
        }
    }

    async fn refused(&self, now: Timestamp, by: &Officer, step: Step) -> Vec<String> {
        let kind = step.kind();
        match self.act(now, by, step).await {
            Acted::Refused(refusal) => refusal.reasons.into_iter().map(|one| one.id).collect(),
            Acted::Done(..) => panic!("{kind} was done"),
            Acted::NotAllowed(why) => panic!("{kind}: {why}"),
        }
    }

    /// Serves a notice on the fifth day, and returns when its period ends.
    async fn noticed(&self) -> Timestamp {
        self.noticed_with(finding(), |_| {}).await
    }

    /// Serves a notice of a finding on the fifth day, changed as is said, and returns when its period ends.
    async fn noticed_with(&self, finding: Step, change: impl Fn(&mut Service)) -> Timestamp {
        self.done(1, &ada(), review(Judgement::Same)).await;
        self.done(2, &ben(), Step::Verify).await;
        self.done(3, &ben(), finding).await;
        self.done(4, &cem(), Step::Confirm).await;
        let draft = Draft { language: "en".to_owned(), letter: "letter".to_owned() };
        self.done(5, &dot(), Step::DraftNotice(draft)).await;
        let (_, desk) = self.desk(day(5)).await;
        let ends = desk.response_ends(day(5), agreement::Service::Mailed);
        let mut service = service(5, ends);
        change(&mut service);
        let served = self.done(5, &dot(), Step::ServeNotice(service)).await;
        assert_eq!(served, CaseStage::Noticed);
        ends
    }
}

#[tokio::test]
async fn an_agreement_that_asks_for_two_reviewers_gets_two_and_a_third_where_they_differ() {
    let place = Place::with_pilot(40);
    let asks = "[review]\nreviewers = \"two_blind\"\n\n[verification]";
    place.edit("agreement.toml", "[verification]", asks);
    let worked = Worked::at(place).await;
    let zoe = officer("zoe", OfficerRole::Reviewer);
    let tia = officer("tia", OfficerRole::Reviewer);
    assert_eq!(worked.done(1, &ada(), review(Judgement::Same)).await, CaseStage::Lead);
    let alone = worked.refused(day(1), &ben(), Step::Verify).await;
    assert_eq!(alone, ["F5-reviewed", "F5-two-reviewers"]);
    let twice = worked.refused(day(1), &ada(), review(Judgement::Same)).await;
    assert_eq!(twice, ["F5-second-reviewer"]);
    assert_eq!(worked.done(2, &zoe, review(Judgement::NotSame)).await, CaseStage::Lead);
    let differ = worked.refused(day(2), &ben(), Step::Verify).await;
    assert_eq!(differ, ["F5-reviewed"]);
    let settle = || {
        let reason = "looked at both".to_owned();
        Step::Adjudicate(Opinion { judgement: Judgement::Same, reason, expires: None })
    };
    let own = worked.refused(day(3), &zoe, settle()).await;
    assert_eq!(own, ["F5-adjudicator"]);
    assert_eq!(worked.done(3, &tia, settle()).await, CaseStage::Reviewed);
    assert_eq!(worked.done(4, &ben(), Step::Verify).await, CaseStage::Verifying);
    worked.place.assert_sound("after a third reviewer");
}

#[tokio::test]
async fn a_notice_that_does_not_say_all_three_things_is_no_ground_for_an_action() {
    for part in [NoticePart::Findings, NoticePart::RightToContest, NoticePart::LastDay] {
        let worked = Worked::new().await;
        let without = |service: &mut Service| {
            service.states.remove(&part);
        };
        let ends = worked.noticed_with(finding(), without).await;
        let refused = worked.refused(ends, &cem(), action(ends)).await;
        assert!(refused.contains(&"F6-notice".to_owned()), "{part:?}: {refused:?}");
    }
}

#[tokio::test]
async fn after_a_hearing_there_is_no_action_unless_the_records_show_that_aid_went_on() {
    for (shown, rules) in
        [(None, &["F6-aid"][..]), (Some(" "), &["F6-aid"]), (Some("payment 12"), &[])]
    {
        let worked = Worked::new().await;
        let ends = worked.noticed().await;
        let contest = Contest {
            statement: "I left that employer".to_owned(),
            attachments: Vec::new(),
            wants_hearing: true,
        };
        worked.done(10, &dot(), Step::FileContest(contest)).await;
        worked.done(12, &eve(), Step::OpenHearing(day(20))).await;
        worked.done(20, &eve(), ruling(Heard::NotUpheld, shown)).await;
        if rules.is_empty() {
            assert_eq!(worked.done_at(ends, &cem(), action(ends)).await, CaseStage::Action);
        } else {
            assert_eq!(worked.refused(ends, &cem(), action(ends)).await, rules);
        }
    }
}

#[tokio::test]
async fn a_death_is_acted_on_once_the_household_has_notice_and_without_amount_access_and_period() {
    let worked = Worked::new().await;
    let to_household = |service: &mut Service| service.to = Addressee::Household;
    let ends = worked.noticed_with(death(), to_household).await;
    assert_eq!(worked.done_at(ends, &cem(), action(ends)).await, CaseStage::Action);
    worked.place.assert_sound("after a death");
}

#[tokio::test]
async fn the_machine_closes_an_action_that_nobody_can_undo_any_more_and_never_moves_a_case_on() {
    let worked = Worked::new().await;
    let ends = worked.noticed().await;
    worked.done_at(ends, &cem(), action(ends)).await;
    let close = || Closing { because: Because::ActionStands, words: String::new() };
    let by_machine = async |now| {
        let (mut node, desk) = worked.desk(now).await;
        let version = desk.store().case(&worked.lead).await.unwrap().case.version();
        let acted = desk.close_by_machine(&worked.lead, version, close()).await.unwrap();
        node.drain().await.unwrap();
        acted
    };
    let early = by_machine(ends + SignedDuration::from_hours(24)).await;
    assert!(matches!(early, Acted::NotAllowed(NotAllowed::CanBeUndone { .. })), "{early:?}");
    let after = ends + SignedDuration::from_hours(24 * 732);
    let Acted::Done(stored, _) = by_machine(after).await else { panic!("not closed") };
    assert_eq!(stored.case.stage(), CaseStage::Closed);
    worked.place.assert_sound("after the machine closed");
}

#[tokio::test]
async fn a_case_goes_from_lead_to_action_and_back_and_the_audit_finds_nothing_wrong() {
    let worked = Worked::new().await;
    let ends = worked.noticed().await;
    let just_before = ends - SignedDuration::from_secs(1);
    let early = worked.refused(just_before, &cem(), action(just_before)).await;
    assert!(early.contains(&"F6-period".to_owned()), "{early:?}");
    assert_eq!(worked.done_at(ends, &cem(), action(ends)).await, CaseStage::Action);

    let later = ends + SignedDuration::from_hours(24);
    let recipient = agreement::PartyId::new("family-support").unwrap();
    let order = CorrectionOrder {
        words: "another person's employer".to_owned(),
        recipients: [recipient.clone()].into(),
        splits: false,
        language: String::new(),
    };
    assert_eq!(worked.done_at(later, &eve(), Step::Reverse(order)).await, CaseStage::Correction);
    let (mut node, desk) = worked.desk(later).await;
    let due = desk.store().corrections_due(later, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    let sent = desk.note_sent(&due[0], false).await.unwrap();
    assert_eq!(sent.delivery.attempts, 1);
    assert!(desk.store().corrections_due(later, 10).await.unwrap().is_empty(), "not twice at once");
    let acknowledgement = Acknowledgement { recipient, answer: "aa".to_owned() };
    let acted = desk.note_acknowledged(&worked.lead, acknowledgement.clone()).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)));
    let again = desk.note_acknowledged(&worked.lead, acknowledgement).await.unwrap();
    assert!(matches!(again, Acted::NotAllowed(NotAllowed::NotAwaited)));
    node.drain().await.unwrap();
    drop((node, desk));
    let told = Step::TellIndividual(Told { how: How::Mail, letter: "bb".to_owned() });
    worked.done_at(later, &eve(), told).await;
    let close = Step::Close(Closing { because: Because::Corrected, words: String::new() });
    assert_eq!(worked.done_at(later, &eve(), close).await, CaseStage::Closed);

    worked.place.assert_sound("after a whole life");
    let stepped = worked.place.events().into_iter();
    let stepped = stepped.filter(|event| matches!(event, Event::CaseStepped { .. })).count();
    assert_eq!(stepped, 11, "each step is an entry");
}

#[tokio::test]
async fn an_upheld_contest_ends_without_an_action() {
    let worked = Worked::new().await;
    let ends = worked.noticed().await;
    let (mut node, desk) = worked.desk(day(10)).await;
    let version = desk.store().case(&worked.lead).await.unwrap().case.version();
    let contest = Contest {
        statement: "I left that employer".to_owned(),
        attachments: Vec::new(),
        wants_hearing: true,
    };
    let acted = desk.contest(&worked.lead, version, contest).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)), "{acted:?}");
    node.drain().await.unwrap();
    drop((node, desk));
    let during = worked.refused(day(11), &cem(), action(day(11))).await;
    assert!(during.contains(&"F6-contest".to_owned()), "{during:?}");
    worked.done(12, &eve(), Step::OpenHearing(day(20))).await;
    let partial = worked.refused(day(20), &cem(), ruling(Heard::NotUpheld, None)).await;
    assert!(partial.contains(&"F5-impartial".to_owned()), "{partial:?}");
    assert_eq!(worked.done(20, &eve(), ruling(Heard::Upheld, None)).await, CaseStage::Decided);
    let never = worked.refused(ends, &cem(), action(ends)).await;
    assert!(never.contains(&"F6-decided".to_owned()), "{never:?}");
    worked.place.assert_sound("after the contest");
}

#[tokio::test]
async fn the_gate_keeps_roles_and_people_apart_whatever_the_page_shows() {
    let worked = Worked::new().await;
    let by_verifier = worked.refused(day(1), &ben(), review(Judgement::Same)).await;
    assert_eq!(by_verifier, ["role-review-lead"]);
    worked.done(1, &ada(), review(Judgement::Same)).await;
    worked.done(2, &ben(), Step::Verify).await;
    worked.done(3, &ben(), finding()).await;
    let same = worked.refused(day(4), &ben(), Step::Confirm).await;
    assert_eq!(same, ["F5-confirm"]);
    // A refusal is an entry too, and the case has not moved.
    let refusals = worked.place.events().into_iter();
    let refusals = refusals.filter(|event| matches!(event, Event::Refused(_))).count();
    assert_eq!(refusals, 2);
    worked.place.assert_sound("after refusals");
}

#[tokio::test]
async fn of_two_officers_at_one_case_the_second_looks_again_and_nothing_is_lost() {
    let worked = Worked::new().await;
    let (mut node, desk) = worked.desk(day(1)).await;
    let ada = ada();
    let first = desk.act(&ada, &worked.lead, 0, review(Judgement::Same));
    let zoe = officer("zoe", OfficerRole::Reviewer);
    let second = desk.act(&zoe, &worked.lead, 0, review(Judgement::NotSame));
    let (first, second) = tokio::join!(first, second);
    let moved = [&first, &second].into_iter().filter(|acted| {
        matches!(acted, Err(comity::Error::Casework(casework::Error::CaseMoved { version: 1, .. })))
    });
    assert_eq!(moved.count(), 1, "{first:?} {second:?}");
    node.drain().await.unwrap();
    let stored = desk.store().case(&worked.lead).await.unwrap();
    assert_eq!(stored.case.version(), 1);
    worked.place.assert_sound("after two came at once");
}

#[tokio::test]
async fn reading_a_case_is_noted_before_it_is_shown() {
    let worked = Worked::new().await;
    let (mut node, desk) = worked.desk(day(1)).await;
    let Read::Shown(files, lines) =
        desk.read(&ada(), std::slice::from_ref(&worked.lead), "lead").await.unwrap()
    else {
        panic!("refused");
    };
    assert!(files[0].lead.returned.is_some());
    assert!(!desk.is_recorded(&lines).await.unwrap());
    node.drain().await.unwrap();
    assert!(desk.is_recorded(&lines).await.unwrap());
    let seen = desk.store().reads_of(&worked.lead, 10).await.unwrap();
    assert_eq!(seen.iter().map(|seen| seen.by.as_str()).collect::<Vec<_>>(), ["ada"]);
    let operator = officer("oto", OfficerRole::Operator);
    let refused = desk.read(&operator, std::slice::from_ref(&worked.lead), "lead").await.unwrap();
    assert!(matches!(refused, Read::Refused(_)), "{refused:?}");
    assert_eq!(desk.store().reads_of(&worked.lead, 10).await.unwrap().len(), 1);
    node.drain().await.unwrap();
    worked.place.assert_sound("after reading");
}

#[tokio::test]
async fn a_step_that_the_ledger_has_not_taken_yet_follows_once() {
    // The table of what a stop between store and ledger leaves: before the step, after it, after the ledger took it and
    // before the store noted that.
    let worked = Worked::new().await;
    let before = worked.place.entries().len();
    {
        let (_node, desk) = worked.desk(day(1)).await;
        let acted = desk.act(&ada(), &worked.lead, 0, review(Judgement::Same)).await.unwrap();
        assert!(matches!(acted, Acted::Done(..)));
        // Stopped here: the step is stored, and the ledger knows nothing of it.
    }
    assert_eq!(worked.place.entries().len(), before);
    keep_outbox(&worked.place).await;
    let (mut node, _) = worked.desk(day(1)).await;
    node.drain().await.unwrap();
    drop(node);
    assert_eq!(worked.place.entries().len(), before + 2, "the permit and the step, once");
    forget_acknowledgements(&worked.place).await;
    let (mut node, _) = worked.desk(day(1)).await;
    node.drain().await.unwrap();
    drop(node);
    assert_eq!(
        worked.place.entries().len(),
        before + 2,
        "found in the ledger, and not written twice"
    );
    worked.place.assert_sound("after both stops");
}

async fn open_store(place: &Place) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.places().casework());
    options.connect().await.unwrap()
}

/// Keeps the outbox as it is.
async fn keep_outbox(place: &Place) {
    let mut connection = open_store(place).await;
    sqlx::query("CREATE TABLE kept AS SELECT * FROM outbox")
        .execute(&mut connection)
        .await
        .unwrap();
}

/// Puts the outbox back, as a stop between the ledger's append and its acknowledgement would have left it.
async fn forget_acknowledgements(place: &Place) {
    let mut connection = open_store(place).await;
    for statement in
        ["DELETE FROM outbox", "INSERT INTO outbox SELECT * FROM kept", "DROP TABLE kept"]
    {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
}

/// An action that the case never allowed, told to the ledger by somebody who went round the desk.
#[tokio::test]
async fn the_audit_finds_an_action_without_notice_and_period() {
    let worked = Worked::new().await;
    let (mut node, _) = worked.desk(day(1)).await;
    let event = Event::CaseStepped {
        case: worked.lead.to_string(),
        number: 1,
        step: "take-action".to_owned(),
        stage: "action".to_owned(),
        ends: String::new(),
    };
    node.store.note(&node.drafts_with(vec![(event, Commitments::new())])).await.unwrap();
    node.drain().await.unwrap();
    drop(node);
    let wrong: Vec<String> =
        worked.place.audit().wrong.into_iter().map(|wrong| wrong.what).collect();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("no permit stands"), "{wrong:?}");
    assert!(wrong[1].contains("before two people verified"), "{wrong:?}");
    assert!(wrong[2].contains("without a served notice"), "{wrong:?}");
}
