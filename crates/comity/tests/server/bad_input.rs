//! Every form and every call that changes something, with what nobody should send: nothing, too much, no form at all,
//! what another page gave, nonsense in each field. The answer says that it is wrong, and nothing is changed by it.

use super::place::{Answer, Browser, Place, form, with_leads};
use axum::body::Body;
use casework::store::accounts::{AccountStore as _, Role};
use casework::{CaseStore as _, LeadId, Store as _};
use comity::server::route::{ROUTES, Route, Who};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use std::collections::BTreeSet;

const FORM: &str = "application/x-www-form-urlencoded";

/// What no field asks for, and no page may repeat as it is.
const NONSENSE: &str = "<script>x</script>\u{202e}\u{0}'\";--%s%n{{7*7}}\r\n-1e999";

async fn place() -> Place {
    let place = Place::with(|config| {
        config.limits.requests_a_minute = 1_000_000;
        config.limits.sign_ins_a_minute = 1_000_000;
        config.limits.wrong_sign_ins = 100_000;
    })
    .await;
    place.everybody().await;
    place
}

fn address(route: &Route, id: &LeadId, number: &str) -> String {
    route
        .path
        .replace("{id}", if route.path.starts_with("/errands") { "none" } else { id.as_str() })
        .replace("{number}", number)
        .replace("{code}", "0000-0000-0000-0000")
}

/// Who may ask for a route, at their own page.
async fn visitor(place: &Place, route: &Route, id: &LeadId) -> Browser {
    match route.who {
        Who::Anybody => {
            let mut browser = Browser::default();
            let door = if route.path.starts_with("/me") { "/me/sign-in" } else { "/sign-in" };
            place.get(&mut browser, door).await;
            browser
        }
        Who::SignedIn | Who::Officers => place.browser("reviewer").await,
        Who::Roles(roles) => place.browser(roles[0].as_str()).await,
        Who::Individual => {
            let ends = jiff::Timestamp::from_second(place.now().as_second() + 86_400).unwrap();
            let code = place.app.door().notice_code(id.as_str(), ends, place.now()).await.unwrap();
            let mut browser = Browser::default();
            let csrf = place.get(&mut browser, "/me/sign-in").await.csrf();
            let fields = [("csrf", &*csrf), ("number", id.as_str()), ("code", &*code)];
            let came = place.post(&mut browser, "/me/sign-in", &fields).await;
            assert!(browser.cookies.contains_key("__Host-session"), "{}", came.body);
            browser
        }
        Who::Systems(_) => unreachable!("a program has no browser"),
    }
}

/// What a page's form brings back, for a route that this visitor may ask for; the door's own where it has no page.
async fn csrf(place: &Place, browser: &mut Browser, route: &Route, path: &str) -> String {
    let home = match route.who {
        Who::Anybody if path.starts_with("/me") => "/me/sign-in",
        Who::Anybody => "/sign-in",
        Who::Individual => "/me",
        Who::SignedIn | Who::Officers | Who::Roles(_) | Who::Systems(_) => "/account",
    };
    place.get(browser, home).await.csrf()
}

async fn send(place: &Place, browser: &Browser, path: &str, kind: &str, body: String) -> Answer {
    let request = browser.request("POST", path).header(CONTENT_TYPE, kind);
    place.call(request.body(Body::from(body)).unwrap()).await
}

/// Returns the names of the fields on a page.
fn fields(page: &str) -> BTreeSet<String> {
    let names = page.split("name=\"").skip(1).filter_map(|rest| rest.split('"').next());
    names
        .filter(|name| !["csrf", "viewport", "color-scheme"].contains(name))
        .map(str::to_owned)
        .collect()
}

/// What must not change: stays, cases, accounts and their roles.
async fn stands(place: &Place) -> String {
    let store = place.app.store();
    let (_, stays) = store.stays().await.unwrap();
    let counts = store.counts().await.unwrap();
    let mut accounts = Vec::new();
    for role in Role::ALL {
        let account = place.app.accounts().account(role.as_str()).await.unwrap();
        let roles = place.app.accounts().roles(role.as_str(), place.app.program_name()).await;
        accounts.push((account.map(|account| account.closed), roles.unwrap()));
    }
    format!("{stays:?} {counts:?} {accounts:?}")
}

