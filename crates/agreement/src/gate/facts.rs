//! The facts a decision rests on: agreement, filing and request, lowered to what policies can compare.
//!
//! All arithmetic on numbers from outside is done here, saturating, because a Cedar policy that overflows errors and
//! an erring policy is skipped. Facts hold no personal data; they can be kept and decided again ([`super::Gate::replay`]).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::removal::removal_powers;
use super::{PilotStatus, Request};
use crate::digest::canonical;
use crate::{
    Act, Agreement, Answer, Category, ClaimKind, CostBenefit, Digest, Error, Filed, Party, PartyId,
    RecordSet, Role, SignerRole, Standing, Use,
};

/// An assessment of accuracy counts for so many days. The project's own number: (J) sets none.
const ACCURACY_DAYS: i64 = 730;

/// What the policies decide on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The act asked for.
    pub act: Act,
    /// The party that asks.
    pub party: String,
    /// The agreement's digest.
    pub agreement: String,
    /// The party's attributes.
    pub principal: Map<String, Value>,
    /// The agreement's attributes and what is filed about it.
    pub resource: Map<String, Value>,
    /// The request's attributes, and what depends on the instant.
    pub context: Map<String, Value>,
    /// What exactly is amiss, for the reasons that ask for it by `@detail`; no rule sees it.
    #[serde(skip)]
    pub(super) details: BTreeMap<String, String>,
}

impl Facts {
    /// Returns the digest of the facts.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] when they have no canonical form.
    pub fn digest(&self) -> Result<Digest, Error> {
        let mut bytes = b"comity facts, version 1\n".to_vec();
        bytes.extend(canonical(self)?);
        Ok(Digest::of(&bytes))
    }

    /// Returns facts with nothing but attributes, as vectors give them.
    pub(crate) fn of_vector(
        act: Act,
        principal: Map<String, Value>,
        resource: Map<String, Value>,
        context: Map<String, Value>,
    ) -> Self {
        Self {
            act,
            party: "party".to_owned(),
            agreement: "agreement".to_owned(),
            principal,
            resource,
            context,
            details: BTreeMap::new(),
        }
    }

    /// Returns the same facts about another act.
    #[cfg(test)]
    pub(crate) fn put_as(self, act: &Act) -> Self {
        Self { act: act.clone(), ..self }
    }

    /// Gathers the facts of a request.
    pub(super) fn gather(request: &Request, filed: &Filed, now: Timestamp) -> Result<Self, Error> {
        let digest = filed.digest()?;
        let parties = filed.parties(now)?;
        let standing = filed.standing_for(&request.party, digest, now)?;
        let terms = filed.terms(&request.party, now)?;
        let published = filed.published_for(&request.party, now)?;
        let mut facts = Self {
            act: request.act.clone(),
            party: request.party.to_string(),
            agreement: digest.to_string(),
            principal: principal(&request.party, filed, &parties),
            resource: resource(filed, &terms, &parties, &standing, now)?,
            context: context(request, filed, &terms, &parties, digest, published.as_deref(), now),
            details: BTreeMap::new(),
        };
        facts.details = details(request, &terms, &standing, &facts);
        Ok(facts.spellable())
    }

    /// Brings every number within what JSON spells exactly, so that facts read back are the facts that were decided on.
    ///
    /// In canonical form a number is that of a double ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) §3.2.2.3): a
    /// saturated one would come back as another, and could not be decided again.
    pub(super) fn spellable(mut self) -> Self {
        for attributes in [&mut self.principal, &mut self.resource, &mut self.context] {
            attributes.values_mut().for_each(keep_exact);
        }
        self
    }

    /// Returns the two entities as Cedar reads them.
    pub(super) fn entities(&self) -> Value {
        json!([
            { "uid": { "type": "Party", "id": self.party }, "attrs": self.principal, "parents": [] },
            { "uid": { "type": "Agreement", "id": self.agreement }, "attrs": self.resource, "parents": [] },
        ])
    }
}

/// The largest whole number of which a double knows all below: 2^53 − 1.
const LARGEST_EXACT: i64 = 9_007_199_254_740_991;

