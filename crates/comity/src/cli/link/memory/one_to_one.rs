//! Settling pairs one to one within a bound of memory.
//!
//! Which pair a record keeps is decided by weights, and by the order of the records' values where two weigh alike. That order
//! is the same among the records that are in a pair as among all, so only these are read again and prepared. They and the
//! pairs stand in memory for it, and are held to the bound: a value that would not fit is not read.

use super::held::Held;
use super::one_file::OneFile;
use crate::Error;
use crate::cli::link::pairs::Holder;
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use linkage::{Intake, Link, Model, Pair, RecordRef, Settled, Side};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a pair takes while pairs are settled: itself, and its place in an order of them.
pub(super) const PAIR_BYTES: u64 = 128;

/// How many times the text of a record stands in memory while it is prepared.
const TIMES: u64 = 3;

/// What a value takes besides its text: where it ends, and whether it is there.
const CELL_BYTES: u64 = 5;

/// Settles the pairs that records keep. `given` bytes are the bound, and `taken` of them are in use.
pub(super) fn settle(
    model: &Model,
    files: &[Arc<OneFile>],
    holder: &Held,
    pairs: &[Pair],
    (given, taken): (u64, u64),
) -> Result<Settled, Error> {
    let known = Known::new(holder, pairs);
    let mut needed = taken + pairs.len() as u64 * PAIR_BYTES;
    let mut intake = Intake::new(model.columns(), model.link(), holder.threads());
    for (file, (side, wanted)) in
        files.iter().zip([(Side::Source, &known.source), (Side::Recipient, &known.recipient)])
    {
        if let Some(id) = file.id() {
            intake = intake.with_id(side, id);
        }
        let mut room = Room { given, needed };
        intake.take(side, &[rows(file, wanted, &mut room)?])?;
        needed = room.needed;
    }
    let tables = intake.finish();
    let among = |pair: &Pair| Pair {
        source: known.among(holder, Side::Source, pair.source),
        recipient: known.among(holder, Side::Recipient, pair.recipient),
        ..*pair
    };
    let settled = linkage::settle(&tables, model.one_to_one(), pairs.iter().map(among).collect());
    let back = |pair: Pair| Pair {
        source: known.back(holder, Side::Source, pair.source),
        recipient: known.back(holder, Side::Recipient, pair.recipient),
        ..pair
    };
    Ok(Settled { pairs: settled.pairs.into_iter().map(back).collect(), ..settled })
}

/// The rows of either file whose records are in a pair, in their order.
struct Known {
    source: Vec<u32>,
    recipient: Vec<u32>,
}

impl Known {
    fn new(holder: &Held, pairs: &[Pair]) -> Self {
        let mut rows = [Vec::new(), Vec::new()];
        for pair in pairs {
            for (side, record) in [(Side::Source, pair.source), (Side::Recipient, pair.recipient)] {
                let (file, record) = holder.origin(side, record);
                rows[usize::from(file == Side::Recipient)].push(record.row());
            }
        }
        let [source, recipient] = rows.map(|mut rows| {
            rows.sort_unstable();
            rows.dedup();
            rows
        });
        Self { source, recipient }
    }

    /// Returns which of the records that were read again a record is.
    fn among(&self, holder: &Held, side: Side, record: RecordRef) -> RecordRef {
        let (file, record) = holder.origin(side, record);
        let (rows, before) = match file {
            Side::Source => (&self.source, 0),
            Side::Recipient if holder.link() == Link::Both => (&self.recipient, self.source.len()),
            Side::Recipient => (&self.recipient, 0),
        };
        let place = rows.binary_search(&record.row()).unwrap_or_default();
        RecordRef::new(u32::try_from(before + place).unwrap_or(u32::MAX))
    }

    /// Returns the record that one that was read again is.
    fn back(&self, holder: &Held, side: Side, record: RecordRef) -> RecordRef {
        let place = record.row() as usize;
        let row = |rows: &[u32], place: usize| rows.get(place).copied().unwrap_or_default();
        RecordRef::new(match (holder.link(), side) {
            (Link::Both, _) if place >= self.source.len() => {
                holder.boundary + row(&self.recipient, place - self.source.len())
            }
            (Link::Between, Side::Recipient) => row(&self.recipient, place),
            (Link::Within | Link::Both, _) | (Link::Between, Side::Source) => {
                row(&self.source, place)
            }
        })
    }
}

/// How much memory there may be, and how much there must be for what was read so far.
struct Room {
    given: u64,
    needed: u64,
}

impl Room {
    /// Asks for a value's room.
    fn take(&mut self, text: &str) -> Result<(), Error> {
        self.needed += (text.len() as u64 + CELL_BYTES) * TIMES;
        let Self { given, needed } = *self;
        if needed > given { Err(Error::TooLittleMemory { given, needed }) } else { Ok(()) }
    }
}

/// Reads some rows of a file again: the columns that the model asks for, and ids.
fn rows(file: &OneFile, wanted: &[u32], room: &mut Room) -> Result<RecordBatch, Error> {
    let names: Vec<String> = file.columns_and_id().into_iter().collect();
    let mut cells: Vec<StringBuilder> = names.iter().map(|_| StringBuilder::new()).collect();
    let (mut first, mut left) = (0_u32, wanted);
    let mut fits: Result<(), Error> = Ok(());
    let read = file.read(&mut |batch| {
        let end = first.saturating_add(u32::try_from(batch.num_rows()).unwrap_or(u32::MAX));
        let here = left.partition_point(|row| *row < end);
        for (name, cells) in names.iter().zip(&mut cells) {
            let texts = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            let Some(texts) = texts else { continue };
            fits = left[..here].iter().map(|row| (row - first) as usize).try_for_each(|row| {
                let text = texts.is_valid(row).then(|| texts.value(row));
                room.take(text.unwrap_or_default())?;
                cells.append_option(text);
                Ok(())
            });
            if fits.is_err() {
                return ControlFlow::Break(());
            }
        }
        left = &left[here..];
        first = end;
        ControlFlow::Continue(())
    });
    fits?;
    read?;
    let columns = names.iter().zip(cells).map(|(name, mut cells)| {
        let array: ArrayRef = Arc::new(cells.finish());
        (name.as_str(), array, true)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(columns);
    batch.map_err(|_| Error::LinkerStopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_would_not_fit_is_refused_before_it_is_taken() {
        let mut room = Room { given: 100, needed: 40 };
        room.take("ana").unwrap();
        room.take("").unwrap();
        assert_eq!(room.needed, 40 + (3 + 5) * 3 + 5 * 3);
        let refused = room.take("maria");
        assert!(
            matches!(refused, Err(Error::TooLittleMemory { given: 100, needed: 109 })),
            "{refused:?}"
        );
    }
}
