//! Corrections between nodes: what one party has disclosed wrongly is put right at every party that got it
//! (5 U.S.C. 552a(c)(4), floor F7).
//!
//! A correction is posted to the recipient's node as `message.rs` has it, and names the agreement and the sender's
//! own number for it. The recipient keeps it, records that it came, and acknowledges.
//!
//! What follows from a correction at the recipient is for its officers; nothing here changes a record by itself.

use super::error::Problem;
use super::message::{self, Acknowledged, Signed};
use super::signature;
use super::visit::SignedIn;
use super::{App, Error};
use crate::event::Event;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use casework::store::accounts::{AccountStore as _, Received};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Where a node takes corrections.
pub(crate) const PATH: &str = "/api/v1/corrections";

/// How long its words are at most, in characters.
const WORDS: usize = 4000;

/// A correction as one node sends it to another.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The sender's own number for it, unique.
    #[schema(min_length = 1, max_length = 200)]
    pub number: String,
    /// The digest of the agreement under which was disclosed what is corrected.
    pub agreement: String,
    /// The party that sends it.
    pub from: String,
    /// The party that got what is corrected.
    pub to: String,
    /// The lead's number, as it was disclosed.
    #[schema(min_length = 1, max_length = 200)]
    pub lead: String,
    /// What was wrong and what is right, in words.
    #[schema(min_length = 1, max_length = 4000)]
    pub words: String,
    /// Whether records that linkage had joined are of two individuals.
    pub splits: bool,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("number", &self.number).finish_non_exhaustive()
    }
}

/// A correction that came, for officers of the party that got it.
#[derive(Serialize, ToSchema)]
pub struct Came {
    /// When it was first taken (RFC 3339).
    pub at: String,
    /// The correction.
    pub correction: Message,
}

impl fmt::Debug for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Came").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Takes a correction of another party's node. It is signed (RFC 9421) with the key that the party's id stands for in
/// this node's settings.
#[utoipa::path(
    post,
    path = "/api/v1/corrections",
    tag = "corrections",
    request_body = Message,
    params(
        ("content-digest" = String, Header, description = "sha-256 of the body (RFC 9530)"),
        ("signature-input" = String, Header, description = "What is signed (RFC 9421): method, path, digest; created, keyid, alg, tag"),
        ("signature" = String, Header, description = "The signature, Ed25519"),
    ),
    responses(
        (status = 200, description = "Taken, now or before; signed over its body", body = Acknowledged),
        (status = 401, description = "Not signed by a party that is known here, over this body, about now", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "The number came before with another message", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store or the ledger cannot be written", content_type = "application/problem+json", body = Problem),
    )
)]
pub(crate) async fn take(State(app): State<App>, request: Request) -> Result<Response, Error> {
    let Signed { party, message, bytes, digest } =
        message::signed::<Message>(&app, request, PATH).await?;
    check(&app, &party, &message)?;
    let received = Received {
        party: party.clone(),
        number: message.number.clone(),
        digest,
        body: app.secret().seal(&sealed_for(&party, &message.number), &bytes)?,
        at: app.now().as_second(),
    };
    let at = app.accounts().receive(&received).await?.ok_or(Error::Again)?;
    // Recorded before it is acknowledged, each time that it comes: if we crash before this, it is recorded when it comes
    // again, and to have recorded it twice does no harm.
    let event = Event::CorrectionReceived {
        from: party,
        agreement: message.agreement.clone(),
        message: signature::hex(&digest),
    };
    app.node().await.record(vec![event]).await?;
    app.metrics().correction("received");
    let at = Timestamp::from_second(at).map_err(|error| Error::failed(&error))?;
    message::acknowledge(&app, message.number, &digest, at)
}

fn check(app: &App, party: &str, sent: &Message) -> Result<(), Error> {
    let wrong = |field: &str, why: &str| Err(Error::malformed(field, why));
    if sent.from != party {
        return wrong("from", "it is not who signed");
    }
    if sent.to != app.party().as_str() {
        return wrong("to", "it is not this node's party");
    }
    if sent.agreement != app.program().digest.to_string() {
        return wrong("agreement", "it is not the agreement that is filed here");
    }
    if !message::is_name(&sent.number) {
        return wrong("number", "it must be 1 to 200 characters on one line");
    }
    if !message::is_name(&sent.lead) {
        return wrong("lead", "it must be 1 to 200 characters on one line");
    }
    if sent.words.trim().is_empty() || sent.words.chars().count() > WORDS {
        return wrong("words", "it must be 1 to 4000 characters");
    }
    Ok(())
}

fn sealed_for(party: &str, number: &str) -> String {
    format!("correction {party} {number}")
}

/// Lists the corrections that other parties sent, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/corrections",
    tag = "corrections",
    security(("key" = [])),
    responses(
        (status = 200, description = "The corrections that came", body = Vec<Came>),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    officer: SignedIn,
) -> Result<Json<Vec<Came>>, Error> {
    let read = agreement::Act::READ_EVIDENCE;
    // What came is open until an officer has dealt with it: that is what it is read for.
    let open = |request: &mut agreement::CaseRequest| request.file.corrections_open = 1;
    super::ask::ask(&app, &officer, read, open).await?;
    Ok(Json(came(&app).await?))
}

/// Returns the corrections that other parties sent, the latest first.
///
/// # Errors
/// They cannot be read.
pub async fn came(app: &App) -> Result<Vec<Came>, Error> {
    let received = app.accounts().received(200).await?;
    let read = |one: Received| {
        let bytes = app.secret().unseal(&sealed_for(&one.party, &one.number), &one.body)?;
        let correction = serde_json::from_slice(&bytes).map_err(|error| Error::failed(&error))?;
        let at = Timestamp::from_second(one.at).map_err(|error| Error::failed(&error))?;
        Ok(Came { at: at.to_string(), correction })
    };
    received.into_iter().map(read).collect()
}

/// Sends a correction to the party it is for, and returns the digest of its signed acknowledgement.
///
/// # Errors
/// The party's node is not known, cannot be reached, or does not acknowledge this very message.
pub async fn send(app: &App, sent: &Message) -> Result<String, crate::Error> {
    message::deliver(app, &sent.to, PATH, &sent.number, sent).await
}
