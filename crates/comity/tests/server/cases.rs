//! Cases through the interface and the person's door: on a real run of the example, by real officers' accounts.

use super::place::{Browser, Place, with_leads};
use agreement::OfficerId;
use casework::store::accounts::Role;
use casework::{CaseStore as _, LeadId, SealedEntry};
use comity::desk::{Officer, Read};
use http::StatusCode;

async fn key(place: &Place, officer: &str, role: Role) -> String {
    place.officer(officer, &[role]).await;
    place.key(officer).await
}

fn review(version: u64) -> String {
    format!(
        r#"{{"version":{version},"step":{{"step":"review","with":{{"judgement":"same","reason":"same name, birth date and address","expires":null}}}}}}"#
    )
}

#[tokio::test]
async fn a_step_counts_once_from_the_version_that_was_seen_and_from_the_role_that_may() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    let reviewer = key(&place, "reviewer-1", Role::Reviewer).await;
    let verifier = key(&place, "verifier-1", Role::Verifier).await;
    let operator = key(&place, "operator-1", Role::Operator).await;
    let (case, steps) = (format!("/api/v1/cases/{id}"), format!("/api/v1/cases/{id}/steps"));
    let seen = place.program(&reviewer, "GET", &case, None).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    let seen = seen.json();
    assert_eq!(seen["stage"], "lead");
    assert_eq!(seen["version"], 0);
    assert!(!seen["returned"].as_object().unwrap().is_empty());
    assert_eq!(place.program(&operator, "GET", &case, None).await.status, StatusCode::FORBIDDEN);
    let answer = place.program(&operator, "POST", &steps, Some(&review(0))).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // The outer door lets a verifier ask; the gate refuses, and says by which rule.
    let answer = place.program(&verifier, "POST", &steps, Some(&review(0))).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    let rules: Vec<_> = answer.json()["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["rule"].as_str().unwrap().to_owned())
        .collect();
    assert!(rules.iter().any(|rule| rule == "role-review-lead"), "{rules:?}");
    let answer = place.program(&reviewer, "POST", &steps, Some(&review(0))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["version"], 1);
    // The same again is of a version that is gone.
    let answer = place.program(&reviewer, "POST", &steps, Some(&review(0))).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    let action = r#"{"version":1,"step":{"step":"verify"}}"#;
    let answer = place.program(&verifier, "POST", &steps, Some(action)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let none = place.program(&reviewer, "GET", "/api/v1/cases/2027Q1-9999", None).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND, "{}", none.body);
    let none = place.program(&reviewer, "POST", "/api/v1/cases/x/steps", Some(&review(0))).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND, "{}", none.body);
}

