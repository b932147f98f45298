//! Commitments: what an entry says of a person without saying it.
//!
//! An entry that can never be changed must hold nothing that a person may want changed. So it holds, field by
//! field, a commitment under a fresh random key, and the [`Opening`] (key and value) is kept by the caller, where it
//! can be shown to the person, to an auditor, or destroyed. Without its opening a commitment says nothing, even of a
//! value with few possibilities. This file keeps no opening and draws no key: the key is an argument, and it must be
//! used once.
//!
//! Implements HMAC-SHA-256, [RFC 2104](https://www.rfc-editor.org/rfc/rfc2104), over framed parts; the idea of a
//! salted digest for each claim is [RFC 9901](https://www.rfc-editor.org/rfc/rfc9901)'s.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, canonical, crypto};

/// Separates these commitments from any other use of the same function, and from later versions of themselves.
const DOMAIN: &str = "comity ledger commitment v1";

/// A commitment to the value of one field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// Takes bytes for a commitment.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Writes base64, as entries do.
impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

/// What opens a commitment: the key and the value. It is personal data; destroying it is how the value is forgotten.
///
/// It serialises so that it can be stored, shows nothing in `Debug`, and has no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Opening {
    key: [u8; 32],
    field: String,
    value: Value,
    /// The value's one spelling, made once: what is hashed.
    spelling: Vec<u8>,
}

/// Commits to the value of a field under a key that is random and used for nothing else.
///
/// # Errors
///
/// [`Error::RefusedValue`] when the field has no name, or the value is null, not whole, too large or too deep.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), ledger::Error> {
/// # let fresh = [7; 32]; // 32 bytes from the system's random source
/// let (commitment, opening) = ledger::commitment::commit(fresh, "birth_date", "1961-04-01".into())?;
/// assert!(opening.opens(&commitment));
/// assert_eq!(format!("{opening:?}"), "Opening([redacted])");
/// # Ok(())
/// # }
/// ```
pub fn commit(key: [u8; 32], field: &str, value: Value) -> Result<(Commitment, Opening), Error> {
    let opening = Opening::new(key, field, value)?;
    Ok((Commitment(opening.code()), opening))
}

impl Opening {
    /// Returns the name of the field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns the value, which is personal data.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Says whether this opens that commitment. Takes the same time whatever the answer.
    pub fn opens(&self, commitment: &Commitment) -> bool {
        let (ours, theirs) = (self.code(), commitment.0);
        ours.iter().zip(theirs).fold(0, |differ, (ours, theirs)| differ | (ours ^ theirs)) == 0
    }

    fn new(key: [u8; 32], field: &str, value: Value) -> Result<Self, Error> {
        if field.is_empty() {
            return Err(Error::RefusedValue {
                name: String::new(),
                reason: "the field has no name",
            });
        }
        let spelling = canonical::spell(field, &value)?;
        Ok(Self { key, field: field.to_owned(), value, spelling })
    }

    /// Returns the code of everything that is committed to.
    fn code(&self) -> [u8; 32] {
        // INVARIANT: each part stands after its length, so no two lists of parts give the same bytes.
        let length = |part: &[u8]| (part.len() as u64).to_be_bytes();
        let (domain, field, value) = (DOMAIN.as_bytes(), self.field.as_bytes(), &self.spelling);
        crypto::hmac(
            &self.key,
            &[&length(domain), domain, &length(field), field, &length(value), value],
        )
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening([redacted])")
    }
}

/// How an opening is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    key: String,
    field: String,
    value: Value,
}

impl From<Opening> for Stored {
    fn from(opening: Opening) -> Self {
        let Opening { key, field, value, spelling: _ } = opening;
        Self { key: BASE64_STANDARD.encode(key), field, value }
    }
}

impl TryFrom<Stored> for Opening {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        let key =
            BASE64_STANDARD.decode(&stored.key).ok().and_then(|key| key.try_into().ok()).ok_or(
                Error::MalformedKey { reason: "the key of an opening is not 32 bytes in base64" },
            )?;
        Self::new(key, &stored.field, stored.value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_opening_opens_its_own_commitment_and_no_other() {
        let (commitment, opening) = commit([1; 32], "name", json!("Ada")).unwrap();
        assert!(opening.opens(&commitment));
        for (key, field, value) in [
            ([2; 32], "name", json!("Ada")),
            ([1; 32], "nam", json!("Ada")),
            ([1; 32], "name", json!("ada")),
            ([1; 32], "name", json!(["Ada"])),
        ] {
            let (other, other_opening) = commit(key, field, value).unwrap();
            assert!(!opening.opens(&other));
            assert!(!other_opening.opens(&commitment));
        }
    }

    #[test]
    fn moving_bytes_between_field_and_value_changes_the_commitment() {
        let (one, _) = commit([1; 32], "a1", json!(1)).unwrap();
        let (other, _) = commit([1; 32], "a", json!(11)).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn the_commitment_is_the_hmac_of_the_framed_parts() {
        let (commitment, _) = commit([3; 32], "f", json!(true)).unwrap();
        let mut bytes = Vec::new();
        for part in ["comity ledger commitment v1", "f", "true"] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        assert_eq!(*commitment.as_bytes(), crypto::hmac(&[3; 32], &[&bytes]));
    }

    #[test]
    fn an_opening_is_stored_and_read_back_and_is_never_shown() {
        let (commitment, opening) = commit([9; 32], "name", json!({"given": "Ada"})).unwrap();
        let text = serde_json::to_string(&opening).unwrap();
        let again: Opening = serde_json::from_str(&text).unwrap();
        assert!(again.opens(&commitment));
        assert_eq!(again.field(), "name");
        assert_eq!(again.value(), &json!({"given": "Ada"}));
        assert!(!format!("{opening:?}").contains("Ada"));
        assert!(
            serde_json::from_str::<Opening>(r#"{"key":"AA==","field":"f","value":1}"#).is_err()
        );
    }

    #[test]
    fn values_without_one_spelling_cannot_be_committed_to() {
        assert!(commit([1; 32], "f", json!(1.5)).is_err());
        assert!(commit([1; 32], "f", json!(null)).is_err());
        assert!(commit([1; 32], "", json!(1)).is_err());
    }
}
