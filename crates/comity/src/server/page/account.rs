//! Making and changing officers' accounts, from the pages of the operator: what is asked, and what comes of it.
//!
//! The gate is asked with the roles that the account has after the change: nobody changes their own, and whoever sits on
//! the board or audits has no part in cases (floor F5). The decision is in the ledger before anything is changed.

use super::part::{Cell, Choice, Field, Form, Page, Part, Tone, Wrong};
use super::{Typed, frame::Link};
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, Means, SignedIn, door, password};
use agreement::{Account, Act, OfficerId};
use axum::response::Response;
use casework::store::accounts::{AccountStore as _, Role};
use std::collections::BTreeSet;

/// Says a role in words.
pub(super) fn said(role: Role) -> String {
    super::review::words(role.as_str())
}

fn roles_field() -> Field {
    let choices = Role::ALL.iter().map(|role| Choice::new(role.as_str(), said(*role))).collect();
    Field::several("roles", "Roles under this agreement", choices).hint(
        "Board members and auditors have no part in cases: the gate refuses both in one account",
    )
}

/// The form that makes an account.
pub(super) fn add_form(page: &str, csrf: &str) -> Form {
    Form::new(page, csrf, "Make the account")
        .field(Field::hidden("step", "add"))
        .field(
            Field::short("officer", "Id")
                .hint("Small letters, digits and hyphens, such as officer-7"),
        )
        .field(Field::line("name", "Name"))
        .field(roles_field())
}

/// The form that changes the roles of an account.
pub(super) fn roles_form(page: &str, csrf: &str, officers: &[String]) -> Form {
    let choices = officers.iter().map(|one| Choice::new(one, one)).collect();
    Form::new(page, csrf, "Change the roles")
        .field(Field::hidden("step", "roles"))
        .field(Field::select("whose", "Account", choices))
        .field(roles_field().hint(
            "Those chosen are all that the account has afterwards. Sessions of the account end",
        ))
}

/// The form that closes an account.
pub(super) fn close_form(page: &str, csrf: &str, officers: &[String]) -> Form {
    let choices = officers.iter().map(|one| Choice::new(one, one)).collect();
    Form::new(page, csrf, "Close the account")
        .field(Field::hidden("step", "close"))
        .field(Field::select("whose", "Account", choices))
        .grave()
}

/// What came of a form.
pub(super) enum Came {
    /// What to answer.
    Answer(Response),
    /// The form that makes an account, with what is wrong with what was typed.
    Again(Form),
}

/// Does what a form asks.
pub(super) async fn act(
    app: &App,
    visit: &Visit,
    officer: &SignedIn,
    typed: &Typed,
    page: &str,
) -> Result<Came, Error> {
    let roles: BTreeSet<Role> = typed.all("roles").filter_map(Role::named).collect();
    match typed.one("step") {
        "add" => Ok(match add(app, visit, officer, typed, roles).await? {
            Ok(response) => Came::Answer(response),
            Err(wrong) => Came::Again(add_form(page, &visit.csrf).again(typed, &wrong)),
        }),
        "roles" => {
            let whose = existing(app, typed.one("whose")).await?;
            may(app, officer, &whose, &roles).await?;
            app.door().set_roles(whose.as_str(), &roles).await?;
            Ok(Came::Answer(done(
                page,
                &format!("{whose} has other roles now; their sessions have ended."),
            )))
        }
        "close" => {
            let whose = existing(app, typed.one("whose")).await?;
            may(app, officer, &whose, &BTreeSet::new()).await?;
            app.accounts().close_account(whose.as_str(), app.now().as_second()).await?;
            Ok(Came::Answer(done(
                page,
                &format!("{whose} is closed; sessions and keys have ended."),
            )))
        }
        _ => Err(Error::malformed("step", "it is add, roles or close")),
    }
}

/// Asks the gate for leave to give an account these roles, and waits until the ledger holds that it said yes.
async fn may(
    app: &App,
    officer: &SignedIn,
    whose: &OfficerId,
    roles: &BTreeSet<Role>,
) -> Result<(), Error> {
    let account = Account { officer: whose.clone(), roles: roles.clone() };
    app.is_ledger_writable().await;
    let asked = app
        .desk()
        .permit(
            &officer.at_desk(),
            Act::ADMINISTER,
            |request| request.account = Some(account),
            Vec::new(),
        )
        .await?;
    let ((), lines) = app.shown(asked)?;
    app.until_recorded(&lines).await
}

async fn existing(app: &App, typed: &str) -> Result<OfficerId, Error> {
    let id = OfficerId::new(typed).map_err(|_| Error::NotFound)?;
    let account = app.accounts().account(id.as_str()).await?.filter(|account| !account.closed);
    account.map(|_| id).ok_or(Error::NotFound)
}

async fn add(
    app: &App,
    visit: &Visit,
    officer: &SignedIn,
    typed: &Typed,
    roles: BTreeSet<Role>,
) -> Result<Result<Response, Vec<Wrong>>, Error> {
    let mut wrong = Vec::new();
    let id = OfficerId::new(typed.one("officer"));
    if id.is_err() {
        wrong.push(Wrong::new("officer", "Enter an id of small letters, digits and hyphens"));
    }
    let name = typed.one("name");
    if name.is_empty() || name.chars().count() > 100 {
        wrong.push(Wrong::new("name", "Enter a name of 100 letters or fewer"));
    }
    if roles.is_empty() {
        wrong.push(Wrong::new("roles", "Choose at least one role"));
    }
    let Ok(id) = id else { return Ok(Err(wrong)) };
    if app.accounts().account(id.as_str()).await?.is_some() {
        wrong.push(Wrong::new("officer", "There is an account with this id"));
    }
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    may(app, officer, &id, &roles).await?;
    // A password to begin with: the officer has to choose another, and then the operator does not know it any more.
    let password = format!("{}-{}", password::once()?, password::once()?);
    let hashing = app.hashing().await?;
    let made = app.door().add(id.as_str(), name, Some(&password), None, &roles, app.now()).await?;
    drop(hashing);
    let means = made.ok_or(Error::Failed { why: "an account without means".to_owned() })?;
    Ok(Ok(super::draw(&shown(app, visit, &id, &password, &means))))
}

/// Shows what the new officer signs in by, this once.
fn shown(app: &App, visit: &Visit, id: &OfficerId, password: &str, means: &Means) -> Page {
    let frame = door::frame(app, visit, format!("The account {id}"), "/admin")
        .below([Link::new("/admin", "Administration")]);
    Page::new(frame, "Hand this over in person. It is shown this once and kept nowhere.")
        .part(Part::banner(
            Tone::Warn,
            "The officer chooses other means first",
            "After signing in with these, nothing else is open to them until they have. Then nobody but them knows what lets them in.",
        ))
        .part(Part::Summary(vec![
            ("Id".into(), Cell::code(id.as_str())),
            ("Password to begin with".into(), Cell::code(password)),
        ]))
        .part(Part::heading("For an authenticator app"))
        .part(Part::Code(means.app.clone()))
        .part(Part::heading("Codes for when the app is lost"))
        .part(Part::text("Each counts once."))
        .part(Part::Code(means.recovery.join("\n")))
        .part(Part::Buttons(vec![Link::new("/admin", "Back to administration")]))
}
