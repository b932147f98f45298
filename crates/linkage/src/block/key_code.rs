//! Numbers the keys of a rule: one code a record, equal where all its keys are.
//!
//! Before blocks are made. A key is a value or a part of one; it is worked out once for each distinct value.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::keyed_rule::{most_of, next_code};
use super::soundex::soundex;
use crate::Result;
use crate::model::{Key, Link, Rule, Take};
use crate::record::Side;
use crate::tables::{NO_VALUE, Tables, Values};

/// Works out the plain keys of a rule: one code a record, equal where all keys are.
pub(crate) fn plain_codes(tables: &Tables, rule: &Rule) -> Result<(Vec<u32>, Vec<u32>)> {
    let label = rule.to_string();
    let mut source = vec![1; tables.records(Side::Source) as usize];
    let mut recipient = match tables.link() {
        Link::Between => vec![1; tables.records(Side::Recipient) as usize],
        Link::Within | Link::Both => Vec::new(),
    };
    for (place, key) in rule.keys.iter().enumerate() {
        let codes = KeyCodes::new(tables, &format!("rule `{label}`"), key)?;
        let first = codes.of_records(tables, Side::Source);
        let second = match tables.link() {
            Link::Between => codes.of_records(tables, Side::Recipient),
            Link::Within | Link::Both => Cow::Borrowed([].as_slice()),
        };
        if place == 0 {
            (source, recipient) = (first.into_owned(), second.into_owned());
        } else {
            join(&mut source, &mut recipient, &first, &second);
        }
    }
    Ok((source, recipient))
}

/// Makes one code of two, which is equal where both are.
///
/// Records are put in the order of the second code and then, keeping that order, together by the first: both by counting, so
/// that no two are compared. A table of all the pairs of codes would be looked up all over memory, and so would counts of
/// very many second codes; then the records of one first code, mostly few, are sorted instead.
fn join(source: &mut [u32], recipient: &mut [u32], left: &[u32], right: &[u32]) {
    // Both sides in one list, so that each step is a loop over a list and not over a chain of two.
    let next = [left, right].concat();
    let mut codes = [&*source, &*recipient].concat();
    for (code, next) in codes.iter_mut().zip(&next) {
        *code = if *next == NO_VALUE { NO_VALUE } else { *code };
    }
    let (most, most_next) = (most_of(&codes), most_of(&next));
    let counted = most_next < COUNTED;
    let rows = if counted { in_order(&next, most_next) } else { (0..).take(next.len()).collect() };
    let mut ends = vec![0u32; most as usize + 2];
    for code in &codes {
        ends[*code as usize + 1] += 1;
    }
    // Records without a code stand with none.
    ends[1] = 0;
    add_up(&mut ends);
    let mut grouped = vec![(NO_VALUE, 0u32); ends[most as usize + 1] as usize];
    for row in rows {
        let code = codes[row as usize];
        if code != NO_VALUE {
            let place = &mut ends[code as usize];
            grouped[*place as usize] = (next[row as usize], row);
            *place += 1;
        }
    }
    // Each group now ends where the next one began.
    let mut last = NO_VALUE;
    let mut from = 0;
    for to in ends.into_iter().take(most as usize + 1).skip(1) {
        let group = &mut grouped[from..to as usize];
        from = to as usize;
        if !counted {
            group.sort_unstable();
        }
        let mut before = NO_VALUE;
        for (next, row) in group {
            if *next != before {
                before = *next;
                last += 1;
            }
            codes[*row as usize] = last;
        }
    }
    let (own, others) = codes.split_at(source.len());
    source.copy_from_slice(own);
    recipient.copy_from_slice(others);
}

/// Fewer codes than this are counted in a core's own cache.
const COUNTED: u32 = 1 << 13;

/// Returns the places of codes in the order of the codes, those of equal codes in their own order.
fn in_order(codes: &[u32], most: u32) -> Vec<u32> {
    let mut starts = vec![0u32; most as usize + 2];
    for code in codes {
        starts[*code as usize + 1] += 1;
    }
    add_up(&mut starts);
    let mut places = vec![0; codes.len()];
    for (place, code) in (0..).zip(codes) {
        let start = &mut starts[*code as usize];
        places[*start as usize] = place;
        *start += 1;
    }
    places
}

/// Makes each count the sum of all up to it.
fn add_up(counts: &mut [u32]) {
    counts.iter_mut().fold(0, |sum, count| {
        *count += sum;
        *count
    });
}

/// How the key codes of records are found from the codes of their values.
enum KeyCodes {
    /// Every value of this column is a key of its own, and has a code already.
    Whole(usize),
    /// By side, a column and the key code of each of its values. The two are one unless a key is taken against another.
    Parts([(usize, Arc<[u32]>); 2]),
}

