//! What must hold of every run, on small tables made here.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]
#![expect(clippy::float_cmp, reason = "weights of nothing and thresholds taken over are exact")]

mod common;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use common::Sheet;
use linkage::model::{OneToOne, ThresholdRule};
use linkage::threshold::{Forecast, dry_run, from_rule};
use linkage::{
    Blocks, Error, Explanation, Frequencies, Model, Pair, Pattern, Recipe, RecordRef, Scorer, Side,
    Table, Tables, explain, link, settle, train,
};
use proptest::prelude::*;

const MODEL: &str = r#"
name = "small"
link = "between"
prior = 0.01
threshold = -100.0
column = [
    { name = "given", from = ["given"] },
    { name = "surname", from = ["surname"] },
    { name = "birth", from = ["birth"], kind = { date = "%Y-%m-%d" } },
    { name = "pay", from = ["pay"], kind = "number" },
]
rule = [
    { keys = [{ column = "surname" }] },
    { keys = [{ column = "given", take = { prefix = 1 } }, { column = "birth", take = "year" }] },
    { keys = [{ column = "given", against = "surname" }] },
    { keys = [{ column = "surname", take = "soundex" }, { column = "birth", take = "month_day" }] },
]

[[comparison]]
name = "given"
column = "given"
frequency = { minimum_u = 0.02, weight = 0.75, similar = true }
level = [
    { test = "exact", m = 0.7, u = 0.01 }, { test = { reversed = "surname" }, m = 0.05, u = 0.001 },
    { test = { jaro_winkler = 0.85 }, m = 0.15, u = 0.029 }, { test = "else", m = 0.1, u = 0.96 },
]
[[comparison]]
name = "surname"
column = "surname"
frequency = {}
level = [
    { test = "exact", m = 0.8, u = 0.02 }, { test = { levenshtein = 1 }, m = 0.1, u = 0.01 },
    { test = "else", m = 0.1, u = 0.97 },
]
[[comparison]]
name = "birth"
column = "birth"
level = [
    { test = "exact", m = 0.9, u = 0.001 }, { test = { months = 1 }, m = 0.02, u = 0.01 },
    { test = { damerau = 1 }, m = 0.05, u = 0.02 }, { test = "else", m = 0.03, u = 0.969 },
]
[[comparison]]
name = "pay"
column = "pay"
level = [
    { test = "exact", m = 0.5, u = 0.01 }, { test = { percent = 5.0 }, m = 0.3, u = 0.09 },
    { test = "else", m = 0.2, u = 0.9 },
]
"#;

const HEADER: [&str; 5] = ["id", "given", "surname", "birth", "pay"];

type Row = (String, String, String, String);

fn sheet(prefix: &str, rows: &[Row]) -> Sheet {
    let rows = rows.iter().enumerate().map(|(index, (given, surname, birth, pay))| {
        vec![
            format!("{prefix}{index:03}"),
            given.clone(),
            surname.clone(),
            birth.clone(),
            pay.clone(),
        ]
    });
    Sheet { header: HEADER.map(str::to_owned).to_vec(), rows: rows.collect() }
}

fn tables(model: &Model, source: &Sheet, recipient: &Sheet) -> Tables {
    let (source, recipient): ([RecordBatch; 1], [RecordBatch; 1]) =
        ([source.batch()], [recipient.batch()]);
    Tables::between(
        model.columns(),
        Table::new(&source).with_id("id"),
        Table::new(&recipient).with_id("id"),
    )
    .unwrap()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let pick = |list: &'static [&'static str]| prop::sample::select(list).prop_map(str::to_owned);
    let names = pick(&["Ana", "Anna", "José", "Jose", "Li", "Gil", "Ng", ""]);
    let surnames = pick(&["Gil", "Gill", "Li", "Ng", "Ana", "Nguyễn", "Robert", "Rupert", ""]);
    let births = pick(&["1980-01-31", "1980-02-28", "1980-10-31", "1981-01-31", "not a date", ""]);
    let pays = pick(&["100", "104.9", "200", "-5", ""]);
    prop::collection::vec((names, surnames, births, pays), 0..14)
}

/// Says whether a rule makes a pair.
type Makes<'a> = &'a dyn Fn(&Row, &Row) -> bool;

