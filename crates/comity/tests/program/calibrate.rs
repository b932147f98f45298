//! What people judged of leads makes another model, which no run takes before an agreement names it, and which begins with a
//! pilot of its own (floor F12).

use super::cycles::{a_cent_more, next_cycle};
use super::place::{Nobody, Place, at, few_people, in_stage, record_stay};
use agreement::{OfficerId, Scope};
use casework::{Judgement, LeadId, PilotTerms, Stage, Store as _};
use comity::Error;
use comity::clock::Clock;
use comity::event::Event;
use comity::program::Program;
use comity::run::Outcome;
use comity::run::calibrate::{Calibrated, CalibratedOutcome, calibrate};
use jiff::Timestamp;
use linkage::synth::{ErrorRates, Plan};
use std::fs;

/// As few as can show a false share under the agreement's 10 % with 95 % confidence.
const SAMPLE: u32 = 29;

async fn calibrated(place: &Place, now: Timestamp) -> Result<CalibratedOutcome, Error> {
    let program = place.program(now);
    let mut node = place.node(now).await;
    let (officer, cycle) = (OfficerId::new("dana").unwrap(), "2027Q1".parse().unwrap());
    Box::pin(calibrate(&program, &mut node, &officer, &cycle, &mut Nobody)).await
}

async fn done(place: &Place, now: Timestamp) -> Calibrated {
    match calibrated(place, now).await.unwrap() {
        CalibratedOutcome::Done(calibrated) => calibrated,
        CalibratedOutcome::Refused(refusal) => panic!("{refusal}"),
    }
}

/// Four times the usual mistakes: all leads but one are in doubt, whichever of them the pilot draws. Of clean files none is.
fn unclean(seed: u64) -> Plan {
    let errors = ErrorRates {
        typo: 0.08,
        missing: 0.08,
        swapped_names: 0.04,
        nickname: 0.16,
        married_name: 0.08,
        plain_name: 0.4,
        moved: 0.4,
        birth_digit: 0.04,
        birth_swapped: 0.02,
        identifier_digit: 0.04,
        identifier_missing: 0.4,
    };
    Plan {
        payroll_people: 900,
        caseload_people: 800,
        overlap: 0.9,
        payroll_errors: errors.clone(),
        caseload_errors: ErrorRates { moved: 0.08, ..errors },
        ..Plan::small(seed)
    }
}

/// A pilot of which so many leads are judged, those most in doubt first, and so many of these as not the same.
async fn judged(many: usize, not_same: usize) -> Place {
    Box::pin(judged_among(&unclean(7), many, not_same)).await
}

async fn judged_among(people: &Plan, many: usize, not_same: usize) -> Place {
    let place = Place::with_pilot(SAMPLE);
    place.people(people);
    let place = place.with_cycles();
    place.done(at(0)).await;
    let mut leads = place.leads().await;
    leads.sort_by(|one, other| one.found.weight.total_cmp(&other.found.weight));
    let judgement =
        |number: usize| if number < not_same { Judgement::NotSame } else { Judgement::Same };
    let judged: Vec<(LeadId, Judgement)> = in_stage(&leads, Stage::Open)
        .into_iter()
        .take(many)
        .enumerate()
        .map(|(number, lead)| (lead, judgement(number)))
        .collect();
    assert_eq!(judged.len(), many, "there are leads enough");
    place.judge_all(&judged, at(1)).await;
    place
}

#[tokio::test]
async fn reviewed_leads_give_another_model_and_the_ledger_says_of_how_many_it_came() {
    let probability = |of: &Calibrated| of.model.probability(of.before.threshold());
    let (right, wrong) = (judged(29, 0).await, judged(29, 12).await);
    let (good, bad) = (done(&right, at(2)).await, done(&wrong, at(2)).await);
    assert_eq!((good.judged, good.same, good.unsure, good.waiting), (29, 29, 0, 0));
    assert_eq!((bad.judged, bad.same), (29, 17));
    assert!(good.in_doubt >= 28 && bad.in_doubt >= 28, "{} {}", good.in_doubt, bad.in_doubt);
    assert_eq!(good.before, bad.before, "the same files");
    assert_ne!(good.model.digest().unwrap(), good.before.digest().unwrap());
    let was = good.before.probability(good.before.threshold());
    assert!(probability(&bad) < was, "{} and {was}", probability(&bad));
    assert!(probability(&bad) < probability(&good));
    // At the threshold no pair is less likely than it was thought: where weights are worth less, it goes up.
    assert!(bad.model.threshold() > bad.before.threshold());
    assert_eq!(good.model.threshold().to_bits(), good.before.threshold().to_bits());
    let at = bad.model.probability(bad.model.threshold());
    assert!((at - was).abs() < 1e-9, "{at} and {was}");
    let planned = right.events().into_iter().find_map(|event| match event {
        Event::LeadsPlanned { model, .. } => Some(model),
        _other => None,
    });
    assert_eq!(planned, Some(good.before.digest().unwrap().to_string()), "the run's own model");
    let (_, entry, told) = right.entries().pop().unwrap();
    let Event::ModelCalibrated { before, model, judged, same, in_doubt, .. } = told else {
        panic!("{told:?}");
    };
    assert_eq!(before, good.before.digest().unwrap().to_string());
    assert_eq!((model, judged), (good.model.digest().unwrap().to_string(), 29));
    assert_eq!((same, in_doubt), (Some(29), Some(good.in_doubt as u64)));
    assert_eq!(entry.commitments()["by"].len(), 1, "who asked for it is committed to");
    right.assert_sound("calibrated");
    wrong.assert_sound("calibrated");
}

