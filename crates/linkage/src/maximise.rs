//! Expectation maximisation over the counts of patterns: the share of same pairs and their m, and u if wished.
//!
//! A part of training, once for each training rule. It costs patterns and not pairs, takes no label and draws no chance.
//! What its answer is good for, `train` judges.
//!
//! Sources: Dempster, Laird and Rubin, 1977; Winkler, [Using the EM Algorithm for Weight
//! Computation](https://www.census.gov/library/working-papers/2000/adrm/rr2000-05.html), 1988.

use crate::elementary::{exp, ln};
use crate::pattern::Pattern;
use crate::{Error, Result};

/// What expectation maximisation begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The share of pairs that are the same individual.
    pub same: f64,
    /// m by comparison and level, the null level left out.
    pub m: Vec<Vec<f64>>,
    /// u by comparison and level.
    pub u: Vec<Vec<f64>>,
    /// By comparison and level, the m that stay what they are.
    pub fixed_m: Vec<Vec<bool>>,
    /// Whether u is learnt too.
    pub learn_u: bool,
}

/// What expectation maximisation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The share of pairs that are the same individual.
    pub same: f64,
    /// m by comparison and level.
    pub m: Vec<Vec<f64>>,
    /// u by comparison and level.
    pub u: Vec<Vec<f64>>,
    /// How many same pairs are expected at each level.
    pub same_at: Vec<Vec<f64>>,
    /// How often it went round.
    pub iterations: u32,
    /// Whether it came to rest.
    pub converged: bool,
    /// What it had after each time it went round.
    pub history: Vec<Round>,
}

/// What expectation maximisation had after it went round once more.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// The share of pairs that are the same individual.
    pub same: f64,
    /// m by comparison and level.
    pub m: Vec<Vec<f64>>,
}

/// Estimates the share of same pairs and their m, and u if wished, from the counts of patterns.
///
/// A null level is no evidence, in either class: that comparison is left out of the pair.
///
/// # Errors
///
/// [`Error::NoPairs`] for no counts.
pub fn maximise(
    counts: &[(Pattern, u64)],
    start: &Start,
    iterations: u32,
    convergence: f64,
) -> Result<Estimate> {
    maximise_beside(counts, &[], start, iterations, convergence)
}

/// Does the same where each count has evidence besides its pattern: the natural logarithm of how much likelier it is
/// among the same than among the different. Nothing is as likely in either, where there is none.
///
/// # Errors
///
/// The same as [`maximise`].
pub fn maximise_beside(
    counts: &[(Pattern, u64)],
    besides: &[f64],
    start: &Start,
    iterations: u32,
    convergence: f64,
) -> Result<Estimate> {
    let all: f64 = counts.iter().map(|(_, count)| *count as f64).sum();
    if all == 0.0 {
        return Err(Error::NoPairs);
    }
    let zeros: Vec<Vec<f64>> = start.m.iter().map(|levels| vec![0.0; levels.len()]).collect();
    let (mut same, mut m, mut u) = (start.same, start.m.clone(), start.u.clone());
    let (mut same_at, mut converged, mut iteration) = (zeros.clone(), false, 0);
    let mut history = Vec::new();
    while iteration < iterations && !converged {
        iteration += 1;
        let prior = ln(same / (1.0 - same));
        let logs: Vec<Vec<f64>> = m
            .iter()
            .zip(&u)
            .map(|(m, u)| m.iter().zip(u).map(|(m, u)| ln(*m) - ln(*u)).collect())
            .collect();
        same_at.clone_from(&zeros);
        let mut different_at = zeros.clone();
        let mut all_same = 0.0;
        for (index, (pattern, count)) in counts.iter().enumerate() {
            let mut odds = prior + besides.get(index).copied().unwrap_or(0.0);
            for (comparison, logs) in logs.iter().enumerate() {
                if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                    odds += logs[level];
                }
            }
            let chance =
                if odds >= 0.0 { 1.0 / (1.0 + exp(-odds)) } else { exp(odds) / (1.0 + exp(odds)) };
            let (count, here) = (*count as f64, *count as f64 * chance);
            all_same += here;
            for comparison in 0..logs.len() {
                if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                    same_at[comparison][level] += here;
                    different_at[comparison][level] += count - here;
                }
            }
        }
        // Neither class may vanish, or its parameters would be a quotient of nothing.
        let next_same = (all_same / all).clamp(1e-12, 1.0 - 1e-12);
        let mut moved = (next_same - same).abs();
        same = next_same;
        for comparison in 0..m.len() {
            let next = shared_out(&same_at[comparison], &m[comparison], &start.fixed_m[comparison]);
            moved = moved.max(furthest_of(&next, &m[comparison]));
            m[comparison] = next;
            if start.learn_u {
                let free = vec![false; u[comparison].len()];
                let next = shared_out(&different_at[comparison], &u[comparison], &free);
                moved = moved.max(furthest_of(&next, &u[comparison]));
                u[comparison] = next;
            }
        }
        converged = moved <= convergence;
        history.push(Round { same, m: m.clone() });
    }
    Ok(Estimate { same, m, u, same_at, iterations: iteration, converged, history })
}

