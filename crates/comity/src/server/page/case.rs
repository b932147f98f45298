//! One case: where it stands, what comes next and whose it is, the evidence so far, every step taken, who it was
//! disclosed to and who has read it. And the pages on which its steps are taken. Steps 9 to 13 of the path.

use super::act::{self, Around, Desk};
use super::frame::{Frame, Link};
use super::office::{self, Acted, OwnRecord};
use super::part::{Cell, Done, Page, Part, Table, Task, Tone};
use super::review::{self, Compared, ReviewPage};
use super::written::{self, returned};
use super::{Typed, agreement, number, refused, work};
use crate::desk::File;
use crate::letters::Language;
use crate::report::Waterfall;
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, door};
use ::agreement::Role;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use casework::{
    After, Case, CaseStage, CaseStore as _, Disclosed, Lead, LeadId, Opinion, Queue, Seen,
    Standing, Step, StepKind, Store as _, StoredCase,
};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// `GET /cases/{id}`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let File { stored, lead, .. } = office::read(&app, &officer, &id, "case").await?;
    let store = office::store(&app).await?;
    let disclosed = store.disclosed_on(&id).await.map_err(crate::Error::from)?;
    let seen = store.reads_of(&id, 20).await.map_err(crate::Error::from)?;
    let frame = door::frame(&app, &visit, format!("Case {id}"), "/cases")
        .below([Link::new("/cases", "Cases")]);
    let zone = app.desk().zone();
    Ok(super::draw(&page(frame, &stored, &lead, &disclosed, &seen, app.now(), &zone)))
}

