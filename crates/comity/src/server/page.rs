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

use super::App;
use axum::Router;

/// The routes of the pages; [`super::route`] says who may ask for each.
pub(super) fn routes() -> Router<App> {
    Router::new()
}
