//! Where pages meet the desk: a case is read under the gate's leave and the reading is recorded before anything is shown;
//! a step is taken at the desk, and what came of it is said in the words of a page.
//!
//! It decides nothing: what may follow is the case's to say, who may take it the gate's.

use crate::desk;
use crate::extract;
use crate::server::{App, Error, SignedIn};
use casework::{Case, Database, Lead, LeadId, NotAllowed, Step, Store as _, StoredCase};
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
#[expect(clippy::unused_async, reason = "pages wait for what may be a database's answer")]
pub(super) async fn store(app: &App) -> Result<Database, Error> {
    Ok(app.desk().store().clone())
}

/// Takes a step on a case in an officer's name.
pub(crate) async fn act(
    app: &App,
    officer: &SignedIn,
    id: &LeadId,
    version: u64,
    step: &Step,
) -> Result<Acted, Error> {
    let acted = app.desk().act(&officer.at_desk(), id, version, step.clone()).await;
    app.drain_soon();
    match acted {
        Ok(desk::Acted::Done(stored, _)) => Ok(Acted::Done(Box::new(stored.case))),
        Ok(desk::Acted::Refused(refusal)) => Err(Error::Refused(Box::new(refusal))),
        Ok(desk::Acted::NotAllowed(why)) => Ok(Acted::NotAllowed(why)),
        Err(crate::Error::Casework(casework::Error::CaseMoved { .. })) => Ok(Acted::Moved),
        Err(error) => Err(error.into()),
    }
}

/// Reads a case for an officer: asked for, and recorded before it is shown.
pub(super) async fn read(
    app: &App,
    officer: &SignedIn,
    id: &LeadId,
    what: &str,
) -> Result<(StoredCase, Lead), Error> {
    let read = app.desk().read(&officer.at_desk(), std::slice::from_ref(id), what).await?;
    let (files, lines) = app.shown(read)?;
    app.until_recorded(&lines).await?;
    let file = files.into_iter().next().ok_or(Error::NotFound)?;
    Ok((file.stored, file.lead))
}

/// The recipient's own records of the leads of a run, by row. Read from its own delivered file while that is there, held
/// in memory, and kept nowhere. The source's values are not among them: the agreement returns what it returns, and
/// showing what was matched on would be a disclosure that nobody recorded (floor F2, F9).
#[derive(Default)]
pub(crate) struct Own {
    rows: BTreeMap<u64, BTreeMap<String, String>>,
}

impl Own {
    /// Returns the recipient's record of a lead.
    pub(super) fn of(&self, lead: &Lead) -> Option<&BTreeMap<String, String>> {
        self.rows.get(&u64::from(lead.found.recipient_record))
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own [redacted]")
    }
}

/// Returns the recipient's own records for the leads of a lead's run; none where the file is gone, or another by now.
/// Whoever asks has read the lead before, at the desk ([`read`]).
pub(super) async fn own(app: &App, lead: &Lead) -> Option<Arc<Own>> {
    let mut kept = app.own().lock().await;
    if let Some(own) = kept.get(&lead.run)
        && own.of(lead).is_some()
    {
        return Some(own.clone());
    }
    let store = store(app).await.ok()?;
    let run = store.run(&lead.cycle).await.ok()??;
    let leads = store.leads(Some(&lead.cycle)).await.ok()?;
    // Of what is held nothing is read: only what was disclosed is shown (invariant 10).
    let rows: BTreeSet<u64> = leads
        .iter()
        .filter(|one| one.returned.is_some() && one.run == lead.run)
        .map(|one| u64::from(one.found.recipient_record))
        .collect();
    let cycle = lead.cycle.parse().ok()?;
    let own = extract::own_values(app.program(), &cycle, &run.files(), &rows).ok()?;
    let own = Arc::new(Own { rows: own });
    kept.insert(lead.run.clone(), own.clone());
    Some(own)
}
