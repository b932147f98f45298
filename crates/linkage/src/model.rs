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

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calibrate::{Point, calibrated};
use crate::expression::Expression;
use crate::uncertainty::StandardErrors;
use crate::{Digest, Error, Result, prepare};

mod test;

pub use test::{Grams, Holder, Literal, On, Phonetic, Test};

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

/// One prepared column: where it comes from and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// What rules and comparisons call it.
    pub name: String,
    /// The columns of either table that it is made from, when both tables call them the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// The columns of the source's table that it is made from, joined by a space where several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// The columns of the recipient's table that it is made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipient: Vec<String>,
    /// What its values are.
    #[serde(default)]
    pub kind: Kind,
    /// What is done to the text, in this order. When left out: [`Step::USUAL`].
    #[serde(default = "usual_steps")]
    pub steps: Vec<Step>,
    /// What stands for no value. When left out: [`crate::prepare::USUAL_PLACEHOLDERS`].
    ///
    /// Some of the usual ones are also somebody's name: `Na`, `None` and `Null` are surnames. A column of names
    /// should state its own list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholders: Option<Vec<String>>,
    /// Whether it says only that there is a value: its values are the texts `given` and `missing`, and it lacks none.
    ///
    /// A missing value is no evidence, so that it can't count against anybody by accident. Where being missing does tell
    /// something, as when both files ask for a telephone number and only some people have one, such a column beside the
    /// other lets the model learn how much.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub presence: bool,
}

fn usual_steps() -> Vec<Step> {
    Step::USUAL.to_vec()
}

/// What the values of a prepared column are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    #[default]
    Text,
    /// A calendar date, read by this [format](https://docs.rs/jiff/latest/jiff/fmt/strtime/index.html).
    Date(String),
    /// A number.
    Number,
    /// A moment, read by this [format](https://docs.rs/jiff/latest/jiff/fmt/strtime/index.html); one that says nothing
    /// of an offset is taken as UTC.
    Time(String),
    /// A place on the globe: latitude and longitude in degrees, in one column or in two, apart by a space or a comma.
    Place,
    /// Several texts, apart by this, or the items of a list column. They are a set: neither order nor repeats count.
    List(String),
}

/// One thing done to a text while it is prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Composes letters and their diacritics (Unicode NFC), so that one spelling has one form.
    Compose,
    /// Takes white space off both ends.
    Trim,
    /// Makes lower case of it.
    FoldCase,
    /// Makes one space of any run of white space.
    CollapseSpaces,
    /// Takes out all white space.
    RemoveSpaces,
    /// Takes out everything that is neither letter, digit nor white space.
    StripPunctuation,
    /// Keeps the digits.
    DigitsOnly,
    /// Takes the diacritics off letters: a column of its own, beside the one that keeps them.
    FoldDiacritics,
    /// Takes leading zeros off.
    StripLeadingZeros,
    /// Keeps what stands before the first of this.
    Before(String),
    /// Keeps the characters from one place on.
    Part {
        /// The place of the first that is kept, counted from 1.
        start: u32,
        /// How many are kept at most.
        length: u32,
    },
    /// Keeps what a [regular expression](https://docs.rs/regex/latest/regex/#syntax) finds first, or nothing.
    Extract {
        /// The expression.
        pattern: String,
        /// Which of its groups is kept; 0 is all that it finds.
        group: u32,
    },
    /// Makes one character, U+0000 to U+00FF, of each byte of UTF-8, so that what goes by characters goes by bytes.
    ///
    /// Only to weigh pairs as a program does that compares bytes, as Splink does on DuckDB: `José` is then two edits
    /// from `Jose`. It stands last.
    AsBytes,
}

impl Step {
    /// What is done when a column doesn't say: compose, trim, fold case, collapse spaces.
    pub const USUAL: [Self; 4] = [Self::Compose, Self::Trim, Self::FoldCase, Self::CollapseSpaces];
}

