//! Links two prepared tables: block, compare and score, composed.
//!
//! Steps five to seven of the path in one call. Of the pairs it keeps those at or above the threshold; of the others only
//! counts remain. The composition itself, which is the definition, stands in `link/plain.rs`; the work is done by the
//! fused pass (`fuse`), which must give the same rows. It opens no lead: that takes the agreement's discrepancy rule, and
//! another crate.

#[cfg(test)]
pub(crate) mod plain;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::block::{Blocks, RuleCount};
use crate::fuse::{Fused, Goal, Ready, Tally};
use crate::model::{Expectation, Model, ThresholdRule};
use crate::one_to_one::settle;
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::score::Scorer;
use crate::tables::{Missing, Tables};
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
    /// How many scored pairs had a weight from each whole number to below the next; empty with [`Detail::Kept`].
    pub histogram: Vec<(i32, u64)>,
    /// How many scored pairs had each pattern; empty with [`Detail::Kept`].
    pub patterns: Vec<(Pattern, u64)>,
    /// What the tables lack.
    pub missing: Vec<Missing>,
    /// What is expected of the pairs kept.
    pub expectation: Expectation,
}

/// How far linking has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pairs looked at so far. A pair that several rules make is looked at by each of them, and scored by the first.
    pub scored_pairs: u64,
    /// Pairs that there are to look at.
    pub all_pairs: u64,
}

/// Links the tables of a scorer by its model.
///
/// The pairs, weights and counts are the same bits whatever the order of the rows, records being told apart by their
/// values. Where two pairs of the same weight compete for a record, the order of the records' values decides, then of
/// their ids, and only then of rows; [`Links::tied_pairs`] says how often any of these did.
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
/// use linkage::link;
///
/// let scorer = Scorer::new(&model, &tables)?;
/// let links = link(&scorer, |_| {})?;
/// // One-to-one keeps a pair of each source record, and each kept pair weighs as much as the threshold at least.
/// assert!(links.pairs.iter().all(|pair| pair.weight >= model.threshold()));
/// assert!(links.pairs.len() as u64 <= links.pairs_at_threshold);
/// // What came of it is reckoned by the model, and not measured.
/// assert!(links.expectation.expected_precision > 0.98);
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// [`crate::Error::UnknownColumn`] where the tables lack a column of the model.
pub fn link(scorer: &Scorer<'_>, on_progress: impl FnMut(Progress)) -> Result<Links> {
    link_in_detail(scorer, Detail::Full, on_progress)
}

/// Does the same, telling more or less of the pairs that aren't kept.
///
/// # Errors
///
/// The same as [`link`].
pub fn link_in_detail(
    scorer: &Scorer<'_>,
    detail: Detail,
    on_progress: impl FnMut(Progress),
) -> Result<Links> {
    let (tables, model) = (scorer.tables(), scorer.model());
    let blocks = Blocks::new(tables, model.rules())?;
    let least = least_competing(ThresholdRule::Weight(model.threshold()));
    let weighed = score_pairs(scorer, &blocks, detail, least, None, on_progress)?;
    Ok(settled(tables, model, &blocks, weighed))
}

/// Makes links of the pairs that were weighed: what reaches the threshold and what one-to-one keeps of it.
pub(crate) fn settled(
    tables: &Tables,
    model: &Model,
    blocks: &Blocks<'_>,
    weighed: Weighed,
) -> Links {
    let forecast = Forecast::new(
        &weighed.pairs,
        model.one_to_one(),
        model.link(),
        model.calibration(),
        [Side::Source, Side::Recipient].map(|side| u64::from(tables.records(side))),
    );
    settled_by(tables, model, blocks, weighed, &forecast)
}

