//! The board: what it has to decide on, how its members voted, and the matching report of a year, generated from the
//! ledger ([5 U.S.C. 552a(u)](https://www.law.cornell.edu/uscode/text/5/552a)). Beside the path; read by the auditor too.
//!
//! A vote is on a digest: of the agreement as it is filed, or of a report. The last vote of each member counts; every one
//! that was cast is in the ledger.

use super::errand;
use super::frame::Link;
use super::number;
use super::part::{Cell, Choice, Field, Form, Page, Part, Table, Tone, Wrong};
use super::{Typed, review};
use crate::annual::{self, Report};
use crate::event::Event;
use crate::server::errand::{Ended, What};
use crate::server::visit::{Visit, done};
use crate::server::{App, Error, SignedIn, door};
use agreement::Act;
use axum::extract::State;
use axum::response::Response;
use casework::store::accounts::{AccountStore as _, Role, Vote};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// `GET /board`
pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    drawn(&app, &visit, &officer, Vec::new()).await
}

async fn drawn(
    app: &App,
    visit: &Visit,
    officer: &SignedIn,
    wrong: Vec<Wrong>,
) -> Result<Response, Error> {
    let program = app.program();
    let digest = program.digest.to_string();
    let votes = app.accounts().votes().await?;
    let mut page = Page::new(
        door::frame(app, visit, "Board", "/board"),
        "What the board looks at and votes on. Each vote is in the ledger; who cast it is committed to there.",
    );
    page = page.part(Part::heading("The agreement"));
    let term = &program.agreement().term;
    page = page.part(Part::Summary(vec![
        ("Title".into(), Cell::link("/agreements", program.agreement().title.clone())),
        (
            "In force".into(),
            format!(
                "{} to {}",
                super::agreement::shown(term.begins),
                super::agreement::shown(term.ends)
            )
            .into(),
        ),
        ("Digest".into(), Cell::code(digest.clone())),
    ]));
    if officer.is(Role::BoardMember) {
        page = page.part(Part::Form(vote_form(&visit.csrf, &digest, &program.agreement().title)));
    }
    let year = app.now().to_zoned(TimeZone::UTC).year();
    let report = Form::new("/board", &visit.csrf, "Generate the report")
        .field(Field::hidden("step", "report"))
        .field(
            Field::short("year", "Year")
                .value(year.to_string())
                .hint("The report of a year that is not over counts up to now"),
        )
        .again(&Typed::default(), &wrong);
    page = page
        .part(Part::heading("The matching report of a year"))
        .part(Part::text(
            "Counted from the ledger while every entry is verified against the signed checkpoint. Nobody writes in it by hand.",
        ))
        .part(Part::Form(report))
        .part(Part::heading("Votes"))
        .part(Part::Table(subjects(&votes)))
        .part(Part::Details {
            title: "Who voted how".into(),
            parts: vec![Part::Table(members(&votes))],
        });
    Ok(super::draw(&page))
}

/// The form by which a member votes on a subject.
fn vote_form(csrf: &str, subject: &str, title: &str) -> Form {
    Form::new("/board", csrf, "Cast the vote")
        .field(Field::hidden("step", "vote"))
        .field(Field::hidden("subject", subject))
        .field(Field::one(
            "vote",
            format!("Your vote on “{title}”"),
            vec![Choice::new("for", "For"), Choice::new("against", "Against")],
        ))
}

