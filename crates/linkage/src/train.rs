//! Learns a model's parameters without labels.
//!
//! Beside the path: training is an act of its own, and lets out only counts and parameters. The prior comes from
//! deterministic rules and the recall they are thought to have. The u come from random pairs, of which nearly all are
//! two individuals. The m come from expectation maximisation inside the blocks of training rules, each of which teaches
//! the comparisons that share no column with it. It reads no truth and learns no rule by itself.
//!
//! What it takes care of, since each is a known fault elsewhere:
//! - The exact level's u is counted over all pairs, by value, not sampled: identifiers agree too rarely for a sample. So
//!   is that of every level that a sample hardly shows, where its test leads to its pairs; the others are named in the
//!   record of training.
//! - Random pairs hold a few same individuals, who are most of the pairs that agree on an identifier. Their share, the
//!   prior times m, is taken off each u, and the m are learnt again, until nothing moves ([`ROUNDS`] at most).
//! - A level's m from several rules is their expected count of same pairs at that level over all, so each rule counts by
//!   the same pairs it found, not as one vote in a median.
//! - A level that was never seen is given half a pair, so no weight is infinite.
//!
//! Guaranteed: the same records and the same recipe give the same bits, whatever the order of the rows. Random pairs are
//! drawn by the order of the records' values, and patterns are counted before they are summed in their own order.
//!
//! Sources: Dempster, Laird and Rubin, 1977; Winkler, [Using the EM Algorithm for Weight
//! Computation](https://www.census.gov/library/working-papers/2000/adrm/rr2000-05.html), 1988; Jaro, 1989. Sampling u and
//! blocking for m follow Splink's method.

use crate::block::Blocks;
use crate::calibrate::{Point, by_second_hits};
use crate::fuse::Ready;
use crate::keys::columns_of;
use crate::kin;
use crate::link::{Detail, Links, Pair, Weighed, score_pairs, score_ready, settled, settled_by};
use crate::maximise::furthest;
pub use crate::maximise::{Estimate, Round, Start, maximise, maximise_beside};
use crate::model::{
    Comparison, Expectation, Level, Link, Model, Prior, Recipe, ThresholdRule, TrainingRecord,
};
use crate::observe::{Observed, Session, count_sessions, observe_u, shares_column};
use crate::one_to_one::{Ranking, settle_by};
use crate::parallel::both;
use crate::random::Dice;
use crate::record::Side;
use crate::rivals::Rivals;
use crate::score::Scorer;
use crate::tables::{NO_VALUE, Tables};
use crate::threshold::{Forecast, from_rule, least_competing};
use crate::uncertainty::{KinErrors, StandardErrors, errors_of_u};
use crate::{Error, Result};

mod sessions;

#[cfg(feature = "plan")]
pub(crate) use sessions::first_guesses;
use sessions::{Learnt, learn_m};

/// How often u is freed of the same pairs and m learnt again, at most.
pub const ROUNDS: u32 = 10;

/// The least part of an observed u that is left when the same pairs are taken off it.
///
/// The prior is an estimate, and where nearly all pairs that agree are the same ones, the rest is a small difference of
/// two like numbers. An identifier can thus weigh at most log2(100) more than the files bear out.
const LEAST_LEFT: f64 = 0.01;

/// The most pairs, or about so many, that classes of kin are learnt from, and a rule's m with frequencies.
pub(crate) const MOST_WEIGHED: u64 = 4_000_000;

/// What a level that was never seen counts.
pub(crate) const UNSEEN: f64 = 0.5;

