//! Counts the pairs that rules make.
//!
//! A part of blocking. What keys alone make is counted from the sizes of blocks, those of several layers by inclusion and
//! exclusion: exploded lists and min-hash are such. Where a rule asks more of a pair that shares a key, records that are
//! alike in all that it looks at are counted as one, and it is asked of each two that are not: neighbours and conditions on
//! columns of few values are. Where even these are too many, it is estimated from a sample. No pair is made for anybody
//! else.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::group::Group;
use super::keyed_rule::KeyedRule;
use super::{Asked, Blocks};
use crate::keys::columns_of;
use crate::model::Link;
use crate::parallel::share;
use crate::random::Dice;
use crate::record::{RecordRef, Side};

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
    /// Whether a number of pairs was estimated: because the rule, or one before it, asks more than equal keys, by columns
    /// of so many values that too many pairs of unlike records share a key.
    pub estimated: bool,
}

/// How many of the largest blocks are told of.
const LARGEST: usize = 5;

/// The most pairs of unlike records that are gone through to be counted.
pub(crate) const MOST_COUNTED: u64 = 1 << 22;

/// The most records that are looked at, each as often as it is, to take off what layers share.
const MOST_LOOKED_AT: u64 = 1 << 26;

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
        let shared = self.shared(rule);
        let asks_keys_alone = |asked: &Asked<'_>| asked.conditions.is_empty();
        let own = &self.asked[rule];
        let pairs = if own.is_plain() {
            Some(shared)
        } else if asks_keys_alone(own) {
            self.count_joined(rule, own.layers.start).or_else(|| self.count_alike(rule))
        } else {
            self.count_alike(rule)
        };
        let joined = if self.asked[..=rule].iter().all(asks_keys_alone) {
            self.count_joined(rule, 0)
        } else {
            None
        };
        let new_pairs = joined.or_else(|| Some(pairs? - self.count_made_before(rule)?));
        if let (Some(pairs), Some(new_pairs)) = (pairs, new_pairs) {
            return Counted { pairs, new_pairs, estimated: false };
        }
        let about = self.estimate(rule, shared);
        let pairs = pairs.unwrap_or(about.pairs);
        Counted {
            pairs,
            new_pairs: new_pairs.unwrap_or(about.new_pairs).min(pairs),
            estimated: true,
        }
    }

    /// Counts the pairs that share a key in a layer of a rule and in none before it, from the layer `first` on; nothing
    /// where that takes too long.
    fn count_joined(&self, rule: usize, first: usize) -> Option<u64> {
        let link = self.tables.link();
        let left = Cell::new(if self.asked[..=rule].iter().all(Asked::is_plain) {
            u64::MAX
        } else {
            MOST_LOOKED_AT
        });
        let mut sum = 0;
        for layer in self.asked[rule].layers.clone() {
            let (keyed, earlier) = (&self.rules[layer], &self.rules[first..layer]);
            for block in 0..keyed.blocks() {
                sum += self.count_new(keyed.group(block, link), earlier, &left)?;
            }
        }
        Some(sum)
    }

    /// Counts the pairs that a rule makes, asking of unlike records alone; nothing where these make too many pairs.
    fn count_alike(&self, rule: usize) -> Option<u64> {
        let link = self.tables.link();
        let classes = self.classes(rule..=rule);
        let layers = self.asked[rule].layers.clone();
        let groups = || {
            layers.clone().flat_map(|layer| {
                let keyed = &self.rules[layer];
                (0..keyed.blocks()).map(move |block| (layer, keyed.group(block, link)))
            })
        };
        let mut work = 0;
        for (_, group) in groups() {
            work += Alike::of(group, &classes).pairs(link);
            if work > MOST_COUNTED {
                return None;
            }
        }
        let made = groups().map(|(layer, group)| {
            Alike::of(group, &classes)
                .rows(link)
                .map(|mut row| {
                    self.keep_made(rule, layer, &mut row);
                    row.iter().map(|(.., pairs)| pairs).sum::<u64>()
                })
                .sum::<u64>()
        });
        Some(made.sum())
    }

    /// Counts the pairs of a rule that a rule before it makes too; nothing where too many would have to be asked.
    fn count_made_before(&self, rule: usize) -> Option<u64> {
        let link = self.tables.link();
        let own = self.asked[rule].layers.clone();
        let classes = self.classes(0..=rule);
        let (mut work, mut made) = (0, 0);
        for layer in own.clone() {
            let keyed = &self.rules[layer];
            for block in 0..keyed.blocks() {
                let group = keyed.group(block, link);
                for earlier in 0..own.start {
                    for (source, recipient) in shared_groups(&self.rules[earlier], group) {
                        let shared = Group { source: &source, recipient: &recipient };
                        let alike = Alike::of(shared, &classes);
                        work += alike.pairs(link);
                        if work > MOST_COUNTED {
                            return None;
                        }
                        for mut row in alike.rows(link) {
                            let before = usize::from(self.numbers[earlier]);
                            self.keep_made(before, earlier, &mut row);
                            // Each pair once: where the first rule that makes it does.
                            row.retain(|(source, recipient, _)| {
                                self.first_before(*source, *recipient, before).is_none()
                            });
                            self.keep_made(rule, layer, &mut row);
                            made += row.iter().map(|(.., pairs)| pairs).sum::<u64>();
                        }
                    }
                }
            }
        }
        Some(made)
    }

    /// Keeps, of pairs that share a key of a layer, those that its rule makes, and in no layer of its own before that one.
    fn keep_made(&self, rule: usize, layer: usize, row: &mut Vec<(RecordRef, RecordRef, u64)>) {
        let asked = &self.asked[rule];
        let before = &self.rules[asked.layers.start..layer];
        row.retain(|(source, recipient, _)| {
            !before.iter().any(|layer| self.makes(layer, *source, *recipient))
        });
        for condition in &asked.conditions {
            let pairs: Vec<_> =
                row.iter().map(|(source, recipient, _)| (*source, *recipient)).collect();
            let mut holds = condition.hold_of(&pairs).into_iter();
            row.retain(|_| holds.next() == Some(true));
        }
    }

    /// Numbers the records of either side by what some rules look at: two of one number are alike to them.
    fn classes(&self, rules: std::ops::RangeInclusive<usize>) -> [Vec<u32>; 2] {
        let names =
            self.asked[rules].iter().map(|asked| columns_of(&asked.rule, self.tables.columns()));
        let names: Option<Vec<Vec<String>>> = names.map(Result::ok).collect();
        let index =
            |name: &String| self.tables.columns().iter().position(|column| column.name == *name);
        let columns: Option<BTreeSet<usize>> =
            names.and_then(|names| names.iter().flatten().map(index).collect());
        let mut numbers: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        [Side::Source, Side::Recipient].map(|side| {
            let Some(columns) = &columns else {
                // Nothing is known of what they look at, so no two are alike.
                return (0..self.tables.records(side)).collect();
            };
            let codes: Vec<&[u32]> =
                columns.iter().map(|column| self.tables.codes(*column, side)).collect();
            (0..self.tables.records(side) as usize)
                .map(|record| {
                    let own: Vec<u32> = codes.iter().map(|codes| codes[record]).collect();
                    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                    *numbers.entry(own).or_insert(next)
                })
                .collect()
        })
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

    /// Estimates what a rule makes from pairs drawn evenly from all that share a key.
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

    /// Counts the pairs of a group that none of the earlier layers makes; nothing once more records were looked at than
    /// are left.
    fn count_new(
        &self,
        group: Group<'_>,
        earlier: &[Arc<KeyedRule>],
        left: &Cell<u64>,
    ) -> Option<u64> {
        let link = self.tables.link();
        let pairs = group.count(link);
        if earlier.is_empty() || pairs == 0 {
            return Some(pairs);
        }
        let looked_at = (group.source.len() + group.recipient.len()) as u64;
        left.set(left.get().checked_sub(looked_at)?);
        if pairs <= COUNTED_SINGLY {
            let new = |(source, recipient): &(RecordRef, RecordRef)| {
                !earlier.iter().any(|rule| self.makes(rule, *source, *recipient))
            };
            return Some(group.pairs(link).filter(new).count() as u64);
        }
        // Alike records share every layer, and would be parted again and again.
        if earlier.iter().any(|layer| layer.holds_all(group)) {
            return Some(0);
        }
        // Each pair that some earlier layer makes is taken off once, at the first one that makes it.
        let mut taken = 0;
        for (index, layer) in earlier.iter().enumerate() {
            for (source, recipient) in shared_groups(layer, group) {
                let shared = Group { source: &source, recipient: &recipient };
                taken += self.count_new(shared, &earlier[..index], left)?;
            }
        }
        Some(pairs - taken)
    }
}

