//! The ledger: entries, the tree over them, and what proves both.
#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod audit;
mod canonical;
pub mod checkpoint;
pub mod commitment;
mod edge;
pub mod entry;
mod error;
pub mod log;
pub mod merkle;
pub mod note;
pub mod store;
pub mod tile;

pub use audit::{Audit, Finding, Outcome, audit};
pub use checkpoint::{Checkpoint, Origin};
pub use commitment::{Commitment, Opening, commit};
pub use entry::{Commitments, Entry, Facts, Kind, Leaf};
pub use error::Error;
pub use log::{Log, Recorded};
pub use merkle::Hash;
pub use note::{Name, Note, Signer, Verifier};
pub use store::{Directory, Disk, Files, Memory, Store};
