//! The memory of one plan: a part for whoever may ask, so that nobody takes another's.
//!
//! Beside the path. DataFusion's fair pool lets sorts take all that is free, and then none is left for a sort that has spilled
//! and must merge before it can let anything go, nor for a unit of work, which cannot be spilled at all. What runs in a plan of
//! ours is known before it begins, so here each has a part from the beginning:
//!
//! - A unit of work has what the largest is expected to take, in each partition; at most a quarter of the memory is kept
//!   for units. One that is larger than expected has besides what sorts and exchanges that have ended leave: all that
//!   there are begin with the plan, and none begins later.
//! - What is left is for sorts, merges and exchanges, in the same measure in each partition. A merge has half as much again as
//!   a sort: DataFusion reserves twice what a sort gathers, and to merge it takes that much once and spells its keys
//!   beside, so a full sort can always be merged. A merge of files takes as many at once as its part holds.
//!
//! A sort or an exchange that gets no more spills, but for a sort's first batch, which may be larger than its part where memory
//! is free; a unit cannot, and the run ends.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion_common::{DataFusionError, Result};
use datafusion_execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use rustc_hash::FxHashMap;

/// How a sort of DataFusion calls what it gathers.
const SORTING: &str = "ExternalSorter[";

/// How it calls what it merges with.
const MERGING: &str = "ExternalSorterMerge[";

/// How the parts of a sort, of its merge and of an exchange stand to each other.
const SORT: usize = 2;
const MERGE: usize = 3;
const EXCHANGE: usize = 2;

/// At most one part of so many is kept for units of work.
const UNIT_PARTS: usize = 4;

/// What runs in a plan at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How many partitions there are, each with one exchange.
    pub(super) partitions: usize,
    /// How many sorts there are in each.
    pub(super) sorts: usize,
    /// How many units of work there are at once.
    pub(super) units: usize,
    /// What the largest is expected to take.
    pub(super) unit_bytes: usize,
}

/// A pool of memory in which whoever may ask has a part.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: usize,
    /// How many there are that can spill, when the plan begins.
    spillers: usize,
    /// The part of a sort, of its merge, of an exchange and of a unit.
    sort: usize,
    merge: usize,
    exchange: usize,
    unit: usize,
    /// What all merges have together.
    merges: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many there are now that can spill.
    spillers: usize,
    /// What these hold.
    spillable: usize,
    /// What merges hold.
    merging: usize,
    /// What units hold of their own parts, and of what others have left.
    units: usize,
    lent: usize,
    /// By its number, what each that cannot be spilled holds.
    held: FxHashMap<usize, Held>,
}

/// What one that cannot be spilled holds.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    /// Of its own part.
    own: usize,
    /// Of what others have left.
    lent: usize,
}

impl State {
    /// Returns all that is held.
    fn all(&self) -> usize {
        self.spillable + self.merging + self.units + self.lent
    }
}

impl Pool {
    pub(super) fn new(bytes: usize, load: Load) -> Self {
        let partitions = load.partitions.max(1);
        let units = load.units.max(1);
        let unit = load.unit_bytes.min(bytes / UNIT_PARTS / units);
        let sorts = partitions * load.sorts;
        let share = (bytes - unit * units) / (sorts * (SORT + MERGE) + partitions * EXCHANGE);
        Self {
            bytes,
            spillers: sorts + partitions,
            sort: share * SORT,
            merge: share * MERGE,
            exchange: share * EXCHANGE,
            unit,
            merges: share * MERGE * sorts,
            state: Mutex::default(),
        }
    }

