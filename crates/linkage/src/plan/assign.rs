//! Which unit of work each block goes to, from how many pairs it makes.
//!
//! Between the two plans: the first counts the records of each key, this looks at the counts once, and the second asks it
//! for every row. A block of more pairs than a unit should have is cut into tiles, each a unit of its own, and its records
//! go to every tile they have a part in; blocks of an eighth and more are put into units one by one; smaller ones go by a
//! hash into bundles, and the bundles are packed, the heaviest first into the lightest unit. So its size depends on the
//! number of large blocks and of bundles, never on that of keys. A record whose key makes no pair is left out, nearly
//! always: a bitmap of hashes says which keys do, and errs only by keeping some that don't.
//!
//! It is data, small and the same everywhere, and goes with the plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt16Type, UInt64Type};

use super::block_exec::{KEY, LAYER, RECIPIENTS, SOURCES, column, key_at};
use super::failed;
use super::rows::rules_of_layers;
use crate::keys::KEY_BYTES;
use crate::model::{Link, Model};
use crate::{Error, Result};

/// The most parts that one side of a block is cut into, and so the most units that one record of it goes to.
pub(super) const MOST_PARTS: u64 = 64;

/// Blocks that make fewer pairs than this are never looked at one by one.
const LEAST_SINGLE: u64 = 2048;

/// How many bundles small blocks are put into.
const BUNDLES: usize = 1 << 14;

/// Which unit of work each block goes to.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    pub(super) within: bool,
    pub(super) units: u64,
    /// The unit of each bundle.
    pub(super) bundles: Vec<u32>,
    /// One bit for each hash of a key that makes a pair.
    pub(super) known: Vec<u64>,
    pub(super) large: BTreeMap<BlockName, Tiles>,
    pub(super) largest_pairs: u64,
    pub(super) all_pairs: u64,
}

/// A layer of the rules and a key in it.
pub(super) type BlockName = (u16, [u8; KEY_BYTES]);

/// The units of one large block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiles {
    pub(super) first: u64,
    /// Into how many parts the source's records are cut; within one table, all records.
    pub(super) left: u32,
    /// Into how many the recipient's are.
    pub(super) right: u32,
}

/// A record is on the left of its tile's pairs.
pub(super) const LEFT: u8 = 1;
/// A record is on the right.
pub(super) const RIGHT: u8 = 2;
/// A record is on both: the tile's pairs are those of its records with each other.
pub(super) const BOTH: u8 = 3;

impl Assignment {
    /// Returns how many units there are.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Returns how many pairs the largest unit is expected to make, before any is taken off that an earlier rule makes.
    pub fn largest_unit_pairs(&self) -> u64 {
        self.largest_pairs
    }

    /// Returns how many pairs an average unit makes.
    pub fn mean_unit_pairs(&self) -> f64 {
        if self.units == 0 { 0.0 } else { self.all_pairs as f64 / self.units as f64 }
    }

    /// Calls `put` with each unit that a record goes to for one of its keys, and where it stands there.
    pub(super) fn units_of(
        &self,
        block: BlockName,
        recipient: bool,
        record: u32,
        mut put: impl FnMut(u64, u8),
    ) {
        let hash = hash_of(&block);
        if !self.may_know(hash) {
            return;
        }
        let side = if recipient { RIGHT } else { LEFT };
        let Some(tiles) = self.large.get(&block) else {
            let bundle = bundle_of(hash);
            let role = if self.within { BOTH } else { side };
            if let Some(unit) = self.bundles.get(bundle) {
                put(u64::from(*unit), role);
            }
            return;
        };
        let (left, right) = (u64::from(tiles.left), u64::from(tiles.right));
        if self.within {
            let own = stir(u64::from(record)) % left;
            for other in 0..left {
                let role = match own.cmp(&other) {
                    std::cmp::Ordering::Less => LEFT,
                    std::cmp::Ordering::Equal => BOTH,
                    std::cmp::Ordering::Greater => RIGHT,
                };
                let (low, high) = (own.min(other), own.max(other));
                // Tiles are numbered row by row of the triangle.
                put(tiles.first + low * left - low * low.saturating_sub(1) / 2 + high - low, role);
            }
        } else if recipient {
            let own = stir(u64::from(record)) % right;
            (0..left).for_each(|other| put(tiles.first + other * right + own, side));
        } else {
            let own = stir(u64::from(record)) % left;
            (0..right).for_each(|other| put(tiles.first + own * right + other, side));
        }
    }

