//! A step: one thing that somebody does on a case, with the evidence for it. The steps of a case, in order, are all that
//! is kept of it; where it stands is their fold ([`crate::Case::replay`]).

use crate::Actor;
use crate::action::{ActionOrder, Emergency};
use crate::closing::Closing;
use crate::contest::{Contest, Ruling};
use crate::correction::{CorrectionOrder, Told};
use crate::dispute::{DisputeAnswer, Objection};
use crate::notice::{Draft, Returned, Service};
use crate::review::Opinion;
use crate::verification::Finding;
use agreement::{OfficerId, PartyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that somebody does on a case.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", content = "with", rename_all = "kebab-case")]
pub enum Step {
    /// Judges the lead.
    Review(Opinion),
    /// Settles, as a third person, what two judged differently or one could not tell.
    Adjudicate(Opinion),
    /// Gives the case to an officer, or lists it under a county or worker.
    Assign(Assignment),
    /// Begins verification.
    Verify,
    /// Proposes a finding.
    Find(Finding),
    /// Confirms the proposed finding, as a second person.
    Confirm,
    /// Sends the proposed finding back, as a second person.
    SendBack(String),
    /// Finds that it is not so.
    Refute(String),
    /// Drafts the notice.
    DraftNotice(Draft),
    /// Serves the notice, for the first time or again.
    ServeNotice(Service),
    /// Notes that the mail came back.
    NoteReturnedMail(Returned),
    /// Files the individual's answer.
    FileContest(Contest),
    /// Takes the answer back.
    WithdrawContest(String),
    /// Opens a hearing; aid continues until it is decided.
    OpenHearing(Timestamp),
    /// Decides the contest.
    Decide(Ruling),
    /// Takes a measure that cannot wait, for ten days at most.
    TakeEmergencyMeasure(Emergency),
    /// Ends that measure.
    EndEmergencyMeasure(String),
    /// Takes adverse action.
    TakeAction(ActionOrder),
    /// Undoes an action, and corrects what went out.
    Reverse(CorrectionOrder),
    /// Corrects records, wherever they went.
    Correct(CorrectionOrder),
    /// Notes that a recipient acknowledged the correction.
    Acknowledge(Acknowledgement),
    /// Notes that the individual was told of the correction.
    TellIndividual(Told),
    /// Disputes the source's record.
    OpenDispute(Objection),
    /// Notes the source's answer.
    AnswerDispute(DisputeAnswer),
    /// Takes back the judgement that two records are not of one person.
    ReverseJudgement(String),
    /// Closes the case.
    Close(Closing),
}

/// To whom a case is given, and under what it is listed. What is none stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Assignment {
    /// The officer.
    pub officer: Option<OfficerId>,
    /// The county.
    pub county: Option<String>,
    /// The worker.
    pub worker: Option<String>,
}

/// A recipient's acknowledgement of a correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The recipient.
    pub recipient: PartyId,
    /// SHA-256 of its signed answer.
    pub answer: String,
}

/// What kind of step it is: what is stored in the clear, counted and asked the gate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// [`Step::Review`]
    Review,
    /// [`Step::Adjudicate`]
    Adjudicate,
    /// [`Step::Assign`]
    Assign,
    /// [`Step::Verify`]
    Verify,
    /// [`Step::Find`]
    Find,
    /// [`Step::Confirm`]
    Confirm,
    /// [`Step::SendBack`]
    SendBack,
    /// [`Step::Refute`]
    Refute,
    /// [`Step::DraftNotice`]
    DraftNotice,
    /// [`Step::ServeNotice`]
    ServeNotice,
    /// [`Step::NoteReturnedMail`]
    NoteReturnedMail,
    /// [`Step::FileContest`]
    FileContest,
    /// [`Step::WithdrawContest`]
    WithdrawContest,
    /// [`Step::OpenHearing`]
    OpenHearing,
    /// [`Step::Decide`]
    Decide,
    /// [`Step::TakeEmergencyMeasure`]
    TakeEmergencyMeasure,
    /// [`Step::EndEmergencyMeasure`]
    EndEmergencyMeasure,
    /// [`Step::TakeAction`]
    TakeAction,
    /// [`Step::Reverse`]
    Reverse,
    /// [`Step::Correct`]
    Correct,
    /// [`Step::Acknowledge`]
    Acknowledge,
    /// [`Step::TellIndividual`]
    TellIndividual,
    /// [`Step::OpenDispute`]
    OpenDispute,
    /// [`Step::AnswerDispute`]
    AnswerDispute,
    /// [`Step::ReverseJudgement`]
    ReverseJudgement,
    /// [`Step::Close`]
    Close,
}

