//! The classes of kin of a model, as its file says them.
//!
//! Part of the model file, before the path of data. `kin` fits them, and `score` weighs against them.

use serde::{Deserialize, Serialize};

use super::{Comparison, SLACK, check_probability, unsound};
use crate::Result;

/// One class of pairs that are neither the same individual nor strangers: one household, twins, namesakes.
///
/// What is shared in it comes together, and two classes alone would take each shared thing for news.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KinClass {
    /// How many pairs of it there are for each pair of the same individual.
    pub for_each_same: f64,
    /// The probability of each level given this class, comparison by comparison, the null level left out.
    pub levels: Vec<Vec<f64>>,
}

/// The most classes of kin that a model may hold.
pub const MOST_KIN: usize = 16;

pub(super) fn check_kin(kin: &[KinClass], comparisons: &[Comparison]) -> Result<()> {
    if kin.len() > MOST_KIN {
        return Err(unsound("kin", format!("there may be at most {MOST_KIN} classes")));
    }
    for (index, class) in kin.iter().enumerate() {
        let place = format!("kin {}", index + 1);
        if !(class.for_each_same > 0.0 && class.for_each_same.is_finite()) {
            return Err(unsound(place, "`for_each_same` must be a finite number above 0"));
        }
        if class.levels.len() != comparisons.len() {
            return Err(unsound(place, "it needs levels for every comparison, in their order"));
        }
        for (comparison, levels) in comparisons.iter().zip(&class.levels) {
            let place = format!("{place}, comparison `{}`", comparison.name);
            if levels.len() != comparison.levels.len() {
                return Err(unsound(place, "it needs a probability for every level"));
            }
            for share in levels {
                check_probability(&place, "probability", *share)?;
            }
            let sum: f64 = levels.iter().sum();
            if (sum - 1.0).abs() > SLACK {
                return Err(unsound(place, format!("its probabilities add up to {sum}, not to 1")));
            }
        }
    }
    Ok(())
}
