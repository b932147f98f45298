//! Looks one record up in a prepared table: which of its records are likely to be the same individual.
//!
//! Beside the path, for one record that comes at the counter rather than in a file. The keys of the model's rules lead to
//! the records worth comparing; these are compared and scored as [`crate::link()`] does it, and weigh the same bits on the
//! same pair. The table is prepared once and kept; a look-up prepares the one record and changes nothing that is kept.
//!
//! It is for files that whoever looks up controls; `comity link find` does so. On records held for others every look-up takes
//! a permit, and that gate isn't here. Rules whose keys are not prepared columns cannot be looked up by, and are refused. Frequencies are those of
//! the table, or of a population that the caller supplies; they don't count the record that is looked up.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use arrow_array::RecordBatch;
use rustc_hash::FxHasher;

use crate::block::{Part, part_of};
use crate::compare::Comparer;
use crate::explain::{Explanation, explain};
use crate::model::{Link, Model, Rule, Take};
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::score::Scorer;
use crate::tables::{NO_VALUE, Table, Tables};
use crate::{Error, Frequencies, Result};

/// A table in which records are looked up.
///
/// Besides the prepared table it keeps 4 bytes for each record and rule, and 12 for each key of a rule.
///
/// # Examples
///
/// ```
/// use linkage::synth::{Plan, synthesise};
/// use linkage::{Index, Lookup, Recipe, Side, Table, Tables, train};
///
/// let files = synthesise(&Plan::small(1))?;
/// let (payroll, caseload) = ([files.payroll], [files.caseload]);
/// let recipe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benefits.toml"));
/// let recipe = Recipe::from_toml(recipe)?;
/// let tables = Tables::between(recipe.columns(), Table::new(&payroll), Table::new(&caseload))?;
/// let model = train(&recipe, &tables)?;
///
/// let mut index = Index::new(model, Side::Recipient, Table::new(&caseload).with_id("case_id"))?;
/// let found = index.find(&payroll[0], 0, &Lookup { least: 0.0, most: 3, most_compared: None })?;
/// assert!(found.hits.len() <= 3);
/// # Ok::<(), linkage::Error>(())
/// ```
pub struct Index {
    model: Model,
    tables: Tables,
    held: Side,
    rules: Vec<Postings>,
    /// Away only while a look-up is under way.
    frequencies: Option<Frequencies>,
    /// What the caller supplied, by comparison, for values that the table lacks.
    populations: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What is asked of a look-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookup {
    /// The least weight of a record that is told of.
    pub least: f64,
    /// The most records that are told of, the heaviest.
    pub most: usize,
    /// The most records that are compared, so that a key that very many share cannot take long; none is no bound.
    pub most_compared: Option<usize>,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The records, the heaviest pair first, and equal ones in the order of the records' values.
    pub hits: Vec<Hit>,
    /// Records that were compared.
    pub compared: usize,
    /// The rules, counted from 0, whose block was left out because it would have passed the bound.
    pub left_out: Vec<u16>,
}

/// One record that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The record of the table.
    pub record: RecordRef,
    /// The first rule that led to it, counted from 0.
    pub rule: u16,
    /// The level of each comparison.
    pub pattern: Pattern,
    /// The weight.
    pub weight: f64,
}

/// The keys of one rule, and the records of each.
struct Postings {
    keys: Vec<KeyOf>,
    /// In ascending order. Two keys that share a hash stand in two places.
    hashes: Vec<u64>,
    /// Where the records of each key begin, and at last where all end.
    begins: Vec<u32>,
    records: Vec<RecordRef>,
}

/// One key of a rule: the column that the table has it in, the one that who is looked up has it in, and the part taken.
#[derive(Clone, Copy)]
struct KeyOf {
    held: usize,
    asked: usize,
    take: Take,
}

