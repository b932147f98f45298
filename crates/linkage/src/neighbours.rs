//! Counts the pairs of values that a single edit makes equal, all of them, without comparing all.
//!
//! For training: identifiers one edit apart are too rare among random pairs for a sample to show. Two texts one edit
//! apart have a text in common that each becomes by leaving out one character at most, so texts are looked up by the
//! hashes of these; whatever a hash brings together is compared. It works on distinct values and knows no record.
//!
//! Bocek, Hunt and Stiller, Fast Similarity Search in Large Dictionaries, 2007, whose deletion neighbourhood this is.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use crate::dictionary::Texts;
use crate::fuse::within_one;

/// The bits of the table that tells hashes seen once from those seen more often, as a power of two.
const MOST_BITS: u32 = 27;

/// Calls for each pair of different texts that one edit makes equal, the one that stands first first, each pair once.
///
/// Where `swaps` count, a swap of neighbours is one edit too.
pub(crate) fn each_one_edit_apart(texts: &Texts, swaps: bool, mut found: impl FnMut(usize, usize)) {
    // About eight slots a hash, so that few are taken for seen twice that were not.
    let hashes: usize = texts.iter().map(|text| text.len() + 1).sum();
    let bits = (hashes.max(8) * 8).next_power_of_two().trailing_zeros().min(MOST_BITS);
    let mut once = vec![0u64; 1 << (bits - 6)];
    let mut twice = vec![0u64; 1 << (bits - 6)];
    let slot = |hash: u64| {
        let place = hash >> (64 - bits);
        ((place >> 6) as usize, 1u64 << (place & 63))
    };
    let mut scratch = String::new();
    for text in texts.iter() {
        each_hash(text, &mut scratch, |hash| {
            let (word, bit) = slot(hash);
            twice[word] |= once[word] & bit;
            once[word] |= bit;
        });
    }
    drop(once);
    let mut shared: Vec<(u64, u32)> = Vec::new();
    for (index, text) in (0u32..).zip(texts.iter()) {
        each_hash(text, &mut scratch, |hash| {
            let (word, bit) = slot(hash);
            if twice[word] & bit != 0 {
                shared.push((hash, index));
            }
        });
    }
    drop(twice);
    shared.sort_unstable();
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for group in shared.chunk_by(|one, other| one.0 == other.0) {
        for (place, (_, one)) in group.iter().enumerate() {
            for (_, other) in &group[place + 1..] {
                if is_one_edit_apart(texts, *one, *other, swaps) {
                    pairs.push((*one, *other));
                }
            }
        }
    }
    drop(shared);
    // Two texts can have several of the shortened ones in common.
    pairs.sort_unstable();
    pairs.dedup();
    for (one, other) in pairs {
        found(one as usize, other as usize);
    }
}

fn is_one_edit_apart(texts: &Texts, one: u32, other: u32, swaps: bool) -> bool {
    let (one, other) = (texts.get(one as usize), texts.get(other as usize));
    if one.is_ascii() && other.is_ascii() {
        return one != other && within_one(one.as_bytes(), other.as_bytes(), swaps);
    }
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    one != other && within_one(&letters(one), &letters(other), swaps)
}

/// Calls with the hash of a text and of each different text that it becomes without one of its characters.
fn each_hash(text: &str, scratch: &mut String, mut found: impl FnMut(u64)) {
    found(FxBuildHasher.hash_one(text));
    let mut last = None;
    for (place, letter) in text.char_indices() {
        // Leaving out the second of two equal neighbours comes to the same text.
        if last == Some(letter) {
            continue;
        }
        last = Some(letter);
        scratch.clear();
        scratch.push_str(&text[..place]);
        scratch.push_str(&text[place + letter.len_utf8()..]);
        found(FxBuildHasher.hash_one(scratch.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::compare::text;

    proptest! {
        #[test]
        fn every_pair_one_edit_apart_is_found_once(all in prop::collection::btree_set("[ab1é]{0,6}", 0..60)) {
            let texts: Texts = all.iter().collect();
            let letters: Vec<Vec<char>> = all.iter().map(|text| text.chars().collect()).collect();
            for swaps in [false, true] {
                let mut found = Vec::new();
                each_one_edit_apart(&texts, swaps, |one, other| found.push((one, other)));
                let mut expected = BTreeSet::new();
                for one in 0..letters.len() {
                    for other in one + 1..letters.len() {
                        let (here, there) = (&letters[one], &letters[other]);
                        let apart = if swaps {
                            text::optimal_alignment(here, there)
                        } else {
                            text::levenshtein(here, there)
                        };
                        if apart == 1 {
                            expected.insert((one, other));
                        }
                    }
                }
                prop_assert_eq!(found.len(), expected.len());
                prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
    }
}
