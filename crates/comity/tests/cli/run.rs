//! A run and its audit: what they print, and what they give as JSON.

use std::fs;

use super::command::Desk;
use super::{check, ran};
use expect_test::expect;

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
