//! How fast the recipe of the worked example trains and links, at three sizes.
//!
//! Run it with `cargo bench -p comity-linkage --bench link`. Figures go into docs/benchmarks.md, with the machine they came from.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says why and stops")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use linkage::synth::{Plan, synthesise};
use linkage::{Recipe, Scorer, Table, Tables, link, train};

const RECIPE: &str = include_str!("../tests/benefits.toml");

fn benefits(criterion: &mut Criterion) {
    let recipe = Recipe::from_toml(RECIPE).unwrap();
    let mut group = criterion.benchmark_group("benefits");
    group.sample_size(10);
    for people in [2_000, 10_000, 50_000] {
        let plan = Plan { payroll_people: people, caseload_people: people, ..Plan::small(11) };
        let files = synthesise(&plan).unwrap();
        let payroll = std::slice::from_ref(&files.payroll);
        let caseload = std::slice::from_ref(&files.caseload);
        let tables = || {
            Tables::between(recipe.columns(), Table::new(payroll), Table::new(caseload)).unwrap()
        };
        let prepared = tables();
        group.bench_with_input(BenchmarkId::new("prepare", people), &people, |bencher, _| {
            bencher.iter(tables);
        });
        group.bench_with_input(BenchmarkId::new("train", people), &people, |bencher, _| {
            bencher.iter(|| train(&recipe, &prepared).unwrap());
        });
        let model = train(&recipe, &prepared).unwrap();
        let scorer = Scorer::new(&model, &prepared).unwrap();
        let pairs = link(&scorer, |_| {}).unwrap().scored_pairs;
        group.throughput(Throughput::Elements(pairs));
        group.bench_with_input(BenchmarkId::new("link", people), &people, |bencher, _| {
            bencher.iter(|| link(&scorer, |_| {}).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, benefits);
criterion_main!(benches);
