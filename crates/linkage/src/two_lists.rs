//! How many pairs are the same individual, whether or not anything found them: by two lists.
//!
//! A part of `estimate`. One list is the pairs of a rule. The other is the pairs that reach the threshold on everything
//! that shares no column with that rule, and that a rule without a column of it makes too. Where the two find pairs
//! independently of each other, the share of the first list that the second holds is the share of all that it holds
//! (Petersen, 1896; Lincoln, 1930; with one list from identifiers and one from demographics as in the dual-system
//! estimates of censuses, Sekar and Deming, [On a Method of Estimating Birth and Death Rates and the Extent of
//! Registration](https://doi.org/10.1080/01621459.1949.10483294), 1949). So it needs no weight to be right about pairs
//! that are hard to find, and counts those that no rule made.
//!
//! What makes a record hard to find by one is often what makes it hard to find by the other: who moved has another
//! telephone and another postcode. Then a list holds less of what the other lacks, and the number comes out too low. So
//! every rule is tried, and the one taken whose number is surely the highest.
//!
//! Chapman's correction, [Some Properties of the Hypergeometric Distribution](https://archive.org/details/chapman-1951),
//! 1951, keeps small lists from saying too much.

use rustc_hash::FxHashMap;

use crate::Result;
use crate::cluster::{Forest, Member};
use crate::elementary::squared;
use crate::keys::columns_of;
use crate::link::Pair;
use crate::model::{Link, Model};
use crate::observe::{have_a_common_origin, shares_column};
use crate::pattern::Pattern;
use crate::record::Side;
use crate::score::Scorer;
use crate::tables::Tables;

/// The fewest pairs on both lists from which a number is reckoned.
const LEAST_ON_BOTH: f64 = 50.0;

/// Standard errors below a number, down to where it surely is no lower.
const SURE: f64 = 1.96;

/// One rule's pairs, and those found by everything else.
pub(crate) struct TwoLists {
    /// The rule, counted from 0.
    pub(crate) rule: usize,
    /// By pair, on which lists it is.
    on: Vec<On>,
}

/// Where a pair is found.
#[derive(Clone, Copy, Default)]
struct On {
    /// By the rule.
    first: bool,
    /// By what shares no column with it, at the threshold or above.
    second: bool,
    /// By another rule that shares no column with it, whatever the pair weighs.
    other_rule: bool,
}

/// Pairs of the same individual on the lists, as far as is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OnLists {
    first: f64,
    second: f64,
    both: f64,
    by_other_rules: f64,
    by_all_rules: f64,
}

impl OnLists {
    /// Returns how many pairs are the same individual; none where too few are on both lists.
    pub(crate) fn all(&self) -> Option<f64> {
        (self.both >= LEAST_ON_BOTH)
            .then(|| (self.first + 1.0) * (self.second + 1.0) / (self.both + 1.0) - 1.0)
    }

    /// Returns how many of them no rule made.
    pub(crate) fn missed(&self) -> f64 {
        let first_alone = (self.first - self.by_all_rules).max(0.0);
        let others_alone = (self.by_other_rules - self.by_all_rules).max(0.0);
        first_alone * others_alone / (self.by_all_rules + 1.0)
    }

    /// The shares of all that the first and that the second list hold.
    fn reach(&self) -> (f64, f64) {
        let share = |of: f64| (self.both / of.max(f64::MIN_POSITIVE)).min(1.0);
        (share(self.second), share(self.first))
    }
}

impl TwoLists {
    /// Makes the two lists of every rule with which some comparison and some other rule share no column.
    ///
    /// `made` says by rule which of the pairs it makes.
    pub(crate) fn of_rules(
        scorer: &Scorer<'_>,
        pairs: &[Pair],
        made: &[Vec<bool>],
    ) -> Result<Vec<Self>> {
        let model = scorer.model();
        let apart = Apart::of(model)?;
        let mut lists = Vec::new();
        for (rule, (rules, comparisons)) in apart.rules.iter().zip(&apart.comparisons).enumerate() {
            if !rules.contains(&true) || !comparisons.contains(&true) {
                continue;
            }
            let on = pairs.iter().enumerate().map(|(place, pair)| {
                let other_rule = rules.iter().zip(made).any(|(apart, made)| *apart && made[place]);
                let first = made[rule][place];
                let second = other_rule && {
                    let pattern: Pattern = pair.pattern.only(comparisons);
                    scorer.weight(pattern, pair.source, pair.recipient) >= model.threshold()
                };
                On { first, second, other_rule }
            });
            lists.push(Self { rule, on: on.collect() });
        }
        Ok(lists)
    }