/// A rule that makes pairs. All that it says must hold of a pair, so each part makes fewer.
///
/// # Examples
///
/// ```
/// use linkage::model::Rule;
///
/// #[derive(serde::Deserialize)]
/// struct Rules {
///     rule: Vec<Rule>,
/// }
/// let rules: Rules = toml::from_str(r#"rule = [
///     { keys = [{ column = "surname" }, { column = "birth", take = "year" }] },
///     { sql = "substr(l.surname, 1, 3) = substr(r.surname, 1, 3) and abs(l.birth - r.birth) < 400" },
///     { neighbourhood = { column = "surname", window = 3 }, keys = [{ column = "birth" }] },
///     { min_hash = { column = "surname", q = 2, bands = 8, rows = 3 } },
/// ]"#)?;
/// assert_eq!(rules.rule[3].to_string(), "min_hash(surname, q 2, 8 bands of 3)");
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The keys, all of which must be equal. A record that lacks one is in no block of this rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// A condition on the pair, as SQL over `l.<column>` and `r.<column>`. Its equalities between the two records are
    /// keys; what is left is worked out for each pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// The list columns that `sql` names one item of at a time: the pair is made if it holds of any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explode: Vec<String>,
    /// Values that stand close to each other in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbourhood: Option<Neighbourhood>,
    /// Texts that share many of their q-grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_hash: Option<MinHash>,
}

impl Rule {
    /// Makes a rule of keys alone.
    pub fn of_keys(keys: Vec<Key>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Says whether keys are all that it has, one a record, so that its pairs are counted from the sizes of blocks.
    pub fn is_plain(&self) -> bool {
        self.sql.is_none() && self.neighbourhood.is_none() && self.min_hash.is_none()
    }
}

/// The sorted neighbourhood of a column's distinct values, both tables together.
///
/// Over values and not records, so that it doesn't depend on the order of rows, and a common name fills no window. Texts
/// are ordered by their characters, dates and numbers as they are. Hernández and Stolfo, [The merge/purge problem for
/// large databases](https://doi.org/10.1145/223784.223807), 1995; over values as in Christen, Data Matching, 2012, §4.5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbourhood {
    /// The prepared column.
    pub column: String,
    /// How many places apart two values may stand. 1 is the next value.
    pub window: u32,
}

/// MinHash keys of a text column: see [`Rule::min_hash`].
///
/// Texts that share the share s of their q-grams are paired with probability 1 − (1 − s^rows)^bands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinHash {
    /// The prepared column.
    pub column: String,
    /// How many characters make a gram.
    pub q: u32,
    /// How many keys a text has. More find more.
    pub bands: u32,
    /// How many hashes make a key. More find less.
    pub rows: u32,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.iter().map(ToString::to_string);
        let spaced = |sql: &String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let sql = self.sql.iter().map(spaced).map(|sql| match self.explode.join(", ") {
            none if none.is_empty() => sql,
            exploded => format!("{sql} for each of {exploded}"),
        });
        let near = self
            .neighbourhood
            .iter()
            .map(|near| format!("neighbourhood({}, {})", near.column, near.window));
        let hash = self.min_hash.iter().map(|hash| {
            format!(
                "min_hash({}, q {}, {} bands of {})",
                hash.column, hash.q, hash.bands, hash.rows
            )
        });
        let parts: Vec<String> = keys.chain(sql).chain(near).chain(hash).collect();
        formatter.write_str(&parts.join(" + "))
    }
}

/// One key of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The prepared column.
    pub column: String,
    /// Another prepared column, which the recipient's record is keyed by instead: for swapped names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// Which part of the value is the key.
    #[serde(default)]
    pub take: Take,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = match &self.against {
            None => self.column.clone(),
            Some(against) => format!("{} against {against}", self.column),
        };
        match self.take {
            Take::Whole => formatter.write_str(&column),
            Take::Prefix(length) => write!(formatter, "prefix({column}, {length})"),
            Take::Suffix(length) => write!(formatter, "suffix({column}, {length})"),
            Take::Soundex => write!(formatter, "soundex({column})"),
            Take::Year => write!(formatter, "year({column})"),
            Take::YearMonth => write!(formatter, "year_month({column})"),
            Take::MonthDay => write!(formatter, "month_day({column})"),
        }
    }
}

/// Which part of a value is the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// All of it.
    #[default]
    Whole,
    /// Its first characters, this many; a shorter value is taken whole.
    Prefix(u32),
    /// Its last characters, this many; a shorter value is taken whole.
    Suffix(u32),
    /// Its American Soundex code, diacritics folded; a value with no Latin letter has none.
    Soundex,
    /// A date's year.
    Year,
    /// A date's year and month.
    YearMonth,
    /// A date's month and day.
    MonthDay,
}

