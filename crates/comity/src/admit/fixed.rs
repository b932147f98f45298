//! Fixed-width text, by a layout.
//!
//! Step 3 of the path. Of each record only the stretches of bytes that named fields take are decoded.

use std::io::{self, BufRead};
use std::ops::Range;

use super::bytes::Opened;
use super::control::{Spot, Totals};
use super::encoding;
use super::error::{Error, Place};
use super::layout::Layout;
use super::table::Table;

/// Reads the records into the table and returns what the trailer states.
pub(super) fn read(
    opened: &Opened,
    layout: &Layout,
    table: &mut Table<'_>,
) -> Result<Totals, Error> {
    let mut unpacked = opened.unpacked()?;
    let totals = read_stream(opened, unpacked.stream(), layout, table)?;
    opened.unchanged(unpacked)?;
    Ok(totals)
}

fn read_stream(
    opened: &Opened,
    input: &mut dyn BufRead,
    layout: &Layout,
    table: &mut Table<'_>,
) -> Result<Totals, Error> {
    let file = || table.file.to_owned();
    let start = input.fill_buf().map_err(|source| opened.broken(0, source))?;
    match encoding::mark(start) {
        Some((found, length)) if found == layout.encoding.name() => input.consume(length),
        Some((found, _)) => {
            return Err(Error::OtherEncoding {
                file: file(),
                found,
                declared: layout.encoding.name(),
            });
        }
        None if start.is_empty() => return Err(Error::Empty { file: file() }),
        None => {}
    }
    let ranges = ranges(layout, table)?;
    let mut record = Vec::with_capacity(layout.record_length());
    let mut number = 0;
    let mut totals: Option<Totals> = None;
    loop {
        let length = if layout.line_ends {
            next_line(input, layout.reach(), &mut record)
        } else {
            next_block(input, layout.record_length(), &mut record)
        }
        .map_err(|source| opened.broken(number, source))?;
        let Some(length) = length else { break };
        number += 1;
        if length == 0 {
            continue;
        }
        if totals.is_some() {
            return Err(Error::AfterTrailer { file: table.file.to_owned(), line: number });
        }
        if let Some(trailer) = &layout.trailer
            && record.starts_with(trailer.prefix.as_bytes())
        {
            totals = Some(trailer.read(table.file, number, |spot| match spot {
                Spot::Span { start, length } => {
                    let start = start.checked_sub(1)?;
                    let bytes = record.get(start..start.checked_add(length)?)?;
                    Some(layout.encoding.decode(bytes)?.into_owned())
                }
                Spot::Field { .. } => None,
            })?);
            continue;
        }
        if let Some(header) = &layout.header
            && record.starts_with(header.as_bytes())
        {
            continue;
        }
        if length != layout.record_length() {
            return Err(Error::RecordLength {
                file: table.file.to_owned(),
                line: number,
                expected: layout.record_length(),
                found: length,
            });
        }
        if !table.wants_row() {
            table.skip_rows(1)?;
            continue;
        }
        let place = if layout.line_ends { Place::Line(number) } else { Place::Record(number) };
        for (index, range) in ranges.iter().enumerate() {
            let bytes = record.get(range.clone()).unwrap_or_default();
            table.put_bytes(index, unpadded(bytes), layout.encoding, place)?;
        }
        table.end_row(place)?;
    }
    match totals {
        None if layout.trailer.is_some() => {
            Err(Error::NoTrailer { file: table.file.to_owned(), line: number })
        }
        totals => Ok(totals.unwrap_or_default()),
    }
}

/// Returns where in a record each column of the table stands.
fn ranges(layout: &Layout, table: &Table<'_>) -> Result<Vec<Range<usize>>, Error> {
    let range = |column: &super::table::Column<'_>| {
        let field = layout.fields.iter().find(|field| field.name() == column.name);
        field.map(super::layout::LayoutField::range).ok_or_else(|| Error::NoSuchColumn {
            file: table.file.to_owned(),
            element: column.element.to_owned(),
            column: column.name.to_owned(),
            columns: layout.fields.iter().map(|field| field.name().to_owned()).collect(),
        })
    };
    table.columns.iter().map(range).collect()
}

fn unpadded(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// Reads a line without its end and returns its length; of a line longer than `keep`, only so much is held.
fn next_line(
    input: &mut dyn BufRead,
    keep: usize,
    record: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    record.clear();
    let mut length = 0;
    let mut returned = false;
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok((length > 0).then(|| length - usize::from(returned)));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        record.extend(part.iter().take(keep.saturating_sub(record.len())));
        length += part.len();
        if let Some(byte) = part.last() {
            returned = *byte == b'\r';
        }
        let read = part.len() + usize::from(end.is_some());
        input.consume(read);
        if end.is_some() {
            let length = length - usize::from(returned);
            record.truncate(length);
            return Ok(Some(length));
        }
    }
}

/// Reads the next `length` bytes, or as many as there are; a line end after the last record is none.
fn next_block(
    input: &mut dyn BufRead,
    length: usize,
    record: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    record.clear();
    while record.len() < length {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let part = bytes.get(..bytes.len().min(length - record.len())).unwrap_or_default();
        record.extend_from_slice(part);
        let read = part.len();
        input.consume(read);
    }
    let rest = record.trim_ascii().is_empty() && record.len() < length;
    Ok((!rest).then_some(record.len()))
}