    /// Returns the part of one sort.
    pub(super) fn sort(&self) -> usize {
        self.sort
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes for what can be spilled, which holds `held`.
    fn gather(&self, consumer: &MemoryConsumer, held: usize, more: usize) -> Result<()> {
        let sorts = consumer.name().starts_with(SORTING);
        let part = if sorts { self.sort } else { self.exchange };
        let mut state = self.state();
        // A sort that holds nothing can let nothing go: where its part is smaller than one batch, which is there already, the
        // batch may have what nobody holds just then.
        let first = sorts && held == 0 && state.all() + more <= self.bytes;
        if held + more > part && !first {
            return Err(refused(consumer, more, part.saturating_sub(held)));
        }
        state.spillable += more;
        Ok(())
    }

    /// Takes for what cannot be spilled: of its own part first. All of it is taken, there or not, if it is `forced`.
    fn take(&self, consumer: &MemoryConsumer, bytes: usize, forced: bool) -> Result<()> {
        let mut state = self.state();
        let held = state.held.get(&consumer.id()).copied().unwrap_or_default();
        let (unused, more) = if merges(consumer) {
            let part = self.merge.saturating_sub(held.own);
            (part.min(self.merges.saturating_sub(state.merging)), 0)
        } else {
            let ended = self.spillers.saturating_sub(state.spillers);
            let more = ended * self.sort.min(self.exchange);
            (self.unit.saturating_sub(held.own), more.saturating_sub(state.lent))
        };
        if bytes > unused + more && !forced {
            return Err(refused(consumer, bytes, unused + more));
        }
        let own = unused.min(bytes);
        let lent = bytes - own;
        let total = if merges(consumer) { &mut state.merging } else { &mut state.units };
        *total += own;
        state.lent += lent;
        let held = state.held.entry(consumer.id()).or_default();
        held.own += own;
        held.lent += lent;
        Ok(())
    }

    /// Gives back what cannot be spilled, what is not of its own part first.
    fn give_back(&self, consumer: &MemoryConsumer, bytes: usize) {
        let mut state = self.state();
        let held = state.held.entry(consumer.id()).or_default();
        let lent = bytes.min(held.lent);
        let own = (bytes - lent).min(held.own);
        held.lent -= lent;
        held.own -= own;
        state.lent -= lent;
        let total = if merges(consumer) { &mut state.merging } else { &mut state.units };
        *total -= own;
    }
}

fn merges(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with(MERGING)
}

fn refused(consumer: &MemoryConsumer, more: usize, left: usize) -> DataFusionError {
    let name = consumer.name();
    DataFusionError::ResourcesExhausted(format!(
        "{name} asks for {more} bytes more, and {left} are left for it"
    ))
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, sort, merge, unit, .. } = self;
        write!(formatter, "{bytes} bytes: {sort} a sort, {merge} a merge, {unit} a unit of work")
    }
}

