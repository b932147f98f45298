//! Why records are compared, in a closed vocabulary.
//!
//! 5 U.S.C. 552a(o)(1)(A): purpose and legal authority. The vocabulary is closed because of F13: no purpose here
//! serves to arrest, detain or remove people under civil immigration law, and what has no word cannot be asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PurposeId;

/// A purpose of a matching program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// The purpose's name, which requests give.
    pub id: PurposeId,
    /// Which of the purposes that the floor knows it is.
    pub kind: PurposeKind,
    /// The purpose in words, as the notice will say it.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(A)"))]
    pub statement: String,
    /// The laws that allow the program.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(A)"))]
    pub authority: Vec<Authority>,
}

/// A law that allows a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Where it stands.
    pub citation: String,
    /// The day from which it is in force.
    #[schemars(with = "String", extend("format" = "date"))]
    pub in_force_from: jiff::civil::Date,
}

/// The purposes that the floor knows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PurposeKind {
    /// Establish or verify eligibility for a benefit.
    Eligibility,
    /// Verify that the conditions of a benefit are kept.
    Compliance,
    /// Recoup payments or debts under a benefit program.
    DebtRecovery,
    /// Offer people benefits they lack; it may only add.
    Outreach,
    /// Keep a register correct, person by person.
    RecordAccuracy,
    /// Compare federal personnel or payroll records.
    Personnel,
    /// Audit a program for bias, in aggregate.
    BiasAudit,
    /// Statistics whose output concerns no person (F14).
    Statistics,
    /// Research whose output concerns no person (F14).
    Research,
    /// Public health, whose output concerns no person (F14).
    PublicHealth,
}

impl PurposeKind {
    /// Returns the kind's word in an agreement.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eligibility => "eligibility",
            Self::Compliance => "compliance",
            Self::DebtRecovery => "debt_recovery",
            Self::Outreach => "outreach",
            Self::RecordAccuracy => "record_accuracy",
            Self::Personnel => "personnel",
            Self::BiasAudit => "bias_audit",
            Self::Statistics => "statistics",
            Self::Research => "research",
            Self::PublicHealth => "public_health",
        }
    }

    /// Tells whether its output concerns no person, so that no lead is opened under it (F3(e), F14).
    pub const fn opens_no_leads(self) -> bool {
        match self {
            Self::BiasAudit | Self::Statistics | Self::Research | Self::PublicHealth => true,
            Self::Eligibility
            | Self::Compliance
            | Self::DebtRecovery
            | Self::Outreach
            | Self::RecordAccuracy
            | Self::Personnel => false,
        }
    }
}
