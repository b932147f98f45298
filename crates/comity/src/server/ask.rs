//! Asks the gate about what surrounds cases: stays, accounts, votes, the ledger. The answer is recorded before anybody
//! acts on it, as every answer of the gate is.
//!
//! Acts on a case go another way, with all that the case holds (`crate::desk`).

use super::visit::SignedIn;
use super::{App, Error};
use crate::event::{Decided, Event};
use crate::node::{drafts, look_up_stays};
use agreement::{Act, By, CaseRequest, Decision, Filed, Gate, Permit};
use casework::Store as _;
use ledger::Commitments;

/// Asks for leave for an officer to do something, and returns the permit. A refusal is recorded, and is the error.
///
/// It waits for no run: a run holds the ledger, and takes the line along. So a stay is recorded while one is at work.
pub(crate) async fn ask(
    app: &App,
    officer: &SignedIn,
    act: Act,
    fill: impl FnOnce(&mut CaseRequest) + Send,
) -> Result<Permit, Error> {
    let by = By::Officer { id: officer.officer.clone(), roles: officer.roles.clone() };
    ask_by(app, by, act, fill).await
}

/// Asks for leave for whoever it is, as [`ask`].
pub(crate) async fn ask_by(
    app: &App,
    by: By,
    act: Act,
    fill: impl FnOnce(&mut CaseRequest) + Send,
) -> Result<Permit, Error> {
    let agreement = app.program().agreement();
    let purpose = app.program().purpose()?;
    let mut request = CaseRequest::new(agreement, act, app.party(), purpose, by);
    fill(&mut request);
    request.environment = app.environment();
    request.ledger_writable = app.is_ledger_writable().await;
    let mut filed = app.program().filed.clone();
    filed.stays = look_up_stays(app.store()).await?.1;
    let now = app.now();
    let decision = app.gate().decide_case(&request, &filed, now);
    let event = decided(app.gate(), &decision, &request, &filed, now);
    app.store().note(&drafts(now, vec![(event, Commitments::new())])).await?;
    app.drain_soon();
    match decision {
        Decision::Permit(permit) => Ok(permit),
        Decision::Refusal(refusal) => Err(Error::Refused(Box::new(refusal))),
    }
}

fn decided(
    gate: &Gate,
    decision: &Decision,
    request: &CaseRequest,
    filed: &Filed,
    now: jiff::Timestamp,
) -> Event {
    let grounds = decision.grounds();
    let given = gate.case_facts(request, filed, now).ok();
    let given = given.and_then(|facts| serde_json_canonicalizer::to_string(&facts).ok());
    let told = |ends: String| Decided {
        act: grounds.act.to_string(),
        party: grounds.party.to_string(),
        purpose: grounds.purpose.to_string(),
        agreement: grounds.agreement.map(|digest| digest.to_string()).unwrap_or_default(),
        packs: grounds
            .packs
            .iter()
            .map(|pack| format!("{} {} {}", pack.id, pack.version, pack.digest))
            .collect(),
        rules: grounds.rules.clone(),
        given: given.unwrap_or_default(),
        ends,
    };
    match decision {
        Decision::Permit(permit) => Event::Permitted(told(permit.ends().to_string())),
        Decision::Refusal(_) => Event::Refused(told(String::new())),
    }
}
