//! Learns u and m as Splink does, so that a model that Splink trained can be worked out again.
//!
//! Beside the path, for comparing the two programs; [`crate::train()`] is the one to use. Every pair there is gives the u.
//! Each rule gives a session of expectation maximisation: it begins with the share of same pairs that the prior and the
//! exact levels of the rule's columns make, leaves out the comparisons that look at those columns, and stops once no
//! parameter moved by as much as the convergence. A level's m is the median over the sessions that taught it. It is a
//! definition to hold results against and no more: it goes through every pair in one thread.
//!
//! Source: Splink 5.0.0, its [theory of estimating parameters](https://moj-analytical-services.github.io/splink/topic_guides/training/training_rationale.html)
//! and what it was seen to give.

use crate::block::Blocks;
use crate::compare::Comparer;
use crate::elementary::log2;
use crate::model::{Comparison, Level, Model, Rule, Test};
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::score::{Scorer, probability, weight_of};
use crate::splink::settings::UNSEEN;
use crate::tables::Tables;
use crate::{Error, Frequencies, Link, Result};

/// How Splink is told to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The rules, a session each, in order: a session begins with what those before it came to.
    pub rules: Vec<Rule>,
    /// How often a session goes round at most.
    pub iterations: u32,
    /// A session stops once no parameter moved by as much as this.
    pub convergence: f64,
    /// Whether u is learnt in the sessions too.
    pub learn_u: bool,
    /// Whether every pair gives the u before the sessions begin.
    pub observe_u: bool,
}

impl Training {
    /// Trains by these rules as Splink does when it isn't told otherwise.
    pub fn by(rules: Vec<Rule>) -> Self {
        Self { rules, iterations: 25, convergence: 1e-4, learn_u: false, observe_u: true }
    }
}

/// What training came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The model with its m and u.
    pub model: Model,
    /// One entry a rule.
    pub sessions: Vec<Session>,
}

/// One session of expectation maximisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The share of same pairs before the first time round and after each.
    pub same: Vec<f64>,
    /// The m after each time round, by comparison and level; none for a comparison that sat it out.
    pub m: Vec<Vec<Option<Vec<f64>>>>,
}

impl Session {
    /// Returns how often it went round.
    pub fn iterations(&self) -> usize {
        self.same.len() - 1
    }
}

/// Takes the prior from rules that are thought to find this share of the same pairs, as Splink does.
///
/// # Errors
///
/// [`Error::EmptyPrior`] where the rules make no pair, [`Error::ImpossiblePrior`] where they make more than the recall
/// allows, and [`Error::UnknownColumn`].
pub fn prior(tables: &Tables, rules: &[Rule], recall: f64) -> Result<f64> {
    let pairs = Blocks::new(tables, rules)?.counts().last().map_or(0, |rule| rule.cumulative_pairs);
    let all = tables.all_pairs();
    let prior = pairs as f64 / recall / all as f64;
    if pairs == 0 {
        Err(Error::EmptyPrior)
    } else if prior.is_nan() || prior > 1.0 {
        Err(Error::ImpossiblePrior { pairs, all, recall })
    } else {
        Ok(prior)
    }
}

/// Learns the u and m of a model as Splink does. The prior is the model's, and stays.
///
/// # Errors
///
/// [`Error::EmptyRule`] where a rule makes no pair, [`Error::NoPairs`] where there is no pair at all, and those of
/// [`Scorer::new`].
pub fn train(model: &Model, tables: &Tables, training: &Training) -> Result<Trained> {
    tables.check_prepared(model.name(), model.link(), model.columns())?;
    let mut comparisons = model.comparisons().to_vec();
    if training.observe_u {
        observe(&mut comparisons, tables)?;
    }
    // The m and u of each level, session by session.
    let mut taught: Vec<Vec<[Vec<f64>; 2]>> =
        comparisons.iter().map(|one| vec![Default::default(); one.levels.len()]).collect();
    if training.observe_u {
        // The u of every pair counts as one session more.
        for (taught, comparison) in taught.iter_mut().zip(&comparisons) {
            for ([_, u], level) in taught.iter_mut().zip(&comparison.levels) {
                u.extend(level.u);
            }
        }
    }
    let mut sessions = Vec::new();
    for rule in &training.rules {
        let current = model.with_comparisons(comparisons.clone())?;
        let (session, learnt) = maximise(&current, tables, rule, training)?;
        for ((taught, learnt), comparison) in taught.iter_mut().zip(learnt).zip(&mut comparisons) {
            let Some(learnt) = learnt else {
                continue;
            };
            for ((taught, learnt), level) in
                taught.iter_mut().zip(learnt).zip(&mut comparison.levels)
            {
                let [m, u] = taught;
                m.extend(learnt.m);
                level.m = median(m).or(Some(UNSEEN));
                if training.learn_u {
                    u.extend(learnt.u);
                    level.u = median(u).or(Some(UNSEEN));
                }
            }
        }
        sessions.push(session);
    }
    Ok(Trained { model: model.with_comparisons(comparisons)?, sessions })
}

