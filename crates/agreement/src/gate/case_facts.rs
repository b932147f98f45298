//! The facts a decision about a case rests on: agreement, filing and case file, lowered to what policies can compare.
//!
//! As in [`super::facts`], arithmetic is done here, saturating, and what is missing is lowered to what refuses: a period
//! nobody can count is not over, an undo plan nobody wrote is not kept. 5 U.S.C. 552a(p); floor F5, F6, F7, F10.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::facts::{day, list, long, object, principal, resource};
use super::{By, CaseRequest, Facts, Gate};
use crate::{
    Agreement, Error, Filed, NoticeServed, OfficerId, OfficerRole, Party, RegisterKey, StayKind,
};

impl Facts {
    /// Gathers the facts of a request about a case.
    pub(super) fn of_case(
        gate: &Gate,
        request: &CaseRequest,
        filed: &Filed,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let digest = filed.digest()?;
        let parties = filed.parties(now)?;
        let standing = filed.standing_for(&request.party, digest, now)?;
        let terms = filed.terms(&request.party, now)?;
        let places = Places::of(request);
        let mut context = acting(request, filed, &places, now);
        context.extend(so_far(gate, request, filed, &places, now));
        context.extend(brought(request, &places, now));
        context.insert("stays".to_owned(), json!(stays(request, filed, &parties, digest, now)));
        let mut facts = Self {
            act: request.act.clone(),
            party: request.party.to_string(),
            agreement: digest.to_string(),
            principal: principal(&request.party, filed, &parties),
            resource: resource(filed, &terms, &parties, &standing, now)?,
            context,
            details: BTreeMap::new(),
        };
        facts.details = details(gate, request, filed, &terms, &facts);
        Ok(facts.spellable())
    }
}

/// The officers of a request by number: who asks is the first, the others follow in the order of their ids.
///
/// Rules ask only who is the same as whom. Facts are kept for ever and may stand in a ledger, so they name no officer;
/// who it was is for a commitment to say.
struct Places<'r>(Vec<&'r OfficerId>);

impl<'r> Places<'r> {
    fn of(request: &'r CaseRequest) -> Self {
        let file = &request.file;
        let claim = request.action.as_ref().and_then(|action| action.emergency.as_ref());
        let asks = match &request.by {
            By::Officer { id, .. } => Some(id),
            By::Individual { .. } | By::Machine => None,
        };
        let had_a_part = [&file.reviewed_by, &file.verified_by, &file.confirmed_by, &file.acted_by];
        let others: BTreeSet<_> = had_a_part
            .into_iter()
            .flatten()
            .chain(claim.map(|claim| &claim.official))
            .chain(request.account.as_ref().map(|account| &account.officer))
            .filter(|officer| Some(*officer) != asks)
            .collect();
        Self(asks.into_iter().chain(others).collect())
    }

    fn one(&self, officer: &OfficerId) -> String {
        let place = self.0.iter().position(|other| *other == officer);
        place.map_or_else(|| "officer".to_owned(), |place| format!("officer-{}", place + 1))
    }

    fn all(&self, officers: &BTreeSet<OfficerId>) -> BTreeSet<String> {
        officers.iter().map(|officer| self.one(officer)).collect()
    }
}

/// Returns who acts, where, and what for.
fn acting(
    request: &CaseRequest,
    filed: &Filed,
    places: &Places<'_>,
    now: Timestamp,
) -> Map<String, Value> {
    let (by, officer, roles, proved) = match &request.by {
        By::Officer { id, roles } => ("officer", Some(id), words(roles), false),
        By::Individual { proved } => ("individual", None, BTreeSet::new(), *proved),
        By::Machine => ("machine", None, BTreeSet::new(), false),
    };
    let mut attributes = object([
        ("now", json!(now.as_second())),
        ("purpose", json!(request.purpose)),
        ("environment", json!(request.environment)),
        ("ledger_writable", json!(request.ledger_writable)),
        ("reversed_permille", json!(long(request.reversed_permille.unwrap_or(0)))),
        ("by", json!(by)),
        ("officer_roles", json!(roles)),
        ("proved", json!(proved)),
    ]);
    put(&mut attributes, "officer", officer.map(|officer| json!(places.one(officer))));
    put(&mut attributes, "case", request.case.as_ref().map(|case| json!(case)));
    let purpose = filed.agreement.purpose(&request.purpose);
    put(&mut attributes, "purpose_kind", purpose.map(|purpose| json!(purpose.kind)));
    attributes
}

