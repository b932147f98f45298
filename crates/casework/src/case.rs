//! A case: the fold of its steps. [`Case::step`] is the one function that moves one; it is pure and total.
//!
//! A stage is a struct that owns the evidence so far, with private fields: a notice can only be made of what two people
//! verified, an action only of a served notice whose period has ended ([`crate::Concluded`]). Nothing of it can be
//! deserialised, so that nothing can be read into a later stage: the store keeps the steps, and [`Case::replay`] takes
//! them again. What an arm of [`Case::step`] does not name is refused.
//!
//! ```compile_fail,E0277
//! // A case is not read from anywhere: it is opened, and then it is stepped.
//! let read: casework::Case = serde_json::from_str("{}").unwrap();
//! ```
//!
//! ```compile_fail,E0451
//! // Nobody puts a case at a stage by hand.
//! let at_action = casework::Case { standing: todo!(), ..todo!() };
//! ```
//!
//! The gate's answer comes besides (who may, under which agreement); this is what no permit can set aside. Floor F5–F7,
//! [5 U.S.C. 552a(p)](https://www.law.cornell.edu/uscode/text/5/552a).

mod standing;

pub use standing::Standing;

use crate::action::Action;
use crate::closing::{Because, Closed, Closing};
use crate::contest::{Contest, Contested, Decided, Heard, Hearing};
use crate::correction::{Correction, CorrectionOrder};
use crate::dispute::Dispute;
use crate::facts::CaseFacts;
use crate::notice::{Noticed, Service};
use crate::review::{Judged, Judgement, Opinion, Passed, Waiting};
use crate::step::Assignment;
use crate::verification::{Proposed, Refuted, Verified, Verifying};
use crate::{Actor, CaseStage, Groups, LeadId, NotAllowed, Step, StepKind, Taken, Terms};
use agreement::OfficerId;
use jiff::{SignedDuration, Timestamp};

/// A case, with all its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    id: LeadId,
    terms: Terms,
    opened_at: Timestamp,
    groups: Groups,
    standing: Standing,
    disputes: Vec<Dispute>,
    assignment: Assignment,
    steps: Vec<Taken>,
    passed: Vec<Passage>,
}

/// A stage that a case came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The stage.
    pub stage: CaseStage,
    /// Since when.
    pub since: Timestamp,
    /// By which step, counted from one; nought for its opening.
    pub version: u64,
}

impl Case {
    /// Opens a case on a lead that was disclosed.
    pub fn open(id: LeadId, terms: Terms, opened_at: Timestamp) -> Case {
        Case {
            id,
            terms,
            opened_at,
            groups: Groups::default(),
            standing: Standing::Lead(Waiting::default()),
            disputes: Vec::new(),
            assignment: Assignment::default(),
            steps: Vec::new(),
            passed: vec![Passage { stage: CaseStage::Lead, since: opened_at, version: 0 }],
        }
    }

    /// Returns the case as one of these groups. They are counted with its outcomes, and no step looks at them.
    #[must_use]
    pub fn in_groups(self, groups: Groups) -> Case {
        Case { groups, ..self }
    }

    /// Takes the steps of a case again, in order, as they were taken.
    ///
    /// # Errors
    /// A step that the case never can have taken, with its number counted from one: what is kept is not what was done.
    pub fn replay(
        opened: Case,
        steps: impl IntoIterator<Item = Taken>,
    ) -> Result<Case, (usize, NotAllowed)> {
        let mut case = opened;
        for (number, taken) in steps.into_iter().enumerate() {
            case = case
                .step(&taken.step, &taken.by, taken.at)
                .map_err(|why| (number.saturating_add(1), why))?;
        }
        Ok(case)
    }

