//! A ledger written once, which every later release must read and would write again byte for byte.
//!
//! It was made by [`write`] with a key that is no secret. Should this test fail, the formats have changed, and so has
//! what every ledger in the world says: that takes another version of the schema, never another golden ledger.

use std::path::Path;

use ledger::{self as ledger, Directory, Files as _, Log, Memory, Outcome, Signer, Verifier};

use crate::leaves;

const PRIVATE: &str =
    "PRIVATE+KEY+golden.example/ledger+5c55b484+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const PUBLIC: &str = "golden.example/ledger+5c55b484+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

/// Writes the golden ledger.
fn write() -> Memory {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = Log::create(&mut store, &mut anchor, Signer::parse(PRIVATE).unwrap()).unwrap();
    for (from, to) in [(0, 1), (1, 259), (259, 262)] {
        let _ = log.append(&leaves(from..to)).unwrap();
    }
    store
}

fn golden() -> Directory {
    Directory::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"))
}

#[test]
fn the_golden_ledger_still_audits() {
    let mut numbers = Vec::new();
    let verifier = Verifier::parse(PUBLIC).unwrap();
    let outcome = ledger::audit(&golden(), &verifier, &[], |index, entry| {
        assert_eq!(entry.facts()["number"], index);
        numbers.push(index);
    });
    let Outcome::Sound(audit) = outcome.unwrap() else {
        panic!("the golden ledger is not sound");
    };
    assert_eq!(numbers, (0..262).collect::<Vec<_>>());
    assert_eq!(audit.size, 262);
    assert_eq!(audit.root.to_string(), "obzXI0sY+6TMwX/WmiwJnZedBnRK+siIPOYXSVG25FQ=");
    assert!(audit.unauthenticated.is_empty());
}

#[test]
fn the_golden_ledger_would_be_written_again_byte_for_byte() {
    let store = write();
    let golden = golden();
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        for path in store.list("").unwrap() {
            let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(&path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, store.read(&path).unwrap().unwrap()).unwrap();
        }
    }
    assert_eq!(golden.list("").unwrap(), store.list("").unwrap());
    for path in store.list("").unwrap() {
        assert_eq!(golden.read(&path).unwrap(), store.read(&path).unwrap(), "{path}");
    }
}

#[test]
fn every_seventeenth_byte_of_the_golden_ledger_is_watched() {
    let verifier = Verifier::parse(PUBLIC).unwrap();
    let store = write();
    for path in store.list("").unwrap() {
        let bytes = store.read(&path).unwrap().unwrap();
        let step = (bytes.len() / 17).max(1);
        for place in (0..bytes.len()).step_by(step) {
            let mut changed = store.clone();
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x20;
            changed.tamper(&path, bytes);
            let outcome = ledger::audit(&changed, &verifier, &[], |_, _| {}).unwrap();
            assert!(matches!(outcome, Outcome::Unsound(_)), "{path} byte {place}");
        }
    }
}
