//! Detached signatures: who accepts, rejects or revokes an agreement, and with which key.
//!
//! A statement is signed over its canonical form (RFC 8785) under a first line of its own, so that no signature made
//! for one thing counts for another. As in OpenFSC, a party accepts or rejects, and may revoke later; a rejection or a
//! revocation is final, and one value changed is a new agreement. Instead of signing here, a signer may attest the
//! digest of a signed PDF. Order in time beyond the stated `at` is not here; the ledger shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::canonical;
use crate::key::SignatureBytes;
use crate::memo::Memo;
use crate::{Agreement, Digest, Environment, Error, Party, PartyId, PublicKey, SigningKey};

/// In what capacity somebody signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerRole {
    /// For a party.
    Party,
    /// For a party's Data Integrity Board.
    Board,
    /// As the auditor.
    Auditor,
}

impl fmt::Display for SignerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Party => "party",
            Self::Board => "board",
            Self::Auditor => "auditor",
        })
    }
}

/// Who signs, in what capacity. A board is named by its party.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signer {
    /// The party or the auditor.
    pub id: PartyId,
    /// In what capacity.
    pub role: SignerRole,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.role)
    }
}

/// What a signer says about an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is agreed.
    Accept,
    /// It is not agreed, and will not be.
    Reject,
    /// It was agreed and is so no more.
    Revoke,
    /// By a party: the program ran as agreed, 5 U.S.C. 552a(o)(2)(D)(ii) and (q)(2).
    Certify,
    /// By a board: the data is limited to identity and amounts the source pays, and there is high confidence in it,
    /// 5 U.S.C. 552a(p)(1)(A)(ii).
    Find,
}

/// A document on paper or in PDF that bears the signer's own signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The digest of the signed document.
    pub sha256: Digest,
    /// The office that attests having seen it signed.
    pub attested_by: String,
}

/// A signed statement about an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Accept, reject or revoke.
    pub answer: Answer,
    /// The digest of the agreement, or of the annex.
    pub agreement: Digest,
    /// The environment of agreement and key.
    pub environment: Environment,
    /// The party or the auditor that signs.
    pub signer: PartyId,
    /// In what capacity.
    pub role: SignerRole,
    /// When.
    pub at: Timestamp,
    /// The signed document this rests on, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// The key it is signed with.
    pub key: PublicKey,
    /// The signature over all of the above.
    pub signature: SignatureBytes,
}

impl Signature {
    /// Signs a statement about an agreement.
    ///
    /// # Errors
    ///
    /// [`Error::WrongEnvironment`] when the key is for the other environment; [`Error::UnknownSigner`] when nobody of
    /// this name signs it in this capacity; [`Error::OtherKey`] when the agreement gives the signer another key and
    /// no change of keys leads to this one.
    pub fn new(
        agreement: &Agreement,
        answer: Answer,
        signer: &Signer,
        at: Timestamp,
        key: &SigningKey,
        document: Option<Document>,
    ) -> Result<Self, Error> {
        if key.environment() != agreement.environment {
            return Err(Error::WrongEnvironment {
                key: key.environment(),
                agreement: agreement.environment,
            });
        }
        Self::over(agreement.digest()?, answer, signer, at, key, document)
    }

    /// Signs a statement about whatever has this digest: an agreement or an annex.
    pub(crate) fn over(
        agreement: Digest,
        answer: Answer,
        signer: &Signer,
        at: Timestamp,
        key: &SigningKey,
        document: Option<Document>,
    ) -> Result<Self, Error> {
        let mut statement = Self {
            answer,
            agreement,
            environment: key.environment(),
            signer: signer.id.clone(),
            role: signer.role,
            at,
            document,
            key: key.public(),
            signature: key.sign(&[]),
        };
        statement.signature = key.sign(&statement.statement()?);
        Ok(statement)
    }

    /// Reads a signature from its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when the text is no signature.
    pub fn read(text: &str, file: &str) -> Result<Self, Error> {
        read(text, file, "signature")
    }

    /// Writes the signature as the text of its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when a value has no TOML form.
    pub fn to_text(&self) -> Result<String, Error> {
        write(self, "signature")
    }

    /// Returns who signed, in what capacity.
    pub fn signer(&self) -> Signer {
        Signer { id: self.signer.clone(), role: self.role }
    }

    /// Verifies that this is a statement about this agreement by one of its signers, with the signer's key.
    ///
    /// # Errors
    ///
    /// [`Error::OtherAgreement`], [`Error::UnknownSigner`], [`Error::WrongEnvironment`], [`Error::OtherKey`] or
    /// [`Error::WrongSignature`], whichever shows first.
    pub fn verify(&self, agreement: &Agreement, changes: &[KeyChange]) -> Result<(), Error> {
        let keys = Keys::of(agreement, &[]);
        self.verify_with(&keys, agreement.digest()?, agreement.environment, changes)
    }

