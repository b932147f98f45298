//! Step 3 of the path, the run's side: from the permit and the schedule to the elements of a file, and nothing else.
//!
//! [`crate::admit`] reads files and knows no law; this is where the two meet. An element that the permit does not allow
//! is never named to admit, and so never read.

use crate::Error;
use crate::admit::{
    self, Admitted, Compression, Control, Csv, FileSpec, Format, Kind, Limits, Projection, Sum,
};
use crate::discrepancy::Value;
use crate::program::Program;
use agreement::{
    Act, Cycle, CycleId, Element, ElementName, ElementRef, Extracted, FileFormat, Permit, RecordSet,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// The digests of files that were delivered for other cycles: the same bytes again are a doubled file.
pub(crate) type Deliveries = BTreeSet<admit::Digest>;

/// The returned elements of some rows, as text, by the row they are of.
pub(crate) type ReturnedRows = Vec<(u64, Vec<(ElementRef, String)>)>;

/// One record set's file, opened under a permit.
#[derive(Debug)]
pub(crate) struct Table {
    /// The file, as the schedule names it.
    pub spec: FileSpec,
    /// What was read of it.
    pub admitted: Admitted,
    /// By element, how many dates could not be read by the schedule's format; such a date is no value.
    pub unread: BTreeMap<String, u64>,
}

/// Counts the records of a set's file and holds them against its control totals. No element is read.
///
/// # Errors
/// As [`open`].
pub(crate) fn count(
    program: &Program,
    set: &RecordSet,
    cycle: &CycleId,
    earlier: &Deliveries,
) -> Result<u64, Error> {
    let spec = specification(program, scheduled(program, set)?, cycle, earlier);
    let admitted = admit::open(&spec, &Projection::default(), Limits::default())
        .map_err(|error| of_owner(program, set, error))?;
    Ok(admitted.records)
}

/// Words what to do about a file by who owns it: the recipient's own file is not the source's to mend.
fn of_owner(program: &Program, set: &RecordSet, error: admit::Error) -> Error {
    match program.recipient() {
        Ok((recipient, own)) if own.id == set.id => {
            Error::OwnFile { recipient: recipient.to_string(), error: Box::new(error) }
        }
        _ => Error::Admit(error),
    }
}

/// Says that a permit is for this program, for one of these acts, and has not ended.
fn under(program: &Program, permit: &Permit, acts: &[Act], now: Timestamp) -> Result<(), Error> {
    let is_mine = permit.agreement() == program.digest && acts.contains(permit.act());
    if is_mine && permit.is_live(now) { Ok(()) } else { Err(Error::OtherPermit) }
}

/// Opens the file of a record set: what is matched on as text, with dates in ISO 8601 where the schedule says how they
/// are written; what is compared as what it is; the caseload's ids.
///
/// # Errors
/// The schedule names no file, or the file is not as promised.
pub(crate) fn open(
    program: &Program,
    permit: &Permit,
    now: Timestamp,
    set: &RecordSet,
    cycle: &CycleId,
    earlier: &Deliveries,
) -> Result<Table, Error> {
    under(program, permit, &[Act::RUN, Act::TRAIN], now)?;
    let extracted = scheduled(program, set)?;
    let mut projection = Projection::default();
    for (_, element) in set.elements() {
        let reference = set.reference(&element.name);
        let kind = if permit.matched_on().contains(&reference) {
            Kind::Text
        } else if permit.compared().contains(&reference) {
            kind_of(element, extracted)
        } else if permit.returned().contains(&reference) {
            // What the discrepancy rule looks at has to be read now; the rest of what is returned is read for leads
            // alone, when they are released.
            if !program.agreement().discrepancy.elements().contains(&&reference) {
                projection.summed.push(element.name.to_string());
                continue;
            }
            kind_of(element, extracted)
        } else {
            continue;
        };
        projection.elements.push((element.name.to_string(), kind));
    }
    let caseload_id = set.caseload_id.as_ref().filter(|id| permit.allows(&set.reference(id)));
    if let Some(id) = caseload_id
        && !projection.elements.iter().any(|(name, _)| name == id.as_str())
    {
        projection.elements.push((id.to_string(), Kind::Text));
    }
    let mut spec = specification(program, extracted, cycle, earlier);
    // A case is named once; a person may well have two employers.
    spec.id = caseload_id.map(ToString::to_string);
    let mut admitted = admit::open(&spec, &projection, Limits::default())
        .map_err(|error| of_owner(program, set, error))?;
    let mut unread: BTreeMap<String, u64> = BTreeMap::new();
    for (_, element) in set.elements() {
        let is_matched_on = permit.matched_on().contains(&set.reference(&element.name));
        if is_matched_on
            && !unread.contains_key(element.name.as_str())
            && element.kind == agreement::Kind::Date
            && let Some(format) = extracted.date_formats.get(&element.name)
        {
            if !is_readable(format) {
                return Err(Error::Admit(admit::Error::DateFormat {
                    file: spec.path,
                    column: column(extracted, &element.name),
                    format: format.clone(),
                }));
            }
            let has_dates = extracted.format == FileFormat::Parquet;
            let name = element.name.as_str();
            let (batch, count) = dated(&admitted.batch, name, format, has_dates);
            admitted.batch = batch;
            unread.insert(name.to_owned(), count);
        }
    }
    Ok(Table { spec, admitted, unread })
}

/// Says whether a format is one that a date can be written and read by.
fn is_readable(format: &str) -> bool {
    let sample = date(2001, 2, 3);
    let written = jiff::fmt::strtime::format(format, sample);
    written.and_then(|text| Date::strptime(format, text)).is_ok_and(|read| read == sample)
}

/// Reads a column of text by a date format and puts ISO 8601 in its place; what does not read is no value, and counted.
/// A file that keeps dates as such has handed them on as ISO 8601 already.
fn dated(batch: &RecordBatch, name: &str, format: &str, has_dates: bool) -> (RecordBatch, u64) {
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    let found = schema.index_of(name).ok().and_then(|index| columns.get_mut(index));
    let mut unread = 0;
    if let Some(column) = found
        && let Some(texts) = column.as_string_opt::<i32>()
    {
        let by_format = |text: &str| {
            let read = Date::strptime(format, text).ok();
            read.or_else(|| text.parse::<Date>().ok().filter(|_| has_dates))
        };
        let dates: StringArray = texts
            .iter()
            .map(|text| {
                let read = text.and_then(|text| by_format(text.trim()));
                unread += u64::from(text.is_some() && read.is_none());
                read.map(|date| date.to_string())
            })
            .collect();
        *column = Arc::new(dates);
    }
    // INVARIANT: one column of text took the place of another of the same length.
    #[expect(clippy::expect_used, reason = "the columns have the lengths and the types they had")]
    let batch = RecordBatch::try_new(schema, columns).expect("columns as they were");
    (batch, unread)
}

/// Reads the returned elements of some rows, as text, in the order of the rows wanted.
///
/// # Errors
/// The file has changed since it was opened, or a value is not what the agreement says it is.
pub(crate) fn returned(
    program: &Program,
    permit: &Permit,
    now: Timestamp,
    set: &RecordSet,
    table: &Table,
    wanted: &BTreeSet<u64>,
) -> Result<ReturnedRows, Error> {
    under(program, permit, &[Act::RUN, Act::RELEASE], now)?;
    let extracted = scheduled(program, set)?;
    let elements: Vec<(ElementRef, Kind)> = set
        .elements()
        .map(|(_, element)| (set.reference(&element.name), kind_of(element, extracted)))
        .filter(|(reference, _)| permit.returned().contains(reference))
        .collect();
    let projection = Projection::new(
        elements.iter().map(|(reference, kind)| (reference.element.as_str(), kind.clone())),
    );
    let mut spec = table.spec.clone();
    spec.id = None;
    let rows = admit::rows(&spec, &projection, wanted, &table.admitted.digest, Limits::default())?;
    Ok(rows
        .rows
        .iter()
        .enumerate()
        .map(|(place, row)| {
            let values = elements.iter().filter_map(|(reference, _)| {
                let value = value(&rows.batch, reference.element.as_str(), place)?;
                Some((reference.clone(), spelled(&value)))
            });
            (*row, values.collect())
        })
        .collect())
}

/// Reads some rows of the recipient's own records as text: for its officer who judges a lead, and for its letter.
///
/// The recipient's set and no other: what the source's record says beyond the returned elements is not disclosed.
///
/// # Errors
/// The permit is not for reading a case under this agreement, or the file is gone or not the one that the run read.
pub(crate) fn own_values(
    program: &Program,
    permit: &Permit,
    now: Timestamp,
    cycle: &CycleId,
    digests: &BTreeMap<String, String>,
    wanted: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, BTreeMap<String, String>>, Error> {
    under(program, permit, &[Act::READ_CASE, Act::READ_EVIDENCE], now)?;
    let (_, set) = program.recipient()?;
    let extracted = scheduled(program, set)?;
    let elements: Vec<(String, Kind)> = set
        .matched_on
        .iter()
        .map(|element| (element.name.to_string(), Kind::Text))
        .chain(
            set.compared
                .iter()
                .map(|element| (element.name.to_string(), kind_of(element, extracted))),
        )
        .collect();
    let projection =
        Projection::new(elements.iter().map(|(name, kind)| (name.as_str(), kind.clone())));
    let spec = specification(program, extracted, cycle, &Deliveries::new());
    let other = || Error::OldSummary { what: "digest of a file" };
    let digest = digests.get(set.id.as_str()).ok_or_else(other)?;
    let digest: admit::Digest = digest.parse().map_err(|_| other())?;
    let rows = admit::rows(&spec, &projection, wanted, &digest, Limits::default())?;
    let values = rows.rows.iter().enumerate().map(|(place, row)| {
        let values = elements.iter().filter_map(|(name, _)| {
            Some((name.clone(), spelled(&value(&rows.batch, name, place)?)))
        });
        (*row, values.collect())
    });
    Ok(values.collect())
}

/// Returns one value of a batch; none where it is missing.
pub(crate) fn value(batch: &RecordBatch, column: &str, row: usize) -> Option<Value> {
    let array = batch.column_by_name(column)?;
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            date(1970, 1, 1).checked_add(i64::from(days).days()).ok().map(Value::Date)
        }
        DataType::Decimal128(_, scale) => {
            let unscaled = array.as_primitive::<Decimal128Type>().value(row);
            // INVARIANT: numbers are asked for in hundredths (`kind_of`).
            (*scale == 2).then_some(())?;
            i64::try_from(unscaled).ok().map(Value::Cents)
        }
        _ => Some(Value::Text(array.as_string_opt::<i32>()?.value(row).to_owned())),
    }
}

