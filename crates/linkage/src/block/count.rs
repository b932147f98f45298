//! Counts the pairs that rules make.
//!
//! A part of blocking. What rules of keys alone make is counted from the sizes of blocks; where a rule asks more, its pairs
//! are gone through, and beyond [`MOST_COUNTED`] estimated from a sample. It makes no pair for anybody else.

use std::sync::Arc;

use super::group::Group;
use super::keyed_rule::KeyedRule;
use super::{Asked, Blocks};
use crate::parallel::share;
use crate::random::Dice;
use crate::record::RecordRef;

/// How many pairs a rule makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule's label.
    pub rule: String,
    /// Pairs that it makes, whatever the others do.
    pub pairs: u64,
    /// Pairs that it makes and no rule before it.
    pub new_pairs: u64,
    /// Pairs that it and the rules before it make.
    pub cumulative_pairs: u64,
    /// Records that are in no block of it because they lack a key, on either side.
    pub keyless: u64,
    /// The pairs in its largest blocks, largest first. The keys themselves are somebody's values, and stay inside.
    pub largest_blocks: Vec<u64>,
    /// Whether the numbers of pairs were estimated, because the rule or one before it asks more than equal keys, and
    /// shares keys among too many pairs to go through.
    pub estimated: bool,
}

/// How many of the largest blocks are told of.
const LARGEST: usize = 5;

/// The most pairs that are gone through to be counted.
pub(crate) const MOST_COUNTED: u64 = 1 << 22;

/// How many pairs an estimate is drawn from: its standard error is at most 0.2 % of the pairs that share a key.
const SAMPLE: u64 = 1 << 16;

