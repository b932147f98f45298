//! Training within a limit of memory: the same model as [`crate::train()`] makes of whole tables, to the bit.
//!
//! The steps are those of `train`, and so are the functions that turn counts into parameters; only the counting is done
//! otherwise. The records' order is sorted in files ([`Ranks`]); u is observed from the values of one column after the other
//! (`values`), and where a comparison looks at several columns, from the records that the same choices draw (`draws`). Of the
//! pairs that rules make, the plan lets out counts of patterns: for the prior, for each session of m, and for kin. Only what
//! weighs enough to compete for a record comes out as pairs, and stands in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draws::see_drawn;
use super::ranks::Ranks;
use super::rows::Rows;
use super::run::{Bounds, Work, count_patterns_bounded};
use super::spelling::Reading;
use super::stage::Staged;
use super::values::{each_column, no_values};
use crate::compare::grader::Grader;
use crate::link::Pair;
use crate::model::{Column, Comparison, Link, Model, Prior, Recipe, Rule};
use crate::observe::{ByValue, Counted, Observed, Room, Session, check_taught, is_wide, stream};
use crate::record::Side;
use crate::score::Scorer;
use crate::threshold::least_competing;
use crate::train::{
    Lesson, MOST_WEIGHED, check_counts, chosen_ranks, conclude, first_guesses, in_order,
    parameters_of, prior_of, touched, with_parameters,
};
use crate::{Error, Frequencies, Result, kin};

/// What a record takes besides its rank, while it is reckoned who competes with whom.
const RECORD_BYTES: usize = size_of::<usize>();

/// What a pair takes that may compete for a record: itself and a list that grows, its place in several orders, what it is
/// known by and its chances.
const PAIR_BYTES: usize = 10 * size_of::<Pair>();

/// Learns the prior, m, u and threshold of a recipe from tables that need not fit the memory.
///
/// The model is the one that [`crate::train()`] learns from the same tables, to the bit, whatever the memory: a recipe that
/// learns m with frequencies is refused, and so is what [`super::link_bounded`] refuses. Where a rule that the prior comes
/// from asks more than equal keys, of so many pairs that [`crate::Blocks::counts`] estimates them, these are counted here.
///
/// It runs its own threads and waits for them, so it isn't called from inside an asynchronous task.
///
/// ```
/// # use linkage::synth::{Plan, synthesise};
/// # use linkage::{Recipe, Table, Tables, train};
/// # let files = synthesise(&Plan::small(1))?;
/// # let (payroll, caseload) = ([files.payroll.clone()], [files.caseload.clone()]);
/// # let recipe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benefits.toml"));
/// # let recipe = Recipe::from_toml(recipe)?;
/// # let tables = Tables::between(recipe.columns(), Table::new(&payroll), Table::new(&caseload))?;
/// use linkage::plan::{Bounds, HeldTables, Rows, train_bounded};
/// use std::sync::Arc;
///
/// let rows: Arc<dyn Rows> = Arc::new(HeldTables::new(vec![files.payroll], vec![files.caseload]));
/// let model = train_bounded(&recipe, &rows, &Bounds::new(64 << 20, std::env::temp_dir()))?;
/// assert_eq!(model.to_toml()?, train(&recipe, &tables)?.to_toml()?);
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`crate::train()`] and of [`super::link_bounded`].
pub fn train_bounded(recipe: &Recipe, rows: &Arc<dyn Rows>, bounds: &Bounds) -> Result<Model> {
    learn(recipe, rows, bounds, MOST_WEIGHED)
}

fn learn(recipe: &Recipe, rows: &Arc<dyn Rows>, bounds: &Bounds, most: u64) -> Result<Model> {
    if recipe.training().frequencies {
        return Err(Error::UnsoundModel {
            place: "training".to_owned(),
            problem: "learns m with frequencies, which takes whole tables: train without a bound of memory, or leave `frequencies` out"
                .to_owned(),
        });
    }
    let ranks = Ranks::of(recipe.columns(), recipe.link(), rows, bounds)?;
    check_counts(ranks.records())?;
    Lessons::new(recipe, rows, bounds, &ranks)?.learn(most)
}

/// What all steps of training have in common.
struct Lessons<'l> {
    recipe: &'l Recipe,
    rows: &'l Arc<dyn Rows>,
    ranks: &'l Ranks,
    records: [u64; 2],
    all_pairs: u64,
    /// What is granted for all of it, and what of that is in use from beginning to end.
    given: usize,
    taken: usize,
    /// Within what plans run.
    bounds: Bounds,
}

