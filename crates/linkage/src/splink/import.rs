//! Makes a model of Splink's settings.
//!
//! The settings are read, each condition is parsed and recognised, the values that conditions look at become prepared
//! columns, and what is left over becomes an expression. Then the whole is checked as any model is. It looks at no
//! record, so what depends on them, such as a column's type in the database, is assumed and reported.

use crate::model::{Comparison, Kind, Level, Link, Model, On, Test};
use crate::splink::condition::{Condition, Missing, Recogniser, Remark, values};
use crate::splink::difference::{Changes, Difference};
use crate::splink::expression;
use crate::splink::prepared::{Need, Prepared};
use crate::splink::settings::{ComparisonText, LevelText, Settings};
use crate::splink::sql::{Database, Term, parse, term};
use crate::splink::value::Value;
use crate::{Error, Result};

/// What an import may be told.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// The model's name; when none, the one that the settings give themselves.
    pub name: Option<String>,
    /// The weight at which a pair is kept. Settings have none.
    pub threshold: f64,
    /// Whether texts are compared by characters, as Comity does, and not by bytes, as DuckDB does.
    pub characters: bool,
}

impl Default for ImportOptions {
    /// Keeps every pair, as Splink does where it isn't told otherwise, and compares bytes.
    fn default() -> Self {
        Self { name: None, threshold: -1_000.0, characters: false }
    }
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// The column of the input that tells records apart.
    pub id_column: String,
    /// What the two programs do differently for it.
    pub report: Vec<Difference>,
}

/// Makes a model of the settings of a Splink model, of version 3, 4 or 5.
///
/// # Errors
///
/// [`Error::UnreadableSettings`] for what isn't JSON, [`Error::UnsoundSettings`] for what isn't settings or holds SQL that
/// cannot be read, and the errors of an unsound model.
///
/// # Examples
///
/// ```
/// use linkage::splink::{ImportOptions, import};
///
/// let settings = r#"{
///     "link_type": "dedupe_only",
///     "probability_two_random_records_match": 0.001,
///     "sql_dialect": "duckdb",
///     "blocking_rules_to_generate_predictions": ["l.dob = r.dob"],
///     "comparisons": [{
///         "output_column_name": "surname",
///         "comparison_levels": [
///             { "sql_condition": "surname_l IS NULL OR surname_r IS NULL", "is_null_level": true },
///             { "sql_condition": "surname_l = surname_r", "m_probability": 0.9, "u_probability": 0.01 },
///             { "sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.99 }
///         ]
///     }]
/// }"#;
/// let imported = import(settings, &ImportOptions::default())?;
/// assert_eq!(imported.model.prior(), 0.001);
/// assert_eq!(imported.model.rules()[0].to_string(), "dob");
/// for difference in &imported.report {
///     println!("{difference}");
/// }
/// # Ok::<(), linkage::Error>(())
/// ```
pub fn import(json: &str, options: &ImportOptions) -> Result<Imported> {
    // SQL is read by recursion, and the caller's stack may be small; how deep it goes is bounded in `sql`.
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK_BYTES);
        match reader.spawn_scoped(scope, || read(json, options)) {
            Ok(reader) => reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => read(json, options),
        }
    })
}

/// The stack that settings are read on: some ten times what the deepest condition takes without optimisation.
const STACK_BYTES: usize = 32 << 20;

fn read(json: &str, options: &ImportOptions) -> Result<Imported> {
    let mut report = Vec::new();
    let settings = Settings::read(json, &mut report)?;
    let recogniser = Recogniser {
        database: settings.database,
        within: settings.link != Link::Between,
        remarks: Vec::new(),
    };
    let mut importer = Importer { recogniser, prepared: Prepared::new(options.characters), report };
    // Every value is asked for before the first is named: what is needed of it decides what it is prepared as.
    let rules =
        settings.rules.iter().zip(1..).map(|(rule, number)| importer.read_rule(number, rule));
    let rules = rules.collect::<Result<Vec<_>>>()?;
    let comparisons =
        settings.comparisons.iter().map(|comparison| importer.read_comparison(comparison));
    let comparisons = comparisons.collect::<Result<Vec<_>>>()?;
    let rules = rules.iter().map(|rule| importer.rule(rule)).collect::<Result<_>>()?;
    let comparisons =
        comparisons.iter().map(|read| importer.comparison(read)).collect::<Result<_>>()?;
    let columns = importer.prepared.columns(&mut importer.report);
    let mut report = importer.report;
    report.extend(general(settings.link, &settings.comparisons, options));
    let name = options.name.clone().or(settings.name).unwrap_or("splink".to_owned());
    let numbers = (settings.prior, options.threshold);
    let model = Model::of_parts(name, settings.link, numbers, columns, rules, comparisons)?;
    Ok(Imported { model, id_column: settings.id_column, report })
}