    /// Takes a step: the one function that moves a case.
    ///
    /// # Errors
    /// The step does not follow, or its evidence does not suffice; the case has not moved.
    pub fn step(mut self, step: &Step, by: &Actor, now: Timestamp) -> Result<Case, NotAllowed> {
        // A clock that was set back does not let a later step come before an earlier one.
        let at = self.last_at().max(now);
        let before = self.stage();
        let who = permitted(step, by, before)?;
        let at_once =
            |step: &Step| Err(NotAllowed::WrongStage { stage: before, step: step.kind() });
        let officer = || who.clone().ok_or(NotAllowed::NotTheMachines { step: step.kind() });
        let dispute_open = self.disputes.iter().any(Dispute::is_open);
        let split = self.correction_ordered().is_some_and(|order| order.splits);
        let terms = &self.terms;
        self.standing = match step {
            Step::Review(opinion) => match self.standing {
                Standing::Lead(lead) => {
                    after(lead.review(judged(opinion, officer()?, at), terms.reviewers)?, by, at)
                }
                _other => return at_once(step),
            },
            Step::Adjudicate(opinion) => match self.standing {
                Standing::Lead(lead) => {
                    after(lead.adjudicate(judged(opinion, officer()?, at))?, by, at)
                }
                Standing::Reviewed(reviewed) => {
                    after(reviewed.adjudicate(judged(opinion, officer()?, at))?, by, at)
                }
                _other => return at_once(step),
            },
            Step::Assign(assignment) => match self.standing {
                Standing::Closed(_) => return at_once(step),
                standing => {
                    let old = self.assignment;
                    self.assignment = Assignment {
                        officer: assignment.officer.clone().or(old.officer),
                        county: assignment.county.clone().or(old.county),
                        worker: assignment.worker.clone().or(old.worker),
                    };
                    standing
                }
            },
            Step::Verify => match self.standing {
                Standing::Reviewed(reviewed) => match reviewed.judgement {
                    Judgement::Same => Standing::Verifying(Verifying {
                        reviewed,
                        started_by: officer()?,
                        proposed: None,
                    }),
                    Judgement::NotSame | Judgement::Unsure => return Err(NotAllowed::CannotBeTold),
                },
                _other => return at_once(step),
            },
            Step::Find(finding) => match self.standing {
                Standing::Verifying(verifying) => {
                    finding.suffices(terms)?;
                    let proposed = Proposed { finding: finding.clone(), by: officer()?, at };
                    Standing::Verifying(Verifying { proposed: Some(proposed), ..verifying })
                }
                _other => return at_once(step),
            },
            Step::Confirm => match self.standing {
                Standing::Verifying(verifying) => {
                    Standing::Verified(verifying.confirm(&officer()?, at)?)
                }
                _other => return at_once(step),
            },
            Step::SendBack(reason) => match self.standing {
                Standing::Verifying(verifying) => {
                    said(reason)?;
                    if verifying.proposed.is_none() {
                        return Err(NotAllowed::NothingProposed);
                    }
                    Standing::Verifying(Verifying { proposed: None, ..verifying })
                }
                // Found wrong before anybody was told: it is verified anew.
                Standing::Verified(verified) => {
                    said(reason)?;
                    Standing::Verifying(Verifying {
                        reviewed: verified.reviewed,
                        started_by: officer()?,
                        proposed: None,
                    })
                }
                _other => return at_once(step),
            },
            Step::Refute(reason) => {
                said(reason)?;
                let by = officer()?;
                match self.standing {
                    Standing::Verifying(verifying) => {
                        Standing::Refuted(Refuted { reviewed: verifying.reviewed, by, at })
                    }
                    Standing::Verified(verified) => {
                        Standing::Refuted(Refuted { reviewed: verified.reviewed, by, at })
                    }
                    _other => return at_once(step),
                }
            }
            Step::DraftNotice(draft) => match self.standing {
                Standing::Verified(verified) => {
                    if draft.language.trim().is_empty() || draft.letter.trim().is_empty() {
                        return Err(NotAllowed::NoAddress);
                    }
                    Standing::Verified(Verified { draft: Some(draft.clone()), ..verified })
                }
                _other => return at_once(step),
            },
            Step::ServeNotice(service) => {
                if dispute_open {
                    return Err(NotAllowed::DisputeOpen);
                }
                serve(self.standing, service, terms, at)?
            }
            Step::NoteReturnedMail(_) => match self.standing {
                // It can only be reversed now: nobody was given notice.
                Standing::Action(action) if action.returned_at.is_none() => {
                    Standing::Action(Action { returned_at: Some(at), ..action })
                }
                // The letter that told of a correction: nobody was told.
                Standing::Correction(correction) if correction.told_at.is_some() => {
                    Standing::Correction(Correction { told_at: None, ..correction })
                }
                mut standing => {
                    let Some(noticed) = standing.noticed_mut() else { return at_once(step) };
                    if noticed.returned_at.is_some() {
                        return Err(NotAllowed::NotServed);
                    }
                    noticed.returned_at = Some(at);
                    standing
                }
            },
            Step::FileContest(contest) => file(self.standing, contest, at)?,
            Step::WithdrawContest(reason) => match self.standing {
                Standing::Contested(contested) => {
                    said(reason)?;
                    Standing::Noticed(contested.noticed)
                }
                _other => return at_once(step),
            },
            Step::OpenHearing(takes_place) => match self.standing {
                Standing::Contested(contested) => Standing::Hearing(Hearing {
                    contested,
                    opened_by: officer()?,
                    takes_place: *takes_place,
                }),
                _other => return at_once(step),
            },
            Step::Decide(ruling) => {
                said(&ruling.reason)?;
                let by = officer()?;
                let contested = match self.standing {
                    // Who asks for a hearing gets one.
                    Standing::Contested(contested) if !contested.contest.wants_hearing => contested,
                    Standing::Hearing(hearing) => hearing.contested,
                    _other => return at_once(step),
                };
                if contested.noticed.verified.confirms_or_verifies(&by) {
                    return Err(NotAllowed::SamePerson {
                        did: "verified or confirmed the finding",
                    });
                }
                Standing::Decided(Decided { contested, ruling: ruling.clone(), by, at })
            }
            Step::TakeEmergencyMeasure(emergency) => {
                emergency.suffices(at)?;
                let mut standing = self.standing;
                let is_open = match &standing {
                    Standing::Noticed(_) | Standing::Contested(_) | Standing::Hearing(_) => true,
                    _other => false,
                };
                match standing.noticed_mut() {
                    Some(noticed) if is_open => {
                        if noticed.emergency.is_some() {
                            return Err(NotAllowed::EmergencyTaken);
                        }
                        noticed.emergency = Some(emergency.clone());
                    }
                    _other => return at_once(step),
                }
                standing
            }
            Step::EndEmergencyMeasure(reason) => {
                said(reason)?;
                let mut standing = self.standing;
                let Some(noticed) = standing.noticed_mut() else { return at_once(step) };
                match &mut noticed.emergency {
                    Some(emergency) if emergency.stands(at) => emergency.ends = at,
                    _other => return Err(NotAllowed::NoEmergency),
                }
                standing
            }
            Step::TakeAction(order) => {
                if dispute_open {
                    return Err(NotAllowed::DisputeOpen);
                }
                order.suffices(terms, at)?;
                let by = officer()?;
                // The type asks for the proof; there is no other way to an action.
                let (concluded, noticed) = match self.standing {
                    Standing::Noticed(noticed) => (noticed.conclude(at)?, noticed),
                    Standing::Decided(decided) => {
                        (decided.conclude(at)?, decided.contested.noticed)
                    }
                    _other => return at_once(step),
                };
                Standing::Action(Action::taken(noticed, concluded, order.clone(), by, at))
            }
            Step::Reverse(order) => match self.standing {
                Standing::Action(action) => {
                    if at >= action.order.undo_until {
                        return Err(NotAllowed::UndoEnded);
                    }
                    let judged = action.noticed.verified.reviewed.judged.clone();
                    corrected(order, officer()?, at, judged, Some(action))?
                }
                _other => return at_once(step),
            },
            Step::Correct(order) => {
                let by = officer()?;
                let judged = self.standing.judged().to_vec();
                match self.standing {
                    Standing::Action(_) | Standing::Correction(_) => return at_once(step),
                    Standing::Contested(contested) => restored(order, by, at, judged, contested)?,
                    Standing::Hearing(hearing) => {
                        restored(order, by, at, judged, hearing.contested)?
                    }
                    Standing::Decided(decided) => {
                        restored(order, by, at, judged, decided.contested)?
                    }
                    Standing::Lead(_)
                    | Standing::Reviewed(_)
                    | Standing::Verifying(_)
                    | Standing::Verified(_)
                    | Standing::Refuted(_)
                    | Standing::Noticed(_)
                    | Standing::Closed(_) => corrected(order, by, at, judged, None)?,
                }
            }
            Step::Acknowledge(acknowledgement) => match self.standing {
                Standing::Correction(correction) => Standing::Correction(
                    correction.acknowledge(&acknowledgement.recipient, &acknowledgement.answer)?,
                ),
                _other => return at_once(step),
            },
            Step::TellIndividual(_) => match self.standing {
                Standing::Correction(correction) => {
                    Standing::Correction(Correction { told_at: Some(at), ..correction })
                }
                _other => return at_once(step),
            },
            Step::OpenDispute(objection) => match self.standing {
                Standing::Closed(_) => return at_once(step),
                standing => {
                    self.disputes.push(Dispute::opened(objection, at)?);
                    standing
                }
            },
            Step::AnswerDispute(answer) => {
                let index = (answer.number as usize).checked_sub(1);
                let dispute = index.and_then(|index| self.disputes.get_mut(index));
                dispute.ok_or(NotAllowed::NoSuchDispute)?.settle(answer, at)?;
                self.standing
            }
            Step::ReverseJudgement(reason) => match self.standing {
                Standing::Closed(closed)
                    if closed.because == Because::NotSame
                        || (closed.because == Because::Corrected && split) =>
                {
                    said(reason)?;
                    Standing::Lead(Waiting::default())
                }
                _other => return at_once(step),
            },
            Step::Close(closing) => close(&self.standing, closing, by, at)?,
        };
        self.steps.push(Taken { step: step.clone(), by: by.clone(), at });
        let stage = self.standing.stage();
        if stage != before {
            self.passed.push(Passage { stage, since: at, version: self.version() });
        }
        Ok(self)
    }

