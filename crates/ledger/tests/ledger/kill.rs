//! A program that appends is killed at random moments; nothing it has acknowledged may be missing, and no two
//! checkpoints it ever told may contradict each other.
//!
//! 300 times, and 10,000 times in the long run. Killing shows that no moment between two writes is a wrong one; what
//! the loss of power does to unwritten data is shown in [`crate::power`].

use std::{env, process::Stdio, thread, time::Duration};

use crate::crash::{How, Kind, Observer, program};

#[test]
fn nothing_acknowledged_is_missing_after_a_kill_of_a_program_with_a_folder() {
    kill(Kind::Folder);
}

#[test]
fn nothing_acknowledged_is_missing_after_a_kill_of_a_program_with_sqlite() {
    kill(Kind::Sqlite);
}

fn kill(kind: Kind) {
    let rounds: u64 = if env::var_os("COMITY_LONG").is_some() { 5000 } else { 150 };
    let mut acknowledged = 0;
    // A fresh ledger now and then, so that the beginning of one is struck, too.
    for ledger in 0..rounds / 25 {
        let place = tempfile::tempdir().unwrap();
        let mut observer = Observer::default();
        for round in ledger * 25..(ledger + 1) * 25 {
            let mut child = program(kind, How::Together, place.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let out = child.stdout.take().unwrap();
            thread::scope(|scope| {
                let observer = &mut observer;
                scope.spawn(move || observer.listen(out));
                // Moments between 3 and 103 ms, spread by a fixed sequence: some fall into the first start.
                thread::sleep(Duration::from_millis(3 + round * 7919 % 101));
                child.kill().unwrap();
                child.wait().unwrap();
            });
            observer.hold(kind, place.path(), &format!("{kind:?} round {round}"));
        }
        acknowledged += observer.acknowledged.len();
    }
    println!("{kind:?}: {rounds} kills, {acknowledged} entries acknowledged");
    assert!(
        acknowledged > 100,
        "only {acknowledged} entries were acknowledged: nothing was tested"
    );
}
