//! Learns a model's parameters without labels.
//!
//! Beside the path: training is an act of its own, and lets out only counts and parameters. The prior comes from
//! deterministic rules and the recall they are thought to have. The u come from random pairs, of which nearly all are
//! two individuals. The m come from expectation maximisation inside the blocks of training rules, each of which teaches
//! the comparisons that share no column with it. It reads no truth and learns no rule by itself.
//!
//! What it takes care of, since each is a known fault elsewhere:
//! - The exact level's u is counted over all pairs, by value, not sampled: identifiers agree too rarely for a sample.
//! - Random pairs hold a few same individuals, who are most of the pairs that agree on an identifier. Their share, the
//!   prior times m, is taken off each u, and the m are learnt again, until nothing moves ([`ROUNDS`] at most).
//! - A level's m from several rules is their expected count of same pairs at that level over all, so each rule counts by
//!   the same pairs it found, not as one vote in a median.
//! - A level that was never seen is given half a pair, so no weight is infinite.
//!
//! Guaranteed: the same records and the same recipe give the same bits, whatever the order of the rows. Random pairs are
//! drawn by the order of the records' values, and patterns are counted before they are summed in their own order.
//!
//! Sources: Dempster, Laird and Rubin, 1977; Winkler, [Using the EM Algorithm for Weight
//! Computation](https://www.census.gov/library/working-papers/2000/adrm/rr2000-05.html), 1988; Jaro, 1989. Sampling u and
//! blocking for m follow Splink's method.

use crate::block::Blocks;
use crate::kin::Kin;
use crate::link::{Detail, score_pairs};
use crate::model::{
    Comparison, Level, MOST_COMPARISONS, Model, Prior, Recipe, TrainingRecord, TrainingSession,
};
use crate::observe::{Session, count_sessions, observe_u};
use crate::one_to_one::settle;
use crate::pattern::Pattern;
use crate::record::Side;
use crate::score::Scorer;
use crate::tables::{NO_VALUE, Tables};
use crate::threshold::{Forecast, from_rule, least_competing};
use crate::{Error, Result};

/// How often u is freed of the same pairs and m learnt again, at most.
pub const ROUNDS: u32 = 10;

/// The least part of an observed u that is left when the same pairs are taken off it.
///
/// The prior is an estimate, and where nearly all pairs that agree are the same ones, the rest is a small difference of
/// two like numbers. An identifier can thus weigh at most log2(100) more than the files bear out.
const LEAST_LEFT: f64 = 0.01;

/// What a level that was never seen counts.
pub(crate) const UNSEEN: f64 = 0.5;

/// Learns the prior, m, u and threshold of a recipe from the tables.
///
/// # Errors
///
/// Named for what is wrong with the data or the rules: [`Error::TooFewRecords`], [`Error::EmptyColumn`],
/// [`Error::EmptyRule`], [`Error::EmptyPrior`], [`Error::ImpossiblePrior`], [`Error::UntrainedComparison`],
/// [`Error::NoSamePairs`], [`Error::ReversedLabels`], [`Error::UnreachablePrecision`]; and those of [`Scorer::new`].
pub fn train(recipe: &Recipe, tables: &Tables) -> Result<Model> {
    tables.check_prepared(recipe.name(), recipe.link(), recipe.columns())?;
    check_records(tables)?;
    check_values(recipe, tables)?;
    let training = recipe.training();
    let (prior, deterministic_pairs) = learn_prior(&training.prior, tables)?;
    let observed = observe_u(recipe, tables)?;
    let sessions = count_sessions(recipe, tables)?;

    let mut u = observed.u.clone();
    let mut learnt = learn_m(recipe, &sessions, &u, prior, tables.all_pairs())?;
    let mut rounds = 1;
    while rounds < ROUNDS {
        let freed =
            free_of_same(recipe.comparisons(), &observed.u, &learnt.m, prior, tables.all_pairs());
        let moved = furthest(&freed, &u);
        u = freed;
        learnt = learn_m(recipe, &sessions, &u, prior, tables.all_pairs())?;
        rounds += 1;
        if moved <= training.convergence {
            break;
        }
    }

    let comparisons = with_parameters(recipe.comparisons(), &learnt.m, &u);
    let unset = recipe.with_parameters(prior, 0.0, comparisons.clone(), None)?;
    let scorer = Scorer::new(&unset, tables)?;
    let blocks = Blocks::new(tables, recipe.rules())?;
    let mut weighed =
        score_pairs(&scorer, &blocks, Detail::Full, least_competing(recipe.threshold()), |_| {})?;
    let kin = Kin::fit(&comparisons, prior, &weighed.patterns_by_rule());
    let forecast = Forecast::new(&weighed.pairs, recipe.one_to_one(), recipe.link(), Some(&kin));
    let kept = settle(tables, recipe.one_to_one(), weighed.pairs).pairs;
    let threshold = from_rule(recipe.threshold(), &forecast.curve(&kept))?;

    let record = TrainingRecord {
        recipe: recipe.digest()?,
        seed: training.seed,
        source_records: u64::from(tables.records(Side::Source)),
        recipient_records: u64::from(tables.records(Side::Recipient)),
        sampled_pairs: observed.sampled_pairs,
        deterministic_pairs,
        rounds,
        threshold_rule: recipe.threshold(),
        expectation: forecast.expectation(threshold, &kept),
        sessions: learnt.sessions,
    };
    recipe.with_parameters(prior, threshold, comparisons, Some(record))
}

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
    let all: f64 = counts.iter().map(|(_, count)| *count as f64).sum();
    if all == 0.0 {
        return Err(Error::NoPairs);
    }
    let zeros: Vec<Vec<f64>> = start.m.iter().map(|levels| vec![0.0; levels.len()]).collect();
    let (mut same, mut m, mut u) = (start.same, start.m.clone(), start.u.clone());
    let (mut same_at, mut converged, mut iteration) = (zeros.clone(), false, 0);
    while iteration < iterations && !converged {
        iteration += 1;
        let prior = (same / (1.0 - same)).ln();
        let logs: Vec<Vec<f64>> = m
            .iter()
            .zip(&u)
            .map(|(m, u)| m.iter().zip(u).map(|(m, u)| m.ln() - u.ln()).collect())
            .collect();
        same_at.clone_from(&zeros);
        let mut different_at = zeros.clone();
        let mut all_same = 0.0;
        for (pattern, count) in counts {
            let mut odds = prior;
            for (comparison, logs) in logs.iter().enumerate() {
                if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                    odds += logs[level];
                }
            }
            let chance = if odds >= 0.0 {
                1.0 / (1.0 + (-odds).exp())
            } else {
                odds.exp() / (1.0 + odds.exp())
            };
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
    }
    Ok(Estimate { same, m, u, same_at, iterations: iteration, converged })
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

