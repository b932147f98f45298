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
    /// of so many values that too many pairs of unlike records share a key, or in so many layers that too many records
    /// would have to be looked at.
    pub estimated: bool,
}

/// How many of the largest blocks are told of.
const LARGEST: usize = 5;

/// The most pairs of unlike records that are gone through to be counted.
pub(crate) const MOST_COUNTED: u64 = 1 << 22;

/// The most records that one count looks at, each as often as it is, to find what layers share or which are alike: each is
/// sorted with others then, so these take some seconds. Rules of many layers over millions of records would take minutes.
const MOST_LOOKED_AT: u64 = 1 << 26;

/// The most kinds that records are told apart by: what they are known by takes some 100 MB then. Of more, no two are taken
/// to be alike, which is as right and only counts more pairs.
const MOST_KINDS: usize = 1 << 22;

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
            self.count_joined(rule, own.layers.start)
                .or_else(|| self.count_alike(rule, &Cell::new(MOST_LOOKED_AT)))
        } else {
            self.count_alike(rule, &Cell::new(MOST_LOOKED_AT))
        };
        let joined = if self.asked[..=rule].iter().all(asks_keys_alone) {
            self.count_joined(rule, 0)
        } else {
            None
        };
        let left = Cell::new(MOST_LOOKED_AT);
        let new_pairs = joined.or_else(|| Some(pairs? - self.count_made_before(rule, &left)?));
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

    /// Counts the pairs that a rule makes, asking of unlike records alone; nothing where these make too many pairs, or once
    /// more records were looked at than are left.
    fn count_alike(&self, rule: usize, left: &Cell<u64>) -> Option<u64> {
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
            // Once to see how many pairs they make, and once to make them.
            look_at(group, 2, left)?;
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

    /// Counts the pairs of a rule that a rule before it makes too; nothing where too many would have to be asked, or once
    /// more records were looked at than are left.
    fn count_made_before(&self, rule: usize, left: &Cell<u64>) -> Option<u64> {
        let link = self.tables.link();
        let own = self.asked[rule].layers.clone();
        let classes = self.classes(0..=rule);
        let (mut work, mut made) = (0, 0);
        for layer in own.clone() {
            let keyed = &self.rules[layer];
            for block in 0..keyed.blocks() {
                let group = keyed.group(block, link);
                for earlier in 0..own.start {
                    look_at(group, 1, left)?;
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
        let sides = [Side::Source, Side::Recipient];
        let records = sides.map(|side| self.tables.records(side));
        // Nothing is known of what they look at, so no two are alike.
        let Some(columns) = columns else { return records.map(|records| (0..records).collect()) };
        let columns: Vec<[&[u32]; 2]> = columns
            .iter()
            .map(|column| sides.map(|side| self.tables.codes(*column, side)))
            .collect();
        kinds(&columns, records, MOST_KINDS)
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
        look_at(group, 1, left)?;
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

/// Takes the records of a group off those that may still be looked at, so many times; nothing where too few are left.
fn look_at(group: Group<'_>, times: u64, left: &Cell<u64>) -> Option<()> {
    let records = (group.source.len() + group.recipient.len()) as u64;
    left.set(left.get().checked_sub(records * times)?);
    Some(())
}

/// Numbers the records of either side by their codes in some columns; each by itself as soon as there are more kinds than
/// `most`.
fn kinds(columns: &[[&[u32]; 2]], records: [u32; 2], most: usize) -> [Vec<u32>; 2] {
    let mut kinds = records.map(|records| vec![0; records as usize]);
    let mut numbers: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    // Column by column: two records are still alike if they were, and have one code here.
    for codes in columns {
        numbers.clear();
        for (kinds, codes) in kinds.iter_mut().zip(codes) {
            for (kind, code) in kinds.iter_mut().zip(*codes) {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *kind = *numbers.entry((*kind, *code)).or_insert(next);
                if numbers.len() > most {
                    return records.map(|records| (0..records).collect());
                }
            }
        }
    }
    kinds
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};

    use super::*;
    use crate::{Model, Table, Tables};

    const MODEL: &str = r#"
name = "counts"
link = "between"
prior = 0.01
threshold = 0.0
column = [{ name = "town", from = ["town"] }, { name = "pay", from = ["pay"], kind = "number" }]
rule = [
    { keys = [{ column = "pay" }] },
    { sql = "l.town = r.town and l.pay < r.pay" },
]
[[comparison]]
name = "town"
column = "town"
level = [{ test = "exact", m = 0.7, u = 0.01 }, { test = "else", m = 0.3, u = 0.99 }]
"#;

    #[test]
    fn counting_ends_where_more_records_would_be_looked_at_than_may_be() {
        let model = Model::from_toml(MODEL).unwrap();
        let texts = |texts: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(texts)) };
        let towns = texts((0..60).map(|row| format!("town{}", row % 3)).collect());
        let pays = texts((0..60).map(|row| (row % 5).to_string()).collect());
        let batch = [RecordBatch::try_from_iter([("town", towns), ("pay", pays)]).unwrap()];
        let table = || Table::new(&batch);
        let tables = Tables::between(model.columns(), table(), table()).unwrap();
        let blocks = Blocks::new(&tables, model.rules()).unwrap();
        // All 120 are in three blocks by town: gone through twice, and parted once by the keys of the rule before.
        let (alike, before) = (Cell::new(240), Cell::new(120));
        assert_eq!(blocks.count_alike(1, &alike), Some(3 * 20 * 20 * 10 / 25));
        assert_eq!(blocks.count_made_before(1, &before), Some(0), "none with one pay has a lesser");
        assert_eq!((alike.get(), before.get()), (0, 0));
        assert_eq!(blocks.count_alike(1, &Cell::new(239)), None);
        assert_eq!(blocks.count_made_before(1, &Cell::new(119)), None);
    }

    #[test]
    fn records_are_told_apart_by_all_columns_and_all_of_them_where_there_are_too_many_kinds() {
        let (one, other) = ([1, 1, 2, 2, 1], [7, 8, 7, 8, 7]);
        let columns: [[&[u32]; 2]; 2] = [[&one, &one[1..4]], [&other, &other[1..4]]];
        let [source, recipient] = kinds(&columns, [5, 3], 4);
        assert_eq!(recipient, source[1..4]);
        for row in 0..5 {
            for with in 0..5 {
                let alike = one[row] == one[with] && other[row] == other[with];
                assert_eq!(source[row] == source[with], alike, "{row} and {with}");
            }
        }
        assert_eq!(kinds(&columns, [5, 3], 3), [vec![0, 1, 2, 3, 4], vec![0, 1, 2]]);
        assert_eq!(kinds(&[], [2, 1], 3), [vec![0, 0], vec![0]], "nothing tells them apart");
    }
}
