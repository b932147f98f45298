//! The worked example against its truth, and against what it promises: how right its leads are, that each has the
//! discrepancy the agreement names, that its parts add up, and that nothing personal gets where it must not be.
//!
//! The columns `truth_…` stand in both files, are not in the agreement, and are read here alone.

use super::place::{Place, at};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use casework::{Lead, Stage, Store as _};
use jiff::civil::Date;
use linkage::{Explanation, Recipe, Scorer, Table, Tables};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// One of the example's files, as plain text.
struct File {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl File {
    fn read(path: &Path) -> File {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains('"'), "the fields can be split at commas");
        let mut lines =
            text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let names = lines.next().unwrap();
        File { names, rows: lines.collect() }
    }

    fn column(&self, name: &str) -> usize {
        self.names.iter().position(|column| column == name).expect("a column of the file")
    }

    fn get(&self, row: u32, name: &str) -> &str {
        &self.rows[row as usize][self.column(name)]
    }

    fn values(&self, name: &str) -> BTreeSet<&str> {
        let column = self.column(name);
        self.rows.iter().map(|row| row[column].as_str()).filter(|value| !value.is_empty()).collect()
    }

    /// The file as linkage takes it: columns by the agreement's names, an empty field missing.
    fn batch(&self, columns: &[(&str, &str)]) -> RecordBatch {
        RecordBatch::try_from_iter(columns.iter().map(|(element, name)| {
            let column = self.column(name);
            let values =
                self.rows.iter().map(|row| Some(&row[column]).filter(|value| !value.is_empty()));
            (*element, Arc::new(values.collect::<StringArray>()) as ArrayRef)
        }))
        .unwrap()
    }
}

struct Benefits {
    place: Place,
    payroll: File,
    caseload: File,
    leads: Vec<Lead>,
    openings: Vec<String>,
}

/// Opens all openings of what was disclosed.
async fn openings(place: &Place) -> Vec<String> {
    let store = place.store().await;
    let mut found = Vec::new();
    for disclosure in store.register("2027Q1").await.unwrap() {
        let openings = store.openings(&disclosure.id).await.unwrap();
        found.extend(openings.into_iter().map(|(_, opening)| opening));
    }
    found
}

/// The example, run once for all tests of this file.
fn benefits() -> &'static Benefits {
    static RUN: OnceLock<Benefits> = OnceLock::new();
    RUN.get_or_init(|| {
        std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(Box::pin(async {
                    let place = Place::of_the_example();
                    place.done(at(0)).await;
                    Benefits {
                        payroll: File::read(&place.folder.join("payroll.csv")),
                        caseload: File::read(&place.folder.join("caseload.csv")),
                        leads: place.leads().await,
                        openings: openings(&place).await,
                        place,
                    }
                }))
            });
            run.join().unwrap()
        })
    })
}

impl Benefits {
    fn same(&self, source: u32, recipient: u32) -> bool {
        let (one, other) = (
            self.payroll.get(source, "truth_person"),
            self.caseload.get(recipient, "truth_person"),
        );
        assert!(!one.is_empty() && !other.is_empty());
        one == other
    }

    fn same_pairs(&self) -> usize {
        let truth = self.caseload.column("truth_person");
        let known: BTreeSet<_> = self.caseload.rows.iter().map(|row| &row[truth]).collect();
        let truth = self.payroll.column("truth_person");
        self.payroll.rows.iter().filter(|row| known.contains(&row[truth])).count()
    }

    fn has_discrepancy(&self, source: u32, recipient: u32) -> bool {
        let day = |text: &str| text.parse::<Date>().ok();
        let paid = (
            day(self.payroll.get(source, "period_from")),
            day(self.payroll.get(source, "period_to")),
        );
        let helped = (
            day(self.caseload.get(recipient, "benefit_from")),
            day(self.caseload.get(recipient, "benefit_to")),
        );
        let (Some(paid_from), Some(helped_from)) = (paid.0, helped.0) else {
            return false;
        };
        let overlap = paid_from.max(helped_from)
            <= paid.1.unwrap_or(Date::MAX).min(helped.1.unwrap_or(Date::MAX));
        let cents = |text: &str| {
            let (whole, cents) = text.split_once('.')?;
            Some(whole.parse::<i64>().ok()? * 100 + cents.parse::<i64>().ok()?)
        };
        let (pay, declared) = (
            cents(self.payroll.get(source, "gross_pay")),
            cents(self.caseload.get(recipient, "declared_income")),
        );
        overlap && pay.zip(declared).is_some_and(|(pay, declared)| pay > declared + 10_000)
    }

