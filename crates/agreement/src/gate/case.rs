//! What somebody asks the gate for about a case, from its lead to its end, and what the case holds so far.
//!
//! The gate keeps no case: whoever does says what has happened, by whom, and when, and the gate decides by the rules of
//! F5, F6, F7 and F10 and of each law pack (5 U.S.C. 552a(p)). Like [`super::Request`], this holds no personal data:
//! officers by their ids, a case by its number, facts by their kind. Whether a period is over is not asked of the
//! caller; the gate counts it itself ([`super::Gate::contest_ends`]).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Act;
use crate::{
    Agreement, CaseRef, ElementRef, Environment, GroupId, Lift, OfficerId, OfficerRole, PartyId,
    PurposeId, RegisterKey, Seal, Stay, VerifiedFact,
};

/// A request about a case, or about what surrounds cases: stays, accounts, work lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRequest {
    /// What is asked for.
    pub act: Act,
    /// The party at whose node it is asked.
    pub party: PartyId,
    /// What for.
    pub purpose: PurposeId,
    /// Who asks.
    pub by: By,
    /// The case, where the act is about one.
    pub case: Option<CaseRef>,
    /// The environment the node runs in.
    pub environment: Environment,
    /// Whether an entry could be written to the ledger just now (F9).
    pub ledger_writable: bool,
    /// Of a thousand reviewed leads of later cycles, how many were reversed; none if none were reviewed (F12).
    pub reversed_permille: Option<u64>,
    /// The elements of the source that the act shows or uses; empty means any.
    pub elements: BTreeSet<ElementRef>,
    /// Whom the case concerns, in an order's words; empty means anybody.
    pub populations: BTreeSet<GroupId>,
    /// Where they live, in an order's words; empty means anywhere.
    pub territories: BTreeSet<GroupId>,
    /// What the case holds so far.
    pub file: CaseFile,
    /// The action to be taken, for [`Act::TAKE_ACTION`].
    pub action: Option<ProposedAction>,
    /// Records asked for about named persons, for [`Act::REQUEST_RECORDS`].
    pub records: Option<RecordsAsked>,
    /// The seal to be put on, for [`Act::SEAL`].
    pub seal: Option<Seal>,
    /// The stay to be recorded or lifted, for [`Act::RECORD_STAY`] and [`Act::LIFT_STAY`].
    pub stay: Option<Stay>,
    /// The order that lifts it, for [`Act::LIFT_STAY`].
    pub lift: Option<Lift>,
    /// Whose account is changed, for [`Act::ADMINISTER`].
    pub account: Option<Account>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case", deny_unknown_fields)]
pub enum By {
    /// A person at work.
    Officer {
        /// The officer.
        id: OfficerId,
        /// The roles given to the officer under this agreement.
        roles: BTreeSet<OfficerRole>,
    },
    /// The person concerned, at the door of their own.
    Individual {
        /// Whether they have proved who they are.
        proved: bool,
    },
    /// No person: a timer, a run.
    Machine,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseStage {
    /// A pair over the threshold, and nothing more.
    Lead,
    /// Judged by a person.
    Reviewed,
    /// Facts are being confirmed.
    Verifying,
    /// Facts are confirmed.
    Verified,
    /// Facts turned out otherwise.
    Refuted,
    /// The individual has notice.
    Noticed,
    /// The individual contests.
    Contested,
    /// A hearing is open.
    Hearing,
    /// The contest is decided.
    Decided,
    /// An action was taken.
    Action,
    /// A correction is under way.
    Correction,
    /// Nothing more is done.
    Closed,
}

impl CaseStage {
    /// Returns the stage's word in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Reviewed => "reviewed",
            Self::Verifying => "verifying",
            Self::Verified => "verified",
            Self::Refuted => "refuted",
            Self::Noticed => "noticed",
            Self::Contested => "contested",
            Self::Hearing => "hearing",
            Self::Decided => "decided",
            Self::Action => "action",
            Self::Correction => "correction",
            Self::Closed => "closed",
        }
    }
}

/// What the reviews of a lead come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reviews {
    /// One individual.
    Same,
    /// Two individuals.
    NotSame,
    /// Nobody can say.
    Unsure,
    /// Two reviewers, two judgements.
    Disagree,
}

impl Reviews {
    /// Returns the word for it in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::NotSame => "not_same",
            Self::Unsure => "unsure",
            Self::Disagree => "disagree",
        }
    }
}

/// What a case holds so far, as whoever keeps it says.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that rules ask for")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaseFile {
    /// Where it stands; none for an act about no case.
    pub stage: Option<CaseStage>,
    /// What the reviews come to; none if there is none.
    pub reviews: Option<Reviews>,
    /// Whether a second, blind judgement is still to come.
    pub awaits_second_review: bool,
    /// Who judged the lead.
    pub reviewed_by: BTreeSet<OfficerId>,
    /// Who confirmed or refuted facts.
    pub verified_by: BTreeSet<OfficerId>,
    /// Who approved as the second person.
    pub confirmed_by: BTreeSet<OfficerId>,
    /// Who took an action.
    pub acted_by: BTreeSet<OfficerId>,
    /// Facts confirmed, (p)(2).
    pub confirmed: BTreeSet<VerifiedFact>,
    /// How many sources beyond the matched record confirmed them: payer, registrar, the individual.
    pub sources: u64,
    /// What shows a death, where that is what was found.
    pub death: Option<Death>,
    /// Whether verification showed that the finding is wrong.
    pub refuted: bool,
    /// The last notice that was served, if one was.
    pub notice: Option<NoticeServed>,
    /// Whether the individual ever contested.
    pub contested: bool,
    /// Whether a contest waits for its decision.
    pub contest_open: bool,
    /// Whether there was or is a hearing.
    pub hearing: bool,
    /// Whether a hearing waits for its decision.
    pub hearing_open: bool,
    /// Whether aid went on until the decision, where there was a hearing.
    pub aid_continued: bool,
    /// What was decided on the contest.
    pub decided: Option<Decided>,
    /// Whether an answer came after the period and has not been dealt with.
    pub late_answer: bool,
    /// Recipients that have not acknowledged a correction yet (F7).
    pub corrections_open: u64,
    /// What undoing the action takes, where one was taken.
    pub undo: Option<Undo>,
    /// When the case was closed, if it is.
    pub closed_at: Option<Timestamp>,
}

