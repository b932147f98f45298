//! The classes between: pairs of two individuals who are no strangers to each other.
//!
//! A part of training, between the m and u and the threshold. Two classes, the same individual and strangers, overrate
//! the pairs in between: people of one household share a home and often a surname, and those facts come together, while
//! the sum adds them up as if each were news. Here classes of their own are fitted to the counts of patterns among pairs
//! that are known to be two individuals, m and u being held where training put them. The model keeps the classes, and
//! [`crate::Scorer`] weighs against them. Not only households fall to them, but whatever shares several columns at once,
//! such as twins and namesakes.
//!
//! How it is known that a pair is two individuals, without labels: where a record may have one partner and has a sure
//! one, its other pairs are none. Their patterns are counted, each by the chance that the record has a partner and that
//! it is another; and records without a partner have as many kin on the other side as records with one. So no pair of the
//! same individual teaches a class, however oddly its values differ. Where a record may have several partners, all pairs
//! are counted by their chance of being different, which is the plain latent class model.
//!
//! Every rule has a class of strangers too, who agree on what the rule asks for and for the rest are as u says. It takes
//! up what the rule itself brings about, and isn't kept: the sum weighs against strangers already. The number of classes
//! of kin is chosen by the Bayesian information criterion, one more as long as it lowers it.
//!
//! Sources: latent classes with dependence, Winkler, [Improved Decision Rules in the Fellegi–Sunter
//! Model](https://www.census.gov/library/working-papers/1993/adrm/rr93-12.html), 1993; second hits as evidence of false
//! pairs, Blakely and Salmond, [Probabilistic record linkage and a method to calculate the positive predictive
//! value](https://doi.org/10.1093/ije/31.6.1246), 2002; the criterion, Schwarz, 1978.

use rustc_hash::FxHashMap;

use crate::elementary::{exp2, ln, squared};
use crate::link::Pair;
use crate::model::{Comparison, KinClass, Level, MOST_COMPARISONS, MOST_LEVELS};
use crate::pattern::Pattern;
use crate::record::RecordRef;
use crate::uncertainty::{KinErrors, share_variance};

/// The most classes that are fitted to second hits.
const MOST_FITTED: usize = 6;

/// The most that are fitted to all pairs: more would take odd pairs of one individual for kin.
const MOST_FITTED_TO_ALL: usize = 2;

/// How often the pairs are told apart anew, for each number of classes.
const ROUNDS: u32 = 6;

/// How often expectation maximisation goes round between.
const ITERATIONS: u32 = 60;

/// It stops once the logarithm of the likelihood, a pair, moved by no more than this.
const CONVERGENCE: f64 = 1e-9;

/// The fewest pairs that make a class.
const LEAST_PAIRS: f64 = 10.0;

/// What a level counts beforehand in a class of kin: this many pairs, spread as among strangers.
const BEFOREHAND: f64 = 1.0;

/// What a class is left with at least, so that it has a logarithm.
const LEAST_SHARE: f64 = 1e-300;

/// What the classes are fitted to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'e> {
    /// Patterns of all blocked pairs, by the rule that made them first.
    pub(crate) patterns: &'e [Vec<(Pattern, u64)>],
    /// The blocked pairs that could be the same individual, with their sums, in an order that rows don't decide; the
    /// pairs of one source record stand together.
    pub(crate) pairs: &'e [Pair],
    /// Records in the source's table.
    pub(crate) sources: u64,
    /// Whether a source record has one partner at most.
    pub(crate) one_partner: bool,
    /// By rule and comparison, whether they share a column.
    pub(crate) touched: &'e [Vec<bool>],
}

/// Fits the classes of kin, the m and u of the comparisons being held.
///
/// Returns them with their standard errors, the most numerous first.
pub(crate) fn fit(
    comparisons: &[Comparison],
    evidence: &Evidence<'_>,
) -> (Vec<KinClass>, Vec<KinErrors>) {
    let (rows, placed) = rows_of(comparisons.len(), evidence);
    let mut fitting = Fitting::new(comparisons, evidence, &placed, rows);
    fitting.tell_apart();
    fitting.improve();
    let most = if evidence.one_partner { MOST_FITTED } else { MOST_FITTED_TO_ALL };
    while fitting.kin.len() < most {
        let before = fitting.criterion();
        let mut next = fitting.clone();
        if !next.add_class() {
            break;
        }
        next.improve();
        if next.criterion() >= before {
            break;
        }
        for _ in 0..ROUNDS {
            let same = next.same;
            next.tell_apart();
            next.improve();
            if (next.same - same).abs() <= 1e-4 * same {
                break;
            }
        }
        fitting = next;
    }
    fitting.classes()
}

