//! The register of requests: what a recipient's programs asked about persons who are named is counted together, an officer's
//! matters too, and what was broken off can be given up (floor F4).

use super::look_up::{
    asked, complete, held, id_of, of_run, piloted, piloted_counting_in, rows, verifier, watched,
};
use super::place::{Place, at, lift_stay, refused, staying_at};
use agreement::{Environment, Filed, OfficerId};
use casework::{Judgement, RunState, Stage, Store as _};
use comity::Error;
use comity::audit::{Audited, audit, hold_against, hold_to_agreements};
use comity::desk::Officer;
use comity::event::Event;
use comity::node::Places;
use comity::register::{Register, Unbegun, tell};
use comity::run::look_up::{MOST_MATTERS, give_up};
use comity::run::{Outcome, Point};
use ledger::Verifier;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Two programs of one recipient, and the register that both name.
struct Two {
    _folder: TempDir,
    folder: PathBuf,
    one: Place,
    other: Place,
}

impl Two {
    async fn piloted() -> Two {
        let temporary = TempDir::new().unwrap();
        let folder = temporary.path().join("requests");
        let one = Box::pin(piloted_counting_in(&folder)).await;
        let other = Box::pin(piloted_counting_in(&folder)).await;
        Register::begin(&one.program(at(1)), &one.places()).await.unwrap();
        Two { _folder: temporary, folder, one, other }
    }

    async fn register(&self) -> Register {
        Register::open(&self.one.program(at(1)), &self.one.places()).await.unwrap()
    }
}

pub(super) fn audited(places: &Places) -> Audited {
    let key = fs::read_to_string(places.ledger_key()).unwrap();
    let key = Verifier::parse(key.trim()).unwrap();
    audit(&places.ledger(), &key, &[], &agreement::Gate::shipped().unwrap()).unwrap()
}

#[tokio::test]
async fn the_hundred_and_first_person_is_refused_in_whichever_program_the_others_were_asked_about()
{
    let two = Box::pin(Two::piloted()).await;
    let known: Vec<Vec<String>> = complete(&two.one).into_values().collect();
    let ask = async |place: &Place, from: usize, to: usize, minute: i64| {
        asked(place, &verifier("dana"), &rows(place, &known[from..to]), at(minute)).await
    };
    id_of(&ask(&two.one, 0, 70, 2).await);
    assert_eq!(refused(&ask(&two.other, 0, 31, 3).await), ["F4-persons"], "101 with the others");
    id_of(&ask(&two.other, 0, 30, 4).await);
    for place in [&two.one, &two.other] {
        assert_eq!(refused(&ask(place, 70, 71, 5).await), ["F4-persons"]);
    }
    let register = audited(&Places::under(&two.folder));
    assert!(register.is_sound(), "{register:#?}");
    // Both test nodes bear one name. At an agency that would be one program whose ledger was begun anew.
    assert!(register.open.iter().all(|open| open.contains("asked from 2 ledgers")));
    assert_eq!(register.open.len(), 1);
    let said = "100 persons were asked about by name from 2 ledgers";
    assert!(register.proved.iter().any(|proved| proved.contains(said)), "{register:#?}");
    for place in [&two.one, &two.other] {
        let mut program = place.audit();
        hold_against(&mut program, &register);
        assert!(program.is_sound() && program.open.len() == 1, "{program:#?}");
        assert!(program.open[0].contains("whether the recipient asks from others too"));
        let proved = program.proved.join("\n");
        assert!(proved.contains("each of 1 look-ups is in the register"), "{proved}");
    }
}

