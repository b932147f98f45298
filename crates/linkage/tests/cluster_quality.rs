//! Clustering never makes public data worse: pairwise F1 of the clusters against that of the pairs they are made of.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test"
)]

mod common;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use common::{Sheet, febrl_person};
use std::fmt::Write as _;

use linkage::cluster::{Clusters, Constraints, Members, Method, Policy, Weigher, cluster};
use linkage::synth::{Plan, synthesise};
use linkage::{Link, Links, Model, Recipe, RecordRef, Scorer, Side, Table, Tables, link, train};

/// How well pairs find those of the same individual.
struct F1 {
    right: u64,
    pairs: u64,
    same: u64,
}

impl F1 {
    fn value(&self) -> f64 {
        2.0 * self.right as f64 / (self.pairs + self.same) as f64
    }
}

/// Who a record is of. Of two tables, the people of the recipient's stand behind those of the source's.
fn person<'p>(
    tables: &Tables,
    people: &'p [String],
    (side, record): (Side, RecordRef),
) -> &'p String {
    let behind = side == Side::Recipient && tables.link() == Link::Between;
    let before = if behind { tables.records(Side::Source) } else { 0 };
    &people[(before + record.row()) as usize]
}

fn of_pairs(links: &Links, tables: &Tables, threshold: f64, people: &[String]) -> F1 {
    let kept = links.pairs.iter().filter(|pair| pair.weight >= threshold);
    let right = kept.clone().filter(|pair| {
        person(tables, people, (Side::Source, pair.source))
            == person(tables, people, (Side::Recipient, pair.recipient))
    });
    F1 { right: right.count() as u64, pairs: kept.count() as u64, same: same_pairs(people) }
}

