//! What somebody asks the gate for: an act, by whom, what for, on what.
//!
//! A request holds no personal data, so that it can be kept for ever and decided again. Numbers in it come from
//! outside and are bounded before any rule sees them ([`super::Facts`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Agreement, Category, CycleId, Digest, ElementRef, Environment, GroupId, OfficerId, PartyId,
    PurposeId, RecordSetId,
};

/// What is asked for. Acts the policies do not know are refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Act(Cow<'static, str>);

impl Act {
    /// File the agreement; moves no data.
    pub const FILE: Self = Self(Cow::Borrowed("file"));
    /// Train a model; lets out only counts and parameters.
    pub const TRAIN: Self = Self(Cow::Borrowed("train"));
    /// Run the program: link, score, open leads.
    pub const RUN: Self = Self(Cow::Borrowed("run"));
    /// Let returned elements leave the node.
    pub const RELEASE: Self = Self(Cow::Borrowed("release"));
    /// Read a lead and its elements.
    pub const READ: Self = Self(Cow::Borrowed("read"));
    /// Judge a lead, as a person.
    pub const REVIEW: Self = Self(Cow::Borrowed("review"));
    /// Read decisions, counts and ledger, as the auditor; no element.
    pub const AUDIT: Self = Self(Cow::Borrowed("audit"));

    /// Returns the act of this name, known or not; the gate refuses what it does not know.
    pub fn named(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }

    /// Returns the act's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// A request to the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is asked for.
    pub act: Act,
    /// The party that asks.
    pub party: PartyId,
    /// The officer who asks, where a person does.
    pub officer: Option<OfficerId>,
    /// What for.
    pub purpose: PurposeId,
    /// Elements that pairs will be compared on.
    pub matched_on: BTreeSet<ElementRef>,
    /// Elements that the recipient will get.
    pub returned: BTreeSet<ElementRef>,
    /// Elements that the discrepancy rule will look at and that stay with their owner.
    pub compared: BTreeSet<ElementRef>,
    /// Records in each set, counted before anything is compared.
    pub counts: BTreeMap<RecordSetId, u64>,
    /// The element by which the answer is confined to the recipient's own caseload (F4).
    pub caseload_id: Option<ElementRef>,
    /// How each set's extract was drawn, as its source attests (F3).
    pub extracts: BTreeMap<RecordSetId, Extract>,
    /// The environment the node runs in.
    pub environment: Environment,
    /// The cycle, for a recurring program.
    pub cycle: Option<CycleId>,
    /// Whether an entry could be written to the ledger just now (F9).
    pub ledger_writable: bool,
    /// The digest of the model in use, once there is one.
    pub model_digest: Option<Digest>,
    /// The digest of the recipe the model is or was trained by.
    pub recipe_digest: Option<Digest>,
    /// The threshold in use, as a weight.
    pub threshold: Option<f64>,
    /// How far the pilot is (F12).
    pub pilot: PilotStatus,
    /// Of a thousand reviewed leads of later cycles, how many were reversed; none if none were reviewed.
    pub reversed_permille: Option<u64>,
    /// Whom the request concerns, in an order's words; empty means anybody.
    pub populations: BTreeSet<GroupId>,
    /// Where they live, in an order's words; empty means anywhere.
    pub territories: BTreeSet<GroupId>,
}

/// How an extract was drawn, as its source attests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// The party that attests it.
    pub attested_by: Option<PartyId>,
    /// The categories of what the records were selected on; empty if the whole roll was drawn.
    pub selected_on: BTreeSet<Category>,
}

/// How far the pilot of a model is (F12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum PilotStatus {
    /// Leads are opened up to the sample; this many have been opened before.
    Open {
        /// Opened before this act.
        opened: u64,
    },
    /// The sample has been reviewed.
    Reviewed {
        /// Leads reviewed.
        reviewed: u64,
        /// The upper confidence bound of the share of false leads, in thousandths.
        false_permille: u64,
    },
}

impl Request {
    /// Returns a request for an act with everything the agreement names: every element, its caseload id, its
    /// recipe or model, a pilot not yet begun, extracts not yet attested, no counts.
    ///
    /// The environment is the agreement's too, which proves nothing about where this runs: whoever asks for a node sets
    /// [`Request::environment`] to the node's own, and [`Request::reversed_permille`] to what its reviews show.
    pub fn new(agreement: &Agreement, act: Act, party: &PartyId, purpose: &PurposeId) -> Self {
        let moves_elements = act != Act::FILE && act != Act::AUDIT;
        let returns = moves_elements && act != Act::TRAIN;
        Self {
            party: party.clone(),
            officer: None,
            purpose: purpose.clone(),
            matched_on: agreement.matched_on().filter(|_| moves_elements).collect(),
            returned: agreement.returned().filter(|_| returns).collect(),
            compared: agreement.compared().filter(|_| returns).collect(),
            counts: BTreeMap::new(),
            caseload_id: agreement.caseload_id().filter(|_| returns),
            extracts: BTreeMap::new(),
            environment: agreement.environment,
            cycle: None,
            ledger_writable: false,
            model_digest: agreement.model.digest,
            recipe_digest: agreement.model.recipe_digest,
            threshold: None,
            pilot: PilotStatus::Open { opened: 0 },
            reversed_permille: None,
            populations: BTreeSet::new(),
            territories: BTreeSet::new(),
            act,
        }
    }
}
