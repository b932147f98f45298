//! Letters for the printer, and what printer and post say of them afterwards. Step 11 of the path, for agencies that do
//! not print at the desk.
//!
//! A print file holds letters, so that only who serves notices makes one: each letter is read under the gate's leave for
//! its case, and leave to take letters out is asked again for every few of them (floor F8). Each carries a code of its
//! own. What comes back are rows: a letter was mailed, or it came back.

use super::Typed;
use super::errand;
use super::letter;
use super::number;
use super::office;
use super::part::{Card, Cell, Choice, Field, Form, Page, Part, Table, Wrong};
use super::upload;
use super::written;
use crate::server::errand::{Ended, Made, Progress, What};
use crate::server::import::{Imported, Told, said};
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn, door, sheet};
use agreement::{Act, Service as By};
use axum::extract::{Multipart, State};
use axum::response::Response;
use casework::{Addressee, CaseStore as _, How, LeadId, Letter, Returned, Service, Standing, Step};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// How many letters a page of the queue has; the page says so where there are more.
const COUNTED: u32 = 1000;

/// How many letters leave is asked for at a time.
const CHUNK: usize = 10;

/// How many letters a file holds at most.
const MOST: usize = 5000;

/// The columns of a print file.
const COLUMNS: [&str; 10] = [
    "case",
    "language",
    "to_1",
    "to_2",
    "to_3",
    "to_4",
    "code",
    "letter_sha256",
    "answer_by",
    "text",
];

async fn waiting(app: &App, state: Letter) -> Result<String, Error> {
    let page = app.store().notices(state, None, COUNTED).await?;
    let count = number::count(page.lines.len() as u64);
    Ok(if page.next.is_some() { format!("{count} or more") } else { count })
}

fn form(csrf: &str) -> Form {
    Form::new("/print-files", csrf, "Make the file").field(
        Field::one(
            "format",
            "Format",
            vec![
                Choice::new("csv", "CSV: one row a letter, as printers merge them"),
                Choice::new("json", "JSON: one object a letter, its parts apart"),
            ],
        )
        .value("csv"),
    )
}

/// `GET /print-files`
pub(super) async fn ask(State(app): State<App>, visit: Visit) -> Result<Response, Error> {
    drawn(&app, &visit, form(&visit.csrf)).await
}

async fn drawn(app: &App, visit: &Visit, form: Form) -> Result<Response, Error> {
    let card = |count: String, name: &str| Card {
        count,
        name: name.to_owned(),
        href: None,
        aside: String::new(),
    };
    let (drafted, printed) =
        (waiting(app, Letter::Drafted).await?, waiting(app, Letter::Printed).await?);
    let returned = waiting(app, Letter::Returned).await?;
    let is_none = drafted == "0";
    let mut page = Page::new(
        door::frame(app, visit, "Print files", "/print-files"),
        "Letters that were written and not yet printed, in one file for the printer. Each carries its own code, which \
         opens the person’s door once.",
    )
    .part(Part::Cards(vec![
        card(drafted, "written, to be printed"),
        card(printed, "given to the printer, not yet said to be mailed"),
        card(returned, "came back, to be tried at another address"),
    ]));
    page = if is_none {
        page.part(Part::text(
            "No letter waits. Letters are written on a case’s page for notices, after two people have confirmed the finding.",
        ))
    } else {
        page.part(Part::Form(form))
    };
    Ok(super::draw(&page.part(Part::Buttons(vec![
        super::frame::Link::new("/returned-mail", "Say what was mailed, and what came back"),
        super::frame::Link::new("/errands", "What was made before"),
    ]))))
}

/// `POST /print-files`
pub(super) async fn make(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    let is_json = typed.one("format") == "json";
    if !is_json && typed.one("format") != "csv" {
        let again = form(&visit.csrf).again(&typed, &[Wrong::new("format", "Choose a format")]);
        return Ok(super::wrong(drawn(&app, &visit, again).await?));
    }
    crate::server::ask::ask(&app, &officer, Act::EXPORT_WORK, |_| {}).await?;
    let (there, by) = (app.clone(), officer.clone());
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::PrintFile, |progress| async move {
            print(&there, &by, is_json, &progress).await
        })
        .await?;
    Ok(errand::to(&begun))
}

