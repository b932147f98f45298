//! A look-up: an officer of the recipient asks about persons of its own caseload who are named one by one (floor F4).
//!
//! It goes the path of a run, under the same permits, and is confined to those who are named; what is found about them
//! becomes leads, disclosed and accounted for as a run's are. Before that the gate is asked whether this officer may ask
//! about so many: what was asked in the last 90 days comes from the case store and not from whoever asks. The source's file
//! is opened only then. A look-up is no part of a pilot, and closes nothing that a run holds.

use super::{Outcome, Point, Rows, Running, Watch, Whose};
use crate::desk::Officer;
use crate::event::{Event, commit};
use crate::node::{Answer, Node};
use crate::program::Program;
use crate::{Error, summary};
use agreement::{Act, By, CaseRequest, CycleId, RecordsAsked, Refusal};
use casework::{Actor, Asked, Run, RunState, Store as _};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;

/// How long requests are counted together.
pub const DAYS: i64 = 90;

/// The most persons that a recipient may ask about in that time. The number is the project's own and not a law's; the gate
/// holds to it by `laws/floor/cases.cedar`.
pub const MOST_PERSONS: u64 = 100;

/// Returns the first instant that counts at another one.
pub fn since(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN)
}

/// Looks named persons up in the files of a cycle, or goes on where the same request was broken off.
///
/// # Errors
/// As [`super::run`].
pub async fn look_up(
    program: &Program,
    node: &mut Node,
    officer: &Officer,
    rows: &Rows,
    files: &CycleId,
    watch: &mut dyn Watch,
) -> Result<Outcome, Error> {
    let mut known = String::new();
    for byte in summary::keyed(&node.pair_secret, "asked", &rows.spelled())? {
        // Writing to a string can't fail.
        let _ = write!(known, "{byte:02x}");
    }
    let asked = Asked {
        officer: officer.id.to_string(),
        persons: rows.len() as u64,
        second: node.now().as_second(),
        cycle: files.to_string(),
        rows: known,
    };
    let runs = node.store.runs().await?;
    let is_same = |run: &&Run| {
        let same = |one: Asked| one.officer == asked.officer && one.rows == asked.rows;
        run.state == RunState::Planned && run.asked().is_some_and(same)
    };
    let terms = program.digest.to_string();
    let is_of_these_terms = |run: &Run| run.agreement().as_deref() == Some(terms.as_str());
    let earlier = runs.iter().find(is_same).filter(|run| is_of_these_terms(run)).cloned();
    let cycle = match &earlier {
        Some(run) => run.cycle.parse()?,
        None => fresh(program, &runs)?,
    };
    // What was broken off is gone on with in the files that it was begun on.
    let files = match earlier.as_ref().and_then(Run::asked) {
        Some(begun) => begun.cycle.parse()?,
        None => files.clone(),
    };
    let mut run = Running::new(program, node, &files, watch).await?;
    (run.cycle, run.asked) = (&cycle, Some(asked));
    run.file_agreement().await?;
    let is_writable = run.node.ledger_fault().is_none();
    if is_writable {
        // Nothing was found by these, and nobody else is at work on this ledger.
        for begun in
            runs.iter().filter(|run| run.asked().is_some() && run.state == RunState::Started)
        {
            run.abandon(&begun.id, "interrupted before its leads were planned").await?;
        }
    }
    let counts = match run.count() {
        // Were the files amiss too, the refusal comes first.
        Err(_) if !is_writable => std::collections::BTreeMap::default(),
        counts => counts?,
    };
    let pilot = run.pilot_so_far(program.lowest_threshold(), cycle.as_str()).await?;
    let (permit, entry) = match run.ask(run.request(Act::RUN, &counts, &pilot)).await? {
        Answer::Permitted(permit, entry) => (permit, entry),
        Answer::Refused(refusal) => {
            // Whoever is refused hears every reason at once, those of the request too.
            let answer = run.ask_for_records(officer, rows, rows.deficient(), earlier.is_some());
            return Ok(Outcome::Refused(match answer.await? {
                Answer::Permitted(..) => refusal,
                Answer::Refused(first) => joined(first, refusal),
            }));
        }
    };
    // Whoever may not ask has no row held against the caseload, and so learns of none whether it is so.
    let lacking = rows.deficient();
    let mut asked = match run.ask_for_records(officer, rows, lacking, earlier.is_some()).await? {
        Answer::Permitted(_, asked) => asked,
        Answer::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    // What was found under an agreement that is another by now is not disclosed, whoever asked for it.
    let waits = |run: &&Run| run.asked().is_some() && run.state == RunState::Planned;
    for begun in runs.iter().filter(waits).filter(|run| !is_of_these_terms(run)) {
        let _closed = run.close_rest(begun.clone()).await?;
    }
    let (_, set) = program.recipient()?;
    let recipient = run.open(&permit, set)?;
    let (named, deficient) = rows.find(set, &recipient);
    if deficient > lacking {
        asked = match run.ask_for_records(officer, rows, deficient, earlier.is_some()).await? {
            Answer::Permitted(_, asked) => asked,
            Answer::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
        };
    }
    if let Some(earlier) = earlier {
        return Box::pin(run.go_on(earlier)).await;
    }
    let admitted = run.admit_with(&permit, recipient)?;
    // If we crash after this, the request counts and has found nobody; the next look-up gives it up.
    let id = run.start(&admitted, entry).await?;
    run.note_asked(&id, asked, officer, rows.len() as u64).await?;
    run.watch.passed(Point::Started);
    Box::pin(run.link_and_release(&id, &permit, &admitted, &pilot, &Whose::Named(named))).await
}

impl Running<'_> {
    /// Asks the gate whether an officer may ask about so many persons, those of the last days counted in.
    async fn ask_for_records(
        &mut self,
        officer: &Officer,
        rows: &Rows,
        deficient_rows: u64,
        again: bool,
    ) -> Result<Answer, Error> {
        let since = since(self.node.now());
        let so_far = self.node.store.asked_since(officer.id.as_str(), since).await?;
        // What is gone on with was counted when it began.
        let (more, matter) = if again { (0, 0) } else { (rows.len() as u64, 1) };
        let agreement = self.program.agreement();
        let by = By::Officer { id: officer.id.clone(), roles: officer.roles.clone() };
        let mut request =
            CaseRequest::new(agreement, Act::REQUEST_RECORDS, self.recipient, self.purpose, by);
        request.elements = agreement.returned().collect();
        request.records = Some(RecordsAsked {
            rows: rows.len() as u64,
            deficient_rows,
            by_description: rows.describe(),
            open_matters: so_far.open_matters.saturating_add(matter),
            persons_in_90_days: so_far.persons.saturating_add(more),
        });
        let filed = self.node.with_stays(&self.program.filed).await?;
        self.node.decide_case(request, &filed).await
    }

    /// Records who asked about how many persons, before anybody is looked up.
    async fn note_asked(
        &mut self,
        id: &str,
        permit: u64,
        officer: &Officer,
        persons: u64,
    ) -> Result<(), Error> {
        let by = Actor::Officer(officer.id.clone()).spelled();
        let (commitments, openings) = commit(&[("by", by)])?;
        let second = self.asked.as_ref().map_or(0, |asked| asked.second);
        let event = Event::RecordsAsked { run: id.to_owned(), permit, persons, second };
        let drafts = self.node.drafts_with(vec![(event, commitments)]);
        self.node.store.note_opened(&openings, &drafts).await?;
        // If the ledger cannot be written now, the gate refuses the release; the line waits in the outbox.
        let _ = self.node.drain().await;
        Ok(())
    }
}

/// Returns a name that no look-up and no cycle has.
fn fresh(program: &Program, runs: &[Run]) -> Result<CycleId, Error> {
    let is_taken = |id: &str| {
        let of_cycle = program.schedule.cycles.iter().any(|cycle| cycle.id.as_str() == id);
        of_cycle || runs.iter().any(|run| run.cycle == id)
    };
    let mut number = 1 + runs.iter().filter(|run| run.asked().is_some()).count();
    while is_taken(&format!("look-up-{number}")) {
        number += 1;
    }
    Ok(CycleId::new(&format!("look-up-{number}"))?)
}

/// Puts the reasons of two refusals into one.
fn joined(mut one: Refusal, other: Refusal) -> Refusal {
    for reason in other.reasons {
        if !one.reasons.iter().any(|known| known.id == reason.id) {
            one.reasons.push(reason);
        }
    }
    one
}
