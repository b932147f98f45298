//! Verification: the facts behind a lead, confirmed beyond the matched record, by two people, before anything else.
//!
//! [5 U.S.C. 552a(p)(1)–(2)](https://www.law.cornell.edu/uscode/text/5/552a): the amount, whether the individual really
//! had access to it, and the period; or the board's finding under (p)(1)(A)(ii) instead. Silence of the individual is no
//! source: there is no way to write it down as one.

use crate::review::Reviewed;
use crate::{NotAllowed, Terms};
use agreement::{OfficerId, VerificationMethod, VerifiedFact};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Who or what confirmed a fact, beyond the two records that were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Who pays the income or holds the asset.
    Payer,
    /// A registrar: of births, deaths, marriages, residence.
    Registrar,
    /// The individual, who said so.
    Individual,
    /// A document that was seen.
    Document,
    /// Another one, named in its reference.
    Other,
}

impl SourceKind {
    /// Returns the word as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Payer => "payer",
            SourceKind::Registrar => "registrar",
            SourceKind::Individual => "individual",
            SourceKind::Document => "document",
            SourceKind::Other => "other",
        }
    }
}

/// One source of a finding.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Who or what.
    pub kind: SourceKind,
    /// How to find it again: a letter's number, a file reference.
    pub reference: String,
    /// When it was asked or seen.
    pub seen: Date,
}

impl Source {
    fn is_named(&self) -> bool {
        !self.reference.trim().is_empty()
    }
}

/// A period in which the individual had what was found, first and last day.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Had {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// What a finding rests on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ground {
    /// The specific facts were investigated and confirmed, (p)(1)(A)(i) and (p)(2).
    Independent {
        /// (p)(2)(A): the amount, in hundredths of the currency.
        amount_cents: Option<u64>,
        /// (p)(2)(B): whether the individual really had access to it for own use.
        access: Option<bool>,
        /// (p)(2)(C): when the individual actually had it.
        periods: Vec<Had>,
        /// Who confirmed it.
        sources: Vec<Source>,
    },
    /// The board found that such data is limited to identity and the source's own payments and is right with high
    /// confidence, (p)(1)(A)(ii).
    BoardFinding {
        /// The finding's digest, as filed.
        document: String,
        /// When the board made it.
        found: Date,
    },
    /// A death: a certified record and a second datum (floor F6).
    Death {
        /// The certified record.
        certified: Source,
        /// The second datum.
        second: Source,
    },
}

/// What verification established.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What it rests on.
    pub ground: Ground,
    /// What was found, in words that the individual can read.
    pub words: String,
}

impl Finding {
    /// Returns the facts of 552a(p)(2) that it confirms.
    pub fn confirms(&self) -> BTreeSet<VerifiedFact> {
        let mut facts = BTreeSet::new();
        if let Ground::Independent { amount_cents, access, periods, .. } = &self.ground {
            if amount_cents.is_some() {
                facts.insert(VerifiedFact::Amount);
            }
            if *access == Some(true) {
                facts.insert(VerifiedFact::Access);
            }
            if !periods.is_empty() {
                facts.insert(VerifiedFact::Period);
            }
        }
        facts
    }

    /// Returns how many sources beyond the matched record it has.
    pub fn sources(&self) -> usize {
        match &self.ground {
            Ground::Independent { sources, .. } => sources.len(),
            Ground::BoardFinding { .. } => 0,
            Ground::Death { certified, second } => {
                [certified, second].into_iter().filter(|source| source.is_named()).count()
            }
        }
    }

    /// Says whether it is the board's.
    pub fn is_boards(&self) -> bool {
        matches!(self.ground, Ground::BoardFinding { .. })
    }

    /// Says whether it is of a death.
    pub fn is_of_death(&self) -> bool {
        matches!(self.ground, Ground::Death { .. })
    }

    /// Says whether a registrar's certified record shows the death that it is of.
    pub fn has_certified_death(&self) -> bool {
        matches!(&self.ground, Ground::Death { certified, .. }
            if certified.kind == SourceKind::Registrar && certified.is_named())
    }

    /// Says whether a second datum, which is not the first again, shows the death that it is of.
    pub fn has_second_datum(&self) -> bool {
        matches!(&self.ground, Ground::Death { certified, second }
            if second.is_named() && second.reference.trim() != certified.reference.trim())
    }

