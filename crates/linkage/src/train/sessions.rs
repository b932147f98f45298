//! What the sessions of training teach: the m of every comparison, with their errors and how each session went.
//!
//! A part of training, between what was counted and the model. A session is expectation maximisation over the patterns in
//! the blocks of one training rule; a level's m from several is their expected count of same pairs at that level over all.

use super::{UNSEEN, fix};
use crate::elementary::squared;
use crate::maximise::{Estimate, Round, Start, maximise_beside};
use crate::model::{Comparison, MOST_COMPARISONS, Recipe, TrainingRound, TrainingSession};
use crate::observe::Session;
use crate::uncertainty::errors_of_m_beside;
use crate::{Error, Result};

/// The m of every comparison, and how each session went.
pub(super) struct Learnt {
    pub(super) m: Vec<Vec<f64>>,
    pub(super) errors: Vec<Vec<f64>>,
    pub(super) sessions: Vec<TrainingSession>,
}

/// Learns m in the blocks of each training rule, by the u and the prior as they are thought to be, and pools them.
pub(super) fn learn_m(
    recipe: &Recipe,
    sessions: &[Session],
    u: &[Vec<f64>],
    prior: f64,
    all_pairs: u64,
) -> Result<Learnt> {
    let comparisons = recipe.comparisons();
    let training = recipe.training();
    debug_assert!(comparisons.len() <= MOST_COMPARISONS, "the recipe allows no more");
    let first_m = first_guesses(recipe);
    let fixed_m =
        |comparison: &Comparison| comparison.levels.iter().map(|level| level.m.is_some()).collect();
    let mut same_at: Vec<Vec<f64>> = first_m.iter().map(|levels| vec![0.0; levels.len()]).collect();
    let mut variances = same_at.clone();
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
        let besides = session.frequencies.as_ref().map(|told| told.besides(&session.counts, u));
        let besides = besides.unwrap_or_default();
        let estimate = maximise_beside(
            &session.counts,
            &besides,
            &start,
            training.iterations,
            training.convergence,
        )?;
        check_estimate(session, &estimate, comparisons)?;
        let errors = errors_of_m_beside(
            &session.counts,
            &besides,
            estimate.same,
            (&estimate.m, u),
            &start.fixed_m,
        );
        for (index, counts) in
            estimate.same_at.iter().enumerate().filter(|(index, _)| session.taught[*index])
        {
            // A sample's pairs count for all that the rule makes, and its errors stay a sample's.
            let each = session.each();
            for (sum, count) in same_at[index].iter_mut().zip(counts) {
                *sum += each * count;
            }
            // Pooled by the same pairs that each session found, so variances by their squares.
            let found = each * counts.iter().sum::<f64>();
            for (sum, error) in variances[index].iter_mut().zip(&errors[index]) {
                *sum += squared(found * error);
            }
        }
        records.push(TrainingSession {
            rule: session.label.clone(),
            pairs: session.pairs,
            patterns: session.counts.chunk_by(|one, other| one.0 == other.0).count() as u64,
            iterations: estimate.iterations,
            converged: estimate.converged,
            same: estimate.same,
            comparisons: comparisons
                .iter()
                .zip(&session.taught)
                .filter(|(_, taught)| **taught)
                .map(|(comparison, _)| comparison.name.clone())
                .collect(),
            history: told(&estimate.history, &session.taught),
        });
    }
    let pooled = comparisons.iter().zip(&same_at).map(|(comparison, counts)| {
        let counts: Vec<f64> = counts.iter().map(|count| count.max(UNSEEN)).collect();
        let all: f64 = counts.iter().sum();
        let mut m: Vec<f64> = counts.iter().map(|count| count / all).collect();
        fix(&mut m, comparison, |level| level.m);
        m
    });
    let mut m: Vec<Vec<f64>> = pooled.collect();
    if training.monotone {
        for ((m, u), comparison) in m.iter_mut().zip(u).zip(comparisons) {
            if comparison.levels.iter().all(|level| level.m.is_none()) {
                make_monotone(m, u);
            }
        }
    }
    let errors = variances.iter().zip(&same_at).map(|(variances, counts)| {
        let all: f64 = counts.iter().sum::<f64>().max(UNSEEN);
        variances.iter().map(|variance| variance.sqrt() / all).collect()
    });
    Ok(Learnt { m, errors: errors.collect(), sessions: records })
}

/// Chooses the rounds that the record keeps: 1, 2, 3, 5, 8 and so on, and the last, of the comparisons that were taught.
fn told(history: &[Round], taught: &[bool]) -> Vec<TrainingRound> {
    let mut places = std::iter::successors(Some((1, 2)), |(one, next)| Some((*next, one + next)))
        .map(|(place, _)| place)
        .take_while(|place| *place < history.len())
        .collect::<Vec<_>>();
    places.extend((!history.is_empty()).then_some(history.len()));
    let of = |place: usize| {
        let round = &history[place - 1];
        let own = round.m.iter().zip(taught).filter(|(_, taught)| **taught);
        TrainingRound {
            round: u32::try_from(place).unwrap_or(u32::MAX),
            same: round.same,
            m: own.map(|(levels, _)| levels.clone()).collect(),
        }
    };
    places.into_iter().map(of).collect()
}

/// Makes m/u fall in the order of the levels, as near as may be: neighbours that rise share one quotient.
///
/// It is the most likely m of those that fall: Robertson, Wright and Dykstra, *Order Restricted Statistical Inference*,
/// 1988, §1.5. The sum stays what it is.
fn make_monotone(m: &mut [f64], u: &[f64]) {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (m, u) in m.iter().zip(u) {
        pools.push((*m, *u, 1));
        while let [.., left, right] = pools.as_slice() {
            if left.0 * right.1 >= right.0 * left.1 {
                break;
            }
            let joined = (left.0 + right.0, left.1 + right.1, left.2 + right.2);
            pools.truncate(pools.len() - 2);
            pools.push(joined);
        }
    }
    let quotients = pools.into_iter().flat_map(|(m, u, count)| std::iter::repeat_n(m / u, count));
    for ((m, u), quotient) in m.iter_mut().zip(u).zip(quotients) {
        *m = u * quotient;
    }
}

/// Where the m of every comparison begin.
pub(crate) fn first_guesses(recipe: &Recipe) -> Vec<Vec<f64>> {
    recipe.comparisons().iter().map(first_guess).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closer_level_weighs_no_less_once_m_is_monotone() {
        let u = [0.01, 0.04, 0.05, 0.9];
        let mut m = [0.6, 0.05, 0.25, 0.1];
        make_monotone(&mut m, &u);
        assert!((m.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(
            m.iter().zip(&u).map(|(m, u)| m / u).is_sorted_by(|one, next| one >= &(next - 1e-12))
        );
        // What was in order stays, and what was not shares one quotient.
        assert!((m[0] - 0.6).abs() < 1e-12 && (m[3] - 0.1).abs() < 1e-12);
        assert!((m[1] / 0.04 - m[2] / 0.05).abs() < 1e-9);
    }
}
