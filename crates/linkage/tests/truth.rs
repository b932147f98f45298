//! What a model says of itself holds: kin, calibration, and intervals without labels.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests stand outside any test; what replicates came to is to be read"
)]

mod common;

use common::Sheet;
use linkage::calibrate::{
    Judged, Point, calibrated, in_doubt, isotonic, platt, recalibrate, weight_at,
};
use linkage::estimate::{Interval, OfGroup, estimate, estimate_by_group};
use linkage::synth::{Plan, synthesise};
use linkage::train::{Start, maximise};
use linkage::{
    Error, KIN, Model, Pattern, Recipe, RecordRef, Scorer, Side, Table, Tables, explain, link,
    probability, same_by_id, train, with_m_from_labels,
};
use proptest::prelude::*;

const MODEL: &str = r#"
    name = "names and homes"
    link = "between"
    prior = 0.01
    threshold = 0.0
    [[column]]
    name = "name"
    from = ["name"]
    [[column]]
    name = "home"
    from = ["home"]
    [[rule]]
    keys = [{ column = "home" }]
    [[comparison]]
    name = "name"
    column = "name"
    frequency = {}
    level = [
        { test = "exact", m = 0.8, u = 0.01 }, { test = { jaro_winkler = 0.9 }, m = 0.1, u = 0.02 },
        { test = "else", m = 0.1, u = 0.97 },
    ]
    [[comparison]]
    name = "home"
    column = "home"
    level = [{ test = "exact", m = 0.9, u = 0.001 }, { test = "else", m = 0.1, u = 0.999 }]
"#;

const HOUSEHOLD: &str = "
    [[kin]]
    for_each_same = 2.0
    levels = [[0.05, 0.05, 0.9], [0.95, 0.05]]
";

const NAMESAKES: &str = "
    [[kin]]
    for_each_same = 0.5
    levels = [[0.9, 0.05, 0.05], [0.01, 0.99]]
";

fn model(kin: &[&str]) -> Model {
    Model::from_toml(&(MODEL.to_owned() + &kin.concat())).unwrap()
}

fn tables(rows: &[(&str, &str)]) -> Tables {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|(name, home)| vec![(*name).to_owned(), (*home).to_owned()]).collect();
    let sheet = Sheet { header: vec!["name".to_owned(), "home".to_owned()], rows };
    let batch = [sheet.batch()];
    Tables::between(model(&[]).columns(), Table::new(&batch), Table::new(&batch)).unwrap()
}

const PEOPLE: [(&str, &str); 5] =
    [("anna", "1"), ("anne", "1"), ("boris", "2"), ("anna", ""), ("", "2")];

#[test]
fn the_weight_is_the_odds_against_strangers_and_kin() {
    let (plain, with) = (model(&[]), model(&[HOUSEHOLD, NAMESAKES]));
    let tables = tables(&PEOPLE);
    let (plain, with) =
        (Scorer::new(&plain, &tables).unwrap(), Scorer::new(&with, &tables).unwrap());
    // One home and two names: the likeliest thing is a household.
    let (source, recipient) = (RecordRef::new(0), RecordRef::new(2));
    let pattern = Pattern::new(&[3, 1]);
    let sum = plain.weight(pattern, source, recipient);
    let kin: f64 = 2.0 * (0.9 / 0.1) * (0.95 / 0.9) + 0.5 * (0.05 / 0.1) * (0.01 / 0.9);
    let expected = -((-sum).exp2() + kin).log2();
    assert_eq!(with.sum(pattern, source, recipient).to_bits(), sum.to_bits());
    assert!((with.weight(pattern, source, recipient) - expected).abs() < 1e-12);
    assert!((with.kin(pattern) - kin.log2()).abs() < 1e-12);
    // Where a value is missing, that comparison says nothing in any class.
    assert!((with.kin(Pattern::new(&[0, 0])) - 2.5f64.log2()).abs() < 1e-12);
}

fn pattern_of(found: &linkage::Explanation) -> Pattern {
    let levels: Vec<u8> =
        (found.parts.iter()).filter(|part| part.comparison != KIN).map(|part| part.level).collect();
    Pattern::new(&levels)
}

