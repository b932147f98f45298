//! The rules that make pairs, as a recipe or a model says them.
//!
//! Part of the model file, before the path of data. `block` and `keys` make the pairs; nothing here has seen a record.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::column::kind_of;
use super::{Column, Kind, Link, unsound};
use crate::Result;
use crate::expression::{Expression, names_in};

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

    /// Returns the prepared columns that it looks at, in whatever way.
    pub fn columns(&self) -> Vec<&str> {
        let asked = self.sql.iter().flat_map(|sql| names_in(sql));
        self.stated_columns().chain(&self.explode).map(String::as_str).chain(asked).collect()
    }

    /// Returns those that it states, without those that its condition names.
    pub(crate) fn stated_columns(&self) -> impl Iterator<Item = &String> {
        let keyed = self.keys.iter().flat_map(|key| [Some(&key.column), key.against.as_ref()]);
        let near = self.neighbourhood.iter().map(|near| &near.column);
        let hashed = self.min_hash.iter().map(|hash| &hash.column);
        keyed.flatten().chain(near).chain(hashed)
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

pub(super) fn check_rules(
    what: &str,
    rules: &[Rule],
    columns: &[Column],
    link: Link,
) -> Result<()> {
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

pub(super) fn check_rule_parts(
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
