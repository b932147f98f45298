//! Proves properties of the floor and of each law pack for every request there can be, with a solver.
//!
//! Vectors show that rules fire; these show that no request slips past them. What is proved is about the policies and
//! the schema; that agreements and requests are lowered rightly to facts is tested in `gate.rs`. The solver is cvc5
//! (<https://cvc5.github.io>), run by `solver.py` beside this file. Where it is missing the proofs fail, because a proof
//! that is skipped proves nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::process::Command;
use std::str::FromStr as _;

use agreement::{Act, Gate, Pack};
use cedar_policy::{ActionConstraint, Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet};

/// What data moves under.
const DATA: &[&str] = &["train", "run", "release", "read", "review"];
/// Every act but the auditor's.
const TERMS: &[&str] = &["file", "train", "run", "release", "read", "review"];
/// Every act about a run.
const ALL: &[&str] = &["file", "train", "run", "release", "read", "review", "audit"];

/// Every act about a case, and what surrounds cases.
fn cases() -> Vec<String> {
    Act::OF_CASES.iter().map(ToString::to_string).collect()
}

/// Those that move a case towards an action, or let data out.
fn advancing() -> Vec<String> {
    Act::OF_CASES.iter().filter(|act| act.advances()).map(ToString::to_string).collect()
}

fn strs(acts: &[String]) -> Vec<&str> {
    acts.iter().map(String::as_str).collect()
}

fn all() -> Vec<String> {
    ALL.iter().map(|act| (*act).to_owned()).chain(cases()).collect()
}

fn python() -> String {
    std::env::var("COMITY_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn prover() -> CedarSymCompiler<LocalSolver> {
    let python = python();
    let found = Command::new(&python).args(["-c", "import cvc5"]).output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "`{python}` has no cvc5, without which nothing is proved\n  install it: python3 -m venv DIR && DIR/bin/pip \
         install cvc5==1.4.2, and set COMITY_PYTHON=DIR/bin/python"
    );
    let mut command = tokio::process::Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/solver.py"));
    CedarSymCompiler::new(LocalSolver::from_command(&mut command).unwrap()).unwrap()
}

fn act(environment: &RequestEnv) -> String {
    let id: &str = environment.action().id().as_ref();
    id.to_owned()
}

fn environments(schema: &Schema, acts: &[&str]) -> Vec<RequestEnv> {
    let all: Vec<_> = schema.request_envs().collect();
    assert_eq!(all.len(), ALL.len() + Act::OF_CASES.len(), "one environment an act");
    all.into_iter().filter(|environment| acts.contains(&act(environment).as_str())).collect()
}

/// Tells whether everything that the gate permits is permitted by the bound too, for each of these acts.
async fn implied(gate: &Gate, bound: &str, acts: &[&str]) -> Vec<(String, bool)> {
    let bound = PolicySet::from_str(bound).unwrap();
    let mut prover = prover();
    let mut results = Vec::new();
    for environment in environments(gate.schema(), acts) {
        let policies =
            CompiledPolicySet::compile(gate.policies(), &environment, gate.schema()).unwrap();
        let bound = CompiledPolicySet::compile(&bound, &environment, gate.schema()).unwrap();
        let holds = prover.check_implies_opt(&policies, &bound).await.unwrap();
        results.push((act(&environment), holds));
    }
    results
}

async fn prove(bound: &str, acts: &[&str]) {
    for (act, holds) in implied(&Gate::shipped().unwrap(), bound, acts).await {
        assert!(holds, "some `{act}` is permitted though not: {bound}");
    }
}

fn bound(condition: &str) -> String {
    format!("permit (principal, action, resource) when {{ {condition} }};")
}

/// Tells whether a policy's scope names the act, or a group it is in; elsewhere it is not evaluated and cannot err.
fn bears(policy: &Policy, environment: &RequestEnv) -> bool {
    let act = Act::named(&act(environment));
    let group = if act.advances() { "advance" } else { "protect" };
    let names = |id: &str| id == act.as_str() || (Act::OF_CASES.contains(&act) && id == group);
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => names(uid.id().as_ref()),
        ActionConstraint::In(uids) => uids.iter().any(|uid| names(uid.id().as_ref())),
    }
}

#[tokio::test]
async fn no_policy_ever_errors() {
    let gate = Gate::shipped().unwrap();
    let mut prover = prover();
    for environment in environments(gate.schema(), &strs(&all())) {
        for policy in gate.policies().policies().filter(|policy| bears(policy, &environment)) {
            let compiled = CompiledPolicy::compile(policy, &environment, gate.schema()).unwrap();
            assert!(
                prover.check_never_errors_opt(&compiled).await.unwrap(),
                "`{}` can error on `{}`",
                policy.id(),
                act(&environment)
            );
        }
    }
}