/// One column's test and its graded result.
///
/// The null level isn't written: it stands before every other, holds when either record lacks the column, and weighs
/// nothing. The levels are tried in the order written, and the first that holds is the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What it is called in explanations and reports.
    pub name: String,
    /// The prepared column that decides whether there is anything to compare.
    pub column: String,
    /// Whether a rare value weighs more than a common one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
    /// Its levels, the last of which is `else`.
    #[serde(rename = "level")]
    pub levels: Vec<Level>,
}

/// The adjustment for how common a value is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frequency {
    /// The exponent on it: 1 is all of it, 0 none.
    #[serde(default = "one")]
    pub weight: f64,
    /// The least u that a rare value may stand for, so that a misspelling used once doesn't decide alone.
    #[serde(default)]
    pub minimum_u: f64,
    /// Whether levels that grade likeness take it too, through the exact level's u.
    #[serde(default)]
    pub similar: bool,
}

fn one() -> f64 {
    1.0
}

/// One level of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// What must hold.
    pub test: Test,
    /// Another prepared column that the test looks at: the same name without diacritics, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The probability of this level given that the pair is the same individual. Stated in a recipe, it is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<f64>,
    /// The probability of this level given that the pair is two individuals. Stated in a recipe, it is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub u: Option<f64>,
}

impl Level {
    /// Returns what the level is called in explanations, for example `jaro_winkler >= 0.92`.
    pub fn label(&self) -> String {
        match &self.column {
            None => self.test.to_string(),
            Some(column) => format!("{} on {column}", self.test),
        }
    }
}

/// One class of pairs that are neither the same individual nor strangers: one household, twins, namesakes.
///
/// What is shared in it comes together, and two classes alone would take each shared thing for news.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KinClass {
    /// How many pairs of it there are for each pair of the same individual.
    pub for_each_same: f64,
    /// The probability of each level given this class, comparison by comparison, the null level left out.
    pub levels: Vec<Vec<f64>>,
}

/// The most classes of kin that a model may hold.
pub const MOST_KIN: usize = 16;

/// How to learn the prior, the u and the m without labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Where the random pairs begin. The same seed on the same records gives the same model.
    pub seed: u64,
    /// Where the prior comes from.
    pub prior: Prior,
    /// Rules inside whose blocks the m are learnt. A comparison that shares a column with a rule sits that one out.
    pub rules: Vec<Rule>,
    /// How many random pairs are drawn for u at most.
    #[serde(default = "usual_sample_pairs")]
    pub sample_pairs: u64,
    /// Drawing stops once every level of every comparison was seen this often.
    #[serde(default = "usual_enough")]
    pub enough: u64,
    /// How often expectation maximisation goes round at most.
    #[serde(default = "usual_iterations")]
    pub iterations: u32,
    /// It stops once no m, and not the share of same pairs, moved by more than this.
    #[serde(default = "usual_convergence")]
    pub convergence: f64,
    /// Whether a closer level may never weigh less than a farther one, m/u falling in the order of the levels.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub monotone: bool,
    /// Whether a source record has one partner at most. When left out: where one-to-one keeps one for each source record.
    ///
    /// Where it has, its other pairs teach what kin are like and what weights stand for. Say no where it doesn't hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_partner: Option<bool>,
}

fn usual_sample_pairs() -> u64 {
    1_000_000
}

fn usual_enough() -> u64 {
    1_000
}

fn usual_iterations() -> u32 {
    200
}

fn usual_convergence() -> f64 {
    1e-6
}

/// Where the prior comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Prior {
    /// It is known.
    Stated(f64),
    /// Rules so strict that nearly every pair they make is the same individual.
    Deterministic {
        /// The rules; a pair counts once.
        rules: Vec<Rule>,
        /// The share of the pairs of same individuals that they are thought to find.
        recall: f64,
    },
}

/// How a model's parameters were learnt: counts and parameters only, nothing of any record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The digest of the recipe.
    pub recipe: Digest,
    /// The seed that was used.
    pub seed: u64,
    /// Records in the source's table.
    pub source_records: u64,
    /// Records in the recipient's table; the same table's when linking within one.
    pub recipient_records: u64,
    /// Random pairs drawn for u.
    pub sampled_pairs: u64,
    /// Pairs that the deterministic rules made, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic_pairs: Option<u64>,
    /// Rounds in which u was freed of the same pairs among the random ones.
    pub rounds: u32,
    /// How the threshold was set.
    pub threshold_rule: ThresholdRule,
    /// What is expected at that threshold. Where the pairs of some source records only were weighed and the threshold
    /// was given, it is what was expected of those, in proportion.
    pub expectation: Expectation,
    /// The source records whose pairs kin and calibration were learnt from; none where it was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed_sources: Option<u64>,
    /// The standard errors of the parameters, where they were worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<StandardErrors>,
    /// One entry a training rule.
    #[serde(rename = "session")]
    pub sessions: Vec<TrainingSession>,
}

