//! Recipients that join by an annex.

use std::fs;

use super::command::Desk;
use super::signing::signed;

/// The program at the node of a recipient that joins by an annex, unsigned: it has the same elements and a caseload of
/// its own.
fn joining() -> Desk {
    let desk = signed();
    let made = desk.call("key new housing.secret --test --json").well().json();
    let public = made["public"].as_str().unwrap_or_default();
    let checked = desk.call("check benefits --json").well().json();
    let agreement = checked["agreement"].as_str().unwrap_or_default();
    desk.write(
        "benefits/annexes/housing.toml",
        format!(
            r#"agreement = "{agreement}"

[party]
id = "housing"
name = "Housing Department, State of Columbia (fictional)"
roles = ["recipient"]
federal = false
address = "21 Harbour Street, Port Columbia"
key = "{public}"

[caseload]
title = "Open cases of housing support with declared income"
approx_count = 470

[caseload.basis]
citation = "Housing Act (fictional), section 4"
statement = "The department may use its own case records to verify income."

[[caseload.accuracy]]
record_set = "caseload"
assessed = 2026-09-30
method = "A sample of 200 cases held against their papers"
result = "196 of 200 without an error"
"#
        ),
    );
    let checked = desk.call("check benefits --json").json();
    let annex = checked["annexes"][0][1].as_str().unwrap_or_default();
    let publications = desk.read("benefits/publications.toml");
    desk.write(
        "benefits/publications.toml",
        format!(
            r#"{publications}
[joined.housing]
annex = "{annex}"
sent_to_committees = 2026-10-15
reported_in_advance = 2026-10-15

[joined.housing.federal_register]
date = 2026-11-10
citation = "91 Fed. Reg. 20003 (fictional)"
"#
        ),
    );
    desk.edit(
        "benefits/schedule.toml",
        "program = \"benefits\"\n",
        "program = \"benefits\"\nrecipient = \"housing\"\n",
    );
    desk.edit(
        "benefits/schedule.toml",
        "attested_by = \"family-support\"",
        "attested_by = \"housing\"",
    );
    desk
}

const JOINED_SIGNERS: [&str; 4] = [
    "--key payroll.secret --as payroll-administration",
    "--key board.secret --as payroll-administration --board",
    "--key support.secret --as family-support",
    "--key housing.secret --as housing",
];

#[test]
fn a_recipient_that_joined_by_an_annex_runs_with_its_own_caseload_once_everybody_has_signed_it() {
    let desk = joining();
    desk.call("check benefits").well();
    for signer in JOINED_SIGNERS {
        let said = desk.call("run benefits");
        assert_eq!(said.code, 2, "{}", said.shown());
        assert!(said.out.contains("F1-party is broken"), "{}", said.shown());
        desk.call(&format!("sign benefits --annex benefits/annexes/housing.toml {signer}")).well();
    }
    let said = desk.call("run benefits").well();
    assert!(said.out.contains("permit    run by housing"), "{}", said.shown());
    assert!(said.out.contains("leads     14 opened"), "{}", said.shown());
    desk.call("audit benefits/work").well();
    let leads = desk.call("leads benefits --json").well().json();
    assert_eq!(leads.as_array().unwrap().len(), 14);
    let report = desk.read("benefits/work/report-2027Q1.html");
    assert!(report.contains("Housing Act (fictional), section 4"));
}

#[test]
fn one_recipient_does_not_read_what_lies_in_anothers_folder() {
    let desk = joining();
    for signer in JOINED_SIGNERS {
        desk.call(&format!("sign benefits --annex benefits/annexes/housing.toml {signer}")).well();
    }
    let theirs = desk.read("benefits/schedule.toml");
    desk.edit("benefits/schedule.toml", "recipient = \"housing\"\n", "");
    desk.edit(
        "benefits/schedule.toml",
        "attested_by = \"housing\"",
        "attested_by = \"family-support\"",
    );
    desk.call("run benefits").well();
    desk.write("benefits/schedule.toml", theirs);
    for words in ["leads benefits", "leads benefits --export all.csv", "run benefits"] {
        let said = desk.call(words);
        assert_eq!(said.code, 1, "{words}: {}", said.shown());
        assert!(said.err.contains("is the node of"), "{words}: {}", said.shown());
        assert!(said.err.contains("--out"), "{words}: {}", said.shown());
    }
    assert!(!desk.exists("all.csv"));
    desk.call("run benefits --out housing").well();
}

