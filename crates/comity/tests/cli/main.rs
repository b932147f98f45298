//! Every command through the real binary: what it prints, and how it ends. The snapshots are what a user reads; look
//! at them with a user's eyes when they change.

mod calibrate;
#[path = "../command/mod.rs"]
mod command;
mod joining;
mod leads;
mod register;
mod run;
mod signing;
mod stays;
mod words;

use std::sync::OnceLock;

use command::{Desk, Said};
use expect_test::Expect;

/// A small program that has been run once; each test takes its own copy.
fn ran() -> Desk {
    static RAN: OnceLock<Desk> = OnceLock::new();
    RAN.get_or_init(|| {
        let desk = Desk::small();
        desk.call("run benefits").well();
        desk
    })
    .copied()
}

#[track_caller]
fn check(said: &Said, expected: &Expect) {
    said.fits();
    expected.assert_eq(&said.shown());
}

const STAY: &str = "order = \"27-cv-0101\"\nauthority = \"District Court (fictional)\"\n\
    kind = \"order\"\n\n[scope]\nelements = [\"payroll\"]\n";
