//! Pairs in files: written with their weights, and read again with the records that they name.
//!
//! Beside the path of the data, as all of `comity link`. A file of pairs holds ids and numbers, and no value that was
//! compared.

use super::{field, name};
use crate::admit::{self, FileSpec, Place, Projection};
use crate::own::{self, ends_in};
use crate::{Error, program};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt16Array};
use linkage::{Given, Link, Model, Pair, Pattern, RecordRef, Scorer, Side, Tables, score_given};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// How many rows of a Parquet file stand in memory at once.
pub(super) const ROWS: usize = 65_536;

/// The rule of a pair that no rule makes; it is written as 0.
pub(super) const NO_RULE: u16 = u16::MAX;

/// What writing pairs asks of whoever holds their records.
pub(super) trait Holder: Sync {
    /// Which pairs are made.
    fn link(&self) -> Link;
    /// How many threads may write.
    fn threads(&self) -> NonZeroUsize;
    /// Which file a record of a side came from, and its number there.
    fn origin(&self, side: Side, record: RecordRef) -> (Side, RecordRef);
    /// What a record is known by.
    fn name(&self, side: Side, record: RecordRef) -> Cow<'_, str>;
}

impl Holder for Tables {
    fn link(&self) -> Link {
        Tables::link(self)
    }

    fn threads(&self) -> NonZeroUsize {
        Tables::threads(self)
    }

    fn origin(&self, side: Side, record: RecordRef) -> (Side, RecordRef) {
        Tables::origin(self, side, record)
    }

    fn name(&self, side: Side, record: RecordRef) -> Cow<'_, str> {
        name(self, side, record)
    }
}

/// Writes pairs as CSV, or as Parquet by the file's ending.
pub(super) fn write(
    path: &Path,
    tables: &impl Holder,
    model: &Model,
    pairs: &[Pair],
) -> Result<(), Error> {
    write_as_they_come(path, tables, model, |put| put(pairs))
}

/// What takes the next pairs of a file.
pub(super) type Put<'p> = dyn FnMut(&[Pair]) -> Result<(), Error> + Send + 'p;

