//! The Jaro–Winkler similarity of two short texts of ASCII.
//!
//! Inside the fused pass. Which characters are taken is kept in the bits of a word, so nothing is allocated. The same
//! bits as [`crate::compare::text::jaro_winkler`], which is the definition.

/// Returns the similarity of two texts of at most 64 bytes each.
pub(crate) fn jaro_winkler(one: &[u8], other: &[u8]) -> f64 {
    debug_assert!(one.len() <= 64 && other.len() <= 64, "a word has a bit for each byte");
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let reach = (one.len().max(other.len()) / 2).saturating_sub(1);
    let (mut taken_here, mut taken_there) = (0u64, 0u64);
    for (place, letter) in one.iter().enumerate() {
        let from = place.saturating_sub(reach);
        let to = (place + reach + 1).min(other.len());
        for (at, there) in other.iter().enumerate().take(to).skip(from) {
            if there == letter && taken_there >> at & 1 == 0 {
                taken_there |= 1 << at;
                taken_here |= 1 << place;
                break;
            }
        }
    }
    let count = taken_here.count_ones();
    if count == 0 {
        return 0.0;
    }
    let mut misplaced = 0;
    let (mut here, mut there) = (taken_here, taken_there);
    while here != 0 {
        let (place, at) = (here.trailing_zeros() as usize, there.trailing_zeros() as usize);
        misplaced += u32::from(one[place] != other[at]);
        here &= here - 1;
        there &= there - 1;
    }
    let (common, swaps) = (f64::from(count), f64::from(misplaced / 2));
    let alike =
        (common / one.len() as f64 + common / other.len() as f64 + (common - swaps) / common) / 3.0;
    if alike <= 0.7 {
        return alike;
    }
    let prefix = one.iter().zip(other).take(4).take_while(|(here, there)| here == there).count();
    alike + prefix as f64 * 0.1 * (1.0 - alike)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compare::text;

    proptest! {
        #[test]
        fn the_bits_are_those_of_the_definition(one in "[a-d ]{0,9}|[a-z]{0,64}", other in "[a-d ]{0,9}|[a-z]{0,64}") {
            let (one, other) = (one.as_bytes(), other.as_bytes());
            prop_assert_eq!(jaro_winkler(one, other).to_bits(), text::jaro_winkler(one, other).to_bits());
        }
    }
}
