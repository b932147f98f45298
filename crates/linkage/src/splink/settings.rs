//! Reads the settings of a Splink model: JSON in, the parts that mean something out.
//!
//! First of an import. It knows the keys of versions 3, 4 and 5, reports each that it doesn't know or that has no
//! meaning here, and refuses what isn't settings. It looks into no SQL: that is `sql`'s to parse and `condition`'s to
//! recognise.
//!
//! The keys are those of Splink's [settings
//! dictionary](https://moj-analytical-services.github.io/splink/api_docs/settings_dict_guide.html).

use serde_json::{Map, Value as Json};

use crate::elementary::exp2;
use crate::model::Link;
use crate::splink::difference::{Changes, Difference};
use crate::splink::sql::Database;
use crate::{Error, Result};

/// The least m and u that Splink reckons with.
const LEAST: f64 = 1e-300;

/// The m or u of a level that training never saw.
pub(super) const UNSEEN: f64 = 1e-6;

/// What Splink takes for the prior where the settings don't say.
const USUAL_PRIOR: f64 = 0.0001;

/// What the settings say.
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) link: Link,
    pub(super) prior: f64,
    pub(super) database: Database,
    pub(super) id_column: String,
    pub(super) rules: Vec<RuleText>,
    pub(super) comparisons: Vec<ComparisonText>,
}

/// A rule as it is written.
pub(super) struct RuleText {
    pub(super) sql: String,
    pub(super) explode: Vec<String>,
}

/// A comparison as it is written.
pub(super) struct ComparisonText {
    pub(super) name: String,
    pub(super) levels: Vec<LevelText>,
}

/// A level as it is written.
pub(super) struct LevelText {
    pub(super) condition: String,
    pub(super) is_null: bool,
    pub(super) m: Option<f64>,
    pub(super) u: Option<f64>,
    pub(super) frequency: Option<FrequencyText>,
}

impl LevelText {
    pub(super) fn is_else(&self) -> bool {
        self.condition.trim().eq_ignore_ascii_case("else")
    }
}

/// A level's adjustment for term frequencies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FrequencyText {
    pub(super) column: String,
    pub(super) weight: f64,
    pub(super) minimum_u: f64,
    /// Whether it starts from the level's own u, and not from the exact level's.
    pub(super) own_u: bool,
}

impl Settings {
    /// Reads the text of a settings file.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableSettings`] for what isn't JSON, and [`Error::UnsoundSettings`] for what isn't settings.
    pub(super) fn read(json: &str, report: &mut Vec<Difference>) -> Result<Self> {
        let json: Json = serde_json::from_str(json).map_err(Error::UnreadableSettings)?;
        let mut keys = Keys::new("settings", json, report)?;
        let link = match keys.text("link_type")?.as_deref() {
            Some("dedupe_only") => Link::Within,
            Some("link_only") => Link::Between,
            Some("link_and_dedupe") => Link::Both,
            Some(other) => {
                return Err(unsound("settings", format!("there is no link type `{other}`")));
            }
            None => return Err(unsound("settings", "they have no `link_type`")),
        };
        let database = keys.text("sql_dialect")?.map_or_else(
            || {
                keys.report.push(Difference::new(
                    "settings, `sql_dialect`",
                    Changes::Nothing,
                    "takes the dialect of the database it is run on",
                    "reads the conditions as DuckDB's SQL, since the settings don't say",
                ));
                Database::DuckDb
            },
            |name| Database::named(&name),
        );
        let prior = keys.number("probability_two_random_records_match")?.unwrap_or_else(|| {
            keys.report.push(
                Difference::new(
                    "settings, `probability_two_random_records_match`",
                    Changes::Nothing,
                    format!("takes {USUAL_PRIOR} where it isn't stated"),
                    format!("has the prior {USUAL_PRIOR}"),
                )
                .with_remedy("state it, or train the prior"),
            );
            USUAL_PRIOR
        });
        let name = keys.text("linker_uid")?;
        let id_column = keys.text("unique_id_column_name")?.unwrap_or("unique_id".to_owned());
        let rules = keys.list("blocking_rules_to_generate_predictions")?;
        let comparisons = keys.list("comparisons")?;
        keys.only_elsewhere(&[
            "em_convergence",
            "max_iterations",
            "retain_matching_columns",
            "retain_intermediate_calculation_columns",
            "additional_columns_to_retain",
            "source_dataset_column_name",
            // In two parts, since the house has another word for what the first part names.
            concat!("bayes_", "factor_column_prefix"),
            "match_weight_column_prefix",
            "term_frequency_adjustment_column_prefix",
            "comparison_vector_value_column_prefix",
        ]);
        keys.finish();
        let rules = (1..).zip(rules).map(|(number, rule)| read_rule(number, rule, report));
        let rules = rules.collect::<Result<_>>()?;
        let comparisons = (1..)
            .zip(comparisons)
            .map(|(number, comparison)| read_comparison(number, comparison, report));
        let comparisons = comparisons.collect::<Result<_>>()?;
        Ok(Self { name, link, prior, database, id_column, rules, comparisons })
    }
}

