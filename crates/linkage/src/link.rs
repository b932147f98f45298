//! Links two prepared tables: block, compare and score, composed.
//!
//! Steps five to seven of the path in one call. This plain composition is the definition: whatever is made faster later
//! must give the same rows. Of the pairs it keeps those at or above the threshold; of the others only counts remain.
//! It opens no lead: that takes the agreement's discrepancy rule, and another crate.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::block::{Blocks, RuleCount};
use crate::compare::Comparer;
use crate::model::{Expectation, ThresholdRule};
use crate::one_to_one::settle;
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::score::Scorer;
use crate::tables::Missing;
use crate::threshold::{Forecast, least_competing};

/// A pair that was compared and scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The source's record; within one table, the one that stands first.
    pub source: RecordRef,
    /// The recipient's record; within one table, the one that stands later.
    pub recipient: RecordRef,
    /// The first rule that made it, counted from 0.
    pub rule: u16,
    /// The level of each comparison.
    pub pattern: Pattern,
    /// The weight.
    pub weight: f64,
}

/// What linking came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// The pairs at or above the threshold that one-to-one kept, by source and then recipient record.
    pub pairs: Vec<Pair>,
    /// Pairs compared and scored.
    pub scored_pairs: u64,
    /// Pairs at or above the threshold before one-to-one.
    pub pairs_at_threshold: u64,
    /// Of the pairs kept, those that only their place in the order set before another of the same weight.
    pub tied_pairs: u64,
    /// Components that were too large to settle optimally, and were settled greedily.
    pub too_large_components: u64,
    /// What each rule made.
    pub rules: Vec<RuleCount>,
    /// How many scored pairs had a weight from each whole number to below the next.
    pub histogram: Vec<(i32, u64)>,
    /// How many scored pairs had each pattern.
    pub patterns: Vec<(Pattern, u64)>,
    /// What the tables lack.
    pub missing: Vec<Missing>,
    /// What is expected of the pairs kept.
    pub expectation: Expectation,
}

/// How far linking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pairs scored so far.
    pub scored_pairs: u64,
    /// Pairs that there will be.
    pub all_pairs: u64,
}

/// How many pairs are scored between two reports of progress.
const REPORTED_PAIRS: u64 = 1 << 16;

/// Links the tables of a scorer by its model.
///
/// The pairs, weights and counts are the same bits whatever the order of the rows, records being told apart by their
/// values. Where two pairs of the same weight compete for a record, the order of the records' values decides, then of
/// their ids, and only then of rows; [`Links::tied_pairs`] says how often any of these did.
///
/// # Errors
///
/// [`crate::Error::UnknownColumn`] where the tables lack a column of the model.
pub fn link(scorer: &Scorer<'_>, on_progress: impl FnMut(Progress)) -> Result<Links> {
    let (tables, model) = (scorer.tables(), scorer.model());
    let blocks = Blocks::new(tables, model.rules())?;
    let rules = blocks.counts();
    let least = least_competing(ThresholdRule::Weight(model.threshold()));
    let mut weighed = score_pairs(scorer, &blocks, &rules, least, on_progress)?;
    let by_rule = weighed.patterns_by_rule();
    let forecast = Forecast::new(
        &weighed.pairs,
        model.one_to_one(),
        model.link(),
        model.calibration(),
        [Side::Source, Side::Recipient].map(|side| u64::from(tables.records(side))),
    );
    weighed.pairs.retain(|pair| pair.weight >= model.threshold());
    let pairs_at_threshold = weighed.pairs.len() as u64;
    let settled = settle(tables, model.one_to_one(), weighed.pairs);
    let expectation = forecast.expectation(model.threshold(), &settled.pairs);
    Ok(Links {
        pairs: settled.pairs,
        scored_pairs: weighed.count,
        pairs_at_threshold,
        tied_pairs: settled.tied,
        too_large_components: settled.too_large,
        rules,
        histogram: weighed.histogram.into_iter().collect(),
        patterns: all_rules(&by_rule),
        missing: tables.missing().to_vec(),
        expectation,
    })
}

/// What scoring every blocked pair came to.
pub(crate) struct Weighed {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) count: u64,
    histogram: BTreeMap<i32, u64>,
    /// By the rule that made them first.
    patterns: Vec<FxHashMap<Pattern, u64>>,
}

impl Weighed {
    /// Counts the patterns by the rule that made them first, each in their own order.
    pub(crate) fn patterns_by_rule(&mut self) -> Vec<Vec<(Pattern, u64)>> {
        std::mem::take(&mut self.patterns).into_iter().map(sorted).collect()
    }
}

/// Compares and scores every blocked pair, keeping those that weigh at least `least`.
pub(crate) fn score_pairs(
    scorer: &Scorer<'_>,
    blocks: &Blocks<'_>,
    rules: &[RuleCount],
    least: f64,
    mut on_progress: impl FnMut(Progress),
) -> Result<Weighed> {
    let all_pairs = rules.last().map_or(0, |rule| rule.cumulative_pairs);
    let mut comparer = Comparer::new(scorer.tables(), scorer.model().comparisons())?;
    let mut weighed = Weighed {
        pairs: Vec::new(),
        count: 0,
        histogram: BTreeMap::new(),
        patterns: vec![FxHashMap::default(); scorer.model().rules().len()],
    };
    for blocked in blocks.pairs() {
        let pattern = comparer.pattern(blocked.source, blocked.recipient);
        let weight = scorer.weight(pattern, blocked.source, blocked.recipient);
        weighed.count += 1;
        *weighed.patterns[usize::from(blocked.rule)].entry(pattern).or_insert(0) += 1;
        *weighed.histogram.entry(whole(weight)).or_insert(0) += 1;
        if weight >= least {
            let (source, recipient, rule) = (blocked.source, blocked.recipient, blocked.rule);
            weighed.pairs.push(Pair { source, recipient, rule, pattern, weight });
        }
        if weighed.count.is_multiple_of(REPORTED_PAIRS) {
            on_progress(Progress { scored_pairs: weighed.count, all_pairs });
        }
    }
    on_progress(Progress { scored_pairs: weighed.count, all_pairs });
    weighed.pairs.sort_unstable_by_key(|pair| (pair.source, pair.recipient));
    Ok(weighed)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a few dozen logarithms add up to no more than an i32"
)]
fn whole(weight: f64) -> i32 {
    weight.floor() as i32
}

fn all_rules(rules: &[Vec<(Pattern, u64)>]) -> Vec<(Pattern, u64)> {
    let mut all: BTreeMap<Pattern, u64> = BTreeMap::new();
    for (pattern, count) in rules.iter().flatten() {
        *all.entry(*pattern).or_insert(0) += count;
    }
    all.into_iter().collect()
}

pub(crate) fn sorted(patterns: FxHashMap<Pattern, u64>) -> Vec<(Pattern, u64)> {
    let mut sorted: Vec<_> = patterns.into_iter().collect();
    sorted.sort_unstable();
    sorted
}
