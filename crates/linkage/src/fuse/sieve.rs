//! Turns most pairs away many at a time, by what short rows tell of them.
//!
//! Inside the fused pass, where only heavy pairs are sought, and before `bound`, which looks at one pair. A source
//! record is held against the recipient's records of its block side by side, word by word, in loops without a branch, so
//! that the processor does several at once. Of each comparison it adds the most that it can still bring: by equal codes,
//! by a missing value, and else by signs, which say of two texts that no more than so many of their letters can be in
//! common or that so many edits lie between them at least. What cannot weigh enough so is turned away; everything else
//! goes on and is weighed exactly, so what comes out of a pass doesn't depend on this. It looks at no value.

#![expect(
    clippy::inline_always,
    reason = "a loop takes on its caller's instructions only where it is inlined"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a bound needs few digits, and rounding is allowed for"
)]

use std::ops::Range;

use crate::compare::prepared::{Prepared, letters_of};
use crate::compare::simd::{Processor, Work};
use crate::fuse::bound::Bound;
use crate::fuse::finder::Finder;
use crate::fuse::rows::{Rows, Word};
use crate::model::Test;
use crate::record::RecordRef;
use crate::score::Scorer;
use crate::tables::{NO_VALUE, Values};

/// How many pairs are looked at side by side.
pub(crate) const LANES: usize = 16;

/// How far sums of a few dozen logarithms in 32 bits can be off, many times over.
const SLACK: f64 = 0.01;

/// How far a similarity in 32 bits can be off, many times over.
const SIMILARITY_SLACK: f32 = 1e-3;

/// Where the signs of a comparison's values stand in a row, and what they are signs of.
#[derive(Clone, Copy)]
pub(crate) enum Signs {
    /// One word: which letters a text has.
    Edits(usize),
    /// Two words: the same, and the length with the first letters.
    Similarity(usize, usize),
}

impl Signs {
    /// Puts signs into rows, for the tests of a comparison on one column of texts, where all can be told by them.
    ///
    /// `prepared` are the texts as they are laid out, where that was done.
    pub(crate) fn of(
        values: &Values,
        prepared: Option<&Prepared>,
        column: usize,
        tests: &[(u8, Test)],
        words: &mut Vec<Word>,
    ) -> Option<Self> {
        let written = match values {
            Values::Text(written) | Values::Dates(_, written) => written,
            Values::Numbers(_) | Values::Times(_) | Values::Places(_) | Values::Lists(_) => {
                return None;
            }
        };
        let (mut edits, mut similarities) = (false, false);
        for (_, test) in tests {
            match test {
                Test::Exact => {}
                Test::Levenshtein(_) | Test::OptimalAlignment(_) | Test::Damerau(_) => edits = true,
                Test::Jaro(_) | Test::JaroWinkler(_) => similarities = true,
                _ => return None,
            }
        }
        if edits == similarities {
            return None;
        }
        let mut put = |of: Vec<u32>| {
            words.push(Word::Of(column, of));
            words.len() - 1
        };
        let letters = |text| letters_of(str::chars(text));
        let bag = put(prepared.map_or_else(
            || bags(written.iter().map(letters).collect::<Vec<u64>>().into_iter()),
            |prepared| bags(prepared.letters_of_all()),
        ));
        let ascii = written.are_ascii();
        let head = |text| head(text, ascii);
        let mut heads = || put(of_values(written.len(), written.iter().map(head)));
        Some(if edits { Self::Edits(bag) } else { Self::Similarity(bag, heads()) })
    }
}

impl Signs {
    /// Takes its words to where they are now.
    pub(crate) fn with_words(self, moved: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Edits(bag) => Self::Edits(moved(bag)),
            Self::Similarity(bag, head) => Self::Similarity(moved(bag), moved(head)),
        }
    }
}

/// The bits of a head that hold a text's length.
const LENGTH_BITS: u32 = 8;

/// The bits of each of its first four letters.
const LETTER_BITS: u32 = 6;

