//! Where a case stands: the twelve stages from lead to outcome, as words for lists and counts. The evidence of a stage is
//! in a struct of its own ([`crate::Standing`]).

use serde::{Deserialize, Serialize};

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseStage {
    /// Something for a person to look at.
    Lead,
    /// Judged to be the same person, or not to be told.
    Reviewed,
    /// Facts are being confirmed beyond the matched record.
    Verifying,
    /// Confirmed, by two people.
    Verified,
    /// Found not to be so.
    Refuted,
    /// The individual was given notice.
    Noticed,
    /// The individual answered.
    Contested,
    /// A hearing is open; aid continues.
    Hearing,
    /// The contest is decided.
    Decided,
    /// Adverse action was taken.
    Action,
    /// Records are being corrected, wherever they went.
    Correction,
    /// Nothing more follows.
    Closed,
}

impl CaseStage {
    /// All of them, in order.
    pub const ALL: [CaseStage; 12] = [
        CaseStage::Lead,
        CaseStage::Reviewed,
        CaseStage::Verifying,
        CaseStage::Verified,
        CaseStage::Refuted,
        CaseStage::Noticed,
        CaseStage::Contested,
        CaseStage::Hearing,
        CaseStage::Decided,
        CaseStage::Action,
        CaseStage::Correction,
        CaseStage::Closed,
    ];

    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            CaseStage::Lead => "lead",
            CaseStage::Reviewed => "reviewed",
            CaseStage::Verifying => "verifying",
            CaseStage::Verified => "verified",
            CaseStage::Refuted => "refuted",
            CaseStage::Noticed => "noticed",
            CaseStage::Contested => "contested",
            CaseStage::Hearing => "hearing",
            CaseStage::Decided => "decided",
            CaseStage::Action => "action",
            CaseStage::Correction => "correction",
            CaseStage::Closed => "closed",
        }
    }

    /// Reads the word as stored.
    pub fn read(text: &str) -> Option<CaseStage> {
        CaseStage::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

impl std::fmt::Display for CaseStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
