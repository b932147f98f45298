//! The ledger as an auditor reads it: every entry in plain words, its facts, and the proof that it is there. The
//! auditor's access is part of every agreement, and no party can take it away (floor F11).
//!
//! No personal value is in an entry: what was said of a person is a commitment, opened from the case store.

use super::frame::{Frame, Link};
use super::number;
use super::part::{Cell, Field, Form, Page, Part, Table, Tone};
use crate::server::ask::ask;
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn};
use agreement::Act;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::Timestamp;
use ledger::{Checkpoint, Entry, Policy};
use serde::Deserialize;

/// One entry of a list.
pub(crate) struct Listed {
    pub(crate) index: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) about: String,
}

impl Listed {
    /// Takes what a list shows of an entry.
    pub(crate) fn of(index: u64, entry: &Entry) -> Listed {
        let facts = entry.facts();
        let fact = |name: &str| facts.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let about = ["act", "run", "stay", "case", "purpose"].iter().find_map(|name| fact(name));
        Listed {
            index,
            at: entry.at(),
            kind: entry.kind().as_str().to_owned(),
            about: about.unwrap_or_default(),
        }
    }
}

/// Shows the newest entries, or those before one.
pub(crate) fn list(
    frame: Frame,
    checkpoint: &Checkpoint,
    entries: &[Listed],
    next: Option<u64>,
) -> Page {
    let size = checkpoint.size;
    let mut go = Form::new("/ledger", "", "Go to entry").field(
        Field::short("entry", "Number of the entry")
            .hint(format!("0 to {}", size.saturating_sub(1))),
    );
    go.asks = true;
    let mut table = Table::new(
        "Entries, the newest first",
        &["#Entry", "When", "What happened", "About"],
    )
    .empty(
        "Nothing has happened yet. The first decision, permit or refusal, becomes the first entry.",
    );
    for entry in entries {
        table.row(vec![
            Cell {
                is_number: true,
                ..Cell::link(format!("/ledger/{}", entry.index), entry.index.to_string())
            },
            number::instant(entry.at).into(),
            Cell::tag(tone(&entry.kind), said(&entry.kind)),
            entry.about.clone().into(),
        ]);
    }
    Page::new(
        frame,
        "Everything that was permitted, refused and done, in order. Nothing can be changed or taken out unseen.",
    )
    .part(Part::Summary(vec![
        ("Entries".into(), number::count(size).into()),
        ("Log".into(), Cell::code(checkpoint.origin.to_string())),
        ("Root of the signed checkpoint".into(), Cell::code(checkpoint.root.to_string())),
    ]))
    .part(Part::Form(go))
    .part(Part::Table(table))
    .part(Part::Pages {
        previous: None,
        next: next.map(|before| format!("/ledger?before={before}")),
    })
    .part(Part::Details {
        title: "Verify the whole ledger yourself".into(),
        parts: vec![
            Part::text("With a copy of the ledger's folder and its public key, on any machine, with no network:"),
            Part::Code("comity audit LEDGER --key ledger.vkey".into()),
        ],
    })
}

/// Shows one entry with its proof.
pub(crate) fn entry(frame: Frame, index: u64, entry: &Entry, receipt: &str, size: u64) -> Page {
    let facts = entry.facts().iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (
            super::review::words(name),
            if text.len() > 60 { Cell::code(text) } else { Cell::text(text) },
        )
    });
    let commitments: usize = entry.commitments().values().map(Vec::len).sum();
    let mut rows = vec![
        (
            "What happened".to_owned(),
            Cell::tag(tone(entry.kind().as_str()), said(entry.kind().as_str())),
        ),
        ("When".to_owned(), number::instant(entry.at()).into()),
        ("Kind".to_owned(), Cell::code(entry.kind().as_str())),
    ];
    rows.extend(facts);
    rows.push((
        "Commitments".to_owned(),
        format!("{commitments} values are committed to, and opened from the case store alone")
            .into(),
    ));
    let mut page = Page::new(
        frame,
        format!(
            "It is in the ledger of {} entries whose checkpoint is signed.",
            number::count(size)
        ),
    )
    .part(Part::Summary(rows))
    .part(Part::Buttons(vec![
        Link::new(format!("/ledger/{index}/receipt"), "Get its receipt"),
        Link::new("/ledger", "All entries"),
    ]))
    .part(Part::text("The receipt proves this entry by itself, with no network and no database:"))
    .part(Part::Code("comity receipt verify FILE --key ledger.vkey".into()))
    .part(Part::Details {
        title: "The proof itself".into(),
        parts: vec![Part::Code(receipt.to_owned())],
    });
    page.parts.push(Part::Pages {
        previous: None,
        next: (index > 0).then(|| format!("/ledger/{}", index - 1)),
    });
    page
}

