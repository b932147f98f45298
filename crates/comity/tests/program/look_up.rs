//! Look-ups: persons of the caseload who are named one by one. Each takes a permit, all of 90 days are counted together, and
//! nobody is answered for who was not asked about (floor F2, F4, F8, F9, F10, F12).

use super::place::{
    AtPoint, Nobody, Place, at, in_stage, lift_stay, pairs, record_stay, refused, staying_at,
};
use agreement::{OfficerId, OfficerRole, Scope};
use casework::{CaseStore as _, Drafts, Judgement, Lead, Run, RunState, Stage, Store as _};
use comity::Error;
use comity::desk::Officer;
use comity::event::Event;
use comity::release::{Withheld, finder};
use comity::run::look_up::look_up;
use comity::run::{Outcome, Point, Rows, Step, Watch};
use jiff::{SignedDuration, Timestamp};
use ledger::Leaf;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// As few as can show a false share under the agreement's 10 % with 95 % confidence.
const SAMPLE: u32 = 29;

/// The columns of the caseload, with the names that its agreement gives them.
const COLUMNS: [(&str, &str); 7] = [
    ("case_id", "case_id"),
    ("given_name", "given_name"),
    ("surname", "surname"),
    ("birth_date", "date_of_birth"),
    ("address", "address"),
    ("postcode", "postcode"),
    ("phone", "telephone"),
];

pub(super) fn verifier(name: &str) -> Officer {
    Officer { id: OfficerId::new(name).unwrap(), roles: [OfficerRole::Verifier].into() }
}

/// A program whose pilot people have judged, and found good; the rest of its leads is held.
pub(super) async fn piloted() -> Place {
    piloted_from(Place::with_pilot(SAMPLE)).await
}

/// The same, counted in a register that the schedule names.
pub(super) async fn piloted_counting_in(register: &Path) -> Place {
    let place = Place::with_pilot(SAMPLE);
    let line = format!("program = \"benefits\"\nrequests = \"{}\"", register.display());
    place.edit("schedule.toml", "program = \"benefits\"", &line);
    piloted_from(place).await
}

async fn piloted_from(place: Place) -> Place {
    place.done(at(0)).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    let judged: Vec<_> = open.into_iter().map(|lead| (lead, Judgement::Same)).collect();
    place.judge_all(&judged, at(1)).await;
    place
}

/// The cases of which the caseload lacks nothing, with what a row gives of each.
pub(super) fn complete(place: &Place) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(place.folder.join("caseload.csv")).unwrap();
    assert!(!text.contains('"'), "the fields can be split at commas");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let places = COLUMNS.map(|(own, _)| header.iter().position(|name| *name == own).unwrap());
    let rows = lines.map(|line| places.map(|place| line[place].to_owned()).to_vec());
    let rows = rows.filter(|row| row.iter().all(|value| !value.is_empty()));
    rows.map(|row| (row[0].clone(), row)).collect()
}

/// Writes rows, and reads them as the command line does.
pub(super) fn rows<'r>(place: &Place, given: impl IntoIterator<Item = &'r Vec<String>>) -> Rows {
    let mut text = COLUMNS.map(|(_, name)| name).join(",") + "\n";
    for row in given {
        text += &(row.join(",") + "\n");
    }
    let path = rows_file(place);
    fs::write(&path, text).unwrap();
    Rows::read(&place.program(at(2)), &path).unwrap()
}

fn rows_file(place: &Place) -> PathBuf {
    place.out.join("rows.csv")
}

pub(super) async fn asked(
    place: &Place,
    officer: &Officer,
    rows: &Rows,
    now: Timestamp,
) -> Outcome {
    watched(place, officer, rows, now, &mut Nobody).await.unwrap()
}

pub(super) async fn watched(
    place: &Place,
    officer: &Officer,
    rows: &Rows,
    now: Timestamp,
    watch: &mut dyn Watch,
) -> Result<Outcome, Error> {
    let program = place.program(now);
    let mut node = place.node(now).await;
    let cycle = "2027Q1".parse().unwrap();
    Box::pin(look_up(&program, &mut node, officer, rows, &cycle, watch)).await
}

pub(super) fn id_of(outcome: &Outcome) -> String {
    let Outcome::Done(report) = outcome else { panic!("it was answered, and not {outcome:?}") };
    report.run.clone()
}

