//! Counts the pairs of values that a single edit makes equal, all of them, without comparing all.
//!
//! For training: identifiers one edit apart are too rare among random pairs for a sample to show. Two texts one edit
//! apart have a text in common that each becomes by leaving out one character at most, so texts are looked up by the
//! hashes of these; whatever a hash brings together is compared. It works on distinct values and knows no record.
//!
//! Bocek, Hunt and Stiller, Fast Similarity Search in Large Dictionaries, 2007, whose deletion neighbourhood this is.

use crate::Result;
use crate::dictionary::Texts;
use crate::fuse::within_one;
use crate::observe::Room;
#[cfg(feature = "plan")]
use crate::parallel::share;

/// About how many hashes are looked at together: few enough to stay in a core's own cache.
const TOGETHER: usize = 1 << 15;

/// The most hashes that are held at once; where there are more, texts are hashed once more for each so many.
const MOST_HELD: usize = 1 << 23;

/// What a hash takes while its round is gone through: itself and its text, an eighth more for parts that are not equal, the
/// same once more while a part is put in order, and slots of bits.
const HASH_BYTES: usize = 24;

/// What a thread holds besides for each byte of the longest text: a letter's number, and a key with the part that it is of.
const LETTER_BYTES: usize = 24;

/// Fewer hashes than these are not worth a round.
const FEWEST_HELD: usize = 1 << 12;

/// The search for the different texts that one edit makes equal, in rounds that don't depend on each other.
#[derive(Clone, Copy)]
pub(crate) struct OneEdit<'t> {
    texts: &'t Texts,
    /// Whether a swap of neighbours is one edit too.
    swaps: bool,
    hashes: usize,
    rounds: usize,
    /// How many rounds are worth going through at once.
    #[cfg(feature = "plan")]
    at_once: usize,
}

impl<'t> OneEdit<'t> {
    /// Prepares the search for so many threads, in rounds that all of them together have room for. Any number of threads and
    /// any room finds the same.
    ///
    /// # Errors
    ///
    /// [`crate::Error::OutOfMemory`] where there is no room for a round of any use.
    pub(crate) fn new(
        texts: &'t Texts,
        swaps: bool,
        threads: usize,
        room: Room<'_>,
    ) -> Result<Self> {
        let hashes: usize = texts.iter().map(|text| text.len() + 1).sum();
        let longest = texts.iter().map(str::len).max().unwrap_or(0);
        let beside = (longest + 1) * LETTER_BYTES;
        let least = hashes.clamp(1, FEWEST_HELD) * HASH_BYTES + beside;
        room.check(least, "a search for values one edit apart")?;
        let at_once = threads.clamp(1, room.bytes() / least);
        let held = ((room.bytes() / at_once - beside) / HASH_BYTES).min(MOST_HELD);
        let rounds = match hashes.div_ceil(held) {
            0 | 1 => 1,
            // So that all threads end together.
            rounds => rounds.next_multiple_of(at_once),
        };
        Ok(Self {
            texts,
            swaps,
            hashes,
            rounds,
            #[cfg(feature = "plan")]
            at_once,
        })
    }

    /// Returns how many rounds there are.
    pub(crate) fn rounds(self) -> usize {
        self.rounds
    }

    /// Finds the pairs of one round, by their places, the one that stands first first.
    ///
    /// Two texts can have several of the shortened ones in common, so another round can find a pair again.
    pub(crate) fn pairs(self, round: usize) -> Vec<(u32, u32)> {
        self.pairs_of(Round::new(round, self.rounds, self.hashes))
    }

    fn pairs_of(self, round: Round) -> Vec<(u32, u32)> {
        let mut pairs = Vec::new();
        round.each(self.texts, self.swaps, |one, other, _| pairs.push((one, other)));
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// Sums up what each pair counts for, each once, and holds none.
    #[cfg(feature = "plan")]
    pub(crate) fn sum(self, count: impl Fn(usize, usize) -> u64 + Sync) -> u64 {
        let rounds = (0..self.rounds).collect();
        let sums = share(self.at_once, rounds, |round| {
            let round = Round::new(round, self.rounds, self.hashes);
            let mut sum = 0;
            round.each(self.texts, self.swaps, |one, other, key| {
                // Two texts can have several of the shortened ones in common, and count where the first is.
                if round.first_in_common(self.texts, one, other) == Some(key) {
                    sum += count(one as usize, other as usize);
                }
            });
            sum
        });
        sums.into_iter().sum()
    }
}

/// Calls for each of these pairs, each once.
pub(crate) fn each_once(mut pairs: Vec<(u32, u32)>, mut found: impl FnMut(usize, usize)) {
    #[expect(
        clippy::stable_sort_primitive,
        reason = "they come as a few lists in order, which this one merges"
    )]
    pairs.sort();
    pairs.dedup();
    for (one, other) in pairs {
        found(one as usize, other as usize);
    }
}

