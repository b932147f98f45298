//! Reads, changes, signs and shows agreements: what people do with the file, and what goes wrong.
//!
//! What the gate answers is in `gate.rs`; what is proved of the policies in `proofs.rs`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots so")]

use agreement::{
    Agreement, Answer, Digest, Document, Environment, Error, Filed, KeyChange, PackId, Problem,
    Schedule, Signature, Signer, SignerRole, SigningKey, agreement_schema, law_problems, template,
};
use expect_test::{Expect, expect};
use jiff::Timestamp;

const TEXT: &str = include_str!("../../../examples/benefits/agreement.toml");
const SCHEDULE: &str = include_str!("../../../examples/benefits/schedule.toml");

fn example() -> Agreement {
    Agreement::read(TEXT, "agreement.toml")
        .unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().flat_map(|p| [p.to_string(), "\n".to_owned()]).collect();
    lines.concat()
}

/// Reads the example with one piece of text replaced, and shows the problems.
#[expect(clippy::needless_pass_by_value, reason = "a snapshot reads best where it is made")]
#[track_caller]
fn check(from: &str, to: &str, expected: Expect) {
    assert!(TEXT.contains(from), "the example has no `{from}`");
    let problems = match Agreement::read(&TEXT.replacen(from, to, 1), "agreement.toml") {
        Ok(_) => "no problem".to_owned(),
        Err(problems) => lines(&problems),
    };
    expected.assert_eq(&problems);
}

fn now() -> Timestamp {
    "2027-05-04T12:00:00Z".parse().unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::new(Environment::Test, [seed; 32])
}

fn signer(id: &str, role: SignerRole) -> Signer {
    Signer { id: id.parse().unwrap(), role }
}

/// The example with keys of our own, so that it can be signed.
fn signable() -> Agreement {
    let mut agreement = example();
    agreement.parties[0].key = key(1).public();
    agreement.parties[0].board.as_mut().unwrap().key = key(2).public();
    agreement.parties[1].key = key(3).public();
    agreement.auditor.key = key(4).public();
    agreement
}

#[test]
fn the_worked_example_has_no_problem_and_lacks_nothing_the_law_asks() {
    example();
    let packs = agreement::Pack::shipped().unwrap();
    assert_eq!(lines(&law_problems(TEXT, "agreement.toml", &packs)), "");
}