/// Writes pairs in the same way, some at a time, as `make` puts them; returns what `make` came to.
pub(super) fn write_as_they_come<T>(
    path: &Path,
    tables: &impl Holder,
    model: &Model,
    make: impl FnOnce(&mut Put<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let cannot = |source: io::Error| Error::CannotWrite { path: path.to_owned(), source };
    let mut outcome = None;
    program::write_in_pieces(path, |file| {
        outcome = Some(if ends_in(path, "parquet") {
            let empty = batch(tables, model, &[]).map_err(cannot)?;
            let cannot_write = |error: ParquetError| cannot(error.into());
            let mut writer =
                ArrowWriter::try_new(file, empty.schema(), None).map_err(cannot_write)?;
            let done = make(&mut |pairs| {
                for pairs in pairs.chunks(ROWS) {
                    let batch = batch(tables, model, pairs).map_err(cannot)?;
                    writer.write(&batch).map_err(cannot_write)?;
                }
                Ok(())
            })?;
            writer.close().map_err(cannot_write)?;
            done
        } else {
            let both = tables.link() == Link::Both;
            let files = if both { ",source_file,recipient_file" } else { "" };
            writeln!(file, "source,recipient,weight,probability,rule,pattern{files}")
                .map_err(cannot)?;
            make(&mut |pairs| {
                program::write_rows(file, path, tables.threads(), pairs, |_, pairs, rows| {
                    write_csv_rows(rows, tables, model, pairs).map_err(cannot)
                })
            })?
        });
        Ok(())
    })?;
    outcome.ok_or(Error::WriterStopped)
}

/// How many pairs' records are looked up at once.
const LOOKED_UP: usize = 256;

fn write_csv_rows(
    file: &mut Vec<u8>,
    tables: &impl Holder,
    model: &Model,
    pairs: &[Pair],
) -> io::Result<()> {
    let both = tables.link() == Link::Both;
    // Some pairs' records at once, for they stand all over memory.
    for pairs in pairs.chunks(LOOKED_UP) {
        let named: Vec<_> = pairs.iter().map(|pair| names(tables, pair)).collect();
        for (pair, (left, right)) in pairs.iter().zip(&named) {
            // The shortest spelling of a number that reads back as the same bits; rules are counted from 1, as people do.
            let (weight, probability) = (pair.weight, model.probability(pair.weight));
            for text in [field(left), field(right)] {
                file.extend_from_slice(text.as_bytes());
                file.push(b',');
            }
            write!(file, "{weight:?},{probability:?},{},", pair.rule.wrapping_add(1))?;
            spell(pair.pattern, model.comparisons().len(), file);
            if both {
                write!(file, ",{},{}", of(tables, pair.source), of(tables, pair.recipient))?;
            }
            file.push(b'\n');
        }
    }
    Ok(())
}

fn batch(tables: &impl Holder, model: &Model, pairs: &[Pair]) -> io::Result<RecordBatch> {
    let texts = |text: &dyn Fn(&Pair) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(pairs.iter().map(text)))
    };
    let numbers = |number: &dyn Fn(&Pair) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(pairs.iter().map(number)))
    };
    let rules = UInt16Array::from_iter_values(pairs.iter().map(|pair| pair.rule.wrapping_add(1)));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("source", texts(&|pair| names(tables, pair).0.into_owned())),
        ("recipient", texts(&|pair| names(tables, pair).1.into_owned())),
        ("weight", numbers(&|pair| pair.weight)),
        ("probability", numbers(&|pair| model.probability(pair.weight))),
        ("rule", Arc::new(rules)),
        ("pattern", texts(&|pair| spelled(pair.pattern, model))),
    ];
    if tables.link() == Link::Both {
        columns.push(("source_file", texts(&|pair| of(tables, pair.source).to_owned())));
        columns.push(("recipient_file", texts(&|pair| of(tables, pair.recipient).to_owned())));
    }
    RecordBatch::try_from_iter(columns).map_err(io::Error::other)
}

fn names<'t>(tables: &'t impl Holder, pair: &Pair) -> (Cow<'t, str>, Cow<'t, str>) {
    (tables.name(Side::Source, pair.source), tables.name(Side::Recipient, pair.recipient))
}

/// Says whose file a record is in, where the records of both stand in one row.
pub(super) fn of(tables: &impl Holder, record: RecordRef) -> &'static str {
    match tables.origin(Side::Source, record).0 {
        Side::Source => "source",
        Side::Recipient => "recipient",
    }
}

/// Spells a pattern as a text of its own.
fn spelled(pattern: Pattern, model: &Model) -> String {
    let mut spelled = Vec::new();
    spell(pattern, model.comparisons().len(), &mut spelled);
    spelled.into_iter().map(char::from).collect()
}

/// Spells a pattern: the level of each comparison in the model's order, counted from 1, 0 where a value is missing.
fn spell(pattern: Pattern, comparisons: usize, spelled: &mut Vec<u8>) {
    for place in 0..comparisons {
        if place > 0 {
            spelled.push(b'.');
        }
        // No level has three digits.
        let level = pattern.level(place);
        if level >= 10 {
            spelled.push(b'0' + level / 10);
        }
        spelled.push(b'0' + level % 10);
    }
}

/// A pair that a file names.
pub(super) struct Named {
    pub(super) source: RecordRef,
    pub(super) recipient: RecordRef,
    /// What the file says of it.
    pub(super) said: f64,
}

/// The columns of a file of pairs that hold the ids of both records.
struct Ids {
    columns: [String; 2],
    /// Whether they say which file each is from; Splink's call them left and right, whichever file that is.
    by_side: bool,
}

