//! Joins two clusters where all pairs between them, added up, speak for it: the heaviest sum first.
//!
//! The usual method of [`super::cluster`]. A weight is the logarithm of the odds that two records are one individual, so
//! the sum over the pairs between two clusters is what the model has to say of their being one. A pair that no rule made
//! is weighed too, once its records' clusters are neighbours: silence of the rules isn't taken for evidence, and neither is
//! it taken for none. So one wrong pair between two individuals of four records each stands against fifteen others. Each
//! weight counts from one at which it speaks neither for nor against. That isn't even odds: two records of one individual,
//! both with mistakes, weigh well below them, since the sum takes each mistake for news.
//!
//! Greedy additive edge contraction: Keuper and others, [Efficient Decomposition of Image and Mesh Graphs by Lifted
//! Multicuts](https://doi.org/10.1109/ICCV.2015.204), 2015, on the correlation clustering of Bansal, Blum and Chawla, 2004.
//! It finds no optimum, for which no quick way is known, but the same answer whatever the order of the pairs.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;

use super::constraint::Guard;
use super::{Bond, Member, Reason, Split};

/// Says what a pair weighs that was not handed in.
type Weigh<'w> = &'w mut dyn FnMut(Member, Member) -> Option<f64>;

/// Joins clusters within each component of the pairs.
pub(super) fn contract(
    bonds: &[Bond],
    guard: &mut Guard<'_>,
    neutral: f64,
    weigh: Weigh<'_>,
) -> Vec<Split> {
    let mut forest = guard.forest();
    for bond in bonds {
        forest.join(bond.one, bond.other);
    }
    let mut placed: Vec<(Member, usize)> =
        bonds.iter().enumerate().map(|(place, bond)| (forest.first(bond.one), place)).collect();
    drop(forest);
    placed.sort_unstable();
    let mut splits = Vec::new();
    for component in placed.chunk_by(|one, other| one.0 == other.0) {
        let bonds: Vec<Bond> = component.iter().map(|(_, place)| bonds[*place]).collect();
        let mut component = Component::new(&bonds, guard, neutral, weigh);
        component.contract();
        splits.extend(bonds.iter().filter_map(|bond| component.why_split(bond)));
    }
    splits
}

/// A cluster in the making.
struct Part {
    members: Vec<Member>,
    /// The neighbours, by the place of their part, and the sum of the weights between.
    sums: FxHashMap<usize, f64>,
}

/// Two neighbours that may be joined.
struct Joinable {
    sum: f64,
    one: usize,
    other: usize,
}

/// Records that the pairs hang together, and their parts so far.
struct Component<'a, 'c> {
    guard: &'a mut Guard<'c>,
    weigh: &'a mut dyn FnMut(Member, Member) -> Option<f64>,
    neutral: f64,
    /// The weights that were handed in.
    known: FxHashMap<(Member, Member), f64>,
    /// In the order of their first records; nothing where a part has gone into an earlier one.
    parts: Vec<Option<Part>>,
    /// The part of each record.
    places: FxHashMap<Member, usize>,
    heap: BinaryHeap<Joinable>,
}

impl<'a, 'c> Component<'a, 'c> {
    fn new(
        bonds: &[Bond],
        guard: &'a mut Guard<'c>,
        neutral: f64,
        weigh: &'a mut dyn FnMut(Member, Member) -> Option<f64>,
    ) -> Self {
        let mut firsts: Vec<Member> =
            bonds.iter().flat_map(|bond| [bond.one, bond.other]).collect();
        for member in &mut firsts {
            *member = guard.first(*member);
        }
        firsts.sort_unstable();
        firsts.dedup();
        let mut places = FxHashMap::default();
        let mut parts = Vec::with_capacity(firsts.len());
        for (place, first) in firsts.into_iter().enumerate() {
            let members = guard.said(first);
            places.extend(members.iter().map(|member| (*member, place)));
            parts.push(Some(Part { members, sums: FxHashMap::default() }));
        }
        let known = bonds.iter().map(|bond| ((bond.one, bond.other), bond.weight)).collect();
        let heap = BinaryHeap::new();
        let mut component = Self { guard, weigh, neutral, known, parts, places, heap };
        let neighbours: BTreeSet<(usize, usize)> = bonds
            .iter()
            .map(|bond| (component.places[&bond.one], component.places[&bond.other]))
            .filter(|(one, other)| one != other)
            .map(|(one, other)| (one.min(other), one.max(other)))
            .collect();
        for (one, other) in neighbours {
            let sum = component.sum_between(one, other);
            component.set(one, other, sum);
        }
        component
    }

