//! `comity link` through the real binary, on small synthetic files: the commands of the guides as they stand there, what
//! must come out the same however it is asked for, what is refused, and what is said of bad input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

mod command;

use command::{Desk, Said};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

const FILES: &str = "people/payroll.csv people/caseload.csv --id id";

fn guide(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(name);
    fs::read_to_string(path).unwrap()
}

/// The pieces of a guide between fences of a kind.
fn fenced<'g>(guide: &'g str, kind: &str) -> Vec<&'g str> {
    let fence = format!("```{kind}\n");
    guide.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The words of each command in a guide, without the program's name.
fn commands(guide: &str) -> Vec<&str> {
    let lines = fenced(guide, "sh").into_iter().flat_map(str::lines);
    lines.map(|line| line.strip_prefix("comity ").unwrap()).collect()
}

/// Two files, a recipe and the model trained by it; each test takes its own copy.
fn trained() -> Desk {
    static TRAINED: OnceLock<Desk> = OnceLock::new();
    TRAINED
        .get_or_init(|| {
            let desk = Desk::whole();
            let text = guide("first-link.md");
            desk.call(&commands(&text)[0].replace("2000", "600")).well();
            desk.write("recipe.toml", fenced(&text, "toml")[0]);
            desk.call(&format!("link train recipe.toml {FILES}")).well();
            desk
        })
        .copied()
}

fn first_pair(desk: &Desk) -> (String, String) {
    let text = desk.read("pairs.csv");
    let mut fields = text.lines().nth(1).unwrap().split(',').map(str::to_owned);
    (fields.next().unwrap(), fields.next().unwrap())
}

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
fn what_is_said_of_a_trained_model_is_what_the_truth_says() {
    let desk = trained();
    let said = desk.call(&format!("--json link evaluate model.toml {FILES} --truth truth_person"));
    let told = said.well().json();
    let share = |of: &str, what: &str| told["kept"][of][what].as_f64().unwrap();
    assert!(share("precision", "value") > 0.95, "{told}");
    assert!(share("recall", "value") > 0.85, "{told}");
    assert!(share("precision", "low") <= share("precision", "value"));
    let counts = &told["kept"]["counts"];
    let number = |what: &str| counts[what].as_f64().unwrap();
    let same = told["same_pairs"].as_f64().unwrap();
    assert!((number("true_positives") + number("false_negatives") - same).abs() < 0.5);
    let all = number("true_positives")
        + number("false_negatives")
        + number("false_positives")
        + number("true_negatives");
    assert!((all - 600.0 * 600.0).abs() < 0.5, "every pair is counted once: {all}");
}

#[test]
fn curves_and_mistakes_of_an_evaluation_agree_with_what_it_says() {
    let desk = trained();
    let words = format!(
        "--json link evaluate model.toml {FILES} --truth truth_person --mistakes wrong.csv --report page.html"
    );
    let told = desk.call(&words).well().json();
    let number = |of: &str| told["by_weight_alone"]["counts"][of].as_f64().unwrap();
    let wrong = desk.read("wrong.csv");
    let of = |kind: &str| wrong.lines().filter(|line| line.starts_with(kind)).count() as f64;
    let as_many = |one: f64, other: f64| assert!((one - other).abs() < 0.5, "{one} {other}");
    as_many(of("false_link,"), number("false_positives"));
    as_many(of("missed_by_weight,") + of("missed_by_rules,"), number("false_negatives"));
    let made = told["made_by_rules"].as_f64().unwrap();
    as_many(of("missed_by_rules,"), told["same_pairs"].as_f64().unwrap() - made);
    assert!(of("missed_by_rules,") > 0.0 && of("missed_by_weight,") > 0.0, "{wrong}");
    let off = |line: &str| line.split(',').nth(3).unwrap().parse::<f64>().unwrap();
    let threshold = told["threshold"].as_f64().unwrap();
    let off: Vec<f64> = wrong.lines().skip(1).map(|line| (off(line) - threshold).abs()).collect();
    assert!(off.is_sorted_by(|one, other| one >= other), "{off:?}");
    let page = desk.read("page.html");
    for part in ["Measures by threshold", "Precision against recall", "(ROC)", "Said and true"] {
        assert!(page.contains(part), "{part}");
    }
    // One-to-one is told of where there is some.
    let truth = "--truth truth_person --out all.csv";
    let settled = format!("link evaluate model.toml {FILES} {truth}");
    assert!(desk.call(&settled).well().shown().contains("one-to-one applied"));
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    assert!(!desk.call(&settled).well().shown().contains("one-to-one"));
    // Whoever has no truth has no mistakes either.
    let words = format!("link evaluate model.toml {FILES} --mistakes wrong.csv");
    fails(&desk.call(&words), &["wrong.csv", "--truth"]);
}

