//! The matching program that this node is for.

use crate::server::error::Problem;
use crate::server::{App, Error};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The matching program.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the wire has the field's words")]
pub(super) struct Program {
    /// Its name.
    program: String,
    /// The agreement's digest.
    agreement: String,
    /// `test` or `production`.
    environment: String,
    /// Whether all of it is made up.
    demonstration: bool,
    /// The party whose node it is.
    party: String,
    /// The public key that signs what this node sends to others.
    message_key: String,
    /// The first day of the agreement's term.
    begins: String,
    /// The last day.
    ends: String,
}

/// Returns the matching program that this node is for.
#[utoipa::path(
    get,
    path = "/api/v1/program",
    tag = "program",
    security(("key" = [])),
    responses(
        (status = 200, description = "The program", body = Program),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The account has no role here", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn show(State(app): State<App>) -> Result<Json<Program>, Error> {
    let agreement = app.program().agreement();
    Ok(Json(Program {
        program: agreement.program.to_string(),
        agreement: app.program().digest.to_string(),
        environment: agreement.environment.to_string(),
        demonstration: agreement.demonstration,
        party: app.party().to_string(),
        message_key: app.message_public_key(),
        begins: agreement.term.begins.to_string(),
        ends: agreement.term.ends.to_string(),
    }))
}