#[tokio::test]
async fn so_few_judgements_that_a_model_would_tell_of_single_leads_make_none() {
    let place = judged(9, 0).await;
    let outcome = calibrated(&place, at(2)).await;
    let few =
        |judged| matches!(outcome, Err(Error::FewJudgements { judged: n, .. }) if n == judged);
    assert!(few(9), "{outcome:?}");
    let place = judged(10, 0).await;
    let calibrated = done(&place, at(2)).await;
    assert_eq!((calibrated.judged, calibrated.in_doubt), (10, 10), "those most in doubt");
    assert_eq!(done(&place, at(3)).await.waiting, 19, "whoever picks is told");
}

#[tokio::test]
async fn leads_of_which_the_model_is_sure_teach_it_nothing_and_that_is_said() {
    let place = Box::pin(judged_among(&few_people(7), 29, 3)).await;
    let outcome = calibrated(&place, at(2)).await;
    let Err(error @ Error::FewInDoubt { judged: 29, in_doubt: 0, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains("of 29 judged leads 0 are in doubt"), "{error}");
    assert!(error.hint().unwrap().contains("wrong where it is sure"), "{error}");
    assert!(!place.events().iter().any(made));
    place.assert_sound("nothing came of it");
}

fn made(event: &Event) -> bool {
    matches!(event, Event::ModelCalibrated { .. })
}

#[tokio::test]
async fn a_stay_refuses_calibration_and_so_do_other_files() {
    let place = judged(29, 0).await;
    let text = fs::read_to_string(place.folder.join("caseload-2027Q1.csv")).unwrap();
    let fewer: String = text.split_inclusive('\n').take(300).collect();
    fs::write(place.folder.join("caseload-2027Q1.csv"), fewer).unwrap();
    let outcome = calibrated(&place, at(2)).await;
    assert!(matches!(outcome, Err(Error::OtherFiles { .. })), "{outcome:?}");
    fs::write(place.folder.join("caseload-2027Q1.csv"), text).unwrap();
    record_stay(&place.store().await, "27-cv-1", Scope::default(), at(3)).await;
    let outcome = calibrated(&place, at(4)).await.unwrap();
    let CalibratedOutcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.ids(), ["F8-stayed"]);
    assert!(!place.events().iter().any(made));
}

#[tokio::test]
async fn a_model_that_is_trained_again_as_another_than_the_runs_is_not_calibrated() {
    let place = judged(29, 0).await;
    place.edit("schedule.toml", "format = 1", "format = 1\nthreshold = 12.0");
    let outcome = calibrated(&place, at(2)).await;
    let Err(error @ Error::TrainedOtherwise { .. }) = &outcome else { panic!("{outcome:?}") };
    let recorded = place.events().into_iter().find_map(|event| match event {
        Event::ModelTrained { model, .. } => Some(model),
        _other => None,
    });
    assert!(error.to_string().contains(&recorded.unwrap()), "{error}");
    assert!(error.hint().unwrap().contains("threshold"), "{error}");
    assert!(!place.events().iter().any(made));
    place.edit("schedule.toml", "\nthreshold = 12.0", "");
    done(&place, at(3)).await;
}

#[tokio::test]
async fn a_calibrated_model_is_taken_once_the_agreement_names_it_and_begins_a_pilot_of_its_own() {
    let place = judged(29, 0).await;
    let calibrated = done(&place, at(2)).await;
    let [before, after] =
        [&calibrated.before, &calibrated.model].map(|model| model.digest().unwrap().to_string());
    fs::write(place.folder.join("model.toml"), calibrated.model.to_toml().unwrap()).unwrap();
    let agreement = fs::read_to_string(place.folder.join("agreement.toml")).unwrap();
    let line = agreement.lines().find(|line| line.starts_with("recipe_digest")).unwrap();
    // An agreement that names another model takes no run with this one.
    place.edit("agreement.toml", line, &format!("digest = \"{before}\""));
    let loaded = Program::load(&place.folder, &place.places(), &Clock::fixed(at(3)));
    assert!(matches!(loaded, Err(Error::OtherModel { .. })), "{loaded:?}");

    place.edit("agreement.toml", &before, &after);
    next_cycle(&place, "2027Q2", a_cent_more);
    let terms = PilotTerms { sample: SAMPLE, bound: 0.1, confidence: 0.95 };
    let pilot = async |of: &str| place.store().await.pilot(of, None, &terms).await.unwrap();
    let old = pilot(line.split('"').nth(1).unwrap()).await;
    assert_eq!((old.judged(), old.passed()), (29, true), "the recipe's own is over");
    let pilot = pilot(&after).await;
    assert_eq!((pilot.judged(), pilot.passed()), (0, false), "nothing is known of it yet");
    let outcome = place.run("2027Q2", at(4)).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let leads = place.leads().await;
    let of_it: Vec<_> = leads.iter().filter(|lead| lead.cycle == "2027Q2").cloned().collect();
    assert_eq!(in_stage(&of_it, Stage::Open).len(), SAMPLE as usize, "the sample of a new pilot");
    assert!(!in_stage(&of_it, Stage::Held).is_empty(), "though the recipe had passed its own");
    place.assert_sound("a new pilot");
}
