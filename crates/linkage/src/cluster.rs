//! Makes clusters of pairs: which records are one individual, taken all together.
//!
//! After scoring, where a file is freed of its duplicates or several files are joined. Joining whatever any pair joins
//! lets one wrong pair make one individual of two, and a few make a giant; so the usual method weighs all pairs between
//! two clusters before it joins them, also those that no rule made. Whatever the method, a cluster has a bound on its
//! size, nothing that a reviewer said or that a source warrants is contradicted, and every pair that was left out is told
//! of with its reason. The same pairs give the same clusters, in whatever order they come.
//!
//! It moves no threshold, scores nothing itself, and holds no value of anybody: records are numbers here. Ids that stay
//! what they are while data changes are given by [`Registry`].

mod bridge;
mod chain;
mod connect;
mod constraint;
mod contract;
mod dendrogram;
mod forest;
mod measure;
mod member;
mod registry;

pub use bridge::{Bridge, Bridges};
pub use chain::Chain;
pub use constraint::Constraints;
pub use dendrogram::{Cut, Dendrogram};
pub use forest::Forest;
pub use measure::Measures;
pub use member::{Bond, Member, Members, Weigher};
pub use registry::{ClusterId, Happening, Registry};

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use self::constraint::Guard;
use crate::{Error, Result};

/// How clusters are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The least weight at which a pair joins two records.
    pub threshold: f64,
    /// What decides whether two clusters are joined.
    #[serde(default)]
    pub method: Method,
    /// The most records of one cluster; none is no bound, which has to be asked for.
    #[serde(default = "usual_most_members")]
    pub most_members: Option<u32>,
    /// For [`Method::Correlation`], the weight at which a pair speaks neither for nor against its two clusters. It is the
    /// threshold, where that is lower; left out, it is the threshold or, above even odds, three quarters of it.
    #[serde(default)]
    pub neutral: Option<f64>,
    /// Bridges lighter than this that have two records or more on either side are split.
    #[serde(default)]
    pub weak_bridge: Option<f64>,
}

/// The usual bound on the size of a cluster: several times what one individual leaves behind in any public data set.
const MOST_MEMBERS: u32 = 100;

#[expect(clippy::unnecessary_wraps, reason = "it is the default of an option")]
fn usual_most_members() -> Option<u32> {
    Some(MOST_MEMBERS)
}

/// The usual share of a threshold above even odds at which a pair is neutral.
///
/// A balance, found on the files that the tests name: where a household's weights are too high, the threshold itself would
/// be best; where records are so full of mistakes that an individual's weights are too low, even odds would.
const NEUTRAL: f64 = 0.75;

impl Policy {
    /// Takes the usual method and bound at a threshold.
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            method: Method::default(),
            most_members: usual_most_members(),
            neutral: None,
            weak_bridge: None,
        }
    }
}

/// What decides whether two clusters are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// All pairs between the two, added up: correlation clustering by greedy additive contraction.
    #[default]
    Correlation,
    /// One pair at the threshold is enough: connected components.
    Connected,
    /// One pair is enough, and it must be the heaviest that either still has: for sources free of duplicates.
    BestLink(Ties),
}

/// What becomes of two equal pairs of one record with two records of one source that is free of duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// Neither is taken.
    Drop,
    /// The one whose records stand first is taken.
    Lowest,
}

/// A pair at or above the threshold whose records are not in one cluster, and why not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// The pair.
    pub bond: Bond,
    /// Why it was left out.
    pub reason: Reason,
}

/// Why a pair was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody said that two of the records are not the same individual.
    CannotLink,
    /// This source is free of duplicates and would be in the cluster twice.
    SourceTwice(u16),
    /// The cluster would be larger than its bound.
    TooLarge,
    /// The other pairs between the two clusters speak against it, and weigh more.
    Outweighed,
    /// It held two parts together alone, and was too light for that.
    WeakBridge,
    /// Another pair of the same weight was as good.
    Tie,
}

/// The clusters, and what was left out to make them.
///
/// # Examples
///
/// ```
/// use linkage::cluster::{Bond, Constraints, Member, Policy, cluster};
///
/// let bond = |one, other, weight| Bond::new(Member::new(one), Member::new(other), weight);
/// // Two pairs join 0, 1 and 2; the third stands below the threshold.
/// let bonds = vec![bond(0, 1, 9.0), bond(1, 2, 4.0), bond(2, 3, -8.0)];
/// let clusters = cluster(4, bonds, &Policy::new(0.0), &Constraints::none(), |_, _| None)?;
/// assert_eq!(clusters.count(), 2);
/// let chain = clusters.chain(Member::new(0), Member::new(2)).unwrap();
/// assert_eq!(chain.weakest().weight, 4.0);
/// # Ok::<(), linkage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Clusters {
    /// For each record the first record of its cluster.
    first: Vec<Member>,
    /// The pairs that stand inside clusters, heaviest first; what a reviewer joined weighs infinitely much.
    bonds: Vec<Bond>,
    /// The pairs that were left out, heaviest first.
    splits: Vec<Split>,
    /// Found when somebody asks for them.
    bridges: OnceLock<Bridges>,
}

