//! Cases in the store, behind a trait of their own that states its promises: steps, lists, counts, the register of
//! disclosures about one case, corrections under way, notices to be sent, papers handed in, and who read what.

pub(in crate::store) mod ready;
pub(in crate::store) mod row;
mod tally;

pub use tally::{Tally, tallies};

use crate::{BondKey, Case, CaseStage, Cluster, Delivery, Drafts, Error, How, LeadId, Terms};
use agreement::OfficerId;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

/// A case as stored, with what lists show beside it.
#[derive(Clone, Debug)]
pub struct StoredCase {
    /// The case.
    pub case: Case,
    /// Its lead's weight.
    pub weight: f64,
}

/// A step to be stored with the entries that tell of it.
#[derive(Debug)]
pub struct Moving {
    /// The case after the step: its last step is the one that is stored.
    pub case: Case,
    /// The entries.
    pub drafts: Drafts<'static>,
    /// The openings of what the entries commit to.
    pub openings: Vec<String>,
}

/// A case as a list shows it. Nothing in it is sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseLine {
    /// Its number.
    pub id: LeadId,
    /// Where it stands.
    pub stage: CaseStage,
    /// When its next step is due; none once it is closed.
    pub due: Option<Timestamp>,
    /// The officer it is given to.
    pub assigned: Option<OfficerId>,
    /// The county it is listed under.
    pub county: Option<String>,
    /// The worker it is listed under.
    pub worker: Option<String>,
    /// Its lead's weight.
    pub weight: f64,
    /// The number of its steps.
    pub version: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// Which cases a list shows: those due first come first. What is none does not narrow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Those given to this officer.
    pub assigned: Option<OfficerId>,
    /// Those given to nobody.
    pub unassigned: bool,
    /// Those at this stage; closed ones are listed only when asked for.
    pub stage: Option<CaseStage>,
    /// Those of this county.
    pub county: Option<String>,
    /// Those of this worker.
    pub worker: Option<String>,
    /// Those due before this instant.
    pub due_before: Option<Timestamp>,
    /// Those after the last one seen.
    pub after: Option<After>,
}

/// The last one seen of a list: the next page begins after it, however many there are and whatever was added since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Its due time in seconds, or when it was closed.
    pub second: i64,
    /// Its number.
    pub id: LeadId,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub lines: Vec<T>,
    /// Where the next one begins; none on the last.
    pub next: Option<After>,
}

impl<T> Page<T> {
    /// Cuts what was read to a page: one line more than asked for says that there is another.
    pub(in crate::store) fn cut(
        mut lines: Vec<T>,
        limit: u32,
        place: impl Fn(&T) -> After,
    ) -> Page<T> {
        let limit = limit as usize;
        let more = lines.len() > limit;
        lines.truncate(limit);
        let next = if more { lines.last().map(place) } else { None };
        Page { lines, next }
    }
}

/// How many cases there are, and what came of them: for the program, and by reviewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many stand at each stage.
    pub standing: BTreeMap<CaseStage, u64>,
    /// How many ever reached each stage.
    pub reached: BTreeMap<CaseStage, u64>,
    /// How many left each stage, and how many seconds they were at it together.
    pub times: BTreeMap<CaseStage, (u64, u64)>,
    /// How often each outcome came ([`crate::Tripwire::of`]).
    pub outcomes: BTreeMap<String, u64>,
    /// The same, of the leads that each officer judged.
    pub by_reviewer: BTreeMap<OfficerId, BTreeMap<String, u64>>,
    /// How many seconds the leads that each officer judged had waited until then, together.
    pub waited: BTreeMap<OfficerId, u64>,
    /// Minutes of work, as results say that came in from the agency's own system.
    pub minutes: u64,
}

/// How often each outcome came, by subgroup and group. They are as many as the agreement's subgroups have groups, and so are
/// read apart.
pub type GroupCounts = BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>;

/// Reads the counts, those of groups apart. Either database takes it so.
pub(in crate::store) const COUNTS: &str = "SELECT what, of_whom, name, n FROM tally
     WHERE what IN ('standing', 'reached', 'left', 'seconds', 'outcome', 'minutes')";

/// Reads the counts of groups.
pub(in crate::store) const GROUP_COUNTS: &str =
    "SELECT of_whom, name, n FROM tally WHERE what = 'group'";

