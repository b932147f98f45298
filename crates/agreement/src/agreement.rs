//! The matching agreement: everything the parties agree on, as one value with one digest.
//!
//! 5 U.S.C. 552a(o)(1)(A)–(K), and what the floor asks besides. It is read from TOML ([`Agreement::read`]), whole or
//! not at all. Paths, calendars and contacts are not terms and stand in the [`crate::Schedule`]; whether an act is
//! allowed is the [`crate::Gate`]'s answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Accuracy, Auditor, Claim, CostBenefit, Digest, Discrepancy, Disputing, Element, ElementRef,
    Environment, Error, Exception, Justification, Model, Notice, PackId, Party, PartyId, Pilot,
    Problem, ProgramId, Purpose, PurposeId, RecordSet, RecordSetId, Redisclosure, RegisterKey,
    Retention, Reviewers, Reviewing, Role, Security, Subgroup, Term, Use, UseOfRecords,
    Verification, Witnesses,
};

/// A matching agreement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// The version of this file format; this program reads 1.
    pub format: u32,
    /// The short name of the matching program.
    pub program: ProgramId,
    /// The title of the agreement.
    pub title: String,
    /// The law packs it stands under, by id.
    pub laws: Vec<PackId>,
    /// `test` or `production`; keys and results of one never serve the other.
    pub environment: Environment,
    /// Whether it only shows how things work: signed at run time with throw-away keys, dates moved to today.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demonstration: bool,
    /// The digest of the agreement this one renews or replaces: negative judgements, pilot results and open cases
    /// carry over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Digest>,
    /// When it begins and ends.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(C)"))]
    pub term: Term,
    /// Why records are compared, and which law allows it.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(A)"))]
    pub purposes: Vec<Purpose>,
    /// Why the program is justified, and what is expected of it.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(B)"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// The agencies that agree.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)"))]
    pub parties: Vec<Party>,
    /// The records, every data element, and about how many there are.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(C)"))]
    pub record_sets: Vec<RecordSet>,
    /// What must differ or overlap before a pair is a lead.
    pub discrepancy: Discrepancy,
    /// The model, or the recipe that trains it, and its threshold.
    pub model: Model,
    /// The pilot a new model begins with.
    pub pilot: Pilot,
    /// How leads are reviewed; by one person where nothing is said.
    #[schemars(extend("x-cite" = "floor F5"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Reviewing>,
    /// By which groups of the recipient's cases error is watched; by none where nothing is said.
    #[schemars(extend("x-cite" = "floor F3, F12"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subgroups: Vec<Subgroup>,
    /// How disputes about the source's records are answered; within thirty days where nothing is said.
    #[schemars(extend("x-cite" = "floor F7"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disputes: Option<Disputing>,
    /// How individuals are told.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(D)"))]
    pub notice: Notice,
    /// How results are verified.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(E), (p)"))]
    pub verification: Verification,
    /// How long records made by the program are kept.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(F)"))]
    pub retention: Retention,
    /// How the records are kept safe.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(G)"))]
    pub security: Security,
    /// The prohibition of duplication and redisclosure.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(H)"))]
    pub redisclosure: Redisclosure,
    /// How the recipient may use the source's records.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(I)"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_of_records: Option<UseOfRecords>,
    /// How accurate the records are.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(J)"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy: Vec<Accuracy>,
    /// Who audits, with what access.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(K)"))]
    pub auditor: Auditor,
    /// The witnesses whose cosignatures a release waits for, if it waits for any.
    #[schemars(extend("x-cite" = "floor F9"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<Witnesses>,
    /// The analysis of costs and benefits, or the board's waiver.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(u)(4)"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_benefit: Option<CostBenefit>,
    /// Exceptions from F3 of the floor, each cited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// Waivers and exemptions that somebody claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
}

impl Agreement {
    /// Reads an agreement from its TOML text.
    ///
    /// # Errors
    ///
    /// Everything that is missing, wrong, unknown or still a placeholder, all at once, in the order of the file.
    pub fn read(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        crate::check::read_agreement(text, file)
    }

    /// Returns the digest of the terms: SHA-256 over their canonical form. Comments and spaces of the file are no
    /// terms; every value is.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when a number in it is not finite, which [`Agreement::read`] does not let through.
    pub fn digest(&self) -> Result<Digest, Error> {
        Digest::of_canonical(self)
    }

    /// Returns the party of this name.
    pub fn party(&self, id: &PartyId) -> Option<&Party> {
        self.parties.iter().find(|party| party.id == *id)
    }

    /// Returns the parties in a role.
    pub fn parties_as(&self, role: Role) -> impl Iterator<Item = &Party> {
        self.parties.iter().filter(move |party| party.roles.contains(&role))
    }

    /// Returns the purpose of this name.
    pub fn purpose(&self, id: &PurposeId) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.id == *id)
    }

    /// Returns the record set of this name.
    pub fn record_set(&self, id: &RecordSetId) -> Option<&RecordSet> {
        self.record_sets.iter().find(|set| set.id == *id)
    }

    /// Returns an element and what is done with it.
    pub fn element(&self, reference: &ElementRef) -> Option<(Use, &Element)> {
        self.record_set(&reference.record_set)?
            .elements()
            .find(|(_, element)| element.name == reference.element)
    }

    /// Returns how many people judge a lead.
    pub fn reviewers(&self) -> Reviewers {
        self.review.as_ref().map_or(Reviewers::One, |review| review.reviewers)
    }

    /// Returns within how many days the source answers a dispute; thirty where nothing is said, which is the project's
    /// own number.
    pub fn dispute_days(&self) -> u32 {
        self.disputes.as_ref().map_or(30, |disputes| disputes.answer_days)
    }

    /// Returns the elements that pairs are compared on.
    pub fn matched_on(&self) -> impl Iterator<Item = ElementRef> {
        self.record_sets.iter().flat_map(|set| set.references(Use::MatchedOn))
    }

    /// Returns the elements the recipient gets with a lead.
    pub fn returned(&self) -> impl Iterator<Item = ElementRef> {
        self.record_sets.iter().flat_map(|set| set.references(Use::Returned))
    }

    /// Returns the elements only the discrepancy rule looks at.
    pub fn compared(&self) -> impl Iterator<Item = ElementRef> {
        self.record_sets.iter().flat_map(|set| set.references(Use::Compared))
    }

    /// Returns the element that names a case of the recipient's caseload.
    pub fn caseload_id(&self) -> Option<ElementRef> {
        self.record_sets
            .iter()
            .find_map(|set| set.caseload_id.as_ref().map(|element| set.reference(element)))
    }

    /// Returns the key of the register of requests in which look-ups of the caseload's owner are counted (floor F4).
    pub fn requests_key(&self) -> Option<&RegisterKey> {
        let caseload = self.record_sets.iter().find(|set| set.caseload_id.is_some())?;
        self.party(&caseload.owner)?.requests_key.as_ref()
    }

    /// Tells whether nothing but the term and the link to the agreement before has changed, as 552a(o)(2)(D)(i) asks of
    /// a renewal.
    pub fn is_unchanged_from(&self, previous: &Self) -> bool {
        let terms = |agreement: &Self| Self {
            continues: None,
            term: self.term.clone(),
            retention: Retention {
                destroy_by: self.retention.destroy_by,
                ..agreement.retention.clone()
            },
            ..agreement.clone()
        };
        terms(self) == terms(previous)
    }
}