/// Says how long a text is, 0 standing for longer than can be said, and something of its first four letters.
///
/// `ascii` is whether it is known to have no letter beyond ASCII.
fn head(text: &str, ascii: bool) -> u32 {
    let said = |length: usize| if length < 1 << LENGTH_BITS { length as u32 } else { 0 };
    let with = |head: u32, place: u32, letter: u32| {
        head | (letter % (1 << LETTER_BITS)) << (LENGTH_BITS + place * LETTER_BITS)
    };
    match text.as_bytes() {
        [first, second, third, fourth, ..] if ascii || text.is_ascii() => {
            let head = with(said(text.len()), 0, u32::from(*first));
            let head = with(with(head, 1, u32::from(*second)), 2, u32::from(*third));
            with(head, 3, u32::from(*fourth))
        }
        _ => {
            let letters = text.chars().take(4).zip(0..);
            letters.fold(said(text.chars().count()), |head, (letter, place)| {
                with(head, place, u32::from(letter))
            })
        }
    }
}

/// Returns what stands in a row for each value of a column, that for none first.
fn of_values(count: usize, of: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut all = Vec::with_capacity(count + 1);
    all.push(0);
    all.extend(of);
    all
}

/// Returns the bag of each text of a column, that for none first: what letters it has, in 32 bits.
///
/// Of the 64 bits that say so, it has the 32 that are set most often in the column. So what one bag has and another hasn't
/// is still no more than the letters that the one text has and the other hasn't.
fn bags(letters: impl ExactSizeIterator<Item = u64> + Clone) -> Vec<u32> {
    let chosen = Chosen::of(letters.clone());
    of_values(letters.len(), letters.map(|letters| chosen.bag(letters)))
}

/// Which 32 of 64 bits a bag has.
struct Chosen {
    /// What each value of each byte brings.
    of: [[u32; 256]; 8],
}

/// From how many texts it is found which bits are set most often.
const COUNTED: usize = 1 << 12;

impl Chosen {
    fn of(letters: impl ExactSizeIterator<Item = u64>) -> Self {
        // Counted by byte first, and then by the bits of each value that a byte has.
        let mut bytes = [[0u32; 256]; 8];
        let step = letters.len() / COUNTED + 1;
        for letters in letters.step_by(step) {
            for (counts, byte) in bytes.iter_mut().zip(letters.to_le_bytes()) {
                counts[usize::from(byte)] += 1;
            }
        }
        let counts: [u32; 64] = std::array::from_fn(|bit| {
            let values = bytes[bit / 8].iter().enumerate();
            values.filter(|(value, _)| value >> (bit % 8) & 1 == 1).map(|(_, count)| count).sum()
        });
        let mut order: [usize; 64] = std::array::from_fn(|bit| bit);
        order.sort_by_key(|bit| std::cmp::Reverse(counts[*bit]));
        let mut of = [[0; 256]; 8];
        for (place, bit) in order.into_iter().take(32).enumerate() {
            for (value, brought) in of[bit / 8].iter_mut().enumerate() {
                *brought |= ((value >> (bit % 8) & 1) as u32) << place;
            }
        }
        Self { of }
    }

    fn bag(&self, letters: u64) -> u32 {
        let bytes = letters.to_le_bytes();
        bytes.iter().zip(&self.of).fold(0, |bag, (byte, of)| bag | of[usize::from(*byte)])
    }
}

/// From which measure on a test can hold, for those that signs tell of.
fn holds_from(test: &Test) -> Option<f32> {
    match test {
        // Measured as edits below none, so that more is closer here too.
        Test::Levenshtein(most) | Test::OptimalAlignment(most) | Test::Damerau(most) => {
            Some(-(*most as f32))
        }
        Test::Jaro(least) | Test::JaroWinkler(least) => Some(*least as f32 - SIMILARITY_SLACK),
        _ => None,
    }
}

/// What the signs of one comparison tell of a single pair: that no level but the last can hold.
#[derive(Clone, Copy)]
pub(crate) struct Far {
    signs: Signs,
    /// From which measure on another level can.
    from: f32,
}

impl Far {
    /// Takes the loosest of a comparison's tests, all of which these are signs for.
    pub(crate) fn of<'a>(signs: Signs, tests: impl Iterator<Item = &'a Test>) -> Option<Self> {
        let from = tests.filter_map(holds_from).reduce(lesser)?;
        Some(Self { signs, from })
    }

    /// Says whether two values differ by more than any test but the last allows. Both rows have a value.
    #[inline]
    pub(crate) fn is_far(self, left: &[u32], right: &[u32]) -> bool {
        match self.signs {
            Signs::Edits(word) => edit_measure(left[word], right[word]) < self.from,
            Signs::Similarity(bag, head) => {
                similarity_measure((left[bag], left[head]), (right[bag], right[head])) < self.from
            }
        }
    }
}