/// Learns the prior, m, u and threshold of a recipe from the tables.
///
/// # Examples
///
/// ```
/// use linkage::synth::{Plan, synthesise};
/// use linkage::{Model, Recipe, Table, Tables, train};
///
/// // Two synthetic files of people, and a recipe that says how they are compared.
/// let files = synthesise(&Plan::small(1))?;
/// let (payroll, caseload) = ([files.payroll], [files.caseload]);
/// let recipe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benefits.toml"));
/// let recipe = Recipe::from_toml(recipe)?;
/// let source = Table::new(&payroll).with_id("row_id");
/// let recipient = Table::new(&caseload).with_id("case_id");
/// let tables = Tables::between(recipe.columns(), source, recipient)?;
///
/// let model = train(&recipe, &tables)?;
/// // Equal surnames are a lot more likely for the same individual than for two.
/// let surname = &model.comparisons()[1].levels[0];
/// assert!(surname.m > Some(0.7) && surname.u < Some(0.1));
/// // It is a file of its own, read again as it was written.
/// assert_eq!(Model::from_toml(&model.to_toml()?)?.digest()?, model.digest()?);
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// Named for what is wrong with the data or the rules: [`Error::TooFewRecords`], [`Error::EmptyColumn`],
/// [`Error::EmptyRule`], [`Error::EmptyPrior`], [`Error::ImpossiblePrior`], [`Error::UntrainedComparison`],
/// [`Error::NoSamePairs`], [`Error::ReversedLabels`], [`Error::UnreachablePrecision`]; and those of [`Scorer::new`].
pub fn train(recipe: &Recipe, tables: &Tables) -> Result<Model> {
    Ok(learn(recipe, tables, f64::INFINITY, MOST_WEIGHED)?.model)
}

/// Learns the same, and keeps the pairs that were weighed for it, so that linking by the model takes no second pass.
///
/// `least` is the lowest weight of a pair that is wanted afterwards; a pair that is lighter than all that training itself
/// looks at costs time, and changes nothing in the model.
///
/// # Errors
///
/// The same as [`train`].
pub fn train_and_keep<'t>(recipe: &Recipe, tables: &'t Tables, least: f64) -> Result<Trained<'t>> {
    learn(recipe, tables, least, MOST_WEIGHED)
}

/// A model that was just learnt, with the pairs that it was calibrated by.
#[derive(Debug)]
pub struct Trained<'t> {
    model: Model,
    tables: &'t Tables,
    blocks: Blocks<'t>,
    /// All pairs from this weight on.
    lightest: f64,
    weighed: Weighed,
    /// What is expected of the pairs from a weight on, where it is of all that have it.
    forecast: Option<(f64, Forecast)>,
}

impl Trained<'_> {
    /// Returns the model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Links the tables by the model with another threshold, as [`crate::link_in_detail`] does with [`Detail::Kept`].
    ///
    /// The pairs that training weighed are taken again where they reach as far down as this threshold, and else the pass
    /// is made anew: what comes out is the same.
    ///
    /// # Errors
    ///
    /// Those of [`crate::link()`].
    pub fn link(self, threshold: f64) -> Result<Links> {
        let model = self.model.with_threshold(threshold)?;
        let least = least_competing(ThresholdRule::Weight(threshold));
        let mut weighed = self.weighed;
        if least < self.lightest {
            let scorer = Scorer::new(&model, self.tables)?;
            weighed = score_pairs(&scorer, &self.blocks, Detail::Kept, least, None, |_| {})?;
        }
        weighed.pairs.retain(|pair| pair.weight >= least);
        Ok(match self.forecast {
            Some((of, forecast)) if of.total_cmp(&least).is_eq() => {
                settled_by(self.tables, &model, &self.blocks, weighed, &forecast)
            }
            _ => settled(self.tables, &model, &self.blocks, weighed),
        })
    }
}