/// Parts a group by a layer's keys: the records of each key that both sides have, or one side where there is one.
fn shared_groups(layer: &KeyedRule, group: Group<'_>) -> Vec<(Vec<RecordRef>, Vec<RecordRef>)> {
    let (source, recipient) =
        (layer.sorted(group.source, false), layer.sorted(group.recipient, true));
    let mut recipients = recipient.chunk_by(|one, other| one.0 == other.0).peekable();
    let records =
        |part: &[(u32, RecordRef)]| part.iter().map(|(_, record)| *record).collect::<Vec<_>>();
    let parted = source.chunk_by(|one, other| one.0 == other.0).map(|part| {
        let key = part[0].0;
        while recipients.next_if(|chunk| chunk[0].0 < key).is_some() {}
        let other = recipients.next_if(|chunk| chunk[0].0 == key).unwrap_or_default();
        (records(part), records(other))
    });
    parted.collect()
}

/// The records of a group, one for all that are alike, and how many these are.
struct Alike {
    source: Vec<(RecordRef, u64)>,
    recipient: Vec<(RecordRef, u64)>,
}

impl Alike {
    fn of(group: Group<'_>, classes: &[Vec<u32>; 2]) -> Self {
        let side = |records: &[RecordRef], classes: &[u32]| {
            let class = |record: &RecordRef| classes[record.index()];
            let mut sorted = records.to_vec();
            sorted.sort_unstable_by_key(|record| (class(record), *record));
            let alike = sorted.chunk_by(|one, other| class(one) == class(other));
            alike.map(|alike| (alike[0], alike.len() as u64)).collect()
        };
        Self {
            source: side(group.source, &classes[0]),
            recipient: side(group.recipient, &classes[1]),
        }
    }

    /// Returns how many pairs of them there are to ask.
    fn pairs(&self, link: Link) -> u64 {
        let (source, recipient) = (self.source.len() as u64, self.recipient.len() as u64);
        match link {
            Link::Between => source * recipient,
            Link::Within | Link::Both => source * (source + 1) / 2,
        }
    }

    /// Goes through the pairs, each with how many it stands for; those of one source record together.
    ///
    /// Within one table, a record is also paired with itself, for those that are alike. What a rule asks holds either way
    /// round there.
    fn rows(&self, link: Link) -> impl Iterator<Item = Vec<(RecordRef, RecordRef, u64)>> {
        self.source.iter().enumerate().map(move |(place, (source, sources))| {
            if link == Link::Between {
                let pair = |(recipient, recipients): &(RecordRef, u64)| {
                    (*source, *recipient, sources * recipients)
                };
                return self.recipient.iter().map(pair).collect();
            }
            let own = (*source, *source, sources * (sources - 1) / 2);
            let others = self.source[place + 1..].iter();
            let pair = |(other, others): &(RecordRef, u64)| (*source, *other, sources * others);
            let own = Some(own).filter(|(.., pairs)| *pairs > 0);
            own.into_iter().chain(others.map(pair)).collect()
        })
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
