//! Deciding every decision again, by as many threads as the machine has cores: it is what costs time in the audit of
//! meaning, and no decision needs another for it. What comes of it is told in the order of the entries.

use super::Wrong;
use crate::event::Decided;
use agreement::{Facts, Gate};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle, available_parallelism};

/// How many decisions may wait for a thread: enough that it is never idle, few enough that memory is bounded.
const AHEAD: usize = 256;

/// Who decides again.
pub(super) struct Replay<'scope> {
    threads: Vec<Thread<'scope>>,
    next: usize,
}

/// A thread, and the way for decisions to it.
type Thread<'scope> = (SyncSender<(u64, Decided)>, ScopedJoinHandle<'scope, Replayed>);

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// How many came to the same answer.
    pub(super) same: u64,
    /// What is wrong, by the entry.
    pub(super) wrong: BTreeMap<u64, Wrong>,
    /// What could not be decided again, by the reason: the first entry, and how many.
    open: BTreeMap<String, (u64, u64)>,
}

impl<'scope> Replay<'scope> {
    /// Begins, with the packs that the gate has.
    pub(super) fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        gate: &'env Gate,
    ) -> Replay<'scope> {
        let count = available_parallelism().map_or(1, NonZero::get);
        let thread = |_| {
            let (sender, receiver) = sync_channel(AHEAD);
            (sender, scope.spawn(move || Replayed::of(gate, &receiver)))
        };
        Replay { threads: (0..count).map(thread).collect(), next: 0 }
    }

    /// Takes a decision to be decided again.
    pub(super) fn take(&mut self, index: u64, decided: Decided) {
        self.next = (self.next + 1) % self.threads.len().max(1);
        if let Some((sender, _)) = self.threads.get(self.next) {
            // A thread that is gone has panicked, and the end says so.
            let _ = sender.send((index, decided));
        }
    }

    /// Waits for the last one, and returns what came of all.
    pub(super) fn end(self) -> Replayed {
        let mut all = Replayed::default();
        for (sender, thread) in self.threads {
            drop(sender);
            match thread.join() {
                Ok(replayed) => all.join(replayed),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    }
}

impl Replayed {
    fn of(gate: &Gate, decisions: &Receiver<(u64, Decided)>) -> Replayed {
        let packs: BTreeSet<String> = (gate.packs().iter())
            .map(|pack| {
                let pack = pack.reference();
                format!("{} {} {}", pack.id, pack.version, pack.digest)
            })
            .collect();
        let mut replayed = Replayed::default();
        while let Ok((index, decided)) = decisions.recv() {
            replayed.decide(gate, &packs, index, &decided);
        }
        replayed
    }

    /// Decides a decision again from its facts, if the packs that decided are at hand.
    fn decide(&mut self, gate: &Gate, packs: &BTreeSet<String>, index: u64, decided: &Decided) {
        if let Some(pack) = decided.packs.iter().find(|pack| !packs.contains(*pack)) {
            return self.leave(index, format!("to decide it again takes the law pack {pack}"));
        }
        let Ok(facts) = serde_json::from_str::<Facts>(&decided.given) else {
            let why = "its facts cannot be read, so it cannot be decided again";
            return self.leave(index, why.to_owned());
        };
        let is_its_own = facts.act.as_str() == decided.act && facts.agreement == decided.agreement;
        if !is_its_own {
            let remedy = "ask the node's operator which facts it was decided on";
            return self.wrong(index, "its facts are of another act or agreement", remedy);
        }
        let again: BTreeSet<String> =
            gate.replay(&facts).into_iter().map(|reason| reason.id).collect();
        // What only the gate itself can object to (an unknown pack, a number that is none) is not in the facts.
        let told: BTreeSet<String> = decided
            .rules
            .iter()
            .filter(|rule| gate.has_rule(rule) || again.contains(*rule))
            .cloned()
            .collect();
        if again == told {
            self.same += 1;
        } else {
            let what = format!("decided again it breaks {again:?}, and it says {told:?}");
            self.wrong(index, &what, "ask the node's operator which program and packs decided it");
        }
    }

    /// Says what could not be decided again: one sentence a reason, however many there are.
    pub(super) fn open(&self) -> Vec<String> {
        let mut all: Vec<_> = self.open.iter().collect();
        all.sort_by_key(|(_, (first, _))| *first);
        let sentence = |(why, (first, count)): (&String, &(u64, u64))| match count {
            1 => format!("entry {first}: {why}"),
            _ => format!("entry {first}, and {} more: {why}", count - 1),
        };
        all.into_iter().map(sentence).collect()
    }

    fn leave(&mut self, index: u64, why: String) {
        let (first, count) = self.open.entry(why).or_insert((index, 0));
        *first = index.min(*first);
        *count += 1;
    }

    fn wrong(&mut self, index: u64, what: &str, remedy: &str) {
        self.wrong.insert(index, Wrong::at(index, what, remedy));
    }

    fn join(&mut self, other: Replayed) {
        self.same += other.same;
        self.wrong.extend(other.wrong);
        for (why, (first, count)) in other.open {
            let (mine, all) = self.open.entry(why).or_insert((first, 0));
            *mine = first.min(*mine);
            *all += count;
        }
    }
}
