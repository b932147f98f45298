//! `comity link score`: weighs pairs that a file names, whether or not a rule makes them.

use super::shares::Shares;
use super::{CANNOT_ENTER, Done, Files, pairs};
use crate::Error;
use crate::printer::{Printer, thousands};
use linkage::{Blocks, Pair, score_given};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The pairs (CSV): source and recipient
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// Where they are written with their weights: CSV, or Parquet by its ending. The rule is 0 where none makes the pair
    #[arg(long, value_name = "FILE", default_value = "scored.csv")]
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
        let blocks = Blocks::new(&tables, model.rules())?;
        let named = pairs::named(&self.pairs, &tables)?;
        let weighed: Vec<Pair> = score_given(&scorer, &named)?
            .into_iter()
            .map(|given| Pair {
                source: given.source,
                recipient: given.recipient,
                rule: blocks.first_rule(given.source, given.recipient).unwrap_or(pairs::NO_RULE),
                pattern: given.pattern,
                weight: given.weight,
            })
            .collect();
        pairs::write(&self.out, &tables, &model, &weighed)?;
        let count = |is: &dyn Fn(&Pair) -> bool| weighed.iter().filter(|pair| is(pair)).count();
        let above = count(&|pair| pair.weight >= model.threshold());
        let unmade = count(&|pair| pair.rule == pairs::NO_RULE);
        printer.json(&serde_json::json!({
            "pairs": weighed.len(), "at_threshold": above, "made_by_no_rule": unmade,
            "out": super::super::shown(&self.out),
        }));
        printer.wrapped(
            "pairs     ",
            &format!(
                "{}, {} at {:.2} or above, {} that no rule makes, in {}",
                thousands(weighed.len() as u64),
                thousands(above as u64),
                model.threshold(),
                thousands(unmade as u64),
                super::super::shown(&self.out)
            ),
        );
        printer.line(CANNOT_ENTER);
        Ok(Done::Well)
    }
}
