//! Reads the public data sets that the acceptance tests run on, and reckons precision and recall.
//!
//! The data isn't part of the project. Its folder is named by `COMITY_DATA`; where that isn't set, each test says that
//! it did not run. See `data/README.md` there for sources and licences.

#![expect(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]
#![expect(clippy::expect_used, reason = "it is a part of tests, outside any")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use linkage::{Pair, Side, Tables};

/// Historical figures with errors, 50,578 rows of some 5,000 people: `historical_figures_with_errors_50k.parquet` of
/// splink_datasets (MIT), written as CSV with DuckDB's `copy`. A data folder may lack it.
pub const H50K: &str = "h50k/h50k.csv";

/// The thousand rows that Splink's own tests of training run on, from its repository (MIT).
pub const SPLINK_DEMO: &str = "splink/fake_1000_from_splink_demos.csv";

/// Files that a data folder may lack.
const OPTIONAL: [&str; 2] = [H50K, SPLINK_DEMO];

/// A table of strings, read from a file or made by a test.
pub struct Sheet {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Reads a file of the data folder, or says that the test doesn't run.
    pub fn read(name: &str) -> Option<Self> {
        let mut sheet = Self::read_as_it_stands(name)?;
        for cell in sheet.rows.iter_mut().flatten().chain(&mut sheet.header) {
            *cell = cell.trim().to_owned();
        }
        Some(sheet)
    }

    /// Does the same, and keeps blanks around values.
    pub fn read_as_it_stands(name: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os("COMITY_DATA") else {
            // Past the capture of tests that pass, so that somebody sees it.
            let note = format!("did not run: COMITY_DATA is not set, so there is no `{name}`\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
            return None;
        };
        let path = PathBuf::from(folder).join(name);
        if OPTIONAL.contains(&name) && !path.exists() {
            let note = format!("did not run: the data folder has no `{name}`\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
            return None;
        }
        let text = std::fs::read_to_string(&path).expect("the data folder holds the file");
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let header = fields(lines.next().expect("a header"));
        let rows: Vec<Vec<String>> = lines.map(fields).collect();
        assert!(rows.iter().all(|row| row.len() == header.len()), "every row has every column");
        Some(Self { header, rows })
    }

    pub fn new(header: &[&str], rows: &[&[&str]]) -> Self {
        let owned = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        Self { header: owned(header), rows: rows.iter().map(|row| owned(row)).collect() }
    }

    /// The sheet as one record batch of text, empty cells being null.
    pub fn batch(&self) -> RecordBatch {
        let column = |index: usize| -> ArrayRef {
            let cells = self
                .rows
                .iter()
                .map(|row| Some(row[index].as_str()).filter(|cell| !cell.is_empty()));
            Arc::new(cells.collect::<StringArray>())
        };
        let columns =
            self.header.iter().enumerate().map(|(index, name)| (name.clone(), column(index), true));
        RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
    }

    pub fn cells(&self, name: &str) -> Vec<&str> {
        let index = self.header.iter().position(|column| column == name).expect("the column");
        self.rows.iter().map(|row| row[index].as_str()).collect()
    }
}

/// The fields of a line, of which some may be quoted.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => {
                let last = fields.len() - 1;
                fields[last].push(other);
            }
        }
    }
    fields
}

/// How good the pairs are against the truth.
#[derive(Debug)]
pub struct Quality {
    pub pairs: usize,
    pub right: usize,
    pub precision: f64,
    pub recall: f64,
}

/// Reckons the quality of pairs, `truth` saying whether two ids are the same individual.
pub fn quality(
    tables: &Tables,
    pairs: &[Pair],
    all_same: usize,
    truth: impl Fn(&str, &str) -> bool,
) -> Quality {
    let mut seen = BTreeSet::new();
    let right = pairs
        .iter()
        .filter(|pair| seen.insert((pair.source, pair.recipient)))
        .filter(|pair| {
            let one = tables.id(Side::Source, pair.source).expect("an id");
            let other = tables.id(Side::Recipient, pair.recipient).expect("an id");
            truth(one, other)
        })
        .count();
    assert_eq!(seen.len(), pairs.len(), "no pair comes twice");
    Quality {
        pairs: pairs.len(),
        right,
        precision: right as f64 / pairs.len() as f64,
        recall: right as f64 / all_same as f64,
    }
}

/// The number in `rec-N-org` or `rec-N-dup-M`.
pub fn febrl_person(id: &str) -> &str {
    id.split('-').nth(1).expect("a number")
}
