//! Evaluation against labels: what a model's weights are worth where it is known who is who.
//!
//! After linking, for those who have labels: a truth column, or pairs that people reviewed. It draws the table that a
//! threshold is chosen from, with every measure that Splink users know, the areas under both curves, the pairs on the
//! wrong side of a threshold, and the records that nothing could link. It sets no threshold and changes no model.
//!
//! Sources of the measures: van Rijsbergen, 1979 (F); Matthews, 1975 (phi); Sitarz, [Extending F1 metric, probabilistic
//! approach](https://arxiv.org/abs/2210.11997), 2022 (P4).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::given::Given;
use crate::pattern::Pattern;
use crate::record::Side;
use crate::score::Scorer;
use crate::tables::NO_VALUE;

/// A pair of which it is known whether it is the same individual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labelled {
    /// Its weight; none where no rule made it, so that no threshold finds it.
    pub weight: Option<f64>,
    /// Whether it is the same individual.
    pub same: bool,
}

/// The four counts at one threshold, and what is reckoned from them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Pairs at or above the threshold that are the same individual.
    pub true_positives: f64,
    /// Pairs at or above it that are not.
    pub false_positives: f64,
    /// Pairs below it that are not.
    pub true_negatives: f64,
    /// Pairs below it that are.
    pub false_negatives: f64,
}

/// A quotient of counts; 0 where there is nothing to divide by, but for those whose documentation says 1.
fn quotient(above: f64, below: f64) -> f64 {
    if below > 0.0 { above / below } else { 0.0 }
}

impl Counts {
    /// Returns the share of the pairs found that are right; 1 where none is found.
    pub fn precision(&self) -> f64 {
        let found = self.true_positives + self.false_positives;
        if found > 0.0 { self.true_positives / found } else { 1.0 }
    }

    /// Returns the share of the same pairs that are found; 1 where there is none.
    pub fn recall(&self) -> f64 {
        let same = self.true_positives + self.false_negatives;
        if same > 0.0 { self.true_positives / same } else { 1.0 }
    }

    /// Returns the share of the different pairs that are left out; 1 where there is none.
    pub fn specificity(&self) -> f64 {
        let different = self.true_negatives + self.false_positives;
        if different > 0.0 { self.true_negatives / different } else { 1.0 }
    }

    /// Returns the share of the pairs left out that are different; 1 where none is left out.
    pub fn negative_predictive_value(&self) -> f64 {
        let left = self.true_negatives + self.false_negatives;
        if left > 0.0 { self.true_negatives / left } else { 1.0 }
    }

    /// Returns the share of all pairs that stand on their right side.
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        quotient(right, right + self.false_positives + self.false_negatives)
    }

    /// Returns van Rijsbergen's F, in which recall counts `beta` times as much as precision.
    pub fn f(&self, beta: f64) -> f64 {
        let square = beta * beta;
        let right = (1.0 + square) * self.true_positives;
        quotient(right, right + square * self.false_negatives + self.false_positives)
    }

    /// Returns P4, the harmonic mean of precision, recall, specificity and negative predictive value.
    pub fn p4(&self) -> f64 {
        let both = self.true_positives * self.true_negatives;
        let wrong = self.false_positives + self.false_negatives;
        let right = self.true_positives + self.true_negatives;
        quotient(4.0 * both, 4.0 * both + right * wrong)
    }

    /// Returns phi, the correlation of being found with being the same (Matthews).
    pub fn phi(&self) -> f64 {
        let (found, left) = (
            self.true_positives + self.false_positives,
            self.true_negatives + self.false_negatives,
        );
        let (same, different) = (
            self.true_positives + self.false_negatives,
            self.true_negatives + self.false_positives,
        );
        let crossed =
            self.true_positives * self.true_negatives - self.false_positives * self.false_negatives;
        quotient(crossed, found.sqrt() * left.sqrt() * same.sqrt() * different.sqrt())
    }
}

/// One row of the table that a threshold is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The threshold: the pairs found are those of this weight or more.
    pub threshold: f64,
    /// What it finds and what not.
    pub counts: Counts,
}

/// Makes the table, a row for each weight that a pair has, the highest first.
///
/// `unmade` is how many pairs of two individuals no rule made: they are right at every threshold. Same pairs that no
/// rule made stand among the labelled without a weight, and are missed at every threshold.
///
/// # Examples
///
/// ```
/// use linkage::evaluate::{Labelled, table};
///
/// let pair = |weight, same| Labelled { weight, same };
/// let rows = table(&[pair(Some(9.0), true), pair(Some(2.0), false), pair(None, true)], 7);
/// assert_eq!(rows.len(), 2);
/// assert_eq!(rows[0].counts.precision(), 1.0);
/// assert_eq!(rows[1].counts.recall(), 0.5);
/// assert_eq!(rows[0].counts.specificity(), 1.0);
/// ```
pub fn table(labelled: &[Labelled], unmade: u64) -> Vec<Row> {
    let same = labelled.iter().filter(|pair| pair.same).count() as f64;
    let different = labelled.len() as f64 - same + unmade as f64;
    let mut made: Vec<(f64, bool)> =
        labelled.iter().filter_map(|pair| Some((pair.weight?, pair.same))).collect();
    made.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (mut right, mut wrong) = (0.0, 0.0);
    let mut rows: Vec<Row> = Vec::new();
    for (threshold, is_same) in made {
        if is_same {
            right += 1.0;
        } else {
            wrong += 1.0;
        }
        let counts = Counts {
            true_positives: right,
            false_positives: wrong,
            true_negatives: different - wrong,
            false_negatives: same - right,
        };
        match rows.last_mut() {
            Some(last) if last.threshold.total_cmp(&threshold).is_eq() => last.counts = counts,
            _ => rows.push(Row { threshold, counts }),
        }
    }
    rows
}

