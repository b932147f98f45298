//! Asks at the desk, and says over HTTP what came of it.
//!
//! The desk decides nothing either: the gate does, and its answer is noted with what was done under it.

use super::visit::SignedIn;
use super::{App, Error};
use crate::desk::{Acted, Officer, Read};
use agreement::{Act, CaseRequest};
use casework::{CaseStore as _, StoredCase};
use std::time::Duration;

/// How often, and how long together, it is waited for the ledger.
const LOOKS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(50);

impl SignedIn {
    /// Returns the officer as the desk knows them.
    pub fn at_desk(&self) -> Officer {
        Officer { id: self.officer.clone(), roles: self.roles.clone() }
    }
}

/// Asks for leave for an officer to do something that is about no one case. A refusal is recorded, and is the error.
///
/// It waits for no run: a run holds the ledger, and takes the line along. So a stay is recorded while one is at work.
pub(crate) async fn ask(
    app: &App,
    officer: &SignedIn,
    act: Act,
    fill: impl FnOnce(&mut CaseRequest) + Send,
) -> Result<(), Error> {
    // What the ledger is like now, and not as of the last entry: the gate wants to know.
    app.is_ledger_writable().await;
    let asked = app.desk().permit(&officer.at_desk(), act, fill, Vec::new()).await?;
    app.shown(asked)?;
    app.drain_soon();
    Ok(())
}

impl App {
    /// Returns the case after an act, or why nothing was done.
    ///
    /// # Errors
    /// The gate refused, or the case does not take the step.
    pub fn done(&self, acted: Acted) -> Result<StoredCase, Error> {
        self.drain_soon();
        match acted {
            Acted::Done(stored, _) => Ok(*stored),
            Acted::Refused(refusal) => Err(Error::Refused(Box::new(refusal))),
            Acted::NotAllowed(why) => Err(Error::NotAllowed { why: why.to_string() }),
        }
    }

    /// Returns what was asked for with its lines of the outbox.
    ///
    /// # Errors
    /// The gate refused.
    pub fn shown<T>(&self, read: Read<T>) -> Result<(T, Vec<i64>), Error> {
        match read {
            Read::Shown(shown, lines) => Ok((shown, lines)),
            Read::Refused(refusal) => Err(Error::Refused(Box::new(refusal))),
        }
    }

    /// Waits until the ledger holds these lines: what leaves the node has its entry first (floor F9).
    ///
    /// # Errors
    /// The ledger is not written in time.
    pub async fn until_recorded(&self, lines: &[i64]) -> Result<(), Error> {
        for _ in 0..LOOKS {
            if self.desk().is_recorded(lines).await? {
                return Ok(());
            }
            // Nobody else may be at it just now.
            if !self.is_ledger_writable().await {
                break;
            }
            if self.desk().is_recorded(lines).await? {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(Error::Unavailable { why: "the ledger was not written in time".to_owned() })
    }

    /// Waits until the ledger holds all that was noted before.
    ///
    /// # Errors
    /// The ledger is not written in time.
    pub(crate) async fn until_drained(&self) -> Result<(), Error> {
        for _ in 0..LOOKS {
            if self.is_ledger_writable().await
                && self.desk().store().outbox(1).await?.waiting.is_empty()
            {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(Error::Unavailable { why: "the ledger was not written in time".to_owned() })
    }
}
