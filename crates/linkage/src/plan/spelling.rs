//! Values as bytes whose order is that of the values, and back.
//!
//! What is sorted in files has to be sorted by bytes, and the order has to be the one in which [`Tables`](crate::Tables)
//! number values. A spelling says by itself where it ends, so several stand one after the other, and what they spell is in
//! order, value by value. It sorts nothing.

use jiff::Timestamp;
use jiff::civil::Date;

use super::unit::{number_of, ordered};
use crate::compare::list::Lists;
use crate::compare::place::Place;
use crate::dictionary::Texts;
use crate::model::Kind;
use crate::tables::Values;
use crate::{Error, Result};

/// What stands before a year, so that it is a number above nothing.
const YEARS: i32 = 1 << 15;

/// The letter that means nothing stands for itself where this follows it, and else ends a text.
const ITSELF: u8 = 1;

/// Another item of a list follows; otherwise it has ended.
const ITEM: u8 = 1;

/// Puts the spelling of a value behind what is there.
pub(super) fn spell(values: &Values, index: usize, bytes: &mut Vec<u8>) {
    match values {
        Values::Text(texts) => spell_text(texts.get(index), bytes),
        Values::Dates(dates, _) => {
            let date = dates[index];
            bytes.extend((i32::from(date.year()) + YEARS).to_be_bytes());
            bytes.extend([date.month(), date.day()].map(i8::unsigned_abs));
        }
        Values::Numbers(numbers) => bytes.extend(ordered(numbers[index]).to_be_bytes()),
        Values::Times(times) => {
            let moment = times[index].as_nanosecond().cast_unsigned() ^ (1 << 127);
            bytes.extend(moment.to_be_bytes());
        }
        Values::Places(places) => {
            let (latitude, longitude) = places[index].degrees();
            bytes.extend(ordered(latitude).to_be_bytes());
            bytes.extend(ordered(longitude).to_be_bytes());
        }
        Values::Lists(lists) => {
            for item in lists.letters(index) {
                bytes.push(ITEM);
                spell_text(item, bytes);
            }
            bytes.push(0);
        }
    }
}

fn spell_text(text: &str, bytes: &mut Vec<u8>) {
    for letter in text.bytes() {
        bytes.push(letter);
        if letter == 0 {
            bytes.push(ITSELF);
        }
    }
    bytes.extend([0, 0]);
}

/// Takes a text from the front of what is left.
fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let mut text = Vec::new();
    loop {
        match **bytes {
            [0, ITSELF, ref rest @ ..] => {
                text.push(0);
                *bytes = rest;
            }
            [0, 0, ref rest @ ..] => {
                *bytes = rest;
                return String::from_utf8(text).ok();
            }
            [letter, ref rest @ ..] if letter != 0 => {
                text.push(letter);
                *bytes = rest;
            }
            _ => return None,
        }
    }
}

/// The values of a column while their spellings are read, each once and in order.
pub(super) enum Reading {
    Text(Texts),
    Dates(Vec<Date>, Texts),
    Numbers(Vec<f64>),
    Times(Vec<Timestamp>),
    Places(Vec<Place>),
    Lists(Vec<Vec<String>>),
}

impl Reading {
    /// Begins with no value of a kind.
    pub(super) fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Texts::default()),
            Kind::Date(_) => Self::Dates(Vec::new(), Texts::default()),
            Kind::Number => Self::Numbers(Vec::new()),
            Kind::Time(_) => Self::Times(Vec::new()),
            Kind::Place => Self::Places(Vec::new()),
            Kind::List(_) => Self::Lists(Vec::new()),
        }
    }

    /// Reads the next value.
    ///
    /// # Errors
    ///
    /// [`Error::FailedPlan`] where it is no spelling of one.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.read(bytes).ok_or_else(|| Error::FailedPlan {
            problem: "a value that was written to be sorted is no longer one".to_owned(),
        })
    }

    fn read(&mut self, mut bytes: &[u8]) -> Option<()> {
        match self {
            Self::Text(texts) => texts.push(&take_text(&mut bytes)?),
            Self::Dates(dates, texts) => {
                let (year, month_and_day) = bytes.split_at_checked(4)?;
                let year = i32::from_be_bytes(year.try_into().ok()?) - YEARS;
                let [month, day] = *month_and_day else { return None };
                let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
                let date = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
                dates.push(date);
                texts.push(&date.to_string());
            }
            Self::Numbers(numbers) => numbers.push(number(bytes)?),
            Self::Times(times) => {
                let moment = u128::from_be_bytes(bytes.try_into().ok()?) ^ (1 << 127);
                times.push(Timestamp::from_nanosecond(moment.cast_signed()).ok()?);
            }
            Self::Places(places) => {
                let (latitude, longitude) = bytes.split_at_checked(8)?;
                places.push(Place::new(number(latitude)?, number(longitude)?)?);
            }
            Self::Lists(lists) => {
                let mut items = Vec::new();
                while let [ITEM, rest @ ..] = bytes {
                    bytes = rest;
                    items.push(take_text(&mut bytes)?);
                }
                lists.push(items);
            }
        }
        Some(())
    }

    /// Returns how many items the last value has that was read: none where values are no lists.
    pub(super) fn items_of_last(&self) -> usize {
        match self {
            Self::Lists(lists) => lists.last().map_or(0, Vec::len),
            Self::Text(_)
            | Self::Dates(..)
            | Self::Numbers(_)
            | Self::Times(_)
            | Self::Places(_) => 0,
        }
    }

    /// Returns the values that were read.
    pub(super) fn finish(self) -> Values {
        match self {
            Self::Text(texts) => Values::Text(texts),
            Self::Dates(dates, texts) => Values::Dates(dates, texts),
            Self::Numbers(numbers) => Values::Numbers(numbers),
            Self::Times(times) => Values::Times(times),
            Self::Places(places) => Values::Places(places),
            Self::Lists(lists) => Values::Lists(Lists::new(&lists)),
        }
    }
}