    fn may_know(&self, hash: u64) -> bool {
        let bit = bit_of(hash, self.known.len());
        self.known.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Assignment({} units, {} large blocks)", self.units, self.large.len())
    }
}

/// Collects the counts of blocks that a counting plan gives.
pub struct Tally {
    within: bool,
    known: Vec<u64>,
    /// The pairs of each bundle's small blocks, and their rows.
    bundles: Vec<(u64, u64)>,
    /// The blocks that may turn out to be large, with their records on either side.
    single: BTreeMap<BlockName, (u64, u64)>,
    all: u64,
}

impl Tally {
    /// Begins with room for the keys of so many records by a model.
    pub fn of(model: &Model, records: u64) -> Self {
        let layers = rules_of_layers(model).len() as u64;
        Self::new(model.link() != Link::Between, records.saturating_mul(layers))
    }

    /// Takes up a batch that a counting plan gave.
    ///
    /// # Errors
    ///
    /// [`Error::FailedPlan`] where it lacks a column.
    pub fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let layers = column(batch, LAYER).map_err(failed)?.as_primitive::<UInt16Type>();
        let keys = column(batch, KEY).map_err(failed)?.as_fixed_size_binary();
        let count = |name| Ok(column(batch, name).map_err(failed)?.as_primitive::<UInt64Type>());
        let (sources, recipients) = (count(SOURCES)?, count(RECIPIENTS)?);
        for row in 0..batch.num_rows() {
            if let Some(key) = key_at(keys, row) {
                self.add((layers.value(row), key), sources.value(row), recipients.value(row));
            }
        }
        Ok(())
    }

    /// Cuts and packs, towards units of so many pairs at most, and at least so many units.
    ///
    /// # Errors
    ///
    /// [`Error::BlockTooLarge`] for one that even the most tiles leave too large.
    pub fn assigned(&self, model: &Model, unit_pairs: u64, least_units: u64) -> Result<Assignment> {
        self.assign(unit_pairs, least_units, rule_of(model))
    }

    /// Does so; `rule_of` names a layer's rule.
    pub(super) fn assign(
        &self,
        unit_pairs: u64,
        least_units: u64,
        rule_of: impl Fn(u16) -> String,
    ) -> Result<Assignment> {
        self.cut(self.aim(unit_pairs, least_units), rule_of)
    }

    /// Returns how many pairs a unit should have, where it may have so many and there should be at least so many units.
    pub(super) fn aim(&self, unit_pairs: u64, least_units: u64) -> u64 {
        (self.all / least_units.max(1)).clamp(LEAST_SINGLE, unit_pairs.max(LEAST_SINGLE))
    }

    /// Returns how many pairs share a key, once for each layer of the rules that they do in.
    pub(super) fn all_pairs(&self) -> u64 {
        self.all
    }

    /// Cuts and packs, towards units of so many pairs, however few.
    ///
    /// # Errors
    ///
    /// As [`Tally::assigned`].
    pub(super) fn assigned_towards(&self, model: &Model, target: u64) -> Result<Assignment> {
        self.cut(target, rule_of(model))
    }

    /// Begins with room for about so many keys.
    pub(super) fn new(within: bool, keys: u64) -> Self {
        let words = usize::try_from(keys.saturating_mul(8) / 64).unwrap_or(usize::MAX);
        let words = words.clamp(16, 1 << 20).next_power_of_two();
        Self {
            within,
            known: vec![0; words],
            bundles: vec![(0, 0); BUNDLES],
            single: BTreeMap::new(),
            all: 0,
        }
    }

    /// Takes up how many records have a key.
    pub(super) fn add(&mut self, block: BlockName, sources: u64, recipients: u64) {
        let pairs = self.pairs(sources, recipients);
        if pairs == 0 {
            return;
        }
        self.all = self.all.saturating_add(pairs);
        let hash = hash_of(&block);
        let bit = bit_of(hash, self.known.len());
        self.known[bit / 64] |= 1 << (bit % 64);
        if pairs < LEAST_SINGLE {
            put(&mut self.bundles, hash, pairs, sources + recipients);
        } else {
            self.single.insert(block, (sources, recipients));
        }
    }

    fn pairs(&self, sources: u64, recipients: u64) -> u64 {
        if self.within {
            let all = sources + recipients;
            all.saturating_mul(all.saturating_sub(1)) / 2
        } else {
            sources.saturating_mul(recipients)
        }
    }

    /// Cuts and packs; `rule_of` names a layer's rule.
    fn cut(&self, target: u64, rule_of: impl Fn(u16) -> String) -> Result<Assignment> {
        let mut large = BTreeMap::new();
        let (mut units, mut largest) = (0, 0);
        let mut bundles = self.bundles.clone();
        let mut packed: Vec<(u64, u64, Item)> = Vec::new();
        for (block, (sources, recipients)) in &self.single {
            let (block, sources, recipients) = (*block, *sources, *recipients);
            let pairs = self.pairs(sources, recipients);
            if pairs > target {
                let (tiles, tile_pairs) = self
                    .tiles(units, target, sources, recipients)
                    .ok_or_else(|| Error::BlockTooLarge {
                        rule: rule_of(block.0),
                        pairs,
                        limit: target.saturating_mul(MOST_PARTS / 2).saturating_pow(2),
                    })?;
                let (left, right) = (u64::from(tiles.left), u64::from(tiles.right));
                units += if self.within { left * (left + 1) / 2 } else { left * right };
                largest = largest.max(tile_pairs);
                large.insert(block, tiles);
            } else if pairs > target / 8 {
                packed.push((pairs, sources + recipients, Item::Block(block)));
            } else {
                put(&mut bundles, hash_of(&block), pairs, sources + recipients);
            }
        }
        let bundles = (0..).zip(bundles).filter(|(_, (pairs, _))| *pairs > 0);
        packed.extend(bundles.map(|(bundle, (pairs, rows))| (pairs, rows, Item::Bundle(bundle))));
        // The heaviest first, each to the unit that is lightest so far.
        packed.sort_unstable_by(|one, other| other.cmp(one));
        let small: u64 = packed.iter().map(|(pairs, ..)| pairs).sum();
        let rows: u64 = packed.iter().map(|(_, rows, _)| rows).sum();
        let first = units;
        // No larger than tiles came out, or tiles would leave the packed units far above the mean.
        let heaviest = packed.first().map_or(0, |(pairs, ..)| *pairs);
        let size = if largest > 0 { largest.max(heaviest) } else { target };
        // Nor with more rows than the pairs aimed at can have: pairs take time, and rows take memory.
        let count = small.div_ceil(size).max(rows.div_ceil(target.saturating_mul(2)));
        let mut lightest: BinaryHeap<Reverse<(u64, u64)>> =
            (first..first + count).map(|unit| Reverse((0, unit))).collect();
        let mut bundle_units = vec![0; BUNDLES];
        for (pairs, _, item) in packed {
            let Some(Reverse((load, unit))) = lightest.pop() else { break };
            match item {
                Item::Block(block) => {
                    large.insert(block, Tiles { first: unit, left: 1, right: 1 });
                }
                Item::Bundle(bundle) => {
                    bundle_units[bundle] = u32::try_from(unit).unwrap_or(u32::MAX);
                }
            }
            largest = largest.max(load + pairs);
            lightest.push(Reverse((load + pairs, unit)));
        }
        Ok(Assignment {
            within: self.within,
            units: first + count,
            bundles: bundle_units,
            known: self.known.clone(),
            large,
            largest_pairs: largest,
            all_pairs: self.all,
        })
    }

    /// Cuts a block into tiles of about so many pairs, if that can be done, and says how many a tile then makes.
    ///
    /// Where even the most tiles make more, they will do if their records are no more than so many: pairs take time, and
    /// records take memory.
    fn tiles(
        &self,
        first: u64,
        target: u64,
        sources: u64,
        recipients: u64,
    ) -> Option<(Tiles, u64)> {
        let parts = |parts: u64| u32::try_from(parts).unwrap_or(u32::MAX);
        if self.within {
            let all = sources + recipients;
            // A tile off the diagonal makes (all / parts)² pairs.
            let fits = |parts: &u64| {
                let side = all.div_ceil(*parts);
                side.saturating_mul(side) <= target
            };
            let has_few_rows = 2 * all.div_ceil(MOST_PARTS) <= target;
            let most = has_few_rows.then_some(MOST_PARTS);
            let least = (1..=MOST_PARTS).find(fits).or(most)?;
            let side = all.div_ceil(least);
            let tiles = Tiles { first, left: parts(least), right: parts(least) };
            return Some((tiles, side * side));
        }
        // As square as can be, so that records are repeated as little as can be.
        let mut best: Option<(u64, u64, u64)> = None;
        for left in 1..=MOST_PARTS.min(sources) {
            let high = sources.div_ceil(left);
            let right = recipients.div_ceil((target / high).max(1));
            if right > MOST_PARTS || high.saturating_mul(recipients.div_ceil(right)) > target {
                continue;
            }
            // Rows sent: each source record to `right` tiles, each recipient record to `left`.
            let sent = sources * right + recipients * left;
            if best.is_none_or(|(least, ..)| sent < least) {
                best = Some((sent, left, right));
            }
        }
        let (left, right) = if let Some((_, left, right)) = best {
            (left, right)
        } else {
            let (left, right) = (MOST_PARTS.min(sources), MOST_PARTS.min(recipients));
            let rows = sources.div_ceil(left) + recipients.div_ceil(right);
            (rows <= target).then_some((left, right))?
        };
        let tiles = Tiles { first, left: parts(left), right: parts(right) };
        Some((tiles, sources.div_ceil(left) * recipients.div_ceil(right)))
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Tally({} pairs)", self.all)
    }
}