/// Does the same by a forecast of these pairs.
pub(crate) fn settled_by(
    tables: &Tables,
    model: &Model,
    blocks: &Blocks<'_>,
    mut weighed: Weighed,
    forecast: &Forecast,
) -> Links {
    let rules =
        if blocks.is_plain() { blocks.counts_with(&weighed.new_pairs) } else { blocks.counts() };
    let by_rule = weighed.patterns_by_rule();
    weighed.pairs.retain(|pair| pair.weight >= model.threshold());
    let pairs_at_threshold = weighed.pairs.len() as u64;
    let settled = settle(tables, model.one_to_one(), weighed.pairs);
    let expectation = forecast.expectation(model.threshold(), &settled.pairs);
    Links {
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
    }
}

/// How much is told of the pairs that aren't kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// The pattern and the weight of every pair is counted.
    #[default]
    Full,
    /// Nothing but how many pairs there were. A pair is let go as soon as it is seen that it cannot weigh enough, which
    /// is several times faster; the pairs kept are the same, to the bit.
    Kept,
}

/// What scoring every blocked pair came to.
#[derive(Debug)]
pub(crate) struct Weighed {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) count: u64,
    /// By rule, the pairs that no earlier one makes.
    pub(crate) new_pairs: Vec<u64>,
    histogram: BTreeMap<i32, u64>,
    /// By the rule that made them first.
    patterns: Vec<FxHashMap<Pattern, u64>>,
}

impl Weighed {
    /// Leaves out what is told of the pairs that aren't kept, as [`Detail::Kept`] does.
    pub(crate) fn without_detail(self) -> Self {
        Self { histogram: BTreeMap::new(), patterns: Vec::new(), ..self }
    }

    #[cfg(test)]
    pub(crate) fn histogram(&self) -> &BTreeMap<i32, u64> {
        &self.histogram
    }

    /// Counts the patterns by the rule that made them first, each in their own order.
    pub(crate) fn patterns_by_rule(&mut self) -> Vec<Vec<(Pattern, u64)>> {
        std::mem::take(&mut self.patterns).into_iter().map(sorted).collect()
    }
}

/// Compares and scores every blocked pair, or those of some source records, keeping those that weigh at least `least`.
pub(crate) fn score_pairs<'t>(
    scorer: &Scorer<'t>,
    blocks: &Blocks<'t>,
    detail: Detail,
    least: f64,
    among: Option<&[bool]>,
    on_progress: impl FnMut(Progress),
) -> Result<Weighed> {
    let ready = Ready::new(scorer.tables(), scorer.model().comparisons(), blocks)?;
    Ok(score_ready(scorer, blocks, &ready, detail, (least, among), on_progress))
}

/// Does the same by what was made ready with these blocks and the scorer's comparisons.
pub(crate) fn score_ready<'t>(
    scorer: &Scorer<'t>,
    blocks: &Blocks<'t>,
    ready: &Ready<'t>,
    detail: Detail,
    (least, among): (f64, Option<&[bool]>),
    on_progress: impl FnMut(Progress),
) -> Weighed {
    let goal = match detail {
        Detail::Full => Goal::Everything { scorer, least },
        Detail::Kept => Goal::Heavy { scorer, least },
    };
    let Tally { pairs, new_pairs, patterns, histogram } =
        Fused::new(ready, blocks, goal, among).run(on_progress);
    Weighed {
        pairs,
        count: new_pairs.iter().sum(),
        new_pairs,
        patterns,
        histogram: histogram.into_iter().collect(),
    }
}

/// Counts the patterns of the pairs of one rule, by what was made ready with the blocks of any rules.
pub(crate) fn count_ready<'t>(ready: &Ready<'t>, blocks: &Blocks<'t>) -> Vec<(Pattern, u64)> {
    let tally = Fused::of_one_rule(ready, blocks, Goal::Patterns).run(|_| {});
    let by_rule: Vec<_> = tally.patterns.into_iter().map(sorted).collect();
    all_rules(&by_rule)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a few dozen logarithms add up to no more than an i32"
)]
pub(crate) fn whole(weight: f64) -> i32 {
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
