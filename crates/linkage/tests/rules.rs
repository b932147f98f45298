//! What rules written as SQL, neighbourhoods and min-hash must make, held against their plain meaning.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use common::Sheet;
use linkage::model::{Column, Rule};
use linkage::{Blocks, Model, Table, Tables};
use proptest::prelude::*;

const MODEL: &str = r#"
name = "small"
link = "LINK"
prior = 0.01
threshold = 0.0
column = [
    { name = "given", from = ["given"] },
    { name = "surname", from = ["surname"] },
    { name = "birth", from = ["birth"], kind = { date = "%Y-%m-%d" } },
    { name = "pay", from = ["pay"], kind = "number" },
]
rule = [RULES]

[[comparison]]
name = "given"
column = "given"
level = [{ test = "exact", m = 0.7, u = 0.01 }, { test = "else", m = 0.3, u = 0.99 }]
"#;

fn model(link: &str, rules: &str) -> linkage::Result<Model> {
    Model::from_toml(&MODEL.replace("LINK", link).replace("RULES", rules))
}

#[derive(Clone, Debug)]
struct Row {
    given: &'static str,
    surname: &'static str,
    birth: &'static str,
    pay: &'static str,
}

impl Row {
    fn text(value: &str) -> Option<String> {
        (!value.is_empty()).then(|| value.to_lowercase())
    }

    fn given(&self) -> Option<String> {
        Self::text(self.given)
    }

    fn surname(&self) -> Option<String> {
        Self::text(self.surname)
    }

    fn birth(&self) -> Option<jiff::civil::Date> {
        self.birth.parse().ok()
    }

    fn pay(&self) -> Option<f64> {
        self.pay.parse().ok()
    }

    fn days_from(&self, other: &Self) -> Option<i32> {
        Some(self.birth()?.since(other.birth()?).unwrap().get_days())
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        prop::sample::select(vec!["Ana", "Anna", "José", "Jose", "Li", "Gil", ""]),
        prop::sample::select(vec!["Gil", "Gill", "Li", "Ng", "Ana", "Nguyễn", "Nguyen", ""]),
        prop::sample::select(vec![
            "1980-01-31",
            "1980-02-28",
            "1981-01-31",
            "1990-05-05",
            "no",
            "",
        ]),
        prop::sample::select(vec!["100", "104.9", "200", "-5", "0", ""]),
    );
    let row = row.prop_map(|(given, surname, birth, pay)| Row { given, surname, birth, pay });
    prop::collection::vec(row, 0..20)
}

fn sheet(rows: &[Row]) -> Sheet {
    let header = ["given", "surname", "birth", "pay"].map(str::to_owned).to_vec();
    let cells =
        |row: &Row| [row.given, row.surname, row.birth, row.pay].map(str::to_owned).to_vec();
    Sheet { header, rows: rows.iter().map(cells).collect() }
}

fn tables(columns: &[Column], left: &[Row], right: Option<&[Row]>) -> Tables {
    let left: [RecordBatch; 1] = [sheet(left).batch()];
    match right {
        None => Tables::within(columns, Table::new(&left)).unwrap(),
        Some(right) => {
            let right: [RecordBatch; 1] = [sheet(right).batch()];
            Tables::between(columns, Table::new(&left), Table::new(&right)).unwrap()
        }
    }
}

type Made = Vec<(u32, u32, u16)>;

fn made(tables: &Tables, rules: &[Rule]) -> Made {
    let blocks = Blocks::new(tables, rules).unwrap();
    let pairs = blocks.pairs().map(|pair| (pair.source.row(), pair.recipient.row(), pair.rule));
    let mut made: Vec<_> = pairs.collect();
    made.sort_unstable();
    made
}

/// Says whether a rule makes a pair.
type Makes = fn(&Row, &Row) -> bool;

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap()
}

/// What the rules mean: of all pairs those that some rule makes, and the first that does.
fn meant(left: &[Row], right: Option<&[Row]>, rules: &[Makes]) -> Made {
    let mut meant = Vec::new();
    for (place, one) in left.iter().enumerate() {
        let others = match right {
            None => (place + 1..left.len()).map(|other| (other, &left[other])).collect::<Vec<_>>(),
            Some(right) => right.iter().enumerate().collect(),
        };
        for (other_place, other) in others {
            // Within one table either of the two may be the one that the rule calls left.
            let first = rules
                .iter()
                .position(|makes| makes(one, other) || (right.is_none() && makes(other, one)));
            if let Some(rule) = first {
                meant.push((number(place), number(other_place), u16::try_from(rule).unwrap()));
            }
        }
    }
    meant.sort_unstable();
    meant
}

