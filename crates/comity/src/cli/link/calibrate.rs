//! `comity link calibrate`: takes reviewed pairs into a model's probabilities, and writes another model.
//!
//! Beside the path of the data. No weight moves, so every explanation stays what it was; what weights stand for does, and
//! with it the probabilities, what is expected, and the digest.

use super::shares::Shares;
use super::{Done, Files, pairs};
use crate::clock::Stopwatch;
use crate::printer::{Printer, short, thousands};
use crate::{Error, program};
use linkage::calibrate::{Judged, recalibrate};
use linkage::{Model, score_given};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Pairs that people judged (CSV): source, recipient, and same, which is `yes` or `no`. All that were drawn by
    /// chance, never those that somebody picked
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Where the other model is written
    #[arg(long, value_name = "FILE", default_value = "calibrated.toml")]
    out: PathBuf,
    #[command(flatten)]
    shares: Shares,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let model = Model::from_toml(&program::read(&self.model)?)?;
        let plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let (tables, _) = self.files.prepare(&plan, printer, &mut Stopwatch::start())?;
        let scorer = self.shares.scorer(&model, model.threshold(), &tables)?;
        let named = pairs::judged(&self.labels, &tables)?;
        let both: Vec<_> = named.iter().map(|pair| (pair.source, pair.recipient)).collect();
        let judged: Vec<Judged> = score_given(&scorer, &both)?
            .into_iter()
            .zip(&named)
            .map(|(given, pair)| Judged { weight: given.weight, same: pair.said, pairs: 1.0 })
            .collect();
        let other = recalibrate(&model, &judged)?;
        program::write(&self.out, &other.to_toml()?)?;
        let [before, after] = [model.digest()?.to_string(), other.digest()?.to_string()];
        let at = |model: &Model| model.probability(model.threshold());
        let same = judged.iter().filter(|one| one.same > 0.5).count() as u64;
        printer.json(&serde_json::json!({
            "judged": judged.len(), "same": same, "before": before, "digest": after,
            "threshold": model.threshold(), "probability_before": at(&model), "probability": at(&other),
            "model": super::super::shown(&self.out),
        }));
        printer.wrapped(
            "judged    ",
            &format!(
                "{} pairs, {} of them of one individual",
                thousands(judged.len() as u64),
                thousands(same)
            ),
        );
        printer.wrapped(
            "at the threshold ",
            &format!("a probability of {:.3}, which was {:.3}", at(&other), at(&model)),
        );
        printer.wrapped(
            "model     ",
            &format!(
                "{} ({}), made of {}",
                super::super::shown(&self.out),
                short(&after),
                short(&before)
            ),
        );
        Ok(Done::Well)
    }
}
