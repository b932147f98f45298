//! The server from outside: its router is called without a socket, on the example program, at a fixed time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

mod api;
mod bad_input;
mod cases;
mod clock;
mod console;
mod corrections;
mod disputes;
mod door;
mod forms;
#[cfg(feature = "oidc")]
mod issuer;
mod look_ups;
mod place;
mod routes;
mod runs;
mod schemathesis;
mod stays;
#[cfg(feature = "otel")]
mod traces;
