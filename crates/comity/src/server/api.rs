//! The interface for programs, `/api/v1`: what the console does, for those who live in another system.
//!
//! Each call is made with a key of an account, and the account's roles and the gate decide as for a person. The document
//! of it is made from the handlers ([`document`]), is checked in as `docs/openapi.json`, and a test holds the two
//! together. Answers that are no success are problem details (RFC 9457).
//!
//! Document: [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.0).

mod body;
mod case;
mod ledger;
mod program;
mod result;
mod stay;
mod work_list;

pub(crate) use body::{Asked, Given};
pub(crate) use ledger::{reader, verifier};

use super::error::{Problem, Reason};
use super::{App, correction, dispute, health};
use axum::routing::{get, post};
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// The document's parts.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Comity",
        description = "One agency's node of a matching program: stays, cases, results, corrections, and the proof of what was done.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        health::health,
        health::metrics,
        openapi,
        program::show,
        stay::list,
        stay::record,
        stay::lift,
        ledger::show,
        ledger::entry,
        ledger::receipt,
        case::show,
        case::step,
        work_list::list,
        result::take,
        correction::take,
        correction::list,
        dispute::take,
        dispute::take_answer,
        dispute::list,
    ),
    components(schemas(Problem, Reason)),
    modifiers(&Keys)
)]
struct Document;

struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(key));
    }
}

/// Returns the document of the interface.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Returns this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "node",
    responses(
        (status = 200, description = "The document", content_type = "application/json"),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
    )
)]
async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

/// The routes.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/api/v1/program", get(program::show))
        .route("/api/v1/stays", get(stay::list).post(stay::record))
        .route("/api/v1/stays/{number}/lift", post(stay::lift))
        .route("/api/v1/cases/{id}", get(case::show))
        .route("/api/v1/cases/{id}/steps", post(case::step))
        .route("/api/v1/work-lists", get(work_list::list))
        .route("/api/v1/results", post(result::take))
        .route("/api/v1/corrections", get(correction::list).post(correction::take))
        .route("/api/v1/disputes", get(dispute::list).post(dispute::take))
        .route("/api/v1/disputes/answers", post(dispute::take_answer))
        .route("/api/v1/ledger", get(ledger::show))
        .route("/api/v1/ledger/{index}", get(ledger::entry))
        .route("/api/v1/ledger/{index}/receipt", get(ledger::receipt))
}