#[tokio::test]
async fn a_form_that_is_missing_oversize_malformed_or_forged_changes_nothing_wherever_it_is_sent() {
    let place = place().await;
    let id = with_leads(&place.app).await;
    let before = stands(&place).await;
    let own = |route: &&Route| {
        route.method == "POST"
            && !matches!(route.who, Who::Systems(_))
            && !route.path.starts_with("/api/")
            // Signing out asks for nothing but its page's word; `door` proves what it does.
            && !route.path.starts_with("/sign-out")
    };
    // These ask for nothing beyond what their page gave them.
    let asks_nothing = ["/print-files"];
    let mut asked = 0;
    for route in ROUTES.iter().filter(own) {
        let path = address(route, &id, "1");
        let mut browser = visitor(&place, route, &id).await;
        let ours = csrf(&place, &mut browser, route, &path).await;
        let mut elsewhere = Browser::default();
        let other = place.get(&mut elsewhere, "/sign-in").await.csrf();
        let long = format!("{}&reason={}", form(&[("csrf", &ours)]), "x".repeat(300 * 1024));
        for (what, kind, body, status) in [
            ("nothing", FORM, String::new(), StatusCode::FORBIDDEN),
            ("another's word", FORM, form(&[("csrf", &other)]), StatusCode::FORBIDDEN),
            ("a word made up", FORM, form(&[("csrf", "AAAA")]), StatusCode::FORBIDDEN),
            ("no form", "text/plain", form(&[("csrf", &ours)]), StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("JSON", "application/json", "{}".into(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("too much", FORM, long, StatusCode::PAYLOAD_TOO_LARGE),
            ("half a file", "multipart/form-data; boundary=x", "--x".into(), StatusCode::FORBIDDEN),
        ] {
            let answer = send(&place, &browser, &path, kind, body).await;
            assert_eq!(answer.status, status, "{path}: {what}: {}", answer.body);
            asked += 1;
        }
        let request = browser
            .request("POST", &path)
            .header(CONTENT_TYPE, FORM)
            .header("sec-fetch-site", "cross-site")
            .body(Body::from(form(&[("csrf", &ours)])));
        assert_eq!(
            place.call(request.unwrap()).await.status,
            StatusCode::FORBIDDEN,
            "{path}: elsewhere"
        );

        // With its page's word, and nothing or nonsense in each of its fields.
        let page = place.get(&mut browser, &path).await;
        let names =
            if page.status == StatusCode::OK { fields(&page.body) } else { BTreeSet::new() };
        let long = "ä".repeat(20_000);
        for nonsense in ["", " ", NONSENSE, &long] {
            let mut answers = vec![("csrf", &*ours)];
            answers.extend(names.iter().map(|name| (name.as_str(), nonsense)));
            let answer = send(&place, &browser, &path, FORM, form(&answers)).await;
            let what = format!("{path}: {names:?} {}: {}", nonsense.len(), answer.status);
            assert!(!answer.status.is_server_error(), "{what}");
            assert!(
                answer.status.is_client_error() || asks_nothing.contains(&route.path),
                "{what}: {}",
                answer.body
            );
            assert!(!answer.body.contains("<script>x"), "{what}: {}", answer.body);
            asked += 1;
        }
    }
    assert!(asked > 25 * 11, "{asked}");
    assert_eq!(stands(&place).await, before, "nothing is changed");
}

#[tokio::test]
async fn a_call_that_is_missing_oversize_malformed_or_forged_changes_nothing_wherever_it_is_sent() {
    let place = place().await;
    let id = with_leads(&place.app).await;
    let before = stands(&place).await;
    let calls = |route: &&Route| route.method == "POST" && route.path.starts_with("/api/");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("{{\"order\":\"{}\"}}", "x".repeat(300 * 1024));
    let mut asked = 0;
    for route in ROUTES.iter().filter(calls) {
        let path = address(route, &id, "1");
        let key = match route.who {
            Who::Systems(roles) => place.key(roles[0].as_str()).await,
            // What proves who sent it is the message's own signature, and there is none.
            _ => String::new(),
        };
        let for_systems = matches!(route.who, Who::Systems(_));
        for (what, body) in [
            ("nothing", ""),
            ("half", "{"),
            ("no object", "[]"),
            ("nothing in it", "{}"),
            ("something else in it", r#"{"surprise":"Maria Secret"}"#),
            ("no text", "\u{0}\u{1}"),
            ("too deep", &*deep),
            ("too much", &*long),
        ] {
            let answer = place.program(&key, "POST", &path, Some(body)).await;
            assert!(answer.status.is_client_error(), "{path}: {what}: {}", answer.status);
            assert_eq!(answer.header("content-type"), "application/problem+json", "{path}: {what}");
            assert!(!answer.body.contains("Maria"), "{path}: {}", answer.body);
            if for_systems && what == "too much" {
                assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
            }
            if !for_systems {
                assert!(answer.status != StatusCode::OK, "{path}");
            }
            asked += 1;
        }
        let answer = place.program("AAAA", "POST", &path, Some("{}")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}: {}", answer.body);
    }
    assert!(asked >= 7 * 8, "{asked}");
    assert_eq!(stands(&place).await, before, "nothing is changed");
}
