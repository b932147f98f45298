//! Links per record and decoys against a truth: on synthetic people by replicates, and on public data.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test; what replicates came to is to be read"
)]

mod common;

use std::collections::BTreeSet;
use std::ops::Range;

use arrow_array::{RecordBatch, UInt32Array};
use common::{Sheet, febrl_person};
use linkage::estimate::{
    Estimate, Interval, Whole, by_decoys, by_links_per_record, estimate, made_up,
};
use linkage::model::OneToOne;
use linkage::synth::{Plan, synthesise};
use linkage::{
    Error, Frequencies, Link, Model, Pair, Recipe, Scorer, Side, Table, Tables, link, train,
};

/// How often intervals hold the truth.
#[derive(Debug, Default)]
struct Tally {
    replicates: f64,
    held: f64,
    width: f64,
    error: f64,
}

impl Tally {
    fn add(&mut self, truth: f64, said: Interval) {
        self.replicates += 1.0;
        self.held += f64::from(u8::from(holds(said, truth)));
        self.width += said.high - said.low;
        self.error += said.value - truth;
    }

    fn tell(&self, what: &str) -> f64 {
        let share = self.held / self.replicates;
        println!(
            "{what}: {} of {} hold the truth; mean width {:.4}, mean error {:+.5}",
            self.held,
            self.replicates,
            self.width / self.replicates,
            self.error / self.replicates
        );
        share
    }
}

fn holds(interval: Interval, truth: f64) -> bool {
    interval.low <= truth + 1e-12 && truth <= interval.high + 1e-12
}

/// What is so of a model's links at its threshold: precision before and after one-to-one, and recall before it.
#[derive(Debug)]
struct Truth {
    precision: f64,
    kept_precision: f64,
    recall: f64,
}

/// Links by a model and holds its links against who the records are of, leaving decoys out.
fn truth(
    scorer: &Scorer<'_>,
    same: impl Fn(&str, &str) -> bool,
    all: f64,
    decoys: &Range<u32>,
) -> Truth {
    let (model, tables) = (scorer.model(), scorer.tables());
    let every = model.with_one_to_one(OneToOne::Off).unwrap();
    let again = Frequencies::of_others(tables, model.comparisons(), decoys).unwrap();
    let every = Scorer::with_frequencies(&every, tables, again).unwrap();
    let is_real = |pair: &&Pair| {
        let between = model.link() == Link::Between;
        !decoys.contains(&pair.source.row()) && (between || !decoys.contains(&pair.recipient.row()))
    };
    let right = |pairs: &[Pair]| {
        let real: Vec<&Pair> = pairs.iter().filter(is_real).collect();
        let is_right = |pair: &&&Pair| {
            same(
                tables.id(Side::Source, pair.source).unwrap(),
                tables.id(Side::Recipient, pair.recipient).unwrap(),
            )
        };
        (real.iter().filter(is_right).count() as f64, real.len() as f64)
    };
    let (of_all, links) = right(&link(&every, |_| {}).unwrap().pairs);
    let (of_kept, kept) = right(&link(scorer, |_| {}).unwrap().pairs);
    Truth { precision: of_all / links, kept_precision: of_kept / kept, recall: of_all / all }
}

fn take(batch: &RecordBatch, rows: &[u32]) -> RecordBatch {
    let rows = UInt32Array::from(rows.to_vec());
    let columns =
        batch.columns().iter().map(|column| arrow::compute::take(column, &rows, None).unwrap());
    RecordBatch::try_new(batch.schema(), columns.collect()).unwrap()
}

fn ids(batch: &RecordBatch, column: &str) -> Vec<String> {
    use arrow_array::cast::AsArray;
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().map(|cell| cell.unwrap_or("").to_owned()).collect()
}

/// Divides the source's records: of those without a partner, every second is a decoy that stands behind all others.
fn with_held_out(
    source: &RecordBatch,
    recipient: &RecordBatch,
    id: &str,
) -> (RecordBatch, Range<u32>) {
    let there: BTreeSet<String> = ids(recipient, id).into_iter().collect();
    let (mut rest, mut decoys, mut seen) = (Vec::new(), Vec::new(), 0);
    for (row, person) in (0..).zip(ids(source, id)) {
        let alone = !there.contains(&person);
        seen += u32::from(alone);
        if alone && seen % 2 == 0 { decoys.push(row) } else { rest.push(row) }
    }
    let from = u32::try_from(rest.len()).unwrap();
    let range = from..from + u32::try_from(decoys.len()).unwrap();
    (take(source, &[rest, decoys].concat()), range)
}

const NONE: Range<u32> = 0..0;

