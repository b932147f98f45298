//! Results from the agency's own system: each row is an act on a case by the officer it names, decided by the gate as if
//! it were done in the console. A row that is not taken is named with the reason; the others are.
//!
//! Whoever brings the rows needs leave to bring them, and gets no leave for what the rows do.

use super::errand::Progress;
use super::visit::SignedIn;
use super::{App, Error};
use crate::desk::{Acted, Officer};
use crate::event::Event;
use agreement::{Act, OfficerId};
use casework::store::accounts::AccountStore as _;
use casework::{CaseStore as _, Finding, Ground, Had, LeadId, Source, Step};
use serde::Deserialize;
use std::fmt;

pub(crate) mod table;

/// How many rows are taken at once.
pub const MOST: usize = 1000;

/// A row of results.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The case's number.
    pub case: String,
    /// The case's version, as the work list had it.
    pub version: u64,
    /// The officer who did it, by the id of their account.
    pub officer: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found, in words that the individual can read.
    pub words: String,
    /// The amount, in hundredths of the currency.
    #[serde(default)]
    pub amount_cents: Option<u64>,
    /// Whether the individual really had access to it.
    #[serde(default)]
    pub access: Option<bool>,
    /// When the individual had it.
    #[serde(default)]
    pub periods: Vec<Had>,
    /// Who or what confirmed it, beyond the two records.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// How many minutes it took; kept for the program's report alone.
    #[serde(default)]
    pub minutes: Option<u32>,
}

/// What came of the work on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Verification has begun.
    Begun,
    /// A finding is proposed; a second officer confirms it.
    Found,
    /// The second officer confirms the finding.
    Confirmed,
    /// It is not so.
    Refuted,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("case", &self.case).finish_non_exhaustive()
    }
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The numbers of the rows that were taken, from one.
    pub taken: Vec<u64>,
    /// The numbers of those that were not, with the case they name and the reason.
    pub rejected: Vec<(u64, String, String)>,
    /// How many minutes the rows that were taken say they took.
    pub minutes: u64,
    /// How many rows were not looked at, because it was cancelled.
    pub left: u64,
}

/// A row as it was read: what it says, or the case it names and why it cannot be taken.
pub type Told<T> = Result<T, (String, String)>;

/// Whose results somebody may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bringing {
    /// A person's own: nobody speaks for a second officer (floor F5).
    Own,
    /// Everybody's, by a system that has a key of its own and answers for who did what there.
    Everybodys,
}

/// Takes rows in, one after the other, until it is cancelled.
///
/// # Errors
/// Whoever brings them may not, there are too many, or the store fails; what was taken before that is taken.
pub(crate) async fn import(
    app: &App,
    officer: &SignedIn,
    bringing: Bringing,
    rows: Vec<Told<Row>>,
    file: String,
    progress: &Progress,
) -> Result<Imported, Error> {
    if rows.len() > MOST {
        return Err(Error::malformed("rows", format!("there are more than {MOST}")));
    }
    // Asked before anything is done, and said again with what came of it.
    let bringer = officer.at_desk();
    let asked = app.desk().permit(&bringer, Act::IMPORT_RESULTS, |_| {}, Vec::new());
    app.shown(asked.await?)?;
    progress.begins(rows.len() as u64);
    let mut imported = Imported::default();
    for (row, number) in rows.into_iter().zip(1..) {
        if progress.is_cancelled() {
            imported.left += 1;
            continue;
        }
        match row {
            Err((case, why)) => imported.rejected.push((number, case, why)),
            Ok(row) if bringing == Bringing::Own && row.officer != officer.officer.as_str() => {
                let why = "it is another officer's: let them bring it, or a system with its key";
                imported.rejected.push((number, row.case, why.to_owned()));
            }
            Ok(row) => {
                let (case, minutes) = (row.case.clone(), row.minutes);
                match take(app, row).await? {
                    Ok(()) => {
                        imported.taken.push(number);
                        imported.minutes += u64::from(minutes.unwrap_or_default());
                    }
                    Err(why) => imported.rejected.push((number, case, why)),
                }
            }
        }
        progress.goes_on();
    }
    if imported.minutes > 0 {
        app.store().add_minutes(imported.minutes).await?;
    }
    let event = Event::ResultsImported {
        taken: imported.taken.len() as u64,
        rejected: imported.rejected.len() as u64,
        file,
    };
    let asked = app.desk().permit(&bringer, Act::IMPORT_RESULTS, |_| {}, vec![event]);
    app.shown(asked.await?)?;
    Ok(imported)
}

/// Takes one row, or says why not.
async fn take(app: &App, row: Row) -> Result<Result<(), String>, Error> {
    let account = app.accounts().account(&row.officer).await?.filter(|account| !account.closed);
    let Some(account) = account else { return Ok(Err("there is no such officer".to_owned())) };
    let id = OfficerId::new(&account.officer).map_err(|error| Error::failed(&error))?;
    let roles = app.accounts().roles(&account.officer, app.program_name()).await?;
    let (case, version) = (LeadId::typed(&row.case), row.version);
    let step = match row.outcome {
        Outcome::Begun => Step::Verify,
        Outcome::Confirmed => Step::Confirm,
        Outcome::Refuted => Step::Refute(row.words),
        Outcome::Found => Step::Find(Finding {
            ground: Ground::Independent {
                amount_cents: row.amount_cents,
                access: row.access,
                periods: row.periods,
                sources: row.sources,
            },
            words: row.words,
        }),
    };
    said(app.desk().act(&Officer { id, roles }, &case, version, step).await)
}

/// Says why an act was not done, for whoever brought its row.
pub(crate) fn said(acted: Result<Acted, crate::Error>) -> Result<Result<(), String>, Error> {
    match acted {
        Ok(Acted::Done(..)) => Ok(Ok(())),
        Ok(Acted::Refused(refusal)) => {
            let reasons: Vec<_> = refusal
                .reasons
                .iter()
                .map(|reason| format!("{}: {}", reason.id, reason.reason))
                .collect();
            Ok(Err(reasons.join("; ")))
        }
        Ok(Acted::NotAllowed(why)) => Ok(Err(why.to_string())),
        Err(crate::Error::Casework(
            error @ (casework::Error::CaseMoved { .. }
            | casework::Error::NoSuchLead { .. }
            | casework::Error::NoSuchCase { .. }),
        )) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
