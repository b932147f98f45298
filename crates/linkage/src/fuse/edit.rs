//! Whether a single edit makes two texts equal.
//!
//! Inside the fused pass, for levels of one edit, which most comparisons of identifiers and dates have. What the two
//! texts have in common at either end is passed over; what is left tells. The definition is in
//! [`crate::compare::text`].

/// Says whether one insertion, deletion or substitution at most makes two texts equal, or, where `swaps` count, one swap
/// of neighbours.
pub(crate) fn within_one<T: PartialEq>(one: &[T], other: &[T], swaps: bool) -> bool {
    if one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let first = one.iter().zip(other).take_while(|(here, there)| here == there).count();
    let (one, other) = (&one[first..], &other[first..]);
    let last =
        one.iter().rev().zip(other.iter().rev()).take_while(|(here, there)| here == there).count();
    match (&one[..one.len() - last], &other[..other.len() - last]) {
        ([] | [_], [] | [_]) => true,
        ([here, next], [there, after]) => swaps && here == after && next == there,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compare::text;

    proptest! {
        #[test]
        fn one_edit_is_what_the_distances_say(one in "[ab1]{0,7}", other in "[ab1]{0,7}") {
            let (one, other) = (one.as_bytes(), other.as_bytes());
            prop_assert_eq!(within_one(one, other, false), text::levenshtein(one, other) <= 1);
            prop_assert_eq!(within_one(one, other, true), text::optimal_alignment(one, other) <= 1);
            prop_assert_eq!(within_one(one, other, true), text::damerau(one, other) <= 1);
        }
    }
}
