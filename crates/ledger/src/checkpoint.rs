//! Checkpoints: the size and root that a ledger has signed.
//!
//! A checkpoint stands for every entry before it: whoever has it can tell whether a ledger is still the same one.
//! This file reads and signs single checkpoints; that a ledger never signs two that contradict each other is the
//! work of [`crate::log`].
//!
//! Implements [C2SP tlog-checkpoint v1](https://c2sp.org/tlog-checkpoint@v1.0.0). Extension lines are read over,
//! since the signature covers them, and never written, since no auditor can check what they say.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    Error,
    merkle::Hash,
    note::{Name, Note, Signer, Verifier},
};

/// Which ledger a checkpoint is of. Ours bear the name of their key; others may bear any line of text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin(String);

impl Origin {
    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Name> for Origin {
    fn from(name: &Name) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a ledger was at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which ledger.
    pub origin: Origin,
    /// How many entries it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Returns the checkpoint of a ledger that has no entry yet, and bears the name of its key.
    pub fn of_nothing(name: &Name) -> Self {
        Self { origin: Origin::from(name), size: 0, root: Hash::of_nothing() }
    }

    /// Returns the signed checkpoint, as it is stored and sent.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedNote`], which no origin that can be made here causes.
    pub fn sign(&self, signer: &Signer) -> Result<Note, Error> {
        Note::sign(&self.text(), signer)
    }

    /// Reads a checkpoint that this key has signed.
    ///
    /// # Errors
    ///
    /// When it is no note, not signed by the key, no checkpoint, or of another origin than the key's name.
    pub fn open(bytes: &[u8], verifier: &Verifier) -> Result<Self, Error> {
        let note = Note::parse(bytes)?;
        let checkpoint = Self::parse(note.verify(&[verifier])?.text)?;
        if checkpoint.origin == Origin::from(verifier.name()) {
            Ok(checkpoint)
        } else {
            Err(Error::OtherOrigin {
                expected: verifier.name().to_string(),
                found: checkpoint.origin.to_string(),
            })
        }
    }

    /// Returns the text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text of a note as a checkpoint, which says nothing unless the note was verified.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedCheckpoint`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::MalformedCheckpoint { reason };
        let text = text.strip_suffix('\n').ok_or(malformed("its last line does not end"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed("it has fewer than three lines"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(malformed("a line is empty"));
        }
        let number: u64 = size.parse().map_err(|_| malformed("its size is not a number"))?;
        if number.to_string() != size {
            return Err(malformed("its size is not written the one way there is"));
        }
        let root = BASE64_STANDARD
            .decode(root)
            .ok()
            .and_then(|root| root.try_into().ok())
            .ok_or(malformed("its root is not 32 bytes in base64"))?;
        Ok(Self { origin: Origin(origin.to_owned()), size: number, root: Hash::from_bytes(root) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32])
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: Origin::from(signer().name()),
            size: 20_852_163,
            root: Hash::of_leaf(b"root"),
        }
    }

    fn check(text: &str) -> Result<Checkpoint, Error> {
        let note = Note::sign(text, &signer()).unwrap();
        Checkpoint::open(note.to_string().as_bytes(), signer().verifier())
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        assert_eq!(check(&checkpoint().text()).unwrap(), checkpoint());
        let note = checkpoint().sign(&signer()).unwrap();
        assert_eq!(note.to_string().lines().count(), 5);
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.text(), text);
    }

    #[test]
    fn extension_lines_are_read_over() {
        let text = checkpoint().text();
        assert_eq!(check(&(text.clone() + "an extension\nand another\n")).unwrap(), checkpoint());
        assert!(check(&(text + "\nafter an empty line\n")).is_err());
    }

    #[test]
    fn a_malformed_checkpoint_is_refused_even_when_signed() {
        let text = checkpoint().text();
        for wrong in [
            "\n".to_owned(),
            "ledger.example\n1\n".to_owned(),
            text.replace("20852163", "020852163"),
            text.replace("20852163", "+20852163"),
            text.replace("20852163", "-1"),
            text.replace("20852163", ""),
            text.replace("20852163", "18446744073709551616"),
            text.replace("=\n", "\n"),
            text.replace("=\n", "=\n\n"),
            text.replace("=\n", "= \n"),
            text.replace("ledger.example\n", "\n"),
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_checkpoint_of_another_origin_is_refused() {
        let text = checkpoint().text().replace("ledger.example", "other.example");
        assert!(matches!(check(&text), Err(Error::OtherOrigin { .. })));
    }
}