async fn print(
    app: &App,
    officer: &SignedIn,
    is_json: bool,
    progress: &Progress,
) -> Result<Ended, Error> {
    let mut notices = Vec::new();
    let mut after = None;
    while notices.len() < MOST {
        let page = app.store().notices(Letter::Drafted, after.as_ref(), 500).await?;
        notices.extend(page.lines);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    notices.truncate(MOST);
    progress.begins(notices.len() as u64);
    let (mut cases, mut left_out) = (Vec::new(), Vec::new());
    let (mut rows, mut objects) = (Vec::new(), Vec::new());
    for chunk in notices.chunks(CHUNK) {
        // A stay counts from the moment it is recorded: looked up again before each few letters.
        crate::server::ask::ask(app, officer, Act::EXPORT_WORK, |_| {}).await?;
        for notice in chunk {
            if progress.is_cancelled() {
                return Ok(Ended::Cancelled);
            }
            let file = office::read(app, officer, &notice.case, "print file").await?;
            let as_drafted = written::written(app, &file, None, None).await;
            // What tells of a correction follows from its order, which nobody can write again.
            let is_same = |digest: &str| notice.letter.is_empty() || digest == notice.letter;
            let Some(as_drafted) = as_drafted.filter(|written| is_same(&written.digest)) else {
                let why =
                    "what the letter would say has changed since it was written: write it again";
                left_out.push((notice.case.clone(), why.to_owned()));
                progress.goes_on();
                continue;
            };
            let copy = written::copy(app, &file).await?;
            let line = |place: usize| copy.facts.addressee.get(place).cloned().unwrap_or_default();
            let values = [
                notice.case.to_string(),
                notice.language.clone(),
                line(0),
                line(1),
                line(2),
                line(3),
                copy.facts.code.clone().unwrap_or_default(),
                as_drafted.digest,
                copy.facts.answer_by.clone(),
                letter::text(&copy.blocks),
            ];
            if is_json {
                let pairs = COLUMNS.iter().zip(values);
                let object: serde_json::Map<String, serde_json::Value> =
                    pairs.map(|(name, value)| ((*name).to_owned(), value.into())).collect();
                objects.push(object);
            } else {
                rows.push(values.to_vec());
            }
            cases.push(notice.case.clone());
            progress.goes_on();
        }
    }
    let bytes = if is_json {
        serde_json::to_vec_pretty(&objects).map_err(|error| Error::failed(&error))?
    } else {
        sheet::write(&COLUMNS, rows).into_bytes()
    };
    let ending = if is_json { "json" } else { "csv" };
    Ok(Ended::Made(Made {
        what: "print-file",
        name: format!("letters-{}.{ending}", number::date(app.now())),
        media_type: if is_json { "application/json" } else { "text/csv; charset=utf-8" },
        bytes,
        cases,
        left_out,
    }))
}

fn mail_form(csrf: &str) -> Form {
    Form::new("/returned-mail", csrf, "Bring it in").field(
        Field::file("file", "A file of the printer or the post", ".csv,.txt")
            .hint("CSV, 1,000 rows at most"),
    )
}

/// `GET /returned-mail`
pub(super) async fn ask_mail(State(app): State<App>, visit: Visit) -> Response {
    drawn_mail(&app, &visit, mail_form(&visit.csrf))
}

fn drawn_mail(app: &App, visit: &Visit, form: Form) -> Response {
    let columns = Table::new("Columns of the file", &["Column", "What it holds"]).with(
        [
            ("case", "the number of the letter, which is the case’s"),
            ("what", "mailed or returned"),
            ("date", "the day it was mailed, such as 2027-04-02; not asked for what came back"),
            ("reason", "what the post says of what came back"),
        ]
        .map(|(name, what)| vec![Cell::code(name), what.into()]),
    );
    let page = Page::new(
        door::frame(app, visit, "Returned mail", "/returned-mail"),
        "What was mailed, and what came back. The time to answer begins when a letter is mailed, stops when it comes \
         back, and begins anew at another address.",
    )
    .part(Part::Form(form))
    .part(Part::Table(columns))
    .part(Part::text(
        "A single letter that came back can also be recorded on its case’s page for notices.",
    ));
    super::draw(&page)
}

/// What a row says of a letter.
#[derive(Debug)]
struct Mailed {
    case: LeadId,
    what: Tidings,
}

#[derive(Debug)]
enum Tidings {
    Mailed(Date),
    Returned(String),
}

fn mail_rows(bytes: &[u8]) -> Result<Vec<Told<Mailed>>, String> {
    let sheet = sheet::read(bytes, &["case", "what"], &["date", "reason"])?;
    let one = |row: sheet::Row<'_>| {
        if row.is_too_long() {
            return Err("it has more values than there are columns: a text with a separator in it stands in quotes".to_owned());
        }
        let what = match row.get("what") {
            "returned" if row.get("reason").is_empty() => {
                return Err("`reason` says what the post says".to_owned());
            }
            "returned" => Tidings::Returned(row.get("reason").to_owned()),
            "mailed" => {
                let day = row.get("date").parse();
                Tidings::Mailed(day.map_err(|_| "`date` is a day such as 2027-04-02")?)
            }
            _ => return Err("`what` is mailed or returned".to_owned()),
        };
        Ok(Mailed { case: LeadId::typed(row.get("case")), what })
    };
    Ok(sheet
        .rows()
        .map(|row| one(row).map_err(|why| (row.get("case").chars().take(40).collect(), why)))
        .collect())
}

