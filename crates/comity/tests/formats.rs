//! The forms agencies deliver in, end to end through the real binary: fixed width, gzip, Zstandard and Parquet bring
//! the same leads with the same returned elements as the CSV they were made from.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

mod command;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use command::Desk;
use parquet::arrow::ArrowWriter;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

const SCHEDULE: &str = "benefits/schedule.toml";
const FILES: [&str; 2] = ["payroll", "caseload"];

/// Runs the program and exports its leads.
fn leads(desk: &Desk) -> String {
    desk.call("run benefits").well();
    desk.call("leads benefits --export leads.json").well();
    desk.read("leads.json")
}

fn leads_of_csv() -> &'static str {
    static LEADS: OnceLock<String> = OnceLock::new();
    LEADS.get_or_init(|| {
        let leads = leads(&Desk::small());
        assert_eq!(leads.matches("\"lead\"").count(), 14);
        assert!(leads.contains("payroll.gross_pay"));
        leads
    })
}

/// Delivers both files in another form instead of the CSV, and runs.
fn same_leads_from(ending: &str, format: &str, convert: impl Fn(&Desk, &str, &str) -> Vec<u8>) {
    let desk = Desk::small();
    for name in FILES {
        let csv = format!("benefits/{name}.csv");
        let bytes = convert(&desk, name, &desk.read(&csv));
        std::fs::remove_file(desk.path(&csv)).unwrap();
        desk.write(&format!("benefits/{name}.{ending}"), bytes);
        let from = format!("path = \"{name}.csv\"\nformat = \"csv\"");
        let to = format!("path = \"{name}.{ending}\"\n{}", format.replace("{name}", name));
        desk.edit(SCHEDULE, &from, &to);
    }
    assert_eq!(leads(&desk), leads_of_csv());
}

fn columns(csv: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    (rows.next().unwrap(), rows.collect())
}

#[test]
fn gzip_brings_the_same_leads() {
    same_leads_from("csv.gz", "format = \"csv\"\ncompression = \"gzip\"", |_, _, csv| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(csv.as_bytes()).unwrap();
        packed.finish().unwrap()
    });
}

#[test]
fn zstandard_brings_the_same_leads_also_where_the_schedule_does_not_name_it() {
    same_leads_from("csv.zst", "format = \"csv\"", |_, _, csv| {
        zstd::encode_all(csv.as_bytes(), 1).unwrap()
    });
}

#[test]
fn parquet_brings_the_same_leads() {
    same_leads_from("parquet", "format = \"parquet\"", |_, _, csv| {
        let (names, rows) = columns(csv);
        let arrays = names.iter().enumerate().map(|(place, name)| {
            let values = rows.iter().map(|row| Some(row[place]).filter(|value| !value.is_empty()));
            (*name, Arc::new(values.collect::<StringArray>()) as ArrayRef)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(
            arrays.map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    });
}

#[test]
fn fixed_width_with_a_trailer_brings_the_same_leads() {
    let format = "format = \"fixed\"\nlayout = \"{name}.layout.toml\"";
    same_leads_from("txt", format, |desk, name, csv| {
        let (names, rows) = columns(csv);
        let widths: Vec<usize> = (0..names.len())
            .map(|place| rows.iter().map(|row| row[place].len()).max().unwrap().max(1))
            .collect();
        let length: usize = widths.iter().sum();
        let mut layout = format!(
            "record_length = {length}\n\n[trailer]\nprefix = \"TRAILER\"\n\
             rows = {{ start = 8, length = 9 }}\n"
        );
        let mut start = 1;
        for (column, width) in names.iter().zip(&widths) {
            write!(layout, "\n[[field]]\nname = \"{column}\"\nstart = {start}\nlength = {width}\n")
                .unwrap();
            start += width;
        }
        desk.write(&format!("benefits/{name}.layout.toml"), layout);
        let mut text = String::new();
        for row in &rows {
            for (value, width) in row.iter().zip(&widths) {
                // Widths count bytes, as records of fixed width do.
                text += value;
                text += &" ".repeat(width - value.len());
            }
            text += "\n";
        }
        writeln!(text, "TRAILER{:09}", rows.len()).unwrap();
        text.into_bytes()
    });
}

#[test]
fn a_fixed_width_file_that_is_not_what_its_trailer_or_layout_says_stops_the_run() {
    let desk = Desk::small();
    let from = "path = \"payroll.csv\"\nformat = \"csv\"";
    desk.edit(SCHEDULE, from, "path = \"payroll.txt\"\nformat = \"fixed\"\nlayout = \"l.toml\"");
    desk.write(
        "benefits/l.toml",
        "record_length = 10\n[trailer]\nprefix = \"T\"\nrows = { start = 2, length = 2 }\n\
         [[field]]\nname = \"first_name\"\nstart = 1\nlength = 10\n",
    );
    desk.write("benefits/payroll.txt", "Ann       \nBob       \nT03\n");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 1);
    expect_test::expect![[r"
        error: `benefits/payroll.txt` is unbalanced: 3 records are stated and 2 were read
        hint: nothing was compared; ask the source which of the two is right
    "]]
    .assert_eq(&said.err);
    desk.write("benefits/payroll.txt", "Ann       \nBob\nT02\n");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 1);
    expect_test::expect![[r"
        error: `benefits/payroll.txt`, line 2: 10 bytes expected, as in the layout, and 3 found
        hint: see that the layout is of this delivery, and that no program took off blanks at line ends
    "]].assert_eq(&said.err);
    // A trailer of fields is no trailer of a fixed-width file: it is not passed over.
    let layout = "layout = \"l.toml\"";
    let trailer = "control = { kind = \"trailer\", prefix = \"T\", count_field = 2 }";
    desk.edit(SCHEDULE, layout, &format!("{layout}\n{trailer}"));
    let said = desk.call("run benefits");
    assert_eq!(said.code, 1);
    expect_test::expect![[r"
        error: benefits/schedule.toml:10:11: `record_sets.payroll.control`: a trailer described by its fields is for `csv` only
          describe it in the layout file under `[trailer]`, or use a manifest
        hint: `comity check FILE` lists them again, each with its remedy
    "]].assert_eq(&said.err);
}