#[test]
fn mistakes_of_files_linked_both_ways_name_the_file_of_either_record() {
    let desk = trained();
    desk.edit("model.toml", "link = \"between\"", "link = \"both\"");
    let words =
        format!("link evaluate model.toml {FILES} --truth truth_person --mistakes wrong.csv");
    desk.call(&words).well();
    let wrong = desk.read("wrong.csv");
    let head: Vec<&str> = wrong.lines().next().unwrap().split(',').collect();
    assert_eq!(head[head.len() - 2..], ["source_file", "recipient_file"]);
    let rows = rows(&wrong);
    for row in &rows {
        // Ids of the source's file begin with P, those of the recipient's with C.
        for (id, file) in [(&row[1], &row[row.len() - 2]), (&row[2], &row[row.len() - 1])] {
            let of = if id.starts_with('P') { "source" } else { "recipient" };
            assert_eq!(file, of, "{row:?}");
        }
    }
    let files = |row: &Vec<String>| row[row.len() - 2..].concat();
    let some = |of: &str| rows.iter().any(|row| files(row) == of);
    assert!(some("sourcerecipient") && some("sourcesource"), "{wrong}");
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

#[test]
fn what_would_change_nothing_is_refused_by_name() {
    let desk = trained();
    let cluster = format!("link cluster model.toml {FILES} --method");
    for (words, option, of) in [
        (format!("{cluster} connected --neutral 0.9"), "--neutral", "--method correlation"),
        (format!("{cluster} correlation --ties drop"), "--ties", "--method best-link"),
    ] {
        fails(&desk.call(&words), &[option, of, "leave it out"]);
    }
    let off = desk.read("model.toml").replace("one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.write("off.toml", off);
    let evaluate = format!("link evaluate off.toml {FILES} --covered 0.5 --resamples 2");
    fails(&desk.call(&evaluate), &["--covered", "one to one or with decoys"]);
    desk.call(&format!("{evaluate} --made-decoys 50")).well();
    desk.edit("model.toml", "link = \"between\"", "link = \"within\"");
    let within = "model.toml people/payroll.csv --id id";
    desk.write("asked.jsonl", "{}\n");
    for (words, option) in [
        (format!("link evaluate {within} --covered 0.5"), "--covered"),
        (format!("link find {within} --records asked.jsonl --held-as source"), "--held-as"),
    ] {
        fails(&desk.call(&words), &[option, "two files", "leave it out"]);
    }
}

#[test]
fn a_file_of_decoys_without_a_record_is_named() {
    let desk = trained();
    let head = desk.read("people/payroll.csv").lines().next().unwrap().to_owned();
    desk.write("none.csv", format!("{head}\n"));
    let words = format!("link evaluate model.toml {FILES} --resamples 2 --decoys none.csv");
    fails(&desk.call(&words), &["none.csv", "no record", "give a file with records"]);
}

#[test]
fn every_class_of_kin_is_on_the_page_and_in_explanations() {
    let desk = trained();
    let kin = format!(
        "\n[[kin]]\nfor_each_same = 0.5\nlevels = {}\n",
        kin_levels(&desk.read("model.toml"))
    );
    let model = desk.read("model.toml");
    let (before, after) = match model
        .find("\n[[kin]]")
        .or_else(|| model.find("\n[[calibration]]"))
        .or_else(|| model.find("\n[training]"))
    {
        Some(place) => model.split_at(place),
        None => (model.as_str(), ""),
    };
    let classes = 1 + model.matches("[[kin]]").count();
    desk.write("kin.toml", format!("{before}{kin}{after}"));
    desk.call(&format!("link link kin.toml {FILES} --report page.html")).well();
    let page = desk.read("page.html");
    for class in 1..=classes {
        assert_eq!(page.matches(&format!("<th scope=\"row\">Kin {class}</th>")).count(), 1);
    }
    assert!(page.contains("How often pairs of each class of kin reach each level"));
    let (one, other) = first_pair(&desk);
    let words = format!("link explain kin.toml {FILES} --one {one} --other {other}");
    let told = desk.call(&format!("--json {words}")).well().json();
    assert_eq!(told["kin"].as_array().unwrap().len(), classes);
    let said = desk.call(&words).well().shown();
    assert!(
        said.split_whitespace().collect::<Vec<_>>().join(" ").contains("kin of class 1"),
        "{said}"
    );
}

/// A class of kin that has every level of the model's comparisons as often as any other.
fn kin_levels(model: &str) -> String {
    let comparisons = model.split("[[comparison]]").skip(1);
    let levels = comparisons.map(|comparison| {
        let levels = comparison.matches("[[comparison.level]]").count();
        format!("[{}]", vec![(1.0 / levels as f64).to_string(); levels].join(", "))
    });
    format!("[{}]", levels.collect::<Vec<_>>().join(", "))
}

#[test]
fn without_labels_links_per_record_and_decoys_say_it_in_their_own_way() {
    let desk = trained();
    let evaluate = format!("--json link evaluate model.toml {FILES} --resamples 20");
    let told = desk.call(&evaluate).well().json();
    let links = told["links_per_record"].as_array().unwrap();
    assert_eq!(links.len(), 7, "{told}");
    assert!(told["decoys"].is_null());
    let share = |of: &serde_json::Value, end: &str| of[end].as_f64().unwrap();
    for at in links {
        let (precision, recall) = (&at["precision"], &at["recall"]);
        assert!(share(precision, "low") <= share(precision, "value"), "{at}");
        assert!(share(recall, "value") <= share(recall, "high"), "{at}");
    }
    // Where it is known that half of the source's records have a counterpart, recall is held against those.
    let known = desk.call(&format!("{evaluate} --covered 0.5")).well().json();
    let recall = share(&known["links_per_record"][0]["recall"], "value");
    let own = share(&known["links_per_record"][0], "own");
    assert!((recall - (own / 0.5).min(1.0)).abs() < 1e-6, "{known}");
    // At another probability the first line is told of that.
    let other = desk.call(&format!("{evaluate} --probability 0.5")).well().json();
    assert_eq!(
        other["links_per_record"][0]["threshold"],
        other["links_per_record"][1]["threshold"]
    );
    let made = desk.call(&format!("{evaluate} --made-decoys 500")).well().json();
    assert_eq!(made["estimate"], told["estimate"], "decoys move nothing else");
    assert_eq!(made["decoys"][0]["decoys"], 500);
    assert_eq!(made["decoys"][0]["links"], told["links_per_record"][0]["links"]);
    // The source's own records are no decoys: as many of theirs link as of the source's.
    let own = desk.call(&format!("{evaluate} --decoys people/payroll.csv")).well().json();
    assert_eq!(own["decoys"][0]["links_of_decoys"], own["decoys"][0]["links"]);
    assert!(share(&own["decoys"][0]["precision"], "value") < 1e-12);
    let words = format!("link evaluate model.toml {FILES} --resamples 20 --made-decoys 500");
    let said = desk.call(&words).well().shown();
    let text = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["how many links each record has", "decoys 500, made up", "no twins"] {
        assert!(text.contains(part), "{text}");
    }
    let both = format!("link evaluate model.toml {FILES} --decoys a.csv --made-decoys 5");
    assert_eq!(desk.call(&both).code, 64);
}

#[test]
fn labels_say_of_their_own_pairs_what_the_truth_says_of_all() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    let (one, other) = first_pair(&desk);
    desk.write("labels.csv", format!("source,recipient,same\n{one},{other},yes\n"));
    let words = format!("--json link evaluate model.toml {FILES} --labels labels.csv");
    let told = desk.call(&words).well().json();
    assert_eq!(told["same_pairs"], 1);
    assert_eq!(told["kept"]["counts"]["true_positives"], 1.0);
    desk.write("labels.csv", format!("source,recipient,same\n{one},{other},no\n"));
    let told = desk.call(&words).well().json();
    assert_eq!(told["kept"]["counts"]["false_positives"], 1.0);
}

#[test]
fn what_one_table_is_reckoned_to_be_worth_without_labels_comes_with_a_caution() {
    let desk = trained();
    let between = desk.call(&format!("link evaluate model.toml {FILES} --resamples 20")).well().out;
    assert!(!between.contains("caution"), "{between}");
    let is_row = |line: &&str| line.starts_with(' ') && line.contains('–');
    assert_eq!(between.lines().filter(is_row).count(), 7, "{between}");
    assert!(between.lines().all(|line| line.chars().count() <= 80), "{between}");
    desk.edit("model.toml", "link = \"between\"", "link = \"within\"");
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    let within = "link evaluate model.toml people/payroll.csv --id id --resamples 20";
    let within = desk.call(within).well().out;
    assert!(within.contains("\ncaution   where people have many records"), "{within}");
}

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
fn labels_that_were_made_for_splink_are_taken_whichever_file_stands_left() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    let (one, other) = first_pair(&desk);
    let words = format!("link evaluate model.toml {FILES} --labels labels.csv");
    let json = format!("--json {words}");
    for (left, right, score, same) in [
        (&one, &other, "1.0", "true_positives"),
        (&other, &one, "0.5", "true_positives"),
        (&other, &one, "0.49", "false_positives"),
    ] {
        for header in ["unique_id_l,source_dataset_l,unique_id_r,source_dataset_r", "id_l,a,id_r,b"]
        {
            let text = format!("{header},clerical_match_score\n{left},l,{right},r,{score}\n");
            desk.write("labels.csv", text);
            let told = desk.call(&json).well().json();
            assert_eq!(told["kept"]["counts"][same], 1.0, "{left} {right} {score}");
        }
    }
    let with = |row: &str| {
        desk.write("labels.csv", format!("unique_id_l,unique_id_r,clerical_match_score\n{row}\n"));
    };
    with(&format!("{one},{other},1.5"));
    fails(&desk.call(&words), &["line 2", "`clerical_match_score`", "from 0 to 1", "hint"]);
    desk.write(
        "labels.csv",
        format!("age_l,age_r,id_l,id_r,clerical_match_score\n3,7,{one},{other},1\n"),
    );
    fails(&desk.call(&words), &["`age_l`", "`id_l`", "hint: call those of ids `unique_id_l`"]);
    with(&format!("{one},nobody,1"));
    fails(&desk.call(&words), &["line 2", "`unique_id_r`", "the id of one record", "hint"]);
    // Ids that both files have don't say which record is meant.
    let caseload = desk.read("people/caseload.csv");
    desk.write("people/caseload.csv", caseload.replace("\nC00", "\nP00"));
    let ids: Vec<String> =
        rows(&desk.read("people/caseload.csv")).into_iter().map(|row| row[0].clone()).collect();
    with(&format!("{},{},1", ids[0], ids[1]));
    fails(&desk.call(&words), &["line 2", "`unique_id_l`", "`source` and `recipient`", "hint"]);
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
fn suggested_rules_keep_to_their_budget_and_can_stand_in_the_recipe() {
    let desk = trained();
    let suggested = |budget: u64| {
        let words = format!("--json link suggest recipe.toml {FILES} --budget {budget}");
        desk.call(&words).well().json()
    };
    let (tight, wide) = (suggested(400), suggested(20_000));
    assert!(tight["pairs"].as_u64().unwrap() <= 400, "{tight}");
    assert!(wide["pairs"].as_u64().unwrap() <= 20_000, "{wide}");
    let recall = |told: &serde_json::Value| told["recall"].as_f64().unwrap();
    assert!(recall(&tight) <= recall(&wide) && recall(&wide) > 0.9, "{tight} {wide}");
    let recipe = desk.read("recipe.toml");
    let (before, rest) = recipe.split_once("[[rule]]").unwrap();
    let after = &rest[rest.find("[[comparison]]").unwrap()..];
    desk.write("other.toml", format!("{before}{}\n{after}", wide["toml"].as_str().unwrap()));
    let counted = desk.call(&format!("--json link block other.toml {FILES}")).well().json();
    let last = counted["rules"].as_array().unwrap().last().unwrap();
    assert_eq!(last["cumulative_pairs"], wide["pairs"]);
}

#[test]
fn no_protected_column_is_proposed_though_no_rule_uses_it() {
    let desk = trained();
    let column = "[[column]]\nname = \"kind\"\nfrom = [\"countryOfBirth\"]\n[[rule]]";
    desk.write("other.toml", desk.read("recipe.toml").replacen("[[rule]]", column, 1));
    let said = desk.call(&format!("link suggest other.toml {FILES}"));
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    assert!(said.out.contains("floor F3") && said.out.contains("`countryOfBirth`"));
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
fn clusters_of_written_pairs_are_those_of_comparing_again() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.call(&format!("link link model.toml {FILES} --probability 0.5")).well();
    let cluster = format!("link cluster model.toml {FILES} --probability 0.9 --method connected");
    desk.call(&format!("{cluster} --out again.csv")).well();
    desk.call(&format!("{cluster} --pairs pairs.csv --out written.csv")).well();
    assert_eq!(together(&desk.read("again.csv")), together(&desk.read("written.csv")));
}

#[test]
fn a_pair_that_alone_holds_a_cluster_together_is_told_and_split_where_that_is_asked_for() {
    let desk = trained();
    let (sources, recipients) = (
        [1, 2, 3, 4].map(|row| record(&desk, "payroll", row)),
        [1, 2, 3, 4].map(|row| record(&desk, "caseload", row)),
    );
    // Two squares of four records each, and one pair of little weight between them; a fourth pair of a record for itself
    // that is as heavy as another.
    let mut pairs = "source,recipient,weight\n".to_owned();
    for (source, recipient, weight) in [
        (0, 0, 9.0),
        (0, 1, 8.0),
        (1, 0, 8.0),
        (1, 1, 9.0),
        (2, 2, 9.0),
        (2, 3, 8.0),
        (3, 2, 8.0),
        (3, 3, 9.0),
        (1, 2, 0.5),
    ] {
        let weight = weight.to_string();
        pairs += &[&sources[source], &recipients[recipient], &weight].map(String::as_str).join(",");
        pairs.push('\n');
    }
    desk.write("some.csv", &pairs);
    let words = format!(
        "--json link cluster model.toml {FILES} --pairs some.csv --probability 0.5 --method connected --bridges bridges.csv"
    );
    let whole = desk.call(&words).well().json();
    assert_eq!(
        (&whole["largest"], &whole["bridges"], &whole["cut_records"]),
        (&8.into(), &1.into(), &2.into())
    );
    let (one, other) = (&sources[1], &recipients[2]);
    let told = format!("source,{one},recipient,{other},0.5,4\n");
    let told = format!(
        "one_file,one,other_file,other,weight,smaller_side\n{told}source,{one},,,,\nrecipient,{other},,,,\n"
    );
    assert_eq!(desk.read("bridges.csv"), told);
    let split =
        desk.call(&format!("{words} --split-bridges 0.9 --splits splits.csv")).well().json();
    assert_eq!((&split["largest"], &split["bridges"]), (&4.into(), &0.into()));
    let splits = desk.read("splits.csv");
    assert!(
        splits.contains(&format!("source,{one},recipient,{other},0.5,too weak a bridge")),
        "{splits}"
    );
    // It weighs more than that.
    let kept = desk.call(&format!("{words} --split-bridges 0.55")).well().json();
    assert_eq!(kept["largest"], 8);
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
fn a_lower_neutral_weight_joins_what_a_higher_one_keeps_apart() {
    let desk = trained();
    // Two pairs, and a third one between them that the model knows nothing for: their other records are strangers.
    let (one, [first, second]) = one_and_two(&desk);
    let other = record(&desk, "payroll", 2);
    desk.write(
        "some.csv",
        format!("source,recipient,weight\n{one},{first},9\n{other},{second},9\n{one},{second},8\n"),
    );
    let words =
        format!("--json link cluster model.toml {FILES} --pairs some.csv --probability 0.9");
    let pairs = |neutral: &str| {
        let said = desk.call(&format!("{words} --neutral {neutral}")).well().json();
        said["pairs_in_clusters"].as_u64().unwrap()
    };
    assert_eq!((pairs("0.9"), pairs("0.000000000000001")), (2, 6));
}

/// The first record of the source's file and two of the recipient's.
fn one_and_two(desk: &Desk) -> (String, [String; 2]) {
    (record(desk, "payroll", 1), [1, 2].map(|row| record(desk, "caseload", row)))
}

/// The id of a row of a file.
fn record(desk: &Desk, file: &str, row: usize) -> String {
    let text = desk.read(&format!("people/{file}.csv"));
    text.lines().nth(row).unwrap().split(',').next().unwrap().to_owned()
}

/// Which records stand together, whatever their clusters are called.
fn together(clusters: &str) -> std::collections::BTreeSet<Vec<String>> {
    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for line in clusters.lines().skip(1) {
        let (cluster, record) = line.split_once(',').unwrap();
        groups.entry(cluster.to_owned()).or_default().push(record.to_owned());
    }
    groups.into_values().collect()
}

#[test]
fn two_records_of_a_cluster_hang_together_by_pairs() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    let (one, other) = first_pair(&desk);
    let words = format!("link explain model.toml {FILES} --one {one} --other {other} --chain");
    let said = desk.call(&words).well();
    assert!(said.out.contains("weakest"), "{}", said.out);
}

#[test]
fn a_recipe_that_looks_at_a_protected_trait_is_refused() {
    let desk = trained();
    let recipe = desk.read("recipe.toml");
    let column = "[[column]]\nname = \"kind\"\nfrom = [\"countryOfBirth\"]\n";
    let rule = "[[rule]]\nkeys = [{ column = \"kind\" }, { column = \"birth\" }]\n";
    let hidden = "level = [{ test = { on = { column = \"kind\", test = \"exact\" } } }, { test = \"else\" }]";
    let plain = "level = [{ test = \"exact\" }, { test = \"else\" }]";
    for (what, text) in [
        ("rule", recipe.replacen("[[rule]]", &format!("{column}{rule}[[rule]]"), 1)),
        (
            "comparison",
            recipe.replacen("[[rule]]", &format!("{column}[[rule]]"), 1).replace(plain, hidden),
        ),
    ] {
        desk.write("other.toml", text);
        for words in ["block other.toml", "train other.toml --out other_model.toml"] {
            let said = desk.call(&format!("link {words} {FILES}"));
            assert_eq!(said.code, 2, "{}{}", said.out, said.err);
            assert!(said.out.contains("floor F3") && said.out.contains("`countryOfBirth`"));
            assert!(said.out.contains(what), "{}", said.out);
            assert!(!desk.exists("other_model.toml"));
        }
    }
    // What its holder declares to be something else is looked for in the file, and isn't there.
    let said =
        desk.call(&format!("link block other.toml {FILES} --declare countryOfBirth=identity"));
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
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

/// The lines of a file of pairs after its header, each cut at its commas.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// What both files say of each id: who it is.
fn people(desk: &Desk, file: &str) -> std::collections::BTreeMap<String, String> {
    let text = desk.read(file);
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|one| *one == name).unwrap();
    let (id, truth) = (place("id"), place("truth_person"));
    rows(&text).into_iter().map(|row| (row[id].clone(), row[truth].clone())).collect()
}

/// Judgements on the pairs that a file has, as the truth would have them.
fn judgements(desk: &Desk, pairs: &str) -> String {
    let (sources, recipients) =
        (people(desk, "people/payroll.csv"), people(desk, "people/caseload.csv"));
    let mut text = "source,recipient,same\n".to_owned();
    for row in rows(&desk.read(pairs)) {
        let same = if sources[&row[0]] == recipients[&row[1]] { "yes" } else { "no" };
        text.push_str(&[&row[0], &row[1], same].join(","));
        text.push('\n');
    }
    text
}

#[test]
fn judgements_make_another_model_that_weighs_the_same() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.call(&format!("link link model.toml {FILES} --probability 0.05")).well();
    desk.write("labels.csv", judgements(&desk, "pairs.csv"));
    let words = format!("--json link calibrate model.toml {FILES} --labels labels.csv");
    let told = desk.call(&words).well().json();
    assert_ne!(told["before"], told["digest"]);
    assert_eq!(told["judged"], desk.read("pairs.csv").lines().count() - 1);
    let after = desk.read("calibrated.toml");
    assert!(after.contains("[[calibration]]"));
    let score = |model: &str, out: &str| {
        let words = format!("link score {model} {FILES} --pairs labels.csv --out {out}");
        desk.call(&words).well();
        rows(&desk.read(out))
    };
    let (old, new) = (score("model.toml", "old.csv"), score("calibrated.toml", "new.csv"));
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(&new) {
        assert_eq!((&old[..3], &old[4..]), (&new[..3], &new[4..]), "weights and patterns stay");
    }
    assert!(old.iter().zip(&new).any(|(old, new)| old[3] != new[3]), "probabilities moved");
    desk.write("labels.csv", "source,recipient,same\n");
    fails(&desk.call(words.trim_start_matches("--json ")), &["`labels.csv` holds no record"]);
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
fn a_recipe_may_have_its_m_learnt_with_frequencies() {
    let desk = trained();
    let before = desk.call(&format!("--json link train recipe.toml {FILES}")).well().json();
    desk.edit("recipe.toml", "[training]\n", "[training]\nfrequencies = true\n");
    let words = format!("--json link train recipe.toml {FILES} --out with.toml");
    let with = desk.call(&words).well().json();
    assert_ne!(with["digest"], before["digest"]);
    let again = desk.call(&format!("{words} --threads 1")).well().json();
    assert_eq!(with["digest"], again["digest"]);
    let words = format!("--json link evaluate with.toml {FILES} --truth truth_person");
    let told = desk.call(&words).well().json();
    let share = |of: &str| told["kept"][of]["value"].as_f64().unwrap();
    assert!(share("precision") > 0.95 && share("recall") > 0.85, "{told}");
}

#[test]
fn a_look_up_finds_what_linking_finds_and_tells_no_more_than_was_asked() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.call(&format!("link link model.toml {FILES}")).well();
    let pairs = rows(&desk.read("pairs.csv"));
    let people = rows(&desk.read("people/payroll.csv"));
    let header: Vec<String> = desk
        .read("people/payroll.csv")
        .lines()
        .next()
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let columns = ["identifier", "first_name", "surname", "birth_date", "street", "postcode"];
    let line = |row: &Vec<String>| {
        let value = |name: &&str| (name.to_string(), row[place(name)].clone().into());
        serde_json::Value::Object(columns.iter().map(value).collect()).to_string()
    };
    let asked: Vec<&Vec<String>> = people.iter().take(60).collect();
    let lines: Vec<String> = asked.iter().map(|row| line(row)).collect();
    desk.write("asked.jsonl", lines.join("\n") + "\n\n");
    let words = "--json link find model.toml people/caseload.csv --id id --most 20";
    let told = desk.call_after("exec < asked.jsonl", words).well().json();
    assert_eq!(told["cannot_enter_casework"], true);
    let (mut found, mut meant) = (Vec::new(), Vec::new());
    for (row, one) in asked.iter().zip(told["asked"].as_array().unwrap()) {
        let id = &row[place("id")];
        meant.extend(pairs.iter().filter(|pair| pair[0] == *id).map(|pair| (id, pair[1].clone())));
        let hits = one["found"].as_array().unwrap().iter();
        found.extend(hits.map(|hit| (id, hit["record"].as_str().unwrap().to_owned())));
    }
    found.sort();
    meant.sort();
    assert!(meant.len() > 20, "{}", meant.len());
    // How common a value is, is counted in the file that is looked in alone, so a pair at the edge may differ.
    let same = meant.iter().filter(|pair| found.contains(pair)).count();
    assert!(same * 100 >= 95 * meant.len().max(found.len()), "{found:?} {meant:?}");

    let said =
        desk.call_after("exec < asked.jsonl", "link find model.toml people/caseload.csv").well();
    assert!(said.out.contains("cannot enter casework"), "{}", said.out);
    said.fits();
    // A postcode alone names nobody, and everybody who has it is not told of.
    let caseload = desk.read("people/caseload.csv");
    let there = caseload.lines().next().unwrap().split(',').position(|name| name == "postcode");
    let with = rows(&caseload).into_iter().find(|row| !row[there.unwrap()].is_empty()).unwrap();
    let postcode = &with[there.unwrap()];
    desk.write("bare.jsonl", format!("{{\"postcode\": \"{postcode}\"}}\n"));
    let bare = desk.call(&format!("{words} --records bare.jsonl")).well().json();
    assert!(bare["asked"][0]["compared"].as_u64().unwrap() > 0, "{bare}");
    assert_eq!(bare["asked"][0]["found"], serde_json::json!([]), "{bare}");
}

