//! Forms that do not come from our own pages, and bodies that are not what they say.

use super::place::{Browser, Place, form};
use axum::body::Body;
use casework::store::accounts::Role;
use http::StatusCode;
use http::header::CONTENT_TYPE;

const FORM: &str = "application/x-www-form-urlencoded";

async fn signed_in() -> (Place, Browser, String) {
    let place = Place::new().await;
    place.officer("auditor", &[Role::Auditor]).await;
    let mut browser = place.browser("auditor").await;
    let csrf = place.get(&mut browser, "/account").await.csrf();
    (place, browser, csrf)
}

async fn send(
    place: &Place,
    browser: &Browser,
    headers: &[(&str, &str)],
    body: String,
) -> StatusCode {
    let mut request = browser.request("POST", "/sign-out/everywhere");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    place.call(request.body(Body::from(body)).unwrap()).await.status
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused_whatever_it_brings() {
    let (place, browser, csrf) = signed_in().await;
    let good = form(&[("csrf", &csrf)]);
    for headers in [
        vec![("content-type", FORM), ("sec-fetch-site", "cross-site")],
        vec![("content-type", FORM), ("sec-fetch-site", "same-site")],
        vec![("content-type", FORM), ("origin", "https://elsewhere.example")],
        vec![("content-type", FORM), ("origin", "null")],
        vec![("content-type", FORM), ("origin", "http://node.example")],
        vec![("content-type", FORM), ("origin", "https://node.example:8443")],
    ] {
        assert_eq!(
            send(&place, &browser, &headers, good.clone()).await,
            StatusCode::FORBIDDEN,
            "{headers:?}"
        );
    }
    let ours = [
        ("content-type", FORM),
        ("sec-fetch-site", "same-origin"),
        ("origin", "https://node.example"),
    ];
    assert_eq!(send(&place, &browser, &ours, good).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_without_what_its_page_gave_it_is_refused() {
    let (place, browser, csrf) = signed_in().await;
    let other = {
        let mut browser = place.browser("auditor").await;
        place.get(&mut browser, "/account").await.csrf()
    };
    let ours = [("content-type", FORM)];
    for body in [
        String::new(),
        form(&[("csrf", "")]),
        form(&[("csrf", "AAAA")]),
        form(&[("csrf", &other)]),
        form(&[("other", &csrf)]),
        "%%%=%%%".to_owned(),
        "\u{0}".repeat(100),
    ] {
        assert_eq!(send(&place, &browser, &ours, body).await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_long_is_not_read() {
    let (place, browser, csrf) = signed_in().await;
    let body = form(&[("csrf", &csrf)]);
    for kind in ["text/plain", "application/json", "multipart/mixed", ""] {
        let status = send(&place, &browser, &[("content-type", kind)], body.clone()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let long = format!("{body}&reason={}", "x".repeat(256 * 1024));
    let status = send(&place, &browser, &[("content-type", FORM)], long).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn an_upload_brings_back_what_its_page_gave_it_too() {
    let (place, browser, csrf) = signed_in().await;
    let kind = "multipart/form-data; boundary=x";
    let part = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for (body, status) in [
        (format!("{}--x--\r\n", part("csrf", &csrf)), StatusCode::SEE_OTHER),
        (format!("{}--x--\r\n", part("file", &csrf)), StatusCode::FORBIDDEN),
        ("--x".to_owned(), StatusCode::FORBIDDEN),
        ("--y--".to_owned(), StatusCode::FORBIDDEN),
    ] {
        let browser = if status == StatusCode::SEE_OTHER {
            browser.clone()
        } else {
            place.browser("auditor").await
        };
        let request = browser.request("POST", "/sign-out").header(CONTENT_TYPE, kind);
        let answer = place.call(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let request = browser.request("POST", "/sign-out").header(CONTENT_TYPE, "multipart/form-data");
    let answer = place.call(request.body(Body::from("--x--")).unwrap()).await;
    assert_ne!(answer.status, StatusCode::OK);
    assert!(!answer.status.is_server_error());
}

#[tokio::test]
async fn a_cookie_that_is_none_of_ours_is_no_session() {
    let place = Place::new().await;
    for value in ["", "x", "AAAA", &"A".repeat(43), &"A".repeat(5000), "%00", "\"quoted\""] {
        let mut browser = Browser::default();
        browser.cookies.insert("__Host-session".to_owned(), value.to_owned());
        browser.cookies.insert("__Host-form".to_owned(), value.to_owned());
        browser.cookies.insert("__Host-flash".to_owned(), value.to_owned());
        let answer = place.get(&mut browser, "/account").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{value}");
        assert_eq!(place.get(&mut browser, "/sign-in").await.status, StatusCode::OK, "{value}");
    }
}

#[tokio::test]
async fn an_address_asks_so_often_a_minute() {
    let place = Place::with(|config| config.limits.requests_a_minute = 10).await;
    for _ in 0..10 {
        assert_eq!(place.get(&mut Browser::default(), "/health").await.status, StatusCode::OK);
    }
    let answer = place.get(&mut Browser::default(), "/health").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "6");
}

#[tokio::test]
async fn a_proxys_word_for_an_address_counts_only_where_the_proxy_is_trusted() {
    for (trusted, statuses) in [
        (false, [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]),
        (true, [StatusCode::OK, StatusCode::OK]),
    ] {
        let place = Place::with(|config| {
            config.limits.requests_a_minute = 1;
            if trusted {
                config.listen.proxies = vec![[127, 0, 0, 1].into()];
            }
        })
        .await;
        for (number, status) in statuses.into_iter().enumerate() {
            let from = format!("203.0.113.9, 198.51.100.{number}");
            let request =
                Browser::default().request("GET", "/health").header("x-forwarded-for", from);
            let answer = place.call(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, status, "trusted {trusted}, {number}");
        }
    }
}
