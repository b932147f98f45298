//! `comity calibrate` through the real binary: what it says when it makes a model, and why it makes none.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as tests do")]

use super::command::Desk;
use super::{STAY, check, ran};
use expect_test::expect;

/// Makes an account for the officer in whose name the model is calibrated.
fn with_account(desk: Desk) -> Desk {
    desk.write("node.toml", "program = \"benefits\"\n");
    desk.call("account add one --name One --role verifier --system").well();
    desk
}

/// Judges so many open leads, those that the model is least sure of first.
fn review(desk: &Desk, many: usize, not_same: usize) {
    let open = desk.call("leads benefits --stage open --json").well().json();
    let mut leads: Vec<(f64, String)> = open
        .as_array()
        .unwrap()
        .iter()
        .map(|lead| (lead["weight"].as_f64().unwrap(), lead["lead"].as_str().unwrap().to_owned()))
        .collect();
    leads.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert!(leads.len() >= many, "{} are open", leads.len());
    for (number, (_, lead)) in leads.into_iter().take(many).enumerate() {
        let judgement = if number < not_same { "not-same" } else { "same" };
        let words =
            format!("review benefits {lead} --judgement {judgement} --reason seen --officer one");
        desk.call(&words).well();
    }
}

#[test]
fn a_model_is_calibrated_for_an_officer_or_for_nobody() {
    let desk = ran();
    let said = desk.call("calibrate benefits");
    assert_eq!(said.code, 64, "{}", said.shown());
    assert!(said.err.contains("--officer <OFFICER>"), "{}", said.err);
    assert!(!desk.exists("calibrated.toml"));
}

#[test]
fn it_takes_an_open_account_and_not_any_name() {
    let desk = ran();
    let none = expect![[r"
        --- standard error
        error: there is no open account of an officer `one`
        hint: `comity account list` shows who has one, and `comity account add` makes one for an officer who has none
        --- exit code 1
    "]];
    check(&desk.call("calibrate benefits --officer one"), &none);
    let desk = with_account(desk);
    let said = desk.call("calibrate benefits --officer one");
    assert!(said.err.contains("0 leads were judged"), "{}", said.shown());
    assert!(desk.call("calibrate benefits --officer two").err.contains("an officer `two`"));
    desk.call("account close one").well();
    check(&desk.call("calibrate benefits --officer one"), &none);
    assert!(!desk.exists("calibrated.toml"));
}

#[test]
fn too_few_judged_or_too_few_in_doubt_or_another_model_make_none_and_each_says_why() {
    let desk = with_account(ran());
    check(
        &desk.call("calibrate benefits --officer one"),
        &expect![[r"
        --- standard error
        error: 0 leads were judged as one person or two, and a model is calibrated by 10 or more
        hint: have more leads reviewed; `comity leads PROGRAM --stage open` lists those that wait
        --- exit code 1
    "]],
    );
    review(&desk, 12, 2);
    check(
        &desk.call("calibrate benefits --officer one"),
        &expect![[r"
        read      payroll.csv 500 records, caseload.csv 500 records
        --- standard error
        error: of 12 judged leads 6 are in doubt; of the others the model is as good as sure, so that it learns nothing from them, and it is calibrated by 10 or more in doubt
        hint: have more leads reviewed; if people found none wrong, the model needs no calibration, and if they did, it is wrong where it is sure: change its recipe, and train another
        --- exit code 1
    "]],
    );
    desk.edit("benefits/schedule.toml", "format = 1", "format = 1\nthreshold = 9.0");
    let other = desk.call("calibrate benefits --officer one");
    assert_eq!(other.code, 1, "{}", other.shown());
    check(
        &other,
        &expect![[r"
        read      payroll.csv 500 records, caseload.csv 500 records
        --- standard error
        error: the model trained again on the files of run `2027Q1` is sha256:<digest>, and the run recorded sha256:<digest>: its leads are not of this model
        hint: put the schedule's threshold back to what it was at the run, and use the version of the program that ran it; or calibrate by the leads of a later cycle
        --- exit code 1
    "]],
    );
    assert!(!desk.exists("calibrated.toml"), "nothing is written");
    desk.call("audit benefits/work").well();
}

#[test]
fn a_stay_refuses_it() {
    let desk = with_account(ran());
    desk.write("stay.toml", STAY);
    desk.call("stay record benefits stay.toml").well();
    let said = desk.call("calibrate benefits --officer one");
    assert_eq!(said.code, 2, "{}", said.shown());
    assert!(said.out.contains("F8-stayed is broken"), "{}", said.out);
    assert!(!desk.exists("calibrated.toml"));
}

#[test]
fn what_people_judged_makes_another_model_and_the_ledger_says_of_how_many() {
    let desk = with_account(Desk::whole());
    let people = "--payroll-people 900 --caseload-people 800 --overlap 0.9 --mistakes 4 --seed 7";
    desk.call(&format!("synth benefits {people}")).well();
    // All are opened: which ones a smaller pilot opens is drawn by lot.
    desk.edit("benefits/agreement.toml", "sample = 40", "sample = 1000");
    desk.call("run benefits --json").well();
    review(&desk, 24, 6);
    check(
        &desk.call("calibrate benefits --officer one"),
        &expect![[r"
            read      payroll.csv 997 records, caseload.csv 800 records
            dates     caseload.date_of_birth: 14 of 800 could not be read
            judged    24 leads, 18 of them of one person; 24 were in doubt, and these it
                      learns from
            waiting   62 open leads have no judgement yet. If those judged were picked, and
                      did not come by lot or by turn, what is learnt from them is wrong
            threshold 11.99, a probability of 0.972; it was 6.00, and 0.972
            model     calibrated.toml (302f73801ec5…), made of 4fa7b0f058c0…
            next      put it into the program as model.toml and its digest into the
                      agreement, which is then another; once that is signed, a run takes it
                      and begins with a pilot
            --- exit code 0
        "]],
    );
    assert!(desk.read("calibrated.toml").contains("[[calibration]]"));
    let said = desk.call("audit benefits/work").well();
    let one_line = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let proved = "each of 1 models that judgements made came of 10 leads in doubt or more";
    assert!(one_line.contains(proved), "{}", said.out);
}
