//! Cosignatures: how a witness says that it saw a checkpoint, and when.
//!
//! Who cosigns states that, at that time, this was the largest tree of that log it had seen, and that it continues
//! every one it had seen before. Holding to that statement is the work of [`crate::witness`]; this file only makes
//! and reads the signature, and the time is an argument.
//!
//! Implements [C2SP tlog-cosignature v1](https://c2sp.org/tlog-cosignature@v1.0.1), of its signature types 0x04,
//! Ed25519. Type 0x06, ML-DSA-44, is not implemented: lines of it are ignored as those of unknown keys are.

use std::fmt;

use jiff::Timestamp;

use crate::{
    Error,
    checkpoint::Checkpoint,
    crypto::SecretKey,
    note::{Algorithm, Name, Signature, Verifier, split_secret},
};

/// How many bytes a cosignature has: the time and the signature.
const BYTES: usize = 8 + 64;

/// A witness's private key and its name. Shows only its name.
///
/// The key must be used for nothing else, not even for another witness: what is signed does not name the witness.
pub struct Cosigner {
    key: SecretKey,
    verifier: Verifier,
}

impl Cosigner {
    /// Makes a key of 32 bytes, which must be random and kept nowhere else.
    pub fn from_random(name: Name, random: [u8; 32]) -> Self {
        let key = SecretKey::from_bytes(&random);
        let verifier = Verifier::of(name, Algorithm::Cosignature, key.public());
        Self { key, verifier }
    }

    /// Reads a private key as text: `PRIVATE+KEY+<name>+<id>+<base64>`.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedKey`], which never repeats the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, id, random) = split_secret(text, Algorithm::Cosignature)?;
        let cosigner = Self::from_random(name, random);
        if cosigner.verifier.has_id(id) {
            Ok(cosigner)
        } else {
            Err(Error::MalformedKey { reason: "its id is not that of its name and bytes" })
        }
    }

    /// Returns the private key as text, to be stored where nobody else reads it.
    pub fn to_secret_text(&self) -> String {
        self.verifier.secret_text(&self.key)
    }

    /// Returns the public key.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Cosigns the text of a checkpoint as of a time, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedCheckpoint`] when the text is none; [`Error::RefusedValue`] when the time is not after 1970.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ledger::{Checkpoint, Cosigner, Name, Note, Signer, cosignature};
    ///
    /// # let (random, other_random) = ([1; 32], [2; 32]); // from the system's random source
    /// let log = Signer::from_random(Name::new("ledger.example.gov/2026")?, random);
    /// let witness = Cosigner::from_random(Name::new("witness.example.org")?, other_random);
    ///
    /// let mut note = Checkpoint::of_nothing(log.name()).sign(&log)?;
    /// let line = witness.cosign(note.text(), "2026-01-31T09:00:00Z".parse()?)?;
    /// note.add(vec![line])?;
    ///
    /// let verified = note.verify(&[witness.verifier()])?;
    /// assert_eq!(cosignature::time(verified.by[0]).unwrap().to_string(), "2026-01-31T09:00:00Z");
    /// # Ok(())
    /// # }
    /// ```
    pub fn cosign(&self, text: &str, at: Timestamp) -> Result<Signature, Error> {
        Checkpoint::parse(text)?;
        let seconds = u64::try_from(at.as_second()).ok().filter(|seconds| *seconds > 0).ok_or(
            Error::RefusedValue { name: "at".to_owned(), reason: "the time is not after 1970" },
        )?;
        let mut bytes = seconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.key.sign(message(seconds, text).as_bytes()));
        Ok(self.verifier.line(bytes))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({}, [redacted])", self.verifier.name())
    }
}

/// Returns when a cosignature says it was made: as true as its signature, so ask only of a verified one.
///
/// Nothing is returned for a signature of another form, or for a time beyond the year 9999.
pub fn time(signature: &Signature) -> Option<Timestamp> {
    let (seconds, _) = split(signature.bytes())?;
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

/// Takes the bytes of a cosignature apart: its time, in seconds since 1970, and the signature itself.
pub(crate) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (seconds, signature) = bytes.split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*seconds);
    // The specification bounds the time so; a time of zero is what witnesses must not state.
    let fits = bytes.len() == BYTES && i64::try_from(seconds).is_ok_and(|seconds| seconds > 0);
    fits.then_some((seconds, signature))
}

