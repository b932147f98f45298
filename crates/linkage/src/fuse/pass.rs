//! Goes through the pairs of units: compares, weighs, counts.
//!
//! The innermost loop of the program; what it calls for most pairs is arithmetic on two short rows. A worker belongs to
//! one thread and shares nothing with others but what is read. Sums are taken in the order of the model, by
//! [`Scorer::weight`], so a weight has the same bits as in the plain composition.

use std::iter;
use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::fuse::finder::{Finder, Memo};
use crate::fuse::rows::Rows;
use crate::fuse::sieve::{Columns, Sieve, Sifted};
use crate::fuse::unit::{Span, Unit};
use crate::fuse::{Fused, Goal};
use crate::link::{Pair, whole};
use crate::model::Link;
use crate::pattern::Pattern;
use crate::record::RecordRef;
use crate::score::{Scorer, kin_part};
use crate::tables::NO_VALUE;

/// What a pass came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Tally {
    /// The pairs kept, by source and then recipient record.
    pub(crate) pairs: Vec<Pair>,
    /// The pairs that each rule makes and no rule before it.
    pub(crate) new_pairs: Vec<u64>,
    /// How many of those have each pattern; nothing where only heavy pairs were sought.
    pub(crate) patterns: Vec<FxHashMap<Pattern, u64>>,
    /// How many pairs weigh from each whole number to below the next; nothing where only heavy pairs were sought.
    pub(crate) histogram: FxHashMap<i32, u64>,
}

impl Tally {
    /// Adds what another thread came to.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.pairs = merged(self.pairs, other.pairs);
        for (sum, count) in self.new_pairs.iter_mut().zip(other.new_pairs) {
            *sum += count;
        }
        for (sums, counts) in self.patterns.iter_mut().zip(other.patterns) {
            for (pattern, count) in counts {
                *sums.entry(pattern).or_insert(0) += count;
            }
        }
        for (weight, count) in other.histogram {
            *self.histogram.entry(weight).or_insert(0) += count;
        }
        self
    }
}

/// Merges two lists of pairs that are in order.
fn merged(one: Vec<Pair>, other: Vec<Pair>) -> Vec<Pair> {
    if other.is_empty() {
        return one;
    }
    let place = |pair: &Pair| (pair.source, pair.recipient);
    let mut both = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while let (Some(here), Some(there)) = (one.peek(), other.peek()) {
        let next = if place(here) <= place(there) { one.next() } else { other.next() };
        both.extend(next);
    }
    both.extend(one);
    both.extend(other);
    both
}

/// One thread at work on a pass.
pub(crate) struct Worker<'f, 's, 't> {
    fused: &'f Fused<'s, 't>,
    memos: Vec<Vec<Memo>>,
    /// log2 of the odds of kin, by pattern: few patterns are all pairs'.
    kin: FxHashMap<Pattern, f64>,
    sources: Gathered,
    recipients: Gathered,
    /// The recipients' rows once more, on their side, where most pairs are turned away by them.
    columns: Columns,
    /// What came of that.
    sifted: Sifted,
    /// Pairs that share a key, before what else their rule asks is asked of them.
    narrowed: Vec<(RecordRef, RecordRef)>,
    tally: Tally,
}

/// The rows of some records, one after the other.
#[derive(Default)]
struct Gathered {
    stride: usize,
    words: Vec<u32>,
}

impl Gathered {
    fn gather<'r>(&mut self, rows: &Rows, lists: impl Iterator<Item = &'r [RecordRef]>) {
        self.words.clear();
        self.stride = rows.stride();
        for record in lists.flatten() {
            self.words.extend_from_slice(rows.row(record.index()));
        }
    }

    fn row(&self, place: usize) -> &[u32] {
        &self.words[place * self.stride..(place + 1) * self.stride]
    }
}

/// The records whose rows are gathered at once, where blocks are smaller: reads from memory then overlap.
const GATHERED: usize = 512;

/// How many pairs are narrowed at once, or a row of them more.
const NARROWED: usize = 1 << 12;

/// Up to how many recipients' records a source record is held against one by one: to look at some side by side takes as
/// much as to look at all lanes.
const FEW: usize = 2;

