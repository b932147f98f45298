//! The node's own secret for the door: what is typed is known again by a keyed digest of it, and the secrets of
//! authenticator apps are sealed under it.
//!
//! It lies in a file beside the ledger's secret, readable by its owner alone, and never in a database: a copy of the
//! accounts is of no use without it.
//!
//! Sealing: ChaCha20-Poly1305, [RFC 8439](https://www.rfc-editor.org/rfc/rfc8439), with a random nonce for each of the
//! few secrets there are.

use crate::node::{Places, kept_secret};
use crate::{Error, clock};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The node's secret for its door.
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// Finds the secret, or makes it.
    pub(crate) fn open(places: &Places) -> Result<Secret, Error> {
        let path = places.root().join("keys").join("door.secret");
        kept_secret(&path, "door.secret").map(Secret)
    }

    /// Returns the keyed digest of parts, for a use.
    pub(crate) fn digest(&self, usage: &str, parts: &[&str]) -> [u8; 32] {
        keyed(&self.0, usage, parts)
    }

    /// Seals bytes for an officer.
    pub(crate) fn seal(&self, officer: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let random = clock::random()?;
        let (nonce, _) = random.split_first_chunk::<12>().ok_or(Error::UnspeakableEvent)?;
        let nonce = *nonce;
        let mut sealed = bytes.to_vec();
        self.key()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(officer.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Error::OldSummary { what: "code secret" })?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for an officer.
    pub(crate) fn unseal(&self, officer: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let other = || Error::OldSummary { what: "code secret" };
        let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or_else(other)?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .key()?
            .open_in_place(nonce, Aad::from(officer.as_bytes()), &mut bytes)
            .map_err(|_| other())?;
        Ok(opened.to_vec())
    }

    fn key(&self) -> Result<LessSafeKey, Error> {
        let bytes = keyed(&self.0, "seal", &[]);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
        Ok(LessSafeKey::new(key.map_err(|_| Error::OldSummary { what: "door.secret" })?))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// A secret that a browser or a system carries: 256 random bits, of which only the digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Carried(String);

impl Carried {
    /// Makes one.
    pub(crate) fn new() -> Result<Carried, Error> {
        Ok(Carried(BASE64_URL_SAFE_NO_PAD.encode(clock::random()?)))
    }

    /// Reads one as it was brought; nothing else than one of ours is looked up.
    pub(crate) fn brought(text: &str) -> Option<Carried> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Carried(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what is kept of it. It has 256 bits of its own, so a plain digest lets nobody guess it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// Returns what a form has to bring back: bound to this secret, and telling nothing of it.
    pub(crate) fn form(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keyed(self.0.as_bytes(), "form", &[]))
    }

    /// Says whether a form brought back what it was given, in time that tells nothing.
    pub(crate) fn is_form(&self, brought: &str) -> bool {
        let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(brought) else { return false };
        mac(self.0.as_bytes(), "form", &[]).is_some_and(|mac| mac.verify_slice(&bytes).is_ok())
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried([redacted])")
    }
}

fn mac(key: &[u8], usage: &str, parts: &[&str]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in std::iter::once(&usage).chain(parts) {
        // Each with its length, so that no two lists of parts read the same.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Some(mac)
}

fn keyed(key: &[u8], usage: &str, parts: &[&str]) -> [u8; 32] {
    // HMAC takes keys of any length, so there is always one; all zeros would find nothing that was ever kept.
    mac(key, usage, parts).map_or([0; 32], |mac| mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_for_one_officer_does_not_open_for_another() {
        let secret = Secret([7; 32]);
        let sealed = secret.seal("a", b"twenty bytes of code").unwrap();
        assert_eq!(secret.unseal("a", &sealed).unwrap(), b"twenty bytes of code");
        assert!(secret.unseal("b", &sealed).is_err());
        assert!(Secret([8; 32]).unseal("a", &sealed).is_err());
        assert!(secret.unseal("a", &sealed[..11]).is_err());
        let mut changed = sealed;
        changed[13] ^= 1;
        assert!(secret.unseal("a", &changed).is_err());
    }

    #[test]
    fn a_form_fits_the_session_it_was_made_for_and_no_other() {
        let (one, other) = (Carried::new().unwrap(), Carried::new().unwrap());
        assert!(one.is_form(&one.form()));
        assert!(!one.is_form(&other.form()));
        assert!(!one.is_form("") && !one.is_form("=") && !one.is_form(&one.form()[1..]));
    }

    #[test]
    fn parts_that_are_cut_otherwise_have_another_digest() {
        let secret = Secret([7; 32]);
        assert_ne!(secret.digest("code", &["ab", "c"]), secret.digest("code", &["a", "bc"]));
        assert_ne!(secret.digest("code", &["a"]), secret.digest("name", &["a"]));
    }
}