impl<'l> Lessons<'l> {
    fn new(
        recipe: &'l Recipe,
        rows: &'l Arc<dyn Rows>,
        bounds: &Bounds,
        ranks: &'l Ranks,
    ) -> Result<Self> {
        let records = ranks.records().map(u64::from);
        let all_pairs = recipe.link().pairs(records[0], records[1]);
        let taken = ranks.all() * (size_of::<u32>() + RECORD_BYTES);
        let given = bounds.memory_bytes;
        let Some(left) = given.checked_sub(taken) else {
            let problem =
                format!("{taken} bytes are needed to know records apart, and {given} may be");
            return Err(Error::OutOfMemory { problem });
        };
        // The other half is for what plans let out.
        let bounds =
            Bounds { memory_bytes: left / 2, populations: BTreeMap::new(), ..bounds.clone() };
        Ok(Self { recipe, rows, ranks, records, all_pairs, given, taken, bounds })
    }

    fn learn(&self, most: u64) -> Result<Model> {
        let recipe = self.recipe;
        let training = recipe.training();
        let observed = self.observe()?;
        let certain = match &training.prior {
            Prior::Stated(_) => 0,
            Prior::Deterministic { rules, .. } => {
                let by_rule = self.patterns(rules, &observed)?;
                by_rule.iter().flatten().map(|(_, pairs)| pairs).sum()
            }
        };
        let (prior, deterministic_pairs) = prior_of(&training.prior, certain, self.all_pairs)?;
        let session = |rule: &Rule| {
            let patterns = self.patterns(std::slice::from_ref(rule), &observed)?;
            Session::of_patterns(recipe, rule, patterns.into_iter().flatten())
        };
        let sessions = training.rules.iter().map(session).collect::<Result<Vec<_>>>()?;
        check_taught(recipe, &sessions)?;

        let parameters = parameters_of(recipe, &observed.u, &sessions, prior, self.all_pairs)?;
        let comparisons = parameters.comparisons(recipe);
        let unset = recipe.with_parameters(prior, 0.0, comparisons.clone(), Vec::new(), None)?;
        let unset = Arc::new(unset);
        let least = least_competing(recipe.threshold());
        let staged = Staged::new(&unset, self.rows, &self.bounds)?;
        let work = self.fitting(Work::new(&unset, staged, &self.bounds))?;
        let chosen = self.chosen(work.pairs_to_look_at(), most);
        let some = match &chosen {
            None => None,
            Some(chosen) => {
                let staged = work.staged.among(chosen, &self.bounds)?;
                Some(self.fitting(Work::new(&unset, staged, &self.bounds))?)
            }
        };
        let weighed = some.as_ref().unwrap_or(&work);
        let patterns = self.fitting(weighed.patterns(&unset))?;
        let mut pairs = self.pairs(weighed, &unset, least)?;
        drop(some);
        let sources = chosen.as_ref().map_or(self.records[0], |chosen| {
            chosen.iter().filter(|chosen| **chosen).count() as u64
        });
        let evidence = kin::Evidence {
            patterns: &patterns,
            pairs: &pairs,
            sources,
            one_partner: recipe.one_partner(),
            touched: &touched(recipe)?,
        };
        let (classes, kin_errors) = kin::fit(&comparisons, &evidence);
        let model = recipe.with_parameters(prior, 0.0, comparisons, classes, None)?;
        if chosen.is_some() {
            drop(pairs);
            pairs = self.pairs(&work, &Arc::new(model.clone()), least)?;
        } else {
            let nobody = no_values(recipe.columns(), recipe.link());
            let none = Frequencies::of_shares(&nobody, model.comparisons(), |_, _| Vec::new())?;
            let scorer = Scorer::with_frequencies(&model, &nobody, none)?;
            for pair in &mut pairs {
                pair.weight += scorer.kin_part(pair.pattern, pair.weight);
            }
        }
        drop(work);
        let threads = self.bounds.threads();
        let concluded = conclude(recipe, pairs, self.ranks, self.records, threads)?;
        let lesson = Lesson {
            records: self.records,
            observed,
            prior,
            deterministic_pairs,
            parameters,
            kin_errors,
            weighed_sources: chosen.is_some().then_some(sources),
        };
        Ok(lesson.written_into(recipe, &model, concluded)?.0)
    }