#[test]
fn an_explanation_names_what_kin_take_off_and_still_adds_up() {
    let with = model(&[HOUSEHOLD, NAMESAKES]);
    let tables = tables(&PEOPLE);
    let scorer = Scorer::new(&with, &tables).unwrap();
    for source in 0..5 {
        for recipient in 0..5 {
            let found =
                explain(&scorer, RecordRef::new(source), RecordRef::new(recipient)).unwrap();
            assert_eq!(found.sum().to_bits(), found.weight.to_bits());
            let last = found.parts.last().unwrap();
            assert_eq!(last.comparison, KIN);
            assert!(last.partial_weight <= 0.0);
            assert!((found.probability - probability(found.weight)).abs() < 1e-15);
            // What each class makes of it adds up to what kin take off, and with strangers to what the weight leaves.
            assert_eq!(found.kin.len(), 2);
            let (pattern, sum) = (pattern_of(&found), found.weight - last.partial_weight);
            let classes = scorer.classes(pattern, sum);
            let kin: f64 = found.kin.iter().map(|class| class.chance).sum();
            assert!((classes.same + classes.strangers + kin - 1.0).abs() < 1e-12);
            assert!((classes.same - found.probability).abs() < 1e-12, "{found:?}");
            assert!(
                (kin / classes.same - scorer.kin(pattern).exp2()).abs()
                    < 1e-9 * (1.0 + kin / classes.same)
            );
            for (class, said) in with.kin().iter().zip(&found.kin) {
                assert_eq!(class.for_each_same.to_bits(), said.for_each_same.to_bits());
                for (place, level) in said.levels.iter().enumerate() {
                    let held = usize::from(found.parts[place].level);
                    let expected = held.checked_sub(1).map(|held| class.levels[place][held]);
                    assert_eq!(*level, expected);
                }
            }
        }
    }
}

#[test]
fn a_model_without_kin_weighs_and_explains_as_before() {
    let plain = model(&[]);
    let tables = tables(&PEOPLE);
    let scorer = Scorer::new(&plain, &tables).unwrap();
    let found = explain(&scorer, RecordRef::new(0), RecordRef::new(1)).unwrap();
    assert_eq!(found.parts.len(), 2);
    let pattern = Pattern::new(&[2, 1]);
    assert_eq!(scorer.kin_part(pattern, 5.0).to_bits(), 0.0f64.to_bits());
}

proptest! {
    #[test]
    fn kin_never_add_weight_and_never_overflow(sum in -2000.0f64..2000.0, name in 0u8..=3, home in 0u8..=2) {
        let with = model(&[HOUSEHOLD, NAMESAKES]);
        let tables = tables(&PEOPLE);
        let scorer = Scorer::new(&with, &tables).unwrap();
        let part = scorer.kin_part(Pattern::new(&[name, home]), sum);
        prop_assert!(part <= 0.0 && part.is_finite());
        // However heavy the sum, the weight is below the odds against kin alone.
        prop_assert!(sum + part <= -scorer.kin(Pattern::new(&[name, home])) + 1e-9);
    }

    #[test]
    fn a_calibration_never_falls_and_its_inverse_is_its_inverse(
        steps in proptest::collection::vec((0.1f64..3.0, 0.01f64..3.0), 1..8), weight in -30.0f64..30.0,
    ) {
        let (mut weight_sofar, mut odds_sofar) = (-5.0, -6.0);
        let points: Vec<Point> = steps.iter().map(|(right, up)| {
            weight_sofar += right;
            odds_sofar += up;
            Point { weight: weight_sofar, log_odds: odds_sofar }
        }).collect();
        prop_assert!(calibrated(&points, weight) < calibrated(&points, weight + 0.5));
        prop_assert!((weight_at(&points, calibrated(&points, weight)) - weight).abs() < 1e-6);
    }
}

#[test]
fn a_model_with_kin_and_calibration_comes_back_from_its_file_bit_for_bit() {
    let points = vec![
        Point { weight: -1.5, log_odds: -3.0 },
        Point { weight: 0.1 + 0.2, log_odds: 1.0 / 3.0 },
    ];
    let with = model(&[HOUSEHOLD]).with_calibration(points.clone()).unwrap();
    let again = Model::from_toml(&with.to_toml().unwrap()).unwrap();
    assert_eq!(again, with);
    assert_eq!(again.calibration(), points);
    assert_ne!(with.digest().unwrap(), model(&[HOUSEHOLD]).digest().unwrap());
    assert_ne!(model(&[]).digest().unwrap(), model(&[HOUSEHOLD]).digest().unwrap());
}

