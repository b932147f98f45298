//! Keys that survive a typing mistake: MinHash over the q-grams of a text.
//!
//! Fifth step of the path, where rules make keys. Two texts that share the share s of their q-grams have one MinHash row
//! equal with probability s, a band of r rows with s^r, and at least one of b bands with 1 − (1 − s^r)^b; so a rule
//! with bands and rows makes nearly all pairs of like texts and few of unlike ones. It is a way to find pairs, not a
//! measure of likeness: what is found is compared afterwards like any pair.
//!
//! Sources: Broder, [On the resemblance and containment of
//! documents](https://doi.org/10.1109/SEQUEN.1997.666900), 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
//! §3.3–3.4. The hash functions are fixed here, so that the same text has the same keys for ever: FNV-1a over the
//! characters, stirred with the row's number by the finaliser of SplitMix64.

use std::collections::BTreeSet;

use crate::model::MinHash;

/// Returns the keys of a text, one a band; none for a text of nothing.
pub(crate) fn keys(text: &str, rule: &MinHash) -> Vec<u64> {
    let grams = grams(text, rule.q as usize);
    if grams.is_empty() {
        return Vec::new();
    }
    let band = |band: u32| {
        let rows = (0..rule.rows).map(|row| {
            let number = u64::from(band) * u64::from(rule.rows) + u64::from(row);
            let own = stir(number.wrapping_add(1));
            grams.iter().map(|gram| stir(gram ^ own)).min().unwrap_or(u64::MAX)
        });
        // The band's number goes in, so that the same rows under another band are another key.
        rows.fold(stir(u64::from(band) ^ 0x5bd1_e995), |sofar, row| stir(sofar ^ row))
    };
    (0..rule.bands).map(band).collect()
}

/// Returns the hashes of a text's q-grams, the ends filled up so that the first and last characters count as often.
fn grams(text: &str, q: usize) -> BTreeSet<u64> {
    if text.is_empty() {
        return BTreeSet::new();
    }
    // A character that no prepared text holds, as preparation takes white space off the ends.
    let fill = std::iter::repeat_n('\u{0}', q - 1);
    let filled: Vec<char> = fill.clone().chain(text.chars()).chain(fill).collect();
    filled
        .windows(q)
        .map(|gram| {
            gram.iter().fold(FNV_START, |hash, letter| {
                u32::from(*letter)
                    .to_le_bytes()
                    .iter()
                    .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
            })
        })
        .collect()
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The finaliser of SplitMix64: every bit of the input sways every bit of the output.
fn stir(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(text: &str, rule: &MinHash) -> Vec<u64> {
        keys(text, rule)
    }

    fn rule(bands: u32, rows: u32) -> MinHash {
        MinHash { column: "name".to_owned(), q: 2, bands, rows }
    }

    #[test]
    fn the_same_text_has_the_same_keys_for_ever() {
        let told = keys_of("nguyễn", &rule(2, 2));
        assert_eq!(told, keys_of("nguyễn", &rule(2, 2)));
        assert_eq!(told, [4_994_468_604_583_617_339, 2_432_562_423_858_726_511]);
    }

    #[test]
    fn a_text_of_nothing_has_no_key_and_one_letter_has() {
        assert!(keys_of("", &rule(4, 2)).is_empty());
        assert_eq!(keys_of("é", &rule(4, 2)).len(), 4);
        assert_eq!(keys_of("李", &MinHash { q: 1, ..rule(4, 2) }).len(), 4);
    }

    #[test]
    fn one_row_is_equal_as_often_as_the_share_of_grams() {
        // Of #m, ma, ar, rt, th, ha, a# and #m, ma, ar, rh, ha, a# five are shared of eight.
        let rule = rule(20_000, 1);
        let (one, other) = (keys_of("martha", &rule), keys_of("marha", &rule));
        let equal = one.iter().zip(&other).filter(|(one, other)| one == other).count();
        let share = equal as f64 / 20_000.0;
        assert!((share - 5.0 / 8.0).abs() < 0.02, "{share}");
    }
}
