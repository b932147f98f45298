//! Turns a pattern into a weight, and a weight into a probability.
//!
//! Seventh step of the path, after comparing and before a lead. The sum is log2 of the prior odds, plus log2(m/u) of
//! each comparison's level, plus its frequency part, added in the order of the model, in f64: the odds against strangers.
//! Where the model holds classes of kin, one part more is added, which is never above 0 and depends on the pattern and
//! the sum alone: then the weight is the odds against strangers *and* kin. Each logarithm is taken once, so the bits of a
//! weight depend on the pair, the model and the frequencies alone: not on the order of rows, nor on who else was scored.
//! A weight opens a lead and does no more.
//!
//! The sum is Fellegi and Sunter's (1969, §2), with the levels independent given the class. With S the same
//! individual, T strangers and c the classes of kin, the weight is log2 P(S, γ) / (P(T, γ) + Σ P(c, γ)), which is
//! -log2(2^-sum + Σ r_c Π h_c/m), r_c being `for_each_same`. A frequency part cancels between S and c: kin have a rare
//! surname for the reason that the same individual has it on both records.

use crate::elementary::{exp2, ln_1p, log2};
use crate::model::{Comparison, KinClass, Model};
use crate::pattern::Pattern;
use crate::record::RecordRef;
use crate::{Frequencies, Result, Tables};

/// Scores pairs of prepared tables by a model.
#[derive(Debug)]
pub struct Scorer<'t> {
    model: &'t Model,
    tables: &'t Tables,
    frequencies: Frequencies,
    prior: f64,
    /// By comparison and level, the null level first.
    partial: Vec<Vec<f64>>,
    /// The classes of kin.
    kin: Vec<KinLogs>,
}

/// The logarithms of one class of kin.
#[derive(Debug)]
struct KinLogs {
    /// log2 of how many pairs of it there are for each pair of the same individual.
    for_each_same: f64,
    /// log2(h/m) by comparison and level, the null level first, which says nothing in any class.
    partial: Vec<Vec<f64>>,
}

impl KinLogs {
    /// Returns log2 of the odds that a pair of this pattern is of the class rather than the same individual.
    fn odds(&self, pattern: Pattern) -> f64 {
        let parts = self.partial.iter().enumerate();
        parts.fold(self.for_each_same, |log, (comparison, parts)| {
            log + parts[usize::from(pattern.level(comparison))]
        })
    }
}

/// How likely a pair is the same individual, strangers, or of each class of kin; together 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    /// The same individual.
    pub same: f64,
    /// Strangers.
    pub strangers: f64,
    /// Each class of kin, in the model's order.
    pub kin: Vec<f64>,
}

impl<'t> Scorer<'t> {
    /// Takes the logarithms of the model and counts the frequencies in the tables.
    ///
    /// # Errors
    ///
    /// [`crate::Error::OtherPreparation`] or [`crate::Error::OtherLink`] for tables prepared for something else.
    pub fn new(model: &'t Model, tables: &'t Tables) -> Result<Self> {
        let frequencies = Frequencies::of(tables, model.comparisons())?;
        Self::with_frequencies(model, tables, frequencies)
    }

    /// Does the same with frequencies that the caller has.
    ///
    /// # Errors
    ///
    /// The same as [`Scorer::new`].
    pub fn with_frequencies(
        model: &'t Model,
        tables: &'t Tables,
        frequencies: Frequencies,
    ) -> Result<Self> {
        tables.check_prepared(model.name(), model.link(), model.columns())?;
        let partial = model.comparisons().iter().map(|comparison| {
            // The null level weighs nothing: a missing value is evidence of nothing.
            let mut weights = vec![0.0];
            weights.extend(comparison.levels.iter().map(|level| match (level.m, level.u) {
                // The difference, for the quotient of the smallest u would be infinite.
                (Some(m), Some(u)) => log2(m) - log2(u),
                _ => 0.0,
            }));
            weights
        });
        let prior = weight_of(model.prior());
        let kin = model.kin().iter().map(|class| kin_logs(class, model.comparisons())).collect();
        Ok(Self { model, tables, frequencies, prior, partial: partial.collect(), kin })
    }

    /// Returns the frequencies, for the next scorer of the same tables.
    pub(crate) fn into_frequencies(self) -> Frequencies {
        self.frequencies
    }

