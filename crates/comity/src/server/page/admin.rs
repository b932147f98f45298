//! Administration: the node's officers and their roles under this agreement, as the operator sees them. The operator reads
//! no case. Accounts are made and changed at the command line (`comity account`), beside the server.

use super::part::{Cell, Page, Part, Table, Tone};
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
    let accounts = app.accounts().accounts(app.program_name()).await.map_err(crate::Error::from)?;
    let table = Table::new(
        "Accounts",
        &["Officer", "Name", "Roles under this agreement", "Signs in by", "State"],
    )
    .empty("No account yet. `comity account add` makes the first.")
    .with(accounts.iter().map(|(account, roles)| {
        let roles: Vec<_> = roles.iter().map(|role| role.as_str().replace('_', " ")).collect();
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
    let page = Page::new(
        door::frame(&app, &visit, "Administration", "/admin"),
        "Who works at this node, and as what. Roles are given per agreement; who operates the node reads no case.",
    )
    .part(Part::Table(table))
    .part(Part::Details {
        title: "Make or change an account".into(),
        parts: vec![
            Part::text("At the command line of the node, so that no account can be made by whoever finds a browser open:"),
            Part::Code("comity account --help".into()),
        ],
    });
    Ok(super::draw(&page))
}