/// Returns what the case holds so far.
fn so_far(
    gate: &Gate,
    request: &CaseRequest,
    filed: &Filed,
    places: &Places<'_>,
    now: Timestamp,
) -> Map<String, Value> {
    let file = &request.file;
    let notice = file.notice.as_ref();
    let death = file.death;
    let period_ends = notice.map(|notice| gate.response_ends(&filed.agreement, notice));
    let seconds_left = period_ends.map_or(i64::MAX, |ends| seconds_until(ends, now));
    let retention = &filed.agreement.retention;
    let kept_until = file.closed_at.map_or(retention.ends(), |at| retention.leads_end(at));
    object([
        ("stage", json!(file.stage.map_or("none", super::CaseStage::as_str))),
        ("reviews", json!(file.reviews.map_or("none", super::Reviews::as_str))),
        ("awaits_second_review", json!(file.awaits_second_review)),
        ("reviewed_by", json!(places.all(&file.reviewed_by))),
        ("judged_by", json!(file.reviewed_by.len())),
        ("verified_by", json!(places.all(&file.verified_by))),
        ("confirmed_by", json!(places.all(&file.confirmed_by))),
        ("acted_by", json!(places.all(&file.acted_by))),
        ("confirmed", json!(file.confirmed)),
        ("sources", json!(long(file.sources))),
        ("refuted", json!(file.refuted)),
        ("death", json!(death.is_some())),
        ("death_certified", json!(death.is_some_and(|death| death.certified_record))),
        ("death_second_datum", json!(death.is_some_and(|death| death.second_datum))),
        ("household_notified", json!(death.is_some_and(|death| death.household_notified))),
        ("notice_served", json!(notice.is_some_and(|notice| notice.served_at <= now))),
        ("notice_states", json!(notice.map_or(&BTreeSet::new(), |notice| &notice.states))),
        ("notice_returned", json!(notice.is_some_and(|notice| notice.returned))),
        ("period_over", json!(period_ends.is_some_and(|ends| ends <= now))),
        ("period_seconds_left", json!(seconds_left)),
        ("contested", json!(file.contested || file.contest_open)),
        ("contest_open", json!(file.contest_open)),
        ("hearing", json!(file.hearing || file.hearing_open)),
        ("hearing_open", json!(file.hearing_open)),
        ("aid_continued", json!(file.aid_continued)),
        ("decided", json!(file.decided.map_or("none", super::Decided::as_str))),
        ("late_answer", json!(file.late_answer)),
        ("corrections_open", json!(long(file.corrections_open))),
        ("undo_needed", json!(file.undo.as_ref().is_some_and(|undo| now < undo.needed_until))),
        ("retention_over", json!(kept_until <= now)),
    ])
}

/// Returns what the act brings: an action, a seal, a stay, an account, records asked for. What is not brought is
/// lowered to what refuses wherever an act needs it.
fn brought(request: &CaseRequest, places: &Places<'_>, now: Timestamp) -> Map<String, Value> {
    let says = |text: &str| !crate::reader::is_placeholder(text);
    let action = request.action.as_ref();
    let silence = action.and_then(|action| action.silence.as_ref());
    let emergency = action.and_then(|action| action.emergency.as_ref());
    let undo = action.and_then(|action| action.undo.as_ref());
    let records = request.records.clone().unwrap_or_default();
    let seal = request.seal.as_ref();
    let stay = request.stay.as_ref();
    let lift = request.lift.as_ref();
    let account = request.account.as_ref();
    let mut attributes = object([
        ("silence", json!(silence.is_some())),
        (
            "silence_law_kept",
            json!(
                silence.is_some_and(|silence| says(&silence.citation) && silence.every_step_done)
            ),
        ),
        ("citizenship", json!(action.is_some_and(|action| action.citizenship))),
        ("emergency", json!(emergency.is_some())),
        ("emergency_explained", json!(emergency.is_some_and(|claim| says(&claim.reason)))),
        (
            "emergency_seconds",
            json!(emergency.map_or(i64::MAX, |claim| seconds_until(claim.until, now))),
        ),
        (
            "emergency_reviewed_in_time",
            json!(emergency.is_some_and(|claim| claim.review_at <= claim.until)),
        ),
        (
            "undo_kept",
            json!(undo.is_some_and(
                |undo| now < undo.needed_until && undo.needed_until <= undo.kept_until
            )),
        ),
        ("seal_cited", json!(seal.is_some_and(crate::Seal::is_cited))),
        (
            "seal_ends",
            json!(seal.is_some_and(|seal| now < seal.until && seal.until < Timestamp::MAX)),
        ),
        (
            "stay_kind",
            json!(match stay.map(|stay| stay.kind) {
                None => "none",
                Some(StayKind::Order) => "order",
                Some(StayKind::SourceStop) => "source_stop",
            }),
        ),
        ("stay_named", json!(stay.is_some_and(|stay| says(&stay.order) && says(&stay.authority)))),
        (
            "lift_named",
            json!(stay.zip(lift).is_some_and(|(stay, lift)| {
                says(&lift.order)
                    && says(&lift.authority)
                    && !lift.order.trim().eq_ignore_ascii_case(stay.order.trim())
            })),
        ),
        ("rows", json!(long(records.rows))),
        ("deficient_rows", json!(long(records.deficient_rows))),
        ("by_description", json!(records.by_description)),
        ("open_matters", json!(long(records.open_matters))),
        ("persons_in_90_days", json!(long(records.persons_in_90_days.max(records.rows)))),
        ("account_roles", json!(account.map(|account| words(&account.roles)).unwrap_or_default())),
    ]);
    put(&mut attributes, "register", records.register.map(|key| json!(key)));
    put(&mut attributes, "account", account.map(|account| json!(places.one(&account.officer))));
    let official = emergency.map(|claim| json!(places.one(&claim.official)));
    put(&mut attributes, "emergency_official", official);
    put(&mut attributes, "emergency_ground", emergency.map(|claim| json!(claim.ground)));
    attributes
}

