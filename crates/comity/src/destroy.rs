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
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

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

/// What a timer knows from one time to the next: which refusals it has noted, since the same answer to the same question
/// is noted once. It lives in memory, so that after a start each is noted once more.
#[derive(Debug)]
pub struct Timer {
    refusals: BTreeSet<u64>,
    at_once: u32,
}

impl Default for Timer {
    fn default() -> Timer {
        Timer::in_parts(AT_ONCE)
    }
}

impl Timer {
    /// Begins one that looks at so many cases in one go.
    pub fn in_parts(at_once: u32) -> Timer {
        Timer { refusals: BTreeSet::new(), at_once }
    }

    /// Says whether this refusal is another than those that were noted.
    fn is_new(&mut self, of: &str, refusal: &Refusal) -> bool {
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        refusal.reasons.iter().for_each(|one| one.id.hash(&mut hasher));
        self.refusals.insert(hasher.finish())
    }
}

/// Destroys what was obtained under a program's agreement.
///
/// If we crash on the way, the next call goes on: the key is destroyed once, and the certificate is written with the
/// rows.
///
/// # Errors
/// Cases under the agreement are not closed ([`casework::Error::CasesStanding`]), or keys or store cannot be written.
pub async fn destroy(node: &mut Node, program: &Program, by: By) -> Result<Destroying, Error> {
    destroy_by(node, program, by, &mut Timer::default()).await
}

/// Destroys all that is left under a program's agreement once its last day has come: a timer's work. None if the day has
/// not come, or nothing is left.
///
/// # Errors
/// As [`destroy`].
pub async fn destroy_due(
    node: &mut Node,
    program: &Program,
    timer: &mut Timer,
) -> Result<Option<Destroying>, Error> {
    let digest = program.digest.to_string();
    if node.now() < program.agreement().retention.ends() {
        return Ok(None);
    }
    // After a crash the key may be gone and the rows not: what is left of either is destroyed.
    if !node.store.vault().holds(&digest)? && node.store.left_under(&digest).await? == 0 {
        return Ok(None);
    }
    destroy_by(node, program, By::Machine, timer).await.map(Some)
}

async fn destroy_by(
    node: &mut Node,
    program: &Program,
    by: By,
    timer: &mut Timer,
) -> Result<Destroying, Error> {
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
        if timer.is_new(&digest, &refusal) {
            node.store.note(&node.drafts(vec![decision_event])).await?;
        }
        let _ = node.drain().await;
        return Ok(Destroying::Refused(refusal));
    }
    let destroyed = node
        .store
        .destroy(&digest, &openings, &|destroyed: &Destroyed| {
            let event = certificate(destroyed, due.to_string());
            let permitted = (decision_event.clone(), Commitments::new());
            drafts(now, vec![permitted, (event, commitments.clone())])
        })
        .await?;
    // The certificate stands; should the ledger fail now, its entry waits and follows later.
    let _ = node.drain().await;
    Ok(Destroying::Done(destroyed))
}

/// Destroys what cases hold that were closed longer ago than the agreement keeps leads, as far as the gate permits each,
/// and returns how many cases that were: a timer's work. The agreement's key stays, for the cases that are left. What is
/// refused holds up nothing behind it.
///
/// # Errors
/// The store fails. What was destroyed before that stays so, and is certified.
pub async fn destroy_closed(desk: &Desk, timer: &mut Timer) -> Result<u64, Error> {
    let now = desk.now();
    let agreement = desk.agreement();
    let digest = desk.digest()?;
    let days = SignedDuration::from_hours(24 * i64::from(agreement.retention.leads_days));
    let before = now.checked_sub(days).unwrap_or(Timestamp::MIN);
    let day = now.to_zoned(TimeZone::UTC).date().to_string();
    let at_once = timer.at_once;
    let (mut all, mut after) = (0, None);
    loop {
        let leads = desk.store().closed_before(&digest, before, after.as_ref(), at_once).await?;
        let is_last = leads.len() < at_once as usize;
        let mut over = Vec::new();
        let mut decisions = Vec::new();
        for lead in leads {
            let case = desk.store().case(&lead).await?.case;
            match desk.may_destroy(&case).await? {
                (Decision::Permit(_), event) => {
                    decisions.push((event, Commitments::new()));
                    over.push(lead);
                }
                (Decision::Refusal(refusal), event) => {
                    if timer.is_new(lead.as_str(), &refusal) {
                        decisions.push((event, Commitments::new()));
                    }
                    after = Some(lead);
                }
            }
        }
        if !over.is_empty() {
            let certified = |destroyed: &Destroyed| {
                let mut events = decisions.clone();
                events.push((certificate(destroyed, day.clone()), Commitments::new()));
                drafts(now, events)
            };
            let destroyed = desk.store().destroy_leads(&digest, &over, &[], &certified).await?;
            let count = destroyed.rows.get("case_file").copied().unwrap_or_default();
            all += count;
            // What was opened again since is not named any more; were it, this would not ask for it for ever.
            if count == 0 {
                after = over.pop();
            }
        } else if !decisions.is_empty() {
            desk.store().note(&drafts(now, decisions)).await?;
        }
        if is_last {
            return Ok(all);
        }
    }
}

fn certificate(destroyed: &Destroyed, due: String) -> Event {
    Event::DataDestroyed {
        agreement: destroyed.agreement.clone(),
        due,
        key: destroyed.key,
        leads: destroyed.leads.clone(),
        rows: destroyed.rows.iter().map(|(table, n)| ((*table).to_owned(), *n)).collect(),
        kept: destroyed.kept,
    }
}
