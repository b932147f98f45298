//! Whatever is changed in the files of a ledger, the audit finds it, or has said that nobody answers for it.

use std::collections::BTreeSet;

use ledger::{
    self as ledger, Files as _, Log, Memory, Name, Note, Outcome, Reader, Signer, Store as _,
};

use crate::{create, findings, leaf, leaf_of, leaves, open, sound, verifier};

/// A small ledger, with a copy of a narrower tile and bundle beside the last ones.
fn small() -> Memory {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let _ = log.append(&leaves(0..2)).unwrap();
    let _ = log.append(&leaves(2..3)).unwrap();
    store
}

#[test]
fn every_changed_bit_of_a_small_ledger_is_found() {
    let store = small();
    let paths = store.list("").unwrap();
    assert_eq!(paths.len(), 5, "{paths:?}");
    for path in paths {
        let bytes = store.read(&path).unwrap().unwrap();
        for place in 0..bytes.len() {
            // All bits where it is cheap and matters most; one bit of each byte of the entries.
            let bits: Vec<usize> =
                if path.starts_with("tile/entries") { vec![place % 8] } else { (0..8).collect() };
            for bit in bits {
                let mut changed = store.clone();
                let mut bytes = bytes.clone();
                bytes[place] ^= 1 << bit;
                changed.tamper(&path, bytes);
                assert!(!findings(&changed, &[]).is_empty(), "{path} byte {place} bit {bit}");
            }
        }
    }
}

#[test]
fn a_reader_shows_no_entry_that_was_changed() {
    let store = small();
    let verifier = verifier();
    let read = |store: &Memory| Reader::open(store, verifier.clone())?.entries(0..3);
    let entries: Vec<_> = (0..3).map(|index| leaf(index).to_entry().unwrap()).collect();
    assert_eq!(read(&store).unwrap(), entries);
    let bundles = store.list("tile/entries").unwrap();
    assert!(!bundles.is_empty());
    // Its last bundle is the one that is read.
    let path = bundles.last().unwrap();
    let bytes = store.read(path).unwrap().unwrap();
    for place in 0..bytes.len() {
        let (mut changed, mut bytes) = (store.clone(), bytes.clone());
        bytes[place] ^= 1 << (place % 8);
        changed.tamper(path, bytes);
        assert!(read(&changed).is_err(), "{path} byte {place}");
    }
}

#[test]
fn every_shortened_lengthened_missing_or_swapped_file_is_found() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let _ = log.append(&leaves(0..257)).unwrap();
    let _ = log.append(&leaves(257..259)).unwrap();
    let paths: BTreeSet<_> = store.list("").unwrap().into_iter().collect();
    assert_eq!(sound(&store, &[]).verified.bundles, 3);
    for path in &paths {
        let bytes = store.read(path).unwrap().unwrap();
        let check = |bytes: Option<Vec<u8>>, how: &str| {
            let mut changed = store.clone();
            match bytes {
                Some(bytes) => changed.tamper(path, bytes),
                None => changed.remove(path).unwrap(),
            }
            let found = findings(&changed, &[]);
            assert!(
                found.iter().any(|f| f.contains(&format!("`{path}`"))),
                "{path} {how}: {found:?}"
            );
        };
        check(Some(Vec::new()), "emptied");
        check(Some(bytes[..bytes.len() - 1].to_vec()), "shortened");
        check(Some([&bytes[..], b"0"].concat()), "lengthened");
        for other in paths.iter().filter(|other| *other != path) {
            check(store.read(other).unwrap(), other);
        }
        // What may be missing are the narrower copies, which nothing needs.
        let needless = ["tile/0/001.p/1", "tile/entries/001.p/1"];
        if !needless.contains(&path.as_str()) {
            check(None, "missing");
        }
    }
}

#[test]
fn every_dropped_doubled_or_moved_entry_is_found() {
    let store = small();
    let path = "tile/entries/000.p/3";
    let bytes = store.read(path).unwrap().unwrap();
    let entries: Vec<_> = bytes.chunks_exact(514).collect();
    for order in [[0, 1, 1], [1, 0, 2], [0, 2, 1], [0, 0, 2], [2, 2, 2]] {
        let mut changed = store.clone();
        changed.tamper(path, order.map(|i| entries[i]).concat());
        assert!(!findings(&changed, &[]).is_empty(), "{order:?}");
    }
    let mut changed = store.clone();
    changed.tamper(path, entries[..2].concat());
    assert!(!findings(&changed, &[]).is_empty());
}

#[test]
fn all_that_is_wrong_is_listed_and_not_only_the_first() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..600)).unwrap();
    store.remove("tile/entries/000").unwrap();
    let mut bytes = store.read("tile/entries/001").unwrap().unwrap();
    bytes[514 * 7 + 3] ^= 1;
    store.tamper("tile/entries/001", bytes);
    store.remove("tile/1/000.p/2").unwrap();
    store.tamper("notes.txt", Vec::new());
    let found = findings(&store, &[]);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(found[0], "`tile/entries/000`: it is missing");
    assert!(found[1].starts_with("`tile/entries/001`: entry `263`: "));
    assert_eq!(found[2], "`tile/0/001`: its hashes do not follow from `tile/entries/001`");
    assert_eq!(found[3], "`tile/1/000.p/2`: it is missing");
    assert_eq!(found[4], "`checkpoint`: the root of the `600` entries is not the signed one");
    match ledger::audit(&store, &verifier(), &[], |_, _| {}).unwrap() {
        Outcome::Sound(_) => unreachable!(),
        Outcome::Unsound(findings) => assert!(findings.iter().all(|f| !f.remedy().is_empty())),
    }
}