    fn contract(&mut self) {
        while let Some(Joinable { sum, one, other }) = self.heap.pop() {
            let is_so = self.sum(one, other).is_some_and(|now| now.total_cmp(&sum).is_eq());
            if !is_so {
                continue;
            }
            let (first, second) = (self.first(one), self.first(other));
            if self.guard.try_join(first, second).is_some() {
                self.set(one, other, f64::NEG_INFINITY);
            } else {
                self.merge(one, other);
            }
        }
    }

    /// Puts the later part into the earlier one.
    fn merge(&mut self, one: usize, other: usize) {
        let neighbours: BTreeSet<usize> = [one, other]
            .iter()
            .filter_map(|place| self.parts[*place].as_ref())
            .flat_map(|part| part.sums.keys().copied())
            .filter(|place| *place != one && *place != other)
            .collect();
        let sums: Vec<(usize, f64)> = neighbours
            .into_iter()
            .map(|place| {
                let mut side = |own| match self.sum(own, place) {
                    Some(sum) => sum,
                    None => self.sum_between(own, place),
                };
                (place, side(one) + side(other))
            })
            .collect();
        let Some(gone) = self.parts[other].take() else {
            return;
        };
        for member in &gone.members {
            self.places.insert(*member, one);
        }
        for place in gone.sums.keys() {
            if let Some(part) = &mut self.parts[*place] {
                part.sums.remove(&other);
            }
        }
        if let Some(part) = &mut self.parts[one] {
            part.members.extend(gone.members);
            part.members.sort_unstable();
        }
        for (place, sum) in sums {
            self.set(one, place, sum);
        }
    }

    fn set(&mut self, one: usize, other: usize, sum: f64) {
        for (own, neighbour) in [(one, other), (other, one)] {
            if let Some(part) = &mut self.parts[own] {
                part.sums.insert(neighbour, sum);
            }
        }
        // A pair at the threshold is kept, so a sum of nothing joins.
        if sum >= 0.0 {
            self.heap.push(Joinable { sum, one: one.min(other), other: one.max(other) });
        }
    }

    fn sum(&self, one: usize, other: usize) -> Option<f64> {
        self.parts[one].as_ref()?.sums.get(&other).copied()
    }

    /// Adds up all pairs between two parts, in the order of their records.
    fn sum_between(&mut self, one: usize, other: usize) -> f64 {
        if self.guard.against(self.first(one), self.first(other)).is_some() {
            return f64::NEG_INFINITY;
        }
        let (Some(left), Some(right)) = (&self.parts[one], &self.parts[other]) else {
            return f64::NEG_INFINITY;
        };
        let mut sum = 0.0;
        for one in &left.members {
            for other in &right.members {
                let pair = (*one.min(other), *one.max(other));
                let weight = match self.known.get(&pair) {
                    Some(known) => Some(*known),
                    None => (self.weigh)(pair.0, pair.1),
                };
                sum += weight.map_or(0.0, |weight| weight - self.neutral);
            }
        }
        sum
    }

    fn first(&self, place: usize) -> Member {
        self.parts[place].as_ref().map_or(Member::new(0), |part| part.members[0])
    }

    /// Says why the records of a pair are not in one part, if they aren't.
    fn why_split(&mut self, bond: &Bond) -> Option<Split> {
        let (one, other) = (self.places[&bond.one], self.places[&bond.other]);
        if one == other {
            return None;
        }
        let is_outweighed = self.sum(one, other).is_some_and(f64::is_finite);
        let reason = if is_outweighed { None } else { self.guard.against(bond.one, bond.other) };
        Some(Split { bond: *bond, reason: reason.unwrap_or(Reason::Outweighed) })
    }
}

impl PartialEq for Joinable {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Joinable {}

impl PartialOrd for Joinable {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Joinable {
    /// The heaviest sum is the greatest; of equal ones, that of the records that stand first.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.sum.total_cmp(&other.sum))
            .then_with(|| (other.one, other.other).cmp(&(self.one, self.other)))
    }
}