    /// Returns the model.
    pub fn model(&self) -> &'t Model {
        self.model
    }

    /// Returns the tables.
    pub fn tables(&self) -> &'t Tables {
        self.tables
    }

    /// Returns log2 of the prior odds, which every weight begins with.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// Returns the partial weight of one comparison's level.
    #[inline]
    pub fn partial(&self, comparison: usize, level: u8) -> f64 {
        self.partial[comparison][usize::from(level)]
    }

    /// Returns how common the values of each comparison are.
    pub fn frequencies(&self) -> &Frequencies {
        &self.frequencies
    }

    /// Returns the frequency part of one comparison's level for this pair.
    pub fn frequency(
        &self,
        comparison: usize,
        level: u8,
        source: RecordRef,
        recipient: RecordRef,
    ) -> f64 {
        self.frequencies.part(self.tables, comparison, level, source, recipient)
    }

    /// Returns the frequency part of one comparison's level for two values of its column, by their codes.
    #[inline]
    pub(crate) fn frequency_of_codes(
        &self,
        comparison: usize,
        level: u8,
        left: u32,
        right: u32,
    ) -> f64 {
        self.frequencies.part_of_codes(self.tables, comparison, level, left, right)
    }

    /// Returns the most that the frequency part of one comparison's level can be.
    pub(crate) fn most_frequency(&self, comparison: usize, level: u8) -> f64 {
        self.frequencies.most_part(comparison, level)
    }

    /// Returns the sum that a pair's weight begins with: prior, partial weights and frequency parts, without kin.
    ///
    /// The weight is never above it.
    pub fn sum(&self, pattern: Pattern, source: RecordRef, recipient: RecordRef) -> f64 {
        let mut sum = self.prior;
        for comparison in 0..self.partial.len() {
            let level = pattern.level(comparison);
            sum += self.partial(comparison, level);
            sum += self.frequency(comparison, level, source, recipient);
        }
        sum
    }

    /// Returns the same sum of two records whose codes are given, of the column of each comparison.
    #[inline]
    pub(crate) fn sum_of_codes(&self, pattern: Pattern, left: &[u32], right: &[u32]) -> f64 {
        let mut sum = self.prior;
        for comparison in 0..self.partial.len() {
            let level = pattern.level(comparison);
            sum += self.partial(comparison, level);
            sum += self.frequency_of_codes(comparison, level, left[comparison], right[comparison]);
        }
        sum
    }

    /// Returns log2 of the odds that a pair of this pattern is kin rather than the same individual.
    ///
    /// It is minus infinity where the model holds no class of kin.
    pub fn kin(&self, pattern: Pattern) -> f64 {
        let odds: f64 = self.kin.iter().map(|class| exp2(class.odds(pattern))).sum();
        log2(odds)
    }

    /// Says how likely a pair of this pattern and sum is of each class, if the model is right.
    pub fn classes(&self, pattern: Pattern, sum: f64) -> Classes {
        let logs: Vec<f64> = self.kin.iter().map(|class| class.odds(pattern)).collect();
        // Over the largest, so that none overflows.
        let most = logs.iter().copied().fold((-sum).max(0.0), f64::max);
        let of = |log: f64| exp2(log - most);
        let (same, strangers) = (of(0.0), of(-sum));
        let kin: Vec<f64> = logs.into_iter().map(of).collect();
        let all = same + strangers + kin.iter().sum::<f64>();
        Classes {
            same: same / all,
            strangers: strangers / all,
            kin: kin.into_iter().map(|odds| odds / all).collect(),
        }
    }

    /// Returns the sum of a pattern's parts, what rare values add left out.
    pub fn sum_of_pattern(&self, pattern: Pattern) -> f64 {
        let parts = self.partial.iter().enumerate();
        parts.fold(self.prior, |sum, (comparison, parts)| {
            sum + parts[usize::from(pattern.level(comparison))]
        })
    }

    /// Says whether the model holds a class of kin.
    pub(crate) fn knows_kin(&self) -> bool {
        !self.kin.is_empty()
    }

    /// Returns what kin take off the sum of a pair: 0 or less, and 0 where the model holds no class of kin.
    pub fn kin_part(&self, pattern: Pattern, sum: f64) -> f64 {
        if self.kin.is_empty() { 0.0 } else { kin_part(self.kin(pattern), sum) }
    }

    /// Returns the weight of a pair whose pattern is known.
    pub fn weight(&self, pattern: Pattern, source: RecordRef, recipient: RecordRef) -> f64 {
        let sum = self.sum(pattern, source, recipient);
        if self.kin.is_empty() { sum } else { sum + self.kin_part(pattern, sum) }
    }
}

fn kin_logs(class: &KinClass, comparisons: &[Comparison]) -> KinLogs {
    let partial = comparisons.iter().zip(&class.levels).map(|(comparison, levels)| {
        let logs = comparison.levels.iter().zip(levels).map(|(level, share)| match level.m {
            Some(m) => log2(*share) - log2(m),
            None => 0.0,
        });
        std::iter::once(0.0).chain(logs).collect()
    });
    KinLogs { for_each_same: log2(class.for_each_same), partial: partial.collect() }
}

/// Returns what odds of `kin` (log2, kin against the same individual) take off a sum: -log2(1 + 2^(sum + kin)).
pub(crate) fn kin_part(kin: f64, sum: f64) -> f64 {
    let against = sum + kin;
    // Split at 0, so that neither side overflows.
    -(against.max(0.0) + ln_1p(exp2(-against.abs())) / std::f64::consts::LN_2)
}

/// Returns the probability that a weight stands for, without overflow at either end.
///
/// # Examples
///
/// ```
/// assert_eq!(linkage::probability(0.0), 0.5);
/// assert_eq!(linkage::probability(2.0), 0.8);
/// assert_eq!(linkage::probability(5000.0), 1.0);
/// ```
pub fn probability(weight: f64) -> f64 {
    if weight >= 0.0 {
        1.0 / (1.0 + exp2(-weight))
    } else {
        let odds = exp2(weight);
        odds / (1.0 + odds)
    }
}

/// Returns the weight that stands for a probability: log2 of its odds.
pub fn weight_of(probability: f64) -> f64 {
    log2(probability / (1.0 - probability))
}
