//! The third class: pairs of two individuals who are no strangers to each other.
//!
//! Beside the path, where the threshold is set and precision is expected. Two classes, the same individual and strangers,
//! overrate the pairs in between: people of one household share a home and often a surname, and those facts come
//! together, while the weight adds them up as if each were news. Here a class of its own is fitted to the counts of
//! patterns, m and u being held where training put them, and what falls to it is taken off what is expected to be right.
//! Left free, the three classes wander; that is why two of them are held.
//!
//! It changes no weight: an explanation stays the plain sum that it is. It only makes the expectation humbler.
//! Not only households fall to it, but whatever shares several columns at once, such as twins and namesakes.
//!
//! A latent class model with dependence in its simplest form: Winkler, [Improved Decision Rules in the Fellegi–Sunter
//! Model](https://www.census.gov/library/working-papers/1993/adrm/rr93-12.html), 1993.

use crate::model::Comparison;
use crate::pattern::Pattern;

/// How often fitting goes round at most.
const ITERATIONS: u32 = 1_000;

/// Fitting stops once no share and no probability moved by more than this.
const CONVERGENCE: f64 = 1e-7;

/// The class of kin: its size beside that of the same, and its levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Kin {
    /// How many pairs of kin there are for each pair of the same individual, among the blocked pairs.
    pub for_each_same: f64,
    /// The probability of each level given kin, by comparison, the null level left out.
    pub levels: Vec<Vec<f64>>,
    /// The m, which stayed what they were.
    m: Vec<Vec<f64>>,
}

impl Kin {
    /// Fits the class to the counts of patterns among the blocked pairs; none where there is nothing to fit.
    pub fn fit(
        comparisons: &[Comparison],
        prior: f64,
        patterns: &[(Pattern, u64)],
    ) -> Option<Self> {
        let m = parameters(comparisons, |level| level.m);
        let u = parameters(comparisons, |level| level.u);
        let all: f64 = patterns.iter().map(|(_, count)| *count as f64).sum();
        // By two classes first: whoever isn't the same is where the third class is looked for.
        let prior_odds = prior / (1.0 - prior);
        let mut levels: Vec<Vec<f64>> = m.iter().map(|levels| vec![0.0; levels.len()]).collect();
        let mut unlike = 0.0;
        for (pattern, count) in patterns {
            let odds = prior_odds * (log_chance(*pattern, &m) - log_chance(*pattern, &u)).exp();
            let here = *count as f64 / (1.0 + odds);
            unlike += here;
            add(&mut levels, *pattern, here);
        }
        if unlike < 1.0 || unlike >= all {
            return None;
        }
        for counts in &mut levels {
            share_out(counts);
        }
        let (mut same, mut kin) = ((all - unlike) / all, unlike / all / 2.0);
        for _ in 0..ITERATIONS {
            let stranger = (1.0 - same - kin).max(1e-12);
            let mut next = m.iter().map(|levels| vec![0.0; levels.len()]).collect::<Vec<_>>();
            let (mut all_same, mut all_kin) = (0.0, 0.0);
            for (pattern, count) in patterns {
                let logs = [
                    same.ln() + log_chance(*pattern, &m),
                    kin.ln() + log_chance(*pattern, &levels),
                    stranger.ln() + log_chance(*pattern, &u),
                ];
                // Taken from the largest, so that none of the three overflows.
                let most = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
                let chances = logs.map(|log| (log - most).exp());
                let part = *count as f64 / chances.iter().sum::<f64>();
                all_same += part * chances[0];
                all_kin += part * chances[1];
                add(&mut next, *pattern, part * chances[1]);
            }
            for counts in &mut next {
                share_out(counts);
            }
            let moved = next
                .iter()
                .flatten()
                .zip(levels.iter().flatten())
                .map(|(now, then)| (now - then).abs());
            let moved = moved
                .fold((all_kin / all - kin).abs().max((all_same / all - same).abs()), f64::max);
            levels = next;
            (same, kin) = ((all_same / all).max(1e-12), (all_kin / all).max(1e-12));
            if moved <= CONVERGENCE {
                break;
            }
        }
        Some(Self { for_each_same: kin / same, levels, m })
    }

    /// Returns the odds that a pair of this pattern is kin rather than the same individual.
    pub fn odds(&self, pattern: Pattern) -> f64 {
        self.for_each_same
            * (log_chance(pattern, &self.levels) - log_chance(pattern, &self.m)).exp()
    }
}

fn parameters(
    comparisons: &[Comparison],
    take: fn(&crate::model::Level) -> Option<f64>,
) -> Vec<Vec<f64>> {
    let of = |comparison: &Comparison| {
        comparison.levels.iter().map(|level| take(level).unwrap_or(1.0)).collect()
    };
    comparisons.iter().map(of).collect()
}

/// The natural logarithm of a pattern's probability; null levels say nothing.
fn log_chance(pattern: Pattern, levels: &[Vec<f64>]) -> f64 {
    let of = |(index, levels): (usize, &Vec<f64>)| match usize::from(pattern.level(index))
        .checked_sub(1)
    {
        None => 0.0,
        Some(level) => levels[level].ln(),
    };
    levels.iter().enumerate().map(of).sum()
}

fn add(counts: &mut [Vec<f64>], pattern: Pattern, amount: f64) {
    for (index, counts) in counts.iter_mut().enumerate() {
        if let Some(level) = usize::from(pattern.level(index)).checked_sub(1) {
            counts[level] += amount;
        }
    }
}

/// Makes probabilities of counts; a level that was never seen is given half a pair.
fn share_out(counts: &mut [f64]) {
    for count in counts.iter_mut() {
        *count = count.max(0.5);
    }
    let all: f64 = counts.iter().sum();
    for count in counts {
        *count /= all;
    }
}
