//! The model and the recipe: the two files that say how records are compared.
//!
//! A *recipe* is what a person writes: how columns are prepared, which rules make pairs, how each comparison is
//! graded, and how to train. A *model* is what training makes of it: the same, with the prior, an m and a u for every
//! level, the threshold, and a record of how they were learnt. Both are TOML, both have a digest over their canonical
//! form, and both are checked here once, so that the rest of the crate takes them as sound.
//!
//! It stands before the path of data: nothing here has seen a record. It doesn't train (`train`), and it doesn't
//! turn m and u into weights (`score`).
//!
//! The theory is Fellegi and Sunter, [A Theory for Record
//! Linkage](https://doi.org/10.1080/01621459.1969.10501049), 1969; graded levels follow Winkler, 1990.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calibrate::{Point, calibrated};
use crate::record::{RecordRef, Side};
use crate::{Digest, Error, Result};

mod column;
mod comparison;
mod kin_class;
mod rule;
mod test;
mod training;

pub use column::{Column, Kind, Step};
pub use comparison::{Comparison, Frequency, Level};
pub use kin_class::{KinClass, MOST_KIN};
pub use rule::{Key, MinHash, Neighbourhood, Rule, Take};
pub use test::{Grams, Holder, Literal, On, Phonetic, Test};
pub use training::{
    Expectation, Prior, RareLevel, Training, TrainingRecord, TrainingRound, TrainingSession,
};

use column::check_columns;
use comparison::{check_comparisons, check_fixed, check_parameters};
use kin_class::check_kin;
use rule::check_rules;
use training::check_training;

/// The most comparisons that a model may hold, since a pattern is one 64-bit word.
pub const MOST_COMPARISONS: usize = 16;

/// The most levels that one comparison may have, the null level aside.
pub const MOST_LEVELS: usize = 15;

/// What is written before training: columns, rules, comparisons, and how to learn the rest.
///
/// # Examples
///
/// ```
/// let recipe = linkage::Recipe::from_toml(r#"
///     name = "payroll and caseload"
///     link = "between"
///     threshold = { target_precision = 0.99 }
///     [[column]]
///     name = "surname"
///     source = ["last_name"]
///     recipient = ["surname"]
///     [[column]]
///     name = "birth"
///     source = ["dob"]
///     recipient = ["date_of_birth"]
///     kind = { date = "%Y-%m-%d" }
///     [[rule]]
///     keys = [{ column = "surname", take = "soundex" }, { column = "birth", take = "year" }]
///     [[comparison]]
///     name = "surname"
///     column = "surname"
///     level = [{ test = "exact" }, { test = { jaro_winkler = 0.9 } }, { test = "else" }]
///     [[comparison]]
///     name = "birth"
///     column = "birth"
///     level = [{ test = "exact" }, { test = { damerau = 1 } }, { test = "else" }]
///     [training]
///     seed = 7
///     prior = { deterministic = { recall = 0.8, rules = [
///         { keys = [{ column = "surname" }, { column = "birth" }] },
///     ] } }
///     rules = [{ keys = [{ column = "surname" }] }, { keys = [{ column = "birth" }] }]
/// "#)?;
/// assert_eq!(recipe.comparisons().len(), 2);
/// # Ok::<(), linkage::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RecipeFile", into = "RecipeFile")]
pub struct Recipe(RecipeFile);

/// A recipe with what training learnt, ready to link by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ModelFile", into = "ModelFile")]
pub struct Model(ModelFile);

/// The recipe as it stands in its file, before it is checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeFile {
    name: String,
    link: Link,
    #[serde(default)]
    one_to_one: OneToOne,
    threshold: ThresholdRule,
    #[serde(rename = "column")]
    columns: Vec<Column>,
    #[serde(rename = "rule")]
    rules: Vec<Rule>,
    #[serde(rename = "comparison")]
    comparisons: Vec<Comparison>,
    training: Training,
}