/// Makes probabilities of counts, those of fixed levels staying what they are.
fn shared_out(counts: &[f64], before: &[f64], fixed: &[bool]) -> Vec<f64> {
    let free_share = 1.0
        - before
            .iter()
            .zip(fixed)
            .filter(|(_, fixed)| **fixed)
            .map(|(share, _)| share)
            .sum::<f64>();
    let free_count: f64 =
        counts.iter().zip(fixed).filter(|(_, fixed)| !**fixed).map(|(count, _)| count).sum();
    if free_count <= 0.0 {
        return before.to_vec();
    }
    // A probability of nothing would have no logarithm.
    let share = |count: f64| (free_share.max(0.0) * count / free_count).max(1e-300);
    let one = |((count, before), fixed): ((&f64, &f64), &bool)| {
        if *fixed { *before } else { share(*count) }
    };
    counts.iter().zip(before).zip(fixed).map(one).collect()
}

fn furthest_of(now: &[f64], before: &[f64]) -> f64 {
    now.iter().zip(before).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

pub(crate) fn furthest(now: &[Vec<f64>], before: &[Vec<f64>]) -> f64 {
    now.iter().zip(before).map(|(one, other)| furthest_of(one, other)).fold(0.0, f64::max)
}

#[cfg(test)]
pub(crate) mod tests {
    use rustc_hash::FxHashMap;

    use super::*;
    use crate::link::sorted;
    use crate::random::Dice;

    /// Counts patterns of three comparisons drawn from known parameters, a value missing one time in ten.
    fn drawn(pairs: u32, same: f64, m: &[Vec<f64>], u: &[Vec<f64>]) -> Vec<(Pattern, u64)> {
        drawn_from(20_261_122, pairs, same, m, u)
    }

    /// The same from a seed.
    pub(crate) fn drawn_from(
        seed: u64,
        pairs: u32,
        same: f64,
        m: &[Vec<f64>],
        u: &[Vec<f64>],
    ) -> Vec<(Pattern, u64)> {
        let mut dice = Dice::new(seed);
        let mut counts: FxHashMap<Pattern, u64> = FxHashMap::default();
        for _ in 0..pairs {
            let shares = if dice.chance(same) { m } else { u };
            let mut pattern = Pattern::default();
            for (comparison, levels) in shares.iter().enumerate() {
                let mut at = dice.share();
                let level = levels.iter().position(|share| {
                    at -= share;
                    at < 0.0
                });
                if !dice.chance(0.1) {
                    let level = level.unwrap_or(levels.len() - 1);
                    pattern = pattern.with(comparison, u8::try_from(level).unwrap() + 1);
                }
            }
            *counts.entry(pattern).or_insert(0) += 1;
        }
        sorted(counts)
    }

    #[test]
    fn the_m_and_u_that_made_the_patterns_come_back_from_their_counts() {
        let m = vec![vec![0.8, 0.15, 0.05], vec![0.9, 0.1], vec![0.7, 0.3]];
        let u = vec![vec![0.02, 0.08, 0.9], vec![0.1, 0.9], vec![0.05, 0.95]];
        let counts = drawn(400_000, 0.2, &m, &u);
        for learn_u in [false, true] {
            let start = Start {
                same: 0.05,
                m: vec![vec![0.6, 0.2, 0.2], vec![0.6, 0.4], vec![0.6, 0.4]],
                u: if learn_u {
                    vec![vec![0.1, 0.3, 0.6], vec![0.3, 0.7], vec![0.3, 0.7]]
                } else {
                    u.clone()
                },
                fixed_m: vec![vec![false; 3], vec![false; 2], vec![false; 2]],
                learn_u,
            };
            let estimate = maximise(&counts, &start, 2_000, 1e-9).unwrap();
            assert!(estimate.converged);
            assert!((estimate.same - 0.2).abs() < 0.005, "{estimate:?}");
            assert!(furthest(&estimate.m, &m) < 0.01, "{estimate:?}");
            assert!(furthest(&estimate.u, &u) < 0.01, "{estimate:?}");
        }
    }

    #[test]
    fn a_fixed_m_stays_and_the_others_share_what_is_left() {
        let m = vec![vec![0.8, 0.15, 0.05], vec![0.9, 0.1], vec![0.7, 0.3]];
        let u = vec![vec![0.02, 0.08, 0.9], vec![0.1, 0.9], vec![0.05, 0.95]];
        let start = Start {
            same: 0.2,
            m: vec![vec![0.5, 0.3, 0.2], vec![0.6, 0.4], vec![0.6, 0.4]],
            u: u.clone(),
            fixed_m: vec![vec![true, false, false], vec![false; 2], vec![false; 2]],
            learn_u: false,
        };
        let estimate = maximise(&drawn(10_000, 0.2, &m, &u), &start, 500, 1e-9).unwrap();
        assert_eq!(estimate.m[0][0].to_bits(), 0.5f64.to_bits());
        assert!((estimate.m[0].iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    /// Pairs that agree on one of many values, or not, in which a value is as common as its place says.
    fn valued(seed: u64, pairs: u32, same: f64, m: f64, common: &[f64]) -> Vec<(Pattern, f64)> {
        let mut dice = Dice::new(seed);
        let draw = |dice: &mut Dice| {
            let mut at = dice.share();
            let value = common.iter().position(|share| {
                at -= share;
                at < 0.0
            });
            value.unwrap_or(common.len() - 1)
        };
        let pair = |_| {
            let one = draw(&mut dice);
            let agrees = dice.chance(m);
            let other = if dice.chance(same) && agrees { one } else { draw(&mut dice) };
            let level = if one == other { 1 } else { 2 };
            let besides = if one == other { common[one] } else { 1.0 };
            (Pattern::new(&[level]), besides)
        };
        (0..pairs).map(pair).collect()
    }

    /// One step of expectation maximisation, pair by pair, as it is defined.
    fn plainly(pairs: &[(Pattern, f64)], same: f64, m: &[f64], u: &[f64]) -> (f64, Vec<f64>) {
        let (mut all, mut at) = (0.0, vec![0.0; m.len()]);
        for (pattern, common) in pairs {
            let level = usize::from(pattern.level(0)) - 1;
            // The chance of this very value among the different, and not of any that is equal.
            let different = if level == 0 { *common } else { u[level] };
            let likely = same * m[level];
            let chance = likely / (likely + (1.0 - same) * different);
            all += chance;
            at[level] += chance;
        }
        let found: f64 = at.iter().sum();
        (all / pairs.len() as f64, at.into_iter().map(|count| count / found).collect())
    }

    #[test]
    fn evidence_besides_patterns_gives_what_going_through_pairs_gives() {
        let common = [0.4, 0.2, 0.2, 0.1, 0.05, 0.03, 0.01, 0.01];
        let u = common.iter().map(|share| share * share).sum::<f64>();
        let u = vec![u, 1.0 - u];
        let pairs = valued(7, 20_000, 0.3, 0.9, &common);
        let (mut same, mut m) = (0.1, vec![0.6, 0.4]);
        for _ in 0..40 {
            (same, m) = plainly(&pairs, same, &m, &u);
        }
        let counts: Vec<(Pattern, u64)> = pairs.iter().map(|(pattern, _)| (*pattern, 1)).collect();
        let besides: Vec<f64> = pairs
            .iter()
            .map(|(pattern, common)| match pattern.level(0) {
                1 => ln(u[0] / common),
                _ => 0.0,
            })
            .collect();
        let start = Start {
            same: 0.1,
            m: vec![vec![0.6, 0.4]],
            u: vec![u],
            fixed_m: vec![vec![false; 2]],
            learn_u: false,
        };
        let estimate = maximise_beside(&counts, &besides, &start, 40, 1e-300).unwrap();
        assert!((estimate.same - same).abs() < 1e-9, "{estimate:?} {same}");
        assert!((estimate.m[0][0] - m[0]).abs() < 1e-9, "{estimate:?} {m:?}");
        // Without it, the same pairs say something else.
        let without = maximise(&counts, &start, 40, 1e-300).unwrap();
        assert!((without.same - same).abs() > 1e-4, "{without:?} {same}");
    }

    #[test]
    fn no_counts_teach_nothing() {
        let start = Start { same: 0.5, m: vec![], u: vec![], fixed_m: vec![], learn_u: false };
        assert!(matches!(maximise(&[], &start, 10, 0.1), Err(Error::NoPairs)));
    }
}
