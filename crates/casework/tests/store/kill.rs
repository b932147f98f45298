//! A program that takes steps on cases is killed at random moments. Whatever it has acknowledged is there, once; each
//! case is the fold of its steps; the outbox has one line for each step, in the order in which they were stored.
//!
//! A hundred times on each database, and two thousand times in the long run. The program is this test program, started again to run
//! [`steps_until_it_is_stopped`] alone; it tells each step that was acknowledged on its output.

use crate::place::{Folder, Schema, vault};
use crate::promises::{at, disclosure, planned, run_under_an_agreement, stays, values};
use casework::{
    Actor, Assignment, CaseStore, Database, Drafts, LeadId, Moving, Step, Store, Terms,
};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

const STORE: &str = "COMITY_CASEWORK_KILL_STORE";
const KEYS: &str = "COMITY_CASEWORK_KILL_KEYS";
/// How many cases are stepped at once.
const CASES: usize = 6;

fn lead(number: usize) -> LeadId {
    LeadId::new("2027Q1", number)
}

/// Opens the cases.
async fn begin(store: &Database) {
    store
        .keep_terms(&Terms { agreement: "sha256:aa".to_owned(), ..Terms::strict() })
        .await
        .unwrap();
    let run = run_under_an_agreement();
    store.start(&run, &Drafts::none()).await.unwrap();
    let leads: Vec<_> = (1..=CASES)
        .map(|number| planned("2027Q1", number, u8::try_from(number).unwrap(), Some(0)))
        .collect();
    store.plan("2027Q1", "{}", &leads, &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    let entry = Drafts::new(at("2027-01-04T09:00:00Z"), |_| Ok(vec![b"release".to_vec()]));
    store.prepare(&one, &[], &entry).await.unwrap();
    let returned: Vec<_> = (1..=CASES).map(|number| (lead(number), values("1"))).collect();
    let state = stays(store).await;
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", state, &returned).await.unwrap();
}

/// Takes one step on a case, whose entry names case and version.
async fn step(store: &Database, number: usize) -> Result<u64, casework::Error> {
    let case = store.case(&lead(number)).await?.case;
    let version = case.version() + 1;
    let worker = Some(format!("worker-{version}"));
    let step = Step::Assign(Assignment { worker, ..Assignment::default() });
    let by = Actor::read("officer-1").unwrap();
    let case = case.step(&step, &by, at("2027-01-05T10:00:00Z")).unwrap();
    let entry = format!("{} {version}", lead(number)).into_bytes();
    let drafts = Drafts::new(at("2027-01-05T10:00:00Z"), move |_| Ok(vec![entry.clone()]));
    store.take(Moving { case, drafts, openings: vec![format!("opening {version}")] }).await?;
    Ok(version)
}

#[tokio::test]
async fn steps_until_it_is_stopped() {
    // In an ordinary run of the tests there is no store given, and nothing to do.
    let Ok(place) = env::var(STORE) else {
        return;
    };
    let keys = env::var(KEYS).unwrap();
    let store = Database::open(&place, vault(Path::new(&keys))).await.unwrap();
    let store = &store;
    // Each case has a worker of its own, and they all step at once.
    futures_util::future::join_all((1..=CASES).map(|number| async move {
        loop {
            let version = step(store, number).await.unwrap();
            let mut out = std::io::stdout().lock();
            // One write, so that no line is told in part.
            out.write_all(format!("acknowledged {number} {version}\n").as_bytes()).unwrap();
            out.flush().unwrap();
        }
    }))
    .await;
}

/// When the program is killed.
enum Moment {
    /// So many milliseconds after its start: it may still be opening the store.
    AfterStart(u64),
    /// So many milliseconds after it acknowledged something, however slow the machine is.
    AtWork(u64),
}

/// The longest that the program may take until it acknowledges something.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the program, kills it at a moment, and returns what it acknowledged.
fn killed(place: &str, keys: &Path, moment: &Moment) -> Vec<(usize, u64)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::steps_until_it_is_stopped", "--nocapture", "--test-threads=1"])
        .env(STORE, place)
        .env(KEYS, keys)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (at_work, heard) = mpsc::channel();
    let listener = thread::spawn(move || {
        let mut told = Vec::new();
        for line in out.lines().map_while(Result::ok) {
            // The test program's own first words may stand before the first line.
            if let Some((_, line)) = line.split_once("acknowledged ") {
                let (number, version) = line.split_once(' ').unwrap();
                told.push((number.parse().unwrap(), version.parse().unwrap()));
                let _ = at_work.send(());
            }
        }
        told
    });
    let milliseconds = match moment {
        Moment::AfterStart(milliseconds) => milliseconds,
        Moment::AtWork(milliseconds) => {
            heard.recv_timeout(PATIENCE).expect("the program takes steps");
            milliseconds
        }
    };
    thread::sleep(Duration::from_millis(*milliseconds));
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap()
}

