//! Delimited text: header, records, trailer.
//!
//! Step 3 of the path. Fields of columns that are not named are passed over as bytes and never held; those named
//! go to the [`Table`]. A record that stands whole in the buffer and in which nothing is quoted, as most are, is split
//! where its delimiters are; the splitter of `csv_core` takes all others, and says of all what they come to. Follows [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180), with other delimiters, and
//! demands what it only recommends: a header, and as many fields in each record as the header has.

use std::collections::BTreeMap;
use std::io::BufRead;

use csv_core::ReadFieldResult;
use memchr::{memchr, memchr_iter, memchr2};

use super::bytes::Opened;
use super::control::{Spot, Totals};
use super::encoding;
use super::error::{Error, Place};
use super::spec::Csv;
use super::table::Table;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads the records into the table and returns what the trailer states.
pub(super) fn read(opened: &Opened, csv: &Csv, table: &mut Table<'_>) -> Result<Totals, Error> {
    let mut unpacked = opened.unpacked()?;
    let totals =
        Reader::new(opened, unpacked.stream(), csv, table.limits.field_bytes).read(table)?;
    opened.unchanged(unpacked)?;
    Ok(totals)
}

/// Returns what the header calls the columns.
pub(super) fn columns(opened: &Opened, csv: &Csv, table: &Table<'_>) -> Result<Vec<String>, Error> {
    let mut unpacked = opened.unpacked()?;
    let mut reader = Reader::new(opened, unpacked.stream(), csv, table.limits.field_bytes);
    reader.skip_mark(table)?;
    reader.names(table)
}

struct Reader<'a> {
    opened: &'a Opened,
    input: &'a mut dyn BufRead,
    core: csv_core::Reader,
    csv: &'a Csv,
    field_bytes: usize,
    end: End,
    /// What the splitter writes a field to, piece by piece.
    scratch: Vec<u8>,
}

/// The bytes of a field that the splitter writes at once.
const SCRATCH_BYTES: usize = 4096;

/// How far the end of the input was told to the splitter.
#[derive(PartialEq, Eq)]
enum End {
    Ahead,
    /// A line end was put after the last byte: whoever is still within a quote then was never closed.
    Reached,
}

/// What the splitter came to.
enum Next {
    Field,
    LastField,
    End,
}

/// A record of which nothing is kept but its first field.
#[derive(Clone, Copy)]
struct Begun {
    line: u64,
    last: bool,
}

impl<'a> Reader<'a> {
    fn new(
        opened: &'a Opened,
        input: &'a mut dyn BufRead,
        csv: &'a Csv,
        field_bytes: usize,
    ) -> Self {
        let mut builder = csv_core::ReaderBuilder::new();
        builder.delimiter(csv.delimiter);
        match csv.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        let scratch = vec![0; SCRATCH_BYTES];
        Self { opened, input, core: builder.build(), csv, field_bytes, end: End::Ahead, scratch }
    }

    fn read(mut self, table: &mut Table<'_>) -> Result<Totals, Error> {
        self.skip_mark(table)?;
        let (width, targets) = self.header(table)?;
        let mut first = Vec::new();
        // One buffer a column of the table, emptied for each record.
        let mut fields: Vec<Vec<u8>> = table.columns.iter().map(|_| Vec::new()).collect();
        let mut latest = 1;
        let mut simple = Simple::new(table, &targets, width);
        loop {
            self.simple_records(table, &mut simple)?;
            let Some(begun) = self.begin(table, &mut first)? else { break };
            latest = begun.line;
            if let Some(trailer) = &self.csv.trailer
                && first == trailer.prefix.as_bytes()
            {
                return self.trailer(table, begun, first);
            }
            let wanted = table.wants_row();
            let place = Place::Line(begun.line);
            let mut count = 1;
            let mut last = begun.last;
            for target in targets.get(&0).into_iter().flatten() {
                if let Some(field) = fields.get_mut(*target) {
                    field.clear();
                    field.extend_from_slice(&first);
                }
            }
            while !last {
                let named = targets.get(&count).filter(|_| wanted);
                let mut into = named.and_then(|named| fields.get_mut(*named.first()?));
                if let Some(field) = &mut into {
                    field.clear();
                }
                match self.field(table, into, begun.line)? {
                    Next::Field => {}
                    Next::LastField | Next::End => last = true,
                }
                if let Some([from, others @ ..]) = named.map(Vec::as_slice) {
                    for other in others {
                        let copy = fields.get(*from).cloned().unwrap_or_default();
                        if let Some(field) = fields.get_mut(*other) {
                            *field = copy;
                        }
                    }
                }
                count += 1;
            }
            if count != width {
                return Err(Error::Ragged {
                    file: table.file.to_owned(),
                    line: begun.line,
                    expected: width,
                    found: count,
                });
            }
            if wanted {
                for (index, field) in fields.iter().enumerate() {
                    table.put_bytes(index, field, self.csv.encoding, place)?;
                }
                table.end_row(place)?;
            } else {
                table.skip_rows(1)?;
            }
        }
        if self.csv.trailer.is_some() {
            return Err(Error::NoTrailer { file: table.file.to_owned(), line: latest });
        }
        Ok(Totals::default())
    }

