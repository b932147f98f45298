//! Ed25519 keys ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)) of parties, boards and auditors, each for one environment.
//!
//! A test key never signs for production: the environment is part of the key's text, of every signed statement, and
//! is mixed into the key itself, so that a key file relabelled by hand is another key. Where keys are kept, and the
//! randomness they are made of, are the program's affair.

use std::borrow::Cow;
use std::fmt;

use ed25519_dalek::{Signature as RawSignature, Signer as _, VerifyingKey};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::digest::{hex, unhex};

/// Whether something is real.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// For trying out; no real person's record.
    Test,
    /// For real.
    Production,
}

impl Environment {
    /// Returns the environment's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A public key with its environment, written `ed25519:…` or `test-ed25519:…`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    environment: Environment,
    key: VerifyingKey,
}

impl PublicKey {
    /// Returns the environment the key is for.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Tells whether the key made this signature over these bytes, strictly: weak keys verify nothing.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &SignatureBytes) -> bool {
        self.key.verify_strict(bytes, &RawSignature::from_bytes(&signature.0)).is_ok()
    }
}

impl std::str::FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::NotAKey { text: text.to_owned() };
        let (environment, digits) = if let Some(digits) = text.strip_prefix("test-ed25519:") {
            (Environment::Test, digits)
        } else if let Some(digits) = text.strip_prefix("ed25519:") {
            (Environment::Production, digits)
        } else {
            return Err(wrong());
        };
        let bytes = unhex::<32>(digits).ok_or_else(wrong)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
        if key.is_weak() {
            return Err(wrong());
        }
        Ok(Self { environment, key })
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.environment {
            Environment::Test => "test-ed25519:",
            Environment::Production => "ed25519:",
        };
        write!(f, "{prefix}{}", hex(self.key.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl JsonSchema for PublicKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "comity-key",
            "pattern": "^(TODO|(test-)?ed25519:[0-9a-f]{64})$",
        })
    }
}

/// A signing key. It shows nothing of itself in `Debug`; [`SigningKey::to_secret_text`] is the one way out.
pub struct SigningKey {
    environment: Environment,
    seed: [u8; 32],
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Makes a key of 32 random bytes, which the caller draws.
    pub fn new(environment: Environment, random: [u8; 32]) -> Self {
        // The environment is mixed in, so that the same bytes are different keys in test and in production.
        let seed: [u8; 32] = Sha256::new()
            .chain_update(b"comity signing key\n")
            .chain_update(environment.as_str())
            .chain_update(b"\n")
            .chain_update(random)
            .finalize()
            .into();
        Self { environment, seed: random, key: ed25519_dalek::SigningKey::from_bytes(&seed) }
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        PublicKey { environment: self.environment, key: self.key.verifying_key() }
    }

    /// Returns the environment the key is for.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Writes the key as the text of a key file. Whoever has it can sign.
    pub fn to_secret_text(&self) -> String {
        format!(
            "comity signing key, {} environment\npublic {}\nkeep this file to yourself; whoever has it can sign\n{}\n",
            self.environment,
            self.public(),
            hex(&self.seed)
        )
    }

    /// Reads a key from the text of a key file.
    ///
    /// # Errors
    ///
    /// [`Error::NotAKeyFile`] when the text is none, or when its parts do not belong together.
    pub fn from_secret_text(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines();
        let environment = match lines.next() {
            Some("comity signing key, test environment") => Environment::Test,
            Some("comity signing key, production environment") => Environment::Production,
            _ => return Err(Error::NotAKeyFile),
        };
        let public = lines.next().and_then(|line| line.strip_prefix("public ")).map(str::to_owned);
        let seed = lines.last().and_then(unhex::<32>).ok_or(Error::NotAKeyFile)?;
        let key = Self::new(environment, seed);
        if public == Some(key.public().to_string()) { Ok(key) } else { Err(Error::NotAKeyFile) }
    }

    /// Signs bytes. Only statements of this crate are signed, each under its own first line.
    pub(crate) fn sign(&self, bytes: &[u8]) -> SignatureBytes {
        SignatureBytes(self.key.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.environment)
    }
}

/// The 64 bytes of a signature, written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignatureBytes([u8; 64]);

impl TryFrom<String> for SignatureBytes {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        unhex(&text).map(Self).ok_or(Error::NotASignature)
    }
}

impl From<SignatureBytes> for String {
    fn from(signature: SignatureBytes) -> Self {
        hex(&signature.0)
    }
}

impl fmt::Debug for SignatureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_key_shows_nothing_of_itself() {
        let key = SigningKey::new(Environment::Test, [7; 32]);
        assert_eq!(format!("{key:?}"), "SigningKey(test, [redacted])");
    }

    #[test]
    fn a_key_file_reads_back() {
        let key = SigningKey::new(Environment::Production, [7; 32]);
        let read = SigningKey::from_secret_text(&key.to_secret_text()).unwrap();
        assert_eq!(read.public(), key.public());
    }

    #[test]
    fn a_key_file_relabelled_from_test_to_production_is_no_key() {
        let text = SigningKey::new(Environment::Test, [7; 32]).to_secret_text();
        let forged = text.replace("test environment", "production environment");
        assert!(SigningKey::from_secret_text(&forged).is_err());
        let forged = forged.replace("test-ed25519:", "ed25519:");
        assert!(SigningKey::from_secret_text(&forged).is_err());
    }

    #[test]
    fn a_public_key_reads_back_and_a_weak_one_does_not() {
        let key = SigningKey::new(Environment::Test, [7; 32]).public();
        assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        let weak = format!("ed25519:01{}", "00".repeat(31));
        assert!(weak.parse::<PublicKey>().is_err());
    }
}
