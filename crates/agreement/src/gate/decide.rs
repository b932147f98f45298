//! The one decision function: facts in, permit or refusal out, and what the decision rested on.
//!
//! It is pure, and it refuses whenever it is in doubt: `cedar-policy` skips a policy that errors, so any error in its
//! diagnostics is a refusal here.

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::sync::{Mutex, PoisonError};

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Entities, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request as CedarRequest,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    By, CaseRequest, Facts, Gate, PackRef, Permit, PilotStatus, Reason, Refusal, Request, Rule,
};
use crate::{Act, Digest, Error, Filed, PackId, PartyId, PurposeId};

/// A permit ends after this, whatever the agreement says: who goes on longer asks again.
const PERMIT_HOURS: i64 = 24;

/// A permit for one act on one case ends after this: the act follows at once, and a case moves meanwhile.
const CASE_PERMIT_MINUTES: i64 = 15;

/// Party and agreement as Cedar last saw them, with all that they were made of: they count for that alone.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<Box<SeenEntities>>>);

#[derive(Debug)]
struct SeenEntities {
    party: String,
    agreement: String,
    principal: Map<String, Value>,
    resource: Map<String, Value>,
    entities: Entities,
}

impl SeenEntities {
    fn is_of(&self, facts: &Facts) -> bool {
        self.party == facts.party
            && self.agreement == facts.agreement
            && self.principal == facts.principal
            && self.resource == facts.resource
    }
}

/// The gate's answer.
#[derive(Debug)]
#[must_use = "a decision is recorded, whichever it is"]
#[expect(clippy::large_enum_variant, reason = "there is one decision an act, never a list of them")]
pub enum Decision {
    /// The act is allowed.
    Permit(Permit),
    /// The act is refused.
    Refusal(Refusal),
}

impl Decision {
    /// Returns what the decision rested on, for the ledger: digests and ids, no personal data.
    pub fn grounds(&self) -> &Grounds {
        match self {
            Self::Permit(permit) => permit.grounds(),
            Self::Refusal(refusal) => &refusal.grounds,
        }
    }

    /// Returns the permit, or else the refusal.
    ///
    /// # Errors
    ///
    /// The refusal, which is an answer to be recorded and shown.
    pub fn into_permit(self) -> Result<Permit, Refusal> {
        match self {
            Self::Permit(permit) => Ok(permit),
            Self::Refusal(refusal) => Err(refusal),
        }
    }
}

/// What a decision rested on. With the facts of this digest and packs of these digests it can be decided again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grounds {
    /// Whether the act was permitted.
    pub permitted: bool,
    /// The act asked for.
    pub act: Act,
    /// The party that asked.
    pub party: PartyId,
    /// What for.
    pub purpose: PurposeId,
    /// The digest of the agreement; none if it has no canonical form.
    pub agreement: Option<Digest>,
    /// The instant of the decision.
    pub now: Timestamp,
    /// The packs that decided, the floor first.
    pub packs: Vec<PackRef>,
    /// The digest of the facts; none if there were none.
    pub facts: Option<Digest>,
    /// The ids of the rules broken.
    pub rules: Vec<String>,
}

impl Gate {
    /// Answers a request under an agreement and what is filed about it, at an instant.
    pub fn decide(&self, request: &Request, filed: &Filed, now: Timestamp) -> Decision {
        let reasons = self.own_reasons(request, filed, now);
        let asked = (&request.act, &request.party, &request.purpose);
        let facts = self.facts(request, filed, now);
        let (agreement, grounds) = match self.weigh(asked, reasons, facts.as_ref(), filed, now) {
            Ok(allowed) => allowed,
            Err(refusal) => return Decision::Refusal(refusal),
        };
        Decision::Permit(Permit {
            agreement,
            act: request.act.clone(),
            party: request.party.clone(),
            purpose: request.purpose.clone(),
            ends: permit_ends(filed, now),
            matched_on: request.matched_on.clone(),
            returned: request.returned.clone(),
            compared: request.compared.clone(),
            caseload_id: request.caseload_id.clone(),
            leads_at_most: leads_at_most(request, filed),
            case: None,
            officer: None,
            grounds,
        })
    }

    /// Answers a request about a case under an agreement and what is filed about it, at an instant. The permit is for
    /// this act on this case alone, and soon over.
    pub fn decide_case(&self, request: &CaseRequest, filed: &Filed, now: Timestamp) -> Decision {
        self.decide_case_with_facts(request, filed, now).0
    }