fn number(bytes: &[u8]) -> Option<f64> {
    Some(number_of(u64::from_be_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spells all values, and checks that their spellings ascend as they do and are read back as they are.
    fn check(kind: &Kind, values: &Values) {
        let spelled: Vec<Vec<u8>> = (0..values.len())
            .map(|index| {
                let mut bytes = Vec::new();
                spell(values, index, &mut bytes);
                bytes
            })
            .collect();
        assert!(spelled.is_sorted_by(|one, next| one < next), "{spelled:?}");
        // Nor is one the beginning of another, so that what follows decides nothing.
        for (place, one) in spelled.iter().enumerate() {
            assert!(spelled[place + 1..].iter().all(|other| !other.starts_with(one)), "{one:?}");
        }
        let mut reading = Reading::new(kind);
        for bytes in &spelled {
            reading.push(bytes).unwrap();
        }
        let read = reading.finish();
        let again: Vec<Vec<u8>> = (0..read.len())
            .map(|index| {
                let mut bytes = Vec::new();
                spell(&read, index, &mut bytes);
                bytes
            })
            .collect();
        assert_eq!(again, spelled);
    }

    #[test]
    fn spellings_are_in_the_order_of_the_values_and_read_back_as_they_are() {
        let texts = ["", "\0", "\0a", "a", "a\0", "a\0b", "ab", "b", "é", "日本"];
        check(&Kind::Text, &Values::Text(texts.iter().collect()));
        let dates: Vec<Date> = ["-000005-03-01", "1950-12-31", "2026-01-02", "2026-02-01"]
            .iter()
            .map(|date| date.parse().unwrap())
            .collect();
        let shown = dates.iter().map(ToString::to_string).collect();
        check(&Kind::Date("%Y-%m-%d".to_owned()), &Values::Dates(dates, shown));
        let numbers = vec![f64::NEG_INFINITY, -2.5, -0.0, 0.0, 1e-300, 3.0, f64::INFINITY];
        check(&Kind::Number, &Values::Numbers(numbers));
        let times = ["1900-01-01T00:00:00.5Z", "1970-01-01T00:00:00Z", "2026-11-29T05:15:00Z"];
        let times = times.iter().map(|time| time.parse().unwrap()).collect();
        check(&Kind::Time("%Y".to_owned()), &Values::Times(times));
        let places = [(-10.0, 5.0), (0.0, -3.0), (0.0, 4.0), (51.5, 0.0)];
        let places = places.map(|(one, other)| Place::new(one, other).unwrap()).to_vec();
        check(&Kind::Place, &Values::Places(places));
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let lists: Vec<Vec<String>> =
            vec![list(&[]), list(&["a"]), list(&["a", "b"]), list(&["ab"]), list(&["b"])];
        check(&Kind::List(",".to_owned()), &Values::Lists(Lists::new(&lists)));
    }

    #[test]
    fn what_is_no_spelling_is_refused() {
        for bytes in [&[][..], &[1], &[0, 2], b"a"] {
            assert!(Reading::new(&Kind::Text).push(bytes).is_err(), "{bytes:?}");
            assert!(Reading::new(&Kind::Number).push(bytes).is_err(), "{bytes:?}");
            assert!(Reading::new(&Kind::Place).push(bytes).is_err(), "{bytes:?}");
        }
    }
}
