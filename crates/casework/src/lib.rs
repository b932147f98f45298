#![doc = include_str!("../README.md")]
//!
//! Standing on the path of the data: steps 8 to 9, after linkage and behind the release. It opens no file of an
//! agency, compares nothing, and knows no ledger: the outbox holds bytes.

mod destroyed;
mod disclosure;
mod draft;
mod error;
mod lead;
mod pilot;
mod review;
mod run;
pub mod store;

pub use destroyed::{Certificate, Destroyed};
pub use disclosure::{Disclosure, DisclosureId};
pub use draft::Drafts;
pub use error::Error;
pub use lead::{Lead, LeadId, PairKey, Planned, Stage};
pub use pilot::{Pilot, PilotTerms};
pub use review::{Judgement, Known, Review};
pub use run::{Run, RunState};
pub use store::vault::{self, Keeper, Vault};
pub use store::{
    Outgoing, RecordedStay, StaysState, Store, database::Database, postgres::Postgres,
    sqlite::Sqlite,
};