/// Returns the row at which a measure is greatest, the highest threshold of several.
pub fn best(rows: &[Row], measure: impl Fn(&Counts) -> f64) -> Option<Row> {
    let mut best: Option<(f64, Row)> = None;
    for row in rows {
        let value = measure(&row.counts);
        if best.is_none_or(|(most, _)| value > most) {
            best = Some((value, *row));
        }
    }
    best.map(|(_, row)| row)
}

/// Returns the area under recall against the share of different pairs found (ROC), by trapezia from nothing to all.
pub fn area_under_roc(rows: &[Row]) -> f64 {
    let points = rows.iter().map(|row| (1.0 - row.counts.specificity(), row.counts.recall()));
    area(std::iter::once((0.0, 0.0)).chain(points).chain(std::iter::once((1.0, 1.0))))
}

/// Returns the average precision: precision at each step of recall, the steps summed without drawing lines between.
pub fn average_precision(rows: &[Row]) -> f64 {
    let mut before = 0.0;
    rows.iter()
        .map(|row| {
            let step = row.counts.recall() - before;
            before = row.counts.recall();
            step * row.counts.precision()
        })
        .sum()
}

fn area(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let mut before: Option<(f64, f64)> = None;
    points
        .map(|here| {
            let part = before.map_or(0.0, |last| (here.0 - last.0) * (here.1 + last.1) / 2.0);
            before = Some(here);
            part
        })
        .sum()
}

/// A pair of which it is known whether it is the same individual, with what was found of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// The pair, scored.
    pub pair: Given,
    /// Whether a rule made it.
    pub made: bool,
    /// Whether it is the same individual.
    pub same: bool,
}

/// A pair on the wrong side of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mistake {
    /// Found, and two individuals.
    FalseLink(Given),
    /// Made by a rule and left out, though the same individual.
    MissedByWeight(Given),
    /// The same individual, and made by no rule, whatever it weighs.
    MissedByRules(Given),
}

impl Mistake {
    /// Returns the pair.
    pub fn pair(&self) -> &Given {
        match self {
            Self::FalseLink(pair) | Self::MissedByWeight(pair) | Self::MissedByRules(pair) => pair,
        }
    }
}

/// Returns the pairs on the wrong side of a threshold by weight alone, those furthest from it first.
///
/// Equally far ones stand in the order of their records.
///
/// # Examples
///
/// ```
/// use linkage::evaluate::{Known, Mistake, mistakes};
/// use linkage::{Given, Pattern, RecordRef};
///
/// let known = |row, weight, made, same| Known {
///     pair: Given {
///         source: RecordRef::new(row),
///         recipient: RecordRef::new(0),
///         pattern: Pattern::new(&[1]),
///         weight,
///     },
///     made,
///     same,
/// };
/// let all = [known(0, 9.0, true, true), known(1, 5.0, true, false), known(2, 8.0, false, true)];
/// let wrong = mistakes(&all, 4.0);
/// assert!(matches!(wrong[0], Mistake::MissedByRules(_)));
/// assert!(matches!(wrong[1], Mistake::FalseLink(pair) if pair.source.row() == 1));
/// assert_eq!(wrong.len(), 2);
/// ```
pub fn mistakes(known: &[Known], threshold: f64) -> Vec<Mistake> {
    let is_wrong = |one: &&Known| one.same != (one.made && one.pair.weight >= threshold);
    let mut wrong: Vec<&Known> = known.iter().filter(is_wrong).collect();
    let off = |one: &Known| (one.pair.weight - threshold).abs();
    wrong.sort_by(|one, other| {
        let records = |one: &Known| (one.pair.source, one.pair.recipient);
        off(other).total_cmp(&off(one)).then(records(one).cmp(&records(other)))
    });
    let named = |one: &Known| match (one.same, one.made) {
        (false, _) => Mistake::FalseLink(one.pair),
        (true, true) => Mistake::MissedByWeight(one.pair),
        (true, false) => Mistake::MissedByRules(one.pair),
    };
    wrong.into_iter().map(named).collect()
}

