//! Counts what training learns from: levels of random pairs, and patterns inside the blocks of training rules.
//!
//! Beside the path, before `train`, which turns these counts into parameters. The exact level's u is counted over all
//! pairs, by value, and so is that of values one edit apart where they are too many for a sample to show; the others are
//! sampled, each comparison until it has seen enough, and what the sample hardly shows is counted by value too where its
//! test leads to its pairs (`rare`). It weighs nothing and fits nothing.

mod commonness;
mod counted;
mod rare;
mod room;

use std::cell::OnceCell;

use rustc_hash::FxHashMap;

use crate::block::Blocks;
use crate::compare::grader::Grader;
use crate::compare::likeness::{Likeness, Stated};
use crate::compare::{Comparer, Compiled, NONE_HOLDS};
use crate::fuse::Ready;
use crate::keys::columns_of;
use crate::link::{count_ready, sorted};
use crate::model::{Column, Comparison, Level, Link, RareLevel, Recipe, Rule, Test, Training};
use crate::neighbours::{OneEdit, each_once};
use crate::parallel::share;
use crate::pattern::Pattern;
use crate::random::Dice;
use crate::record::{RecordRef, Side};
use crate::tables::{Tables, Values};
use crate::train::{UNSEEN, fix};
use crate::uncertainty::Spread;
use crate::{Error, Result};
pub(crate) use commonness::Commonness;
pub(crate) use counted::Counted;
pub(crate) use room::Room;

/// How often each level comes of random pairs.
pub(crate) struct Observed {
    pub(crate) u: Vec<Vec<f64>>,
    pub(crate) sampled_pairs: u64,
    /// The levels that few random pairs came to and that could not be counted.
    pub(crate) rare: Vec<RareLevel>,
    /// By comparison, how far the shares that are counted by value could have come out otherwise.
    pub(crate) spreads: Vec<Spread>,
}

impl Observed {
    /// Puts together what was observed of each comparison, in their order.
    pub(crate) fn of(comparisons: impl IntoIterator<Item = Shares>) -> Self {
        let (u, rare, spreads) = (Vec::new(), Vec::new(), Vec::new());
        let mut observed = Self { u, sampled_pairs: 0, rare, spreads };
        for Shares { u, drawn, rare, spread } in comparisons {
            observed.u.push(u);
            observed.rare.extend(rare);
            observed.spreads.push(spread);
            observed.sampled_pairs = drawn.max(observed.sampled_pairs);
        }
        observed
    }
}

