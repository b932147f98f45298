//! The program's dashboard: how far cases came, how often people found leads wrong, with intervals, by program, by
//! reviewer and by subgroup; how long a stage takes; what each run came to. Each drawing stands beside its table.
//!
//! It shows counts and no case. The numbers are the store's own, kept as the steps are taken (floor F12).

use super::number;
use super::office;
use super::part::{Card, Cell, Form, Page, Part, Table, Tone};
use super::run;
use super::subgroup;
use crate::report::funnel_svg;
use crate::server::visit::Visit;
use crate::server::{App, Error, door};
use axum::extract::State;
use axum::response::Response;
use casework::store::accounts::Role;
use casework::{CaseStage, CaseStore as _, Counts, Rate, Store as _, Tripwire};
use jiff::tz::TimeZone;

/// `GET /program`
pub(super) async fn show(State(app): State<App>, visit: Visit) -> Result<Response, Error> {
    let may_run = visit.officer().is_some_and(|officer| officer.is(Role::Operator));
    let form = may_run.then(|| run::form(&app, &visit.csrf));
    drawn(&app, &visit, form).await
}

/// Draws it, with the form that begins a run for who may.
pub(super) async fn drawn(app: &App, visit: &Visit, form: Option<Form>) -> Result<Response, Error> {
    let store = office::store(app).await?;
    let counts = store.counts().await.map_err(crate::Error::from)?;
    let runs = store.runs().await.map_err(crate::Error::from)?;
    let purpose = app.program().agreement().purposes.first().map(|one| one.statement.clone());
    let mut page =
        Page::new(door::frame(app, visit, "Program", "/program"), purpose.unwrap_or_default());
    let zone = app.desk().zone();
    page = page.parts(parts(&counts));
    if !counts.standing.is_empty() {
        let subgroups = &app.program().agreement().subgroups;
        let groups = store.group_counts().await.map_err(crate::Error::from)?;
        page = page.parts(subgroup::parts(subgroups, &groups));
    }
    let table = Table::new(
        "Runs",
        &["Run", "Began", "State", "#Leads opened", "#Held", "#Pairs destroyed"],
    )
    .empty("No run yet. `comity run` finds the first leads.")
    .with(runs.iter().map(|run| {
        let report =
            crate::summary::restored(run.summary.as_deref()).ok().map(|report| report.counts);
        let count = |pick: fn(&crate::report::Counts) -> u64| {
            Cell::number(
                report
                    .as_ref()
                    .map_or_else(|| "–".to_owned(), |counts| number::count(pick(counts))),
            )
        };
        vec![
            run.id.clone().into(),
            when(&run.started_at, &zone).into(),
            run.state.as_str().into(),
            count(|counts| counts.leads_opened),
            count(|counts| counts.held_for_pilot),
            count(|counts| counts.destroyed),
        ]
    }));
    page = page.part(Part::heading("Runs")).part(Part::Table(table));
    if let Some(form) = form {
        page = page.part(Part::Form(form));
    }
    Ok(super::draw(&page))
}

fn when(at: &str, zone: &TimeZone) -> String {
    at.parse().map_or_else(|_| at.to_owned(), |at| number::moment(at, zone))
}

/// Says how many days so many took on average, of seconds together.
fn days(of: u64, seconds: Option<u64>) -> String {
    match seconds {
        Some(seconds) if of > 0 => format!("{:.1}", seconds as f64 / of as f64 / 86_400.0),
        Some(_) | None => "–".to_owned(),
    }
}

fn parts(counts: &Counts) -> Vec<Part> {
    let standing: u64 = counts.standing.values().sum();
    if standing == 0 {
        return vec![Part::banner(
            Tone::Note,
            "No case yet",
            "When a run discloses leads, each becomes a case, and its way is counted here.",
        )];
    }
    let closed = counts.standing.get(&CaseStage::Closed).copied().unwrap_or_default();
    let tripwire = Tripwire::of(&counts.outcomes);
    let card = |count: String, name: &str, aside: String| Card {
        count,
        name: name.into(),
        href: None,
        aside,
    };
    let shares = |rate: Rate| {
        (number::percent(rate.part, rate.whole), number::between(rate.part, rate.whole))
    };
    let rate = |rate: Rate, name: &str| {
        let (share, between) = shares(rate);
        card(
            share,
            name,
            format!("{} of {}; {between} with 95 % confidence", rate.part, rate.whole),
        )
    };
    let mut parts = Vec::new();
    if tripwire.is_tripped() {
        parts.push(Part::banner(
            Tone::Bad,
            "Reversals stop the program",
            "More than a fifth of what was decided was reversed. No notice goes out and no action is taken before the model is looked at again.",
        ));
    }
    parts.push(Part::Cards(vec![
        card(
            number::count(standing - closed),
            "cases open",
            format!("{} closed", number::count(closed)),
        ),
        rate(tripwire.not_same, "of judged leads were not right"),
        rate(tripwire.refuted, "of verified leads were refuted"),
        rate(tripwire.reversed, "of what was decided was reversed"),
        card(
            format!("{:.1}", counts.minutes as f64 / 60.0),
            "hours of work",
            "as results say that came from the agency’s own system".into(),
        ),
    ]));
    let reached: Vec<(String, u64)> = CaseStage::ALL
        .iter()
        .map(|stage| {
            (stage.as_str().to_owned(), counts.reached.get(stage).copied().unwrap_or_default())
        })
        .collect();
    parts.push(Part::heading("How far cases came"));
    parts.push(Part::Figure {
        svg: funnel_svg("How many cases ever reached each stage", &reached),
        caption: "How many cases ever reached each stage. The table below says the same.".into(),
    });
    let table = Table::new(
        "Stages",
        &["Stage", "#Ever reached", "#Stand there now", "#Days at it, on average"],
    );
    parts.push(Part::Table(table.with(CaseStage::ALL.iter().map(|stage| {
        let (left, seconds) = counts.times.get(stage).copied().unwrap_or_default();
        vec![
            super::work::stage(*stage),
            Cell::number(number::count(counts.reached.get(stage).copied().unwrap_or_default())),
            Cell::number(number::count(counts.standing.get(stage).copied().unwrap_or_default())),
            Cell::number(days(left, Some(seconds))),
        ]
    }))));
    let reviewers = Table::new(
        "By reviewer: what came of the leads that each judged",
        &[
            "Reviewer",
            "#Judged",
            "#Days until judged, on average",
            "#Not right",
            "Interval",
            "#Refuted later",
            "#Reversed later",
        ],
    )
    .empty("Nobody has judged a lead yet.")
    .with(counts.by_reviewer.iter().map(|(officer, outcomes)| {
        let one = Tripwire::of(outcomes);
        vec![
            officer.to_string().into(),
            Cell::number(number::count(one.not_same.whole)),
            Cell::number(days(one.not_same.whole, counts.waited.get(officer).copied())),
            Cell::number(number::percent(one.not_same.part, one.not_same.whole)),
            number::between(one.not_same.part, one.not_same.whole).into(),
            Cell::number(number::percent(one.refuted.part, one.refuted.whole)),
            Cell::number(number::percent(one.reversed.part, one.reversed.whole)),
        ]
    }));
    parts.push(Part::heading("How sure people were"));
    parts.push(Part::Table(reviewers));
    parts
}
