//! A sealed entry: one that is kept from the individual for a time, under a power that a law gives (floor F10).
//!
//! The store keeps which entry, about which lead, and the seal, itself sealed like everything else about a person: that
//! there is one can be all that somebody wants to know. When it ends is the seal's own affair ([`agreement::Seal::hides`]);
//! nobody has to open it. A seal on a cell ([`crate::vault`]) is another thing.

use crate::LeadId;
use agreement::Seal;
use jiff::Timestamp;

/// An entry of the ledger that a seal keeps from the individual of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedEntry {
    /// The lead of the individual.
    pub lead: LeadId,
    /// Where the ledger holds the entry.
    pub entry: u64,
    /// The seal.
    pub seal: Seal,
}

impl SealedEntry {
    /// Says whether any of these hides an entry of a lead at an instant.
    pub fn any_hides(sealed: &[SealedEntry], lead: &LeadId, entry: u64, now: Timestamp) -> bool {
        sealed.iter().any(|one| one.lead == *lead && one.entry == entry && one.seal.hides(now))
    }
}
