//! How fast two values are compared: texts by every kernel plain, on words, and as rapidfuzz has it; and what is no text.
//!
//! On given names and surnames of synthetic people, in pairs drawn by a fixed seed: at random, as blocks of one column
//! give another's; and near, a name and a misspelling of it. Times are of 1,000 pairs. Run it with
//! `cargo bench -p comity-linkage --bench kernels`, one kernel with `-- jaro_winkler`. Figures go into
//! docs/benchmarks.md, with the machine they came from.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says why and stops")]

use std::collections::BTreeSet;
use std::hint::black_box;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement,
};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan as _};
use linkage::compare::date::{
    day_month_swapped, within_days, within_months, within_seconds, within_years,
};
use linkage::compare::list::{shared, subset};
use linkage::compare::number::{within, within_percent};
use linkage::compare::place::{Place, kilometres};
use linkage::compare::prepared::{Distance, Floor, Prepared};
use linkage::compare::{gram, phonetic, text};
use linkage::model::Phonetic;
use linkage::synth::{Plan, synthesise};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapidfuzz::distance as rapid;

const PAIRS: usize = 1_000;

type Pair = (u32, u32);

/// The distinct surnames of synthetic people, misspelt ones included, as they are prepared.
fn names() -> Vec<Box<[char]>> {
    let plan = Plan { payroll_people: 20_000, caseload_people: 1_000, ..Plan::small(11) };
    let files = synthesise(&plan).unwrap();
    let mut names = BTreeSet::new();
    for column in ["last_name", "first_name"] {
        let values = files.payroll.column_by_name(column).unwrap().as_string::<i32>().clone();
        let known = (0..values.len()).filter(|row| !values.is_null(*row));
        names.extend(known.map(|row| values.value(row).to_lowercase()));
    }
    names.into_iter().map(|name| name.chars().collect()).collect()
}

/// Pairs of names at random, and pairs of neighbours in their order, which mostly differ by a misspelling.
fn pairs(names: &[Box<[char]>]) -> [(&'static str, Vec<Pair>); 2] {
    let count = u32::try_from(names.len()).unwrap();
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let mut pick = |below: u32| dice.next_u32() % below + 1;
    let random = (0..PAIRS).map(|_| (pick(count), pick(count))).collect();
    let near = (0..PAIRS).map(|_| pick(count - 1)).map(|one| (one, one + 1)).collect();
    [("random", random), ("near", near)]
}

type Group<'a> = BenchmarkGroup<'a, measurement::WallTime>;

/// Times something over all pairs, by what it makes of one pair's codes.
fn time<T>(group: &mut Group<'_>, name: &str, pairs: &[Pair], mut work: impl FnMut(u32, u32) -> T) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for (one, other) in pairs {
                black_box(work(black_box(*one), black_box(*other)));
            }
        });
    });
}

fn kernels(criterion: &mut Criterion) {
    let names = names();
    let prepared = Prepared::new(&names);
    let strings: Vec<String> = names.iter().map(|name| name.iter().collect()).collect();
    let at = |code: u32| &*names[code as usize - 1];
    let string = |code: u32| strings[code as usize - 1].as_str();
    for (which, pairs) in pairs(&names) {
        let mut group = criterion.benchmark_group(format!("jaro_winkler/{which}"));
        group.throughput(Throughput::Elements(PAIRS as u64));
        let (all, most) = (Floor::jaro_winkler(1e-9), Floor::jaro_winkler(0.88));
        time(&mut group, "plain", &pairs, |one, other| text::jaro_winkler(at(one), at(other)));
        time(&mut group, "rapidfuzz", &pairs, |one, other| {
            rapid::jaro_winkler::similarity(string(one).chars(), string(other).chars())
        });
        time(&mut group, "rapidfuzz bytes", &pairs, |one, other| {
            rapid::jaro_winkler::similarity(string(one).bytes(), string(other).bytes())
        });
        time(&mut group, "words", &pairs, |one, other| prepared.similarity(&all, one, other));
        time(&mut group, "words at 0.88", &pairs, |one, other| {
            prepared.similarity(&most, one, other)
        });
        let others: Vec<u32> = pairs.iter().map(|(_, other)| *other).collect();
        let mut alike = vec![0.0; others.len()];
        for (name, floor) in [("one to many", &all), ("one to many at 0.88", &most)] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    prepared.similarities(floor, pairs[0].0, &others, black_box(&mut alike));
                });
            });
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("jaro/{which}"));
        group.throughput(Throughput::Elements(PAIRS as u64));
        let all = Floor::jaro(1e-9);
        time(&mut group, "plain", &pairs, |one, other| text::jaro(at(one), at(other)));
        time(&mut group, "rapidfuzz", &pairs, |one, other| {
            rapid::jaro::similarity(string(one).chars(), string(other).chars())
        });
        time(&mut group, "words", &pairs, |one, other| prepared.similarity(&all, one, other));
        group.finish();

        for (name, distance, plain) in [
            (
                "levenshtein",
                Distance::Levenshtein,
                text::levenshtein::<char> as fn(&[char], &[char]) -> usize,
            ),
            ("optimal_alignment", Distance::OptimalAlignment, text::optimal_alignment::<char>),
            ("damerau", Distance::Damerau, text::damerau::<char>),
        ] {
            let mut group = criterion.benchmark_group(format!("{name}/{which}"));
            group.throughput(Throughput::Elements(PAIRS as u64));
            time(&mut group, "plain", &pairs, |one, other| plain(at(one), at(other)));
            time(&mut group, "rapidfuzz", &pairs, |one, other| {
                let (one, other) = (string(one).chars(), string(other).chars());
                match distance {
                    Distance::Levenshtein => rapid::levenshtein::distance(one, other),
                    Distance::OptimalAlignment => rapid::osa::distance(one, other),
                    Distance::Damerau => rapid::damerau_levenshtein::distance(one, other),
                }
            });
            for (label, most) in [("words", 64), ("words within 2", 2), ("words within 1", 1)] {
                time(&mut group, label, &pairs, |one, other| {
                    prepared.distance(distance, most, one, other)
                });
            }
            group.finish();
        }

        let mut group = criterion.benchmark_group(format!("others/{which}"));
        group.throughput(Throughput::Elements(PAIRS as u64));
        time(&mut group, "jaccard of 2-grams", &pairs, |one, other| {
            gram::jaccard(at(one), at(other), 2)
        });
        time(&mut group, "cosine of 2-grams", &pairs, |one, other| {
            gram::cosine(at(one), at(other), 2)
        });
        time(&mut group, "exact", &pairs, |one, other| at(one) == at(other));
        time(&mut group, "same 3 last characters", &pairs, |one, other| {
            text::same_suffix(at(one), at(other), 3)
        });
        time(&mut group, "same 3 first characters", &pairs, |one, other| {
            text::same_prefix(at(one), at(other), 3)
        });
        for scheme in [Phonetic::DoubleMetaphone, Phonetic::Cologne, Phonetic::DaitchMokotoff] {
            time(&mut group, &scheme.to_string(), &pairs, |one, other| {
                phonetic::sound_alike(scheme, at(one), at(other))
            });
        }
        group.finish();
    }
}

