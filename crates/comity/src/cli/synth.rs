//! `comity synth`: two files of synthetic people with known truth, for tests, benches and the worked example.

use super::{Done, shown};
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use linkage::synth::{self, ErrorRates, Plan, Synthesis};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// Where the payroll and the caseload are written
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
    /// Share of the payroll's people with two jobs, and so two rows
    #[arg(long, default_value_t = 0.1)]
    second_job: f64,
    /// Multiplies every usual rate of mistakes
    #[arg(long, default_value_t = 1.0)]
    mistakes: f64,
    /// Which form the files have
    #[arg(long, value_enum, default_value_t = Form::Csv)]
    form: Form,
    /// Writes only what linking needs, under the same names in both files
    #[arg(long)]
    linking_columns: bool,
}

/// How a table is written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    // RFC 4180, an empty field for what is missing.
    Csv,
    // Apache Parquet, compressed by Zstandard.
    Parquet,
}

impl Words {
    /// Asks for so many people on each side, as the demonstration does.
    pub(super) fn people(folder: &Path, people: u32) -> Words {
        Words {
            folder: folder.to_owned(),
            seed: 2027,
            payroll_people: people,
            caseload_people: people,
            overlap: 0.3,
            second_job: 0.1,
            mistakes: 1.0,
            form: Form::Csv,
            linking_columns: false,
        }
    }

    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let usual = Plan::small(self.seed);
        let plan = Plan {
            payroll_people: self.payroll_people,
            caseload_people: self.caseload_people,
            overlap: self.overlap,
            second_job: self.second_job,
            payroll_errors: scaled(&usual.payroll_errors, self.mistakes),
            caseload_errors: scaled(&usual.caseload_errors, self.mistakes),
            ..usual
        };
        let synthesis = Synthesis::new(&plan)?;
        let ending = match self.form {
            Form::Csv => "csv",
            Form::Parquet => "parquet",
        };
        let payroll = self.folder.join(format!("payroll.{ending}"));
        let caseload = self.folder.join(format!("caseload.{ending}"));
        self.write(&payroll, &mut synthesis.payroll())?;
        self.write(&caseload, &mut synthesis.caseload())?;
        let payroll_records = synthesis.payroll_records() as u64;
        let caseload_records = u64::from(self.caseload_people);
        printer.json(&serde_json::json!({
            "payroll": shown(&payroll), "caseload": shown(&caseload),
            "payroll_records": payroll_records, "caseload_records": caseload_records,
            "people_in_both": synthesis.people_in_both(), "same_pairs": synthesis.same_pairs(),
        }));
        printer.labelled(
            "payroll",
            &format!("{} ({} records)", shown(&payroll), thousands(payroll_records)),
        );
        printer.labelled(
            "caseload",
            &format!("{} ({} records)", shown(&caseload), thousands(caseload_records)),
        );
        printer.wrapped(
            "truth     ",
            &format!(
                "{} people in both, {} pairs of one person; the columns truth_… say which",
                thousands(u64::from(synthesis.people_in_both())),
                thousands(synthesis.same_pairs())
            ),
        );
        Ok(Done::Well)
    }

    /// Writes a table batch by batch, so that it never stands in memory.
    fn write(
        &self,
        path: &Path,
        batches: &mut dyn Iterator<Item = linkage::Result<RecordBatch>>,
    ) -> Result<(), Error> {
        let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
        program::write_in_pieces(path, |file| {
            let mut table = TableWriter::new(self.form, file);
            for batch in batches {
                let batch = batch?;
                let batch =
                    if self.linking_columns { synth::linking_columns(&batch)? } else { batch };
                table.write(&batch).map_err(cannot)?;
            }
            table.finish().map_err(cannot)
        })
    }
}

/// A file that a table is written to.
enum TableWriter<'a> {
    Csv { file: BufWriter<&'a mut File>, begun: bool },
    Parquet { file: Option<&'a mut File>, writer: Option<Box<ArrowWriter<&'a mut File>>> },
}

impl<'a> TableWriter<'a> {
    fn new(form: Form, file: &'a mut File) -> Self {
        match form {
            Form::Csv => Self::Csv { file: BufWriter::new(file), begun: false },
            Form::Parquet => Self::Parquet { file: Some(file), writer: None },
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match self {
            Self::Csv { file, begun } => {
                let text = csv(batch, !*begun);
                *begun = true;
                file.write_all(text.as_bytes())
            }
            Self::Parquet { file, writer } => {
                // The schema is known with the first batch.
                if let Some(file) = file.take() {
                    let properties = WriterProperties::builder()
                        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()));
                    let properties = Some(properties.build());
                    let begun = ArrowWriter::try_new(file, batch.schema(), properties)?;
                    *writer = Some(Box::new(begun));
                }
                writer.as_mut().map_or(Ok(()), |writer| writer.write(batch)).map_err(Into::into)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv { mut file, .. } => file.flush(),
            Self::Parquet { writer, .. } => {
                writer.map_or(Ok(()), |writer| writer.close().map(|_| ())).map_err(Into::into)
            }
        }
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
fn csv(batch: &RecordBatch, with_header: bool) -> String {
    let mut text = String::new();
    if with_header {
        let schema = batch.schema();
        let names: Vec<String> =
            schema.fields().iter().map(|field| quoted(field.name()).into_owned()).collect();
        text = names.join(",") + "\n";
    }
    let columns: Vec<_> =
        batch.columns().iter().map(|column| column.as_string_opt::<i32>()).collect();
    for row in 0..batch.num_rows() {
        for (at, texts) in columns.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            if let Some(texts) = texts.filter(|texts| !texts.is_null(row)) {
                text.push_str(&quoted(texts.value(row)));
            }
        }
        text.push('\n');
    }
    text
}

fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}
