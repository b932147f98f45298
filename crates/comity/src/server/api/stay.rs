//! Stays for programs: a court's own system, or the source's, can record one.

use super::Given;
use crate::server::error::Problem;
use crate::server::visit::SignedIn;
use crate::server::{App, Error, stay};
use agreement::{Direction, Scope, StayKind};
use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A stay.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stay {
    /// Its number here.
    number: i64,
    /// The docket number of the order, or the source's own number.
    order: String,
    /// Who ordered it.
    authority: String,
    /// `order` or `source_stop`.
    kind: &'static str,
    /// What it covers; an empty list covers all of its sort.
    scope: ScopeGiven,
    /// When it was recorded here (RFC 3339).
    recorded: String,
    /// From when on it counts, if not from then (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Until when it counts, if its order says so (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Parts of its scope that were lifted: what lies wholly in one of them is no longer halted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<ScopeGiven>,
    /// Whether it is in force now.
    stands: bool,
    /// The order that lifted it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_by: Option<String>,
}

/// What a stay covers; an empty list covers all of its sort.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScopeGiven {
    /// These parties, in the given direction.
    #[schema(max_items = 100)]
    parties: Vec<String>,
    /// `both`, `from` or `to` these parties.
    direction: Way,
    /// These elements, by record set and name or by record set alone.
    #[schema(max_items = 1000)]
    elements: Vec<String>,
    /// These populations.
    #[schema(max_items = 100)]
    populations: Vec<String>,
    /// These territories.
    #[schema(max_items = 100)]
    territories: Vec<String>,
}

/// Which way data goes, seen from the parties named.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// From them and to them.
    #[default]
    Both,
    /// From them.
    From,
    /// To them.
    To,
}

/// A stay to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStay {
    /// The docket number of the order, or the source's own number.
    #[schema(min_length = 1, max_length = 200)]
    order: String,
    /// Who ordered it.
    #[schema(min_length = 1, max_length = 200)]
    authority: String,
    /// Whether it is a source's own stop (5 U.S.C. 552a(q)(1)) rather than an order.
    #[serde(default)]
    source_stop: bool,
    /// What it covers.
    #[serde(default)]
    scope: ScopeGiven,
    /// From when on it counts, if not at once (RFC 3339).
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Until when, if the order says so (RFC 3339).
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
}

/// A stay that was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Recorded {
    /// Its number here.
    number: i64,
    /// Names in its scope that the agreement does not have: all of their sort is covered until that is put right.
    doubts: Vec<String>,
}

/// The order that lifts a stay, or a part of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLift {
    /// The number of the lifting order.
    #[schema(min_length = 1, max_length = 200)]
    order: String,
    /// Who ordered it.
    #[schema(min_length = 1, max_length = 200)]
    authority: String,
    /// The part that it lifts; all of it if left out. What remains is recorded as a stay of its own before.
    #[serde(default)]
    part: Option<PartGiven>,
}

/// A part of a stay's scope; an empty list is all of its sort.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PartGiven {
    /// These elements, by record set and name or by record set alone.
    #[schema(max_items = 1000)]
    elements: Vec<String>,
    /// These populations.
    #[schema(max_items = 100)]
    populations: Vec<String>,
    /// These territories.
    #[schema(max_items = 100)]
    territories: Vec<String>,
}

