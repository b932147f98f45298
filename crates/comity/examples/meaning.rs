//! Measures the audit of meaning beside the audit of bytes: writes a ledger of so many entries, half of them decisions of the
//! gate with facts of their own and half what was done under them, and audits it both ways.
//!
//! `cargo run --release -p comity --example meaning -- ENTRIES FOLDER`. What it writes lies in the folder, and stays there.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on says why"
)]

use agreement::{Act, By, CaseRequest, Decision, Facts, Gate, OfficerId, OfficerRole};
use comity::audit::audit;
use comity::clock::Clock;
use comity::event::{Decided, Event};
use comity::node::Places;
use comity::program::Program;
use jiff::{SignedDuration, Timestamp};
use ledger::{Commitments, Directory, Disk, Leaf, Log, Name, Outcome, Signer};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Entries in one append: whole bundles.
const APPEND: u64 = 256 * 64;

fn main() {
    let mut words = std::env::args().skip(1);
    let entries: u64 = words.next().unwrap().parse().unwrap();
    let folder = PathBuf::from(words.next().unwrap());
    let gate = Gate::shipped().unwrap();
    if !folder.join("ledger/checkpoint").exists() {
        write(&folder, entries, &gate, signer());
    }
    let signed_by = signer();
    let key = signed_by.verifier();
    let ledger = folder.join("ledger");

    let start = clock();
    let outcome = ledger::audit::bytes(&Directory::new(&ledger), key, &[]).unwrap();
    let Outcome::Sound(bytes) = outcome else { unreachable!("it was just written") };
    say("bytes and signatures", bytes.size, start);

    let start = clock();
    let outcome = ledger::audit(&Directory::new(&ledger), key, &[], |_, _| {}).unwrap();
    assert!(matches!(outcome, Outcome::Sound(_)));
    say("bytes, every entry read", bytes.size, start);

    let start = clock();
    let audited = audit(&ledger, key, &[], &gate).unwrap();
    assert!(audited.is_sound() && audited.open.is_empty(), "{audited:#?}");
    say("bytes and meaning", bytes.size, start);
    for sentence in audited.proved {
        println!("  {sentence}");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    println!("most memory {}", most.trim_start_matches("VmHWM:").trim());
}

fn signer() -> Signer {
    Signer::from_random(Name::new("measured.example/ledger").unwrap(), [3; 32])
}

fn say(what: &str, entries: u64, start: Instant) {
    let took = start.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "a rate to a few digits")]
    let rate = entries as f64 / took.as_secs_f64();
    println!("{what:<24} {entries} entries in {took:.2?}, {rate:.0} a second");
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn clock() -> Instant {
    Instant::now()
}

/// Writes the ledger of a node where officers read cases, a second apart, each read under a permit of its own.
fn write(folder: &Path, entries: u64, gate: &Gate, signer: Signer) {
    let first: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
    let (mut facts, packs) = facts(folder, gate, first);
    let (store, anchor) = (folder.join("ledger"), folder.join("anchor"));
    let (store, anchor) = (Disk::create(store).unwrap(), Disk::create(anchor).unwrap());
    let mut log = Log::create(store, anchor, signer).unwrap();
    let mut event = |number: u64, at: Timestamp| {
        if number % 2 == 1 {
            return Event::CaseRead { cases: 1 };
        }
        facts.context.insert("now".to_owned(), at.as_second().into());
        Event::Permitted(Decided {
            act: facts.act.to_string(),
            party: facts.party.clone(),
            purpose: "measured".to_owned(),
            agreement: facts.agreement.clone(),
            packs: packs.clone(),
            rules: Vec::new(),
            given: serde_json_canonicalizer::to_string(&facts).unwrap(),
            ends: (at + SignedDuration::from_mins(15)).to_string(),
        })
    };
    let mut number = 0_u64;
    while number < entries {
        let next = entries.min(number + APPEND);
        let leaves: Vec<Leaf> = (number..next)
            .map(|number| {
                let at = first + SignedDuration::from_secs(i64::try_from(number / 2).unwrap());
                let mut nonce = [0; 32];
                nonce[..8].copy_from_slice(&number.to_be_bytes());
                event(number, at).to_leaf(at, Commitments::new(), nonce).unwrap()
            })
            .collect();
        let _ = log.append(&leaves).unwrap();
        number = next;
    }
}

/// Asks the gate once, as an officer who reads a case under the worked example's agreement, and returns what it decided on and
/// by which packs.
fn facts(folder: &Path, gate: &Gate, now: Timestamp) -> (Facts, Vec<String>) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits");
    let program = Program::load(&example, &Places::under(folder), &Clock::fixed(now)).unwrap();
    let (party, _) = program.recipient().unwrap();
    let by = By::Officer {
        id: OfficerId::new("officer-1").unwrap(),
        roles: [OfficerRole::Reviewer].into(),
    };
    let purpose = program.purpose().unwrap();
    let mut request = CaseRequest::new(program.agreement(), Act::READ_CASE, party, purpose, by);
    request.ledger_writable = true;
    let decision = gate.decide_case(&request, &program.filed, now);
    assert!(matches!(decision, Decision::Permit(_)), "{decision:?}");
    let packs = decision.grounds().packs.iter();
    let packs = packs.map(|pack| format!("{} {} {}", pack.id, pack.version, pack.digest)).collect();
    (gate.case_facts(&request, &program.filed, now).unwrap(), packs)
}
