//! A look-up: an officer of the recipient asks about persons of its own caseload who are named one by one (floor F4).
//!
//! It goes the path of a run, under the same permits, and is confined to those who are named; what is found about them
//! becomes leads, disclosed and accounted for as a run's are. Before that the gate is asked whether this officer may ask
//! about so many: what was asked in the last 90 days comes from case store and register, and not from whoever asks. The source's file
//! is opened only then. A look-up is no part of a pilot, and closes nothing that a run holds.
//!
//! It is counted in the recipient's register of requests, with those of its other programs ([`crate::register`]). The register
//! is held from counting until the request is entered.

use super::resume::OTHER_AGREEMENT;
use super::{Outcome, Point, Rows, Running, Step, Watch, Whose};
use crate::desk::Officer;
use crate::event::{Event, commit};
use crate::node::{Answer, Node};
use crate::program::Program;
use crate::register::{self, Register, Unbegun};
use crate::report::Report;
use crate::{Error, summary};
use agreement::{Act, By, CaseRequest, CycleId, RecordsAsked, Refusal, RegisterKey};
use casework::{Actor, Asked, Drafts, Run, RunState, Store as _};

pub use crate::register::{DAYS, MOST_MATTERS, MOST_PERSONS, since};

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
    let known = summary::keyed(&node.pair_secret, "asked", &rows.spelled())?;
    let asked = Asked {
        officer: officer.id.to_string(),
        persons: rows.len() as u64,
        second: node.now().as_second(),
        cycle: files.to_string(),
        rows: summary::hex(&known),
        entered: None,
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
    // A store that does not fit the ledger shows here, before anything is closed by it.
    let is_writable = run.node.ledger_fault().is_none() && run.node.drain().await.is_ok();
    if is_writable {
        // Nothing was found by these, and nobody else is at work on this ledger.
        for begun in
            runs.iter().filter(|run| run.asked().is_some() && run.state == RunState::Started)
        {
            run.abandon(&begun.id, "interrupted before its leads were planned").await?;
        }
    }
    // Which register is at hand only one that is open can say: a file beside it may say anything.
    let opened = if is_writable { register_of(program, run.node, &runs).await? } else { None };
    let key = opened.as_ref().map(|register| register.key().clone());
    let agreed = program.agreement().requests_key();
    // Where it is none or another the gate refuses, and nothing is entered.
    let register = opened.filter(|register| agreed == Some(register.key()));
    let at_hand = (register.as_ref(), key.as_ref());
    let by = Asking { officer, rows, again: earlier.is_some(), register: at_hand };
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
            let answer = run.ask_for_records(&by, rows.deficient());
            return Ok(Outcome::Refused(match answer.await? {
                Answer::Permitted(..) => refusal,
                Answer::Refused(first) => joined(first, refusal),
            }));
        }
    };
    // Whoever may not ask has no row held against the caseload, and so learns of none whether it is so.
    let lacking = rows.deficient();
    let mut asked = match run.ask_for_records(&by, lacking).await? {
        Answer::Permitted(_, asked) => asked,
        Answer::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    // Whoever was permitted although no register is open is not counted: nobody is looked up, and nothing goes on.
    if register.is_none() {
        return Err(Error::RequestNotEntered);
    }
    // What was found under an agreement that is another by now is not disclosed, whoever asked for it.
    let waits = |run: &&Run| run.asked().is_some() && run.state == RunState::Planned;
    for begun in runs.iter().filter(waits).filter(|run| !is_of_these_terms(run)) {
        let _closed = run.close_rest(begun.clone(), OTHER_AGREEMENT, Vec::new()).await?;
    }
    let (_, set) = program.recipient()?;
    let recipient = run.open(&permit, set)?;
    let (named, deficient) = rows.find(set, &recipient);
    if deficient > lacking {
        asked = match run.ask_for_records(&by, deficient).await? {
            Answer::Permitted(_, asked) => asked,
            Answer::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
        };
    }
    if let Some(earlier) = earlier {
        // It is counted, and others may count.
        drop(register);
        let (id, files) = (earlier.id.clone(), files.to_string());
        run.watch.said(&Step::GoesOn { run: id, files });
        return Box::pin(run.go_on(earlier)).await;
    }
    let admitted = run.admit_with(&permit, recipient)?;
    // If we crash after this, the persons count; the next look-up closes the matter, of which the store knows nothing.
    run.enter(register, officer, rows.len() as u64)?;
    // If we crash after this, the request counts and has found nobody; the next look-up gives it up.
    let id = run.start(&admitted, entry).await?;
    run.note_asked(&id, asked, officer, rows.len() as u64).await?;
    run.watch.passed(Point::Started);
    Box::pin(run.link_and_release(&id, &permit, &admitted, &pilot, &Whose::Named(named))).await
}

/// Who asks about whom, and where that is counted.
struct Asking<'asked> {
    officer: &'asked Officer,
    rows: &'asked Rows,
    /// It was counted when it began, and is gone on with.
    again: bool,
    /// The register that is counted in, and the key of the one that is open: another than the agreement's is not counted in. None is
    /// open where the ledger cannot be written or nothing says where it is. Either way the answer is a refusal.
    register: (Option<&'asked Register>, Option<&'asked RegisterKey>),
}

