//! Asks the gate, with agreements and requests as they are filed and made: that facts are lowered rightly.
//!
//! What follows from facts is in the packs' vectors and in `proofs.rs`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots so")]

use std::collections::BTreeSet;

use agreement::{
    Act, Agreement, Annex, Answer, By, CaseRequest, Caseload, Category, Decision, Direction,
    Extract, Facts, Filed, Gate, JoinPublished, Lift, OfficerRole, Pack, Permit, PilotStatus,
    Publications, RecordsAsked, Refusal, RegisterKey, Request, Scope, Signature, SignerRole,
    SigningKey, Stay, StayKind,
};
use expect_test::expect;
use jiff::{SignedDuration, Timestamp};

const TEXT: &str = include_str!("../../../examples/benefits/agreement.toml");
const PUBLICATIONS: &str = include_str!("../../../examples/benefits/publications.toml");

fn now() -> Timestamp {
    "2027-05-04T12:00:00Z".parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::new(agreement::Environment::Test, [seed; 32])
}

/// Files the example, changed or not, as a demonstration. Keys are 1: source, 2: its board, 3: recipient, 4: auditor.
fn file(change: impl FnOnce(&mut Agreement)) -> Filed {
    let mut agreement = Agreement::read(TEXT, "agreement.toml").unwrap();
    change(&mut agreement);
    let published = Publications::read(PUBLICATIONS, "publications.toml").unwrap();
    let mut seed = 0;
    let random = || {
        seed += 1;
        [seed; 32]
    };
    agreement.demonstration(&published, now(), random).unwrap().filed
}

fn ask(filed: &Filed, act: Act, party: &str) -> Request {
    let agreement = &filed.agreement;
    let purpose = agreement.purposes[0].id.clone();
    let mut request = Request::new(agreement, act, &party.parse().unwrap(), &purpose);
    for set in &agreement.record_sets {
        request.counts.insert(set.id.clone(), set.approx_count);
        let extract = Extract { attested_by: Some(set.owner.clone()), ..Extract::default() };
        request.extracts.insert(set.id.clone(), extract);
    }
    request.ledger_writable = true;
    request.threshold = Some(6.0);
    request
}

fn run(filed: &Filed) -> Request {
    ask(filed, Act::RUN, "family-support")
}

fn permit(filed: &Filed, request: &Request) -> Permit {
    Gate::shipped()
        .unwrap()
        .decide(request, filed, now())
        .into_permit()
        .unwrap_or_else(|r| panic!("{r}"))
}

fn refusal(filed: &Filed, request: &Request) -> Refusal {
    Gate::shipped().unwrap().decide(request, filed, now()).into_permit().unwrap_err()
}

#[track_caller]
fn refused_by(filed: &Filed, request: &Request, ids: &[&str]) {
    assert_eq!(refusal(filed, request).ids(), ids);
}

#[test]
fn the_worked_example_is_permitted_in_every_act() {
    let filed = file(|_| {});
    for (act, party) in [
        (Act::FILE, "payroll-administration"),
        (Act::TRAIN, "family-support"),
        (Act::RUN, "family-support"),
        (Act::RELEASE, "payroll-administration"),
        (Act::READ, "family-support"),
        (Act::REVIEW, "family-support"),
        (Act::AUDIT, "comptroller"),
    ] {
        let permit = permit(&filed, &ask(&filed, act.clone(), party));
        assert_eq!(permit.act(), &act);
        assert_eq!(permit.agreement(), filed.agreement.digest().unwrap());
    }
}

#[test]
fn a_permit_names_what_it_allows_and_ends() {
    let filed = file(|_| {});
    let permit = permit(&filed, &run(&filed));
    assert!(permit.allows(&"payroll.gross_pay".parse().unwrap()));
    assert!(permit.allows(&"caseload.case_id".parse().unwrap()));
    assert!(!permit.allows(&"payroll.case_id".parse().unwrap()));
    assert_eq!(permit.leads_at_most(), Some(40));
    assert_eq!(permit.ends(), now() + days(1));
    assert!(permit.is_live(permit.ends() - SignedDuration::from_nanos(1)));
    assert!(!permit.is_live(permit.ends()));
    assert!(permit.grounds().permitted);
}

#[test]
fn a_permit_ends_with_the_agreement_or_when_a_known_stay_begins() {
    let filed = file(|_| {});
    let last_day = filed.agreement.term.ends_at() - SignedDuration::from_hours(2);
    let mut request = run(&filed);
    request.pilot = PilotStatus::Reviewed { reviewed: 40, false_permille: 50 };
    let mut reviewed = filed.clone();
    reviewed.publications.reviews.push("2028-05-04".parse().unwrap());
    let gate = Gate::shipped().unwrap();
    let permit = gate.decide(&request, &reviewed, last_day).into_permit().unwrap();
    assert_eq!(permit.ends(), filed.agreement.term.ends_at());
    assert_eq!(permit.leads_at_most(), None);

    let mut stayed = filed.clone();
    let soon = now() + SignedDuration::from_hours(1);
    stayed.stays.push(Stay { from: Some(soon), ..stay(Scope::default()) });
    let permit = gate.decide(&run(&stayed), &stayed, now()).into_permit().unwrap();
    assert_eq!(permit.ends(), soon);
}

