//! Acceptance on Febrl's data sets 3 and 4, by models trained without labels: duplicates within a file of 5,000, and two
//! files of 5,000 people linked.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test"
)]

mod common;

use common::{Sheet, febrl_person, quality};
use linkage::{Model, Recipe, Scorer, Side, Table, Tables, link, train};

/// The threshold of the recipes' files, and the one that the aim is stated for.
const OWN_RULE: &str = "{ target_precision = 0.99 }";
const AT_95: &str = "{ probability = 0.95 }";

fn link_febrl4(text: &str, least_recall: f64) -> Option<()> {
    let recipe = Recipe::from_toml(&text.replace(OWN_RULE, AT_95)).unwrap();
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
    let best = best_f1(&tables, &model);
    println!("best F1 before one-to-one: {best:.4}");
    assert!(best >= 0.9996, "{best}");
    Some(())
}

/// The best F1 at any threshold, all pairs at or above it being kept.
fn best_f1(tables: &Tables, model: &Model) -> f64 {
    let every =
        model.to_toml().unwrap().replace("one_to_one = \"optimal\"", "one_to_one = \"off\"");
    let every = Model::from_toml(&every).unwrap().with_threshold(-10.0).unwrap();
    let mut pairs = link(&Scorer::new(&every, tables).unwrap(), |_| {}).unwrap().pairs;
    pairs.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    let id = |side, record| febrl_person(tables.id(side, record).unwrap());
    let (mut right, mut best) = (0.0, 0.0f64);
    for (place, pair) in (1..).zip(&pairs) {
        let same = id(Side::Source, pair.source) == id(Side::Recipient, pair.recipient);
        right += f64::from(u8::from(same));
        // A threshold keeps all pairs of one weight or none.
        if pairs.get(place).is_none_or(|next| next.weight < pair.weight) {
            best = best.max(2.0 * right / (5_000.0 + place as f64));
        }
    }
    best
}

#[test]
fn febrl4_links_by_ordinary_columns_alone() {
    link_febrl4(include_str!("febrl4.toml"), 0.9984);
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
