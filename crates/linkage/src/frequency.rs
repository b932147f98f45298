//! How common each value is, for comparisons in which a rare value weighs more.
//!
//! Between blocking and scoring: counted once for a run, over both tables together, or looked up in a table of a whole
//! population that the caller supplies. The adjustment replaces the exact level's u by the share of the more common of
//! the two values: Winkler, 2000; the form is Splink's. It doesn't touch m, and says nothing of the people.
//!
//! Of lists, a level that asks for equal items goes by items and not by whole lists: there the share of records that have the
//! rarest of the shared items replaces that level's own u. One rare telephone number in common says much, whatever else
//! the two lists hold, and a switchboard's says little.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::compare::list::{Lists, in_common};
use crate::elementary::{exp2, log2};
use crate::model::{Comparison, Level, Test};
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables, Values};
use crate::{Error, Result};

/// The shares of the values, for each comparison that adjusts for them.
pub struct Frequencies {
    comparisons: Vec<Option<Shares>>,
}

/// How common a value of some rank is, and what that is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its place among the values of the column, the most common being 1.
    pub rank: usize,
    /// Its share of the values, or the least u that it may stand for, whichever is more.
    pub share: f64,
    /// What two equal ones add to the weight.
    pub part: f64,
}

/// One comparison's adjustment.
struct Shares {
    name: String,
    column: usize,
    weight: f64,
    least: f64,
    /// log2 of the exact level's u.
    exact: f64,
    /// Whether each level takes the adjustment, the null level first.
    adjusted: Vec<bool>,
    /// For each code, log2 of its share or of the least u, whichever is more; none where the share isn't known.
    logs: Vec<Option<f64>>,
    /// By level, the null level first, log2 of its own u where it goes by the items that two lists share.
    by_items: Vec<Option<f64>>,
    /// For the code of each item of lists, what `logs` has for whole values.
    items: Vec<Option<f64>>,
}

impl Frequencies {
    /// Counts the values in both tables together.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] where the tables were prepared without a comparison's column.
    pub fn of(tables: &Tables, comparisons: &[Comparison]) -> Result<Self> {
        Self::of_shares(tables, comparisons, |_, column| {
            shares_of(tables, column).into_iter().map(Some).collect()
        })
    }

    /// Counts the values in both tables together, less these rows of the source's: decoys, which make no value more common.
    ///
    /// # Errors
    ///
    /// Those of [`Frequencies::of`].
    pub fn of_others(
        tables: &Tables,
        comparisons: &[Comparison],
        left_out: &Range<u32>,
    ) -> Result<Self> {
        Self::of_shares(tables, comparisons, |_, column| {
            let mut counts = counts_of(tables, column);
            let rows = left_out.start as usize..left_out.end as usize;
            for code in tables.codes(column, Side::Source).get(rows).unwrap_or_default() {
                if *code != NO_VALUE {
                    counts[*code as usize] -= 1;
                }
            }
            shares_among(&counts).into_iter().map(Some).collect()
        })
    }

    /// Takes the share of each code from elsewhere, by comparison and column.
    pub(crate) fn of_shares(
        tables: &Tables,
        comparisons: &[Comparison],
        shares: impl Fn(usize, usize) -> Vec<Option<f64>>,
    ) -> Result<Self> {
        let count = |(index, comparison): (usize, &Comparison)| -> Result<Option<Shares>> {
            let Some(frequency) = comparison.frequency else {
                return Ok(None);
            };
            let column = tables
                .column_index(&format!("comparison `{}`", comparison.name), &comparison.column)?;
            let shares = shares(index, column);
            let is_exact = |level: &&Level| level.test == Test::Exact && level.column.is_none();
            let exact_u =
                comparison.levels.iter().find(is_exact).and_then(|level| level.u).unwrap_or(1.0);
            let lists = lists_of(tables, column);
            let mut by_items = vec![None];
            by_items.extend(comparison.levels.iter().map(|level| {
                let u = level.u.filter(|_| level.test.asks_for_equal_items());
                u.filter(|_| lists.is_some() && level.column.is_none()).map(log2)
            }));
            let mut adjusted = vec![false];
            adjusted.extend(frequency.levels_taking(comparison));
            for (adjusted, by_items) in adjusted.iter_mut().zip(&by_items) {
                *adjusted |= by_items.is_some();
            }
            let goes_by_items = by_items.iter().any(Option::is_some);
            let items = lists.filter(|_| goes_by_items).map(|lists| item_shares(lists, &shares));
            Ok(Some(Shares {
                name: comparison.name.clone(),
                column,
                weight: frequency.weight,
                least: frequency.minimum_u,
                exact: log2(exact_u),
                adjusted,
                logs: logs_of(&shares, frequency.minimum_u),
                by_items,
                items: logs_of(&items.unwrap_or_default(), frequency.minimum_u),
            }))
        };
        Ok(Self { comparisons: comparisons.iter().enumerate().map(count).collect::<Result<_>>()? })
    }