/// Observes how often each level of each comparison comes of random pairs.
///
/// A comparison is observed by itself: u is of one comparison at a time. Pairs that lack a value say nothing, and aren't
/// drawn where the comparison looks at one column. Each has a stream of choices of its own, from the recipe's seed.
pub(crate) fn observe_u(recipe: &Recipe, tables: &Tables) -> Result<Observed> {
    let training = recipe.training();
    if tables.all_pairs() > training.sample_pairs && recipe.comparisons().iter().any(is_wide) {
        tables.order_all();
    }
    // Where edits are counted over all values, most of the work is finding them.
    let threads = tables.threads().get();
    let counted = share(threads, recipe.comparisons().iter().collect(), |comparison| {
        Counted::of(tables, comparison)
    });
    let counted = counted.into_iter().collect::<Result<Vec<_>>>()?;
    let searches: Vec<Option<OneEdit<'_>>> = recipe
        .comparisons()
        .iter()
        .zip(&counted)
        .map(|(comparison, counted)| search(comparison, counted, threads))
        .collect::<Result<_>>()?;
    let rounds = searches.iter().enumerate().flat_map(|(index, search)| {
        search
            .iter()
            .flat_map(move |search| (0..search.rounds()).map(move |round| (index, *search, round)))
    });
    let found = share(threads, rounds.collect(), |(index, search, round): (_, OneEdit<'_>, _)| {
        (index, search.pairs(round))
    });
    let mut apart: Vec<Option<Vec<(u32, u32)>>> =
        searches.iter().map(|search| search.map(|_| Vec::new())).collect();
    for (index, pairs) in found {
        if let Some(apart) = &mut apart[index] {
            apart.extend(pairs);
        }
    }
    let comparisons = counted.iter().zip(apart).enumerate().collect();
    let observed = share(threads, comparisons, |(index, (counted, apart))| {
        let (counted, apart): (&Counted<'_>, Option<Vec<(u32, u32)>>) = (counted, apart);
        let comparison = &recipe.comparisons()[index];
        let apart = apart.map(|apart| {
            let mut pairs = 0;
            each_once(apart, |one, other| pairs += counted.pairs_of(one + 1, other + 1));
            pairs
        });
        let by_value = ByValue {
            exact: exact_levels(comparison, counted, apart),
            spread: Spread::of(counted),
        };
        if is_wide(comparison) {
            let mut sight = Sight::new(comparison, &by_value);
            sight.see_records(comparison, tables, training, stream(training, index))?;
            Ok(by_value.told(comparison, &sight, training))
        } else {
            by_value.told_of_values(comparison, counted, training, stream(training, index))
        }
    });
    Ok(Observed::of(observed.into_iter().collect::<Result<Vec<_>>>()?))
}

/// The stream of choices of a comparison: far apart from the others, and from what the seed itself gives elsewhere.
pub(crate) fn stream(training: &Training, index: usize) -> u64 {
    training.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether a comparison looks at more than its own column.
pub(crate) fn is_wide(comparison: &Comparison) -> bool {
    let other = |level: &Level| {
        level.column.as_ref().is_some_and(|column| *column != comparison.column)
            || !level.test.other_columns().is_empty()
    };
    comparison.levels.iter().any(other)
}

/// How often each level of one comparison comes of random pairs.
pub(crate) struct Shares {
    u: Vec<f64>,
    drawn: u64,
    /// The levels that few of the pairs drawn came to and that could not be counted.
    rare: Vec<RareLevel>,
    spread: Spread,
}

/// What the values of a comparison's column tell before any pair is looked at.
pub(crate) struct ByValue {
    /// The shares of levels that are counted over all pairs, where they are.
    exact: Vec<Option<f64>>,
    spread: Spread,
}

impl ByValue {
    /// Counts what can be counted by value alone, within the room that there is.
    ///
    /// # Errors
    ///
    /// [`crate::Error::OutOfMemory`] where that is too little for the search for values one edit apart.
    #[cfg(feature = "plan")]
    pub(crate) fn of(
        comparison: &Comparison,
        counted: &Counted<'_>,
        threads: usize,
    ) -> Result<Self> {
        let apart = search(comparison, counted, threads)?
            .map(|search| search.sum(|one, other| counted.pairs_of(one + 1, other + 1)));
        Ok(Self { exact: exact_levels(comparison, counted, apart), spread: Spread::of(counted) })
    }

    /// Looks at pairs of values, as many as are needed, and tells the shares of a comparison of one column.
    pub(crate) fn told_of_values(
        mut self,
        comparison: &Comparison,
        counted: &Counted<'_>,
        training: &Training,
        stream: u64,
    ) -> Result<Shares> {
        let mut sight = Sight::new(comparison, &self);
        let levels = ColumnLevels::new(counted.tables(), comparison)?;
        let sampled = sight.see_values(counted, &levels, training, stream);
        if sampled {
            let places = sight.few(training.enough);
            let shares = rare::counted(comparison, counted, &levels, &places)?;
            for (place, share) in places.into_iter().zip(shares) {
                self.exact[place] = share;
            }
        }
        Ok(self.told(comparison, &sight, training))
    }

    /// Tells the shares from what was seen.
    pub(crate) fn told(
        self,
        comparison: &Comparison,
        sight: &Sight,
        training: &Training,
    ) -> Shares {
        let Self { exact, spread } = self;
        // Whatever is counted over all pairs, or stated, is known; the rest stands on few.
        let uncounted = |place: &usize| {
            let level = comparison.levels.get(*place)?;
            let unknown = exact[*place].is_none() && level.u.is_none() && !sight.counted_all;
            unknown.then(|| RareLevel {
                comparison: comparison.name.clone(),
                level: level.label(),
                seen: sight.seen[*place],
            })
        };
        let rare = sight.few(training.enough).iter().filter_map(uncounted).collect();
        let mut u = shares(&sight.seen, &exact);
        fix(&mut u, comparison, |level| level.u);
        Shares { u, drawn: sight.drawn, rare, spread }
    }
}

/// The pairs of one comparison that were looked at.
pub(crate) struct Sight {
    /// The levels whose share is counted by value.
    known: Vec<bool>,
    seen: Vec<u64>,
    drawn: u64,
    /// Whether every pair was looked at.
    counted_all: bool,
}

impl Sight {
    /// Begins with no pair.
    pub(crate) fn new(comparison: &Comparison, by_value: &ByValue) -> Self {
        let known = by_value.exact.iter().map(Option::is_some).collect();
        Self { known, seen: vec![0; comparison.levels.len()], drawn: 0, counted_all: false }
    }

    /// The levels that are not known and that fewer pairs than this came to.
    fn few(&self, enough: u64) -> Vec<usize> {
        let places = self.seen.iter().zip(&self.known).enumerate();
        places.filter(|(_, (seen, known))| !**known && **seen < enough).map(|one| one.0).collect()
    }

    fn rarest(&self) -> u64 {
        let open = self.seen.iter().zip(&self.known).filter(|(_, known)| !**known);
        open.map(|(seen, _)| *seen).min().unwrap_or(u64::MAX)
    }

    /// Returns how many pairs were looked at.
    #[cfg(feature = "plan")]
    pub(crate) fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Says whether another random pair of records is wanted.
    pub(crate) fn wants_more(&self, training: &Training) -> bool {
        self.drawn < training.sample_pairs
            && (!self.drawn.is_multiple_of(LOOKED_AT) || self.rarest() < training.enough)
    }

    /// Takes up the level of one pair, counted from 1; none where a value is missing.
    pub(crate) fn see(&mut self, level: u8) {
        if let Some(level) = usize::from(level).checked_sub(1) {
            self.seen[level] += 1;
        }
        self.drawn += 1;
    }

    /// Looks at pairs of records: at every one where they are few.
    pub(crate) fn see_records(
        &mut self,
        comparison: &Comparison,
        tables: &Tables,
        training: &Training,
        stream: u64,
    ) -> Result<()> {
        let mut comparer = Comparer::new(tables, std::slice::from_ref(comparison))?;
        let mut level = |source, recipient| comparer.pattern(source, recipient).level(0);
        if tables.all_pairs() <= training.sample_pairs {
            every_pair(tables).for_each(|(source, recipient)| self.see(level(source, recipient)));
            self.counted_all = true;
            return Ok(());
        }
        let mut draws = Draws::new(tables.link(), stream, sides(tables));
        while self.wants_more(training) {
            if let Some((source, recipient)) = draws.next_pair() {
                // By rank, so that the order of rows doesn't choose whom the seed picks.
                let source = tables.ranked(Side::Source, source);
                self.see(level(source, tables.ranked(Side::Recipient, recipient)));
            }
        }
        Ok(())
    }

    /// Looks at pairs of values, at every one where there are few pairs; says whether it was a sample.
    fn see_values(
        &mut self,
        counted: &Counted<'_>,
        levels: &ColumnLevels<'_>,
        training: &Training,
        stream: u64,
    ) -> bool {
        let values = Valued::new(counted);
        if counted.all_pairs() <= training.sample_pairs {
            values.each_pair(|one, other, pairs| self.seen[levels.of(one, other)] += pairs);
            self.drawn = counted.all_pairs();
            self.counted_all = true;
            return false;
        }
        if !values.any_pair() {
            return false;
        }
        let mut dice = Dice::new(stream);
        while self.drawn < training.sample_pairs && self.rarest() < training.enough {
            let count = LOOKED_AT.min(training.sample_pairs - self.drawn);
            let (ones, others): (Vec<u32>, Vec<u32>) =
                (0..count).map(|_| values.draw(&mut dice)).unzip();
            if self.drawn == 0 && values.len() > LOOKED_AT {
                levels.each_plainly(&ones, &others, |level| self.seen[level] += 1);
            } else {
                levels.each(&ones, &others, |level| self.seen[level] += 1);
            }
            self.drawn += count;
        }
        true
    }
}

/// Random pairs of records, by their places in the order of records' values.
pub(crate) struct Draws {
    dice: Dice,
    link: Link,
    records: [u32; 2],
}

impl Draws {
    /// Begins a stream of choices among so many records on either side.
    pub(crate) fn new(link: Link, stream: u64, records: [u32; 2]) -> Self {
        Self { dice: Dice::new(stream), link, records }
    }

    /// Draws a pair; none where it is a record with itself.
    pub(crate) fn next_pair(&mut self) -> Option<(usize, usize)> {
        let [source, recipient] = self.records.map(|records| self.dice.place(records as usize));
        (self.link == Link::Between || source != recipient).then_some((source, recipient))
    }
}

fn sides(tables: &Tables) -> [u32; 2] {
    [Side::Source, Side::Recipient].map(|side| tables.records(side))
}

/// After so many pairs it is seen whether they are enough.
const LOOKED_AT: u64 = 1 << 12;

/// The values of one column on both sides, to draw pairs of them.
struct Valued {
    /// The codes that records have, ascending; those of the recipient's where there are two sides.
    source: Vec<u32>,
    recipient: Option<Vec<u32>>,
}

impl Valued {
    fn new(counted: &Counted<'_>) -> Self {
        // In the order of values, so that the order of rows doesn't choose whom a seed picks.
        let ascending = |side| {
            let mut codes = Vec::new();
            for (code, count) in (0u32..).zip(counted.of_side(side)).skip(1) {
                codes.extend((0..*count).map(|_| code));
            }
            codes
        };
        let recipient = (counted.link() == Link::Between).then(|| ascending(Side::Recipient));
        Self { source: ascending(Side::Source), recipient }
    }

    /// Returns how many records have a value, on both sides.
    fn len(&self) -> u64 {
        (self.source.len() + self.recipient.as_ref().map_or(0, Vec::len)) as u64
    }

    fn any_pair(&self) -> bool {
        match &self.recipient {
            Some(recipient) => !self.source.is_empty() && !recipient.is_empty(),
            None => self.source.len() > 1,
        }
    }

    fn draw(&self, dice: &mut Dice) -> (u32, u32) {
        let one = dice.place(self.source.len());
        if let Some(recipient) = &self.recipient {
            return (self.source[one], recipient[dice.place(recipient.len())]);
        }
        // One of the others, each as likely.
        let other = dice.place(self.source.len() - 1);
        (self.source[one], self.source[other + usize::from(other >= one)])
    }

    /// Calls for each two values that some pairs have, with how many pairs.
    fn each_pair(&self, mut found: impl FnMut(u32, u32, u64)) {
        fn groups(codes: &[u32]) -> impl Iterator<Item = (u32, u64)> {
            codes.chunk_by(|one, other| one == other).map(|group| (group[0], group.len() as u64))
        }
        for (one, here) in groups(&self.source) {
            if let Some(recipient) = &self.recipient {
                groups(recipient).for_each(|(other, there)| found(one, other, here * there));
                continue;
            }
            if here > 1 {
                found(one, one, here * (here - 1) / 2);
            }
            let later = groups(&self.source).filter(|(other, _)| *other > one);
            later.for_each(|(other, there)| found(one, other, here * there));
        }
    }
}

/// The levels of a comparison that looks at one column.
struct ColumnLevels<'t> {
    column: &'t Column,
    values: &'t Values,
    tests: Vec<(u8, Test)>,
    /// Made when enough pairs are asked for: it lays out every value, and a few pairs are told sooner without.
    grader: OnceCell<Grader<'t>>,
    otherwise: usize,
}

impl<'t> ColumnLevels<'t> {
    fn new(tables: &'t Tables, comparison: &Comparison) -> Result<Self> {
        let Compiled { column, parts, otherwise, .. } = Compiled::new(tables, comparison)?;
        let tests: Vec<(u8, Test)> = parts.into_iter().flat_map(|part| part.tests).collect();
        let (values, column) = (tables.values(column), &tables.columns()[column]);
        let otherwise = usize::from(otherwise) - 1;
        Ok(Self { column, values, tests, grader: OnceCell::new(), otherwise })
    }

    fn grader(&self) -> &Grader<'t> {
        self.grader.get_or_init(|| Grader::new(self.column, self.values, &self.tests))
    }

    /// Returns the level of the source's value and the recipient's, counted from 0.
    fn of(&self, one: u32, other: u32) -> usize {
        self.place(self.grader().first_level(one, other))
    }

    /// Calls with the level of each two values, as long as both lists are.
    fn each(&self, ones: &[u32], others: &[u32], found: impl FnMut(usize)) {
        let mut levels = vec![NONE_HOLDS; ones.len()];
        self.grader().first_levels(ones, others, &mut levels);
        levels.into_iter().map(|level| self.place(level)).for_each(found);
    }

    /// Does the same value by value, laying none out.
    fn each_plainly(&self, ones: &[u32], others: &[u32], found: impl FnMut(usize)) {
        let tests = self.tests.iter().map(|(_, test)| test);
        let literals = Stated::all(self.column, self.values, tests);
        let level = |(one, other): (&u32, &u32)| {
            let mut likeness = Likeness::new(self.values, &literals, *one, *other);
            let first = self.tests.iter().find(|(_, test)| likeness.holds(test) == Some(true));
            self.place(first.map_or(NONE_HOLDS, |(level, _)| *level))
        };
        ones.iter().zip(others).map(level).for_each(found);
    }

    fn place(&self, level: u8) -> usize {
        match level {
            NONE_HOLDS => self.otherwise,
            level => usize::from(level) - 1,
        }
    }
}

