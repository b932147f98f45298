//! The columns that an imported model prepares: each value that its conditions look at, once.
//!
//! Within an import. A column that a comparator goes over is prepared as bytes, since that is what DuckDB compares; one
//! that a key takes a part of, or an expression reads, keeps its characters. Where equality is all that is asked, either
//! will do. It names the columns and decides nothing else.

use crate::model::{Column, Kind, Step};
use crate::splink::difference::{Changes, Difference};
use crate::splink::value::{ITEMS_APART, Value, name_of};

/// What a value is needed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Either will do.
    Any,
    /// What a comparator goes over.
    Compared,
    /// Its characters.
    Characters,
}

/// The values that were asked for.
pub(super) struct Prepared {
    /// Whether comparators go over characters, contrary to DuckDB.
    characters: bool,
    wanted: Vec<Wanted>,
}

struct Wanted {
    value: Value,
    name: String,
    compared: bool,
    characters: bool,
}

impl Prepared {
    pub(super) fn new(characters: bool) -> Self {
        Self { characters, wanted: Vec::new() }
    }

    /// Asks for a value.
    pub(super) fn want(&mut self, value: &Value, need: Need) {
        let place = self.place(value).unwrap_or_else(|| {
            let mut name = name_of(value);
            while self.wanted.iter().any(|wanted| wanted.name == name) {
                name.push_str("_2");
            }
            let (value, compared, characters) = (value.clone(), false, false);
            self.wanted.push(Wanted { value, name, compared, characters });
            self.wanted.len() - 1
        });
        let wanted = &mut self.wanted[place];
        // A date or a number has no bytes of its own.
        let has_bytes = matches!(wanted.value.kind, Kind::Text | Kind::List(_));
        match need {
            Need::Compared if has_bytes => wanted.compared = true,
            Need::Characters => wanted.characters = true,
            Need::Any | Need::Compared => {}
        }
    }

    /// The name of the column that a value was prepared as; none where it wasn't asked for.
    pub(super) fn name(&self, value: &Value, need: Need) -> Option<String> {
        let wanted = &self.wanted[self.place(value)?];
        let own = need == Need::Characters && self.is_bytes(wanted);
        Some(if own { characters_name(&wanted.name) } else { wanted.name.clone() })
    }

    fn place(&self, value: &Value) -> Option<usize> {
        self.wanted.iter().position(|wanted| {
            let known = &wanted.value;
            known.column == value.column
                && known.kind == value.kind
                && known.steps == value.steps
                && known.placeholders == value.placeholders
        })
    }

    fn is_bytes(&self, wanted: &Wanted) -> bool {
        wanted.compared && !self.characters
    }

    /// Makes the columns, and reports what was assumed of them.
    pub(super) fn columns(&self, report: &mut Vec<Difference>) -> Vec<Column> {
        let mut columns = Vec::new();
        let mut as_bytes = Vec::new();
        for wanted in &self.wanted {
            let column = |name: &str, last: Option<Step>| Column {
                name: name.to_owned(),
                from: wanted.value.column.clone(),
                source: Vec::new(),
                recipient: Vec::new(),
                kind: wanted.value.kind.clone(),
                steps: wanted.value.steps.iter().cloned().chain(last).collect(),
                placeholders: Some(wanted.value.placeholders.clone()),
                presence: false,
            };
            if self.is_bytes(wanted) {
                as_bytes.push(format!("`{}`", wanted.name));
                columns.push(column(&wanted.name, Some(Step::AsBytes)));
                if wanted.characters {
                    columns.push(column(&characters_name(&wanted.name), None));
                }
            } else {
                columns.push(column(&wanted.name, None));
            }
            if !wanted.value.stated {
                report.push(assumed(wanted));
            }
            if wanted.value.steps.contains(&Step::FoldCase) {
                report.push(Difference::new(
                    format!("column `{}`", wanted.name),
                    Changes::Weights,
                    "keeps sharp s, and the sigma at a word's end, when it makes lower case",
                    "writes ss for the one, and the usual sigma for the other",
                ));
            }
        }
        let compared: Vec<String> = self
            .wanted
            .iter()
            .filter(|wanted| wanted.compared)
            .map(|wanted| format!("`{}`", wanted.name))
            .collect();
        if !as_bytes.is_empty() {
            report.push(
                Difference::new(
                    format!("columns {}", as_bytes.join(", ")),
                    Changes::Nothing,
                    "compares the bytes of texts on DuckDB, so that a letter with a diacritic counts for two",
                    "compares bytes here too, by the step `as_bytes`, to give the same weights",
                )
                .with_remedy("import by characters, so that names with diacritics aren't marked down"),
            );
        } else if !compared.is_empty() {
            report.push(
                Difference::new(
                    format!("columns {}", compared.join(", ")),
                    Changes::Weights,
                    "compares the bytes of texts on DuckDB, so that a letter with a diacritic counts for two",
                    "compares characters",
                )
                .with_remedy("train again, or import by bytes to get Splink's weights"),
            );
        }
        columns
    }
}

fn characters_name(name: &str) -> String {
    format!("{name}_characters")
}

fn assumed(wanted: &Wanted) -> Difference {
    let place = format!("column `{}`", wanted.name);
    let splink = "goes by the type that the column has in the database";
    match &wanted.value.kind {
        Kind::Date(format) => Difference::new(
            place,
            Changes::Weights,
            splink,
            format!("reads it as a date by `{format}`, or takes it as a column of dates"),
        )
        .with_remedy("state the format that the column has"),
        Kind::List(_) => Difference::new(
            place,
            Changes::Weights,
            splink,
            format!(
                "takes the items of a list column, or those of a text apart by `{ITEMS_APART}`"
            ),
        )
        .with_remedy("state what the items are apart by"),
        Kind::Time(format) => Difference::new(
            place,
            Changes::Weights,
            splink,
            format!("reads it as a moment by `{format}`, or takes it as a column of moments"),
        )
        .with_remedy("state the format that the column has"),
        Kind::Text | Kind::Number | Kind::Place => Difference::new(
            place,
            Changes::Weights,
            splink,
            "reads it as a number, and what doesn't read is no value",
        ),
    }
}
