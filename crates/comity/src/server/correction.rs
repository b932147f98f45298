//! Corrections between nodes: what one party has disclosed wrongly is put right at every party that got it
//! (5 U.S.C. 552a(c)(4), floor F7).
//!
//! A correction is posted to the recipient's node, signed with the sender's key over its body, and names the agreement
//! and the sender's own number for it. The recipient keeps it, records that it came, and answers with a signed
//! acknowledgement; the same message again gets the same answer again, and another one under the same number gets none.
//! The sender takes nothing but that signed answer for an acknowledgement.
//!
//! What follows from a correction at the recipient is for its officers; nothing here changes a record by itself.

use super::api::Given;
use super::error::Problem;
use super::signature::{self, Of};
use super::visit::SignedIn;
use super::{App, Error};
use crate::event::Event;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use casework::store::accounts::{AccountStore as _, Received};
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
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

/// The acknowledgement of a correction, signed over its body by whoever got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// The sender's number of the correction.
    pub number: String,
    /// The party that acknowledges.
    pub by: String,
    /// SHA-256 of the correction as it came.
    pub digest: String,
    /// When it was first taken (RFC 3339).
    pub at: String,
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
    let (head, body) = request.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Error::WrongType { wanted: "application/json" });
    }
    let most_kib = app.config().limits.body_kib;
    let bytes = axum::body::to_bytes(body, most_kib * 1024).await;
    let bytes = bytes.map_err(|_| Error::TooLong { most_kib })?;
    // Whoever did not sign learns nothing of what a message has to be.
    let party = signature::signer(&head.headers).ok_or(Error::Unsigned)?;
    let peer = app.config().parties.get(&party).ok_or(Error::Unsigned)?;
    let key = signature::public_key(&peer.key).ok_or(Error::Unsigned)?;
    let now = app.now();
    let of = Of::Request { path: PATH };
    if !signature::is_signed(&head.headers, &key, &party, of, &bytes, now) {
        return Err(Error::Unsigned);
    }
    let again = Request::post(PATH).header(CONTENT_TYPE, "application/json");
    let again = again.body(Body::from(bytes.clone())).map_err(|error| Error::failed(&error))?;
    let Given(message) =
        <Given<Message> as axum::extract::FromRequest<App>>::from_request(again, &app).await?;
    check(&app, &party, &message)?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let received = Received {
        party: party.clone(),
        number: message.number.clone(),
        digest,
        body: app.secret().seal(&sealed_for(&party, &message.number), &bytes)?,
        at: now.as_second(),
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
    let acknowledged = Acknowledged {
        number: message.number,
        by: app.party().to_string(),
        digest: signature::hex(&digest),
        at: at.to_string(),
    };
    let body = serde_json::to_vec(&acknowledged).map_err(|error| Error::failed(&error))?;
    let of = Of::Answer { status: 200 };
    let headers = signature::sign(app.message_key(), &acknowledged.by, of, &body, now);
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    for (name, value) in headers {
        let value = value.parse().map_err(|error| Error::failed(&error))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn check(app: &App, party: &str, message: &Message) -> Result<(), Error> {
    let wrong = |field: &str, why: &str| Err(Error::malformed(field, why));
    let short = |text: &str| {
        !text.trim().is_empty() && text.chars().count() <= 200 && !text.contains(char::is_control)
    };
    if message.from != party {
        return wrong("from", "it is not who signed");
    }
    if message.to != app.party().as_str() {
        return wrong("to", "it is not this node's party");
    }
    if message.agreement != app.program().digest.to_string() {
        return wrong("agreement", "it is not the agreement that is filed here");
    }
    if !short(&message.number) {
        return wrong("number", "it must be 1 to 200 characters on one line");
    }
    if !short(&message.lead) {
        return wrong("lead", "it must be 1 to 200 characters on one line");
    }
    if message.words.trim().is_empty() || message.words.chars().count() > WORDS {
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
pub async fn send(app: &App, message: &Message) -> Result<String, crate::Error> {
    let unknown = || crate::Error::Unreachable {
        address: message.to.clone(),
        why: "the settings name no node of this party".to_owned(),
    };
    let peer = app.config().parties.get(&message.to).ok_or_else(unknown)?;
    let key = signature::public_key(&peer.key).ok_or_else(unknown)?;
    let body = serde_json::to_vec(message).map_err(|_| crate::Error::UnspeakableEvent)?;
    let of = Of::Request { path: PATH };
    let headers = signature::sign(app.message_key(), &message.from, of, &body, app.now());
    let digest = signature::hex(&Sha256::digest(&body));
    let tls = app.client_tls();
    let answer = super::send::post(&peer.address, PATH, tls, &headers, body).await?;
    let no = |why: &str| crate::Error::Unreachable {
        address: peer.address.clone(),
        why: why.to_owned(),
    };
    if answer.status != 200 {
        return Err(no(&format!("it answers {}", answer.status)));
    }
    let of = Of::Answer { status: 200 };
    if !signature::is_signed(&answer.headers, &key, &message.to, of, &answer.body, app.now()) {
        return Err(no("its answer is not signed by the party"));
    }
    let read: Acknowledged =
        serde_json::from_slice(&answer.body).map_err(|_| no("its answer is no acknowledgement"))?;
    if read.number != message.number || read.digest != digest || read.by != message.to {
        return Err(no("it acknowledges something else"));
    }
    Ok(signature::hex(&Sha256::digest(&answer.body)))
}
