//! The person's door: who got a notice proves it by the code that the notice prints, and sees what was disclosed about
//! them, to whom, why and under which agreement (5 U.S.C. 552a(c)(3), (d); floor F10).
//!
//! The code counts once. Whoever comes in by it is shown another one for the next time, so that a letter that lies about
//! opens nothing any more. A wrong code tells nothing: not whether there is such a case, nor what was wrong.

pub(crate) mod answer;
mod view;

pub use answer::AnswerView;
pub use view::{CorrectedView, DisclosedView, MeView, StepView};

use super::door;
use super::page::wrong;
use super::password;
use super::sign_in::{Counted, begin};
use super::visit::{AtTheDoor, Visit, Visitor, see_other};
use super::{App, Error};
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use casework::store::accounts::{AccountStore as _, Holder};
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
            let why = "The number or the code is not right. Each code counts once: if you were here before, use the one you were shown then.";
            let view = LetterView { number, wrong: Some(why.to_owned()) };
            Ok(wrong(door::letter(&app, &visit, &view)))
        }
    }
}

/// Shows the individual what there is about them: as a page, or as JSON to whoever asks for that.
pub(crate) async fn show(
    State(app): State<App>,
    visit: Visit,
    door: AtTheDoor,
    headers: http::HeaderMap,
) -> Result<Response, Error> {
    let view = view::gather(&app, &door).await?;
    let accept = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.starts_with("application/json")) {
        return Ok(axum::Json(view).into_response());
    }
    Ok(door::me(&app, &visit, &view))
}

/// Gives the individual the receipt of a disclosure about them.
pub(crate) async fn receipt(
    State(app): State<App>,
    door: AtTheDoor,
    Path(index): Path<String>,
) -> Result<Response, Error> {
    let index = index.parse().map_err(|_| Error::NotFound)?;
    let text = view::receipt(&app, &door, index).await?;
    let name = format!("attachment; filename=\"entry-{index}.tlog-proof\"");
    let headers = [
        (http::header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (http::header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}