#[test]
fn a_look_up_of_more_persons_than_the_floor_allows_or_by_a_protected_trait_is_refused() {
    let desk = trained();
    desk.write("many.jsonl", "{\"surname\": \"Okafor\"}\n".repeat(101));
    let words = "link find model.toml people/caseload.csv --id id --records";
    let said = desk.call(&format!("{words} many.jsonl"));
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(said.out.contains("floor F4") && said.out.contains("takes a permit"), "{}", said.out);
    // What was told by then is told in either form.
    let told = desk.call(&format!("--json {words} many.jsonl")).json();
    assert_eq!(told["asked"].as_array().map(Vec::len), Some(100), "{told}");
    desk.write("many.jsonl", "{\"surname\": \"Okafor\"}\n".repeat(100));
    desk.call(&format!("{words} many.jsonl")).well();
    for (wrong, said) in [
        ("surname", "a JSON object"),
        ("{\"surname\": [1]}", "a text or a number"),
        ("{\"height\": 1}", "a column that the model looks at"),
    ] {
        desk.write("wrong.jsonl", format!("\n{wrong}\n"));
        fails(&desk.call(&format!("{words} wrong.jsonl")), &["line 2", said]);
    }
    desk.edit("model.toml", "from = [\"street\"]", "from = [\"birthplace\"]");
    let said = desk.call(&format!("{words} many.jsonl"));
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(said.out.contains("floor F3"), "{}", said.out);
}

