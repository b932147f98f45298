//! Correction: the record amended or the lead withdrawn, and everybody told to whom it went (552a(c)(4), floor F7).
//!
//! A case knows which recipients must acknowledge and which have; it does not close before all have and the individual is
//! told. How often a correction was sent and when it is sent again is the state of a [`Delivery`], pure as well; the
//! sending itself is the server's.

use crate::NotAllowed;
use crate::action::Action;
use crate::review::Judged;
use crate::verification::redacted;
use agreement::{OfficerId, PartyId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is corrected, and who must hear of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectionOrder {
    /// What was wrong and what is right, in words.
    pub words: String,
    /// Every recipient on record, from the register of disclosures.
    pub recipients: BTreeSet<PartyId>,
    /// Whether records that linkage had joined are split: the two are of different people, and are known not the same.
    pub splits: bool,
    /// The language of the letter that tells the individual, as a BCP 47 code; empty where none is to be printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
}

redacted!(CorrectionOrder);

/// How the individual was told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// How.
    pub how: crate::notice::How,
    /// SHA-256 of the letter.
    pub letter: String,
}

redacted!(Told);

/// Stage `correction`: records are being corrected, wherever they went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    pub(crate) order: CorrectionOrder,
    pub(crate) by: OfficerId,
    pub(crate) at: Timestamp,
    pub(crate) acknowledged: BTreeMap<PartyId, String>,
    pub(crate) told_at: Option<Timestamp>,
    pub(crate) judged: Vec<Judged>,
    pub(crate) reversed: Option<Box<Action>>,
}

impl Correction {
    pub(crate) fn ordered(
        order: CorrectionOrder,
        by: OfficerId,
        at: Timestamp,
        judged: Vec<Judged>,
        reversed: Option<Action>,
    ) -> Result<Correction, NotAllowed> {
        if order.words.trim().is_empty() {
            return Err(NotAllowed::NoReason);
        }
        let reversed = reversed.map(Box::new);
        let acknowledged = BTreeMap::new();
        Ok(Correction { order, by, at, acknowledged, told_at: None, judged, reversed })
    }

    /// Returns what is corrected.
    pub fn order(&self) -> &CorrectionOrder {
        &self.order
    }

    /// Returns who ordered it.
    pub fn by(&self) -> &OfficerId {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns the recipients that have acknowledged, each with the digest of its answer.
    pub fn acknowledged(&self) -> &BTreeMap<PartyId, String> {
        &self.acknowledged
    }

    /// Returns the recipients that have not.
    pub fn outstanding(&self) -> impl Iterator<Item = &PartyId> {
        self.order.recipients.iter().filter(|party| !self.acknowledged.contains_key(*party))
    }

    /// Returns when the individual was told; none as long as nobody was, or once the letter came back.
    pub fn told_at(&self) -> Option<Timestamp> {
        self.told_at
    }

    /// Returns the action that was undone, if there was one.
    pub fn reversed(&self) -> Option<&Action> {
        self.reversed.as_deref()
    }

    pub(crate) fn acknowledge(mut self, by: &PartyId, answer: &str) -> Result<Self, NotAllowed> {
        if !self.order.recipients.contains(by) || self.acknowledged.contains_key(by) {
            return Err(NotAllowed::NotAwaited);
        }
        self.acknowledged.insert(by.clone(), answer.to_owned());
        Ok(self)
    }

    pub(crate) fn complete(&self) -> Result<(), NotAllowed> {
        if self.outstanding().next().is_some() {
            return Err(NotAllowed::NotAllAcknowledged);
        }
        if self.told_at.is_none() {
            return Err(NotAllowed::IndividualNotTold);
        }
        Ok(())
    }
}

/// A correction on its way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// To whom.
    pub recipient: PartyId,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next, or asked after; none once it is acknowledged.
    pub next: Option<Timestamp>,
    /// When it was last sent.
    pub sent_at: Option<Timestamp>,
    /// When the recipient acknowledged.
    pub acknowledged_at: Option<Timestamp>,
}

/// After the first attempt it waits this long, then twice as long each time.
const FIRST_WAIT_MINUTES: i64 = 5;
/// It never waits longer than a day: a correction is chased until it is acknowledged.
const LONGEST_WAIT_MINUTES: i64 = 24 * 60;

impl Delivery {
    /// Queues it, to be sent at once.
    pub fn queued(recipient: PartyId, now: Timestamp) -> Delivery {
        let (sent_at, acknowledged_at) = (None, None);
        Delivery { recipient, attempts: 0, next: Some(now), sent_at, acknowledged_at }
    }

    /// Notes an attempt, whether it arrived or not: without an acknowledgement it is sent again.
    #[must_use]
    pub fn attempted(mut self, now: Timestamp) -> Delivery {
        let doubled = FIRST_WAIT_MINUTES.saturating_mul(1 << self.attempts.min(20));
        let wait = SignedDuration::from_mins(doubled.min(LONGEST_WAIT_MINUTES));
        self.attempts = self.attempts.saturating_add(1);
        self.sent_at = Some(now);
        if self.acknowledged_at.is_none() {
            self.next = Some(now.checked_add(wait).unwrap_or(now));
        }
        self
    }

    /// Notes the recipient's acknowledgement. It ends the sending; a second one changes nothing.
    #[must_use]
    pub fn acknowledged(mut self, now: Timestamp) -> Delivery {
        self.acknowledged_at.get_or_insert(now);
        self.next = None;
        self
    }

    /// Says whether it is to be sent now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next.is_some_and(|next| next <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_correction_is_sent_again_ever_more_slowly_and_at_least_once_a_day_until_acknowledged() {
        let mut now = at("2027-01-04T09:00:00Z");
        let mut delivery = Delivery::queued(PartyId::new("family-support").unwrap(), now);
        assert!(delivery.is_due(now));
        let mut waits = Vec::new();
        for _ in 0..12 {
            delivery = delivery.attempted(now);
            assert!(!delivery.is_due(now), "not twice at once");
            let next = delivery.next.unwrap();
            waits.push((next.as_second() - now.as_second()) / 60);
            now = next;
            assert!(delivery.is_due(now));
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]);
        let done = delivery.acknowledged(now);
        assert!(!done.is_due(at("2099-01-01T00:00:00Z")), "never again");
        let again = done.clone().acknowledged(at("2099-01-01T00:00:00Z"));
        assert_eq!(done, again);
        assert_eq!(again.attempted(now).next, None, "an attempt under way changes nothing");
    }
}
