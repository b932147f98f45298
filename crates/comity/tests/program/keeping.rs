//! What is kept comes back from a backup as it was; what was destroyed does not come back from anything.

use crate::place::{Place, at};
use crate::server::Server;
use agreement::{By, Gate, OfficerRole, Refusal};
use casework::{Actor, Because, CaseStore as _, Closing, Drafts, LeadId, Moving, Step, Store as _};
use comity::backup::{backup, contents_of};
use comity::desk::Desk;
use comity::destroy::{Destroying, Timer, destroy, destroy_closed, destroy_due};
use comity::event::Event;
use comity::restore::{check, restore};
use comity::{Error, node::Places};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Nine o'clock on the day by which the agreement says that everything is destroyed.
fn due(place: &Place) -> Timestamp {
    let day = place.program(at(1)).agreement().retention.destroy_by;
    day.at(9, 0, 0, 0).in_tz("UTC").unwrap().timestamp()
}

/// The run of few people, and a backup of it.
async fn run_and_backed_up() -> (Place, TempDir) {
    let place = Place::with_pilot(15);
    place.done(at(0)).await;
    let copy = TempDir::new().unwrap();
    let mut node = place.node(at(5)).await;
    let contents = backup(&place.program(at(5)), &mut node, copy.path()).await.unwrap();
    assert_eq!(contents.entries, place.audit().entries);
    (place, copy)
}

/// Takes away what a lost disk would have held: all but the keys and the anchor, which are kept elsewhere.
fn lose(places: &Places) {
    for file in ["casework.sqlite", "casework.sqlite-wal", "casework.sqlite-shm", "ledger.vkey"] {
        let _ = fs::remove_file(places.root().join(file));
    }
    for item in fs::read_dir(places.root()).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "html") {
            fs::remove_file(path).unwrap();
        }
    }
    fs::remove_dir_all(places.ledger()).unwrap();
}

/// Leads in all that is stored of them, as text: they are compared, not shown.
async fn told(place: &Place) -> Vec<String> {
    let leads = place.leads().await;
    leads
        .iter()
        .map(|lead| {
            let found = &lead.found;
            format!(
                "{} {} {:?} {:?} {} {}",
                found.id, found.case_id, lead.stage, lead.returned, found.weight, found.explanation
            )
        })
        .collect()
}

