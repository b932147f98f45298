//! Precision and recall from decoys: records that are known to have no counterpart, linked as the others are.
//!
//! A part of `estimate`. Every link of a decoy is false. So many false links as a decoy has, a record of the files has too,
//! where decoys are like them: that gives the false links of all records, and what is left are true ones. One-to-one keeps
//! one link of a record: of the records that have no own link, the same share keeps a false one as of the decoys. By
//! analogy with the decoys of protein search, Elias and Gygi, [Target-decoy search
//! strategy](https://doi.org/10.1038/nmeth1019), 2007.
//!
//! It asks nothing of weights, m and u, of the number of partners, or of whether tables are linked between or within, and
//! everything of the decoys. The best are records of another file that cannot be in this one: another district, another
//! year's births. [`made_up`] puts some together of the values of the source's records, the parts that kin share from one
//! record where the model has kin, and all else from others. These meet by chance as strangers do, and live where others
//! live, but nobody made up is a twin of anybody, or a parent of the same name; and the record whose home was lent has its
//! own partner at home, so there is one more to be mistaken for. Which of the two weighs more, only a truth can tell.
//!
//! The interval: that of the mean number of links of a decoy, and as much again for the files' own false links, which are
//! chance too; then Wilson's.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::compute::{concat_batches, take};
use arrow_array::{RecordBatch, UInt32Array};
use serde::{Deserialize, Serialize};

use super::{Interval, Whole, of_share, whole};
use crate::block::Blocks;
use crate::elementary::squared;
use crate::link::{Detail, Pair, score_pairs};
use crate::model::{Column, KinClass, Link, Model, OneToOne};
use crate::one_to_one::settle;
use crate::random::Dice;
use crate::record::Side;
use crate::score::Scorer;
use crate::{Error, Result};

/// What decoys say at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByDecoys {
    /// The threshold.
    pub threshold: f64,
    /// How many decoys there are.
    pub decoys: u64,
    /// Links of decoys with records of the files, before one-to-one.
    pub links_of_decoys: u64,
    /// Links of the files at or above the threshold, before one-to-one.
    pub links: u64,
    /// The share of them that are the same individual.
    pub precision: Interval,
    /// Links that one-to-one kept.
    pub kept: u64,
    /// The share of those that are the same individual, if a record's own link outweighs its false ones; none within one
    /// table.
    pub kept_precision: Option<Interval>,
    /// The share of all pairs of the same individual that are linked; none where nothing says how many there are.
    pub recall: Option<Interval>,
}

/// Reckons precision and recall at each threshold from decoys, which are these rows of the source's table.
///
/// `all` is how many pairs of the same individual there are without the decoys, linked or not, where something says so.
///
/// # Errors
///
/// [`Error::NoPairs`] where there is no decoy, nothing but decoys, or no pair of the files reaches the lowest threshold.
pub fn by_decoys(
    scorer: &Scorer<'_>,
    decoys: &Range<u32>,
    thresholds: &[f64],
    all: Option<Whole>,
) -> Result<Vec<ByDecoys>> {
    let (tables, model) = (scorer.tables(), scorer.model());
    let blocks = Blocks::new(tables, model.rules())?;
    let lowest = thresholds.iter().copied().fold(f64::INFINITY, f64::min);
    let pairs = score_pairs(scorer, &blocks, Detail::Kept, lowest, None, |_| {})?.pairs;
    let run = Run {
        between: tables.link() == Link::Between,
        decoys: decoys.clone(),
        records: f64::from(tables.records(Side::Source)) - decoys.len() as f64,
    };
    let is_real = |pair: &Pair| run.decoys_of(pair).next().is_none();
    if decoys.is_empty() || run.records < 1.0 || !pairs.iter().any(is_real) {
        return Err(Error::NoPairs);
    }
    let at = |threshold: &f64| {
        let pairs: Vec<Pair> =
            pairs.iter().filter(|pair| pair.weight >= *threshold).copied().collect();
        let policy = model.one_to_one();
        let own: Vec<Pair> = pairs.iter().filter(|pair| is_real(pair)).copied().collect();
        let links = own.len() as u64;
        let kept = settle(tables, policy, own).pairs.len() as u64;
        let of_decoys = run.per_decoy(&pairs);
        let settled = (run.between && policy != OneToOne::Off).then(|| {
            let kept = settle(tables, policy, pairs).pairs;
            run.per_decoy(&kept)
        });
        run.reckoned(*threshold, (links, kept), &of_decoys, settled.as_deref(), all)
    };
    Ok(thresholds.iter().map(at).collect())
}

