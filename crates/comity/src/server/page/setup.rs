//! The first run: what has to be there before a node can work, step by step, each with whether it is, and what to do if
//! not. The last step that a browser can do is to make the officers' accounts.

use super::account::{self, Came, add_form};
use super::part::{Form, Page, Part, Task, Tone};
use super::{Typed, number};
use crate::server::ask::ask;
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn, door};
use agreement::Act;
use axum::extract::State;
use axum::response::Response;
use casework::Store as _;
use casework::store::accounts::{AccountStore as _, Role};
use std::collections::BTreeMap;

/// How many officers a role needs: who reviewed does not verify alone, and who verified does not confirm (floor F5).
const NEEDED: [(Role, usize); 7] = [
    (Role::Operator, 1),
    (Role::Reviewer, 1),
    (Role::Verifier, 2),
    (Role::NoticeOfficer, 1),
    (Role::PrivacyOfficer, 1),
    (Role::BoardMember, 1),
    (Role::Auditor, 1),
];

/// `GET /setup`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    ask(&app, &officer, Act::ADMINISTER, |_| {}).await?;
    drawn(&app, &visit, add_form("/setup", &visit.csrf)).await
}

fn step(name: &str, is_done: bool, hint: impl Into<String>, href: Option<&str>) -> Task {
    Task {
        name: name.to_owned(),
        href: href.map(str::to_owned),
        hint: hint.into(),
        tone: if is_done { Tone::Good } else { Tone::Warn },
        state: if is_done { "done" } else { "to do" }.to_owned(),
    }
}

/// What is to be seen to before anybody works.
async fn of_the_agreement(app: &App) -> Result<Vec<Task>, Error> {
    let program = app.program();
    let filed = app.node().await.with_stays(&program.filed).await?;
    let standing = filed.standing(app.now()).unwrap_or_default();
    let term = &program.agreement().term;
    let today = app.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    Ok(vec![
        step(
            "The agreement is signed",
            standing.is_agreed(),
            if standing.is_agreed() {
                "By every party and board that it names.".to_owned()
            } else {
                "Not by everybody yet: comity sign signs, and signatures lie beside the agreement."
                    .to_owned()
            },
            Some("/agreements"),
        ),
        step(
            "The agreement is in force",
            today >= term.begins && today <= term.ends,
            format!(
                "From {} to {}.",
                super::agreement::shown(term.begins),
                super::agreement::shown(term.ends)
            ),
            Some("/agreements"),
        ),
    ])
}

/// What is to be seen to at the node itself.
async fn of_the_node(app: &App) -> Result<Vec<Task>, Error> {
    let mut tasks = Vec::new();
    let is_writable = app.is_ledger_writable().await;
    let places = crate::server::places(app.config());
    tasks.push(step(
        "The ledger can be written",
        is_writable,
        "What cannot be recorded is refused. Its public key goes to the auditor; keep its anchor on another disk.",
        None,
    ));
    tasks.push(step(
        "Keys are there",
        places.ledger_key().exists(),
        "Back up the folder work/keys apart from the databases: nobody can check that from here.",
        None,
    ));
    let is_open = app.config().listen.address.ip().is_loopback();
    tasks.push(step(
        "Browsers reach it encrypted",
        app.is_encrypted(),
        if app.is_encrypted() {
            "Certificates are set.".to_owned()
        } else if is_open {
            "It listens on this machine alone. For others: set [tls], or listen.public behind a proxy.".to_owned()
        } else {
            "Set [tls], or listen.public behind a proxy.".to_owned()
        },
        None,
    ));
    let others = app.program().agreement().parties.len().saturating_sub(1);
    let known = app.config().parties.len();
    tasks.push(step(
        "Other parties’ nodes are known",
        known >= others,
        format!(
            "{known} of {others}. Corrections are sent to them and taken from them. They stand under [parties.…], with a key that was compared over another channel."
        ),
        None,
    ));
    Ok(tasks)
}

/// Who is there, and what was done.
async fn of_the_people(app: &App) -> Result<Vec<Task>, Error> {
    let mut tasks = Vec::new();
    let runs = app.store().runs().await.map_err(crate::Error::from)?;
    let accounts = app.accounts().accounts(app.program_name()).await.map_err(crate::Error::from)?;
    let mut counts: BTreeMap<Role, usize> = BTreeMap::new();
    for (_, roles) in accounts.iter().filter(|(account, _)| !account.closed) {
        for role in roles {
            *counts.entry(*role).or_default() += 1;
        }
    }
    let missing: Vec<String> = NEEDED
        .iter()
        .filter_map(|(role, needed)| {
            let there = counts.get(role).copied().unwrap_or_default();
            (there < *needed).then(|| format!("{} ({there} of {needed})", account::said(*role)))
        })
        .collect();
    tasks.push(step(
        "Every role has somebody",
        missing.is_empty(),
        if missing.is_empty() {
            "Two verifiers at least: who found something does not confirm it.".to_owned()
        } else {
            format!("Missing: {}. Make accounts below.", missing.join(", "))
        },
        Some("/admin"),
    ));
    tasks.push(step(
        "The first run was made",
        !runs.is_empty(),
        match runs.first() {
            Some(run) => format!("{} of {}.", run.id, run.started_at),
            None => "comity run PROGRAM --cycle … --dry-run shows what it would do, without releasing anything.".to_owned(),
        },
        Some("/program"),
    ));
    Ok(tasks)
}

async fn drawn(app: &App, visit: &Visit, add: Form) -> Result<Response, Error> {
    let mut tasks = of_the_agreement(app).await?;
    tasks.extend(of_the_node(app).await?);
    tasks.extend(of_the_people(app).await?);
    let left = tasks.iter().filter(|task| task.tone == Tone::Warn).count();
    let page = Page::new(
        door::frame(app, visit, "Is the node ready?", "/admin")
            .below([super::frame::Link::new("/admin", "Administration")]),
        "What has to be there before officers can work, in the order in which it is done.",
    );
    let page = if left == 0 {
        page.part(Part::banner(
            Tone::Good,
            "The node is ready",
            "Everything below was looked at just now.",
        ))
    } else {
        let what = if left == 1 {
            "1 step is".to_owned()
        } else {
            format!("{} steps are", number::count(left as u64))
        };
        page.part(Part::banner(
            Tone::Warn,
            format!("{what} left"),
            "Do them in this order, then look at this page again.",
        ))
    };
    Ok(super::draw(
        &page.part(Part::Tasks(tasks)).part(Part::heading("Make an account")).part(Part::Form(add)),
    ))
}

/// `POST /setup`
pub(super) async fn act(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    match account::act(&app, &visit, &officer, &typed, "/setup").await? {
        Came::Answer(response) => Ok(response),
        Came::Again(form) => Ok(super::wrong(drawn(&app, &visit, form).await?)),
    }
}