/// Expectation maximisation inside one training rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSession {
    /// The rule.
    pub rule: String,
    /// Pairs that it made.
    pub pairs: u64,
    /// Different patterns among them.
    pub patterns: u64,
    /// How often it went round.
    pub iterations: u32,
    /// Whether it came to rest.
    pub converged: bool,
    /// The share of its pairs that are the same individual, as estimated.
    pub same: f64,
    /// The comparisons that it taught.
    pub comparisons: Vec<String>,
    /// How share and m moved: the first rounds, some between, and the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<TrainingRound>,
}

/// What expectation maximisation had after so many rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRound {
    /// How often it had gone round.
    pub round: u32,
    /// The share of its pairs that are the same individual.
    pub same: f64,
    /// The m of each comparison that the session taught, in their order, by level.
    pub m: Vec<Vec<f64>>,
}

/// What is expected of the pairs at or above a threshold, by the model's own reckoning.
///
/// It is as right as the model is: see [`crate::threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The threshold.
    pub threshold: f64,
    /// Pairs at or above it, one-to-one applied.
    pub pairs: u64,
    /// How many of them are expected to be the same individual.
    pub expected_same: f64,
    /// How many are expected not to be.
    pub expected_different: f64,
    /// The first by the sum of both; 1 where there is no pair.
    pub expected_precision: f64,
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

fn check_columns(columns: &[Column], link: Link) -> Result<()> {
    let mut names = BTreeSet::new();
    for column in columns {
        let place = format!("column `{}`", column.name);
        if column.name.is_empty() {
            return Err(unsound(place, "it has no name"));
        }
        if !names.insert(&column.name) {
            return Err(unsound(place, "it is prepared twice"));
        }
        match (column.from.is_empty(), column.source.is_empty(), column.recipient.is_empty()) {
            (false, true, true) | (true, false, false) => {}
            _ => {
                return Err(unsound(place, "it needs `from`, or `source` and `recipient`"));
            }
        }
        if link == Link::Within && column.from.is_empty() {
            return Err(unsound(place, "linking within one table, it needs `from`"));
        }
        if let Some(problem) = column.steps.iter().find_map(prepare::step_problem) {
            return Err(unsound(place, problem));
        }
        if column.presence && column.kind != Kind::Text {
            return Err(unsound(place, "`presence` makes texts, so its kind is text"));
        }
        if column.kind == Kind::List(String::new()) {
            return Err(unsound(place, "a list needs what its items are apart by"));
        }
    }
    Ok(())
}

fn kind_of<'a>(place: &str, name: &str, columns: &'a [Column]) -> Result<&'a Kind> {
    test::column_of(place, name, columns).map(|column| &column.kind)
}

fn check_rules(what: &str, rules: &[Rule], columns: &[Column], link: Link) -> Result<()> {
    if rules.is_empty() {
        return Err(unsound(what, "there is none, so there is no pair"));
    }
    for rule in rules {
        let place = format!("{what} `{rule}`");
        check_rule_parts(what, &place, rule, columns, link)?;
        for key in &rule.keys {
            let kind = kind_of(&place, &key.column, columns)?;
            if let Some(against) = &key.against {
                if link != Link::Between {
                    return Err(unsound(place, "`against` needs two sides"));
                }
                if kind_of(&place, against, columns)? != kind {
                    return Err(unsound(place, "both columns of a key must be of one kind"));
                }
            }
            match (key.take, kind) {
                (Take::Whole, _)
                | (Take::Prefix(_) | Take::Suffix(_) | Take::Soundex, Kind::Text)
                | (Take::Year | Take::YearMonth | Take::MonthDay, Kind::Date(_)) => {}
                (Take::Prefix(_) | Take::Suffix(_) | Take::Soundex, _) => {
                    return Err(unsound(place, format!("`{key}` needs a column of text")));
                }
                (Take::Year | Take::YearMonth | Take::MonthDay, _) => {
                    return Err(unsound(place, format!("`{key}` needs a column of dates")));
                }
            }
            if matches!(key.take, Take::Prefix(0) | Take::Suffix(0)) {
                return Err(unsound(place, "a key of no characters is equal everywhere"));
            }
        }
    }
    Ok(())
}

