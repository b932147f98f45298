//! Writes people down as the two offices do, with what goes wrong between a person and a file.
//!
//! One call makes the cells of one row, all text, an empty one for what is missing; the row's own id is left to whoever
//! puts the rows in order.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::mistake::{digit_mistaken, mistaken};
use super::names::{BENEFITS, Form, NICKNAMES};
use super::population::{Person, Population};
use super::{ErrorRates, Plan};
use crate::random::Dice;

/// What a person earns and says they earn, in cents a month.
#[derive(Clone, Copy)]
pub(super) struct Pay {
    pub(super) monthly: i64,
    pub(super) declared: i64,
    /// None, one or two; each has a row and an equal share of the pay.
    pub(super) jobs: i64,
    pub(super) undeclared: bool,
}

impl Pay {
    /// Draws the jobs and the pay of somebody who is on the payroll or isn't.
    pub(super) fn draw(on_payroll: bool, plan: &Plan, dice: &mut Dice) -> Self {
        let monthly = 90_000 + dice.whole_below(400_000);
        let jobs = match on_payroll {
            false => 0,
            true if dice.chance(plan.second_job) => 2,
            true => 1,
        };
        Self { monthly, declared: 0, jobs, undeclared: false }
    }

    /// Draws what the person declares to the agency.
    pub(super) fn declare(&mut self, plan: &Plan, dice: &mut Dice) {
        self.undeclared = self.jobs > 0 && dice.chance(plan.undeclared);
        self.declared = match (self.jobs, self.undeclared) {
            (0, _) => 0,
            (_, true) => self.monthly * dice.whole_below(60) / 100,
            (_, false) => self.monthly,
        };
    }
}

/// A person as somebody wrote them down.
struct Written {
    given: String,
    surname: String,
    birth: String,
    street: String,
    town: String,
    postcode: String,
    telephone: String,
    identifier: String,
}

fn write_down(
    person: &Person,
    rates: &ErrorRates,
    population: &Population,
    dice: &mut Dice,
) -> Written {
    let mut given = population.given(person);
    let mut surname = population.surname(person);
    let form = Population::culture(person).form;
    if dice.chance(rates.nickname)
        && let Some((_, short)) = NICKNAMES.iter().find(|(long, _)| *long == given)
    {
        (*short).clone_into(&mut given);
    }
    if dice.chance(rates.married_name) && person.birth < date(2005, 1, 1) {
        surname = population.other_surname(person, dice);
    }
    if dice.chance(rates.plain_name) {
        (given, surname) = plain(&given, &surname, form);
    }
    for text in [&mut given, &mut surname] {
        if dice.chance(rates.typo) {
            *text = mistaken(text, dice);
        }
    }
    // At most one of the two names is left out.
    let [no_given, no_surname] = [(); 2].map(|()| dice.chance(rates.missing));
    if no_given {
        given.clear();
    } else if no_surname {
        surname.clear();
    }
    if dice.chance(rates.swapped_names) {
        std::mem::swap(&mut given, &mut surname);
    }
    let home = if dice.chance(rates.moved) { population.any_home(dice) } else { person.home };
    let mut written = Written {
        given,
        surname,
        birth: write_birth(person.birth, rates, dice),
        street: population.street(home),
        town: population.town(home),
        postcode: population.postcode(home),
        telephone: population.telephone(person, home),
        identifier: population.identifier(person),
    };
    for text in [&mut written.street, &mut written.town] {
        if dice.chance(rates.typo) {
            *text = mistaken(text, dice);
        }
    }
    for text in [
        &mut written.birth,
        &mut written.street,
        &mut written.town,
        &mut written.postcode,
        &mut written.telephone,
    ] {
        if dice.chance(rates.missing) {
            text.clear();
        }
    }
    if dice.chance(rates.identifier_missing) {
        written.identifier.clear();
    } else if dice.chance(rates.identifier_digit) {
        written.identifier = digit_mistaken(&written.identifier, dice);
    }
    written
}

fn write_birth(birth: Date, rates: &ErrorRates, dice: &mut Dice) -> String {
    if dice.chance(rates.birth_digit) {
        return digit_mistaken(&birth.to_string(), dice);
    }
    let turned = Date::new(birth.year(), birth.day(), birth.month());
    match turned {
        Ok(turned) if dice.chance(rates.birth_swapped) => turned.to_string(),
        _ => birth.to_string(),
    }
}

/// The name as an office writes it that has no room for all of it.
fn plain(given: &str, surname: &str, form: Form) -> (String, String) {
    let surname = match form {
        Form::TwoSurnames => surname.split(' ').next().unwrap_or(surname).to_owned(),
        Form::Family => surname.rsplit(' ').next().unwrap_or(surname).to_owned(),
        Form::Gendered | Form::Patronymic => surname.to_owned(),
    };
    (crate::prepare::fold_diacritics(given), crate::prepare::fold_diacritics(&surname))
}

pub(super) fn payroll_row(
    number: u32,
    pay: &Pay,
    plan: &Plan,
    population: &Population,
    dice: &mut Dice,
) -> Vec<String> {
    let person = &population.people[number as usize];
    let written = write_down(person, &plan.payroll_errors, population, dice);
    let month = date(2026, 1, 1).saturating_add(dice.whole_below(9).months());
    vec![
        String::new(),
        population.stock.employers.spell(population.stock.employers.draw(dice)).into_owned(),
        written.given,
        written.surname,
        written.birth,
        written.street,
        written.town,
        written.postcode,
        written.telephone,
        written.identifier,
        money(pay.monthly / pay.jobs.max(1)),
        month.to_string(),
        month.last_of_month().to_string(),
        number.to_string(),
    ]
}

pub(super) fn caseload_row(
    number: u32,
    pay: &Pay,
    plan: &Plan,
    population: &Population,
    dice: &mut Dice,
) -> Vec<String> {
    let person = &population.people[number as usize];
    let written = write_down(person, &plan.caseload_errors, population, dice);
    let from = date(2025, 1, 1).saturating_add(dice.whole_below(12).months());
    let to = from.saturating_add((3 + dice.whole_below(18)).months()).saturating_sub(1.day());
    vec![
        String::new(),
        written.given,
        written.surname,
        written.birth,
        written.street,
        written.town,
        written.postcode,
        written.telephone,
        written.identifier,
        (*dice.pick(BENEFITS)).to_owned(),
        from.to_string(),
        to.to_string(),
        money(pay.declared),
        number.to_string(),
        if pay.undeclared { "yes" } else { "no" }.to_owned(),
    ]
}

/// Cents as an amount.
fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