/// Returns what is signed.
pub(crate) fn message(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::note::{Note, Signer};

    fn cosigner() -> Cosigner {
        Cosigner::from_random(Name::new("witness.example/w1").unwrap(), [6; 32])
    }

    fn note() -> Note {
        let log = Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32]);
        Checkpoint::of_nothing(log.name()).sign(&log).unwrap()
    }

    fn at() -> Timestamp {
        Timestamp::from_second(1_679_315_147).unwrap()
    }

    #[test]
    fn what_is_signed_is_spelled_as_in_the_specification() {
        let text =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(
            message(1_679_315_147, text),
            "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
             CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        );
    }

    #[test]
    fn a_cosignature_is_verified_with_its_time_and_with_no_other() {
        let mut note = note();
        note.add(vec![cosigner().cosign(note.text(), at()).unwrap()]).unwrap();
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        let cosigner = cosigner();
        let verified = note.verify(&[cosigner.verifier()]).unwrap();
        assert_eq!(verified.by.len(), 1);
        assert_eq!(time(verified.by[0]), Some(at()));

        for place in 0..BYTES {
            let mut bytes = verified.by[0].bytes().to_vec();
            bytes[place] ^= 1;
            let mut wrong = super::tests::note();
            wrong.add(vec![cosigner.verifier().line(bytes)]).unwrap();
            let error = wrong.verify(&[cosigner.verifier()]).unwrap_err();
            assert!(matches!(error, Error::FalseSignature { .. }), "byte {place}");
        }
    }

    #[test]
    fn a_key_for_cosignatures_is_another_key_than_the_same_bytes_for_notes() {
        let name = Name::new("same.example").unwrap();
        let (signer, cosigner) =
            (Signer::from_random(name.clone(), [4; 32]), Cosigner::from_random(name, [4; 32]));
        assert_ne!(signer.verifier().to_string(), cosigner.verifier().to_string());
        assert!(signer.verifier().is_same_key(cosigner.verifier()));
        assert!(Signer::parse(&cosigner.to_secret_text()).is_err());
        assert!(Cosigner::parse(&signer.to_secret_text()).is_err());
        let mut note = Note::sign("ledger.example\n0\n", &signer).unwrap();
        assert!(matches!(note.verify(&[cosigner.verifier()]), Err(Error::NoKnownSignature)));
        // A plain signature by the right key, put where a cosignature should be.
        let plain = note.signatures()[0].bytes().to_vec();
        note.add(vec![cosigner.verifier().line(plain)]).unwrap();
        assert!(matches!(note.verify(&[cosigner.verifier()]), Err(Error::FalseSignature { .. })));
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_never_shown() {
        let again = Cosigner::parse(&cosigner().to_secret_text()).unwrap();
        assert_eq!(again.to_secret_text(), cosigner().to_secret_text());
        let verifier = Verifier::parse(&cosigner().verifier().to_string()).unwrap();
        assert_eq!(verifier, *cosigner().verifier());
        assert_eq!(verifier.algorithm(), Algorithm::Cosignature);
        assert_eq!(format!("{:?}", cosigner()), "Cosigner(witness.example/w1, [redacted])");
        assert!(Cosigner::parse(&cosigner().to_secret_text().replace("w1", "w2")).is_err());
    }

    #[test]
    fn only_checkpoints_are_cosigned_and_only_at_times_there_are() {
        assert!(cosigner().cosign("not a checkpoint\n", at()).is_err());
        assert!(cosigner().cosign(note().text(), Timestamp::UNIX_EPOCH).is_err());
        assert!(cosigner().cosign(note().text(), Timestamp::from_second(-1).unwrap()).is_err());
        assert!(cosigner().cosign(note().text(), Timestamp::from_second(1).unwrap()).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_cosignature_make_the_reader_panic(
            bytes in proptest::collection::vec(any::<u8>(), 1..100),
        ) {
            let line = cosigner().verifier().line(bytes);
            let _ = time(&line);
            let mut note = note();
            note.add(vec![line]).unwrap();
            prop_assert!(note.verify(&[cosigner().verifier()]).is_err());
        }
    }
}
