//! Stays: what stands, what was lifted, and the form that records or lifts one. From the moment a stay is recorded nothing
//! in its scope is released (floor F8); a source may stop by itself, without any order (5 U.S.C. 552a(q)(1)).

use super::Typed;
use super::frame::{Frame, Link};
use super::number;
use super::part::{Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, stay};
use agreement::{Agreement, Direction, Scope, Stay, StayKind};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use casework::store::accounts::Role;
use jiff::Timestamp;
use serde::Deserialize;

/// Shows every stay.
pub(crate) fn list(frame: Frame, stays: &[(i64, Stay)], now: Timestamp, may_record: bool) -> Page {
    let mut table = Table::new(
        "Every stay recorded here, the newest first",
        &["Order", "Authority", "Covers", "Recorded", "State", ""],
    )
    .empty("No stay was ever recorded. Releases go by the agreement and the gate alone.");
    for (number, stay) in stays.iter().rev() {
        let state = if stay.lifted.is_some() {
            Cell::tag(Tone::Good, "lifted")
        } else if stay.is_in_force(now) {
            Cell::tag(Tone::Bad, "stands")
        } else {
            Cell::tag(Tone::Warn, "not now")
        };
        let lift = if stay.lifted.is_none() && may_record {
            Cell::link(format!("/stays/{number}/lift"), format!("Lift {}", stay.order))
        } else {
            Cell::text("")
        };
        table.row(vec![
            stay.order.clone().into(),
            stay.authority.clone().into(),
            covers(&stay.scope).into(),
            number::instant(stay.recorded).into(),
            state,
            lift,
        ]);
    }
    let standing = stays.iter().filter(|(_, stay)| stay.is_in_force(now)).count();
    let mut page = Page::new(
        frame,
        "A stay halts releases from the moment it is recorded: it is looked up again before every chunk that leaves.",
    );
    if standing > 0 {
        page = page.part(Part::banner(
            Tone::Bad,
            format!("{standing} standing now"),
            "What they cover does not leave this node. Corrections, hearings, and the individual's and the auditor's access go on.",
        ));
    }
    if may_record {
        page = page.part(Part::Buttons(vec![
            Link::new("/stays/new", "Record a stay"),
            Link::new("/stays/new?kind=source-stop", "Stop as the source"),
        ]));
    }
    page.part(Part::Table(table))
}

/// Says what a scope covers.
pub(crate) fn covers(scope: &Scope) -> String {
    let mut said = Vec::new();
    if !scope.parties.is_empty() {
        let way = match scope.direction {
            Direction::Both => "from and to",
            Direction::From => "from",
            Direction::To => "to",
        };
        let parties: Vec<_> = scope.parties.iter().map(ToString::to_string).collect();
        said.push(format!("{way} {}", parties.join(", ")));
    }
    let mut add = |name: &str, all: Vec<String>| {
        if !all.is_empty() {
            said.push(format!("{name} {}", all.join(", ")));
        }
    };
    add("elements", scope.elements.iter().cloned().collect());
    add("populations", scope.populations.iter().map(ToString::to_string).collect());
    add("territories", scope.territories.iter().map(ToString::to_string).collect());
    add("agreements", scope.agreements.iter().map(ToString::to_string).collect());
    if said.is_empty() { "everything".to_owned() } else { said.join("; ") }
}