pub(super) async fn of_run(place: &Place, run: &str) -> Vec<Lead> {
    place.leads().await.into_iter().filter(|lead| lead.run == run).collect()
}

async fn persons_counted(place: &Place, now: Timestamp) -> u64 {
    let since = comity::run::look_up::since(now);
    place.store().await.asked_since("dana", since).await.unwrap().persons
}

/// Cases with a held lead, of which the caseload lacks nothing.
pub(super) async fn held(place: &Place, rows: &BTreeMap<String, Vec<String>>) -> Vec<Lead> {
    let leads = place.leads().await.into_iter();
    let mut seen = BTreeSet::new();
    leads
        .filter(|lead| lead.stage == Stage::Held && rows.contains_key(&lead.found.case_id))
        .filter(|lead| seen.insert(lead.found.case_id.clone()))
        .collect()
}

#[tokio::test]
async fn a_look_up_opens_what_a_run_would_about_those_who_were_named_and_about_nobody_else() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen: Vec<Lead> = held(&place, &complete).await.into_iter().take(5).collect();
    assert_eq!(chosen.len(), 5);
    let cases: BTreeSet<&str> = chosen.iter().map(|lead| lead.found.case_id.as_str()).collect();
    let before = place.disclosed();

    let named = rows(&place, cases.iter().map(|case| &complete[*case]));
    let outcome = asked(&place, &verifier("dana"), &named, at(2)).await;
    assert_eq!(id_of(&outcome), "look-up-1");
    let leads = of_run(&place, "look-up-1").await;
    let about: BTreeSet<&str> = leads.iter().map(|lead| lead.found.case_id.as_str()).collect();
    assert_eq!(about, cases, "each is answered for, and nobody else");
    assert!(leads.iter().all(|lead| lead.stage == Stage::Open && lead.returned.is_some()));
    for held in &chosen {
        let same = leads.iter().find(|lead| lead.found.pair == held.found.pair).unwrap();
        assert_eq!(same.found.weight.to_bits(), held.found.weight.to_bits(), "as a run weighs it");
        assert_eq!(same.found.explanation, held.found.explanation, "and explains it");
    }
    let returned: BTreeSet<String> =
        leads.iter().flat_map(|lead| lead.returned.clone().unwrap().into_keys()).collect();
    let program = place.program(at(2));
    let agreed: BTreeSet<String> =
        program.agreement().returned().map(|element| element.to_string()).collect();
    assert!(!returned.is_empty() && returned.is_subset(&agreed), "{returned:?} of {agreed:?}");
    assert_eq!(place.disclosed(), before + leads.len() as u64);
    assert_eq!(persons_counted(&place, at(2)).await, 5);
    place.assert_sound("a look-up");
    let proved = place.audit().proved.join("\n");
    assert!(proved.contains("5 persons were asked about by name"), "{proved}");

    // The run that held them opens the rest, and none of them twice.
    place.done(at(3)).await;
    let leads = place.leads().await;
    assert!(in_stage(&leads, Stage::Held).is_empty());
    pairs(&leads, &[Stage::Open, Stage::Reviewed]);
    place.assert_sound("the run after it");
}

#[tokio::test]
async fn who_is_asked_about_again_is_counted_again_and_not_disclosed_again() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen = held(&place, &complete).await;
    let named = rows(&place, [&complete[&chosen[0].found.case_id]]);
    let first = asked(&place, &verifier("dana"), &named, at(2)).await;
    let disclosed = place.disclosed();
    let second = asked(&place, &verifier("dana"), &named, at(3)).await;
    assert_eq!((id_of(&first).as_str(), id_of(&second).as_str()), ("look-up-1", "look-up-2"));
    let Outcome::Done(report) = second else { unreachable!() };
    assert!(report.counts.covered >= 1, "an open lead covers it");
    assert!(of_run(&place, "look-up-2").await.is_empty());
    assert_eq!(place.disclosed(), disclosed);
    assert_eq!(persons_counted(&place, at(3)).await, 2);
    place.assert_sound("twice");
}

