//! The console's pages: what each shows and asks, as a list of parts in a frame. Steps 8 to 14 of the path, as officers
//! and individuals see them.
//!
//! A page is made of values and knows no socket. It hides what would be refused, and decides nothing: the gate does.
//! Every page works without the script.

mod act;
mod agreement;
pub(crate) mod asset;
mod colour;
mod design;
mod difference;
pub(crate) mod frame;
mod ledger;
mod letter;
mod number;
pub(crate) mod part;
pub(crate) mod refused;
mod review;
mod stay;
mod typed;

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
}

/// Draws a page.
fn draw(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Error::failed(&error).into_response(),
    }
}
