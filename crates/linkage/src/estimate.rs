//! Precision and recall without labels, each with an interval.
//!
//! After linking. The probabilities of the pairs, calibrated by second hits and with rivals reckoned with, say how many
//! of the pairs kept are the same individual. How many there are in all, found or not, is reckoned by two lists that share
//! no column (`two_lists`), which asks nothing of the weights of pairs that are hard to find. Where the rules give no such
//! lists, the probabilities of the pairs left out are added up, and what the rules never made is reckoned from how many
//! rules made each pair that was found (Chao, [Estimating the Population Size for Capture-Recapture
//! Data](https://doi.org/10.2307/2531532), 1987): a lower bound where rules fail together.
//!
//! The interval has three sources. Source records are drawn again with replacement (each a Poisson count), and calibration
//! learnt anew: what was estimated could have come out otherwise. Given the probabilities, the pairs at hand fall one way
//! or the other. And for recall, who is on which list is chance. The variances are added, and the interval is Wilson's for
//! as many trials as have that variance. It covers what no data at hand can tell as little as any: that the two lists fail
//! apart, and that a group's weights mean what they mean of all. A reviewed sample is worth more. Where a record may have
//! several partners there are no second hits to learn from: then the interval lacks the first source, and says so.
//!
//! Two other ways ask nothing of weights: `links_per_record` counts how many links each record has, and `decoys` links
//! records that are known to have no counterpart. Where the three say different things, one's assumptions don't hold.

mod decoys;
mod links_per_record;

use serde::{Deserialize, Serialize};

use crate::block::Blocks;
use crate::calibrate::{Point, by_second_hits};
use crate::elementary::{exp, squared};
use crate::link::{Detail, Pair, score_pairs};
use crate::model::{Link, OneToOne, ThresholdRule};
use crate::one_to_one::settle;
use crate::random::Dice;
use crate::record::{RecordRef, Side};
use crate::rivals::Rivals;
use crate::score::Scorer;
use crate::threshold::least_competing;
use crate::two_lists::{OnLists, Together, TwoLists};
use crate::{Error, Result};

pub use decoys::{ByDecoys, by_decoys, made_up};
pub use links_per_record::{ByLinks, LinkClass, by_links_per_record};

/// Standard errors on either side of an interval that holds the truth 95 times in 100.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// A share and the interval that holds the true one about 95 times in 100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How many pairs of the same individual there are, linked or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// How many.
    pub pairs: f64,
    /// The standard error of that; 0 where it is known.
    pub error: f64,
}

impl Whole {
    /// Returns the share of them that so many are, whose variance this is; each is worth so many trials at most.
    fn recall(&self, found: f64, variance: f64, worth: f64) -> Interval {
        let all = self.pairs.max(found).max(1.0);
        let share = found / all;
        let spread = (variance + squared(share * self.error)) / (all * all);
        of_share(share, spread, (all, all * worth))
    }
}

/// What is thought of links of which no truth is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The threshold.
    pub threshold: f64,
    /// Pairs kept, one-to-one applied.
    pub pairs: u64,
    /// The share of them that are the same individual.
    pub precision: Interval,
    /// The share of all pairs of the same individual that were kept.
    pub recall: Interval,
    /// Pairs of the same individual, linked or not.
    pub all: Whole,
    /// Pairs of the same individual that the rules made.
    pub same_pairs: f64,
    /// Pairs of the same individual that no rule made.
    pub missed_by_rules: f64,
    /// Whether the interval reckons with the estimate's own error, by second hits.
    pub by_second_hits: bool,
    /// The rule, counted from 0, whose pairs are one of the two lists by which all pairs of the same individual were
    /// reckoned; none where the rules give no two lists with pairs enough.
    pub by_two_lists: Option<u16>,
}

/// What is thought of the links of some of the source's records.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfGroup {
    /// The source's records in the group.
    pub records: u64,
    /// Of these, the ones with a pair that was kept.
    pub linked: u64,
    /// What is thought of their pairs; none where no pair was kept.
    pub estimate: Option<Estimate>,
}

