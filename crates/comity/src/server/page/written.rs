//! The letter of one case: written from what the case holds, shown to whoever works on it, and printed with a code of its
//! own for the person's door. Step 11 of the path.
//!
//! A code is made when a copy is made to be sent, and voids the one before: it is kept as a digest, counts once, and ends
//! a while after the letter's last day. What is shown on the screen carries none. The letter's digest, which the notice's
//! step names, is taken without it.

use super::act;
use super::frame::{Frame, Link};
use super::letter::{self, Block, Composed, Facts};
use super::office;
use super::part::{Cell, Field, Form, Page, Part, Parts, Tone};
use super::{Typed, number, review};
use crate::desk::File;
use crate::letters::Language;
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn, door, signature};
use agreement::{NoticePart, Service};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use casework::{Correction, Lead, LeadId, Standing, Step, Verified};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Days that a letter's stated last day has over the law's, as room for printing and posting. The project's own number.
const ROOM_DAYS: i64 = 7;

/// Days that a letter's code opens the door after its stated last day: a late answer counts too. The project's own number.
const LATE_DAYS: i64 = 30;

/// A letter as it is written for a case.
pub(crate) struct Written {
    pub(crate) language: Language,
    pub(crate) facts: Facts,
    pub(crate) blocks: Vec<Block>,
    /// SHA-256 of its text, without the code.
    pub(crate) digest: String,
    /// When its stated time to answer ends.
    pub(crate) ends: Timestamp,
    /// What it says of what the law asks.
    states: BTreeSet<NoticePart>,
}

