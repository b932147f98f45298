//! The console's pages: what each shows and asks, as a list of parts in a frame. Steps 8 to 14 of the path, as officers
//! and individuals see them.
//!
//! A page is made of values and knows no socket. It hides what would be refused, and decides nothing: the gate does.
//! Every page works without the script.

mod act;
mod admin;
mod agreement;
pub(crate) mod asset;
mod case;
mod colour;
mod design;
mod difference;
pub(crate) mod frame;
mod ledger;
mod letter;
mod number;
mod office;
pub(crate) mod part;
mod program;
pub(crate) mod refused;
mod review;
mod stay;
mod typed;
mod work;

pub(crate) use case::letter_of;
pub(crate) use office::{Acted, Own, act};
pub(crate) use typed::Typed;

use super::{App, Error};
use askama::Template;
use axum::Router;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;

/// The routes of the pages; [`super::route`] says who may ask for each.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/agreements", get(agreement::show_all))
        .route("/ledger", get(ledger::browse))
        .route("/ledger/{index}", get(ledger::show))
        .route("/ledger/{index}/receipt", get(ledger::receipt))
        .route("/stays", get(stay::show).post(stay::record))
        .route("/stays/new", get(stay::ask_new))
        .route("/stays/{number}/lift", get(stay::ask_lift).post(stay::lift))
        .route("/design", get(design::show))
        .route("/program", get(program::show))
        .route("/admin", get(admin::show))
        .route("/", get(work::mine))
        .route("/cases", get(work::all))
        .route("/cases/{id}", get(case::show))
        .route("/cases/{id}/review", get(case::ask_review).post(case::review))
        .route("/cases/{id}/letter", get(case::show_letter))
        .route("/cases/{id}/letter.pdf", get(case::letter_pdf))
        .merge(steps())
}

/// The pages on which steps are taken: one handler, which knows its page by the address.
fn steps() -> Router<App> {
    act::Desk::ALL.into_iter().fold(Router::new(), |routes, desk| {
        let path = format!("/cases/{{id}}/{}", desk.path());
        routes.route(&path, get(case::ask_step).post(case::step))
    })
}

/// Spells a text so that it can stand in a path.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Draws a page.
fn draw(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Error::failed(&error).into_response(),
    }
}
