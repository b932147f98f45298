//! The texts of a column, laid out so that two of them are compared without a table and, mostly, without a second look.
//!
//! Beside the dictionary of a column stands one entry of 32 bytes a text: its length, what letters it has (two bits each
//! of thirty-two buckets, for a first and a second of a letter), and the text itself where it has at most sixteen
//! characters. A character is one byte here: ASCII is itself, and the commonest 128 others of the column are numbered
//! from 128 up, since kernels ask of characters only whether they are equal. So `josé` and `łukasz` go the same way as
//! `jose` does; only texts with a rarer character, as in a column of many Chinese names, are compared as characters.
//!
//! Every function gives what its plain version in [`super::text`] gives, bit for bit, or, where it is told what is of
//! interest, says truly that the answer lies outside. It never says which is the value of a code.

#![expect(
    clippy::inline_always,
    reason = "a kernel takes on its caller's instructions only where it is inlined"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "words are taken apart on purpose, and a distance is cut off at a bound of 32 bits first"
)]

use std::fmt;
use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::compare::simd::{Processor, Work};
use crate::compare::text;
use crate::compare::words::{
    self, Letters, MOST_LETTERS, Narrow, Short, Wide, common, damerau, jaro_of, one_edit,
    short_common, short_jaro, winkler,
};
use crate::dictionary::Texts;

/// The texts of one column, by their codes, which are counted from 1.
pub struct Prepared {
    processor: Processor,
    entries: Vec<Entry>,
    /// What is longer than sixteen characters, in pieces of sixteen, each text padded with zeros.
    long: Vec<[u8; 16]>,
    /// The texts with a character that isn't numbered.
    wide: Vec<Box<[char]>>,
    /// The characters that are numbered from 128 up.
    numbered: Vec<char>,
}

/// One text.
#[repr(align(32))]
#[derive(Clone, Copy)]
struct Entry {
    /// The text where it is short, padded with zeros; where it is narrow, the place of its first piece; where it is wide,
    /// its place among those.
    bytes: [u8; 16],
    letters: u64,
    length: u32,
    form: Form,
}

/// How a text is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// At most sixteen characters, a byte each.
    Short,
    /// More of them, a byte each.
    Narrow,
    /// As characters.
    Wide,
}

impl Entry {
    #[inline(always)]
    fn length(&self) -> usize {
        self.length as usize
    }

    #[inline(always)]
    fn short(&self) -> Short<'_> {
        Short { bytes: &self.bytes, len: self.length() & 31 }
    }

    #[inline(always)]
    fn word(&self) -> u128 {
        u128::from_le_bytes(self.bytes)
    }
}

/// What letters a text has: bit `b` for one of bucket `b`, and bit `32 + b` for a second.
///
/// So what one text has of these bits and another hasn't is no more than the letters that it has and the other hasn't.
pub(crate) fn letters_of(text: impl Iterator<Item = char>) -> u64 {
    text.fold(0, |letters, letter| with_letter(letters, letter as u32))
}

#[inline(always)]
fn with_letter(letters: u64, letter: u32) -> u64 {
    let first = 1_u64 << (letter % 32);
    letters | first | (letters & first) << 32
}

/// How many characters two texts can have in common at most.
///
/// What one has of a bucket and the other hasn't is in common with nothing.
#[inline(always)]
fn most_common(one: &Entry, other: &Entry) -> u32 {
    let own = (one.letters & !other.letters).count_ones();
    let foreign = (other.letters & !one.letters).count_ones();
    (one.length - own).min(other.length - foreign)
}

/// How many edits apart two texts are at least: an edit gives either at most one letter that it lacked.
#[inline(always)]
fn least_edits(one: &Entry, other: &Entry) -> usize {
    let own = (one.letters & !other.letters).count_ones();
    let foreign = (other.letters & !one.letters).count_ones();
    own.max(foreign).max(one.length.abs_diff(other.length)) as usize
}

