//! Scores pairs that the caller names, whether or not a rule makes them.
//!
//! Beside the path: for pairs that a clerk, another program or a label brings. They weigh the same bits as when a rule made
//! them. Why one weighs what it weighs, [`crate::explain()`] says.

use crate::Result;
use crate::compare::Comparer;
use crate::model::Link;
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::score::Scorer;

/// A pair that the caller named, scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Given {
    /// The source's record; within one table, the one that stands first.
    pub source: RecordRef,
    /// The recipient's record; within one table, the one that stands later.
    pub recipient: RecordRef,
    /// The level of each comparison.
    pub pattern: Pattern,
    /// The weight.
    pub weight: f64,
}

/// Compares and scores pairs, in the order in which they come.
///
/// # Errors
///
/// [`crate::Error::UnknownRecord`] for a reference outside its table, and [`crate::Error::UnknownColumn`].
pub fn score_given(scorer: &Scorer<'_>, pairs: &[(RecordRef, RecordRef)]) -> Result<Vec<Given>> {
    let (tables, model) = (scorer.tables(), scorer.model());
    let mut comparer = Comparer::new(tables, model.comparisons())?;
    let mut given = Vec::with_capacity(pairs.len());
    for (one, other) in pairs {
        tables.check_record(Side::Source, *one)?;
        tables.check_record(Side::Recipient, *other)?;
        let (source, recipient) = match tables.link() {
            Link::Between => (*one, *other),
            // As the blocks have it.
            Link::Within | Link::Both => (*one.min(other), *one.max(other)),
        };
        let pattern = comparer.pattern(source, recipient);
        let weight = scorer.weight(pattern, source, recipient);
        given.push(Given { source, recipient, pattern, weight });
    }
    Ok(given)
}
