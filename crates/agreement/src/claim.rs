//! Exceptions from F3, and waivers and exemptions that somebody claims.
//!
//! A claim has an owner, a citation, a scope and an end; it is shown to auditors and to the individual. It is never a
//! setting, and none reaches the floor. Exceptions are those the floor itself lists, each cited.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Category, ClaimId, PackId, PartyId};

/// An exception that F3 lists, claimed for one category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Which of the floor's exceptions.
    pub kind: ExceptionKind,
    /// For which category of element.
    pub category: Category,
    /// The law it rests on.
    pub citation: String,
    /// Why the program cannot do without.
    pub reason: String,
}

/// The exceptions F3 lists; (d) is a purpose, not an exception here.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// (a) Disability or health that is the benefit itself or its eligibility, within the recipient's own caseload.
    BenefitItself,
    /// (b) Citizenship or status to decide a pending application or renewal, by case id, confined to that case.
    PendingCase,
    /// (c) Outreach that only adds benefits, never selected on status.
    Outreach,
    /// (e) In aggregate, to audit a run for bias.
    BiasAudit,
}

impl ExceptionKind {
    /// Returns the exception's word in an agreement.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BenefitItself => "benefit_itself",
            Self::PendingCase => "pending_case",
            Self::Outreach => "outreach",
            Self::BiasAudit => "bias_audit",
        }
    }
}

/// A waiver or an exemption that somebody claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The claim's name.
    pub id: ClaimId,
    /// Waiver of rules, or exemption from a whole law.
    pub kind: ClaimKind,
    /// The law it concerns.
    pub law: PackId,
    /// The rules it concerns; none for an exemption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The party that claims it.
    pub owner: PartyId,
    /// Where it stands and who granted it.
    pub citation: String,
    /// What it covers, and which duties remain.
    pub scope: String,
    /// The first day.
    #[schemars(with = "String", extend("format" = "date"))]
    pub begins: Date,
    /// The last day.
    #[schemars(with = "String", extend("format" = "date"))]
    pub ends: Date,
}

/// Waiver or exemption.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// Some rules of a law are waived.
    Waiver,
    /// A law as a whole does not apply.
    Exemption,
}