/// Replicates of synthetic people with households and twins, as `truth.rs` has them.
#[test]
fn links_per_record_and_decoys_hold_the_truth_on_synthetic_people() {
    let long = std::env::var_os("COMITY_LONG").is_some();
    let recipe = Recipe::from_toml(include_str!("truth.toml")).unwrap();
    let names = [
        "links",
        "links, kept",
        "links, recall",
        "held out",
        "held out, kept",
        "held out, recall",
        "made up",
        "made up, kept",
    ];
    let mut tallies: Vec<Tally> = names.iter().map(|_| Tally::default()).collect();
    for seed in 1..=if long { 200 } else { 8 } {
        let plan = Plan {
            payroll_people: 20_000,
            caseload_people: 20_000,
            overlap: 0.5,
            ..Plan::small(seed)
        };
        let files = synthesise(&plan).unwrap();
        let id = "truth_person";
        let recipient = [files.caseload];
        let between = |source: &[RecordBatch]| {
            Tables::between(
                recipe.columns(),
                Table::new(source).with_id(id),
                Table::new(&recipient).with_id(id),
            )
            .unwrap()
        };
        let source = [files.payroll];
        let tables = between(&source);
        let model = train(&recipe, &tables).unwrap();
        let scorer = Scorer::new(&model, &tables).unwrap();
        let all = files.same_pairs as f64;
        let so = truth(&scorer, |one, other| one == other, all, &NONE);
        let known = Some(Whole { pairs: all, error: 0.0 });
        let at = [model.threshold()];
        let links = &by_links_per_record(&scorer, &at, known, seed, 100).unwrap()[0];
        let made = made_up(&model, &source, 20_000, seed).unwrap();
        let mut results = vec![
            (so.precision, links.precision),
            (so.kept_precision, links.kept_precision),
            (so.recall, links.recall.unwrap()),
        ];

        let (mixed, decoys) = with_held_out(&source[0], &recipient[0], id);
        let tables = between(&[mixed]);
        let held_out = frequencies(&model, &tables, &decoys);
        let less = truth(&held_out, |one, other| one == other, all, &decoys);
        let said = &by_decoys(&held_out, &decoys, &at, known).unwrap()[0];
        results.extend([
            (less.precision, said.precision),
            (less.kept_precision, said.kept_precision.unwrap()),
            (less.recall, said.recall.unwrap()),
        ]);

        let from = u32::try_from(source[0].num_rows()).unwrap();
        let tables = between(&[source[0].clone(), made]);
        let decoys = from..from + 20_000;
        let made_up = frequencies(&model, &tables, &decoys);
        let said = &by_decoys(&made_up, &decoys, &at, known).unwrap()[0];
        results.extend([
            (so.precision, said.precision),
            (so.kept_precision, said.kept_precision.unwrap()),
        ]);
        if seed == 1 {
            println!("{so:?}\n{links:?}\n{said:?}");
        }
        for (tally, (truth, said)) in tallies.iter_mut().zip(results) {
            tally.add(truth, said);
        }
    }
    for (name, tally) in names.iter().zip(&tallies) {
        let held = tally.tell(name);
        if name.starts_with("made up") {
            // Nobody made up is a twin: too few false links, which is said where they are offered.
            assert!((0.0..0.002).contains(&(tally.error / tally.replicates)), "{name}: {tally:?}");
            continue;
        }
        // Of eight, two may miss: three would do so once in 170 times if each holds 95 times in 100.
        let held_enough = if long { (0.92..=1.0).contains(&held) } else { held >= 0.75 };
        assert!(held_enough, "{name}: {tally:?}");
        assert!(tally.width / tally.replicates <= 0.03, "{name}: {tally:?}");
    }
}

fn frequencies<'t>(model: &'t Model, tables: &'t Tables, decoys: &Range<u32>) -> Scorer<'t> {
    let shares = Frequencies::of_others(tables, model.comparisons(), decoys).unwrap();
    Scorer::with_frequencies(model, tables, shares).unwrap()
}

