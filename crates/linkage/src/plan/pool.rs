//! The memory of a run, of which each sort has a part for merging what it spilled.
//!
//! Beside the path. DataFusion's fair pool lets each sort take its share of all that is free, and then none is left for
//! another one that has spilled and must merge before it can let anything go. Here a quarter of the memory is kept for
//! merging, as much of it for each sort; a merge that asks for more takes it from the rest, like everybody else, and makes do
//! with fewer files at once where there is none.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use datafusion_common::Result;
use datafusion_execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use rustc_hash::FxHashMap;

/// How a sort of DataFusion calls what it merges with.
const MERGING: &str = "ExternalSorterMerge";

/// One part of so many is kept for merging.
const PARTS: usize = 4;

/// At most so many sorts of one partition hold memory at once: by unit of work, and by pair.
const SORTS: usize = 2;

/// A pool of memory in which each sort has a part for merging.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: usize,
    /// What is kept for the merging of one sort.
    each: usize,
    shared: FairSpillPool,
    merging: Mutex<FxHashMap<usize, Held>>,
}

/// What the merging of one sort holds.
#[derive(Debug, Default)]
struct Held {
    /// Of what is kept for it.
    own: usize,
    /// Of what all share.
    shared: usize,
}

impl Pool {
    pub(super) fn new(bytes: usize, partitions: usize) -> Self {
        let each = bytes / (PARTS * SORTS * partitions.max(1));
        let kept = each * SORTS * partitions;
        let merging = Mutex::default();
        Self { bytes, each, shared: FairSpillPool::new(bytes - kept), merging }
    }

    /// Splits what a merge asks for into what is left of its own part and the rest, which `rest` takes or doesn't.
    fn take(
        &self,
        reservation: &MemoryReservation,
        bytes: usize,
        rest: impl FnOnce(usize) -> Result<()>,
    ) -> Result<()> {
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let held = merging.entry(reservation.consumer().id()).or_default();
        let own = bytes.min(self.each - held.own);
        if own < bytes {
            rest(bytes - own)?;
        }
        held.own += own;
        held.shared += bytes - own;
        Ok(())
    }
}

fn merges(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with(MERGING)
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes, of which each merge has {}", self.bytes, self.each)
    }
}

impl MemoryPool for Pool {
    fn name(&self) -> &'static str {
        "linkage"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        merging.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if !merges(reservation.consumer()) {
            return self.shared.grow(reservation, additional);
        }
        // The rest is taken whether it is there or not.
        let taken = self.take(reservation, additional, |rest| {
            self.shared.grow(reservation, rest);
            Ok(())
        });
        debug_assert!(taken.is_ok(), "nothing refuses");
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if !merges(reservation.consumer()) {
            return self.shared.shrink(reservation, shrink);
        }
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let held = merging.entry(reservation.consumer().id()).or_default();
        // What others could use goes back first.
        let shared = shrink.min(held.shared);
        held.shared -= shared;
        held.own = held.own.saturating_sub(shrink - shared);
        if shared > 0 {
            self.shared.shrink(reservation, shared);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if !merges(reservation.consumer()) {
            return self.shared.try_grow(reservation, additional);
        }
        self.take(reservation, additional, |rest| self.shared.try_grow(reservation, rest))
    }

    fn reserved(&self) -> usize {
        let merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.reserved() + merging.values().map(|held| held.own).sum::<usize>()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_sort_that_takes_all_there_is_leaves_each_what_it_merges_with() {
        let pool: Arc<dyn MemoryPool> = Arc::new(Pool::new(8_000, 2));
        let sort = MemoryConsumer::new("ExternalSorter[1]").with_can_spill(true).register(&pool);
        sort.try_grow(6_000).unwrap();
        assert!(sort.try_grow(1).is_err());
        let merge = |number| MemoryConsumer::new(format!("{MERGING}[{number}]")).register(&pool);
        let (one, other) = (merge(0), merge(1));
        one.try_grow(400).unwrap();
        one.try_grow(100).unwrap();
        assert!(one.try_grow(1).is_err(), "its part is used up, and nothing else is free");
        // What one has taken is not another's.
        other.try_grow(500).unwrap();
        assert_eq!(pool.reserved(), 7_000);
        // What the sort lets go, a merge may have, and gives it back before its own.
        sort.shrink(1_000);
        one.try_grow(700).unwrap();
        assert_eq!(pool.reserved(), 6_700);
        one.shrink(700);
        sort.try_grow(1_000).unwrap();
        assert!(one.try_grow(1).is_err());
        drop((sort, one, other));
        assert_eq!(pool.reserved(), 0);
    }
}
