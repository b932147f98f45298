//! Comity: two agencies compare two files under a signed agreement, and out come leads that a person has to look at.
//!
//! The program. It introduces the libraries to each other: `agreement` (may we?), `linkage` (is it the same person?),
//! `casework` (what do people say?) and `ledger` (what was done?). [`run`] reads like the path of the data. Only this
//! crate reads the clock, and only its `main` knows the command line.

pub mod admit;
pub mod report;