    /// Links both files again by the library alone.
    fn pairs(&self) -> Vec<(u32, u32)> {
        let recipe = fs::read_to_string(self.place.folder.join("recipe.toml")).unwrap();
        let recipe = Recipe::from_toml(&recipe).unwrap();
        let payroll = [self.payroll.batch(&[
            ("given_name", "first_name"),
            ("surname", "last_name"),
            ("date_of_birth", "dob"),
            ("address", "street"),
            ("postcode", "postcode"),
            ("telephone", "telephone"),
        ])];
        let caseload = [self.caseload.batch(&[
            ("given_name", "given_name"),
            ("surname", "surname"),
            ("date_of_birth", "birth_date"),
            ("address", "address"),
            ("postcode", "postcode"),
            ("telephone", "phone"),
        ])];
        let tables =
            Tables::between(recipe.columns(), Table::new(&payroll), Table::new(&caseload)).unwrap();
        let model = linkage::train(&recipe, &tables).unwrap();
        let model =
            if model.threshold() < 6.0 { model.with_threshold(6.0).unwrap() } else { model };
        let scorer = Scorer::new(&model, &tables).unwrap();
        let links = linkage::link(&scorer, |_| {}).unwrap();
        links.pairs.iter().map(|pair| (pair.source.row(), pair.recipient.row())).collect()
    }
}

fn share(part: usize, of: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(of).unwrap())
}

#[test]
fn the_number_of_leads_is_what_it_was() {
    let benefits = benefits();
    let open = benefits.leads.iter().filter(|lead| lead.stage == Stage::Open).count();
    let held = benefits.leads.iter().filter(|lead| lead.stage == Stage::Held).count();
    assert_eq!(
        (open, held),
        (40, PINNED_HELD),
        "drift is not wrong by itself; look why, then pin it anew"
    );
    assert_eq!(benefits.leads.len(), open + held);
}

const PINNED_HELD: usize = 58;

/// 408 of 410 pairs are right (0.995), and 408 of 471 are found (0.866). The model weighs against kin, so twins and
/// relatives of one name who live together are few among them. The threshold stands at the lowest weight that the
/// agreement allows. The bounds stand just under, so that a loss is seen.
#[test]
fn pairs_before_the_discrepancy_are_as_right_and_as_many_as_they_were() {
    let benefits = benefits();
    let pairs = benefits.pairs();
    let right =
        pairs.iter().filter(|(source, recipient)| benefits.same(*source, *recipient)).count();
    let (precision, recall) = (share(right, pairs.len()), share(right, benefits.same_pairs()));
    assert!(precision >= 0.99, "{right} of {} are right", pairs.len());
    assert!(recall >= 0.865, "{right} of {} are found", benefits.same_pairs());
}

#[test]
fn the_leads_are_those_pairs_that_have_the_discrepancy() {
    let benefits = benefits();
    let expected: BTreeSet<(u32, u32)> = benefits
        .pairs()
        .into_iter()
        .filter(|(source, recipient)| benefits.has_discrepancy(*source, *recipient))
        .collect();
    let found: BTreeSet<(u32, u32)> = benefits
        .leads
        .iter()
        .map(|lead| (lead.found.source_record, lead.found.recipient_record))
        .collect();
    assert_eq!(found, expected);
    for lead in &benefits.leads {
        assert_eq!(
            lead.found.case_id,
            benefits.caseload.get(lead.found.recipient_record, "case_id"),
            "a lead is of its own case"
        );
    }
}

/// 99 of 108 (0.917) are right: nine in ten is what the agreement expects of them. It is less than of the pairs, since
/// two people differ in what one is paid and the other declares more often than one person does.
#[test]
fn nine_in_ten_leads_are_right() {
    let benefits = benefits();
    let right = benefits
        .leads
        .iter()
        .filter(|lead| benefits.same(lead.found.source_record, lead.found.recipient_record))
        .count();
    let of = benefits.leads.len();
    assert!(share(right, of) >= 0.9, "{right} of {of} are right");
}

