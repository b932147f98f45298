//! Calibration: what the weights of a model turned out to stand for.
//!
//! The last part of training, and again when reviews have come in. A weight says what odds the model reckons; where its
//! levels depend on each other in a way that no class of kin takes up, the true odds differ. A calibration maps weights
//! to the log2 of the odds that were seen, never falling, and changes no weight: explanations still add up. It moves the
//! threshold, the probabilities and what is expected. A model with another calibration is another model, with another
//! digest.
//!
//! It learns from pairs judged by a person, or without labels from second hits ([`from_second_hits`]): of the pairs of
//! records that have a sure partner, all others are of two individuals, and records without one have as many of those.
//!
//! Sources: Platt, *Probabilistic outputs for support vector machines*, 1999, with a prior that holds it to no change;
//! pool adjacent violators, Ayer and others, [An Empirical Distribution Function for Sampling with Incomplete
//! Information](https://doi.org/10.1214/aoms/1177728423), 1955; second hits, Blakely and Salmond, [Probabilistic record
//! linkage](https://doi.org/10.1093/ije/31.6.1246), 2002.

use serde::{Deserialize, Serialize};

use crate::elementary::{exp, exp2, squared};
use crate::link::Pair;
use crate::model::Model;
use crate::rivals::alone;
use crate::score::{probability, weight_of};
use crate::{Error, Result};

/// One point of a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The weight.
    pub weight: f64,
    /// log2 of the odds that pairs of this weight are the same individual.
    pub log_odds: f64,
}

/// A pair of which it is known, or reckoned, whether it is the same individual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Its weight.
    pub weight: f64,
    /// 1 for the same individual, 0 for two; a number between or even below 0 where it is an estimate that is only
    /// right on average.
    pub same: f64,
    /// How many pairs it stands for.
    pub pairs: f64,
}

/// The width of a bin of weights, before bins are joined.
const BIN: f64 = 0.125;

/// The fewest pairs in a bin.
const LEAST_IN_BIN: f64 = 100.0;

/// How many pairs at the model's own probability each bin holds beforehand.
const BEFOREHAND: f64 = 2.0;

/// Beyond these weights a pair is not in doubt.
const IN_DOUBT: std::ops::Range<f64> = -10.0..14.0;

/// The fewest pairs in doubt from which steps are learnt rather than a line.
const LEAST_FOR_STEPS: f64 = 1_000.0;

/// How far a line may go from no change before the evidence must speak: standard deviations of its shift, in natural
/// logarithms, and of the logarithm of its slope.
const FREEDOM: (f64, f64) = (1.0, 0.25);

/// Returns the log2 of the odds that a weight stands for under these points, between which it runs straight.
///
/// Beyond them it runs beside the weight, and without any it is the weight.
///
/// # Examples
///
/// ```
/// use linkage::calibrate::{Point, calibrated};
///
/// let points = [Point { weight: 0.0, log_odds: 1.0 }, Point { weight: 4.0, log_odds: 3.0 }];
/// assert_eq!(calibrated(&points, 2.0), 2.0);
/// assert_eq!(calibrated(&points, 10.0), 9.0);
/// assert_eq!(calibrated(&[], 10.0), 10.0);
/// ```
pub fn calibrated(points: &[Point], weight: f64) -> f64 {
    let after = points.partition_point(|point| point.weight <= weight);
    match (after.checked_sub(1).and_then(|index| points.get(index)), points.get(after)) {
        (None, None) => weight,
        (None, Some(point)) | (Some(point), None) => weight + (point.log_odds - point.weight),
        (Some(left), Some(right)) => {
            let share = (weight - left.weight) / (right.weight - left.weight);
            left.log_odds + share * (right.log_odds - left.log_odds)
        }
    }
}

/// Returns the lowest weight from which on the odds are at least these (log2).
pub fn weight_at(points: &[Point], log_odds: f64) -> f64 {
    let Some(index) = points.iter().position(|point| point.log_odds >= log_odds) else {
        return points.last().map_or(log_odds, |last| log_odds + (last.weight - last.log_odds));
    };
    let here = points[index];
    match index.checked_sub(1).map(|before| points[before]) {
        None => log_odds + (here.weight - here.log_odds),
        Some(before) => {
            let share = (log_odds - before.log_odds) / (here.log_odds - before.log_odds);
            before.weight + share * (here.weight - before.weight)
        }
    }
}

/// Calibrates by steps where there are pairs enough, else by a line, else not at all.
pub fn calibrate(judged: &[Judged]) -> Vec<Point> {
    let in_doubt = judged.iter().filter(|one| IN_DOUBT.contains(&one.weight));
    let pairs: f64 = in_doubt.map(|one| one.pairs).sum();
    if pairs >= LEAST_FOR_STEPS { isotonic(judged) } else { platt(judged) }
}