/// One pattern of one rule.
#[derive(Clone, Debug)]
struct Row {
    rule: usize,
    levels: [u8; MOST_COMPARISONS],
    /// How many of its pairs cannot be the same individual.
    light: f64,
}

/// The classes while they are being fitted.
#[derive(Clone)]
struct Fitting<'e> {
    evidence: &'e Evidence<'e>,
    /// What is asked of each pair of the evidence, in its order.
    placed: &'e [Placed],
    m: Vec<Vec<f64>>,
    u: Vec<Vec<f64>>,
    rows: Vec<Row>,
    /// By rule, how many different pairs are strangers, and their levels.
    strangers: Vec<(f64, Vec<Vec<f64>>)>,
    /// By class of kin, how many pairs there are by rule, and their levels.
    kin: Vec<(Vec<f64>, Vec<Vec<f64>>)>,
    /// For each row, how many pairs are known to be different.
    different: Vec<f64>,
    /// How many pairs are the same individual.
    same: f64,
    /// How many times as many different pairs there are as were counted.
    scale: f64,
    /// The share of source records that have no partner.
    alone: f64,
}

impl<'e> Fitting<'e> {
    fn new(
        comparisons: &[Comparison],
        evidence: &'e Evidence<'e>,
        placed: &'e [Placed],
        rows: Vec<Row>,
    ) -> Self {
        let (m, u) =
            (parameters(comparisons, |level| level.m), parameters(comparisons, |level| level.u));
        let different = rows.iter().map(|row| row.light).collect();
        let rules = evidence.patterns.len();
        Self {
            evidence,
            placed,
            strangers: vec![(1.0, u.clone()); rules],
            m,
            u,
            rows,
            kin: Vec::new(),
            different,
            same: 0.0,
            scale: 1.0,
            alone: 1.0,
        }
    }

    /// Counts how many pairs of each row are two individuals, and how many are the same.
    fn tell_apart(&mut self) {
        let kin: Vec<f64> = self.rows.iter().map(|row| self.kin_odds(row)).collect();
        let odds = |pair: &Placed| 1.0 / (pair.strangers + kin[pair.row]);
        let mut heavy = vec![0.0; self.rows.len()];
        let (mut same, mut partnered) = (0.0, 0.0);
        let mut first = 0;
        while first < self.evidence.pairs.len() {
            let source: RecordRef = self.evidence.pairs[first].source;
            let own = self.evidence.pairs[first..]
                .iter()
                .take_while(|pair| pair.source == source)
                .count();
            let placed = &self.placed[first..first + own];
            let all: f64 = placed.iter().map(odds).sum();
            for pair in placed {
                let odds = odds(pair);
                heavy[pair.row] += if self.evidence.one_partner {
                    (1.0 - odds / all).max(0.0) * all / (self.alone + all)
                } else {
                    same += odds / (1.0 + odds);
                    1.0 / (1.0 + odds)
                };
            }
            partnered += all / (self.alone + all);
            first += own;
        }
        let mut part = 1.0;
        if self.evidence.one_partner {
            same = partnered;
            part = (partnered / self.evidence.sources as f64).min(1.0);
        }
        let light = self.rows.iter().map(|row| row.light * part);
        self.different = light.zip(&heavy).map(|(light, heavy)| light + heavy).collect();
        self.scale = 1.0 / part.max(f64::MIN_POSITIVE);
        // One record more is thought to be alone, so that no pair is ever certain for want of others.
        self.alone = 1.0 - partnered / (self.evidence.sources as f64 + 1.0);
        self.same = same.max(0.5);
    }

    /// Returns the odds that a pair of this row is kin rather than the same individual.
    fn kin_odds(&self, row: &Row) -> f64 {
        if self.kin.is_empty() {
            return 0.0;
        }
        let same = chance(row, &self.m);
        let kin: f64 = self
            .kin
            .iter()
            .map(|(pairs, levels)| pairs.iter().sum::<f64>() * chance(row, levels))
            .sum();
        kin * self.scale / self.same / same
    }

