//! Randomness from a seed, the same on every machine and with every release.
//!
//! Only the generator is a library's (ChaCha8, whose stream its specification fixes). How its words become choices is
//! written out here, since libraries of distributions may change that from one release to the next. It isn't for keys.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of choices.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Returns a whole number below `bound`, each as likely; 0 where the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The high word of a 128-bit product; off by less than one part in 2^64 / bound.
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Returns the place of one item in a list of this length; 0 where it is empty.
    #[expect(clippy::cast_possible_truncation, reason = "what is below a usize fits one")]
    pub(crate) fn place(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Returns a whole number below `bound`, for arithmetic that may go below nothing.
    pub(crate) fn whole_below(&mut self, bound: u32) -> i64 {
        self.below(u64::from(bound)).cast_signed()
    }

    /// Returns a number from 0 to below 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Says yes this share of the time.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// Picks one of a list that isn't empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.place(list.len())]
    }
}