fn read_rule(number: u32, rule: Json, report: &mut Vec<Difference>) -> Result<RuleText> {
    let place = format!("rule {number}");
    if let Json::String(sql) = rule {
        return Ok(RuleText { sql, explode: Vec::new() });
    }
    let mut keys = Keys::new(&place, rule, report)?;
    let sql = keys.text("blocking_rule")?.ok_or_else(|| unsound(&place, "it has no SQL"))?;
    let explode = keys.list("arrays_to_explode")?.into_iter().map(|column| match column {
        Json::String(column) => Ok(column),
        _ => Err(unsound(&place, "`arrays_to_explode` must be names of columns")),
    });
    let explode = explode.collect::<Result<_>>()?;
    if keys.take("salting_partitions").is_some_and(|value| value != 1) {
        keys.report.push(Difference::new(
            &place,
            Changes::Nothing,
            "up to version 4, splits the rule's work by a salt; version 5 ignores it",
            "ignores the salt, and splits large blocks by their pairs",
        ));
    }
    keys.only_elsewhere(&["sql_dialect"]);
    keys.finish();
    Ok(RuleText { sql, explode })
}

fn read_comparison(
    number: usize,
    comparison: Json,
    report: &mut Vec<Difference>,
) -> Result<ComparisonText> {
    let mut keys = Keys::new(&format!("comparison {number}"), comparison, report)?;
    let name = keys.text("output_column_name")?.unwrap_or_else(|| format!("comparison {number}"));
    let place = format!("comparison `{name}`");
    let levels = keys.list("comparison_levels")?;
    if levels.is_empty() && keys.take("case_expression").is_some() {
        return Err(unsound(place, "it has a `case_expression`, as in Splink 2, which isn't read"));
    }
    keys.only_elsewhere(&["comparison_description"]);
    keys.finish();
    let levels = (1..)
        .zip(levels)
        .map(|(level, json)| read_level(&format!("{place}, level {level}"), json, report));
    let mut levels: Vec<LevelText> = levels.collect::<Result<_>>()?;
    fill(&place, &mut levels, report);
    Ok(ComparisonText { name, levels })
}

