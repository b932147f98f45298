//! Dispute: a recipient tells a source that its record is wrong, and the source must answer by a day.
//!
//! While a dispute is open the record is not settled: no notice is served on it and no action taken (floor F6).

use crate::NotAllowed;
use crate::verification::redacted;
use agreement::{ElementRef, PartyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is disputed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objection {
    /// Which element of the source's record.
    pub element: ElementRef,
    /// Why, in words.
    pub reason: String,
    /// By when the source must answer.
    pub answer_due: Timestamp,
    /// The source, to whose node it is sent; none where it is told by other means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PartyId>,
}

/// What the source answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settled {
    /// The record was wrong and has been corrected.
    Corrected,
    /// The record stands.
    Stands,
}

impl Settled {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Settled::Corrected => "corrected",
            Settled::Stands => "stands",
        }
    }
}

/// The source's answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeAnswer {
    /// Which dispute of the case, counted from one.
    pub number: u32,
    /// What it comes to.
    pub settled: Settled,
    /// Why.
    pub reason: String,
}

redacted!(Objection, DisputeAnswer);

/// A dispute of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    pub(crate) objection: Objection,
    pub(crate) opened_at: Timestamp,
    pub(crate) answer: Option<(Settled, String, Timestamp)>,
}

impl Dispute {
    /// Returns what is disputed.
    pub fn objection(&self) -> &Objection {
        &self.objection
    }

    /// Returns when it was opened.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// Returns what the source answered, why, and when.
    pub fn answer(&self) -> Option<(Settled, &str, Timestamp)> {
        self.answer.as_ref().map(|(settled, reason, at)| (*settled, reason.as_str(), *at))
    }

    /// Says whether the source has not answered.
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }

    /// Says whether the source has not answered in time.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && now >= self.objection.answer_due
    }

    pub(crate) fn opened(objection: &Objection, now: Timestamp) -> Result<Dispute, NotAllowed> {
        if objection.reason.trim().is_empty() {
            return Err(NotAllowed::NoReason);
        }
        if objection.answer_due <= now {
            return Err(NotAllowed::ExpiredAlready);
        }
        Ok(Dispute { objection: objection.clone(), opened_at: now, answer: None })
    }

    pub(crate) fn settle(
        &mut self,
        answer: &DisputeAnswer,
        now: Timestamp,
    ) -> Result<(), NotAllowed> {
        if answer.reason.trim().is_empty() {
            return Err(NotAllowed::NoReason);
        }
        if !self.is_open() {
            return Err(NotAllowed::NoSuchDispute);
        }
        self.answer = Some((answer.settled, answer.reason.clone(), now));
        Ok(())
    }
}
