//! Signed notes: a text, and who has signed it.
//!
//! Keys come in and go out as the texts that Go's tools use, so that a note made here can be checked elsewhere.
//! This file makes no randomness and keeps no list of keys; what a note's text means is for [`crate::checkpoint`].
//!
//! Implements [C2SP signed-note v1](https://c2sp.org/signed-note@v1.0.0), of its signature types 0x01, Ed25519
//! ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)), and 0x04, whose making is in [`crate::cosignature`].

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    Error, cosignature,
    crypto::{PublicKey, SecretKey, sha256},
};

/// What a signature is over, and of what form it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// Type 0x01: Ed25519 over the text. Logs sign so.
    Ed25519,
    /// Type 0x04: Ed25519 over a time and the text of a checkpoint. Witnesses sign so.
    Cosignature,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    fn of_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::Cosignature].into_iter().find(|known| known.byte() == byte)
    }
}

/// How long a note may be. The specification asks for some limit; 16 of the largest signatures fit.
const BYTES: usize = 1_000_000;

/// How many signatures a note may have. The specification asks for at least 16.
const SIGNATURES: usize = 100;

/// The name of a key: not empty, without white space, plus or control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// Takes a text for a name; the custom is an address without its scheme, such as `ledger.example.gov/2026`.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedName`] when it cannot be one.
    pub fn new(name: &str) -> Result<Self, Error> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(odd) {
            Err(Error::MalformedName { name: name.to_owned() })
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The short number that, with its name, says which key made a signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct KeyId([u8; 4]);

impl KeyId {
    fn of(name: &Name, algorithm: Algorithm, key: &PublicKey) -> Self {
        let kind = [b'\n', algorithm.byte()];
        let [a, b, c, d, ..] = sha256(&[name.as_str().as_bytes(), &kind, key.as_bytes()]);
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A private key and its name. Shows only its name.
pub struct Signer {
    key: SecretKey,
    verifier: Verifier,
}

impl Signer {
    /// Makes a key of 32 bytes, which must be random and kept nowhere else.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), ledger::Error> {
    /// use ledger::note::{Name, Signer, Verifier};
    ///
    /// # let random = [7; 32]; // from the system's random source
    /// let signer = Signer::from_random(Name::new("ledger.example.gov/2026")?, random);
    /// let verifier = Verifier::parse(&signer.verifier().to_string())?;
    /// assert_eq!(verifier.name().as_str(), "ledger.example.gov/2026");
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_random(name: Name, random: [u8; 32]) -> Self {
        let key = SecretKey::from_bytes(&random);
        let verifier = Verifier::of(name, Algorithm::Ed25519, key.public());
        Self { key, verifier }
    }

    /// Reads a private key as text: `PRIVATE+KEY+<name>+<id>+<base64>`.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedKey`], which never repeats the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, id, random) = split_secret(text, Algorithm::Ed25519)?;
        let signer = Self::from_random(name, random);
        if signer.verifier.has_id(id) { Ok(signer) } else { Err(OTHER_ID) }
    }

    /// Returns the private key as text, to be stored where nobody else reads it.
    pub fn to_secret_text(&self) -> String {
        self.verifier.secret_text(&self.key)
    }

    /// Returns the name of the key.
    pub fn name(&self) -> &Name {
        &self.verifier.name
    }

    /// Returns the public key.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, [redacted])", self.verifier.name)
    }
}

/// A public key and its name. Its text is `<name>+<id>+<base64>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: Name,
    id: KeyId,
    algorithm: Algorithm,
    key: PublicKey,
}

