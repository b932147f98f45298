//! Looking up, growing in steps and scoring named pairs come to what linking all at once comes to.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::Sheet;
use linkage::cluster::{ClusterId, Constraints, Members, Policy, Registry, Weigher, cluster};
use linkage::{
    Error, Frequencies, Index, Link, Lookup, Model, Pair, RecordRef, Scorer, Side, Since, Table,
    Tables, explain, link, link_increment, score_given,
};
use proptest::prelude::*;

/// Columns of every kind, keys of every sort, and an adjustment for frequency.
const MODEL: &str = r#"
name = "small"
link = "LINK"
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
    { keys = [{ column = "surname", take = "soundex" }, { column = "birth", take = "month_day" }] },
    { keys = [{ column = "pay" }] },
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

const ALL: Lookup = Lookup { least: f64::NEG_INFINITY, most: usize::MAX, most_compared: None };

type Row = (&'static str, &'static str, &'static str, &'static str);

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let names = prop::sample::select(&["Ana", "Anna", "José", "Jose", "Li", "Gil", ""][..]);
    let surnames =
        prop::sample::select(&["Gil", "Gill", "Li", "Ng", "Ana", "Nguyễn", "Robert", ""][..]);
    let births = prop::sample::select(
        &["1980-01-31", "1980-02-28", "1980-10-31", "1981-01-31", "not a date", ""][..],
    );
    let pays = prop::sample::select(&["100", "104.9", "200", "-5", ""][..]);
    prop::collection::vec((names, surnames, births, pays), 0..most)
}

fn sheet(rows: &[Row]) -> Sheet {
    let row = |(index, row): (usize, &Row)| {
        let id = format!("r{index:03}");
        vec![id, row.0.to_owned(), row.1.to_owned(), row.2.to_owned(), row.3.to_owned()]
    };
    Sheet {
        header: ["id", "given", "surname", "birth", "pay"].map(str::to_owned).to_vec(),
        rows: rows.iter().enumerate().map(row).collect(),
    }
}

fn model(link: Link) -> Model {
    let name = match link {
        Link::Between => "between",
        Link::Within => "within",
        Link::Both => "both",
    };
    Model::from_toml(&MODEL.replace("LINK", name)).unwrap()
}

fn within(model: &Model, rows: &[Row]) -> Tables {
    let batches = [sheet(rows).batch()];
    Tables::within(model.columns(), Table::new(&batches).with_id("id")).unwrap()
}