    /// Verifies the statement against a list of keys.
    pub(crate) fn verify_with(
        &self,
        keys: &Keys,
        expected: Digest,
        environment: Environment,
        changes: &[KeyChange],
    ) -> Result<(), Error> {
        if self.agreement != expected {
            return Err(Error::OtherAgreement {
                signer: self.signer.clone(),
                found: self.agreement,
                expected,
            });
        }
        if self.environment != environment || self.key.environment() != environment {
            return Err(Error::WrongEnvironment {
                key: self.key.environment(),
                agreement: environment,
            });
        }
        let signer = self.signer();
        let Some(first) = keys.all.get(&signer) else {
            return Err(Error::UnknownSigner { signer: signer.id, role: signer.role });
        };
        let own = KeyChange::key_at(first, &signer, changes, self.at);

        // A board that signs on paper may have its party attest the document with the party's key.
        let attested = (self.document.is_some() && signer.role == SignerRole::Board)
            .then(|| Signer { id: signer.id.clone(), role: SignerRole::Party })
            .and_then(|party| KeyChange::key_at(keys.all.get(&party)?, &party, changes, self.at));
        if Some(&self.key) != own.as_ref() && Some(&self.key) != attested.as_ref() {
            return Err(Error::OtherKey { signer: signer.id, role: signer.role });
        }
        if keys.memo.is_genuine(self)? {
            Ok(())
        } else {
            Err(Error::WrongSignature { signer: signer.id })
        }
    }

    /// Returns the bytes that are signed.
    pub(crate) fn statement(&self) -> Result<Vec<u8>, Error> {
        statement("comity agreement statement, version 1", self)
    }
}

/// The keys of everybody who signs an agreement.
#[derive(Debug)]
pub(crate) struct Keys {
    all: BTreeMap<Signer, PublicKey>,
    /// Which statements were found to verify before.
    memo: Memo,
}

impl Keys {
    /// Returns the keys the agreement names, and those of parties that join.
    pub(crate) fn of(agreement: &Agreement, joining: &[&Party]) -> Self {
        let mut keys = BTreeMap::new();
        for party in agreement.parties.iter().chain(joining.iter().copied()) {
            let signer = |role| Signer { id: party.id.clone(), role };
            keys.insert(signer(SignerRole::Party), party.key.clone());
            if let Some(board) = &party.board {
                keys.insert(signer(SignerRole::Board), board.key.clone());
            }
        }
        let auditor = Signer { id: agreement.auditor.id.clone(), role: SignerRole::Auditor };
        keys.insert(auditor, agreement.auditor.key.clone());
        Self { all: keys, memo: Memo::default() }
    }

    /// Remembers which statements were found to verify.
    pub(crate) fn remembering(self, memo: &Memo) -> Self {
        Self { memo: memo.clone(), ..self }
    }
}

/// A change of a signer's key, signed with the key it replaces and with the new one, so that nobody brings in a key
/// that is not theirs. A key changes once: two changes of one key that differ leave it unclear whose key counts, and
/// then none does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// The party or the auditor.
    pub signer: PartyId,
    /// In what capacity.
    pub role: SignerRole,
    /// From when on the new key counts and the old one no more.
    pub at: Timestamp,
    /// The old key.
    pub key: PublicKey,
    /// The new key.
    pub new_key: PublicKey,
    /// The old key's signature over all of the above.
    pub signature: SignatureBytes,
    /// The new key's signature over the same.
    pub new_signature: SignatureBytes,
}

impl KeyChange {
    /// Signs a change of keys with the old key and the new one.
    ///
    /// # Errors
    ///
    /// [`Error::WrongEnvironment`] when the keys are of different environments.
    pub fn new(
        signer: &Signer,
        old: &SigningKey,
        new: &SigningKey,
        at: Timestamp,
    ) -> Result<Self, Error> {
        if old.environment() != new.environment() {
            return Err(Error::WrongEnvironment {
                key: old.environment(),
                agreement: new.environment(),
            });
        }
        let mut change = Self {
            signer: signer.id.clone(),
            role: signer.role,
            at,
            key: old.public(),
            new_key: new.public(),
            signature: old.sign(&[]),
            new_signature: new.sign(&[]),
        };
        let statement = change.statement()?;
        change.signature = old.sign(&statement);
        change.new_signature = new.sign(&statement);
        Ok(change)
    }

    /// Reads a change of keys from its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when the text is none.
    pub fn read(text: &str, file: &str) -> Result<Self, Error> {
        read(text, file, "change of keys")
    }

    /// Writes the change of keys as the text of its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when a value has no TOML form.
    pub fn to_text(&self) -> Result<String, Error> {
        write(self, "change of keys")
    }

    /// Returns the key a signer has at an instant: the first one, and every change from it that verifies. There is
    /// none from the first key on that was changed twice in different ways, at whatever instants.
    fn key_at(
        first: &PublicKey,
        signer: &Signer,
        changes: &[Self],
        at: Timestamp,
    ) -> Option<PublicKey> {
        let mut key = first.clone();
        // A change leads away from its key; who comes back to an earlier one has no key.
        let mut earlier = vec![key.clone()];
        loop {
            let mut own = changes.iter().filter(|change| change.is_by(signer, &key));
            let Some(change) = own.next() else { return Some(key) };
            let same = |other: &Self| other.new_key == change.new_key && other.at == change.at;
            if !own.all(same) || earlier.contains(&change.new_key) {
                return None;
            }
            if change.at > at {
                return Some(key);
            }
            key = change.new_key.clone();
            earlier.push(key.clone());
        }
    }