impl Verifier {
    /// Reads a public key as text.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedKey`] or [`Error::MalformedName`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.starts_with("PRIVATE+KEY+") {
            return Err(Error::MalformedKey { reason: "it is a private key, not a public one" });
        }
        let (name, id, algorithm, bytes) = split(text)?;
        let key = PublicKey::from_bytes(&bytes)
            .ok_or(Error::MalformedKey { reason: "it is no usable point of the curve" })?;
        let verifier = Self::of(name, algorithm, key);
        if verifier.has_id(id) { Ok(verifier) } else { Err(OTHER_ID) }
    }

    /// Returns the name of the key.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns which kind of signature it verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Says whether both are the same key, under whatever names and for whatever kind of signature.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    pub(crate) fn of(name: Name, algorithm: Algorithm, key: PublicKey) -> Self {
        let id = KeyId::of(&name, algorithm, &key);
        Self { name, id, algorithm, key }
    }

    /// Says whether this is what the text of its key calls its id.
    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.id.to_string() == id
    }

    /// Returns the text of the private key that belongs to this one.
    pub(crate) fn secret_text(&self, key: &SecretKey) -> String {
        let (name, id) = (&self.name, &self.id);
        format!("PRIVATE+KEY+{name}+{id}+{}", encode(self.algorithm, &key.to_bytes()))
    }

    /// Makes the line for a signature that the private key has made.
    pub(crate) fn line(&self, bytes: Vec<u8>) -> Signature {
        Signature { name: self.name.clone(), id: self.id, bytes }
    }

    /// Says whether the line claims to be by this key: it has its name and its id.
    pub fn is_named_by(&self, signature: &Signature) -> bool {
        self.name == signature.name && self.id == signature.id
    }

    /// Says whether the signature is by this key. Strict: one text and key have one valid signature.
    fn accepts(&self, text: &str, bytes: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => self.key.accepts(text.as_bytes(), bytes),
            Algorithm::Cosignature => {
                cosignature::split(bytes).is_some_and(|(seconds, signature)| {
                    self.key.accepts(cosignature::message(seconds, text).as_bytes(), signature)
                })
            }
        }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, encode(self.algorithm, self.key.as_bytes()))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({self})")
    }
}

/// A note that was read or signed. Its text says nothing until [`Note::verify`] has accepted it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    name: Name,
    id: KeyId,
    bytes: Vec<u8>,
}

impl Signature {
    /// Returns the name under which it was made, which anybody can write.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns what follows the key's id.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The line of the note.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.0.to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "\u{2014} {} {}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// A note's text that a known key has signed.
#[derive(Debug)]
pub struct Verified<'note> {
    /// The text, with its last newline.
    pub text: &'note str,
    /// The signatures that a known key has made.
    pub by: Vec<&'note Signature>,
    /// The signatures of keys not known here, which were ignored.
    pub ignored: Vec<&'note Signature>,
}

impl Note {
    /// Signs a text.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedNote`] when the text does not end in a newline, or has other control characters.
    pub fn sign(text: &str, signer: &Signer) -> Result<Self, Error> {
        well_formed(text)?;
        let signature = signer.verifier.line(signer.key.sign(text.as_bytes()).to_vec());
        Ok(Self { text: text.to_owned(), signatures: vec![signature] })
    }

    /// Returns the text, which says nothing yet: anybody can write it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the signatures, which say nothing yet.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Returns the text without any signature, to which others are added.
    pub(crate) fn bare(&self) -> Self {
        Self { text: self.text.clone(), signatures: Vec::new() }
    }

    /// Adds signatures, such as those of witnesses. One by a key that has signed already takes its place.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedNote`] when there would be more than 100.
    pub fn add(&mut self, signatures: Vec<Signature>) -> Result<(), Error> {
        for signature in signatures {
            self.signatures.retain(|old| (&old.name, old.id) != (&signature.name, signature.id));
            self.signatures.push(signature);
        }
        if self.signatures.len() > SIGNATURES {
            return Err(Error::MalformedNote { reason: "it has more than 100 signatures" });
        }
        Ok(())
    }

    /// Reads a note. This checks its form, not its signatures.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedNote`] when it is not a note, or beyond the limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |reason| Error::MalformedNote { reason };
        if bytes.len() > BYTES {
            return Err(malformed("it is longer than 1,000,000 bytes"));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let (before, lines) = all
            .rsplit_once("\n\n")
            .ok_or(malformed("no empty line stands before its signatures"))?;
        let text = format!("{before}\n");
        well_formed(&text)?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or(malformed("its last line does not end, or it has no signature"))?;
        Ok(Self { text, signatures: parse_signatures(lines)? })
    }