/// Calibrates by the steps that fit best among those that never fall, drawn as a line through their middles.
pub fn isotonic(judged: &[Judged]) -> Vec<Point> {
    let bins = bins(judged);
    // Neighbours that would fall are put together until none does.
    let mut pools: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    for bin in &bins {
        let weight = bin.weights / bin.pairs;
        let beforehand = BEFOREHAND * probability(weight);
        pools.push((bin.same + beforehand, bin.pairs + BEFOREHAND, vec![weight]));
        while let [.., left, right] = pools.as_slice() {
            if left.0 / left.1 < right.0 / right.1 {
                break;
            }
            let joined = (
                left.0 + right.0,
                left.1 + right.1,
                left.2.iter().chain(&right.2).copied().collect(),
            );
            pools.truncate(pools.len() - 2);
            pools.push(joined);
        }
    }
    let mut points: Vec<Point> = Vec::new();
    for (same, pairs, weights) in pools {
        // No number of pairs proves certainty.
        let least = 0.5 / (pairs + 1.0);
        let log_odds = weight_of((same / pairs).clamp(least, 1.0 - least));
        // What a later pool is clamped to must not fall either.
        let log_odds = points.last().map_or(log_odds, |last| log_odds.max(last.log_odds));
        points.extend(weights.into_iter().map(|weight| Point { weight, log_odds }));
    }
    points
}

/// Calibrates by a straight line of log odds on weight, held near no change unless the evidence says otherwise.
pub fn platt(judged: &[Judged]) -> Vec<Point> {
    let line = line(judged);
    line.map_or_else(Vec::new, |(shift, slope)| {
        [IN_DOUBT.start, IN_DOUBT.end]
            .map(|weight| Point { weight, log_odds: shift + slope * weight })
            .to_vec()
    })
}

/// Calibrates a model anew by pairs that people judged, starting from the calibration that it has.
///
/// The line is fitted to what the model now says, and what comes back is another model with another digest. Pairs
/// judged must be all that were sampled, or drawn from them by chance, never those that somebody picked.
///
/// # Errors
///
/// [`crate::Error::NoPairs`] where no judged pair is in doubt.
pub fn recalibrate(model: &Model, judged: &[Judged]) -> Result<Model> {
    let now = |weight| calibrated(model.calibration(), weight);
    let seen: Vec<Judged> =
        judged.iter().map(|one| Judged { weight: now(one.weight), ..*one }).collect();
    let (shift, slope) = line(&seen).ok_or(Error::NoPairs)?;
    let mut weights: Vec<f64> = model.calibration().iter().map(|point| point.weight).collect();
    if weights.is_empty() {
        weights = vec![IN_DOUBT.start, IN_DOUBT.end];
    }
    let point = |weight| Point { weight, log_odds: shift + slope * now(weight) };
    model.with_calibration(weights.into_iter().map(point).collect())
}

/// Counts the judged pairs that a model is in doubt about by what it now says: [`recalibrate`] learns from these alone.
pub fn in_doubt(model: &Model, judged: &[Judged]) -> usize {
    let now = |one: &&Judged| IN_DOUBT.contains(&calibrated(model.calibration(), one.weight));
    judged.iter().filter(now).count()
}

/// Fits log2 odds = shift + slope · weight.
fn line(judged: &[Judged]) -> Option<(f64, f64)> {
    let in_doubt: Vec<&Judged> =
        judged.iter().filter(|one| IN_DOUBT.contains(&one.weight)).collect();
    if in_doubt.is_empty() {
        return None;
    }
    // Newton's steps on the posterior of the shift and the logarithm of the slope.
    let natural = std::f64::consts::LN_2;
    let (mut shift, mut stretch) = (0.0f64, 0.0f64);
    for _ in 0..50 {
        let slope = exp(stretch);
        let precision = (1.0 / squared(FREEDOM.0), 1.0 / squared(FREEDOM.1));
        let mut gradient = (-shift * precision.0, -stretch * precision.1);
        let mut hessian = (precision.0, 0.0, precision.1);
        for one in &in_doubt {
            let at = slope * one.weight * natural;
            let chance = probability((shift + at) / natural);
            let left = one.pairs * (one.same - chance);
            let spread = one.pairs * chance * (1.0 - chance);
            gradient.0 += left;
            gradient.1 += left * at;
            hessian.0 += spread;
            hessian.1 += spread * at;
            hessian.2 += spread * at * at;
        }
        let determinant = hessian.0 * hessian.2 - hessian.1 * hessian.1;
        let step = (
            (hessian.2 * gradient.0 - hessian.1 * gradient.1) / determinant,
            (hessian.0 * gradient.1 - hessian.1 * gradient.0) / determinant,
        );
        // A step too far would overshoot; a slope beyond these is no calibration.
        shift = (shift + step.0.clamp(-1.0, 1.0)).clamp(-10.0, 10.0);
        stretch = (stretch + step.1.clamp(-0.3, 0.3)).clamp(-1.5, 1.5);
        if step.0.abs().max(step.1.abs()) < 1e-9 {
            break;
        }
    }
    Some((shift / natural, exp(stretch)))
}

