//! The demonstration, as `comity demo` starts it, looked at by everybody.

use super::play;
use comity::server::route::ROUTES;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A demonstration that is served until it is dropped.
struct Demonstration {
    child: Child,
    base: String,
    /// The link of each officer, by name.
    links: BTreeMap<String, String>,
    /// The number and code of somebody's letter.
    letter: (String, String),
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(folder: &std::path::Path) -> Demonstration {
    let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
        .args(["demo", "--leads", "250", "--folder"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let (mut base, mut links, mut letter) = (String::new(), BTreeMap::new(), None);
    let mut last = String::new();
    for line in said {
        let line = line.trim().to_owned();
        if let Some((_, address)) = line.split_once("listening").filter(|_| base.is_empty()) {
            address.trim().clone_into(&mut base);
        } else if let Some(rest) = line.strip_prefix("number ") {
            let (number, code) = rest.split_once(", code ").unwrap();
            letter = Some((number.to_owned(), code.to_owned()));
        } else if last.contains("/sign-in/once/") {
            links.insert(line.split_once(':').unwrap().0.to_owned(), last.clone());
        } else if line.starts_with("Ctrl-C") {
            break;
        }
        last = line;
    }
    let letter = letter.expect("somebody got a letter");
    Demonstration { child, base, links, letter }
}

/// Pages of everybody, and of each role.
fn visits(demo: &Demonstration, states: &str) -> Value {
    let everybody = ["/", "/account", "/agreements", "/design", "/program"];
    let of = |officer: &str, paths: &[&str]| {
        let paths: Vec<&str> = if officer == "Demo Reviewer" {
            everybody.iter().chain(paths).copied().collect()
        } else {
            std::iter::once("/").chain(paths.iter().copied()).collect()
        };
        json!({ "name": officer, "link": demo.links[officer], "paths": paths })
    };
    // `CASE` of a stage is found on the list of that stage.
    json!({
        "base": demo.base,
        "states": states,
        "letter": { "number": demo.letter.0, "code": demo.letter.1 },
        "visits": [
            of("Demo Reviewer", &["/cases", "/cases?stage=closed", "/cases?county=nowhere", "/stage/lead/", "/stage/lead/review", "/stage/lead/close"]),
            of("Demo Verifier", &["/stage/reviewed/verification", "/stage/verifying/verification", "/stage/noticed/action", "/stage/refuted/", "/disputes", "/look-ups"]),
            of("Demo Notice Officer", &["/stage/verified/notice", "/stage/verified/letter", "/stage/noticed/notice", "/stage/noticed/contest", "/work-lists", "/results", "/print-files", "/returned-mail", "/errands"]),
            of("Demo Privacy Officer", &["/stage/contested/contest", "/stage/contested/decision", "/stage/hearing/decision", "/stage/hearing/hearing", "/stage/decided/", "/stage/action/", "/stage/action/correction", "/stage/correction/correction", "/stays", "/stays/new"]),
            of("Demo Board Member", &["/board", "/stays", "/errands"]),
            of("Demo Auditor", &["/ledger", "/ledger/3", "/board", "/stays"]),
            of("Demo Operator", &["/admin", "/setup", "/work-lists", "/results"]),
            { "name": "nobody", "paths": ["/sign-in", "/me/sign-in"] },
            { "name": "the person", "letter": true, "paths": ["/me", "/me/contest"] },
        ],
    })
}

/// Pages that are there once something was stayed and something was made.
fn later_visits(demo: &Demonstration, states: &str) -> Value {
    json!({
        "base": demo.base,
        "states": states,
        "visits": [
            { "name": "Demo Privacy Officer", "link": demo.links["Demo Privacy Officer"], "paths": ["/stays", "/stays/1/lift"] },
            { "name": "Demo Notice Officer", "link": demo.links["Demo Notice Officer"], "paths": ["/errands", "/errands/last"] },
        ],
    })
}

/// What is no page: files, and ways to an issuer and back. `doors` looks at the last.
const NO_PAGES: [&str; 15] = [
    "/sign-in/once/{code}",
    "/sign-in/issuer",
    "/sign-in/issuer/back",
    "/me/sign-in/issuer",
    "/me/sign-in/issuer/back",
    "/assets/{digest}/{name}",
    "/health",
    "/metrics",
    "/openapi.json",
    "/cases/{id}/letter.pdf",
    "/cases/{id}/papers/{digest}",
    "/ledger/{index}/receipt",
    "/errands/{id}/file",
    "/me/receipts/{index}",
    "/account/first",
];

/// Returns the pages of the table of routes that nobody goes to.
fn left_out(visits: &[&Value]) -> BTreeSet<&'static str> {
    let mut pages: BTreeSet<&str> = ROUTES
        .iter()
        .filter(|route| route.method == "GET" && !route.path.starts_with("/api/"))
        .map(|route| route.path)
        .filter(|path| !NO_PAGES.contains(path))
        .collect();
    let all = visits.iter().flat_map(|told| told["visits"].as_array().unwrap());
    for path in all.flat_map(|visit| visit["paths"].as_array().unwrap()) {
        let path = path.as_str().unwrap().split('?').next().unwrap();
        let path = match path.strip_prefix("/stage/") {
            Some(rest) => {
                let (_, page) = rest.split_once('/').unwrap();
                format!("/cases/{{id}}/{page}").trim_end_matches('/').to_owned()
            }
            None => path
                .replace("/ledger/3", "/ledger/{index}")
                .replace("/stays/1/", "/stays/{number}/")
                .replace("/errands/last", "/errands/{id}"),
        };
        pages.remove(path.as_str());
    }
    pages
}

#[test]
fn every_page_is_for_everybody_fifty_leads_need_no_mouse_and_a_stay_stops_the_letters() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(&folder.path().join("demo"));
    let states = folder.path().join("states");
    std::fs::create_dir(&states).unwrap();
    let states = states.to_str().unwrap();

    let (first, later) = (visits(&demo, states), later_visits(&demo, states));
    assert_eq!(left_out(&[&first, &later]), BTreeSet::new(), "every page is gone to");
    let looked = play("pages", &first);
    assert!(looked["pages"].as_u64() > Some(45), "{looked}");
    println!("pages: {looked}");

    let links = |officers: &[(&str, &str)]| {
        let links: BTreeMap<_, _> =
            officers.iter().map(|(name, officer)| (*name, &demo.links[*officer])).collect();
        json!({ "base": demo.base, "states": states, "links": links })
    };
    let judged = play("leads", &links(&[("reviewer", "Demo Reviewer")]));
    assert_eq!(judged["judged"], 50, "{judged}");
    println!("leads: {judged}");

    let stayed = play(
        "stay",
        &links(&[("notices", "Demo Notice Officer"), ("privacy", "Demo Privacy Officer")]),
    );
    assert_eq!(stayed["stopped"], true, "the stay came while letters were gathered: {stayed}");
    println!("stay: {stayed}");

    let looked = play("pages", &later);
    assert_eq!(looked["pages"], 4, "{looked}");
}
