//! The work of one unit: pairs of its records, compared and scored.
//!
//! Steps five to seven of the path for a few rows at a time. The rows become tables of their own, with a dictionary of
//! their own. The pairs of each block, but those that an earlier layer or rule makes, go through the fused pass (`fuse`),
//! which lets go of a pair as soon as it cannot weigh enough. Nothing but the rows and the model decides what comes of it,
//! so it makes no difference which rows stand in which unit.

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{Array, RecordBatch, UInt32Array};

use jiff::Timestamp;

use super::assign::{LEFT, RIGHT};
use super::block_exec::{KEY, KeyColumn, LAYER, ROLE, column, key_columns};
use super::failed;
use super::link_exec::{Output, Ready};
use super::rows::{RECORD, SIDE, place_name, reference, rules_of_layers, share_name, value_name};
use super::run::PlannedPair;
use crate::compare::list::Lists;
use crate::compare::place::Place;
use crate::dictionary::{Numbers, TextNumbers, Texts};
use crate::expression::{Condition, Expression, Split, from_arrow_day};
use crate::fuse::{self, Fused, Goal};
use crate::keys::KEY_BYTES;
use crate::model::{Kind, Link, Model, Rule};
use crate::record::RecordRef;
use crate::score::Scorer;
use crate::tables::{NO_VALUE, PreparedColumn, Tables, Values};
use crate::{Blocks, Error, Frequencies, Pair, Result};

/// Does the units of one partition, one after the other.
pub(super) struct Worker {
    model: Arc<Model>,
    output: Output,
    /// The rule of each layer.
    rules: Vec<usize>,
    /// What each rule asks besides equal keys, read once.
    splits: Option<Result<Vec<Option<Split>>>>,
}

impl Worker {
    pub(super) fn new(model: Arc<Model>, output: Output) -> Self {
        let rules = rules_of_layers(&model);
        Self { model, output, rules, splits: None }
    }

    /// Links the rows of a unit, which are sorted by layer and key.
    pub(super) fn work(&mut self, rows: &[RecordBatch], ready: &mut Ready) -> Result<()> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let rows = arrow::compute::concat_batches(&first.schema(), rows)
            .map_err(|error| failed(error.into()))?;
        let model = Arc::clone(&self.model);
        let Ok(splits) = self.splits.get_or_insert_with(|| read_rules(&model)) else {
            return self.splits.take().map_or(Ok(()), |splits| splits.map(drop));
        };
        let unit = Unit::new(&model, &rows)?;
        let conditions = splits.iter().map(|split| match split {
            None => Ok(None),
            Some(split) => split.rest(&unit.tables),
        });
        let conditions = conditions.collect::<Result<Vec<_>>>()?;
        let keys = key_columns(&rows).map_err(failed)?;
        let near = model.rules().iter().enumerate();
        let near = near.map(|(number, rule)| Near::of(&rows, number, rule)).collect();
        let linking = Pairs { unit: &unit, rules: &self.rules, keys, conditions, near };
        let frequencies =
            Frequencies::of_shares(&unit.tables, model.comparisons(), |comparison, column| {
                unit.shares(&rows, comparison, column)
            })?;
        let scorer = Scorer::with_frequencies(&model, &unit.tables, frequencies)?;
        // Which pairs there are is said by the rows' keys, so the pass is given them.
        let none = Blocks::new(&unit.tables, &[])?;
        let found = fuse::Ready::new(&unit.tables, model.comparisons(), &none)?;
        let goal = match self.output {
            Output::Patterns => Goal::Patterns,
            Output::Pairs(least) => Goal::Heavy { scorer: &scorer, least },
        };
        let fused = Fused::of_given(&found, &none, goal, model.rules().len());
        let mut pass = fuse::Worker::new(&fused);
        linking.each(&rows, |rule, pairs| pass.weigh(rule, pairs))?;
        let tally = pass.finish();
        for (rule, patterns) in (0u16..).zip(tally.patterns) {
            for (pattern, count) in patterns {
                *ready.patterns.entry((rule, pattern)).or_insert(0) += count;
            }
        }
        let [left, right] = unit.numbers();
        ready.pairs.extend(tally.pairs.into_iter().map(|pair| {
            let Pair { source, recipient, rule, pattern, weight } = pair;
            let (left, right) = (left[source.index()], right[recipient.index()]);
            PlannedPair { left, right, rule, pattern, weight }
        }));
        Ok(())
    }
}

