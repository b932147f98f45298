//! What other parties dispute of this agency's records: each with the day by which it must be answered, and the form that
//! answers it.
//!
//! An answer is an officer's; it is recorded and sent back until it is acknowledged ([`crate::server::dispute`]).

use super::Typed;
use super::number;
use super::part::{Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use crate::server::dispute::{self, Came};
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, door};
use axum::extract::State;
use axum::response::Response;
use casework::Settled;
use jiff::Timestamp;

/// `GET /disputes`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    dispute::ask(&app, &officer.at_desk(), Vec::new()).await?;
    drawn(&app, &visit, None).await
}

async fn drawn(
    app: &App,
    visit: &Visit,
    again: Option<(&Typed, &[Wrong])>,
) -> Result<Response, Error> {
    let came = dispute::came(app).await?;
    let mut page = Page::new(
        door::frame(app, visit, "Disputes", "/disputes"),
        "What other agencies say is wrong in our records. Until it is answered they take no step against anybody on it.",
    );
    let (open, answered): (Vec<_>, Vec<_>) = came.iter().partition(|one| one.answer.is_none());
    if open.is_empty() {
        page = page.part(Part::text("No dispute waits for an answer."));
    }
    for one in open {
        page = page.part(Part::heading(format!(
            "{} disputes {}",
            name(app, &one.dispute.from),
            one.dispute.element
        )));
        let due = one.dispute.answer_due.parse::<Timestamp>().ok();
        let shown = due.map(|due| number::moment(due, &app.desk().zone())).unwrap_or_default();
        let due = if due.is_none_or(|due| due <= app.now()) {
            Cell::late(format!("{shown} (late)"))
        } else {
            Cell::text(shown)
        };
        page = page.part(Part::Summary(vec![
            ("Answer by".into(), due),
            ("The lead, as it was disclosed".into(), one.dispute.lead.clone().into()),
            ("Why it is thought to be wrong".into(), one.dispute.reason.clone().into()),
            ("Came".into(), came_at(app, one).into()),
        ]));
        let mut form = form(&visit.csrf, one);
        if let Some((typed, wrong)) = again
            && typed.one("number") == one.dispute.number
            && typed.one("party") == one.dispute.from
        {
            form = form.again(typed, wrong);
        }
        page = page.part(Part::Form(form));
    }
    let table = Table::new("Answered", &["Came", "From", "Element", "Answer", "Sent"])
        .empty("Nothing was answered yet.")
        .with(answered.into_iter().map(|one| {
            let settled = one.answer.as_ref().map_or("", |answer| said(answer.settled));
            let sent = if one.is_delivered {
                Cell::tag(Tone::Good, "acknowledged")
            } else {
                Cell::tag(Tone::Warn, "on its way")
            };
            vec![
                came_at(app, one).into(),
                name(app, &one.dispute.from).into(),
                Cell::code(one.dispute.element.clone()),
                settled.into(),
                sent,
            ]
        }));
    Ok(super::draw(&page.part(Part::heading("Answered")).part(Part::Table(table))))
}

fn said(settled: Settled) -> &'static str {
    match settled {
        Settled::Corrected => "the record was wrong and has been corrected",
        Settled::Stands => "the record stands",
    }
}

fn came_at(app: &App, one: &Came) -> String {
    let at = one.at.parse::<Timestamp>().ok();
    at.map(|at| number::day_in(at, &app.desk().zone())).unwrap_or_default()
}

fn name(app: &App, party: &str) -> String {
    let parties = &app.program().agreement().parties;
    let found = parties.iter().find(|one| one.id.as_str() == party);
    found.map_or_else(|| party.to_owned(), |party| party.name.clone())
}

fn form(csrf: &str, one: &Came) -> Form {
    Form::new("/disputes", csrf, "Send this answer")
        .field(Field::hidden("party", &one.dispute.from))
        .field(Field::hidden("number", &one.dispute.number))
        .field(Field::one(
            "settled",
            "What it comes to",
            vec![
                Choice::new("corrected", "The record was wrong and has been corrected"),
                Choice::new("stands", "The record stands"),
            ],
        ))
        .field(
            Field::long("reason", "Why")
                .hint("Words that the other agency and the person can read"),
        )
}

/// `POST /disputes`
pub(super) async fn answer(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    let mut wrong = Vec::new();
    let settled = match typed.one("settled") {
        "corrected" => Some(Settled::Corrected),
        "stands" => Some(Settled::Stands),
        _ => {
            wrong.push(Wrong::new("settled", "Say what it comes to"));
            None
        }
    };
    let reason = typed.one("reason").trim();
    if reason.is_empty() {
        wrong.push(Wrong::new("reason", "Say why"));
    } else if reason.chars().count() > 4_000 {
        wrong.push(Wrong::new("reason", "Enter 4,000 letters or fewer"));
    }
    let Some(settled) = settled.filter(|_| wrong.is_empty()) else {
        dispute::ask(&app, &officer.at_desk(), Vec::new()).await?;
        return Ok(super::wrong(drawn(&app, &visit, Some((&typed, &wrong))).await?));
    };
    let of = (typed.one("party"), typed.one("number"));
    dispute::answer(&app, &officer.at_desk(), of, settled, reason).await?;
    Ok(done("/disputes", "Your answer is recorded, and sent until it is acknowledged."))
}
