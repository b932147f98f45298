//! My work: what waits for this officer's roles, what is due first on top. And the list of all cases, page by page.
//!
//! Lists show numbers, stages and days, and nothing personal: reading a case is an act of its own.

use super::frame::Link;
use super::number;
use super::office;
use super::part::{Card, Cell, Choice, Field, Form, Page, Part, Table, Tone};
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn, door};
use axum::extract::{Query, State};
use axum::response::Response;
use casework::store::accounts::Role;
use casework::{After, CaseLine, CaseStage, CaseStore as _, LeadId, Queue};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// How many cases a list shows on a page.
const PAGE: u32 = 50;

/// How many of each stage are shown in one's own work.
const FIRST: u32 = 10;

/// What waits at a stage, for whom, and on which page it is done.
pub(super) const WORK: [(CaseStage, Role, &str, &str); 11] = [
    (CaseStage::Lead, Role::Reviewer, "to review", "review"),
    (CaseStage::Reviewed, Role::Verifier, "to begin verifying", "verification"),
    (CaseStage::Verifying, Role::Verifier, "to find or confirm", "verification"),
    (CaseStage::Verified, Role::NoticeOfficer, "to give notice of", "notice"),
    (CaseStage::Noticed, Role::Verifier, "noticed: time to answer runs or has ended", "action"),
    (CaseStage::Contested, Role::PrivacyOfficer, "contested", "contest"),
    (CaseStage::Hearing, Role::PrivacyOfficer, "in hearing", "decision"),
    (CaseStage::Decided, Role::Verifier, "decided", "action"),
    (CaseStage::Action, Role::PrivacyOfficer, "with action that can be undone", "correction"),
    (CaseStage::Correction, Role::PrivacyOfficer, "in correction", "correction"),
    (CaseStage::Refuted, Role::Verifier, "refuted, to close", "close"),
];

/// Names a stage with its tone.
pub(super) fn stage(stage: CaseStage) -> Cell {
    let tone = match stage {
        CaseStage::Lead | CaseStage::Closed => Tone::Plain,
        CaseStage::Reviewed | CaseStage::Verifying | CaseStage::Decided => Tone::Note,
        CaseStage::Verified | CaseStage::Refuted => Tone::Good,
        CaseStage::Noticed | CaseStage::Contested | CaseStage::Hearing => Tone::Warn,
        CaseStage::Action | CaseStage::Correction => Tone::Bad,
    };
    Cell::tag(tone, stage.as_str())
}

fn due(at: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> Cell {
    match at {
        None => Cell::text("–"),
        Some(at) if at <= now => Cell::late(format!("{} (late)", number::day_in(at, zone))),
        Some(at) => Cell::text(number::day_in(at, zone)),
    }
}

fn table(
    caption: String,
    lines: &[CaseLine],
    page: Option<&str>,
    (now, zone): (Timestamp, &TimeZone),
    empty: &str,
) -> Table {
    Table::new(caption, &["Case", "Stage", "Due", "Given to", "County", "Opened", "#Weight"])
        .empty(empty)
        .with(lines.iter().map(|line| {
            let href = page.map_or_else(
                || format!("/cases/{}", line.id),
                |page| format!("/cases/{}/{page}", line.id),
            );
            vec![
                Cell::link(href, line.id.to_string()),
                stage(line.stage),
                due(line.due, now, zone),
                line.assigned
                    .as_ref()
                    .map_or_else(|| "nobody yet".to_owned(), ToString::to_string)
                    .into(),
                line.county.clone().unwrap_or_else(|| "–".to_owned()).into(),
                number::day_in(line.opened_at, zone).into(),
                Cell::number(format!("{:.1}", line.weight)),
            ]
        }))
}

/// `GET /`
pub(super) async fn mine(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
) -> Result<Response, Error> {
    let store = office::store(&app).await?;
    let counts = store.counts().await.map_err(crate::Error::from)?;
    let (now, zone) = (app.now(), app.desk().zone());
    let mine: Vec<_> = WORK.iter().filter(|(_, role, _, _)| officer.is(*role)).collect();
    let standing = |stage: CaseStage| counts.standing.get(&stage).copied().unwrap_or_default();
    let mut page = Page::new(
        door::frame(&app, &visit, "My work", "/"),
        if mine.is_empty() {
            "Your roles work on no case. What you can see is in the tabs above."
        } else {
            "What waits for you, by what is to be done. What is due first stands first."
        },
    );
    if mine.is_empty() {
        let tabs = page.frame.tabs.clone();
        return Ok(super::draw(
            &page.part(Part::Buttons(tabs.into_iter().filter(|tab| tab.href != "/").collect())),
        ));
    }
    let cards = mine.iter().map(|(stage, _, what, _)| Card {
        count: number::count(standing(*stage)),
        name: (*what).to_owned(),
        href: Some(format!("/cases?stage={}", stage.as_str())),
        aside: String::new(),
    });
    page = page.part(Part::Cards(cards.collect()));
    for (stage, _, what, to) in mine {
        let queue = Queue { stage: Some(*stage), ..Queue::default() };
        let found = store.queue(&queue, FIRST).await.map_err(crate::Error::from)?;
        if found.lines.is_empty() {
            continue;
        }
        if *stage == CaseStage::Lead
            && let Some(first) = found.lines.first()
        {
            page = page.part(Part::Buttons(vec![Link::new(
                format!("/cases/{}/review", first.id),
                "Review the next lead",
            )]));
        }
        let caption = format!("{} {what}", number::count(standing(*stage)));
        page = page.part(Part::Table(table(caption, &found.lines, Some(to), (now, &zone), "")));
    }
    if counts.standing.iter().all(|(stage, count)| *stage == CaseStage::Closed || *count == 0) {
        page = page.part(Part::banner(
            Tone::Good,
            "Nothing waits",
            "Leads come with the next run of the program. What was closed is under Cases.",
        ));
    }
    Ok(super::draw(&page))
}

/// What a list is narrowed to.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    stage: Option<String>,
    county: Option<String>,
    number: Option<String>,
    after: Option<String>,
}

