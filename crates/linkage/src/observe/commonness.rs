//! How common the equal values are of the pairs that a training rule makes, for m that are learnt with frequencies.
//!
//! A part of observing. What frequencies add to a weight is the exact level's u over the share of the value; u is moved
//! while training goes on, and the share stays. So each pair keeps its pattern and the sum of the logarithms of its
//! shares, in steps so small that they don't matter, and pairs alike in both are counted together.

use rustc_hash::FxHashMap;

use crate::block::Blocks;
use crate::compare::Comparer;
use crate::elementary::ln;
use crate::model::{Comparison, Level, Recipe, Test};
use crate::pattern::Pattern;
use crate::tables::Tables;
use crate::train::{MOST_WEIGHED, choose_sources};
use crate::{Frequencies, Result};

/// Into how many steps a unit of weight is cut: what is left out is a 128th at most, half a hundredth of the odds.
const STEPS: f64 = 64.0;

/// How common the equal values of each count's pairs are.
pub(crate) struct Commonness {
    /// How many pairs the rule makes, counted or not.
    pub(super) made: u64,
    /// By count: the sum of the weighed logarithms of shares, to the base of 2, in steps.
    steps: Vec<i32>,
    /// By comparison, where its frequencies are taken: the exact level, the adjustment's weight, and which levels take it.
    exact: Vec<Option<(usize, f64, Vec<bool>)>>,
}

impl Commonness {
    /// Goes through the pairs of a rule, or between two tables those of some source records where they are very many, and
    /// counts them by pattern and by how common their values are. Nothing is told of comparisons that the rule doesn't
    /// teach.
    pub(super) fn count(
        recipe: &Recipe,
        tables: &Tables,
        blocks: &Blocks<'_>,
        taught: &[bool],
    ) -> Result<(Vec<(Pattern, u64)>, Self)> {
        let training = recipe.training();
        // The shares alone are wanted of these: what the exact level's u adds, comes later.
        let frequencies = Frequencies::of(tables, &without_u(recipe.comparisons()))?;
        let chosen = choose_sources(tables, blocks, training.seed, MOST_WEIGHED);
        let mut comparer = Comparer::new(tables, recipe.comparisons())?;
        let mut counts: FxHashMap<(Pattern, i32), u64> = FxHashMap::default();
        let mut made = 0;
        for pair in blocks.pairs() {
            made += 1;
            if chosen.as_ref().is_some_and(|chosen| !chosen[pair.source.index()]) {
                continue;
            }
            let pattern = comparer.pattern(pair.source, pair.recipient).only(taught);
            let part = |comparison: usize| {
                let level = pattern.level(comparison);
                frequencies.part(tables, comparison, level, pair.source, pair.recipient)
            };
            let sum: f64 = (0..taught.len()).map(part).sum();
            *counts.entry((pattern, in_steps(sum))).or_insert(0) += 1;
        }
        let mut counts: Vec<((Pattern, i32), u64)> = counts.into_iter().collect();
        counts.sort_unstable();
        let steps = counts.iter().map(|((_, steps), _)| *steps).collect();
        let exact = recipe.comparisons().iter().map(adjusted).collect();
        let counts = counts.into_iter().map(|((pattern, _), count)| (pattern, count)).collect();
        Ok((counts, Self { made, steps, exact }))
    }

    /// Returns the natural logarithm of what frequencies add to the odds of each count, by the u as it is thought to be.
    pub(crate) fn besides(&self, counts: &[(Pattern, u64)], u: &[Vec<f64>]) -> Vec<f64> {
        let of = |((pattern, _), steps): (&(Pattern, u64), &i32)| {
            let exact = self.exact.iter().zip(u).enumerate().map(|(comparison, (exact, u))| {
                let Some((exact, weight, takes)) = exact else { return 0.0 };
                let level = usize::from(pattern.level(comparison)).checked_sub(1);
                let takes = level.is_some_and(|level| takes[level]);
                if takes { weight * ln(u[*exact]) } else { 0.0 }
            });
            exact.sum::<f64>() + f64::from(*steps) / STEPS * std::f64::consts::LN_2
        };
        counts.iter().zip(&self.steps).map(of).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a sum of a few logarithms of shares is small")]
fn in_steps(sum: f64) -> i32 {
    (sum * STEPS).round() as i32
}

/// The exact level of a comparison that takes frequencies, the adjustment's weight, and the levels that take it.
fn adjusted(comparison: &Comparison) -> Option<(usize, f64, Vec<bool>)> {
    let frequency = comparison.frequency.as_ref()?;
    let is_exact = |level: &Level| level.test == Test::Exact && level.column.is_none();
    let exact = comparison.levels.iter().position(is_exact)?;
    Some((exact, frequency.weight, frequency.levels_taking(comparison)))
}

/// The comparisons with an exact level that says nothing, so that only the share is left of a frequency part.
fn without_u(comparisons: &[Comparison]) -> Vec<Comparison> {
    let mut without = comparisons.to_vec();
    for comparison in &mut without {
        for level in &mut comparison.levels {
            level.u = None;
        }
    }
    without
}
