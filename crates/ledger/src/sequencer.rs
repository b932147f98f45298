//! The sequencer: many who append at once, one who writes.
//!
//! Whoever appends waits; one thread takes all that wait as one group, and writes it as one transaction with one
//! fsync and one signature. So the cost of being durable is shared, and nobody is answered before it is paid. The
//! thread is the only one that touches the [`Log`]. It reads no clock: a wait is bounded by a duration that is an
//! argument, and the time of an entry is in the entry. When so many wait that they fill a bundle, a group ends where a
//! bundle does, and the rest go with the next: a bundle that is written in part is written again.

use std::{
    fmt, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Error,
    entry::Leaf,
    log::{Log, Recorded},
    store::Store,
    tile::WIDTH,
};

/// How a sequencer gathers entries into groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// How long the first entry of a group waits for others at most.
    pub gather: Duration,
    /// How many entries end the wait, whatever is left of it.
    pub enough: usize,
    /// How far an entry's time may lie before that of the last one. Those who append at once read their clocks in
    /// one order and arrive in another; such an entry is stamped with the time of the last one.
    pub late: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { gather: Duration::from_millis(2), enough: 2048, late: SignedDuration::from_secs(60) }
    }
}

/// What came of appending an entry: the evidence, and the leaf as it stands in the ledger, since its time may have
/// been moved to that of the last entry.
#[derive(Debug)]
#[must_use = "an entry was written so that something may follow"]
pub struct Sequenced {
    /// The evidence.
    pub recorded: Recorded,
    /// The leaf as it was written.
    pub leaf: Leaf,
}

/// A log that many may append to at once.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use ledger::{Commitments, Entry, Facts, Kind, Log, Memory, Name, Signer};
/// use ledger::{Pace, Sequencer};
///
/// # let signer = Signer::from_random(Name::new("ledger.example.gov/2026")?, [1; 32]);
/// # let log = Log::create(Memory::new(), Memory::new(), signer)?;
/// # let at = "2026-01-31T09:00:00Z".parse()?;
/// # let leaf = |nonce| {
/// #     Entry::new(Kind::new("demo")?, at, Facts::new(), Commitments::new(), [nonce; 32])?.to_leaf()
/// # };
/// let sequencer = Sequencer::start(log, Pace::default());
/// std::thread::scope(|scope| -> Result<(), ledger::Error> {
///     let one = scope.spawn(|| sequencer.append(leaf(1)?));
///     let other = scope.spawn(|| sequencer.append(leaf(2)?));
///     let (one, other) = (one.join().unwrap()?, other.join().unwrap()?);
///     assert_eq!(one.recorded.index() + other.recorded.index(), 1);
///     Ok(())
/// })?;
/// let log = sequencer.stop()?;
/// assert_eq!(log.size(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Sequencer<S, A = S> {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Log<S, A>>>,
}

/// What those who append and the one who writes have in common.
struct Shared {
    queue: Mutex<Queue>,
    /// Told when there is something to write, or when there will be nothing more.
    came: Condvar,
}

struct Queue {
    /// Those whose last entry will be the last of a bundle.
    full: Vec<Waiting>,
    /// The one that entries are added to.
    open: Waiting,
    /// How many entries wait in all.
    waiting: usize,
    /// The size of the ledger once all of them are written, should none be refused.
    size: u64,
    /// How many waiting entries end the gathering.
    wanted: usize,
    closed: bool,
    signed: Vec<u8>,
}

/// Entries that wait to be written together.
#[derive(Default)]
struct Waiting {
    leaves: Vec<Leaf>,
    /// Where they will find their answers.
    group: Arc<Group>,
}

/// The answers for a group, once there are any: one place each, to be emptied once.
#[derive(Default)]
struct Group {
    answers: OnceLock<Result<Answers, Arc<Error>>>,
}

type Answer = Result<Sequenced, Error>;

/// One place for each who waits, to be emptied once.
type Answers = Vec<Mutex<Option<Answer>>>;

