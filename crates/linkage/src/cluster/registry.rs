//! Gives clusters ids that stay what they are while records come, go, and are joined differently.
//!
//! After clustering, from one run to the next. An id is issued once and never again for something else. A cluster keeps
//! the id of which it has inherited the most records; what happened to each id is told as an event. Two records can be
//! parted again: that is remembered, and a former id comes back. It decides on no pair: it is handed clusters and names
//! them.
//!
//! A record is named by whatever the caller knows it by from run to run. That must be a reference, such as a row's number
//! in a register of rows, and no identifier that the person has: the registry is kept for long.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The id of a cluster, issued once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(u64);

impl ClusterId {
    /// Makes an id of its number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns its number, counted from 1.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// What happened to an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Happening {
    /// It was issued to a cluster that inherits no other.
    Issued {
        /// The id.
        id: ClusterId,
        /// Its records.
        records: u64,
    },
    /// Its cluster went into that of another id, which it stands for from now on.
    Merged {
        /// The id that is out of use.
        from: ClusterId,
        /// The id that its records went to, or most of them.
        into: ClusterId,
    },
    /// Some of its records left it for clusters of other ids.
    Split {
        /// The id, which the largest share has kept, unless it went out of use.
        from: ClusterId,
        /// Where the others went.
        into: Vec<ClusterId>,
    },
    /// It is in use again, for the records that it once had.
    Restored {
        /// The id.
        id: ClusterId,
        /// Its records.
        records: u64,
    },
    /// None of its records is there any more.
    Ended {
        /// The id.
        id: ClusterId,
    },
    /// Somebody said that two records in its cluster are not the same individual.
    Parted {
        /// The id that the two records shared.
        from: ClusterId,
    },
}

/// The ids in use, their records, and what the ids out of use once had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "Kept<R>",
    into = "Kept<R>",
    bound(
        serialize = "R: Ord + Clone + Serialize",
        deserialize = "R: Ord + Clone + Deserialize<'de>"
    )
)]
pub struct Registry<R: Ord + Clone> {
    kept: Kept<R>,
    /// The id of each record.
    ids: BTreeMap<R, ClusterId>,
}

/// What a registry is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    bound(serialize = "R: Ord + Serialize", deserialize = "R: Ord + Deserialize<'de>")
)]
struct Kept<R: Ord> {
    /// The number of the next id.
    next: u64,
    /// The ids in use, and their records.
    clusters: BTreeMap<ClusterId, BTreeSet<R>>,
    /// The ids out of use: where each went, and the records it had.
    former: BTreeMap<ClusterId, Former<R>>,
    /// Records that are not the same individual, the lesser first.
    cannot: BTreeSet<(R, R)>,
}

/// An id out of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Former<R: Ord> {
    /// The id that stands for it; none where its records are gone.
    into: Option<ClusterId>,
    /// The records it had last.
    records: BTreeSet<R>,
}

impl<R: Ord + Clone> Default for Registry<R> {
    fn default() -> Self {
        let kept = Kept {
            next: 1,
            clusters: BTreeMap::new(),
            former: BTreeMap::new(),
            cannot: BTreeSet::new(),
        };
        Self { kept, ids: BTreeMap::new() }
    }
}

impl<R: Ord + Clone> Registry<R> {
    /// Begins without any id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the id of a record's cluster.
    pub fn id(&self, record: &R) -> Option<ClusterId> {
        self.ids.get(record).copied()
    }

