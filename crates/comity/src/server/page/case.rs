//! One case: where it stands, what comes next and whose it is, the evidence so far, every step taken, who it was
//! disclosed to and who has read it. And the pages on which its steps are taken. Steps 9 to 13 of the path.

use super::act::{self, Around, Desk};
use super::frame::{Frame, Link};
use super::letter::{self, Block, Composed, Facts, Language};
use super::office::{self, Acted, Own};
use super::part::{Cell, Done, Page, Part, Parts, Table, Task, Tone};
use super::review::{self, Compared, ReviewPage};
use super::{Typed, agreement, number, refused, work};
use crate::report::Waterfall;
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, door};
use ::agreement::{NoticePart, Service};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use casework::{
    After, Case, CaseStage, CaseStore as _, Disclosed, Lead, LeadId, Opinion, Queue, Seen,
    Standing, Step, StepKind, Store as _, StoredCase,
};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Days that a letter's stated last day has over the law's, as room for printing and posting. The project's own number.
const ROOM_DAYS: i64 = 7;

/// `GET /cases/{id}`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let (stored, lead) = office::read(&app, &officer, &id, "case").await?;
    let store = office::store(&app).await?;
    let disclosed = store.disclosed_on(&id).await.map_err(crate::Error::from)?;
    let seen = store.reads_of(&id, 20).await.map_err(crate::Error::from)?;
    let frame = door::frame(&app, &visit, format!("Case {id}"), "/cases")
        .below([Link::new("/cases", "Cases")]);
    Ok(super::draw(&page(frame, &stored, &lead, &disclosed, &seen, app.now())))
}

fn page(
    frame: Frame,
    stored: &StoredCase,
    lead: &Lead,
    disclosed: &[Disclosed],
    seen: &[Seen],
    now: Timestamp,
) -> Page {
    let case = &stored.case;
    let due = case.due().map_or_else(|| "nothing is due".to_owned(), number::instant);
    let mut parts = vec![
        Part::Summary(vec![
            ("Stands at".into(), work::stage(case.stage())),
            (
                "Next step due".into(),
                if case.due().is_some_and(|due| due <= now) { Cell::late(due) } else { due.into() },
            ),
            ("Your agency’s case".into(), lead.found.case_id.clone().into()),
            ("Opened".into(), number::instant(case.opened_at()).into()),
            (
                "Weight of the lead".into(),
                format!("{:.2}: a reason to look, and nothing more", stored.weight).into(),
            ),
        ]),
        Part::heading("What can be done now"),
        Part::Tasks(tasks(case, now)),
        Part::heading("What the source’s record says"),
        Part::Summary(returned(lead)),
    ];
    if let Some(verified) = case.standing().verified() {
        parts.push(Part::heading("What two people confirmed"));
        parts.push(Part::Summary(act::said(verified.finding())));
    }
    parts.push(Part::heading("Every step taken"));
    parts.push(Part::Steps(steps(case)));
    let register = Table::new(
        "Register of disclosures on this lead",
        &["When", "To whom", "What for", "Elements", "Ledger"],
    )
    .empty("Nothing was disclosed.")
    .with(disclosed.iter().map(|one| {
        vec![
            number::instant(one.at).into(),
            one.recipient.clone().into(),
            one.purpose.clone().into(),
            one.elements.join(", ").into(),
            one.ledger_index
                .map_or_else(|| "waiting".to_owned(), |index| format!("entry {index}"))
                .into(),
        ]
    }));
    let reads = Table::new("Who has read it", &["When", "Who", "What"]).empty("Nobody.").with(
        seen.iter().map(|one| {
            vec![number::instant(one.at).into(), one.by.clone().into(), one.what.clone().into()]
        }),
    );
    parts.push(Part::heading("Who knows of it"));
    parts.push(Part::Table(register));
    parts.push(Part::Details { title: "Who has read it".into(), parts: vec![Part::Table(reads)] });
    Page::new(frame, "").parts(parts)
}