impl<S, A> Sequencer<S, A>
where
    S: Store + Send + 'static,
    A: Store + Send + 'static,
{
    /// Starts the thread that writes.
    pub fn start(log: Log<S, A>, pace: Pace) -> Self {
        let queue = Queue {
            full: Vec::new(),
            open: Waiting::default(),
            waiting: 0,
            size: log.size(),
            wanted: 1,
            closed: false,
            signed: log.signed_checkpoint().to_vec(),
        };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), came: Condvar::new() });
        let writer = Writer { shared: Arc::clone(&shared), pace, log };
        Self { shared, thread: Some(thread::spawn(move || writer.write_all())) }
    }

    /// Appends an entry, and returns once it is durable and under a signed checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::TimeRunsBackwards`] when its time is further back than [`Pace::late`] allows; [`Error::Stopped`] after
    /// a failed write; [`Error::NotAcknowledged`] when its group could not be written: then whether it is in the
    /// ledger is known only after opening that again.
    pub fn append(&self, leaf: Leaf) -> Result<Sequenced, Error> {
        let (group, place) = {
            let mut queue = self.shared.queue();
            if queue.closed {
                return Err(Error::Stopped);
            }
            let found = queue.add(leaf);
            // The first wakes the writer; the last that is waited for ends its gathering.
            if queue.waiting == 1 || queue.waiting == queue.wanted {
                self.shared.came.notify_one();
            }
            found
        };
        match group.answers.wait() {
            Ok(answers) => {
                let answer = answers.get(place).and_then(|slot| lock(slot).take());
                answer.unwrap_or(Err(Error::Stopped))
            }
            Err(source) => Err(Error::NotAcknowledged { source: Arc::clone(source) }),
        }
    }

    /// Returns the checkpoint that was last signed, under which all is that was answered.
    pub fn signed_checkpoint(&self) -> Vec<u8> {
        self.shared.queue().signed.clone()
    }

    /// Writes what waits, stops, and returns the log.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when the writing thread has panicked.
    pub fn stop(mut self) -> Result<Log<S, A>, Error> {
        self.shared.close();
        self.thread.take().and_then(|thread| thread.join().ok()).ok_or(Error::Stopped)
    }
}

impl<S, A> Drop for Sequencer<S, A> {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            // A panic over there has been told to everybody who waited; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}

impl<S, A> fmt::Debug for Sequencer<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer").finish_non_exhaustive()
    }
}

impl Queue {
    /// Adds an entry, and returns where its answer will be.
    fn add(&mut self, leaf: Leaf) -> (Arc<Group>, usize) {
        let found = (Arc::clone(&self.open.group), self.open.leaves.len());
        self.open.leaves.push(leaf);
        self.waiting += 1;
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            self.full.push(mem::take(&mut self.open));
        }
        found
    }

    /// Takes what is to be written together, of which there is something.
    fn take(&mut self) -> Vec<Waiting> {
        let mut taken = mem::take(&mut self.full);
        if taken.is_empty() || (self.waiting as u64) < WIDTH {
            taken.push(mem::take(&mut self.open));
        }
        let count: usize = taken.iter().map(|waiting| waiting.leaves.len()).sum();
        self.waiting -= count;
        taken
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    fn close(&self) {
        self.queue().closed = true;
        self.came.notify_all();
    }
}

/// The thread that writes.
struct Writer<S, A> {
    shared: Arc<Shared>,
    pace: Pace,
    log: Log<S, A>,
}

impl<S: Store, A: Store> Writer<S, A> {
    fn write_all(mut self) -> Log<S, A> {
        // Should this thread panic, nobody waits for ever.
        let close = CloseOnDrop(Arc::clone(&self.shared));
        while let Some(taken) = self.gather() {
            let (leaves, groups): (Vec<_>, Vec<_>) =
                taken.into_iter().map(|one| (one.leaves, AnswerOnDrop(one.group))).unzip();
            let counts: Vec<_> = leaves.iter().map(Vec::len).collect();
            let mut answers = self.write(leaves.into_iter().flatten().collect()).map_err(Arc::new);
            let mut queue = self.shared.queue();
            match &answers {
                Ok(_) => {
                    queue.signed = self.log.signed_checkpoint().to_vec();
                    // Some may have been refused.
                    queue.size = self.log.size() + queue.waiting as u64;
                }
                Err(_) => queue.closed = true,
            }
            drop(queue);
            for (group, count) in groups.into_iter().zip(counts) {
                group.answer(match &mut answers {
                    Ok(answers) => Ok(answers.drain(..count).collect()),
                    Err(error) => Err(Arc::clone(error)),
                });
            }
        }
        drop(close);
        self.log
    }

