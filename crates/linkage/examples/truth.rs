//! Holds a model trained without labels against the truth of synthetic files, or of two files with a truth column.
//!
//! `cargo run -p comity-linkage --example truth -- RECIPE (synth PEOPLE OVERLAP SEED | SOURCE.csv RECIPIENT.csv TRUTH)`
//!
//! Prints precision and recall at the threshold and at 0.95, the best F1 over all thresholds, and calibration in ten
//! bins; with `WITHOUT_KIN` set, again without the classes of kin. It is a bench of truth, and no way to link anything.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fs;
use std::path::Path;

use arrow_array::RecordBatch;
use linkage::synth::{Plan, synthesise};
use linkage::{Link, Model, Pair, Recipe, Scorer, Side, Table, Tables, link, settle, train};

mod sheet;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (recipe, source, recipient, truth) = match words.as_slice() {
        [recipe, "synth", people, overlap, seed] => {
            let people = people.parse()?;
            let plan = Plan {
                payroll_people: people,
                caseload_people: people,
                overlap: overlap.parse()?,
                ..Plan::small(seed.parse()?)
            };
            let files = synthesise(&plan)?;
            (*recipe, files.payroll, Some(files.caseload), "truth_person")
        }
        [recipe, source, recipient, truth] => (
            *recipe,
            sheet::read(Path::new(source))?,
            Some(sheet::read(Path::new(recipient))?),
            *truth,
        ),
        [recipe, table, truth] => (*recipe, sheet::read(Path::new(table))?, None, *truth),
        _ => {
            return Err(
                "usage: RECIPE (synth PEOPLE OVERLAP SEED | SOURCE [RECIPIENT] TRUTH)".into()
            );
        }
    };
    let recipe = Recipe::from_toml(&fs::read_to_string(recipe)?)?;
    let source = [source];
    let recipient: Vec<RecordBatch> = recipient.into_iter().collect();
    let from = Table::new(&source).with_id(truth);
    let tables = match recipe.link() {
        Link::Between => {
            Tables::between(recipe.columns(), from, Table::new(&recipient).with_id(truth))?
        }
        Link::Within => Tables::within(recipe.columns(), from)?,
        Link::Both => Tables::both(recipe.columns(), from, Table::new(&recipient).with_id(truth))?,
    };
    let model = train(&recipe, &tables)?;
    if std::env::var_os("SHOW_MODEL").is_some() {
        println!("{}", model.to_toml()?);
    }
    for (index, class) in model.kin().iter().enumerate() {
        println!("kin {}: {:.4} for each same", index + 1, class.for_each_same);
        for (comparison, levels) in model.comparisons().iter().zip(&class.levels) {
            let levels: Vec<String> = levels.iter().map(|share| format!("{share:.5}")).collect();
            println!("    {:<12} {}", comparison.name, levels.join(" "));
        }
    }
    println!("prior {:e}, threshold {:.2}", model.prior(), model.threshold());
    let same = count_same(&tables);
    report("with kin", &model, &tables, same)?;
    if !model.kin().is_empty() && std::env::var_os("WITHOUT_KIN").is_some() {
        let text = model.to_toml()?;
        let plain = without_kin(&text);
        report("without kin", &Model::from_toml(&plain)?, &tables, same)?;
    }
    Ok(())
}