/// How many of the first four characters of two texts are equal.
#[inline(always)]
fn short_prefix(one: &Entry, other: &Entry) -> u32 {
    // Different letters differ within the shorter text, or just beyond it, where the other has padding.
    let differing = (one.word() ^ other.word()) as u32;
    if differing == 0 { 4 } else { differing.trailing_zeros() / 8 }
}

/// From which similarity on an answer is of interest.
///
/// It holds, for short texts of two lengths with some first characters equal, how many characters they must have in
/// common to get there, so that most pairs are answered by two counts of bits.
pub struct Floor {
    least: f64,
    winkler: bool,
    /// By the first length, the second, and the prefix in steps of eight; none where nothing gets there.
    needed: Box<[u8; 17 * 17 * 8]>,
}

const NEVER: u8 = u8::MAX;

impl Floor {
    /// Takes the least Jaro similarity that is of interest, above 0.
    pub fn jaro(least: f64) -> Self {
        Self::new(least, false)
    }

    /// Takes the least Jaro–Winkler similarity that is of interest, above 0.
    pub fn jaro_winkler(least: f64) -> Self {
        Self::new(least, true)
    }

    fn new(least: f64, is_winkler: bool) -> Self {
        let mut needed = Box::new([NEVER; 17 * 17 * 8]);
        for (one, other, prefix) in (1..17).flat_map(|one| {
            (1..17).flat_map(move |other| (0..5).map(move |prefix| (one, other, prefix)))
        }) {
            let gets_there = |common: &u8| {
                let jaro = short_jaro(one, other, (u32::from(*common), 0));
                let alike = if is_winkler { winkler(jaro, prefix) } else { jaro };
                alike >= least
            };
            let shorter = one.min(other) as u8;
            if let Some(common) = (1..=shorter).find(gets_there) {
                needed[(one * 17 + other) * 8 + prefix as usize] = common;
            }
        }
        Self { least, winkler: is_winkler, needed }
    }

    #[inline(always)]
    fn needed(&self, one: usize, other: usize, prefix: u32) -> u32 {
        // Both lengths are at most 16 and the prefix at most 4.
        u32::from(self.needed[((one * 17 + other) * 8 + prefix as usize).min(17 * 17 * 8 - 1)])
    }
}

impl fmt::Debug for Floor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.winkler { "jaro_winkler" } else { "jaro" };
        write!(formatter, "Floor({name} >= {})", self.least)
    }
}

/// A distance between two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// [`text::levenshtein`].
    Levenshtein,
    /// [`text::optimal_alignment`].
    OptimalAlignment,
    /// [`text::damerau`].
    Damerau,
}

impl Prepared {
    /// Lays out the texts of a column.
    pub fn new(texts: &[Box<[char]>]) -> Self {
        let texts = texts.iter().map(|text| text.iter().copied());
        let mut layout = Layout::new(texts.len(), number_letters(texts.clone()));
        texts.for_each(|text| layout.put(text));
        layout.prepared
    }

    /// Lays out the texts of a dictionary.
    pub(crate) fn of_texts(texts: &Texts) -> Self {
        let others = if texts.are_ascii() {
            Vec::new()
        } else {
            number_letters(texts.iter().filter(|text| !text.is_ascii()).map(str::chars))
        };
        let mut layout = Layout::new(texts.len(), others);
        for text in texts.iter() {
            // Most are of letters that are bytes already.
            if !layout.put_ascii(text.as_bytes()) {
                layout.put(text.chars());
            }
        }
        layout.prepared
    }

    /// Returns what letters each text has, in the order of their codes: see [`letters_of`].
    pub(crate) fn letters_of_all(&self) -> impl ExactSizeIterator<Item = u64> + Clone {
        self.entries.iter().map(|entry| entry.letters)
    }