/// Who the decoys are, and how many others there are.
struct Run {
    between: bool,
    decoys: Range<u32>,
    records: f64,
}

impl Run {
    /// Says which decoys a pair is of: none, one, or within one table two.
    fn decoys_of(&self, pair: &Pair) -> impl Iterator<Item = u32> {
        let recipient = Some(pair.recipient.row()).filter(|_| !self.between);
        let decoys = self.decoys.clone();
        std::iter::once(pair.source.row()).chain(recipient).filter(move |row| decoys.contains(row))
    }

    /// Counts the links of each decoy with records of the files; two decoys tell nothing.
    fn per_decoy(&self, pairs: &[Pair]) -> Vec<u32> {
        let mut links = vec![0; self.decoys.len()];
        for pair in pairs {
            let mut of = self.decoys_of(pair);
            if let (Some(decoy), None) = (of.next(), of.next()) {
                links[(decoy - self.decoys.start) as usize] += 1;
            }
        }
        links
    }

    fn reckoned(
        &self,
        threshold: f64,
        (links, kept): (u64, u64),
        of_decoys: &[u32],
        settled: Option<&[u32]>,
        all: Option<Whole>,
    ) -> ByDecoys {
        let links_of_decoys = of_decoys.iter().map(|links| u64::from(*links)).sum();
        let told = (links, kept);
        let (links, kept) = (links as f64, kept as f64);
        // Within one table a false link is one of both its records.
        let ends = if self.between { self.records } else { self.records / 2.0 };
        let count = of_decoys.len() as f64;
        let (mean, spread) = mean_and_variance(of_decoys);
        let false_links = (ends * mean).min(links);
        let variance = ends * ends * spread / count + ends * spread;
        // So many trials is a link worth if a decoy has none: those of decoys, and the files' own, are chance alike.
        let worth = count / (ends + count);
        let share = |same: f64, variance: f64, of: f64| {
            let share = (same / of.max(1.0)).clamp(0.0, 1.0);
            let variance = variance / (of * of).max(1.0);
            whole(of_share(share, variance, (of, of * worth)), of.max(1.0))
        };
        let kept_precision = settled.map(|settled| {
            // Of the records without an own link, as large a share keeps a false one as of the decoys.
            let (taken, _) = mean_and_variance(settled);
            let taken = taken.min(1.0 - 1.0 / (count + 1.0));
            let own = ((kept - taken * self.records) / (1.0 - taken)).max(0.0);
            let slope = (kept - self.records) / squared(1.0 - taken);
            let one = taken * (1.0 - taken);
            share(own, slope * slope * one / count + (self.records - own).max(0.0) * one, kept)
        });
        ByDecoys {
            threshold,
            decoys: of_decoys.len() as u64,
            links_of_decoys,
            links: told.0,
            precision: share(links - false_links, variance, links),
            kept: told.1,
            kept_precision,
            recall: all.map(|all| all.recall(links - false_links, variance, worth)),
        }
    }
}

fn mean_and_variance(counts: &[u32]) -> (f64, f64) {
    let values: Vec<f64> = counts.iter().copied().map(f64::from).collect();
    (values.iter().sum::<f64>() / values.len().max(1) as f64, super::variance(&values))
}