impl Index {
    /// Prepares a table that stands on this side of a model, and sorts its records by the keys of each rule.
    ///
    /// For a model that links within one table, the side makes no difference.
    ///
    /// # Errors
    ///
    /// Those of [`Tables::between`], and [`Error::UnsoundModel`] for a rule without a key in a prepared column.
    pub fn new(model: Model, held: Side, table: Table<'_>) -> Result<Self> {
        let none = Table::new(&[]);
        let columns = model.columns();
        let tables = match (model.link(), held) {
            (Link::Within, _) => Tables::within(columns, table)?,
            (Link::Between, Side::Source) => Tables::between(columns, table, none)?,
            (Link::Between, Side::Recipient) => Tables::between(columns, none, table)?,
            (Link::Both, Side::Source) => Tables::both(columns, table, none)?,
            (Link::Both, Side::Recipient) => Tables::both(columns, none, table)?,
        };
        let postings = |rule: &Rule| Postings::new(&tables, held, rule);
        let rules = model.rules().iter().map(postings).collect::<Result<_>>()?;
        let frequencies = Frequencies::of(&tables, model.comparisons())?;
        // Equal weights are told in this order, which is better worked out now than at the first look-up.
        tables.order_all();
        let (frequencies, populations) = (Some(frequencies), BTreeMap::new());
        Ok(Self { model, tables, held, rules, frequencies, populations })
    }

    /// Takes the shares of one comparison's values from a table of a population: [`Frequencies::supply`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn supply(&mut self, comparison: &str, population: &BTreeMap<String, f64>) -> Result<()> {
        if let Some(frequencies) = &mut self.frequencies {
            frequencies.supply(&self.tables, comparison, population)?;
        }
        self.populations.insert(comparison.to_owned(), population.clone());
        Ok(())
    }

    /// Returns how many records the table has.
    pub fn records(&self) -> u32 {
        self.tables.records(self.held)
    }

    /// Returns what the caller knows a record of the table by, where an id column was named.
    pub fn id(&self, record: RecordRef) -> Option<&str> {
        self.tables.id(self.held, record)
    }

    /// Looks the record up that stands in a row of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecord`] for a row that isn't there, and those of [`Tables::between`] for the batch.
    pub fn find(&mut self, batch: &RecordBatch, row: usize, lookup: &Lookup) -> Result<Found> {
        let guest = self.prepare(batch, row)?;
        let (blocked, left_out) = self.blocked(&guest, lookup.most_compared);
        let held = self.held;
        let mut hits = self.seated(&guest, |scorer, asked| {
            let mut comparer = Comparer::new(scorer.tables(), scorer.model().comparisons())?;
            let mut hits = Vec::new();
            for (record, rule) in &blocked {
                let (source, recipient) = oriented(scorer.model().link(), held, *record, asked);
                let pattern = comparer.pattern(source, recipient);
                let weight = scorer.weight(pattern, source, recipient);
                if weight >= lookup.least {
                    hits.push(Hit { record: *record, rule: *rule, pattern, weight });
                }
            }
            Ok(hits)
        })?;
        hits.sort_unstable_by(|one, other| {
            other.weight.total_cmp(&one.weight).then_with(|| {
                let place = |hit: &Hit| self.tables.rank(held, hit.record);
                place(one).cmp(&place(other))
            })
        });
        hits.truncate(lookup.most);
        Ok(Found { hits, compared: blocked.len(), left_out })
    }

    /// Explains the pair of the record in a row of a batch and one of the table, whether or not a rule leads to it.
    ///
    /// In the explanation, the record that was looked up has the number after the last one of its side.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRecord`] for a record or row that isn't there, and those of [`Tables::between`] for the batch.
    pub fn explain(
        &mut self,
        batch: &RecordBatch,
        row: usize,
        record: RecordRef,
    ) -> Result<Explanation> {
        self.tables.check_record(self.held, record)?;
        let guest = self.prepare(batch, row)?;
        let held = self.held;
        self.seated(&guest, |scorer, asked| {
            let (source, recipient) = oriented(scorer.model().link(), held, record, asked);
            explain(scorer, source, recipient)
        })
    }

    /// The side whose columns name what is looked up.
    fn asked(&self) -> Side {
        match (self.model.link(), self.held) {
            (Link::Within, _) | (Link::Between | Link::Both, Side::Recipient) => Side::Source,
            (Link::Between | Link::Both, Side::Source) => Side::Recipient,
        }
    }

    fn prepare(&self, batch: &RecordBatch, row: usize) -> Result<Tables> {
        let (side, rows) = (self.asked(), batch.num_rows());
        if row >= rows {
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            return Err(Error::UnknownRecord { side, row, rows });
        }
        let batches = [batch.slice(row, 1)];
        let (guest, none) = (Table::new(&batches), Table::new(&[]));
        let columns = self.model.columns();
        match (self.model.link(), side) {
            (Link::Within, _) => Tables::within(columns, guest),
            (Link::Between, Side::Source) => Tables::between(columns, guest, none),
            (Link::Between, Side::Recipient) => Tables::between(columns, none, guest),
            (Link::Both, Side::Source) => Tables::both(columns, guest, none),
            (Link::Both, Side::Recipient) => Tables::both(columns, none, guest),
        }
    }

    /// Finds the records that share a key, each with the first rule that leads to it.
    fn blocked(
        &self,
        guest: &Tables,
        most_compared: Option<usize>,
    ) -> (Vec<(RecordRef, u16)>, Vec<u16>) {
        let mut blocked: Vec<(RecordRef, u16)> = Vec::new();
        let mut left_out = Vec::new();
        for (rule, postings) in (0..).zip(&self.rules) {
            let records = postings.find(&self.tables, self.held, guest, self.asked());
            if most_compared.is_some_and(|most| blocked.len() + records.len() > most) {
                left_out.push(rule);
            } else {
                blocked.extend(records.iter().map(|record| (*record, rule)));
            }
        }
        blocked.sort_unstable();
        blocked.dedup_by_key(|(record, _)| *record);
        (blocked, left_out)
    }

    /// Does something while the record is seated, and lets it leave whatever came of it.
    fn seated<T>(
        &mut self,
        guest: &Tables,
        act: impl FnOnce(&Scorer<'_>, RecordRef) -> Result<T>,
    ) -> Result<T> {
        let mut frequencies = match self.frequencies.take() {
            Some(frequencies) => frequencies,
            None => Frequencies::of(&self.tables, self.model.comparisons())?,
        };
        let seat = self.tables.seat(self.asked(), guest);
        frequencies.seat(&self.tables, &self.populations);
        let scorer = Scorer::with_frequencies(&self.model, &self.tables, frequencies);
        let outcome = match scorer {
            Ok(scorer) => {
                let outcome = act(&scorer, seat.record());
                self.frequencies = Some(scorer.into_frequencies());
                outcome
            }
            Err(error) => Err(error),
        };
        self.tables.unseat(&seat);
        if let Some(frequencies) = &mut self.frequencies {
            frequencies.unseat(&self.tables);
        }
        outcome
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Index({} records, [redacted])", self.records())
    }
}

