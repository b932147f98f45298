//! Finds the level of a comparison from two rows.
//!
//! Inside the fused pass: the same levels as [`crate::compare::Comparer`] finds, which is the definition, with less work.
//! Equal values are equal codes; a signature turns most values away that no single edit could make equal; the rest is
//! asked of the kernels, and remembered for as long as remembering pays. It weighs nothing.

use crate::Result;
use crate::compare::grader::Grader;
use crate::compare::{Compiled, NONE_HOLDS, Wide};
use crate::dictionary::Texts;
use crate::fuse::edit::within_one;
use crate::fuse::rows::Word;
use crate::fuse::sieve::Signs;
use crate::model::{Comparison, Test};
use crate::record::RecordRef;
use crate::tables::{NO_VALUE, Tables, Values};

/// One comparison, the words of its columns looked up. The word of its own column is its place in the model.
pub(crate) struct Finder<'t> {
    tables: &'t Tables,
    parts: Vec<Part<'t>>,
    wide: Vec<(u8, Wide)>,
    otherwise: u8,
    /// The comparison's own column and the tests on it, where it has no others.
    alone: Option<(usize, Vec<(u8, Test)>)>,
    /// Whether equal values are the first level, whatever else holds.
    pub(crate) equal_is_first: bool,
    /// About how much work it is to find a level of values that differ.
    pub(crate) cost: u32,
}

/// The levels that look at one column.
struct Part<'t> {
    word: usize,
    /// The word of the signature, where values have one.
    signature: Option<usize>,
    /// The first level, where it is of equal values.
    equal: Option<u8>,
    grading: Grading<'t>,
}

/// How the levels of a column are found.
enum Grading<'t> {
    /// All ask whether values are equal; the first of them.
    Equal(u8),
    /// All ask about one edit at most.
    OneEdit(Vec<(u8, Edit)>, &'t Texts),
    /// By the kernels.
    Kernels(Box<Grader<'t>>),
}

/// What a level of one edit asks.
#[derive(Clone, Copy, PartialEq)]
enum Edit {
    None,
    /// An insertion, deletion or substitution.
    One,
    /// One of these, or a swap of neighbours.
    OneOrSwap,
}

/// What the kernels said of two values, for the values that came last.
pub(crate) struct Memo {
    /// The two codes and the level, by a hash of the codes. Empty where remembering didn't pay.
    slots: Vec<(u64, u8)>,
    asked: u32,
    found: u32,
}

/// The slots of a memo, a power of two: few enough that several memos stay in a core's own cache.
const SLOTS: usize = 1 << 13;

/// After this many questions it is decided whether remembering pays.
const TRIED: u32 = 1 << 14;

impl Memo {
    fn new() -> Self {
        Self { slots: vec![(0, 0); SLOTS], asked: 0, found: 0 }
    }

    #[inline]
    fn find(&mut self, one: u32, other: u32, find: impl FnOnce() -> u8) -> u8 {
        if self.slots.is_empty() {
            return find();
        }
        let key = u64::from(one) << 32 | u64::from(other);
        // The high bits of the product, which depend on all bits of the key.
        let slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51) as usize % SLOTS;
        self.asked += 1;
        let (known, level) = self.slots[slot];
        if known == key {
            self.found += 1;
            return level;
        }
        let level = find();
        self.slots[slot] = (key, level);
        if self.asked == TRIED {
            if self.found < TRIED / 3 {
                self.slots = Vec::new();
            }
            (self.asked, self.found) = (0, 0);
        }
        level
    }
}

