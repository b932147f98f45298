//! The key codes of a rule: which records it puts into one block.
//!
//! Fifth step of the path, where `block` asks. Whatever a rule says comes to the same two things: layers, each of which has
//! one code a record at most, and conditions. It makes the pairs whose codes are equal in some layer and that meet every
//! condition. Equal columns and equal expressions are one layer; a min-hash rule has one a band; a sorted neighbourhood has
//! two, which cut the places of its values into stretches that overlap by half, and the condition that two values stand
//! near enough. A pair of several layers is made once, by the first of them, as one of several rules is.
//!
//! A code is only worth comparing with another of the same layer.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
#[cfg(feature = "plan")]
use sha2::{Digest as _, Sha256};

use crate::Result;
#[cfg(feature = "plan")]
use crate::block::key_bytes;
use crate::block::plain_codes;
use crate::expression::{Condition, Expression, Split};
use crate::min_hash;
use crate::model::{Column, Link, MinHash, Rule};
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables, Values};

/// How many bytes name a key: the first of its SHA-256, enough that two keys never share a name by chance or on purpose.
#[cfg(feature = "plan")]
pub(crate) const KEY_BYTES: usize = 16;

/// One code a record, [`NO_VALUE`] where it has none.
pub(crate) struct Layer {
    /// The codes of the source's records.
    pub(crate) source: Vec<u32>,
    /// The codes of the recipient's; within one table there are none.
    pub(crate) recipient: Vec<u32>,
}

/// One rule's keys and conditions over prepared tables.
pub(crate) struct RuleKeys<'t> {
    /// A pair is made if its codes are equal in one of these.
    pub(crate) layers: Vec<Layer>,
    /// And if it meets all of these.
    pub(crate) conditions: Vec<Narrow<'t>>,
}

/// What a pair that shares a code must meet besides.
pub(crate) enum Narrow<'t> {
    /// The rest of an expression.
    Rest {
        /// What it is asked of.
        tables: &'t Tables,
        /// What is asked.
        condition: Condition,
    },
    /// Two values stand at most so many places apart.
    Near {
        /// Where they stand.
        tables: &'t Tables,
        /// In which column.
        column: usize,
        /// How many places.
        window: u32,
    },
}

impl<'t> RuleKeys<'t> {
    /// Works a rule's keys out for every record.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownColumn`], and what is wrong with an expression.
    pub(crate) fn new(tables: &'t Tables, rule: &Rule) -> Result<Self> {
        let place = format!("rule `{rule}`");
        let within = tables.link() != Link::Between;
        let (mut parts, mut conditions) = (Vec::new(), Vec::new());
        if !rule.keys.is_empty() {
            let (source, recipient) = plain_codes(tables, rule)?;
            parts.push(vec![Layer { source, recipient }]);
        }
        if let Some(sql) = &rule.sql {
            let split = Expression::read_exploded(&place, sql, tables.columns(), &rule.explode)?
                .split(tables.link());
            if !rule.explode.is_empty() {
                parts.push(exploded_layers(tables, &place, &rule.explode, &split)?);
            } else if split.keys() > 0 {
                let source = split.key_values(tables, Side::Source)?;
                let recipient =
                    if within { Vec::new() } else { split.key_values(tables, Side::Recipient)? };
                parts.push(vec![number(&source, &recipient)]);
            }
            let rest = split.rest(tables)?;
            conditions.extend(rest.map(|condition| Narrow::Rest { tables, condition }));
        }
        let layer = |column: usize, code: &dyn Fn(u32) -> u32| {
            let side = |side: Side| tables.codes(column, side).iter().map(|value| code(*value));
            let recipient = if within { Vec::new() } else { side(Side::Recipient).collect() };
            Layer { source: side(Side::Source).collect(), recipient }
        };
        if let Some(near) = &rule.neighbourhood {
            let column = tables.column_index(&place, &near.column)?;
            let shifts = [0, near.window];
            parts.push(
                shifts.map(|shift| layer(column, &|code| stretch(code, shift, near.window))).into(),
            );
            conditions.push(Narrow::Near { tables, column, window: near.window });
        }
        if let Some(hash) = &rule.min_hash {
            let column = tables.column_index(&place, &hash.column)?;
            let bands = band_codes(tables.values(column), hash);
            let band = |codes: Vec<u32>| layer(column, &|value| codes[value as usize]);
            parts.push(bands.into_iter().map(band).collect());
        }
        // Every layer of one part with every layer of the next: a pair must agree in one of each.
        let joined = parts.into_iter().reduce(|one, other| {
            one.iter().flat_map(|one| other.iter().map(|other| one.join(other))).collect()
        });
        Ok(Self { layers: joined.unwrap_or_default(), conditions })
    }
}