#[test]
fn febrl4_by_every_method() {
    let Some(source) = Sheet::read("febrl4/dataset4a.csv") else { return };
    let Some(recipient) = Sheet::read("febrl4/dataset4b.csv") else { return };
    let recipe = Recipe::from_toml(include_str!("febrl4.toml")).unwrap();
    let (source, recipient) = ([source.batch()], [recipient.batch()]);
    let between = |source: &[RecordBatch]| {
        Tables::between(
            recipe.columns(),
            Table::new(source).with_id("rec_id"),
            Table::new(&recipient).with_id("rec_id"),
        )
        .unwrap()
    };
    let tables = between(&source);
    let model = train(&recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let same = |one: &str, other: &str| febrl_person(one) == febrl_person(other);
    let so = truth(&scorer, same, 5_000.0, &NONE);
    let said = estimate(&scorer, 1, 200).unwrap();
    // Every original has its duplicate.
    let all = Some(Whole { pairs: 5_000.0, error: 0.0 });
    let links = &by_links_per_record(&scorer, &[model.threshold()], all, 1, 200).unwrap()[0];
    let made = made_up(&model, &source, 5_000, 1).unwrap();
    let tables = between(&[source[0].clone(), made]);
    let decoys = 5_000..10_000;
    let with = frequencies(&model, &tables, &decoys);
    let by = &by_decoys(&with, &decoys, &[model.threshold()], all).unwrap()[0];
    println!("febrl4 {so:?}\nestimate {said:?}\nlinks {links:?}\nmade up {by:?}");
    for (what, said, truth) in [
        ("second hits", said.precision, so.kept_precision),
        ("two lists", said.recall, so.recall),
        ("links", links.precision, so.precision),
        ("links, kept", links.kept_precision, so.kept_precision),
        ("links, recall", links.recall.unwrap(), so.recall),
        ("made up", by.precision, so.precision),
        ("made up, kept", by.kept_precision.unwrap(), so.kept_precision),
        ("made up, recall", by.recall.unwrap(), so.recall),
    ] {
        assert!(holds(said, truth), "{what}: {said:?} {truth}");
    }
}

/// One table by the model's own reckoning and by decoys.
fn within(
    name: &str,
    recipe: &Recipe,
    batch: &RecordBatch,
    id: &str,
    decoys: &RecordBatch,
    person: fn(&str) -> &str,
) -> (Truth, Estimate, linkage::estimate::ByDecoys) {
    let one = [batch.clone()];
    let tables = Tables::within(recipe.columns(), Table::new(&one).with_id(id)).unwrap();
    let model = train(recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let mut people = std::collections::BTreeMap::new();
    let of_records = ids(batch, id);
    for record in &of_records {
        *people.entry(person(record).to_owned()).or_insert(0u64) += 1;
    }
    let all = people.values().map(|count| count * (count - 1) / 2).sum::<u64>() as f64;
    let so = truth(&scorer, |one, other| person(one) == person(other), all, &NONE);
    let said = estimate(&scorer, 1, 200).unwrap();
    let refused = by_links_per_record(&scorer, &[0.0], None, 1, 10);
    assert!(matches!(refused, Err(Error::SeveralPartners)));
    let from = u32::try_from(batch.num_rows()).unwrap();
    let rows = from..from + u32::try_from(decoys.num_rows()).unwrap();
    let both = [batch.clone(), decoys.clone()];
    let tables = Tables::within(recipe.columns(), Table::new(&both).with_id(id)).unwrap();
    let with = frequencies(&model, &tables, &rows);
    let by = by_decoys(&with, &rows, &[model.threshold()], Some(said.all)).unwrap()[0];
    println!("{name}: {so:?}\nestimate {said:?}\ndecoys {by:?}");
    (so, said, by)
}

#[test]
fn febrl3_by_its_model_and_by_decoys_of_another_file() {
    let Some(sheet) = Sheet::read("febrl3/dataset3.csv") else { return };
    let Some(other) = Sheet::read("febrl4/dataset4a.csv") else { return };
    let recipe = Recipe::from_toml(include_str!("febrl3.toml")).unwrap();
    // People of another draw of the same generator, whose columns stand in another order.
    let other = other.batch();
    let batch = sheet.batch();
    let columns = batch
        .schema()
        .fields()
        .iter()
        .map(|field| other.column_by_name(field.name()).unwrap().clone())
        .collect();
    let decoys = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let (so, said, by) = within("febrl3", &recipe, &batch, "rec_id", &decoys, febrl_person);
    for (what, said, truth) in [
        ("model", said.precision, so.precision),
        ("two lists", said.recall, so.recall),
        ("decoys", by.precision, so.precision),
        ("decoys, recall", by.recall.unwrap(), so.recall),
    ] {
        assert!(holds(said, truth), "{what}: {said:?} {truth}");
    }
}

#[test]
fn h50k_by_its_model_and_by_decoys_made_up() {
    let Some(sheet) = Sheet::read(common::H50K) else { return };
    let recipe = Recipe::from_toml(include_str!("h50k.toml")).unwrap();
    let batch = sheet.batch();
    let one = [batch.clone()];
    let tables = Tables::within(recipe.columns(), Table::new(&one).with_id("unique_id")).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let decoys = made_up(&model, &one, 20_000, 1).unwrap();
    let (so, said, by) = within("h50k", &recipe, &batch, "unique_id", &decoys, |id| {
        id.split('-').next().unwrap_or_default()
    });
    // None of the four intervals holds the truth here (docs/benchmarks.md). Of precision both say too little, the model
    // since nothing in one table corrects its probabilities, and decoys since each was given a home of some ten records.
    // Of recall both say too much: what is full of mistakes fails every list at once.
    assert!(so.precision >= said.precision.low && so.precision >= by.precision.low, "{so:?}");
    assert!(said.precision.value > so.precision - 0.02, "{said:?}");
    assert!(by.precision.value > so.precision - 0.02, "{by:?}");
}
