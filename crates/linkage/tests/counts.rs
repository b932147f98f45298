//! Pairs are counted without being made, and come to what making them comes to.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use std::collections::BTreeMap;

use common::Sheet;
use linkage::model::Rule;
use linkage::{Blocks, Link, Model, RuleCount, Table, Tables};

const MODEL: &str = r#"
name = "counts"
link = "LINK"
prior = 0.01
threshold = 0.0
column = [
    { name = "given", from = ["given"] }, { name = "surname", from = ["surname"] },
    { name = "town", from = ["town"] }, { name = "pay", from = ["pay"], kind = "number" },
    { name = "aliases", from = ["aliases"], kind = { list = ";" } },
]
rule = [
    { keys = [{ column = "surname" }] },
    { sql = "l.town = r.town and l.pay < r.pay and l.given <> r.given" },
    { min_hash = { column = "given", q = 2, bands = 12, rows = 1 } },
    { sql = "l.aliases = r.aliases", explode = ["aliases"] },
    { neighbourhood = { column = "surname", window = 1 }, keys = [{ column = "town" }] },
    { sql = "substr(l.aliases, 1, 2) = substr(r.aliases, 1, 2) and l.pay <= r.pay", explode = ["aliases"] },
    { keys = [{ column = "town" }] },
]
[[comparison]]
name = "given"
column = "given"
level = [{ test = "exact", m = 0.7, u = 0.01 }, { test = "else", m = 0.3, u = 0.99 }]
"#;

/// Records that are unlike each other: given name, surname, town, pay and aliases.
const UNLIKE: [[&str; 5]; 10] = [
    ["ana", "gil", "ayr", "100", "ann;annie"],
    ["anna", "gill", "ayr", "100", "ann"],
    ["hanna", "gil", "ayr", "200", "johanna;annie;ann"],
    ["li", "ng", "ayr", "300", ""],
    ["lin", "nguyen", "ayr", "-5", "li;lin"],
    ["lina", "okafor", "ayr", "", "li"],
    ["maria", "okafor", "bude", "100", "mary;mia"],
    ["marie", "olsen", "bude", "104.5", "mia"],
    ["mario", "", "bude", "7", "mary;mario;mia"],
    ["", "olsen", "", "7", "ann;li"],
];

fn tables(model: &Model, rows: &[usize]) -> Tables {
    let header = ["given", "surname", "town", "pay", "aliases"].map(str::to_owned).to_vec();
    let rows = rows.iter().map(|row| UNLIKE[*row].map(str::to_owned).to_vec()).collect();
    let batch = [Sheet { header, rows }.batch()];
    let table = || Table::new(&batch);
    match model.link() {
        Link::Between => Tables::between(model.columns(), table(), table()),
        Link::Within => Tables::within(model.columns(), table()),
        Link::Both => Tables::both(model.columns(), table(), table()),
    }
    .unwrap()
}

fn counts(tables: &Tables, rules: &[Rule]) -> Vec<RuleCount> {
    Blocks::new(tables, rules).unwrap().counts()
}

/// Counts the pairs of each rule by making those of few records, each two standing for all that are alike to them.
/// `copies` says how many there are of each; a record alike to another stands twice in the few.
fn made(model: &Model, rules: &[Rule], copies: &[u64]) -> Vec<u64> {
    let few: Vec<usize> = (0..UNLIKE.len()).flat_map(|row| [row, row]).collect();
    let tables = tables(model, &few);
    let records = u32::try_from(few.len()).unwrap();
    let class = |row: u32| usize::try_from(row % records).unwrap() / 2;
    // Each two classes once, by the first pair of them.
    let mut first: BTreeMap<(usize, usize), u16> = BTreeMap::new();
    for pair in Blocks::new(&tables, rules).unwrap().pairs() {
        let (one, other) = (class(pair.source.row()), class(pair.recipient.row()));
        let between = model.link() == Link::Between;
        let key = if between { (one, other) } else { (one.min(other), one.max(other)) };
        let known = *first.entry(key).or_insert(pair.rule);
        assert_eq!(known, pair.rule, "alike records are made by one rule");
    }
    let mut sums = vec![0; rules.len()];
    for ((one, other), rule) in first {
        let (left, right) = (copies[one], copies[other]);
        let with_itself = model.link() != Link::Between && one == other;
        let pairs = if with_itself { left * (left - 1) / 2 } else { left * right };
        sums[usize::from(rule)] += pairs;
    }
    sums
}