#[tokio::test]
async fn an_officers_open_matters_are_counted_over_all_programs_until_their_leads_are_closed() {
    let two = Box::pin(Two::piloted()).await;
    let known = complete(&two.one);
    let chosen = held(&two.one, &known).await;
    let one = rows(&two.one, [&known[&chosen[0].found.case_id]]);
    assert_eq!(id_of(&asked(&two.one, &verifier("dana"), &one, at(2)).await), "look-up-1");
    // As another program's ledger would have entered them.
    let dana = OfficerId::new("dana").unwrap();
    for _ in 1..MOST_MATTERS {
        let node = two.other.node(at(2)).await;
        two.register().await.enter(&node, &dana, 1, at(2).as_second()).unwrap();
        drop(node);
    }
    let count = async |place: &Place, minute: i64| {
        let node = place.node(at(minute)).await;
        let here = casework::AskedSoFar::default();
        let counted = two.register().await.so_far(&node, here, &dana, at(-1)).unwrap();
        (counted.persons, counted.open_matters)
    };
    assert_eq!(count(&two.one, 3).await, (MOST_MATTERS, MOST_MATTERS));
    let more = rows(&two.one, known.values().take(1));
    assert_eq!(
        refused(&asked(&two.one, &verifier("dana"), &more, at(3)).await),
        ["F4-open-matters"]
    );
    // The other program's store knows nothing of them: it was broken off each time before anything began. The persons count.
    let program = two.other.program(at(4));
    let first = rows(&two.other, known.values().take(1));
    let look_up = id_of(&asked(&two.other, &verifier("eli"), &first, at(4)).await);
    assert_eq!(look_up, "look-up-1");
    assert_eq!(count(&two.one, 4).await, (MOST_MATTERS + 1, 1));
    // The last lead of a matter is closed, and the register is told.
    for lead in of_run(&two.one, "look-up-1").await {
        two.one.judge(&lead.found.id, Judgement::NotSame, None, at(5)).await;
    }
    let mut node = two.one.node(at(6)).await;
    tell(&two.one.program(at(6)), &mut node).await.unwrap();
    drop((node, program));
    assert_eq!(count(&two.one, 6).await.1, 0);
    let register = audited(&Places::under(&two.folder));
    assert!(register.is_sound(), "{register:#?}");
    let mut other = two.other.audit();
    hold_against(&mut other, &register);
    assert!(other.is_sound(), "{other:#?}");
    assert!(other.open.iter().any(|open| open.contains("24 matters of this ledger")), "{other:#?}");
}

#[tokio::test]
async fn whoever_counts_holds_the_register_until_the_request_is_entered() {
    let two = Box::pin(Two::piloted()).await;
    let known = complete(&two.one);
    let register = two.register().await;
    let waits = async {
        let named = rows(&two.one, known.values().take(1));
        asked(&two.one, &verifier("dana"), &named, at(2)).await
    };
    let dana = OfficerId::new("dana").unwrap();
    let enters = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let node = two.other.node(at(2)).await;
        register.enter(&node, &dana, 100, at(2).as_second()).unwrap();
    };
    let (outcome, ()) = tokio::join!(Box::pin(waits), enters);
    assert_eq!(refused(&outcome), ["F4-persons"], "it has waited, and counts what came before it");
}

#[tokio::test]
async fn a_register_is_never_begun_by_a_look_up_and_never_changed_for_another() {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("requests");
    let place = Box::pin(piloted_counting_in(&folder)).await;
    let known = complete(&place);
    let named = rows(&place, known.values().take(1));
    let dana = verifier("dana");
    let ask = async |minute: i64| {
        watched(&place, &dana, &named, at(minute), &mut super::place::Nobody).await
    };
    let error = ask(2).await.unwrap_err();
    assert!(matches!(&error, Error::RegisterNotBegun { path } if *path == folder), "{error:?}");
    assert!(!folder.join("ledger").exists(), "nothing but the key that the demonstration names");
    Register::begin(&place.program(at(2)), &place.places()).await.unwrap();
    let again = Register::begin(&place.program(at(2)), &place.places()).await;
    assert!(matches!(again, Err(Error::ThereAlready { .. })), "{again:?}");
    id_of(&ask(3).await.unwrap());
    // Another folder would count anew, and has another key than the agreement names.
    fs::rename(&folder, temporary.path().join("old")).unwrap();
    Register::begin(&place.program(at(2)), &place.places()).await.unwrap();
    let outcome = ask(4).await.unwrap();
    assert_eq!(refused(&outcome), ["F4-register"]);
    let Outcome::Refused(refusal) = &outcome else { unreachable!() };
    let detail = refusal.reasons[0].detail.as_deref().unwrap_or_default();
    assert!(detail.starts_with("the agreement names `family-support.comity.example/"), "{detail}");
    assert!(matches!(place.events().last(), Some(Event::Refused(_))), "it is recorded");
    place.assert_sound("one look-up, and one that was refused");
    // And one that was put in its place by force is found by whoever holds the two against each other.
    let mut program = place.audit();
    hold_against(&mut program, &audited(&Places::under(&folder)));
    assert!(!program.is_sound());
    let what: Vec<_> = program.wrong.iter().map(|wrong| wrong.what.as_str()).collect();
    assert!(what.iter().all(|what| what.contains("and not in this one")), "{what:?}");
}

