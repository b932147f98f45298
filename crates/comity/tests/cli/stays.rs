//! Stays that a court or authority orders, and what lifts them.

use super::command::Desk;
use super::{STAY, check, ran};
use expect_test::expect;

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