    /// Adds a class made of the pairs that the ones so far leave over; says whether any are left.
    fn add_class(&mut self) -> bool {
        let mut pairs = vec![0.0; self.strangers.len()];
        let mut levels: Vec<Vec<f64>> =
            self.u.iter().map(|levels| vec![0.0; levels.len()]).collect();
        for (row, different) in self.rows.iter().zip(&self.different) {
            // Twice as many as thought, for where there are millions chance alone leaves thousands over.
            let left = different - 2.0 * self.expected(row);
            if left > 0.0 {
                pairs[row.rule] += left;
                add(&mut levels, row, left);
            }
        }
        if pairs.iter().sum::<f64>() < LEAST_PAIRS {
            return false;
        }
        for (levels, u) in levels.iter_mut().zip(&self.u) {
            share_out(levels, u);
        }
        for pairs in &mut pairs {
            *pairs = pairs.max(LEAST_SHARE);
        }
        self.kin.push((pairs, levels));
        true
    }

    /// Returns how many pairs of this row the classes so far bring.
    fn expected(&self, row: &Row) -> f64 {
        let (strangers, levels) = &self.strangers[row.rule];
        let kin: f64 =
            self.kin.iter().map(|(pairs, levels)| pairs[row.rule] * chance(row, levels)).sum();
        strangers * chance(row, levels) + kin
    }

    /// Goes round until the classes are at rest, who is different being held.
    fn improve(&mut self) {
        let all: f64 = self.different.iter().sum();
        let mut before = f64::NEG_INFINITY;
        for _ in 0..ITERATIONS {
            let now = self.step() / all.max(1.0);
            if now - before <= CONVERGENCE {
                break;
            }
            before = now;
        }
    }

    /// Goes round once, and returns the logarithm of the likelihood of what was before.
    fn step(&mut self) -> f64 {
        let (rules, comparisons) = (self.strangers.len(), self.u.len());
        let table = |(pairs, levels): &(f64, Vec<Vec<f64>>)| (*pairs, Shares::of(levels));
        let of_strangers: Vec<(f64, Shares)> = self.strangers.iter().map(table).collect();
        let of_kin: Vec<Shares> = self.kin.iter().map(|(_, levels)| Shares::of(levels)).collect();
        let mut stranger_counts = vec![(0.0, Counts::none()); rules];
        let mut kin_counts = vec![(vec![0.0; rules], Counts::none()); self.kin.len()];
        let all: f64 = self.all();
        let mut likelihood = 0.0;
        let mut parts = vec![0.0; self.kin.len()];
        for (row, different) in self.rows.iter().zip(&self.different) {
            if *different <= 0.0 {
                continue;
            }
            let (pairs, shares) = &of_strangers[row.rule];
            let stranger = pairs * shares.chance(row);
            let mut whole = stranger;
            for (part, ((pairs, _), shares)) in parts.iter_mut().zip(self.kin.iter().zip(&of_kin)) {
                *part = pairs[row.rule] * shares.chance(row);
                whole += *part;
            }
            likelihood += different * ln((whole / all).max(LEAST_SHARE));
            if whole <= 0.0 {
                continue;
            }
            let here = different / whole;
            stranger_counts[row.rule].0 += stranger * here;
            stranger_counts[row.rule].1.add(row, stranger * here, comparisons);
            for (part, (pairs, counts)) in parts.iter().zip(&mut kin_counts) {
                pairs[row.rule] += part * here;
                counts.add(row, part * here, comparisons);
            }
        }
        let mut strangers: Vec<(f64, Vec<Vec<f64>>)> =
            stranger_counts.iter().map(|(pairs, counts)| (*pairs, counts.told(&self.u))).collect();
        let mut kin: Vec<(Vec<f64>, Vec<Vec<f64>>)> =
            kin_counts.into_iter().map(|(pairs, counts)| (pairs, counts.told(&self.u))).collect();
        for (rule, (pairs, levels)) in strangers.iter_mut().enumerate() {
            *pairs = pairs.max(LEAST_SHARE);
            for (comparison, levels) in levels.iter_mut().enumerate() {
                // What the rule doesn't ask for is as among all strangers.
                if self.evidence.touched[rule][comparison] {
                    share_out(levels, &self.u[comparison]);
                } else {
                    levels.clone_from(&self.u[comparison]);
                }
            }
        }
        for (pairs, levels) in &mut kin {
            for pairs in pairs.iter_mut() {
                *pairs = pairs.max(LEAST_SHARE);
            }
            for (levels, u) in levels.iter_mut().zip(&self.u) {
                share_out(levels, u);
            }
        }
        (self.strangers, self.kin) = (strangers, kin);
        likelihood
    }

    fn all(&self) -> f64 {
        let kin: f64 = self.kin.iter().flat_map(|(pairs, _)| pairs).sum();
        self.strangers.iter().map(|(pairs, _)| pairs).sum::<f64>() + kin
    }