/// Spells a value as it is returned: dates as ISO 8601, sums with two decimals.
pub(crate) fn spelled(value: &Value) -> String {
    match value {
        Value::Date(date) => date.to_string(),
        Value::Cents(cents) => {
            let sign = if *cents < 0 { "-" } else { "" };
            format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
        }
        Value::Text(text) => text.clone(),
    }
}

fn kind_of(element: &Element, extracted: &Extracted) -> Kind {
    match element.kind {
        agreement::Kind::Date => Kind::Date {
            format: extracted
                .date_formats
                .get(&element.name)
                .cloned()
                .unwrap_or_else(|| "%Y-%m-%d".to_owned()),
        },
        agreement::Kind::Money | agreement::Kind::Number => Kind::Number { decimals: 2 },
        agreement::Kind::Text
        | agreement::Kind::Code
        | agreement::Kind::Identifier
        | agreement::Kind::Flag => Kind::Text,
    }
}

fn scheduled<'program>(
    program: &'program Program,
    set: &RecordSet,
) -> Result<&'program Extracted, Error> {
    program
        .schedule
        .record_sets
        .get(&set.id)
        .ok_or_else(|| Error::NoFile { set: set.id.to_string() })
}

fn specification(
    program: &Program,
    extracted: &Extracted,
    cycle: &CycleId,
    earlier: &Deliveries,
) -> FileSpec {
    let place =
        |path: &str| -> PathBuf { program.folder.join(path.replace("{cycle}", cycle.as_str())) };
    let format = match extracted.format {
        FileFormat::Parquet => Format::Parquet,
        FileFormat::Fixed => {
            Format::Fixed { layout: place(extracted.layout.as_deref().unwrap_or_default()) }
        }
        FileFormat::Csv => Format::Csv(Csv {
            delimiter: extracted
                .delimiter
                .as_ref()
                .and_then(|text| text.bytes().next())
                .unwrap_or(b','),
            encoding: match extracted.encoding {
                Some(agreement::Encoding::Windows1252) => admit::Encoding::Windows1252,
                Some(agreement::Encoding::Utf8) | None => admit::Encoding::Utf8,
            },
            trailer: trailer(extracted),
            ..Csv::default()
        }),
    };
    let mut spec = FileSpec::new(place(&extracted.path), format);
    spec.compression = match extracted.compression {
        None => Compression::Auto,
        Some(agreement::Compression::None) => Compression::None,
        Some(agreement::Compression::Gzip) => Compression::Gzip,
        Some(agreement::Compression::Zstd) => Compression::Zstd,
    };
    spec.columns = extracted
        .columns
        .iter()
        .map(|(element, column)| (element.to_string(), column.clone()))
        .collect();
    spec.value_maps =
        extracted.values.iter().map(|(element, map)| (element.to_string(), map.clone())).collect();
    spec.control = control(program, extracted, cycle, place);
    spec.control.previous.clone_from(earlier);
    spec
}

