//! How a ledger grows, is opened again, and refuses what it must refuse.

use ledger::{
    self as ledger, Disk, Error, Files, Log, Memory, Name, Signer, Store as _,
    merkle::{verify_consistency, verify_inclusion},
};

use crate::{create, findings, leaf, leaf_of, leaves, open, signer, sound};

#[test]
fn an_entry_is_evidenced_readable_and_provable_once_appended() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    assert_eq!((log.size(), log.last_at()), (0, None));
    let first = log.append_one(&leaf(0)).unwrap();
    assert_eq!((first.index(), first.checkpoint_size()), (0, 1));
    let more = log.append(&leaves(1..300)).unwrap();
    assert_eq!(more.len(), 299);
    let last = more.last().unwrap();
    assert_eq!((last.index(), last.checkpoint_size()), (299, 300));
    assert_eq!(last.origin().as_str(), "test.example/ledger");
    assert_eq!(*last.leaf_hash(), leaf(299).hash());
    assert_eq!(log.last_at(), Some(leaf(299).at()));
    for index in [0, 1, 255, 256, 299] {
        assert_eq!(log.leaf(index).unwrap(), leaf(index));
        assert_eq!(log.entry(index).unwrap(), leaf(index).to_entry().unwrap());
        let proof = log.prove_inclusion(index).unwrap();
        verify_inclusion(&leaf(index).hash(), index, 300, &log.checkpoint().root, &proof).unwrap();
    }
    assert!(matches!(log.leaf(300), Err(Error::BeyondSize { asked: 300, size: 300 })));
    assert!(log.append(&[]).unwrap().is_empty());
    assert_eq!(log.size(), 300);
    sound(&store, &[]);
}

#[test]
fn a_ledger_is_consistent_with_everything_it_was() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let mut held = vec![log.checkpoint().clone()];
    for (from, to) in [(0, 1), (1, 2), (2, 255), (255, 256), (256, 257), (257, 511), (511, 513)] {
        let _ = log.append(&leaves(from..to)).unwrap();
        held.push(log.checkpoint().clone());
    }
    for old in &held {
        let proof = log.prove_consistency(old.size).unwrap();
        let new = log.checkpoint();
        verify_consistency(old.size, &old.root, new.size, &new.root, &proof).unwrap();
    }
    let audit = sound(&store, &held);
    assert_eq!(audit.verified.held, 8);
    assert_eq!((audit.size, audit.verified.entries, audit.verified.signatures), (513, 513, 1));
}

#[test]
fn how_entries_were_grouped_makes_no_difference_to_the_tree() {
    let mut roots = Vec::new();
    for step in [1, 7, 255, 256, 257, 520] {
        let (mut store, mut anchor) = (Memory::new(), Memory::new());
        let mut log = create(&mut store, &mut anchor).unwrap();
        for group in leaves(0..520).chunks(step) {
            let _ = log.append(group).unwrap();
        }
        roots.push(log.checkpoint().root);
        let audit = sound(&store, &[]);
        assert!(audit.unauthenticated.is_empty());
        // Partial files of a full tile are gone, those of the last one are kept for each checkpoint signed.
        assert!(store.list("tile/0/000.p").unwrap().is_empty());
        assert!(store.list("tile/entries/001.p").unwrap().is_empty());
        assert!(!store.list("tile/0/002.p").unwrap().is_empty());
    }
    roots.dedup();
    assert_eq!(roots.len(), 1);
}

#[test]
fn a_ledger_opened_again_goes_on_where_it_was() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    drop(create(&mut store, &mut anchor).unwrap());
    for size in 0..260 {
        let mut log = open(&mut store, &mut anchor).unwrap();
        assert_eq!(log.size(), size);
        assert_eq!(log.last_at(), size.checked_sub(1).map(|last| leaf(last).at()));
        let _ = log.append_one(&leaf(size)).unwrap();
    }
    assert_eq!(sound(&store, &[]).size, 260);
}