impl Ids {
    /// Finds them among the columns of a file: ours, or Splink's, whose names end in `_l` and `_r`.
    ///
    /// # Errors
    /// Several could be.
    fn among(columns: &[String], path: &Path) -> Result<Self, Error> {
        let ours = Self { columns: ["source", "recipient"].map(str::to_owned), by_side: true };
        let has = |name: &str| columns.iter().any(|column| column == name);
        if ours.columns.iter().any(|column| has(column)) {
            return Ok(ours);
        }
        let named = |name: &str| Self {
            columns: ["_l", "_r"].map(|end| format!("{name}{end}")),
            by_side: false,
        };
        if has("unique_id_l") {
            return Ok(named("unique_id"));
        }
        let paired = |name: &&str| *name != "source_dataset" && has(&format!("{name}_r"));
        let mut candidates =
            columns.iter().filter_map(|column| column.strip_suffix("_l")).filter(paired);
        match (candidates.next(), candidates.next()) {
            (None, _) => Ok(ours),
            (Some(name), None) => Ok(named(name)),
            (Some(one), Some(other)) => Err(Error::SeveralIds {
                path: path.to_owned(),
                names: [one, other].map(str::to_owned),
            }),
        }
    }
}

/// Reads a file of pairs: the ids of both records, and a number that `read` makes of what stands in a column.
pub(super) fn read(
    path: &Path,
    tables: &Tables,
    column: &str,
    wanted: &'static str,
    read: impl Fn(&str) -> Option<f64>,
) -> Result<Vec<Named>, Error> {
    let spec = FileSpec::new(path, own::format_of(path, b','));
    let ids = Ids::among(&admit::columns(&spec)?, path)?;
    let [own, other] = ids.columns.each_ref().map(String::as_str);
    let mut columns = vec![own, other];
    if !columns.contains(&column) {
        columns.push(column);
    }
    let columns = columns.into_iter().map(|name| (name, admit::Kind::Text));
    let admitted = admit::open(&spec, &Projection::new(columns), admit::Limits::default())?;
    let texts = |name: &str| {
        admitted.batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>())
    };
    let (Some(owns), Some(others), Some(said)) = (texts(own), texts(other), texts(column)) else {
        return Ok(Vec::new());
    };
    let names = [Side::Source, Side::Recipient].map(|side| known(tables, side));
    let find = |side: Side, texts: &StringArray, row: usize| {
        let text = if texts.is_valid(row) { texts.value(row) } else { "" };
        let names = match side {
            Side::Source => &names[0],
            Side::Recipient => &names[1],
        };
        if names.is_empty() {
            let number = text.parse().ok().filter(|number| *number < tables.records(side));
            number.map(RecordRef::new)
        } else {
            names.get(text).copied().flatten()
        }
    };
    let both = |source: &StringArray, recipient: &StringArray, row: usize| {
        find(Side::Source, source, row).zip(find(Side::Recipient, recipient, row))
    };
    let may_be_turned = !ids.by_side && tables.link() == Link::Between;
    let pair = |row: usize| {
        let bad = |column: &str, wanted| unreadable(path, admitted.place(row), column, wanted);
        let text = if said.is_valid(row) { said.value(row) } else { "" };
        let said = read(text).ok_or_else(|| bad(column, wanted))?;
        let turned = if may_be_turned { both(others, owns, row) } else { None };
        let (source, recipient) = match (both(owns, others, row), turned) {
            (Some(_), Some(_)) => return Err(bad(own, OF_ONE_FILE)),
            (Some(found), None) | (None, Some(found)) => found,
            (None, None) => {
                let lacks_own = find(Side::Source, owns, row).is_none();
                return Err(bad(if lacks_own { own } else { other }, RECORD));
            }
        };
        Ok(Named { source, recipient, said })
    };
    (0..admitted.batch.num_rows()).map(pair).collect()
}

/// Reads a file of pairs that says nothing of them.
pub(super) fn named(path: &Path, tables: &Tables) -> Result<Vec<(RecordRef, RecordRef)>, Error> {
    let pairs = read(path, tables, "source", RECORD, |_| Some(0.0))?;
    Ok(pairs.into_iter().map(|pair| (pair.source, pair.recipient)).collect())
}

/// The column in which Splink's labels say how sure a person was that two records are of one individual, from 0 to 1.
const SPLINK_SCORE: &str = "clerical_match_score";

