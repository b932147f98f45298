//! The memory of one plan: a part for whoever may ask, so that nobody takes another's.
//!
//! Beside the path. DataFusion's fair pool lets sorts take all that is free, and then none is left for a sort that has spilled
//! and must merge before it can let anything go, nor for a unit of work, which cannot be spilled at all. What runs in a plan of
//! ours is known before it begins, so here each has a part from the beginning, and nobody's depends on who has ended:
//!
//! - A unit of work has what the largest takes, in each partition; whoever cuts the units sees to it that all of them
//!   together take no more than a quarter ([`unit_part`]). Whoever brings sorted pairs together has a part besides.
//! - What is left is for sorts, merges and exchanges, in the same measure in each partition. A merge has half as much again as
//!   a sort: DataFusion reserves twice what a sort gathers, and to merge it takes that much once and spells its keys
//!   beside, so a full sort can always be merged. A merge of files takes as many at once as its part holds.
//!
//! A part is that of a consumer, which may hold it in several reservations and ask from several threads at once. A sort or an
//! exchange that gets no more spills. Only a sort's first batch may be larger than its part, where memory is free: it is there
//! already, and with nothing in hand the sort can spill nothing. Until it is let go, exchanges spill rather than take what is
//! lent.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion_common::{DataFusionError, Result};
use datafusion_execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::repartition::RepartitionExec;
use datafusion_physical_plan::sorts::sort::SortExec;
use datafusion_physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use rustc_hash::FxHashMap;

/// How a sort of DataFusion calls what it gathers.
const SORTING: &str = "ExternalSorter[";

/// How it calls what it merges with.
const MERGING: &str = "ExternalSorterMerge[";

/// How a unit of work calls itself.
pub(super) const LINKING: &str = "LinkExec";

/// How the parts of a sort, of its merge and of an exchange stand to each other.
const SORT: usize = 2;
const MERGE: usize = 3;
const EXCHANGE: usize = 2;

/// At most one part of so many is kept for units of work.
const UNIT_PARTS: usize = 4;

/// At most one part of so many is kept for whoever brings sorted pairs together.
const BRINGING_PARTS: usize = 8;

/// Returns the most that one unit of work may take of a plan's memory where so many are worked on at once.
pub(super) fn unit_part(memory: usize, at_once: usize) -> usize {
    memory / UNIT_PARTS / at_once.max(1)
}

/// Returns the least memory of a plan in which so many units of work may take so much each.
pub(super) fn memory_for_units(unit: u64, at_once: usize) -> u64 {
    unit.saturating_mul(UNIT_PARTS as u64).saturating_mul(at_once.max(1) as u64)
}

/// Returns the most that is kept of a plan's memory for whoever brings sorted pairs together.
pub(super) fn bringing_part(memory: usize) -> usize {
    memory / BRINGING_PARTS
}

/// What runs in a plan at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    /// How many partitions there are.
    pub(super) partitions: usize,
    /// How many sorts there are in each.
    pub(super) sorts: usize,
    /// How many exchanges there are in each.
    pub(super) exchanges: usize,
    /// How many bring sorted partitions together.
    pub(super) bringers: usize,
    /// What each of these takes.
    pub(super) bringer_bytes: usize,
    /// How many units of work there are at once.
    pub(super) units: usize,
    /// What the largest takes.
    pub(super) unit_bytes: usize,
}

impl Load {
    /// Counts what runs in each of so many partitions of a plan; units of work are left out.
    pub(super) fn of(plan: &dyn ExecutionPlan, partitions: usize) -> Self {
        Self {
            partitions,
            sorts: count(plan, &|plan| plan.is::<SortExec>()),
            exchanges: count(plan, &|plan| plan.is::<RepartitionExec>()),
            bringers: count(plan, &|plan| plan.is::<SortPreservingMergeExec>()),
            bringer_bytes: 0,
            units: 0,
            unit_bytes: 0,
        }
    }
}

fn count(plan: &dyn ExecutionPlan, is_one: &dyn Fn(&dyn ExecutionPlan) -> bool) -> usize {
    let below = plan.children().into_iter().map(|child| count(child.as_ref(), is_one));
    usize::from(is_one(plan)) + below.sum::<usize>()
}

/// Who asks for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Sort,
    Merge,
    Exchange,
    Unit,
    Bringer,
}

impl Asker {
    fn of(consumer: &MemoryConsumer) -> Self {
        let name = consumer.name();
        if name.starts_with(SORTING) {
            Self::Sort
        } else if name.starts_with(MERGING) {
            Self::Merge
        } else if consumer.can_spill() {
            Self::Exchange
        } else if name == LINKING {
            Self::Unit
        } else {
            Self::Bringer
        }
    }
}

/// A pool of memory in which whoever may ask has a part.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: usize,
    /// The part of a sort, of its merge, of an exchange, of a unit, and of whoever brings pairs together.
    sort: usize,
    merge: usize,
    exchange: usize,
    unit: usize,
    bringer: usize,
    /// What all merges have together.
    merges: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What all hold.
    all: usize,
    /// What merges hold.
    merging: usize,
    /// What each holds, by the number of the consumer, whatever its reservations.
    held: FxHashMap<usize, usize>,
}