/// Returns, for each record of a side, the most that a pair of it can weigh, by the values that it has.
///
/// # Errors
///
/// [`crate::Error::UnknownColumn`] where the tables lack a column of the model.
pub fn best_of_each(scorer: &Scorer<'_>, side: Side) -> Result<Vec<f64>> {
    let tables = scorer.tables();
    let columns: Vec<&[u32]> = (scorer.model().comparisons().iter())
        .map(|comparison| {
            let place = format!("comparison `{}`", comparison.name);
            Ok(tables.codes(tables.column_index(&place, &comparison.column)?, side))
        })
        .collect::<Result<_>>()?;
    Ok(best_attainable(scorer, tables.records(side), |record, comparison| {
        columns[comparison][record as usize] != NO_VALUE
    }))
}

/// Returns, for each source record, the most that a pair of it can weigh: with every value that it has found again.
///
/// A record whose best falls below the threshold is unlinkable, whoever is in the other table. Each comparison that the
/// record has a value for is taken at its heaviest level, the frequency parts left out, and kin are weighed against.
/// `has` says whether a record has a value for a comparison.
pub fn best_attainable(
    scorer: &Scorer<'_>,
    records: u32,
    has: impl Fn(u32, usize) -> bool,
) -> Vec<f64> {
    let comparisons = scorer.model().comparisons();
    let heaviest: Vec<u8> = (0..comparisons.len())
        .map(|comparison| {
            let mut levels = (1u8..).take(comparisons[comparison].levels.len());
            let mut best = levels.next().unwrap_or(Pattern::NULL);
            for level in levels {
                if scorer.partial(comparison, level) > scorer.partial(comparison, best) {
                    best = level;
                }
            }
            best
        })
        .collect();
    (0..records)
        .map(|record| {
            let levels: Vec<u8> = heaviest
                .iter()
                .enumerate()
                .map(
                    |(comparison, level)| {
                        if has(record, comparison) { *level } else { Pattern::NULL }
                    },
                )
                .collect();
            let sum = levels.iter().enumerate().fold(scorer.prior(), |sum, (comparison, level)| {
                sum + scorer.partial(comparison, *level)
            });
            sum + scorer.kin_part(Pattern::new(&levels), sum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-12
    }

    #[test]
    fn every_measure_is_what_its_formula_says() {
        let counts = Counts {
            true_positives: 40.0,
            false_positives: 10.0,
            true_negatives: 930.0,
            false_negatives: 20.0,
        };
        assert!(near(counts.precision(), 0.8));
        assert!(near(counts.recall(), 2.0 / 3.0));
        assert!(near(counts.specificity(), 930.0 / 940.0));
        assert!(near(counts.negative_predictive_value(), 930.0 / 950.0));
        assert!(near(counts.accuracy(), 0.97));
        assert!(near(counts.f(1.0), 80.0 / 110.0));
        assert!(near(counts.f(2.0), 200.0 / (200.0 + 80.0 + 10.0)));
        assert!(near(counts.f(0.5), 50.0 / (50.0 + 5.0 + 10.0)));
        let four = [
            counts.precision(),
            counts.recall(),
            counts.specificity(),
            counts.negative_predictive_value(),
        ];
        assert!(near(counts.p4(), 4.0 / four.iter().map(|share| 1.0 / share).sum::<f64>()));
        let phi = (40.0 * 930.0 - 10.0 * 20.0) / (50.0f64 * 950.0 * 60.0 * 940.0).sqrt();
        assert!(near(counts.phi(), phi));
    }

    #[test]
    fn a_pair_of_the_thresholds_weight_is_found_and_ties_share_a_row() {
        let pair = |weight, same| Labelled { weight, same };
        let rows = table(
            &[
                pair(Some(5.0), true),
                pair(Some(5.0), false),
                pair(Some(1.0), true),
                pair(None, true),
                pair(None, false),
            ],
            5,
        );
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.threshold, row.counts.true_positives, row.counts.false_positives))
            .collect();
        assert_eq!(shown, [(5.0, 1.0, 1.0), (1.0, 2.0, 1.0)]);
        assert!(near(rows[1].counts.true_negatives, 6.0));
        assert!(near(rows[1].counts.false_negatives, 1.0));
        assert!(near(best(&rows, Counts::precision).unwrap().threshold, 1.0));
        assert!(table(&[], 0).is_empty() && best(&[], Counts::precision).is_none());
    }

    #[test]
    fn areas_are_one_for_a_perfect_order_and_a_half_for_none() {
        let pair = |weight: f64, same| Labelled { weight: Some(weight), same };
        let perfect = table(&[pair(3.0, true), pair(2.0, true), pair(1.0, false)], 0);
        assert!(near(area_under_roc(&perfect), 1.0) && near(average_precision(&perfect), 1.0));
        let none = table(&[pair(1.0, true), pair(1.0, false)], 0);
        assert!(near(area_under_roc(&none), 0.5) && near(average_precision(&none), 0.5));
        // Same, different, same: 1/2 · 1 + 1/2 · 2/3.
        let mixed = table(&[pair(3.0, true), pair(2.0, false), pair(1.0, true)], 0);
        assert!(near(average_precision(&mixed), 0.5 + 1.0 / 3.0));
        assert!(near(area_under_roc(&mixed), 0.5));
    }
}
