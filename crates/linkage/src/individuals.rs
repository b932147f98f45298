//! Counts how common values are among individuals instead of among records.
//!
//! Beside scoring, for files that hold somebody several times. Counted by records, the name of who left ten records is
//! ten times as common as it is, and weighs too little for exactly those who have duplicates. Here the tables are linked
//! and clustered once with what the records say, and each value then counts once for each cluster that has it. The second
//! linking, by [`crate::Scorer::with_frequencies`], is the caller's. No m, u or threshold moves.
//!
//! Clusters are those of [`Policy::new`], whatever the model says of one-to-one.

use rustc_hash::FxHashSet;

use crate::cluster::{Bond, Constraints, Member, Members, Policy, Weigher, cluster};
use crate::link::{Detail, link_in_detail};
use crate::model::OneToOne;
use crate::score::Scorer;
use crate::tables::NO_VALUE;
use crate::{Frequencies, Result};

impl Frequencies {
    /// Counts the values among individuals, whom the scorer tells apart at this weight.
    ///
    /// # Errors
    ///
    /// Those of [`crate::link()`] and of [`cluster`].
    pub fn of_individuals(scorer: &Scorer<'_>, threshold: f64) -> Result<Self> {
        let (model, tables) = (scorer.model(), scorer.tables());
        let members = Members::new(tables)?;
        let clusters = {
            let all = model.with_threshold(threshold)?.with_one_to_one(OneToOne::Off)?;
            let own = Self::of(tables, all.comparisons())?;
            let wide = Scorer::with_frequencies(&all, tables, own)?;
            let links = link_in_detail(&wide, Detail::Kept, |_| {})?;
            let bonds: Vec<Bond> = members.bonds(&links.pairs)?;
            let mut weigher = Weigher::new(&wide)?;
            cluster(
                members.count(),
                bonds,
                &Policy::new(threshold),
                &Constraints::none(),
                |one, other| weigher.weight(one, other),
            )?
        };
        Self::of_shares(tables, model.comparisons(), |_, column| {
            // Each value once for each individual: whole numbers, so that no order of rows moves a bit.
            let mut seen: FxHashSet<(Member, u32)> = FxHashSet::default();
            let mut counts = vec![0_u64; tables.values(column).len() + 1];
            for number in 0..members.count() {
                let member = Member::new(number);
                let Ok((side, record)) = members.record(member) else { continue };
                let code = tables.codes(column, side)[record.index()];
                if code != NO_VALUE && seen.insert((clusters.first(member), code)) {
                    counts[code as usize] += 1;
                }
            }
            let all: u64 = counts.iter().sum();
            let share = |count: &u64| (all > 0).then(|| *count as f64 / all as f64);
            counts.iter().map(share).collect()
        })
    }
}
