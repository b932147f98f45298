//! Splink's models worked out again: golden numbers that Splink 5.0.0 on DuckDB 1.5.6 was seen to give.

#![expect(clippy::unreadable_literal, reason = "the digits stand as they were seen")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::Sheet;
use linkage::compare::Comparer;
use linkage::model::{Key, Rule, Take};
use linkage::splink::{ImportOptions, Training, export, import, train};
use linkage::{Blocks, Links, Model, Scorer, Side, Table, Tables, explain, link, probability};

/// Holds a weight to what Splink gives, by the measure that the project set itself.
#[track_caller]
fn same(one: f64, splink: f64) {
    let slack = 1e-9 * splink.abs().max(1.0);
    assert!((one - splink).abs() <= slack, "{one} is not {splink}");
}

fn text(name: &str) -> Option<String> {
    let folder = std::env::var_os("COMITY_DATA")?;
    Some(std::fs::read_to_string(std::path::Path::new(&folder).join(name)).unwrap())
}

fn tables(model: &Model, sheet: &Sheet) -> Tables {
    let batches = [sheet.batch()];
    Tables::within(model.columns(), Table::new(&batches).with_id("unique_id")).unwrap()
}

fn linked(scorer: &Scorer<'_>) -> Links {
    link(scorer, |_| {}).unwrap()
}

/// Counts the levels of each comparison over the scored pairs, numbered as Splink numbers them: down to 0 for the last,
/// and -1 for the null level.
fn levels(model: &Model, links: &Links) -> Vec<Vec<(i64, u64)>> {
    let mut levels: Vec<BTreeMap<i64, u64>> = vec![BTreeMap::new(); model.comparisons().len()];
    for (pattern, count) in &links.patterns {
        for (comparison, counts) in levels.iter_mut().enumerate() {
            let last = i64::try_from(model.comparisons()[comparison].levels.len()).unwrap();
            let level = i64::from(pattern.level(comparison));
            *counts.entry(if level == 0 { -1 } else { last - level }).or_insert(0) += count;
        }
    }
    levels.into_iter().map(|counts| counts.into_iter().collect()).collect()
}

fn at_least(links: &Links, share: f64) -> usize {
    links.pairs.iter().filter(|pair| probability(pair.weight) >= share).count()
}

#[test]
fn splinks_own_demo_model_weighs_every_pair_as_splink_does() {
    let (Some(sheet), Some(json)) =
        (Sheet::read("fake_1000/fake_1000.csv"), text("splink/saved_model_from_demo.json"))
    else {
        return;
    };
    let imported = import(&json, &ImportOptions::default()).unwrap();
    let model = &imported.model;
    assert_eq!(imported.id_column, "unique_id");
    let tables = tables(model, &sheet);
    let scorer = Scorer::new(model, &tables).unwrap();
    let links = linked(&scorer);
    assert_eq!(links.pairs.len(), 2_406);
    let new: Vec<u64> = links.rules.iter().map(|rule| rule.new_pairs).collect();
    assert_eq!(new, [315, 1_526, 565]);
    assert_eq!(links.patterns.len(), 345);
    let expected: [&[(i64, u64)]; 5] = [
        &[(-1, 713), (0, 809), (1, 104), (2, 55), (3, 136), (4, 589)],
        &[(-1, 335), (0, 198), (1, 59), (2, 27), (3, 149), (4, 1638)],
        &[(0, 1445), (1, 88), (2, 873)],
        &[(-1, 714), (0, 1017), (1, 675)],
        &[(-1, 880), (0, 702), (1, 3), (2, 188), (3, 187), (4, 446)],
    ];
    assert_eq!(levels(model, &links), expected);
    let weights: Vec<f64> = links.pairs.iter().map(|pair| pair.weight).collect();
    same(weights.iter().sum(), 1068.605404835872);
    same(weights.iter().copied().fold(f64::INFINITY, f64::min), -15.156267265319716);
    same(weights.iter().copied().fold(f64::NEG_INFINITY, f64::max), 28.011405874852613);
    let above = [0.5, 0.9, 0.95, 0.99, 0.999].map(|share| at_least(&links, share));
    assert_eq!(above, [1179, 1060, 992, 840, 619]);
}

