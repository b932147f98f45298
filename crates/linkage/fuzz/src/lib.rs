//! What must hold of any bytes that come from outside: one function for each kind of them.
//!
//! The fuzz targets call these with what libFuzzer thinks of, and the crate's tests with the kept corpora. None of them
//! may panic, whatever the bytes. What is accepted is written again and must read back as the same, and it must link a
//! small table: what was checked once is taken for sound everywhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use linkage::model::{Column, Link};
use linkage::splink::{ImportOptions, export, import};
use linkage::{Model, Recipe, Scorer, Table, Tables, link};

/// A recipe whose rule and whose level are put in.
const RECIPE: &str = r#"
name = "fuzz"
link = "within"
prior = 0.01
threshold = 0.0
column = [
    { name = "name", from = ["name"] },
    { name = "birth", from = ["birth"], kind = { date = "%Y-%m-%d" } },
    { name = "pay", from = ["pay"], kind = "number" },
    { name = "aliases", from = ["aliases"], kind = { list = ";" } },
]
rule = [{ sql = "l.name = r.name" }, { sql = "RULE", explode = EXPLODED }]
[[comparison]]
name = "name"
column = "name"
level = [
    { test = { expression = "LEVEL" }, m = 0.9, u = 0.1 },
    { test = "else", m = 0.1, u = 0.9 },
]
"#;

/// What the cells of a small table say, row by row, whatever its columns are.
const CELLS: [&str; 5] = ["ann", "1970-01-31", "a;b", "", "12.5 7"];

/// Any bytes as a recipe and as a model.
pub fn model(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(recipe) = Recipe::from_toml(text) {
        let written = recipe.to_toml().unwrap();
        assert_eq!(Recipe::from_toml(&written).unwrap(), recipe);
        recipe.digest().unwrap();
    }
    if let Ok(model) = Model::from_toml(text) {
        reads_back(&model);
        links(&model);
    }
}

/// Any bytes as the settings of a Splink model.
pub fn splink(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for characters in [false, true] {
        let options = ImportOptions { characters, ..ImportOptions::default() };
        if let Ok(imported) = import(text, &options) {
            reads_back(&imported.model);
            links(&imported.model);
            export(&imported.model).unwrap();
        }
    }
}

/// Any bytes as a condition in SQL: of a rule, with a list taken apart and without, and of a level.
pub fn expression(bytes: &[u8]) {
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    // As TOML spells any text.
    let spelled: String = sql
        .chars()
        .map(|letter| match letter {
            '"' | '\\' => format!("\\{letter}"),
            letter if letter.is_control() => format!("\\u{:04x}", u32::from(letter)),
            letter => letter.to_string(),
        })
        .collect();
    for (rule, exploded, level) in [
        (spelled.as_str(), "[]", "l.name = r.name"),
        (spelled.as_str(), "[\"aliases\"]", "l.name = r.name"),
        ("l.pay = r.pay", "[]", spelled.as_str()),
    ] {
        let text =
            RECIPE.replace("RULE", rule).replace("EXPLODED", exploded).replace("LEVEL", level);
        if let Ok(model) = Model::from_toml(&text) {
            reads_back(&model);
            links(&model);
        }
    }
}

fn reads_back(model: &Model) {
    let written = model.to_toml().unwrap();
    let again = Model::from_toml(&written).unwrap();
    assert_eq!(again.digest().unwrap(), model.digest().unwrap());
}

/// Links a small table; an error is an answer.
fn links(model: &Model) {
    let names = |take: fn(&Column) -> &Vec<String>| -> BTreeSet<String> {
        model
            .columns()
            .iter()
            .flat_map(|column| column.from.iter().chain(take(column)))
            .cloned()
            .collect()
    };
    let batch = |names: BTreeSet<String>| {
        let column = |(place, name): (usize, String)| {
            let cells = (0..CELLS.len()).map(|row| CELLS[(row / 2 + place) % CELLS.len()]);
            (name, Arc::new(StringArray::from_iter_values(cells)) as ArrayRef)
        };
        let mut columns: Vec<(String, ArrayRef)> =
            names.into_iter().enumerate().map(column).collect();
        if columns.is_empty() {
            columns.push(("none".to_owned(), Arc::new(StringArray::from_iter_values(CELLS))));
        }
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let source = [batch(names(|column| &column.source))];
    let recipient = [batch(names(|column| &column.recipient))];
    let tables = match model.link() {
        Link::Between => {
            Tables::between(model.columns(), Table::new(&source), Table::new(&recipient))
        }
        Link::Within => Tables::within(model.columns(), Table::new(&source)),
        Link::Both => Tables::both(model.columns(), Table::new(&source), Table::new(&recipient)),
    };
    let Ok(tables) = tables else { return };
    let Ok(scorer) = Scorer::new(model, &tables) else { return };
    if let Ok(links) = link(&scorer, |_| {}) {
        assert!(links.pairs.iter().all(|pair| pair.weight >= model.threshold()));
    }
}