    /// Returns the similarity of one text to each of others, exact where it is at least the floor, else any below it.
    ///
    /// `alike` takes as many as there are `others`; what either has more is left alone.
    pub fn similarities(&self, floor: &Floor, one: u32, others: &[u32], alike: &mut [f64]) {
        self.processor.run(Similarities { prepared: self, floor, one, others, alike });
    }

    /// Returns the similarity of two texts, exact where it is at least the floor, else any below it.
    pub fn similarity(&self, floor: &Floor, one: u32, other: u32) -> f64 {
        let mut alike = [0.0];
        self.similarities(floor, one, &[other], &mut alike);
        alike[0]
    }

    /// Returns the distance of one text from each of others where it is at most `most`, else `most + 1`.
    ///
    /// `apart` takes as many as there are `others`; what either has more is left alone.
    pub fn distances(
        &self,
        distance: Distance,
        most: u32,
        one: u32,
        others: &[u32],
        apart: &mut [u32],
    ) {
        self.processor.run(Distances { prepared: self, distance, most, one, others, apart });
    }

    /// Returns the distance of two texts where it is at most `most`, else `most + 1`.
    pub fn distance(&self, distance: Distance, most: u32, one: u32, other: u32) -> u32 {
        let mut apart = [0];
        self.distances(distance, most, one, &[other], &mut apart);
        apart[0]
    }

    #[inline(always)]
    fn entry(&self, code: u32) -> &Entry {
        &self.entries[code as usize - 1]
    }

    /// The characters of a text, however it is kept.
    fn letters(&self, code: u32) -> Vec<char> {
        let entry = self.entry(code);
        match entry.form {
            Form::Wide => self.wide[entry.word() as u64 as usize].to_vec(),
            Form::Short | Form::Narrow => {
                let letter = |byte: &u8| match byte.checked_sub(128) {
                    None => char::from(*byte),
                    Some(number) => self.numbered[usize::from(number)],
                };
                self.bytes(entry).iter().map(letter).collect()
            }
        }
    }

    /// The bytes of a text that has one for each character.
    fn bytes<'a>(&'a self, entry: &'a Entry) -> &'a [u8] {
        &self.narrow(entry).chunks.as_flattened()[..entry.length()]
    }

    #[inline(always)]
    fn narrow<'a>(&'a self, entry: &'a Entry) -> Narrow<'a> {
        let len = entry.length();
        if entry.form == Form::Short {
            return Narrow { chunks: std::slice::from_ref(&entry.bytes), len };
        }
        let first = entry.word() as u64 as usize;
        Narrow { chunks: &self.long[first..first + len.div_ceil(16)], len }
    }

    /// The similarity of two texts, exact where it is at least the floor.
    #[inline(always)]
    pub(super) fn similarity_of(&self, floor: &Floor, one: u32, other: u32) -> f64 {
        let (here, there) = (self.entry(one), self.entry(other));
        if here.form != Form::Short || there.form != Form::Short {
            return self.long_similarity(floor, one, other);
        }
        let (left, right) = (here.length(), there.length());
        let prefix = if floor.winkler { short_prefix(here, there) } else { 0 };
        if most_common(here, there) < floor.needed(left, right, prefix) {
            return 0.0;
        }
        let jaro = short_jaro(left, right, short_common(here.short(), there.short()));
        if floor.winkler { winkler(jaro, prefix) } else { jaro }
    }

    #[inline(never)]
    fn long_similarity(&self, floor: &Floor, one: u32, other: u32) -> f64 {
        let (here, there) = (self.entry(one), self.entry(other));
        let most = most_common(here, there);
        let fit = here.length().max(there.length()) <= MOST_LETTERS;
        if here.form == Form::Wide || there.form == Form::Wide {
            let (left, right) = (self.letters(one), self.letters(other));
            let words = fit.then_some((Wide(&left), Wide(&right)));
            return similarity_in_words(floor, most, &left, &right, words);
        }
        let words = fit.then(|| (self.narrow(here), self.narrow(there)));
        similarity_in_words(floor, most, self.bytes(here), self.bytes(there), words)
    }

