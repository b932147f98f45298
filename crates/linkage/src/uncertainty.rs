//! Standard errors of what training learnt.
//!
//! A part of training, after the parameters are found. How far each would have come out otherwise, had chance dealt other
//! pairs of the same kind:
//!
//! - m: the observed information of each session's patterns, that is the sum of the outer products of their scores, the
//!   posterior standing where the class would (Louis, [Finding the Observed Information Matrix when Using the EM
//!   Algorithm](https://doi.org/10.1111/j.2517-6161.1982.tb01203.x), 1982), inverted; sessions pooled by the same pairs
//!   that each found.
//! - u: a binomial of the sampled pairs, and for the level that is counted by value, of the records behind the counts.
//! - the prior: a Poisson count of the deterministic pairs. The recall that the recipe states is taken as true.
//! - kin: the information of each level against the others of its comparison.
//!
//! What all of them take for granted: that pairs are independent and the model's form is right. A record in many pairs
//! makes the errors larger than said. A level that was hardly seen has the error of half a pair.

use serde::{Deserialize, Serialize};

use crate::elementary::{exp, ln};
use crate::model::{Comparison, Level, Recipe, Test};
use crate::observe::{Counted, Observed};
use crate::pattern::Pattern;
use crate::record::Side;
use crate::train::UNSEEN;

/// The standard errors of a model's parameters, in the shapes of the parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardErrors {
    /// Of the prior; none where it was stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<f64>,
    /// Of m, by comparison and level; 0 where it was stated.
    pub m: Vec<Vec<f64>>,
    /// Of u, by comparison and level; 0 where it was stated.
    pub u: Vec<Vec<f64>>,
    /// Of each class of kin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kin: Vec<KinErrors>,
}

/// The standard errors of one class of kin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KinErrors {
    /// Of how many pairs there are for each pair of the same individual.
    pub for_each_same: f64,
    /// Of the probability of each level, by comparison.
    pub levels: Vec<Vec<f64>>,
}

/// The fewest pairs that a level needs for its own place in the information.
const LEAST_PAIRS: f64 = 0.5;

/// Returns the standard errors of the m that expectation maximisation came to, by comparison and level.
///
/// `counts` are the pairs by pattern, `same` the share of them that are the same individual. A level whose m is fixed has
/// none; neither has one of a comparison that is null in every pattern.
pub fn errors_of_m(
    counts: &[(Pattern, u64)],
    same: f64,
    m: &[Vec<f64>],
    u: &[Vec<f64>],
    fixed: &[Vec<bool>],
) -> Vec<Vec<f64>> {
    errors_of_m_beside(counts, &[], same, (m, u), fixed)
}