fn subjects(votes: &[Vote]) -> Table {
    let mut counted: BTreeMap<(&str, &str), (u64, u64, i64)> = BTreeMap::new();
    for vote in votes {
        let count = counted.entry((&vote.subject, &vote.title)).or_default();
        if vote.is_for {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
        count.2 = count.2.max(vote.at);
    }
    Table::new("What was voted on", &["What on", "#For", "#Against", "Last vote", "Digest"])
        .empty("No vote was cast yet.")
        .with(counted.into_iter().map(|((subject, title), (votes_for, against, last))| {
            vec![
                title.into(),
                Cell::number(votes_for),
                Cell::number(against),
                instant(last),
                Cell::code(subject),
            ]
        }))
}

fn members(votes: &[Vote]) -> Table {
    Table::new("Votes, the latest first", &["When", "Member", "What on", "Vote"])
        .empty("No vote was cast yet.")
        .with(votes.iter().map(|vote| {
            vec![
                instant(vote.at),
                vote.member.clone().into(),
                vote.title.clone().into(),
                if vote.is_for { "for" } else { "against" }.into(),
            ]
        }))
}

fn instant(second: i64) -> Cell {
    Timestamp::from_second(second).map_or_else(|_| Cell::text("–"), |at| number::instant(at).into())
}

/// `POST /board`
pub(super) async fn act(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    match typed.one("step") {
        "report" => report(&app, &visit, &officer, typed.one("year")).await,
        "vote" => vote(&app, &officer, &typed).await,
        _ => Err(Error::malformed("step", "it is vote or report")),
    }
}

async fn report(
    app: &App,
    visit: &Visit,
    officer: &SignedIn,
    year: &str,
) -> Result<Response, Error> {
    let now = app.now().to_zoned(TimeZone::UTC).year();
    let Some(year) = year.parse::<i16>().ok().filter(|year| (1970..=now).contains(year)) else {
        let wrong = vec![Wrong::new("year", format!("Enter a year such as {now}"))];
        return Ok(super::wrong(drawn(app, visit, officer, wrong).await?));
    };
    // What waits belongs into it: it is brought to the ledger first.
    app.is_ledger_writable().await;
    let (folder, key) =
        (crate::server::places(app.config()).ledger(), crate::server::api::verifier(app)?);
    let size = crate::server::api::reader(app)?.checkpoint().size;
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::Report, |progress| async move {
            progress.begins(size);
            let watched = progress.clone();
            // Reading and hashing a whole ledger keeps a core busy: not one that answers pages.
            let counted = tokio::task::spawn_blocking(move || {
                let stop = || watched.is_cancelled();
                annual::annual(&folder, &key, year, |_| watched.goes_on(), &stop)
            });
            let counted = counted.await.map_err(|error| Error::failed(&error))?;
            if progress.is_cancelled() {
                return Ok(Ended::Cancelled);
            }
            match counted.map_err(Error::from)? {
                Some(report) => Ok(Ended::Reported(report)),
                None => Err(Error::NotAllowed {
                    why: "the ledger is not what was signed: audit it before anything else"
                        .to_owned(),
                }),
            }
        })
        .await?;
    Ok(errand::to(&begun))
}

async fn vote(app: &App, officer: &SignedIn, typed: &Typed) -> Result<Response, Error> {
    let subject = typed.one("subject");
    let Some(title) = title_of(app, officer, subject).await? else {
        return Err(Error::malformed("subject", "it is no digest of what can be voted on"));
    };
    let is_for = match typed.one("vote") {
        "for" => true,
        "against" => false,
        _ => return Err(Error::malformed("vote", "choose for or against")),
    };
    let word = if is_for { "for" } else { "against" };
    // One vote at a time: a member's second one is held against the first.
    let _voting = app.voting().await;
    let member = officer.officer.to_string();
    let votes = app.accounts().votes().await?;
    let before = votes.iter().find(|vote| vote.subject == subject && vote.member == member);
    if before.is_some_and(|before| before.is_for == is_for) {
        return Ok(done("/board", &format!("Your vote {word} it was recorded before.")));
    }
    let instead_of = match before.map(|before| before.is_for) {
        Some(true) => "for",
        Some(false) => "against",
        None => "",
    };
    let (on, instead_of) = (subject.to_owned(), instead_of.to_owned());
    let event = Event::VoteCast { on, vote: word.to_owned(), instead_of };
    app.is_ledger_writable().await;
    let asked = app.desk().permit(&officer.at_desk(), Act::VOTE, |_| {}, vec![event]).await?;
    let ((), lines) = app.shown(asked)?;
    app.until_recorded(&lines).await?;
    // If we crash here, the ledger has a vote that the board's page does not show: the member votes again.
    let vote =
        Vote { subject: subject.to_owned(), title, member, is_for, at: app.now().as_second() };
    app.accounts().keep_vote(&vote).await?;
    Ok(done("/board", &format!("Your vote {word} it is recorded.")))
}