    /// The distance of two texts where it is at most `most`, else `most + 1`.
    #[inline(always)]
    pub(super) fn distance_of(&self, distance: Distance, most: u32, one: u32, other: u32) -> u32 {
        if one == other {
            return 0;
        }
        let most = most.min(u32::MAX - 1);
        let (here, there) = (self.entry(one), self.entry(other));
        if least_edits(here, there) > most as usize {
            return most + 1;
        }
        if here.form != Form::Short || there.form != Form::Short {
            return self.long_distance(distance, most, one, other);
        }
        let (left, right, most) = (here.short(), there.short(), most as usize);
        let apart = match distance {
            Distance::Levenshtein if most <= 1 => one_edit::<false>(left, right),
            Distance::OptimalAlignment | Distance::Damerau if most <= 1 => {
                one_edit::<true>(left, right)
            }
            Distance::Levenshtein => words::levenshtein(left, right, most),
            Distance::OptimalAlignment => words::optimal_alignment(left, right, most),
            Distance::Damerau => unrestricted(left, right, most, damerau::<_, 16, { 18 * 18 }>),
        };
        apart.min(most + 1) as u32
    }

    #[inline(never)]
    fn long_distance(&self, distance: Distance, most: u32, one: u32, other: u32) -> u32 {
        let (here, there) = (self.entry(one), self.entry(other));
        let fit = here.length().max(there.length()) <= MOST_LETTERS;
        let apart = if here.form == Form::Wide || there.form == Form::Wide {
            let (left, right) = (self.letters(one), self.letters(other));
            let words = fit.then_some((Wide(&left), Wide(&right)));
            distance_in_words(distance, most as usize, &left, &right, words)
        } else {
            let words = fit.then(|| (self.narrow(here), self.narrow(there)));
            distance_in_words(distance, most as usize, self.bytes(here), self.bytes(there), words)
        };
        apart.min(most as usize + 1) as u32
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Prepared({} texts, [redacted])", self.entries.len())
    }
}

/// The similarity of two texts, by words where they fit one.
fn similarity_in_words<T: PartialEq, L: Letters>(
    floor: &Floor,
    most: u32,
    left: &[T],
    right: &[T],
    words: Option<(L, L)>,
) -> f64 {
    if left.is_empty() || right.is_empty() {
        return 0.0;
    }
    let of = |found| {
        let jaro = jaro_of(left.len(), right.len(), found);
        if !floor.winkler {
            return jaro;
        }
        let prefix = left.iter().zip(right).take(4).take_while(|(here, there)| here == there);
        winkler(jaro, prefix.count() as u32)
    };
    // Less than a rounding, and far more than the last bit that one might be off by.
    if of((most, 0)) < floor.least - 1e-9 {
        return 0.0;
    }
    match words {
        Some((one, other)) => of(common::<_, 64>(one, other)),
        None if floor.winkler => text::jaro_winkler(left, right),
        None => text::jaro(left, right),
    }
}

/// The distance of two texts, by words where they fit one.
fn distance_in_words<T: Eq + Hash + Copy, L: Letters>(
    distance: Distance,
    most: usize,
    left: &[T],
    right: &[T],
    words: Option<(L, L)>,
) -> usize {
    match (words, distance) {
        (Some((one, other)), distance) => long_distance(distance, one, other, most),
        (None, Distance::Levenshtein) => text::levenshtein(left, right),
        (None, Distance::OptimalAlignment) => text::optimal_alignment(left, right),
        (None, Distance::Damerau) => text::damerau(left, right),
    }
}

fn long_distance<L: Letters>(distance: Distance, one: L, other: L, most: usize) -> usize {
    match distance {
        Distance::Levenshtein => words::levenshtein(one, other, most),
        Distance::OptimalAlignment => words::optimal_alignment(one, other, most),
        Distance::Damerau => unrestricted(one, other, most, damerau::<_, 64, { 66 * 66 }>),
    }
}

