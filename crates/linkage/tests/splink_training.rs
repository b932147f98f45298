//! What Splink's own tests say of training: u by every pair, histories of sessions, and the share of same pairs of two
//! sessions put together. Their data is made here, or read where it is there.

#![expect(clippy::unreadable_literal, reason = "the digits stand as Splink's tests have them")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use common::Sheet;
use linkage::model::{Key, Rule, Take};
use linkage::splink::{ImportOptions, Trained, Training, import, train};
use linkage::{Model, Table, Tables, probability, weight_of};
use serde_json::{Value, json};

/// Holds a number to what Splink's test compares it with, by that test's measure.
#[track_caller]
fn near(one: f64, splink: f64) {
    assert!((one - splink).abs() <= 1e-6 * splink.abs(), "{one} is not {splink}");
}

/// A comparison of a column: equal, where `edits` are given within so many, or neither, with m and u of each.
fn comparison(column: &str, edits: Option<u32>, parameters: &[(f64, f64)]) -> Value {
    let mut conditions = vec![format!("{column}_l = {column}_r")];
    conditions.extend(edits.map(|most| format!("levenshtein({column}_l, {column}_r) <= {most}")));
    conditions.push("ELSE".to_owned());
    let null = json!({
        "sql_condition": format!("{column}_l IS NULL OR {column}_r IS NULL"),
        "label_for_charts": "null", "is_null_level": true,
    });
    let level = |(condition, (m, u)): (&String, &(f64, f64))| {
        json!({
            "sql_condition": condition, "label_for_charts": condition, "m_probability": m, "u_probability": u,
        })
    };
    let levels = conditions.iter().zip(parameters).map(level);
    let levels: Vec<Value> = std::iter::once(null).chain(levels).collect();
    json!({ "output_column_name": column, "comparison_levels": levels })
}

fn model(link: &str, prior: f64, comparisons: &[Value]) -> Model {
    let settings = json!({
        "link_type": link, "probability_two_random_records_match": prior, "sql_dialect": "duckdb",
        "unique_id_column_name": "unique_id", "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": [
            { "blocking_rule": format!("l.\"{0}\" = r.\"{0}\"", comparisons[0]["output_column_name"].as_str().unwrap()),
              "sql_dialect": "duckdb" },
        ],
    });
    import(&settings.to_string(), &ImportOptions::default()).unwrap().model
}

fn names(names: &[&str]) -> Sheet {
    let numbered: Vec<[String; 2]> = (1..)
        .zip(names)
        .map(|(row, name): (u32, _)| [row.to_string(), (*name).to_owned()])
        .collect();
    let header = ["unique_id", "name"].map(str::to_owned).to_vec();
    Sheet { header, rows: numbered.into_iter().map(|row| row.to_vec()).collect() }
}

#[test]
fn every_pair_gives_the_u_that_splink_counts() {
    let people = ["Amanda", "Robin", "Robyn", "David", "Eve", "Amanda"];
    let others = ["Eva", "David", "Sophie", "Jimmy", "Stuart", "Jimmy"];
    let name = comparison("name", Some(2), &[(0.9, 0.1), (0.05, 0.2), (0.05, 0.7)]);
    let every_pair = Training { rules: Vec::new(), ..Training::by(Vec::new()) };
    let u = |link: &str, tables: &dyn Fn(&Model) -> Tables| -> Vec<f64> {
        let model = model(link, 0.1, std::slice::from_ref(&name));
        let trained = train(&model, &tables(&model), &every_pair).unwrap().model;
        trained.comparisons()[0].levels.iter().map(|level| level.u.unwrap()).collect()
    };
    let within = u("dedupe_only", &|model| {
        Tables::within(model.columns(), Table::new(&[names(&people).batch()])).unwrap()
    });
    for (ours, splink) in within.iter().zip([1.0 / 15.0, 1.0 / 15.0, 13.0 / 15.0]) {
        assert!((ours - splink).abs() < 1e-15, "{within:?}");
    }
    let seven = [people.as_slice(), &["Stuart"]].concat();
    let between = u("link_only", &|model| {
        let (left, right) = ([names(&seven).batch()], [names(&others).batch()]);
        Tables::between(model.columns(), Table::new(&left), Table::new(&right)).unwrap()
    });
    for (ours, splink) in between.iter().zip([2.0 / 42.0, 1.0 / 42.0, 39.0 / 42.0]) {
        assert!((ours - splink).abs() < 1e-15, "{between:?}");
    }
}

/// The m and u that a comparison of two levels begins with.
const EVEN: [(f64, f64); 2] = [(0.9, 0.1), (0.1, 0.9)];