#[test]
fn kin_and_calibrations_that_cannot_be_are_refused() {
    let class = |shares: &str, levels: &str| {
        Model::from_toml(&format!(
            "{MODEL}\n[[kin]]\nfor_each_same = {shares}\nlevels = {levels}\n"
        ))
    };
    let cases = [
        class("0.0", "[[0.1, 0.1, 0.8], [0.5, 0.5]]"),
        class("nan", "[[0.1, 0.1, 0.8], [0.5, 0.5]]"),
        class("1.0", "[[0.1, 0.1, 0.8]]"),
        class("1.0", "[[0.1, 0.9], [0.5, 0.5]]"),
        class("1.0", "[[0.1, 0.1, 0.8], [0.5, 0.4]]"),
        class("1.0", "[[0.0, 0.2, 0.8], [0.5, 0.5]]"),
        class("1.0", "[[-0.1, 0.3, 0.8], [0.5, 0.5]]"),
        model(&[]).with_calibration(vec![
            Point { weight: 1.0, log_odds: 1.0 },
            Point { weight: 1.0, log_odds: 2.0 },
        ]),
        model(&[]).with_calibration(vec![
            Point { weight: 1.0, log_odds: 2.0 },
            Point { weight: 2.0, log_odds: 1.0 },
        ]),
        model(&[]).with_calibration(vec![Point { weight: f64::NAN, log_odds: 2.0 }]),
    ];
    for case in cases {
        assert!(matches!(case, Err(Error::UnsoundModel { .. })), "{case:?}");
    }
}

/// Pairs at even spacing of weight, of which as many are the same individual as this says.
fn judged(count: u32, true_odds: impl Fn(f64) -> f64) -> Vec<Judged> {
    (0..count)
        .map(|number| {
            let weight = -8.0 + 16.0 * f64::from(number) / f64::from(count);
            Judged { weight, same: probability(true_odds(weight)), pairs: 1.0 }
        })
        .collect()
}

#[test]
fn both_calibrations_find_what_weights_stand_for() {
    // The model is twice as sure as it should be, and three bits too hopeful.
    let truth = |weight: f64| weight / 2.0 - 3.0;
    let pairs = judged(20_000, truth);
    for (name, points, near) in
        [("isotonic", isotonic(&pairs), 0.02), ("platt", platt(&pairs), 0.01)]
    {
        for weight in [-6.0, -2.0, 0.0, 2.0, 6.0, 7.5] {
            let (found, true_share) =
                (probability(calibrated(&points, weight)), probability(truth(weight)));
            assert!((found - true_share).abs() < near, "{name} at {weight}: {found} {true_share}");
        }
    }
}

#[test]
fn little_evidence_changes_a_calibration_little() {
    let pairs = judged(4, |weight| weight - 4.0);
    let points = platt(&pairs);
    assert!((calibrated(&points, 0.0)).abs() < 2.5, "{points:?}");
    assert!(platt(&[]).is_empty() && isotonic(&[]).is_empty());
    // What stands for no pair at all says nothing, and what is worse than nothing is no odds below every odds.
    let worse = [Judged { weight: 1.0, same: -3.0, pairs: 50.0 }; 3];
    assert!(isotonic(&worse).iter().all(|point| point.log_odds.is_finite()));
}

#[test]
fn judgements_make_another_model_with_another_digest() {
    let before = model(&[HOUSEHOLD]);
    let after = recalibrate(&before, &judged(500, |weight| weight - 3.0)).unwrap();
    assert_ne!(before.digest().unwrap(), after.digest().unwrap());
    assert!((calibrated(after.calibration(), 2.0) + 1.0).abs() < 0.3, "{:?}", after.calibration());
    // Judged again as it now says, it stays.
    let points = after.calibration().to_vec();
    let again = recalibrate(&after, &judged(500, |weight| calibrated(&points, weight))).unwrap();
    for weight in [-5.0, 0.0, 5.0] {
        let moved = calibrated(again.calibration(), weight) - calibrated(&points, weight);
        assert!(moved.abs() < 0.1, "{moved}");
    }
    assert!(matches!(recalibrate(&before, &[]), Err(Error::NoPairs)));
}