/// The model as it stands in its file, before it is checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    name: String,
    link: Link,
    #[serde(default)]
    one_to_one: OneToOne,
    prior: f64,
    threshold: f64,
    #[serde(rename = "column")]
    columns: Vec<Column>,
    #[serde(rename = "rule")]
    rules: Vec<Rule>,
    #[serde(rename = "comparison")]
    comparisons: Vec<Comparison>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kin: Vec<KinClass>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calibration: Vec<Point>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<TrainingRecord>,
}

/// Which pairs there are at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// One record of the source's table with one of the recipient's.
    Between,
    /// Two records of the same table.
    Within,
    /// Two records of either table: linking them and finding what is twice in each at once.
    Both,
}

impl Link {
    /// Returns which table a record of a side came from, and its number there.
    ///
    /// `boundary` is where the recipient's records begin, when both tables stand one after the other.
    pub fn origin(self, side: Side, record: RecordRef, boundary: u32) -> (Side, RecordRef) {
        match self {
            Self::Between => (side, record),
            Self::Within => (Side::Source, record),
            Self::Both => match record.row().checked_sub(boundary) {
                None => (Side::Source, record),
                Some(row) => (Side::Recipient, RecordRef::new(row)),
            },
        }
    }

    /// Returns how many pairs there are of so many records; those of the recipient count between two tables alone.
    pub(crate) fn pairs(self, sources: u64, recipients: u64) -> u64 {
        match self {
            Self::Between => sources * recipients,
            Self::Within | Self::Both => sources * sources.saturating_sub(1) / 2,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Between => "between two tables",
            Self::Within => "within one table",
            Self::Both => "within and between two tables",
        })
    }
}

/// How many pairs one record may keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OneToOne {
    /// As many as stand at or above the threshold.
    #[default]
    Off,
    /// One for each record on either side, the heaviest pair first.
    Greedy,
    /// One for each record on either side, so that the weights add up to the most.
    Optimal,
    /// One for each source record; a recipient record may keep several, as a person has several jobs.
    EachSource,
}

/// How the threshold is set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// The lowest threshold whose leads are expected to be right this often, never below even odds.
    TargetPrecision(f64),
    /// The weight at which a pair is the same individual with this probability.
    Probability(f64),
    /// This weight.
    Weight(f64),
}

impl Recipe {
    /// Reads a recipe from TOML.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableRecipe`] with the position, for what isn't a recipe, an unknown key or an unsound value.
    pub fn from_toml(text: &str) -> Result<Self> {
        let file: RecipeFile =
            toml::from_str(text).map_err(|error| Error::UnreadableRecipe(Box::new(error)))?;
        Self::try_from(file)
    }

    /// Writes the recipe as TOML.
    ///
    /// # Errors
    ///
    /// [`Error::UnwritableModel`] where TOML has no form for it.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(&self.0).map_err(|error| Error::UnwritableModel(Box::new(error)))
    }

    /// Returns the digest over its canonical JSON.
    ///
    /// # Errors
    ///
    /// [`Error::UndigestibleModel`] where JSON has no form for it.
    pub fn digest(&self) -> Result<Digest> {
        Digest::of(&self.0)
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns which pairs there are.
    pub fn link(&self) -> Link {
        self.0.link
    }

    /// Returns how many pairs one record may keep.
    pub fn one_to_one(&self) -> OneToOne {
        self.0.one_to_one
    }

    /// Returns how the threshold is to be set.
    pub fn threshold(&self) -> ThresholdRule {
        self.0.threshold
    }

    /// Returns the columns to prepare.
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// Returns the rules that make pairs.
    pub fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// Returns the comparisons.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.0.comparisons
    }

    /// Returns how to train.
    pub fn training(&self) -> &Training {
        &self.0.training
    }

    /// Returns the same recipe with these comparisons.
    pub(crate) fn with_comparisons(&self, comparisons: Vec<Comparison>) -> Result<Self> {
        Self::try_from(RecipeFile { comparisons, ..self.0.clone() })
    }

    /// Returns whether a source record has one partner at most, as the recipe says or one-to-one implies.
    pub fn one_partner(&self) -> bool {
        self.0.training.one_partner.unwrap_or(match self.0.one_to_one {
            OneToOne::Off => false,
            OneToOne::Greedy | OneToOne::Optimal | OneToOne::EachSource => {
                self.0.link == Link::Between
            }
        })
    }

    /// Makes the model of this recipe with these comparisons, whose levels have their m and u.
    pub(crate) fn with_parameters(
        &self,
        prior: f64,
        threshold: f64,
        comparisons: Vec<Comparison>,
        kin: Vec<KinClass>,
        training: Option<TrainingRecord>,
    ) -> Result<Model> {
        let recipe = self.0.clone();
        Model::try_from(ModelFile {
            name: recipe.name,
            link: recipe.link,
            one_to_one: recipe.one_to_one,
            prior,
            threshold,
            columns: recipe.columns,
            rules: recipe.rules,
            comparisons,
            kin,
            calibration: Vec::new(),
            training,
        })
    }
}