/// Splink's settings for these tests, first names and surnames beginning where they are said to.
fn settings(prior: f64, first: &[(f64, f64)], surname: &[(f64, f64)], weight: f64) -> Model {
    let mut first = comparison("first_name", Some(2), first);
    first["comparison_levels"][1]["tf_adjustment_column"] = "first_name".into();
    first["comparison_levels"][1]["tf_adjustment_weight"] = weight.into();
    let others = ["dob", "email", "city"].map(|column| comparison(column, None, &EVEN));
    let all: Vec<Value> =
        [first, comparison("surname", None, surname)].into_iter().chain(others).collect();
    model("dedupe_only", prior, &all)
}

const FIRST: [(f64, f64); 3] = [(0.7, 0.1), (0.2, 0.1), (0.1, 0.8)];

fn tables(model: &Model, sheet: &Sheet) -> Tables {
    Tables::within(model.columns(), Table::new(&[sheet.batch()]).with_id("unique_id")).unwrap()
}

fn rule(columns: &[&str]) -> Rule {
    let key =
        |column: &&str| Key { column: (*column).to_owned(), against: None, take: Take::Whole };
    Rule::of_keys(columns.iter().map(key).collect())
}

/// What three tenths are, once a factor is taken out.
fn without(factor: f64) -> f64 {
    probability(weight_of(0.3) - factor.log2())
}

#[test]
fn sessions_go_the_way_that_splink_2_went_with_u_fixed_and_free() {
    let Some(sheet) = Sheet::read_as_it_stands(common::SPLINK_DEMO) else { return };
    // Each with the shares of same pairs and the m of first names within two edits, round by round.
    for (learn_u, shares, edits) in [
        (
            false,
            [0.3, 0.2588110991484573, 0.2823831219907462],
            [0.1422119783401823, 0.13468402611428465],
        ),
        (
            true,
            [0.3, 0.2588110991484573, 0.2954053465070158],
            [0.1422119783401823, 0.1568402413576787],
        ),
    ] {
        let model = settings(without(9.0), &FIRST, &EVEN, 0.6);
        let training = Training {
            learn_u,
            observe_u: false,
            convergence: 0.001,
            iterations: 20,
            ..Training::by(vec![rule(&["surname"])])
        };
        let trained = train(&model, &tables(&model, &sheet), &training).unwrap();
        let session = &trained.sessions[0];
        for (ours, splink) in session.same.iter().zip(shares) {
            near(*ours, splink);
        }
        for (round, splink) in session.m.iter().zip(edits) {
            near(round[0].as_ref().unwrap()[1], splink);
        }
    }
}

/// How much an equal value speaks for one individual.
fn factor(trained: &Trained, comparison: usize, level: usize) -> f64 {
    let level = &trained.model.comparisons()[comparison].levels[level];
    level.m.unwrap() / level.u.unwrap()
}

#[test]
fn two_sessions_give_the_share_of_same_pairs_that_splink_2_gave() {
    let Some(sheet) = Sheet::read_as_it_stands(common::SPLINK_DEMO) else { return };
    let training = |rule| Training {
        learn_u: true,
        observe_u: false,
        convergence: 1e-10,
        iterations: 10,
        ..Training::by(vec![rule])
    };
    let begun = settings(without(9.0), &FIRST, &EVEN, 0.6);
    let by_birth = train(&begun, &tables(&begun, &sheet), &training(rule(&["dob"]))).unwrap();
    // The second begins anew, but for what the first taught of names.
    let taught = |place: usize| -> Vec<(f64, f64)> {
        let levels = &by_birth.model.comparisons()[place].levels;
        levels.iter().map(|level| (level.m.unwrap(), level.u.unwrap())).collect()
    };
    let names = factor(&by_birth, 0, 0) * factor(&by_birth, 1, 0);
    let again = settings(without(names), &taught(0), &taught(1), 0.6);
    let by_names =
        train(&again, &tables(&again, &sheet), &training(rule(&["first_name", "surname"])))
            .unwrap();
    let last = |trained: &Trained| *trained.sessions[0].same.last().unwrap();
    near(last(&by_birth), 0.588699831556479);
    near(last(&by_names), 0.5876227881218818);
    near(factor(&by_birth, 0, 0), 71.435024344641);
    near(factor(&by_birth, 1, 0), 8.378038065716774);
    near(factor(&by_names, 2, 0), 1.6321361225311535);
    let of = |trained: &Trained, factor: f64| probability(weight_of(last(trained)) - factor.log2());
    let (one, other) = (of(&by_birth, factor(&by_names, 2, 0)), of(&by_names, names));
    near(one, 0.46722294374907014);
    near(other, 0.0023752954691593103);
    let combined = 1.0 / (f64::midpoint(1.0 / one, 1.0 / other));
    near(combined, 1.0 / f64::midpoint(1.0 / 0.46722294374907014, 1.0 / 0.0023752954691593103));
}