fn returned(lead: &Lead) -> Vec<(String, Cell)> {
    let values = lead.returned.iter().flatten();
    values
        .map(|(element, value)| {
            let name = element.rsplit('.').next().unwrap_or(element);
            (review::words(name), Cell::text(value.clone()))
        })
        .collect()
}

/// What can be done, in the order of a case's life; what cannot is said with why.
fn tasks(case: &Case, now: Timestamp) -> Vec<Task> {
    let id = case.id();
    let stage = case.stage();
    let task = |name: &str, page: &str, hint: String, tone, state: &str| Task {
        name: name.to_owned(),
        href: Some(format!("/cases/{id}/{page}")),
        hint,
        tone,
        state: state.to_owned(),
    };
    let none = String::new;
    let mut tasks = Vec::new();
    match case.standing() {
        Standing::Lead(_) => {
            tasks.push(task("Review the lead", "review", none(), Tone::Warn, "to do"));
        }
        Standing::Reviewed(_) => {
            tasks.push(task("Begin verification", "verification", none(), Tone::Warn, "to do"));
        }
        Standing::Verifying(verifying) => tasks.push(match verifying.proposed() {
            None => task("Propose a finding", "verification", none(), Tone::Warn, "to do"),
            Some(proposed) => task(
                "Confirm the finding",
                "verification",
                format!("Proposed by {}; another person confirms.", proposed.by()),
                Tone::Warn,
                "second person",
            ),
        }),
        Standing::Verified(_) => {
            tasks.push(task("Give notice", "notice", none(), Tone::Warn, "to do"));
        }
        Standing::Noticed(noticed) => {
            let answer = noticed.conclude(now).map(|_| ()).map_err(|why| format!("{why}."));
            tasks.push(task("Notice and returned mail", "notice", none(), Tone::Good, "served"));
            tasks.push(task("Record an answer", "contest", none(), Tone::Plain, "if one comes"));
            tasks.push(match answer {
                Ok(()) => {
                    task("Take action, or close", "action", none(), Tone::Warn, "may be done")
                }
                Err(why) => task("Take action", "action", why, Tone::Plain, "not now"),
            });
        }
        Standing::Contested(contested) => {
            tasks.push(task("Read the answer", "contest", none(), Tone::Warn, "to do"));
            if contested.contest().wants_hearing {
                tasks.push(task("Open a hearing", "hearing", none(), Tone::Warn, "asked for"));
            } else {
                tasks.push(task("Decide", "decision", none(), Tone::Warn, "to do"));
            }
        }
        Standing::Hearing(_) => tasks.push(task("Decide", "decision", none(), Tone::Warn, "to do")),
        Standing::Decided(_) => {
            tasks.push(task("Act on the decision", "action", none(), Tone::Warn, "to do"));
        }
        Standing::Action(_) | Standing::Correction(_) => {
            tasks.push(task(
                "Undo, correct, tell everybody",
                "correction",
                none(),
                Tone::Warn,
                "possible",
            ));
        }
        Standing::Refuted(_) | Standing::Closed(_) => {}
    }
    let corrects = !matches!(
        stage,
        CaseStage::Closed | CaseStage::Lead | CaseStage::Action | CaseStage::Correction
    );
    if corrects {
        tasks.push(task("Correct a record", "correction", none(), Tone::Plain, "if one is wrong"));
    }
    let (name, how) = if stage == CaseStage::Closed {
        ("See why it was closed, or reverse the judgement", "closed")
    } else {
        ("Close the case", "with a reason")
    };
    tasks.push(task(name, "close", none(), Tone::Plain, how));
    tasks
}

fn steps(case: &Case) -> Vec<Done> {
    case.steps()
        .iter()
        .map(|taken| Done {
            when: number::instant(taken.at),
            what: said(taken.step.kind()).to_owned(),
            who: match &taken.by {
                casework::Actor::Officer(officer) => officer.to_string(),
                casework::Actor::Individual => "the person".to_owned(),
                casework::Actor::Machine => "the program".to_owned(),
            },
            lines: lines(&taken.step),
        })
        .collect()
}