/// Returns the orders whose stays cover the act on this case.
fn stays<'f>(
    request: &CaseRequest,
    filed: &'f Filed,
    parties: &[&Party],
    digest: crate::Digest,
    now: Timestamp,
) -> BTreeSet<&'f str> {
    let roles: Vec<_> = parties.iter().map(|p| (p.id.clone(), p.roles.clone())).collect();
    let stays = filed.stays.iter();
    stays
        .filter(|stay| stay.halts_case(request, &filed.agreement, digest, &roles, now))
        .map(|stay| stay.order.as_str())
        .collect()
}

impl Gate {
    /// Returns the first instant after the period to answer a notice: the law's, the agreement's or the one the notice
    /// itself names, whichever is latest.
    fn response_ends(&self, agreement: &crate::Agreement, notice: &NoticeServed) -> Timestamp {
        let counted = self.contest_ends(agreement, notice.served_at, notice.service).ends;
        notice.told_until.map_or(counted, |told| told.max(counted))
    }
}

/// Returns what exactly is amiss, by the names that policies use in `@detail`.
fn details(
    gate: &Gate,
    request: &CaseRequest,
    filed: &Filed,
    terms: &Agreement,
    facts: &Facts,
) -> BTreeMap<String, String> {
    let agreement = &filed.agreement;
    let file = &request.file;
    let officers = |officers: &BTreeSet<OfficerId>| list(officers.iter().map(ToString::to_string));
    let stays = facts.context.get("stays").and_then(Value::as_array);
    let stays = list(stays.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)));
    let missing =
        agreement.verification.confirms.iter().filter(|fact| !file.confirmed.contains(fact));
    let missing = missing.filter_map(|fact| json!(fact).as_str().map(str::to_owned));
    let (by, roles) = match &request.by {
        By::Officer { id, roles } if roles.is_empty() => {
            (format!("`{id}`"), format!("`{id}` has no role under this agreement"))
        }
        By::Officer { id, roles } => {
            let names = list(roles.iter().map(ToString::to_string));
            (format!("`{id}`"), format!("`{id}` has {names}"))
        }
        By::Individual { .. } => ("the individual".to_owned(), "the individual".to_owned()),
        By::Machine => ("the machine".to_owned(), "the machine".to_owned()),
    };
    let period = file.notice.as_ref().map_or_else(String::new, |notice| {
        let deadline = gate.contest_ends(agreement, notice.served_at, notice.service);
        let ends = gate.response_ends(agreement, notice);
        let day = if ends == deadline.ends { deadline.last_day } else { day(ends) };
        format!("through {day}; over at {ends}")
    });
    let stage = file.stage.map_or("none", super::CaseStage::as_str);
    let at_hand = request.records.as_ref().and_then(|records| records.register.as_ref());
    let key = |key: Option<&RegisterKey>| key.map_or("none".to_owned(), |key| format!("`{key}`"));
    let registers =
        format!("the agreement names {}, open is {}", key(terms.requests_key()), key(at_hand));
    [
        ("party", request.party.to_string()),
        ("by", by),
        ("officer_roles", roles),
        ("purpose", request.purpose.to_string()),
        ("begins", agreement.term.begins.to_string()),
        ("ends", agreement.term.ends.to_string()),
        ("stays", stays),
        (
            "environment",
            format!("agreement {}, node {}", agreement.environment, request.environment),
        ),
        ("stage", stage.to_owned()),
        ("reviews", file.reviews.map_or("none", super::Reviews::as_str).to_owned()),
        ("reviewed_by", officers(&file.reviewed_by)),
        ("unconfirmed_facts", list(missing)),
        ("period", period),
        ("corrections_open", file.corrections_open.to_string()),
        ("registers", registers),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(name, text)| (name.to_owned(), text))
    .collect()
}

fn words(roles: &BTreeSet<OfficerRole>) -> BTreeSet<&'static str> {
    roles.iter().map(|role| role.as_str()).collect()
}

/// Returns whole seconds until an instant, rounded up, so that a bound in seconds is kept to the instant; none is left
/// of what is past.
fn seconds_until(then: Timestamp, now: Timestamp) -> i64 {
    let left = then.duration_since(now);
    let whole = left.as_secs();
    let up = i64::from(left.subsec_nanos() > 0);
    whole.saturating_add(up).max(0)
}

fn put(attributes: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        attributes.insert(name.to_owned(), value);
    }
}