#[test]
fn comments_and_spaces_are_no_terms_and_every_value_is() {
    let digest = example().digest().unwrap();
    let comments = TEXT.replace("[term]", "# a comment\n\n  [term]  # another");
    assert_eq!(Agreement::read(&comments, "x").unwrap().digest().unwrap(), digest);
    for (from, to) in [
        ("approx_count = 2000", "approx_count = 2001"),
        ("Harbour Street", "Harbor Street"),
        ("demonstration = true", "demonstration = false"),
        ("lowest_weight = 6.0", "lowest_weight = 6.5"),
        ("begins = 2027-01-01", "begins = 2027-01-02"),
    ] {
        let changed = Agreement::read(&TEXT.replacen(from, to, 1), "x").unwrap();
        assert_ne!(changed.digest().unwrap(), digest, "{to}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    check(
        "begins = 2027-01-01",
        "begin = 2027-01-01",
        expect![[r#"
            agreement.toml:13:1: `term.begins` is missing (5 U.S.C. 552a(o)(1)(C))
              add this: The first day
            agreement.toml:14:1: `term.begin` is unknown
              did you mean `begins`?
        "#]],
    );
}

#[test]
fn a_placeholder_is_no_value() {
    check(
        "plan = \"An officer asks",
        "plan = \"TODO: An officer asks",
        expect![[r#"
            agreement.toml:155:8: `verification.plan` is still a placeholder (5 U.S.C. 552a(o)(1)(E))
              write this: The procedure
        "#]],
    );
    check(
        "address = \"20 Harbour Street, Port Columbia\"",
        "address = \"N/A\"",
        expect![[r#"
            agreement.toml:49:11: `parties[1].address` is still a placeholder (5 U.S.C. 552a(o)(1))
              write this: Its postal address
        "#]],
    );
    check(
        "approx_count = 2000",
        "approx_count = 0",
        expect![[r#"
            agreement.toml:57:16: `record_sets[0].approx_count` is still `0` (5 U.S.C. 552a(o)(1)(C))
              write this: How many records there are, about. A run over 110 % of it stops (F2)
        "#]],
    );
}

#[test]
fn letters_are_in_languages_that_have_a_tag_and_each_is_named_once() {
    let named = |languages: &str| format!("response_period_days = 30\nlanguages = [{languages}]");
    let sound = TEXT.replace("response_period_days = 30", &named("\"en\", \"zh-Hant\""));
    assert_eq!(
        Agreement::read(&sound, "agreement.toml").unwrap().notice.languages,
        ["en", "zh-Hant"]
    );
    check(
        "response_period_days = 30",
        &named("\"en\", \"../es\", \"English\", \"en\""),
        expect![[r#"
            agreement.toml:152:20: `../es` is no tag of a language (5 U.S.C. 552a(p)(1)(B))
              write two or three small letters, and a script or region where it matters, as in `es` or `zh-Hant`
            agreement.toml:152:29: `English` is no tag of a language (5 U.S.C. 552a(p)(1)(B))
              write two or three small letters, and a script or region where it matters, as in `es` or `zh-Hant`
            agreement.toml:152:40: `en` is named twice (5 U.S.C. 552a(p)(1)(B))
              name it once
        "#]],
    );
}

#[test]
fn everything_wrong_is_listed_at_once() {
    let text = TEXT
        .replace("ends = 2028-06-30", "ends = 2026-06-30")
        .replace("environment = \"test\"", "environment = \"staging\"")
        .replace("owner = \"family-support\"", "owner = \"somebody\"")
        .replace(
            "gross_pay\", kind = \"money\", category",
            "gross_pay\", kind = \"cash\", category",
        )
        .replace("tolerance_cents = 10_000", "tolerance = 100")
        .replace("federal = false", "federal = \"no\"")
        .replace("bound_percent = 10", "bound_percent = 21")
        .replace("[auditor]", "[audit]");
    let problems = Agreement::read(&text, "agreement.toml").unwrap_err();
    expect![[r#"
        agreement.toml:1:1: `auditor` is missing (5 U.S.C. 552a(o)(1)(K))
          add this: Who audits, with what access
        agreement.toml:10:15: `environment` is none of `test`, `production`
          write one of these
        agreement.toml:15:8: the term ends before it begins (5 U.S.C. 552a(o)(1)(C))
          correct one of the dates
        agreement.toml:48:11: `parties[1].federal` is text, not true or false (5 U.S.C. 552a(o)(1))
          write true or false
        agreement.toml:68:32: `record_sets[0].returned[1].kind` is none of `text`, `date`, `number`, `money`, `code`, `identifier`, `flag` (5 U.S.C. 552a(o)(1)(C))
          write one of these
        agreement.toml:83:9: `somebody` is no party (5 U.S.C. 552a(o)(1)(C))
          name the party whose records they are
        agreement.toml:115:1: `discrepancy.of[1].tolerance_cents` is missing
          add this: By more than this, in hundredths of the currency
        agreement.toml:119:1: `discrepancy.of[1].tolerance` is unknown
          remove it; known here: `rule`, `amount`, `over`, `tolerance_cents`
        agreement.toml:131:17: `pilot.bound_percent` is 21, above 20
          write this: The share of false leads must be below this, in percent; 20 at most
        agreement.toml:189:2: `audit` is unknown
          did you mean `auditor`?
    "#]].assert_eq(&lines(&problems));
}

#[test]
fn what_is_not_toml_is_named_with_its_line() {
    check(
        "format = 1\n",
        "format = = 1\n",
        expect![[r#"
        agreement.toml:1:1: `format` is 0, which this program does not read
          write `format = 1`, or take a newer program
        agreement.toml:6:10: not TOML: extra `=`, expected nothing
          mend the line
        agreement.toml:6:12: not TOML: unexpected key or value, expected newline, `#`
          mend the line
    "#]],
    );
    check(
        "federal = true",
        "federal = true\nfederal = true",
        expect![[r#"
        agreement.toml:37:1: not TOML: duplicate key
          mend the line
    "#]],
    );
}

#[test]
fn an_empty_file_lists_every_section() {
    let problems = Agreement::read("", "agreement.toml").unwrap_err();
    let missing: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
    expect![[r#"
        `auditor` is missing
        `discrepancy` is missing
        `environment` is missing
        `format` is missing
        `laws` is missing
        `model` is missing
        `notice` is missing
        `parties` is missing
        `pilot` is missing
        `program` is missing
        `purposes` is missing
        `record_sets` is missing
        `redisclosure` is missing
        `retention` is missing
        `security` is missing
        `term` is missing
        `title` is missing
        `verification` is missing"#]]
    .assert_eq(&missing.join("\n"));
}

#[test]
fn a_protected_element_is_not_matched_on() {
    check(
        "{ name = \"postcode\", kind = \"code\", category = \"contact\" }",
        "{ name = \"postcode\", kind = \"code\", category = \"birthplace\" }",
        expect![[r#"
            agreement.toml:63:3: `payroll.postcode` is matched on and is protected or a proxy: birthplace (floor F3)
              take it out: nobody is selected by a protected trait or its proxy
        "#]],
    );
}

#[test]
fn a_subgroup_is_drawn_from_what_many_share_in_the_recipients_own_caseload() {
    let born = r#"element = "caseload.date_of_birth"
grouping = { by = "years", span = 20 }"#;
    check(
        born,
        "element = \"caseload.postcode\"\ngrouping = { by = \"value\" }",
        expect!["no problem"],
    );
    check(
        born,
        "element = \"payroll.pay_from\"\ngrouping = { by = \"years\", span = 20 }",
        expect![[r#"
            agreement.toml:137:11: `payroll.pay_from` is no element of the recipient's caseload (5 U.S.C. 552a(o)(1)(C))
              name an element of the record set with the `caseload_id`: nothing is disclosed for a subgroup
        "#]],
    );
    check(
        born,
        "element = \"caseload.postcode\"\ngrouping = { by = \"years\", span = 20 }",
        expect![[r#"
            agreement.toml:137:11: `caseload.postcode` is of another kind than the rule needs
              name an element of kind date
        "#]],
    );
    check(
        born,
        "element = \"caseload.surname\"\ngrouping = { by = \"value\" }",
        expect![[r#"
            agreement.toml:137:11: `caseload.surname` is of another kind than the rule needs
              name an element of kind code or flag
        "#]],
    );
    check(
        born,
        "element = \"caseload.county\"\ngrouping = { by = \"value\" }",
        expect![[r#"
            agreement.toml:137:11: `caseload.county` is no element of its record set (5 U.S.C. 552a(o)(1)(C))
              list it under `returned` or `compared`
        "#]],
    );
    check(
        "span = 20",
        "span = 4",
        expect![[r#"
            agreement.toml:138:35: `subgroups[0].grouping.span` is 4, below 5 (floor F3, F12)
              write this: How many years together, five at least
        "#]],
    );
    check(
        "by = \"years\", span = 20",
        "by = \"days\"",
        expect![[r#"
            agreement.toml:138:19: `subgroups[0].grouping.by` is none of `value`, `years`, `beginning` (floor F3, F12)
              write one of `value`, `years`, `beginning`
        "#]],
    );
    check(
        "id = \"region\"",
        "id = \"born\"",
        expect![[r#"
            agreement.toml:142:6: `born` stands twice in `subgroups`
              give each its own name
        "#]],
    );
}

#[test]
fn no_subgroup_is_by_a_protected_trait_or_by_who_somebody_is() {
    let with = |category: &str| {
        let changed = TEXT
            .replace(
                r#"{ name = "declared_income","#,
                &format!(r#"{{ name = "mark", kind = "code", category = "{category}" }}, {{ name = "declared_income","#),
            )
            .replace("caseload.postcode", "caseload.mark");
        let problems = Agreement::read(&changed, "agreement.toml").unwrap_err();
        problems.into_iter().map(|problem| problem.what).collect::<Vec<_>>()
    };
    let said = |what: &str, wanted: &str| what.contains(wanted);
    for category in ["race", "language", "citizenship", "health", "tax_number"] {
        assert!(
            with(category).iter().any(|what| said(what, "is protected or a proxy")),
            "{category}"
        );
    }
    assert!(with("identity").iter().any(|what| said(what, "its groups would be people")));
    assert!(!with("program").iter().any(|what| said(what, "subgroup")));
}

#[test]
fn a_yearly_sum_is_not_held_against_a_monthly_one() {
    check(
        "\"declared_income\", kind = \"money\", category = \"money\", per = \"month\"",
        "\"declared_income\", kind = \"money\", category = \"money\", per = \"year\"",
        expect![[r#"
            agreement.toml:117:10: `payroll.gross_pay` and `caseload.declared_income` do not cover the same span of time (5 U.S.C. 552a(p)(2)(C))
              say under `per` what each covers, and compare only sums over the same span: income is never averaged over another
        "#]],
    );
}

#[test]
fn elements_and_names_fit_together() {
    check(
        "amount = \"payroll.gross_pay\"",
        "amount = \"payrol.gross_pay\"",
        expect![[r#"
            agreement.toml:117:10: `payrol.gross_pay` is in no record set of this agreement (5 U.S.C. 552a(o)(1)(C))
              name one of this agreement's record sets
        "#]],
    );
    check(
        "amount = \"payroll.gross_pay\"",
        "amount = \"payroll.net_pay\"",
        expect![[r#"
            agreement.toml:117:10: `payroll.net_pay` is no element of its record set (5 U.S.C. 552a(o)(1)(C))
              list it under `returned` or `compared`
        "#]],
    );
    check(
        "amount = \"payroll.gross_pay\"",
        "amount = \"payroll.employer\"",
        expect![[r#"
            agreement.toml:117:10: `payroll.employer` is of another kind than the rule needs
              name an element of kind money or number
        "#]],
    );
    check(
        "compared = [",
        "returned = [",
        expect![[r#"
            agreement.toml:95:12: `caseload` returns elements but belongs to no source (5 U.S.C. 552a(o)(1)(C))
              list under `returned` only what the source has
        "#]],
    );
    check(
        "caseload_id = \"case_id\"\n",
        "",
        expect![[r#"
            agreement.toml:53:1: no record set has a `caseload_id`: answers go to the recipient's own cases only (floor F4)
              add `caseload_id` to the recipient's record set
        "#]],
    );
    check(
        "roles = [\"recipient\"]",
        "roles = [\"facilitator\"]",
        expect![[r#"
            agreement.toml:32:1: no party is the recipient (5 U.S.C. 552a(o)(1))
              give a party the role `recipient`
            agreement.toml:51:16: `family-support` is no recipient, and counts no look-ups (floor F4)
              put it with the recipient, or leave it out
            agreement.toml:53:1: no recipient has a record set (floor F4)
              add the recipient's own caseload
            agreement.toml:86:15: `caseload` is no recipient's caseload (floor F4)
              put `caseload_id` into the recipient's record set
        "#]],
    );
    check(
        "id = \"comptroller\"",
        "id = \"family-support\"",
        expect![[r#"
            agreement.toml:190:6: a party cannot be its own auditor (floor F11)
              name an auditor who is no party
        "#]],
    );
    check(
        "[model.threshold]",
        "digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n[model.threshold]",
        expect![[r#"
            agreement.toml:121:1: `model` names a finished model or a recipe, one of the two
              write either `digest` or `recipe_digest`
        "#]],
    );
}

#[test]
fn a_test_key_has_no_place_in_a_production_agreement() {
    check(
        "environment = \"test\"\ndemonstration = true",
        "environment = \"production\"",
        expect![[r#"
            agreement.toml:37:7: `parties[0].key` is a test key in a production agreement
              make a key with `comity key new FILE`
            agreement.toml:41:7: `parties[0].board.key` is a test key in a production agreement
              make a key with `comity key new FILE`
            agreement.toml:49:7: `parties[1].key` is a test key in a production agreement
              make a key with `comity key new FILE`
            agreement.toml:192:7: `auditor.key` is a test key in a production agreement
              make a key with `comity key new FILE`
        "#]],
    );
    check(
        "environment = \"test\"",
        "environment = \"production\"",
        expect![[r#"
            agreement.toml:11:17: a demonstration is never production
              write `environment = "test"`, or leave `demonstration` out
            agreement.toml:38:7: `parties[0].key` is a test key in a production agreement
              make a key with `comity key new FILE`
            agreement.toml:42:7: `parties[0].board.key` is a test key in a production agreement
              make a key with `comity key new FILE`
            agreement.toml:50:7: `parties[1].key` is a test key in a production agreement
              make a key with `comity key new FILE`
            agreement.toml:193:7: `auditor.key` is a test key in a production agreement
              make a key with `comity key new FILE`
        "#]],
    );
}

#[test]
fn one_key_signs_for_one_signer() {
    check(
        "test-ed25519:fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "test-ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        expect![[r#"
            agreement.toml:50:7: `parties[1].key` is the same key as `parties[0].key`
              give each signer a key of its own
        "#]],
    );
}

#[test]
fn a_claim_and_an_exception_say_what_they_are_for() {
    check(
        "[cost_benefit]",
        "[[exceptions]]\nkind = \"pending_case\"\ncategory = \"race\"\ncitation = \"x 1\"\nreason = \"because\"\n
[[claims]]\nid = \"a\"\nkind = \"waiver\"\nlaw = \"floor\"\nowner = \"nobody\"\ncitation = \"x 1\"\nscope = \"all\"\nbegins = 2027-02-01\nends = 2027-01-01\n
[cost_benefit]",
        expect![[r#"
            agreement.toml:197:12: exception `pending_case` is not for category `race` (floor F3)
              take the exception out, or name the category it is for
            agreement.toml:201:1: a waiver names the rules it waives
              see the rules with `comity law show`
            agreement.toml:204:7: nothing waives the floor (the floor)
              take the claim out
            agreement.toml:205:9: `nobody` is no party
              name the party that claims it
            agreement.toml:209:8: a claim ends before it begins
              correct one of the dates
        "#]],
    );
}

#[test]
fn what_a_law_asks_beyond_is_listed_with_its_section() {
    let cut = TEXT.split("[use_of_records]").next().unwrap().replace("[justification]", "[other]");
    let problems = law_problems(&cut, "agreement.toml", &agreement::Pack::shipped().unwrap());
    expect![[r#"
        agreement.toml:1:1: `accuracy` is missing (5 U.S.C. 552a(o)(1)(J))
          add an `[[accuracy]]` for each record set: when it was assessed, how, with what result
        agreement.toml:1:1: `cost_benefit` is missing (5 U.S.C. 552a(u)(4))
          add `[cost_benefit]`: the analysis, the board's written waiver, or the statute that requires the program
        agreement.toml:1:1: `justification` is missing (5 U.S.C. 552a(o)(1)(B))
          add `[justification]`: why, what is expected, and a specific estimate of savings
        agreement.toml:1:1: `use_of_records` is missing (5 U.S.C. 552a(o)(1)(I))
          add `[use_of_records]`: how the recipient uses the source's records, and their return or destruction
    "#]].assert_eq(&lines(&problems));
}

#[test]
fn the_template_has_a_problem_for_each_placeholder_and_no_other() {
    let text = template(&PackId::new("us-cmppa").unwrap()).unwrap();
    let problems = Agreement::read(text, "agreement.toml").unwrap_err();
    for problem in &problems {
        let still = problem.what.contains("is still a placeholder")
            || problem.what.contains("is still `0`");
        assert!(still, "{problem}");
    }
    let placeholder = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default();
        !line.starts_with('#') && (line.contains("\"TODO\""))
    };
    for (index, line) in text.lines().enumerate().filter(|(_, line)| placeholder(line)) {
        assert!(
            problems.iter().any(|problem| problem.line == index + 1),
            "line {}: {line}",
            index + 1
        );
    }
    assert_eq!(lines(&law_problems(text, "x", &agreement::Pack::shipped().unwrap())), "");
    assert!(matches!(template(&PackId::new("us-none").unwrap()), Err(Error::UnknownPack { .. })));
}

#[test]
fn the_json_schema_in_docs_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/agreement.schema.json");
    let current = agreement_schema();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == current,
        "docs/agreement.schema.json is not current: run this with UPDATE_EXPECT=1"
    );
}

#[test]
fn the_json_schema_fits_the_example_and_the_template_and_not_a_wrong_one() {
    let schema = serde_json::from_str(&agreement_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json = |text: &str| {
        let table: toml::Table = text.parse().unwrap();
        let text = serde_json::to_string(&table).unwrap();
        // A TOML date is a text in JSON.
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        flatten_dates(&mut value);
        value
    };
    for text in [TEXT, template(&PackId::new("us-cmppa").unwrap()).unwrap()] {
        let errors: Vec<_> =
            validator.iter_errors(&json(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    assert!(!validator.is_valid(&json(&TEXT.replace("[term]", "[terms]"))));
}

fn flatten_dates(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            if let Some(date) = fields.get("$__toml_private_datetime") {
                *value = date.clone();
                return;
            }
            fields.values_mut().for_each(flatten_dates);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(flatten_dates),
        _ => {}
    }
}

#[test]
fn a_signature_reads_back_and_verifies() {
    let agreement = signable();
    let source = signer("payroll-administration", SignerRole::Party);
    let signature =
        Signature::new(&agreement, Answer::Accept, &source, now(), &key(1), None).unwrap();
    let read = Signature::read(&signature.to_text().unwrap(), "a.sig").unwrap();
    assert_eq!(read, signature);
    read.verify(&agreement, &[]).unwrap();
}

#[test]
fn a_signature_counts_for_its_own_agreement_signer_answer_and_key_only() {
    let agreement = signable();
    let source = signer("payroll-administration", SignerRole::Party);
    let sign = |answer, by: &Signer, seed| {
        Signature::new(&agreement, answer, by, now(), &key(seed), None).unwrap()
    };
    let good = sign(Answer::Accept, &source, 1);

    let mut changed = agreement.clone();
    changed.title.push('.');
    assert!(matches!(good.verify(&changed, &[]), Err(Error::OtherAgreement { .. })));

    let other_key = sign(Answer::Accept, &source, 9);
    assert!(matches!(other_key.verify(&agreement, &[]), Err(Error::OtherKey { .. })));

    let stranger = sign(Answer::Accept, &signer("stranger", SignerRole::Party), 1);
    assert!(matches!(stranger.verify(&agreement, &[]), Err(Error::UnknownSigner { .. })));

    // The party's key is not the board's, and its signature cannot be passed off as the board's.
    let as_board = sign(Answer::Accept, &signer("payroll-administration", SignerRole::Board), 1);
    assert!(matches!(as_board.verify(&agreement, &[]), Err(Error::OtherKey { .. })));

    let revoked = Signature { answer: Answer::Revoke, ..good.clone() };
    assert!(matches!(revoked.verify(&agreement, &[]), Err(Error::WrongSignature { .. })));
    let later = Signature { at: now() + jiff::SignedDuration::from_secs(1), ..good.clone() };
    assert!(matches!(later.verify(&agreement, &[]), Err(Error::WrongSignature { .. })));
    let relabelled = Signature { environment: Environment::Production, ..good };
    assert!(matches!(relabelled.verify(&agreement, &[]), Err(Error::WrongEnvironment { .. })));
}

#[test]
fn a_test_key_does_not_sign_for_production() {
    let mut agreement = signable();
    agreement.environment = Environment::Production;
    let source = signer("payroll-administration", SignerRole::Party);
    let signed = Signature::new(&agreement, Answer::Accept, &source, now(), &key(1), None);
    assert!(matches!(signed, Err(Error::WrongEnvironment { .. })));
}

#[test]
fn a_signed_document_may_be_attested_for_the_board_with_the_partys_key() {
    let agreement = signable();
    let board = signer("payroll-administration", SignerRole::Board);
    let document =
        Document { sha256: Digest::of(b"pdf"), attested_by: "Clerk of the board".into() };
    let signature =
        Signature::new(&agreement, Answer::Accept, &board, now(), &key(1), Some(document)).unwrap();
    signature.verify(&agreement, &[]).unwrap();
    let undocumented = Signature { document: None, ..signature };
    assert!(undocumented.verify(&agreement, &[]).is_err());
}

#[test]
fn a_new_key_counts_from_its_change_on_and_the_old_one_until_then() {
    let agreement = signable();
    let source = signer("payroll-administration", SignerRole::Party);
    let hour = jiff::SignedDuration::from_hours(1);
    let change = KeyChange::new(&source, &key(1), &key(8), now()).unwrap();
    let change = KeyChange::read(&change.to_text().unwrap(), "change").unwrap();
    let sign = |seed, at| {
        Signature::new(&agreement, Answer::Accept, &source, at, &key(seed), None).unwrap()
    };
    let changes = [change.clone()];
    sign(1, now() - hour).verify(&agreement, &changes).unwrap();
    sign(8, now() + hour).verify(&agreement, &changes).unwrap();
    assert!(sign(8, now() - hour).verify(&agreement, &changes).is_err());
    assert!(sign(1, now() + hour).verify(&agreement, &changes).is_err());

    let forged = KeyChange { new_key: key(9).public(), ..change };
    assert!(sign(9, now() + hour).verify(&agreement, &[forged]).is_err());
    let production = SigningKey::new(Environment::Production, [8; 32]);
    assert!(KeyChange::new(&source, &key(1), &production, now()).is_err());
}

#[test]
fn a_rejection_or_a_revocation_ends_it_and_the_future_does_not_count() {
    let mut filed = Filed::new(signable());
    let agreement = filed.agreement.clone();
    let sign = |answer, id: &str, role, seed, at| {
        Signature::new(&agreement, answer, &signer(id, role), at, &key(seed), None).unwrap()
    };
    let accept = |id, role, seed| sign(Answer::Accept, id, role, seed, now());
    filed.signatures.push(accept("payroll-administration", SignerRole::Party, 1));
    filed.signatures.push(accept("payroll-administration", SignerRole::Board, 2));
    assert!(!filed.standing(now()).unwrap().is_agreed());
    filed.signatures.push(accept("family-support", SignerRole::Party, 3));
    assert!(filed.standing(now()).unwrap().is_agreed());
    let before = now() - jiff::SignedDuration::from_secs(1);
    let early = filed.standing(before).unwrap();
    assert!(!early.is_agreed());
    expect!["the statement of `family-support (party)` is from the future"]
        .assert_eq(&early.invalid[2]);
    // The auditor has a key and no say.
    let mut by_auditor = filed.clone();
    by_auditor.signatures.push(sign(Answer::Revoke, "comptroller", SignerRole::Auditor, 4, now()));
    assert!(by_auditor.standing(now()).unwrap().is_agreed());
    for answer in [Answer::Reject, Answer::Revoke] {
        let mut ended = filed.clone();
        ended.signatures.push(sign(answer, "family-support", SignerRole::Party, 3, now()));
        assert!(!ended.standing(now()).unwrap().is_agreed());
    }
}

#[test]
fn a_demonstration_is_signed_in_force_and_keeps_its_length() {
    let agreement = example();
    let mut seed = 0;
    let mut random = || {
        seed += 1;
        [seed; 32]
    };
    let shown =
        agreement.demonstration(&agreement::Publications::default(), now(), &mut random).unwrap();
    let term = &shown.filed.agreement.term;
    assert_eq!(term.begins.to_string(), "2027-03-05");
    assert_eq!(term.months(), agreement.term.months());
    assert!(shown.filed.standing(now()).unwrap().is_agreed());

    let mut real = example();
    real.demonstration = false;
    let refused = real.demonstration(&agreement::Publications::default(), now(), &mut random);
    assert!(matches!(refused, Err(Error::NotADemonstration { .. })));
}

#[test]
fn the_example_schedule_fits_its_agreement() {
    let schedule = Schedule::read(SCHEDULE, "schedule.toml", &example(), &[]).unwrap();
    assert!(schedule.cycle(&"2027Q1".parse().unwrap()).is_some());
    assert_eq!(schedule.extracts().len(), example().record_sets.len());
}

#[test]
fn a_schedule_loosens_nothing_and_names_only_what_the_agreement_names() {
    let text =
        SCHEDULE.replacen("program = \"benefits\"", "program = \"benefits\"\nthreshold = 5.9", 1)
            + "
[record_sets.payroll.columns]
surname = \"LAST\"
shoe_size = \"SHOE\"

[record_sets.caseload.values.surname]
unknown = \"\"

[record_sets.caseload.control]
kind = \"trailer\"
prefix = \"T\"

[record_sets.other]
path = \"x\"
format = \"fixed\"
[record_sets.other.drawn]
attested_by = \"family-support\"
statement = \"unknown\"
selected_on = [\"race\"]
";
    let text = text
        .replace("attested_by = \"payroll-administration\"", "attested_by = \"family-support\"");
    let problems = Schedule::read(&text, "schedule.toml", &example(), &[]).unwrap_err();
    expect![[r#"
        schedule.toml:5:13: `threshold` is below 6, the bound that was approved (floor F12)
          raise it; a lower bound is a change of terms and so a new agreement
        schedule.toml:20:15: `family-support` does not own `payroll` (floor F3)
          let the owner attest how the extract was drawn
        schedule.toml:52:22: not TOML: duplicate key
          mend the line
        schedule.toml:53:1: not TOML: duplicate key
          mend the line
        schedule.toml:54:13: `payroll.shoe_size` is no element of the agreement (5 U.S.C. 552a(o)(1)(C))
          take it out: only what the agreement names is ever read
        schedule.toml:59:1: `record_sets.caseload.control.count_field` is missing
          add this: The place of the count of records among the trailer's fields, from 1
        schedule.toml:63:1: `other` is no record set of the agreement
          take it out, or name it as the agreement does
        schedule.toml:68:13: `record_sets.other.drawn.statement` is still a placeholder
          write this: How, in words
    "#]]
    .assert_eq(&lines(&problems));
}

#[test]
fn a_revocation_or_a_rejection_counts_whatever_its_date() {
    let mut filed = Filed::new(signable());
    let agreement = filed.agreement.clone();
    let year = jiff::SignedDuration::from_hours(24 * 365);
    let sign = |answer, id: &str, role, seed, at| {
        Signature::new(&agreement, answer, &signer(id, role), at, &key(seed), None).unwrap()
    };
    for (id, role, seed) in [
        ("payroll-administration", SignerRole::Party, 1),
        ("payroll-administration", SignerRole::Board, 2),
        ("family-support", SignerRole::Party, 3),
    ] {
        filed.signatures.push(sign(Answer::Accept, id, role, seed, now()));
    }
    assert!(filed.standing(now()).unwrap().is_agreed());
    for answer in [Answer::Reject, Answer::Revoke] {
        let mut ended = filed.clone();
        ended.signatures.push(sign(answer, "family-support", SignerRole::Party, 3, now() + year));
        assert!(!ended.standing(now()).unwrap().is_agreed());
    }
}

#[test]
fn a_reason_for_a_lead_is_checked_in_any_list_and_like_is_held_against_like() {
    check(
        "{ name = \"employer\", kind = \"text\", category = \"program\" },",
        "{ name = \"pay_to\", kind = \"date\", category = \"citizenship\" },",
        expect![[r#"
            agreement.toml:67:3: `payroll.pay_to` would be a reason for a lead and is protected or a proxy: citizenship (floor F3)
              take it out of the discrepancy rule
            agreement.toml:70:3: `payroll.pay_to` has two kinds or categories (floor F3)
              give it the same kind and category everywhere
            agreement.toml:70:3: `payroll.pay_to` stands twice in `returned` (5 U.S.C. 552a(o)(1)(C))
              list each element once
        "#]],
    );
    check(
        "rule = \"amount_exceeds\"\namount = \"payroll.gross_pay\"\nover = \"caseload.declared_income\"\ntolerance_cents = 10_000",
        "rule = \"value_differs\"\nvalue = \"payroll.gross_pay\"\nfrom = \"caseload.benefit_from\"",
        expect![[r#"
            agreement.toml:98:3: `caseload.declared_income` is asked for and not used (5 U.S.C. 552a(o)(1)(C))
              take it out: the discrepancy rule does not look at it
            agreement.toml:117:9: `payroll.gross_pay` and `caseload.benefit_from` are of different kinds
              compare elements of one kind
        "#]],
    );
}

#[test]
fn the_floor_is_no_law_to_stand_under() {
    check(
        "laws = [\"us-cmppa\"]",
        "laws = [\"us-cmppa\", \"floor\"]",
        expect![[r#"
        agreement.toml:9:21: the floor is no law to stand under (floor F1)
          name the law; the floor holds whatever is named
    "#]],
    );
}

#[test]
fn a_key_changes_once_and_two_changes_that_differ_leave_nobodys_key() {
    let agreement = signable();
    let source = signer("payroll-administration", SignerRole::Party);
    let hour = jiff::SignedDuration::from_hours(1);
    let change = |seed, at| KeyChange::new(&source, &key(1), &key(seed), at).unwrap();
    let sign = |seed, at| {
        Signature::new(&agreement, Answer::Accept, &source, at, &key(seed), None).unwrap()
    };
    let changes = [change(8, now()), change(9, now() + hour)];
    for (seed, at) in [(8, now() + hour), (9, now() + hour + hour), (1, now() - hour)] {
        assert!(sign(seed, at).verify(&agreement, &changes).is_err(), "{seed}");
    }
    // The new key has to have signed too, or anybody's key could be made another's.
    let unwilling = KeyChange { new_signature: change(8, now()).signature, ..change(8, now()) };
    assert!(sign(8, now() + hour).verify(&agreement, &[unwilling]).is_err());
    // The same change twice is one change.
    let changes = [change(8, now()), change(8, now())];
    sign(8, now() + hour).verify(&agreement, &changes).unwrap();
    sign(1, now() - hour).verify(&agreement, &changes).unwrap();
}

#[test]
fn terms_that_the_gate_would_refuse_are_listed_before_anybody_signs() {
    let gate = agreement::Gate::shipped().unwrap();
    let problems = |text: &str| {
        let agreement = Agreement::read(text, "agreement.toml").unwrap();
        lines(&agreement::terms_problems(&agreement, text, "agreement.toml", &gate))
    };
    assert_eq!(problems(TEXT), "");
    let text = TEXT
        .replace("ends = 2028-06-30", "ends = 2036-12-31")
        .replace("response_period_days = 30", "response_period_days = 3")
        .replace("section 12(b): verification", "section 12(b), 8 U.S.C. 1231: verification")
        .replace("benefit_cents = 41_500_000", "benefit_cents = 0");
    expect![[r#"
        agreement.toml:15:8: not kept: the term is 18 months at most; here: 120 months (5 U.S.C. 552a(o)(2)(C))
          shorten the term
        agreement.toml:17:1: not kept: every purpose, onward ones too, is in the floor's vocabulary, and none rests on a power to arrest, detain or remove; here: `Family Support Act (fictional), section 12(b), 8 U.S.C. 1231: verification of income against employers' reports` (floor F13)
          nothing here serves civil immigration enforcement; take that purpose or redisclosure out
        agreement.toml:151:24: not kept: the period to contest is the one a statute or regulation of the program fixes, or else 30 days at least (5 U.S.C. 552a(p)(1)(C))
          give 30 days, or cite what fixes another period
        agreement.toml:195:1: not kept: an analysis, already made, shows that the program is likely to be cost-effective, or the board waived it in writing, or a statute requires the program and this is its first agreement (5 U.S.C. 552a(u)(4))
          file the analysis or the waiver
    "#]].assert_eq(&problems(&text));
}

const COURT: &str = "court.example+ce9a41e8+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
const INSPECTOR: &str = "inspector.example+4c950ee3+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";

/// The terms of a quorum of so many of these witnesses.
fn quorum(count: u32, witnesses: &[(&str, &str)]) -> String {
    let mut text = format!("\n[witnesses]\nquorum = {count}\nwithin_seconds = 60\n");
    for (id, key) in witnesses {
        let member = format!("\n[[witnesses.members]]\nid = \"{id}\"\nkey = \"{key}\"\n");
        text.push_str(&member);
    }
    text
}

#[test]
fn a_quorum_is_of_witnesses_that_are_there_each_with_a_key_of_its_own() {
    let both = quorum(2, &[("court", COURT), ("inspector", INSPECTOR)]);
    let found = |from: &str, to: &str| -> Vec<String> {
        assert!(both.contains(from), "{both}");
        let text = format!("{TEXT}{}", both.replace(from, to));
        let problems = Agreement::read(&text, "agreement.toml").err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.what).collect()
    };
    assert_eq!(found("", ""), Vec::<String>::new());
    for (from, to, expected) in [
        ("quorum = 2", "quorum = 0", "`witnesses.quorum` is 0, and there are 2 witnesses"),
        ("quorum = 2", "quorum = 3", "`witnesses.quorum` is 3, and there are 2 witnesses"),
        ("seconds = 60", "seconds = 0", "`witnesses.within_seconds` is 0"),
        ("seconds = 60", "seconds = 3601", "`witnesses.within_seconds` is 3601"),
        (INSPECTOR, COURT, "`inspector` has the key of another witness"),
        ("\"inspector\"", "\"court\"", "`court` stands twice in `witnesses.members`"),
        ("court.example+", "court.example.org+", "is not a witness's public key"),
        (COURT, "TODO", "is still a placeholder"),
    ] {
        let found = found(from, to);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    let with = Agreement::read(&format!("{TEXT}{both}"), "agreement.toml").unwrap();
    assert_ne!(with.digest().unwrap(), example().digest().unwrap());
}

#[test]
fn the_schedule_says_where_as_many_witnesses_are_reached_as_a_release_waits_for() {
    let text = format!("{TEXT}{}", quorum(1, &[("court", COURT)]));
    let agreement = Agreement::read(&text, "agreement.toml").unwrap();
    let found = |more: &str, agreement: &Agreement| -> Vec<String> {
        let problems =
            Schedule::read(&format!("{SCHEDULE}{more}"), "schedule.toml", agreement, &[]);
        problems.err().unwrap_or_default().into_iter().map(|problem| problem.what).collect()
    };
    let reached = |id: &str, address: &str| {
        format!("\n[[witnesses]]\nid = \"{id}\"\naddress = \"{address}\"\n")
    };
    let court = reached("court", "https://court.example/witness");
    assert_eq!(found(&court, &agreement), Vec::<String>::new());
    let missing = "a release waits for 1 witnesses, and an address is given for 0";
    assert_eq!(found("", &agreement), [missing]);
    let other = found(&reached("police", "https://police.example/"), &agreement);
    assert_eq!(other.len(), 2, "{other:?}");
    assert_eq!(
        found(&reached("court", "court.example"), &agreement),
        ["`court.example` is no address"]
    );
    assert_eq!(found(&court, &example()), ["`court` is no witness of the agreement"]);
}

#[test]
fn a_register_of_requests_is_one_recipients() {
    let line = TEXT.lines().find(|line| line.starts_with("requests_key = ")).unwrap();
    let found = |from: &str, to: &str| -> Vec<String> {
        assert!(TEXT.contains(from), "{from}");
        let problems = Agreement::read(&TEXT.replacen(from, to, 1), "agreement.toml");
        problems.err().unwrap_or_default().into_iter().map(|problem| problem.what).collect()
    };
    let address = "address = \"1 Ledger Square, Capital City\"";
    let at_the_source = found(address, &format!("{address}\n{line}"));
    assert_eq!(at_the_source.len(), 2, "{at_the_source:?}");
    assert!(at_the_source[0].contains("`payroll-administration` is no recipient"));
    assert!(at_the_source[1].contains("`family-support` has the register of requests of"));
    for (to, expected) in [
        ("requests_key = \"TODO\"", "`parties[1].requests_key` is still a placeholder"),
        ("requests_key = \"requests\"", "is not the public key of a register of requests"),
    ] {
        let found = found(line, to);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
    }
    assert_eq!(
        found(&format!("{line}\n"), ""),
        Vec::<String>::new(),
        "without one, none is needed"
    );
}
