//! Where pages meet the node: a case is read under the gate's leave and the reading is noted before anything is shown; a
//! step is worked out, asked for, and stored with the gate's decision in one transaction.
//!
//! It decides nothing: what may follow is the case's to say, who may take it the gate's.

use crate::extract;
use crate::server::ask::{ask, decided};
use crate::server::{App, Error, SignedIn};
use agreement::{
    Act, By, CaseFile, CaseRef, CaseRequest, Decided, Decision, NoticePart, NoticeServed, ProposedAction, Reviews, Undo,
};
use casework::{
    Actor, Case, CaseStore as _, Database, Drafts, Heard, How, Judgement, Lead, LeadId, Moving, NotAllowed, Reviewers,
    Seen, Sqlite, Standing, Step, StepKind, Store as _, StoredCase,
};
use jiff::{SignedDuration, Timestamp};
use ledger::Commitments;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What came of taking a step.
pub(crate) enum Acted {
    /// It was taken.
    Done(Box<Case>),
    /// The case does not allow it.
    NotAllowed(NotAllowed),
    /// Somebody else has moved the case.
    Moved,
}

/// Returns the case store.
pub(super) async fn store(app: &App) -> Result<Sqlite, Error> {
    let node = app.node().await;
    match &node.store {
        Database::Sqlite(store) => Ok(store.clone()),
        Database::Postgres(_) => {
            Err(Error::Unavailable { why: "the console's pages read cases from SQLite so far".to_owned() })
        }
    }
}

/// Takes a step on a case in an officer's name.
pub(crate) async fn act(
    app: &App,
    officer: &SignedIn,
    id: &LeadId,
    version: u64,
    step: &Step,
) -> Result<Acted, Error> {
    let store = store(app).await?;
    let mut node = app.node().await;
    let StoredCase { case, .. } = stored(store.case(id).await)?;
    if case.version() != version {
        return Ok(Acted::Moved);
    }
    let now = app.now();
    let file = file_of(&case, now);
    let moved = match case.step(step, &Actor::Officer(officer.officer.clone()), now) {
        Ok(moved) => moved,
        Err(why) => return Ok(Acted::NotAllowed(why)),
    };
    let program = app.program();
    let (party, _) = program.recipient()?;
    let by = By::Officer { id: officer.officer.clone(), roles: officer.roles.clone() };
    let mut request = CaseRequest::new(program.agreement(), act_of(step.kind()), party, program.purpose()?, by);
    request.environment = node.environment();
    request.ledger_writable = node.drain().await.is_ok();
    request.case = CaseRef::new(id.as_str()).ok();
    request.file = file;
    if let Step::TakeAction(order) = step {
        let needed_until = days(now, 730);
        request.action = Some(ProposedAction {
            undo: Some(Undo { kept_until: order.undo_until, needed_until }),
            ..ProposedAction::default()
        });
    }
    let filed = node.with_stays(&program.filed).await?;
    let decision = node.gate.decide_case(&request, &filed, now);
    let event = decided(&node, &decision, &request, &filed, now);
    let drafts = node.drafts_with(vec![(event, Commitments::new())]);
    match decision {
        Decision::Permit(_) => {
            let case = moved.clone();
            match store.take(Moving { case: moved, drafts, openings: Vec::new() }).await {
                Ok(_) => {}
                Err(casework::Error::CaseMoved { .. }) => return Ok(Acted::Moved),
                Err(error) => return Err(crate::Error::from(error).into()),
            }
            drop(node);
            app.drain_soon();
            Ok(Acted::Done(Box::new(case)))
        }
        Decision::Refusal(refusal) => {
            node.store.note(&drafts).await.map_err(crate::Error::from)?;
            app.drain_soon();
            Err(Error::Refused(Box::new(refusal)))
        }
    }
}

