//! Measures clusters as graphs: how closely their records hang together.
//!
//! After clustering, for the report: a sparse cluster, or one that hangs on a single record, is the one to look at first.
//! The measures decide nothing.
//!
//! Centralisation is by degree: Freeman, [Centrality in Social
//! Networks](https://doi.org/10.1016/0378-8733(78)90021-7), 1979.

use super::{Clusters, Member};

/// One cluster of two records or more, measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Its first record.
    pub first: Member,
    /// Its records, and the pairs at or above the threshold that each of them is in (its degree).
    pub degrees: Vec<(Member, u32)>,
    /// Its pairs at or above the threshold.
    pub bonds: u64,
    /// These by all the pairs of its records: 1 where each is joined to each.
    pub density: f64,
    /// How far it hangs on one record: 1 for a star, 0 where all have as many pairs; none below three records.
    pub centralisation: Option<f64>,
    /// How many of its pairs are bridges.
    pub bridges: u32,
    /// The weight of its lightest pair.
    pub lightest: f64,
}

impl Measures {
    /// Returns how many records it has.
    pub fn members(&self) -> usize {
        self.degrees.len()
    }

    /// Returns the share of the cluster's other records that a degree is joined to.
    pub fn centrality(&self, degree: u32) -> f64 {
        f64::from(degree) / (self.members() as f64 - 1.0)
    }

    pub(super) fn of(clusters: &Clusters) -> Vec<Self> {
        let all = clusters.members() as usize;
        let mut degrees = vec![0_u32; all];
        let (mut bonds, mut lightest) = (vec![0_u64; all], vec![f64::INFINITY; all]);
        for bond in clusters.bonds() {
            degrees[bond.one.index()] += 1;
            degrees[bond.other.index()] += 1;
            let first = clusters.first(bond.one).index();
            bonds[first] += 1;
            lightest[first] = lightest[first].min(bond.weight);
        }
        let mut bridges = vec![0_u32; all];
        for bridge in clusters.bridges().bridges() {
            bridges[clusters.first(bridge.bond.one).index()] += 1;
        }
        let measured = |group: Vec<Member>| {
            let first = *group.first().filter(|_| group.len() > 1)?;
            let size = group.len() as f64;
            let degrees: Vec<(Member, u32)> =
                group.into_iter().map(|member| (member, degrees[member.index()])).collect();
            let most = degrees.iter().map(|(_, degree)| *degree).max().unwrap_or(0);
            let lacking: f64 = degrees.iter().map(|(_, degree)| f64::from(most - degree)).sum();
            Some(Self {
                first,
                bonds: bonds[first.index()],
                density: bonds[first.index()] as f64 / (size * (size - 1.0) / 2.0),
                centralisation: (size > 2.0).then(|| lacking / ((size - 1.0) * (size - 2.0))),
                bridges: bridges[first.index()],
                lightest: lightest[first.index()],
                degrees,
            })
        };
        clusters.groups().into_iter().filter_map(measured).collect()
    }
}
