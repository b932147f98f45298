//! Errands: what the server does for an officer that takes longer than a page: lists, letters and results by the hundred,
//! and the report of a year. Each says how far it is, and can be cancelled; what it made waits to be fetched.
//!
//! They live in memory alone and end with the server: what was taken in by then is taken, and what was made is made again.
//! Nothing leaves by an errand: whoever fetches what it made is asked for leave again, and that is recorded first
//! (floor F8, F9).

use super::Error;
use super::error::Problem;
use super::import::Imported;
use crate::annual::Report;
use agreement::OfficerId;
use casework::LeadId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// How long what an errand made waits to be fetched, in hours.
const KEPT_HOURS: i64 = 1;

/// How many may be under way at once; they share the machine with whoever works at a case.
const AT_ONCE: usize = 4;

/// What an errand is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A work list for another system.
    WorkList,
    /// Letters for the printer.
    PrintFile,
    /// Results from another system.
    Results,
    /// What the printer and the post say of letters.
    Mail,
    /// The matching report of a year.
    Report,
    /// A run of the program.
    Run,
    /// Persons who are named one by one.
    LookUp,
}

impl What {
    /// Says it in words.
    pub(crate) fn said(self) -> &'static str {
        match self {
            What::WorkList => "Work list",
            What::PrintFile => "Print file",
            What::Results => "Results",
            What::Mail => "Mail",
            What::Report => "Matching report",
            What::Run => "Run",
            What::LookUp => "Look-up",
        }
    }

    /// Returns the page it was begun on.
    pub(crate) fn home(self) -> &'static str {
        match self {
            What::WorkList => "/work-lists",
            What::PrintFile => "/print-files",
            What::Results => "/results",
            What::Mail => "/returned-mail",
            What::Report => "/board",
            What::Run => "/program",
            What::LookUp => "/look-ups",
        }
    }
}

/// How far something is, for those who do it and those who wait. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    inner: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    of: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Progress {
    /// Says how much there is to do.
    pub(crate) fn begins(&self, of: u64) {
        self.inner.of.store(of, Ordering::Relaxed);
    }

    /// Says that one more is done.
    pub(crate) fn goes_on(&self) {
        self.inner.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how much is done, and of how much.
    pub(crate) fn is_at(&self, done: u64, of: u64) {
        self.inner.of.store(of, Ordering::Relaxed);
        self.inner.done.store(done, Ordering::Relaxed);
    }

    /// Asks it to stop.
    pub(crate) fn cancel(&self) {
        self.inner.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Says whether it was asked to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.inner.is_cancelled.load(Ordering::Relaxed)
    }

    /// Returns how much is done, and of how much.
    pub(crate) fn seen(&self) -> (u64, u64) {
        let of = self.inner.of.load(Ordering::Relaxed);
        (self.inner.done.load(Ordering::Relaxed).min(of), of)
    }
}

/// A file that an errand made. It may hold letters: `Debug` shows its name.
pub(crate) struct Made {
    /// What it is in the ledger's words: `work-list` or `print-file`.
    pub(crate) what: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// The cases in it.
    pub(crate) cases: Vec<LeadId>,
    /// The cases that are not in it, with why.
    pub(crate) left_out: Vec<(LeadId, String)>,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What came of asking about persons who are named: the leads opened about each, by the case's number. `Debug` shows the name of
/// the look-up.
pub(crate) struct LookedUp {
    /// Its name.
    pub(crate) look_up: String,
    /// The leads of each person.
    pub(crate) answers: Vec<(String, Vec<LeadId>)>,
}

impl fmt::Debug for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookedUp").field("look_up", &self.look_up).finish_non_exhaustive()
    }
}

/// What came of an errand.
#[derive(Debug)]
pub(crate) enum Ended {
    /// A file, to be fetched.
    Made(Made),
    /// Rows were taken in.
    Taken(Imported),
    /// The evidence of a year was gathered.
    Reported(Report),
    /// The program was run: what it came to, in words and counts.
    Ran(Vec<(&'static str, u64)>),
    /// Persons were looked up.
    LookedUp(LookedUp),
    /// It was cancelled, and nothing came of it.
    Cancelled,
    /// It was refused, or failed.
    Failed(Problem),
}

/// One errand.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) id: String,
    pub(crate) what: What,
    pub(crate) owner: OfficerId,
    pub(crate) begun_at: Timestamp,
    pub(crate) progress: Progress,
    ended: OnceLock<Ended>,
}

impl Errand {
    /// Returns what came of it; nothing while it is under way.
    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.get()
    }

    /// Says whether it is under way, or its hour is not over.
    fn is_kept(&self, now: Timestamp) -> bool {
        let until = self.begun_at.checked_add(SignedDuration::from_hours(KEPT_HOURS));
        self.ended().is_none() || until.is_ok_and(|until| now < until)
    }
}

/// The errands of a node.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    errands: BTreeMap<String, Arc<Errand>>,
    running: JoinSet<()>,
}