fn keep_exact(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_i64() {
                *value = json!(whole.clamp(-LARGEST_EXACT, LARGEST_EXACT));
            } else if number.is_u64() {
                *value = json!(LARGEST_EXACT);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(keep_exact),
        Value::Object(values) => values.values_mut().for_each(keep_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Returns the attributes of the party that asks: its roles, and none if it is no party.
pub(super) fn principal(asks: &PartyId, filed: &Filed, parties: &[&Party]) -> Map<String, Value> {
    let mut roles: BTreeSet<&str> = parties
        .iter()
        .filter(|party| party.id == *asks)
        .flat_map(|party| party.roles.iter().map(|role| role.as_str()))
        .collect();
    if filed.agreement.auditor.id == *asks {
        roles.insert("auditor");
    }
    object([("id", json!(asks)), ("roles", json!(roles))])
}

/// Returns the attributes of the agreement.
pub(super) fn resource(
    filed: &Filed,
    agreement: &Agreement,
    parties: &[&Party],
    standing: &Standing,
    now: Timestamp,
) -> Result<Map<String, Value>, Error> {
    let signers = |signers: &BTreeSet<crate::Signer>, role: SignerRole| -> BTreeSet<String> {
        signers.iter().filter(|s| s.role == role).map(|s| s.id.to_string()).collect()
    };
    let all = |signers: &BTreeSet<crate::Signer>| -> BTreeSet<String> {
        signers.iter().map(ToString::to_string).collect()
    };
    let categories = |list: Use| -> BTreeSet<Category> {
        agreement.record_sets.iter().flat_map(|set| set.categories(list)).collect()
    };
    let today = day(now);
    let (exempt_from, waived) = claims(agreement, today);
    let mut attributes = object([
        ("environment", json!(agreement.environment)),
        ("laws", json!(agreement.laws)),
        ("exempt_from", json!(exempt_from)),
        ("waived", json!(waived)),
        ("begins", json!(agreement.term.begins_at().as_second())),
        ("ends", json!(agreement.term.ends_at().as_second())),
        ("term_months", json!(agreement.term.months())),
        ("roles", json!(parties.iter().flat_map(|p| &p.roles).collect::<BTreeSet<_>>())),
        ("parties", json!(signers(&standing.required, SignerRole::Party))),
        ("boards", json!(signers(&standing.required, SignerRole::Board))),
        ("accepted", json!(signers(&standing.accepted, SignerRole::Party))),
        ("approved", json!(signers(&standing.accepted, SignerRole::Board))),
        ("rejected", json!(all(&standing.rejected))),
        ("revoked", json!(all(&standing.revoked))),
        ("federal_without_board", json!(federal_without_board(parties))),
        ("record_sets", json!(ids(agreement.record_sets.iter()))),
        ("with_basis", json!(ids(agreement.record_sets.iter().filter(|s| has_basis(s))))),
        (
            "federal_system_of_records",
            json!(agreement.record_sets.iter().any(|set| is_federal(set, agreement))),
        ),
        ("federal", json!(parties.iter().any(|party| party.federal))),
        ("purposes", json!(agreement.purposes.iter().map(|p| &p.id).collect::<BTreeSet<_>>())),
        (
            "purpose_kinds",
            json!(agreement.purposes.iter().map(|p| p.kind).collect::<BTreeSet<_>>()),
        ),
        (
            "onward_kinds",
            json!(
                agreement
                    .redisclosure
                    .exceptions
                    .iter()
                    .map(|exception| exception.purpose)
                    .collect::<BTreeSet<_>>()
            ),
        ),
        ("cites_removal_power", json!(!removal_powers(agreement).is_empty())),
        ("matched_on", json!(agreement.matched_on().collect::<BTreeSet<_>>())),
        ("returned", json!(agreement.returned().collect::<BTreeSet<_>>())),
        ("compared", json!(agreement.compared().collect::<BTreeSet<_>>())),
        ("matched_on_categories", json!(categories(Use::MatchedOn))),
        ("returned_categories", json!(categories(Use::Returned))),
        ("compared_categories", json!(categories(Use::Compared))),
        (
            "reason_categories",
            json!(reasons(agreement).map(|(_, e)| e.category).collect::<BTreeSet<_>>()),
        ),
        (
            "exceptions",
            json!(
                cited_exceptions(agreement)
                    .map(|e| format!("{}:{}", e.kind.as_str(), e.category))
                    .collect::<BTreeSet<_>>()
            ),
        ),
        (
            "exception_kinds",
            json!(cited_exceptions(agreement).map(|e| e.kind).collect::<BTreeSet<_>>()),
        ),
        ("lowest_threshold_milli", json!(milli_up(agreement.model.threshold.lowest_weight()))),
        ("pilot_sample", json!(long(agreement.pilot.sample))),
        (
            "pilot_bound_permille",
            json!(i64::from(agreement.pilot.bound_percent).saturating_mul(10)),
        ),
        ("pilot_confidence_percent", json!(agreement.pilot.confidence_percent)),
        ("auditor_access", json!(agreement.auditor.key.environment() == agreement.environment)),
        ("stated", json!(stated(agreement))),
        (
            "accuracy_assessed",
            json!(
                agreement
                    .accuracy
                    .iter()
                    .filter(|assessment| {
                        (0..=ACCURACY_DAYS).contains(&days_since(assessment.assessed, today))
                    })
                    .map(|assessment| &assessment.record_set)
                    .collect::<BTreeSet<_>>()
            ),
        ),
        ("verification_method", json!(agreement.verification.method)),
        ("verifies", json!(agreement.verification.confirms.iter().collect::<BTreeSet<_>>())),
        (
            "board_finding_filed",
            json!(standing.gave(Answer::Find, SignerRole::Board).next().is_some()),
        ),
        ("response_period_days", json!(agreement.notice.response_period_days)),
        ("response_period_cited", json!(agreement.notice.response_period_citation.is_some())),
        ("cost_benefit", json!(cost_benefit(agreement, today))),
        ("continues", json!(agreement.continues.is_some())),
    ]);
    // Said only where it is so: facts that were kept before agreements could ask for it are decided again as they are.
    if agreement.reviewers() == crate::Reviewers::TwoBlind {
        attributes.insert("two_reviewers".into(), json!(true));
    }
    if let Some(element) = agreement.caseload_id() {
        attributes.insert("caseload_id".into(), json!(element));
    }
    if let Some(set) = agreement.record_sets.iter().find(|set| set.caseload_id.is_some()) {
        attributes.insert("caseload_owner".into(), json!(set.owner));
    }
    // Where nothing is said, nobody is looked up.
    if let Some(key) = agreement.requests_key() {
        attributes.insert("requests_key".into(), json!(key));
    }
    if let Some(digest) = agreement.model.digest {
        attributes.insert("model_digest".into(), json!(digest));
    }
    if let Some(digest) = agreement.model.recipe_digest {
        attributes.insert("recipe_digest".into(), json!(digest));
    }
    attributes.extend(renewal(filed, standing, now)?);
    Ok(attributes)
}

/// Returns the attributes that only a renewal or a following agreement needs.
fn renewal(
    filed: &Filed,
    standing: &Standing,
    now: Timestamp,
) -> Result<Map<String, Value>, Error> {
    let agreement = &filed.agreement;
    let before = filed.previous_standing(now)?;
    let previous = before.as_ref().map(|(previous, _)| *previous);
    // Within the three months before the end: on or after the day three months earlier.
    let in_window = |at: Timestamp| {
        previous.is_some_and(|previous| {
            let opens = previous.term.ends.saturating_sub(jiff::Span::new().months(3));
            (opens..=previous.term.ends).contains(&day(at))
        })
    };
    // A certificate from before that agreement began certifies nothing; for a renewal it is given when the boards
    // decide on it.
    let certificates: Vec<_> = before
        .iter()
        .flat_map(|(previous, standing)| {
            let since = previous.term.begins_at();
            let all = standing.gave(Answer::Certify, SignerRole::Party);
            all.filter(move |(_, at)| since <= *at)
        })
        .collect();
    let certified: BTreeSet<_> = certificates.iter().map(|(party, _)| *party).collect();
    let certified_in_time: BTreeSet<_> =
        certificates.iter().filter(|(_, at)| in_window(*at)).map(|(party, _)| *party).collect();
    let approved: BTreeSet<_> = standing
        .gave(Answer::Accept, SignerRole::Board)
        .filter(|(_, at)| in_window(*at))
        .map(|(party, _)| party)
        .collect();
    let mut boards = standing.required.iter().filter(|s| s.role == SignerRole::Board).peekable();
    let approved = boards.peek().is_some() && boards.all(|board| approved.contains(&board.id));
    // Who joined by an annex was no party before: what ran under the agreement before is the others' to certify.
    let recipients: BTreeSet<_> = agreement
        .parties
        .iter()
        .filter(|party| party.roles.contains(&Role::Recipient))
        .map(|party| &party.id)
        .collect();
    Ok(object([
        ("renewal", json!(agreement.term.renewal)),
        ("previous_filed", json!(previous.is_some())),
        ("previous_agreed", json!(before.as_ref().is_some_and(|(_, s)| s.is_agreed()))),
        ("previous_is_renewal", json!(previous.is_some_and(|previous| previous.term.renewal))),
        (
            "unchanged",
            json!(previous.is_some_and(|previous| agreement.is_unchanged_from(previous))),
        ),
        ("certified", json!(certified)),
        ("certified_in_time", json!(certified_in_time)),
        ("renewal_approved_in_time", json!(approved)),
        ("recipients", json!(recipients)),
        (
            "follows_on",
            json!(previous.is_some_and(|previous| {
                previous.term.ends.tomorrow().is_ok_and(|next| agreement.term.begins <= next)
            })),
        ),
    ]))
}

/// Returns the attributes of the request and of the instant.
fn context(
    request: &Request,
    filed: &Filed,
    agreement: &Agreement,
    parties: &[&Party],
    digest: Digest,
    published: Option<&crate::Publications>,
    now: Timestamp,
) -> Map<String, Value> {
    let today = day(now);
    let purpose = agreement.purpose(&request.purpose);
    let roles: Vec<_> = parties.iter().map(|p| (p.id.clone(), p.roles.clone())).collect();
    let stays: BTreeSet<_> = filed
        .stays
        .iter()
        .filter(|stay| stay.halts(request, agreement, digest, &roles, now))
        .map(|stay| &stay.order)
        .collect();
    let (opened, reviewed, false_permille) = match request.pilot {
        PilotStatus::Open { opened } => (opened, 0, 1000),
        PilotStatus::Reviewed { reviewed, false_permille } => (0, reviewed, false_permille),
    };
    let mut attributes = object([
        ("now", json!(now.as_second())),
        ("purpose", json!(request.purpose)),
        (
            "authority_in_force",
            json!(purpose.is_some_and(|purpose| {
                !purpose.authority.is_empty()
                    && purpose.authority.iter().all(|law| law.in_force_from <= today)
            })),
        ),
        ("matched_on", json!(request.matched_on)),
        ("returned", json!(request.returned)),
        ("compared", json!(request.compared)),
        ("volume_percent", json!(volume_percent(request, agreement))),
        ("uncounted", json!(uncounted(request, agreement))),
        ("unattested", json!(unattested(request, agreement))),
        (
            "selected_on",
            json!(
                request
                    .extracts
                    .values()
                    .flat_map(|extract| &extract.selected_on)
                    .collect::<BTreeSet<_>>()
            ),
        ),
        ("environment", json!(request.environment)),
        ("ledger_writable", json!(request.ledger_writable)),
        ("pilot_reviewed", json!(long(reviewed))),
        ("pilot_opened", json!(long(opened))),
        ("pilot_false_permille", json!(long(false_permille))),
        (
            "pilot",
            json!(match request.pilot {
                PilotStatus::Open { .. } => "open",
                PilotStatus::Reviewed { .. } => "reviewed",
            }),
        ),
        ("reversed_permille", json!(long(request.reversed_permille.unwrap_or(0)))),
        ("stays", json!(stays)),
        ("days_since_begun", json!(days_since(agreement.term.begins, today))),
    ]);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), value);
        }
    };
    put("purpose_kind", purpose.map(|purpose| json!(purpose.kind)));
    put("quorum_missed", agreement.witnesses.as_ref().map(|_| json!(request.quorum_missed)));
    put("caseload_id", request.caseload_id.as_ref().map(|element| json!(element)));
    put("model_digest", request.model_digest.map(|digest| json!(digest)));
    put("recipe_digest", request.recipe_digest.map(|digest| json!(digest)));
    put("threshold_milli", request.threshold.map(|weight| json!(milli_down(weight))));
    let nothing = crate::Publications::default();
    let published = published.unwrap_or(&nothing);
    let written = |text: &str| !crate::reader::is_placeholder(text);
    put(
        "public_copy",
        published.public_copy.as_deref().filter(|text| written(text)).map(Value::from),
    );
    let in_register =
        published.federal_register.as_ref().filter(|notice| written(&notice.citation));
    for (name, date) in [
        ("days_since_sent_to_committees", published.sent_to_committees),
        ("days_since_reported_in_advance", published.reported_in_advance),
        ("days_since_published", in_register.map(|notice| notice.date)),
        ("days_since_notice", published.notice_last_given),
        ("days_since_review", published.reviews.iter().copied().filter(|d| *d <= today).max()),
    ] {
        put(name, date.map(|date| json!(days_since(date, today))));
    }
    attributes
}