fn furthest(now: &[Vec<f64>], before: &[Vec<f64>]) -> f64 {
    now.iter().zip(before).map(|(one, other)| furthest_of(one, other)).fold(0.0, f64::max)
}

fn check_records(tables: &Tables) -> Result<()> {
    let needed = 2;
    for side in [Side::Source, Side::Recipient] {
        let rows = tables.records(side) as usize;
        if rows < needed {
            return Err(Error::TooFewRecords { side, rows, needed });
        }
    }
    Ok(())
}

fn check_values(recipe: &Recipe, tables: &Tables) -> Result<()> {
    for comparison in recipe.comparisons() {
        let column = tables
            .column_index(&format!("comparison `{}`", comparison.name), &comparison.column)?;
        for side in [Side::Source, Side::Recipient] {
            if tables.codes(column, side).iter().all(|code| *code == NO_VALUE) {
                let (column, comparison) = (comparison.column.clone(), comparison.name.clone());
                return Err(Error::EmptyColumn { side, column, comparison });
            }
        }
    }
    Ok(())
}

fn learn_prior(prior: &Prior, tables: &Tables) -> Result<(f64, Option<u64>)> {
    match prior {
        Prior::Stated(prior) => Ok((*prior, None)),
        Prior::Deterministic { rules, recall } => {
            let counts = Blocks::new(tables, rules)?.counts();
            let pairs = counts.last().map_or(0, |rule| rule.cumulative_pairs);
            let all = tables.all_pairs();
            let prior = pairs as f64 / recall / all as f64;
            if pairs == 0 {
                Err(Error::EmptyPrior)
            } else if prior >= 1.0 {
                Err(Error::ImpossiblePrior { pairs, all, recall: *recall })
            } else {
                Ok((prior, Some(pairs)))
            }
        }
    }
}

/// Puts in the probabilities that the recipe fixes, the others sharing what is left.
pub(crate) fn fix(shares: &mut [f64], comparison: &Comparison, stated: fn(&Level) -> Option<f64>) {
    let fixed: Vec<Option<f64>> = comparison.levels.iter().map(stated).collect();
    let taken: f64 = fixed.iter().flatten().sum();
    let free: f64 = shares
        .iter()
        .zip(&fixed)
        .filter(|(_, fixed)| fixed.is_none())
        .map(|(share, _)| share)
        .sum();
    for (share, fixed) in shares.iter_mut().zip(&fixed) {
        *share = match fixed {
            Some(stated) => *stated,
            None => ((1.0 - taken).max(1e-12) * *share / free).max(1e-300),
        };
    }
}

/// Takes off each u what the same pairs among the random ones brought to it.
fn free_of_same(
    comparisons: &[Comparison],
    observed: &[Vec<f64>],
    m: &[Vec<f64>],
    prior: f64,
    all_pairs: u64,
) -> Vec<Vec<f64>> {
    let least = UNSEEN / all_pairs as f64;
    let one = |((comparison, observed), m): ((&Comparison, &Vec<f64>), &Vec<f64>)| {
        let freed = observed.iter().zip(m).map(|(seen, m)| {
            let rest = (seen - prior * m) / (1.0 - prior);
            rest.max(seen * LEAST_LEFT).max(least)
        });
        let mut u: Vec<f64> = freed.collect();
        let all: f64 = u.iter().sum();
        for share in &mut u {
            *share /= all;
        }
        fix(&mut u, comparison, |level| level.u);
        u
    };
    comparisons.iter().zip(observed).zip(m).map(one).collect()
}

