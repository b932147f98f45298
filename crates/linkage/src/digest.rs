//! The digest that names a recipe or a model.
//!
//! SHA-256 over the canonical JSON of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), so that the digest
//! doesn't move when a file is reformatted, and moves whenever a number in it does. The ledger records the digest
//! of the model that a run used. It isn't a signature.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result};

/// The SHA-256 digest of a recipe or model, shown as `sha256:` and hexadecimal digits, as agreements name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

const PREFIX: &str = "sha256:";

impl Digest {
    /// Takes the digest of a value's canonical JSON.
    pub(crate) fn of(value: &impl Serialize) -> Result<Self> {
        let bytes = serde_json_canonicalizer::to_vec(value).map_err(Error::UndigestibleModel)?;
        Ok(Self(Sha256::digest(&bytes).into()))
    }

    /// Takes a digest's 32 bytes, as another node has written them.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let wrong = "a digest is `sha256:` and 64 lower-case hexadecimal digits";
        let digits = text.strip_prefix(PREFIX).ok_or(wrong)?.as_bytes();
        if digits.len() != 64
            || digits.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(wrong);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_from_its_own_text() {
        let digest = Digest::of(&"anything").unwrap();
        assert_eq!(Digest::try_from(digest.to_string()).unwrap(), digest);
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        assert!(Digest::try_from("a".repeat(64)).is_err(), "without saying which digest");
        for text in ["", "ab", &"g".repeat(64), &"A".repeat(64), &"é".repeat(32)] {
            assert!(Digest::try_from(format!("sha256:{text}")).is_err());
        }
    }
}
