//! The first time: whoever made an account, or gave it new means, has seen them. So the officer chooses a password of
//! their own, puts another secret into the authenticator app, and gets other codes for when it is lost, before anything
//! else is open to them. Afterwards nobody else knows any of it.

use super::page::wrong;
use super::visit::{SignedIn, Visit, take_session};
use super::{App, Error, door, password};
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use casework::store::accounts::AccountStore as _;
use serde::Deserialize;

/// What an officer has to choose.
#[derive(Clone)]
pub(crate) struct FirstView {
    /// The address of the new secret, for the app.
    pub(crate) app: String,
    /// The secret as the form brings it back: sealed.
    pub(crate) sealed: String,
    /// What was wrong with the last attempt.
    pub(crate) wrong: Option<String>,
}

/// What an officer chose.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    sealed: String,
}

fn offered(app: &App, officer: &SignedIn) -> Result<FirstView, Error> {
    let (address, sealed) = app.door().offer(officer.officer.as_str())?;
    Ok(FirstView { app: address, sealed: BASE64_URL_SAFE_NO_PAD.encode(sealed), wrong: None })
}

/// Shows what has to be chosen.
pub(crate) async fn ask(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    if !officer.must_change {
        return Err(Error::NotFound);
    }
    Ok(door::first(&app, &visit, &offered(&app, &officer)?))
}

/// Takes what an officer chose.
pub(crate) async fn take(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Error> {
    if !officer.must_change {
        return Err(Error::NotFound);
    }
    let id = officer.officer.as_str();
    let again = |view: FirstView, why: &str| {
        let view = FirstView { wrong: Some(why.to_owned()), ..view };
        Ok(wrong(door::first(&app, &visit, &view)))
    };
    // What the form brings back is a secret that was offered to this officer, or another one is offered.
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(&chosen.sealed).unwrap_or_default();
    let Ok(secret) = app.secret().unseal(id, &sealed) else {
        return again(offered(&app, &officer)?, "This page was too old: begin again.");
    };
    let account = app.accounts().account(id).await?.ok_or(Error::NotFound)?;
    let given = account.code_secret.map(|sealed| app.secret().unseal(id, &sealed)).transpose()?;
    if given.as_ref() == Some(&secret) {
        return again(offered(&app, &officer)?, "This page was too old: begin again.");
    }
    let kept = FirstView {
        app: password::code_address(&secret, id).unwrap_or_default(),
        sealed: chosen.sealed,
        wrong: None,
    };
    if password::step_of(&chosen.code, &secret, app.now()).is_none() {
        return again(kept, "The code is not the one that the app shows for the new secret.");
    }
    let room = app.hashing().await?;
    let (new, known) = (chosen.new_password.clone(), account.password.unwrap_or_default());
    let is_given = tokio::task::spawn_blocking(move || password::is_right(&new, &known)).await;
    if is_given.map_err(|error| Error::failed(&error))? {
        return again(kept, "That is the password you were given: choose one of your own.");
    }
    let chosen = app.door().choose(id, &chosen.new_password, &sealed).await;
    drop(room);
    match chosen {
        Ok(recovery) => {
            let mut response = door::chosen(&app, &visit, &recovery);
            take_session(&mut response);
            Ok(response)
        }
        Err(error @ crate::Error::WeakPassword { .. }) => again(kept, &error.to_string()),
        Err(error) => Err(error.into()),
    }
}