/// Shares of a population, so that weights don't move when tables grow; some values are not in it.
fn population() -> [(&'static str, BTreeMap<String, f64>); 2] {
    let of = |list: &[(&str, f64)]| {
        list.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect()
    };
    [
        ("given", of(&[("ana", 0.1), ("anna", 0.05), ("josé", 0.2), ("li", 0.01)])),
        ("surname", of(&[("gil", 0.1), ("li", 0.3), ("ng", 0.02), ("robert", 0.004)])),
    ]
}

fn scorer<'t>(model: &'t Model, tables: &'t Tables) -> Scorer<'t> {
    let mut frequencies = Frequencies::of(tables, model.comparisons()).unwrap();
    for (comparison, shares) in population() {
        frequencies.supply(tables, comparison, &shares).unwrap();
    }
    Scorer::with_frequencies(model, tables, frequencies).unwrap()
}

/// What tells a pair: its records, its rule, and the bits of its weight.
fn bits(pairs: &[Pair]) -> Vec<(RecordRef, RecordRef, u16, u64)> {
    pairs
        .iter()
        .map(|pair| (pair.source, pair.recipient, pair.rule, pair.weight.to_bits()))
        .collect()
}

proptest! {
    #[test]
    fn a_record_of_the_table_is_looked_up_as_linking_pairs_it(rows in rows(14)) {
        let model = model(Link::Within);
        let tables = within(&model, &rows);
        // Frequencies are counted in the table, in which every record stands.
        let linked = link(&Scorer::new(&model, &tables).unwrap(), |_| {}).unwrap().pairs;
        let batch = sheet(&rows).batch();
        let batches = [batch.clone()];
        let mut index = Index::new(model, Side::Source, Table::new(&batches).with_id("id")).unwrap();
        for row in 0..rows.len() {
            let own = RecordRef::new(u32::try_from(row).unwrap());
            let found = index.find(&batch, row, &ALL).unwrap();
            let mut hits: Vec<_> = found.hits.iter()
                .filter(|hit| hit.record != own)
                .map(|hit| (own.min(hit.record), own.max(hit.record), hit.rule, hit.weight.to_bits()))
                .collect();
            hits.sort_unstable();
            let expected: Vec<Pair> = linked.iter().copied()
                .filter(|pair| pair.source == own || pair.recipient == own)
                .collect();
            prop_assert_eq!(hits, bits(&expected));
            for hit in &found.hits {
                let told = index.explain(&batch, row, hit.record).unwrap();
                prop_assert_eq!(told.weight.to_bits(), hit.weight.to_bits());
            }
            // The heaviest come first, and no more than were asked for.
            let two = index.find(&batch, row, &Lookup { most: 2, ..ALL }).unwrap().hits;
            prop_assert_eq!(&two[..], &found.hits[..found.hits.len().min(2)]);
            prop_assert!(found.hits.windows(2).all(|two| two[0].weight >= two[1].weight));
        }
        prop_assert_eq!(index.records() as usize, rows.len());
    }

    #[test]
    fn a_stranger_is_looked_up_as_linking_two_tables_pairs_them(
        held in rows(12), asked in rows(6), of_source in any::<bool>(),
    ) {
        let model = model(Link::Between);
        let side = if of_source { Side::Source } else { Side::Recipient };
        let (held, asked) = (sheet(&held).batch(), sheet(&asked).batch());
        let (held, asked) = ([held], [asked]);
        let (source, recipient) = if of_source { (&held, &asked) } else { (&asked, &held) };
        let tables =
            Tables::between(model.columns(), Table::new(source), Table::new(recipient)).unwrap();
        let linked = link(&scorer(&model, &tables), |_| {}).unwrap().pairs;
        let mut index = Index::new(model.clone(), side, Table::new(&held)).unwrap();
        for (comparison, shares) in population() {
            index.supply(comparison, &shares).unwrap();
        }
        let mut found = Vec::new();
        for row in 0..asked[0].num_rows() {
            let own = RecordRef::new(u32::try_from(row).unwrap());
            for hit in index.find(&asked[0], row, &ALL).unwrap().hits {
                let (source, recipient) = if of_source { (hit.record, own) } else { (own, hit.record) };
                found.push((source, recipient, hit.rule, hit.weight.to_bits()));
            }
        }
        found.sort_unstable();
        prop_assert_eq!(found, bits(&linked));
    }

    #[test]
    fn growing_in_steps_gives_the_pairs_and_clusters_of_linking_at_once(
        rows in rows(20), mut steps in prop::collection::vec(0_usize..20, 1..4),
    ) {
        let model = model(Link::Within);
        let all = within(&model, &rows);
        let at_once = link_increment(&scorer(&model, &all), Since { source: 0, recipient: 0 }, -1e9).unwrap();
        let linked = link(&scorer(&model, &all), |_| {}).unwrap().pairs;
        prop_assert_eq!(bits(&at_once), bits(&linked));
        steps.push(rows.len());
        steps.sort_unstable();
        let mut pairs: Vec<Pair> = Vec::new();
        let mut registry: Registry<String> = Registry::new();
        let mut before = 0;
        for step in steps {
            let until = step.min(rows.len());
            let tables = within(&model, &rows[..until]);
            let scorer = scorer(&model, &tables);
            pairs.extend(link_increment(&scorer, Since { source: before, recipient: 0 }, -1e9).unwrap());
            pairs.sort_unstable_by_key(|pair| (pair.source, pair.recipient));
            before = u32::try_from(until).unwrap();
            let ids: BTreeMap<String, ClusterId> =
                registry.clusters().flat_map(|(id, records)| records.iter().map(move |record| (record.clone(), id))).collect();
            let clusters = clusters(&scorer, &pairs);
            registry.update(clusters).unwrap();
            // Every id in use now was in use for some of its records before, or is new.
            for (id, records) in registry.clusters() {
                let former: BTreeSet<ClusterId> = records.iter().filter_map(|record| ids.get(record)).copied().collect();
                prop_assert!(former.is_empty() || former.contains(&id) || !ids.values().any(|other| *other == id));
            }
        }
        prop_assert_eq!(bits(&pairs), bits(&linked));
        let named: BTreeSet<BTreeSet<String>> =
            registry.clusters().map(|(_, records)| records.clone()).collect();
        let whole: BTreeSet<BTreeSet<String>> = clusters(&scorer(&model, &all), &linked).into_iter().collect();
        prop_assert_eq!(named, whole);
    }

    #[test]
    fn new_records_of_either_table_are_linked_with_old_ones(
        left in rows(10), right in rows(10), new in (0_u32..10, 0_u32..10), is_between in any::<bool>(),
    ) {
        let link_of = if is_between { Link::Between } else { Link::Both };
        let model = model(link_of);
        let (left, right) = ([sheet(&left).batch()], [sheet(&right).batch()]);
        let (left, right) = (Table::new(&left), Table::new(&right));
        let tables = match link_of {
            Link::Between => Tables::between(model.columns(), left, right),
            Link::Both | Link::Within => Tables::both(model.columns(), left, right),
        }.unwrap();
        let scorer = scorer(&model, &tables);
        let since = Since { source: new.0, recipient: new.1 };
        let is_new = |side, record| match tables.origin(side, record) {
            (Side::Source, record) => record.row() >= since.source,
            (Side::Recipient, record) => record.row() >= since.recipient,
        };
        let mut expected = link(&scorer, |_| {}).unwrap().pairs;
        expected.retain(|pair| is_new(Side::Source, pair.source) || is_new(Side::Recipient, pair.recipient));
        prop_assert_eq!(bits(&link_increment(&scorer, since, -1e9).unwrap()), bits(&expected));
    }

    #[test]
    fn a_named_pair_weighs_what_it_weighs_when_a_rule_makes_it(rows in rows(10)) {
        let model = model(Link::Within);
        let tables = within(&model, &rows);
        let scorer = scorer(&model, &tables);
        let pairs = link(&scorer, |_| {}).unwrap().pairs;
        // The order in which the two are named makes no difference.
        let named: Vec<_> = pairs.iter().map(|pair| (pair.recipient, pair.source)).collect();
        let given = score_given(&scorer, &named).unwrap();
        prop_assert_eq!(given.len(), pairs.len());
        for (given, pair) in given.iter().zip(&pairs) {
            prop_assert_eq!((given.source, given.recipient), (pair.source, pair.recipient));
            prop_assert_eq!((given.pattern, given.weight.to_bits()), (pair.pattern, pair.weight.to_bits()));
            let told = explain(&scorer, given.source, given.recipient).unwrap();
            prop_assert_eq!(told.weight.to_bits(), given.weight.to_bits());
        }
    }
}

fn clusters(scorer: &Scorer<'_>, pairs: &[Pair]) -> Vec<BTreeSet<String>> {
    let members = Members::new(scorer.tables()).unwrap();
    let mut weigher = Weigher::new(scorer).unwrap();
    let bonds = members.bonds(pairs).unwrap();
    let made =
        cluster(members.count(), bonds, &Policy::new(0.0), &Constraints::none(), |one, other| {
            weigher.weight(one, other)
        });
    let id = |member| {
        let (side, record) = members.record(member).unwrap();
        scorer.tables().id(side, record).unwrap().to_owned()
    };
    made.unwrap().groups().into_iter().map(|group| group.into_iter().map(id).collect()).collect()
}

#[test]
fn a_block_beyond_the_bound_is_left_out_and_told_of() {
    let rows: Vec<Row> = vec![("Ana", "Gil", "1980-01-31", "100"); 5];
    let batch = sheet(&rows).batch();
    let batches = [batch.clone()];
    let mut index = Index::new(model(Link::Within), Side::Source, Table::new(&batches)).unwrap();
    for (most_compared, compared, left_out) in
        [(Some(4), 0, vec![0, 1, 2, 3]), (Some(5), 5, vec![1, 2, 3]), (None, 5, vec![])]
    {
        let found = index.find(&batch, 0, &Lookup { most_compared, ..ALL }).unwrap();
        assert_eq!((found.compared, found.left_out), (compared, left_out));
    }
    let least = index.find(&batch, 0, &ALL).unwrap().hits[0].weight;
    for (least, hits) in [(least, 5), (least + 1e-9, 0)] {
        assert_eq!(index.find(&batch, 0, &Lookup { least, ..ALL }).unwrap().hits.len(), hits);
    }
}

#[test]
fn what_cannot_be_looked_up_is_said_and_the_index_stays_as_it_was() {
    let batch = sheet(&[("Ana", "Gil", "", ""), ("Li", "Gil", "", "")]).batch();
    let batches = [batch.clone()];
    let mut index = Index::new(model(Link::Within), Side::Source, Table::new(&batches)).unwrap();
    let before = index.find(&batch, 0, &ALL).unwrap();
    assert!(matches!(index.find(&batch, 2, &ALL), Err(Error::UnknownRecord { .. })));
    let other = Sheet::new(&["id", "given"], &[&["a", "Ana"]]).batch();
    assert!(matches!(index.find(&other, 0, &ALL), Err(Error::MissingColumn { .. })));
    let nobody = RecordRef::new(2);
    assert!(matches!(index.explain(&batch, 0, nobody), Err(Error::UnknownRecord { .. })));
    assert_eq!(index.find(&batch, 0, &ALL).unwrap(), before);
    let shown = format!("{index:?}");
    assert!(shown.contains("[redacted]") && !shown.to_lowercase().contains("gil"), "{shown}");
    let none = [sheet(&[]).batch()];
    let mut empty = Index::new(model(Link::Within), Side::Source, Table::new(&none)).unwrap();
    assert!(empty.find(&batch, 0, &ALL).unwrap().hits.is_empty());
}