proptest! {
    #[test]
    fn an_explanation_adds_up_to_the_weight_bit_for_bit(left in rows(), right in rows()) {
        let model = Model::from_toml(MODEL).unwrap();
        let tables = tables(&model, &sheet("s", &left), &sheet("r", &right));
        let scorer = Scorer::new(&model, &tables).unwrap();
        for pair in link(&scorer, |_| {}).unwrap().pairs {
            let told = explain(&scorer, pair.source, pair.recipient).unwrap();
            prop_assert_eq!(told.sum().to_bits(), pair.weight.to_bits());
            prop_assert_eq!(told.weight.to_bits(), pair.weight.to_bits());
            let levels: Vec<u8> = told.parts.iter().map(|part| part.level).collect();
            prop_assert_eq!(Pattern::new(&levels), pair.pattern);
        }
    }

    #[test]
    fn a_missing_value_is_no_evidence(left in rows(), right in rows()) {
        let model = Model::from_toml(MODEL).unwrap();
        let tables = tables(&model, &sheet("s", &left), &sheet("r", &right));
        let scorer = Scorer::new(&model, &tables).unwrap();
        for (source, this) in (0..).zip(&left) {
            for (recipient, that) in (0..).zip(&right) {
                let told = explain(&scorer, RecordRef::new(source), RecordRef::new(recipient)).unwrap();
                let missing = [
                    this.0.is_empty() || that.0.is_empty(),
                    this.1.is_empty() || that.1.is_empty(),
                    !this.2.starts_with('1') || !that.2.starts_with('1'),
                    this.3.is_empty() || that.3.is_empty(),
                ];
                for (part, missing) in told.parts.iter().zip(missing) {
                    prop_assert_eq!(part.level == Pattern::NULL, missing);
                    if missing {
                        prop_assert_eq!((part.partial_weight, part.frequency_part), (0.0, 0.0));
                        prop_assert_eq!((part.m, part.u), (None, None));
                    }
                }
            }
        }
    }

    #[test]
    fn rules_make_each_pair_once_and_are_counted_without_making_any(left in rows(), right in rows()) {
        let model = Model::from_toml(MODEL).unwrap();
        let tables = tables(&model, &sheet("s", &left), &sheet("r", &right));
        let blocks = Blocks::new(&tables, model.rules()).unwrap();
        let mut made: BTreeMap<(RecordRef, RecordRef), u16> = BTreeMap::new();
        for pair in blocks.pairs() {
            prop_assert!(made.insert((pair.source, pair.recipient), pair.rule).is_none());
            prop_assert_eq!(blocks.first_rule(pair.source, pair.recipient), Some(pair.rule));
        }
        // Each rule again by its words.
        let folded = |text: &str| text.to_lowercase();
        let day = |row: &Row| row.2.starts_with('1').then(|| row.2.clone());
        let sounds = |name: &str| match name {
            "Gil" | "Gill" => "G400", "Li" => "L000", "Ng" => "N200", "Ana" => "A500", "Nguyễn" => "N250",
            "Robert" | "Rupert" => "R163", _ => "",
        };
        let makes: [Makes; 4] = [
            &|one, other| !one.1.is_empty() && one.1 == other.1,
            &|one, other| {
                !one.0.is_empty() && !other.0.is_empty() && folded(&one.0)[..1] == folded(&other.0)[..1]
                    && day(one).is_some_and(|one| day(other).is_some_and(|other| one[..4] == other[..4]))
            },
            &|one, other| !one.0.is_empty() && one.0 == other.1,
            &|one, other| {
                !sounds(&one.1).is_empty() && sounds(&one.1) == sounds(&other.1)
                    && day(one).is_some_and(|one| day(other).is_some_and(|other| one[4..] == other[4..]))
            },
        ];
        let mut expected = BTreeMap::new();
        let mut pairs = [0; 4];
        for (source, one) in (0..).zip(&left) {
            for (recipient, other) in (0..).zip(&right) {
                for (rule, makes) in (0u16..4).zip(&makes).rev() {
                    if makes(one, other) {
                        pairs[usize::from(rule)] += 1;
                        expected.insert((RecordRef::new(source), RecordRef::new(recipient)), rule);
                    }
                }
            }
        }
        prop_assert_eq!(&made, &expected);
        let mut cumulative = 0;
        for (rule, count) in (0u16..).zip(blocks.counts()) {
            let new = expected.values().filter(|first| **first == rule).count() as u64;
            cumulative += new;
            prop_assert_eq!(count.pairs, pairs[usize::from(rule)]);
            prop_assert_eq!(count.new_pairs, new);
            prop_assert_eq!(count.cumulative_pairs, cumulative);
        }
    }

    #[test]
    fn rows_in_another_order_give_the_same_pairs_and_weights(
        left in rows(), right in rows(), turn in 0usize..13, policy in 0usize..4,
    ) {
        let policy = ["off", "greedy", "optimal", "each_source"][policy];
        let model = Model::from_toml(&format!("one_to_one = \"{policy}\"\n{MODEL}")).unwrap();
        let (source, recipient) = (sheet("s", &left), sheet("r", &right));
        let turned = |sheet: &Sheet| {
            let mut rows = sheet.rows.clone();
            rows.reverse();
            let turn = turn.min(rows.len());
            rows.rotate_left(turn);
            Sheet { header: sheet.header.clone(), rows }
        };
        let run = |source: &Sheet, recipient: &Sheet| {
            let tables = tables(&model, source, recipient);
            let scorer = Scorer::new(&model, &tables).unwrap();
            let links = link(&scorer, |_| {}).unwrap();
            let named = |pair: &Pair| {
                let id = |side, record| tables.id(side, record).unwrap().to_owned();
                (id(Side::Source, pair.source), id(Side::Recipient, pair.recipient), pair.weight.to_bits())
            };
            let mut pairs: Vec<_> = links.pairs.iter().map(named).collect();
            pairs.sort();
            (pairs, links.histogram, links.patterns, links.expectation, links.tied_pairs)
        };
        prop_assert_eq!(run(&source, &recipient), run(&turned(&source), &turned(&recipient)));
    }

    #[test]
    fn optimal_is_never_lighter_than_any_choice_and_greedy_keeps_one_each(
        weights in prop::collection::vec(prop::collection::vec(prop::option::of(0i32..20), 4), 1..5),
    ) {
        let model = Model::from_toml(MODEL).unwrap();
        let row = |index: usize| (format!("n{index}"), String::new(), String::new(), String::new());
        let left: Vec<Row> = (0..4).map(row).collect();
        let tables = tables(&model, &sheet("s", &left), &sheet("r", &left));
        let mut pairs = Vec::new();
        for (source, weights) in (0..).zip(&weights) {
            for (recipient, weight) in (0..).zip(weights) {
                if let Some(weight) = weight {
                    let (source, recipient) = (RecordRef::new(source), RecordRef::new(recipient));
                    let weight = f64::from(*weight) / 4.0;
                    pairs.push(Pair { source, recipient, rule: 0, pattern: Pattern::default(), weight });
                }
            }
        }
        let sum = |pairs: &[Pair]| pairs.iter().map(|pair| pair.weight).sum::<f64>();
        let best = heaviest(&weights, 0, 0) / 4.0;
        for policy in [OneToOne::Optimal, OneToOne::Greedy] {
            let settled = settle(&tables, policy, pairs.clone());
            for of in [|pair: &Pair| pair.source, |pair: &Pair| pair.recipient] {
                let mut records: Vec<RecordRef> = settled.pairs.iter().map(of).collect();
                let all = records.len();
                records.sort();
                records.dedup();
                prop_assert_eq!(records.len(), all);
            }
            match policy {
                OneToOne::Optimal => prop_assert!((sum(&settled.pairs) - best).abs() < 1e-9),
                _ => prop_assert!(sum(&settled.pairs) >= best / 2.0 - 1e-9),
            }
        }
    }
}