/// The form that records one.
pub(crate) fn form(agreement: &Agreement, csrf: &str, is_source_stop: bool) -> Form {
    let parties = agreement
        .parties
        .iter()
        .map(|party| Choice::new(party.id.to_string(), party.name.clone()))
        .collect();
    let elements = agreement
        .record_sets
        .iter()
        .flat_map(|set| set.elements().map(move |(_, element)| set.reference(&element.name)))
        .map(|reference| {
            let name = reference.to_string();
            Choice::new(name.clone(), super::review::words(&name.replace('.', ": ")))
        })
        .collect();
    let kind = if is_source_stop { "source-stop" } else { "order" };
    Form::new("/stays", csrf, "Record: it counts at once")
        .field(Field::hidden("kind", kind))
        .field(Field::line(
            "order",
            if is_source_stop { "Your own number for it" } else { "Docket number of the order" },
        ))
        .field(Field::line(
            "authority",
            if is_source_stop { "The source that stops" } else { "Who ordered it" },
        ))
        .field(
            Field::several("parties", "Parties it covers", parties)
                .hint("None chosen: it covers all of them.")
                .optional(),
        )
        .field(
            Field::one(
                "direction",
                "Which way",
                vec![
                    Choice::new("both", "From them and to them"),
                    Choice::new("from", "What comes from them"),
                    Choice::new("to", "What goes to them"),
                ],
            )
            .value("both"),
        )
        .field(
            Field::several("elements", "Elements it covers", elements)
                .hint("None chosen: it covers all of them.")
                .optional(),
        )
        .field(
            Field::date("until", "Until when, if it says so")
                .hint("Left empty, it stands until it is lifted.")
                .optional(),
        )
        .grave()
        .instead("/stays", "Back, record nothing")
}

/// Reads the form.
pub(crate) fn recorded(typed: &Typed, now: Timestamp) -> Result<Stay, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut words = |name: &'static str, what: &str| {
        let text = typed.one(name).to_owned();
        if text.is_empty() {
            wrong.push(Wrong::new(name, format!("Enter {what}")));
        } else if text.chars().count() > 200 {
            wrong.push(Wrong::new(name, "Enter 200 letters or fewer"));
        }
        text
    };
    let order = words("order", "the number of the order");
    let authority = words("authority", "who ordered it");
    let mut scope = Scope::default();
    for party in typed.all("parties") {
        match party.parse() {
            Ok(party) => drop(scope.parties.insert(party)),
            Err(_) => wrong.push(Wrong::new("parties", "Choose among the parties shown")),
        }
    }
    scope.elements = typed.all("elements").map(str::to_owned).collect();
    scope.direction = match typed.one("direction") {
        "from" => Direction::From,
        "to" => Direction::To,
        _ => Direction::Both,
    };
    let until = match typed.one("until") {
        "" => None,
        text => match text.parse::<jiff::civil::Date>().ok().and_then(end_of) {
            Some(until) if until > now => Some(until),
            _ => {
                wrong.push(Wrong::new("until", "Enter a day in the future, such as 2027-12-31"));
                None
            }
        },
    };
    let kind = match typed.one("kind") {
        "source-stop" => StayKind::SourceStop,
        _ => StayKind::Order,
    };
    if wrong.is_empty() {
        Ok(Stay { order, authority, kind, scope, recorded: now, from: None, until, lifted: None })
    } else {
        Err(wrong)
    }
}

/// The last instant of a day.
fn end_of(day: jiff::civil::Date) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?;
    next.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The form that lifts one.
pub(crate) fn lift_form(number: i64, csrf: &str) -> Form {
    Form::new(format!("/stays/{number}/lift"), csrf, "Record the lifting order")
        .field(
            Field::line("order", "Number of the lifting order")
                .hint("A stay is lifted by an order of its own, and by nothing else."),
        )
        .field(Field::line("authority", "Who ordered it"))
        .grave()
        .instead("/stays", "Back, lift nothing")
}

/// Which form is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    kind: Option<String>,
}

/// `GET /stays`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    let stays: Vec<_> =
        stay::list(&app).await?.into_iter().map(|one| (one.number, one.stay)).collect();
    let frame = crate::server::door::frame(&app, &visit, "Stays", "/stays");
    Ok(super::draw(&list(frame, &stays, app.now(), officer.is(Role::PrivacyOfficer))))
}

