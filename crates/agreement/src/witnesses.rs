//! The witnesses whose cosignatures a release waits for, and how many of them (floor F9).
//!
//! A witness is somebody else's: a court, an inspector, the other agency. It signs that it saw the ledger grow and never
//! be rewritten, so that no party can show two people two histories. Keys are public and are terms; where a witness is
//! reached can change without a new agreement and stands in the [`crate::Schedule`]. How a signature is verified is the
//! ledger's to know.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::note_key::{self, COSIGNATURE};
use crate::{Error, PartyId};

/// The longest that a release may be made to wait. The project's own number.
pub(crate) const LONGEST_WAIT_SECONDS: u32 = 3600;

/// The quorum of witnesses that a release waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// How many of the members must have cosigned a checkpoint that holds the disclosure, before it is released.
    #[schemars(extend("x-cite" = "floor F9"))]
    pub quorum: u32,
    /// How many seconds a release waits for them, 3600 at most; then it is refused.
    pub within_seconds: u32,
    /// The witnesses.
    pub members: Vec<WitnessMember>,
}

/// A witness that counts towards the quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessMember {
    /// Its name inside the agreement.
    pub id: PartyId,
    /// The key it cosigns with, as `comity witness key` prints it.
    pub key: WitnessKey,
}

/// A witness's public key in its text form, C2SP signed-note's `vkey` with the algorithm of cosignatures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WitnessKey(String);

impl WitnessKey {
    /// Returns the key in its text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the public key alone: under two names it is one witness.
    pub(crate) fn public(&self) -> &str {
        note_key::public(&self.0)
    }
}

impl std::str::FromStr for WitnessKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !note_key::is_key(text, COSIGNATURE) {
            return Err(Error::NotAWitnessKey { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for WitnessKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<WitnessKey> for String {
    fn from(key: WitnessKey) -> Self {
        key.0
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for WitnessKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WitnessKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "comity-witness-key",
            "pattern": "^(TODO|[^+\\s]+\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{44})$",
            "description": "a witness's public key, `name+id+base64`, as `comity witness key` prints it",
        })
    }
}

/// The public key of RFC 8032, 7.1, test 1, as a witness named `x` would have it: what stands in for one that is wrong.
pub(crate) const NEUTRAL_KEY: &str = "x+74e788bc+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_key_is_name_id_and_a_cosigners_public_key() {
        assert!(NEUTRAL_KEY.parse::<WitnessKey>().is_ok());
        for wrong in [
            "",
            "x",
            "x+74e788bc",
            // The algorithm of a log's key.
            "x+74e788bc+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            // Another name, another id.
            "y+74e788bc+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "x+74e788b0+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "+74e788bc+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "x y+74e788bc+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "x+74e788bc+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1E=",
        ] {
            assert!(wrong.parse::<WitnessKey>().is_err(), "{wrong}");
        }
    }
}