fn page(
    frame: Frame,
    stored: &StoredCase,
    lead: &Lead,
    disclosed: &[Disclosed],
    seen: &[Seen],
    now: Timestamp,
    zone: &TimeZone,
) -> Page {
    let case = &stored.case;
    let said = |at| number::moment(at, zone);
    let due = case.due().map_or_else(|| "nothing is due".to_owned(), said);
    let mut parts = vec![
        Part::Summary(vec![
            ("Stands at".into(), work::stage(case.stage())),
            (
                "Next step due".into(),
                if case.due().is_some_and(|due| due <= now) { Cell::late(due) } else { due.into() },
            ),
            ("Your agency’s case".into(), lead.found.case_id.clone().into()),
            ("Opened".into(), said(case.opened_at()).into()),
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
    parts.push(Part::Steps(steps(case, zone)));
    let register = Table::new(
        "Register of disclosures on this lead",
        &["When", "To whom", "What for", "Elements", "Ledger"],
    )
    .empty("Nothing was disclosed.")
    .with(disclosed.iter().map(|one| {
        vec![
            said(one.at).into(),
            one.recipient.clone().into(),
            one.purpose.clone().into(),
            one.elements.join(", ").into(),
            one.ledger_index
                .map_or_else(|| "waiting".to_owned(), |index| format!("entry {index}"))
                .into(),
        ]
    }));
    let reads = Table::new("Who has read it", &["When", "Who", "What"]).empty("Nobody.").with(
        seen.iter()
            .map(|one| vec![said(one.at).into(), one.by.clone().into(), one.what.clone().into()]),
    );
    parts.push(Part::heading("Who knows of it"));
    parts.push(Part::Table(register));
    parts.push(Part::Details { title: "Who has read it".into(), parts: vec![Part::Table(reads)] });
    Page::new(frame, "").parts(parts)
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

fn steps(case: &Case, zone: &TimeZone) -> Vec<Done> {
    case.steps()
        .iter()
        .map(|taken| Done {
            when: number::moment(taken.at, zone),
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

/// `GET /cases/{id}/review`
pub(super) async fn ask_review(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let file = office::read(&app, &officer, &id, "lead").await?;
    let form = review::form(id.as_str(), file.stored.case.version(), &visit.csrf);
    drawn_review(&app, &visit, &file, form).await
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
            let file = office::read(&app, &officer, &id, "lead").await?;
            let form = review::form(id.as_str(), file.stored.case.version(), &visit.csrf)
                .again(&typed, &wrong);
            return Ok(super::wrong(drawn_review(&app, &visit, &file, form).await?));
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
    file: &File,
    form: super::part::Form,
) -> Result<Response, Error> {
    let (case, lead) = (&file.stored.case, &file.lead);
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
    let mut parts = Vec::new();
    let own = office::own(app, file).await.unwrap_or_default();
    parts.push(Part::heading("What your record says"));
    if own.is_empty() {
        parts.push(Part::text("Your agency’s file of this run is not here any more."));
    } else {
        parts.push(Part::Summary(own_record(&own)));
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
    let values = lead.returned.clone().unwrap_or_default();
    let sides = review::sides(&program.agreement().discrepancy, &values, &own);
    Ok(super::draw(&ReviewPage {
        frame,
        intro: "Look at the two records and say what you see. The weight is a reason to look, and no more.".into(),
        source: "The source returned".into(),
        recipient: "Your record".into(),
        sides,
        compared: compared(&explanation),
        note: "What the source’s record says is shown only where the agreement returns it; how close the rest is to yours is above.".into(),
        parts,
        form,
        position: format!("{} leads wait for review.", number::count(waiting)),
        previous: None,
        next: next.map(|next| format!("/cases/{next}/review")),
    }))
}

/// How close the two records are, comparison by comparison.
fn compared(explanation: &linkage::Explanation) -> Vec<Compared> {
    let rows = explanation.parts.iter().map(|part| Compared {
        name: review::words(&part.comparison),
        level: part.label.clone(),
        weight: format!("{:+.2}", part.partial_weight + part.frequency_part),
    });
    rows.collect()
}

/// The recipient's own record, in an order in which people read one.
fn own_record(own: &OwnRecord) -> Vec<(String, Cell)> {
    let mut values: Vec<(&String, &String)> = own.iter().collect();
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
    app: &'a App,
    visit: &'a Visit,
    file: &'a File,
    language: Option<Language>,
) -> Result<Around<'a>, Error> {
    let case = &file.stored.case;
    let store = office::store(app).await?;
    let disclosed = store.disclosed_on(case.id()).await.map_err(crate::Error::from)?;
    let agreement = app.program().agreement();
    // Everybody who holds what is put right: those to whom it was disclosed, and the source whose record it was. What
    // this agency holds is put right by the step itself.
    let sources = agreement.parties_as(Role::Source).map(|party| party.id.to_string());
    let recipients: BTreeMap<String, String> = disclosed
        .into_iter()
        .map(|one| one.recipient)
        .chain(sources)
        .filter(|id| id != app.party().as_str())
        .map(|id| {
            let party = id.parse().ok().and_then(|id| agreement.party(&id));
            let name = party.map_or_else(|| id.clone(), |party| party.name.clone());
            (id, name)
        })
        .collect();
    let written = written::written(app, file, language, None).await;
    Ok(Around {
        csrf: &visit.csrf,
        letters: app.program().letters(),
        now: app.now(),
        zone: app.desk().zone(),
        letter: written.as_ref().map(written::Written::composed),
        address: written.map(|written| written.facts.addressee.join("\n")).unwrap_or_default(),
        recipients: recipients.into_iter().collect(),
        case: case.id(),
        owners: agreement
            .record_sets
            .iter()
            .filter(|set| set.owner != *app.party())
            .map(|set| (set.id.clone(), set.owner.clone()))
            .collect(),
        split: store.cluster(case.id()).await.map_err(crate::Error::from)?.split(case.id()),
        was_split: case.correction_ordered().is_some_and(|order| order.splits),
    })
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
    let file = office::read(&app, &officer, &id, desk.path()).await?;
    let around = around(&app, &visit, &file, None).await?;
    let parts = act::parts(desk, &file.stored.case, &around);
    Ok(drawn_step(&app, &visit, desk, &file.stored.case, parts))
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
    // What the form shows again, and what a letter says, is read under the gate's leave too.
    let file = office::read(&app, &officer, &id, desk.path()).await?;
    let case = &file.stored.case;
    let is_draft = typed.one("step") == StepKind::DraftNotice.as_str();
    let letters = app.program().letters();
    let language = is_draft.then(|| letters.offer(typed.one("language")).cloned()).flatten();
    let around = around(&app, &visit, &file, language).await?;
    let step = match act::step(desk, case, &typed, &around) {
        Ok(step) => step,
        Err(wrong) => {
            let parts = act::again(act::parts(desk, case, &around), &typed, &wrong);
            return Ok(super::wrong(drawn_step(&app, &visit, desk, case, parts)));
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

/// `GET /cases/{id}/papers/{digest}`
pub(super) async fn paper(
    State(app): State<App>,
    officer: SignedIn,
    Path((id, digest)): Path<(String, String)>,
) -> Result<Response, Error> {
    let id = LeadId::typed(&id);
    let file = office::read(&app, &officer, &id, "paper").await?;
    // Named in the answer, or it is none of this case's.
    let contest = file.stored.case.standing().contested();
    let is_named = contest.is_some_and(|one| one.contest().attachments.contains(&digest));
    let paper = app.store().paper(&id, &digest).await?.filter(|_| is_named);
    let paper = paper.ok_or(Error::NotFound)?;
    let short: String = digest.chars().take(12).collect();
    // Fetched and not shown: what somebody handed in is not drawn under this server's name.
    let headers = [
        (CONTENT_TYPE, paper.media_type),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"paper-{short}\"")),
    ];
    Ok((headers, paper.bytes).into_response())
}