/// The shares of levels, of which some are known and the others go by how often each was seen.
fn shares(seen: &[u64], exact: &[Option<f64>]) -> Vec<f64> {
    let counts: Vec<f64> = seen.iter().map(|count| (*count as f64).max(UNSEEN)).collect();
    let known: f64 = exact.iter().flatten().sum();
    let rest: f64 =
        counts.iter().zip(exact).filter(|(_, exact)| exact.is_none()).map(|(count, _)| count).sum();
    let one = |(count, exact): (&f64, &Option<f64>)| match exact {
        Some(share) => *share,
        None => (1.0 - known).max(0.0) * count / rest,
    };
    counts.iter().zip(exact).map(one).collect()
}

/// The shares that are counted over all pairs rather than sampled: of equal values, and of values one edit apart where
/// that level follows and the values are many; how many pairs have these is given, where they are.
fn exact_levels(
    comparison: &Comparison,
    counted: &Counted<'_>,
    apart: Option<u64>,
) -> Vec<Option<f64>> {
    let mut exact = vec![None; comparison.levels.len()];
    let own = |level: &Level| level.column.is_none();
    if !comparison.levels.first().is_some_and(|level| level.test == Test::Exact && own(level)) {
        return exact;
    }
    let all = (counted.valued_pairs() as f64).max(1.0);
    let share = |pairs: u64| (pairs as f64).clamp(UNSEEN, (all - UNSEEN).max(UNSEEN)) / all;
    let equal = (1..=counted.values().len()).map(|code| counted.equal_pairs_of(code)).sum();
    exact[0] = Some(share(equal));
    if let Some(apart) = apart {
        exact[1] = Some(share(apart));
    }
    exact
}