/// A share of all hashes, by their highest bits, in parts that are few enough each to be looked at together.
#[derive(Clone, Copy)]
struct Round {
    first: usize,
    parts: usize,
    /// How many parts there are in all rounds.
    all: usize,
    /// How many hashes a part has where all have as many.
    usual: usize,
}

impl Round {
    fn new(round: usize, rounds: usize, hashes: usize) -> Self {
        let parts = (hashes / rounds).div_ceil(TOGETHER).next_power_of_two();
        let all = rounds * parts;
        Self { first: round * parts, parts, all, usual: hashes / all }
    }

    /// Returns what a hash is told from others by: its part among all, and lower bits.
    fn key(self, hash: u64) -> (usize, u32) {
        (place_among(hash, self.all), low(hash))
    }

    /// Calls for each two texts one edit apart that have a key of this round in common, with the key: once for each.
    fn each(self, texts: &Texts, swaps: bool, mut found: impl FnMut(u32, u32, (usize, u32))) {
        let usual = self.usual + self.usual / 8;
        let mut held: Vec<Vec<(u32, u32)>> =
            (0..self.parts).map(|_| Vec::with_capacity(usual)).collect();
        let (mut letters, mut keys) = (Vec::new(), Vec::new());
        for (index, text) in (0u32..).zip(texts.iter()) {
            if keys.len() <= text.len() {
                keys.resize(text.len() + 1, (0, 0));
            }
            // Each key is written, and kept only if it is of this round, without a branch: no processor foresees which are.
            let mut count = 0;
            each_hash(text, &mut letters, |hash| {
                let (place, low) = self.key(hash);
                let part = place.wrapping_sub(self.first);
                keys[count] = (part, low);
                count += usize::from(part < self.parts);
            });
            for (part, low) in &keys[..count] {
                held[*part].push((*low, index));
            }
        }
        // About eight slots a hash, so that few are taken for seen twice that were not.
        let slots = (held.iter().map(Vec::len).max().unwrap_or(0) * 8).next_power_of_two().max(64);
        let slot = |hash: u32| {
            let place = hash as usize & (slots - 1);
            (place / 64, 1u64 << (place % 64))
        };
        let mut shared: Vec<(u32, u32)> = Vec::new();
        let (mut once, mut twice) = (vec![0u64; slots / 64], vec![0u64; slots / 64]);
        for (place, part) in (self.first..).zip(held) {
            once.fill(0);
            twice.fill(0);
            for (hash, _) in &part {
                let (word, bit) = slot(*hash);
                twice[word] |= once[word] & bit;
                once[word] |= bit;
            }
            shared.clear();
            shared.extend(part.into_iter().filter(|(hash, _)| {
                let (word, bit) = slot(*hash);
                twice[word] & bit != 0
            }));
            shared.sort_unstable();
            // Two hashes of one text may come to the same key.
            shared.dedup();
            for group in shared.chunk_by(|one, other| one.0 == other.0) {
                for (before, (low, one)) in group.iter().enumerate() {
                    for (_, other) in &group[before + 1..] {
                        if is_one_edit_apart(texts, *one, *other, swaps) {
                            found(*one, *other, (place, *low));
                        }
                    }
                }
            }
        }
    }

    /// Returns the least of all keys, of whatever round, that two texts have in common.
    #[cfg(feature = "plan")]
    fn first_in_common(self, texts: &Texts, one: u32, other: u32) -> Option<(usize, u32)> {
        let mut letters = Vec::new();
        let [here, there] = [one, other].map(|text| {
            let mut keys = Vec::new();
            each_hash(texts.get(text as usize), &mut letters, |hash| keys.push(self.key(hash)));
            keys
        });
        here.into_iter().filter(|key| there.contains(key)).min()
    }
}

fn is_one_edit_apart(texts: &Texts, one: u32, other: u32, swaps: bool) -> bool {
    let (one, other) = (texts.get(one as usize), texts.get(other as usize));
    if one.is_ascii() && other.is_ascii() {
        return one != other && within_one(one.as_bytes(), other.as_bytes(), swaps);
    }
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    one != other && within_one(&letters(one), &letters(other), swaps)
}

/// What the sum of a text's letters is taken to, and what takes it back: their product is 1 in 64 bits.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
const BASE_INVERSE: u64 = 0xf1de_83e1_9937_733d;

