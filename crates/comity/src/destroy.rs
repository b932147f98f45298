//! Destroying what was obtained under an agreement, when the day has come by which the agreement says it is destroyed
//! (5 U.S.C. 552a(o)(1)(F), (I)): its key first, then its rows, and a certificate of both in the ledger.
//!
//! The register of disclosures stays, in numbers and names of parties and elements: it is the accounting that
//! 552a(c) asks for, and holds no value of anybody.

use crate::Error;
use crate::event::Event;
use crate::node::{Node, drafts};
use agreement::Agreement;
use casework::{Destroyed, Store as _};
use jiff::tz::TimeZone;
use ledger::Commitments;

/// Destroys what was obtained under an agreement, whose digest is given beside it.
///
/// If we crash on the way, the next call goes on: the key is destroyed once, and the certificate is written with the
/// rows.
///
/// # Errors
/// The day has not come, cases under the agreement are not closed, or keys or store cannot be written.
pub async fn destroy(
    node: &mut Node,
    agreement: &Agreement,
    digest: &str,
    commitments: &Commitments,
    openings: &[String],
) -> Result<Destroyed, Error> {
    let now = node.now();
    let due = agreement.retention.destroy_by;
    if now.to_zoned(TimeZone::UTC).date() < due {
        return Err(Error::NotYetDue { due });
    }
    let standing = node.store.standing_under(digest).await?;
    if standing > 0 {
        return Err(Error::CasesStanding { standing });
    }
    let key = node.store.vault().destroy(digest)?;
    let destroyed = node
        .store
        .destroy(digest, openings, &|destroyed: &Destroyed| {
            let event = Event::DataDestroyed {
                agreement: destroyed.agreement.clone(),
                due: due.to_string(),
                key,
                leads: destroyed.leads.clone(),
                rows: destroyed.rows.iter().map(|(table, n)| ((*table).to_owned(), *n)).collect(),
                kept: destroyed.kept,
            };
            drafts(now, vec![(event, commitments.clone())])
        })
        .await?;
    // The certificate stands; should the ledger fail now, its entry waits and follows later.
    let _ = node.drain().await;
    Ok(destroyed)
}