/// The unrestricted distance, up to `most + 1`, by a table only where the restricted one leaves it open.
///
/// Swapping with a gap in between saves at most a third of the restricted distance: what it deletes or inserts between
/// the two, at least one, is paid either way, and substituting the two instead costs one more.
#[inline(always)]
fn unrestricted<L: Letters>(one: L, other: L, most: usize, exact: impl Fn(L, L) -> usize) -> usize {
    let aligned = words::optimal_alignment(one, other, most + most / 2);
    if aligned <= 1 || aligned > most + most / 2 {
        aligned.min(most + 1)
    } else {
        exact(one, other)
    }
}

/// Finds the commonest characters of a column that aren't ASCII, as many as bytes from 128 up.
fn number_letters(texts: impl Iterator<Item = impl Iterator<Item = char>>) -> Vec<char> {
    let mut counts: FxHashMap<char, usize> = FxHashMap::default();
    for letter in texts.flatten().filter(|letter| !letter.is_ascii()) {
        *counts.entry(letter).or_insert(0) += 1;
    }
    let mut letters: Vec<(char, usize)> = counts.into_iter().collect();
    letters.sort_unstable_by(|(one, here), (other, there)| there.cmp(here).then(one.cmp(other)));
    letters.into_iter().map(|(letter, _)| letter).take(128).collect()
}

/// Texts while they are laid out.
struct Layout {
    prepared: Prepared,
    numbers: FxHashMap<char, u8>,
    narrowed: Vec<u8>,
}

impl Layout {
    fn new(count: usize, numbered: Vec<char>) -> Self {
        let numbers = numbered.iter().copied().zip(128..=u8::MAX).collect();
        let prepared = Prepared {
            processor: Processor::detect(),
            entries: Vec::with_capacity(count),
            long: Vec::new(),
            wide: Vec::new(),
            numbered,
        };
        Self { prepared, numbers, narrowed: Vec::new() }
    }

    fn put(&mut self, text: impl Iterator<Item = char> + Clone) {
        let Self { prepared, numbers, narrowed } = self;
        narrowed.clear();
        narrowed.extend(text.clone().map_while(|letter| byte_of(letter, numbers)));
        // What a column holds of one text is far below 2^32 characters.
        let length = u32::try_from(text.clone().count()).unwrap_or(u32::MAX);
        let mut bytes = [0; 16];
        let form = if narrowed.len() < length as usize {
            bytes[..8].copy_from_slice(&(prepared.wide.len() as u64).to_le_bytes());
            prepared.wide.push(text.clone().collect());
            Form::Wide
        } else if narrowed.len() <= 16 {
            bytes[..narrowed.len()].copy_from_slice(narrowed);
            Form::Short
        } else {
            bytes[..8].copy_from_slice(&(prepared.long.len() as u64).to_le_bytes());
            for chunk in narrowed.chunks(16) {
                let mut piece = [0; 16];
                piece[..chunk.len()].copy_from_slice(chunk);
                prepared.long.push(piece);
            }
            Form::Narrow
        };
        prepared.entries.push(Entry { bytes, letters: letters_of(text), length, form });
    }

