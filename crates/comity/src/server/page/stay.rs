//! Stays: what stands, what was lifted, and the form that records or lifts one. From the moment a stay is recorded nothing
//! in its scope is released (floor F8); a source may stop by itself, without any order (5 U.S.C. 552a(q)(1)).

use super::Typed;
use super::frame::{Frame, Link};
use super::number;
use super::part::{Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, stay};
use agreement::{Agreement, Direction, GroupId, Scope, Stay, StayKind};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use casework::store::accounts::Role;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;

/// How long the name of an order or of an authority is at most, in characters.
const MOST_WORDS: usize = 200;

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
    let mut whole = if said.is_empty() { "everything".to_owned() } else { said.join("; ") };
    for lifted in &scope.except {
        whole.push_str(", but no longer ");
        whole.push_str(&covers(lifted));
    }
    whole
}

/// The elements that a form lets one choose from, those that a scope has.
fn elements(agreement: &Agreement, scope: &Scope) -> Vec<Choice> {
    let all = agreement
        .record_sets
        .iter()
        .flat_map(|set| set.elements().map(move |(_, element)| set.reference(&element.name)));
    all.filter(|reference| {
        scope.elements.is_empty()
            || scope.elements.contains(&reference.to_string())
            || scope.elements.contains(reference.record_set.as_str())
    })
    .map(|reference| {
        let name = reference.to_string();
        Choice::new(name.clone(), super::review::words(&name.replace('.', ": ")))
    })
    .collect()
}

/// Asks for populations and territories, which the order names and the agreement may not.
fn groups(form: Form, none: &str) -> Form {
    let hint = format!("As the order names them, in small letters, with a comma between. {none}");
    form.field(Field::line("populations", "Populations").hint(hint.clone()).optional())
        .field(Field::line("territories", "Territories").hint(hint).optional())
}

/// Reads a line of groups.
fn read_groups(typed: &Typed, name: &'static str, wrong: &mut Vec<Wrong>) -> BTreeSet<GroupId> {
    let mut groups = BTreeSet::new();
    for text in typed.one(name).split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let Ok(group) = text.parse() else {
            let why = "Enter small letters, digits and hyphens, with a comma between two names";
            wrong.push(Wrong::new(name, why));
            break;
        };
        groups.insert(group);
    }
    groups
}

/// The form that records one.
pub(crate) fn form(agreement: &Agreement, csrf: &str, is_source_stop: bool) -> Form {
    let parties = agreement
        .parties
        .iter()
        .map(|party| Choice::new(party.id.to_string(), party.name.clone()))
        .collect();
    let kind = if is_source_stop { "source-stop" } else { "order" };
    let none = "None chosen: it covers all of them.";
    let form = Form::new("/stays", csrf, "Record: it counts at once")
        .field(Field::hidden("kind", kind))
        .field(Field::line(
            "order",
            if is_source_stop { "Your own number for it" } else { "Docket number of the order" },
        ))
        .field(Field::line(
            "authority",
            if is_source_stop { "The source that stops" } else { "Who ordered it" },
        ))
        .field(Field::several("parties", "Parties it covers", parties).hint(none).optional())
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
            Field::several(
                "elements",
                "Elements it covers",
                elements(agreement, &Scope::default()),
            )
            .hint(none)
            .optional(),
        );
    groups(form, "None named: it covers all of them.")
        .field(
            Field::date("from", "From which day on, if not at once")
                .hint("Left empty, it counts from the moment it is recorded.")
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
        } else if text.chars().count() > MOST_WORDS {
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
    scope.populations = read_groups(typed, "populations", &mut wrong);
    scope.territories = read_groups(typed, "territories", &mut wrong);
    let from = match typed.one("from") {
        "" => None,
        text => {
            let day = text.parse::<jiff::civil::Date>().ok().and_then(beginning_of);
            if day.is_none() {
                wrong.push(Wrong::new("from", "Enter a day such as 2027-12-31"));
            }
            day
        }
    };
    let until = match typed.one("until") {
        "" => None,
        text => match text.parse::<jiff::civil::Date>().ok().and_then(end_of) {
            Some(until) if until > now && from.is_none_or(|from| from < until) => Some(until),
            _ => {
                wrong.push(Wrong::new(
                    "until",
                    "Enter a day in the future and not before the first, such as 2027-12-31",
                ));
                None
            }
        },
    };
    let kind = match typed.one("kind") {
        "source-stop" => StayKind::SourceStop,
        _ => StayKind::Order,
    };
    if wrong.is_empty() {
        Ok(Stay { order, authority, kind, scope, recorded: now, from, until, lifted: None })
    } else {
        Err(wrong)
    }
}

/// The last instant of a day.
fn end_of(day: jiff::civil::Date) -> Option<Timestamp> {
    beginning_of(day.tomorrow().ok()?)
}