/// The pass's sieve.
///
/// First all comparisons by codes alone, then those that signs tell more of, those first that take off most. The pairs of a
/// group are let go together, as soon as none of them can weigh enough.
pub(crate) struct Sieve {
    processor: Processor,
    /// The prior.
    prior: f32,
    /// Below this no pair is kept.
    least: f32,
    coarse: Vec<Coarse>,
    fine: Vec<Fine>,
}

/// What codes tell of one comparison. Its word is its place in the model.
struct Coarse {
    /// The most where values are equal, without a frequency part that is known by then.
    equal: f32,
    /// Whether equal values have a frequency part.
    frequent: bool,
    /// The most where they differ.
    differing: f32,
}

/// What signs tell of one comparison, all of it counted from the most where values differ.
struct Fine {
    /// The word of its code.
    code: usize,
    signs: Signs,
    steps: [Step; STEPS],
    /// The most where no level but the last can hold.
    far: f32,
}

/// How many levels are told apart by signs; where there are more, the closest count as one.
const STEPS: usize = 3;

/// From which measure on a level can hold.
#[derive(Clone, Copy)]
struct Step {
    from: f32,
    /// The most that it brings, and the looser ones.
    most: f32,
}

impl Sieve {
    /// Makes the sieve of a model. `signs` are of each comparison.
    pub(crate) fn new(
        scorer: &Scorer<'_>,
        finders: &[Finder<'_>],
        bound: &Bound,
        signs: &[Option<Signs>],
        least: f64,
    ) -> Self {
        let comparisons = scorer.model().comparisons().iter().zip(finders).zip(signs);
        let (mut coarse, mut fine) = (Vec::new(), Vec::new());
        for (index, ((comparison, finder), signs)) in comparisons.enumerate() {
            let frequent = bound.frequent >> index & 1 == 1;
            let equal = if frequent { scorer.partial(index, 1) } else { bound.equal(index) };
            let differing = bound.differing[index];
            coarse.push(Coarse { equal: equal as f32, frequent, differing: differing as f32 });
            let Some(signs) = *signs else { continue };
            let less = |level| (bound.most_of(index, level) - differing) as f32;
            let far = less(finder.otherwise());
            let mut steps: Vec<Step> = (1u8..)
                .zip(&comparison.levels)
                .filter_map(|(number, level)| {
                    holds_from(&level.test).map(|from| Step { from, most: less(number) })
                })
                .collect();
            steps.sort_by(|one, other| one.from.total_cmp(&other.from));
            let mut most = far;
            for step in &mut steps {
                most = most.max(step.most);
                step.most = most;
            }
            let mut few = [Step { from: f32::INFINITY, most }; STEPS];
            for (place, step) in steps.into_iter().enumerate() {
                match few.get_mut(place) {
                    Some(few) => *few = step,
                    None => few[STEPS - 1].most = step.most,
                }
            }
            fine.push(Fine { code: index, signs, steps: few, far });
        }
        fine.sort_by(|one, other| one.far.total_cmp(&other.far));
        Self {
            processor: Processor::detect(),
            prior: scorer.prior() as f32,
            least: (least - SLACK) as f32,
            coarse,
            fine,
        }
    }

    /// Holds a source record against some recipient's records, and puts the places of those that go on into `sifted`.
    ///
    /// Returns how many pairs no earlier rule makes; `earlier` are the words of the keys of those.
    pub(crate) fn sift(
        &self,
        scorer: &Scorer<'_>,
        left: &[u32],
        earlier: &[usize],
        columns: &Columns,
        places: Range<usize>,
        sifted: &mut Sifted,
    ) -> u64 {
        sifted.found.clear();
        self.processor.run_wide(Sifting {
            sieve: self,
            scorer,
            left,
            earlier,
            columns,
            places,
            sifted,
        })
    }
}

/// What came of sifting, and room to do it in.
#[derive(Default)]
pub(crate) struct Sifted {
    /// The places of the records that go on.
    pub(crate) found: Vec<u32>,
}

/// The rows of some records turned on their side: word by word.
#[derive(Default)]
pub(crate) struct Columns {
    length: usize,
    words: Vec<u32>,
}

impl Columns {
    pub(crate) fn gather<'r>(
        &mut self,
        rows: &Rows,
        lists: impl Iterator<Item = &'r [RecordRef]> + Clone,
    ) {
        // What lies beyond the last record is looked at with it, and left out.
        self.length = lists.clone().map(<[_]>::len).sum::<usize>() + LANES;
        self.words.resize(self.length * rows.stride(), 0);
        for (place, record) in lists.flatten().enumerate() {
            let cells = self.words[place..].iter_mut().step_by(self.length);
            cells.zip(rows.row(record.index())).for_each(|(cell, word)| *cell = *word);
        }
    }