/// Reads a case for an officer: asked for, and noted before it is shown.
pub(super) async fn read(
    app: &App,
    officer: &SignedIn,
    id: &LeadId,
    what: &str,
) -> Result<(StoredCase, Lead), Error> {
    let store = store(app).await?;
    let stored_case = stored(store.case(id).await)?;
    let lead = stored(store.lead(id).await)?;
    let mut node = app.node().await;
    let now = app.now();
    let file = file_of(&stored_case.case, now);
    let act = if stored_case.case.stage() == casework::CaseStage::Lead { Act::READ_CASE } else { Act::READ_EVIDENCE };
    let _permit = ask(app, &mut node, officer, act, |request| {
        request.case = CaseRef::new(id.as_str()).ok();
        request.file = file;
    })
    .await?;
    drop(node);
    let seen = Seen { by: officer.officer.to_string(), what: what.to_owned(), at: now };
    let none = Drafts::new(now, |_| Ok(Vec::new()));
    store.note_read(std::slice::from_ref(id), &seen, &[], none).await.map_err(crate::Error::from)?;
    Ok((stored_case, lead))
}

fn stored<T>(found: Result<T, casework::Error>) -> Result<T, Error> {
    found.map_err(|error| match error {
        casework::Error::NoSuchLead { .. } => Error::NotFound,
        other => crate::Error::from(other).into(),
    })
}

/// Which act of the gate a step is.
fn act_of(kind: StepKind) -> Act {
    match kind {
        StepKind::Review => Act::REVIEW_LEAD,
        StepKind::Adjudicate => Act::ADJUDICATE,
        StepKind::Assign => Act::ASSIGN,
        StepKind::Verify | StepKind::Find => Act::VERIFY,
        StepKind::Confirm | StepKind::SendBack => Act::CONFIRM,
        StepKind::Refute => Act::REFUTE,
        StepKind::DraftNotice | StepKind::ServeNotice => Act::SERVE_NOTICE,
        StepKind::NoteReturnedMail => Act::NOTE_RETURNED_MAIL,
        StepKind::FileContest | StepKind::WithdrawContest => Act::FILE_CONTEST,
        StepKind::OpenHearing => Act::OPEN_HEARING,
        StepKind::Decide => Act::DECIDE,
        StepKind::TakeEmergencyMeasure | StepKind::TakeAction => Act::TAKE_ACTION,
        StepKind::EndEmergencyMeasure | StepKind::Reverse => Act::REVERSE,
        StepKind::Correct | StepKind::Acknowledge | StepKind::TellIndividual | StepKind::ReverseJudgement => {
            Act::CORRECT
        }
        StepKind::OpenDispute => Act::DISPUTE_RECORD,
        StepKind::AnswerDispute => Act::ANSWER_DISPUTE,
        StepKind::Close => Act::CLOSE,
    }
}