impl State {
    fn held(&self, consumer: &MemoryConsumer) -> usize {
        self.held.get(&consumer.id()).copied().unwrap_or_default()
    }

    fn take(&mut self, consumer: &MemoryConsumer, bytes: usize) {
        self.all += bytes;
        if Asker::of(consumer) == Asker::Merge {
            self.merging += bytes;
        }
        *self.held.entry(consumer.id()).or_default() += bytes;
    }

    fn give_back(&mut self, consumer: &MemoryConsumer, bytes: usize) {
        self.all = self.all.saturating_sub(bytes);
        if Asker::of(consumer) == Asker::Merge {
            self.merging = self.merging.saturating_sub(bytes);
        }
        let held = self.held.entry(consumer.id()).or_default();
        *held = held.saturating_sub(bytes);
    }
}

impl Pool {
    pub(super) fn new(bytes: usize, load: Load) -> Self {
        let unit = load.unit_bytes.min(unit_part(bytes, load.units));
        let bringer = load.bringer_bytes.min(bringing_part(bytes) / load.bringers.max(1));
        let sorts = load.partitions * load.sorts;
        let exchanges = load.partitions * load.exchanges;
        let rest = bytes - unit * load.units - bringer * load.bringers;
        let share = rest / (sorts * (SORT + MERGE) + exchanges * EXCHANGE).max(1);
        Self {
            bytes,
            sort: share * SORT,
            merge: share * MERGE,
            exchange: share * EXCHANGE,
            unit,
            bringer,
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

    /// Returns how much more one may have.
    fn left(&self, state: &State, consumer: &MemoryConsumer) -> usize {
        let held = state.held(consumer);
        let free = self.bytes.saturating_sub(state.all);
        match Asker::of(consumer) {
            Asker::Sort if held == 0 => self.sort.max(free),
            Asker::Sort => self.sort.saturating_sub(held),
            Asker::Exchange => self.exchange.saturating_sub(held).min(free),
            Asker::Merge => {
                let all = self.merges.saturating_sub(state.merging);
                self.merge.saturating_sub(held).min(all)
            }
            Asker::Unit => self.unit.saturating_sub(held),
            Asker::Bringer => self.bringer.saturating_sub(held),
        }
    }
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

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state().held.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state().take(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.state().give_back(reservation.consumer(), shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut state = self.state();
        let left = self.left(&state, consumer);
        if additional > left {
            return Err(refused(consumer, additional, left));
        }
        state.take(consumer, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.state().all
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Barrier};

    use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
    use datafusion_datasource::memory::MemorySourceConfig;
    use datafusion_execution::TaskContext;
    use datafusion_execution::config::SessionConfig;
    use datafusion_execution::runtime_env::RuntimeEnvBuilder;
    use futures::StreamExt;

    use super::super::link_exec::order_by;
    use super::*;

    const EXCHANGING: &str = "RepartitionExec[";

    const BRINGING: &str = "SortPreservingMergeExec[";

    fn of(pool: &Arc<Pool>, name: &str) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::clone(pool) as _;
        MemoryConsumer::new(name)
            .with_can_spill(name.starts_with(SORTING) || name.starts_with(EXCHANGING))
            .register(&pool)
    }

    fn all(pool: &Arc<Pool>, name: &str, count: usize) -> Vec<MemoryReservation> {
        let named =
            |number| if name == LINKING { name.to_owned() } else { format!("{name}{number}]") };
        (0..count).map(|number| of(pool, &named(number))).collect()
    }

    /// What asks of the pool of 16,900 bytes: 1,200 a sort, an exchange and a unit, 1,800 a merge, 100 to bring together.
    const LOAD: Load = Load {
        partitions: 2,
        sorts: 2,
        exchanges: 1,
        bringers: 1,
        bringer_bytes: 100,
        units: 2,
        unit_bytes: 1_200,
    };

    fn pool() -> Arc<Pool> {
        Arc::new(Pool::new(16_900, LOAD))
    }

    #[test]
    fn whoever_takes_all_it_may_leaves_the_others_their_parts() {
        let pool = pool();
        let (sorts, merges) = (all(&pool, SORTING, 4), all(&pool, MERGING, 4));
        let (exchanges, units) = (all(&pool, EXCHANGING, 2), all(&pool, LINKING, 2));
        let bringers = all(&pool, BRINGING, 1);
        for (all, part) in [
            (&sorts, 1_200),
            (&exchanges, 1_200),
            (&merges, 1_800),
            (&units, 1_200),
            (&bringers, 100),
        ] {
            for one in all {
                one.try_grow(part - 20).unwrap();
                one.try_grow(20).unwrap();
                assert!(one.try_grow(1).is_err());
            }
        }
        assert_eq!(pool.reserved(), 16_900);
        // More merges than there are sorts have nothing.
        assert!(of(&pool, "ExternalSorterMerge[9]").try_grow(1).is_err());
        // What others leave as they end makes nobody's part larger: what a unit may have is known before it begins.
        drop((sorts, exchanges, bringers));
        for one in merges.iter().chain(&units) {
            assert!(one.try_grow(1).is_err());
        }
        let told = units[0].try_grow(7).unwrap_err().strip_backtrace();
        assert!(told.ends_with("LinkExec asks for 7 bytes more, and 0 are left for it"), "{told}");
        drop((merges, units));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_part_is_its_consumers_however_many_reservations_hold_it() {
        let pool = pool();
        for (name, part) in
            [(SORTING, 1_200), (EXCHANGING, 1_200), (MERGING, 1_800), (LINKING, 1_200)]
        {
            let one = of(&pool, name);
            one.try_grow(part - 100).unwrap();
            let (split, empty) = (one.split(500), one.new_empty());
            for own in [&one, &split, &empty] {
                assert!(own.try_grow(101).is_err(), "{name}");
            }
            empty.try_grow(100).unwrap();
            assert!(split.try_grow(1).is_err(), "{name}");
            drop(split);
            one.try_grow(500).unwrap();
            assert!(one.try_grow(1).is_err(), "{name}");
            assert_eq!(pool.reserved(), part);
        }
    }

    #[test]
    fn threads_that_share_a_reservation_do_not_pass_its_part_together() {
        let pool = pool();
        for _ in 0..200 {
            let exchange = of(&pool, "RepartitionExec[0]");
            let all_at_once = Barrier::new(4);
            let granted = std::thread::scope(|scope| {
                let ask = || {
                    all_at_once.wait();
                    usize::from(exchange.try_grow(700).is_ok())
                };
                let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
                asking.into_iter().map(|asked| asked.join().unwrap()).sum::<usize>()
            });
            assert_eq!((granted, pool.reserved()), (1, 700));
        }
    }

    #[test]
    fn a_first_batch_larger_than_the_part_of_its_sort_is_taken_where_there_is_room() {
        let pool = pool();
        let sorts = all(&pool, SORTING, 2);
        let exchange = of(&pool, "RepartitionExec[0]");
        sorts[0].try_grow(16_000).unwrap();
        assert!(sorts[0].try_grow(1).is_err(), "it holds something that it can spill");
        assert!(sorts[0].new_empty().try_grow(1).is_err(), "whatever holds it");
        assert!(sorts[1].try_grow(1_201).is_err(), "there are 900");
        assert!(exchange.try_grow(901).is_err(), "what is lent is not taken twice");
        sorts[1].try_grow(1_200).unwrap();
        sorts[1].shrink(1_200);
        sorts[0].shrink(16_000);
        sorts[1].try_grow(1_201).unwrap();
        assert!(exchange.try_grow(1_201).is_err(), "it can spill any batch");
    }

    #[test]
    fn no_more_than_a_quarter_is_kept_for_units_however_large_they_are() {
        let load =
            Load { partitions: 3, sorts: 1, bringers: 0, units: 3, unit_bytes: 1 << 40, ..LOAD };
        let pool = Arc::new(Pool::new(33_600, load));
        for unit in &all(&pool, LINKING, 3) {
            unit.try_grow(2_800).unwrap();
            assert!(unit.try_grow(1).is_err());
        }
        assert_eq!(unit_part(33_600, 3), 2_800);
        assert_eq!(memory_for_units(2_800, 3), 33_600);
        let spillers = [all(&pool, SORTING, 3), all(&pool, EXCHANGING, 3)];
        for one in spillers.iter().flatten() {
            one.try_grow(2_400).unwrap();
        }
    }

    #[test]
    fn memory_that_is_given_out_comes_back_whatever_the_order() {
        let pool = pool();
        let mut dice = crate::random::Dice::new(7);
        // All that the load names, each with a second reservation.
        let names = [(SORTING, 4), (MERGING, 4), (EXCHANGING, 2), (LINKING, 2), (BRINGING, 1)];
        let mut those: Vec<_> =
            names.iter().flat_map(|(name, count)| all(&pool, name, *count)).collect();
        those.extend(those.iter().map(MemoryReservation::new_empty).collect::<Vec<_>>());
        for _ in 0..100_000 {
            let one = &those[usize::try_from(dice.below(26)).unwrap()];
            let bytes = usize::try_from(dice.below(900)).unwrap();
            if dice.below(2) == 0 {
                let _ = one.try_grow(bytes);
            } else {
                one.shrink(bytes.min(one.size()));
            }
            assert_eq!(pool.reserved(), those.iter().map(MemoryReservation::size).sum::<usize>());
            assert!(pool.reserved() <= 16_900);
        }
        drop(those);
        assert_eq!(pool.reserved(), 0);
        assert!(pool.state().held.is_empty());
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
        let load = Load::of(&sort, 1);
        assert_eq!((load.sorts, load.exchanges, load.bringers), (1, 0, 0));
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
