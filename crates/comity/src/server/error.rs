//! The one error of the server, and what each comes to over HTTP: a page for people, problem details for programs.
//!
//! A refusal is among them only because HTTP has one way to say no; it is an answer, and it is shown with every reason,
//! citation and remedy. What failed inside is logged and never shown. No personal value is in any of them.
//!
//! Problem details: [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).

use agreement::Refusal;
use axum::response::{IntoResponse, Response};
use casework::store::accounts::Role;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use std::collections::BTreeSet;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is signed in.
    #[error("sign in first")]
    NotSignedIn,
    /// The officer has to choose other means to sign in first.
    #[error("choose a password of your own first: until then nothing else is open to you")]
    MustChange,
    /// What came back from an issuer does not prove who somebody is.
    #[error("what came back does not prove who you are: begin to sign in again")]
    NotVouched,
    /// A message of another party is not signed as it has to be.
    #[error("the message is not signed by a party that is known here, over this body, about now")]
    Unsigned,
    /// A number that another message had before.
    #[error("another message came under this number before")]
    Again,
    /// The officer's roles do not reach so far.
    #[error("that is for others to do")]
    NotYours {
        /// Who may.
        roles: BTreeSet<Role>,
    },
    /// The gate refused.
    #[error("refused")]
    Refused(Box<Refusal>),
    /// The request did not come from one of our own pages, or its page is too old.
    #[error("the form did not come from a page of this server, or the page was too old")]
    Forged,
    /// There is no such page, case or entry.
    #[error("there is no such thing here")]
    NotFound,
    /// The method is not one that the address has.
    #[error("that cannot be done with this address")]
    NoSuchMethod,
    /// Something in the request is not what it has to be.
    #[error("`{field}`: {why}")]
    Malformed {
        /// Which part.
        field: String,
        /// What it has to be.
        why: String,
    },
    /// The body is not of the type that the address takes.
    #[error("the body must be {wanted}")]
    WrongType {
        /// What it takes.
        wanted: &'static str,
    },
    /// The body is too long.
    #[error("that is more than is taken{}", if *most_kib > 0 { format!(": {most_kib} KiB") } else { String::new() })]
    TooLong {
        /// How much is taken; 0 where that is not known.
        most_kib: usize,
    },
    /// Too much was asked in too short a time.
    #[error("too many requests: wait, then try again")]
    TooMany {
        /// How long to wait.
        seconds: u64,
    },
    /// The case has been moved by somebody else in the meantime.
    #[error("the case has been changed since this page was made: look at it again, then decide")]
    Moved,
    /// The step cannot follow from where the case stands.
    #[error("{why}")]
    NotAllowed {
        /// Why not.
        why: String,
    },
    /// Something it needs is not there now.
    #[error("the server cannot do that now: try again in a moment")]
    Unavailable {
        /// What, for the log.
        why: String,
    },
    /// It took too long.
    #[error("the server took too long")]
    TooSlow,
    /// We were wrong.
    #[error("something went wrong here; it has been noted")]
    Failed {
        /// What, for the log.
        why: String,
    },
}

impl Error {
    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::NotSignedIn | Error::Unsigned => StatusCode::UNAUTHORIZED,
            Error::NotYours { .. } | Error::Refused(_) | Error::Forged | Error::MustChange => {
                StatusCode::FORBIDDEN
            }
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Error::Malformed { .. } | Error::NotVouched => StatusCode::UNPROCESSABLE_ENTITY,
            Error::WrongType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Moved | Error::Again | Error::NotAllowed { .. } => StatusCode::CONFLICT,
            Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Error::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            Error::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Says what an input has to be.
    pub(crate) fn malformed(field: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Malformed { field: field.into(), why: why.into() }
    }

    /// Says that we were wrong.
    pub(crate) fn failed(why: &dyn std::fmt::Display) -> Error {
        Error::Failed { why: why.to_string() }
    }