/// Puts the two records of a pair as a model's comparisons take them.
fn oriented(link: Link, held: Side, record: RecordRef, asked: RecordRef) -> (RecordRef, RecordRef) {
    match (link, held) {
        // The record that is looked up stands after all others.
        (Link::Within | Link::Both, _) | (Link::Between, Side::Source) => (record, asked),
        (Link::Between, Side::Recipient) => (asked, record),
    }
}

impl Postings {
    fn new(tables: &Tables, held: Side, rule: &Rule) -> Result<Self> {
        let place = format!("rule `{rule}`");
        if rule.keys.is_empty() {
            let problem = "it has no key in a prepared column, and cannot be looked up by";
            return Err(Error::UnsoundModel { place, problem: problem.to_owned() });
        }
        let mut keys = Vec::with_capacity(rule.keys.len());
        for key in &rule.keys {
            let source = tables.column_index(&place, &key.column)?;
            let recipient = match &key.against {
                None => source,
                Some(against) => tables.column_index(&place, against)?,
            };
            let (held, asked) = match held {
                Side::Source => (source, recipient),
                Side::Recipient => (recipient, source),
            };
            keys.push(KeyOf { held, asked, take: key.take });
        }
        // The hash of each value's key, so that it is worked out once for each value; nothing for a value without one.
        let hashes: Vec<Vec<Option<u64>>> = keys
            .iter()
            .map(|key| {
                let values = tables.values(key.held);
                (0..values.len())
                    .map(|index| part_of(values, index, key.take).map(|part| hash_of(&part)))
                    .collect()
            })
            .collect();
        let mut placed: Vec<(u64, RecordRef)> = Vec::new();
        for record in (0..tables.records(held)).map(RecordRef::new) {
            let of = |(key, hashes): (&KeyOf, &Vec<Option<u64>>)| match tables.codes(key.held, held)
                [record.index()]
            {
                NO_VALUE => None,
                code => hashes[code as usize - 1],
            };
            let parts: Option<Vec<u64>> = keys.iter().zip(&hashes).map(of).collect();
            placed.extend(parts.map(|parts| (hash_of(&parts), record)));
        }
        drop(hashes);
        placed.sort_unstable();
        let mut postings = Self {
            keys,
            hashes: Vec::new(),
            begins: Vec::new(),
            records: Vec::with_capacity(placed.len()),
        };
        for group in placed.chunk_by(|one, other| one.0 == other.0) {
            postings.take(tables, held, group);
        }
        postings.begins.push(place_of(postings.records.len()));
        postings.begins.shrink_to_fit();
        postings.hashes.shrink_to_fit();
        Ok(postings)
    }