/// Estimates precision and recall at a model's threshold, drawing the source records again `resamples` times.
///
/// The same seed on the same records gives the same bits, whatever the order of the rows.
///
/// # Examples
///
/// ```
/// # use linkage::synth::{Plan, synthesise};
/// # use linkage::{Recipe, Scorer, Table, Tables, train};
/// # let files = synthesise(&Plan::small(1))?;
/// # let (payroll, caseload) = ([files.payroll], [files.caseload]);
/// # let recipe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benefits.toml"));
/// # let recipe = Recipe::from_toml(recipe)?;
/// # let source = Table::new(&payroll).with_id("row_id");
/// # let recipient = Table::new(&caseload).with_id("case_id");
/// # let tables = Tables::between(recipe.columns(), source, recipient)?;
/// # let model = train(&recipe, &tables)?;
/// use linkage::estimate::estimate;
///
/// let scorer = Scorer::new(&model, &tables)?;
/// // 95 % intervals without a label; more resamples make their ends steadier.
/// let estimate = estimate(&scorer, 7, 50)?;
/// assert!(estimate.precision.low <= estimate.precision.value);
/// assert!(estimate.recall.value <= estimate.recall.high);
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`crate::link()`], and [`Error::NoPairs`] where no pair is kept.
pub fn estimate(scorer: &Scorer<'_>, seed: u64, resamples: u32) -> Result<Estimate> {
    let (whole, _) = estimate_by_group(scorer, seed, resamples, &[], 0)?;
    Ok(whole)
}

/// Does the same for all records and for groups of them: `group_of` has the group of each of the source's records,
/// counted from 0 and below `groups`, or none.
///
/// What weights stand for is learnt from all records together, so a group whose weights mean something else by themselves
/// has an estimate that leans towards the others. What differs in how often records link, how sure their pairs are and
/// how many rules find them, it shows.
///
/// # Errors
///
/// Those of [`estimate`].
pub fn estimate_by_group(
    scorer: &Scorer<'_>,
    seed: u64,
    resamples: u32,
    group_of: &[Option<u16>],
    groups: u16,
) -> Result<(Estimate, Vec<OfGroup>)> {
    let (tables, model) = (scorer.tables(), scorer.model());
    let blocks = Blocks::new(tables, model.rules())?;
    let least = least_competing(ThresholdRule::Weight(model.threshold()));
    let mut pairs = score_pairs(scorer, &blocks, Detail::Kept, least, None, |_| {})?.pairs;
    pairs.sort_by_key(|pair| {
        (tables.rank(Side::Source, pair.source), tables.rank(Side::Recipient, pair.recipient))
    });
    let mut made = Vec::with_capacity(model.rules().len());
    let mut made_by = vec![0usize; pairs.len()];
    for rule in model.rules() {
        let one = Blocks::new(tables, std::slice::from_ref(rule))?;
        let makes = |pair: &Pair| one.first_rule(pair.source, pair.recipient).is_some();
        let by_this: Vec<bool> = pairs.iter().map(makes).collect();
        for (count, made) in made_by.iter_mut().zip(&by_this) {
            *count += usize::from(*made);
        }
        made.push(by_this);
    }
    let mut kept: Vec<Pair> =
        pairs.iter().filter(|pair| pair.weight >= model.threshold()).copied().collect();
    kept = settle(tables, model.one_to_one(), kept).pairs;
    let kept: std::collections::HashSet<_> =
        kept.iter().map(|pair| (pair.source, pair.recipient)).collect();
    let is_kept: Vec<bool> =
        pairs.iter().map(|pair| kept.contains(&(pair.source, pair.recipient))).collect();
    if kept.is_empty() {
        return Err(Error::NoPairs);
    }
    let records = [Side::Source, Side::Recipient].map(|side| u64::from(tables.records(side)));
    let mut work = Work {
        rivals: Rivals::new(&pairs, model.one_to_one(), model.link(), records),
        pairs: &pairs,
        kept: &is_kept,
        groups: pairs
            .iter()
            .map(|pair| group_of.get(pair.source.index()).copied().flatten().map(usize::from))
            .collect(),
        made_by: &made_by,
        rules: model.rules().len(),
        sources: records[0] as f64,
        second_hits: model.link() == Link::Between && model.one_to_one() != OneToOne::Off,
        calibration: model.calibration(),
        lists: None,
    };
    let chances = work.rivals.chances(&work.learnt(&[]), 1);
    let together = Together::of(&pairs, &chances, tables);
    let lists = TwoLists::of_rules(scorer, &pairs, &made)?;
    work.lists = TwoLists::highest(lists, &chances, &together).map(|lists| (lists, together));
    let mut estimates = work.estimate(model.threshold(), seed, resamples, usize::from(groups));
    let linked: std::collections::BTreeSet<RecordRef> =
        kept.iter().map(|(source, _)| *source).collect();
    let mut told: Vec<OfGroup> = estimates
        .split_off(1)
        .into_iter()
        .map(|estimate| OfGroup {
            records: 0,
            linked: 0,
            estimate: (estimate.pairs > 0).then_some(estimate),
        })
        .collect();
    for (row, group) in (0..tables.records(Side::Source)).zip(group_of) {
        if let Some(group) = group.and_then(|group| told.get_mut(usize::from(group))) {
            group.records += 1;
            group.linked += u64::from(linked.contains(&RecordRef::new(row)));
        }
    }
    let whole = estimates.pop().ok_or(Error::NoPairs)?;
    Ok((whole, told))
}

