//! Asking about persons of the caseload who are named one by one, from the console: what `comity look-up` does, by an officer
//! who has signed in, under the same gate and the same counts (floor F4). It is an errand, since it takes as long as a run.
//!
//! The page shows what was asked from this program, and lets an officer give up what was broken off.

use super::part::{Card, Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use super::run::Follow;
use super::upload::{self, Upload};
use super::{errand, number, office};
use crate::desk::Officer;
use crate::release::Withheld;
use crate::run::look_up::{DAYS, MOST_MATTERS, MOST_PERSONS, give_up as drop_it, look_up, since};
use crate::run::{Outcome, Rows};
use crate::server::errand::{Ended, LookedUp, Progress, What};
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, door, sheet};
use agreement::CycleId;
use axum::extract::{Multipart, Path, State};
use axum::response::Response;
use casework::{LeadId, Run, RunState, Stage, Store as _};
use std::collections::BTreeMap;

/// `GET /look-ups`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    drawn(&app, &visit, &officer, form(&app, &visit.csrf)?).await
}

fn form(app: &App, csrf: &str) -> Result<Form, Error> {
    let cycles = &app.program().schedule.cycles;
    let choices =
        cycles.iter().map(|cycle| Choice::new(cycle.id.to_string(), cycle.id.to_string()));
    let latest = cycles.last().map(|cycle| cycle.id.to_string()).unwrap_or_default();
    let heads = Rows::columns(app.program())?.join(",");
    Ok(Form::new("/look-ups", csrf, "Ask about them")
        .field(Field::select("cycle", "Files of cycle", choices.collect()).value(latest))
        .field(
            Field::long("rows", "Persons, a line each")
                .value(format!("{heads}\n"))
                .hint("The first line names the columns. Each further line names one person by the case’s number, and gives the rest as the caseload has it."),
        )
        .field(Field::file("file", "Or a file of them", ".csv,.txt").hint("CSV with the same first line").optional()))
}

async fn drawn(
    app: &App,
    visit: &Visit,
    officer: &SignedIn,
    form: Form,
) -> Result<Response, Error> {
    let store = office::store(app).await?;
    let so_far = store.asked_since(officer.officer.as_str(), since(app.now())).await;
    let so_far = so_far.map_err(crate::Error::from)?;
    let runs = store.runs().await.map_err(crate::Error::from)?;
    let page = Page::new(
        door::frame(app, visit, "Look-ups", "/look-ups"),
        "Ask about persons of your own caseload, each by name and with every element that they are matched on. The gate decides, each \
         one counts, and the person sees what was disclosed. How many there may be is the project’s own rule (floor F4), and no law’s.",
    )
    .part(Part::Cards(vec![
        card(
            so_far.persons,
            format!(
                "persons asked about from this program in {DAYS} days; those from other programs count too, and {MOST_PERSONS} may be"
            ),
        ),
        card(
            so_far.open_matters,
            format!("matters of yours that are open here; you may have {MOST_MATTERS}, over all programs"),
        ),
    ]))
    .part(Part::Form(form));
    let asked: Vec<&Run> = runs.iter().rev().filter(|run| run.asked().is_some()).collect();
    let zone = app.desk().zone();
    let table = Table::new(
        "What was asked, the latest first",
        &["Look-up", "Officer", "#Persons", "Began", "State"],
    )
    .empty("Nobody was asked about yet.")
    .with(asked.iter().filter_map(|run| {
        let asked = run.asked()?;
        let began = run.started_at.parse();
        Some(vec![
            run.id.clone().into(),
            asked.officer.into(),
            Cell::number(number::count(asked.persons)),
            began.map_or_else(|_| run.started_at.clone(), |at| number::moment(at, &zone)).into(),
            state(run.state),
        ])
    }));
    let waiting = asked.iter().filter(|run| run.state == RunState::Planned);
    let drops = waiting.map(|run| {
        let button = format!("Give {} up", run.id);
        Part::Form(Form::new(format!("/look-ups/{}/give-up", run.id), &visit.csrf, button).grave())
    });
    let drops: Vec<Part> = drops.collect();
    let mut page = page.part(Part::heading("Asked before")).part(Part::Table(table));
    if !drops.is_empty() {
        page = page
            .part(Part::text(
                "A look-up that was broken off goes on when the same officer asks with the same persons. Or give it up: what it had \
                 not released is disclosed to nobody.",
            ))
            .parts(drops);
    }
    Ok(super::draw(&page))
}

fn card(count: u64, name: String) -> Card {
    Card { count: number::count(count), name, href: None, aside: String::new() }
}

fn state(state: RunState) -> Cell {
    match state {
        RunState::Started => Cell::tag(Tone::Note, "under way"),
        RunState::Planned => Cell::tag(Tone::Warn, "broken off"),
        RunState::Finished => Cell::tag(Tone::Good, "answered"),
        RunState::Abandoned => Cell::tag(Tone::Plain, "not begun"),
    }
}

