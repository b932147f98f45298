//! A node in a folder of its own, and whoever calls at it.

use axum::body::Body;
use casework::store::accounts::Role;
use casework::store::cases::Queue;
use casework::{CaseStore as _, LeadId};
use comity::clock::Clock;
use comity::run::{Outcome, Step, Watch, run};
use comity::server::{App, Config};
use http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// A password that is good enough.
pub(crate) const PASSWORD: &str = "four words nobody joins";

/// A node at work.
pub(crate) struct Place {
    pub(crate) app: App,
    pub(crate) folder: TempDir,
    now: Timestamp,
}

/// An answer, with its body as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// Returns what the page's first form has to bring back.
    pub(crate) fn csrf(&self) -> String {
        let at = self.body.find("name=\"csrf\" value=\"").expect("the page has a form");
        let rest = &self.body[at + "name=\"csrf\" value=\"".len()..];
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A browser: it keeps cookies, and sends forms as browsers do.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

pub(crate) fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits")
}

impl Place {
    pub(crate) async fn new() -> Place {
        Place::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let now = "2027-01-04T09:00:00Z".parse().unwrap();
        let app = open(&folder, now, change).await;
        Place { app, folder, now }
    }

    /// Opens a node by a clock that the test turns.
    pub(crate) async fn by(clock: Clock) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let now = clock.now();
        let app = App::open(config(&folder, |_| {}), clock).await.unwrap();
        Place { app, folder, now }
    }

    /// Stops the node, and starts it again later.
    pub(crate) async fn later(self, seconds: i64) -> Place {
        self.later_with(seconds, |_| {}).await
    }

    pub(crate) async fn later_with(self, seconds: i64, change: impl FnOnce(&mut Config)) -> Place {
        let Place { app, folder, now } = self;
        drop(app);
        let now = Timestamp::from_second(now.as_second() + seconds).unwrap();
        let app = open(&folder, now, change).await;
        Place { app, folder, now }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.app.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let request = browser.request("GET", path).body(Body::empty()).unwrap();
        let answer = self.call(request).await;
        browser.keep(&answer);
        answer
    }

    pub(crate) async fn post(
        &self,
        browser: &mut Browser,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let request = browser
            .request("POST", path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header("origin", "https://node.example")
            .body(Body::from(form(fields)))
            .unwrap();
        let answer = self.call(request).await;
        browser.keep(&answer);
        answer
    }

    /// Calls the interface for programs.
    pub(crate) async fn program(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "node.example")
            .header("authorization", format!("Bearer {key}"));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.call(request.body(Body::from(body.unwrap_or_default().to_owned())).unwrap()).await
    }

    /// Makes an account for each role, named after it, without a password.
    pub(crate) async fn everybody(&self) {
        for role in Role::ALL {
            self.officer(role.as_str(), &[role]).await;
        }
    }

    pub(crate) async fn officer(&self, officer: &str, roles: &[Role]) {
        let roles: BTreeSet<Role> = roles.iter().copied().collect();
        self.app.door().add(officer, officer, None, None, &roles, self.now).await.unwrap();
    }

    /// Signs an officer in by a link that works once.
    pub(crate) async fn browser(&self, officer: &str) -> Browser {
        let link = self.app.door().once_link(officer, self.now).await.unwrap();
        let mut browser = Browser::default();
        let page = self.get(&mut browser, &link).await;
        let answer = self.post(&mut browser, &link, &[("csrf", &page.csrf())]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert!(browser.cookies.contains_key("__Host-session"));
        browser
    }

    pub(crate) async fn key(&self, officer: &str) -> String {
        self.app.door().new_key(officer, 90, self.now).await.unwrap()
    }

    /// Fills in the sign-in form and sends it.
    pub(crate) async fn sign_in(
        &self,
        browser: &mut Browser,
        officer: &str,
        password: &str,
        code: &str,
    ) -> Answer {
        let page = self.get(browser, "/sign-in").await;
        let fields =
            [("csrf", &*page.csrf()), ("officer", officer), ("password", password), ("code", code)];
        self.post(browser, "/sign-in", &fields).await
    }
}

fn config(folder: &TempDir, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::of_program(example());
    config.work = Some(folder.path().join("work"));
    config.listen.public = Some("https://node.example".to_owned());
    change(&mut config);
    config
}

async fn open(folder: &TempDir, now: Timestamp, change: impl FnOnce(&mut Config)) -> App {
    App::open(config(folder, change), Clock::fixed(now)).await.unwrap()
}

struct Nobody;

impl Watch for Nobody {
    fn said(&mut self, _: &Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
}

/// Runs the example's first cycle on a server's own node, and returns the number of an open lead.
pub(crate) async fn with_leads(app: &App) -> LeadId {
    let program = app.program();
    let cycle = &program.schedule.cycles.first().expect("the example has cycles").id;
    let mut node = app.node().await;
    let outcome = Box::pin(run(program, &mut node, cycle, &mut Nobody)).await.unwrap();
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    drop(node);
    let page = app.desk().store().queue(&Queue::default(), 1).await.unwrap();
    page.lines.first().expect("the run opened leads").id.clone()
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Browser {
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder().method(method).uri(path).header(HOST, "node.example");
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    fn keep(&mut self, answer: &Answer) {
        for value in answer.headers.get_all(SET_COOKIE) {
            let text = value.to_str().unwrap();
            for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(text.contains(part), "{text}");
            }
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

pub(crate) fn location(answer: &Answer) -> &str {
    answer.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