/// Lists every stay recorded here, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/stays",
    tag = "stays",
    security(("key" = [])),
    responses(
        (status = 200, description = "The stays", body = Vec<Stay>),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "Not this account's to see", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Stay>>, Error> {
    let now = app.now();
    let shown = stay::list(&app).await?.into_iter().map(|standing| {
        let stay = standing.stay;
        Stay {
            number: standing.number,
            stands: stay.is_in_force(now),
            kind: match stay.kind {
                StayKind::Order => "order",
                StayKind::SourceStop => "source_stop",
            },
            scope: given(&stay.scope),
            except: stay.scope.except.iter().map(given).collect(),
            from: stay.from.map(|at| at.to_string()),
            until: stay.until.map(|at| at.to_string()),
            recorded: stay.recorded.to_string(),
            lifted_by: stay.lifted.map(|lift| lift.order),
            order: stay.order,
            authority: stay.authority,
        }
    });
    Ok(Json(shown.collect()))
}

fn given(scope: &Scope) -> ScopeGiven {
    let names =
        |groups: &BTreeSet<agreement::GroupId>| groups.iter().map(ToString::to_string).collect();
    ScopeGiven {
        parties: scope.parties.iter().map(ToString::to_string).collect(),
        direction: match scope.direction {
            Direction::Both => Way::Both,
            Direction::From => Way::From,
            Direction::To => Way::To,
        },
        elements: scope.elements.iter().cloned().collect(),
        populations: names(&scope.populations),
        territories: names(&scope.territories),
    }
}

/// Records a stay. From the answer on nothing in its scope is released.
#[utoipa::path(
    post,
    path = "/api/v1/stays",
    tag = "stays",
    security(("key" = [])),
    request_body = NewStay,
    responses(
        (status = 201, description = "It counts", body = Recorded),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn record(
    State(app): State<App>,
    officer: SignedIn,
    Given(given): Given<NewStay>,
) -> Result<(StatusCode, Json<Recorded>), Error> {
    let stay = agreement::Stay {
        order: text("order", &given.order)?,
        authority: text("authority", &given.authority)?,
        kind: if given.source_stop { StayKind::SourceStop } else { StayKind::Order },
        scope: scope(given.scope)?,
        recorded: app.now(),
        from: instant("from", given.from.as_deref())?,
        until: instant("until", given.until.as_deref())?,
        lifted: None,
    };
    let recorded = stay::record(&app, &officer, stay).await?;
    let body = Recorded { number: recorded.number, doubts: recorded.doubts };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Lifts a stay, or a part of it, by an order of its own.
#[utoipa::path(
    post,
    path = "/api/v1/stays/{number}/lift",
    tag = "stays",
    security(("key" = [])),
    params(("number" = i64, Path, description = "The stay's number here")),
    request_body = NewLift,
    responses(
        (status = 204, description = "It is lifted; of one that is lifted in part, a stay of what remains stands"),
        (status = 401, description = "No key that counts", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "The gate or the role refuses", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "No standing stay has that number", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "Too long", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "No JSON", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "Not what it has to be", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "The store does not answer", content_type = "application/problem+json", body = Problem),
    )
)]
pub(super) async fn lift(
    State(app): State<App>,
    officer: SignedIn,
    Path(number): Path<String>,
    Given(given): Given<NewLift>,
) -> Result<StatusCode, Error> {
    let number = number.parse().map_err(|_| Error::NotFound)?;
    let (order, authority) = (text("order", &given.order)?, text("authority", &given.authority)?);
    let part = given.part.map(|part| {
        let PartGiven { elements, populations, territories } = part;
        scope(ScopeGiven { elements, populations, territories, ..ScopeGiven::default() })
    });
    let part = part.transpose()?.filter(|part| *part != Scope::default());
    if let Some(part) = &part {
        let doubts = crate::stay::unknown(part, &app.program().filed);
        if !doubts.is_empty() {
            return Err(Error::malformed("part", "it names what the agreement does not have"));
        }
    }
    stay::lift(&app, &officer, number, (&order, &authority), part.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn text(field: &str, given: &str) -> Result<String, Error> {
    let text = given.trim();
    if text.is_empty() || text.chars().count() > 200 || text.contains(char::is_control) {
        return Err(Error::malformed(field, "it must be 1 to 200 characters on one line"));
    }
    Ok(text.to_owned())
}

fn instant(field: &str, given: Option<&str>) -> Result<Option<Timestamp>, Error> {
    let read = |text: &str| {
        text.parse()
            .map_err(|_| Error::malformed(field, "it must be an instant as RFC 3339 has it"))
    };
    given.map(read).transpose()
}

fn scope(given: ScopeGiven) -> Result<Scope, Error> {
    let many = || Error::malformed("scope", "a list in it is too long");
    let ScopeGiven { parties, direction, elements, populations, territories } = given;
    if parties.len() > 100
        || elements.len() > 1000
        || populations.len() > 100
        || territories.len() > 100
    {
        return Err(many());
    }
    let no_id =
        |_| Error::malformed("scope", "a name in it is none: small letters, digits, `-` and `_`");
    let group = |text: String| agreement::GroupId::new(&text).map_err(no_id);
    Ok(Scope {
        parties: parties
            .into_iter()
            .map(|text| agreement::PartyId::new(&text).map_err(no_id))
            .collect::<Result<_, _>>()?,
        direction: match direction {
            Way::Both => Direction::Both,
            Way::From => Direction::From,
            Way::To => Direction::To,
        },
        elements: elements
            .into_iter()
            .map(|name| text("scope.elements", &name))
            .collect::<Result<_, _>>()?,
        populations: populations.into_iter().map(group).collect::<Result<_, _>>()?,
        territories: territories.into_iter().map(group).collect::<Result<_, _>>()?,
        ..Scope::default()
    })
}
