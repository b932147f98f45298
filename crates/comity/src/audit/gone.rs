//! What rests on entries that a pruned ledger no longer has: counted, said as open, and never presumed to be wrong.
//!
//! Pruning is stated under the ledger's key ([`ledger::prune()`]); an entry that is missing without that is a fault of
//! the bytes and never comes here.

use jiff::Timestamp;

/// How much of what is there rests on what is gone.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// The first entry that was read; none before one was.
    first: Option<u64>,
    /// When it was made.
    since: Timestamp,
    pub(super) permits: u64,
    pub(super) disclosures: u64,
    pub(super) stays: u64,
    pub(super) steps: u64,
    pub(super) corrections: u64,
    pub(super) finished: u64,
}

impl Gone {
    /// Notes the first entry there is.
    pub(super) fn begin(&mut self, index: u64, at: Timestamp) {
        if self.first.is_none() {
            (self.first, self.since) = (Some(index), at);
        }
    }

    /// Says whether any entry is gone.
    pub(super) fn any(&self) -> bool {
        self.first.is_some_and(|first| first > 0)
    }

    /// Returns the first entry that is left, where others are gone.
    pub(super) fn first(&self) -> Option<u64> {
        self.first.filter(|first| *first > 0)
    }

    /// Returns when the first entry that is left was made, where others are gone.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.any().then_some(self.since)
    }

    /// Says whether this entry is gone.
    pub(super) fn has(&self, index: u64) -> bool {
        self.first.is_some_and(|first| index < first)
    }

    /// Says what cannot be told any more.
    pub(super) fn say(&self, open: &mut Vec<String>) {
        let Some(first) = self.first.filter(|first| *first > 0) else { return };
        let mut parts = Vec::new();
        for (count, what) in [
            (self.permits, "acts whose permit is among them"),
            (self.disclosures, "disclosures among them that were resumed or withdrawn later"),
            (self.stays, "stays lifted that were recorded among them"),
            (self.steps, "steps of cases that began among them"),
            (self.corrections, "corrections ordered among them"),
            (self.finished, "runs that began among them"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let rest = if parts.is_empty() {
            "nothing that is left names one of them".to_owned()
        } else {
            format!("it could not be told of {}", parts.join(", "))
        };
        open.push(format!(
            "the entries before {first} are gone; {rest}; and a stay recorded among them that still stands is not known here"
        ));
    }
}