fn lines(step: &Step) -> Vec<String> {
    match step {
        Step::Review(opinion) | Step::Adjudicate(opinion) => {
            vec![format!("{}: {}", review::words(opinion.judgement.as_str()), opinion.reason)]
        }
        Step::Find(finding) => vec![finding.words.clone()],
        Step::Decide(ruling) => {
            vec![format!("{}: {}", review::words(ruling.heard.as_str()), ruling.reason)]
        }
        Step::SendBack(words)
        | Step::Refute(words)
        | Step::WithdrawContest(words)
        | Step::EndEmergencyMeasure(words)
        | Step::ReverseJudgement(words) => vec![words.clone()],
        Step::FileContest(contest) => vec![contest.statement.clone()],
        Step::Reverse(order) | Step::Correct(order) => vec![order.words.clone()],
        Step::Close(closing) => {
            let mut lines = vec![act::because(closing.because).to_owned()];
            lines.extend((!closing.words.is_empty()).then(|| closing.words.clone()));
            lines
        }
        Step::TakeAction(order) => vec![format!(
            "{} from {}",
            review::words(order.kind.as_str()),
            agreement::shown(order.from)
        )],
        Step::Assign(_)
        | Step::Verify
        | Step::Confirm
        | Step::DraftNotice(_)
        | Step::ServeNotice(_)
        | Step::NoteReturnedMail(_)
        | Step::OpenHearing(_)
        | Step::TakeEmergencyMeasure(_)
        | Step::Acknowledge(_)
        | Step::TellIndividual(_)
        | Step::OpenDispute(_)
        | Step::AnswerDispute(_) => Vec::new(),
    }
}

/// Says a step in the words of who takes it.
pub(super) fn said(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Review => "Judged",
        StepKind::Adjudicate => "Settled by a third person",
        StepKind::Assign => "Given to somebody",
        StepKind::Verify => "Verification begun",
        StepKind::Find => "Finding proposed",
        StepKind::Confirm => "Finding confirmed by a second person",
        StepKind::SendBack => "Sent back",
        StepKind::Refute => "Found not to be so",
        StepKind::DraftNotice => "Letter written",
        StepKind::ServeNotice => "Notice served",
        StepKind::NoteReturnedMail => "The mail came back",
        StepKind::FileContest => "The person answered",
        StepKind::WithdrawContest => "The answer was taken back",
        StepKind::OpenHearing => "Hearing opened",
        StepKind::Decide => "Contest decided",
        StepKind::TakeEmergencyMeasure => "Emergency measure taken",
        StepKind::EndEmergencyMeasure => "Emergency measure ended",
        StepKind::TakeAction => "Action taken",
        StepKind::Reverse => "Action undone",
        StepKind::Correct => "Correction ordered",
        StepKind::Acknowledge => "A recipient acknowledged",
        StepKind::TellIndividual => "The person was told",
        StepKind::OpenDispute => "The source’s record disputed",
        StepKind::AnswerDispute => "The source answered the dispute",
        StepKind::ReverseJudgement => "The judgement was reversed",
        StepKind::Close => "Closed",
    }
}

/// What the review page is drawn from.
struct Looked {
    stored: StoredCase,
    lead: Lead,
    own: Option<std::sync::Arc<Own>>,
}

/// `GET /cases/{id}/review`
pub(super) async fn ask_review(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let (stored, lead) = office::read(&app, &officer, &id, "lead").await?;
    let own = office::own(&app, &lead).await;
    let form = review::form(id.as_str(), stored.case.version(), &visit.csrf);
    drawn_review(&app, &visit, &Looked { stored, lead, own }, form).await
}

