//! Recurring runs under one agreement: what waits is not doubled, what was worked comes back only with something new,
//! what people said counts, and a pilot opens the rest or keeps it shut (floor F12).

use super::place::{Place, at, delivered_for, in_stage, pairs, refused};
use agreement::Gate;
use casework::{CaseStore as _, CorrectionOrder, Judgement, LeadId, Stage, Step};
use comity::desk::{Acted, Desk, Officer};
use comity::event::Event;
use comity::run::Outcome;
use std::collections::BTreeSet;
use std::fs;

/// All leads are opened at once.
const ROOM: u32 = 1_000;
/// As few as can show a false share under the agreement's 10 % with 95 % confidence: 0.05^(1/29) is just over 0.9.
const SAMPLE: u32 = 29;

/// A program whose second cycle has the first one's files, with every case's field changed by the caller.
async fn two_cycles(sample: u32, change: impl Fn(&str) -> String) -> Place {
    let place = Place::with_pilot(sample).with_cycles();
    next_cycle(&place, "2027Q2", change);
    place.done(at(0)).await;
    place
}

pub(super) fn next_cycle(place: &Place, cycle: &str, change: impl Fn(&str) -> String) {
    let file = |name: &str, cycle: &str| place.folder.join(format!("{name}-{cycle}.csv"));
    let payroll = fs::read_to_string(file("payroll", "2027Q1")).unwrap();
    let caseload = fs::read_to_string(file("caseload", "2027Q1")).unwrap();
    fs::write(file("payroll", cycle), delivered_for(cycle, &change(&payroll))).unwrap();
    fs::write(file("caseload", cycle), delivered_for(cycle, &caseload)).unwrap();
}

fn unchanged(text: &str) -> String {
    text.to_owned()
}

/// Every employer pays a cent more: a returned value of every lead has changed, and no lead comes or goes.
pub(super) fn a_cent_more(text: &str) -> String {
    let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
    let column = lines[0].split(',').position(|name| name == "gross_pay").unwrap();
    for line in &mut lines[1..] {
        assert!(!line.contains('"'), "the fields can be split at commas");
        let mut fields: Vec<_> = line.split(',').map(str::to_owned).collect();
        if let Some((whole, cents)) = fields[column].split_once('.') {
            let cents = whole.parse::<u64>().unwrap() * 100 + cents.parse::<u64>().unwrap() + 1;
            fields[column] = format!("{}.{:02}", cents / 100, cents % 100);
        }
        *line = fields.join(",");
    }
    lines.join("\n") + "\n"
}

async fn of_cycle(place: &Place, cycle: &str) -> Vec<casework::Lead> {
    place.leads().await.into_iter().filter(|lead| lead.cycle == cycle).collect()
}

async fn run_done(place: &Place, cycle: &str, minute: i64) {
    let outcome = place.run(cycle, at(minute)).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{cycle}: {outcome:?}");
}

#[tokio::test]
async fn leads_that_wait_are_not_doubled_by_the_next_cycle_even_if_a_value_changed() {
    for change in [unchanged, a_cent_more] {
        let place = two_cycles(ROOM, change).await;
        let before = pairs(&place.leads().await, &[Stage::Open]);
        run_done(&place, "2027Q2", 1).await;
        assert!(of_cycle(&place, "2027Q2").await.is_empty(), "every pair is covered");
        assert_eq!(pairs(&place.leads().await, &[Stage::Open]), before);
        place.assert_sound("two cycles");
    }
}

#[tokio::test]
async fn a_worked_lead_reopens_only_if_a_returned_value_changed() {
    for (change, reopened) in [(unchanged as fn(&str) -> String, 0), (a_cent_more, 3)] {
        let place = two_cycles(ROOM, change).await;
        let worked = in_stage(&place.leads().await, Stage::Open).split_off(3);
        let worked: Vec<LeadId> = worked.into_iter().take(3).collect();
        let same: Vec<_> = worked.iter().map(|lead| (lead.clone(), Judgement::Same)).collect();
        place.judge_all(&same, at(1)).await;
        run_done(&place, "2027Q2", 2).await;
        let again = of_cycle(&place, "2027Q2").await;
        assert_eq!(again.len(), reopened, "worked leads come back if something is new");
        let of: BTreeSet<_> = again.iter().filter_map(|lead| lead.found.reopens.clone()).collect();
        assert!(
            reopened == 0 || of == worked.into_iter().collect(),
            "each names the lead it follows"
        );
        assert!(again.iter().all(|lead| lead.stage == Stage::Open));
        place.assert_sound("reopened");
    }
}