    /// Takes the lists whose number is surely the highest, each pair being the same individual with such a chance.
    pub(crate) fn highest(lists: Vec<Self>, chances: &[f64], together: &Together) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for one in lists {
            let mut on = OnLists::default();
            for (place, chance) in chances.iter().enumerate() {
                one.add(&mut on, place, *chance);
            }
            let Some(all) = on.all() else { continue };
            let least = all - SURE * one.variance(&on, chances, together, |_| true).sqrt();
            if best.as_ref().is_none_or(|(before, _)| least > *before) {
                best = Some((least, one));
            }
        }
        best.map(|(_, one)| one)
    }

    /// Counts a pair on the lists where it is.
    pub(crate) fn add(&self, to: &mut OnLists, place: usize, chance: f64) {
        let On { first, second, other_rule } = self.on[place];
        let count = |counted: bool| if counted { chance } else { 0.0 };
        to.first += count(first);
        to.second += count(second);
        to.both += count(first && second);
        to.by_other_rules += count(other_rule);
        to.by_all_rules += count(first && other_rule);
    }

    /// Returns the variance of how many pairs are the same individual, over who is found by which list.
    ///
    /// Pairs of one individual are found or not together, and count as one draw. Chances that are neither 0 nor 1 add
    /// what they leave open.
    pub(crate) fn variance(
        &self,
        on: &OnLists,
        chances: &[f64],
        together: &Together,
        counts: impl Fn(usize) -> bool,
    ) -> f64 {
        let (first, second) = on.reach();
        let mut draws: FxHashMap<u32, usize> = FxHashMap::default();
        let mut sums: Vec<f64> = Vec::new();
        let (mut open, mut on_neither) = (0.0, 0.0);
        for (place, chance) in chances.iter().enumerate().filter(|(place, _)| counts(*place)) {
            let here = self.on[place];
            if !here.first && !here.second {
                on_neither += chance;
            }
            // How far the number is off for this pair: 0 on average over the lists.
            let off = |listed: bool, reach: f64| if listed { 1.0 - 1.0 / reach } else { 1.0 };
            let off = off(here.first, first) * off(here.second, second);
            let draw = *draws.entry(together.0[place]).or_insert_with(|| {
                sums.push(0.0);
                sums.len() - 1
            });
            sums[draw] += chance * off;
            open += chance * (1.0 - chance) * squared(1.0 - off);
        }
        let found: f64 = sums.iter().map(|sum| sum * sum).sum();
        // Those on neither that nothing else found either, each for itself.
        let missed = (on.first - on.both) * (on.second - on.both) / on.both.max(1.0);
        found + (missed - on_neither).max(0.0) + open
    }
}

/// Which pairs are likely of one individual: by pair, the number of its group.
pub(crate) struct Together(Vec<u32>);

impl Together {
    /// Puts together the pairs that are joined by records, going by pairs that are the same individual more likely than not.
    pub(crate) fn of(pairs: &[Pair], chances: &[f64], tables: &Tables) -> Self {
        let sources = tables.records(Side::Source);
        let shift = if tables.link() == Link::Between { sources } else { 0 };
        let ends = |pair: &Pair| {
            [Member::new(pair.source.row()), Member::new(shift + pair.recipient.row())]
        };
        let mut forest = Forest::new(shift + tables.records(Side::Recipient).max(sources));
        for (pair, _) in pairs.iter().zip(chances).filter(|(_, chance)| **chance >= 0.5) {
            let [one, other] = ends(pair);
            forest.join(one, other);
        }
        Self(pairs.iter().map(|pair| forest.first(ends(pair)[1]).number()).collect())
    }
}