impl<'t> Finder<'t> {
    /// Looks up the columns of a comparison, adding to the words what rows don't have yet.
    pub(crate) fn new(
        tables: &'t Tables,
        comparison: &Comparison,
        words: &mut Vec<Word>,
    ) -> Result<Self> {
        let Compiled { column, parts, wide, otherwise } = Compiled::new(tables, comparison)?;
        let alone = match parts.as_slice() {
            [part] if wide.is_empty() && part.column == column => {
                Some((column, part.tests.clone()))
            }
            _ => None,
        };
        let mut equal_is_first = false;
        let mut cost = 1 + 16 * u32::try_from(wide.len()).unwrap_or(1);
        let parts: Vec<Part<'t>> = parts
            .into_iter()
            .map(|part| {
                let equal = part
                    .tests
                    .first()
                    .and_then(|(number, test)| (*test == Test::Exact).then_some(*number));
                equal_is_first |= part.column == column && equal == Some(1);
                let graded = part.tests.iter().any(|(_, test)| *test != Test::Exact);
                let once = part.tests.iter().all(|(_, test)| is_one_edit(test));
                let values = tables.values(part.column);
                let distinct = values.len();
                let signature = (graded && once && distinct >= FEWEST_SIGNED)
                    .then(|| signatures(values).map(|of| place(words, Word::Of(part.column, of))))
                    .flatten();
                cost += match (graded, signature) {
                    (false, _) => 1,
                    (true, Some(_)) => 2,
                    (true, None) if once => 6,
                    // Values that aren't in any cache.
                    (true, None) if distinct > 100_000 => 24,
                    (true, None) => 12,
                };
                let grading = match (values, part.tests.first()) {
                    (_, Some((level, _))) if !graded => Grading::Equal(*level),
                    (Values::Text(texts), _) if signature.is_some() => {
                        let edits = part.tests.iter().map(|(level, test)| (*level, edit_of(test)));
                        Grading::OneEdit(edits.collect(), texts)
                    }
                    _ => Grading::Kernels(Box::new(Grader::new(
                        &tables.columns()[part.column],
                        values,
                        &part.tests,
                    ))),
                };
                Part { word: place(words, Word::Code(part.column)), signature, equal, grading }
            })
            .collect();
        Ok(Self { tables, parts, wide, otherwise, alone, equal_is_first, cost })
    }

    /// Takes its words to where they are now.
    pub(crate) fn with_words(mut self, moved: impl Fn(usize) -> usize) -> Self {
        for part in &mut self.parts {
            part.word = moved(part.word);
            part.signature = part.signature.map(&moved);
        }
        self
    }

    /// Puts signs of its values into rows, where they tell all that its levels ask.
    pub(crate) fn signs(&self, words: &mut Vec<Word>) -> Option<Signs> {
        let (column, tests) = self.alone.as_ref()?;
        let prepared = match self.parts.as_slice() {
            [Part { grading: Grading::Kernels(grader), .. }] => grader.prepared(),
            _ => None,
        };
        Signs::of(self.tables.values(*column), prepared, *column, tests, words)
    }

    /// Returns memos to find levels with, one for each thread.
    pub(crate) fn memos(&self) -> Vec<Memo> {
        self.parts.iter().map(|_| Memo::new()).collect()
    }

    /// Returns the level that holds where nothing else does.
    pub(crate) fn otherwise(&self) -> u8 {
        self.otherwise
    }

    /// Finds the level of two records that both have a value in the comparison's own column.
    #[inline]
    pub(crate) fn level(
        &self,
        memos: &mut [Memo],
        left: &[u32],
        right: &[u32],
        source: RecordRef,
        recipient: RecordRef,
    ) -> u8 {
        let mut first = self.otherwise;
        for (part, memo) in self.parts.iter().zip(memos) {
            first = first.min(part.level(memo, left, right));
        }
        for (number, test) in &self.wide {
            if *number < first && test.holds(self.tables, source, recipient) == Some(true) {
                first = *number;
            }
        }
        first
    }
}

impl Part<'_> {
    #[inline]
    fn level(&self, memo: &mut Memo, left: &[u32], right: &[u32]) -> u8 {
        let (one, other) = (left[self.word], right[self.word]);
        if one == NO_VALUE || other == NO_VALUE {
            return NONE_HOLDS;
        }
        if one == other
            && let Some(level) = self.equal
        {
            return level;
        }
        match &self.grading {
            Grading::Equal(level) => {
                if one == other {
                    *level
                } else {
                    NONE_HOLDS
                }
            }
            Grading::OneEdit(edits, texts) => {
                let apart = |word: usize| one != other && are_edits_apart(left[word], right[word]);
                if self.signature.is_some_and(apart) {
                    return NONE_HOLDS;
                }
                level_of_edits(edits, texts.get(one as usize - 1), texts.get(other as usize - 1))
            }
            Grading::Kernels(grader) => {
                let (one, other) = if grader.is_symmetric() {
                    (one.min(other), one.max(other))
                } else {
                    (one, other)
                };
                memo.find(one, other, || grader.first_level(one, other))
            }
        }
    }
}