    /// Reads records for as long as each stands whole in the buffer and has nothing in it that is quoted.
    fn simple_records(&mut self, table: &mut Table<'_>, simple: &mut Simple) -> Result<(), Error> {
        // A trailer is known by its first field, and nothing is put of it.
        if self.csv.trailer.is_some() {
            return Ok(());
        }
        loop {
            self.skip_line_ends()?;
            let line = self.core.line();
            let input =
                self.input.fill_buf().map_err(|source| self.opened.broken(line - 1, source))?;
            let Some(end) = memchr(b'\n', input) else { return Ok(()) };
            let (record, _) = input.split_at(end);
            let record = record.strip_suffix(b"\r").unwrap_or(record);
            let odd = match self.csv.quote {
                Some(quote) => memchr2(quote, b'\r', record),
                None => memchr(b'\r', record),
            };
            if odd.is_some() {
                return Ok(());
            }
            simple.put(table, record, line, self.csv)?;
            self.input.consume(end + 1);
            self.core.set_line(line + 1);
        }
    }

    /// Passes over a byte order mark, and stops at one of another encoding.
    fn skip_mark(&mut self, table: &Table<'_>) -> Result<(), Error> {
        let start = self.input.fill_buf().map_err(|source| self.opened.broken(0, source))?;
        if start.is_empty() {
            return Err(Error::Empty { file: table.file.to_owned() });
        }
        match encoding::mark(start) {
            Some((found, length)) if found == self.csv.encoding.name() => {
                self.input.consume(length);
            }
            Some((found, _)) => {
                return Err(Error::OtherEncoding {
                    file: table.file.to_owned(),
                    found,
                    declared: self.csv.encoding.name(),
                });
            }
            None => {}
        }
        Ok(())
    }

    /// Reads the header as it stands.
    fn names(&mut self, table: &Table<'_>) -> Result<Vec<String>, Error> {
        let mut field = Vec::new();
        let Some(begun) = self.begin(table, &mut field)? else {
            return Err(Error::Empty { file: table.file.to_owned() });
        };
        let mut header = vec![self.name(&field)];
        let mut last = begun.last;
        while !last {
            field.clear();
            match self.field(table, Some(&mut field), begun.line)? {
                Next::Field => {}
                Next::LastField | Next::End => last = true,
            }
            header.push(self.name(&field));
        }
        Ok(header)
    }