    /// Puts it into words for people and programs.
    pub(crate) fn problem(&self) -> Problem {
        let status = self.status();
        let mut problem = Problem {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("problem").to_owned(),
            detail: self.to_string(),
            reasons: Vec::new(),
            retry_seconds: None,
        };
        match self {
            Error::Refused(refusal) => {
                problem.reasons = refusal
                    .reasons
                    .iter()
                    .map(|reason| Reason {
                        rule: reason.id.clone(),
                        reason: reason.detail.clone().map_or_else(
                            || reason.reason.clone(),
                            |detail| format!("{} ({detail})", reason.reason),
                        ),
                        cite: reason.cite.clone(),
                        remedy: reason.remedy.clone(),
                    })
                    .collect();
            }
            Error::NotYours { roles } => {
                let roles: Vec<_> =
                    roles.iter().map(|role| role.as_str().replace('_', " ")).collect();
                let who = if roles.is_empty() { "nobody here".into() } else { roles.join(" or ") };
                problem.reasons = vec![Reason {
                    rule: "role".to_owned(),
                    reason: format!("it is for: {who}"),
                    cite: "the roles given under this agreement".to_owned(),
                    remedy: "ask an operator for the role, or an officer who has it to do this"
                        .to_owned(),
                }];
            }
            Error::TooMany { seconds } => problem.retry_seconds = Some(*seconds),
            Error::NotSignedIn
            | Error::NotVouched
            | Error::MustChange
            | Error::Unsigned
            | Error::Again
            | Error::Forged
            | Error::NotFound
            | Error::NoSuchMethod
            | Error::Malformed { .. }
            | Error::WrongType { .. }
            | Error::TooLong { .. }
            | Error::Moved
            | Error::NotAllowed { .. }
            | Error::Unavailable { .. }
            | Error::TooSlow
            | Error::Failed { .. } => {}
        }
        problem
    }
}

/// Says that a person is to be shown where they choose other means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToFirst;

/// What a problem comes to (RFC 9457), with the reasons of a refusal.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What is the matter.
    pub detail: String,
    /// Every rule broken, where the gate or a role refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// After how many seconds to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
}

/// A rule that was broken.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// The rule's id.
    pub rule: String,
    /// What it asks for, and what is amiss.
    pub reason: String,
    /// Where it stands.
    pub cite: String,
    /// What to do about it.
    pub remedy: String,
}

impl IntoResponse for Error {
    /// Answers with problem details; `visit` draws a page of them where a person asked.
    fn into_response(self) -> Response {
        match &self {
            Error::Failed { why } => tracing::error!(why, "failed"),
            Error::Unavailable { why } => tracing::warn!(why, "unavailable"),
            _ => {}
        }
        let problem = self.problem();
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (
            self.status(),
            [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store")],
            body,
        )
            .into_response();
        if let Error::TooMany { seconds } = &self {
            response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            let asked = if matches!(self, Error::Unsigned) {
                http::HeaderValue::from_static("Signature realm=\"comity\"")
            } else {
                http::HeaderValue::from_static("Bearer realm=\"comity\"")
            };
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, asked);
        }
        response.extensions_mut().insert(problem);
        if matches!(self, Error::MustChange) {
            response.extensions_mut().insert(ToFirst);
        }
        response
    }
}

impl From<casework::Error> for Error {
    fn from(error: casework::Error) -> Error {
        match error {
            casework::Error::NoSuchLead { .. }
            | casework::Error::NoSuchCase { .. }
            | casework::Error::NoSuchStay { .. }
            | casework::Error::NoSuchAccount => Error::NotFound,
            casework::Error::CaseMoved { .. } => Error::Moved,
            casework::Error::Busy | casework::Error::Store(_) => {
                Error::Unavailable { why: crate::Error::from(error).chain() }
            }
            other => Error::Failed { why: crate::Error::from(other).chain() },
        }
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Error {
        match error {
            crate::Error::Casework(error) => error.into(),
            crate::Error::NoLedger { .. } | crate::Error::Ledger(_) => {
                Error::Unavailable { why: error.chain() }
            }
            other => Error::Failed { why: other.chain() },
        }
    }
}