#[tokio::test]
async fn not_the_same_stays_so_until_it_expires() {
    let place = two_cycles(ROOM, a_cent_more).await;
    next_cycle(&place, "2027Q3", a_cent_more);
    let open = in_stage(&place.leads().await, Stage::Open);
    place.judge(&open[0], Judgement::NotSame, None, at(1)).await;
    place.judge(&open[1], Judgement::NotSame, Some(at(10)), at(1)).await;

    run_done(&place, "2027Q2", 9).await;
    assert!(of_cycle(&place, "2027Q2").await.is_empty(), "neither comes back before it expires");
    run_done(&place, "2027Q3", 10).await;
    let back: Vec<_> =
        of_cycle(&place, "2027Q3").await.into_iter().map(|lead| lead.found.reopens).collect();
    assert_eq!(back, [Some(open[1].clone())], "what has expired comes back, and nothing else");
    let planned = place.events().into_iter().filter_map(|event| match event {
        Event::LeadsPlanned { known_not_same, .. } => Some(known_not_same),
        _ => None,
    });
    assert_eq!(planned.collect::<Vec<_>>(), [0, 2, 1], "the ledger counts what is known");
    place.assert_sound("not the same");
}

#[tokio::test]
async fn a_correction_of_a_wrong_link_keeps_the_two_people_apart_in_every_later_cycle() {
    let place = two_cycles(ROOM, a_cent_more).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    let (mut node, desk) = desk(&place, at(2)).await;
    let order = |splits| {
        Step::Correct(CorrectionOrder {
            words: "the wages were of another person".to_owned(),
            recipients: BTreeSet::new(),
            splits,
            language: "en".to_owned(),
        })
    };
    let privacy = Officer {
        id: agreement::OfficerId::new("eve").unwrap(),
        roles: [agreement::OfficerRole::PrivacyOfficer].into(),
    };
    let acted = desk.act(&privacy, &open[0], 0, order(true)).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)), "{acted:?}");
    node.drain().await.unwrap();
    let letters = desk.store().notices(casework::Letter::Drafted, None, 9).await.unwrap();
    assert_eq!(letters.lines.len(), 1, "the person is told");
    drop((node, desk));
    let split = place.events().into_iter().find_map(|event| match event {
        Event::ClusterSplit { case, number, cut, .. } => Some((case, number, cut)),
        _ => None,
    });
    let (case, number, cut) = split.unwrap();
    assert_eq!((case, number), (open[0].to_string(), 1));
    assert!(cut >= 1);

    run_done(&place, "2027Q2", 9).await;
    let again = of_cycle(&place, "2027Q2").await;
    assert!(again.is_empty(), "the pair would have come back: what it returns has changed");
    let mut known = place.events().into_iter().filter_map(|event| match event {
        Event::LeadsPlanned { known_not_same, .. } => Some(known_not_same),
        _ => None,
    });
    assert_eq!(known.next_back(), Some(cut));
    place.assert_sound("a split");
}

async fn desk(place: &Place, now: jiff::Timestamp) -> (comity::node::Node, Desk) {
    let node = place.node(now).await;
    let desk = Desk::open(&node, &place.program(now), Gate::shipped().unwrap()).await.unwrap();
    (node, desk)
}

#[tokio::test]
async fn a_cycle_that_is_finished_is_not_run_twice() {
    let place = two_cycles(ROOM, unchanged).await;
    let (leads, disclosed) = (place.leads().await.len(), place.disclosed());
    let entries = place.entries().len();
    let again = place.run("2027Q1", at(1)).await;
    assert!(matches!(again, Outcome::Again(_)), "{again:?}");
    assert_eq!((place.leads().await.len(), place.disclosed()), (leads, disclosed));
    assert_eq!(place.entries().len(), entries, "nothing was done, so nothing is written");
}

/// Runs a pilot, and passes judgement on its leads: the first so many as said, the rest the same person.
async fn piloted(judgement: Judgement, many: usize) -> Place {
    let place = Place::with_pilot(SAMPLE).with_cycles();
    place.done(at(0)).await;
    let leads = place.leads().await;
    let open = in_stage(&leads, Stage::Open);
    assert_eq!(open.len(), SAMPLE as usize, "the sample is open");
    assert!(!in_stage(&leads, Stage::Held).is_empty(), "and the rest is held");
    assert!(
        leads.iter().all(|lead| (lead.stage == Stage::Held) == lead.returned.is_none()),
        "nothing of what is held is disclosed"
    );
    assert_eq!(place.disclosed(), u64::from(SAMPLE));
    let judged: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(place, lead)| (lead, if place < many { judgement } else { Judgement::Same }))
        .collect();
    place.judge_all(&judged, at(1)).await;
    place
}