/// Adds one count as stored to those of its group.
pub(in crate::store) fn add_to_group(
    counts: &mut GroupCounts,
    of: &str,
    name: String,
    n: i64,
) -> Result<(), Error> {
    let (subgroup, group) = of.split_once(' ').ok_or(Error::Unreadable { column: "tally" })?;
    let outcomes = counts.entry(subgroup.to_owned()).or_default().entry(group.to_owned());
    outcomes.or_default().insert(name, u64::try_from(n).unwrap_or(0));
    Ok(())
}

impl Counts {
    /// Adds one count as stored.
    pub(in crate::store) fn add(
        &mut self,
        what: &str,
        of: &str,
        name: &str,
        n: u64,
    ) -> Result<(), Error> {
        let unreadable = Error::Unreadable { column: "tally" };
        if what == "minutes" {
            self.minutes = n;
            return Ok(());
        }
        if what == "outcome" {
            let outcomes = if of.is_empty() {
                &mut self.outcomes
            } else {
                let officer = OfficerId::new(of).map_err(|_| unreadable)?;
                if name == tally::SECONDS_TO_JUDGE {
                    self.waited.insert(officer, n);
                    return Ok(());
                }
                self.by_reviewer.entry(officer).or_default()
            };
            outcomes.insert(name.to_owned(), n);
            return Ok(());
        }
        let Some(stage) = CaseStage::read(name) else {
            return Err(unreadable);
        };
        match what {
            "standing" => {
                self.standing.insert(stage, n);
            }
            "reached" => {
                self.reached.insert(stage, n);
            }
            "left" => self.times.entry(stage).or_default().0 = n,
            "seconds" => self.times.entry(stage).or_default().1 = n,
            _other => return Err(unreadable),
        }
        Ok(())
    }
}

/// A disclosure about one case, as the register has it (552a(c)(1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosed {
    /// The lead that was disclosed.
    pub lead: LeadId,
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// Which elements.
    pub elements: Vec<String>,
    /// Where the ledger holds it.
    pub ledger_index: Option<u64>,
}

/// A correction on its way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The case.
    pub case: LeadId,
    /// Which correction of the case: the number of the step that ordered it.
    pub number: u64,
    /// How far it is.
    pub delivery: Delivery,
}

/// How far a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Letter {
    /// Drafted, and to be printed or sent.
    Drafted,
    /// Given to the printer, and not yet said to be served.
    Printed,
    /// Served.
    Served,
    /// Came back, and to be tried at another address.
    Returned,
}

impl Letter {
    /// Returns the word as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Letter::Drafted => "drafted",
            Letter::Printed => "printed",
            Letter::Served => "served",
            Letter::Returned => "returned",
        }
    }

    /// Reads the word as stored.
    pub fn read(text: &str) -> Option<Letter> {
        [Letter::Drafted, Letter::Printed, Letter::Served, Letter::Returned]
            .into_iter()
            .find(|letter| letter.as_str() == text)
    }
}

/// A notice in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeLine {
    /// The case.
    pub case: LeadId,
    /// The language.
    pub language: String,
    /// How it was last served, if it was.
    pub how: Option<How>,
    /// SHA-256 of the letter.
    pub letter: String,
    /// How far it is.
    pub state: Letter,
    /// Since when.
    pub at: Timestamp,
}

/// A paper that was handed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Paper {
    /// SHA-256 of its bytes: its name.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// What the individual called it.
    pub title: String,
    /// When it was handed in.
    pub at: Timestamp,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paper").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}

/// Who read what about a case, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who: an officer, or the individual.
    pub by: String,
    /// What was read, in a word.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

/// Keeps cases.
///
/// # Promises
/// Those of [`crate::Store`], and these:
/// 1. **The fold.** What [`CaseStore::case`] returns is the fold of the steps that were stored, and nothing else.
/// 2. **The version.** A step is stored if the case has as many steps as it had when the step was worked out; otherwise
///    nothing is ([`Error::CaseMoved`]), and the one who comes second looks again.
/// 3. **One transaction.** The step, the case's line in lists, counts, corrections, disputes, notices, judgements and the
///    outbox lines are stored together or not at all. Many callers' steps may share a commit; each is answered after it.
/// 4. **Order.** The outbox lines of one step follow one another, with no other line between.
/// 5. **Bounded reads.** A list reads an index and as many rows as it returns; no read counts all cases.
pub trait CaseStore {
    /// Keeps the terms that cases under an agreement are opened with. The first ones stay.
    fn keep_terms(&self, terms: &Terms) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns a case.
    fn case(&self, id: &LeadId) -> impl Future<Output = Result<StoredCase, Error>> + Send;

