//! The rows that a plan works on: one a record, with its key hashes and its prepared values.
//!
//! Steps four and five of the path, batch by batch, so that no table needs to be in memory at once. What takes all of a
//! table is looked up: the share of a value, counted before, and a value's place among all, which only prepared tables
//! have. It reads no file: [`Rows`] does, whoever implements it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, Float64Array, RecordBatch, UInt8Array, UInt32Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};

use super::spelling::spell;
use crate::block::key_bytes;
use crate::expression::{arrow_type, value_array};
use crate::frequency::{check_shares, text_of, unadjusted};
use crate::intake::Intake;
use crate::keys::KEY_BYTES;
use crate::keys::{KeyHash, LayerKeys, key_hashes, layers_of};
use crate::model::{Column, Kind, Link, Model, Take};
use crate::record::{RecordRef, Side};
use crate::tables::{Tables, Values};
use crate::{Error, Result};

/// Two tables, or one, that can be gone through several times, part by part.
///
/// Each part gives its batches with the number of each batch's first record, counted over all parts of the side. Going
/// through a part again gives the same. Linking within one table, all of it is the source's.
pub trait Rows: fmt::Debug + Send + Sync {
    /// Returns how many parts a side has. Parts are read on several threads.
    fn parts(&self, side: Side) -> usize;

    /// Opens a part.
    ///
    /// # Errors
    ///
    /// Whatever the reader meets, as [`Error::FailedPlan`].
    fn open(&self, side: Side, part: usize) -> Result<Batches>;

    /// Returns what the caller knows a record by, where it knows it by anything: it decides the order of records whose values
    /// are all the same. Where all records are one table, they are the source's here.
    fn id(&self, side: Side, record: u32) -> Option<&str> {
        let _ = (side, record);
        None
    }
}

/// The batches of one part, each with the number of its first record.
pub type Batches = Box<dyn Iterator<Item = Result<(u32, RecordBatch)>> + Send>;

/// Batches held in memory, each a part of its own.
pub struct HeldTables {
    source: Vec<(u32, RecordBatch)>,
    recipient: Vec<(u32, RecordBatch)>,
}

impl HeldTables {
    /// Takes the batches of either table; linking within one, there is no recipient's.
    pub fn new(source: Vec<RecordBatch>, recipient: Vec<RecordBatch>) -> Self {
        let numbered = |batches: Vec<RecordBatch>| {
            let mut next = 0;
            let number = |batch: RecordBatch| {
                let first = next;
                next += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                (first, batch)
            };
            batches.into_iter().map(number).collect()
        };
        Self { source: numbered(source), recipient: numbered(recipient) }
    }

    /// Takes batches whose first records have these numbers.
    pub fn numbered(source: Vec<(u32, RecordBatch)>, recipient: Vec<(u32, RecordBatch)>) -> Self {
        Self { source, recipient }
    }

    fn side(&self, side: Side) -> &[(u32, RecordBatch)] {
        match side {
            Side::Source => &self.source,
            Side::Recipient => &self.recipient,
        }
    }
}

impl fmt::Debug for HeldTables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HeldTables([redacted])")
    }
}

impl Rows for HeldTables {
    fn parts(&self, side: Side) -> usize {
        self.side(side).len()
    }

    fn open(&self, side: Side, part: usize) -> Result<Batches> {
        Ok(Box::new(std::iter::once(Ok(self.side(side)[part].clone()))))
    }
}

/// How common values are in populations that the caller supplies, by comparison: [`crate::Frequencies::supply`].
pub type Populations = BTreeMap<String, BTreeMap<String, f64>>;

/// A value as bytes whose order is that of the values.
type Spelled = Box<[u8]>;

/// How often each value of the columns with frequencies stands in all records.
pub(super) struct ValueCounts {
    /// By comparison: the column, and the records of each value's hash.
    columns: Vec<Option<(usize, FxHashMap<KeyHash, u64>)>>,
    all: Vec<u64>,
    /// By rule with a neighbourhood: its rule and column, and the values that there are, in their order.
    near: Vec<(usize, usize, BTreeSet<Spelled>)>,
    /// What these values take.
    near_bytes: usize,
}

