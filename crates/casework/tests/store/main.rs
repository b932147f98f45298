//! Tests of the case store from outside, as one program: the promises on every database, the vault, faults, kills.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod accounts;
mod cases;
mod copies;
mod faults;
mod kill;
mod log;
mod place;
mod promises;
mod secrets;
mod writes;
// The ledger's tests have the same throw-away server.
#[path = "../../../ledger/tests/ledger/server.rs"]
mod server;
