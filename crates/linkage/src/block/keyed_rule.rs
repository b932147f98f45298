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
    /// Gives the records of one side the number of their key for the key, and puts them together by it; they keep their order
    /// inside a block. `starts` says where the records of each block begin, and where those of the last one end.
    fn new(starts: Vec<u32>, keys: &mut [u32], numbers: &[u32]) -> Self {
        let mut next = starts.clone();
        let all = starts.last().copied().unwrap_or(0);
        let mut records = vec![RecordRef::new(0); all as usize];
        for (row, key) in (0..).zip(keys) {
            *key = numbers[*key as usize];
            if *key != NO_VALUE {
                let place = &mut next[*key as usize - 1];
                records[*place as usize] = RecordRef::new(row);
                *place += 1;
            }
        }
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
        link.pairs(u64::from(self.sources.count(block)), u64::from(recipients))
    }

    pub(super) fn group(&self, block: usize, link: Link) -> Group<'_> {
        let recipients = if link == Link::Between { self.recipients.of(block) } else { &[] };
        Group { source: self.sources.of(block), recipient: recipients }
    }
}

impl KeyedRule {
    pub(super) fn new(column: Option<usize>, layer: Layer, link: Link) -> Self {
        Self { column, ..Self::of_keys(layer.source, layer.recipient, link) }
    }

    /// Makes the blocks of the key of each record, 0 standing for none.
    pub(crate) fn of_keys(mut source: Vec<u32>, mut recipient: Vec<u32>, link: Link) -> Self {
        let most = most_of(&source).max(most_of(&recipient)) as usize;
        let count = |keys: &[u32]| {
            let mut counts = vec![0u32; most + 1];
            for key in keys {
                counts[*key as usize] += 1;
            }
            counts
        };
        let (mut sources, recipients) = (count(&source), count(&recipient));
        let keyless =
            u64::from(sources[NO_VALUE as usize]) + u64::from(recipients[NO_VALUE as usize]);
        // Keys that make no pair are dropped, and the others numbered on. What a key has is where its block begins.
        let mut last = NO_VALUE;
        let (mut own, mut others) = (Vec::with_capacity(most + 1), Vec::with_capacity(most + 1));
        let (mut end, mut other_end) = (0, 0);
        own.push(end);
        others.push(other_end);
        for (here, there) in sources.iter_mut().zip(recipients).skip(1) {
            if link.pairs(u64::from(*here), u64::from(there)) == 0 {
                *here = NO_VALUE;
                continue;
            }
            end += *here;
            other_end += there;
            own.push(end);
            others.push(other_end);
            *here = next_code(&mut last);
        }
        own.shrink_to_fit();
        others.shrink_to_fit();
        let mut numbers = sources;
        numbers[NO_VALUE as usize] = NO_VALUE;
        let sources = Members::new(own, &mut source, &numbers);
        let recipients = Members::new(others, &mut recipient, &numbers);
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

/// Returns the greatest of some codes, that of none where there is none.
pub(super) fn most_of(codes: &[u32]) -> u32 {
    codes.iter().fold(NO_VALUE, |most, code| most.max(*code))
}

pub(super) fn next_code(last: &mut u32) -> u32 {
    *last += 1;
    *last
}