fn of_clusters(
    clusters: &Clusters,
    (tables, members): (&Tables, &Members<'_>),
    people: &[String],
) -> F1 {
    let pairs = |count: u64| count * count.saturating_sub(1) / 2;
    let mut right = 0;
    for group in clusters.groups() {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for member in group {
            let record = members.record(member).unwrap();
            *counts.entry(person(tables, people, record)).or_insert(0) += 1;
        }
        right += counts.into_values().map(pairs).sum::<u64>();
    }
    F1 { right, pairs: clusters.pairs(), same: same_pairs(people) }
}

fn same_pairs(people: &[String]) -> u64 {
    let mut counts: BTreeMap<&String, u64> = BTreeMap::new();
    for person in people {
        *counts.entry(person).or_insert(0) += 1;
    }
    counts.into_values().map(|count| count * (count - 1) / 2).sum()
}

/// Clusters at several thresholds, by every method, and returns F1 before and after for the usual one.
fn compare(name: &str, scorer: &Scorer<'_>, people: &[String]) -> Vec<(f64, f64)> {
    let links = link(scorer, |_| {}).unwrap();
    let members = Members::new(scorer.tables()).unwrap();
    let bonds = members.bonds(&links.pairs).unwrap();
    let mut weigher = Weigher::new(scorer).unwrap();
    let mut both = Vec::new();
    for threshold in [-8.0, -5.0, -2.0, 0.0, 2.0, 4.25, 6.65, 10.0, 15.0] {
        let before = of_pairs(&links, scorer.tables(), threshold, people);
        let mut line = format!("{name} at {threshold}: pairs {:.6}", before.value());
        for method in [Method::Connected, Method::Correlation] {
            let policy = Policy { method, ..Policy::new(threshold) };
            let clusters = cluster(
                members.count(),
                bonds.clone(),
                &policy,
                &Constraints::none(),
                |one, other| weigher.weight(one, other),
            )
            .unwrap();
            let after = of_clusters(&clusters, (scorer.tables(), &members), people);
            write!(
                line,
                ", {method:?} {:.6} ({} of {} pairs right, {} split)",
                after.value(),
                after.right,
                after.pairs,
                clusters.splits().len()
            )
            .unwrap();
            if method == Method::default() {
                both.push((before.value(), after.value()));
            }
        }
        println!("{line}");
    }
    both
}

#[test]
fn clusters_of_fake_1000_are_no_worse_than_its_pairs() {
    let Some(sheet) = Sheet::read("fake_1000/fake_1000.csv") else {
        return;
    };
    let model = Model::from_toml(include_str!("fake_1000.toml")).unwrap();
    let batches = [sheet.batch()];
    let tables =
        Tables::within(model.columns(), Table::new(&batches).with_id("unique_id")).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let people: Vec<String> = sheet.cells("cluster").into_iter().map(str::to_owned).collect();
    for (before, after) in compare("fake_1000", &scorer, &people) {
        assert!(after >= before, "{after} is below {before}");
    }
}

#[test]
fn clusters_of_febrl3_are_no_worse_than_its_pairs() {
    let Some(sheet) = Sheet::read("febrl3/dataset3.csv") else {
        return;
    };
    let swapped = r#"
[[rule]]
keys = [{ column = "given_name", against = "surname" }, { column = "surname", against = "given_name" }]"#;
    let recipe = include_str!("febrl4_all.toml")
        .replace(swapped, "")
        .replace("link = \"between\"", "link = \"within\"")
        .replace("one_to_one = \"optimal\"", "one_to_one = \"off\"")
        .replace("threshold = { target_precision = 0.99 }", "threshold = { weight = -20.0 }");
    let recipe = Recipe::from_toml(&recipe).unwrap();
    let batches = [sheet.batch()];
    let tables = Tables::within(recipe.columns(), Table::new(&batches).with_id("rec_id")).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let id = |row| tables.id(Side::Source, linkage::RecordRef::new(row)).unwrap();
    let people: Vec<String> =
        (0..tables.records(Side::Source)).map(|row| febrl_person(id(row)).to_owned()).collect();
    for (before, after) in compare("febrl3", &scorer, &people) {
        assert!(after >= before, "{after} is below {before}");
    }
}

#[test]
fn clusters_of_febrl4_are_no_worse_than_its_pairs() {
    let (Some(source), Some(recipient)) =
        (Sheet::read("febrl4/dataset4a.csv"), Sheet::read("febrl4/dataset4b.csv"))
    else {
        return;
    };
    let people: Vec<String> = [&source, &recipient]
        .into_iter()
        .flat_map(|sheet| sheet.cells("rec_id"))
        .map(|id| febrl_person(id).to_owned())
        .collect();
    let (source, recipient) = ([source.batch()], [recipient.batch()]);
    for text in [include_str!("febrl4.toml"), include_str!("febrl4_all.toml")] {
        let recipe = text
            .replace("one_to_one = \"optimal\"", "one_to_one = \"off\"")
            .replace("threshold = { target_precision = 0.99 }", "threshold = { weight = -20.0 }");
        let recipe = Recipe::from_toml(&recipe).unwrap();
        let (source, recipient) = (Table::new(&source), Table::new(&recipient));
        let tables = Tables::between(recipe.columns(), source, recipient).unwrap();
        let model = train(&recipe, &tables).unwrap();
        let scorer = Scorer::new(&model, &tables).unwrap();
        for (before, after) in compare(recipe.name(), &scorer, &people) {
            assert!(after >= before, "{after} is below {before}");
        }
    }
}

/// The tables of h50k and a model trained on them, which keeps pairs from this threshold on.
fn h50k(sheet: &Sheet, threshold: &str) -> (Tables, Model) {
    let recipe = include_str!("h50k.toml").replace("threshold = { probability = 0.95 }", threshold);
    let recipe = Recipe::from_toml(&recipe).unwrap();
    let batches = [sheet.batch()];
    let tables = Tables::within(recipe.columns(), Table::new(&batches)).unwrap();
    let model = train(&recipe, &tables).unwrap();
    (tables, model)
}

#[test]
fn clusters_of_h50k_are_no_worse_than_its_pairs() {
    let Some(sheet) = Sheet::read(common::H50K) else { return };
    let (tables, model) = h50k(&sheet, "threshold = { weight = -10.0 }");
    let scorer = Scorer::new(&model, &tables).unwrap();
    let people: Vec<String> = sheet.cells("cluster").into_iter().map(str::to_owned).collect();
    for (before, after) in compare("h50k", &scorer, &people) {
        assert!(after >= before, "{after} is below {before}");
    }
}

#[test]
fn no_cluster_of_h50k_passes_the_bound_unless_somebody_says_so() {
    let Some(sheet) = Sheet::read(common::H50K) else { return };
    let (tables, model) = h50k(&sheet, "threshold = { weight = -10.0 }");
    let scorer = Scorer::new(&model, &tables).unwrap();
    let links = link(&scorer, |_| {}).unwrap();
    let members = Members::new(&tables).unwrap();
    let bonds = members.bonds(&links.pairs).unwrap();
    let largest = |policy: &Policy| {
        let none = Constraints::none();
        let clusters = cluster(members.count(), bonds.clone(), policy, &none, |_, _| None).unwrap();
        clusters.groups().iter().map(Vec::len).max().unwrap()
    };
    // At a probability of 0.5 the components are small by themselves; at one in a thousand one is a giant.
    for (threshold, giant) in [(0.0, false), (-10.0, true)] {
        let bounded = Policy { method: Method::Connected, ..Policy::new(threshold) };
        let unbounded = largest(&Policy { most_members: None, ..bounded });
        println!("h50k at {threshold}: the largest component has {unbounded} records");
        assert_eq!(unbounded > 100, giant, "{unbounded}");
        assert!(largest(&bounded) <= 100);
        assert!(largest(&Policy::new(threshold)) <= 100);
    }
}

/// One table of both synthetic files, the columns of the one named as those of the other.
fn joined(payroll: &RecordBatch, caseload: &RecordBatch) -> Sheet {
    let columns = [
        ("first_name", "given_name"),
        ("last_name", "surname"),
        ("dob", "birth_date"),
        ("street", "address"),
        ("postcode", "postcode"),
        ("telephone", "phone"),
        ("identifier", "identifier"),
        ("truth_person", "truth_person"),
    ];
    let cells = |batch: &RecordBatch, name: &str| -> Vec<String> {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|cell| cell.unwrap_or("").to_owned()).collect()
    };
    let mut all: Vec<Vec<String>> = Vec::new();
    for (one, other) in columns {
        let mut column = cells(payroll, one);
        column.extend(cells(caseload, other));
        all.push(column);
    }
    let rows = (0..all[0].len()).map(|row| all.iter().map(|column| column[row].clone()).collect());
    Sheet { header: columns.map(|(name, _)| name.to_owned()).to_vec(), rows: rows.collect() }
}

