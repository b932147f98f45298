//! Draws the rows of a large population one batch at a time.
//!
//! What is kept is the population, in some twenty bytes a person, and each file's order. What a person earns and what
//! goes wrong in a row are drawn when the row is made, and made again when it is asked for again.

use arrow_array::RecordBatch;

use super::population::Population;
use super::rows::{Pay, caseload_row, payroll_row};
use super::{CASELOAD_COLUMNS, PAYROLL_COLUMNS, Plan, batch, shuffle};
use crate::Result;
use crate::random::Dice;

/// Both files of a large plan, as what their rows are drawn from.
pub(super) struct Drawn {
    plan: Plan,
    population: Population,
    /// Who has each row of the payroll, and of the caseload.
    payroll: Vec<u32>,
    caseload: Vec<u32>,
    seeds: Seeds,
}

#[derive(Clone, Copy)]
struct Seeds {
    pay: u64,
    payroll: u64,
    caseload: u64,
}

impl Drawn {
    /// Draws who is on which row.
    pub(super) fn new(
        plan: &Plan,
        population: Population,
        caseload_alone: u32,
        dice: &mut Dice,
    ) -> Self {
        let [pay, payroll, caseload] = [(); 3].map(|()| dice.below(u64::MAX));
        let mut drawn = Self {
            plan: plan.clone(),
            population,
            payroll: Vec::with_capacity(plan.payroll_people as usize),
            caseload: (0..plan.caseload_people).collect(),
            seeds: Seeds { pay, payroll, caseload },
        };
        for number in caseload_alone..caseload_alone + plan.payroll_people {
            for _ in 0..drawn.pay(number, caseload_alone).jobs {
                drawn.payroll.push(number);
            }
        }
        shuffle(&mut drawn.payroll, dice);
        shuffle(&mut drawn.caseload, dice);
        drawn
    }

    pub(super) fn payroll_records(&self) -> usize {
        self.payroll.len()
    }

    /// How many pairs of rows are of one person: each row of the payroll of somebody on the caseload.
    pub(super) fn same_pairs(&self) -> u64 {
        self.payroll.iter().filter(|&&number| number < self.plan.caseload_people).count() as u64
    }

    /// The payroll, so many rows at a time.
    pub(super) fn payroll(&self, rows: usize) -> impl Iterator<Item = Result<RecordBatch>> {
        let mut dice = Dice::new(self.seeds.payroll);
        let alone = self.caseload_alone();
        let mut serial = 0;
        pieces(&self.payroll, rows).map(move |numbers| {
            let cells = numbers.iter().map(|&number| {
                serial += 1;
                let pay = self.pay(number, alone);
                let mut cells = payroll_row(number, &pay, &self.plan, &self.population, &mut dice);
                cells[0] = format!("P{serial:07}");
                cells
            });
            batch(&PAYROLL_COLUMNS, &cells.collect::<Vec<_>>())
        })
    }

    /// The caseload, so many rows at a time.
    pub(super) fn caseload(&self, rows: usize) -> impl Iterator<Item = Result<RecordBatch>> {
        let mut dice = Dice::new(self.seeds.caseload);
        let alone = self.caseload_alone();
        let mut serial = 0;
        pieces(&self.caseload, rows).map(move |numbers| {
            let cells = numbers.iter().map(|&number| {
                serial += 1;
                let pay = self.pay(number, alone);
                let mut cells = caseload_row(number, &pay, &self.plan, &self.population, &mut dice);
                cells[0] = format!("C{serial:07}");
                cells
            });
            batch(&CASELOAD_COLUMNS, &cells.collect::<Vec<_>>())
        })
    }

    /// How many are on the caseload and not on the payroll; they come first.
    #[expect(clippy::cast_possible_truncation, reason = "a plan counts its people in 32 bits")]
    fn caseload_alone(&self) -> u32 {
        self.population.people.len() as u32 - self.plan.payroll_people
    }

    /// What somebody earns and declares: the same whenever it is asked.
    fn pay(&self, number: u32, caseload_alone: u32) -> Pay {
        let mut dice = Dice::new(self.seeds.pay.wrapping_add(u64::from(number)));
        let mut pay = Pay::draw(number >= caseload_alone, &self.plan, &mut dice);
        pay.declare(&self.plan, &mut dice);
        pay
    }
}

/// Cuts a file's order into pieces, one without rows where there are none, so that its columns are written all the same.
fn pieces(order: &[u32], rows: usize) -> impl Iterator<Item = &[u32]> {
    order.chunks(rows).chain(order.is_empty().then_some(order))
}
