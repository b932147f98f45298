//! Units of work that fit the memory: what each takes is counted before any is worked on.
//!
//! Between the two plans. A unit cannot be spilled, so what the largest takes must be known while there is still something to be
//! done about it. All rows are gone through once and put down to the units that they go to, those of keys that turn out to make
//! no pair too. Where a unit takes more than its part, all are cut smaller and counted again; where even the smallest takes more,
//! the run is refused with the memory that would do. Which unit a pair is made in changes nothing of it.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type};
use arrow_ipc::reader::FileReader;

use super::assign::{Assignment, Tally};
use super::block_exec::{column, key_columns};
use super::failed;
use super::pool::{memory_for_units, unit_part};
use super::rows::{RECORD, SIDE, failed_arrow};
use super::run::Bounds;
use super::size::row_bytes;
use super::stage::{Staged, unwritten};
use crate::model::Model;
use crate::parallel::share;
use crate::{Error, Result};

/// What a row of a unit has besides what is staged: its unit, layer, key and role, and whether they are there.
const ASSIGNED_BYTES: u64 = 8 + 2 + 16 + 1 + 1;

/// How many units there should be for each partition, so that none is left with much more than the others.
const UNITS_A_PARTITION: u64 = 16;

/// Units are never cut towards fewer pairs than this: rows are repeated, and there is a cost to each unit.
const LEAST_UNIT_PAIRS: u64 = 64;

/// Which unit each block goes to, and what the largest takes.
pub(super) struct Fitted {
    pub(super) assignment: Assignment,
    /// How many units are worked on at once.
    pub(super) at_once: usize,
    /// What the largest takes in memory.
    pub(super) unit_bytes: u64,
}

/// Cuts units so that as many as are worked on at once fit the memory that may be theirs.
///
/// # Errors
///
/// [`Error::BlockTooLarge`], and [`Error::UnitsTooLarge`] with the memory that would do.
pub(super) fn fitted(
    tally: &Tally,
    model: &Model,
    staged: &Staged,
    bounds: &Bounds,
) -> Result<Fitted> {
    let partitions = bounds.partitions.get();
    let least_units = partitions as u64 * UNITS_A_PARTITION;
    let mut pairs = tally.aim(bounds.unit_pairs, least_units);
    let mut assigned = tally.assigned_towards(model, pairs);
    let mut least: Option<(u64, u64, usize)> = None;
    loop {
        let assignment = assigned?;
        let at_once = usize::try_from(assignment.units()).unwrap_or(usize::MAX).min(partitions);
        let unit_bytes = largest(&assignment, staged, bounds.threads())?;
        if unit_bytes <= unit_part(bounds.memory_bytes, at_once) as u64 {
            return Ok(Fitted { assignment, at_once, unit_bytes });
        }
        let needed = (memory_for_units(unit_bytes, at_once), unit_bytes, at_once);
        let (needed, unit_bytes, at_once) =
            *least.insert(least.map_or(needed, |least| least.min(needed)));
        // Powers of two, so that the smallest are the same wherever one begins.
        pairs = pairs.div_ceil(2).next_power_of_two().min(pairs - 1);
        let smaller = (pairs >= LEAST_UNIT_PAIRS).then(|| tally.assigned_towards(model, pairs));
        assigned = match smaller {
            // A block that cannot be cut any smaller ends it too.
            None | Some(Err(Error::BlockTooLarge { .. })) => {
                let given = bounds.memory_bytes as u64;
                return Err(Error::UnitsTooLarge { at_once, unit_bytes, given, needed });
            }
            Some(assigned) => assigned,
        };
    }
}

/// Returns how many bytes the rows of the largest unit take.
fn largest(assignment: &Assignment, staged: &Staged, threads: usize) -> Result<u64> {
    let files: Vec<&Path> = staged.files().iter().map(AsRef::as_ref).collect();
    let measured = share(threads, files, |file| measure(assignment, file));
    let mut units = vec![0; usize::try_from(assignment.units()).unwrap_or(usize::MAX)];
    for own in measured {
        units.iter_mut().zip(own?).for_each(|(all, own)| *all += own);
    }
    Ok(units.into_iter().max().unwrap_or(0))
}

/// Counts what the rows of one file take in each unit.
fn measure(assignment: &Assignment, file: &Path) -> Result<Vec<u64>> {
    let mut units = vec![0_u64; usize::try_from(assignment.units()).unwrap_or(usize::MAX)];
    let file = File::open(file).map_err(|error| unwritten(&error))?;
    for batch in FileReader::try_new_buffered(file, None).map_err(failed_arrow)? {
        let batch = batch.map_err(failed_arrow)?;
        let bytes = row_bytes(&batch);
        let sides = column(&batch, SIDE).map_err(failed)?.as_primitive::<UInt8Type>();
        let records = column(&batch, RECORD).map_err(failed)?.as_primitive::<UInt32Type>();
        for (layer, keys) in (0..).zip(key_columns(&batch).map_err(failed)?) {
            for (row, bytes) in bytes.iter().enumerate() {
                for key in keys.of(row) {
                    let (recipient, record) = (sides.value(row) != 0, records.value(row));
                    assignment.units_of((layer, *key), recipient, record, |unit, _| {
                        let own = usize::try_from(unit).ok().and_then(|unit| units.get_mut(unit));
                        *own.unwrap_or(&mut 0) += *bytes as u64 + ASSIGNED_BYTES;
                    });
                }
            }
        }
    }
    Ok(units)
}
