//! The rows of a look-up: each names one person by the number of a case in the recipient's own caseload, and gives what the
//! agreement matches that caseload on (floor F4).
//!
//! They come from whoever asks, and say only who is meant. What is compared afterwards is the caseload's own record: were it
//! the row, a case's number would be a way to ask about anybody. Nothing here decides; the counts go to the gate.

use crate::extract::{self, Table};
use crate::program::Program;
use crate::{Error, admit, own};
use admit::{FileSpec, Kind, Limits, Projection};
use agreement::{RecordSet, is_placeholder};
use linkage::RecordRef;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// Persons who are asked about.
#[derive(Clone, Default)]
pub struct Rows {
    /// What the agreement calls the number of a case.
    id: String,
    rows: Vec<Row>,
}

/// A row that lacks something, told from the officer's own file alone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Lacking {
    /// Which row, counted from one; a header is none.
    pub row: usize,
    /// What it lacks, as the agreement calls it.
    pub lacks: Vec<String>,
}

/// One person; what is a placeholder is missing.
#[derive(Clone, serde::Serialize)]
struct Row {
    case_id: Option<String>,
    gives: BTreeMap<String, Option<String>>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl Rows {
    /// Reads rows from a file with a column for the caseload's id and one for each element that it is matched on, called as
    /// the agreement calls them.
    ///
    /// # Errors
    /// The file cannot be read, or lacks a column.
    pub fn read(program: &Program, path: &Path) -> Result<Rows, Error> {
        let columns = Rows::columns(program)?;
        let projection = Projection::new(columns.iter().map(|name| (name.as_str(), Kind::Text)));
        let spec = FileSpec::new(path, own::format_of(path, b','));
        let admitted = match admit::open(&spec, &projection, Limits::default()) {
            Ok(admitted) => admitted,
            // It names nobody, and the gate says what that comes to.
            Err(admit::Error::NoRecords { .. }) => return Ok(Rows::default()),
            Err(error) => return Err(error.into()),
        };
        let value = |name: &String, row: usize| {
            let value = extract::value(&admitted.batch, name, row)?;
            Some((name.clone(), extract::spelled(&value)))
        };
        let row = |row| columns.iter().filter_map(|name| value(name, row)).collect();
        Rows::of(program, (0..admitted.batch.num_rows()).map(row))
    }

    /// Takes rows that were typed or read elsewhere: of each, the value of every column.
    ///
    /// # Errors
    /// The program has no recipient.
    pub fn of(
        program: &Program,
        rows: impl IntoIterator<Item = BTreeMap<String, String>>,
    ) -> Result<Rows, Error> {
        let (_, set) = program.recipient()?;
        let rows = rows.into_iter().map(|row| {
            let given = |name: &str| row.get(name).filter(|text| !is_placeholder(text));
            Row {
                case_id: id_of(set).and_then(given).map(|id| id.trim().to_owned()),
                gives: asked_for(set)
                    .map(|name| (name.to_owned(), given(name).map(|text| folded(text))))
                    .collect(),
            }
        });
        Ok(Rows { id: id_of(set).unwrap_or_default().to_owned(), rows: rows.collect() })
    }

    /// Returns the names of the columns: the caseload's id, and all that it is matched on.
    ///
    /// # Errors
    /// The program has no recipient.
    pub fn columns(program: &Program) -> Result<Vec<String>, Error> {
        let (_, set) = program.recipient()?;
        let mut columns: Vec<String> = Vec::new();
        for name in id_of(set).into_iter().chain(asked_for(set)) {
            if !columns.iter().any(|known| known == name) {
                columns.push(name.to_owned());
            }
        }
        Ok(columns)
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the numbers of the cases, in the order of the rows, each once.
    pub fn cases(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let cases = self.rows.iter().filter_map(|row| row.case_id.as_deref());
        cases.filter(|case| seen.insert(*case)).collect()
    }

    /// Says of each row that lacks something what it lacks, as far as the rows alone tell it. Which of them is not as the
    /// caseload has it is never said: that would be a way to try values out.
    pub fn lacking(&self) -> Vec<Lacking> {
        let lacks = |row: &Row| {
            let id = row.case_id.is_none().then(|| self.id.clone());
            let gives = row.gives.iter().filter(|(_, value)| value.is_none());
            id.into_iter().chain(gives.map(|(name, _)| name.clone())).collect::<Vec<_>>()
        };
        let rows = self.rows.iter().enumerate();
        let rows = rows.map(|(place, row)| Lacking { row: place + 1, lacks: lacks(row) });
        rows.filter(|row| !row.lacks.is_empty()).collect()
    }

    /// Says whether one of them names no case: whatever else it gives is then a description, which may fit several.
    pub(super) fn describe(&self) -> bool {
        self.rows.iter().any(|row| row.case_id.is_none())
    }

    /// Counts the rows that lack something, as far as can be told without opening a file.
    pub(super) fn deficient(&self) -> u64 {
        self.rows.iter().filter(|row| row.lacks_something()).count() as u64
    }

    /// Finds the caseload's own records of the cases, and counts the rows that lack something, name no case of it, or give
    /// what it says otherwise or doesn't say.
    pub(super) fn find(&self, set: &RecordSet, caseload: &Table) -> (BTreeSet<RecordRef>, u64) {
        let batch = &caseload.admitted.batch;
        let named = id_of(set).unwrap_or_default();
        let id = |row| extract::value(batch, named, row).map(|id| extract::spelled(&id));
        let places: BTreeMap<String, usize> = (0..batch.num_rows())
            .filter_map(|row| Some((id(row)?.trim().to_owned(), row)))
            .collect();
        let (mut found, mut deficient) = (BTreeSet::new(), 0);
        for row in &self.rows {
            let place = row.case_id.as_ref().and_then(|id| places.get(id)).copied();
            let is_of = |place: usize| {
                row.gives.iter().all(|(name, given)| {
                    let kept = extract::value(batch, name, place);
                    let kept = kept.map(|kept| folded(&extract::spelled(&kept)));
                    // What the caseload itself lacks can't be held against it, and so isn't known to be of this person.
                    kept.is_some_and(|kept| given.as_ref() == Some(&kept))
                })
            };
            match place.filter(|place| !row.lacks_something() && is_of(*place)) {
                Some(place) => {
                    found.extend(u32::try_from(place).map(RecordRef::new));
                }
                None => deficient += 1,
            }
        }
        (found, deficient)
    }

    /// Spells them, to be digested.
    pub(super) fn spelled(&self) -> impl serde::Serialize {
        &self.rows
    }
}

impl Row {
    fn lacks_something(&self) -> bool {
        self.case_id.is_none() || self.gives.values().any(Option::is_none)
    }
}

fn id_of(set: &RecordSet) -> Option<&str> {
    set.caseload_id.as_ref().map(agreement::ElementName::as_str)
}

/// Returns what each row has to give: all that the caseload is matched on. No law pack says that less is enough.
fn asked_for(set: &RecordSet) -> impl Iterator<Item = &str> {
    set.matched_on.iter().map(|element| element.name.as_str())
}

/// Folds case and blanks, which two people who copy one value from one file may write differently.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
