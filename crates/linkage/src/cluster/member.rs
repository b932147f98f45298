//! Records and pairs as clustering takes them: numbers over both tables, and a weight.
//!
//! Between scoring and clustering. Records are numbered in the order of their values, one side before the other, so that the order of rows settles no tie. The numbers mean something only for these tables.

use std::cmp::Ordering;
use std::fmt;

use crate::compare::Comparer;
use crate::link::Pair;
use crate::model::Link;
use crate::record::{RecordRef, Side};
use crate::score::Scorer;
use crate::tables::Tables;
use crate::{Error, Result};

/// A record among all that are clustered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member(u32);

impl Member {
    /// Makes a member of its number, counted from 0.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub fn number(self) -> u32 {
        self.0
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// A pair as clustering takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bond {
    /// The record that stands first.
    pub one: Member,
    /// The record that stands later.
    pub other: Member,
    /// The weight.
    pub weight: f64,
}

impl Bond {
    /// Puts two records in their order.
    pub fn new(one: Member, other: Member, weight: f64) -> Self {
        Self { one: one.min(other), other: one.max(other), weight }
    }

    /// Puts the heaviest first, and equal ones in the order of their records.
    pub(super) fn by_weight(&self, other: &Self) -> Ordering {
        (other.weight.total_cmp(&self.weight))
            .then_with(|| (self.one, self.other).cmp(&(other.one, other.other)))
    }
}

/// The numbers of the records of prepared tables.
#[derive(Clone, Copy, Debug)]
pub struct Members<'t> {
    tables: &'t Tables,
    /// The first number of the recipient's records.
    recipients: u32,
}

impl<'t> Members<'t> {
    /// Numbers the records of tables: those of the source's and then, where pairs go between two, the recipient's.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyRows`] where both together are more than 32 bits can number.
    pub fn new(tables: &'t Tables) -> Result<Self> {
        let recipients = tables.records(Side::Source);
        let members = Self { tables, recipients };
        if tables.link() == Link::Between {
            let rows = tables.records(Side::Recipient);
            recipients.checked_add(rows).ok_or(Error::TooManyRows {
                side: Side::Recipient,
                rows: rows as usize,
                limit: (u32::MAX - recipients) as usize,
            })?;
        }
        Ok(members)
    }

    /// Returns how many there are.
    pub fn count(&self) -> u32 {
        match self.tables.link() {
            Link::Within | Link::Both => self.recipients,
            Link::Between => self.recipients + self.tables.records(Side::Recipient),
        }
    }

    /// Returns the number of a record.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecord`] for a reference outside its table.
    pub fn member(&self, side: Side, record: RecordRef) -> Result<Member> {
        self.tables.check_record(side, record)?;
        Ok(self.known(side, record))
    }

    /// Returns the record of a number.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecord`] for a number beyond them.
    pub fn record(&self, member: Member) -> Result<(Side, RecordRef)> {
        let unknown = || Error::UnknownRecord {
            side: Side::Recipient,
            row: member.number(),
            rows: self.count() as usize,
        };
        if member.number() >= self.count() {
            return Err(unknown());
        }
        Ok(self.known_record(member))
    }

    /// Returns pairs as clustering takes them.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecord`] for a reference outside its table.
    pub fn bonds(&self, pairs: &[Pair]) -> Result<Vec<Bond>> {
        let bond = |pair: &Pair| {
            let one = self.member(Side::Source, pair.source)?;
            let other = self.member(Side::Recipient, pair.recipient)?;
            Ok(Bond::new(one, other, pair.weight))
        };
        pairs.iter().map(bond).collect()
    }

    /// Returns the source of each record as [`super::Constraints::with_sources`] takes it: 0 for the source's table, 1 for
    /// the recipient's.
    pub fn sources(&self) -> Vec<u16> {
        let is_recipient = |number| {
            let (side, record) = self.known_record(Member(number));
            self.tables.origin(side, record).0 == Side::Recipient
        };
        (0..self.count()).map(|number| u16::from(is_recipient(number))).collect()
    }

    fn known(&self, side: Side, record: RecordRef) -> Member {
        let rank = self.tables.rank(side, record);
        match (self.tables.link(), side) {
            (Link::Within | Link::Both, _) | (Link::Between, Side::Source) => Member(rank),
            (Link::Between, Side::Recipient) => Member(self.recipients + rank),
        }
    }

    fn known_record(&self, member: Member) -> (Side, RecordRef) {
        match member.index().checked_sub(self.recipients as usize) {
            None => (Side::Source, self.tables.ranked(Side::Source, member.index())),
            Some(rank) => (Side::Recipient, self.tables.ranked(Side::Recipient, rank)),
        }
    }
}

/// Weighs pairs of records that no rule made, for [`super::Method::Correlation`].
#[derive(Debug)]
pub struct Weigher<'s> {
    scorer: &'s Scorer<'s>,
    members: Members<'s>,
    comparer: Comparer<'s>,
}

impl<'s> Weigher<'s> {
    /// Looks up the columns of the scorer's model.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] where the tables lack one, and those of [`Members::new`].
    pub fn new(scorer: &'s Scorer<'s>) -> Result<Self> {
        let members = Members::new(scorer.tables())?;
        let comparer = Comparer::new(scorer.tables(), scorer.model().comparisons())?;
        Ok(Self { scorer, members, comparer })
    }

    /// Returns what a pair weighs; nothing for two records of one table where the model links two, and for a record
    /// that isn't there.
    pub fn weight(&mut self, one: Member, other: Member) -> Option<f64> {
        if one == other || one.max(other).number() >= self.members.count() {
            return None;
        }
        let (one, other) = (self.members.known_record(one), self.members.known_record(other));
        let (source, recipient) = match self.scorer.tables().link() {
            // As the blocks have it: the record that stands first in the table is the source's.
            Link::Within | Link::Both => (one.1.min(other.1), one.1.max(other.1)),
            Link::Between => match (one.0, other.0) {
                (Side::Source, Side::Recipient) => (one.1, other.1),
                (Side::Recipient, Side::Source) => (other.1, one.1),
                (Side::Source, Side::Source) | (Side::Recipient, Side::Recipient) => return None,
            },
        };
        let pattern = self.comparer.pattern(source, recipient);
        Some(self.scorer.weight(pattern, source, recipient))
    }
}