/// `POST /look-ups`
pub(super) async fn ask(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    parts: Multipart,
) -> Result<Response, Error> {
    let upload = upload::read(parts).await?;
    let asked = upload.typed.one("cycle");
    let cycles = &app.program().schedule.cycles;
    let cycle = cycles.iter().find(|cycle| cycle.id.as_str() == asked);
    let rows = rows(&app, &upload)?;
    let (cycle, rows) = match (cycle, rows) {
        (Some(cycle), Ok(rows)) => (cycle.id.clone(), rows),
        (cycle, rows) => {
            let mut wrong = Vec::new();
            if cycle.is_none() {
                wrong.push(Wrong::new("cycle", "Choose a cycle of the schedule"));
            }
            let field = if upload.bytes.is_empty() { "rows" } else { "file" };
            let why = rows.err();
            wrong.extend(why.iter().map(|why| Wrong::new(field, why.clone())));
            let mut form = form(&app, &visit.csrf)?.again(&upload.typed, &wrong);
            if let ("file", Some(why)) = (field, why) {
                form.put_wrong("file", why);
            }
            return Ok(super::wrong(drawn(&app, &visit, &officer, form).await?));
        }
    };
    let (there, by) = (app.clone(), officer.at_desk());
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::LookUp, |progress| async move {
            carry_out(there, by, rows, cycle, progress).await
        })
        .await?;
    Ok(errand::to(&begun))
}

/// Reads the persons of a file, or of what was typed where no file came. Rows without any value are none.
fn rows(app: &App, upload: &Upload) -> Result<Result<Rows, String>, Error> {
    let columns = Rows::columns(app.program())?;
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let typed = upload.typed.one("rows");
    let bytes = if upload.bytes.is_empty() { typed.as_bytes() } else { &upload.bytes };
    let read = sheet::read(bytes, &names, &[]);
    Ok(read.and_then(|sheet| {
        if sheet.rows().any(|row| row.is_too_long()) {
            return Err("A line has more values than there are columns.".to_owned());
        }
        let rows = sheet.rows().map(|row| {
            let value = |name: &String| (name.clone(), row.get(name).to_owned());
            columns.iter().map(value).collect::<BTreeMap<_, _>>()
        });
        Rows::of(app.program(), rows).map_err(|error| error.to_string())
    }))
}

async fn carry_out(
    app: App,
    officer: Officer,
    rows: Rows,
    cycle: CycleId,
    progress: Progress,
) -> Result<Ended, Error> {
    let worked = app.with_node(async move |app, node| {
        let mut follow = Follow::of(progress);
        let asked = look_up(app.program(), node, &officer, &rows, &cycle, &mut follow);
        let outcome = Box::pin(asked).await?;
        let found = match &outcome {
            Outcome::Done(report) | Outcome::Again(report) => {
                Some(found(&node.store.leads(Some(&report.run)).await?, &rows, &report.run))
            }
            Outcome::Refused(_) | Outcome::Withheld(_) => None,
        };
        Ok::<_, crate::Error>((outcome, found))
    });
    match worked.await?? {
        (_, Some(found)) => Ok(Ended::LookedUp(found)),
        (Outcome::Refused(refusal), None) => Err(Error::Refused(Box::new(refusal))),
        (Outcome::Withheld(Withheld::Stopped), None) => Ok(Ended::Cancelled),
        (Outcome::Withheld(why), None) => Err(Error::NotAllowed {
            why: format!("what was left was not released: {why}. Ask again with the same persons"),
        }),
        (Outcome::Done(_) | Outcome::Again(_), None) => Err(Error::NotFound),
    }
}

/// Says which leads were opened about each person. What is not disclosed is nobody's to read.
fn found(leads: &[casework::Lead], rows: &Rows, look_up: &str) -> LookedUp {
    let about = |case: &str| -> Vec<LeadId> {
        let leads = leads.iter().filter(|lead| {
            lead.found.case_id.trim() == case
                && lead.returned.is_some()
                && lead.stage != Stage::Held
        });
        leads.map(|lead| lead.found.id.clone()).collect()
    };
    let answers = rows.cases().into_iter().map(|case| (case.to_owned(), about(case))).collect();
    LookedUp { look_up: look_up.to_owned(), answers }
}

/// Draws what a look-up found.
pub(super) fn answered(found: &LookedUp) -> Vec<Part> {
    let count: usize = found.answers.iter().map(|(_, leads)| leads.len()).sum();
    let rows = found.answers.iter().flat_map(|(case, leads)| {
        let nothing = leads.is_empty().then(|| vec![case.clone().into(), "nothing new".into()]);
        let leads = leads.iter().map(|lead| {
            vec![case.clone().into(), Cell::link(format!("/cases/{lead}"), lead.to_string())]
        });
        leads.chain(nothing).collect::<Vec<_>>()
    });
    vec![
        Part::banner(
            Tone::Good,
            "They were looked up",
            format!(
                "{}: {} persons, {} leads opened. What was opened before stands with the cases.",
                found.look_up,
                number::count(found.answers.len() as u64),
                number::count(count as u64)
            ),
        ),
        Part::Table(
            Table::new("What there is to look at", &["Person, by the case’s number", "Lead"])
                .with(rows),
        ),
    ]
}

/// `POST /look-ups/{id}/give-up`
pub(super) async fn give_up(
    State(app): State<App>,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let by = officer.at_desk();
    let dropped = app.with_node(async move |app, node| {
        let mut follow = Follow::of(Progress::default());
        Box::pin(drop_it(app.program(), node, &by, &id, &mut follow)).await
    });
    match dropped.await? {
        Err(crate::Error::NotBrokenOff { .. }) => Err(Error::NotFound),
        dropped => {
            let report = dropped?.map_err(|refusal| Error::Refused(Box::new(refusal)))?;
            Ok(done("/look-ups", &format!("{} is given up.", report.run)))
        }
    }
}
