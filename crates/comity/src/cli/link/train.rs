//! `comity link train`: learns a model by a recipe, without labels.

use super::memory::{self, Bound, Memory};
use super::people::People;
use super::{Done, Files, pairs};
use crate::clock::Stopwatch;
use crate::printer::{Printer, short, thousands};
use crate::{Error, program};
use linkage::{Model, Recipe};
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
    /// Takes every m from pairs that people judged (CSV): source, recipient, and same; those of one individual count
    #[arg(long, value_name = "FILE", conflicts_with = "same_by")]
    labels: Option<PathBuf>,
    /// Takes every m from the pairs of records that a column of both files says are of one individual
    #[arg(long, value_name = "COLUMN")]
    same_by: Option<String>,
    #[command(flatten)]
    memory: Memory,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let by_labels =
            [("--labels", self.labels.is_some()), ("--same-by", self.same_by.is_some())];
        self.memory.without(&by_labels)?;
        let mut recipe = Recipe::from_toml(&program::read(&self.recipe)?)?;
        let plan = (&recipe).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        if let Some(bound) = self.memory.bound(&self.out) {
            return self.within(&bound, &recipe, printer);
        }
        let mut watch = Stopwatch::start();
        let columns = (self.same_by.as_ref(), None);
        let (tables, read) = self.files.prepare_with(&plan, columns, printer, &mut watch)?;
        if let Some(path) = &self.labels {
            let judged = pairs::judged(path, &tables)?;
            let same = judged.iter().filter(|pair| pair.said > 0.5);
            let same: Vec<_> = same.map(|pair| (pair.source, pair.recipient)).collect();
            recipe = linkage::with_m_from_labels(&recipe, &tables, &same)?;
        } else if self.same_by.is_some() {
            let same = People::of(&tables, &read).same_pairs(&tables);
            recipe = linkage::with_m_from_labels(&recipe, &tables, &same)?;
        }
        let model = linkage::train(&recipe, &tables)?;
        watch.lap("train");
        let records: Vec<u64> = read.iter().map(|table| table.records).collect();
        self.tell(&model, &records, &watch, printer)?;
        Ok(Done::Well)
    }

    /// Does the same in bounded memory.
    fn within(&self, bound: &Bound, recipe: &Recipe, printer: &Printer) -> Result<Done, Error> {
        let mut watch = Stopwatch::start();
        let (model, records) = memory::train(recipe, &self.files, bound)?;
        watch.lap("read, prepare and train");
        self.tell(&model, &records, &watch, printer)?;
        Ok(Done::Well)
    }

    /// Writes the model, and tells of it.
    fn tell(
        &self,
        model: &Model,
        records: &[u64],
        watch: &Stopwatch,
        printer: &Printer,
    ) -> Result<(), Error> {
        program::write(&self.out, &model.to_toml()?)?;
        let digest = model.digest()?.to_string();
        let expectation = model.training().map(|training| training.expectation);
        printer.json(&serde_json::json!({
            "model": super::super::shown(&self.out), "digest": digest, "prior": model.prior(),
            "threshold": model.threshold(), "threads": self.files.threads(), "expectation": expectation,
            "rare_levels": model.training().map(|training| &training.rare), "seconds": super::seconds(watch),
        }));
        let records: Vec<String> = records.iter().map(|count| thousands(*count)).collect();
        printer.labelled("read", &format!("{} records", records.join(" and ")));
        printer
            .labelled("model", &format!("{} ({})", super::super::shown(&self.out), short(&digest)));
        printer.labelled("threshold", &format!("{:.2}", model.threshold()));
        for (place, level) in model.training().iter().flat_map(|one| &one.rare).enumerate() {
            let said = format!(
                "`{}`, level `{}`: {} random pairs came to it, and it could not be counted over all; its u stands on these",
                level.comparison,
                level.level,
                thousands(level.seen)
            );
            printer.wrapped(if place == 0 { "rare      " } else { "          " }, &said);
        }
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
        Ok(())
    }
}