#[tokio::test]
async fn whoever_may_not_ask_hears_every_reason_at_once_and_no_file_of_the_source_is_opened() {
    let place = Place::with_pilot(SAMPLE);
    place.done(at(0)).await;
    let complete = complete(&place);
    let mut row = complete.values().next().unwrap().clone();
    row[6] = "NA".to_owned();
    let nobody = Officer { id: OfficerId::new("nobody").unwrap(), roles: BTreeSet::new() };
    let outcome = asked(&place, &nobody, &rows(&place, [&row]), at(2)).await;
    let reasons = refused(&outcome);
    for rule in ["role-request-records", "F4-rows", "F12-pilot"] {
        assert!(reasons.contains(&rule.to_owned()), "{rule}: {reasons:?}");
    }
    let asked_for = |event: &Event| match event {
        Event::Refused(decided) => Some(decided.act.clone()),
        _other => None,
    };
    let acts: Vec<String> = place.events().iter().filter_map(asked_for).collect();
    assert_eq!(acts, ["run", "request_records"], "each refusal is recorded");
    let runs = place.store().await.runs().await.unwrap();
    assert!(runs.iter().all(|run| run.asked().is_none()), "nothing was begun");
    assert_eq!(persons_counted(&place, at(2)).await, 0, "and nobody is counted");
    place.assert_sound("refused");
}

#[tokio::test]
async fn whoever_has_not_the_role_learns_nothing_of_a_row_not_even_whether_it_is_so() {
    let place = piloted().await;
    let complete = complete(&place);
    let mut known = complete.values();
    let (row, other) = (known.next().unwrap(), known.next().unwrap());
    let mut guessed = other.clone();
    guessed[0].clone_from(&row[0]);
    let nobody = Officer { id: OfficerId::new("nobody").unwrap(), roles: BTreeSet::new() };
    for given in [row, &guessed] {
        let outcome = asked(&place, &nobody, &rows(&place, [given]), at(2)).await;
        assert_eq!(refused(&outcome), ["role-request-records"]);
    }
}

#[tokio::test]
async fn whom_the_caseload_knows_too_little_of_cannot_be_asked_about_by_a_value_made_up() {
    let place = piloted().await;
    let text = fs::read_to_string(place.folder.join("caseload.csv")).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let places = COLUMNS.map(|(own, _)| header.iter().position(|name| *name == own).unwrap());
    let lacking = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let lacking = lacking.map(|row| places.map(|place| row[place].to_owned()).to_vec());
    let mut row = lacking.into_iter().find(|row| row[6].is_empty()).unwrap();
    for made_up in ["", "0", "555010000999"] {
        made_up.clone_into(&mut row[6]);
        let outcome = asked(&place, &verifier("dana"), &rows(&place, [&row]), at(2)).await;
        assert_eq!(refused(&outcome), ["F4-rows"], "{made_up}");
    }
}

/// Hears what a run says of what it found.
#[derive(Default)]
struct Hearing {
    findings: usize,
    gone_on: Vec<(String, String)>,
    others: usize,
}

impl Watch for Hearing {
    fn said(&mut self, step: &Step) {
        match step {
            Step::Found { .. } | Step::Planned { .. } => self.findings += 1,
            Step::GoesOn { run, files } => self.gone_on.push((run.clone(), files.clone())),
            _other => self.others += 1,
        }
    }

    fn progress(&mut self, _: u64, _: u64) {}
}

#[tokio::test]
async fn nobody_hears_how_much_a_look_up_found_before_it_is_recorded_and_released() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen = held(&place, &complete).await;
    let named = rows(&place, [&complete[&chosen[0].found.case_id]]);
    let mut heard = Hearing::default();
    id_of(&watched(&place, &verifier("dana"), &named, at(2), &mut heard).await.unwrap());
    assert_eq!(heard.findings, 0, "its answer says it");
    assert!(heard.others > 2);
    // Of a run it is no answer about anybody.
    let mut heard = Hearing::default();
    let place = Place::with_pilot(SAMPLE);
    let _ = place.watched("2027Q1", at(0), &mut heard).await.unwrap();
    assert_eq!(heard.findings, 2);
}

