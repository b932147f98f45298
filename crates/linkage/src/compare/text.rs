//! How alike two texts are: Jaro, Jaro–Winkler, and three edit distances.
//!
//! Plain versions, which later and faster ones are tested against. They compare whatever the slice holds; the crate
//! hands them characters (Unicode scalar values), composed by the column's steps. Every function is symmetric, bit for
//! bit. None is told whose names these are, and none allocates anything that outlives the call.
//!
//! Sources: Jaro, [Advances in Record-Linkage Methodology](https://doi.org/10.1080/01621459.1989.10478785), 1989; Winkler,
//! String Comparator Metrics, 1990; Levenshtein, 1966; Lowrance and Wagner, [An Extension of the String-to-String
//! Correction Problem](https://doi.org/10.1145/321879.321880), 1975, for the distance of Damerau, 1964.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Returns the Jaro similarity, from 0 to 1. Two empty texts have nothing in common, so theirs is 0.
///
/// # Examples
///
/// ```
/// use linkage::compare::text::jaro;
///
/// let [one, other] = ["DIXON", "DICKSONX"].map(|text| text.chars().collect::<Vec<_>>());
/// assert!((jaro(&one, &other) - 0.7666).abs() < 1e-4);
/// ```
pub fn jaro<T: PartialEq>(one: &[T], other: &[T]) -> f64 {
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let reach = (one.len().max(other.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; other.len()];
    let mut common = Vec::with_capacity(one.len().min(other.len()));
    for (place, letter) in one.iter().enumerate() {
        let from = place.saturating_sub(reach);
        let to = (place + reach + 1).min(other.len());
        if let Some(found) = (from..to).find(|at| !taken[*at] && other[*at] == *letter) {
            taken[found] = true;
            common.push(letter);
        }
    }
    if common.is_empty() {
        return 0.0;
    }
    let counterpart =
        other.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(letter, _)| letter);
    let misplaced = common.iter().zip(counterpart).filter(|(here, there)| **here != *there).count();
    let (common, swaps) = (common.len() as f64, (misplaced / 2) as f64);
    (common / one.len() as f64 + common / other.len() as f64 + (common - swaps) / common) / 3.0
}

/// Returns the Jaro–Winkler similarity, from 0 to 1.
///
/// Up to four leading characters in common raise it, a tenth of what is missing each, and only where the Jaro similarity
/// is above 0.7.
///
/// # Examples
///
/// ```
/// use linkage::compare::text::jaro_winkler;
///
/// let [one, other] = ["MARTHA", "MARHTA"].map(|text| text.chars().collect::<Vec<_>>());
/// assert!((jaro_winkler(&one, &other) - 0.9611).abs() < 1e-4);
/// ```
pub fn jaro_winkler<T: PartialEq>(one: &[T], other: &[T]) -> f64 {
    let likeness = jaro(one, other);
    if likeness <= 0.7 {
        return likeness;
    }
    let prefix = one.iter().zip(other).take(4).take_while(|(here, there)| here == there).count();
    likeness + prefix as f64 * 0.1 * (1.0 - likeness)
}

/// Returns how many insertions, deletions and substitutions turn one text into the other.
///
/// # Examples
///
/// ```
/// use linkage::compare::text::levenshtein;
///
/// let [one, other] = ["José", "Jose"].map(|text| text.chars().collect::<Vec<_>>());
/// assert_eq!(levenshtein(&one, &other), 1);
/// ```
pub fn levenshtein<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (place, there) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != there);
            diagonal = row[place + 1];
            row[place + 1] = substituted.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// Returns the Levenshtein distance in which a swap of neighbours counts as one, no piece being edited twice.