    /// Returns the Bayesian information criterion: the lower, the better.
    fn criterion(&self) -> f64 {
        let (all, classes) = (self.all(), self.kin.len() as f64);
        let pairs: f64 = self.different.iter().sum();
        let likelihood: f64 = self
            .rows
            .iter()
            .zip(&self.different)
            .filter(|(_, different)| **different > 0.0)
            .map(|(row, different)| different * ln((self.expected(row) / all).max(LEAST_SHARE)))
            .sum();
        let free: usize = self.u.iter().map(|levels| levels.len() - 1).sum();
        let parameters = classes * (free + self.strangers.len()) as f64;
        parameters * ln(pairs.max(1.0)) - 2.0 * likelihood
    }

    fn classes(self) -> (Vec<KinClass>, Vec<KinErrors>) {
        let errors = self.errors();
        let (scale, same) = (self.scale, self.same);
        let told = |(pairs, levels): (Vec<f64>, Vec<Vec<f64>>)| KinClass {
            for_each_same: (pairs.iter().sum::<f64>() * scale / same).max(LEAST_SHARE),
            levels,
        };
        let mut classes: Vec<(KinClass, KinErrors)> =
            self.kin.into_iter().map(told).zip(errors).collect();
        classes.sort_by(|one, other| other.0.for_each_same.total_cmp(&one.0.for_each_same));
        classes.into_iter().unzip()
    }

    /// Works out the standard errors: of each level against the others of its comparison, and of how many pairs there
    /// are, each from the information that pairs of uncertain class carry.
    fn errors(&self) -> Vec<KinErrors> {
        let of = |class: &(Vec<f64>, Vec<Vec<f64>>)| {
            let mut information: Vec<Vec<f64>> =
                class.1.iter().map(|levels| vec![0.0; levels.len()]).collect();
            let (mut squares, all) = (0.0, class.0.iter().sum::<f64>());
            for (row, different) in self.rows.iter().zip(&self.different) {
                let whole = self.expected(row);
                if *different <= 0.0 || whole <= 0.0 {
                    continue;
                }
                let part = class.0[row.rule] * chance(row, &class.1) / whole;
                squares += different * part * part;
                for ((cells, levels), level) in information.iter_mut().zip(&class.1).zip(row.levels)
                {
                    let Some(level) = usize::from(level).checked_sub(1) else { continue };
                    for (at, (cell, share)) in cells.iter_mut().zip(levels).enumerate() {
                        // The derivative by the share of this level, the others shrinking in proportion.
                        let score = if at == level { 1.0 / share } else { -1.0 / (1.0 - share) };
                        *cell += different * squared(part * score);
                    }
                }
            }
            let error = |cell: &f64, share: f64| {
                let known = share_variance(share, all);
                if *cell > 0.0 { (1.0 / cell).max(known).sqrt() } else { known.sqrt() }
            };
            let count_error = if squares > 0.0 { all / squares.sqrt() } else { all };
            KinErrors {
                // Scaled like the number itself, which the same pairs are counted against with a Poisson's error.
                for_each_same: all * self.scale / self.same
                    * (squared(count_error / all.max(f64::MIN_POSITIVE)) + 1.0 / self.same).sqrt(),
                levels: information
                    .iter()
                    .zip(&class.1)
                    .map(|(cells, levels)| {
                        cells.iter().zip(levels).map(|(cell, share)| error(cell, *share)).collect()
                    })
                    .collect(),
            }
        };
        self.kin.iter().map(of).collect()
    }
}

/// What is asked of a pair whenever pairs are told apart.
struct Placed {
    /// Its row.
    row: usize,
    /// The odds of two strangers.
    strangers: f64,
}

/// Finds the rows of patterns by rule, and which of them each pair of the evidence is of.
fn rows_of(comparisons: usize, evidence: &Evidence<'_>) -> (Vec<Row>, Vec<Placed>) {
    let mut row_of: FxHashMap<(usize, Pattern), usize> = FxHashMap::default();
    let mut rows = Vec::new();
    for (rule, patterns) in evidence.patterns.iter().enumerate() {
        for (pattern, count) in patterns {
            let mut levels = [0; MOST_COMPARISONS];
            for (comparison, level) in levels.iter_mut().enumerate().take(comparisons) {
                *level = pattern.level(comparison);
            }
            row_of.insert((rule, *pattern), rows.len());
            rows.push(Row { rule, levels, light: *count as f64 });
        }
    }
    let placed = |pair: &Pair| {
        let row = *row_of.get(&(usize::from(pair.rule), pair.pattern))?;
        Some(Placed { row, strangers: exp2(-pair.weight.min(900.0)) })
    };
    let placed: Vec<Placed> = evidence.pairs.iter().filter_map(placed).collect();
    debug_assert_eq!(placed.len(), evidence.pairs.len(), "every pair was counted");
    for pair in &placed {
        rows[pair.row].light -= 1.0;
    }
    (rows, placed)
}