/// Learns a model, and keeps all pairs from this weight on, or from where training itself looks at them.
pub(crate) fn learn<'t>(
    recipe: &Recipe,
    tables: &'t Tables,
    wanted: f64,
    most: u64,
) -> Result<Trained<'t>> {
    tables.check_prepared(recipe.name(), recipe.link(), recipe.columns())?;
    check_records(tables)?;
    check_values(recipe, tables)?;
    let training = recipe.training();
    let certain = match &training.prior {
        Prior::Stated(_) => None,
        Prior::Deterministic { rules, .. } => Some(rules.as_slice()),
    };
    let (blocks, certain) = Blocks::of_two(tables, recipe.rules(), certain)?;
    let (prior, deterministic_pairs) = learn_prior(&training.prior, tables, certain.as_ref())?;
    let observed = observe_u(recipe, tables)?;
    let ready = Ready::new(tables, recipe.comparisons(), &blocks)?;
    let known: Vec<&Blocks<'_>> = std::iter::once(&blocks).chain(&certain).collect();
    let sessions = count_sessions(recipe, tables, &known, &ready)?;
    drop(certain);

    let parameters = parameters_of(recipe, &observed.u, &sessions, prior, tables.all_pairs())?;
    let comparisons = parameters.comparisons(recipe);
    let unset = recipe.with_parameters(prior, 0.0, comparisons.clone(), Vec::new(), None)?;
    let scorer = Scorer::new(&unset, tables)?;
    let least = least_competing(recipe.threshold());
    let lightest = wanted.min(least);
    let chosen = choose_sources(tables, &blocks, training.seed, most);
    // What is kept for afterwards is no part of what is learnt from.
    let from = if chosen.is_some() { least } else { lightest };
    let score = |scorer, detail, from, among| {
        score_ready(scorer, &blocks, &ready, detail, (from, among), |_| {})
    };
    let mut weighed = score(&scorer, Detail::Full, from, chosen.as_deref());
    let patterns = weighed.patterns_by_rule();
    let mut pairs: Vec<Pair> =
        weighed.pairs.iter().filter(|pair| pair.weight >= least).copied().collect();
    in_order(tables, &mut pairs);
    let records = [Side::Source, Side::Recipient].map(|side| u64::from(tables.records(side)));
    let sources = chosen
        .as_ref()
        .map_or(records[0], |chosen| chosen.iter().filter(|chosen| **chosen).count() as u64);
    let one_partner = recipe.one_partner();
    let evidence = kin::Evidence {
        patterns: &patterns,
        pairs: &pairs,
        sources,
        one_partner,
        touched: &touched(recipe)?,
    };
    let threads = tables.threads().get();
    let (classes, kin_errors) = kin::fit(&comparisons, &evidence);
    let model = recipe.with_parameters(prior, 0.0, comparisons, classes, None)?;
    let scorer = Scorer::new(&model, tables)?;
    if chosen.is_some() {
        // Second hits are few, and in a sample of the records the middle of the scale would be a matter of chance: what
        // weights stand for is learnt from all records' pairs, now that kin are told apart.
        weighed = score(&scorer, Detail::Kept, lightest, None);
        pairs = weighed.pairs.iter().filter(|pair| pair.weight >= least).copied().collect();
        in_order(tables, &mut pairs);
    } else {
        for pair in pairs.iter_mut().chain(&mut weighed.pairs) {
            pair.weight += scorer.kin_part(pair.pattern, pair.weight);
        }
        // What was counted on the way is of sums, before kin are taken off.
        weighed = weighed.without_detail();
    }
    drop(ready);
    let concluded = conclude(recipe, pairs, tables, records, threads)?;
    let lesson = Lesson {
        records,
        observed,
        prior,
        deterministic_pairs,
        parameters,
        kin_errors,
        weighed_sources: chosen.is_some().then_some(sources),
    };
    let (model, forecast) = lesson.written_into(recipe, &model, concluded)?;
    // Where pairs were taken by their sums, those that kin made lighter are among them.
    let forecast = chosen.is_some().then_some((least, forecast));
    Ok(Trained { model, tables, blocks, lightest, weighed, forecast })
}

/// The m and u of every comparison, once neither moves the other any more.
pub(crate) struct Parameters {
    u: Vec<Vec<f64>>,
    learnt: Learnt,
    rounds: u32,
}

