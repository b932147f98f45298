//! The law: one test a rule that bears on a run, named as the rule. Refused, it names that rule, and nothing was read or
//! written beyond the refusal.

use super::place::{Nobody, Place, at, delivered_for, in_stage, record_stay, refused, request};
use agreement::{
    Act, Answer, Category, Environment, Gate, PilotStatus, Request, Scope, Signature, Signer,
    SignerRole,
};
use casework::{Judgement, Stage, Store as _};
use comity::Error;
use comity::clock::Clock;
use comity::event::Event;
use comity::program::Program;
use comity::run::{self, Outcome};
use jiff::Timestamp;
use std::fs;

/// Runs, expects the refusal to name a rule, and nothing to have been done but to record it.
async fn assert_refused(place: &Place, program: &Program, now: Timestamp, rule: &str) {
    // Were a file opened for its elements, this would be an error and no refusal.
    let mut node = place.node(now).await;
    let cycle = agreement::CycleId::new("2027Q1").unwrap();
    let outcome = Box::pin(run::run(program, &mut node, &cycle, &mut Nobody)).await.unwrap();
    let rules = refused(&outcome);
    assert!(rules.contains(&rule.to_owned()), "{rule} is among {rules:?}");
    drop(node);
    let store = place.store().await;
    assert!(store.runs().await.unwrap().is_empty(), "{rule}: no run was begun");
    assert!(store.leads(None).await.unwrap().is_empty(), "{rule}: there is no lead");
    let events = place.events();
    let beyond = events.iter().filter(|event| {
        !matches!(event, Event::AgreementFiled { .. } | Event::StayRecorded { .. })
    });
    let beyond: Vec<_> = beyond.collect();
    let [Event::Refused(decided)] = beyond.as_slice() else {
        panic!("{rule}: the ledger holds more than the refusal: {beyond:?}");
    };
    assert_eq!(decided.rules, rules, "{rule}: the ledger gives the same reasons");
    assert!(!place.places().report("2027Q1").exists(), "{rule}: there is no report");
    place.assert_sound(rule);
}

async fn assert_run_refused(place: &Place, rule: &str) {
    assert_refused(place, &place.program(at(0)), at(0), rule).await;
}

fn place() -> Place {
    Place::with_pilot(29)
}

