//! Settles which pairs a record keeps when it may keep only one.
//!
//! After scoring, before a lead. Greedy takes the heaviest pair first; optimal takes the pairs whose weights add up to
//! the most, component by component (Kuhn, [The Hungarian Method](https://doi.org/10.1002/nav.3800020109), 1955). Weights are
//! added up in whole numbers there, so that no rounding makes one of two equal totals the larger. A tie is settled the same way on every run and is counted, so that a report can say that
//! chance decided. It moves no threshold.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cluster::{Forest, Member};
use crate::link::Pair;
use crate::model::OneToOne;
use crate::record::{RecordRef, Side};
use crate::tables::Tables;

/// The largest smaller side of a component that is settled optimally; a larger one is settled greedily.
///
/// The work grows with its cube. A component of this size means a threshold so low that most of its pairs are wrong.
const MOST_OPTIMAL: usize = 400;

/// The most cells of a component that is settled optimally: all of them stand in memory at once.
const MOST_CELLS: usize = 4_000_000;

/// How many parts one unit of weight has where weights are added up: two totals that differ by less are one total.
const PARTS: f64 = (1_u64 << 32) as f64;

/// Weights beyond this are as good as this, so that no total overflows.
const MOST_WEIGHT: f64 = (1_u64 << 20) as f64;

/// What a pair that isn't there costs beside the lightest that is: about a millionth of a unit.
///
/// So little that it decides between choices of one total only, and more than the parts that rounding can take off.
const ABSENCE: i64 = 1 << 12;

/// The pairs that records keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The pairs kept, by source and then recipient record.
    pub pairs: Vec<Pair>,
    /// Of these, the pairs that displaced another of the same weight; of those settled optimally, the pairs for which
    /// an exchange with one left out comes to the same total.
    pub tied: u64,
    /// Components too large to settle optimally, which were settled greedily.
    pub too_large: u64,
}

/// Settles which of the pairs are kept.
///
/// Within one table, a record counts as the same whether it stands first or later in a pair, and optimal is greedy:
/// assignment needs two sides.
pub fn settle(tables: &Tables, policy: OneToOne, pairs: Vec<Pair>) -> Settled {
    settle_by(tables, policy, pairs)
}

/// What says in which order records of the same weight come: prepared tables, or the ranks alone.
pub(crate) trait Ranking {
    /// Returns which pairs are made.
    fn link(&self) -> crate::Link;

    /// Returns a record's place in an order that doesn't depend on the order of rows.
    fn rank(&self, side: Side, record: RecordRef) -> u32;
}

impl Ranking for Tables {
    fn link(&self) -> crate::Link {
        Self::link(self)
    }

    fn rank(&self, side: Side, record: RecordRef) -> u32 {
        Self::rank(self, side, record)
    }
}

/// Settles which of the pairs are kept, by any order of their records.
pub(crate) fn settle_by(tables: &impl Ranking, policy: OneToOne, pairs: Vec<Pair>) -> Settled {
    let mut settled = Settled { pairs: Vec::new(), tied: 0, too_large: 0 };
    match policy {
        OneToOne::Off => settled.pairs = pairs,
        OneToOne::Greedy => keep_greedily(tables, pairs, &mut settled),
        OneToOne::EachSource => keep_one_a_source(tables, pairs, &mut settled),
        OneToOne::Optimal => {
            if tables.link() == crate::Link::Between {
                for component in components(pairs) {
                    keep_optimally(tables, component, &mut settled);
                }
            } else {
                keep_greedily(tables, pairs, &mut settled);
            }
        }
    }
    settled.pairs.sort_unstable_by_key(|pair| (pair.source, pair.recipient));
    settled
}

/// A record as a taker of pairs: within one table there is one side.
fn takers(tables: &impl Ranking, pair: &Pair) -> [(bool, RecordRef); 2] {
    [(false, pair.source), (tables.link() == crate::Link::Between, pair.recipient)]
}

