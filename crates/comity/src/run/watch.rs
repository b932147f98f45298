//! Who watches a run, and what there is to see: the terminal, a log, a test that crashes at a point.

use crate::release::Withheld;

/// Who watches a run: the terminal, a log, a test.
pub trait Watch {
    /// A step is done.
    fn said(&mut self, step: &Step);
    /// A long step is under way.
    fn progress(&mut self, done: u64, all: u64);
    /// Says whether the run was told to stop. It is asked before leads are planned and before each chunk goes out: what was
    /// released stays released, and running again goes on.
    fn is_cancelled(&self) -> bool {
        false
    }
    /// A point was passed at which a crash must lose nothing. Tests crash here.
    fn passed(&mut self, _point: Point) {}
}

/// A step of the path that is done, with what it came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The gate permitted an act.
    Permitted {
        /// The act.
        act: String,
        /// The party.
        party: String,
        /// Until when.
        until: String,
        /// Where the ledger holds it.
        entry: u64,
    },
    /// The files were opened.
    Admitted {
        /// Name and records of each.
        files: Vec<(String, u64)>,
        /// What an officer should look at.
        caveats: Vec<String>,
    },
    /// Dates could not be read, and so are missing.
    Unread {
        /// The record set and the element.
        element: String,
        /// How many could not be read.
        unread: u64,
        /// Of how many records.
        records: u64,
    },
    /// A look-up that was broken off is gone on with, on the files that it was begun on, whichever were asked for now.
    GoesOn {
        /// The look-up.
        run: String,
        /// The cycle of the files.
        files: String,
    },
    /// A model was trained.
    Trained {
        /// The recipe's digest.
        recipe: String,
        /// The model's digest.
        model: String,
    },
    /// Pairs were compared.
    Compared {
        /// Pairs compared.
        pairs: u64,
        /// Pairs there are at all.
        possible: u64,
        /// Blocking rules.
        rules: usize,
    },
    /// Leads were found.
    Found {
        /// Pairs over the threshold.
        above: u64,
        /// Pairs kept of these.
        one_to_one: u64,
        /// Of these, with the discrepancy the agreement names.
        with_discrepancy: u64,
        /// The threshold, as a weight.
        threshold: f64,
        /// The share expected to be right.
        precision: f64,
    },
    /// What is opened now, and what waits for the pilot.
    Planned {
        /// Leads opened now.
        planned: u64,
        /// Leads held for the pilot.
        held: u64,
        /// Pairs known not to be one person.
        known_not_same: u64,
        /// Pairs that an earlier lead covers.
        covered: u64,
        /// How many the pilot wants judged.
        pilot_sample: u64,
    },
    /// The pilot has passed, and what was held is opened.
    PilotPassed {
        /// Leads judged.
        judged: u32,
        /// Of these, not right.
        not_right: u32,
        /// The upper bound of the false share.
        upper_bound: f64,
    },
    /// A chunk went out.
    Released {
        /// Persons concerned.
        persons: u64,
        /// Elements of each.
        elements: u64,
        /// Chunks.
        chunks: u64,
        /// Where the ledger holds it.
        entry: u64,
    },
    /// Enough of the agreement's witnesses have cosigned.
    Cosigned {
        /// Who, and when.
        by: Vec<(String, jiff::Timestamp)>,
    },
    /// Too few witnesses cosigned in time: nothing more is released.
    QuorumMissed {
        /// How many were asked for, how long, and what was answered.
        why: String,
    },
    /// A chunk was withheld.
    Withheld {
        /// Why.
        why: Withheld,
    },
}

/// Points at which a crash is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The run is in the store; nothing is found.
    Started,
    /// All leads are planned; none is disclosed.
    Planned,
    /// A chunk's disclosure is in the store and in the outbox; the ledger does not have it.
    Prepared,
    /// The ledger has the disclosure; nothing is released.
    Recorded,
    /// The chunk is released; the run goes on.
    Released,
    /// Everything is released; the run is not yet closed.
    AllReleased,
    /// The run is closed in the store; the ledger does not have its end.
    Closed,
}