/// Bridges follow from the pairs.
impl PartialEq for Clusters {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.bonds == other.bonds && self.splits == other.splits
    }
}

/// Makes clusters of `members` records by the pairs at or above the threshold of `policy`.
///
/// `weigh` says what a pair weighs that is not among `bonds`, and is asked by [`Method::Correlation`] alone; where it says
/// nothing, the pair speaks neither for nor against. A [`Weigher`] knows it from the model. Where a pair comes twice, the
/// heavier one counts. Time grows with the bonds, and with the square of the size of a cluster, which is bounded.
///
/// # Errors
///
/// [`Error::UnsoundClustering`] for a record that isn't there, a weight that is no number, and constraints that
/// contradict each other.
pub fn cluster(
    members: u32,
    bonds: Vec<Bond>,
    policy: &Policy,
    constraints: &Constraints,
    mut weigh: impl FnMut(Member, Member) -> Option<f64>,
) -> Result<Clusters> {
    check(members, &bonds)?;
    let bonds = ordered(bonds, policy.threshold);
    let mut guard = Guard::new(members, policy.most_members, constraints)?;
    let mut splits = match policy.method {
        Method::Correlation => {
            let usual = NEUTRAL * policy.threshold;
            let neutral = policy.neutral.unwrap_or(usual).min(policy.threshold);
            contract::contract(&bonds, &mut guard, neutral, &mut weigh)
        }
        Method::Connected => connect::connect(&bonds, &mut guard),
        Method::BestLink(ties) => connect::best_links(&bonds, &mut guard, ties),
    };
    let held = held(&bonds, constraints, &mut guard);
    let mut clusters = Clusters::new(members, held);
    if let Some(least) = policy.weak_bridge {
        splits.extend(clusters.split_weak_bridges(least));
    }
    splits.sort_unstable_by(|one, other| one.bond.by_weight(&other.bond));
    clusters.splits = splits;
    Ok(clusters)
}

fn check(members: u32, bonds: &[Bond]) -> Result<()> {
    for bond in bonds {
        let last = bond.one.max(bond.other);
        if last.number() >= members {
            return Err(Error::UnsoundClustering {
                problem: format!("a pair names the record {last}, and there are {members}"),
            });
        }
        if bond.weight.is_nan() || bond.weight == f64::INFINITY {
            let (one, other) = (bond.one, bond.other);
            let problem = format!("the pair of the records {one} and {other} has no finite weight");
            return Err(Error::UnsoundClustering { problem });
        }
    }
    Ok(())
}

/// Puts the pairs at or above the threshold in one order, each once: the heaviest first.
fn ordered(mut bonds: Vec<Bond>, threshold: f64) -> Vec<Bond> {
    bonds.retain(|bond| bond.weight >= threshold && bond.one != bond.other);
    bonds.sort_unstable_by(|one, other| {
        (one.one, one.other)
            .cmp(&(other.one, other.other))
            .then_with(|| other.weight.total_cmp(&one.weight))
    });
    bonds.dedup_by_key(|bond| (bond.one, bond.other));
    bonds.sort_unstable_by(Bond::by_weight);
    bonds
}

/// The pairs inside clusters, with those that were said to be the same individual.
fn held(bonds: &[Bond], constraints: &Constraints, guard: &mut Guard<'_>) -> Vec<Bond> {
    let said = constraints.must().iter().map(|(one, other)| Bond::new(*one, *other, f64::INFINITY));
    let mut held: Vec<Bond> =
        bonds.iter().copied().filter(|bond| guard.are_joined(bond.one, bond.other)).collect();
    if constraints.must().is_empty() {
        // They are in their order already.
        return held;
    }
    held.extend(said);
    ordered(held, f64::NEG_INFINITY)
}

/// The records of all clusters, one cluster after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    members: Vec<Member>,
    starts: Vec<usize>,
}

impl Grouped {
    /// Returns the records of each cluster, in the order of [`Clusters::groups`].
    pub fn groups(&self) -> Vec<&[Member]> {
        self.starts.windows(2).map(|ends| &self.members[ends[0]..ends[1]]).collect()
    }
}

