//! Public keys in the text form of [C2SP signed-note](https://c2sp.org/signed-note@v1.0.0), `name+id+base64`, as far as an
//! agreement names them: that the text is such a key, for this kind of signature. How a signature is verified is the
//! ledger's to know.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};

/// The algorithm byte of a ledger's signatures: Ed25519.
pub(crate) const LEDGER: u8 = 0x01;
/// The algorithm byte of witnesses' signatures: timestamped Ed25519 cosignatures.
pub(crate) const COSIGNATURE: u8 = 0x04;

/// Tells whether a text is a public key for this kind of signature.
pub(crate) fn is_key(text: &str, algorithm: u8) -> bool {
    let Some((name, rest)) = text.split_once('+') else { return false };
    let Some((id, key)) = rest.split_once('+') else { return false };
    let Ok(bytes) = BASE64_STANDARD.decode(key) else { return false };
    let Some((first, public)) = bytes.split_first() else { return false };
    let Ok(public) = <[u8; 32]>::try_from(public) else { return false };
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    if *first != algorithm || !is_name {
        return false;
    }
    if VerifyingKey::from_bytes(&public).map_or(true, |key| key.is_weak()) {
        return false;
    }
    // The id tells keys of one name apart, and shows a slip of the pen.
    let digest = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(&bytes);
    let digest: [u8; 32] = digest.finalize().into();
    crate::digest::hex(&digest).get(..8) == Some(id)
}

/// Returns the public key alone: under two names it is one key.
pub(crate) fn public(text: &str) -> &str {
    text.splitn(3, '+').nth(2).unwrap_or_default()
}
