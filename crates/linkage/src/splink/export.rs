//! Writes a model as Splink 5's settings, for DuckDB.
//!
//! The way back from an import. What Splink has a form for is written so that it means the same, and an import of it gives
//! the model back; what it has none for is reported, and never written as something similar: a level without a form
//! becomes one that never holds. It writes no file.

use serde_json::{Map, Value as Json, json};

use crate::model::{
    Column, Comparison, Grams, Holder, Key, Kind, Level, Link, Literal, Model, OneToOne, Rule,
    Step, Take, Test,
};
use crate::prepare::{GIVEN, MISSING};
use crate::splink::difference::{Changes, Difference};
use crate::splink::shape::{kilometres_sql, pairwise_sql};
use crate::splink::value::{identifier, quoted, written};
use crate::{Error, Result, Side};

/// What an export came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The settings, as JSON that Splink 5 loads.
    pub json: String,
    /// What Splink cannot say, or does differently.
    pub report: Vec<Difference>,
}

/// Writes a model as the settings of Splink 5 on DuckDB.
///
/// # Errors
///
/// [`Error::UnreadableSettings`] where JSON has no form for it.
pub fn export(model: &Model) -> Result<Exported> {
    let mut exporter = Exporter { model, report: Vec::new() };
    exporter.general();
    let rules: Vec<Json> = model.rules().iter().filter_map(|rule| exporter.rule(rule)).collect();
    let comparisons: Vec<Json> =
        model.comparisons().iter().map(|comparison| exporter.comparison(comparison)).collect();
    let settings = json!({
        "link_type": match model.link() {
            Link::Within => "dedupe_only",
            Link::Between => "link_only",
            Link::Both => "link_and_dedupe",
        },
        "probability_two_random_records_match": model.prior(),
        "sql_dialect": "duckdb",
        "unique_id_column_name": "unique_id",
        "source_dataset_column_name": "source_dataset",
        "match_weight_column_prefix": "mw_",
        "term_frequency_adjustment_column_prefix": "tf_",
        "comparison_vector_value_column_prefix": "gamma_",
        "em_convergence": 0.0001,
        "max_iterations": 25,
        "retain_matching_columns": true,
        "retain_intermediate_calculation_columns": true,
        "additional_columns_to_retain": [],
        "blocking_rules_to_generate_predictions": rules,
        "comparisons": comparisons,
    });
    let json = serde_json::to_string_pretty(&settings).map_err(Error::UnreadableSettings)?;
    Ok(Exported { json, report: exporter.report })
}

struct Exporter<'m> {
    model: &'m Model,
    report: Vec<Difference>,
}

/// Where the columns of a condition are.
#[derive(Clone, Copy)]
enum Where {
    /// In a level: `"surname_l"`.
    Level,
    /// In a rule: `l."surname"`.
    Rule,
}

impl Where {
    fn name(self, column: &str, side: Side) -> String {
        let letter = match side {
            Side::Source => 'l',
            Side::Recipient => 'r',
        };
        match self {
            Self::Level => identifier(&format!("{column}_{letter}")),
            Self::Rule => format!("{letter}.{}", identifier(column)),
        }
    }
}

impl<'m> Exporter<'m> {
    fn general(&mut self) {
        self.report.push(
            Difference::new(
                "threshold",
                Changes::Pairs,
                "has none in its settings",
                format!("keeps pairs of weight {} and more", self.model.threshold()),
            )
            .with_remedy("give it to `predict`, as `threshold_match_weight`"),
        );
        if self.model.one_to_one() != OneToOne::Off {
            self.report.push(
                Difference::new(
                    "one_to_one",
                    Changes::Pairs,
                    "has no such setting",
                    "keeps a record to one pair, as the model says",
                )
                .with_remedy("cluster by single best links"),
            );
        }
        if !self.model.kin().is_empty() {
            self.report.push(
                Difference::new(
                    "kin",
                    Changes::Weights,
                    "knows the same individual and strangers, and weighs members of one household as strangers",
                    "takes off a weight what members of one household, or others alike, would bring to it",
                )
                .with_remedy("expect more false pairs at the same threshold"),
            );
        }
        if !self.model.calibration().is_empty() {
            self.report.push(Difference::new(
                "calibration",
                Changes::Nothing,
                "turns a weight into a probability by its own reckoning",
                "turns it by the model's calibration",
            ));
        }
        for column in self.model.columns() {
            self.column_differences(column);
        }
    }