#[tokio::test]
async fn a_look_up_that_was_broken_off_is_given_up_by_another_officer_and_nothing_of_it_goes_out() {
    let place = piloted().await;
    let known = complete(&place);
    let chosen = held(&place, &known).await;
    let named = rows(&place, [&known[&chosen[0].found.case_id]]);
    let mut watch = staying_at(&place, (Point::Recorded, 0), at(2));
    let outcome = watched(&place, &verifier("dana"), &named, at(2), &mut watch).await.unwrap();
    assert!(matches!(outcome, Outcome::Withheld(_)), "{outcome:?}");
    let drop_it = async |officer: &Officer, name: &str, minute: i64| {
        let program = place.program(at(minute));
        let mut node = place.node(at(minute)).await;
        let mut nobody = super::place::Nobody;
        Box::pin(give_up(&program, &mut node, officer, name, &mut nobody)).await
    };
    let dropped = async |name: &str, minute: i64| {
        drop_it(&verifier("eli"), name, minute).await.map(|answer| answer.unwrap())
    };
    let reviewer = Officer { id: OfficerId::new("fay").unwrap(), roles: BTreeSet::new() };
    let refusal = drop_it(&reviewer, "look-up-1", 3).await.unwrap().unwrap_err();
    assert_eq!(refusal.ids(), ["role-drop-request"]);
    assert!(matches!(place.events().last(), Some(Event::Refused(_))), "it is recorded");
    assert_eq!(place.store().await.open_matters().await.unwrap().len(), 1, "it still waits");
    // Where none waits there is nothing to decide, whoever asks, and nothing is recorded.
    let entries = place.audit().entries;
    for name in ["2027Q1", "look-up-2"] {
        for officer in [&verifier("eli"), &reviewer] {
            let error = drop_it(officer, name, 3).await.unwrap_err();
            assert!(matches!(error, Error::NotBrokenOff { .. }), "{name}: {error:?}");
        }
    }
    assert_eq!(place.audit().entries, entries);
    // A stay does not keep anybody from giving it up.
    let report = dropped("look-up-1", 4).await.unwrap();
    assert_eq!(report.run, "look-up-1");
    let store = place.store().await;
    assert_eq!(store.run("look-up-1").await.unwrap().unwrap().state, RunState::Finished);
    assert!(store.open_matters().await.unwrap().is_empty());
    let leads = of_run(&place, "look-up-1").await;
    assert!(!leads.is_empty());
    assert!(leads.iter().all(|lead| lead.stage == Stage::Closed && lead.returned.is_none()));
    lift_stay(&store, 1, at(5)).await;
    drop(store);
    let is_drop = |event: &Event| {
        let by_permit = |permit: &Option<u64>| permit.is_some();
        matches!(event, Event::RecordsDropped { run, permit } if run == "look-up-1" && by_permit(permit))
    };
    let (_, entry, _) = place.entries().into_iter().find(|(_, _, event)| is_drop(event)).unwrap();
    assert!(entry.commitments().contains_key("by"), "who gave it up can be shown");
    let register = Register::open(&place.program(at(5)), &place.places()).await.unwrap();
    assert!(register.matters().values().all(|matter| !matter.is_open), "{:?}", register.matters());
    drop(register);
    let error = dropped("look-up-1", 5).await.unwrap_err();
    assert!(matches!(error, Error::NotBrokenOff { .. }), "it is over: {error:?}");
    place.assert_sound("given up");
    // Its pairs are free: the run that held them opens them.
    place.done(at(6)).await;
    let open = place.leads().await.into_iter().filter(|lead| lead.stage == Stage::Open);
    let cases: BTreeSet<String> = open.map(|lead| lead.found.case_id).collect();
    assert!(cases.contains(&chosen[0].found.case_id));
    place.assert_sound("the run after it");
}