#[test]
fn a_program_that_crashed_before_it_released_finds_its_entry() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..600)).unwrap();
    let log = open(&mut store, &mut anchor).unwrap();
    let wanted = |number: u64| move |entry: &ledger::Entry| entry.facts()["number"] == number;
    let (index, found) = log.find(300, wanted(513)).unwrap().unwrap();
    assert_eq!((index, &found), (513, &leaf(513)));
    assert_eq!(log.find(514, wanted(513)).unwrap(), None);
    assert_eq!(log.find(10_000, wanted(513)).unwrap(), None);

    let recorded = log.recorded(513, &found).unwrap().unwrap();
    assert_eq!((recorded.index(), recorded.checkpoint_size()), (513, 600));
    assert!(log.recorded(512, &found).unwrap().is_none());
    assert!(log.recorded(513, &leaf_of("demo.other", 513)).unwrap().is_none());
    assert!(log.recorded(600, &leaf(600)).unwrap().is_none());
}

#[test]
fn no_evidence_is_given_from_files_that_were_changed() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..300)).unwrap();
    let other = leaf_of("demo.other", 3);
    for path in ["tile/entries/000", "tile/0/000"] {
        let mut store = store.clone();
        let mut bytes = store.read(path).unwrap().unwrap();
        // Both the entry and its hash are replaced in turn: the first is seen by the tile, the second by the root.
        if path == "tile/0/000" {
            bytes[3 * 32..4 * 32].copy_from_slice(other.hash().as_bytes());
            store.tamper(path, bytes);
        }
        let mut bytes = store.read("tile/entries/000").unwrap().unwrap();
        bytes[3 * 514 + 2..4 * 514].copy_from_slice(other.as_bytes());
        store.tamper("tile/entries/000", bytes);
        let log = open(&mut store, &mut anchor).unwrap();
        assert!(matches!(log.recorded(3, &other), Err(Error::Damaged { .. })));
        assert!(matches!(log.recorded(3, &leaf(3)), Err(Error::Damaged { .. })));
    }
}

#[test]
fn opening_never_begins_a_ledger() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    assert!(matches!(open(&mut store, &mut anchor), Err(Error::NoLedger)));
    assert_eq!((store.changes(), anchor.changes()), (0, 0));
}

#[test]
fn a_wrong_key_stops() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append_one(&leaf(0)).unwrap();
    let before = store.changes();
    let same_name = Signer::from_random(signer().name().clone(), [1; 32]);
    let error = Log::open(&mut store, &mut anchor, same_name).unwrap_err();
    assert!(matches!(error, Error::NoKnownSignature));
    let other_name = Signer::from_random(Name::new("other.example").unwrap(), [42; 32]);
    assert!(Log::open(&mut store, &mut anchor, other_name).is_err());
    assert_eq!(store.changes(), before);
}

#[test]
fn a_ledger_is_not_begun_where_one_is() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append_one(&leaf(0)).unwrap();
    assert!(matches!(
        create(&mut store, &mut Memory::new()),
        Err(Error::LedgerExists { path }) if path == "checkpoint"
    ));
    store.remove("checkpoint").unwrap();
    assert!(matches!(create(&mut store, &mut Memory::new()), Err(Error::LedgerExists { .. })));
    assert!(matches!(open(&mut store, &mut anchor), Err(Error::NoLedger)));
    // Nor with an anchor that remembers another.
    assert!(matches!(
        create(&mut Memory::new(), &mut anchor),
        Err(Error::AnchorInUse { size: 1, .. })
    ));
}

#[test]
fn a_ledger_rolled_back_is_not_opened() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..5)).unwrap();
    let mut old = store.clone();
    let _ = open(&mut store, &mut anchor).unwrap().append(&leaves(5..9)).unwrap();
    let error = open(&mut old, &mut anchor).unwrap_err();
    assert_eq!(error.to_string(), "the ledger has `5` entries, but its anchor remembers `9`");
    assert!(error.hint().is_some());
}

