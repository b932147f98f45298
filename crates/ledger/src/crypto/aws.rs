//! Hashing and signing with AWS-LC, chosen by the feature `aws-lc`.
//!
//! Build `aws-lc-rs` with its own feature `fips` to have its validated module.

use aws_lc_rs::{
    digest, hmac as mac,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};

use super::SMALL_ORDER;

/// Returns the digest of these parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    taken(context.finish().as_ref())
}

/// Returns the code of these parts, one after the other, under a key of 32 bytes.
pub(crate) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = mac::Context::with_key(&mac::Key::new(mac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    taken(context.sign().as_ref())
}

/// A private key of Ed25519.
pub(crate) struct SecretKey {
    random: [u8; 32],
    pair: Ed25519KeyPair,
}

impl SecretKey {
    /// Takes 32 random bytes.
    #[expect(clippy::expect_used, reason = "every 32 bytes are the seed of a key: RFC 8032 §5.1.5")]
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(bytes).expect("32 bytes are a seed");
        Self { random: *bytes, pair }
    }

    /// Returns the 32 bytes it was made of.
    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.random
    }

    /// Returns the public key.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(taken(self.pair.public_key().as_ref()))
    }

    /// Signs.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        taken(self.pair.sign(message).as_ref())
    }
}

/// A public key of Ed25519.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey([u8; 32]);

impl PublicKey {
    /// Takes 32 bytes, unless they are one of the points of small order.
    ///
    /// Bytes that are no point at all are found when a signature is to be verified: none is.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut unsigned = *bytes;
        if let Some(last) = unsigned.last_mut() {
            *last &= 0x7f;
        }
        (!SMALL_ORDER.contains(&unsigned)).then_some(Self(*bytes))
    }

    /// Returns the bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Says whether this key made the signature.
    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// Returns bytes whose number is known from the algorithm.
fn taken<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    all
}
