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

    /// Give a case to an officer.
    pub const ASSIGN: Self = Self(Cow::Borrowed("assign"));
    /// Read a case and what it holds about a person, at work.
    pub const READ_CASE: Self = Self(Cow::Borrowed("read_case"));
    /// Read a case in order to hear, decide, correct or restore; outlives expiry and stay.
    pub const READ_EVIDENCE: Self = Self(Cow::Borrowed("read_evidence"));
    /// Judge the lead of a case, as a person: same, not same, unsure.
    pub const REVIEW_LEAD: Self = Self(Cow::Borrowed("review_lead"));
    /// Settle two judgements that disagree.
    pub const ADJUDICATE: Self = Self(Cow::Borrowed("adjudicate"));
    /// Confirm facts beyond the two records, from the start of it to its finding.
    pub const VERIFY: Self = Self(Cow::Borrowed("verify"));
    /// Approve, as the second person, what one officer reviewed and verified.
    pub const CONFIRM: Self = Self(Cow::Borrowed("confirm"));
    /// Find that the facts are otherwise.
    pub const REFUTE: Self = Self(Cow::Borrowed("refute"));
    /// Serve the notice of findings, or serve it again.
    pub const SERVE_NOTICE: Self = Self(Cow::Borrowed("serve_notice"));
    /// Note that a notice came back.
    pub const NOTE_RETURNED_MAIL: Self = Self(Cow::Borrowed("note_returned_mail"));
    /// Contest, as the individual, or take in what the individual wrote.
    pub const FILE_CONTEST: Self = Self(Cow::Borrowed("file_contest"));
    /// Open a hearing; aid goes on until its decision.
    pub const OPEN_HEARING: Self = Self(Cow::Borrowed("open_hearing"));
    /// Decide on a contest.
    pub const DECIDE: Self = Self(Cow::Borrowed("decide"));
    /// Take an adverse action. Suspending, delaying or marking a record is one.
    pub const TAKE_ACTION: Self = Self(Cow::Borrowed("take_action"));
    /// Undo an action; restore.
    pub const REVERSE: Self = Self(Cow::Borrowed("reverse"));
    /// Correct a record or withdraw a lead, and send the correction to every recipient.
    pub const CORRECT: Self = Self(Cow::Borrowed("correct"));
    /// Close a case.
    pub const CLOSE: Self = Self(Cow::Borrowed("close"));
    /// Destroy what a case holds, when its time is over.
    pub const DESTROY: Self = Self(Cow::Borrowed("destroy"));
    /// See what was disclosed about oneself, and one's own case.
    pub const SEE_OWN: Self = Self(Cow::Borrowed("see_own"));
    /// Keep an entry from the person concerned, under a cited power, until an end.
    pub const SEAL: Self = Self(Cow::Borrowed("seal"));
    /// Read decisions, counts and ledger in the console, as the auditor; no element.
    pub const AUDIT_READ: Self = Self(Cow::Borrowed("audit_read"));
    /// Record a stay, or a source's own stop.
    pub const RECORD_STAY: Self = Self(Cow::Borrowed("record_stay"));
    /// Lift a stay, or a part of it, under an order of its own.
    pub const LIFT_STAY: Self = Self(Cow::Borrowed("lift_stay"));
    /// Dispute a record of the source, as the recipient.
    pub const DISPUTE_RECORD: Self = Self(Cow::Borrowed("dispute_record"));
    /// Answer a dispute, as the source.
    pub const ANSWER_DISPUTE: Self = Self(Cow::Borrowed("answer_dispute"));
    /// Ask for records of named persons, outside a run (F4).
    pub const REQUEST_RECORDS: Self = Self(Cow::Borrowed("request_records"));
    /// Give up a request for records that was broken off: what it found and had not released goes to nobody.
    pub const DROP_REQUEST: Self = Self(Cow::Borrowed("drop_request"));
    /// Take work lists out into the agency's own system.
    pub const EXPORT_WORK: Self = Self(Cow::Borrowed("export_work"));
    /// Take results in from it; each row is still an act of its own.
    pub const IMPORT_RESULTS: Self = Self(Cow::Borrowed("import_results"));
    /// Vote, as a member of the board.
    pub const VOTE: Self = Self(Cow::Borrowed("vote"));
    /// Keep accounts and their roles, and the node.
    pub const ADMINISTER: Self = Self(Cow::Borrowed("administer"));

    /// Every act about cases and what surrounds them; [`super::Gate::decide_case`] answers these and no other.
    pub const OF_CASES: [Self; 31] = [
        Self::ASSIGN,
        Self::READ_CASE,
        Self::READ_EVIDENCE,
        Self::REVIEW_LEAD,
        Self::ADJUDICATE,
        Self::VERIFY,
        Self::CONFIRM,
        Self::REFUTE,
        Self::SERVE_NOTICE,
        Self::NOTE_RETURNED_MAIL,
        Self::FILE_CONTEST,
        Self::OPEN_HEARING,
        Self::DECIDE,
        Self::TAKE_ACTION,
        Self::REVERSE,
        Self::CORRECT,
        Self::CLOSE,
        Self::DESTROY,
        Self::SEE_OWN,
        Self::SEAL,
        Self::AUDIT_READ,
        Self::RECORD_STAY,
        Self::LIFT_STAY,
        Self::DISPUTE_RECORD,
        Self::ANSWER_DISPUTE,
        Self::REQUEST_RECORDS,
        Self::DROP_REQUEST,
        Self::EXPORT_WORK,
        Self::IMPORT_RESULTS,
        Self::VOTE,
        Self::ADMINISTER,
    ];

    /// Tells whether the act moves a case towards an action, or lets data about people out: it needs an agreement in
    /// force, and every stay in whose scope it lies halts it (F1, F8).
    pub fn advances(&self) -> bool {
        [
            Self::ASSIGN,
            Self::READ_CASE,
            Self::REVIEW_LEAD,
            Self::ADJUDICATE,
            Self::VERIFY,
            Self::CONFIRM,
            Self::SERVE_NOTICE,
            Self::TAKE_ACTION,
            Self::REQUEST_RECORDS,
            Self::EXPORT_WORK,
            Self::IMPORT_RESULTS,
        ]
        .contains(self)
    }

    /// Tells whether an order can halt the act by naming it, though it outlives stays otherwise. Not the auditor's
    /// access (F11), nor what records and lifts stays, votes or keeps accounts.
    pub fn can_be_named(&self) -> bool {
        [
            Self::READ_EVIDENCE,
            Self::FILE_CONTEST,
            Self::OPEN_HEARING,
            Self::DECIDE,
            Self::REVERSE,
            Self::CORRECT,
            Self::DESTROY,
            Self::SEE_OWN,
            Self::DISPUTE_RECORD,
            Self::ANSWER_DISPUTE,
        ]
        .contains(self)
    }

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
    /// Whether the witnesses that the agreement names were waited for and too few of them cosigned (F9).
    pub quorum_missed: bool,
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
            quorum_missed: false,
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
