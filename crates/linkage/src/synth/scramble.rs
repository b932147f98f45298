//! Scatters the numbers from 0 up over a range, each to a place of its own.
//!
//! Identifiers that count up would lie beside each other, and one wrong digit would hit a neighbour as no real one does.
//! This is a Feistel network over the range's bits, walked until it falls within the range (J. Black, P. Rogaway:
//! Ciphers with Arbitrary Finite Domains, CT-RSA 2002, section 3). It hides nothing: it mixes.

use crate::random::Dice;

/// A one-to-one mapping of the numbers below a bound.
pub(super) struct Scramble {
    bound: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Scramble {
    /// Draws a mapping of the numbers below `bound`.
    pub(super) fn new(bound: u64, dice: &mut Dice) -> Self {
        let bits = u64::BITS - bound.saturating_sub(1).leading_zeros();
        let keys = [(); 4].map(|()| dice.below(u64::MAX));
        Self { bound, half_bits: bits.div_ceil(2), keys }
    }

    /// Returns the place of a number below the bound.
    pub(super) fn place(&self, number: u64) -> u64 {
        let mut place = number;
        loop {
            place = self.mix(place);
            // Walking a permutation from within the range comes back into it.
            if place < self.bound || number >= self.bound {
                return place;
            }
        }
    }

    fn mix(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits & mask, number & mask);
        for key in self.keys {
            // The multiplier is that of Fibonacci hashing: 2^64 over the golden ratio.
            let mixed = ((right ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15)) >> 29;
            (left, right) = (right, left ^ (mixed & mask));
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_below_the_bound_has_a_place_of_its_own_below_it() {
        for bound in [1, 2, 3, 10, 1_000, 4_097] {
            let scramble = Scramble::new(bound, &mut Dice::new(bound));
            let places: HashSet<u64> = (0..bound).map(|number| scramble.place(number)).collect();
            assert_eq!(places.len() as u64, bound);
            assert!(places.iter().all(|&place| place < bound));
        }
    }

    #[test]
    fn numbers_beside_each_other_are_scattered() {
        let scramble = Scramble::new(1_000_000_000, &mut Dice::new(1));
        let near = (0..10_000).filter(|&number| {
            scramble.place(number).abs_diff(scramble.place(number + 1)) < 1_000_000
        });
        assert!(near.count() < 60);
    }
}