/// Says whether any file under a folder holds a text.
pub(crate) fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|item| {
        let path = item.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = fs::read(path).unwrap();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

#[tokio::test]
async fn a_restored_backup_has_the_same_audit_and_the_same_leads_and_goes_on() {
    let (place, copy) = run_and_backed_up().await;
    let (audit, leads) = (place.audit(), told(&place).await);
    lose(&place.places());
    let contents = restore(&place.places(), copy.path()).await.unwrap();
    assert_eq!((contents.entries, &contents.root), (audit.entries, &audit.root));
    let after = place.audit();
    assert_eq!(
        (&after.root, &after.proved, &after.open),
        (&audit.root, &audit.proved, &audit.open)
    );
    assert_eq!(told(&place).await, leads);
    // It is no copy to look at: it goes on.
    let mut node = place.node(at(10)).await;
    let event = Event::RunAbandoned { run: "2027Q1".to_owned(), why: "of this test".to_owned() };
    assert_eq!(node.ledger_fault(), None);
    node.record(vec![event]).await.unwrap();
    assert_eq!(place.audit().entries, audit.entries + 1);
}

#[tokio::test]
async fn a_backup_holds_no_key_and_no_personal_value() {
    let (place, copy) = run_and_backed_up().await;
    let lead = place.leads().await.remove(0);
    assert!(holds(&copy.path().join("ledger"), "2027Q1"), "the search itself works");
    assert!(!holds(copy.path(), &lead.found.case_id));
    for key in ["ledger.secret", "casework/key"] {
        let key = fs::read_to_string(place.out.join("keys").join(key)).unwrap();
        assert!(!holds(copy.path(), key.trim()));
    }
}

#[tokio::test]
async fn a_backup_that_was_changed_or_is_not_whole_is_not_restored() {
    let (place, copy) = run_and_backed_up().await;
    lose(&place.places());
    let file = copy.path().join("ledger/checkpoint");
    let good = fs::read(&file).unwrap();
    for bad in [Some(b"another".to_vec()), None] {
        match bad {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let restored = restore(&place.places(), copy.path()).await;
        assert!(matches!(restored, Err(Error::BackupDamaged { .. })), "{restored:?}");
        assert!(!place.places().casework().exists());
    }
    fs::write(&file, good).unwrap();
    fs::write(copy.path().join("one-more"), "").unwrap();
    let restored = restore(&place.places(), copy.path()).await;
    assert!(matches!(restored, Err(Error::BackupDamaged { .. })), "{restored:?}");
}

#[tokio::test]
async fn a_backup_goes_over_nothing_that_is_there_and_nowhere_without_keys() {
    let (place, copy) = run_and_backed_up().await;
    let restored = restore(&place.places(), copy.path()).await;
    assert!(matches!(restored, Err(Error::ThereAlready { .. })), "{restored:?}");
    let elsewhere = TempDir::new().unwrap();
    let restored = restore(&Places::under(elsewhere.path().join("out")), copy.path()).await;
    assert!(matches!(restored, Err(Error::NoKeys { .. })), "{restored:?}");
    let mut node = place.node(at(6)).await;
    let again = backup(&place.program(at(5)), &mut node, copy.path()).await;
    assert!(matches!(again, Err(Error::ThereAlready { .. })), "{again:?}");
}

#[tokio::test]
async fn a_restore_that_broke_off_is_gone_on_with_by_the_next() {
    let (place, copy) = run_and_backed_up().await;
    let (places, audit, leads) = (place.places(), place.audit(), told(&place).await);
    lose(&places);
    // While it copied: the keys that came back first were of another node, and open nothing.
    let key = places.casework_keys().join("key");
    let good = fs::read(&key).unwrap();
    let mut bad = good.clone();
    bad[0] = if bad[0] == b'0' { b'1' } else { b'0' };
    fs::write(&key, bad).unwrap();
    restore(&places, copy.path()).await.unwrap_err();
    for place in [places.casework(), places.ledger(), places.ledger_key()] {
        assert!(!place.exists(), "{}: nothing was put anywhere", place.display());
    }
    fs::write(&key, good).unwrap();
    restore(&places, copy.path()).await.unwrap();
    assert!(!places.root().join("restoring").exists(), "nothing is left aside");
    // While it moved: all but the ledger is in its place.
    let aside = places.root().join("restoring");
    fs::create_dir(&aside).unwrap();
    fs::rename(places.ledger(), aside.join("ledger")).unwrap();
    let taken = restore(&places, copy.path()).await;
    assert!(matches!(taken, Err(Error::ThereAlready { .. })), "what is there is no restore's");
    fs::copy(copy.path().join("contents.json"), aside.join("contents.json")).unwrap();
    check(&places, copy.path(), &contents_of(copy.path()).unwrap()).unwrap();
    restore(&places, copy.path()).await.unwrap();
    assert!(!aside.exists());
    let after = place.audit();
    assert_eq!((&after.root, &after.proved), (&audit.root, &audit.proved));
    assert_eq!(told(&place).await, leads);
}

/// Closes every case of the place, as the machine may when a lead is superseded.
async fn close_all(place: &Place) {
    let store = place.store().await;
    for lead in place.leads().await {
        let Ok(stored) = store.case(&lead.found.id).await else { continue };
        let step = Step::Close(Closing { because: Because::Superseded, words: String::new() });
        let case = stored.case.step(&step, &Actor::Machine, at(20)).unwrap();
        let moving = Moving { case, drafts: Drafts::none(), openings: Vec::new() };
        store.take(moving).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_destroyed_is_certified_and_stays_unreadable_after_a_restore() {
    let (place, copy) = run_and_backed_up().await;
    let leads: Vec<LeadId> = place.leads().await.into_iter().map(|lead| lead.found.id).collect();
    close_all(&place).await;
    let program = place.program(at(1));
    let digest = program.digest.to_string();
    let mut node = place.node(due(&place)).await;
    let Destroying::Done(gone) = destroy(&mut node, &program, operator()).await.unwrap() else {
        panic!("refused");
    };
    assert_eq!(gone.rows["lead"], leads.len() as u64);
    assert!(gone.rows["opening"] > 0 && gone.rows["case_file"] > 0 && gone.rows["step"] > 0);
    assert!(node.store.leads(None).await.unwrap().is_empty());
    drop(node);
    place.assert_sound("destroyed");
    let certified = place.events().into_iter().any(|event| {
        matches!(event, Event::DataDestroyed { agreement, key: true, .. } if agreement == digest)
    });
    assert!(certified, "the ledger has the certificate");
    // What a backup from before brings back opens for nobody.
    lose(&place.places());
    restore(&place.places(), copy.path()).await.unwrap();
    let store = place.store().await;
    for lead in &leads {
        let opened = store.lead(lead).await;
        assert!(matches!(opened, Err(casework::Error::KeyDestroyed { .. })), "{opened:?}");
    }
}

#[tokio::test]
async fn nothing_is_destroyed_before_its_day_or_while_a_case_stands() {
    let place = Place::with_pilot(15);
    place.done(at(0)).await;
    let leads = place.leads().await.len();
    let program = place.program(at(1));
    for (now, early) in [(at(1), true), (due(&place), false)] {
        let mut node = place.node(now).await;
        match destroy(&mut node, &program, operator()).await {
            Ok(Destroying::Refused(refusal)) => {
                assert!(early);
                assert_eq!(rules(&refusal), ["F7-destroy"]);
            }
            Err(Error::Casework(casework::Error::CasesStanding { .. })) => assert!(!early),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(place.leads().await.len(), leads);
    place.assert_sound("after a refusal to destroy");
}

fn operator() -> By {
    By::Officer { id: "oto".parse().unwrap(), roles: [OfficerRole::Operator].into() }
}

fn rules(refusal: &Refusal) -> Vec<&str> {
    refusal.reasons.iter().map(|one| one.id.as_str()).collect()
}

#[tokio::test]
async fn a_reviewer_destroys_nothing_though_the_day_has_come() {
    let place = Place::with_pilot(15);
    place.done(at(0)).await;
    close_all(&place).await;
    let program = place.program(at(1));
    let mut node = place.node(due(&place)).await;
    let by = By::Officer { id: "ada".parse().unwrap(), roles: [OfficerRole::Reviewer].into() };
    let Destroying::Refused(refusal) = destroy(&mut node, &program, by).await.unwrap() else {
        panic!("permitted");
    };
    assert_eq!(rules(&refusal), ["role-destroy"]);
    assert!(!node.store.leads(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_case_holds_is_destroyed_so_many_days_after_it_was_closed_and_certified() {
    let place = Place::with_pilot(15);
    place.done(at(0)).await;
    let all = place.leads().await.len();
    let days = place.program(at(1)).agreement().retention.leads_days;
    let after = at(20) + SignedDuration::from_hours(24 * i64::from(days));
    let destroyed = async |now| {
        let mut node = place.node(now).await;
        let program = place.program(at(1));
        let desk = Desk::open(&node, &program, Gate::shipped().unwrap()).await.unwrap();
        let destroyed = destroy_closed(&desk, &mut Timer::default()).await.unwrap();
        node.drain().await.unwrap();
        destroyed
    };
    assert_eq!(destroyed(after).await, 0, "none is closed");
    close_all(&place).await;
    assert_eq!(destroyed(after - SignedDuration::from_secs(1)).await, 0, "a second too early");
    let gone = destroyed(after).await;
    assert!(gone > 0);
    assert_eq!(place.leads().await.len() as u64, all as u64 - gone);
    assert_eq!(destroyed(after).await, 0, "once");
    let certificates = place.events().into_iter().filter(|event| {
        matches!(event, Event::DataDestroyed { key: false, rows, .. } if rows["case_file"] == gone)
    });
    assert_eq!(certificates.count(), 1);
    place.assert_sound("after the timer");
}

#[tokio::test]
async fn what_is_refused_is_noted_once_and_holds_up_nothing_behind_it() {
    let place = Place::with_pilot(15);
    place.done(at(0)).await;
    close_all(&place).await;
    let days = place.program(at(1)).agreement().retention.leads_days;
    let after = at(20) + SignedDuration::from_hours(24 * i64::from(days));
    let mut node = place.node(after).await;
    let desk = Desk::open(&node, &place.program(at(1)), Gate::shipped().unwrap()).await.unwrap();
    // The ledger cannot be written: a file stands where a folder must be.
    fs::rename(place.places().ledger().join("tile"), place.out.join("tile.kept")).unwrap();
    fs::write(place.places().ledger().join("tile"), "in the way").unwrap();
    let event = Event::RunAbandoned { run: "2027Q1".to_owned(), why: "of this test".to_owned() };
    node.record(vec![event]).await.unwrap_err();
    let mut timer = Timer::in_parts(2);
    let before = node.store.waiting().await.unwrap().len();
    let closed = node.store.closed_before(&desk.digest().unwrap(), after, None, 999).await.unwrap();
    assert!(closed.len() > 4, "more than one part");
    for _ in 0..3 {
        assert_eq!(destroy_closed(&desk, &mut timer).await.unwrap(), 0);
        let noted = node.store.waiting().await.unwrap().len() - before;
        assert_eq!(noted, closed.len(), "each once, however often it is asked");
    }
}

#[tokio::test]
async fn on_the_last_day_a_timer_destroys_all_that_is_left_with_its_key_once() {
    let place = Place::with_pilot(15);
    place.done(at(0)).await;
    let all = place.leads().await.len() as u64;
    let program = place.program(at(1));
    let mut timer = Timer::default();
    let early = due(&place) - SignedDuration::from_hours(10);
    let before = destroy_due(&mut place.node(early).await, &program, &mut timer).await.unwrap();
    assert!(before.is_none(), "the day has not come");
    let mut node = place.node(due(&place)).await;
    let standing = destroy_due(&mut node, &program, &mut timer).await;
    let standing = matches!(
        standing,
        Err(Error::Casework(casework::Error::CasesStanding { standing })) if standing > 0
    );
    assert!(standing && place.leads().await.len() as u64 == all);
    close_all(&place).await;
    let Some(Destroying::Done(gone)) = destroy_due(&mut node, &program, &mut timer).await.unwrap()
    else {
        panic!("not destroyed")
    };
    assert_eq!((gone.rows["lead"], gone.key), (all, true));
    assert!(node.store.vault().is_destroyed(&program.digest.to_string()).unwrap());
    assert!(destroy_due(&mut node, &program, &mut timer).await.unwrap().is_none(), "once");
    drop(node);
    place.assert_sound("after the last day");
}

/// A server, and the URL of its only store.
fn server() -> (Server, String) {
    let server = Server::start();
    let parameters = server.parameters();
    let host = parameters.split(' ').find_map(|part| part.strip_prefix("host=")).unwrap();
    let url = format!("postgres://comity@localhost/postgres?host={host}");
    (server, url)
}

#[tokio::test]
async fn a_run_on_a_server_is_the_run_in_a_file_and_its_backup_goes_into_either() {
    let (_server, url) = server();
    let in_a_file = Place::with_pilot(15);
    in_a_file.done(at(0)).await;
    let mut on_a_server = Place::with_pilot(15);
    on_a_server.server = Some(url);
    on_a_server.done(at(0)).await;
    on_a_server.assert_sound("on a server");
    // Which of them are drawn for the pilot differs: each node draws with a secret of its own.
    let found = async |place: &Place| {
        let leads = place.leads().await.into_iter().map(|lead| lead.found);
        leads.map(|lead| (lead.id, lead.case_id, lead.explanation)).collect::<Vec<_>>()
    };
    assert_eq!(found(&on_a_server).await, found(&in_a_file).await);
    let leads = told(&on_a_server).await;
    assert!(!on_a_server.places().casework().exists());
    let copy = TempDir::new().unwrap();
    let mut node = on_a_server.node(at(5)).await;
    backup(&on_a_server.program(at(5)), &mut node, copy.path()).await.unwrap();
    drop(node);
    let audit = on_a_server.audit();
    // The server is lost, and the program goes on with a file.
    on_a_server.server = None;
    lose(&on_a_server.places());
    restore(&on_a_server.places(), copy.path()).await.unwrap();
    assert_eq!(told(&on_a_server).await, leads);
    assert_eq!(on_a_server.audit().root, audit.root);
    // The file is lost, and it goes on with another server.
    let (_server, url) = server();
    lose(&on_a_server.places());
    on_a_server.server = Some(url);
    restore(&on_a_server.places(), copy.path()).await.unwrap();
    assert_eq!(told(&on_a_server).await, leads);
    assert_eq!(on_a_server.node(at(9)).await.ledger_fault(), None);
}