/// The most that one pair a row and a column can weigh, by trying all.
fn heaviest(weights: &[Vec<Option<i32>>], row: usize, taken: u32) -> f64 {
    let Some(cells) = weights.get(row) else {
        return 0.0;
    };
    let mut most = heaviest(weights, row + 1, taken);
    for (column, weight) in cells.iter().enumerate() {
        if let (Some(weight), 0) = (weight, taken & 1 << column) {
            most = most.max(f64::from(*weight) + heaviest(weights, row + 1, taken | 1 << column));
        }
    }
    most
}

#[test]
fn a_diacritic_costs_the_level_that_any_other_letter_costs() {
    let model = Model::from_toml(MODEL).unwrap();
    let row = |given: &str| (given.to_owned(), "x".repeat(5), String::new(), String::new());
    let left = [row("Jose"), row("Jose\u{301}")];
    let right = [row("José"), row("Josx")];
    let tables = tables(&model, &sheet("s", &left), &sheet("r", &right));
    let scorer = Scorer::new(&model, &tables).unwrap();
    let level = |source, recipient| {
        explain(&scorer, RecordRef::new(source), RecordRef::new(recipient)).unwrap().parts[0]
            .label
            .clone()
    };
    assert_eq!(level(0, 0), "jaro_winkler >= 0.85");
    assert_eq!(level(0, 1), level(0, 0));
    // Decomposed or composed, it is the same letter.
    assert_eq!(level(1, 0), "exact");
}

fn city_parts(frequency: &str, population: Option<&[(&str, f64)]>) -> [f64; 3] {
    let model = format!(
        r#"name = "cities"
        link = "within"
        prior = 0.5
        threshold = 0.0
        column = [{{ name = "city", from = ["city"] }}]
        rule = [{{ keys = [{{ column = "city" }}] }}]
        [[comparison]]
        name = "city"
        column = "city"
        frequency = {frequency}
        level = [{{ test = "exact", m = 0.99, u = 0.99 }}, {{ test = "else", m = 0.01, u = 0.01 }}]"#
    );
    let model = Model::from_toml(&model).unwrap();
    let cities = [("London", 40), ("Birmingham", 8), ("Truro", 2)];
    let rows = cities
        .iter()
        .flat_map(|(city, count)| std::iter::repeat_n(vec![(*city).to_owned()], *count))
        .collect();
    let batches = [Sheet { header: vec!["city".to_owned()], rows }.batch()];
    let tables = Tables::within(model.columns(), Table::new(&batches)).unwrap();
    let mut frequencies = Frequencies::of(&tables, model.comparisons()).unwrap();
    if let Some(population) = population {
        let population =
            population.iter().map(|(city, share)| ((*city).to_owned(), *share)).collect();
        frequencies.supply(&tables, "city", &population).unwrap();
    }
    let scorer = Scorer::with_frequencies(&model, &tables, frequencies).unwrap();
    [(0, 1), (40, 41), (48, 49)].map(|(one, other)| {
        let told: Explanation =
            explain(&scorer, RecordRef::new(one), RecordRef::new(other)).unwrap();
        (told.weight - told.prior).exp2()
    })
}

#[test]
fn the_rarest_item_that_two_lists_share_says_how_much_that_weighs() {
    let model = r#"name = "numbers"
        link = "within"
        prior = 0.5
        threshold = 0.0
        column = [{ name = "phones", from = ["phones"], kind = { list = ";" } }]
        rule = [{ keys = [{ column = "phones" }] }]
        [[comparison]]
        name = "phones"
        column = "phones"
        frequency = { minimum_u = 0.02 }
        level = [
            { test = "exact", m = 0.5, u = 0.5 }, { test = { shared = 1 }, m = 0.25, u = 0.25 },
            { test = "else", m = 0.25, u = 0.25 },
        ]"#;
    let model = Model::from_toml(model).unwrap();
    // Of 100 records 40 have the switchboard's number, 4 that of a household, 2 one of their own, and one nothing.
    let mut rows: Vec<String> = (0..36).map(|number| format!("switchboard;{number:03}")).collect();
    rows.extend(["a", "b", "c", "d"].map(|own| format!("switchboard;household;{own}")));
    rows.extend(["own;x", "own;y", "own;x"].map(str::to_owned));
    rows.extend((0..56).map(|number| format!("{}", number + 500)));
    rows.push(String::new());
    let rows = rows.into_iter().map(|cell| vec![cell]).collect();
    let batches = [Sheet { header: vec!["phones".to_owned()], rows }.batch()];
    let tables = Tables::within(model.columns(), Table::new(&batches)).unwrap();
    let own = Frequencies::of(&tables, model.comparisons()).unwrap();
    let mut supplied = Frequencies::of(&tables, model.comparisons()).unwrap();
    let population = [("switchboard", 0.125), ("own", 0.0625)];
    let population = population.map(|(item, share)| (item.to_owned(), share)).into();
    supplied.supply(&tables, "phones", &population).unwrap();
    let factors = |frequencies: Frequencies, pairs: &[(u32, u32)]| -> Vec<f64> {
        let scorer = Scorer::with_frequencies(&model, &tables, frequencies).unwrap();
        let told = pairs.iter().map(|(one, other)| {
            explain(&scorer, RecordRef::new(*one), RecordRef::new(*other)).unwrap()
        });
        told.map(|told| (told.weight - told.prior).exp2()).collect()
    };
    let check = |found: Vec<f64>, expected: &[f64]| {
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    };
    // m and u of the level are one another's, so the factor is u over the share of the rarest: of the switchboard, of the
    // household's number, and of a number of one's own. Two equal lists go by whole lists, and that share by the least u.
    let pairs = [(0, 1), (36, 37), (40, 41), (40, 42), (0, 99), (43, 44)];
    let of = |share: f64| 0.25 / (share / 99.0);
    check(factors(own, &pairs), &[of(40.0), of(4.0), of(3.0), 0.5 * 99.0 / 2.0, 1.0, 1.0]);
    // A number that the population lacks says nothing, and the others are as common as it says.
    check(factors(supplied, &pairs[..3]), &[2.0, 2.0, 4.0]);
}

