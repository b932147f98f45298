//! The classes between: pairs of two individuals who are no strangers to each other.
//!
//! Beside the path, where the threshold is set and precision is expected. Two classes, the same individual and strangers,
//! overrate the pairs in between: people of one household share a home and often a surname, and those facts come
//! together, while the weight adds them up as if each were news. Here classes of their own, one for each rule that makes
//! unlike pairs, are fitted to the counts of patterns, m and u being held where training put them, and what falls to them
//! is taken off what is expected to be right. Left free, the two would wander; that is why they are held.
//!
//! It changes no weight: an explanation stays the plain sum that it is. It only makes the expectation humbler.
//! Not only households fall to it, but whatever shares several columns at once, such as twins and namesakes.
//!
//! A latent class model with dependence in its simplest form: Winkler, [Improved Decision Rules in the Fellegi–Sunter
//! Model](https://www.census.gov/library/working-papers/1993/adrm/rr93-12.html), 1993.

use std::collections::BTreeMap;

use crate::model::Comparison;
use crate::pattern::Pattern;

/// How often fitting goes round at most.
const ITERATIONS: u32 = 1_000;

/// The fewest unlike pairs of a rule that have a class of their own.
const LEAST_PAIRS: f64 = 200.0;

/// The fewest that the rules with fewer have together.
const LEAST_TOGETHER: f64 = 20.0;

/// What a class is left with at least, so that it has a logarithm.
const LEAST_SHARE: f64 = 1e-12;

/// Fitting stops once no share and no probability moved by more than this.
const CONVERGENCE: f64 = 1e-7;

/// The classes of pairs that are neither the same individual nor strangers: their sizes and their levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Kin {
    /// One class for each rule that makes unlike pairs: what shares a block differs from rule to rule.
    pub classes: Vec<KinClass>,
    /// The m, which stayed what they were.
    m: Vec<Vec<f64>>,
}

/// One class of kin.
#[derive(Clone, Debug, PartialEq)]
pub struct KinClass {
    /// How many pairs of it there are for each pair of the same individual, among the blocked pairs.
    pub for_each_same: f64,
    /// The probability of each level given this class, by comparison, the null level left out.
    pub levels: Vec<Vec<f64>>,
}

impl Kin {
    /// Fits the classes to the counts of patterns among the blocked pairs, by the rule that made them first.
    ///
    /// A class begins as the pairs of one rule that two classes alone would call different.
    pub fn fit(comparisons: &[Comparison], prior: f64, rules: &[Vec<(Pattern, u64)>]) -> Self {
        let m = parameters(comparisons, |level| level.m);
        let u = parameters(comparisons, |level| level.u);
        let empty: Vec<Vec<f64>> = m.iter().map(|levels| vec![0.0; levels.len()]).collect();
        let prior_odds = prior / (1.0 - prior);
        let mut counts: BTreeMap<Pattern, f64> = BTreeMap::new();
        let (mut all, mut all_unlike) = (0.0, 0.0);
        let mut classes: Vec<Class> = Vec::new();
        let mut few = Class { share: 0.0, levels: empty.clone() };
        for patterns in rules {
            let mut class = Class { share: 0.0, levels: empty.clone() };
            for (pattern, count) in patterns {
                let odds = prior_odds * (log_chance(*pattern, &m) - log_chance(*pattern, &u)).exp();
                let (count, unlike) = (*count as f64, *count as f64 / (1.0 + odds));
                *counts.entry(*pattern).or_insert(0.0) += count;
                all += count;
                class.share += unlike;
                add(&mut class.levels, *pattern, unlike);
            }
            all_unlike += class.share;
            // A class of few pairs would be free enough to take the same ones for its own, so the few are put together.
            if class.share >= LEAST_PAIRS {
                classes.push(class);
            } else {
                few.join(&class);
            }
        }
        if few.share >= LEAST_TOGETHER {
            classes.push(few);
        }
        if classes.is_empty() {
            return Self { classes: Vec::new(), m };
        }
        // Half of the unlike pairs are thought to be strangers, to begin with.
        for class in &mut classes {
            class.share /= 2.0 * all;
            class.levels.iter_mut().for_each(share_out);
        }
        let mut same = ((all - all_unlike) / all).max(LEAST_SHARE);
        for _ in 0..ITERATIONS {
            let (next_same, next) = improve(&counts, all, same, &classes, &m, &u);
            let moved = next.iter().zip(&classes).map(|(now, before)| now.distance(before));
            let moved = moved.fold((next_same - same).abs(), f64::max);
            (same, classes) = (next_same, next);
            if moved <= CONVERGENCE {
                break;
            }
        }
        let told =
            |class: Class| KinClass { for_each_same: class.share / same, levels: class.levels };
        Self { classes: classes.into_iter().map(told).collect(), m }
    }

