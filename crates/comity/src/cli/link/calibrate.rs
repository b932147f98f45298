//! `comity link calibrate`: takes reviewed pairs into a model's probabilities, and writes another model.
//!
//! Beside the path of the data. No weight moves, so every explanation stays what it was; what weights stand for does, and
//! with it the probabilities, what is expected, and the digest.

use super::shares::Shares;
use super::{Done, Files, pairs};
use crate::printer::{Printer, short, thousands};
use crate::{Error, program};
use linkage::Model;
use linkage::calibrate::{Judged, recalibrate};
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
        let Some((model, tables)) = self.files.prepare_for(&self.model, printer)? else {
            return Ok(Done::Refused);
        };
        let scorer = self.shares.scorer(&model, model.threshold(), &tables)?;
        let judged = pairs::judged_and_weighed(&self.labels, &scorer)?;
        let judged: Vec<Judged> = judged
            .into_iter()
            .map(|(given, same)| Judged { weight: given.weight, same, pairs: 1.0 })
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
