//! Closing: why nothing more follows from a case. The machine may close; so may a negative judgement.

use crate::Actor;
use crate::review::Judged;
use crate::verification::redacted;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a case is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The two records are not of one person.
    NotSame,
    /// It cannot be told whether they are.
    CannotBeTold,
    /// Verification found that it is not so.
    Refuted,
    /// Nothing is to be done about it.
    NoAction,
    /// The individual was right.
    ContestUpheld,
    /// Everything was corrected, acknowledged and told.
    Corrected,
    /// The action stands and can no longer be contested.
    ActionStands,
    /// A later run has looked at the same pair again, or nobody came to look at it in time.
    Superseded,
}

impl Because {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Because::NotSame => "not-same",
            Because::CannotBeTold => "cannot-be-told",
            Because::Refuted => "refuted",
            Because::NoAction => "no-action",
            Because::ContestUpheld => "contest-upheld",
            Because::Corrected => "corrected",
            Because::ActionStands => "action-stands",
            Because::Superseded => "superseded",
        }
    }

    /// Reads the word as stored and typed.
    pub fn read(text: &str) -> Option<Because> {
        [
            Because::NotSame,
            Because::CannotBeTold,
            Because::Refuted,
            Because::NoAction,
            Because::ContestUpheld,
            Because::Corrected,
            Because::ActionStands,
            Because::Superseded,
        ]
        .into_iter()
        .find(|because| because.as_str() == text)
    }
}

/// How a case is closed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Why.
    pub because: Because,
    /// In words, where there is more to say.
    pub words: String,
}

redacted!(Closing);

/// Stage `closed`: nothing more follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub(crate) because: Because,
    pub(crate) by: Actor,
    pub(crate) at: Timestamp,
    pub(crate) judged: Vec<Judged>,
}

impl Closed {
    /// Returns why.
    pub fn because(&self) -> Because {
        self.because
    }

    /// Returns who closed it.
    pub fn by(&self) -> &Actor {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns what people had said of the lead.
    pub fn opinions(&self) -> &[Judged] {
        &self.judged
    }
}