impl Parameters {
    /// Returns the comparisons of a recipe with them.
    pub(crate) fn comparisons(&self, recipe: &Recipe) -> Vec<Comparison> {
        with_parameters(recipe.comparisons(), &self.learnt.m, &self.u)
    }
}

/// Learns m in the sessions, takes the same pairs off the u that were observed, and so on until nothing moves.
pub(crate) fn parameters_of(
    recipe: &Recipe,
    observed: &[Vec<f64>],
    sessions: &[Session],
    prior: f64,
    all_pairs: u64,
) -> Result<Parameters> {
    let mut u = observed.to_vec();
    let mut learnt = learn_m(recipe, sessions, &u, prior, all_pairs)?;
    let mut rounds = 1;
    while rounds < ROUNDS {
        let freed = free_of_same(recipe.comparisons(), observed, &learnt.m, prior, all_pairs);
        let moved = furthest(&freed, &u);
        u = freed;
        learnt = learn_m(recipe, sessions, &u, prior, all_pairs)?;
        rounds += 1;
        if moved <= recipe.training().convergence {
            break;
        }
    }
    Ok(Parameters { u, learnt, rounds })
}

/// What the pairs of a model come to: what weights stand for, the threshold, and what is expected at it.
pub(crate) struct Concluded {
    points: Vec<Point>,
    threshold: f64,
    expectation: Expectation,
    forecast: Forecast,
}

/// Calibrates by all pairs that a record could keep, which stand in the order of their records, and sets the threshold.
pub(crate) fn conclude(
    recipe: &Recipe,
    pairs: Vec<Pair>,
    order: &impl Ranking,
    records: [u64; 2],
    threads: usize,
) -> Result<Concluded> {
    let one_partner = recipe.one_partner();
    let (points, rivals) = both(
        threads,
        || if one_partner { by_second_hits(&pairs, records[0] as f64, &[]) } else { Vec::new() },
        || Rivals::new(&pairs, recipe.one_to_one(), recipe.link(), records),
    );
    let forecast = Forecast::of_rivals(&rivals, &pairs, &points, threads);
    drop(rivals);
    let kept = settle_by(order, recipe.one_to_one(), pairs).pairs;
    let curve = match recipe.threshold() {
        ThresholdRule::TargetPrecision(_) => forecast.curve(&kept),
        // Set without it.
        ThresholdRule::Weight(_) | ThresholdRule::Probability(_) => Vec::new(),
    };
    let threshold = from_rule(recipe.threshold(), &curve, &points)?;
    let expectation = forecast.expectation(threshold, &kept);
    Ok(Concluded { points, threshold, expectation, forecast })
}

/// What a model was learnt from, and how far it is to be trusted.
pub(crate) struct Lesson {
    pub(crate) records: [u64; 2],
    pub(crate) observed: Observed,
    pub(crate) prior: f64,
    pub(crate) deterministic_pairs: Option<u64>,
    pub(crate) parameters: Parameters,
    pub(crate) kin_errors: Vec<KinErrors>,
    /// How many source records' pairs kin were learnt from, where they aren't all.
    pub(crate) weighed_sources: Option<u64>,
}

impl Lesson {
    /// Writes the record of training into a model, with what its pairs come to; returns the forecast besides.
    pub(crate) fn written_into(
        self,
        recipe: &Recipe,
        model: &Model,
        concluded: Concluded,
    ) -> Result<(Model, Forecast)> {
        let Concluded { points, threshold, expectation, forecast } = concluded;
        let Parameters { learnt, rounds, .. } = self.parameters;
        let record = TrainingRecord {
            recipe: recipe.digest()?,
            seed: recipe.training().seed,
            source_records: self.records[0],
            recipient_records: self.records[1],
            sampled_pairs: self.observed.sampled_pairs,
            deterministic_pairs: self.deterministic_pairs,
            rounds,
            threshold_rule: recipe.threshold(),
            expectation,
            weighed_sources: self.weighed_sources,
            standard_errors: Some(StandardErrors {
                prior: self.deterministic_pairs.map(|pairs| self.prior / (pairs as f64).sqrt()),
                m: learnt.errors,
                u: errors_of_u(recipe, &self.observed, self.records),
                kin: self.kin_errors,
            }),
            rare: self.observed.rare,
            sessions: learnt.sessions,
        };
        let model = model.with_threshold(threshold)?.with_calibration(points)?;
        Ok((model.with_training(record), forecast))
    }
}

