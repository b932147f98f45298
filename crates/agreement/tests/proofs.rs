//! Proves properties of the floor and of each law pack for every request there can be, with a solver.
//!
//! Vectors show that rules fire; these show that no request slips past them. What is proved is about the policies and
//! the schema; that agreements and requests are lowered rightly to facts is tested in `gate.rs`. The solver is cvc5
//! (<https://cvc5.github.io>), run by `solver.py` beside this file. Where it is missing the proofs fail, because a proof
//! that is skipped proves nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::process::Command;
use std::str::FromStr as _;

use agreement::{Gate, Pack};
use cedar_policy::{PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet};

/// What data moves under.
const DATA: &[&str] = &["train", "run", "release", "read", "review"];
/// Every act but the auditor's.
const TERMS: &[&str] = &["file", "train", "run", "release", "read", "review"];
const ALL: &[&str] = &["file", "train", "run", "release", "read", "review", "audit"];

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
    assert_eq!(all.len(), ALL.len(), "one environment an act");
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

#[tokio::test]
async fn no_policy_ever_errors() {
    let gate = Gate::shipped().unwrap();
    let mut prover = prover();
    for environment in environments(gate.schema(), ALL) {
        for policy in gate.policies().policies() {
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
}

#[tokio::test]
async fn nothing_is_permitted_before_the_term_or_after_it() {
    prove(&bound("resource.begins <= context.now && context.now < resource.ends"), DATA).await;
    prove(&bound("context.now < resource.ends"), TERMS).await;
}

#[tokio::test]
async fn nothing_is_permitted_that_a_stay_covers() {
    prove(&bound("context.stays.isEmpty()"), DATA).await;
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
        for environment in environments(gate.schema(), ALL) {
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
}

/// Each act is permitted to somebody, or the proofs above would hold of a gate that refuses everything.
#[tokio::test]
async fn every_act_is_permitted_to_somebody() {
    let gate = Gate::shipped().unwrap();
    let mut prover = prover();
    for environment in environments(gate.schema(), ALL) {
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