    /// Reads the header: how many columns there are, and for each that is named which of the table's it fills.
    fn header(&mut self, table: &Table<'_>) -> Result<(usize, BTreeMap<usize, Vec<usize>>), Error> {
        let file = || table.file.to_owned();
        let header = self.names(table)?;
        let mut targets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut lacking = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            let mut found = header.iter().enumerate().filter(|(_, name)| *name == column.name);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => {
                    return Err(Error::ColumnTwice {
                        file: file(),
                        column: column.name.to_owned(),
                    });
                }
                (Some((position, _)), None) => targets.entry(position).or_default().push(index),
                (None, _) => lacking.push(column),
            }
        }
        let Some(column) = lacking.first() else {
            return Ok((header.len(), targets));
        };
        if let [only] = header.as_slice() {
            let count = |byte: u8| only.bytes().filter(|found| *found == byte).count();
            let others = DELIMITERS.into_iter().filter(|byte| *byte != self.csv.delimiter);
            if let Some(seems) =
                others.max_by_key(|byte| count(*byte)).filter(|byte| count(*byte) > 0)
            {
                return Err(Error::WrongDelimiter {
                    file: file(),
                    given: self.csv.delimiter,
                    seems,
                });
            }
        }
        if lacking.len() == table.columns.len() {
            let wanted = table.columns.iter().map(|column| column.name.to_owned()).collect();
            return Err(Error::NoHeader { file: file(), found: header.len(), wanted });
        }
        Err(Error::NoSuchColumn {
            file: file(),
            element: column.element.to_owned(),
            column: column.name.to_owned(),
            columns: header,
        })
    }

    fn name(&self, bytes: &[u8]) -> String {
        let text =
            self.csv.encoding.decode(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes));
        text.trim().to_owned()
    }

    /// Reads the trailer, which began with `first`, and sees that nothing follows.
    fn trailer(mut self, table: &Table<'_>, begun: Begun, first: Vec<u8>) -> Result<Totals, Error> {
        let Some(trailer) = &self.csv.trailer else {
            return Ok(Totals::default());
        };
        let mut fields = vec![first];
        let mut last = begun.last;
        while !last {
            let mut field = Vec::new();
            match self.field(table, Some(&mut field), begun.line)? {
                Next::Field => {}
                Next::LastField | Next::End => last = true,
            }
            fields.push(field);
        }
        let totals = trailer.read(table.file, begun.line, |spot| match spot {
            Spot::Field { field } => {
                let bytes = fields.get(field.checked_sub(1)?)?;
                Some(self.csv.encoding.decode(bytes)?.into_owned())
            }
            Spot::Span { .. } => None,
        })?;
        if let Some(after) = self.begin(table, &mut Vec::new())? {
            return Err(Error::AfterTrailer { file: table.file.to_owned(), line: after.line });
        }
        Ok(totals)
    }

    /// Passes over line ends left from the record before, and over blank lines, which are counted.
    fn skip_line_ends(&mut self) -> Result<(), Error> {
        loop {
            let line = self.core.line();
            let input =
                self.input.fill_buf().map_err(|source| self.opened.broken(line - 1, source))?;
            let Some(byte) = input.first().filter(|byte| matches!(**byte, b'\r' | b'\n')) else {
                return Ok(());
            };
            self.core.read_field(&[*byte], &mut [0]);
            self.input.consume(1);
        }
    }

    /// Begins the next record and puts its first field into `first`; `None` at the end.
    fn begin(&mut self, table: &Table<'_>, first: &mut Vec<u8>) -> Result<Option<Begun>, Error> {
        self.skip_line_ends()?;
        let line = self.core.line();
        first.clear();
        Ok(match self.field(table, Some(first), line)? {
            Next::Field => Some(Begun { line, last: false }),
            Next::LastField => Some(Begun { line, last: true }),
            Next::End => None,
        })
    }

    /// Reads one field of the record that began at `line`, into a buffer or over it.
    ///
    /// No more than one byte over the limit is held, which is enough for the table to see that it is too long.
    fn field(
        &mut self,
        table: &Table<'_>,
        mut into: Option<&mut Vec<u8>>,
        line: u64,
    ) -> Result<Next, Error> {
        loop {
            let at = self.core.line();
            let input =
                self.input.fill_buf().map_err(|source| self.opened.broken(at - 1, source))?;
            let ended = input.is_empty();
            let close = ended && self.end == End::Ahead;
            let input = if close { b"\n" } else { input };
            let (found, read, written) = self.core.read_field(input, &mut self.scratch);
            if close {
                self.end = End::Reached;
            } else if !ended {
                self.input.consume(read);
            }
            if let Some(into) = &mut into
                && let Some(written) = self.scratch.get(..written)
            {
                let room = (self.field_bytes + 1).saturating_sub(into.len());
                into.extend(written.iter().take(room));
            }
            let unclosed = ended && !close;
            match found {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
                ReadFieldResult::Field { .. } if unclosed => {
                    return Err(Error::UnclosedQuote { file: table.file.to_owned(), line });
                }
                ReadFieldResult::Field { record_end: true } => return Ok(Next::LastField),
                ReadFieldResult::Field { record_end: false } => return Ok(Next::Field),
                ReadFieldResult::End => return Ok(Next::End),
            }
        }
    }
}

/// What it takes to read records that are split where their delimiters are.
struct Simple {
    /// For each column of the table, which field it is.
    fields: Vec<usize>,
    /// How many fields the header has.
    width: usize,
    /// Where the fields of the record at hand end.
    ends: Vec<usize>,
}

impl Simple {
    fn new(table: &Table<'_>, targets: &BTreeMap<usize, Vec<usize>>, width: usize) -> Self {
        let field = |column: usize| {
            targets
                .iter()
                .find(|(_, columns)| columns.contains(&column))
                .map_or(0, |(field, _)| *field)
        };
        Self { fields: (0..table.columns.len()).map(field).collect(), width, ends: Vec::new() }
    }

    /// Puts the fields of a record that are named.
    fn put(
        &mut self,
        table: &mut Table<'_>,
        record: &[u8],
        line: u64,
        csv: &Csv,
    ) -> Result<(), Error> {
        self.ends.clear();
        self.ends.extend(memchr_iter(csv.delimiter, record));
        self.ends.push(record.len());
        if self.ends.len() != self.width {
            return Err(Error::Ragged {
                file: table.file.to_owned(),
                line,
                expected: self.width,
                found: self.ends.len(),
            });
        }
        if !table.wants_row() {
            return table.skip_rows(1);
        }
        let place = Place::Line(line);
        let plain = encoding::plain(record);
        for (index, field) in self.fields.iter().enumerate() {
            let from = field.checked_sub(1).and_then(|before| self.ends.get(before));
            let from = from.map_or(0, |before| before + 1);
            let to = self.ends.get(*field).copied().unwrap_or(from);
            if let Some(text) = plain.and_then(|record| record.get(from..to)) {
                table.put_text(index, Some(text), place)?;
            } else {
                let bytes = record.get(from..to).unwrap_or_default();
                table.put_bytes(index, bytes, csv.encoding, place)?;
            }
        }
        table.end_row(place)
    }
}
