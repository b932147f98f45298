//! Synthetic files are what was asked for, and a recipe trained on them links payroll and caseload.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use common::quality;
use linkage::synth::{ErrorRates, LINKING_COLUMNS, Plan, Synthesis, linking_columns, synthesise};
use linkage::{Recipe, Scorer, Table, Tables, link, train};

fn cells(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|cell| cell.unwrap_or("").to_owned()).collect()
}

#[test]
fn the_same_plan_gives_the_same_files_and_another_seed_others() {
    let files = synthesise(&Plan::small(7)).unwrap();
    assert_eq!(files, synthesise(&Plan::small(7)).unwrap());
    assert_ne!(files, synthesise(&Plan::small(8)).unwrap());
}

#[test]
fn the_truth_column_says_who_is_in_both_files() {
    let files = synthesise(&Plan::small(7)).unwrap();
    let payroll = cells(&files.payroll, "truth_person");
    let caseload = cells(&files.caseload, "truth_person");
    let people: BTreeSet<&String> = payroll.iter().collect();
    assert_eq!(people.len(), 1_000);
    assert_eq!(caseload.iter().collect::<BTreeSet<_>>().len(), 800);
    assert_eq!(caseload.iter().filter(|person| people.contains(person)).count(), 240);
    let pairs: usize =
        caseload.iter().map(|person| payroll.iter().filter(|other| *other == person).count()).sum();
    assert_eq!(pairs as u64, files.same_pairs);
    // Nobody who isn't paid declared less than they were paid.
    let undeclared = cells(&files.caseload, "truth_undeclared");
    for (person, undeclared) in caseload.iter().zip(&undeclared) {
        assert!(undeclared == "no" || people.contains(person));
    }
}

#[test]
fn things_go_wrong_about_as_often_as_was_asked() {
    let mut plan = Plan::small(3);
    (plan.payroll_people, plan.caseload_people, plan.overlap, plan.second_job) =
        (20_000, 20_000, 1.0, 0.0);
    plan.caseload_errors = ErrorRates::default();
    let rates = [
        ("birth", ErrorRates { birth_digit: 0.1, ..ErrorRates::default() }, 0.1),
        ("street", ErrorRates { typo: 0.1, ..ErrorRates::default() }, 0.1),
        ("street", ErrorRates { missing: 0.1, ..ErrorRates::default() }, 0.1),
        ("street", ErrorRates { moved: 0.1, ..ErrorRates::default() }, 0.1),
        ("given", ErrorRates { swapped_names: 0.1, ..ErrorRates::default() }, 0.1),
        ("identifier", ErrorRates { identifier_missing: 0.1, ..ErrorRates::default() }, 0.1),
        ("identifier", ErrorRates { identifier_digit: 0.1, ..ErrorRates::default() }, 0.1),
        ("street", ErrorRates::default(), 0.0),
    ];
    for (what, errors, rate) in rates {
        plan.payroll_errors = errors;
        let files = synthesise(&plan).unwrap();
        let columns = match what {
            "birth" => ("dob", "birth_date"),
            "street" => ("street", "address"),
            "given" => ("first_name", "given_name"),
            _ => ("identifier", "identifier"),
        };
        let by_person = |batch: &RecordBatch, column: &str| -> BTreeMap<String, String> {
            cells(batch, "truth_person").into_iter().zip(cells(batch, column)).collect()
        };
        let (wrong, right) =
            (by_person(&files.payroll, columns.0), by_person(&files.caseload, columns.1));
        let different = right.iter().filter(|(person, cell)| wrong[*person] != **cell).count()
            as f64
            / 20_000.0;
        assert!((different - rate).abs() < 0.01, "{what}: {different} is not {rate}");
    }
}

#[test]
fn households_share_a_home_and_twins_a_birth() {
    let plan = Plan {
        payroll_people: 20_000,
        caseload_errors: ErrorRates::default(),
        payroll_errors: ErrorRates::default(),
        ..Plan::small(5)
    };
    let files = synthesise(&plan).unwrap();
    let mut homes: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let (person, birth) = (cells(&files.payroll, "truth_person"), cells(&files.payroll, "dob"));
    let (telephone, surname) =
        (cells(&files.payroll, "telephone"), cells(&files.payroll, "last_name"));
    for row in 0..person.len() {
        let key = (telephone[row].clone(), surname[row].clone());
        homes.entry(key).or_default().insert(format!("{} {}", person[row], birth[row]));
    }
    assert!(homes.values().filter(|people| people.len() > 1).count() > 2_000);
    let twins = homes.values().filter(|people| {
        let births: BTreeSet<&str> =
            people.iter().filter_map(|person| person.split(' ').nth(1)).collect();
        births.len() < people.len()
    });
    assert!(twins.count() > 100);
}

/// The smallest large plan: long lists of names, and rows that are drawn batch by batch.
fn large() -> Plan {
    Plan { payroll_people: 70_000, caseload_people: 60_000, overlap: 0.5, ..Plan::small(9) }
}

#[test]
fn a_large_plan_gives_in_batches_what_it_gives_at_once() {
    let (files, synthesis) = (synthesise(&large()).unwrap(), Synthesis::new(&large()).unwrap());
    assert_eq!(synthesis.same_pairs(), files.same_pairs);
    assert_eq!(synthesis.payroll_records(), files.payroll.num_rows());
    // Asked twice, since a table's rows are drawn anew each time.
    for _ in 0..2 {
        let mut row = 0;
        for batch in synthesis.payroll() {
            let batch = batch.unwrap();
            assert!(batch.num_rows() <= 8_192);
            assert_eq!(batch, files.payroll.slice(row, batch.num_rows()));
            row += batch.num_rows();
        }
        assert_eq!(row, files.payroll.num_rows());
    }
    let caseload: usize = synthesis.caseload().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(caseload, 60_000);
}