fn read_rules(model: &Model) -> Result<Vec<Option<Split>>> {
    let read = |rule: &crate::model::Rule| {
        let Some(sql) = &rule.sql else { return Ok(None) };
        let place = format!("rule `{rule}`");
        let expression = Expression::read_exploded(&place, sql, model.columns(), &rule.explode)?;
        Ok(Some(expression.split(model.link())))
    };
    model.rules().iter().map(read).collect()
}

/// The rows of a unit as tables of their own.
struct Unit {
    tables: Tables,
    /// By row: where it stands in them.
    refs: Vec<RecordRef>,
    /// By row: whether it stands among the recipient's.
    is_recipient: Vec<bool>,
    /// By row: the number that its record is known by outside.
    records: Vec<u32>,
}

impl Unit {
    fn new(model: &Model, rows: &RecordBatch) -> Result<Self> {
        let sides = column(rows, SIDE).map_err(failed)?.as_primitive::<UInt8Type>();
        let records = column(rows, RECORD).map_err(failed)?.as_primitive::<UInt32Type>();
        let between = model.link() == Link::Between;
        let mut counts = [0_usize; 2];
        let mut refs = Vec::with_capacity(rows.num_rows());
        let mut own = Vec::with_capacity(rows.num_rows());
        for side in sides.values() {
            let side = usize::from(between && *side != 0);
            refs.push(reference(counts[side]));
            own.push(side);
            counts[side] += 1;
        }
        let mut prepared = Vec::with_capacity(model.columns().len());
        for (place, written) in model.columns().iter().enumerate() {
            let array = column(rows, &value_name(place)).map_err(failed)?;
            let (values, codes) = encode(&written.kind, array)?;
            let mut by_side = [Vec::with_capacity(counts[0]), Vec::with_capacity(counts[1])];
            for (code, side) in codes.into_iter().zip(&own) {
                by_side[*side].push(code);
            }
            let [source, recipient] = by_side;
            prepared.push(PreparedColumn { values, source, recipient });
        }
        let tables = Tables::of_parts(
            model.link(),
            model.columns().to_vec(),
            prepared,
            counts.map(|count| (count, None)),
            Vec::new(),
            NonZeroUsize::MIN,
        );
        let is_recipient = own.into_iter().map(|side| side == 1).collect();
        Ok(Self { tables, refs, is_recipient, records: records.values().to_vec() })
    }

    /// Returns the numbers by which the records of either side of a pair are known outside, by where they stand.
    fn numbers(&self) -> [Vec<u32>; 2] {
        let of = |side: bool| {
            let own = self.is_recipient.iter().zip(&self.records);
            own.filter(|(recipient, _)| **recipient == side).map(|(_, number)| *number).collect()
        };
        let source: Vec<u32> = of(false);
        let between = self.tables.link() == Link::Between;
        let recipient = if between { of(true) } else { source.clone() };
        [source, recipient]
    }

    /// Returns the share of each code of a comparison's column, as the rows bring it.
    fn shares(&self, rows: &RecordBatch, comparison: usize, column: usize) -> Vec<Option<f64>> {
        let mut shares = vec![None; self.tables.values(column).len() + 1];
        let Some(array) = rows.column_by_name(&share_name(comparison)) else {
            return shares;
        };
        let brought = array.as_primitive::<Float64Type>();
        let sides = rows.column_by_name(SIDE).map(AsArray::as_primitive::<UInt8Type>);
        for row in 0..rows.num_rows() {
            let recipient = sides.is_some_and(|sides| sides.value(row) != 0);
            let side = if recipient { crate::Side::Recipient } else { crate::Side::Source };
            let code = self.tables.codes(column, side)[self.refs[row].index()];
            if code != NO_VALUE && brought.is_valid(row) {
                shares[code as usize] = Some(brought.value(row));
            }
        }
        shares
    }
}

/// The pairs of a unit's blocks.
struct Pairs<'u> {
    unit: &'u Unit,
    rules: &'u [usize],
    keys: Vec<KeyColumn<'u>>,
    /// By rule.
    conditions: Vec<Option<Condition>>,
    /// By rule.
    near: Vec<Option<Near<'u>>>,
}

/// How near two values of a neighbourhood must stand, and where those of a unit's rows do.
struct Near<'u> {
    places: &'u UInt32Array,
    window: u32,
}

impl<'u> Near<'u> {
    fn of(rows: &'u RecordBatch, number: usize, rule: &Rule) -> Option<Self> {
        let window = rule.neighbourhood.as_ref()?.window;
        let places = rows.column_by_name(&place_name(number))?.as_primitive();
        Some(Self { places, window })
    }