/// What holds of every import.
fn general(link: Link, comparisons: &[ComparisonText], options: &ImportOptions) -> Vec<Difference> {
    let mut report = vec![
        Difference::new(
            "threshold",
            Changes::Pairs,
            "keeps every pair, unless told otherwise when it predicts",
            format!("keeps pairs of weight {} and more", options.threshold),
        ),
        Difference::new(
            "empty texts",
            Changes::Weights,
            "takes an empty text for a value, equal to any other",
            "takes it for no value",
        )
        .with_remedy(
            "none is needed where empty cells are null, as DuckDB reads them from a CSV file",
        ),
    ];
    let adjusts = |level: &LevelText| level.frequency.is_some();
    if comparisons.iter().flat_map(|comparison| &comparison.levels).any(adjusts) {
        report.push(
            Difference::new(
                "frequencies",
                Changes::Nothing,
                "counts term frequencies over all input put together, duplicates included",
                match link {
                    Link::Between | Link::Both => {
                        "counts them over both tables put together, as well"
                    }
                    Link::Within => "counts them over the whole table, as well",
                },
            )
            .with_remedy("supply the frequencies of a population"),
        );
    }
    report
}

/// An import under way.
pub(super) struct Importer {
    pub(super) recogniser: Recogniser,
    pub(super) prepared: Prepared,
    pub(super) report: Vec<Difference>,
}

/// A comparison as it was understood.
struct ReadComparison<'s> {
    name: String,
    main: Value,
    levels: Vec<ReadLevel<'s>>,
}

/// A level as it was understood.
pub(super) struct ReadLevel<'s> {
    place: String,
    pub(super) written: &'s LevelText,
    /// None for the last, which takes the rest.
    asks: Option<Condition>,
}

impl Importer {
    pub(super) fn database(&self) -> Database {
        self.recogniser.database
    }

    pub(super) fn parsed(&self, place: &str, sql: &str) -> Result<Term> {
        parse(sql, self.database())
            .map(|expression| term(&expression))
            .map_err(|problem| unsound(place, format!("its SQL cannot be read: {problem}")))
    }

