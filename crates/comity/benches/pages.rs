//! How long each page takes of a node with 100,000 cases: the example's run, and around it cases that are synthetic and
//! named so. The router is called without a socket, one request after another, as an officer's browser asks.
//!
//! `cargo bench -p comity --bench pages` prints the table that stands in docs/benchmarks.md; a number after `--` is how
//! many cases there are.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it measures time, prints a table, and fails loudly"
)]

use axum::body::Body;
use casework::store::accounts::Role;
use casework::store::cases::Queue;
use casework::{
    CaseStore as _, Disclosure, DisclosureId, Drafts, Groups, LeadId, PairKey, Planned, Run,
    RunState, Store as _,
};
use comity::clock::Clock;
use comity::event::Event;
use comity::run::{Outcome, Step, Watch, run};
use comity::server::{App, Config};
use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;

/// How many leads a synthetic run has.
const A_RUN: usize = 10_000;
/// How often each page is asked for: so often that the ledger fills a tile of 256 entries on the way.
const TIMES: usize = 400;

struct Nobody;

impl Watch for Nobody {
    fn said(&mut self, _: &Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let cases = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let mut config =
        Config::of_program(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits"));
    config.work = Some(folder.path().join("work"));
    config.listen.public = Some("https://node.example".to_owned());
    config.limits.requests_a_minute = 1_000_000;
    config.limits.sign_ins_a_minute = 1_000_000;
    let now: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
    let app = App::open(config, Clock::fixed(now)).await.unwrap();
    let cycle = app.program().schedule.cycles.first().unwrap().id.clone();
    let mut node = app.node().await;
    let outcome = Box::pin(run(app.program(), &mut node, &cycle, &mut Nobody)).await.unwrap();
    drop(node);
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let id = app.store().queue(&Queue::default(), 1).await.unwrap().lines.remove(0).id;
    fill(&app, &id, cases, now).await;
    let standing: u64 = app.store().counts().await.unwrap().standing.values().sum();
    println!(
        "| Page, of a node with {standing} cases | median | 99 of 100 | longest |\n| --- | ---: | ---: | ---: |"
    );
    let case = format!("/cases/{id}");
    for (role, paths) in [
        (
            Role::Reviewer,
            vec![
                "/".to_owned(),
                "/cases".to_owned(),
                "/cases?stage=lead".to_owned(),
                case.clone(),
                format!("{case}/review"),
                "/program".to_owned(),
                "/agreements".to_owned(),
            ],
        ),
        (Role::Verifier, vec![format!("{case}/verification")]),
        (
            Role::NoticeOfficer,
            vec!["/work-lists".to_owned(), "/print-files".to_owned(), "/returned-mail".to_owned()],
        ),
        (Role::PrivacyOfficer, vec!["/stays".to_owned(), format!("{case}/correction")]),
        (Role::BoardMember, vec!["/board".to_owned()]),
        (Role::Auditor, vec!["/ledger".to_owned(), "/ledger/3".to_owned()]),
        (Role::Operator, vec!["/admin".to_owned(), "/setup".to_owned()]),
    ] {
        let cookies = sign_in(&app, role, now).await;
        for path in paths {
            let mut taken: Vec<Duration> = Vec::with_capacity(TIMES);
            for _ in 0..=TIMES {
                let request = asked("GET", &path, &cookies).body(Body::empty()).unwrap();
                let begun = Instant::now();
                let response = app.router().oneshot(request).await.unwrap();
                let (status, body) = (response.status(), response.into_body());
                body.collect().await.unwrap();
                taken.push(begun.elapsed());
                assert!(status.is_success(), "{path}: {status}");
            }
            // The first reads the agency's own file, once a run; it is said apart.
            let first = taken.remove(0);
            taken.sort_unstable();
            let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
            let shown = path.replace(id.as_str(), "…");
            println!(
                "| {shown} (first {}) | {} | {} | {} |",
                milliseconds(first),
                milliseconds(taken[TIMES / 2]),
                milliseconds(taken[TIMES * 99 / 100]),
                milliseconds(taken[TIMES - 1])
            );
        }
    }
}

/// Plans and releases synthetic leads, so that they are cases.
async fn fill(app: &App, like: &LeadId, cases: usize, now: Timestamp) {
    let explanation = app.store().lead(like).await.unwrap().found.explanation;
    let agreement = app.program().digest.to_string();
    let values = BTreeMap::from([("payroll.gross_pay".to_owned(), "1234.56".to_owned())]);
    for first in (0..cases).step_by(A_RUN) {
        let name = format!("synthetic-{first:07}");
        let some = A_RUN.min(cases - first);
        let begun = Run {
            id: name.clone(),
            cycle: name.clone(),
            state: RunState::Started,
            started_at: now.to_string(),
            finished_at: None,
            inputs: format!(r#"{{"model":"synthetic","bound":0.0,"agreement":"{agreement}"}}"#),
            summary: None,
        };
        app.store().start(&begun, &Drafts::none()).await.unwrap();
        let leads: Vec<Planned> = (0..some)
            .map(|number| {
                let mut pair = [0; 32];
                pair[..8].copy_from_slice(&((first + number) as u64).to_be_bytes());
                Planned {
                    id: LeadId::new(&name, number + 1),
                    pair: PairKey(pair),
                    bond: None,
                    case_id: format!("synthetic-case-{}", first + number),
                    source_record: u32::try_from(number).unwrap(),
                    recipient_record: u32::try_from(number).unwrap(),
                    weight: 8.0 + (number % 1000) as f64 / 100.0,
                    probability: 0.99,
                    explanation: explanation.clone(),
                    groups: Groups::default(),
                    returned_digest: [0; 32],
                    reopens: None,
                    chunk: Some(0),
                }
            })
            .collect();
        app.store().plan(&name, "{}", &leads, &Drafts::none()).await.unwrap();
        let disclosure = Disclosure {
            id: DisclosureId(format!("{name}/0")),
            run: name.clone(),
            chunk: 0,
            prepared_at: now.to_string(),
            recipient: "synthetic-recipient".to_owned(),
            purpose: "synthetic".to_owned(),
            elements: vec!["payroll.gross_pay".to_owned()],
            persons: u32::try_from(some).unwrap(),
            leaf: Vec::new(),
            ledger_index: None,
        };
        let event = Event::Disclosed {
            run: name.clone(),
            chunk: 0,
            permit: 1,
            agreement: agreement.clone(),
            source: "synthetic-source".to_owned(),
            recipient: disclosure.recipient.clone(),
            purpose: disclosure.purpose.clone(),
            elements: disclosure.elements.clone(),
            persons: some as u64,
        };
        // What is disclosed is one entry of the ledger, and is drained there as a run's would be.
        let mut node = app.node().await;
        let drafts = node.drafts(vec![event]);
        app.store().prepare(&disclosure, &[], &drafts).await.unwrap();
        node.drain().await.unwrap();
        drop(node);
        let (stays, _) = app.store().stays().await.unwrap();
        let returned: Vec<_> = leads.iter().map(|lead| (lead.id.clone(), values.clone())).collect();
        let at = now.to_string();
        app.store().release(&disclosure.id, first as u64, &at, stays, &returned).await.unwrap();
    }
}

fn asked(method: &str, path: &str, cookies: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(HOST, "node.example").header(COOKIE, cookies)
}

fn kept(response: &Response<Body>) -> String {
    let all = response.headers().get_all(SET_COOKIE).iter();
    let pairs = all.filter_map(|value| value.to_str().ok()?.split(';').next());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}

/// Signs an officer in by a link that counts once, and returns the cookies.
async fn sign_in(app: &App, role: Role, now: Timestamp) -> String {
    let name = role.as_str();
    let officer = name.replace('_', "-");
    app.door().add(&officer, name, None, None, &[role].into(), now).await.unwrap();
    let link = app.door().once_link(&officer, now).await.unwrap();
    let page = app.router().oneshot(asked("GET", &link, "").body(Body::empty()).unwrap()).await;
    let page = page.unwrap();
    let cookies = kept(&page);
    let body = page.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body);
    let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let request = asked("POST", &link, &cookies)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("csrf={csrf}")))
        .unwrap();
    kept(&app.router().oneshot(request).await.unwrap())
}
