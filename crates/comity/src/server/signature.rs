//! Signatures on what nodes send each other: a request and its answer, each over the digest of its body.
//!
//! One profile and no choice in it: which parts are signed, in which order and by which algorithm is fixed, so that
//! nobody can have a weaker form taken. Who may send what is for whoever asks here ([`super::correction`]).
//!
//! Signatures: [RFC 9421](https://www.rfc-editor.org/rfc/rfc9421), Ed25519 (§3.3.6). Digests:
//! [RFC 9530](https://www.rfc-editor.org/rfc/rfc9530).

use crate::node::{Places, write_secret};
use crate::program::read;
pub(crate) use crate::summary::hex;
use crate::{Error, clock};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The header with the body's digest.
pub(crate) const CONTENT_DIGEST: &str = "content-digest";
/// The header that says what is signed.
pub(crate) const SIGNATURE_INPUT: &str = "signature-input";
/// The header with the signature.
pub(crate) const SIGNATURE: &str = "signature";

/// How many seconds a message's time may be off from ours.
const TOLERANCE: i64 = 300;

/// What a signature is for: one made for something else is none here (RFC 9421 §2.3, `tag`).
const TAG: &str = "comity-1";

/// The key by which a node signs what it sends to others.
pub(crate) struct MessageKey(SigningKey);

impl MessageKey {
    /// Finds the key, or makes it.
    pub(crate) fn open(places: &Places) -> Result<MessageKey, Error> {
        let path = places.root().join("keys").join("messages.secret");
        if !path.exists() {
            write_secret(&path, &format!("{}\n", BASE64_URL_SAFE_NO_PAD.encode(clock::random()?)))?;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(read(&path)?.trim()).ok();
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or(Error::OldSummary { what: "messages.secret" })?;
        Ok(MessageKey(SigningKey::from_bytes(&bytes)))
    }

    /// Returns the public key, as the other nodes' settings have it.
    pub(crate) fn public(&self) -> String {
        format!("ed25519:{}", hex(self.0.verifying_key().as_bytes()))
    }

    fn sign(&self, base: &str) -> String {
        BASE64_STANDARD.encode(self.0.sign(base.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageKey([redacted])")
    }
}

/// Reads a public key as settings have it.
pub(crate) fn public_key(text: &str) -> Option<VerifyingKey> {
    let digits = text.trim().strip_prefix("ed25519:")?;
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak())
}

/// What is signed of a message besides its body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    /// A request that is posted to a path.
    Request {
        /// The path.
        path: &'a str,
    },
    /// An answer with a status.
    Answer {
        /// The status.
        status: u16,
    },
}

impl Of<'_> {
    /// Returns the names of the parts and what they are, in their order (RFC 9421 §2.2).
    fn parts(self) -> Vec<(&'static str, String)> {
        match self {
            Of::Request { path } => vec![("@method", "POST".into()), ("@path", path.into())],
            Of::Answer { status } => vec![("@status", status.to_string())],
        }
    }
}

/// Signs a message, and returns its headers.
pub(crate) fn sign(
    key: &MessageKey,
    party: &str,
    of: Of<'_>,
    body: &[u8],
    now: Timestamp,
) -> [(&'static str, String); 3] {
    let digest = digest(body);
    let mut covered = of.parts();
    covered.push((CONTENT_DIGEST, digest.clone()));
    let params = params(&covered, now.as_second(), party);
    let signature = key.sign(&base(&covered, &params));
    [
        (CONTENT_DIGEST, digest),
        (SIGNATURE_INPUT, format!("sig={params}")),
        (SIGNATURE, format!("sig=:{signature}:")),
    ]
}

/// Returns which party says to have signed a message; nothing is proved yet.
pub(crate) fn signer(headers: &HeaderMap) -> Option<String> {
    let input = text(headers, SIGNATURE_INPUT)?;
    let (_, rest) = input.split_once(";keyid=\"")?;
    let (party, _) = rest.split_once('"')?;
    Some(party.to_owned())
}

/// Says whether a message was signed by a party with its key, over this body, about now. Anything else than the one form
/// that [`sign`] makes is not.
pub(crate) fn is_signed(
    headers: &HeaderMap,
    key: &VerifyingKey,
    party: &str,
    of: Of<'_>,
    body: &[u8],
    now: Timestamp,
) -> bool {
    let verified = || {
        let input = text(headers, SIGNATURE_INPUT)?;
        let (_, rest) = input.split_once(";created=")?;
        let (created, _) = rest.split_once(';')?;
        let created: i64 = created.parse().ok()?;
        let mut covered = of.parts();
        covered.push((CONTENT_DIGEST, digest(body)));
        let params = params(&covered, created, party);
        let is_new = created.abs_diff(now.as_second()) <= TOLERANCE.unsigned_abs();
        // Compared as a whole: what we would have written is what was written.
        let is_ours = *input == format!("sig={params}");
        let is_digest = text(headers, CONTENT_DIGEST)? == digest(body);
        let signature = text(headers, SIGNATURE)?.strip_prefix("sig=:")?.strip_suffix(':')?;
        let signature: [u8; 64] = BASE64_STANDARD.decode(signature).ok()?.try_into().ok()?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature);
        let holds = key.verify_strict(base(&covered, &params).as_bytes(), &signature).is_ok();
        (is_new && is_ours && is_digest && holds).then_some(())
    };
    verified().is_some()
}

