//! Numbers the keys of a rule: one code a record, equal where all its keys are.
//!
//! Before blocks are made. A key is a value or a part of one; it is worked out once for each distinct value.

use rustc_hash::FxHashMap;

use super::keyed_rule::next_code;
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
        let first = tables.codes(codes.source_column, Side::Source);
        let second = tables.codes(codes.recipient_column, Side::Recipient);
        if place == 0 {
            for (sofar, code) in source.iter_mut().zip(first) {
                *sofar = codes.source[*code as usize];
            }
            for (sofar, code) in recipient.iter_mut().zip(second) {
                *sofar = codes.recipient()[*code as usize];
            }
            continue;
        }
        let left = first.iter().map(|code| codes.source[*code as usize]);
        let right = second.iter().map(|code| codes.recipient()[*code as usize]);
        join(&mut source, &mut recipient, left, right);
    }
    Ok((source, recipient))
}

/// Makes one code of two, which is equal where both are.
///
/// Records are put together by the first code and then, few at a time, by the second: a table of all the pairs of codes
/// would be looked up all over memory.
fn join(
    source: &mut [u32],
    recipient: &mut [u32],
    left: impl Iterator<Item = u32> + Clone,
    right: impl Iterator<Item = u32> + Clone,
) {
    let most = source.iter().chain(&*recipient).max().map_or(0, |code| *code as usize);
    let mut ends = vec![0u32; most + 2];
    for code in source.iter().chain(&*recipient) {
        ends[*code as usize + 1] += 1;
    }
    // Records without the first code stand with none.
    ends[1] = 0;
    for code in 1..ends.len() {
        ends[code] += ends[code - 1];
    }
    let mut grouped = vec![(NO_VALUE, 0u32); ends[most + 1] as usize];
    let keyed = source.iter().zip(left).chain(recipient.iter().zip(right));
    for (row, (code, next)) in (0u32..).zip(keyed) {
        if *code != NO_VALUE {
            let place = &mut ends[*code as usize];
            grouped[*place as usize] = (next, row);
            *place += 1;
        }
    }
    // Each group now ends where the next one began.
    let mut last = NO_VALUE;
    let mut from = 0;
    for to in ends.into_iter().take(most + 1).skip(1) {
        let group = &mut grouped[from..to as usize];
        from = to as usize;
        group.sort_unstable();
        for same in group.chunk_by(|one, other| one.0 == other.0) {
            let code = if same[0].0 == NO_VALUE { NO_VALUE } else { next_code(&mut last) };
            for (_, row) in same {
                let row = *row as usize;
                match row.checked_sub(source.len()) {
                    None => source[row] = code,
                    Some(row) => recipient[row] = code,
                }
            }
        }
    }
}

/// The key code of each value of a key's two columns, which are the same column unless it is taken against another.
struct KeyCodes {
    source_column: usize,
    recipient_column: usize,
    source: Vec<u32>,
    /// None where it is the same column.
    recipient: Option<Vec<u32>>,
}

impl KeyCodes {
    fn new(tables: &Tables, place: &str, key: &Key) -> Result<Self> {
        let source_column = tables.column_index(place, &key.column)?;
        let recipient_column = match &key.against {
            None => source_column,
            Some(against) => tables.column_index(place, against)?,
        };
        let values = tables.values(source_column);
        if source_column == recipient_column && key.take == Take::Whole {
            // Every value is a key of its own, and has a code already.
            let source = (0..).take(values.len() + 1).collect();
            return Ok(Self { source_column, recipient_column, source, recipient: None });
        }
        let mut seen: FxHashMap<Part, u32> = FxHashMap::default();
        let mut last = NO_VALUE;
        let mut number = |values: &Values| -> Vec<u32> {
            let parts = (0..values.len()).map(|index| match part_of(values, index, key.take) {
                None => NO_VALUE,
                Some(part) => *seen.entry(part).or_insert_with(|| next_code(&mut last)),
            });
            std::iter::once(NO_VALUE).chain(parts).collect()
        };
        let source = number(values);
        let recipient =
            (recipient_column != source_column).then(|| number(tables.values(recipient_column)));
        Ok(Self { source_column, recipient_column, source, recipient })
    }

    fn recipient(&self) -> &[u32] {
        self.recipient.as_deref().unwrap_or(&self.source)
    }
}

/// The part of a value that is its key.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Text(String),
    Number(u64),
}

pub(crate) fn part_of(values: &Values, index: usize, take: Take) -> Option<Part> {
    match values {
        Values::Text(texts) => text_part(texts.get(index), take).map(Part::Text),
        Values::Dates(dates, texts) => {
            let date = dates[index];
            Some(match take {
                Take::Year => Part::Text(format!("{}", date.year())),
                Take::YearMonth => Part::Text(format!("{}-{}", date.year(), date.month())),
                Take::MonthDay => Part::Text(format!("{}-{}", date.month(), date.day())),
                Take::Whole | Take::Prefix(_) | Take::Suffix(_) | Take::Soundex => {
                    Part::Text(texts.get(index).to_owned())
                }
            })
        }
        Values::Numbers(numbers) => Some(Part::Number(numbers[index].to_bits())),
        Values::Times(times) => Some(Part::Text(times[index].to_string())),
        Values::Places(places) => Some(Part::Text(places[index].text())),
        Values::Lists(lists) => Some(Part::Text(lists.text(index))),
    }
}

/// Returns the bytes of a value's key: equal where the keys are.
#[cfg(feature = "plan")]
pub(crate) fn key_bytes(values: &Values, index: usize, take: Take) -> Option<Box<[u8]>> {
    Some(match part_of(values, index, take)? {
        Part::Text(text) => text.into_bytes().into_boxed_slice(),
        Part::Number(bits) => Box::from(bits.to_le_bytes()),
    })
}

fn text_part(text: &str, take: Take) -> Option<String> {
    match take {
        Take::Prefix(length) => Some(text.chars().take(length as usize).collect()),
        Take::Suffix(length) => {
            let skipped = text.chars().count().saturating_sub(length as usize);
            Some(text.chars().skip(skipped).collect())
        }
        Take::Soundex => soundex(text),
        Take::Whole | Take::Year | Take::YearMonth | Take::MonthDay => Some(text.to_owned()),
    }
}
