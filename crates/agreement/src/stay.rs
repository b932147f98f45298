//! A stay: an order of a court or authority, or a source's own stop, that halts what is in its scope (F8).
//!
//! 5 U.S.C. 552a(q)(1): a source that has reason to believe that the terms are not kept stops. A stay counts from the
//! moment it is recorded, is looked up again before each chunk of a release, and is lifted only by an order of its
//! own. A part of a stay is lifted by lifting it and recording a narrower one. Whether an order is right is not for
//! this program.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Act, Agreement, CaseRequest, Digest, ElementRef, Error, Filed, GroupId, PartyId, Request, Role,
};

/// A stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stay {
    /// The docket number of the order, or the source's own number.
    pub order: String,
    /// Who ordered it.
    pub authority: String,
    /// An order, or a source's own stop.
    pub kind: StayKind,
    /// What it covers.
    pub scope: Scope,
    /// When it was recorded here; it counts once it is recorded, or from `from` if that is later. Whoever records it
    /// sets it.
    #[serde(default)]
    pub recorded: Timestamp,
    /// From when on it counts, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when, if the order says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The order that lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lift>,
}

/// Where a stay comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StayKind {
    /// An order of a court or another authority.
    Order,
    /// A source's own stop, 5 U.S.C. 552a(q)(1).
    SourceStop,
}

/// The order that lifted a stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The number of the lifting order.
    pub order: String,
    /// Who ordered it.
    pub authority: String,
    /// From when on.
    pub at: Timestamp,
}

/// What a stay covers. An empty list covers everything of its sort, so that an order without limits stops all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// These agreements.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub agreements: BTreeSet<Digest>,
    /// These parties, in the given direction.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub parties: BTreeSet<PartyId>,
    /// Whether what comes from these parties is stayed, what goes to them, or both.
    pub direction: Direction,
    /// These elements, by record set and name or by record set alone.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub elements: BTreeSet<String>,
    /// These populations.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub populations: BTreeSet<GroupId>,
    /// These territories.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub territories: BTreeSet<GroupId>,
    /// These acts, besides those by which data moves: corrections, restorations, hearing evidence and the person's own
    /// access go on under a stay unless an order names them (F1).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<Act>,
}

/// Which way data goes, seen from the parties a stay names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From them and to them.
    #[default]
    Both,
    /// From them.
    From,
    /// To them.
    To,
}

impl Stay {
    /// Reads a stay from its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when the text is no stay.
    pub fn read(text: &str, file: &str) -> Result<Self, Error> {
        crate::signature::read(text, file, "stay")
    }

    /// Writes the stay as the text of its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when a value has no TOML form.
    pub fn to_text(&self) -> Result<String, Error> {
        crate::signature::write(self, "stay")
    }

    /// Tells whether the stay is in force at an instant.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        // A stay that is recorded counts even where the clock is behind the one it was recorded by.
        let begun = self.from.is_none_or(|from| from <= self.recorded || from <= now);
        let over = self.until.is_some_and(|until| until <= now);
        let lifted = self.lifted.as_ref().is_some_and(|lift| lift.at <= now);
        begun && !over && !lifted
    }

    /// Returns the instant from which on the stay counts.
    pub fn begins(&self) -> Timestamp {
        self.from.map_or(self.recorded, |from| from.max(self.recorded))
    }

    /// Returns what in the scope names nothing of an agreement, of its annexes or of this program. Such a stay covers
    /// everything of its sort, and whoever records it is asked to write what was meant.
    pub fn problems(&self, filed: &Filed) -> Vec<String> {
        let agreement = &filed.agreement;
        let joins = |id: &PartyId| filed.annexes.iter().any(|annex| annex.party.id == *id);
        let parties = self.scope.parties.iter();
        let parties = parties
            .filter(|id| agreement.party(id).is_none() && !joins(id))
            .map(|id| format!("`{id}` is no party of the agreement"));
        let elements = self.scope.elements.iter();
        let elements = elements
            .filter(|name| !names_elements(agreement, name))
            .map(|name| format!("`{name}` is no element and no record set of the agreement"));
        let digest = agreement.digest().ok();
        let elsewhere = !self.scope.agreements.is_empty()
            && !self.scope.agreements.iter().any(|named| Some(*named) == digest);
        let elsewhere = elsewhere.then(|| "the stay is of other agreements than this".to_owned());
        parties.chain(elements).chain(elsewhere).collect()
    }

    /// Tells whether the stay, in force at `now`, halts a request under this agreement, whose digest and parties are
    /// given with it. A name in the scope that the agreement does not have covers everything of its sort, because what
    /// was meant is not known: better halted than released.
    pub fn halts(
        &self,
        request: &Request,
        agreement: &Agreement,
        digest: Digest,
        parties: &[(PartyId, Vec<Role>)],
        now: Timestamp,
    ) -> bool {
        let stay = Self { scope: self.known(agreement).into_owned(), ..self.clone() };
        stay.applies(request, digest, parties, now)
    }

    /// Tells whether the stay, in force at `now`, halts an act on a case: one that moves it towards an action, or one
    /// that the order names. What protects the person goes on otherwise, and nothing keeps the auditor out (F11).
    pub fn halts_case(
        &self,
        request: &CaseRequest,
        agreement: &Agreement,
        digest: Digest,
        parties: &[(PartyId, Vec<Role>)],
        now: Timestamp,
    ) -> bool {
        let named = self.kind == StayKind::Order && self.scope.also.contains(&request.act);
        let halted =
            if request.act.advances() { true } else { named && request.act.can_be_named() };
        let reach = Reach {
            elements: request.elements.iter().collect(),
            populations: &request.populations,
            territories: &request.territories,
        };
        halted && self.is_in_force(now) && self.known(agreement).reaches(&reach, digest, parties)
    }

    /// Returns the scope as it counts under an agreement: with an element that nobody knows it covers every element.
    fn known(&self, agreement: &Agreement) -> Cow<'_, Scope> {
        if self.scope.elements.iter().all(|name| names_elements(agreement, name)) {
            return Cow::Borrowed(&self.scope);
        }
        Cow::Owned(Scope { elements: BTreeSet::new(), ..self.scope.clone() })
    }

    /// Tells whether the stay, in force at `now`, halts a request under an agreement of which only the digest is at
    /// hand. Who has the agreement asks [`Stay::halts`], which also catches elements that nobody knows.
    pub fn applies(
        &self,
        request: &Request,
        agreement: Digest,
        parties: &[(PartyId, Vec<Role>)],
        now: Timestamp,
    ) -> bool {
        self.is_in_force(now) && self.covers(request, agreement, parties)
    }

    /// Tells whether a request under an agreement is in the stay's scope, whatever the time.
    pub fn covers(
        &self,
        request: &Request,
        agreement: Digest,
        parties: &[(PartyId, Vec<Role>)],
    ) -> bool {
        // Filing moves no data, and no stay stops the auditor (F11).
        request.act != Act::FILE
            && request.act != Act::AUDIT
            && self.scope.reaches(&Reach::of(request), agreement, parties)
    }
}

