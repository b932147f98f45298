//! Signing in and out: a name, a password and a code of an authenticator app, or a code that is used once.
//!
//! Whatever is wrong, the answer is the same and takes as long: nobody learns which names there are. What is tried in
//! vain is counted for the name (kept, so that a restart forgets nothing) and for the address. Each code counts once.
//! There is no account that nobody made: the first is made at the command line (`comity account add`).
//!
//! Two factors: [NIST SP 800-63B-4](https://pages.nist.gov/800-63-4/sp800-63b.html), AAL2. Replay: RFC 6238 §5.2.

use super::door;
use super::page::wrong;
use super::password;
use super::secret::Carried;
use super::visit::{SignedIn, Visit, Visitor, done, give_session, see_other, take_session};
use super::{App, Error};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use casework::store::accounts::{Account, AccountStore as _, Attempt, Holder, Session};
use serde::Deserialize;
use std::net::IpAddr;

/// Over how long what was tried in vain is counted, in seconds.
const COUNTED: i64 = 15 * 60;

/// What the sign-in page shows.
#[derive(Clone, Debug, Default)]
pub struct SignInView {
    /// Where one was going.
    pub next: String,
    /// What was typed as the name.
    pub officer: String,
    /// What was wrong with the last attempt.
    pub wrong: Option<String>,
}

/// What an officer typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    officer: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct Going {
    #[serde(default)]
    next: String,
}

/// Shows the sign-in page.
pub(crate) async fn ask(
    State(app): State<App>,
    visit: Visit,
    Query(going): Query<Going>,
) -> Response {
    if visit.officer().is_some() {
        return see_other("/");
    }
    let view = SignInView { next: local(&going.next), ..SignInView::default() };
    door::sign_in(&app, &visit, &view)
}

/// Takes what an officer typed.
pub(crate) async fn take(
    State(app): State<App>,
    visit: Visit,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let going = local(&typed.next);
    match try_in(&app, visit.address, &typed).await? {
        Tried::In(account) => begin(&app, &visit, Holder::Officer(account.officer), &going).await,
        Tried::Wrong => {
            let view = SignInView {
                next: going,
                officer: typed.officer.chars().take(64).collect(),
                wrong: Some("The name, the password or the code is not right. A code counts once: wait for the next one.".to_owned()),
            };
            Ok(wrong(door::sign_in(&app, &visit, &view)))
        }
    }
}

enum Tried {
    In(Box<Account>),
    Wrong,
}

async fn try_in(app: &App, address: IpAddr, typed: &Typed) -> Result<Tried, Error> {
    let name = typed.officer.trim().to_lowercase();
    let attempt = Counted::begin(app, "officer", &name, address).await?;
    // Two at a time: each takes 19 MiB for a moment. Counted again once it is our turn, so that many at once are no way
    // around the count.
    let room = app.hashing().await?;
    attempt.is_let(app).await?;
    let account = app.accounts().account(&name).await?.filter(|account| !account.closed);
    let hashed = account.as_ref().and_then(|account| account.password.clone());
    let hashed = hashed.unwrap_or_else(|| app.nobodys_password().to_owned());
    let password = typed.password.clone();
    let right = tokio::task::spawn_blocking(move || password::is_right(&password, &hashed)).await;
    drop(room);
    let right = right.map_err(|error| Error::failed(&error))?;
    let outcome = match &account {
        Some(account) if right && account.password.is_some() => {
            second(app, account, &typed.code).await?
        }
        _ => "wrong",
    };
    attempt.end(app, outcome).await?;
    Ok(match (account, outcome) {
        (Some(account), "in") => Tried::In(Box::new(account)),
        _ => Tried::Wrong,
    })
}

/// Takes the code beside the password: of the app, or one of those for when the app is lost.
async fn second(app: &App, account: &Account, code: &str) -> Result<&'static str, Error> {
    let officer = account.officer.as_str();
    if let Some(code) = password::typed(code) {
        let hash = app.secret().digest("recovery", &[officer, &code]);
        let taken =
            app.accounts().take_recovery_code(officer, &hash, app.now().as_second()).await?;
        return Ok(if taken { "in" } else { "wrong" });
    }
    let Some(sealed) = &account.code_secret else { return Ok("wrong") };
    let secret = app.secret().unseal(officer, sealed)?;
    match password::step_of(code, &secret, app.now()) {
        None => Ok("wrong"),
        Some(step) if app.accounts().take_step(officer, step).await? => Ok("in"),
        Some(_) => Ok("replayed"),
    }
}

/// An attempt to come in that is counted, for a name and an address, whoever makes it.
pub(crate) struct Counted {
    kind: &'static str,
    holder: [u8; 32],
    address: [u8; 32],
}

impl Counted {
    /// Begins one, if name and address may try.
    pub(crate) async fn begin(
        app: &App,
        kind: &'static str,
        name: &str,
        address: IpAddr,
    ) -> Result<Counted, Error> {
        app.may_try_to_sign_in(address)?;
        let holder = app.secret().digest("attempt", &[kind, name]);
        let address = app.secret().digest("address", &[&address.to_string()]);
        let counted = Counted { kind, holder, address };
        counted.is_let(app).await?;
        Ok(counted)
    }

    /// Requires that not too much was tried in vain for the name.
    pub(crate) async fn is_let(&self, app: &App) -> Result<(), Error> {
        let since = app.now().as_second() - COUNTED;
        let wrong = app.accounts().failures(self.kind, &self.holder, since).await?;
        if wrong < app.config().limits.wrong_sign_ins {
            return Ok(());
        }
        app.metrics().signed_in("waiting");
        Err(Error::TooMany { seconds: u64::try_from(COUNTED).unwrap_or(900) })
    }