    /// Returns the odds that a pair of this pattern is kin rather than the same individual.
    pub fn odds(&self, pattern: Pattern) -> f64 {
        let same = log_chance(pattern, &self.m);
        let of = |class: &KinClass| {
            class.for_each_same * (log_chance(pattern, &class.levels) - same).exp()
        };
        self.classes.iter().map(of).sum()
    }
}

/// A class while it is being fitted.
struct Class {
    share: f64,
    levels: Vec<Vec<f64>>,
}

impl Class {
    /// Adds the counts of another, before either is made probabilities.
    fn join(&mut self, other: &Self) {
        self.share += other.share;
        for (sum, count) in self.levels.iter_mut().flatten().zip(other.levels.iter().flatten()) {
            *sum += count;
        }
    }

    fn distance(&self, before: &Self) -> f64 {
        let levels = self.levels.iter().flatten().zip(before.levels.iter().flatten());
        levels
            .map(|(now, before)| (now - before).abs())
            .fold((self.share - before.share).abs(), f64::max)
    }
}

/// Goes round once: whose pair is each pattern, and what are the classes then.
fn improve(
    counts: &BTreeMap<Pattern, f64>,
    all: f64,
    same: f64,
    classes: &[Class],
    m: &[Vec<f64>],
    u: &[Vec<f64>],
) -> (f64, Vec<Class>) {
    let stranger =
        (1.0 - same - classes.iter().map(|class| class.share).sum::<f64>()).max(LEAST_SHARE);
    let empty = || m.iter().map(|levels| vec![0.0; levels.len()]).collect();
    let mut next: Vec<Class> =
        classes.iter().map(|_| Class { share: 0.0, levels: empty() }).collect();
    let mut all_same = 0.0;
    let mut logs = Vec::with_capacity(classes.len() + 2);
    for (pattern, count) in counts {
        logs.clear();
        logs.push(same.ln() + log_chance(*pattern, m));
        logs.push(stranger.ln() + log_chance(*pattern, u));
        logs.extend(
            classes.iter().map(|class| class.share.ln() + log_chance(*pattern, &class.levels)),
        );
        // Taken from the largest, so that none overflows.
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let whole: f64 = logs.iter().map(|log| (log - most).exp()).sum();
        let part = |log: f64| count * (log - most).exp() / whole;
        all_same += part(logs[0]);
        for (class, log) in next.iter_mut().zip(&logs[2..]) {
            class.share += part(*log);
            add(&mut class.levels, *pattern, part(*log));
        }
    }
    for class in &mut next {
        class.share = (class.share / all).max(LEAST_SHARE);
        class.levels.iter_mut().for_each(share_out);
    }
    ((all_same / all).max(LEAST_SHARE), next)
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
fn share_out(counts: &mut Vec<f64>) {
    for count in counts.iter_mut() {
        *count = count.max(0.5);
    }
    let all: f64 = counts.iter().sum();
    for count in counts {
        *count /= all;
    }
}
