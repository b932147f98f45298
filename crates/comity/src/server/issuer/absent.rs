//! A build without OpenID Connect: settings that name an issuer are refused, so nothing here is ever called.

use super::{Begun, Failure, Secrets, Vouched};
use crate::Error;
use crate::server::config;
use crate::server::secret::Carried;
use jiff::Timestamp;

/// There is none in this build.
#[derive(Debug)]
pub(super) enum Provider {}

impl Provider {
    pub(super) fn open(_: &config::Issuer, _: &str) -> Result<Provider, Error> {
        Err(Error::BadConfig {
            place: "`issuers`".to_owned(),
            why: "this build speaks to no issuer: build it with `--features oidc`".to_owned(),
        })
    }

    pub(super) fn issuer(&self) -> &str {
        match *self {}
    }

    pub(super) fn name(&self) -> &str {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub(super) async fn begin(
        &self,
        _: &Carried,
        _: Secrets,
        _: Timestamp,
    ) -> Result<Begun, Failure> {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub(super) async fn finish(
        &self,
        _: &str,
        _: Secrets,
        _: Timestamp,
    ) -> Result<Vouched, Failure> {
        match *self {}
    }
}
