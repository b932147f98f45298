//! Splink's models worked out again: golden numbers that Splink 5.0.0 on DuckDB 1.5.6 was seen to give.

#![expect(clippy::unreadable_literal, reason = "the digits stand as they were seen")]
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::Sheet;
use linkage::cluster::{Constraints, Members, Method, Policy, cluster};
use linkage::compare::Comparer;
use linkage::model::{Key, Rule, Step, Take};
use linkage::prepare::apply;
use linkage::splink::{self, ImportOptions, Training, export, import, train};
use linkage::{
    Blocks, Links, Model, Scorer, Side, Table, Tables, explain, link, probability, weight_of,
};
use proptest::prelude::*;

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
fn the_demo_models_connected_components_are_splinks() {
    let (Some(sheet), Some(json)) =
        (Sheet::read("fake_1000/fake_1000.csv"), text("splink/saved_model_from_demo.json"))
    else {
        return;
    };
    let model = import(&json, &ImportOptions::default()).unwrap().model;
    let tables = tables(&model, &sheet);
    let scorer = Scorer::new(&model, &tables).unwrap();
    let members = Members::new(&tables).unwrap();
    let bonds = members.bonds(&linked(&scorer).pairs).unwrap();
    let people = sheet.cells("cluster");
    let mut persons: BTreeMap<&str, u64> = BTreeMap::new();
    for person in &people {
        *persons.entry(person).or_insert(0) += 1;
    }
    let pairs_of = |count: u64| count * (count - 1) / 2;
    let same: u64 = persons.into_values().map(pairs_of).sum();
    assert_eq!(same, 2_031);
    for (share, count, largest, pairs, right, f1) in [
        (0.5, 389, 9, 1_500, 1_480, 0.838289),
        (0.95, 440, 7, 1_315, 1_315, 0.786013),
        (0.99, 504, 7, 1_091, 1_091, 0.698911),
    ] {
        let policy = Policy {
            method: Method::Connected,
            most_members: None,
            ..Policy::new(weight_of(share))
        };
        let none = Constraints::none();
        let clusters =
            cluster(members.count(), bonds.clone(), &policy, &none, |_, _| None).unwrap();
        let groups: Vec<Vec<&str>> = clusters
            .groups()
            .into_iter()
            .map(|group| {
                let row = |member| members.record(member).unwrap().1.row() as usize;
                group.into_iter().map(|member| people[row(member)]).collect()
            })
            .collect();
        let grouped: usize = groups.iter().map(Vec::len).sum();
        let alone = members.count() as usize - grouped;
        assert_eq!(groups.len() + alone, count, "{share}");
        assert_eq!(groups.iter().map(Vec::len).max(), Some(largest), "{share}");
        assert_eq!(clusters.pairs(), pairs, "{share}");
        let joined = groups.iter().map(|group| {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for person in group {
                *counts.entry(person).or_insert(0) += 1;
            }
            counts.into_values().map(pairs_of).sum::<u64>()
        });
        let joined: u64 = joined.sum();
        assert_eq!(joined, right, "{share}");
        let found = 2.0 * joined as f64 / (clusters.pairs() + same) as f64;
        assert!((found - f1).abs() < 5e-7, "{share}: {found}");
    }
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
    let training = Training::by(rules.map(Rule::of_keys).to_vec());
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
    let frequency = explanation.parts.iter().map(|part| part.frequency_part);
    let expected = [1.2673733415581312, 0.0, 0.0, 3.1646246051784397, 0.0];
    assert_eq!(explanation.parts.len(), expected.len());
    for (part, expected) in frequency.zip(expected) {
        same(part, expected);
    }
}