impl Written {
    pub(crate) fn composed(&self) -> Composed {
        Composed { digest: self.digest.clone(), ends: self.ends, states: self.states.clone() }
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// What the source returned of a lead, with its elements in words.
pub(super) fn returned(lead: &Lead) -> Vec<(String, Cell)> {
    let values = lead.returned.iter().flatten();
    values
        .map(|(element, value)| {
            let name = element.rsplit('.').next().unwrap_or(element);
            (review::words(name), Cell::text(value.clone()))
        })
        .collect()
}

/// Writes the letter that a case has at the stage where it stands: the notice, or what tells of a correction.
pub(crate) async fn written(
    app: &App,
    file: &File,
    language: Option<Language>,
    code: Option<String>,
) -> Option<Written> {
    match file.stored.case.standing() {
        Standing::Correction(correction) => told(app, file, correction, language, code).await,
        standing => notice(app, file, standing.verified()?, language, code).await,
    }
}

/// Writes what tells the individual of a correction, dated when it was ordered, in the language that the order names. It
/// says nothing of what the other record held: that may be of somebody else.
async fn told(
    app: &App,
    file: &File,
    correction: &Correction,
    language: Option<Language>,
    code: Option<String>,
) -> Option<Written> {
    let order = correction.order();
    let letters = app.program().letters();
    let language = language.or_else(|| letters.of(&order.language).cloned());
    let language = language.unwrap_or_else(|| letters.first().clone());
    let agreement = app.program().agreement();
    let name = |id| agreement.party(id).map_or_else(|| id.to_string(), |party| party.name.clone());
    let mut facts = Facts {
        corrected: order.words.clone(),
        told: order.recipients.iter().map(name).collect(),
        is_anothers: order.splits,
        is_undone: correction.reversed().is_some(),
        ..common(app, file, &language, correction.at()).await?
    };
    let text = letter::text(&letter::correction(&language, &facts));
    let digest = signature::hex(&Sha256::digest(text.as_bytes()));
    facts.code = code;
    let blocks = letter::correction(&language, &facts);
    // No time to answer runs: only the code ends some day.
    let ends = days_after(app.now(), LATE_DAYS)?;
    Some(Written { language, facts, blocks, digest, ends, states: BTreeSet::new() })
}

/// What every letter of a case has.
async fn common(app: &App, file: &File, language: &Language, dated: Timestamp) -> Option<Facts> {
    let agreement = app.program().agreement();
    let own = office::own(app, file).await.unwrap_or_default();
    let value = |name: &str| own.get(name).cloned().unwrap_or_default();
    let name = format!("{} {}", value("given_name"), value("surname"));
    let addressee = [name.trim().to_owned(), value("address"), value("postcode")];
    let (recipient, _) = app.program().recipient().ok()?;
    let party = agreement.party(recipient)?;
    let listen = &app.config().listen;
    let public = listen.public.clone().unwrap_or_else(|| format!("http://{}", listen.address));
    Some(Facts {
        agency: party.name.clone(),
        agency_address: party.address.clone(),
        addressee: addressee.into_iter().filter(|line| !line.is_empty()).collect(),
        case_id: file.lead.found.case_id.clone(),
        number: file.stored.case.id().to_string(),
        dated: language.date(dated.to_zoned(TimeZone::UTC).date()),
        door: format!("{}/me", public.trim_end_matches('/')),
        demonstration: agreement.demonstration,
        ..Facts::default()
    })
}

/// Writes the notice of a case: dated when it was drafted, or now.
async fn notice(
    app: &App,
    file: &File,
    verified: &Verified,
    language: Option<Language>,
    code: Option<String>,
) -> Option<Written> {
    let (case, lead) = (&file.stored.case, &file.lead);
    let letters = app.program().letters();
    let drafted = case.steps().iter().rev().find_map(|taken| match &taken.step {
        Step::DraftNotice(draft) => Some((letters.of(&draft.language)?.clone(), taken.at)),
        _ => None,
    });
    // A language asked for is a letter to be drafted now; otherwise it is the one that was drafted.
    let (language, dated) = match (language, drafted) {
        (Some(language), _) => (language, app.now()),
        (None, Some((language, at))) => (language, at),
        (None, None) => (letters.first().clone(), app.now()),
    };
    let program = app.program();
    let agreement = program.agreement();
    let gate_ends = app.desk().response_ends(dated, Service::Mailed);
    let ends = days_after(gate_ends, ROOM_DAYS)?;
    let last_day = ends.to_zoned(TimeZone::UTC).date().yesterday().ok()?;
    let (source, _) = program.source().ok()?;
    let purpose = agreement.purposes.first()?;
    let found = returned(lead).into_iter().map(|(name, cell)| (name, cell.text)).collect();
    let sources = match &verified.finding().ground {
        casework::Ground::Independent { sources, .. } => sources.iter().map(act::source).collect(),
        casework::Ground::Death { certified, second } => {
            [certified, second].into_iter().map(act::source).collect()
        }
        casework::Ground::BoardFinding { .. } => Vec::new(),
    };
    let mut facts = Facts {
        source: agreement.party(source)?.name.clone(),
        authority: purpose.authority.first().map(|one| one.citation.clone()).unwrap_or_default(),
        purpose: purpose.statement.clone(),
        found,
        confirmed: verified.finding().words.clone(),
        sources,
        intends: language.notice.intends.clone(),
        answer_by: language.date(last_day),
        days: agreement.notice.response_period_days,
        ..common(app, file, &language, dated).await?
    };
    let plain = letter::letter(&language, &facts);
    let text = letter::text(&plain);
    let digest = signature::hex(&Sha256::digest(text.as_bytes()));
    let states = letter::states(&facts, &text);
    facts.code = code;
    let blocks = letter::letter(&language, &facts);
    Some(Written { language, facts, blocks, digest, ends, states })
}

/// Writes a copy of a case's letter to be sent, with a code of its own.
///
/// # Errors
/// There is nothing to write yet, or the code cannot be kept.
pub(crate) async fn copy(app: &App, file: &File) -> Result<Written, Error> {
    let nothing = || Error::NotAllowed { why: "no letter was written for this case".to_owned() };
    let ends = written(app, file, None, None).await.ok_or_else(nothing)?.ends;
    let ends = days_after(ends, LATE_DAYS).unwrap_or(ends);
    let code = app.door().notice_code(file.stored.case.id().as_str(), ends, app.now()).await?;
    written(app, file, None, Some(code)).await.ok_or_else(nothing)
}

fn days_after(at: Timestamp, days: i64) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_hours(24 * days)).ok()
}

/// Returns the letter that a case would get now, in the first language.
pub(crate) async fn letter_of(
    app: &App,
    officer: &SignedIn,
    id: &LeadId,
) -> Result<Option<Composed>, Error> {
    let file = office::read(app, officer, id, "letter").await?;
    let written = written(app, &file, Some(app.program().letters().first().clone()), None).await;
    Ok(written.as_ref().map(Written::composed))
}

