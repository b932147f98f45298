//! Traces: each request as a span, sent to a collector of OpenTelemetry where the settings name one.
//!
//! A span holds what the log's line of the request holds, and no more: the method, the route with its placeholders, the
//! status, how long it took, and what went wrong on the way. No number of a case, no address, no officer. A request joins the
//! trace of whoever sends it, where its `traceparent` names one; whatever else they say of it is left alone.
//!
//! [OTLP over HTTP](https://opentelemetry.io/docs/specs/otlp/#otlphttp). It takes the feature `otel`; without it, settings
//! that name a collector are refused.

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(feature = "otel")]
mod collector;

#[cfg(not(feature = "otel"))]
pub use absent::Traces;
#[cfg(not(feature = "otel"))]
pub(crate) use absent::join;
#[cfg(feature = "otel")]
pub use collector::Traces;
#[cfg(feature = "otel")]
pub(crate) use collector::join;
