//! What must hold of two values for a level to be the result: the tests that a comparison is written in.
//!
//! Part of the model file, before the path of data. Here stand the tests, what they are called, which columns they look
//! at, and what makes one unsound; `compare` says whether one holds of two values. Nothing here has seen a value.
//!
//! A test is true, false, or unknown. It is unknown where a value is missing or has nothing that it could look at, as a
//! name in Hangul has no Latin sound; `all`, `any` and `not` go by Kleene's logic of three values (Introduction to
//! Metamathematics, 1952, §64), and a level whose test is unknown doesn't hold. So no missing value adds evidence, not
//! even under a `not`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::expression::{Expression, names_in};
use crate::model::{Column, Kind, Link};
use crate::prepare::reads;
use crate::{Error, Result};

/// What must hold of two values for a level to be the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// They are equal.
    Exact,
    /// Their Jaro similarity is at least this.
    Jaro(f64),
    /// Their Jaro–Winkler similarity is at least this.
    JaroWinkler(f64),
    /// At most this many insertions, deletions and substitutions turn one into the other.
    Levenshtein(u32),
    /// At most this many, a swap of neighbours counting as one, with no piece edited twice.
    OptimalAlignment(u32),
    /// At most this many, a swap of neighbours counting as one, without that restriction.
    Damerau(u32),
    /// Of the q-grams that either has, they have at least this part in common.
    Jaccard(Grams),
    /// The cosine of the angle between their counts of q-grams is at least this.
    Cosine(Grams),
    /// Their first characters, this many, are equal; a shorter text is taken whole.
    Prefix(u32),
    /// Their last characters, this many, are equal; a shorter text is taken whole.
    Suffix(u32),
    /// They have a phonetic code in common.
    Sounds(Phonetic),
    /// The dates lie at most this many days apart.
    Days(u32),
    /// The dates lie at most this many calendar months apart.
    Months(u32),
    /// The dates lie at most this many calendar years apart.
    Years(u32),
    /// The dates are equal once day and month of one are swapped.
    DayMonthSwapped,
    /// The moments lie at most this many seconds apart.
    Seconds(u32),
    /// The numbers differ by at most this.
    Within(f64),
    /// The numbers differ by at most this many per cent of the larger.
    Percent(f64),
    /// The places lie at most this many kilometres apart on the globe.
    Kilometres(f64),
    /// The lists have at least this many items in common.
    Shared(u32),
    /// Every item of one list is in the other.
    Subset,
    /// This holds of some item of one list and some item of the other.
    SomeItem(Box<Test>),
    /// A value is the stated one.
    Literal(Literal),
    /// Each record has in this other column what the other has in the comparison's.
    Reversed(String),
    /// This holds of another column.
    On(On),
    /// All of these hold.
    All(Vec<Test>),
    /// At least one of these holds.
    Any(Vec<Test>),
    /// This doesn't hold.
    Not(Box<Test>),
    /// This SQL holds of the two records, over `<column>_l` of the source's and `<column>_r` of the recipient's. Within
    /// one table it holds if it does either way round.
    Expression(String),
    /// Anything.
    Else,
}

/// How long the pieces are that two texts are compared by, and how much they must have in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grams {
    /// The characters of one piece. A shorter text is one piece. With 1 it is the sets of characters that are compared.
    pub q: u32,
    /// The least similarity, above 0 and at most 1.
    pub least: f64,
}

/// A way to write down how a name sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phonetic {
    /// Philips, The Double Metaphone Search Algorithm, 2000: English, with the spellings of other languages in it.
    DoubleMetaphone,
    /// Postel, Die Kölner Phonetik, 1969: German.
    Cologne,
    /// Daitch and Mokotoff, 1985: Slavic and Germanic surnames, Yiddish ones above all; several codes a name.
    DaitchMokotoff,
}

/// A value stated in the model, and which record must have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Literal {
    /// The value, written as a cell of the table would have it: it is prepared as those are.
    pub value: String,
    /// Who must have it.
    #[serde(default)]
    pub of: Holder,
}

/// Which record of a pair must have a stated value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Both of them.
    #[default]
    Both,
    /// At least one of them.
    Either,
    /// The source's.
    Source,
    /// The recipient's.
    Recipient,
}