/// Names the rule of a layer.
fn rule_of(model: &Model) -> impl Fn(u16) -> String {
    let layers = rules_of_layers(model);
    move |layer| {
        let rule = layers.get(usize::from(layer)).and_then(|rule| model.rules().get(*rule));
        rule.map_or_else(String::new, ToString::to_string)
    }
}

/// Puts a small block into its bundle.
fn put(bundles: &mut [(u64, u64)], hash: u64, pairs: u64, rows: u64) {
    let (all_pairs, all_rows) = &mut bundles[bundle_of(hash)];
    *all_pairs += pairs;
    *all_rows += rows;
}

/// What is packed into units.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Block(BlockName),
    Bundle(usize),
}

fn hash_of((layer, key): &BlockName) -> u64 {
    let mut start = [0; 8];
    start.copy_from_slice(&key[..8]);
    stir(u64::from_le_bytes(start) ^ u64::from(*layer).rotate_left(32))
}

fn bundle_of(hash: u64) -> usize {
    (hash >> 40) as usize % BUNDLES
}

#[expect(clippy::cast_possible_truncation, reason = "what is left by a usize fits one")]
fn bit_of(hash: u64, words: usize) -> usize {
    (stir(hash) % (words as u64 * 64).max(1)) as usize
}

/// The finaliser of SplitMix64.
fn stir(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> BlockName {
        let mut key = [0; KEY_BYTES];
        key[..8].copy_from_slice(&stir(number).to_le_bytes());
        (0, key)
    }

    fn tally(within: bool, blocks: &[(u64, u64)]) -> Tally {
        let mut tally = Tally::new(within, blocks.len() as u64);
        for (number, (sources, recipients)) in (0..).zip(blocks) {
            tally.add(name(number), *sources, *recipients);
        }
        tally
    }

    /// The pairs of each unit, every record having been sent where it goes.
    fn loads(assignment: &Assignment, blocks: &[(u64, u64)]) -> Vec<u64> {
        let mut loads = vec![0; usize::try_from(assignment.units()).unwrap()];
        for (number, (sources, recipients)) in (0..).zip(blocks) {
            let mut sent: BTreeMap<u64, [u64; 4]> = BTreeMap::new();
            for record in 0..sources + recipients {
                let number_of = u32::try_from(record).unwrap();
                let mut put =
                    |unit, role: u8| sent.entry(unit).or_default()[usize::from(role)] += 1;
                assignment.units_of(name(number), record >= *sources, number_of, &mut put);
            }
            let mut made = 0;
            for (unit, [_, left, right, both]) in sent {
                let pairs = left * right + both * both.saturating_sub(1) / 2;
                loads[usize::try_from(unit).unwrap()] += pairs;
                made += pairs;
            }
            let all = sources + recipients;
            let meant = if assignment.within {
                all * all.saturating_sub(1) / 2
            } else {
                sources * recipients
            };
            assert_eq!(made, meant, "block {number} of {sources} and {recipients}");
        }
        loads
    }

    #[test]
    fn each_pair_of_each_block_is_made_in_one_unit() {
        let blocks = [
            (0, 5),
            (1, 0),
            (1, 1),
            (3, 4),
            (60, 70),
            (700, 900),
            (5_000, 1),
            (1, 9_000),
            (2_000, 2_000),
        ];
        for within in [false, true] {
            let assigned = tally(within, &blocks).assign(20_000, 1, |_| String::new()).unwrap();
            loads(&assigned, &blocks);
            let one = tally(within, &blocks).assign(u64::MAX, 1, |_| String::new()).unwrap();
            assert_eq!(one.units(), 1);
        }
    }

    #[test]
    fn a_block_with_half_of_all_pairs_leaves_the_largest_unit_near_the_mean() {
        for within in [false, true] {
            // 3,000 blocks make as many pairs together as one.
            let small = if within { (58, 0) } else { (40, 42) };
            let large = if within { (3_150, 0) } else { (2_240, 2_250) };
            let blocks: Vec<(u64, u64)> =
                std::iter::repeat_n(small, 3_000).chain([large]).collect();
            let assigned = tally(within, &blocks).assign(1 << 20, 16, |_| String::new()).unwrap();
            let loads = loads(&assigned, &blocks);
            let mean = loads.iter().sum::<u64>() as f64 / loads.len() as f64;
            let largest = *loads.iter().max().unwrap() as f64;
            assert!(assigned.units() >= 16, "{} units", assigned.units());
            assert!(largest <= 1.3 * mean, "within {within}: {largest} of a mean of {mean}");
        }
    }

    #[test]
    fn a_block_that_no_number_of_tiles_makes_small_is_refused_by_name() {
        let refused = tally(false, &[(1 << 40, 1 << 20)]).assign(1 << 20, 1, |_| "city".to_owned());
        assert!(matches!(refused, Err(Error::BlockTooLarge { rule, .. }) if rule == "city"));
    }

    #[test]
    fn a_block_whose_most_tiles_have_few_records_is_cut_into_them() {
        for (within, blocks) in
            [(false, [(10_000, 10_000), (60, 70)]), (true, [(15_000, 0), (90, 0)])]
        {
            let assigned = tally(within, &blocks).assign(1 << 14, 1, |_| String::new()).unwrap();
            assert!(assigned.largest_unit_pairs() > 1 << 14);
            let loads = loads(&assigned, &blocks);
            let largest = *loads.iter().max().unwrap();
            let all = loads.iter().sum::<u64>();
            assert!(largest <= all / 1_000, "{largest} of {all}");
        }
    }

    #[test]
    fn small_blocks_beside_a_large_one_are_packed_by_their_records_too() {
        let target = 1_u64 << 11;
        // Each small block makes one pair of two records; the large one's tiles make several hundred thousand.
        for (within, large, small) in
            [(false, (60_000, 60_000), (1, 1)), (true, (60_000, 0), (2, 0))]
        {
            let blocks: Vec<(u64, u64)> =
                std::iter::once(large).chain(std::iter::repeat_n(small, 20_000)).collect();
            let assigned = tally(within, &blocks).assign(target, 1, |_| String::new()).unwrap();
            assert!(assigned.largest_unit_pairs() > 100 * target);
            let mut records: BTreeMap<u64, u64> = BTreeMap::new();
            for (number, (sources, recipients)) in (0..).zip(&blocks).skip(1) {
                for record in 0..sources + recipients {
                    let number_of = u32::try_from(record).unwrap();
                    assigned.units_of(name(number), record >= *sources, number_of, |unit, _| {
                        *records.entry(unit).or_default() += 1;
                    });
                }
            }
            assert_eq!(records.values().sum::<u64>(), 40_000);
            let most = records.values().max().copied().unwrap();
            assert!(most as f64 <= 1.3 * 2.0 * target as f64, "within {within}: {most} records");
        }
    }

    #[test]
    fn no_block_makes_no_unit() {
        let assigned = tally(false, &[]).assign(100, 4, |_| String::new()).unwrap();
        assert_eq!((assigned.units(), assigned.largest_unit_pairs()), (0, 0));
        assert!(assigned.mean_unit_pairs().abs() < f64::EPSILON);
    }
}
