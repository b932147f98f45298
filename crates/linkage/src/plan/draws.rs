//! Random pairs of records, for comparisons that look at several columns, from tables that need not fit the memory.
//!
//! The same choices as in memory: a seed draws places in the order of records' values. Here some are drawn at once, the
//! records that they fall on are read out of the tables, and it is seen where looking at them would have stopped. It keeps
//! no record for the next.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::UInt32Array;
use rustc_hash::FxHashMap;

use super::ranks::Ranks;
use super::rows::{Rows, failed_arrow};
use super::run::Bounds;
use crate::compare::Comparer;
use crate::intake::Intake;
use crate::model::{Link, Recipe};
use crate::observe::{ByValue, Draws, Shares, Sight, stream};
use crate::record::{RecordRef, Side};
use crate::tables::Tables;
use crate::{Error, Result};

/// What a pair is thought to take whose records are read: twice what is read of one, and what is prepared of it.
const PAIR_BYTES: usize = 1 << 10;

/// The fewest pairs that are drawn at once, and the most.
const DRAWN: std::ops::RangeInclusive<usize> = 1 << 12..=1 << 18;

/// One comparison while pairs are drawn for it.
struct Drawing {
    index: usize,
    by_value: ByValue,
    sight: Sight,
    draws: Draws,
}

/// Looks at random pairs for each of these comparisons, as many as it wants, and tells its shares.
pub(super) fn see_drawn(
    recipe: &Recipe,
    wide: Vec<(usize, ByValue)>,
    rows: &Arc<dyn Rows>,
    ranks: &Ranks,
    bounds: &Bounds,
) -> Result<Vec<(usize, Shares)>> {
    let (comparisons, training) = (recipe.comparisons(), recipe.training());
    let records = ranks.records();
    let mut told = Vec::new();
    let begin = |(index, by_value): (usize, ByValue)| {
        let sight = Sight::new(&comparisons[index], &by_value);
        let draws = Draws::new(recipe.link(), stream(training, index), records);
        Drawing { index, by_value, sight, draws }
    };
    let mut open: Vec<Drawing> = wide.into_iter().map(begin).collect();
    let all_pairs = recipe.link().pairs(u64::from(records[0]), u64::from(records[1]));
    if all_pairs <= training.sample_pairs && !open.is_empty() {
        // So few that every pair is looked at, and all records of either side are.
        let all = records.map(|records| (0..records).collect());
        let (tables, _) = read(recipe, rows, ranks, &all, bounds)?;
        for mut drawing in open {
            let comparison = &comparisons[drawing.index];
            let stream = stream(training, drawing.index);
            drawing.sight.see_records(comparison, &tables, training, stream)?;
            let shares = drawing.by_value.told(comparison, &drawing.sight, training);
            told.push((drawing.index, shares));
        }
        return Ok(told);
    }
    let most = (bounds.memory_bytes / PAIR_BYTES).clamp(*DRAWN.start(), *DRAWN.end());
    while !open.is_empty() {
        let each = most / open.len();
        let lots: Vec<Vec<(u32, u32)>> =
            open.iter_mut().map(|drawing| drawing.lot(each, training.sample_pairs)).collect();
        let of = |side: fn(&(u32, u32)) -> u32| {
            let mut places: Vec<u32> = lots.iter().flatten().map(side).collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let mut wanted = [of(|pair| pair.0), of(|pair| pair.1)];
        if recipe.link() != Link::Between {
            let [one, other] = &mut wanted;
            one.append(other);
            one.sort_unstable();
            one.dedup();
        }
        let (tables, found) = read(recipe, rows, ranks, &wanted, bounds)?;
        for (drawing, lot) in open.iter_mut().zip(lots) {
            let comparison = std::slice::from_ref(&comparisons[drawing.index]);
            let mut comparer = Comparer::new(&tables, comparison)?;
            for (source, recipient) in lot {
                if !drawing.sight.wants_more(training) {
                    break;
                }
                let source = found.record(Side::Source, source)?;
                let recipient = found.record(Side::Recipient, recipient)?;
                drawing.sight.see(comparer.pattern(source, recipient).level(0));
            }
        }
        let (still, ended): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|drawing| drawing.sight.wants_more(training));
        for Drawing { index, by_value, sight, .. } in ended {
            told.push((index, by_value.told(&comparisons[index], &sight, training)));
        }
        open = still;
    }
    Ok(told)
}

impl Drawing {
    /// Draws the next so many pairs, or fewer where fewer are wanted at most.
    fn lot(&mut self, most: usize, sample_pairs: u64) -> Vec<(u32, u32)> {
        let left = sample_pairs.saturating_sub(self.sight.drawn());
        let most = most.max(1).min(usize::try_from(left).unwrap_or(usize::MAX));
        // A rank is a number of 32 bits.
        let rank = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let mut lot = Vec::with_capacity(most);
        while lot.len() < most {
            lot.extend(self.draws.next_pair().map(|(one, other)| (rank(one), rank(other))));
        }
        lot
    }
}

/// Where the records stand that were read, by side and rank.
struct Found {
    link: Link,
    by_rank: [FxHashMap<u32, RecordRef>; 2],
}

impl Found {
    fn record(&self, side: Side, rank: u32) -> Result<RecordRef> {
        let side = usize::from(self.link == Link::Between && side == Side::Recipient);
        self.by_rank[side].get(&rank).copied().ok_or_else(|| Error::FailedPlan {
            problem: "a table has lost a record since it was first gone through".to_owned(),
        })
    }
}

/// Reads the records of some ranks, which ascend, by side.
///
/// # Errors
///
/// [`Error::OutOfMemory`] where they take more than is granted, and what reading meets.
fn read(
    recipe: &Recipe,
    rows: &Arc<dyn Rows>,
    ranks: &Ranks,
    wanted: &[Vec<u32>; 2],
    bounds: &Bounds,
) -> Result<(Tables, Found)> {
    let link = recipe.link();
    let mut intake = Intake::new(recipe.columns(), link, NonZeroUsize::MIN);
    let mut by_rank = [FxHashMap::default(), FxHashMap::default()];
    let mut counts = [0_u32; 2];
    let mut bytes = 0;
    for side in [Side::Source, Side::Recipient] {
        let own = usize::from(link == Link::Between && side == Side::Recipient);
        for part in 0..rows.parts(side) {
            for batch in rows.open(side, part)? {
                let (first, batch) = batch?;
                let end = first.saturating_add(u32::try_from(batch.num_rows()).unwrap_or(u32::MAX));
                let mut places = Vec::new();
                for record in first..end {
                    // What has come into a table since has no rank. Who reads the file says at its end that it has changed.
                    let Some(rank) = ranks.side(side).get(record as usize).copied() else { break };
                    if wanted[own].binary_search(&rank).is_ok() {
                        by_rank[own].insert(rank, RecordRef::new(counts[own]));
                        counts[own] += 1;
                        places.push(record - first);
                    }
                }
                if !places.is_empty() {
                    let places = UInt32Array::from(places);
                    let read = arrow::compute::take_record_batch(&batch, &places);
                    let read = read.map_err(failed_arrow)?;
                    bytes += read.get_array_memory_size();
                    if bytes > bounds.memory_bytes {
                        let problem = format!(
                            "the records that are drawn to learn u take more than {} bytes, and so much may be theirs",
                            bounds.memory_bytes
                        );
                        return Err(Error::OutOfMemory { problem });
                    }
                    intake.take(side, &[read])?;
                }
            }
        }
    }
    Ok((intake.finish(), Found { link, by_rank }))
}
