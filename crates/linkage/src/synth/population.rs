//! The people of a synthetic population and where they live, before anybody writes them down.
//!
//! A household has a home, a culture, and people who share what households share; one birth in forty is of twins. People
//! and homes are kept as ranks in lists and as numbers, some twenty bytes each, and spelled when a row is written, so
//! that a population of millions fits where its names would not.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::names::{CULTURES, Culture, Form, TOWNS};
use super::scramble::Scramble;
use super::shuffle;
use super::stock::{Names, Stock};
use crate::random::Dice;

/// From so many people on a population is large: long lists, postcodes that are neighbourhoods, scattered identifiers.
///
/// Below, the short lists do, and files that were made before there were long ones keep their bytes.
pub(super) const LARGE_FROM: u32 = 100_000;

/// The last day on which somebody of a large population is born.
const LAST_BIRTH: Date = date(2025, 12, 31);

/// The share of those old enough, in a large population, who have a telephone of their own; the others share the home's.
const OWN_TELEPHONE: f64 = 0.8;

/// The last birth of those old enough for a telephone of their own.
const LAST_BIRTH_WITH_TELEPHONE: Date = date(2011, 12, 31);

/// What a family goes by: one surname, two, or the father's given name, as ranks in the culture's lists.
#[derive(Clone, Copy)]
pub(super) struct Family {
    first: u16,
    second: u16,
}

/// A person as they are.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) birth: Date,
    pub(super) home: u32,
    /// Counts people in the order they were made, from 1.
    serial: u32,
    given: u16,
    family: Family,
    culture: u8,
    pub(super) woman: bool,
    own_telephone: bool,
}

/// A place where people live. Its number in the population makes its telephone.
#[derive(Clone, Copy)]
pub(super) struct Home {
    house: u16,
    street: u16,
    town: u16,
    /// Which of a large town's postal districts.
    district: u16,
    /// What follows the district in the postcode: a digit and two of [`LETTERS`], below [`CODES`].
    code: u16,
}

/// Everybody, and what their names and numbers are spelled by.
pub(super) struct Population {
    pub(super) people: Vec<Person>,
    homes: Vec<Home>,
    pub(super) stock: Stock,
    /// Scatters identifiers and telephones, where the population is large.
    scatter: Option<(Scramble, Scramble)>,
}

impl Population {
    /// Fills homes with households until there are enough people, then puts the people in a random order.
    pub(super) fn new(people: u32, dice: &mut Dice) -> Self {
        let wanted = people as usize;
        let large = people >= LARGE_FROM;
        let stock = if large { Stock::large(wanted) } else { Stock::small() };
        let mut population = Self {
            people: Vec::with_capacity(wanted + 16),
            homes: Vec::new(),
            stock,
            scatter: None,
        };
        if large {
            population.scatter =
                Some((Scramble::new(1_000_000_000, dice), Scramble::new(100_000_000, dice)));
            population.fill_neighbourhoods(wanted, dice);
        } else {
            while population.people.len() < wanted {
                let home = population.lone_home(dice);
                population.add_household(home, dice);
            }
        }
        population.people.truncate(wanted);
        shuffle(&mut population.people, dice);
        population
    }