    fn column_differences(&mut self, column: &Column) {
        let place = format!("column `{}`", column.name);
        if column.from.is_empty() {
            self.report.push(
                Difference::new(
                    &place,
                    Changes::Pairs,
                    "links tables whose columns have the same names",
                    "takes it from columns of two names",
                )
                .with_remedy(format!("hand in tables with the prepared column `{}`", column.name)),
            );
        } else {
            let ways = column.steps.iter().filter_map(|step| Some((step, written(step, "").1?)));
            for (step, differs) in ways {
                self.report.push(Difference::new(
                    &place,
                    Changes::Weights,
                    differs,
                    format!("prepares it by the step `{}`", label(step)),
                ));
            }
        }
        if column.placeholders.is_none() {
            self.report.push(
                Difference::new(
                    &place,
                    Changes::Pairs,
                    "takes every text for a value",
                    "takes the usual texts that stand for nothing, such as `unknown`, for no value",
                )
                .with_remedy("make them null before they are handed in"),
            );
        }
        let by_bytes = column.steps.contains(&Step::AsBytes);
        if column.kind == Kind::Text && !by_bytes && self.is_compared(&column.name) {
            self.report.push(Difference::new(
                &place,
                Changes::Weights,
                "compares the bytes of texts on DuckDB, so that a letter with a diacritic counts for two",
                "compares characters",
            ));
        }
    }

    /// Whether something goes over the letters of a column.
    fn is_compared(&self, name: &str) -> bool {
        fn over(test: &Test) -> bool {
            match test {
                Test::Jaro(_)
                | Test::JaroWinkler(_)
                | Test::Levenshtein(_)
                | Test::OptimalAlignment(_)
                | Test::Damerau(_)
                | Test::Jaccard(_)
                | Test::Cosine(_)
                | Test::SomeItem(_) => true,
                Test::Not(test) => over(test),
                Test::All(tests) | Test::Any(tests) => tests.iter().any(over),
                _ => false,
            }
        }
        fn named(test: &Test, name: &str) -> bool {
            match test {
                Test::On(on) => on.column == name && over(&on.test),
                Test::Not(test) => named(test, name),
                Test::All(tests) | Test::Any(tests) => tests.iter().any(|test| named(test, name)),
                _ => false,
            }
        }
        self.model.comparisons().iter().any(|comparison| {
            comparison.levels.iter().any(|level| {
                let own = level.column.as_ref().unwrap_or(&comparison.column);
                (own == name && over(&level.test)) || named(&level.test, name)
            })
        })
    }

