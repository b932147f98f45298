//! Every judgement of the audit held against ledgers whose every file is known, the smallest that show it.

use super::*;
use crate::{Commitments, Facts, Kind, Leaf, Log, Memory, Name, Signer, Store as _, store::Change};

fn name() -> Name {
    Name::new("ledger.example/2026").unwrap()
}

fn signer() -> Signer {
    Signer::from_random(name(), [5; 32])
}

fn leaf_at(number: u64, at: &str) -> Leaf {
    let nonce = crate::crypto::sha256(&[&number.to_be_bytes()]);
    let kind = Kind::new("demo").unwrap();
    let entry = Entry::new(kind, at.parse().unwrap(), Facts::new(), Commitments::new(), nonce);
    entry.unwrap().to_leaf().unwrap()
}

fn leaf(number: u64) -> Leaf {
    leaf_at(number, "2026-01-31T09:00:00Z")
}

/// A ledger that was signed at each of these sizes, and the checkpoints, that of nothing first.
fn grown(sizes: &[u64]) -> (Memory, Vec<Checkpoint>) {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = Log::create(&mut store, &mut anchor, signer()).unwrap();
    let mut seen = vec![log.checkpoint().clone()];
    for size in sizes {
        let leaves: Vec<_> = (log.size()..*size).map(leaf).collect();
        let _ = log.append(&leaves).unwrap();
        seen.push(log.checkpoint().clone());
    }
    drop(log);
    (store, seen)
}

/// Writes a ledger by hand of which the entries below `start` are gone and known by their hashes alone.
fn written(start: u64, leaves: &[Leaf]) -> Memory {
    let (mut store, mut edge) = (Memory::new(), Edge::default());
    let size = start + leaves.len() as u64;
    let mut keep = |level, index, hashes: &[Hash]| {
        let tile = Tile::at(Level::Hashes(level), index, size).unwrap();
        if !prune::is_gone(&tile, start) {
            store.tamper(&tile.to_string(), tile::write_hashes(hashes));
        }
    };
    let gone =
        (0..start).map(|number| Hash::from_bytes(crate::crypto::sha256(&[&number.to_be_bytes()])));
    let hashes = gone.chain(leaves.iter().map(Leaf::hash));
    for (position, hash) in (1_u64..).zip(hashes) {
        for (level, full) in (0_u8..).zip(edge.push(hash)) {
            keep(level, (position >> (8 * (u32::from(level) + 1))) - 1, &full);
        }
    }
    for (level, hashes) in (0_u8..).zip(edge.levels()) {
        if !hashes.is_empty() {
            keep(level, size >> (8 * (u32::from(level) + 1)), hashes);
        }
    }
    for (index, bundle) in (start / WIDTH..).zip(leaves.chunks(256)) {
        let mut bytes = Vec::new();
        for leaf in bundle {
            tile::push_entry(&mut bytes, leaf.as_bytes()).unwrap();
        }
        store.tamper(&Tile::at(Level::Entries, index, size).unwrap().to_string(), bytes);
    }
    let checkpoint = Checkpoint { size, root: edge.root(), ..Checkpoint::of_nothing(&name()) };
    store.tamper(CHECKPOINT, checkpoint.sign(&signer()).unwrap().to_string().into_bytes());
    if start > 0 {
        state(&mut store, start);
    }
    store
}

/// States that the entries below are gone.
fn state(store: &mut Memory, below: u64) {
    let text = format!("{}\npruned below {below}\nthe rule\n", name());
    store.tamper(PRUNED, Note::sign(&text, &signer()).unwrap().to_string().into_bytes());
}

fn judged(store: &Memory, held: &[Checkpoint]) -> Result<Audit, Vec<String>> {
    match audit(store, signer().verifier(), held, |_, _| {}).unwrap() {
        Outcome::Sound(audit) => Ok(audit),
        Outcome::Unsound(findings) => Err(findings.iter().map(Finding::to_string).collect()),
    }
}

fn removed(store: &Memory, path: &str) -> Memory {
    let mut without = store.clone();
    without.commit(None, &[Change::Remove { path }]).unwrap();
    without
}

fn tampered(store: &Memory, path: &str, bytes: Vec<u8>) -> Memory {
    let mut changed = store.clone();
    changed.tamper(path, bytes);
    changed
}

