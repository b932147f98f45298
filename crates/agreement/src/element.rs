//! The data elements an agreement allows, each with its kind and its category.
//!
//! 5 U.S.C. 552a(o)(1)(C) wants every element named; the floor (F3) wants its category declared, because nobody is
//! selected by a protected trait or its proxy. What is done with an element is said by the list it stands in
//! ([`crate::RecordSet`]). No values here, ever.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ElementName;

/// One data element of a record set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// The element's name, used in the schedule, the model and the report.
    pub name: ElementName,
    /// What its values are.
    pub kind: Kind,
    /// What it says about a person.
    pub category: Category,
    /// The span of time a sum of money covers. Sums are compared only with sums over the same span: yearly income
    /// is never averaged to months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Span>,
}

/// What the values of an element are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Words or names.
    Text,
    /// A calendar date.
    Date,
    /// A number that is not money.
    Number,
    /// A sum of money.
    Money,
    /// One of a fixed set of codes.
    Code,
    /// An identifier given by an office.
    Identifier,
    /// Yes or no.
    Flag,
}

/// The span of time a sum covers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// A week.
    Week,
    /// Two weeks.
    Fortnight,
    /// A calendar month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
    /// The period stated in the same record.
    StatedPeriod,
}

/// What an element says about a person (F3).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Who somebody is: names, date of birth, an identifier that everybody has.
    Identity,
    /// Where somebody can be reached.
    Contact,
    /// Facts of a program: a benefit, a case, a job, an account.
    Program,
    /// A sum of money.
    Money,
    /// When something began or ended.
    Period,
    /// Protected: race.
    Race,
    /// Protected: ethnicity.
    Ethnicity,
    /// Protected: national origin.
    NationalOrigin,
    /// Protected: citizenship or immigration status.
    Citizenship,
    /// Protected: religion.
    Religion,
    /// Protected: sex life or orientation.
    SexLife,
    /// Protected: gender identity.
    GenderIdentity,
    /// Protected: political opinion.
    PoliticalOpinion,
    /// Protected: union membership.
    UnionMembership,
    /// Protected: disability.
    Disability,
    /// Protected: health.
    Health,
    /// Proxy: where somebody was born.
    Birthplace,
    /// Proxy: the language somebody speaks.
    Language,
    /// Proxy: the origin of a surname.
    NameOrigin,
    /// Proxy: a tax number that only some hold.
    TaxNumber,
    /// Proxy: an alien number.
    AlienNumber,
    /// Proxy: emergency coverage.
    EmergencyCoverage,
}

impl Category {
    /// Returns the category's word in an agreement.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Contact => "contact",
            Self::Program => "program",
            Self::Money => "money",
            Self::Period => "period",
            Self::Race => "race",
            Self::Ethnicity => "ethnicity",
            Self::NationalOrigin => "national_origin",
            Self::Citizenship => "citizenship",
            Self::Religion => "religion",
            Self::SexLife => "sex_life",
            Self::GenderIdentity => "gender_identity",
            Self::PoliticalOpinion => "political_opinion",
            Self::UnionMembership => "union_membership",
            Self::Disability => "disability",
            Self::Health => "health",
            Self::Birthplace => "birthplace",
            Self::Language => "language",
            Self::NameOrigin => "name_origin",
            Self::TaxNumber => "tax_number",
            Self::AlienNumber => "alien_number",
            Self::EmergencyCoverage => "emergency_coverage",
        }
    }

    /// Tells whether nobody may be selected by it: a protected trait or a proxy of one (F3).
    pub const fn is_protected(self) -> bool {
        match self {
            Self::Identity | Self::Contact | Self::Program | Self::Money | Self::Period => false,
            Self::Race
            | Self::Ethnicity
            | Self::NationalOrigin
            | Self::Citizenship
            | Self::Religion
            | Self::SexLife
            | Self::GenderIdentity
            | Self::PoliticalOpinion
            | Self::UnionMembership
            | Self::Disability
            | Self::Health
            | Self::Birthplace
            | Self::Language
            | Self::NameOrigin
            | Self::TaxNumber
            | Self::AlienNumber
            | Self::EmergencyCoverage => true,
        }
    }
}

impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