#[tokio::test]
async fn nothing_is_permitted_unsigned_unapproved_rejected_or_revoked() {
    let signed = "resource.accepted.containsAll(resource.parties) && !resource.parties.isEmpty()
        && resource.approved.containsAll(resource.boards)
        && resource.rejected.isEmpty() && resource.revoked.isEmpty()";
    prove(&bound(signed), TERMS).await;
    prove(&bound(signed), &strs(&advancing())).await;
}

#[tokio::test]
async fn nothing_is_permitted_before_the_term_or_after_it() {
    prove(&bound("resource.begins <= context.now && context.now < resource.ends"), DATA).await;
    prove(&bound("context.now < resource.ends"), TERMS).await;
    let term = "resource.begins <= context.now && context.now < resource.ends";
    prove(&bound(term), &strs(&advancing())).await;
}

#[tokio::test]
async fn nothing_is_permitted_that_a_stay_covers() {
    prove(&bound("context.stays.isEmpty()"), DATA).await;
    prove(&bound("context.stays.isEmpty()"), &strs(&cases())).await;
}

#[tokio::test]
async fn nothing_is_permitted_outside_the_purposes() {
    prove(&bound("resource.purposes.contains(context.purpose)"), DATA).await;
}

#[tokio::test]
async fn nothing_is_permitted_outside_the_elements() {
    let within = "resource.matched_on.containsAll(context.matched_on)
        && resource.returned.containsAll(context.returned)
        && resource.compared.containsAll(context.compared)";
    prove(&bound(within), ALL).await;
}

#[tokio::test]
async fn nothing_is_permitted_that_cannot_be_recorded_or_that_a_stranger_asks() {
    prove(&bound("context.ledger_writable && !principal.roles.isEmpty()"), ALL).await;
    // A stay is recorded even then: it lets nothing go.
    let but_stays: Vec<_> = cases().into_iter().filter(|act| act != "record_stay").collect();
    let recorded = "context.ledger_writable && !principal.roles.isEmpty()";
    prove(&bound(recorded), &strs(&but_stays)).await;
}