    /// Takes the records of one hash up, those of different keys apart.
    fn take(&mut self, tables: &Tables, held: Side, group: &[(u64, RecordRef)]) {
        let (hash, first) = group[0];
        let codes = |record: RecordRef| -> Vec<u32> {
            self.keys.iter().map(|key| tables.codes(key.held, held)[record.index()]).collect()
        };
        let parts = |record| parts_of(tables, held, record, self.keys.iter().map(KeyOf::of_held));
        let (first_codes, first_parts) = (codes(first), parts(first));
        // Whole values are told apart by their codes, and need no second look.
        let (own, mut others): (Vec<RecordRef>, Vec<(u64, RecordRef)>) = (
            (group.iter().map(|(_, record)| *record))
                .filter(|record| codes(*record) == first_codes || parts(*record) == first_parts)
                .collect(),
            Vec::new(),
        );
        if own.len() < group.len() {
            others.extend(group.iter().filter(|(_, record)| own.binary_search(record).is_err()));
        }
        self.hashes.push(hash);
        self.begins.push(place_of(self.records.len()));
        self.records.extend(own);
        if !others.is_empty() {
            self.take(tables, held, &others);
        }
    }

    /// Returns the records that have the key of the only record of `guest`.
    fn find(&self, tables: &Tables, held: Side, guest: &Tables, asked: Side) -> &[RecordRef] {
        let Some(parts) =
            parts_of(guest, asked, RecordRef::new(0), self.keys.iter().map(KeyOf::of_asked))
        else {
            return &[];
        };
        let hash = hash_of(&parts.iter().map(hash_of).collect::<Vec<u64>>());
        let from = self.hashes.partition_point(|other| *other < hash);
        for place in from..self.hashes.len() {
            if self.hashes[place] != hash {
                break;
            }
            let records =
                &self.records[self.begins[place] as usize..self.begins[place + 1] as usize];
            let own = records.first().and_then(|record| {
                parts_of(tables, held, *record, self.keys.iter().map(KeyOf::of_held))
            });
            if own.as_ref() == Some(&parts) {
                return records;
            }
        }
        &[]
    }
}

impl KeyOf {
    fn of_held(&self) -> (usize, Take) {
        (self.held, self.take)
    }

    fn of_asked(&self) -> (usize, Take) {
        (self.asked, self.take)
    }
}

/// The key of a record, or nothing where it lacks a part of it.
fn parts_of(
    tables: &Tables,
    side: Side,
    record: RecordRef,
    keys: impl Iterator<Item = (usize, Take)>,
) -> Option<Vec<Part<'_>>> {
    keys.map(|(column, take)| match tables.codes(column, side)[record.index()] {
        NO_VALUE => None,
        code => part_of(tables.values(column), code as usize - 1, take),
    })
    .collect()
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Tables hold fewer records than 32 bits can number.
fn place_of(records: usize) -> u32 {
    u32::try_from(records).unwrap_or(u32::MAX)
}
