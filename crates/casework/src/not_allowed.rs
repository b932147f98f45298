//! Why a step is not allowed: the case's own answer, before and besides the gate's. It is a value and not an error, and
//! names no person.

use crate::{CaseStage, StepKind};
use agreement::VerifiedFact;
use jiff::Timestamp;

/// Why a case does not take a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// The step does not follow from where the case stands.
    #[error("a case at `{stage}` takes no step `{step}`")]
    WrongStage {
        /// Where it stands.
        stage: CaseStage,
        /// The step.
        step: StepKind,
    },
    /// A machine may close a case and never advance it (floor F5).
    #[error(
        "only a person takes the step `{step}`: the machine may close a case and never advance it"
    )]
    NotTheMachines {
        /// The step.
        step: StepKind,
    },
    /// The individual contests, and an officer does the rest.
    #[error("the individual does not take the step `{step}`")]
    NotTheIndividuals {
        /// The step.
        step: StepKind,
    },
    /// A correction has cut the bond that the lead hangs on: nothing follows from it any more (floor F7).
    #[error("the correction of case `{by}` says that the two records are of different people")]
    Cut {
        /// The case that was corrected.
        by: String,
    },
    /// It takes another person (floor F5).
    #[error("it takes another person: the same one {did}")]
    SamePerson {
        /// What the same person did before.
        did: &'static str,
    },
    /// There is no reason in words.
    #[error("a reason in words is missing")]
    NoReason,
    /// What is said would have ended already.
    #[error("it would have ended already")]
    ExpiredAlready,
    /// Two people differ: a third one decides.
    #[error("two people judged differently: a third one decides")]
    NeedsAdjudication,
    /// Nobody differs.
    #[error("there is nothing to adjudicate")]
    NothingToAdjudicate,
    /// What cannot be told is no ground for going on.
    #[error(
        "it cannot be told whether the two records are of one person: nothing is verified on that"
    )]
    CannotBeTold,
    /// No finding waits for a second person.
    #[error("no finding waits for a second person")]
    NothingProposed,
    /// Facts of 552a(p)(2) are not confirmed.
    #[error("not everything that must be is confirmed: {}", facts(missing))]
    FactsMissing {
        /// The facts.
        missing: Vec<VerifiedFact>,
    },
    /// No source beyond the two records that were compared.
    #[error("the finding names no source beyond the matched record")]
    NoSourceBeyondTheRecord,
    /// The individual had no access to it.
    #[error("the individual had no access to it: that refutes the lead")]
    NoAccess,
    /// A period ends before it begins.
    #[error("a period ends before it begins")]
    PeriodBackwards,
    /// The agreement does not rest on a finding of the board.
    #[error("the agreement does not rest on a finding of the board under 552a(p)(1)(A)(ii)")]
    NoBoardFinding,
    /// A death takes a certified record and a second datum.
    #[error("a death takes a registrar's certified record and a second datum")]
    DeathNotCertified,
    /// A death is told to household, payee or estate.
    #[error("where a death was found the notice goes to the household, the payee or the estate")]
    HouseholdNotTold,
    /// No notice was drafted.
    #[error("no notice was drafted")]
    NotDrafted,
    /// Address or language is missing.
    #[error("a notice needs an address and a language")]
    NoAddress,
    /// The letter is not the one that was drafted.
    #[error("the letter is not the one that was drafted")]
    OtherLetter,
    /// It cannot have been served then.
    #[error("a notice is served after it was verified and not in the future")]
    NotServedThen,
    /// The period is shorter than the agreement's.
    #[error("the period to answer is shorter than the agreement's {days} days")]
    PeriodTooShort {
        /// The agreement's days.
        days: u32,
    },
    /// The notice was not served, or its mail came back.
    #[error("the notice is not served: the mail came back and it must be tried at another address")]
    NotServed,
    /// The mail has not come back.
    #[error("the notice is served already")]
    ServedAlready,
    /// The period to answer still runs.
    #[error("the period to answer runs until {ends}")]
    PeriodRuns {
        /// Until when.
        ends: Timestamp,
    },
    /// The individual was right.
    #[error("the contest was upheld: no action follows")]
    ContestUpheld,
    /// The contest was decided before.
    #[error(
        "the contest was decided after a hearing or in writing: it can be reversed, and not filed again"
    )]
    ContestedBefore,
    /// The record is disputed and the source has not answered.
    #[error("the source has not answered a dispute about its record")]
    DisputeOpen,
    /// There is no such dispute waiting.
    #[error("no such dispute waits for an answer")]
    NoSuchDispute,
    /// An emergency measure ends after ten days at the latest.
    #[error("an emergency measure ends after ten days at the latest")]
    EmergencyTooLong,
    /// A measure stands already, or was used up.
    #[error("an emergency measure was taken already")]
    EmergencyTaken,
    /// No measure stands.
    #[error("no emergency measure stands")]
    NoEmergency,
    /// Nobody knows how to undo it (floor F7).
    #[error("an action needs a plan of how it is undone")]
    NoUndoPlan,
    /// What undoing takes is not kept long enough.
    #[error("what undoing takes is to be kept {days} days at least")]
    UndoTooShort {
        /// The least number of days.
        days: u32,
    },
    /// What undoing takes is no longer kept.
    #[error("the time in which it can be undone has ended")]
    UndoEnded,
    /// It can still be undone.
    #[error("the action can be contested and undone until {until}")]
    CanBeUndone {
        /// Until when.
        until: Timestamp,
    },
    /// The notice came back after the action: it must be reversed.
    #[error("the notice came back after the action: the action is to be reversed")]
    MustBeReversed,
    /// That party is not awaited.
    #[error("no acknowledgement of that party is awaited")]
    NotAwaited,
    /// A recipient has not acknowledged the correction.
    #[error("not every recipient has acknowledged the correction")]
    NotAllAcknowledged,
    /// The individual was not told of the correction.
    #[error("the individual was not told of the correction")]
    IndividualNotTold,
    /// That reason does not close a case that stands here.
    #[error("a case at `{stage}` is not closed for that reason")]
    NotForThatReason {
        /// Where it stands.
        stage: CaseStage,
    },
}

fn facts(missing: &[VerifiedFact]) -> String {
    let words = missing.iter().map(|fact| match fact {
        VerifiedFact::Amount => "the amount",
        VerifiedFact::Access => "actual access",
        VerifiedFact::Period => "the period",
    });
    words.collect::<Vec<_>>().join(", ")
}