/// The model's text less its classes of kin.
fn without_kin(text: &str) -> String {
    let mut kept = String::new();
    let mut skip = false;
    for line in text.lines() {
        if line.starts_with('[') {
            skip = line == "[[kin]]" || line == "[[calibration]]";
        }
        if !skip {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

fn report(name: &str, model: &Model, tables: &Tables, all_same: u64) -> Result<(), Box<dyn Error>> {
    println!("--- {name}");
    let scorer = Scorer::new(model, tables)?;
    let links = link(&scorer, |_| {})?;
    let right = |pair: &Pair| {
        person(tables, Side::Source, pair.source.row())
            == person(tables, Side::Recipient, pair.recipient.row())
    };
    let measure = |name: &str, pairs: &[Pair]| {
        let good = pairs.iter().filter(|pair| right(pair)).count() as f64;
        println!(
            "{name}: {} pairs, precision {:.5}, recall {:.5}, false {}",
            pairs.len(),
            good / pairs.len() as f64,
            good / all_same as f64,
            pairs.len() as f64 - good
        );
    };
    measure("at the threshold, one-to-one applied", &links.pairs);
    println!("   expected precision {:.5}", links.expectation.expected_precision);
    let text = model
        .with_threshold(-20.0)?
        .to_toml()?
        .replace(&format!("one_to_one = \"{}\"", policy(model)), "one_to_one = \"off\"");
    let off = Model::from_toml(&text)?;
    let all = link(&Scorer::new(&off, tables)?, |_| {})?.pairs;
    let kept = settle(tables, model.one_to_one(), all.clone()).pairs;
    for (name, mut pairs) in [("all pairs", all), ("one-to-one", kept)] {
        println!(
            "{name}: blocking finds {}",
            pairs.iter().filter(|pair| right(pair)).count() as f64 / all_same as f64
        );
        let at: Vec<Pair> =
            pairs.iter().filter(|pair| model.probability(pair.weight) >= 0.95).copied().collect();
        measure("  at 0.95", &at);
        let mut bins = [(0u64, 0u64, 0.0); 10];
        for pair in &pairs {
            let chance = model.probability(pair.weight);
            let place = (1..10).take_while(|tenth| chance * 10.0 >= f64::from(*tenth)).count();
            let bin = &mut bins[place];
            bin.0 += 1;
            bin.1 += u64::from(right(pair));
            bin.2 += chance;
        }
        for (index, (count, good, chance)) in bins.iter().enumerate().skip(1) {
            let (count, good) = (*count as f64, *good as f64);
            println!(
                "  bin {:.1}: {count:>7} pairs, expected {:.3}, true {:.3}",
                index as f64 / 10.0,
                chance / count,
                good / count
            );
        }
        pairs.sort_by(|one, other| other.weight.total_cmp(&one.weight));
        let (mut good, mut best) = (0.0, (0.0, 0.0, 0.0, 0.0));
        let mut marks = vec![0.99, 0.987, 0.98, 0.97, 0.96, 0.95, 0.93];
        for (count, pair) in (1..).zip(&pairs) {
            good += f64::from(u8::from(right(pair)));
            let (precision, recall) = (good / f64::from(count), good / all_same as f64);
            let f1 = 2.0 * precision * recall / (precision + recall);
            if f1 > best.0 {
                best = (f1, precision, recall, pair.weight);
            }
            while marks.last().is_some_and(|mark| recall >= *mark) {
                print!(
                    "  false at recall {}: {};",
                    marks.pop().unwrap_or(0.0),
                    f64::from(count) - good
                );
            }
        }
        println!(
            "\n  best F1 {:.5} (precision {:.5}, recall {:.5}) at weight {:.2}",
            best.0, best.1, best.2, best.3
        );
    }
    Ok(())
}

fn policy(model: &Model) -> &'static str {
    match model.one_to_one() {
        linkage::model::OneToOne::Off => "off",
        linkage::model::OneToOne::Greedy => "greedy",
        linkage::model::OneToOne::Optimal => "optimal",
        linkage::model::OneToOne::EachSource => "each_source",
    }
}

fn person(tables: &Tables, side: Side, row: u32) -> String {
    let id = tables.id(side, linkage::RecordRef::new(row)).unwrap_or("");
    // Febrl's ids are `rec-N-org` and `rec-N-dup-M`.
    id.strip_prefix("rec-").map_or(id, |rest| rest.split('-').next().unwrap_or(rest)).to_owned()
}

fn count_same(tables: &Tables) -> u64 {
    let count = |side| {
        let mut people: std::collections::HashMap<String, u64> = std::collections::HashMap::new();
        for row in 0..tables.records(side) {
            *people.entry(person(tables, side, row)).or_insert(0) += 1;
        }
        people
    };
    let left = count(Side::Source);
    match tables.link() {
        Link::Between => {
            let right = count(Side::Recipient);
            left.iter().map(|(person, count)| count * right.get(person).unwrap_or(&0)).sum()
        }
        Link::Within | Link::Both => left.values().map(|count| count * (count - 1) / 2).sum(),
    }
}
