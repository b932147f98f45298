//! The model a program links with, its threshold, and the pilot it begins with.
//!
//! The agreement fixes either a finished model by its digest, or a recipe for training one with the rule that sets
//! the threshold and the bound below which it may not fall. Tightening is free; loosening past the bound is a change
//! of terms. The pilot is F12. How a model works is not here: to this crate it is a digest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// The model of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The digest of a finished model; or else `recipe_digest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The digest of the recipe that trains the model; or else `digest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_digest: Option<Digest>,
    /// The rule that sets the threshold.
    pub threshold: Threshold,
}

/// The rule that sets the threshold. Weights are log2, as the model's are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Threshold {
    /// The threshold is this weight or more.
    Weight {
        /// The lowest weight of a lead.
        lowest_weight: f64,
    },
    /// The threshold is the lowest weight from which on leads are expected to be right this often, and never below the
    /// bound.
    ExpectedPrecision {
        /// Of a thousand leads, at least so many are expected to be right.
        #[schemars(extend("x-least" = 1, "x-greatest" = 999))]
        least_permille: u32,
        /// The approved bound: no threshold below this weight.
        lowest_weight: f64,
    },
}

impl Threshold {
    /// Returns the approved bound: no threshold is below it.
    pub const fn lowest_weight(&self) -> f64 {
        match self {
            Self::Weight { lowest_weight } | Self::ExpectedPrecision { lowest_weight, .. } => {
                *lowest_weight
            }
        }
    }
}

/// The pilot a new or loosened model begins with (F12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pilot {
    /// How many leads are opened and reviewed before the rest.
    #[schemars(extend("x-least" = 1))]
    pub sample: u64,
    /// The share of false leads must be below this, in percent; 20 at most.
    #[schemars(extend("x-least" = 1, "x-greatest" = 20))]
    pub bound_percent: u32,
    /// With this confidence, in percent.
    #[schemars(extend("x-least" = 50, "x-greatest" = 99))]
    pub confidence_percent: u32,
}
