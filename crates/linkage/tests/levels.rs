//! What each test of a level says of two records, from the model file to the pattern.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, TimestampMillisecondArray};
use common::Sheet;
use linkage::compare::Comparer;
use linkage::{Error, Model, Pattern, RecordRef, Side, Table, Tables};

/// What stands for no value in a cell of these tests.
const NOTHING: &str = "";

/// A model of one comparison of the column `own`, which has two levels: the test and `else`.
fn model(kind: &str, test: &str) -> Result<Model, Error> {
    Model::from_toml(&format!(
        r#"
        name = "one level"
        link = "between"
        prior = 0.01
        threshold = 0.0
        column = [
            {{ name = "own", from = ["own"], kind = {kind} }},
            {{ name = "other", from = ["other"], kind = {kind} }},
        ]
        rule = [{{ keys = [{{ column = "own" }}] }}]
        [[comparison]]
        name = "compared"
        column = "own"
        level = [{{ test = {test}, m = 0.5, u = 0.5 }}, {{ test = "else", m = 0.5, u = 0.5 }}]
        "#
    ))
}

/// The level of two records with these values in `own` and `other`: 0 null, 1 the test, 2 else.
fn level(kind: &str, test: &str, source: [&str; 2], recipient: [&str; 2]) -> u8 {
    let model = model(kind, test).unwrap();
    let batch = |cells: [&str; 2]| [Sheet::new(&["own", "other"], &[&cells]).batch()];
    let (left, right) = (batch(source), batch(recipient));
    let tables = Tables::between(model.columns(), Table::new(&left), Table::new(&right)).unwrap();
    level_of(&model, &tables)
}

fn level_of(model: &Model, tables: &Tables) -> u8 {
    let first = |side| {
        let all: Vec<RecordRef> = (0..tables.records(side)).map(RecordRef::new).collect();
        all[0]
    };
    let mut comparer = Comparer::new(tables, model.comparisons()).unwrap();
    let pattern = comparer.pattern(first(Side::Source), first(Side::Recipient));
    (0..3).find(|level| Pattern::new(&[*level]) == pattern).unwrap()
}

/// Checks a test of one column.
fn check(kind: &str, test: &str, one: &str, other: &str, expected: u8) {
    assert_eq!(level(kind, test, [one, "x"], [other, "x"]), expected, "{test} {one} {other}");
}

const TEXT: &str = r#""text""#;
const DATE: &str = r#"{ date = "%Y-%m-%d" }"#;
const LIST: &str = r#"{ list = ";" }"#;
const TIME: &str = r#"{ time = "%Y-%m-%d %H:%M" }"#;
const PLACE: &str = r#""place""#;

#[test]
fn q_grams_grade_what_has_pieces_in_common() {
    check(TEXT, "{ jaccard = { q = 1, least = 0.6 } }", "duck", "luck", 1);
    check(TEXT, "{ jaccard = { q = 1, least = 0.61 } }", "duck", "luck", 2);
    check(TEXT, "{ cosine = { q = 2, least = 0.5 } }", "fernandez", "fernandes", 1);
    check(TEXT, "{ cosine = { q = 2, least = 0.5 } }", "fernandez", "gomez", 2);
}

