//! Administration: the node's officers and their roles under this agreement, as the operator sees and changes them. The
//! operator reads no case.

use super::Typed;
use super::account::{self, Came, add_form, close_form, roles_form};
use super::frame::Link;
use super::part::{Cell, Form, Page, Part, Table, Tone};
use crate::server::ask::ask;
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn, door};
use agreement::Act;
use axum::extract::State;
use axum::response::Response;
use casework::store::accounts::AccountStore as _;

/// `GET /admin`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    // To see accounts changes none, so the request names none.
    ask(&app, &officer, Act::ADMINISTER, |_| {}).await?;
    drawn(&app, &visit, add_form("/admin", &visit.csrf)).await
}

async fn drawn(app: &App, visit: &Visit, add: Form) -> Result<Response, Error> {
    let accounts = app.accounts().accounts(app.program_name()).await.map_err(crate::Error::from)?;
    let table = Table::new(
        "Accounts",
        &["Officer", "Name", "Roles under this agreement", "Signs in by", "State"],
    )
    .empty("No account yet. `comity account add` makes the first.")
    .with(accounts.iter().map(|(account, roles)| {
        let roles: Vec<_> = roles.iter().map(|role| account::said(*role)).collect();
        let by = match (&account.password, &account.issued) {
            (Some(_), _) => "password and code",
            (None, Some(_)) => "an issuer",
            (None, None) => "key or link",
        };
        let state = if account.closed {
            Cell::tag(Tone::Plain, "closed")
        } else {
            Cell::tag(Tone::Good, "open")
        };
        vec![
            Cell::code(account.officer.clone()),
            account.name.clone().into(),
            if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }.into(),
            by.into(),
            state,
        ]
    }));
    let me = visit.officer().map(|officer| officer.officer.to_string()).unwrap_or_default();
    let others: Vec<String> = accounts
        .iter()
        .filter(|(account, _)| !account.closed && account.officer != me)
        .map(|(account, _)| account.officer.clone())
        .collect();
    let opened = !add.errors().is_empty();
    let mut page = Page::new(
        door::frame(app, visit, "Administration", "/admin"),
        "Who works at this node, and as what. Roles are given per agreement; who operates the node reads no case.",
    )
    .part(Part::Table(table))
    .part(Part::Buttons(vec![Link::new("/setup", "Is the node ready?")]));
    // A form that came back with errors is not hidden.
    page = if opened {
        page.part(Part::heading("Make an account")).part(Part::Form(add))
    } else {
        page.part(Part::Details { title: "Make an account".into(), parts: vec![Part::Form(add)] })
    };
    if !others.is_empty() {
        page = page
            .part(Part::Details {
                title: "Change roles".into(),
                parts: vec![Part::Form(roles_form("/admin", &visit.csrf, &others))],
            })
            .part(Part::Details {
                title: "Close an account".into(),
                parts: vec![
                    Part::text(
                        "A closed account is not opened again; its id stays in the ledger’s past.",
                    ),
                    Part::Form(close_form("/admin", &visit.csrf, &others)),
                ],
            });
    }
    page = page.part(Part::Details {
        title: "Keys of other systems, and lost means to sign in".into(),
        parts: vec![
            Part::text("At the command line of the node, beside the server:"),
            Part::Code("comity account --help".into()),
        ],
    });
    Ok(super::draw(&page))
}

/// `POST /admin`
pub(super) async fn act(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    match account::act(&app, &visit, &officer, &typed, "/admin").await? {
        Came::Answer(response) => Ok(response),
        Came::Again(form) => Ok(super::wrong(drawn(&app, &visit, form).await?)),
    }
}
