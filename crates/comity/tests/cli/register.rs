//! Look-ups, and the register in which they are counted.

use std::fs;

use super::command::Desk;
use super::signing::signed;

/// The worked example with a pilot of fourteen leads, which people have judged; the others are held.
fn piloted() -> Desk {
    let desk = Desk::whole();
    let pilot = "sample = 40\nbound_percent = 10";
    desk.edit("benefits/agreement.toml", pilot, "sample = 14\nbound_percent = 20");
    desk.call("run benefits --json").well();
    let open = desk.call("leads benefits --stage open --json").well().json();
    for lead in open.as_array().into_iter().flatten() {
        let lead = lead["lead"].as_str().unwrap_or_default();
        let words = format!("review benefits {lead} --judgement same --reason seen --officer one");
        desk.call(&words).well();
    }
    desk.write("node.toml", "program = \"benefits\"\n");
    desk.call("account --config node.toml add officer-3 --name Three --role verifier --system")
        .well();
    desk
}

#[test]
fn an_officer_looks_two_persons_up_and_hears_which_leads_there_are() {
    let desk = piloted();
    let header = "case_id,given_name,surname,date_of_birth,address,postcode,telephone\n";
    let text = desk.read("benefits/caseload.csv");
    // Every case that lacks nothing, as a row of its own: number, names, birth, address, postcode, telephone.
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let given = [0, 1, 2, 3, 4, 6, 7].map(|place| fields[place]);
        given.iter().all(|value| !value.is_empty()).then(|| given.join(","))
    };
    let rows: Vec<String> = text.lines().skip(1).filter_map(row).collect();
    desk.write("rows.csv", header.to_owned() + &rows[..60].join("\n") + "\n");
    let said = desk.call("look-up benefits rows.csv --officer officer-3 --json").well().json();
    assert_eq!((&said["look_up"], &said["persons"]), (&"look-up-1".into(), &60.into()));
    let answers = said["answers"].as_array().unwrap();
    let found: Vec<_> =
        answers.iter().filter(|answer| !answer["leads"].as_array().unwrap().is_empty()).collect();
    assert!(!found.is_empty() && found.len() < 60, "{said}");
    let (case, lead) = (found[0]["case"].as_str().unwrap(), &found[0]["leads"][0]["lead"]);
    let nothing = answers.iter().find(|answer| {
        answer["leads"] == serde_json::json!([]) && answer["opened_before"] == serde_json::json!([])
    });
    let nothing = nothing.unwrap()["case"].as_str().unwrap();

    // Asked again, the one has a lead of before and the other still none.
    let given = |case: &str| rows.iter().find(|row| row.starts_with(case)).unwrap().clone();
    let two = format!("{header}{}\n{}\n", given(case), given(nothing));
    desk.write("two.csv", two);
    let again = desk.call("look-up benefits two.csv --officer officer-3").well();
    again.fits();
    let lead = lead.as_str().unwrap();
    assert!(again.out.contains(&format!("{case}: lead {lead} is of before")), "{}", again.out);
    assert!(again.out.contains(&format!("{nothing}: nothing to look at")), "{}", again.out);
    assert!(desk.call(&format!("explain benefits {lead}")).well().out.contains(lead));

    // Who has no account has no role, and 62 and 39 persons are one too many.
    desk.write("more.csv", header.to_owned() + &rows[60..99].join("\n") + "\n");
    let refused = desk.call("look-up benefits more.csv --officer nobody");
    refused.fits();
    assert_eq!(refused.code, 2, "{}", refused.shown());
    for rule in ["role-request-records is broken", "F4-persons is broken"] {
        assert!(refused.out.contains(rule), "{rule}: {}", refused.out);
    }
    // A row that lacks something in the officer's own file is named; one that isn't as the caseload has it is not.
    let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let (mut lacks, mut guessed) = (fields(&rows[60]), fields(&rows[61]));
    lacks[6] = "unknown".to_owned();
    guessed[6] = "555010009999".to_owned();
    let ask = |rows: &[&[String]], words: &str| {
        let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        desk.write("off.csv", header.to_owned() + &rows.join("\n") + "\n");
        desk.call(&format!("look-up benefits off.csv --officer officer-3{words}"))
    };
    let told = ask(&[&guessed, &lacks], "");
    told.fits();
    assert_eq!(told.code, 2, "{}", told.shown());
    assert!(told.out.contains("row       2 lacks telephone\n"), "{}", told.out);
    assert!(!told.out.contains("row       1"), "{}", told.out);
    let json = ask(&[&guessed, &lacks], " --json").json();
    assert_eq!(json["rows"], serde_json::json!([{ "row": 2, "lacks": ["telephone"] }]));
    let told = ask(&[&fields(&rows[62]), &guessed], "");
    told.fits();
    assert!(told.out.contains("Which ones is not said"), "{}", told.out);
    assert_eq!(ask(&[&guessed], " --json").json()["rows"], serde_json::json!([]));
    let audited = desk.call("audit benefits/work").well();
    let one_line = audited.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for counted in [
        "62 persons were asked about by name, never more than 100 in 90 days",
        "each of 2 look-ups is in the register of requests, which is sound",
    ] {
        assert!(one_line.contains(counted), "{}", audited.out);
    }
}