    fn read_comparison<'s>(
        &mut self,
        comparison: &'s ComparisonText,
    ) -> Result<ReadComparison<'s>> {
        let place = format!("comparison `{}`", comparison.name);
        let mut missing = Vec::new();
        let mut levels = Vec::new();
        for (number, written) in (1..).zip(&comparison.levels) {
            let place = format!("{place}, level {number}");
            if written.is_else() && !written.is_null {
                levels.push(ReadLevel { place, written, asks: None });
                continue;
            }
            let parsed = self.parsed(&place, &written.condition)?;
            if written.is_null {
                let known = self.recogniser.missing(&parsed).ok_or_else(|| {
                    unsound(
                        &place,
                        "a null level that asks for more than missing values has no form",
                    )
                })?;
                missing.push(known);
                continue;
            }
            let asks = self.recogniser.condition(&parsed);
            for remark in std::mem::take(&mut self.recogniser.remarks) {
                self.report.push(remarked(&place, remark));
            }
            levels.push(ReadLevel { place, written, asks: Some(asks) });
        }
        let main = self.main(&place, &missing, &levels)?;
        self.prepared.want(&main, Need::Any);
        for level in &levels {
            match &level.asks {
                None => {}
                Some(Condition::Expression) => {
                    for column in expression::columns(
                        &level.place,
                        &level.written.condition,
                        self.database(),
                    )? {
                        self.prepared.want(&Value::plain(&column), Need::Characters);
                    }
                }
                Some(asks) => want(&mut self.prepared, asks),
            }
        }
        Ok(ReadComparison { name: comparison.name.clone(), main, levels })
    }

    /// Finds the value that decides whether there is anything to compare.
    fn main(
        &mut self,
        place: &str,
        missing: &[Missing],
        levels: &[ReadLevel<'_>],
    ) -> Result<Value> {
        let asked = || levels.iter().filter_map(|level| level.asks.as_ref()).flat_map(values);
        let place_of = |columns: &[Value]| {
            let names: Vec<&String> = columns.iter().flat_map(|value| &value.column).collect();
            let same = |value: &&Value| {
                value.kind == Kind::Place && value.column.iter().collect::<Vec<_>>() == names
            };
            asked().find(same).cloned()
        };
        match missing {
            [Missing::One(values)] => {
                if let [value] = &values[..] {
                    // A column that is only ever asked for as a date, say, is missing where it is no date.
                    let same = |one: &&Value| one.column == value.column;
                    let typed = asked().find(same).filter(|one| !one.stated);
                    let plain = asked().filter(same).any(Value::is_plain);
                    return Ok(typed
                        .filter(|_| value.is_plain() && !plain)
                        .unwrap_or(value)
                        .clone());
                }
                if let Some(place) = place_of(values) {
                    return Ok(place);
                }
                let first = values.first().cloned();
                let first =
                    first.ok_or_else(|| unsound(place, "its null level names no column"))?;
                self.report.push(
                    Difference::new(
                        place,
                        Changes::Weights,
                        "weighs nothing where either record lacks any of several columns",
                        format!(
                            "weighs nothing where either lacks `{}`; where only others are missing it comes to a level \
                             that doesn't ask for them",
                            first.column.join(" ")
                        ),
                    )
                    .with_remedy("split the comparison"),
                );
                Ok(first)
            }
            [Missing::Each(values)] if values.iter().all(Value::is_plain) => {
                self.report.push(Difference::new(
                    place,
                    Changes::Weights,
                    "weighs nothing where, of each of several columns, either record lacks it",
                    "weighs nothing where either record lacks all of them",
                ));
                let columns = values.iter().flat_map(|value| value.column.clone()).collect();
                Ok(Value { column: columns, ..Value::plain("") })
            }
            [] => {
                let first = asked().next().cloned();
                self.report.push(
                    Difference::new(
                        place,
                        Changes::Weights,
                        "has no null level, so that a missing value comes to the last level",
                        "weighs nothing where a value is missing",
                    )
                    .with_remedy("add a null level in Splink, and train again"),
                );
                first.ok_or_else(|| unsound(place, "it has no null level and names no column"))
            }
            _ => Err(unsound(place, "its null levels ask for more than one column can say")),
        }
    }

    fn comparison(&mut self, read: &ReadComparison<'_>) -> Result<Comparison> {
        let place = format!("comparison `{}`", read.name);
        let main = self.named(&read.main, Need::Any);
        let mut levels: Vec<Level> = Vec::with_capacity(read.levels.len());
        let mut kept: Vec<&ReadLevel<'_>> = Vec::new();
        for level in &read.levels {
            let (column, test) = match &level.asks {
                None => (None, Test::Else),
                Some(Condition::Expression) => {
                    self.report.push(as_expression(&level.place, Changes::Weights));
                    let condition = &level.written.condition;
                    let database = self.database();
                    (None, expression::test(&level.place, condition, database, &self.prepared)?)
                }
                Some(Condition::Of(value, test)) => {
                    let name = self.named(value, need(test));
                    (Some(name).filter(|name| *name != main), test.clone())
                }
                Some(asks) => (None, self.test(&level.place, asks, &read.main, &main)?),
            };
            let made = Level { test, column, m: level.written.m, u: level.written.u };
            let taken = levels
                .iter()
                .find(|before| before.column == made.column && made.test.implies(&before.test));
            if let Some(before) = taken.filter(|_| made.test != Test::Else) {
                self.report.push(Difference::new(
                    &level.place,
                    Changes::Nothing,
                    "has a level that no pair ever comes to",
                    format!("leaves it out: `{}` before it takes all of it", before.label()),
                ));
                continue;
            }
            levels.push(made);
            kept.push(level);
        }
        let frequency = self.frequency(&place, &read.main, &levels, &kept);
        Ok(Comparison { name: read.name.clone(), column: main, frequency, levels })
    }

    fn named(&self, value: &Value, need: Need) -> String {
        // Every value was asked for when the comparison was read.
        self.prepared.name(value, need).unwrap_or_default()
    }

    /// Makes a test of a condition on more than one column.
    fn test(&self, place: &str, asks: &Condition, main: &Value, name: &str) -> Result<Test> {
        let each = |parts: &[Condition]| {
            parts.iter().map(|part| self.test(place, part, main, name)).collect::<Result<Vec<_>>>()
        };
        Ok(match asks {
            Condition::Of(value, test) => {
                let column = self.named(value, need(test));
                if column == name {
                    test.clone()
                } else {
                    Test::On(On { column, test: Box::new(test.clone()) })
                }
            }
            Condition::Reversed(one, other) => {
                let other = if one == main {
                    other
                } else if other == main {
                    one
                } else {
                    return Err(unsound(
                        place,
                        "columns are reversed of which neither is the one that the null level asks for",
                    ));
                };
                Test::Reversed(self.named(other, Need::Compared))
            }
            Condition::All(parts) => Test::All(each(parts)?),
            Condition::Any(parts) => Test::Any(each(parts)?),
            Condition::Not(inner) => Test::Not(Box::new(self.test(place, inner, main, name)?)),
            Condition::Expression => {
                return Err(unsound(place, "an expression stands inside another test"));
            }
        })
    }
}

