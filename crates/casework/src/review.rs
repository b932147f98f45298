//! Review: a person's clerical judgement of a lead. Three answers, never a fourth, and never the machine's.

use crate::LeadId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a person says of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The two records are of one person.
    Same,
    /// They are not.
    NotSame,
    /// It cannot be told from what is there.
    Unsure,
}

impl Judgement {
    /// Returns the word as stored and typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Judgement::Same => "same",
            Judgement::NotSame => "not-same",
            Judgement::Unsure => "unsure",
        }
    }

    /// Reads the word as stored and typed.
    pub fn read(text: &str) -> Option<Judgement> {
        [Judgement::Same, Judgement::NotSame, Judgement::Unsure]
            .into_iter()
            .find(|judgement| judgement.as_str() == text)
    }
}

/// One judgement, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The lead judged.
    pub lead: LeadId,
    /// The judgement.
    pub judgement: Judgement,
    /// Why, in the officer's words.
    pub reason: String,
    /// The officer, by the pseudonym the agency uses in its records.
    pub officer: String,
    /// When.
    pub at: Timestamp,
    /// Until when a "not the same" is carried into later cycles; none for as long as the program lasts.
    pub expires: Option<Timestamp>,
}

/// What earlier cycles know of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A person said that the two records are not of one person, and that has not expired.
    NotSame {
        /// The lead on which it was said.
        lead: LeadId,
    },
    /// A lead on the pair waits to be worked.
    Waiting {
        /// That lead.
        lead: LeadId,
    },
    /// A lead on the pair was worked.
    Worked {
        /// That lead.
        lead: LeadId,
        /// The keyed digest of the values that were returned then.
        returned_digest: [u8; 32],
    },
}
