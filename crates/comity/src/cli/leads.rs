//! `comity leads`: lists leads, or exports them with what was returned. Reading takes a permit, and is recorded.

use super::{Done, Which, read_leads, shown};
use crate::clock::Clock;
use crate::printer::{Printer, called, thousands};
use crate::{Error, program};
use casework::{Lead, Stage, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// Leads of this cycle only
    #[arg(long)]
    cycle: Option<String>,
    /// Leads at this stage only: open, reviewed, held, closed
    #[arg(long, value_parser = ["open", "reviewed", "held", "closed"], hide_possible_values = true)]
    stage: Option<String>,
    /// Writes the leads with their returned elements to this file, as CSV or JSON by its ending
    #[arg(long, value_name = "FILE", value_parser = exported)]
    export: Option<PathBuf>,
    /// The officer who reads
    #[arg(long)]
    officer: Option<String>,
}

/// A lead as it is listed and exported.
#[derive(serde::Serialize)]
struct Row {
    lead: String,
    cycle: String,
    stage: &'static str,
    case: String,
    weight: f64,
    probability: f64,
    opened_at: Option<String>,
    reopens: Option<String>,
    returned: BTreeMap<String, String>,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let stage = self.stage.as_deref().and_then(Stage::read);
        let (program, mut node) = self.which.open(clock).await?;
        let leads = node.store.leads(self.cycle.as_deref()).await?;
        let rows: Vec<Row> = leads
            .into_iter()
            // What is not disclosed is not the recipient's to read.
            .filter(|lead| lead.stage != Stage::Planned)
            .filter(|lead| stage.is_none_or(|stage| lead.stage == stage))
            .map(row)
            .collect();
        let count = rows.len() as u64;
        if let Err(refusal) =
            read_leads(&program, &mut node, self.officer.as_deref(), count).await?
        {
            printer.refusal(&refusal);
            return Ok(Done::Refused);
        }
        if let Some(file) = &self.export {
            let text = if ends_in(file, "json") {
                serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n"
            } else {
                csv(&rows)
            };
            program::write_private(file, &text)?;
            printer.json(&serde_json::json!({ "export": shown(file), "leads": rows.len() }));
            printer.labelled("export", &format!("{} leads to {}", rows.len(), file.display()));
            return Ok(Done::Well);
        }
        printer.json(&rows);
        list(printer, &rows, &self.which, stage);
        Ok(Done::Well)
    }
}

/// Reads the name of the file that leads are exported to: its ending says how they are written.
fn exported(text: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(text);
    if ends_in(&file, "csv") || ends_in(&file, "json") {
        Ok(file)
    } else {
        Err("leads are written as CSV or JSON: let the name end in .csv or .json".to_owned())
    }
}

fn ends_in(file: &Path, wanted: &str) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(wanted))
}

fn row(lead: Lead) -> Row {
    let disclosed = lead.returned.is_some();
    Row {
        lead: lead.found.id.to_string(),
        cycle: lead.cycle,
        stage: lead.stage.as_str(),
        // Of a lead that is held nothing is shown but that there is one.
        case: if disclosed { lead.found.case_id } else { String::new() },
        weight: lead.found.weight,
        probability: lead.found.probability,
        opened_at: lead.opened_at,
        reopens: lead.found.reopens.map(|lead| lead.to_string()),
        returned: lead.returned.unwrap_or_default(),
    }
}

fn list(printer: &Printer, rows: &[Row], which: &Which, stage: Option<Stage>) {
    if rows.is_empty() {
        return printer.line("no leads");
    }
    printer.line(&format!(
        "{:<14} {:<9} {:<16} {:>8} {:>12}",
        "lead", "stage", "case", "weight", "probability"
    ));
    // Held leads are many and tell nothing: they are counted, unless they were asked for.
    let is_listed = |row: &&Row| stage.is_some() || row.stage != Stage::Held.as_str();
    for row in rows.iter().filter(is_listed) {
        let case = if row.case.is_empty() { "not disclosed" } else { &row.case };
        printer.line(&format!(
            "{:<14} {:<9} {case:<16} {:>8.2} {:>12.6}",
            row.lead, row.stage, row.weight, row.probability
        ));
    }
    let unlisted = rows.iter().filter(|row| !is_listed(row)).count();
    if unlisted > 0 {
        let count = thousands(unlisted as u64);
        printer.line(&format!("and {count} held until the pilot is judged (--stage held)"));
    }
    printer.line("");
    let first = rows.iter().find(|row| row.stage == "open").or(rows.first());
    if let Some(first) = first {
        let out =
            which.out.as_ref().map(|out| format!(" --out {}", out.display())).unwrap_or_default();
        printer.labelled(
            "next",
            &format!("{} explain {} {}{out}", called(), which.program.display(), first.lead),
        );
    }
}

/// Spells rows as RFC 4180 CSV.
fn csv(rows: &[Row]) -> String {
    let elements: BTreeSet<&String> = rows.iter().flat_map(|row| row.returned.keys()).collect();
    let mut text = String::from("lead,cycle,stage,case,weight,probability,opened_at,reopens");
    for element in &elements {
        text.push(',');
        text.push_str(&quoted(element));
    }
    text.push_str("\r\n");
    for row in rows {
        let fixed = [
            row.lead.clone(),
            row.cycle.clone(),
            row.stage.to_owned(),
            row.case.clone(),
            row.weight.to_string(),
            row.probability.to_string(),
            row.opened_at.clone().unwrap_or_default(),
            row.reopens.clone().unwrap_or_default(),
        ];
        let returned =
            elements.iter().map(|element| row.returned.get(*element).cloned().unwrap_or_default());
        let fields: Vec<String> =
            fixed.into_iter().chain(returned).map(|field| quoted(&field)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn quoted(field: &str) -> String {
    // A spreadsheet would take a field that begins so for a formula.
    let formula = field.starts_with(['=', '+', '@'])
        || (field.starts_with('-') && field.parse::<f64>().is_err());
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_field_with_a_comma_a_quote_or_a_formula_is_safe_in_a_spreadsheet() {
        for (field, text) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("=cmd()", "'=cmd()"),
            ("-12.50", "-12.50"),
            ("-1+2", "'-1+2"),
        ] {
            assert_eq!(quoted(field), text);
        }
    }
}