#[test]
fn every_file_and_every_checkpoint_of_a_sound_ledger_is_counted_once() {
    let (store, mut held) = grown(&[255, 256, 515, 520, 600]);
    held.push(held[3].clone());
    held.rotate_left(2);
    let audit = judged(&store, &held).unwrap();
    let Verified { signatures, entries, bundles, tiles, held } = audit.verified;
    assert_eq!((signatures, entries, held), (1, 600, 7));
    // Two whole bundles, and the third as it was at three sizes; the same with the tiles over them, and over those one as
    // it was with one hash and with two.
    assert_eq!((bundles, tiles), (5, 7));
    assert_eq!(audit.unauthenticated, Vec::<String>::new());
    assert_eq!((audit.size, audit.origin.as_str()), (600, "ledger.example/2026"));
}

#[test]
fn bundles_that_several_threads_read_are_judged_in_order() {
    let leaves: Vec<_> = (0..=17 * WIDTH).map(leaf).collect();
    let mut next = 0;
    let outcome = audit(&written(0, &leaves), signer().verifier(), &[], |index, entry| {
        assert_eq!((index, entry), (next, &leaf(index).to_entry().unwrap()));
        next += 1;
    });
    assert!(matches!(outcome.unwrap(), Outcome::Sound(_)));
    assert_eq!(next, 17 * WIDTH + 1);
}

#[test]
fn a_file_that_the_checkpoint_does_not_reach_is_named_and_not_judged() {
    let (store, _) = grown(&[600]);
    for path in
        ["tile/entries/002.p/89", "tile/0/002.p/89", "tile/entries/003", "tile/2/000.p/1", "note"]
    {
        let audit = judged(&tampered(&store, path, vec![7]), &[]).unwrap();
        assert_eq!(audit.unauthenticated, [path]);
        assert_eq!(audit.verified.entries, 600);
    }
}

#[test]
fn a_narrower_copy_is_the_beginning_of_the_wider_one() {
    let (store, _) = grown(&[515, 600]);
    for path in ["tile/entries/002.p/3", "tile/0/002.p/3"] {
        let mut bytes = store.read(path).unwrap().unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let found = judged(&tampered(&store, path, bytes), &[]).unwrap_err();
        let wider = path.replace("p/3", "p/88");
        assert_eq!(found, [format!("`{path}`: it is not the beginning of `{wider}`")]);
    }
}

#[test]
fn what_is_missing_is_found_and_the_rest_is_judged_as_far_as_hashes_tell() {
    let (store, _) = grown(&[600]);
    let missing = |path: &str| format!("`{path}`: it is missing");
    // The tile stands in for its bundle.
    let without = removed(&store, "tile/entries/000");
    assert_eq!(judged(&without, &[]).unwrap_err(), [missing("tile/entries/000")]);
    for path in ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"] {
        assert_eq!(judged(&removed(&store, path), &[]).unwrap_err(), [missing(path)]);
    }
    // Without either, nothing after it can be judged, and nothing is said of it.
    let found = judged(&removed(&without, "tile/0/000"), &[]).unwrap_err();
    assert_eq!(
        found,
        [
            missing("tile/entries/000"),
            "`tile/entries/000`: neither entries nor hashes can be read from here on: the rest was not examined"
                .to_owned(),
        ]
    );
    let tile = store.read("tile/0/001").unwrap().unwrap();
    let found = judged(&tampered(&store, "tile/0/000", tile), &[]).unwrap_err();
    assert_eq!(found, ["`tile/0/000`: its hashes do not follow from `tile/entries/000`"]);
    assert_eq!(judged(&Memory::new(), &[]).unwrap_err(), [missing("checkpoint")]);
}

#[test]
fn a_checkpoint_held_is_continued_or_evidence_whatever_its_size() {
    let (store, seen) = grown(&[1, 256, 600]);
    let found = |held: &[Checkpoint]| judged(&store, held).unwrap_err();
    let contradicts = |size: u64| {
        vec![format!(
            "`checkpoint`: the ledger of `600` entries does not continue the checkpoint held of `{size}`"
        )]
    };
    for held in &seen {
        assert_eq!(judged(&store, std::slice::from_ref(held)).unwrap().verified.held, 1);
        let other = Checkpoint { root: Hash::of_leaf(b"another"), ..held.clone() };
        assert_eq!(found(&[other]), contradicts(held.size));
        let elsewhere = Checkpoint::of_nothing(&Name::new("ledger.example/2025").unwrap());
        let other = Checkpoint { origin: elsewhere.origin, ..held.clone() };
        assert_eq!(found(&[other]), contradicts(held.size));
    }
    let larger = Checkpoint { size: 601, ..seen[3].clone() };
    assert_eq!(found(&[larger]), contradicts(601));
}

