//! The log: lines of JSON on the standard error stream. No line names a person, an officer or a case.

use super::config::{Level, Log};
use super::traces::Traces;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Begins to log, and to gather traces where they are sent somewhere. A second call changes nothing.
pub fn begin(log: &Log, traces: Option<&Traces>) {
    let from = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        // Spans are for traces: a line says all of it by itself.
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr);
    let gathered = traces.map(Traces::layer);
    let _ = tracing_subscriber::registry().with(from).with(gathered).with(lines).try_init();
}
