//! `comity synth`: two files of synthetic people with known truth, for tests, benches and the worked example.

use super::{Done, shown};
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use linkage::synth::{ErrorRates, Plan, synthesise};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// Where payroll.csv and caseload.csv are written
    folder: PathBuf,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People on the payroll
    #[arg(long, default_value_t = 1_600)]
    payroll_people: u32,
    /// People in the caseload
    #[arg(long, default_value_t = 1_500)]
    caseload_people: u32,
    /// Share of the caseload that is on the payroll too
    #[arg(long, default_value_t = 0.3)]
    overlap: f64,
    /// Multiplies every usual rate of mistakes
    #[arg(long, default_value_t = 1.0)]
    mistakes: f64,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let usual = Plan::small(self.seed);
        let plan = Plan {
            payroll_people: self.payroll_people,
            caseload_people: self.caseload_people,
            overlap: self.overlap,
            payroll_errors: scaled(&usual.payroll_errors, self.mistakes),
            caseload_errors: scaled(&usual.caseload_errors, self.mistakes),
            ..usual
        };
        let files = synthesise(&plan)?;
        let (payroll, caseload) =
            (self.folder.join("payroll.csv"), self.folder.join("caseload.csv"));
        program::write(&payroll, &csv(&files.payroll))?;
        program::write(&caseload, &csv(&files.caseload))?;
        printer.json(&serde_json::json!({
            "payroll": shown(&payroll), "caseload": shown(&caseload),
            "payroll_records": files.payroll.num_rows(), "caseload_records": files.caseload.num_rows(),
            "people_in_both": files.people_in_both, "same_pairs": files.same_pairs,
        }));
        printer.labelled(
            "payroll",
            &format!(
                "{} ({} records)",
                shown(&payroll),
                thousands(files.payroll.num_rows() as u64)
            ),
        );
        printer.labelled(
            "caseload",
            &format!(
                "{} ({} records)",
                shown(&caseload),
                thousands(files.caseload.num_rows() as u64)
            ),
        );
        printer.wrapped(
            "truth     ",
            &format!(
                "{} people in both, {} pairs of one person; the columns truth_… say which",
                thousands(u64::from(files.people_in_both)),
                thousands(files.same_pairs)
            ),
        );
        Ok(Done::Well)
    }
}

fn scaled(rates: &ErrorRates, by: f64) -> ErrorRates {
    let times = |rate: f64| (rate * by).clamp(0.0, 1.0);
    ErrorRates {
        typo: times(rates.typo),
        missing: times(rates.missing),
        swapped_names: times(rates.swapped_names),
        nickname: times(rates.nickname),
        married_name: times(rates.married_name),
        plain_name: times(rates.plain_name),
        moved: times(rates.moved),
        birth_digit: times(rates.birth_digit),
        birth_swapped: times(rates.birth_swapped),
        identifier_digit: times(rates.identifier_digit),
        identifier_missing: times(rates.identifier_missing),
    }
}

/// Spells a table of texts as RFC 4180 CSV.
fn csv(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
    let mut text = names.join(",") + "\n";
    for row in 0..batch.num_rows() {
        let fields = batch.columns().iter().map(|column| {
            let texts = column.as_string_opt::<i32>();
            texts
                .filter(|texts| !texts.is_null(row))
                .map(|texts| quoted(texts.value(row)))
                .unwrap_or_default()
        });
        text.push_str(&fields.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