/// Copies a folder and all that is in it.
pub(super) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let to = to.join(item.file_name());
        if item.path().is_dir() {
            copy_all(&item.path(), &to);
        } else {
            fs::copy(item.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_register_that_was_put_back_as_it_was_before_or_begun_anew_under_its_key_is_not_taken() {
    let two = Box::pin(Two::piloted()).await;
    let known: Vec<Vec<String>> = complete(&two.one).into_values().collect();
    let before = two.folder.with_file_name("before");
    copy_all(&two.folder, &before);
    let dana = verifier("dana");
    let ask = async |place: &Place, from: usize, minute: i64| {
        let named = rows(place, &known[from..=from]);
        watched(place, &dana, &named, at(minute), &mut super::place::Nobody).await
    };
    id_of(&ask(&two.one, 0, 2).await.unwrap());
    let after = two.folder.with_file_name("after");
    fs::rename(&two.folder, &after).unwrap();
    copy_all(&before, &two.folder);
    let error = ask(&two.one, 1, 3).await.unwrap_err();
    assert!(matches!(error, Error::RegisterBehind { matter: 0, .. }), "{error:?}");
    // All but the keys is gone: none is begun in its place, and the keys alone are none.
    for folder in ["ledger", "anchor"] {
        fs::remove_dir_all(two.folder.join(folder)).unwrap();
    }
    fs::remove_file(two.folder.join("ledger.vkey")).unwrap();
    let begun = Register::begin(&two.one.program(at(3)), &two.one.places()).await;
    assert!(matches!(begun, Err(Error::ThereAlready { .. })), "{begun:?}");
    let error = ask(&two.one, 1, 4).await.unwrap_err();
    assert!(matches!(error, Error::RegisterNotBegun { .. }), "{error:?}");
    // Without the key that marks officers, nobody's open matters would be known.
    fs::remove_dir_all(&two.folder).unwrap();
    copy_all(&after, &two.folder);
    let marks = two.folder.join("keys/officers.secret");
    fs::remove_file(&marks).unwrap();
    let error = ask(&two.one, 1, 5).await.unwrap_err();
    assert!(matches!(error, Error::OfficersSecretGone { .. }), "{error:?}");
    assert!(!marks.exists(), "none is made anew");
    fs::copy(after.join("keys/officers.secret"), &marks).unwrap();
    id_of(&ask(&two.one, 1, 6).await.unwrap());
}

#[tokio::test]
async fn a_request_is_not_entered_by_a_clock_that_stands_before_the_registers_last() {
    let two = Box::pin(Two::piloted()).await;
    let dana = OfficerId::new("dana").unwrap();
    let node = two.one.node(at(60)).await;
    two.register().await.enter(&node, &dana, 1, at(60).as_second()).unwrap();
    // It would be counted as older than it is, and so no more before its 90 days are over.
    let node = two.other.node(at(2)).await;
    let entered = two.register().await.enter(&node, &dana, 1, at(2).as_second());
    assert!(matches!(entered, Err(Error::ClockSetBack { .. })), "{entered:?}");
    assert_eq!(two.register().await.matters().len(), 1);
}

#[tokio::test]
async fn a_case_store_that_knows_nothing_of_a_matter_does_not_close_it_by_the_way() {
    let two = Box::pin(Two::piloted()).await;
    let known = complete(&two.one);
    let chosen = held(&two.one, &known).await;
    let named = rows(&two.one, [&known[&chosen[0].found.case_id]]);
    id_of(&asked(&two.one, &verifier("dana"), &named, at(2)).await);
    let dana = OfficerId::new("dana").unwrap();
    let mut node = two.one.node(at(3)).await;
    let unknown = two.register().await.enter(&node, &dana, 1, at(3).as_second()).unwrap();
    tell(&two.one.program(at(3)), &mut node).await.unwrap();
    let register = two.register().await;
    assert!(register.matters().values().all(|matter| matter.is_open), "{:?}", register.matters());
    drop(register);
    // A look-up whose store fits its ledger closes what was never begun.
    let runs = node.store.runs().await.unwrap();
    two.register().await.follow(&node, &runs, Unbegun::Close).await.unwrap();
    let register = two.register().await;
    let open: Vec<u64> =
        register.matters().iter().filter(|(_, one)| one.is_open).map(|(index, _)| *index).collect();
    assert!(open.len() == 1 && !open.contains(&unknown.matter), "{open:?}");
}

#[tokio::test]
async fn a_look_up_can_be_given_up_though_its_register_is_lost() {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("requests");
    let place = Box::pin(piloted_counting_in(&folder)).await;
    Register::begin(&place.program(at(1)), &place.places()).await.unwrap();
    let known = complete(&place);
    let chosen = held(&place, &known).await;
    let named = rows(&place, [&known[&chosen[0].found.case_id]]);
    let mut watch = staying_at(&place, (Point::Planned, 0), at(2));
    let outcome = watched(&place, &verifier("dana"), &named, at(2), &mut watch).await.unwrap();
    assert!(matches!(outcome, Outcome::Withheld(_)), "{outcome:?}");
    fs::remove_dir_all(&folder).unwrap();
    // Were it kept open, no other register would ever be taken.
    let mut node = place.node(at(3)).await;
    let (program, mut nobody) = (place.program(at(3)), super::place::Nobody);
    let officer = verifier("eli");
    let dropped = give_up(&program, &mut node, &officer, "look-up-1", &mut nobody);
    assert_eq!(Box::pin(dropped).await.unwrap().unwrap().run, "look-up-1");
    assert!(node.store.open_matters().await.unwrap().is_empty());
    drop(node);
    lift_stay(&place.store().await, 1, at(4)).await;
    // Another register is held to what was entered until the 90 days are over, and no day longer.
    Register::begin(&program, &place.places()).await.unwrap();
    let days = |days: i64| at(2) + jiff::SignedDuration::from_hours(24 * days);
    let held = async |now| {
        let node = place.node(now).await;
        let runs = node.store.runs().await.unwrap();
        let register = Register::open(&place.program(now), &place.places()).await.unwrap();
        register.hold_to(&node, &runs).await
    };
    let early = held(days(90)).await;
    assert!(matches!(early, Err(Error::OtherRegister { .. })), "{early:?}");
    held(days(91)).await.unwrap();
    // But it takes an agreement that names it.
    assert_eq!(refused(&asked(&place, &verifier("dana"), &named, days(91)).await), ["F4-register"]);
    place.assert_sound("another register after 90 days");
}

/// A program that counts in a register which its schedule names, and a request that it may make.
async fn counting() -> (TempDir, Place, Vec<String>) {
    let temporary = TempDir::new().unwrap();
    let place = Box::pin(piloted_counting_in(&temporary.path().join("requests"))).await;
    Register::begin(&place.program(at(1)), &place.places()).await.unwrap();
    let row = complete(&place).into_values().next().unwrap();
    (temporary, place, row)
}

#[tokio::test]
async fn where_no_register_is_open_the_gate_is_told_of_none_whatever_a_file_says() {
    let (_temporary, place, row) = counting().await;
    super::release::break_ledger(&place.out);
    let outcome = asked(&place, &verifier("dana"), &rows(&place, [&row]), at(2)).await;
    let reasons = refused(&outcome);
    for rule in ["F9-ledger", "F4-register"] {
        assert!(reasons.contains(&rule.to_owned()), "{rule}: {reasons:?}");
    }
    super::release::mend_ledger(&place.out);
    id_of(&asked(&place, &verifier("dana"), &rows(&place, [&row]), at(3)).await);
}

#[tokio::test]
async fn the_key_that_counts_is_the_one_that_signs_and_not_what_a_file_beside_it_says() {
    let (temporary, place, row) = counting().await;
    let folder = temporary.path().join("requests");
    let agreed = fs::read_to_string(folder.join("ledger.vkey")).unwrap();
    fs::rename(&folder, temporary.path().join("old")).unwrap();
    Register::begin(&place.program(at(2)), &place.places()).await.unwrap();
    fs::write(folder.join("ledger.vkey"), agreed).unwrap();
    let outcome = asked(&place, &verifier("dana"), &rows(&place, [&row]), at(2)).await;
    assert_eq!(refused(&outcome), ["F4-register"]);
    assert!(place.store().await.runs().await.unwrap().iter().all(|run| run.asked().is_none()));
}

#[tokio::test]
async fn a_look_up_is_refused_where_the_schedule_names_anothers_register() {
    let (temporary, place, row) = counting().await;
    let folder = temporary.path().join("requests");
    fs::remove_dir_all(&folder).unwrap();
    let housing = "housing".parse().unwrap();
    let theirs = Register::begin_for(&housing, Environment::Test, Places::under(&folder)).await;
    drop(theirs.unwrap());
    let outcome = asked(&place, &verifier("dana"), &rows(&place, [&row]), at(2)).await;
    assert_eq!(refused(&outcome), ["F4-register"]);
    assert!(matches!(place.events().last(), Some(Event::Refused(_))), "it is recorded");
}

#[tokio::test]
async fn nobody_is_looked_up_under_an_agreement_that_names_no_register() {
    let place = piloted().await;
    let known = complete(&place);
    let named = rows(&place, known.values().take(1));
    let agreement = fs::read_to_string(place.folder.join("agreement.toml")).unwrap();
    let line = agreement.lines().find(|line| line.starts_with("requests_key = ")).unwrap();
    place.edit("agreement.toml", &format!("{line}\n"), "");
    assert_eq!(place.program(at(2)).agreement().requests_key(), None);
    assert_eq!(refused(&asked(&place, &verifier("dana"), &named, at(2)).await), ["F4-register"]);
    assert!(matches!(place.events().last(), Some(Event::Refused(_))), "it is recorded");
    assert!(place.store().await.runs().await.unwrap().iter().all(|run| run.asked().is_none()));
    place.assert_sound("a look-up that was refused");
}

#[tokio::test]
async fn an_audit_holds_look_ups_to_the_register_that_the_agreement_names() {
    let place = piloted().await;
    let known = complete(&place);
    let named = rows(&place, known.values().take(1));
    id_of(&asked(&place, &verifier("dana"), &named, at(2)).await);
    let signed = place.program(at(2)).filed;
    let held = |filed: Filed| {
        let mut audited = place.audit();
        hold_to_agreements(&mut audited, &[filed]).unwrap();
        audited
    };
    let sound = held(signed.clone());
    assert!(sound.is_sound() && sound.open.is_empty(), "{sound:#?}");
    let proved = sound.proved.join("\n");
    assert!(proved.contains("each of 1 look-ups is counted in the register"), "{proved}");
    assert!(proved.contains("is the one that their agreement names"), "{proved}");
    // An agreement that is not at hand is not held to.
    let mut other = signed;
    other.agreement.title = "another".to_owned();
    let open = held(other).open;
    assert!(open.len() == 1 && open[0].contains("hold them to it by --agreement"), "{open:?}");
}