#[test]
fn what_many_alike_records_make_is_counted_exactly_whatever_the_rules_ask() {
    for link in ["between", "within", "both"] {
        let model = Model::from_toml(&MODEL.replace("LINK", link)).unwrap();
        let copies: Vec<usize> = (0..UNLIKE.len()).map(|row| 430 + 37 * row).collect();
        let rows: Vec<usize> =
            (0..UNLIKE.len()).flat_map(|row| std::iter::repeat_n(row, copies[row])).collect();
        // In one table both files' records are of one kind.
        let twice = if link == "both" { 2 } else { 1 };
        let copies: Vec<u64> = copies.iter().map(|copies| *copies as u64 * twice).collect();
        let tables = tables(&model, &rows);
        let counted = counts(&tables, model.rules());
        let new = made(&model, model.rules(), &copies);
        assert!(counted.iter().any(|count| count.pairs > 1 << 22), "more than are gone through");
        for (number, (count, new)) in counted.iter().zip(new).enumerate() {
            assert!(!count.estimated, "{link}, {}", count.rule);
            assert_eq!(count.new_pairs, new, "{link}, {}", count.rule);
            let alone = std::slice::from_ref(&model.rules()[number]);
            assert_eq!(count.pairs, made(&model, alone, &copies)[0], "{link}, {}", count.rule);
        }
        let [.., last] = &counted[..] else { panic!() };
        let all: u64 = counted.iter().map(|count| count.new_pairs).sum();
        assert_eq!(last.cumulative_pairs, all);
    }
}

#[test]
fn rows_in_any_order_are_counted_alike() {
    for link in ["between", "within", "both"] {
        let model = Model::from_toml(&MODEL.replace("LINK", link)).unwrap();
        // Blocks both small enough to be counted pair by pair and too large for it.
        for copies in [3, 61] {
            let rows: Vec<usize> = (0..UNLIKE.len() * copies).map(|row| row / copies).collect();
            let told = counts(&tables(&model, &rows), model.rules());
            assert!(told.iter().all(|count| !count.estimated && count.pairs > 0), "{told:?}");
            for step in [7, 101, 499] {
                let place = |place: usize| (place * step + 13) % rows.len();
                let shuffled: Vec<usize> = (0..rows.len()).map(|row| rows[place(row)]).collect();
                assert_ne!(shuffled, rows);
                let counted = counts(&tables(&model, &shuffled), model.rules());
                assert_eq!(counted, told, "{link}, {copies} copies, every {step}th");
            }
        }
    }
}

#[test]
fn rules_in_any_order_count_the_same_pairs_in_all() {
    let model = Model::from_toml(&MODEL.replace("LINK", "between")).unwrap();
    let rows: Vec<usize> = (0..600).map(|row| row % UNLIKE.len()).collect();
    let tables = tables(&model, &rows);
    let of = |rules: &[Rule]| counts(&tables, rules).last().unwrap().cumulative_pairs;
    let mut rules = model.rules().to_vec();
    let all = of(&rules);
    for _ in 0..rules.len() {
        rules.rotate_left(1);
        assert_eq!(of(&rules), all);
        let turned: Vec<Rule> = rules.iter().rev().cloned().collect();
        assert_eq!(of(&turned), all);
    }
}

#[test]
fn a_condition_on_very_many_unlike_values_is_estimated_and_says_so() {
    // 2,100 by 2,100 share one key and no two have one pay: half of the pairs, nearly, are of a lesser and a greater.
    let model = Model::from_toml(&MODEL.replace("LINK", "between")).unwrap();
    let header = ["given", "surname", "town", "pay", "aliases"].map(str::to_owned).to_vec();
    let row =
        |row: u32| vec![format!("g{row}"), "s".into(), "t".into(), row.to_string(), "a".into()];
    let batch = [Sheet { header, rows: (0..2_100).map(row).collect() }.batch()];
    let tables = Tables::between(model.columns(), Table::new(&batch), Table::new(&batch)).unwrap();
    let rules = &model.rules()[1..2];
    let counted = &counts(&tables, rules)[0];
    let meant = 2_100.0 * 2_099.0 / 2.0;
    assert!(counted.estimated);
    assert!((counted.pairs as f64 / meant - 1.0).abs() < 0.02, "{}", counted.pairs);
}