/// Puts the heaviest first, and equal ones in the order of their records' values.
fn by_weight(tables: &impl Ranking, pairs: &mut [Pair]) {
    let place = |pair: &Pair| {
        let (source, recipient) =
            (tables.rank(Side::Source, pair.source), tables.rank(Side::Recipient, pair.recipient));
        match tables.link() {
            crate::Link::Between => (source, recipient),
            // Which of the two stands first is the order of rows.
            crate::Link::Within | crate::Link::Both => {
                (source.min(recipient), source.max(recipient))
            }
        }
    };
    pairs.sort_unstable_by(|one, other| {
        other.weight.total_cmp(&one.weight).then_with(|| place(one).cmp(&place(other)))
    });
}

fn keep_greedily(tables: &impl Ranking, mut pairs: Vec<Pair>, settled: &mut Settled) {
    by_weight(tables, &mut pairs);
    // Who took each record, as an index into what is kept.
    let mut taken: FxHashMap<(bool, RecordRef), usize> = FxHashMap::default();
    let mut tied: FxHashSet<usize> = FxHashSet::default();
    for pair in pairs {
        let sides = takers(tables, &pair);
        let before: Vec<usize> = sides.iter().filter_map(|side| taken.get(side).copied()).collect();
        if before.is_empty() {
            for side in sides {
                taken.insert(side, settled.pairs.len());
            }
            settled.pairs.push(pair);
        } else {
            tied.extend(
                before
                    .iter()
                    .filter(|kept| settled.pairs[**kept].weight.total_cmp(&pair.weight).is_eq()),
            );
        }
    }
    settled.tied += tied.len() as u64;
}

fn keep_one_a_source(tables: &impl Ranking, mut pairs: Vec<Pair>, settled: &mut Settled) {
    by_weight(tables, &mut pairs);
    let mut taken: FxHashMap<RecordRef, usize> = FxHashMap::default();
    let mut tied: FxHashSet<usize> = FxHashSet::default();
    for pair in pairs {
        match taken.get(&pair.source) {
            None => {
                taken.insert(pair.source, settled.pairs.len());
                settled.pairs.push(pair);
            }
            Some(kept) => {
                if settled.pairs[*kept].weight.total_cmp(&pair.weight).is_eq() {
                    tied.insert(*kept);
                }
            }
        }
    }
    settled.tied += tied.len() as u64;
}

/// Parts the pairs into those that share a record, directly or through others.
fn components(pairs: Vec<Pair>) -> Vec<Vec<Pair>> {
    // The records are numbered as they come, those of either side apart.
    let mut numbers: FxHashMap<(bool, RecordRef), Member> = FxHashMap::default();
    let mut number = |side| {
        let next = Member::new(u32::try_from(numbers.len()).unwrap_or(u32::MAX));
        *numbers.entry(side).or_insert(next)
    };
    let ends: Vec<[Member; 2]> = pairs
        .iter()
        .map(|pair| [(false, pair.source), (true, pair.recipient)].map(&mut number))
        .collect();
    let mut forest = Forest::new(u32::try_from(numbers.len()).unwrap_or(u32::MAX));
    for [source, recipient] in &ends {
        forest.join(*source, *recipient);
    }
    let mut places: FxHashMap<Member, usize> = FxHashMap::default();
    let mut components: Vec<Vec<Pair>> = Vec::new();
    for ([source, _], pair) in ends.into_iter().zip(pairs) {
        let place = *places.entry(forest.first(source)).or_insert(components.len());
        if place == components.len() {
            components.push(Vec::new());
        }
        components[place].push(pair);
    }
    components
}