#[tokio::test]
async fn what_waits_when_the_agreement_changes_is_closed_and_the_same_request_begins_anew() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen = held(&place, &complete).await;
    let named = rows(&place, [&complete[&chosen[0].found.case_id]]);
    let mut watch = staying_at(&place, (Point::Planned, 0), at(2));
    let dana = verifier("dana");
    let outcome = watched(&place, &dana, &named, at(2), &mut watch).await.unwrap();
    assert!(matches!(outcome, Outcome::Withheld(_)), "{outcome:?}");
    lift_stay(&place.store().await, 1, at(3)).await;
    place.edit("agreement.toml", "About 60 leads a quarter", "About 50 leads a quarter");
    // Somebody else's request closes it too.
    let other = rows(&place, [&complete[&chosen[1].found.case_id]]);
    assert_eq!(id_of(&asked(&place, &verifier("eli"), &other, at(4)).await), "look-up-2");
    let store = place.store().await;
    let first = store.run("look-up-1").await.unwrap().unwrap();
    assert_eq!(first.state, RunState::Finished);
    let old = of_run(&place, "look-up-1").await;
    assert!(old.iter().all(|lead| lead.stage == Stage::Closed && lead.returned.is_none()));
    drop(store);
    assert_eq!(id_of(&asked(&place, &dana, &named, at(5)).await), "look-up-3");
    let new = of_run(&place, "look-up-3").await;
    assert!(!new.is_empty() && new.iter().all(|lead| lead.returned.is_some()));
    place.assert_sound("another agreement");
}

#[tokio::test]
async fn a_row_with_a_placeholder_or_of_no_case_or_of_somebody_else_is_refused() {
    let place = piloted().await;
    let complete = complete(&place);
    let mut known = complete.values();
    let (row, other) = (known.next().unwrap(), known.next().unwrap());
    let with = |place: usize, value: &str| {
        let mut row = row.clone();
        value.clone_into(&mut row[place]);
        row
    };
    let mut another = other.clone();
    another[0].clone_from(&row[0]);
    let begun = place.entries().len();
    for (what, given, rules) in [
        ("a placeholder", vec![with(4, "unknown")], vec!["F4-rows"]),
        ("another placeholder", vec![row.clone(), with(6, "N/A")], vec!["F4-rows"]),
        ("nothing", vec![with(5, "")], vec!["F4-rows"]),
        ("no case of the caseload", vec![with(0, "C9999999")], vec!["F4-rows"]),
        ("a case that is somebody else's", vec![another], vec!["F4-rows"]),
        ("everybody who", vec![with(0, "")], vec!["F4-named", "F4-rows"]),
        ("nobody", vec![], vec!["F4-named"]),
    ] {
        let outcome = asked(&place, &verifier("dana"), &rows(&place, &given), at(2)).await;
        assert_eq!(refused(&outcome), rules, "{what}");
    }
    let later = place.entries().split_off(begun);
    let is_begun =
        |event: &Event| matches!(event, Event::RunStarted { .. } | Event::Disclosed { .. });
    assert!(!later.iter().any(|(_, _, event)| is_begun(event)));
    assert_eq!(persons_counted(&place, at(2)).await, 0);
    // The same row as the caseload has it goes through, in whatever case it is written.
    let shouted: Vec<String> = row.iter().map(|value| value.to_uppercase()).collect();
    id_of(&asked(&place, &verifier("dana"), &rows(&place, [&shouted]), at(3)).await);
    place.assert_sound("rows");
}

#[tokio::test]
async fn the_hundred_and_first_person_in_ninety_days_is_refused_whoever_asks_and_later_ones_are_not()
 {
    let place = piloted().await;
    let complete: Vec<Vec<String>> = complete(&place).into_values().collect();
    let ask = async |from: usize, to: usize, officer: &str, now: Timestamp| {
        asked(&place, &verifier(officer), &rows(&place, &complete[from..to]), now).await
    };
    id_of(&ask(0, 60, "dana", at(2)).await);
    assert_eq!(refused(&ask(60, 101, "eli", at(3)).await), ["F4-persons"], "101 with the others");
    id_of(&ask(60, 100, "eli", at(4)).await);
    for officer in ["dana", "eli", "fay"] {
        assert_eq!(refused(&ask(100, 101, officer, at(5)).await), ["F4-persons"], "{officer}");
    }
    let days = |days: i64| at(2) + SignedDuration::from_hours(24 * days);
    assert_eq!(refused(&ask(100, 101, "dana", days(90)).await), ["F4-persons"]);
    id_of(&ask(100, 101, "dana", days(91)).await);
    place.assert_sound("counted");
}

