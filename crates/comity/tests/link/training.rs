//! What a model is learnt from, and what it says of itself.

use super::command::Desk;
use super::{FILES, fails, first_pair, people, rows, trained};

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