/// What every resample needs.
struct Work<'w> {
    rivals: Rivals,
    pairs: &'w [Pair],
    kept: &'w [bool],
    /// By pair, the group of its source record.
    groups: Vec<Option<usize>>,
    made_by: &'w [usize],
    rules: usize,
    sources: f64,
    second_hits: bool,
    calibration: &'w [Point],
    /// What says how many pairs there are, if anything does, and which of the pairs are of one individual.
    lists: Option<(TwoLists, Together)>,
}

/// Sums over the pairs.
#[derive(Default)]
struct Sums {
    pairs: u64,
    kept: f64,
    kept_same: f64,
    left_same: f64,
    missed: f64,
    on: OnLists,
    /// Pairs of the same individual by the two lists, and the variance of that; none where the lists say nothing.
    by_lists: Option<(f64, f64)>,
    /// Of the sums of the same, kept and left, the variances given the probabilities.
    spread: (f64, f64),
}

impl Sums {
    fn add(&mut self, kept: bool, chance: f64) {
        let spread = chance * (1.0 - chance);
        if kept {
            self.pairs += 1;
            self.kept += 1.0;
            self.kept_same += chance;
            self.spread.0 += spread;
        } else {
            self.left_same += chance;
            self.spread.1 += spread;
        }
    }

    fn precision(&self) -> f64 {
        self.kept_same / self.kept.max(f64::MIN_POSITIVE)
    }

    /// Returns how many pairs are the same individual, found or not.
    fn all(&self) -> f64 {
        let by_lists = self.by_lists.map(|(all, _)| all.max(self.kept_same));
        by_lists.unwrap_or(self.kept_same + self.left_same + self.missed)
    }

    /// Returns the variance of that, given the probabilities.
    fn all_variance(&self) -> f64 {
        let by_lists = self.by_lists.map(|(_, variance)| variance);
        by_lists.unwrap_or(self.spread.0 + self.spread.1 + self.missed)
    }

    fn recall(&self) -> f64 {
        let all = self.all();
        if all > 0.0 { self.kept_same / all } else { 0.0 }
    }

    /// Returns the variance of recall, given the probabilities.
    fn recall_variance(&self) -> f64 {
        let (all, recall) = (self.all().max(f64::MIN_POSITIVE), self.recall());
        let of_all = match self.by_lists {
            Some((_, variance)) => squared(recall) * variance + self.spread.0,
            // Pairs that no rule made are scattered like a Poisson count.
            None => {
                squared(1.0 - recall) * self.spread.0
                    + squared(recall) * (self.spread.1 + self.missed)
            }
        };
        of_all / (all * all)
    }
}