#[derive(Clone, Default)]
struct Bin {
    weights: f64,
    same: f64,
    pairs: f64,
}

/// Puts the pairs in doubt into bins of like weight, each with pairs enough, the lightest first.
fn bins(judged: &[Judged]) -> Vec<Bin> {
    let mut fine: std::collections::BTreeMap<i64, Bin> = std::collections::BTreeMap::new();
    for one in judged.iter().filter(|one| IN_DOUBT.contains(&one.weight) && one.pairs > 0.0) {
        let bin = fine.entry(place_of(one.weight)).or_default();
        bin.weights += one.weight * one.pairs;
        bin.same += one.same * one.pairs;
        bin.pairs += one.pairs;
    }
    let mut bins: Vec<Bin> = Vec::new();
    for bin in fine.into_values() {
        match bins.last_mut() {
            Some(last) if last.pairs < LEAST_IN_BIN => {
                last.weights += bin.weights;
                last.same += bin.same;
                last.pairs += bin.pairs;
            }
            _ => bins.push(bin),
        }
    }
    // The last may have been left with few.
    if bins.len() > 1
        && bins.last().is_some_and(|bin| bin.pairs < LEAST_IN_BIN)
        && let Some(few) = bins.pop()
        && let Some(last) = bins.last_mut()
    {
        last.weights += few.weights;
        last.same += few.same;
        last.pairs += few.pairs;
    }
    bins
}

#[expect(clippy::cast_possible_truncation, reason = "a weight in doubt lies between -10 and 14")]
fn place_of(weight: f64) -> i64 {
    (weight / BIN).floor() as i64
}

/// What second hits say of pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondHits {
    /// One for each pair, in their order.
    pub judged: Vec<Judged>,
    /// How many source records are thought to have a partner.
    pub partnered: f64,
}

/// Reckons, without labels, how far each pair is the same individual, from the other pairs of its source record.
///
/// `pairs` are all that could be the same individual, those of one source record together; `sources` is how many records
/// the source's table has, each of which may have one partner at most; `counts` says how often each source record of the
/// pairs counts, in the order in which they come, for resampling: once each, if empty. What comes back is right on
/// average over pairs of like weight, and says nothing of any one.
pub fn from_second_hits(
    pairs: &[Pair],
    sources: f64,
    points: &[Point],
    counts: &[f64],
) -> SecondHits {
    let odds: Vec<f64> =
        pairs.iter().map(|pair| exp2(calibrated(points, pair.weight).min(900.0))).collect();
    let same_source = |one: &Pair, other: &Pair| one.source == other.source;
    let lengths: Vec<usize> = pairs.chunk_by(same_source).map(<[Pair]>::len).collect();
    let mut sums = Vec::with_capacity(lengths.len());
    let mut first = 0;
    for length in &lengths {
        sums.push(odds[first..first + length].iter().sum::<f64>());
        first += length;
    }
    let alone = alone(&sums, sources, counts);
    let mut judged = Vec::with_capacity(pairs.len());
    let mut partnered = 0.0;
    for (place, (length, all)) in lengths.iter().zip(&sums).enumerate() {
        let count = counts.get(place).copied().unwrap_or(1.0);
        let has_partner = all / (alone + all);
        partnered += count * has_partner;
        let first = judged.len();
        judged.extend((first..first + length).map(|index| Judged {
            weight: pairs[index].weight,
            // For now how far it is known to be another than the partner.
            same: (1.0 - odds[index] / all).max(0.0) * has_partner,
            pairs: count,
        }));
    }
    // As many again for the records without a partner, which have nobody to be known by.
    let scale = if partnered > 0.0 { (sources / partnered).max(1.0) } else { 1.0 };
    for one in &mut judged {
        one.same = 1.0 - scale * one.same;
    }
    SecondHits { judged, partnered }
}

/// How often second hits are judged anew by the calibration that they gave.
const ROUNDS: u32 = 3;

/// Learns what weights stand for from second hits, where a source record has one partner at most.
///
/// The arguments are those of [`from_second_hits`].
pub fn by_second_hits(pairs: &[Pair], sources: f64, counts: &[f64]) -> Vec<Point> {
    let mut points = Vec::new();
    for _ in 0..ROUNDS {
        points = calibrate(&from_second_hits(pairs, sources, &points, counts).judged);
    }
    points
}
