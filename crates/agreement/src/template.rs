//! Commented templates of agreements, one a law: each section cited, each value still to come.
//!
//! A template read as an agreement gives a problem for every placeholder and no other. What the law asks is in its
//! pack; the template only leads through it.

use crate::{Error, PackId};

/// Returns the template for agreements under a law.
///
/// # Errors
///
/// [`Error::UnknownPack`] when no template is written for this law.
pub fn template(law: &PackId) -> Result<&'static str, Error> {
    match law.as_str() {
        "us-cmppa" => Ok(include_str!("template/us-cmppa.toml")),
        _ => Err(Error::UnknownPack { id: law.clone() }),
    }
}
