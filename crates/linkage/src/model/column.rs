//! One prepared column of a recipe or a model: where it comes from and what is done to it.
//!
//! Part of the model file, before the path of data. `prepare` does what is said here; nothing here has seen a value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Link, test, unsound};
use crate::{Result, prepare};

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

pub(super) fn check_columns(columns: &[Column], link: Link) -> Result<()> {
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

pub(super) fn kind_of<'a>(place: &str, name: &str, columns: &'a [Column]) -> Result<&'a Kind> {
    test::column_of(place, name, columns).map(|column| &column.kind)
}