    /// Observes u: from the values of each column, and then from records where a comparison looks at several.
    fn observe(&self) -> Result<Observed> {
        let recipe = self.recipe;
        let comparisons = recipe.comparisons();
        let column_of = |comparison: &Comparison| {
            recipe.columns().iter().position(|column| column.name == comparison.column)
        };
        let columns: Vec<Option<usize>> = comparisons.iter().map(column_of).collect();
        let mut wanted: Vec<usize> = columns.iter().copied().flatten().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut told = BTreeMap::new();
        let mut wide = Vec::new();
        let threads = self.bounds.threads();
        each_column(
            recipe.columns(),
            &wanted,
            recipe.link(),
            self.rows,
            &Bounds { memory_bytes: self.given - self.taken, ..self.bounds.clone() },
            |number| {
                let own = comparisons.iter().zip(&columns).filter(|own| *own.1 == Some(number));
                own.map(|(own, _)| sets_made(&recipe.columns()[number], own)).max().unwrap_or(0)
            },
            |number, tables, counts, left| {
                let own = comparisons.iter().enumerate().zip(&columns);
                for ((index, comparison), _) in own.filter(|(_, column)| **column == Some(number)) {
                    let counts = counts.clone();
                    let room = Room::of_bytes(&comparison.column, left);
                    let counted = Counted::given(tables, comparison, counts, self.all_pairs, room)?;
                    counted.check(comparison)?;
                    let by_value = ByValue::of(comparison, &counted, threads)?;
                    if is_wide(comparison) {
                        wide.push((index, by_value));
                        continue;
                    }
                    let stream = stream(recipe.training(), index);
                    let shares =
                        by_value.told_of_values(comparison, &counted, recipe.training(), stream)?;
                    told.insert(index, shares);
                }
                Ok(())
            },
        )?;
        for (index, shares) in see_drawn(recipe, wide, self.rows, self.ranks, &self.bounds)? {
            told.insert(index, shares);
        }
        Ok(Observed::of(told.into_values()))
    }

    /// Counts the patterns of the pairs of each of some rules.
    ///
    /// A plan wants a model. What it holds of m and u changes no pattern, and neither does how common values are.
    fn patterns(
        &self,
        rules: &[Rule],
        observed: &Observed,
    ) -> Result<Vec<Vec<(crate::Pattern, u64)>>> {
        let recipe = self.recipe;
        let first = first_guesses(recipe);
        let mut comparisons = with_parameters(recipe.comparisons(), &first, &observed.u);
        for comparison in &mut comparisons {
            comparison.frequency = None;
        }
        let (name, link) = (recipe.name().to_owned(), recipe.link());
        let (columns, rules) = (recipe.columns().to_vec(), rules.to_vec());
        let model = Model::of_parts(name, link, (0.5, 0.0), columns, rules, comparisons)?;
        self.fitting(count_patterns_bounded(&Arc::new(model), self.rows, &self.bounds))
    }

    /// Gathers the pairs that weigh at least so much, in the order of their records.
    fn pairs(&self, work: &Work<'_>, model: &Arc<Model>, least: f64) -> Result<Vec<Pair>> {
        let most = self.bounds.memory_bytes / PAIR_BYTES;
        let mut pairs = Vec::new();
        self.fitting(work.pairs(model, least, |found| {
            if pairs.len() + found.len() > most {
                let problem = format!(
                    "the pairs that may compete for a record take more than {} bytes, and so much may be theirs",
                    most * PAIR_BYTES
                );
                return Err(Error::OutOfMemory { problem });
            }
            pairs.extend(found.iter().map(Pair::from));
            Ok(())
        }))?;
        in_order(self.ranks, &mut pairs);
        Ok(pairs)
    }

    /// Chooses the source records whose pairs are weighed, where more than `most` share a key.
    fn chosen(&self, pairs: u64, most: u64) -> Option<Vec<bool>> {
        if self.recipe.link() != Link::Between || pairs <= most {
            return None;
        }
        let ranks = self.ranks.side(Side::Source);
        let share = most as f64 / pairs as f64;
        let seed = self.recipe.training().seed;
        let by_rank: Vec<bool> = chosen_ranks(ranks.len(), seed, share).collect();
        Some(ranks.iter().map(|rank| by_rank[*rank as usize]).collect())
    }

    /// Says what a plan that wants more memory asks of all that is granted.
    fn fitting<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| match error {
            Error::UnitsTooLarge { at_once, unit_bytes, needed, .. } => Error::UnitsTooLarge {
                at_once,
                unit_bytes,
                given: self.given as u64,
                needed: needed.saturating_mul(2).saturating_add(self.taken as u64),
            },
            other => other,
        })
    }
}

