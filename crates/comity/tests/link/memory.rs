//! What is done within a bound of memory is what is done without.

use super::command::Desk;
use super::{FILES, commands, fails, guide, trained};

/// The commands by which each way of pairing is linked, and their files.
const LINKS: [(&str, &str); 3] =
    [("between", FILES), ("within", "people/payroll.csv --id id"), ("both", FILES)];

#[test]
fn whatever_the_memory_the_pairs_are_the_same_bit_for_bit() {
    for (link, files) in LINKS {
        let desk = trained();
        desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
        desk.edit("model.toml", "link = \"between\"", &format!("link = \"{link}\""));
        let words = format!("--json link link model.toml {files} --probability 0.0001 --out");
        let whole = desk.call(&format!("{words} whole.csv")).well().json();
        assert!(whole["pairs"].as_u64().unwrap() > 100, "{link}: {whole}");
        for memory in ["160MB", "300MiB", "2GB"] {
            for threads in [1, 3] {
                let words = format!("{words} {memory}.csv --memory {memory} --threads {threads}");
                let told = desk.call(&words).well().json();
                assert_eq!(told["pairs"], whole["pairs"], "{link} {memory}");
                assert!(told["staged_bytes"].as_u64().unwrap() > 0, "{told}");
                assert_eq!(told["spills"] == 0, told["spilled_bytes"] == 0, "{told}");
                let (bounded, whole) =
                    (desk.read(&format!("{memory}.csv")), desk.read("whole.csv"));
                assert_eq!(bounded, whole, "{link} {memory}, {threads} threads");
            }
        }
        let left: Vec<String> =
            desk.list(".").into_iter().filter(|name| name.contains("comity-rows")).collect();
        assert_eq!(left, Vec::<String>::new(), "what was spilled is deleted");
    }
}

#[test]
fn pairs_are_settled_one_to_one_within_a_bound_of_memory_as_without() {
    for (link, files) in LINKS {
        let desk = trained();
        desk.edit("model.toml", "link = \"between\"", &format!("link = \"{link}\""));
        let mut policy = "optimal";
        for next in ["optimal", "greedy", "each_source"] {
            if next == "each_source" && link != "between" {
                continue;
            }
            let to = |name: &str| format!("one_to_one = \"{name}\"");
            desk.edit("model.toml", &to(policy), &to(next));
            policy = next;
            let words = format!("--json link link model.toml {files} --probability 0.0001 --out");
            let whole = desk.call(&format!("{words} whole.csv")).well().json();
            let words = format!("{words} bounded.csv --memory 300MB");
            let bounded = desk.call(&words).well().json();
            assert_eq!(desk.read("bounded.csv"), desk.read("whole.csv"), "{link}, {next}");
            assert_eq!(bounded["pairs"], whole["pairs"], "{link}, {next}");
            assert_eq!(bounded["tied_pairs"], whole["tied_pairs"], "{link}, {next}");
        }
    }
}

#[test]
fn what_does_not_fit_the_memory_is_spilled_and_the_pairs_are_the_same() {
    let (small, desk) = (trained(), Desk::whole());
    let guide = guide("first-link.md");
    desk.call(&commands(&guide)[0].replace("2000", "12000")).well();
    let model = small.read("model.toml").replace("\"optimal\"", "\"off\"");
    desk.write("model.toml", model);
    let words = format!("--json link link model.toml {FILES} --out");
    let whole = desk.call(&format!("{words} whole.csv")).well().json();
    assert!(whole["pairs"].as_u64().unwrap() > 5_000, "{whole}");
    let tight = desk.call(&format!("{words} tight.csv --memory 140MiB --threads 2")).well().json();
    assert!(tight["spills"].as_u64().unwrap() > 0, "{tight}");
    assert!(tight["spilled_bytes"].as_u64().unwrap() > 1_000_000, "{tight}");
    assert_eq!(desk.read("tight.csv"), desk.read("whole.csv"));
    desk.write("surnames.csv", "value,share\nokafor,0.2\nsmith,0.1\n");
    let supplied = "--population surname=surnames.csv";
    desk.call(&format!("{words} some.csv {supplied} --memory 200MiB")).well();
    desk.call(&format!("{words} all.csv {supplied}")).well();
    assert_eq!(desk.read("some.csv"), desk.read("all.csv"));
    assert_ne!(desk.read("all.csv"), desk.read("whole.csv"));
    let wide = desk.call(&format!("{words} wide.csv --memory 4GiB --threads 2")).well().json();
    assert_eq!((&wide["spills"], &wide["spilled_bytes"]), (&0.into(), &0.into()), "{wide}");
    assert_eq!(desk.read("wide.csv"), desk.read("whole.csv"));
    // The other form of a file of pairs is written as they come as well.
    desk.call(&format!("{words} tight.parquet --memory 140MiB")).well();
    desk.call(&format!("{words} whole.parquet")).well();
    let file = |name: &str| std::fs::read(desk.path(name)).unwrap();
    assert_eq!(file("tight.parquet"), file("whole.parquet"));
}

