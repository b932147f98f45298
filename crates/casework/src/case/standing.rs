//! Where a case stands: its stage, which owns the evidence so far. A case is moved by [`crate::Case::step`] alone.

use crate::CaseStage;
use crate::action::Action;
use crate::closing::Closed;
use crate::contest::{Contested, Decided, Hearing};
use crate::correction::Correction;
use crate::notice::Noticed;
use crate::review::{Judged, Reviewed, Waiting};
use crate::verification::{Refuted, Verified, Verifying};

/// Where a case stands, with the evidence so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Something for a person to look at.
    Lead(Waiting),
    /// Judged the same, or not to be told.
    Reviewed(Reviewed),
    /// Facts are being confirmed.
    Verifying(Verifying),
    /// Two people confirmed them.
    Verified(Verified),
    /// It is not so.
    Refuted(Refuted),
    /// The individual was given notice.
    Noticed(Noticed),
    /// The individual answered.
    Contested(Contested),
    /// A hearing is open.
    Hearing(Hearing),
    /// The contest is decided.
    Decided(Decided),
    /// Action was taken.
    Action(Action),
    /// Records are being corrected.
    Correction(Correction),
    /// Nothing more follows.
    Closed(Closed),
}

impl Standing {
    /// Returns the stage as a word.
    pub fn stage(&self) -> CaseStage {
        match self {
            Standing::Lead(_) => CaseStage::Lead,
            Standing::Reviewed(_) => CaseStage::Reviewed,
            Standing::Verifying(_) => CaseStage::Verifying,
            Standing::Verified(_) => CaseStage::Verified,
            Standing::Refuted(_) => CaseStage::Refuted,
            Standing::Noticed(_) => CaseStage::Noticed,
            Standing::Contested(_) => CaseStage::Contested,
            Standing::Hearing(_) => CaseStage::Hearing,
            Standing::Decided(_) => CaseStage::Decided,
            Standing::Action(_) => CaseStage::Action,
            Standing::Correction(_) => CaseStage::Correction,
            Standing::Closed(_) => CaseStage::Closed,
        }
    }

    /// Returns the notice, at whatever stage after it the case stands.
    pub fn noticed(&self) -> Option<&Noticed> {
        match self {
            Standing::Noticed(noticed) => Some(noticed),
            Standing::Contested(contested) => Some(&contested.noticed),
            Standing::Hearing(hearing) => Some(&hearing.contested.noticed),
            Standing::Decided(decided) => Some(&decided.contested.noticed),
            Standing::Action(action) => Some(&action.noticed),
            Standing::Lead(_)
            | Standing::Reviewed(_)
            | Standing::Verifying(_)
            | Standing::Verified(_)
            | Standing::Refuted(_)
            | Standing::Correction(_)
            | Standing::Closed(_) => None,
        }
    }

    /// Returns the contest, at whatever stage after it the case stands.
    pub fn contested(&self) -> Option<&Contested> {
        match self {
            Standing::Contested(contested) => Some(contested),
            Standing::Hearing(hearing) => Some(&hearing.contested),
            Standing::Decided(decided) => Some(&decided.contested),
            Standing::Lead(_)
            | Standing::Reviewed(_)
            | Standing::Verifying(_)
            | Standing::Verified(_)
            | Standing::Refuted(_)
            | Standing::Noticed(_)
            | Standing::Action(_)
            | Standing::Correction(_)
            | Standing::Closed(_) => None,
        }
    }

    /// Returns what was verified, at whatever stage after it the case stands.
    pub fn verified(&self) -> Option<&Verified> {
        match self {
            Standing::Verified(verified) => Some(verified),
            other => other.noticed().map(Noticed::verified),
        }
    }

    /// Returns the review, at whatever stage after it the case stands.
    pub fn reviewed(&self) -> Option<&Reviewed> {
        match self {
            Standing::Reviewed(reviewed) => Some(reviewed),
            Standing::Verifying(verifying) => Some(&verifying.reviewed),
            Standing::Refuted(refuted) => Some(&refuted.reviewed),
            other => other.verified().map(Verified::reviewed),
        }
    }

    /// Returns what people said of the lead, at whatever stage the case stands.
    pub fn judged(&self) -> &[Judged] {
        match self {
            Standing::Lead(waiting) => &waiting.judged,
            Standing::Closed(closed) => &closed.judged,
            Standing::Correction(correction) => &correction.judged,
            other => other.reviewed().map_or(&[], |reviewed| &reviewed.judged),
        }
    }

    pub(super) fn noticed_mut(&mut self) -> Option<&mut Noticed> {
        match self {
            Standing::Noticed(noticed) => Some(noticed),
            Standing::Contested(contested) => Some(&mut contested.noticed),
            Standing::Hearing(hearing) => Some(&mut hearing.contested.noticed),
            Standing::Decided(decided) => Some(&mut decided.contested.noticed),
            // After an action its notice is not served again: the action is reversed.
            Standing::Action(_)
            | Standing::Lead(_)
            | Standing::Reviewed(_)
            | Standing::Verifying(_)
            | Standing::Verified(_)
            | Standing::Refuted(_)
            | Standing::Correction(_)
            | Standing::Closed(_) => None,
        }
    }
}
