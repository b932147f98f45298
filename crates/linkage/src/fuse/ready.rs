//! What several passes over the same tables have in common: how levels are found, and the rows.
//!
//! Ahead of the fused pass. Making it goes through every value and every record, so whoever makes several passes by the
//! same comparisons, as training does, makes it once. Which pairs are looked at and what is wanted of them is the pass's
//! own affair, and what they weigh the scorer's.

use crate::Result;
use crate::block::Blocks;
use crate::fuse::finder::Finder;
use crate::fuse::rows::{Rows, Word};
use crate::fuse::sieve::{Far, Signs};
use crate::model::{Comparison, Link};
use crate::parallel::share;
use crate::record::Side;
use crate::tables::Tables;

/// Comparisons made ready to be asked of the pairs of some tables.
pub(crate) struct Ready<'t> {
    pub(crate) link: Link,
    pub(crate) threads: usize,
    pub(crate) finders: Vec<Finder<'t>>,
    /// Of each comparison, where the signs of its values stand in a row.
    pub(crate) signs: Vec<Option<Signs>>,
    /// Of each comparison, what its signs tell at once.
    pub(crate) far: Vec<Option<Far>>,
    /// The comparisons whose first level is of equal values.
    pub(crate) equal_is_first: u32,
    /// The word of each rule's key, for all rules but the last.
    pub(crate) keys: Vec<usize>,
    pub(crate) source: Rows,
    recipient: Option<Rows>,
}

impl<'t> Ready<'t> {
    /// Looks columns up and writes the rows, with the keys of the rules of `blocks`.
    pub(crate) fn new(
        tables: &'t Tables,
        comparisons: &[Comparison],
        blocks: &Blocks<'_>,
    ) -> Result<Self> {
        let column = |comparison: &Comparison| {
            let place = format!("comparison `{}`", comparison.name);
            tables.column_index(&place, &comparison.column)
        };
        let columns = comparisons.iter().map(column).collect::<Result<Vec<_>>>()?;
        // Each comparison by itself, for that goes through all values of its columns; what rows hold for it is put behind
        // the codes, and there moved up behind what they hold for the others.
        let threads = tables.threads().get();
        let made = share(threads, comparisons.iter().collect(), |comparison: &Comparison| {
            let mut own: Vec<Word> = columns.iter().copied().map(Word::Code).collect();
            let finder = Finder::new(tables, comparison, &mut own)?;
            let signs = finder.signs(&mut own);
            Ok((finder, signs, own.split_off(columns.len())))
        });
        let mut words: Vec<Word> = columns.iter().copied().map(Word::Code).collect();
        let (mut finders, mut signs) = (Vec::new(), Vec::new());
        for made in made {
            let (finder, own_signs, own): (Finder<'t>, Option<Signs>, Vec<Word>) = made?;
            let moved = |word: usize| {
                if word < columns.len() { word } else { word - columns.len() + words.len() }
            };
            finders.push(finder.with_words(moved));
            signs.push(own_signs.map(|signs| signs.with_words(moved)));
            words.extend(own);
        }
        let far = signs.iter().zip(comparisons).map(|(signs, comparison)| {
            signs
                .and_then(|signs| Far::of(signs, comparison.levels.iter().map(|level| &level.test)))
        });
        let far = far.collect();
        // Where a rule asks more than equal keys, no pass goes by the keys of several.
        let earlier = if blocks.is_plain() { blocks.rules().len().saturating_sub(1) } else { 0 };
        let keys = blocks.rules()[..earlier].iter().enumerate().map(|(rule, keyed)| {
            // Where the key is a column's whole value, equal keys are equal codes.
            let same =
                |word: &Word| matches!(word, Word::Code(column) if Some(*column) == keyed.column);
            words.iter().position(same).unwrap_or_else(|| {
                words.push(Word::Key(rule));
                words.len() - 1
            })
        });
        let keys = keys.collect();
        let equal_is_first = finders
            .iter()
            .enumerate()
            .fold(0, |set, (index, finder)| set | u32::from(finder.equal_is_first) << index);
        let link = tables.link();
        Ok(Self {
            link,
            threads,
            finders,
            signs,
            far,
            equal_is_first,
            keys,
            source: Rows::new(tables, blocks, &words, Side::Source),
            recipient: (link == Link::Between)
                .then(|| Rows::new(tables, blocks, &words, Side::Recipient)),
        })
    }

    pub(crate) fn recipient_rows(&self) -> &Rows {
        self.recipient.as_ref().unwrap_or(&self.source)
    }
}
