//! Counts what training learns from: levels of random pairs, and patterns inside the blocks of training rules.
//!
//! Beside the path, before `train`, which turns these counts into parameters. The exact level's u is counted over all
//! pairs, by value; the others are sampled. It weighs nothing and fits nothing.

use rustc_hash::FxHashMap;

use crate::block::Blocks;
use crate::compare::Comparer;
use crate::keys::columns_of;
use crate::link::{count_patterns, sorted};
use crate::model::{Comparison, Level, Link, Recipe, Test};
use crate::pattern::Pattern;
use crate::random::Dice;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables};
use crate::train::{UNSEEN, fix};
use crate::{Error, Result};

/// How often each level comes of random pairs.
pub(crate) struct Observed {
    pub(crate) u: Vec<Vec<f64>>,
    pub(crate) sampled_pairs: u64,
}

pub(crate) fn observe_u(recipe: &Recipe, tables: &Tables) -> Result<Observed> {
    let comparisons = recipe.comparisons();
    let mut comparer = Comparer::new(tables, comparisons)?;
    let mut seen: Vec<Vec<u64>> =
        comparisons.iter().map(|comparison| vec![0; comparison.levels.len()]).collect();
    let mut count = |source, recipient| {
        let pattern = comparer.pattern(source, recipient);
        for (comparison, seen) in seen.iter_mut().enumerate() {
            if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                seen[level] += 1;
            }
        }
        seen.iter().flatten().copied().min().unwrap_or(0)
    };
    let mut sampled_pairs = 0;
    let training = recipe.training();
    if tables.all_pairs() <= training.sample_pairs {
        for (source, recipient) in every_pair(tables) {
            count(source, recipient);
            sampled_pairs += 1;
        }
    } else {
        let mut dice = Dice::new(training.seed);
        let mut rarest = 0;
        while sampled_pairs < training.sample_pairs && rarest < training.enough {
            if let Some((source, recipient)) = random_pair(tables, &mut dice) {
                rarest = count(source, recipient);
                sampled_pairs += 1;
            }
        }
    }
    let mut u = Vec::with_capacity(comparisons.len());
    for (comparison, seen) in comparisons.iter().zip(&seen) {
        u.push(u_of(comparison, seen, tables)?);
    }
    Ok(Observed { u, sampled_pairs })
}

fn every_pair(tables: &Tables) -> impl Iterator<Item = (RecordRef, RecordRef)> + '_ {
    let (sources, recipients) = (tables.records(Side::Source), tables.records(Side::Recipient));
    (0..sources).flat_map(move |source| {
        let from = if tables.link() == Link::Between { 0 } else { source + 1 };
        (from..recipients).map(move |recipient| (RecordRef::new(source), RecordRef::new(recipient)))
    })
}

fn random_pair(tables: &Tables, dice: &mut Dice) -> Option<(RecordRef, RecordRef)> {
    // By rank, so that the order of rows doesn't choose whom the seed picks.
    let mut pick = |side| tables.ranked(side, dice.place(tables.records(side) as usize));
    let (source, recipient) = (pick(Side::Source), pick(Side::Recipient));
    (tables.link() == Link::Between || source != recipient).then_some((source, recipient))
}

/// Makes the u of one comparison of what was seen, the exact level's counted over all pairs.
fn u_of(comparison: &Comparison, seen: &[u64], tables: &Tables) -> Result<Vec<f64>> {
    let counts: Vec<f64> = seen.iter().map(|count| (*count as f64).max(UNSEEN)).collect();
    let is_exact = |level: &Level| level.test == Test::Exact && level.column.is_none();
    let mut u = if comparison.levels.first().is_some_and(is_exact) {
        let column = tables
            .column_index(&format!("comparison `{}`", comparison.name), &comparison.column)?;
        let exact = exact_share(tables, column);
        let rest: f64 = counts[1..].iter().sum();
        let others = counts[1..].iter().map(|count| (1.0 - exact) * count / rest);
        std::iter::once(exact).chain(others).collect()
    } else {
        let all: f64 = counts.iter().sum();
        counts.iter().map(|count| count / all).collect::<Vec<_>>()
    };
    fix(&mut u, comparison, |level| level.u);
    Ok(u)
}

