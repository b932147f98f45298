//! What must come out the same however pairs are asked for.

use std::collections::BTreeSet;
use std::fs;

use super::{FILES, one_and_two, rows, trained};

#[test]
fn the_pairs_that_rules_make_are_written_as_they_were_counted() {
    let desk = trained();
    let told =
        desk.call(&format!("--json link block model.toml {FILES} --out made.csv")).well().json();
    let (made, rules) = (rows(&desk.read("made.csv")), told["rules"].as_array().unwrap());
    assert!(desk.read("made.csv").starts_with("source,recipient,rule\n"));
    assert_eq!(told["written"], made.len());
    for (number, rule) in (1..).zip(rules) {
        let of_rule = made.iter().filter(|row| row[2] == format!("{number}")).count();
        assert_eq!(rule["new_pairs"], of_rule, "{rule}");
    }
    // They are the pairs that are weighed, whatever they weigh.
    let of = |rows: Vec<Vec<String>>, rule: usize| -> BTreeSet<[String; 3]> {
        rows.into_iter().map(|row| [row[0].clone(), row[1].clone(), row[rule].clone()]).collect()
    };
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.call(&format!("link link model.toml {FILES} --probability 1e-300 --out weighed.csv"))
        .well();
    assert_eq!(of(made.clone(), 2), of(rows(&desk.read("weighed.csv")), 4));
    let text = desk.call(&format!("link block model.toml {FILES} --out made.parquet")).well().out;
    assert!(text.contains("made.parquet") && text.contains("casework"), "{text}");
    let file = fs::File::open(desk.path("made.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let batches = reader.unwrap().build().unwrap();
    assert_eq!(batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), made.len());
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let desk = trained();
    let mut seen: Option<(String, String, String)> = None;
    for threads in [1, 2, 3] {
        desk.call(&format!("link train recipe.toml {FILES} --threads {threads}")).well();
        desk.call(&format!("link link model.toml {FILES} --threads {threads}")).well();
        desk.call(&format!("link cluster model.toml {FILES} --threads {threads}")).well();
        let now = (desk.read("model.toml"), desk.read("pairs.csv"), desk.read("clusters.csv"));
        assert!(seen.as_ref().is_none_or(|seen| *seen == now), "{threads} threads differ");
        seen = Some(now);
    }
}

#[test]
fn all_in_one_go_writes_what_the_three_commands_write() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    desk.call(&format!("link cluster model.toml {FILES}")).well();
    desk.call(&format!("link all recipe.toml {FILES} --out whole")).well();
    for file in ["model.toml", "pairs.csv", "clusters.csv"] {
        assert_eq!(desk.read(&format!("whole/{file}")), desk.read(file), "{file}");
    }
    desk.call(&format!("link cluster model.toml {FILES} --method connected --most-members 0"))
        .well();
    desk.call(&format!(
        "link all recipe.toml {FILES} --out whole --connected --most-members 0 --probability 0.01"
    ))
    .well();
    assert_eq!(desk.read("whole/clusters.csv"), desk.read("clusters.csv"));
}

#[test]
fn a_page_costs_no_pair() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES} --out plain.csv")).well();
    desk.call(&format!("link link model.toml {FILES} --out paged.csv --report page.html")).well();
    assert_eq!(desk.read("plain.csv"), desk.read("paged.csv"));
    let page = desk.read("page.html");
    for drawn in [
        "Partial weight of each level",
        "How sure m and u of each level are",
        "What common and rare values add to the weight",
        "How training went inside",
        "How the weight of",
        "How many pairs have which weight",
        "Weights and probabilities",
        "How many pairs each rule made",
        "Share of records without a value",
        "Records that could not reach a weight",
        "How many clusters have how many records",
        "Cluster 1, of",
    ] {
        assert!(page.contains(drawn), "{drawn}");
    }
}

#[test]
fn of_two_equal_pairs_of_a_record_neither_is_taken_unless_the_first_is_asked_for() {
    let desk = trained();
    let (one, [first, second]) = one_and_two(&desk);
    desk.write("some.csv", format!("source,recipient,weight\n{one},{second},4\n{one},{first},4\n"));
    let words = format!(
        "--json link cluster model.toml {FILES} --pairs some.csv --method best-link --free-of-duplicates recipient"
    );
    assert_eq!(desk.call(&words).well().json()["of_two_or_more"], 0);
    assert_eq!(desk.call(&format!("{words} --ties lowest")).well().json()["of_two_or_more"], 1);
    let clusters = desk.read("clusters.csv");
    let cluster_of = |record: &str| {
        let row = rows(&clusters).into_iter().find(|row| row[2] == *record).unwrap();
        row[0].clone()
    };
    assert_eq!(cluster_of(&one), cluster_of(&first));
    assert_ne!(cluster_of(&one), cluster_of(&second));
}

