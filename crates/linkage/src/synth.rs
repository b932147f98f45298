//! Makes synthetic files of people with a column that says who is who.
//!
//! For tests, benchmarks and the worked example, so that nobody's data is ever needed to show or measure anything. Two
//! files come of one population: a *payroll*, as an employer reports it, and a *benefit caseload*, as an agency keeps it.
//! Some people are in both. What makes linking hard is put in on purpose and at stated rates: households that share
//! address, surname and telephone; twins; names of several cultures, some very common; and what happens to a record
//! between two offices. The same plan gives the same bytes.
//!
//! Below 100,000 people both files are made at once from short lists of names. From there on the lists have long tails, a
//! postcode is a neighbourhood, identifiers are scattered, and [`Synthesis`] hands the rows on batch by batch, so that
//! files of millions are made within a few dozen bytes a person.
//!
//! It models no real place, and rates measured on it say nothing of any real file. Nobody in it is or was anybody.

mod drawn;
mod mistake;
mod names;
mod population;
mod rows;
mod scramble;
mod stock;
mod tail;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use self::drawn::Drawn;
use self::population::{LARGE_FROM, Population};
use self::rows::{Pay, caseload_row, payroll_row};
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
    let synthesis = Synthesis::new(plan)?;
    let (people_in_both, same_pairs) = (synthesis.people_in_both, synthesis.same_pairs);
    let (payroll, caseload) = match synthesis.rows {
        Rows::Made { payroll, caseload } => (payroll, caseload),
        Rows::Drawn(drawn) => (
            drawn.payroll(usize::MAX).next().unwrap_or_else(|| batch(&PAYROLL_COLUMNS, &[]))?,
            drawn.caseload(usize::MAX).next().unwrap_or_else(|| batch(&CASELOAD_COLUMNS, &[]))?,
        ),
    };
    Ok(Files { payroll, caseload, people_in_both, same_pairs })
}

