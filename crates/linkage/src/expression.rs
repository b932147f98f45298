//! Conditions on a pair, written as SQL: the rules that equality of columns can't say, and the levels that no test says.
//!
//! Fifth and sixth step of the path. A rule's condition is split: equalities between the two records become keys, worked
//! out once a record, and what is left is worked out for the pairs that the keys make. A level's condition is worked out
//! for every pair. Both look at prepared columns, as the model says them. Nothing here chooses which pairs to look at.
//!
//! What can't be worked out for a pair, such as a division by nought, doesn't hold of it; so an answer never depends on
//! which other pairs were asked about. Within one table a condition holds of a pair if it does either way round, since
//! which of the two stands first is chance.
//!
//! Meaning and types are [DataFusion](https://datafusion.apache.org/user-guide/expressions.html)'s. The difference of two
//! dates is a number of days.

mod likeness;
mod translate;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::row::{RowConverter, SortField};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, RecordBatch, RecordBatchOptions,
    StringArray, TimestampNanosecondArray, UInt32Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{DFSchema, DataFusionError};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr::BinaryExpr;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::{Expr, ExprSchemable, Operator};
use datafusion_optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use jiff::civil::{Date, date};

use crate::compare::list::Lists;
use crate::model::{Column, Kind, Link};
use crate::record::{RecordRef, Side};
use crate::tables::{Tables, Values};
use crate::{Error, Result};

/// A condition on a pair, read and typed, and not yet tied to any table.
#[derive(Clone)]
pub(crate) struct Expression {
    place: String,
    whole: Expr,
    schema: Arc<DFSchema>,
    names: Vec<String>,
}

impl Expression {
    /// Reads a condition that may name these prepared columns.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableExpression`] and [`Error::UnknownName`], with the position.
    pub(crate) fn read(place: &str, text: &str, columns: &[Column]) -> Result<Self> {
        Self::read_exploded(place, text, columns, &[])
    }

