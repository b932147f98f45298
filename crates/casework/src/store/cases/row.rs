//! What both databases store of a case's last step beside the step itself, worked out from the case alone.

use crate::store::cases::StoredCase;
use crate::store::cell;
use crate::store::vault::Vault;
use crate::{
    Actor, Case, CaseStage, Delivery, Error, Groups, Judgement, LeadId, Outbox, Outgoing, Stage,
    Standing, Step, Taken, Terms,
};
use jiff::Timestamp;

/// A case's line in lists, as it is after the last step.
#[derive(Debug)]
pub(in crate::store) struct Row {
    pub(in crate::store) stage: &'static str,
    pub(in crate::store) due: Option<i64>,
    pub(in crate::store) assigned: Option<String>,
    pub(in crate::store) county: Option<String>,
    pub(in crate::store) worker: Option<String>,
    pub(in crate::store) closed_at: Option<i64>,
}

impl Row {
    pub(in crate::store) fn of(case: &Case) -> Row {
        let assignment = case.assignment();
        Row {
            stage: case.stage().as_str(),
            due: case.due().map(Timestamp::as_second),
            assigned: assignment.officer.as_ref().map(ToString::to_string),
            county: assignment.county.clone(),
            worker: assignment.worker.clone(),
            closed_at: match case.standing() {
                Standing::Closed(closed) => Some(closed.at().as_second()),
                _other => None,
            },
        }
    }
}

/// Where the lead of a case stands.
fn lead_stage(stage: CaseStage) -> Stage {
    match stage {
        CaseStage::Lead => Stage::Open,
        CaseStage::Closed => Stage::Closed,
        CaseStage::Reviewed
        | CaseStage::Verifying
        | CaseStage::Verified
        | CaseStage::Refuted
        | CaseStage::Noticed
        | CaseStage::Contested
        | CaseStage::Hearing
        | CaseStage::Decided
        | CaseStage::Action
        | CaseStage::Correction => Stage::Reviewed,
    }
}

/// What a step changes beside the case's own line.
#[derive(Debug)]
pub(in crate::store) enum Beside<'case> {
    /// The lead stands elsewhere now.
    LeadStage(Stage),
    /// People have come to a judgement; one that stood before stands no more.
    Judgement {
        judgement: Judgement,
        reason: &'case str,
        expires: Option<Timestamp>,
        by: String,
        at: Timestamp,
    },
    /// The judgement that they are not the same is taken back.
    JudgementReversed,
    /// The bond that the lead hangs on is cut.
    Cut { at: Timestamp },
    /// What this case's correction cut is as it was.
    CutReversed,
    /// A correction or a dispute is to be sent.
    Correction(Delivery),
    /// A recipient has acknowledged.
    Acknowledged { recipient: String, at: Timestamp },
    /// A notice was drafted.
    Drafted { language: &'case str, letter: &'case str, at: Timestamp },
    /// A notice was served.
    Served { language: &'case str, letter: &'case str, how: &'static str, at: Timestamp },
    /// Its mail came back.
    Returned { at: Timestamp },
    /// Nothing more is sent.
    NoNotice,
}