/// The search for values whose edits are counted, where the second level is of one edit and values are many.
fn search<'t>(
    comparison: &Comparison,
    counted: &Counted<'t>,
    threads: usize,
) -> Result<Option<OneEdit<'t>>> {
    let [first, second, ..] = comparison.levels.as_slice() else { return Ok(None) };
    if first.test != Test::Exact || first.column.is_some() || second.column.is_some() {
        return Ok(None);
    }
    let swaps = match second.test {
        Test::Levenshtein(1) => false,
        Test::OptimalAlignment(1) | Test::Damerau(1) => true,
        _ => return Ok(None),
    };
    match counted.values() {
        // Few values come often, and a sample shows them.
        Values::Text(texts) if texts.len() >= FEWEST_COUNTED => {
            OneEdit::new(texts, swaps, threads, counted.room()).map(Some)
        }
        _ => Ok(None),
    }
}

/// Columns with fewer distinct values than this are left to the sample.
const FEWEST_COUNTED: usize = 10_000;

fn every_pair(tables: &Tables) -> impl Iterator<Item = (RecordRef, RecordRef)> + '_ {
    let (sources, recipients) = (tables.records(Side::Source), tables.records(Side::Recipient));
    (0..sources).flat_map(move |source| {
        let from = if tables.link() == Link::Between { 0 } else { source + 1 };
        (from..recipients).map(move |recipient| (RecordRef::new(source), RecordRef::new(recipient)))
    })
}