/// The prior by three rules thought to find 70 % of the same pairs.
fn deterministic_prior(model: &Model, tables: &Tables) -> f64 {
    let key = |column: &str| Key { column: column.to_owned(), against: None, take: Take::Whole };
    let pairs = |keys: Vec<Key>| {
        let rule = Rule::of_keys(keys);
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

#[test]
fn every_comparator_gives_duckdbs_number_over_bytes() {
    use linkage::compare::{gram, text};

    let bytes = |text: &str| apply(&[Step::AsBytes], text).chars().collect::<Vec<char>>();
    let mut lines = 0;
    for line in include_str!("splink/comparators.csv").lines().skip(1) {
        let [one, other, jaro, jaro_winkler, jaccard, levenshtein, damerau] =
            line.split(',').collect::<Vec<_>>()[..]
        else {
            panic!("a line of seven cells");
        };
        let (left, right) = (bytes(one), bytes(other));
        let near = |ours: f64, duckdb: &str| {
            let duckdb: f64 = duckdb.parse().unwrap();
            assert!((ours - duckdb).abs() <= 2e-16, "{one} {other}: {ours} is not {duckdb}");
        };
        near(text::jaro(&left, &right), jaro);
        near(text::jaro_winkler(&left, &right), jaro_winkler);
        near(gram::jaccard(&left, &right, 1), jaccard);
        assert_eq!(text::levenshtein(&left, &right).to_string(), levenshtein, "{one} {other}");
        assert_eq!(text::damerau(&left, &right).to_string(), damerau, "{one} {other}");
        lines += 1;
    }
    assert_eq!(lines, 150);
}

#[test]
fn a_letter_with_a_diacritic_counts_for_two_only_where_splink_is_replayed() {
    let json = one_comparison(
        r#"{ "sql_condition": "levenshtein(name_l, name_r) <= 1", "m_probability": 0.9, "u_probability": 0.1 },
           { "sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.9 }"#,
    );
    let sheet = Sheet::new(&["unique_id", "name"], &[&["1", "José"], &["2", "Jose"]]);
    for (characters, level) in [(false, 2), (true, 1)] {
        let options = ImportOptions { characters, ..ImportOptions::default() };
        let imported = import(&json, &options).unwrap();
        let tables = tables(&imported.model, &sheet);
        let mut comparer = Comparer::new(&tables, imported.model.comparisons()).unwrap();
        let [one, other] = [0, 1].map(linkage::RecordRef::new);
        assert_eq!(comparer.pattern(one, other).level(0), level);
        assert!(imported.report.iter().any(|one| one.splink.contains("bytes")), "it is reported");
    }
}

/// Settings of one comparison of `name`, its null level aside.
fn one_comparison(levels: &str) -> String {
    format!(
        r#"{{ "link_type": "dedupe_only", "sql_dialect": "duckdb", "probability_two_random_records_match": 0.1,
             "blocking_rules_to_generate_predictions": ["l.name = r.name"],
             "comparisons": [{{ "output_column_name": "name", "comparison_levels": [
                 {{ "sql_condition": "name_l IS NULL OR name_r IS NULL", "is_null_level": true }}, {levels}
             ] }}] }}"#
    )
}

/// Shows each on lines of its own.
fn lines<T: ToString>(all: &[T]) -> String {
    all.iter().map(|one| one.to_string() + "\n").collect()
}

fn report_of(json: &str) -> String {
    let imported = import(json, &ImportOptions::default()).unwrap();
    lines(&imported.report)
}

#[test]
fn a_frequency_weight_of_zero_is_honoured_and_said_to_be_otherwise_in_splink() {
    let json = one_comparison(
        r#"{ "sql_condition": "name_l = name_r", "m_probability": 0.9, "u_probability": 0.1,
             "tf_adjustment_column": "name", "tf_adjustment_weight": 0 },
           { "sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.9 }"#,
    );
    let imported = import(&json, &ImportOptions::default()).unwrap();
    assert_eq!(imported.model.comparisons()[0].frequency, None);
    assert!(report_of(&json).contains("takes a weight of 0 for 1"));

    // The same on the demo's records: 5.0.0 was seen to give the sum of a weight of 1 for both.
    let Some(sheet) = Sheet::read("fake_1000/fake_1000.csv") else {
        return;
    };
    let untrained = include_str!("splink/untrained.json");
    let zero = untrained.replace(
        "\"tf_adjustment_column\"",
        "\"tf_adjustment_weight\": 0, \"tf_adjustment_column\"",
    );
    for (json, splink) in [(untrained, -11189.144021971648), (&zero, -9156.75181332737)] {
        same(observed_sum(json, &sheet).0, splink);
    }
}

/// The sum of the weights, the least and the most of a model whose u alone were learnt.
fn observed_sum(json: &str, sheet: &Sheet) -> (f64, f64, f64) {
    let untrained = import(json, &ImportOptions::default()).unwrap().model;
    let tables = tables(&untrained, sheet);
    let model = train(&untrained, &tables, &Training::by(Vec::new())).unwrap().model;
    let scorer = Scorer::new(&model, &tables).unwrap();
    let weights: Vec<f64> = linked(&scorer).pairs.iter().map(|pair| pair.weight).collect();
    let extreme = |pick: fn(f64, f64) -> f64| weights.iter().copied().reduce(pick).unwrap();
    (weights.iter().sum(), extreme(f64::min), extreme(f64::max))
}

#[test]
fn levels_that_grade_likeness_take_frequency_with_its_weight_and_floor_as_splinks_do() {
    let Some(sheet) = Sheet::read("fake_1000/fake_1000.csv") else {
        return;
    };
    let mut json: serde_json::Value =
        serde_json::from_str(include_str!("splink/untrained.json")).unwrap();
    for (comparison, name) in [(0, "first_name"), (1, "surname")] {
        for level in 1..5 {
            let level = &mut json["comparisons"][comparison]["comparison_levels"][level];
            level["tf_adjustment_column"] = name.into();
            level["tf_adjustment_weight"] = 0.5.into();
            level["tf_minimum_u_value"] = 0.004.into();
        }
    }
    let (sum, least, most) = observed_sum(&json.to_string(), &sheet);
    same(sum, -10209.296605477004);
    same(least, -23.761386275530604);
    same(most, 30.806591247027086);
}

#[test]
fn a_session_that_learns_u_too_goes_the_way_that_splinks_went() {
    let Some(sheet) = Sheet::read("fake_1000/fake_1000.csv") else {
        return;
    };
    let untrained =
        import(include_str!("splink/untrained.json"), &ImportOptions::default()).unwrap().model;
    let tables = tables(&untrained, &sheet);
    let surname = Key { column: "surname".to_owned(), against: None, take: Take::Whole };
    let training = Training { learn_u: true, ..Training::by(vec![Rule::of_keys(vec![surname])]) };
    let trained = train(&untrained, &tables, &training).unwrap();
    let splink = [
        0.36736645836151854,
        0.3090010245214027,
        0.3465888975903797,
        0.36002596143598825,
        0.36550129647153407,
        0.3678628312108073,
        0.3689110859951176,
        0.36939952669602755,
        0.3696425133883168,
        0.3697720771389593,
        0.36984565313327566,
        0.3698896501091388,
    ];
    assert_eq!(trained.sessions[0].same.len(), splink.len());
    for (ours, splink) in trained.sessions[0].same.iter().zip(splink) {
        same(*ours, splink);
    }
    let dob = &trained.model.comparisons()[2];
    let expected = [
        (0.40437095403739903, 0.0008738888470101404),
        (0.1172524663127831, 0.0012654576797714006),
        (0.20977077492069018, 0.008196808701626838),
        (0.2686058047291276, 0.9896638447715917),
    ];
    for (level, (m, u)) in dob.levels.iter().zip(expected) {
        same(level.m.unwrap(), m);
        same(level.u.unwrap(), u);
    }
}

#[test]
fn a_trailing_blank_stays_and_a_frequency_weight_is_an_exponent() {
    // The pair 479–481 of Splink 2: equal first names that 8 of 900 records have, equal birth dates, other cities and
    // addresses; the prior is freed of the surname's nine.
    let level = |column: &str, m: f64, u: f64| {
        format!(
            r#"{{ "output_column_name": "{column}", "comparison_levels": [
                {{ "sql_condition": "{column}_l IS NULL OR {column}_r IS NULL", "is_null_level": true }},
                {{ "sql_condition": "{column}_l = {column}_r", "m_probability": {m}, "u_probability": {u} }},
                {{ "sql_condition": "ELSE", "m_probability": {}, "u_probability": {} }} ] }}"#,
            1.0 - m,
            1.0 - u
        )
    };
    let prior = (0.3 / 0.7 / 9.0) / (1.0 + 0.3 / 0.7 / 9.0);
    let json = format!(
        r#"{{ "link_type": "dedupe_only", "probability_two_random_records_match": {prior},
             "blocking_rules_to_generate_predictions": ["l.surname = r.surname"],
             "comparisons": [
               {{ "output_column_name": "first_name", "comparison_levels": [
                 {{ "sql_condition": "first_name_l IS NULL OR first_name_r IS NULL", "is_null_level": true }},
                 {{ "sql_condition": "first_name_l = first_name_r", "m_probability": 0.7, "u_probability": 0.1,
                    "tf_adjustment_column": "first_name", "tf_adjustment_weight": 0.6 }},
                 {{ "sql_condition": "levenshtein(first_name_l, first_name_r) <= 2", "m_probability": 0.2, "u_probability": 0.1 }},
                 {{ "sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.8 }} ] }},
               {}, {}, {}, {} ] }}"#,
        level("surname", 0.9, 0.1),
        level("dob", 0.9, 0.1),
        level("city", 0.9, 0.1),
        level("email", 0.9, 0.1),
    );
    let model = import(&json, &ImportOptions::default()).unwrap().model;
    let header = ["unique_id", "first_name", "surname", "dob", "city", "email"];
    let rows: Vec<Vec<String>> = (0..900)
        .map(|row| {
            let first_name = if row < 8 { "Jack ".to_owned() } else { format!("name {row}") };
            let surname = if row < 2 { "same".to_owned() } else { format!("surname {row}") };
            let (city, email) = (format!("city {row}"), format!("email {row}"));
            vec![row.to_string(), first_name, surname, "1976-08-27".to_owned(), city, email]
        })
        .collect();
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    let sheet = Sheet::new(&header, &rows);
    let tables = tables(&model, &sheet);
    let scorer = Scorer::new(&model, &tables).unwrap();
    let links = linked(&scorer);
    assert_eq!(links.pairs.len(), 1);
    same(links.pairs[0].weight, 0.5101493570766487);

    // A pair that is given weighs what it weighs among all.
    let [one, other] = [0, 1].map(linkage::RecordRef::new);
    let mut comparer = Comparer::new(&tables, model.comparisons()).unwrap();
    let given = scorer.weight(comparer.pattern(one, other), one, other);
    assert_eq!(given.to_bits(), links.pairs[0].weight.to_bits());
}

#[test]
fn the_most_extreme_m_and_u_leave_every_weight_finite() {
    let comparison = |number: usize| {
        format!(
            r#"{{ "output_column_name": "c{number}", "comparison_levels": [
                {{ "sql_condition": "c{number}_l IS NULL OR c{number}_r IS NULL", "is_null_level": true }},
                {{ "sql_condition": "c{number}_l = c{number}_r", "m_probability": 0.999, "u_probability": 1e-300 }},
                {{ "sql_condition": "ELSE", "m_probability": 1e-300, "u_probability": 0.999 }} ] }}"#
        )
    };
    let comparisons: Vec<String> = (1..=5).map(comparison).collect();
    let json = format!(
        r#"{{ "link_type": "dedupe_only", "blocking_rules_to_generate_predictions": ["l.k = r.k"],
             "comparisons": [{}] }}"#,
        comparisons.join(", ")
    );
    let model = import(&json, &ImportOptions { threshold: -1e6, ..ImportOptions::default() });
    let model = model.unwrap().model;
    for (other, chance) in [("a", 1.0), ("b", 0.0)] {
        let rows =
            [["1", "k", "a", "a", "a", "a", "a"], ["2", "k", other, other, other, other, other]];
        let rows: Vec<&[&str]> = rows.iter().map(<[&str; 7]>::as_slice).collect();
        let sheet = Sheet::new(&["unique_id", "k", "c1", "c2", "c3", "c4", "c5"], &rows);
        let tables = tables(&model, &sheet);
        let links = linked(&Scorer::new(&model, &tables).unwrap());
        assert!(links.pairs[0].weight.is_finite() && links.pairs[0].weight.abs() > 4_000.0);
        assert!((probability(links.pairs[0].weight) - chance).abs() < 1e-300);
    }
}