#[test]
fn a_rare_value_weighs_what_splinks_worked_example_says() {
    let check = |frequency: &str, expected: [f64; 3]| {
        for (factor, expected) in city_parts(frequency, None).into_iter().zip(expected) {
            assert!((factor - expected).abs() < 1e-9, "{frequency}: {factor} is not {expected}");
        }
    };
    // m and u of 0.99 each, so the factor is 0.99 over the share, and 0.99 over 0.99 without adjustment.
    check("{}", [1.25, 6.25, 25.0].map(|factor| factor * 0.99));
    check("{ minimum_u = 0.1 }", [1.25, 6.25, 10.0].map(|factor| factor * 0.99));
    check("{ weight = 0.5 }", [1.25f64, 6.25, 25.0].map(|factor| (factor * 0.99).sqrt()));
    check(
        "{ weight = 0.5, minimum_u = 0.1 }",
        [1.25f64, 6.25, 10.0].map(|factor| (factor * 0.99).sqrt()),
    );
    check("{ weight = 0.0 }", [1.0; 3]);
}

#[test]
fn a_value_that_the_population_lacks_takes_no_adjustment() {
    let factors = city_parts("{}", Some(&[("london", 0.5)]));
    assert!((factors[0] - 0.99 / 0.5).abs() < 1e-9);
    assert_eq!(factors[1..], [1.0, 1.0]);
}

#[test]
fn a_model_comes_back_from_its_file_bit_for_bit() {
    let model = Model::from_toml(MODEL).unwrap();
    let again = Model::from_toml(&model.to_toml().unwrap()).unwrap();
    assert_eq!(model, again);
    assert_eq!(model.digest().unwrap(), again.digest().unwrap());
    let moved = model.with_threshold(f64::from_bits(1.0f64.to_bits() + 1)).unwrap();
    let again = Model::from_toml(&moved.to_toml().unwrap()).unwrap();
    assert_eq!(moved.threshold().to_bits(), again.threshold().to_bits());
    assert_ne!(model.digest().unwrap(), moved.digest().unwrap());
}

proptest! {
    #[test]
    fn any_weight_comes_back_from_toml_bit_for_bit(bits in any::<u64>()) {
        let weight = f64::from_bits(bits);
        prop_assume!(weight.is_finite());
        let model = Model::from_toml(MODEL).unwrap().with_threshold(weight).unwrap();
        let again = Model::from_toml(&model.to_toml().unwrap()).unwrap();
        prop_assert_eq!(again.threshold().to_bits(), weight.to_bits());
    }
}

#[test]
fn what_a_model_cannot_mean_is_refused_and_says_where() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(MODEL.contains(from), "{from}");
        let message = Model::from_toml(&MODEL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    check("prior = 0.01", "prior = 0.01\nprio = 1", "unknown field `prio`");
    check("prior = 0.01", "prior = 0.01\nprio = 1", "line 5");
    check("prior = 0.01", "prior = 1.0", "it must lie between 0 and 1");
    check("m = 0.7, u", "m = 0.9, u", "its m add up to 1.2");
    check("m = 0.7, u = 0.01", "m = 0.7", "a model needs its m and its u");
    check("prior = 0.01", "prior = nan", "it must lie between 0 and 1");
    check("m = 0.7, u = 0.01", "m = nan, u = 0.01", "its m must lie above 0");
    check("m = 0.7, u = 0.01", "m = 0.7, u = nan", "its u must lie above 0");
    check("reversed = \"surname\"", "reversed = \"birth\"", "two columns of one kind");
    check("{ column = \"surname\" }", "{ column = \"surnam\" }", "names the column `surnam`");
    check("take = \"year\"", "take = \"soundex\"", "needs a column of text");
    check("{ percent = 5.0 }", "{ jaro = 0.9 }", "needs a column of text or dates");
    check("{ months = 1 }", "\"else\"", "`else` must be the last level");
    check("name = \"given\", from = [\"given\"]", "name = \"given\"", "it needs `from`");
}

#[test]
fn no_value_of_a_record_shows_in_debug_or_in_an_error() {
    let model = Model::from_toml(MODEL).unwrap();
    let row = (
        "Secretgiven".to_owned(),
        "Secretname".to_owned(),
        "secretday".to_owned(),
        "secretpay".to_owned(),
    );
    let sheet = sheet("secretid", &[row]);
    let tables = tables(&model, &sheet, &sheet);
    let blocks = Blocks::new(&tables, model.rules()).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let links = link(&scorer, |_| {}).unwrap();
    let batches = [sheet.batch()];
    let shown = format!("{tables:?} {blocks:?} {scorer:?} {links:?} {:?}", Table::new(&batches));
    assert!(shown.contains("[redacted]"));
    assert!(!shown.to_lowercase().contains("secret"), "{shown}");
    let unknown = explain(&scorer, RecordRef::new(1), RecordRef::new(0)).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no record 1 in the source table, which has 1");
}

const RECIPE: &str = r#"
name = "small"
link = "between"
threshold = { probability = 0.9 }
column = [
    { name = "given", from = ["given"] },
    { name = "surname", from = ["surname"] },
    { name = "birth", from = ["birth"], kind = { date = "%Y-%m-%d" } },
    { name = "pay", from = ["pay"], kind = "number" },
]
rule = [{ keys = [{ column = "surname" }] }]
[[comparison]]
name = "given"
column = "given"
level = [{ test = "exact" }, { test = "else" }]
[[comparison]]
name = "surname"
column = "surname"
level = [{ test = "exact" }, { test = "else" }]
[[comparison]]
name = "birth"
column = "birth"
level = [{ test = "exact" }, { test = "else" }]
[training]
seed = 1
prior = { deterministic = { recall = 0.8, rules = [{ keys = [{ column = "given" }, { column = "birth" }] }] } }
rules = [{ keys = [{ column = "surname" }] }, { keys = [{ column = "given" }, { column = "birth" }] }]
"#;