/// `POST /cases/{id}/review`
pub(super) async fn review(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
    typed: Typed,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let said = match review::said(&typed) {
        Ok(said) => said,
        Err(wrong) => {
            let (stored, lead) = office::read(&app, &officer, &id, "lead").await?;
            let own = office::own(&app, &lead).await;
            let form =
                review::form(id.as_str(), stored.case.version(), &visit.csrf).again(&typed, &wrong);
            return drawn_review(&app, &visit, &Looked { stored, lead, own }, form).await;
        }
    };
    let store = office::store(&app).await?;
    // Where it stood in the queue, before it leaves it.
    let before = store.case(&id).await.map_err(|_| Error::NotFound)?.case;
    let opinion = Opinion { judgement: said.judgement, reason: said.reason, expires: None };
    let differs = matches!(before.standing(), Standing::Lead(waiting) if waiting.is_disputed());
    let step = if differs { Step::Adjudicate(opinion) } else { Step::Review(opinion) };
    let version = typed.one("version").parse().unwrap_or(u64::MAX);
    match office::act(&app, &officer, &id, version, &step).await? {
        Acted::Done(_) => {
            let next = next_lead(&store, &before).await?;
            let to = next.map_or_else(|| "/".to_owned(), |next| format!("/cases/{next}/review"));
            Ok(done(
                &to,
                &format!(
                    "{id} is recorded: {}.",
                    review::words(said.judgement.as_str()).to_lowercase()
                ),
            ))
        }
        other => Ok(not_done(&app, &visit, id.as_str(), other, &typed)),
    }
}

fn not_done(app: &App, visit: &Visit, id: &str, acted: Acted, typed: &Typed) -> Response {
    let frame = door::frame(app, visit, "", "/cases")
        .below([Link::new(format!("/cases/{id}"), format!("Case {id}"))]);
    let page = match acted {
        Acted::NotAllowed(why) => refused::not_allowed(frame, id, &format!("{why}.")),
        Acted::Moved | Acted::Done(_) => {
            let kept: Vec<&str> = ["words", "reason", "statement", "undo"]
                .into_iter()
                .map(|name| typed.one(name))
                .filter(|text| !text.is_empty())
                .collect();
            refused::moved(frame, id, &kept.join("\n\n"))
        }
    };
    let mut response = super::draw(&page);
    *response.status_mut() = http::StatusCode::CONFLICT;
    response
}

/// Returns the lead that waits after one.
async fn next_lead(store: &casework::Database, case: &Case) -> Result<Option<LeadId>, Error> {
    let after = case.due().map(|due| After { second: due.as_second(), id: case.id().clone() });
    let queue = Queue { stage: Some(CaseStage::Lead), after, ..Queue::default() };
    let found = store.queue(&queue, 1).await.map_err(crate::Error::from)?;
    Ok(found.lines.into_iter().next().map(|line| line.id))
}

async fn drawn_review(
    app: &App,
    visit: &Visit,
    looked: &Looked,
    form: super::part::Form,
) -> Result<Response, Error> {
    let (case, lead) = (&looked.stored.case, &looked.lead);
    let store = office::store(app).await?;
    let waiting = store
        .counts()
        .await
        .map_err(crate::Error::from)?
        .standing
        .get(&CaseStage::Lead)
        .copied()
        .unwrap_or_default();
    let next = next_lead(&store, case).await?;
    let explanation: linkage::Explanation = serde_json::from_str(&lead.found.explanation)
        .map_err(|_| crate::Error::OldSummary { what: "explanation" })?;
    let run = store.run(&lead.cycle).await.map_err(crate::Error::from)?.and_then(|run| run.summary);
    let threshold = crate::summary::restored(run.as_deref())?.threshold.weight;
    let waterfall: Waterfall = crate::summary::waterfall(&lead.found.id, &explanation, threshold);
    let program = app.program();
    let named = |set: Result<(&::agreement::PartyId, &::agreement::RecordSet), crate::Error>| {
        set.ok().map(|(_, set)| set.title.clone()).unwrap_or_default()
    };
    let mut parts = Vec::new();
    if let Some(own) = &looked.own {
        parts.push(Part::heading("What your record says"));
        parts.push(Part::Summary(own_record(own, lead)));
    }
    parts.push(Part::heading("What the source returned"));
    parts.push(Part::Summary(returned(lead)));
    parts.push(Part::heading("Why this is a lead"));
    parts.extend(review::weight_parts(&waterfall, &format!("{:.4}", lead.found.probability)));
    let frame = door::frame(app, visit, format!("Lead {}", case.id()), "/cases").below([
        Link::new("/", "My work"),
        Link::new(format!("/cases/{}", case.id()), format!("Case {}", case.id())),
    ]);
    let mut frame = frame;
    frame.has_errors = !form.errors().is_empty();
    let (compared, note) = compared(&explanation);
    Ok(super::draw(&ReviewPage {
        frame,
        intro: "Look at the two records and say what you see. The weight is a reason to look, and no more.".into(),
        source: named(program.source()),
        recipient: named(program.recipient()),
        compared,
        note,
        parts,
        form,
        position: format!("{} leads wait for review.", number::count(waiting)),
        previous: None,
        next: next.map(|next| format!("/cases/{next}/review")),
    }))
}

