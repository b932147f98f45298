//! Step 8a: release. The one place where returned elements leave their owner, and the boundary that nothing crosses
//! without evidence: a live permit, an entry that is durable under a signed checkpoint, the cosignatures that the agreement
//! makes it wait for, and no stay (floor F8, F9).
//!
//! What is released is what the ledger recorded, and nothing else: every value must open a commitment of the entry,
//! and every commitment must be opened. [`release`] takes its [`Recorded`] by value, so one entry releases once.

use crate::Error;
use crate::clock::{self, Clock};
use crate::event::Event;
use crate::node::look_up_stays;
use crate::quorum::Cosigned;
use agreement::{Act, Agreement, Filed, Permit, Request, Stay};
use casework::{Disclosure, LeadId, StaysState, Store, Vault};
use jiff::Timestamp;
use ledger::finder::TAG;
use ledger::{Commitments, Finder, Leaf, Opening, Recorded};
use std::collections::BTreeMap;

/// What came of trying to release.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what was withheld must be withdrawn"]
pub enum Released {
    /// The returned elements of so many persons went out.
    Out(u32),
    /// Nothing went out, and why.
    Withheld(Withheld),
}

/// Why nothing went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// A stay covers it.
    Stayed {
        /// The order's number.
        order: String,
    },
    /// The permit has ended.
    PermitEnded,
    /// Whoever began the run told it to stop.
    Stopped,
}

impl std::fmt::Display for Withheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Withheld::Stayed { order } => write!(f, "stayed by `{order}`"),
            Withheld::PermitEnded => f.write_str("the permit had ended"),
            Withheld::Stopped => f.write_str("it was told to stop"),
        }
    }
}

/// Commits to the returned elements of some leads, field by field, each under a fresh key, and tags each so that the
/// person finds it with their finder and nobody else does.
///
/// # Errors
/// There is no randomness, or a value cannot be committed to.
pub fn commit(
    returned: &[(LeadId, Finder, BTreeMap<String, String>)],
) -> Result<(Commitments, Vec<(LeadId, String)>), Error> {
    let mut commitments = Commitments::new();
    let mut openings = Vec::new();
    for (lead, finder, values) in returned {
        // The lead's number is committed to as a field of its own: it ties the person's fields together for whoever
        // holds the openings, and for nobody else.
        let lead_itself = (LEAD.to_owned(), lead.to_string());
        for (field, value) in std::iter::once(lead_itself).chain(values.clone()) {
            let (commitment, opening) = ledger::commit(clock::random()?, &field, value.into())?;
            let made = [(field.clone(), commitment, opening)].into_iter();
            let tag = (field == LEAD).then(|| finder.tag(&commitment)).transpose()?;
            let tag = tag.map(|(commitment, opening)| (TAG.to_owned(), commitment, opening));
            for (field, commitment, opening) in made.chain(tag) {
                commitments.entry(field).or_default().push(commitment);
                let opening =
                    serde_json::to_string(&opening).map_err(|_| Error::UnspeakableEvent)?;
                openings.push((lead.clone(), opening));
            }
        }
    }
    Ok((commitments, openings))
}

/// The field under which a lead's number is committed to, and beside which the person's tag stands.
pub const LEAD: &str = "lead";

/// Returns what finds the disclosures of one run about the person of a case, and of no other run: each has its own, so that
/// what is kept from the person for a time is not given away by what they were given before. It ends with the agreement's
/// key.
///
/// # Errors
/// The agreement's key was destroyed, or the keys cannot be read.
pub fn finder(vault: &Vault, agreement: &str, run: &str, case_id: &str) -> Result<Finder, Error> {
    // INVARIANT: a run's name holds no line feed, so no two pairs are spelled alike.
    let whose = format!("{run}\n{case_id}");
    Ok(Finder::from_secret(vault.of(agreement)?.digest("finder", &whose)))
}