#[test]
fn a_ledger_forked_from_its_anchor_is_not_opened() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..5)).unwrap();
    let (before, before_anchor) = (store.clone(), anchor.clone());
    let _ = open(&mut store, &mut anchor).unwrap().append(&leaves(5..9)).unwrap();
    for extra in [4, 5, 300] {
        let (mut other, mut other_anchor) = (before.clone(), before_anchor.clone());
        let mut log = open(&mut other, &mut other_anchor).unwrap();
        let forked: Vec<_> = (0..extra).map(|i| leaf_of("demo.other", 5 + i)).collect();
        let _ = log.append(&forked).unwrap();
        let held = log.checkpoint().clone();
        assert!(matches!(open(&mut other, &mut anchor), Err(Error::Forked { anchored: 9, .. })));
        assert!(!findings(&store, &[held]).is_empty());
    }
}

#[test]
fn an_anchor_behind_by_consistent_growth_is_brought_up() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..5)).unwrap();
    let mut behind = anchor.clone();
    let _ = open(&mut store, &mut anchor).unwrap().append(&leaves(5..400)).unwrap();
    drop(open(&mut store, &mut behind).unwrap());
    assert_eq!(behind.read("checkpoint").unwrap(), store.read("checkpoint").unwrap());
}

#[test]
fn a_missing_anchor_stops() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append_one(&leaf(0)).unwrap();
    assert!(matches!(open(&mut store, &mut Memory::new()), Err(Error::NoAnchor)));
    let mut stranger = Memory::new();
    stranger.tamper("checkpoint", b"anything".to_vec());
    assert!(open(&mut store, &mut stranger).is_err());
}

#[test]
fn a_copy_of_a_ledger_cannot_be_written_beside_it() {
    let place = tempfile::tempdir().unwrap();
    let (one, two, anchor) =
        (place.path().join("one"), place.path().join("two"), place.path().join("anchor"));
    let mut log =
        Log::create(Disk::create(&one).unwrap(), Disk::create(&anchor).unwrap(), signer()).unwrap();
    let _ = log.append_one(&leaf(0)).unwrap();
    std::fs::create_dir(&two).unwrap();
    std::fs::copy(one.join("checkpoint"), two.join("checkpoint")).unwrap();
    // The anchor has one writer, and so has the ledger, even when there are two copies of it.
    assert!(matches!(Disk::open(&anchor), Err(Error::InUse { .. })));
    assert!(matches!(Disk::open(&one), Err(Error::InUse { .. })));
}

#[test]
fn an_anchor_that_somebody_else_moved_stops_the_log() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append_one(&leaf(0)).unwrap();
    let mut moved = anchor.clone();
    let _ = open(&mut store.clone(), &mut moved).unwrap().append_one(&leaf(1)).unwrap();
    let bytes = moved.read("checkpoint").unwrap().unwrap();
    let before = store.changes();
    let place = tempfile::tempdir().unwrap();
    let (at, beside) = (place.path().join("ledger"), place.path().join("anchor"));
    let mut log =
        Log::create(Disk::create(&at).unwrap(), Disk::create(&beside).unwrap(), signer()).unwrap();
    std::fs::write(beside.join("checkpoint"), bytes).unwrap();
    assert!(matches!(log.append_one(&leaf(0)), Err(Error::AnchorMoved)));
    assert!(!at.join("tile").exists());
    assert_eq!(store.changes(), before);
}

#[test]
fn time_does_not_run_backwards() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let _ = log.append_one(&leaf(9)).unwrap();
    let before = log.checkpoint().clone();
    assert!(matches!(log.append_one(&leaf(0)), Err(Error::TimeRunsBackwards { .. })));
    assert!(matches!(log.append(&[leaf(30), leaf(12)]), Err(Error::TimeRunsBackwards { .. })));
    assert_eq!(*log.checkpoint(), before);
    // The refusal of an entry does not stop the log; equal times are in order.
    let _ = log.append(&[leaf(10), leaf(11), leaf(12)]).unwrap();
    drop(log);
    let mut log = open(&mut store, &mut anchor).unwrap();
    assert!(matches!(log.append_one(&leaf(0)), Err(Error::TimeRunsBackwards { .. })));
}

