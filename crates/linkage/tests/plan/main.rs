//! The plan gives what the plain composition gives, whatever it runs within.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

#[path = "../common/mod.rs"]
mod common;
mod elsewhere;
mod executors;
mod random;
mod wire;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::RecordBatch;
use common::Sheet;
use linkage::plan::{
    Bounds, HeldTables, Linked, PlannedPair, Rows, count_patterns_bounded, link_bounded,
    link_bounded_in_order,
};
use linkage::{Error, Frequencies, Model, Pattern, Scorer, Side, Table, Tables, link};
use proptest::prelude::*;
use proptest::sample::select;

const MODEL: &str = r#"
name = "small"
link = "LINK"
prior = 0.01
threshold = -1000.0
column = [
    { name = "given", from = ["given"] },
    { name = "surname", from = ["surname"] },
    { name = "birth", from = ["birth"], kind = { date = "%Y-%m-%d" } },
    { name = "pay", from = ["pay"], kind = "number" },
]
rule = [
    { keys = [{ column = "surname" }] },
    { sql = "substr(l.given, 1, 1) = substr(r.given, 1, 1) and l.pay <= r.pay" },
    { keys = [{ column = "birth", take = "year" }], min_hash = { column = "given", q = 2, bands = 3, rows = 1 } },
    { sql = "l.birth = r.birth and l.surname <> r.given" },
    { keys = [{ column = "surname", take = "soundex" }, { column = "pay" }] },
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

/// Rules by neighbourhood besides: each takes two layers more.
const NEAR: &str = r#"
    { neighbourhood = { column = "birth", window = 2 }, keys = [{ column = "given", take = { prefix = 1 } }] },
    { neighbourhood = { column = "pay", window = 1 } },
    { neighbourhood = { column = "surname", window = 1 }, sql = "l.birth < r.birth" },
"#;

fn with_neighbours(link: &str) -> Arc<Model> {
    let rules = MODEL.replacen("\n]\n\n[[comparison]]", &format!("{NEAR}]\n\n[[comparison]]"), 1);
    assert!(rules.contains(NEAR));
    Arc::new(Model::from_toml(&rules.replace("LINK", link)).unwrap())
}

fn model(link: &str) -> Arc<Model> {
    Arc::new(Model::from_toml(&MODEL.replace("LINK", link)).unwrap())
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Vec<String>>> {
    let row = (
        select(vec!["Ana", "Anna", "José", "Jose", "Li", "Gil", "Maria", ""]),
        select(vec!["Gil", "Gill", "Li", "Ng", "Ana", "Nguyễn", "Robert", "Rupert", ""]),
        select(vec!["1980-01-31", "1980-02-28", "1981-01-31", "1990-05-05", "no", ""]),
        select(vec!["100", "104.9", "200", "-5", "0", ""]),
    );
    let row = row.prop_map(|(given, surname, birth, pay)| {
        [given, surname, birth, pay].map(str::to_owned).to_vec()
    });
    prop::collection::vec(row, 0..most)
}

fn batch(rows: &[Vec<String>]) -> RecordBatch {
    let header = ["given", "surname", "birth", "pay"].map(str::to_owned).to_vec();
    Sheet { header, rows: rows.to_vec() }.batch()
}

/// Cuts rows into batches of so many, and puts these in another order, their records keeping their numbers.
fn shuffled(rows: &[Vec<String>], size: usize, turn: usize) -> Vec<(u32, RecordBatch)> {
    let starts = (0..rows.len()).step_by(size);
    let mut batches: Vec<_> = starts
        .map(|start| {
            let first = u32::try_from(start).unwrap();
            (first, batch(&rows[start..rows.len().min(start + size)]))
        })
        .collect();
    if !batches.is_empty() {
        let middle = turn % batches.len();
        batches.rotate_left(middle);
        batches.reverse();
    }
    batches
}

/// A pair in full: records, rule, pattern and the bits of its weight.
type Told = (u32, u32, u16, u64, u64);

fn told_of(pair: &PlannedPair) -> Told {
    (pair.left, pair.right, pair.rule, pair.pattern.word(), pair.weight.to_bits())
}

fn plain(model: &Model, left: &[Vec<String>], right: &[Vec<String>]) -> Vec<Told> {
    let (left, right) = ([batch(left)], [batch(right)]);
    let tables = match model.link() {
        linkage::Link::Between => {
            Tables::between(model.columns(), Table::new(&left), Table::new(&right)).unwrap()
        }
        linkage::Link::Within => Tables::within(model.columns(), Table::new(&left)).unwrap(),
        linkage::Link::Both => {
            Tables::both(model.columns(), Table::new(&left), Table::new(&right)).unwrap()
        }
    };
    let links = link(&Scorer::new(model, &tables).unwrap(), |_| {}).unwrap();
    let told = links.pairs.iter().map(|pair| {
        let pattern = pair.pattern.word();
        (pair.source.row(), pair.recipient.row(), pair.rule, pattern, pair.weight.to_bits())
    });
    let mut told: Vec<Told> = told.collect();
    told.sort_unstable();
    told
}

fn bounds(memory_bytes: usize, partitions: usize, batch_rows: usize, unit_pairs: u64) -> Bounds {
    Bounds {
        partitions: NonZeroUsize::new(partitions).unwrap(),
        batch_rows: NonZeroUsize::new(batch_rows).unwrap(),
        unit_pairs,
        ..Bounds::new(memory_bytes, std::env::temp_dir())
    }
}

fn planned(
    model: &Arc<Model>,
    rows: HeldTables,
    least: f64,
    bounds: &Bounds,
) -> linkage::Result<(Vec<Told>, Linked)> {
    let rows: Arc<dyn Rows> = Arc::new(rows);
    let mut told: Vec<Told> = Vec::new();
    let linked = link_bounded(model, &rows, least, bounds, |pairs: &[PlannedPair]| {
        told.extend(pairs.iter().map(told_of));
        Ok(())
    })?;
    assert_eq!(linked.pairs, told.len() as u64);
    told.sort_unstable();
    Ok((told, linked))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn partitions_batches_and_the_order_of_rows_change_no_bit(
        left in rows(60), right in rows(60), turn in 0usize..50,
    ) {
        for link in ["between", "within"] {
            let model = with_neighbours(link);
            let right: &[_] = if link == "between" { &right } else { &[] };
            let meant = plain(&model, &left, right);
            for (partitions, size) in [(1, 1), (2, 2), (4, 7), (16, 49), (1, 50), (2, 51), (4, 100)] {
                let held = HeldTables::numbered(
                    shuffled(&left, size, turn),
                    shuffled(right, size, turn + 1),
                );
                let bounds = bounds(64 << 20, partitions, size, 1 << 12);
                let (told, _) = planned(&model, held, -1000.0, &bounds).unwrap();
                prop_assert_eq!(&told, &meant, "{}, {} partitions, batches of {}", link, partitions, size);
            }
        }
    }

    #[test]
    fn patterns_are_counted_as_the_pairs_have_them(left in rows(40), right in rows(40)) {
        let model = model("between");
        let mut meant: Vec<BTreeMap<Pattern, u64>> = vec![BTreeMap::new(); model.rules().len()];
        for (_, _, rule, pattern, _) in plain(&model, &left, &right) {
            *meant[usize::from(rule)].entry(Pattern::from_word(pattern)).or_insert(0) += 1;
        }
        let meant: Vec<Vec<_>> = meant.into_iter().map(|counts| counts.into_iter().collect()).collect();
        let held: Arc<dyn Rows> = Arc::new(HeldTables::new(vec![batch(&left)], vec![batch(&right)]));
        for partitions in [1, 4] {
            let counted = count_patterns_bounded(&model, &held, &bounds(64 << 20, partitions, 8, 1 << 12));
            prop_assert_eq!(counted.unwrap(), meant.clone());
        }
    }
}

/// Rows enough that they don't fit a small memory, with one surname in half of them.
fn many(count: usize, seed: usize) -> Vec<Vec<String>> {
    let row = |row: usize| {
        let turn = (row + seed) * 2_654_435_761 % 1_000_003;
        let surname =
            if turn.is_multiple_of(2) { "gil".to_owned() } else { format!("name{}", turn % 997) };
        let birth = format!("19{:02}-0{}-1{}", 40 + turn % 50, 1 + turn % 9, turn % 7);
        vec![format!("given{}", turn % 211), surname, birth, format!("{}", turn % 5_003)]
    };
    (0..count).map(row).collect()
}

#[test]
fn work_that_does_not_fit_the_memory_is_spilled_and_gives_the_same() {
    let model = model("between");
    let (left, right) = (many(400, 0), many(400, 7));
    let meant = plain(&model, &left, &right);
    let held = || HeldTables::numbered(shuffled(&left, 100, 3), shuffled(&right, 100, 5));
    let (told, ample) = planned(&model, held(), -1000.0, &bounds(1 << 30, 2, 64, 1 << 12)).unwrap();
    assert_eq!(told, meant);
    assert_eq!(ample.spilled_bytes, 0);
    // What two units hold at once, some 0.8 MB of it, cannot be spilled; which sorts are under way beside them is chance.
    let (told, tight) = planned(&model, held(), -1000.0, &bounds(1 << 21, 2, 64, 1 << 12)).unwrap();
    assert_eq!(told, meant);
    assert!(tight.spilled_bytes > 0, "{tight:?}");
    assert!(tight.largest_unit_pairs as f64 <= 1.3 * tight.mean_unit_pairs, "{tight:?}");
    // What can't be spilled is held to the limit too: values that are counted, and a sort's first batch.
    let refused = planned(&model, held(), -1000.0, &bounds(4_000, 2, 64, 1 << 12));
    let Err(Error::OutOfMemory { problem }) = refused else { panic!("{refused:?}") };
    assert!(problem.contains("to count values"), "{problem}");
}

#[test]
fn units_are_cut_until_they_fit_or_the_least_memory_that_would_do_is_named() {
    let model = model("between");
    // Long values, so that units take more than counting the values does.
    let long = |mut rows: Vec<Vec<String>>| {
        for row in &mut rows {
            row[0].push_str(&"x".repeat(2_000));
        }
        rows
    };
    let (left, right) = (long(many(60, 0)), long(many(60, 7)));
    let meant = plain(&model, &left, &right);
    for partitions in [1, 2, 4] {
        let run = |memory: u64, unit_pairs: u64| {
            let held = HeldTables::numbered(shuffled(&left, 20, 3), shuffled(&right, 20, 5));
            let within = bounds(usize::try_from(memory).unwrap(), partitions, 2, unit_pairs);
            planned(&model, held, -1000.0, &within)
        };
        let refused = run(50_000, 1 << 16).map(|(_, linked)| linked);
        let Err(Error::UnitsTooLarge { given: 50_000, needed, unit_bytes, at_once }) = refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!(needed, 4 * unit_bytes * at_once as u64);
        assert_eq!(at_once, partitions);
        for unit_pairs in [1 << 6, 1 << 20] {
            // A unit has what the largest takes and no more: were that counted short, it would be refused on its way.
            let (told, linked) = run(needed, unit_pairs).unwrap();
            assert_eq!(told, meant, "{partitions} partitions");
            println!("{partitions} partitions, {needed} bytes: {} units", linked.units);
            let refused = run(needed - 1, unit_pairs).map(|(_, linked)| linked);
            let Err(Error::UnitsTooLarge { needed: same, .. }) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(same, needed, "{partitions} partitions");
        }
        // However many pairs a unit may have, it takes no more than its part.
        let (_, whole) = run(1 << 30, 1 << 40).unwrap();
        let (told, tight) = run(2 * needed, 1 << 40).unwrap();
        assert_eq!(told, meant);
        assert!(tight.largest_unit_pairs < whole.largest_unit_pairs, "{tight:?}, {whole:?}");
    }
}

#[test]
fn a_sort_that_cannot_take_one_batch_says_that_it_asks() {
    let model = model("between");
    let (left, right) = (many(400, 0), many(400, 7));
    let held = HeldTables::new(vec![batch(&left)], vec![batch(&right)]);
    let refused = planned(&model, held, -1000.0, &bounds(60_000, 1, 400, 1 << 12));
    let refused = refused.map(|(_, linked)| linked);
    let Err(Error::OutOfMemory { problem }) = refused else { panic!("{refused:?}") };
    assert!(problem.starts_with("ExternalSorter[0] asks for "), "{problem}");
    assert!(problem.contains(" bytes more, and "), "{problem}");
}

#[test]
fn pairs_that_are_sorted_in_little_memory_spill_and_leave_units_of_work_their_part() {
    let model = model("between");
    let (left, right) = (many(800, 0), many(800, 7));
    let meant = plain(&model, &left, &right);
    for (partitions, memory) in [(1, 3 << 20), (2, 3 << 20), (4, 6 << 20)] {
        let rows: Arc<dyn Rows> =
            Arc::new(HeldTables::numbered(shuffled(&left, 100, 3), shuffled(&right, 100, 5)));
        let within = bounds(memory, partitions, 64, 1 << 12);
        let mut told: Vec<Told> = Vec::new();
        let linked = link_bounded_in_order(&model, &rows, -1000.0, &within, |pairs| {
            told.extend(pairs.iter().map(told_of));
            Ok(())
        });
        let linked = linked.unwrap();
        assert!(told.is_sorted_by_key(|told| (told.0, told.1)));
        assert_eq!(told, meant, "{partitions} partitions");
        // A pair takes 26 bytes, and a sort reserves them twice.
        assert!(52 * told.len() > memory, "the pairs do not fit, let alone the rows");
        assert!(linked.spills > partitions as u64, "{linked:?}");
    }
}

#[test]
fn where_one_block_has_half_of_all_pairs_no_unit_is_a_third_over_the_mean() {
    let model = model("between");
    let (left, right) = (many(400, 0), many(400, 7));
    for partitions in [1, 2, 4] {
        let held = HeldTables::new(vec![batch(&left)], vec![batch(&right)]);
        let bounds = bounds(1 << 30, partitions, 64, 1 << 12);
        let linked = planned(&model, held, -1000.0, &bounds).unwrap().1;
        let largest = linked.largest_unit_pairs as f64 / linked.mean_unit_pairs;
        println!(
            "{partitions} partitions: {} units, the largest {largest:.3} of the mean",
            linked.units
        );
        assert!(linked.units > 8 && largest <= 1.3, "{linked:?}");
    }
}

#[test]
fn only_pairs_that_weigh_enough_come_out() {
    let model = model("between");
    let (left, right) = (many(100, 0), many(100, 7));
    let least = 2.0;
    let mut meant = plain(&model, &left, &right);
    meant.retain(|told| f64::from_bits(told.4) >= least);
    assert!(!meant.is_empty());
    let held = HeldTables::new(vec![batch(&left)], vec![batch(&right)]);
    assert_eq!(planned(&model, held, least, &bounds(64 << 20, 2, 64, 1 << 14)).unwrap().0, meant);
}

#[test]
fn supplied_shares_weigh_in_a_plan_as_they_do_in_memory() {
    let model = model("between");
    let (left, right) = (many(100, 0), many(100, 7));
    let population = BTreeMap::from([("gil".to_owned(), 0.001), ("name7".to_owned(), 0.2)]);
    let (sources, recipients) = ([batch(&left)], [batch(&right)]);
    let tables = (Table::new(&sources), Table::new(&recipients));
    let tables = Tables::between(model.columns(), tables.0, tables.1).unwrap();
    let mut frequencies = Frequencies::of(&tables, model.comparisons()).unwrap();
    frequencies.supply(&tables, "surname", &population).unwrap();
    let scorer = Scorer::with_frequencies(&model, &tables, frequencies).unwrap();
    let links = link(&scorer, |_| {}).unwrap();
    let told = links.pairs.iter().map(|pair| {
        let weight = pair.weight.to_bits();
        (pair.source.row(), pair.recipient.row(), pair.rule, pair.pattern.word(), weight)
    });
    let mut meant: Vec<Told> = told.collect();
    meant.sort_unstable();
    assert_ne!(meant, plain(&model, &left, &right), "they weigh otherwise");
    let held = || HeldTables::new(vec![batch(&left)], vec![batch(&right)]);
    let mut within = bounds(64 << 20, 2, 50, 1 << 12);
    within.populations.insert("surname".to_owned(), population.clone());
    assert_eq!(planned(&model, held(), -1000.0, &within).unwrap().0, meant);
    for (name, share) in [("birth", 0.1), ("nobody", 0.1), ("surname", 2.0)] {
        let population = BTreeMap::from([("gil".to_owned(), share)]);
        within.populations = BTreeMap::from([(name.to_owned(), population)]);
        let refused = planned(&model, held(), -1000.0, &within);
        assert!(matches!(refused, Err(Error::UnsoundModel { .. })), "{name}: {refused:?}");
    }
}

#[test]
fn tables_of_nothing_link_to_nothing() {
    for link in ["between", "within"] {
        let (told, linked) = planned(
            &model(link),
            HeldTables::new(Vec::new(), Vec::new()),
            0.0,
            &bounds(1 << 20, 4, 8, 100),
        )
        .unwrap();
        assert!(told.is_empty());
        assert_eq!((linked.units, linked.pairs), (0, 0));
    }
}

#[test]
fn what_is_wrong_with_a_table_or_rule_comes_through_the_plan() {
    let bare = Sheet { header: vec!["given".to_owned()], rows: vec![vec!["ana".to_owned()]] };
    let held = HeldTables::new(vec![bare.batch()], vec![bare.batch()]);
    let lacking = planned(&model("between"), held, 0.0, &bounds(1 << 20, 2, 8, 100));
    assert!(
        matches!(&lacking, Err(Error::MissingColumn { side: Side::Source | Side::Recipient, column }) if column == "surname"),
        "{lacking:?}"
    );
    let near = "{ neighbourhood = { column = \"names\", window = 1 } },";
    let held = HeldTables::new(Vec::new(), Vec::new());
    let refused = planned(&with_names("between", near), held, 0.0, &bounds(1 << 20, 2, 8, 100));
    assert!(matches!(refused, Err(Error::UnplannableRule { .. })));
}

/// A model whose given names are lists too, with these rules first and then the usual ones.
fn with_names(link: &str, rules: &str) -> Arc<Model> {
    let (_, usual) = MODEL.split_once("rule = [\n").unwrap();
    let (usual, _) = usual.split_once("\n]\n").unwrap();
    of_rules(link, &format!("    {rules}\n{usual}"))
}

/// A model whose given names are lists too, with these rules alone.
fn of_rules(link: &str, rules: &str) -> Arc<Model> {
    let names = "    { name = \"names\", from = [\"given\"], kind = { list = \"a\" } },\n";
    let (before, rest) = MODEL.split_once("rule = [\n").unwrap();
    let (_, after) = rest.split_once("\n]\n").unwrap();
    let text = format!("{before}rule = [\n{rules}\n]\n{after}")
        .replace("LINK", link)
        .replace("column = [\n", &format!("column = [\n{names}"));
    Arc::new(Model::from_toml(&text).unwrap())
}

/// Rules that explode: alone, twice over, with a condition, and among layers of other kinds.
const EXPLODING: &str = r#"
    { sql = "substr(l.names, 1, 1) = substr(r.names, 1, 1) and l.pay <= r.pay", explode = ["names"] },
    { sql = "l.names = r.names and l.birth = r.birth", explode = ["names"], keys = [{ column = "surname", take = { prefix = 1 } }] },
    { sql = "l.names = r.names", explode = ["names"], min_hash = { column = "surname", q = 2, bands = 2, rows = 1 } },
    { sql = "l.names = r.names", explode = ["names"], neighbourhood = { column = "birth", window = 2 } },
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn exploded_lists_make_the_same_pairs_in_a_plan(
        left in rows(40), right in rows(40), turn in 0usize..50,
    ) {
        for link in ["between", "within"] {
            let model = with_names(link, EXPLODING);
            let right: &[_] = if link == "between" { &right } else { &[] };
            let meant = plain(&model, &left, right);
            for (partitions, size, unit_pairs) in [(1, 1, 1 << 12), (2, 7, 1 << 12), (4, 100, 20)] {
                let held = HeldTables::numbered(
                    shuffled(&left, size, turn),
                    shuffled(right, size, turn + 1),
                );
                let bounds = bounds(64 << 20, partitions, size, unit_pairs);
                let (told, _) = planned(&model, held, -1000.0, &bounds).unwrap();
                prop_assert_eq!(&told, &meant, "{}, {} partitions, batches of {}", link, partitions, size);
            }
        }
    }
}

#[test]
fn an_error_of_whoever_takes_the_pairs_ends_the_run() {
    let model = model("between");
    let rows: Arc<dyn Rows> =
        Arc::new(HeldTables::new(vec![batch(&many(50, 0))], vec![batch(&many(50, 0))]));
    let ended =
        link_bounded(&model, &rows, -1000.0, &bounds(64 << 20, 2, 8, 100), |_| Err(Error::NoPairs));
    assert!(matches!(ended, Err(Error::NoPairs)));
}
