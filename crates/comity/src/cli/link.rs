//! `comity link`: links files that their holder owns, without an agreement.
//!
//! A linkage tool in its own right. What comes out of it cannot enter casework, and nobody is selected by a protected
//! trait here either (floor F3): see [`crate::own`]. One file a sub-command. Whoever looks people up in records held for
//! somebody else needs an agreement, and `comity run`.

mod all;
mod block;
mod blocked;
mod calibrate;
mod cluster;
mod evaluate;
mod explain;
mod export;
mod find;
mod groups;
mod import;
mod increment;
mod label_free;
mod memory;
mod page;
mod pairs;
mod part;
mod people;
mod profile;
mod registry;
mod run;
mod score;
mod shares;
mod suggest;
mod train;

use super::Done;
use crate::clock::Stopwatch;
use crate::own::{self, Declared, OwnFile, OwnTable};
use crate::printer::Printer;
use crate::report::File;
use crate::{Error, program};
use agreement::Category;
use clap::Subcommand;
use linkage::model::{Column, Comparison, Rule};
use linkage::{Model, Recipe, RecordRef, Side, Tables};
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Links files that you own, without an agreement. What comes out cannot enter casework. To look people up in records
/// that are held for somebody else you need an agreement, and `comity run`.
#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Counts what each column holds: missing, distinct and most frequent values
    Profile(profile::Words),
    /// Counts the pairs that each rule makes
    Block(block::Words),
    /// Proposes rules under a budget of pairs, with their estimated recall
    Suggest(suggest::Words),
    /// Trains a model by a recipe, without labels
    Train(train::Words),
    /// Trains, links and clusters in one go, reading the files once
    All(all::Words),
    /// Links by a model, and writes the pairs
    Link(run::Words),
    /// Links the records that came since the last time, with each other and with the old ones
    Increment(increment::Words),
    /// Weighs pairs that a file names, whether or not a rule makes them
    Score(score::Words),
    /// Looks records up one by one in a file that you own. In records that are held for somebody else every look-up
    /// takes a permit and counts
    Find(find::Words),
    /// Makes clusters of records that are one individual
    Cluster(cluster::Words),
    /// Says that two records of a cluster are not one individual, and takes their merger back
    Part(part::Words),
    /// Takes reviewed pairs into a model's probabilities, and writes another model
    Calibrate(calibrate::Words),
    /// Holds a model against a truth, or estimates its precision and recall without one
    Evaluate(evaluate::Words),
    /// Explains a pair: every part of its weight, or how two records hang together in a cluster
    Explain(explain::Words),
    /// Makes a model of Splink's settings, and lists what differs
    Import(import::Words),
    /// Writes a model as Splink's settings, and lists what differs
    Export(export::Words),
}

impl Words {
    pub(super) fn carry_out(self, printer: &mut Printer) -> Result<Done, Error> {
        let done = match self.command {
            Command::Profile(words) => words.carry_out(printer),
            Command::Block(words) => words.carry_out(printer),
            Command::Suggest(words) => words.carry_out(printer),
            Command::Train(words) => words.carry_out(printer),
            Command::All(words) => words.carry_out(printer),
            Command::Link(words) => words.carry_out(printer),
            Command::Increment(words) => words.carry_out(printer),
            Command::Score(words) => words.carry_out(printer),
            Command::Find(words) => words.carry_out(printer),
            Command::Cluster(words) => words.carry_out(printer),
            Command::Part(words) => words.carry_out(printer),
            Command::Calibrate(words) => words.carry_out(printer),
            Command::Evaluate(words) => words.carry_out(printer),
            Command::Explain(words) => words.carry_out(printer),
            Command::Import(words) => words.carry_out(printer),
            Command::Export(words) => words.carry_out(printer),
        };
        done.map_err(|error| match error {
            Error::Admit(error) => Error::Own(Box::new(error)),
            other => other,
        })
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
    /// How many threads work; as many as the machine has cores, where it isn't said
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZeroUsize>,
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
        OwnFile { path: path.to_owned(), id: id.cloned(), truth: None, group: None, delimiter }
    }

    /// Says of each file that was read what a report says of it.
    fn named(&self, read: &[OwnTable]) -> Vec<File> {
        let paths = std::iter::once(&self.source).chain(&self.recipient);
        let sides = ["source", "recipient"];
        let one = |((path, side), table): ((&PathBuf, &str), &OwnTable)| File {
            party: side.to_owned(),
            name: path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            rows: table.records,
            digest: table.digest.to_string(),
            caveats: table.caveats.clone(),
        };
        paths.zip(sides).zip(read).map(one).collect()
    }

    fn threads(&self) -> NonZeroUsize {
        let all = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(all)
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

    /// Reads a model and prepares the files for it; nothing where it is refused.
    fn prepare_for(
        &self,
        model: &Path,
        printer: &Printer,
    ) -> Result<Option<(Model, Tables)>, Error> {
        let model = Model::from_toml(&program::read(model)?)?;
        let plan = (&model).into();
        if self.refused(&plan, printer) {
            return Ok(None);
        }
        let (tables, _) = self.prepare(&plan, printer, &mut Stopwatch::start())?;
        Ok(Some((model, tables)))
    }

    /// Reads and prepares the files, timing both.
    fn prepare(
        &self,
        plan: &Plan<'_>,
        printer: &Printer,
        watch: &mut Stopwatch,
    ) -> Result<(Tables, Vec<OwnTable>), Error> {
        self.prepare_with(plan, (None, None), printer, watch)
    }

    /// Does the same, and reads the column that says who is who, and that of the source's groups.
    fn prepare_with(
        &self,
        plan: &Plan<'_>,
        (truth, group): (Option<&String>, Option<&String>),
        printer: &Printer,
        watch: &mut Stopwatch,
    ) -> Result<(Tables, Vec<OwnTable>), Error> {
        let with_truth = |file: OwnFile| OwnFile { truth: truth.cloned(), ..file };
        let (source, recipient) = (with_truth(self.source()), self.recipient().map(with_truth));
        let source = OwnFile { group: group.cloned(), ..source };
        let (tables, read) =
            own::prepare(plan.columns, plan.link, &source, recipient.as_ref(), self.threads())?;
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

/// Returns the weight from which on a model gives this probability.
fn weight_from(model: &Model, probability: f64) -> f64 {
    linkage::calibrate::weight_at(model.calibration(), linkage::weight_of(probability))
}

/// Reads a probability, which is neither 0 nor 1.
fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "write a number such as 0.95".to_owned())?;
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err("it must lie between 0 and 1, and be neither".to_owned())
    }
}

/// Returns what a record is known by: its id, or its row where it has none.
fn name(tables: &Tables, side: Side, record: RecordRef) -> Cow<'_, str> {
    match tables.id(side, record) {
        Some(id) => Cow::Borrowed(id),
        None => Cow::Owned(tables.origin(side, record).1.row().to_string()),
    }
}

/// Spells a field of a CSV file (RFC 4180).
fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

/// What every command says at its end that shows pairs or clusters.
const CANNOT_ENTER: &str =
    "A pair is something to look at. It decides nothing, and cannot enter casework.";

/// Writes seconds of each phase into what is printed as JSON.
fn seconds(watch: &Stopwatch) -> serde_json::Value {
    watch
        .laps()
        .iter()
        .map(|(phase, seconds)| ((*phase).to_owned(), (*seconds).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