impl Model {
    /// Reads a model from TOML.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableModel`] with the position, for what isn't a model or has an unknown key, and the errors of
    /// an unsound one.
    pub fn from_toml(text: &str) -> Result<Self> {
        let file: ModelFile =
            toml::from_str(text).map_err(|error| Error::UnreadableModel(Box::new(error)))?;
        Self::try_from(file)
    }

    /// Writes the model as TOML, its numbers bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::UnwritableModel`] where TOML has no form for it.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(&self.0).map_err(|error| Error::UnwritableModel(Box::new(error)))
    }

    /// Returns the digest over its canonical JSON.
    ///
    /// # Errors
    ///
    /// [`Error::UndigestibleModel`] where JSON has no form for it.
    pub fn digest(&self) -> Result<Digest> {
        Digest::of(&self.0)
    }

    /// Makes a model of parts that were learnt elsewhere, where nothing keeps a record to one pair.
    ///
    /// # Errors
    ///
    /// The errors of an unsound one.
    pub(crate) fn of_parts(
        name: String,
        link: Link,
        (prior, threshold): (f64, f64),
        columns: Vec<Column>,
        rules: Vec<Rule>,
        comparisons: Vec<Comparison>,
    ) -> Result<Self> {
        Self::try_from(ModelFile {
            name,
            link,
            one_to_one: OneToOne::Off,
            prior,
            threshold,
            columns,
            rules,
            comparisons,
            kin: Vec::new(),
            calibration: Vec::new(),
            training: None,
        })
    }

    /// Returns the same model with other comparisons, and nothing that was learnt of the ones it had.
    ///
    /// # Errors
    ///
    /// The errors of an unsound one.
    pub(crate) fn with_comparisons(&self, comparisons: Vec<Comparison>) -> Result<Self> {
        Self::try_from(ModelFile {
            comparisons,
            kin: Vec::new(),
            calibration: Vec::new(),
            training: None,
            ..self.0.clone()
        })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns which pairs there are.
    pub fn link(&self) -> Link {
        self.0.link
    }

    /// Returns how many pairs one record may keep.
    pub fn one_to_one(&self) -> OneToOne {
        self.0.one_to_one
    }

    /// Returns the probability that two random records are the same individual.
    pub fn prior(&self) -> f64 {
        self.0.prior
    }

    /// Returns the weight at which a pair is kept.
    pub fn threshold(&self) -> f64 {
        self.0.threshold
    }

    /// Returns the columns to prepare.
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// Returns the rules that make pairs.
    pub fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// Returns the comparisons, each level with its m and u.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.0.comparisons
    }

    /// Returns the classes of kin, none where it knows only the same individual and strangers.
    pub fn kin(&self) -> &[KinClass] {
        &self.0.kin
    }

    /// Returns how it was trained, where it was.
    pub fn training(&self) -> Option<&TrainingRecord> {
        self.0.training.as_ref()
    }

    /// Returns the points of its calibration, none where a weight stands for what it says.
    pub fn calibration(&self) -> &[Point] {
        &self.0.calibration
    }

    /// Returns the probability that a weight stands for, calibrated where the model is.
    pub fn probability(&self, weight: f64) -> f64 {
        crate::probability(calibrated(&self.0.calibration, weight))
    }

    /// Returns the same model with another say on how many pairs one record may keep.
    ///
    /// # Errors
    ///
    /// Those of an unsound model.
    pub fn with_one_to_one(&self, one_to_one: OneToOne) -> Result<Self> {
        Self::try_from(ModelFile { one_to_one, ..self.0.clone() })
    }

    /// Returns the same model with this calibration: another model, with another digest.
    ///
    /// # Errors
    ///
    /// [`Error::UnsoundModel`] for points whose weights don't rise, whose odds fall, or that are no numbers.
    pub fn with_calibration(&self, points: Vec<Point>) -> Result<Self> {
        Self::try_from(ModelFile { calibration: points, ..self.0.clone() })
    }

    /// Returns the same model with this record of its training.
    pub(crate) fn with_training(&self, record: TrainingRecord) -> Self {
        Self(ModelFile { training: Some(record), ..self.0.clone() })
    }

    /// Returns the same model with another threshold.
    ///
    /// # Errors
    ///
    /// [`Error::UnsoundModel`] for a threshold that is no number.
    pub fn with_threshold(&self, weight: f64) -> Result<Self> {
        Self::try_from(ModelFile { threshold: weight, ..self.0.clone() })
    }
}

