//! What is wrong with a delivery, an agreement or a machine, each case through the real binary: the message names file,
//! line and remedy, the exit code says whose turn it is, nothing half-written stays, and once it is mended the same
//! command goes through.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

mod command;

use command::{Desk, NOW, Said};
use expect_test::{Expect, expect};
use std::fs;

/// Runs the program after something was broken, holds the answer against the snapshot, and then mends and runs again.
#[track_caller]
fn stops(breakage: impl FnOnce(&Desk), code: i32, expected: &Expect) {
    let desk = Desk::small();
    breakage(&desk);
    let said = desk.call("run benefits");
    assert_eq!(said.code, code, "{}{}", said.out, said.err);
    expected.assert_eq(&complaint(&said));
    desk.mend();
    goes_through_from_the_start(&desk);
}

/// As [`stops`] with exit code 1, for another case of what was mended before: it is not run again.
#[track_caller]
fn stops_too(breakage: impl FnOnce(&Desk), expected: &Expect) {
    let desk = Desk::small();
    breakage(&desk);
    let said = desk.call("run benefits");
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    expected.assert_eq(&complaint(&said));
    let left = desk.list("benefits/work");
    assert!(!left.iter().any(|name| name.starts_with("report")), "{left:?}");
}

/// Nothing of a failed run is there, and the next one opens all fourteen leads.
#[track_caller]
fn goes_through_from_the_start(desk: &Desk) {
    let left = desk.list("benefits/work");
    assert!(!left.iter().any(|name| name.starts_with("report")), "{left:?}");
    if left.iter().any(|name| name == "casework.sqlite") {
        let leads = desk.call("leads benefits --json");
        assert_eq!(leads.json(), serde_json::json!([]), "no lead of a run that failed");
    }
    let said = desk.call("run benefits").well();
    assert!(said.out.contains("leads     14 opened"), "{}", said.out);
}

/// What was said apart from the steps that went well before.
fn complaint(said: &Said) -> String {
    let usual = ["demo ", "permit ", "read ", "train ", "compare ", "weigh "];
    let is_usual = |line: &&str| usual.iter().any(|label| line.starts_with(label));
    let shown = said.shown();
    let kept: Vec<&str> = shown.lines().filter(|line| !is_usual(line)).collect();
    kept.join("\n") + "\n"
}

/// Changes one line of a file, counted from 1.
fn change_line(desk: &Desk, name: &str, number: usize, change: impl FnOnce(&str) -> String) {
    let text = desk.read(name);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[number - 1] = change(&lines[number - 1]);
    desk.write(name, lines.join("\n") + "\n");
}

const PAYROLL: &str = "benefits/payroll.csv";
const CASELOAD: &str = "benefits/caseload.csv";
const SCHEDULE: &str = "benefits/schedule.toml";
const AGREEMENT: &str = "benefits/agreement.toml";

#[test]
fn a_missing_file_stops_the_run() {
    stops(
        |desk| fs::remove_file(desk.path(PAYROLL)).unwrap(),
        1,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` does not exist
        hint: look at `path` in the operations schedule; it is taken from the program's folder
        --- exit code 1
    "]],
    );
}

#[test]
fn a_wrong_delimiter_stops_the_run() {
    stops(
        |desk| desk.edit(PAYROLL, ",", ";"),
        1,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv`, line 1: the header is one column when split at `,`; it seems to be split at `;`
        hint: set `delimiter` in the schedule
        --- exit code 1
    "]],
    );
}

