//! A lead: a pair over the threshold, in the recipient's caseload, with the discrepancy that the agreement names.
//! It is something for a person to look at; nothing here moves it towards an action.

use crate::Groups;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The number by which officers name a lead: its run and a running number, such as `2027Q1-0007`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeadId(String);

impl LeadId {
    /// Returns the id of the `number`th lead of a run, counted from one.
    pub fn new(run: &str, number: usize) -> LeadId {
        LeadId(format!("{run}-{number:04}"))
    }

    /// Takes an id as an officer typed it; the store says whether there is such a lead.
    pub fn typed(text: &str) -> LeadId {
        LeadId(text.trim().to_owned())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a pair of records across cycles: a keyed digest of both record ids, so that the store can tell that it has
/// seen a pair before without keeping the source's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairKey(pub [u8; 32]);

/// Names the bond between the recipient's case and one individual of the source across cycles: a keyed digest of both,
/// whichever of the individual's records is paired. A correction of a wrong link cuts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BondKey(pub [u8; 32]);

/// Where a lead stands. Casework beyond review joins with its own stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Found, and waiting for its disclosure to be recorded and released.
    Planned,
    /// Found, and not disclosed: the pilot has not yet shown that leads like it are right.
    Held,
    /// Disclosed to the recipient; a person has to look at it.
    Open,
    /// A person has judged it.
    Reviewed,
    /// Nothing more follows from it.
    Closed,
}

impl Stage {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Planned => "planned",
            Stage::Held => "held",
            Stage::Open => "open",
            Stage::Reviewed => "reviewed",
            Stage::Closed => "closed",
        }
    }

    /// Reads the word as stored.
    pub fn read(text: &str) -> Option<Stage> {
        [Stage::Planned, Stage::Held, Stage::Open, Stage::Reviewed, Stage::Closed]
            .into_iter()
            .find(|stage| stage.as_str() == text)
    }
}

/// What a run found, before anything of it is disclosed.
#[derive(Clone)]
pub struct Planned {
    /// The lead's number.
    pub id: LeadId,
    /// The pair, across cycles.
    pub pair: PairKey,
    /// The bond that joins it to the case; none where it was found before bonds were kept.
    pub bond: Option<BondKey>,
    /// The recipient's own case id.
    pub case_id: String,
    /// The source's row in this run.
    pub source_record: u32,
    /// The recipient's row in this run.
    pub recipient_record: u32,
    /// log2 odds that the two records are of one person.
    pub weight: f64,
    /// The same as a probability.
    pub probability: f64,
    /// How the weight came about, as linkage explains it (JSON).
    pub explanation: String,
    /// The group of each subgroup that the case is in.
    pub groups: Groups,
    /// A keyed digest of the values to be returned: tells whether anything changed since an earlier cycle.
    pub returned_digest: [u8; 32],
    /// The lead it follows, where a returned value changed after that one was worked.
    pub reopens: Option<LeadId>,
    /// The release it belongs to, or none while it is held for the pilot.
    pub chunk: Option<u32>,
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned")
            .field("id", &self.id)
            .field("weight", &self.weight)
            .field("case_id", &"[redacted]")
            .finish_non_exhaustive()
    }
}

/// A lead as the store keeps it.
#[derive(Clone)]
pub struct Lead {
    /// What the run found.
    pub found: Planned,
    /// The run that found it.
    pub run: String,
    /// The cycle that found it.
    pub cycle: String,
    /// Where it stands.
    pub stage: Stage,
    /// The returned elements; none until they were released.
    pub returned: Option<BTreeMap<String, String>>,
    /// When it was opened.
    pub opened_at: Option<String>,
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead")
            .field("id", &self.found.id)
            .field("stage", &self.stage)
            .field("returned", &"[redacted]")
            .finish_non_exhaustive()
    }
}
