//! Precision and recall from how many links each record has, without labels and without looking at any weight.
//!
//! A part of `estimate`. Where a source record has one partner at most, its links at a threshold are the one to its own
//! partner, there or not (a Bernoulli draw), and false ones, which are rare and come from many records that each could be
//! mistaken for it (a Poisson count). Some records are mistaken far more often, so they are a mixture of classes. What makes
//! the counts of links likeliest is taken (EM), with as many classes as have the least BIC. How likely a record with *n*
//! links has its own among them follows. Source: Blakely and Salmond, [Probabilistic record
//! linkage](https://doi.org/10.1093/ije/31.6.1246), 2002, who count second links; as a mixture fitted by maximum
//! likelihood, Dasylva and Goussanou, *On the consistent estimation of linkage errors without training data*, Japanese
//! Journal of Statistics and Data Science 5, 2022.
//!
//! It takes for granted that nobody stands in the recipient's table twice, that false links of a record come apart from
//! each other, and that who has a partner has no more false links than who hasn't. Households break the last: where one of
//! them is in both files, another more likely is. Classes that differ in both would say so, and could not be told apart by
//! counts, which were tried: what they say of the own links is then anything. It says nothing of a table that is linked
//! within itself.
//!
//! The interval: counts are drawn again as Poisson counts and fitted anew, and the variance of how many records have their
//! own link, given the fit, is added; then Wilson's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Interval, Whole, of_share, variance, whole};
use crate::block::Blocks;
use crate::elementary::{cos, exp, ln, tens};
use crate::link::{Detail, Pair, score_pairs};
use crate::model::{Link, OneToOne};
use crate::one_to_one::settle;
use crate::random::Dice;
use crate::record::Side;
use crate::score::Scorer;
use crate::{Error, Result};

/// The most classes that are tried.
const MOST_CLASSES: usize = 3;

/// The most rounds of EM, for the counts at hand and for those drawn again.
const ROUNDS: (u32, u32) = (4_000, 400);

/// A mean below this is no mean.
const LEAST: f64 = 1e-12;

/// With fewer second links than this, no link is worth more than one trial.
const ENOUGH: f64 = 20.0;

/// From this many records on, a cell's count is drawn again by the normal approximation.
const MANY: f64 = 200.0;

/// Source records that are alike in how they link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkClass {
    /// The share of the source's records.
    pub share: f64,
    /// How many false links one of them has on average.
    pub false_links: f64,
}

/// What the number of links of each record says at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByLinks {
    /// The threshold.
    pub threshold: f64,
    /// Links at or above it, before one-to-one.
    pub links: u64,
    /// The share of them that are the same individual.
    pub precision: Interval,
    /// Links that one-to-one kept.
    pub kept: u64,
    /// The share of those that are the same individual, if a record's own link outweighs its false ones.
    pub kept_precision: Interval,
    /// The share of all pairs of the same individual that are linked; none where nothing says how many there are.
    pub recall: Option<Interval>,
    /// The share of the source's records that are linked with their own partner.
    pub own: f64,
    /// The classes found.
    pub classes: Vec<LinkClass>,
}

