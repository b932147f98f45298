//! The desk: the one place where somebody's act on a case becomes a decision, a step, and entries.
//!
//! Steps 9 to 13 of the path. It asks the gate with what the case holds so far, takes the step, and stores state, step and
//! the lines for the ledger in one transaction ([`casework::CaseStore::take`]): the decision, and right behind it what was
//! done under it. The ledger is drained afterwards, in order, so that nobody waits for it but what leaves the node
//! ([`Desk::is_recorded`]). Reading about a person is an act too, and noted before anything is shown.
//!
//! What it does not do: it knows no page and no address, and it sends nothing. Floor F5–F7, F9, F10; the periods are the
//! gate's ([`agreement::Gate::contest_ends`]). Reading stands in `reading`, messages between nodes in `delivery`, what a
//! correction splits in `split`.

mod delivery;
mod file;
mod reading;
mod split;

use crate::Error;
use crate::clock::Clock;
use crate::event::{Event, commit};
use crate::node::{Node, decided, drafts, read_stays};
use crate::program::Program;
use agreement::{
    Act, Agreement, By, CaseRef, CaseRequest, Decision, Environment, Filed, Gate, OfficerId,
    OfficerRole, PartyId, Permit, PurposeId, Refusal,
};
use casework::{
    Actor, Case, CaseStore as _, Closing, Contest, Database, Lead, LeadId, Moving, NotAllowed,
    SealedEntry, Split, StaysState, Step, StepKind, Store as _, StoredCase, Terms, Tripwire,
};
use file::case_file;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ledger::Commitments;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Somebody at work, with the roles given under this agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    /// The pseudonym that the agency uses in its records.
    pub id: OfficerId,
    /// The roles.
    pub roles: BTreeSet<OfficerRole>,
}

/// What came of an act.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum Acted {
    /// It was done: the case as it stands now, and its lines in the outbox.
    Done(Box<StoredCase>, Vec<i64>),
    /// The gate refused, and that is noted.
    Refused(Refusal),
    /// The case does not take the step.
    NotAllowed(NotAllowed),
}

/// What came of asking to read.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum Read<T> {
    /// What was asked for, and the lines of the outbox that say who read it.
    Shown(T, Vec<i64>),
    /// The gate refused, and that is noted.
    Refused(Refusal),
}

/// A case with its lead, and the leave to read them: what else is opened about the case is opened under it.
#[derive(Debug)]
pub struct File {
    /// The case.
    pub stored: StoredCase,
    /// Its lead, with what was returned.
    pub lead: Lead,
    /// The gate's leave, for this case alone.
    pub permit: Permit,
}

/// The desk of one node. Clones are the same desk.
#[derive(Clone, Debug)]
pub struct Desk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Database,
    gate: Gate,
    /// What is filed, without stays.
    as_filed: Filed,
    /// What is filed with the stays as they last were.
    filed: Mutex<Option<(StaysState, Arc<Filed>)>>,
    party: PartyId,
    purpose: PurposeId,
    environment: Environment,
    clock: Clock,
    ledger_writable: Arc<AtomicBool>,
}

/// Who asks, as the gate and the case each know it.
struct Asker {
    by: By,
    actor: Actor,
}

impl Asker {
    fn officer(officer: &Officer) -> Asker {
        Asker {
            by: By::Officer { id: officer.id.clone(), roles: officer.roles.clone() },
            actor: Actor::Officer(officer.id.clone()),
        }
    }

    fn individual() -> Asker {
        Asker { by: By::Individual { proved: true }, actor: Actor::Individual }
    }

    fn machine() -> Asker {
        Asker { by: By::Machine, actor: Actor::Machine }
    }
}

impl Desk {
    /// Opens the desk of a node, with a gate of its own: who acts does not wait for the ledger.
    ///
    /// # Errors
    /// The program names no recipient or purpose, or the store cannot be written.
    pub async fn open(node: &Node, program: &Program, gate: Gate) -> Result<Desk, Error> {
        let (party, _) = program.recipient()?;
        let terms = Terms::of(&program.digest.to_string(), program.agreement());
        node.store.keep_terms(&terms).await?;
        let inner = Inner {
            store: node.store.clone(),
            gate,
            as_filed: program.filed.clone(),
            filed: Mutex::new(None),
            party: party.clone(),
            purpose: program.purpose()?.clone(),
            environment: program.agreement().environment,
            clock: node.clock().clone(),
            ledger_writable: node.ledger_writable(),
        };
        Ok(Desk { inner: Arc::new(inner) })
    }