#[tokio::test]
async fn a_clean_pilot_opens_the_rest_and_only_once() {
    let place = piloted(Judgement::Same, 0).await;
    run_done(&place, "2027Q1", 2).await;
    let leads = place.leads().await;
    assert!(in_stage(&leads, Stage::Held).is_empty());
    assert_eq!(in_stage(&leads, Stage::Open).len(), leads.len() - SAMPLE as usize);
    assert_eq!(place.disclosed(), leads.len() as u64);
    let again = place.run("2027Q1", at(3)).await;
    assert!(matches!(again, Outcome::Again(_)), "{again:?}");
    assert_eq!(place.disclosed(), leads.len() as u64);
    let passed =
        |event: &Event| matches!(event, Event::PilotPassed { judged: 29, not_right: 0, .. });
    assert_eq!(place.events().iter().filter(|event| passed(event)).count(), 1);
    place.assert_sound("piloted");
}

#[tokio::test]
async fn a_pilot_with_one_lead_unjudged_or_one_too_many_wrong_keeps_the_rest_held() {
    for judgement in [Judgement::NotSame, Judgement::Unsure] {
        let place = piloted(judgement, 1).await;
        let held = in_stage(&place.leads().await, Stage::Held);
        let outcome = place.run("2027Q1", at(2)).await;
        let Outcome::Again(report) = outcome else { panic!("{judgement:?}: {outcome:?}") };
        // It is told that the pilot has failed, and not that somebody still has to judge it.
        let failed = report.failed_pilot.unwrap();
        assert_eq!((failed.judged, failed.not_right), (u64::from(SAMPLE), 1), "{judgement:?}");
        assert!(failed.upper_bound >= failed.bound, "{judgement:?}: {failed:?}");
        assert_eq!(in_stage(&place.leads().await, Stage::Held), held, "{judgement:?}");
        // Nor does another cycle open anything under that model.
        next_cycle(&place, "2027Q2", a_cent_more);
        let outcome = place.run("2027Q2", at(3)).await;
        assert!(refused(&outcome).contains(&"F12-pilot".to_owned()), "{judgement:?}: {outcome:?}");
        assert_eq!(place.disclosed(), u64::from(SAMPLE), "{judgement:?}");
        place.assert_sound("a bad pilot");
    }
}

#[tokio::test]
async fn a_pilot_that_is_not_judged_to_the_end_keeps_the_rest_held() {
    let place = Place::with_pilot(SAMPLE);
    place.done(at(0)).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    let judged: Vec<_> = open.into_iter().skip(1).map(|lead| (lead, Judgement::Same)).collect();
    place.judge_all(&judged, at(1)).await;
    let outcome = place.run("2027Q1", at(2)).await;
    let Outcome::Again(report) = outcome else { panic!("{outcome:?}") };
    assert_eq!(report.failed_pilot, None, "it is not judged to the end");
    assert_eq!(place.disclosed(), u64::from(SAMPLE));
}

#[tokio::test]
async fn the_pilot_of_two_cycles_together_opens_no_more_than_its_sample() {
    let place = Place::with_pilot(SAMPLE).with_cycles();
    next_cycle(&place, "2027Q2", unchanged);
    place.done(at(0)).await;
    run_done(&place, "2027Q2", 1).await;
    assert_eq!(in_stage(&place.leads().await, Stage::Open).len(), SAMPLE as usize);
    place.assert_sound("two cycles in the pilot");
}

#[tokio::test]
async fn a_held_pair_that_another_cycle_opened_is_not_opened_again() {
    let place = piloted(Judgement::Same, 0).await;
    let found = place.leads().await.len();
    next_cycle(&place, "2027Q2", unchanged);
    // The second cycle finds what the first still holds, and opens it, since the pilot has passed.
    run_done(&place, "2027Q2", 2).await;
    assert_eq!(place.disclosed(), found as u64);
    // The first then has nothing left to open.
    let _ = place.run("2027Q1", at(3)).await;
    assert_eq!(place.disclosed(), found as u64, "each pair is disclosed once");
    let leads = place.leads().await;
    assert_eq!(pairs(&leads, &[Stage::Open, Stage::Reviewed]).len(), found);
    assert!(in_stage(&leads, Stage::Held).is_empty());
    let again = place.run("2027Q1", at(4)).await;
    assert!(matches!(again, Outcome::Again(_)), "{again:?}");
    place.assert_sound("held by one cycle, opened by another");
}