    pub(super) fn culture(person: &Person) -> &'static Culture {
        &CULTURES[usize::from(person.culture)]
    }

    fn names(&self, culture: u8) -> &Names {
        &self.stock.names[usize::from(culture)]
    }

    pub(super) fn given(&self, person: &Person) -> String {
        let names = self.names(person.culture);
        let list = if person.woman { &names.women } else { &names.men };
        list.spell(person.given).into_owned()
    }

    pub(super) fn surname(&self, person: &Person) -> String {
        self.spell_family(person, person.family)
    }

    /// Another surname for the person, as after marriage.
    pub(super) fn other_surname(&self, person: &Person, dice: &mut Dice) -> String {
        self.spell_family(person, self.draw_family(person.culture, dice))
    }

    /// Ten digits that begin with three zeros, or twelve in a large population: no agency issues such a number.
    pub(super) fn identifier(&self, person: &Person) -> String {
        match &self.scatter {
            None => format!("000{:07}", person.serial),
            Some((scramble, _)) => format!("000{:09}", scramble.place(u64::from(person.serial))),
        }
    }

    /// Any home, as one that a person has left.
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer homes than people")]
    pub(super) fn any_home(&self, dice: &mut Dice) -> u32 {
        dice.place(self.homes.len()) as u32
    }

    pub(super) fn street(&self, home: u32) -> String {
        let home = &self.homes[home as usize];
        format!("{} {}", home.house, self.stock.streets.spell(home.street))
    }

    pub(super) fn town(&self, home: u32) -> String {
        self.stock.towns.spell(self.homes[home as usize].town).into_owned()
    }

    pub(super) fn postcode(&self, home: u32) -> String {
        let Home { town, district, code, .. } = self.homes[home as usize];
        let letter = |at: u16| LETTERS[usize::from(at % 20)];
        let inward = format!("{}{}{}", code / 400, letter(code / 20), letter(code));
        if self.scatter.is_none() {
            return format!("{} {inward}", TOWNS[usize::from(town)].1);
        }
        // Two letters for the town, then its district, those of towns with the same letters set apart by hundreds.
        let district = 1 + district + 100 * (town / 400);
        format!("{}{}{district} {inward}", letter(town / 20), letter(town))
    }

    /// The telephone that goes with a home of the person: it begins with 555 01, which is kept for fiction.
    pub(super) fn telephone(&self, person: &Person, home: u32) -> String {
        let Some((_, scramble)) = &self.scatter else {
            return format!("55501{home:07}");
        };
        // Homes have the first numbers, people the next.
        let number = if person.own_telephone {
            self.homes.len() as u64 + u64::from(person.serial)
        } else {
            u64::from(home)
        };
        format!("55501{:08}", scramble.place(number))
    }

    /// A home anywhere, with a street and a postcode that have nothing to do with each other.
    fn lone_home(&mut self, dice: &mut Dice) -> u32 {
        let town = self.stock.towns.draw(dice);
        let house = 1 + small(dice.below(180));
        let street = self.stock.streets.draw(dice);
        let code = small(dice.below(10) * 400 + dice.below(20) * 20 + dice.below(20));
        self.push_home(Home { house, street, town, district: 0, code })
    }

    /// Fills homes neighbourhood by neighbourhood: some houses of one street, with one postcode.
    fn fill_neighbourhoods(&mut self, wanted: usize, dice: &mut Dice) {
        let mut filled: Vec<u32> = Vec::new();
        while self.people.len() < wanted {
            let town = self.stock.towns.draw(dice);
            let street = self.stock.streets.draw(dice);
            if filled.len() <= usize::from(town) {
                filled.resize(usize::from(town) + 1, 0);
            }
            let before = filled[usize::from(town)];
            filled[usize::from(town)] += 1;
            // No two neighbourhoods of a town have the same code; 1,457 has no divisor in common with 4,000.
            let code = small(u64::from(before) * 1_457 % CODES);
            let district = small(u64::from(before) / CODES);
            let first_house = 1 + small(dice.below(160));
            for step in 0..9 + small(dice.below(16)) {
                if self.people.len() >= wanted {
                    break;
                }
                let house = first_house + 2 * step;
                let home = self.push_home(Home { house, street, town, district, code });
                self.add_household(home, dice);
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are fewer homes than people")]
    fn push_home(&mut self, home: Home) -> u32 {
        self.homes.push(home);
        (self.homes.len() - 1) as u32
    }

    fn add_household(&mut self, home: u32, dice: &mut Dice) {
        let culture = pick_culture(dice);
        let form = CULTURES[usize::from(culture)].form;
        let father_born = birth_between(1945, 1995, dice);
        let family = self.draw_family(culture, dice);
        let father = self.add_person(culture, false, family, father_born, home, dice);
        if dice.chance(0.35) {
            return;
        }
        let mother_born = father_born.saturating_add(((dice.whole_below(3000)) - 1500).days());
        let own = self.draw_family(culture, dice);
        // A wife may take the family's name; where there are two surnames, or a patronymic, she keeps her own.
        let shared = form != Form::TwoSurnames && form != Form::Patronymic && dice.chance(0.6);
        let mothers = if shared { family } else { own };
        self.add_person(culture, true, mothers, mother_born, home, dice);
        let childrens = match form {
            Form::Family | Form::Gendered => family,
            Form::TwoSurnames => Family { first: family.first, second: mothers.first },
            Form::Patronymic => Family { first: father, second: 0 },
        };
        let first_born =
            father_born.max(mother_born).saturating_add((20 + dice.whole_below(12)).years());
        let mut born = first_born;
        for _ in 0..dice.below(4) {
            if self.scatter.is_some() && born > LAST_BIRTH {
                return;
            }
            // One birth in forty is of twins, who share all but the given name.
            let twins = if dice.chance(1.0 / 40.0) { 2 } else { 1 };
            for _ in 0..twins {
                let woman = dice.chance(0.5);
                self.add_person(culture, woman, childrens, born, home, dice);
            }
            born = born.saturating_add((400 + dice.whole_below(1500)).days());
        }
    }

    /// Adds a person, and returns the rank of their given name.
    #[expect(clippy::cast_possible_truncation, reason = "a file holds four million people at most")]
    fn add_person(
        &mut self,
        culture: u8,
        woman: bool,
        family: Family,
        birth: Date,
        home: u32,
        dice: &mut Dice,
    ) -> u16 {
        let names = self.names(culture);
        let given = if woman { &names.women } else { &names.men }.draw(dice);
        let serial = self.people.len() as u32 + 1;
        let own_telephone = self.scatter.is_some()
            && birth <= LAST_BIRTH_WITH_TELEPHONE
            && dice.chance(OWN_TELEPHONE);
        self.people.push(Person {
            birth,
            home,
            serial,
            given,
            family,
            culture,
            woman,
            own_telephone,
        });
        given
    }

    /// Draws the family's name before it takes its form.
    fn draw_family(&self, culture: u8, dice: &mut Dice) -> Family {
        let names = self.names(culture);
        match CULTURES[usize::from(culture)].form {
            Form::Family | Form::Gendered => Family { first: names.surnames.draw(dice), second: 0 },
            Form::TwoSurnames => {
                let first = names.surnames.draw(dice);
                Family { first, second: names.surnames.draw(dice) }
            }
            Form::Patronymic => Family { first: names.men.draw(dice), second: 0 },
        }
    }

    fn spell_family(&self, person: &Person, family: Family) -> String {
        let names = self.names(person.culture);
        match Self::culture(person).form {
            Form::Family => names.surnames.spell(family.first).into_owned(),
            Form::TwoSurnames => format!(
                "{} {}",
                names.surnames.spell(family.first),
                names.surnames.spell(family.second)
            ),
            Form::Gendered => {
                let name = names.surnames.spell(family.first);
                match name.strip_suffix('i') {
                    Some(stem) if person.woman => format!("{stem}a"),
                    _ => name.into_owned(),
                }
            }
            Form::Patronymic => {
                let father = names.men.spell(family.first);
                let stem = father.strip_suffix("ur").unwrap_or(&father);
                format!("{stem}s{}", if person.woman { "dóttir" } else { "son" })
            }
        }
    }
}

const LETTERS: [char; 20] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'N', 'P', 'R', 'S', 'T', 'U', 'W', 'X',
    'Y',
];

/// How many codes a postal district has: ten digits, and two of twenty letters.
const CODES: u64 = 4_000;

#[expect(
    clippy::cast_possible_truncation,
    reason = "only numbers below a few thousand are asked for"
)]
fn small(number: u64) -> u16 {
    number as u16
}

