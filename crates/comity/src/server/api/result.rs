//! Results for programs: what officers found in the agency's own system.

use super::Given;
use crate::server::errand::Progress;
use crate::server::error::Problem;
use crate::server::import::{Bringing, Row, import};
use crate::server::visit::SignedIn;
use crate::server::{App, Error, signature};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// Rows of results.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Results {
    /// The file's own name or number, so that it can be found again.
    #[schema(max_length = 200)]
    file: String,
    /// The rows, 1,000 at most: case, version, officer, outcome (`begun`, `found`, `confirmed`, `refuted`), words,
    /// amount_cents, access, periods (from, to), sources (kind, reference, seen), minutes.
    #[schema(value_type = Vec<Object>, max_items = 1000)]
    rows: Vec<Row>,
}

/// What came of the rows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Taken {
    /// The numbers of the rows that were taken, from one.
    taken: Vec<u64>,
    /// Those that were not.
    rejected: Vec<Rejected>,
}

/// A row that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rejected {
    /// Its number, from one.
    row: u64,
    /// Why.
    why: String,
}

/// The longest name of a file of results, as the document says.
const MOST_NAME: usize = 200;

/// Takes results in. Each row is an act of the officer it names; those that are refused are named, the others count.
#[utoipa::path(
    post,
    path = "/api/v1/results",
    tag = "cases",
    security(("key" = [])),
    request_body = Results,
    responses(
        (status = 200, description = "Which rows were taken, and which not", body = Taken),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn take(
    State(app): State<App>,
    officer: SignedIn,
    Given(given): Given<Results>,
) -> Result<Json<Taken>, Error> {
    if given.file.chars().count() > MOST_NAME {
        let why = format!("it has at most {MOST_NAME} characters");
        return Err(Error::Malformed { field: "file".to_owned(), why });
    }
    let file = signature::hex(&Sha256::digest(given.file.as_bytes()));
    let rows = given.rows.into_iter().map(Ok).collect();
    let imported =
        import(&app, &officer, Bringing::Everybodys, rows, file, &Progress::default()).await?;
    let rejected = imported.rejected.into_iter().map(|(row, _, why)| Rejected { row, why });
    Ok(Json(Taken { taken: imported.taken, rejected: rejected.collect() }))
}