/// Says whether an earlier rule makes a pair; `earlier` are the words of the keys of those.
#[inline]
fn made_earlier(earlier: &[usize], left: &[u32], right: &[u32]) -> bool {
    earlier.iter().any(|word| left[*word] == right[*word] && left[*word] != NO_VALUE)
}

/// Records, and where what was gathered of them begins: their rows, or, where a sieve looks at many, their columns.
#[derive(Clone, Copy)]
struct Members<'g> {
    rows: &'g Gathered,
    /// Where the first one's row or column is.
    from: usize,
    records: &'g [RecordRef],
}

impl<'f, 's, 't> Worker<'f, 's, 't> {
    pub(crate) fn new(fused: &'f Fused<'s, 't>) -> Self {
        let rules = fused.rules;
        Self {
            fused,
            memos: fused.ready.finders.iter().map(Finder::memos).collect(),
            kin: FxHashMap::default(),
            sources: Gathered::default(),
            recipients: Gathered::default(),
            columns: Columns::default(),
            sifted: Sifted::default(),
            narrowed: Vec::new(),
            tally: Tally {
                pairs: Vec::new(),
                new_pairs: vec![0; rules],
                patterns: vec![FxHashMap::default(); rules],
                histogram: FxHashMap::default(),
            },
        }
    }

    /// Returns what it came to.
    pub(crate) fn finish(mut self) -> Tally {
        self.tally.pairs.sort_unstable_by_key(|pair| (pair.source, pair.recipient));
        self.tally
    }

    /// Goes through the pairs of a unit.
    pub(crate) fn work(&mut self, unit: &Unit) {
        if !self.fused.blocks.is_plain() {
            return self.work_narrowed(unit);
        }
        for span in &unit.spans {
            let (sources, recipients) =
                (std::mem::take(&mut self.sources), std::mem::take(&mut self.recipients));
            (self.sources, self.recipients) = match span {
                Span::Blocks { rule, blocks } => {
                    self.blocks(*rule, blocks.clone(), sources, recipients)
                }
                Span::Tile { rule, block, sources: down, recipients: across } => {
                    let tile = (*block, down.clone(), across.clone());
                    self.tile(*rule, tile, sources, recipients)
                }
            };
        }
    }

    /// Does the same where some rule asks more than equal keys: its conditions are asked of many pairs at once, and what they
    /// leave is compared and weighed pair by pair.
    fn work_narrowed(&mut self, unit: &Unit) {
        let fused = self.fused;
        let between = fused.ready.link == Link::Between;
        for span in &unit.spans {
            let (Span::Blocks { rule: layer, .. } | Span::Tile { rule: layer, .. }) = span;
            let layer = usize::from(*layer);
            let keyed = &fused.blocks.rules()[layer];
            let others = |block| {
                if between { keyed.recipients.of(block) } else { keyed.sources.of(block) }
            };
            match span {
                Span::Blocks { blocks, .. } => {
                    for block in blocks.clone() {
                        self.narrow(layer, keyed.sources.of(block), others(block), !between);
                    }
                }
                Span::Tile { block, sources, recipients, .. } => {
                    let down = &keyed.sources.of(*block)[sources.clone()];
                    let across = &others(*block)[recipients.clone()];
                    self.narrow(layer, down, across, !between && sources == recipients);
                }
            }
            self.weigh_narrowed(layer);
        }
    }

    /// Gathers the pairs of some records with others, those with later ones where both are the same.
    fn narrow(&mut self, layer: usize, down: &[RecordRef], across: &[RecordRef], are_same: bool) {
        for (row, source) in down.iter().enumerate() {
            if self.fused.among.is_some_and(|among| !among[source.index()]) {
                continue;
            }
            let others = if are_same { &across[row + 1..] } else { across };
            self.narrowed.extend(others.iter().map(|other| (*source, *other)));
            if self.narrowed.len() >= NARROWED {
                self.weigh_narrowed(layer);
            }
        }
    }