/// Returns what exactly is amiss, by the names that policies use in `@detail`.
fn details(
    request: &Request,
    agreement: &Agreement,
    standing: &Standing,
    facts: &Facts,
) -> BTreeMap<String, String> {
    let unsigned = |role: SignerRole| {
        list(
            standing
                .required
                .difference(&standing.accepted)
                .filter(|signer| signer.role == role)
                .map(|signer| signer.id.to_string()),
        )
    };
    let mut missing_parties = unsigned(SignerRole::Party);
    if !standing.invalid.is_empty() {
        missing_parties = format!("{missing_parties}; {}", standing.invalid.join("; "));
    }
    let outside = |asked: &BTreeSet<crate::ElementRef>, named: BTreeSet<crate::ElementRef>| {
        list(asked.difference(&named).map(ToString::to_string))
    };
    let protected = |of: Use| {
        list(agreement.record_sets.iter().flat_map(|set| {
            set.elements()
                .filter(move |(list, e)| *list == of && e.category.is_protected())
                .map(|(_, e)| format!("{}.{} ({})", set.id, e.name, e.category))
        }))
    };
    let set = |map: &Map<String, Value>, name: &str| {
        list(
            map.get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_str().map(str::to_owned)),
        )
    };
    let volumes = list(agreement.record_sets.iter().filter_map(|set| {
        let count = request.counts.get(&set.id)?;
        (percent(*count, set.approx_count) > 110)
            .then(|| format!("{}: {count} of about {}", set.id, set.approx_count))
    }));
    [
        ("unsigned", missing_parties),
        ("unapproved", unsigned(SignerRole::Board)),
        ("rejected", set(&facts.resource, "rejected")),
        ("revoked", set(&facts.resource, "revoked")),
        ("begins", agreement.term.begins.to_string()),
        ("ends", agreement.term.ends.to_string()),
        ("purpose", request.purpose.to_string()),
        ("party", request.party.to_string()),
        ("matched_on_outside", outside(&request.matched_on, agreement.matched_on().collect())),
        ("returned_outside", outside(&request.returned, agreement.returned().collect())),
        ("compared_outside", outside(&request.compared, agreement.compared().collect())),
        ("volumes", volumes),
        ("uncounted", set(&facts.context, "uncounted")),
        ("unattested", set(&facts.context, "unattested")),
        ("selected_on", set(&facts.context, "selected_on")),
        ("protected_matched_on", protected(Use::MatchedOn)),
        ("protected_returned", protected(Use::Returned)),
        ("protected_compared", protected(Use::Compared)),
        (
            "protected_reasons",
            list(
                reasons(agreement)
                    .filter(|(_, element)| element.category.is_protected())
                    .map(|(set, e)| format!("{}.{} ({})", set.id, e.name, e.category))
                    .collect::<BTreeSet<_>>()
                    .into_iter(),
            ),
        ),
        ("stays", set(&facts.context, "stays")),
        ("removal_powers", list(removal_powers(agreement).into_iter())),
        (
            "environment",
            format!("agreement {}, node {}", agreement.environment, request.environment),
        ),
        ("term_months", format!("{} months", agreement.term.months())),
        ("federal_without_board", set(&facts.resource, "federal_without_board")),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(name, text)| (name.to_owned(), text))
    .collect()
}

