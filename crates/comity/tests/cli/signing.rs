//! An agreement on its way: written, checked, signed, revoked, and keys that change.

use std::fs;

use super::check;
use super::command::Desk;
use expect_test::expect;

#[test]
fn a_new_program_is_a_template_and_check_lists_every_place_that_is_to_be_filled_in() {
    let desk = Desk::whole();
    check(
        &desk.call("new fresh"),
        &expect![[r"
        new       fresh/agreement.toml
        next      fill it in, then: comity check fresh/agreement.toml
        --- exit code 0
    "]],
    );
    check(
        &desk.call("new fresh"),
        &expect![[r"
        --- standard error
        error: `fresh/agreement.toml` is there already
        hint: name another place, or move away what is there: nothing is written over
        --- exit code 1
    "]],
    );
    let said = desk.call("check fresh");
    said.fits();
    assert_eq!(said.code, 1);
    let template = desk.read("fresh/agreement.toml");
    let problems = desk.call("check fresh --json").json();
    let problems = problems["problems"].as_array().unwrap();
    for (number, line) in template.lines().enumerate().filter(|(_, line)| line.contains("\"TODO")) {
        let listed = problems.iter().any(|problem| problem["line"] == number + 1);
        assert!(listed, "line {} is not listed: {line}", number + 1);
    }
    let files: std::collections::BTreeSet<&str> =
        problems.iter().map(|problem| problem["file"].as_str().unwrap()).collect();
    let lacking = ["fresh/agreement.toml", "fresh/recipe.toml", "fresh/schedule.toml"];
    assert_eq!(files.into_iter().collect::<Vec<_>>(), lacking);
    for problem in problems {
        let file = problem["file"].as_str().unwrap();
        let at = format!("{file}:{}:{}: ", problem["line"], problem["column"]);
        assert!(said.out.contains(&at), "{at}");
        assert!(problem["remedy"].as_str().unwrap().len() > 5);
    }
    let cited = problems.iter().filter(|problem| problem["cite"].is_string()).count();
    assert!(cited * 10 > problems.len() * 8, "{cited} of {} have a citation", problems.len());
    let first: String = said.out.lines().take(6).collect::<Vec<_>>().join("\n");
    expect![[r"
        fresh/agreement.toml:8:11: `program` is still a placeholder
          write this: The short name of the matching program
        fresh/agreement.toml:9:9: `title` is still a placeholder
          write this: The title of the agreement
        fresh/agreement.toml:17:10: `term.begins` is still a placeholder (5 U.S.C.
            552a(o)(1)(C))"]]
    .assert_eq(&first);
    expect!["check     78 to mend in fresh/agreement.toml"]
        .assert_eq(said.out.lines().last().unwrap());
}

#[test]
fn check_finds_nothing_to_mend_in_the_worked_example() {
    let desk = Desk::whole();
    check(
        &desk.call("check benefits"),
        &expect![[r"
            check     nothing is missing or wrong
            agreement sha256:<digest>
            register  family-support counts its look-ups in
                      family-support.comity.example/requests-test+1a220e93+Ad4UvblFTSEifAlCduPEd28upiYwFccItZaYUoiN38DH
            recipe    sha256:<digest>
            --- exit code 0
        "]],
    );
    assert_eq!(desk.call("check benefits --json").json()["problems"], serde_json::json!([]));
    check(
        &desk.call("check nowhere"),
        &expect![[r"
        --- standard error
        error: `nowhere` cannot be read: No such file or directory (os error 2)
        hint: check that the path is right, that it is text, and that you may read it
        --- exit code 1
    "]],
    );
}

#[test]
fn a_key_is_made_once_and_is_its_owners_alone_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::whole();
    check(
        &desk.call("key new payroll.secret --test"),
        &expect![[r"
        secret    payroll.secret (only you can read it; keep it so)
        public    test-ed25519:<digest>
        --- exit code 0
    "]],
    );
    let mode = fs::metadata(desk.path("payroll.secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = desk.read("payroll.secret");
    check(
        &desk.call("key new payroll.secret --test"),
        &expect![[r"
        --- standard error
        error: `payroll.secret` is there already
        hint: name another place, or move away what is there: nothing is written over
        --- exit code 1
    "]],
    );
    assert_eq!(desk.read("payroll.secret"), before);
    let other = desk.call("key new other.secret --json").json();
    assert!(other["public"].as_str().unwrap().starts_with("ed25519:"));
    assert!(!other.to_string().contains(desk.read("other.secret").trim()));
}

/// The example as its parties would set it up.
pub(super) fn signed() -> Desk {
    let desk = Desk::small();
    desk.sign();
    desk
}

#[test]
fn a_program_with_keys_of_its_own_runs_once_everybody_has_signed() {
    let desk = signed();
    check(
        &desk.call("run benefits"),
        &expect![[r"
            permit    run by family-support until 2027-04-03T09:00:00Z, entry 1
            read      payroll.csv 500 records, caseload.csv 500 records
            train     recipe 1858c80b9478… gives model 2b47b8946ab2…
            compare   294 pairs by 5 rules, of 250,000 possible
            weigh     50 over 6.00, 50 kept, 100.0 % expected right, 14 with discrepancy
            leads     14 opened
            release   4 elements about 14 persons in 1 chunk, after entry 7
            report    benefits/work/report-2027Q1.html
            ledger    benefits/work/ledger (9 entries, signed)
            next      comity leads benefits
                      comity audit benefits/work
            --- exit code 0
        "]],
    );
    assert_eq!(desk.list("benefits/signatures").len(), 3);
    desk.call("audit benefits").well();
}

#[test]
fn a_program_that_one_board_has_not_signed_is_refused() {
    let desk = signed();
    let board = desk.list("benefits/signatures").into_iter().find(|name| name.contains("board"));
    fs::remove_file(desk.path(&format!("benefits/signatures/{}", board.unwrap()))).unwrap();
    check(
        &desk.call("run benefits"),
        &expect![[r"
        refused   run: 1 rule is broken

          F1-boards is broken
            rule: every board that the agreement names has approved it
            here: `payroll-administration`
            law:  floor F1; 5 U.S.C. 552a(u)(3)(A)
            do:   each board that is missing signs, or attests the digest of a signed
                  document
        --- exit code 2
    "]],
    );
}

#[test]
fn a_revoked_agreement_is_refused_from_then_on() {
    let desk = signed();
    desk.call("run benefits").well();
    let words = "sign benefits --key support.secret --as family-support --answer revoke";
    check(
        &desk.call_at("2027-04-03T09:00:00Z", words),
        &expect![[r"
        sign      family-support (party): revoke sha256:<digest>
        file      benefits/signatures/family-support-party-revoke-20270403T090000Z.toml
        --- exit code 0
    "]],
    );
    let said = desk.call_at("2027-04-03T10:00:00Z", "leads benefits");
    check(
        &said,
        &expect![[r"
        refused   read: 1 rule is broken

          F1-revoked is broken
            rule: nobody who signed has revoked the agreement
            here: `family-support (party)`
            law:  floor F1; 5 U.S.C. 552a(q)
            do:   a revocation is final: agree anew
        --- exit code 2
    "]],
    );
}

#[test]
fn a_key_is_changed_by_a_statement_of_the_old_one_and_signs_from_then_on() {
    let desk = signed();
    let words = "key rotate support.secret support-2.secret --program benefits --as family-support";
    check(
        &desk.call_at("2027-02-01T09:00:00Z", words),
        &expect![[r"
        statement benefits/keys/family-support-party-20270201T090000Z.toml
        public    test-ed25519:<digest>
        --- exit code 0
    "]],
    );
    desk.call("run benefits").well();
    let words = "sign benefits --key support-2.secret --as family-support --answer revoke";
    desk.call_at("2027-04-03T09:00:00Z", words).well();
    assert_eq!(desk.call_at("2027-04-03T10:00:00Z", "leads benefits").code, 2);
}

#[test]
fn a_key_that_was_changed_before_is_not_changed_again_and_no_statement_is_written_over() {
    let desk = signed();
    let rotate = |old: &str, new: &str| {
        let words = format!("key rotate {old} {new} --program benefits --as family-support");
        desk.call_at("2027-02-01T09:00:00Z", &words)
    };
    rotate("support.secret", "support-2.secret").well();
    let first = "benefits/keys/family-support-party-20270201T090000Z.toml";
    let statement = desk.read(first);
    check(
        &rotate("support.secret", "support-3.secret"),
        &expect![[r"
            --- standard error
            error: the old key of `family-support (party)` was changed for another before
            hint: name the secret of the newest key; the program's `keys` folder holds the changes so far
            --- exit code 1
        "]],
    );
    assert!(!desk.exists("support-3.secret"), "no key is made that nothing leads to");
    // The newest one is changed, in the same second: each statement has a file of its own.
    rotate("support-2.secret", "support-3.secret").well();
    assert_eq!(desk.read(first), statement);
    let statements = desk.list("benefits/keys");
    assert_eq!(statements.len(), 2, "{statements:?}");
    desk.call("run benefits").well();
    // A key that never was the party's is not changed either.
    let said = rotate("board.secret", "support-4.secret");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("names a key that is not its party key"), "{}", said.err);
    assert_eq!(desk.list("benefits/keys"), statements);
    let words = "sign benefits --key support-3.secret --as family-support --answer revoke";
    desk.call_at("2027-04-03T09:00:00Z", words).well();
}

#[test]
fn a_signature_that_would_not_count_is_not_written() {
    let desk = signed();
    let before = desk.list("benefits/signatures");
    let strangers = [
        "sign benefits --key board.secret --as family-support",
        "sign benefits --key support.secret --as nobody",
    ];
    let mut text = String::new();
    for words in strangers {
        let said = desk.call(words);
        assert_eq!(said.code, 1);
        text.push_str(&said.err);
    }
    desk.call("key new production.secret").well();
    let said = desk.call("sign benefits --key production.secret --as family-support");
    assert_eq!(said.code, 1);
    text.push_str(&said.err);
    expect![[r"
        error: the statement of `family-support` names a key that is not its party key in this agreement
        hint: a new key needs a key change signed with the old key
        error: `nobody` is no party of this agreement
        error: a key for `production` cannot sign for `test`: keys are never promoted
        hint: make a key for that environment with `comity key new`
    "]].assert_eq(&text);
    assert_eq!(desk.list("benefits/signatures"), before);
}