    /// Answers as [`Gate::decide_case`], and returns the facts the answer rests on, for whoever records them; none if
    /// there are none. Gathering them again would cost as much as deciding.
    pub fn decide_case_with_facts(
        &self,
        request: &CaseRequest,
        filed: &Filed,
        now: Timestamp,
    ) -> (Decision, Option<Facts>) {
        let facts = self.case_facts(request, filed, now);
        let decision = self.decide_on(request, facts.as_ref(), filed, now);
        (decision, facts.ok())
    }

    fn decide_on(
        &self,
        request: &CaseRequest,
        facts: Result<&Facts, &Error>,
        filed: &Filed,
        now: Timestamp,
    ) -> Decision {
        let mut reasons = self.pack_reasons(filed, now);
        if !Act::OF_CASES.contains(&request.act) {
            reasons.push(unknown_act(&request.act));
        }
        let asked = (&request.act, &request.party, &request.purpose);
        let (agreement, grounds) = match self.weigh(asked, reasons, facts, filed, now) {
            Ok(allowed) => allowed,
            Err(refusal) => return Decision::Refusal(refusal),
        };
        let officer = match &request.by {
            By::Officer { id, .. } => Some(id.clone()),
            By::Individual { .. } | By::Machine => None,
        };
        Decision::Permit(Permit {
            agreement,
            act: request.act.clone(),
            party: request.party.clone(),
            purpose: request.purpose.clone(),
            ends: case_permit_ends(request, filed, now),
            matched_on: BTreeSet::new(),
            returned: request.elements.clone(),
            compared: BTreeSet::new(),
            caseload_id: None,
            leads_at_most: Some(0),
            case: request.case.clone(),
            officer,
            grounds,
        })
    }

