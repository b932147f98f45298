//! What the parties undertake around a run: review, verification, notice, disputes, retention, security, use,
//! redisclosure, accuracy, audit, costs.
//!
//! 5 U.S.C. 552a(o)(1)(B) and (D)–(K), (p), (u)(4). The reader makes sure that they are there and are no placeholders;
//! whether they are good is for the boards, and whether they are done is casework's and the ledger's to show.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::term::midnight;
use crate::{PublicKey, RecordSetId};

/// Why the program is justified and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Justification {
    /// Why records are compared at all.
    pub statement: String,
    /// What is expected to come of it.
    pub expected_results: String,
    /// A specific estimate of savings, in hundredths of the currency a year.
    pub savings_estimate_cents: u64,
    /// How the estimate was made.
    pub savings_basis: String,
}

/// How the facts of a lead are verified before anybody acts on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The procedure.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(E)"))]
    pub plan: String,
    /// Independent verification, or the board's finding instead of it.
    pub method: VerificationMethod,
    /// Who or what confirms the facts beyond the two records: payer, registrar, the individual.
    pub sources: Vec<String>,
    /// Whether amount, access and period are each confirmed, as (p)(2) lists them.
    pub confirms: Vec<VerifiedFact>,
}

/// How 552a(p)(1)(A) is met.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VerificationMethod {
    /// The facts are verified independently, (p)(1)(A)(i).
    Independent,
    /// The board has found that the data is limited to identity and amount of benefits paid by the source and that
    /// there is high confidence in it, (p)(1)(A)(ii).
    BoardFinding,
}

/// A fact that independent verification confirms, 552a(p)(2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedFact {
    /// The amount of the asset or income.
    Amount,
    /// Whether the individual really had it for own use.
    Access,
    /// The period or periods in which the individual had it.
    Period,
}

/// How leads are reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reviewing {
    /// How many people judge a lead.
    pub reviewers: Reviewers,
}

/// How many people judge a lead.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reviewers {
    /// One.
    One,
    /// Two, of whom the second does not see what the first said; where they differ, a third settles it.
    TwoBlind,
}

/// How a recipient's dispute of a source's record is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disputing {
    /// Within how many days the source answers, counted from the day it is told.
    #[schemars(extend("x-least" = 1))]
    pub answer_days: u32,
    /// Who answers at the source.
    pub answered_by: String,
}

/// How individuals are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// How applicants are told when they apply.
    pub at_application: String,
    /// How everybody concerned is told from then on, and how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periodic: Option<String>,
    /// How findings and the right to contest are told before any action.
    pub of_findings: String,
    /// The languages of the letters, by their tags (RFC 5646) as in `es`, the usual one first. Where none is named, any that
    /// the recipient has words for may be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Days to contest, counted from the day the notice is mailed or given.
    #[schemars(extend("x-least" = 1))]
    pub response_period_days: u32,
    /// The law that fixes this period, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_period_citation: Option<String>,
    /// Days added where the notice goes by mail; the Department of Defense adds 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailing_days: Option<u32>,
    /// The time zone in which the last day ends, by its name in the IANA database, where it ends later than the law's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// How long records made by the program are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// What is kept, why, and how it is destroyed.
    pub statement: String,
    /// Pairs that became no lead are destroyed so many days after a cycle, at the latest.
    pub pairs_days: u32,
    /// Leads are destroyed so many days after they are closed, at the latest.
    pub leads_days: u32,
    /// The day on which all that is left is destroyed or returned.
    #[schemars(with = "String", extend("format" = "date"))]
    pub destroy_by: Date,
}

impl Retention {
    /// Returns the instant from which on a lead that was closed is destroyed: its days after the close, or the
    /// agreement's last day if that comes first.
    pub fn leads_end(&self, closed_at: Timestamp) -> Timestamp {
        after_days(closed_at, self.leads_days).min(self.ends())
    }