    /// Holds it to what the agreement asks.
    pub(crate) fn suffices(&self, terms: &Terms) -> Result<(), NotAllowed> {
        if self.words.trim().is_empty() {
            return Err(NotAllowed::NoReason);
        }
        match &self.ground {
            Ground::Independent { sources, access, periods, .. } => {
                if sources.is_empty() || sources.iter().any(|one| one.reference.trim().is_empty()) {
                    return Err(NotAllowed::NoSourceBeyondTheRecord);
                }
                if *access == Some(false) {
                    return Err(NotAllowed::NoAccess);
                }
                if periods.iter().any(|had| had.to < had.from) {
                    return Err(NotAllowed::PeriodBackwards);
                }
                let confirmed = self.confirms();
                let missing: Vec<VerifiedFact> = terms
                    .confirms
                    .iter()
                    .filter(|fact| !confirmed.contains(fact))
                    .copied()
                    .collect();
                if missing.is_empty() { Ok(()) } else { Err(NotAllowed::FactsMissing { missing }) }
            }
            Ground::BoardFinding { document, .. } => match terms.method {
                VerificationMethod::BoardFinding if !document.trim().is_empty() => Ok(()),
                VerificationMethod::BoardFinding | VerificationMethod::Independent => {
                    Err(NotAllowed::NoBoardFinding)
                }
            },
            Ground::Death { .. } => {
                if self.has_certified_death() && self.has_second_datum() {
                    Ok(())
                } else {
                    Err(NotAllowed::DeathNotCertified)
                }
            }
        }
    }
}

/// A finding that was proposed and waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    pub(crate) finding: Finding,
    pub(crate) by: OfficerId,
    pub(crate) at: Timestamp,
}

impl Proposed {
    /// Returns the finding.
    pub fn finding(&self) -> &Finding {
        &self.finding
    }

    /// Returns who proposed it.
    pub fn by(&self) -> &OfficerId {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Stage `verifying`: facts are being confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifying {
    pub(crate) reviewed: Reviewed,
    pub(crate) started_by: OfficerId,
    pub(crate) proposed: Option<Proposed>,
}

impl Verifying {
    /// Returns the review behind it.
    pub fn reviewed(&self) -> &Reviewed {
        &self.reviewed
    }

    /// Returns who began.
    pub fn started_by(&self) -> &OfficerId {
        &self.started_by
    }

    /// Returns the finding that waits for a second person.
    pub fn proposed(&self) -> Option<&Proposed> {
        self.proposed.as_ref()
    }

    /// A second person confirms: who proposed a finding does not confirm it (floor F5).
    pub(crate) fn confirm(self, by: &OfficerId, at: Timestamp) -> Result<Verified, NotAllowed> {
        let Some(proposed) = self.proposed else {
            return Err(NotAllowed::NothingProposed);
        };
        if proposed.by == *by {
            return Err(NotAllowed::SamePerson { did: "proposed the finding" });
        }
        Ok(Verified {
            reviewed: self.reviewed,
            proposed,
            confirmed_by: by.clone(),
            confirmed_at: at,
            draft: None,
        })
    }
}

/// Stage `verified`: two people confirmed the facts. The only thing that a notice can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub(crate) reviewed: Reviewed,
    pub(crate) proposed: Proposed,
    pub(crate) confirmed_by: OfficerId,
    pub(crate) confirmed_at: Timestamp,
    pub(crate) draft: Option<crate::notice::Draft>,
}

impl Verified {
    /// Returns the review behind it.
    pub fn reviewed(&self) -> &Reviewed {
        &self.reviewed
    }

    /// Returns the finding.
    pub fn finding(&self) -> &Finding {
        &self.proposed.finding
    }

    /// Returns who proposed the finding.
    pub fn verified_by(&self) -> &OfficerId {
        &self.proposed.by
    }

    /// Returns the second person.
    pub fn confirmed_by(&self) -> &OfficerId {
        &self.confirmed_by
    }

    /// Returns when the second person confirmed.
    pub fn confirmed_at(&self) -> Timestamp {
        self.confirmed_at
    }

    /// Says whether somebody was one of the two.
    pub(crate) fn confirms_or_verifies(&self, officer: &OfficerId) -> bool {
        self.proposed.by == *officer || self.confirmed_by == *officer
    }

    /// Returns the notice as drafted.
    pub fn draft(&self) -> Option<&crate::notice::Draft> {
        self.draft.as_ref()
    }
}

/// Stage `refuted`: it is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuted {
    pub(crate) reviewed: Reviewed,
    pub(crate) by: OfficerId,
    pub(crate) at: Timestamp,
}

impl Refuted {
    /// Returns the review behind it.
    pub fn reviewed(&self) -> &Reviewed {
        &self.reviewed
    }

    /// Returns who refuted it.
    pub fn by(&self) -> &OfficerId {
        &self.by
    }

    /// Returns when.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Personal values: nothing of them is shown.
macro_rules! redacted {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " [redacted]"))
            }
        }
    )+};
}
pub(crate) use redacted;
redacted!(Source, Had, Ground, Finding);