#[test]
fn a_pair_is_in_doubt_by_what_the_model_now_says_of_it_and_the_others_teach_nothing() {
    let plain = model(&[HOUSEHOLD]).with_calibration(Vec::new()).unwrap();
    let pairs = |weights: &[f64]| -> Vec<Judged> {
        weights.iter().map(|weight| Judged { weight: *weight, same: 0.0, pairs: 1.0 }).collect()
    };
    let weights = [-10.1, -10.0, 0.0, 13.9, 14.0, 20.0];
    assert_eq!(in_doubt(&plain, &pairs(&weights)), 3, "-10, 0 and 13.9");
    let point = |weight| Point { weight, log_odds: weight - 8.0 };
    let lower = plain.with_calibration(vec![point(-10.0), point(14.0)]).unwrap();
    assert_eq!(in_doubt(&lower, &pairs(&weights)), 4, "all but -10.1 and -10");
    assert_eq!(in_doubt(&plain, &[]), 0);
    let sure = pairs(&[14.0, 20.0]);
    assert!(matches!(recalibrate(&plain, &sure), Err(Error::NoPairs)));
    let with = |more: &[f64]| recalibrate(&plain, &pairs(more)).unwrap().digest().unwrap();
    assert_eq!(with(&[1.0, 2.0]), with(&[1.0, 2.0, 14.0, 20.0]));
}

