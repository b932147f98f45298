//! The commands of the guides as they stand there.

use std::fs;

use super::{commands, fenced, first_pair, guide, people, rows, trained};

#[test]
fn every_command_of_the_first_guide_runs() {
    let desk = trained();
    let text = guide("first-link.md");
    desk.write("asked.jsonl", fenced(&text, "json")[0]);
    let mut ran = 0;
    for words in commands(&text).into_iter().skip(1) {
        let mut words = words.to_owned();
        if words.contains("--one ID") {
            let (one, other) = first_pair(&desk);
            words = words.replace("--one ID", &format!("--one {one}"));
            words = words.replace("--other ID", &format!("--other {other}"));
        }
        let said = desk.call(&words).well();
        said.fits();
        assert!((3..40).contains(&said.out.lines().count()), "{words}:\n{}", said.out);
        ran += 1;
    }
    assert!(ran >= 8, "{ran}");
    let page = desk.read("report.html");
    assert!(page.contains("<svg") && !page.contains("<script"));
    assert!(desk.read("table.csv").lines().count() > 100);
    assert!(
        desk.read("pairs.csv").starts_with("source,recipient,weight,probability,rule,pattern\n")
    );
}

#[test]
fn every_command_of_the_guide_from_splink_runs() {
    let desk = trained();
    for (file, from) in [("left.csv", "people/payroll.csv"), ("right.csv", "people/caseload.csv")] {
        let text = desk.read(from);
        assert!(text.starts_with("id,"), "the first column is the id");
        desk.write(file, format!("unique_{text}"));
    }
    desk.call("link export model.toml --out settings.json").well();
    for words in commands(&guide("from-splink.md")) {
        desk.call(words).well();
    }
    assert!(fs::read(desk.path("pairs.parquet")).unwrap().starts_with(b"PAR1"));
}

#[test]
fn three_tables_are_linked_with_each_other_by_the_rules_of_the_guide() {
    let desk = trained();
    let payroll = desk.read("people/payroll.csv");
    let caseload = desk.read("people/caseload.csv");
    let head = format!("origin,{}", payroll.lines().next().unwrap());
    let of = |file: &str, origins: [&str; 2]| -> Vec<String> {
        let lines = file.lines().skip(1).enumerate();
        let told = |row: usize, line| format!("{0},{0}-{line}", origins[row % 2]);
        lines.map(|(row, line)| told(row, line)).collect()
    };
    let all = [vec![head], of(&payroll, ["a", "a"]), of(&caseload, ["b", "c"])].concat().join("\n");
    desk.write("all.csv", &all);
    let (first, splink) = (guide("first-link.md"), guide("from-splink.md"));
    let (own, shown) = (fenced(&first, "toml")[0], fenced(&splink, "toml")[0]);
    let (head, rules) = shown.split_at(shown.find("[[rule]]").unwrap());
    let (columns, comparisons) =
        (own.find("[[column]]").unwrap(), own.find("[[comparison]]").unwrap());
    let own_columns = &own[columns..own.find("[[rule]]").unwrap()];
    let threshold = "name = \"three\"\nthreshold = { target_precision = 0.99 }\n";
    let recipe = format!("{threshold}{head}{own_columns}{rules}{}", &own[comparisons..]);
    desk.write("three.toml", recipe);
    desk.call("link train three.toml all.csv --id id --out three-model.toml").well();
    desk.call("link link three-model.toml all.csv --id id --out three.csv").well();
    let origin: std::collections::BTreeMap<&str, &str> = (all.lines().skip(1))
        .map(|line| line.split(',').take(2).collect::<Vec<_>>())
        .map(|fields| (fields[1], fields[0]))
        .collect();
    let who = people(&desk, "all.csv");
    let pairs = rows(&desk.read("three.csv"));
    let between = |one: &str, other: &str| {
        let is = |pair: &&Vec<String>| {
            let mut of = [origin[pair[0].as_str()], origin[pair[1].as_str()]];
            of.sort_unstable();
            of == [one, other]
        };
        pairs.iter().filter(is).count()
    };
    assert!(between("a", "b") > 50 && between("a", "c") > 50, "{}", pairs.len());
    assert_eq!(between("a", "a") + between("b", "b") + between("c", "c"), 0);
    let right = pairs.iter().filter(|pair| who[&pair[0]] == who[&pair[1]]).count();
    assert!(right * 100 >= pairs.len() * 97, "{right} of {}", pairs.len());
}