    /// Gathers the facts of a request about a case.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn case_facts(
        &self,
        request: &CaseRequest,
        filed: &Filed,
        now: Timestamp,
    ) -> Result<Facts, Error> {
        Facts::of_case(self, request, filed, now)
    }

    /// Puts facts before the rules: the agreement's digest and the grounds of a permit, or the refusal.
    fn weigh(
        &self,
        (act, party, purpose): (&Act, &PartyId, &PurposeId),
        mut reasons: Vec<Reason>,
        facts: Result<&Facts, &Error>,
        filed: &Filed,
        now: Timestamp,
    ) -> Result<(Digest, Box<Grounds>), Refusal> {
        match facts {
            Ok(facts) => reasons.extend(self.replay(facts)),
            Err(error) => reasons.push(malformed(&error.to_string())),
        }
        let agreement =
            facts.map_or_else(|_| filed.digest().ok(), |facts| facts.agreement.parse().ok());
        let digest = facts.ok().and_then(|facts| facts.digest().ok());
        let permitted = agreement.filter(|_| reasons.is_empty());
        let grounds = Box::new(Grounds {
            permitted: permitted.is_some(),
            act: act.clone(),
            party: party.clone(),
            purpose: purpose.clone(),
            agreement,
            now,
            packs: self.packs.iter().map(crate::Pack::reference).collect(),
            facts: digest,
            rules: reasons.iter().map(|reason| reason.id.clone()).collect(),
        });
        match permitted {
            Some(agreement) => Ok((agreement, grounds)),
            None => Err(Refusal { reasons, grounds }),
        }
    }

    /// Gathers the facts that the policies decide on.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when the agreement has no canonical form.
    pub fn facts(&self, request: &Request, filed: &Filed, now: Timestamp) -> Result<Facts, Error> {
        Facts::gather(request, filed, now)
    }

    /// Decides facts again, for instance those of a recorded decision. Returns every rule of the floor and of the packs
    /// that is broken, none for a permit. What the gate decides by itself, before there are facts, is not among them:
    /// [`Gate::own_rule_ids`].
    pub fn replay(&self, facts: &Facts) -> Vec<Reason> {
        match self.by_act.get(facts.act.as_str()) {
            Some(policies) => self.replay_by(policies, facts),
            None => vec![unknown_act(&facts.act)],
        }
    }

    /// Decides facts by some of the policies: those of the act, or all, which comes to the same.
    pub(crate) fn replay_by(&self, policies: &PolicySet, facts: &Facts) -> Vec<Reason> {
        let (request, entities) = match self.cedar(facts) {
            Ok(input) => input,
            Err(reason) => return vec![*reason],
        };
        let response = Authorizer::new().is_authorized(&request, policies, &entities);
        let mut reasons = Vec::new();
        if response.decision() == CedarDecision::Deny {
            reasons.extend(response.diagnostics().reason().map(|id| self.reason(id, facts)));
            reasons.sort_by_key(|reason| {
                self.rules.get(&reason.id).map_or(usize::MAX, |rule| rule.order)
            });
        }
        reasons.extend(response.diagnostics().errors().map(policy_error));
        if reasons.is_empty() && response.decision() == CedarDecision::Deny {
            reasons.push(no_permit());
        }
        reasons
    }

    /// Returns the ids of the reasons that no policy gives, and that [`Gate::replay`] therefore may not find again.
    pub const fn own_rule_ids() -> &'static [&'static str] {
        &[
            "gate-unknown-pack",
            "gate-pack-not-in-force",
            "gate-unknown-act",
            "gate-policy-error",
            "gate-malformed",
            "gate-no-permit",
        ]
    }

    /// Turns facts into what Cedar evaluates.
    fn cedar(&self, facts: &Facts) -> Result<(CedarRequest, Entities), Box<Reason>> {
        let uid = |kind: &str, id: &str| {
            EntityTypeName::from_str(kind)
                .map(|kind| EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
                .map_err(|error| Box::new(malformed(&error.to_string())))
        };
        let action = uid("Action", facts.act.as_str())?;
        if !self.schema.actions().any(|known| *known == action) {
            return Err(Box::new(unknown_act(&facts.act)));
        }
        let context = Context::from_json_value(
            serde_json::Value::Object(facts.context.clone()),
            Some((&self.schema, &action)),
        )
        .map_err(|error| Box::new(malformed(&error.to_string())))?;
        let entities = self.entities(facts)?;
        let principal = uid("Party", &facts.party)?;
        let resource = uid("Agreement", &facts.agreement)?;
        let request = CedarRequest::new(principal, action, resource, context, Some(&self.schema))
            .map_err(|error| Box::new(malformed(&error.to_string())))?;
        Ok((request, entities))
    }

    /// Turns party and agreement into what Cedar evaluates: of one node they are mostly the same as the last time.
    fn entities(&self, facts: &Facts) -> Result<Entities, Box<Reason>> {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = seen.as_ref().filter(|seen| seen.is_of(facts)) {
            return Ok(seen.entities.clone());
        }
        let entities = Entities::from_json_value(facts.entities(), Some(&self.schema))
            .map_err(|error| Box::new(malformed(&error.to_string())))?;
        *seen = Some(Box::new(SeenEntities {
            party: facts.party.clone(),
            agreement: facts.agreement.clone(),
            principal: facts.principal.clone(),
            resource: facts.resource.clone(),
            entities: entities.clone(),
        }));
        Ok(entities)
    }

    /// Returns every rule of the gate as the reason it gives when broken, the floor's first. Permits are left out.
    pub fn rules(&self) -> Vec<Reason> {
        let mut rules: Vec<_> = self.rules.iter().filter(|(_, rule)| rule.forbids).collect();
        rules.sort_by_key(|(_, rule)| rule.order);
        rules.into_iter().map(|(id, rule)| self.describe(id, rule, None)).collect()
    }

    /// Returns the reason a broken policy gives.
    fn reason(&self, id: &cedar_policy::PolicyId, facts: &Facts) -> Reason {
        let id: &str = id.as_ref();
        let Some(rule) = self.rules.get(id) else {
            return malformed(id);
        };
        let detail = rule.detail.as_ref().and_then(|name| facts.details.get(name).cloned());
        self.describe(id, rule, detail)
    }

    fn describe(&self, id: &str, rule: &Rule, detail: Option<String>) -> Reason {
        let pack = self.packs.iter().find(|pack| pack.manifest.id == rule.pack);
        Reason {
            id: id.to_owned(),
            reason: rule.reason.clone(),
            detail,
            cite: rule.cite.clone(),
            remedy: rule.remedy.clone(),
            pack: pack.map(crate::Pack::reference),
        }
    }

    /// Returns the reasons that no policy can give, because the policies themselves would be missing.
    pub(crate) fn own_reasons(
        &self,
        request: &Request,
        filed: &Filed,
        now: Timestamp,
    ) -> Vec<Reason> {
        let mut reasons = self.pack_reasons(filed, now);
        if request.threshold.is_some_and(f64::is_nan) {
            reasons.push(malformed("the threshold is no number"));
        }
        reasons
    }

    /// Returns why the packs that the agreement names cannot decide.
    fn pack_reasons(&self, filed: &Filed, now: Timestamp) -> Vec<Reason> {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut reasons = Vec::new();
        for id in &filed.agreement.laws {
            match self.packs.iter().find(|pack| pack.manifest.id == *id) {
                None => reasons.push(unknown_pack(id)),
                Some(pack) if !pack.manifest.in_force.contains(today) => {
                    reasons.push(pack_not_in_force(id));
                }
                Some(_) => {}
            }
        }
        reasons
    }
}