#[test]
fn a_level_that_an_earlier_one_leaves_nothing_to_is_refused() {
    let recipe = |levels: &str| {
        let text = include_str!("truth.toml");
        let whole = "level = [{ test = \"exact\" }, { test = { jaro_winkler = 0.92 } }, { test = { jaro_winkler = 0.8 } }, { test = \"else\" }]";
        Recipe::from_toml(&text.replacen(whole, &format!("level = [{levels}]"), 1))
    };
    for levels in [
        r#"{ test = { jaro_winkler = 0.8 } }, { test = { jaro_winkler = 0.9 } }, { test = "else" }"#,
        r#"{ test = "exact" }, { test = "exact" }, { test = "else" }"#,
        r#"{ test = "exact" }, { test = { levenshtein = 2 } }, { test = { levenshtein = 1 } }, { test = "else" }"#,
    ] {
        let refused = recipe(levels);
        assert!(refused.is_err(), "{levels}");
    }
    assert!(recipe(r#"{ test = "exact" }, { test = { jaro = 0.9 } }, { test = { jaro_winkler = 0.9 } }, { test = "else" }"#).is_ok());
}

#[test]
fn m_from_a_label_column_is_the_share_of_each_level_among_the_same() {
    let rows = |names: &[(&str, &str, &str)]| {
        let header = ["id", "name", "home"].map(str::to_owned).to_vec();
        let rows = names
            .iter()
            .map(|(id, name, home)| vec![(*id).to_owned(), (*name).to_owned(), (*home).to_owned()]);
        [Sheet { header, rows: rows.collect() }.batch()]
    };
    let source =
        rows(&[("1", "anna", "1"), ("2", "boris", "2"), ("3", "carla", ""), ("4", "dora", "4")]);
    let recipient =
        rows(&[("1", "anna", "1"), ("2", "boris", "9"), ("3", "karin", "3"), ("4", "dora", "5")]);
    let recipe = MODEL
        .replace("prior = 0.01\n", "")
        .replace("threshold = 0.0", "threshold = { weight = 0.0 }")
        .replace(", m = 0.8, u = 0.01", "")
        .replace(", m = 0.1, u = 0.02", "")
        .replace(", m = 0.1, u = 0.97", "")
        .replace(", m = 0.9, u = 0.001", "")
        .replace(", m = 0.1, u = 0.999", "")
        + "[training]\nseed = 1\nprior = { stated = 0.1 }\nrules = [{ keys = [{ column = \"name\" }] }]\n";
    let recipe = Recipe::from_toml(&recipe).unwrap();
    let tables = Tables::between(
        recipe.columns(),
        Table::new(&source).with_id("id"),
        Table::new(&recipient).with_id("id"),
    )
    .unwrap();
    let same = same_by_id(&tables);
    assert_eq!(same.len(), 4);
    let learnt = with_m_from_labels(&recipe, &tables, &same).unwrap();
    let m = |comparison: usize| -> Vec<f64> {
        learnt.comparisons()[comparison].levels.iter().map(|level| level.m.unwrap()).collect()
    };
    // Three of four names are equal, and a level never seen counts half a pair.
    assert_eq!(m(0), [3.0 / 4.5, 0.5 / 4.5, 1.0 / 4.5]);
    // One home is missing: of three, one is equal.
    assert_eq!(m(1), [1.0 / 3.0, 2.0 / 3.0]);
    assert!(matches!(with_m_from_labels(&recipe, &tables, &[]), Err(Error::NoPairs)));
}

#[test]
fn known_parameters_come_back_from_splinks_vectors() {
    let Some(sheet) = Sheet::read("known_params/known_params_comparison_vectors.csv") else {
        return;
    };
    let columns = ["gamma_col_1", "gamma_col_2", "gamma_col_3"].map(|name| sheet.cells(name));
    let mut counts = std::collections::BTreeMap::new();
    for row in 0..sheet.rows.len() {
        let levels = columns.each_ref().map(|column| if column[row] == "1" { 1 } else { 2 });
        *counts.entry(Pattern::new(&levels)).or_insert(0u64) += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    let levels = |first: f64| vec![vec![first, 1.0 - first]; 3];
    let start = Start {
        same: 0.3,
        m: levels(0.6),
        u: levels(0.4),
        fixed_m: vec![vec![false; 2]; 3],
        learn_u: true,
    };
    let found = maximise(&counts, &start, 5_000, 1e-9).unwrap();
    assert!(found.converged);
    assert!((found.same - 0.5).abs() < 0.01, "{found:?}");
    for (comparison, (m, u)) in [(0.7, 0.1), (0.9, 0.025), (0.95, 0.2)].into_iter().enumerate() {
        assert!((found.m[comparison][0] - m).abs() < 0.01, "{found:?}");
        assert!((found.u[comparison][0] - u).abs() < 0.01, "{found:?}");
    }
    // And the probability of each vector is the one that the file gives, within one per cent.
    let given = sheet.cells("true_match_probability_l");
    for (row, given) in given.iter().enumerate() {
        let mut odds = found.same / (1.0 - found.same);
        for (comparison, column) in columns.iter().enumerate() {
            let level = usize::from(column[row] != "1");
            odds *= found.m[comparison][level] / found.u[comparison][level];
        }
        let given: f64 = given.parse().unwrap();
        assert!((odds / (1.0 + odds) - given).abs() < 0.01, "row {row}");
    }
}

#[test]
fn households_and_twins_are_told_from_the_same_individual_without_labels() {
    let plan = Plan {
        payroll_people: 4_000,
        caseload_people: 4_000,
        overlap: 0.5,
        ..Plan::small(20_261_122)
    };
    let files = synthesise(&plan).unwrap();
    let (source, recipient) = ([files.payroll], [files.caseload]);
    let recipe = Recipe::from_toml(include_str!("truth.toml")).unwrap();
    let tables = Tables::between(
        recipe.columns(),
        Table::new(&source).with_id("truth_person"),
        Table::new(&recipient).with_id("truth_person"),
    )
    .unwrap();
    let trained = train(&recipe, &tables).unwrap();
    assert!(!trained.kin().is_empty());
    let all = usize::try_from(files.same_pairs).unwrap();
    let same = |one: &str, other: &str| one == other;
    let measure = |model: &Model| {
        let links = link(&Scorer::new(model, &tables).unwrap(), |_| {}).unwrap();
        (common::quality(&tables, &links.pairs, all, same), links.expectation)
    };
    let (with, expectation) = measure(&trained);
    assert!(with.precision > 0.99 && with.recall > 0.92, "{with:?}");
    assert!((expectation.expected_precision - with.precision).abs() < 0.01, "{expectation:?}");
    // The same model without its classes of kin takes members of one household for one individual.
    let (without, _) = measure(&linkage_without_kin(&trained));
    assert!(without.precision < 0.9, "{without:?}");

    let said = estimate(&Scorer::new(&trained, &tables).unwrap(), 7, 60).unwrap();
    assert!(said.by_second_hits);
    assert!(said.precision.low <= with.precision && with.precision <= said.precision.high);
    assert!(said.recall.low <= with.recall && with.recall <= said.recall.high, "{said:?}");
    assert!(said.recall.high - said.recall.low < 0.05, "{said:?}");
    // By group: halves of the source's records, whose estimates make the whole one.
    let scorer = Scorer::new(&trained, &tables).unwrap();
    let halves: Vec<Option<u16>> =
        (0..tables.records(Side::Source)).map(|row| Some(u16::from(row % 2 == 0))).collect();
    let (whole, groups) = estimate_by_group(&scorer, 7, 60, &halves, 2).unwrap();
    assert_eq!(whole, said, "groups change nothing of the whole");
    assert_eq!(
        groups.iter().map(|group| group.records).sum::<u64>(),
        u64::from(tables.records(Side::Source))
    );
    let of = |group: &OfGroup| group.estimate.unwrap();
    assert_eq!(groups.iter().map(|group| of(group).pairs).sum::<u64>(), whole.pairs);
    let mean = groups.iter().map(|group| of(group).precision.value * of(group).pairs as f64);
    assert!((mean.sum::<f64>() / whole.pairs as f64 - whole.precision.value).abs() < 1e-9);
    let breadth = |interval: Interval| interval.high - interval.low;
    let broad: Vec<f64> = groups.iter().map(|group| breadth(of(group).recall)).collect();
    assert!(broad.iter().sum::<f64>() / 2.0 > breadth(whole.recall), "{broad:?} {whole:?}");
    let history = &trained.training().unwrap().sessions[0].history;
    assert_eq!(history[0].round, 1);
    assert_eq!(
        history.last().map(|round| round.round),
        Some(trained.training().unwrap().sessions[0].iterations)
    );
    let last = history.last().unwrap().same;
    assert_eq!(last.to_bits(), trained.training().unwrap().sessions[0].same.to_bits());
    let errors = trained.training().unwrap().standard_errors.as_ref().unwrap();
    assert_eq!(errors.kin.len(), trained.kin().len());
    assert!(errors.m.iter().flatten().chain(errors.u.iter().flatten()).all(|error| *error > 0.0));
}

/// What the truth says of intervals that were made without it.
#[derive(Debug, Default)]
struct Tally {
    replicates: f64,
    held: f64,
    below: f64,
    width: f64,
    error: f64,
}

impl Tally {
    fn add(&mut self, truth: f64, said: Interval) {
        self.replicates += 1.0;
        self.held += f64::from(u8::from(said.low <= truth && truth <= said.high));
        self.below += f64::from(u8::from(truth < said.low));
        self.width += said.high - said.low;
        self.error += said.value - truth;
    }

    fn tell(&self, what: &str) {
        println!(
            "{what}: {} of {} hold the truth, {} lie above it; mean width {:.4}, mean error {:+.5}",
            self.held,
            self.replicates,
            self.below,
            self.width / self.replicates,
            self.error / self.replicates
        );
    }
}

/// People on either side of a replicate: so many that weights of every kind have pairs to be learnt from.
const PEOPLE_OF_A_REPLICATE: u32 = 20_000;

#[test]
fn label_free_intervals_hold_the_truth_as_often_as_they_say() {
    let long = std::env::var_os("COMITY_LONG").is_some();
    let recipe = Recipe::from_toml(include_str!("truth.toml")).unwrap();
    let (mut precision, mut recall) = (Tally::default(), Tally::default());
    for seed in 1..=if long { 200 } else { 8 } {
        let plan = Plan {
            payroll_people: PEOPLE_OF_A_REPLICATE,
            caseload_people: PEOPLE_OF_A_REPLICATE,
            overlap: 0.5,
            ..Plan::small(seed)
        };
        let files = synthesise(&plan).unwrap();
        let (source, recipient) = ([files.payroll], [files.caseload]);
        let tables = Tables::between(
            recipe.columns(),
            Table::new(&source).with_id("truth_person"),
            Table::new(&recipient).with_id("truth_person"),
        )
        .unwrap();
        let model = train(&recipe, &tables).unwrap();
        let scorer = Scorer::new(&model, &tables).unwrap();
        let links = link(&scorer, |_| {}).unwrap();
        let all = usize::try_from(files.same_pairs).unwrap();
        let true_share = common::quality(&tables, &links.pairs, all, |one, other| one == other);
        let said = estimate(&scorer, seed, 100).unwrap();
        assert!(said.by_two_lists.is_some(), "{seed}: {said:?}");
        precision.add(true_share.precision, said.precision);
        recall.add(true_share.recall, said.recall);
    }
    for (what, tally) in [("precision", precision), ("recall", recall)] {
        tally.tell(what);
        let held = tally.held / tally.replicates;
        // Of eight, two may miss: three would do so once in 170 times if each holds 95 times in 100.
        let held_enough = if long { (0.92..=0.98).contains(&held) } else { held >= 0.75 };
        assert!(held_enough, "{what}: {tally:?}");
        assert!(tally.width / tally.replicates <= 0.03, "{what}: {tally:?}");
    }
}

/// The same model as its file says it, less `[[kin]]` and `[[calibration]]`.
fn linkage_without_kin(model: &Model) -> Model {
    let mut kept = String::new();
    let mut skip = false;
    for line in model.to_toml().unwrap().lines() {
        if line.starts_with('[') {
            skip = line == "[[kin]]" || line == "[[calibration]]";
        }
        if !skip {
            kept += line;
            kept.push('\n');
        }
    }
    Model::from_toml(&kept).unwrap()
}