fn keep_optimally(tables: &impl Ranking, component: Vec<Pair>, settled: &mut Settled) {
    let distinct = |side: Side, of: fn(&Pair) -> RecordRef| {
        let mut records: Vec<RecordRef> = component.iter().map(of).collect();
        records.sort_unstable_by_key(|record| tables.rank(side, *record));
        records.dedup();
        records
    };
    let sources = distinct(Side::Source, |pair| pair.source);
    let recipients = distinct(Side::Recipient, |pair| pair.recipient);
    if sources.len() == 1 || recipients.len() == 1 {
        return keep_greedily(tables, component, settled);
    }
    if sources.len().min(recipients.len()) > MOST_OPTIMAL
        || sources.len().saturating_mul(recipients.len()) > MOST_CELLS
    {
        settled.too_large += 1;
        return keep_greedily(tables, component, settled);
    }
    // A pair that isn't there is worth nothing. Where the threshold lies below even odds, weights below nothing are
    // lifted, and all a little more, so that a pair over the threshold is never left out for its own sake.
    let lift = component.iter().map(|pair| pair.weight).fold(0.0, f64::min);
    let place = |list: &[RecordRef], record| list.iter().position(|listed| *listed == record);
    let mut worth = vec![vec![0; recipients.len()]; sources.len()];
    let mut pairs: FxHashMap<(usize, usize), Pair> = FxHashMap::default();
    for pair in component {
        if let (Some(row), Some(column)) =
            (place(&sources, pair.source), place(&recipients, pair.recipient))
        {
            worth[row][column] = parts(pair.weight - lift) + ABSENCE;
            pairs.insert((row, column), pair);
        }
    }
    let cells = assign(&worth);
    settled.tied += count_tied(&worth, &cells, pairs.keys());
    settled.pairs.extend(cells.into_iter().filter_map(|place| pairs.remove(&place)));
}

/// A weight in whole parts.
#[expect(clippy::cast_possible_truncation, reason = "it was bounded to what an i64 holds")]
fn parts(weight: f64) -> i64 {
    (weight.clamp(-MOST_WEIGHT, MOST_WEIGHT) * PARTS).round() as i64
}

/// Counts the pairs kept for which one left out could stand at the same total, what it displaces rearranged.
///
/// Exchanges that move more than two pairs are not looked for.
fn count_tied<'a>(
    worth: &[Vec<i64>],
    cells: &[(usize, usize)],
    pairs: impl Iterator<Item = &'a (usize, usize)>,
) -> u64 {
    let by_row: FxHashMap<usize, usize> = cells.iter().copied().collect();
    let by_column: FxHashMap<usize, usize> =
        cells.iter().map(|(row, column)| (*column, *row)).collect();
    let value = |row: Option<usize>, column: Option<usize>| match (row, column) {
        (Some(row), Some(column)) => worth[row][column],
        _ => 0,
    };
    let mut tied: FxHashSet<(usize, usize)> = FxHashSet::default();
    for (row, column) in pairs.copied() {
        let (own, rival) = (by_row.get(&row).copied(), by_column.get(&column).copied());
        if own == Some(column) {
            continue;
        }
        let kept = value(Some(row), own) + value(rival, Some(column));
        let exchanged = worth[row][column] + value(rival, own);
        // Each of two weights may have been rounded by half a part.
        if (kept - exchanged).abs() <= 4 {
            tied.extend(own.map(|own| (row, own)).filter(|cell| worth[cell.0][cell.1] > 0));
            tied.extend(
                rival.map(|rival| (rival, column)).filter(|cell| worth[cell.0][cell.1] > 0),
            );
        }
    }
    tied.len() as u64
}

/// Returns the cells, one a row and one a column, whose worth adds up to the most.
fn assign(worth: &[Vec<i64>]) -> Vec<(usize, usize)> {
    let (rows, columns) = (worth.len(), worth.first().map_or(0, Vec::len));
    // The method wants no fewer columns than rows.
    let is_turned = rows > columns;
    let (rows, columns) = if is_turned { (columns, rows) } else { (rows, columns) };
    let at = |(row, column): (usize, usize)| {
        if is_turned { worth[column][row] } else { worth[row][column] }
    };
    let (_, assigned) = kuhn_munkres(&Matrix::from_fn(rows, columns, at));
    let mut cells: Vec<(usize, usize)> = (assigned.into_iter().enumerate())
        .map(|(row, column)| if is_turned { (column, row) } else { (row, column) })
        .collect();
    cells.sort_unstable();
    cells
}