impl MemoryPool for Pool {
    fn name(&self) -> &'static str {
        "linkage"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.state().spillers += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut state = self.state();
        if consumer.can_spill() {
            state.spillers = state.spillers.saturating_sub(1);
        }
        state.held.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let consumer = reservation.consumer();
        if consumer.can_spill() {
            self.state().spillable += additional;
        } else {
            let taken = self.take(consumer, additional, true);
            debug_assert!(taken.is_ok(), "nothing refuses");
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let consumer = reservation.consumer();
        if consumer.can_spill() {
            let mut state = self.state();
            state.spillable = state.spillable.saturating_sub(shrink);
        } else {
            self.give_back(consumer, shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        if consumer.can_spill() {
            self.gather(consumer, reservation.size(), additional)
        } else {
            self.take(consumer, additional, false)
        }
    }

    fn reserved(&self) -> usize {
        self.state().all()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
    use datafusion_datasource::memory::MemorySourceConfig;
    use datafusion_execution::TaskContext;
    use datafusion_execution::config::SessionConfig;
    use datafusion_execution::runtime_env::RuntimeEnvBuilder;
    use datafusion_physical_plan::ExecutionPlan;
    use datafusion_physical_plan::sorts::sort::SortExec;
    use futures::StreamExt;

    use super::super::link_exec::order_by;
    use super::*;

    fn of(pool: &Arc<Pool>, name: &str) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::clone(pool) as _;
        MemoryConsumer::new(name)
            .with_can_spill(name.starts_with(SORTING) || name.starts_with("Repartition"))
            .register(&pool)
    }

    /// One that asks, of the pool of 7,200 bytes a partition that has two sorts there, and of a unit of 1,200.
    fn pool() -> Arc<Pool> {
        let load = Load { partitions: 2, sorts: 2, units: 2, unit_bytes: 1_200 };
        Arc::new(Pool::new(16_800, load))
    }

    #[test]
    fn whoever_takes_all_it_may_leaves_the_others_their_parts() {
        let pool = pool();
        let all = |name: &str, count: usize| -> Vec<_> {
            (0..count).map(|number| of(&pool, &format!("{name}{number}]"))).collect()
        };
        let (sorts, merges) = (all(SORTING, 4), all(MERGING, 4));
        let (exchanges, units) = (all("RepartitionExec[", 2), all("LinkExec[", 2));
        for (all, part) in [(&sorts, 1_200), (&exchanges, 1_200), (&merges, 1_800), (&units, 1_200)]
        {
            for one in all {
                one.try_grow(part - 200).unwrap();
                one.try_grow(200).unwrap();
                assert!(one.try_grow(1).is_err());
            }
        }
        assert_eq!(pool.reserved(), 16_800);
        // More merges than there are sorts have nothing.
        assert!(of(&pool, "ExternalSorterMerge[9]").try_grow(1).is_err());
        // What a sort and an exchange leave as they end, a larger unit may have, and a merge may not.
        drop((sorts, exchanges));
        assert!(merges[0].try_grow(1).is_err());
        units[0].try_grow(7_000).unwrap();
        units[1].try_grow(200).unwrap();
        assert!(units[1].try_grow(1).is_err());
        units[0].shrink(7_001);
        units[1].try_grow(7_000).unwrap();
        assert!(units[1].try_grow(1).is_err());
        units[0].try_grow(1).unwrap();
        assert_eq!(pool.reserved(), 16_800);
        drop((merges, units));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_first_batch_larger_than_the_part_of_its_sort_is_taken_where_there_is_room() {
        let pool = pool();
        let sorts = [0, 1].map(|number| of(&pool, &format!("{SORTING}{number}]")));
        sorts[0].try_grow(16_000).unwrap();
        assert!(sorts[0].try_grow(1).is_err(), "it holds something that it can spill");
        assert!(sorts[1].try_grow(1_201).is_err(), "there are 800");
        sorts[1].try_grow(1_200).unwrap();
        sorts[1].shrink(1_200);
        sorts[0].shrink(16_000);
        sorts[1].try_grow(1_201).unwrap();
        assert!(of(&pool, "RepartitionExec[0]").try_grow(1_201).is_err(), "it can spill any batch");
    }

    #[test]
    fn no_more_than_a_quarter_is_kept_for_units_however_large_they_are() {
        let load = Load { partitions: 3, sorts: 1, units: 3, unit_bytes: 1 << 40 };
        let pool = Arc::new(Pool::new(33_600, load));
        let sorts = [0, 1, 2].map(|number| of(&pool, &format!("{SORTING}{number}]")));
        let exchanges = [0, 1, 2].map(|number| of(&pool, &format!("RepartitionExec[{number}]")));
        let units = [0, 1, 2].map(|_| of(&pool, "LinkExec"));
        for unit in &units {
            unit.try_grow(2_800).unwrap();
            assert!(unit.try_grow(1).is_err());
        }
        for sort in sorts.iter().chain(&exchanges) {
            sort.try_grow(2_400).unwrap();
        }
    }

    #[test]
    fn memory_that_is_given_out_comes_back_whatever_the_order() {
        let pool = pool();
        let mut dice = crate::random::Dice::new(7);
        // All that the load names.
        let names = [(SORTING, 4), (MERGING, 4), ("RepartitionExec[", 2), ("LinkExec[", 2)];
        let all: Vec<_> = (names.iter())
            .flat_map(|(name, count)| (0..*count).map(move |number| format!("{name}{number}]")))
            .map(|name| of(&pool, &name))
            .collect();
        for _ in 0..100_000 {
            let one = &all[usize::try_from(dice.below(12)).unwrap()];
            let bytes = usize::try_from(dice.below(900)).unwrap();
            if dice.below(2) == 0 {
                let _ = one.try_grow(bytes);
            } else {
                one.shrink(bytes.min(one.size()));
            }
            assert_eq!(pool.reserved(), all.iter().map(MemoryReservation::size).sum::<usize>());
            assert!(pool.reserved() <= 16_800);
        }
        drop(all);
        assert_eq!(pool.reserved(), 0);
    }

    /// Notes who asks for memory, and whether it can spill.
    #[derive(Debug)]
    struct Noting {
        pool: Pool,
        asked: Mutex<BTreeSet<(String, bool)>>,
    }

    impl fmt::Display for Noting {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.pool.fmt(formatter)
        }
    }

    impl MemoryPool for Noting {
        fn name(&self) -> &'static str {
            "noting"
        }

        fn register(&self, consumer: &MemoryConsumer) {
            self.pool.register(consumer);
        }

        fn unregister(&self, consumer: &MemoryConsumer) {
            self.pool.unregister(consumer);
        }

        fn grow(&self, reservation: &MemoryReservation, additional: usize) {
            self.pool.grow(reservation, additional);
        }

        fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
            self.pool.shrink(reservation, shrink);
        }

        fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
            let consumer = reservation.consumer();
            let asked = (consumer.name().to_owned(), consumer.can_spill());
            self.asked.lock().unwrap().insert(asked);
            self.pool.try_grow(reservation, additional)
        }