/// Returns the exceptions from F3 that say which law they rest on, and why: one that does not is none.
fn cited_exceptions(agreement: &Agreement) -> impl Iterator<Item = &crate::Exception> {
    let says = |text: &str| !crate::reader::is_placeholder(text);
    agreement.exceptions.iter().filter(move |e| says(&e.citation) && says(&e.reason))
}

/// Returns every element that the discrepancy rule names, in whichever list it stands: what it looks at can be the
/// reason for a lead (F3).
fn reasons(agreement: &Agreement) -> impl Iterator<Item = (&RecordSet, &crate::Element)> {
    agreement.discrepancy.elements().into_iter().flat_map(|reference| {
        let sets = agreement.record_sets.iter().filter(|set| set.id == reference.record_set);
        sets.flat_map(move |set| {
            let named = set.elements().filter(|(_, element)| element.name == reference.element);
            named.map(move |(_, element)| (set, element))
        })
    })
}

/// Returns the sections of the agreement that say something; what a law pack asks for beyond the floor is looked up here.
fn stated(agreement: &Agreement) -> BTreeSet<&'static str> {
    let says = |text: &str| !crate::reader::is_placeholder(text);
    let mut stated = BTreeSet::new();
    let mut put = |name, present: bool| {
        if present {
            stated.insert(name);
        }
    };
    let purposes = &agreement.purposes;
    put("purpose", !purposes.is_empty() && purposes.iter().all(|p| says(&p.statement)));
    put(
        "authority",
        !purposes.is_empty()
            && purposes.iter().all(|p| {
                !p.authority.is_empty() && p.authority.iter().all(|law| says(&law.citation))
            }),
    );
    if let Some(justification) = &agreement.justification {
        put("justification", says(&justification.statement));
        put("expected_results", says(&justification.expected_results));
        put("savings_estimate", says(&justification.savings_basis));
    }
    let sets = &agreement.record_sets;
    put("elements", !sets.is_empty() && sets.iter().all(|s| !s.matched_on.is_empty()));
    put("approx_count", !sets.is_empty() && sets.iter().all(|s| s.approx_count > 0));
    put("dates", agreement.term.begins <= agreement.term.ends);
    put("notice_at_application", says(&agreement.notice.at_application));
    put("notice_periodic", agreement.notice.periodic.as_deref().is_some_and(says));
    put("notice_of_findings", says(&agreement.notice.of_findings));
    put("verification", says(&agreement.verification.plan));
    put("retention", says(&agreement.retention.statement));
    let security = &agreement.security;
    put(
        "security",
        says(&security.administrative) && says(&security.technical) && says(&security.physical),
    );
    put("redisclosure", says(&agreement.redisclosure.statement));
    if let Some(rules) = &agreement.use_of_records {
        put("use_of_records", says(&rules.statement));
        put("return_or_destroy", says(&rules.return_or_destroy));
    }
    let auditor = &agreement.auditor;
    put("auditor_access", says(&auditor.access));
    let access = format!("{} {}", auditor.name, auditor.access).to_lowercase();
    let general = ["comptroller general", "government accountability office"];
    put("comptroller_general_access", general.iter().any(|name| access.contains(name)));
    stated
}