    #[inline(always)]
    fn lanes(&self, word: usize, place: usize) -> &[u32; LANES] {
        const NOTHING: &[u32; LANES] = &[0; LANES];
        let from = word * self.length + place;
        // There is always room for so many, for the padding's sake.
        self.words
            .get(from..from + LANES)
            .and_then(|lanes| lanes.try_into().ok())
            .unwrap_or(NOTHING)
    }
}

/// One source record held against others.
struct Sifting<'a, 't> {
    sieve: &'a Sieve,
    scorer: &'a Scorer<'t>,
    left: &'a [u32],
    earlier: &'a [usize],
    columns: &'a Columns,
    places: Range<usize>,
    sifted: &'a mut Sifted,
}

impl Work for Sifting<'_, '_> {
    type Output = u64;

    // What is read of a comparison is put into variables before lanes are gone through: read where a lane asks for it, it
    // would be read lane by lane, behind a branch.
    #[inline(always)]
    fn run(self) -> u64 {
        let Self { sieve, scorer, left, earlier, columns, places, sifted } = self;
        let mut new_pairs = 0;
        for place in places.clone().step_by(LANES) {
            // Of each lane, whether there is no pair for it to look at.
            let lanes = places.end - place;
            let mut idle = each(|lane| u32::from(lane >= lanes));
            for word in earlier {
                let (mine, theirs) = (left[*word], columns.lanes(*word, place));
                if mine != NO_VALUE {
                    idle = each(|lane| idle[lane] | u32::from(theirs[lane] == mine));
                }
            }
            let new = LANES as u32 - idle.iter().sum::<u32>();
            if new == 0 {
                continue;
            }
            new_pairs += u64::from(new);
            let prior = sieve.prior;
            let most = each(|lane| if idle[lane] == 0 { prior } else { f32::NEG_INFINITY });
            if let Some(most) = sieve.sums(scorer, most, left, columns, place) {
                for (lane, most) in (0..).zip(most).take(lanes) {
                    // What is no number goes on too.
                    if idle[lane as usize] == 0 && (most >= sieve.least || most.is_nan()) {
                        sifted.found.push(place as u32 + lane);
                    }
                }
            }
        }
        new_pairs
    }
}

impl Sieve {
    /// Adds up the most that each pair of a group can weigh; nothing where none of them can weigh enough.
    #[inline(always)]
    fn sums(
        &self,
        scorer: &Scorer<'_>,
        mut most: [f32; LANES],
        left: &[u32],
        columns: &Columns,
        place: usize,
    ) -> Option<[f32; LANES]> {
        for (word, coarse) in self.coarse.iter().enumerate() {
            let (mine, theirs) = (left[word], columns.lanes(word, place));
            if mine == NO_VALUE {
                continue;
            }
            let (mut equal, differing) = (coarse.equal, coarse.differing);
            // Looked up only where some value is equal: it stands anywhere in memory.
            if coarse.frequent && is_among(theirs, mine) {
                equal += scorer.frequency_of_codes(word, 1, mine, mine) as f32;
            }
            let known = each(|lane| if theirs[lane] == mine { equal } else { differing });
            let brought = each(|lane| if theirs[lane] == NO_VALUE { 0.0 } else { known[lane] });
            most = each(|lane| most[lane] + brought[lane]);
        }
        for fine in &self.fine {
            if is_below(&most, self.least) {
                return None;
            }
            let (mine, theirs) = (left[fine.code], columns.lanes(fine.code, place));
            if mine == NO_VALUE {
                continue;
            }
            let measure = match fine.signs {
                Signs::Edits(word) => edits(left[word], columns.lanes(word, place)),
                Signs::Similarity(bag, head) => similarities(
                    (left[bag], left[head]),
                    (columns.lanes(bag, place), columns.lanes(head, place)),
                ),
            };
            let less = stepped(fine.far, fine.steps, &measure);
            let less = each(|lane| if theirs[lane] == mine { 0.0 } else { less[lane] });
            let less = each(|lane| if theirs[lane] == NO_VALUE { 0.0 } else { less[lane] });
            most = each(|lane| most[lane] + less[lane]);
        }
        Some(most)
    }
}