    /// Returns the text as one of the known keys has signed it.
    ///
    /// # Errors
    ///
    /// [`Error::FalseSignature`] when a signature of a known key is not by it, whoever else has signed;
    /// [`Error::NoKnownSignature`] when no known key has signed.
    pub fn verify(&self, known: &[&Verifier]) -> Result<Verified<'_>, Error> {
        let (mut by, mut ignored) = (Vec::new(), Vec::new());
        for signature in &self.signatures {
            let key = known.iter().find(|key| key.is_named_by(signature));
            match key {
                None => ignored.push(signature),
                Some(key) if key.accepts(&self.text, &signature.bytes) => by.push(signature),
                Some(_) => {
                    return Err(Error::FalseSignature { name: signature.name.clone() });
                }
            }
        }
        if by.is_empty() {
            return Err(Error::NoKnownSignature);
        }
        Ok(Verified { text: &self.text, by, ignored })
    }
}

/// The note itself, as it is stored and sent.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

const OTHER_ID: Error = Error::MalformedKey { reason: "its id is not that of its name and bytes" };

fn well_formed(text: &str) -> Result<(), Error> {
    let malformed = |reason| Err(Error::MalformedNote { reason });
    if !text.ends_with('\n') {
        return malformed("its text does not end in a newline");
    }
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return malformed("it has control characters");
    }
    Ok(())
}

/// Reads signature lines, without the newline of the last.
pub(crate) fn parse_signatures(lines: &str) -> Result<Vec<Signature>, Error> {
    let signatures: Vec<_> = lines.split('\n').map(parse_signature).collect::<Result<_, _>>()?;
    if signatures.len() > SIGNATURES {
        return Err(Error::MalformedNote { reason: "it has more than 100 signatures" });
    }
    Ok(signatures)
}

fn parse_signature(line: &str) -> Result<Signature, Error> {
    let malformed = || Error::MalformedNote { reason: "a line under it is no signature" };
    let (name, base64) = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .ok_or_else(malformed)?;
    let bytes = BASE64_STANDARD.decode(base64).map_err(|_| malformed())?;
    let (id, bytes) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
    if bytes.is_empty() {
        return Err(malformed());
    }
    let name = Name::new(name).map_err(|_| malformed())?;
    Ok(Signature { name, id: KeyId(*id), bytes: bytes.to_vec() })
}

/// Takes the text of a private key apart: its name, its id, and its 32 bytes.
pub(crate) fn split_secret(text: &str, wanted: Algorithm) -> Result<(Name, &str, [u8; 32]), Error> {
    let rest = text
        .strip_prefix("PRIVATE+KEY+")
        .ok_or(Error::MalformedKey { reason: "it does not begin with `PRIVATE+KEY+`" })?;
    let (name, id, algorithm, bytes) = split(rest)?;
    if algorithm == wanted {
        Ok((name, id, bytes))
    } else {
        Err(Error::MalformedKey { reason: "it is for another kind of signature" })
    }
}

/// Takes `<name>+<id>+<base64 of type and 32 bytes>` apart. Base64 has pluses of its own, so only the first two count.
fn split(text: &str) -> Result<(Name, &str, Algorithm, [u8; 32]), Error> {
    let malformed = |reason| Error::MalformedKey { reason };
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(base64)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("it is not `<name>+<id>+<base64>`"));
    };
    // The name of a malformed key is not shown either: the text may be anything.
    let name = Name::new(name).map_err(|_| malformed("it has no proper name"))?;
    let bytes = BASE64_STANDARD.decode(base64).map_err(|_| malformed("it is not base64"))?;
    let (algorithm, key) = bytes
        .split_first()
        .and_then(|(byte, key)| Some((Algorithm::of_byte(*byte)?, key)))
        .ok_or(malformed("it is neither of type Ed25519 nor of a cosignature"))?;
    let key = key.try_into().map_err(|_| malformed("it does not have 32 bytes"))?;
    Ok((name, id, algorithm, key))
}

