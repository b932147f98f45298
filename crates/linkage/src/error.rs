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
    /// The settings of a Splink model could not be read.
    #[error("the settings cannot be read: {0}")]
    UnreadableSettings(serde_json::Error),
    /// The settings of a Splink model say something that isn't understood, or that Comity has no form for.
    #[error("settings, {place}: {problem}")]
    UnsoundSettings {
        /// Which part says it, for example ``comparison `surname`, level 2``.
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
    /// A condition isn't SQL that can be understood, with the position where there is one.
    #[error("{place} cannot be understood: {problem}")]
    UnreadableExpression {
        /// Which part says it.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A condition names a column or function that there isn't.
    #[error("{place} names the {what} `{name}` at line {line}, column {column}, which there isn't")]
    UnknownName {
        /// Which part says it.
        place: String,
        /// Whether a column or a function is named.
        what: &'static str,
        /// The name that was not found.
        name: String,
        /// The line it stands on, counted from 1.
        line: u64,
        /// The character it begins at, counted from 1.
        column: u64,
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
    #[error("the {side} table has {}, and training needs at least {needed}", counted(*rows))]
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
    /// Links of a record say nothing of false ones where several may be right.
    #[error(
        "links per record tell false links only where a source record has one partner at most: two tables, linked one to \
         one"
    )]
    SeveralPartners,
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
    /// What was asked of clustering cannot be done.
    #[error("the clusters cannot be made: {problem}")]
    UnsoundClustering {
        /// What is wrong.
        problem: String,
    },
    /// Clusters cannot be given ids, or a registry of ids says something that cannot hold.
    #[error("the registry of clusters is unsound: {problem}")]
    UnsoundRegistry {
        /// What is wrong.
        problem: String,
    },
    /// One key stands in so many records that even the most units can't share its pairs out.
    #[error(
        "one block of the rule `{rule}` makes {pairs} pairs, more than the {limit} that can be shared out; a finer rule is needed"
    )]
    BlockTooLarge {
        /// The rule's label.
        rule: String,
        /// The pairs of the block.
        pairs: u64,
        /// The most that can be shared out.
        limit: u64,
    },
    /// A plan names a model that isn't at hand.
    #[error("there is no model with the digest `{digest}` here")]
    UnknownModel {
        /// The digest.
        digest: crate::Digest,
    },
    /// The bytes of a plan aren't those of a plan.
    #[error("the plan cannot be read: {problem}")]
    UnreadablePlan {
        /// What is wrong with them.
        problem: String,
    },
    /// A rule can't be run by the plan.
    #[error("the rule `{rule}` {problem}")]
    UnplannableRule {
        /// The rule's label.
        rule: String,
        /// Why not.
        problem: String,
    },
    /// The memory that was granted isn't enough for what can't be spilled.
    #[error("the memory isn't enough: {problem}")]
    OutOfMemory {
        /// What asked for how much.
        problem: String,
    },
    /// The memory that was granted isn't enough for units of work, however small they are cut.
    #[error(
        "{at_once} units of work at once take up to {unit_bytes} bytes each, which takes {needed} bytes of memory, and {given} may be"
    )]
    UnitsTooLarge {
        /// How many are worked on at once.
        at_once: usize,
        /// What the largest takes.
        unit_bytes: u64,
        /// The memory that the plan has.
        given: u64,
        /// The least memory of a plan that would do.
        needed: u64,
    },
    /// A plan failed while it ran.
    #[error("the plan failed: {problem}")]
    FailedPlan {
        /// How.
        problem: String,
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

/// Counts rows in words.
fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;

    /// Names a variant; a new one does not compile until it has its number here and its line below.
    fn number(error: &Error) -> usize {
        match error {
            Error::UnreadableModel(_) => 0,
            Error::UnreadableRecipe(_) => 1,
            Error::UnwritableModel(_) => 2,
            Error::UndigestibleModel(_) => 3,
            Error::UnsoundModel { .. } => 4,
            Error::UnknownColumn { .. } => 5,
            Error::MissingColumn { .. } => 6,
            Error::UnreadableColumn { .. } => 7,
            Error::TooManyRows { .. } => 8,
            Error::UnknownRecord { .. } => 9,
            Error::OtherPreparation { .. } => 10,
            Error::OtherLink { .. } => 11,
            Error::TooFewRecords { .. } => 12,
            Error::EmptyColumn { .. } => 13,
            Error::EmptyRule { .. } => 14,
            Error::EmptyPrior => 15,
            Error::ImpossiblePrior { .. } => 16,
            Error::UntrainedComparison { .. } => 17,
            Error::ReversedLabels { .. } => 18,
            Error::NoPairs => 19,
            Error::NoSamePairs { .. } => 20,
            Error::UnreachablePrecision { .. } => 21,
            Error::UnsoundSynthesis { .. } => 22,
            Error::UnreadableSettings(_) => 23,
            Error::UnsoundSettings { .. } => 24,
            Error::UnsoundClustering { .. } => 25,
            Error::UnsoundRegistry { .. } => 26,
            Error::UnreadableExpression { .. } => 27,
            Error::UnknownName { .. } => 28,
            Error::BlockTooLarge { .. } => 29,
            Error::UnknownModel { .. } => 30,
            Error::UnreadablePlan { .. } => 31,
            Error::UnplannableRule { .. } => 32,
            Error::OutOfMemory { .. } => 33,
            Error::FailedPlan { .. } => 34,
            Error::SeveralPartners => 35,
            Error::UnitsTooLarge { .. } => 36,
        }
    }

    #[test]
    fn every_error_reads_well() {
        let toml = || Box::new(toml::from_str::<toml::Table>("a").unwrap_err());
        let unwritable = toml::to_string(&1).unwrap_err();
        let (side, rule) = (Side::Source, "surname".to_owned());
        let (column, comparison, model) = ("born".to_owned(), "birth".to_owned(), "m".to_owned());
        let errors = [
            Error::UnreadableModel(toml()),
            Error::UnreadableRecipe(toml()),
            Error::UnwritableModel(Box::new(unwritable)),
            Error::UndigestibleModel(serde_json::from_str::<u8>("").unwrap_err()),
            Error::UnsoundModel { place: "rule 1".into(), problem: "it has no key".into() },
            Error::UnknownColumn { place: "rule 1".into(), column: column.clone() },
            Error::MissingColumn { side, column: column.clone() },
            Error::UnreadableColumn { side, column: column.clone(), kind: "Binary".into() },
            Error::TooManyRows { side, rows: 9, limit: 8 },
            Error::UnknownRecord { side, row: 9, rows: 8 },
            Error::OtherPreparation { model: model.clone() },
            Error::OtherLink { model, wanted: crate::Link::Between, given: crate::Link::Within },
            Error::TooFewRecords { side: Side::Recipient, rows: 1, needed: 2 },
            Error::EmptyColumn { side, column, comparison: comparison.clone() },
            Error::EmptyRule { rule: rule.clone() },
            Error::EmptyPrior,
            Error::ImpossiblePrior { pairs: 9, all: 9, recall: 0.8 },
            Error::UntrainedComparison { comparison },
            Error::ReversedLabels { rule: rule.clone() },
            Error::NoPairs,
            Error::NoSamePairs { rule },
            Error::UnreachablePrecision { target: 0.99, best: 0.9 },
            Error::UnsoundSynthesis { problem: "it has no rows".into() },
            Error::UnreadableSettings(serde_json::from_str::<u8>("").unwrap_err()),
            Error::UnsoundSettings { place: "rule 1".into(), problem: "it has no SQL".into() },
            Error::UnsoundClustering {
                problem: "a pair names the record 9, and there are 8".into(),
            },
            Error::UnsoundRegistry { problem: "a record is in two clusters".into() },
            Error::UnreadableExpression { place: "rule 1".into(), problem: "it is longer".into() },
            Error::UnknownName {
                place: "rule 1".into(),
                what: "column",
                name: "surnam".into(),
                line: 1,
                column: 3,
            },
            Error::BlockTooLarge { rule: "city".into(), pairs: 9, limit: 8 },
            Error::UnknownModel { digest: crate::Digest::of(&1).unwrap() },
            Error::UnreadablePlan { problem: "it ends too early".into() },
            Error::UnplannableRule { rule: "city".into(), problem: "needs all values".into() },
            Error::OutOfMemory { problem: "a unit of 9 bytes".into() },
            Error::FailedPlan { problem: "the disk is full".into() },
            Error::SeveralPartners,
            Error::UnitsTooLarge { at_once: 2, unit_bytes: 30, given: 200, needed: 240 },
        ];
        let numbers: Vec<usize> = errors.iter().map(number).collect();
        assert_eq!(numbers, (0..errors.len()).collect::<Vec<_>>());
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        expect_test::expect![[r"
            the model file cannot be read: TOML parse error at line 1, column 2
              |
            1 | a
              |  ^
            key with no value, expected `=`

            the recipe file cannot be read: TOML parse error at line 1, column 2
              |
            1 | a
              |  ^
            key with no value, expected `=`

            the model cannot be written: unsupported i32 type
            the digest cannot be taken: EOF while parsing a value at line 1 column 0
            rule 1: it has no key
            rule 1 names the column `born`, which no `[[column]]` prepares
            the source table has no column `born`
            the column `born` of the source table has the type `Binary`, which cannot be read
            the source table has 9 rows, more than the 8 that one run can number
            there is no record 9 in the source table, which has 8
            the tables were prepared by other columns than those of the model `m`
            the model `m` links between two tables, and the tables were prepared to link within one table
            the recipient table has 1 row, and training needs at least 2
            the column `born` of the source table has no value at all, so `birth` cannot be trained
            the training rule `surname` makes no pair
            the deterministic rules make no pair, so the prior cannot be taken from them
            the deterministic rules make 9 pairs of 9, which at a recall of 0.8 leaves no prior below one
            every training rule uses the columns of `birth`, so its m cannot be learnt
            the training rule `surname` came out reversed: values agree less often among the same than among the different
            there is no pair to learn from
            the training rule `surname` found no pair of the same individual
            no threshold reaches an expected precision of 0.99; the best is 0.9
            the synthetic files cannot be made: it has no rows
            the settings cannot be read: EOF while parsing a value at line 1 column 0
            settings, rule 1: it has no SQL
            the clusters cannot be made: a pair names the record 9, and there are 8
            the registry of clusters is unsound: a record is in two clusters
            rule 1 cannot be understood: it is longer
            rule 1 names the column `surnam` at line 1, column 3, which there isn't
            one block of the rule `city` makes 9 pairs, more than the 8 that can be shared out; a finer rule is needed
            there is no model with the digest `sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b` here
            the plan cannot be read: it ends too early
            the rule `city` needs all values
            the memory isn't enough: a unit of 9 bytes
            the plan failed: the disk is full
            links per record tell false links only where a source record has one partner at most: two tables, linked one to one
            2 units of work at once take up to 30 bytes each, which takes 240 bytes of memory, and 200 may be
        "]].assert_eq(&(texts.join("\n") + "\n"));
    }
}