/// Counts the levels over every pair.
fn observe(comparisons: &mut [Comparison], tables: &Tables) -> Result<()> {
    let mut comparer = Comparer::new(tables, comparisons)?;
    let mut counts: Vec<Vec<u64>> =
        comparisons.iter().map(|comparison| vec![0; comparison.levels.len()]).collect();
    let (sources, recipients) = (tables.records(Side::Source), tables.records(Side::Recipient));
    for source in 0..sources {
        let from = if tables.link() == Link::Within { source + 1 } else { 0 };
        for recipient in from..recipients {
            let pattern = comparer.pattern(RecordRef::new(source), RecordRef::new(recipient));
            for (comparison, counts) in counts.iter_mut().enumerate() {
                if let Some(level) = usize::from(pattern.level(comparison)).checked_sub(1) {
                    counts[level] += 1;
                }
            }
        }
    }
    for (comparison, counts) in comparisons.iter_mut().zip(&counts) {
        let all: u64 = counts.iter().sum();
        for (level, count) in comparison.levels.iter_mut().zip(counts) {
            level.u = Some(if *count == 0 { UNSEEN } else { *count as f64 / all as f64 });
        }
    }
    Ok(())
}

/// What a session taught one level; nothing where none of its pairs came to it.
#[derive(Clone, Copy)]
struct Learnt {
    m: Option<f64>,
    u: Option<f64>,
}

/// A pair of a session: its pattern, and what frequency adds to its weight.
struct Observed {
    pattern: Pattern,
    frequency: f64,
}

fn maximise(
    model: &Model,
    tables: &Tables,
    rule: &Rule,
    training: &Training,
) -> Result<(Session, Vec<Option<Vec<Learnt>>>)> {
    let comparisons = model.comparisons();
    let keyed = keyed_columns(model, rule);
    let active: Vec<bool> = comparisons
        .iter()
        .map(|comparison| !looked_at(model, comparison).iter().any(|one| keyed.contains(one)))
        .collect();
    let pairs = observed(model, tables, rule, &active)?;
    let mut same = starting_share(model, &keyed);
    let mut shares: Vec<Option<Vec<[f64; 2]>>> = comparisons
        .iter()
        .zip(&active)
        .map(|(comparison, active)| {
            let of = |level: &Level| [level.m.unwrap_or(UNSEEN), level.u.unwrap_or(UNSEEN)];
            active.then(|| comparison.levels.iter().map(of).collect())
        })
        .collect();
    let mut session = Session { same: vec![same], m: Vec::new() };
    let mut learnt: Vec<Option<Vec<Learnt>>> = Vec::new();
    for _ in 0..training.iterations {
        let (next_same, next) = step(&pairs, &weights(model, &shares), same);
        let mut moved = (next_same - same).abs();
        for (shares, next) in shares.iter_mut().zip(&next) {
            let (Some(shares), Some(next)) = (shares, next) else {
                continue;
            };
            for ([m, u], next) in shares.iter_mut().zip(next) {
                let next_m = next.m.unwrap_or(UNSEEN);
                moved = moved.max((next_m - *m).abs());
                *m = next_m;
                if training.learn_u {
                    let next_u = next.u.unwrap_or(UNSEEN);
                    moved = moved.max((next_u - *u).abs());
                    *u = next_u;
                }
            }
        }
        same = next_same;
        learnt = next;
        session.same.push(same);
        let m = shares
            .iter()
            .map(|shares| shares.as_ref().map(|levels| levels.iter().map(|[m, _]| *m).collect()));
        session.m.push(m.collect());
        if moved < training.convergence {
            break;
        }
    }
    Ok((session, learnt))
}

/// The partial weight of each level, as the m and u now stand; none for a comparison that sits it out.
///
/// Where u is learnt too, the exact level's moves, and with it what the frequency part of a pair begins from.
fn weights(model: &Model, shares: &[Option<Vec<[f64; 2]>>]) -> Vec<Option<Vec<f64>>> {
    let one = |(comparison, shares): (&Comparison, &Option<Vec<[f64; 2]>>)| {
        let shares = shares.as_ref()?;
        let exact = comparison
            .levels
            .iter()
            .position(|level| level.test == Test::Exact && level.column.is_none());
        let moved = exact.map_or(0.0, |exact| {
            let before = comparison.levels[exact].u.unwrap_or(UNSEEN);
            log2(shares[exact][1]) - log2(before)
        });
        let taking = comparison.frequency.map(|frequency| frequency.levels_taking(comparison));
        let taking = taking.unwrap_or_default();
        let of = |(index, [m, u]): (usize, &[f64; 2])| {
            let partial = log2(m / u);
            let adjusted = comparison.frequency.filter(|_| taking[index]);
            partial + adjusted.map_or(0.0, |frequency| frequency.weight * moved)
        };
        Some(shares.iter().enumerate().map(of).collect())
    };
    model.comparisons().iter().zip(shares).map(one).collect()
}

