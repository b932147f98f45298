//! Asks the gate about what surrounds cases: stays, accounts, votes, the ledger. The answer is recorded before anybody
//! acts on it, as every answer of the gate is.
//!
//! Acts on a case go another way, with all that the case holds (`crate::desk`).

use super::visit::SignedIn;
use super::{App, Error};
use crate::event::{Decided, Event};
use crate::node::Node;
use agreement::{Act, By, CaseRequest, Decision, Filed, Permit};
use casework::Store as _;
use ledger::Commitments;

/// Asks for leave for an officer to do something, and returns the permit. A refusal is recorded, and is the error.
pub(crate) async fn ask(
    app: &App,
    node: &mut Node,
    officer: &SignedIn,
    act: Act,
    fill: impl FnOnce(&mut CaseRequest),
) -> Result<Permit, Error> {
    let agreement = app.program().agreement();
    let party = app.party();
    let by = By::Officer { id: officer.officer.clone(), roles: officer.roles.clone() };
    let mut request = CaseRequest::new(agreement, act, party, app.program().purpose()?, by);
    fill(&mut request);
    request.environment = node.environment();
    // What waits goes first; if the ledger cannot be written, the gate refuses, or lets through what outlives that.
    request.ledger_writable = node.drain().await.is_ok();
    let filed = node.with_stays(&app.program().filed).await?;
    let now = app.now();
    let decision = node.gate.decide_case(&request, &filed, now);
    let event = decided(node, &decision, &request, &filed, now);
    let drafts = node.drafts_with(vec![(event, Commitments::new())]);
    node.store.note(&drafts).await?;
    app.drain_soon();
    match decision {
        Decision::Permit(permit) => Ok(permit),
        Decision::Refusal(refusal) => Err(Error::Refused(Box::new(refusal))),
    }
}

pub(crate) fn decided(
    node: &Node,
    decision: &Decision,
    request: &CaseRequest,
    filed: &Filed,
    now: jiff::Timestamp,
) -> Event {
    let grounds = decision.grounds();
    let given = node.gate.case_facts(request, filed, now).ok();
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
