#![doc = include_str!("../README.md")]
//!
//! Standing on the path of the data: steps 9 to 13, after linkage and behind the release. It opens no file of an
//! agency, compares nothing, and knows no ledger: the outbox holds bytes.

mod action;
mod actor;
mod case;
mod closing;
mod cluster;
mod contest;
mod correction;
mod destroyed;
mod disclosure;
mod dispute;
mod draft;
mod error;
mod facts;
mod lead;
mod not_allowed;
mod notice;
mod pilot;
mod review;
mod run;
mod sealed_entry;
mod stage;
mod step;
pub mod store;
pub mod subgroup;
mod terms;
mod tripwire;
mod verification;

pub use action::{Action, ActionKind, ActionOrder, EMERGENCY_DAYS, Emergency};
pub use actor::Actor;
pub use case::{Case, Passage, Standing};
pub use closing::{Because, Closed, Closing};
pub use cluster::{Cluster, Joined, Split};
pub use contest::{Contest, Contested, Decided, Heard, Hearing, Ruling};
pub use correction::{Correction, CorrectionOrder, Delivery, Told};
pub use destroyed::{Certificate, Destroyed};
pub use disclosure::{Disclosure, DisclosureId};
pub use dispute::{Dispute, DisputeAnswer, Objection, Settled};
pub use draft::Drafts;
pub use error::Error;
pub use facts::CaseFacts;
pub use lead::{BondKey, Lead, LeadId, PairKey, Planned, Stage};
pub use not_allowed::NotAllowed;
pub use notice::{Addressee, Concluded, Draft, How, Noticed, Returned, Service};
pub use pilot::{Pilot, PilotTerms};
pub use review::{Judged, Judgement, Known, Opinion, Review, Reviewed, Waiting};
pub use run::{Asked, AskedSoFar, Entered, Run, RunState};
pub use sealed_entry::SealedEntry;
pub use stage::CaseStage;
pub use step::{Acknowledgement, Assignment, Step, StepKind, Taken};
pub use store::cases::{
    After, CaseLine, CaseStore, Counts, Disclosed, Dispatch, GroupCounts, Letter, Moving,
    NoticeLine, Page, Paper, Queue, Seen, StoredCase,
};
pub use store::vault::{self, Keeper, Vault};
pub use store::{
    Outbox, Outgoing, RecordedStay, StaysState, Store, database::Database, postgres::Postgres,
    sqlite::Sqlite,
};
pub use subgroup::Groups;
pub use terms::{Reviewers, Terms};
pub use tripwire::{NotRight, Rate, Tripwire};
pub use verification::{
    Finding, Ground, Had, Proposed, Refuted, Source, SourceKind, Verified, Verifying,
};