    /// Takes the shares of one comparison's values from a table of a population instead.
    ///
    /// A value that the table lacks has no share, and a pair of two such values takes no adjustment. For a column of lists it
    /// has items, for the levels that go by them.
    ///
    /// # Errors
    ///
    /// [`Error::UnsoundModel`] where no comparison of that name adjusts for frequency, or a share isn't a share.
    pub fn supply(
        &mut self,
        tables: &Tables,
        comparison: &str,
        population: &BTreeMap<String, f64>,
    ) -> Result<()> {
        check_shares(comparison, population)?;
        let found = self.comparisons.iter_mut().flatten().find(|shares| shares.name == comparison);
        let shares = found.ok_or_else(|| unadjusted(comparison))?;
        let values = tables.values(shares.column);
        let known: Vec<Option<f64>> = std::iter::once(None)
            .chain((0..values.len()).map(|index| population.get(&text_of(values, index)).copied()))
            .collect();
        shares.logs = logs_of(&known, shares.least);
        if let Some(lists) = lists_of(tables, shares.column).filter(|_| !shares.items.is_empty()) {
            let items = (0..lists.items().len())
                .map(|index| population.get(&text_of(lists.items(), index)).copied());
            let known: Vec<Option<f64>> = std::iter::once(None).chain(items).collect();
            shares.items = logs_of(&known, shares.least);
        }
        Ok(())
    }

    /// Looks a value up in its population that was put behind the others, for each comparison that has one.
    pub(crate) fn seat(
        &mut self,
        tables: &Tables,
        populations: &BTreeMap<String, BTreeMap<String, f64>>,
    ) {
        for shares in self.comparisons.iter_mut().flatten() {
            let values = tables.values(shares.column);
            // Code 0 has a place too, so as many logarithms as values are one too few.
            if shares.logs.len() == values.len() {
                let population = populations.get(&shares.name);
                let text = text_of(values, values.len() - 1);
                let known = population.and_then(|population| population.get(&text).copied());
                shares.logs.extend(logs_of(&[known], shares.least));
            }
        }
    }

    /// Forgets what was looked up so.
    pub(crate) fn unseat(&mut self, tables: &Tables) {
        for shares in self.comparisons.iter_mut().flatten() {
            shares.logs.truncate(tables.values(shares.column).len() + 1);
        }
    }

    /// Returns what one comparison adds to the weight for how common the values are: 0 where it doesn't adjust.
    #[inline]
    pub(crate) fn part(
        &self,
        tables: &Tables,
        comparison: usize,
        level: u8,
        source: RecordRef,
        recipient: RecordRef,
    ) -> f64 {
        let Some(shares) = &self.comparisons[comparison] else {
            return 0.0;
        };
        if !shares.adjusted[usize::from(level)] {
            return 0.0;
        }
        let left = tables.codes(shares.column, Side::Source)[source.index()];
        let right = tables.codes(shares.column, Side::Recipient)[recipient.index()];
        shares.part_at(tables, level, left, right)
    }

    /// Returns the same for two values of the comparison's column, by their codes.
    #[inline]
    pub(crate) fn part_of_codes(
        &self,
        tables: &Tables,
        comparison: usize,
        level: u8,
        left: u32,
        right: u32,
    ) -> f64 {
        match &self.comparisons[comparison] {
            Some(shares) if shares.adjusted[usize::from(level)] => {
                shares.part_at(tables, level, left, right)
            }
            _ => 0.0,
        }
    }

    /// Returns how many values of one comparison's column have a share that is known, and their shares with what two equal
    /// ones add to the weight, by rank: the most common is 1. None where the comparison doesn't adjust.
    ///
    /// Only ranks are told, a few a decade, and no value.
    pub fn by_rank(&self, comparison: usize) -> Option<Vec<Ranked>> {
        let shares = self.comparisons.get(comparison)?.as_ref()?;
        let mut logs: Vec<f64> = shares.logs.iter().flatten().copied().collect();
        logs.sort_unstable_by(|one, other| other.total_cmp(one));
        let decades = std::iter::successors(Some(1_usize), |ten| ten.checked_mul(10));
        let mut ranks: Vec<usize> = decades
            .take_while(|ten| *ten <= logs.len())
            .flat_map(|ten| [ten, 2 * ten, 5 * ten])
            .filter(|rank| *rank < logs.len())
            .collect();
        ranks.extend((!logs.is_empty()).then_some(logs.len()));
        let of = |rank: usize| {
            let log = logs[rank - 1];
            Ranked { rank, share: exp2(log), part: shares.weight * (shares.exact - log) }
        };
        Some(ranks.into_iter().map(of).collect())
    }

    /// Returns the most that a level of one comparison can have added for how common the values are.
    pub(crate) fn most_part(&self, comparison: usize, level: u8) -> f64 {
        match &self.comparisons[comparison] {
            Some(shares) if shares.adjusted[usize::from(level)] => {
                match shares.by_items[usize::from(level)] {
                    Some(own) => {
                        let known = shares.items.iter().flatten();
                        known.map(|log| shares.weight * (own - log)).fold(0.0, f64::max)
                    }
                    None => (0u32..)
                        .take(shares.logs.len())
                        .skip(1)
                        .map(|code| shares.part(code, code))
                        .fold(0.0, f64::max),
                }
            }
            _ => 0.0,
        }
    }
}

