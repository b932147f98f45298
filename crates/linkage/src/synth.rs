//! Makes synthetic files of people with a column that says who is who.
//!
//! For tests, benchmarks and the worked example, so that nobody's data is ever needed to show or measure anything. Two
//! files come of one population: a *payroll*, as an employer reports it, and a *benefit caseload*, as an agency keeps it.
//! Some people are in both. What makes linking hard is put in on purpose and at stated rates: households that share
//! address, surname and telephone; twins; names of several cultures, some very common; and what happens to a record
//! between two offices. The same plan gives the same bytes.
//!
//! It models no real place, and rates measured on it say nothing of any real file. Nobody in it is or was anybody.

mod mistake;
mod names;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use self::mistake::{digit_mistaken, mistaken};
use self::names::{BENEFITS, CULTURES, Culture, EMPLOYERS, Form, NICKNAMES, STREETS, TOWNS};
use crate::random::Dice;
use crate::{Error, Result};

/// What is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where chance begins.
    pub seed: u64,
    /// People in the payroll. Those with two jobs have two rows.
    pub payroll_people: u32,
    /// People in the caseload, one row each.
    pub caseload_people: u32,
    /// The share of the caseload's people who are in the payroll too.
    pub overlap: f64,
    /// The share of the payroll's people with two jobs.
    pub second_job: f64,
    /// The share of the people in both files who declared less than they were paid.
    pub undeclared: f64,
    /// What goes wrong between a person and the payroll.
    pub payroll_errors: ErrorRates,
    /// What goes wrong between a person and the caseload.
    pub caseload_errors: ErrorRates,
}

/// How often each thing goes wrong, as a share of rows; `typo` and `missing` are shares of cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorRates {
    /// A name, street or town written with one mistake.
    pub typo: f64,
    /// A cell left empty; the names never both.
    pub missing: f64,
    /// Given name and surname the wrong way round.
    pub swapped_names: f64,
    /// A short form in place of the given name, where it has one.
    pub nickname: f64,
    /// Another surname, after marriage or divorce, for adults.
    pub married_name: f64,
    /// Only the first of two surnames, or no particle, or letters without their diacritics.
    pub plain_name: f64,
    /// An address and telephone the person has left.
    pub moved: f64,
    /// One digit of the date of birth wrong.
    pub birth_digit: f64,
    /// Day and month of birth the wrong way round, where that is a date.
    pub birth_swapped: f64,
    /// One digit of the identifier wrong.
    pub identifier_digit: f64,
    /// No identifier.
    pub identifier_missing: f64,
}

impl ErrorRates {
    /// Rates of the size that public studies of administrative files report.
    pub fn usual() -> Self {
        Self {
            typo: 0.02,
            missing: 0.02,
            swapped_names: 0.01,
            nickname: 0.04,
            married_name: 0.02,
            plain_name: 0.10,
            moved: 0.10,
            birth_digit: 0.01,
            birth_swapped: 0.005,
            identifier_digit: 0.01,
            identifier_missing: 0.10,
        }
    }

    fn all(&self) -> [f64; 11] {
        [
            self.typo,
            self.missing,
            self.swapped_names,
            self.nickname,
            self.married_name,
            self.plain_name,
            self.moved,
            self.birth_digit,
            self.birth_swapped,
            self.identifier_digit,
            self.identifier_missing,
        ]
    }
}

impl Plan {
    /// A small plan with the usual rates: 1,000 people paid, 800 on the caseload, 240 of them in both.
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            payroll_people: 1_000,
            caseload_people: 800,
            overlap: 0.3,
            second_job: 0.1,
            undeclared: 0.4,
            payroll_errors: ErrorRates::usual(),
            caseload_errors: ErrorRates { moved: 0.02, ..ErrorRates::usual() },
        }
    }
}

/// The two files, every column text, an empty cell null.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// The source's file, with the columns of [`PAYROLL_COLUMNS`].
    pub payroll: RecordBatch,
    /// The recipient's file, with the columns of [`CASELOAD_COLUMNS`].
    pub caseload: RecordBatch,
    /// How many people are in both.
    pub people_in_both: u32,
    /// How many pairs of rows are the same person: more, where they have two jobs.
    pub same_pairs: u64,
}

/// The columns of the payroll. `truth_person` is the person's number in the population, and no party would have it.
pub const PAYROLL_COLUMNS: [&str; 14] = [
    "row_id",
    "employer",
    "first_name",
    "last_name",
    "dob",
    "street",
    "town",
    "postcode",
    "telephone",
    "identifier",
    "gross_pay",
    "period_from",
    "period_to",
    "truth_person",
];

