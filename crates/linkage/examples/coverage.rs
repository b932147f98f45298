//! How often the intervals of label-free precision and recall hold the truth, over synthetic files of many seeds.
//!
//! `cargo run -p comity-linkage --example coverage -- RECIPE PEOPLE OVERLAP REPLICATES [FIRST_SEED]`
//!
//! Each replicate makes two files, trains without labels, links, estimates, and is then held against the truth column.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;

use linkage::estimate::{Interval, estimate};
use linkage::synth::{Plan, synthesise};
use linkage::{Recipe, Scorer, Side, Table, Tables, link, train};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, people, overlap, replicates, rest @ ..] = words.as_slice() else {
        return Err("usage: RECIPE PEOPLE OVERLAP REPLICATES [FIRST_SEED]".into());
    };
    let recipe = Recipe::from_toml(&std::fs::read_to_string(recipe)?)?;
    let (people, overlap, replicates): (u32, f64, u64) =
        (people.parse()?, overlap.parse()?, replicates.parse()?);
    let first: u64 = rest.first().map_or(Ok(1), |seed| seed.parse())?;
    let mut tallies = [Tally::default(), Tally::default()];
    for seed in first..first + replicates {
        let plan =
            Plan { payroll_people: people, caseload_people: people, overlap, ..Plan::small(seed) };
        let files = synthesise(&plan)?;
        let (source, recipient) = ([files.payroll], [files.caseload]);
        let tables = Tables::between(
            recipe.columns(),
            Table::new(&source).with_id("truth_person"),
            Table::new(&recipient).with_id("truth_person"),
        )?;
        let model = train(&recipe, &tables)?;
        let scorer = Scorer::new(&model, &tables)?;
        let links = link(&scorer, |_| {})?;
        let right = links
            .pairs
            .iter()
            .filter(|pair| {
                tables.id(Side::Source, pair.source) == tables.id(Side::Recipient, pair.recipient)
            })
            .count() as f64;
        let said = estimate(&scorer, seed, 100)?;
        let truth = [right / links.pairs.len() as f64, right / files.same_pairs as f64];
        println!(
            "{seed}: precision {:.4} in {}, recall {:.4} in {}; same {} said {:.0} + {:.0}",
            truth[0],
            show(said.precision),
            truth[1],
            show(said.recall),
            files.same_pairs,
            said.same_pairs,
            said.missed_by_rules
        );
        tallies[0].add(truth[0], said.precision);
        tallies[1].add(truth[1], said.recall);
    }
    for (name, tally) in ["precision", "recall"].iter().zip(&tallies) {
        let count = tally.count;
        println!(
            "{name}: {} of {count} held, {} below, {} above; mean width {:.4}, mean error {:+.4}",
            tally.held,
            tally.below,
            tally.above,
            tally.width / count,
            tally.error / count
        );
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    count: f64,
    held: f64,
    below: f64,
    above: f64,
    width: f64,
    error: f64,
}

impl Tally {
    fn add(&mut self, truth: f64, said: Interval) {
        self.count += 1.0;
        self.width += said.high - said.low;
        self.error += said.value - truth;
        if truth < said.low {
            self.below += 1.0;
        } else if truth > said.high {
            self.above += 1.0;
        } else {
            self.held += 1.0;
        }
    }
}

fn show(interval: Interval) -> String {
    format!("{:.4} ({:.4} to {:.4})", interval.value, interval.low, interval.high)
}
