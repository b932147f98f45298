//! The case store, behind one trait that states its promises.

pub mod sqlite;

use crate::{
    Disclosure, DisclosureId, Error, Known, Lead, LeadId, PairKey, Pilot, PilotTerms, Planned,
    Review, Run, Stage,
};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;

/// A line of the outbox: bytes that the ledger has to take, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its place in the order.
    pub number: i64,
    /// The entry's bytes.
    pub leaf: Vec<u8>,
}

/// A stay as recorded; its meaning is the agreement crate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedStay {
    /// Its number here.
    pub number: i64,
    /// The stay (JSON).
    pub stay: String,
    /// When it was recorded, RFC 3339.
    pub recorded_at: String,
    /// When it was lifted, and by which order.
    pub lifted: Option<(String, String)>,
}

/// Which stays were recorded and lifted when they were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaysState(pub(crate) i64);

/// Keeps the cases of one program.
///
/// # Promises
/// An implementation keeps these, and its callers rely on nothing else:
/// 1. **One transaction.** Each method that takes `leaves` writes the state and puts the leaves into the outbox in one
///    transaction. After a crash both are there or neither is.
/// 2. **Durable on return.** What a method wrote survives loss of power once it has returned.
/// 3. **Order.** The outbox gives its lines back in the order in which their transactions committed.
/// 4. **Once.** A run, a chunk's release and an acknowledgement take effect at most once; a second try is an error
///    ([`Error::NotWaiting`]) or finds the first one's result, and changes nothing.
/// 5. **One writer.** Two processes never interleave writes; the second waits, then gets [`Error::Busy`].
pub trait Store {
    /// Returns the program's pair secret, which names pairs across cycles. It is made once, from `fresh`.
    fn pair_secret(&self, fresh: [u8; 32]) -> impl Future<Output = Result<[u8; 32], Error>>;

    /// Puts leaves into the outbox with no other change of state: decisions, refusals.
    fn note(&self, leaves: &[Vec<u8>]) -> impl Future<Output = Result<(), Error>>;

    /// Notes that an agreement is filed here, unless it was noted before. Says whether it was new.
    fn file_once(
        &self,
        agreement: &str,
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<bool, Error>>;

    /// Returns the outbox lines that the ledger has not acknowledged, in order.
    fn waiting(&self) -> impl Future<Output = Result<Vec<Outgoing>, Error>>;

    /// Returns the highest ledger index acknowledged.
    fn last_acknowledged(&self) -> impl Future<Output = Result<Option<u64>, Error>>;

    /// Notes that the ledger holds an outbox line at an index.
    fn acknowledge(&self, number: i64, index: u64) -> impl Future<Output = Result<(), Error>>;

    /// Returns the cycle's run that was not abandoned.
    fn run(&self, cycle: &str) -> impl Future<Output = Result<Option<Run>, Error>>;

    /// Returns every run, oldest first.
    fn runs(&self) -> impl Future<Output = Result<Vec<Run>, Error>>;

    /// Begins a run.
    fn start(&self, run: &Run, leaves: &[Vec<u8>]) -> impl Future<Output = Result<(), Error>>;

    /// Gives up a run that has found nothing yet.
    fn abandon(&self, run: &str, leaves: &[Vec<u8>]) -> impl Future<Output = Result<(), Error>>;

    /// Stores all that a run found, and its counts; from here on the run goes on rather than starts again.
    fn plan(
        &self,
        run: &str,
        summary: &str,
        leads: &[Planned],
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Puts held leads into chunks, once their pilot has passed, closes those that another lead has come to cover, and
    /// sets the run going again.
    fn unhold(
        &self,
        run: &str,
        chunks: &[(LeadId, u32)],
        covered: &[LeadId],
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Stores a disclosure with its openings, before anything is released.
    fn prepare(
        &self,
        disclosure: &Disclosure,
        openings: &[(LeadId, String)],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Returns the run's disclosures that are prepared and neither released nor withdrawn, in order of chunk.
    fn prepared(&self, run: &str) -> impl Future<Output = Result<Vec<Disclosure>, Error>>;

    /// Returns a disclosure's openings, in the order in which they were prepared.
    fn openings(
        &self,
        disclosure: &DisclosureId,
    ) -> impl Future<Output = Result<Vec<(LeadId, String)>, Error>>;

    /// Withdraws a prepared disclosure: a stay came first, or its permit has ended.
    fn withdraw(
        &self,
        disclosure: &DisclosureId,
        at: &str,
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Releases a disclosure: its leads get their returned elements and are open.
    ///
    /// `stays` is the state of the stays that the caller looked at; were one recorded or lifted since, nothing is
    /// released ([`Error::StaysChanged`]) and the caller looks again. So no release follows a stay's transaction.
    fn release(
        &self,
        disclosure: &DisclosureId,
        index: u64,
        at: &str,
        stays: StaysState,
        returned: &[(LeadId, BTreeMap<String, String>)],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Ends a run.
    fn finish(
        &self,
        run: &str,
        at: &str,
        summary: &str,
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Returns the leads, by cycle or all, in the order of their numbers.
    fn leads(&self, cycle: Option<&str>) -> impl Future<Output = Result<Vec<Lead>, Error>>;

    /// Returns one lead.
    fn lead(&self, id: &LeadId) -> impl Future<Output = Result<Lead, Error>>;

    /// Counts the leads of a cycle by stage.
    fn count(&self, cycle: &str) -> impl Future<Output = Result<BTreeMap<Stage, u32>, Error>>;

    /// Stores a person's judgement of an open lead, with the opening of what the ledger holds of the officer.
    fn review(
        &self,
        review: &Review,
        opening: &str,
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Returns what earlier cycles know of pairs, as of an instant.
    fn known(
        &self,
        pairs: &[PairKey],
        before_run: &str,
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<HashMap<PairKey, Known>, Error>>;

    /// Measures the pilot of a model, over all runs whose `inputs` name the model's digest.
    fn pilot(&self, model: &str, terms: &PilotTerms) -> impl Future<Output = Result<Pilot, Error>>;

    /// Counts the leads that were opened under a model, over all runs whose `inputs` name it.
    fn opened(&self, model: &str) -> impl Future<Output = Result<u64, Error>>;

    /// Counts the persons about whom a run has disclosed something.
    fn disclosed(&self, run: &str) -> impl Future<Output = Result<u64, Error>>;

    /// Returns what a run has released, from the register of disclosures, in order.
    fn register(&self, run: &str) -> impl Future<Output = Result<Vec<Disclosure>, Error>>;

    /// Records a stay.
    fn record_stay(
        &self,
        stay: &str,
        at: &str,
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<i64, Error>>;

    /// Lifts a stay, by an order; `stay` is how it reads from now on.
    fn lift_stay(
        &self,
        number: i64,
        stay: &str,
        by: &str,
        at: &str,
        leaves: &[Vec<u8>],
    ) -> impl Future<Output = Result<(), Error>>;

    /// Returns every stay recorded, lifted or not, and the state they are in.
    fn stays(&self) -> impl Future<Output = Result<(StaysState, Vec<RecordedStay>), Error>>;
}
