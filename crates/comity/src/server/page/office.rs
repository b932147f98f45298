//! Where pages meet the desk: a case is read under the gate's leave and the reading is recorded before anything is shown;
//! a step is taken at the desk, and what came of it is said in the words of a page.
//!
//! It decides nothing: what may follow is the case's to say, who may take it the gate's.

use crate::desk::{self, File};
use crate::extract;
use crate::server::{App, Error, SignedIn};
use agreement::{Act, CaseRef};
use casework::{Case, Database, Lead, LeadId, NotAllowed, Step, Store as _};
use std::collections::{BTreeMap, BTreeSet};

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
pub(crate) async fn read(
    app: &App,
    officer: &SignedIn,
    id: &LeadId,
    what: &str,
) -> Result<File, Error> {
    let read = app.desk().read(&officer.at_desk(), std::slice::from_ref(id), what).await?;
    let (files, lines) = app.shown(read)?;
    app.until_recorded(&lines).await?;
    files.into_iter().next().ok_or(Error::NotFound)
}

/// The recipient's own records of the leads of a run, by row. Read from its own delivered file while that is there, held
/// in memory, and kept nowhere. The source's values are not among them: the agreement returns what it returns, and
/// showing what was matched on would be a disclosure that nobody recorded (floor F2, F9).
///
/// The file is opened under the leave to read one case, and what it says of a case is shown under that case's own.
#[derive(Default)]
pub(crate) struct Own {
    rows: BTreeMap<u64, OwnRecord>,
}

/// The recipient's own record, by element.
pub(super) type OwnRecord = BTreeMap<String, String>;

impl Own {
    /// Returns the recipient's record of a lead.
    fn of(&self, lead: &Lead) -> Option<&OwnRecord> {
        self.rows.get(&u64::from(lead.found.recipient_record))
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own [redacted]")
    }
}

/// Returns the recipient's own record of a case, under the leave to read it; none where the file is gone, or another by
/// now.
pub(super) async fn own(app: &App, file: &File) -> Option<OwnRecord> {
    let (lead, permit) = (&file.lead, &file.permit);
    let case = CaseRef::new(lead.found.id.as_str()).ok()?;
    let mut acts = [Act::READ_CASE, Act::READ_EVIDENCE].into_iter();
    acts.any(|act| permit.is_for(&act, &case, app.now())).then_some(())?;
    let mut kept = app.own().lock().await;
    if let Some(own) = kept.get(&lead.run).and_then(|own| own.of(lead)) {
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
    let cycle = run.cycle_of_files().parse().ok()?;
    let files = run.files();
    let own = extract::own_values(app.program(), permit, app.now(), &cycle, &files, &rows).ok()?;
    let own = Own { rows: own };
    let found = own.of(lead).cloned();
    kept.insert(lead.run.clone(), own);
    found
}