/// `GET /cases`
pub(super) async fn all(
    State(app): State<App>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    if let Some(number) = asked.number.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let id = LeadId::typed(number);
        return Ok(crate::server::visit::see_other(&format!(
            "/cases/{}",
            super::escaped(id.as_str())
        )));
    }
    let store = office::store(&app).await?;
    let chosen = asked.stage.as_deref().and_then(CaseStage::read);
    let county = asked.county.clone().filter(|text| !text.trim().is_empty());
    let after = asked.after.as_deref().and_then(|text| {
        let (second, id) = text.split_once(' ')?;
        Some(After { second: second.parse().ok()?, id: LeadId::typed(id) })
    });
    let is_first = after.is_none();
    let queue = Queue { stage: chosen, county: county.clone(), after, ..Queue::default() };
    let found = store.queue(&queue, PAGE).await.map_err(crate::Error::from)?;
    let mut stages = vec![Choice::new("", "All that are open")];
    stages.extend(CaseStage::ALL.iter().map(|stage| Choice::new(stage.as_str(), stage.as_str())));
    let mut filter = Form::new("/cases", "", "Show")
        .field(
            Field::select("stage", "Stage", stages).value(asked.stage.clone().unwrap_or_default()),
        )
        .field(
            Field::short("county", "County").value(county.clone().unwrap_or_default()).optional(),
        )
        .field(Field::short("number", "Number of a case").optional());
    filter.asks = true;
    filter.is_row = true;
    let caption =
        chosen.map_or_else(|| "Open cases".to_owned(), |stage| format!("Cases at “{stage}”"));
    let query = |after: Option<&After>| {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.append_pair("stage", asked.stage.as_deref().unwrap_or_default());
        text.append_pair("county", county.as_deref().unwrap_or_default());
        if let Some(after) = after {
            text.append_pair("after", &format!("{} {}", after.second, after.id));
        }
        format!("/cases?{}", text.finish())
    };
    let empty = "No case is here. Leads become cases when a run discloses them; choose another stage to see more.";
    let page = Page::new(
        door::frame(&app, &visit, "Cases", "/cases"),
        "Due first. A case is opened to read it, and that is noted.",
    )
    .part(Part::Form(filter))
    .part(Part::Table(table(caption, &found.lines, None, (app.now(), &app.desk().zone()), empty)))
    .part(Part::Pages {
        previous: (!is_first).then(|| query(None)),
        next: found.next.as_ref().map(|after| query(Some(after))),
    });
    Ok(super::draw(&page))
}