#[test]
fn no_entry_stands_after_a_later_one() {
    let at = |second: u64| format!("2026-01-31T09:00:{second:02}Z");
    let of = |seconds: &[u64]| {
        let leaves: Vec<_> =
            (0..).zip(seconds).map(|(n, second)| leaf_at(n, &at(*second))).collect();
        judged(&written(0, &leaves), &[])
    };
    assert_eq!(of(&[1, 1, 2, 2]).unwrap().verified.entries, 4);
    assert_eq!(
        of(&[1, 2, 1, 1]).unwrap_err(),
        [format!(
            "`tile/entries/000.p/4`: entry `2` at `{}` stands after one at `{}`",
            at(1),
            at(2)
        )]
    );
}

#[test]
fn what_is_stated_to_be_gone_beyond_the_last_bundle_states_nothing() {
    let leaves: Vec<_> = (0..512).map(leaf).collect();
    let mut store = written(0, &leaves);
    state(&mut store, 512);
    let audit = judged(&store, &[]).unwrap();
    assert_eq!((audit.pruned, audit.verified.entries), (None, 512));
    assert_eq!(audit.unauthenticated, [PRUNED]);
}

#[test]
fn a_ledger_pruned_in_the_midst_of_any_level_is_judged_from_there_on() {
    let leaves: Vec<_> = (0..300).map(leaf).collect();
    // The last of the first tile of level 1 is still there; it is gone; some of the second are gone, too.
    for start in [65_536 - 256, 65_536, 65_536 + 768] {
        let store = written(start, &leaves);
        let audit = judged(&store, &[]).unwrap();
        let Verified { entries, bundles, tiles, .. } = audit.verified;
        // Two over the entries, and one on each level above.
        assert_eq!((entries, bundles, tiles), (300, 2, 4), "{start}");
        assert_eq!(audit.unauthenticated, Vec::<String>::new());
        // As much is held of it as was signed at the end, at its beginning, and not before.
        let end = Checkpoint::open(&store.read(CHECKPOINT).unwrap().unwrap(), signer().verifier())
            .unwrap();
        let begin = written(start, &[]);
        let begin =
            Checkpoint::open(&begin.read(CHECKPOINT).unwrap().unwrap(), signer().verifier())
                .unwrap();
        assert_eq!(judged(&store, &[end, begin.clone()]).unwrap().verified.held, 2);
        let before = Checkpoint { size: start - 1, ..begin };
        assert!(judged(&store, &[before]).unwrap_err()[0].contains("does not continue"));
    }
    // None of the second tile of level 1 is needed to begin: it is found missing where it is compared.
    let store = removed(&written(65_536, &leaves), "tile/1/001.p/1");
    assert_eq!(judged(&store, &[]).unwrap_err(), ["`tile/1/001.p/1`: it is missing"]);
    let store = removed(&written(65_536 + 768, &leaves), "tile/1/001.p/4");
    let found = judged(&store, &[]).unwrap_err();
    assert!(found.len() == 1 && found[0].starts_with("`tile/1/001.p/4`: "), "{found:?}");
}

#[test]
fn every_fault_has_a_remedy_of_its_kind() {
    let at = Timestamp::UNIX_EPOCH;
    let of = |fault| Finding { file: CHECKPOINT.to_owned(), fault }.remedy();
    assert!(of(Fault::Missing).contains("from a copy that is sound"));
    let source = Error::FalseProof;
    assert!(of(Fault::Entry { index: 1, source }).contains("which release wrote it"));
    assert!(of(Fault::TimeRunsBackwards { index: 1, last: at, at }).contains("the clock"));
    assert!(of(Fault::OtherRoot { size: 1 }).contains("changed after signing"));
    assert!(of(Fault::NotContinued { size: 1, held: 2 }).contains("evidence"));
}