/// Reads pairs that people judged: 1 where they are one individual, 0 where they are two.
///
/// Splink's labels are taken as Splink takes them where nothing else is said: a score of a half or more is one individual.
pub(super) fn judged(path: &Path, tables: &Tables) -> Result<Vec<Named>, Error> {
    let spec = FileSpec::new(path, own::format_of(path, b','));
    if admit::columns(&spec)?.iter().any(|column| column == SPLINK_SCORE) {
        let score = |text: &str| {
            let score = text.trim().parse().ok().filter(|score| (0.0..=1.0).contains(score));
            score.map(|score: f64| if score >= 0.5 { 1.0 } else { 0.0 })
        };
        return read(path, tables, SPLINK_SCORE, "a number from 0 to 1", score);
    }
    let answer = |text: &str| match text.trim().to_lowercase().as_str() {
        "yes" | "true" | "1" | "1.0" => Some(1.0),
        "no" | "false" | "0" | "0.0" => Some(0.0),
        _ => None,
    };
    read(path, tables, "same", "`yes` or `no`", answer)
}

/// Reads the same, and weighs each by a model: what it comes to, and what was said of it.
pub(super) fn judged_and_weighed(
    path: &Path,
    scorer: &Scorer<'_>,
) -> Result<Vec<(Given, f64)>, Error> {
    let named = judged(path, scorer.tables())?;
    let both: Vec<_> = named.iter().map(|pair| (pair.source, pair.recipient)).collect();
    let said = named.iter().map(|pair| pair.said);
    Ok(score_given(scorer, &both)?.into_iter().zip(said).collect())
}

/// Reads a table of a population: values and their shares.
pub(super) fn read_shares(path: &Path) -> Result<Vec<(String, f64)>, Error> {
    let spec = FileSpec::new(path, own::format_of(path, b','));
    let columns = ["value", "share"].map(|name| (name, admit::Kind::Text));
    let admitted = admit::open(&spec, &Projection::new(columns), admit::Limits::default())?;
    let texts = |name: &str| {
        admitted.batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>())
    };
    let (Some(values), Some(shares)) = (texts("value"), texts("share")) else {
        return Ok(Vec::new());
    };
    let row = |row: usize| {
        let text = if shares.is_valid(row) { shares.value(row) } else { "" };
        let share = text.trim().parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0);
        let wanted = "a share above 0 and at most 1";
        let share = share.ok_or_else(|| unreadable(path, admitted.place(row), "share", wanted))?;
        Ok((if values.is_valid(row) { values.value(row).to_owned() } else { String::new() }, share))
    };
    (0..admitted.batch.num_rows()).map(row).collect()
}

/// What a cell has to be that names a record.
const RECORD: &str = "the id of one record of that file";

/// What it has to be where it isn't said which file a record is from.
const OF_ONE_FILE: &str =
    "an id that one of the two files has alone; write `source` and `recipient` where both have it";

fn unreadable(path: &Path, place: Option<Place>, column: &str, wanted: &'static str) -> Error {
    Error::UnreadableCell {
        path: path.to_owned(),
        place: place.map(|place| place.to_string()).unwrap_or_default(),
        column: column.to_owned(),
        wanted,
    }
}

/// Returns the records of a side by their ids; an id that two files share names neither. None where there are no ids.
fn known(tables: &Tables, side: Side) -> HashMap<&str, Option<RecordRef>> {
    let mut names = HashMap::new();
    for record in (0..tables.records(side)).map(RecordRef::new) {
        if let Some(id) = tables.id(side, record) {
            names.entry(id).and_modify(|found| *found = None).or_insert(Some(record));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_spelled_as_a_number_is() {
        for first in 0..=15u8 {
            for second in 0..=15u8 {
                let pattern = Pattern::from_word(u64::from(first) | u64::from(second) << 4);
                let mut spelled = Vec::new();
                spell(pattern, 2, &mut spelled);
                assert_eq!(String::from_utf8(spelled).unwrap(), format!("{first}.{second}"));
            }
        }
    }
}
