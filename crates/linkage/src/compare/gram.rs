//! How alike two texts are by the pieces of q characters that they are made of.
//!
//! A text no longer than q is one piece, so that a name of two characters of any script has something to compare. There
//! is no padding. With q = 1, [`jaccard`] compares sets of characters, as the function of that name in DuckDB does. Both
//! functions are symmetric, bit for bit, from 0 to 1, and 1 of equal texts; [`cosine`] is 1 of other texts too, where
//! their pieces are the same in another order.
//!
//! Sources: Jaccard, The Distribution of the Flora in the Alpine Zone, 1912; Ukkonen, [Approximate String-Matching with
//! q-Grams](https://doi.org/10.1016/0304-3975(92)90143-4), 1992; Salton and McGill, 1983, for the cosine.

use std::cmp::Ordering;

use crate::compare::list::shared;

/// Returns how many different q-grams two texts share, by how many either has. Two empty texts share nothing: 0.
///
/// # Examples
///
/// ```
/// use linkage::compare::gram::jaccard;
///
/// let [one, other] = ["duck", "luck"].map(|text| text.chars().collect::<Vec<_>>());
/// assert_eq!(jaccard(&one, &other, 1), 0.6);
/// ```
pub fn jaccard<T: Ord>(one: &[T], other: &[T], q: usize) -> f64 {
    let (mut one, mut other) = (grams(one, q), grams(other, q));
    one.dedup();
    other.dedup();
    let common = shared(&one, &other);
    let either = one.len() + other.len() - common;
    if either == 0 { 0.0 } else { common as f64 / either as f64 }
}

/// Returns the cosine of the angle between two texts' counts of q-grams. Of an empty text it is 0.
pub fn cosine<T: Ord>(one: &[T], other: &[T], q: usize) -> f64 {
    let (one, other) = (counts(grams(one, q)), counts(grams(other, q)));
    let mut product = 0;
    let (mut here, mut there) = (0, 0);
    while here < one.len() && there < other.len() {
        match one[here].0.cmp(other[there].0) {
            Ordering::Less => here += 1,
            Ordering::Greater => there += 1,
            Ordering::Equal => {
                product += one[here].1 * other[there].1;
                here += 1;
                there += 1;
            }
        }
    }
    if product == 0 {
        return 0.0;
    }
    let square =
        |counts: &[(&[T], u64)]| counts.iter().map(|(_, count)| count * count).sum::<u64>();
    // One root over whole numbers, so that equal texts come to 1 and not to just beside it.
    product as f64 / (square(&one) as f64 * square(&other) as f64).sqrt()
}

/// The q-grams of a text in ascending order, repeats kept.
fn grams<T: Ord>(text: &[T], q: usize) -> Vec<&[T]> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut grams: Vec<&[T]> = text.windows(q.clamp(1, text.len())).collect();
    grams.sort_unstable();
    grams
}

fn counts<T: Ord>(grams: Vec<&[T]>) -> Vec<(&[T], u64)> {
    let mut counts: Vec<(&[T], u64)> = Vec::with_capacity(grams.len());
    for gram in grams {
        match counts.last_mut() {
            Some((last, count)) if *last == gram => *count += 1,
            _ => counts.push((gram, 1)),
        }
    }
    counts
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "quotients of small whole numbers are exact or their own rounding"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    fn check(
        function: fn(&[char], &[char], usize) -> f64,
        one: &str,
        other: &str,
        q: usize,
        expected: f64,
    ) {
        assert_eq!(function(&letters(one), &letters(other), q), expected, "{one} {other} {q}");
    }

    #[test]
    fn jaccard_of_characters_gives_duckdbs_number() {
        check(jaccard, "duck", "luck", 1, 0.6);
        check(jaccard, "aab", "abb", 1, 1.0);
        check(jaccard, "abc", "xyz", 1, 0.0);
        check(jaccard, "", "", 1, 0.0);
        check(jaccard, "a", "", 2, 0.0);
    }

    #[test]
    fn jaccard_of_pairs_counts_different_ones() {
        check(jaccard, "night", "nacht", 2, 1.0 / 7.0);
        check(jaccard, "aaaa", "aa", 2, 1.0);
    }

    #[test]
    fn a_text_shorter_than_its_pieces_is_one_piece() {
        check(jaccard, "李明", "李明", 3, 1.0);
        check(jaccard, "李明", "李白", 3, 0.0);
        check(jaccard, "李明", "李白", 1, 1.0 / 3.0);
        check(cosine, "李明", "李明", 3, 1.0);
        check(cosine, "李", "明", 2, 0.0);
    }

    #[test]
    fn the_cosine_weighs_repeats_and_not_order() {
        check(cosine, "ab", "ba", 1, 1.0);
        check(cosine, "aab", "ab", 1, 3.0 / 10.0_f64.sqrt());
        check(cosine, "", "ab", 1, 0.0);
    }

    fn word() -> impl Strategy<Value = Vec<char>> {
        prop::collection::vec(prop::sample::select(vec!['a', 'b', 'c', 'é', '李']), 1..12)
    }

    proptest! {
        #[test]
        fn both_are_symmetric_bounded_and_certain_of_equals(one in word(), other in word(), q in 1..4_usize) {
            for function in [jaccard::<char>, cosine::<char>] {
                let there = function(&one, &other, q);
                prop_assert_eq!(there.to_bits(), function(&other, &one, q).to_bits());
                prop_assert!((0.0..=1.0).contains(&there));
                prop_assert_eq!(function(&one, &one, q), 1.0);
            }
        }
    }
}