/// Holds the store to what was acknowledged, as the next start would find it.
async fn hold(store: &Database, told: &BTreeMap<usize, u64>, round: u64) {
    // A server goes on with the commit that it was told last, whoever is killed: whoever writes next waits for that.
    store.note(&Drafts::none()).await.unwrap();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for line in store.waiting().await.unwrap() {
        let text = String::from_utf8(line.leaf).unwrap();
        let Some((id, version)) = text.split_once(' ') else { continue };
        let version: u64 = version.parse().unwrap();
        let before = lines.insert(id.to_owned(), version).unwrap_or(0);
        assert_eq!(version, before + 1, "round {round}: each step has one line, in order");
    }
    for number in 1..=CASES {
        // Reading it is the fold: a step that does not follow from the others is an error.
        let case = store.case(&lead(number)).await.unwrap().case;
        let acknowledged = told.get(&number).copied().unwrap_or(0);
        assert!(
            case.version() >= acknowledged,
            "round {round}: case {number} has {} steps, and {acknowledged} were acknowledged",
            case.version()
        );
        assert!(
            case.version() <= acknowledged + 1,
            "round {round}: no more than the one step on its way was stored unacknowledged"
        );
        let noted = lines.get(lead(number).as_str()).copied().unwrap_or(0);
        assert_eq!(noted, case.version(), "round {round}: state and event are there together");
        let worker = case.assignment().worker.clone();
        let last = (case.version() > 0).then(|| format!("worker-{}", case.version()));
        assert_eq!(worker, last, "round {round}");
    }
}

/// How many stores are worked one after the other: reading a case costs its steps, and killing is what takes time here.
fn laps() -> u64 {
    if env::var_os("COMITY_LONG").is_some() { 40 } else { 2 }
}

/// How often the program is killed on one store.
const ROUNDS: u64 = 50;

async fn kill(place: &str, keys: &Path, lap: u64) {
    let store = Database::open(place, vault(keys)).await.unwrap();
    begin(&store).await;
    drop(store);
    let mut told: BTreeMap<usize, u64> = BTreeMap::new();
    let mut acknowledged = 0;
    for round in lap * ROUNDS..(lap + 1) * ROUNDS {
        // Spread by a fixed sequence: every second one up to 221 ms after the start, where some fall into opening the store,
        // and the others while steps are taken.
        let moment = if round.is_multiple_of(2) {
            Moment::AfterStart(20 + round * 7919 % 202)
        } else {
            Moment::AtWork(round * 7919 % 101)
        };
        for (number, version) in killed(place, keys, &moment) {
            let last = told.insert(number, version).unwrap_or(0);
            assert!(version > last, "round {round}: case {number} was told {version} after {last}");
            acknowledged += 1;
        }
        let store = Database::open(place, vault(keys)).await.unwrap();
        hold(&store, &told, round).await;
        // What was stored and not acknowledged is what the next round goes on from.
        for number in 1..=CASES {
            told.insert(number, store.case(&lead(number)).await.unwrap().case.version());
        }
    }
    assert!(
        acknowledged > ROUNDS,
        "only {acknowledged} steps were acknowledged: nothing was tested"
    );
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_by_kills_on_sqlite() {
    for lap in 0..laps() {
        let folder = Folder::new();
        kill(&folder.file().display().to_string(), folder.path(), lap).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_by_kills_on_postgres() {
    for lap in 0..laps() {
        let place = Schema::new().await;
        kill(&place.url, place.keys(), lap).await;
    }
}
