//! The case store, behind one trait that states its promises.

pub mod accounts;
pub mod cases;
mod cell;
mod copy;
pub mod database;
mod destroy;
pub mod postgres;
pub mod sqlite;
pub mod vault;
mod writer;

use crate::destroyed::{Certificate, Destroyed};
use crate::{
    AskedSoFar, Disclosure, DisclosureId, Drafts, Error, Judgement, Known, Lead, LeadId, NotRight,
    PairKey, Pilot, PilotTerms, Planned, Review, Run, SealedEntry, Stage,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;

/// A line of the outbox: bytes that the ledger has to take, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its place in the order.
    pub number: i64,
    /// The entry's bytes.
    pub leaf: Vec<u8>,
}

/// The outbox as it was at one moment.
///
/// How far the ledger is and what waits for it have to be read together: an acknowledgement that its caller did not wait
/// for may be stored between two reads, and whoever held them against each other would write its lines twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// The highest ledger index acknowledged.
    pub acknowledged: Option<u64>,
    /// The first of the lines that the ledger has not acknowledged, in order.
    pub waiting: Vec<Outgoing>,
}

/// A stay as recorded; its meaning is the agreement crate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedStay {
    /// Its number here.
    pub number: i64,
    /// What the ledger calls it.
    pub mark: String,
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

/// The tables whose rows are of a lead, by which column, in an order in which they can be deleted.
const LEAVES_OF_A_LEAD: &[(&str, &str)] = &[
    ("paper", "file"),
    ("read_log", "file"),
    ("sealed_entry", "lead"),
    ("notice", "file"),
    ("correction", "file"),
    ("step", "file"),
    ("case_file", "id"),
    ("opening", "lead"),
    ("judgement", "lead"),
    ("lead", "id"),
];

/// What is destroyed: all that was obtained in some runs, or for some leads.
#[derive(Clone, Copy, Debug)]
enum Doomed<'names> {
    /// The leads of these runs.
    Runs(&'names [String]),
    /// These leads.
    Leads(&'names [String]),
}

impl Doomed<'_> {
    fn names(&self) -> &[String] {
        match self {
            Doomed::Runs(names) | Doomed::Leads(names) => names,
        }
    }
}

/// What stays of leads that are destroyed: that two records are not of one person, without its reason, for it protects
/// somebody. A list of leads follows.
const KEEP_NOT_SAME: &str =
    "INSERT INTO not_same (pair, lead, expires) SELECT pair, lead, expires FROM judgement
     WHERE judgement = 'not-same' AND reversed_by IS NULL AND lead IN";

/// Names the runs that were begun under an agreement, of all with their inputs.
fn runs_under(runs: &[(String, String)], agreement: &str) -> Vec<String> {
    let is_under = |inputs: &str| crate::run::agreement_in(inputs).as_deref() == Some(agreement);
    let under = runs.iter().filter(|(_, inputs)| is_under(inputs));
    under.map(|(id, _)| id.clone()).collect()
}

/// Keeps the cases of one program.
///
/// # Promises
/// An implementation keeps these, and its callers rely on nothing else:
/// 1. **One transaction.** Each method that takes drafts writes the state and puts their entries into the outbox in one
///    transaction. After a crash both are there or neither is.
/// 2. **Durable on return.** What a method wrote survives loss of power once it has returned.
/// 3. **Order.** The outbox gives its lines back in the order in which their transactions committed, and their times
///    never run backwards.
/// 4. **Once.** A run, a chunk's release and an acknowledgement take effect at most once; a second try is an error
///    ([`Error::NotWaiting`]) or finds the first one's result, and changes nothing.
/// 5. **One writer.** Two processes never interleave writes; the second waits, then gets [`Error::Busy`].
pub trait Store {
    /// Returns the program's pair secret, which names pairs across cycles. It is made once, from `fresh`, for one
    /// environment; asking under another is an error ([`Error::OtherEnvironment`]): nothing is ever promoted.
    fn pair_secret(
        &self,
        environment: &str,
        fresh: [u8; 32],
    ) -> impl Future<Output = Result<[u8; 32], Error>>;