/// The values of one batch, each once.
pub(super) struct Seen {
    /// By comparison: the records of each value's hash.
    columns: Vec<Vec<(KeyHash, u64)>>,
    /// By rule with a neighbourhood.
    near: Vec<Vec<Spelled>>,
}

impl ValueCounts {
    /// Begins with nothing counted. What a population is supplied for is not counted at all.
    pub(super) fn new(model: &Model, populations: &Populations) -> Self {
        let column = |comparison: &crate::model::Comparison| {
            comparison.frequency.as_ref()?;
            if populations.contains_key(&comparison.name) {
                return None;
            }
            let column =
                model.columns().iter().position(|column| column.name == comparison.column)?;
            Some((column, FxHashMap::default()))
        };
        let columns: Vec<_> = model.comparisons().iter().map(column).collect();
        let near = model.rules().iter().enumerate().filter_map(|(number, rule)| {
            let near = rule.neighbourhood.as_ref()?;
            let column = model.columns().iter().position(|column| column.name == near.column)?;
            Some((number, column, BTreeSet::new()))
        });
        Self { all: vec![0; columns.len()], columns, near: near.collect(), near_bytes: 0 }
    }

    /// Says whether there is anything to count.
    pub(super) fn counts_values(&self) -> bool {
        self.columns.iter().any(Option::is_some) || !self.near.is_empty()
    }

    /// Counts the values of a batch by themselves.
    pub(super) fn seen(&self, tables: &Tables, side: Side) -> Seen {
        let near = self.near.iter().map(|(_, column, _)| {
            let values = tables.values(*column);
            (0..values.len()).filter_map(|index| in_order(values, index)).collect()
        });
        let columns = self.columns.iter().map(|column| {
            let Some((column, _)) = column else { return Vec::new() };
            let mut seen = vec![0_u64; tables.values(*column).len() + 1];
            for code in tables.codes(*column, side) {
                seen[*code as usize] += 1;
            }
            let seen = seen[1..].iter().enumerate().filter(|(_, seen)| **seen > 0);
            seen.map(|(index, seen)| (value_hash(tables, *column, index), *seen)).collect()
        });
        Seen { columns: columns.collect(), near: near.collect() }
    }

    /// Adds the values of a batch.
    pub(super) fn add(&mut self, seen: Seen) {
        for ((.., held), seen) in self.near.iter_mut().zip(seen.near) {
            for value in seen {
                let bytes = spelled_bytes(&value);
                self.near_bytes += if held.insert(value) { bytes } else { 0 };
            }
        }
        for ((column, all), seen) in self.columns.iter_mut().zip(&mut self.all).zip(seen.columns) {
            let Some((_, counts)) = column else { continue };
            for (value, seen) in seen {
                *counts.entry(value).or_insert(0) += seen;
                *all += seen;
            }
        }
    }

    /// Returns about how many bytes it holds at most while the values of a batch are added.
    pub(super) fn bytes_with(&self, seen: &Seen) -> usize {
        let counts = self.columns.iter().zip(&seen.columns).map(|(column, seen)| {
            let Some((_, counts)) = column else { return 0 };
            let wanted = counts.len() + seen.len();
            if wanted <= counts.capacity() {
                return table_bytes(counts.capacity());
            }
            // What has no room goes into one twice as large, beside which the smaller stands until it is filled.
            let grown = table_bytes(wanted);
            grown + grown / 2
        });
        let near = seen.near.iter().flatten().map(spelled_bytes);
        counts.sum::<usize>() + self.near_bytes + near.sum::<usize>()
    }

    /// Returns the share of each code of a comparison's column, nothing first.
    fn shares(&self, tables: &Tables, comparison: usize) -> Option<(usize, Vec<Option<f64>>)> {
        let (column, counts) = self.columns[comparison].as_ref()?;
        let all = self.all[comparison];
        let share = |index: usize| {
            let count = counts.get(&value_hash(tables, *column, index)).copied().unwrap_or(0);
            // The same quotient as over whole tables, so that the bits are the same.
            (all > 0).then_some(count as f64 / all as f64)
        };
        let shares = (0..tables.values(*column).len()).map(share);
        Some((*column, std::iter::once(None).chain(shares).collect()))
    }
}