/// The columns of the caseload. `truth_undeclared` says whether the person declared less than they were paid.
pub const CASELOAD_COLUMNS: [&str; 15] = [
    "case_id",
    "given_name",
    "surname",
    "birth_date",
    "address",
    "city",
    "postcode",
    "phone",
    "identifier",
    "benefit",
    "benefit_from",
    "benefit_to",
    "declared_income",
    "truth_person",
    "truth_undeclared",
];

/// Makes the two files of a plan.
///
/// # Errors
///
/// [`Error::UnsoundSynthesis`] for a rate that isn't a share, or more people in both files than one of them holds.
///
/// # Examples
///
/// ```
/// use linkage::synth::{Plan, synthesise};
///
/// let files = synthesise(&Plan::small(1))?;
/// assert_eq!(files.caseload.num_rows(), 800);
/// assert_eq!(files.people_in_both, 240);
/// # Ok::<(), linkage::Error>(())
/// ```
pub fn synthesise(plan: &Plan) -> Result<Files> {
    let both = check(plan)?;
    let mut dice = Dice::new(plan.seed);
    let people = plan.payroll_people + plan.caseload_people - both;
    let population = Population::new(people, &mut dice);
    // The first are on the caseload alone, the next in both, the last on the payroll alone.
    let caseload_alone = plan.caseload_people - both;
    let mut payroll = Vec::new();
    let mut caseload = Vec::new();
    let mut same_pairs = 0;
    for (number, person) in (0..people).zip(&population.people) {
        let on_caseload = number < plan.caseload_people;
        let on_payroll = number >= caseload_alone;
        let monthly = 90_000 + dice.whole_below(400_000);
        let jobs = if !on_payroll {
            0
        } else if dice.chance(plan.second_job) {
            2
        } else {
            1
        };
        for _ in 0..jobs {
            payroll.push(payroll_row(number, person, monthly / jobs, plan, &population, &mut dice));
        }
        if on_caseload {
            let undeclared = jobs > 0 && dice.chance(plan.undeclared);
            let declared = match (jobs, undeclared) {
                (0, _) => 0,
                (_, true) => monthly * dice.whole_below(60) / 100,
                (_, false) => monthly,
            };
            caseload.push(caseload_row(
                number,
                person,
                declared,
                undeclared,
                plan,
                &population,
                &mut dice,
            ));
            same_pairs += jobs.unsigned_abs();
        }
    }
    shuffle(&mut payroll, &mut dice);
    shuffle(&mut caseload, &mut dice);
    for (row, cells) in payroll.iter_mut().enumerate() {
        cells[0] = format!("P{:07}", row + 1);
    }
    for (row, cells) in caseload.iter_mut().enumerate() {
        cells[0] = format!("C{:07}", row + 1);
    }
    Ok(Files {
        payroll: batch(&PAYROLL_COLUMNS, &payroll)?,
        caseload: batch(&CASELOAD_COLUMNS, &caseload)?,
        people_in_both: both,
        same_pairs,
    })
}