/// Returns the instant a permit for an act on a case ends. What protects the person outlives the agreement and known
/// stays, and so does its permit.
fn case_permit_ends(request: &CaseRequest, filed: &Filed, now: Timestamp) -> Timestamp {
    let soon = SignedDuration::from_mins(CASE_PERMIT_MINUTES);
    let soon = now.checked_add(soon).unwrap_or(Timestamp::MAX);
    if request.act.advances() { soon.min(permit_ends(filed, now)) } else { soon }
}

/// Returns the instant a permit ends: with the agreement, with the next stay already known, or after a day.
fn permit_ends(filed: &Filed, now: Timestamp) -> Timestamp {
    let day = now.checked_add(SignedDuration::from_hours(PERMIT_HOURS)).unwrap_or(Timestamp::MAX);
    filed
        .stays
        .iter()
        .map(crate::Stay::begins)
        .filter(|begins| *begins > now)
        .chain([filed.agreement.term.ends_at(), day])
        .min()
        .unwrap_or(day)
}

/// Returns how many more leads may be opened (F12, F14, F3(e)).
fn leads_at_most(request: &Request, filed: &Filed) -> Option<u64> {
    let kind = filed.agreement.purpose(&request.purpose).map(|purpose| purpose.kind);
    if kind.is_some_and(crate::PurposeKind::opens_no_leads) {
        return Some(0);
    }
    match request.pilot {
        PilotStatus::Open { opened } => Some(filed.agreement.pilot.sample.saturating_sub(opened)),
        PilotStatus::Reviewed { .. } => None,
    }
}

fn own(id: &str, reason: &str, detail: Option<String>, cite: &str, remedy: &str) -> Reason {
    Reason {
        id: id.to_owned(),
        reason: reason.to_owned(),
        detail,
        cite: cite.to_owned(),
        remedy: remedy.to_owned(),
        pack: None,
    }
}

fn no_permit() -> Reason {
    own(
        "gate-no-permit",
        "no agreement covers this",
        None,
        "floor F1",
        "ask for an act that the agreement and its roles allow",
    )
}

fn unknown_act(act: &Act) -> Reason {
    own(
        "gate-unknown-act",
        "the act is not one the rules know",
        Some(format!("`{act}`")),
        "floor F1",
        "ask for one of the acts in `laws/schema.cedarschema`",
    )
}

fn unknown_pack(id: &PackId) -> Reason {
    own(
        "gate-unknown-pack",
        "the agreement stands under a law pack this program does not have",
        Some(format!("`{id}`")),
        "floor F1",
        "add the pack's folder, or name a pack that `comity law list` shows",
    )
}

fn pack_not_in_force(id: &PackId) -> Reason {
    own(
        "gate-pack-not-in-force",
        "the law pack is not in force today",
        Some(format!("`{id}`")),
        "floor F1",
        "take the version of the pack that is in force",
    )
}

fn policy_error(error: &cedar_policy::AuthorizationError) -> Reason {
    own(
        "gate-policy-error",
        "a rule could not be evaluated, and what cannot be evaluated is refused",
        Some(error.to_string()),
        "floor F1",
        "report this with the law pack's version: a rule that errors is a mistake in the pack",
    )
}

fn malformed(detail: &str) -> Reason {
    own(
        "gate-malformed",
        "the request cannot be put before the rules",
        Some(detail.to_owned()),
        "floor F1",
        "report this: a request that does not fit the schema is a mistake in the program",
    )
}
