//! `comity link link`: blocks, compares and scores by a model, and writes the pairs at or above its threshold.

use super::cluster::{MOST_MEMBERS, bonds, connected_or_correlated};
use super::memory::{self, Bound, Memory};
use super::shares::Shares;
use super::{CANNOT_ENTER, Done, Files, page, pairs, probability, weight_from};
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::cluster::Members;
use linkage::{Detail, Model};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Where the pairs are written: CSV, or Parquet by its ending
    #[arg(long, value_name = "FILE", default_value = "pairs.csv")]
    out: PathBuf,
    /// Takes the pairs from this probability on, instead of the model's threshold
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    probability: Option<f64>,
    /// Where a page with the charts of this run is written (HTML); every pair is then weighed, which takes longer
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    shares: Shares,
    #[command(flatten)]
    memory: Memory,
}

impl Words {
    pub(super) fn carry_out(self, printer: &mut Printer) -> Result<Done, Error> {
        let whole =
            [("--report", self.report.is_some()), ("--individuals", self.shares.by_individuals())];
        self.memory.without(&whole)?;
        let mut model = Model::from_toml(&program::read(&self.model)?)?;
        let individuals_at = model.threshold();
        if let Some(probability) = self.probability {
            model = model.with_threshold(weight_from(&model, probability))?;
        }
        let plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        if let Some(bound) = self.memory.bound(&self.out) {
            return self.within(&bound, &model, printer);
        }
        let mut watch = Stopwatch::start();
        let (tables, read) = self.files.prepare(&plan, printer, &mut watch)?;
        let scorer = self.shares.scorer(&model, individuals_at, &tables)?;
        let detail = if self.report.is_some() { Detail::Full } else { Detail::Kept };
        let links = linkage::link_in_detail(&scorer, detail, |_| {})?;
        watch.lap("block, compare and score");
        pairs::write(&self.out, &tables, &model, &links.pairs)?;
        if let Some(path) = &self.report {
            let files = self.files.named(&read);
            let members = Members::new(&tables)?;
            let at = model.threshold();
            let bonds = bonds(&model, at, (&tables, &self.shares), &members)?;
            let clusters =
                connected_or_correlated(&members, &scorer, bonds, at, (false, MOST_MEMBERS))?;
            program::write(path, &page::report(&scorer, &links, &clusters, files)?.html()?)?;
        }
        watch.lap("write");
        printer.json(&serde_json::json!({
            "pairs": links.pairs.len(), "scored_pairs": links.scored_pairs, "all_pairs": tables.all_pairs(),
            "threads": tables.threads(), "tied_pairs": links.tied_pairs, "threshold": model.threshold(),
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
        if let Some(path) = &self.report {
            printer.labelled("report", &super::super::shown(path));
        }
        printer.line(CANNOT_ENTER);
        Ok(Done::Well)
    }

    /// Does the same in bounded memory.
    fn within(&self, bound: &Bound, model: &Model, printer: &Printer) -> Result<Done, Error> {
        let mut watch = Stopwatch::start();
        let linked = memory::link(model, &self.files, (bound, &self.shares), &self.out)?;
        watch.lap("read, block, compare, score and write");
        printer.json(&serde_json::json!({
            "pairs": linked.pairs, "tied_pairs": linked.tied_pairs, "units": linked.units, "staged_bytes": linked.staged_bytes,
            "spilled_bytes": linked.spilled_bytes, "spills": linked.spills,
            "threads": self.files.threads(), "threshold": model.threshold(),
            "out": super::super::shown(&self.out), "seconds": super::seconds(&watch),
        }));
        printer.labelled(
            "on disk",
            &format!(
                "{} bytes prepared, {} spilled",
                thousands(linked.staged_bytes),
                thousands(linked.spilled_bytes)
            ),
        );
        printer.labelled(
            "pairs",
            &format!(
                "{} at {:.2} or above, in {}",
                thousands(linked.pairs),
                model.threshold(),
                super::super::shown(&self.out)
            ),
        );
        printer.line(CANNOT_ENTER);
        Ok(Done::Well)
    }
}