/// A notice of findings that was served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeServed {
    /// When it was mailed or given; if it came back, when it was sent again.
    pub served_at: Timestamp,
    /// How.
    pub service: Service,
    /// The first instant after the period the notice itself names, if that is longer than the law's.
    pub told_until: Option<Timestamp>,
    /// What it says.
    pub states: BTreeSet<NoticePart>,
    /// Whether it came back and was not sent again, or there is no address to send it to.
    pub returned: bool,
}

/// How a notice was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// By mail: days for the mail are added.
    Mailed,
    /// Into the person's hands.
    Given,
}

/// What a notice of findings says, (p)(1)(B).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticePart {
    /// What was found, and from where.
    Findings,
    /// That and how it can be contested.
    RightToContest,
    /// Until when.
    LastDay,
}

/// What was decided on a contest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// The finding stands.
    Upheld,
    /// The individual is right.
    Overturned,
}

impl Decided {
    /// Returns the word for it in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Overturned => "overturned",
        }
    }
}

/// What undoing an action takes, and how long it is kept (F7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Until when what undoing takes is kept.
    pub kept_until: Timestamp,
    /// When the last period to appeal, or of limitation, ends.
    pub needed_until: Timestamp,
}

/// An action to be taken. Suspending, delaying and marking a record are actions too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProposedAction {
    /// Whether it rests on there having been no answer.
    pub silence: Option<Silence>,
    /// Whether it decides on citizenship or status.
    pub citizenship: bool,
    /// The emergency, where it cannot wait for the period, (p)(3).
    pub emergency: Option<Emergency>,
    /// What undoing it takes.
    pub undo: Option<Undo>,
}

/// An action that rests on silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// The law that gives silence an effect.
    pub citation: String,
    /// Whether each step this law asks for was done.
    pub every_step_done: bool,
}

/// What shows a death.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Death {
    /// Whether a certified record of it is on file.
    pub certified_record: bool,
    /// Whether a second datum, from elsewhere, says so too.
    pub second_datum: bool,
    /// Whether household, payee or estate have notice.
    pub household_notified: bool,
}

/// An emergency of public health or safety, 5 U.S.C. 552a(p)(3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Which of the two.
    pub ground: EmergencyGround,
    /// The official who declares it.
    pub official: OfficerId,
    /// Why, in words; personal data does not belong here, and neither facts nor ledger take it.
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
    /// When it is reviewed.
    pub review_at: Timestamp,
}

impl std::fmt::Debug for Emergency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emergency")
            .field("ground", &self.ground)
            .field("official", &self.official)
            .field("reason", &format_args!("[redacted]"))
            .field("until", &self.until)
            .field("review_at", &self.review_at)
            .finish()
    }
}

/// What an emergency threatens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyGround {
    /// Public health.
    PublicHealth,
    /// Public safety.
    PublicSafety,
}

/// Records asked for about named persons, outside a run (F4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsAsked {
    /// Rows, each of which names one person.
    pub rows: u64,
    /// Rows that lack what their law requires; a placeholder is missing.
    pub deficient_rows: u64,
    /// Whether any part of it asks for everybody who fits a description.
    pub by_description: bool,
    /// Open matters of the officer, this one included.
    pub open_matters: u64,
    /// Persons asked about for this recipient in the last 90 days, these included.
    pub persons_in_90_days: u64,
    /// The key of the register of requests that they are counted in; none where there is none at hand.
    pub register: Option<RegisterKey>,
}

/// An account that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Whose.
    pub officer: OfficerId,
    /// The roles under this agreement that the officer has after the change.
    pub roles: BTreeSet<OfficerRole>,
}

impl CaseRequest {
    /// Returns a request for an act about no case yet, with nothing done and nothing brought.
    ///
    /// The environment is the agreement's, which proves nothing about where this runs: whoever asks for a node sets
    /// [`CaseRequest::environment`] to the node's own, and [`CaseRequest::ledger_writable`] to what is so.
    pub fn new(
        agreement: &Agreement,
        act: Act,
        party: &PartyId,
        purpose: &PurposeId,
        by: By,
    ) -> Self {
        Self {
            act,
            party: party.clone(),
            purpose: purpose.clone(),
            by,
            case: None,
            environment: agreement.environment,
            ledger_writable: false,
            reversed_permille: None,
            elements: BTreeSet::new(),
            populations: BTreeSet::new(),
            territories: BTreeSet::new(),
            file: CaseFile::default(),
            action: None,
            records: None,
            seal: None,
            stay: None,
            lift: None,
            account: None,
        }
    }
}
