//! Comity: two agencies compare two files under a signed agreement, and out come leads that a person has to look at.
//!
//! The program. It introduces the libraries to each other: `agreement` (may we?), `linkage` (is it the same person?),
//! `casework` (what do people say?) and `ledger` (what was done?). [`run`] reads like the path of the data. Only this
//! crate reads the clock, and only `cli` knows the command line.

pub mod admit;
pub mod annual;
pub mod audit;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod desk;
pub mod destroy;
pub mod discrepancy;
mod error;
pub mod event;
mod extract;
mod letters;
pub mod node;
pub mod outbox;
pub mod own;
pub mod printer;
pub mod program;
pub mod quorum;
pub mod register;
pub mod release;
pub mod remote;
pub mod report;
pub mod restore;
pub mod run;
pub mod server;
mod stay;
mod subgroup;
mod summary;
mod web;
pub mod witness;

pub use error::Error;
