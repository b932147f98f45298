//! What somebody typed into a form: names with values, none of them trusted yet.
//!
//! It may hold personal values, so that `Debug` shows the names alone.

use crate::server::Error;
use axum::extract::{FromRequest, Request};
use std::fmt;

/// The answers of a form, in the order in which they came.
#[derive(Clone, Default)]
pub(crate) struct Typed {
    answers: Vec<(String, String)>,
}

impl Typed {
    /// Takes answers as a form brought them.
    pub(crate) fn new(answers: Vec<(String, String)>) -> Typed {
        Typed { answers }
    }

    /// Returns the first answer of a name, without the space around it; empty where there is none.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.answers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.trim())
    }

    /// Returns every answer of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.answers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns every answer of a name with a space between; none where it was not asked.
    pub(crate) fn joined(&self, name: &str) -> Option<String> {
        let all: Vec<&str> = self.all(name).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Typed, Error> {
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|_| Error::malformed("form", "it could not be read"))?;
        Ok(Typed::new(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.answers.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_not_shown_in_debug() {
        let typed = Typed::new(vec![("reason".into(), "she moved".into())]);
        assert_eq!(format!("{typed:?}"), "[\"reason\"]");
        assert_eq!(typed.one("reason"), "she moved");
    }
}