///
/// `CA` and `ABC` are 3 apart by it, and 2 by [`damerau`].
pub fn optimal_alignment<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    let width = other.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    let mut row: Vec<usize> = vec![0; width];
    for here in 1..=one.len() {
        row[0] = here;
        for there in 1..width {
            let substituted = above[there - 1] + usize::from(one[here - 1] != other[there - 1]);
            row[there] = substituted.min(above[there] + 1).min(row[there - 1] + 1);
            let swapped = here > 1
                && there > 1
                && one[here - 1] == other[there - 2]
                && one[here - 2] == other[there - 1];
            if swapped {
                row[there] = row[there].min(before[there - 2] + 1);
            }
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    above[other.len()]
}

/// Returns the Damerau–Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours, one each.
///
/// # Examples
///
/// ```
/// use linkage::compare::text::damerau;
///
/// let [one, other] = ["CA", "ABC"].map(|text| text.chars().collect::<Vec<_>>());
/// assert_eq!(damerau(&one, &other), 2);
/// ```
pub fn damerau<T: Eq + Hash + Copy>(one: &[T], other: &[T]) -> usize {
    // The table has a row and a column before the empty prefixes, holding a distance that is never the least.
    let width = other.len() + 2;
    let never = one.len() + other.len();
    let mut table = vec![0; (one.len() + 2) * width];
    let at = |row: usize, column: usize| row * width + column;
    table[at(0, 0)] = never;
    for row in 0..=one.len() {
        table[at(row + 1, 0)] = never;
        table[at(row + 1, 1)] = row;
    }
    for column in 0..=other.len() {
        table[at(0, column + 1)] = never;
        table[at(1, column + 1)] = column;
    }
    // Where each character was last seen in `one`, counted from 1.
    let mut last_seen: FxHashMap<T, usize> = FxHashMap::default();
    for row in 1..=one.len() {
        let mut last_equal = 0;
        for column in 1..=other.len() {
            let swap_row = last_seen.get(&other[column - 1]).copied().unwrap_or(0);
            let swap_column = last_equal;
            let equal = one[row - 1] == other[column - 1];
            if equal {
                last_equal = column;
            }
            let substituted = table[at(row, column)] + usize::from(!equal);
            let inserted = table[at(row + 1, column)] + 1;
            let deleted = table[at(row, column + 1)] + 1;
            let swapped = table[at(swap_row, swap_column)]
                + (row - swap_row - 1)
                + 1
                + (column - swap_column - 1);
            table[at(row + 1, column + 1)] = substituted.min(inserted).min(deleted).min(swapped);
        }
        last_seen.insert(one[row - 1], row);
    }
    table[at(one.len() + 1, other.len() + 1)]
}

/// Says whether the first `length` characters of two texts are equal, a shorter text taken whole.
pub fn same_prefix<T: PartialEq>(one: &[T], other: &[T], length: usize) -> bool {
    one[..length.min(one.len())] == other[..length.min(other.len())]
}

/// Says whether the last `length` characters of two texts are equal, a shorter text taken whole.
pub fn same_suffix<T: PartialEq>(one: &[T], other: &[T], length: usize) -> bool {
    one[one.len().saturating_sub(length)..] == other[other.len().saturating_sub(length)..]
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "a similarity of 1 is exact, and only equals have it")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    fn check(function: fn(&[char], &[char]) -> f64, one: &str, other: &str, expected: f64) {
        assert_eq!(
            function(&letters(one), &letters(other)).to_bits(),
            expected.to_bits(),
            "{one} {other}"
        );
    }

    #[test]
    fn jaro_and_jaro_winkler_give_duckdbs_numbers() {
        check(jaro_winkler, "MARTHA", "MARHTA", 0.961_111_111_111_111_1);
        check(jaro_winkler, "DWAYNE", "DUANE", 0.840_000_000_000_000_1);
        check(jaro_winkler, "DIXON", "DICKSONX", 0.813_333_333_333_333_2);
        check(jaro, "DIXON", "DICKSONX", 0.766_666_666_666_666_6);
        check(jaro_winkler, "abcd", "axyz", 0.5);
        check(jaro_winkler, "", "", 0.0);
        check(jaro_winkler, "a", "", 0.0);
        check(jaro_winkler, "a", "a", 1.0);
    }

    #[test]
    fn only_the_unrestricted_distance_edits_a_piece_twice() {
        let (one, other) = (letters("CA"), letters("ABC"));
        assert_eq!(damerau(&one, &other), 2);
        assert_eq!(optimal_alignment(&one, &other), 3);
        assert_eq!(levenshtein(&one, &other), 3);
    }

    #[test]
    fn a_prefix_and_a_suffix_take_a_shorter_text_whole() {
        for (one, other, length, prefix, suffix) in [
            ("annabel", "annamarie", 4, true, false),
            ("annabel", "annamarie", 5, false, false),
            ("0171234", "441234", 4, false, true),
            ("ann", "ann", 9, true, true),
            ("ann", "annabel", 9, false, false),
            ("李明", "李白", 1, true, false),
            ("", "", 3, true, true),
        ] {
            assert_eq!(
                same_prefix(&letters(one), &letters(other), length),
                prefix,
                "{one} {other}"
            );
            assert_eq!(
                same_suffix(&letters(one), &letters(other), length),
                suffix,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_diacritic_costs_what_any_other_letter_costs() {
        for function in [levenshtein::<char>, optimal_alignment::<char>, damerau::<char>] {
            assert_eq!(function(&letters("José"), &letters("Jose")), 1);
            assert_eq!(function(&letters("É"), &letters("é")), 1);
        }
        let plain = jaro_winkler(&letters("Jose"), &letters("Josx"));
        assert_eq!(jaro_winkler(&letters("José"), &letters("Jose")).to_bits(), plain.to_bits());
    }

    fn word() -> impl Strategy<Value = Vec<char>> {
        // Few letters, so that common ones, swaps and repeats are frequent; two beyond one byte.
        prop::collection::vec(prop::sample::select(vec!['a', 'b', 'c', 'd', 'é', '李']), 1..12)
    }

    fn string(letters: &[char]) -> String {
        letters.iter().collect()
    }

    proptest! {
        #[test]
        fn every_kernel_is_symmetric_bounded_and_certain_of_equals(one in word(), other in word()) {
            for function in [jaro::<char>, jaro_winkler::<char>] {
                let there = function(&one, &other);
                prop_assert_eq!(there.to_bits(), function(&other, &one).to_bits());
                prop_assert!((0.0..=1.0).contains(&there));
                prop_assert_eq!(function(&one, &one), 1.0);
                prop_assert_eq!(there == 1.0, one == other);
            }
            for function in [levenshtein::<char>, optimal_alignment::<char>, damerau::<char>] {
                let there = function(&one, &other);
                prop_assert_eq!(there, function(&other, &one));
                prop_assert!(there <= one.len().max(other.len()));
                prop_assert!(there >= one.len().abs_diff(other.len()));
                prop_assert_eq!(there == 0, one == other);
            }
            prop_assert!(damerau(&one, &other) <= optimal_alignment(&one, &other));
            prop_assert!(optimal_alignment(&one, &other) <= levenshtein(&one, &other));
            prop_assert!(jaro(&one, &other) <= jaro_winkler(&one, &other));
        }

        #[test]
        fn true_distances_take_no_detour_shorter(one in word(), via in word(), other in word()) {
            for function in [levenshtein::<char>, damerau::<char>] {
                prop_assert!(function(&one, &other) <= function(&one, &via) + function(&via, &other));
            }
        }

        #[test]
        fn every_kernel_agrees_with_two_independent_ones(one in word(), other in word()) {
            use rapidfuzz::distance as rapid;

            let (left, right) = (string(&one), string(&other));
            prop_assert_eq!(levenshtein(&one, &other), strsim::levenshtein(&left, &right));
            prop_assert_eq!(levenshtein(&one, &other), rapid::levenshtein::distance(one.clone(), other.clone()));
            prop_assert_eq!(optimal_alignment(&one, &other), strsim::osa_distance(&left, &right));
            prop_assert_eq!(optimal_alignment(&one, &other), rapid::osa::distance(one.clone(), other.clone()));
            prop_assert_eq!(damerau(&one, &other), strsim::damerau_levenshtein(&left, &right));
            prop_assert_eq!(
                damerau(&one, &other),
                rapid::damerau_levenshtein::distance(one.clone(), other.clone())
            );
            prop_assert!((jaro(&one, &other) - strsim::jaro(&left, &right)).abs() < 1e-12);
            let rapidly = rapid::jaro::similarity(one.clone(), other.clone());
            prop_assert!((jaro(&one, &other) - rapidly).abs() < 1e-12);
            let rapidly = rapid::jaro_winkler::similarity(one.clone(), other.clone());
            prop_assert!((jaro_winkler(&one, &other) - rapidly).abs() < 1e-12);
        }
    }
}