impl Running<'_> {
    /// Asks the gate whether an officer may ask about so many persons, those of the last days counted in.
    async fn ask_for_records(
        &mut self,
        asking: &Asking<'_>,
        deficient_rows: u64,
    ) -> Result<Answer, Error> {
        let Asking { officer, rows, again, register: (register, key) } = asking;
        let since = since(self.node.now());
        let here = self.node.store.asked_since(officer.id.as_str(), since).await?;
        let everywhere = match register {
            Some(register) => register.so_far(self.node, here, &officer.id, since)?,
            None => here,
        };
        // What is gone on with was counted when it began.
        let (more, matter) = if *again { (0, 0) } else { (rows.len() as u64, 1) };
        let agreement = self.program.agreement();
        let by = By::Officer { id: officer.id.clone(), roles: officer.roles.clone() };
        let mut request =
            CaseRequest::new(agreement, Act::REQUEST_RECORDS, self.recipient, self.purpose, by);
        request.elements = agreement.returned().collect();
        request.records = Some(RecordsAsked {
            rows: rows.len() as u64,
            deficient_rows,
            by_description: rows.describe(),
            open_matters: everywhere.open_matters.saturating_add(matter),
            persons_in_90_days: everywhere.persons.saturating_add(more),
            register: key.cloned(),
        });
        let filed = self.node.with_stays(&self.program.filed).await?;
        self.node.decide_case(request, &filed).await
    }

    /// Enters the request in the register, and lets that go.
    fn enter(
        &mut self,
        register: Option<Register>,
        officer: &Officer,
        persons: u64,
    ) -> Result<(), Error> {
        let register = register.ok_or(Error::RequestNotEntered)?;
        if let Some(asked) = &mut self.asked {
            let entered = register.enter(self.node, &officer.id, persons, asked.second)?;
            asked.entered = Some(entered);
        }
        Ok(())
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
        let entered = self.asked.as_ref().and_then(|asked| asked.entered.clone());
        let (register, matter) = entered.map(|one| (one.register, one.matter)).unzip();
        let event =
            Event::RecordsAsked { run: id.to_owned(), permit, persons, second, register, matter };
        let drafts = self.node.drafts_with(vec![(event, commitments)]);
        self.node.store.note_opened(&openings, &drafts).await?;
        // If the ledger cannot be written now, the gate refuses the release; the line waits in the outbox.
        let _ = self.node.drain().await;
        Ok(())
    }
}

/// Gives up a look-up that was broken off: what it found and had not released is disclosed to nobody, and the matter is over.
/// Whoever could have asked may do so, for one who is not there any more. The gate says whether the officer could have, though the
/// agreement has ended or a stay stands: nothing is opened.
///
/// # Errors
/// No such look-up waits, or the world failed.
pub async fn give_up(
    program: &Program,
    node: &mut Node,
    officer: &Officer,
    name: &str,
    watch: &mut dyn Watch,
) -> Result<Result<Report, Refusal>, Error> {
    let runs = node.store.runs().await?;
    let waits = |run: &&Run| run.id == name && run.state == RunState::Planned;
    let not_broken_off = || Error::NotBrokenOff { run: name.to_owned() };
    let begun = runs.iter().find(waits).ok_or_else(not_broken_off)?;
    let asked = begun.asked().ok_or_else(not_broken_off)?;
    let permit = match may_give_up(program, node, officer).await? {
        Answer::Permitted(_, entry) => entry,
        Answer::Refused(refusal) => return Ok(Err(refusal)),
    };
    let (cycle, files) = (begun.cycle.parse()?, asked.cycle.parse()?);
    let mut run = Running::new(program, node, &files, watch).await?;
    (run.cycle, run.asked) = (&cycle, Some(asked));
    let by = Actor::Officer(officer.id.clone()).spelled();
    let (commitments, openings) = commit(&[("by", by)])?;
    // An opening without its entry opens nothing. The entry itself is one with what it says.
    run.node.store.note_opened(&openings, &Drafts::none()).await?;
    let event = Event::RecordsDropped { run: begun.id.clone(), permit: Some(permit) };
    let why = "the look-up was given up";
    let report = run.close_rest(begun.clone(), why, vec![(event, commitments)]).await?;
    // A register that is lost is no reason to keep it open. Should this fail, the next look-up tells it.
    let _ = register::tell(program, node).await;
    Ok(Ok(report))
}

/// Asks the gate whether an officer may give a look-up up.
async fn may_give_up(
    program: &Program,
    node: &mut Node,
    officer: &Officer,
) -> Result<Answer, Error> {
    let (recipient, _) = program.recipient()?;
    let by = By::Officer { id: officer.id.clone(), roles: officer.roles.clone() };
    let (agreement, purpose) = (program.agreement(), program.purpose()?);
    let request = CaseRequest::new(agreement, Act::DROP_REQUEST, recipient, purpose, by);
    let filed = node.with_stays(&program.filed).await?;
    node.decide_case(request, &filed).await
}

/// Opens the register that a program's look-ups are counted in, holds it to what the program has entered, and tells it which of
/// that is over. The store must be known to fit the ledger. There is none to open where nothing says which: then the gate refuses.
async fn register_of(
    program: &Program,
    node: &Node,
    runs: &[Run],
) -> Result<Option<Register>, Error> {
    let Some(agreed) = program.agreement().requests_key() else { return Ok(None) };
    let mut register = match Register::open(program, &node.places).await {
        // The schedule names none, or another recipient's.
        Err(Error::NoRegister { .. } | Error::OtherNode { .. }) => return Ok(None),
        opened => opened?,
    };
    // Another is told nothing, and nothing is held to it.
    if agreed == register.key() {
        register.hold_to(node, runs).await?;
        register.follow(node, runs, Unbegun::Close).await?;
    }
    Ok(Some(register))
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
