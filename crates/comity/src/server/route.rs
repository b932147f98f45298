//! Who may ask for what: every route of the server, with the roles that it is for.
//!
//! It is the outer door only. The gate decides each act again by the same roles and by more (who reviewed does not
//! confirm alone, a notice has its period); what is refused there stays refused whatever stands here. A route that is
//! missing here does not exist, so that a page cannot be forgotten.

use casework::store::accounts::Role;
use casework::store::accounts::Role::{
    Auditor, BoardMember, NoticeOfficer, Operator, PrivacyOfficer, Reviewer, Verifier,
};

/// Who may ask for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody: nothing personal is behind it, or the request proves by itself who sent it.
    Anybody,
    /// Whoever is signed in, officer or individual.
    SignedIn,
    /// Every officer who is signed in.
    Officers,
    /// Officers with one of these roles.
    Roles(&'static [Role]),
    /// The individual whom a case concerns.
    Individual,
    /// Another system, by a key of an account with one of these roles.
    Systems(&'static [Role]),
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method; `GET` covers `HEAD`.
    pub method: &'static str,
    /// The path, as the router has it.
    pub path: &'static str,
    /// Who may ask for it.
    pub who: Who,
}

const fn get(path: &'static str, who: Who) -> Route {
    Route { method: "GET", path, who }
}

const fn post(path: &'static str, who: Who) -> Route {
    Route { method: "POST", path, who }
}

/// Who works on cases, and so reads them.
const CASES: Who = Who::Roles(&[Reviewer, Verifier, NoticeOfficer, PrivacyOfficer]);
const REVIEW: Who = Who::Roles(&[Reviewer]);
const VERIFY: Who = Who::Roles(&[Verifier]);
const NOTICE: Who = Who::Roles(&[NoticeOfficer]);
const CONTEST: Who = Who::Roles(&[NoticeOfficer, PrivacyOfficer]);
const PAPERS: Who = Who::Roles(&[Verifier, NoticeOfficer, PrivacyOfficer]);
const HEAR: Who = Who::Roles(&[Verifier, PrivacyOfficer]);
const PRIVACY: Who = Who::Roles(&[PrivacyOfficer]);
const STAYS: Who = Who::Roles(&[PrivacyOfficer, BoardMember, Auditor]);
const BOARD: Who = Who::Roles(&[BoardMember, Auditor]);
const LEDGER: Who = Who::Roles(&[Auditor]);
const OPERATE: Who = Who::Roles(&[Operator]);
const OUT_AND_IN: Who = Who::Roles(&[NoticeOfficer, Operator]);
const ERRANDS: Who = Who::Roles(&[Verifier, NoticeOfficer, Operator, BoardMember, Auditor]);

/// Every route.
pub const ROUTES: &[Route] = &[
    // The door.
    get("/", Who::Officers),
    get("/sign-in", Who::Anybody),
    post("/sign-in", Who::Anybody),
    get("/sign-in/once/{code}", Who::Anybody),
    post("/sign-in/once/{code}", Who::Anybody),
    get("/sign-in/issuer", Who::Anybody),
    get("/sign-in/issuer/back", Who::Anybody),
    post("/sign-out", Who::SignedIn),
    post("/sign-out/everywhere", Who::Officers),
    get("/account", Who::Officers),
    post("/account/password", Who::Officers),
    get("/account/first", Who::Officers),
    post("/account/first", Who::Officers),
    get("/assets/{digest}/{name}", Who::Anybody),
    get("/health", Who::Anybody),
    get("/metrics", Who::Systems(&[Operator])),
    get("/openapi.json", Who::Anybody),
    // Cases.
    get("/cases", CASES),
    get("/cases/{id}", CASES),
    get("/cases/{id}/review", REVIEW),
    post("/cases/{id}/review", REVIEW),
    get("/cases/{id}/verification", VERIFY),
    post("/cases/{id}/verification", VERIFY),
    get("/cases/{id}/notice", NOTICE),
    post("/cases/{id}/notice", NOTICE),
    get("/cases/{id}/letter", CASES),
    post("/cases/{id}/letter", NOTICE),
    get("/cases/{id}/letter.pdf", CASES),
    get("/cases/{id}/contest", CONTEST),
    post("/cases/{id}/contest", CONTEST),
    get("/cases/{id}/papers/{digest}", PAPERS),
    get("/cases/{id}/hearing", HEAR),
    post("/cases/{id}/hearing", HEAR),
    get("/cases/{id}/decision", HEAR),
    post("/cases/{id}/decision", HEAR),
    get("/cases/{id}/action", VERIFY),
    post("/cases/{id}/action", VERIFY),
    get("/cases/{id}/correction", HEAR),
    post("/cases/{id}/correction", HEAR),
    get("/cases/{id}/close", CASES),
    post("/cases/{id}/close", CASES),
    // What other parties dispute of this one's records.
    get("/disputes", HEAR),
    post("/disputes", HEAR),
    // The program.
    get("/agreements", Who::Officers),
    get("/design", Who::Officers),
    get("/program", Who::Officers),
    post("/program/run", OPERATE),
    get("/stays", STAYS),
    get("/stays/new", PRIVACY),
    get("/stays/{number}/lift", PRIVACY),
    post("/stays", PRIVACY),
    post("/stays/{number}/lift", PRIVACY),
    get("/board", BOARD),
    post("/board", BOARD),
    get("/ledger", LEDGER),
    get("/ledger/{index}", LEDGER),
    get("/ledger/{index}/receipt", LEDGER),
    get("/admin", OPERATE),
    post("/admin", OPERATE),
    get("/setup", OPERATE),
    post("/setup", OPERATE),
    // Persons who are named one by one.
    get("/look-ups", VERIFY),
    post("/look-ups", VERIFY),
    // Who may not is refused by the gate, which records it.
    post("/look-ups/{id}/give-up", Who::Officers),
    // Those who live in another system.
    get("/work-lists", OUT_AND_IN),
    post("/work-lists", OUT_AND_IN),
    get("/results", OUT_AND_IN),
    post("/results", OUT_AND_IN),
    // Letters are about persons: who operates the node takes none out.
    get("/print-files", NOTICE),
    post("/print-files", NOTICE),
    get("/returned-mail", NOTICE),
    post("/returned-mail", NOTICE),
    // What takes longer than a page; each officer sees their own.
    get("/errands", ERRANDS),
    get("/errands/{id}", ERRANDS),
    post("/errands/{id}/cancel", ERRANDS),
    get("/errands/{id}/file", ERRANDS),
    // The person's door.
    get("/me/sign-in", Who::Anybody),
    post("/me/sign-in", Who::Anybody),
    get("/me/sign-in/issuer", Who::Anybody),
    get("/me/sign-in/issuer/back", Who::Anybody),
    post("/me/issuer", Who::Individual),
    get("/me", Who::Individual),
    get("/me/contest", Who::Individual),
    post("/me/contest", Who::Individual),
    get("/me/receipts/{index}", Who::Individual),
    // The interface for programs.
    get("/api/v1/program", Who::Systems(&Role::ALL)),
    get("/api/v1/stays", Who::Systems(&[PrivacyOfficer, BoardMember, Auditor])),
    post("/api/v1/stays", Who::Systems(&[PrivacyOfficer])),
    post("/api/v1/stays/{number}/lift", Who::Systems(&[PrivacyOfficer])),
    get("/api/v1/ledger", Who::Systems(&[Auditor])),
    get("/api/v1/ledger/{index}", Who::Systems(&[Auditor])),
    get("/api/v1/ledger/{index}/receipt", Who::Systems(&[Auditor])),
    get("/api/v1/work-lists", Who::Systems(&[NoticeOfficer, Operator])),
    get("/api/v1/cases/{id}", Who::Systems(&[Reviewer, Verifier, NoticeOfficer, PrivacyOfficer])),
    post(
        "/api/v1/cases/{id}/steps",
        Who::Systems(&[Reviewer, Verifier, NoticeOfficer, PrivacyOfficer]),
    ),
    post("/api/v1/results", Who::Systems(&[NoticeOfficer, Operator])),
    // Another party's node: what it sends is signed, and that is what counts.
    post("/api/v1/corrections", Who::Anybody),
    get("/api/v1/corrections", Who::Systems(&[PrivacyOfficer])),
    post("/api/v1/disputes", Who::Anybody),
    post("/api/v1/disputes/answers", Who::Anybody),
    get("/api/v1/disputes", Who::Systems(&[Verifier, PrivacyOfficer])),
];

/// What is open to an officer who has to choose other means first.
pub(crate) const BEFORE_CHANGE: [&str; 4] =
    ["/account/first", "/sign-out", "/sign-out/everywhere", "/assets/{digest}/{name}"];

/// Finds a route by the method asked for and its path, as the table has it.
pub(crate) fn find(method: &http::Method, path: &str) -> Option<&'static Route> {
    let asked = if method == http::Method::HEAD { "GET" } else { method.as_str() };
    ROUTES.iter().find(|route| route.method == asked && route.path == path)
}