#[tokio::test]
async fn a_work_list_names_what_waits_page_by_page_and_says_nothing_of_a_person() {
    let place = Place::new().await;
    with_leads(&place.app).await;
    let operator = key(&place, "operator-1", Role::Operator).await;
    let (mut path, mut seen) = ("/api/v1/work-lists?limit=7".to_owned(), Vec::new());
    loop {
        let answer = place.program(&operator, "GET", &path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let list = answer.json();
        for line in list["cases"].as_array().unwrap() {
            seen.push(line["case"].as_str().unwrap().to_owned());
            assert_eq!(line["stage"], "lead");
        }
        let Some(next) = list["next"].as_str() else { break };
        path = format!("/api/v1/work-lists?limit=7&after={next}");
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "no case is on two pages");
    assert_eq!(count, 40, "the example's pilot opens forty");
    for wrong in ["limit=0", "limit=501", "limit=x", "stage=nowhere", "after=x", "surprise=1"] {
        let path = format!("/api/v1/work-lists?{wrong}");
        let answer = place.program(&operator, "GET", &path, None).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn results_are_taken_row_by_row_and_the_rejected_ones_are_named() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    let reviewer = key(&place, "reviewer-1", Role::Reviewer).await;
    place.officer("verifier-1", &[Role::Verifier]).await;
    let operator = key(&place, "operator-1", Role::Operator).await;
    let steps = format!("/api/v1/cases/{id}/steps");
    place.program(&reviewer, "POST", &steps, Some(&review(0))).await;
    let row = |case: &str, version: u64, officer: &str, outcome: &str| {
        format!(
            r#"{{"case":"{case}","version":{version},"officer":"{officer}","outcome":"{outcome}","words":"the employer wrote"}}"#
        )
    };
    let rows = [
        row(id.as_str(), 1, "verifier-1", "begun"),
        row(id.as_str(), 1, "verifier-1", "begun"),
        row("2027Q1-9999", 0, "verifier-1", "begun"),
        row(id.as_str(), 2, "nobody", "refuted"),
        row(id.as_str(), 2, "reviewer-1", "refuted"),
        row(id.as_str(), 2, "verifier-1", "refuted"),
    ]
    .join(",");
    let body = format!(r#"{{"file":"2027-01-04.csv","rows":[{rows}]}}"#);
    let answer = place.program(&operator, "POST", "/api/v1/results", Some(&body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let taken = answer.json();
    assert_eq!(taken["taken"], serde_json::json!([1, 6]), "{taken}");
    let rejected: Vec<_> = taken["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["row"].as_u64().unwrap())
        .collect();
    assert_eq!(rejected, [2, 3, 4, 5]);
    let case = place.program(&reviewer, "GET", &format!("/api/v1/cases/{id}"), None).await.json();
    assert_eq!(case["stage"], "refuted");
    assert_eq!(case["steps"][2]["by"], "verifier-1");
}

#[tokio::test]
async fn the_individual_sees_every_disclosure_about_them_and_can_prove_it() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    let ends = jiff::Timestamp::from_second(place.now().as_second() + 30 * 86_400).unwrap();
    let code = place.app.door().notice_code(id.as_str(), ends, place.now()).await.unwrap();
    let mut browser = Browser::default();
    let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", &*code)];
    assert_eq!(place.post(&mut browser, "/me/sign-in", &fields).await.status, StatusCode::OK);
    let page = place.get(&mut browser, "/me").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("What was disclosed about you"));
    let request = browser.request("GET", "/me").header("accept", "application/json");
    let seen = place.call(request.body(axum::body::Body::empty()).unwrap()).await.json();
    let disclosures = seen["disclosures"].as_array().unwrap();
    assert_eq!(disclosures.len(), 1, "{seen}");
    assert!(!disclosures[0]["why"].as_str().unwrap().is_empty());
    assert_eq!(disclosures[0]["agreement"], place.app.program().agreement().title);
    let entry = disclosures[0]["entry"].as_u64().unwrap();
    let receipt = place.get(&mut browser, &format!("/me/receipts/{entry}")).await;
    assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.body);
    let key = std::fs::read_to_string(place.folder.path().join("work/ledger.vkey")).unwrap();
    let policy = ledger::Policy::of_log(ledger::Verifier::parse(key.trim()).unwrap());
    let told = ledger::Receipt::parse(receipt.body.as_bytes()).unwrap().read(&policy).unwrap();
    // Their own values are opened, and nobody else's: the entry commits to those of all forty.
    let evidence = seen["evidence"].as_array().unwrap().len();
    assert_eq!(told.openings.len(), evidence + 2, "the values, the lead they are of, and its tag");
    // Their finder finds that entry in the ledger, and another's finds nothing there at their place.
    let finders = seen["finders"].as_array().unwrap();
    let finder = ledger::Finder::parse(finders[0].as_str().unwrap()).unwrap();
    assert_eq!(finder.find(told.entry.commitments(), "lead").len(), 1);
    assert!(told.entry.commitments().values().map(Vec::len).sum::<usize>() > told.openings.len());
    for other in ["0", "999999", "x"] {
        let answer = place.get(&mut browser, &format!("/me/receipts/{other}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn an_answer_that_the_case_does_not_take_yet_changes_nothing_and_a_paper_is_what_it_is() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    let ends = jiff::Timestamp::from_second(place.now().as_second() + 30 * 86_400).unwrap();
    let code = place.app.door().notice_code(id.as_str(), ends, place.now()).await.unwrap();
    let mut browser = Browser::default();
    let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", &*code)];
    place.post(&mut browser, "/me/sign-in", &fields).await;
    let csrf = place.get(&mut browser, "/me/contest").await.csrf();
    let send = async |statement: &str, paper: &str| {
        let part = |name: &str, value: &str| {
            format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = format!(
            "--x\r\ncontent-disposition: form-data; name=\"papers\"; filename=\"pay.pdf\"\r\ncontent-type: application/pdf\r\n\r\n{paper}\r\n"
        );
        let body =
            format!("{}{}{file}--x--\r\n", part("csrf", &csrf), part("statement", statement));
        let request = browser
            .request("POST", "/me/contest")
            .header("content-type", "multipart/form-data; boundary=x");
        place.call(request.body(axum::body::Body::from(body)).unwrap()).await
    };
    let empty = send("", "%PDF-1.7").await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", empty.body);
    let script = send("I was paid until May.", "<script>").await;
    assert_eq!(script.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", script.body);
    // Nothing was found yet, and no letter was served: there is nothing to answer.
    let early = send("I was paid until May.", "%PDF-1.7").await;
    assert!(
        [StatusCode::CONFLICT, StatusCode::FORBIDDEN].contains(&early.status),
        "{}",
        early.body
    );
    assert_eq!(place.app.desk().store().case(&id).await.unwrap().case.version(), 0);
}

/// Comes in by the door of a case, and returns a browser that is in.
async fn at_the_door(place: &Place, id: &LeadId) -> Browser {
    let ends = jiff::Timestamp::from_second(place.now().as_second() + 30 * 86_400).unwrap();
    let code = place.app.door().notice_code(id.as_str(), ends, place.now()).await.unwrap();
    let mut browser = Browser::default();
    let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
    let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", &*code)];
    assert_eq!(place.post(&mut browser, "/me/sign-in", &fields).await.status, StatusCode::OK);
    browser
}

async fn seen(place: &Place, browser: &Browser) -> serde_json::Value {
    let request = browser.request("GET", "/me").header("accept", "application/json");
    place.call(request.body(axum::body::Body::empty()).unwrap()).await.json()
}

#[tokio::test]
async fn a_sealed_disclosure_is_absent_without_a_hint_and_there_again_after_its_end() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    let mut browser = at_the_door(&place, &id).await;
    let before = seen(&place, &browser).await;
    let entry = before["disclosures"][0]["entry"].as_u64().unwrap();
    let until = jiff::Timestamp::from_second(place.now().as_second() + 600).unwrap();
    let seal = agreement::Seal {
        power: "5 U.S.C. 552a(c)(3), (b)(7)".to_owned(),
        authority: "Example District Court".to_owned(),
        from: place.now(),
        until,
    };
    let officer = |role| Officer { id: OfficerId::new("pia").unwrap(), roles: [role].into() };
    let sealed =
        |seal: &agreement::Seal| SealedEntry { lead: id.clone(), entry, seal: seal.clone() };
    let desk = place.app.desk();

    // Neither without the role nor without a power.
    let reviewer = officer(Role::Reviewer);
    let refused = desk.seal(&reviewer, sealed(&seal)).await.unwrap();
    assert!(matches!(refused, Read::Refused(why) if why.ids() == ["role-seal"]));
    let uncited = agreement::Seal { power: "n/a".to_owned(), ..seal.clone() };
    let refused = desk.seal(&officer(Role::PrivacyOfficer), sealed(&uncited)).await.unwrap();
    assert!(matches!(refused, Read::Refused(why) if why.ids() == ["F10-seal"]));
    let other = SealedEntry { entry: entry + 1, ..sealed(&seal) };
    assert!(desk.seal(&officer(Role::PrivacyOfficer), other).await.is_err());
    assert_eq!(seen(&place, &browser).await, before);

    // Sealed, the person sees what they would see had there never been such an entry, and nothing more.
    let done = desk.seal(&officer(Role::PrivacyOfficer), sealed(&seal)).await.unwrap();
    let ((), lines) = place.app.shown(done).unwrap();
    place.app.until_recorded(&lines).await.unwrap();
    let mut never = before.clone();
    for part in ["disclosures", "evidence", "finders"] {
        never[part] = serde_json::json!([]);
    }
    assert_eq!(seen(&place, &browser).await, never);
    let hidden = place.get(&mut browser, &format!("/me/receipts/{entry}")).await;
    let absent = place.get(&mut browser, "/me/receipts/999999").await;
    assert_eq!((hidden.status, &hidden.body), (absent.status, &absent.body));

    // The sealing is in the ledger, and neither whom nor what it is about: not in the decision's facts either.
    let folder = ledger::Directory::new(place.folder.path().join("work/ledger"));
    let key = std::fs::read_to_string(place.folder.path().join("work/ledger.vkey")).unwrap();
    let key = ledger::Verifier::parse(key.trim()).unwrap();
    let mut told = Vec::new();
    let outcome = ledger::audit(&folder, &key, &[], |_, entry| {
        told.push((entry.kind().to_string(), serde_json::to_string(entry.facts()).unwrap()));
    });
    assert!(matches!(outcome, Ok(ledger::Outcome::Sound(_))));
    let at = told.iter().position(|(kind, _)| kind == "entry.sealed").unwrap();
    for (_, facts) in &told[at - 1..=at] {
        assert!(!facts.contains(id.as_str()), "{facts}");
    }
    let gate = agreement::Gate::shipped().unwrap();
    let audited = comity::audit::audit_files(&folder, &key, &[], &gate).unwrap();
    assert!(audited.is_sound(), "{:#?}", audited.wrong);
    assert!(audited.proved.iter().any(|one| one.starts_with("each of 1 seals cites its power")));

    // After its end nobody has to do anything.
    let place = place.later(599).await;
    assert_eq!(seen(&place, &browser).await, never);
    let place = place.later(1).await;
    assert_eq!(seen(&place, &browser).await, before);
}
