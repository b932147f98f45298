//! Asks the gate about cases: that a case file is lowered rightly to facts, and who may do what.
//!
//! What follows from facts is in `laws/floor/cases.toml` and in `proofs.rs`. Synthetic cases of the worked example.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use agreement::{
    Account, Act, Agreement, By, CaseFile, CaseRequest, CaseStage, Death, Decided, Emergency,
    EmergencyGround, Filed, Gate, Lift, NoticePart, NoticeServed, OfficerId, OfficerRole,
    ProposedAction, Publications, RecordsAsked, RegisterKey, Reviews, Scope, Seal, Service,
    Silence, Stay, StayKind, Undo, VerifiedFact,
};
use expect_test::expect;
use jiff::{SignedDuration, Timestamp};

const TEXT: &str = include_str!("../../../examples/benefits/agreement.toml");
const PUBLICATIONS: &str = include_str!("../../../examples/benefits/publications.toml");

/// Parsing and checking every policy takes longer than a decision.
fn gate() -> &'static Gate {
    static GATE: LazyLock<Gate> = LazyLock::new(|| Gate::shipped().unwrap());
    &GATE
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2027-09-01T12:00:00Z")
}

fn second() -> SignedDuration {
    SignedDuration::from_secs(1)
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn file(change: impl FnOnce(&mut Agreement)) -> Filed {
    let mut agreement = Agreement::read(TEXT, "agreement.toml").unwrap();
    change(&mut agreement);
    let published = Publications::read(PUBLICATIONS, "publications.toml").unwrap();
    let mut seed = 0;
    let random = || {
        seed += 1;
        [seed; 32]
    };
    let signed = at("2027-05-04T12:00:00Z");
    agreement.demonstration(&published, signed, random).unwrap().filed
}

fn officer(name: &str) -> OfficerId {
    name.parse().unwrap()
}

fn by(name: &str, roles: &[OfficerRole]) -> By {
    By::Officer { id: officer(name), roles: roles.iter().copied().collect() }
}

fn notice() -> NoticeServed {
    NoticeServed {
        served_at: at("2027-06-01T15:00:00Z"),
        service: Service::Mailed,
        told_until: None,
        states: [NoticePart::Findings, NoticePart::RightToContest, NoticePart::LastDay].into(),
        returned: false,
    }
}

/// A case reviewed, verified by another officer, noticed, and waited for.
fn ready() -> CaseFile {
    CaseFile {
        stage: Some(CaseStage::Noticed),
        reviews: Some(Reviews::Same),
        reviewed_by: [officer("first")].into(),
        verified_by: [officer("second")].into(),
        confirmed: [VerifiedFact::Amount, VerifiedFact::Access, VerifiedFact::Period].into(),
        sources: 1,
        notice: Some(notice()),
        ..CaseFile::default()
    }
}

fn undo() -> Undo {
    Undo { kept_until: now() + days(400), needed_until: now() + days(400) }
}

fn seal() -> Seal {
    Seal {
        power: "5 U.S.C. 552a(b)(7)".to_owned(),
        authority: "Example District Court".to_owned(),
        from: now(),
        until: now() + days(30),
    }
}

fn stay(scope: Scope) -> Stay {
    Stay {
        order: "27-cv-100".to_owned(),
        authority: "Example District Court".to_owned(),
        kind: StayKind::Order,
        scope,
        recorded: now() - days(1),
        from: None,
        until: None,
        lifted: None,
    }
}

/// A request that lacks nothing but the officer's role.
fn ask(filed: &Filed, act: Act, by: By) -> CaseRequest {
    let party =
        if act == Act::ANSWER_DISPUTE { "payroll-administration" } else { "family-support" };
    let purpose = &filed.agreement.purposes[0].id;
    let mut request = CaseRequest::new(&filed.agreement, act, &party.parse().unwrap(), purpose, by);
    request.case = Some("r-0001".parse().unwrap());
    request.ledger_writable = true;
    request.file = ready();
    request.action = Some(ProposedAction { undo: Some(undo()), ..ProposedAction::default() });
    request.records = Some(RecordsAsked {
        rows: 1,
        open_matters: 1,
        persons_in_90_days: 1,
        register: filed.agreement.requests_key().cloned(),
        ..RecordsAsked::default()
    });
    request.seal = Some(seal());
    request.stay = Some(stay(Scope::default()));
    request.lift = Some(Lift {
        order: "27-cv-101".to_owned(),
        authority: "Example District Court".to_owned(),
        at: now(),
    });
    request.account = Some(Account { officer: officer("fourth"), roles: BTreeSet::new() });
    if request.act == Act::ADJUDICATE {
        request.file.reviews = Some(Reviews::Disagree);
    } else if request.act == Act::READ_EVIDENCE {
        request.file.contest_open = true;
    } else if request.act == Act::DESTROY {
        request.file.closed_at = Some(now() - days(181));
    }
    request
}

fn take(filed: &Filed) -> CaseRequest {
    ask(filed, Act::TAKE_ACTION, by("third", &[OfficerRole::Verifier]))
}

fn broken(filed: &Filed, request: &CaseRequest, now: Timestamp) -> Vec<String> {
    gate().decide_case(request, filed, now).grounds().rules.clone()
}

#[track_caller]
fn check(filed: &Filed, request: &CaseRequest, ids: &[&str]) {
    assert_eq!(broken(filed, request, now()), ids);
}

/// The action with one thing changed.
#[track_caller]
fn changed(change: impl FnOnce(&mut CaseRequest), ids: &[&str]) {
    let filed = file(|_| {});
    let mut request = take(&filed);
    change(&mut request);
    check(&filed, &request, ids);
}

#[test]
fn each_role_may_do_what_is_its_own_and_nothing_else() {
    let filed = file(|_| {});
    let gate = gate();
    let mut table = String::new();
    let doers = OfficerRole::ALL.map(|role| (role.as_str(), by("third", &[role])));
    let others = [
        ("(no role)", by("third", &[])),
        ("individual", By::Individual { proved: true }),
        ("unproved", By::Individual { proved: false }),
        ("machine", By::Machine),
    ];
    for (name, by) in doers.into_iter().chain(others) {
        let may: Vec<_> = Act::OF_CASES
            .into_iter()
            .filter(|act| {
                let request = ask(&filed, act.clone(), by.clone());
                gate.decide_case(&request, &filed, now()).into_permit().is_ok()
            })
            .map(|act| act.to_string())
            .collect();
        writeln!(table, "{name}: {}", may.join(", ")).unwrap();
    }
    expect![[r"
        reviewer: assign, read_case, read_evidence, review_lead, adjudicate, close
        verifier: assign, read_case, read_evidence, verify, confirm, refute, open_hearing, decide, take_action, reverse, correct, close, dispute_record, answer_dispute, request_records, drop_request
        notice_officer: read_case, read_evidence, serve_notice, note_returned_mail, file_contest, close, export_work, import_results
        privacy_officer: read_case, read_evidence, file_contest, open_hearing, decide, reverse, correct, close, destroy, seal, record_stay, lift_stay, dispute_record, answer_dispute
        board_member: vote
        auditor: audit_read
        operator: assign, destroy, export_work, import_results, administer
        (no role): 
        individual: file_contest, see_own
        unproved: 
        machine: close, destroy
    "]].assert_eq(&table);
}

#[test]
fn a_permit_is_for_one_act_on_one_case_and_soon_over() {
    let filed = file(|_| {});
    let gate = gate();
    let permit = gate.decide_case(&take(&filed), &filed, now()).into_permit().unwrap();
    let (case, other) = ("r-0001".parse().unwrap(), "r-0002".parse().unwrap());
    assert!(permit.is_for(&Act::TAKE_ACTION, &case, now()));
    assert!(!permit.is_for(&Act::TAKE_ACTION, &other, now()));
    assert!(!permit.is_for(&Act::REVERSE, &case, now()));
    assert_eq!(permit.ends(), now() + SignedDuration::from_mins(15));
    assert!(!permit.is_for(&Act::TAKE_ACTION, &case, permit.ends()));
    assert_eq!(permit.officer(), Some(&officer("third")));
    assert_eq!(permit.leads_at_most(), Some(0));
}

#[test]
fn an_act_of_a_run_is_none_on_a_case_and_the_other_way_round() {
    let filed = file(|_| {});
    let mut request = take(&filed);
    request.act = Act::RUN;
    assert!(broken(&filed, &request, now()).contains(&"gate-unknown-act".to_owned()));
    request.act = Act::named("advance");
    assert!(broken(&filed, &request, now()).contains(&"gate-unknown-act".to_owned()));
}

#[test]
fn an_action_waits_for_the_last_instant_of_the_period() {
    let filed = file(|_| {});
    let gate = gate();
    let ends = gate.contest_ends(&filed.agreement, notice().served_at, Service::Mailed);
    // Thirty days from the first of June; the first of July is a Thursday.
    assert_eq!(ends.last_day.to_string(), "2027-07-01");
    assert_eq!(ends.ends, at("2027-07-02T04:00:00Z"));
    let mut request = take(&filed);
    assert_eq!(broken(&filed, &request, ends.ends), [""; 0]);
    let before = ends.ends - SignedDuration::from_nanos(1);
    assert_eq!(broken(&filed, &request, before), ["F6-period", "us-cmppa-p1C-period"]);
    // A notice may give more than the law, and never less.
    for (told, at_end) in [(ends.ends + second(), false), (ends.ends - days(20), true)] {
        request.file.notice = Some(NoticeServed { told_until: Some(told), ..notice() });
        assert_eq!(broken(&filed, &request, ends.ends).is_empty(), at_end, "{told}");
    }
}

#[test]
fn a_notice_from_a_clock_that_is_ahead_is_not_served_and_its_period_not_over() {
    changed(
        |request| {
            let served_at = now() + second();
            request.file.notice = Some(NoticeServed { served_at, ..notice() });
        },
        &["F6-notice", "F6-period", "us-cmppa-p1B-notice", "us-cmppa-p1C-period"],
    );
    changed(
        |request| {
            let served_at = Timestamp::MAX;
            request.file.notice = Some(NoticeServed { served_at, ..notice() });
        },
        &["F6-notice", "F6-period", "us-cmppa-p1B-notice", "us-cmppa-p1C-period"],
    );
}

#[test]
fn the_agreements_days_lengthen_the_period_and_shorten_it_only_where_a_statute_does() {
    let gate = gate();
    let last = |served: &str, service, change: &dyn Fn(&mut Agreement)| {
        let mut agreement = Agreement::read(TEXT, "agreement.toml").unwrap();
        change(&mut agreement);
        gate.contest_ends(&agreement, at(served), service).last_day.to_string()
    };
    let (mailed, given) = (Service::Mailed, Service::Given);
    let served = "2027-06-01T15:00:00Z";
    assert_eq!(last(served, mailed, &|_| {}), "2027-07-01");
    let more = |agreement: &mut Agreement| agreement.notice.mailing_days = Some(5);
    // The thirty-fifth day is Tuesday, the sixth of July.
    assert_eq!(last(served, mailed, &more), "2027-07-06");
    assert_eq!(last(served, given, &more), "2027-07-01");
    let longer = |agreement: &mut Agreement| agreement.notice.response_period_days = 45;
    assert_eq!(last(served, given, &longer), "2027-07-16");
    let shorter = |agreement: &mut Agreement| agreement.notice.response_period_days = 10;
    assert_eq!(last(served, given, &shorter), "2027-07-01");
    let cited = |agreement: &mut Agreement| {
        agreement.notice.response_period_days = 10;
        agreement.notice.response_period_citation = Some("7 CFR 273.13".to_owned());
    };
    assert_eq!(last(served, given, &cited), "2027-06-11");
    // Until 1990 the later of the two counted, whatever was cited.
    assert_eq!(last("1990-11-03T15:00:00Z", given, &cited), "1990-12-03");
    assert_eq!(last("1990-11-06T15:00:00Z", given, &cited), "1990-11-16");
    let west = |agreement: &mut Agreement| {
        agreement.notice.time_zone = Some("Pacific/Honolulu".to_owned());
    };
    let mut agreement = Agreement::read(TEXT, "agreement.toml").unwrap();
    west(&mut agreement);
    let ends = gate.contest_ends(&agreement, at(served), given).ends;
    assert_eq!(ends, at("2027-07-02T10:00:00Z"));
    // A zone further east ends sooner, so the law's counts.
    agreement.notice.time_zone = Some("Asia/Tokyo".to_owned());
    assert!(gate.contest_ends(&agreement, at(served), given).ends >= at("2027-07-02T04:00:00Z"));
}

#[test]
fn no_action_without_a_notice_or_on_one_that_came_back() {
    changed(
        |request| request.file.notice = None,
        &["F6-notice", "F6-period", "us-cmppa-p1B-notice", "us-cmppa-p1C-period"],
    );
    changed(
        |request| request.file.notice = Some(NoticeServed { returned: true, ..notice() }),
        &["F6-returned"],
    );
    changed(
        |request| {
            let states = BTreeSet::from([NoticePart::Findings]);
            request.file.notice = Some(NoticeServed { states, ..notice() });
        },
        &["F6-notice", "us-cmppa-p1B-notice"],
    );
}

#[test]
fn no_action_without_facts_confirmed_beyond_the_record() {
    changed(|request| request.file.sources = 0, &["F6-verified", "us-cmppa-p1A-verified"]);
    changed(
        |request| {
            request.file.confirmed.remove(&VerifiedFact::Period);
        },
        &["F6-verified", "us-cmppa-p1A-verified"],
    );
    changed(|request| request.file.refuted = true, &["F6-refuted"]);
    changed(|request| request.file.reviews = Some(Reviews::Unsure), &["F5-reviewed"]);
}

#[test]
fn no_officer_alone_brings_a_case_to_an_action() {
    let alone = |request: &mut CaseRequest| request.file.verified_by = [officer("first")].into();
    changed(alone, &["F5-second-person"]);
    changed(
        |request| {
            alone(request);
            request.file.confirmed_by = [officer("second")].into();
        },
        &[],
    );
}

#[test]
fn what_undoing_takes_is_kept_until_the_last_period_ends() {
    let with = |kept: i64, needed: i64, ids: &[&str]| {
        changed(
            |request| {
                let undo =
                    Undo { kept_until: now() + days(kept), needed_until: now() + days(needed) };
                request.action =
                    Some(ProposedAction { undo: Some(undo), ..ProposedAction::default() });
            },
            ids,
        );
    };
    with(400, 400, &[]);
    with(399, 400, &["F7-undo"]);
    with(0, 0, &["F7-undo"]);
    changed(|request| request.action = None, &["F7-undo"]);
}

#[test]
fn an_emergency_has_an_official_a_reason_and_ten_days() {
    let claim = Emergency {
        ground: EmergencyGround::PublicSafety,
        official: officer("head"),
        reason: "a licence to carry explosives".to_owned(),
        until: now() + days(10),
        review_at: now() + days(10),
    };
    assert!(!format!("{claim:?}").contains("explosives"));
    let with = |claim: Emergency, ids: &[&str]| {
        changed(
            |request| {
                let served_at = now() - days(1);
                request.file.notice = Some(NoticeServed { served_at, ..notice() });
                request.action.as_mut().unwrap().emergency = Some(claim);
            },
            ids,
        );
    };
    with(claim.clone(), &[]);
    let nano = SignedDuration::from_nanos(1);
    for wrong in [
        Emergency { until: now() + days(10) + nano, ..claim.clone() },
        Emergency { until: now(), review_at: now(), ..claim.clone() },
        Emergency { until: Timestamp::MAX, ..claim.clone() },
        Emergency { reason: "n/a".to_owned(), ..claim.clone() },
        Emergency { review_at: now() + days(10) + nano, ..claim },
    ] {
        with(wrong, &["F6-emergency"]);
    }
}

#[test]
fn silence_is_no_ground_and_decides_no_citizenship() {
    let with = |silence: Silence, citizenship: bool, ids: &[&str]| {
        changed(
            |request| {
                let action = request.action.as_mut().unwrap();
                action.silence = Some(silence);
                action.citizenship = citizenship;
            },
            ids,
        );
    };
    let law = |citation: &str, every_step_done| Silence {
        citation: citation.to_owned(),
        every_step_done,
    };
    with(law("7 CFR 273.12", true), false, &[]);
    with(law("7 CFR 273.12", false), false, &["F6-silence"]);
    with(law("unknown", true), false, &["F6-silence"]);
    with(law("7 CFR 273.12", true), true, &["F6-citizenship"]);
    changed(|request| request.file.late_answer = true, &["F6-late-answer"]);
}

#[test]
fn a_death_is_shown_twice_and_told() {
    let told = Death { certified_record: true, second_datum: true, household_notified: true };
    for (death, ids) in [
        (told, &[][..]),
        (Death { certified_record: false, ..told }, &["F6-death"]),
        (Death { second_datum: false, ..told }, &["F6-death"]),
        (Death { household_notified: false, ..told }, &["F6-death"]),
    ] {
        changed(|request| request.file.death = Some(death), ids);
    }
}

#[test]
fn a_contest_and_its_hearing_are_decided_first() {
    let contested = |hearing, aid, decided, ids: &[&str]| {
        changed(
            |request| {
                request.file.contested = true;
                request.file.hearing = hearing;
                request.file.aid_continued = aid;
                request.file.decided = decided;
            },
            ids,
        );
    };
    contested(false, false, None, &["F6-decided"]);
    contested(false, false, Some(Decided::Overturned), &["F6-decided"]);
    contested(false, false, Some(Decided::Upheld), &[]);
    contested(true, false, Some(Decided::Upheld), &["F6-aid"]);
    contested(true, true, Some(Decided::Upheld), &[]);
    changed(|request| request.file.contest_open = true, &["F6-contest", "F6-decided"]);
    changed(|request| request.file.hearing_open = true, &["F6-contest", "F6-aid"]);
}

#[test]
fn a_person_sees_the_own_view_after_the_end_and_under_a_stay_unless_an_order_names_it() {
    let mut filed = file(|_| {});
    let own = ask(&filed, Act::SEE_OWN, By::Individual { proved: true });
    let after = filed.agreement.term.ends_at() + days(700);
    assert_eq!(broken(&filed, &own, after), [""; 0]);
    filed.signatures.clear();
    filed.stays.push(stay(Scope::default()));
    assert_eq!(broken(&filed, &own, now()), [""; 0]);
    let mut read = ask(&filed, Act::READ_CASE, by("third", &[OfficerRole::Reviewer]));
    read.elements = ["payroll.gross_pay".parse().unwrap()].into();
    assert!(broken(&filed, &read, now()).contains(&"F8-stayed".to_owned()));
    // A stop of the source's own cannot take the person's access away; an order can, by its name.
    let also = BTreeSet::from([Act::SEE_OWN]);
    let named = stay(Scope { also: also.clone(), ..Scope::default() });
    filed.stays = vec![Stay { kind: StayKind::SourceStop, ..named.clone() }];
    assert_eq!(broken(&filed, &own, now()), [""; 0]);
    filed.stays = vec![named];
    assert_eq!(broken(&filed, &own, now()), ["F8-stayed"]);
    // And nothing takes the auditor's (F11).
    let also = BTreeSet::from([Act::AUDIT_READ, Act::RECORD_STAY]);
    filed.stays = vec![stay(Scope { also, ..Scope::default() })];
    let audit = ask(&filed, Act::AUDIT_READ, by("third", &[OfficerRole::Auditor]));
    assert_eq!(broken(&filed, &audit, now()), [""; 0]);
}

#[test]
fn a_stay_halts_what_of_a_case_lies_in_its_scope() {
    let mut filed = file(|_| {});
    let mut request = take(&filed);
    request.elements = ["payroll.gross_pay".parse().unwrap()].into();
    request.territories = ["north".parse().unwrap()].into();
    let elements = |name: &str| Scope { elements: [name.to_owned()].into(), ..Scope::default() };
    let territories =
        |name: &str| Scope { territories: [name.parse().unwrap()].into(), ..Scope::default() };
    for (scope, halted) in [
        (Scope::default(), true),
        (elements("payroll.gross_pay"), true),
        (elements("payroll"), true),
        (elements("payroll.employer"), false),
        // Nobody knows what was meant.
        (elements("payroll.gros_pay"), true),
        (territories("north"), true),
        (territories("south"), false),
    ] {
        filed.stays = vec![stay(scope.clone())];
        let ids: &[&str] = if halted { &["F8-stayed"] } else { &[] };
        assert_eq!(broken(&filed, &request, now()), ids, "{scope:?}");
        let refute = CaseRequest { act: Act::REFUTE, ..request.clone() };
        assert_eq!(broken(&filed, &refute, now()), [""; 0], "{scope:?}");
    }
}

#[test]
fn a_scope_that_names_no_act_is_written_as_before() {
    let text = stay(Scope::default()).to_text().unwrap();
    assert!(!text.contains("also"));
    let named = stay(Scope { also: [Act::CORRECT].into(), ..Scope::default() });
    assert_eq!(Stay::read(&named.to_text().unwrap(), "stay.toml").unwrap(), named);
}

#[test]
fn a_lifting_order_is_another_than_the_one_it_lifts() {
    let filed = file(|_| {});
    let mut request = ask(&filed, Act::LIFT_STAY, by("third", &[OfficerRole::PrivacyOfficer]));
    check(&filed, &request, &[]);
    for order in ["27-cv-100", " 27-CV-100 ", "", "TODO"] {
        request.lift.as_mut().unwrap().order = order.to_owned();
        check(&filed, &request, &["F8-lift"]);
    }
    request.lift = None;
    check(&filed, &request, &["F8-lift"]);
}

#[test]
fn a_seal_needs_power_authority_and_end() {
    let filed = file(|_| {});
    let mut request = ask(&filed, Act::SEAL, by("third", &[OfficerRole::PrivacyOfficer]));
    for (seal, ids) in [
        (Some(seal()), &[][..]),
        (Some(Seal { power: "n/a".to_owned(), ..seal() }), &["F10-seal"]),
        (Some(Seal { authority: String::new(), ..seal() }), &["F10-seal"]),
        (Some(Seal { until: now(), ..seal() }), &["F10-seal"]),
        (Some(Seal { until: Timestamp::MAX, ..seal() }), &["F10-seal"]),
        (None, &["F10-seal"]),
    ] {
        request.seal = seal;
        check(&filed, &request, ids);
    }
}

#[test]
fn single_requests_are_counted_together() {
    let filed = file(|_| {});
    let mut request = ask(&filed, Act::REQUEST_RECORDS, by("third", &[OfficerRole::Verifier]));
    let one = RecordsAsked {
        rows: 1,
        open_matters: 25,
        persons_in_90_days: 100,
        register: filed.agreement.requests_key().cloned(),
        ..RecordsAsked::default()
    };
    for (records, ids) in [
        (one.clone(), &[][..]),
        (RecordsAsked { rows: 0, ..one.clone() }, &["F4-named"]),
        (RecordsAsked { by_description: true, ..one.clone() }, &["F4-named"]),
        (RecordsAsked { deficient_rows: 1, ..one.clone() }, &["F4-rows"]),
        (RecordsAsked { open_matters: 26, ..one.clone() }, &["F4-open-matters"]),
        (RecordsAsked { persons_in_90_days: 101, ..one.clone() }, &["F4-persons"]),
        // Whoever says less than the rows show is not believed.
        (RecordsAsked { rows: 101, persons_in_90_days: 1, ..one.clone() }, &["F4-persons"]),
        (RecordsAsked { rows: u64::MAX, ..one }, &["F4-persons"]),
    ] {
        request.records = Some(records);
        check(&filed, &request, ids);
    }
    request.records = None;
    check(&filed, &request, &["F4-named", "F4-register"]);
}

const OTHER_REGISTER: &str =
    "recipient.example/requests+001cd554+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

#[test]
fn a_look_up_is_counted_in_the_register_that_the_agreement_names_and_in_no_other() {
    let other: RegisterKey = OTHER_REGISTER.parse().unwrap();
    let name = |key: Option<RegisterKey>| {
        file(|agreement| agreement.parties[1].requests_key.clone_from(&key))
    };
    let named = file(|_| {}).agreement.requests_key().cloned();
    assert!(named.is_some() && named.as_ref() != Some(&other));
    for (agreed, at_hand, ids) in [
        (named.clone(), named.clone(), &[][..]),
        (Some(other.clone()), Some(other.clone()), &[]),
        (named.clone(), Some(other.clone()), &["F4-register"]),
        (named.clone(), None, &["F4-register"]),
        (None, named, &["F4-register"]),
        (None, None, &["F4-register"]),
    ] {
        let filed = name(agreed);
        let mut request = ask(&filed, Act::REQUEST_RECORDS, by("third", &[OfficerRole::Verifier]));
        request.records.as_mut().unwrap().register = at_hand;
        check(&filed, &request, ids);
    }
    let filed = name(None);
    let mut request = ask(&filed, Act::REQUEST_RECORDS, by("third", &[OfficerRole::Verifier]));
    request.records.as_mut().unwrap().register = Some(other);
    let refusal = gate().decide_case(&request, &filed, now()).into_permit().unwrap_err();
    let told = format!("the agreement names none, open is `{OTHER_REGISTER}`");
    assert_eq!(refusal.reasons[0].detail.as_deref(), Some(told.as_str()));
}

#[test]
fn a_case_is_destroyed_when_its_days_are_over_and_nothing_is_needed() {
    let filed = file(|_| {});
    let mut request = ask(&filed, Act::DESTROY, By::Machine);
    let leads_days = i64::from(filed.agreement.retention.leads_days);
    request.file.closed_at = Some(now() - days(leads_days));
    check(&filed, &request, &[]);
    request.file.closed_at = Some(now() - days(leads_days) + second());
    check(&filed, &request, &["F7-destroy"]);
    request.file.closed_at = None;
    check(&filed, &request, &["F7-destroy"]);
    // The agreement's last day comes for all, but not for what undoing an action takes.
    let last = filed.agreement.retention.destroy_by;
    let last = last.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    assert_eq!(broken(&filed, &request, last), [""; 0]);
    request.file.undo = Some(Undo { kept_until: last + days(9), needed_until: last + days(9) });
    assert_eq!(broken(&filed, &request, last), ["F7-destroy"]);
}

#[test]
fn a_refusal_says_who_lacks_what_and_until_when() {
    let filed = file(|_| {});
    let mut request = ask(&filed, Act::TAKE_ACTION, by("first", &[OfficerRole::Reviewer]));
    request.file.verified_by = [officer("first")].into();
    request.file.confirmed = [VerifiedFact::Amount].into();
    request.file.notice = Some(NoticeServed { served_at: now() - days(1), ..notice() });
    let gate = gate();
    let refusal = gate.decide_case(&request, &filed, now()).into_permit().unwrap_err();
    expect![[r"
        refused: take_action, 6 rules broken
        role-take-action is broken: a verifier takes actions (floor F5)
          here: `first` has `reviewer`
          let an officer with that role under this agreement do it
        F5-second-person is broken: who reviewed did not verify alone: another person verified, or approved (floor F5)
          here: `first`
          let a verifier who did not review approve (`confirm`)
        F6-verified is broken: the facts were confirmed beyond the matched record, as many as the agreement names; or the board's finding is filed; or a death is shown by a certified record and a second datum (floor F6(1), F6 on death; 5 U.S.C. 552a(p)(1)(A), (p)(2))
          here: `access`, `period`
          let a verifier confirm the facts that are missing with payer, registrar or the individual
        F6-period is broken: the period to answer is over, or an emergency is declared (floor F6(3); 5 U.S.C. 552a(p)(1)(C), (p)(3))
          here: through 2027-09-30; over at 2027-10-01T04:00:00Z
          wait until the period is over
        us-cmppa-p1A-verified is broken: the facts are verified independently as to amount, access and period; or, where a death is what was found and none of these applies, by a certified record and a second datum; or the board has found instead that what is returned is identity and amounts only and is right (5 U.S.C. 552a(p)(1)(A), (p)(2) (“where applicable”))
          here: `access`, `period`
          confirm amount, access and period with somebody beyond the two records
        us-cmppa-p1C-period is broken: the period to contest is over, unless public health or public safety is threatened meanwhile (5 U.S.C. 552a(p)(1)(C), (p)(3))
          here: through 2027-09-30; over at 2027-10-01T04:00:00Z
          wait until the period is over"]].assert_eq(&refusal.to_string());
}

#[test]
fn facts_of_a_case_decide_the_same_again() {
    let filed = file(|_| {});
    let gate = gate();
    let facts = gate.case_facts(&take(&filed), &filed, now()).unwrap();
    let written = serde_json::to_string(&facts).unwrap();
    let read: agreement::Facts = serde_json::from_str(&written).unwrap();
    assert!(gate.replay(&read).is_empty());
    assert_eq!(read.digest().unwrap(), facts.digest().unwrap());
    // Who is the same as whom stands in them, and who it is does not.
    let roles = [OfficerRole::Verifier];
    for (name, place) in [("first", "officer-1"), ("third", "officer-1")] {
        let request = ask(&filed, Act::TAKE_ACTION, by(name, &roles));
        let facts = gate.case_facts(&request, &filed, now()).unwrap();
        let written = serde_json::to_string(&facts.context).unwrap();
        let names = ["first", "second", "third", "fourth"].map(|name| format!("\"{name}\""));
        assert!(names.iter().all(|name| !written.contains(name)));
        assert_eq!(facts.context["officer"], place);
        let asks_reviewed =
            facts.context["reviewed_by"].as_array().unwrap().contains(&place.into());
        assert_eq!(asks_reviewed, name == "first");
    }
    // The digest binds the case.
    let mut other = take(&filed);
    other.case = Some("r-0002".parse().unwrap());
    let other = gate.case_facts(&other, &filed, now()).unwrap();
    assert_ne!(other.digest().unwrap(), facts.digest().unwrap());
}

#[test]
fn facts_read_back_from_their_canonical_form_decide_the_same() {
    let filed = file(|_| {});
    for act in Act::OF_CASES {
        let request = ask(&filed, act.clone(), by("officer-1", &[OfficerRole::Reviewer]));
        let facts = gate().case_facts(&request, &filed, now()).unwrap();
        let text = serde_json_canonicalizer::to_string(&facts).unwrap();
        let read: agreement::Facts = serde_json::from_str(&text).unwrap();
        let ids = |facts: &agreement::Facts| -> Vec<String> {
            gate().replay(facts).into_iter().map(|reason| reason.id).collect()
        };
        assert_eq!(ids(&read), ids(&facts), "{act}");
        assert!(!ids(&read).contains(&"gate-malformed".to_owned()), "{act}");
    }
}
