//! Work lists for those who live in another system, as files: which cases wait, by county, worker and stage. And the
//! results that come back from there. Steps 9 to 12 of the path, for officers who never see the console.
//!
//! A list holds numbers, stages and days, and no element of a person. Both are errands: they may be long.

use super::part::{Choice, Field, Form, Page, Part, Wrong};
use super::upload;
use super::{Typed, errand};
use crate::server::errand::{Ended, Made, Progress, What};
use crate::server::import::{self, Bringing, table};
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn, door, sheet, signature};
use agreement::Act;
use axum::extract::{Multipart, State};
use axum::response::Response;
use casework::{After, CaseLine, CaseStage, CaseStore as _, Queue};
use sha2::{Digest as _, Sha256};

/// How many cases are read at a time.
const CHUNK: u32 = 500;

/// The columns of a list.
const COLUMNS: [&str; 9] =
    ["program", "case", "version", "stage", "due", "officer", "county", "worker", "opened"];

fn form(csrf: &str) -> Form {
    let mut stages = vec![Choice::new("", "All that are open")];
    stages.extend(CaseStage::ALL.iter().map(|stage| Choice::new(stage.as_str(), stage.as_str())));
    Form::new("/work-lists", csrf, "Make the list")
        .field(Field::select("stage", "Stage", stages))
        .field(Field::short("county", "County").hint("As it stands in the cases").optional())
        .field(Field::short("worker", "Worker").hint("As your own system names them").optional())
        .field(
            Field::one(
                "format",
                "Format",
                vec![
                    Choice::new("csv", "CSV, for a spreadsheet or another system"),
                    Choice::new("json", "JSON"),
                ],
            )
            .value("csv"),
        )
}

/// `GET /work-lists`
pub(super) async fn ask(State(app): State<App>, visit: Visit) -> Response {
    drawn(&app, &visit, form(&visit.csrf))
}

fn drawn(app: &App, visit: &Visit, form: Form) -> Response {
    let page = Page::new(
        door::frame(app, visit, "Work lists", "/work-lists"),
        "Which cases wait, for officers who work in another system. A list names no person: who works on a case reads \
         it by its number.",
    )
    .part(Part::Form(form))
    .part(Part::text("When officers have worked, their system’s answer comes in as results."))
    .part(Part::Buttons(vec![
        super::frame::Link::new("/results", "Bring results in"),
        super::frame::Link::new("/errands", "What was made before"),
    ]));
    super::draw(&page)
}

/// `POST /work-lists`
pub(super) async fn make(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    let some = |name: &str| Some(typed.one(name).to_owned()).filter(|text| !text.is_empty());
    let stage = some("stage").map(|text| CaseStage::read(&text).ok_or(()));
    let is_json = typed.one("format") == "json";
    let stage = match stage.transpose() {
        Ok(stage) if is_json || typed.one("format") == "csv" => stage,
        read => {
            let wrong = match read {
                Err(()) => Wrong::new("stage", "Choose a stage"),
                Ok(_) => Wrong::new("format", "Choose a format"),
            };
            let response = drawn(&app, &visit, form(&visit.csrf).again(&typed, &[wrong]));
            return Ok(super::wrong(response));
        }
    };
    // Refused at once where it would be refused later.
    crate::server::ask::ask(&app, &officer, Act::EXPORT_WORK, |_| {}).await?;
    let queue = Queue { county: some("county"), worker: some("worker"), stage, ..Queue::default() };
    let there = app.clone();
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::WorkList, |progress| async move {
            list(&there, queue, is_json, &progress).await
        })
        .await?;
    Ok(errand::to(&begun))
}