/// The most bands that a min-hash rule may have: each is a key of every record.
const MOST_BANDS: u32 = 128;

/// The most rows of a band, and the most characters of a gram.
const MOST_ROWS: u32 = 16;

fn check_rule_parts(
    what: &str,
    place: &str,
    rule: &Rule,
    columns: &[Column],
    link: Link,
) -> Result<()> {
    let mut narrowed = !rule.keys.is_empty();
    if let Some(sql) = &rule.sql {
        for column in &rule.explode {
            if !matches!(kind_of(place, column, columns)?, Kind::List(_)) {
                let problem = format!("the column `{column}` is no list, and can't be exploded");
                return Err(unsound(place, problem));
            }
        }
        let split = Expression::read_exploded(place, sql, columns, &rule.explode)?.split(link);
        if split.rest_names(&rule.explode) {
            return Err(unsound(place, "an exploded column may stand in equalities only"));
        }
        narrowed |= split.keys() > 0;
    } else if !rule.explode.is_empty() {
        return Err(unsound(place, "`explode` needs `sql`"));
    }
    if let Some(near) = &rule.neighbourhood {
        kind_of(place, &near.column, columns)?;
        if near.window == 0 {
            return Err(unsound(place, "a window of no places is a key: write one"));
        }
        narrowed = true;
    }
    if let Some(hash) = &rule.min_hash {
        if *kind_of(place, &hash.column, columns)? != Kind::Text {
            return Err(unsound(place, "`min_hash` needs a column of text"));
        }
        let sound = (1..=MOST_ROWS).contains(&hash.q)
            && (1..=MOST_BANDS).contains(&hash.bands)
            && (1..=MOST_ROWS).contains(&hash.rows);
        if !sound {
            return Err(unsound(
                place,
                format!("`q` and `rows` must be 1 to {MOST_ROWS}, and `bands` 1 to {MOST_BANDS}"),
            ));
        }
        narrowed = true;
    }
    if narrowed {
        Ok(())
    } else {
        Err(unsound(what, "one has no key, so it would look at every pair there is"))
    }
}