    /// Puts entries into the outbox with no other change of state: decisions, refusals. Returns their numbers.
    fn note(&self, drafts: &Drafts<'_>) -> impl Future<Output = Result<Vec<i64>, Error>>;

    /// Notes an act with the openings of what its entry commits to.
    fn note_opened(
        &self,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<Vec<i64>, Error>>;

    /// Returns the time of the last line of the outbox, in seconds.
    fn last_second(&self) -> impl Future<Output = Result<Option<i64>, Error>>;

    /// Notes that an agreement is filed here, unless it was noted before. Says whether it was new.
    fn file_once(
        &self,
        agreement: &str,
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<bool, Error>>;

    /// Returns the outbox lines that the ledger has not acknowledged, in order.
    fn waiting(&self) -> impl Future<Output = Result<Vec<Outgoing>, Error>>;

    /// Counts those lines, however many wait.
    fn count_waiting(&self) -> impl Future<Output = Result<u64, Error>>;

    /// Returns the highest ledger index acknowledged.
    fn last_acknowledged(&self) -> impl Future<Output = Result<Option<u64>, Error>>;

    /// Notes that the ledger holds an outbox line at an index.
    fn acknowledge(&self, number: i64, index: u64) -> impl Future<Output = Result<(), Error>>;

    /// Returns the cycle's run that was not abandoned.
    fn run(&self, cycle: &str) -> impl Future<Output = Result<Option<Run>, Error>>;

    /// Returns every run, oldest first.
    fn runs(&self) -> impl Future<Output = Result<Vec<Run>, Error>>;

    /// Returns what was asked about named persons outside of cycles, from an instant on, and an officer's open matters
    /// (floor F4). A request counts from [`Store::start`] on, whatever became of it.
    fn asked_since(
        &self,
        officer: &str,
        since: jiff::Timestamp,
    ) -> impl Future<Output = Result<AskedSoFar, Error>>;

    /// Returns the numbers that a register of requests gave to matters that are still open here: look-ups that have not
    /// ended, or of whose leads one is not closed.
    fn open_matters(&self) -> impl Future<Output = Result<BTreeSet<u64>, Error>>;

    /// Begins a run.
    fn start(&self, run: &Run, drafts: &Drafts<'_>) -> impl Future<Output = Result<(), Error>>;

    /// Gives up a run that has found nothing yet.
    fn abandon(&self, run: &str, drafts: &Drafts<'_>) -> impl Future<Output = Result<(), Error>>;

    /// Stores all that a run found, and its counts; from here on the run goes on rather than starts again. What
    /// earlier runs still hold is closed: the newer run has looked at the same people again. A look-up closes nothing: it
    /// has looked at those who were named and at nobody else.
    fn plan(
        &self,
        run: &str,
        summary: &str,
        leads: &[Planned],
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Puts held leads into chunks, once their pilot has passed, closes those that another lead has come to cover, and
    /// sets the run going again.
    fn unhold(
        &self,
        run: &str,
        chunks: &[(LeadId, u32)],
        covered: &[LeadId],
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Stores a disclosure with its openings, before anything is released. Its one draft becomes its leaf, which is
    /// returned with its number in the outbox.
    fn prepare(
        &self,
        disclosure: &Disclosure,
        openings: &[(LeadId, String)],
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(i64, Vec<u8>), Error>>;

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
        drafts: &Drafts<'_>,
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
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Returns the leads, by cycle or all, in the order of their numbers.
    fn leads(&self, cycle: Option<&str>) -> impl Future<Output = Result<Vec<Lead>, Error>>;

    /// Returns one lead.
    fn lead(&self, id: &LeadId) -> impl Future<Output = Result<Lead, Error>>;

    /// Counts the leads of a cycle by stage.
    fn count(&self, cycle: &str) -> impl Future<Output = Result<BTreeMap<Stage, u32>, Error>>;

    /// Stores a person's judgement of an open lead, with the openings of what the ledger commits to.
    fn review(
        &self,
        review: &Review,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Returns what earlier cycles know of pairs, as of an instant.
    fn known(
        &self,
        pairs: &[PairKey],
        before_run: &str,
        now: jiff::Timestamp,
    ) -> impl Future<Output = Result<HashMap<PairKey, Known>, Error>>;

    /// Measures the pilot of a model by the judgements on leads of its runs, of those at most as tight as `bound` or of
    /// all: a judgement says something of leads at its own bound and above.
    fn pilot(
        &self,
        model: &str,
        bound: Option<f64>,
        terms: &PilotTerms,
    ) -> impl Future<Output = Result<Pilot, Error>>;

    /// Returns how many judgements of a model's leads were not right (not the same, or not to be told), out of those that
    /// stand: of its runs, and apart from these of look-ups by it. The latter are in no pilot, since who was asked about was
    /// picked and not drawn; but a lead that was wrong is wrong whoever asked for it (floor F12).
    fn not_right(&self, model: &str) -> impl Future<Output = Result<NotRight, Error>>;

    /// Returns the weight and the judgement of each pair whose judgement stands, of a model's runs or of that for one cycle,
    /// and counts those of their open leads that have none. A pair that came back and was judged again comes once, as it was
    /// judged last. No case, no record and no day comes with them.
    fn judged_weights(
        &self,
        model: &str,
        cycle: Option<&str>,
    ) -> impl Future<Output = Result<(Vec<(f64, Judgement)>, u64), Error>>;

    /// Counts the leads that were opened, or that another run is about to open, under a model at most as tight.
    fn opened(
        &self,
        model: &str,
        bound: f64,
        but_run: &str,
    ) -> impl Future<Output = Result<u64, Error>>;

    /// Puts planned leads back to held: the pilot has no room for them.
    fn hold(&self, leads: &[LeadId]) -> impl Future<Output = Result<(), Error>>;

    /// Ends a run without releasing what it still plans or holds: its agreement is another by now.
    fn close_rest(
        &self,
        run: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Counts the leads that runs before this one still hold, and that it closes.
    fn held_before(&self, run: &str) -> impl Future<Output = Result<u64, Error>>;

    /// Counts what the term has come to so far: finished cycles, persons disclosed about, leads judged.
    fn term(&self) -> impl Future<Output = Result<(u64, u64, u64), Error>>;

    /// Counts the persons about whom a run has disclosed something.
    fn disclosed(&self, run: &str) -> impl Future<Output = Result<u64, Error>>;

    /// Returns what a run has released, from the register of disclosures, in order.
    fn register(&self, run: &str) -> impl Future<Output = Result<Vec<Disclosure>, Error>>;

    /// Records a stay.
    fn record_stay(
        &self,
        mark: &str,
        stay: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<i64, Error>>;

    /// Lifts a stay, by an order; `stay` is how it reads from now on.
    fn lift_stay(
        &self,
        number: i64,
        stay: &str,
        by: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Counts the leads under an agreement that are kept, whatever became of them.
    fn left_under(&self, agreement: &str) -> impl Future<Output = Result<u64, Error>>;

    /// Destroys what was obtained under an agreement: its key ([`vault::Vault::destroy`]), then the rows, with the
    /// certificate put into the outbox in the same transaction. While a lead or case is still being worked nothing is
    /// ([`Error::CasesStanding`]), and none can be opened again meanwhile. After a crash the next call goes on. That a
    /// pair is not the same stays known.
    fn destroy(
        &self,
        agreement: &str,
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> impl Future<Output = Result<Destroyed, Error>>;

    /// Names cases under an agreement that were closed before an instant, those closed first coming first, at most so many,
    /// after the last one seen.
    fn closed_before(
        &self,
        agreement: &str,
        before: jiff::Timestamp,
        after: Option<&LeadId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<LeadId>, Error>> + Send;

    /// Deletes what was obtained for these leads, and puts its certificate into the outbox in the same transaction. The
    /// agreement's key stays, since others are sealed under it too. That a pair is not the same stays known.
    fn destroy_leads(
        &self,
        agreement: &str,
        leads: &[LeadId],
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> impl Future<Output = Result<Destroyed, Error>> + Send;

    /// Seals an entry from the individual of a lead, with the openings of what the sealing's own entry commits to.
    /// Returns its lines in the outbox.
    fn seal_entry(
        &self,
        sealed: &SealedEntry,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> impl Future<Output = Result<Vec<i64>, Error>>;

    /// Returns the sealed entries of a lead, ended or not, in the order in which they were sealed.
    fn sealed_entries(
        &self,
        lead: &LeadId,
    ) -> impl Future<Output = Result<Vec<SealedEntry>, Error>>;

    /// Returns every stay recorded, lifted or not, and the state they are in.
    fn stays(&self) -> impl Future<Output = Result<(StaysState, Vec<RecordedStay>), Error>>;
}
