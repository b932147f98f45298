//! The names, streets and towns that a population draws from, with how common each is.
//!
//! A small population draws from the short lists by Zipf's law. A large one draws from the same lists lengthened by
//! composed tails, by the law of Zipf and Mandelbrot (`1 / (rank + flat)`), so that its commonest surname is held by one
//! or two in a hundred and not by one in four. A name is kept as its rank, and spelled only when a row is written.

use std::borrow::Cow;

use super::names::{CULTURES, EMPLOYERS, STREETS, TOWNS};
use super::tail::{self, TAILS, Tail};
use crate::random::Dice;

/// A list to draw from, commonest first.
pub(super) struct List {
    heads: &'static [&'static str],
    tail: Option<&'static Tail>,
    /// The sum of the chances up to each rank.
    sums: Vec<f64>,
}

impl List {
    /// The short list alone, by Zipf's law.
    fn short(heads: &'static [&'static str]) -> Self {
        Self::with_chances(heads, None, heads.len(), 0.0)
    }

    /// The short list, then its tail, of at most so many names.
    fn long(heads: &'static [&'static str], tail: &'static Tail, most: usize) -> Self {
        let count = (heads.len() + tail.count()).min(most.max(heads.len()));
        Self::with_chances(heads, Some(tail), count, tail.flat)
    }

    fn with_chances(
        heads: &'static [&'static str],
        tail: Option<&'static Tail>,
        count: usize,
        flat: f64,
    ) -> Self {
        let mut sum = 0.0;
        let sums = (1..=count).map(|rank| {
            sum += 1.0 / (rank as f64 + flat);
            sum
        });
        Self { heads, tail, sums: sums.collect() }
    }

    /// Draws a rank, from 0 for the commonest; 0 where the list is empty.
    pub(super) fn draw(&self, dice: &mut Dice) -> u16 {
        let at = dice.share() * self.sums.last().copied().unwrap_or(0.0);
        let rank = self.sums.partition_point(|&sum| sum <= at);
        u16::try_from(rank.min(self.sums.len().saturating_sub(1))).unwrap_or(u16::MAX)
    }

    /// Spells the name of a rank that was drawn.
    pub(super) fn spell(&self, rank: u16) -> Cow<'static, str> {
        let rank = usize::from(rank);
        match (self.heads.get(rank), self.tail) {
            (Some(head), _) => Cow::Borrowed(head),
            (None, Some(tail)) => Cow::Owned(tail.compose(rank - self.heads.len())),
            (None, None) => Cow::Borrowed(""),
        }
    }
}

/// The names of one culture.
pub(super) struct Names {
    pub(super) women: List,
    pub(super) men: List,
    pub(super) surnames: List,
}

/// All that a population draws from.
pub(super) struct Stock {
    /// In the order of [`CULTURES`].
    pub(super) names: Vec<Names>,
    pub(super) streets: List,
    pub(super) towns: List,
    pub(super) employers: List,
}

/// People to a town, on the whole, in a large population.
const PEOPLE_A_TOWN: usize = 2_500;

impl Stock {
    /// The short lists.
    pub(super) fn small() -> Self {
        let names = CULTURES.iter().map(|culture| Names {
            women: List::short(culture.women),
            men: List::short(culture.men),
            surnames: List::short(culture.surnames),
        });
        Self {
            names: names.collect(),
            streets: List::short(STREETS),
            towns: List::short(&TOWN_NAMES),
            employers: List::short(EMPLOYERS),
        }
    }

    /// The long lists, with as many towns as so many people fill.
    pub(super) fn large(people: usize) -> Self {
        let names = CULTURES.iter().zip(&TAILS).map(|(culture, tails)| Names {
            women: List::long(culture.women, &tails.women, usize::MAX),
            men: List::long(culture.men, &tails.men, usize::MAX),
            surnames: List::long(culture.surnames, &tails.surnames, usize::MAX),
        });
        Self {
            names: names.collect(),
            streets: List::long(STREETS, &tail::STREETS, usize::MAX),
            towns: List::long(&TOWN_NAMES, &tail::TOWNS, people / PEOPLE_A_TOWN),
            employers: List::short(EMPLOYERS),
        }
    }
}

/// The towns without their codes.
const TOWN_NAMES: [&str; TOWNS.len()] = {
    let mut names = [""; TOWNS.len()];
    let mut at = 0;
    while at < TOWNS.len() {
        names[at] = TOWNS[at].0;
        at += 1;
    }
    names
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_can_be_drawn_and_spelled() {
        let list = List::long(&["Smith", "Jones"], &TAILS[0].surnames, 10);
        let mut dice = Dice::new(1);
        let mut drawn = [0; 10];
        for _ in 0..10_000 {
            drawn[usize::from(list.draw(&mut dice))] += 1;
        }
        assert!(drawn.iter().all(|&times| times > 100), "{drawn:?}");
        assert!((0..10).all(|rank| !list.spell(rank).is_empty()));
        assert_eq!(list.spell(1), "Jones");
    }

    #[test]
    fn a_list_of_none_draws_and_spells_nothing() {
        let list = List::short(&[]);
        assert_eq!(list.draw(&mut Dice::new(1)), 0);
        assert_eq!(list.spell(0), "");
    }

    #[test]
    fn the_commonest_surname_of_a_large_population_is_held_by_few() {
        let stock = Stock::large(1_500_000);
        let surnames = &stock.names[0].surnames;
        let commonest = surnames.sums[0] / surnames.sums.last().unwrap();
        assert!(commonest > 0.02 && commonest < 0.03, "{commonest}");
        assert!(surnames.sums.len() > 20_000);
    }
}