#[test]
fn the_register_of_requests_is_begun_once_and_says_what_was_asked_over_all_programs() {
    let desk = piloted();
    desk.edit(
        "benefits/schedule.toml",
        "program = \"benefits\"",
        "program = \"benefits\"\nrequests = \"../asked\"",
    );
    let header = "case_id,given_name,surname,date_of_birth,address,postcode,telephone\n";
    desk.write("rows.csv", header.to_owned() + "C0000001,,,,,,\n");
    let missing = desk.call("look-up benefits rows.csv --officer officer-3");
    missing.fits();
    assert_eq!(missing.code, 1, "{}", missing.shown());
    for begins in ["comity register FOLDER --begin --as PARTY", "comity register PROGRAM --begin"] {
        assert!(missing.shown().contains(begins), "{}", missing.shown());
    }
    let begun = desk.call("register benefits --begin").well();
    begun.fits();
    assert!(desk.path("asked/ledger/checkpoint").exists());
    let again = desk.call("register benefits --begin");
    assert_eq!(again.code, 1, "{}", again.shown());
    let shown = desk.call("register benefits").well();
    shown.fits();
    assert!(
        shown.out.contains("0 asked about by name in the last 90 days; 100 may be"),
        "{}",
        shown.out
    );
    let audited = desk.call("audit asked").well();
    assert!(audited.out.contains("sound"), "{}", audited.out);
    // Where none waits there is nothing to decide, whoever asks, and nothing is recorded.
    let entries = || desk.call("audit benefits/work --json").well().json()["entries"].clone();
    let before = entries();
    for officer in ["officer-3", "nobody"] {
        let nothing =
            desk.call(&format!("look-up benefits --give-up look-up-1 --officer {officer}"));
        nothing.fits();
        assert_eq!(nothing.code, 1, "{}", nothing.shown());
        assert!(
            nothing.shown().contains("`look-up-1` is no look-up that was broken off"),
            "{}",
            nothing.shown()
        );
    }
    assert_eq!(entries(), before);
}