/// How close the two records are, comparison by comparison. The source's values are not shown: the agreement does not
/// return them.
fn compared(explanation: &linkage::Explanation) -> (Vec<Compared>, Option<String>) {
    let rows = explanation.parts.iter().map(|part| {
        let weight = format!("{:+.2}", part.partial_weight + part.frequency_part);
        Compared::of(review::words(&part.comparison), None, part.label.clone(), weight)
    });
    let note = "What the source’s record says is not shown beyond the elements that the agreement returns; how close it is to yours is.";
    (rows.collect(), Some(note.to_owned()))
}

/// The recipient's own record, in an order in which people read one.
fn own_record(own: &Own, lead: &Lead) -> Vec<(String, Cell)> {
    let mut values: Vec<(&String, &String)> = own.of(lead).into_iter().flatten().collect();
    values.sort_by_key(|(name, _)| (order(name), *name));
    values.into_iter().map(|(name, value)| (review::words(name), value.as_str().into())).collect()
}

/// Names first, then birth, then home, then the rest.
fn order(name: &str) -> usize {
    ["given_name", "surname", "date_of_birth", "address", "postcode", "telephone"]
        .iter()
        .position(|one| *one == name)
        .unwrap_or(usize::MAX)
}

fn desk(page: &str) -> Result<Desk, Error> {
    Desk::ALL.into_iter().find(|desk| desk.path() == page).ok_or(Error::NotFound)
}

/// What the forms of a case need besides it.
async fn around<'a>(
    app: &App,
    visit: &'a Visit,
    case: &Case,
    lead: &Lead,
    language: Option<Language>,
) -> Result<Around<'a>, Error> {
    let store = office::store(app).await?;
    let disclosed = store.disclosed_on(case.id()).await.map_err(crate::Error::from)?;
    let agreement = app.program().agreement();
    let recipients: BTreeMap<String, String> = disclosed
        .into_iter()
        .map(|one| {
            let name = one
                .recipient
                .parse()
                .ok()
                .and_then(|id| agreement.party(&id))
                .map(|party| party.name.clone());
            (one.recipient.clone(), name.unwrap_or(one.recipient))
        })
        .collect();
    let written = written(app, case, lead, language).await;
    Ok(Around {
        csrf: &visit.csrf,
        now: app.now(),
        letter: written.as_ref().map(Written::composed),
        address: written.map(|written| written.facts.addressee.join("\n")).unwrap_or_default(),
        recipients: recipients.into_iter().collect(),
    })
}

/// A letter as it is written for a case.
struct Written {
    language: Language,
    facts: Facts,
    blocks: Vec<Block>,
    digest: String,
    ends: Timestamp,
    states: BTreeSet<NoticePart>,
}

impl Written {
    fn composed(&self) -> Composed {
        Composed { digest: self.digest.clone(), ends: self.ends, states: self.states.clone() }
    }
}

