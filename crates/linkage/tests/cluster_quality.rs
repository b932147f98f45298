//! Clustering never makes public data worse: pairwise F1 of the clusters against that of the pairs they are made of.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test"
)]

mod common;

use std::collections::BTreeMap;

use common::{Sheet, febrl_person};
use linkage::cluster::{Clusters, Constraints, Members, Method, Policy, Weigher, cluster};
use linkage::{Links, Model, Recipe, Scorer, Side, Table, Tables, link, train};

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

fn of_pairs(links: &Links, threshold: f64, people: &[String]) -> F1 {
    let kept = links.pairs.iter().filter(|pair| pair.weight >= threshold);
    let right = kept
        .clone()
        .filter(|pair| people[pair.source.row() as usize] == people[pair.recipient.row() as usize]);
    F1 { right: right.count() as u64, pairs: kept.count() as u64, same: same_pairs(people) }
}

fn of_clusters(members: &Members<'_>, clusters: &Clusters, people: &[String]) -> F1 {
    let pairs = |count: u64| count * count.saturating_sub(1) / 2;
    let mut right = 0;
    for group in clusters.groups() {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for member in group {
            let (_, record) = members.record(member).unwrap();
            *counts.entry(&people[record.row() as usize]).or_insert(0) += 1;
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
        let before = of_pairs(&links, threshold, people);
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
            let after = of_clusters(&members, &clusters, people);
            line += &format!(
                ", {method:?} {:.6} ({} of {} pairs right, {} split)",
                after.value(),
                after.right,
                after.pairs,
                clusters.splits().len()
            );
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
    let recipe = include_str!("febrl4_all.toml")
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