#[expect(clippy::needless_pass_by_value, reason = "what is handed in was made for it")]
fn equal<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && one == other
}

const RULES: [(&str, Makes); 8] = [
    (r#"{ sql = "l.surname = r.surname" }"#, |l, r| equal(l.surname(), r.surname())),
    (r#"{ sql = "r.surname = l.surname and l.birth - r.birth < 400" }"#, |l, r| {
        equal(l.surname(), r.surname()) && l.days_from(r).is_some_and(|days| days < 400)
    }),
    (
        r#"{ sql = "substr(l.given, 1, 2) = substr(r.given, 1, 2) and (surname_l <> surname_r or l.pay > 150)" }"#,
        |l, r| {
            let start =
                |row: &Row| row.given().map(|text| text.chars().take(2).collect::<String>());
            equal(start(l), start(r))
                && (matches!((l.surname(), r.surname()), (Some(l), Some(r)) if l != r)
                    || l.pay().is_some_and(|pay| pay > 150.0))
        },
    ),
    (
        r#"{ sql = "extract(year from l.birth) = extract(year from r.birth) and jaro_winkler_similarity(l.given, r.given) >= 0.8" }"#,
        |l, r| {
            equal(l.birth().map(jiff::civil::Date::year), r.birth().map(jiff::civil::Date::year))
                && matches!((l.given(), r.given()), (Some(l), Some(r))
                    if strsim::jaro_winkler(&l, &r) >= 0.8)
        },
    ),
    (
        r#"{ sql = "l.birth = r.birth and l.pay / r.pay < 2 and 10 / cast(r.pay as integer) > -100" }"#,
        |l, r| {
            // A division by nought in whole numbers can't be worked out, and makes no pair.
            equal(l.birth(), r.birth())
                && matches!((l.pay(), r.pay()), (Some(l), Some(r))
                    if r.trunc() != 0.0 && l / r < 2.0)
        },
    ),
    (
        r#"{ sql = "l.given = r.given and (l.birth is null or case when r.pay in (100, 200) then true else l.surname like 'n%' end)" }"#,
        |l, r| {
            equal(l.given(), r.given())
                && (l.birth().is_none()
                    || if r.pay().is_some_and(|pay| [100.0, 200.0].contains(&pay)) {
                        true
                    } else {
                        l.surname().is_some_and(|text| text.starts_with('n'))
                    })
        },
    ),
    (r#"{ keys = [{ column = "birth" }], sql = "length(l.given) = length(r.given)" }"#, |l, r| {
        equal(l.birth(), r.birth())
            && equal(
                l.given().map(|text| text.chars().count()),
                r.given().map(|text| text.chars().count()),
            )
    }),
    (r#"{ sql = "l.given = r.surname" , keys = [{ column = "pay" }] }"#, |l, r| {
        equal(l.given(), r.surname()) && equal(l.pay(), r.pay())
    }),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_rule_in_sql_makes_the_pairs_that_its_condition_holds_of(left in rows(), right in rows()) {
        for (text, makes) in RULES {
            let between = model("between", text).unwrap();
            let both = tables(between.columns(), &left, Some(&right));
            prop_assert_eq!(made(&both, between.rules()), meant(&left, Some(&right), &[makes]), "{}", text);
            let within = model("within", text).unwrap();
            let one = tables(within.columns(), &left, None);
            prop_assert_eq!(made(&one, within.rules()), meant(&left, None, &[makes]), "within, {}", text);
        }
    }

    #[test]
    fn a_pair_of_several_rules_is_made_by_the_first_and_counted_once(left in rows(), right in rows()) {
        let (texts, makes): (Vec<&str>, Vec<Makes>) = RULES.into_iter().unzip();
        let between = model("between", &texts.join(", ")).unwrap();
        let both = tables(between.columns(), &left, Some(&right));
        let pairs = meant(&left, Some(&right), &makes);
        prop_assert_eq!(made(&both, between.rules()), pairs.clone());
        let counts = Blocks::new(&both, between.rules()).unwrap().counts();
        for (number, count) in (0u16..).zip(&counts) {
            prop_assert!(!count.estimated);
            let new_pairs = pairs.iter().filter(|(_, _, rule)| *rule == number).count() as u64;
            prop_assert_eq!(count.new_pairs, new_pairs, "{}", count.rule);
            let alone = meant(&left, Some(&right), &makes[usize::from(number)..][..1]).len() as u64;
            prop_assert_eq!(count.pairs, alone, "{}", count.rule);
        }
    }

    #[test]
    fn a_neighbourhood_makes_the_pairs_whose_values_stand_within_its_window(
        left in rows(), right in rows(), window in 1u32..5,
    ) {
        let text = format!(r#"{{ neighbourhood = {{ column = "surname", window = {window} }} }}"#);
        let names: BTreeSet<String> =
            left.iter().chain(&right).filter_map(Row::surname).collect();
        let places: BTreeMap<&String, usize> =
            names.iter().enumerate().map(|(place, name)| (name, place)).collect();
        let near = |l: &Row, r: &Row| matches!((l.surname(), r.surname()), (Some(l), Some(r))
            if places[&l].abs_diff(places[&r]) <= window as usize);
        let model = model("between", &text).unwrap();
        let both = tables(model.columns(), &left, Some(&right));
        let mut meant = Vec::new();
        for (place, l) in left.iter().enumerate() {
            for (other, r) in right.iter().enumerate().filter(|(_, r)| near(l, r)) {
                let _ = r;
                meant.push((number(place), number(other), 0));
            }
        }
        prop_assert_eq!(made(&both, model.rules()), meant);
    }

    #[test]
    fn min_hash_makes_each_pair_once_and_always_that_of_equal_texts(left in rows(), right in rows()) {
        let model = model("between", r#"{ min_hash = { column = "surname", q = 2, bands = 6, rows = 2 } }"#).unwrap();
        let both = tables(model.columns(), &left, Some(&right));
        let made = made(&both, model.rules());
        let pairs: BTreeSet<_> = made.iter().copied().collect();
        prop_assert_eq!(pairs.len(), made.len());
        for (one, other, rule) in meant(&left, Some(&right), &[|l, r| equal(l.surname(), r.surname())]) {
            prop_assert!(pairs.contains(&(one, other, rule)));
        }
    }
}

/// A record with its other names and its day of birth.
type Named = (Vec<&'static str>, &'static str);

const BY_BIRTH: &str = r#"{ keys = [{ column = "birth" }] }"#;

const LISTS: &str = r#"
name = "lists"
link = "LINK"
prior = 0.01
threshold = -1000.0
column = [
    { name = "aliases", from = ["aliases"], kind = { list = ";" } },
    { name = "birth", from = ["birth"] },
]
rule = [{ keys = [{ column = "birth" }] }]
[[comparison]]
name = "birth"
column = "birth"
level = [
    { test = { expression = "birth_l = birth_r and birth_l <> 'y'" }, m = 0.7, u = 0.01 },
    { test = { not = { expression = "birth_r < birth_l" } }, m = 0.1, u = 0.29 },
    { test = "else", m = 0.2, u = 0.7 },
]
"#;

fn lists(link: &str, left: &[Named], right: &[Named]) -> (Model, Tables) {
    lists_by(BY_BIRTH, link, left, right)
}

fn lists_by(rule: &str, link: &str, left: &[Named], right: &[Named]) -> (Model, Tables) {
    let text = LISTS.replace("LINK", link).replace(BY_BIRTH, rule);
    let model = Model::from_toml(&text).unwrap();
    let sheet = |rows: &[Named]| {
        let row = |(names, birth): &Named| vec![names.join(";"), (*birth).to_owned()];
        let header = ["aliases", "birth"].map(str::to_owned).to_vec();
        [Sheet { header, rows: rows.iter().map(row).collect() }.batch()]
    };
    let (left, right) = (sheet(left), sheet(right));
    let tables = match link {
        "between" => Tables::between(model.columns(), Table::new(&left), Table::new(&right)),
        _ => Tables::within(model.columns(), Table::new(&left)),
    };
    (model, tables.unwrap())
}

const EXPLODING: &str = r#"{ sql = "substr(l.aliases, 1, 2) = substr(r.aliases, 1, 2) and l.birth = r.birth", explode = ["aliases"] }"#;

fn named() -> impl Strategy<Value = Vec<Named>> {
    let name = prop::sample::select(vec!["ana", "anna", "li", "lin", "gil", "ng", "maria"]);
    let names = prop::collection::vec(name, 0..4);
    prop::collection::vec((names, prop::sample::select(vec!["x1", "y", "z1", ""])), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_exploded_list_makes_the_pairs_that_any_of_its_items_makes(left in named(), right in named()) {
        let makes = |one: &Named, other: &Named| {
            let starts = |named: &Named| -> BTreeSet<String> {
                named.0.iter().map(|name| name.chars().take(2).collect()).collect()
            };
            !one.1.is_empty() && one.1 == other.1 && !starts(one).is_disjoint(&starts(other))
        };
        let (model, both) = lists_by(EXPLODING, "between", &left, &right);
        let mut meant = Vec::new();
        for (place, one) in left.iter().enumerate() {
            let others = right.iter().enumerate().filter(|(_, other)| makes(one, other));
            meant.extend(others.map(|(other, _)| (number(place), number(other), 0)));
        }
        prop_assert_eq!(made(&both, model.rules()), meant);
        let (model, one_table) = lists_by(EXPLODING, "within", &left, &[]);
        let mut meant = Vec::new();
        for (place, one) in left.iter().enumerate() {
            let others = left.iter().enumerate().skip(place + 1).filter(|(_, other)| makes(one, other));
            meant.extend(others.map(|(other, _)| (number(place), number(other), 0)));
        }
        prop_assert_eq!(made(&one_table, model.rules()), meant);
    }
}

#[test]
fn a_level_may_be_an_expression_and_what_is_unknown_does_not_hold() {
    let left: Vec<Named> = vec![(vec![], "x1"), (vec![], "y"), (vec![], "z1"), (vec![], "")];
    let (model, both) = lists("between", &left, &left);
    let level = |one: u32, other: u32| {
        let scorer = linkage::Scorer::new(&model, &both).unwrap();
        let (one, other) = (linkage::RecordRef::new(one), linkage::RecordRef::new(other));
        linkage::explain(&scorer, one, other)
            .unwrap()
            .parts
            .iter()
            .find(|part| part.level > 0)
            .map(|part| part.level)
    };
    assert_eq!(level(0, 0), Some(1));
    assert_eq!(level(1, 1), Some(2));
    assert_eq!(level(0, 2), Some(2));
    assert_eq!(level(2, 0), Some(3));
    assert_eq!(level(0, 3), None);
}

#[test]
fn min_hash_finds_a_misspelt_name_and_not_another() {
    let row = |surname| Row { given: "", surname, birth: "", pay: "" };
    let left = [row("hernandez-garcia")];
    let right = [row("hernandes-garcia"), row("okonkwo")];
    let model =
        model("between", r#"{ min_hash = { column = "surname", q = 2, bands = 12, rows = 3 } }"#)
            .unwrap();
    let both = tables(model.columns(), &left, Some(&right));
    assert_eq!(made(&both, model.rules()), [(0, 0, 0)]);
}

#[test]
fn many_pairs_of_few_values_that_share_a_key_are_counted_exactly() {
    // 2,100 by 2,100 share one key, above what is gone through; half of them meet the rest.
    let pays = ["100", "200"];
    let rows: Vec<Row> = (0..2_100)
        .map(|row| Row { given: "Ana", surname: "", birth: "", pay: pays[row % 2] })
        .collect();
    let model = model(
        "between",
        r#"{ sql = "l.given = r.given and l.pay <= r.pay - 50 or l.given = r.given and l.pay = r.pay" },
        { keys = [{ column = "given" }] }"#,
    );
    // The disjunction holds no equality that always holds, so it has no key.
    assert!(model.is_err());
    let model = crate::model(
        "between",
        r#"{ sql = "l.given = r.given and l.pay - r.pay + 0 = 0 + 0 * r.pay" }, { keys = [{ column = "given" }] }"#,
    )
    .unwrap();
    let both = tables(model.columns(), &rows, Some(&rows));
    let counts = Blocks::new(&both, model.rules()).unwrap().counts();
    assert!(!counts[0].estimated && !counts[1].estimated);
    assert_eq!((counts[0].pairs, counts[0].new_pairs), (2 * 1_050 * 1_050, 2 * 1_050 * 1_050));
    assert_eq!((counts[1].pairs, counts[1].new_pairs), (2_100 * 2_100, 2 * 1_050 * 1_050));
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_position() {
    let said = |rule: &str| match model("between", rule) {
        Ok(_) => format!("{rule} is sound"),
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let rules = [
        r#"{ sql = "l.surnam = r.surname" }"#,
        r#"{ sql = "l.surname = r.surname and\n  soundx(l.given) = r.given" }"#,
        r#"{ sql = "surname = r.surname" }"#,
        r#"{ sql = "x.surname = r.surname" }"#,
        r#"{ sql = "l.surname = " }"#,
        r#"{ sql = "l.surname = r.surname; drop table x" }"#,
        r#"{ sql = "l.surname" }"#,
        r#"{ sql = "l.surname = r.surname and random() < 0.5" }"#,
        r#"{ sql = "l.surname = r.surname and l.birth < now()" }"#,
        r#"{ sql = "l.surname = r.surname and exists (select 1)" }"#,
        r#"{ sql = "l.surname = r.surname and count(l.given) over () > 1" }"#,
        r#"{ sql = "l.surname = r.surname and date_part('yeer', l.birth) = 1" }"#,
        r#"{ sql = "l.surname = r.surname and l.birth + l.given = 1" }"#,
        r#"{ sql = "l.surname <> r.surname" }"#,
        r#"{ sql = "l.surname = l.given" }"#,
        r#"{ sql = "l.surname = r.surname", explode = ["surname"] }"#,
        r#"{ neighbourhood = { column = "surname", window = 0 } }"#,
        r#"{ neighbourhood = { column = "surnam", window = 2 } }"#,
        r#"{ min_hash = { column = "birth", q = 2, bands = 4, rows = 2 } }"#,
        r#"{ min_hash = { column = "surname", q = 0, bands = 4, rows = 2 } }"#,
        "{ }",
    ];
    let texts: Vec<String> = rules.iter().map(|rule| said(rule)).collect();
    expect_test::expect![[r"
        rule `l.surnam = r.surname` names the column `surnam` at line 1, column 3, which there isn't
        rule `l.surname = r.surname and soundx(l.given) = r.given` names the function `soundx` at line 2, column 3, which there isn't
        rule `surname = r.surname` names the column `surname` at line 1, column 1, which there isn't
        rule `x.surname = r.surname` cannot be understood: a column is written `l.name` or `r.name`, at line 1, column 1
        rule `l.surname =` cannot be understood: sql parser error: Expected: an expression, found: EOF
        rule `l.surname = r.surname; drop table x` cannot be understood: it should end before `;` at line 1, column 22
        rule `l.surname` cannot be understood: it must come to true or false
        rule `l.surname = r.surname and random() < 0.5` cannot be understood: `random` doesn't come to the same every time, at line 1, column 27
        rule `l.surname = r.surname and l.birth < now()` cannot be understood: `now` doesn't come to the same every time, at line 1, column 37
        rule `l.surname = r.surname and exists (select 1)` cannot be understood: this isn't understood in a condition on one pair, at line 1, column 35
        rule `l.surname = r.surname and count(l.given) over () > 1` cannot be understood: only plain functions of one pair are understood, at line 1, column 27
        rule `l.surname = r.surname and date_part('yeer', l.birth) = 1` cannot be understood: Execution error: Date part 'yeer' not supported
        rule `l.surname = r.surname and l.birth + l.given = 1` cannot be understood: Error during planning: Cannot coerce arithmetic expression Date32 + Utf8 to valid types
        rule: one has no key, so it would look at every pair there is
        rule: one has no key, so it would look at every pair there is
        rule `l.surname = r.surname for each of surname`: the column `surname` is no list, and can't be exploded
        rule `neighbourhood(surname, 0)`: a window of no places is a key: write one
        rule `neighbourhood(surnam, 2)` names the column `surnam`, which no `[[column]]` prepares
        rule `min_hash(birth, q 2, 4 bands of 2)`: `min_hash` needs a column of text
        rule `min_hash(surname, q 0, 4 bands of 2)`: `q` and `rows` must be 1 to 16, and `bands` 1 to 128
        rule: one has no key, so it would look at every pair there is
    "]].assert_eq(&(texts.join("\n") + "\n"));
}
