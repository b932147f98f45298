//! The mistakes that people and machines make when they write a name down.
//!
//! One mistake a call, of one of five sorts: a neighbouring key, a shape misread by a scanner, a sound spelt otherwise,
//! two letters swapped, one letter lost or doubled. A text too short to be mistaken is given back as it is.

use crate::random::Dice;

/// Letters and those beside them on a keyboard.
const NEIGHBOURS: &[(char, &str)] = &[
    ('a', "qsz"),
    ('b', "vgn"),
    ('c', "xdv"),
    ('d', "sfe"),
    ('e', "wrd"),
    ('f', "dgr"),
    ('g', "fht"),
    ('h', "gjy"),
    ('i', "uok"),
    ('j', "hku"),
    ('k', "jli"),
    ('l', "ko"),
    ('m', "n"),
    ('n', "bm"),
    ('o', "ipl"),
    ('p', "o"),
    ('q', "wa"),
    ('r', "etf"),
    ('s', "adw"),
    ('t', "ryg"),
    ('u', "yij"),
    ('v', "cbf"),
    ('w', "qes"),
    ('x', "zcs"),
    ('y', "tuh"),
    ('z', "xa"),
    ('0', "9"),
    ('1', "2"),
    ('2', "13"),
    ('3', "24"),
    ('4', "35"),
    ('5', "46"),
    ('6', "57"),
    ('7', "68"),
    ('8', "79"),
    ('9', "80"),
];

/// Shapes that a scanner takes for each other.
const SHAPES: &[(&str, &str)] = &[
    ("rn", "m"),
    ("m", "rn"),
    ("l", "1"),
    ("o", "0"),
    ("0", "o"),
    ("s", "5"),
    ("5", "s"),
    ("b", "6"),
    ("cl", "d"),
    ("vv", "w"),
    ("i", "l"),
    ("1", "l"),
    ("8", "b"),
    ("e", "c"),
];

/// Spellings of one sound.
const SOUNDS: &[(&str, &str)] = &[
    ("ph", "f"),
    ("f", "ph"),
    ("ck", "k"),
    ("c", "k"),
    ("k", "c"),
    ("y", "i"),
    ("i", "y"),
    ("ee", "ea"),
    ("ie", "y"),
    ("sz", "sh"),
    ("w", "v"),
    ("z", "s"),
    ("ou", "u"),
    ("tt", "t"),
    ("ll", "l"),
    ("ss", "s"),
    ("th", "t"),
];

/// Writes a text with one mistake in it; the mistake differs from the text wherever one can be made.
pub(super) fn mistaken(text: &str, dice: &mut Dice) -> String {
    if text.chars().count() < 2 {
        return text.to_owned();
    }
    // Not every sort can be made of every text, so other ones are tried until something has changed.
    for _ in 0..8 {
        let wrong = match dice.below(5) {
            0 => neighbour(text, dice),
            1 => respelt(text, SHAPES, dice),
            2 => respelt(text, SOUNDS, dice),
            3 => swapped(text, dice),
            _ => lost_or_doubled(text, dice),
        };
        if wrong != text {
            return wrong;
        }
    }
    lost_or_doubled(text, dice)
}

/// Writes a string of digits with one digit wrong.
pub(super) fn digit_mistaken(text: &str, dice: &mut Dice) -> String {
    let places: Vec<usize> =
        text.char_indices().filter(|(_, digit)| digit.is_ascii_digit()).map(|(at, _)| at).collect();
    if places.is_empty() {
        return text.to_owned();
    }
    let at = *dice.pick(&places);
    let old = text.as_bytes()[at] - b'0';
    let new = (u64::from(old) + 1 + dice.below(9)) % 10;
    format!("{}{new}{}", &text[..at], &text[at + 1..])
}

fn neighbour(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.place(letters.len());
    let lower = letters[at].to_ascii_lowercase();
    if let Some((_, beside)) = NEIGHBOURS.iter().find(|(letter, _)| *letter == lower) {
        let beside: Vec<char> = beside.chars().collect();
        let typed = *dice.pick(&beside);
        letters[at] =
            if letters[at].is_ascii_uppercase() { typed.to_ascii_uppercase() } else { typed };
    }
    letters.into_iter().collect()
}

fn respelt(text: &str, spellings: &[(&str, &str)], dice: &mut Dice) -> String {
    // The first letter is seldom misheard or misread, being the largest.
    let skipped = text.chars().next().map_or(0, char::len_utf8);
    let (head, rest) = text.split_at(skipped);
    let found: Vec<&(&str, &str)> =
        spellings.iter().filter(|(from, _)| rest.contains(from)).collect();
    if found.is_empty() {
        return text.to_owned();
    }
    let (from, to) = dice.pick(&found);
    format!("{head}{}", rest.replacen(from, to, 1))
}

fn swapped(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.place(letters.len() - 1);
    letters.swap(at, at + 1);
    letters.into_iter().collect()
}

fn lost_or_doubled(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.place(letters.len());
    if dice.chance(0.6) {
        letters.remove(at);
    } else {
        letters.insert(at, letters[at]);
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_changes_a_text_of_two_letters_or_more() {
        let mut dice = Dice::new(1);
        for text in ["Li", "Kowalski", "Nguyễn", "李明", "van 't Hoff", "aa"] {
            for _ in 0..200 {
                assert_ne!(mistaken(text, &mut dice), text);
            }
        }
        assert_eq!(mistaken("Q", &mut dice), "Q");
    }

    #[test]
    fn a_digit_mistaken_is_one_digit_away() {
        let mut dice = Dice::new(1);
        for _ in 0..200 {
            let wrong = digit_mistaken("1980-04-09", &mut dice);
            assert_eq!(
                wrong.chars().zip("1980-04-09".chars()).filter(|(one, other)| one != other).count(),
                1
            );
        }
        assert_eq!(digit_mistaken("none", &mut dice), "none");
    }
}