    /// Returns the store, for lists and counts: nothing sealed is read there without [`Desk::read`].
    pub fn store(&self) -> &Database {
        &self.inner.store
    }

    /// Returns what time it is.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Returns the agreement that it works under.
    pub fn agreement(&self) -> &Agreement {
        &self.inner.as_filed.agreement
    }

    /// Returns the agreement's digest.
    ///
    /// # Errors
    /// The agreement has no canonical form.
    pub fn digest(&self) -> Result<String, Error> {
        Ok(self.agreement().digest()?.to_string())
    }

    /// Returns the gate.
    pub fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    /// Returns the zone in which the program's days are counted, and its instants are shown.
    pub fn zone(&self) -> TimeZone {
        let today = self.now().to_zoned(TimeZone::UTC).date();
        self.inner.gate.zone(&self.inner.as_filed.agreement, today)
    }

    /// Returns the instant at which a notice's period would end, as agreement and law packs count it.
    pub fn response_ends(&self, served_at: Timestamp, service: agreement::Service) -> Timestamp {
        self.inner.gate.contest_ends(&self.inner.as_filed.agreement, served_at, service).ends
    }

    /// Takes an officer's step on a case that has the number of steps the officer saw.
    ///
    /// # Errors
    /// Somebody else took a step meanwhile ([`casework::Error::CaseMoved`]), there is no such case, or the store fails.
    pub async fn act(
        &self,
        officer: &Officer,
        case: &LeadId,
        version: u64,
        step: Step,
    ) -> Result<Acted, Error> {
        let splits = matches!(&step, Step::Correct(order) | Step::Reverse(order) if order.splits);
        let acted = self.take(&Asker::officer(officer), case, version, step).await?;
        if splits && matches!(acted, Acted::Done(..)) {
            // If we crash before this is done, what is left open takes no step towards an action any more ([`Desk::cut`]).
            self.close_cut(case).await?;
        }
        Ok(acted)
    }

    /// Files the answer of an individual who has proved to be the one.
    ///
    /// # Errors
    /// As [`Desk::act`].
    pub async fn contest(
        &self,
        case: &LeadId,
        version: u64,
        contest: Contest,
    ) -> Result<Acted, Error> {
        self.take(&Asker::individual(), case, version, Step::FileContest(contest)).await
    }

    /// Closes a lead that nobody has to look at any more: all that the machine may do.
    ///
    /// # Errors
    /// As [`Desk::act`].
    pub async fn close_by_machine(
        &self,
        case: &LeadId,
        version: u64,
        closing: Closing,
    ) -> Result<Acted, Error> {
        self.take(&Asker::machine(), case, version, Step::Close(closing)).await
    }

    /// Asks the gate for an act that is about no one case (a vote, an export, an import, an account, a stay), and notes
    /// the answer with the events that follow from a permit.
    ///
    /// # Errors
    /// The store fails.
    pub async fn permit(
        &self,
        officer: &Officer,
        act: Act,
        bring: impl FnOnce(&mut CaseRequest),
        then: Vec<Event>,
    ) -> Result<Read<()>, Error> {
        let asker = Asker::officer(officer);
        let mut request = self.request(act, &asker).await?;
        bring(&mut request);
        let (decision, event) = self.decide(&request).await?;
        if let Decision::Refusal(refusal) = decision {
            self.note(vec![(event, Commitments::new())], &[]).await?;
            return Ok(Read::Refused(refusal));
        }
        let (commitments, openings) = by_whom(&asker.actor)?;
        let mut events = vec![(event, Commitments::new())];
        events.extend(then.into_iter().map(|event| (event, commitments.clone())));
        let openings = if events.len() > 1 { openings } else { Vec::new() };
        Ok(Read::Shown((), self.note(events, &openings).await?))
    }

