//! Linking composed plainly: every blocked pair, compared, then scored.
//!
//! The definition of steps five to seven. The fused pass is held to it on random tables and models, pair by pair and bit
//! by bit; nothing runs it but tests.

use std::collections::BTreeMap;

use super::{Pair, whole};
use crate::Result;
use crate::block::Blocks;
use crate::compare::Comparer;
use crate::model::Comparison;
use crate::pattern::Pattern;
use crate::score::Scorer;
use crate::tables::Tables;

/// What scoring every blocked pair came to.
pub(crate) struct Plain {
    /// The pairs that weigh enough, by source and then recipient record.
    pub(crate) pairs: Vec<Pair>,
    /// The pairs of each pattern, by the rule that made them first.
    pub(crate) patterns: Vec<BTreeMap<Pattern, u64>>,
    /// The pairs from each whole weight to below the next.
    pub(crate) histogram: BTreeMap<i32, u64>,
}

/// Compares and scores every blocked pair, keeping those that weigh at least `least`.
pub(crate) fn score_plainly(scorer: &Scorer<'_>, blocks: &Blocks<'_>, least: f64) -> Result<Plain> {
    let model = scorer.model();
    let mut comparer = Comparer::new(scorer.tables(), model.comparisons())?;
    let mut plain = Plain {
        pairs: Vec::new(),
        patterns: vec![BTreeMap::new(); model.rules().len()],
        histogram: BTreeMap::new(),
    };
    for blocked in blocks.pairs() {
        let pattern = comparer.pattern(blocked.source, blocked.recipient);
        let weight = scorer.weight(pattern, blocked.source, blocked.recipient);
        *plain.patterns[usize::from(blocked.rule)].entry(pattern).or_insert(0) += 1;
        *plain.histogram.entry(whole(weight)).or_insert(0) += 1;
        if weight >= least {
            let (source, recipient, rule) = (blocked.source, blocked.recipient, blocked.rule);
            plain.pairs.push(Pair { source, recipient, rule, pattern, weight });
        }
    }
    plain.pairs.sort_unstable_by_key(|pair| (pair.source, pair.recipient));
    Ok(plain)
}

/// Counts the patterns of the pairs of all rules, pair by pair.
pub(crate) fn count_plainly(
    tables: &Tables,
    comparisons: &[Comparison],
    blocks: &Blocks<'_>,
) -> Result<Vec<(Pattern, u64)>> {
    let mut comparer = Comparer::new(tables, comparisons)?;
    let mut counts = BTreeMap::new();
    for pair in blocks.pairs() {
        *counts.entry(comparer.pattern(pair.source, pair.recipient)).or_insert(0) += 1;
    }
    Ok(counts.into_iter().collect())
}
