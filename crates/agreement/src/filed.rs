//! An agreement with all that has been filed about it: signatures, changes of keys, annexes, publications, stays.
//!
//! The gate decides on what is filed and verifies every signature itself; nothing here is taken on trust but the dates
//! of publications, which the filing party answers for. Storage is the program's affair.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::digest::canonical;
use crate::memo::Memo;
use crate::signature::Keys;
use crate::{
    Agreement, Answer, Basis, Digest, Error, KeyChange, Party, PartyId, Role, Signature, Signer,
    SignerRole, SigningKey, Standing, Stay, SystemOfRecords,
};

/// An agreement and what has been filed about it.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The agreement.
    pub agreement: Agreement,
    /// Statements by parties and boards, as they came.
    pub signatures: Vec<Signature>,
    /// Changes of keys.
    pub key_changes: Vec<KeyChange>,
    /// Annexes by which more recipients join.
    pub annexes: Vec<Annex>,
    /// The recipient that joined by an annex and asks here; nobody where the agreement's own recipient asks.
    pub joined: Option<PartyId>,
    /// Transmittals, publications, reports, certificates.
    pub publications: Publications,
    /// Every stay ever recorded, lifted ones too.
    pub stays: Vec<Stay>,
    /// The agreement that this one continues.
    pub previous: Option<Agreement>,
    /// Statements about the agreement that this one continues: that it was agreed, and how it ran.
    pub previous_signatures: Vec<Signature>,
    memo: Memo,
}

impl Filed {
    /// Returns an agreement about which nothing has been filed yet.
    pub fn new(agreement: Agreement) -> Self {
        Self {
            agreement,
            signatures: Vec::new(),
            key_changes: Vec::new(),
            annexes: Vec::new(),
            joined: None,
            publications: Publications::default(),
            stays: Vec::new(),
            previous: None,
            previous_signatures: Vec::new(),
            memo: Memo::default(),
        }
    }

