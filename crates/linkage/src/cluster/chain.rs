//! Explains why two records are in one cluster: the pairs that lead from one to the other.
//!
//! Beside clustering, for whoever asks. Of all the ways through a cluster it tells the one whose weakest pair is the
//! heaviest, which is the way through the heaviest spanning tree: Hu, [The Maximum Capacity Route
//! Problem](https://doi.org/10.1287/opre.9.6.898), 1961. It tells of pairs; why a pair weighs what it weighs,
//! [`crate::explain()`] says.

use std::collections::BTreeMap;

use super::{Bond, Member};

/// The pairs that lead from one record to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    bonds: Vec<Bond>,
    weakest: Bond,
}

impl Chain {
    /// Finds the chain whose weakest pair is the heaviest, or nothing where no pairs lead from one to the other.
    pub(super) fn between(
        bonds: impl Iterator<Item = Bond>,
        one: Member,
        other: Member,
    ) -> Option<Self> {
        let mut bonds: Vec<Bond> = bonds.collect();
        bonds.sort_unstable_by(Bond::by_weight);
        let mut trees: BTreeMap<Member, Member> = BTreeMap::new();
        let mut kept: BTreeMap<Member, Vec<Bond>> = BTreeMap::new();
        for bond in bonds {
            let (first, second) = (root(&mut trees, bond.one), root(&mut trees, bond.other));
            if first == second {
                continue;
            }
            trees.insert(first.max(second), first.min(second));
            kept.entry(bond.one).or_default().push(bond);
            kept.entry(bond.other).or_default().push(bond);
            if root(&mut trees, one) == root(&mut trees, other) {
                break;
            }
        }
        let bonds = way(&kept, one, other)?;
        let weakest = bonds.iter().copied().max_by(Bond::by_weight)?;
        Some(Self { bonds, weakest })
    }

    /// Returns the pairs, in the order in which they lead from the one record to the other.
    pub fn bonds(&self) -> &[Bond] {
        &self.bonds
    }

    /// Returns the weakest of them: no other chain's weakest is heavier.
    pub fn weakest(&self) -> Bond {
        self.weakest
    }
}

fn root(trees: &mut BTreeMap<Member, Member>, member: Member) -> Member {
    let mut at = member;
    while let Some(above) = trees.get(&at).copied() {
        at = above;
    }
    if at != member {
        trees.insert(member, at);
    }
    at
}

/// Walks a tree from one record to another.
fn way(tree: &BTreeMap<Member, Vec<Bond>>, from: Member, to: Member) -> Option<Vec<Bond>> {
    let mut reached: BTreeMap<Member, Option<Bond>> = BTreeMap::from([(from, None)]);
    let mut open = vec![from];
    while let Some(member) = open.pop() {
        for bond in tree.get(&member).into_iter().flatten() {
            let next = if bond.one == member { bond.other } else { bond.one };
            reached.entry(next).or_insert_with(|| {
                open.push(next);
                Some(*bond)
            });
        }
    }
    let mut bonds = Vec::new();
    let mut at = to;
    while let Some(bond) = *reached.get(&at)? {
        bonds.push(bond);
        at = if bond.one == at { bond.other } else { bond.one };
    }
    bonds.reverse();
    (!bonds.is_empty()).then_some(bonds)
}