fn pick_culture(dice: &mut Dice) -> u8 {
    let all = CULTURES.iter().map(|culture| culture.share).sum();
    let mut at = dice.below(all);
    for (number, culture) in (0..).zip(CULTURES) {
        if at < culture.share {
            return number;
        }
        at -= culture.share;
    }
    0
}

fn birth_between(from: i16, to: i16, dice: &mut Dice) -> Date {
    let days = u32::from(from.abs_diff(to)) * 365;
    date(from, 1, 1).saturating_add(dice.whole_below(days).days())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn a_large_population_has_identifiers_of_its_own_and_postcodes_of_one_street() {
        let population = Population::new(LARGE_FROM, &mut Dice::new(3));
        let identifiers: HashSet<String> =
            population.people.iter().map(|person| population.identifier(person)).collect();
        assert_eq!(identifiers.len(), LARGE_FROM as usize);
        assert!(identifiers.iter().all(|identifier| identifier.len() == 12));
        let mut streets: HashMap<String, HashSet<(u16, u16)>> = HashMap::new();
        for (number, home) in (0..).zip(&population.homes) {
            streets
                .entry(population.postcode(number))
                .or_default()
                .insert((home.town, home.street));
        }
        assert!(streets.values().all(|streets| streets.len() == 1));
        let homes_a_postcode = population.homes.len() as f64 / streets.len() as f64;
        assert!((homes_a_postcode - 16.5).abs() < 0.5, "{homes_a_postcode}");
    }

    #[test]
    fn nobody_of_a_large_population_is_born_after_the_last_day() {
        let population = Population::new(LARGE_FROM, &mut Dice::new(3));
        assert!(population.people.iter().all(|person| person.birth <= LAST_BIRTH));
    }

    #[test]
    fn a_population_is_kept_in_few_bytes() {
        assert!(size_of::<Person>() <= 24);
        assert!(size_of::<Home>() <= 12);
    }
}