/// What is no text: dates, numbers, places and lists, drawn at random and apart by little or much.
fn values(criterion: &mut Criterion) {
    let mut dice = ChaCha8Rng::seed_from_u64(13);
    let mut below = |most: u32| dice.next_u32() % most;
    let count = 2_000;
    let dates: Vec<Date> = (0..count)
        .map(|_| date(1990, 1, 1).checked_add(i64::from(below(3_650)).days()).unwrap())
        .collect();
    let moments: Vec<Timestamp> = (0..count)
        .map(|_| Timestamp::from_second(1_700_000_000 + i64::from(below(100_000))).unwrap())
        .collect();
    let numbers: Vec<f64> = (0..count).map(|_| f64::from(below(100_000)) / 100.0).collect();
    let places: Vec<Place> = (0..count)
        .map(|_| {
            let degrees = [below(1_000), below(1_000)].map(|part| f64::from(part) / 1_000.0);
            Place::new(51.0 + degrees[0], degrees[1]).unwrap()
        })
        .collect();
    let lists: Vec<Vec<u32>> = (0..count)
        .map(|_| (0..4).map(|_| below(40)).collect::<BTreeSet<_>>().into_iter().collect())
        .collect();
    let pairs: Vec<Pair> = (0..PAIRS).map(|_| (below(count), below(count))).collect();
    let mut group = criterion.benchmark_group("values");
    group.throughput(Throughput::Elements(PAIRS as u64));
    let of = |code: u32| code as usize;
    time(&mut group, "within 10 days", &pairs, |one, other| {
        within_days(dates[of(one)], dates[of(other)], 10)
    });
    time(&mut group, "within 2 months", &pairs, |one, other| {
        within_months(dates[of(one)], dates[of(other)], 2)
    });
    time(&mut group, "within 1 year", &pairs, |one, other| {
        within_years(dates[of(one)], dates[of(other)], 1)
    });
    time(&mut group, "day and month swapped", &pairs, |one, other| {
        day_month_swapped(dates[of(one)], dates[of(other)])
    });
    time(&mut group, "within 1 hour", &pairs, |one, other| {
        within_seconds(moments[of(one)], moments[of(other)], 3_600)
    });
    time(&mut group, "within 10", &pairs, |one, other| {
        within(numbers[of(one)], numbers[of(other)], 10.0)
    });
    time(&mut group, "within 5 percent", &pairs, |one, other| {
        within_percent(numbers[of(one)], numbers[of(other)], 5.0)
    });
    time(&mut group, "kilometres", &pairs, |one, other| {
        kilometres(places[of(one)], places[of(other)])
    });
    time(&mut group, "shared items of lists", &pairs, |one, other| {
        shared(&lists[of(one)], &lists[of(other)])
    });
    time(&mut group, "one list a subset of the other", &pairs, |one, other| {
        subset(&lists[of(one)], &lists[of(other)])
    });
    group.finish();
}

fn layout(criterion: &mut Criterion) {
    let names = names();
    let mut group = criterion.benchmark_group("layout");
    group.throughput(Throughput::Elements(names.len() as u64));
    group.bench_function("prepared", |bencher| bencher.iter(|| Prepared::new(black_box(&names))));
    group.finish();
}

criterion_group!(benches, kernels, values, layout);
criterion_main!(benches);