#[test]
fn what_cannot_be_judged_is_said_not_to_have_been_examined() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..600)).unwrap();
    store.remove("tile/entries/001").unwrap();
    store.remove("tile/0/001").unwrap();
    let found = findings(&store, &[]);
    assert!(found.last().unwrap().ends_with("the rest was not examined"), "{found:?}");
}

#[test]
fn what_nobody_answers_for_is_listed() {
    let mut store = small();
    store.tamper("readme.txt", b"hello".to_vec());
    store.tamper("tile/0/000", vec![0; 8192]);
    store.tamper("tile/entries/000.p/4", Vec::new());
    store.tamper("tile/1/000.p/1", vec![0; 32]);
    let stranger = Signer::from_random(Name::new("witness.example").unwrap(), [8; 32]);
    let note = Note::parse(&store.read("checkpoint").unwrap().unwrap()).unwrap();
    let text = note.verify(&[&verifier()]).unwrap().text.to_owned();
    let line = Note::sign(&text, &stranger).unwrap().to_string().lines().last().unwrap().to_owned();
    store.tamper("checkpoint", format!("{note}{line}\n").into_bytes());
    let audit = sound(&store, &[]);
    let expected = [
        "readme.txt",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/000.p/4",
        &format!("checkpoint: {line}"),
    ];
    assert_eq!(audit.unauthenticated, expected);
}

#[test]
fn a_ledger_of_another_key_or_with_another_past_is_not_sound() {
    let store = small();
    let other = Signer::from_random(Name::new("test.example/ledger").unwrap(), [1; 32]);
    let outcome = ledger::audit(&store, other.verifier(), &[], |_, _| {}).unwrap();
    assert!(matches!(outcome, Outcome::Unsound(_)));

    // A shorter ledger, and one of the same size with another past, both signed by the true key.
    let mut held = sound_checkpoint(&store);
    let (mut shorter, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut shorter, &mut anchor).unwrap().append(&leaves(0..2)).unwrap();
    assert!(findings(&shorter, &[]).is_empty());
    assert!(!findings(&shorter, &[held.clone()]).is_empty());
    let _ = open(&mut shorter, &mut anchor).unwrap().append_one(&leaf_of("demo.other", 2)).unwrap();
    assert!(findings(&shorter, &[]).is_empty());
    assert!(!findings(&shorter, &[held.clone()]).is_empty());
    held.size = 0;
    assert!(!findings(&shorter, &[held]).is_empty());
}

#[test]
fn an_empty_ledger_is_sound_and_no_ledger_is_not() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    assert_eq!(findings(&store, &[]), ["`checkpoint`: it is missing"]);
    drop(create(&mut store, &mut anchor).unwrap());
    assert_eq!(sound(&store, &[]).size, 0);
}

#[test]
fn entries_out_of_time_or_form_are_found_though_signed() {
    // Only a faulty writer makes such a ledger: one is put together here by hand, with the true key.
    let forge = |entries: &[Vec<u8>]| {
        let mut store = Memory::new();
        let (mut bundle, mut hashes) = (Vec::new(), Vec::new());
        for entry in entries {
            ledger::tile::push_entry(&mut bundle, entry).unwrap();
            hashes.push(ledger::Hash::of_leaf(entry));
        }
        let size = hashes.len() as u64;
        store.tamper(&format!("tile/entries/000.p/{size}"), bundle);
        store.tamper(&format!("tile/0/000.p/{size}"), ledger::tile::write_hashes(&hashes));
        let root = ledger::merkle::root(hashes.as_slice(), size).unwrap();
        let origin = ledger::Origin::from(verifier().name());
        let note = ledger::Checkpoint { origin, size, root }.sign(&crate::signer()).unwrap();
        store.tamper("checkpoint", note.to_string().into_bytes());
        store
    };
    let bytes = |index| leaf(index).as_bytes().to_vec();
    assert!(findings(&forge(&[bytes(0), bytes(9)]), &[]).is_empty());
    let found = findings(&forge(&[bytes(9), bytes(0)]), &[]);
    assert_eq!(
        found,
        [
            "`tile/entries/000.p/2`: entry `1` at `2026-01-31T09:00:00Z` stands after one at `2026-01-31T09:00:03Z`"
        ]
    );
    let found = findings(&forge(&[bytes(0), b"not an entry".to_vec(), bytes(1)]), &[]);
    assert_eq!(
        found,
        ["`tile/entries/000.p/3`: entry `1`: entry is malformed: it is not a JSON object"]
    );
}

#[test]
fn a_log_refuses_to_go_on_from_what_an_audit_would_refuse() {
    let mut store = small();
    let mut anchor = Memory::new();
    anchor.tamper("checkpoint", store.read("checkpoint").unwrap().unwrap());
    store.remove("tile/0/000.p/3").unwrap();
    assert!(Log::open(&mut store, &mut anchor, crate::signer()).is_err());
}

fn sound_checkpoint(store: &Memory) -> ledger::Checkpoint {
    ledger::Checkpoint::open(&store.read("checkpoint").unwrap().unwrap(), &verifier()).unwrap()
}