/// Returns the one value of a header; none where there are two.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(one)
}

/// Returns the digest of a body as its header has it (RFC 9530 §2).
fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(body)))
}

fn params(covered: &[(&str, String)], created: i64, party: &str) -> String {
    let names: Vec<_> = covered.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let names = names.join(" ");
    format!("({names});created={created};keyid=\"{party}\";alg=\"ed25519\";tag=\"{TAG}\"")
}

/// Returns the signature base (RFC 9421 §2.5).
fn base(parts: &[(&str, String)], params: &str) -> String {
    let mut base = String::new();
    for (name, value) in parts {
        base.extend(["\"", *name, "\": ", value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", params]);
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MessageKey {
        MessageKey(SigningKey::from_bytes(&[byte; 32]))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn headers(key: &MessageKey, of: Of<'_>, body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in sign(key, "payroll", of, body, at(0)) {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    const POSTED: Of<'_> = Of::Request { path: "/api/v1/corrections" };

    /// RFC 9421, appendix B.2.6: the parts are others than ours, the base and the signature are made alike.
    #[test]
    fn a_base_is_put_together_and_signed_as_the_specification_shows() {
        let secret = BASE64_URL_SAFE_NO_PAD.decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU");
        let key = MessageKey(SigningKey::from_bytes(&secret.unwrap().try_into().unwrap()));
        let parts = [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT".to_owned()),
            ("@method", "POST".to_owned()),
            ("@path", "/foo".to_owned()),
            ("@authority", "example.com".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("content-length", "18".to_owned()),
        ];
        let params = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
        assert_eq!(
            key.sign(&base(&parts, params)),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        );
    }

    #[test]
    fn a_message_is_signed_for_its_path_its_body_its_party_and_its_time_alone() {
        let (ours, theirs) = (key(7), key(8));
        let public = ours.0.verifying_key();
        let good = headers(&ours, POSTED, b"body");
        assert!(is_signed(&good, &public, "payroll", POSTED, b"body", at(0)));
        for (second, counts) in [(-301, false), (-300, true), (300, true), (301, false)] {
            assert_eq!(
                is_signed(&good, &public, "payroll", POSTED, b"body", at(second)),
                counts,
                "{second}"
            );
        }
        let other = Of::Request { path: "/api/v1/stays" };
        assert!(!is_signed(&good, &public, "payroll", other, b"body", at(0)));
        assert!(!is_signed(&good, &public, "payroll", Of::Answer { status: 200 }, b"body", at(0)));
        assert!(!is_signed(&good, &public, "payroll", POSTED, b"other", at(0)));
        assert!(!is_signed(&good, &public, "support", POSTED, b"body", at(0)));
        assert!(!is_signed(&good, &theirs.0.verifying_key(), "payroll", POSTED, b"body", at(0)));
    }

    #[test]
    fn a_header_that_is_missing_doubled_or_of_another_form_is_no_signature() {
        let ours = key(7);
        let public = ours.0.verifying_key();
        let good = headers(&ours, POSTED, b"body");
        for name in [CONTENT_DIGEST, SIGNATURE_INPUT, SIGNATURE] {
            let mut less = good.clone();
            less.remove(name);
            assert!(!is_signed(&less, &public, "payroll", POSTED, b"body", at(0)), "{name}");
            let mut twice = good.clone();
            twice.append(name, good[name].clone());
            assert!(!is_signed(&twice, &public, "payroll", POSTED, b"body", at(0)), "{name}");
        }
        for (from, to) in [
            ("alg=\"ed25519\"", "alg=\"none\""),
            (";tag=\"comity-1\"", ""),
            ("\"@method\" ", ""),
            ("sig=", "sig2="),
            ("created=1", "created=+1"),
        ] {
            let mut changed = good.clone();
            let input = good[SIGNATURE_INPUT].to_str().unwrap();
            assert!(input.contains(from), "{input}");
            changed.insert(SIGNATURE_INPUT, input.replace(from, to).parse().unwrap());
            assert!(!is_signed(&changed, &public, "payroll", POSTED, b"body", at(0)), "{to}");
        }
    }

    #[test]
    fn a_public_key_reads_back_and_a_weak_one_does_not() {
        let ours = key(7);
        assert_eq!(public_key(&ours.public()), Some(ours.0.verifying_key()));
        for wrong in [
            "",
            "ed25519:",
            "ed25519:00",
            &format!("ed25519:01{}", "00".repeat(31)),
            &format!("ed25519:{}", "é".repeat(32)),
        ] {
            assert_eq!(public_key(wrong), None, "{wrong}");
        }
    }
}