/// Puts pairs in the order of their records' values, since sums of what is expected must not depend on the order of rows.
pub(crate) fn in_order(tables: &impl Ranking, pairs: &mut [Pair]) {
    pairs.sort_by_cached_key(|pair| {
        (tables.rank(Side::Source, pair.source), tables.rank(Side::Recipient, pair.recipient))
    });
}

/// Chooses the source records whose pairs are weighed, where there are more pairs than `most`.
///
/// A record is chosen or not with all its pairs, since what is learnt from them is what a record's second pair is.
/// Records are drawn in the order of their values, so the order of rows doesn't matter. Within one table a pair has no
/// one record that it belongs to, and all are weighed.
pub(crate) fn choose_sources(
    tables: &Tables,
    blocks: &Blocks<'_>,
    seed: u64,
    most: u64,
) -> Option<Vec<bool>> {
    let pairs = blocks.pairs_to_look_at();
    if tables.link() != Link::Between || pairs <= most {
        return None;
    }
    // The recipient's order is asked for afterwards.
    tables.order_all();
    let mut chosen = vec![false; tables.records(Side::Source) as usize];
    let by_rank = chosen_ranks(chosen.len(), seed, most as f64 / pairs as f64);
    for (rank, is_chosen) in by_rank.enumerate() {
        chosen[tables.ranked(Side::Source, rank).index()] = is_chosen;
    }
    Some(chosen)
}

/// Chooses this share of so many records, one after the other in their order.
pub(crate) fn chosen_ranks(records: usize, seed: u64, share: f64) -> impl Iterator<Item = bool> {
    let mut dice = Dice::new(seed);
    (0..records).map(move |_| dice.chance(share))
}

/// By rule and comparison, whether they share a column.
pub(crate) fn touched(recipe: &Recipe) -> Result<Vec<Vec<bool>>> {
    let of = |rule| {
        let keyed = columns_of(rule, recipe.columns())?;
        let shared = |comparison| shares_column(recipe.columns(), &keyed, comparison);
        Ok(recipe.comparisons().iter().map(shared).collect())
    };
    recipe.rules().iter().map(of).collect()
}

fn check_records(tables: &Tables) -> Result<()> {
    check_counts([Side::Source, Side::Recipient].map(|side| tables.records(side)))
}

/// Refuses to learn from fewer records than make a pair.
pub(crate) fn check_counts(records: [u32; 2]) -> Result<()> {
    let needed = 2;
    for (side, rows) in [Side::Source, Side::Recipient].into_iter().zip(records) {
        let rows = rows as usize;
        if rows < needed {
            return Err(Error::TooFewRecords { side, rows, needed });
        }
    }
    Ok(())
}

fn check_values(recipe: &Recipe, tables: &Tables) -> Result<()> {
    for comparison in recipe.comparisons() {
        let column = tables
            .column_index(&format!("comparison `{}`", comparison.name), &comparison.column)?;
        for side in [Side::Source, Side::Recipient] {
            if tables.codes(column, side).iter().all(|code| *code == NO_VALUE) {
                let (column, comparison) = (comparison.column.clone(), comparison.name.clone());
                return Err(Error::EmptyColumn { side, column, comparison });
            }
        }
    }
    Ok(())
}