/// Reckons precision and recall at each threshold from the number of links that each source record has.
///
/// `all` is how many pairs of the same individual there are, linked or not, where something says so. The same seed on the
/// same records gives the same bits.
///
/// # Errors
///
/// [`Error::SeveralPartners`] where a record may have several partners: within one table, and where the model doesn't
/// link one to one. [`Error::NoPairs`] where no pair reaches the lowest threshold.
pub fn by_links_per_record(
    scorer: &Scorer<'_>,
    thresholds: &[f64],
    all: Option<Whole>,
    seed: u64,
    resamples: u32,
) -> Result<Vec<ByLinks>> {
    let (tables, model) = (scorer.tables(), scorer.model());
    if model.link() != Link::Between || model.one_to_one() == OneToOne::Off {
        return Err(Error::SeveralPartners);
    }
    let blocks = Blocks::new(tables, model.rules())?;
    let lowest = thresholds.iter().copied().fold(f64::INFINITY, f64::min);
    let pairs = score_pairs(scorer, &blocks, Detail::Kept, lowest, None, |_| {})?.pairs;
    if pairs.is_empty() {
        return Err(Error::NoPairs);
    }
    let sources = f64::from(tables.records(Side::Source));
    let at = |threshold: &f64| {
        let links: Vec<Pair> =
            pairs.iter().filter(|pair| pair.weight >= *threshold).copied().collect();
        let counts = counts(&links, sources);
        let kept = settle(tables, model.one_to_one(), links).pairs.len() as u64;
        let links = pairs.iter().filter(|pair| pair.weight >= *threshold).count() as u64;
        reckoned(*threshold, &counts, (links, kept), all, (seed, resamples))
    };
    Ok(thresholds.iter().map(at).collect())
}

/// How many source records have how many links, those with none among them.
fn counts(links: &[Pair], sources: f64) -> Vec<(u32, f64)> {
    let mut of: BTreeMap<u32, u32> = BTreeMap::new();
    for link in links {
        *of.entry(link.source.row()).or_insert(0) += 1;
    }
    let mut counts: BTreeMap<u32, f64> = BTreeMap::from([(0, sources - of.len() as f64)]);
    for links in of.into_values() {
        *counts.entry(links).or_insert(0.0) += 1.0;
    }
    counts.into_iter().collect()
}

fn reckoned(
    threshold: f64,
    counts: &[(u32, f64)],
    (links, kept): (u64, u64),
    all: Option<Whole>,
    (seed, resamples): (u64, u32),
) -> ByLinks {
    let sources: f64 = counts.iter().map(|(_, records)| records).sum();
    let fit = likeliest(counts);
    let (own, spread) = fit.own_links(counts);
    let mut dice = Dice::new(seed);
    let drawn: Vec<f64> = (0..resamples)
        .map(|_| {
            let again: Vec<(u32, f64)> = counts
                .iter()
                .map(|(links, records)| (*links, scattered(&mut dice, *records)))
                .collect();
            Fit::of(&again, fit.own, fit.classes.clone(), ROUNDS.1).own_links(counts).0
        })
        .collect();
    let variance = variance(&drawn) + spread;
    // False links are known by the second links of records that have their own, and unknown are those of the others.
    let has_own = (own / sources.max(1.0)).min(1.0 - LEAST);
    let second: f64 =
        counts.iter().map(|(links, records)| f64::from(links.saturating_sub(1)) * records).sum();
    // With few of them the counts drawn again vary too little, and each link is worth so many trials at most.
    let worth = if second >= ENOUGH { f64::INFINITY } else { (has_own / (1.0 - has_own)).min(1.0) };
    let share_of = |of: f64| {
        let share = (own / of.max(1.0)).min(1.0);
        let variance = variance / (of * of).max(1.0);
        whole(of_share(share, variance, (of, of.max(1.0) * worth)), of.max(1.0))
    };
    ByLinks {
        threshold,
        links,
        precision: share_of(links as f64),
        kept,
        kept_precision: share_of(kept as f64),
        recall: all.map(|all| all.recall(own, variance, worth)),
        own: fit.own,
        classes: fit.classes,
    }
}

/// A mixture, and how likely it makes the counts.
struct Fit {
    own: f64,
    classes: Vec<LinkClass>,
    log_likelihood: f64,
}

/// Returns the mixture with the least BIC.
fn likeliest(counts: &[(u32, f64)]) -> Fit {
    let records: f64 = counts.iter().map(|(_, records)| records).sum();
    let mut best = likeliest_of(counts, 1, ROUNDS.0);
    for count in 2..=MOST_CLASSES {
        let fit = likeliest_of(counts, count, ROUNDS.0);
        if fit.bic(records) < best.bic(records) {
            best = fit;
        }
    }
    best
}

