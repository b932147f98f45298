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
    let disclosed: Vec<_> =
        leads.iter().filter(|one| one.returned.is_some() && one.run == lead.run).collect();
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