/// The commands by which each way of pairing is linked, and their files.
#[cfg(feature = "plan")]
const LINKS: [(&str, &str); 3] =
    [("between", FILES), ("within", "people/payroll.csv --id id"), ("both", FILES)];

#[cfg(feature = "plan")]
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

#[cfg(feature = "plan")]
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

#[cfg(feature = "plan")]
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

#[cfg(feature = "plan")]
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

#[cfg(feature = "plan")]
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

#[cfg(feature = "plan")]
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

#[cfg(feature = "plan")]
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

#[cfg(not(feature = "plan"))]
#[test]
fn a_build_without_plans_says_so_of_a_bound_of_memory() {
    let said = trained().call(&format!("link link model.toml {FILES} --memory 2GB"));
    fails(&said, &["bounded memory", "`--features plan`"]);
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

#[test]
fn ids_of_clusters_stay_and_a_merger_can_be_taken_back() {
    let desk = trained();
    let words = format!("--json link cluster model.toml {FILES} --registry ids.json");
    let first = desk.call(&words).well().json();
    assert_eq!(first["ids"]["issued"], first["clusters"]);
    let before = desk.read("clusters.csv");
    let again = desk.call(&words).well().json();
    assert_eq!(again["ids"], serde_json::json!({}), "nothing changed");
    assert_eq!(desk.read("clusters.csv"), before);

    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for row in rows(&before) {
        groups.entry(row[0].clone()).or_default().push(format!("{}:{}", row[1], row[2]));
    }
    let (id, two) = groups.iter().find(|(_, records)| records.len() == 2).unwrap();
    let part = format!("link part ids.json --one {} --other {}", two[0], two[1]);
    let told = desk.call(&format!("--json {part}")).well().json();
    assert_ne!(told["one"], told["other"]);
    let told = desk.call(&words).well().json();
    assert_eq!(told["left_out"]["said to be two"], 1, "{told}");
    let after = desk.read("clusters.csv");
    let id_of = |record: &String| {
        let line = record.replace(':', ",");
        let whole = after.lines().find(|row| row.ends_with(&format!(",{line}"))).unwrap();
        whole.split(',').next().unwrap().to_owned()
    };
    assert_ne!(id_of(&two[0]), id_of(&two[1]));
    desk.call(&format!("{part} --undo")).well();
    desk.call(&words).well();
    let after = desk.read("clusters.csv");
    let of = |record: &String| {
        let line = format!(",{}", record.replace(':', ","));
        after.lines().find(|row| row.ends_with(&line)).unwrap().split(',').next().unwrap()
    };
    assert_eq!((of(&two[0]), of(&two[1])), (id.as_str(), id.as_str()), "the older id is back");
    fails(
        &desk.call("link part ids.json --one source:nobody --other source:1"),
        &["nobody", "hint"],
    );
    desk.write("broken.json", "{");
    fails(&desk.call("link part broken.json --one a --other b"), &["broken.json", "hint"]);
}

#[test]
fn what_people_judged_is_joined_or_kept_apart_whatever_it_weighs() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    let pairs = rows(&desk.read("pairs.csv"));
    let (apart, one, other) = (&pairs[0], &pairs[1][0], &pairs[2][1]);
    desk.write(
        "judged.csv",
        format!("source,recipient,same\n{},{},no\n{one},{other},yes\n", apart[0], apart[1]),
    );
    desk.call(&format!("link cluster model.toml {FILES} --judged judged.csv")).well();
    let clusters = desk.read("clusters.csv");
    let of = |whose: &str, record: &str| {
        let line = format!(",{whose},{record}");
        clusters.lines().find(|row| row.ends_with(&line)).unwrap().split(',').next().unwrap()
    };
    assert_ne!(of("source", &apart[0]), of("recipient", &apart[1]));
    assert_eq!(of("source", one), of("recipient", other));
}