fn read_level(place: &str, level: Json, report: &mut Vec<Difference>) -> Result<LevelText> {
    let mut keys = Keys::new(place, level, report)?;
    let condition =
        keys.text("sql_condition")?.ok_or_else(|| unsound(place, "it has no `sql_condition`"))?;
    let is_null = keys.truth("is_null_level")?;
    let (m, u) = (keys.probability("m_probability")?, keys.probability("u_probability")?);
    for key in ["fix_m_probability", "fix_u_probability"] {
        if keys.truth(key)? {
            keys.report.push(
                Difference::new(
                    place,
                    Changes::Nothing,
                    format!("keeps it when the model is trained again, by `{key}`"),
                    "a model isn't trained again; in a recipe, an m or u that is stated is kept",
                )
                .with_remedy("state it in the recipe"),
            );
        }
    }
    let column = keys.text("tf_adjustment_column")?;
    let weight = keys.number("tf_adjustment_weight")?;
    let minimum_u = keys.number("tf_minimum_u_value")?.unwrap_or(0.0);
    let own_u = keys.truth("disable_tf_exact_match_detection")?;
    keys.only_elsewhere(&["label_for_charts"]);
    keys.finish();
    let frequency = column.map(|column| FrequencyText {
        column,
        weight: weight.unwrap_or(1.0),
        minimum_u,
        own_u,
    });
    if frequency.is_some() && weight == Some(0.0) {
        report.push(
            Difference::new(
                format!("{place}, `tf_adjustment_weight`"),
                Changes::Weights,
                "5.0.0 takes a weight of 0 for 1 when it loads settings, and leaves it out when it saves them, so the \
                 adjustment that the settings switch off is made in full",
                "makes no adjustment for frequency, as the settings say",
            )
            .with_remedy("to get Splink's weights, state a weight of 1"),
        );
    }
    Ok(LevelText { condition, is_null, m, u, frequency })
}

/// Fills in the m and u that the settings leave out.
fn fill(place: &str, levels: &mut [LevelText], report: &mut Vec<Difference>) {
    type Take = fn(&mut LevelText) -> &mut Option<f64>;
    type Usual = fn(usize) -> Vec<f64>;
    let kinds: [(&str, Take, Usual); 2] =
        [("m", |level| &mut level.m, usual_m), ("u", |level| &mut level.u, usual_u)];
    for (name, take, usual) in kinds {
        let mut open: Vec<&mut LevelText> =
            levels.iter_mut().filter(|level| !level.is_null).collect();
        let count = open.len();
        let lacking =
            open.iter_mut().filter_map(|level| take(level).is_none().then_some(())).count();
        if lacking == 0 || count < 2 {
            continue;
        }
        let usual = usual(count);
        let all: f64 = usual.iter().sum();
        if lacking == count {
            for (level, usual) in open.into_iter().zip(&usual) {
                *take(level) = Some(usual / all);
            }
            report.push(
                Difference::new(
                    place,
                    if (all - 1.0).abs() < 1e-12 { Changes::Nothing } else { Changes::Weights },
                    format!("begins with values of its own for the {name}, which add up to {all}"),
                    format!("has the same values for the {name}, divided by their sum"),
                )
                .with_remedy("train the comparison"),
            );
        } else {
            for (level, usual) in open.into_iter().zip(&usual) {
                let slot = take(level);
                if slot.is_none() {
                    *slot = Some(UNSEEN);
                    report.push(
                        Difference::new(
                            place,
                            Changes::Weights,
                            format!(
                                "reckons with {UNSEEN} for the {name} of a level that training never saw, but doesn't \
                                 save it, and takes {usual} once the model is loaded again"
                            ),
                            format!("reckons with {UNSEEN}"),
                        )
                        .with_remedy("state the value"),
                    );
                }
            }
        }
    }
}

/// The m that Splink begins with, the closest level first.
pub(super) fn usual_m(levels: usize) -> Vec<f64> {
    let mut m = vec![(1.0 - 0.95) / (levels as f64 - 1.0); levels];
    m[0] = 0.95;
    m
}

/// The u that Splink begins with, the closest level first: weights from 10 for the closest, then evenly from 3 to -5.
fn usual_u(levels: usize) -> Vec<f64> {
    let rest = levels - 1;
    let weight = |from_last: usize| {
        if rest == 1 { -5.0 } else { -5.0 + from_last as f64 * (8.0 / (rest as f64 - 1.0)) }
    };
    let weights = std::iter::once(10.0).chain((0..rest).rev().map(weight));
    usual_m(levels).iter().zip(weights).map(|(m, weight)| m / exp2(weight)).collect()
}