/// Returns how costs and benefits stand: `analysis` only if it shows more benefit than cost.
fn cost_benefit(agreement: &Agreement, today: Date) -> &'static str {
    match &agreement.cost_benefit {
        Some(CostBenefit::Analysis { made, .. }) if *made > today => "none",
        Some(CostBenefit::Analysis { cost_cents, benefit_cents, .. }) => {
            if benefit_cents > cost_cents { "analysis" } else { "unfavourable" }
        }
        Some(CostBenefit::Waiver { .. }) => "waiver",
        Some(CostBenefit::RequiredByStatute { .. }) => "required_by_statute",
        None => "none",
    }
}

/// Returns the packs an exemption in force is claimed from, and the rules a waiver in force concerns.
fn claims(agreement: &Agreement, today: Date) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let mut exempt_from = BTreeSet::new();
    let mut waived = BTreeSet::new();
    for claim in &agreement.claims {
        if !(claim.begins <= today && today <= claim.ends) {
            continue;
        }
        match claim.kind {
            ClaimKind::Exemption => {
                exempt_from.insert(claim.law.as_str());
            }
            ClaimKind::Waiver => waived.extend(claim.rules.iter().map(String::as_str)),
        }
    }
    (exempt_from, waived)
}

fn federal_without_board<'a>(parties: &[&'a Party]) -> BTreeSet<&'a str> {
    let lacks = |party: &&&Party| {
        let takes_part = party.roles.iter().any(|r| matches!(r, Role::Source | Role::Recipient));
        party.federal && takes_part && party.board.is_none()
    };
    parties.iter().filter(lacks).map(|party| party.id.as_str()).collect()
}

