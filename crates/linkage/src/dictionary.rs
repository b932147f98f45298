//! Dictionaries: each distinct value of a column once, numbered.
//!
//! Under `tables`, which keeps one a column. Texts stand one after another in a single string, so that a column of a
//! million identifiers costs their letters and one offset each. Numbers are given as values come and are put in the
//! order of the values at the end, so that codes don't tell the order of the rows. It prepares nothing and prints nothing.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::tables::NO_VALUE;

/// Texts, one after another.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    letters: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn with_capacity(count: usize, letters: usize) -> Self {
        Self { letters: String::with_capacity(letters), ends: Vec::with_capacity(count) }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether no text has a letter beyond ASCII.
    pub(crate) fn are_ascii(&self) -> bool {
        self.letters.is_ascii()
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> &str {
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.letters[from..self.ends[index]]
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.letters.push_str(text);
        self.ends.push(self.letters.len());
    }

    fn shrink_to_fit(&mut self) {
        self.letters.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Takes the last text away.
    pub(crate) fn pop(&mut self) {
        self.ends.pop();
        self.letters.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Returns the place of a text among texts in ascending order.
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        self.find_first(text, self.len())
    }

    /// Does the same among the first so many, which are in ascending order.
    pub(crate) fn find_first(&self, text: &str, count: usize) -> Option<usize> {
        let (mut from, mut to) = (0, count);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.get(middle).cmp(text) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Texts {
    fn from_iter<I: IntoIterator<Item = S>>(all: I) -> Self {
        let mut texts = Self::default();
        all.into_iter().for_each(|text| texts.push(text.as_ref()));
        texts
    }
}

/// Numbers texts as they first come, from 1.
///
/// Where most texts come once or twice, a table of those seen costs a look all over memory for each, and tells little. Then
/// it is given up, and each text has a number of its own from there on; putting them in order brings equal ones together.
pub(crate) struct TextNumbers {
    texts: Texts,
    /// The hash of a text and its number, so that growing looks at no text. None once it was given up.
    seen: Option<HashTable<(u32, u32)>>,
    asked: u32,
}

/// After this many texts it is decided whether a table of those seen pays.
const TRIED: u32 = 1 << 16;

impl Default for TextNumbers {
    fn default() -> Self {
        Self { texts: Texts::default(), seen: Some(HashTable::new()), asked: 0 }
    }
}

impl TextNumbers {
    /// Returns how many texts were numbered.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if self.asked == TRIED && self.texts.len() > TRIED as usize / 2 {
            self.seen = None;
        }
        self.asked = self.asked.saturating_add(1);
        let Some(seen) = &mut self.seen else {
            self.texts.push(text);
            return next_number(self.texts.len());
        };
        let hash = short_hash(text);
        let texts = &self.texts;
        let same = |(other, number): &(u32, u32)| {
            *other == hash && texts.get(*number as usize - 1) == text
        };
        if let Some((_, number)) = seen.find(spread(hash), same) {
            return *number;
        }
        self.texts.push(text);
        // Tables hold fewer rows than 32 bits can number.
        let number = next_number(self.texts.len());
        seen.insert_unique(spread(hash), (hash, number), |(hash, _)| spread(*hash));
        number
    }

    /// Returns the texts in ascending order, each once, and for each number its place in that order, counted from 1.
    pub(crate) fn in_order(self) -> (Texts, Vec<u32>) {
        let Self { texts, seen, .. } = self;
        drop(seen);
        let mut order: Vec<Sorted> =
            (0..).zip(texts.iter()).map(|(index, text)| Sorted::new(index, text)).collect();
        // Most are told apart by their first bytes, and compared without a branch by them alone.
        order.sort_unstable_by_key(Sorted::first);
        for same in order.chunk_by_mut(|one, other| one.first == other.first) {
            same.sort_unstable_by(|one, other| one.compare(other, &texts));
        }
        let mut places = vec![NO_VALUE; order.len() + 1];
        let mut sorted = Texts::with_capacity(order.len(), texts.letters.len());
        let mut place = 0;
        for same in order.chunk_by(|one, other| one.compare(other, &texts).is_eq()) {
            place += 1;
            for one in same {
                places[one.index as usize + 1] = place;
            }
            same[0].put(&mut sorted, &texts);
        }
        sorted.shrink_to_fit();
        (sorted, places)
    }
}

/// A text while texts are put in order: what decides most comparisons without a look at it.
struct Sorted {
    /// Its first sixteen bytes, which are in the order of characters, padded with zeros.
    first: [u64; 2],
    length: u32,
    index: u32,
}

impl Sorted {
    fn new(index: u32, text: &str) -> Self {
        let mut bytes = [[0; 8]; 2];
        let whole = bytes.as_flattened_mut();
        let length = text.len().min(whole.len());
        whole[..length].copy_from_slice(&text.as_bytes()[..length]);
        // A text of 4 GiB or more is as any that is longer than sixteen bytes.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self { first: bytes.map(u64::from_be_bytes), length, index }
    }

    #[inline]
    fn first(&self) -> u128 {
        let [first, next] = self.first.map(u128::from);
        first << 64 | next
    }

    /// Pushes the text, from its first bytes where they are all of it.
    fn put(&self, sorted: &mut Texts, texts: &Texts) {
        let bytes = self.first.map(u64::to_be_bytes);
        let whole = bytes.as_flattened().get(..self.length as usize);
        match whole.and_then(|whole| std::str::from_utf8(whole).ok()) {
            Some(text) => sorted.push(text),
            None => sorted.push(texts.get(self.index as usize)),
        }
    }

    #[inline]
    fn compare(&self, other: &Self, texts: &Texts) -> Ordering {
        self.first.cmp(&other.first).then_with(|| {
            if self.length.max(other.length) <= 16 {
                // Of two that are equal up to their padding, the shorter one ends where the other has a zero.
                return self.length.cmp(&other.length);
            }
            texts.get(self.index as usize).cmp(texts.get(other.index as usize))
        })
    }
}

/// Numbers values other than texts as they first come, from 1.
pub(crate) struct Numbers<T> {
    seen: FxHashMap<T, u32>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { seen: FxHashMap::default() }
    }
}