fn control(
    program: &Program,
    extracted: &Extracted,
    cycle: &CycleId,
    place: impl Fn(&str) -> PathBuf,
) -> Control {
    let scheduled: Option<&Cycle> = program.schedule.cycle(cycle);
    let mut control = Control::default();
    if let Some(agreement::Control::Expected { count, sums }) = &extracted.control {
        control.known.rows = Some(*count);
        let sum = |(element, cents): (&ElementName, &i64)| Sum {
            column: column(extracted, element),
            total: spelled(&Value::Cents(*cents)),
        };
        control.known.sums = sums.iter().map(sum).collect();
    }
    if let Some(agreement::Control::Manifest { path }) = &extracted.control {
        control.manifest = Some(place(path));
        control.cycle = Some(cycle.to_string());
        // What the file describes must be of the cycle's day or later: a late file is last cycle's file.
        control.earliest_as_of = scheduled.map(|cycle| cycle.as_of);
    }
    control
}

fn trailer(extracted: &Extracted) -> Option<admit::Trailer> {
    let Some(agreement::Control::Trailer { prefix, count_field, sum_fields }) = &extracted.control
    else {
        return None;
    };
    let at = |field: u32| admit::Spot::Field { field: field as usize };
    Some(admit::Trailer {
        prefix: prefix.clone(),
        rows: Some(at(*count_field)),
        sums: sum_fields
            .iter()
            .map(|(element, field)| admit::SumSpot {
                column: column(extracted, element),
                at: at(*field),
                hundredths: true,
            })
            .collect(),
        as_of: None,
        cycle: None,
        sequence: None,
    })
}