fn parameters(comparisons: &[Comparison], take: fn(&Level) -> Option<f64>) -> Vec<Vec<f64>> {
    let of = |comparison: &Comparison| {
        comparison.levels.iter().map(|level| take(level).unwrap_or(1.0)).collect()
    };
    comparisons.iter().map(of).collect()
}

/// The probability of a row's pattern; null levels say nothing.
fn chance(row: &Row, levels: &[Vec<f64>]) -> f64 {
    let of = |(level, levels): (&u8, &Vec<f64>)| match usize::from(*level).checked_sub(1) {
        None => 1.0,
        Some(level) => levels[level],
    };
    row.levels.iter().zip(levels).map(of).product()
}

/// The levels of a class in one table, 1 standing for a null level: what is asked of every row in every round.
struct Shares {
    comparisons: usize,
    cells: [[f64; MOST_LEVELS + 1]; MOST_COMPARISONS],
}

impl Shares {
    fn of(levels: &[Vec<f64>]) -> Self {
        let mut cells = [[1.0; MOST_LEVELS + 1]; MOST_COMPARISONS];
        for (cells, levels) in cells.iter_mut().zip(levels) {
            cells[1..=levels.len()].copy_from_slice(levels);
        }
        Self { comparisons: levels.len(), cells }
    }

    /// The probability of a row's pattern, the same bits as [`chance`].
    fn chance(&self, row: &Row) -> f64 {
        let of = |(cells, level): (&[f64; MOST_LEVELS + 1], &u8)| cells[usize::from(*level)];
        self.cells[..self.comparisons].iter().zip(&row.levels).map(of).product()
    }
}

/// How many pairs of a class have each level, the null level among them.
#[derive(Clone)]
struct Counts([[f64; MOST_LEVELS + 1]; MOST_COMPARISONS]);

impl Counts {
    fn none() -> Self {
        Self([[0.0; MOST_LEVELS + 1]; MOST_COMPARISONS])
    }

    fn add(&mut self, row: &Row, amount: f64, comparisons: usize) {
        for (cells, level) in self.0[..comparisons].iter_mut().zip(&row.levels) {
            cells[usize::from(*level)] += amount;
        }
    }

    /// Returns them without the null level, of as many levels as there are.
    fn told(&self, levels: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let of = |(cells, levels): (&[f64; MOST_LEVELS + 1], &Vec<f64>)| {
            cells[1..=levels.len()].to_vec()
        };
        self.0.iter().zip(levels).map(of).collect()
    }
}

fn add(counts: &mut [Vec<f64>], row: &Row, amount: f64) {
    for (counts, level) in counts.iter_mut().zip(row.levels) {
        if let Some(level) = usize::from(level).checked_sub(1) {
            counts[level] += amount;
        }
    }
}

/// Makes probabilities of counts, a little of what strangers do being put in beforehand.
fn share_out(counts: &mut [f64], u: &[f64]) {
    let all: f64 = counts.iter().sum::<f64>() + BEFOREHAND;
    let of: f64 = u.iter().sum();
    for (count, u) in counts.iter_mut().zip(u) {
        *count = ((*count + BEFOREHAND * u / of) / all).max(LEAST_SHARE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_shares_gives_the_bits_of_the_plain_product() {
        let levels = vec![vec![0.1, 0.7, 0.2], vec![1.0 / 3.0, 2.0 / 3.0], vec![0.9, 1e-300, 0.1]];
        let shares = Shares::of(&levels);
        for place in 0..4 * 3 * 4u8 {
            let mut row = Row { rule: 0, levels: [0; MOST_COMPARISONS], light: 0.0 };
            row.levels[..3].copy_from_slice(&[place % 4, place / 4 % 3, place / 12]);
            assert_eq!(shares.chance(&row).to_bits(), chance(&row, &levels).to_bits());
            let mut counts = Counts::none();
            let mut plain: Vec<Vec<f64>> = levels.iter().map(|own| vec![0.0; own.len()]).collect();
            for amount in [0.1, 0.2, 1e9] {
                counts.add(&row, amount, levels.len());
                add(&mut plain, &row, amount);
            }
            assert_eq!(counts.told(&levels), plain);
        }
    }
}
