//! How far an errand is, how it is cancelled, and what came of it: a file to fetch, rows that were taken and those that
//! were not, or the report of a year.

use super::frame::Link;
use super::part::{Cell, Form, Page, Part, Table, Tone};
use super::{board, look_up, number};
use crate::event::Event;
use crate::server::errand::{Ended, Errand, Made, What};
use crate::server::import::Imported;
use crate::server::visit::{Visit, done, see_other};
use crate::server::{App, Error, SignedIn, door, signature};
use agreement::Act;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use casework::store::accounts::Role;
use casework::{CaseStage, CaseStore as _, Drafts};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

/// Sends the browser to an errand that was begun.
pub(super) fn to(errand: &Errand) -> Response {
    see_other(&format!("/errands/{}", errand.id))
}

/// `GET /errands`
pub(super) async fn all(State(app): State<App>, visit: Visit, officer: SignedIn) -> Response {
    let errands = app.errands().of(&officer.officer, app.now()).await;
    let table = Table::new("What you had made, the latest first", &["What", "Begun", "How far"])
        .empty("Nothing yet. Lists, letters, results and reports that you ask for stand here for an hour.")
        .with(errands.iter().map(|errand| {
            let state = match errand.ended() {
                None => {
                    let (done, of) = errand.progress.seen();
                    Cell::tag(Tone::Note, format!("{} of {}", number::count(done), number::count(of)))
                }
                Some(
                    Ended::Made(_)
                    | Ended::Taken(_)
                    | Ended::Reported(_)
                    | Ended::Ran(_)
                    | Ended::LookedUp(_),
                ) => {
                    Cell::tag(Tone::Good, "done")
                }
                Some(Ended::Cancelled) => Cell::tag(Tone::Plain, "cancelled"),
                Some(Ended::Failed(_)) => Cell::tag(Tone::Bad, "not done"),
            };
            vec![
                Cell::link(format!("/errands/{}", errand.id), errand.what.said()),
                number::instant(errand.begun_at).into(),
                state,
            ]
        }));
    let frame = door::frame(&app, &visit, "What was made", "");
    super::draw(
        &Page::new(frame, "What the server does for you that takes longer than a page.")
            .part(Part::Table(table)),
    )
}

/// `GET /errands/{id}`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
    headers: http::HeaderMap,
) -> Result<Response, Error> {
    let errand = app.errands().find(&officer.officer, &id, app.now()).await?;
    let (count, of) = errand.progress.seen();
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.starts_with("application/json")) {
        let ended = errand.ended().is_some();
        return Ok(
            Json(serde_json::json!({ "done": count, "of": of, "ended": ended })).into_response()
        );
    }
    let home = errand.what.home();
    let title = match errand.ended() {
        Some(Ended::Reported(report)) => format!("Matching report {}", report.year),
        _ => errand.what.said().to_owned(),
    };
    let frame =
        door::frame(&app, &visit, title, home).below([Link::new("/errands", "What was made")]);
    let mut page = Page::new(frame, "");
    page = match errand.ended() {
        None => {
            let cancel = Form::new(format!("/errands/{id}/cancel"), &visit.csrf, "Cancel");
            page.part(Part::Progress {
                label: errand.what.said().to_owned(),
                done: count,
                of,
                again: format!("/errands/{id}"),
                cancel: Some(cancel),
            })
            .part(Part::Buttons(vec![Link::new(format!("/errands/{id}"), "Look again")]))
        }
        Some(Ended::Cancelled) => page.part(Part::banner(
            Tone::Plain,
            "Cancelled",
            match errand.what {
                What::Run => {
                    "What had gone out by then is in the ledger. Running the program again goes on where it stopped."
                }
                What::LookUp => {
                    "It counts. What had gone out by then is in the ledger: asked again with the same persons, it goes on there. If nothing had been found yet, it counts again."
                }
                What::WorkList | What::PrintFile | What::Results | What::Mail | What::Report => {
                    "Nothing was made, and nothing went out."
                }
            },
        )),
        Some(Ended::Ran(counts)) => {
            let rows = counts.iter().map(|(name, count)| ((*name).to_owned(), number::count(*count).into()));
            page.part(Part::banner(
                Tone::Good,
                "The program was run",
                "Each step is in the ledger, and the report is written.",
            ))
            .part(Part::Summary(rows.collect()))
        }
        Some(Ended::Failed(problem)) => {
            let mut lines = vec![format!("{}.", problem.detail.trim_end_matches('.'))];
            lines.extend(problem.reasons.iter().map(|one| {
                let remedy = one.remedy.trim_end_matches('.');
                format!("{}: {}. What to do: {remedy}.", one.rule, one.reason.trim_end_matches('.'))
            }));
            page.part(Part::Banner {
                tone: Tone::Bad,
                title: "It was not done".into(),
                lines,
                link: Some(Link::new(home, "Back")),
            })
        }
        Some(Ended::LookedUp(found)) => page.parts(look_up::answered(found)),
        Some(Ended::Made(made)) => page.parts(made_parts(&id, made)),
        Some(Ended::Taken(imported)) => page.parts(taken_parts(imported)),
        Some(Ended::Reported(report)) => {
            let may_vote = officer.is(Role::BoardMember);
            page.parts(board::report_parts(&app, &id, report, may_vote, &visit.csrf)?)
        }
    };
    Ok(super::draw(&page))
}