#[tokio::test]
async fn an_officer_with_as_many_open_matters_as_there_may_be_is_refused_another() {
    let place = piloted().await;
    let store = place.store().await;
    let terms = place.program(at(1)).digest.to_string();
    for number in 1..=24 {
        let id = format!("look-up-{number}");
        let asked = casework::Asked {
            officer: "dana".to_owned(),
            persons: 1,
            second: at(1).as_second(),
            cycle: "2027Q1".to_owned(),
            rows: format!("rows {number}"),
            entered: None,
        };
        let run = Run {
            id: id.clone(),
            cycle: id.clone(),
            state: RunState::Started,
            started_at: at(1).to_string(),
            finished_at: None,
            inputs: serde_json::json!({ "agreement": terms, "bound": 6.0, "asked": asked })
                .to_string(),
            summary: None,
        };
        store.start(&run, &Drafts::none()).await.unwrap();
        store.plan(&id, "{}", &[], &Drafts::none()).await.unwrap();
    }
    drop(store);
    let complete = complete(&place);
    let named = rows(&place, complete.values().take(1));
    // The 25th is let through, and is open as long as a lead of it is.
    let held = held(&place, &complete).await;
    let one = rows(&place, [&complete[&held[0].found.case_id]]);
    assert_eq!(id_of(&asked(&place, &verifier("dana"), &one, at(2)).await), "look-up-25");
    let outcome = asked(&place, &verifier("dana"), &named, at(3)).await;
    assert_eq!(refused(&outcome), ["F4-open-matters"]);
    assert_eq!(id_of(&asked(&place, &verifier("eli"), &named, at(4)).await), "look-up-26");
}

#[tokio::test]
async fn leads_of_look_ups_that_were_wrong_stop_the_program_and_leave_the_pilot_as_it_was() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen: Vec<Lead> = held(&place, &complete).await.into_iter().take(10).collect();
    let row = |lead: &Lead| &complete[&lead.found.case_id];
    let dana = verifier("dana");
    let named = rows(&place, chosen[..8].iter().map(row));
    id_of(&asked(&place, &dana, &named, at(2)).await);
    let wrong = in_stage(&of_run(&place, "look-up-1").await, Stage::Open);
    let judge = async |leads: &[casework::LeadId], now| {
        let judged: Vec<_> = leads.iter().map(|lead| (lead.clone(), Judgement::NotSame)).collect();
        place.judge_all(&judged, now).await;
    };
    // With the pilot's 29, of which each was right, 7 wrong ones are 194 of a thousand, and 8 are 217.
    judge(&wrong[..7], at(3)).await;
    id_of(&asked(&place, &dana, &rows(&place, [row(&chosen[8])]), at(4)).await);
    judge(&wrong[7..8], at(5)).await;
    let other = rows(&place, [row(&chosen[9])]);
    assert_eq!(refused(&asked(&place, &dana, &other, at(6)).await), ["F12-reversals"]);
    assert_eq!(refused(&place.run("2027Q1", at(7)).await), ["F12-reversals"], "the run too");
    let terms = casework::PilotTerms { sample: SAMPLE, bound: 0.1, confidence: 0.95 };
    let model = place.program(at(7)).engine.digest().unwrap().to_string();
    let pilot = place.store().await.pilot(&model, None, &terms).await.unwrap();
    assert_eq!((pilot.judged(), pilot.not_right()), (SAMPLE, 0));
    assert!(pilot.passed(), "they are no part of it");
    place.assert_sound("stopped");
}

