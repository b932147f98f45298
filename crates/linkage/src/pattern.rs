//! The pattern of a pair: the level that each comparison came to, packed in one word.
//!
//! Training and scoring cost a pattern, not a pair, so a pattern is small, ordered and cheap to count. It says nothing
//! of anybody's values. What the levels mean is in the model.

use std::fmt;

use crate::model::MOST_COMPARISONS;

/// Bits for one comparison's level: the null level and [`crate::model::MOST_LEVELS`] others.
const BITS: usize = 4;

/// The levels of one pair, γ in the literature: 0 is the null level, 1 the first that the model writes, and so on.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(u64);

impl Pattern {
    /// The null level: one of the two records lacks the column.
    pub const NULL: u8 = 0;

    /// Packs levels, comparison by comparison.
    pub fn new(levels: &[u8]) -> Self {
        debug_assert!(levels.len() <= MOST_COMPARISONS, "the model allows no more comparisons");
        levels
            .iter()
            .enumerate()
            .fold(Self(0), |pattern, (index, level)| pattern.with(index, *level))
    }

    /// Returns the word that it is packed in, for tables.
    pub fn word(self) -> u64 {
        self.0
    }

    /// Takes the word back.
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// Returns the level of one comparison.
    #[inline]
    pub fn level(self, comparison: usize) -> u8 {
        ((self.0 >> (BITS * comparison)) & 0xf) as u8
    }

    /// Returns the pattern with one level set, which was null before.
    #[inline]
    pub(crate) fn with(self, comparison: usize, level: u8) -> Self {
        debug_assert!(level < 16, "the model allows no more levels");
        Self(self.0 | (u64::from(level) << (BITS * comparison)))
    }

    /// Returns the pattern in which only these comparisons are not null.
    pub(crate) fn only(self, comparisons: &[bool]) -> Self {
        let kept = |index: &usize| comparisons[*index];
        (0..comparisons.len())
            .filter(kept)
            .fold(Self(0), |pattern, index| pattern.with(index, self.level(index)))
    }

    /// Returns the levels of the first `comparisons` comparisons.
    pub fn levels(self, comparisons: usize) -> Vec<u8> {
        (0..comparisons).map(|index| self.level(index)).collect()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pattern({:x})", self.0)
    }
}