/// Asks for everything that a condition looks at.
fn want(prepared: &mut Prepared, asks: &Condition) {
    match asks {
        Condition::Of(value, test) => prepared.want(value, need(test)),
        Condition::Reversed(one, other) => {
            // Two columns are compared with each other, so both must be prepared in one way.
            prepared.want(one, Need::Compared);
            prepared.want(other, Need::Compared);
        }
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                want(prepared, part);
            }
        }
        Condition::Not(inner) => want(prepared, inner),
        Condition::Expression => {}
    }
}

/// What a test needs of the values that it looks at.
fn need(test: &Test) -> Need {
    match test {
        Test::Jaro(_)
        | Test::JaroWinkler(_)
        | Test::Levenshtein(_)
        | Test::OptimalAlignment(_)
        | Test::Damerau(_)
        | Test::Jaccard(_)
        | Test::Cosine(_) => Need::Compared,
        Test::SomeItem(test) | Test::Not(test) => need(test),
        Test::Prefix(_)
        | Test::Suffix(_)
        | Test::Sounds(_)
        | Test::Literal(_)
        | Test::Expression(_) => Need::Characters,
        Test::Exact
        | Test::Days(_)
        | Test::Months(_)
        | Test::Years(_)
        | Test::DayMonthSwapped
        | Test::Seconds(_)
        | Test::Within(_)
        | Test::Percent(_)
        | Test::Kilometres(_)
        | Test::Shared(_)
        | Test::Subset
        | Test::Reversed(_)
        | Test::On(_)
        | Test::All(_)
        | Test::Any(_)
        | Test::Else => Need::Any,
    }
}

/// What an expression is, where no test says it.
pub(super) fn as_expression(place: &str, changes: Changes) -> Difference {
    Difference::new(
        place,
        changes,
        "has its database work the condition out",
        "has it as an expression, which DataFusion works out over characters",
    )
    .with_remedy("see that every function in it means the same there")
}

fn remarked(place: &str, remark: Remark) -> Difference {
    match remark {
        Remark::Percent => Difference::new(
            place,
            Changes::Weights,
            "divides the difference by the larger value, and asks for less than the bound",
            "takes it of the value larger in size, and the bound counts; two zeros are equal",
        ),
        Remark::Kilometres => Difference::new(
            place,
            Changes::Weights,
            "reckons the distance by the law of cosines, rounded to 32 bits",
            "reckons it by the haversine in 64 bits, so a pair within a metre of the bound may differ",
        ),
        Remark::Items => Difference::new(
            place,
            Changes::Weights,
            "may count an item that a list holds twice by the rules of its database",
            "takes a list for a set",
        ),
    }
}

pub(super) fn unsound(place: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::UnsoundSettings { place: place.into(), problem: problem.into() }
}