fn person(number: usize) -> Row {
    let given = format!("g{}", number % 37);
    let birth = format!("{}-{:02}-{:02}", 1950 + number % 40, 1 + number % 12, 1 + number % 28);
    (given, format!("s{}", number % 53), birth, String::new())
}

fn train_small(recipe: &str, left: &[Row], right: &[Row]) -> Result<Model, Error> {
    let recipe = Recipe::from_toml(recipe)?;
    let (source, recipient) = ([sheet("s", left).batch()], [sheet("r", right).batch()]);
    train(&recipe, &Tables::between(recipe.columns(), Table::new(&source), Table::new(&recipient))?)
}

#[test]
fn training_gives_the_same_model_whatever_the_order_of_rows() {
    let left: Vec<Row> = (0..300).map(person).collect();
    let mut right: Vec<Row> = (150..450).map(person).collect();
    // So few that not all pairs are drawn, and the seed matters.
    let recipe = RECIPE.replace("seed = 1", "seed = 1\nsample_pairs = 5_000");
    let model = train_small(&recipe, &left, &right).unwrap();
    right.reverse();
    let turned: Vec<Row> = left.iter().rev().cloned().collect();
    assert_eq!(
        model.to_toml().unwrap(),
        train_small(&recipe, &turned, &right).unwrap().to_toml().unwrap()
    );
    assert_eq!(
        model.training().unwrap().recipe,
        Recipe::from_toml(&recipe).unwrap().digest().unwrap()
    );
}

#[test]
fn what_cannot_be_trained_on_is_named() {
    let people: Vec<Row> = (0..60).map(person).collect();
    let without = |strip: fn(&mut Row)| {
        let mut rows = people.clone();
        rows.iter_mut().for_each(strip);
        rows
    };
    let strangers: Vec<Row> = people
        .iter()
        .map(|row| (format!("{}x", row.0), format!("{}x", row.1), row.2.clone(), String::new()))
        .collect();
    let message = |recipe: &str, left: &[Row], right: &[Row]| {
        train_small(recipe, left, right).unwrap_err().to_string()
    };

    assert_eq!(
        message(RECIPE, &people[..1], &people),
        "the source table has 1 row, and training needs at least 2"
    );
    assert_eq!(
        message(RECIPE, &people, &without(|row| row.1.clear())),
        "the column `surname` of the recipient table has no value at all, so `surname` cannot be trained"
    );
    assert_eq!(
        message(RECIPE, &people, &strangers),
        "the deterministic rules make no pair, so the prior cannot be taken from them"
    );
    let stated = RECIPE.replace("prior = { deterministic = { recall = 0.8, rules = [{ keys = [{ column = \"given\" }, { column = \"birth\" }] }] } }", "prior = { stated = 0.01 }");
    assert_eq!(message(&stated, &people, &strangers), "the training rule `surname` makes no pair");
    let one_rule =
        RECIPE.replace(", { keys = [{ column = \"given\" }, { column = \"birth\" }] }]\n", "]\n");
    assert_eq!(
        message(&one_rule, &people, &people),
        "every training rule uses the columns of `surname`, so its m cannot be learnt"
    );
    let loose = RECIPE.replace("recall = 0.8", "recall = 0.00001");
    assert!(message(&loose, &people, &people).contains("leaves no prior below one"));
}

#[test]
fn a_training_rule_that_finds_nobody_twice_is_named() {
    // All of one home share its name, and nothing else.
    let row = |prefix: &str, number: usize| {
        let birth = format!("{}-01-01", 1950 + number);
        (format!("{prefix}{number}"), "home".to_owned(), birth, String::new())
    };
    let left: Vec<Row> = (0..8).map(|number| row("a", number)).collect();
    let right: Vec<Row> = (0..8).map(|number| row("b", number + 20)).collect();
    let (head, tail) = RECIPE.split_once("[[comparison]]\nname = \"surname\"").unwrap();
    let (_, birth) = tail.split_once("[[comparison]]").unwrap();
    let (birth, _) = birth.split_once("prior").unwrap();
    let recipe = format!(
        "{head}[[comparison]]{birth}prior = {{ stated = 0.0000001 }}\nrules = [{{ keys = [{{ column = \"surname\" }}] }}]"
    );
    let message = train_small(&recipe, &left, &right).unwrap_err().to_string();
    assert_eq!(message, "the training rule `surname` found no pair of the same individual");
}

#[test]
fn a_training_rule_whose_pairs_agree_less_than_strangers_is_refused() {
    // Who shares a surname never shares a given name, though every other stranger does.
    let row = |number: usize, turn: usize| {
        (format!("g{}", (number + turn) % 2), format!("s{number}"), String::new(), String::new())
    };
    let left: Vec<Row> = (0..80).map(|number| row(number, 0)).collect();
    let right: Vec<Row> = (0..80).map(|number| row(number, 1)).collect();
    let (head, tail) = RECIPE.split_once("[[comparison]]\nname = \"surname\"").unwrap();
    let (_, training) = tail.split_once("[training]").unwrap();
    let rules = training.split_once("prior").unwrap().0;
    let recipe = format!(
        "{head}[training]{rules}prior = {{ stated = 0.0125 }}\nrules = [{{ keys = [{{ column = \"surname\" }}] }}]"
    );
    let message = train_small(&recipe, &left, &right).unwrap_err().to_string();
    assert!(message.starts_with("the training rule `surname` came out reversed"), "{message}");
}

