//! Leads: listed, exported, explained, reviewed.

use super::command::{Desk, NOW};
use super::{check, ran};
use expect_test::expect;

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