/// Checks a plan and returns how many people are in both files.
fn check(plan: &Plan) -> Result<u32> {
    let unsound = |problem: &str| Err(Error::UnsoundSynthesis { problem: problem.to_owned() });
    let own = [plan.overlap, plan.second_job, plan.undeclared];
    let rates = own.into_iter().chain(plan.payroll_errors.all()).chain(plan.caseload_errors.all());
    if rates.into_iter().any(|rate| !(0.0..=1.0).contains(&rate)) {
        return unsound("every rate is a share between 0 and 1");
    }
    if plan.payroll_people > 4_000_000 || plan.caseload_people > 4_000_000 {
        return unsound("a file holds at most 4,000,000 people");
    }
    let both = share_of(plan.caseload_people, plan.overlap);
    if both > plan.payroll_people {
        return unsound("more people are in both files than in the payroll");
    }
    Ok(both)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn share_of(count: u32, share: f64) -> u32 {
    (f64::from(count) * share).round() as u32
}

/// A person as they are, before anybody writes them down.
struct Person {
    culture: &'static Culture,
    woman: bool,
    given: String,
    surname: String,
    birth: Date,
    home: usize,
    identifier: String,
}

/// A place where people live.
struct Home {
    street: String,
    town: &'static str,
    postcode: String,
    telephone: String,
}

struct Population {
    people: Vec<Person>,
    homes: Vec<Home>,
}

impl Population {
    /// Fills homes with households until there are enough people, then puts the people in a random order.
    fn new(people: u32, dice: &mut Dice) -> Self {
        let mut population =
            Self { people: Vec::with_capacity(people as usize), homes: Vec::new() };
        while population.people.len() < people as usize {
            population.add_household(dice);
        }
        population.people.truncate(people as usize);
        shuffle(&mut population.people, dice);
        population
    }

    fn add_household(&mut self, dice: &mut Dice) {
        let home = self.homes.len();
        self.homes.push(Home::new(home, dice));
        let culture = pick_culture(dice);
        let father_born = birth_between(1945, 1995, dice);
        let father =
            self.add_person(culture, false, &family_name(culture, dice), father_born, home, dice);
        if dice.chance(0.35) {
            return;
        }
        let mother_born = father_born.saturating_add(((dice.whole_below(3000)) - 1500).days());
        let own_name = family_name(culture, dice);
        // A wife may take the family's name; where there are two surnames, or a patronymic, she keeps her own.
        let shared = culture.form != Form::TwoSurnames
            && culture.form != Form::Patronymic
            && dice.chance(0.6);
        let mother_name = if shared { father.1.clone() } else { own_name };
        let mother = self.add_person(culture, true, &mother_name, mother_born, home, dice);
        let first_born =
            father_born.max(mother_born).saturating_add((20 + dice.whole_below(12)).years());
        let mut born = first_born;
        for _ in 0..dice.below(4) {
            let family = match culture.form {
                Form::Family | Form::Gendered => father.1.clone(),
                Form::TwoSurnames => format!("{} {}", first_word(&father.1), first_word(&mother.1)),
                Form::Patronymic => father.0.clone(),
            };
            // One birth in forty is of twins, who share all but the given name.
            let twins = if dice.chance(1.0 / 40.0) { 2 } else { 1 };
            for _ in 0..twins {
                let woman = dice.chance(0.5);
                self.add_person(culture, woman, &family, born, home, dice);
            }
            born = born.saturating_add((400 + dice.whole_below(1500)).days());
        }
    }

    /// Adds a person, and returns their given name and their family's name before it takes its form.
    fn add_person(
        &mut self,
        culture: &'static Culture,
        woman: bool,
        family: &str,
        birth: Date,
        home: usize,
        dice: &mut Dice,
    ) -> (String, String) {
        let given = zipf(if woman { culture.women } else { culture.men }, dice).to_owned();
        let surname = surname_of(culture, family, woman);
        // Ten digits that begin with three zeros: no agency issues such a number.
        let identifier = format!("000{:07}", self.people.len() + 1);
        self.people.push(Person {
            culture,
            woman,
            given: given.clone(),
            surname,
            birth,
            home,
            identifier,
        });
        (given, family.to_owned())
    }
}

impl Home {
    fn new(number: usize, dice: &mut Dice) -> Self {
        let (town, code) = *zipf_pick(TOWNS, dice);
        Self {
            street: format!("{} {}", 1 + dice.below(180), zipf_pick(STREETS, dice)),
            town,
            postcode: format!("{code} {}{}", dice.below(10), letters(2, dice)),
            // Numbers that begin with 555 01 are kept for fiction.
            telephone: format!("55501{number:07}"),
        }
    }
}

const LETTERS: [char; 20] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'N', 'P', 'R', 'S', 'T', 'U', 'W', 'X',
    'Y',
];

fn letters(count: usize, dice: &mut Dice) -> String {
    (0..count).map(|_| *dice.pick(&LETTERS)).collect()
}

fn pick_culture(dice: &mut Dice) -> &'static Culture {
    let all = CULTURES.iter().map(|culture| culture.share).sum();
    let mut at = dice.below(all);
    for culture in CULTURES {
        if at < culture.share {
            return culture;
        }
        at -= culture.share;
    }
    &CULTURES[0]
}

fn birth_between(from: i16, to: i16, dice: &mut Dice) -> Date {
    let days = u32::from(from.abs_diff(to)) * 365;
    date(from, 1, 1).saturating_add(dice.whole_below(days).days())
}

/// The family's name before it takes its form: one surname, two, or a father's given name.
fn family_name(culture: &Culture, dice: &mut Dice) -> String {
    match culture.form {
        Form::Family | Form::Gendered => zipf(culture.surnames, dice).to_owned(),
        Form::TwoSurnames => {
            format!("{} {}", zipf(culture.surnames, dice), zipf(culture.surnames, dice))
        }
        Form::Patronymic => zipf(culture.men, dice).to_owned(),
    }
}