#[test]
fn tiles_that_do_not_lead_to_the_checkpoint_stop() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let _ = create(&mut store, &mut anchor).unwrap().append(&leaves(0..5)).unwrap();
    for path in ["tile/0/000.p/5", "tile/entries/000.p/5", "checkpoint"] {
        let mut changed = store.clone();
        let mut bytes = changed.read(path).unwrap().unwrap();
        bytes[40] ^= 1;
        changed.tamper(path, bytes);
        let error = open(&mut changed, &mut anchor).unwrap_err();
        if path == "tile/0/000.p/5" {
            assert!(matches!(error, Error::Damaged { path, .. } if path == "tile"));
        }
        let mut missing = store.clone();
        missing.remove(path).unwrap();
        assert!(open(&mut missing, &mut anchor).is_err(), "{path}");
    }
}

#[test]
fn a_disk_holds_the_same_files_as_memory() {
    let place = tempfile::tempdir().unwrap();
    let (at, beside) = (place.path().join("ledger"), place.path().join("anchor"));
    let mut log =
        Log::create(Disk::create(&at).unwrap(), Disk::create(&beside).unwrap(), signer()).unwrap();
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut plain = create(&mut store, &mut anchor).unwrap();
    for (from, to) in [(0, 1), (1, 250), (250, 260), (260, 515)] {
        assert_eq!(
            log.append(&leaves(from..to)).unwrap(),
            plain.append(&leaves(from..to)).unwrap()
        );
    }
    drop(log);
    let disk = Disk::open(&at).unwrap();
    let paths = disk.list("").unwrap();
    assert_eq!(paths, store.list("").unwrap());
    for path in paths {
        assert_eq!(disk.read(&path).unwrap(), store.read(&path).unwrap(), "{path}");
    }
    assert!(sound(&disk, &[]).unauthenticated.is_empty());
    let log = Log::open(disk, Disk::open(&beside).unwrap(), signer()).unwrap();
    assert_eq!(log.size(), 515);
}

#[test]
fn the_last_time_is_exact_after_opening_and_an_entry_at_that_time_may_follow() {
    for size in [0, 1, 255, 256, 257, 300] {
        let (mut store, mut anchor) = (Memory::new(), Memory::new());
        let mut log = create(&mut store, &mut anchor).unwrap();
        let _ = log.append(&leaves(0..size)).unwrap();
        let last = size.checked_sub(1).map(|last| leaf(last).at());
        assert_eq!(log.last_at(), last, "{size}");
        drop(log);
        let mut log = open(&mut store, &mut anchor).unwrap();
        assert_eq!(log.last_at(), last, "{size} opened");
        if let Some(same) = size.checked_sub(1) {
            let _ = log.append_one(&leaf(same)).unwrap();
            assert_eq!(log.last_at(), last);
        }
    }
}

#[test]
fn a_checkpoint_is_read_without_a_log() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let read = |files: &Memory| ledger::log::read_checkpoint(files, &crate::verifier());
    assert!(matches!(read(&store), Err(Error::NoLedger)));
    let mut log = create(&mut store, &mut anchor).unwrap();
    let _ = log.append(&leaves(0..3)).unwrap();
    let (expected, signed) = (log.checkpoint().clone(), log.signed_checkpoint().to_vec());
    drop(log);
    let (checkpoint, note) = read(&store).unwrap();
    assert_eq!((checkpoint, note.to_string().into_bytes()), (expected, signed.clone()));
    let mut changed = signed;
    changed[0] ^= 1;
    store.tamper("checkpoint", changed);
    assert!(read(&store).is_err());
}