/// The pairs of one training rule, counted by pattern.
pub(crate) struct Session {
    pub(crate) label: String,
    /// The pairs that the rule makes.
    pub(crate) pairs: u64,
    /// In order; with frequencies, a pattern stands several times, and of very many pairs a sample is counted.
    pub(crate) counts: Vec<(Pattern, u64)>,
    pub(crate) taught: Vec<bool>,
    /// How common the equal values are of each count's pairs, where the recipe asks for that.
    pub(crate) frequencies: Option<Commonness>,
}

impl Session {
    /// How many of the rule's pairs each one stands for that was counted.
    pub(crate) fn each(&self) -> f64 {
        let counted: u64 = self.counts.iter().map(|(_, count)| count).sum();
        self.pairs as f64 / counted as f64
    }
}

/// Counts the sessions of a recipe. `known` are blocks of the same tables, which hold some of its rules already, and `ready`
/// was made with the recipe's comparisons.
pub(crate) fn count_sessions<'t>(
    recipe: &Recipe,
    tables: &'t Tables,
    known: &[&Blocks<'t>],
    ready: &Ready<'t>,
) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    let rules: Vec<&Rule> = recipe.training().rules.iter().collect();
    let blocks = share(tables.threads().get(), rules.clone(), |rule| {
        Blocks::beside(known, tables, std::slice::from_ref(rule))
    });
    for (rule, blocks) in rules.into_iter().zip(blocks) {
        let blocks = blocks?;
        sessions.push(if recipe.training().frequencies {
            let taught = taught_by(recipe, rule)?;
            let (counts, told) = Commonness::count(recipe, tables, &blocks, &taught)?;
            Session::new(rule, told.made, counts, taught, Some(told))?
        } else {
            Session::of_patterns(recipe, rule, count_ready(ready, &blocks))?
        });
    }
    check_taught(recipe, &sessions)?;
    Ok(sessions)
}