fn made_parts(id: &str, made: &Made) -> Vec<Part> {
    let count = made.cases.len() as u64;
    let mut parts = vec![
        Part::banner(
            Tone::Good,
            "The file is made",
            format!(
                "{} in it. Fetching it is asked of the gate and recorded; a stay recorded until then holds it back.",
                if count == 1 {
                    "1 case".to_owned()
                } else {
                    format!("{} cases", number::count(count))
                }
            ),
        ),
        Part::Summary(vec![
            ("Name".into(), made.name.clone().into()),
            ("SHA-256".into(), Cell::code(signature::hex(&Sha256::digest(&made.bytes)))),
        ]),
        Part::Buttons(vec![Link::new(format!("/errands/{id}/file"), "Fetch the file")]),
    ];
    if !made.left_out.is_empty() {
        let table = Table::new("Left out", &["Case", "Why"]).with(made.left_out.iter().map(
            |(case, why)| {
                vec![
                    Cell::link(format!("/cases/{case}/notice"), case.to_string()),
                    format!("{why}.").into(),
                ]
            },
        ));
        parts.push(Part::Table(table));
    }
    parts
}

fn taken_parts(imported: &Imported) -> Vec<Part> {
    let (taken, rejected) = (imported.taken.len() as u64, imported.rejected.len() as u64);
    let tone = if rejected == 0 && imported.left == 0 { Tone::Good } else { Tone::Warn };
    let mut lines =
        vec![format!("{} taken, {} rejected.", number::count(taken), number::count(rejected))];
    if imported.left > 0 {
        lines.push(format!(
            "It was cancelled: {} were not looked at. What was taken before stays.",
            number::count(imported.left)
        ));
    }
    if imported.minutes > 0 {
        lines.push(format!(
            "They took {:.1} hours, by what they say.",
            imported.minutes as f64 / 60.0
        ));
    }
    let title = if rejected == 0 { "Every row was taken" } else { "Some rows were rejected" };
    let title = if imported.left > 0 { "Cancelled" } else { title };
    let table = Table::new("Rejected rows", &["#Row", "Case", "Why"])
        .empty("No row was rejected.")
        .with(imported.rejected.iter().map(|(row, case, why)| {
            vec![
                Cell::number(row),
                case.clone().into(),
                format!("{}.", why.trim_end_matches('.')).into(),
            ]
        }));
    vec![Part::Banner { tone, title: title.into(), lines, link: None }, Part::Table(table)]
}

/// `POST /errands/{id}/cancel`
pub(super) async fn cancel(
    State(app): State<App>,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let errand = app.errands().find(&officer.officer, &id, app.now()).await?;
    errand.progress.cancel();
    Ok(done(&format!("/errands/{id}"), "It is told to stop."))
}

/// `GET /errands/{id}/file`
pub(super) async fn fetch(
    State(app): State<App>,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let errand = app.errands().find(&officer.officer, &id, app.now()).await?;
    let (name, kind, bytes) = match errand.ended() {
        Some(Ended::Made(made)) => {
            if made.what == "print-file" {
                // Letters are for whoever serves them now, and only as long as their cases wait for one.
                if !officer.is(Role::NoticeOfficer) {
                    return Err(Error::NotAllowed {
                        why: "letters are for a notice officer".to_owned(),
                    });
                }
                for case in &made.cases {
                    let stored =
                        app.store().case(case).await.map_err(|error| Error::failed(&error))?;
                    let waits = [CaseStage::Verified, CaseStage::Correction];
                    if !waits.contains(&stored.case.stage()) {
                        return Err(Error::NotAllowed {
                            why: format!(
                                "{case} does not wait for a letter any more: gather them again"
                            ),
                        });
                    }
                }
            }
            let event = Event::WorkExported {
                what: made.what.to_owned(),
                cases: made.cases.len() as u64,
                file: signature::hex(&Sha256::digest(&made.bytes)),
            };
            // Asked again: a stay may have come since it was made. And recorded before the first byte leaves.
            app.is_ledger_writable().await;
            let by = officer.at_desk();
            let asked = app.desk().permit(&by, Act::EXPORT_WORK, |_| {}, vec![event]).await?;
            let ((), lines) = app.shown(asked)?;
            app.until_recorded(&lines).await?;
            if made.what == "print-file" {
                app.store().note_printed(&made.cases, app.now(), Drafts::none()).await?;
            }
            (made.name.clone(), made.media_type, made.bytes.clone())
        }
        Some(Ended::Reported(report)) => {
            let name = format!("matching-report-{}.json", report.year);
            (name, "application/json", report.to_json()?.into_bytes())
        }
        _ => return Err(Error::NotFound),
    };
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, bytes).into_response())
}