#[test]
fn what_a_lead_returns_is_what_the_source_holds_of_it_and_no_more() {
    let benefits = benefits();
    let named = [
        ("payroll.employer", "employer"),
        ("payroll.gross_pay", "gross_pay"),
        ("payroll.pay_from", "period_from"),
        ("payroll.pay_to", "period_to"),
    ];
    for lead in benefits.leads.iter().filter(|lead| lead.stage == Stage::Open) {
        let expected: BTreeMap<String, String> = named
            .iter()
            .map(|(element, column)| {
                (
                    (*element).to_owned(),
                    benefits.payroll.get(lead.found.source_record, column).to_owned(),
                )
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        assert_eq!(lead.returned.as_ref(), Some(&expected), "{}", lead.found.id);
    }
}

/// Held leads have their groups too, since their files are gone when they open.
#[test]
fn each_lead_is_in_the_groups_that_the_recipients_own_record_puts_it_in() {
    let benefits = benefits();
    let mut seen = BTreeSet::new();
    for lead in &benefits.leads {
        let own = |name| benefits.caseload.get(lead.found.recipient_record, name);
        let born = own("birth_date").parse::<Date>().map_or("not stated".to_owned(), |day| {
            let first = day.year() - day.year() % 20;
            format!("{first} to {}", first + 19)
        });
        let region = match own("postcode") {
            "" => "not stated".to_owned(),
            postcode => format!("{}…", &postcode[..2]),
        };
        let expected = [("born", born.as_str()), ("region", region.as_str())];
        assert!(lead.found.groups.iter().eq(expected), "{}", lead.found.id);
        seen.extend(expected.map(|(_, group)| group.to_owned()));
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[test]
fn the_parts_of_every_explanation_add_up_to_the_weight_bit_for_bit() {
    for lead in &benefits().leads {
        let explanation: Explanation = serde_json::from_str(&lead.found.explanation).unwrap();
        let sum = explanation
            .parts
            .iter()
            .fold(explanation.prior, |sum, part| sum + part.partial_weight + part.frequency_part);
        assert_eq!(sum.to_bits(), explanation.weight.to_bits(), "{}", lead.found.id);
        assert_eq!(sum.to_bits(), lead.found.weight.to_bits(), "{}", lead.found.id);
        assert_eq!(explanation.source.row(), lead.found.source_record);
    }
}

/// A file's bytes, as far as they are text.
fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), text(&path)));
        }
    }
    found
}

/// Whether a text has a value in it as a word of its own, and not inside another.
fn says(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + value.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Every value of the people in the leads that says who they are, and how the files name them.
fn personal(benefits: &Benefits) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    for lead in &benefits.leads {
        for name in
            ["row_id", "first_name", "last_name", "dob", "street", "telephone", "identifier"]
        {
            values.insert(benefits.payroll.get(lead.found.source_record, name).to_owned());
        }
        for name in
            ["case_id", "given_name", "surname", "birth_date", "address", "phone", "identifier"]
        {
            values.insert(benefits.caseload.get(lead.found.recipient_record, name).to_owned());
        }
    }
    values.remove("");
    assert!(values.len() > 300);
    values
}

#[test]
fn nothing_personal_is_in_the_ledger_or_in_the_report() {
    let benefits = benefits();
    let mut looked_at = files(&benefits.place.places().ledger());
    assert!(looked_at.len() > 3, "checkpoint, entries and hashes");
    let report = benefits.place.places().report("2027Q1");
    looked_at.push((report.display().to_string(), text(&report)));
    for value in personal(benefits) {
        for (name, text) in &looked_at {
            assert!(!says(text, &value), "{name} has a personal value");
        }
    }
    // A sum or an employer is returned to the recipient alone.
    for lead in &benefits.leads {
        let pay = benefits.payroll.get(lead.found.source_record, "gross_pay");
        for (name, text) in &looked_at {
            assert!(!says(text, pay), "{name} has a returned value");
        }
    }
}

#[test]
fn nothing_from_a_column_that_the_agreement_does_not_name_is_in_the_case_store() {
    let benefits = benefits();
    // The files as they are, and what they hold sealed.
    let mut store = benefits.openings.join("\n");
    for entry in fs::read_dir(&benefits.place.out).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("casework.sqlite") {
            // The log beside the file goes when the last connection does.
            let bytes = fs::read(&path).unwrap_or_default();
            store.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    let open = benefits.leads.iter().find(|lead| lead.stage == Stage::Open).unwrap();
    assert!(!store.contains(&open.found.case_id), "in the files it is sealed");
    for lead in &benefits.leads {
        let found = &lead.found;
        store.extend([
            &*found.case_id,
            " ",
            &*found.explanation,
            &format!(" {:?}\n", lead.returned),
        ]);
    }
    assert!(store.contains(&open.found.case_id), "what is named does reach it");
    assert!(benefits.openings.iter().any(|opening| opening.contains("gross_pay")));
    let employers = benefits.payroll.values("employer");
    for (file, names) in [
        (&benefits.payroll, &["row_id", "town", "identifier"][..]),
        (&benefits.caseload, &["city", "identifier", "benefit"][..]),
    ] {
        for name in names {
            // Some employers are named after towns, and the employer is returned.
            let named_after =
                |value: &&str| employers.iter().any(|employer| employer.contains(value));
            let values: Vec<_> =
                file.values(name).into_iter().filter(|value| !named_after(value)).collect();
            assert!(!values.is_empty(), "{name} has values of its own");
            for value in values {
                assert!(!says(&store, value), "`{value}` of the column {name}");
            }
        }
    }
    // Nor does what is matched on stay there: it was looked at, and dropped.
    for value in
        personal(benefits).iter().filter(|value| value.len() > 6 && !value.starts_with('C'))
    {
        assert!(!says(&store, value), "a value that was matched on");
    }
}