#[test]
fn every_pair_of_the_demo_model_weighs_what_splink_was_seen_to_give() {
    let (Some(sheet), Some(json)) =
        (Sheet::read("fake_1000/fake_1000.csv"), text("splink/saved_model_from_demo.json"))
    else {
        return;
    };
    let imported = import(&json, &ImportOptions::default()).unwrap();
    let tables = tables(&imported.model, &sheet);
    let scorer = Scorer::new(&imported.model, &tables).unwrap();
    let mut ours: BTreeMap<(String, String), f64> = BTreeMap::new();
    for pair in linked(&scorer).pairs {
        let id = |side, record| tables.id(side, record).unwrap().to_owned();
        let ids = (id(Side::Source, pair.source), id(Side::Recipient, pair.recipient));
        ours.insert(ids, pair.weight);
    }
    let splink = include_str!("splink/demo_weights.csv");
    let mut seen = 0;
    for line in splink.lines().skip(1) {
        let [left, right, weight] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("a line of three cells");
        };
        let ids = (left.to_owned(), right.to_owned());
        same(ours[&ids], weight.parse().unwrap());
        seen += 1;
    }
    assert_eq!(seen, ours.len());
}

#[test]
fn a_model_trained_as_splink_trains_comes_out_as_splinks() {
    let Some(sheet) = Sheet::read("fake_1000/fake_1000.csv") else {
        return;
    };
    let untrained =
        import(include_str!("splink/untrained.json"), &ImportOptions::default()).unwrap().model;
    let tables = tables(&untrained, &sheet);
    same(deterministic_prior(&untrained, &tables), 0.00298012298012298);

    let key = |column: &str| Key { column: column.to_owned(), against: None, take: Take::Whole };
    let rules = [vec![key("first_name"), key("surname")], vec![key("dob")]];
    let training = Training::by(rules.map(|keys| Rule { keys }).to_vec());
    let trained = train(&untrained, &tables, &training).unwrap();
    let iterations: Vec<usize> =
        trained.sessions.iter().map(linkage::splink::Session::iterations).collect();
    assert_eq!(iterations, [15, 12]);
    let last: Vec<f64> =
        trained.sessions.iter().map(|session| *session.same.last().unwrap()).collect();
    same(last[0], 0.9761688247827209);
    same(last[1], 0.9315789009257892);
    let m: [&[f64]; 5] = [
        &[
            0.5009629375553959,
            0.15450469122224966,
            0.07547808601430168,
            0.08040411190968821,
            0.18865017329836462,
        ],
        &[
            0.4434060831903176,
            0.23162794094753217,
            0.045221851817539606,
            0.07879627054038126,
            0.20094785350422936,
        ],
        &[0.3925837917091589, 0.14988666127556546, 0.20674578021490894, 0.2507837668003668],
        &[0.5656801918349197, 0.43431980816508026],
        &[0.5606926085898629, 0.30119231812387826, 0.13811507328625894],
    ];
    let u: [&[f64]; 5] = [
        &[
            0.0057935713975033705,
            0.0023429457903817435,
            0.0015484319951285285,
            0.018934945558406913,
            0.9713801052585794,
        ],
        &[
            0.004889975550122249,
            0.00283905173880724,
            0.0011314412292407403,
            0.014729633311540402,
            0.9764098981702893,
        ],
        &[0.0017477477477477479, 0.0016016016016016017, 0.015517517517517518, 0.9811331331331331],
        &[0.0551475711801453, 0.9448524288198547],
        &[0.0021938713143283602, 0.0013542812658830492, 0.9964518474197885],
    ];
    for ((comparison, m), u) in trained.model.comparisons().iter().zip(m).zip(u) {
        for ((level, m), u) in comparison.levels.iter().zip(m).zip(u) {
            same(level.m.unwrap(), *m);
            same(level.u.unwrap(), *u);
        }
    }

    let scorer = Scorer::new(&trained.model, &tables).unwrap();
    let links = linked(&scorer);
    assert_eq!(links.pairs.len(), 2_406);
    let weights: Vec<f64> = links.pairs.iter().map(|pair| pair.weight).collect();
    same(weights.iter().sum(), 2233.44824782021);
    same(weights.iter().copied().fold(f64::INFINITY, f64::min), -12.709836478290352);
    same(weights.iter().copied().fold(f64::NEG_INFINITY, f64::max), 27.79724579531304);
    assert_eq!([0.5, 0.99].map(|share| at_least(&links, share)), [1147, 831]);

    let heaviest = links.pairs.iter().max_by(|one, other| one.weight.total_cmp(&other.weight));
    let heaviest = heaviest.unwrap();
    assert_eq!(tables.id(Side::Source, heaviest.source), Some("490"));
    assert_eq!(tables.id(Side::Recipient, heaviest.recipient), Some("491"));
    let explanation = explain(&scorer, heaviest.source, heaviest.recipient).unwrap();
    let parts: Vec<f64> = explanation.parts.iter().map(|part| part.partial_weight).collect();
    let expected = [
        6.434107103639751,
        6.350256342900581,
        7.811359824583047,
        3.358617400794268,
        7.797013766220756,
    ];
    for (part, expected) in parts.iter().zip(expected) {
        same(*part, expected);
    }
}