    /// Puts a text of letters that are ASCII, and none of them the padding, as [`Layout::put`] would lay it out; another it
    /// doesn't put.
    fn put_ascii(&mut self, text: &[u8]) -> bool {
        let (mut letters, mut beyond) = (0, 0);
        for letter in text {
            letters = with_letter(letters, u32::from(*letter));
            // The highest bit is set by what is beyond ASCII and by none at all.
            beyond |= *letter | letter.wrapping_sub(1);
        }
        let Ok(length) = u32::try_from(text.len()) else { return false };
        if beyond >= 128 {
            return false;
        }
        let prepared = &mut self.prepared;
        let mut bytes = [0; 16];
        let form = if text.len() <= 16 {
            bytes[..text.len()].copy_from_slice(text);
            Form::Short
        } else {
            bytes[..8].copy_from_slice(&(prepared.long.len() as u64).to_le_bytes());
            prepared.long.extend(text.chunks(16).map(|chunk| {
                let mut piece = [0; 16];
                piece[..chunk.len()].copy_from_slice(chunk);
                piece
            }));
            Form::Narrow
        };
        prepared.entries.push(Entry { bytes, letters, length, form });
        true
    }
}

fn byte_of(letter: char, numbers: &FxHashMap<char, u8>) -> Option<u8> {
    match letter {
        // The padding is no letter.
        '\0' => None,
        letter if letter.is_ascii() => u8::try_from(letter).ok(),
        letter => numbers.get(&letter).copied(),
    }
}

/// One text against others, by similarity.
struct Similarities<'a> {
    prepared: &'a Prepared,
    floor: &'a Floor,
    one: u32,
    others: &'a [u32],
    alike: &'a mut [f64],
}

impl Work for Similarities<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (alike, other) in self.alike.iter_mut().zip(self.others) {
            *alike = self.prepared.similarity_of(self.floor, self.one, *other);
        }
    }
}

/// One text against others, by distance.
struct Distances<'a> {
    prepared: &'a Prepared,
    distance: Distance,
    most: u32,
    one: u32,
    others: &'a [u32],
    apart: &'a mut [u32],
}

impl Work for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (apart, other) in self.apart.iter_mut().zip(self.others) {
            *apart = self.prepared.distance_of(self.distance, self.most, self.one, *other);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letters(text: &str) -> Box<[char]> {
        text.chars().collect()
    }

    /// Texts of one script or of several, short and long, some beyond the commonest letters of their column.
    fn texts() -> impl Strategy<Value = Vec<Box<[char]>>> {
        let ascii =
            prop::collection::vec(prop::sample::select(vec!['a', 'b', 'c', 'd', '1']), 0..40);
        let mixed = prop::collection::vec(
            prop::sample::select(vec!['a', 'b', 'é', 'ł', '李', '明', '\0']),
            0..20,
        );
        let many = prop::collection::vec(prop::char::range('一', '龥'), 1..4);
        let edges = (prop::sample::select(vec![15_usize, 16, 17, 63, 64, 65, 70]), any::<bool>())
            .prop_flat_map(|(length, wide)| {
                let letters =
                    if wide { vec!['a', 'b', '李'] } else { vec!['a', 'b', 'c', 'd', 'e', 'f'] };
                prop::collection::vec(prop::sample::select(letters), length)
            });
        let text = prop_oneof![3 => ascii, 3 => mixed, 1 => many, 2 => edges];
        prop::collection::vec(text.prop_map(Vec::into_boxed_slice), 2..6)
    }