impl Layer {
    /// Makes one layer of two: its codes are equal where both are.
    fn join(&self, other: &Self) -> Self {
        let mut joined: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let mut last = NO_VALUE;
        // Numbered as they come: the numbers only need to be equal where both are.
        let mut both = |(one, other): (&u32, &u32)| match (*one, *other) {
            (NO_VALUE, _) | (_, NO_VALUE) => NO_VALUE,
            both => *joined.entry(both).or_insert_with(|| {
                last += 1;
                last
            }),
        };
        let source = self.source.iter().zip(&other.source).map(&mut both).collect();
        let recipient = self.recipient.iter().zip(&other.recipient).map(&mut both).collect();
        Self { source, recipient }
    }
}

impl Narrow<'_> {
    /// Says whether a pair meets it.
    pub(crate) fn holds(&self, source: RecordRef, recipient: RecordRef) -> bool {
        match self {
            Self::Rest { tables, condition } => {
                condition.holds(tables, source, recipient) == Some(true)
            }
            Self::Near { tables, column, window } => {
                let left = tables.codes(*column, Side::Source)[source.index()];
                let right = tables.codes(*column, Side::Recipient)[recipient.index()];
                left.abs_diff(right) <= *window
            }
        }
    }

    /// Says of each pair whether it meets it.
    pub(crate) fn hold_of(&self, pairs: &[(RecordRef, RecordRef)]) -> Vec<bool> {
        match self {
            Self::Near { .. } => {
                pairs.iter().map(|(source, recipient)| self.holds(*source, *recipient)).collect()
            }
            Self::Rest { tables, condition } => {
                let holds = condition.hold_of(tables, pairs).into_iter();
                holds.map(|holds| holds == Some(true)).collect()
            }
        }
    }

    /// Keeps the pairs that meet it.
    pub(crate) fn keep(&self, pairs: &mut Vec<(RecordRef, RecordRef)>) {
        match self {
            Self::Near { .. } => {
                pairs.retain(|(source, recipient)| self.holds(*source, *recipient));
            }
            Self::Rest { tables, condition } => {
                let mut holds = condition.hold_of(tables, pairs).into_iter();
                pairs.retain(|_| holds.next().flatten() == Some(true));
            }
        }
    }
}

/// Returns the prepared columns that a rule looks at.
///
/// # Errors
///
/// What is wrong with its expression.
pub(crate) fn columns_of(rule: &Rule, columns: &[Column]) -> Result<Vec<String>> {
    let mut all: Vec<String> = rule.stated_columns().cloned().collect();
    if let Some(sql) = &rule.sql {
        let place = format!("rule `{rule}`");
        let expression = Expression::read_exploded(&place, sql, columns, &rule.explode)?;
        all.extend(expression.columns().into_iter().map(str::to_owned));
    }
    Ok(all)
}

/// Returns how many layers a rule has.
#[cfg(feature = "plan")]
pub(crate) fn layers_of(rule: &Rule) -> usize {
    let near = if rule.neighbourhood.is_some() { 2 } else { 1 };
    let bands = rule.min_hash.as_ref().map_or(1, |hash| hash.bands as usize);
    near * bands
}

/// A key that is the same wherever it is worked out: the first bytes of its SHA-256.
#[cfg(feature = "plan")]
pub(crate) type KeyHash = [u8; KEY_BYTES];

/// The keys of one layer, by record.
#[cfg(feature = "plan")]
pub(crate) enum LayerKeys {
    /// One at most.
    One(Vec<Option<KeyHash>>),
    /// Where lists are exploded, as many as choices of items: in order, each once.
    Many(Vec<Vec<KeyHash>>),
}