    /// Does the same where these list columns stand for one item of theirs.
    pub(crate) fn read_exploded(
        place: &str,
        text: &str,
        columns: &[Column],
        exploded: &[String],
    ) -> Result<Self> {
        // Reading goes as deep as the text is nested, and a caller's stack may be small: it gets one of its own.
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().stack_size(READING_STACK);
            let read = || Self::read_here(place, text, columns, exploded);
            match reader.spawn_scoped(scope, read) {
                Ok(handle) => handle.join().unwrap_or_else(|_| {
                    Err(Error::UnreadableExpression {
                        place: place.to_owned(),
                        problem: "reading it failed".to_owned(),
                    })
                }),
                Err(error) => Err(Error::FailedPlan { problem: error.to_string() }),
            }
        })
    }

    fn read_here(place: &str, text: &str, columns: &[Column], exploded: &[String]) -> Result<Self> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mut fields = Vec::with_capacity(2 * columns.len());
        for side in [Side::Source, Side::Recipient] {
            for column in columns {
                let kind = match &column.kind {
                    Kind::List(_) if exploded.contains(&column.name) => Some(DataType::Utf8),
                    kind => arrow_type(kind),
                };
                let name = translate::inner_name(side, &column.name);
                fields.extend(kind.map(|kind| Field::new(name, kind, true)));
            }
        }
        let unreadable = |error: &DataFusionError| unreadable(place, error);
        let schema = DFSchema::try_from(Schema::new(fields)).map_err(|error| unreadable(&error))?;
        let nameable: Vec<String> = columns
            .iter()
            .filter(|column| arrow_type(&column.kind).is_some() || exploded.contains(&column.name))
            .map(|column| column.name.clone())
            .collect();
        let written = translate::translate(place, text, &nameable)?;
        let whole = written
            .rewrite(&mut TypeCoercionRewriter::new(&schema))
            .map_err(|error| unreadable(&error))?
            .data;
        let kind = whole.get_type(&schema).map_err(|error| unreadable(&error))?;
        if kind != DataType::Boolean {
            return Err(Error::UnreadableExpression {
                place: place.to_owned(),
                problem: "it must come to true or false".to_owned(),
            });
        }
        let expression = Self { place: place.to_owned(), whole, schema: Arc::new(schema), names };
        // A wrong argument of a function shows only when it is called; here it is, on a pair without any value.
        let prepared = expression.prepare(&expression.whole)?;
        let nothing = prepared
            .schema
            .fields()
            .iter()
            .map(|field| arrow_array::new_null_array(field.data_type(), 1));
        let batch =
            batch_of(&prepared.schema, nothing.collect(), 1).map_err(|error| unreadable(&error))?;
        prepared.physical.evaluate(&batch).map_err(|error| unreadable(&error))?;
        Ok(expression)
    }

    /// Returns the prepared columns that it looks at, each once, in the order of the model.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let used = used_columns(&self.whole, &self.names);
        let places: BTreeSet<usize> = used.into_iter().map(|(_, column)| column).collect();
        places.into_iter().map(|column| self.names[column].as_str()).collect()
    }

    /// Splits it into keys and the rest.
    ///
    /// Within one table only an equality that says the same of both records is a key.
    pub(crate) fn split(&self, link: Link) -> Split {
        let mut keys = Vec::new();
        let mut rest: Option<Expr> = None;
        let mut waiting = vec![&self.whole];
        while let Some(next) = waiting.pop() {
            if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = next {
                waiting.push(right);
                waiting.push(left);
                continue;
            }
            match self.key_of(next, link) {
                Some(key) => keys.push(key),
                None => {
                    rest = Some(match rest {
                        None => next.clone(),
                        Some(sofar) => sofar.and(next.clone()),
                    });
                }
            }
        }
        Split { expression: self.clone(), keys, rest }
    }

    /// Ties the whole of it to tables.
    pub(crate) fn on(&self, tables: &Tables) -> Result<Condition> {
        Ok(Condition::new(tables, self.prepare(&self.whole)?))
    }

    fn key_of(&self, conjunct: &Expr, link: Link) -> Option<Key> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = conjunct else {
            return None;
        };
        let side_of = |expression: &Expr| {
            let sides: Vec<Side> =
                used_columns(expression, &self.names).into_iter().map(|(side, _)| side).collect();
            let first = *sides.first()?;
            sides.iter().all(|side| *side == first).then_some(first)
        };
        let (source, recipient) = match (side_of(left)?, side_of(right)?) {
            (Side::Source, Side::Recipient) => (left, right),
            (Side::Recipient, Side::Source) => (right, left),
            (Side::Source, Side::Source) | (Side::Recipient, Side::Recipient) => return None,
        };
        let same = || {
            // Names hold no quote that would make two different expressions read the same.
            source.to_string().replace("l.", ".") == recipient.to_string().replace("r.", ".")
        };
        (link == Link::Between || same())
            .then(|| Key { source: (**source).clone(), recipient: (**recipient).clone() })
    }

    fn prepare(&self, expression: &Expr) -> Result<Prepared> {
        let used = used_columns(expression, &self.names);
        let make = || -> datafusion_common::Result<Prepared> {
            let mut fields = Vec::with_capacity(used.len());
            for (side, column) in &used {
                let name = translate::inner_name(*side, &self.names[*column]);
                fields.push(self.schema.as_arrow().field_with_name(&name)?.clone());
            }
            let schema = Schema::new(fields);
            let typed = DFSchema::try_from(schema.clone())?;
            let (once, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
            let physical = create_physical_expr(expression, &typed, &once, &planning)?;
            Ok(Prepared { physical, schema: Arc::new(schema), used })
        };
        make().map_err(|error| unreadable(&self.place, &error))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Expression({})", self.whole)
    }
}

/// A rule's condition, taken apart.
pub(crate) struct Split {
    expression: Expression,
    keys: Vec<Key>,
    rest: Option<Expr>,
}

/// An equality between the two records, each side an expression of one of them.
struct Key {
    source: Expr,
    recipient: Expr,
}

impl Split {
    /// Returns how many equalities it has.
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Ties what the keys leave to tables; nothing where they say it all.
    pub(crate) fn rest(&self, tables: &Tables) -> Result<Option<Condition>> {
        let Some(rest) = &self.rest else {
            return Ok(None);
        };
        Ok(Some(Condition::new(tables, self.expression.prepare(rest)?)))
    }

    /// Says whether what the keys leave looks at one of these columns.
    pub(crate) fn rest_names(&self, columns: &[String]) -> bool {
        let names = &self.expression.names;
        self.rest.iter().any(|rest| {
            used_columns(rest, names).iter().any(|(_, column)| columns.contains(&names[*column]))
        })
    }