/// Returns how many sets the values of a column are made into, so that a comparison can look at them.
fn sets_made(column: &Column, comparison: &Comparison) -> usize {
    let tests: Vec<_> = comparison.levels.iter().map(|level| (0, level.test.clone())).collect();
    Grader::new(column, &Reading::new(&column.kind).finish(), &tests).sets_made()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use arrow_array::RecordBatch;

    use super::super::rows::HeldTables;
    use super::*;
    use crate::synth::{Plan, synthesise};
    use crate::tables::{Table, Tables};
    use crate::train::{self, train};

    /// Two comparisons that look at another column besides.
    const WIDE: &str = r#"level = [{ test = "exact" }, { test = { reversed = "surname" } }, { test = { jaro_winkler = 0.92 } }, { test = "else" }]"#;
    const NARROW: &str = r#"level = [{ test = "exact" }, { test = { jaro_winkler = 0.92 } }, { test = { jaro_winkler = 0.8 } }, { test = "else" }]"#;

    fn recipe(link: &str, one_to_one: &str, sample_pairs: u64) -> Recipe {
        let text = include_str!("../../tests/truth.toml")
            .replace("link = \"between\"", &format!("link = \"{link}\""))
            .replace("one_to_one = \"each_source\"", &format!("one_to_one = \"{one_to_one}\""))
            .replace("sample_pairs = 100_000", &format!("sample_pairs = {sample_pairs}"));
        assert!(text.contains(NARROW));
        // Within one table, columns are that table's.
        let own = |line: &str| match line.strip_prefix("source = ") {
            Some(names) if link == "within" => format!("from = {names}"),
            _ => line.to_owned(),
        };
        let lines =
            text.lines().filter(|line| link != "within" || !line.starts_with("recipient = "));
        let text = lines.map(own).collect::<Vec<_>>().join("\n");
        Recipe::from_toml(&text.replacen(NARROW, WIDE, 1)).unwrap()
    }

    /// The batches of a table, the last first, with the numbers of their first records from `first` on.
    fn pieces(batch: &RecordBatch, first: usize, rows: usize) -> Vec<(u32, RecordBatch)> {
        let starts = (0..batch.num_rows()).step_by(rows).rev();
        let piece = |start: usize| {
            let piece = batch.slice(start, rows.min(batch.num_rows() - start));
            (u32::try_from(first + start).unwrap(), piece)
        };
        starts.map(piece).collect()
    }

    fn bounds(memory_bytes: usize, partitions: usize, batch_rows: usize) -> Bounds {
        Bounds {
            partitions: NonZeroUsize::new(partitions).unwrap(),
            batch_rows: NonZeroUsize::new(batch_rows).unwrap(),
            unit_pairs: 1 << 12,
            ..Bounds::new(memory_bytes, std::env::temp_dir())
        }
    }

    #[test]
    fn the_model_is_that_of_whole_tables_to_the_bit() {
        let files = synthesise(&Plan::small(3)).unwrap();
        // Records that are alike in all they have tell by nothing but their rows.
        let twice = arrow::compute::concat_batches(
            &files.payroll.schema(),
            [&files.payroll, &files.payroll.slice(0, 20)],
        );
        let (left, right) = (twice.unwrap(), files.caseload);
        for (link, one_to_one, sample_pairs, part) in [
            ("between", "each_source", 50_000, 1),
            ("between", "optimal", 50_000, 3),
            ("between", "off", 1 << 40, 1),
            ("within", "off", 50_000, 1),
            ("both", "greedy", 50_000, 1),
        ] {
            let recipe = recipe(link, one_to_one, sample_pairs);
            let (source, recipient) = ([left.clone()], [right.clone()]);
            let tables = match link {
                "between" => {
                    Tables::between(recipe.columns(), Table::new(&source), Table::new(&recipient))
                }
                "within" => Tables::within(recipe.columns(), Table::new(&source)),
                _ => Tables::both(recipe.columns(), Table::new(&source), Table::new(&recipient)),
            };
            let tables = tables.unwrap();
            let blocks = crate::Blocks::new(&tables, recipe.rules()).unwrap();
            let most = blocks.pairs_to_look_at() / part;
            let whole = train::learn(&recipe, &tables, f64::INFINITY, most).unwrap();
            let whole = whole.model().to_toml().unwrap();
            for (memory, partitions, batch_rows) in [(64 << 20, 1, 512), (8 << 20, 3, 64)] {
                let first = if link == "both" { left.num_rows() } else { 0 };
                let recipient =
                    if link == "within" { Vec::new() } else { pieces(&right, first, 170) };
                let rows: Arc<dyn Rows> =
                    Arc::new(HeldTables::numbered(pieces(&left, 0, 250), recipient));
                let model = learn(&recipe, &rows, &bounds(memory, partitions, batch_rows), most);
                let model = model.unwrap();
                assert_eq!(model.training().unwrap().weighed_sources.is_some(), part > 1);
                assert_eq!(model.to_toml().unwrap(), whole, "{link}, {memory} bytes");
            }
        }
    }

    #[test]
    fn what_is_drawn_is_held_to_the_bound_and_passes_over_what_came_into_a_table_since() {
        let files = synthesise(&Plan::small(3)).unwrap();
        let held = |payroll: RecordBatch| -> Arc<dyn Rows> {
            Arc::new(HeldTables::new(vec![payroll], vec![files.caseload.clone()]))
        };
        let before = files.payroll.slice(0, files.payroll.num_rows() - 20);
        let rows = held(files.payroll.clone());
        for sample_pairs in [50_000, 1 << 40] {
            let recipe = recipe("between", "off", sample_pairs);
            let (columns, link) = (recipe.columns(), recipe.link());
            let wide = bounds(64 << 20, 1, 512);
            let ranks = Ranks::of(columns, link, &held(before.clone()), &wide).unwrap();
            let lessons = Lessons::new(&recipe, &rows, &wide, &ranks).unwrap();
            assert!(lessons.observe().is_ok());
            let narrow = Lessons { bounds: bounds(1 << 12, 1, 512), ..lessons };
            let Err(Error::OutOfMemory { problem }) = narrow.observe() else {
                panic!("{sample_pairs}: what is drawn isn't counted")
            };
            assert!(problem.contains("drawn to learn u"), "{problem}");
        }
    }

    #[test]
    fn tables_too_small_to_learn_from_are_refused_as_they_are_in_memory() {
        let files = synthesise(&Plan::small(3)).unwrap();
        let recipe = recipe("between", "off", 50_000);
        for (left, right) in [(0, 0), (0, 5), (5, 0), (1, 1), (1, 5)] {
            let (left, right) = (files.payroll.slice(0, left), files.caseload.slice(0, right));
            let (source, recipient) = ([left.clone()], [right.clone()]);
            let tables =
                Tables::between(recipe.columns(), Table::new(&source), Table::new(&recipient));
            let whole = tables.and_then(|tables| train(&recipe, &tables)).map(|_| ());
            let rows: Arc<dyn Rows> = Arc::new(HeldTables::new(vec![left], vec![right]));
            let bounded = train_bounded(&recipe, &rows, &bounds(64 << 20, 1, 512)).map(|_| ());
            assert!(whole.is_err(), "{source:?} {recipient:?}");
            assert_eq!(format!("{bounded:?}"), format!("{whole:?}"));
        }
    }

    #[test]
    fn records_that_are_numbered_twice_are_refused_before_anything_is_learnt() {
        let files = synthesise(&Plan::small(3)).unwrap();
        // Linking both ways, the recipient's records are numbered on from the source's.
        let rows: Arc<dyn Rows> =
            Arc::new(HeldTables::new(vec![files.payroll], vec![files.caseload]));
        let recipe = recipe("both", "off", 50_000);
        let refused = learn(&recipe, &rows, &bounds(64 << 20, 1, 512), 1 << 40);
        assert!(matches!(refused, Err(Error::FailedPlan { .. })), "{refused:?}");
    }

    #[test]
    fn what_cannot_be_held_is_refused_by_name() {
        let files = synthesise(&Plan::small(3)).unwrap();
        let rows: Arc<dyn Rows> =
            Arc::new(HeldTables::new(vec![files.payroll], vec![files.caseload]));
        let recipe = recipe("between", "off", 50_000);
        let seldom = recipe.to_toml().unwrap().replace("enough = 1000\n", "enough = 1\n");
        let seldom = Recipe::from_toml(&seldom).unwrap();
        for (recipe, memory, said) in [
            (&recipe, 4_000, "records in order"),
            (&recipe, 120_000, "the first values of"),
            (&recipe, 400_000, "for a search for values one edit apart of `postcode`"),
            (
                &recipe,
                900_000,
                "for the pairs of values that a rare level leads to of `identifier`",
            ),
            (&seldom, 500_000, "drawn to learn u"),
            (&seldom, 900_000, "pairs that may compete"),
        ] {
            let refused = learn(recipe, &rows, &bounds(memory, 1, 16), 1 << 40);
            let Err(Error::OutOfMemory { problem }) = refused else {
                panic!("{memory}: {refused:?}")
            };
            assert!(problem.contains(said), "{problem}");
        }
        let text = recipe.to_toml().unwrap();
        let with = text.replace("[training]", "[training]\nfrequencies = true");
        let refused =
            train_bounded(&Recipe::from_toml(&with).unwrap(), &rows, &bounds(1 << 30, 1, 16));
        assert!(matches!(refused, Err(Error::UnsoundModel { .. })), "{refused:?}");
    }
}