    fn column(&self, name: &str) -> Option<&'m Column> {
        self.model.columns().iter().find(|column| column.name == name)
    }

    /// Writes a prepared column of one record.
    fn value(&self, name: &str, side: Side, place: Where) -> String {
        let Some(column) = self.column(name).filter(|column| !column.from.is_empty()) else {
            return place.name(name, side);
        };
        let steps = |input: &String| {
            let start = place.name(input, side);
            column.steps.iter().fold(start, |inner, step| written(step, &inner).0)
        };
        let parts: Vec<String> = column.from.iter().map(steps).collect();
        let joined = match &parts[..] {
            [one] => one.clone(),
            several => format!("NULLIF(concat_ws(' ', {}), '')", several.join(", ")),
        };
        let cleaned =
            column.placeholders.iter().flatten().fold(joined, |inner, placeholder| {
                format!("NULLIF({inner}, {})", quoted(placeholder))
            });
        match &column.kind {
            Kind::Text if column.presence => {
                format!("CASE WHEN {cleaned} IS NULL THEN '{MISSING}' ELSE '{GIVEN}' END")
            }
            Kind::Text | Kind::Place | Kind::List(_) => cleaned,
            Kind::Date(format) | Kind::Time(format) => {
                format!("try_strptime({cleaned}, {})", quoted(format))
            }
            Kind::Number => format!("TRY_CAST({cleaned} AS DOUBLE)"),
        }
    }

    fn rule(&mut self, rule: &Rule) -> Option<Json> {
        let keys = rule.keys.iter().map(|key| self.key(key)).collect::<Option<Vec<_>>>();
        let Some(keys) = keys.filter(|_| rule.is_plain()) else {
            self.report.push(
                Difference::new(
                    format!("rule `{rule}`"),
                    Changes::Pairs,
                    "has no such rule on DuckDB; it is left out",
                    "makes pairs by it",
                )
                .with_remedy("prepare the key as a column of its own"),
            );
            return None;
        };
        Some(json!({ "blocking_rule": keys.join(" AND "), "sql_dialect": "duckdb" }))
    }

    fn key(&self, key: &Key) -> Option<String> {
        let taken = |column: &str, side| {
            let value = self.value(column, side, Where::Rule);
            Some(match key.take {
                Take::Whole => value,
                Take::Prefix(length) => format!("substr({value}, 1, {length})"),
                Take::Suffix(length) => format!("right({value}, {length})"),
                Take::Year => format!("year({value})"),
                Take::YearMonth => format!("strftime({value}, '%Y-%m')"),
                Take::MonthDay => format!("strftime({value}, '%m-%d')"),
                Take::Soundex => return None,
            })
        };
        let left = taken(&key.column, Side::Source)?;
        let right = taken(key.against.as_ref().unwrap_or(&key.column), Side::Recipient)?;
        Some(format!("({left} = {right})"))
    }

    fn comparison(&mut self, comparison: &Comparison) -> Json {
        let mut levels = vec![json!({
            "sql_condition": self.missing(&comparison.column),
            "label_for_charts": "null",
            "is_null_level": true,
        })];
        let place = format!("comparison `{}`", comparison.name);
        let frequency = self.frequency(&place, comparison);
        for level in &comparison.levels {
            let column = level.column.as_ref().unwrap_or(&comparison.column);
            let condition = self.condition(column, &level.test).unwrap_or_else(|| {
                self.report.push(
                    Difference::new(
                        format!("{place}, level `{}`", level.label()),
                        Changes::Weights,
                        "has no such test on DuckDB; the level is written as one that never holds",
                        "has the level",
                    )
                    .with_remedy("train again without the level before the model is exported"),
                );
                "1 = 0".to_owned()
            });
            let mut written = Map::new();
            written.insert("sql_condition".to_owned(), condition.into());
            written.insert("label_for_charts".to_owned(), level.label().into());
            written.insert("m_probability".to_owned(), level.m.into());
            written.insert("u_probability".to_owned(), level.u.into());
            if let Some((input, taking)) = &frequency
                && taking(level)
                && let Some(frequency) = &comparison.frequency
            {
                written.insert("tf_adjustment_column".to_owned(), input.as_str().into());
                written.insert("tf_adjustment_weight".to_owned(), frequency.weight.into());
                written.insert("tf_minimum_u_value".to_owned(), frequency.minimum_u.into());
            }
            levels.push(Json::Object(written));
        }
        json!({ "output_column_name": comparison.name, "comparison_levels": levels })
    }

    /// The column of the input that a comparison is adjusted by, and which levels take it.
    fn frequency(
        &mut self,
        place: &str,
        comparison: &Comparison,
    ) -> Option<(String, impl Fn(&Level) -> bool + use<>)> {
        let frequency = comparison.frequency.filter(|frequency| frequency.weight != 0.0)?;
        let column = self.column(&comparison.column)?;
        let plain = column.kind == Kind::Text
            && column.steps.iter().all(|step| *step == Step::AsBytes)
            && column.placeholders.as_ref().is_none_or(Vec::is_empty);
        let (true, [input]) = (plain, &column.from[..]) else {
            self.report.push(
                Difference::new(
                    format!("{place}, `frequency`"),
                    Changes::Weights,
                    "adjusts for the frequency of a column of the input only, and makes no adjustment here",
                    "adjusts for the frequency of the prepared column",
                )
                .with_remedy("prepare the column before it is handed in"),
            );
            return None;
        };
        let similar = frequency.similar;
        let taking = move |level: &Level| {
            let exact = level.test == Test::Exact && level.column.is_none();
            exact || (similar && level.test.is_likeness())
        };
        Some((input.clone(), taking))
    }

    fn missing(&self, name: &str) -> String {
        let absent = |one: &str| {
            format!(
                "{} IS NULL OR {} IS NULL",
                self.value(one, Side::Source, Where::Level),
                self.value(one, Side::Recipient, Where::Level)
            )
        };
        match self.column(name) {
            Some(Column { kind: Kind::Place, from, .. }) if from.len() == 2 => {
                let each = from.iter().map(|input| {
                    let name = |side| Where::Level.name(input, side);
                    format!("{} IS NULL OR {} IS NULL", name(Side::Source), name(Side::Recipient))
                });
                each.collect::<Vec<_>>().join(" OR ")
            }
            _ => absent(name),
        }
    }

    /// Writes a test of a prepared column; none where DuckDB has nothing that means the same.
    fn condition(&self, name: &str, test: &Test) -> Option<String> {
        let left = self.value(name, Side::Source, Where::Level);
        let right = self.value(name, Side::Recipient, Where::Level);
        let of = |function: &str| format!("{function}({left}, {right})");
        let each = |tests: &[Test], by: &str| {
            let parts: Option<Vec<String>> = tests
                .iter()
                .map(|test| self.condition(name, test).map(|part| format!("({part})")))
                .collect();
            parts.map(|parts| parts.join(by))
        };
        Some(match test {
            Test::Exact => format!("{left} = {right}"),
            Test::Jaro(least) => format!("{} >= {least}", of("jaro_similarity")),
            Test::JaroWinkler(least) => format!("{} >= {least}", of("jaro_winkler_similarity")),
            Test::Levenshtein(most) => format!("{} <= {most}", of("levenshtein")),
            Test::Damerau(most) => format!("{} <= {most}", of("damerau_levenshtein")),
            Test::Jaccard(Grams { q: 1, least }) => format!("{} >= {least}", of("jaccard")),
            Test::Prefix(length) => {
                format!("substr({left}, 1, {length}) = substr({right}, 1, {length})")
            }
            Test::Suffix(length) => format!("right({left}, {length}) = right({right}, {length})"),
            Test::Days(most) => {
                format!("abs(epoch({left}) - epoch({right})) <= {}", u64::from(*most) * 86_400)
            }
            Test::Seconds(most) => format!("abs(epoch({left}) - epoch({right})) <= {most}"),
            Test::Months(most) => {
                format!("{} <= {} + INTERVAL '{most}' MONTH", of("greatest"), of("least"))
            }
            Test::Years(most) => {
                format!("{} <= {} + INTERVAL '{most}' YEAR", of("greatest"), of("least"))
            }
            Test::DayMonthSwapped => format!(
                "{left} <> {right} AND year({left}) = year({right}) AND month({left}) = day({right}) AND \
                 day({left}) = month({right})"
            ),
            Test::Within(most) => format!("abs({left} - {right}) <= {most}"),
            Test::Percent(most) => {
                format!(
                    "abs({left} - {right}) <= greatest(abs({left}), abs({right})) * ({most} / 100)"
                )
            }
            Test::Kilometres(most) => match self.column(name).map(|column| &column.from[..]) {
                Some([latitude, longitude]) => {
                    format!("{} <= {most}", kilometres_sql(latitude, longitude))
                }
                _ => return None,
            },
            Test::Shared(least) => format!("array_length({}) >= {least}", of("list_intersect")),
            Test::Subset => {
                let smaller = format!("least(array_length({left}), array_length({right}))");
                format!("{smaller} <> 0 AND array_length({}) = {smaller}", of("list_intersect"))
            }
            Test::SomeItem(test) => {
                let (outer, function, bound) = match &**test {
                    Test::Jaro(least) => ("list_max", "jaro_similarity", format!(">= {least}")),
                    Test::JaroWinkler(least) => {
                        ("list_max", "jaro_winkler_similarity", format!(">= {least}"))
                    }
                    Test::Levenshtein(most) => ("list_min", "levenshtein", format!("<= {most}")),
                    Test::Damerau(most) => {
                        ("list_min", "damerau_levenshtein", format!("<= {most}"))
                    }
                    _ => return None,
                };
                let pairwise = pairwise_sql(outer, "list_transform", 1, function, &left, &right);
                format!("{pairwise} {bound}")
            }
            Test::Literal(Literal { value, of }) => {
                let stated = match self.column(name).map(|column| &column.kind) {
                    Some(Kind::Date(_)) => format!("CAST({} AS DATE)", quoted(value)),
                    Some(Kind::Number) => value.clone(),
                    Some(Kind::Text) => quoted(value),
                    _ => return None,
                };
                match of {
                    Holder::Both => format!("{left} = {stated} AND {right} = {stated}"),
                    Holder::Either => format!("{left} = {stated} OR {right} = {stated}"),
                    Holder::Source => format!("{left} = {stated}"),
                    Holder::Recipient => format!("{right} = {stated}"),
                }
            }
            Test::Reversed(other) => format!(
                "{left} = {} AND {right} = {}",
                self.value(other, Side::Recipient, Where::Level),
                self.value(other, Side::Source, Where::Level)
            ),
            // What DataFusion works out, DuckDB may mean otherwise.
            Test::Expression(_) => return None,
            Test::On(on) => self.condition(&on.column, &on.test)?,
            Test::All(tests) => each(tests, " AND ")?,
            Test::Any(tests) => each(tests, " OR ")?,
            Test::Not(test) => format!("NOT ({})", self.condition(name, test)?),
            Test::Else => "ELSE".to_owned(),
            Test::OptimalAlignment(_) | Test::Jaccard(_) | Test::Cosine(_) | Test::Sounds(_) => {
                return None;
            }
        })
    }
}

/// The step as the model's file names it.
fn label(step: &Step) -> &'static str {
    match step {
        Step::Compose => "compose",
        Step::Trim => "trim",
        Step::FoldCase => "fold_case",
        Step::CollapseSpaces => "collapse_spaces",
        Step::RemoveSpaces => "remove_spaces",
        Step::StripPunctuation => "strip_punctuation",
        Step::DigitsOnly => "digits_only",
        Step::FoldDiacritics => "fold_diacritics",
        Step::StripLeadingZeros => "strip_leading_zeros",
        Step::Before(_) => "before",
        Step::Part { .. } => "part",
        Step::Extract { .. } => "extract",
        Step::AsBytes => "as_bytes",
    }
}