/// `POST /returned-mail`
pub(super) async fn take_mail(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    parts: Multipart,
) -> Result<Response, Error> {
    let upload = upload::read(parts).await?;
    let rows = match mail_rows(&upload.bytes) {
        Ok(rows) => rows,
        Err(why) => {
            let mut form = mail_form(&visit.csrf);
            form.put_wrong("file", why);
            return Ok(super::wrong(drawn_mail(&app, &visit, form)));
        }
    };
    let (there, by) = (app.clone(), officer.clone());
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::Mail, |progress| async move {
            take(&there, &by, rows, &progress).await
        })
        .await?;
    Ok(errand::to(&begun))
}

async fn take(
    app: &App,
    officer: &SignedIn,
    rows: Vec<Told<Mailed>>,
    progress: &Progress,
) -> Result<Ended, Error> {
    progress.begins(rows.len() as u64);
    let mut imported = Imported::default();
    for (row, number) in rows.into_iter().zip(1..) {
        if progress.is_cancelled() {
            imported.left += 1;
            continue;
        }
        match row {
            Err((case, why)) => imported.rejected.push((number, case, why)),
            Ok(row) => {
                let case = row.case.to_string();
                match one(app, officer, row).await? {
                    Ok(()) => imported.taken.push(number),
                    Err(why) => imported.rejected.push((number, case, why)),
                }
            }
        }
        progress.goes_on();
    }
    app.drain_soon();
    Ok(Ended::Taken(imported))
}

async fn one(app: &App, officer: &SignedIn, row: Mailed) -> Result<Result<(), String>, Error> {
    let file = match office::read(app, officer, &row.case, "mail").await {
        Ok(file) => file,
        Err(error @ (Error::NotFound | Error::Refused(_))) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let (case, version) = (&file.stored.case, file.stored.case.version());
    let step = match row.what {
        Tidings::Returned(reason) => Step::NoteReturnedMail(Returned { reason }),
        Tidings::Mailed(day) => {
            let (Standing::Verified(verified), Some(written)) =
                (case.standing(), written::written(app, &file, None, None).await)
            else {
                let why = if matches!(case.standing(), Standing::Correction(_)) {
                    "that it told of a correction is recorded on the case’s page for corrections, by a verifier or a \
                     privacy officer"
                } else {
                    "no letter of this case waits to be mailed"
                };
                return Ok(Err(why.to_owned()));
            };
            let served_at = at(day, case.last_at(), app.now());
            let ends = app.desk().response_ends(served_at, By::Mailed);
            Step::ServeNotice(Service {
                how: How::Mail,
                to: if verified.finding().is_of_death() {
                    Addressee::Household
                } else {
                    Addressee::Individual
                },
                language: written.language.code().to_owned(),
                address: written.facts.addressee.join("\n"),
                letter: written.digest.clone(),
                states: written.composed().states,
                served_at,
                // The letter's stated last day holds, or the law's where that is later.
                response_ends: ends.max(written.ends),
            })
        }
    };
    said(app.desk().act(&officer.at_desk(), &row.case, version, step).await)
}

/// The instant that a day of mailing stands for: its noon, but not before the case's last step nor after now.
fn at(day: Date, last: Timestamp, now: Timestamp) -> Timestamp {
    let noon = day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).map_or(now, |noon| noon.timestamp());
    if day == now.to_zoned(TimeZone::UTC).date() || day == last.to_zoned(TimeZone::UTC).date() {
        noon.max(last).min(now)
    } else {
        noon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_post_are_read_and_the_others_named() {
        let text = "case,what,date,reason\n1,mailed,2027-04-02,\n2,returned,,moved\n3,returned,,\n4,mailed,soon,\n5,lost,,\n6,returned,,moved, no address\n";
        let rows = mail_rows(text.as_bytes()).unwrap();
        let wrong: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
        assert_eq!(rows.len(), 6);
        assert_eq!(
            wrong.iter().map(|(case, why)| (case.as_str(), why.as_str())).collect::<Vec<_>>(),
            [
                ("3", "`reason` says what the post says"),
                ("4", "`date` is a day such as 2027-04-02"),
                ("5", "`what` is mailed or returned"),
                // A reason is not cut where somebody left its quotes out.
                (
                    "6",
                    "it has more values than there are columns: a text with a separator in it stands in quotes"
                ),
            ]
        );
    }

    #[test]
    fn a_day_of_mailing_is_not_before_the_last_step_of_that_day_nor_in_the_future() {
        let last = "2027-04-02T15:00:00Z".parse().unwrap();
        let now = "2027-04-04T09:00:00Z".parse().unwrap();
        for (day, read) in [
            ("2027-04-02", "2027-04-02T15:00:00Z"),
            ("2027-04-03", "2027-04-03T12:00:00Z"),
            ("2027-04-04", "2027-04-04T09:00:00Z"),
            ("2027-04-01", "2027-04-01T12:00:00Z"),
            ("2027-04-05", "2027-04-05T12:00:00Z"),
        ] {
            assert_eq!(at(day.parse().unwrap(), last, now).to_string(), read, "{day}");
        }
    }
}
