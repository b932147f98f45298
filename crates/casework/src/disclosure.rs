//! A disclosure as the register keeps it: what was given, to whom, why (5 U.S.C. 552a(c)(1)). It is prepared first,
//! recorded in the ledger next, and released last.

/// Names a disclosure: its run and its chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisclosureId(pub String);

/// One chunk of returned elements, for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosure {
    /// Its name.
    pub id: DisclosureId,
    /// The run that it belongs to.
    pub run: String,
    /// Its number in the run.
    pub chunk: u32,
    /// When it was prepared, RFC 3339.
    pub prepared_at: String,
    /// The party that receives it.
    pub recipient: String,
    /// The purpose, by its id in the agreement.
    pub purpose: String,
    /// The returned elements.
    pub elements: Vec<String>,
    /// How many persons it concerns.
    pub persons: u32,
    /// The ledger's entry, byte for byte.
    pub leaf: Vec<u8>,
    /// Where the ledger holds it, once known.
    pub ledger_index: Option<u64>,
}