    /// Returns the agreement's digest.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub(crate) fn digest(&self) -> Result<Digest, Error> {
        self.memo.digest(&self.agreement)
    }

    /// Returns where the agreement stands with each of its signers.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn standing(&self, now: Timestamp) -> Result<Standing, Error> {
        Ok(self.standing_under(self.digest()?, now))
    }

    /// Returns the standing where the agreement's digest is at hand.
    pub(crate) fn standing_under(&self, digest: Digest, now: Timestamp) -> Standing {
        Standing::at(
            now,
            &Keys::of(&self.agreement, &[]).remembering(&self.memo),
            required(&self.agreement.parties),
            digest,
            self.agreement.environment,
            &self.signatures,
            &self.key_changes,
        )
    }

    /// Returns the agreement that this one says it continues, if it is here, and where that stands with its signers.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when that agreement has no canonical form.
    pub fn previous_standing(
        &self,
        now: Timestamp,
    ) -> Result<Option<(&Agreement, Standing)>, Error> {
        let Some(previous) = &self.previous else { return Ok(None) };
        let digest = self.memo.digest(previous)?;
        if Some(digest) != self.agreement.continues {
            return Ok(None);
        }
        let standing = Standing::at(
            now,
            &Keys::of(previous, &[]).remembering(&self.memo),
            required(&previous.parties),
            digest,
            previous.environment,
            &self.previous_signatures,
            &self.key_changes,
        );
        Ok(Some((previous, standing)))
    }

    /// Returns what was published about this very agreement; what was published about another is nothing here.
    pub fn published(&self) -> Option<&Publications> {
        let digest = self.digest().ok();
        Some(&self.publications).filter(|p| p.agreement.is_some() && p.agreement == digest)
    }

    /// Returns the parties that count at an instant: those of the agreement, and those that joined by an annex which
    /// everybody has signed.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn parties(&self, now: Timestamp) -> Result<Vec<&Party>, Error> {
        let joined = self.agreed_annexes(now)?;
        let joined = joined.into_iter().map(|annex| &annex.party);
        Ok(self.agreement.parties.iter().chain(joined).collect())
    }

    /// Returns the agreement as it stands for whoever asks here: the agreement itself, or, for a recipient that joined
    /// by an annex which everybody has signed, the agreement with that recipient's caseload in the place of the first's.
    /// Its digest is no agreement's: what is recorded names the digest of the agreement itself.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn terms(&self, now: Timestamp) -> Result<Cow<'_, Agreement>, Error> {
        let Some(joined) = &self.joined else { return Ok(Cow::Borrowed(&self.agreement)) };
        let annexes = self.agreed_annexes(now)?;
        let annex = annexes.into_iter().find(|annex| annex.party.id == *joined);
        Ok(annex.map_or(Cow::Borrowed(&self.agreement), |annex| {
            Cow::Owned(annex.terms(&self.agreement))
        }))
    }

    /// Returns the annexes of this agreement that everybody has signed, and that join somebody who may join.
    fn agreed_annexes(&self, now: Timestamp) -> Result<Vec<&Annex>, Error> {
        let mut agreed: Vec<&Annex> = Vec::new();
        if self.annexes.is_empty() {
            return Ok(agreed);
        }
        let digest = self.digest()?;
        for annex in &self.annexes {
            let joined = agreed.iter().map(|annex| &annex.party);
            let parties: Vec<_> = self.agreement.parties.iter().chain(joined).collect();
            if annex.agreement == digest
                && annex.party.roles == [Role::Recipient]
                && self.may_join(&annex.party, &parties)
                && annex.standing(&self.agreement, &self.key_changes, now)?.is_agreed()
            {
                agreed.push(annex);
            }
        }
        Ok(agreed)
    }

    /// Tells whether a party may join: under a name and with keys that nobody here has, the auditor included.
    fn may_join(&self, joining: &Party, parties: &[&Party]) -> bool {
        let keys = |party: &Party| {
            let board = party.board.as_ref().map(|board| board.key.clone());
            std::iter::once(party.key.clone()).chain(board).collect::<Vec<_>>()
        };
        let changed = self.key_changes.iter().map(|change| &change.new_key);
        let taken: Vec<_> = parties
            .iter()
            .flat_map(|party| keys(party))
            .chain([self.agreement.auditor.key.clone()])
            .chain(changed.cloned())
            .collect();
        joining.id != self.agreement.auditor.id
            && parties.iter().all(|party| party.id != joining.id)
            && keys(joining).iter().all(|key| !taken.contains(key))
    }
}

/// Returns who has to accept: each party, and each board that a party names.
fn required(parties: &[Party]) -> BTreeSet<Signer> {
    parties
        .iter()
        .flat_map(|party| {
            let signer = |role| Signer { id: party.id.clone(), role };
            let board = party.board.is_some().then(|| signer(SignerRole::Board));
            std::iter::once(signer(SignerRole::Party)).chain(board)
        })
        .collect()
}

/// An annex by which another recipient joins (a recipient only: a source would bring records), signed by it and by everybody who signed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annex {
    /// The agreement it joins.
    pub agreement: Digest,
    /// The party that joins.
    pub party: Party,
    /// Its caseload; without one it can ask about single persons and run nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caseload: Option<Caseload>,
    /// Statements about the annex; they are not part of its digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
}

impl Annex {
    /// Reads an annex from its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when the text is no annex.
    pub fn read(text: &str, file: &str) -> Result<Self, Error> {
        crate::signature::read(text, file, "annex")
    }

    /// Returns the annex's digest, its signatures apart.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when it has no canonical form.
    pub fn digest(&self) -> Result<Digest, Error> {
        let mut bytes = b"comity annex, version 1\n".to_vec();
        bytes.extend(canonical(&Self { signatures: Vec::new(), ..self.clone() })?);
        Ok(Digest::of(&bytes))
    }