/// What the gate has to know of a case, in its own words.
fn file_of(case: &Case, now: Timestamp) -> CaseFile {
    let facts = case.facts(now);
    let standing = case.standing();
    let judged = standing.judged();
    let first = judged.first().map(|one| one.opinion().judgement);
    let reviews = first.map(|first| {
        let settled = standing.reviewed().map_or(first, casework::Reviewed::judgement);
        let differ = judged.iter().any(|one| one.opinion().judgement != first);
        if differ && standing.reviewed().is_none() {
            Reviews::Disagree
        } else {
            match settled {
                Judgement::Same => Reviews::Same,
                Judgement::NotSame => Reviews::NotSame,
                Judgement::Unsure => Reviews::Unsure,
            }
        }
    });
    let heard = facts.heard;
    let hearing = case.steps().iter().any(|taken| taken.step.kind() == StepKind::OpenHearing);
    CaseFile {
        stage: gate_stage(facts.stage),
        reviews,
        awaits_second_review: matches!(standing, Standing::Lead(_))
            && judged.len() == 1
            && case.terms().reviewers == Reviewers::TwoBlind,
        reviewed_by: facts.reviewers.clone(),
        verified_by: facts.verifier.iter().cloned().collect(),
        confirmed_by: facts.confirmer.iter().cloned().collect(),
        acted_by: match standing {
            Standing::Action(action) => [action.by().clone()].into(),
            _ => BTreeSet::new(),
        },
        confirmed: facts.confirmed.clone(),
        sources: u64::from(facts.sources),
        refuted: facts.stage == casework::CaseStage::Refuted,
        notice: standing.noticed().map(|noticed| NoticeServed {
            served_at: noticed.service().served_at,
            service: if noticed.service().how == How::Mail {
                agreement::Service::Mailed
            } else {
                agreement::Service::Given
            },
            told_until: Some(noticed.service().response_ends),
            states: [NoticePart::Findings, NoticePart::RightToContest, NoticePart::LastDay].into(),
            returned: facts.returned_mail_open,
        }),
        contested: standing.contested().is_some() || heard.is_some(),
        contest_open: facts.contest_open,
        hearing,
        hearing_open: facts.hearing_open,
        // No action is taken while a contest is open, so that aid goes on (`Case::step`).
        aid_continued: true,
        decided: heard.map(|heard| match heard {
            Heard::Upheld => Decided::Overturned,
            Heard::UpheldInPart | Heard::NotUpheld => Decided::Upheld,
        }),
        late_answer: facts.contest_open && facts.contest_late,
        corrections_open: u64::from(facts.unacknowledged),
        undo: facts.undo_until.map(|until| Undo { kept_until: until, needed_until: until }),
        closed_at: match standing {
            Standing::Closed(closed) => Some(closed.at()),
            _ => None,
        },
    }
}

fn gate_stage(stage: casework::CaseStage) -> Option<agreement::CaseStage> {
    serde_json::from_value(serde_json::Value::String(stage.as_str().to_owned())).ok()
}

fn days(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

/// What is matched on, of the rows that a run's leads are of: both sides' values by row. Read from the delivered files
/// while they are there, held in memory, and kept nowhere.
#[derive(Default)]
pub(crate) struct Sides {
    pub(super) source: BTreeMap<u64, BTreeMap<String, String>>,
    pub(super) recipient: BTreeMap<u64, BTreeMap<String, String>>,
}

impl std::fmt::Debug for Sides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sides [redacted]")
    }
}

/// Returns both sides' values for the leads of a lead's run; none where the files are gone, or are others by now.
pub(super) async fn sides(app: &App, lead: &Lead) -> Option<Arc<Sides>> {
    let mut kept = app.sides().lock().await;
    if let Some(sides) = kept.get(&lead.run)
        && sides.source.contains_key(&u64::from(lead.found.source_record))
    {
        return Some(sides.clone());
    }
    let store = store(app).await.ok()?;
    let run = store.run(&lead.cycle).await.ok()??;
    let leads = store.leads(Some(&lead.cycle)).await.ok()?;
    // Of what is held nothing is read: only what was disclosed is shown (invariant 10).
    let disclosed: Vec<_> = leads.iter().filter(|one| one.returned.is_some() && one.run == lead.run).collect();
    let program = app.program();
    let (_, source) = program.source().ok()?;
    let (_, recipient) = program.recipient().ok()?;
    let cycle = lead.cycle.parse().ok()?;
    let files = run.files();
    let rows = |pick: fn(&casework::Planned) -> u32| -> BTreeSet<u64> {
        disclosed.iter().map(|one| u64::from(pick(&one.found))).collect()
    };
    let read = |set: &agreement::RecordSet, rows: &BTreeSet<u64>| {
        extract::compared_values(program, set, &cycle, files.get(set.id.as_str())?, rows).ok()
    };
    let sides = Arc::new(Sides {
        source: read(source, &rows(|found| found.source_record))?,
        recipient: read(recipient, &rows(|found| found.recipient_record))?,
    });
    kept.insert(lead.run.clone(), sides.clone());
    Some(sides)
}
