//! The most that a pair can still weigh, before its likenesses are worked out.
//!
//! Inside the fused pass, where pairs far below what is kept are let go early. Which values are equal and which are
//! missing is known at once, by codes; each of the others can bring its best level at most. Kin only take off a weight,
//! so a bound without them holds too. It decides nothing near the edge: what isn't surely below is weighed exactly.

use crate::fuse::finder::Finder;
use crate::score::Scorer;

/// How far the order of additions can move a sum of a few dozen logarithms, many times over.
const SLACK: f64 = 1e-6;

/// What each comparison can bring.
pub(crate) struct Bound {
    /// Below this no pair is kept.
    least: f64,
    /// The prior and the most of every comparison whose values differ.
    most: f64,
    /// What is added for the comparisons whose values are equal, by which of the first eight and of the last eight are.
    equal: [Vec<f64>; 2],
    /// What is added for those in which a value is missing.
    missing: [Vec<f64>; 2],
    /// The most of each comparison whose values are equal.
    equal_most: Vec<f64>,
    /// The most of each comparison whose values differ.
    pub(crate) differing: Vec<f64>,
    /// The most of each comparison's frequency part where values are equal.
    frequency: Vec<f64>,
    /// The comparisons whose equal values have a frequency part.
    pub(crate) frequent: u32,
    /// The most of each level, the null level first.
    levels: Vec<Vec<f64>>,
    /// The comparisons, those first that take off most for their cost.
    pub(crate) order: Vec<usize>,
}

impl Bound {
    pub(crate) fn new(scorer: &Scorer<'_>, finders: &[Finder<'_>], least: f64) -> Self {
        let comparisons = scorer.model().comparisons();
        let mut levels = Vec::with_capacity(comparisons.len());
        let (mut equal, mut differing) = (Vec::new(), Vec::new());
        let mut frequency = Vec::new();
        let mut frequent = 0;
        for (index, (comparison, finder)) in comparisons.iter().zip(finders).enumerate() {
            let most: Vec<f64> = (0u8..)
                .take(comparison.levels.len() + 1)
                .map(|level| scorer.partial(index, level) + scorer.most_frequency(index, level))
                .collect();
            let best = |levels: &[f64]| levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if finder.equal_is_first {
                differing.push(best(&most[2..]));
                equal.push(most[1]);
                frequency.push(scorer.most_frequency(index, 1));
                frequent |= u32::from(comparison.frequency.is_some()) << index;
            } else {
                differing.push(best(&most[1..]));
                equal.push(differing[index]);
                frequency.push(0.0);
            }
            levels.push(most);
        }
        let mut order: Vec<usize> = (0..comparisons.len()).collect();
        let gain = |index: &usize| {
            let finder = &finders[*index];
            let usual = levels[*index][usize::from(finder.otherwise())];
            (differing[*index] - usual) / f64::from(finder.cost)
        };
        order.sort_by(|one, other| gain(other).total_cmp(&gain(one)));
        let instead = |of: &dyn Fn(usize) -> f64| {
            [0, 8].map(|from: usize| {
                (0..256usize)
                    .map(|set| {
                        (0..8)
                            .filter(|bit| set >> bit & 1 == 1 && from + bit < differing.len())
                            .map(|bit| of(from + bit) - differing[from + bit])
                            .sum()
                    })
                    .collect()
            })
        };
        Self {
            least: least - SLACK,
            most: scorer.prior() + differing.iter().sum::<f64>(),
            equal: instead(&|index| equal[index]),
            missing: instead(&|_| 0.0),
            equal_most: equal,
            differing,
            frequency,
            frequent,
            levels,
            order,
        }
    }

    /// Returns the most that a pair can weigh of which these comparisons have equal values, and these lack one.
    #[inline]
    pub(crate) fn of(&self, equal: u32, missing: u32) -> f64 {
        let half = |set: u32, high: usize| (set >> (8 * high) & 0xff) as usize;
        self.most
            + self.equal[0][half(equal, 0)]
            + self.equal[1][half(equal, 1)]
            + self.missing[0][half(missing, 0)]
            + self.missing[1][half(missing, 1)]
    }

    /// Returns the most that one level of a comparison brings, the null level being 0.
    pub(crate) fn most_of(&self, comparison: usize, level: u8) -> f64 {
        self.levels[comparison][usize::from(level)]
    }

    /// Returns the most that a comparison brings whose values are equal.
    pub(crate) fn equal(&self, comparison: usize) -> f64 {
        self.equal_most[comparison]
    }

    /// Returns whether a pair that can weigh this at most is surely not kept.
    #[inline]
    pub(crate) fn is_below(&self, most: f64) -> bool {
        most < self.least
    }

    /// Returns how much less the most is, now that the frequency part of equal values is known.
    #[inline]
    pub(crate) fn less_by_frequency(&self, comparison: usize, part: f64) -> f64 {
        self.frequency[comparison] - part
    }

    /// Returns how much less the most is, now that the level of values that differ is known.
    #[inline]
    pub(crate) fn less_by_level(&self, comparison: usize, level: u8) -> f64 {
        self.differing[comparison] - self.levels[comparison][usize::from(level)]
    }
}