    /// Returns the instant from which on the pairs of a cycle that became no lead are destroyed.
    pub fn pairs_end(&self, finished_at: Timestamp) -> Timestamp {
        after_days(finished_at, self.pairs_days).min(self.ends())
    }

    /// Returns the instant from which on all that is left is destroyed or returned.
    pub fn ends(&self) -> Timestamp {
        midnight(self.destroy_by)
    }
}

fn after_days(at: Timestamp, days: u32) -> Timestamp {
    let days = SignedDuration::from_hours(i64::from(days).saturating_mul(24));
    at.checked_add(days).unwrap_or(Timestamp::MAX)
}

/// Security of the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Administrative controls.
    pub administrative: String,
    /// Technical controls.
    pub technical: String,
    /// Physical controls.
    pub physical: String,
}

/// Duplication and redisclosure: forbidden, but for what is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redisclosure {
    /// The prohibition in words.
    pub statement: String,
    /// What is allowed nevertheless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<RedisclosureException>,
}

/// A redisclosure that law requires or that is essential to the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisclosureException {
    /// To whom.
    pub to: String,
    /// What for, in the floor's vocabulary (F13: onward too).
    pub purpose: crate::PurposeKind,
    /// The law that requires it, or why the program cannot do without it.
    pub citation: String,
}

/// How the recipient may use the source's records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseOfRecords {
    /// The procedures.
    pub statement: String,
    /// How and when the source's records are returned or destroyed.
    pub return_or_destroy: String,
}

/// An assessment of how accurate the records of a set are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Which records.
    pub record_set: RecordSetId,
    /// When they were assessed.
    #[schemars(with = "String", extend("format" = "date"))]
    pub assessed: Date,
    /// How.
    pub method: String,
    /// What came of it.
    pub result: String,
}

/// Who audits, and with what access. No party can revoke it (F11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auditor {
    /// The auditor's name inside the agreement.
    pub id: crate::PartyId,
    /// The auditor's full name.
    pub name: String,
    /// What the auditor may see.
    pub access: String,
    /// The key the auditor is known by.
    pub key: PublicKey,
}

/// The analysis of costs and benefits, or the board's waiver of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CostBenefit {
    /// An analysis that shows that the program is likely to be cost-effective.
    Analysis {
        /// Where it is found.
        reference: String,
        /// When it was made.
        #[schemars(with = "String", extend("format" = "date"))]
        made: Date,
        /// Expected cost a year, in hundredths of the currency.
        cost_cents: u64,
        /// Expected benefit a year, in hundredths of the currency.
        benefit_cents: u64,
    },
    /// The board has waived the analysis in writing.
    Waiver {
        /// Why, and under which guidance.
        reason: String,
        /// Where the written waiver is found.
        reference: String,
    },
    /// A statute requires this very program; for its first agreement only.
    RequiredByStatute {
        /// The statute.
        citation: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_ends_with_its_days_or_with_the_agreements_last_day_whichever_is_first() {
        let retention = Retention {
            statement: "x".to_owned(),
            pairs_days: 30,
            leads_days: 180,
            destroy_by: "2028-02-29".parse().unwrap(),
        };
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let closed = at("2027-06-01T12:00:00Z");
        assert_eq!(retention.leads_end(closed), at("2027-11-28T12:00:00Z"));
        assert_eq!(retention.pairs_end(closed), at("2027-07-01T12:00:00Z"));
        assert_eq!(retention.leads_end(at("2027-09-02T00:00:00Z")), at("2028-02-29T00:00:00Z"));
        assert_eq!(retention.leads_end(at("2027-09-02T00:00:01Z")), at("2028-02-29T00:00:00Z"));
        assert_eq!(retention.leads_end(at("2027-09-01T23:59:59Z")), at("2028-02-28T23:59:59Z"));
        assert_eq!(retention.leads_end(Timestamp::MAX), retention.ends());
        let none = Retention { leads_days: u32::MAX, ..retention };
        assert_eq!(none.leads_end(closed), none.ends());
    }
}