impl<T: Ord + Hash> Numbers<T> {
    /// Returns how many values were numbered.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(crate) fn number(&mut self, value: T) -> u32 {
        let next = next_number(self.seen.len() + 1);
        *self.seen.entry(value).or_insert(next)
    }

    /// Returns the values in ascending order, and for each number its place in that order, counted from 1.
    pub(crate) fn in_order(self) -> (Vec<T>, Vec<u32>) {
        let mut order: Vec<(T, u32)> = self.seen.into_iter().collect();
        order.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let mut places = vec![NO_VALUE; order.len() + 1];
        for (place, (_, number)) in (1..).zip(&order) {
            places[*number as usize] = place;
        }
        (order.into_iter().map(|(value, _)| value).collect(), places)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "tables hold fewer rows than 32 bits number")]
fn next_number(count: usize) -> u32 {
    count as u32
}

/// The high half of a text's hash.
pub(crate) fn short_hash(text: &str) -> u32 {
    (FxBuildHasher.hash_one(text) >> 32) as u32
}

/// Spreads 32 bits over 64: the table looks at the highest and at the lowest.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number_and_places_follow_the_order_of_texts() {
        let mut numbers = TextNumbers::default();
        let texts = ["ngs", "ana", "ng", "ana", "", "anabelle a", "anabelle b", "ána", "ana\0"];
        let given: Vec<u32> = texts.iter().map(|text| numbers.number(text)).collect();
        assert_eq!(given, [1, 2, 3, 2, 4, 5, 6, 7, 8]);
        let (texts_in_order, places) = numbers.in_order();
        let sorted: Vec<&str> = texts_in_order.iter().collect();
        assert_eq!(sorted, ["", "ana", "ana\0", "anabelle a", "anabelle b", "ng", "ngs", "ána"]);
        assert_eq!(texts_in_order.find("ng"), Some(5));
        assert_eq!(texts_in_order.find("nh"), None);
        for (text, number) in texts.iter().zip(given) {
            assert_eq!(sorted[places[number as usize] as usize - 1], *text);
        }
    }

    #[test]
    fn many_texts_are_all_found_again() {
        let mut numbers = TextNumbers::default();
        for round in 0..2 {
            for number in 0..20_000u32 {
                assert_eq!(numbers.number(&format!("{number:05}")), number + 1, "round {round}");
            }
        }
        let (sorted, places) = numbers.in_order();
        assert_eq!((sorted.len(), sorted.get(0), sorted.get(19_999)), (20_000, "00000", "19999"));
        assert!(places.iter().enumerate().all(|(number, place)| number == *place as usize));
    }

    #[test]
    fn texts_that_mostly_come_once_are_brought_together_in_the_end() {
        let mut numbers = TextNumbers::default();
        let text = |number: u32| {
            format!("{number:06}{}", ["", "\0", " of a longer kind"][number as usize % 3])
        };
        let count = TRIED + 1000;
        let given: Vec<u32> =
            (0..2 * count).map(|row| numbers.number(&text(row % count))).collect();
        assert!(numbers.seen.is_none());
        let (sorted, places) = numbers.in_order();
        assert_eq!(sorted.len(), count as usize);
        assert!(sorted.iter().zip(sorted.iter().skip(1)).all(|(one, next)| one < next));
        for (row, number) in (0..).zip(given) {
            assert_eq!(sorted.get(places[number as usize] as usize - 1), text(row % count));
        }
    }

    #[test]
    fn other_values_are_numbered_and_ordered_too() {
        let mut numbers = Numbers::default();
        assert_eq!([30, 10, 30, 20].map(|value| numbers.number(value)), [1, 2, 1, 3]);
        assert_eq!(numbers.in_order(), (vec![10, 20, 30], vec![0, 3, 1, 2]));
    }
}