#[test]
fn clusters_of_synthetic_households_are_no_worse_than_their_pairs() {
    let plan = Plan { payroll_people: 5_000, caseload_people: 4_000, ..Plan::small(11) };
    let files = synthesise(&plan).unwrap();
    let sheet = joined(&files.payroll, &files.caseload);
    // The same columns, rules and comparisons within one table, the names of the payroll standing for both.
    let recipe: String = include_str!("benefits.toml")
        .lines()
        .filter(|line| !line.starts_with("recipient = ") && !line.contains("against"))
        .map(|line| line.replace("source = ", "from = ") + "\n")
        .collect::<String>()
        .replace("[[rule]]\n\n", "\n")
        .replace("link = \"between\"", "link = \"within\"")
        .replace("one_to_one = \"each_source\"", "one_to_one = \"off\"")
        .replace("threshold = { target_precision = 0.98 }", "threshold = { weight = -20.0 }");
    let recipe = Recipe::from_toml(&recipe).unwrap();
    let batches = [sheet.batch()];
    let tables = Tables::within(recipe.columns(), Table::new(&batches)).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let people: Vec<String> = sheet.cells("truth_person").into_iter().map(str::to_owned).collect();
    for (before, after) in compare("synthetic", &scorer, &people) {
        assert!(after >= before, "{after} is below {before}");
    }
}
