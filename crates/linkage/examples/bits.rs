//! Tells what linking comes to, to the last bit, so that two machines can be held against each other.
//!
//! `cargo run -p comity-linkage --example bits [-- FOLDER]`
//!
//! Trains, links and estimates: synthetic people with households and twins, the files of the worked example, and, where
//! `COMITY_DATA` names their folder, Febrl's data sets 3 and 4 and Splink's thousand rows. A line each: how many pairs
//! there are, and the digests of the model, of every pair with the bits of its weight and its probability, and of the
//! estimate. With a folder it writes the pairs there too. It asserts nothing: `crates/linkage/aarch64/run` compares.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use linkage::estimate::estimate;
use linkage::synth::{Plan, synthesise};
use linkage::{Link, Model, Recipe, Scorer, Side, Table, Tables, link, train};
use sha2::{Digest as _, Sha256};

mod sheet;

use sheet::read;

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let out = std::env::args().nth(1).map(PathBuf::from);
    let tell = |name: &str, text: &str, ids: [&str; 2], files: [RecordBatch; 2]| {
        tell(out.as_deref(), name, text, ids, files)
    };
    for seed in 1..=3 {
        let people = 6_000;
        let plan = Plan {
            payroll_people: people,
            caseload_people: people,
            overlap: 0.5,
            ..Plan::small(seed)
        };
        let files = synthesise(&plan)?;
        let name = format!("people-{seed}");
        let files = [files.payroll, files.caseload];
        tell(&name, include_str!("../tests/truth.toml"), ["truth_person"; 2], files)?;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits");
    let files = [read(&example.join("payroll.csv"))?, read(&example.join("caseload.csv"))?];
    let recipe = include_str!("../tests/benefits.toml");
    tell("benefits", recipe, ["row_id", "case_id"], files)?;
    let Some(data) = std::env::var_os("COMITY_DATA").map(PathBuf::from) else {
        println!("COMITY_DATA is not set, so public data was not linked");
        return Ok(());
    };
    let data = |name: &str| read(&data.join(name));
    for (name, text) in [
        ("febrl4", include_str!("../tests/febrl4.toml")),
        ("febrl4-all", include_str!("../tests/febrl4_all.toml")),
    ] {
        let files = [data("febrl4/dataset4a.csv")?, data("febrl4/dataset4b.csv")?];
        tell(name, text, ["rec_id"; 2], files)?;
    }
    let febrl3 = data("febrl3/dataset3.csv")?;
    tell("febrl3", include_str!("../tests/febrl3.toml"), ["rec_id"; 2], [febrl3.clone(), febrl3])?;
    let splink = data("fake_1000/fake_1000.csv")?;
    let model = include_str!("../tests/fake_1000.toml");
    tell("fake_1000", model, ["unique_id"; 2], [splink.clone(), splink])
}

/// Links two files, or the first alone, by a recipe or a model, and prints what came of it.
fn tell(
    out: Option<&Path>,
    name: &str,
    text: &str,
    ids: [&str; 2],
    [source, recipient]: [RecordBatch; 2],
) -> Done<()> {
    let (source, recipient) = ([source], [recipient]);
    let tables = |columns, of| match of {
        Link::Within => Tables::within(columns, Table::new(&source).with_id(ids[0])),
        Link::Between | Link::Both => Tables::between(
            columns,
            Table::new(&source).with_id(ids[0]),
            Table::new(&recipient).with_id(ids[1]),
        ),
    };
    let (tables, model) = if text.contains("\n[training]") {
        let recipe = Recipe::from_toml(text)?;
        let tables = tables(recipe.columns(), recipe.link())?;
        let model = train(&recipe, &tables)?;
        (tables, model)
    } else {
        let model = Model::from_toml(text)?;
        (tables(model.columns(), model.link())?, model)
    };
    let scorer = Scorer::new(&model, &tables)?;
    let links = link(&scorer, |_| {})?;
    let id = |side, record| tables.id(side, record).unwrap_or_default().to_owned();
    let mut pairs = Vec::new();
    for pair in &links.pairs {
        let probability = model.probability(pair.weight);
        let (source, recipient) =
            (id(Side::Source, pair.source), id(Side::Recipient, pair.recipient));
        let (weight, chance) = (pair.weight.to_bits(), probability.to_bits());
        pairs.push(format!("{source},{recipient},{weight:016x},{chance:016x}\n"));
    }
    pairs.sort_unstable();
    let pairs = pairs.concat();
    let estimated = estimate(&scorer, 1, 20)?;
    let mut told = format!("{name}: {} pairs", links.pairs.len());
    write!(told, ", model {}", digest(&model.to_toml()?))?;
    write!(told, ", pairs {}", digest(&pairs))?;
    // Every float is shown so that it reads back as the same bits.
    println!("{told}, estimate {}", digest(&format!("{estimated:?}")));
    if let Some(out) = out {
        fs::write(out.join(format!("{name}.csv")), pairs)?;
        fs::write(out.join(format!("{name}.toml")), model.to_toml()?)?;
    }
    Ok(())
}

/// The first bytes of a text's SHA-256: enough to tell two apart.
fn digest(text: &str) -> String {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(text)[..8]);
    format!("{:016x}", u64::from_be_bytes(first))
}