/// Returns the key hashes of a side's records, by layer: two records share one in a layer where their codes are equal.
///
/// Exploded lists need no layers of their own here, since a record may have several keys in one.
///
/// `place` says where a record's value stands in a column, counted from 1, for neighbourhoods.
#[cfg(feature = "plan")]
pub(crate) fn key_hashes(
    tables: &Tables,
    rule: &Rule,
    side: Side,
    place: &dyn Fn(usize, RecordRef) -> Option<u32>,
) -> Result<Vec<LayerKeys>> {
    type Keys = Vec<Option<Box<[u8]>>>;
    let label = format!("rule `{rule}`");
    let records = || (0..tables.records(side)).map(RecordRef::new);
    let mut parts: Vec<Vec<Keys>> = Vec::new();
    let mut choices = None;
    for key in &rule.keys {
        let column = match (&key.against, side) {
            (Some(against), Side::Recipient) => against,
            _ => &key.column,
        };
        let column = tables.column_index(&label, column)?;
        let values = tables.values(column);
        let by_code: Keys = std::iter::once(None)
            .chain((0..values.len()).map(|index| key_bytes(values, index, key.take)))
            .collect();
        let codes = tables.codes(column, side);
        parts.push(vec![codes.iter().map(|code| by_code[*code as usize].clone()).collect()]);
    }
    if let Some(sql) = &rule.sql {
        let split = Expression::read_exploded(&label, sql, tables.columns(), &rule.explode)?
            .split(tables.link());
        if !rule.explode.is_empty() {
            choices = Some(chosen_keys(tables, &label, &rule.explode, &split, side)?);
        } else if split.keys() > 0 {
            parts.push(vec![split.key_values(tables, side)?]);
        }
    }
    if let Some(near) = &rule.neighbourhood {
        let column = tables.column_index(&label, &near.column)?;
        let layer = |shift: u32| -> Keys {
            let key = |record| match stretch(place(column, record)?, shift, near.window) {
                NO_VALUE => None,
                code => Some(Box::from(code.to_le_bytes())),
            };
            records().map(key).collect()
        };
        parts.push(vec![layer(0), layer(near.window)]);
    }
    if let Some(hash) = &rule.min_hash {
        let column = tables.column_index(&label, &hash.column)?;
        let mut keys: Vec<Vec<u64>> = vec![Vec::new()];
        if let Values::Text(texts) | Values::Dates(_, texts) = tables.values(column) {
            keys.extend(texts.iter().map(|text| min_hash::keys(text, hash)));
        }
        let codes = tables.codes(column, side);
        let band = |band: usize| -> Keys {
            let key = |code: &u32| Some(Box::from(keys[*code as usize].get(band)?.to_le_bytes()));
            codes.iter().map(key).collect()
        };
        parts.push((0..hash.bands as usize).map(band).collect());
    }
    // The same order of layers as codes have: the last part's go round fastest.
    let mut layers: Vec<Vec<&Keys>> = vec![Vec::new()];
    for part in &parts {
        layers = layers
            .iter()
            .flat_map(|sofar| part.iter().map(move |keys| [&sofar[..], &[keys]].concat()))
            .collect();
    }
    let hash = |parts: &[&Keys], record: RecordRef, choice: Option<&[u8]>| {
        let mut hash = Sha256::new();
        let mut add = |key: &[u8]| {
            // With its length, so that two keys never run into each other.
            hash.update((key.len() as u64).to_le_bytes());
            hash.update(key);
        };
        for keys in parts {
            add(keys[record.index()].as_deref()?);
        }
        if let Some(choice) = choice {
            add(choice);
        }
        let mut name = [0; KEY_BYTES];
        name.copy_from_slice(&hash.finalize()[..KEY_BYTES]);
        Some(name)
    };
    let layer = |parts: &Vec<&Keys>| match &choices {
        None => LayerKeys::One(records().map(|record| hash(parts, record, None)).collect()),
        Some(choices) => {
            let of = |record: RecordRef| {
                let own = choices[record.index()].iter();
                let mut own: Vec<KeyHash> =
                    own.filter_map(|choice| hash(parts, record, Some(choice))).collect();
                own.sort_unstable();
                own.dedup();
                own
            };
            LayerKeys::Many(records().map(of).collect())
        }
    };
    Ok(layers.iter().map(layer).collect())
}

/// Returns the keys of every choice of items, by record.
#[cfg(feature = "plan")]
fn chosen_keys(
    tables: &Tables,
    place: &str,
    explode: &[String],
    split: &Split,
    side: Side,
) -> Result<Vec<Vec<Box<[u8]>>>> {
    let columns =
        explode.iter().map(|name| tables.column_index(place, name)).collect::<Result<Vec<_>>>()?;
    let mut keys = vec![Vec::new(); tables.records(side) as usize];
    for (record, key) in split.exploded_values(tables, side, &columns)? {
        keys[record.index()].push(key);
    }
    Ok(keys)
}

