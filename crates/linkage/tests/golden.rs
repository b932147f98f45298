//! Golden numbers: what Splink 5.0.0 gives for its own demo model, and data whose parameters are known exactly.

#![expect(clippy::unreadable_literal, reason = "the digits stand as they were published")]

mod common;

use std::collections::BTreeMap;

use common::Sheet;
use linkage::train::{Start, maximise};
use linkage::{Model, Pattern, Scorer, Side, Table, Tables, link, probability};

fn near(one: f64, other: f64, slack: f64) {
    assert!((one - other).abs() <= slack, "{one} is not {other}");
}

#[test]
fn fake_1000_weighs_what_splink_says_it_weighs() {
    let Some(sheet) = Sheet::read("fake_1000/fake_1000.csv") else {
        return;
    };
    let model = Model::from_toml(include_str!("fake_1000.toml")).unwrap();
    let batches = [sheet.batch()];
    let tables =
        Tables::within(model.columns(), Table::new(&batches).with_id("unique_id")).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let links = link(&scorer, |_| {}).unwrap();

    assert_eq!(links.pairs.len(), 2_406);
    let new: Vec<u64> = links.rules.iter().map(|rule| rule.new_pairs).collect();
    assert_eq!(new, [315, 1_526, 565]);
    assert_eq!(links.patterns.len(), 345);

    // Splink counts a level down to 0 for `else` and calls the null level -1; ours counts up from 1, and null is 0.
    let mut levels: Vec<BTreeMap<i64, u64>> = vec![BTreeMap::new(); 5];
    for (pattern, count) in &links.patterns {
        for (comparison, counts) in levels.iter_mut().enumerate() {
            let levels = i64::try_from(model.comparisons()[comparison].levels.len()).unwrap();
            let level = i64::from(pattern.level(comparison));
            *counts.entry(if level == 0 { -1 } else { levels - level }).or_insert(0) += count;
        }
    }
    let expected: [&[(i64, u64)]; 5] = [
        &[(-1, 713), (0, 809), (1, 104), (2, 55), (3, 136), (4, 589)],
        &[(-1, 335), (0, 198), (1, 59), (2, 27), (3, 149), (4, 1638)],
        &[(0, 1445), (1, 88), (2, 873)],
        &[(-1, 714), (0, 1017), (1, 675)],
        &[(-1, 880), (0, 702), (1, 3), (2, 188), (3, 187), (4, 446)],
    ];
    for (counts, expected) in levels.iter().zip(expected) {
        assert_eq!(
            counts.iter().map(|(level, count)| (*level, *count)).collect::<Vec<_>>(),
            expected
        );
    }

    near(links.pairs.iter().map(|pair| pair.weight).sum(), 1068.605404835872, 1e-8);
    let mut heaviest = links.pairs.clone();
    heaviest.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    let id = |side, record| tables.id(side, record).unwrap().to_owned();
    let top = [
        ("490", "491", 28.011405874852613),
        ("491", "492", 26.992947839222886),
        ("578", "579", 26.197500867250092),
    ];
    for (pair, (one, other, weight)) in heaviest.iter().zip(top) {
        assert_eq!(
            (id(Side::Source, pair.source), id(Side::Recipient, pair.recipient)),
            (one.to_owned(), other.to_owned())
        );
        near(pair.weight, weight, 1e-12 * weight);
    }
    near(heaviest.last().unwrap().weight, -15.156267265319716, 1e-11);
    let above =
        |share: f64| links.pairs.iter().filter(|pair| probability(pair.weight) >= share).count();
    assert_eq!([0.5, 0.9, 0.95, 0.99, 0.999].map(above), [1179, 1060, 992, 840, 619]);

    let cluster = sheet.cells("cluster");
    let same = |pair: &&linkage::Pair| {
        cluster[pair.source.row() as usize] == cluster[pair.recipient.row() as usize]
    };
    assert_eq!(links.pairs.iter().filter(same).count(), 1_315);
}

#[test]
fn known_parameters_come_back_with_their_posterior() {
    // 4,000 pairs of three comparisons, made from a share of 0.5 and the m and u below.
    let Some(sheet) = Sheet::read("known_params/known_params_comparison_vectors.csv") else {
        return;
    };
    let columns = ["gamma_col_1", "gamma_col_2", "gamma_col_3"].map(|name| sheet.cells(name));
    let truth = sheet.cells("true_match_probability_l");
    // Level 1 is the equal one, level 2 the other.
    let level = |cell: &str| if cell == "1" { 1 } else { 2 };
    let pattern =
        |row: usize| Pattern::new(&[0, 1, 2].map(|column: usize| level(columns[column][row])));
    let mut counts: BTreeMap<Pattern, u64> = BTreeMap::new();
    for row in 0..truth.len() {
        *counts.entry(pattern(row)).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    let start = Start {
        same: 0.3,
        m: vec![vec![0.8, 0.2]; 3],
        u: vec![vec![0.2, 0.8]; 3],
        fixed_m: vec![vec![false, false]; 3],
        learn_u: true,
    };
    let estimate = maximise(&counts, &start, 5_000, 1e-10).unwrap();
    assert!(estimate.converged);
    near(estimate.same, 0.5, 1e-8);
    let known = [(0.7, 0.1), (0.9, 0.025), (0.95, 0.2)];
    for (comparison, (m, u)) in known.into_iter().enumerate() {
        near(estimate.m[comparison][0], m, 1e-8);
        near(estimate.u[comparison][0], u, 1e-8);
    }
    for (row, expected) in truth.iter().enumerate() {
        let expected: f64 = expected.parse().unwrap();
        let pattern = pattern(row);
        let odds = (0..3).fold(estimate.same / (1.0 - estimate.same), |odds, comparison| {
            let level = usize::from(pattern.level(comparison)) - 1;
            odds * estimate.m[comparison][level] / estimate.u[comparison][level]
        });
        near(odds / (1.0 + odds), expected, 1e-7 * expected);
    }
}