fn has_basis(set: &RecordSet) -> bool {
    !crate::reader::is_placeholder(&set.basis.citation)
        && !crate::reader::is_placeholder(&set.basis.statement)
}

fn is_federal(set: &RecordSet, agreement: &Agreement) -> bool {
    set.system_of_records.is_some() && agreement.party(&set.owner).is_some_and(|p| p.federal)
}

fn ids<'a>(sets: impl Iterator<Item = &'a RecordSet>) -> BTreeSet<&'a str> {
    sets.map(|set| set.id.as_str()).collect()
}

/// Returns the fullest record set's count as a percentage of its approximate number, rounded up.
fn volume_percent(request: &Request, agreement: &Agreement) -> i64 {
    request
        .counts
        .iter()
        .map(|(id, count)| {
            agreement.record_set(id).map_or(i64::MAX, |set| percent(*count, set.approx_count))
        })
        .max()
        .unwrap_or(0)
}

/// Returns a part of a whole in percent, rounded up; a whole of nothing is over any bound.
fn percent(part: u64, whole: u64) -> i64 {
    if whole == 0 {
        return i64::MAX;
    }
    let percent = (u128::from(part) * 100).div_ceil(u128::from(whole));
    i64::try_from(percent).unwrap_or(i64::MAX)
}

