//! Cuts the pairs of all blocks into units of work of about the same number of pairs.
//!
//! Between blocking and the pass. Work is cut by pairs and never by key, since one block may hold half of them. A large
//! block becomes tiles: so many of its source records by so many of the recipient's. Small ones are packed, the next
//! after the last. Units depend on the blocks alone, not on who works on them. It looks at no record.
//!
//! Kolb, Thor and Rahm, [Load Balancing for MapReduce-based Entity
//! Resolution](https://doi.org/10.1109/ICDE.2012.22), 2012, whose BlockSplit and PairRange these tiles and cuts are.

use std::ops::Range;
use std::sync::Arc;

use crate::block::KeyedRule;
use crate::model::Link;

/// A unit of work.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) spans: Vec<Span>,
    /// Pairs to look at, those that an earlier rule makes included.
    pub(crate) pairs: u64,
}

/// A piece of a unit.
#[derive(Debug)]
pub(crate) enum Span {
    /// All pairs of these blocks of a rule.
    Blocks { rule: u16, blocks: Range<usize> },
    /// The pairs of some of a block's records with some others. Within one table, a tile whose two ranges are one holds
    /// each pair once.
    Tile { rule: u16, block: usize, sources: Range<usize>, recipients: Range<usize> },
}

/// The pairs that a unit is meant to have, unless there are very few or very many.
const USUAL_PAIRS: u64 = 1 << 18;

/// The fewest pairs of a unit that are worth one.
const FEWEST_PAIRS: u64 = 1 << 12;

/// So many units at least, where there are pairs enough for them, so that threads end together.
const FEWEST_UNITS: u64 = 32;

/// So many at most, so that telling of them costs nothing.
const MOST_UNITS: u64 = 1 << 14;

/// A piece is this part of a unit at most, and no unit is off its share by more than a piece.
const PIECES: u64 = 8;

/// Cuts the pairs of rules into units.
pub(crate) fn cut(rules: &[Arc<KeyedRule>], link: Link) -> Vec<Unit> {
    let all: u64 = rules
        .iter()
        .map(|rule| (0..rule.blocks()).map(|block| rule.pairs(block, link)).sum::<u64>())
        .sum();
    let count =
        all.div_ceil(USUAL_PAIRS).max(FEWEST_UNITS.min(all / FEWEST_PAIRS)).clamp(1, MOST_UNITS);
    let mut cutter = Cutter::new(all, count);
    let most = (all / count / PIECES).max(1);
    for (number, rule) in (0u16..).zip(rules) {
        for block in 0..rule.blocks() {
            let pairs = rule.pairs(block, link);
            if pairs <= most {
                cutter.take_block(number, block, pairs);
                continue;
            }
            let sources = rule.sources.count(block) as usize;
            match link {
                Link::Between => {
                    let recipients = rule.recipients.count(block) as usize;
                    for (sources, recipients) in tiles(sources, recipients, most) {
                        let pairs = (sources.len() * recipients.len()) as u64;
                        cutter.take(Span::Tile { rule: number, block, sources, recipients }, pairs);
                    }
                }
                Link::Within | Link::Both => {
                    for (sources, recipients) in half_tiles(sources, most) {
                        let (here, there) = (sources.len() as u64, recipients.len() as u64);
                        let pairs = if sources == recipients {
                            here * (here - 1) / 2
                        } else {
                            here * there
                        };
                        if pairs > 0 {
                            cutter.take(
                                Span::Tile { rule: number, block, sources, recipients },
                                pairs,
                            );
                        }
                    }
                }
            }
        }
    }
    cutter.close();
    cutter.units
}

struct Cutter {
    all: u64,
    count: u64,
    sofar: u64,
    /// Where the share of all pairs ends that is this unit's.
    ends: u64,
    units: Vec<Unit>,
    spans: Vec<Span>,
    pairs: u64,
}

impl Cutter {
    fn new(all: u64, count: u64) -> Self {
        let (units, spans) = (Vec::new(), Vec::new());
        let mut cutter = Self { all, count, sofar: 0, ends: 0, units, spans, pairs: 0 };
        cutter.ends = cutter.share_end();
        cutter
    }

    fn share_end(&self) -> u64 {
        // A product of two 64-bit numbers needs twice as many bits; the last share ends where all pairs do.
        let ends = u128::from(self.all) * (self.units.len() as u128 + 1) / u128::from(self.count);
        u64::try_from(ends).unwrap_or(u64::MAX)
    }

    fn take_block(&mut self, rule: u16, block: usize, pairs: u64) {
        if let Some(Span::Blocks { rule: last, blocks }) = self.spans.last_mut()
            && *last == rule
            && blocks.end == block
        {
            blocks.end += 1;
        } else {
            self.spans.push(Span::Blocks { rule, blocks: block..block + 1 });
        }
        self.count_in(pairs);
    }

    fn take(&mut self, span: Span, pairs: u64) {
        self.spans.push(span);
        self.count_in(pairs);
    }

    fn count_in(&mut self, pairs: u64) {
        self.pairs += pairs;
        self.sofar += pairs;
        if self.sofar >= self.ends {
            self.close();
        }
    }

    fn close(&mut self) {
        if !self.spans.is_empty() {
            let spans = std::mem::take(&mut self.spans);
            self.units.push(Unit { spans, pairs: std::mem::take(&mut self.pairs) });
            self.ends = self.share_end();
        }
    }
}