    /// Works the keys out for every choice of one item of each exploded column: the record of each choice, and its keys.
    pub(crate) fn exploded_values(
        &self,
        tables: &Tables,
        side: Side,
        exploded: &[usize],
    ) -> Result<Vec<(RecordRef, Box<[u8]>)>> {
        // The records, once for each choice, and the item that each exploded column then has.
        let mut choices: Vec<(RecordRef, Vec<&str>)> =
            (0..tables.records(side)).map(|row| (RecordRef::new(row), Vec::new())).collect();
        for column in exploded {
            let Values::Lists(lists) = tables.values(*column) else { continue };
            let codes = tables.codes(*column, side);
            choices = choices
                .into_iter()
                .flat_map(|(record, chosen)| {
                    let list = codes[record.index()].checked_sub(1);
                    let items = list.into_iter().flat_map(|list| items_of(lists, list as usize));
                    items
                        .map(move |item| (record, [&chosen[..], &[item]].concat()))
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        let mut all = Vec::with_capacity(choices.len());
        for chunk in choices.chunks(CHUNK) {
            let records: Vec<RecordRef> = chunk.iter().map(|(record, _)| *record).collect();
            let items: Vec<(usize, ArrayRef)> = exploded
                .iter()
                .enumerate()
                .map(|(place, column)| {
                    let items = chunk.iter().map(|(_, chosen)| Some(chosen[place]));
                    (*column, Arc::new(items.collect::<StringArray>()) as ArrayRef)
                })
                .collect();
            let prepared = self.prepare_keys(tables, side)?;
            let keys = self.keys_of(tables, side, &prepared, &records, &items)?;
            let kept = records.into_iter().zip(keys);
            all.extend(kept.filter_map(|(record, key)| Some((record, key?))));
        }
        Ok(all)
    }

    /// Works the keys out for every record of a side: equal where all of them are, nothing where one lacks a value.
    pub(crate) fn key_values(&self, tables: &Tables, side: Side) -> Result<Vec<Option<Box<[u8]>>>> {
        let records: Vec<RecordRef> = (0..tables.records(side)).map(RecordRef::new).collect();
        let prepared = self.prepare_keys(tables, side)?;
        let mut all = Vec::with_capacity(records.len());
        for chunk in records.chunks(CHUNK) {
            all.extend(self.keys_of(tables, side, &prepared, chunk, &[])?);
        }
        Ok(all)
    }

    fn prepare_keys(&self, tables: &Tables, side: Side) -> Result<Vec<(Prepared, Vec<ArrayRef>)>> {
        let prepare = |key: &Key| {
            let own = match side {
                Side::Source => &key.source,
                Side::Recipient => &key.recipient,
            };
            let prepared = self.expression.prepare(own)?;
            let values = value_arrays(tables, &prepared.used);
            Ok((prepared, values))
        };
        self.keys.iter().map(prepare).collect()
    }

    fn keys_of(
        &self,
        tables: &Tables,
        side: Side,
        prepared: &[(Prepared, Vec<ArrayRef>)],
        records: &[RecordRef],
        items: &[(usize, ArrayRef)],
    ) -> Result<Vec<Option<Box<[u8]>>>> {
        let evaluate = || -> datafusion_common::Result<Vec<ArrayRef>> {
            let arrays = prepared.iter().map(|(key, values)| {
                let taken = key.used.iter().zip(values).map(|((_, column), values)| {
                    if let Some((_, items)) = items.iter().find(|(exploded, _)| exploded == column)
                    {
                        return Ok(Arc::clone(items));
                    }
                    let codes = tables.codes(*column, side);
                    let codes = records.iter().map(|record| codes[record.index()]);
                    Ok(arrow::compute::take(values, &UInt32Array::from_iter_values(codes), None)?)
                });
                let taken = taken.collect::<datafusion_common::Result<Vec<_>>>()?;
                let batch = batch_of(&key.schema, taken, records.len())?;
                key.physical.evaluate(&batch)?.into_array(records.len())
            });
            arrays.collect()
        };
        match evaluate() {
            Ok(arrays) => rows_of(&arrays, records.len())
                .map_err(|error| unreadable(&self.expression.place, &error.into())),
            // One record's key can't be worked out: the others keep theirs.
            Err(_) if records.len() > 1 => {
                let middle = records.len() / 2;
                let (first, second) = records.split_at(middle);
                let cut = |start: usize, length: usize| -> Vec<(usize, ArrayRef)> {
                    items
                        .iter()
                        .map(|(column, items)| (*column, items.slice(start, length)))
                        .collect()
                };
                let mut keys = self.keys_of(tables, side, prepared, first, &cut(0, middle))?;
                keys.extend(self.keys_of(
                    tables,
                    side,
                    prepared,
                    second,
                    &cut(middle, records.len() - middle),
                )?);
                Ok(keys)
            }
            Err(_) => Ok(vec![None; records.len()]),
        }
    }
}

/// The stack that a condition is read on: [`translate::MOST_BYTES`] of operators, each a few calls deep.
const READING_STACK: usize = 64 << 20;

/// How many records or pairs are worked out together at most.
const CHUNK: usize = 8192;

/// An expression that can be worked out, and the columns that it wants, in order.
struct Prepared {
    physical: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    used: Vec<(Side, usize)>,
}

/// A condition on the pairs of prepared tables. It is asked with the tables that it was made for.
pub(crate) struct Condition {
    prepared: Prepared,
    /// The distinct values of each column that it wants, nothing first, as codes count them.
    values: Vec<ArrayRef>,
}

impl Condition {
    fn new(tables: &Tables, prepared: Prepared) -> Self {
        let values = value_arrays(tables, &prepared.used);
        Self { prepared, values }
    }

    /// Says whether it holds of a pair, where that is known.
    pub(crate) fn holds(
        &self,
        tables: &Tables,
        source: RecordRef,
        recipient: RecordRef,
    ) -> Option<bool> {
        self.hold_of(tables, &[(source, recipient)]).first().copied().flatten()
    }

    /// Says of which pairs it holds, where that is known.
    pub(crate) fn hold_of(
        &self,
        tables: &Tables,
        pairs: &[(RecordRef, RecordRef)],
    ) -> Vec<Option<bool>> {
        let mut all = Vec::with_capacity(pairs.len());
        for chunk in pairs.chunks(CHUNK) {
            let mut holds = self.one_way(tables, chunk);
            if tables.link() != Link::Between {
                let turned: Vec<_> = chunk.iter().map(|(one, other)| (*other, *one)).collect();
                for (holds, turned) in holds.iter_mut().zip(self.one_way(tables, &turned)) {
                    *holds = either(*holds, turned);
                }
            }
            all.extend(holds);
        }
        all
    }

    fn one_way(&self, tables: &Tables, pairs: &[(RecordRef, RecordRef)]) -> Vec<Option<bool>> {
        match self.evaluate(tables, pairs) {
            Ok(holds) => holds.iter().collect(),
            Err(_) if pairs.len() > 1 => {
                let (first, second) = pairs.split_at(pairs.len() / 2);
                let mut holds = self.one_way(tables, first);
                holds.extend(self.one_way(tables, second));
                holds
            }
            Err(_) => vec![None; pairs.len()],
        }
    }

    fn evaluate(
        &self,
        tables: &Tables,
        pairs: &[(RecordRef, RecordRef)],
    ) -> datafusion_common::Result<BooleanArray> {
        let mut arrays = Vec::with_capacity(self.values.len());
        for ((side, column), values) in self.prepared.used.iter().zip(&self.values) {
            let codes = tables.codes(*column, *side);
            let codes = pairs.iter().map(|(source, recipient)| match side {
                Side::Source => codes[source.index()],
                Side::Recipient => codes[recipient.index()],
            });
            arrays.push(arrow::compute::take(values, &UInt32Array::from_iter_values(codes), None)?);
        }
        let batch = batch_of(&self.prepared.schema, arrays, pairs.len())?;
        let holds = self.prepared.physical.evaluate(&batch)?.into_array(pairs.len())?;
        Ok(holds.as_boolean().clone())
    }
}

/// Kleene's disjunction of two answers.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Condition([redacted])")
    }
}

/// Returns the columns that a condition seems to name, before anything is known of them.
pub(crate) fn names_in(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    // What stands between single quotes is a value; double quotes only hold a name together.
    for (place, piece) in text.split('\'').enumerate() {
        if place % 2 == 1 {
            continue;
        }
        let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
        for word in piece.split(|letter: char| !is_part(letter)) {
            let prefixed = word.strip_prefix("l.").or_else(|| word.strip_prefix("r."));
            let suffixed = word.strip_suffix("_l").or_else(|| word.strip_suffix("_r"));
            names.extend(prefixed.or(suffixed).filter(|name| !name.is_empty()));
        }
    }
    names
}

/// What the values of a prepared column are inside an expression.
///
/// A place and a list can't be named: a list only where it is exploded, an item at a time.
pub(crate) fn arrow_type(kind: &Kind) -> Option<DataType> {
    match kind {
        Kind::Text => Some(DataType::Utf8),
        Kind::Date(_) => Some(DataType::Date32),
        Kind::Number => Some(DataType::Float64),
        Kind::Time(_) => Some(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        Kind::Place | Kind::List(_) => None,
    }
}

/// The day that Arrow counts days from.
const EPOCH: Date = date(1970, 1, 1);

/// Returns a date as Arrow has it.
pub(crate) fn arrow_day(day: Date) -> i32 {
    day.since(EPOCH).map_or(0, |span| span.get_days())
}

/// Returns the date that Arrow has as this day, where the calendar reaches so far.
#[cfg(any(feature = "plan", test))]
pub(crate) fn from_arrow_day(day: i32) -> Option<Date> {
    EPOCH.checked_add(jiff::Span::new().try_days(day).ok()?).ok()
}

/// Returns the distinct values of a column as an array, nothing first, so that a code is a place in it.
pub(crate) fn value_array(values: &Values) -> ArrayRef {
    match values {
        Values::Text(texts) => {
            Arc::new(std::iter::once(None).chain(texts.iter().map(Some)).collect::<StringArray>())
        }
        Values::Dates(dates, _) => {
            let days = dates.iter().map(|day| Some(arrow_day(*day)));
            Arc::new(std::iter::once(None).chain(days).collect::<Date32Array>())
        }
        Values::Numbers(numbers) => {
            let numbers = numbers.iter().copied().map(Some);
            Arc::new(std::iter::once(None).chain(numbers).collect::<Float64Array>())
        }
        Values::Times(times) => {
            let times = times.iter().map(|time| i64::try_from(time.as_nanosecond()).ok());
            Arc::new(std::iter::once(None).chain(times).collect::<TimestampNanosecondArray>())
        }
        Values::Places(places) => {
            let texts = places.iter().map(|place| Some(place.text()));
            Arc::new(std::iter::once(None).chain(texts).collect::<StringArray>())
        }
        Values::Lists(lists) => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            builder.append_null();
            for index in 0..lists.len() {
                builder.append_value(items_of(lists, index).map(Some));
            }
            Arc::new(builder.finish())
        }
    }
}

/// Returns the items of a list.
pub(crate) fn items_of(lists: &Lists, index: usize) -> impl Iterator<Item = &str> {
    let texts = match lists.items() {
        Values::Text(texts) => Some(texts),
        Values::Dates(..)
        | Values::Numbers(_)
        | Values::Times(_)
        | Values::Places(_)
        | Values::Lists(_) => None,
    };
    let codes = lists.codes(index).iter();
    codes.filter_map(move |code| texts.map(|texts| texts.get(*code as usize - 1)))
}

fn value_arrays(tables: &Tables, used: &[(Side, usize)]) -> Vec<ArrayRef> {
    used.iter().map(|(_, column)| value_array(tables.values(*column))).collect()
}

/// Returns the columns that an expression looks at, in the order of sides and then of the model.
fn used_columns(expression: &Expr, names: &[String]) -> Vec<(Side, usize)> {
    let refs = expression.column_refs();
    let known = |side: Side| {
        let refs = &refs;
        names.iter().enumerate().filter_map(move |(place, name)| {
            let inner = translate::inner_name(side, name);
            refs.iter().any(|column| column.name == inner).then_some((side, place))
        })
    };
    known(Side::Source).chain(known(Side::Recipient)).collect()
}

fn batch_of(
    schema: &SchemaRef,
    arrays: Vec<ArrayRef>,
    rows: usize,
) -> datafusion_common::Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

/// Makes one sequence of bytes of the values in a row: equal where all of them are; nothing where one is missing.
fn rows_of(
    arrays: &[ArrayRef],
    rows: usize,
) -> std::result::Result<Vec<Option<Box<[u8]>>>, arrow_schema::ArrowError> {
    let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let spelled = converter.convert_columns(arrays)?;
    let row = |row: usize| {
        arrays
            .iter()
            .all(|array| array.is_valid(row))
            .then(|| spelled.row(row).as_ref().to_vec().into_boxed_slice())
    };
    Ok((0..rows).map(row).collect())
}

fn unreadable(place: &str, error: &DataFusionError) -> Error {
    // The message is of types and functions: no value was looked at yet.
    let message = error.strip_backtrace();
    let problem = message.lines().next().unwrap_or_default().to_owned();
    Error::UnreadableExpression { place: place.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind: Kind| Column {
            name: name.to_owned(),
            from: vec![name.to_owned()],
            source: Vec::new(),
            recipient: Vec::new(),
            kind,
            steps: Vec::new(),
            placeholders: None,
            presence: false,
        };
        vec![
            column("name", Kind::Text),
            column("birth", Kind::Date("%Y-%m-%d".to_owned())),
            column("pay", Kind::Number),
        ]
    }

    fn read(text: &str) -> Result<Expression> {
        Expression::read("rule", text, &columns())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn any_text_is_a_condition_or_an_error(
            words in prop::collection::vec(prop::sample::select(vec![
                "l.name", "r.name", "name_l", "birth_r", "l.birth", "r.pay", "=", "<>", "<", "and", "or", "not", "(", ")",
                "-", "+", "/", "*", "%", "||", "1", "0", "1e9", "''", "'x'", "null", "true", "is null", "between", "in", ",",
                "like", "case", "when", "then", "else", "end", "cast(", "as date", "as integer", "substr(", "abs(",
                "levenshtein(", "jaro_winkler(", "extract(year from", "date '2020-01-01'", "select", "over", "::", "[", "interval",
            ]), 0..14),
            other in ".{0,12}",
        ) {
            for text in [words.join(" "), format!("l.name = r.name and {other}"), other] {
                if let Ok(expression) = read(&text) {
                    let _ = expression.split(Link::Within);
                    prop_assert!(expression.columns().len() <= 3);
                }
            }
        }
    }

    #[test]
    fn what_would_be_costly_to_read_is_refused() {
        let refused = |text: &str| matches!(read(text), Err(Error::UnreadableExpression { .. }));
        assert!(refused(&format!("l.name = '{}'", "x".repeat(translate::MOST_BYTES))));
        assert!(refused(&format!("{}l.name = r.name{}", "(".repeat(500), ")".repeat(500))));
        assert!(refused(&format!("{}true", "not ".repeat(500))));
        assert!(refused(&vec!["l.pay = r.pay"; 200].join(" or ")));
        assert!(read(&vec!["l.pay = r.pay"; 50].join(" or ")).is_ok());
    }

    #[test]
    fn equalities_between_the_two_records_are_keys_and_the_rest_is_not() {
        let keys = |text: &str, link: Link| {
            let split = read(text).unwrap().split(link);
            (split.keys(), split.rest.is_some())
        };
        assert_eq!(keys("l.name = r.name", Link::Between), (1, false));
        assert_eq!(keys("r.name = l.name and l.birth - r.birth < 9", Link::Between), (1, true));
        assert_eq!(
            keys("l.name = r.name and (l.pay = r.pay and l.birth = r.birth)", Link::Within),
            (3, false)
        );
        assert_eq!(keys("l.name = r.name or l.pay = r.pay", Link::Between), (0, true));
        assert_eq!(keys("l.name = l.name and l.pay = 1", Link::Between), (0, true));
        // Which of two records of one table stands first is chance, so this is no key there.
        assert_eq!(keys("lower(l.name) = upper(r.name)", Link::Between), (1, false));
        assert_eq!(keys("lower(l.name) = upper(r.name)", Link::Within), (0, true));
        assert_eq!(keys("lower(l.name) = lower(r.name)", Link::Within), (1, false));
    }

    #[test]
    fn the_columns_of_a_condition_are_known_with_and_without_a_model() {
        let text = "l.name = r.name and birth_l - r.birth < 9 and 'l.pay' <> name_r";
        assert_eq!(read(text).unwrap().columns(), ["name", "birth"]);
        assert_eq!(names_in(text), ["name", "name", "birth", "birth", "name"]);
    }

    #[test]
    fn days_come_back_from_arrow_as_they_went() {
        for day in [date(1970, 1, 1), date(1969, 12, 31), date(2024, 2, 29), Date::MIN, Date::MAX] {
            assert_eq!(from_arrow_day(arrow_day(day)), Some(day));
        }
    }
}
