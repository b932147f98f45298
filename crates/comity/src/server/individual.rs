//! The person's door: who got a notice proves it by the code that the notice prints, and sees what was disclosed about
//! them, to whom, why and under which agreement (5 U.S.C. 552a(c)(3), (d); floor F10).
//!
//! The code counts once. Whoever comes in by it is shown another one for the next time, so that a letter that lies about
//! opens nothing any more. A wrong code tells nothing: not whether there is such a case, nor what was wrong.

use super::door;
use super::password;
use super::sign_in::{Counted, begin};
use super::visit::{Visit, Visitor, see_other};
use super::{App, Error};
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use casework::store::accounts::{AccountStore as _, Holder};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

/// What the sign-in page of the person's door shows.
#[derive(Clone, Debug, Default)]
pub struct LetterView {
    /// What was typed as the number.
    pub number: String,
    /// What was wrong with the last attempt.
    pub wrong: Option<String>,
}

/// What a person typed off their letter.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    number: String,
    #[serde(default)]
    code: String,
}

/// Asks for number and code of the letter.
pub(crate) async fn ask(State(app): State<App>, visit: Visit) -> Response {
    if matches!(visit.who, Visitor::Individual(_)) {
        return see_other("/me");
    }
    door::letter(&app, &visit, &LetterView::default())
}

/// Takes number and code of a letter.
pub(crate) async fn take(
    State(app): State<App>,
    visit: Visit,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let number: String = typed.number.trim().chars().take(64).collect();
    let attempt = Counted::begin(&app, "individual", &number, visit.address).await?;
    let now = app.now();
    let code = password::typed(&typed.code).unwrap_or_default();
    // Looked up whatever was typed, so that it takes as long.
    let hash = app.secret().digest("notice", &[&number, &code]);
    match app.accounts().take_code(&hash, now.as_second()).await? {
        Some((Holder::Individual(case), ends)) => {
            attempt.end(&app, "in").await?;
            let ends = Timestamp::from_second(ends).map_err(|error| Error::failed(&error))?;
            let next = app.door().notice_code(&case, ends, now).await?;
            let begun = begin(&app, &visit, Holder::Individual(case), "/me").await?;
            // The code is shown this once; a page that is asked for again has it no more.
            let mut response = door::next_code(&app, &visit, &next);
            let cookies = begun.headers().get_all(http::header::SET_COOKIE);
            for cookie in cookies {
                response.headers_mut().append(http::header::SET_COOKIE, cookie.clone());
            }
            Ok(response)
        }
        Some((Holder::Officer(_), _)) | None => {
            attempt.end(&app, "wrong").await?;
            let wrong = "The number or the code is not right. Each code counts once: if you were here before, use the one you were shown then.";
            let view = LetterView { number, wrong: Some(wrong.to_owned()) };
            let mut response = door::letter(&app, &visit, &view);
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}
