//! Stays: what stands, what was lifted, and the form that records or lifts one. From the moment a stay is recorded nothing
//! in its scope is released (floor F8); a source may stop by itself, without any order (5 U.S.C. 552a(q)(1)).

use super::Typed;
use super::frame::{Frame, Link};
use super::number;
use super::part::{Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use agreement::{Agreement, Direction, Scope, Stay, StayKind};
use jiff::Timestamp;

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
    Form::new("/stays/new", csrf, "Record: it counts at once")
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