    /// Returns the ids in use and their records.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterId, &BTreeSet<R>)> {
        self.kept.clusters.iter().map(|(id, records)| (*id, records))
    }

    /// Returns the id in use that an id stands for: itself, or what it went into; none where its records are gone.
    pub fn current(&self, id: ClusterId) -> Option<ClusterId> {
        let mut at = id;
        // A chain of mergers visits no id twice: it is cut when an id is restored.
        for _ in 0..=self.kept.former.len() {
            if self.kept.clusters.contains_key(&at) {
                return Some(at);
            }
            at = self.kept.former.get(&at)?.into?;
        }
        None
    }

    /// Returns the records that were said not to be the same individual, for the constraints of the next clustering.
    pub fn cannot_links(&self) -> impl Iterator<Item = &(R, R)> {
        self.kept.cannot.iter()
    }

    /// Takes back what [`Registry::part`] said of two records.
    pub fn allow(&mut self, one: &R, other: &R) -> bool {
        self.kept.cannot.remove(&(one.min(other).clone(), one.max(other).clone()))
    }

    /// Takes new clusters over: all the records that there are, each in one cluster.
    ///
    /// An id goes to the cluster that has the most of its records. Where one cluster could have several ids, it takes the
    /// one of which it has the most, and the older of two equal ones; the others went into it. A cluster that gets no id so
    /// takes a former one if it has more than half of the records that this had, or else a new one. What comes out doesn't
    /// depend on the order of the clusters.
    ///
    /// # Errors
    ///
    /// [`Error::UnsoundRegistry`] for a record in two clusters, an empty cluster, and one that holds two records that were
    /// said not to be the same individual. Nothing has changed then.
    pub fn update(
        &mut self,
        clusters: impl IntoIterator<Item = BTreeSet<R>>,
    ) -> Result<Vec<Happening>> {
        let clusters = self.check(clusters.into_iter().collect())?;
        let before = self.ids.clone();
        let inherited = self.inherit(&clusters);
        let mut happened = Vec::new();
        let mut named: BTreeMap<ClusterId, BTreeSet<R>> = BTreeMap::new();
        let mut without = Vec::new();
        for (records, id) in clusters.into_iter().zip(inherited) {
            match id {
                Some(id) => {
                    named.insert(id, records);
                }
                None => without.push(records),
            }
        }
        // Each restored or issued id is taken at once, so that the next cluster cannot have it too.
        let out_of_use: Vec<ClusterId> =
            self.kept.clusters.keys().copied().filter(|id| !named.contains_key(id)).collect();
        for records in without {
            let count = records.len() as u64;
            let id = if let Some(id) = self.former_of(&records) {
                self.kept.former.remove(&id);
                happened.push(Happening::Restored { id, records: count });
                id
            } else {
                let id = ClusterId(self.kept.next);
                self.kept.next += 1;
                happened.push(Happening::Issued { id, records: count });
                id
            };
            named.insert(id, records);
        }
        let ids: BTreeMap<R, ClusterId> = named
            .iter()
            .flat_map(|(id, records)| records.iter().map(|record| (record.clone(), *id)))
            .collect();
        happened.extend(self.retire(&out_of_use, &ids));
        happened.extend(splits(&before, &ids, &out_of_use));
        self.kept.clusters = named;
        self.ids = ids;
        Ok(happened)
    }

    /// Says that two records are not the same individual, and parts them where they share a cluster.
    ///
    /// If the two once had two ids that were merged, the former id comes back with those of its records that are still
    /// together. Otherwise `other` leaves alone, under a new id. Records that go with it are for the next clustering to
    /// find, which takes the two as a constraint: [`Registry::cannot_links`].
    ///
    /// # Errors
    ///
    /// [`Error::UnsoundRegistry`] where the two are one record.
    pub fn part(&mut self, one: &R, other: &R) -> Result<Vec<Happening>> {
        if one == other {
            return Err(Error::UnsoundRegistry {
                problem: "a record cannot be parted from itself".to_owned(),
            });
        }
        self.kept.cannot.insert((one.min(other).clone(), one.max(other).clone()));
        let (Some(id), Some(others)) = (self.id(one), self.id(other)) else {
            return Ok(Vec::new());
        };
        if id != others {
            return Ok(Vec::new());
        }
        let shared = self.kept.clusters.get(&id).cloned().unwrap_or_default();
        let leaving = self.leaving(id, one, other, &shared);
        let staying: BTreeSet<R> = shared.difference(&leaving).cloned().collect();
        let mut clusters: Vec<BTreeSet<R>> = (self.kept.clusters.iter())
            .filter(|(other, _)| **other != id)
            .map(|(_, records)| records.clone())
            .collect();
        clusters.extend([staying, leaving]);
        let mut happened = vec![Happening::Parted { from: id }];
        happened.extend(self.update(clusters)?);
        Ok(happened)
    }

    /// The records that leave when two are parted: those that a former id had and that hold just one of the two.
    fn leaving(&self, id: ClusterId, one: &R, other: &R, shared: &BTreeSet<R>) -> BTreeSet<R> {
        let parts = |records: &BTreeSet<R>| records.contains(one) != records.contains(other);
        let allowed = |records: &BTreeSet<R>| {
            let is_in = |record: &R| records.contains(record);
            !self.kept.cannot.iter().any(|(one, other)| is_in(one) && is_in(other))
        };
        // The merger that joined them is the latest one that had just one of the two: the largest such set.
        let former = (self.kept.former.iter())
            .filter(|(former, _)| self.current(**former) == Some(id))
            .map(|(_, former)| {
                former.records.intersection(shared).cloned().collect::<BTreeSet<R>>()
            })
            .filter(|records| parts(records) && records.len() < shared.len())
            .filter(|records| allowed(records))
            .max_by_key(BTreeSet::len);
        former.unwrap_or_else(|| BTreeSet::from([other.clone()]))
    }

    fn check(&self, mut clusters: Vec<BTreeSet<R>>) -> Result<Vec<BTreeSet<R>>> {
        let unsound = |problem: &str| Err(Error::UnsoundRegistry { problem: problem.to_owned() });
        // The order of their first records, which no two share.
        clusters.sort_unstable_by(|one, other| one.first().cmp(&other.first()));
        let mut seen: BTreeMap<&R, usize> = BTreeMap::new();
        for (place, records) in clusters.iter().enumerate() {
            if records.is_empty() {
                return unsound("a cluster has no record");
            }
            for record in records {
                if seen.insert(record, place).is_some() {
                    return unsound("a record is in two clusters");
                }
            }
        }
        let together = |(one, other): &(R, R)| {
            seen.get(one).is_some_and(|place| seen.get(other) == Some(place))
        };
        if self.kept.cannot.iter().any(together) {
            return unsound(
                "a cluster holds two records that were said not to be the same individual",
            );
        }
        Ok(clusters)
    }

    /// Finds the id that each cluster inherits.
    fn inherit(&self, clusters: &[BTreeSet<R>]) -> Vec<Option<ClusterId>> {
        let mut shares: Vec<(usize, ClusterId, usize)> = Vec::new();
        for (place, records) in clusters.iter().enumerate() {
            let mut counts: BTreeMap<ClusterId, usize> = BTreeMap::new();
            for id in records.iter().filter_map(|record| self.ids.get(record)) {
                *counts.entry(*id).or_insert(0) += 1;
            }
            shares.extend(counts.into_iter().map(|(id, count)| (count, id, place)));
        }
        // The largest share first; of equal ones the older id, and then the cluster whose first record comes first.
        shares.sort_unstable_by(|one, other| {
            other.0.cmp(&one.0).then_with(|| (one.1, one.2).cmp(&(other.1, other.2)))
        });
        let mut inherited = vec![None; clusters.len()];
        let mut taken: BTreeSet<ClusterId> = BTreeSet::new();
        for (_, id, place) in shares {
            if inherited[place].is_none() && taken.insert(id) {
                inherited[place] = Some(id);
            }
        }
        inherited
    }

    /// Finds the former id of which these records are more than half.
    fn former_of(&self, records: &BTreeSet<R>) -> Option<ClusterId> {
        let share = |former: &Former<R>| former.records.intersection(records).count();
        (self.kept.former.iter())
            .map(|(id, former)| (share(former), former.records.len(), *id))
            .filter(|(share, all, _)| 2 * share > *all)
            // The most records; of equal ones the older id.
            .max_by_key(|(share, _, id)| (*share, std::cmp::Reverse(*id)))
            .map(|(_, _, id)| id)
    }

    /// Puts ids out of use, and says where they went.
    fn retire(&mut self, ids: &[ClusterId], now: &BTreeMap<R, ClusterId>) -> Vec<Happening> {
        let mut happened = Vec::new();
        for id in ids {
            let records = self.kept.clusters.remove(id).unwrap_or_default();
            let into = most(records.iter().filter_map(|record| now.get(record).copied()));
            happened.push(match into {
                Some(into) => Happening::Merged { from: *id, into },
                None => Happening::Ended { id: *id },
            });
            self.kept.former.insert(*id, Former { into, records });
        }
        happened
    }
}