fn unsign(place: &Place, part: &str) {
    let _ = place.program(at(0));
    let signatures = place.out.join("demonstration/signatures");
    let mut removed = 0;
    for file in fs::read_dir(signatures).unwrap() {
        let path = file.unwrap().path();
        if fs::read_to_string(&path).unwrap().contains(part) {
            fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    assert!(removed > 0, "a signature with `{part}` was there");
}

#[tokio::test]
async fn no_run_unless_every_party_has_signed() {
    let place = place();
    unsign(&place, "family-support");
    assert_run_refused(&place, "F1-signed").await;
}

#[tokio::test]
async fn no_run_unless_every_board_has_approved() {
    let place = place();
    unsign(&place, "board");
    assert_run_refused(&place, "F1-boards").await;
}

async fn assert_refused_after(answer: Answer, rule: &str) {
    let place = place();
    let program = place.program(at(0));
    let signer = Signer { id: program.source().unwrap().0.clone(), role: SignerRole::Party };
    let key = place.thrown_away(&signer);
    let signature =
        Signature::new(program.agreement(), answer, &signer, at(0), &key, None).unwrap();
    place.sign(&signature);
    assert_run_refused(&place, rule).await;
}

#[tokio::test]
async fn no_run_once_a_signer_has_revoked() {
    Box::pin(assert_refused_after(Answer::Revoke, "F1-revoked")).await;
}

#[tokio::test]
async fn no_run_before_the_agreement_has_begun() {
    let place = place();
    let program = place.program(at(0));
    let begins = program.agreement().term.begins_at();
    let before = begins - jiff::SignedDuration::from_secs(1);
    assert_refused(&place, &program, before, "F1-begun").await;
}

#[tokio::test]
async fn no_run_from_the_instant_the_agreement_has_ended() {
    let place = place();
    let program = place.program(at(0));
    let ends = program.agreement().term.ends_at();
    assert_refused(&place, &program, ends, "F1-not-ended").await;
}

#[tokio::test]
async fn no_run_in_the_scope_of_a_stay() {
    let place = place();
    drop(place.node(at(0)).await);
    record_stay(&place.store().await, "27-cv-1", Scope::default(), at(0)).await;
    assert_run_refused(&place, "F8-stayed").await;
}

#[tokio::test]
async fn no_run_on_more_than_a_tenth_above_the_agreed_number_of_records() {
    let place = place();
    place.edit("agreement.toml", "approx_count = 2000", "approx_count = 300");
    assert_run_refused(&place, "F2-volume").await;
}

/// What the agreement's own reading finds first; the gate finds it again, whoever made the agreement.
fn found_when_read(place: &Place) -> Vec<String> {
    match Program::load(&place.folder, &place.places(), &Clock::fixed(at(0))) {
        Err(Error::Problems { problems }) => {
            problems.into_iter().filter_map(|problem| problem.cite).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_run_that_matches_on_a_protected_trait_or_its_proxy() {
    for category in [Category::Ethnicity, Category::Birthplace, Category::AlienNumber] {
        let place = place();
        let mut program = place.program(at(0));
        program.filed.agreement.record_sets[0].matched_on[5].category = category;
        assert_refused(&place, &program, at(0), "F3-matched-on").await;
    }
    let place = place();
    let telephone = "name = \"telephone\", kind = \"text\", category = ";
    place.edit(
        "agreement.toml",
        &format!("{telephone}\"contact\""),
        &format!("{telephone}\"ethnicity\""),
    );
    assert_eq!(found_when_read(&place), ["floor F3", "floor F3"]);
}

#[tokio::test]
async fn no_run_on_an_extract_drawn_by_a_protected_trait() {
    let place = place();
    let mut program = place.program(at(0));
    let set = program.source().unwrap().1.id.clone();
    let extracted = program.schedule.record_sets.get_mut(&set).unwrap();
    extracted.drawn.selected_on.push(Category::Health);
    assert_refused(&place, &program, at(0), "F3-extract").await;
    place.edit("schedule.toml", "selected_on = []", "selected_on = [\"health\"]");
    assert_eq!(found_when_read(&place), ["floor F3"]);
}

#[tokio::test]
async fn a_run_refused_at_release_leaves_nothing_behind_but_the_refusal() {
    // A pilot that failed refuses releases, and runs look at it only there.
    let place = Place::with_pilot(29).with_cycles();
    place.done(at(0)).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    let judged: Vec<_> = open.into_iter().map(|lead| (lead, Judgement::NotSame)).collect();
    place.judge_all(&judged, at(1)).await;
    for file in ["payroll", "caseload"] {
        let path = |cycle: &str| place.folder.join(format!("{file}-{cycle}.csv"));
        let text = fs::read_to_string(path("2027Q1")).unwrap();
        fs::write(path("2027Q2"), delivered_for("2027Q2", &text)).unwrap();
    }
    let before = place.leads().await.len();
    let outcome = place.run("2027Q2", at(2)).await;
    assert_eq!(refused(&outcome), ["F12-pilot"]);
    assert_eq!(place.leads().await.len(), before);
    assert!(place.store().await.run("2027Q2").await.unwrap().is_none(), "the run is given up");
    place.assert_sound("refused at release");
}

/// Puts requests before the gate as a run makes them, with one thing changed.
struct Before {
    _place: Place,
    program: Program,
    gate: Gate,
}

impl Before {
    fn new() -> Before {
        let place = place();
        let program = place.program(at(0));
        Before { _place: place, program, gate: Gate::shipped().unwrap() }
    }

    fn rules(&self, act: Act, change: impl FnOnce(&mut Request)) -> Vec<String> {
        let mut request = request(&self.program.filed, act, &self.program);
        change(&mut request);
        match self.gate.decide(&request, &self.program.filed, at(0)).into_permit() {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal.ids().into_iter().map(str::to_owned).collect(),
        }
    }

    fn assert(&self, act: &Act, rule: &str, change: impl FnOnce(&mut Request)) {
        assert!(self.rules(act.clone(), |_| {}).is_empty(), "{act} is permitted otherwise");
        assert_eq!(self.rules(act.clone(), change), [rule]);
    }
}

#[test]
fn a_test_agreement_serves_no_production_node() {
    Before::new().assert(&Act::RUN, "F1-environment", |request| {
        request.environment = Environment::Production;
    });
}

#[test]
fn the_recipient_does_not_release() {
    let before = Before::new();
    let recipient = before.program.recipient().unwrap().0.clone();
    before.assert(&Act::RELEASE, "F1-party", |request| request.party = recipient);
}

#[test]
fn a_tenth_above_the_agreed_number_is_permitted_and_one_record_more_is_refused() {
    let before = Before::new();
    let (_, set) = before.program.source().unwrap();
    let agreed = set.approx_count;
    assert_eq!(agreed % 10, 0);
    for act in [Act::RUN, Act::TRAIN, Act::RELEASE] {
        let count = |count| {
            before.rules(act.clone(), |request| {
                request.counts.insert(set.id.clone(), count);
            })
        };
        assert!(count(agreed / 10 * 11).is_empty(), "{act}: just as many");
        assert_eq!(count(agreed / 10 * 11 + 1), ["F2-volume"], "{act}: one more");
    }
}

#[test]
fn a_record_set_that_was_not_counted_is_refused() {
    Before::new().assert(&Act::RUN, "F2-counted", |request| request.counts.clear());
}

#[test]
fn an_element_outside_the_agreement_is_neither_matched_on_nor_returned() {
    let before = Before::new();
    before.assert(&Act::RUN, "F2-matched-on", |request| {
        request.matched_on.insert("payroll.identifier".parse().unwrap());
    });
    before.assert(&Act::RELEASE, "F2-returned", |request| {
        request.returned.insert("payroll.identifier".parse().unwrap());
    });
}

#[test]
fn an_extract_that_nobody_attests_is_refused() {
    Before::new().assert(&Act::RUN, "F3-extract-attested", |request| request.extracts.clear());
}

#[test]
fn answers_are_confined_to_the_recipients_own_caseload() {
    let before = Before::new();
    for act in [Act::RUN, Act::RELEASE] {
        before.assert(&act, "F4-caseload", |request| request.caseload_id = None);
        before.assert(&act, "F4-caseload", |request| {
            request.caseload_id = Some("payroll.employer".parse().unwrap());
        });
    }
}

#[test]
fn nothing_is_permitted_while_the_ledger_cannot_be_written() {
    let before = Before::new();
    for act in [Act::TRAIN, Act::RUN, Act::RELEASE, Act::READ, Act::REVIEW] {
        let rules = before.rules(act.clone(), |request| request.ledger_writable = false);
        assert_eq!(rules, ["F9-ledger"], "{act}");
    }
}

#[test]
fn a_threshold_below_the_approved_bound_is_refused_and_the_bound_itself_is_not() {
    let before = Before::new();
    assert_eq!(before.program.lowest_threshold().to_bits(), 6.0_f64.to_bits());
    for act in [Act::RUN, Act::RELEASE] {
        before.assert(&act, "F12-threshold", |request| request.threshold = Some(5.999));
        before.assert(&act, "F12-threshold", |request| request.threshold = None);
        assert!(!before.rules(act, |request| request.threshold = Some(f64::NAN)).is_empty());
    }
}

#[test]
fn another_recipe_than_the_agreements_is_refused() {
    Before::new().assert(&Act::RUN, "F12-model", |request| request.recipe_digest = None);
}

#[test]
fn a_pilot_beyond_its_sample_or_at_its_bound_is_refused() {
    let before = Before::new();
    let opened = |opened| {
        before.rules(Act::RELEASE, |request| {
            request.pilot = PilotStatus::Open { opened };
        })
    };
    assert!(opened(29).is_empty());
    assert_eq!(opened(30), ["F12-pilot"]);
    let share = |false_permille| {
        before.rules(Act::RELEASE, |request| {
            request.pilot = PilotStatus::Reviewed { reviewed: 29, false_permille };
        })
    };
    assert!(share(99).is_empty());
    assert_eq!(share(100), ["F12-pilot"]);
}

#[tokio::test]
async fn every_decision_in_the_ledger_comes_to_the_same_answer_again() {
    let place = place();
    place.done(at(0)).await;
    record_stay(&place.store().await, "27-cv-1", Scope::default(), at(1)).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    assert!(!open.is_empty());
    let program = place.program(at(1));
    let mut node = place.node(at(1)).await;
    let cycle = agreement::CycleId::new("2027Q1").unwrap();
    let tried = Box::pin(run::try_out(&program, &mut node, &cycle, &mut Nobody)).await.unwrap();
    assert!(matches!(tried, run::TriedOutcome::Refused(_)), "{tried:?}");
    drop(node);
    let decisions = place.events().into_iter().filter_map(|event| match event {
        Event::Permitted(decided) | Event::Refused(decided) => Some(decided),
        _ => None,
    });
    let gate = Gate::shipped().unwrap();
    let mut acts = Vec::new();
    for decided in decisions {
        let facts = serde_json::from_str(&decided.given).expect("the facts are there");
        let again: Vec<_> = gate.replay(&facts).into_iter().map(|reason| reason.id).collect();
        assert_eq!(again, decided.rules, "{}", decided.act);
        acts.push(decided.act);
    }
    assert_eq!(acts, ["run", "train", "release", "run"]);
    let proved = place.audit().proved;
    let sentence = "4 of 4 decisions come to the same answer again (1 refusals)";
    assert!(proved.iter().any(|proved| proved == sentence), "{proved:?}");
    let outcome = place.run("2027Q1", at(2)).await;
    assert!(matches!(outcome, Outcome::Again(_)), "{outcome:?}");
}