#[test]
fn ends_and_sounds_of_names_are_told() {
    check(TEXT, "{ prefix = 3 }", "annabel", "anna", 1);
    check(TEXT, "{ prefix = 5 }", "annabel", "anna", 2);
    check(TEXT, "{ suffix = 4 }", "+44 171 5501", "0171 5501", 1);
    check(TEXT, r#"{ sounds = "double_metaphone" }"#, "Smith", "Schmidt", 1);
    check(TEXT, r#"{ sounds = "cologne" }"#, "Müller", "Mueller", 1);
    check(TEXT, r#"{ sounds = "daitch_mokotoff" }"#, "Moskowitz", "Moskovitz", 1);
    check(TEXT, r#"{ sounds = "cologne" }"#, "Müller", "Schulz", 2);
}

#[test]
fn a_name_of_two_characters_of_any_script_is_graded() {
    for (one, other, near) in [("李明", "李民", 1), ("김철", "김수", 1), ("李明", "王芳", 2)]
    {
        check(TEXT, "{ levenshtein = 1 }", one, other, near);
        check(TEXT, "{ jaro = 0.6 }", one, other, near);
        check(TEXT, "{ jaccard = { q = 1, least = 0.3 } }", one, other, near);
        check(TEXT, "{ prefix = 1 }", one, other, near);
        check(TEXT, "\"exact\"", one, one, 1);
        check(TEXT, "{ damerau = 0 }", one, other, 2);
    }
    check(TEXT, "{ damerau = 1 }", "明李", "李明", 1);
}

#[test]
fn what_cannot_be_heard_is_neither_alike_nor_unlike() {
    check(TEXT, r#"{ sounds = "cologne" }"#, "李明", "李明", 2);
    check(TEXT, r#"{ not = { sounds = "cologne" } }"#, "李明", "王芳", 2);
    check(TEXT, r#"{ not = { sounds = "cologne" } }"#, "Meyer", "Schulz", 1);
}

#[test]
fn moments_and_places_are_graded_by_distance() {
    check(TIME, "{ seconds = 3600 }", "2024-03-01 10:00", "2024-03-01 11:00", 1);
    check(TIME, "{ seconds = 3600 }", "2024-03-01 10:00", "2024-03-01 11:01", 2);
    check(TIME, "{ seconds = 3600 }", "2024-03-01 10:00", "when?", 0);
    check(PLACE, "{ kilometres = 344 }", "51.5074 -0.1278", "48.8566, 2.3522", 1);
    check(PLACE, "{ kilometres = 343 }", "51.5074 -0.1278", "48.8566, 2.3522", 2);
    check(PLACE, "{ kilometres = 343 }", "51.5074 -0.1278", "0 0", 0);
}

#[test]
fn lists_are_graded_by_what_they_share() {
    check(LIST, "{ shared = 2 }", "a;b;c", "C;B;x", 1);
    check(LIST, "{ shared = 3 }", "a;b;c", "C;B;x", 2);
    check(LIST, "{ shared = 2 }", "a;a", "a", 2);
    check(LIST, r#""subset""#, "a;b;c", "b;c", 1);
    check(LIST, r#""subset""#, "a;b;c", "c;d", 2);
    check(LIST, r#""exact""#, "a;b", "b;a;a", 1);
    check(LIST, "{ some_item = { jaro_winkler = 0.9 } }", "martha;jones", "marhta", 1);
    check(LIST, "{ some_item = { prefix = 2 } }", "smith;jones", "brown;jolly", 1);
    check(LIST, "{ some_item = { levenshtein = 1 } }", "martha;jones", "brown", 2);
    check(LIST, "{ shared = 1 }", " ; ", "a", 0);
}

#[test]
fn a_stated_value_is_prepared_as_the_column_is_and_asks_whom_it_should() {
    let both = r#"{ literal = { value = " NO FIXED   Abode" } }"#;
    check(TEXT, both, "no fixed abode", "No Fixed Abode", 1);
    check(TEXT, both, "no fixed abode", "elsewhere", 2);
    for (of, one, other, expected) in [
        ("either", "a", "b", 1),
        ("either", "b", "a", 1),
        ("either", "b", "c", 2),
        ("source", "a", "b", 1),
        ("source", "b", "a", 2),
        ("recipient", "b", "a", 1),
        ("recipient", "a", "b", 2),
    ] {
        let test = format!(r#"{{ literal = {{ value = "a", of = "{of}" }} }}"#);
        check(TEXT, &test, one, other, expected);
    }
    check(DATE, r#"{ literal = { value = "1970-01-01" } }"#, "1970-01-01", "1970-01-01", 1);
    check(LIST, r#"{ some_item = { literal = { value = "A" } } }"#, "a;b", "c;a", 1);
    check(LIST, r#"{ some_item = { literal = { value = "A" } } }"#, "a;b", "c;b", 2);
}

#[test]
fn tests_of_several_columns_combine() {
    let both = r#"{ all = [{ levenshtein = 1 }, { on = { column = "other", test = "exact" } }] }"#;
    assert_eq!(level(TEXT, both, ["ann", "lee"], ["anne", "lee"]), 1);
    assert_eq!(level(TEXT, both, ["ann", "lee"], ["anne", "li"]), 2);
    let turned = r#"{ any = ["exact", { reversed = "other" }] }"#;
    assert_eq!(level(TEXT, turned, ["ann", "lee"], ["lee", "ann"]), 1);
    assert_eq!(level(TEXT, turned, ["ann", "lee"], ["ann", "x"]), 1);
    assert_eq!(level(TEXT, turned, ["ann", "lee"], ["lee", "anna"]), 2);
    let not_turned = r#"{ all = [{ prefix = 1 }, { not = { reversed = "other" } }] }"#;
    assert_eq!(level(TEXT, not_turned, ["ann", "lee"], ["amy", "lee"]), 1);
    assert_eq!(level(TEXT, not_turned, ["ann", "ann"], ["ann", "ann"]), 2);
}

#[test]
fn a_missing_value_never_adds_evidence_however_the_tests_combine() {
    let on = |test: &str| format!(r#"{{ on = {{ column = "other", test = {test} }} }}"#);
    let exact = on(r#""exact""#);
    for test in [
        exact.clone(),
        format!("{{ not = {exact} }}"),
        format!(r#"{{ all = ["exact", {exact}] }}"#),
        format!(r#"{{ all = ["exact", {{ not = {exact} }}] }}"#),
        format!("{{ any = [{{ levenshtein = 0 }}, {exact}] }}"),
        format!("{{ not = {{ any = [{exact}, {{ not = {exact} }}] }} }}"),
        r#"{ reversed = "other" }"#.to_owned(),
        r#"{ not = { reversed = "other" } }"#.to_owned(),
    ] {
        let holds_of_own = test.contains("levenshtein");
        for other in [["ann", NOTHING], ["ann", "lee"]] {
            let found = level(TEXT, &test, ["ann", NOTHING], other);
            assert_eq!(found, if holds_of_own { 1 } else { 2 }, "{test}");
        }
        // Without a value in its own column a comparison says nothing at all.
        assert_eq!(level(TEXT, &test, [NOTHING, "lee"], ["ann", "lee"]), 0, "{test}");
    }
}

#[test]
fn list_and_timestamp_columns_of_arrow_are_read() {
    let list = |items: &[Option<&str>]| -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new());
        builder.append_value(items.iter().copied());
        Arc::new(builder.finish())
    };
    let shared = model(LIST, "{ shared = 2 }").unwrap();
    let batch = |items: &[Option<&str>]| {
        [RecordBatch::try_from_iter([("own", list(items)), ("other", list(items))]).unwrap()]
    };
    let (left, right) = (batch(&[Some("A"), None, Some("b")]), batch(&[Some("b"), Some("a")]));
    let tables = Tables::between(shared.columns(), Table::new(&left), Table::new(&right)).unwrap();
    assert_eq!(level_of(&shared, &tables), 1);

    let near = model(TIME, "{ seconds = 1 }").unwrap();
    let batch = |milliseconds: i64| {
        let column: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![milliseconds]));
        [RecordBatch::try_from_iter([("own", column.clone()), ("other", column)]).unwrap()]
    };
    for (apart, expected) in [(1000, 1), (1001, 2)] {
        let (left, right) = (batch(1_700_000_000_000), batch(1_700_000_000_000 + apart));
        let tables =
            Tables::between(near.columns(), Table::new(&left), Table::new(&right)).unwrap();
        assert_eq!(level_of(&near, &tables), expected);
    }
}

#[test]
fn a_test_that_cannot_mean_anything_is_refused_and_says_why() {
    let cases = [
        (TEXT, "{ jaccard = { q = 0, least = 0.5 } }"),
        (TEXT, "{ cosine = { q = 2, least = 1.5 } }"),
        (TEXT, "{ prefix = 0 }"),
        (DATE, r#"{ sounds = "cologne" }"#),
        (TEXT, "{ seconds = 5 }"),
        (TEXT, "{ kilometres = 5 }"),
        (PLACE, "{ kilometres = -1 }"),
        (TEXT, "{ shared = 1 }"),
        (LIST, "{ shared = 0 }"),
        (LIST, "{ levenshtein = 1 }"),
        (LIST, r#"{ some_item = { on = { column = "other", test = "exact" } } }"#),
        (TEXT, r#"{ literal = { value = "" } }"#),
        (DATE, r#"{ literal = { value = "tomorrow" } }"#),
        (PLACE, r#"{ literal = { value = "1 2" } }"#),
        (TEXT, "{ all = [] }"),
        (TEXT, r#"{ not = "else" }"#),
        (TEXT, r#"{ on = { column = "absent", test = "exact" } }"#),
        (TEXT, r#"{ on = { column = "other", test = { reversed = "own" } } }"#),
        (r#"{ list = "" }"#, r#""exact""#),
    ];
    let told: Vec<String> =
        cases.iter().map(|(kind, test)| model(kind, test).unwrap_err().to_string()).collect();
    expect_test::expect![[r"
        comparison `compared`, level `jaccard of 0-grams >= 0.5`: a q-gram has at least one character
        comparison `compared`, level `cosine of 2-grams >= 1.5`: a similarity must lie above 0 and be at most 1
        comparison `compared`, level `same first 0`: no characters at all are equal everywhere
        comparison `compared`, level `sounds alike by cologne phonetics`: a test of sounds needs a column of text
        comparison `compared`, level `within 5 seconds`: a test of moments needs a column of times
        comparison `compared`, level `within 5 km`: a test of kilometres needs a column of places
        comparison `compared`, level `within -1 km`: a distance must be 0 or more
        comparison `compared`, level `at least 1 items shared`: a test of items needs a column of lists
        comparison `compared`, level `at least 0 items shared`: no items at all are shared everywhere
        comparison `compared`, level `levenshtein <= 1`: an edit distance needs a column of text or dates
        comparison `compared`, level `exact on other of some items`: `some_item` takes a test of two items
        comparison `compared`, level `both ```: a stated value must not be empty
        comparison `compared`, level `both `tomorrow``: the stated value is none that the column could hold
        comparison `compared`, level `both `1 2``: a stated value needs a column of text, dates, times or numbers
        comparison `compared`, level `()`: `all` and `any` need a test
        comparison `compared`, level `not (else)`: `else` stands alone
        comparison `compared` names the column `absent`, which no `[[column]]` prepares
        comparison `compared`, level `reversed with own on other`: `reversed` looks at the comparison's own column
        column `own`: a list needs what its items are apart by
    "]]
    .assert_eq(&(told.join("\n") + "\n"));
}

#[test]
fn a_level_that_a_looser_one_leaves_nothing_to_is_refused() {
    let text = r#"
        name = "unreachable"
        link = "between"
        prior = 0.01
        threshold = 0.0
        column = [{ name = "own", from = ["own"] }]
        rule = [{ keys = [{ column = "own" }] }]
        [[comparison]]
        name = "compared"
        column = "own"
        level = [
            { test = { jaro_winkler = 0.8 }, m = 0.5, u = 0.2 },
            { test = { jaro_winkler = 0.9 }, m = 0.3, u = 0.2 },
            { test = "else", m = 0.2, u = 0.6 },
        ]
    "#;
    let told = Model::from_toml(text).unwrap_err().to_string();
    assert!(
        told.contains("it can never be reached: `jaro_winkler >= 0.8` takes all of it"),
        "{told}"
    );
    assert!(Model::from_toml(&text.replace("0.8 }", "0.95 }")).is_ok());
}