#[test]
fn a_refusal_reads_as_rules_reasons_citations_and_remedies() {
    let mut filed = file(|agreement| agreement.term.ends = "2029-12-31".parse().unwrap());
    filed.signatures.pop();
    let mut request = run(&filed);
    request.counts.insert("payroll".parse().unwrap(), u64::MAX);
    request.returned.insert("payroll.shoe_size".parse().unwrap());
    expect![[r#"
        refused: run, 4 rules broken
        F1-boards is broken: every board that the agreement names has approved it (floor F1; 5 U.S.C. 552a(u)(3)(A))
          here: `payroll-administration`
          each board that is missing signs, or attests the digest of a signed document
        F2-returned is broken: only elements that the agreement lists as returned are returned (floor F2; 5 U.S.C. 552a(o)(1)(C))
          here: `payroll.shoe_size`
          leave out what is not listed
        F2-volume is broken: no record set is more than 10 % over its approximate number (the project's own constant) (floor F2; 5 U.S.C. 552a(o)(1)(C))
          here: `payroll: 18446744073709551615 of about 2000`
          find out why there are more records than agreed; a greater number is a new agreement
        us-cmppa-o2-term is broken: the term is 18 months at most (5 U.S.C. 552a(o)(2)(C))
          here: 36 months
          shorten the term"#]].assert_eq(&refusal(&filed, &request).to_string());
}

#[test]
fn an_expired_agreement_is_refused() {
    let filed = file(|_| {});
    let gate = Gate::shipped().unwrap();
    let after = filed.agreement.term.ends_at();
    let refusal = gate.decide(&run(&filed), &filed, after).into_permit().unwrap_err();
    assert!(refusal.ids().contains(&"F1-not-ended"));
    let before = filed.agreement.term.begins_at() - SignedDuration::from_secs(1);
    let refusal = gate.decide(&run(&filed), &filed, before).into_permit().unwrap_err();
    assert!(refusal.ids().contains(&"F1-begun"));
    // Signed today, so yesterday unsigned.
    assert!(refusal.ids().contains(&"F1-signed"));
}

#[test]
fn an_unknown_act_party_pack_or_purpose_is_refused() {
    let filed = file(|_| {});
    refused_by(&filed, &ask(&filed, Act::named("sell"), "family-support"), &["gate-unknown-act"]);
    refused_by(&filed, &ask(&filed, Act::TRAIN, "stranger"), &["F1-party"]);
    let mut request = run(&filed);
    request.purpose = "other".parse().unwrap();
    refused_by(&filed, &request, &["F2-purpose", "us-cmppa-o1A-purpose"]);
    let other = file(|agreement| agreement.laws.push("us-none".parse().unwrap()));
    refused_by(&other, &run(&other), &["gate-unknown-pack"]);
}

#[test]
fn a_pack_that_is_not_in_force_is_refused() {
    let pack = &Pack::shipped().unwrap()[0];
    let manifest = include_str!("../../../laws/us-cmppa/pack.toml")
        .replace("from = 1990-01-01", "from = 1990-01-01\nto = 2027-05-03");
    let vectors = include_str!("../../../laws/us-cmppa/vectors.toml");
    let old = Pack::from_files(&manifest, pack.policies(), vectors).unwrap();
    let filed = file(|_| {});
    let refusal = Gate::new(vec![old])
        .unwrap()
        .decide(&run(&filed), &filed, now())
        .into_permit()
        .unwrap_err();
    assert_eq!(refusal.ids(), ["gate-pack-not-in-force"]);
}

/// A pack with one policy.
fn pack(policy: &str) -> Pack {
    let manifest = "id = \"us-test\"\ntitle = \"x\"\nversion = 2027-01-01\nnote = \"x\"
        [in_force]\nfrom = 2027-01-01\n[regime]\napplies = \"x\"\ncite = \"x\"\notherwise = \"x\"\n";
    let vectors = "[base]\nprincipal = {}\nresource = {}\ncontext = {}\n";
    Pack::from_files(manifest, policy, vectors).unwrap()
}

#[test]
fn any_error_in_a_policy_is_a_refusal() {
    let overflows = "@id(\"overflows\") @reason(\"r\") @cite(\"c\") @remedy(\"m\")
        forbid (principal, action == Action::\"run\", resource)
        when { context.volume_percent * 9223372036854775807 == 7 };";
    let gate = Gate::new(vec![pack(overflows)]).unwrap();
    let filed = file(|agreement| {
        agreement.purposes[0].kind = agreement::PurposeKind::Outreach;
        agreement.laws = vec!["us-test".parse().unwrap()];
    });
    let refusal = gate.decide(&run(&filed), &filed, now()).into_permit().unwrap_err();
    assert_eq!(refusal.ids(), ["gate-policy-error"]);
    // The same gate without the erring policy permits, so the error alone refuses.
    let harmless = overflows.replace("context.volume_percent * 9223372036854775807", "1");
    let gate = Gate::new(vec![pack(&harmless)]).unwrap();
    assert!(gate.decide(&run(&filed), &filed, now()).into_permit().is_ok());
}

#[test]
fn a_pack_may_only_forbid_and_says_why() {
    let refused = |policy: &str| Gate::new(vec![pack(policy)]).unwrap_err().to_string();
    expect!["law pack `us-test`: policy `p` permits; a pack may only forbid"].assert_eq(&refused(
        "@id(\"p\") @reason(\"r\") @cite(\"c\") @remedy(\"m\") permit (principal, action, resource);",
    ));
    expect!["law pack `us-test`: policy `p` lacks `@remedy`"].assert_eq(&refused(
        "@id(\"p\") @reason(\"r\") @cite(\"c\") forbid (principal, action, resource);",
    ));
    expect!["law pack `us-test`: policy id `F1-signed` is taken"].assert_eq(&refused(
        "@id(\"F1-signed\") @reason(\"r\") @cite(\"c\") @remedy(\"m\") forbid (principal, action, resource);",
    ));
    assert!(
        refused("forbid (principal, action, resource) when { resource.colour == 1 };")
            .contains("colour")
    );
    assert!(refused("forbid (").contains("its policies are wrong"));
    let twice = Gate::new(vec![pack(""), pack("")]).unwrap_err().to_string();
    expect!["two law packs are called `us-test`"].assert_eq(&twice);
}

#[test]
fn every_rule_can_be_shown_and_the_floors_come_first() {
    let rules = Gate::shipped().unwrap().rules();
    assert_eq!(rules[0].id, "F1-party");
    assert!(rules.iter().all(|rule| rule.pack.is_some() && !rule.id.starts_with("permit-")));
}

#[test]
fn counts_from_outside_never_overflow() {
    let mut filed = file(|_| {});
    let mut request = run(&filed);
    for (count, permitted) in [(2200, true), (2201, false), (u64::MAX, false), (0, true)] {
        request.counts.insert("payroll".parse().unwrap(), count);
        let decision = Gate::shipped().unwrap().decide(&request, &filed, now());
        assert_eq!(decision.into_permit().is_ok(), permitted, "{count}");
    }
    request = run(&filed);
    request.reversed_permille = Some(u64::MAX);
    request.pilot = PilotStatus::Reviewed { reviewed: u64::MAX, false_permille: u64::MAX };
    refused_by(&filed, &request, &["F12-pilot", "F12-reversals"]);
    request = run(&filed);
    request.counts.insert("other".parse().unwrap(), 1);
    refused_by(&filed, &request, &["F2-volume"]);
    filed.agreement.record_sets[0].approx_count = 0;
    assert!(refusal(&filed, &run(&filed)).ids().contains(&"F2-volume"));
}

#[test]
fn a_threshold_below_the_bound_or_no_number_is_refused() {
    let filed = file(|_| {});
    let mut request = run(&filed);
    for (threshold, ids) in [
        (5.9999, vec!["F12-threshold"]),
        (f64::NEG_INFINITY, vec!["F12-threshold"]),
        (f64::NAN, vec!["gate-malformed", "F12-threshold"]),
    ] {
        request.threshold = Some(threshold);
        refused_by(&filed, &request, &ids);
    }
    request.threshold = Some(f64::INFINITY);
    let _ = permit(&filed, &request);
}

#[test]
fn a_wrong_signature_is_named_in_the_refusal() {
    let mut filed = file(|_| {});
    let other = Signature::new(
        &filed.agreement,
        Answer::Accept,
        &filed.signatures[0].signer(),
        now(),
        &key(99),
        None,
    )
    .unwrap();
    filed.signatures[0] = other;
    let refusal = refusal(&filed, &run(&filed));
    assert_eq!(refusal.ids(), ["F1-signed"]);
    expect!["`family-support`; the statement of `family-support` names a key that is not its party key in this agreement"]
        .assert_eq(refusal.reasons[0].detail.as_deref().unwrap());
}

#[test]
fn one_value_changed_after_signing_is_an_agreement_nobody_signed() {
    let mut filed = file(|_| {});
    filed.agreement.record_sets[0].approx_count += 1;
    filed.publications.agreement = Some(filed.agreement.digest().unwrap());
    refused_by(&filed, &run(&filed), &["F1-signed", "F1-boards"]);
}

fn stay(scope: Scope) -> Stay {
    Stay {
        order: "27-cv-100".into(),
        authority: "District Court (fictional)".into(),
        kind: StayKind::Order,
        scope,
        recorded: now() - days(1),
        from: None,
        until: None,
        lifted: None,
    }
}

#[test]
fn a_stay_covers_what_its_scope_says_and_what_the_request_leaves_open() {
    let filed = file(|_| {});
    let digest = filed.agreement.digest().unwrap();
    let one = |text: &str| BTreeSet::from([text.to_owned()]);
    let party = |text: &str| BTreeSet::from([text.parse().unwrap()]);
    let covered = [
        Scope::default(),
        Scope { agreements: BTreeSet::from([digest]), ..Scope::default() },
        Scope { parties: party("family-support"), ..Scope::default() },
        Scope { parties: party("family-support"), direction: Direction::To, ..Scope::default() },
        Scope {
            parties: party("payroll-administration"),
            direction: Direction::From,
            ..Scope::default()
        },
        Scope { elements: one("payroll.gross_pay"), ..Scope::default() },
        Scope { elements: one("payroll"), ..Scope::default() },
        // The request does not say whom it concerns, so it may concern them.
        Scope { populations: BTreeSet::from(["minors".parse().unwrap()]), ..Scope::default() },
        Scope { territories: BTreeSet::from(["north".parse().unwrap()]), ..Scope::default() },
    ];
    let open = [
        Scope { agreements: BTreeSet::from([agreement::Digest::of(b"other")]), ..Scope::default() },
        Scope { parties: party("family-support"), direction: Direction::From, ..Scope::default() },
        Scope {
            parties: party("payroll-administration"),
            direction: Direction::To,
            ..Scope::default()
        },
        Scope { elements: one("payroll.employer"), ..Scope::default() },
    ];
    for (scopes, covers) in [(covered.as_slice(), true), (open.as_slice(), false)] {
        for scope in scopes {
            let mut stayed = filed.clone();
            stayed.stays.push(stay(scope.clone()));
            let ids: &[&str] = if covers { &["F8-stayed"] } else { &[] };
            let mut request = run(&stayed);
            request.returned.remove(&"payroll.employer".parse().unwrap());
            let decision = Gate::shipped().unwrap().decide(&request, &stayed, now());
            assert_eq!(decision.grounds().rules, ids, "{scope:?}");
        }
    }
    let mut elsewhere = run(&filed);
    elsewhere.territories = BTreeSet::from(["south".parse().unwrap()]);
    let mut stayed = filed.clone();
    stayed.stays.push(stay(covered[8].clone()));
    let _ = permit(&stayed, &elsewhere);
}

#[test]
fn a_stay_counts_from_its_recording_until_its_end_or_its_lifting() {
    let filed = file(|_| {});
    let lift = |at| Lift { order: "27-cv-101".into(), authority: "the same".into(), at };
    let second = SignedDuration::from_secs(1);
    let all = stay(Scope::default());
    for (stay, stands) in [
        (all.clone(), true),
        (Stay { recorded: now(), ..all.clone() }, true),
        (Stay { recorded: now() + second, ..all.clone() }, true),
        (Stay { from: Some(now() + second), ..all.clone() }, false),
        (Stay { until: Some(now() + second), ..all.clone() }, true),
        (Stay { until: Some(now()), ..all.clone() }, false),
        (Stay { lifted: Some(lift(now() + second)), ..all.clone() }, true),
        (Stay { lifted: Some(lift(now())), ..all.clone() }, false),
    ] {
        assert_eq!(stay.is_in_force(now()), stands, "{stay:?}");
        assert_eq!(Stay::read(&stay.to_text().unwrap(), "stay.toml").unwrap(), stay);
    }
    let mut stayed = filed;
    stayed.stays.push(all);
    let _ = permit(&stayed, &ask(&stayed, Act::AUDIT, "comptroller"));
}

#[test]
fn a_source_stops_by_itself() {
    let mut filed = file(|_| {});
    let own = Stay {
        kind: StayKind::SourceStop,
        authority: "payroll-administration".into(),
        ..stay(Scope::default())
    };
    filed.stays.push(own);
    refused_by(&filed, &ask(&filed, Act::RELEASE, "payroll-administration"), &["F8-stayed"]);
}

#[test]
fn a_basis_that_is_a_placeholder_is_none() {
    let filed = file(|agreement| agreement.record_sets[0].basis.citation = "unknown".into());
    refused_by(&filed, &run(&filed), &["F1-basis"]);
}

#[test]
fn a_protected_element_needs_the_exception_that_fits() {
    let filed =
        file(|agreement| agreement.record_sets[0].returned[0].category = Category::Citizenship);
    let refusal = refusal(&filed, &run(&filed));
    assert_eq!(refusal.ids(), ["F3-returned"]);
    assert_eq!(refusal.reasons[0].detail.as_deref(), Some("`payroll.employer (citizenship)`"));
}

#[test]
fn an_extract_is_attested_by_its_owner_and_by_nobody_else() {
    let filed = file(|_| {});
    let mut request = run(&filed);
    let extract = request.extracts.get_mut(&"payroll".parse().unwrap()).unwrap();
    extract.attested_by = Some("family-support".parse().unwrap());
    extract.selected_on.insert(Category::Language);
    refused_by(&filed, &request, &["F3-extract-attested", "F3-extract"]);
}

#[test]
fn no_agreement_serves_arrest_detention_or_removal() {
    for citation in [
        "8 U.S.C. 1231(a)",
        "8 U.S.C. § 1226",
        "8 USC 1357",
        "8 U. S. C. 1225",
        "section 12, and 8 U.S.C. 1229a",
    ] {
        let filed = file(|agreement| agreement.purposes[0].authority[0].citation = citation.into());
        refused_by(&filed, &run(&filed), &["F13-purposes"]);
    }
    let filed = file(|agreement| {
        agreement.purposes[0].authority[0].citation = "18 U.S.C. 1231; 8 U.S.C. 1641".into();
    });
    let _ = permit(&filed, &run(&filed));
}

/// Files about the first annex what was sent and published about the agreement.
fn publish_joining(filed: &mut Filed) {
    let annex = &filed.annexes[0];
    let published = JoinPublished {
        annex: annex.digest().unwrap(),
        sent_to_committees: filed.publications.sent_to_committees,
        reported_in_advance: filed.publications.reported_in_advance,
        federal_register: filed.publications.federal_register.clone(),
    };
    filed.publications.joined.insert(annex.party.id.clone(), published);
}

/// The signers of the worked example and a joining recipient, in the order in which the demonstration draws keys.
const JOINING: [(&str, SignerRole, u8); 4] = [
    ("payroll-administration", SignerRole::Party, 1),
    ("payroll-administration", SignerRole::Board, 2),
    ("family-support", SignerRole::Party, 3),
    ("housing", SignerRole::Party, 50),
];

fn say(annex: &mut Annex, answer: Answer, (id, role, seed): (&str, SignerRole, u8)) {
    let signer = agreement::Signer { id: id.parse().unwrap(), role };
    annex.sign(answer, &signer, now(), &key(seed)).unwrap();
}

const HOUSING_REGISTER: &str =
    "housing.comity.example/requests-test+94b26cde+AfxRzY5iGKGjjaR+0AIw8FgIFu0TujMDrF3rkRVIkIAl";

/// An annex by which housing joins with a caseload, signed by nobody yet.
fn joining(filed: &Filed) -> Annex {
    let mut party = filed.agreement.parties[1].clone();
    party.id = "housing".parse().unwrap();
    party.key = key(50).public();
    party.requests_key = Some(HOUSING_REGISTER.parse().unwrap());
    let set = filed.agreement.record_sets.iter().find(|set| set.caseload_id.is_some()).unwrap();
    let accuracy = filed.agreement.accuracy.iter().filter(|of| of.record_set == set.id);
    let caseload = Caseload {
        title: "Open cases of housing support".into(),
        approx_count: 470,
        basis: set.basis.clone(),
        system_of_records: None,
        accuracy: accuracy.cloned().collect(),
        exceptions: Vec::new(),
    };
    let agreement = filed.agreement.digest().unwrap();
    Annex { agreement, party, caseload: Some(caseload), signatures: Vec::new() }
}

/// The agreement with housing's annex signed by all and everything published about it, asked at housing's node.
fn joined(change: impl FnOnce(&mut Agreement)) -> Filed {
    let mut filed = file(change);
    let mut annex = joining(&filed);
    for signer in JOINING {
        say(&mut annex, Answer::Accept, signer);
    }
    filed.annexes = vec![annex];
    filed.joined = Some("housing".parse().unwrap());
    publish_joining(&mut filed);
    filed
}

/// A run of housing's with as many records as its annex says.
fn joined_run(filed: &Filed) -> Request {
    let mut request = ask(filed, Act::RUN, "housing");
    let owner = "housing".parse().unwrap();
    for (id, extract) in &mut request.extracts {
        if id.as_str() == "caseload" {
            request.counts.insert(id.clone(), 470);
            extract.attested_by = Some(owner);
            break;
        }
    }
    request
}

#[test]
fn another_recipient_joins_when_everybody_has_signed_its_annex() {
    let mut filed = file(|_| {});
    let mut annex = joining(&filed);
    let request = ask(&filed, Act::TRAIN, "housing");
    for signer in JOINING {
        filed.annexes = vec![annex.clone()];
        refused_by(&filed, &request, &["F1-party"]);
        say(&mut annex, Answer::Accept, signer);
    }
    let filed = joined(|_| {});
    let _ = permit(&filed, &joined_run(&filed));
    // Whoever brings records is a party to a new agreement.
    let mut brings = filed.clone();
    brings.annexes[0].party.roles.push(agreement::Role::Source);
    assert!(refusal(&brings, &joined_run(&filed)).ids().contains(&"F1-party"));
}

#[test]
fn a_joined_recipient_inherits_no_exception_assessment_or_publication_of_the_first() {
    let exception = |agreement: &mut Agreement| {
        let set = agreement.record_sets.iter_mut().find(|set| set.caseload_id.is_some()).unwrap();
        set.compared[0].category = Category::Disability;
        agreement.exceptions = vec![agreement::Exception {
            kind: agreement::ExceptionKind::BenefitItself,
            category: Category::Disability,
            citation: "Family Support Act (fictional), section 3".into(),
            reason: "The benefit is for people with a disability.".into(),
        }];
    };
    let filed = file(exception);
    let _ = permit(&filed, &run(&filed));
    let filed = joined(exception);
    let broken = refusal(&filed, &joined_run(&filed));
    assert!(broken.ids().iter().any(|id| id.starts_with("F3-")), "{:?}", broken.ids());

    // One of its own counts, if it says which law it rests on.
    for (citation, counts) in [("Housing Act (fictional), section 9", true), ("TODO", false)] {
        let mut filed = joined(exception);
        let mut annex = joining(&filed);
        if let Some(caseload) = &mut annex.caseload {
            caseload.exceptions = vec![agreement::Exception {
                kind: agreement::ExceptionKind::BenefitItself,
                category: Category::Disability,
                citation: citation.into(),
                reason: "The support is for people with a disability.".into(),
            }];
        }
        assert_eq!(annex.problems("", "a", &filed.agreement).unwrap().is_empty(), counts);
        for signer in JOINING {
            say(&mut annex, Answer::Accept, signer);
        }
        filed.annexes = vec![annex];
        publish_joining(&mut filed);
        match Gate::shipped().unwrap().decide(&joined_run(&filed), &filed, now()) {
            Decision::Permit(_) => assert!(counts),
            Decision::Refusal(_) => assert!(!counts),
        }
    }

    let mut filed = joined(|_| {});
    if let Some(caseload) = &mut filed.annexes[0].caseload {
        caseload.accuracy.clear();
    }
    filed.annexes[0].signatures.clear();
    let mut annex = filed.annexes[0].clone();
    for signer in JOINING {
        say(&mut annex, Answer::Accept, signer);
    }
    filed.annexes = vec![annex];
    publish_joining(&mut filed);
    refused_by(&filed, &joined_run(&filed), &["us-cmppa-o1J-accuracy"]);

    let mut filed = joined(|_| {});
    filed.publications.joined.clear();
    let broken = refusal(&filed, &joined_run(&filed));
    for id in ["us-cmppa-o2-committees", "us-cmppa-r-reported", "us-cmppa-e12-published"] {
        assert!(broken.ids().contains(&id), "{id}: {:?}", broken.ids());
    }
}

#[test]
fn who_revokes_an_annex_stops_the_recipient_that_joined_by_it_and_nobody_else() {
    let mut filed = joined(|_| {});
    say(&mut filed.annexes[0], Answer::Revoke, JOINING[0]);
    refused_by(&filed, &joined_run(&filed), &["F1-revoked"]);
    // It stays a party: what outlives the agreement is its too.
    assert_eq!(filed.parties(now()).unwrap().len(), 3);
    filed.joined = None;
    let _ = permit(&filed, &run(&filed));
}

#[test]
fn look_ups_of_a_recipient_that_joined_are_counted_in_the_register_of_its_annex() {
    let filed = joined(|_| {});
    let (first, housing) = (&filed.agreement, "housing".parse().unwrap());
    let purpose = &first.purposes[0].id;
    let id = "officer-3".parse().unwrap();
    let by = By::Officer { id, roles: [OfficerRole::Verifier].into() };
    let mut request = CaseRequest::new(first, Act::REQUEST_RECORDS, &housing, purpose, by);
    request.ledger_writable = true;
    let own: RegisterKey = HOUSING_REGISTER.parse().unwrap();
    for (register, broken) in [
        (Some(own), Vec::new()),
        (first.requests_key().cloned(), vec!["F4-register"]),
        (None, vec!["F4-register"]),
    ] {
        request.records = Some(RecordsAsked {
            rows: 1,
            open_matters: 1,
            persons_in_90_days: 1,
            register,
            ..RecordsAsked::default()
        });
        assert_eq!(
            Gate::shipped().unwrap().decide_case(&request, &filed, now()).grounds().rules,
            broken
        );
    }
}

#[test]
fn what_is_wrong_with_an_annex_is_listed_before_anybody_signs() {
    let filed = file(|_| {});
    let mut annex = joining(&filed);
    assert_eq!(annex.problems("", "annex.toml", &filed.agreement).unwrap(), []);
    annex.agreement = agreement::Digest::of(b"another");
    annex.party.address = "TODO".into();
    annex.party.roles.push(agreement::Role::Source);
    annex.party.requests_key = filed.agreement.requests_key().cloned();
    if let Some(caseload) = &mut annex.caseload {
        caseload.approx_count = 0;
        caseload.basis.citation = "TODO".into();
    }
    let text = annex.to_text().unwrap();
    let problems = annex.problems(&text, "annex.toml", &filed.agreement).unwrap();
    let listed: Vec<String> = problems.iter().map(|problem| problem.what.clone()).collect();
    expect![[r#"
        `agreement` is not the digest of the agreement beside it
        `party.roles` is not `["recipient"]`
        `party.requests_key` is the register of another party
        `caseload.approx_count` is still `0`
        `party.address` is still a placeholder
        `caseload.basis.citation` is still a placeholder
        "#]]
    .assert_eq(&(listed.join("\n") + "\n"));
    assert!(problems.iter().all(|problem| problem.file == "annex.toml" && problem.line > 0));
}

#[test]
fn a_renewal_is_unchanged_certified_and_approved_in_time() {
    let previous = file(|agreement| {
        agreement.term.begins = "2025-06-01".parse().unwrap();
        agreement.term.ends = "2026-10-31".parse().unwrap();
    })
    .agreement;
    let digest = previous.digest().unwrap();
    let early = previous.term.begins_at() + days(1);
    let approved = previous.term.ends_at() - days(10);
    let ends = previous.term.ends;
    let mut filed = file(|_| {});
    // Keys and terms of the agreement renewed, with a new term.
    filed.agreement = Agreement { continues: Some(digest), ..previous.clone() };
    filed.agreement.term.renewal = true;
    filed.agreement.term.begins = ends.tomorrow().unwrap();
    filed.agreement.term.ends = ends.checked_add(jiff::Span::new().months(12)).unwrap();
    filed.previous = Some(previous);
    let later = filed.agreement.term.begins_at() + days(10);
    let signers = [
        ("payroll-administration", SignerRole::Party, 1),
        ("payroll-administration", SignerRole::Board, 2),
        ("family-support", SignerRole::Party, 3),
    ];
    let sign = |agreement: &Agreement, answer, (id, role, seed): (&str, _, u8), at| {
        let signer = agreement::Signer { id: id.parse().unwrap(), role };
        Signature::new(agreement, answer, &signer, at, &key(seed), None).unwrap()
    };
    let broken_at = |filed: &Filed, accepted: Timestamp, certified: Timestamp, by: &[usize]| {
        let mut complete = filed.clone();
        let agreement = &filed.agreement;
        complete.publications.agreement = Some(agreement.digest().unwrap());
        complete.signatures =
            signers.map(|signer| sign(agreement, Answer::Accept, signer, accepted)).to_vec();
        if let Some(previous) = &filed.previous {
            complete.previous_signatures =
                signers.map(|signer| sign(previous, Answer::Accept, signer, early)).to_vec();
            for place in by {
                let certificate = sign(previous, Answer::Certify, signers[*place], certified);
                complete.previous_signatures.push(certificate);
            }
        }
        let decision = Gate::shipped().unwrap().decide(&run(&complete), &complete, later);
        decision.grounds().rules.clone()
    };
    let broken = |filed: &Filed| broken_at(filed, approved, approved, &[0, 2]);
    assert_eq!(broken(&filed), [""; 0]);

    let mut changed = filed.clone();
    changed.agreement.title.push('!');
    assert_eq!(broken(&changed), ["us-cmppa-o2-renewal"]);
    let mut again = filed.clone();
    let renewed = again.previous.as_mut().unwrap();
    renewed.term.renewal = true;
    again.agreement.continues = Some(renewed.digest().unwrap());
    assert_eq!(broken(&again), ["us-cmppa-o2-renewal"]);
    // Approved after the end, certified before the three months, by too few, by nobody.
    assert_eq!(broken_at(&filed, later, approved, &[0, 2]), ["us-cmppa-o2-renewal"]);
    assert_eq!(broken_at(&filed, approved, early, &[0, 2]), ["us-cmppa-o2-renewal"]);
    let two = ["us-cmppa-o2-renewal", "us-cmppa-q-certified"];
    assert_eq!(broken_at(&filed, approved, approved, &[0]), two);
    let mut unknown = filed;
    unknown.previous = None;
    assert_eq!(broken(&unknown), two);
}

#[test]
fn a_recorded_decision_can_be_decided_again() {
    let gate = Gate::shipped().unwrap();
    let filed = file(|_| {});
    let mut request = run(&filed);
    request.ledger_writable = false;
    let decision = gate.decide(&request, &filed, now());
    let facts = gate.facts(&request, &filed, now()).unwrap();
    let kept = serde_json::to_string(&facts).unwrap();
    let read: Facts = serde_json::from_str(&kept).unwrap();
    assert_eq!(Some(read.digest().unwrap()), decision.grounds().facts);
    let ids: Vec<_> = gate.replay(&read).into_iter().map(|reason| reason.id).collect();
    assert_eq!(ids, decision.grounds().rules);
    let request_again: Request =
        serde_json::from_str(&serde_json::to_string(&request).unwrap()).unwrap();
    assert_eq!(request_again, request);
    let Decision::Refusal(refusal) = decision else { panic!("permitted") };
    let grounds: Refusal = serde_json::from_str(&serde_json::to_string(&refusal).unwrap()).unwrap();
    assert_eq!(grounds, refusal);
}

#[test]
fn a_protected_trait_is_no_reason_for_a_lead_whichever_list_it_stands_in() {
    let by_trait = |category| {
        file(|agreement| {
            let element = agreement::Element {
                name: "trait".parse().unwrap(),
                kind: agreement::Kind::Code,
                category,
                per: None,
            };
            agreement.record_sets[0].returned.push(element);
            let value: agreement::ElementRef = "payroll.trait".parse().unwrap();
            let from = "caseload.postcode".parse().unwrap();
            let differs = agreement::Discrepancy::ValueDiffers { value, from };
            agreement.discrepancy = agreement::Discrepancy::Any { of: vec![differs] };
            agreement.record_sets[1].compared.clear();
            agreement.exceptions.push(agreement::Exception {
                kind: agreement::ExceptionKind::PendingCase,
                category: Category::Citizenship,
                citation: "8 U.S.C. 1641".into(),
                reason: "the application turns on it".into(),
            });
            agreement.purposes[0].kind = agreement::PurposeKind::Eligibility;
        })
    };
    // Citizenship may be returned to decide a pending case, and is no reason to open one.
    let filed = by_trait(Category::Citizenship);
    refused_by(&filed, &run(&filed), &["F3-reason"]);
    let filed = by_trait(Category::Religion);
    refused_by(&filed, &run(&filed), &["F3-reason", "F3-returned"]);
    let filed = by_trait(Category::Program);
    let _ = permit(&filed, &run(&filed));
}

#[test]
fn the_floor_is_no_law_that_an_agreement_stands_under() {
    let filed = file(|agreement| {
        agreement.laws = vec!["floor".parse().unwrap()];
        agreement.purposes[0].kind = agreement::PurposeKind::Statistics;
    });
    refused_by(&filed, &ask(&filed, Act::FILE, "family-support"), &["F1-law"]);
}

#[test]
fn a_federal_party_brings_the_matching_act_in_whatever_it_says_of_its_systems() {
    use agreement::PurposeKind as Kind;
    let of = |kind, sets: bool| {
        file(move |agreement| {
            agreement.laws = vec!["floor".parse().unwrap()];
            agreement.purposes[0].kind = kind;
            if !sets {
                agreement.record_sets[0].system_of_records = None;
            }
        })
    };
    for (kind, sets) in [
        (Kind::Compliance, false),
        (Kind::Outreach, true),
        (Kind::RecordAccuracy, true),
        (Kind::BiasAudit, true),
    ] {
        let filed = of(kind, sets);
        let refusal = refusal(&filed, &run(&filed));
        assert!(refusal.ids().contains(&"us-cmppa-a8-named"), "{kind:?}: {refusal}");
    }
    for kind in [Kind::Statistics, Kind::Research, Kind::PublicHealth] {
        let filed = of(kind, true);
        let refusal = refusal(&filed, &run(&filed));
        assert!(!refusal.ids().contains(&"us-cmppa-a8-named"), "{kind:?}: {refusal}");
    }
}

#[test]
fn a_stay_bites_on_the_caseload_on_names_it_gets_wrong_and_on_agents() {
    let mut filed = file(|_| {});
    filed.agreement.parties[1].roles = vec![agreement::Role::MatchingAgent];
    let one = |text: &str| BTreeSet::from([text.to_owned()]);
    let party = |text: &str| BTreeSet::from([text.parse().unwrap()]);
    for scope in [
        Scope { elements: one("caseload.case_id"), ..Scope::default() },
        Scope { elements: one("caselaod"), ..Scope::default() },
        Scope { elements: one("payroll.gros_pay"), ..Scope::default() },
        Scope { parties: party("famly-support"), ..Scope::default() },
        Scope { parties: party("family-support"), direction: Direction::From, ..Scope::default() },
    ] {
        filed.stays = vec![stay(scope.clone())];
        let refusal = refusal(&filed, &run(&filed));
        assert!(refusal.ids().contains(&"F8-stayed"), "{scope:?}: {refusal}");
    }
}

#[test]
fn a_stay_that_exists_is_in_force_even_if_the_clock_is_behind() {
    let hour = SignedDuration::from_hours(1);
    let ahead = Stay { recorded: now() + hour, ..stay(Scope::default()) };
    assert!(ahead.is_in_force(now()));
    assert!(Stay { from: Some(now()), ..ahead.clone() }.is_in_force(now() - hour));
    assert!(!Stay { from: Some(now() + hour + hour), ..ahead }.is_in_force(now()));
}

#[test]
fn no_text_of_an_agreement_cites_a_power_to_remove() {
    let gate = Gate::shipped().unwrap();
    let cites = |text: &str| {
        let filed = file(|agreement| agreement.verification.plan = text.into());
        let decision = gate.decide(&run(&filed), &filed, now());
        decision.grounds().rules.contains(&"F13-purposes".to_owned())
    };
    for text in [
        "8 U.S.C. section 1231",
        "8 U.S.C. §§ 1641, 1226",
        "8 U.S.C. 1641 and 1357(g)",
        "8 U.S.C. 1220-1232",
        "8 U.S.C. 1220 through 1232",
        "8 U.S.C. 1221–32",
        "Title 8, United States Code, section 1357",
        "section 1231(a)(6) of title 8, United States Code",
        "sections 1373 and 1644 of title 8",
        "8 U.S.C. 1302",
        "8USC1306",
        "Immigration and Nationality Act, section 287(g)",
        "INA 241",
        "INA § 236A",
        "section 239 of the Immigration and Nationality Act",
        "8 CFR 287.5",
        "8 C.F.R. § 241.4",
        "18 U.S.C. 1; 8 U.S.C. 1231",
    ] {
        assert!(cites(text), "{text}");
    }
    for text in [
        "8 U.S.C. 1641",
        "8 U.S.C. 1641; 18 U.S.C. 1231",
        "18 U.S.C. 1231",
        "title 28, section 1357",
        "42 CFR 287.5",
        "1231 Main Street",
        "within 241 days",
    ] {
        assert!(!cites(text), "{text}");
    }
}

#[test]
fn no_text_is_left_out_when_powers_to_remove_are_looked_for() {
    let power = || "8 U.S.C. 1231".to_owned();
    let changes: [fn(&mut Agreement, String); 5] = [
        |agreement, text| agreement.record_sets[0].basis.statement = text,
        |agreement, text| agreement.purposes[0].statement = text,
        |agreement, text| agreement.use_of_records.as_mut().unwrap().statement = text,
        |agreement, text| {
            agreement.claims.push(agreement::Claim {
                id: "a".parse().unwrap(),
                kind: agreement::ClaimKind::Waiver,
                law: "us-cmppa".parse().unwrap(),
                rules: vec!["us-cmppa-o2-term".into()],
                owner: "family-support".parse().unwrap(),
                citation: text,
                scope: "all".into(),
                begins: agreement.term.begins,
                ends: agreement.term.ends,
            });
        },
        |agreement, text| {
            agreement.redisclosure.exceptions.push(agreement::RedisclosureException {
                to: text,
                purpose: agreement::PurposeKind::Compliance,
                citation: "section 12".into(),
            });
        },
    ];
    for change in changes {
        let filed = file(|agreement| change(agreement, power()));
        refused_by(&filed, &run(&filed), &["F13-purposes"]);
    }
}

#[test]
fn an_annexed_recipient_does_not_get_anothers_caseload() {
    let mut filed = file(|_| {});
    let signer = |id: &str, role| agreement::Signer { id: id.parse().unwrap(), role };
    let joined = |filed: &Filed, id: &str, seed: u8| {
        let mut party = filed.agreement.parties[1].clone();
        party.id = id.parse().unwrap();
        party.key = key(seed).public();
        let mut annex = Annex {
            agreement: filed.agreement.digest().unwrap(),
            party,
            caseload: None,
            signatures: Vec::new(),
        };
        for (id, role, seed) in [
            ("payroll-administration", SignerRole::Party, 1),
            ("payroll-administration", SignerRole::Board, 2),
            ("family-support", SignerRole::Party, 3),
            (id, SignerRole::Party, seed),
        ] {
            annex.sign(Answer::Accept, &signer(id, role), now(), &key(seed)).unwrap();
        }
        annex
    };
    filed.annexes = vec![joined(&filed, "housing", 50)];
    publish_joining(&mut filed);
    for act in [Act::RUN, Act::READ, Act::REVIEW] {
        refused_by(&filed, &ask(&filed, act, "housing"), &["F4-own-caseload"]);
    }
    // The auditor is nobody who joins, and one key signs for one signer.
    for annex in [joined(&filed, "comptroller", 50), joined(&filed, "housing", 3)] {
        filed.annexes = vec![annex];
        assert_eq!(filed.parties(now()).unwrap().len(), 2);
    }
}

#[test]
fn publications_belong_to_one_agreement() {
    let mut filed = file(|_| {});
    let published = filed.publications.clone();
    filed.publications = Publications::read(PUBLICATIONS, "publications.toml").unwrap();
    assert_ne!(published, filed.publications);
    refused_by(
        &filed,
        &run(&filed),
        &[
            "us-cmppa-o2-committees",
            "us-cmppa-o2A-public",
            "us-cmppa-r-reported",
            "us-cmppa-e12-published",
        ],
    );
}

#[test]
fn a_citation_that_is_a_placeholder_is_no_publication() {
    let mut filed = file(|_| {});
    filed.publications.federal_register.as_mut().unwrap().citation = "TODO".into();
    refused_by(&filed, &run(&filed), &["us-cmppa-e12-published"]);
}

#[test]
fn an_analysis_not_yet_made_and_an_old_assessment_count_for_nothing() {
    let filed = file(|agreement| {
        let Some(agreement::CostBenefit::Analysis { made, .. }) = &mut agreement.cost_benefit
        else {
            panic!("no analysis")
        };
        *made = "2028-01-01".parse().unwrap();
    });
    refused_by(&filed, &run(&filed), &["us-cmppa-u4-cost-benefit"]);
    let filed = file(|agreement| agreement.accuracy[0].assessed = "2024-01-01".parse().unwrap());
    refused_by(&filed, &run(&filed), &["us-cmppa-o1J-accuracy"]);
}

#[test]
fn a_threshold_equal_to_the_bound_is_not_below_it() {
    for bound in [16.1, 6.0, 0.1 + 0.2, 9.999, 1.005] {
        let filed = file(|agreement| {
            agreement.model.threshold = agreement::Threshold::Weight { lowest_weight: bound };
        });
        let mut request = run(&filed);
        request.threshold = Some(bound);
        let _ = permit(&filed, &request);
        request.threshold = Some(bound - 0.001);
        refused_by(&filed, &request, &["F12-threshold"]);
    }
}

#[test]
fn the_access_of_a_federal_programs_auditor_is_the_comptroller_generals() {
    let filed = file(|agreement| agreement.auditor.access = "All records, on request.".into());
    refused_by(&filed, &run(&filed), &["us-cmppa-o1K-access"]);
}

/// Every category that an agreement may declare.
fn categories() -> Vec<Category> {
    let schema: serde_json::Value = serde_json::from_str(&agreement::agreement_schema()).unwrap();
    let choices = schema["$defs"]["Category"]["oneOf"].as_array().unwrap();
    choices.iter().map(|c| serde_json::from_value(c["const"].clone()).unwrap()).collect()
}

#[test]
fn the_floors_lists_of_protected_categories_are_the_types() {
    let protected: BTreeSet<String> = categories()
        .into_iter()
        .filter(|category| category.is_protected())
        .map(|category| category.to_string())
        .collect();
    assert_eq!(protected.len(), 17);
    let floor = Pack::floor().unwrap();
    for (rule, apart) in [
        ("F3-matched-on", vec![]),
        ("F3-extract", vec![]),
        ("F3-compared", vec!["disability", "health"]),
        ("F3-reason", vec!["disability", "health"]),
        ("F3-returned", vec!["disability", "health", "citizenship"]),
    ] {
        let start = format!("@id(\"{rule}\")");
        let text = floor.policies().split(&start).nth(1).unwrap();
        let list = text.split("containsAny([").nth(1).unwrap().split("])").next().unwrap();
        let mut listed: BTreeSet<_> =
            list.split(", ").map(|word| word.trim_matches('"').to_owned()).collect();
        listed.extend(apart.into_iter().map(str::to_owned));
        assert_eq!(listed, protected, "{rule}");
    }
}

#[test]
fn no_protected_category_is_matched_on() {
    let gate = Gate::shipped().unwrap();
    for category in categories() {
        let filed = file(|agreement| agreement.record_sets[0].matched_on[0].category = category);
        let decision = gate.decide(&run(&filed), &filed, now());
        let expected: &[&str] = if category.is_protected() { &["F3-matched-on"] } else { &[] };
        assert_eq!(decision.grounds().rules, expected, "{category}");
    }
}