impl Shares {
    /// What a level that takes the adjustment adds. Both codes stand for a value.
    #[inline]
    fn part_at(&self, tables: &Tables, level: u8, left: u32, right: u32) -> f64 {
        match self.by_items[usize::from(level)] {
            None => self.part(left, right),
            Some(own) => self.part_of_items(tables, own, left, right),
        }
    }

    /// What the rarest of the items that two lists share adds to a level whose own u has this logarithm.
    fn part_of_items(&self, tables: &Tables, own: f64, left: u32, right: u32) -> f64 {
        let Some(lists) = lists_of(tables, self.column) else { return 0.0 };
        let codes = |code: u32| lists.codes(code as usize - 1);
        // An item that came after the counting has no share that is known.
        let log = |item: &u32| self.items.get(*item as usize).copied().flatten();
        let rarest = in_common(codes(left), codes(right)).filter_map(log).reduce(f64::min);
        rarest.map_or(0.0, |log| self.weight * (own - log))
    }

    #[inline]
    fn part(&self, left: u32, right: u32) -> f64 {
        // A value that came after the counting has no share that is known.
        let log = |code: u32| self.logs.get(code as usize).copied().flatten();
        match (log(left), log(right)) {
            (None, None) => 0.0,
            (Some(known), None) | (None, Some(known)) => self.weight * (self.exact - known),
            (Some(left), Some(right)) => self.weight * (self.exact - left.max(right)),
        }
    }
}

impl std::fmt::Debug for Frequencies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Frequencies({} comparisons, [redacted])",
            self.comparisons.iter().flatten().count()
        )
    }
}

/// Checks the shares of a population that are supplied for a comparison.
pub(crate) fn check_shares(comparison: &str, population: &BTreeMap<String, f64>) -> Result<()> {
    if population.values().any(|share| !(*share > 0.0 && *share <= 1.0)) {
        return Err(unsound(comparison, "a share must lie above 0 and be at most 1"));
    }
    Ok(())
}

/// Says that a comparison takes no frequencies, so that none can be supplied for it.
pub(crate) fn unadjusted(comparison: &str) -> Error {
    unsound(comparison, "no comparison of that name adjusts for frequency")
}

fn unsound(comparison: &str, problem: &str) -> Error {
    let place = format!("frequencies of `{comparison}`");
    Error::UnsoundModel { place, problem: problem.to_owned() }
}

/// The lists of a column, if it is one of lists.
fn lists_of(tables: &Tables, column: usize) -> Option<&Lists> {
    match tables.values(column) {
        Values::Lists(lists) => Some(lists),
        Values::Text(_)
        | Values::Dates(..)
        | Values::Numbers(_)
        | Values::Times(_)
        | Values::Places(_) => None,
    }
}

/// The share of the records that have each item, from the shares of whole lists; code 0 has none.
fn item_shares(lists: &Lists, shares: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut items = vec![None; lists.items().len() + 1];
    for (index, share) in (0..lists.len()).zip(shares.iter().skip(1)) {
        for item in lists.codes(index) {
            let sum = &mut items[*item as usize];
            *sum = Some(sum.unwrap_or(0.0) + share.unwrap_or(0.0));
        }
    }
    items
}

/// A value as a table of a population writes it.
pub(crate) fn text_of(values: &Values, index: usize) -> String {
    match values {
        Values::Text(texts) | Values::Dates(_, texts) => texts.get(index).to_owned(),
        Values::Numbers(numbers) => numbers[index].to_string(),
        Values::Times(times) => times[index].to_string(),
        Values::Places(places) => places[index].text(),
        Values::Lists(lists) => lists.text(index),
    }
}

/// The share of each code among the records that have a value, both tables together; code 0 has none.
fn shares_of(tables: &Tables, column: usize) -> Vec<f64> {
    shares_among(&counts_of(tables, column))
}

fn shares_among(counts: &[u64]) -> Vec<f64> {
    let all: u64 = counts.iter().skip(1).sum();
    counts.iter().map(|count| if all == 0 { 0.0 } else { *count as f64 / all as f64 }).collect()
}

fn counts_of(tables: &Tables, column: usize) -> Vec<u64> {
    let mut counts = vec![0; tables.values(column).len() + 1];
    let sides: &[Side] = match tables.link() {
        crate::Link::Between => &[Side::Source, Side::Recipient],
        crate::Link::Within | crate::Link::Both => &[Side::Source],
    };
    for code in sides.iter().flat_map(|side| tables.codes(column, *side)) {
        if *code != NO_VALUE {
            counts[*code as usize] += 1;
        }
    }
    counts
}

fn logs_of(shares: &[Option<f64>], least: f64) -> Vec<Option<f64>> {
    let log = |share: &Option<f64>| {
        share.filter(|share| *share > 0.0).map(|share| log2(share.max(least)))
    };
    shares.iter().map(log).collect()
}
