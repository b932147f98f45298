//! A program that appends is killed at random moments; nothing it has acknowledged may be missing.
//!
//! The program is this test program, started again to run [`appends_until_it_is_killed`] alone. Killing shows that no
//! moment between two writes is a wrong one; it does not show what the loss of power does to unwritten data.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use ledger::{Checkpoint, Directory, Disk, Error, Files as _, Log};

use crate::{leaf, signer, sound, verifier};

const PLACE: &str = "COMITY_LEDGER_KILL_TEST";

/// Opens or begins the ledger, as a program would that knows from its own configuration that it may begin one.
fn start(place: &Path) -> Log<Disk> {
    let open = || {
        (Disk::create(place.join("ledger")).unwrap(), Disk::create(place.join("anchor")).unwrap())
    };
    let (store, anchor) = open();
    match Log::create(store, anchor, signer()) {
        Err(Error::LedgerExists { .. }) => {
            let (store, anchor) = open();
            Log::open(store, anchor, signer()).unwrap()
        }
        other => other.unwrap(),
    }
}

#[test]
fn appends_until_it_is_killed() {
    // In an ordinary run of the tests there is no place given, and nothing to do.
    let Some(place) = env::var_os(PLACE) else {
        return;
    };
    let mut log = start(Path::new(&place));
    let mut out = std::io::stdout();
    for group in (1..=5).cycle() {
        let size = log.size();
        let leaves: Vec<_> = (size..size + group).map(leaf).collect();
        let _ = log.append(&leaves).unwrap();
        writeln!(out, "acknowledged {}", log.size()).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_missing_after_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut held) = (0, Vec::new());
    for round in 0..25_u64 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "kill::appends_until_it_is_killed",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(PLACE, place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let sizes = out.lines().map_while(Result::ok).filter_map(|line| {
                // The test harness writes on the same line first.
                line.rsplit_once("acknowledged ").and_then(|(_, size)| size.parse::<u64>().ok())
            });
            sizes.last()
        });
        // Moments between 20 and 270 ms, spread by a fixed sequence: some fall into the first start.
        thread::sleep(Duration::from_millis(20 + round * 7919 % 251));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = reader.join().unwrap().unwrap_or(0).max(acknowledged);

        let files = Directory::new(place.path().join("ledger"));
        if !place.path().join("ledger/checkpoint").exists() {
            assert_eq!(acknowledged, 0);
            continue;
        }
        // The next start finds all of it, without any help.
        let log = start(place.path());
        assert!(log.size() >= acknowledged, "round {round}: {} of {acknowledged}", log.size());
        let root = log.checkpoint().clone();
        drop(log);
        let audit = sound(&files, &held);
        assert_eq!(audit.verified.held, held.len() as u64);
        held.push(root);
        let anchor =
            Directory::new(place.path().join("anchor")).read("checkpoint").unwrap().unwrap();
        assert_eq!(Checkpoint::open(&anchor, &verifier()).unwrap().size, audit.size);
    }
    let log = start(place.path());
    let mut found = 0;
    log.find(0, |entry| {
        assert_eq!(*entry, leaf(found).to_entry().unwrap());
        found += 1;
        false
    })
    .unwrap();
    assert!(found >= acknowledged);
    assert!(acknowledged > 25, "only {acknowledged} entries were acknowledged: nothing was tested");
}