/// Makes up so many decoys of the values of the source's records.
///
/// Where the model has classes of kin, a decoy takes what a class shares from one record, as often as the class has it,
/// and each other column from a record of its own. The same seed on the same batches makes the same decoys. The columns
/// that a model doesn't compare go along with the first record drawn; so does its id.
///
/// # Errors
///
/// [`Error::NoPairs`] where there are no records, and [`Error::UnreadableColumn`] where the batches are not of one schema.
pub fn made_up(
    model: &Model,
    batches: &[RecordBatch],
    count: u32,
    seed: u64,
) -> Result<RecordBatch> {
    let first = batches.first().ok_or(Error::NoPairs)?;
    let schema = first.schema();
    let unreadable = |column: &str| Error::UnreadableColumn {
        side: Side::Source,
        column: column.to_owned(),
        kind: "of several schemas".to_owned(),
    };
    let all = concat_batches(&schema, batches).map_err(|_| unreadable("*"))?;
    let rows = u64::try_from(all.num_rows()).unwrap_or(0);
    if rows == 0 {
        return Err(Error::NoPairs);
    }
    let shared = Shared::of(model);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut dice = Dice::new(seed);
    let mut lenders: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
    let row = |dice: &mut Dice| u32::try_from(dice.below(rows)).unwrap_or(0);
    for _ in 0..count {
        let home = row(&mut dice);
        let stays = shared.draw(&mut dice);
        // A column that several prepared columns are made of comes from one record.
        for (name, lenders) in names.iter().zip(&mut lenders) {
            let compared = shared.compared.get(*name);
            let stays = compared.is_none_or(|comparisons| {
                comparisons.iter().any(|comparison| stays.contains(comparison))
            });
            lenders.push(if stays { home } else { row(&mut dice) });
        }
    }
    let columns = all.columns().iter().zip(&names).zip(lenders).map(|((column, name), lenders)| {
        take(column, &UInt32Array::from(lenders), None).map_err(|_| unreadable(name))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|_| unreadable("*"))
}

/// What stays together in a decoy.
struct Shared<'m> {
    kin: &'m [KinClass],
    /// By the source's column, the comparisons that look at it.
    compared: BTreeMap<&'m str, Vec<usize>>,
}

impl<'m> Shared<'m> {
    fn of(model: &'m Model) -> Self {
        let mut compared: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for column in model.columns() {
            let looks = |comparison: &crate::model::Comparison| {
                comparison.column == column.name
                    || comparison
                        .levels
                        .iter()
                        .any(|level| level.column.as_ref() == Some(&column.name))
                    || comparison
                        .levels
                        .iter()
                        .any(|level| level.test.other_columns().contains(&column.name.as_str()))
            };
            let of: Vec<usize> = (0..)
                .zip(model.comparisons())
                .filter(|(_, one)| looks(one))
                .map(|(place, _)| place)
                .collect();
            // What only rules look at stays with the first record.
            for name in origins(column).filter(|_| !of.is_empty()) {
                compared.entry(name).or_default().extend(&of);
            }
        }
        Self { kin: model.kin(), compared }
    }

    /// Draws the comparisons whose values one record lends: those of a class of kin, or none.
    fn draw(&self, dice: &mut Dice) -> Vec<usize> {
        let all: f64 = self.kin.iter().map(|class| class.for_each_same).sum();
        let mut at = dice.share() * all.max(1.0);
        let class = self.kin.iter().find(|class| {
            at -= class.for_each_same;
            at < 0.0
        });
        let Some(class) = class else { return Vec::new() };
        let first = |levels: &Vec<f64>| levels.first().copied().unwrap_or(0.0);
        (0..)
            .zip(&class.levels)
            .filter(|(_, levels)| dice.chance(first(levels)))
            .map(|(place, _)| place)
            .collect()
    }
}

/// The source's columns that a prepared column is made from.
fn origins(column: &Column) -> impl Iterator<Item = &str> {
    column.from.iter().chain(&column.source).map(String::as_str)
}