    /// Keeps a disclosure about a lead from its individual for a time, under a power that a law gives (floor F10). The
    /// sealing is recorded; whom it is about is not said there, nor to the gate, whose facts are recorded too.
    ///
    /// # Errors
    /// The entry is no disclosure on this lead, or the store fails.
    pub async fn seal(&self, officer: &Officer, sealed: SealedEntry) -> Result<Read<()>, Error> {
        let disclosed = self.inner.store.disclosed_on(&sealed.lead).await?;
        if !disclosed.iter().any(|one| one.ledger_index == Some(sealed.entry)) {
            let lead = sealed.lead.to_string();
            return Err(Error::NothingToSeal { entry: sealed.entry, lead });
        }
        let asker = Asker::officer(officer);
        let mut request = self.request(Act::SEAL, &asker).await?;
        request.seal = Some(sealed.seal.clone());
        let (decision, event) = self.decide(&request).await?;
        if let Decision::Refusal(refusal) = decision {
            self.note(vec![(event, Commitments::new())], &[]).await?;
            return Ok(Read::Refused(refusal));
        }
        let told = [
            ("by", asker.actor.spelled()),
            ("entry", sealed.entry.to_string()),
            ("lead", sealed.lead.to_string()),
        ];
        let (commitments, openings) = commit(&told)?;
        let seal = &sealed.seal;
        let happened = Event::EntrySealed {
            power: seal.power.clone(),
            authority: seal.authority.clone(),
            from: seal.from.to_string(),
            until: seal.until.to_string(),
        };
        let events = vec![(event, Commitments::new()), (happened, commitments)];
        let drafts = drafts(self.now(), events);
        let lines = self.inner.store.seal_entry(&sealed, &openings, &drafts).await?;
        Ok(Read::Shown((), lines))
    }

    /// Says whether the ledger holds these lines: what leaves the node waits for it (floor F9).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn is_recorded(&self, lines: &[i64]) -> Result<bool, Error> {
        // The outbox is drained in order: what is before the first that waits is recorded.
        let first = self.inner.store.outbox(1).await?.waiting;
        let last = lines.iter().max();
        Ok(first.first().is_none_or(|line| last.is_none_or(|last| *last < line.number)))
    }

    async fn take(
        &self,
        asker: &Asker,
        id: &LeadId,
        version: u64,
        step: Step,
    ) -> Result<Acted, Error> {
        let stored = self.inner.store.case(id).await?;
        let seen = stored.case.version();
        if seen != version {
            let case = id.to_string();
            return Err(casework::Error::CaseMoved { case, version: seen }.into());
        }
        if let Some(by) = self.cut(id, step.kind()).await? {
            return Ok(Acted::NotAllowed(NotAllowed::Cut { by }));
        }
        let now = self.now();
        let mut request = self.request(act_of(step.kind()), asker).await?;
        request.case = CaseRef::new(id.as_str()).ok();
        request.file = case_file(&stored.case);
        request.action = file::action(&stored.case, &step, now);
        let (decision, event) = self.decide(&request).await?;
        if let Decision::Refusal(refusal) = decision {
            self.note(vec![(event, Commitments::new())], &[]).await?;
            return Ok(Acted::Refused(refusal));
        }
        match stored.case.step(&step, &asker.actor, now) {
            Ok(case) => self.store_step(case, stored.weight, Some(event), None).await,
            // Permitted, and still not the case's next step: no permit is issued, and none recorded.
            Err(why) => Ok(Acted::NotAllowed(why)),
        }
    }

    /// Stores a step with its lines: the decision, if the gate was asked, and right behind it what was done.
    async fn store_step(
        &self,
        case: Case,
        weight: f64,
        permitted: Option<Event>,
        told: Option<Event>,
    ) -> Result<Acted, Error> {
        let Some(taken) = case.steps().last() else {
            return Err(casework::Error::NoStep.into());
        };
        let ends = match &taken.step {
            Step::ServeNotice(service) => service.response_ends.to_string(),
            _other => String::new(),
        };
        let event = Event::CaseStepped {
            case: case.id().to_string(),
            number: case.version(),
            step: taken.step.kind().to_string(),
            stage: case.stage().to_string(),
            ends,
        };
        // Who did it and with what evidence is committed to and not written: the ledger is for ever.
        let evidence = serde_json::to_vec(&taken.step).map_err(|_| Error::UnspeakableEvent)?;
        let who = [("by", taken.by.spelled()), ("evidence", file::sha256(&evidence))];
        let (commitments, openings) = commit(&who)?;
        let mut events: Vec<_> =
            permitted.into_iter().map(|event| (event, Commitments::new())).collect();
        events.push((event, commitments));
        // To whom a correction goes, and who has it, is nobody's secret: an auditor sees that it reached all.
        events.extend(told.map(|event| (event, Commitments::new())));
        events.extend(file::told_of_correction(&case).map(|event| (event, Commitments::new())));
        let split = match &taken.step {
            Step::Correct(order) | Step::Reverse(order) if order.splits => {
                self.inner.store.cluster(case.id()).await?.split(case.id())
            }
            _other => Split::default(),
        };
        events.extend(file::told_of_split(&case, &split).map(|event| (event, Commitments::new())));
        let drafts = drafts(self.now(), events);
        let moving = Moving { case: case.clone(), drafts, openings };
        let lines = self.inner.store.take(moving).await?;
        Ok(Acted::Done(Box::new(StoredCase { case, weight }), lines))
    }

    /// Asks whether what a closed case holds may be destroyed by a timer now; the answer is the caller's to note.
    pub(crate) async fn may_destroy(&self, case: &Case) -> Result<(Decision, Event), Error> {
        let mut request = self.request(Act::DESTROY, &Asker::machine()).await?;
        request.case = CaseRef::new(case.id().as_str()).ok();
        request.file = case_file(case);
        self.decide(&request).await
    }

    async fn request(&self, act: Act, asker: &Asker) -> Result<CaseRequest, Error> {
        let inner = &self.inner;
        let agreement = &inner.as_filed.agreement;
        let advances = act.advances();
        let mut request =
            CaseRequest::new(agreement, act, &inner.party, &inner.purpose, asker.by.clone());
        request.environment = inner.environment;
        request.ledger_writable = inner.ledger_writable.load(Ordering::Acquire);
        if advances {
            let reversed = Tripwire::of(&inner.store.counts().await?.outcomes).reversed;
            request.reversed_permille =
                (reversed.part * 1000).checked_div(reversed.whole).filter(|_| reversed.whole > 0);
        }
        Ok(request)
    }

    async fn decide(&self, request: &CaseRequest) -> Result<(Decision, Event), Error> {
        let filed = self.filed().await?;
        let (decision, given) = self.inner.gate.decide_case_with_facts(request, &filed, self.now());
        let event = decided(&decision, given.as_ref());
        Ok((decision, event))
    }

    /// Returns what is filed, with the stays as they are now: they are looked up for each act, and read again when there
    /// is another (floor F8).
    async fn filed(&self) -> Result<Arc<Filed>, Error> {
        let (state, recorded) = self.inner.store.stays().await?;
        let known =
            |known: &(StaysState, Arc<Filed>)| (known.0 == state).then(|| Arc::clone(&known.1));
        let seen = self
            .inner
            .filed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .and_then(known);
        if let Some(filed) = seen {
            return Ok(filed);
        }
        let mut filed = self.inner.as_filed.clone();
        filed.stays = read_stays(&recorded)?;
        let filed = Arc::new(filed);
        *self.inner.filed.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((state, Arc::clone(&filed)));
        Ok(filed)
    }

    async fn note(
        &self,
        events: Vec<(Event, Commitments)>,
        openings: &[String],
    ) -> Result<Vec<i64>, Error> {
        let drafts = drafts(self.now(), events);
        Ok(self.inner.store.note_opened(openings, &drafts).await?)
    }
}