    fn holds(&self, one: usize, other: usize) -> bool {
        let known = self.places.is_valid(one) && self.places.is_valid(other);
        known && self.places.value(one).abs_diff(self.places.value(other)) <= self.window
    }
}

impl Pairs<'_> {
    /// Calls `take` with a rule and pairs that it makes, the record that stands first in the tables first.
    fn each(
        &self,
        rows: &RecordBatch,
        mut take: impl FnMut(u16, &[(RecordRef, RecordRef)]),
    ) -> Result<()> {
        let layers = column(rows, LAYER).map_err(failed)?.as_primitive::<UInt16Type>().values();
        let names = column(rows, KEY).map_err(failed)?.as_fixed_size_binary();
        let roles = column(rows, ROLE).map_err(failed)?.as_primitive::<UInt8Type>().values();
        let mut start = 0;
        while start < rows.num_rows() {
            let same = |row: &usize| {
                layers[*row] == layers[start] && names.value(*row) == names.value(start)
            };
            let end = start + (start..rows.num_rows()).take_while(same).count();
            let layer = usize::from(layers[start]);
            let rule = *self.rules.get(layer).ok_or_else(|| Error::FailedPlan {
                problem: format!("there is no layer {layer}"),
            })?;
            let number = u16::try_from(rule).unwrap_or(u16::MAX);
            for left in (start..end).filter(|row| roles[*row] & LEFT != 0) {
                // Rows of both roles make a pair with those after them, and not twice.
                let both = roles[left] & RIGHT != 0;
                let from = if both { left + 1 } else { start };
                let rights = (from..end).filter(|row| roles[*row] & RIGHT != 0);
                let kept = self.kept((layer, names.value(start)), rule, left, rights);
                let kept: Vec<_> = kept.into_iter().map(|pair| self.refs(pair)).collect();
                take(number, &kept);
            }
            start = end;
        }
        Ok(())
    }

    /// Keeps the pairs of a row that the rule makes in this block first, and no rule before it.
    fn kept(
        &self,
        (layer, key): (usize, &[u8]),
        rule: usize,
        left: usize,
        rights: impl Iterator<Item = usize>,
    ) -> Vec<(usize, usize)> {
        let records = &self.unit.records;
        let within = self.unit.tables.link() != Link::Between;
        let turned = |right: usize| {
            if within && records[right] < records[left] { (right, left) } else { (left, right) }
        };
        let mut pairs: Vec<(usize, usize)> = rights.map(turned).collect();
        let first_own = self.rules.iter().position(|other| *other == rule).unwrap_or(layer);
        pairs.retain(|(one, other)| {
            !(first_own..layer).any(|layer| self.shares(layer, *one, *other))
        });
        if let KeyColumn::Many(_) = self.keys[layer] {
            pairs.retain(|(one, other)| {
                self.first_shared(layer, *one, *other).is_some_and(|first| first == key)
            });
        }
        if let Some(condition) = &self.conditions[rule] {
            let refs: Vec<_> = pairs.iter().map(|pair| self.refs(*pair)).collect();
            let mut holds = condition.hold_of(&self.unit.tables, &refs).into_iter();
            pairs.retain(|_| holds.next().flatten() == Some(true));
        }
        if let Some(near) = &self.near[rule] {
            pairs.retain(|(one, other)| near.holds(*one, *other));
        }
        pairs.retain(|(one, other)| {
            !(0..first_own).any(|layer| {
                self.shares(layer, *one, *other)
                    && self.near[self.rules[layer]]
                        .as_ref()
                        .is_none_or(|near| near.holds(*one, *other))
                    && self.conditions[self.rules[layer]].as_ref().is_none_or(|condition| {
                        let (one, other) = self.refs((*one, *other));
                        condition.holds(&self.unit.tables, one, other) == Some(true)
                    })
            })
        });
        pairs
    }

    fn refs(&self, (one, other): (usize, usize)) -> (RecordRef, RecordRef) {
        (self.unit.refs[one], self.unit.refs[other])
    }

    fn shares(&self, layer: usize, one: usize, other: usize) -> bool {
        self.first_shared(layer, one, other).is_some()
    }

    /// Returns the first key that two rows share in a layer.
    fn first_shared(&self, layer: usize, one: usize, other: usize) -> Option<&[u8; KEY_BYTES]> {
        let (mut one, mut other) = (self.keys[layer].of(one), self.keys[layer].of(other));
        while let ([left, left_rest @ ..], [right, right_rest @ ..]) = (one, other) {
            match left.cmp(right) {
                Ordering::Equal => return Some(left),
                Ordering::Less => one = left_rest,
                Ordering::Greater => other = right_rest,
            }
        }
        None
    }
}