fn new_page(app: &App, visit: &Visit, form: Form) -> Response {
    let frame = crate::server::door::frame(app, visit, "Record a stay", "/stays")
        .below([Link::new("/stays", "Stays")]);
    super::draw(
        &Page::new(
            frame,
            "It counts from the moment it is recorded. Lifting it takes an order of its own.",
        )
        .part(Part::Form(form)),
    )
}

/// `GET /stays/new`
pub(super) async fn ask_new(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Response {
    let is_source_stop = asked.kind.as_deref() == Some("source-stop");
    let form = form(app.program().agreement(), &visit.csrf, is_source_stop);
    new_page(&app, &visit, form)
}

/// `POST /stays`
pub(super) async fn record(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    match recorded(&typed, app.now()) {
        Ok(new) => {
            let recorded = stay::record(&app, &officer, new).await?;
            let said = if recorded.doubts.is_empty() {
                "The stay is recorded and counts now.".to_owned()
            } else {
                format!(
                    "The stay is recorded and counts now. {} names in its scope are unknown here: all of their sort is covered.",
                    recorded.doubts.len()
                )
            };
            Ok(done("/stays", &said))
        }
        Err(wrong) => {
            let is_source_stop = typed.one("kind") == "source-stop";
            let form = form(app.program().agreement(), &visit.csrf, is_source_stop);
            Ok(new_page(&app, &visit, form.again(&typed, &wrong)))
        }
    }
}

fn lift_page(app: &App, visit: &Visit, number: i64, form: Form) -> Response {
    let frame = crate::server::door::frame(app, visit, format!("Lift stay {number}"), "/stays")
        .below([Link::new("/stays", "Stays")]);
    super::draw(
        &Page::new(frame, "From then on releases go by the agreement and the gate again.")
            .part(Part::Form(form)),
    )
}

/// `GET /stays/{number}/lift`
pub(super) async fn ask_lift(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<i64>,
) -> Response {
    lift_page(&app, &visit, number, lift_form(number, &visit.csrf))
}

/// `POST /stays/{number}/lift`
pub(super) async fn lift(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(number): Path<i64>,
    typed: Typed,
) -> Result<Response, Error> {
    let mut wrong = Vec::new();
    for (name, why) in
        [("order", "Enter the number of the lifting order"), ("authority", "Enter who ordered it")]
    {
        if typed.one(name).is_empty() {
            wrong.push(Wrong::new(name, why));
        }
    }
    if !wrong.is_empty() {
        let form = lift_form(number, &visit.csrf).again(&typed, &wrong);
        return Ok(lift_page(&app, &visit, number, form));
    }
    stay::lift(&app, &officer, number, typed.one("order"), typed.one("authority")).await?;
    Ok(done("/stays", "The stay is lifted."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(answers: &[(&str, &str)]) -> Typed {
        Typed::new(answers.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    fn now() -> Timestamp {
        "2027-04-02T10:00:00Z".parse().expect("an instant")
    }

    #[test]
    fn an_order_without_limits_covers_everything() {
        let stay = recorded(&typed(&[("order", "26-1"), ("authority", "District Court")]), now())
            .expect("read");
        assert_eq!(covers(&stay.scope), "everything");
        assert_eq!(stay.recorded, now());
    }

    #[test]
    fn a_stay_needs_an_order_and_an_authority_and_an_end_to_come() {
        let wrong =
            recorded(&typed(&[("until", "2020-01-01")]), now()).expect_err("nothing is there");
        let fields: Vec<_> = wrong.iter().map(|one| one.field).collect();
        assert_eq!(fields, ["order", "authority", "until"]);
    }

    #[test]
    fn a_scope_is_said_in_words() {
        let answers = [
            ("order", "26-1"),
            ("authority", "Court"),
            ("parties", "payroll-administration"),
            ("direction", "from"),
            ("elements", "payroll.gross_pay"),
        ];
        let stay = recorded(&typed(&answers), now()).expect("read");
        assert_eq!(covers(&stay.scope), "from payroll-administration; elements payroll.gross_pay");
    }
}