/// Calls with the hash of a text and of each different text that it becomes without one of its characters.
///
/// A hash is the sum of the letters, each times the base to the power of its place, so that the sum without one letter is
/// what stands before it and what stands after it moved up by one.
fn each_hash(text: &str, letters: &mut Vec<u64>, mut found: impl FnMut(u64)) {
    letters.clear();
    letters.extend(text.chars().map(|letter| u64::from(u32::from(letter)) + 1));
    let mut power = 1u64;
    let mut whole = 0u64;
    for letter in letters.iter() {
        whole = whole.wrapping_add(letter.wrapping_mul(power));
        power = power.wrapping_mul(BASE);
    }
    found(mixed(whole));
    let (mut before, mut power, mut last) = (0u64, 1u64, 0);
    for letter in letters.iter() {
        let here = letter.wrapping_mul(power);
        // Leaving out the second of two equal neighbours comes to the same text.
        if last != *letter {
            let after = whole.wrapping_sub(before).wrapping_sub(here);
            found(mixed(before.wrapping_add(after.wrapping_mul(BASE_INVERSE))));
        }
        before = before.wrapping_add(here);
        power = power.wrapping_mul(BASE);
        last = *letter;
    }
}

/// Lets every bit of a sum bear on every bit of its hash.
fn mixed(sum: u64) -> u64 {
    let half = (sum ^ sum >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (half ^ half >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Says in which of so many parts a hash falls, by its highest bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the high half of the product is below the count"
)]
fn place_among(hash: u64, parts: usize) -> usize {
    ((u128::from(hash) * parts as u128) >> u64::BITS) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half of a hash")]
fn low(hash: u64) -> u32 {
    hash as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::Error;
    use crate::compare::text;

    #[test]
    fn what_takes_the_base_back_does() {
        assert_eq!(BASE.wrapping_mul(BASE_INVERSE), 1);
    }

    #[test]
    fn what_there_is_room_for_is_not_more_than_there_is() {
        let texts: Texts = (0..40_000).map(|number| format!("{number:09}")).collect();
        let hashes = 400_000;
        for (bytes, threads, rounds) in [(1 << 30, 2, 1), (1 << 20, 1, 10), (1 << 20, 2, 20)] {
            let search = OneEdit::new(&texts, true, threads, Room::of_bytes("id", bytes)).unwrap();
            assert_eq!(search.rounds(), rounds, "{bytes}");
            assert!(hashes / rounds * HASH_BYTES * threads <= bytes);
        }
        let least = FEWEST_HELD * HASH_BYTES + 10 * LETTER_BYTES;
        let little = OneEdit::new(&texts, true, 2, Room::of_bytes("id", least));
        assert_eq!(little.unwrap().rounds(), 98, "by one thread, since two have no room");
        assert!(OneEdit::new(&texts, true, 2, Room::of_bytes("id", least - 1)).is_err());
        let none = OneEdit::new(&texts, true, 2, Room::of_bytes("id", 1000));
        let Err(Error::OutOfMemory { problem }) = none.map(|_| ()) else { panic!("no room") };
        assert!(problem.contains("one edit apart of `id`, and 1000 may be"), "{problem}");
    }

    proptest! {
        #[test]
        fn every_pair_one_edit_apart_is_found_once(all in prop::collection::btree_set("[ab1é]{0,6}", 0..60)) {
            let texts: Texts = all.iter().collect();
            let letters: Vec<Vec<char>> = all.iter().map(|text| text.chars().collect()).collect();
            for swaps in [false, true] {
                let mut found = Vec::new();
                let search = OneEdit::new(&texts, swaps, 2, Room::open("id")).unwrap();
                let pairs = (0..search.rounds()).flat_map(|round| search.pairs(round));
                each_once(pairs.collect(), |one, other| found.push((one, other)));
                let mut expected = BTreeSet::new();
                for one in 0..letters.len() {
                    for other in one + 1..letters.len() {
                        let (here, there) = (&letters[one], &letters[other]);
                        let apart = if swaps {
                            text::optimal_alignment(here, there)
                        } else {
                            text::levenshtein(here, there)
                        };
                        if apart == 1 {
                            expected.insert((one, other));
                        }
                    }
                }
                // In several rounds as in one.
                let hashes = 7 * texts.len() + 1;
                let rounds = (0..3).flat_map(|round| search.pairs_of(Round::new(round, 3, hashes)));
                let rounds: BTreeSet<_> = rounds.map(|(one, other)| (one as usize, other as usize)).collect();
                prop_assert_eq!(&rounds, &expected);
                // Counted one by one, in rounds of any room, as often.
                #[cfg(feature = "plan")]
                for rounds in 1..4 {
                    let search = OneEdit { rounds, at_once: 2, ..search };
                    let places = |one: usize, other: usize| (one * 100 + other) as u64;
                    let listed: u64 = expected.iter().map(|(one, other)| places(*one, *other)).sum();
                    prop_assert_eq!(search.sum(places), listed);
                }
                prop_assert_eq!(found.len(), expected.len());
                prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
    }
}
