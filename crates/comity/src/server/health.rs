//! Whether the node can do its work: database, ledger and clock. For load balancers and whoever is called at night.
//!
//! It says what is amiss in a word and nothing more, since everybody may ask.

use super::App;
use crate::clock::TOLERANCE_SECONDS;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use casework::Store as _;
use casework::store::accounts::AccountStore as _;
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How long a sign of life is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the node is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Whether everything below is well.
    pub well: bool,
    /// The case store and the accounts.
    pub database: Part,
    /// The ledger; while it cannot be written, every act is refused.
    pub ledger: Part,
    /// The clock; entries cannot be dated before others. One that was set back is not followed, and has to be set right.
    pub clock: Part,
}

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// It answers.
    Well,
    /// It could not be asked, and may be well.
    Busy,
    /// It does not answer.
    Ill,
}

/// Says how the node is: 200 if it can work, 503 if not.
#[utoipa::path(
    get,
    path = "/health",
    tag = "node",
    responses((status = 200, body = Health), (status = 503, body = Health))
)]
pub(crate) async fn health(State(app): State<App>) -> Response {
    let accounts = tokio::time::timeout(PATIENCE, app.accounts().is_alive()).await;
    let last = tokio::time::timeout(PATIENCE, app.store().last_second()).await;
    let ledger = word(app.is_ledger_writable().await);
    let (database, clock) = match last {
        Err(_) | Ok(Err(_)) => (Part::Ill, Part::Busy),
        Ok(Ok(last)) => {
            let behind = last.unwrap_or(0) - app.now().as_second();
            (Part::Well, word(behind <= TOLERANCE_SECONDS && !app.is_clock_set_back()))
        }
    };
    let database = if matches!(accounts, Ok(Ok(()))) { database } else { Part::Ill };
    let well = [database, ledger, clock].iter().all(|state| *state != Part::Ill);
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { well, database, ledger, clock })).into_response()
}

/// Returns the counters (OpenMetrics).
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "node",
    security(("key" = [])),
    responses(
        (status = 200, content_type = "application/openmetrics-text", body = String),
        (status = 401, content_type = "application/problem+json", body = super::error::Problem),
        (status = 403, content_type = "application/problem+json", body = super::error::Problem),
        (status = 429, content_type = "application/problem+json", body = super::error::Problem),
    )
)]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(http::header::CONTENT_TYPE, kind)], app.metrics().text()).into_response()
}

fn word(is_well: bool) -> Part {
    if is_well { Part::Well } else { Part::Ill }
}