#[tokio::test]
async fn a_look_up_waits_for_the_pilot_of_a_loosened_model_and_of_one_that_failed() {
    let refused_by = async |place: &Place, now| {
        let complete = complete(place);
        let row = complete.values().next().unwrap();
        refused(&asked(place, &verifier("dana"), &rows(place, [row]), now).await)
    };
    // Half of the sample is judged, and all of it good: a run may go on with its pilot, and a look-up may not begin.
    let place = Place::with_pilot(SAMPLE);
    place.done(at(0)).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    let judged = |judgement| move |lead: &casework::LeadId| (lead.clone(), judgement);
    let (half, rest) = open.split_at(15);
    let half: Vec<_> = half.iter().map(judged(Judgement::Same)).collect();
    place.judge_all(&half, at(1)).await;
    assert_eq!(refused_by(&place, at(2)).await, ["F12-pilot"]);
    let rest: Vec<_> = rest.iter().map(judged(Judgement::NotSame)).collect();
    place.judge_all(&rest, at(3)).await;
    assert_eq!(refused_by(&place, at(4)).await, ["F12-pilot"]);
    // A model that passed, with a threshold that lets more through, begins anew.
    let place = Place::with_pilot(SAMPLE);
    place.edit("schedule.toml", "format = 1", "format = 1\nthreshold = 12.0");
    place.done(at(0)).await;
    let open = in_stage(&place.leads().await, Stage::Open);
    let good: Vec<_> = open.iter().map(judged(Judgement::Same)).collect();
    place.judge_all(&good, at(1)).await;
    place.edit("schedule.toml", "threshold = 12.0", "threshold = 8.0");
    assert_eq!(refused_by(&place, at(2)).await, ["F12-pilot"]);
    place.edit("schedule.toml", "threshold = 8.0", "threshold = 12.0");
    let complete = complete(&place);
    let named = rows(&place, complete.values().take(1));
    id_of(&asked(&place, &verifier("dana"), &named, at(3)).await);
}

#[tokio::test]
async fn a_stay_refuses_a_look_up_with_every_other_reason() {
    let place = piloted().await;
    record_stay(&place.store().await, "27-cv-1", Scope::default(), at(1)).await;
    let complete = complete(&place);
    let mut row = complete.values().next().unwrap().clone();
    row[4] = "unknown".to_owned();
    let outcome = asked(&place, &verifier("dana"), &rows(&place, [&row]), at(2)).await;
    let mut reasons = refused(&outcome);
    reasons.sort_unstable();
    assert_eq!(reasons, ["F4-rows", "F8-stayed"]);
}

#[tokio::test]
async fn a_stay_in_the_middle_of_a_look_up_withholds_it_until_it_is_lifted_and_it_counts_once() {
    for point in [Point::Planned, Point::Recorded] {
        let place = piloted().await;
        let complete = complete(&place);
        let chosen = held(&place, &complete).await;
        let named = rows(&place, chosen.iter().take(3).map(|lead| &complete[&lead.found.case_id]));
        let mut watch = staying_at(&place, (point, 0), at(2));
        let dana = verifier("dana");
        let outcome = watched(&place, &dana, &named, at(2), &mut watch).await.unwrap();
        let stayed = Withheld::Stayed { order: "27-cv-1".to_owned() };
        assert!(matches!(&outcome, Outcome::Withheld(why) if *why == stayed), "{outcome:?}");
        let nothing_out = of_run(&place, "look-up-1").await;
        assert!(nothing_out.iter().all(|lead| lead.returned.is_none()), "{point:?}");
        let again = asked(&place, &dana, &named, at(3)).await;
        assert!(refused(&again).contains(&"F8-stayed".to_owned()), "{point:?}");
        lift_stay(&place.store().await, 1, at(4)).await;
        assert_eq!(id_of(&asked(&place, &dana, &named, at(5)).await), "look-up-1", "it goes on");
        assert!(of_run(&place, "look-up-1").await.iter().all(|lead| lead.returned.is_some()));
        assert_eq!(persons_counted(&place, at(5)).await, 3, "{point:?}: it was asked once");
        place.assert_sound("stayed and lifted");
    }
}

#[tokio::test]
async fn a_look_up_that_goes_on_says_on_which_files_whichever_are_asked_for() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen = held(&place, &complete).await;
    let named = rows(&place, [&complete[&chosen[0].found.case_id]]);
    let places = place.places();
    let mut watch = AtPoint::new(move |passed, _| {
        if passed == Point::Planned {
            super::release::break_ledger(places.root());
        }
    });
    let dana = verifier("dana");
    let outcome = watched(&place, &dana, &named, at(2), &mut watch).await.unwrap();
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    super::release::mend_ledger(&place.out);
    let (program, mut node) = (place.program(at(3)), place.node(at(3)).await);
    let mut heard = Hearing::default();
    let later = "2027Q2".parse().unwrap();
    let again = look_up(&program, &mut node, &dana, &named, &later, &mut heard);
    assert_eq!(id_of(&Box::pin(again).await.unwrap()), "look-up-1");
    assert_eq!(heard.gone_on, [("look-up-1".to_owned(), "2027Q1".to_owned())]);
}