/// Returns the first level of which two texts are few enough edits apart.
fn level_of_edits(edits: &[(u8, Edit)], one: &str, other: &str) -> u8 {
    let bytes_do = one.is_ascii() && other.is_ascii();
    let within = |swaps| {
        if bytes_do {
            return within_one(one.as_bytes(), other.as_bytes(), swaps);
        }
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        within_one(&letters(one), &letters(other), swaps)
    };
    let holds = |(_, edit): &&(u8, Edit)| match edit {
        Edit::None => one == other,
        Edit::One => within(false),
        Edit::OneOrSwap => within(true),
    };
    edits.iter().find(holds).map_or(NONE_HOLDS, |(level, _)| *level)
}

/// Finds a word among those that rows have, or adds it.
fn place(words: &mut Vec<Word>, word: Word) -> usize {
    if let Word::Code(column) = word {
        let same = |other: &Word| matches!(other, Word::Code(other) if *other == column);
        if let Some(found) = words.iter().position(same) {
            return found;
        }
    }
    words.push(word);
    words.len() - 1
}

/// Columns with fewer distinct values than this need no signatures: their values stay in a cache.
const FEWEST_SIGNED: usize = 4096;

/// Whether a test holds of values that differ only where a single edit makes them equal.
fn is_one_edit(test: &Test) -> bool {
    matches!(
        test,
        Test::Exact
            | Test::Levenshtein(0 | 1)
            | Test::OptimalAlignment(0 | 1)
            | Test::Damerau(0 | 1)
    )
}

fn edit_of(test: &Test) -> Edit {
    match test {
        Test::Levenshtein(1) => Edit::One,
        Test::OptimalAlignment(1) | Test::Damerau(1) => Edit::OneOrSwap,
        // Those of no edit, and no others are asked about here.
        _ => Edit::None,
    }
}

/// The characters of a value's two ends that its signature is made of.
const END: usize = 5;

/// Gives each code of a text column a signature; none where too few values would have one.
///
/// One edit changes the first five characters of a value or the last five, and never both, where it has eleven or more:
/// so values whose first five differ and whose last five differ are more than one edit apart.
fn signatures(values: &Values) -> Option<Vec<u32>> {
    let Values::Text(texts) = values else {
        return None;
    };
    let (mut signed, ascii) = (0, texts.are_ascii());
    let sign = |text: &str| {
        let bytes = text.as_bytes();
        let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) else {
            return 0;
        };
        if bytes.len() <= 2 * END || !(ascii || text.is_ascii()) {
            return 0;
        }
        signed += 1;
        // 15 bits of the product, and never none of them, so that 0 stands for no signature.
        let hash = |end: u64| (end.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 49) as u32 | 1;
        // The five of these eight that are the end.
        let (first, last) = (u64::from_be_bytes(*first), u64::from_be_bytes(*last));
        hash(first >> (64 - 8 * END)) << 16 | hash(last & ((1 << (8 * END)) - 1))
    };
    let of: Vec<u32> = std::iter::once(0).chain(texts.iter().map(sign)).collect();
    (2 * signed >= texts.len()).then_some(of)
}

/// Whether two signatures show that more than one edit lies between two values.
fn are_edits_apart(one: u32, other: u32) -> bool {
    let apart = one ^ other;
    one != 0 && other != 0 && apart >> 16 != 0 && apart & 0xffff != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compare::text;

    proptest! {
        #[test]
        fn a_signature_turns_no_value_away_that_is_one_edit_off(
            one in "[0-9ab]{9,14}", other in "[0-9ab]{9,14}", at in 0..14usize, edit in 0..4u8, letter in "[0-9]",
        ) {
            // Another value, and one that is made of the first by one edit.
            let mut edited: Vec<char> = one.chars().collect();
            let at = at % edited.len();
            let letter = letter.chars().next().unwrap();
            match edit {
                0 => edited[at] = letter,
                1 => { edited.remove(at); }
                2 => edited.insert(at, letter),
                _ => if at > 0 { edited.swap(at - 1, at) },
            }
            let edited: String = edited.iter().collect();
            for other in [other, edited] {
                let mut texts = Texts::default();
                texts.push(&one);
                texts.push(&other);
                if let Some(signatures) = signatures(&Values::Text(texts)) {
                    let letters = |text: &str| text.chars().collect::<Vec<_>>();
                    if are_edits_apart(signatures[1], signatures[2]) {
                        prop_assert!(text::damerau(&letters(&one), &letters(&other)) > 1);
                    }
                }
            }
        }
    }
}