/// A test of another column than the comparison's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// The prepared column.
    pub column: String,
    /// What must hold of it.
    pub test: Box<Test>,
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => formatter.write_str("exact"),
            Self::Jaro(least) => write!(formatter, "jaro >= {least}"),
            Self::JaroWinkler(least) => write!(formatter, "jaro_winkler >= {least}"),
            Self::Levenshtein(most) => write!(formatter, "levenshtein <= {most}"),
            Self::OptimalAlignment(most) => write!(formatter, "optimal_alignment <= {most}"),
            Self::Damerau(most) => write!(formatter, "damerau <= {most}"),
            Self::Jaccard(Grams { q, least }) => {
                write!(formatter, "jaccard of {q}-grams >= {least}")
            }
            Self::Cosine(Grams { q, least }) => write!(formatter, "cosine of {q}-grams >= {least}"),
            Self::Prefix(length) => write!(formatter, "same first {length}"),
            Self::Suffix(length) => write!(formatter, "same last {length}"),
            Self::Sounds(phonetic) => write!(formatter, "sounds alike by {phonetic}"),
            Self::Days(most) => write!(formatter, "within {most} days"),
            Self::Months(most) => write!(formatter, "within {most} months"),
            Self::Years(most) => write!(formatter, "within {most} years"),
            Self::DayMonthSwapped => formatter.write_str("day and month swapped"),
            Self::Seconds(most) => write!(formatter, "within {most} seconds"),
            Self::Within(most) => write!(formatter, "within {most}"),
            Self::Percent(most) => write!(formatter, "within {most} per cent"),
            Self::Kilometres(most) => write!(formatter, "within {most} km"),
            Self::Shared(least) => write!(formatter, "at least {least} items shared"),
            Self::Subset => formatter.write_str("all items of one in the other"),
            Self::SomeItem(test) => write!(formatter, "{test} of some items"),
            Self::Literal(Literal { value, of }) => match of {
                Holder::Both => write!(formatter, "both `{value}`"),
                Holder::Either => write!(formatter, "either `{value}`"),
                Holder::Source => write!(formatter, "source `{value}`"),
                Holder::Recipient => write!(formatter, "recipient `{value}`"),
            },
            Self::Reversed(other) => write!(formatter, "reversed with {other}"),
            Self::On(On { column, test }) => write!(formatter, "{test} on {column}"),
            Self::All(tests) => joined(formatter, tests, " and "),
            Self::Any(tests) => joined(formatter, tests, " or "),
            Self::Not(test) => write!(formatter, "not ({test})"),
            Self::Expression(sql) => write!(formatter, "({sql})"),
            Self::Else => formatter.write_str("else"),
        }
    }
}

fn joined(formatter: &mut fmt::Formatter<'_>, tests: &[Test], by: &str) -> fmt::Result {
    formatter.write_str("(")?;
    for (index, test) in tests.iter().enumerate() {
        if index > 0 {
            formatter.write_str(by)?;
        }
        write!(formatter, "{test}")?;
    }
    formatter.write_str(")")
}

impl fmt::Display for Phonetic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::DoubleMetaphone => "double metaphone",
            Self::Cologne => "cologne phonetics",
            Self::DaitchMokotoff => "daitch-mokotoff",
        })
    }
}