/// Returns what a digest is of that a member can vote on: the agreement, or a report of a year that they have before them.
async fn title_of(app: &App, officer: &SignedIn, subject: &str) -> Result<Option<String>, Error> {
    let program = app.program();
    if subject == program.digest.to_string() {
        return Ok(Some(program.agreement().title.clone()));
    }
    for errand in app.errands().of(&officer.officer, app.now()).await {
        if let Some(Ended::Reported(report)) = errand.ended()
            && report.digest()? == subject
        {
            return Ok(Some(report_title(report)));
        }
    }
    Ok(None)
}

/// What a report of a year is called where it is voted on.
fn report_title(report: &Report) -> String {
    format!("Matching report {}, {} entries", report.year, report.entries)
}

/// What a report says.
pub(super) fn report_parts(
    app: &App,
    id: &str,
    report: &Report,
    may_vote: bool,
    csrf: &str,
) -> Result<Vec<Part>, Error> {
    let digest = report.digest().map_err(Error::from)?;
    let counts = |caption: &str, empty: &str, rows: Vec<(String, u64)>| {
        Part::Table(
            Table::new(caption, &["What", "#How often"]).empty(empty).with(rows.into_iter().map(
                |(name, n)| vec![review::words(&name).into(), Cell::number(number::count(n))],
            )),
        )
    };
    let owned = |map: &BTreeMap<String, u64>| map.iter().map(|(k, n)| (k.clone(), *n)).collect();
    let program = app.program();
    let mut parts = vec![
        Part::banner(
            Tone::Good,
            "Every entry was verified",
            format!(
                "{} entries are what was signed; {} of them are of {}.",
                number::count(report.entries),
                number::count(report.of_year),
                report.year
            ),
        ),
        Part::Summary(vec![
            ("Program".into(), program.agreement().title.clone().into()),
            ("Agency".into(), app.agency().unwrap_or_default().into()),
            ("Ledger".into(), Cell::code(report.origin.clone())),
            ("Root of the signed checkpoint".into(), Cell::code(report.root.clone())),
            ("Digest of this report".into(), Cell::code(digest.clone())),
        ]),
        Part::Buttons(vec![Link::new(format!("/errands/{id}/file"), "Fetch it as JSON")]),
    ];
    let happened = report.counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    parts.push(Part::heading("What was done"));
    parts.push(counts("Runs, leads, disclosures", "Nothing was done in this year.", happened));
    parts.push(counts(
        "Steps on cases",
        "No case was worked on in this year.",
        owned(&report.steps),
    ));
    parts.push(Part::heading("What the gate said"));
    parts.push(counts(
        "Permitted",
        "Nothing was permitted in this year.",
        owned(&report.permitted),
    ));
    parts.push(counts("Refused", "Nothing was refused in this year.", owned(&report.refused)));
    let rules = Table::new("Rules that were broken", &["Rule", "#How often"])
        .empty("No rule was broken in this year.")
        .with(
            report
                .rules
                .iter()
                .map(|(rule, n)| vec![Cell::code(rule.clone()), Cell::number(number::count(*n))]),
        );
    parts.push(Part::Table(rules));
    if may_vote {
        parts.push(Part::heading("Vote"));
        parts.push(Part::Form(vote_form(csrf, &digest, &report_title(report))));
    }
    Ok(parts)
}
