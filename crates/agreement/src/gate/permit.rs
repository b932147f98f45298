//! The permit: proof, in a type, that the gate allowed one act.
//!
//! What opens, links or releases data takes a `&Permit`. It cannot be made, copied or read from outside the gate, so
//! that having one is having asked. It ends; whoever holds one asks [`Permit::is_live`] before each step.
//!
//! ```compile_fail,E0451
//! // Nobody but the gate makes a permit.
//! let forged = agreement::Permit {
//!     agreement: todo!(), act: todo!(), party: todo!(), purpose: todo!(), ends: todo!(),
//!     matched_on: todo!(), returned: todo!(), compared: todo!(), caseload_id: todo!(),
//!     leads_at_most: todo!(), case: todo!(), officer: todo!(), grounds: todo!(),
//! };
//! ```
//!
//! ```compile_fail,E0599
//! fn twice(permit: &agreement::Permit) -> agreement::Permit {
//!     agreement::Permit::clone(permit)
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn written(permit: &agreement::Permit) -> String {
//!     serde_json::to_string(permit).unwrap()
//! }
//! ```

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::decide::Grounds;
use crate::{Act, CaseRef, Digest, ElementRef, OfficerId, PartyId, PurposeId};

/// The gate's leave for one act.
#[derive(Debug)]
#[must_use = "a permit is asked for in order to act under it"]
pub struct Permit {
    pub(super) agreement: Digest,
    pub(super) act: Act,
    pub(super) party: PartyId,
    pub(super) purpose: PurposeId,
    pub(super) ends: Timestamp,
    pub(super) matched_on: BTreeSet<ElementRef>,
    pub(super) returned: BTreeSet<ElementRef>,
    pub(super) compared: BTreeSet<ElementRef>,
    pub(super) caseload_id: Option<ElementRef>,
    pub(super) leads_at_most: Option<u64>,
    pub(super) case: Option<CaseRef>,
    pub(super) officer: Option<OfficerId>,
    pub(super) grounds: Box<Grounds>,
}

impl Permit {
    /// Returns the digest of the agreement it stands under.
    pub const fn agreement(&self) -> Digest {
        self.agreement
    }

    /// Returns the act it allows.
    pub const fn act(&self) -> &Act {
        &self.act
    }

    /// Returns the party it allows to act.
    pub const fn party(&self) -> &PartyId {
        &self.party
    }

    /// Returns the purpose it is for.
    pub const fn purpose(&self) -> &PurposeId {
        &self.purpose
    }

    /// Returns the instant from which on it allows nothing.
    pub const fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Tells whether it still allows anything.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.ends
    }

    /// Returns the elements that pairs may be compared on.
    pub const fn matched_on(&self) -> &BTreeSet<ElementRef> {
        &self.matched_on
    }

    /// Returns the elements that the recipient may get.
    pub const fn returned(&self) -> &BTreeSet<ElementRef> {
        &self.returned
    }

    /// Returns the elements that the discrepancy rule may look at.
    pub const fn compared(&self) -> &BTreeSet<ElementRef> {
        &self.compared
    }

    /// Returns the element by which answers are confined to the recipient's caseload.
    pub const fn caseload_id(&self) -> Option<&ElementRef> {
        self.caseload_id.as_ref()
    }

    /// Tells whether an element may be read at all.
    pub fn allows(&self, element: &ElementRef) -> bool {
        self.matched_on.contains(element)
            || self.returned.contains(element)
            || self.compared.contains(element)
            || self.caseload_id.as_ref() == Some(element)
    }

    /// Returns how many more leads may be opened, while the pilot lasts (F12).
    pub const fn leads_at_most(&self) -> Option<u64> {
        self.leads_at_most
    }

    /// Returns the case it is for; a permit for one case allows nothing on another.
    pub const fn case(&self) -> Option<&CaseRef> {
        self.case.as_ref()
    }

    /// Returns the officer who asked, where it is for an act on a case.
    pub const fn officer(&self) -> Option<&OfficerId> {
        self.officer.as_ref()
    }

    /// Tells whether it allows this act on this case at this instant, which is what whoever acts on a case asks.
    pub fn is_for(&self, act: &Act, case: &CaseRef, now: Timestamp) -> bool {
        self.act == *act && self.case.as_ref() == Some(case) && self.is_live(now)
    }

    /// Returns what the decision rested on, for the ledger.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }
}