impl Test {
    /// Returns the columns that it looks at besides the one it is asked of.
    pub fn other_columns(&self) -> Vec<&str> {
        match self {
            Self::Reversed(other) => vec![other],
            Self::Expression(sql) => names_in(sql),
            Self::On(On { column, test }) => {
                let mut columns = vec![column.as_str()];
                columns.extend(test.other_columns());
                columns
            }
            Self::SomeItem(test) | Self::Not(test) => test.other_columns(),
            Self::All(tests) | Self::Any(tests) => {
                tests.iter().flat_map(Self::other_columns).collect()
            }
            Self::Exact
            | Self::Jaro(_)
            | Self::JaroWinkler(_)
            | Self::Levenshtein(_)
            | Self::OptimalAlignment(_)
            | Self::Damerau(_)
            | Self::Jaccard(_)
            | Self::Cosine(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Sounds(_)
            | Self::Days(_)
            | Self::Months(_)
            | Self::Years(_)
            | Self::DayMonthSwapped
            | Self::Seconds(_)
            | Self::Within(_)
            | Self::Percent(_)
            | Self::Kilometres(_)
            | Self::Shared(_)
            | Self::Subset
            | Self::Literal(_)
            | Self::Else => Vec::new(),
        }
    }

    /// Says whether it gives the same of two values whichever record has which.
    ///
    /// All do, but for a stated value that one side alone must have.
    pub fn is_symmetric(&self) -> bool {
        match self {
            Self::Literal(Literal { of, .. }) => matches!(of, Holder::Both | Holder::Either),
            Self::SomeItem(test) | Self::Not(test) | Self::On(On { test, .. }) => {
                test.is_symmetric()
            }
            Self::All(tests) | Self::Any(tests) => tests.iter().all(Self::is_symmetric),
            // Who has which value may matter to it.
            Self::Expression(_) => false,
            Self::Exact
            | Self::Jaro(_)
            | Self::JaroWinkler(_)
            | Self::Levenshtein(_)
            | Self::OptimalAlignment(_)
            | Self::Damerau(_)
            | Self::Jaccard(_)
            | Self::Cosine(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Sounds(_)
            | Self::Days(_)
            | Self::Months(_)
            | Self::Years(_)
            | Self::DayMonthSwapped
            | Self::Seconds(_)
            | Self::Within(_)
            | Self::Percent(_)
            | Self::Kilometres(_)
            | Self::Shared(_)
            | Self::Subset
            | Self::Reversed(_)
            | Self::Else => true,
        }
    }

    /// Says whether it asks two lists for an item in common, so that the rarest one tells how much that says.
    pub(crate) fn asks_for_equal_items(&self) -> bool {
        match self {
            Self::Shared(_) | Self::Subset => true,
            Self::SomeItem(test) => **test == Self::Exact,
            Self::All(tests) => tests.iter().any(Self::asks_for_equal_items),
            Self::Any(tests) => tests.iter().all(Self::asks_for_equal_items),
            Self::Exact
            | Self::Jaro(_)
            | Self::JaroWinkler(_)
            | Self::Levenshtein(_)
            | Self::OptimalAlignment(_)
            | Self::Damerau(_)
            | Self::Jaccard(_)
            | Self::Cosine(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Sounds(_)
            | Self::Days(_)
            | Self::Months(_)
            | Self::Years(_)
            | Self::DayMonthSwapped
            | Self::Seconds(_)
            | Self::Within(_)
            | Self::Percent(_)
            | Self::Kilometres(_)
            | Self::Literal(_)
            | Self::Reversed(_)
            | Self::On(_)
            | Self::Not(_)
            | Self::Expression(_)
            | Self::Else => false,
        }
    }

    /// Says whether it grades how alike two values are, so that a level of it may take a frequency part.
    ///
    /// A stated value, a swap of columns and the opposite of something say nothing about how rare what the two share is.
    pub fn is_likeness(&self) -> bool {
        match self {
            Self::Else
            | Self::Reversed(_)
            | Self::Not(_)
            | Self::Literal(_)
            | Self::On(_)
            | Self::Expression(_) => false,
            Self::All(tests) => tests.iter().any(Self::is_likeness),
            Self::Any(tests) => tests.iter().all(Self::is_likeness),
            Self::Exact
            | Self::Jaro(_)
            | Self::JaroWinkler(_)
            | Self::Levenshtein(_)
            | Self::OptimalAlignment(_)
            | Self::Damerau(_)
            | Self::Jaccard(_)
            | Self::Cosine(_)
            | Self::Prefix(_)
            | Self::Suffix(_)
            | Self::Sounds(_)
            | Self::Days(_)
            | Self::Months(_)
            | Self::Years(_)
            | Self::DayMonthSwapped
            | Self::Seconds(_)
            | Self::Within(_)
            | Self::Percent(_)
            | Self::Kilometres(_)
            | Self::Shared(_)
            | Self::Subset
            | Self::SomeItem(_) => true,
        }
    }

    /// Says whether wherever it holds the other is known to hold too, both asked of one column.
    ///
    /// It may miss such a pair of tests; it never names a wrong one.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        if self == other || *other == Self::Else {
            return true;
        }
        match (self, other) {
            (_, Self::All(tests)) => return tests.iter().all(|test| self.implies(test)),
            (Self::Any(tests), _) => return tests.iter().all(|test| test.implies(other)),
            (_, Self::Any(tests)) if tests.iter().any(|test| self.implies(test)) => return true,
            (Self::All(tests), _) => return tests.iter().any(|test| test.implies(other)),
            _ => {}
        }
        match (self, other) {
            (Self::Jaro(own), Self::Jaro(least) | Self::JaroWinkler(least))
            | (Self::JaroWinkler(own), Self::JaroWinkler(least)) => own >= least,
            (
                Self::Levenshtein(own),
                Self::Levenshtein(most) | Self::OptimalAlignment(most) | Self::Damerau(most),
            )
            | (Self::OptimalAlignment(own), Self::OptimalAlignment(most) | Self::Damerau(most))
            | (Self::Damerau(own), Self::Damerau(most))
            | (Self::Days(own), Self::Days(most))
            | (Self::Months(own), Self::Months(most))
            | (Self::Years(own), Self::Years(most))
            | (Self::Seconds(own), Self::Seconds(most)) => own <= most,
            (Self::Years(own), Self::Months(most)) => own.saturating_mul(12) <= *most,
            (Self::Months(own), Self::Years(most)) => *own <= most.saturating_mul(12),
            (Self::Within(own), Self::Within(most))
            | (Self::Percent(own), Self::Percent(most))
            | (Self::Kilometres(own), Self::Kilometres(most)) => own <= most,
            (Self::Jaccard(own), Self::Jaccard(grams))
            | (Self::Cosine(own), Self::Cosine(grams)) => {
                own.q == grams.q && own.least >= grams.least
            }
            (Self::Prefix(own), Self::Prefix(length))
            | (Self::Suffix(own), Self::Suffix(length))
            | (Self::Shared(own), Self::Shared(length)) => own >= length,
            (Self::SomeItem(own), Self::SomeItem(test)) => own.implies(test),
            // Of equal values everything that grades likeness holds, but for what asks of them more than they have.
            (
                Self::Exact,
                Self::Jaro(_)
                | Self::JaroWinkler(_)
                | Self::Levenshtein(_)
                | Self::OptimalAlignment(_)
                | Self::Damerau(_)
                | Self::Jaccard(_)
                | Self::Cosine(_)
                | Self::Prefix(_)
                | Self::Suffix(_)
                | Self::Days(_)
                | Self::Months(_)
                | Self::Years(_)
                | Self::Seconds(_)
                | Self::Within(_)
                | Self::Percent(_)
                | Self::Kilometres(_)
                | Self::Subset
                | Self::Shared(0 | 1),
            ) => true,
            (Self::Exact, Self::SomeItem(test)) => Self::Exact.implies(test),
            _ => false,
        }
    }
}

/// What a test is asked of while it is checked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) place: &'a str,
    pub(super) column: &'a Column,
    pub(super) columns: &'a [Column],
    pub(super) link: Link,
    /// Whether that is the comparison's own column.
    pub(super) own: bool,
    /// Whether it is asked of the items of its lists, which are text.
    pub(super) items: bool,
}