#[tokio::test]
async fn nothing_runs_over_the_volume_outside_the_caseload_or_after_a_failed_pilot() {
    let bounded = "context.volume_percent <= 110
        && context has caseload_id && resource has caseload_id
        && context.caseload_id == resource.caseload_id
        && (context.pilot == \"open\" || context.pilot_false_permille < 200)";
    prove(&bound(bounded), &["run", "release"]).await;
}

#[tokio::test]
async fn nobody_is_ever_matched_on_race_under_a_benefit_purpose() {
    let apart = "!resource.matched_on_categories.contains(\"race\")
        || !resource.purpose_kinds.contains(\"eligibility\")";
    prove(&bound(apart), TERMS).await;
}

/// Categories that no exception makes a reason for a lead or lets be returned, but for those named beside it.
const NEVER: &str = "[\"race\", \"ethnicity\", \"national_origin\", \"religion\", \"sex_life\", \"gender_identity\",
    \"political_opinion\", \"union_membership\", \"birthplace\", \"language\", \"name_origin\", \"tax_number\",
    \"alien_number\", \"emergency_coverage\"]";
/// Statistics, research and public health alone (F14).
const APART: &str = "(!resource.purpose_kinds.isEmpty()
    && [\"statistics\", \"research\", \"public_health\"].containsAll(resource.purpose_kinds))";

#[tokio::test]
async fn nothing_protected_is_a_reason_for_a_lead_unless_the_exception_covers_it() {
    for list in ["reason_categories", "compared_categories"] {
        let never = format!(
            "{APART}
            || (resource.purpose_kinds == [\"bias_audit\"] && resource.exception_kinds.contains(\"bias_audit\"))
            || (!resource.{list}.containsAny({NEVER}) && !resource.{list}.contains(\"citizenship\")
                && (!resource.{list}.contains(\"health\") || resource.exceptions.contains(\"benefit_itself:health\"))
                && (!resource.{list}.contains(\"disability\") || resource.exceptions.contains(\"benefit_itself:disability\")))"
        );
        prove(&bound(&never), TERMS).await;
    }
}

#[tokio::test]
async fn nothing_protected_is_returned_and_no_extract_is_drawn_by_it() {
    let returned = format!("{APART} || !resource.returned_categories.containsAny({NEVER})");
    prove(&bound(&returned), TERMS).await;
    let drawn = format!(
        "{APART} || (!context.selected_on.containsAny({NEVER})
        && !context.selected_on.containsAny([\"citizenship\", \"disability\", \"health\"]))"
    );
    prove(&bound(&drawn), &["train", "run", "release"]).await;
}

#[tokio::test]
async fn nothing_runs_below_the_threshold_rests_on_a_removal_power_or_takes_the_floor_for_a_law() {
    let bounded = "context has threshold_milli
        && context.threshold_milli >= resource.lowest_threshold_milli";
    prove(&bound(bounded), &["run", "release"]).await;
    prove(&bound("!resource.cites_removal_power && !resource.laws.contains(\"floor\")"), TERMS)
        .await;
}

#[tokio::test]
async fn nobody_answers_about_anothers_caseload() {
    let own = "principal.roles.contains(\"matching_agent\")
        || (resource has caseload_owner && resource.caseload_owner == principal.id)";
    prove(&bound(own), &["run", "read", "review"]).await;
}

/// F5, F6: what an action needs, whatever else is said about the case.
#[tokio::test]
async fn no_action_is_permitted_without_verification_notice_and_the_end_of_the_period() {
    for needed in [
        "context.reviews == \"same\" && !context.reviewed_by.isEmpty()",
        "(context.confirmed.containsAll(resource.verifies) && context.sources >= 1 && !resource.verifies.isEmpty())
            || (resource.verification_method == \"board_finding\" && resource.board_finding_filed)
            || (context.death && context.death_certified && context.death_second_datum)",
        "!context.death || (context.death_certified && context.death_second_datum && context.household_notified)",
        "!(resource has two_reviewers && resource.two_reviewers) || (context has judged_by && context.judged_by >= 2)",
        "context.notice_served && context.notice_states.contains(\"right_to_contest\")
            && !context.notice_returned",
        "context.period_over
            || (context.emergency && context has emergency_official && context.emergency_seconds <= 864000)",
        "!context.contest_open && !context.hearing_open && !context.late_answer && !context.refuted",
        "context.decided == \"upheld\" || !context.contested",
        "context.undo_kept",
    ] {
        prove(&bound(needed), &["take_action"]).await;
    }
    let verified = "(context.confirmed.containsAll(resource.verifies) && context.sources >= 1)
        || resource.board_finding_filed
        || (context.death && context.death_certified && context.death_second_datum)";
    prove(&bound(verified), &["serve_notice"]).await;
}

#[tokio::test]
async fn no_action_under_us_cmppa_rests_on_fewer_facts_than_the_law_lists() {
    let facts = "!resource.laws.contains(\"us-cmppa\")
        || (context.confirmed.containsAll([\"amount\", \"access\", \"period\"]) && context.sources >= 1)
        || (resource.board_finding_filed && [\"identity\", \"money\"].containsAll(resource.returned_categories))
        || (context.death && context.death_certified && context.death_second_datum)";
    prove(&bound(facts), &["serve_notice", "take_action"]).await;
}

#[tokio::test]
async fn the_machine_closes_and_destroys_what_is_past_its_time_and_nothing_else() {
    let others: Vec<_> =
        cases().into_iter().filter(|act| act != "close" && act != "destroy").collect();
    prove(&bound("context.by != \"machine\""), &strs(&others)).await;
    let waits_for_nobody = "!context.contest_open && !context.hearing_open && !context.late_answer
        && context.corrections_open <= 0";
    prove(&bound(waits_for_nobody), &["close"]).await;
    let past = "context.retention_over && !context.undo_needed && !context.contest_open";
    prove(&bound(past), &["destroy"]).await;
}

#[tokio::test]
async fn nobody_confirms_or_decides_what_they_had_a_part_in_and_nobody_acts_alone() {
    let apart = "context has officer && !context.reviewed_by.contains(context.officer)
        && !context.verified_by.contains(context.officer)";
    prove(&bound(apart), &["confirm", "decide"]).await;
    let two = "!context.reviewed_by.containsAll(context.verified_by)
        || !context.reviewed_by.containsAll(context.confirmed_by)";
    prove(&bound(two), &["take_action"]).await;
}

#[tokio::test]
async fn nobody_acts_on_a_case_without_a_role_or_from_the_board_or_the_audit() {
    let role = "context.by != \"officer\" || !context.officer_roles.isEmpty()";
    prove(&bound(role), &strs(&cases())).await;
    let apart = "!context.officer_roles.contains(\"board_member\")
        && !context.officer_roles.contains(\"auditor\")";
    let judged = ["review_lead", "adjudicate", "verify", "confirm", "serve_notice", "take_action"];
    prove(&bound(apart), &judged).await;
}

#[tokio::test]
async fn an_individual_sees_the_own_view_and_contests_and_nothing_else() {
    let others: Vec<_> =
        cases().into_iter().filter(|act| act != "see_own" && act != "file_contest").collect();
    prove(&bound("context.by != \"individual\""), &strs(&others)).await;
    let proved = "context.by == \"individual\" && context.proved";
    prove(&bound(proved), &["see_own"]).await;
}

/// F10, the other way round: whoever proved who they are sees, whatever became of the agreement.
#[tokio::test]
async fn the_individual_is_never_refused_for_an_agreement_that_ended_or_was_revoked() {
    let gate = Gate::shipped().unwrap();
    let enough = bound(
        "context.by == \"individual\" && context.proved && context.ledger_writable
        && context.stays.isEmpty() && context.environment == resource.environment
        && [\"test\", \"production\"].contains(resource.environment)
        && principal.roles.containsAny([\"source\", \"recipient\"])",
    );
    let enough = PolicySet::from_str(&enough).unwrap();
    let mut prover = prover();
    for environment in environments(gate.schema(), &["see_own", "file_contest"]) {
        let compile = |policies: &PolicySet| {
            CompiledPolicySet::compile(policies, &environment, gate.schema()).unwrap()
        };
        let seen = prover.check_implies_opt(&compile(&enough), &compile(gate.policies())).await;
        assert!(seen.unwrap(), "some individual is refused `{}`", act(&environment));
    }
}

#[tokio::test]
async fn silence_never_decides_citizenship_and_single_requests_stay_few() {
    prove(&bound("!(context.silence && context.citizenship)"), &["take_action"]).await;
    let few = "context.rows >= 1 && context.deficient_rows <= 0 && !context.by_description
        && context.open_matters <= 25 && context.persons_in_90_days <= 100";
    prove(&bound(few), &["request_records"]).await;
    let counted_where_it_was_agreed = "context has register && resource has requests_key
        && context.register == resource.requests_key";
    prove(&bound(counted_where_it_was_agreed), &["request_records"]).await;
}

/// Or the pack would be kept by refusing everybody who names it.
#[tokio::test]
async fn somebody_is_permitted_under_each_pack() {
    let gate = Gate::shipped().unwrap();
    for (act, holds) in implied(&gate, &bound("!resource.laws.contains(\"us-cmppa\")"), TERMS).await
    {
        assert!(!holds, "nobody may ever `{act}` under us-cmppa");
    }
}

#[tokio::test]
async fn no_pack_weakens_the_floor() {
    let floor = Gate::new(Vec::new()).unwrap();
    for pack in Pack::shipped().unwrap() {
        let id = pack.manifest.id.clone();
        let gate = Gate::new(vec![pack]).unwrap();
        let mut prover = prover();
        for environment in environments(gate.schema(), &strs(&all())) {
            let compile = |gate: &Gate| {
                CompiledPolicySet::compile(gate.policies(), &environment, gate.schema()).unwrap()
            };
            let stricter = prover.check_implies_opt(&compile(&gate), &compile(&floor)).await;
            assert!(stricter.unwrap(), "`{id}` permits what the floor refuses");
        }
    }
}

/// A prover that agrees with everything proves nothing.
#[tokio::test]
async fn a_wrong_bound_is_refuted() {
    let gate = Gate::shipped().unwrap();
    let wrong = bound("context.volume_percent <= 109");
    assert_eq!(implied(&gate, &wrong, &["run"]).await, [("run".to_owned(), false)]);
    let wrong = bound("context.stays.isEmpty()");
    assert_eq!(implied(&gate, &wrong, &["audit"]).await, [("audit".to_owned(), false)]);
    // An emergency is the one thing that shortens the wait.
    let wrong = bound("context.period_over");
    assert_eq!(implied(&gate, &wrong, &["take_action"]).await, [("take_action".to_owned(), false)]);
    let wrong = bound("context.by != \"machine\"");
    assert_eq!(implied(&gate, &wrong, &["close"]).await, [("close".to_owned(), false)]);
}

/// Each act is permitted to somebody, or the proofs above would hold of a gate that refuses everything.
#[tokio::test]
async fn every_act_is_permitted_to_somebody() {
    let gate = Gate::shipped().unwrap();
    let mut prover = prover();
    for environment in environments(gate.schema(), &strs(&all())) {
        let policies =
            CompiledPolicySet::compile(gate.policies(), &environment, gate.schema()).unwrap();
        let never = prover.check_always_denies_opt(&policies).await.unwrap();
        assert!(!never, "nobody may ever `{}`", act(&environment));
    }
}

/// The overflow that was found in a first draft: an outside number multiplied inside a policy.
#[tokio::test]
async fn a_policy_that_multiplies_an_outside_number_is_found_out() {
    let gate = Gate::shipped().unwrap();
    let text =
        "forbid (principal, action, resource) unless { context.volume_percent * 10 <= 1100 };";
    let policies = PolicySet::from_str(text).unwrap();
    let policy = policies.policies().next().unwrap();
    let environment = &environments(gate.schema(), &["run"])[0];
    let compiled = CompiledPolicy::compile(policy, environment, gate.schema()).unwrap();
    assert!(!prover().check_never_errors_opt(&compiled).await.unwrap());
}
