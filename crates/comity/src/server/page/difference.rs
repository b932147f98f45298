//! Where two values differ, character by character, so that a reviewer sees `Smyth` and `Smith` at a glance.
//!
//! The longest common subsequence of the characters is what both have; everything else is marked on its own side. It
//! compares what is shown and nothing more: which level a comparison came to is linkage's to say.

/// Values longer than this are compared as a whole: nobody reads marks in a page of text.
const LONGEST: usize = 240;

/// A stretch of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The characters.
    pub(crate) text: String,
    /// Whether the other value lacks them there.
    pub(crate) differs: bool,
}

/// Cuts two values into stretches that both have and stretches that one has.
pub(crate) fn between(one: &str, other: &str) -> (Vec<Stretch>, Vec<Stretch>) {
    let left: Vec<char> = one.chars().collect();
    let right: Vec<char> = other.chars().collect();
    if one == other || left.len() > LONGEST || right.len() > LONGEST {
        let differs = one != other;
        return (whole(one, differs), whole(other, differs));
    }
    let common = common(&left, &right);
    (
        stretches(&left, common.iter().map(|at| at.0)),
        stretches(&right, common.iter().map(|at| at.1)),
    )
}

fn whole(text: &str, differs: bool) -> Vec<Stretch> {
    if text.is_empty() { Vec::new() } else { vec![Stretch { text: text.to_owned(), differs }] }
}

/// Returns the places of a longest common subsequence, in order. Letters of one kind in another case are common.
fn common(left: &[char], right: &[char]) -> Vec<(usize, usize)> {
    let same = |a: char, b: char| a == b || a.to_lowercase().eq(b.to_lowercase());
    let wide = right.len() + 1;
    let mut longest = vec![0_u16; (left.len() + 1) * wide];
    for (i, a) in left.iter().enumerate().rev() {
        for (j, b) in right.iter().enumerate().rev() {
            longest[i * wide + j] = if same(*a, *b) {
                longest[(i + 1) * wide + j + 1] + 1
            } else {
                longest[(i + 1) * wide + j].max(longest[i * wide + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut places = Vec::new();
    while i < left.len() && j < right.len() {
        if same(left[i], right[j]) {
            places.push((i, j));
            i += 1;
            j += 1;
        } else if longest[(i + 1) * wide + j] >= longest[i * wide + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    places
}

fn stretches(text: &[char], common: impl Iterator<Item = usize>) -> Vec<Stretch> {
    let mut is_common = vec![false; text.len()];
    for place in common {
        if let Some(place) = is_common.get_mut(place) {
            *place = true;
        }
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    for (letter, is_common) in text.iter().zip(is_common) {
        match stretches.last_mut() {
            Some(last) if last.differs != is_common => last.text.push(*letter),
            _ => stretches.push(Stretch { text: letter.to_string(), differs: !is_common }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spells stretches with what differs in brackets.
    fn spelled(stretches: &[Stretch]) -> String {
        stretches
            .iter()
            .map(|one| if one.differs { format!("[{}]", one.text) } else { one.text.clone() })
            .collect()
    }

    #[test]
    fn what_differs_is_marked_on_its_own_side() {
        for (one, other, left, right) in [
            ("Smith", "Smyth", "Sm[i]th", "Sm[y]th"),
            ("Hồ", "Ho", "H[ồ]", "H[o]"),
            ("1978-07-04", "1978-04-07", "1978-0[7]-0[4]", "1978-0[4]-0[7]"),
            ("SMITH", "smith", "SMITH", "smith"),
            ("", "Ann", "", "[Ann]"),
            ("Ann", "", "[Ann]", ""),
            ("", "", "", ""),
            ("same", "same", "same", "same"),
            ("abc", "xyz", "[abc]", "[xyz]"),
        ] {
            let (a, b) = between(one, other);
            assert_eq!(
                (spelled(&a).as_str(), spelled(&b).as_str()),
                (left, right),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_added() {
        let (a, b) = between("Sánchez Fernández", "Sanchez-Fernandes");
        let joined = |stretches: &[Stretch]| -> String {
            stretches.iter().map(|one| one.text.as_str()).collect()
        };
        assert_eq!(joined(&a), "Sánchez Fernández");
        assert_eq!(joined(&b), "Sanchez-Fernandes");
    }

    #[test]
    fn a_page_of_text_is_compared_as_a_whole() {
        let long = "a".repeat(LONGEST + 1);
        let (a, b) = between(&long, "a");
        assert!(a[0].differs && b[0].differs && a.len() == 1);
    }
}