/// Records of which each lacks a telephone or has one that tells nobody apart, and two files in which the same ones lack it.
fn telephones(prefix: &str, swap: bool) -> Sheet {
    let row = |number: usize| {
        let (given, surname, birth, _) = person(number);
        let has = number.is_multiple_of(3) != (swap && number.is_multiple_of(50));
        vec![
            format!("{prefix}{number}"),
            given,
            surname,
            birth,
            if has { "555".to_owned() } else { ["", "unknown"][number % 2].to_owned() },
        ]
    };
    let header = HEADER.iter().map(|name| (*name).to_owned()).collect();
    Sheet { header, rows: (0..300).map(row).collect() }
}

#[test]
fn being_missing_on_one_side_tells_what_the_files_show_it_to_tell() {
    let column = "{ name = \"pay\", from = [\"pay\"], kind = \"number\" },";
    let presence = "{ name = \"has_pay\", from = [\"pay\"], presence = true },";
    let comparison = r#"[[comparison]]
name = "has_pay"
column = "has_pay"
level = [{ test = { literal = { value = "missing" } } }, { test = "exact" }, { test = "else" }]
[training]"#;
    assert!(RECIPE.contains(column));
    let text = RECIPE.replace(column, presence).replacen("[training]", comparison, 1);
    let recipe = Recipe::from_toml(&text).unwrap();
    let (source, recipient) = ([telephones("s", false).batch()], [telephones("r", true).batch()]);
    let tables =
        Tables::between(recipe.columns(), Table::new(&source), Table::new(&recipient)).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let levels = &model.comparisons()[3].levels;
    let weight = |place: usize| (levels[place].m.unwrap() / levels[place].u.unwrap()).log2();
    // One lacks it and the other has it: rare for one individual here, and common for two.
    assert!(weight(2) < -2.0 && weight(0) > 0.1 && weight(1) > 0.5, "{levels:?}");
    let all: f64 = levels.iter().map(|level| level.u.unwrap()).sum();
    assert!((all - 1.0).abs() < 1e-9);
    // Two thirds of either file lack it.
    assert!((levels[0].u.unwrap() - 4.0 / 9.0).abs() < 0.02, "{levels:?}");
    let scorer = Scorer::new(&model, &tables).unwrap();
    let row = |number: u32| RecordRef::new(number);
    let one_sided = explain(&scorer, row(0), row(1)).unwrap();
    assert!(one_sided.parts[3].partial_weight < 0.0, "{one_sided:?}");
    let again = Recipe::from_toml(&recipe.to_toml().unwrap()).unwrap();
    assert_eq!(again, recipe);
    for (from, to, expected) in [
        ("value = \"missing\"", "value = \"absent\"", "none that the column could hold"),
        ("presence = true", "kind = \"number\", presence = true", "its kind is text"),
    ] {
        let message = Recipe::from_toml(&text.replace(from, to)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_name_is_as_common_as_the_people_who_have_it_and_not_as_their_records() {
    let model = r#"
        name = "duplicates"
        link = "within"
        prior = 0.01
        threshold = 0.0
        column = [{ name = "name", from = ["name"] }, { name = "birth", from = ["birth"] }]
        rule = [{ keys = [{ column = "birth" }] }]
        [[comparison]]
        name = "name"
        column = "name"
        frequency = {}
        level = [{ test = "exact", m = 0.9, u = 0.25 }, { test = "else", m = 0.1, u = 0.75 }]
        [[comparison]]
        name = "birth"
        column = "birth"
        level = [{ test = "exact", m = 0.9, u = 0.0001 }, { test = "else", m = 0.1, u = 0.9999 }]
    "#;
    let model = Model::from_toml(model).unwrap();
    // Rare is one person in six records, common three people in one record each.
    let rows: Vec<Vec<String>> = (0..6)
        .map(|_| vec!["rare".to_owned(), "1970".to_owned()])
        .chain((0..3).map(|number| vec!["common".to_owned(), format!("198{number}")]))
        .collect();
    for turned in [false, true] {
        let mut rows = rows.clone();
        if turned {
            rows.reverse();
        }
        let header = ["name", "birth"].map(str::to_owned).to_vec();
        let batch = [Sheet { header, rows }.batch()];
        let tables = Tables::within(model.columns(), Table::new(&batch)).unwrap();
        let scorer = Scorer::new(&model, &tables).unwrap();
        let by_records = scorer.frequencies().by_rank(0).unwrap();
        assert_eq!(by_records[0].share, 6.0 / 9.0);
        let of_people = Frequencies::of_individuals(&scorer, 0.0).unwrap();
        let by_people = of_people.by_rank(0).unwrap();
        let shares: Vec<f64> = by_people.iter().map(|ranked| ranked.share).collect();
        assert_eq!(shares, [0.75, 0.25], "three of four people, and one");
        assert!(by_people[1].part > by_people[0].part);
        assert!(of_people.by_rank(1).is_none() && of_people.by_rank(9).is_none());
    }
}

#[test]
fn a_dry_run_reckons_what_every_pattern_adds_up_to() {
    let model = Model::from_toml(MODEL).unwrap().with_threshold(3.0).unwrap();
    let dry = dry_run(&model, 1_000, 2_000);
    assert!((dry.same_pairs - 20_000.0).abs() < 1e-6);
    let (mut given_same, mut given_different) = (0.0, 0.0);
    let levels: Vec<Vec<(f64, f64)>> = model
        .comparisons()
        .iter()
        .map(|comparison| {
            comparison.levels.iter().map(|level| (level.m.unwrap(), level.u.unwrap())).collect()
        })
        .collect();
    for one in &levels[0] {
        for two in &levels[1] {
            for three in &levels[2] {
                for four in &levels[3] {
                    let all = [one, two, three, four];
                    let (m, u) = all
                        .iter()
                        .fold((1.0, 1.0), |sofar, level| (sofar.0 * level.0, sofar.1 * level.1));
                    if (0.01 / 0.99 * m / u).log2() >= 3.0 {
                        given_same += m;
                        given_different += u;
                    }
                }
            }
        }
    }
    assert!((dry.true_leads / (20_000.0 * given_same) - 1.0).abs() < 1e-3);
    assert!((dry.false_leads / (1_980_000.0 * given_different) - 1.0).abs() < 1e-3);
}

#[test]
fn a_threshold_is_the_lowest_that_reaches_its_target_and_never_below_even_odds() {
    let pair = |source, recipient, weight| Pair {
        source: RecordRef::new(source),
        recipient: RecordRef::new(recipient),
        rule: 0,
        pattern: Pattern::default(),
        weight,
    };
    let pairs = [pair(0, 0, 20.0), pair(1, 1, 3.0), pair(2, 2, 1.0), pair(3, 3, -1.0)];
    let curve =
        Forecast::new(&pairs, OneToOne::Off, linkage::Link::Between, &[], [4, 4]).curve(&pairs);
    // Probabilities 1, 8/9, 2/3 and 1/3.
    let set = |target| from_rule(ThresholdRule::TargetPrecision(target), &curve, &[]);
    assert_eq!(set(0.999).unwrap(), 20.0);
    assert_eq!(set(0.94).unwrap(), 3.0);
    assert_eq!(set(0.85).unwrap(), 1.0);
    assert_eq!(set(0.1).unwrap(), 1.0);
    assert!(matches!(set(0.999_999_9), Err(Error::UnreachablePrecision { .. })));
    assert_eq!(from_rule(ThresholdRule::Weight(-3.0), &curve, &[]).unwrap(), -3.0);
    let even = from_rule(ThresholdRule::Probability(0.8), &curve, &[]).unwrap();
    assert!((even - 2.0).abs() < 1e-12);
}

#[test]
fn two_equal_pairs_of_one_record_are_at_best_even() {
    let pair = |recipient| Pair {
        source: RecordRef::new(0),
        recipient: RecordRef::new(recipient),
        rule: 0,
        pattern: Pattern::default(),
        weight: 30.0,
    };
    let pairs = [pair(0), pair(1)];
    for (policy, expected) in [
        (OneToOne::Off, 1.0),
        (OneToOne::EachSource, 0.5),
        (OneToOne::Greedy, 0.5),
        (OneToOne::Optimal, 0.5),
    ] {
        assert!(
            (Forecast::new(&pairs, policy, linkage::Link::Between, &[], [1, 2])
                .probability(&pairs[0])
                - expected)
                .abs()
                < 1e-6
        );
    }
    let model = Model::from_toml(MODEL).unwrap();
    let one = sheet("s", &[person(0), person(0)]);
    let settled = settle(&tables(&model, &one, &one), OneToOne::Greedy, pairs.to_vec());
    assert_eq!((settled.pairs, settled.tied), (vec![pairs[0]], 1));
}

#[test]
fn tables_prepared_for_something_else_are_refused() {
    let model = Model::from_toml(MODEL).unwrap();
    let batches = [sheet("s", &[]).batch()];
    let few =
        Tables::between(&model.columns()[..2], Table::new(&batches), Table::new(&batches)).unwrap();
    assert!(matches!(Scorer::new(&model, &few), Err(Error::OtherPreparation { .. })));
    let within = Tables::within(model.columns(), Table::new(&batches)).unwrap();
    assert!(matches!(Scorer::new(&model, &within), Err(Error::OtherLink { .. })));
    let missing = Tables::within(model.columns(), Table::new(&[Sheet::new(&["x"], &[]).batch()]))
        .unwrap_err();
    assert_eq!(missing.to_string(), "the source table has no column `given`");
}

#[test]
fn empty_tables_link_to_nothing() {
    let model = Model::from_toml(MODEL).unwrap();
    let tables = tables(&model, &sheet("s", &[]), &sheet("r", &[]));
    let links = link(&Scorer::new(&model, &tables).unwrap(), |_| {}).unwrap();
    assert_eq!((links.pairs.len(), links.scored_pairs, links.expectation.pairs), (0, 0, 0));
}

/// A model of one comparison, whose rule pairs everyone of one home.
const NAMES: &str = r#"
name = "names"
prior = 0.5
column = [{ name = "name", from = ["name"] }, { name = "home", from = ["home"] }]
rule = [{ keys = [{ column = "home" }] }]
[[comparison]]
name = "name"
column = "name"
level = [
    { test = "exact", m = 0.8, u = 0.1 }, { test = { levenshtein = 1 }, m = 0.1, u = 0.2 },
    { test = "else", m = 0.1, u = 0.7 },
]
"#;

fn names(link: &str, one_to_one: &str, threshold: f64) -> Model {
    let head =
        format!("link = \"{link}\"\none_to_one = \"{one_to_one}\"\nthreshold = {threshold:?}\n");
    Model::from_toml(&(head + NAMES)).unwrap()
}

fn homes(rows: &[(&str, &str, &str)]) -> RecordBatch {
    let rows = rows.iter().map(|(id, name, home)| vec![id, name, home]);
    let owned = rows.map(|row| row.into_iter().map(|cell| (*cell).to_owned()).collect());
    Sheet { header: ["id", "name", "home"].map(str::to_owned).to_vec(), rows: owned.collect() }
        .batch()
}

#[test]
fn a_rival_just_below_the_threshold_takes_its_share_of_the_expectation() {
    let (source, recipient) =
        ([homes(&[("a", "gil", "1")])], [homes(&[("b", "gil", "1"), ("c", "gill", "1")])]);
    let expected = |threshold| {
        let model = names("between", "greedy", threshold);
        let tables =
            Tables::between(model.columns(), Table::new(&source), Table::new(&recipient)).unwrap();
        let links = link(&Scorer::new(&model, &tables).unwrap(), |_| {}).unwrap();
        assert_eq!(links.pairs.len(), 1);
        (links.expectation.expected_same, links.pairs_at_threshold)
    };
    // Exact weighs 3 and one letter off weighs -1: odds of 8 against a rival of 1/2 and the chance, above 0 and at most
    // 1, that the record is alone.
    let (below, above) = (expected(-0.5), expected(-1.5));
    assert_eq!((below.1, above.1), (1, 2));
    assert!(8.0 / 9.5 <= below.0 && below.0 < 8.0 / 8.5, "{below:?}");
    assert_eq!(below.0.to_bits(), above.0.to_bits());
}

fn weighing(source: u32, recipient: u32, weight: f64) -> Pair {
    let (source, recipient) = (RecordRef::new(source), RecordRef::new(recipient));
    Pair { source, recipient, rule: 0, pattern: Pattern::default(), weight }
}

/// Settles pairs of this many records on either side, optimally.
fn settled_optimally(records: usize, pairs: Vec<Pair>) -> linkage::Settled {
    let model = Model::from_toml(MODEL).unwrap();
    let list: Vec<Row> = (0..records).map(person).collect();
    settle(&tables(&model, &sheet("s", &list), &sheet("r", &list)), OneToOne::Optimal, pairs)
}

#[test]
fn optimal_drops_no_pair_that_nothing_competes_with() {
    // The lightest pair, 1-1, is lifted to nothing, and 1-2, which isn't there, is worth nothing too.
    for lightest in [-2.0, 0.0] {
        for turn in 0..3 {
            let pairs = [(0, 0, 9.0), (1, 0, 1.0), (0, 2, 1.0), (1, 1, lightest)];
            let turned = |(source, recipient, weight): &(u32, u32, f64)| {
                weighing(*source, (*recipient + turn) % 3, *weight)
            };
            let settled = settled_optimally(3, pairs.iter().map(turned).collect());
            assert_eq!(settled.pairs.len(), 2, "{lightest} {turn}: {settled:?}");
            assert_eq!(settled.tied, 0);
        }
    }
}

#[test]
fn optimal_counts_the_pairs_that_chance_decided() {
    let all = |weight| (0..4).map(move |at| weighing(at / 2, at % 2, weight)).collect();
    assert_eq!(settled_optimally(2, all(5.0)).tied, 2);
    let clear = vec![weighing(0, 0, 5.0), weighing(0, 1, 5.0), weighing(1, 1, 3.0)];
    assert_eq!(settled_optimally(2, clear).tied, 0, "the second leaves the third no place");
}

#[test]
fn a_component_with_too_many_cells_is_settled_greedily_and_counted() {
    let wide = (0..30_000_u32).map(|at| weighing(u32::from(at > 200), at, 1.0));
    let small = settled_optimally(30_000, wide.chain([weighing(0, 300, 2.0)]).collect());
    assert_eq!(small.too_large, 0);
    let chain = (0..300_u32)
        .flat_map(|at| (0..101).map(move |to| weighing(at, at * 100 + to, 1.0 + f64::from(to))));
    let large = settled_optimally(30_001, chain.collect());
    assert_eq!((large.too_large, large.pairs.len()), (1, 300));
}

#[test]
fn links_say_how_many_components_were_too_large_for_optimal() {
    let model = names("between", "optimal", -10.0);
    let ids: Vec<String> = (0..402).map(|at| format!("{at:03}")).collect();
    let rows: Vec<_> = ids.iter().map(|id| (id.as_str(), "gil", "1")).collect();
    let batch = [homes(&rows)];
    let tables = Tables::between(model.columns(), Table::new(&batch), Table::new(&batch)).unwrap();
    let links = link(&Scorer::new(&model, &tables).unwrap(), |_| {}).unwrap();
    assert_eq!((links.too_large_components, links.pairs.len()), (1, 402));
}

#[test]
fn within_one_table_the_order_of_rows_decides_no_tie() {
    let rows = [
        ("a", "gil", "1"),
        ("b", "gil", "1"),
        ("c", "gil", "1"),
        ("d", "gill", "1"),
        ("e", "ng", "1"),
    ];
    for policy in ["off", "greedy", "optimal"] {
        let model = names("within", policy, -10.0);
        let run = |rows: &[(&str, &str, &str)]| {
            let batch = [homes(rows)];
            let tables = Tables::within(model.columns(), Table::new(&batch).with_id("id")).unwrap();
            let links = link(&Scorer::new(&model, &tables).unwrap(), |_| {}).unwrap();
            let mut kept: Vec<_> = links
                .pairs
                .iter()
                .map(|pair| {
                    let id = |record| tables.id(Side::Source, record).unwrap().to_owned();
                    let mut ids = [id(pair.source), id(pair.recipient)];
                    ids.sort();
                    ids.join("-")
                })
                .collect();
            kept.sort();
            (kept, links.tied_pairs, links.expectation)
        };
        let first = run(&rows);
        if policy != "off" {
            assert_eq!(first.0, ["a-b", "c-d"], "{policy}");
        }
        for turn in 1..rows.len() {
            let mut turned = rows;
            turned.rotate_left(turn);
            assert_eq!(run(&turned), first, "{policy} {turn}");
            turned.reverse();
            assert_eq!(run(&turned), first, "{policy} {turn} reversed");
        }
    }
}

#[test]
fn an_explanation_survives_json_bit_for_bit() {
    let model = Model::from_toml(MODEL).unwrap();
    let list: Vec<Row> = (0..60).map(person).collect();
    let tables = tables(&model, &sheet("s", &list), &sheet("r", &list));
    let scorer = Scorer::new(&model, &tables).unwrap();
    for (source, recipient) in (0..60).flat_map(|at| (0..60).map(move |to| (at, to))) {
        let mut told = explain(&scorer, RecordRef::new(source), RecordRef::new(recipient)).unwrap();
        // Priors of every size, so that the shortest text of some is read wrong by who only reads nearly right.
        let spread = f64::from(source * 60 + recipient + 1);
        told.prior = (spread.sqrt() - 30.0) * (spread / 90.0).exp2() / 1e9;
        told.weight = told.sum();
        let text = serde_json::to_string(&told).unwrap();
        let back: Explanation = serde_json::from_str(&text).unwrap();
        assert_eq!(back.sum().to_bits(), told.weight.to_bits(), "{text}");
        assert_eq!(back, told);
    }
}