/// Returns the likeliest mixture of so many classes, from several beginnings, since there may be more than one summit.
fn likeliest_of(counts: &[(u32, f64)], classes: usize, rounds: u32) -> Fit {
    let records: f64 = counts.iter().map(|(_, records)| records).sum();
    let some: f64 = counts.iter().filter(|(links, _)| *links > 0).map(|(_, count)| count).sum();
    let more: f64 =
        counts.iter().map(|(links, count)| f64::from(links.saturating_sub(1)) * count).sum();
    let own = (some / records.max(1.0)).clamp(0.001, 0.999);
    let false_links = (more / records.max(1.0)).max(1e-6);
    let one = LinkClass { share: 1.0, false_links };
    let rest = (classes - 1) as f64;
    let [first, others @ ..] = [0.1, 0.02].map(|share| {
        let mut beginning = vec![LinkClass { share: 1.0 - share * rest, ..one }];
        let false_links = (1..).map(|place| false_links * tens(place));
        let others = false_links.map(|false_links| LinkClass { share, false_links });
        beginning.extend(others.take(classes - 1));
        Fit::of(counts, own, beginning, rounds)
    });
    let likelier = |best: Fit, fit: Fit| {
        if fit.log_likelihood > best.log_likelihood { fit } else { best }
    };
    others.into_iter().fold(first, likelier)
}

impl Fit {
    /// Finds the likeliest share with own links, and classes, from a beginning.
    fn of(counts: &[(u32, f64)], mut own: f64, mut classes: Vec<LinkClass>, rounds: u32) -> Self {
        let records: f64 = counts.iter().map(|(_, records)| records).sum();
        let mut before = f64::NEG_INFINITY;
        for _ in 0..rounds {
            let mut sums = vec![(0.0, 0.0); classes.len()];
            let (mut own_links, mut log_likelihood) = (0.0, 0.0);
            for (links, records) in counts.iter().filter(|(_, records)| *records > 0.0) {
                let (joint, lowered) = joint_of(&classes, own, *links);
                let all: f64 = joint.iter().map(|(with, without)| with + without).sum();
                log_likelihood += records * (ln(all.max(f64::MIN_POSITIVE)) + lowered);
                for (sum, (with, without)) in sums.iter_mut().zip(joint) {
                    let scale = records / all.max(f64::MIN_POSITIVE);
                    let (with, without) = (with * scale, without * scale);
                    let links = f64::from(*links);
                    own_links += with;
                    sum.0 += with + without;
                    sum.1 += with * (links - 1.0).max(0.0) + without * links;
                }
            }
            own = (own_links / records.max(LEAST)).clamp(0.0, 1.0);
            for (class, (of, false_links)) in classes.iter_mut().zip(sums) {
                *class = LinkClass {
                    share: of / records.max(LEAST),
                    false_links: (false_links / of.max(LEAST)).max(LEAST),
                };
            }
            if log_likelihood - before <= 1e-11 * log_likelihood.abs() {
                break;
            }
            before = log_likelihood;
        }
        Self { own, classes, log_likelihood: before }
    }

    fn bic(&self, records: f64) -> f64 {
        (2 * self.classes.len()) as f64 * ln(records.max(1.0)) - 2.0 * self.log_likelihood
    }

    /// Returns how many of these records are linked with their own partner, and the variance of that given the fit.
    fn own_links(&self, counts: &[(u32, f64)]) -> (f64, f64) {
        counts.iter().fold((0.0, 0.0), |(own, spread), (links, records)| {
            let joint = joint_of(&self.classes, self.own, *links).0.into_iter();
            let (with, all) =
                joint.fold((0.0, 0.0), |sums, (with, not)| (sums.0 + with, sums.1 + with + not));
            let chance = if all > 0.0 { with / all } else { 0.0 };
            (own + records * chance, spread + records * chance * (1.0 - chance))
        })
    }
}