/// The keys of one object, taken off one by one.
struct Keys<'r> {
    place: String,
    map: Map<String, Json>,
    report: &'r mut Vec<Difference>,
}

impl<'r> Keys<'r> {
    fn new(place: &str, json: Json, report: &'r mut Vec<Difference>) -> Result<Self> {
        match json {
            Json::Object(map) => Ok(Self { place: place.to_owned(), map, report }),
            _ => Err(unsound(place, "it must be an object of JSON")),
        }
    }

    fn take(&mut self, key: &str) -> Option<Json> {
        self.map.remove(key).filter(|value| *value != Json::Null)
    }

    fn wrong(&self, key: &str, wanted: &str) -> Error {
        unsound(&self.place, format!("`{key}` must be {wanted}"))
    }

    fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    fn number(&mut self, key: &str) -> Result<Option<f64>> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::Number(number)) => Ok(number.as_f64()),
            Some(_) => Err(self.wrong(key, "a number")),
        }
    }

    fn truth(&mut self, key: &str) -> Result<bool> {
        match self.take(key) {
            None => Ok(false),
            Some(Json::Bool(truth)) => Ok(truth),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    fn list(&mut self, key: &str) -> Result<Vec<Json>> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Json::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong(key, "a list")),
        }
    }

    /// An m or u. Instead of a number it may be a text that says that training never saw the level.
    fn probability(&mut self, key: &str) -> Result<Option<f64>> {
        let place = format!("{}, `{key}`", self.place);
        match self.take(key) {
            None => Ok(None),
            Some(Json::String(_)) => {
                self.report.push(Difference::new(
                    place,
                    Changes::Nothing,
                    format!("reckons with {UNSEEN} for a level that training never saw"),
                    format!("has {UNSEEN}"),
                ));
                Ok(Some(UNSEEN))
            }
            Some(Json::Number(number)) => {
                let number = number.as_f64().unwrap_or(0.0);
                if (0.0..LEAST).contains(&number) {
                    self.report.push(Difference::new(
                        place,
                        Changes::Nothing,
                        format!("reckons with no less than {LEAST}"),
                        format!("has {LEAST}"),
                    ));
                    return Ok(Some(LEAST));
                }
                Ok(Some(number))
            }
            Some(_) => Err(self.wrong(key, "a number")),
        }
    }

    /// Takes off keys that say how Splink goes about it, and nothing about the model.
    fn only_elsewhere(&mut self, keys: &[&str]) {
        for key in keys {
            self.map.remove(*key);
        }
    }

    /// Reports what is left.
    fn finish(self) {
        for key in self.map.keys() {
            self.report.push(
                Difference::new(
                    format!("{}, `{key}`", self.place),
                    Changes::Pairs,
                    "may know this key, in a version that isn't known here",
                    "doesn't know it, and ignored it",
                )
                .with_remedy("look up what it means, and whether the model needs it"),
            );
        }
    }
}

fn unsound(place: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::UnsoundSettings { place: place.into(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementary::log2;

    #[test]
    fn the_first_values_are_splinks() {
        assert_eq!(usual_m(2), [0.95, 1.0 - 0.95]);
        // log2(m/u) is 10 for the closest level and -5 for the last.
        for levels in 2..7 {
            let (m, u) = (usual_m(levels), usual_u(levels));
            let weights: Vec<f64> = m.iter().zip(&u).map(|(m, u)| log2(m / u)).collect();
            assert!((weights[0] - 10.0).abs() < 1e-12);
            assert!((weights[levels - 1] + 5.0).abs() < 1e-12);
            assert!(levels == 2 || (weights[1] - 3.0).abs() < 1e-12);
        }
    }
}