impl TryFrom<RecipeFile> for Recipe {
    type Error = Error;

    fn try_from(file: RecipeFile) -> Result<Self> {
        check_columns(&file.columns, file.link)?;
        check_rules("rule", &file.rules, &file.columns, file.link)?;
        check_comparisons(&file.comparisons, &file.columns, file.link)?;
        for comparison in &file.comparisons {
            check_fixed(comparison)?;
        }
        check_threshold_rule(file.threshold)?;
        check_training(&file.training, &file.columns, file.link)?;
        Ok(Self(file))
    }
}

impl From<Recipe> for RecipeFile {
    fn from(recipe: Recipe) -> Self {
        recipe.0
    }
}

impl TryFrom<ModelFile> for Model {
    type Error = Error;

    fn try_from(file: ModelFile) -> Result<Self> {
        check_columns(&file.columns, file.link)?;
        check_rules("rule", &file.rules, &file.columns, file.link)?;
        check_comparisons(&file.comparisons, &file.columns, file.link)?;
        for comparison in &file.comparisons {
            check_parameters(comparison)?;
        }
        check_kin(&file.kin, &file.comparisons)?;
        check_calibration(&file.calibration)?;
        if !(file.prior > 0.0 && file.prior < 1.0) {
            return Err(unsound("prior", "it must lie between 0 and 1, and be neither"));
        }
        if !file.threshold.is_finite() {
            return Err(unsound("threshold", "it must be a finite weight"));
        }
        Ok(Self(file))
    }
}

impl From<Model> for ModelFile {
    fn from(model: Model) -> Self {
        model.0
    }
}

fn unsound(place: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::UnsoundModel { place: place.into(), problem: problem.into() }
}

fn check_probability(place: &str, name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        Ok(())
    } else {
        Err(unsound(place, format!("its {name} must lie above 0 and be at most 1")))
    }
}

/// How far the m or the u of a comparison may be from adding up to one: rounding by hand, and models from elsewhere.
const SLACK: f64 = 0.01;

fn check_calibration(points: &[Point]) -> Result<()> {
    if points.iter().any(|point| !point.weight.is_finite() || !point.log_odds.is_finite()) {
        return Err(unsound("calibration", "every point needs two finite numbers"));
    }
    let sound =
        |pair: &[Point]| pair[0].weight < pair[1].weight && pair[0].log_odds <= pair[1].log_odds;
    if !points.windows(2).all(sound) {
        return Err(unsound("calibration", "the weights must rise and the odds never fall"));
    }
    Ok(())
}

fn check_threshold_rule(rule: ThresholdRule) -> Result<()> {
    let sound = match rule {
        ThresholdRule::TargetPrecision(share) | ThresholdRule::Probability(share) => {
            share > 0.0 && share < 1.0
        }
        ThresholdRule::Weight(weight) => weight.is_finite(),
    };
    if sound {
        Ok(())
    } else {
        Err(unsound("threshold", "a share must lie between 0 and 1, and a weight be finite"))
    }
}