fn surname_of(culture: &Culture, family: &str, woman: bool) -> String {
    match culture.form {
        Form::Gendered if woman => {
            family.strip_suffix('i').map_or(family.to_owned(), |stem| format!("{stem}a"))
        }
        Form::Family | Form::TwoSurnames | Form::Gendered => family.to_owned(),
        Form::Patronymic => {
            let stem = family.strip_suffix("ur").unwrap_or(family);
            format!("{stem}s{}", if woman { "dóttir" } else { "son" })
        }
    }
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

fn zipf(list: &[&'static str], dice: &mut Dice) -> &'static str {
    zipf_pick::<&str>(list, dice)
}

/// Picks the nth of a list with a chance in proportion to 1/n.
fn zipf_pick<'a, T>(list: &'a [T], dice: &mut Dice) -> &'a T {
    let all: f64 = (1..=list.len()).map(|rank| 1.0 / rank as f64).sum();
    let mut at = dice.share() * all;
    for (rank, item) in (1..).zip(list) {
        at -= 1.0 / f64::from(rank);
        if at < 0.0 {
            return item;
        }
    }
    &list[list.len() - 1]
}

fn shuffle<T>(list: &mut [T], dice: &mut Dice) {
    for at in (1..list.len()).rev() {
        list.swap(at, dice.place(at + 1));
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
    let mut given = person.given.clone();
    let mut surname = person.surname.clone();
    if dice.chance(rates.nickname)
        && let Some((_, short)) = NICKNAMES.iter().find(|(long, _)| *long == given)
    {
        (*short).clone_into(&mut given);
    }
    if dice.chance(rates.married_name) && person.birth < date(2005, 1, 1) {
        surname = surname_of(person.culture, &family_name(person.culture, dice), person.woman);
    }
    if dice.chance(rates.plain_name) {
        (given, surname) = plain(&given, &surname, person.culture.form);
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
    let home = if dice.chance(rates.moved) {
        &population.homes[dice.place(population.homes.len())]
    } else {
        &population.homes[person.home]
    };
    let mut written = Written {
        given,
        surname,
        birth: write_birth(person.birth, rates, dice),
        street: home.street.clone(),
        town: home.town.to_owned(),
        postcode: home.postcode.clone(),
        telephone: home.telephone.clone(),
        identifier: person.identifier.clone(),
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
        Form::TwoSurnames => first_word(surname).to_owned(),
        Form::Family => surname.rsplit(' ').next().unwrap_or(surname).to_owned(),
        Form::Gendered | Form::Patronymic => surname.to_owned(),
    };
    (crate::prepare::fold_diacritics(given), crate::prepare::fold_diacritics(&surname))
}

fn payroll_row(
    number: u32,
    person: &Person,
    monthly: i64,
    plan: &Plan,
    population: &Population,
    dice: &mut Dice,
) -> Vec<String> {
    let written = write_down(person, &plan.payroll_errors, population, dice);
    let month = date(2026, 1, 1).saturating_add(dice.whole_below(9).months());
    vec![
        String::new(),
        (*zipf_pick(EMPLOYERS, dice)).to_owned(),
        written.given,
        written.surname,
        written.birth,
        written.street,
        written.town,
        written.postcode,
        written.telephone,
        written.identifier,
        money(monthly),
        month.to_string(),
        month.last_of_month().to_string(),
        number.to_string(),
    ]
}

fn caseload_row(
    number: u32,
    person: &Person,
    declared: i64,
    undeclared: bool,
    plan: &Plan,
    population: &Population,
    dice: &mut Dice,
) -> Vec<String> {
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
        money(declared),
        number.to_string(),
        if undeclared { "yes" } else { "no" }.to_owned(),
    ]
}

/// Cents as an amount.
fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn batch(columns: &[&str], rows: &[Vec<String>]) -> Result<RecordBatch> {
    let fields: Vec<Field> =
        columns.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
    let arrays = (0..columns.len()).map(|column| -> ArrayRef {
        let cells =
            rows.iter().map(|row| Some(row[column].as_str()).filter(|cell| !cell.is_empty()));
        Arc::new(cells.collect::<StringArray>())
    });
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect())
        .map_err(|problem| Error::UnsoundSynthesis { problem: problem.to_string() })
}
