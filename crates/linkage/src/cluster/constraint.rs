//! What clusters must not contradict: what somebody said of two records, what a source warrants, and the bound on size.
//!
//! Every method joins through the guard here, so that no contradiction can be left over. The guard refuses a join that
//! would make one; since heavier pairs are tried first, the lightest pairs are the ones left out. To leave out the least
//! weight in all would be the minimum multicut, for which nobody has a quick way; this is its greedy form, and the same on
//! every run. A must-link goes before what a source warrants: a person has looked at those two.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::{Forest, Member, Reason};
use crate::{Error, Result};

/// What is known of records beside their weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    sources: Vec<u16>,
    free: BTreeSet<u16>,
    must: Vec<(Member, Member)>,
    cannot: Vec<(Member, Member)>,
}

impl Constraints {
    /// Knows nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Says which source each record is of, and which of the sources hold no individual twice.
    #[must_use]
    pub fn with_sources(
        self,
        sources: Vec<u16>,
        free_of_duplicates: impl IntoIterator<Item = u16>,
    ) -> Self {
        Self { sources, free: free_of_duplicates.into_iter().collect(), ..self }
    }

    /// Says that two records are the same individual.
    #[must_use]
    pub fn with_must_link(mut self, one: Member, other: Member) -> Self {
        self.must.push((one, other));
        self
    }

    /// Says that two records are not.
    #[must_use]
    pub fn with_cannot_link(mut self, one: Member, other: Member) -> Self {
        self.cannot.push((one, other));
        self
    }

    pub(super) fn must(&self) -> &[(Member, Member)] {
        &self.must
    }

    fn free_source(&self, member: Member) -> Option<u16> {
        self.sources.get(member.index()).copied().filter(|source| self.free.contains(source))
    }
}

/// Joins sets of records where nothing speaks against it.
pub(super) struct Guard<'c> {
    forest: Forest,
    constraints: &'c Constraints,
    most_members: Option<u32>,
    /// The size of each set, at its first record.
    sizes: Vec<u32>,
    /// By the first record of a set of several: the sources in it that are free of duplicates.
    sources: FxHashMap<Member, Vec<u16>>,
    /// By the first record of a set: the records that none of its own may be joined with.
    cannot: FxHashMap<Member, Vec<Member>>,
    /// The records of each set that must-links made, by the first.
    said: FxHashMap<Member, Vec<Member>>,
}

impl<'c> Guard<'c> {
    /// Joins what must be joined.
    pub(super) fn new(
        members: u32,
        most_members: Option<u32>,
        constraints: &'c Constraints,
    ) -> Result<Self> {
        let unsound = |problem: String| Err(Error::UnsoundClustering { problem });
        if !constraints.sources.is_empty() && constraints.sources.len() != members as usize {
            return unsound(format!(
                "{} records have a source, and there are {members}",
                constraints.sources.len()
            ));
        }
        for (one, other) in constraints.must.iter().chain(&constraints.cannot) {
            let last = one.max(other);
            if last.number() >= members {
                return unsound(format!(
                    "a constraint names the record {last}, and there are {members}"
                ));
            }
        }
        let mut guard = Self {
            forest: Forest::new(members),
            constraints,
            most_members,
            sizes: vec![1; members as usize],
            sources: FxHashMap::default(),
            cannot: FxHashMap::default(),
            said: FxHashMap::default(),
        };
        for (one, other) in &constraints.must {
            guard.join(*one, *other);
        }
        for (one, other) in &constraints.cannot {
            let (first, second) = (guard.forest.first(*one), guard.forest.first(*other));
            if first == second {
                return unsound(format!(
                    "the records {one} and {other} are said to be one individual and not to be"
                ));
            }
            guard.cannot.entry(first).or_default().push(*other);
            guard.cannot.entry(second).or_default().push(*one);
        }
        let mut linked: Vec<Member> =
            constraints.must.iter().flat_map(|(one, other)| [*one, *other]).collect();
        linked.sort_unstable();
        linked.dedup();
        for member in linked {
            let first = guard.forest.first(member);
            guard.said.entry(first).or_default().push(member);
        }
        Ok(guard)
    }

    /// Returns the first record of a record's set.
    pub(super) fn first(&mut self, member: Member) -> Member {
        self.forest.first(member)
    }

    pub(super) fn are_joined(&mut self, one: Member, other: Member) -> bool {
        self.forest.first(one) == self.forest.first(other)
    }

    /// Returns the records that must-links joined with this one, itself among them.
    pub(super) fn said(&mut self, member: Member) -> Vec<Member> {
        let first = self.forest.first(member);
        self.said.get(&first).cloned().unwrap_or_else(|| vec![member])
    }

    /// Returns a copy of the sets.
    pub(super) fn forest(&self) -> Forest {
        self.forest.clone()
    }

    /// Says what speaks against joining the sets of two records. What does once, does for ever.
    pub(super) fn against(&mut self, one: Member, other: Member) -> Option<Reason> {
        let (one, other) = (self.forest.first(one), self.forest.first(other));
        if one == other {
            return None;
        }
        if self.is_forbidden(one, other) || self.is_forbidden(other, one) {
            return Some(Reason::CannotLink);
        }
        if let Some(source) = self.source_twice(one, other) {
            return Some(Reason::SourceTwice(source));
        }
        let size = self.sizes[one.index()].saturating_add(self.sizes[other.index()]);
        if self.most_members.is_some_and(|most| size > most) {
            return Some(Reason::TooLarge);
        }
        None
    }

    /// Joins the sets of two records, whatever speaks against it.
    pub(super) fn join(&mut self, one: Member, other: Member) {
        let (one, other) = (self.forest.first(one), self.forest.first(other));
        if one == other {
            return;
        }
        let (first, second) = (one.min(other), one.max(other));
        if !self.constraints.free.is_empty() {
            let mut sources = self.free_sources(first);
            sources.extend(self.free_sources(second));
            sources.sort_unstable();
            sources.dedup();
            self.sources.remove(&second);
            self.sources.insert(first, sources);
        }
        if let Some(mut forbidden) = self.cannot.remove(&second) {
            let all = self.cannot.entry(first).or_default();
            // The shorter list moves.
            if all.len() < forbidden.len() {
                std::mem::swap(all, &mut forbidden);
            }
            all.append(&mut forbidden);
        }
        self.sizes[first.index()] =
            self.sizes[first.index()].saturating_add(self.sizes[second.index()]);
        self.forest.join(first, second);
    }

    /// Joins the sets of two records unless something speaks against it, and says what does.
    pub(super) fn try_join(&mut self, one: Member, other: Member) -> Option<Reason> {
        let against = self.against(one, other);
        if against.is_none() {
            self.join(one, other);
        }
        against
    }

    /// Returns the source of a record where that is free of duplicates.
    pub(super) fn free_source(&self, member: Member) -> Option<u16> {
        self.constraints.free_source(member)
    }

    fn free_sources(&self, first: Member) -> Vec<u16> {
        self.sources
            .get(&first)
            .cloned()
            .unwrap_or_else(|| self.constraints.free_source(first).into_iter().collect())
    }

    fn source_twice(&self, one: Member, other: Member) -> Option<u16> {
        if self.constraints.free.is_empty() {
            return None;
        }
        let others = self.free_sources(other);
        self.free_sources(one).into_iter().find(|source| others.contains(source))
    }

    fn is_forbidden(&mut self, first: Member, other: Member) -> bool {
        let Some(forbidden) = self.cannot.get(&first) else {
            return false;
        };
        forbidden.iter().any(|member| self.forest.first(*member) == other)
    }
}
