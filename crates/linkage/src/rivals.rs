//! Pairs that compete for a record, and the probability of each once its rivals are reckoned with.
//!
//! Beside the path, for `threshold` and `estimate`. Where a record may have one partner, exactly one thing is true of it:
//! it has none, or one of its pairs is it. With odds o_i of each pair against being strangers or kin, the chance of pair i
//! is o_i / (a + Σ o), a being the chance that a record has no partner in the other table at all. The odds of a weight
//! are those of a pair of which nothing else is known; that its record is without any partner is rarer by a. How rare is
//! found from the pairs themselves: a is the share of records that are left over, worked out until it stands still.
//!
//! It settles nothing: see `one_to_one`.

use std::iter;

use crate::calibrate::{Point, calibrated};
use crate::elementary::exp2;
use crate::link::Pair;
use crate::model::{Link, OneToOne};
use crate::parallel::both;
use crate::record::RecordRef;

/// How often the share of records without a partner is worked out anew.
const ROUNDS: u32 = 40;

/// Pairs and who competes with whom.
pub(crate) struct Rivals {
    weights: Vec<f64>,
    /// The places of the pairs, the lightest first: sums must not depend on the order in which pairs came.
    order: Vec<usize>,
    source: Vec<usize>,
    recipient: Vec<usize>,
    /// How many different records there are in them.
    seen: [usize; 2],
    policy: OneToOne,
    link: Link,
    /// How many records there are on either side.
    records: [f64; 2],
}

/// The records of one table, numbered as they first come.
#[derive(Default)]
struct Numbers {
    /// By record, its number and one; none where it never came.
    of: Vec<usize>,
    count: usize,
}

impl Numbers {
    fn number(&mut self, record: RecordRef) -> usize {
        if self.of.len() <= record.index() {
            self.of.resize(record.index() + 1, 0);
        }
        let number = &mut self.of[record.index()];
        if *number == 0 {
            self.count += 1;
            *number = self.count;
        }
        *number - 1
    }
}

impl Rivals {
    pub(crate) fn new(pairs: &[Pair], policy: OneToOne, link: Link, records: [u64; 2]) -> Self {
        let weights: Vec<f64> = pairs.iter().map(|pair| pair.weight).collect();
        let mut order: Vec<(f64, usize)> = weights.iter().copied().zip(0..).collect();
        order.sort_unstable_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let mut order: Vec<usize> = order.into_iter().map(|(_, place)| place).collect();
        // What is collected so keeps the room of what it was collected from.
        order.shrink_to_fit();
        let (mut sources, mut recipients) = (Numbers::default(), Numbers::default());
        let source = pairs.iter().map(|pair| sources.number(pair.source)).collect();
        // Within one table a record competes for its pairs whether it stands first or later in them.
        let by_recipient = |pair: &Pair| match link {
            Link::Between => recipients.number(pair.recipient),
            Link::Within | Link::Both => sources.number(pair.recipient),
        };
        let recipient = pairs.iter().map(by_recipient).collect();
        let seen = match link {
            Link::Between => [sources.count, recipients.count],
            Link::Within | Link::Both => [sources.count; 2],
        };
        Self {
            weights,
            order,
            source,
            recipient,
            seen,
            policy,
            link,
            records: records.map(|count| count as f64),
        }
    }

    /// Returns the probability of each pair, in the order in which they came.
    ///
    /// Any number of threads gives the same bits.
    pub(crate) fn chances(&self, calibration: &[Point], threads: usize) -> Vec<f64> {
        // Odds beyond 2^900 are as certain as any, and their sum must stay finite.
        let odds: Vec<f64> = self
            .weights
            .iter()
            .map(|weight| exp2(calibrated(calibration, *weight).min(900.0)))
            .collect();
        let (mut by_source, mut by_recipient) = (vec![0.0; self.seen[0]], vec![0.0; self.seen[1]]);
        for place in &self.order {
            by_source[self.source[*place]] += odds[*place];
            match self.link {
                Link::Between => by_recipient[self.recipient[*place]] += odds[*place],
                Link::Within | Link::Both => by_source[self.recipient[*place]] += odds[*place],
            }
        }
        if self.link != Link::Between {
            by_recipient.clone_from(&by_source);
        }
        let alone = match (self.policy, self.link) {
            (OneToOne::Off, _) | (_, Link::Within | Link::Both) => 1.0,
            (OneToOne::EachSource, Link::Between) => alone(&by_source, self.records[0], &[]),
            (OneToOne::Greedy | OneToOne::Optimal, Link::Between) => {
                let (source, recipient) = both(
                    threads,
                    || alone(&by_source, self.records[0], &[]),
                    || alone(&by_recipient, self.records[1], &[]),
                );
                source * recipient
            }
        };
        let rivals = |place: usize| match self.policy {
            OneToOne::Off => 0.0,
            OneToOne::EachSource => (by_source[self.source[place]] - odds[place]).max(0.0),
            OneToOne::Greedy | OneToOne::Optimal => {
                (by_source[self.source[place]] - odds[place]).max(0.0)
                    + (by_recipient[self.recipient[place]] - odds[place]).max(0.0)
            }
        };
        odds.iter().enumerate().map(|(place, own)| own / (alone + own + rivals(place))).collect()
    }
}

/// The share of records without a partner, from the sums of the odds of those that have pairs.
///
/// `counts` says how often each record counts, for resampling: once, where it says nothing. One record more is thought to be
/// alone, so that a handful are never all certain to have a partner.
pub(crate) fn alone(sums: &[f64], records: f64, counts: &[f64]) -> f64 {
    // By size, since the records come in an order that rows may have decided.
    let counted: Vec<(f64, f64)> = if counts.is_empty() {
        let mut sums = sums.to_vec();
        sums.sort_unstable_by(f64::total_cmp);
        sums.into_iter().map(|sum| (sum, 1.0)).collect()
    } else {
        let mut counted: Vec<(f64, f64)> =
            sums.iter().copied().zip(counts.iter().copied().chain(iter::repeat(1.0))).collect();
        counted.sort_unstable_by(|one, other| {
            one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
        counted
    };
    let seen: f64 = counted.iter().map(|(_, count)| count).sum();
    let unseen = (records - sums.len() as f64).max(0.0);
    let mut alone = 1.0;
    for _ in 0..ROUNDS {
        let left: f64 = counted.iter().map(|(sum, count)| count * alone / (alone + sum)).sum();
        let next = (left + unseen + 1.0) / (seen + unseen + 1.0);
        let rest = (next - alone).abs();
        alone = next;
        if rest <= 1e-9 {
            break;
        }
    }
    alone
}