    /// Waits for entries and takes those to be written together; nothing once there will be no more.
    fn gather(&self) -> Option<Vec<Waiting>> {
        let Shared { queue, came } = &*self.shared;
        let idle = |queue: &mut Queue| queue.waiting == 0 && !queue.closed;
        let queue = came.wait_while(lock(queue), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |queue: &mut Queue| queue.waiting < queue.wanted && !queue.closed;
        let (mut queue, _) = came
            .wait_timeout_while(queue, self.pace.gather, few)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.waiting == 0 {
            return None;
        }
        // As many as came last time are waited for the next time: those who were answered come again.
        queue.wanted = queue.waiting.clamp(1, self.pace.enough.max(1));
        Some(queue.take())
    }

    /// Writes a group, in the order of its times, and returns the answers in the order in which it came.
    fn write(&mut self, leaves: Vec<Leaf>) -> Result<Answers, Error> {
        let mut answers: Vec<_> = leaves.iter().map(|_| Mutex::new(None)).collect();
        let mut places: Vec<_> = leaves.into_iter().enumerate().collect();
        places.sort_by_key(|(_, leaf)| leaf.at());
        let (mut taken, mut stamped) = (Vec::new(), Vec::new());
        for (place, leaf) in places {
            match self.stamp(leaf) {
                Ok(leaf) => {
                    taken.push(place);
                    stamped.push(leaf);
                }
                Err(error) => answer(&mut answers, place, Err(error)),
            }
        }
        let recorded = self.log.append(&stamped)?;
        for ((place, leaf), recorded) in taken.into_iter().zip(stamped).zip(recorded) {
            answer(&mut answers, place, Ok(Sequenced { recorded, leaf }));
        }
        Ok(answers)
    }

    /// Moves a time that is a little before the last entry's to that.
    fn stamp(&self, leaf: Leaf) -> Result<Leaf, Error> {
        let at = leaf.at();
        match self.log.last_at().filter(|last| *last > at) {
            None => Ok(leaf),
            Some(last) if is_within(at, last, self.pace.late) => leaf.stamped(last),
            Some(last) => Err(Error::TimeRunsBackwards { last, at }),
        }
    }
}

fn is_within(at: Timestamp, last: Timestamp, late: SignedDuration) -> bool {
    last.duration_since(at) <= late
}

fn answer(answers: &mut [Mutex<Option<Answer>>], place: usize, with: Answer) {
    if let Some(slot) = answers.get_mut(place) {
        *slot.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(with);
    }
}

/// Locks; a thread that panicked leaves nothing half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers a group that would otherwise wait for ever.
struct AnswerOnDrop(Arc<Group>);

impl AnswerOnDrop {
    fn answer(self, answers: Result<Answers, Arc<Error>>) {
        // It is set once; the drop that follows finds it so.
        let _ = self.0.answers.set(answers);
    }
}

impl Drop for AnswerOnDrop {
    fn drop(&mut self) {
        let _ = self.0.answers.set(Err(Arc::new(Error::Stopped)));
    }
}

/// Lets nobody begin to wait for a thread that is gone.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.closed = true;
        let waiting = mem::take(&mut queue.full).into_iter().chain([mem::take(&mut queue.open)]);
        for Waiting { group, leaves: _ } in waiting {
            let _ = group.answers.set(Err(Arc::new(Error::Stopped)));
        }
        drop(queue);
        self.0.came.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Commitments, Entry, Facts, Kind, Memory, Name, Signer,
        store::{Fault, Files, Held},
    };

    fn leaf(number: u64, second: i64) -> Leaf {
        let mut facts = Facts::new();
        facts.insert("number".into(), number.into());
        let at = Timestamp::from_second(1_769_850_000 + second).unwrap();
        let nonce = crate::crypto::sha256(&[&number.to_be_bytes()]);
        let entry = Entry::new(Kind::new("demo").unwrap(), at, facts, Commitments::new(), nonce);
        entry.unwrap().to_leaf().unwrap()
    }

    fn log() -> Log<Memory> {
        let signer = Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32]);
        Log::create(Memory::new(), Memory::new(), signer).unwrap()
    }

    #[test]
    fn all_who_append_at_once_are_answered_with_their_own_entry() {
        let sequencer = Sequencer::start(log(), Pace::default());
        thread::scope(|scope| {
            for writer in 0..40 {
                let sequencer = &sequencer;
                scope.spawn(move || {
                    for turn in 0..25 {
                        let number = writer * 25 + turn;
                        // Clocks that differ by up to six seconds, and jump.
                        let wanted = leaf(number, i64::try_from(number * 7919 % 7).unwrap());
                        let Sequenced { recorded, leaf } =
                            sequencer.append(wanted.clone()).unwrap();
                        assert_eq!(*recorded.leaf_hash(), leaf.hash());
                        assert!(leaf.at() >= wanted.at());
                        assert_eq!(leaf.to_entry().unwrap().facts()["number"], number);
                        assert!(recorded.index() < recorded.checkpoint_size());
                    }
                });
            }
        });
        let log = sequencer.stop().unwrap();
        assert_eq!(log.size(), 1000);
        let mut seen = std::collections::BTreeSet::new();
        let found = log.find(0, |entry| {
            seen.insert(entry.facts()["number"].as_u64().unwrap());
            false
        });
        assert!(found.unwrap().is_none());
        assert_eq!(seen.len(), 1000);
    }

    #[test]
    fn a_group_ends_where_a_bundle_does_once_so_many_wait() {
        let mut queue = Queue {
            full: Vec::new(),
            open: Waiting::default(),
            waiting: 0,
            size: 100,
            wanted: 1,
            closed: false,
            signed: Vec::new(),
        };
        let mut number = 0;
        // So many come, and then groups of these sizes are taken together.
        for (come, expected) in [
            (3, &[3][..]),
            (200, &[153, 47]),
            (255, &[209, 46]),
            (256, &[210]),
            (210, &[256]),
            (255, &[255]),
            (1, &[1]),
            (600, &[256, 256]),
            (0, &[88]),
        ] {
            for _ in 0..come {
                let _ = queue.add(leaf(number, 0));
                number += 1;
            }
            let taken = queue.take();
            let mut counts: Vec<_> = taken.iter().map(|one| one.leaves.len()).collect();
            counts.retain(|count| *count > 0);
            assert_eq!(counts, expected, "{come}");
        }
        assert_eq!((queue.waiting, queue.size), (0, 100 + number));
    }

    #[test]
    fn those_who_are_refused_leave_everybody_else_with_their_own_answer() {
        let sequencer = Sequencer::start(log(), Pace::default());
        let _ = sequencer.append(leaf(0, 1000)).unwrap();
        thread::scope(|scope| {
            for writer in 1..=300 {
                let sequencer = &sequencer;
                scope.spawn(move || {
                    for turn in 0..4 {
                        let number = writer * 10 + turn;
                        // Every seventh comes from a clock that is far behind.
                        let late = number % 7 == 0;
                        match sequencer.append(leaf(number, if late { 0 } else { 1000 })) {
                            Ok(written) => {
                                assert!(!late);
                                let entry = written.leaf.to_entry().unwrap();
                                assert_eq!(entry.facts()["number"], number);
                            }
                            Err(error) => {
                                assert!(late && matches!(error, Error::TimeRunsBackwards { .. }));
                            }
                        }
                    }
                });
            }
        });
        let late = (1..=300_u64).flat_map(|w| (0..4).map(move |t| w * 10 + t));
        let late = late.filter(|number| number % 7 == 0).count() as u64;
        assert_eq!(sequencer.stop().unwrap().size(), 1 + 1200 - late);
    }

    #[test]
    fn a_time_a_little_back_is_moved_and_one_far_back_is_refused_alone() {
        let sequencer = Sequencer::start(log(), Pace::default());
        let last = sequencer.append(leaf(0, 100)).unwrap().leaf.at();
        for (second, fits) in [(100, true), (99, true), (40, true), (39, false), (0, false)] {
            match sequencer.append(leaf(1, second)) {
                Ok(written) => {
                    assert!(fits, "{second}");
                    assert_eq!(written.leaf.at(), last);
                }
                Err(Error::TimeRunsBackwards { .. }) => assert!(!fits, "{second}"),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(sequencer.append(leaf(2, 101)).unwrap().recorded.index(), 4);
    }

    #[test]
    fn after_a_failed_write_nobody_is_acknowledged_and_nobody_waits_for_ever() {
        let (mut store, signer) =
            (Memory::new(), Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32]));
        // Creating makes one change.
        store.fail_after(1, Fault::Stored);
        let log = Log::create(store, Memory::new(), signer).unwrap();
        let sequencer = Sequencer::start(log, Pace::default());
        let answers: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    scope.spawn({
                        let sequencer = &sequencer;
                        move || sequencer.append(leaf(number, 0))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(
            answers.iter().all(|answer| matches!(
                answer,
                Err(Error::NotAcknowledged { .. } | Error::Stopped)
            ))
        );
        assert!(answers.iter().any(|answer| matches!(answer, Err(Error::NotAcknowledged { .. }))));
        assert!(matches!(sequencer.append(leaf(9, 0)), Err(Error::Stopped)));
    }

    #[test]
    fn a_writer_that_panics_leaves_nobody_waiting() {
        #[derive(Debug)]
        struct Panics(Memory);
        impl Files for Panics {
            fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
                self.0.read(path)
            }
            fn list(&self, under: &str) -> Result<Vec<String>, Error> {
                self.0.list(under)
            }
        }
        impl Store for Panics {
            fn commit(
                &mut self,
                held: Option<Held<'_>>,
                changes: &[crate::store::Change<'_>],
            ) -> Result<(), Error> {
                assert!(held.is_none(), "a mistake of ours, made on purpose");
                self.0.commit(held, changes)
            }
        }
        let signer = Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32]);
        let log = Log::create(Panics(Memory::new()), Memory::new(), signer).unwrap();
        let sequencer = Sequencer::start(log, Pace::default());
        assert!(sequencer.append(leaf(0, 0)).is_err());
        assert!(sequencer.append(leaf(1, 0)).is_err());
        assert!(matches!(sequencer.stop(), Err(Error::Stopped)));
    }
}