    /// Notes what came of it.
    pub(crate) async fn end(self, app: &App, outcome: &'static str) -> Result<(), Error> {
        app.metrics().signed_in(outcome);
        let Counted { kind, holder, address } = self;
        let at = app.now().as_second();
        app.accounts().note_attempt(&Attempt { kind, holder, address, at, outcome }).await?;
        Ok(())
    }
}

/// Begins a session under a new secret, and ends the one that was there.
pub(crate) async fn begin(
    app: &App,
    visit: &Visit,
    holder: Holder,
    going: &str,
) -> Result<Response, Error> {
    if let Some(old) = &visit.session {
        app.accounts().end_session(&old.hash()).await?;
    }
    let secret = Carried::new()?;
    let now = app.now().as_second();
    let session = Session { hash: secret.hash(), holder, begun_at: now, seen_at: now };
    app.accounts().begin_session(&session).await?;
    let mut response = see_other(if going.is_empty() { "/" } else { going });
    give_session(&mut response, &secret);
    Ok(response)
}

/// Shows the button of a link that signs in once: a link that is only looked at, by a mail program or a preview, is not
/// used up.
pub(crate) async fn ask_once(
    State(app): State<App>,
    visit: Visit,
    Path(code): Path<String>,
) -> Result<Response, Error> {
    if !app.is_demonstration() {
        return Err(Error::NotFound);
    }
    password::typed(&code).ok_or(Error::NotFound)?;
    Ok(door::once(&app, &visit, &format!("/sign-in/once/{code}")))
}

/// Signs in by a link that is used once. Only where all is made up.
pub(crate) async fn take_once(
    State(app): State<App>,
    visit: Visit,
    Path(code): Path<String>,
) -> Result<Response, Error> {
    if !app.is_demonstration() {
        return Err(Error::NotFound);
    }
    let attempt = Counted::begin(&app, "officer", "a link", visit.address).await?;
    let code = password::typed(&code).ok_or(Error::NotFound)?;
    let hash = app.secret().digest("once", &[&code]);
    match app.accounts().take_code(&hash, app.now().as_second()).await? {
        Some((holder @ Holder::Officer(_), _)) => {
            attempt.end(&app, "in").await?;
            begin(&app, &visit, holder, "/").await
        }
        Some((Holder::Individual(_), _)) | None => {
            attempt.end(&app, "wrong").await?;
            Err(Error::NotFound)
        }
    }
}

/// Signs out.
pub(crate) async fn out(State(app): State<App>, visit: Visit) -> Result<Response, Error> {
    if let Some(secret) = &visit.session {
        app.accounts().end_session(&secret.hash()).await?;
    }
    let door = match visit.who {
        Visitor::Individual(_) => "/me/sign-in",
        Visitor::Officer(_) | Visitor::Nobody => "/sign-in",
    };
    let mut response = done(door, "You are signed out.");
    take_session(&mut response);
    Ok(response)
}

/// Signs out everywhere.
pub(crate) async fn out_everywhere(
    State(app): State<App>,
    officer: SignedIn,
) -> Result<Response, Error> {
    let holder = Holder::Officer(officer.officer.to_string());
    app.accounts().end_sessions(&holder).await?;
    let mut response = done("/sign-in", "You are signed out everywhere.");
    take_session(&mut response);
    Ok(response)
}

/// What the page of one's own account shows.
#[derive(Clone, Debug, Default)]
pub struct AccountView {
    /// What was wrong with the last attempt to change it.
    pub wrong: Option<String>,
}

/// Shows the officer's own account.
pub(crate) async fn account(State(app): State<App>, visit: Visit) -> Response {
    door::account(&app, &visit, &AccountView::default())
}

#[derive(Deserialize)]
pub(crate) struct Changed {
    #[serde(default)]
    password: String,
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    code: String,
}

/// Changes the officer's password. All sessions end: whoever else was in is out.
pub(crate) async fn change_password(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Form(changed): Form<Changed>,
) -> Result<Response, Error> {
    let again = |why: String| {
        let view = AccountView { wrong: Some(why) };
        Ok(wrong(door::account(&app, &visit, &view)))
    };
    let typed = Typed {
        officer: officer.officer.to_string(),
        password: changed.password,
        code: changed.code,
        next: String::new(),
    };
    let Tried::In(account) = try_in(&app, visit.address, &typed).await? else {
        return again(
            "The password or the code is not right. A code counts once: wait for the next one."
                .to_owned(),
        );
    };
    let room = app.hashing().await?;
    let new = changed.new_password;
    let hashed = tokio::task::spawn_blocking(move || password::hash(&new)).await;
    drop(room);
    match hashed.map_err(|error| Error::failed(&error))? {
        Ok(hashed) => {
            let code_secret = account.code_secret.as_deref();
            app.accounts().set_means(&account.officer, Some(&hashed), code_secret).await?;
            let mut response =
                done("/sign-in", "The password is changed. Sign in with the new one.");
            take_session(&mut response);
            Ok(response)
        }
        Err(error @ crate::Error::WeakPassword { .. }) => again(error.to_string()),
        Err(error) => Err(error.into()),
    }
}

/// Takes an address of our own to go on to; anything else leads home.
pub(crate) fn local(next: &str) -> String {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(char::is_control)
        && next.len() <= 512;
    if is_ours { next.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn one_is_sent_on_within_this_server_only() {
        for (next, to) in [
            ("/cases/2027Q1-0001", "/cases/2027Q1-0001"),
            ("/", "/"),
            ("", ""),
            ("//elsewhere.example", ""),
            ("https://elsewhere.example", ""),
            ("/\\elsewhere.example", ""),
            ("/a\r\nSet-Cookie: b=c", ""),
        ] {
            assert_eq!(local(next), to, "{next:?}");
        }
    }
}
