//! `comity link find`: looks records up, one by one, in a file that its holder owns.
//!
//! Beside the path of the data. The file is prepared once; then each line of standard input is one record, and is answered
//! before the next is read, or in JSON all at the end. Whoever stands in the answers was asked for by name: only records at or above the model's
//! threshold are told of, a few for each, and for no more records than the floor lets one recipient ask about
//! (F4). On files of one's own nothing is counted over time; where records are held for somebody else, every look-up takes
//! a permit and counts: [`crate::run::look_up`].

use super::{CANNOT_ENTER, Done, Files, Plan};
use crate::clock::Stopwatch;
use crate::own::{self, OwnFile};
use crate::printer::Printer;
use crate::{Error, program};
use agreement::Category;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use linkage::{Index, Link, Lookup, Model, Side, Table};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most records that one call looks up: the number that the floor allows one recipient in 90 days (F4). It is the
/// project's own and not a law's.
const MOST_ASKED: usize = 100;

/// The most records that are compared with one that is asked for. A key that more share names nobody.
const MOST_COMPARED: usize = 100_000;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    /// The file that is looked in: CSV, or Parquet by its ending
    held: PathBuf,
    /// The column that its records are known by
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// Where the records stand that are looked up, one a line, as a JSON object of the file's columns; standard input,
    /// where nothing is said
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// By a model of two files, on which side of it the file stands; the recipient's, where nothing is said
    #[arg(long, value_name = "SIDE", value_parser = side)]
    held_as: Option<Side>,
    /// How many records are told of for each that is looked up, the likeliest
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
    most: u8,
    /// What stands between two fields
    #[arg(long, default_value_t = ',')]
    delimiter: char,
    /// Declares what a column is, where its name says something else: COLUMN=CATEGORY
    #[arg(long = "declare", value_name = "COLUMN=CATEGORY", value_parser = super::declaration)]
    declared: Vec<(String, Category)>,
}

fn side(text: &str) -> Result<Side, String> {
    match text {
        "source" => Ok(Side::Source),
        "recipient" => Ok(Side::Recipient),
        _ => Err("write source or recipient".to_owned()),
    }
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let model = Model::from_toml(&program::read(&self.model)?)?;
        let files = Files {
            source: self.held.clone(),
            recipient: None,
            id: self.id.clone(),
            recipient_id: None,
            delimiter: self.delimiter,
            declared: self.declared.clone(),
            threads: None,
        };
        if files.refused(&Plan::from(&model), printer) {
            return Ok(Done::Refused);
        }
        let (held, asked) = match (model.link(), self.held_as) {
            (Link::Within, None) => (Side::Source, Side::Source),
            (Link::Within, Some(_)) => {
                return Err(Error::WithoutEffect {
                    option: "--held-as",
                    of: "a model of two files",
                });
            }
            (Link::Between | Link::Both, Some(Side::Recipient) | None) => {
                (Side::Recipient, Side::Source)
            }
            (Link::Between | Link::Both, Some(Side::Source)) => (Side::Source, Side::Recipient),
        };
        let asked = own::origins(model.columns(), asked);
        let mut watch = Stopwatch::start();
        let mut index = index(&model, &files.source(), held)?;
        watch.lap("read and prepare");
        printer.labelled(
            "look in",
            &format!("{} records", crate::printer::thousands(u64::from(index.records()))),
        );
        let input: Box<dyn BufRead> = match &self.records {
            Some(path) => {
                let cannot = |source| Error::CannotRead { path: path.clone(), source };
                Box::new(std::io::BufReader::new(std::fs::File::open(path).map_err(cannot)?))
            }
            None => Box::new(std::io::stdin().lock()),
        };
        let from = self.records.clone().unwrap_or_else(|| PathBuf::from("standard input"));
        let lookup = Lookup {
            least: model.threshold(),
            most: usize::from(self.most),
            most_compared: Some(MOST_COMPARED),
        };
        let (mut told, mut count) = (Vec::new(), 0);
        for (number, line) in (1..).zip(input.lines()) {
            let line = line.map_err(|source| Error::CannotRead { path: from.clone(), source })?;
            if line.trim().is_empty() {
                continue;
            }
            if count == MOST_ASKED {
                return Ok(refused(printer, &told));
            }
            count += 1;
            let record = record(&line, &asked, &from, number)?;
            let found = index.find(&record, 0, &lookup)?;
            told.push(answer(printer, (&model, &index), number, &found));
        }
        watch.lap("look up");
        printer.json(&serde_json::json!({
            "records": index.records(), "threshold": model.threshold(), "asked": told,
            "cannot_enter_casework": true, "seconds": super::seconds(&watch),
        }));
        printer.line(CANNOT_ENTER);
        Ok(Done::Well)
    }
}