/// Returns the table's path for an address: who may ask is settled before it is looked whether there is such a thing. A
/// path without placeholders comes first, as in the router.
pub(crate) fn path_of(address: &str) -> Option<&'static str> {
    let fits = |path: &str| {
        let (mut asked, mut wanted) = (address.split('/'), path.split('/'));
        loop {
            match (asked.next(), wanted.next()) {
                (None, None) => return true,
                (Some(part), Some(place)) if place.starts_with('{') && !part.is_empty() => {}
                (Some(part), Some(place)) if part == place => {}
                _ => return false,
            }
        }
    };
    let paths = || ROUTES.iter().map(|route| route.path);
    paths().find(|path| *path == address).or_else(|| paths().find(|path| fits(path)))
}

/// Returns the methods that a path has, for the `Allow` header; none if there is no such path.
pub(crate) fn methods(path: &str) -> Vec<&'static str> {
    ROUTES.iter().filter(|route| route.path == path).map(|route| route.method).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_stands_in_the_table_once() {
        for (number, route) in ROUTES.iter().enumerate() {
            let again = ROUTES.iter().skip(number + 1);
            let mut again =
                again.filter(|other| other.method == route.method && other.path == route.path);
            assert!(again.next().is_none(), "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn an_address_is_of_the_path_that_it_fits_whole() {
        for (address, path) in [
            ("/", Some("/")),
            ("/cases", Some("/cases")),
            ("/cases/2027Q1-0001", Some("/cases/{id}")),
            ("/cases/2027Q1-0001/review", Some("/cases/{id}/review")),
            ("/stays/new", Some("/stays/new")),
            ("/cases/", None),
            ("/cases//review", None),
            ("/cases/1/review/2", None),
            ("//", None),
            ("", None),
            ("/Cases", None),
        ] {
            assert_eq!(path_of(address), path, "{address}");
        }
    }

    #[test]
    fn the_operator_reads_no_case_and_the_auditor_no_element() {
        for route in ROUTES.iter().filter(|route| route.path.contains("/cases")) {
            for role in [Operator, Auditor, BoardMember] {
                let may = match route.who {
                    Who::Anybody | Who::SignedIn | Who::Officers => true,
                    Who::Roles(roles) | Who::Systems(roles) => roles.contains(&role),
                    Who::Individual => false,
                };
                assert!(!may, "{role:?} {} {}", route.method, route.path);
            }
        }
    }
}
