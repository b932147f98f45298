//! Links the records that came since the last time: with each other, and with those that were there.
//!
//! Steps five to seven of the path for a file that grows. The pairs of old records are neither made nor scored again, so
//! growing in steps costs what linking all at once costs, and comes to the same pairs: that is a test. It holds of weights
//! only if frequencies are the same at every step, as those of a population are that the caller supplies; counted anew in
//! a grown table they move, and old weights would with them. Clusters are made of all pairs kept so far, and keep their
//! ids by [`crate::cluster::Registry`].

use crate::Result;
use crate::block::Blocks;
use crate::compare::Comparer;
use crate::link::Pair;
use crate::score::Scorer;

/// Where the new records begin; those before it were linked already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The first new row of the source's table; all its rows are old where this is their number.
    pub source: u32,
    /// The first new row of the recipient's table. Within one table it means nothing.
    pub recipient: u32,
}

/// Scores the pairs in which a record is new, and returns those that weigh at least `least`, by source and then recipient
/// record.
///
/// # Errors
///
/// [`crate::Error::UnknownColumn`] where the tables lack a column of the model.
pub fn link_increment(scorer: &Scorer<'_>, since: Since, least: f64) -> Result<Vec<Pair>> {
    let blocks = Blocks::new(scorer.tables(), scorer.model().rules())?;
    let mut comparer = Comparer::new(scorer.tables(), scorer.model().comparisons())?;
    let mut pairs = Vec::new();
    for blocked in blocks.pairs_since(since) {
        let (source, recipient, rule) = (blocked.source, blocked.recipient, blocked.rule);
        let pattern = comparer.pattern(source, recipient);
        let weight = scorer.weight(pattern, source, recipient);
        if weight >= least {
            pairs.push(Pair { source, recipient, rule, pattern, weight });
        }
    }
    pairs.sort_unstable_by_key(|pair| (pair.source, pair.recipient));
    Ok(pairs)
}