impl fmt::Debug for ValueCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ValueCounts([redacted])")
    }
}

/// What a table of counts takes that has room for so many: a power of two of places, of which one in eight stays empty, and a
/// byte for each that tells what is there. The places' bytes are read sixteen at a time, the first ones again after the last.
fn table_bytes(room: usize) -> usize {
    let places = match room {
        0 => return 0,
        1..4 => 4,
        4..8 => 8,
        8.. => room.saturating_mul(8).div_ceil(7).next_power_of_two(),
    };
    places.saturating_mul(std::mem::size_of::<(KeyHash, u64)>() + 1).saturating_add(16)
}

/// What a value takes in a set: it stands in a node by its address and length.
fn spelled_bytes(value: &Spelled) -> usize {
    value.len() + 2 * std::mem::size_of::<usize>() + 8
}

fn value_hash(tables: &Tables, column: usize, index: usize) -> KeyHash {
    let bytes = key_bytes(tables.values(column), index, Take::Whole).unwrap_or_default();
    let mut name = [0; KEY_BYTES];
    name.copy_from_slice(&Sha256::digest(&bytes)[..KEY_BYTES]);
    name
}

/// Spells a value so that the order of the bytes is that of the values; a rule has no neighbours among places and lists.
fn in_order(values: &Values, index: usize) -> Option<Spelled> {
    let mut bytes = Vec::new();
    match values {
        Values::Text(_) | Values::Dates(..) | Values::Numbers(_) | Values::Times(_) => {
            spell(values, index, &mut bytes);
        }
        Values::Places(_) | Values::Lists(_) => return None,
    }
    Some(bytes.into())
}

/// Makes rows of the batches of a table, by a model.
pub(super) struct RowMaker {
    model: Arc<Model>,
    schema: SchemaRef,
    counts: ValueCounts,
    populations: Arc<Populations>,
    /// By rule with a neighbourhood: its rule and column, and all values in their order.
    places: Vec<(usize, usize, Vec<Spelled>)>,
}

impl RowMaker {
    pub(super) fn new(
        model: Arc<Model>,
        counts: ValueCounts,
        populations: Arc<Populations>,
    ) -> Result<Self> {
        for (name, population) in populations.as_ref() {
            check_shares(name, population)?;
            let mut own = model.comparisons().iter().filter(|one| one.frequency.is_some());
            if !own.any(|comparison| comparison.name == *name) {
                return Err(unadjusted(name));
            }
        }
        let unordered = |near: &crate::model::Neighbourhood| {
            let column = model.columns().iter().find(|column| column.name == near.column);
            column.is_none_or(|column| matches!(column.kind, Kind::Place | Kind::List(_)))
        };
        for rule in model.rules() {
            if rule.neighbourhood.as_ref().is_some_and(unordered) {
                let problem =
                    "asks for neighbours among places or lists, whose order takes whole tables";
                return Err(Error::UnplannableRule {
                    rule: rule.to_string(),
                    problem: problem.to_owned(),
                });
            }
        }
        let by_items = |comparison: &&crate::model::Comparison| {
            let asks = comparison.levels.iter().any(|level| level.test.asks_for_equal_items());
            comparison.frequency.is_some() && asks
        };
        if let Some(comparison) = model.comparisons().iter().find(by_items) {
            return Err(Error::UnsoundModel {
                place: format!("comparison `{}`", comparison.name),
                problem: "weighs how common the items of lists are, which takes whole tables: link without a bound of memory, or leave `frequency` out"
                    .to_owned(),
            });
        }
        let schema = row_schema(&model);
        let mut counts = counts;
        let places = std::mem::take(&mut counts.near)
            .into_iter()
            .map(|(rule, column, held)| (rule, column, held.into_iter().collect()))
            .collect();
        Ok(Self { model, schema, counts, populations, places })
    }

