//! Joins records one pair at a time, the heaviest first: connected components, and single best links.
//!
//! The plain methods of [`super::cluster`]. A pair that would make a contradiction is left out. Where sources are free of
//! duplicates, taking the heaviest pair that still may be taken is the same as taking, round after round, every pair that
//! is the best of both its clusters: a cluster only ever loses pairs to better ones. That is Splink's single best link.
//! It looks at no pair that is not handed in.

use rustc_hash::FxHashMap;

use super::constraint::Guard;
use super::{Bond, Member, Reason, Split, Ties};

/// Joins whatever a pair joins, unless something speaks against it.
pub(super) fn connect(bonds: &[Bond], guard: &mut Guard<'_>) -> Vec<Split> {
    let mut splits = Vec::new();
    for bond in bonds {
        if let Some(reason) = guard.try_join(bond.one, bond.other) {
            splits.push(Split { bond: *bond, reason });
        }
    }
    // What speaks against a join once does so for ever, so no later pair has joined these two.
    splits
}

/// Does the same, treating equal pairs of one record as asked.
pub(super) fn best_links(bonds: &[Bond], guard: &mut Guard<'_>, ties: Ties) -> Vec<Split> {
    match ties {
        Ties::Lowest => connect(bonds, guard),
        Ties::Drop => {
            let ambiguous = tied(bonds, guard);
            let (dropped, kept): (Vec<Bond>, Vec<Bond>) =
                bonds.iter().partition(|bond| ambiguous.contains(&(bond.one, bond.other)));
            let mut splits = connect(&kept, guard);
            // Other pairs may have joined the two nevertheless.
            splits.extend(
                dropped
                    .into_iter()
                    .filter(|bond| !guard.are_joined(bond.one, bond.other))
                    .map(|bond| Split { bond, reason: Reason::Tie }),
            );
            splits
        }
    }
}

/// Finds the pairs that share a record, a weight, and the source of their other record, which is free of duplicates.
fn tied(bonds: &[Bond], guard: &Guard<'_>) -> std::collections::BTreeSet<(Member, Member)> {
    let ends = |bond: &Bond| [(bond.one, bond.other), (bond.other, bond.one)];
    let mut counts: FxHashMap<(Member, u16, u64), u32> = FxHashMap::default();
    for bond in bonds {
        for (own, other) in ends(bond) {
            if let Some(source) = guard.free_source(other) {
                *counts.entry((own, source, bond.weight.to_bits())).or_insert(0) += 1;
            }
        }
    }
    let is_tied = |bond: &&Bond| {
        ends(bond).into_iter().any(|(own, other)| {
            guard.free_source(other).is_some_and(|source| {
                counts.get(&(own, source, bond.weight.to_bits())).is_some_and(|count| *count > 1)
            })
        })
    };
    bonds.iter().filter(is_tied).map(|bond| (bond.one, bond.other)).collect()
}
