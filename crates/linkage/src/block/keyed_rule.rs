//! One layer of a rule as blocks: the key of each record, and the records of each key that makes a pair.
//!
//! The records of a key stand next to each other in one array, so a block costs an offset.

use super::group::Group;
use crate::keys::Layer;
use crate::model::Link;
use crate::record::RecordRef;
use crate::tables::NO_VALUE;

/// One layer of a rule: the key of each record, and the records of each key that makes a pair.
pub(crate) struct KeyedRule {
    /// The column whose whole value is the key, where it is just that.
    pub(crate) column: Option<usize>,
    /// By record, the number of its block, counted from 1; 0 where it is in none.
    pub(crate) source: Vec<u32>,
    pub(crate) recipient: Vec<u32>,
    pub(crate) sources: Members,
    pub(crate) recipients: Members,
    pub(super) keyless: u64,
}

/// The records of each block, one block after the other.
pub(crate) struct Members {
    starts: Vec<u32>,
    records: Vec<RecordRef>,
}

impl Members {
    /// Sorts the records of one side by their blocks, of which there are so many; they keep their order inside one.
    fn new(keys: &[u32], blocks: usize) -> Self {
        let mut starts = vec![0u32; blocks + 2];
        for key in keys {
            starts[*key as usize + 1] += 1;
        }
        // What has no block is counted with the rest, and then left out.
        starts[1] = 0;
        for block in 1..starts.len() {
            starts[block] += starts[block - 1];
        }
        let mut records = vec![RecordRef::new(0); starts[blocks + 1] as usize];
        let mut next = starts.clone();
        for (row, key) in (0..).zip(keys) {
            if *key != NO_VALUE {
                let place = &mut next[*key as usize];
                records[*place as usize] = RecordRef::new(row);
                *place += 1;
            }
        }
        starts.remove(0);
        Self { starts, records }
    }

    /// Returns the records of a block, counted from 0.
    pub(crate) fn of(&self, block: usize) -> &[RecordRef] {
        self.of_all(block, block + 1)
    }

    /// Returns the records of the blocks from one to before another.
    pub(crate) fn of_all(&self, from: usize, to: usize) -> &[RecordRef] {
        &self.records[self.starts[from] as usize..self.starts[to] as usize]
    }

    /// Returns how many records a block has.
    pub(crate) fn count(&self, block: usize) -> u32 {
        self.starts[block + 1] - self.starts[block]
    }

    fn blocks(&self) -> usize {
        self.starts.len() - 1
    }
}

impl KeyedRule {
    /// Returns how many blocks make a pair.
    pub(crate) fn blocks(&self) -> usize {
        self.sources.blocks()
    }

    /// Returns how many pairs a block makes.
    pub(crate) fn pairs(&self, block: usize, link: Link) -> u64 {
        let recipients = if link == Link::Between { self.recipients.count(block) } else { 0 };
        pairs_of(self.sources.count(block), recipients, link)
    }

    pub(super) fn group(&self, block: usize, link: Link) -> Group<'_> {
        let recipients = if link == Link::Between { self.recipients.of(block) } else { &[] };
        Group { source: self.sources.of(block), recipient: recipients }
    }
}

fn pairs_of(sources: u32, recipients: u32, link: Link) -> u64 {
    let (left, right) = (u64::from(sources), u64::from(recipients));
    match link {
        Link::Between => left * right,
        Link::Within | Link::Both => left * left.saturating_sub(1) / 2,
    }
}

impl KeyedRule {
    pub(super) fn new(column: Option<usize>, layer: Layer, link: Link) -> Self {
        Self { column, ..Self::of_keys(layer.source, layer.recipient, link) }
    }

    /// Makes the blocks of the key of each record, 0 standing for none.
    pub(crate) fn of_keys(mut source: Vec<u32>, mut recipient: Vec<u32>, link: Link) -> Self {
        let keyless =
            source.iter().chain(&recipient).filter(|key| **key == NO_VALUE).count() as u64;
        let most = source.iter().chain(&recipient).max().map_or(0, |key| *key as usize);
        // Keys that make no pair are dropped, and the others numbered on.
        let mut numbers = {
            let count = |keys: &[u32]| {
                let mut counts = vec![0u32; most + 1];
                for key in keys {
                    counts[*key as usize] += 1;
                }
                counts
            };
            let mut sources = count(&source);
            if link == Link::Between {
                let recipients = count(&recipient);
                for (sources, recipients) in sources.iter_mut().zip(recipients) {
                    *sources = u32::from(*sources > 0 && recipients > 0);
                }
            } else {
                for sources in &mut sources {
                    *sources = u32::from(*sources > 1);
                }
            }
            sources
        };
        numbers[NO_VALUE as usize] = NO_VALUE;
        let mut last = NO_VALUE;
        for number in numbers.iter_mut().filter(|number| **number != NO_VALUE) {
            *number = next_code(&mut last);
        }
        for key in source.iter_mut().chain(&mut recipient) {
            *key = numbers[*key as usize];
        }
        drop(numbers);
        let (sources, recipients) =
            (Members::new(&source, last as usize), Members::new(&recipient, last as usize));
        Self { column: None, source, recipient, sources, recipients, keyless }
    }

    /// Says whether all records of a group have one key.
    pub(super) fn holds_all(&self, group: Group<'_>) -> bool {
        let source = group.source.iter().map(|record| self.source[record.index()]);
        let recipient = group.recipient.iter().map(|record| self.recipient[record.index()]);
        let mut keys = source.chain(recipient);
        keys.next().is_some_and(|first| first != NO_VALUE && keys.all(|key| key == first))
    }

    /// Returns these records of one side with their keys, in the order of the keys; those without one are left out.
    pub(super) fn sorted(
        &self,
        records: &[RecordRef],
        of_recipient: bool,
    ) -> Vec<(u32, RecordRef)> {
        let keys = if of_recipient { &self.recipient } else { &self.source };
        let keyed = records.iter().map(|record| (keys[record.index()], *record));
        let mut sorted: Vec<_> = keyed.filter(|(key, _)| *key != NO_VALUE).collect();
        sorted.sort_unstable();
        sorted
    }
}

pub(super) fn next_code(last: &mut u32) -> u32 {
    *last += 1;
    *last
}