/// Releases a disclosure to its recipient.
///
/// # Errors
/// The permit is for another act or agreement, the evidence is for another entry, the agreement makes a release wait for
/// witnesses and `cosigned` does not show that enough of them saw this entry, the openings are not what the entry commits
/// to, or the store fails. Nothing is released then.
pub async fn release<S: Store>(
    permit: &Permit,
    recorded: Recorded,
    cosigned: Option<Cosigned>,
    disclosure: &Disclosure,
    filed: &Filed,
    clock: &Clock,
    store: &S,
) -> Result<Released, Error> {
    let leaf = Leaf::parse(disclosure.leaf.clone())?;
    let not_as_recorded = || Error::NotAsRecorded { disclosure: disclosure.id.0.clone() };
    if *recorded.leaf_hash() != leaf.hash() {
        return Err(not_as_recorded());
    }
    if let Some(witnesses) = &filed.agreement.witnesses
        && !cosigned.is_some_and(|cosigned| cosigned.suffices(witnesses, recorded.index()))
    {
        return Err(Error::NoQuorum);
    }
    let entry = leaf.to_entry()?;
    let Some(Event::Disclosed {
        run, chunk, agreement, recipient, purpose, elements, persons, ..
    }) = Event::of(&entry)
    else {
        return Err(not_as_recorded());
    };
    if run != disclosure.run || chunk != u64::from(disclosure.chunk) {
        return Err(not_as_recorded());
    }
    let permitted = permit.act() == &Act::RELEASE
        && agreement == permit.agreement().to_string()
        && recipient == disclosure.recipient
        && purpose == permit.purpose().to_string()
        && purpose == disclosure.purpose
        && elements == disclosure.elements
        && elements
            .iter()
            .all(|element| permit.returned().iter().any(|one| one.to_string() == *element));
    if !permitted {
        return Err(Error::OtherPermit);
    }
    let returned = open(store.openings(&disclosure.id).await?, entry.commitments())
        .ok_or_else(not_as_recorded)?;
    let of_elements =
        |values: &BTreeMap<String, String>| values.keys().all(|field| elements.contains(field));
    if returned.len() as u64 != persons || !returned.iter().all(|(_, values)| of_elements(values)) {
        return Err(not_as_recorded());
    }
    loop {
        // Read again each time round: a stay that came in between began after the last reading.
        let now = clock.now();
        let state = match may_release(permit, filed, now, store).await? {
            Ok(state) => state,
            Err(why) => return Ok(Released::Withheld(why)),
        };
        let at = now.to_string();
        match store.release(&disclosure.id, recorded.index(), &at, state, &returned).await {
            Ok(()) => return Ok(Released::Out(disclosure.persons)),
            // A stay came between the look-up and the release: look again.
            Err(casework::Error::StaysChanged) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says whether anything may be released now: with the state of the stays that was looked at, or why not. A run asks
/// before it prepares a chunk, and [`release`] asks again.
///
/// # Errors
/// The store cannot be read.
pub async fn may_release<S: Store>(
    permit: &Permit,
    filed: &Filed,
    now: Timestamp,
    store: &S,
) -> Result<Result<StaysState, Withheld>, Error> {
    if !permit.is_live(now) {
        return Ok(Err(Withheld::PermitEnded));
    }
    let (state, stays) = look_up_stays(store).await?;
    Ok(match standing_stay(&stays, filed, permit, now)? {
        Some(stay) => Err(Withheld::Stayed { order: stay.order.clone() }),
        None => Ok(state),
    })
}

/// Returns the first stay in force that covers a release under a permit.
fn standing_stay<'stays>(
    stays: &'stays [Stay],
    filed: &Filed,
    permit: &Permit,
    now: Timestamp,
) -> Result<Option<&'stays Stay>, Error> {
    let terms = filed.terms(permit.party(), now)?;
    let request = request_of(&terms, permit);
    let parties: Vec<_> =
        filed.parties(now)?.iter().map(|party| (party.id.clone(), party.roles.clone())).collect();
    let digest = permit.agreement();
    Ok(stays.iter().find(|stay| stay.halts(&request, &terms, digest, &parties, now)))
}

fn request_of(agreement: &Agreement, permit: &Permit) -> Request {
    let mut request =
        Request::new(agreement, permit.act().clone(), permit.party(), permit.purpose());
    request.returned.clone_from(permit.returned());
    request
}

/// Opens the commitments of an entry with the openings kept for it: each with its own, none left over.
fn open(
    openings: Vec<(LeadId, String)>,
    commitments: &Commitments,
) -> Option<Vec<(LeadId, BTreeMap<String, String>)>> {
    let mut rest: BTreeMap<&str, std::slice::Iter<'_, ledger::Commitment>> =
        commitments.iter().map(|(field, list)| (field.as_str(), list.iter())).collect();
    let mut returned: Vec<(LeadId, BTreeMap<String, String>)> = Vec::new();
    for (lead, text) in openings {
        let opening: Opening = serde_json::from_str(&text).ok()?;
        let commitment = rest.get_mut(opening.field())?.next()?;
        if !opening.opens(commitment) {
            return None;
        }
        let value = opening.value().as_str()?;
        if opening.field() == LEAD {
            if value != lead.as_str() {
                return None;
            }
            returned.push((lead, BTreeMap::new()));
        } else if opening.field() == TAG {
            // It says whom it is of to nobody but them; an entry from before there were tags has none.
            let (current, _) = returned.last()?;
            if *current != lead {
                return None;
            }
        } else {
            let (current, values) = returned.last_mut()?;
            if *current != lead {
                return None;
            }
            values.insert(opening.field().to_owned(), value.to_owned());
        }
    }
    rest.values_mut().all(|list| list.next().is_none()).then_some(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads() -> Vec<(LeadId, BTreeMap<String, String>)> {
        (1..=3)
            .map(|number| {
                let values =
                    [("employer", format!("E{number}")), ("gross_pay", format!("{number}00"))];
                let values = values.map(|(field, value)| (field.to_owned(), value));
                (LeadId::new("2027Q1", number), BTreeMap::from(values))
            })
            .collect()
    }

    fn tagged() -> Vec<(LeadId, Finder, BTreeMap<String, String>)> {
        let finder = |number| Finder::from_secret([number; 32]);
        (1..).zip(leads()).map(|(number, (lead, values))| (lead, finder(number), values)).collect()
    }

    #[test]
    fn what_was_committed_to_is_what_opens() {
        let (commitments, openings) = commit(&tagged()).unwrap();
        assert_eq!(open(openings, &commitments), Some(leads()));
    }

    #[test]
    fn each_person_is_found_by_their_own_finder_at_their_own_place() {
        let (commitments, _) = commit(&tagged()).unwrap();
        for (place, (_, finder, _)) in tagged().iter().enumerate() {
            assert_eq!(finder.find(&commitments, LEAD), [place]);
        }
    }

    #[test]
    fn an_entry_from_before_there_were_tags_still_opens() {
        let (mut commitments, openings) = commit(&tagged()).unwrap();
        commitments.remove(TAG);
        let old: Vec<_> =
            openings.into_iter().filter(|(_, text)| !text.contains("\"tag\"")).collect();
        assert_eq!(open(old, &commitments), Some(leads()));
    }

    #[test]
    fn a_value_changed_dropped_doubled_or_moved_to_another_lead_does_not_open() {
        let (commitments, openings) = commit(&tagged()).unwrap();
        let text = openings[2].1.replace("E1", "E9");
        assert_ne!(text, openings[2].1, "the value stands in the opening");
        let mut changed = openings.clone();
        changed[2].1 = text;
        assert_eq!(open(changed, &commitments), None, "changed");
        let mut dropped = openings.clone();
        dropped.pop();
        assert_eq!(open(dropped, &commitments), None, "dropped");
        let mut doubled = openings.clone();
        doubled.push(openings[1].clone());
        assert_eq!(open(doubled, &commitments), None, "doubled");
        let mut moved = openings.clone();
        moved[2].0 = LeadId::new("2027Q1", 2);
        assert_eq!(open(moved, &commitments), None, "moved");
        let mut swapped = openings;
        swapped.swap(2, 6);
        assert_eq!(open(swapped, &commitments), None, "swapped between leads");
    }
}