#[test]
fn a_population_says_how_common_a_name_is() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES} --out counted.csv")).well();
    let counted = rows(&desk.read("counted.csv"));
    let payroll = desk.read("people/payroll.csv");
    let header: Vec<&str> = payroll.lines().next().unwrap().split(',').collect();
    let place = header.iter().position(|name| *name == "surname").unwrap();
    let names: std::collections::BTreeSet<String> = rows(&payroll)
        .into_iter()
        .map(|row| row[place].to_uppercase())
        .filter(|name| !name.is_empty())
        .collect();
    let table: Vec<String> = names.iter().map(|name| format!("{name},0.5\n")).collect();
    desk.write("surnames.csv", format!("value,share\n{}", table.concat()));
    let words = format!(
        "link link model.toml {FILES} --probability 0.0001 --out supplied.csv --population surname=surnames.csv"
    );
    desk.call(&words).well();
    let supplied = rows(&desk.read("supplied.csv"));
    let weight = |rows: &[Vec<String>], pair: &[String]| {
        let row = rows.iter().find(|row| row[..2] == *pair)?;
        row[2].parse::<f64>().ok()
    };
    let moved: Vec<f64> = (counted.iter())
        .filter_map(|row| Some(weight(&supplied, &row[..2])? - row[2].parse::<f64>().ok()?))
        .collect();
    // A name that half of all people have says little. Where kin decide the weight, it says as little to them.
    assert!(moved.iter().all(|moved| *moved < 1e-9), "none weighs more");
    let lighter = moved.iter().filter(|moved| **moved < -0.1).count();
    assert!(lighter * 10 > counted.len(), "{lighter} of {}", counted.len());
    desk.write("surnames.csv", "value,share\nsmith,2\n");
    fails(&desk.call(&words), &["surnames.csv", "line 2", "share"]);
    let words = words.replace("surname=", "nothing=");
    desk.write("surnames.csv", "value,share\nsmith,0.1\n");
    fails(&desk.call(&words), &["nothing", "no comparison of that name"]);
}