async fn list(
    app: &App,
    mut queue: Queue,
    is_json: bool,
    progress: &Progress,
) -> Result<Ended, Error> {
    let counts = app.store().counts().await?.standing;
    let of = match queue.stage {
        Some(stage) => counts.get(&stage).copied().unwrap_or_default(),
        None => {
            counts.iter().filter(|(stage, _)| **stage != CaseStage::Closed).map(|(_, n)| n).sum()
        }
    };
    progress.begins(of);
    let mut lines: Vec<CaseLine> = Vec::new();
    loop {
        if progress.is_cancelled() {
            return Ok(Ended::Cancelled);
        }
        let page = app.store().queue(&queue, CHUNK).await?;
        page.lines.iter().for_each(|_| progress.goes_on());
        lines.extend(page.lines);
        let Some(After { second, id }) = page.next else { break };
        queue.after = Some(After { second, id });
    }
    let program = app.program_name();
    let values = |line: &CaseLine| {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        [
            program.to_owned(),
            line.id.to_string(),
            line.version.to_string(),
            line.stage.to_string(),
            line.due.map(|at| at.to_string()).unwrap_or_default(),
            line.assigned.as_ref().map(ToString::to_string).unwrap_or_default(),
            text(line.county.as_deref()),
            text(line.worker.as_deref()),
            line.opened_at.to_string(),
        ]
    };
    let bytes = if is_json {
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = lines
            .iter()
            .map(|line| {
                let pairs = COLUMNS.iter().zip(values(line));
                pairs.map(|(name, value)| ((*name).to_owned(), value.into())).collect()
            })
            .collect();
        serde_json::to_vec_pretty(&rows).map_err(|error| Error::failed(&error))?
    } else {
        sheet::write(&COLUMNS, lines.iter().map(|line| values(line).to_vec())).into_bytes()
    };
    let ending = if is_json { "json" } else { "csv" };
    let day = super::number::date(app.now());
    Ok(Ended::Made(Made {
        what: "work-list",
        name: format!("work-list-{day}.{ending}"),
        media_type: if is_json { "application/json" } else { "text/csv; charset=utf-8" },
        bytes,
        cases: lines.into_iter().map(|line| line.id).collect(),
        left_out: Vec::new(),
    }))
}

fn results_form(csrf: &str) -> Form {
    Form::new("/results", csrf, "Bring them in").field(
        Field::file("file", "A file of results", ".csv,.txt")
            .hint("CSV, 1,000 rows at most. Each row is an act of the officer it names, and the gate decides on each"),
    )
}

fn drawn_results(app: &App, visit: &Visit, form: Form) -> Response {
    let columns = super::part::Table::new(
        "Columns of a file of results",
        &["Column", "What it holds"],
    )
    .with(
        [
            ("case", "the case’s number"),
            ("version", "the case’s version, as the work list had it: an older one is rejected"),
            ("officer", "the id of the officer’s account here"),
            ("outcome", "begun, found, confirmed or refuted"),
            ("words", "what was found, in words that the person can read"),
            ("amount", "a sum, such as 1234.50"),
            ("access", "yes or no: whether the person really had it"),
            ("from, to", "the first and last day, such as 2027-04-02"),
            ("months", "or months, such as 2027-04 2027-05"),
            (
                "source, reference, seen",
                "payer, registrar, individual, document or other; where it is found again; the day",
            ),
            ("hours", "how long it took, for the count on the next page alone"),
        ]
        .map(|(name, what)| vec![super::part::Cell::code(name), what.into()]),
    );
    let page = Page::new(
        door::frame(app, visit, "Results", "/results"),
        "What officers found in their own system. Rows that cannot be taken are named with the reason; the others count.",
    )
    .part(Part::Form(form))
    .part(Part::Table(columns));
    super::draw(&page)
}

/// `GET /results`
pub(super) async fn ask_results(State(app): State<App>, visit: Visit) -> Response {
    drawn_results(&app, &visit, results_form(&visit.csrf))
}

/// `POST /results`
pub(super) async fn take_results(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    parts: Multipart,
) -> Result<Response, Error> {
    let upload = upload::read(parts).await?;
    let rows = match table::read(&upload.bytes) {
        Ok(rows) => rows,
        Err(why) => {
            let mut form = results_form(&visit.csrf);
            form.put_wrong("file", why);
            return Ok(super::wrong(drawn_results(&app, &visit, form)));
        }
    };
    let file = signature::hex(&Sha256::digest(&upload.bytes));
    let (there, by) = (app.clone(), officer.clone());
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::Results, |progress| async move {
            Ok(Ended::Taken(
                import::import(&there, &by, Bringing::Own, rows, file, &progress).await?,
            ))
        })
        .await?;
    Ok(errand::to(&begun))
}
