//! The m that are learnt with frequencies are those that a formula gives.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use common::Sheet;
use linkage::{Model, Recipe, Table, Tables, train};

const RECIPE: &str = r#"
name = "towns"
link = "between"
threshold = { weight = 0.0 }
column = [{ name = "block", from = ["block"] }, { name = "city", from = ["city"] }]
rule = [{ keys = [{ column = "block" }] }]
[[comparison]]
name = "city"
column = "city"
frequency = {}
level = [{ test = "exact" }, { test = "else" }]
[training]
seed = 1
prior = { stated = 0.02 }
rules = [{ keys = [{ column = "block" }] }]
iterations = 1
"#;

/// How many of fifty records on either side are of each town.
const TOWNS: [(&str, u32); 3] = [("london", 40), ("birmingham", 8), ("truro", 2)];

fn learnt(recipe: &str) -> Model {
    let row = |town: &str| vec!["one".to_owned(), town.to_owned()];
    let rows = TOWNS.iter().flat_map(|(town, count)| (0..*count).map(|_| row(town)));
    let header = ["block", "city"].map(str::to_owned).to_vec();
    let batch = [Sheet { header, rows: rows.collect() }.batch()];
    let recipe = Recipe::from_toml(recipe).unwrap();
    let tables = Tables::between(recipe.columns(), Table::new(&batch), Table::new(&batch)).unwrap();
    train(&recipe, &tables).unwrap()
}

/// What expectation maximisation comes to after one time round: the share of same pairs, and the m of equal towns.
/// `agreeing` says how likely a pair of a town is among the different, whose share of the records is given.
fn worked_out(model: &Model, agreeing: impl Fn(f64) -> f64) -> (f64, f64) {
    // Eight tenths of the same pairs there are thought to be, and m of 0.8 and 0.2, is where it begins.
    let begin: f64 = 0.8 * 0.02;
    let otherwise = model.comparisons()[0].levels[1].u.unwrap();
    let chance = |m: f64, u: f64| begin * m / (begin * m + (1.0 - begin) * u);
    let equal: f64 = TOWNS
        .iter()
        .map(|(_, count)| f64::from(*count))
        .map(|count| count * count * chance(0.8, agreeing(count / 50.0)))
        .sum();
    let unequal_pairs =
        2500.0 - f64::from(TOWNS.iter().map(|(_, count)| count * count).sum::<u32>());
    let all = equal + unequal_pairs * chance(0.2, otherwise);
    (all / 2500.0, equal / all)
}

#[test]
fn m_with_frequencies_is_what_the_share_of_each_value_makes_it() {
    let with = learnt(&RECIPE.replace("iterations", "frequencies = true\niterations"));
    let (same, m) = worked_out(&with, |share| share);
    let found = with.training().unwrap().sessions[0].same;
    // Sums of logarithms are taken in 64ths of a bit.
    assert!((found - same).abs() < 0.005 * same, "{found} {same}");
    let found = with.comparisons()[0].levels[0].m.unwrap();
    assert!((found - m).abs() < 0.005, "{found} {m}");
    let session = &with.training().unwrap().sessions[0];
    assert_eq!((session.pairs, session.patterns), (2500, 2));

    let without = learnt(RECIPE);
    let u = without.comparisons()[0].levels[0].u.unwrap();
    let (plain, _) = worked_out(&without, |_| u);
    let found = without.training().unwrap().sessions[0].same;
    assert!((found - plain).abs() < 1e-9, "{found} {plain}");
    assert!((plain - same).abs() > 0.01 * same, "the two are not the same: {plain} {same}");
}