/// Writes the letter of a case: dated when it was drafted, or now.
async fn written(
    app: &App,
    case: &Case,
    lead: &Lead,
    language: Option<Language>,
) -> Option<Written> {
    let verified = case.standing().verified()?;
    let drafted = case.steps().iter().rev().find_map(|taken| match &taken.step {
        Step::DraftNotice(draft) => Some((Language::read(&draft.language)?, taken.at)),
        _ => None,
    });
    // A language asked for is a letter to be drafted now; otherwise it is the one that was drafted.
    let (language, dated) = match (language, drafted) {
        (Some(language), _) => (language, app.now()),
        (None, Some((language, at))) => (language, at),
        (None, None) => (Language::English, app.now()),
    };
    let program = app.program();
    let agreement = program.agreement();
    let gate_ends = app.desk().response_ends(dated, Service::Mailed);
    let ends = gate_ends.checked_add(SignedDuration::from_hours(24 * ROOM_DAYS)).ok()?;
    let last_day = ends.to_zoned(TimeZone::UTC).date().yesterday().ok()?;
    let own = office::own(app, lead).await;
    let own = own.as_ref().and_then(|own| own.of(lead));
    let value = |name: &str| own.and_then(|values| values.get(name)).cloned().unwrap_or_default();
    let name = format!("{} {}", value("given_name"), value("surname"));
    let addressee = [name.trim().to_owned(), value("address"), value("postcode")];
    let (source, _) = program.source().ok()?;
    let (recipient, _) = program.recipient().ok()?;
    let purpose = agreement.purposes.first()?;
    let party = agreement.party(recipient)?;
    let found = returned(lead).into_iter().map(|(name, cell)| (name, cell.text)).collect();
    let sources = match &verified.finding().ground {
        casework::Ground::Independent { sources, .. } => sources.iter().map(act::source).collect(),
        casework::Ground::Death { certified, second } => {
            [certified, second].into_iter().map(act::source).collect()
        }
        casework::Ground::BoardFinding { .. } => Vec::new(),
    };
    let public = app
        .config()
        .listen
        .public
        .clone()
        .unwrap_or_else(|| format!("http://{}", app.config().listen.address));
    let facts = Facts {
        agency: party.name.clone(),
        agency_address: party.address.clone(),
        addressee: addressee.into_iter().filter(|line| !line.is_empty()).collect(),
        case_id: lead.found.case_id.clone(),
        dated: agreement::shown_in(language, dated.to_zoned(TimeZone::UTC).date()),
        source: agreement.party(source)?.name.clone(),
        authority: purpose.authority.first().map(|one| one.citation.clone()).unwrap_or_default(),
        purpose: purpose.statement.clone(),
        found,
        confirmed: verified.finding().words.clone(),
        sources,
        intends: letter::intends(language).to_owned(),
        answer_by: agreement::shown_in(language, last_day),
        days: agreement.notice.response_period_days,
        door: format!("{}/me", public.trim_end_matches('/')),
        code: None,
        demonstration: agreement.demonstration,
    };
    let blocks = letter::letter(language, &facts);
    let text = letter::text(&blocks);
    let digest = Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let states = letter::states(&facts, &text);
    Some(Written { language, facts, blocks, digest, ends, states })
}

/// Returns the letter that a case would get in English now.
pub(crate) async fn letter_of(app: &App, id: &LeadId) -> Option<Composed> {
    let store = office::store(app).await.ok()?;
    let (stored, lead) = (store.case(id).await.ok()?, store.lead(id).await.ok()?);
    let written = written(app, &stored.case, &lead, Some(Language::English)).await?;
    Some(written.composed())
}

/// `GET /cases/{id}/{page}`
pub(super) async fn ask_step(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
    uri: http::Uri,
) -> Result<Response, Error> {
    let desk = desk(uri.path().rsplit('/').next().unwrap_or_default())?;
    let id = LeadId::typed(&id);
    let (stored, lead) = office::read(&app, &officer, &id, desk.path()).await?;
    let around = around(&app, &visit, &stored.case, &lead, None).await?;
    let parts = act::parts(desk, &stored.case, &around);
    Ok(drawn_step(&app, &visit, desk, &stored.case, parts))
}

fn drawn_step(app: &App, visit: &Visit, desk: Desk, case: &Case, parts: Vec<Part>) -> Response {
    let id = case.id();
    let title = format!("{}: {id}", desk.title());
    let frame = door::frame(app, visit, title, "/cases").below([
        Link::new("/cases", "Cases"),
        Link::new(format!("/cases/{id}"), format!("Case {id}")),
    ]);
    super::draw(&Page::new(frame, desk.intro()).parts(parts))
}

