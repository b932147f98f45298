//! Sets the threshold, and says what is to be expected at it.
//!
//! Between training and linking. Without labels the only witness is the model: a pair of weight w is the same individual
//! with the probability that w stands for, so the pairs at or above a threshold hold that many same ones on average.
//! Where a record may keep one pair, its pairs compete, and each one's probability is its odds over one plus the odds of
//! all that compete with it: two equal pairs of one record are at best even. Pairs of a household are in the weight already
//! (`kin`). The estimate is as right as the model's m, u, kin and independence are. It is no substitute for the reviewed sample that a pilot takes, which is measured, and this
//! is reckoned.
//!
//! [`dry_run`] needs no pairs at all: it says from the base rate what a model would bring, before any data is opened.

use rustc_hash::FxHashMap;

use crate::calibrate::{Point, weight_at};
use crate::elementary::log2;
use crate::link::Pair;
use crate::model::{Expectation, Link, Model, OneToOne, ThresholdRule};
use crate::record::RecordRef;
use crate::rivals::Rivals;
use crate::score::{probability, weight_of};
use crate::{Error, Result};

/// Pairs lighter than this compete with no other: their odds are below one in a thousand.
const LEAST_COMPETING: f64 = -10.0;

/// Returns the least weight that a forecast must know of, the same when a model is trained and when it is run.
///
/// A pair below the threshold still makes its rivals above it less certain.
pub(crate) fn least_competing(rule: ThresholdRule) -> f64 {
    match rule {
        ThresholdRule::Weight(weight) => weight.min(LEAST_COMPETING),
        ThresholdRule::Probability(share) => weight_of(share).min(LEAST_COMPETING),
        ThresholdRule::TargetPrecision(_) => LEAST_COMPETING,
    }
}

/// The probability of each pair, its competitors taken into account.
pub struct Forecast {
    probabilities: FxHashMap<(RecordRef, RecordRef), f64>,
}

impl Forecast {
    /// Works the probabilities out from all the pairs that could compete, their weights calibrated by these points.
    ///
    /// `records` is how many there are on either side, paired or not.
    pub fn new(
        pairs: &[Pair],
        policy: OneToOne,
        link: Link,
        calibration: &[Point],
        records: [u64; 2],
    ) -> Self {
        Self::of_rivals(&Rivals::new(pairs, policy, link, records), pairs, calibration, 1)
    }

    /// Does the same where it is known who competes with whom.
    pub(crate) fn of_rivals(
        rivals: &Rivals,
        pairs: &[Pair],
        calibration: &[Point],
        threads: usize,
    ) -> Self {
        let chances = rivals.chances(calibration, threads);
        let pairs = pairs.iter().map(|pair| (pair.source, pair.recipient));
        Self { probabilities: pairs.zip(chances).collect() }
    }

    /// Returns the probability of a pair, its competitors taken into account.
    pub fn probability(&self, pair: &Pair) -> f64 {
        self.probabilities
            .get(&(pair.source, pair.recipient))
            .copied()
            .unwrap_or_else(|| probability(pair.weight))
    }

    /// Says what is expected of the kept pairs at or above a threshold.
    pub fn expectation(&self, threshold: f64, kept: &[Pair]) -> Expectation {
        let mut chances: Vec<f64> = kept
            .iter()
            .filter(|pair| pair.weight >= threshold)
            .map(|pair| self.probability(pair))
            .collect();
        chances.sort_unstable_by(f64::total_cmp);
        expect(threshold, chances.len() as u64, chances.iter().sum())
    }

    /// Says what is expected at every threshold that a kept pair sets, the highest first.
    pub fn curve(&self, kept: &[Pair]) -> Vec<Expectation> {
        let mut ordered: Vec<(f64, f64)> =
            kept.iter().map(|pair| (pair.weight, self.probability(pair))).collect();
        ordered.sort_unstable_by(|one, other| {
            other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1))
        });
        let (mut count, mut same) = (0, 0.0);
        let mut curve: Vec<Expectation> = Vec::new();
        for (weight, chance) in ordered {
            count += 1;
            same += chance;
            let here = expect(weight, count, same);
            match curve.last_mut() {
                Some(last) if last.threshold.total_cmp(&weight).is_eq() => *last = here,
                _ => curve.push(here),
            }
        }
        curve
    }
}