#[test]
fn errors_are_told_by_group_with_and_without_a_truth() {
    let desk = trained();
    let evaluate = format!("--json link evaluate model.toml {FILES}");
    let truth = desk.call(&format!("{evaluate} --truth truth_person --by town")).well().json();
    let groups = truth["groups"].as_array().unwrap();
    assert!(groups.len() > 1, "{truth}");
    let records: u64 = groups.iter().map(|group| group["records"].as_u64().unwrap()).sum();
    assert!(records <= 600 && groups.iter().all(|group| group["records"].as_u64().unwrap() >= 10));
    let estimated = desk.call(&format!("{evaluate} --by town --resamples 20")).well().json();
    for (group, known) in estimated["groups"].as_array().unwrap().iter().zip(groups) {
        assert_eq!(group["group"], known["group"]);
        assert_eq!(group["linked"], known["linked"]);
        for interval in ["precision", "recall"] {
            let [low, high] = ["low", "high"].map(|end| group[interval][end].as_f64().unwrap());
            assert!((0.0..=high).contains(&low) && high <= 1.0, "{group}");
        }
    }
    fails(
        &desk.call(&format!("link evaluate model.toml {FILES} --by id")),
        &["`id`", "groups", "hint"],
    );
}

#[test]
fn m_comes_from_labels_where_there_are_any() {
    let desk = trained();
    let plain = desk.read("model.toml");
    let by_column =
        format!("link train recipe.toml {FILES} --same-by truth_person --out column.toml");
    desk.call(&by_column).well();
    desk.call(&format!("link link model.toml {FILES}")).well();
    desk.write("labels.csv", judgements(&desk, "pairs.csv"));
    desk.call(&format!("link train recipe.toml {FILES} --labels labels.csv --out labels.toml"))
        .well();
    let (column, labels) = (desk.read("column.toml"), desk.read("labels.toml"));
    assert!(plain != column && column != labels);
    let said = desk.call(&format!("--json link evaluate column.toml {FILES} --truth truth_person"));
    assert!(said.well().json()["kept"]["precision"]["value"].as_f64().unwrap() > 0.95);
}