/// The share of all pairs with a value on both sides whose values are equal; never quite 0 nor 1.
fn exact_share(tables: &Tables, column: usize) -> f64 {
    let count = |side| {
        let mut counts = vec![0u64; tables.values(column).len() + 1];
        for code in tables.codes(column, side) {
            counts[*code as usize] += 1;
        }
        counts[NO_VALUE as usize] = 0;
        counts
    };
    let left = count(Side::Source);
    let (equal, all) = match tables.link() {
        Link::Between => {
            let right = count(Side::Recipient);
            let equal: u64 = left.iter().zip(&right).map(|(left, right)| left * right).sum();
            (equal, left.iter().sum::<u64>() * right.iter().sum::<u64>())
        }
        Link::Within | Link::Both => {
            let equal: u64 = left.iter().map(|count| count * count.saturating_sub(1) / 2).sum();
            let valued: u64 = left.iter().sum();
            (equal, valued * valued.saturating_sub(1) / 2)
        }
    };
    let all = (all as f64).max(1.0);
    (equal as f64).clamp(UNSEEN, (all - UNSEEN).max(UNSEEN)) / all
}

/// The pairs of one training rule, counted by pattern.
pub(crate) struct Session {
    pub(crate) label: String,
    pub(crate) pairs: u64,
    pub(crate) counts: Vec<(Pattern, u64)>,
    pub(crate) taught: Vec<bool>,
}

pub(crate) fn count_sessions(recipe: &Recipe, tables: &Tables) -> Result<Vec<Session>> {
    let comparisons = recipe.comparisons();
    let mut sessions = Vec::new();
    for rule in &recipe.training().rules {
        let keyed = columns_of(rule, recipe.columns())?;
        let taught: Vec<bool> = comparisons
            .iter()
            .map(|comparison| !shares_column(recipe, &keyed, comparison))
            .collect();
        let blocks = Blocks::new(tables, std::slice::from_ref(rule))?;
        let mut counts: FxHashMap<Pattern, u64> = FxHashMap::default();
        for (pattern, count) in count_patterns(tables, comparisons, &blocks)? {
            *counts.entry(pattern.only(&taught)).or_insert(0) += count;
        }
        let counts = sorted(counts);
        let pairs = counts.iter().map(|(_, count)| count).sum();
        if pairs == 0 {
            return Err(Error::EmptyRule { rule: rule.to_string() });
        }
        sessions.push(Session { label: rule.to_string(), pairs, counts, taught });
    }
    for (index, comparison) in comparisons.iter().enumerate() {
        let fixed = comparison.levels.iter().all(|level| level.m.is_some());
        if !fixed && !sessions.iter().any(|session| session.taught[index]) {
            return Err(Error::UntrainedComparison { comparison: comparison.name.clone() });
        }
    }
    Ok(sessions)
}

/// Whether a rule, which looks at these prepared columns, and a comparison are made from a common column of either table.
fn shares_column(recipe: &Recipe, keyed: &[String], comparison: &Comparison) -> bool {
    let mut looked_at: Vec<&str> = vec![&comparison.column];
    for level in &comparison.levels {
        looked_at.extend(level.column.as_deref());
        looked_at.extend(level.test.other_columns());
    }
    keyed
        .iter()
        .flat_map(|name| origins(recipe, name))
        .any(|origin| looked_at.iter().any(|name| origins(recipe, name).contains(&origin)))
}

/// The columns of either table that a prepared column is made from.
fn origins<'r>(recipe: &'r Recipe, name: &str) -> Vec<(Side, &'r String)> {
    let mut origins = Vec::new();
    for column in recipe.columns().iter().filter(|column| column.name == name) {
        for origin in &column.from {
            origins.extend([(Side::Source, origin), (Side::Recipient, origin)]);
        }
        origins.extend(column.source.iter().map(|origin| (Side::Source, origin)));
        origins.extend(column.recipient.iter().map(|origin| (Side::Recipient, origin)));
    }
    origins
}
