//! Learns m from pairs that are known to be the same individual.
//!
//! Beside training, for those who have labels: pairs that people reviewed, or a column that says who is who. Each m is
//! the share of those pairs at its level, among the pairs that have the value; one that the recipe states stays. The
//! recipe that comes back states every m, so training learns the rest. It looks at no pair of two individuals.

use std::collections::BTreeMap;

use crate::compare::Comparer;
use crate::model::{Link, Recipe};
use crate::record::{RecordRef, Side};
use crate::tables::Tables;
use crate::train::{UNSEEN, fix};
use crate::{Error, Result};

/// Returns the recipe with every m that it doesn't state taken from these pairs of the same individual.
///
/// # Errors
///
/// [`Error::NoPairs`] for no pairs, [`Error::UnknownRecord`] for a reference outside its table, and
/// [`Error::UntrainedComparison`] where no pair has both values of a comparison.
pub fn with_m_from_labels(
    recipe: &Recipe,
    tables: &Tables,
    same: &[(RecordRef, RecordRef)],
) -> Result<Recipe> {
    tables.check_prepared(recipe.name(), recipe.link(), recipe.columns())?;
    if same.is_empty() {
        return Err(Error::NoPairs);
    }
    let comparisons = recipe.comparisons();
    let mut comparer = Comparer::new(tables, comparisons)?;
    let mut counts: Vec<Vec<f64>> =
        comparisons.iter().map(|comparison| vec![0.0; comparison.levels.len()]).collect();
    for (source, recipient) in same {
        tables.check_record(Side::Source, *source)?;
        tables.check_record(Side::Recipient, *recipient)?;
        let pattern = comparer.pattern(*source, *recipient);
        for (comparison, counts) in counts.iter_mut().enumerate() {
            if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                counts[level] += 1.0;
            }
        }
    }
    let mut with = comparisons.to_vec();
    for (comparison, counts) in with.iter_mut().zip(counts) {
        if counts.iter().sum::<f64>() == 0.0
            && comparison.levels.iter().any(|level| level.m.is_none())
        {
            return Err(Error::UntrainedComparison { comparison: comparison.name.clone() });
        }
        let mut m: Vec<f64> = counts.iter().map(|count| count.max(UNSEEN)).collect();
        fix(&mut m, comparison, |level| level.m);
        for (level, m) in comparison.levels.iter_mut().zip(m) {
            level.m = Some(m);
        }
    }
    recipe.with_comparisons(with)
}

/// Returns every pair of records that have the same id, where the id column says who is who; no id makes no pair.
pub fn same_by_id(tables: &Tables) -> Vec<(RecordRef, RecordRef)> {
    let mut people: BTreeMap<&str, Vec<RecordRef>> = BTreeMap::new();
    let references = |side| (0..tables.records(side)).map(RecordRef::new);
    for source in references(Side::Source) {
        if let Some(id) = tables.id(Side::Source, source).filter(|id| !id.is_empty()) {
            people.entry(id).or_default().push(source);
        }
    }
    let mut pairs = Vec::new();
    for recipient in references(Side::Recipient) {
        let same = tables.id(Side::Recipient, recipient).and_then(|id| people.get(id));
        for source in same.into_iter().flatten() {
            if tables.link() == Link::Between || source < &recipient {
                pairs.push((*source, recipient));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}
