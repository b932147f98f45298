//! The text kernels on machine words: a set of places is one word, so that texts of up to 64 characters need no table.
//!
//! Each function gives what its plain version in [`super::text`] gives, bit for bit, of texts no longer than 64
//! characters; the tests below hold them to it. None allocates. A text is whatever can say at which of its places a
//! letter stands ([`Letters`]); `prepared` makes such texts, and looks at lengths and letters first.
//!
//! Sources: Myers, [A Fast Bit-Vector Algorithm for Approximate String
//! Matching](https://doi.org/10.1145/316542.316550), 1999; Hyyrö, A Bit-Vector Algorithm for Computing Levenshtein and
//! Damerau Edit Distances, 2003, for swaps of neighbours; the others as in [`super::text`].

#![expect(
    clippy::inline_always,
    reason = "a kernel takes on its caller's instructions only where it is inlined"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "places, counts and distances of 64 characters fit a byte"
)]

use crate::compare::simd::places;

/// The longest text that one word holds the places of.
pub(super) const MOST_LETTERS: usize = 64;

/// A text of at most 64 characters.
pub(super) trait Letters: Copy {
    /// One character of it.
    type Letter: Copy;

    /// How many there are.
    fn len(self) -> usize;

    /// The character at a place.
    fn at(self, place: usize) -> Self::Letter;

    /// The places where a character stands, bit 0 for the first.
    fn places(self, letter: Self::Letter) -> u64;
}

/// At most sixteen bytes, padded with zeros that are no letter of any text.
#[derive(Clone, Copy)]
pub(super) struct Short<'a> {
    pub(super) bytes: &'a [u8; 16],
    pub(super) len: usize,
}

impl Letters for Short<'_> {
    type Letter = u8;

    #[inline(always)]
    fn len(self) -> usize {
        self.len
    }

    #[inline(always)]
    fn at(self, place: usize) -> u8 {
        self.bytes[place & 15]
    }

    #[inline(always)]
    fn places(self, letter: u8) -> u64 {
        u64::from(places(self.bytes, letter))
    }
}

/// At most 64 bytes, the last sixteen padded in the same way.
#[derive(Clone, Copy)]
pub(super) struct Narrow<'a> {
    pub(super) chunks: &'a [[u8; 16]],
    pub(super) len: usize,
}

impl Letters for Narrow<'_> {
    type Letter = u8;

    #[inline(always)]
    fn len(self) -> usize {
        self.len
    }

    #[inline(always)]
    fn at(self, place: usize) -> u8 {
        self.chunks[place / 16][place % 16]
    }

    #[inline(always)]
    fn places(self, letter: u8) -> u64 {
        let chunks = self.chunks.iter().enumerate();
        chunks.fold(0, |all, (index, chunk)| all | u64::from(places(chunk, letter)) << (index * 16))
    }
}

/// At most 64 characters.
#[derive(Clone, Copy)]
pub(super) struct Wide<'a>(pub(super) &'a [char]);

impl Letters for Wide<'_> {
    type Letter = char;

    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn at(self, place: usize) -> char {
        self.0[place]
    }

    #[inline(always)]
    fn places(self, letter: char) -> u64 {
        let letters = self.0.iter().enumerate();
        letters.fold(0, |places, (at, here)| places | u64::from(*here == letter) << at)
    }
}

