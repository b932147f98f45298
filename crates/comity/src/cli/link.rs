//! `comity link`: links files that their holder owns, without an agreement.
//!
//! A linkage tool in its own right. What comes out of it cannot enter casework, and nobody is selected by a protected
//! trait here either (floor F3): see [`crate::own`]. One file a sub-command.

mod block;
mod explain;
mod link;
mod train;

use super::Done;
use crate::clock::Stopwatch;
use crate::own::{self, Declared, OwnFile, OwnTable};
use crate::printer::Printer;
use crate::{Error, program};
use agreement::Category;
use clap::Subcommand;
use linkage::model::{Column, Comparison, Rule};
use linkage::{Model, Recipe, Tables};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Counts the pairs that each rule makes, without making any
    Block(block::Words),
    /// Trains a model by a recipe, without labels
    Train(train::Words),
    /// Links by a model, and writes the pairs
    Link(link::Words),
    /// Explains a pair: every part of its weight
    Explain(explain::Words),
}

impl Words {
    pub(super) fn carry_out(self, printer: &mut Printer) -> Result<Done, Error> {
        match self.command {
            Command::Block(words) => words.carry_out(printer),
            Command::Train(words) => words.carry_out(printer),
            Command::Link(words) => words.carry_out(printer),
            Command::Explain(words) => words.carry_out(printer),
        }
    }
}

/// The files of a command.
#[derive(Debug, clap::Args)]
struct Files {
    /// The source's file: CSV, or Parquet by its ending
    source: PathBuf,
    /// The recipient's file; left out when records of one file are linked with each other
    recipient: Option<PathBuf>,
    /// The column that records are known by
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// The recipient's column of ids, where it is called otherwise
    #[arg(long, value_name = "COLUMN")]
    recipient_id: Option<String>,
    /// What stands between two fields
    #[arg(long, default_value_t = ',')]
    delimiter: char,
    /// Declares what a column is, where its name says something else: COLUMN=CATEGORY
    #[arg(long = "declare", value_name = "COLUMN=CATEGORY", value_parser = declaration)]
    declared: Vec<(String, Category)>,
}

/// Parses `column=category`, the category in an agreement's word.
fn declaration(text: &str) -> Result<(String, Category), String> {
    let (column, word) = text.split_once('=').ok_or("write COLUMN=CATEGORY")?;
    let category = serde_json::from_value(serde_json::Value::from(word))
        .map_err(|_| format!("`{word}` is no category of an element"))?;
    Ok((column.to_owned(), category))
}

/// What recipe and model have in common.
struct Plan<'p> {
    columns: &'p [Column],
    rules: &'p [Rule],
    comparisons: &'p [Comparison],
    link: linkage::Link,
}

impl<'p> From<&'p Recipe> for Plan<'p> {
    fn from(recipe: &'p Recipe) -> Self {
        Plan {
            columns: recipe.columns(),
            rules: recipe.rules(),
            comparisons: recipe.comparisons(),
            link: recipe.link(),
        }
    }
}

impl<'p> From<&'p Model> for Plan<'p> {
    fn from(model: &'p Model) -> Self {
        Plan {
            columns: model.columns(),
            rules: model.rules(),
            comparisons: model.comparisons(),
            link: model.link(),
        }
    }
}

impl Files {
    fn source(&self) -> OwnFile {
        self.file(&self.source, self.id.as_ref())
    }

    fn recipient(&self) -> Option<OwnFile> {
        let id = self.recipient_id.as_ref().or(self.id.as_ref());
        self.recipient.as_deref().map(|path| self.file(path, id))
    }

    fn file(&self, path: &Path, id: Option<&String>) -> OwnFile {
        let delimiter = u8::try_from(self.delimiter).unwrap_or(b',');
        OwnFile { path: path.to_owned(), id: id.cloned(), delimiter }
    }

    /// Says why nothing is linked, if a rule or a comparison looks at a protected trait (F3).
    fn refused(&self, plan: &Plan<'_>, printer: &Printer) -> bool {
        let declared: Declared = self.declared.iter().cloned().collect();
        let found = own::screen(plan.columns, plan.rules, plan.comparisons, &declared);
        if found.is_empty() {
            return false;
        }
        printer.json(&serde_json::json!({ "refused": { "rule": "floor-f3", "columns": found } }));
        printer
            .labelled("refused", "nobody is selected by a protected trait or its proxy (floor F3)");
        for one in &found {
            printer.line("");
            let used_by = one.used_by.join(", ");
            printer.wrapped(
                "    here: ",
                &format!("`{}` ({}) is used by {used_by}", one.column, one.category),
            );
            printer.wrapped(
                "    do:   ",
                &format!(
                    "leave it out; if it is something else, declare it: --declare {}=identity",
                    one.column
                ),
            );
        }
        true
    }

    /// Reads and prepares the files, timing both.
    fn prepare(
        &self,
        plan: &Plan<'_>,
        printer: &Printer,
        watch: &mut Stopwatch,
    ) -> Result<(Tables, Vec<OwnTable>), Error> {
        let (tables, read) =
            own::prepare(plan.columns, plan.link, &self.source(), self.recipient().as_ref())?;
        watch.lap("read and prepare");
        for table in &read {
            for caveat in &table.caveats {
                printer.wrapped("note      ", caveat);
            }
        }
        Ok((tables, read))
    }
}

/// A recipe or a model, whichever a file holds.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a command")]
enum Method {
    Recipe(Recipe),
    Model(Model),
}

impl Method {
    fn read(path: &Path) -> Result<Method, Error> {
        let text = program::read(path)?;
        // A recipe says how to train, and a model what was learnt; each names what the other lacks.
        match Model::from_toml(&text) {
            Ok(model) => Ok(Method::Model(model)),
            Err(_) if text.lines().any(|line| line.trim_start().starts_with("[training")) => {
                Ok(Method::Recipe(Recipe::from_toml(&text)?))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn plan(&self) -> Plan<'_> {
        match self {
            Method::Recipe(recipe) => recipe.into(),
            Method::Model(model) => model.into(),
        }
    }
}

/// Writes seconds of each phase into what is printed as JSON.
fn seconds(watch: &Stopwatch) -> serde_json::Value {
    watch
        .laps()
        .iter()
        .map(|(phase, seconds)| ((*phase).to_owned(), (*seconds).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