    /// Returns its number, which is its lead's.
    pub fn id(&self) -> &LeadId {
        &self.id
    }

    /// Returns what the agreement asks of it.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns when it was opened.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// Returns the groups that it is counted with.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Returns where it stands, with the evidence so far.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Returns the stage as a word.
    pub fn stage(&self) -> CaseStage {
        self.standing.stage()
    }

    /// Returns the disputes about the source's record, in order.
    pub fn disputes(&self) -> &[Dispute] {
        &self.disputes
    }

    /// Returns to whom it is given, and under what it is listed.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// Returns its steps, in order.
    pub fn steps(&self) -> &[Taken] {
        &self.steps
    }

    /// Returns the number of its steps: whoever takes the next one says which it saw last.
    pub fn version(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Returns the number, counted from one, of the dispute that a step opened; none where it opened none.
    pub fn dispute_opened_by(&self, step: u64) -> Option<u32> {
        let index = usize::try_from(step).ok()?.checked_sub(1)?;
        matches!(self.steps.get(index)?.step, Step::OpenDispute(_)).then_some(())?;
        let opened = self.steps.iter().take(index.saturating_add(1));
        let opened = opened.filter(|taken| matches!(taken.step, Step::OpenDispute(_))).count();
        u32::try_from(opened).ok()
    }

    /// Returns what was last corrected, if anything was since its lead was last looked at.
    pub fn correction_ordered(&self) -> Option<&CorrectionOrder> {
        let looked_at = |taken: &&Taken| !matches!(taken.step, Step::ReverseJudgement(_));
        self.steps.iter().rev().take_while(looked_at).find_map(|taken| match &taken.step {
            Step::Correct(order) | Step::Reverse(order) => Some(order),
            _other => None,
        })
    }

    /// Returns who judged its lead.
    pub fn reviewers(&self) -> impl Iterator<Item = &OfficerId> {
        self.standing.judged().iter().map(Judged::by)
    }

    /// Returns the stages it has been at, in order.
    pub fn passed(&self) -> &[Passage] {
        &self.passed
    }

    /// Returns when something last happened.
    pub fn last_at(&self) -> Timestamp {
        self.steps.last().map_or(self.opened_at, |taken| taken.at)
    }

    /// Returns when the next step is due; none once it is closed. A legal period comes from the step that started it;
    /// where no law says when, it is so many days after the stage began.
    pub fn due(&self) -> Option<Timestamp> {
        let entered = self.passed.last().map_or(self.opened_at, |passage| passage.since);
        let soon = SignedDuration::from_hours(24 * i64::from(self.terms.work_days));
        let soon = entered.checked_add(soon).unwrap_or(entered);
        let own = match &self.standing {
            Standing::Lead(_)
            | Standing::Reviewed(_)
            | Standing::Verifying(_)
            | Standing::Verified(_)
            | Standing::Refuted(_)
            | Standing::Contested(_)
            | Standing::Decided(_)
            | Standing::Correction(_) => soon,
            Standing::Noticed(noticed) => {
                noticed.returned_at.unwrap_or(noticed.service.response_ends)
            }
            Standing::Hearing(hearing) => hearing.takes_place,
            Standing::Action(action) => action.returned_at.unwrap_or(action.order.undo_until),
            Standing::Closed(_) => return None,
        };
        let emergency = self.standing.noticed().and_then(Noticed::emergency);
        let emergency = emergency.map(|emergency| emergency.ends).filter(|ends| *ends > entered);
        let open = self.disputes.iter().filter(|dispute| dispute.is_open());
        let answers = open.map(|dispute| dispute.objection.answer_due);
        answers.chain(emergency).chain([own]).min()
    }

    /// Returns what the gate has to know of it.
    pub fn facts(&self, now: Timestamp) -> CaseFacts {
        CaseFacts::of(self, now)
    }
}

/// Says whose step it is. The machine closes, which helps the individual, and notes what another party's node has signed:
/// acknowledgements, and answers to disputes; the individual contests; all else is an officer's.
fn permitted(step: &Step, by: &Actor, stage: CaseStage) -> Result<Option<OfficerId>, NotAllowed> {
    let kind = step.kind();
    match by {
        Actor::Officer(officer) => Ok(Some(officer.clone())),
        Actor::Individual => match kind {
            StepKind::FileContest | StepKind::WithdrawContest => Ok(None),
            _other => Err(NotAllowed::NotTheIndividuals { step: kind }),
        },
        Actor::Machine => match step {
            // What a recipient or a source signed is its own authority.
            Step::Acknowledge(_) | Step::AnswerDispute(_) => Ok(None),
            Step::Close(closing) => match (stage, closing.because) {
                (CaseStage::Lead, Because::Superseded)
                | (CaseStage::Action, Because::ActionStands)
                | (CaseStage::Correction, Because::Corrected) => Ok(None),
                _other => Err(NotAllowed::NotTheMachines { step: kind }),
            },
            _other => Err(NotAllowed::NotTheMachines { step: kind }),
        },
    }
}

fn judged(opinion: &Opinion, by: OfficerId, at: Timestamp) -> Judged {
    Judged { opinion: opinion.clone(), by, at }
}

fn said(words: &str) -> Result<(), NotAllowed> {
    if words.trim().is_empty() { Err(NotAllowed::NoReason) } else { Ok(()) }
}

fn after(passed: Passed, by: &Actor, at: Timestamp) -> Standing {
    match passed {
        Passed::Waits(waiting) => Standing::Lead(waiting),
        Passed::Reviewed(reviewed) => Standing::Reviewed(reviewed),
        Passed::NotSame(because, judged) => {
            Standing::Closed(Closed { because, by: by.clone(), at, judged })
        }
    }
}

/// Serves a notice for the first time, or again after the mail came back: then the period starts again.
fn serve(
    standing: Standing,
    service: &Service,
    terms: &Terms,
    at: Timestamp,
) -> Result<Standing, NotAllowed> {
    let stage = standing.stage();
    match standing {
        Standing::Verified(verified) => {
            let Some(draft) = &verified.draft else {
                return Err(NotAllowed::NotDrafted);
            };
            if draft.letter != service.letter {
                return Err(NotAllowed::OtherLetter);
            }
            service.suffices(terms, &verified, at)?;
            Ok(Standing::Noticed(Noticed {
                verified,
                service: service.clone(),
                attempts: 1,
                returned_at: None,
                emergency: None,
            }))
        }
        mut standing => {
            let Some(noticed) = standing.noticed_mut() else {
                let step = StepKind::ServeNotice;
                return Err(NotAllowed::WrongStage { stage, step });
            };
            if noticed.returned_at.is_none() {
                return Err(NotAllowed::ServedAlready);
            }
            service.suffices(terms, &noticed.verified, at)?;
            if service.served_at < noticed.service.served_at {
                return Err(NotAllowed::NotServedThen);
            }
            noticed.service = service.clone();
            noticed.attempts = noticed.attempts.saturating_add(1);
            noticed.returned_at = None;
            Ok(standing)
        }
    }
}

/// Files the individual's answer. One that comes after the action restores what was taken until it is decided.
fn file(standing: Standing, contest: &Contest, at: Timestamp) -> Result<Standing, NotAllowed> {
    said(&contest.statement)?;
    let contested = |noticed, restored| {
        Standing::Contested(Contested { noticed, contest: contest.clone(), filed_at: at, restored })
    };
    let stage = standing.stage();
    match standing {
        Standing::Noticed(noticed) => Ok(contested(noticed, None)),
        Standing::Action(action) => {
            if action.concluded.heard().is_some() {
                return Err(NotAllowed::ContestedBefore);
            }
            if at >= action.order.undo_until {
                return Err(NotAllowed::UndoEnded);
            }
            let mut noticed = action.noticed.clone();
            noticed.returned_at = action.returned_at;
            Ok(contested(noticed, Some(Box::new(action))))
        }
        Standing::Decided(_) => Err(NotAllowed::ContestedBefore),
        _other => Err(NotAllowed::WrongStage { stage, step: StepKind::FileContest }),
    }
}

fn corrected(
    order: &CorrectionOrder,
    by: OfficerId,
    at: Timestamp,
    judged: Vec<Judged>,
    reversed: Option<Action>,
) -> Result<Standing, NotAllowed> {
    Correction::ordered(order.clone(), by, at, judged, reversed).map(Standing::Correction)
}

fn restored(
    order: &CorrectionOrder,
    by: OfficerId,
    at: Timestamp,
    judged: Vec<Judged>,
    contested: Contested,
) -> Result<Standing, NotAllowed> {
    corrected(order, by, at, judged, contested.restored.map(|action| *action))
}

fn close(
    standing: &Standing,
    closing: &Closing,
    by: &Actor,
    at: Timestamp,
) -> Result<Standing, NotAllowed> {
    let because = closing.because;
    let stage = standing.stage();
    let judged = standing.judged().to_vec();
    let standing_emergency = standing
        .noticed()
        .and_then(Noticed::emergency)
        .is_some_and(|emergency| emergency.stands(at));
    let is_for = match (standing, because) {
        (
            Standing::Lead(_)
            | Standing::Reviewed(_)
            | Standing::Verifying(_)
            | Standing::Verified(_),
            Because::Superseded | Because::NoAction,
        )
        | (Standing::Refuted(_), Because::Refuted)
        | (Standing::Noticed(_) | Standing::Contested(_), Because::NoAction) => true,
        (Standing::Reviewed(reviewed), Because::CannotBeTold) => {
            reviewed.judgement == Judgement::Unsure
        }
        (Standing::Decided(decided), Because::ContestUpheld) => {
            decided.ruling.heard == Heard::Upheld
        }
        (Standing::Decided(decided), Because::NoAction) => decided.ruling.heard != Heard::Upheld,
        (Standing::Action(action), Because::ActionStands) => {
            if action.returned_at.is_some() {
                return Err(NotAllowed::MustBeReversed);
            }
            if at < action.order.undo_until {
                return Err(NotAllowed::CanBeUndone { until: action.order.undo_until });
            }
            true
        }
        (Standing::Correction(correction), Because::Corrected) => {
            correction.complete()?;
            true
        }
        (Standing::Closed(_), _) => {
            return Err(NotAllowed::WrongStage { stage, step: StepKind::Close });
        }
        _other => false,
    };
    if !is_for {
        return Err(NotAllowed::NotForThatReason { stage });
    }
    if standing_emergency {
        return Err(NotAllowed::EmergencyTaken);
    }
    Ok(Standing::Closed(Closed { because, by: by.clone(), at, judged }))
}

#[cfg(test)]
mod tests;
