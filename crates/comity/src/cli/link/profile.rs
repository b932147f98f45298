//! `comity link profile`: what the columns of a file hold, before anybody writes a recipe.

use super::Done;
use crate::Error;
use crate::own::OwnFile;
use crate::printer::{Printer, thousands};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

/// How many of the most frequent values are shown.
const SHOWN: usize = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The files: CSV, or Parquet by its ending
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What stands between two fields
    #[arg(long, default_value_t = ',')]
    delimiter: char,
    /// Shows the most frequent values of each column; they are people's data
    #[arg(long)]
    show_values: bool,
}

/// What one column holds.
#[derive(Debug, serde::Serialize)]
struct Profile {
    column: String,
    records: u64,
    missing: u64,
    distinct: u64,
    /// How many records have each of the most frequent values.
    most_frequent: Vec<u64>,
    /// The probability that two records that have a value have the same one, by chance.
    same_by_chance: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let mut told = Vec::new();
        for path in &self.files {
            let delimiter = u8::try_from(self.delimiter).unwrap_or(b',');
            let file =
                OwnFile { path: path.clone(), id: None, truth: None, group: None, delimiter };
            let columns = file.columns()?;
            let (batch, table) = file.read(&columns.iter().cloned().collect::<BTreeSet<_>>())?;
            let profiles: Vec<Profile> = columns
                .into_iter()
                .filter_map(|column| {
                    let texts = batch.column_by_name(&column)?.as_string_opt::<i32>()?;
                    Some(self.profile(column, texts))
                })
                .collect();
            let shown = super::super::shown(path);
            tell(printer, &format!("{shown}: {} records", thousands(table.records)), &profiles);
            told.push(serde_json::json!({
                "file": shown, "records": table.records, "digest": table.digest.to_string(), "columns": profiles,
            }));
        }
        printer.json(&told);
        Ok(Done::Well)
    }

    fn profile(&self, column: String, texts: &arrow_array::StringArray) -> Profile {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for text in texts.iter().flatten() {
            *counts.entry(text.trim()).or_insert(0) += 1;
        }
        let present: u64 = counts.values().sum();
        let pairs = |count: u64| count as f64 * (count as f64 - 1.0);
        let agreeing: f64 = counts.values().map(|count| pairs(*count)).sum();
        let distinct = counts.len() as u64;
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        counts.truncate(SHOWN);
        let values = if self.show_values {
            counts.iter().map(|(value, _)| (*value).to_owned()).collect()
        } else {
            Vec::new()
        };
        Profile {
            column,
            records: texts.len() as u64,
            missing: texts.len() as u64 - present,
            distinct,
            most_frequent: counts.iter().map(|(_, count)| *count).collect(),
            same_by_chance: if present > 1 { agreeing / pairs(present) } else { 0.0 },
            values,
        }
    }
}

fn tell(printer: &Printer, heading: &str, profiles: &[Profile]) {
    printer.line(heading);
    printer.line(&format!(
        "{:<24} {:>9} {:>12} {:>12} {:>14}",
        "column", "missing", "distinct", "most often", "same by chance"
    ));
    for profile in profiles {
        let share = profile.missing as f64 / (profile.records as f64).max(1.0) * 100.0;
        printer.line(&format!(
            "{:<24} {:>7.1} % {:>12} {:>12} {:>14.7}",
            profile.column.chars().take(24).collect::<String>(),
            share,
            thousands(profile.distinct),
            thousands(profile.most_frequent.first().copied().unwrap_or(0)),
            profile.same_by_chance
        ));
        for (value, count) in profile.values.iter().zip(&profile.most_frequent) {
            printer.wrapped("    ", &format!("{value} ({})", thousands(*count)));
        }
    }
}
