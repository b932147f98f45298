//! The fused pass against the plain composition.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use proptest::prelude::*;

use crate::block::Blocks;
use crate::fuse::Ready;
use crate::link::plain::{count_plainly, score_plainly};
use crate::link::{Detail, count_ready, score_pairs};
use crate::record::Side;
use crate::score::Scorer;
use crate::tables::{Table, Tables};
use crate::{Intake, Link, Model, Pair};

const COLUMNS: [&str; 7] = ["given", "surname", "birth", "pay", "number", "street", "phones"];

/// Levels of every kind that the pass treats in a way of its own.
const MODEL: &str = r#"
name = "small"
link = "LINK"
prior = 0.01
threshold = -100.0
column = [
    { name = "given", from = ["given"] },
    { name = "plain", from = ["given"], steps = ["fold_case", "fold_diacritics"] },
    { name = "surname", from = ["surname"] },
    { name = "birth", from = ["birth"], kind = { date = "%Y-%m-%d" } },
    { name = "pay", from = ["pay"], kind = "number" },
    { name = "number", from = ["number"] },
    { name = "street", from = ["street"] },
    { name = "phones", from = ["phones"], kind = { list = ";" } },
]
rule = [
    { keys = [{ column = "number" }] },
    { keys = [{ column = "surname" }] },
    { keys = [{ column = "given", take = { prefix = 1 } }, { column = "birth", take = "year" }] },
    { keys = [{ column = "surname", take = "soundex" }, { column = "birth", take = "month_day" }] },
]

[[comparison]]
name = "given"
column = "given"
frequency = { minimum_u = 0.02, weight = 0.75, similar = true }
level = [
    { test = "exact", m = 0.7, u = 0.01 }, { test = "exact", column = "plain", m = 0.05, u = 0.001 },
    { test = { reversed = "surname" }, m = 0.05, u = 0.001 },
    { test = { jaro_winkler = 0.85 }, m = 0.1, u = 0.028 }, { test = "else", m = 0.1, u = 0.96 },
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
[[comparison]]
name = "number"
column = "number"
level = [
    { test = "exact", m = 0.8, u = 0.0001 }, { test = { damerau = 1 }, m = 0.1, u = 0.0009 },
    { test = "else", m = 0.1, u = 0.999 },
]
[[comparison]]
name = "home"
column = "street"
level = [
    { test = "exact", column = "number", m = 0.3, u = 0.0001 }, { test = "exact", m = 0.4, u = 0.0099 },
    { test = { jaro_winkler = 0.9 }, m = 0.1, u = 0.01 }, { test = "else", m = 0.2, u = 0.98 },
]
[[comparison]]
name = "phones"
column = "phones"
frequency = { minimum_u = 0.01 }
level = [
    { test = "exact", m = 0.4, u = 0.001 }, { test = { shared = 2 }, m = 0.2, u = 0.001 },
    { test = { shared = 1 }, m = 0.2, u = 0.03 }, { test = "else", m = 0.2, u = 0.968 },
]
"#;

/// Rules that ask more than equal keys, put between the others.
const NARROWING: &str = r#"
    { sql = "l.given = r.given and l.pay <= r.pay" },
    { keys = [{ column = "birth", take = "year" }], min_hash = { column = "given", q = 2, bands = 3, rows = 1 } },
    { neighbourhood = { column = "surname", window = 1 } },
    { keys = [{ column = "surname" }] },
"#;

/// The model of a link, with or without rules that narrow.
fn model_with(link: Link, narrowing: bool) -> Model {
    let model = model(link);
    if !narrowing {
        return model;
    }
    let rule = "    { keys = [{ column = \"surname\" }] },\n";
    let written =
        MODEL.replace("LINK", word(link)).replacen(rule, NARROWING.trim_start_matches('\n'), 1);
    Model::from_toml(&written).unwrap()
}

fn word(link: Link) -> &'static str {
    match link {
        Link::Between => "between",
        Link::Within => "within",
        Link::Both => "both",
    }
}

fn model(link: Link) -> Model {
    Model::from_toml(&MODEL.replace("LINK", word(link))).unwrap()
}

type Row = [String; 7];

