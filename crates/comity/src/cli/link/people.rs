//! Who each record is of, as a column of the files says: the truth that pairs are held against.
//!
//! People are numbers here, and no value leaves this file.

use crate::own::OwnTable;
use linkage::{Link, Pair, RecordRef, Side, Tables};
use std::collections::BTreeMap;

/// Who each record is of, as numbers; 0 where nobody says.
pub(super) struct People {
    source: Vec<u32>,
    recipient: Vec<u32>,
}

impl People {
    pub(super) fn of(tables: &Tables, read: &[OwnTable]) -> People {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let mut number = |side: Side, row: u32| {
            let (whose, record) = tables.origin(side, RecordRef::new(row));
            let file = match whose {
                Side::Source => read.first(),
                Side::Recipient => read.get(1),
            };
            let Some(person) = file.and_then(|file| file.truth(record.row() as usize)) else {
                return 0;
            };
            let next = u32::try_from(numbers.len() + 1).unwrap_or(0);
            *numbers.entry(person.trim()).or_insert(next)
        };
        let mut side = |side| (0..tables.records(side)).map(|row| number(side, row)).collect();
        let source = side(Side::Source);
        let recipient =
            if tables.link() == Link::Between { side(Side::Recipient) } else { Vec::new() };
        People { source, recipient }
    }

    pub(super) fn recipients(&self, tables: &Tables) -> &[u32] {
        if tables.link() == Link::Between { &self.recipient } else { &self.source }
    }

    /// Says whether a pair is one individual, where that is known.
    pub(super) fn are_same(&self, pair: &Pair) -> Option<bool> {
        let recipients = if self.recipient.is_empty() { &self.source } else { &self.recipient };
        let one = self.source.get(pair.source.row() as usize).filter(|person| **person > 0)?;
        let other = recipients.get(pair.recipient.row() as usize).filter(|person| **person > 0)?;
        Some(one == other)
    }

    /// Lists every pair of one individual, whether or not a rule makes it.
    pub(super) fn same_pairs(&self, tables: &Tables) -> Vec<(RecordRef, RecordRef)> {
        let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, person) in (0..).zip(&self.source).filter(|(_, person)| **person > 0) {
            of.entry(*person).or_default().push(row);
        }
        let between = tables.link() == Link::Between;
        let mut pairs = Vec::new();
        for (row, person) in (0..).zip(self.recipients(tables)) {
            for source in of.get(person).into_iter().flatten() {
                if between || *source < row {
                    pairs.push((RecordRef::new(*source), RecordRef::new(row)));
                }
            }
        }
        pairs
    }

    /// Returns how many pairs there are of records of which it is known whose they are.
    pub(super) fn known_pairs(&self, tables: &Tables) -> u64 {
        let known = |people: &[u32]| people.iter().filter(|person| **person > 0).count() as u64;
        let sources = known(&self.source);
        match tables.link() {
            Link::Between => sources * known(&self.recipient),
            Link::Within | Link::Both => sources * sources.saturating_sub(1) / 2,
        }
    }
}
