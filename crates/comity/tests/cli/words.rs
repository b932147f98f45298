//! What is said of words that are off, of help, of errors, and by commands that stand alone.

use std::fs;

use super::command::Desk;
use super::signing::signed;
use super::{check, ran};
use expect_test::expect;

#[test]
fn law_packs_are_listed_shown_and_held_against_their_own_vectors() {
    let desk = Desk::whole();
    check(
        &desk.call("law list"),
        &expect![[r"
        floor      2026-11-29 The floor of Comity
        us-cmppa   2026-11-27 Computer Matching and Privacy Protection Act, 5 U.S.C.
                              552a(o)-(v)

        A pack is not legal advice: have it read by a lawyer of the place.
        --- exit code 0
    "]],
    );
    let said = desk.call("law show us-cmppa");
    said.fits();
    let first: Vec<&str> = said.out.lines().take(4).collect();
    expect![[r"
        us-cmppa of 2026-11-27: Computer Matching and Privacy Protection Act, 5 U.S.C.
                  552a(o)-(v)
        digest    sha256:b0328e4b43ec531fccf6548854b0321f1aedff149566201c9c3e4ad18241b3f5
        applies   A computerised comparison of two or more automated federal systems of"]]
    .assert_eq(&first.join("\n"));
    // Wrapped to the terminal, so looked for with its line ends taken out.
    let flat = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in [
        "a last day without work moves to the next working day, calendar `us-federal`, days of America/New_York, \
         a period the program itself fixes stands instead, in force from 1990-11-05",
        "the program's own period counts if longer, in force from 1988-10-18 to 1990-11-04",
        "calendar `us-federal`, 11 holidays: New Year's Day;",
    ] {
        assert!(flat.contains(shown), "{shown}");
    }
    check(
        &desk.call("law test us-cmppa"),
        &expect![[r"
            vectors   90 right, 0 wrong
            --- exit code 0
        "]],
    );
    check(
        &desk.call("law show no-such"),
        &expect![[r"
        --- standard error
        error: there is no law pack `no-such`; `comity law list` shows them
        --- exit code 1
    "]],
    );
    for words in ["law list --json", "law show floor --json", "law test floor --json"] {
        desk.call(words).well().json();
    }
}

#[test]
fn the_same_seed_makes_the_same_people_and_another_seed_makes_others() {
    let desk = Desk::whole();
    let words = "--payroll-people 60 --caseload-people 50";
    check(
        &desk.call(&format!("synth one --seed 7 {words}")),
        &expect![[r"
        payroll   one/payroll.csv (64 records)
        caseload  one/caseload.csv (50 records)
        truth     15 people in both, 16 pairs of one person; the columns truth_… say
                  which
        --- exit code 0
    "]],
    );
    desk.call(&format!("synth two --seed 7 {words}")).well();
    desk.call(&format!("synth three --seed 8 {words} --json")).well().json();
    for file in ["payroll.csv", "caseload.csv"] {
        let read = |folder: &str| desk.read(&format!("{folder}/{file}"));
        assert_eq!(read("one"), read("two"));
        assert_ne!(read("one"), read("three"));
    }
}

#[test]
fn words_that_are_off_end_with_64_and_say_what_would_be_right() {
    let desk = ran();
    for words in [
        "",
        "run",
        "run benefits --frob",
        "leads benefits --stage foo",
        "review benefits 2027Q1-0001 --judgement maybe --reason x --officer o",
        "sign benefits --key k --as x --answer perhaps",
        "stay",
        "no-such-command",
    ] {
        let words: Vec<&str> = words.split_whitespace().collect();
        let said = desk.call_with(&words);
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{words:?}");
        assert!(!said.err.is_empty());
        let said = desk.call_with(&[&words[..], &["--json"]].concat());
        assert_eq!(said.code, 64, "{words:?}");
        assert!(said.json()["error"].is_string());
    }
    check(
        &desk.call_with(&["run"]),
        &expect![[r"
        --- standard error
        error: the following required arguments were not provided:
          <PROGRAM>

        Usage: comity run <PROGRAM>

        For more information, try '--help'.
        --- exit code 64
    "]],
    );
    check(
        &desk.call_with(&["leads", "benefits", "--stage", "foo"]),
        &expect![[r"
        --- standard error
        error: invalid value 'foo' for '--stage <STAGE>'
          [possible values: open, reviewed, held, closed]

        For more information, try '--help'.
        --- exit code 64
    "]],
    );
}

#[test]
fn help_fits_a_terminal_and_lists_every_command() {
    let desk = Desk::whole();
    check(
        &desk.call_with(&["--help"]),
        &expect![[r"
            Lawful data matching between two agencies: the agreement is the access rule, a
            refusal gives all its reasons, a score only opens a lead, and a ledger that
            anybody can verify keeps what was done

            Usage: comity [OPTIONS] <COMMAND>

            Commands:
              run        Runs a matching program for a cycle: from the agreement to leads,
                         report and ledger
              look-up    Looks persons of the caseload up who are named one by one; each
                         counts, and takes a permit
              register   Says how many persons were asked about by name over all of a
                         recipient's programs, or begins to count
              leads      Lists leads, or exports them with what was returned
              explain    Explains a lead: every part of its weight
              review     Records a person's judgement of a lead
              calibrate  Makes another model of the agreement's by what people judged of its
                         leads
              stay       Records, lists or lifts a stay of an authority, or a source's own
                         stop
              seal       Keeps a disclosure from the person concerned for a time, under a
                         cited power
              audit      Verifies a ledger in a folder or at an address, bytes and meaning
              new        Begins a program with a commented agreement
              check      Lists everything missing or wrong in an agreement and its schedule
              key        Makes a key, or changes one for another
              sign       Signs an agreement: accepts, rejects or revokes it
              law        Lists, shows or tests law packs
              link       Links files of your own, without an agreement: profile, train,
                         link, evaluate …
              receipt    Makes the receipt of a ledger's entry, verifies one with no network
                         and no database, or finds a person's entries
              witness    Cosigns other ledgers' checkpoints, or asks others to cosign this
                         one's
              serve      Serves the node: console, the person's door, and the interface for
                         programs
              demo       Shows it all on synthetic people: a node with cases at every stage,
                         and an account for each role
              account    Makes, lists or changes accounts of officers; the first one is made
                         here
              backup     Copies case store and ledger into a folder, without any key
              restore    Puts a backup back where there is neither case store nor ledger
              destroy    Destroys what was obtained under the agreement, once the day has
                         come
              synth      Makes two files of synthetic people with known truth

            Options:
                  --json     Prints JSON instead of lines
              -h, --help     Print help
              -V, --version  Print version
            --- exit code 0
        "]],
    );
    for command in [
        "run",
        "look-up",
        "register",
        "leads",
        "explain",
        "review",
        "calibrate",
        "stay",
        "stay record",
        "stay list",
        "stay lift",
        "seal",
        "audit",
        "new",
        "check",
        "key",
        "key new",
        "key rotate",
        "sign",
        "law",
        "law list",
        "law show",
        "law test",
        "synth",
    ] {
        let words = format!("{command} --help");
        let said = desk.call_with(&words.split(' ').collect::<Vec<_>>());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command}");
        said.fits();
    }
}

#[test]
fn an_error_is_one_json_value_where_json_was_asked_for() {
    let desk = ran();
    desk.write("broken.toml", "order =");
    for words in [
        "run nowhere",
        "run benefits --cycle 2030Q1",
        "leads nowhere",
        "leads benefits --out elsewhere",
        "explain benefits 2027Q1-9999",
        "review benefits 2027Q1-9999 --judgement same --reason x --officer o",
        "stay record benefits broken.toml",
        "stay lift benefits 9 --order x --authority y",
        "audit nowhere",
        "new benefits",
        "check nowhere",
        "key rotate none.secret new.secret --program benefits --as family-support",
        "sign benefits --key none.secret --as family-support",
        "law show no-such",
        "law test no-such",
        "synth benefits/agreement.toml/x",
    ] {
        let said = desk.call(&format!("{words} --json"));
        assert_eq!(said.code, 1, "{words}");
        let value = said.json();
        assert!(value["error"].is_string(), "{words}: {value}");
    }
}

#[test]
fn the_clock_is_the_machines_outside_a_test() {
    let desk = Desk::whole();
    desk.edit("benefits/agreement.toml", "environment = \"test\"", "environment = \"production\"");
    desk.edit("benefits/agreement.toml", "demonstration = true\n", "");
    desk.edit("benefits/agreement.toml", "\"test-ed25519:", "\"ed25519:");
    desk.call("key new production.secret").well();
    let said = desk.call("sign benefits --key production.secret --as family-support");
    assert!(said.err.contains("the clock can only be set"), "{}", said.err);
    assert!(desk.list("benefits/signatures").is_empty());
    check(
        &desk.call("run benefits"),
        &expect![[r"
        --- standard error
        error: the clock can only be set under an agreement whose environment is `test`
        hint: leave `--now` out
        --- exit code 1
    "]],
    );
}

#[test]
fn accounts_at_the_command_line_are_asked_of_the_gate_and_in_the_ledger_and_the_first_needs_no_signature()
 {
    let desk = signed();
    fs::remove_dir_all(desk.path("benefits/signatures")).unwrap();
    desk.write("node.toml", "program = \"benefits\"\n");
    desk.write("password", "four words nobody joins\n");
    let account = |words: &str| desk.call(&format!("account --config node.toml {words}"));
    let first = account("add one --name One --role operator --password-file password");
    assert_eq!(first.code, 0, "{}", first.shown());
    // Nobody sits on the board and works on cases, whoever asks.
    for words in [
        "add two --name Two --role board_member --role reviewer --password-file password",
        "roles one --role auditor --role verifier",
    ] {
        let refused = account(words);
        assert_eq!(refused.code, 2, "{}", refused.shown());
        assert!(refused.shown().contains("administer: "), "{}", refused.shown());
    }
    let listed = account("list");
    assert!(listed.out.contains("one") && listed.out.contains("operator"), "{}", listed.out);
    assert!(!listed.out.contains("two") && !listed.out.contains("auditor"), "{}", listed.out);
    for words in ["roles one --role reviewer", "reset one --password-file password", "close one"] {
        let said = account(words);
        assert_eq!(said.code, 0, "{words}: {}", said.shown());
    }
    // The newest bundle holds them all: there are fewer than 256.
    let bundles = "benefits/work/ledger/tile/entries/000.p";
    let newest = desk.list(bundles).into_iter().max_by_key(|name| name.parse::<u16>().unwrap());
    let newest = fs::read(desk.path(&format!("{bundles}/{}", newest.unwrap()))).unwrap();
    let ledger = String::from_utf8_lossy(&newest);
    let count = |kind: &str| {
        let entries = ledger.split("{\"at\":\"");
        let asked = entries.filter(|entry| entry.contains("\"act\":\"administer\""));
        asked.filter(|entry| entry.contains(&format!("\"kind\":\"{kind}\""))).count()
    };
    assert_eq!((count("decision.permitted"), count("decision.refused")), (4, 2), "{ledger}");
    desk.call("audit benefits/work").well();
}