#[test]
fn headers_and_values_with_leading_blanks_are_read() {
    let desk = trained();
    for file in ["people/payroll.csv", "people/caseload.csv"] {
        let text = desk.read(file);
        let (header, rest) = text.split_once('\n').unwrap();
        desk.write(file, format!("{}\n{rest}", header.replace(',', ", ")));
    }
    let before = desk.call(&format!("--json link block recipe.toml {FILES}")).well().json();
    assert!(before["rules"][0]["pairs"].as_u64().unwrap() > 100);
    for file in ["people/payroll.csv", "people/caseload.csv"] {
        let text = desk.read(file);
        let blank = |line: &str| line.replace(',', ", ").replace(", \n", ",\n");
        let spread: String = text.split_inclusive('\n').map(blank).collect();
        if !text.contains('"') {
            desk.write(file, spread);
        }
    }
    let after = desk.call(&format!("--json link block recipe.toml {FILES}")).well().json();
    assert_eq!(before["rules"], after["rules"]);
}

#[test]
fn values_are_shown_only_when_asked_for() {
    let desk = trained();
    let payroll = desk.read("people/payroll.csv");
    let header: Vec<&str> = payroll.lines().next().unwrap().split(',').collect();
    let place = header.iter().position(|name| *name == "surname").unwrap();
    let mut counts = std::collections::BTreeMap::<&str, u32>::new();
    for line in payroll.lines().skip(1) {
        *counts.entry(line.split(',').nth(place).unwrap()).or_insert(0) += 1;
    }
    let (most, _) = counts
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .max_by_key(|(_, count)| **count)
        .unwrap();
    let said = desk.call("link profile people/payroll.csv").well();
    assert!(said.out.contains("surname") && !said.out.contains(most), "{}", said.out);
    let said = desk.call("link profile people/payroll.csv --show-values").well();
    assert!(said.out.contains(most), "{}", said.out);
}

#[test]
fn named_pairs_weigh_what_linking_says_and_those_of_no_rule_too() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    desk.call(&format!("link score model.toml {FILES} --pairs pairs.csv")).well();
    assert_eq!(desk.read("scored.csv"), desk.read("pairs.csv"));
    let pairs = rows(&desk.read("pairs.csv"));
    let (one, other) = (&pairs[0][0], &pairs[pairs.len() / 2][1]);
    desk.write("named.csv", format!("source,recipient\n{one},{other}\n"));
    let words = format!("--json link score model.toml {FILES} --pairs named.csv");
    let told = desk.call(&words).well().json();
    assert_eq!((&told["pairs"], &told["made_by_no_rule"]), (&1.into(), &1.into()), "{told}");
    assert_eq!(rows(&desk.read("scored.csv"))[0][4], "0", "no rule makes it");
}

#[test]
fn new_records_give_the_pairs_that_linking_all_gives_beyond_the_old_ones() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    // Frequencies of the grown file would move old weights a little; nothing here asks for them.
    let model = desk.read("model.toml");
    let without = model.replace("[comparison.frequency]", "[comparison.unused]");
    let frequencies = |line: &&str| !line.contains("minimum_u") && !line.contains("unused");
    let kept: Vec<&str> = without
        .lines()
        .filter(frequencies)
        .map(|line| if line == "weight = 1.0" || line == "similar = false" { "" } else { line })
        .collect();
    desk.write("model.toml", kept.join("\n") + "\n");
    desk.call(&format!("link link model.toml {FILES} --out all.csv")).well();
    let text = desk.read("people/payroll.csv");
    let old: Vec<String> = text
        .lines()
        .skip(1)
        .take(400)
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    desk.call(&format!("link increment model.toml {FILES} --known 400")).well();
    let new = rows(&desk.read("new_pairs.csv"));
    let beyond: Vec<Vec<String>> =
        rows(&desk.read("all.csv")).into_iter().filter(|row| !old.contains(&row[0])).collect();
    assert!(!new.is_empty());
    assert_eq!(new, beyond);
}