    /// Stores a case's last step, and returns the numbers of its lines in the outbox.
    fn take(&self, moving: Moving) -> impl Future<Output = Result<Vec<i64>, Error>> + Send;

    /// Returns a page of the cases of a list, at most so many.
    fn queue(
        &self,
        queue: &Queue,
        limit: u32,
    ) -> impl Future<Output = Result<Page<CaseLine>, Error>> + Send;

    /// Returns the counts, those of groups apart.
    fn counts(&self) -> impl Future<Output = Result<Counts, Error>> + Send;

    /// Returns the counts of groups.
    fn group_counts(&self) -> impl Future<Output = Result<GroupCounts, Error>> + Send;

    /// Adds minutes of work that results tell of.
    fn add_minutes(&self, minutes: u64) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns what was disclosed about the case with the recipient's own id.
    fn disclosed_about(
        &self,
        case_id: &str,
    ) -> impl Future<Output = Result<Vec<Disclosed>, Error>> + Send;

    /// Returns what was disclosed on one lead.
    fn disclosed_on(
        &self,
        id: &LeadId,
    ) -> impl Future<Output = Result<Vec<Disclosed>, Error>> + Send;

    /// Returns corrections that are to be sent now, those due first.
    fn corrections_due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Dispatch>, Error>> + Send;

    /// Returns every correction of a case and how far each is.
    fn corrections_of(
        &self,
        id: &LeadId,
    ) -> impl Future<Output = Result<Vec<Dispatch>, Error>> + Send;

    /// Returns the leads that the runs joined to the same case as this one, in the order of their numbers.
    fn cluster(&self, id: &LeadId) -> impl Future<Output = Result<Cluster, Error>> + Send;

    /// Returns which of these bonds a correction has cut.
    fn cut(
        &self,
        bonds: &[BondKey],
    ) -> impl Future<Output = Result<BTreeSet<BondKey>, Error>> + Send;

    /// Returns the case whose correction cut the bond that a lead hangs on, if one did.
    fn cut_by(&self, id: &LeadId) -> impl Future<Output = Result<Option<LeadId>, Error>> + Send;

    /// Notes how far a correction is, with entries that tell of it.
    fn note_delivery(
        &self,
        dispatch: &Dispatch,
        drafts: Drafts<'static>,
    ) -> impl Future<Output = Result<Vec<i64>, Error>> + Send;

    /// Returns a page of notices that are so far, the longest-waiting first.
    fn notices(
        &self,
        state: Letter,
        after: Option<&After>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<NoticeLine>, Error>> + Send;

    /// Notes that drafted notices were given to the printer.
    fn note_printed(
        &self,
        cases: &[LeadId],
        now: Timestamp,
        drafts: Drafts<'static>,
    ) -> impl Future<Output = Result<Vec<i64>, Error>> + Send;

    /// Notes that somebody reads about cases, before anything is shown; no case at all for a list's heading.
    fn note_read(
        &self,
        cases: &[LeadId],
        seen: &Seen,
        openings: &[String],
        drafts: Drafts<'static>,
    ) -> impl Future<Output = Result<Vec<i64>, Error>> + Send;

    /// Returns who read about a case, latest first, at most so many.
    fn reads_of(
        &self,
        id: &LeadId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Seen>, Error>> + Send;

    /// Keeps a paper that was handed in. The same bytes are kept once.
    fn keep_paper(
        &self,
        id: &LeadId,
        paper: &Paper,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns a paper of a case.
    fn paper(
        &self,
        id: &LeadId,
        digest: &str,
    ) -> impl Future<Output = Result<Option<Paper>, Error>> + Send;

    /// Notes that the ledger holds outbox lines, each at its index, all in one transaction. What the ledger holds is not
    /// kept here a second time: of the lines acknowledged the last one stays, to say how far the ledger is.
    fn acknowledge_all(
        &self,
        lines: &[(i64, u64)],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns the outbox as it is at one moment, with at most so many lines that the ledger has not acknowledged.
    fn outbox(&self, limit: u32) -> impl Future<Output = Result<crate::Outbox, Error>> + Send;
}
