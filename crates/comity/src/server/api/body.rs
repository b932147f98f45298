//! What a program sends: a body of JSON, read whole and checked before any handler sees it. What was wrong is said by its
//! place; its value is never repeated, since it may be about a person.

use crate::server::{App, Error};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// A body of JSON.
pub(crate) struct Given<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Given<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Given<T>, Error> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Error::WrongType { wanted: "application/json" });
        }
        let most_kib = app.config().limits.body_kib;
        let bytes = axum::body::to_bytes(request.into_body(), most_kib * 1024).await;
        let bytes = bytes.map_err(|_| Error::TooLong { most_kib })?;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Given(value)),
            Err(error) => Err(Error::malformed(
                format!("line {}, column {}", error.line(), error.column()),
                match error.classify() {
                    serde_json::error::Category::Data => {
                        "this is not what the document asks for here"
                    }
                    serde_json::error::Category::Eof => "the body ends too early",
                    serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                        "this is no JSON"
                    }
                },
            )),
        }
    }
}

/// What is asked for in the address after `?`.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asked<T>, Error> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Asked(value))
            .map_err(|_| Error::malformed("query", "it is not what the document asks for"))
    }
}
