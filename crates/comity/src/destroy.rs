//! Destroying what was obtained under an agreement when its time is over (5 U.S.C. 552a(o)(1)(F), (I)): by the day that
//! the agreement names all of it, its key first, then its rows; and before, what cases hold that were closed so many days
//! ago. The gate is asked, and its answer and a certificate stand in the ledger.
//!
//! The register of disclosures stays, in numbers and names of parties and elements: it is the accounting that
//! 552a(c) asks for, and holds no value of anybody.

use crate::Error;
use crate::desk::Desk;
use crate::event::{Event, commit};
use crate::node::{Node, decided, drafts};
use crate::program::Program;
use agreement::{Act, By, CaseRequest, Decision, Refusal};
use casework::{CaseStore as _, Destroyed, Store as _};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::Commitments;

/// How many cases are destroyed in one go.
const AT_ONCE: u32 = 100;

/// What came of asking to destroy.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum Destroying {
    /// It was done, and certified.
    Done(Destroyed),
    /// The gate refused, and that is noted.
    Refused(Refusal),
}

/// Destroys what was obtained under a program's agreement.
///
/// If we crash on the way, the next call goes on: the key is destroyed once, and the certificate is written with the
/// rows.
///
/// # Errors
/// Cases under the agreement are not closed, or keys or store cannot be written.
pub async fn destroy(node: &mut Node, program: &Program, by: By) -> Result<Destroying, Error> {
    let now = node.now();
    let agreement = program.agreement();
    let digest = program.digest.to_string();
    let due = agreement.retention.destroy_by;
    let told: Vec<_> = match &by {
        By::Officer { id, .. } => vec![("officer", id.to_string())],
        By::Individual { .. } | By::Machine => Vec::new(),
    };
    let (commitments, openings) = commit(&told)?;
    let (party, _) = program.recipient()?;
    let mut request = CaseRequest::new(agreement, Act::DESTROY, party, program.purpose()?, by);
    request.environment = node.environment();
    request.ledger_writable = node.drain().await.is_ok();
    let filed = node.with_stays(&program.filed).await?;
    let (decision, facts) = node.gate.decide_case_with_facts(&request, &filed, now);
    let decision_event = decided(&decision, facts.as_ref());
    if let Decision::Refusal(refusal) = decision {
        node.store.note(&node.drafts(vec![decision_event])).await?;
        let _ = node.drain().await;
        return Ok(Destroying::Refused(refusal));
    }
    let standing = node.store.standing_under(&digest).await?;
    if standing > 0 {
        return Err(Error::CasesStanding { standing });
    }
    let key = node.store.vault().destroy(&digest)?;
    let destroyed = node
        .store
        .destroy(&digest, &openings, &|destroyed: &Destroyed| {
            let event = certificate(destroyed, due.to_string(), key);
            let permitted = (decision_event.clone(), Commitments::new());
            drafts(now, vec![permitted, (event, commitments.clone())])
        })
        .await?;
    // The certificate stands; should the ledger fail now, its entry waits and follows later.
    let _ = node.drain().await;
    Ok(Destroying::Done(destroyed))
}

/// Destroys what cases hold that were closed longer ago than the agreement keeps leads, as far as the gate permits each,
/// and returns how many cases that were: a timer's work. The agreement's key stays, for the cases that are left.
///
/// # Errors
/// The store fails.
pub async fn destroy_closed(desk: &Desk) -> Result<u64, Error> {
    let now = desk.now();
    let agreement = desk.agreement();
    let digest = desk.digest()?;
    let days = SignedDuration::from_hours(24 * i64::from(agreement.retention.leads_days));
    let before = now.checked_sub(days).unwrap_or(Timestamp::MIN);
    let mut over = Vec::new();
    let mut decisions = Vec::new();
    for lead in desk.store().closed_before(&digest, before, AT_ONCE).await? {
        let case = desk.store().case(&lead).await?.case;
        let (decision, event) = desk.may_destroy(&case).await?;
        decisions.push((event, Commitments::new()));
        if matches!(decision, Decision::Permit(_)) {
            over.push(lead);
        }
    }
    if over.is_empty() {
        if !decisions.is_empty() {
            desk.store().note(&drafts(now, decisions)).await?;
        }
        return Ok(0);
    }
    let day = now.to_zoned(TimeZone::UTC).date().to_string();
    desk.store()
        .destroy_leads(&digest, &over, &[], &|destroyed: &Destroyed| {
            let mut events = decisions.clone();
            events.push((certificate(destroyed, day.clone(), false), Commitments::new()));
            drafts(now, events)
        })
        .await?;
    Ok(over.len() as u64)
}

fn certificate(destroyed: &Destroyed, due: String, key: bool) -> Event {
    Event::DataDestroyed {
        agreement: destroyed.agreement.clone(),
        due,
        key,
        leads: destroyed.leads.clone(),
        rows: destroyed.rows.iter().map(|(table, n)| ((*table).to_owned(), *n)).collect(),
        kept: destroyed.kept,
    }
}