#[test]
fn what_is_wrong_with_a_file_is_said_alike_within_a_bound_of_memory() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    let text = desk.read("people/caseload.csv");
    let header = text.lines().next().unwrap().to_owned();
    desk.write("people/caseload.csv", format!("{header}\nonly one field\n"));
    let words = format!("link link model.toml {FILES}");
    let (plain, bounded) = (desk.call(&words), desk.call(&format!("{words} --memory 1GB")));
    assert_eq!((plain.code, &plain.err), (1, &bounded.err));
    desk.write("people/caseload.csv", text.replacen("postcode", "post", 1));
    let (plain, bounded) = (desk.call(&words), desk.call(&format!("{words} --memory 1GB")));
    assert_eq!((plain.code, &plain.err), (1, &bounded.err));
    assert!(bounded.err.contains("`postcode`"), "{}", bounded.err);
}

#[test]
fn a_bound_of_memory_that_cannot_be_kept_is_refused_by_name() {
    let desk = trained();
    let words = format!("link link model.toml {FILES} --memory");
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    fails(&desk.call(&format!("{words} 20MB")), &["20000000 are given", "`--memory`"]);
    fails(
        &desk.call("link link model.toml people/payroll.csv --id id --memory 2GB"),
        &["wants 2 of them; 1 given"],
    );
    for wrong in ["--memory 2", "--spill ."] {
        let said = desk.call(&format!("link link model.toml {FILES} {wrong}"));
        assert_eq!(said.code, 64, "{wrong}: {}", said.err);
    }
}

#[test]
fn what_wants_whole_tables_is_refused_by_name_within_a_bound_of_memory() {
    let desk = trained();
    for (words, option) in [
        ("link model.toml", "--report page.html"),
        ("link model.toml", "--individuals"),
        ("train recipe.toml", "--labels judged.csv"),
        ("train recipe.toml", "--same-by identifier"),
    ] {
        let said = desk.call(&format!("link {words} {FILES} {option} --memory 2GB"));
        let name = option.split(' ').next().unwrap();
        fails(&said, &[&format!("`{name}` goes through whole tables"), "`--memory`"]);
    }
    let said = desk.call(&format!("link all recipe.toml {FILES} --memory 2GB"));
    fails(&said, &["clusters of whole tables", "`comity link train --memory`", "--pairs"]);
}

#[test]
fn a_model_that_is_trained_within_a_bound_of_memory_is_the_same_bit_for_bit() {
    for (link, mut files) in LINKS {
        let desk = trained();
        desk.edit("recipe.toml", "link = \"between\"", &format!("link = \"{link}\""));
        if link == "within" {
            // One file of both, for nobody is twice in either.
            let caseload = desk.read("people/caseload.csv");
            let (_, records) = caseload.split_once('\n').unwrap();
            desk.write("people/both.csv", &(desk.read("people/payroll.csv") + records));
            files = "people/both.csv --id id";
            desk.edit("recipe.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
        }
        let words = format!("--json link train recipe.toml {files} --out");
        let whole = desk.call(&format!("{words} whole.toml")).well().json();
        for (memory, threads) in [("160MB", 2), ("2GB", 1)] {
            let words = format!("{words} bounded.toml --memory {memory} --threads {threads}");
            let bounded = desk.call(&words).well().json();
            assert_eq!(bounded["digest"], whole["digest"], "{link}, {memory}");
            assert_eq!(desk.read("bounded.toml"), desk.read("whole.toml"), "{link}, {memory}");
        }
        let left: Vec<String> =
            desk.list(".").into_iter().filter(|name| name.contains("comity-rows")).collect();
        assert_eq!(left, Vec::<String>::new(), "what was spilled is deleted");
    }
}

#[test]
fn units_of_work_that_do_not_fit_are_refused_with_the_memory_that_would_do() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    // One individual in either file, whose street is as long as a field may be: it comes again for each rule.
    let street = "x".repeat(1 << 20);
    for (file, id) in [("payroll", "p1"), ("caseload", "c1")] {
        let row = format!("{id},123456789,Ada,Okafor,1980-02-03,{street},AB1 2CD");
        let header = "id,identifier,first_name,surname,birth_date,street,postcode";
        desk.write(&format!("people/{file}.csv"), format!("{header}\n{row}\n"));
    }
    let words = format!("link link model.toml {FILES} --out");
    desk.call(&format!("{words} whole.csv")).well();
    let given = "--threads 1 --memory";
    let said = desk.call(&format!("{words} bounded.csv {given} 135MB"));
    fails(&said, &["135000000 are given", "units of work"]);
    let needed = said.err.split(" bytes").next().unwrap().rsplit(' ').next().unwrap();
    let needed = needed.parse::<u64>().unwrap().div_ceil(1000);
    let less = desk.call(&format!("{words} bounded.csv {given} {}kB", needed - 1));
    fails(&less, &["units of work"]);
    desk.call(&format!("{words} bounded.csv {given} {needed}kB")).well();
    assert_eq!(desk.read("bounded.csv"), desk.read("whole.csv"));
    assert_eq!(desk.read("whole.csv").lines().count(), 2, "a header and a pair");
}