fn row() -> impl Strategy<Value = Row> {
    let pick = |list: &'static [&'static str]| prop::sample::select(list).prop_map(str::to_owned);
    [
        pick(&["Ana", "Anna", "José", "Jose", "Li", "Gil", "Ng", "Nguyễn", ""]).boxed(),
        pick(&["Gil", "Gill", "Li", "Ng", "Ana", "Nguyễn", "Robert", "Rupert", ""]).boxed(),
        pick(&["1980-01-31", "1980-02-28", "1980-10-31", "1981-01-31", "not a date", ""]).boxed(),
        pick(&["100", "104.9", "200", "-5", ""]).boxed(),
        pick(&["000123456789", "000123456798", "000723456789", "00012345678", "99", ""]).boxed(),
        pick(&["1 High Street", "1 High Stret", "12 High Street", "Nowhere", ""]).boxed(),
        pick(&["1", "1;2", "2;3;4", "3;4", "5;1", "6", ""]).boxed(),
    ]
}

fn batch(rows: &[Row]) -> RecordBatch {
    let column = |index: usize| -> ArrayRef {
        let cells =
            rows.iter().map(|row| Some(row[index].as_str()).filter(|cell| !cell.is_empty()));
        Arc::new(cells.collect::<StringArray>())
    };
    let columns = COLUMNS.iter().enumerate().map(|(index, name)| (*name, column(index), true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Prepares rows in batches of a size, on so many threads.
fn tables(model: &Model, source: &[Row], recipient: &[Row], size: usize, threads: usize) -> Tables {
    let threads = NonZeroUsize::new(threads).unwrap();
    let mut intake = Intake::new(model.columns(), model.link(), threads);
    for rows in source.chunks(size) {
        intake.take(Side::Source, &[batch(rows)]).unwrap();
    }
    if model.link() != Link::Within {
        for rows in recipient.chunks(size) {
            intake.take(Side::Recipient, &[batch(rows)]).unwrap();
        }
    }
    intake.finish()
}

fn bits(pairs: &[Pair]) -> Vec<(u32, u32, u16, u64, u64)> {
    let one = |pair: &Pair| {
        let levels =
            pair.pattern.levels(7).iter().fold(0, |sum, level| sum << 4 | u64::from(*level));
        (pair.source.row(), pair.recipient.row(), pair.rule, levels, pair.weight.to_bits())
    };
    pairs.iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_pass_finds_what_the_plain_composition_finds(
        source in prop::collection::vec(row(), 0..90), recipient in prop::collection::vec(row(), 0..90),
        size in prop::sample::select(vec![1usize, 2, 7, 49, 50, 51, 100]),
    ) {
        for (link, narrowing) in
            [Link::Between, Link::Within, Link::Both].into_iter().flat_map(|link| [(link, false), (link, true)])
        {
            let model = model_with(link, narrowing);
            for threads in if narrowing { vec![1, 4] } else { vec![1, 2, 4, 16] } {
                let tables = tables(&model, &source, &recipient, size, threads);
                let scorer = Scorer::new(&model, &tables).unwrap();
                let blocks = Blocks::new(&tables, model.rules()).unwrap();
                prop_assert_eq!(blocks.is_plain(), !narrowing);
                let ready = Ready::new(&tables, model.comparisons(), &blocks).unwrap();
                for rule in model.rules().iter().map(std::slice::from_ref) {
                    let shared = Blocks::beside(&[&blocks], &tables, rule).unwrap();
                    let own = Blocks::new(&tables, rule).unwrap();
                    prop_assert!(shared.pairs().eq(own.pairs()));
                    let plain = count_plainly(&tables, model.comparisons(), &own).unwrap();
                    prop_assert_eq!(count_ready(&ready, &shared), plain);
                }
                for least in [-1000.0, -6.6, 0.0, 12.0] {
                    let plain = score_plainly(&scorer, &blocks, least).unwrap();
                    let mut full =
                        score_pairs(&scorer, &blocks, Detail::Full, least, None, |_| {}).unwrap();
                    prop_assert_eq!(bits(&full.pairs), bits(&plain.pairs));
                    let by_rule = full.patterns_by_rule();
                    for (patterns, expected) in by_rule.iter().zip(&plain.patterns) {
                        let patterns: BTreeMap<_, _> = patterns.iter().copied().collect();
                        prop_assert_eq!(&patterns, expected);
                    }
                    prop_assert_eq!(full.histogram(), &plain.histogram);
                    let kept = score_pairs(&scorer, &blocks, Detail::Kept, least, None, |_| {}).unwrap();
                    prop_assert_eq!(bits(&kept.pairs), bits(&plain.pairs));
                    prop_assert_eq!(&kept.new_pairs, &full.new_pairs);
                    let counts: Vec<u64> =
                        blocks.counts().iter().map(|rule| rule.new_pairs).collect();
                    prop_assert_eq!(&kept.new_pairs, &counts);
                }
            }
        }
    }
}

#[test]
fn the_order_of_rows_changes_no_pair() {
    let rows = |shift: usize| -> Vec<Row> {
        (0..120)
            .map(|index| (index + shift) % 120)
            .map(|index| {
                [
                    ["Ana", "Anna", "José"][index % 3].to_owned(),
                    ["Gil", "Gill", "Li", "Ng"][index / 3 % 4].to_owned(),
                    format!("198{}-0{}-11", index % 7, index % 3 + 1),
                    format!("{index}"),
                    format!("0001234{:05}", index * 7),
                    "1 High Street".to_owned(),
                    format!("{};{}", index % 11, index % 5),
                ]
            })
            .collect()
    };
    let model = model(Link::Between);
    let found = |shift: usize| {
        let tables = tables(&model, &rows(shift), &rows(shift * 2), 50, 2);
        let scorer = Scorer::new(&model, &tables).unwrap();
        let blocks = Blocks::new(&tables, model.rules()).unwrap();
        let kept = score_pairs(&scorer, &blocks, Detail::Kept, -20.0, None, |_| {}).unwrap();
        let named = |pair: &Pair| {
            let row = |row: u32, shift: usize| (row as usize + shift) % 120;
            (
                row(pair.source.row(), shift),
                row(pair.recipient.row(), shift * 2),
                pair.weight.to_bits(),
            )
        };
        let mut pairs: Vec<_> = kept.pairs.iter().map(named).collect();
        pairs.sort_unstable();
        pairs
    };
    let expected = found(0);
    assert!(expected.len() > 100, "{}", expected.len());
    for shift in [1, 17, 60] {
        assert_eq!(found(shift), expected);
    }
}

#[test]
fn the_pairs_of_some_source_records_are_those_of_all_that_are_theirs() {
    let rows: Vec<Row> = (0..90)
        .map(|index| {
            [
                ["Ana", "Anna", "José"][index % 3].to_owned(),
                ["Gil", "Gill", "Li"][index / 3 % 3].to_owned(),
                format!("198{}-01-11", index % 7),
                format!("{index}"),
                format!("0001234{:05}", index * 7),
                "1 High Street".to_owned(),
                format!("{};{}", index % 11, index % 5),
            ]
        })
        .collect();
    let model = model(Link::Between);
    let tables = tables(&model, &rows, &rows, 50, 2);
    let scorer = Scorer::new(&model, &tables).unwrap();
    let blocks = Blocks::new(&tables, model.rules()).unwrap();
    let chosen: Vec<bool> = (0..rows.len()).map(|row| row % 4 == 1).collect();
    for detail in [Detail::Full, Detail::Kept] {
        let of = |among| score_pairs(&scorer, &blocks, detail, -20.0, among, |_| {}).unwrap();
        let mut expected = of(None).pairs;
        let all = expected.len();
        expected.retain(|pair| chosen[pair.source.index()]);
        let some = of(Some(&chosen));
        assert_eq!(some.pairs, expected, "{detail:?}");
        assert!((1..all).contains(&expected.len()));
        if detail == Detail::Full {
            let mut some = some;
            let counted: u64 = some.patterns_by_rule().iter().flatten().map(|(_, n)| n).sum();
            assert_eq!(counted, some.count);
        }
    }
}

#[test]
fn nothing_comes_of_nothing() {
    for link in [Link::Between, Link::Within, Link::Both] {
        let model = model(link);
        let none = batch(&[]);
        let tables = match link {
            Link::Between => Tables::between(model.columns(), Table::new(&[]), Table::new(&[none])),
            Link::Within => Tables::within(model.columns(), Table::new(&[none])),
            Link::Both => Tables::both(model.columns(), Table::new(&[none]), Table::new(&[])),
        };
        let tables = tables.unwrap();
        let scorer = Scorer::new(&model, &tables).unwrap();
        let blocks = Blocks::new(&tables, model.rules()).unwrap();
        let mut reports = Vec::new();
        let kept =
            score_pairs(&scorer, &blocks, Detail::Kept, 0.0, None, |done| reports.push(done));
        assert!(kept.unwrap().pairs.is_empty());
        assert_eq!(reports.len(), 1);
    }
}