/// Numbers the keys of both sides in their own order, so that the numbers don't depend on that of the rows.
fn number(source: &[Option<Box<[u8]>>], recipient: &[Option<Box<[u8]>>]) -> Layer {
    let keys = source.iter().chain(recipient).flatten();
    let mut codes: BTreeMap<&[u8], u32> = keys.map(|key| (&**key, NO_VALUE)).collect();
    for (code, number) in codes.values_mut().zip(1..) {
        *code = number;
    }
    let code = |key: &Option<Box<[u8]>>| {
        key.as_deref().and_then(|key| codes.get(key).copied()).unwrap_or(NO_VALUE)
    };
    Layer {
        source: source.iter().map(code).collect(),
        recipient: recipient.iter().map(code).collect(),
    }
}

/// Makes layers of the keys of every choice of items.
///
/// A record has as many keys as choices, and a layer has room for one of each record. So the keys are dealt out to layers,
/// each to the first in which no record that has it has one already; a key is in one layer, whoever has it.
fn exploded_layers(
    tables: &Tables,
    place: &str,
    explode: &[String],
    split: &Split,
) -> Result<Vec<Layer>> {
    let columns =
        explode.iter().map(|name| tables.column_index(place, name)).collect::<Result<Vec<_>>>()?;
    let source = split.exploded_values(tables, Side::Source, &columns)?;
    let recipient = match tables.link() {
        Link::Between => split.exploded_values(tables, Side::Recipient, &columns)?,
        Link::Within | Link::Both => Vec::new(),
    };
    let mut holders: BTreeMap<&[u8], [Vec<RecordRef>; 2]> = BTreeMap::new();
    for (side, choices) in [&source, &recipient].into_iter().enumerate() {
        for (record, key) in choices {
            let records = &mut holders.entry(key).or_default()[side];
            // One record's choices stand together, and may come to one key twice.
            if records.last() != Some(record) {
                records.push(*record);
            }
        }
    }
    let between = tables.link() == Link::Between;
    let empty = || Layer {
        source: vec![NO_VALUE; tables.records(Side::Source) as usize],
        recipient: vec![
            NO_VALUE;
            if between { tables.records(Side::Recipient) as usize } else { 0 }
        ],
    };
    let mut layers: Vec<(Layer, u32)> = Vec::new();
    for [sources, recipients] in holders.into_values() {
        let room = |(layer, _): &(Layer, u32)| {
            sources.iter().all(|record| layer.source[record.index()] == NO_VALUE)
                && recipients.iter().all(|record| layer.recipient[record.index()] == NO_VALUE)
        };
        let at = layers.iter().position(room).unwrap_or_else(|| {
            layers.push((empty(), NO_VALUE));
            layers.len() - 1
        });
        let (layer, last) = &mut layers[at];
        *last += 1;
        for record in sources {
            layer.source[record.index()] = *last;
        }
        for record in recipients {
            layer.recipient[record.index()] = *last;
        }
    }
    if layers.is_empty() {
        layers.push((empty(), NO_VALUE));
    }
    Ok(layers.into_iter().map(|(layer, _)| layer).collect())
}

/// Returns which stretch of places a value stands in; a stretch is two windows long, and the first this much shorter.
///
/// Values within a window of each other that one row of stretches parts stand in one stretch of the row that is shifted by
/// a window.
fn stretch(code: u32, shift: u32, window: u32) -> u32 {
    match code.checked_sub(NO_VALUE + 1) {
        None => NO_VALUE,
        Some(place) => {
            let stretch = (u64::from(place) + u64::from(shift)) / (2 * u64::from(window));
            u32::try_from(stretch).unwrap_or(u32::MAX - 1) + 1
        }
    }
}

/// The code of each value of a column in each band, nothing first.
fn band_codes(values: &Values, rule: &MinHash) -> Vec<Vec<u32>> {
    let texts: Vec<&str> = match values {
        Values::Text(texts) | Values::Dates(_, texts) => texts.iter().collect(),
        Values::Numbers(_) | Values::Times(_) | Values::Places(_) | Values::Lists(_) => Vec::new(),
    };
    let mut seen: Vec<FxHashMap<u64, u32>> = vec![FxHashMap::default(); rule.bands as usize];
    let mut bands = vec![vec![NO_VALUE]; rule.bands as usize];
    for text in texts {
        let keys = min_hash::keys(text, rule);
        for (band, (codes, seen)) in bands.iter_mut().zip(&mut seen).enumerate() {
            // There are no more values than records, whose number is a u32.
            let next = u32::try_from(seen.len() + 1).unwrap_or(u32::MAX);
            codes.push(keys.get(band).map_or(NO_VALUE, |key| *seen.entry(*key).or_insert(next)));
        }
    }
    bands
}
