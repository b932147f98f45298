//! Who may ask for what: each role gets 403 on everything that is not its own.

use super::place::{Browser, Place, form, location};
use axum::body::Body;
use casework::store::accounts::Role;
use comity::server::route::{ROUTES, Route, Who};
use http::StatusCode;
use http::header::CONTENT_TYPE;

/// Returns an address that a route has.
fn address(route: &Route) -> String {
    route
        .path
        .replace("{id}", "2027Q1-0001")
        .replace("{number}", "1")
        .replace("{index}", "0")
        .replace("{code}", "0000-0000-0000-0000")
        .replace("{digest}/{name}", "00/console.css")
        .replace("{digest}", "00")
}

fn may(route: &Route, role: Role) -> bool {
    match route.who {
        Who::Anybody | Who::SignedIn | Who::Officers => true,
        Who::Roles(roles) | Who::Systems(roles) => roles.contains(&role),
        Who::Individual => false,
    }
}

/// Sends what a page's own form would send.
async fn ask(place: &Place, browser: &Browser, route: &Route, csrf: &str) -> StatusCode {
    let request = browser.request(route.method, &address(route));
    let request = if route.method == "POST" {
        request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form(&[("csrf", csrf)])))
    } else {
        request.body(Body::empty())
    };
    place.call(request.unwrap()).await.status
}

#[tokio::test]
async fn each_role_gets_403_on_everything_that_is_not_its_own() {
    let place = Place::with(|config| {
        config.limits.requests_a_minute = 100_000;
        config.limits.sign_ins_a_minute = 100_000;
        config.limits.wrong_sign_ins = 100_000;
    })
    .await;
    place.everybody().await;
    let mut asked = 0;
    for role in Role::ALL {
        let mut browser = place.browser(role.as_str()).await;
        let page = place.get(&mut browser, "/account").await;
        let (csrf, key) = (page.csrf(), place.key(role.as_str()).await);
        // Asking to sign out would end the session that the others need; `door` proves it.
        let ends = ["/sign-out", "/sign-out/everywhere"];
        for route in ROUTES.iter().filter(|route| !ends.contains(&route.path)) {
            let status = match route.who {
                Who::Systems(_) => {
                    let body = (route.method == "POST").then_some("{}");
                    place.program(&key, route.method, &address(route), body).await.status
                }
                _ => ask(&place, &browser, route, &csrf).await,
            };
            let refused = status == StatusCode::FORBIDDEN;
            assert_eq!(
                refused,
                !may(route, role),
                "{role} {} {} {status}",
                route.method,
                route.path
            );
            assert!(!status.is_server_error(), "{role} {} {} {status}", route.method, route.path);
            asked += 1;
        }
    }
    assert!(asked > 7 * 60, "{asked}");
}

#[tokio::test]
async fn nobody_is_sent_to_sign_in_and_a_program_is_told_so() {
    let place = Place::new().await;
    for route in ROUTES {
        if route.who == Who::Anybody {
            continue;
        }
        let request = Browser::default().request(route.method, &address(route));
        let answer = place.call(request.body(Body::empty()).unwrap()).await;
        let what = format!("{} {}", route.method, route.path);
        if let Who::Systems(_) = route.who {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"comity\"", "{what}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
        } else {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
            let door = if route.path.starts_with("/me") { "/me/sign-in" } else { "/sign-in" };
            assert!(location(&answer).starts_with(door), "{what}: {}", location(&answer));
        }
    }
}

#[tokio::test]
async fn every_page_of_a_node_where_nothing_has_happened_says_so_in_place_of_an_empty_table() {
    let place = Place::with(|config| config.limits.sign_ins_a_minute = 100_000).await;
    place.everybody().await;
    let mut seen = 0;
    for route in ROUTES.iter().filter(|route| route.method == "GET" && !route.path.contains('{')) {
        // A first password is asked for once, and of nobody who has one.
        let roles: &[Role] = match route.who {
            Who::Officers if route.path != "/account/first" => &Role::ALL,
            Who::Roles(roles) => roles,
            _ => continue,
        };
        for role in roles {
            let mut browser = place.browser(role.as_str()).await;
            let page = place.get(&mut browser, route.path).await;
            let what = format!("{role} {}", route.path);
            assert_eq!(page.status, StatusCode::OK, "{what}");
            for body in page.body.split("<tbody").skip(1) {
                let rows = body.split("</tbody>").next().unwrap_or_default();
                assert!(rows.contains("<td") || rows.contains("<th"), "{what}: {rows}");
            }
            for (number, part) in page.body.split("<h2").enumerate().skip(1) {
                let after = part.split_once("</h2>").map_or("", |(_, after)| after).trim_start();
                assert!(!after.starts_with("</main>"), "{what}: heading {number} has nothing");
            }
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[tokio::test]
async fn a_session_is_no_key_and_a_key_is_no_session() {
    let place = Place::new().await;
    place.officer("auditor", &[Role::Auditor]).await;
    let browser = place.browser("auditor").await;
    let request = browser.request("GET", "/api/v1/ledger").body(Body::empty()).unwrap();
    assert_eq!(place.call(request).await.status, StatusCode::UNAUTHORIZED);
    let key = place.key("auditor").await;
    let answer = place.program(&key, "GET", "/account", None).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_address_that_is_not_there_is_not_found_and_a_method_it_has_not_is_named() {
    let place = Place::new().await;
    let mut browser = Browser::default();
    let answer = place.get(&mut browser, "/nowhere").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    let request = browser.request("DELETE", "/sign-in").body(Body::empty()).unwrap();
    let answer = place.call(request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "GET, POST");
    let answer = place.program("x", "GET", "/api/v1/nothing", None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_safe() {
    let place = Place::new().await;
    let mut browser = Browser::default();
    for path in ["/sign-in", "/nowhere", "/health", "/api/v1/stays", "/assets/00/none"] {
        let answer = place.get(&mut browser, path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"),
            "{path}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            answer.header("strict-transport-security").starts_with("max-age=63072000"),
            "{path}"
        );
    }
    let sheet = place.get(&mut browser, "/sign-in").await.body;
    let at = sheet.find("/assets/").unwrap();
    let path = sheet[at..].split('"').next().unwrap().to_owned();
    let answer = place.get(&mut browser, &path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("cache-control").contains("immutable"));
}
