//! The fused pass: blocks in, weighed pairs or counts of patterns out, one look at each pair.
//!
//! Steps five to seven of the path at once, in place of [`Blocks::pairs`], [`crate::compare::Comparer`] and
//! [`Scorer::weight`] one after the other. That plain composition is the definition and stands in `link/plain.rs`; a
//! property test holds this to the same pairs, patterns and bits. Where a rule asks more than equal keys, its pairs are
//! narrowed first, and then go the same way but for the sieve. What is different here is only how: work is cut by
//! pairs (`unit`), records are read as short rows (`rows`, written once for several passes by `ready`), levels are found with less work (`finder`), and pairs that
//! cannot weigh enough are let go, most of them many at a time (`sieve`) and others before their likenesses are worked out
//! (`bound`). It settles and clusters nothing.

mod bound;
mod edit;
mod finder;
mod pass;
mod ready;
mod rows;
mod sieve;
#[cfg(test)]
mod tests;
mod unit;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

pub(crate) use crate::fuse::edit::within_one;
pub(crate) use crate::fuse::pass::Tally;
#[cfg(feature = "plan")]
pub(crate) use crate::fuse::pass::Worker;
pub(crate) use crate::fuse::ready::Ready;

use crate::block::Blocks;
use crate::fuse::bound::Bound;
#[cfg(not(feature = "plan"))]
use crate::fuse::pass::Worker;
use crate::fuse::sieve::Sieve;
use crate::fuse::unit::cut;
use crate::link::Progress;
use crate::score::Scorer;

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

/// One pass over the pairs of some blocks.
pub(crate) struct Fused<'s, 't> {
    ready: &'s Ready<'t>,
    blocks: &'s Blocks<'t>,
    goal: Goal<'s, 't>,
    /// By source record, whether its pairs are looked at; where there is none, all are.
    among: Option<&'s [bool]>,
    bound: Option<Bound>,
    sieve: Option<Sieve>,
    /// The word of each rule's key, for all rules but the last.
    keys: &'s [usize],
    /// How many rules are told apart.
    rules: usize,
}

impl<'s, 't> Fused<'s, 't> {
    /// Begins a pass over the blocks that `ready` was made with.
    pub(crate) fn new(
        ready: &'s Ready<'t>,
        blocks: &'s Blocks<'t>,
        goal: Goal<'s, 't>,
        among: Option<&'s [bool]>,
    ) -> Self {
        let (bound, sieve) = match &goal {
            Goal::Heavy { scorer, least } => {
                let bound = Bound::new(scorer, &ready.finders, *least);
                let sieve = Sieve::new(scorer, &ready.finders, &bound, &ready.signs, *least);
                (Some(bound), Some(sieve))
            }
            Goal::Patterns | Goal::Everything { .. } => (None, None),
        };
        let rules = blocks.rule_count();
        Self { ready, blocks, goal, among, bound, sieve, keys: &ready.keys, rules }
    }

    /// Begins a pass over the blocks of one rule, which need not be among those that `ready` was made with.
    pub(crate) fn of_one_rule(
        ready: &'s Ready<'t>,
        blocks: &'s Blocks<'t>,
        goal: Goal<'s, 't>,
    ) -> Self {
        debug_assert_eq!(blocks.rule_count(), 1, "no rule comes before another");
        Self { keys: &[], ..Self::new(ready, blocks, goal, None) }
    }

    /// Begins a pass over pairs that somebody else makes, by so many rules. `blocks` has none.
    #[cfg(feature = "plan")]
    pub(crate) fn of_given(
        ready: &'s Ready<'t>,
        blocks: &'s Blocks<'t>,
        goal: Goal<'s, 't>,
        rules: usize,
    ) -> Self {
        Self { sieve: None, rules, ..Self::new(ready, blocks, goal, None) }
    }

    /// Goes through all pairs, on the threads that the tables were given. What comes out doesn't depend on how many.
    pub(crate) fn run(&self, mut on_progress: impl FnMut(Progress)) -> Tally {
        let units = cut(self.blocks.rules(), self.ready.link);
        let all_pairs = units.iter().map(|unit| unit.pairs).sum();
        let mut done = Progress { scored_pairs: 0, all_pairs };
        let mut report = |pairs: u64| {
            done.scored_pairs += pairs;
            on_progress(done);
        };
        if all_pairs == 0 {
            report(0);
        }
        let threads = self.ready.threads.min(units.len());
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