#[track_caller]
fn fails(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "`{word}` is not in: {}", said.err);
    }
    assert!(said.err.starts_with("error: ") && !said.err.contains("panicked"), "{}", said.err);
}

#[test]
fn a_recipe_for_a_model_or_a_model_for_a_recipe_is_told_what_either_is_for() {
    let desk = trained();
    let link = |words: &str| desk.call(&format!("link {words} {FILES}"));
    fails(&link("link recipe.toml"), &["hint: ", "a recipe has to be trained first"]);
    fails(&link("train model.toml"), &["hint: ", "goes to `comity link link`"]);
}

#[test]
fn what_is_wrong_with_a_file_of_ones_own_is_said_without_a_schedule_or_an_agency() {
    let desk = trained();
    desk.write("latin.csv", "id;identifier\n1;2\n");
    for words in [
        "block recipe.toml people/none.csv people/caseload.csv",
        "block recipe.toml latin.csv people/caseload.csv --id id",
        "block recipe.toml people/payroll.csv people/caseload.csv --id nothing",
    ] {
        let said = desk.call(&format!("link {words}"));
        fails(&said, &["hint: "]);
        assert!(!said.err.contains("schedule"), "{}", said.err);
    }
}

#[test]
fn bad_input_is_named_by_file_and_line() {
    let desk = trained();
    let block = |files: &str| desk.call(&format!("link block recipe.toml {files}"));
    fails(&block("people/none.csv people/caseload.csv"), &["people/none.csv", "hint"]);
    fails(&block("people/payroll.csv"), &["wants 2", "hint"]);
    fails(&block("people/payroll.csv people/caseload.csv --id nothing"), &["nothing"]);
    desk.write("ragged.csv", "id,identifier\n1,2\n3\n");
    fails(&desk.call("link profile ragged.csv"), &["ragged.csv", "line 3"]);
    desk.write("empty.csv", "");
    fails(&desk.call("link profile empty.csv"), &["empty.csv"]);
    let payroll = desk.read("people/payroll.csv");
    let twice: String = payroll.split_inclusive('\n').take(2).collect();
    let again = twice.lines().nth(1).unwrap().to_owned();
    desk.write("twice.csv", format!("{twice}{again}\n"));
    fails(&block("twice.csv people/caseload.csv --id id"), &["twice.csv", "line 3"]);
}