/// Cuts a rectangle into tiles of at most about so many pairs, as square as they can be.
fn tiles(
    sources: usize,
    recipients: usize,
    most: u64,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let side = side_of(most);
    let (down, across) = if sources <= side {
        (1, parts((sources * recipients) as u64, most))
    } else if recipients <= side {
        (parts((sources * recipients) as u64, most), 1)
    } else {
        (sources.div_ceil(side), recipients.div_ceil(side))
    };
    let (down, across) = (down.min(sources), across.min(recipients));
    (0..down).flat_map(move |row| {
        (0..across).map(move |column| (part(sources, down, row), part(recipients, across, column)))
    })
}

/// Cuts the pairs of one list of records with itself into tiles, each pair once.
fn half_tiles(records: usize, most: u64) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let count = records.div_ceil(side_of(most));
    (0..count).flat_map(move |row| {
        (row..count).map(move |column| (part(records, count, row), part(records, count, column)))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the root of 64 bits has 32 of them")]
fn side_of(most: u64) -> usize {
    (most.isqrt() as usize).max(1)
}

#[expect(clippy::cast_possible_truncation, reason = "no more parts than records")]
fn parts(pairs: u64, most: u64) -> usize {
    pairs.div_ceil(most) as usize
}

/// Returns one of so many parts of a list, which differ by one in length at most.
fn part(length: usize, count: usize, index: usize) -> Range<usize> {
    length * index / count..length * (index + 1) / count
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Every pair that units hold, as rule, source and recipient; none comes twice.
    fn pairs_of(units: &[Unit], rules: &[Arc<KeyedRule>], link: Link) -> BTreeSet<(u16, u32, u32)> {
        let mut seen = BTreeSet::new();
        for unit in units {
            let mut count = 0;
            let mut take = |rule: u16, source: u32, recipient: u32| {
                assert!(seen.insert((rule, source, recipient)), "no pair comes twice");
                count += 1;
            };
            for span in &unit.spans {
                let (rule, tiles) = match span {
                    Span::Blocks { rule, blocks } => {
                        let keyed = &rules[usize::from(*rule)];
                        let whole = |block| {
                            let sources = keyed.sources.of(block).len();
                            let recipients = match link {
                                Link::Between => keyed.recipients.of(block).len(),
                                Link::Within | Link::Both => sources,
                            };
                            (block, 0..sources, 0..recipients)
                        };
                        (*rule, blocks.clone().map(whole).collect::<Vec<_>>())
                    }
                    Span::Tile { rule, block, sources, recipients } => {
                        (*rule, vec![(*block, sources.clone(), recipients.clone())])
                    }
                };
                let keyed = &rules[usize::from(rule)];
                for (block, sources, recipients) in tiles {
                    let here = keyed.sources.of(block);
                    let there =
                        if link == Link::Between { keyed.recipients.of(block) } else { here };
                    for source in sources.clone() {
                        for recipient in recipients.clone() {
                            let twice = link != Link::Between
                                && sources == recipients
                                && recipient <= source;
                            if !twice {
                                take(rule, here[source].row(), there[recipient].row());
                            }
                        }
                    }
                }
            }
            assert_eq!(count, unit.pairs);
        }
        seen
    }

    fn rules(keys: &[(Vec<u32>, Vec<u32>)], link: Link) -> Vec<Arc<KeyedRule>> {
        let rule = |(source, recipient): &(Vec<u32>, Vec<u32>)| {
            let recipient = if link == Link::Between { recipient.clone() } else { Vec::new() };
            Arc::new(KeyedRule::of_keys(source.clone(), recipient, link))
        };
        keys.iter().map(rule).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn units_hold_every_pair_of_every_rule_once(
            keys in prop::collection::vec(
                (prop::collection::vec(0..4u32, 0..200), prop::collection::vec(0..4u32, 0..200)), 0..3,
            ),
        ) {
            for link in [Link::Between, Link::Within] {
                let rules = rules(&keys, link);
                let seen = pairs_of(&cut(&rules, link), &rules, link);
                let mut expected = BTreeSet::new();
                for (number, (source, recipient)) in (0u16..).zip(&keys) {
                    let recipient = if link == Link::Between { recipient } else { source };
                    for (row, key) in (0u32..).zip(source) {
                        for (other, against) in (0u32..).zip(recipient) {
                            if key == against && *key != 0 && (link == Link::Between || row < other) {
                                expected.insert((number, row, other));
                            }
                        }
                    }
                }
                prop_assert_eq!(seen, expected);
            }
        }
    }

    #[test]
    fn no_unit_is_much_larger_than_the_mean_though_one_block_holds_half_of_all_pairs() {
        for link in [Link::Between, Link::Within] {
            for (large, small) in [(2_000u32, 4_000_000), (300, 90_000), (700, 490_000)] {
                let half = if link == Link::Between {
                    u64::from(large).pow(2)
                } else {
                    u64::from(large).pow(2) / 2
                };
                assert!(half <= 2 * small);
                // One block of so many records, and blocks of two and three with as many pairs together.
                let mut keys = vec![1; large as usize];
                let mut pairs = 0;
                for block in 2.. {
                    let records = 2 + block % 2;
                    keys.extend(std::iter::repeat_n(block, records as usize));
                    pairs += if link == Link::Between {
                        records * records
                    } else {
                        records * (records - 1) / 2
                    };
                    if u64::from(pairs) >= half {
                        break;
                    }
                }
                let rules = rules(&[(keys.clone(), keys)], link);
                let units = cut(&rules, link);
                let all: u64 = units.iter().map(|unit| unit.pairs).sum();
                let mean = all as f64 / units.len() as f64;
                let most = units.iter().map(|unit| unit.pairs).max().unwrap();
                assert!(units.len() > 8, "{link:?} {large}: {} units", units.len());
                assert!(most as f64 <= 1.3 * mean, "{link:?} {large}: {most} against {mean}");
            }
        }
    }
}
