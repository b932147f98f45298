//! What an officer may do under one agreement.
//!
//! Who in an agency has which of these is the agency's own affair: the caller brings the roles, the gate decides by
//! them (`role-…` in `laws/floor/policies.cedar`). A role is given for one agreement and holds for no other. Duties are
//! kept apart by the rules of F5, not by the roles alone: an officer with two roles still does not confirm alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A role of an officer under an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfficerRole {
    /// Judges leads.
    Reviewer,
    /// Confirms facts beyond the two records, and decides on actions.
    Verifier,
    /// Serves notices, and notes the mail that comes back.
    NoticeOfficer,
    /// Answers for corrections, stays, seals and hearings.
    PrivacyOfficer,
    /// Sits on the Data Integrity Board, 5 U.S.C. 552a(u); reviews nothing.
    BoardMember,
    /// Reads decisions, counts and ledger, and no element.
    Auditor,
    /// Keeps the node running: accounts, files in and out; decides on no case.
    Operator,
}

impl OfficerRole {
    /// Every role, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::Reviewer,
        Self::Verifier,
        Self::NoticeOfficer,
        Self::PrivacyOfficer,
        Self::BoardMember,
        Self::Auditor,
        Self::Operator,
    ];

    /// Returns the role's word in rules and accounts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reviewer => "reviewer",
            Self::Verifier => "verifier",
            Self::NoticeOfficer => "notice_officer",
            Self::PrivacyOfficer => "privacy_officer",
            Self::BoardMember => "board_member",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    /// Returns the role of this word, if there is one.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for OfficerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_word_which_is_also_its_written_form() {
        for role in OfficerRole::ALL {
            assert_eq!(OfficerRole::named(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(OfficerRole::named("judge"), None);
    }
}