    /// Returns the schema of the rows.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Prepares a batch and makes its rows.
    ///
    /// # Errors
    ///
    /// [`Error::MissingColumn`] and [`Error::UnreadableColumn`], as when whole tables are prepared.
    pub(super) fn rows(&self, side: Side, first: u32, batch: &RecordBatch) -> Result<RecordBatch> {
        let (tables, side) = prepare(self.model.columns(), self.model.link(), side, batch)?;
        self.rows_of(&tables, side, first)
    }

    /// Returns the share of each code of a comparison's column, nothing first: supplied, or as it was counted.
    fn shares(&self, tables: &Tables, comparison: usize) -> Option<(usize, Vec<Option<f64>>)> {
        let own = &self.model.comparisons()[comparison];
        let Some(population) = self.populations.get(&own.name) else {
            return self.counts.shares(tables, comparison);
        };
        let column = self.model.columns().iter().position(|column| column.name == own.column)?;
        let values = tables.values(column);
        let shares =
            (0..values.len()).map(|index| population.get(&text_of(values, index)).copied());
        Some((column, std::iter::once(None).chain(shares).collect()))
    }

    fn rows_of(&self, tables: &Tables, side: Side, first: u32) -> Result<RecordBatch> {
        let records = tables.records(side);
        let mark = u8::from(side == Side::Recipient);
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from_value(mark, records as usize)),
            Arc::new(UInt32Array::from_iter_values((0..records).map(|row| first + row))),
        ];
        let places = self.places.iter().map(|(rule, column, held)| {
            let values = tables.values(*column);
            let place = |index: usize| {
                let found = held.binary_search(&in_order(values, index)?).ok()?;
                u32::try_from(found + 1).ok()
            };
            let by_code: Vec<Option<u32>> =
                std::iter::once(None).chain((0..values.len()).map(place)).collect();
            (*rule, *column, by_code)
        });
        let places: Vec<(usize, usize, Vec<Option<u32>>)> = places.collect();
        for (number, rule) in self.model.rules().iter().enumerate() {
            let own = places.iter().find(|(rule, ..)| *rule == number);
            let place = |column: usize, record: RecordRef| {
                let (.., by_code) = own?;
                by_code[tables.codes(column, side)[record.index()] as usize]
            };
            for keys in key_hashes(tables, rule, side, &place)? {
                arrays.push(key_array(&keys)?);
            }
        }
        for comparison in 0..self.model.comparisons().len() {
            if let Some((column, shares)) = self.shares(tables, comparison) {
                let shares = tables.codes(column, side).iter().map(|code| shares[*code as usize]);
                arrays.push(Arc::new(shares.collect::<Float64Array>()));
            }
        }
        for (_, column, by_code) in &places {
            let places = tables.codes(*column, side).iter().map(|code| by_code[*code as usize]);
            arrays.push(Arc::new(places.collect::<UInt32Array>()));
        }
        for column in 0..self.model.columns().len() {
            let codes = UInt32Array::from_iter_values(tables.codes(column, side).iter().copied());
            let values = value_array(tables.values(column));
            arrays.push(arrow::compute::take(&values, &codes, None).map_err(failed_arrow)?);
        }
        RecordBatch::try_new(self.schema(), arrays).map_err(failed_arrow)
    }
}

impl fmt::Debug for RowMaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RowMaker({}, [redacted])", self.model.name())
    }
}

/// Prepares one batch as a table of its own, and says on which side of it its records stand.
pub(super) fn prepare(
    columns: &[Column],
    link: Link,
    side: Side,
    batch: &RecordBatch,
) -> Result<(Tables, Side)> {
    let mut intake = Intake::new(columns, link, NonZeroUsize::MIN);
    intake.take(side, std::slice::from_ref(batch))?;
    let side = if link == Link::Between { side } else { Side::Source };
    Ok((intake.finish(), side))
}

/// The column of the side: 0 the source's, 1 the recipient's.
pub(super) const SIDE: &str = "side";
/// The column of the record's number.
pub(super) const RECORD: &str = "record";

/// Returns the name of a layer's key column, which holds one key hash a record, or several where lists are exploded.
pub(super) fn key_name(layer: usize) -> String {
    format!("key_{layer}")
}