#[tokio::test]
async fn the_report_of_a_look_up_counts_the_pairs_of_those_named_apart_from_all_that_were_compared()
{
    let place = piloted().await;
    let complete = complete(&place);
    let chosen: Vec<Lead> = held(&place, &complete).await.into_iter().take(3).collect();
    let named = rows(&place, chosen.iter().map(|lead| &complete[&lead.found.case_id]));
    let outcome = asked(&place, &verifier("dana"), &named, at(2)).await;
    let Outcome::Done(report) = outcome else { panic!("{outcome:?}") };
    let Outcome::Done(run) = place.run("2027Q1", at(3)).await else { panic!("it opens the rest") };
    let (of_few, of_all) = (&report.counts, &run.counts);
    assert_eq!(
        (of_few.scored, of_few.above_threshold, of_few.one_to_one),
        (of_all.scored, of_all.above_threshold, of_all.one_to_one),
        "all are compared, and settled against each other"
    );
    assert_eq!(of_all.named, None);
    let theirs = of_few.named.unwrap();
    assert!(theirs >= 3 && theirs < of_few.one_to_one, "{theirs}");
    assert_eq!(of_few.in_caseload, theirs, "the caseload's own records are compared");
    let page = |run: &str| fs::read_to_string(place.places().report(run)).unwrap();
    let row = "about a person who was asked about by name";
    assert!(page("look-up-1").contains(row) && !page("2027Q1").contains(row));
}

#[tokio::test]
async fn a_refusal_can_name_the_rows_that_lack_something_and_never_those_that_are_not_so() {
    let place = piloted().await;
    let complete = complete(&place);
    let mut known = complete.values();
    let (row, other) = (known.next().unwrap(), known.next().unwrap());
    let mut lacks = row.clone();
    (lacks[3], lacks[6]) = ("unknown".to_owned(), String::new());
    let mut nameless = row.clone();
    nameless[0].clear();
    let mut another = other.clone();
    another[0].clone_from(&row[0]);
    let given = rows(&place, [row, &lacks, &another, &nameless]);
    let told: Vec<_> = given.lacking().into_iter().map(|row| (row.row, row.lacks)).collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(told, [(2, names(&["date_of_birth", "telephone"])), (4, names(&["case_id"]))]);
    assert_eq!(rows(&place, [&another]).lacking(), []);
}

#[tokio::test]
async fn the_person_finds_in_the_ledger_what_a_look_up_disclosed_and_it_stands_in_their_account() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen = held(&place, &complete).await;
    let case = chosen[0].found.case_id.clone();
    let named = rows(&place, [&complete[&case]]);
    assert_eq!(id_of(&asked(&place, &verifier("dana"), &named, at(2)).await), "look-up-1");
    let store = place.store().await;
    let told = store.disclosed_about(&case).await.unwrap();
    assert!(!told.is_empty() && told.iter().all(|one| one.recipient == "family-support"));
    let agreement = place.program(at(2)).digest.to_string();
    let own = finder(store.vault(), &agreement, "look-up-1", &case).unwrap();
    let another = finder(store.vault(), &agreement, "look-up-1", &chosen[1].found.case_id).unwrap();
    for one in told {
        let entries = place.entries();
        let at = |index: u64| entries.iter().find(|(of, ..)| *of == index).unwrap();
        let (_, entry, event) = at(one.ledger_index.unwrap());
        assert!(matches!(event, Event::Disclosed { run, .. } if run == "look-up-1"));
        assert!(!own.find(entry.commitments(), comity::release::LEAD).is_empty());
        assert!(another.find(entry.commitments(), comity::release::LEAD).is_empty());
    }
}

/// The points at which a look-up is killed, and whether it has begun anew when it is asked again.
const POINTS: [(&str, Point, bool); 7] = [
    ("started", Point::Started, true),
    ("planned", Point::Planned, false),
    ("prepared", Point::Prepared, false),
    ("recorded", Point::Recorded, false),
    ("released", Point::Released, false),
    ("all released", Point::AllReleased, false),
    ("closed", Point::Closed, true),
];

const KILL: &str = "COMITY_TEST_KILL_LOOK_UP_AT";
const FOLDER: &str = "COMITY_TEST_FOLDER";
const OUT: &str = "COMITY_TEST_OUT";

