//! The agencies that agree, their roles, and their boards.
//!
//! 5 U.S.C. 552a(a)(9) and (11): source and recipient; (u): the Data Integrity Board. Who in an agency may do what is
//! the agency's own affair and not here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PartyId, PublicKey, RegisterKey};

/// An agency that is party to the agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The party's name inside the agreement.
    pub id: PartyId,
    /// The agency's full name.
    pub name: String,
    /// What it does in the program.
    pub roles: Vec<Role>,
    /// Whether it is a federal agency.
    pub federal: bool,
    /// Its postal address.
    pub address: String,
    /// The key its signatures are verified with.
    pub key: PublicKey,
    /// The public key of its register of requests, in which all look-ups of a recipient are counted together. Where it names
    /// none, nobody is looked up.
    #[schemars(extend("x-cite" = "floor F4"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_key: Option<RegisterKey>,
    /// Its Data Integrity Board, if it has one.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(u)"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<Board>,
}

/// What a party does in a matching program.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Discloses records.
    Source,
    /// Receives leads and returned elements.
    Recipient,
    /// Compares the records for the others.
    MatchingAgent,
    /// Carries data or runs machines for the others, and sees no leads.
    Facilitator,
}

impl Role {
    /// Returns the role's word in an agreement.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Recipient => "recipient",
            Self::MatchingAgent => "matching_agent",
            Self::Facilitator => "facilitator",
        }
    }
}

/// A Data Integrity Board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The board's name.
    pub name: String,
    /// The key its approval is verified with.
    pub key: PublicKey,
}
