//! Clusters at many thresholds in one pass: what joins what, and at which weight.
//!
//! Beside clustering, where a threshold is chosen. Sorting the pairs once and joining the heaviest first shows the
//! components at every threshold on the way: the single-linkage dendrogram, or the heaviest spanning forest (Gower and
//! Ross, [Minimum Spanning Trees and Single Linkage Cluster Analysis](https://doi.org/10.2307/2346439), 1969). It knows no
//! constraint and weighs no pair that wasn't handed in: what it shows is [`super::Method::Connected`] unguarded.

use super::{Bond, Forest, Member, check, ordered};
use crate::Result;

/// The joins of records, heaviest first: at most one fewer than there are records.
#[derive(Clone, Debug, PartialEq)]
pub struct Dendrogram {
    members: u32,
    joins: Vec<Bond>,
}

/// The components at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// The threshold.
    pub threshold: f64,
    /// How many there are, single records included.
    pub clusters: u32,
    /// How many of them are of one record.
    pub single: u32,
    /// The records of the largest.
    pub largest: u32,
    /// The pairs of records that share one.
    pub pairs: u64,
}

impl Dendrogram {
    /// Joins records by pairs of any weight.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnsoundClustering`] for a record that isn't there and a weight that is no number.
    pub fn new(members: u32, bonds: Vec<Bond>) -> Result<Self> {
        check(members, &bonds)?;
        let mut forest = Forest::new(members);
        let mut joins = ordered(bonds, f64::NEG_INFINITY);
        joins.retain(|bond| forest.join(bond.one, bond.other));
        Ok(Self { members, joins })
    }

    /// Returns the pairs that join two clusters each, heaviest first.
    pub fn joins(&self) -> &[Bond] {
        &self.joins
    }

    /// Returns, for each record, the first record of its component at a threshold.
    pub fn at(&self, threshold: f64) -> Vec<Member> {
        let mut forest = Forest::new(self.members);
        for bond in self.joins.iter().take_while(|bond| bond.weight >= threshold) {
            forest.join(bond.one, bond.other);
        }
        forest.into_firsts()
    }

    /// Counts the components at each of these thresholds, in one pass; they come back highest first.
    pub fn cuts(&self, thresholds: &[f64]) -> Vec<Cut> {
        let mut thresholds = thresholds.to_vec();
        thresholds.sort_unstable_by(|one, other| other.total_cmp(one));
        let mut forest = Forest::new(self.members);
        let mut sizes = vec![1_u32; self.members as usize];
        let mut now = Cut {
            threshold: f64::INFINITY,
            clusters: self.members,
            single: self.members,
            largest: u32::from(self.members > 0),
            pairs: 0,
        };
        let mut joins = self.joins.iter().peekable();
        let at = |threshold| {
            while let Some(bond) = joins.next_if(|bond| bond.weight >= threshold) {
                let (one, other) = (forest.first(bond.one), forest.first(bond.other));
                let (left, right) = (sizes[one.index()], sizes[other.index()]);
                forest.join(one, other);
                sizes[one.min(other).index()] = left + right;
                now.clusters -= 1;
                now.single -= u32::from(left == 1) + u32::from(right == 1);
                now.largest = now.largest.max(left + right);
                now.pairs += u64::from(left) * u64::from(right);
            }
            Cut { threshold, ..now }
        };
        thresholds.into_iter().map(at).collect()
    }
}
