//! Acceptance on Febrl's data sets 3 and 4, by models trained without labels: duplicates within a file of 5,000, and two
//! files of 5,000 people linked.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test"
)]

mod common;

use common::{Sheet, febrl_person, quality};
use linkage::{Recipe, Scorer, Table, Tables, link, train};

/// The threshold of the recipes' files, and the one that the aim is stated for.
const OWN_RULE: &str = "{ target_precision = 0.99 }";
const AT_95: &str = "{ probability = 0.95 }";

fn link_febrl4(recipe: &str, least_recall: f64) -> Option<()> {
    let recipe = Recipe::from_toml(&recipe.replace(OWN_RULE, AT_95)).unwrap();
    let source = [Sheet::read("febrl4/dataset4a.csv")?.batch()];
    let recipient = [Sheet::read("febrl4/dataset4b.csv")?.batch()];
    let (source, recipient) =
        (Table::new(&source).with_id("rec_id"), Table::new(&recipient).with_id("rec_id"));
    let tables = Tables::between(recipe.columns(), source, recipient).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let links = link(&scorer, |_| {}).unwrap();
    println!("{:?}", links.expectation);
    let quality = quality(&tables, &links.pairs, 5_000, |one, other| {
        febrl_person(one) == febrl_person(other)
    });
    println!("{}: {quality:?}", recipe.name());
    assert!(quality.precision >= 0.998, "{quality:?}");
    assert!(quality.recall >= least_recall, "{quality:?}");
    Some(())
}

#[test]
fn febrl4_links_by_ordinary_columns_alone() {
    link_febrl4(include_str!("febrl4.toml"), 0.998);
}

#[test]
fn febrl4_links_by_all_its_columns() {
    link_febrl4(include_str!("febrl4_all.toml"), 0.9992);
}

#[test]
fn febrl3_finds_its_duplicates() {
    let recipe = Recipe::from_toml(include_str!("febrl3.toml")).unwrap();
    let Some(sheet) = Sheet::read("febrl3/dataset3.csv") else { return };
    let batch = [sheet.batch()];
    let tables = Tables::within(recipe.columns(), Table::new(&batch).with_id("rec_id")).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let links = link(&Scorer::new(&model, &tables).unwrap(), |_| {}).unwrap();
    let mut people = std::collections::BTreeMap::new();
    for id in sheet.cells("rec_id") {
        *people.entry(febrl_person(id)).or_insert(0usize) += 1;
    }
    let all = people.values().map(|count| count * (count - 1) / 2).sum();
    let quality =
        quality(&tables, &links.pairs, all, |one, other| febrl_person(one) == febrl_person(other));
    println!("febrl3: {quality:?}");
    let f1 = 2.0 * quality.precision * quality.recall / (quality.precision + quality.recall);
    assert!(f1 >= 0.99, "{f1} {quality:?}");
}
