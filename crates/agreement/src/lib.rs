#![doc = include_str!("../README.md")]
//!
//! ---
//!
//! This file only gathers the crate's modules; what each is for, and what not, stands in its own first lines.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod agreement;
mod calendar;
mod check;
mod claim;
mod clock;
mod demonstration;
mod digest;
mod discrepancy;
mod duty;
mod element;
mod error;
mod filed;
mod gate;
mod id;
mod key;
mod memo;
mod model;
mod note_key;
mod officer;
mod pack;
mod party;
mod problem;
mod purpose;
mod reader;
mod record_set;
mod register;
mod schedule;
mod schema;
mod seal;
mod signature;
mod stay;
mod subgroup;
mod template;
mod term;
mod terms;
mod witnesses;

pub use agreement::Agreement;
pub use calendar::{Calendar, Holiday, HolidayRule, Observed, WeekDay};
pub use check::law_problems;
pub use claim::{Claim, ClaimKind, Exception, ExceptionKind};
pub use clock::{Clock, ClockUnit, Counted, Deadline, ProgramPeriod};
pub use demonstration::Demonstration;
pub use digest::Digest;
pub use discrepancy::{Discrepancy, Period};
pub use duty::{
    Accuracy, Auditor, CostBenefit, Disputing, Justification, Notice, Redisclosure,
    RedisclosureException, Retention, Reviewers, Reviewing, Security, UseOfRecords, Verification,
    VerificationMethod, VerifiedFact,
};
pub use element::{Category, Element, Kind, Span};
pub use error::Error;
pub use filed::{Annex, Caseload, FederalRegister, Filed, JoinPublished, Publications};
pub use gate::{
    Account, Act, By, CaseFile, CaseRequest, CaseStage, Death, Decided, Decision, Emergency,
    EmergencyGround, Extract, Facts, Gate, Grounds, NoticePart, NoticeServed, PackRef, Permit,
    PilotStatus, ProposedAction, Reason, RecordsAsked, Refusal, Request, Reviews, SCHEMA, Service,
    Silence, Undo,
};
pub use id::{
    CaseRef, ClaimId, CycleId, ElementName, ElementRef, GroupId, OfficerId, PackId, PartyId,
    ProgramId, PurposeId, RecordSetId, SubgroupId,
};
pub use key::{Environment, PublicKey, SignatureBytes, SigningKey};
pub use model::{Model, Pilot, Threshold};
pub use officer::OfficerRole;
pub use pack::{
    InForce, Kept, Manifest, NoticeText, Pack, Regime, Report, Required, Unconfirmed, VectorOutcome,
};
pub use party::{Board, Party, Role};
pub use problem::Problem;
pub use purpose::{Authority, Purpose, PurposeKind};
pub use reader::is_placeholder;
pub use record_set::{Basis, RecordSet, SystemOfRecords, Use};
pub use register::RegisterKey;
pub use schedule::{
    Compression, Contact, Control, Cycle, Drawn, Encoding, Extracted, FileFormat, Reached, Schedule,
};
pub use schema::agreement_schema;
pub use seal::Seal;
pub use signature::{Answer, Document, KeyChange, Signature, Signer, SignerRole, Standing};
pub use stay::{Direction, Lift, Scope, Stay, StayKind};
pub use subgroup::{Grouping, Subgroup};
pub use template::template;
pub use term::Term;
pub use terms::terms_problems;
pub use witnesses::{WitnessKey, WitnessMember, Witnesses};