/// Expects and maximises once: the share of same pairs, and what each level came to.
fn step(
    pairs: &[Observed],
    weights: &[Option<Vec<f64>>],
    same: f64,
) -> (f64, Vec<Option<Vec<Learnt>>>) {
    let prior = weight_of(same);
    let partial: Vec<&[f64]> =
        weights.iter().map(|levels| levels.as_deref().unwrap_or_default()).collect();
    // How many pairs of each kind, and how many at all, came to each level.
    let mut counts: Vec<Vec<[f64; 3]>> =
        partial.iter().map(|levels| vec![[0.0; 3]; levels.len()]).collect();
    let mut all_same = 0.0;
    for pair in pairs {
        let mut weight = prior + pair.frequency;
        for (comparison, partial) in partial.iter().enumerate() {
            if let Some(level) = usize::from(pair.pattern.level(comparison)).checked_sub(1) {
                weight += partial.get(level).copied().unwrap_or(0.0);
            }
        }
        let chance = probability(weight);
        all_same += chance;
        for (comparison, counts) in counts.iter_mut().enumerate() {
            if let Some(level) = usize::from(pair.pattern.level(comparison)).checked_sub(1)
                && let Some([same, different, seen]) = counts.get_mut(level)
            {
                *same += chance;
                *different += 1.0 - chance;
                *seen += 1.0;
            }
        }
    }
    let learnt = weights.iter().zip(&counts).map(|(levels, counts)| {
        levels.as_ref()?;
        let all = |kind: usize| counts.iter().map(|count| count[kind]).sum::<f64>();
        let (all_same, all_different) = (all(0), all(1));
        let one = |[same, different, seen]: &[f64; 3]| Learnt {
            m: (*seen > 0.0).then(|| same / all_same),
            u: (*seen > 0.0).then(|| different / all_different),
        };
        Some(counts.iter().map(one).collect())
    });
    (all_same / pairs.len() as f64, learnt.collect())
}

fn observed(model: &Model, tables: &Tables, rule: &Rule, active: &[bool]) -> Result<Vec<Observed>> {
    let mut comparer = Comparer::new(tables, model.comparisons())?;
    let frequencies = Frequencies::of(tables, model.comparisons())?;
    let scorer = Scorer::with_frequencies(model, tables, frequencies)?;
    let blocks = Blocks::new(tables, std::slice::from_ref(rule))?;
    let mut pairs = Vec::new();
    for pair in blocks.pairs() {
        let pattern = comparer.pattern(pair.source, pair.recipient).only(active);
        let frequency = (0..active.len())
            .map(|comparison| {
                let level = pattern.level(comparison);
                scorer.frequency(comparison, level, pair.source, pair.recipient)
            })
            .sum();
        pairs.push(Observed { pattern, frequency });
    }
    if pairs.is_empty() {
        return Err(Error::EmptyRule { rule: rule.to_string() });
    }
    Ok(pairs)
}

/// The columns of the input that a rule's keys are made from.
fn keyed_columns<'m>(model: &'m Model, rule: &Rule) -> Vec<&'m str> {
    let names = rule.keys.iter().flat_map(|key| [Some(&key.column), key.against.as_ref()]);
    names.flatten().flat_map(|name| inputs(model, name)).collect()
}

/// The columns of the input that a comparison looks at.
fn looked_at<'m>(model: &'m Model, comparison: &Comparison) -> Vec<&'m str> {
    let mut names: Vec<&str> = vec![&comparison.column];
    for level in &comparison.levels {
        names.extend(level.column.as_deref());
        names.extend(level.test.other_columns());
    }
    names.into_iter().flat_map(|name| inputs(model, name)).collect()
}

fn inputs<'m>(model: &'m Model, name: &str) -> Vec<&'m str> {
    let prepared = model.columns().iter().filter(|column| column.name == name);
    prepared
        .flat_map(|column| column.from.iter().chain(&column.source).chain(&column.recipient))
        .map(String::as_str)
        .collect()
}

/// The share of same pairs that a session begins with: the prior, and the exact level of each column that the rule holds
/// equal. Each column counts once, in the first comparison that has such a level.
fn starting_share(model: &Model, keyed: &[&str]) -> f64 {
    let mut open: Vec<&str> = keyed.to_vec();
    let mut odds = model.prior() / (1.0 - model.prior());
    for comparison in model.comparisons() {
        for level in &comparison.levels {
            let column = level.column.as_ref().unwrap_or(&comparison.column);
            let inputs = inputs(model, column);
            let known = level.test == Test::Exact
                && !inputs.is_empty()
                && inputs.iter().all(|input| open.contains(input));
            if known && let (Some(m), Some(u)) = (level.m, level.u) {
                open.retain(|input| !inputs.contains(input));
                odds *= m / u;
            }
        }
    }
    odds / (1.0 + odds)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len(), sorted.len() % 2) {
        (0, _) => None,
        (_, 1) => sorted.get(middle).copied(),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}