/// What a request reaches: the elements, and whom they concern.
struct Reach<'r> {
    elements: Vec<&'r ElementRef>,
    populations: &'r BTreeSet<GroupId>,
    territories: &'r BTreeSet<GroupId>,
}

impl<'r> Reach<'r> {
    fn of(request: &'r Request) -> Self {
        let lists = request.matched_on.iter().chain(&request.returned).chain(&request.compared);
        Self {
            elements: lists.chain(&request.caseload_id).collect(),
            populations: &request.populations,
            territories: &request.territories,
        }
    }
}

/// Tells whether a name in a scope is an element or a record set of an agreement.
fn names_elements(agreement: &Agreement, name: &str) -> bool {
    agreement.record_sets.iter().any(|set| {
        let known = set.elements().map(|(_, element)| &element.name).chain(&set.caseload_id);
        set.id.as_str() == name
            || known.into_iter().any(|known| set.reference(known).to_string() == name)
    })
}

/// Tells whether groups of a scope meet those of a request. A request that does not say whom it concerns may concern
/// anybody, so it is covered.
fn shares(scope: &BTreeSet<GroupId>, request: &BTreeSet<GroupId>) -> bool {
    scope.is_empty() || request.is_empty() || !scope.is_disjoint(request)
}

impl Scope {
    fn reaches(
        &self,
        reach: &Reach<'_>,
        agreement: Digest,
        parties: &[(PartyId, Vec<Role>)],
    ) -> bool {
        (self.agreements.is_empty() || self.agreements.contains(&agreement))
            && self.covers_parties(parties)
            && self.covers_elements(&reach.elements)
            && shares(&self.populations, reach.populations)
            && shares(&self.territories, reach.territories)
    }

    fn covers_parties(&self, parties: &[(PartyId, Vec<Role>)]) -> bool {
        if self.parties.is_empty() {
            return true;
        }
        // An agent passes on what the source gave it.
        let gives = |roles: &[Role]| roles.iter().any(|role| *role != Role::Recipient);
        let gets = |roles: &[Role]| roles.iter().any(|role| *role != Role::Source);
        // Whoever wrote a name that no party has meant somebody: it covers everybody.
        if self.parties.iter().any(|id| parties.iter().all(|(party, _)| party != id)) {
            return true;
        }
        let named = parties.iter().filter(|(id, _)| self.parties.contains(id));
        let moves = |(_, roles): &(PartyId, Vec<Role>)| match self.direction {
            Direction::Both => true,
            Direction::From => gives(roles),
            Direction::To => gets(roles),
        };
        named.into_iter().any(moves)
    }

    fn covers_elements(&self, asked: &[&ElementRef]) -> bool {
        self.elements.is_empty()
            // A request that names no element may concern any.
            || asked.is_empty()
            || asked.iter().any(|element| {
                self.elements.contains(&element.to_string())
                    || self.elements.contains(element.record_set.as_str())
            })
    }
}