    fn check(texts: &[Box<[char]>], processor: Processor) {
        let prepared = Prepared { processor, ..Prepared::new(texts) };
        // Laid out as bytes or letter by letter, they are the same.
        let written: Texts = texts.iter().map(|text| text.iter().collect::<String>()).collect();
        let laid_out = Prepared::of_texts(&written);
        for (one, other) in laid_out.entries.iter().zip(&prepared.entries) {
            assert!(one.bytes == other.bytes && one.form == other.form);
            assert!(one.letters == other.letters && one.length == other.length);
        }
        assert_eq!(laid_out.entries.len(), prepared.entries.len());
        assert!(laid_out.long == prepared.long && laid_out.wide == prepared.wide);
        assert_eq!(laid_out.numbered, prepared.numbered);
        let codes: Vec<u32> = (1..=texts.len() as u32).collect();
        for (code, text) in codes.iter().zip(texts) {
            assert_eq!(prepared.letters(*code).as_slice(), text.as_ref());
        }
        for least in [1e-9, 0.6, 0.7, 0.88, 0.92, 1.0] {
            for (floor, plain) in [
                (Floor::jaro(least), text::jaro::<char> as fn(&[char], &[char]) -> f64),
                (Floor::jaro_winkler(least), text::jaro_winkler::<char>),
            ] {
                for one in &codes {
                    let mut alike = vec![f64::NAN; codes.len()];
                    prepared.similarities(&floor, *one, &codes, &mut alike);
                    for (other, alike) in codes.iter().zip(alike) {
                        let expected = plain(&prepared.letters(*one), &prepared.letters(*other));
                        if expected >= least {
                            assert_eq!(alike.to_bits(), expected.to_bits());
                        } else {
                            assert!(alike < least);
                        }
                    }
                }
            }
        }
        for most in [0, 1, 2, 3, 4, 90] {
            for (distance, plain) in [
                (Distance::Levenshtein, text::levenshtein::<char> as fn(&[char], &[char]) -> usize),
                (Distance::OptimalAlignment, text::optimal_alignment::<char>),
                (Distance::Damerau, text::damerau::<char>),
            ] {
                for (one, other) in
                    codes.iter().flat_map(|one| codes.iter().map(move |other| (*one, *other)))
                {
                    let expected = plain(&prepared.letters(one), &prepared.letters(other));
                    let apart = prepared.distance(distance, most, one, other);
                    assert_eq!(
                        apart as usize,
                        expected.min(most as usize + 1),
                        "{distance:?} {most}"
                    );
                }
            }
        }
    }

    #[test]
    fn prepared_texts_give_the_numbers_of_the_plain_ones() {
        let names = [
            "MARTHA",
            "MARHTA",
            "DWAYNE",
            "DUANE",
            "DIXON",
            "DICKSONX",
            "abcd",
            "axyz",
            "CA",
            "ABC",
            "José",
            "Jose",
            "李明",
            "李白",
            "łukasz",
            "lukasz",
            "1980-04-09",
            "1980-09-04",
            "",
            "a",
            "maria del carmen rodriguez",
            "maria del carmen rodrigues",
        ]
        .map(letters);
        check(&names, Processor::detect());
        check(&names, Processor::oldest());
    }

    #[test]
    fn a_floor_keeps_what_is_exactly_on_it() {
        let names = ["martha", "marhta"].map(letters);
        let prepared = Prepared::new(&names);
        let exact = text::jaro_winkler(&names[0], &names[1]);
        assert!(prepared.similarity(&Floor::jaro_winkler(exact), 1, 2) >= exact);
        assert!(prepared.similarity(&Floor::jaro_winkler(exact.next_up()), 1, 2) < exact.next_up());
    }

    #[test]
    fn a_column_of_many_characters_is_compared_as_characters() {
        let names: Vec<Box<[char]>> =
            ('一'..).take(400).map(|letter| Box::from(['李', letter].as_slice())).collect();
        let prepared = Prepared::new(&names);
        assert!(prepared.entries.iter().any(|entry| entry.form == Form::Wide));
        assert!(prepared.entries.iter().any(|entry| entry.form == Form::Short));
        check(&names[..40], Processor::detect());
        let (one, other) = (&names[0], &names[399]);
        let alike = prepared.similarity(&Floor::jaro_winkler(0.1), 1, 400);
        assert_eq!(alike.to_bits(), text::jaro_winkler(one, other).to_bits());
        assert_eq!(prepared.distance(Distance::Damerau, 2, 1, 400), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn prepared_texts_give_the_plain_bits_on_any_processor(texts in texts()) {
            // A column's dictionary holds each text once, so two codes are always two texts.
            let mut texts = texts;
            texts.sort();
            texts.dedup();
            check(&texts, Processor::detect());
            check(&texts, Processor::oldest());
        }
    }
}
