//! A stay: an order of a court or authority, or a source's own stop, that halts what is in its scope (F8).
//!
//! 5 U.S.C. 552a(q)(1): a source that has reason to believe that the terms are not kept stops. A stay counts from the
//! moment it is recorded, is looked up again before each chunk of a release, and is lifted only by an order of its
//! own. A part of a stay is lifted by recording the narrower one that remains ([`Stay::narrowed`]) and lifting the first,
//! in this order, so that nothing passes in between. Whether an order is right is not for
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
    /// Parts of it that were lifted ([`Scope::without`]).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Scope>,
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

    /// Returns what remains of the stay when an order lifts a part of it: a stay of its own, recorded at `now`, under
    /// the same order and with the same dates.
    #[must_use]
    pub fn narrowed(&self, part: &Scope, now: Timestamp) -> Self {
        Self { scope: self.scope.without(part), recorded: now, lifted: None, ..self.clone() }
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
            act: &request.act,
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
    act: &'r Act,
    elements: Vec<&'r ElementRef>,
    populations: &'r BTreeSet<GroupId>,
    territories: &'r BTreeSet<GroupId>,
}

impl<'r> Reach<'r> {
    fn of(request: &'r Request) -> Self {
        let lists = request.matched_on.iter().chain(&request.returned).chain(&request.compared);
        Self {
            act: &request.act,
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

/// Tells whether the groups that a request reaches of a scope are all in a part of it.
fn within(
    part: &BTreeSet<GroupId>,
    stayed: &BTreeSet<GroupId>,
    request: &BTreeSet<GroupId>,
) -> bool {
    if part.is_empty() {
        return true;
    }
    match (stayed.is_empty(), request.is_empty()) {
        (true, true) => false,
        (true, false) => request.is_subset(part),
        (false, true) => stayed.is_subset(part),
        (false, false) => stayed.intersection(request).all(|group| part.contains(group)),
    }
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
            && !self.except.iter().any(|part| part.holds(self, reach, agreement, parties))
    }

    /// Returns the scope without a part of it. What lies in the part only partly stays covered.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let mut narrowed = self.clone();
        if !narrowed.except.contains(part) {
            narrowed.except.push(part.clone());
        }
        narrowed
    }

    /// Tells whether all that a request reaches of a stay's scope lies in this part of it. A request that leaves open
    /// what it reaches may reach what is outside.
    fn holds(
        &self,
        stayed: &Self,
        reach: &Reach<'_>,
        agreement: Digest,
        parties: &[(PartyId, Vec<Role>)],
    ) -> bool {
        let elements: BTreeSet<String> = if reach.elements.is_empty() {
            stayed.elements.clone()
        } else {
            let named = reach.elements.iter().filter(|element| stayed.names(element));
            named.map(ToString::to_string).collect()
        };
        let known = |name: &String| {
            let set = name.split_once('.').map_or(name.as_str(), |(set, _)| set);
            self.elements.contains(name) || self.elements.contains(set)
        };
        (self.agreements.is_empty() || self.agreements.contains(&agreement))
            && (self.also.is_empty() || self.also.contains(reach.act))
            && (self.parties.is_empty()
                || (!stayed.parties.is_empty()
                    && stayed.parties.is_subset(&self.parties)
                    && (self.direction == Direction::Both || self.direction == stayed.direction)))
            && (self.elements.is_empty() || (!elements.is_empty() && elements.iter().all(known)))
            && within(&self.populations, &stayed.populations, reach.populations)
            && within(&self.territories, &stayed.territories, reach.territories)
            // What was left out of the part that was lifted was not lifted.
            && !self.except.iter().any(|kept| kept.reaches(reach, agreement, parties))
    }

    /// Tells whether the scope names an element, by itself or by its record set, or every element.
    fn names(&self, element: &ElementRef) -> bool {
        self.elements.is_empty()
            || self.elements.contains(&element.to_string())
            || self.elements.contains(element.record_set.as_str())
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
            || asked.iter().any(|element| self.names(element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every subset of two names; the empty one means everything, a third thing nobody names included.
    fn subsets(names: [&str; 2]) -> [Vec<String>; 4] {
        let [one, two] = names.map(str::to_owned);
        [vec![], vec![one.clone()], vec![two.clone()], vec![one, two]]
    }

    fn groups(names: &[String]) -> BTreeSet<GroupId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A scope or a request over two elements, two populations and two territories.
    type Part = [Vec<String>; 3];

    fn parts() -> Vec<Part> {
        let mut parts = Vec::new();
        for elements in subsets(["payroll.a", "payroll.b"]) {
            for populations in subsets(["young", "old"]) {
                for territories in subsets(["north", "south"]) {
                    parts.push([elements.clone(), populations.clone(), territories]);
                }
            }
        }
        parts
    }

    fn scope([elements, populations, territories]: &Part) -> Scope {
        Scope {
            elements: elements.iter().cloned().collect(),
            populations: groups(populations),
            territories: groups(territories),
            ..Scope::default()
        }
    }

    /// The plain definition: things one by one, a third of each sort included.
    fn has(part: &Part, thing: [&str; 3]) -> bool {
        part.iter()
            .zip(thing)
            .all(|(names, name)| names.is_empty() || names.iter().any(|n| n == name))
    }

    fn things() -> Vec<[&'static str; 3]> {
        let mut things = Vec::new();
        for element in ["payroll.a", "payroll.b", "payroll.other"] {
            for population in ["young", "old", "other"] {
                for territory in ["north", "south", "other"] {
                    things.push([element, population, territory]);
                }
            }
        }
        things
    }

    struct Asked {
        elements: Vec<ElementRef>,
        populations: BTreeSet<GroupId>,
        territories: BTreeSet<GroupId>,
    }

    fn asked([elements, populations, territories]: &Part) -> Asked {
        Asked {
            elements: elements.iter().map(|name| name.parse().unwrap()).collect(),
            populations: groups(populations),
            territories: groups(territories),
        }
    }

    fn reaches(scope: &Scope, asked: &Asked) -> bool {
        let reach = Reach {
            act: &Act::RELEASE,
            elements: asked.elements.iter().collect(),
            populations: &asked.populations,
            territories: &asked.territories,
        };
        scope.reaches(&reach, Digest::of(b"agreement"), &[])
    }

    /// For every stay, every part of it and every request over two names of each sort.
    #[test]
    fn what_remains_of_a_stay_is_the_stay_less_the_part_lifted() {
        let (parts, things) = (parts(), things());
        let requests: Vec<_> = parts.iter().map(|part| (part, asked(part))).collect();
        for stayed in &parts {
            for lifted in &parts {
                let remains = scope(stayed).without(&scope(lifted));
                for (request, asked) in &requests {
                    let halted = things.iter().any(|thing| {
                        has(request, *thing) && has(stayed, *thing) && !has(lifted, *thing)
                    });
                    assert_eq!(
                        reaches(&remains, asked),
                        halted,
                        "{stayed:?} less {lifted:?}, asked {request:?}"
                    );
                }
            }
        }
    }

    /// Two parts lifted one after the other: nothing outside both ever passes, and what is inside one does.
    #[test]
    fn lifting_twice_lets_nothing_pass_that_neither_lifted() {
        let (parts, things) = (parts(), things());
        let requests: Vec<_> = parts.iter().map(|part| (part, asked(part))).collect();
        // Every fifth, so that the product stays small: 13 of 64, which meets each sort.
        for stayed in parts.iter().step_by(5) {
            for first in parts.iter().step_by(5) {
                for second in parts.iter().step_by(3) {
                    let remains = scope(stayed).without(&scope(first)).without(&scope(second));
                    for (request, asked) in &requests {
                        let in_both =
                            |thing: &&[&str; 3]| has(request, **thing) && has(stayed, **thing);
                        let outside = things
                            .iter()
                            .filter(in_both)
                            .any(|thing| !has(first, *thing) && !has(second, *thing));
                        let inside_one =
                            |part: &Part| things.iter().filter(in_both).all(|t| has(part, *t));
                        let halted = reaches(&remains, asked);
                        assert!(halted || !outside, "{stayed:?} {first:?} {second:?} {request:?}");
                        let lifted = inside_one(first) || inside_one(second);
                        assert!(!(halted && lifted));
                    }
                }
            }
        }
    }

    #[test]
    fn a_part_names_elements_by_record_set_and_directions_as_the_stay_does() {
        let whole = Scope { elements: ["payroll".to_owned()].into(), ..Scope::default() };
        let one = Scope { elements: ["payroll.a".to_owned()].into(), ..Scope::default() };
        let (a, b) = (
            asked(&[vec!["payroll.a".to_owned()], vec![], vec![]]),
            asked(&[vec!["payroll.b".to_owned()], vec![], vec![]]),
        );
        assert!(!reaches(&whole.without(&one), &a) && reaches(&whole.without(&one), &b));
        assert!(!reaches(&one.without(&whole), &a));
        // Nobody knows which of the record set's elements were meant.
        assert!(reaches(&whole.without(&one), &asked(&[vec![], vec![], vec![]])));
        let from = |direction| Scope {
            parties: ["source".parse().unwrap()].into(),
            direction,
            ..Scope::default()
        };
        assert!(reaches(&Scope::default().without(&from(Direction::Both)), &a));
        assert!(!reaches(&from(Direction::From).without(&from(Direction::Both)), &a));
        assert!(reaches(&from(Direction::Both).without(&from(Direction::From)), &a));
    }

    #[test]
    fn what_was_kept_of_a_part_that_was_lifted_stays_halted() {
        let north = Scope { territories: ["north".parse().unwrap()].into(), ..Scope::default() };
        let old = Scope { populations: ["old".parse().unwrap()].into(), ..Scope::default() };
        // The north is lifted but for the old.
        let remains = Scope::default().without(&north.without(&old));
        let ask = |population: &str, territory: &str| {
            reaches(
                &remains,
                &asked(&[vec![], vec![population.to_owned()], vec![territory.to_owned()]]),
            )
        };
        assert!(!ask("young", "north"));
        assert!(ask("old", "north") && ask("young", "south"));
    }

    #[test]
    fn a_narrowed_stay_reads_back_and_keeps_its_order_and_dates() {
        let text = "order = \"27-1\"\nauthority = \"Example District Court\"\nkind = \"order\"\nuntil = \"2028-01-01T00:00:00Z\"\n[scope]\n";
        let stay = Stay::read(text, "stay.toml").unwrap();
        let now = "2027-05-04T12:00:00Z".parse().unwrap();
        let north = Scope { territories: ["north".parse().unwrap()].into(), ..Scope::default() };
        let narrowed = stay.narrowed(&north, now);
        assert_eq!((narrowed.recorded, narrowed.until), (now, stay.until));
        assert_eq!(Stay::read(&narrowed.to_text().unwrap(), "stay.toml").unwrap(), narrowed);
        assert_eq!(narrowed.narrowed(&north, now), narrowed, "twice the same part is once");
        assert!(!stay.to_text().unwrap().contains("except"));
    }
}
