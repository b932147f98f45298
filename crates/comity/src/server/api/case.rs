//! Cases for programs: one with what it holds, and steps on it. Each step is decided by the gate as if it were taken in
//! the console.

use super::Given;
use crate::desk::Read;
use crate::server::error::Problem;
use crate::server::visit::SignedIn;
use crate::server::{App, Error};
use axum::Json;
use axum::extract::{Path, State};
use casework::{LeadId, StoredCase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// A case with what it holds about a person.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the wire has the field's words")]
pub(super) struct Case {
    /// Its number.
    case: String,
    /// Where it stands.
    stage: String,
    /// The number of its steps; a step has to bring it.
    version: u64,
    /// When its next step is due (RFC 3339).
    due: Option<String>,
    /// The officer it is given to.
    assigned: Option<String>,
    /// The county it is listed under.
    county: Option<String>,
    /// The worker it is listed under.
    worker: Option<String>,
    /// log2 odds that the two records are of one person. It decides nothing.
    weight: f64,
    /// The recipient's own id of the record.
    case_id: String,
    /// What was returned about the person, by element.
    returned: BTreeMap<String, String>,
    /// The steps so far.
    steps: Vec<StepTaken>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("case", &self.case).finish_non_exhaustive()
    }
}

/// A step that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepTaken {
    /// Its number, from one.
    number: u64,
    /// What kind of step.
    step: String,
    /// By whom.
    by: String,
    /// When (RFC 3339).
    at: String,
}

/// A step to be taken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStep {
    /// The case's version as it was seen: if it has moved since, nothing is done.
    #[schema(minimum = 0)]
    version: u64,
    /// The step with its evidence, such as `{"step": "verify"}` or
    /// `{"step": "review", "with": {"judgement": "same", "reason": "…"}}`.
    #[schema(value_type = Object)]
    step: casework::Step,
}

/// Where a case stands after a step.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stands {
    /// Its number.
    case: String,
    /// Where it stands.
    stage: String,
    /// The number of its steps.
    version: u64,
}

impl Stands {
    fn of(stored: &StoredCase) -> Stands {
        Stands {
            case: stored.case.id().to_string(),
            stage: stored.case.stage().to_string(),
            version: stored.case.version(),
        }
    }
}

/// Returns a case with what it holds about a person. That it was read, and by whom, is recorded before it is shown.
#[utoipa::path(
    get,
    path = "/api/v1/cases/{id}",
    tag = "cases",
    security(("key" = [])),
    params(("id" = String, Path, description = "The case's number")),
    responses(
        (status = 200, description = "The case", body = Case),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "There is no such case", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn show(
    State(app): State<App>,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Case>, Error> {
    let id = LeadId::typed(&id);
    let read = app.desk().read(&officer.at_desk(), std::slice::from_ref(&id), "case").await?;
    let (files, lines) = match read {
        Read::Shown(files, lines) => (files, lines),
        Read::Refused(refusal) => return Err(Error::Refused(Box::new(refusal))),
    };
    app.until_recorded(&lines).await?;
    let file = files.into_iter().next().ok_or(Error::NotFound)?;
    let case = file.stored.case;
    let steps = case.steps().iter().zip(1..).map(|(taken, number)| StepTaken {
        number,
        step: taken.step.kind().to_string(),
        by: taken.by.spelled(),
        at: taken.at.to_string(),
    });
    Ok(Json(Case {
        case: case.id().to_string(),
        stage: case.stage().to_string(),
        version: case.version(),
        due: case.due().map(|at| at.to_string()),
        assigned: case.assignment().officer.as_ref().map(ToString::to_string),
        county: case.assignment().county.clone(),
        worker: case.assignment().worker.clone(),
        weight: file.stored.weight,
        steps: steps.collect(),
        case_id: file.lead.found.case_id,
        returned: file.lead.returned.unwrap_or_default(),
    }))
}

/// Takes a step on a case.
#[utoipa::path(
    post,
    path = "/api/v1/cases/{id}/steps",
    tag = "cases",
    security(("key" = [])),
    params(("id" = String, Path, description = "The case's number")),
    request_body = NewStep,
    responses(
        (status = 200, description = "It is taken", body = Stands),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "There is no such case", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "The case has moved, or does not take this step where it stands", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn step(
    State(app): State<App>,
    officer: SignedIn,
    Path(id): Path<String>,
    Given(given): Given<NewStep>,
) -> Result<Json<Stands>, Error> {
    let id = LeadId::typed(&id);
    let acted = app.desk().act(&officer.at_desk(), &id, given.version, given.step).await?;
    Ok(Json(Stands::of(&app.done(acted)?)))
}
