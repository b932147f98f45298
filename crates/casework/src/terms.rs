//! What the agreement asks of each case: how many look at it, what verification confirms, how long the individual has
//! to answer, how long what undoing takes is kept.
//!
//! Terms are read from the agreement when its leads are disclosed and kept beside the cases, so that a case is judged
//! by the terms it was opened under and not by later ones. The periods themselves are the law pack's: a step brings the
//! instant at which one ends, and the terms only hold it to the least number of days.

use agreement::{Agreement, VerificationMethod, VerifiedFact};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How many people judge a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reviewers {
    /// One.
    One,
    /// Two, of whom the second does not see what the first said; where they differ, a third decides.
    TwoBlind,
}

/// What the agreement asks of each case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The agreement's digest.
    pub agreement: String,
    /// How many people judge a lead.
    pub reviewers: Reviewers,
    /// Independent verification, or the board's finding instead of it.
    pub method: VerificationMethod,
    /// What independent verification confirms, 552a(p)(2).
    pub confirms: BTreeSet<VerifiedFact>,
    /// The fewest days the individual has to answer.
    pub response_days: u32,
    /// For how many days after an action what undoing it takes is kept, at least (floor F7).
    pub undo_days: u32,
    /// Within how many days the next step of a case is due, where no law says when. The project's own, not the law's.
    pub work_days: u32,
    /// Within how many days a source answers a dispute: the agreement's number, or the project's own.
    pub dispute_days: u32,
    /// The returned element that names the county a case is listed under.
    pub county: Option<String>,
    /// The returned element that names the worker a case is listed under.
    pub worker: Option<String>,
}

impl Terms {
    /// Reads the terms of an agreement with the given digest.
    pub fn of(digest: &str, agreement: &Agreement) -> Terms {
        Terms {
            agreement: digest.to_owned(),
            method: agreement.verification.method,
            confirms: agreement.verification.confirms.iter().copied().collect(),
            reviewers: match agreement.reviewers() {
                agreement::Reviewers::One => Reviewers::One,
                agreement::Reviewers::TwoBlind => Reviewers::TwoBlind,
            },
            response_days: agreement.notice.response_period_days,
            dispute_days: agreement.dispute_days(),
            ..Terms::strict()
        }
    }

    /// Returns what counts where nothing else is known: every fact confirmed independently, thirty days to answer
    /// (552a(p)(3)(B)), two years to undo.
    pub fn strict() -> Terms {
        Terms {
            agreement: String::new(),
            reviewers: Reviewers::One,
            method: VerificationMethod::Independent,
            confirms: [VerifiedFact::Amount, VerifiedFact::Access, VerifiedFact::Period].into(),
            response_days: 30,
            undo_days: 730,
            work_days: 30,
            dispute_days: 30,
            county: None,
            worker: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../../examples/benefits/agreement.toml");

    #[test]
    fn an_agreement_can_ask_for_two_reviewers_and_for_an_answer_to_disputes() {
        let read = |text: &str| Terms::of("sha256:aa", &Agreement::read(text, "a").unwrap());
        let silent = read(TEXT);
        assert_eq!((silent.reviewers, silent.dispute_days), (Reviewers::One, 30));
        let asks = "[review]\nreviewers = \"two_blind\"\n\n[disputes]\nanswer_days = 10\n\
                    answered_by = \"the records office\"\n\n[verification]";
        let asking = read(&TEXT.replace("[verification]", asks));
        assert_eq!((asking.reviewers, asking.dispute_days), (Reviewers::TwoBlind, 10));
    }
}