impl Errands {
    /// Begins an errand, and returns it at once.
    ///
    /// # Errors
    /// Too many are under way.
    pub(crate) async fn begin<F>(
        &self,
        now: Timestamp,
        owner: &OfficerId,
        what: What,
        work: impl FnOnce(Progress) -> F,
    ) -> Result<Arc<Errand>, Error>
    where
        F: Future<Output = Result<Ended, Error>> + Send + 'static,
    {
        let mut state = self.state.lock().await;
        while state.running.try_join_next().is_some() {}
        if state.running.len() >= AT_ONCE {
            return Err(Error::TooMany { seconds: 10 });
        }
        state.errands.retain(|_, errand| errand.is_kept(now));
        let is_there = |errand: &Errand| errand.what == what && errand.ended().is_none();
        if what == What::Run && state.errands.values().any(|errand| is_there(errand)) {
            return Err(Error::NotAllowed { why: "the program is being run already".to_owned() });
        }
        if what == What::PrintFile {
            // A letter's new code voids the one before: of two files of letters only the later one is worth sending.
            let under_way = |errand: &Errand| errand.what == what && errand.ended().is_none();
            if state.errands.values().any(|errand| under_way(errand)) {
                return Err(Error::NotAllowed {
                    why:
                        "letters are being gathered already: wait until that is done, or cancel it"
                            .to_owned(),
                });
            }
            state.errands.retain(|_, errand| errand.what != what);
        }
        let errand = Arc::new(Errand {
            id: crate::node::mark()?,
            what,
            owner: owner.clone(),
            begun_at: now,
            progress: Progress::default(),
            ended: OnceLock::new(),
        });
        state.errands.insert(errand.id.clone(), errand.clone());
        let (work, running) = (work(errand.progress.clone()), errand.clone());
        state.running.spawn(async move {
            // In a task of its own, which ends with this one: a mistake of ours ends the errand, and is told.
            let mut alone = JoinSet::new();
            alone.spawn(work);
            let worked = match alone.join_next().await {
                Some(Ok(worked)) => worked,
                // What it says could hold a value, so it is not logged.
                Some(Err(_)) | None => Err(Error::Failed { why: "an errand panicked".to_owned() }),
            };
            let ended = match worked {
                Ok(ended) => ended,
                Err(error) => {
                    if let Error::Failed { why } | Error::Unavailable { why } = &error {
                        tracing::error!(why, "an errand failed");
                    }
                    Ended::Failed(error.problem())
                }
            };
            // Nobody else sets it.
            let _ = running.ended.set(ended);
        });
        Ok(errand)
    }

    /// Returns an officer's errand.
    pub(crate) async fn find(
        &self,
        owner: &OfficerId,
        id: &str,
        now: Timestamp,
    ) -> Result<Arc<Errand>, Error> {
        let state = self.state.lock().await;
        let errand = state.errands.get(id);
        let errand = errand.filter(|errand| errand.owner == *owner && errand.is_kept(now));
        errand.cloned().ok_or(Error::NotFound)
    }

    /// Returns an officer's errands, the latest first.
    pub(crate) async fn of(&self, owner: &OfficerId, now: Timestamp) -> Vec<Arc<Errand>> {
        let mut state = self.state.lock().await;
        state.errands.retain(|_, errand| errand.is_kept(now));
        let mut all: Vec<_> =
            state.errands.values().filter(|errand| errand.owner == *owner).cloned().collect();
        all.sort_by_key(|errand| std::cmp::Reverse(errand.begun_at));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> OfficerId {
        OfficerId::new("ada").unwrap()
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// Begins an errand and waits until it has ended.
    async fn ended<F>(errands: &Errands, work: impl FnOnce(Progress) -> F) -> Arc<Errand>
    where
        F: Future<Output = Result<Ended, Error>> + Send + 'static,
    {
        let errand = errands.begin(after(0), &ada(), What::WorkList, work).await.unwrap();
        while errands.state.lock().await.running.join_next().await.is_some() {}
        errand
    }

    #[tokio::test]
    async fn an_errand_that_panics_has_failed_and_makes_room_for_others() {
        let errands = Errands::default();
        for _ in 0..2 * AT_ONCE {
            let errand = ended(&errands, |_| async { panic!("of this test") }).await;
            assert!(
                matches!(errand.ended(), Some(Ended::Failed(problem)) if problem.status == 500)
            );
        }
    }

    #[tokio::test]
    async fn what_an_errand_made_waits_an_hour_and_one_under_way_as_long_as_it_takes() {
        let errands = Errands::default();
        let done = ended(&errands, |_| async { Ok(Ended::Cancelled) }).await;
        let (release, held) = tokio::sync::oneshot::channel::<()>();
        let under_way = errands
            .begin(after(0), &ada(), What::Report, |_| async {
                let _ = held.await;
                Ok(Ended::Cancelled)
            })
            .await
            .unwrap();
        let hour = 3600;
        let found = async |id: &str, at| errands.find(&ada(), id, after(at)).await.is_ok();
        assert!(found(&done.id, hour - 1).await);
        assert!(!found(&done.id, hour).await);
        assert!(found(&under_way.id, 5 * hour).await);
        let other = OfficerId::new("ben").unwrap();
        assert!(errands.find(&other, &under_way.id, after(0)).await.is_err(), "its owner's alone");
        assert_eq!(errands.of(&ada(), after(hour - 1)).await.len(), 2);
        assert_eq!(errands.of(&ada(), after(hour)).await.len(), 1, "its bytes are let go");
        release.send(()).unwrap();
    }
}