#[test]
fn there_are_as_many_pairs_as_splink_counts() {
    let count = |rows: usize| {
        let rows: Vec<Vec<String>> = (0..rows).map(|row| vec![row.to_string()]).collect();
        let rows: Vec<Vec<&str>> =
            rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        Sheet::new(&["unique_id"], &rows)
    };
    // Within one table, and so for several that are linked and deduplicated as one.
    for (rows, pairs) in [(5, 10), (8, 28), (10, 45), (2 + 3, 10), (7 + 11, 153), (5 * 4, 190)] {
        let batches = [count(rows).batch()];
        assert_eq!(Tables::within(&[], Table::new(&batches)).unwrap().all_pairs(), pairs);
    }
    for (left, right, pairs) in [(2, 3, 6), (7, 11, 77), (1, 1, 1)] {
        let (left, right) = ([count(left).batch()], [count(right).batch()]);
        let tables = Tables::between(&[], Table::new(&left), Table::new(&right)).unwrap();
        assert_eq!(tables.all_pairs(), pairs);
    }
}

#[test]
fn the_prior_of_rules_and_recall_is_splinks() {
    let json = |link: &str| {
        format!(
            r#"{{ "link_type": "{link}", "sql_dialect": "duckdb",
                 "blocking_rules_to_generate_predictions": ["l.first_name = r.first_name", "l.surname = r.surname",
                     "l.first_name = r.first_name and l.surname = r.surname", "l.city = r.city"],
                 "comparisons": [{{ "output_column_name": "surname", "comparison_levels": [
                     {{ "sql_condition": "surname_l IS NULL OR surname_r IS NULL", "is_null_level": true }},
                     {{ "sql_condition": "surname_l = surname_r" }}, {{ "sql_condition": "ELSE" }} ] }}] }}"#
        )
    };
    let header = ["unique_id", "first_name", "surname", "city"];
    let row = |rows: &[&'static str]| {
        let row = |row: &'static str| row.split(' ').collect::<Vec<_>>();
        let rows: Vec<Vec<&str>> = rows.iter().map(|one| row(one)).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        Sheet::new(&header, &rows)
    };
    let within = import(&json("dedupe_only"), &ImportOptions::default()).unwrap().model;
    let sheet = row(&[
        "1 John Smith x",
        "2 John Smith x",
        "3 Mary Jones x",
        "4 Mary Jones x",
        "5 Mary Jones x",
        "6 Jane Taylor x",
    ]);
    let one = tables(&within, &sheet);
    let rules = within.rules();
    same(splink::prior(&one, &rules[..2], 1.0).unwrap(), 4.0 / 15.0);
    same(splink::prior(&one, &rules[2..3], 0.9).unwrap(), 4.0 / 15.0 / 0.9);
    same(splink::prior(&one, &rules[3..], 1.0).unwrap(), 1.0);
    assert!(splink::prior(&one, &rules[3..], 0.9).is_err());
    let between = import(&json("link_only"), &ImportOptions::default()).unwrap().model;
    let left = [row(&["1 John Smith x", "2 Mary Jones x"]).batch()];
    let right = row(&["1 John Smyth y", "2 Mary Jones y", "3 Jane Taylor y", "4 Alice Williams y"]);
    let right = [right.batch()];
    let both = Tables::between(between.columns(), Table::new(&left), Table::new(&right)).unwrap();
    same(splink::prior(&both, &between.rules()[..2], 1.0).unwrap(), 2.0 / 8.0);
}

