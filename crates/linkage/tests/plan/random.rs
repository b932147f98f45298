//! Random tables by random rules: the plan gives the pairs and bits of the plain pass, within whatever it runs.

use std::sync::Arc;

use linkage::plan::HeldTables;
use linkage::{Link, Model};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{bounds, many, of_rules, plain, planned, rows, shuffled};

/// Rules of every kind: plain keys, conditions that keys leave over, exploded lists, min-hash and neighbours.
const RULES: [&str; 14] = [
    r#"{ keys = [{ column = "surname" }] }"#,
    r#"{ keys = [{ column = "given", against = "surname" }] }"#,
    r#"{ keys = [{ column = "birth", take = "year" }, { column = "surname", take = { prefix = 1 } }] }"#,
    r#"{ keys = [{ column = "surname", take = "soundex" }, { column = "pay" }] }"#,
    r#"{ sql = "l.birth = r.birth" }"#,
    r#"{ sql = "l.birth = r.birth and l.surname <> r.given" }"#,
    r#"{ sql = "substr(l.given, 1, 1) = substr(r.given, 1, 1) and l.pay <= r.pay" }"#,
    r#"{ keys = [{ column = "surname" }], sql = "l.pay > 100 and l.given <> r.given" }"#,
    r#"{ sql = "substr(l.names, 1, 1) = substr(r.names, 1, 1) and l.pay <= r.pay", explode = ["names"] }"#,
    r#"{ sql = "l.names = r.names", explode = ["names"], keys = [{ column = "birth" }] }"#,
    r#"{ min_hash = { column = "given", q = 2, bands = 3, rows = 1 } }"#,
    r#"{ keys = [{ column = "birth", take = "year" }], min_hash = { column = "surname", q = 2, bands = 2, rows = 2 } }"#,
    r#"{ neighbourhood = { column = "birth", window = 2 }, keys = [{ column = "given", take = { prefix = 1 } }] }"#,
    r#"{ neighbourhood = { column = "surname", window = 1 }, sql = "l.birth < r.birth" }"#,
];

const LINKS: [&str; 3] = ["between", "within", "both"];

/// The model of a link with those of the rules that it can have: a key against another column takes two sides.
fn model_of(link: &str, rules: &[&str]) -> Arc<Model> {
    let own = rules.iter().filter(|rule| link == "between" || !rule.contains("against"));
    let own: Vec<&str> = own.copied().collect();
    of_rules(link, &if own.is_empty() { RULES[0].to_owned() } else { own.join(",\n") })
}

/// Puts two tables into batches, the recipient's records numbered on from the source's where both are one table.
fn held(
    link: Link,
    left: &[Vec<String>],
    right: &[Vec<String>],
    size: usize,
    turn: usize,
) -> HeldTables {
    let first = if link == Link::Both { u32::try_from(left.len()).unwrap() } else { 0 };
    let right = if link == Link::Within { &[] } else { right };
    let right = shuffled(right, size, turn + 1).into_iter();
    let right = right.map(|(row, batch)| (first + row, batch)).collect();
    HeldTables::numbered(shuffled(left, size, turn), right)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn random_tables_by_random_rules_give_the_same_bits(
        left in rows(50), right in rows(50), turn in 0usize..50,
        rules in subsequence(RULES.to_vec(), 1..=5).prop_shuffle(),
        link in select(LINKS.to_vec()),
        partitions in select(vec![1usize, 2, 4, 16]),
        size in select(vec![1usize, 2, 7, 49, 50, 51, 100]),
        memory in select(vec![3usize << 20, 8 << 20, 64 << 20, 1 << 30]),
        unit_pairs in select(vec![20u64, 1 << 12, 1 << 20]),
    ) {
        let model = model_of(link, &rules);
        let meant = plain(&model, &left, &right);
        let held = held(model.link(), &left, &right, size, turn);
        let within = bounds(memory, partitions, size, unit_pairs);
        let (told, _) = planned(&model, held, -1000.0, &within).unwrap();
        prop_assert_eq!(told, meant);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn every_number_of_partitions_with_every_size_of_batch_gives_the_same_bits(
        left in rows(60), right in rows(60), turn in 0usize..50,
        rules in subsequence(RULES.to_vec(), 4..=8).prop_shuffle(),
    ) {
        for link in LINKS {
            let model = model_of(link, &rules);
            let meant = plain(&model, &left, &right);
            for partitions in [1, 2, 4, 16] {
                for size in [1, 2, 7, 49, 50, 51, 100] {
                    let held = held(model.link(), &left, &right, size, turn);
                    let within = bounds(64 << 20, partitions, size, 1 << 12);
                    let (told, _) = planned(&model, held, -1000.0, &within).unwrap();
                    prop_assert_eq!(&told, &meant, "{}, {} partitions, batches of {}", link, partitions, size);
                }
            }
        }
    }
}

#[test]
fn from_tight_to_wide_memory_gives_the_same_bits_and_only_tight_memory_spills() {
    let (left, right) = (many(300, 0), many(300, 7));
    // What each partition holds at once cannot be spilled, so more of them need more.
    for (link, partitions, size, least) in
        [("between", 1, 51, 3usize << 20), ("within", 2, 64, 5 << 20), ("both", 4, 100, 10 << 20)]
    {
        let model = model_of(link, &RULES);
        let meant = plain(&model, &left, &right);
        assert!(meant.len() > 1_000, "{link}: {}", meant.len());
        let mut spills = Vec::new();
        for memory in [1, 2, 5, 400].map(|times| times * least) {
            let held = held(model.link(), &left, &right, size, 3);
            let within = bounds(memory, partitions, size, 1 << 11);
            let (told, linked) = planned(&model, held, -1000.0, &within).unwrap();
            assert_eq!(told, meant, "{link}, {memory} bytes, {partitions} partitions");
            assert_eq!(linked.spills > 0, linked.spilled_bytes > 0);
            spills.push(linked.spills);
        }
        println!("{link}, {partitions} partitions: spilled {spills:?} times");
        assert!(spills[0] > 0, "{link}, {partitions} partitions: {spills:?}");
        assert_eq!(spills[3], 0, "{link}, {partitions} partitions: {spills:?}");
    }
}