/// `certain` are the blocks of the rules that the prior is learnt from.
fn learn_prior(
    prior: &Prior,
    tables: &Tables,
    certain: Option<&Blocks<'_>>,
) -> Result<(f64, Option<u64>)> {
    let counts = certain.map(Blocks::counts).unwrap_or_default();
    prior_of(prior, counts.last().map_or(0, |rule| rule.cumulative_pairs), tables.all_pairs())
}

/// Returns the prior, and the pairs that it was learnt from: so many are made by deterministic rules, if it has any.
pub(crate) fn prior_of(prior: &Prior, pairs: u64, all: u64) -> Result<(f64, Option<u64>)> {
    match prior {
        Prior::Stated(prior) => Ok((*prior, None)),
        Prior::Deterministic { recall, .. } => {
            let prior = pairs as f64 / recall / all as f64;
            if pairs == 0 {
                Err(Error::EmptyPrior)
            } else if prior >= 1.0 {
                Err(Error::ImpossiblePrior { pairs, all, recall: *recall })
            } else {
                Ok((prior, Some(pairs)))
            }
        }
    }
}

/// Puts in the probabilities that the recipe fixes, the others sharing what is left.
pub(crate) fn fix(shares: &mut [f64], comparison: &Comparison, stated: fn(&Level) -> Option<f64>) {
    let fixed: Vec<Option<f64>> = comparison.levels.iter().map(stated).collect();
    let taken: f64 = fixed.iter().flatten().sum();
    let free: f64 = shares
        .iter()
        .zip(&fixed)
        .filter(|(_, fixed)| fixed.is_none())
        .map(|(share, _)| share)
        .sum();
    for (share, fixed) in shares.iter_mut().zip(&fixed) {
        *share = match fixed {
            Some(stated) => *stated,
            None => ((1.0 - taken).max(1e-12) * *share / free).max(1e-300),
        };
    }
}

/// Takes off each u what the same pairs among the random ones brought to it.
fn free_of_same(
    comparisons: &[Comparison],
    observed: &[Vec<f64>],
    m: &[Vec<f64>],
    prior: f64,
    all_pairs: u64,
) -> Vec<Vec<f64>> {
    let least = UNSEEN / all_pairs as f64;
    let one = |((comparison, observed), m): ((&Comparison, &Vec<f64>), &Vec<f64>)| {
        let freed = observed.iter().zip(m).map(|(seen, m)| {
            let rest = (seen - prior * m) / (1.0 - prior);
            rest.max(seen * LEAST_LEFT).max(least)
        });
        let mut u: Vec<f64> = freed.collect();
        let all: f64 = u.iter().sum();
        for share in &mut u {
            *share /= all;
        }
        fix(&mut u, comparison, |level| level.u);
        u
    };
    comparisons.iter().zip(observed).zip(m).map(one).collect()
}