    /// Returns the agreement with the party among its own and the party's caseload in the place of the recipient's:
    /// the same elements under the same names, so that nothing is read or returned that the agreement does not name.
    pub fn terms(&self, agreement: &Agreement) -> Agreement {
        let mut terms = agreement.clone();
        terms.parties.push(self.party.clone());
        let set = terms.record_sets.iter_mut().find(|set| set.caseload_id.is_some());
        if let (Some(set), Some(caseload)) = (set, &self.caseload) {
            set.owner = self.party.id.clone();
            set.title.clone_from(&caseload.title);
            set.approx_count = caseload.approx_count;
            set.basis = caseload.basis.clone();
            set.system_of_records.clone_from(&caseload.system_of_records);
        }
        terms
    }

    /// Returns the annex as the text of its file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when a value has no TOML form.
    pub fn to_text(&self) -> Result<String, Error> {
        crate::signature::write(self, "annex")
    }

    /// Signs a statement about the annex and adds it.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when it has no canonical form.
    pub fn sign(
        &mut self,
        answer: Answer,
        signer: &Signer,
        at: Timestamp,
        key: &SigningKey,
    ) -> Result<(), Error> {
        self.signatures.push(Signature::over(self.digest()?, answer, signer, at, key, None)?);
        Ok(())
    }

    /// Verifies that a statement is about this annex, by one of its signers, with the signer's key.
    ///
    /// # Errors
    ///
    /// As [`Signature::verify`].
    pub fn verify(
        &self,
        signature: &Signature,
        agreement: &Agreement,
        key_changes: &[KeyChange],
    ) -> Result<(), Error> {
        let keys = Keys::of(agreement, &[&self.party]);
        signature.verify_with(&keys, self.digest()?, agreement.environment, key_changes)
    }

    /// Returns where the annex stands with each of its signers.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when it has no canonical form.
    pub fn standing(
        &self,
        agreement: &Agreement,
        key_changes: &[KeyChange],
        now: Timestamp,
    ) -> Result<Standing, Error> {
        let mut parties = agreement.parties.clone();
        parties.push(self.party.clone());
        Ok(Standing::at(
            now,
            &Keys::of(agreement, &[&self.party]),
            required(&parties),
            self.digest()?,
            agreement.environment,
            &self.signatures,
            key_changes,
        ))
    }
}

/// The caseload of a recipient that joins. Its elements are those of the agreement's own recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caseload {
    /// What the records are, in words.
    pub title: String,
    /// How many records there are, about. A run over 110 % of it stops (F2).
    pub approx_count: u64,
    /// Why the party may use these records.
    pub basis: Basis,
    /// The federal system of records they belong to, if they belong to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_of_records: Option<SystemOfRecords>,
}

/// What happened around an agreement after it was written: each thing with its day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publications {
    /// The digest of the agreement they are about; for a demonstration it is filled in when the copy is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Digest>,
    /// Where anybody gets a copy on request, 5 U.S.C. 552a(o)(2)(A)(ii).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_copy: Option<String>,
    /// Copies sent to both oversight committees, 5 U.S.C. 552a(o)(2)(A).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to_committees: Option<Date>,
    /// Advance notice of the program to both committees and OMB, 5 U.S.C. 552a(r).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_in_advance: Option<Date>,
    /// The notice in the Federal Register, 5 U.S.C. 552a(e)(12).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federal_register: Option<FederalRegister>,
    /// When notice of the program was last given to those concerned, 5 U.S.C. 552a(o)(1)(D).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_last_given: Option<Date>,
    /// The boards' yearly reviews, 5 U.S.C. 552a(u)(3).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Date>,
}

/// A notice in the Federal Register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederalRegister {
    /// The day it appeared.
    pub date: Date,
    /// Volume and page.
    pub citation: String,
}

impl Publications {
    /// Reads publications from their file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableFile`] when the text is none.
    pub fn read(text: &str, file: &str) -> Result<Self, Error> {
        crate::signature::read(text, file, "list of publications")
    }
}