#[test]
fn a_restore_puts_back_program_and_register_or_neither_and_the_register_alone_where_it_is_told_to()
{
    let desk = piloted();
    let header = "case_id,given_name,surname,date_of_birth,address,postcode,telephone\n";
    let text = desk.read("benefits/caseload.csv");
    let row = text.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let given = [0, 1, 2, 3, 4, 6, 7].map(|place| fields[place]);
        given.iter().all(|value| !value.is_empty()).then(|| given.join(","))
    });
    desk.write("rows.csv", header.to_owned() + &row.unwrap() + "\n");
    desk.call("look-up benefits rows.csv --officer officer-3").well();
    let backed_up = desk.call("backup benefits --to backup --json").well().json();
    assert_eq!(backed_up["register"]["entries"], 1);
    assert_eq!(backed_up["register_left_out"], serde_json::Value::Null);
    let work = |name: &str| format!("benefits/work/{name}");
    let ledgers = ["ledger", "requests/ledger"].map(work);
    let lose = |name: &str| {
        let path = desk.path(&work(name));
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    };
    let restore = |words: &str| {
        let said = desk.call(&format!("restore benefits --from backup{words}"));
        said.fits();
        said
    };
    // The register is lost and the program is there: nothing of either is put back, but the register alone.
    lose("requests/ledger");
    let both = restore("");
    assert_eq!(both.code, 1, "{}", both.shown());
    assert!(!desk.exists(&ledgers[1]), "the program stands in the way");
    let alone = restore(" --register-only").well();
    assert!(alone.out.contains("1 entries put back"), "{}", alone.out);
    assert!(alone.out.contains("sound"), "{}", alone.out);
    desk.call("audit benefits/work").well();
    assert!(restore(" --register-only").well().out.contains("stays as it is"));
    // Both are lost, and a key of the register is not there yet: nothing of the program is put back either.
    for name in std::iter::once("requests/ledger".to_owned())
        .chain(desk.list("benefits/work").into_iter().filter(|name| {
            name.starts_with("casework.") || name.starts_with("report-") || name == "ledger.vkey"
        }))
        .chain(["ledger".to_owned()])
    {
        lose(&name);
    }
    let secret = work("requests/keys/officers.secret");
    fs::rename(desk.path(&secret), desk.path("kept")).unwrap();
    let without = restore("");
    assert_eq!(without.code, 1, "{}", without.shown());
    assert!(!desk.exists(&ledgers[0]) && !desk.exists(&work("casework.sqlite")));
    fs::rename(desk.path("kept"), desk.path(&secret)).unwrap();
    let both = restore("").well();
    assert!(both.out.contains("1 entries put back"), "{}", both.out);
    desk.call("audit benefits/work").well();
    // A backup without the register, though one should be in it, says so; and so does the restore from it.
    lose("requests/ledger");
    let less = desk.call("backup benefits --to less").well();
    less.fits();
    let flat = less.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("the register of requests is NOT in it: there is no register"), "{flat}");
    let nothing = desk.call("restore benefits --from less --register-only");
    nothing.fits();
    assert_eq!(nothing.code, 1, "{}", nothing.shown());
    assert!(nothing.err.contains("holds no register of requests"), "{}", nothing.shown());
}

#[test]
fn check_holds_the_register_at_hand_to_the_one_that_the_agreement_names() {
    let desk = signed();
    let begin = |folder: &str, party: &str| {
        let words = format!("register {folder} --begin --as {party} --test --json");
        desk.call(&words).well().json()["register"].as_str().unwrap_or_default().to_owned()
    };
    let (own, anothers) = (begin("asked", "family-support"), begin("others", "housing"));
    assert!(own.starts_with("family-support.comity.example/requests-test+"), "{own}");
    let begin_again = || desk.call("register asked --begin --as family-support --test");
    assert_eq!(begin_again().code, 1, "{}", begin_again().shown());
    // Nor is one begun anew under the key that agreements name: neither with the secret key nor where the public one is left.
    for left in ["asked/keys/ledger.secret", "asked/ledger.vkey"] {
        let kept = desk.read(left);
        fs::rename(desk.path("asked"), desk.path("away")).unwrap();
        desk.write(left, kept);
        let again = begin_again();
        again.fits();
        assert_eq!(again.code, 1, "{left}: {}", again.shown());
        assert!(again.shown().contains("--register-only"), "{}", again.shown());
        assert!(!desk.exists("asked/ledger"), "{left}: nothing was begun");
        fs::remove_dir_all(desk.path("asked")).unwrap();
        fs::rename(desk.path("away"), desk.path("asked")).unwrap();
    }
    desk.edit(
        "benefits/schedule.toml",
        "program = \"benefits\"",
        "program = \"benefits\"\nrequests = \"../asked\"",
    );
    let agreement = desk.read("benefits/agreement.toml");
    let line = agreement.lines().find(|line| line.starts_with("requests_key = ")).unwrap();
    let found = |written: &str| -> Vec<String> {
        desk.write("benefits/agreement.toml", agreement.replace(line, written));
        let problems = desk.call("check benefits --json").json()["problems"].clone();
        let of_schedule =
            |problem: &&serde_json::Value| problem["file"] == "benefits/schedule.toml";
        let problems = problems.as_array().unwrap().iter().filter(of_schedule);
        problems.map(|problem| problem["what"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&format!("requests_key = \"{own}\"")), Vec::<String>::new());
    let checked = desk.call("check benefits --json").json();
    assert_eq!(checked["registers"]["family-support"], serde_json::json!(own));
    for (written, says) in [
        (line.to_owned(), "../asked` has the key"),
        (String::new(), "the agreement names none for `family-support`"),
    ] {
        let found = found(&written);
        assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
        assert!(found[0].ends_with("look-ups are refused"), "{found:?}");
    }
    let found = found(&format!("requests_key = \"{anothers}\""));
    assert!(found.len() == 2 && found[0].contains("is called `family-support."), "{found:?}");
}