impl Session {
    fn new(
        rule: &Rule,
        pairs: u64,
        counts: Vec<(Pattern, u64)>,
        taught: Vec<bool>,
        frequencies: Option<Commonness>,
    ) -> Result<Self> {
        if counts.is_empty() {
            return Err(Error::EmptyRule { rule: rule.to_string() });
        }
        Ok(Self { label: rule.to_string(), pairs, counts, taught, frequencies })
    }

    /// Makes a session of the patterns of all pairs that a rule makes.
    pub(crate) fn of_patterns(
        recipe: &Recipe,
        rule: &Rule,
        patterns: impl IntoIterator<Item = (Pattern, u64)>,
    ) -> Result<Self> {
        let taught = taught_by(recipe, rule)?;
        let mut counts: FxHashMap<Pattern, u64> = FxHashMap::default();
        for (pattern, count) in patterns {
            *counts.entry(pattern.only(&taught)).or_insert(0) += count;
        }
        Self::new(rule, counts.values().sum(), sorted(counts), taught, None)
    }
}

/// By comparison, whether a training rule teaches it.
fn taught_by(recipe: &Recipe, rule: &Rule) -> Result<Vec<bool>> {
    let keyed = columns_of(rule, recipe.columns())?;
    let taught = |comparison| !shares_column(recipe.columns(), &keyed, comparison);
    Ok(recipe.comparisons().iter().map(taught).collect())
}

/// Refuses sessions that leave a comparison untaught whose m the recipe doesn't state.
pub(crate) fn check_taught(recipe: &Recipe, sessions: &[Session]) -> Result<()> {
    for (index, comparison) in recipe.comparisons().iter().enumerate() {
        let fixed = comparison.levels.iter().all(|level| level.m.is_some());
        if !fixed && !sessions.iter().any(|session| session.taught[index]) {
            return Err(Error::UntrainedComparison { comparison: comparison.name.clone() });
        }
    }
    Ok(())
}

/// Whether a rule, which looks at these prepared columns, and a comparison are made from a common column of either table.
pub(crate) fn shares_column(columns: &[Column], keyed: &[String], comparison: &Comparison) -> bool {
    let mut looked_at: Vec<&str> = vec![&comparison.column];
    for level in &comparison.levels {
        looked_at.extend(level.column.as_deref());
        looked_at.extend(level.test.other_columns());
    }
    have_a_common_origin(columns, keyed, &looked_at)
}

/// Whether two lots of prepared columns are made from a common column of either table.
pub(crate) fn have_a_common_origin<S: AsRef<str>, T: AsRef<str>>(
    columns: &[Column],
    one: &[S],
    other: &[T],
) -> bool {
    let taken: Vec<_> = other.iter().flat_map(|name| origins(columns, name.as_ref())).collect();
    one.iter()
        .flat_map(|name| origins(columns, name.as_ref()))
        .any(|origin| taken.contains(&origin))
}

