//! Placeholder until the crate lands.
pub mod admit;
pub mod report;