impl Work<'_> {
    /// Estimates for all pairs, and then for those of each group.
    fn estimate(&self, threshold: f64, seed: u64, resamples: u32, groups: usize) -> Vec<Estimate> {
        let mut dice = Dice::new(seed);
        let sources = self.pairs.chunk_by(|one, other| one.source == other.source).count();
        let drawn: Vec<Vec<Sums>> = (0..if self.second_hits { resamples } else { 0 })
            .map(|_| {
                let counts: Vec<f64> = (0..sources).map(|_| poisson(&mut dice)).collect();
                self.sums(&counts, groups)
            })
            .collect();
        let at_hand = self.sums(&[], groups);
        let one = |(place, sums): (usize, &Sums)| {
            self.of_sums(threshold, sums, drawn.iter().filter_map(|drawn| drawn.get(place)))
        };
        at_hand.iter().enumerate().map(one).collect()
    }

    fn of_sums<'s>(
        &self,
        threshold: f64,
        sums: &Sums,
        drawn: impl Iterator<Item = &'s Sums>,
    ) -> Estimate {
        let (precision, recall) = (sums.precision(), sums.recall());
        let (precisions, recalls): (Vec<f64>, Vec<f64>) =
            drawn.map(|again| (again.precision(), again.recall())).unzip();
        let given_precision = sums.spread.0 / (sums.kept * sums.kept).max(f64::MIN_POSITIVE);
        let given_recall = sums.recall_variance();
        Estimate {
            threshold,
            pairs: sums.pairs,
            precision: whole(
                wilson(precision, variance(&precisions) + given_precision, sums.kept),
                sums.kept.max(1.0),
            ),
            recall: wilson(recall, variance(&recalls) + given_recall, sums.all()),
            all: Whole { pairs: sums.all(), error: sums.all_variance().sqrt() },
            same_pairs: (sums.all() - sums.missed).max(sums.kept_same),
            missed_by_rules: sums.missed,
            by_second_hits: self.second_hits,
            by_two_lists: sums
                .by_lists
                .and(self.lists.as_ref())
                .and_then(|(lists, _)| u16::try_from(lists.rule).ok()),
        }
    }

    /// Sums over the pairs at hand and over those of each group, calibrated by second hits of records that count as often
    /// as `counts` says.
    ///
    /// Only the calibration is learnt from the records drawn again: who is at hand is the same for the truth and for
    /// what is said of it, and no part of how far one is from the other.
    fn sums(&self, counts: &[f64], groups: usize) -> Vec<Sums> {
        let anew = self.learnt(counts);
        let mut sums: Vec<Sums> = (0..=groups).map(|_| Sums::default()).collect();
        let mut made = vec![vec![0.0; self.rules + 1]; groups + 1];
        let chances = self.rivals.chances(&anew, 1);
        for (place, chance) in chances.iter().copied().enumerate() {
            let own = self.groups[place].map(|group| group + 1).filter(|own| *own <= groups);
            for whose in std::iter::once(0).chain(own) {
                sums[whose].add(self.kept[place], chance);
                if let Some((lists, _)) = &self.lists {
                    lists.add(&mut sums[whose].on, place, chance);
                }
                if self.kept[place] {
                    made[whose][self.made_by[place]] += chance;
                }
            }
        }
        for (whose, (sums, made)) in sums.iter_mut().zip(&made).enumerate() {
            sums.missed = missed(made);
            if let Some((lists, together)) = &self.lists
                && let Some(all) = sums.on.all()
            {
                // What is drawn again says how far the chances are uncertain, and who was found is held.
                let counted = |place: usize| {
                    whose == 0 || self.groups[place].map(|own| own + 1) == Some(whose)
                };
                let variance = if counts.is_empty() {
                    lists.variance(&sums.on, &chances, together, counted)
                } else {
                    0.0
                };
                sums.by_lists = Some((all, variance));
                sums.missed = sums.on.missed();
            }
        }
        sums
    }

    /// Learns what weights stand for, from source records that count as often as `counts` says.
    fn learnt(&self, counts: &[f64]) -> Vec<Point> {
        if self.second_hits {
            by_second_hits(self.pairs, self.sources, counts)
        } else {
            self.calibration.to_vec()
        }
    }
}

