//! Whether two names sound alike, by the codes that phonetic schemes give them.
//!
//! The schemes themselves are another crate's; here stands what they are asked: a text is folded to its Latin letters
//! without diacritics, one with no such letter has no code, and two texts sound alike where they have a code in common.
//! A name of a script that a scheme cannot read is neither alike nor unlike. Codes are coarse: a level of them wants an
//! m and a u of its own. It blocks nothing; rules take keys of their own.
//!
//! Sources are named at [`Phonetic`]'s variants.

use std::sync::LazyLock;

use rphonetic::{Cologne, DaitchMokotoffSoundex, DoubleMetaphone, Encoder};

use crate::model::Phonetic;
use crate::prepare::fold_diacritics;

/// The rules of this scheme are read from text, once.
static DAITCH_MOKOTOFF: LazyLock<DaitchMokotoffSoundex> =
    LazyLock::new(DaitchMokotoffSoundex::default);

/// The characters of a text that are read. A name is far shorter, and nothing bounds what stands in a cell.
const MOST_LETTERS: usize = 64;

/// Returns the phonetic codes of a text in ascending order, each once; none where it has no Latin letter.
///
/// # Examples
///
/// ```
/// use linkage::compare::phonetic::codes;
/// use linkage::model::Phonetic;
///
/// let text: Vec<char> = "Müller".chars().collect();
/// assert_eq!(codes(Phonetic::Cologne, &text), ["657"]);
/// ```
pub fn codes(scheme: Phonetic, text: &[char]) -> Vec<String> {
    let folded = fold_diacritics(&text.iter().collect::<String>());
    let letters: String =
        folded.chars().filter(char::is_ascii_alphabetic).take(MOST_LETTERS).collect();
    if letters.is_empty() {
        return Vec::new();
    }
    let mut codes = match scheme {
        Phonetic::DoubleMetaphone => {
            let both = DoubleMetaphone::default().double_metaphone(&letters);
            vec![both.primary(), both.alternate()]
        }
        Phonetic::Cologne => vec![Cologne.encode(&letters)],
        Phonetic::DaitchMokotoff => {
            DAITCH_MOKOTOFF.soundex(&letters).split('|').map(str::to_owned).collect()
        }
    };
    codes.retain(|code| !code.is_empty());
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Says whether two texts have a code in common; nothing where one of them has none at all.
pub fn sound_alike(scheme: Phonetic, one: &[char], other: &[char]) -> Option<bool> {
    let (one, other) = (codes(scheme, one), codes(scheme, other));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    Some(one.iter().any(|code| other.contains(code)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEMES: [Phonetic; 3] =
        [Phonetic::DoubleMetaphone, Phonetic::Cologne, Phonetic::DaitchMokotoff];

    fn check(scheme: Phonetic, one: &str, other: &str, expected: Option<bool>) {
        let [left, right] = [one, other].map(|text| text.chars().collect::<Vec<_>>());
        assert_eq!(sound_alike(scheme, &left, &right), expected, "{scheme} {one} {other}");
        assert_eq!(sound_alike(scheme, &right, &left), expected, "{scheme} {other} {one}");
    }

    #[test]
    fn each_scheme_hears_its_own_languages() {
        check(Phonetic::DoubleMetaphone, "smith", "schmidt", Some(true));
        check(Phonetic::DoubleMetaphone, "catherine", "kathryn", Some(true));
        check(Phonetic::DoubleMetaphone, "smith", "jones", Some(false));
        check(Phonetic::Cologne, "müller", "Mueller", Some(true));
        check(Phonetic::Cologne, "meyer", "maier", Some(true));
        check(Phonetic::Cologne, "meyer", "schulz", Some(false));
        check(Phonetic::DaitchMokotoff, "moskowitz", "moskovitz", Some(true));
        check(Phonetic::DaitchMokotoff, "klein", "cleyn", Some(true));
        check(Phonetic::DaitchMokotoff, "klein", "weiss", Some(false));
    }

    #[test]
    fn a_diacritic_isnt_heard_and_a_script_without_latin_letters_says_nothing() {
        for scheme in SCHEMES {
            check(scheme, "Dvořák", "dvorak", Some(true));
            check(scheme, "李明", "李明", None);
            check(scheme, "李明", "liming", None);
            check(scheme, "", "smith", None);
            check(scheme, "12", "12", None);
        }
    }

    proptest! {
        #[test]
        fn any_text_has_codes_or_none_and_sounds_like_itself(text in prop::collection::vec(any::<char>(), 0..80)) {
            for scheme in SCHEMES {
                let known = codes(scheme, &text);
                let alike = sound_alike(scheme, &text, &text);
                prop_assert_eq!(alike, (!known.is_empty()).then_some(true));
            }
        }

        #[test]
        fn any_letters_have_codes_that_can_be_made(text in "[A-Za-z]{1,24}") {
            for scheme in SCHEMES {
                codes(scheme, &text.chars().collect::<Vec<_>>());
            }
        }
    }
}
