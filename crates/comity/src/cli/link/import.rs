//! `comity link import`: a model of Splink's settings, and what differs.

use super::{Done, probability};
use crate::printer::{Printer, short};
use crate::{Error, program};
use linkage::splink::{Difference, ImportOptions, import};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// Splink's settings (JSON), of version 3, 4 or 5
    settings: PathBuf,
    /// Where the model is written
    #[arg(long, value_name = "FILE", default_value = "model.toml")]
    out: PathBuf,
    /// Keeps pairs from this probability on; settings have no threshold, and Splink keeps every pair
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    probability: Option<f64>,
    /// What the model is called, instead of what the settings call themselves
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Compares texts by characters, and not by bytes as DuckDB does
    #[arg(long)]
    characters: bool,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let usual = ImportOptions::default();
        let options = ImportOptions {
            name: self.name,
            threshold: self.probability.map_or(usual.threshold, linkage::weight_of),
            characters: self.characters,
        };
        let imported = import(&program::read(&self.settings)?, &options)?;
        let model = &imported.model;
        program::write(&self.out, &model.to_toml()?)?;
        let digest = model.digest()?.to_string();
        let out = super::super::shown(&self.out);
        printer.json(&serde_json::json!({
            "model": out, "digest": digest, "id": imported.id_column, "threshold": model.threshold(),
            "differences": json(&imported.report),
        }));
        let (comparisons, rules) = (model.comparisons().len(), model.rules().len());
        printer.labelled("model", &format!("{out} ({})", short(&digest)));
        printer.labelled("holds", &format!("{comparisons} comparisons, {rules} rules"));
        tell(printer, &imported.report);
        printer.wrapped(
            "next      ",
            &format!("comity link link {out} FILE [FILE] --id {}", imported.id_column),
        );
        Ok(Done::Well)
    }
}

/// Lists differences, those that change most first.
pub(super) fn tell(printer: &Printer, report: &[Difference]) {
    let mut report: Vec<&Difference> = report.iter().collect();
    report.sort_by_key(|difference| std::cmp::Reverse(difference.changes));
    for difference in report {
        printer.line("");
        printer.wrapped("differs   ", &format!("{}: {}", difference.place, difference.changes));
        printer.wrapped("    splink: ", &difference.splink);
        printer.wrapped("    comity: ", &difference.comity);
        if !difference.remedy.is_empty() {
            printer.wrapped("    do:     ", &difference.remedy);
        }
    }
    printer.line("");
}

/// Puts differences into what is printed as JSON.
pub(super) fn json(report: &[Difference]) -> serde_json::Value {
    let one = |difference: &Difference| {
        serde_json::json!({
            "place": difference.place, "changes": difference.changes.to_string(),
            "splink": difference.splink, "comity": difference.comity, "remedy": difference.remedy,
        })
    };
    report.iter().map(one).collect()
}