/// Returns the column that holds an element.
fn column(extracted: &Extracted, element: &ElementName) -> String {
    extracted.columns.get(element).cloned().unwrap_or_else(|| element.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_handed_on_in_iso_8601_and_those_that_do_not_read_are_counted() {
        let column = |texts: &[Option<&str>]| -> RecordBatch {
            let array: arrow_array::ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
            RecordBatch::try_from_iter_with_nullable([("born", array, true)]).unwrap()
        };
        let given = column(&[
            Some("31/12/1980"),
            Some(" 01/02/1990 "),
            Some("1980-12-31"),
            Some("?"),
            None,
        ]);
        for (has_dates, third, count) in [(false, None, 2), (true, Some("1980-12-31"), 1)] {
            let (read, unread) = dated(&given, "born", "%d/%m/%Y", has_dates);
            assert_eq!(read, column(&[Some("1980-12-31"), Some("1990-02-01"), third, None, None]));
            assert_eq!(unread, count);
        }
        let (same, unread) = dated(&given, "another", "%d/%m/%Y", false);
        assert_eq!((same, unread), (given, 0));
    }

    #[test]
    fn a_format_without_a_day_is_none() {
        for (format, is) in [("%d/%m/%Y", true), ("%Y-%m-%d", true), ("%m/%Y", false), ("d", false)]
        {
            assert_eq!(is_readable(format), is, "{format}");
        }
    }

    #[test]
    fn sums_are_spelled_with_two_decimals_and_their_sign() {
        for (cents, text) in
            [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56"), (-100, "-1.00")]
        {
            assert_eq!(spelled(&Value::Cents(cents)), text);
        }
    }
}
