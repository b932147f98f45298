//! The fault table: every write, failed and not stored, failed and stored nevertheless.
//!
//! After each fault the ledger is opened again and goes on. Expected: no acknowledged entry is lost, no checkpoint
//! ever stored contradicts another, an entry that was not acknowledged is in the ledger whole or not at all, and the
//! ledger audits.

use std::{collections::BTreeMap, sync::Mutex};

use ledger::{self as ledger, Checkpoint, Error, Files as _, Leaf, Memory, Outcome, store::Fault};

use crate::{create, leaf, leaf_of, open, verifier};

/// Lengths of the groups that are appended: within a tile, to its end, over the end, over a whole tile.
const GROUPS: [u64; 6] = [1, 254, 1, 2, 255, 3];

/// Where an entry was acknowledged to stand, and of which kind it is.
type Acknowledged = Vec<(u64, &'static str)>;

/// Where the fault strikes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    Store,
    Anchor,
}

/// Begins or opens the ledger, appends the groups, and notes what was acknowledged and which checkpoint was stored.
fn run(
    store: &mut Memory,
    anchor: &mut Memory,
    kind: &'static str,
    groups: &[u64],
    acknowledged: &mut Acknowledged,
) -> Result<(), Error> {
    let mut log = match create(store, anchor) {
        Err(Error::LedgerExists { .. }) => open(store, anchor)?,
        other => other?,
    };
    for group in groups {
        let leaves: Vec<_> = (log.size()..log.size() + group).map(|i| made(kind, i)).collect();
        acknowledged.extend(log.append(&leaves)?.iter().map(|recorded| (recorded.index(), kind)));
    }
    Ok(())
}

/// Returns what [`leaf_of`] does, which takes long enough to do it once.
fn made(kind: &'static str, index: u64) -> Leaf {
    static MADE: Mutex<BTreeMap<(&str, u64), Leaf>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry((kind, index)).or_insert_with(|| leaf_of(kind, index)).clone()
}

fn stored(memory: &Memory) -> Option<Checkpoint> {
    let bytes = memory.read("checkpoint").unwrap()?;
    Some(Checkpoint::open(&bytes, &verifier()).unwrap())
}

#[test]
fn after_any_fault_nothing_acknowledged_is_lost_and_nothing_forks() {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    run(&mut store, &mut anchor, "demo.entry", &GROUPS, &mut Vec::new()).unwrap();
    let table: Vec<_> = [(Place::Store, store.changes()), (Place::Anchor, anchor.changes())]
        .into_iter()
        .flat_map(|(place, changes)| (0..changes).map(move |at| (place, at)))
        .flat_map(|(place, at)| [Fault::NotStored, Fault::Stored].map(|fault| (place, at, fault)))
        .collect();
    assert!(table.len() > 70, "{}", table.len());

    for (place, at, fault) in table {
        let case = format!("{place:?} {at} {fault:?}");
        let (mut store, mut anchor) = (Memory::new(), Memory::new());
        let mut acknowledged = Vec::new();
        match place {
            Place::Store => store.fail_after(at, fault),
            Place::Anchor => anchor.fail_after(at, fault),
        }
        let error =
            run(&mut store, &mut anchor, "demo.entry", &GROUPS, &mut acknowledged).unwrap_err();
        assert!(matches!(error, Error::Store { .. }), "{case}: {error}");
        let mut held: Vec<_> = [stored(&store), stored(&anchor)].into_iter().flatten().collect();

        // The power is back. The ledger goes on with other entries than those that failed.
        store.restart();
        anchor.restart();
        if stored(&store).is_some() {
            let log = open(&mut store, &mut anchor).unwrap();
            let size = log.size();
            let known = acknowledged.len() as u64;
            // All of the group that failed, or none of it.
            let groups = GROUPS.iter().scan(0, |sum, group| {
                *sum += group;
                Some(*sum)
            });
            assert!(
                size == known || groups.into_iter().any(|sum| sum == size && sum > known),
                "{case}"
            );
            // Crashing again at once, while what was left is removed, changes nothing.
            drop(log);
            for fault in [Fault::NotStored, Fault::Stored] {
                store.fail_after(0, fault);
                let mut log = open(&mut store, &mut anchor).unwrap();
                assert!(log.append_one(&leaf_of("demo.again", size)).is_err(), "{case}");
                assert!(matches!(log.append_one(&leaf(size)), Err(Error::Stopped)), "{case}");
                assert!(matches!(log.recorded(0, &leaf(0)), Err(Error::Stopped)), "{case}");
                drop(log);
                store.restart();
                held.extend(stored(&store));
            }
        }
        run(&mut store, &mut anchor, "demo.other", &[1, 6], &mut acknowledged).unwrap();

        let mut entries = Vec::new();
        let outcome = ledger::audit(&store, &verifier(), &held, |index, entry| {
            assert_eq!(entry.facts()["number"], index);
            entries.push(entry.kind().to_string());
        });
        let Outcome::Sound(audit) = outcome.unwrap() else {
            panic!("{case}: the ledger is not sound");
        };
        assert!(audit.unauthenticated.is_empty(), "{case}: {:?}", audit.unauthenticated);
        assert_eq!(audit.verified.held, held.len() as u64, "{case}");
        for (index, kind) in &acknowledged {
            assert_eq!(
                entries.get(usize::try_from(*index).unwrap()).unwrap(),
                kind,
                "{case}: {index}"
            );
        }
        let log = open(&mut store, &mut anchor).unwrap();
        for (index, kind) in acknowledged.iter().step_by(397) {
            assert!(
                log.recorded(*index, &made(kind, *index)).unwrap().is_some(),
                "{case}: {index}"
            );
        }
    }
}
