//! The key of a recipient's register of requests, in which all its look-ups are counted together (floor F4).
//!
//! Whoever signs an agreement so knows where look-ups under it are counted: two agreements of one recipient that name two
//! registers show it to everybody who reads both. What stands in a register, and who may read it, is the program's affair.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::note_key::{self, LEDGER};

/// The public key of a register of requests in its text form, C2SP signed-note's `vkey` of a ledger.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegisterKey(String);

impl RegisterKey {
    /// Returns the key in its text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the register.
    pub fn name(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }

    /// Says whether two are one register: the same public key, under whichever name.
    pub fn is_same(&self, other: &RegisterKey) -> bool {
        self.public() == other.public()
    }

    /// Returns the public key alone: under two names it is one register.
    pub(crate) fn public(&self) -> &str {
        note_key::public(&self.0)
    }
}

impl std::str::FromStr for RegisterKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !note_key::is_key(text, LEDGER) {
            return Err(Error::NotARegisterKey { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RegisterKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<RegisterKey> for String {
    fn from(key: RegisterKey) -> Self {
        key.0
    }
}

impl fmt::Display for RegisterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RegisterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for RegisterKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RegisterKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "comity-register-key",
            "pattern": "^(TODO|[^+\\s]+\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{44})$",
            "description": "the public key of a register of requests, `name+id+base64`, as `comity register` prints it",
        })
    }
}

/// The public key of RFC 8032, 7.1, test 1, as a register named `x` would have it: what stands in for one that is wrong.
pub(crate) const NEUTRAL_KEY: &str = "x+69b339d5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registers_key_is_name_id_and_a_ledgers_public_key() {
        let key: RegisterKey = NEUTRAL_KEY.parse().unwrap();
        assert_eq!((key.name(), key.to_string().as_str()), ("x", NEUTRAL_KEY));
        for wrong in [
            "",
            "x+69b339d5",
            // The algorithm of a witness's key.
            "x+74e788bc+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            // Another name, another id.
            "y+69b339d5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "x+69b339d4+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "+69b339d5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "x+69b339d5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1E=",
            "PRIVATE+KEY+x+69b339d5+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
        ] {
            assert!(wrong.parse::<RegisterKey>().is_err(), "{wrong}");
        }
    }
}
