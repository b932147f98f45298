//! How many records of either side have each value of a column.
//!
//! All that is asked of the records where a comparison looks at one column: which values there are, and how often each
//! comes. Counted in prepared tables, or handed in by whoever counted values otherwise, with tables that hold the values and
//! no record. It draws nothing and compares nothing.

use super::room::Room;
use crate::Result;
use crate::model::{Comparison, Link};
use crate::record::Side;
use crate::tables::{NO_VALUE, Tables, Values};

/// The values of a comparison's column, and how many records have each.
pub(crate) struct Counted<'t> {
    tables: &'t Tables,
    column: usize,
    /// By side and code. None is counted for no value; within one table both are that table's.
    counts: [Vec<u64>; 2],
    all_pairs: u64,
    room: Room<'t>,
}

impl<'t> Counted<'t> {
    /// Counts the records of prepared tables.
    pub(crate) fn of(tables: &'t Tables, comparison: &Comparison) -> Result<Self> {
        let column = column_of(tables, comparison)?;
        let counts = [Side::Source, Side::Recipient].map(|side| {
            let mut counts = vec![0_u64; tables.values(column).len() + 1];
            for code in tables.codes(column, side) {
                counts[*code as usize] += 1;
            }
            counts[NO_VALUE as usize] = 0;
            counts
        });
        let room = Room::open(&tables.columns()[column].name);
        Ok(Self { tables, column, counts, all_pairs: tables.all_pairs(), room })
    }

    /// Takes what was counted elsewhere, by code, of tables with so many pairs; what is made of the values has so much room.
    #[cfg(feature = "plan")]
    pub(crate) fn given(
        tables: &'t Tables,
        comparison: &Comparison,
        counts: [Vec<u64>; 2],
        all_pairs: u64,
        room: Room<'t>,
    ) -> Result<Self> {
        Ok(Self { tables, column: column_of(tables, comparison)?, counts, all_pairs, room })
    }

    /// Returns the tables that hold the values.
    pub(crate) fn tables(&self) -> &'t Tables {
        self.tables
    }

    pub(crate) fn values(&self) -> &'t Values {
        self.tables.values(self.column)
    }

    /// Returns the room that what is made of the values has.
    pub(crate) fn room(&self) -> Room<'t> {
        self.room
    }

    pub(crate) fn link(&self) -> Link {
        self.tables.link()
    }

    /// Returns how many pairs there are, whether or not their records have a value.
    pub(crate) fn all_pairs(&self) -> u64 {
        self.all_pairs
    }

    /// Returns how many records of a side have each code.
    pub(crate) fn of_side(&self, side: Side) -> &[u64] {
        &self.counts[usize::from(side == Side::Recipient)]
    }

    /// Returns how many records of either side have a value.
    pub(crate) fn valued(&self) -> [u64; 2] {
        [Side::Source, Side::Recipient].map(|side| self.of_side(side).iter().sum())
    }

    /// Refuses a column in which a side has no value at all.
    #[cfg(feature = "plan")]
    pub(crate) fn check(&self, comparison: &Comparison) -> Result<()> {
        for (side, valued) in [Side::Source, Side::Recipient].into_iter().zip(self.valued()) {
            if valued == 0 {
                let (column, comparison) = (comparison.column.clone(), comparison.name.clone());
                return Err(crate::Error::EmptyColumn { side, column, comparison });
            }
        }
        Ok(())
    }

    /// Returns how many pairs have a value on either side.
    pub(crate) fn valued_pairs(&self) -> u64 {
        let [left, right] = self.valued();
        self.link().pairs(left, right)
    }

    /// Returns how many pairs have one value on one side and another on the other, whichever is whose.
    pub(crate) fn pairs_of(&self, one: usize, other: usize) -> u64 {
        let [left, right] = &self.counts;
        match self.link() {
            Link::Between => left[one] * right[other] + left[other] * right[one],
            Link::Within | Link::Both => left[one] * left[other],
        }
    }

    /// Returns how many pairs have a value on both sides.
    pub(crate) fn equal_pairs_of(&self, code: usize) -> u64 {
        let [left, right] = &self.counts;
        match self.link() {
            Link::Between => left[code] * right[code],
            Link::Within | Link::Both => left[code] * left[code].saturating_sub(1) / 2,
        }
    }
}

fn column_of(tables: &Tables, comparison: &Comparison) -> Result<usize> {
    tables.column_index(&format!("comparison `{}`", comparison.name), &comparison.column)
}