    fn weigh_narrowed(&mut self, layer: usize) {
        let mut pairs = std::mem::take(&mut self.narrowed);
        let blocks = self.fused.blocks;
        blocks.keep_first(layer, &mut pairs);
        self.weigh(blocks.rule_of(layer), &pairs);
        pairs.clear();
        self.narrowed = pairs;
    }

    /// Compares and weighs pairs that a rule makes and no rule before it.
    pub(crate) fn weigh(&mut self, rule: u16, pairs: &[(RecordRef, RecordRef)]) {
        let ready = self.fused.ready;
        for (source, recipient) in pairs {
            let left = ready.source.row(source.index());
            let right = ready.recipient_rows().row(recipient.index());
            self.new_pair(rule, (*source, *recipient), (left, right));
        }
    }

    fn blocks(
        &mut self,
        rule: u16,
        blocks: Range<usize>,
        mut sources: Gathered,
        mut recipients: Gathered,
    ) -> (Gathered, Gathered) {
        let keyed = &self.fused.blocks.rules()[usize::from(rule)];
        let between = self.fused.ready.link == Link::Between;
        let mut from = blocks.start;
        while from < blocks.end {
            // Where few records are chosen, few blocks have one.
            if !self.is_asked_of(keyed.sources.of(from)) {
                from += 1;
                continue;
            }
            let (mut to, mut down, mut across) = (from, 0, 0);
            while to < blocks.end
                && (to == from || down.max(across) < GATHERED)
                && self.is_asked_of(keyed.sources.of(to))
            {
                down += keyed.sources.count(to) as usize;
                if between {
                    across += keyed.recipients.count(to) as usize;
                }
                to += 1;
            }
            let all = keyed.sources.of_all(from, to);
            sources.gather(&self.fused.ready.source, iter::once(all));
            if between {
                let others = (from..to).map(|block| keyed.recipients.of(block));
                self.gather_others(others, &mut recipients);
            } else if self.fused.sieve.is_some() {
                self.columns.gather(&self.fused.ready.source, iter::once(all));
            }
            let (mut row, mut of_rows, mut of_columns) = (0, 0, 0);
            for block in from..to {
                let here = Members { rows: &sources, from: row, records: keyed.sources.of(block) };
                row += here.records.len();
                if between {
                    let records = keyed.recipients.of(block);
                    let place =
                        if self.is_sifted(records.len()) { &mut of_columns } else { &mut of_rows };
                    let there = Members { rows: &recipients, from: *place, records };
                    *place += records.len();
                    self.rectangle(rule, here, there);
                } else {
                    self.triangle(rule, here);
                }
            }
            from = to;
        }
        (sources, recipients)
    }

    fn tile(
        &mut self,
        rule: u16,
        (block, down, across): (usize, Range<usize>, Range<usize>),
        mut sources: Gathered,
        mut recipients: Gathered,
    ) -> (Gathered, Gathered) {
        let keyed = &self.fused.blocks.rules()[usize::from(rule)];
        let between = self.fused.ready.link == Link::Between;
        let halved = !between && down == across;
        let here = &keyed.sources.of(block)[down];
        if !self.is_asked_of(here) {
            return (sources, recipients);
        }
        let all = if between { keyed.recipients.of(block) } else { keyed.sources.of(block) };
        let there = &all[across];
        sources.gather(&self.fused.ready.source, iter::once(here));
        if !halved {
            self.gather_others(iter::once(there), &mut recipients);
        } else if self.fused.sieve.is_some() {
            self.columns.gather(&self.fused.ready.source, iter::once(here));
        }
        let down = Members { rows: &sources, from: 0, records: here };
        if halved {
            self.triangle(rule, down);
        } else {
            self.rectangle(rule, down, Members { rows: &recipients, from: 0, records: there });
        }
        (sources, recipients)
    }

    /// Says whether the pairs of any of these source records are looked at.
    fn is_asked_of(&self, sources: &[RecordRef]) -> bool {
        let among = self.fused.among;
        among.is_none_or(|among| sources.iter().any(|source| among[source.index()]))
    }

