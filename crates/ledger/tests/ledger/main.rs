//! Tests of the ledger from outside, as one program: what every file of them shares stands here.
//!
//! Clock, keys and nonces are fixed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and long tests say how much they did"
)]

mod corpus;
mod crash;
mod faults;
mod golden;
mod inject;
mod kill;
mod log;
mod oracle;
mod others;
mod page;
mod power;
mod server;
mod stores;
mod tamper;

use ledger::{
    Checkpoint, Commitments, Entry, Error, Facts, Files, Kind, Leaf, Log, Memory, Name, Outcome,
    Signer, Verifier,
};
use sha2::{Digest as _, Sha256};

/// A throw-away key: its bytes stand here, so it proves nothing to anybody.
fn signer() -> Signer {
    Signer::from_random(Name::new("test.example/ledger").unwrap(), [42; 32])
}

fn verifier() -> Verifier {
    signer().verifier().clone()
}

/// Returns the leaf that every test writes at this index, unless it is about another.
fn leaf(index: u64) -> Leaf {
    leaf_of("demo.entry", index)
}

fn leaf_of(kind: &str, index: u64) -> Leaf {
    let start: jiff::Timestamp = "2026-01-31T09:00:00Z".parse().unwrap();
    let at = start + jiff::SignedDuration::from_secs(i64::try_from(index / 3).unwrap());
    let mut facts = Facts::new();
    facts.insert("number".to_owned(), index.into());
    let nonce = Sha256::digest(format!("nonce {index}")).into();
    let (commitment, _) = ledger::commit(
        Sha256::digest(format!("key {index}")).into(),
        "demo",
        format!("value {}", index % 7).into(),
    )
    .unwrap();
    let commitments = Commitments::from([("demo".to_owned(), vec![commitment])]);
    Entry::new(Kind::new(kind).unwrap(), at, facts, commitments, nonce).unwrap().to_leaf().unwrap()
}

fn leaves(range: std::ops::Range<u64>) -> Vec<Leaf> {
    range.map(leaf).collect()
}

/// Audits and returns what was found, which is nothing when the ledger is sound.
fn findings(files: &(impl Files + Sync), held: &[Checkpoint]) -> Vec<String> {
    match ledger::audit(files, &verifier(), held, |_, _| {}).unwrap() {
        Outcome::Sound(_) => Vec::new(),
        Outcome::Unsound(findings) => findings.iter().map(ToString::to_string).collect(),
    }
}

/// Audits a ledger that must be sound.
fn sound(files: &(impl Files + Sync), held: &[Checkpoint]) -> ledger::Audit {
    match ledger::audit(files, &verifier(), held, |_, _| {}).unwrap() {
        Outcome::Sound(audit) => audit,
        Outcome::Unsound(findings) => panic!("{findings:?}"),
    }
}

type Opened<'a> = Result<Log<&'a mut Memory>, Error>;

fn create<'a>(store: &'a mut Memory, anchor: &'a mut Memory) -> Opened<'a> {
    Log::create(store, anchor, signer())
}

fn open<'a>(store: &'a mut Memory, anchor: &'a mut Memory) -> Opened<'a> {
    Log::open(store, anchor, signer())
}
