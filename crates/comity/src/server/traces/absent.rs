//! A build without OpenTelemetry: settings that name a collector are refused, so nothing here is ever called.

use crate::Error;
use crate::server::Config;
use tracing_subscriber::layer::Identity;

/// Joins no trace: none is gathered.
pub(crate) fn join(_: &tracing::Span, _: &http::HeaderMap) {}

/// There are none in this build.
#[derive(Debug)]
pub enum Traces {}

impl Traces {
    /// Begins to send traces to the collector that the settings name, if they name one.
    ///
    /// # Errors
    /// They name one.
    pub fn begin(config: &Config) -> Result<Option<Traces>, Error> {
        match config.traces {
            None => Ok(None),
            Some(_) => Err(Error::BadConfig {
                place: "`traces`".to_owned(),
                why: "this build sends no traces: build it with `--features otel`".to_owned(),
            }),
        }
    }

    /// Returns what spans are gathered by.
    pub fn layer(&self) -> Identity {
        match *self {}
    }

    /// Sends what is left.
    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub async fn end(self) {
        match self {}
    }
}
