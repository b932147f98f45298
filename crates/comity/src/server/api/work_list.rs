//! Work lists for those who live in another system: which cases wait, by county, worker and stage. No element of a person
//! is in them; who works on a case reads it by its number.

use super::Asked;
use crate::event::Event;
use crate::server::error::Problem;
use crate::server::visit::SignedIn;
use crate::server::{App, Error, signature};
use agreement::Act;
use axum::Json;
use axum::extract::State;
use casework::store::cases::{After, Queue};
use casework::{CaseStage, CaseStore as _, LeadId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

/// How many cases a page has at most.
const MOST: u32 = 500;

/// Which cases are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those of this county.
    county: Option<String>,
    /// Those of this worker.
    worker: Option<String>,
    /// Those at this stage, such as `reviewed`; closed ones are listed only when asked for.
    stage: Option<String>,
    /// Those after this mark, which the page before has as `next`.
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A page of a work list, what is due first coming first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkList {
    /// The cases.
    cases: Vec<Line>,
    /// The mark after which the next page begins; none on the last.
    next: Option<String>,
}

/// A case in a work list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Line {
    /// Its number.
    case: String,
    /// Where it stands.
    stage: String,
    /// When its next step is due (RFC 3339).
    due: Option<String>,
    /// The officer it is given to.
    assigned: Option<String>,
    /// The county it is listed under.
    county: Option<String>,
    /// The worker it is listed under.
    worker: Option<String>,
    /// The number of its steps; a result has to bring it.
    version: u64,
}

/// Returns a page of a work list. That it went out is recorded before it does.
#[utoipa::path(
    get,
    path = "/api/v1/work-lists",
    tag = "cases",
    security(("key" = [])),
    params(Which),
    responses(
        (status = 200, description = "The cases that wait", body = WorkList),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store or the ledger does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    officer: SignedIn,
    Asked(which): Asked<Which>,
) -> Result<Json<WorkList>, Error> {
    let stage = which.stage.as_deref().map(|text| {
        CaseStage::read(text).ok_or_else(|| Error::malformed("stage", "there is no such stage"))
    });
    let after = which.after.as_deref().map(|text| {
        after(text).ok_or_else(|| Error::malformed("after", "it is no mark of a page"))
    });
    let limit = which.limit.unwrap_or(100);
    if limit == 0 || limit > MOST {
        return Err(Error::malformed("limit", "it must be 1 to 500"));
    }
    let queue = Queue {
        county: which.county,
        worker: which.worker,
        stage: stage.transpose()?,
        after: after.transpose()?,
        ..Queue::default()
    };
    let page = app.desk().store().queue(&queue, limit).await?;
    let next = page.next.map(|after| format!("{}.{}", after.second, after.id));
    let cases: Vec<Line> = page
        .lines
        .into_iter()
        .map(|line| Line {
            case: line.id.to_string(),
            stage: line.stage.to_string(),
            due: line.due.map(|at| at.to_string()),
            assigned: line.assigned.map(|officer| officer.to_string()),
            county: line.county,
            worker: line.worker,
            version: line.version,
        })
        .collect();
    let list = WorkList { cases, next };
    let bytes = serde_json::to_vec(&list).map_err(|error| Error::failed(&error))?;
    let exported = Event::WorkExported {
        what: "work-list".to_owned(),
        cases: list.cases.len() as u64,
        file: signature::hex(&Sha256::digest(&bytes)),
    };
    let by = officer.at_desk();
    let asked = app.desk().permit(&by, Act::EXPORT_WORK, |_| {}, vec![exported]).await?;
    let ((), lines) = app.shown(asked)?;
    app.until_recorded(&lines).await?;
    Ok(Json(list))
}

fn after(text: &str) -> Option<After> {
    let (second, id) = text.split_once('.')?;
    Some(After { second: second.parse().ok()?, id: LeadId::typed(id) })
}