    /// Tells whether this is a change that a signer makes of this key, and both keys have signed it.
    fn is_by(&self, signer: &Signer, key: &PublicKey) -> bool {
        self.signer == signer.id
            && self.role == signer.role
            && self.key == *key
            && self.new_key.environment() == key.environment()
            && self.statement().is_ok_and(|statement| {
                key.verifies(&statement, &self.signature)
                    && self.new_key.verifies(&statement, &self.new_signature)
            })
    }

    fn statement(&self) -> Result<Vec<u8>, Error> {
        statement("comity change of keys, version 1", self)
    }
}

/// Where an agreement stands with everybody who has to sign it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Who has to accept.
    pub required: BTreeSet<Signer>,
    /// Who has accepted.
    pub accepted: BTreeSet<Signer>,
    /// Who has rejected.
    pub rejected: BTreeSet<Signer>,
    /// Who has revoked.
    pub revoked: BTreeSet<Signer>,
    /// Whose acceptance rests on a signed document whose digest is attested.
    pub attested: BTreeSet<Signer>,
    /// Statements that count for nothing, and why.
    pub invalid: Vec<String>,
    /// Every statement that counts, with its instant.
    #[serde(skip)]
    pub(crate) counted: Vec<(Signer, Answer, Timestamp)>,
}

impl Standing {
    /// Returns where things stand at an instant. Only statements that verify count, and no
    /// acceptance from the future.
    pub(crate) fn at(
        now: Timestamp,
        keys: &Keys,
        required: BTreeSet<Signer>,
        about: Digest,
        environment: Environment,
        signatures: &[Signature],
        changes: &[KeyChange],
    ) -> Self {
        let mut standing = Self { required, ..Self::default() };
        for signature in signatures {
            if let Err(error) = signature.verify_with(keys, about, environment, changes) {
                standing.invalid.push(error.to_string());
            } else if !standing.required.contains(&signature.signer()) {
                // The auditor has a key and no say: neither its acceptance nor its revocation counts.
                standing.invalid.push(format!("`{}` does not sign it", signature.signer()));
            } else if signature.at > now
                && !matches!(signature.answer, Answer::Reject | Answer::Revoke)
            {
                // Who rejects or revokes is not made to wait for the day that stands there.
                let signer = signature.signer();
                standing.invalid.push(format!("the statement of `{signer}` is from the future"));
            } else {
                let signer = signature.signer();
                standing.counted.push((signer.clone(), signature.answer, signature.at));
                match signature.answer {
                    Answer::Accept => {
                        if signature.document.is_some() {
                            standing.attested.insert(signer.clone());
                        }
                        standing.accepted.insert(signer);
                    }
                    Answer::Reject => {
                        standing.rejected.insert(signer);
                    }
                    Answer::Revoke => {
                        standing.revoked.insert(signer);
                    }
                    Answer::Certify | Answer::Find => {}
                }
            }
        }
        standing
    }

    /// Returns who gave an answer in a capacity, and when.
    pub(crate) fn gave(
        &self,
        answer: Answer,
        role: SignerRole,
    ) -> impl Iterator<Item = (&PartyId, Timestamp)> {
        self.counted.iter().filter_map(move |(signer, given, at)| {
            (*given == answer && signer.role == role).then_some((&signer.id, *at))
        })
    }

    /// Tells whether everybody who has to accept has, and nobody rejected or revoked.
    pub fn is_agreed(&self) -> bool {
        self.required.is_subset(&self.accepted)
            && self.rejected.is_empty()
            && self.revoked.is_empty()
    }
}

/// Returns the bytes of a statement: a first line of its own, then the canonical form without signatures.
pub(crate) fn statement<T: Serialize>(first_line: &str, value: &T) -> Result<Vec<u8>, Error> {
    let mut value = serde_json::to_value(value).map_err(Error::NotCanonical)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("signature");
        fields.remove("new_signature");
    }
    let mut bytes = first_line.as_bytes().to_vec();
    bytes.push(b'\n');
    bytes.extend(canonical(&value)?);
    Ok(bytes)
}

/// Reads a small TOML file of this crate.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    text: &str,
    file: &str,
    what: &'static str,
) -> Result<T, Error> {
    crate::reader::read_small(text).map_err(|reason| Error::UnreadableFile {
        file: file.to_owned(),
        what,
        reason,
    })
}

/// Writes a small TOML file of this crate.
pub(crate) fn write<T: Serialize>(value: &T, what: &'static str) -> Result<String, Error> {
    toml::to_string(value).map_err(|error| Error::UnreadableFile {
        file: "-".to_owned(),
        what,
        reason: error.to_string(),
    })
}