/// Whether a word is that of some lane.
#[inline(always)]
fn is_among(theirs: &[u32; LANES], mine: u32) -> bool {
    let equal = each(|lane| if theirs[lane] == mine { u32::MAX } else { 0 });
    equal.iter().fold(0, |all, equal| all | equal) != 0
}

/// Whether no lane reaches the least. What is no number reaches it.
#[inline(always)]
fn is_below(most: &[f32; LANES], least: f32) -> bool {
    // Whole words rather than a bit a lane, so that all lanes do the same.
    let reaches = each(|lane| if most[lane] < least { 0 } else { u32::MAX });
    reaches.iter().fold(0, |all, reaches| all | reaches) == 0
}

/// The same of each lane: a step without a branch, of which the compiler makes one instruction for several lanes.
#[inline(always)]
fn each<T>(of: impl Fn(usize) -> T) -> [T; LANES] {
    std::array::from_fn(of)
}

/// How many letters a text has that others haven't, and the other way round, by their bags.
#[inline(always)]
fn odd_letters(mine: u32, theirs: &[u32; LANES]) -> ([f32; LANES], [f32; LANES]) {
    let number = |bag: u32| bag.count_ones().cast_signed() as f32;
    (each(|lane| number(mine & !theirs[lane])), each(|lane| number(theirs[lane] & !mine)))
}

#[inline(always)]
fn lesser(one: f32, other: f32) -> f32 {
    if one < other { one } else { other }
}

/// The least edits between a text and others, counted below none.
#[inline(always)]
fn edits(mine: u32, theirs: &[u32; LANES]) -> [f32; LANES] {
    let (own, foreign) = odd_letters(mine, theirs);
    each(|lane| lesser(-own[lane], -foreign[lane]))
}

/// The most that the Jaro–Winkler similarity of a text and others can be, which is never below the Jaro similarity.
#[inline(always)]
fn similarities(mine: (u32, u32), theirs: (&[u32; LANES], &[u32; LANES])) -> [f32; LANES] {
    const LENGTH: u32 = (1 << LENGTH_BITS) - 1;
    let number = |head: u32| (head & LENGTH).cast_signed() as f32;
    let length = number(mine.1);
    let (own, foreign) = odd_letters(mine.0, theirs.0);
    let heads = theirs.1;
    let other = each(|lane| number(heads[lane]));
    let common = each(|lane| lesser(length - own[lane], other[lane] - foreign[lane]));
    let jaro = each(|lane| {
        (common[lane] * (1.0 / length) + common[lane] / other[lane] + 1.0) * (1.0 / 3.0)
    });
    let differing = each(|lane| (heads[lane] ^ mine.1) >> LENGTH_BITS);
    let bonus = each(|lane| {
        // One where the first so many letters are equal: nothing less one has its highest bit set, and little less one not.
        let equal = |letters: u32| {
            let first = differing[lane] & ((1 << (letters * LETTER_BITS)) - 1);
            first.wrapping_sub(1) >> 31
        };
        (equal(1) + equal(2) + equal(3) + equal(4)).cast_signed() as f32 * 0.1
    });
    let alike = each(|lane| jaro[lane] + bonus[lane] * (1.0 - jaro[lane]));
    // A length that isn't known can be any.
    each(|lane| if length == 0.0 || other[lane] == 0.0 { 2.0 } else { alike[lane] })
}

/// The least edits between two texts, counted below none: what [`edits`] says of many, of one.
#[inline]
fn edit_measure(mine: u32, theirs: u32) -> f32 {
    let odd = (mine & !theirs).count_ones().max((theirs & !mine).count_ones());
    -(odd.cast_signed() as f32)
}