impl KeyCodes {
    fn new(tables: &Tables, place: &str, key: &Key) -> Result<Self> {
        let column = tables.column_index(place, &key.column)?;
        let other = match &key.against {
            None => column,
            Some(against) => tables.column_index(place, against)?,
        };
        if column == other && key.take == Take::Whole {
            return Ok(Self::Whole(column));
        }
        let mut seen: FxHashMap<Part<'_>, u32> = FxHashMap::default();
        let mut last = NO_VALUE;
        let mut number = |column| -> Arc<[u32]> {
            let values = tables.values(column);
            // A column of dates has few years and months, so few of them are written out.
            let mut of_dates: FxHashMap<i32, u32> = FxHashMap::default();
            let mut of_part = |index| match part_of(values, index, key.take) {
                None => NO_VALUE,
                Some(part) => *seen.entry(part).or_insert_with(|| next_code(&mut last)),
            };
            let parts = (0..values.len()).map(|index| match date_part(values, index, key.take) {
                Some(part) => *of_dates.entry(part).or_insert_with(|| of_part(index)),
                None => of_part(index),
            });
            std::iter::once(NO_VALUE).chain(parts).collect()
        };
        let source = number(column);
        let recipient = if other == column { Arc::clone(&source) } else { number(other) };
        Ok(Self::Parts([(column, source), (other, recipient)]))
    }

    fn of_records<'t>(&self, tables: &'t Tables, side: Side) -> Cow<'t, [u32]> {
        match self {
            Self::Whole(column) => Cow::Borrowed(tables.codes(*column, side)),
            Self::Parts([source, recipient]) => {
                let (column, of) = if side == Side::Source { source } else { recipient };
                let codes = tables.codes(*column, side);
                Cow::Owned(codes.iter().map(|code| of[*code as usize]).collect())
            }
        }
    }
}

/// The part of a value that is its key.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Part<'t> {
    Text(Cow<'t, str>),
    Number(u64),
}

pub(crate) fn part_of(values: &Values, index: usize, take: Take) -> Option<Part<'_>> {
    let owned = |text: String| Part::Text(Cow::Owned(text));
    match values {
        Values::Text(texts) => text_part(texts.get(index), take).map(Part::Text),
        Values::Dates(dates, texts) => {
            let date = dates[index];
            Some(match take {
                Take::Year => owned(format!("{}", date.year())),
                Take::YearMonth => owned(format!("{}-{}", date.year(), date.month())),
                Take::MonthDay => owned(format!("{}-{}", date.month(), date.day())),
                Take::Whole | Take::Prefix(_) | Take::Suffix(_) | Take::Soundex => {
                    Part::Text(Cow::Borrowed(texts.get(index)))
                }
            })
        }
        Values::Numbers(numbers) => Some(Part::Number(numbers[index].to_bits())),
        Values::Times(times) => Some(owned(times[index].to_string())),
        Values::Places(places) => Some(owned(places[index].text())),
        Values::Lists(lists) => Some(owned(lists.text(index))),
    }
}

/// Numbers the part of a date that is its key: equal where [`part_of`] gives the same.
fn date_part(values: &Values, index: usize, take: Take) -> Option<i32> {
    let Values::Dates(dates, _) = values else { return None };
    let date = dates[index];
    let month = i32::from(date.month());
    match take {
        Take::Year => Some(i32::from(date.year())),
        Take::YearMonth => Some(i32::from(date.year()) * 16 + month),
        Take::MonthDay => Some(month * 32 + i32::from(date.day())),
        Take::Whole | Take::Prefix(_) | Take::Suffix(_) | Take::Soundex => None,
    }
}

/// Returns the bytes of a value's key: equal where the keys are.
#[cfg(feature = "plan")]
pub(crate) fn key_bytes(values: &Values, index: usize, take: Take) -> Option<Box<[u8]>> {
    Some(match part_of(values, index, take)? {
        Part::Text(text) => Box::from(text.as_bytes()),
        Part::Number(bits) => Box::from(bits.to_le_bytes()),
    })
}

fn text_part(text: &str, take: Take) -> Option<Cow<'_, str>> {
    // Where the letter of this number begins, the last one's end standing for those beyond.
    let begin = |letter: usize| text.char_indices().nth(letter).map_or(text.len(), |(at, _)| at);
    match take {
        Take::Prefix(length) => Some(Cow::Borrowed(&text[..begin(length as usize)])),
        Take::Suffix(length) => {
            let skipped = text.chars().count().saturating_sub(length as usize);
            Some(Cow::Borrowed(&text[begin(skipped)..]))
        }
        Take::Soundex => soundex(text).map(Cow::Owned),
        Take::Whole | Take::Year | Take::YearMonth | Take::MonthDay => Some(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_codes_follow_the_order_of_both_and_are_none_where_one_is(
            rows in prop::collection::vec((0..5u32, 0..4u32), 0..60), sources in 0..60usize, far in any::<bool>(),
        ) {
            let sources = sources.min(rows.len());
            // Codes that are too many to be counted go another way.
            let next = |row: &(u32, u32)| if row.1 > 0 && far { row.1 + COUNTED } else { row.1 };
            let mut codes: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let (source, recipient) = codes.split_at_mut(sources);
            let (left, right) = rows.split_at(sources);
            let next = |rows: &[(u32, u32)]| rows.iter().map(next).collect::<Vec<u32>>();
            join(source, recipient, &next(left), &next(right));
            let both: BTreeMap<(u32, u32), u32> = rows
                .iter()
                .filter(|row| row.0 != NO_VALUE && row.1 != NO_VALUE)
                .map(|row| (*row, 0))
                .collect();
            let numbered: BTreeMap<(u32, u32), u32> = both.into_keys().zip(1..).collect();
            let expected: Vec<u32> =
                rows.iter().map(|row| numbered.get(row).copied().unwrap_or(NO_VALUE)).collect();
            prop_assert_eq!(codes, expected);
        }
    }
}