/// The two files of a plan, handed on batch by batch, so that large ones never stand in memory.
///
/// # Examples
///
/// ```
/// use linkage::synth::{Plan, Synthesis};
///
/// let synthesis = Synthesis::new(&Plan::small(1))?;
/// let rows: usize = synthesis.caseload().map(|batch| batch.map_or(0, |rows| rows.num_rows())).sum();
/// assert_eq!(rows, 800);
/// # Ok::<(), linkage::Error>(())
/// ```
#[expect(
    missing_debug_implementations,
    reason = "it holds people, and nobody needs to see it whole"
)]
pub struct Synthesis {
    rows: Rows,
    payroll_records: usize,
    people_in_both: u32,
    same_pairs: u64,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it in a synthesis")]
enum Rows {
    /// A small plan's, made at once.
    Made { payroll: RecordBatch, caseload: RecordBatch },
    /// A large plan's, drawn as they are asked for.
    Drawn(Drawn),
}

/// Rows to a batch.
const BATCH_ROWS: usize = 8_192;

impl Synthesis {
    /// Makes the population of a plan, and of a small plan its rows.
    ///
    /// # Errors
    ///
    /// As [`synthesise`].
    pub fn new(plan: &Plan) -> Result<Self> {
        let people_in_both = check(plan)?;
        let mut dice = Dice::new(plan.seed);
        let people = plan.payroll_people + plan.caseload_people - people_in_both;
        let population = Population::new(people, &mut dice);
        // The first are on the caseload alone, the next in both, the last on the payroll alone.
        let caseload_alone = plan.caseload_people - people_in_both;
        if people >= LARGE_FROM {
            let drawn = Drawn::new(plan, population, caseload_alone, &mut dice);
            return Ok(Self {
                payroll_records: drawn.payroll_records(),
                same_pairs: drawn.same_pairs(),
                people_in_both,
                rows: Rows::Drawn(drawn),
            });
        }
        let mut payroll = Vec::new();
        let mut caseload = Vec::new();
        let mut same_pairs = 0;
        for number in 0..people {
            let mut pay = Pay::draw(number >= caseload_alone, plan, &mut dice);
            for _ in 0..pay.jobs {
                payroll.push(payroll_row(number, &pay, plan, &population, &mut dice));
            }
            if number < plan.caseload_people {
                pay.declare(plan, &mut dice);
                caseload.push(caseload_row(number, &pay, plan, &population, &mut dice));
                same_pairs += pay.jobs.unsigned_abs();
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
        Ok(Self {
            payroll_records: payroll.len(),
            people_in_both,
            same_pairs,
            rows: Rows::Made {
                payroll: batch(&PAYROLL_COLUMNS, &payroll)?,
                caseload: batch(&CASELOAD_COLUMNS, &caseload)?,
            },
        })
    }

    /// Returns the payroll in batches, with the columns of [`PAYROLL_COLUMNS`].
    pub fn payroll(&self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + '_> {
        match &self.rows {
            Rows::Made { payroll, .. } => Box::new(std::iter::once(Ok(payroll.clone()))),
            Rows::Drawn(drawn) => Box::new(drawn.payroll(BATCH_ROWS)),
        }
    }

    /// Returns the caseload in batches, with the columns of [`CASELOAD_COLUMNS`].
    pub fn caseload(&self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + '_> {
        match &self.rows {
            Rows::Made { caseload, .. } => Box::new(std::iter::once(Ok(caseload.clone()))),
            Rows::Drawn(drawn) => Box::new(drawn.caseload(BATCH_ROWS)),
        }
    }

    /// Returns how many rows the payroll has.
    pub fn payroll_records(&self) -> usize {
        self.payroll_records
    }

    /// Returns how many people are in both files.
    pub fn people_in_both(&self) -> u32 {
        self.people_in_both
    }

    /// Returns how many pairs of rows are of one person: more than people, where they have two jobs.
    pub fn same_pairs(&self) -> u64 {
        self.same_pairs
    }
}

/// The columns that linking needs, under one name in both files.
pub const LINKING_COLUMNS: [&str; 10] = [
    "id",
    "first_name",
    "surname",
    "birth_date",
    "street",
    "town",
    "postcode",
    "telephone",
    "identifier",
    "truth_person",
];

/// Returns of a batch of either file only what linking needs, under the names of [`LINKING_COLUMNS`].
///
/// # Errors
///
/// [`Error::UnsoundSynthesis`] for a batch of neither file.
pub fn linking_columns(batch: &RecordBatch) -> Result<RecordBatch> {
    let of_payroll =
        "row_id,first_name,last_name,dob,street,town,postcode,telephone,identifier,truth_person";
    let of_caseload =
        "case_id,given_name,surname,birth_date,address,city,postcode,phone,identifier,truth_person";
    let own = [of_payroll, of_caseload]
        .map(|names| {
            names.split(',').filter_map(|name| batch.column_by_name(name)).cloned().collect()
        })
        .into_iter()
        .find(|columns: &Vec<ArrayRef>| columns.len() == LINKING_COLUMNS.len());
    let Some(columns) = own else {
        return Err(Error::UnsoundSynthesis { problem: "it has other columns".to_owned() });
    };
    RecordBatch::try_new(schema(&LINKING_COLUMNS), columns)
        .map_err(|problem| Error::UnsoundSynthesis { problem: problem.to_string() })
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

fn shuffle<T>(list: &mut [T], dice: &mut Dice) {
    for at in (1..list.len()).rev() {
        list.swap(at, dice.place(at + 1));
    }
}

fn schema(columns: &[&str]) -> SchemaRef {
    let fields = columns.iter().map(|name| Field::new(*name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn batch(columns: &[&str], rows: &[Vec<String>]) -> Result<RecordBatch> {
    let arrays = (0..columns.len()).map(|column| -> ArrayRef {
        let cells =
            rows.iter().map(|row| Some(row[column].as_str()).filter(|cell| !cell.is_empty()));
        Arc::new(cells.collect::<StringArray>())
    });
    RecordBatch::try_new(schema(columns), arrays.collect())
        .map_err(|problem| Error::UnsoundSynthesis { problem: problem.to_string() })
}
