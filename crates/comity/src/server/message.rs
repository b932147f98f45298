//! What passes between nodes: a message signed by the party that sends it, kept and recorded before it is acknowledged,
//! and acknowledged by a signed answer. The same message again gets the same answer again; another one under the same
//! number gets none. The sender takes nothing but that signed answer for an acknowledgement.
//!
//! What a message says and what follows from it is for whoever defines it ([`super::correction`], [`super::dispute`]).

use super::api::Given;
use super::signature::{self, Of};
use super::{App, Error};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// The acknowledgement of a message, signed over its body by whoever got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledged {
    /// The sender's number of the message.
    pub(crate) number: String,
    /// The party that acknowledges.
    pub(crate) by: String,
    /// SHA-256 of the message as it came.
    pub(crate) digest: String,
    /// When it was first taken (RFC 3339).
    pub(crate) at: String,
}

/// A message as it came, signed by a party that is known here.
pub(crate) struct Signed<T> {
    /// Who signed it.
    pub(crate) party: String,
    /// What it says.
    pub(crate) message: T,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Their SHA-256.
    pub(crate) digest: [u8; 32],
}

/// Reads a message of another party's node. It is signed (RFC 9421) with the key that the party's id stands for in this
/// node's settings. Whoever did not sign learns nothing of what a message has to be.
pub(crate) async fn signed<T: DeserializeOwned>(
    app: &App,
    request: Request,
    path: &'static str,
) -> Result<Signed<T>, Error> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Error::WrongType { wanted: "application/json" });
    }
    let most_kib = app.config().limits.body_kib;
    let bytes = axum::body::to_bytes(body, most_kib * 1024).await;
    let bytes = bytes.map_err(|_| Error::TooLong { most_kib })?;
    let party = signature::signer(&head.headers).ok_or(Error::Unsigned)?;
    let peer = app.config().parties.get(&party).ok_or(Error::Unsigned)?;
    let key = signature::public_key(&peer.key).ok_or(Error::Unsigned)?;
    let of = Of::Request { path };
    if !signature::is_signed(&head.headers, &key, &party, of, &bytes, app.now()) {
        return Err(Error::Unsigned);
    }
    let again = Request::post(path).header(CONTENT_TYPE, "application/json");
    let again = again.body(Body::from(bytes.clone())).map_err(|error| Error::failed(&error))?;
    let Given(message) = <Given<T> as FromRequest<App>>::from_request(again, app).await?;
    let digest = Sha256::digest(&bytes).into();
    Ok(Signed { party, message, bytes: bytes.to_vec(), digest })
}

/// Answers a message that was taken, first at an instant.
pub(crate) fn acknowledge(
    app: &App,
    number: String,
    digest: &[u8; 32],
    at: Timestamp,
) -> Result<Response, Error> {
    let acknowledged = Acknowledged {
        number,
        by: app.party().to_string(),
        digest: signature::hex(digest),
        at: at.to_string(),
    };
    let body = serde_json::to_vec(&acknowledged).map_err(|error| Error::failed(&error))?;
    let of = Of::Answer { status: 200 };
    let headers = signature::sign(app.message_key(), &acknowledged.by, of, &body, app.now());
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    for (name, value) in headers {
        let value = value.parse().map_err(|error| Error::failed(&error))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Sends a message to the party it is for, and returns the digest of its signed acknowledgement.
///
/// # Errors
/// The party's node is not known, cannot be reached, or does not acknowledge this very message.
pub(crate) async fn deliver<T: Serialize + Sync>(
    app: &App,
    to: &str,
    path: &'static str,
    number: &str,
    message: &T,
) -> Result<String, crate::Error> {
    let unknown = || crate::Error::Unreachable {
        address: to.to_owned(),
        why: "the settings name no node of this party".to_owned(),
    };
    let peer = app.config().parties.get(to).ok_or_else(unknown)?;
    let key = signature::public_key(&peer.key).ok_or_else(unknown)?;
    let body = serde_json::to_vec(message).map_err(|_| crate::Error::UnspeakableEvent)?;
    let of = Of::Request { path };
    let from = app.party().to_string();
    let headers = signature::sign(app.message_key(), &from, of, &body, app.now());
    let digest = signature::hex(&Sha256::digest(&body));
    let tls = app.client_tls();
    let answer = super::send::post(&peer.address, path, tls, &headers, body).await?;
    let no = |why: &str| crate::Error::Unreachable {
        address: peer.address.clone(),
        why: why.to_owned(),
    };
    if answer.status != 200 {
        return Err(no(&format!("it answers {}", answer.status)));
    }
    let of = Of::Answer { status: 200 };
    if !signature::is_signed(&answer.headers, &key, to, of, &answer.body, app.now()) {
        return Err(no("its answer is not signed by the party"));
    }
    let read: Acknowledged =
        serde_json::from_slice(&answer.body).map_err(|_| no("its answer is no acknowledgement"))?;
    if read.number != number || read.digest != digest || read.by != to {
        return Err(no("it acknowledges something else"));
    }
    Ok(signature::hex(&Sha256::digest(&answer.body)))
}

/// Says whether a text can name something: 1 to 200 characters on one line.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 200 && !text.contains(char::is_control)
}
