//! `comity link train`: learns a model by a recipe, without labels.

use super::{Done, Files};
use crate::clock::Stopwatch;
use crate::printer::{Printer, short, thousands};
use crate::{Error, program};
use linkage::Recipe;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The recipe (TOML)
    recipe: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Where the model is written
    #[arg(long, value_name = "FILE", default_value = "model.toml")]
    out: PathBuf,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let recipe = Recipe::from_toml(&program::read(&self.recipe)?)?;
        let plan = (&recipe).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let mut watch = Stopwatch::start();
        let (tables, read) = self.files.prepare(&plan, printer, &mut watch)?;
        let model = linkage::train(&recipe, &tables)?;
        watch.lap("train");
        program::write(&self.out, &model.to_toml()?)?;
        let digest = model.digest()?.to_string();
        let expectation = model.training().map(|training| training.expectation);
        printer.json(&serde_json::json!({
            "model": super::super::shown(&self.out), "digest": digest, "prior": model.prior(),
            "threshold": model.threshold(), "threads": tables.threads(), "expectation": expectation, "seconds": super::seconds(&watch),
        }));
        let records: Vec<String> = read.iter().map(|table| thousands(table.records)).collect();
        printer.labelled("read", &format!("{} records", records.join(" and ")));
        printer
            .labelled("model", &format!("{} ({})", super::super::shown(&self.out), short(&digest)));
        printer.labelled("threshold", &format!("{:.2}", model.threshold()));
        if let Some(expected) = expectation {
            printer.wrapped(
                "expected  ",
                &format!(
                    "{} pairs at or above it, {:.1} % of them of one individual, by the model's own reckoning",
                    thousands(expected.pairs),
                    expected.expected_precision * 100.0
                ),
            );
        }
        Ok(Done::Well)
    }
}