/// Looks up in a process that is told where to die, and does nothing in any other.
#[test]
fn a_look_up_that_is_told_where_to_abort_aborts_there() {
    let Ok(told) = std::env::var(KILL) else { return };
    let (_, point, _) = POINTS.into_iter().find(|(name, ..)| *name == told).unwrap();
    let folder = |key| PathBuf::from(std::env::var(key).expect("the parent says where"));
    let place = Place::made(folder(FOLDER), folder(OUT));
    let mut watch = AtPoint::new(move |passed, _| {
        if passed == point {
            std::process::abort();
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(Box::pin(async {
        let rows = Rows::read(&place.program(at(2)), &rows_file(&place)).unwrap();
        watched(&place, &verifier("dana"), &rows, at(2), &mut watch).await
    }));
    panic!("{told} was never reached: {outcome:?}");
}

#[tokio::test]
async fn nothing_of_a_look_up_is_out_before_the_ledger_has_its_entry_wherever_it_is_killed() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen = held(&place, &complete).await;
    let given = |number: usize| &complete[&chosen[number].found.case_id];
    for (number, (name, _, anew)) in POINTS.into_iter().enumerate() {
        let named = rows(&place, [given(number)]);
        let counted = persons_counted(&place, at(2)).await;
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "look_up::a_look_up_that_is_told_where_to_abort_aborts_there"])
            .env(KILL, name)
            .env(FOLDER, &place.folder)
            .env(OUT, &place.out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), None, "{name}: it was killed, and did not end by itself");
        nothing_is_out_that_is_not_recorded(&place, name).await;
        assert_eq!(persons_counted(&place, at(2)).await, counted + 1, "{name}: it counts");
        place.assert_sound(name);
        id_of(&asked(&place, &verifier("dana"), &named, at(3)).await);
        nothing_is_out_that_is_not_recorded(&place, name).await;
        let again = counted + 1 + u64::from(anew);
        assert_eq!(persons_counted(&place, at(3)).await, again, "{name}");
        let case = &chosen[number].found.case_id;
        let about = place.leads().await.into_iter().filter(|lead| {
            lead.found.case_id == *case && lead.stage == Stage::Open && lead.returned.is_some()
        });
        assert!(about.count() >= 1, "{name}: the person is answered for in the end");
        place.assert_sound(name);
    }
    pairs(&place.leads().await, &[Stage::Open, Stage::Reviewed]);
}

async fn nothing_is_out_that_is_not_recorded(place: &Place, when: &str) {
    let store = place.store().await;
    let entries: BTreeMap<u64, _> =
        place.entries().into_iter().map(|(index, entry, _)| (index, entry)).collect();
    let mut recorded = BTreeSet::new();
    for run in store.runs().await.unwrap() {
        for given in store.register(&run.id).await.unwrap() {
            let entry = &entries[&given.ledger_index.expect("what is out has its entry")];
            assert_eq!(entry.to_leaf().unwrap(), Leaf::parse(given.leaf).unwrap(), "{when}");
            let openings = store.openings(&given.id).await.unwrap();
            recorded.extend(openings.into_iter().map(|(lead, _)| lead));
        }
    }
    for lead in place.leads().await {
        let is_out = lead.returned.is_some();
        assert_eq!(is_out, recorded.contains(&lead.found.id), "{when}: {}", lead.found.id);
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_in_the_middle_of_a_look_up_means_refusal_and_nothing_is_out()
 {
    for point in [Point::Started, Point::Planned, Point::Prepared] {
        let place = piloted().await;
        let complete = complete(&place);
        let chosen = held(&place, &complete).await;
        let named = rows(&place, [&complete[&chosen[0].found.case_id]]);
        let out = place.out.clone();
        let mut watch = AtPoint::new(move |passed, _| {
            if passed == point {
                super::release::break_ledger(&out);
            }
        });
        let dana = verifier("dana");
        let outcome = watched(&place, &dana, &named, at(2), &mut watch).await.unwrap();
        assert!(refused(&outcome).contains(&"F9-ledger".to_owned()), "{point:?}: {outcome:?}");
        let leads = of_run(&place, "look-up-1").await;
        assert!(leads.iter().all(|lead| lead.returned.is_none()), "{point:?}");
        super::release::mend_ledger(&place.out);
        id_of(&asked(&place, &dana, &named, at(3)).await);
        place.assert_sound("mended");
    }
}
