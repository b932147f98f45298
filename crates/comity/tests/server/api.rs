//! The interface for programs: what its document says is what it does.

use super::place::Place;
use axum::body::Body;
use casework::store::accounts::{AccountStore as _, Role};
use comity::server::api;
use comity::server::route::{ROUTES, Who};
use http::{Request, StatusCode};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_document_that_is_checked_in_is_the_one_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = format!("{}\n", api::document().to_pretty_json().unwrap());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/openapi.json is old: UPDATE_EXPECT=1 makes it anew");
}

#[test]
fn every_route_for_programs_is_in_the_document_and_no_other() {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut said = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            said.insert((method.to_uppercase(), path.clone()));
        }
    }
    let are: BTreeSet<_> = ROUTES
        .iter()
        .filter(|route| {
            matches!(route.who, Who::Systems(_))
                || route.path.starts_with("/api/")
                || ["/health", "/openapi.json"].contains(&route.path)
        })
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(said, are);
}

#[tokio::test]
async fn a_key_counts_until_it_ends_or_is_revoked() {
    let place = Place::new().await;
    place.officer("system", &[Role::Auditor]).await;
    let key = place.key("system").await;
    assert_eq!(place.program(&key, "GET", "/api/v1/program", None).await.status, StatusCode::OK);
    for wrong in ["", "x", &key[1..], &"A".repeat(43), &format!("{key}A")] {
        let answer = place.program(wrong, "GET", "/api/v1/program", None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let place = place.later(90 * 86_400 - 1).await;
    assert_eq!(place.program(&key, "GET", "/api/v1/program", None).await.status, StatusCode::OK);
    let number = place.app.accounts().keys().await.unwrap()[0].number;
    let place = place.later(1).await;
    let answer = place.program(&key, "GET", "/api/v1/program", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let fresh = place.key("system").await;
    assert_eq!(place.program(&fresh, "GET", "/api/v1/program", None).await.status, StatusCode::OK);
    assert!(place.app.accounts().revoke_key(number + 1, 0).await.unwrap());
    assert!(!place.app.accounts().revoke_key(number + 1, 0).await.unwrap());
    let answer = place.program(&fresh, "GET", "/api/v1/program", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_stay_is_recorded_listed_and_lifted_and_each_is_in_the_ledger() {
    let place = Place::new().await;
    place.officer("privacy", &[Role::PrivacyOfficer]).await;
    place.officer("auditor", &[Role::Auditor]).await;
    let (privacy, auditor) = (place.key("privacy").await, place.key("auditor").await);
    let body =
        r#"{"order":"27-cv-1","authority":"Example Court","scope":{"elements":["payroll"]}}"#;
    let answer = place.program(&privacy, "POST", "/api/v1/stays", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let number = answer.json()["number"].as_i64().unwrap();
    let list = place.program(&auditor, "GET", "/api/v1/stays", None).await.json();
    assert_eq!(list[0]["order"], "27-cv-1");
    assert_eq!(list[0]["stands"], true);
    let to_lift = format!("/api/v1/stays/{number}/lift");
    let order = r#"{"order":"27-cv-1-B","authority":"Example Court"}"#;
    let answer = place.program(&auditor, "POST", &to_lift, Some(order)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = place.program(&privacy, "POST", &to_lift, Some(order)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
    let answer = place.program(&privacy, "POST", &to_lift, Some(order)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let list = place.program(&auditor, "GET", "/api/v1/stays", None).await.json();
    assert_eq!(list[0]["stands"], false);
    assert_eq!(list[0]["lifted_by"], "27-cv-1-B");

    let mut node = place.app.node().await;
    node.drain().await.unwrap();
    drop(node);
    let ledger = place.program(&auditor, "GET", "/api/v1/ledger", None).await.json();
    let entries = ledger["entries"].as_u64().unwrap();
    let mut kinds = Vec::new();
    for index in 0..entries {
        let path = format!("/api/v1/ledger/{index}");
        let entry = place.program(&auditor, "GET", &path, None).await.json();
        kinds.push(entry["kind"].as_str().unwrap().to_owned());
    }
    for kind in ["decision.permitted", "stay.recorded", "stay.lifted"] {
        assert!(kinds.iter().any(|one| one == kind), "{kinds:?}");
    }
    let receipt = place.program(&auditor, "GET", "/api/v1/ledger/0/receipt", None).await;
    assert_eq!(receipt.status, StatusCode::OK);
    let key = std::fs::read_to_string(place.folder.path().join("work/ledger.vkey")).unwrap();
    let policy = ledger::Policy::of_log(ledger::Verifier::parse(key.trim()).unwrap());
    let told = ledger::Receipt::parse(receipt.body.as_bytes()).unwrap().read(&policy).unwrap();
    assert_eq!(told.index, 0);
    let answer = place.program(&auditor, "GET", "/api/v1/ledger/1000000", None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_that_is_not_what_it_has_to_be_is_named_by_its_place_and_not_repeated() {
    let place = Place::new().await;
    place.officer("privacy", &[Role::PrivacyOfficer]).await;
    let key = place.key("privacy").await;
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"order":"","authority":"a"}"#,
        r#"{"order":"a\nb","authority":"a"}"#,
        r#"{"order":"a","authority":"a","surprise":"Maria Secret"}"#,
        r#"{"order":7,"authority":"a"}"#,
        r#"{"order":"a","authority":"a","from":"Maria Secret"}"#,
        r#"{"order":"a","authority":"a","from":"2027-01-02T00:00:00Z","until":"2027-01-02T00:00:00Z"}"#,
        r#"{"order":"a","authority":"a","scope":{"parties":["Maria Secret"]}}"#,
        r#"{"order":"a","authority":"a","scope":{"direction":"Maria Secret"}}"#,
        "\u{feff}{}",
    ] {
        let answer = place.program(&key, "POST", "/api/v1/stays", Some(body)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(!answer.body.contains("Maria"), "{}", answer.body);
    }
    let long = format!(r#"{{"order":"{}","authority":"a"}}"#, "x".repeat(201));
    let answer = place.program(&key, "POST", "/api/v1/stays", Some(&long)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let endless = format!(r#"{{"order":"{}","authority":"a"}}"#, "x".repeat(256 * 1024));
    let answer = place.program(&key, "POST", "/api/v1/stays", Some(&endless)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = Request::post("/api/v1/stays")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", kind)
            .body(Body::from("{}"))
            .unwrap();
        assert_eq!(place.call(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let (_, stays) = casework::Store::stays(place.app.store()).await.unwrap();
    assert!(stays.is_empty());
}

#[tokio::test]
async fn health_says_whether_the_ledger_can_be_written_and_metrics_want_a_key() {
    let place = Place::new().await;
    let mut browser = super::place::Browser::default();
    let answer = place.get(&mut browser, "/health").await;
    assert_eq!(answer.status, StatusCode::OK);
    let well = serde_json::json!({"well":true,"database":"well","ledger":"well","clock":"well"});
    assert_eq!(answer.json(), well);
    place.officer("prometheus", &[Role::Operator]).await;
    let key = place.key("prometheus").await;
    let metrics = place.program(&key, "GET", "/metrics", None).await;
    assert_eq!(metrics.status, StatusCode::OK);
    let line = "comity_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1";
    assert!(metrics.body.contains(line), "{}", metrics.body);
    // The ledger is gone, and the store knows of entries in it: another is never begun in its place.
    place.officer("privacy", &[Role::PrivacyOfficer]).await;
    let body = r#"{"order":"27-cv-1","authority":"Example Court"}"#;
    let privacy = place.key("privacy").await;
    place.program(&privacy, "POST", "/api/v1/stays", Some(body)).await;
    place.app.node().await.drain().await.unwrap();
    let ledger = place.folder.path().join("work/ledger");
    std::fs::remove_dir_all(&ledger).unwrap();
    let place = place.later(1).await;
    let answer = place.get(&mut browser, "/health").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    assert_eq!(answer.json()["ledger"], "ill");
}

#[tokio::test]
async fn a_stay_is_recorded_while_a_run_has_the_node_and_the_run_sees_it_before_its_next_chunk() {
    let place = Place::new().await;
    place.officer("privacy", &[Role::PrivacyOfficer]).await;
    let key = place.key("privacy").await;
    // A run holds the node, and with it the ledger, from its first step to its last.
    let node = place.app.node().await;
    let (before, _) = node.stays().await.unwrap();
    let body = r#"{"order":"27-cv-1","authority":"Example Court"}"#;
    let answer = place.program(&key, "POST", "/api/v1/stays", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let (after, stays) = node.stays().await.unwrap();
    assert_ne!(before, after, "a release that looked before commits no more");
    assert_eq!(stays.len(), 1);
    let health = place.get(&mut super::place::Browser::default(), "/health").await;
    assert_eq!(health.status, StatusCode::OK, "{}", health.body);
}