/// `POST /cases/{id}/{page}`
pub(super) async fn step(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
    uri: http::Uri,
    typed: Typed,
) -> Result<Response, Error> {
    let desk = desk(uri.path().rsplit('/').next().unwrap_or_default())?;
    let id = LeadId::typed(&id);
    let store = office::store(&app).await?;
    let stored = store.case(&id).await.map_err(|_| Error::NotFound)?;
    let lead = store.lead(&id).await.map_err(|_| Error::NotFound)?;
    let is_draft = typed.one("step") == StepKind::DraftNotice.as_str();
    let language = is_draft.then(|| Language::read(typed.one("language"))).flatten();
    let around = around(&app, &visit, &stored.case, &lead, language).await?;
    let step = match act::step(desk, &stored.case, &typed, &around) {
        Ok(step) => step,
        Err(wrong) => {
            let parts = act::again(act::parts(desk, &stored.case, &around), &typed, &wrong);
            return Ok(drawn_step(&app, &visit, desk, &stored.case, parts));
        }
    };
    let version = typed.one("version").parse().unwrap_or(u64::MAX);
    match office::act(&app, &officer, &id, version, &step).await? {
        Acted::Done(case) => {
            // Where the same page goes on, it is shown again; else the case.
            let stays = matches!(step.kind(), StepKind::DraftNotice | StepKind::Verify);
            let to =
                if stays { format!("/cases/{id}/{}", desk.path()) } else { format!("/cases/{id}") };
            Ok(done(&to, &format!("{}. The case stands at “{}”.", said(step.kind()), case.stage())))
        }
        other => Ok(not_done(&app, &visit, id.as_str(), other, &typed)),
    }
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

/// `GET /cases/{id}/letter`
pub(super) async fn show_letter(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let (stored, lead) = office::read(&app, &officer, &id, "letter").await?;
    let written = written(&app, &stored.case, &lead, None).await.ok_or(Error::NotFound)?;
    let mut frame = door::frame(&app, &visit, format!("Letter: {id}"), "/cases")
        .below([Link::new(format!("/cases/{id}"), format!("Case {id}"))]);
    frame.alone = true;
    Ok(super::draw(&LetterPage {
        frame,
        intro: "Print it from your browser: only the letter is printed.".into(),
        language: written.language,
        blocks: written.blocks,
        above: vec![Part::Buttons(vec![
            Link::new(format!("/cases/{id}/letter.pdf"), "As PDF"),
            Link::new(format!("/cases/{id}/notice"), "Back to the notice"),
        ])],
        below: vec![Part::Details {
            title: "For machines".into(),
            parts: vec![Part::Summary(vec![(
                "SHA-256 of the letter’s text".into(),
                Cell::code(written.digest),
            )])],
        }],
    }))
}

/// `GET /cases/{id}/letter.pdf`
pub(super) async fn letter_pdf(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let (stored, lead) = office::read(&app, &officer, &id, "letter").await?;
    let written = written(&app, &stored.case, &lead, None).await.ok_or(Error::NotFound)?;
    match letter::pdf(written.language, &written.blocks) {
        Ok(bytes) => {
            let file = format!("attachment; filename=\"letter-{id}.pdf\"");
            Ok(([(CONTENT_TYPE, "application/pdf".to_owned()), (CONTENT_DISPOSITION, file)], bytes)
                .into_response())
        }
        Err(why) => {
            let frame = door::frame(&app, &visit, "No PDF of this letter", "/cases")
                .below([Link::new(format!("/cases/{id}"), format!("Case {id}"))]);
            let page = Page::new(frame, "")
                .part(Part::banner(Tone::Warn, "Why", format!("{why}.")))
                .part(Part::Buttons(vec![Link::new(
                    format!("/cases/{id}/letter"),
                    "Print it from the page",
                )]));
            Ok(super::draw(&page))
        }
    }
}
