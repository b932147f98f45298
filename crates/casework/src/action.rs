//! Action: what was taken on a concluded notice, and what undoing it takes (floor F7); and the measure of ten days at
//! most that an emergency allows before ([552a(p)(3)](https://www.law.cornell.edu/uscode/text/5/552a)).
//!
//! ```compile_fail,E0624
//! // An action is taken by a step of a case, and by nothing else.
//! fn outright(order: casework::ActionOrder, concluded: casework::Concluded) {
//!     let _ = casework::Action::taken(order, concluded);
//! }
//! ```

use crate::NotAllowed;
use crate::Terms;
use crate::notice::{Concluded, Noticed};
use crate::verification::redacted;
use agreement::{EmergencyGround, OfficerId};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most days that an emergency measure stands. The project's own number, not the law's.
pub const EMERGENCY_DAYS: i64 = 10;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Payment stops for a time.
    Suspended,
    /// Payment ends.
    Terminated,
    /// Payment is less.
    Reduced,
    /// An application is denied for good.
    Denied,
    /// What was paid is asked back.
    Recovered,
    /// Something else to the individual's disadvantage: a mark on a record, a delay.
    Other,
}

impl ActionKind {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            ActionKind::Suspended => "suspended",
            ActionKind::Terminated => "terminated",
            ActionKind::Reduced => "reduced",
            ActionKind::Denied => "denied",
            ActionKind::Recovered => "recovered",
            ActionKind::Other => "other",
        }
    }
}

/// What is to be done, and how it would be undone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionOrder {
    /// What is done.
    pub kind: ActionKind,
    /// From which day on.
    pub from: Date,
    /// The amount a month or at once, in hundredths of the currency, where there is one.
    pub amount_cents: Option<u64>,
    /// How it would be undone: what is restored, from when, by whom.
    pub undo_plan: String,
    /// Until when what that takes is kept.
    pub undo_until: Timestamp,
}

/// A measure that cannot wait for the period's end: public health or safety.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Public health or public safety.
    pub ground: EmergencyGround,
    /// The official who declares it and answers for it.
    pub official: OfficerId,
    /// What threatens.
    pub reason: String,
    /// When it ends: after ten days at the latest.
    pub ends: Timestamp,
}

redacted!(ActionOrder, Emergency);

impl Emergency {
    pub(crate) fn suffices(&self, now: Timestamp) -> Result<(), NotAllowed> {
        if self.reason.trim().is_empty() {
            return Err(NotAllowed::NoReason);
        }
        let last = now.checked_add(SignedDuration::from_hours(24 * EMERGENCY_DAYS));
        if self.ends <= now || last.is_ok_and(|last| self.ends > last) {
            return Err(NotAllowed::EmergencyTooLong);
        }
        Ok(())
    }

    /// Says whether it stands.
    pub fn stands(&self, now: Timestamp) -> bool {
        now < self.ends
    }
}

impl ActionOrder {
    pub(crate) fn suffices(&self, terms: &Terms, now: Timestamp) -> Result<(), NotAllowed> {
        if self.undo_plan.trim().is_empty() {
            return Err(NotAllowed::NoUndoPlan);
        }
        let least = SignedDuration::from_hours(24 * i64::from(terms.undo_days));
        if self.undo_until < now.checked_add(least).unwrap_or(Timestamp::MAX) {
            return Err(NotAllowed::UndoTooShort { days: terms.undo_days });
        }
        Ok(())
    }
}

/// Stage `action`: adverse action was taken, on a served notice whose period has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub(crate) noticed: Noticed,
    pub(crate) concluded: Concluded,
    pub(crate) order: ActionOrder,
    pub(crate) by: OfficerId,
    pub(crate) at: Timestamp,
    pub(crate) returned_at: Option<Timestamp>,
}

impl Action {
    /// Takes it: there is no other way than with the proof.
    pub(crate) fn taken(
        noticed: Noticed,
        concluded: Concluded,
        order: ActionOrder,
        by: OfficerId,
        at: Timestamp,
    ) -> Action {
        Action { noticed, concluded, order, by, at, returned_at: None }
    }

    /// Returns the notice it rests on.
    pub fn noticed(&self) -> &Noticed {
        &self.noticed
    }

    /// Returns the proof that the notice's period had ended.
    pub fn concluded(&self) -> &Concluded {
        &self.concluded
    }

    /// Returns what was done, and how it is undone.
    pub fn order(&self) -> &ActionOrder {
        &self.order
    }

    /// Returns who took it.
    pub fn by(&self) -> &OfficerId {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns when the notice's mail came back after all: the action must be reversed.
    pub fn returned_at(&self) -> Option<Timestamp> {
        self.returned_at
    }
}