    /// Gathers what others than the source's records are held against: columns where a sieve looks at them, rows elsewhere.
    fn gather_others<'r>(
        &mut self,
        lists: impl Iterator<Item = &'r [RecordRef]> + Clone,
        rows: &mut Gathered,
    ) {
        let of = self.fused.ready.recipient_rows();
        rows.gather(of, lists.clone().filter(|list| !self.is_sifted(list.len())));
        if self.fused.sieve.is_some() {
            let sifted = lists.filter(|list| list.len() > FEW);
            self.columns.gather(of, sifted);
        }
    }

    /// Says whether a sieve looks at so many pairs of a source record.
    #[inline]
    fn is_sifted(&self, others: usize) -> bool {
        others > FEW && self.fused.sieve.is_some()
    }

    fn rectangle(&mut self, rule: u16, down: Members<'_>, across: Members<'_>) {
        for (row, source) in down.records.iter().enumerate() {
            if self.fused.among.is_some_and(|among| !among[source.index()]) {
                continue;
            }
            let left = down.rows.row(down.from + row);
            self.row(rule, (*source, left), across);
        }
    }

    fn triangle(&mut self, rule: u16, members: Members<'_>) {
        for (row, source) in members.records.iter().enumerate() {
            if self.fused.among.is_some_and(|among| !among[source.index()]) {
                continue;
            }
            let left = members.rows.row(members.from + row);
            let later = Members {
                from: members.from + row + 1,
                records: &members.records[row + 1..],
                ..members
            };
            self.row(rule, (*source, left), later);
        }
    }

    /// Looks at the pairs of one source record with others.
    #[inline]
    fn row(&mut self, rule: u16, (source, left): (RecordRef, &[u32]), across: Members<'_>) {
        match &self.fused.sieve {
            Some(sieve) if across.records.len() > FEW => {
                self.sifted(sieve, rule, (source, left), across.records, across.from);
            }
            _ => {
                let earlier = &self.fused.keys[..usize::from(rule)];
                for (column, recipient) in across.records.iter().enumerate() {
                    let right = across.rows.row(across.from + column);
                    if !made_earlier(earlier, left, right) {
                        self.new_pair(rule, (source, *recipient), (left, right));
                    }
                }
            }
        }
    }

    /// Looks at the pairs of one source record with others, the first of which stands at a place in the columns.
    fn sifted(
        &mut self,
        sieve: &Sieve,
        rule: u16,
        (source, left): (RecordRef, &[u32]),
        recipients: &[RecordRef],
        from: usize,
    ) {
        let Goal::Heavy { scorer, least } = self.fused.goal else { return };
        let mut sifted = std::mem::take(&mut self.sifted);
        let earlier = &self.fused.keys[..usize::from(rule)];
        let places = from..from + recipients.len();
        self.tally.new_pairs[usize::from(rule)] +=
            sieve.sift(scorer, left, earlier, &self.columns, places, &mut sifted);
        for place in &sifted.found {
            let recipient = recipients[*place as usize - from];
            let right = self.fused.ready.recipient_rows().row(recipient.index());
            self.keep_heavy(scorer, least, rule, (source, recipient), (left, right));
        }
        self.sifted = sifted;
    }

    /// Says of which comparisons the values are equal, where that is the first level, and of which one is missing.
    #[inline]
    fn agreement(&self, left: &[u32], right: &[u32]) -> (u32, u32) {
        let count = self.fused.ready.finders.len();
        let (mut equal, mut missing) = (0u32, 0u32);
        for (index, (one, other)) in left[..count].iter().zip(&right[..count]).enumerate() {
            missing |= u32::from(*one == NO_VALUE || *other == NO_VALUE) << index;
            equal |= u32::from(one == other) << index;
        }
        (equal & !missing & self.fused.ready.equal_is_first, missing)
    }

    /// Compares and weighs, or counts, a pair that a rule makes and no rule before it.
    #[inline]
    fn new_pair(
        &mut self,
        rule: u16,
        pair: (RecordRef, RecordRef),
        (left, right): (&[u32], &[u32]),
    ) {
        self.tally.new_pairs[usize::from(rule)] += 1;
        if let Goal::Heavy { scorer, least } = self.fused.goal {
            return self.keep_heavy(scorer, least, rule, pair, (left, right));
        }
        let (equal, missing) = self.agreement(left, right);
        let pattern = self.pattern(pair, left, right, equal, missing);
        *self.tally.patterns[usize::from(rule)].entry(pattern).or_insert(0) += 1;
        if let Goal::Everything { scorer, least } = self.fused.goal {
            let weight = self.keep(scorer, least, rule, pattern, pair, (left, right));
            *self.tally.histogram.entry(whole(weight)).or_insert(0) += 1;
        }
    }

    /// Weighs a pair as far as it takes, and keeps it where it weighs enough.
    #[inline]
    fn keep_heavy(
        &mut self,
        scorer: &Scorer<'_>,
        least: f64,
        rule: u16,
        pair: (RecordRef, RecordRef),
        (left, right): (&[u32], &[u32]),
    ) {
        let (equal, missing) = self.agreement(left, right);
        if let Some(pattern) = self.heavy(scorer, pair, left, right, equal, missing) {
            self.keep(scorer, least, rule, pattern, pair, (left, right));
        }
    }

    fn keep(
        &mut self,
        scorer: &Scorer<'_>,
        least: f64,
        rule: u16,
        pattern: Pattern,
        (source, recipient): (RecordRef, RecordRef),
        (left, right): (&[u32], &[u32]),
    ) -> f64 {
        // As the scorer's own weight is made of its sum, which is all there is where the model holds no kin. The first words
        // of a row are the codes that the comparisons look at.
        let sum = scorer.sum_of_codes(pattern, left, right);
        let weight = if scorer.knows_kin() {
            let kin = *self.kin.entry(pattern).or_insert_with(|| scorer.kin(pattern));
            sum + kin_part(kin, sum)
        } else {
            sum
        };
        if weight >= least {
            self.tally.pairs.push(Pair { source, recipient, rule, pattern, weight });
        }
        weight
    }

    fn pattern(
        &mut self,
        (source, recipient): (RecordRef, RecordRef),
        left: &[u32],
        right: &[u32],
        equal: u32,
        missing: u32,
    ) -> Pattern {
        let mut pattern = Pattern::default();
        let ready = self.fused.ready;
        let finders = ready.finders.iter().zip(&ready.far).zip(&mut self.memos);
        for (index, ((finder, far), memos)) in finders.enumerate() {
            if missing >> index & 1 == 1 {
                continue;
            }
            let is_far = || far.is_some_and(|far| far.is_far(left, right));
            let level = if equal >> index & 1 == 1 {
                1
            } else if is_far() {
                finder.otherwise()
            } else {
                finder.level(memos, left, right, source, recipient)
            };
            pattern = pattern.with(index, level);
        }
        pattern
    }

    /// Returns the pattern of a pair, unless it is seen on the way that it cannot weigh enough.
    fn heavy(
        &mut self,
        scorer: &Scorer<'_>,
        (source, recipient): (RecordRef, RecordRef),
        left: &[u32],
        right: &[u32],
        equal: u32,
        missing: u32,
    ) -> Option<Pattern> {
        let bound = self.fused.bound.as_ref()?;
        let mut most = bound.of(equal, missing);
        if bound.is_below(most) {
            return None;
        }
        let mut frequent = equal & bound.frequent;
        while frequent != 0 {
            let index = frequent.trailing_zeros() as usize;
            frequent &= frequent - 1;
            let part = scorer.frequency_of_codes(index, 1, left[index], right[index]);
            most -= bound.less_by_frequency(index, part);
        }
        if bound.is_below(most) {
            return None;
        }
        let mut pattern = Pattern::default();
        for index in &bound.order {
            let index = *index;
            if missing >> index & 1 == 1 {
                continue;
            }
            if equal >> index & 1 == 1 {
                pattern = pattern.with(index, 1);
                continue;
            }
            let finder = &self.fused.ready.finders[index];
            let far = &self.fused.ready.far[index];
            let level = if far.is_some_and(|far| far.is_far(left, right)) {
                finder.otherwise()
            } else {
                finder.level(&mut self.memos[index], left, right, source, recipient)
            };
            pattern = pattern.with(index, level);
            most -= bound.less_by_level(index, level);
            if bound.is_below(most) {
                return None;
            }
        }
        Some(pattern)
    }
}
