//! `comity explain`: why a lead weighs what it weighs. It names levels and numbers, never a value.

use super::{Done, Which, read_leads};
use crate::clock::Clock;
use crate::printer::Printer;
use crate::report::waterfall_svg;
use crate::{Error, program, summary};
use casework::{LeadId, Store};
use linkage::Explanation;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The lead's number
    lead: String,
    /// Draws the waterfall into this file (SVG)
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The officer who reads
    #[arg(long)]
    officer: Option<String>,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let (program, mut node) = self.which.open(clock).await?;
        if let Err(refusal) = read_leads(&program, &mut node, self.officer.as_deref(), 1).await? {
            printer.refusal(&refusal);
            return Ok(Done::Refused);
        }
        let lead = node.store.lead(&LeadId::typed(&self.lead)).await?;
        if lead.returned.is_none() {
            // Levels say whether a name or a birthday is the same: of a lead that is held nobody is told.
            return Err(Error::NotDisclosed { lead: lead.found.id.to_string() });
        }
        let unreadable = || Error::OldSummary { what: "explanation" };
        let explanation: Explanation =
            serde_json::from_str(&lead.found.explanation).map_err(|_| unreadable())?;
        let run = node.store.run(&lead.cycle).await?.and_then(|run| run.summary);
        let threshold = summary::restored(run.as_deref())?.threshold.weight;
        if let Some(file) = &self.svg {
            program::write(
                file,
                &waterfall_svg(&summary::waterfall(&lead.found.id, &explanation, threshold)),
            )?;
        }
        printer.json(&explanation);
        say(printer, &lead.found.id, &explanation, threshold);
        Ok(Done::Well)
    }
}

fn say(printer: &Printer, lead: &LeadId, explanation: &Explanation, threshold: f64) {
    printer.line(&format!("lead {lead}: how its weight came about (log2 odds)"));
    printer.line("");
    parts(printer, explanation, (threshold, "a lead needs this or more"));
    printer.line("A lead is something to look at. It decides nothing.");
}

/// Prints every part of a weight, their sum, and the threshold beside it, with what that is for.
pub(super) fn parts(
    printer: &Printer,
    explanation: &Explanation,
    (threshold, meaning): (f64, &str),
) {
    printer.line(&format!(
        "{:<14} {:<27} {:>7} {:>9} {:>7} {:>7}",
        "comparison", "level", "m", "u", "part", "freq."
    ));
    printer.line(&format!(
        "{:<14} {:<27} {:>7} {:>9} {:>7.2}",
        "prior", "", "", "", explanation.prior
    ));
    for part in &explanation.parts {
        let number = |share: Option<f64>, places: usize| {
            share.map_or(String::new(), |share| format!("{share:.places$}"))
        };
        printer.line(&format!(
            "{:<14} {:<27} {:>7} {:>9} {:>7.2} {:>7.2}",
            cut(&part.comparison, 14),
            cut(&part.label, 27),
            number(part.m, 4),
            number(part.u, 6),
            part.partial_weight,
            part.frequency_part
        ));
    }
    printer.line(&format!(
        "{:<14} {:<27} {:>7} {:>9} {:>7.2}",
        "weight", "the sum of all parts", "", "", explanation.weight
    ));
    printer
        .line(&format!("{:<14} {:<27} {:>7} {:>9} {threshold:>7.2}", "threshold", meaning, "", ""));
    printer.line("");
    printer.wrapped(
        "probability ",
        &format!(
            "{:.6} that the two records are of one person, if the model is right",
            explanation.probability
        ),
    );
    for (number, class) in (1..).zip(&explanation.kin) {
        let compared = explanation.parts.iter().zip(&class.levels);
        let levels: Vec<String> = compared
            .filter_map(|(part, level)| Some(format!("{} {:.4}", part.comparison, (*level)?)))
            .collect();
        printer.wrapped(
            "            ",
            &format!(
                "{:.6} that they are kin of class {number}, of which there are {:.3} pairs for each of one person, and \
                 which reach these levels with a probability of: {}",
                class.chance,
                class.for_each_same,
                levels.join(", ")
            ),
        );
    }
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}