/// Returns what a case's last step changes beside its line.
pub(in crate::store) fn beside(case: &Case) -> Vec<Beside<'_>> {
    let Some(Taken { step, by, at }) = case.steps().last() else {
        return Vec::new();
    };
    let at = *at;
    let mut changes = Vec::new();
    let passed = case.passed();
    let moved = passed.last().is_some_and(|last| last.version == case.version());
    let before = passed.iter().rev().nth(usize::from(moved)).map(|passage| passage.stage);
    let now = lead_stage(case.stage());
    if moved && before.is_none_or(|before| lead_stage(before) != now) {
        changes.push(Beside::LeadStage(now));
    }
    match step {
        Step::Review(opinion) | Step::Adjudicate(opinion) => {
            let judgement = match case.standing() {
                Standing::Reviewed(reviewed) => Some(reviewed.judgement()),
                Standing::Closed(_) => Some(Judgement::NotSame),
                _other => None,
            };
            if let Some(judgement) = judgement {
                let (reason, expires) = (opinion.reason.as_str(), opinion.expires);
                changes.push(Beside::Judgement {
                    judgement,
                    reason,
                    expires,
                    by: by.spelled(),
                    at,
                });
            }
        }
        Step::ReverseJudgement(_) => {
            changes.extend([Beside::JudgementReversed, Beside::CutReversed]);
        }
        Step::Correct(order) | Step::Reverse(order) => {
            changes.push(Beside::NoNotice);
            if order.splits {
                changes.push(Beside::Judgement {
                    judgement: Judgement::NotSame,
                    reason: &order.words,
                    expires: None,
                    by: by.spelled(),
                    at,
                });
                changes.push(Beside::Cut { at });
            }
            if !order.language.is_empty() {
                // What the letter says depends on how far the correction is, and so its digest comes when it is sent.
                changes.push(Beside::Drafted { language: &order.language, letter: "", at });
            }
            changes.extend(
                (order.recipients.iter())
                    .map(|recipient| Beside::Correction(Delivery::queued(recipient.clone(), at))),
            );
        }
        // It goes the way that corrections go: sent until it is acknowledged.
        Step::OpenDispute(objection) => {
            let to = objection.to.iter();
            changes.extend(to.map(|to| Beside::Correction(Delivery::queued(to.clone(), at))));
        }
        Step::Acknowledge(acknowledgement) => {
            let recipient = acknowledgement.recipient.to_string();
            changes.push(Beside::Acknowledged { recipient, at });
        }
        Step::TellIndividual(told) => {
            let language = match case.standing() {
                Standing::Correction(correction) => correction.order().language.as_str(),
                _other => "",
            };
            let (letter, how) = (told.letter.as_str(), told.how.as_str());
            changes.push(Beside::Served { language, letter, how, at });
        }
        Step::DraftNotice(draft) => {
            let (language, letter) = (draft.language.as_str(), draft.letter.as_str());
            changes.push(Beside::Drafted { language, letter, at });
        }
        Step::ServeNotice(service) => changes.push(Beside::Served {
            language: &service.language,
            letter: &service.letter,
            how: service.how.as_str(),
            at,
        }),
        Step::NoteReturnedMail(_) => changes.push(Beside::Returned { at }),
        Step::Close(_) | Step::Refute(_) | Step::SendBack(_) => {
            // Only from there on may a letter wait.
            let wrote = |stage| matches!(stage, CaseStage::Verified | CaseStage::Correction);
            if passed.iter().any(|passage| wrote(passage.stage)) {
                changes.push(Beside::NoNotice);
            }
        }
        Step::Assign(_)
        | Step::Verify
        | Step::Find(_)
        | Step::Confirm
        | Step::FileContest(_)
        | Step::WithdrawContest(_)
        | Step::OpenHearing(_)
        | Step::Decide(_)
        | Step::TakeEmergencyMeasure(_)
        | Step::EndEmergencyMeasure(_)
        | Step::TakeAction(_)
        | Step::AnswerDispute(_) => {}
    }
    changes
}

/// Seals a step for its place.
pub(in crate::store) fn seal_step(
    vault: &Vault,
    case: &Case,
    step: &Step,
) -> Result<Vec<u8>, Error> {
    let text = serde_json::to_vec(step).map_err(|_| Error::Unreadable { column: "payload" })?;
    let place = place(case.id(), case.version());
    cell::key_of_agreement(vault, &case.terms().agreement)?.seal("step", &place, "payload", &text)
}

/// Opens a step.
pub(in crate::store) fn open_step(
    vault: &Vault,
    id: &LeadId,
    number: u64,
    by: &str,
    at: &str,
    sealed: &[u8],
) -> Result<Taken, Error> {
    let text = vault.open_cell("step", &place(id, number), "payload", sealed)?;
    Ok(Taken {
        step: serde_json::from_slice(&text).map_err(|_| Error::Unreadable { column: "payload" })?,
        by: Actor::read(by).ok_or(Error::Unreadable { column: "by" })?,
        at: at.parse().map_err(|_| Error::Unreadable { column: "at" })?,
    })
}

