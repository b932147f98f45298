//! Soundex: what a name sounds like, as a letter and three digits.
//!
//! It is the American one, as the National Archives [describe
//! it](https://www.archives.gov/research/census/soundex).

use crate::prepare::fold_diacritics;

/// Returns the Soundex code of the Latin letters in a text, if there are any.
pub(super) fn soundex(text: &str) -> Option<String> {
    let folded = fold_diacritics(text);
    let mut latin =
        folded.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase());
    let first = latin.next()?;
    let mut code = String::from(first);
    let mut last = soundex_digit(first);
    for letter in latin {
        // H and W part nothing: the letters around them count as neighbours. A vowel parts them.
        if matches!(letter, 'H' | 'W') {
            continue;
        }
        let digit = soundex_digit(letter);
        if let Some(digit) = digit
            && last != Some(digit)
        {
            code.push(digit);
        }
        last = digit;
        if code.len() == 4 {
            return Some(code);
        }
    }
    Some(format!("{code:0<4}"))
}

fn soundex_digit(letter: char) -> Option<char> {
    match letter {
        'B' | 'F' | 'P' | 'V' => Some('1'),
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
        'D' | 'T' => Some('3'),
        'L' => Some('4'),
        'M' | 'N' => Some('5'),
        'R' => Some('6'),
        _ => None,
    }
}
