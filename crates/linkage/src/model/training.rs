//! How to learn a model, as a recipe says it, and how it was learnt, as the model keeps it.
//!
//! Part of recipe and model file. `train` does what is said here and writes the record: counts and parameters alone.

use serde::{Deserialize, Serialize};

use super::rule::check_rules;
use super::{Column, Link, Rule, ThresholdRule, check_probability, unsound};
use crate::uncertainty::StandardErrors;
use crate::{Digest, Result};

/// How to learn the prior, the u and the m without labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Where the random pairs begin. The same seed on the same records gives the same model.
    pub seed: u64,
    /// Where the prior comes from.
    pub prior: Prior,
    /// Rules inside whose blocks the m are learnt. A comparison that shares a column with a rule sits that one out.
    pub rules: Vec<Rule>,
    /// How many random pairs are drawn for u at most.
    #[serde(default = "usual_sample_pairs")]
    pub sample_pairs: u64,
    /// Drawing stops once every level of every comparison was seen this often.
    #[serde(default = "usual_enough")]
    pub enough: u64,
    /// How often expectation maximisation goes round at most.
    #[serde(default = "usual_iterations")]
    pub iterations: u32,
    /// It stops once no m, and not the share of same pairs, moved by more than this.
    #[serde(default = "usual_convergence")]
    pub convergence: f64,
    /// Whether a closer level may never weigh less than a farther one, m/u falling in the order of the levels.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub monotone: bool,
    /// Whether the m are learnt with frequencies: a pair of equal values then counts by how common these are, and not by
    /// how common equal values are on average, as it will when it is weighed.
    ///
    /// It costs pairs and not patterns, one after the other. Between two tables, of a rule of very many pairs those of some
    /// source records are looked at. Levels of items in common take their part only when they are weighed. Standing alone,
    /// patterns say the same of m on average, with larger errors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frequencies: bool,
    /// Whether a source record has one partner at most. When left out: where one-to-one keeps one for each source record.
    ///
    /// Where it has, its other pairs teach what kin are like and what weights stand for. Say no where it doesn't hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_partner: Option<bool>,
}

fn usual_sample_pairs() -> u64 {
    1_000_000
}

fn usual_enough() -> u64 {
    1_000
}

fn usual_iterations() -> u32 {
    200
}

fn usual_convergence() -> f64 {
    1e-6
}

/// Where the prior comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Prior {
    /// It is known.
    Stated(f64),
    /// Rules so strict that nearly every pair they make is the same individual.
    Deterministic {
        /// The rules; a pair counts once.
        rules: Vec<Rule>,
        /// The share of the pairs of same individuals that they are thought to find.
        recall: f64,
    },
}

/// How a model's parameters were learnt: counts and parameters only, nothing of any record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The digest of the recipe.
    pub recipe: Digest,
    /// The seed that was used.
    pub seed: u64,
    /// Records in the source's table.
    pub source_records: u64,
    /// Records in the recipient's table; the same table's when linking within one.
    pub recipient_records: u64,
    /// Random pairs drawn for u.
    pub sampled_pairs: u64,
    /// Pairs that the deterministic rules made, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic_pairs: Option<u64>,
    /// Rounds in which u was freed of the same pairs among the random ones.
    pub rounds: u32,
    /// How the threshold was set.
    pub threshold_rule: ThresholdRule,
    /// What is expected at that threshold. Where the pairs of some source records only were weighed and the threshold
    /// was given, it is what was expected of those, in proportion.
    pub expectation: Expectation,
    /// The source records whose pairs kin were learnt from; none where it was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed_sources: Option<u64>,
    /// The levels that fewer random pairs came to than the recipe calls enough, and that could not be counted over all
    /// pairs: their u stands on these few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rare: Vec<RareLevel>,
    /// The standard errors of the parameters, where they were worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<StandardErrors>,
    /// One entry a training rule.
    #[serde(rename = "session")]
    pub sessions: Vec<TrainingSession>,
}

/// A level that random pairs hardly show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RareLevel {
    /// The comparison.
    pub comparison: String,
    /// The level.
    pub level: String,
    /// How many random pairs came to it.
    pub seen: u64,
}

/// Expectation maximisation inside one training rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSession {
    /// The rule.
    pub rule: String,
    /// Pairs that it made.
    pub pairs: u64,
    /// Different patterns among them.
    pub patterns: u64,
    /// How often it went round.
    pub iterations: u32,
    /// Whether it came to rest.
    pub converged: bool,
    /// The share of its pairs that are the same individual, as estimated.
    pub same: f64,
    /// The comparisons that it taught.
    pub comparisons: Vec<String>,
    /// How share and m moved: the first rounds, some between, and the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<TrainingRound>,
}

/// What expectation maximisation had after so many rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRound {
    /// How often it had gone round.
    pub round: u32,
    /// The share of its pairs that are the same individual.
    pub same: f64,
    /// The m of each comparison that the session taught, in their order, by level.
    pub m: Vec<Vec<f64>>,
}

/// What is expected of the pairs at or above a threshold, by the model's own reckoning.
///
/// It is as right as the model is: see [`crate::threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The threshold.
    pub threshold: f64,
    /// Pairs at or above it, one-to-one applied.
    pub pairs: u64,
    /// How many of them are expected to be the same individual.
    pub expected_same: f64,
    /// How many are expected not to be.
    pub expected_different: f64,
    /// The first by the sum of both; 1 where there is no pair.
    pub expected_precision: f64,
}

pub(super) fn check_training(training: &Training, columns: &[Column], link: Link) -> Result<()> {
    check_rules("training rule", &training.rules, columns, link)?;
    match &training.prior {
        Prior::Stated(prior) => {
            if !(*prior > 0.0 && *prior < 1.0) {
                return Err(unsound("training", "the stated prior must lie between 0 and 1"));
            }
        }
        Prior::Deterministic { rules, recall } => {
            check_rules("deterministic rule", rules, columns, link)?;
            check_probability("training", "recall", *recall)?;
        }
    }
    if training.sample_pairs == 0 || training.iterations == 0 {
        return Err(unsound("training", "it needs at least one pair and one iteration"));
    }
    if training.one_partner == Some(true) && link == Link::Within {
        return Err(unsound("training", "`one_partner` needs two tables"));
    }
    if !(training.convergence > 0.0 && training.convergence < 1.0) {
        return Err(unsound("training", "the convergence must lie between 0 and 1"));
    }
    Ok(())
}
