//! Notice: what was found and the right to contest it, given to the individual; and the period that must end first.
//!
//! [5 U.S.C. 552a(p)(1)(B), (p)(3)](https://www.law.cornell.edu/uscode/text/5/552a). The clock starts when the notice is
//! served, stops when the mail comes back, and starts again when it is served at another address. How long it runs is
//! computed by the law pack and comes with the step; here it is only held to the agreement's least number of days.
//!
//! [`Concluded`] is the proof that a served notice's period has ended. Nobody else can make one, and there is no action
//! without it:
//!
//! ```compile_fail,E0451
//! // Made up by hand: its fields are private.
//! let made_up = casework::Concluded { served_at: todo!(), ended_at: todo!(), heard: todo!() };
//! ```
//!
//! ```compile_fail,E0277
//! // Read from somewhere: it cannot be deserialised.
//! let read: casework::Concluded = serde_json::from_str("{}").unwrap();
//! ```
//!
//! ```compile_fail,E0599
//! // From a finding without a notice: only `Noticed` and `Decided` conclude.
//! fn hasty(verified: casework::Verified, now: jiff::Timestamp) -> casework::Concluded {
//!     verified.conclude(now).unwrap()
//! }
//! ```

use crate::action::Emergency;
use crate::contest::Heard;
use crate::verification::{Verified, redacted};
use crate::{NotAllowed, Terms};
use agreement::NoticePart;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// How a notice is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// By mail, to an address.
    Mail,
    /// Handed over.
    InPerson,
    /// Electronically, where the individual asked for that.
    Electronic,
}

impl How {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Mail => "mail",
            How::InPerson => "in-person",
            How::Electronic => "electronic",
        }
    }

    /// Reads the word as stored and typed.
    pub fn read(text: &str) -> Option<How> {
        [How::Mail, How::InPerson, How::Electronic].into_iter().find(|how| how.as_str() == text)
    }
}

/// To whom a notice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addressee {
    /// The individual.
    Individual,
    /// The household, the payee or the estate, where a death was found (floor F6).
    Household,
}

/// A notice as drafted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The language, as a BCP 47 code.
    pub language: String,
    /// SHA-256 of the letter as it will be sent.
    pub letter: String,
}

/// A notice as served.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// How.
    pub how: How,
    /// To whom.
    pub to: Addressee,
    /// The language, as a BCP 47 code.
    pub language: String,
    /// Where to.
    pub address: String,
    /// SHA-256 of the letter as sent.
    pub letter: String,
    /// What the letter as sent says: whoever writes it reads it over. An action needs all three, (p)(1)(B).
    #[serde(default)]
    pub states: BTreeSet<NoticePart>,
    /// When it was mailed or given.
    pub served_at: Timestamp,
    /// When the period to answer ends, as the law pack computes it: on this instant it is over.
    pub response_ends: Timestamp,
}

/// Mail that came back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// What the post said.
    pub reason: String,
}

redacted!(Draft, Service, Returned);

impl Service {
    /// Holds a service to the agreement, and to what can be: nothing is served tomorrow, or before it was found.
    pub(crate) fn suffices(
        &self,
        terms: &Terms,
        verified: &Verified,
        now: Timestamp,
    ) -> Result<(), NotAllowed> {
        if self.address.trim().is_empty() || self.language.trim().is_empty() {
            return Err(NotAllowed::NoAddress);
        }
        if self.served_at > now || self.served_at < verified.confirmed_at {
            return Err(NotAllowed::NotServedThen);
        }
        if verified.finding().is_of_death() && self.to != Addressee::Household {
            return Err(NotAllowed::HouseholdNotTold);
        }
        // A day that the clocks are put forward has 23 hours; the law pack counts days, and this only catches what
        // cannot be.
        let least = SignedDuration::from_hours(24 * i64::from(terms.response_days) - 1);
        let floor = self.served_at.checked_add(least).unwrap_or(Timestamp::MAX);
        if self.response_ends < floor {
            return Err(NotAllowed::PeriodTooShort { days: terms.response_days });
        }
        Ok(())
    }
}

/// Stage `noticed`: the individual was given notice, or the mail has come back and it is to be served again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    pub(crate) verified: Verified,
    pub(crate) service: Service,
    pub(crate) attempts: u32,
    pub(crate) returned_at: Option<Timestamp>,
    pub(crate) emergency: Option<Emergency>,
}

impl Noticed {
    /// Returns the finding behind it, and who made it.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Returns the last service.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Returns how often it was served.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns when the mail came back, if it did and the notice was not served again.
    pub fn returned_at(&self) -> Option<Timestamp> {
        self.returned_at
    }

    /// Returns the emergency measure that stands, if one was taken.
    pub fn emergency(&self) -> Option<&Emergency> {
        self.emergency.as_ref()
    }

    /// Returns when the period to answer ends; nothing while the notice is not served.
    pub fn response_ends(&self) -> Option<Timestamp> {
        self.returned_at.is_none().then_some(self.service.response_ends)
    }

    /// Concludes: the notice was served and its period has ended. The one proof an action can be taken on.
    ///
    /// # Errors
    /// The mail came back, or the period still runs.
    pub fn conclude(&self, now: Timestamp) -> Result<Concluded, NotAllowed> {
        let Some(ends) = self.response_ends() else {
            return Err(NotAllowed::NotServed);
        };
        if now < ends {
            return Err(NotAllowed::PeriodRuns { ends });
        }
        Ok(Concluded { served_at: self.service.served_at, ended_at: ends, heard: None })
    }
}

/// Proof that a notice was served and that its period, and any contest, has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concluded {
    served_at: Timestamp,
    ended_at: Timestamp,
    heard: Option<Heard>,
}

impl Concluded {
    /// A contest was decided besides.
    pub(crate) fn after(self, heard: Heard) -> Concluded {
        Concluded { heard: Some(heard), ..self }
    }

    /// Returns when the notice was served.
    pub fn served_at(&self) -> Timestamp {
        self.served_at
    }

    /// Returns when the period ended.
    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }

    /// Returns how the contest was decided, if there was one.
    pub fn heard(&self) -> Option<Heard> {
        self.heard
    }
}
