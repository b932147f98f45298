//! What can go wrong in linkage, in the words of the field.
//!
//! One enum for the crate. A variant is named for what the reader must understand. No variant carries a
//! value out of anybody's record: a column, a rule, a level or a count, never what stood in a cell.

use thiserror::Error;

/// A failure in reading a model, preparing tables, training or linking.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file isn't the TOML of a model, with the position where reading stopped.
    #[error("the model file cannot be read: {0}")]
    UnreadableModel(Box<toml::de::Error>),
    /// The file isn't the TOML of a recipe, with the position where reading stopped.
    #[error("the recipe file cannot be read: {0}")]
    UnreadableRecipe(Box<toml::de::Error>),
    /// A model or recipe could not be written as TOML.
    #[error("the model cannot be written: {0}")]
    UnwritableModel(Box<toml::ser::Error>),
    /// A model or recipe could not be put in canonical form for its digest.
    #[error("the digest cannot be taken: {0}")]
    UndigestibleModel(serde_json::Error),
    /// A model or recipe says something that cannot hold.
    #[error("{place}: {problem}")]
    UnsoundModel {
        /// Which part says it, for example ``comparison `surname` ``.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A rule, comparison or level names a column that isn't prepared.
    #[error("{place} names the column `{column}`, which no `[[column]]` prepares")]
    UnknownColumn {
        /// Which part names it.
        place: String,
        /// The name that was not found.
        column: String,
    },
    /// A table lacks a column that a prepared column is made from.
    #[error("the {side} table has no column `{column}`")]
    MissingColumn {
        /// Which table.
        side: crate::Side,
        /// The name that was not found.
        column: String,
    },
    /// A column has a type that has no reading as text, date or number.
    #[error(
        "the column `{column}` of the {side} table has the type `{kind}`, which cannot be read"
    )]
    UnreadableColumn {
        /// Which table.
        side: crate::Side,
        /// The column.
        column: String,
        /// Its Arrow type.
        kind: String,
    },
    /// A table has more rows than a record reference can number.
    #[error("the {side} table has {rows} rows, more than the {limit} that one run can number")]
    TooManyRows {
        /// Which table.
        side: crate::Side,
        /// How many it has.
        rows: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A record reference stands outside its table.
    #[error("there is no record {row} in the {side} table, which has {rows}")]
    UnknownRecord {
        /// Which table.
        side: crate::Side,
        /// The reference.
        row: u32,
        /// How many records the table has.
        rows: usize,
    },
    /// The tables were prepared by other columns than those of this model.
    #[error("the tables were prepared by other columns than those of the model `{model}`")]
    OtherPreparation {
        /// The model's name.
        model: String,
    },
    /// The model links two tables and one was given, or the reverse.
    #[error("the model `{model}` links {wanted}, and the tables were prepared to link {given}")]
    OtherLink {
        /// The model's name.
        model: String,
        /// What the model says.
        wanted: crate::Link,
        /// What the tables were prepared for.
        given: crate::Link,
    },
    /// A table is too small for there to be anything to learn.
    #[error("the {side} table has {rows} rows, and training needs at least {needed}")]
    TooFewRecords {
        /// Which table.
        side: crate::Side,
        /// How many it has.
        rows: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A compared column has no value in one of the tables.
    #[error(
        "the column `{column}` of the {side} table has no value at all, so `{comparison}` cannot be trained"
    )]
    EmptyColumn {
        /// Which table.
        side: crate::Side,
        /// The prepared column.
        column: String,
        /// The comparison that uses it.
        comparison: String,
    },
    /// A rule makes no pair at all.
    #[error("the training rule `{rule}` makes no pair")]
    EmptyRule {
        /// The rule's label.
        rule: String,
    },
    /// The deterministic rules found nothing to take the prior from.
    #[error("the deterministic rules make no pair, so the prior cannot be taken from them")]
    EmptyPrior,
    /// The deterministic rules make so many pairs that the stated recall cannot hold.
    #[error(
        "the deterministic rules make {pairs} pairs of {all}, which at a recall of {recall} leaves no prior below one"
    )]
    ImpossiblePrior {
        /// Pairs made by the rules.
        pairs: u64,
        /// All pairs there are.
        all: u64,
        /// The recall stated in the recipe.
        recall: f64,
    },
    /// Every training rule uses this comparison's columns, so nothing tells what its m are.
    #[error("every training rule uses the columns of `{comparison}`, so its m cannot be learnt")]
    UntrainedComparison {
        /// The comparison.
        comparison: String,
    },
    /// Expectation maximisation called the same people different and the different ones same.
    #[error(
        "the training rule `{rule}` came out reversed: values agree less often among the same than among the different"
    )]
    ReversedLabels {
        /// The training rule.
        rule: String,
    },
    /// Expectation maximisation was given nothing to count.
    #[error("there is no pair to learn from")]
    NoPairs,
    /// Expectation maximisation put all its weight on one side.
    #[error("the training rule `{rule}` found no pair of the same individual")]
    NoSamePairs {
        /// The training rule.
        rule: String,
    },
    /// No threshold reaches the precision that the recipe asks for.
    #[error("no threshold reaches an expected precision of {target}; the best is {best}")]
    UnreachablePrecision {
        /// What was asked.
        target: f64,
        /// The most that can be had.
        best: f64,
    },
    /// What was asked of the maker of synthetic files cannot be made.
    #[error("the synthetic files cannot be made: {problem}")]
    UnsoundSynthesis {
        /// What is wrong.
        problem: String,
    },
}

/// A result whose failure is this crate's [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;
