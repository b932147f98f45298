//! One comparison of a recipe or a model: its levels, and the adjustment for how common a value is.
//!
//! Part of the model file, before the path of data. What a level's test says stands in `test`; `compare` says which level
//! two values come to, and `score` what it weighs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Column, Link, MOST_COMPARISONS, MOST_LEVELS, SLACK, Test, check_probability, test, unsound,
};
use crate::Result;

/// One column's test and its graded result.
///
/// The null level isn't written: it stands before every other, holds when either record lacks the column, and weighs
/// nothing. The levels are tried in the order written, and the first that holds is the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What it is called in explanations and reports.
    pub name: String,
    /// The prepared column that decides whether there is anything to compare.
    pub column: String,
    /// Whether a rare value weighs more than a common one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
    /// Its levels, the last of which is `else`.
    #[serde(rename = "level")]
    pub levels: Vec<Level>,
}

/// The adjustment for how common a value is.
///
/// In a column of lists, a level that asks for items in common takes it by the rarest of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frequency {
    /// The exponent on it: 1 is all of it, 0 none.
    #[serde(default = "one")]
    pub weight: f64,
    /// The least u that a rare value may stand for, so that a misspelling used once doesn't decide alone.
    #[serde(default)]
    pub minimum_u: f64,
    /// Whether levels that grade likeness take it too, through the exact level's u.
    #[serde(default)]
    pub similar: bool,
}

impl Frequency {
    /// Says of each level of its comparison whether it takes the adjustment by whole values.
    pub(crate) fn levels_taking(&self, comparison: &Comparison) -> Vec<bool> {
        let takes = |level: &Level| match &level.test {
            Test::Exact => level.column.is_none() || self.similar,
            // Of items in common the rarest tells, and no whole list.
            test => self.similar && test.is_likeness() && !test.asks_for_equal_items(),
        };
        comparison.levels.iter().map(takes).collect()
    }
}

fn one() -> f64 {
    1.0
}

/// One level of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// What must hold.
    pub test: Test,
    /// Another prepared column that the test looks at: the same name without diacritics, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The probability of this level given that the pair is the same individual. Stated in a recipe, it is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<f64>,
    /// The probability of this level given that the pair is two individuals. Stated in a recipe, it is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub u: Option<f64>,
}

impl Level {
    /// Returns what the level is called in explanations, for example `jaro_winkler >= 0.92`.
    pub fn label(&self) -> String {
        match &self.column {
            None => self.test.to_string(),
            Some(column) => format!("{} on {column}", self.test),
        }
    }
}

pub(super) fn check_comparisons(
    comparisons: &[Comparison],
    columns: &[Column],
    link: Link,
) -> Result<()> {
    if comparisons.is_empty() || comparisons.len() > MOST_COMPARISONS {
        return Err(unsound(
            "comparison",
            format!("there must be 1 to {MOST_COMPARISONS} of them"),
        ));
    }
    let mut names = BTreeSet::new();
    for comparison in comparisons {
        let place = format!("comparison `{}`", comparison.name);
        if comparison.name.is_empty() || !names.insert(&comparison.name) {
            return Err(unsound(place, "its name must be its own"));
        }
        let main = test::column_of(&place, &comparison.column, columns)?;
        let count = comparison.levels.len();
        if !(2..=MOST_LEVELS).contains(&count) {
            return Err(unsound(place, format!("it must have 2 to {MOST_LEVELS} levels")));
        }
        for (index, level) in comparison.levels.iter().enumerate() {
            if (level.test == Test::Else) != (index + 1 == count) {
                return Err(unsound(place, "`else` must be the last level, and the only such"));
            }
            let column = match &level.column {
                None => main,
                Some(column) => test::column_of(&place, column, columns)?,
            };
            let own = level.column.is_none();
            let asked = test::Asked { place: &place, column, columns, link, own, items: false };
            if let Some(problem) = test::problem_of(&level.test, asked)? {
                return Err(unsound(format!("{place}, level `{}`", level.label()), problem));
            }
        }
        check_reachable(&place, &comparison.levels)?;
        if let Some(frequency) = &comparison.frequency {
            if !(frequency.weight >= 0.0 && frequency.weight.is_finite()) {
                return Err(unsound(place, "the weight of `frequency` must be 0 or more"));
            }
            if !(0.0..=1.0).contains(&frequency.minimum_u) {
                return Err(unsound(
                    place,
                    "the minimum u of `frequency` must lie between 0 and 1",
                ));
            }
            let exact = |level: &Level| level.test == Test::Exact && level.column.is_none();
            if !comparison.levels.iter().any(exact) {
                return Err(unsound(
                    place,
                    "`frequency` needs a level `exact` on the comparison's own column",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a level that a looser one before it on the same column leaves nothing to.
pub(super) fn check_reachable(place: &str, levels: &[Level]) -> Result<()> {
    for (index, level) in levels.iter().enumerate() {
        let before = levels[..index]
            .iter()
            .find(|before| before.column == level.column && level.test.implies(&before.test));
        if let Some(before) = before {
            let problem = format!("it can never be reached: `{}` takes all of it", before.label());
            return Err(unsound(format!("{place}, level `{}`", level.label()), problem));
        }
    }
    Ok(())
}

pub(super) fn check_fixed(comparison: &Comparison) -> Result<()> {
    for level in &comparison.levels {
        let place = format!("comparison `{}`, level `{}`", comparison.name, level.label());
        for (name, value) in [("m", level.m), ("u", level.u)] {
            if let Some(value) = value {
                check_probability(&place, name, value)?;
            }
        }
    }
    let place = format!("comparison `{}`", comparison.name);
    for (name, take) in
        [("m", (|level| level.m) as fn(&Level) -> Option<f64>), ("u", |level| level.u)]
    {
        if comparison.levels.iter().filter_map(take).sum::<f64>() > 1.0 + 1e-9 {
            return Err(unsound(place, format!("the {name} that it fixes add up to more than 1")));
        }
    }
    Ok(())
}

pub(super) fn check_parameters(comparison: &Comparison) -> Result<()> {
    let (mut all_m, mut all_u) = (0.0, 0.0);
    for level in &comparison.levels {
        let place = format!("comparison `{}`, level `{}`", comparison.name, level.label());
        let (Some(m), Some(u)) = (level.m, level.u) else {
            return Err(unsound(place, "a model needs its m and its u"));
        };
        check_probability(&place, "m", m)?;
        check_probability(&place, "u", u)?;
        all_m += m;
        all_u += u;
    }
    for (name, sum) in [("m", all_m), ("u", all_u)] {
        if (sum - 1.0).abs() > SLACK {
            let place = format!("comparison `{}`", comparison.name);
            return Err(unsound(place, format!("its {name} add up to {sum}, not to 1")));
        }
    }
    Ok(())
}