/// Returns the same where each count has evidence besides its pattern, as [`crate::train::maximise_beside`] takes it.
pub fn errors_of_m_beside(
    counts: &[(Pattern, u64)],
    besides: &[f64],
    same: f64,
    (m, u): (&[Vec<f64>], &[Vec<f64>]),
    fixed: &[Vec<bool>],
) -> Vec<Vec<f64>> {
    let mut same_at: Vec<Vec<f64>> = m.iter().map(|levels| vec![0.0; levels.len()]).collect();
    let posteriors: Vec<f64> = counts
        .iter()
        .enumerate()
        .map(|(index, (pattern, count))| {
            let besides = besides.get(index).copied().unwrap_or(0.0);
            let posterior = posterior(*pattern, same, besides, (m, u));
            for (comparison, levels) in same_at.iter_mut().enumerate() {
                if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                    levels[level] += posterior * *count as f64;
                }
            }
            posterior
        })
        .collect();
    // One free parameter a level, but for the fullest of each comparison, which is one less the others.
    let mut place: Vec<Vec<Option<usize>>> = Vec::with_capacity(m.len());
    let mut fullest = Vec::with_capacity(m.len());
    let mut free = 1;
    for (comparison, levels) in same_at.iter().enumerate() {
        let full = (0..levels.len())
            .filter(|level| !fixed[comparison][*level])
            .max_by(|one, other| levels[*one].total_cmp(&levels[*other]));
        fullest.push(full);
        place.push(
            (0..levels.len())
                .map(|level| {
                    let own = !fixed[comparison][level]
                        && Some(level) != full
                        && levels[level] >= LEAST_PAIRS;
                    own.then(|| {
                        free += 1;
                        free - 1
                    })
                })
                .collect(),
        );
    }
    let mut information = vec![vec![0.0; free]; free];
    let mut score = vec![0.0; free];
    for ((pattern, count), posterior) in counts.iter().zip(&posteriors) {
        score.fill(0.0);
        score[0] = posterior / same - (1.0 - posterior) / (1.0 - same);
        for (comparison, places) in place.iter().enumerate() {
            let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) else {
                continue;
            };
            if let Some(own) = places[level] {
                score[own] += posterior / m[comparison][level];
            } else if fullest[comparison] == Some(level) {
                for own in places.iter().flatten() {
                    score[*own] -= posterior / m[comparison][level];
                }
            }
        }
        for (row, left) in information.iter_mut().zip(&score) {
            if *left != 0.0 {
                for (cell, right) in row.iter_mut().zip(&score) {
                    *cell += *count as f64 * left * right;
                }
            }
        }
    }
    let inverse = inverted(information);
    let error = |comparison: usize, level: usize| {
        let all: f64 = same_at[comparison].iter().sum();
        if fixed[comparison][level] || all <= 0.0 {
            return 0.0;
        }
        let places = &place[comparison];
        let variance = match (places[level], &inverse) {
            (Some(own), Some(inverse)) => inverse[own][own],
            (None, Some(inverse)) if fullest[comparison] == Some(level) => places
                .iter()
                .flatten()
                .flat_map(|left| places.iter().flatten().map(move |right| inverse[*left][*right]))
                .sum(),
            _ => 0.0,
        };
        // At least that of as many pairs with their class known.
        variance.max(share_variance(m[comparison][level], all)).sqrt()
    };
    m.iter()
        .enumerate()
        .map(|(comparison, levels)| {
            (0..levels.len()).map(|level| error(comparison, level)).collect()
        })
        .collect()
}

/// The variance of a share among so many pairs, none being surer than half a pair.
pub(crate) fn share_variance(share: f64, pairs: f64) -> f64 {
    let pairs = pairs.max(1.0);
    let share = share.clamp(LEAST_PAIRS / pairs, 1.0 - LEAST_PAIRS / pairs);
    share * (1.0 - share) / pairs
}

/// How far shares that are counted by value could have come out otherwise, had chance dealt other records.
pub(crate) struct Spread {
    /// How many records of either side have a value.
    valued: [f64; 2],
    /// Σ p q² and Σ q p², whose p and q are the shares of each value among these.
    sums: [f64; 2],
}

impl Spread {
    /// Takes what it needs of the counts of a column.
    pub(crate) fn of(counted: &Counted<'_>) -> Self {
        let valued = counted.valued().map(|count| count as f64);
        let all = valued.map(|count| count.max(1.0));
        let (mut left, mut right) = (0.0, 0.0);
        let counts = counted.of_side(Side::Source).iter().zip(counted.of_side(Side::Recipient));
        for (source, recipient) in counts.skip(1) {
            let (p, q) = (*source as f64 / all[0], *recipient as f64 / all[1]);
            left += p * q * q;
            right += q * p * p;
        }
        Self { valued, sums: [left, right] }
    }

    /// The variance of the share of equal pairs, Σ p q.
    fn of_exact(&self, u: f64) -> f64 {
        let all = self.valued.map(|count| count.max(1.0));
        // A single equal pair more or less is the least that can be told.
        let least = UNSEEN / (all[0] * all[1]);
        let [left, right] = self.sums;
        ((left - u * u).max(0.0) / all[0] + (right - u * u).max(0.0) / all[1]).max(least * least)
    }
}

/// Works out the standard errors of u: what is counted by value varies with the records, what is sampled with the pairs.
pub(crate) fn errors_of_u(
    recipe: &Recipe,
    observed: &Observed,
    records: [u64; 2],
) -> Vec<Vec<f64>> {
    let records = records.map(|records| records as f64);
    let of = |((comparison, u), spread): ((&Comparison, &Vec<f64>), &Spread)| {
        let both = spread.valued[0] * spread.valued[1] / (records[0] * records[1]).max(1.0);
        let sampled = observed.sampled_pairs as f64 * both;
        let error = |(level, u): (&Level, &f64)| {
            if level.u.is_some() {
                0.0
            } else if level.test == Test::Exact && level.column.is_none() {
                spread.of_exact(*u).sqrt()
            } else {
                share_variance(*u, sampled).sqrt()
            }
        };
        comparison.levels.iter().zip(u).map(error).collect()
    };
    recipe.comparisons().iter().zip(&observed.u).zip(&observed.spreads).map(of).collect()
}