impl Asked<'_> {
    fn kind(&self) -> &Kind {
        if self.items { &Kind::Text } else { &self.column.kind }
    }
}

/// Finds a prepared column by its name.
pub(super) fn column_of<'a>(place: &str, name: &str, columns: &'a [Column]) -> Result<&'a Column> {
    columns
        .iter()
        .find(|column| column.name == name)
        .ok_or_else(|| Error::UnknownColumn { place: place.to_owned(), column: name.to_owned() })
}

/// Says what makes a test unsound, if anything does.
///
/// # Errors
///
/// [`crate::Error::UnknownColumn`] where it names a column that isn't prepared.
pub(super) fn problem_of(test: &Test, asked: Asked<'_>) -> Result<Option<&'static str>> {
    const TEXT: &str = "a similarity of text needs a column of text or dates";
    let kind = asked.kind();
    let has_text = matches!(kind, Kind::Text | Kind::Date(_));
    let share = |least: f64| least > 0.0 && least <= 1.0;
    let distance = |most: f64| most >= 0.0 && most.is_finite();
    Ok(match test {
        Test::Exact | Test::Else => None,
        Test::Jaro(least) | Test::JaroWinkler(least) => {
            first([(!share(*least), SIMILARITY), (!has_text, TEXT)])
        }
        Test::Jaccard(grams) | Test::Cosine(grams) => first([
            (!share(grams.least), SIMILARITY),
            (grams.q == 0, "a q-gram has at least one character"),
            (!has_text, TEXT),
        ]),
        Test::Levenshtein(_) | Test::OptimalAlignment(_) | Test::Damerau(_) => {
            (!has_text).then_some("an edit distance needs a column of text or dates")
        }
        Test::Prefix(length) | Test::Suffix(length) => first([
            (*length == 0, "no characters at all are equal everywhere"),
            (!has_text, "a test of characters needs a column of text or dates"),
        ]),
        Test::Sounds(_) => {
            (*kind != Kind::Text).then_some("a test of sounds needs a column of text")
        }
        Test::Days(_) | Test::Months(_) | Test::Years(_) | Test::DayMonthSwapped => {
            (!matches!(kind, Kind::Date(_))).then_some("a test of dates needs a column of dates")
        }
        Test::Seconds(_) => {
            (!matches!(kind, Kind::Time(_))).then_some("a test of moments needs a column of times")
        }
        Test::Within(most) | Test::Percent(most) => first([
            (!distance(*most), DISTANCE),
            (*kind != Kind::Number, "a test of numbers needs a column of numbers"),
        ]),
        Test::Kilometres(most) => first([
            (!distance(*most), DISTANCE),
            (*kind != Kind::Place, "a test of kilometres needs a column of places"),
        ]),
        Test::Shared(least) => first([
            (*least == 0, "no items at all are shared everywhere"),
            (!matches!(kind, Kind::List(_)), LIST),
        ]),
        Test::Subset => (!matches!(kind, Kind::List(_))).then_some(LIST),
        Test::SomeItem(inner) => {
            if !matches!(kind, Kind::List(_)) {
                Some(LIST)
            } else if !inner.other_columns().is_empty() || **inner == Test::Else {
                Some("`some_item` takes a test of two items")
            } else {
                problem_of(inner, Asked { own: false, items: true, ..asked })?
            }
        }
        Test::Literal(literal) => first([
            (literal.value.is_empty(), "a stated value must not be empty"),
            (
                asked.link == Link::Within
                    && matches!(literal.of, Holder::Source | Holder::Recipient),
                "linking within one table, neither record is the source's",
            ),
            (
                matches!(kind, Kind::List(_) | Kind::Place),
                "a stated value needs a column of text, dates, times or numbers",
            ),
            (
                !asked.items && !reads(asked.column, &literal.value),
                "the stated value is none that the column could hold",
            ),
        ]),
        Test::Reversed(other) => {
            if asked.own {
                (column_of(asked.place, other, asked.columns)?.kind != *kind)
                    .then_some("`reversed` needs two columns of one kind")
            } else {
                Some("`reversed` looks at the comparison's own column")
            }
        }
        Test::Expression(sql) => {
            Expression::read(asked.place, sql, asked.columns)?;
            if asked.items {
                Some("an expression looks at records, not at items")
            } else {
                names_in(sql).is_empty().then_some("an expression must look at a column")
            }
        }
        Test::On(On { column, test }) => {
            let column = column_of(asked.place, column, asked.columns)?;
            part_problem(test, Asked { column, own: false, ..asked })?
        }
        Test::Not(test) => part_problem(test, asked)?,
        Test::All(tests) | Test::Any(tests) => {
            if tests.is_empty() {
                Some("`all` and `any` need a test")
            } else {
                let problems = tests.iter().map(|test| part_problem(test, asked));
                problems.collect::<Result<Vec<_>>>()?.into_iter().flatten().next()
            }
        }
    })
}

const SIMILARITY: &str = "a similarity must lie above 0 and be at most 1";
const DISTANCE: &str = "a distance must be 0 or more";
const LIST: &str = "a test of items needs a column of lists";

fn first<const N: usize>(problems: [(bool, &'static str); N]) -> Option<&'static str> {
    problems.into_iter().find(|(holds, _)| *holds).map(|(_, problem)| problem)
}

/// The same of a test within another, where `else` would say nothing.
fn part_problem(test: &Test, asked: Asked<'_>) -> Result<Option<&'static str>> {
    if *test == Test::Else {
        return Ok(Some("`else` stands alone"));
    }
    problem_of(test, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Line {
        test: Test,
    }

    fn read(text: &str) -> Test {
        toml::from_str::<Line>(&format!("test = {text}")).unwrap().test
    }

    #[test]
    fn every_test_is_written_as_toml_and_has_a_label() {
        let written = [
            r#""exact""#,
            "{ jaro = 0.9 }",
            "{ jaccard = { q = 2, least = 0.6 } }",
            "{ cosine = { q = 3, least = 0.8 } }",
            "{ prefix = 3 }",
            "{ suffix = 4 }",
            r#"{ sounds = "double_metaphone" }"#,
            r#"{ sounds = "cologne" }"#,
            r#"{ sounds = "daitch_mokotoff" }"#,
            "{ seconds = 3600 }",
            "{ kilometres = 2.5 }",
            "{ shared = 2 }",
            r#""subset""#,
            "{ some_item = { jaro_winkler = 0.9 } }",
            r#"{ literal = { value = "none" } }"#,
            r#"{ literal = { value = "none", of = "source" } }"#,
            r#"{ all = [{ levenshtein = 1 }, { on = { column = "born", test = "exact" } }] }"#,
            r#"{ any = ["exact", { not = { prefix = 1 } }] }"#,
        ];
        let labels: Vec<String> = written.iter().map(|text| read(text).to_string()).collect();
        expect_test::expect![[r"
            exact
            jaro >= 0.9
            jaccard of 2-grams >= 0.6
            cosine of 3-grams >= 0.8
            same first 3
            same last 4
            sounds alike by double metaphone
            sounds alike by cologne phonetics
            sounds alike by daitch-mokotoff
            within 3600 seconds
            within 2.5 km
            at least 2 items shared
            all items of one in the other
            jaro_winkler >= 0.9 of some items
            both `none`
            source `none`
            (levenshtein <= 1 and exact on born)
            (exact or not (same first 1))
        "]]
        .assert_eq(&(labels.join("\n") + "\n"));
        for text in written {
            let test = read(text);
            let again = toml::to_string(&Line { test: test.clone() }).unwrap();
            assert_eq!(toml::from_str::<Line>(&again).unwrap().test, test, "{again}");
        }
    }

    #[test]
    fn a_test_implies_what_is_looser_and_nothing_else() {
        let implied = [
            ("{ jaro = 0.9 }", "{ jaro_winkler = 0.9 }"),
            ("{ levenshtein = 1 }", "{ damerau = 2 }"),
            (r#""exact""#, "{ jaro = 1.0 }"),
            (r#""exact""#, "{ cosine = { q = 2, least = 1.0 } }"),
            ("{ years = 1 }", "{ months = 12 }"),
            ("{ prefix = 4 }", "{ prefix = 3 }"),
            ("{ all = [{ prefix = 4 }, { jaro = 0.5 }] }", "{ prefix = 3 }"),
            ("{ prefix = 4 }", "{ any = [{ prefix = 3 }, { jaro = 0.5 }] }"),
            ("{ prefix = 4 }", "{ all = [{ prefix = 3 }, { prefix = 2 }] }"),
            ("{ any = [{ prefix = 4 }, { prefix = 5 }] }", "{ prefix = 3 }"),
            ("{ prefix = 4 }", r#""else""#),
        ];
        let not_implied = [
            ("{ jaro_winkler = 0.9 }", "{ jaro = 0.9 }"),
            ("{ damerau = 1 }", "{ levenshtein = 1 }"),
            ("{ jaro = 1.0 }", r#""exact""#),
            (r#""exact""#, "{ shared = 2 }"),
            (r#""exact""#, r#"{ sounds = "cologne" }"#),
            (r#""exact""#, r#""day_month_swapped""#),
            ("{ any = [{ prefix = 4 }, { jaro = 0.5 }] }", "{ prefix = 3 }"),
            ("{ jaccard = { q = 2, least = 0.9 } }", "{ jaccard = { q = 3, least = 0.5 } }"),
        ];
        for (one, other) in implied {
            assert!(read(one).implies(&read(other)), "{one} {other}");
        }
        for (one, other) in not_implied {
            assert!(!read(one).implies(&read(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_test_names_every_other_column_it_looks_at() {
        let test = read(
            r#"{ any = [{ reversed = "given" }, { not = { on = { column = "born", test = "exact" } } }] }"#,
        );
        assert_eq!(test.other_columns(), ["given", "born"]);
        assert!(test.is_symmetric());
        assert!(!read(r#"{ not = { literal = { value = "x", of = "source" } } }"#).is_symmetric());
    }
}
