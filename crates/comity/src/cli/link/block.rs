//! `comity link block`: how many pairs each rule would make, without making them. Where a rule asks too much of records too
//! unlike to be counted so, the number is an estimate, and says so. On request it writes the pairs too, unweighed.

use super::{Done, Files, Method, blocked};
use crate::Error;
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use linkage::Blocks;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The recipe or the model (TOML)
    method: PathBuf,
    #[command(flatten)]
    files: Files,
    /// Writes the pairs that the rules make, each with the first rule that makes it and without a weight (CSV or, with an
    /// ending of `.parquet`, Parquet)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let method = Method::read(&self.method)?;
        let plan = method.plan();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let mut watch = Stopwatch::start();
        let (tables, _) = self.files.prepare(&plan, printer, &mut watch)?;
        let blocks = Blocks::new(&tables, plan.rules)?;
        let counts = blocks.counts();
        watch.lap("count");
        let written =
            self.out.as_deref().map(|out| blocked::write(out, &tables, &blocks)).transpose()?;
        if written.is_some() {
            watch.lap("write");
        }
        let all = tables.all_pairs();
        printer.json(&serde_json::json!({
            "all_pairs": all,
            "rules": counts.iter().map(|rule| serde_json::json!({
                "rule": rule.rule, "pairs": rule.pairs, "new_pairs": rule.new_pairs,
                "cumulative_pairs": rule.cumulative_pairs, "records_without_key": rule.keyless,
                "largest_blocks": rule.largest_blocks, "estimated": rule.estimated,
            })).collect::<Vec<_>>(),
            "written": written, "seconds": super::seconds(&watch),
        }));
        printer.line(&format!(
            "{:>11} {:>11} {:>11} {:>9}  rule",
            "pairs", "new", "together", "largest"
        ));
        for rule in &counts {
            let said = |pairs: u64| {
                let about = if rule.estimated { "~" } else { "" };
                format!("{about}{}", thousands(pairs))
            };
            printer.line(&format!(
                "{:>11} {:>11} {:>11} {:>9}  {}",
                said(rule.pairs),
                said(rule.new_pairs),
                said(rule.cumulative_pairs),
                thousands(rule.largest_blocks.first().copied().unwrap_or(0)),
                rule.rule
            ));
        }
        let made = counts.last().map_or(0, |rule| rule.cumulative_pairs);
        let about = if counts.iter().any(|rule| rule.estimated) { "About " } else { "" };
        printer.line(&format!("{about}{} of {} possible pairs", thousands(made), thousands(all)));
        if let (Some(written), Some(out)) = (written, &self.out) {
            let shown = super::super::shown(out);
            printer.labelled("pairs", &format!("{shown}: {}", thousands(written)));
            printer.line(super::CANNOT_ENTER);
        }
        Ok(Done::Well)
    }
}
