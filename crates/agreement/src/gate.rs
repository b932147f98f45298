//! The gate: answers a request with a permit or with a refusal that lists every broken rule.
//!
//! It fails closed. An unknown act or pack, an agreement outside its term, or any error while a policy is evaluated
//! is a refusal; so is the answer of a gate that cannot make sense of its input. The rules are Cedar policies in
//! `laws/`: one broad permit an act, one `forbid … unless` a requirement. Agreements are data to them, never text.
//! The gate reads no clock, no file and no database, and knows nothing of how records are linked.

mod case;
mod case_facts;
mod contest;
mod decide;
mod facts;
mod permit;
mod refusal;
mod removal;
mod request;

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, PolicySet, Schema, ValidationMode, Validator,
};

pub use case::{
    Account, By, CaseFile, CaseRequest, CaseStage, Death, Decided, Emergency, EmergencyGround,
    NoticePart, NoticeServed, ProposedAction, RecordsAsked, Reviews, Service, Silence, Undo,
};
pub use decide::{Decision, Grounds};
pub use facts::Facts;
pub use permit::Permit;
pub use refusal::{PackRef, Reason, Refusal};
pub use request::{Act, Extract, PilotStatus, Request};

use crate::{Error, Pack, PackId};
use decide::Seen;

/// The Cedar schema that all policies are checked against.
pub const SCHEMA: &str = include_str!("../../../laws/schema.cedarschema");

/// The gate, with the floor and its law packs parsed once.
#[derive(Debug)]
pub struct Gate {
    schema: Schema,
    policies: PolicySet,
    /// Of each act, the policies that speak of it: the others cannot bear on it, since their scope names other acts.
    by_act: BTreeMap<String, PolicySet>,
    /// Party and agreement as Cedar last saw them.
    seen: Seen,
    rules: BTreeMap<String, Rule>,
    packs: Vec<Pack>,
}

/// What a policy's annotations say.
#[derive(Clone, Debug)]
struct Rule {
    /// The place among the rules, so that reasons come in the order a reader expects.
    order: usize,
    forbids: bool,
    reason: String,
    cite: String,
    remedy: String,
    detail: Option<String>,
    pack: PackId,
}

impl Gate {
    /// Opens a gate with the floor, which is always there, and these law packs.
    ///
    /// # Errors
    ///
    /// When a pack is there twice, does not fit the schema, permits anything, lacks an annotation, or reuses an id.
    pub fn new(packs: Vec<Pack>) -> Result<Self, Error> {
        let mut gate = Self {
            schema: schema()?,
            policies: PolicySet::new(),
            by_act: BTreeMap::new(),
            seen: Seen::default(),
            rules: BTreeMap::new(),
            packs: Vec::new(),
        };
        gate.add(Pack::floor()?)?;
        for pack in packs {
            gate.add(pack)?;
        }
        gate.by_act = by_act(&gate.schema, &gate.policies)?;
        Ok(gate)
    }

    /// Opens a gate with the floor and every law pack that ships with the program.
    ///
    /// # Errors
    ///
    /// As [`Gate::new`]; a test makes sure that the shipped packs do not fail.
    pub fn shipped() -> Result<Self, Error> {
        Self::new(Pack::shipped()?)
    }

    /// Returns the packs, the floor first.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// Tells whether one of its packs has a rule of this id; the gate's own rules stand in no pack.
    pub fn has_rule(&self, id: &str) -> bool {
        self.rules.contains_key(id)
    }

    /// Returns the policies as the solver sees them.
    pub const fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// Returns the schema as the solver sees it.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    fn add(&mut self, pack: Pack) -> Result<(), Error> {
        let id = &pack.manifest.id;
        if self.packs.iter().any(|other| other.manifest.id == *id) {
            return Err(Error::PackTwice { id: id.clone() });
        }
        let wrong = |reason: String| Error::PackPolicies { id: pack.manifest.id.clone(), reason };
        let parsed = PolicySet::from_str(pack.policies()).map_err(|e| wrong(e.to_string()))?;
        if parsed.templates().next().is_some() {
            return Err(wrong("a template is no rule".to_owned()));
        }
        let checked = Validator::new(self.schema.clone()).validate(&parsed, ValidationMode::Strict);
        if let Some(error) = checked.validation_errors().next() {
            return Err(wrong(error.to_string()));
        }
        // In the order of the text, so that a refusal lists rules as the pack does.
        let mut policies: Vec<_> = parsed.policies().collect();
        policies.sort_by_key(|policy| {
            policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(0)
        });
        for policy in policies {
            let annotation = |name: &'static str| {
                policy.annotation(name).filter(|text| !text.is_empty()).map(str::to_owned).ok_or(
                    Error::PolicyWithoutAnnotation {
                        id: id.clone(),
                        policy: policy.annotation("id").unwrap_or("without id").to_owned(),
                        annotation: name,
                    },
                )
            };
            let name = annotation("id")?;
            if policy.effect() == Effect::Permit && !pack.is_floor() {
                return Err(Error::PackPermits { id: id.clone(), policy: name });
            }
            let rule = Rule {
                order: self.rules.len(),
                forbids: policy.effect() == Effect::Forbid,
                reason: annotation("reason")?,
                cite: annotation("cite")?,
                remedy: annotation("remedy")?,
                detail: policy.annotation("detail").map(str::to_owned),
                pack: id.clone(),
            };
            let taken = || Error::PolicyTwice { id: id.clone(), policy: name.clone() };
            if self.rules.contains_key(&name) {
                return Err(taken());
            }
            let named = policy.new_id(cedar_policy::PolicyId::new(&name));
            self.policies.add(named).map_err(|_| taken())?;
            self.rules.insert(name, rule);
        }
        self.packs.push(pack);
        Ok(())
    }
}

/// Sorts policies by the acts that their scope names, groups of acts included.
fn by_act(schema: &Schema, policies: &PolicySet) -> Result<BTreeMap<String, PolicySet>, Error> {
    let wrong = |reason: String| Error::PackManifest {
        id: "laws".to_owned(),
        file: "schema.cedarschema",
        reason,
    };
    let groups = schema.action_entities().map_err(|error| wrong(error.to_string()))?;
    let mut by_act = BTreeMap::new();
    for act in schema.actions() {
        let among = |named: &EntityUid| named == act || groups.is_ancestor_of(named, act);
        let own = policies.policies().filter(|policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(named) => among(&named),
            ActionConstraint::In(named) => named.iter().any(among),
        });
        let own =
            PolicySet::from_policies(own.cloned()).map_err(|error| wrong(error.to_string()))?;
        by_act.insert(act.id().unescaped().to_owned(), own);
    }
    Ok(by_act)
}

/// Parses the schema that ships with the program.
fn schema() -> Result<Schema, Error> {
    Schema::from_cedarschema_str(SCHEMA).map(|(schema, _)| schema).map_err(|error| {
        Error::PackManifest {
            id: "laws".to_owned(),
            file: "schema.cedarschema",
            reason: error.to_string(),
        }
    })
}
