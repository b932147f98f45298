//! The console's pages: what each shows and asks, as a list of parts in a frame. Steps 8 to 14 of the path, as officers
//! and individuals see them.
//!
//! A page is made of values and knows no socket. It hides what would be refused, and decides nothing: the gate does.
//! Every page works without the script.

mod account;
mod act;
mod admin;
pub(crate) mod agreement;
pub(crate) mod asset;
mod board;
mod case;
mod colour;
mod design;
mod difference;
mod dispute;
mod errand;
pub(crate) mod frame;
mod ledger;
mod letter;
mod look_up;
mod mail;
pub(crate) mod number;
mod office;
pub(crate) mod part;
mod program;
pub(crate) mod refused;
mod review;
mod run;
mod setup;
mod stay;
mod subgroup;
mod typed;
mod upload;
mod work;
mod work_list;
mod written;

pub(crate) use letter::Composed;
pub(crate) use office::{Acted, Own, act};
pub(crate) use typed::Typed;
pub(crate) use written::letter_of;

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
        .route("/disputes", get(dispute::show).post(dispute::answer))
        .route("/design", get(design::show))
        .route("/program", get(program::show))
        .route("/program/run", axum::routing::post(run::begin))
        .route("/board", get(board::show).post(board::act))
        .route("/admin", get(admin::show).post(admin::act))
        .route("/setup", get(setup::show).post(setup::act))
        .route("/work-lists", get(work_list::ask).post(work_list::make))
        .route("/results", get(work_list::ask_results).post(work_list::take_results))
        .route("/print-files", get(mail::ask).post(mail::make))
        .route("/returned-mail", get(mail::ask_mail).post(mail::take_mail))
        .route("/look-ups", get(look_up::show).post(look_up::ask))
        .route("/look-ups/{id}/give-up", axum::routing::post(look_up::give_up))
        .route("/errands", get(errand::all))
        .route("/errands/{id}", get(errand::show))
        .route("/errands/{id}/cancel", axum::routing::post(errand::cancel))
        .route("/errands/{id}/file", get(errand::fetch))
        .route("/", get(work::mine))
        .route("/cases", get(work::all))
        .route("/cases/{id}", get(case::show))
        .route("/cases/{id}/review", get(case::ask_review).post(case::review))
        .route("/cases/{id}/papers/{digest}", get(case::paper))
        .route("/cases/{id}/letter", get(written::show).post(written::send))
        .route("/cases/{id}/letter.pdf", get(written::show_pdf))
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

/// Says that what was typed is not what it has to be.
pub(super) fn wrong(mut response: Response) -> Response {
    *response.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// Draws a page.
fn draw(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Error::failed(&error).into_response(),
    }
}
