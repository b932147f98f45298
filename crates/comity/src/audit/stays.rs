//! The audit of stays: nothing is disclosed in the scope of one that stands (floor F8).

use super::Reading;
use agreement::{
    Act, Digest, ElementRef, PartyId, PurposeId, Request, Role, Scope, Stay, StayKind,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

impl Reading<'_> {
    /// Returns the stay in whose scope a disclosure lies, if there is one.
    pub(super) fn stayed(
        &mut self,
        index: u64,
        at: Timestamp,
        parties: &Parties,
    ) -> Option<String> {
        let Some((request, agreement, roles)) = parties.request() else {
            self.open.push(format!(
                "entry {index}: its parties or elements cannot be held against the stays"
            ));
            return None;
        };
        let found = self.stays.values().find(|stay| stay.applies(&request, agreement, &roles, at));
        found.map(|stay| stay.order.clone())
    }
}

/// A disclosure put as the request it was: what was asked, under which agreement, and who plays which part.
pub(super) type Put = (Request, Digest, Vec<(PartyId, Vec<Role>)>);

/// Whom a disclosure concerns, as its entry says.
pub(super) struct Parties {
    pub(super) agreement: String,
    pub(super) source: String,
    pub(super) recipient: String,
    pub(super) purpose: String,
    pub(super) elements: Vec<String>,
}

impl Parties {
    /// Puts the disclosure as the request it was, for the stays to look at.
    pub(super) fn request(&self) -> Option<Put> {
        let source = PartyId::new(&self.source).ok()?;
        let recipient = PartyId::new(&self.recipient).ok()?;
        let elements = self.elements.iter().map(|element| element.parse::<ElementRef>().ok());
        let request = Request {
            act: Act::RELEASE,
            party: source.clone(),
            officer: None,
            purpose: PurposeId::new(&self.purpose).ok()?,
            matched_on: BTreeSet::new(),
            returned: elements.collect::<Option<_>>()?,
            compared: BTreeSet::new(),
            counts: BTreeMap::new(),
            caseload_id: None,
            extracts: BTreeMap::new(),
            environment: agreement::Environment::Test,
            cycle: None,
            ledger_writable: true,
            quorum_missed: false,
            model_digest: None,
            recipe_digest: None,
            threshold: None,
            pilot: agreement::PilotStatus::Open { opened: 0 },
            reversed_permille: None,
            populations: BTreeSet::new(),
            territories: BTreeSet::new(),
        };
        let roles = vec![(source, vec![Role::Source]), (recipient, vec![Role::Recipient])];
        Some((request, self.agreement.parse().ok()?, roles))
    }
}

/// Reads a stay as its entry has it.
pub(super) fn stay(
    order: &str,
    authority: &str,
    scope: &str,
    from: &str,
    until: &str,
    recorded: Timestamp,
) -> Option<Stay> {
    let instant = |text: &str| {
        if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
    };
    Some(Stay {
        order: order.to_owned(),
        authority: authority.to_owned(),
        kind: StayKind::Order,
        scope: serde_json::from_str::<Scope>(scope).ok()?,
        recorded,
        from: instant(from)?,
        until: instant(until)?,
        lifted: None,
    })
}
