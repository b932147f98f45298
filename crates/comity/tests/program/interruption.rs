//! The kill tests: a run that is broken off anywhere is gone on with, and comes to what an unbroken run comes to.
//! Nothing is disclosed twice, nothing is released that the ledger does not hold, nothing is lost.
//!
//! A run is killed in a process of its own: this very program, told by its environment where to abort. At random
//! moments it is the command line that is killed, as an operator's machine would kill it.

use super::place::{AtPoint, Place, at, pairs};
use casework::{Lead, RunState, Stage, Store as _};
use comity::event::Event;
use comity::release::Withheld;
use comity::run::{Outcome, Point, Step, Watch};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILL: &str = "COMITY_TEST_KILL_AT";
const FOLDER: &str = "COMITY_TEST_FOLDER";
const OUT: &str = "COMITY_TEST_OUT";

const POINTS: [(&str, Point, usize); 10] = [
    ("started", Point::Started, 0),
    ("planned", Point::Planned, 0),
    ("first chunk prepared", Point::Prepared, 0),
    ("first chunk recorded", Point::Recorded, 0),
    ("first chunk released", Point::Released, 0),
    ("second chunk prepared", Point::Prepared, 1),
    ("second chunk recorded", Point::Recorded, 1),
    ("second chunk released", Point::Released, 1),
    ("all released", Point::AllReleased, 0),
    ("closed", Point::Closed, 0),
];

/// Every lead that is found is opened at once: the pilot has room for all.
const ROOM: u32 = 1_000;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Box::pin(work))
}

/// Runs in a process that is told where to die, and does nothing in any other.
#[test]
fn a_process_told_where_to_abort_aborts_there() {
    let Ok(told) = std::env::var(KILL) else {
        return;
    };
    let (name, point, nth) =
        POINTS.into_iter().find(|(name, _, _)| *name == told).expect("a point of the list");
    let folder = |key| PathBuf::from(std::env::var(key).expect("the parent says where"));
    let place = Place::made(folder(FOLDER), folder(OUT));
    let mut watch = AtPoint::new(move |passed, before| {
        if (passed, before) == (point, nth) {
            std::process::abort();
        }
    });
    let outcome = block_on(place.watched("2027Q1", at(0), &mut watch));
    panic!("{name} was never reached: {outcome:?}");
}

/// Runs until a point, and is killed there.
fn killed_at(place: &Place, name: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "interruption::a_process_told_where_to_abort_aborts_there"])
        .env(KILL, name)
        .env(FOLDER, &place.folder)
        .env(OUT, &place.out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    // A panic would end the process with a code; only an abort ends it with a signal.
    assert_eq!(status.code(), None, "{name}: it was killed, and did not end by itself");
}

/// What an unbroken run of the same files finds.
async fn unbroken() -> BTreeSet<(String, u32)> {
    let place = Place::with_pilot(ROOM);
    place.done(at(0)).await;
    let open = pairs(&place.leads().await, &[Stage::Open]);
    assert!(open.len() > 100, "there are three chunks or more, and not {} leads", open.len());
    open
}

/// Nothing was let out that the ledger does not hold, and nothing twice.
async fn assert_disclosed_once(place: &Place, when: &str) {
    let store = place.store().await;
    let leads = place.leads().await;
    let entries: BTreeMap<u64, _> =
        place.entries().into_iter().map(|(index, entry, _)| (index, entry)).collect();
    let mut disclosed: BTreeMap<String, u32> = BTreeMap::new();
    let mut places_in_the_ledger = BTreeSet::new();
    for run in store.runs().await.unwrap() {
        for given in store.register(&run.id).await.unwrap() {
            let index = given.ledger_index.expect("what is released has its place in the ledger");
            assert!(places_in_the_ledger.insert(index), "{when}: one entry releases once");
            let leaf = entries.get(&index).expect("the ledger holds it").to_leaf().unwrap();
            assert_eq!(leaf.as_bytes(), given.leaf, "{when}: the ledger holds this very entry");
            let of: BTreeSet<String> = store
                .openings(&given.id)
                .await
                .unwrap()
                .into_iter()
                .map(|(lead, _)| lead.to_string())
                .collect();
            assert_eq!(of.len(), given.persons as usize, "{when}");
            for lead in of {
                *disclosed.entry(lead).or_default() += 1;
            }
        }
    }
    for lead in &leads {
        let times = disclosed.get(lead.found.id.as_str()).copied().unwrap_or(0);
        let out = lead.stage == Stage::Open;
        assert_eq!(times, u32::from(out), "{when}: lead {} was disclosed", lead.found.id);
        assert_eq!(lead.returned.is_some(), out, "{when}: lead {} has values", lead.found.id);
    }
}

/// What must hold when a broken run has been gone on with.
async fn assert_whole(place: &Place, expected: &BTreeSet<(String, u32)>, when: &str) {
    let leads: Vec<Lead> = place.leads().await;
    assert_eq!(&pairs(&leads, &[Stage::Open]), expected, "{when}: the same leads are open");
    assert_eq!(leads.len(), expected.len(), "{when}: there is no other lead");
    assert_disclosed_once(place, when).await;
    place.assert_sound(when);
    assert_eq!(place.disclosed(), expected.len() as u64, "{when}: the ledger says as many");
    let store = place.store().await;
    assert!(store.waiting().await.unwrap().is_empty(), "{when}: nothing waits for the ledger");
    let run = store.run("2027Q1").await.unwrap().expect("there is a run");
    assert_eq!(run.state, RunState::Finished, "{when}");
    assert!(store.prepared(&run.id).await.unwrap().is_empty(), "{when}: nothing is left prepared");
    let events = place.events();
    let finished = |event: &&Event| matches!(event, Event::RunFinished { .. });
    assert_eq!(events.iter().filter(finished).count(), 1, "{when}: it ended once");
    let Some(Event::RunFinished { report, .. }) = events.iter().find(finished) else {
        panic!("{when}: the run is finished");
    };
    let page = std::fs::read(place.places().report(&run.id)).expect("the report is there");
    assert_eq!(&agreement::Digest::of(&page).to_string(), report, "{when}: the report recorded");
}

