//! How long one look-up takes in tables of three sizes, and how long clustering takes.
//!
//! Run it with `cargo bench -p comity-linkage --bench index`. Figures go into docs/benchmarks.md, with the machine they
//! came from. `COMITY_BENCH_PEOPLE` sets the largest size, a million people when left out.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says why and stops")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use linkage::cluster::{Constraints, Members, Method, Policy, Weigher, cluster};
use linkage::synth::{Plan, synthesise};
use linkage::{Index, Lookup, Recipe, Scorer, Side, Table, Tables, link, train};

const RECIPE: &str = include_str!("../tests/benefits.toml");

/// Rules that lead to blocks of other sizes: those of the recipe, to one or two records; a surname and a year of
/// birth; a surname alone.
const RULES: [(&str, Option<&str>); 3] = [
    ("own_rules", None),
    ("surname_and_year", Some(r#"[{ column = "surname" }, { column = "birth", take = "year" }]"#)),
    ("surname", Some(r#"[{ column = "surname" }]"#)),
];

/// The recipe with one rule in place of its own, where one is given.
fn recipe_by(rule: Option<&str>) -> Recipe {
    let Some(keys) = rule else { return Recipe::from_toml(RECIPE).unwrap() };
    let mut text: toml::Table = toml::from_str(RECIPE).unwrap();
    let rule: toml::Table = toml::from_str(&format!("rule = [{{ keys = {keys} }}]")).unwrap();
    text.extend(rule);
    Recipe::from_toml(&toml::to_string(&text).unwrap()).unwrap()
}

fn look_up(criterion: &mut Criterion) {
    for (name, rule) in RULES {
        look_up_by(criterion, name, &recipe_by(rule));
    }
}

fn look_up_by(criterion: &mut Criterion, rules: &str, recipe: &Recipe) {
    let small = Plan { payroll_people: 10_000, caseload_people: 10_000, ..Plan::small(11) };
    let files = synthesise(&small).unwrap();
    let (payroll, caseload) = ([files.payroll], [files.caseload]);
    let tables =
        Tables::between(recipe.columns(), Table::new(&payroll), Table::new(&caseload)).unwrap();
    let model = train(recipe, &tables).unwrap();
    drop(tables);
    let most: u32 =
        std::env::var("COMITY_BENCH_PEOPLE").map_or(1_000_000, |people| people.parse().unwrap());
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10);
    for people in [most / 100, most / 10, most] {
        // The overlap is a share of those held; three in ten of those asked for are there.
        let overlap = 300.0 / f64::from(people);
        let plan =
            Plan { payroll_people: 1_000, caseload_people: people, overlap, ..Plan::small(11) };
        let files = synthesise(&plan).unwrap();
        let (asked, held) = (files.payroll, [files.caseload]);
        let mut index = Index::new(model.clone(), Side::Recipient, Table::new(&held)).unwrap();
        drop(held);
        let lookup = Lookup { least: 0.0, most: 5, most_compared: None };
        // A thousand different people, one after another: the figure is that of a thousand look-ups.
        let compared: usize =
            (0..1_000).map(|row| index.find(&asked, row, &lookup).unwrap().compared).sum();
        group.throughput(criterion::Throughput::Elements(1_000));
        let name = format!("thousand_look_ups/{rules}/{}_compared", compared / 1_000);
        group.bench_with_input(BenchmarkId::new(name, people), &people, |bencher, _| {
            bencher.iter(|| {
                for row in 0..1_000 {
                    black_box(index.find(&asked, row, &lookup).unwrap());
                }
            });
        });
    }
    group.finish();
}

fn clusters(criterion: &mut Criterion) {
    let recipe = Recipe::from_toml(
        &RECIPE
            .replace("one_to_one = \"each_source\"", "one_to_one = \"off\"")
            .replace("threshold = { target_precision = 0.98 }", "threshold = { weight = 0.0 }"),
    )
    .unwrap();
    let plan = Plan { payroll_people: 50_000, caseload_people: 50_000, ..Plan::small(11) };
    let files = synthesise(&plan).unwrap();
    let (payroll, caseload) = ([files.payroll], [files.caseload]);
    let tables =
        Tables::between(recipe.columns(), Table::new(&payroll), Table::new(&caseload)).unwrap();
    let model = train(&recipe, &tables).unwrap();
    let scorer = Scorer::new(&model, &tables).unwrap();
    let pairs = link(&scorer, |_| {}).unwrap().pairs;
    let members = Members::new(&tables).unwrap();
    let bonds = members.bonds(&pairs).unwrap();
    let mut weigher = Weigher::new(&scorer).unwrap();
    let mut group = criterion.benchmark_group("cluster");
    group.sample_size(10);
    group.throughput(criterion::Throughput::Elements(bonds.len() as u64));
    for method in [Method::Correlation, Method::Connected] {
        let policy = Policy { method, ..Policy::new(0.0) };
        group.bench_function(format!("{method:?}"), |bencher| {
            bencher.iter(|| {
                cluster(
                    members.count(),
                    bonds.clone(),
                    &policy,
                    &Constraints::none(),
                    |one, other| weigher.weight(one, other),
                )
                .unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, look_up, clusters);
criterion_main!(benches);