/// The letter as a page.
#[derive(Template)]
#[template(path = "console/letter.html")]
struct LetterPage {
    frame: Frame,
    intro: String,
    language: Language,
    blocks: Vec<Block>,
    above: Vec<Part>,
    below: Vec<Part>,
}

fn page(app: &App, visit: &Visit, id: &LeadId, written: Written, above: Vec<Part>) -> LetterPage {
    let mut frame = door::frame(app, visit, format!("Letter: {id}"), "/cases")
        .below([Link::new(format!("/cases/{id}"), format!("Case {id}"))]);
    frame.alone = true;
    let intro = if written.facts.code.is_some() {
        "This copy is to be sent: its code opens the person’s door once. Print it from your browser; only the letter is printed."
    } else {
        "As it is kept. A copy to be sent carries a code for the person’s own door, which is made with it."
    };
    LetterPage {
        frame,
        intro: intro.to_owned(),
        language: written.language,
        blocks: written.blocks,
        above,
        below: vec![Part::Details {
            title: "For machines".into(),
            parts: vec![Part::Summary(vec![(
                "SHA-256 of the letter’s text, without a code".into(),
                Cell::code(written.digest),
            )])],
        }],
    }
}

/// `GET /cases/{id}/letter`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let file = office::read(&app, &officer, &id, "letter").await?;
    let written = written(&app, &file, None, None).await.ok_or(Error::NotFound)?;
    let mut above = vec![Part::Buttons(vec![
        Link::new(format!("/cases/{id}/letter.pdf"), "As PDF, without a code"),
        Link::new(format!("/cases/{id}/notice"), "Back to the notice"),
    ])];
    if officer.is(casework::store::accounts::Role::NoticeOfficer) {
        above.push(Part::Form(make(&id, &visit.csrf)));
    }
    Ok(super::draw(&page(&app, &visit, &id, written, above)))
}

/// The form that makes a copy to be sent.
fn make(id: &LeadId, csrf: &str) -> Form {
    Form::new(format!("/cases/{id}/letter"), csrf, "Make a copy to send").field(
        Field::one(
            "as",
            "A copy with a code for the person’s own door",
            vec![
                super::part::Choice::new("page", "To print from this browser"),
                super::part::Choice::new("pdf", "As PDF"),
            ],
        )
        .hint(
            "Each copy has a code of its own; the code of an earlier copy opens nothing any more.",
        )
        .value("page"),
    )
}

/// `POST /cases/{id}/letter`
pub(super) async fn send(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
    typed: Typed,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let file = office::read(&app, &officer, &id, "letter with a code").await?;
    let written = copy(&app, &file).await?;
    if typed.one("as") == "pdf" {
        return Ok(pdf(&app, &visit, &id, &written));
    }
    let until = days_after(written.ends, LATE_DAYS).unwrap_or(written.ends);
    let above = vec![
        Part::banner(
            Tone::Note,
            "The code is shown this once",
            format!("It opens the person’s door once, until {}.", number::day(until)),
        ),
        Part::Buttons(vec![Link::new(format!("/cases/{id}/notice"), "Back to the notice")]),
    ];
    Ok(super::draw(&page(&app, &visit, &id, written, above)))
}

/// `GET /cases/{id}/letter.pdf`
pub(super) async fn show_pdf(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let file = office::read(&app, &officer, &id, "letter").await?;
    let written = written(&app, &file, None, None).await.ok_or(Error::NotFound)?;
    Ok(pdf(&app, &visit, &id, &written))
}

fn pdf(app: &App, visit: &Visit, id: &LeadId, written: &Written) -> Response {
    match letter::pdf(&written.language, &written.blocks) {
        Ok(bytes) => {
            let file = format!("attachment; filename=\"letter-{id}.pdf\"");
            ([(CONTENT_TYPE, "application/pdf".to_owned()), (CONTENT_DISPOSITION, file)], bytes)
                .into_response()
        }
        Err(why) => {
            let frame = door::frame(app, visit, "No PDF of this letter", "/cases")
                .below([Link::new(format!("/cases/{id}"), format!("Case {id}"))]);
            let page = Page::new(frame, "")
                .part(Part::banner(Tone::Warn, "Why", format!("{why}.")))
                .part(Part::Buttons(vec![Link::new(
                    format!("/cases/{id}/letter"),
                    "Print it from the page",
                )]));
            super::draw(&page)
        }
    }
}