#[tokio::test]
async fn a_run_killed_at_any_point_goes_on_to_what_an_unbroken_one_comes_to() {
    let expected = unbroken().await;
    for (name, point, _) in POINTS {
        let place = Place::with_pilot(ROOM);
        killed_at(&place, name);
        assert_disclosed_once_even_now(&place, name).await;
        let outcome = place.run("2027Q1", at(1)).await;
        let was_closed = point == Point::Closed;
        assert_eq!(matches!(outcome, Outcome::Again(_)), was_closed, "{name}: {outcome:?}");
        assert!(matches!(outcome, Outcome::Done(_) | Outcome::Again(_)), "{name}: {outcome:?}");
        assert_whole(&place, &expected, name).await;
        if point == Point::AllReleased {
            let again = place.run("2027Q1", at(2)).await;
            assert!(matches!(again, Outcome::Again(_)), "{name}: {again:?}");
            assert_whole(&place, &expected, name).await;
        }
    }
}

/// As the kill left it, before anything is put right.
async fn assert_disclosed_once_even_now(place: &Place, when: &str) {
    place.assert_sound(when);
    assert_disclosed_once(place, when).await;
}

#[tokio::test]
async fn a_kill_between_record_and_release_has_let_nothing_out() {
    let place = Place::with_pilot(ROOM);
    killed_at(&place, "first chunk recorded");
    let leads = place.leads().await;
    assert!(leads.iter().all(|lead| lead.stage == Stage::Planned && lead.returned.is_none()));
    let recorded =
        place.events().iter().filter(|event| matches!(event, Event::Disclosed { .. })).count();
    assert_eq!(recorded, 1, "the ledger has the disclosure");
    place.done(at(1)).await;
    let resumed: Vec<_> = place
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::ReleaseResumed { chunk: 0, .. }))
        .collect();
    assert_eq!(resumed.len(), 1, "it goes out under a new permit, and the ledger says so");
}

#[tokio::test]
async fn a_run_killed_twice_and_three_times_still_comes_to_the_same() {
    let expected = unbroken().await;
    let place = Place::with_pilot(ROOM);
    for name in ["planned", "first chunk recorded", "first chunk recorded", "all released"] {
        killed_at(&place, name);
        assert_disclosed_once_even_now(&place, name).await;
    }
    place.done(at(1)).await;
    assert_whole(&place, &expected, "killed four times").await;
}

/// Tells the run to stop once so many chunks are out.
struct StopsAfter {
    chunks: usize,
    out: usize,
}

impl Watch for StopsAfter {
    fn said(&mut self, _: &Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
    fn is_cancelled(&self) -> bool {
        self.out >= self.chunks
    }
    fn passed(&mut self, point: Point) {
        self.out += usize::from(point == Point::Released);
    }
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_between_chunks_has_let_out_what_went_and_goes_on_with_the_rest()
{
    let expected = unbroken().await;
    let place = Place::with_pilot(ROOM);
    for chunks in [1, 1] {
        let outcome = place.watched("2027Q1", at(0), &mut StopsAfter { chunks, out: 0 }).await;
        assert!(matches!(outcome, Ok(Outcome::Withheld(Withheld::Stopped))), "{outcome:?}");
        assert_disclosed_once_even_now(&place, "told to stop").await;
    }
    let leads = place.leads().await;
    let open = pairs(&leads, &[Stage::Open]).len();
    assert_eq!(open, 100, "two chunks of fifty went out");
    assert_eq!(pairs(&leads, &[Stage::Planned]).len(), expected.len() - open);
    place.done(at(1)).await;
    assert_whole(&place, &expected, "told to stop twice").await;
}

/// Numbers from 0 to 1 that look like chance and are the same at every run (SplitMix64).
fn chance(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
}

fn command(place: &Place, minute: i64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command
        .args(["--now", &at(minute).to_string(), "run"])
        .arg(&place.folder)
        .arg("--out")
        .arg(&place.out)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn a_run_killed_at_random_moments_goes_on_to_what_an_unbroken_one_comes_to() {
    let expected = unbroken().await;
    let rounds = if std::env::var_os("COMITY_LONG").is_some() { 400 } else { 20 };
    let mut state = 20_261_122;
    // How long a run takes here is not known before: the pauses are shares of a first one's length, in small steps.
    let place = Place::with_pilot(ROOM);
    let mut steps = 0_u32;
    let mut child = command(&place, 0).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
        steps += 1;
    }
    let mut killed = 0;
    for round in 0..rounds {
        let place = Place::with_pilot(ROOM);
        let pause = chance(&mut state) * f64::from(steps);
        let mut child = command(&place, 0).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(pause / 1000.0));
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().code().is_none());
        let when = format!("round {round}, killed after {pause:.0} ms");
        let went_on = command(&place, 1).output().unwrap();
        let said = String::from_utf8_lossy(&went_on.stderr).into_owned();
        assert_eq!(went_on.status.code(), Some(0), "{when}: {said}");
        assert_whole(&place, &expected, &when).await;
    }
    assert!(killed * 2 > rounds, "most rounds killed a run at work: {killed} of {rounds}");
}