fn posterior(pattern: Pattern, same: f64, besides: f64, (m, u): (&[Vec<f64>], &[Vec<f64>])) -> f64 {
    let mut odds = ln(same / (1.0 - same)) + besides;
    for (comparison, (m, u)) in m.iter().zip(u).enumerate() {
        if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
            odds += ln(m[level]) - ln(u[level]);
        }
    }
    if odds >= 0.0 { 1.0 / (1.0 + exp(-odds)) } else { exp(odds) / (1.0 + exp(odds)) }
}

/// Inverts a symmetric matrix by Gauss and Jordan with pivots; none where it has no inverse.
fn inverted(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    let mut inverse: Vec<Vec<f64>> = (0..size)
        .map(|row| (0..size).map(|column| f64::from(u8::from(row == column))).collect())
        .collect();
    for at in 0..size {
        let pivot = (at..size)
            .max_by(|one, other| matrix[*one][at].abs().total_cmp(&matrix[*other][at].abs()))?;
        matrix.swap(at, pivot);
        inverse.swap(at, pivot);
        let by = matrix[at][at];
        if by.abs() < 1e-12 || !by.is_finite() {
            return None;
        }
        for cell in matrix[at].iter_mut().chain(&mut inverse[at]) {
            *cell /= by;
        }
        let (own, own_inverse) = (matrix[at].clone(), inverse[at].clone());
        for row in (0..size).filter(|row| *row != at) {
            let times = matrix[row][at];
            if times != 0.0 {
                for (cell, own) in matrix[row].iter_mut().zip(&own) {
                    *cell -= times * own;
                }
                for (cell, own) in inverse[row].iter_mut().zip(&own_inverse) {
                    *cell -= times * own;
                }
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementary::squared;
    use crate::maximise::{Start, maximise};

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, 0.2], vec![0.5, 0.2, 2.0]];
        let inverse = inverted(matrix.clone()).unwrap();
        for (row, cells) in matrix.iter().enumerate() {
            for column in 0..3 {
                let product: f64 =
                    cells.iter().zip(&inverse).map(|(cell, row)| cell * row[column]).sum();
                let expected = f64::from(u8::from(row == column));
                assert!((product - expected).abs() < 1e-12, "{row} {column}");
            }
        }
        assert!(inverted(vec![vec![1.0, 1.0], vec![1.0, 1.0]]).is_none());
    }

    #[test]
    fn standard_errors_are_the_spread_that_other_draws_show() {
        let m = vec![vec![0.8, 0.15, 0.05], vec![0.9, 0.1], vec![0.7, 0.3]];
        let u = vec![vec![0.05, 0.15, 0.8], vec![0.2, 0.8], vec![0.1, 0.9]];
        let fixed = vec![vec![false; 3], vec![false; 2], vec![false; 2]];
        let start =
            Start { same: 0.2, m: m.clone(), u: u.clone(), fixed_m: fixed.clone(), learn_u: false };
        let (mut drawn, mut said) = (Vec::new(), Vec::new());
        for seed in 0..150 {
            let counts = crate::maximise::tests::drawn_from(seed, 4_000, 0.2, &m, &u);
            let found = maximise(&counts, &start, 500, 1e-8).unwrap();
            said.push(errors_of_m(&counts, found.same, &found.m, &u, &fixed));
            drawn.push(found.m);
        }
        for (comparison, levels) in m.iter().enumerate() {
            for level in 0..levels.len() {
                let values: Vec<f64> = drawn.iter().map(|m| m[comparison][level]).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let spread = (values.iter().map(|value| squared(value - mean)).sum::<f64>()
                    / (values.len() - 1) as f64)
                    .sqrt();
                let said = said.iter().map(|errors| errors[comparison][level]).sum::<f64>()
                    / said.len() as f64;
                assert!(
                    (said / spread - 1.0).abs() < 0.25,
                    "{comparison} {level}: {said} {spread}"
                );
            }
        }
    }
}
