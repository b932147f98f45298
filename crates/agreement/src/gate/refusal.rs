//! The refusal: every rule that a request breaks, each with its reason, citation and remedy.
//!
//! A refusal is an answer and not an error. It is recorded like a permit, and it names no person.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decide::Grounds;
use crate::{Digest, PackId};

/// The gate's refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Every rule broken, the floor's first; never empty.
    pub reasons: Vec<Reason>,
    /// What the decision rested on, for the ledger.
    pub grounds: Box<Grounds>,
}

/// One rule broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's id.
    pub id: String,
    /// What the rule asks for; for the gate's own reasons, what is amiss.
    pub reason: String,
    /// What exactly is amiss here, where that can be said.
    pub detail: Option<String>,
    /// Where the rule stands.
    pub cite: String,
    /// What to do about it.
    pub remedy: String,
    /// The pack the rule stands in; none for the gate's own rules.
    pub pack: Option<PackRef>,
}

/// A law pack in the version that decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackRef {
    /// The pack's id.
    pub id: PackId,
    /// Its version, a date.
    pub version: String,
    /// The digest of its files.
    pub digest: Digest,
}

impl Refusal {
    /// Returns the ids of the rules broken.
    pub fn ids(&self) -> Vec<&str> {
        self.reasons.iter().map(|reason| reason.id.as_str()).collect()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = &self.grounds.act;
        let count = self.reasons.len();
        let rules = if count == 1 { "rule" } else { "rules" };
        write!(f, "refused: {act}, {count} {rules} broken")?;
        for reason in &self.reasons {
            write!(f, "\n{reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = if self.pack.is_some() { " is broken" } else { "" };
        write!(f, "{}{broken}: {} ({})", self.id, self.reason, self.cite)?;
        if let Some(detail) = &self.detail {
            write!(f, "\n  here: {detail}")?;
        }
        write!(f, "\n  {}", self.remedy)
    }
}
