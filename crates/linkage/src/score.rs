//! Turns a pattern into a weight, and a weight into a probability.
//!
//! Seventh step of the path, after comparing and before a lead. The weight is log2 of the prior odds, plus log2(m/u) of
//! each comparison's level, plus its frequency part, added in the order of the model, in f64. Each logarithm is taken
//! once, so the bits of a weight depend on the pair, the model and the frequencies alone: not on the order of rows, nor
//! on who else was scored. A weight opens a lead and does no more.
//!
//! The sum is Fellegi and Sunter's (1969, §2), with the levels independent given the class.

use crate::model::Model;
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
                (Some(m), Some(u)) => m.log2() - u.log2(),
                _ => 0.0,
            }));
            weights
        });
        let prior = weight_of(model.prior());
        Ok(Self { model, tables, frequencies, prior, partial: partial.collect() })
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
    pub fn partial(&self, comparison: usize, level: u8) -> f64 {
        self.partial[comparison][usize::from(level)]
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
    pub(crate) fn frequency_of_codes(
        &self,
        comparison: usize,
        level: u8,
        left: u32,
        right: u32,
    ) -> f64 {
        self.frequencies.part_of_codes(comparison, level, left, right)
    }

    /// Returns the most that the frequency part of one comparison's level can be.
    pub(crate) fn most_frequency(&self, comparison: usize, level: u8) -> f64 {
        self.frequencies.most_part(comparison, level)
    }

    /// Returns the weight of a pair whose pattern is known.
    pub fn weight(&self, pattern: Pattern, source: RecordRef, recipient: RecordRef) -> f64 {
        let mut weight = self.prior;
        for comparison in 0..self.partial.len() {
            let level = pattern.level(comparison);
            weight += self.partial(comparison, level);
            weight += self.frequency(comparison, level, source, recipient);
        }
        weight
    }
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
        1.0 / (1.0 + (-weight).exp2())
    } else {
        let odds = weight.exp2();
        odds / (1.0 + odds)
    }
}

/// Returns the weight that stands for a probability: log2 of its odds.
pub fn weight_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}