#[test]
fn what_the_two_programs_do_differently_is_said() {
    let json = r#"{
        "link_type": "link_and_dedupe",
        "match_weight_column_prefix": "mw_",
        "colour": "blue",
        "blocking_rules_to_generate_predictions": [
            { "blocking_rule": "l.dob = r.dob", "salting_partitions": 8, "sql_dialect": "duckdb" },
            "substr(l.name, 1, 3) = substr(r.name, 1, 3)"
        ],
        "comparisons": [
            { "output_column_name": "name", "comparison_levels": [
                { "sql_condition": "name_l IS NULL OR name_r IS NULL", "is_null_level": true },
                { "sql_condition": "name_l = name_r", "m_probability": 0.7, "u_probability": 0.1,
                  "tf_adjustment_column": "name", "fix_m_probability": true },
                { "sql_condition": "jaro_winkler_similarity(name_l, name_r) >= 0.8", "m_probability": 0.1,
                  "u_probability": 0.1, "tf_adjustment_column": "name", "tf_adjustment_weight": 0.5 },
                { "sql_condition": "jaro_winkler_similarity(name_l, name_r) >= 0.9", "m_probability": 1e-9,
                  "u_probability": "level not observed in the training dataset" },
                { "sql_condition": "lower(name_l) = lower(name_r)", "m_probability": 0.1 },
                { "sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.8 } ] },
            { "output_column_name": "dob", "comparison_levels": [
                { "sql_condition": "abs(epoch(dob_l) - epoch(dob_r)) <= 86400" },
                { "sql_condition": "(abs(pay_l - pay_r) / (case when pay_r > pay_l then pay_r else pay_l end)) < 0.1" },
                { "sql_condition": "ELSE" } ] }
        ] }"#;
    expect_test::expect![[r"
        settings, `sql_dialect` (changes nothing)
          splink: takes the dialect of the database it is run on
          comity: reads the conditions as DuckDB's SQL, since the settings don't say
        settings, `probability_two_random_records_match` (changes nothing)
          splink: takes 0.0001 where it isn't stated
          comity: has the prior 0.0001
          remedy: state it, or train the prior
        settings, `colour` (may change pairs)
          splink: may know this key, in a version that isn't known here
          comity: doesn't know it, and ignored it
          remedy: look up what it means, and whether the model needs it
        rule 1 (changes nothing)
          splink: up to version 4, splits the rule's work by a salt; version 5 ignores it
          comity: ignores the salt, and splits large blocks by their pairs
        comparison `name`, level 2 (changes nothing)
          splink: keeps it when the model is trained again, by `fix_m_probability`
          comity: a model isn't trained again; in a recipe, an m or u that is stated is kept
          remedy: state it in the recipe
        comparison `name`, level 4, `u_probability` (changes nothing)
          splink: reckons with 0.000001 for a level that training never saw
          comity: has 0.000001
        comparison `name` (may change weights)
          splink: reckons with 0.000001 for the u of a level that training never saw, but doesn't save it, and takes 0.06299605249474372 once the model is loaded again
          comity: reckons with 0.000001
          remedy: state the value
        comparison `dob` (changes nothing)
          splink: begins with values of its own for the m, which add up to 1
          comity: has the same values for the m, divided by their sum
          remedy: train the comparison
        comparison `dob` (may change weights)
          splink: begins with values of its own for the u, which add up to 0.8040527343750007
          comity: has the same values for the u, divided by their sum
          remedy: train the comparison
        comparison `dob`, level 2 (may change weights)
          splink: divides the difference by the larger value, and asks for less than the bound
          comity: takes it of the value larger in size, and the bound counts; two zeros are equal
        comparison `dob` (may change weights)
          splink: has no null level, so that a missing value comes to the last level
          comity: weighs nothing where a value is missing
          remedy: add a null level in Splink, and train again
        comparison `name`, level 4 (changes nothing)
          splink: has a level that no pair ever comes to
          comity: leaves it out: `jaro_winkler >= 0.8` before it takes all of it
        comparison `name`, term frequencies (may change weights)
          splink: adjusts each level for frequency by a column, weight and minimum of its own
          comity: adjusts for the compared column, and by one weight and minimum; not adjusted are `jaro_winkler >= 0.8`
          remedy: state `frequency` for the comparison, and train again
        column `name_lower` (may change weights)
          splink: keeps sharp s, and the sigma at a word's end, when it makes lower case
          comity: writes ss for the one, and the usual sigma for the other
        column `dob_date` (may change weights)
          splink: goes by the type that the column has in the database
          comity: reads it as a date by `%Y-%m-%d`, or takes it as a column of dates
          remedy: state the format that the column has
        column `pay_number` (may change weights)
          splink: goes by the type that the column has in the database
          comity: reads it as a number, and what doesn't read is no value
        columns `name` (changes nothing)
          splink: compares the bytes of texts on DuckDB, so that a letter with a diacritic counts for two
          comity: compares bytes here too, by the step `as_bytes`, to give the same weights
          remedy: import by characters, so that names with diacritics aren't marked down
        threshold (may change pairs)
          splink: keeps every pair, unless told otherwise when it predicts
          comity: keeps pairs of weight -1000 and more
        empty texts (may change weights)
          splink: takes an empty text for a value, equal to any other
          comity: takes it for no value
          remedy: none is needed where empty cells are null, as DuckDB reads them from a CSV file
        frequencies (changes nothing)
          splink: counts term frequencies over all input put together, duplicates included
          comity: counts them over both tables put together, as well
          remedy: supply the frequencies of a population
    "]].assert_eq(&report_of(json));
}

#[test]
fn what_is_no_model_is_refused_with_its_place() {
    let cases = [
        "",
        "[]",
        "{}",
        r#"{ "link_type": "guess" }"#,
        r#"{ "link_type": 3 }"#,
        r#"{ "link_type": "dedupe_only", "comparisons": [3] }"#,
        r#"{ "link_type": "dedupe_only", "comparisons": [{ "case_expression": "CASE WHEN" }] }"#,
        r#"{ "link_type": "dedupe_only", "blocking_rules_to_generate_predictions": ["l.a = "] }"#,
        r#"{ "link_type": "dedupe_only", "blocking_rules_to_generate_predictions": [{}] }"#,
        r#"{ "link_type": "dedupe_only", "blocking_rules_to_generate_predictions": ["l.a = r.a"] }"#,
        &one_comparison(r#"{ "label_for_charts": "no condition" }"#),
        &one_comparison(r#"{ "sql_condition": "name_l = name_r", "m_probability": true }"#),
        &one_comparison(r#"{ "sql_condition": "name_l = name_r" }"#),
        &one_comparison(
            r#"{ "sql_condition": "name_l = name_r", "m_probability": 7, "u_probability": 0.5 },
               { "sql_condition": "ELSE", "m_probability": 0.5, "u_probability": 0.5 }"#,
        ),
        &one_comparison(
            r#"{ "sql_condition": "name_l IS NULL", "is_null_level": true }, { "sql_condition": "ELSE" }"#,
        ),
        &one_comparison(r#"{ "sql_condition": "ELSE" }, { "sql_condition": "name_l = name_r" }"#),
    ];
    let refused: Vec<linkage::Error> =
        cases.iter().map(|json| import(json, &ImportOptions::default()).unwrap_err()).collect();
    let refused = lines(&refused);
    expect_test::expect![[r"
        the settings cannot be read: EOF while parsing a value at line 1 column 0
        settings, settings: it must be an object of JSON
        settings, settings: they have no `link_type`
        settings, settings: there is no link type `guess`
        settings, settings: `link_type` must be a text
        settings, comparison 1: it must be an object of JSON
        settings, comparison `comparison 1`: it has a `case_expression`, as in Splink 2, which isn't read
        settings, rule 1: its SQL cannot be read: sql parser error: Expected: an expression, found: EOF
        settings, rule 1: it has no SQL
        comparison: there must be 1 to 16 of them
        settings, comparison `name`, level 2: it has no `sql_condition`
        settings, comparison `name`, level 2: `m_probability` must be a number
        comparison `name`: it must have 2 to 15 levels
        comparison `name`, level `exact`: its m must lie above 0 and be at most 1
        settings, comparison `name`, level 2: a null level that asks for more than missing values has no form
        comparison `name`: it must have 2 to 15 levels
    "]].assert_eq(&refused);
}

#[test]
fn what_splink_cannot_say_is_reported_and_never_written_as_something_similar() {
    let model = Model::from_toml(include_str!("splink/beyond.toml")).unwrap();
    let exported = export(&model).unwrap();
    let report = lines(&exported.report);
    expect_test::expect![[r"
        threshold (may change pairs)
          splink: has none in its settings
          comity: keeps pairs of weight 4 and more
          remedy: give it to `predict`, as `threshold_match_weight`
        one_to_one (may change pairs)
          splink: has no such setting
          comity: keeps a record to one pair, as the model says
          remedy: cluster by single best links
        column `surname` (may change pairs)
          splink: links tables whose columns have the same names
          comity: takes it from columns of two names
          remedy: hand in tables with the prepared column `surname`
        column `surname` (may change pairs)
          splink: takes every text for a value
          comity: takes the usual texts that stand for nothing, such as `unknown`, for no value
          remedy: make them null before they are handed in
        column `surname` (may change weights)
          splink: compares the bytes of texts on DuckDB, so that a letter with a diacritic counts for two
          comity: compares characters
        column `given` (may change weights)
          splink: takes off blanks only, not every white space
          comity: prepares it by the step `trim`
        column `given` (may change weights)
          splink: keeps sharp s and the sigma at a word's end
          comity: prepares it by the step `fold_case`
        column `given` (may change weights)
          splink: compares the bytes of texts on DuckDB, so that a letter with a diacritic counts for two
          comity: compares characters
        rule `soundex(surname)` (may change pairs)
          splink: has no such rule on DuckDB; it is left out
          comity: makes pairs by it
          remedy: prepare the key as a column of its own
        comparison `surname`, `frequency` (may change weights)
          splink: adjusts for the frequency of a column of the input only, and makes no adjustment here
          comity: adjusts for the frequency of the prepared column
          remedy: prepare the column before it is handed in
        comparison `surname`, level `optimal_alignment <= 1` (may change weights)
          splink: has no such test on DuckDB; the level is written as one that never holds
          comity: has the level
          remedy: train again without the level before the model is exported
        comparison `surname`, level `sounds alike by cologne phonetics` (may change weights)
          splink: has no such test on DuckDB; the level is written as one that never holds
          comity: has the level
          remedy: train again without the level before the model is exported
        comparison `given`, level `jaccard of 2-grams >= 0.5` (may change weights)
          splink: has no such test on DuckDB; the level is written as one that never holds
          comity: has the level
          remedy: train again without the level before the model is exported
    "]].assert_eq(&report);
    // It is settings nevertheless: every comparison and level is there.
    let json: serde_json::Value = serde_json::from_str(&exported.json).unwrap();
    for (written, comparison) in
        json["comparisons"].as_array().unwrap().iter().zip(model.comparisons())
    {
        let levels = written["comparison_levels"].as_array().unwrap();
        assert_eq!(levels.len(), comparison.levels.len() + 1, "the null level is written too");
    }
    let of = |comparison: usize, level: usize| {
        json["comparisons"][comparison]["comparison_levels"][level]["sql_condition"].clone()
    };
    assert_eq!(of(0, 2), "1 = 0");
    assert_eq!(
        of(2, 3),
        r#"abs(epoch(try_strptime("born_l", '%Y-%m-%d')) - epoch(try_strptime("born_r", '%Y-%m-%d'))) <= 259200"#
    );
}

#[test]
fn every_test_that_splink_has_a_form_for_comes_back_from_an_export() {
    let model = Model::from_toml(include_str!("splink/within.toml")).unwrap();
    let exported = export(&model).unwrap();
    let options = ImportOptions {
        name: Some(model.name().to_owned()),
        threshold: model.threshold(),
        characters: true,
    };
    let again = import(&exported.json, &options).unwrap().model;
    assert_eq!(again.to_toml().unwrap(), model.to_toml().unwrap());
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_can_do_harm() {
    let level = |sql: &str| {
        let condition = serde_json::Value::from(sql).to_string();
        let json = one_comparison(&format!(
            r#"{{ "sql_condition": {condition} }}, {{ "sql_condition": "ELSE" }}"#
        ));
        import(&json, &ImportOptions::default())
    };
    let chain = |count| vec!["name_l = name_r"; count].join(" and ");
    assert!(level(&chain(250)).is_ok());
    assert!(level(&("(".repeat(12) + "name_l = name_r" + &")".repeat(12))).is_ok());
    for condition in [
        chain(251),
        vec!["1"; 502].join("+"),
        vec!["1"; 490].join("+") + " = name_l",
        "a".repeat(8_193),
        "(".repeat(900),
        "(".repeat(400) + "name_l" + &")".repeat(400),
        "not ".repeat(900) + "name_l = name_r",
        "- ".repeat(900) + "1",
        "[".repeat(900),
        "f(".repeat(400),
        "case when ".repeat(400),
    ] {
        assert!(level(&condition).is_err(), "{condition:.20}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_importer_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = import(&String::from_utf8_lossy(&bytes), &ImportOptions::default());
    }

    #[test]
    fn no_sql_makes_the_importer_panic(sql in sql(), is_null in any::<bool>(), rule in sql()) {
        let json = serde_json::json!({
            "link_type": "dedupe_only",
            "blocking_rules_to_generate_predictions": [rule],
            "comparisons": [{ "output_column_name": "x", "comparison_levels": [
                { "sql_condition": sql, "is_null_level": is_null },
                { "sql_condition": "a_l = a_r" },
                { "sql_condition": "ELSE" },
            ] }],
        });
        let _ = import(&json.to_string(), &ImportOptions::default());
    }

    #[test]
    fn no_change_to_settings_makes_the_importer_panic(
        from in any::<prop::sample::Index>(),
        length in 0usize..60,
        with in "[\\PC]{0,20}",
    ) {
        let whole: Vec<char> = include_str!("splink/untrained.json").chars().collect();
        let from = from.index(whole.len());
        let to = (from + length).min(whole.len());
        let changed: String =
            whole[..from].iter().copied().chain(with.chars()).chain(whole[to..].iter().copied()).collect();
        if let Ok(imported) = import(&changed, &ImportOptions::default()) {
            let exported = export(&imported.model).unwrap();
            let _ = import(&exported.json, &ImportOptions::default());
        }
    }
}

/// Text of the words that conditions are made of, in any order.
fn sql() -> impl Strategy<Value = String> {
    let words = [
        "a_l",
        "a_r",
        "l.a",
        "r.a",
        "b_l",
        "=",
        "<=",
        ">",
        "<>",
        "(",
        ")",
        ",",
        "and",
        "or",
        "not",
        "is null",
        "1",
        "0.9",
        "-1",
        "1e400",
        "'x'",
        "''",
        "levenshtein(",
        "jaro_winkler_similarity(",
        "abs(",
        "epoch(",
        "lower(",
        "substr(",
        "regexp_extract(",
        "'('",
        "nullif(",
        "cast(",
        "as text)",
        "case when",
        "then",
        "else",
        "end",
        "list_intersect(",
        "array_length(",
        "[",
        "]",
        "x ->",
        "interval '1' month",
        "::",
        "greatest(",
        "ELSE",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..30)
        .prop_map(|words| words.join(" "))
}