/// By rule, which rules and which comparisons share no column with it.
struct Apart {
    rules: Vec<Vec<bool>>,
    comparisons: Vec<Vec<bool>>,
}

impl Apart {
    fn of(model: &Model) -> Result<Self> {
        let columns = model.columns();
        let keyed = model.rules().iter().map(|rule| columns_of(rule, columns));
        let keyed: Vec<Vec<String>> = keyed.collect::<Result<_>>()?;
        let rules = |one: &Vec<String>| {
            keyed.iter().map(|other| !have_a_common_origin(columns, one, other)).collect()
        };
        let comparisons = |one: &Vec<String>| {
            let apart = |comparison| !shares_column(columns, one, comparison);
            model.comparisons().iter().map(apart).collect()
        };
        Ok(Self {
            rules: keyed.iter().map(rules).collect(),
            comparisons: keyed.iter().map(comparisons).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Dice;

    /// Draws who is on which list, of as many individuals with two pairs each; the first list finds or misses both.
    fn drawn(seed: u64, individuals: u32) -> (TwoLists, Vec<f64>, Together) {
        let mut dice = Dice::new(seed);
        let (mut on, mut together) = (Vec::new(), Vec::new());
        for individual in 0..individuals {
            let first = dice.chance(0.8);
            for _ in 0..2 {
                let second = dice.chance(0.7);
                on.push(On { first, second, other_rule: second });
                together.push(individual);
            }
        }
        let chances = vec![1.0; on.len()];
        (TwoLists { rule: 0, on }, chances, Together(together))
    }

    fn counted(lists: &TwoLists, chances: &[f64]) -> OnLists {
        let mut on = OnLists::default();
        for (place, chance) in chances.iter().enumerate() {
            lists.add(&mut on, place, *chance);
        }
        on
    }

    #[test]
    fn two_lists_say_how_many_there_are_and_how_far_that_may_be_off() {
        let (mut numbers, mut said) = (Vec::new(), 0.0);
        for seed in 0..1_000 {
            let (lists, chances, together) = drawn(seed, 2_000);
            let on = counted(&lists, &chances);
            numbers.push(on.all().unwrap());
            said += lists.variance(&on, &chances, &together, |_| true) / 1_000.0;
            assert!((on.missed() - 240.0).abs() < 100.0, "{on:?}");
        }
        let mean = numbers.iter().sum::<f64>() / 1_000.0;
        let spread = numbers.iter().map(|all| squared(all - mean)).sum::<f64>() / 999.0;
        assert!((mean - 4_000.0).abs() < 3.0, "{mean}");
        assert!((said / spread - 1.0).abs() < 0.12, "{said} {spread}");
    }

    #[test]
    fn a_group_counts_its_own_pairs_alone_and_few_on_both_lists_say_nothing() {
        let (lists, chances, together) = drawn(7, 2_000);
        let mut half = OnLists::default();
        for place in (0..chances.len()).step_by(2) {
            lists.add(&mut half, place, 1.0);
        }
        assert!((half.all().unwrap() - 2_000.0).abs() < 60.0, "{half:?}");
        let all = lists.variance(&counted(&lists, &chances), &chances, &together, |_| true);
        let own = lists.variance(&half, &chances, &together, |place| place % 2 == 0);
        assert!(own > 0.0 && own < all);
        let (few, chances, _) = drawn(7, 30);
        assert!(counted(&few, &chances).all().is_none());
    }

    #[test]
    fn the_rule_whose_number_is_surely_the_highest_is_taken() {
        let (independent, chances, together) = drawn(11, 2_000);
        // Who is on the first list is on the second: what neither finds is not seen at all.
        let on = independent
            .on
            .iter()
            .map(|on| On { second: on.first, other_rule: on.first, ..*on })
            .collect();
        let dependent = TwoLists { rule: 1, on };
        let taken = TwoLists::highest(vec![dependent, independent], &chances, &together);
        assert_eq!(taken.map(|lists| lists.rule), Some(0));
        assert!(TwoLists::highest(Vec::new(), &chances, &together).is_none());
    }
}
