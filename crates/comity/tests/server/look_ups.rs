//! An officer who has signed in asks about persons of the caseload who are named, under the gate and the counts that `comity
//! look-up` has, and gives up what was broken off (floor F4).

use super::corrections::copy;
use super::place::{Answer, Browser, Place, example, location, with_leads};
use agreement::OfficerId;
use axum::body::Body;
use casework::store::accounts::Role;
use casework::{CaseStore as _, Judgement, Opinion, RunState, Stage, Step, Store as _};
use comity::desk::{Acted, Officer};
use comity::run::look_up::look_up;
use comity::run::{Outcome, Point, Rows, Step as Said, Watch};
use http::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

const HEADER: &str = "case_id,given_name,surname,date_of_birth,address,postcode,telephone";

/// A node whose pilot people have judged, and what the caseload says of everybody of whom it lacks nothing.
struct Piloted {
    _program: TempDir,
    place: Place,
    rows: Vec<String>,
}

async fn piloted() -> Piloted {
    let program = tempfile::tempdir().unwrap();
    copy(&example(), program.path());
    let agreement = program.path().join("agreement.toml");
    let text = std::fs::read_to_string(&agreement).unwrap();
    let pilot = "sample = 40\nbound_percent = 10";
    assert!(text.contains(pilot));
    let smaller = text.replace(pilot, "sample = 14\nbound_percent = 20");
    std::fs::write(&agreement, smaller).unwrap();
    let place = Place::with(|config| program.path().clone_into(&mut config.program)).await;
    with_leads(&place.app).await;
    let reviewer =
        Officer { id: OfficerId::new("reviewer").unwrap(), roles: [Role::Reviewer].into() };
    for lead in place.app.store().leads(None).await.unwrap() {
        if lead.stage != Stage::Open {
            continue;
        }
        let id = &lead.found.id;
        let version = place.app.store().case(id).await.unwrap().case.version();
        let seen = Opinion { judgement: Judgement::Same, reason: "seen".into(), expires: None };
        let acted = place.app.desk().act(&reviewer, id, version, Step::Review(seen)).await;
        assert!(matches!(acted.unwrap(), Acted::Done(..)));
    }
    let text = std::fs::read_to_string(program.path().join("caseload.csv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let given = [0, 1, 2, 3, 4, 6, 7].map(|place| fields[place]);
        given.iter().all(|value| !value.is_empty()).then(|| given.join(","))
    };
    let rows = text.lines().skip(1).filter_map(row).collect();
    Piloted { _program: program, place, rows }
}

impl Piloted {
    /// Sends the form as a browser would, with what was typed or with a file.
    async fn ask(&self, browser: &mut Browser, typed: &str, file: &str) -> Answer {
        let csrf = self.place.get(browser, "/look-ups").await.csrf();
        let cycle = self.place.app.program().schedule.cycles.last().unwrap().id.to_string();
        let field = |name: &str, value: &str| {
            format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = format!(
            "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"rows.csv\"\r\ncontent-type: text/csv\r\n\r\n{file}\r\n--x--\r\n"
        );
        let body = field("csrf", &csrf) + &field("cycle", &cycle) + &field("rows", typed) + &file;
        let request = browser
            .request("POST", "/look-ups")
            .header("content-type", "multipart/form-data; boundary=x")
            .header("sec-fetch-site", "same-origin");
        self.place.call(request.body(Body::from(body)).unwrap()).await
    }

    /// Asks, and returns the page of what came of it.
    async fn asked(&self, browser: &mut Browser, typed: &str, file: &str) -> String {
        let begun = self.ask(browser, typed, file).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
        for _ in 0..1200 {
            let page = self.place.get(browser, location(&begun)).await.body;
            if !page.contains("data-progress") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_asks_about_persons_in_the_console_and_each_counts_and_nobody_else_may() {
    let piloted = piloted().await;
    let place = &piloted.place;
    place.everybody().await;
    let mut reviewer = place.browser("reviewer").await;
    assert_eq!(place.get(&mut reviewer, "/look-ups").await.status, StatusCode::FORBIDDEN);
    let mut verifier = place.browser("verifier").await;
    let page = place.get(&mut verifier, "/look-ups").await;
    assert!(
        page.body.contains(HEADER),
        "the first line is there to be gone on with: {}",
        page.body
    );

    let rows = format!("{HEADER}\n{}\n", piloted.rows[..60].join("\n"));
    let said = piloted.asked(&mut verifier, &rows, "").await;
    assert!(
        said.contains("They were looked up") && said.contains("look-up-1: 60 persons"),
        "{said}"
    );
    let leads = place.app.store().leads(Some("look-up-1")).await.unwrap();
    assert!(!leads.is_empty() && leads.iter().all(|lead| lead.returned.is_some()));
    for lead in &leads {
        assert!(said.contains(&format!("href=\"/cases/{}\"", lead.found.id)), "{said}");
    }
    let case = place.get(&mut verifier, &format!("/cases/{}", leads[0].found.id)).await;
    assert_eq!(case.status, StatusCode::OK, "{}", case.body);
    // What is typed counts with what a file brings; a file goes before what is typed.
    let file = format!("{HEADER}\n{}\n", piloted.rows[60..101].join("\n"));
    let refused = piloted.asked(&mut verifier, &rows, &file).await;
    assert!(refused.contains("It was not done") && refused.contains("F4-persons"), "{refused}");
    assert!(refused.contains("What to do: "), "{refused}");
    let page = place.get(&mut verifier, "/look-ups").await;
    assert!(page.body.contains("look-up-1") && page.body.contains("answered"), "{}", page.body);
    let asked = place.app.store().runs().await.unwrap();
    let asked: Vec<_> = asked.iter().filter_map(casework::Run::asked).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].officer.as_str(), asked[0].persons), ("verifier", 60), "who signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_beside_its_field_and_what_lacks_something_is_refused() {
    let piloted = piloted().await;
    let place = &piloted.place;
    place.everybody().await;
    let mut verifier = place.browser("verifier").await;
    for (typed, file, says) in [
        ("case_id,surname\nC1,Novak\n", "", "must name these columns"),
        ("", "", "The file is empty"),
        ("", "case_id;surname\nC1;Novak\n", "must name these columns"),
    ] {
        let wrong = piloted.ask(&mut verifier, typed, file).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{says}: {}", wrong.body);
        assert!(wrong.body.contains(says), "{says}: {}", wrong.body);
    }
    let long = format!("{HEADER}\n{},one more\n", piloted.rows[0]);
    let wrong = piloted.ask(&mut verifier, &long, "").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.body);
    let mut lacking: Vec<&str> = piloted.rows[0].split(',').collect();
    lacking[6] = "unknown";
    let refused =
        piloted.asked(&mut verifier, &format!("{HEADER}\n{}\n", lacking.join(",")), "").await;
    assert!(refused.contains("It was not done") && refused.contains("F4-rows"), "{refused}");
    assert!(place.app.store().runs().await.unwrap().iter().all(|run| run.asked().is_none()));
}

async fn store_state(place: &Place) -> RunState {
    place.app.store().run("look-up-1").await.unwrap().unwrap().state
}

/// Stops once everything is planned.
#[derive(Default)]
struct Stopping {
    is_planned: bool,
}

impl Watch for Stopping {
    fn said(&mut self, _: &Said) {}

    fn progress(&mut self, _: u64, _: u64) {}

    fn passed(&mut self, point: Point) {
        self.is_planned |= point == Point::Planned;
    }

    fn is_cancelled(&self) -> bool {
        self.is_planned
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_broken_off_is_given_up_in_the_console() {
    let piloted = piloted().await;
    let place = &piloted.place;
    place.everybody().await;
    let program = place.app.program();
    let held = place.app.store().leads(None).await.unwrap();
    let of_case = |row: &&String| {
        held.iter().any(|lead| {
            lead.stage == Stage::Held && row.starts_with(&format!("{},", lead.found.case_id))
        })
    };
    let row = piloted.rows.iter().find(of_case).unwrap();
    let given: BTreeMap<String, String> =
        HEADER.split(',').map(str::to_owned).zip(row.split(',').map(str::to_owned)).collect();
    let rows = Rows::of(program, [given]).unwrap();
    let roles = [Role::Verifier].into();
    let dana = Officer { id: OfficerId::new("verifier").unwrap(), roles };
    let cycle = program.schedule.cycles.last().unwrap().id.clone();
    let mut node = place.app.node().await;
    let mut watch = Stopping::default();
    let asked = Box::pin(look_up(program, &mut node, &dana, &rows, &cycle, &mut watch)).await;
    assert!(matches!(asked, Ok(Outcome::Withheld(_))), "{asked:?}");
    drop(node);

    let mut verifier = place.browser("verifier").await;
    let page = place.get(&mut verifier, "/look-ups").await;
    assert!(page.body.contains("broken off"), "{}", page.body);
    assert!(page.body.contains("/look-ups/look-up-1/give-up"), "{}", page.body);
    let csrf = page.csrf();
    let fields = [("csrf", csrf.as_str())];
    let other = place.post(&mut verifier, "/look-ups/look-up-2/give-up", &fields).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "{}", other.body);
    let mut reviewer = place.browser("reviewer").await;
    let theirs = place.get(&mut reviewer, "/cases").await.csrf();
    let theirs = [("csrf", theirs.as_str())];
    let refused = place.post(&mut reviewer, "/look-ups/look-up-1/give-up", &theirs).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    assert!(refused.body.contains("role-drop-request"), "the gate refuses it: {}", refused.body);
    let recorded = place.app.node().await.decisions().last().map(|last| last.act.clone());
    assert_eq!(recorded.as_deref(), Some("drop_request"));
    assert_eq!(store_state(place).await, RunState::Planned, "it still waits");
    let dropped = place.post(&mut verifier, "/look-ups/look-up-1/give-up", &fields).await;
    assert_eq!(dropped.status, StatusCode::SEE_OTHER, "{}", dropped.body);
    let page = place.get(&mut verifier, "/look-ups").await;
    assert!(!page.body.contains("/give-up") && page.body.contains("is given up"), "{}", page.body);
    let store = place.app.store();
    let run = store.run("look-up-1").await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Finished);
    let leads = store.leads(Some("look-up-1")).await.unwrap();
    assert!(!leads.is_empty());
    assert!(leads.iter().all(|lead| lead.stage == Stage::Closed && lead.returned.is_none()));
}