impl Blocks<'_> {
    /// Counts the pairs of each rule.
    ///
    /// The pairs that no earlier rule makes are counted one by one in small blocks, and in large ones without making
    /// any, by inclusion and exclusion over the blocks that several rules share. That doubles with each rule, but such
    /// shared blocks are few and soon small. Of rules that ask more than equal keys see [`RuleCount::estimated`].
    pub fn counts(&self) -> Vec<RuleCount> {
        let rules: Vec<usize> = (0..self.asked.len()).collect();
        let counted = share(self.tables.threads().get(), rules, |rule| self.counted(rule));
        self.told(&counted)
    }

    /// Tells of each rule, the pairs that no earlier rule makes having been counted. Every rule must be plain.
    pub(crate) fn counts_with(&self, new_pairs: &[u64]) -> Vec<RuleCount> {
        let one = |(rule, new_pairs): (usize, &u64)| Counted {
            pairs: self.shared(rule),
            new_pairs: *new_pairs,
            estimated: false,
        };
        self.told(&new_pairs.iter().enumerate().map(one).collect::<Vec<_>>())
    }

    /// Returns how many pairs share a key, once for each rule that they do in.
    pub(crate) fn pairs_to_look_at(&self) -> u64 {
        (0..self.asked.len()).map(|rule| self.shared(rule)).sum()
    }

    /// Returns how many pairs share a key of a rule, once for each layer that they do in.
    fn shared(&self, rule: usize) -> u64 {
        let link = self.tables.link();
        let layer = |layer: &Arc<KeyedRule>| {
            (0..layer.blocks()).map(|block| layer.pairs(block, link)).sum::<u64>()
        };
        self.rules[self.asked[rule].layers.clone()].iter().map(layer).sum()
    }

    fn counted(&self, rule: usize) -> Counted {
        let link = self.tables.link();
        let shared = self.shared(rule);
        if self.asked[..=rule].iter().all(Asked::is_plain) {
            let keyed = &self.rules[rule];
            let groups = (0..keyed.blocks()).map(|block| keyed.group(block, link));
            let new_pairs = groups.map(|group| self.count_new(group, &self.rules[..rule])).sum();
            Counted { pairs: shared, new_pairs, estimated: false }
        } else if shared <= MOST_COUNTED {
            self.count_through(rule)
        } else {
            self.estimate(rule, shared)
        }
    }

    fn told(&self, counted: &[Counted]) -> Vec<RuleCount> {
        let link = self.tables.link();
        let mut cumulative_pairs = 0;
        let one = |(asked, counted): (&Asked<'_>, &Counted)| {
            let layers = &self.rules[asked.layers.clone()];
            let mut largest: Vec<u64> = Vec::with_capacity(LARGEST + 1);
            for layer in layers {
                for block in 0..layer.blocks() {
                    let here = layer.pairs(block, link);
                    if largest.len() < LARGEST || largest.last().is_some_and(|least| here > *least)
                    {
                        let place = largest.partition_point(|other| *other >= here);
                        largest.insert(place, here);
                        largest.truncate(LARGEST);
                    }
                }
            }
            cumulative_pairs += counted.new_pairs;
            RuleCount {
                rule: asked.label.clone(),
                pairs: counted.pairs,
                new_pairs: counted.new_pairs,
                cumulative_pairs,
                keyless: keyless(layers),
                largest_blocks: largest,
                estimated: counted.estimated,
            }
        };
        self.asked.iter().zip(counted).map(one).collect()
    }

    /// Goes through the pairs that share a key of a rule to count those that it makes.
    fn count_through(&self, rule: usize) -> Counted {
        let link = self.tables.link();
        let mut counted = Counted { pairs: 0, new_pairs: 0, estimated: false };
        for layer in self.asked[rule].layers.clone() {
            let keyed = &self.rules[layer];
            let groups = (0..keyed.blocks()).map(|block| keyed.group(block, link));
            for (source, recipient) in groups.flat_map(|group| group.pairs(link)) {
                let (makes, is_new) = self.is_made(rule, layer, source, recipient);
                counted.pairs += u64::from(makes);
                counted.new_pairs += u64::from(is_new);
            }
        }
        counted
    }

    /// Estimates the same from pairs drawn evenly from all that share a key.
    fn estimate(&self, rule: usize, shared: u64) -> Counted {
        let link = self.tables.link();
        let mut ends = Vec::new();
        let mut end = 0;
        for layer in self.asked[rule].layers.clone() {
            for block in 0..self.rules[layer].blocks() {
                end += self.rules[layer].pairs(block, link);
                ends.push((end, layer, block));
            }
        }
        let mut dice = Dice::new(SAMPLE);
        let (mut made, mut new) = (0, 0);
        for _ in 0..SAMPLE {
            let drawn = dice.below(shared);
            let (end, layer, block) = ends[ends.partition_point(|(end, ..)| *end <= drawn)];
            let group = self.rules[layer].group(block, link);
            let (source, recipient) = group.pair(link, drawn + group.count(link) - end);
            let (makes, is_new) = self.is_made(rule, layer, source, recipient);
            made += u64::from(makes);
            new += u64::from(is_new);
        }
        let scale = |seen: u64| {
            u64::try_from(u128::from(seen) * u128::from(shared) / u128::from(SAMPLE))
                .unwrap_or(u64::MAX)
        };
        let pairs = if self.asked[rule].is_plain() { shared } else { scale(made) };
        Counted { pairs, new_pairs: scale(new), estimated: true }
    }

    /// Says of a pair that shares a key in a layer whether the rule makes it, here first, and whether it is new.
    fn is_made(
        &self,
        rule: usize,
        layer: usize,
        source: RecordRef,
        recipient: RecordRef,
    ) -> (bool, bool) {
        let asked = &self.asked[rule];
        let before = &self.rules[asked.layers.start..layer];
        let makes = !before.iter().any(|layer| self.makes(layer, source, recipient))
            && asked.holds(source, recipient);
        (makes, makes && self.first_before(source, recipient, rule).is_none())
    }

    /// Counts the pairs of a group that none of the earlier rules makes.
    fn count_new(&self, group: Group<'_>, earlier: &[Arc<KeyedRule>]) -> u64 {
        let link = self.tables.link();
        let pairs = group.count(link);
        if earlier.is_empty() || pairs == 0 {
            return pairs;
        }
        if pairs <= COUNTED_SINGLY {
            let new = |(source, recipient): &(RecordRef, RecordRef)| {
                !earlier.iter().any(|rule| self.makes(rule, *source, *recipient))
            };
            return group.pairs(link).filter(new).count() as u64;
        }
        // Each pair that some earlier rule makes is taken off once, at the first rule that makes it.
        let taken = earlier.iter().enumerate().map(|(index, rule)| {
            let (source, recipient) =
                (rule.sorted(group.source, false), rule.sorted(group.recipient, true));
            let mut recipients = recipient.chunk_by(|one, other| one.0 == other.0).peekable();
            let mut sum = 0;
            for part in source.chunk_by(|one, other| one.0 == other.0) {
                let key = part[0].0;
                while recipients.next_if(|chunk| chunk[0].0 < key).is_some() {}
                let other = recipients.next_if(|chunk| chunk[0].0 == key).unwrap_or_default();
                let records = |part: &[(u32, RecordRef)]| -> Vec<RecordRef> {
                    part.iter().map(|(_, record)| *record).collect()
                };
                let (source, recipient) = (records(part), records(other));
                let shared = Group { source: &source, recipient: &recipient };
                sum += self.count_new(shared, &earlier[..index]);
            }
            sum
        });
        pairs - taken.sum::<u64>()
    }
}

/// The pairs of a block that are counted one by one rather than by taking off what rules share.
const COUNTED_SINGLY: u64 = 4096;

/// How many pairs a rule makes, and how many of them are new.
struct Counted {
    pairs: u64,
    new_pairs: u64,
    estimated: bool,
}

/// Counts the records that have no key in any of these layers, on either side.
fn keyless(layers: &[Arc<KeyedRule>]) -> u64 {
    match layers {
        [layer] => layer.keyless,
        layers => {
            let least = layers.iter().map(|layer| layer.keyless).min();
            least.unwrap_or(0)
        }
    }
}