/// The first instant of a day.
fn beginning_of(day: jiff::civil::Date) -> Option<Timestamp> {
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The form that lifts one, or a part of it.
pub(crate) fn lift_form(agreement: &Agreement, number: i64, stay: &Stay, csrf: &str) -> Form {
    let form = Form::new(format!("/stays/{number}/lift"), csrf, "Record the lifting order")
        .field(
            Field::line("order", "Number of the lifting order")
                .hint("A stay is lifted by an order of its own, and by nothing else."),
        )
        .field(Field::line("authority", "Who ordered it"))
        .field(
            Field::several(
                "elements",
                "Lift it for these elements alone",
                elements(agreement, &stay.scope),
            )
            .hint("Choose and name nothing here and below to lift all of it.")
            .optional(),
        );
    groups(form, "None named: it is lifted for all of them.")
        .grave()
        .instead("/stays", "Back, lift nothing")
}

/// Reads the part of a stay that is lifted; none where all of it is.
fn lifted_part(typed: &Typed, agreement: &Agreement) -> Result<Option<Scope>, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let part = Scope {
        elements: typed.all("elements").map(str::to_owned).collect(),
        populations: read_groups(typed, "populations", &mut wrong),
        territories: read_groups(typed, "territories", &mut wrong),
        ..Scope::default()
    };
    let known: BTreeSet<String> =
        elements(agreement, &Scope::default()).into_iter().map(|choice| choice.value).collect();
    if !part.elements.is_subset(&known) {
        wrong.push(Wrong::new("elements", "Choose among the elements shown"));
    }
    if wrong.is_empty() { Ok((part != Scope::default()).then_some(part)) } else { Err(wrong) }
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
            Ok(super::wrong(new_page(&app, &visit, form.again(&typed, &wrong))))
        }
    }
}

fn lift_page(app: &App, visit: &Visit, number: i64, stay: &Stay, form: Form) -> Response {
    let frame = crate::server::door::frame(app, visit, format!("Lift stay {number}"), "/stays")
        .below([Link::new("/stays", "Stays")]);
    super::draw(
        &Page::new(
            frame,
            "From then on releases go by the agreement and the gate again; of a stay that is lifted in part, in that part.",
        )
        .part(Part::Summary(vec![
            ("Order".into(), stay.order.clone().into()),
            ("Authority".into(), stay.authority.clone().into()),
            ("Covers".into(), covers(&stay.scope).into()),
        ]))
        .part(Part::Form(form)),
    )
}

/// `GET /stays/{number}/lift`
pub(super) async fn ask_lift(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<i64>,
) -> Result<Response, Error> {
    let (stay, _) = crate::stay::standing(app.store(), number).await?;
    let form = lift_form(app.program().agreement(), number, &stay, &visit.csrf);
    Ok(lift_page(&app, &visit, number, &stay, form))
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
        let text = typed.one(name);
        if text.is_empty() {
            wrong.push(Wrong::new(name, why));
        } else if text.chars().count() > MOST_WORDS {
            wrong.push(Wrong::new(name, "Enter 200 letters or fewer"));
        }
    }
    let part = match lifted_part(&typed, app.program().agreement()) {
        Ok(part) => part,
        Err(more) => {
            wrong.extend(more);
            None
        }
    };
    if !wrong.is_empty() {
        let (stay, _) = crate::stay::standing(app.store(), number).await?;
        let form = lift_form(app.program().agreement(), number, &stay, &visit.csrf);
        let form = form.again(&typed, &wrong);
        return Ok(super::wrong(lift_page(&app, &visit, number, &stay, form)));
    }
    let by = (typed.one("order"), typed.one("authority"));
    Ok(match stay::lift(&app, &officer, number, by, part.as_ref()).await? {
        None => done("/stays", "The stay is lifted."),
        Some(rest) => done("/stays", &format!("A part is lifted. Stay {rest} is what remains.")),
    })
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
        let part = Scope { elements: ["payroll.pay_to".to_owned()].into(), ..Scope::default() };
        assert_eq!(
            covers(&stay.scope.without(&part)),
            "from payroll-administration; elements payroll.gross_pay, but no longer elements payroll.pay_to"
        );
    }

    #[test]
    fn a_stay_is_of_the_populations_territories_and_days_that_its_order_names() {
        let answers = [
            ("order", "26-1"),
            ("authority", "Court"),
            ("populations", "minors, veterans"),
            ("territories", "north"),
            ("from", "2027-04-10"),
            ("until", "2027-04-10"),
        ];
        let stay = recorded(&typed(&answers), now()).expect("read");
        assert_eq!(covers(&stay.scope), "populations minors, veterans; territories north");
        let day = |text: &str| text.parse().ok();
        assert_eq!(
            (stay.from, stay.until),
            (day("2027-04-10T00:00:00Z"), day("2027-04-11T00:00:00Z"))
        );
        for (name, value) in
            [("populations", "All Minors"), ("from", "soon"), ("until", "2027-04-09")]
        {
            let mut wrong = answers.to_vec();
            wrong.retain(|(other, _)| *other != name);
            wrong.push((name, value));
            let wrong = recorded(&typed(&wrong), now()).expect_err(name);
            assert_eq!(wrong.iter().map(|one| one.field).collect::<Vec<_>>(), [name], "{value}");
        }
    }
}