impl StepKind {
    /// All of them, in order.
    pub const ALL: [StepKind; 26] = [
        StepKind::Review,
        StepKind::Adjudicate,
        StepKind::Assign,
        StepKind::Verify,
        StepKind::Find,
        StepKind::Confirm,
        StepKind::SendBack,
        StepKind::Refute,
        StepKind::DraftNotice,
        StepKind::ServeNotice,
        StepKind::NoteReturnedMail,
        StepKind::FileContest,
        StepKind::WithdrawContest,
        StepKind::OpenHearing,
        StepKind::Decide,
        StepKind::TakeEmergencyMeasure,
        StepKind::EndEmergencyMeasure,
        StepKind::TakeAction,
        StepKind::Reverse,
        StepKind::Correct,
        StepKind::Acknowledge,
        StepKind::TellIndividual,
        StepKind::OpenDispute,
        StepKind::AnswerDispute,
        StepKind::ReverseJudgement,
        StepKind::Close,
    ];

    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            StepKind::Review => "review",
            StepKind::Adjudicate => "adjudicate",
            StepKind::Assign => "assign",
            StepKind::Verify => "verify",
            StepKind::Find => "find",
            StepKind::Confirm => "confirm",
            StepKind::SendBack => "send-back",
            StepKind::Refute => "refute",
            StepKind::DraftNotice => "draft-notice",
            StepKind::ServeNotice => "serve-notice",
            StepKind::NoteReturnedMail => "note-returned-mail",
            StepKind::FileContest => "file-contest",
            StepKind::WithdrawContest => "withdraw-contest",
            StepKind::OpenHearing => "open-hearing",
            StepKind::Decide => "decide",
            StepKind::TakeEmergencyMeasure => "take-emergency-measure",
            StepKind::EndEmergencyMeasure => "end-emergency-measure",
            StepKind::TakeAction => "take-action",
            StepKind::Reverse => "reverse",
            StepKind::Correct => "correct",
            StepKind::Acknowledge => "acknowledge",
            StepKind::TellIndividual => "tell-individual",
            StepKind::OpenDispute => "open-dispute",
            StepKind::AnswerDispute => "answer-dispute",
            StepKind::ReverseJudgement => "reverse-judgement",
            StepKind::Close => "close",
        }
    }

    /// Reads the word as stored.
    pub fn read(text: &str) -> Option<StepKind> {
        StepKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Step {
    /// Returns what kind it is.
    pub fn kind(&self) -> StepKind {
        match self {
            Step::Review(_) => StepKind::Review,
            Step::Adjudicate(_) => StepKind::Adjudicate,
            Step::Assign(_) => StepKind::Assign,
            Step::Verify => StepKind::Verify,
            Step::Find(_) => StepKind::Find,
            Step::Confirm => StepKind::Confirm,
            Step::SendBack(_) => StepKind::SendBack,
            Step::Refute(_) => StepKind::Refute,
            Step::DraftNotice(_) => StepKind::DraftNotice,
            Step::ServeNotice(_) => StepKind::ServeNotice,
            Step::NoteReturnedMail(_) => StepKind::NoteReturnedMail,
            Step::FileContest(_) => StepKind::FileContest,
            Step::WithdrawContest(_) => StepKind::WithdrawContest,
            Step::OpenHearing(_) => StepKind::OpenHearing,
            Step::Decide(_) => StepKind::Decide,
            Step::TakeEmergencyMeasure(_) => StepKind::TakeEmergencyMeasure,
            Step::EndEmergencyMeasure(_) => StepKind::EndEmergencyMeasure,
            Step::TakeAction(_) => StepKind::TakeAction,
            Step::Reverse(_) => StepKind::Reverse,
            Step::Correct(_) => StepKind::Correct,
            Step::Acknowledge(_) => StepKind::Acknowledge,
            Step::TellIndividual(_) => StepKind::TellIndividual,
            Step::OpenDispute(_) => StepKind::OpenDispute,
            Step::AnswerDispute(_) => StepKind::AnswerDispute,
            Step::ReverseJudgement(_) => StepKind::ReverseJudgement,
            Step::Close(_) => StepKind::Close,
        }
    }
}

/// A step says what it holds about a person to nobody.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [redacted]", self.kind())
    }
}

/// A step as taken: by whom and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The step.
    pub step: Step,
    /// Who took it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}