/// The most that the Jaro–Winkler similarity of two texts can be, which is never below the Jaro similarity:
/// what [`similarities`] says of many, of one. Each is its bag and its head.
#[inline]
fn similarity_measure(mine: (u32, u32), theirs: (u32, u32)) -> f32 {
    const LENGTH: u32 = (1 << LENGTH_BITS) - 1;
    let number = |head: u32| (head & LENGTH).cast_signed() as f32;
    let (length, other) = (number(mine.1), number(theirs.1));
    let odd = |one: u32, other: u32| (one & !other).count_ones().cast_signed() as f32;
    let (own, foreign) = (odd(mine.0, theirs.0), odd(theirs.0, mine.0));
    let common = lesser(length - own, other - foreign);
    let jaro = (common * (1.0 / length) + common / other + 1.0) * (1.0 / 3.0);
    let differing = (theirs.1 ^ mine.1) >> LENGTH_BITS;
    // One where the first so many letters are equal: nothing less one has its highest bit set, and little less one not.
    let equal = |letters: u32| {
        let first = differing & ((1 << (letters * LETTER_BITS)) - 1);
        first.wrapping_sub(1) >> 31
    };
    let bonus = (equal(1) + equal(2) + equal(3) + equal(4)).cast_signed() as f32 * 0.1;
    // A length that isn't known can be any.
    if length == 0.0 || other == 0.0 { 2.0 } else { jaro + bonus * (1.0 - jaro) }
}

/// The most of the levels that can hold at these measures.
#[inline(always)]
fn stepped(far: f32, steps: [Step; STEPS], measure: &[f32; LANES]) -> [f32; LANES] {
    let [loosest, next, closest] = steps;
    let most = each(|lane| if measure[lane] >= loosest.from { loosest.most } else { far });
    let most = each(|lane| if measure[lane] >= next.from { next.most } else { most[lane] });
    each(|lane| if measure[lane] >= closest.from { closest.most } else { most[lane] })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compare::text;

    proptest! {
        #[test]
        fn signs_never_say_less_than_the_kernels(
            all in prop::collection::btree_set("[abcxyzé1]{1,9}|[0-9]{8,10}|[a-p]{0,3}z{250,260}|ana[a-z]{0,4}", 2..20),
        ) {
            let all: Vec<String> = all.into_iter().collect();
            let chosen = Chosen::of(all.iter().map(|text| letters_of(text.chars())));
            let bag = |text: &str| chosen.bag(letters_of(text.chars()));
            for one in &all {
                let chars = |text: &str| text.chars().collect::<Vec<_>>();
                let others: Vec<&String> = all.iter().take(LANES).collect();
                let lanes = |sign: &dyn Fn(&str) -> u32| {
                    let mut lanes = [0; LANES];
                    lanes.iter_mut().zip(&others).for_each(|(lane, other)| *lane = sign(other));
                    lanes
                };
                let (bags, heads) = (lanes(&bag), lanes(&|text| head(text, false)));
                let apart = edits(bag(one), &bags);
                let alike = similarities((bag(one), head(one, false)), (&bags, &heads));
                let measures = |lane: usize| {
                    let mine = (bag(one), head(one, one.is_ascii()));
                    let similarity = similarity_measure(mine, (bags[lane], heads[lane]));
                    (edit_measure(mine.0, bags[lane]), similarity)
                };
                for (lane, other) in others.iter().enumerate() {
                    let (here, there) = (chars(one), chars(other));
                    prop_assert_eq!(measures(lane), (apart[lane], alike[lane]));
                    prop_assert!(-apart[lane] <= text::damerau(&here, &there) as f32);
                    let winkler = text::jaro_winkler(&here, &there).max(text::jaro(&here, &there));
                    prop_assert!(alike[lane] + SIMILARITY_SLACK >= winkler as f32, "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn a_bag_has_the_bits_that_are_set_most_often_and_knows_a_letter_and_a_second_of_it() {
        let digits = ["0123456789", "00112233", "4455667788", "99"];
        let chosen = Chosen::of(digits.iter().map(|text| letters_of(text.chars())));
        let bag = |text: &str| chosen.bag(letters_of(text.chars())).count_ones();
        assert_eq!([0, 1, 2, 3].map(|count| bag(&"7".repeat(count))), [0, 1, 2, 2]);
        assert_eq!((bag("0123456789"), bag("00112233445566778899")), (10, 20));
    }
}
