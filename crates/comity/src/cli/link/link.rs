//! `comity link link`: blocks, compares and scores by a model, and writes the pairs at or above its threshold.

use super::{Done, Files};
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::{Detail, Model, RecordRef, Scorer, Side, Tables, probability};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Where the pairs are written (CSV)
    #[arg(long, value_name = "FILE", default_value = "pairs.csv")]
    out: PathBuf,
    /// Takes the pairs from this probability on, instead of the model's threshold
    #[arg(long, value_name = "PROBABILITY")]
    probability: Option<f64>,
}

impl Words {
    pub(super) fn carry_out(self, printer: &mut Printer) -> Result<Done, Error> {
        let mut model = Model::from_toml(&program::read(&self.model)?)?;
        if let Some(probability) = self.probability {
            model = model.with_threshold(linkage::weight_of(probability))?;
        }
        let plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let mut watch = Stopwatch::start();
        let (tables, _) = self.files.prepare(&plan, printer, &mut watch)?;
        let scorer = Scorer::new(&model, &tables)?;
        let links = linkage::link_in_detail(&scorer, Detail::Kept, |_| {})?;
        watch.lap("block, compare and score");
        let mut text = String::from("source,recipient,weight,probability,rule\n");
        for pair in &links.pairs {
            let (left, right) = (
                name(&tables, Side::Source, pair.source),
                name(&tables, Side::Recipient, pair.recipient),
            );
            let share = probability(pair.weight);
            // The shortest spelling that reads back as the same bits.
            let _ = writeln!(text, "{left},{right},{:?},{share:?},{}", pair.weight, pair.rule);
        }
        program::write(&self.out, &text)?;
        watch.lap("write");
        printer.json(&serde_json::json!({
            "pairs": links.pairs.len(), "scored_pairs": links.scored_pairs, "threshold": model.threshold(),
            "expectation": links.expectation, "out": super::super::shown(&self.out),
            "seconds": super::seconds(&watch),
        }));
        printer.labelled(
            "compare",
            &format!(
                "{} pairs of {} possible",
                thousands(links.scored_pairs),
                thousands(tables.all_pairs())
            ),
        );
        printer.labelled(
            "pairs",
            &format!(
                "{} at {:.2} or above, in {}",
                thousands(links.pairs.len() as u64),
                model.threshold(),
                super::super::shown(&self.out)
            ),
        );
        printer
            .line("A pair is something to look at. It decides nothing, and cannot enter casework.");
        Ok(Done::Well)
    }
}

/// Spells a record's id as a CSV field, or its row where it has none.
fn name(tables: &Tables, side: Side, record: RecordRef) -> String {
    match tables.id(side, record) {
        Some(id) if id.contains([',', '"', '\r', '\n']) => {
            format!("\"{}\"", id.replace('"', "\"\""))
        }
        Some(id) => id.to_owned(),
        None => record.row().to_string(),
    }
}