/// The id that comes most often, the older of two equal ones.
fn most(ids: impl Iterator<Item = ClusterId>) -> Option<ClusterId> {
    let mut counts: BTreeMap<ClusterId, usize> = BTreeMap::new();
    for id in ids {
        *counts.entry(id).or_insert(0) += 1;
    }
    counts.into_iter().max_by_key(|(id, count)| (*count, std::cmp::Reverse(*id))).map(|(id, _)| id)
}

/// Says which ids lost records to others, those aside that went whole into one.
fn splits<R: Ord>(
    before: &BTreeMap<R, ClusterId>,
    now: &BTreeMap<R, ClusterId>,
    out_of_use: &[ClusterId],
) -> Vec<Happening> {
    let mut went: BTreeMap<ClusterId, BTreeSet<ClusterId>> = BTreeMap::new();
    for (record, id) in before {
        if let Some(to) = now.get(record).filter(|to| *to != id) {
            went.entry(*id).or_default().insert(*to);
        }
    }
    went.into_iter()
        .filter(|(id, into)| into.len() > 1 || !out_of_use.contains(id))
        .map(|(from, into)| Happening::Split { from, into: into.into_iter().collect() })
        .collect()
}

impl<R: Ord + Clone> From<Registry<R>> for Kept<R> {
    fn from(registry: Registry<R>) -> Self {
        registry.kept
    }
}

impl<R: Ord + Clone> TryFrom<Kept<R>> for Registry<R> {
    type Error = Error;

    fn try_from(kept: Kept<R>) -> Result<Self> {
        let unsound = |problem: &str| Err(Error::UnsoundRegistry { problem: problem.to_owned() });
        let mut ids = BTreeMap::new();
        for (id, records) in &kept.clusters {
            if records.is_empty() {
                return unsound("a cluster has no record");
            }
            for record in records {
                if ids.insert(record.clone(), *id).is_some() {
                    return unsound("a record is in two clusters");
                }
            }
        }
        let mut all = kept.clusters.keys().chain(kept.former.keys());
        if all.any(|id| id.0 == 0 || id.0 >= kept.next) {
            return unsound("an id is in use that was not issued yet");
        }
        if kept.clusters.keys().any(|id| kept.former.contains_key(id)) {
            return unsound("an id is both in use and out of use");
        }
        if kept.cannot.iter().any(|(one, other)| one >= other) {
            return unsound("records that are not the same individual stand in the wrong order");
        }
        Ok(Self { kept, ids })
    }
}