/// The probability, by class, that a record is of it and has so many links, with its own among them and without.
///
/// Where all of them are too small for a number, as of a record with very many links, all are raised alike; by the power of e
/// that comes with them, they are to be lowered again.
fn joint_of(classes: &[LinkClass], own: f64, links: u32) -> (Vec<(f64, f64)>, f64) {
    let logs: Vec<(f64, f64)> = classes.iter().map(|class| class.log_joint(own, links)).collect();
    let highest =
        logs.iter().fold(f64::NEG_INFINITY, |most, (with, without)| most.max(*with).max(*without));
    let lowered = if highest < SMALLEST && highest.is_finite() { highest } else { 0.0 };
    let raised = |(with, without): (f64, f64)| (exp(with - lowered), exp(without - lowered));
    (logs.into_iter().map(raised).collect(), lowered)
}

/// The logarithm of what is still a number, with room to spare.
const SMALLEST: f64 = -600.0;

impl LinkClass {
    /// The logarithms of the probability that a record is of this class and has so many links.
    fn log_joint(&self, own: f64, links: u32) -> (f64, f64) {
        let share = ln(self.share);
        let with = match links.checked_sub(1) {
            None => f64::NEG_INFINITY,
            Some(others) => share + ln(own) + log_poisson(others, self.false_links),
        };
        (with, share + ln(1.0 - own) + log_poisson(links, self.false_links))
    }
}

/// The logarithm of the probability of a count whose mean this is.
fn log_poisson(count: u32, mean: f64) -> f64 {
    let mean = mean.max(LEAST);
    f64::from(count) * ln(mean) - mean - log_factorial(count)
}

/// The logarithm of a factorial: the sum where it is short, and else Stirling's series, which is off by less than 1e-12 there.
fn log_factorial(count: u32) -> f64 {
    let number = f64::from(count);
    if count <= 32 {
        return (2..=count).map(|number| ln(f64::from(number))).sum();
    }
    let (one, square) = (1.0 / number, 1.0 / (number * number));
    let series = one * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0));
    number * ln(number) - number + 0.5 * ln(std::f64::consts::TAU * number) + series
}