fn place(id: &LeadId, number: u64) -> String {
    format!("{id}/{number}")
}

/// Reads what waits and how far the ledger is, of the one statement that asks for both: without a line that waits it is
/// one row without a number.
pub(in crate::store) fn read_outbox<R>(rows: &[R]) -> Result<Outbox, Error>
where
    R: sqlx::Row,
    for<'r> &'r str: sqlx::ColumnIndex<R>,
    for<'r> Option<i64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    let mut outbox = Outbox { acknowledged: None, waiting: Vec::with_capacity(rows.len()) };
    for row in rows {
        outbox.acknowledged =
            row.try_get::<Option<i64>, _>("acknowledged")?.map(i64::cast_unsigned);
        if let Some(number) = row.try_get::<Option<i64>, _>("number")? {
            outbox.waiting.push(Outgoing { number, leaf: row.try_get("leaf")? });
        }
    }
    Ok(outbox)
}

/// Reads the terms that are kept for an agreement; where none are, the strictest count.
pub(in crate::store) fn read_terms(agreement: &str, kept: Option<&str>) -> Result<Terms, Error> {
    match kept {
        Some(text) => serde_json::from_str(text).map_err(|_| Error::Unreadable { column: "terms" }),
        None => Ok(Terms { agreement: agreement.to_owned(), ..Terms::strict() }),
    }
}

/// Takes the steps of a case again.
pub(in crate::store) fn fold(
    id: &LeadId,
    terms: Terms,
    opened_at: &str,
    groups: Groups,
    steps: Vec<Taken>,
) -> Result<Case, Error> {
    let opened_at = opened_at.parse().map_err(|_| Error::Unreadable { column: "opened_at" })?;
    let opened = Case::open(id.clone(), terms, opened_at).in_groups(groups);
    Case::replay(opened, steps).map_err(|(number, why)| Error::NotItsSteps {
        case: id.to_string(),
        number,
        why,
    })
}

/// Reads a case with its opening, what the agreement asks of it, and all its steps, as one statement. Either database
/// numbers its one parameter so.
pub(in crate::store) const CASE_WITH_STEPS: &str =
    "SELECT case_file.agreement, case_file.opened_at, case_file.weight, case_file.groups, terms.terms,
            step.number, step.at, step.by, step.payload
     FROM case_file LEFT JOIN terms ON terms.agreement = case_file.agreement
          LEFT JOIN step ON step.file = case_file.id
     WHERE case_file.id = $1 ORDER BY step.number";

/// Reads the rows of [`CASE_WITH_STEPS`].
pub(in crate::store) fn read_case<R>(
    vault: &Vault,
    id: &LeadId,
    rows: &[R],
) -> Result<StoredCase, Error>
where
    R: sqlx::Row,
    for<'r> &'r str: sqlx::ColumnIndex<R>,
    for<'r> Option<&'r str>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> &'r str: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> &'r [u8]: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> Option<&'r [u8]>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> Option<i64>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    for<'r> f64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    let file = rows.first().ok_or_else(|| Error::NoSuchCase { case: id.to_string() })?;
    let terms = read_terms(file.try_get("agreement")?, file.try_get("terms")?)?;
    let mut steps = Vec::with_capacity(rows.len());
    for row in rows {
        // A case without steps is one row without a step.
        let Some(number) = row.try_get::<Option<i64>, _>("number")? else { break };
        let (by, at, sealed): (&str, &str, &[u8]) =
            (row.try_get("by")?, row.try_get("at")?, row.try_get("payload")?);
        steps.push(open_step(vault, id, number.cast_unsigned(), by, at, sealed)?);
    }
    let groups = cell::open_groups(vault, id.as_str(), file.try_get("groups")?)?;
    let case = fold(id, terms, file.try_get("opened_at")?, groups, steps)?;
    Ok(StoredCase { case, weight: file.try_get("weight")? })
}