fn index(model: &Model, file: &OwnFile, held: Side) -> Result<Index, Error> {
    let (batch, _) = file.read(&own::origins(model.columns(), held))?;
    let batches = [batch];
    let table = Table::new(&batches);
    let table = match &file.id {
        Some(id) => table.with_id(id),
        None => table,
    };
    Ok(Index::new(model.clone(), held, table)?)
}

/// Says why no more is looked up, after what was told.
fn refused(printer: &Printer, told: &[Value]) -> Done {
    printer.json(&serde_json::json!({
        "refused": { "rule": "floor-f4", "most": MOST_ASKED }, "asked": told, "cannot_enter_casework": true,
    }));
    printer.labelled("refused", "a look-up is about persons who are named one by one (floor F4)");
    printer.wrapped(
        "    here: ",
        &format!(
            "more than {MOST_ASKED} records were to be looked up in one call; the number is the project's own, and no law's"
        ),
    );
    printer.wrapped(
        "    do:   ",
        "link two files that you own with `comity link link`; in records that are held for somebody else, every look-up takes a permit and counts: `comity look-up`",
    );
    Done::Refused
}

/// Reads one line as a record of the columns that are asked for.
fn record(
    line: &str,
    columns: &BTreeSet<String>,
    path: &Path,
    number: usize,
) -> Result<RecordBatch, Error> {
    let unreadable = |column: &str, wanted| Error::UnreadableCell {
        path: path.to_owned(),
        place: format!("line {number}"),
        column: column.to_owned(),
        wanted,
    };
    let wanted = "a JSON object of columns and their values";
    let Ok(Value::Object(given)) = serde_json::from_str(line) else {
        return Err(unreadable("record", wanted));
    };
    if let Some(other) = given.keys().find(|name| !columns.contains(*name)) {
        return Err(unreadable(other, "a column that the model looks at"));
    }
    let mut cells: Vec<(&str, ArrayRef)> = Vec::with_capacity(columns.len());
    for column in columns {
        let text = match given.get(column) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(unreadable(column, "a text or a number"));
            }
        };
        cells.push((column, Arc::new(StringArray::from(vec![text]))));
    }
    let cells = cells.into_iter().map(|(name, cell)| (name, cell, true));
    RecordBatch::try_from_iter_with_nullable(cells).map_err(|_| unreadable("record", wanted))
}

/// Tells what one look-up found, and returns it as a value.
fn answer(
    printer: &Printer,
    (model, index): (&Model, &Index),
    number: usize,
    found: &linkage::Found,
) -> Value {
    printer.labelled(
        "record",
        &format!("line {number}: {} found, {} compared", found.hits.len(), found.compared),
    );
    for rule in found.left_out.iter().filter_map(|rule| model.rules().get(usize::from(*rule))) {
        printer.wrapped(
            "          ",
            &format!("not looked up by `{rule}`: more than {MOST_COMPARED} would be compared"),
        );
    }
    let hits = found.hits.iter().map(|hit| {
        let name = index.id(hit.record).map_or_else(|| hit.record.row().to_string(), str::to_owned);
        let probability = model.probability(hit.weight);
        printer.line(&format!("{:>18.2}  {probability:.4}  {name}", hit.weight));
        serde_json::json!({
            "record": name, "weight": hit.weight, "probability": probability, "rule": hit.rule + 1,
        })
    });
    let hits: Vec<Value> = hits.collect();
    serde_json::json!({
        "line": number, "compared": found.compared, "found": hits,
        "rules_left_out": found.left_out.iter().map(|rule| rule + 1).collect::<Vec<_>>(),
    })
}