/// The lowest `count` bits.
#[inline(always)]
fn lowest(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Returns how many characters two texts have in common as Jaro counts them, and how many of those are out of order.
///
/// `N` is the most characters that the shorter may have. Which of the two is walked along makes no difference, and the
/// shorter one is done sooner.
#[inline(always)]
pub(super) fn common<L: Letters, const N: usize>(one: L, other: L) -> (u32, u32) {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let reach = (long.len() / 2).saturating_sub(1);
    // Places are kept `reach` bits up, so that the window only ever moves up: 64 places and a reach of 31 need 95 bits.
    let mut window = u128::from(lowest(2 * reach + 1));
    let (mut taken, mut count) = (0_u128, 0_usize);
    let mut found = [0_u128; N];
    for place in 0..short.len() {
        let all = u128::from(long.places(short.at(place))) << reach;
        let free = all & window & !taken;
        taken |= free & free.wrapping_neg();
        // Written in any case, and kept where there was one.
        found[count % N] = all;
        count += usize::from(free != 0);
        window <<= 1;
    }
    let mut misplaced = 0;
    for all in found.iter().take(count) {
        let counterpart = taken & taken.wrapping_neg();
        misplaced += u32::from(all & counterpart == 0);
        taken ^= counterpart;
    }
    (count as u32, misplaced)
}

/// The same of texts of at most sixteen characters, in half a word.
#[inline(always)]
pub(super) fn short_common(one: Short<'_>, other: Short<'_>) -> (u32, u32) {
    let (short, long) = if one.len <= other.len { (one, other) } else { (other, one) };
    let reach = (long.len / 2).saturating_sub(1) as u32;
    // At most sixteen places, seven bits up.
    let mut window = (1_u32 << (2 * reach + 1)) - 1;
    let (mut taken, mut count) = (0_u32, 0_usize);
    let mut found = [0_u32; 16];
    for letter in &short.bytes[..short.len.min(16)] {
        let all = u32::from(places(long.bytes, *letter)) << reach;
        let free = all & window & !taken;
        taken |= free & free.wrapping_neg();
        found[count & 15] = all;
        count += usize::from(free != 0);
        window <<= 1;
    }
    let mut misplaced = 0;
    for all in &found[..count.min(16)] {
        let counterpart = taken & taken.wrapping_neg();
        misplaced += u32::from(all & counterpart == 0);
        taken ^= counterpart;
    }
    (count as u32, misplaced)
}

/// The quotients of whole numbers up to sixteen, the dividend's row first.
const QUOTIENTS: [[f64; 17]; 17] = {
    let mut quotients = [[0.0; 17]; 17];
    let mut dividend = 0;
    while dividend < 17 {
        let mut divisor = 1;
        while divisor < 17 {
            quotients[dividend][divisor] = dividend as f64 / divisor as f64;
            divisor += 1;
        }
        dividend += 1;
    }
    quotients
};

/// Returns the Jaro similarity of texts of at most sixteen characters, from what [`common`] counts.
#[inline(always)]
pub(super) fn short_jaro(one: usize, other: usize, (common, misplaced): (u32, u32)) -> f64 {
    if common == 0 {
        return 0.0;
    }
    let (common, swaps) = (common as usize, misplaced as usize / 2);
    let ordered = QUOTIENTS[common - swaps][common];
    (QUOTIENTS[common][one] + QUOTIENTS[common][other] + ordered) / 3.0
}

/// Returns the Jaro similarity of texts of any length.
#[inline(always)]
pub(super) fn jaro_of(one: usize, other: usize, (common, misplaced): (u32, u32)) -> f64 {
    if common == 0 {
        return 0.0;
    }
    let (common, swaps) = (f64::from(common), f64::from(misplaced / 2));
    (common / one as f64 + common / other as f64 + (common - swaps) / common) / 3.0
}

/// Returns the Jaro–Winkler similarity, from the Jaro similarity and how many of the first four characters are equal.
#[inline(always)]
pub(super) fn winkler(jaro: f64, prefix: u32) -> f64 {
    if jaro <= 0.7 { jaro } else { jaro + f64::from(prefix) * 0.1 * (1.0 - jaro) }
}

/// Returns the Levenshtein distance, or `most + 1` where it is more than `most`.
#[inline(always)]
pub(super) fn levenshtein<L: Letters>(one: L, other: L, most: usize) -> usize {
    edits::<L, false>(one, other, most)
}

/// Returns the distance of optimal alignment, or `most + 1` where it is more than `most`.
#[inline(always)]
pub(super) fn optimal_alignment<L: Letters>(one: L, other: L, most: usize) -> usize {
    edits::<L, true>(one, other, most)
}

/// One column of the table of distances at a time, as the places where it goes up and down.
#[inline(always)]
fn edits<L: Letters, const SWAPS: bool>(one: L, other: L, most: usize) -> usize {
    // The same distance either way, and fewer columns the one.
    let (one, other) = if one.len() < other.len() { (other, one) } else { (one, other) };
    let (height, width) = (one.len(), other.len());
    if height == 0 || width == 0 {
        return height.max(width).min(most + 1);
    }
    let last = height - 1;
    let (mut up, mut down) = (u64::MAX, 0_u64);
    let (mut diagonal, mut equal_before) = (0_u64, 0_u64);
    let mut distance = height;
    for place in 0..width {
        let equal = one.places(other.at(place));
        let swapped = if SWAPS { (!diagonal & equal) << 1 & equal_before } else { 0 };
        diagonal = ((equal & up).wrapping_add(up) ^ up) | equal | down | swapped;
        equal_before = equal;
        let right_up = down | !(diagonal | up);
        let right_down = diagonal & up;
        distance += (right_up >> last & 1) as usize;
        distance -= (right_down >> last & 1) as usize;
        // Each column that is left can bring it down by one.
        if distance > most + (width - 1 - place) {
            return most + 1;
        }
        let right_up = right_up << 1 | 1;
        up = right_down << 1 | !(diagonal | right_up);
        down = right_up & diagonal;
    }
    distance.min(most + 1)
}

/// Returns the Damerau–Levenshtein distance. `N` is the most characters of either, and `AREA` the square of `N + 2`.
///
/// The table of [`super::text::damerau`] on the stack; the places of a letter say where it was last seen.
#[inline(always)]
pub(super) fn damerau<L: Letters, const N: usize, const AREA: usize>(one: L, other: L) -> usize {
    let width = other.len() + 2;
    // Two texts of 64 are at most 128 apart, so a distance is a byte.
    let never = (one.len() + other.len()) as u8;
    let mut table = [0_u8; AREA];
    let at = |row: usize, column: usize| row * width + column;
    table[0] = never;
    for row in 0..=one.len() {
        table[at(row + 1, 0)] = never;
        table[at(row + 1, 1)] = row as u8;
    }
    for column in 0..=other.len() {
        table[at(0, column + 1)] = never;
        table[at(1, column + 1)] = column as u8;
    }
    let mut stands = [0_u64; N];
    for (column, places) in stands.iter_mut().enumerate().take(other.len()) {
        *places = one.places(other.at(column));
    }
    for row in 1..=one.len() {
        let mut last_equal = 0;
        for column in 1..=other.len() {
            let seen = stands[column - 1] & lowest(row - 1);
            let swap_row = 64 - seen.leading_zeros() as usize;
            let swap_column = last_equal;
            let equal = stands[column - 1] >> (row - 1) & 1 == 1;
            if equal {
                last_equal = column;
            }
            let substituted = table[at(row, column)] + u8::from(!equal);
            let inserted = table[at(row + 1, column)] + 1;
            let deleted = table[at(row, column + 1)] + 1;
            let between = (row - swap_row - 1) + 1 + (column - swap_column - 1);
            let swapped = table[at(swap_row, swap_column)].saturating_add(between as u8);
            table[at(row + 1, column + 1)] = substituted.min(inserted).min(deleted).min(swapped);
        }
    }
    usize::from(table[at(one.len() + 1, other.len() + 1)])
}

/// Returns the distance of two different texts of at most sixteen bytes where it is 1, and else 2.
///
/// Where what is equal at the front and at the back leaves at most one character between, it is one edit; with `SWAPS`
/// two neighbours that changed places are one edit too.
#[inline(always)]
pub(super) fn one_edit<const SWAPS: bool>(one: Short<'_>, other: Short<'_>) -> usize {
    let (short, long) = (one.len.min(other.len), one.len.max(other.len));
    if long - short > 1 {
        return 2;
    }
    if short == 0 {
        return long;
    }
    let (here, there) = (u128::from_le_bytes(*one.bytes), u128::from_le_bytes(*other.bytes));
    let front = (here ^ there).trailing_zeros() as usize / 8;
    let ends = here << (8 * (16 - one.len)) ^ there << (8 * (16 - other.len));
    let back = ends.leading_zeros() as usize / 8;
    if front + back + 1 >= long {
        return 1;
    }
    let swapped = SWAPS
        && short == long
        && front + back + 2 == long
        && one.at(front) == other.at(front + 1)
        && one.at(front + 1) == other.at(front);
    if swapped { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compare::text;

    /// Lengths about the sizes of a lane and of a word, and letters so few that common ones and swaps are frequent.
    fn word() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..40_usize, Just(15), Just(16), Just(17), Just(63), Just(64)];
        (length, prop::sample::select(vec![2_u8, 5, 26]))
            .prop_flat_map(|(length, letters)| prop::collection::vec(b'a'..b'a' + letters, length))
    }

    /// A text and what a few edits make of it.
    fn edited() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let edit = (0..4_u8, any::<prop::sample::Index>(), b'a'..b'f');
        (word(), prop::collection::vec(edit, 0..4)).prop_map(|(one, edits)| {
            let mut other = one.clone();
            for (kind, index, letter) in edits {
                let at = if other.is_empty() { 0 } else { index.index(other.len()) };
                match kind {
                    0 if other.len() < MOST_LETTERS => other.insert(at, letter),
                    1 if !other.is_empty() => drop(other.remove(at)),
                    2 if !other.is_empty() => other[at] = letter,
                    _ if at + 1 < other.len() => other.swap(at, at + 1),
                    _ => {}
                }
            }
            (one, other)
        })
    }

    fn chunks(text: &[u8]) -> Vec<[u8; 16]> {
        let padded = |chunk: &[u8]| {
            let mut bytes = [0; 16];
            bytes[..chunk.len()].copy_from_slice(chunk);
            bytes
        };
        let mut chunks: Vec<[u8; 16]> = text.chunks(16).map(padded).collect();
        if chunks.is_empty() {
            chunks.push([0; 16]);
        }
        chunks
    }

    fn holds_of<L: Letters>(one: L, other: L, left: &[u8], right: &[u8]) {
        let counted = common::<L, 64>(one, other);
        let jaro = jaro_of(left.len(), right.len(), counted);
        assert_eq!(jaro.to_bits(), text::jaro(left, right).to_bits());
        let prefix = left.iter().zip(right).take(4).take_while(|(one, other)| one == other).count();
        let expected = text::jaro_winkler(left, right);
        assert_eq!(winkler(jaro, prefix as u32).to_bits(), expected.to_bits());
        for most in [0, 1, 2, 3, 5, 200] {
            let bounded = |distance: usize| distance.min(most + 1);
            assert_eq!(levenshtein(one, other, most), bounded(text::levenshtein(left, right)));
            let expected = bounded(text::optimal_alignment(left, right));
            assert_eq!(optimal_alignment(one, other, most), expected);
        }
        assert_eq!(damerau::<L, 64, { 66 * 66 }>(one, other), text::damerau(left, right));
    }

    fn check(left: &[u8], right: &[u8]) {
        let letters = |text: &[u8]| text.iter().map(|byte| char::from(*byte)).collect::<Vec<_>>();
        let (wide_left, wide_right) = (letters(left), letters(right));
        holds_of(Wide(&wide_left), Wide(&wide_right), left, right);
        let (narrow_left, narrow_right) = (chunks(left), chunks(right));
        let narrow = |chunks, len| Narrow { chunks, len };
        let (one, other) = (narrow(&narrow_left, left.len()), narrow(&narrow_right, right.len()));
        holds_of(one, other, left, right);
        if left.len().max(right.len()) > 16 {
            return;
        }
        let one = Short { bytes: &narrow_left[0], len: left.len() };
        let other = Short { bytes: &narrow_right[0], len: right.len() };
        holds_of(one, other, left, right);
        let counted = short_common(one, other);
        let jaro = text::jaro(left, right);
        assert_eq!(short_jaro(left.len(), right.len(), counted).to_bits(), jaro.to_bits());
        assert_eq!(damerau::<_, 16, { 18 * 18 }>(one, other), text::damerau(left, right));
        if left != right {
            assert_eq!(one_edit::<false>(one, other), text::levenshtein(left, right).min(2));
            let swaps = text::optimal_alignment(left, right).min(2);
            assert_eq!(one_edit::<true>(one, other), swaps);
            assert_eq!(swaps, text::damerau(left, right).min(2));
        }
    }

    #[test]
    fn edges_of_lanes_and_words_come_out_as_plain() {
        for length in [0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64] {
            let text: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
            let mut turned = text.clone();
            turned.reverse();
            for other in [&text, &turned, &text[..length / 2].to_vec(), &b"zz".to_vec()] {
                check(&text, other);
                check(other, &text);
            }
        }
    }

    proptest! {
        #[test]
        fn kernels_on_words_give_the_plain_bits(one in word(), other in word()) {
            check(&one, &other);
        }

        #[test]
        fn kernels_on_words_give_the_plain_bits_of_near_texts((one, other) in edited()) {
            check(&one, &other);
        }

        #[test]
        fn a_swap_with_a_gap_costs_at_most_half_as_much_again_without_gaps((one, other) in edited()) {
            // What `prepared` rests on where it needs no table for an unrestricted distance.
            let (apart, aligned) = (text::damerau(&one, &other), text::optimal_alignment(&one, &other));
            prop_assert!(apart <= aligned && 2 * aligned <= 3 * apart);
        }
    }
}