/// Returns the name of a comparison's share column.
pub(super) fn share_name(comparison: usize) -> String {
    format!("share_{comparison}")
}

/// Returns the name of the column of the places of a rule's neighbourhood.
pub(super) fn place_name(rule: usize) -> String {
    format!("place_{rule}")
}

/// Returns the name of a prepared column.
pub(super) fn value_name(column: usize) -> String {
    format!("value_{column}")
}

/// Returns the rule of each layer.
pub(super) fn rules_of_layers(model: &Model) -> Vec<usize> {
    let layers = |(rule, written)| std::iter::repeat_n(rule, layers_of(written));
    model.rules().iter().enumerate().flat_map(layers).collect()
}

/// Returns the schema of the rows of a model.
pub(super) fn row_schema(model: &Model) -> SchemaRef {
    let mut fields =
        vec![Field::new(SIDE, DataType::UInt8, false), Field::new(RECORD, DataType::UInt32, false)];
    for (layer, rule) in rules_of_layers(model).into_iter().enumerate() {
        let exploded = model.rules().get(rule).is_some_and(|rule| !rule.explode.is_empty());
        let keys = if exploded { DataType::Binary } else { key_type() };
        fields.push(Field::new(key_name(layer), keys, true));
    }
    for (number, comparison) in model.comparisons().iter().enumerate() {
        if comparison.frequency.is_some() {
            fields.push(Field::new(share_name(number), DataType::Float64, true));
        }
    }
    for (number, rule) in model.rules().iter().enumerate() {
        if rule.neighbourhood.is_some() {
            fields.push(Field::new(place_name(number), DataType::UInt32, true));
        }
    }
    for (number, column) in model.columns().iter().enumerate() {
        fields.push(Field::new(value_name(number), value_type(&column.kind), true));
    }
    Arc::new(Schema::new(fields))
}

/// The Arrow type of a prepared column: a place is written as text.
fn value_type(kind: &Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Date(_) | Kind::Number | Kind::Time(_) => {
            arrow_type(kind).unwrap_or(DataType::Null)
        }
        Kind::Place => DataType::Utf8,
        Kind::List(_) => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
    }
}

/// The Arrow type of a key hash.
pub(super) fn key_type() -> DataType {
    DataType::FixedSizeBinary(16)
}

/// Several keys of one record stand one after the other.
fn key_array(keys: &LayerKeys) -> Result<ArrayRef> {
    Ok(match keys {
        LayerKeys::One(keys) => Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(keys.iter().copied(), 16)
                .map_err(failed_arrow)?,
        ),
        LayerKeys::Many(keys) => {
            Arc::new(BinaryArray::from_iter_values(keys.iter().map(|keys| keys.as_flattened())))
        }
    })
}

pub(super) fn failed_arrow(error: arrow_schema::ArrowError) -> Error {
    super::failed(error.into())
}

/// Returns the reference of a row.
pub(super) fn reference(row: usize) -> RecordRef {
    RecordRef::new(u32::try_from(row).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxBuildHasher;

    use super::*;

    #[test]
    fn a_table_of_counts_takes_what_is_thought() {
        let mut counts: FxHashMap<KeyHash, u64> = FxHashMap::default();
        // The same table, which tells what it takes.
        let mut told: hashbrown::HashMap<KeyHash, u64, FxBuildHasher> =
            hashbrown::HashMap::default();
        for number in 0..20_000_u64 {
            assert_eq!(counts.capacity(), told.capacity(), "{number} values");
            assert_eq!(table_bytes(counts.capacity()), told.allocation_size(), "{number} values");
            // What a table that is full would grow to is known before it grows.
            let grown = (counts.len() == counts.capacity()).then(|| table_bytes(counts.len() + 1));
            let mut value = [0; KEY_BYTES];
            value[..8].copy_from_slice(&number.to_le_bytes());
            counts.insert(value, 1);
            told.insert(value, 1);
            assert!(grown.is_none_or(|grown| grown == told.allocation_size()), "{number} values");
        }
    }
}
