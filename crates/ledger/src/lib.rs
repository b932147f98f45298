//! The ledger: entries, the tree over them, and what proves both.
#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod audit;
mod canonical;
pub mod checkpoint;
pub mod commitment;
pub mod cosignature;
mod crypto;
mod edge;
pub mod entry;
mod error;
pub mod finder;
pub mod log;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod prune;
pub mod reader;
pub mod receipt;
pub mod sequencer;
pub mod store;
pub mod tile;
pub mod witness;

pub use audit::{Audit, Finding, Outcome, audit};
pub use checkpoint::{Checkpoint, Origin};
pub use commitment::{Commitment, Opening, commit};
pub use cosignature::Cosigner;
pub use entry::{Commitments, Entry, Facts, Kind, Leaf};
pub use error::Error;
pub use finder::Finder;
pub use log::{Log, Recorded};
pub use merkle::Hash;
pub use note::{Name, Note, Signer, Verifier};
pub use policy::Policy;
pub use prune::{Pruned, prune};
pub use reader::Reader;
pub use receipt::Receipt;
pub use sequencer::{Pace, Sequenced, Sequencer};
#[cfg(feature = "postgres")]
pub use store::Postgres;
#[cfg(feature = "sqlite")]
pub use store::{Database, Sqlite};
pub use store::{Directory, Disk, Files, Memory, Store};
pub use witness::Witness;