        fn reserved(&self) -> usize {
            self.pool.reserved()
        }
    }

    #[test]
    fn the_sort_of_datafusion_merges_under_the_name_that_has_a_part() {
        let batch = |start: u64| {
            let numbers =
                (start..start + 1_000).map(|number| number.wrapping_mul(0x9E37_79B9) % 65_521);
            let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(numbers));
            RecordBatch::try_from_iter([("number", numbers)]).unwrap()
        };
        let batches: Vec<RecordBatch> = (0..40).map(|turn| batch(turn * 1_000)).collect();
        let schema = batches[0].schema();
        let rows = MemorySourceConfig::try_new_exec(&[batches], Arc::clone(&schema), None).unwrap();
        let sort = SortExec::new(order_by(&schema, &["number"]).unwrap(), rows);
        let load = Load { partitions: 1, sorts: 1, units: 1, unit_bytes: 0 };
        let noting = Arc::new(Noting { pool: Pool::new(800_000, load), asked: Mutex::default() });
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&noting) as _)
            .build_arc()
            .unwrap();
        let config =
            SessionConfig::new().with_batch_size(1_000).with_sort_spill_reservation_bytes(50_000);
        let context =
            Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime));
        let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let sorted = tasks.block_on(async {
            let batches = sort.execute(0, context).unwrap();
            batches.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>().await
        });
        assert_eq!(sorted.iter().sum::<usize>(), 40_000);
        assert!(sort.metrics().unwrap().spill_count().unwrap() > 1, "it merges what it spilled");
        let asked = noting.asked.lock().unwrap();
        for (spills, meant) in [(false, MERGING), (true, SORTING)] {
            let names: Vec<_> = asked.iter().filter(|(_, own)| *own == spills).collect();
            assert!(!names.is_empty(), "{meant} asks for memory");
            for (name, _) in names {
                assert!(name.starts_with(meant), "{name} is not known as {meant}");
            }
        }
    }
}
