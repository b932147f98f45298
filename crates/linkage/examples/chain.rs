//! Times each step of the chain on two files of one's own: read and prepare, train, block and score.
//!
//! `cargo run --release -p comity-linkage --example chain -- RECIPE SOURCE.csv RECIPIENT.csv THREADS [MODEL]`. Where a model
//! is named and there, it is used and training is left out; where it isn't there, what was trained is written to it. The
//! files are plain: a header, commas, nothing quoted, `id` first.

#![expect(clippy::print_stdout, reason = "what an example is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "it times the steps, and nothing else reads the clock"
)]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use linkage::{
    Blocks, Detail, Intake, Model, Recipe, Scorer, Side, link_in_detail, train, weight_of,
};

/// The rows that are read before they are prepared.
const ROWS: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, source, recipient, threads, model @ ..] = arguments.as_slice() else {
        return Err("RECIPE SOURCE.csv RECIPIENT.csv THREADS [MODEL]".into());
    };
    let recipe = Recipe::from_toml(&std::fs::read_to_string(recipe)?)?;
    let threads: NonZeroUsize = threads.parse()?;
    let mut last = Instant::now();
    let mut step = |name: &str| {
        println!("{name:<24} {:8.3} s", last.elapsed().as_secs_f64());
        last = Instant::now();
    };

    let mut intake = Intake::new(recipe.columns(), recipe.link(), threads);
    for (side, path) in [(Side::Source, source), (Side::Recipient, recipient)] {
        intake = intake.with_id(side, "id");
        read(path, |batch| Ok(intake.take(side, &[batch])?))?;
    }
    step("read and prepare");
    let tables = intake.finish();
    step("put in order");

    let model = match model.first() {
        Some(path) if std::path::Path::new(path).exists() => {
            Model::from_toml(&std::fs::read_to_string(path)?)?
        }
        path => {
            let model = train(&recipe, &tables)?;
            if let Some(path) = path {
                std::fs::write(path, model.to_toml()?)?;
            }
            step("train");
            model
        }
    };
    let model = model.with_threshold(weight_of(0.01))?;
    let blocks = Blocks::new(&tables, model.rules())?;
    step("block");
    for count in blocks.counts() {
        println!("    {:>12} pairs, {:>12} new: {}", count.pairs, count.new_pairs, count.rule);
    }
    drop(blocks);
    step("count");
    let scorer = Scorer::new(&model, &tables)?;
    step("frequencies");
    for detail in [Detail::Kept, Detail::Full] {
        let links = link_in_detail(&scorer, detail, |_| {})?;
        println!("    {} scored, {} kept", links.scored_pairs, links.pairs_at_threshold);
        step(&format!("block and score, {detail:?}"));
    }
    Ok(())
}

/// Reads a file of text, so many rows at a time.
fn read(
    path: &str,
    mut take: impl FnMut(RecordBatch) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut line = String::new();
    file.read_line(&mut line)?;
    let header: Vec<String> = line.trim_end().split(',').map(str::to_owned).collect();
    loop {
        let mut columns: Vec<StringBuilder> = header.iter().map(|_| StringBuilder::new()).collect();
        let mut rows = 0;
        while rows < ROWS {
            line.clear();
            if file.read_line(&mut line)? == 0 {
                break;
            }
            for (cell, column) in line.trim_end().split(',').zip(&mut columns) {
                column.append_option(Some(cell).filter(|cell| !cell.is_empty()));
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(());
        }
        let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let named = header.iter().cloned().zip(arrays).map(|(name, array)| (name, array, true));
        take(RecordBatch::try_from_iter_with_nullable(named)?)?;
    }
}