/// Draws a Poisson count of this mean; where it is large, by the normal approximation.
fn scattered(dice: &mut Dice, mean: f64) -> f64 {
    if mean >= MANY {
        // Box and Muller's pair, of which one is used.
        let (one, other) = (1.0 - dice.share(), dice.share());
        let normal = (-2.0 * ln(one)).sqrt() * cos(std::f64::consts::TAU * other);
        return (mean + mean.sqrt() * normal).round().max(0.0);
    }
    let (mut at, mut chance, mut count) = (dice.share(), exp(-mean), 0.0);
    while at >= chance && count < 10.0 * MANY {
        at -= chance;
        count += 1.0;
        chance *= mean / count;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws links of records of these classes, and returns the counts, how many are true, and how many there are.
    fn drawn(dice: &mut Dice, classes: &[(u32, f64, f64)]) -> (Vec<(u32, f64)>, f64, u64) {
        let (mut counts, mut own_links, mut all) = (BTreeMap::new(), 0.0, 0);
        for (records, own, false_links) in classes {
            for _ in 0..*records {
                let own = dice.chance(*own);
                own_links += f64::from(u8::from(own));
                let mut links = u32::from(own);
                let mut at = scattered(dice, *false_links);
                while at > 0.0 {
                    links += 1;
                    at -= 1.0;
                }
                *counts.entry(links).or_insert(0.0) += 1.0;
                all += u64::from(links);
            }
        }
        (counts.into_iter().collect(), own_links, all)
    }

    #[test]
    fn the_logarithm_of_a_factorial_is_the_sum_of_logarithms() {
        let mut sum = 0.0;
        for count in 1..2_000 {
            sum += ln(f64::from(count));
            let said = log_factorial(count);
            assert!((said - sum).abs() <= 1e-13 * sum.max(1.0), "{count}: {said} and {sum}");
        }
    }

    #[test]
    fn records_with_very_many_links_are_a_class_of_their_own_and_take_nothing_from_the_others() {
        for many in [(50, 1.0), (150, 1.0), (150, 6.0), (3_000, 6.0)] {
            let counts = [(0, 500_000.0), (1, 499_000.0), (2, 1_000.0), many];
            let fit = likeliest_of(&counts, 2, 400);
            assert!(fit.log_likelihood.is_finite() && fit.own.is_finite(), "{many:?}");
            let shares: f64 = fit.classes.iter().map(|class| class.share).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{many:?}: {shares}");
            let (own, spread) = fit.own_links(&counts);
            // All but some five hundred of the single links are true, and of each pair of links one.
            assert!((own - 499_000.0).abs() < 2_000.0 && spread >= 0.0, "{many:?}: {own}");
        }
    }

    /// How often, of so many replicates, the interval of precision and that of recall hold the truth.
    fn held(replicates: u64, classes: &[(u32, f64, f64)]) -> (f64, f64, f64) {
        let (mut precision, mut recall, mut width) = (0.0, 0.0, 0.0);
        for seed in 0..replicates {
            let (counts, own, links) = drawn(&mut Dice::new(seed), classes);
            let all = Whole { pairs: own / 0.9, error: 0.0 };
            let said = reckoned(0.0, &counts, (links, 1), Some(all), (seed, 100));
            let holds = |interval: Interval, truth: f64| {
                f64::from(u8::from(interval.low <= truth + 1e-12 && truth <= interval.high + 1e-12))
            };
            precision += holds(said.precision, own / said.links as f64);
            recall += holds(said.recall.unwrap(), 0.9);
            width += said.precision.high - said.precision.low;
        }
        let of = replicates as f64;
        (precision / of, recall / of, width / of)
    }

    #[test]
    fn where_links_come_as_assumed_the_interval_holds_the_truth_as_often_as_it_says() {
        let replicates = if std::env::var_os("COMITY_LONG").is_some() { 1_000 } else { 200 };
        for (classes, widest) in [
            (vec![(5_000, 0.45, 0.02)], 0.03),
            (vec![(5_000, 0.9, 0.2)], 0.03),
            (vec![(9_000, 0.5, 0.001), (1_000, 0.5, 0.9)], 0.03),
        ] {
            let (precision, recall, width) = held(replicates, &classes);
            let told = format!("{classes:?}: {precision} {recall}, width {width:.4}\n");
            std::io::Write::write_all(&mut std::io::stdout(), told.as_bytes()).unwrap();
            // Of 200 at 95 in 100, fewer than 180 or more than 199 come once in some hundred times.
            let few = if replicates == 200 { 0.90..=0.999 } else { 0.92..=0.98 };
            assert!(few.contains(&precision), "{told}");
            assert!(few.contains(&recall), "{told}");
            assert!(width < widest, "{told}");
        }
    }

    #[test]
    fn no_second_link_is_no_proof_that_none_is_false() {
        let counts = [(0, 900.0), (1, 100.0)];
        let said = reckoned(0.0, &counts, (100, 100), None, (1, 50));
        assert!(said.precision.value > 0.999);
        // A hundred records, of which a tenth have a partner: ten second links would have been seen as one.
        assert!(said.precision.low < 0.8, "{said:?}");
        assert!(said.recall.is_none());
    }

    #[test]
    fn records_that_differ_are_found_to_be_of_two_classes() {
        let (counts, _, links) =
            drawn(&mut Dice::new(5), &[(9_000, 0.5, 0.001), (1_000, 0.5, 0.9)]);
        let said = reckoned(0.0, &counts, (links, 1), None, (1, 20));
        assert_eq!(said.classes.len(), 2, "{said:?}");
        let many = said.classes.iter().map(|class| class.false_links).fold(0.0, f64::max);
        assert!((many - 0.9).abs() < 0.3, "{said:?}");
    }
}
