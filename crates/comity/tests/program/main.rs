//! Tests of the whole program from outside, as one program: each file proves one of its hard promises.
//!
//! What they share stands in `place.rs`. Clock and seeds are fixed; keys are thrown away.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says why and fails"
)]

mod benefits;
mod calibrate;
mod cycles;
mod desk;
mod draining;
mod interruption;
mod keeping;
mod law;
mod look_up;
mod place;
mod quorum;
mod register;
mod register_backup;
mod release;
mod reversals;
mod silence;
// The ledger's tests have the same throw-away server, and are alone in crashing it.
#[expect(dead_code, reason = "no test here crashes the server")]
#[path = "../../../ledger/tests/ledger/server.rs"]
mod server;