#[test]
fn two_annexes_for_one_party_are_refused_whichever_comes_first() {
    let desk = joining();
    for signer in JOINED_SIGNERS {
        desk.call(&format!("sign benefits --annex benefits/annexes/housing.toml {signer}")).well();
    }
    let forged = desk.read("benefits/annexes/housing.toml").replace("Housing Act", "Forged Act");
    desk.write("benefits/annexes/a.toml", forged);
    for words in ["run benefits", "check benefits"] {
        let said = desk.call(words);
        assert_eq!(said.code, 1, "{words}: {}", said.shown());
        let flat = said.shown().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("so does another annex"), "{words}: {flat}");
    }
}

#[test]
fn check_lists_what_the_folder_lacks_and_what_would_not_count() {
    let desk = signed();
    desk.call("check benefits").well();
    let recipe = desk.read("benefits/recipe.toml");
    desk.write("benefits/recipe.toml", recipe.replace("Q1", "Q2") + "\nname = \"twice\"\n");
    desk.write("benefits/signatures/rubbish.toml", "nothing = 1\n");
    let publications = desk.read("benefits/publications.toml");
    let about = publications.lines().next().unwrap().to_owned();
    desk.write("benefits/publications.toml", publications.replace(&about, ""));
    fs::remove_file(desk.path("benefits/schedule.toml")).unwrap();
    let said = desk.call("check benefits --json");
    assert_eq!(said.code, 1, "{}", said.shown());
    let value = said.json();
    let mut files: Vec<&str> =
        value["problems"].as_array().unwrap().iter().map(|p| p["file"].as_str().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(
        files,
        [
            "benefits/publications.toml",
            "benefits/recipe.toml",
            "benefits/schedule.toml",
            "benefits/signatures/rubbish.toml",
        ]
    );
    desk.write("benefits/recipe.toml", recipe + "\n# another\n");
    fs::remove_file(desk.path("benefits/recipe.toml")).unwrap();
    assert!(desk.call("check benefits").shown().contains("it is not there, nor a model"));
}

#[test]
fn a_joined_caseload_far_over_its_own_stated_number_stops_the_run() {
    let desk = joining();
    desk.edit("benefits/annexes/housing.toml", "approx_count = 470", "approx_count = 400");
    for signer in JOINED_SIGNERS {
        desk.call(&format!("sign benefits --annex benefits/annexes/housing.toml {signer}")).well();
    }
    let said = desk.call("run benefits");
    assert_eq!(said.code, 2, "{}", said.shown());
    assert!(said.out.contains("caseload: 500 of about 400"), "{}", said.shown());
}

#[test]
fn an_annex_takes_no_signature_that_would_not_count_and_no_recipient_runs_without_one() {
    let desk = joining();
    let before = desk.read("benefits/annexes/housing.toml");
    for words in ["--key board.secret --as family-support", "--key support.secret --as nobody"] {
        let said =
            desk.call(&format!("sign benefits --annex benefits/annexes/housing.toml {words}"));
        assert_eq!(said.code, 1, "{}", said.shown());
    }
    assert_eq!(desk.read("benefits/annexes/housing.toml"), before);
    desk.edit("benefits/annexes/housing.toml", "id = \"housing\"", "id = \"other\"");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 1, "{}", said.shown());
    assert!(said.err.contains("`recipient` joined by no annex"), "{}", said.shown());
}

#[test]
fn two_annexes_name_one_register_for_one_recipient_and_two_for_two() {
    let desk = joining();
    let key = |party: &str| {
        let words = format!("register {party} --begin --as {party} --test --json");
        desk.call(&words).well().json()["register"].as_str().unwrap_or_default().to_owned()
    };
    let (own, other) = (key("housing"), key("elsewhere"));
    let annex = desk.read("benefits/annexes/housing.toml");
    let naming = |party: &str, key: &str| {
        let line = format!("id = \"{party}\"\nrequests_key = \"{key}\"");
        annex.replace("id = \"housing\"", &line)
    };
    let found = |of_second: String| -> Vec<String> {
        desk.write("benefits/annexes/housing.toml", naming("housing", &own));
        desk.write("benefits/annexes/second.toml", of_second);
        let problems = desk.call("check benefits --json").json()["problems"].clone();
        let what = problems.as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap());
        what.filter(|what| what.contains("register of requests")).map(str::to_owned).collect()
    };
    let taken = found(naming("health", &own));
    assert!(taken.len() == 1 && taken[0].contains("which joins by"), "{taken:?}");
    let two = found(naming("housing", &other));
    assert!(two.len() == 1 && two[0].contains("another register of requests in"), "{two:?}");
    assert_eq!(found(naming("housing", &own)), Vec::<String>::new());
    assert_eq!(found(naming("health", &other)), Vec::<String>::new());
}