/// Gives the values of a column codes of their own, in the order of the values.
fn encode(kind: &Kind, array: &dyn Array) -> Result<(Values, Vec<u32>)> {
    let wrong = || Error::FailedPlan { problem: "a value column is of another type".to_owned() };
    let rows = 0..array.len();
    let (values, mut codes, places) = match kind {
        Kind::Text => {
            let texts = array.as_string_opt::<i32>().ok_or_else(wrong)?;
            let mut numbers = TextNumbers::default();
            let code =
                |row| if texts.is_valid(row) { numbers.number(texts.value(row)) } else { NO_VALUE };
            let codes: Vec<u32> = rows.map(code).collect();
            let (texts, places) = numbers.in_order();
            (Values::Text(texts), codes, places)
        }
        Kind::Date(_) => {
            let days = array.as_primitive_opt::<Date32Type>().ok_or_else(wrong)?;
            let mut numbers = Numbers::default();
            let code = |row| {
                if !days.is_valid(row) {
                    return NO_VALUE;
                }
                from_arrow_day(days.value(row)).map_or(NO_VALUE, |day| numbers.number(day))
            };
            let codes: Vec<u32> = rows.map(code).collect();
            let (dates, places) = numbers.in_order();
            let mut texts = Texts::default();
            for date in &dates {
                texts.push(&date.to_string());
            }
            (Values::Dates(dates, texts), codes, places)
        }
        Kind::Number => {
            let given = array.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?;
            let mut numbers = Numbers::default();
            let code = |row| {
                if given.is_valid(row) {
                    numbers.number(ordered(given.value(row)))
                } else {
                    NO_VALUE
                }
            };
            let codes: Vec<u32> = rows.map(code).collect();
            let (words, places) = numbers.in_order();
            (Values::Numbers(words.into_iter().map(number_of).collect()), codes, places)
        }
        Kind::Time(_) => {
            let given = array.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(wrong)?;
            let mut numbers = Numbers::default();
            let code = |row| {
                let time = given.is_valid(row).then(|| i128::from(given.value(row)));
                let time = time.and_then(|time| Timestamp::from_nanosecond(time).ok());
                time.map_or(NO_VALUE, |time| numbers.number(time))
            };
            let codes: Vec<u32> = rows.map(code).collect();
            let (times, places) = numbers.in_order();
            (Values::Times(times), codes, places)
        }
        Kind::Place => {
            let given = array.as_string_opt::<i32>().ok_or_else(wrong)?;
            let mut numbers = Numbers::default();
            let code = |row| {
                let place = given.is_valid(row).then(|| place_of(given.value(row))).flatten();
                place.map_or(NO_VALUE, |place| numbers.number(place))
            };
            let codes: Vec<u32> = rows.map(code).collect();
            let (places, order) = numbers.in_order();
            (Values::Places(places), codes, order)
        }
        Kind::List(_) => {
            let given = array.as_list_opt::<i32>().ok_or_else(wrong)?;
            let mut numbers: Numbers<Vec<String>> = Numbers::default();
            let code = |row| {
                if !given.is_valid(row) {
                    return NO_VALUE;
                }
                let items = given.value(row);
                let items = items.as_string_opt::<i32>();
                let items = items.map(|items| items.iter().flatten().map(str::to_owned).collect());
                items.map_or(NO_VALUE, |items| numbers.number(items))
            };
            let codes: Vec<u32> = rows.map(code).collect();
            let (lists, places) = numbers.in_order();
            (Values::Lists(Lists::new(&lists)), codes, places)
        }
    };
    for code in &mut codes {
        *code = places[*code as usize];
    }
    Ok((values, codes))
}

/// Reads latitude and longitude as they are written in rows.
fn place_of(text: &str) -> Option<Place> {
    let (latitude, longitude) = text.split_once(' ')?;
    Place::new(latitude.parse().ok()?, longitude.parse().ok()?)
}

/// A number as a word that is in the same order.
pub(super) fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

pub(super) fn number_of(word: u64) -> f64 {
    f64::from_bits(if word >> 63 == 1 { word & !(1 << 63) } else { !word })
}
