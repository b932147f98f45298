//! The fused pass: blocks in, weighed pairs or counts of patterns out, one look at each pair.
//!
//! Steps five to seven of the path at once, in place of [`Blocks::pairs`], [`crate::compare::Comparer`] and
//! [`Scorer::weight`] one after the other. That plain composition is the definition and stands in `link/plain.rs`; a
//! property test holds this to the same pairs, patterns and bits. What is different here is only how: work is cut by
//! pairs (`unit`), records are read as short rows (`rows`), levels are found with less work (`finder`), and pairs that
//! cannot weigh enough are let go, most of them many at a time (`sieve`) and others before their likenesses are worked out
//! (`bound`). It settles and clusters nothing.

mod bound;
mod edit;
mod finder;
mod pass;
mod rows;
mod sieve;
#[cfg(test)]
mod tests;
mod unit;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

pub(crate) use crate::fuse::edit::within_one;
pub(crate) use crate::fuse::pass::Tally;

use crate::Result;
use crate::block::Blocks;
use crate::fuse::bound::Bound;
use crate::fuse::finder::Finder;
use crate::fuse::pass::Worker;
use crate::fuse::rows::{Rows, Word};
use crate::fuse::sieve::{Sieve, Signs};
use crate::fuse::unit::cut;
use crate::link::Progress;
use crate::model::{Comparison, Link};
use crate::parallel::share;
use crate::record::Side;
use crate::score::Scorer;
use crate::tables::Tables;

/// What a pass is made for.
#[derive(Clone, Copy)]
pub(crate) enum Goal<'s, 't> {
    /// How many pairs of each rule have each pattern.
    Patterns,
    /// The same, how many pairs weigh how much, and the pairs that weigh this much at least.
    Everything { scorer: &'s Scorer<'t>, least: f64 },
    /// Only the pairs that weigh this much at least.
    Heavy { scorer: &'s Scorer<'t>, least: f64 },
}

/// One pass over the pairs of some blocks, made ready.
pub(crate) struct Fused<'s, 't> {
    blocks: &'s Blocks<'t>,
    goal: Goal<'s, 't>,
    link: Link,
    /// By source record, whether its pairs are looked at; where there is none, all are.
    among: Option<&'s [bool]>,
    finders: Vec<Finder<'t>>,
    /// The comparisons whose first level is of equal values.
    equal_is_first: u32,
    bound: Option<Bound>,
    sieve: Option<Sieve>,
    /// The word of each rule's key, for all rules but the last.
    keys: Vec<usize>,
    source: Rows,
    recipient: Option<Rows>,
}

impl<'s, 't> Fused<'s, 't> {
    /// Makes a pass ready: looks columns up and writes the rows.
    pub(crate) fn new(
        tables: &'t Tables,
        comparisons: &[Comparison],
        blocks: &'s Blocks<'t>,
        goal: Goal<'s, 't>,
        among: Option<&'s [bool]>,
    ) -> Result<Self> {
        let column = |comparison: &Comparison| {
            let place = format!("comparison `{}`", comparison.name);
            tables.column_index(&place, &comparison.column)
        };
        let columns = comparisons.iter().map(column).collect::<Result<Vec<_>>>()?;
        // Each comparison by itself, for that goes through all values of its columns; what rows hold for it is put behind
        // the codes, and there moved up behind what they hold for the others.
        let is_heavy = matches!(goal, Goal::Heavy { .. });
        let made = share(
            tables.threads().get(),
            comparisons.iter().collect(),
            |comparison: &Comparison| -> Result<_> {
                let mut own: Vec<Word> = columns.iter().copied().map(Word::Code).collect();
                let finder = Finder::new(tables, comparison, &mut own)?;
                let signs = if is_heavy { finder.signs(&mut own) } else { None };
                Ok((finder, signs, own.split_off(columns.len())))
            },
        );
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
        let earlier = blocks.rules().len().saturating_sub(1);
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
        let (bound, sieve) = match &goal {
            Goal::Heavy { scorer, least } => {
                let bound = Bound::new(scorer, &finders, *least);
                let sieve = Sieve::new(scorer, &finders, &bound, signs, *least);
                (Some(bound), Some(sieve))
            }
            Goal::Patterns | Goal::Everything { .. } => (None, None),
        };
        let equal_is_first = finders
            .iter()
            .enumerate()
            .fold(0, |set, (index, finder)| set | u32::from(finder.equal_is_first) << index);
        let link = tables.link();
        Ok(Self {
            blocks,
            goal,
            link,
            among,
            finders,
            equal_is_first,
            bound,
            sieve,
            keys,
            source: Rows::new(tables, blocks, &words, Side::Source),
            recipient: (link == Link::Between)
                .then(|| Rows::new(tables, blocks, &words, Side::Recipient)),
        })
    }

    fn recipient_rows(&self) -> &Rows {
        self.recipient.as_ref().unwrap_or(&self.source)
    }

    /// Goes through all pairs on so many threads. What comes out doesn't depend on how many.
    pub(crate) fn run(&self, threads: usize, mut on_progress: impl FnMut(Progress)) -> Tally {
        let units = cut(self.blocks.rules(), self.link);
        let all_pairs = units.iter().map(|unit| unit.pairs).sum();
        let mut done = Progress { scored_pairs: 0, all_pairs };
        let mut report = |pairs: u64| {
            done.scored_pairs += pairs;
            on_progress(done);
        };
        if all_pairs == 0 {
            report(0);
        }
        let threads = threads.min(units.len());
        if threads <= 1 {
            let mut worker = Worker::new(self);
            for unit in &units {
                worker.work(unit);
                report(unit.pairs);
            }
            return worker.finish();
        }
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let sender = sender.clone();
                let (next, units) = (&next, &units);
                scope.spawn(move || {
                    let mut worker = Worker::new(self);
                    let take = || units.get(next.fetch_add(1, Ordering::Relaxed));
                    while let Some(unit) = take() {
                        worker.work(unit);
                        // Nobody listens only once the call has ended, and then this thread has too.
                        let _ = sender.send(Message::Done(unit.pairs));
                    }
                    let _ = sender.send(Message::Tally(Box::new(worker.finish())));
                });
            }
            drop(sender);
            let mut whole: Option<Tally> = None;
            for message in receiver {
                match message {
                    Message::Done(pairs) => report(pairs),
                    Message::Tally(tally) => {
                        whole = Some(match whole.take() {
                            None => *tally,
                            Some(sofar) => sofar.with(*tally),
                        });
                    }
                }
            }
            whole.unwrap_or_else(|| Worker::new(self).finish())
        })
    }
}

enum Message {
    Done(u64),
    Tally(Box<Tally>),
}