pub(crate) fn with_parameters(
    comparisons: &[Comparison],
    m: &[Vec<f64>],
    u: &[Vec<f64>],
) -> Vec<Comparison> {
    let mut with = comparisons.to_vec();
    for ((comparison, m), u) in with.iter_mut().zip(m).zip(u) {
        for ((level, m), u) in comparison.levels.iter_mut().zip(m).zip(u) {
            (level.m, level.u) = (Some(*m), Some(*u));
        }
    }
    with
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};

    use super::*;
    use crate::link::link_in_detail;
    use crate::model::{Column, Key, Kind, Rule, Step, Take};
    use crate::synth::{Plan, synthesise};
    use crate::tables::Table;

    /// Calls with tables of synthetic people and a recipe for them.
    fn with_people(check: impl Fn(&Recipe, &Tables)) {
        let recipe = Recipe::from_toml(include_str!("../tests/truth.toml")).unwrap();
        let files = synthesise(&Plan::small(3)).unwrap();
        let (source, recipient) = ([files.payroll], [files.caseload]);
        let tables =
            Tables::between(recipe.columns(), Table::new(&source), Table::new(&recipient)).unwrap();
        check(&recipe, &tables);
    }

    #[test]
    fn the_pairs_kept_while_training_are_those_that_linking_makes() {
        with_people(|recipe, tables| {
            let pairs = Blocks::new(tables, recipe.rules()).unwrap().pairs_to_look_at();
            for most in [pairs, pairs / 3] {
                let model = learn(recipe, tables, f64::INFINITY, most).unwrap().model;
                assert_eq!(model.training().unwrap().weighed_sources.is_some(), most < pairs);
                // Below what is kept, at it, and above it.
                for threshold in [-30.0, -16.0, -12.5, model.threshold(), 20.0] {
                    let kept = learn(recipe, tables, -16.0, most).unwrap();
                    assert_eq!(kept.model().digest().unwrap(), model.digest().unwrap());
                    let links = kept.link(threshold).unwrap();
                    let wide = model.with_threshold(threshold).unwrap();
                    let scorer = Scorer::new(&wide, tables).unwrap();
                    let anew = link_in_detail(&scorer, Detail::Kept, |_| {}).unwrap();
                    assert!(!anew.pairs.is_empty());
                    assert_eq!(links, anew, "{most} {threshold}");
                }
            }
        });
    }

    #[test]
    fn what_weights_stand_for_is_learnt_from_all_records_however_few_kin_are_learnt_from() {
        with_people(|recipe, tables| {
            let pairs = Blocks::new(tables, recipe.rules()).unwrap().pairs_to_look_at();
            let model = learn(recipe, tables, f64::INFINITY, pairs / 3).unwrap().model;
            let scorer = Scorer::new(&model, tables).unwrap();
            let blocks = Blocks::new(tables, model.rules()).unwrap();
            let least = least_competing(recipe.threshold());
            let mut all =
                score_pairs(&scorer, &blocks, Detail::Kept, least, None, |_| {}).unwrap().pairs;
            in_order(tables, &mut all);
            let records = f64::from(tables.records(Side::Source));
            assert_eq!(model.calibration(), by_second_hits(&all, records, &[]));
            let sources = model.training().unwrap().weighed_sources.unwrap();
            assert!((sources as f64) < 0.5 * records);
        });
    }

    #[test]
    fn the_records_whose_pairs_are_weighed_are_chosen_by_value_and_not_by_row() {
        let column = Column {
            name: "name".to_owned(),
            from: vec!["name".to_owned()],
            source: Vec::new(),
            recipient: Vec::new(),
            kind: Kind::Text,
            steps: Step::USUAL.to_vec(),
            placeholders: None,
            presence: false,
        };
        let columns = [column];
        let key = Key { column: "name".to_owned(), against: None, take: Take::default() };
        let rules = [Rule::of_keys(vec![key])];
        let chosen = |shift: usize, most| {
            let name = |row: usize| format!("n{:02}", (row + shift) % 40);
            let names: Vec<String> = (0..40).map(name).collect();
            let array: ArrayRef = Arc::new(StringArray::from(names.clone()));
            let batch = [RecordBatch::try_from_iter([("name", array)]).unwrap()];
            let tables = Tables::between(&columns, Table::new(&batch), Table::new(&batch)).unwrap();
            let blocks = Blocks::new(&tables, &rules).unwrap();
            let chosen = choose_sources(&tables, &blocks, 7, most)?;
            let mut chosen: Vec<String> = names
                .into_iter()
                .zip(chosen)
                .filter_map(|(name, chosen)| chosen.then_some(name))
                .collect();
            chosen.sort();
            Some(chosen)
        };
        assert_eq!(chosen(0, 40), None, "as many pairs as may be weighed");
        let some = chosen(0, 20).unwrap();
        assert!((10..30).contains(&some.len()), "{}", some.len());
        assert_eq!(chosen(13, 20).unwrap(), some);
    }
}
