//! An agreement with all that has been filed about it: signatures, changes of keys, annexes, publications, stays.
//!
//! The gate decides on what is filed and verifies every signature itself; nothing here is taken on trust but the dates
//! of publications, which the filing party answers for. Storage is the program's affair.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::digest::canonical;
use crate::memo::Memo;
use crate::signature::Keys;
use crate::{
    Accuracy, Agreement, Answer, Basis, Digest, Error, Exception, KeyChange, Party, PartyId,
    Problem, Role, Signature, Signer, SignerRole, SigningKey, Standing, Stay, SystemOfRecords,
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

    /// Returns the standing that counts for whoever asks: that of the agreement, and for a party that joined by an annex
    /// also who rejected or revoked the annex. It stays a party, as one does whose agreement was revoked: what outlives
    /// the agreement outlives the annex too (floor F1).
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub(crate) fn standing_for(
        &self,
        asks: &PartyId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Standing, Error> {
        let mut standing = self.standing_under(digest, now);
        if let Some(annex) = self.annex_for(asks, now)? {
            let joined = annex.standing(&self.agreement, &self.key_changes, now)?;
            standing.rejected.extend(joined.rejected);
            standing.revoked.extend(joined.revoked);
        }
        Ok(standing)
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

    /// Returns what was published for whoever asks. A recipient that joins changes the program, so that what is sent and
    /// published before it begins is about the annex: 5 U.S.C. 552a(o)(2)(A), (r), (e)(12).
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when agreement or annex have no canonical form.
    pub fn published_for(
        &self,
        asks: &PartyId,
        now: Timestamp,
    ) -> Result<Option<Cow<'_, Publications>>, Error> {
        let Some(published) = self.published() else { return Ok(None) };
        let Some(annex) = self.annex_for(asks, now)? else {
            return Ok(Some(Cow::Borrowed(published)));
        };
        let digest = annex.digest()?;
        let joined = published.joined.get(&annex.party.id).filter(|joined| joined.annex == digest);
        Ok(Some(Cow::Owned(Publications {
            sent_to_committees: joined.and_then(|joined| joined.sent_to_committees),
            reported_in_advance: joined.and_then(|joined| joined.reported_in_advance),
            federal_register: joined.and_then(|joined| joined.federal_register.clone()),
            ..published.clone()
        })))
    }

    /// Returns the parties that count at an instant: those of the agreement, and those that joined by an annex which
    /// everybody has signed.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn parties(&self, now: Timestamp) -> Result<Vec<&Party>, Error> {
        let joined = self.joined_annexes(now)?;
        let joined = joined.into_iter().map(|annex| &annex.party);
        Ok(self.agreement.parties.iter().chain(joined).collect())
    }

    /// Returns the agreement as it stands for whoever asks: the agreement itself, or, for a recipient that joined by an
    /// annex which everybody has signed, and at its node, the agreement with that recipient's caseload in the place of the first's.
    /// Its digest is no agreement's: what is recorded names the digest of the agreement itself.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn terms(&self, asks: &PartyId, now: Timestamp) -> Result<Cow<'_, Agreement>, Error> {
        Ok(self.annex_for(asks, now)?.map_or(Cow::Borrowed(&self.agreement), |annex| {
            Cow::Owned(annex.terms(&self.agreement))
        }))
    }

    /// Returns the annex that counts for whoever asks: that of the recipient whose node this is, or of the party itself.
    fn annex_for(&self, asks: &PartyId, now: Timestamp) -> Result<Option<&Annex>, Error> {
        let joined = self.joined.as_ref().unwrap_or(asks);
        Ok(self.joined_annexes(now)?.into_iter().find(|annex| annex.party.id == *joined))
    }

    /// Returns the annexes of this agreement that everybody has accepted, and that join somebody who may join; those that
    /// somebody has revoked since, too.
    fn joined_annexes(&self, now: Timestamp) -> Result<Vec<&Annex>, Error> {
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
            {
                let standing = annex.standing(&self.agreement, &self.key_changes, now)?;
                if standing.required.is_subset(&standing.accepted) {
                    agreed.push(annex);
                }
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
        // Exceptions rest on the first recipient's benefit and law, so nobody else has them.
        terms.exceptions.clear();
        let set = terms.record_sets.iter_mut().find(|set| set.caseload_id.is_some());
        if let (Some(set), Some(caseload)) = (set, &self.caseload) {
            terms.exceptions.clone_from(&caseload.exceptions);
            terms.accuracy.retain(|assessment| assessment.record_set != set.id);
            terms.accuracy.extend(caseload.accuracy.iter().cloned());
            set.owner = self.party.id.clone();
            set.title.clone_from(&caseload.title);
            set.approx_count = caseload.approx_count;
            set.basis = caseload.basis.clone();
            set.system_of_records.clone_from(&caseload.system_of_records);
        }
        terms
    }

    /// Lists what is wrong with an annex before anybody signs it: placeholders, another agreement, a party that is no
    /// recipient, a caseload that is not one. The lines are those of the file's text, where they can be told.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn problems(
        &self,
        text: &str,
        file: &str,
        agreement: &Agreement,
    ) -> Result<Vec<Problem>, Error> {
        let mut found = Vec::new();
        let mut add = |key: &str, what: String, cite: Option<&str>, remedy: &str| {
            let line = text.lines().position(|line| line.trim_start().starts_with(key));
            found.push(Problem {
                file: file.to_owned(),
                line: line.map_or(1, |line| line + 1),
                column: 1,
                what,
                cite: cite.map(str::to_owned),
                remedy: remedy.to_owned(),
            });
        };
        if self.agreement != agreement.digest()? {
            let what = "`agreement` is not the digest of the agreement beside it".to_owned();
            add("agreement", what, None, "write the digest that `comity check` prints");
        }
        if self.party.roles != [Role::Recipient] {
            let what = "`party.roles` is not `[\"recipient\"]`".to_owned();
            let remedy = "whoever brings records to be searched is a party to a new agreement";
            add("roles", what, Some("floor F1"), remedy);
        }
        if self.party.key.environment() != agreement.environment {
            let what = format!("`party.key` is a {} key", self.party.key.environment());
            add("key", what, None, "make a key for the agreement's environment");
        }
        let registers = agreement.parties.iter().filter_map(|party| party.requests_key.as_ref());
        let public = self.party.requests_key.as_ref().map(crate::register::RegisterKey::public);
        if public.is_some() && registers.into_iter().any(|key| Some(key.public()) == public) {
            let what = "`party.requests_key` is the register of another party".to_owned();
            let remedy = "each recipient counts its look-ups in a register of its own";
            add("requests_key", what, Some("floor F4"), remedy);
        }
        let mut written = vec![
            ("name", "party.name", &self.party.name),
            ("address", "party.address", &self.party.address),
        ];
        if let Some(caseload) = &self.caseload {
            written.extend([
                ("title", "caseload.title", &caseload.title),
                ("citation", "caseload.basis.citation", &caseload.basis.citation),
                ("statement", "caseload.basis.statement", &caseload.basis.statement),
            ]);
            if caseload.approx_count == 0 {
                let what = "`caseload.approx_count` is still `0`".to_owned();
                let cite = Some("5 U.S.C. 552a(o)(1)(C)");
                add("approx_count", what, cite, "say about how many records there are");
            }
            for exception in &caseload.exceptions {
                written.push(("citation", "caseload.exceptions.citation", &exception.citation));
                written.push(("reason", "caseload.exceptions.reason", &exception.reason));
            }
            let set = agreement.record_sets.iter().find(|set| set.caseload_id.is_some());
            let other = |assessment: &&Accuracy| Some(&assessment.record_set) != set.map(|s| &s.id);
            if let Some(assessment) = caseload.accuracy.iter().find(other) {
                let what = format!("`{}` is not the caseload's record set", assessment.record_set);
                let remedy =
                    "assess the caseload's own records under the agreement's name for them";
                add("record_set", what, Some("5 U.S.C. 552a(o)(1)(J)"), remedy);
            }
        }
        for (key, path, text) in written {
            if crate::reader::is_placeholder(text) {
                let what = format!("`{path}` is still a placeholder");
                add(key, what, None, "write what is true before anybody signs");
            }
        }
        Ok(found)
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
    /// How accurate these records are, 5 U.S.C. 552a(o)(1)(J); an assessment of another's records is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy: Vec<Accuracy>,
    /// The exceptions from F3 that this party's own law gives it. Those of the first recipient are not inherited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
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
    /// The same about each annex by which a recipient joins, by that recipient.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: BTreeMap<PartyId, JoinPublished>,
}

/// What was sent and published about an annex before its recipient began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinPublished {
    /// The digest of the annex.
    pub annex: Digest,
    /// Copies sent to both oversight committees, 5 U.S.C. 552a(o)(2)(A).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_to_committees: Option<Date>,
    /// Advance notice of the change to both committees and OMB, 5 U.S.C. 552a(r).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_in_advance: Option<Date>,
    /// The revised notice in the Federal Register, 5 U.S.C. 552a(e)(12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federal_register: Option<FederalRegister>,
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
