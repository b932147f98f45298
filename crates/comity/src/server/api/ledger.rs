//! The ledger for programs: checkpoint, entries, and receipts that anybody can verify with `comity receipt verify`.
//!
//! Entries hold no personal data, and receipts made here open no commitment.

use crate::server::ask::ask;
use crate::server::error::Problem;
use crate::server::visit::SignedIn;
use crate::server::{App, Error};
use agreement::Act;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use ledger::{Directory, Policy, Reader, Verifier};
use serde::Serialize;
use utoipa::ToSchema;

/// The ledger as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checkpoint {
    /// Whose ledger it is.
    origin: String,
    /// How many entries it has.
    entries: u64,
    /// The root of its tree (base64).
    root: String,
    /// The signed checkpoint itself (C2SP tlog-checkpoint).
    note: String,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    /// Where it stands.
    index: u64,
    /// When it happened (RFC 3339).
    at: String,
    /// What happened.
    kind: String,
    /// What it says: counts, digests, ids of rules; never anything personal.
    #[schema(value_type = Object)]
    facts: serde_json::Value,
    /// How many values it commits to without showing them.
    commitments: usize,
}

/// Opens the ledger's files for reading, as anybody would who has a copy of them.
pub(crate) fn reader(app: &App) -> Result<Reader<Directory>, Error> {
    let places = crate::server::places(app.config());
    let reader = Reader::open(Directory::new(places.ledger()), verifier(app)?);
    Ok(reader.map_err(crate::Error::from)?)
}

pub(crate) fn verifier(app: &App) -> Result<Verifier, Error> {
    let key = crate::program::read(&crate::server::places(app.config()).ledger_key())?;
    Ok(Verifier::parse(key.trim()).map_err(crate::Error::from)?)
}

async fn may(app: &App, officer: &SignedIn) -> Result<(), Error> {
    ask(app, officer, Act::AUDIT_READ, |_| {}).await
}

/// Returns the ledger's checkpoint.
#[utoipa::path(
    get,
    path = "/api/v1/ledger",
    tag = "ledger",
    security(("key" = [])),
    responses(
        (status = 200, description = "The checkpoint", body = Checkpoint),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The ledger does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    officer: SignedIn,
) -> Result<Json<Checkpoint>, Error> {
    may(&app, &officer).await?;
    let reader = reader(&app)?;
    let checkpoint = reader.checkpoint();
    Ok(Json(Checkpoint {
        origin: checkpoint.origin.to_string(),
        entries: checkpoint.size,
        root: checkpoint.root.to_string(),
        note: reader.note().to_string(),
    }))
}

fn index(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

/// Returns an entry.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/{index}",
    tag = "ledger",
    security(("key" = [])),
    params(("index" = u64, Path, description = "Where the entry stands, from 0")),
    responses(
        (status = 200, description = "The entry", body = Entry),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "No entry stands there", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The ledger does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn entry(
    State(app): State<App>,
    officer: SignedIn,
    Path(place): Path<String>,
) -> Result<Json<Entry>, Error> {
    let index = index(&place)?;
    may(&app, &officer).await?;
    let reader = reader(&app)?;
    if index >= reader.checkpoint().size {
        return Err(Error::NotFound);
    }
    let note = reader.note().clone();
    let receipt = reader.receipt(index, &note, Vec::new()).map_err(crate::Error::from)?;
    let told = receipt.read(&Policy::of_log(verifier(&app)?)).map_err(crate::Error::from)?;
    let entry = told.entry;
    Ok(Json(Entry {
        index,
        at: entry.at().to_string(),
        kind: entry.kind().as_str().to_owned(),
        facts: serde_json::Value::Object(entry.facts().clone()),
        commitments: entry.commitments().values().map(Vec::len).sum(),
    }))
}

/// Returns the receipt that proves an entry by itself (C2SP tlog-proof).
#[utoipa::path(
    get,
    path = "/api/v1/ledger/{index}/receipt",
    tag = "ledger",
    security(("key" = [])),
    params(("index" = u64, Path, description = "Where the entry stands, from 0")),
    responses(
        (status = 200, description = "The receipt", content_type = "text/plain", body = String),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "No entry stands there", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The ledger does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn receipt(
    State(app): State<App>,
    officer: SignedIn,
    Path(place): Path<String>,
) -> Result<Response, Error> {
    let index = index(&place)?;
    may(&app, &officer).await?;
    let reader = reader(&app)?;
    if index >= reader.checkpoint().size {
        return Err(Error::NotFound);
    }
    let note = reader.note().clone();
    let receipt = reader.receipt(index, &note, Vec::new()).map_err(crate::Error::from)?;
    let kind = "text/plain; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], receipt.to_string()).into_response())
}
