//! Every command through the real binary: what it prints, and how it ends. The snapshots are what a user reads; look
//! at them with a user's eyes when they change.

#[path = "cli/calibrate.rs"]
mod calibrate;
mod command;

use command::{Desk, NOW, Said};
use expect_test::{Expect, expect};
use std::fs;
use std::sync::OnceLock;

/// A small program that has been run once; each test takes its own copy.
fn ran() -> Desk {
    static RAN: OnceLock<Desk> = OnceLock::new();
    RAN.get_or_init(|| {
        let desk = Desk::small();
        desk.call("run benefits").well();
        desk
    })
    .copied()
}

#[track_caller]
fn check(said: &Said, expected: &Expect) {
    said.fits();
    expected.assert_eq(&said.shown());
}

#[test]
fn a_good_run_says_in_about_ten_lines_what_was_done_and_what_to_type_next() {
    let desk = Desk::whole();
    let said = desk.call("run benefits");
    check(
        &said,
        &expect![[r"
            demo      synthetic people, throw-away keys, dates moved to today
            permit    run by family-support until 2027-04-03T09:00:00Z, entry 1
            read      payroll.csv 1,742 records, caseload.csv 1,450 records
            train     recipe 1858c80b9478… gives model cc90e50b8a0d…
            compare   2,963 pairs by 5 rules, of 2,525,900 possible
            weigh     410 over 6.00, 410 kept, 99.8 % expected right, 98 with discrepancy
            leads     40 opened, 58 held until the pilot of 40 is judged
            release   4 elements about 40 persons in 1 chunk, after entry 7
            report    benefits/work/report-2027Q1.html
            ledger    benefits/work/ledger (9 entries, signed)
            next      comity leads benefits
                      comity audit benefits/work
            --- exit code 0
        "]],
    );
    assert!(said.out.lines().count() <= 12);
    assert!(desk.exists("benefits/work/report-2027Q1.html"));
    let said = desk.call("run benefits");
    check(
        &said,
        &expect![[r"
            demo      synthetic people, throw-away keys, dates moved to today
            done      cycle 2027Q1 was run before; nothing is doubled
            leads     40 opened, 58 held until the pilot is judged
            report    benefits/work/report-2027Q1.html
            ledger    benefits/work/ledger (9 entries, signed)
            next      comity leads benefits
                      comity audit benefits/work
            --- exit code 0
        "]],
    );
    let said = desk.call("leads benefits");
    said.fits();
    let rows = said.out.lines().filter(|line| line.starts_with("2027Q1-")).count();
    assert_eq!(rows, 40, "held leads are counted, not listed");
    assert!(said.out.contains("and 58 held until the pilot is judged (--stage held)"));
}

#[test]
fn a_dry_run_tells_what_a_run_would_bring_and_opens_no_lead() {
    let desk = Desk::small();
    check(
        &desk.call("run benefits --dry-run"),
        &expect![[r"
            demo      synthetic people, throw-away keys, dates moved to today
            permit    run by family-support until 2027-04-03T09:00:00Z, entry 1
            read      payroll.csv 500 records, caseload.csv 500 records
            rule      birth + prefix(surname_plain, 2): 43 pairs, 43 so far
            rule      birth + prefix(given_plain, 2): 41 pairs, 44 so far
            rule      telephone: 285 pairs, 292 so far
            rule      given_plain + surname_plain + year(birth): 39 pairs, 294 so far
            rule      birth + given_plain against surname_plain: 0 pairs, 294 so far
            pairs     294 of 250,000 possible would be compared
            expect    46 pairs over 6.00 that are one person, 0.1 that are not
                      pairs, from the base rate alone, before discrepancy and one-to-one;
                      how many have the discrepancy cannot be known without looking
            dry run   no lead was opened; the permits are in the ledger
            --- exit code 0
        "]],
    );
    assert_eq!(desk.call("leads benefits --json").json(), serde_json::json!([]));
    assert!(!desk.exists("benefits/work/report-2027Q1.html"));
}

#[test]
fn a_run_gives_the_same_facts_as_json() {
    let desk = Desk::small();
    let facts = desk.call("run benefits --json").well().json();
    assert_eq!(facts["counts"]["leads_opened"], 14);
    assert_eq!(facts["counts"]["scored"], 294);
    assert_eq!(facts["run"], "2027Q1");
    let tried = desk.call("run benefits --json --dry-run").well().json();
    assert_eq!(tried["pairs"], 294);
}

#[test]
fn leads_are_listed_with_their_weights_and_no_persons_name() {
    let desk = ran();
    check(
        &desk.call("leads benefits"),
        &expect![[r"
            lead           stage     case               weight  probability
            2027Q1-0001    open      C0000335             9.81     0.999317
            2027Q1-0002    open      C0000273             7.52     0.997343
            2027Q1-0003    open      C0000047             6.35     0.994662
            2027Q1-0004    open      C0000391            22.82     1.000000
            2027Q1-0005    open      C0000035            20.01     0.999999
            2027Q1-0006    open      C0000378            21.52     1.000000
            2027Q1-0007    open      C0000343            25.40     1.000000
            2027Q1-0008    open      C0000310             6.43     0.994914
            2027Q1-0009    open      C0000168            12.74     0.999881
            2027Q1-0010    open      C0000476            20.62     0.999999
            2027Q1-0011    open      C0000052            23.82     1.000000
            2027Q1-0012    open      C0000197            20.36     0.999999
            2027Q1-0013    open      C0000301            25.15     1.000000
            2027Q1-0014    open      C0000419             8.99     0.998890

            next      comity explain benefits 2027Q1-0001
            --- exit code 0
        "]],
    );
    check(
        &desk.call("leads benefits --stage held"),
        &expect![[r"
        no leads
        --- exit code 0
    "]],
    );
    let leads = desk.call("leads benefits --json").well().json();
    assert_eq!(leads.as_array().unwrap().len(), 14);
}

#[test]
fn leads_are_exported_with_what_was_returned_as_csv_and_as_json() {
    let desk = ran();
    check(
        &desk.call("leads benefits --export leads.csv"),
        &expect![[r"
            export    14 leads to leads.csv
            --- exit code 0
        "]],
    );
    let csv = desk.read("leads.csv");
    assert_eq!(csv.lines().count(), 15);
    expect!["lead,cycle,stage,case,weight,probability,opened_at,reopens,payroll.employer,payroll.gross_pay,payroll.pay_from,payroll.pay_to"].assert_eq(csv.lines().next().unwrap());
    let fields = csv.lines().map(|line| line.split(',').count()).collect::<Vec<_>>();
    assert!(fields.iter().all(|count| *count == 12), "{fields:?}");

    let said = desk.call("leads benefits --export leads.json --json").well();
    assert_eq!(said.json(), serde_json::json!({ "export": "leads.json", "leads": 14 }));
    let leads: serde_json::Value = serde_json::from_str(&desk.read("leads.json")).unwrap();
    assert_eq!(leads.as_array().unwrap().len(), 14);
    let returned: Vec<_> = leads[0]["returned"].as_object().unwrap().keys().collect();
    assert_eq!(
        returned,
        ["payroll.employer", "payroll.gross_pay", "payroll.pay_from", "payroll.pay_to"]
    );
}

#[test]
fn a_lead_is_explained_part_by_part_and_the_parts_add_up_to_its_weight() {
    let desk = ran();
    check(
        &desk.call("explain benefits 2027Q1-0001 --svg lead.svg"),
        &expect![[r"
            lead 2027Q1-0001: how its weight came about (log2 odds)

            comparison     level                             m         u    part   freq.
            prior                                                         -12.31
            given_name     exact                        0.8966  0.016169    5.79   -0.09
            surname        exact                        0.8667  0.015428    5.81    0.76
            birth          exact                        0.8085  0.000047   14.07    0.00
            home           else                         0.0507  0.946256   -4.22    0.00
            kin            of one household, or else …                     -0.00    0.00
            weight         the sum of all parts                             9.81
            threshold      a lead needs this or more                        6.00

            probability 0.999317 that the two records are of one person, if the model is
                        right
                        0.000000 that they are kin of class 1, of which there are 4.684
                        pairs for each of one person, and which reach these levels with a
                        probability of: given_name 0.0006, surname 0.4089, birth 0.0000,
                        home 0.0324
            A lead is something to look at. It decides nothing.
            --- exit code 0
        "]],
    );
    assert!(desk.read("lead.svg").starts_with("<svg"));
    let facts = desk.call("explain benefits 2027Q1-0001 --json").well().json();
    let parts = facts["parts"].as_array().unwrap().iter();
    let sum: f64 = parts
        .map(|part| {
            part["partial_weight"].as_f64().unwrap() + part["frequency_part"].as_f64().unwrap()
        })
        .sum();
    let (prior, weight) = (facts["prior"].as_f64().unwrap(), facts["weight"].as_f64().unwrap());
    assert!((prior + sum - weight).abs() < 1e-9, "{prior} + {sum} is not {weight}");
    check(
        &desk.call("explain benefits 2027Q1-9999"),
        &expect![[r"
        --- standard error
        error: there is no lead `2027Q1-9999`
        hint: `comity leads PROGRAM` lists them
        --- exit code 1
    "]],
    );
}

#[test]
fn a_review_is_recorded_and_the_lead_leaves_the_open_ones() {
    let desk = ran();
    let words = ["--now", NOW, "review", "benefits", "2027Q1-0001", "--judgement", "not-same"];
    let because = ["--reason", "born in other years", "--officer", "officer-7"];
    check(
        &desk.call_with(&[&words[..], &because[..]].concat()),
        &expect![[r"
        review    lead 2027Q1-0001 is judged not-same
        --- exit code 0
    "]],
    );
    let open = desk.call("leads benefits --stage open --json").well().json();
    assert_eq!(open.as_array().unwrap().len(), 13);
    desk.call("audit benefits").well();
}

const STAY: &str = "order = \"27-cv-0101\"\nauthority = \"District Court (fictional)\"\n\
    kind = \"order\"\n\n[scope]\nelements = [\"payroll\"]\n";

#[test]
fn a_stay_is_recorded_listed_and_lifted_by_an_order_of_its_own() {
    let desk = ran();
    check(
        &desk.call("stay list benefits"),
        &expect![[r"
        no stays
        --- exit code 0
    "]],
    );
    desk.write("stay.toml", STAY);
    check(
        &desk.call("stay record benefits stay.toml"),
        &expect![[r"
        stay      number 1, order `27-cv-0101`, counts from now
        --- exit code 0
    "]],
    );
    check(
        &desk.call("stay list benefits"),
        &expect![[r"
        1    27-cv-0101                     recorded 2027-04-02T09:00:00Z
        --- exit code 0
    "]],
    );
    let stays = desk.call("stay list benefits --json").well().json();
    assert_eq!(stays[0]["stay"]["order"], "27-cv-0101");
    check(
        &desk.call("stay lift benefits 1 --order 27-cv-0102 --authority Court"),
        &expect![[r"
            stay      number 1 is lifted by order `27-cv-0102`
            --- exit code 0
        "]],
    );
    check(
        &desk.call("stay list benefits"),
        &expect![[r"
        1    27-cv-0101                     recorded 2027-04-02T09:00:00Z
                                            lifted   2027-04-02T09:00:00Z by 27-cv-0102
        --- exit code 0
    "]],
    );
    check(
        &desk.call("stay lift benefits 1 --order 27-cv-0103 --authority Court"),
        &expect![[r"
            --- standard error
            error: there is no standing stay number 1
            hint: `comity stay list PROGRAM` shows them
            --- exit code 1
        "]],
    );
    desk.call("audit benefits").well();
}

#[test]
fn a_part_of_a_stay_is_lifted_and_the_order_that_lifts_it_is_another() {
    let desk = ran();
    desk.write("stay.toml", STAY);
    desk.call("stay record benefits stay.toml").well();
    let lift = "stay lift benefits 1 --authority Court --element payroll.gross_pay";
    check(
        &desk.call(&format!("{lift} --order 27-CV-0101")),
        &expect![[r"
            --- standard error
            error: `27-CV-0101` is the order of the stay itself
            hint: a stay is lifted by an order of its own: give its number with --order
            --- exit code 1
        "]],
    );
    check(
        &desk.call(&format!("{lift} --element payroll.shoe_size --order 27-cv-0102")),
        &expect![[r"
            --- standard error
            error: no part of a stay is lifted: `payroll.shoe_size` is no element and no record set of the agreement
            hint: name elements or record sets as the agreement has them
            --- exit code 1
        "]],
    );
    check(
        &desk.call(&format!("{lift} --order 27-cv-0102")),
        &expect![[r"
            stay      a part of number 1 is lifted by order `27-cv-0102`
                      number 2 is what remains of it
            --- exit code 0
        "]],
    );
    let stays = desk.call("stay list benefits --json").well().json();
    assert_eq!(stays.as_array().unwrap().len(), 2);
    assert!(stays[0]["lifted"].is_string() && stays[1]["lifted"].is_null());
    assert_eq!(stays[1]["stay"]["scope"]["except"][0]["elements"][0], "payroll.gross_pay");
    desk.call("audit benefits").well();
}

#[test]
fn a_stay_that_is_recorded_before_the_run_refuses_it_with_every_reason() {
    let desk = Desk::small();
    desk.call("run benefits --dry-run").well();
    desk.write("stay.toml", STAY);
    desk.call("stay record benefits stay.toml").well();
    let said = desk.call("run benefits");
    check(
        &said,
        &expect![[r"
        demo      synthetic people, throw-away keys, dates moved to today
        refused   run: 1 rule is broken

          F8-stayed is broken
            rule: no stay covers the request
            here: `27-cv-0101`
            law:  floor F8; 5 U.S.C. 552a(q)(1)
            do:   wait until an order of its own lifts the stay, or leave out what it
                  covers
        --- exit code 2
    "]],
    );
    let refused = desk.call("run benefits --json");
    assert_eq!(refused.code, 2);
    assert!(refused.json()["refused"][0]["remedy"].is_string());
}

#[test]
fn an_audit_proves_a_sound_ledger_and_says_where_one_byte_is_off() {
    let desk = ran();
    check(
        &desk.call("audit benefits"),
        &expect![[r"
            ledger    benefits.family-support.comity.example/ledger, 9 entries
            root      <root>
            proved    the checkpoint is signed by
                      benefits.family-support.comity.example/ledger (1 signature)
            proved    all 9 entries, 8 bundles and 8 tiles are what was signed
            proved    3 of 3 decisions come to the same answer again (0 refusals)
            proved    the permit precedes each of 3 acts, and had not ended
            proved    none of 1 disclosures lies in the scope of a stay (0 stays, 0
                      withdrawn)
            proved    1 finished runs opened as many leads as were disclosed
            open      no witness was asked for: give --cosigned and --policy to have their
                      word
            open      the key was taken from beside the ledger: compare it with the one you
                      were given
            audit     sound
            --- exit code 0
        "]],
    );
    let facts = desk.call("audit benefits --json").well().json();
    assert_eq!(facts["wrong"], serde_json::json!([]));

    let bundles = "benefits/work/ledger/tile/entries/000.p";
    let last = desk.list(bundles).into_iter().max_by_key(|name| name.parse::<u32>().unwrap());
    let bundle = format!("{bundles}/{}", last.unwrap());
    let mut bytes = fs::read(desk.path(&bundle)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    desk.write(&bundle, bytes);
    let said = desk.call("audit benefits");
    said.fits();
    assert_eq!(said.code, 1);
    assert!(said.out.contains("WRONG"), "{}", said.out);
    assert!(said.out.contains("tile/entries/000.p"), "{}", said.out);
    assert!(said.out.ends_with("audit     NOT sound\n"), "{}", said.out);
    assert_eq!(desk.call("audit benefits --json").code, 1);
    assert_ne!(desk.call("audit benefits --json").json()["wrong"], serde_json::json!([]));
    check(
        &desk.call("audit nowhere"),
        &expect![[r"
        --- standard error
        error: `nowhere` holds no ledger: no checkpoint is in it, in ledger/ or in work/ledger/
        hint: name the ledger's folder, or the program's `work` folder
        --- exit code 1
    "]],
    );
}

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
fn signed() -> Desk {
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
fn leads_are_exported_to_csv_and_json_alone() {
    let desk = Desk::small();
    check(
        &desk.call_with(&["leads", "benefits", "--export", "leads.xml"]),
        &expect![[r"
            --- standard error
            error: invalid value 'leads.xml' for '--export <FILE>': leads are written as CSV or JSON: let the name end in .csv or .json

            For more information, try '--help'.
            --- exit code 64
        "]],
    );
    assert!(!desk.exists("leads.xml") && !desk.exists("benefits/work"), "nothing was opened");
}

#[test]
fn the_case_store_is_its_owners_alone_in_a_folder_that_was_there_before() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::small();
    std::fs::create_dir(desk.path("out")).unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(desk.path("out"), open).unwrap();
    desk.call("run benefits --out out").well();
    let stores = desk.list("out").into_iter().filter(|name| name.starts_with("casework.sqlite"));
    let stores: Vec<String> = stores.collect();
    assert!(!stores.is_empty());
    for name in stores {
        let mode = std::fs::metadata(desk.path(&format!("out/{name}"))).unwrap().permissions();
        assert_eq!(mode.mode() & 0o077, 0, "{name}");
    }
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