/// Says a kind of event in plain words.
pub(crate) fn said(kind: &str) -> String {
    match kind {
        "agreement.filed" => "The agreement was filed",
        "decision.permitted" => "The gate permitted",
        "decision.refused" => "The gate refused",
        "permit.dropped" => "A permit was dropped unused",
        "run.started" => "A run began",
        "run.finished" => "A run ended",
        "run.abandoned" => "A run was given up",
        "model.trained" => "A model was trained",
        "model.calibrated" => "A model was calibrated by what people judged",
        "leads.planned" => "Leads were found; every other pair was destroyed",
        "leads.read" => "Leads were read",
        "records.asked" => "An officer asked about persons by name",
        "lead.reviewed" => "A person judged a lead",
        "pilot.passed" => "The pilot was passed",
        "disclosure" => "Something was disclosed",
        "disclosure.withdrawn" => "A disclosure was withdrawn",
        "release.resumed" => "A release went on",
        "stay.recorded" => "A stay was recorded",
        "stay.lifted" => "A stay was lifted",
        "case.stepped" => "A step was taken on a case",
        "case.read" => "A case was read",
        "notice.served" => "A notice was served",
        "correction.sent" => "A correction was sent",
        "cluster.split" => "Records that had been joined were split: they are of different people",
        "dispute.sent" => "A dispute was sent to the source",
        "dispute.received" => "Another party disputes a record",
        "dispute.answered" => "A dispute was answered",
        "dispute.settled" => "The source answered a dispute",
        "correction.acknowledged" => "A correction was acknowledged",
        "individual.saw" => "The individual looked at the own record",
        "vote.cast" => "A board member voted",
        "data.destroyed" => "Data was destroyed",
        other => return super::review::words(&other.replace('.', " ")),
    }
    .to_owned()
}

fn tone(kind: &str) -> Tone {
    match kind {
        "decision.refused" | "stay.recorded" | "disclosure.withdrawn" | "permit.dropped" => {
            Tone::Bad
        }
        "decision.permitted" | "stay.lifted" | "pilot.passed" | "correction.acknowledged" => {
            Tone::Good
        }
        "disclosure" | "notice.served" => Tone::Note,
        _ => Tone::Plain,
    }
}

/// How many entries a page shows.
const PAGE: u64 = 50;

/// Which entries are asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    before: Option<String>,
    entry: Option<String>,
}

async fn may(app: &App, officer: &SignedIn) -> Result<(), Error> {
    ask(app, officer, Act::AUDIT_READ, |_| {}).await
}

/// `GET /ledger`
pub(super) async fn browse(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    if let Some(entry) = asked.entry.as_deref().and_then(|text| text.trim().parse::<u64>().ok()) {
        return Ok(crate::server::visit::see_other(&format!("/ledger/{entry}")));
    }
    may(&app, &officer).await?;
    let reader = crate::server::api::reader(&app)?;
    let size = reader.checkpoint().size;
    let before = asked.before.and_then(|text| text.parse().ok()).unwrap_or(size).min(size);
    let from = before.saturating_sub(PAGE);
    let found = reader.entries(from..before).map_err(crate::Error::from)?;
    let mut entries: Vec<_> =
        (from..before).zip(&found).map(|(index, entry)| Listed::of(index, entry)).collect();
    entries.reverse();
    let frame = crate::server::door::frame(&app, &visit, "Ledger", "/ledger");
    let next = (from > 0).then_some(from);
    Ok(super::draw(&list(frame, reader.checkpoint(), &entries, next)))
}

/// `GET /ledger/{index}`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(index): Path<String>,
) -> Result<Response, Error> {
    let (index, text, found, size) = proved(&app, &officer, &index).await?;
    let frame = crate::server::door::frame(&app, &visit, format!("Entry {index}"), "/ledger")
        .below([Link::new("/ledger", "Ledger")]);
    Ok(super::draw(&entry(frame, index, &found, &text, size)))
}

/// `GET /ledger/{index}/receipt`
pub(super) async fn receipt(
    State(app): State<App>,
    officer: SignedIn,
    Path(index): Path<String>,
) -> Result<Response, Error> {
    let (index, text, _, _) = proved(&app, &officer, &index).await?;
    let file = format!("attachment; filename=\"entry-{index}.tlog-proof\"");
    Ok((
        [(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, file)],
        text,
    )
        .into_response())
}

async fn proved(
    app: &App,
    officer: &SignedIn,
    index: &str,
) -> Result<(u64, String, Entry, u64), Error> {
    let index: u64 = index.parse().map_err(|_| Error::NotFound)?;
    may(app, officer).await?;
    let reader = crate::server::api::reader(app)?;
    let size = reader.checkpoint().size;
    if index >= size {
        return Err(Error::NotFound);
    }
    let note = reader.note().clone();
    let receipt = reader.receipt(index, &note, Vec::new()).map_err(crate::Error::from)?;
    let policy = Policy::of_log(crate::server::api::verifier(app)?);
    let told = receipt.read(&policy).map_err(crate::Error::from)?;
    Ok((index, receipt.to_string(), told.entry, size))
}
