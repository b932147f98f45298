//! One record matched against many.

use super::{FILES, fails, rows, trained};

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