/// Reckons how many same pairs no rule made, from how many were made by one rule, two and so on.
fn missed(made: &[f64]) -> f64 {
    let rules = made.len() as f64 - 1.0;
    let of = |count: usize| made.get(count).copied().unwrap_or(0.0);
    (rules - 1.0) / rules.max(1.0) * of(1) * (of(1) - 1.0).max(0.0) / (2.0 * (of(2) + 1.0))
}

/// A count with a mean of 1.
fn poisson(dice: &mut Dice) -> f64 {
    let (mut at, mut chance, mut count) = (dice.share(), exp(-1.0), 0.0);
    while at >= chance && count < 20.0 {
        at -= chance;
        count += 1.0;
        chance /= count;
    }
    count
}

fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| squared(value - mean)).sum::<f64>() / (count - 1.0)
}

/// Returns how many of so many there are, with Wilson's interval; all of none is 1, and says nothing: 0 to 1.
pub fn interval_of(count: f64, of: f64) -> Interval {
    if of <= 0.0 {
        return Interval { value: 1.0, low: 0.0, high: 1.0 };
    }
    let share = count / of;
    wilson(share, share * (1.0 - share) / of, of)
}

/// Wilson's interval for a share of this variance: that of as many trials as would have it, and never more than `most`.
fn wilson(share: f64, variance: f64, most: f64) -> Interval {
    let spread = share * (1.0 - share);
    let trials = if variance > 0.0 { (spread / variance).min(most) } else { most }.max(1.0);
    let square = NORMAL_95 * NORMAL_95;
    let middle = (share + square / (2.0 * trials)) / (1.0 + square / trials);
    let half = NORMAL_95 / (1.0 + square / trials)
        * (spread / trials + square / (4.0 * trials * trials)).sqrt();
    Interval { value: share, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// Does the same for a share that may be all or none, as which half a pair less or more is as good.
fn of_share(share: f64, variance: f64, (of, most): (f64, f64)) -> Interval {
    let half = 0.5 / of.max(1.0);
    let near = wilson(share.clamp(half, 1.0 - half), variance, most.max(1.0));
    let low = if share <= half { 0.0 } else { near.low };
    Interval { value: share, low, high: if share >= 1.0 - half { 1.0 } else { near.high } }
}

/// Widens an interval to whole pairs: some number of the kept are the same individual, and no part of one.
fn whole(interval: Interval, pairs: f64) -> Interval {
    Interval {
        value: interval.value,
        low: (interval.low * pairs).floor() / pairs,
        high: (interval.high * pairs).ceil() / pairs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_the_textbooks() {
        // 81 of 263: 0.2553 to 0.3662 (Newcombe, 1998, table I).
        let share: f64 = 81.0 / 263.0;
        let interval = wilson(share, share * (1.0 - share) / 263.0, 263.0);
        assert!((interval.low - 0.2553).abs() < 5e-5, "{interval:?}");
        assert!((interval.high - 0.3662).abs() < 5e-5, "{interval:?}");
        // None of 20: 0 to 0.1611.
        let none = wilson(0.0, 0.0, 20.0);
        assert!(none.low.abs() < 1e-12 && (none.high - 0.1611).abs() < 5e-5, "{none:?}");
    }

    #[test]
    fn what_no_rule_made_is_reckoned_from_what_one_and_two_made() {
        // Three rules that each make a same pair half of the time, apart: 125 of 1,000 are missed.
        let reckoned = missed(&[0.0, 375.0, 375.0, 125.0]);
        assert!((reckoned - 125.0).abs() < 1.0, "{reckoned}");
        assert!(missed(&[0.0, 10.0]).abs() < 1e-12, "one rule alone tells nothing");
    }

    #[test]
    fn a_resample_counts_each_record_once_on_average() {
        let mut dice = Dice::new(3);
        let counts: Vec<f64> = (0..20_000).map(|_| poisson(&mut dice)).collect();
        let mean = counts.iter().sum::<f64>() / 20_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert!((variance(&counts) - 1.0).abs() < 0.05);
    }
}
