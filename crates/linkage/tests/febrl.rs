//! Acceptance on Febrl data set 4: two files of 5,000 people, linked by a model trained without labels.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test"
)]

mod common;

use common::{Sheet, febrl_person, quality};
use linkage::{Recipe, Scorer, Table, Tables, link, train};

fn link_febrl4(recipe: &str) -> Option<()> {
    let recipe = Recipe::from_toml(recipe).unwrap();
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
    assert!(quality.precision >= 0.99, "{quality:?}");
    assert!(quality.recall >= 0.99, "{quality:?}");
    Some(())
}

#[test]
fn febrl4_links_by_ordinary_columns_alone() {
    link_febrl4(include_str!("febrl4.toml"));
}

#[test]
fn febrl4_links_by_all_its_columns() {
    link_febrl4(include_str!("febrl4_all.toml"));
}
