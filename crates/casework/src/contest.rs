//! Contest: the individual's answer, the hearing, and how it is decided.
//!
//! Aid continues until a contest is decided: while one is open there is no action, however long ago the period ended
//! (floor F6). An answer that comes late restores what was taken until it is decided.

use crate::NotAllowed;
use crate::action::Action;
use crate::notice::{Concluded, Noticed};
use crate::verification::redacted;
use agreement::OfficerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the individual answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contest {
    /// In the individual's own words.
    pub statement: String,
    /// SHA-256 of each paper handed in.
    pub attachments: Vec<String>,
    /// Whether a hearing is asked for.
    pub wants_hearing: bool,
}

/// How a contest is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// The individual is right.
    Upheld,
    /// The individual is right in part.
    UpheldInPart,
    /// The finding stands.
    NotUpheld,
}

impl Heard {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Heard::Upheld => "upheld",
            Heard::UpheldInPart => "upheld-in-part",
            Heard::NotUpheld => "not-upheld",
        }
    }

    /// Reads the word as stored and typed.
    pub fn read(text: &str) -> Option<Heard> {
        [Heard::Upheld, Heard::UpheldInPart, Heard::NotUpheld]
            .into_iter()
            .find(|heard| heard.as_str() == text)
    }
}

/// The decision of a contest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// How it is decided.
    pub heard: Heard,
    /// Why, in words that the individual can read.
    pub reason: String,
    /// After a hearing: where the agency's own records show that aid went on until this decision. Without it there is
    /// no action (floor F6, Goldberg v. Kelly).
    #[serde(default)]
    pub aid_continued: Option<String>,
}

redacted!(Contest, Ruling);

/// Stage `contested`: the individual answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    pub(crate) noticed: Noticed,
    pub(crate) contest: Contest,
    pub(crate) filed_at: Timestamp,
    pub(crate) restored: Option<Box<Action>>,
}

impl Contested {
    /// Returns the notice it answers.
    pub fn noticed(&self) -> &Noticed {
        &self.noticed
    }

    /// Returns what the individual answered.
    pub fn contest(&self) -> &Contest {
        &self.contest
    }

    /// Returns when it was filed.
    pub fn filed_at(&self) -> Timestamp {
        self.filed_at
    }

    /// Says whether it came after the period's end. It counts all the same.
    pub fn is_late(&self) -> bool {
        self.noticed.response_ends().is_some_and(|ends| self.filed_at >= ends)
    }

    /// Returns the action that this answer undid, if it came late.
    pub fn restored(&self) -> Option<&Action> {
        self.restored.as_deref()
    }
}

/// Stage `hearing`: aid continues until it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearing {
    pub(crate) contested: Contested,
    pub(crate) opened_by: OfficerId,
    pub(crate) takes_place: Timestamp,
}

impl Hearing {
    /// Returns the contest it hears.
    pub fn contested(&self) -> &Contested {
        &self.contested
    }

    /// Returns who opened it.
    pub fn opened_by(&self) -> &OfficerId {
        &self.opened_by
    }

    /// Returns when it takes place.
    pub fn takes_place(&self) -> Timestamp {
        self.takes_place
    }
}

/// Stage `decided`: the contest is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub(crate) contested: Contested,
    pub(crate) ruling: Ruling,
    pub(crate) by: OfficerId,
    pub(crate) at: Timestamp,
}

impl Decided {
    /// Returns the contest.
    pub fn contested(&self) -> &Contested {
        &self.contested
    }

    /// Returns the decision.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// Returns who decided.
    pub fn by(&self) -> &OfficerId {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Concludes: the finding stands at least in part, and the notice's period has ended too. A contest that is decided
    /// early does not cut the period short.
    ///
    /// # Errors
    /// The individual was right, or the period still runs.
    pub fn conclude(&self, now: Timestamp) -> Result<Concluded, NotAllowed> {
        match self.ruling.heard {
            Heard::Upheld => Err(NotAllowed::ContestUpheld),
            Heard::UpheldInPart | Heard::NotUpheld => {
                Ok(self.contested.noticed.conclude(now)?.after(self.ruling.heard))
            }
        }
    }
}