/// Commits to who did it.
fn by_whom(actor: &Actor) -> Result<(Commitments, Vec<String>), Error> {
    commit(&[("by", actor.spelled())])
}

/// Returns the act that the gate is asked for with a step.
pub fn act_of(step: StepKind) -> Act {
    match step {
        StepKind::Review => Act::REVIEW_LEAD,
        StepKind::Adjudicate => Act::ADJUDICATE,
        StepKind::Assign => Act::ASSIGN,
        StepKind::Verify | StepKind::Find | StepKind::SendBack => Act::VERIFY,
        StepKind::Confirm => Act::CONFIRM,
        StepKind::Refute => Act::REFUTE,
        StepKind::DraftNotice | StepKind::ServeNotice => Act::SERVE_NOTICE,
        StepKind::NoteReturnedMail => Act::NOTE_RETURNED_MAIL,
        StepKind::FileContest | StepKind::WithdrawContest => Act::FILE_CONTEST,
        StepKind::OpenHearing => Act::OPEN_HEARING,
        StepKind::Decide => Act::DECIDE,
        StepKind::TakeEmergencyMeasure | StepKind::TakeAction => Act::TAKE_ACTION,
        StepKind::EndEmergencyMeasure | StepKind::Reverse => Act::REVERSE,
        StepKind::Correct
        | StepKind::Acknowledge
        | StepKind::TellIndividual
        | StepKind::ReverseJudgement => Act::CORRECT,
        StepKind::OpenDispute => Act::DISPUTE_RECORD,
        StepKind::AnswerDispute => Act::ANSWER_DISPUTE,
        StepKind::Close => Act::CLOSE,
    }
}