#[test]
fn each_command_says_what_is_wrong_with_what_it_was_given() {
    let desk = trained();
    let with = |words: &str| desk.call(&format!("link {words}"));
    desk.write("broken.toml", "name = \n");
    for command in ["block", "train", "link", "cluster", "evaluate"] {
        fails(&with(&format!("{command} broken.toml {FILES}")), &["line 1"]);
        fails(&with(&format!("{command} none.toml {FILES}")), &["none.toml", "hint"]);
    }
    fails(
        &with(&format!("explain model.toml {FILES} --one nobody --other nobody")),
        &["source", "hint"],
    );
    fails(&with("import broken.toml"), &["settings"]);
    fails(&with("export broken.toml"), &["line 1"]);
    let said = with(&format!("link model.toml {FILES} --probability 2"));
    assert_eq!(said.code, 64, "{}", said.err);
    desk.write("labels.csv", "source,recipient,same\nnobody,nobody,perhaps\n");
    let evaluate = format!("evaluate model.toml {FILES} --labels labels.csv");
    fails(&with(&evaluate), &["labels.csv", "line 2", "`same`", "hint"]);
    desk.write("labels.csv", "source,recipient,same\nnobody,nobody,yes\n");
    fails(&with(&evaluate), &["labels.csv", "line 2", "`source`"]);
    desk.write("pairs.csv", "source,recipient,weight\n1,1,heavy\n");
    let cluster = format!("cluster model.toml {FILES} --pairs pairs.csv --method connected");
    fails(&with(&cluster), &["pairs.csv", "line 2", "`weight`"]);
}