fn uncounted<'a>(request: &Request, agreement: &'a Agreement) -> BTreeSet<&'a str> {
    ids(agreement.record_sets.iter().filter(|set| !request.counts.contains_key(&set.id)))
}

/// Returns the record sets whose owner has not attested how the extract was drawn.
fn unattested<'a>(request: &Request, agreement: &'a Agreement) -> BTreeSet<&'a str> {
    ids(agreement.record_sets.iter().filter(|set| {
        request.extracts.get(&set.id).and_then(|extract| extract.attested_by.as_ref())
            != Some(&set.owner)
    }))
}

pub(super) fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Returns whole days from a date to today; a date to come gives a negative number.
fn days_since(date: Date, today: Date) -> i64 {
    date.until(today).map_or(i64::MIN, |span| i64::from(span.get_days()))
}

pub(super) fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns thousandths of a weight, rounded down; what is no number is below any bound.
fn milli_down(weight: f64) -> i64 {
    if weight.is_nan() { i64::MIN } else { saturate((millionths(weight) / 1000.0).floor()) }
}

/// Returns thousandths of a weight, rounded up; what is no number is above any threshold.
fn milli_up(weight: f64) -> i64 {
    if weight.is_nan() { i64::MAX } else { saturate((millionths(weight) / 1000.0).ceil()) }
}

/// Returns whole millionths of a weight, so that two ways of writing one number give the same thousandths.
fn millionths(weight: f64) -> f64 {
    (weight * 1_000_000.0).round()
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what is wanted")]
fn saturate(number: f64) -> i64 {
    number as i64
}

pub(super) fn list(names: impl Iterator<Item = String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