fn check_comparisons(comparisons: &[Comparison], columns: &[Column], link: Link) -> Result<()> {
    if comparisons.is_empty() || comparisons.len() > MOST_COMPARISONS {
        return Err(unsound(
            "comparison",
            format!("there must be 1 to {MOST_COMPARISONS} of them"),
        ));
    }
    let mut names = BTreeSet::new();
    for comparison in comparisons {
        let place = format!("comparison `{}`", comparison.name);
        if comparison.name.is_empty() || !names.insert(&comparison.name) {
            return Err(unsound(place, "its name must be its own"));
        }
        let main = test::column_of(&place, &comparison.column, columns)?;
        let count = comparison.levels.len();
        if !(2..=MOST_LEVELS).contains(&count) {
            return Err(unsound(place, format!("it must have 2 to {MOST_LEVELS} levels")));
        }
        for (index, level) in comparison.levels.iter().enumerate() {
            if (level.test == Test::Else) != (index + 1 == count) {
                return Err(unsound(place, "`else` must be the last level, and the only such"));
            }
            let column = match &level.column {
                None => main,
                Some(column) => test::column_of(&place, column, columns)?,
            };
            let own = level.column.is_none();
            let asked = test::Asked { place: &place, column, columns, link, own, items: false };
            if let Some(problem) = test::problem_of(&level.test, asked)? {
                return Err(unsound(format!("{place}, level `{}`", level.label()), problem));
            }
        }
        check_reachable(&place, &comparison.levels)?;
        if let Some(frequency) = &comparison.frequency {
            if !(frequency.weight >= 0.0 && frequency.weight.is_finite()) {
                return Err(unsound(place, "the weight of `frequency` must be 0 or more"));
            }
            if !(0.0..=1.0).contains(&frequency.minimum_u) {
                return Err(unsound(
                    place,
                    "the minimum u of `frequency` must lie between 0 and 1",
                ));
            }
            let exact = |level: &Level| level.test == Test::Exact && level.column.is_none();
            if !comparison.levels.iter().any(exact) {
                return Err(unsound(
                    place,
                    "`frequency` needs a level `exact` on the comparison's own column",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a level that a looser one before it on the same column leaves nothing to.
fn check_reachable(place: &str, levels: &[Level]) -> Result<()> {
    for (index, level) in levels.iter().enumerate() {
        let before = levels[..index]
            .iter()
            .find(|before| before.column == level.column && level.test.implies(&before.test));
        if let Some(before) = before {
            let problem = format!("it can never be reached: `{}` takes all of it", before.label());
            return Err(unsound(format!("{place}, level `{}`", level.label()), problem));
        }
    }
    Ok(())
}

fn check_probability(place: &str, name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        Ok(())
    } else {
        Err(unsound(place, format!("its {name} must lie above 0 and be at most 1")))
    }
}

fn check_fixed(comparison: &Comparison) -> Result<()> {
    for level in &comparison.levels {
        let place = format!("comparison `{}`, level `{}`", comparison.name, level.label());
        for (name, value) in [("m", level.m), ("u", level.u)] {
            if let Some(value) = value {
                check_probability(&place, name, value)?;
            }
        }
    }
    let place = format!("comparison `{}`", comparison.name);
    for (name, take) in
        [("m", (|level| level.m) as fn(&Level) -> Option<f64>), ("u", |level| level.u)]
    {
        if comparison.levels.iter().filter_map(take).sum::<f64>() > 1.0 + 1e-9 {
            return Err(unsound(place, format!("the {name} that it fixes add up to more than 1")));
        }
    }
    Ok(())
}

/// How far the m or the u of a comparison may be from adding up to one: rounding by hand, and models from elsewhere.
const SLACK: f64 = 0.01;

fn check_parameters(comparison: &Comparison) -> Result<()> {
    let (mut all_m, mut all_u) = (0.0, 0.0);
    for level in &comparison.levels {
        let place = format!("comparison `{}`, level `{}`", comparison.name, level.label());
        let (Some(m), Some(u)) = (level.m, level.u) else {
            return Err(unsound(place, "a model needs its m and its u"));
        };
        check_probability(&place, "m", m)?;
        check_probability(&place, "u", u)?;
        all_m += m;
        all_u += u;
    }
    for (name, sum) in [("m", all_m), ("u", all_u)] {
        if (sum - 1.0).abs() > SLACK {
            let place = format!("comparison `{}`", comparison.name);
            return Err(unsound(place, format!("its {name} add up to {sum}, not to 1")));
        }
    }
    Ok(())
}

fn check_kin(kin: &[KinClass], comparisons: &[Comparison]) -> Result<()> {
    if kin.len() > MOST_KIN {
        return Err(unsound("kin", format!("there may be at most {MOST_KIN} classes")));
    }
    for (index, class) in kin.iter().enumerate() {
        let place = format!("kin {}", index + 1);
        if !(class.for_each_same > 0.0 && class.for_each_same.is_finite()) {
            return Err(unsound(place, "`for_each_same` must be a finite number above 0"));
        }
        if class.levels.len() != comparisons.len() {
            return Err(unsound(place, "it needs levels for every comparison, in their order"));
        }
        for (comparison, levels) in comparisons.iter().zip(&class.levels) {
            let place = format!("{place}, comparison `{}`", comparison.name);
            if levels.len() != comparison.levels.len() {
                return Err(unsound(place, "it needs a probability for every level"));
            }
            for share in levels {
                check_probability(&place, "probability", *share)?;
            }
            let sum: f64 = levels.iter().sum();
            if (sum - 1.0).abs() > SLACK {
                return Err(unsound(place, format!("its probabilities add up to {sum}, not to 1")));
            }
        }
    }
    Ok(())
}

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

fn check_training(training: &Training, columns: &[Column], link: Link) -> Result<()> {
    check_rules("training rule", &training.rules, columns, link)?;
    match &training.prior {
        Prior::Stated(prior) => {
            if !(*prior > 0.0 && *prior < 1.0) {
                return Err(unsound("training", "the stated prior must lie between 0 and 1"));
            }
        }
        Prior::Deterministic { rules, recall } => {
            check_rules("deterministic rule", rules, columns, link)?;
            check_probability("training", "recall", *recall)?;
        }
    }
    if training.sample_pairs == 0 || training.iterations == 0 {
        return Err(unsound("training", "it needs at least one pair and one iteration"));
    }
    if training.one_partner == Some(true) && link == Link::Within {
        return Err(unsound("training", "`one_partner` needs two tables"));
    }
    if !(training.convergence > 0.0 && training.convergence < 1.0) {
        return Err(unsound("training", "the convergence must lie between 0 and 1"));
    }
    Ok(())
}