/// The prior by three rules thought to find 70 % of the same pairs.
fn deterministic_prior(model: &Model, tables: &Tables) -> f64 {
    let key = |column: &str| Key { column: column.to_owned(), against: None, take: Take::Whole };
    let pairs = |keys: Vec<Key>| {
        let rule = Rule { keys };
        let blocks = Blocks::new(tables, std::slice::from_ref(&rule)).unwrap();
        blocks.pairs().map(|pair| (pair.source, pair.recipient)).collect::<BTreeSet<_>>()
    };
    let mut all = pairs(vec![key("first_name"), key("dob")]);
    let near = r#"{ "link_type": "dedupe_only", "sql_dialect": "duckdb",
        "blocking_rules_to_generate_predictions": ["l.surname = r.surname"],
        "comparisons": [{ "output_column_name": "near", "comparison_levels": [
            { "sql_condition": "surname_l IS NULL OR surname_r IS NULL", "is_null_level": true },
            { "sql_condition": "levenshtein(surname_l, surname_r) <= 2" },
            { "sql_condition": "ELSE" }]}]}"#;
    let near = import(near, &ImportOptions::default()).unwrap().model;
    let mut comparer = Comparer::new(tables, near.comparisons()).unwrap();
    all.extend(
        pairs(vec![key("first_name")])
            .into_iter()
            .filter(|(source, recipient)| comparer.pattern(*source, *recipient).level(0) == 1),
    );
    all.extend(pairs(vec![key("email")]));
    assert_eq!(all.len(), 1_042);
    assert_eq!(model.prior().to_bits(), 0.00298012298012298f64.to_bits());
    all.len() as f64 / 0.7 / tables.all_pairs() as f64
}

#[test]
fn what_is_exported_imports_as_the_same_model() {
    let Some(json) = text("splink/saved_model_from_demo.json") else {
        return;
    };
    let real_time = text("splink/real_time_settings.json").unwrap();
    for json in [json.as_str(), &real_time, include_str!("splink/untrained.json")] {
        let first = import(json, &ImportOptions::default()).unwrap().model;
        let exported = export(&first).unwrap();
        let options =
            ImportOptions { name: Some(first.name().to_owned()), ..ImportOptions::default() };
        let again = import(&exported.json, &options).unwrap().model;
        assert_eq!(again, first);
    }
}
