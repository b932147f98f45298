//! Seats one more record in prepared tables, for as long as it is compared with those that are there.
//!
//! Under `index`. The record comes prepared in a table of its own. A value that a dictionary lacks is put behind its last
//! one and taken away again, so nothing is renumbered: a seat costs a search a column, whatever the size of the tables.
//! Only while nobody is seated are codes in the order of values.

use super::{NO_VALUE, PreparedColumn, Tables, Values};
use crate::model::Link;
use crate::record::{RecordRef, Side};

/// A record that is seated.
#[must_use = "what is seated must leave again"]
pub(crate) struct Seat {
    side: Side,
    record: RecordRef,
    /// The columns whose dictionary got a value, and how many items of lists came with it.
    added: Vec<(usize, usize)>,
}

impl Seat {
    pub(crate) fn record(&self) -> RecordRef {
        self.record
    }
}

impl Tables {
    /// Seats the one record of a table that was prepared by the same columns.
    pub(crate) fn seat(&mut self, side: Side, guest: &Self) -> Seat {
        let is_source = self.link != Link::Between || side == Side::Source;
        let mut added = Vec::new();
        for (place, (own, guest)) in self.prepared.iter_mut().zip(&guest.prepared).enumerate() {
            let code = code_of(guest, is_source);
            let code = match code {
                NO_VALUE => NO_VALUE,
                _ => {
                    if let Some(index) = find(&own.values, &guest.values) {
                        code_at(index)
                    } else {
                        added.push((place, add(&mut own.values, &guest.values)));
                        code_at(own.values.len() - 1)
                    }
                }
            };
            if is_source { own.source.push(code) } else { own.recipient.push(code) }
        }
        let records = if is_source { &mut self.source } else { &mut self.recipient };
        let record = RecordRef::new(records.count);
        records.count += 1;
        Seat { side, record, added }
    }

    /// Lets the record leave, and its values with it.
    pub(crate) fn unseat(&mut self, seat: &Seat) {
        let is_source = self.link != Link::Between || seat.side == Side::Source;
        for own in &mut self.prepared {
            if is_source {
                own.source.pop()
            } else {
                own.recipient.pop()
            };
        }
        for (place, items) in &seat.added {
            take_away(&mut self.prepared[*place].values, *items);
        }
        let records = if is_source { &mut self.source } else { &mut self.recipient };
        records.count = seat.record.row();
    }
}

/// The code of the only record of a column.
fn code_of(guest: &PreparedColumn, is_source: bool) -> u32 {
    let codes = if is_source { &guest.source } else { &guest.recipient };
    codes.first().copied().unwrap_or(NO_VALUE)
}

/// Codes are counted from 1. Tables hold fewer values than 32 bits can number, one more included.
fn code_at(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// Finds the guest's only value among values in ascending order.
fn find(values: &Values, guest: &Values) -> Option<usize> {
    match (values, guest) {
        (Values::Text(own), Values::Text(guest)) => own.find(guest.get(0)),
        (Values::Dates(own, _), Values::Dates(guest, _)) => own.binary_search(&guest[0]).ok(),
        (Values::Numbers(own), Values::Numbers(guest)) => {
            own.binary_search_by(|number| number.total_cmp(&guest[0])).ok()
        }
        (Values::Times(own), Values::Times(guest)) => own.binary_search(&guest[0]).ok(),
        (Values::Places(own), Values::Places(guest)) => own.binary_search(&guest[0]).ok(),
        (Values::Lists(own), Values::Lists(guest)) => own.find(guest),
        // Both were prepared by one column, so they are of one kind.
        (
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_),
            _,
        ) => None,
    }
}

/// Puts the guest's only value behind the last one, and returns how many items of lists that took.
fn add(values: &mut Values, guest: &Values) -> usize {
    match (values, guest) {
        (Values::Text(own), Values::Text(guest)) => own.push(guest.get(0)),
        (Values::Dates(own, texts), Values::Dates(guest, guests)) => {
            own.push(guest[0]);
            texts.push(guests.get(0));
        }
        (Values::Numbers(own), Values::Numbers(guest)) => own.push(guest[0]),
        (Values::Times(own), Values::Times(guest)) => own.push(guest[0]),
        (Values::Places(own), Values::Places(guest)) => own.push(guest[0]),
        (Values::Lists(own), Values::Lists(guest)) => return own.add(guest),
        (
            Values::Text(_)
            | Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_),
            _,
        ) => {}
    }
    0
}

fn take_away(values: &mut Values, items: usize) {
    match values {
        Values::Text(own) => own.pop(),
        Values::Dates(own, texts) => {
            own.pop();
            texts.pop();
        }
        Values::Numbers(own) => {
            own.pop();
        }
        Values::Times(own) => {
            own.pop();
        }
        Values::Places(own) => {
            own.pop();
        }
        Values::Lists(own) => own.take_away(items),
    }
}