/// The m of every comparison, and how each session went.
struct Learnt {
    m: Vec<Vec<f64>>,
    sessions: Vec<TrainingSession>,
}

fn learn_m(
    recipe: &Recipe,
    sessions: &[Session],
    u: &[Vec<f64>],
    prior: f64,
    all_pairs: u64,
) -> Result<Learnt> {
    let comparisons = recipe.comparisons();
    let training = recipe.training();
    debug_assert!(comparisons.len() <= MOST_COMPARISONS, "the recipe allows no more");
    let first_m: Vec<Vec<f64>> = comparisons.iter().map(first_guess).collect();
    let fixed_m =
        |comparison: &Comparison| comparison.levels.iter().map(|level| level.m.is_some()).collect();
    let mut same_at: Vec<Vec<f64>> = first_m.iter().map(|levels| vec![0.0; levels.len()]).collect();
    let mut records = Vec::new();
    for session in sessions {
        let start = Start {
            // Most of the same pairs there are, among the pairs of this rule.
            same: (0.8 * prior * all_pairs as f64 / session.pairs as f64).clamp(1e-4, 0.9),
            m: first_m.clone(),
            u: u.to_vec(),
            fixed_m: comparisons.iter().map(fixed_m).collect(),
            learn_u: false,
        };
        let estimate =
            maximise(&session.counts, &start, training.iterations, training.convergence)?;
        check_estimate(session, &estimate, comparisons)?;
        for (index, counts) in
            estimate.same_at.iter().enumerate().filter(|(index, _)| session.taught[*index])
        {
            for (sum, count) in same_at[index].iter_mut().zip(counts) {
                *sum += count;
            }
        }
        records.push(TrainingSession {
            rule: session.label.clone(),
            pairs: session.pairs,
            patterns: session.counts.len() as u64,
            iterations: estimate.iterations,
            converged: estimate.converged,
            same: estimate.same,
            comparisons: comparisons
                .iter()
                .zip(&session.taught)
                .filter(|(_, taught)| **taught)
                .map(|(comparison, _)| comparison.name.clone())
                .collect(),
        });
    }
    let pooled = comparisons.iter().zip(&same_at).map(|(comparison, counts)| {
        let counts: Vec<f64> = counts.iter().map(|count| count.max(UNSEEN)).collect();
        let all: f64 = counts.iter().sum();
        let mut m: Vec<f64> = counts.iter().map(|count| count / all).collect();
        fix(&mut m, comparison, |level| level.m);
        m
    });
    Ok(Learnt { m: pooled.collect(), sessions: records })
}

/// Where the m begin: the closer the level, the likelier among the same.
fn first_guess(comparison: &Comparison) -> Vec<f64> {
    let count = comparison.levels.len();
    let mut m = vec![0.2 / (count - 1) as f64; count];
    m[0] = 0.8;
    fix(&mut m, comparison, |level| level.m);
    m
}

fn check_estimate(
    session: &Session,
    estimate: &Estimate,
    comparisons: &[Comparison],
) -> Result<()> {
    if estimate.same * (session.pairs as f64) < 1.0 {
        return Err(Error::NoSamePairs { rule: session.label.clone() });
    }
    // The else level is the one of unlike values. It must be rarer among the same than among the different.
    let taught =
        || session.taught.iter().enumerate().filter(|(_, taught)| **taught).map(|(index, _)| index);
    let reversed = taught().filter(|index| {
        let last = comparisons[*index].levels.len() - 1;
        estimate.m[*index][last] > estimate.u[*index][last]
    });
    if 2 * reversed.count() > taught().count() {
        return Err(Error::ReversedLabels { rule: session.label.clone() });
    }
    Ok(())
}

fn with_parameters(comparisons: &[Comparison], m: &[Vec<f64>], u: &[Vec<f64>]) -> Vec<Comparison> {
    let mut with = comparisons.to_vec();
    for ((comparison, m), u) in with.iter_mut().zip(m).zip(u) {
        for ((level, m), u) in comparison.levels.iter_mut().zip(m).zip(u) {
            (level.m, level.u) = (Some(*m), Some(*u));
        }
    }
    with
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashMap;

    use super::*;
    use crate::link::sorted;
    use crate::random::Dice;

    /// Counts patterns of three comparisons drawn from known parameters, a value missing one time in ten.
    fn drawn(pairs: u32, same: f64, m: &[Vec<f64>], u: &[Vec<f64>]) -> Vec<(Pattern, u64)> {
        let mut dice = Dice::new(20_261_122);
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

    #[test]
    fn no_counts_teach_nothing() {
        let start = Start { same: 0.5, m: vec![], u: vec![], fixed_m: vec![], learn_u: false };
        assert!(matches!(maximise(&[], &start, 10, 0.1), Err(Error::NoPairs)));
    }
}