#[test]
fn a_ragged_row_stops_the_run() {
    stops(
        |desk| change_line(desk, PAYROLL, 101, |line| format!("{line},more")),
        1,
        &expect![[r"
            --- standard error
            error: `benefits/payroll.csv`, line 101: 14 fields expected, as in the header, and 15 found
            hint: a field that holds the delimiter has to be quoted
            --- exit code 1
        "]],
    );
    stops_too(
        |desk| change_line(desk, CASELOAD, 7, |line| line.rsplit_once(',').unwrap().0.to_owned()),
        &expect![[r"
            --- standard error
            error: `benefits/caseload.csv`, line 7: 15 fields expected, as in the header, and 14 found
            hint: a line end within a field has to be quoted; else the file may be cut off
            --- exit code 1
        "]],
    );
}

#[test]
fn a_wrong_encoding_stops_the_run_and_the_right_one_in_the_schedule_mends_it() {
    let latin = |desk: &Desk| {
        change_line(desk, PAYROLL, 9, |line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields[2] = "Ren\u{e9}e";
            fields.join(",")
        });
        let text = desk.read(PAYROLL);
        let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(&text);
        desk.write(PAYROLL, bytes);
    };
    stops(
        latin,
        1,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv`, line 3: column `last_name` is not UTF-8
        hint: set `encoding` to what the source writes, often `windows-1252`
        --- exit code 1
    "]],
    );
    let desk = Desk::small();
    latin(&desk);
    let format = "path = \"payroll.csv\"\nformat = \"csv\"";
    desk.edit(SCHEDULE, format, &format!("{format}\nencoding = \"windows-1252\""));
    desk.call("run benefits").well();
}

#[test]
fn an_element_that_the_file_lacks_stops_the_run() {
    stops(
        |desk| change_line(desk, PAYROLL, 1, |line| line.replace("dob", "born")),
        1,
        &expect![[r"
            --- standard error
            error: `benefits/payroll.csv` has no column `dob` for the element `date_of_birth`; its columns are `row_id`, `employer`, `first_name`, `last_name`, `born`, `street`, `town`, `postcode`, `telephone`, `identifier`, `gross_pay`, `period_from`, `period_to`, `truth_person`
            hint: name the column in the schedule, under `columns`
            --- exit code 1
        "]],
    );
}

#[test]
fn a_case_that_stands_twice_stops_the_run() {
    stops(
        |desk| {
            let second = desk.read(CASELOAD).lines().nth(1).unwrap().to_owned();
            change_line(desk, CASELOAD, 40, |_| second);
        },
        1,
        &expect![[r"
            --- standard error
            error: `benefits/caseload.csv`: line 2 and line 40 have the same `case_id`
            hint: `family-support` has to deliver one record for each; or another element tells them apart
            --- exit code 1
        "]],
    );
}

#[test]
fn an_empty_file_stops_the_run() {
    stops(
        |desk| desk.write(PAYROLL, ""),
        1,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` is empty
        hint: the transfer was probably broken off; ask the source to deliver the file again
        --- exit code 1
    "]],
    );
    let header = |desk: &Desk| {
        let first = desk.read(PAYROLL).lines().next().unwrap().to_owned();
        desk.write(PAYROLL, first + "\n");
    };
    stops_too(
        header,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` holds no record
        hint: give a file with records; where a run is right to have none, its manifest or trailer states 0
        --- exit code 1
    "]],
    );
}

#[test]
fn one_record_is_too_few_to_train_on() {
    let one = |desk: &Desk| {
        for file in [PAYROLL, CASELOAD] {
            let text = desk.read(file);
            desk.write(file, text.split_inclusive('\n').take(2).collect::<String>());
        }
    };
    stops(
        one,
        1,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` has 1 record, and training needs at least 2
        hint: deliver the whole files; a model for a few records has to be agreed on as model.toml
        --- exit code 1
    "]],
    );
}

#[test]
fn a_recipients_file_that_is_cut_off_is_the_recipients_to_deliver_again() {
    stops_too(
        |desk| desk.write(CASELOAD, ""),
        &expect![[r"
            --- standard error
            error: `benefits/caseload.csv` is empty
            hint: the transfer was probably broken off; ask `family-support` to deliver the file again
            --- exit code 1
        "]],
    );
}

#[test]
fn a_file_in_utf_16_has_to_be_converted() {
    stops(
        |desk| {
            let text = desk.read(PAYROLL);
            let bytes = std::iter::once(0xfeff).chain(text.encode_utf16());
            desk.write(PAYROLL, bytes.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        },
        1,
        &expect![[r"
            --- standard error
            error: `benefits/payroll.csv` begins with the mark of UTF-16 and is declared as UTF-8
            hint: convert the file to UTF-8, such as with `iconv`, or have the source write UTF-8
            --- exit code 1
        "]],
    );
}

/// Writes the caseload's dates of birth, the first so many of them, as `31/12/1980`; returns how many there were.
fn day_first(desk: &Desk, records: usize) -> usize {
    let text = desk.read(CASELOAD);
    let mut count = 0;
    let lines = text.lines().enumerate().map(|(number, line)| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        if number > 0 && number <= records && !fields[3].is_empty() {
            let parts: Vec<&str> = fields[3].split('-').rev().collect();
            assert_eq!(parts.len(), 3, "line {number} has its date of birth there");
            fields[3] = parts.join("/");
            count += 1;
        }
        fields.join(",")
    });
    let lines: Vec<String> = lines.collect();
    desk.write(CASELOAD, lines.join("\n") + "\n");
    count
}

/// Says in the schedule how the caseload writes dates of birth.
fn with_date_format(desk: &Desk, format: &str) {
    let columns = "telephone = \"phone\"\n";
    let formats =
        format!("{columns}\n[record_sets.caseload.date_formats]\ndate_of_birth = \"{format}\"\n");
    desk.edit(SCHEDULE, columns, &formats);
}

#[test]
fn dates_that_are_matched_on_are_read_by_the_schedules_format() {
    let desk = Desk::small();
    day_first(&desk, 500);
    with_date_format(&desk, "%d/%m/%Y");
    let said = desk.call("run benefits").well();
    assert!(said.out.contains("leads     14 opened"), "{}", said.out);
    // Two of the synthetic dates are none in any format: too few for a line of their own.
    assert!(!said.out.contains("could not be read"), "{}", said.out);
    let report = desk.read("benefits/work/report-2027Q1.html");
    assert!(report.contains("caseload.date_of_birth</th><td class=\"n\">2</td>"), "told there");
    let desk = Desk::small();
    with_date_format(&desk, "day/month");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("the date format `day/month` of `birth_date`"), "{}", said.err);
}

#[test]
fn dates_that_cannot_be_read_are_counted_and_told() {
    for format in [None, Some("%Y-%m-%d")] {
        let desk = Desk::small();
        let count = day_first(&desk, 250);
        if let Some(format) = format {
            with_date_format(&desk, format);
        }
        let told = format!("dates     caseload.date_of_birth: {count} of 500 could not be read");
        let said = desk.call("run benefits").well();
        assert!(said.out.contains(&told), "{format:?}: {}", said.out);
        let report = desk.read("benefits/work/report-2027Q1.html");
        let row =
            format!("<th scope=\"row\">caseload.date_of_birth</th><td class=\"n\">{count}</td>");
        assert!(report.contains(&row), "{format:?}");
    }
}

#[test]
fn a_column_without_a_value_is_said_and_compares_nothing() {
    let desk = Desk::small();
    let text = desk.read(PAYROLL);
    let emptied: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let mut fields: Vec<&str> = line.split(',').collect();
            if number > 0 {
                fields[8] = "";
            }
            fields.join(",")
        })
        .collect();
    desk.write(PAYROLL, emptied.join("\n") + "\n");
    let said = desk.call("run benefits").well();
    expect![[r"
        demo      synthetic people, throw-away keys, dates moved to today
        permit    run by family-support until 2027-04-03T09:00:00Z, entry 1
        read      payroll.csv 500 records, caseload.csv 500 records
                  no record has a value for `telephone`
        train     recipe 1858c80b9478… gives model 982e06af761e…
        compare   46 pairs by 5 rules, of 250,000 possible
        weigh     44 over 9.75, 44 kept, 100.0 % expected right, 10 with discrepancy
        leads     10 opened
        release   4 elements about 10 persons in 1 chunk, after entry 7
        report    benefits/work/report-2027Q1.html
        ledger    benefits/work/ledger (9 entries, signed)
        next      comity leads benefits
                  comity audit benefits/work
        --- exit code 0
    "]]
    .assert_eq(&said.shown());
}

#[test]
fn a_column_without_a_value_that_a_comparison_needs_stops_the_run() {
    stops(
        |desk| {
            for number in 2..=501 {
                change_line(desk, PAYROLL, number, |line| {
                    let mut fields: Vec<&str> = line.split(',').collect();
                    fields[2] = "";
                    fields.join(",")
                });
            }
        },
        1,
        &expect![[r"
                      no record has a value for `given_name`
            --- standard error
            error: `benefits/payroll.csv`: no record has a value for `given_name`, so `given_name` cannot be trained
            hint: ask for a file with the column filled; to do without it is another recipe, and so another agreement
            --- exit code 1
        "]],
    );
}

#[test]
fn a_field_of_ten_megabytes_stops_the_run() {
    stops(
        |desk| {
            change_line(desk, PAYROLL, 30, |line| {
                let mut fields: Vec<&str> = line.split(',').collect();
                let long = "x".repeat(10 << 20);
                fields[2] = &long;
                fields.join(",")
            });
        },
        1,
        &expect![[r"
            --- standard error
            error: `benefits/payroll.csv`, line 30: column `first_name` is longer than 1048576 bytes
            hint: a quote may be left open before it; if not, ask the source what it delivered there
            --- exit code 1
        "]],
    );
}

/// The example as a program of its own: its keys are on the desk and everybody has signed.
fn signed() -> Desk {
    let desk = Desk::small();
    desk.sign();
    desk
}

#[test]
fn a_wrong_signature_refuses_the_run() {
    let desk = signed();
    let file = desk.list("benefits/signatures").into_iter().find(|name| name.contains("support"));
    let file = format!("benefits/signatures/{}", file.unwrap());
    let right = desk.read(&file);
    // Another day than was signed.
    desk.edit(&file, "2026-10-01T09:00:00Z", "2026-10-02T09:00:00Z");
    let said = desk.call("run benefits");
    expect![[r"
        refused   run: 1 rule is broken

          F1-signed is broken
            rule: every party has signed the agreement
            here: `family-support`; the signature of `family-support` does not fit its
                  statement
            law:  floor F1; 5 U.S.C. 552a(o)(1)
            do:   each party that is missing signs with `comity sign`
        --- exit code 2
    "]]
    .assert_eq(&complaint(&said));
    assert_eq!(said.code, 2);
    desk.write(&file, "not a signature");
    let said = desk.call("run benefits");
    expect![[r"
        --- standard error
        error: benefits/signatures/family-support-party-accept-20261001T090000Z.toml: not a signature: line 1: key with no value, expected `=`
        hint: mend the file, or put the one back that was filed
        --- exit code 1
    "]].assert_eq(&complaint(&said));
    assert_eq!(said.code, 1);
    desk.write(&file, right);
    goes_through_from_the_start(&desk);
    desk.call("audit benefits").well();
}

#[test]
fn an_agreement_that_has_ended_or_not_begun_refuses_the_run() {
    let desk = signed();
    desk.edit(SCHEDULE, "due = 2027-04-15", "due = 2028-06-30");
    let said = desk.call_at("2026-12-30T09:00:00Z", "run benefits --cycle 2027Q1");
    expect![[r"
        refused   run: 1 rule is broken

          F1-begun is broken
            rule: the agreement has begun
            here: 2027-01-01
            law:  floor F1; 5 U.S.C. 552a(o)(1)(C)
            do:   wait for the first day of its term
        --- exit code 2
    "]]
    .assert_eq(&complaint(&said));
    assert_eq!(said.code, 2);
    let said = desk.call_at("2028-07-01T09:00:00Z", "run benefits");
    expect![[r"
        refused   run: 2 rules are broken

          F1-not-ended is broken
            rule: the agreement has not ended
            here: 2028-06-30
            law:  floor F1; 5 U.S.C. 552a(o)(2)(C)
            do:   renew it or make a new one that names this one under `continues`

          us-cmppa-u3-review is broken
            rule: a program that began more than 365 days ago was reviewed within the
                  last 365 days
            law:  5 U.S.C. 552a(u)(3) (wording not confirmed)
            do:   let the board review it and file the date
        --- exit code 2
    "]]
    .assert_eq(&complaint(&said));
    assert_eq!(said.code, 2);
    assert!(desk.list("benefits/work").iter().all(|name| !name.starts_with("report")));
}

#[test]
fn a_clock_that_was_set_back_stops_every_command_that_writes() {
    let desk = Desk::small();
    desk.call("run benefits").well();
    let before = desk.read("benefits/work/ledger/checkpoint");
    let said = desk.call_at("2027-04-01T09:00:00Z", "run benefits");
    expect![[r"
        --- standard error
        error: the clock says 2027-04-01T09:00:00Z, and the ledger's last entry is of 2027-04-02T09:00:00Z
        hint: set the machine's clock right; entries cannot be dated before others
        --- exit code 1
    "]].assert_eq(&complaint(&said));
    assert_eq!(said.code, 1);
    assert_eq!(desk.call_at("2027-04-01T09:00:00Z", "leads benefits").code, 1);
    assert_eq!(desk.read("benefits/work/ledger/checkpoint"), before);
    desk.call("leads benefits").well();
}

#[test]
fn an_unknown_key_in_the_agreement_or_the_schedule_is_named_with_its_line() {
    stops(
        |desk| desk.edit(AGREEMENT, "[pilot]", "[pilot]\nsize = 3"),
        1,
        &expect![[r"
            --- standard error
            error: benefits/agreement.toml:130:1: `pilot.size` is unknown
              remove it; known here: `sample`, `bound_percent`, `confidence_percent`
            hint: `comity check FILE` lists them again, each with its remedy
            --- exit code 1
        "]],
    );
    stops_too(
        |desk| desk.edit(SCHEDULE, "as_of =", "asof = 2027-03-31\nas_of ="),
        &expect![[r"
            --- standard error
            error: benefits/schedule.toml:38:1: `cycles[0].asof` is unknown
              did you mean `as_of`?
            hint: `comity check FILE` lists them again, each with its remedy
            --- exit code 1
        "]],
    );
}

#[test]
fn a_placeholder_where_a_value_must_be_is_named_with_its_line() {
    stops(
        |desk| {
            desk.edit(
                AGREEMENT,
                "address = \"1 Ledger Square, Capital City\"",
                "address = \"TODO\"",
            );
        },
        1,
        &expect![[r"
            --- standard error
            error: benefits/agreement.toml:37:11: `parties[0].address` is still a placeholder (5 U.S.C. 552a(o)(1))
              write this: Its postal address
            hint: `comity check FILE` lists them again, each with its remedy
            --- exit code 1
        "]],
    );
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_line() {
    stops(
        |desk| desk.edit(SCHEDULE, "[[cycles]]", "[[cycles"),
        1,
        &expect![[r"
        --- standard error
        error: benefits/schedule.toml:36:9: not TOML: unclosed array table, expected `]]`
          mend the line
        hint: `comity check FILE` lists them again, each with its remedy
        --- exit code 1
    "]],
    );
    stops_too(
        |desk| desk.edit(AGREEMENT, "[term]", "[term"),
        &expect![[r"
        --- standard error
        error: benefits/agreement.toml:1:1: `term` is missing (5 U.S.C. 552a(o)(1)(C))
          add this: When it begins and ends
        benefits/agreement.toml:13:1: `purposes` is a table, not a list (5 U.S.C. 552a(o)(1)(A))
          write a list
        benefits/agreement.toml:13:6: not TOML: unclosed table, expected `]`
          mend the line
        hint: `comity check FILE` lists them again, each with its remedy
        --- exit code 1
    "]],
    );
}

#[test]
fn a_ledger_that_cannot_be_written_refuses_the_run_and_the_refusal_is_recorded_later() {
    let desk = Desk::small();
    desk.write("benefits/work/ledger", "a file where the ledger's folder must be");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 2);
    expect![[r"
        refused   run: 1 rule is broken

          F9-ledger is broken
            rule: the decision can be recorded
            law:  floor F9; 5 U.S.C. 552a(c)
            do:   make the ledger writable; until then nothing happens
        ledger    cannot be written: cannot create `benefits/work/ledger`: File exists
                  (os error 17)
        --- exit code 2
    "]]
    .assert_eq(&complaint(&said));
    let said = desk.call("run benefits --json");
    assert_eq!(said.code, 2);
    assert!(said.json()["refused"].is_array());
    fs::remove_file(desk.path("benefits/work/ledger")).unwrap();
    goes_through_from_the_start(&desk);
    let said = desk.call("audit benefits").well();
    assert!(said.out.contains("(2 refusals)"), "{}", said.out);
}

#[test]
fn a_place_that_cannot_be_written_at_all_refuses_the_run() {
    let desk = Desk::small();
    desk.write("benefits/work", "a file where the folder must be");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 2);
    expect![[r"
        --- standard error
        error: `benefits/work` cannot be written: File exists (os error 17)
        hint: check that the folder exists, that you may write to it, and that the disk has room
        --- exit code 2
    "]]
    .assert_eq(&complaint(&said));
    assert!(desk.call("run benefits --json").json()["hint"].is_string());
    fs::remove_file(desk.path("benefits/work")).unwrap();

    // The same for a program that is no demonstration, where the ledger is the first thing to be written.
    let desk = signed();
    desk.write("benefits/work", "a file where the folder must be");
    let said = desk.call("run benefits");
    assert_eq!(said.code, 2);
    expect![[r"
        refused   run: 1 rule is broken

          F9-ledger is broken
            rule: the decision can be recorded
            law:  floor F9; 5 U.S.C. 552a(c)
            do:   make the ledger writable; until then nothing happens
        ledger    cannot be written, so this refusal is not recorded: `benefits/work`
                  cannot be written: File exists (os error 17)
        --- exit code 2
    "]]
    .assert_eq(&complaint(&said));
    fs::remove_file(desk.path("benefits/work")).unwrap();
    goes_through_from_the_start(&desk);
}

/// A limit on the size of files, with its signal ignored, fails a write as a full disk does: part of it is written, and
/// the rest is an error.
#[test]
fn a_disk_that_fills_up_anywhere_is_an_error_or_a_refusal_and_the_next_run_goes_through() {
    for kibibytes in [0, 4, 16, 64, 128, 192, 256] {
        let desk = Desk::small();
        let full = format!("trap '' XFSZ; ulimit -f {kibibytes}");
        let said = desk.call_after(&full, "run benefits");
        if said.code == 0 {
            assert!(kibibytes > 64, "the limit of {kibibytes} KiB was not felt");
            continue;
        }
        assert!([1, 2].contains(&said.code), "{kibibytes} KiB: {}{}", said.out, said.err);
        assert!(!said.err.contains("panicked"), "{kibibytes} KiB: {}", said.err);
        // What to do about it fits: room on the disk, or a ledger that can be written. The store's version is not it.
        let hint = said.err.split("hint: ").nth(1).unwrap_or_default();
        let remedy = said.out.split("    do:   ").nth(1).unwrap_or_default();
        let is_told =
            hint.contains("room") || hint.contains("space") || remedy.contains("writable");
        assert!(is_told, "{kibibytes} KiB: {}{}", said.out, said.err);
        assert!(!hint.contains("version"), "{kibibytes} KiB: {hint}");
        // With room again, the run starts clean or goes on.
        let said = desk.call("run benefits");
        assert_eq!(said.code, 0, "after {kibibytes} KiB: {}{}", said.out, said.err);
        let leads = desk.call("leads benefits --json").well().json();
        assert_eq!(leads.as_array().unwrap().len(), 14, "after {kibibytes} KiB");
        // A run that was given up keeps its name; the one that went through may be the cycle's second.
        let reports = desk.list("benefits/work");
        let reports = reports.iter().filter(|name| name.starts_with("report-2027Q1")).count();
        assert_eq!(reports, 1, "after {kibibytes} KiB");
        let said = desk.call("audit benefits");
        assert_eq!(said.code, 0, "after {kibibytes} KiB: {}{}", said.out, said.err);
    }
}

#[test]
fn a_model_that_is_not_the_agreed_one_stops_the_run() {
    stops(
        |desk| {
            let text = desk.read("benefits/recipe.toml");
            desk.write("benefits/recipe.toml", text.replace("0.92", "0.93"));
        },
        1,
        &expect![[r"
            --- standard error
            error: `benefits/recipe.toml` has the digest sha256:<digest>, and the agreement names sha256:<digest>
            hint: use the file that was agreed on, or put the new digest into a new agreement: `comity check` prints it
            --- exit code 1
        "]],
    );
}

const PAYROLL_CSV: &str = "path = \"payroll.csv\"\nformat = \"csv\"";

/// Writes the control totals of the payroll into the schedule.
fn control(desk: &Desk, control: &str) {
    let text = format!("{PAYROLL_CSV}\ncontrol = {{ {control} }}");
    desk.edit(SCHEDULE, PAYROLL_CSV, &text);
}

/// What the payroll's column `gross_pay` adds up to, in hundredths.
fn gross_pay(desk: &Desk) -> i64 {
    let text = desk.read(PAYROLL);
    let pays = text.lines().skip(1).map(|line| line.split(',').nth(10).unwrap());
    pays.map(|pay| pay.replace('.', "").parse::<i64>().unwrap()).sum()
}

#[test]
fn totals_that_are_known_beforehand_are_compared() {
    let desk = Desk::small();
    let sum = gross_pay(&desk);
    control(&desk, &format!("kind = \"expected\", count = 500, sums = {{ gross_pay = {sum} }}"));
    desk.call("run benefits").well();
    stops(
        |desk| control(desk, "kind = \"expected\", count = 501"),
        1,
        &expect![[r"
            --- standard error
            error: `benefits/payroll.csv` is unbalanced: 501 records are stated and 500 were read
            hint: nothing was compared; ask the source which of the two is right
            --- exit code 1
        "]],
    );
    let one_cent =
        format!("kind = \"expected\", count = 500, sums = {{ gross_pay = {} }}", sum + 1);
    stops_too(
        |desk| control(desk, &one_cent),
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` is unbalanced: `gross_pay` is stated to add up to 1290112.35 and adds up to 1290112.34
        hint: nothing was compared; ask the source which of the two is right
        --- exit code 1
    "]],
    );
}

#[test]
fn a_trailer_that_the_schedule_describes_is_compared_with_its_count_and_its_sum() {
    let trailer = "kind = \"trailer\", prefix = \"TOTAL\", count_field = 2, \
                   sum_fields = { gross_pay = 3 }";
    let with_trailer = |desk: &Desk, count: usize, sum: i64| {
        control(desk, trailer);
        let text = desk.read(PAYROLL);
        desk.write(PAYROLL, format!("{text}TOTAL,{count},{sum}\n"));
    };
    let desk = Desk::small();
    let sum = gross_pay(&desk);
    with_trailer(&desk, 500, sum);
    let said = desk.call("run benefits").well();
    assert!(said.out.contains("payroll.csv 500 records"), "the trailer is no record");
    stops(
        |desk| with_trailer(desk, 499, sum),
        1,
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` is unbalanced: 499 records are stated and 500 were read
        hint: nothing was compared; ask the source which of the two is right
        --- exit code 1
    "]],
    );
    stops_too(
        |desk| with_trailer(desk, 500, sum - 1),
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` is unbalanced: `gross_pay` is stated to add up to 1290112.33 and adds up to 1290112.34
        hint: nothing was compared; ask the source which of the two is right
        --- exit code 1
    "]],
    );
    stops_too(
        |desk| control(desk, trailer),
        &expect![[r"
        --- standard error
        error: `benefits/payroll.csv` ends at line 501 without its trailer
        hint: the transfer was probably broken off; ask the source to deliver the file again
        --- exit code 1
    "]],
    );
}

#[test]
fn a_manifest_is_compared_and_a_late_one_stops_the_cycle() {
    let manifest = |desk: &Desk, text: &str| {
        control(desk, "kind = \"manifest\", path = \"payroll-{cycle}.toml\"");
        desk.write("benefits/payroll-2027Q1.toml", text);
    };
    let desk = Desk::small();
    manifest(&desk, "rows = 500\nas_of = 2027-03-31\ncycle = \"2027Q1\"\n");
    desk.call("run benefits").well();
    for (text, expected) in [
        (
            "rows = 500\nas_of = 2027-03-30\n",
            expect![[r"
            --- standard error
            error: `benefits/payroll.csv` is late: drawn as of 2027-03-30, and 2027-03-31 is the earliest allowed
            hint: ask the source for a file drawn for this cycle
            --- exit code 1
        "]],
        ),
        (
            "rows = 499\nas_of = 2027-03-31\n",
            expect![[r"
            --- standard error
            error: `benefits/payroll.csv` is unbalanced: 499 records are stated and 500 were read
            hint: nothing was compared; ask the source which of the two is right
            --- exit code 1
        "]],
        ),
        (
            "rows = 500\nas_of = 2027-03-31\ncycle = \"2026Q4\"\n",
            expect![[r"
            --- standard error
            error: `benefits/payroll.csv` is for the cycle `2026Q4`, and `2027Q1` is due
            hint: ask the source for this cycle's file, or name the right cycle
            --- exit code 1
        "]],
        ),
        (
            "rows = 500\n",
            expect![[r"
            --- standard error
            error: `benefits/payroll.csv` states no as-of date, and must be as of 2027-03-31 or later
            hint: have the manifest or the trailer state `as_of`
            --- exit code 1
        "]],
        ),
        (
            "rows = 500\nas_of = 2027-03-31\nlines = 3\n",
            expect![[r"
            --- standard error
            error: `benefits/payroll-2027Q1.toml`, line 3: unknown field `lines`, expected one of `rows`, `sum`, `as_of`, `cycle`, `sequence`, `sha256`
            --- exit code 1
        "]],
        ),
        (
            "as_of = 2027-03-31\nsum = [{ column = \"gross_pay\", total = \"1.00\" }]\n",
            expect![[r"
                --- standard error
                error: `benefits/payroll.csv` is unbalanced: `gross_pay` is stated to add up to 1.00 and adds up to 1290112.34
                hint: nothing was compared; ask the source which of the two is right
                --- exit code 1
            "]],
        ),
    ] {
        stops_too(|desk| manifest(desk, text), &expected);
    }
}

#[test]
fn a_cycle_whose_files_come_after_the_day_they_are_due_is_stopped() {
    let desk = signed();
    let said = desk.call_at("2027-04-16T13:00:00Z", "run benefits");
    assert_eq!(said.code, 1);
    expect![[r"
        --- standard error
        error: cycle `2027Q1` was due on 2027-04-15: its files are late
        hint: agree on another day and change the schedule, or wait for the next cycle
        --- exit code 1
    "]]
    .assert_eq(&complaint(&said));
    assert!(desk.list("benefits/work").iter().all(|name| !name.starts_with("report")));
    desk.edit(SCHEDULE, "due = 2027-04-15", "due = 2027-04-16");
    desk.call_at("2027-04-16T13:00:00Z", "run benefits").well();
}

#[test]
fn a_file_with_the_bytes_of_an_earlier_cycles_file_stops_the_cycle() {
    let desk = Desk::small();
    let second =
        "[[cycles]]\nid = \"2027Q2\"\nas_of = 2027-06-30\ndue = 2027-07-15\n\n[[contacts]]";
    let schedule = desk.read(SCHEDULE);
    desk.write(SCHEDULE, schedule.replacen("[[contacts]]", second, 1));
    desk.call("run benefits --cycle 2027Q1").well();
    // The same cycle again is no other delivery.
    desk.call("run benefits --cycle 2027Q1").well();
    let said = desk.call("run benefits --cycle 2027Q2");
    assert_eq!(said.code, 1);
    expect![[r"
        --- standard error
        error: `benefits/payroll.csv` is doubled: a file with the digest `<digest>` was delivered before
        hint: ask the source for this cycle's file; running the same one again proves nothing
        --- exit code 1
    "]].assert_eq(&complaint(&said));
    assert!(!desk.exists("benefits/work/report-2027Q2.html"));
    // A new payroll with last quarter's caseload is stopped as well.
    change_line(&desk, PAYROLL, 2, |line| line.replace(",truth", ",truth ") + " ");
    let said = desk.call("run benefits --cycle 2027Q2");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("caseload.csv` is doubled"), "{}", said.err);
    change_line(&desk, CASELOAD, 2, |line| line.to_owned() + " ");
    desk.call("run benefits --cycle 2027Q2").well();
    desk.call("audit benefits").well();
}

#[test]
fn a_refusal_gives_every_rule_that_is_broken_at_once() {
    let desk = signed();
    for file in desk.list("benefits/signatures") {
        fs::remove_file(desk.path(&format!("benefits/signatures/{file}"))).unwrap();
    }
    desk.edit("benefits/publications.toml", "reported_in_advance = 2026-10-15\n", "");
    let said = desk.call("run benefits");
    said.fits();
    assert_eq!(said.code, 2);
    let broken: Vec<&str> =
        said.out.lines().filter(|line| line.ends_with(" is broken")).map(str::trim).collect();
    expect![[r"
        F1-signed is broken
        F1-boards is broken
        us-cmppa-r-reported is broken"]]
    .assert_eq(&broken.join("\n"));
    let count = desk.call("run benefits --json").json()["refused"].as_array().unwrap().len();
    assert_eq!(count, broken.len());
    assert_eq!(desk.call_at(NOW, "audit benefits").code, 0, "refusals are in the ledger");
}