fn encode(algorithm: Algorithm, bytes: &[u8; 32]) -> String {
    let mut all = vec![algorithm.byte()];
    all.extend_from_slice(bytes);
    BASE64_STANDARD.encode(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys and notes of the documentation of golang.org/x/mod/sumdb/note.
    const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer(byte: u8) -> Signer {
        Signer::from_random(Name::new(&format!("key.example/{byte}")).unwrap(), [byte; 32])
    }

    #[test]
    fn the_note_in_gos_documentation_verifies_here() {
        let verifier = Verifier::parse(GO_VERIFIER).unwrap();
        assert_eq!(verifier.to_string(), GO_VERIFIER);
        let note = Note::parse(GO_NOTE.as_bytes()).unwrap();
        assert_eq!(note.to_string(), GO_NOTE);
        assert_eq!(note.verify(&[&verifier]).unwrap().by.len(), 1);
    }

    #[test]
    fn a_note_carries_a_hundred_signatures_and_no_more() {
        let lines = |keys: std::ops::Range<u8>| -> Vec<_> {
            let signed = keys.map(|key| Note::sign("text\n", &signer(key)).unwrap());
            signed.flat_map(|note| note.signatures).collect()
        };
        let mut note = Note::sign("text\n", &signer(0)).unwrap();
        note.add(lines(1..100)).unwrap();
        assert_eq!(
            (note.signatures().len(), Note::parse(note.to_string().as_bytes()).unwrap()),
            (100, note.clone())
        );
        // One by a key that has signed takes its place.
        note.add(lines(99..100)).unwrap();
        assert!(matches!(note.add(lines(100..101)), Err(Error::MalformedNote { .. })));
    }

    #[test]
    fn a_note_of_a_million_bytes_is_read_and_no_longer_one() {
        let short = Note::sign("text\n", &signer(1)).unwrap();
        let rest = short.to_string().len() - "text\n".len();
        let of = |bytes: usize| {
            let text = format!("{}\n", "x".repeat(bytes - rest - 1));
            Note::parse(Note { text, ..short.clone() }.to_string().as_bytes())
        };
        assert!(of(1_000_000).is_ok() && of(999_999).is_ok());
        for bytes in [1_000_001, 1_000_002] {
            assert!(
                matches!(of(bytes), Err(Error::MalformedNote { reason }) if reason.contains("1,000,000"))
            );
        }
    }

    #[test]
    fn a_key_is_shown_as_it_is_written() {
        assert_eq!(
            format!("{:?}", Verifier::parse(GO_VERIFIER).unwrap()),
            format!("Verifier({GO_VERIFIER})")
        );
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        let signer = signer(3);
        let again = Signer::parse(&signer.to_secret_text()).unwrap();
        assert_eq!(again.to_secret_text(), signer.to_secret_text());
        assert_eq!(Verifier::parse(&signer.verifier().to_string()).unwrap(), *signer.verifier());
    }

    #[test]
    fn a_private_key_is_never_shown() {
        let signer = signer(3);
        assert_eq!(format!("{signer:?}"), "Signer(key.example/3, [redacted])");
        let text = signer.to_secret_text();
        for wrong in [text.replace("key.example", "other.example"), text.clone() + "x"] {
            let error = Signer::parse(&wrong).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("AQMD"));
        }
        let error = Verifier::parse(&text).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("AQMD"));
    }

    #[test]
    fn a_malformed_key_is_refused() {
        for key in [
            "",
            "name",
            "name+00000000",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10",
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(Verifier::parse(key).is_err(), "{key}");
        }
        assert!(Signer::parse(GO_VERIFIER).is_err());
    }

    #[test]
    fn a_signature_of_an_unknown_key_is_ignored_and_listed() {
        let mut note = Note::sign("text\n", &signer(1)).unwrap();
        note.signatures.extend(Note::sign("other text\n", &signer(2)).unwrap().signatures);
        let (one, two) = (signer(1), signer(2));
        let verified = note.verify(&[one.verifier()]).unwrap();
        assert_eq!((verified.by.len(), verified.ignored.len()), (1, 1));
        // The same line is a false signature once its key is known.
        let error = note.verify(&[one.verifier(), two.verifier()]).unwrap_err();
        assert!(matches!(error, Error::FalseSignature { .. }));
    }

    #[test]
    fn a_key_with_the_same_name_or_the_same_id_is_another_key() {
        let mut note = Note::sign("text\n", &signer(1)).unwrap();
        note.signatures[0].id.0[0] ^= 1;
        assert!(matches!(note.verify(&[signer(1).verifier()]), Err(Error::NoKnownSignature)));
        let mut note = Note::sign("text\n", &signer(1)).unwrap();
        note.signatures[0].name = Name::new("else.example").unwrap();
        assert!(matches!(note.verify(&[signer(1).verifier()]), Err(Error::NoKnownSignature)));
    }

    #[test]
    fn a_note_that_no_known_key_has_signed_is_refused() {
        let note = Note::sign("text\n", &signer(1)).unwrap();
        assert!(matches!(note.verify(&[signer(2).verifier()]), Err(Error::NoKnownSignature)));
        assert!(matches!(note.verify(&[]), Err(Error::NoKnownSignature)));
    }

    #[test]
    fn sixteen_signatures_are_read_and_more_than_a_hundred_are_not() {
        let one = Note::sign("text\n", &signer(1)).unwrap();
        let many = |count: usize| {
            let mut note = one.clone();
            note.signatures = vec![one.signatures[0].clone(); count];
            Note::parse(note.to_string().as_bytes())
        };
        assert!(many(16).unwrap().verify(&[signer(1).verifier()]).is_ok());
        assert!(many(100).is_ok());
        assert!(many(101).is_err());
        assert!(Note::parse(&vec![b'\n'; 1_000_001]).is_err());
    }

    #[test]
    fn a_malformed_note_is_refused() {
        for note in [
            "",
            "\n",
            "\n\n",
            "text\n",
            "text\n\n",
            "text\n\nno dash\n",
            &GO_NOTE.replace('\u{2014}', "-"),
            &GO_NOTE.replace("PeterNeumann", "Peter Neumann"),
            &GO_NOTE.replace("PeterNeumann", "Peter+Neumann"),
            &GO_NOTE.replace("AM=", "AN="),
            &GO_NOTE.replace("AM=", "AM"),
            &GO_NOTE.replace("AM=\n", "AM= \n"),
            &GO_NOTE.replace("AM=\n", "AM="),
            &GO_NOTE.replace("problem,\n", "problem,\r\n"),
            &GO_NOTE.replace("problem,\n", "problem,\t\n"),
            "text\n\n\u{2014} name AAAAAA==\n",
        ] {
            assert!(Note::parse(note.as_bytes()).is_err(), "{note:?}");
        }
        assert!(Note::parse(b"\xff\n\n").is_err());
        assert!(Note::sign("no newline", &signer(1)).is_err());
        assert!(Note::sign("a\ttab\n", &signer(1)).is_err());
    }

    #[test]
    fn an_empty_line_may_stand_in_the_text() {
        let note = Note::sign("one\n\ntwo\n", &signer(1)).unwrap();
        let again = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(again, note);
        assert_eq!(again.verify(&[signer(1).verifier()]).unwrap().text, "one\n\ntwo\n");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail_otherwise_than_with_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,80}",
        ) {
            let _ = Note::parse(&bytes);
            let _ = Verifier::parse(&text);
            let _ = Signer::parse(&text);
            let _ = Note::parse(format!("{text}\n\n\u{2014} {text}\n").as_bytes());
        }

        #[test]
        fn a_changed_byte_of_a_note_is_found(place in any::<prop::sample::Index>(), bit in 0u8..8) {
            let verifier = Verifier::parse(GO_VERIFIER).unwrap();
            let mut bytes = GO_NOTE.as_bytes().to_vec();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let refused = Note::parse(&bytes).and_then(|note| note.verify(&[&verifier]).map(drop)).is_err();
            prop_assert!(refused);
        }
    }
}
