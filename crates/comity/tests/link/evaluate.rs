//! What is said of a model's errors, with a truth, with labels and without.

use super::{FILES, fails, first_pair, rows, trained};

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
fn a_file_of_decoys_without_a_record_is_named() {
    let desk = trained();
    let head = desk.read("people/payroll.csv").lines().next().unwrap().to_owned();
    desk.write("none.csv", format!("{head}\n"));
    let words = format!("link evaluate model.toml {FILES} --resamples 2 --decoys none.csv");
    fails(&desk.call(&words), &["none.csv", "no record", "give a file with records"]);
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