/// The columns of either table that a prepared column is made from.
fn origins<'c>(columns: &'c [Column], name: &str) -> Vec<(Side, &'c String)> {
    let mut origins = Vec::new();
    for column in columns.iter().filter(|column| column.name == name) {
        for origin in &column.from {
            origins.extend([(Side::Source, origin), (Side::Recipient, origin)]);
        }
        origins.extend(column.source.iter().map(|origin| (Side::Source, origin)));
        origins.extend(column.recipient.iter().map(|origin| (Side::Recipient, origin)));
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{Plan, synthesise};
    use crate::tables::Table;
    #[cfg(feature = "plan")]
    use std::sync::Arc;

    #[cfg(feature = "plan")]
    const NUMBERED: &str = r#"
        name = "numbered"
        link = "within"
        threshold = { weight = 0.0 }
        [[column]]
        name = "id"
        from = ["id"]
        [[rule]]
        keys = [{ column = "id" }]
        [[comparison]]
        name = "number"
        column = "id"
        level = [
            { test = "exact" }, { test = { damerau = 1 } }, { test = { prefix = 6 } }, { test = "else" },
        ]
        [training]
        seed = 3
        sample_pairs = 1_000
        prior = { stated = 0.01 }
        rules = [{ keys = [{ column = "id" }] }]
    "#;

    #[cfg(feature = "plan")]
    #[test]
    fn whatever_room_there_is_the_same_is_counted_and_what_has_none_is_refused() {
        use arrow_array::{ArrayRef, RecordBatch, StringArray};

        let recipe = Recipe::from_toml(NUMBERED).unwrap();
        let ids: StringArray =
            (0..12_000_u64).map(|row| Some(format!("{:08}", row * row % 40_009 * 7))).collect();
        let table = [RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap()];
        let tables = Tables::within(recipe.columns(), Table::new(&table)).unwrap();
        let comparison = &recipe.comparisons()[0];
        let bits = |u: &[f64]| u.iter().map(|u| u.to_bits()).collect::<Vec<_>>();
        let expected = observe_u(&recipe, &tables).unwrap();
        assert!(expected.u[0][1] > 1e-6 && expected.rare.is_empty(), "{:?}", expected.u);
        let observe = |bytes| {
            let all = Counted::of(&tables, comparison).unwrap();
            let counts = [Side::Source, Side::Recipient].map(|side| all.of_side(side).to_vec());
            let room = Room::of_bytes("id", bytes);
            let counted = Counted::given(&tables, comparison, counts, tables.all_pairs(), room)?;
            let by_value = ByValue::of(comparison, &counted, 2)?;
            let stream = stream(recipe.training(), 0);
            by_value.told_of_values(comparison, &counted, recipe.training(), stream)
        };
        for bytes in [1 << 30, 4 << 20, 1 << 20] {
            let shares = observe(bytes).unwrap();
            assert_eq!(bits(&shares.u), bits(&expected.u[0]), "{bytes}");
        }
        for (bytes, what) in [
            (10_000, "a search for values one edit apart of `id`"),
            (200_000, "what values may have in common of `id`"),
        ] {
            let Err(Error::OutOfMemory { problem }) = observe(bytes).map(|_| ()) else {
                panic!("{bytes} are enough")
            };
            assert!(problem.contains(what), "{bytes}: {problem}");
        }
    }

    #[test]
    fn few_pairs_come_to_the_levels_that_many_do() {
        let recipe = Recipe::from_toml(include_str!("../tests/truth.toml")).unwrap();
        let files = synthesise(&Plan::small(3)).unwrap();
        let (source, recipient) = ([files.payroll], [files.caseload]);
        let tables =
            Tables::between(recipe.columns(), Table::new(&source), Table::new(&recipient)).unwrap();
        for comparison in recipe.comparisons().iter().filter(|comparison| !is_wide(comparison)) {
            let counted = Counted::of(&tables, comparison).unwrap();
            let (values, levels) =
                (Valued::new(&counted), ColumnLevels::new(&tables, comparison).unwrap());
            let mut dice = Dice::new(5);
            let (ones, others): (Vec<u32>, Vec<u32>) =
                (0..20_000).map(|_| values.draw(&mut dice)).unzip();
            let (mut many, mut few) = (Vec::new(), Vec::new());
            levels.each(&ones, &others, |level| many.push(level));
            levels.each_plainly(&ones, &others, |level| few.push(level));
            assert_eq!(few, many, "{}", comparison.name);
            assert_eq!(few.len(), ones.len());
        }
    }
}
