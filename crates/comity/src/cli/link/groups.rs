//! Errors by group: how often the records of each group link, and how right and how complete their pairs are.
//!
//! Beside the path of the data, for whoever asks whether a model errs more on some people than on others. A group is a
//! value of a column of the source's file, which may be a protected trait: it is looked at in aggregate, to audit the run,
//! and never compared or selected by (floor F3, exception e). Of a group with few records nothing is told.

use super::people::People;
use crate::Error;
use crate::own::OwnTable;
use crate::printer::{Printer, thousands};
use linkage::estimate::{Interval, OfGroup, interval_of};
use linkage::{Pair, RecordRef, Side, Tables};
use std::collections::{BTreeMap, BTreeSet};

/// The fewest records of a group that anything is told of.
const FEWEST: u64 = 10;

/// The most groups; a column with more is none of groups.
const MOST: usize = 100;

/// The group of each of the source's records.
pub(super) struct Groups {
    names: Vec<String>,
    pub(super) of: Vec<Option<u16>>,
}

/// What is told of one group.
#[derive(Debug, serde::Serialize)]
pub(super) struct Told {
    group: String,
    records: u64,
    linked: Interval,
    precision: Option<Interval>,
    recall: Option<Interval>,
}

impl Groups {
    /// Reads who is in which group.
    pub(super) fn of(tables: &Tables, read: &[OwnTable], column: &str) -> Result<Groups, Error> {
        let mut numbers: BTreeMap<String, u16> = BTreeMap::new();
        let group_of = |row: u32| {
            let (whose, record) = tables.origin(Side::Source, RecordRef::new(row));
            let file = read.first().filter(|_| whose == Side::Source)?;
            let name = file.group(record.row() as usize)?.trim();
            (!name.is_empty()).then(|| name.to_owned())
        };
        let named: Vec<Option<String>> = (0..tables.records(Side::Source)).map(group_of).collect();
        for name in named.iter().flatten() {
            numbers.entry(name.clone()).or_insert(0);
        }
        if numbers.len() > MOST {
            let column = column.to_owned();
            return Err(Error::TooManyGroups { column, groups: numbers.len(), most: MOST });
        }
        for (number, own) in (0u16..).zip(numbers.values_mut()) {
            *own = number;
        }
        let of = named
            .iter()
            .map(|name| name.as_ref().and_then(|name| numbers.get(name)).copied())
            .collect();
        Ok(Groups { names: numbers.into_keys().collect(), of })
    }

    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.names.len()).unwrap_or(u16::MAX)
    }

    fn counted(&self, records: impl IntoIterator<Item = RecordRef>) -> Vec<u64> {
        let mut counts = vec![0; self.names.len()];
        for record in records {
            if let Some(Some(group)) = self.of.get(record.row() as usize) {
                counts[usize::from(*group)] += 1;
            }
        }
        counts
    }

    /// Holds the pairs of each group that were kept against the truth.
    pub(super) fn by_truth(&self, tables: &Tables, people: &People, kept: &[Pair]) -> Vec<Told> {
        let right = |pair: &&Pair| people.are_same(pair) == Some(true);
        let wrong = |pair: &&Pair| people.are_same(pair) == Some(false);
        let linked: BTreeSet<RecordRef> = kept.iter().map(|pair| pair.source).collect();
        let records = self.counted((0..tables.records(Side::Source)).map(RecordRef::new));
        let linked = self.counted(linked);
        let same = self.counted(people.same_pairs(tables).into_iter().map(|(source, _)| source));
        let right = self.counted(kept.iter().filter(right).map(|pair| pair.source));
        let wrong = self.counted(kept.iter().filter(wrong).map(|pair| pair.source));
        let told = |(place, name): (usize, &String)| {
            let of = |count: u64, of: u64| interval_of(count as f64, of as f64);
            let judged = right[place] + wrong[place];
            Told {
                group: name.clone(),
                records: records[place],
                linked: of(linked[place], records[place]),
                precision: (judged > 0).then(|| of(right[place], judged)),
                recall: (same[place] > 0).then(|| of(right[place], same[place])),
            }
        };
        self.names.iter().enumerate().map(told).filter(|told| told.records >= FEWEST).collect()
    }

    /// Takes what is thought of each group without a truth.
    pub(super) fn by_estimate(&self, groups: &[OfGroup]) -> Vec<Told> {
        let told = |(name, group): (&String, &OfGroup)| Told {
            group: name.clone(),
            records: group.records,
            linked: interval_of(group.linked as f64, group.records as f64),
            precision: group.estimate.map(|estimate| estimate.precision),
            recall: group.estimate.map(|estimate| estimate.recall),
        };
        self.names.iter().zip(groups).map(told).filter(|told| told.records >= FEWEST).collect()
    }
}

/// Says what each group came to.
pub(super) fn tell(printer: &Printer, groups: &[Told]) {
    let shown = |interval: &Option<Interval>| match interval {
        None => "none".to_owned(),
        Some(interval) => format!(
            "{:.1} % ({:.1} to {:.1})",
            interval.value * 100.0,
            interval.low * 100.0,
            interval.high * 100.0
        ),
    };
    for (place, group) in groups.iter().enumerate() {
        printer.wrapped(
            if place == 0 { "groups    " } else { "          " },
            &format!(
                "{}: {} records, {:.1} % linked, precision {}, recall {}",
                group.group,
                thousands(group.records),
                group.linked.value * 100.0,
                shown(&group.precision),
                shown(&group.recall)
            ),
        );
    }
    printer.wrapped(
        "          ",
        &format!("groups of fewer than {FEWEST} records are left out; 95 % intervals in brackets"),
    );
}