#[test]
fn a_large_plan_says_who_is_who_and_pays_a_person_alike_in_both_files() {
    let files = synthesise(&large()).unwrap();
    let people = |batch: &RecordBatch| cells(batch, "truth_person");
    let (payroll, caseload) = (people(&files.payroll), people(&files.caseload));
    let mut pay: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (person, amount) in payroll.iter().zip(cells(&files.payroll, "gross_pay")) {
        pay.entry(person).or_default().push(amount.parse().unwrap());
    }
    assert_eq!((pay.len(), caseload.iter().collect::<BTreeSet<_>>().len()), (70_000, 60_000));
    let both = caseload.iter().filter(|person| pay.contains_key(person));
    assert_eq!(both.clone().count(), 30_000);
    assert_eq!(both.map(|person| pay[person].len() as u64).sum::<u64>(), files.same_pairs);
    let declared = cells(&files.caseload, "declared_income");
    let undeclared = cells(&files.caseload, "truth_undeclared");
    for ((person, declared), undeclared) in caseload.iter().zip(declared).zip(undeclared) {
        let paid: f64 = pay.get(person).map_or(0.0, |amounts| amounts.iter().sum());
        let declared: f64 = declared.parse().unwrap();
        assert_eq!(undeclared == "yes", declared < paid - 0.02, "{declared} of {paid}");
    }
    // The two files don't have their people in the same order.
    let seconds: Vec<usize> = caseload.iter().filter_map(|one| one.parse().ok()).collect();
    assert!(!seconds.is_sorted());
}

#[test]
fn names_of_a_large_population_are_many_and_the_commonest_is_held_by_few() {
    let files = synthesise(&large()).unwrap();
    let mut surnames: BTreeMap<String, u32> = BTreeMap::new();
    for surname in cells(&files.caseload, "surname") {
        *surnames.entry(surname).or_default() += 1;
    }
    let commonest =
        surnames.iter().filter(|(name, _)| !name.is_empty()).map(|(_, times)| *times).max();
    assert!(surnames.len() > 15_000, "{}", surnames.len());
    assert!(commonest.unwrap() < 60_000 / 50, "{commonest:?}");
}

#[test]
fn an_empty_file_of_a_large_plan_has_its_columns() {
    let plan = Plan { payroll_people: 0, caseload_people: 100_000, overlap: 0.0, ..Plan::small(1) };
    let batches: Vec<_> =
        Synthesis::new(&plan).unwrap().payroll().map(|batch| batch.unwrap()).collect();
    assert_eq!((batches.len(), batches[0].num_rows(), batches[0].num_columns()), (1, 0, 14));
    assert_eq!(synthesise(&plan).unwrap().payroll.num_columns(), 14);
}

#[test]
fn the_columns_for_linking_are_called_the_same_in_both_files() {
    let files = synthesise(&Plan::small(7)).unwrap();
    for (batch, given) in [(&files.payroll, "first_name"), (&files.caseload, "given_name")] {
        let linking = linking_columns(batch).unwrap();
        let schema = linking.schema();
        let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
        assert_eq!(names, LINKING_COLUMNS);
        assert_eq!(cells(&linking, "first_name"), cells(batch, given));
        // Without the columns that linking needs there is nothing to call.
        assert!(linking_columns(&linking).is_err());
    }
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let cases = [
        Plan { overlap: 1.5, ..Plan::small(1) },
        Plan { second_job: f64::NAN, ..Plan::small(1) },
        Plan { overlap: 1.0, payroll_people: 10, ..Plan::small(1) },
        Plan { payroll_people: 5_000_000, ..Plan::small(1) },
    ];
    for plan in cases {
        assert!(
            matches!(synthesise(&plan), Err(linkage::Error::UnsoundSynthesis { .. })),
            "{plan:?}"
        );
    }
    let none = Plan { payroll_people: 0, caseload_people: 0, ..Plan::small(1) };
    assert_eq!(synthesise(&none).unwrap().payroll.num_rows(), 0);
}

#[test]
fn payroll_and_caseload_link_by_a_model_trained_without_labels() {
    let plan = Plan { payroll_people: 5_000, caseload_people: 4_000, ..Plan::small(11) };
    let files = synthesise(&plan).unwrap();
    let recipe = Recipe::from_toml(include_str!("benefits.toml")).unwrap();
    let (source, recipient) = ([files.payroll], [files.caseload]);
    let (source, recipient) = (
        Table::new(&source).with_id("truth_person"),
        Table::new(&recipient).with_id("truth_person"),
    );
    let tables = Tables::between(recipe.columns(), source, recipient).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let links = link(&scorer, |_| {}).unwrap();
    let all = usize::try_from(files.same_pairs).unwrap();
    let quality = quality(&tables, &links.pairs, all, |one, other| one == other);
    println!("{quality:?} {:?} tied {}", links.expectation, links.tied_pairs);
    // What the model expects of itself, households and all, is near what it is.
    assert!((links.expectation.expected_precision - quality.precision).abs() < 0.02);
    assert!(quality.precision >= 0.97, "{quality:?}");
    assert!(quality.recall >= 0.93, "{quality:?}");
}