impl Clusters {
    /// Takes the components of these pairs, which are in their order.
    fn new(members: u32, bonds: Vec<Bond>) -> Self {
        let mut forest = Forest::new(members);
        for bond in &bonds {
            forest.join(bond.one, bond.other);
        }
        Self { first: forest.into_firsts(), bonds, splits: Vec::new(), bridges: OnceLock::new() }
    }

    fn split_weak_bridges(&mut self, least: f64) -> Vec<Split> {
        let weak: std::collections::BTreeSet<(Member, Member)> = (self.bridges().bridges().iter())
            .filter(|bridge| bridge.bond.weight < least && bridge.smaller_side >= 2)
            .map(|bridge| (bridge.bond.one, bridge.bond.other))
            .collect();
        if weak.is_empty() {
            return Vec::new();
        }
        let (split, kept) = std::mem::take(&mut self.bonds)
            .into_iter()
            .partition(|bond| weak.contains(&(bond.one, bond.other)));
        let split: Vec<Bond> = split;
        *self = Self::new(self.members(), kept);
        split.into_iter().map(|bond| Split { bond, reason: Reason::WeakBridge }).collect()
    }

    /// Returns how many records there are.
    pub fn members(&self) -> u32 {
        u32::try_from(self.first.len()).unwrap_or(u32::MAX)
    }

    /// Returns how many clusters there are, single records included.
    pub fn count(&self) -> usize {
        (0..).zip(&self.first).filter(|(number, first)| first.number() == *number).count()
    }

    /// Returns the first record of a record's cluster, which stands for the cluster in this result alone.
    pub fn first(&self, member: Member) -> Member {
        self.first[member.index()]
    }

    /// Returns the records of each cluster, in the order of their first; single records too.
    pub fn groups(&self) -> Vec<Vec<Member>> {
        let mut groups: Vec<Vec<Member>> = Vec::with_capacity(self.count());
        // The first record of a cluster comes before its others, so each group is there when it is needed.
        let mut places = vec![0; self.first.len()];
        for (number, first) in (0..).zip(&self.first) {
            if first.number() == number {
                places[first.index()] = groups.len();
                groups.push(Vec::new());
            }
            groups[places[first.index()]].push(Member::new(number));
        }
        groups
    }

    /// Returns the same groups, their records one after the other in one list.
    pub fn grouped(&self) -> Grouped {
        let mut places = vec![0; self.first.len()];
        let mut starts = Vec::with_capacity(self.count() + 1);
        // How many records each has, and then where the next of it goes.
        let mut next: Vec<usize> = Vec::with_capacity(self.count());
        for (number, first) in (0..).zip(&self.first) {
            if first.number() == number {
                places[first.index()] = next.len();
                next.push(0);
            }
            next[places[first.index()]] += 1;
        }
        let mut start = 0;
        for next in &mut next {
            starts.push(start);
            start += std::mem::replace(next, start);
        }
        starts.push(start);
        let mut members = vec![Member::new(0); start];
        for (number, first) in (0..).zip(&self.first) {
            let place = &mut next[places[first.index()]];
            members[*place] = Member::new(number);
            *place += 1;
        }
        Grouped { members, starts }
    }

    /// Returns how many pairs of records share a cluster.
    pub fn pairs(&self) -> u64 {
        let mut sizes = vec![0_u64; self.first.len()];
        for first in &self.first {
            sizes[first.index()] += 1;
        }
        sizes.iter().map(|size| size * size.saturating_sub(1) / 2).sum()
    }

    /// Returns the pairs that stand inside clusters, heaviest first.
    ///
    /// A pair that somebody said is the same individual weighs infinitely much here.
    pub fn bonds(&self) -> &[Bond] {
        &self.bonds
    }

    /// Returns the pairs at or above the threshold that were left out, heaviest first.
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// Returns the pairs and records that alone hold clusters together.
    pub fn bridges(&self) -> &Bridges {
        self.bridges.get_or_init(|| Bridges::find(self.members(), &self.bonds))
    }

    /// Returns how two records of one cluster hang together, or nothing where they are in two.
    pub fn chain(&self, one: Member, other: Member) -> Option<Chain> {
        if one.number().max(other.number()) >= self.members()
            || self.first(one) != self.first(other)
        {
            return None;
        }
        let own = self.bonds.iter().filter(|bond| self.first(bond.one) == self.first(one));
        Chain::between(own.copied(), one, other)
    }

    /// Measures each cluster of two records or more.
    pub fn measures(&self) -> Vec<Measures> {
        Measures::of(self)
    }
}