impl std::fmt::Debug for Forecast {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Forecast({} pairs)", self.probabilities.len())
    }
}

fn expect(threshold: f64, pairs: u64, expected_same: f64) -> Expectation {
    let all = pairs as f64;
    let expected_precision = if pairs == 0 { 1.0 } else { expected_same / all };
    Expectation {
        threshold,
        pairs,
        expected_same,
        expected_different: all - expected_same,
        expected_precision,
    }
}

/// Sets the threshold by its rule, on the expectation at each threshold, the highest first.
///
/// A target precision takes the lowest threshold at which all pairs together are expected to reach it, but none below
/// even odds: that some pairs are certain is no reason to pursue one that is more likely wrong than right.
///
/// # Errors
///
/// [`Error::UnreachablePrecision`] where no threshold reaches the target.
pub fn from_rule(rule: ThresholdRule, curve: &[Expectation], calibration: &[Point]) -> Result<f64> {
    match rule {
        ThresholdRule::Weight(weight) => Ok(weight),
        ThresholdRule::Probability(share) => Ok(weight_at(calibration, weight_of(share))),
        ThresholdRule::TargetPrecision(target) => {
            let least = weight_at(calibration, 0.0);
            let even = |here: &&Expectation| here.threshold >= least;
            let reached = curve.iter().filter(even).rfind(|here| here.expected_precision >= target);
            reached.map(|here| here.threshold).ok_or_else(|| Error::UnreachablePrecision {
                target,
                best: curve
                    .iter()
                    .filter(even)
                    .map(|here| here.expected_precision)
                    .fold(0.0, f64::max),
            })
        }
    }
}

/// What a model would bring, reckoned from the base rate before any data is opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DryRun {
    /// Pairs of the same individual that there would be.
    pub same_pairs: f64,
    /// How many of them would stand at or above the threshold.
    pub true_leads: f64,
    /// How many pairs of two individuals would, too.
    pub false_leads: f64,
}

/// Places of the grid to one unit of weight: fine enough that a sum of sixteen is off by less than a tenth.
const FINENESS: f64 = 256.0;

#[expect(clippy::cast_possible_truncation, reason = "a few dozen logarithms add up to no more")]
fn place_of(weight: f64) -> i64 {
    (weight * FINENESS).round() as i64
}

/// Reckons how many true and false leads a model would bring over tables of these sizes.
///
/// Every record is taken to have every value, the frequencies are left out, and so are the rules: a rule that misses
/// pairs misses true and false ones. One-to-one is left out too, and would take false leads off.
pub fn dry_run(model: &Model, source_records: u64, recipient_records: u64) -> DryRun {
    let all = source_records as f64 * recipient_records as f64;
    let (same_pairs, different_pairs) = (all * model.prior(), all * (1.0 - model.prior()));
    let mut spread: std::collections::BTreeMap<i64, (f64, f64)> = std::collections::BTreeMap::new();
    spread.insert(place_of(weight_of(model.prior())), (1.0, 1.0));
    for comparison in model.comparisons() {
        let mut next = std::collections::BTreeMap::new();
        for (place, (given_same, given_different)) in &spread {
            for level in &comparison.levels {
                if let (Some(m), Some(u)) = (level.m, level.u) {
                    let moved = place + place_of(log2(m) - log2(u));
                    let cell: &mut (f64, f64) = next.entry(moved).or_insert((0.0, 0.0));
                    cell.0 += given_same * m;
                    cell.1 += given_different * u;
                }
            }
        }
        spread = next;
    }
    let at = place_of(model.threshold());
    let (given_same, given_different) =
        spread.range(at..).fold((0.0, 0.0), |sums, (_, cell)| (sums.0 + cell.0, sums.1 + cell.1));
    DryRun {
        same_pairs,
        true_leads: same_pairs * given_same,
        false_leads: different_pairs * given_different,
    }
}
