//! Counts the levels that random pairs hardly show over all pairs of values, wherever their test leads to those pairs.
//!
//! A part of `observe`. A level that comes of one pair in a million is not in a sample, and what is not seen would be
//! given half a pair of the sample, whatever it is. Where the test of a level says which values can meet it at all (the
//! neighbours of a text by one edit, the texts that begin or end or sound alike, the dates or numbers within reach), these
//! are gone through, and each pair of values counts for as many pairs of records as have it. Whatever earlier levels take
//! is theirs: every pair of values is graded as any other. Where a test leads nowhere, as a likeness of at least 0.92 does,
//! or to more pairs than are worth it, the level is named.

use rustc_hash::FxHashMap;

use super::{ColumnLevels, Counted, Room};
use crate::Result;
use crate::compare::phonetic::codes;
use crate::model::{Comparison, Link, Phonetic, Test};
use crate::neighbours::{OneEdit, each_once};
use crate::record::Side;
use crate::tables::Values;
use crate::train::UNSEEN;

/// The most pairs of values that are gone through for one level; what has more comes often enough to be sampled.
const MOST: usize = 4_000_000;

/// What a pair of values takes, and what putting them in order takes besides.
const PAIR_BYTES: usize = 12;

/// About what a key that values may have in common takes, and the values that have it.
const KEY_BYTES: usize = 128;

/// Counts each of the levels `rare`, by their places, over all pairs; none where its test leads to no pairs of values.
///
/// # Errors
///
/// [`crate::Error::OutOfMemory`] where these pairs take more room than there is.
pub(super) fn counted(
    comparison: &Comparison,
    held: &Counted<'_>,
    levels: &ColumnLevels<'_>,
    rare: &[usize],
) -> Result<Vec<Option<f64>>> {
    let values = held.values();
    let [source, recipient] = [Side::Source, Side::Recipient].map(|side| held.of_side(side));
    let all = (held.valued_pairs() as f64).max(1.0);
    let count = |place: &usize| {
        let Some(level) = comparison.levels.get(*place) else { return Ok(None) };
        let Some(pairs) = led_to(&level.test, values, held.room())? else { return Ok(None) };
        let mut seen = 0;
        each_once(pairs, |one, other| {
            let (one, other) = (one + 1, other + 1);
            // Codes are numbers of 32 bits, and so are the places that come in.
            let code = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            let mut tell = |left: usize, right: usize, pairs: u64| {
                if pairs > 0 && levels.of(code(left), code(right)) == *place {
                    seen += pairs;
                }
            };
            match held.link() {
                Link::Between => {
                    tell(one, other, source[one] * recipient[other]);
                    if one != other {
                        tell(other, one, source[other] * recipient[one]);
                    }
                }
                Link::Within | Link::Both if one == other => {
                    tell(one, one, held.equal_pairs_of(one));
                }
                Link::Within | Link::Both => tell(one, other, held.pairs_of(one, other)),
            }
        });
        Ok(Some((seen as f64).clamp(UNSEEN, (all - UNSEEN).max(UNSEEN)) / all))
    };
    rare.iter().map(count).collect()
}

/// Lists the pairs of values, by their places, among which are all that meet a test; some more than once. None where the
/// test leads to no pairs, or to too many.
fn led_to(test: &Test, values: &Values, room: Room<'_>) -> Result<Option<Vec<(u32, u32)>>> {
    match (test, values) {
        (Test::Exact, _) => with_itself(values.len(), room).map(Some),
        (
            Test::Levenshtein(1) | Test::OptimalAlignment(1) | Test::Damerau(1),
            Values::Text(texts),
        ) => {
            let swaps = !matches!(test, Test::Levenshtein(_));
            let (search, room) = (OneEdit::new(texts, swaps, 1, room.half())?, room.half());
            let mut pairs = with_itself(texts.len(), room)?;
            for round in 0..search.rounds() {
                pairs.extend(search.pairs(round));
                if pairs.len() > MOST + texts.len() {
                    return Ok(None);
                }
                check(pairs.len(), room)?;
            }
            Ok(Some(pairs))
        }
        (Test::Prefix(length), Values::Text(texts)) => {
            let first = |text: &str| vec![text.chars().take(*length as usize).collect()];
            alike(texts.iter().map(first), room)
        }
        (Test::Suffix(length), Values::Text(texts)) => {
            let last = |text: &str| vec![text.chars().rev().take(*length as usize).collect()];
            alike(texts.iter().map(last), room)
        }
        (Test::Sounds(scheme), Values::Text(texts)) => alike(sounds(*scheme, texts.iter()), room),
        (Test::Days(most), Values::Dates(dates, _)) => {
            let days: Vec<f64> = dates.iter().map(|date| day(*date)).collect();
            near(&days, f64::from(*most), room)
        }
        (Test::Months(most), Values::Dates(dates, _)) => {
            let days: Vec<f64> = dates.iter().map(|date| day(*date)).collect();
            near(&days, f64::from(*most) * 31.0, room)
        }
        (Test::Years(most), Values::Dates(dates, _)) => {
            let days: Vec<f64> = dates.iter().map(|date| day(*date)).collect();
            near(&days, f64::from(*most) * 366.0, room)
        }
        (Test::DayMonthSwapped, Values::Dates(dates, _)) => {
            check(dates.len(), room)?;
            let swapped = (0u32..).zip(dates).filter_map(|(place, date)| {
                let other = jiff::civil::Date::new(date.year(), date.day(), date.month()).ok()?;
                let other = u32::try_from(dates.binary_search(&other).ok()?).ok()?;
                (place <= other).then_some((place, other))
            });
            Ok(Some(swapped.collect()))
        }
        (Test::Within(most), Values::Numbers(numbers)) => near(numbers, *most, room),
        (Test::Seconds(most), Values::Times(times)) => {
            // A second more, since parts of one are cut off.
            let seconds: Vec<f64> = times.iter().map(|time| time.as_second() as f64).collect();
            near(&seconds, f64::from(*most) + 1.0, room)
        }
        // All of them hold: whatever one leads to is enough.
        (Test::All(tests), _) => {
            let mut least: Option<Vec<(u32, u32)>> = None;
            for test in tests {
                let led = led_to(test, values, room.half())?;
                least = least.into_iter().chain(led).min_by_key(Vec::len);
            }
            Ok(least)
        }
        (Test::Any(tests), _) => {
            let mut all = Vec::new();
            for test in tests {
                let Some(led) = led_to(test, values, room.half())? else { return Ok(None) };
                all.extend(led);
                if all.len() > MOST {
                    return Ok(None);
                }
                check(all.len(), room.half())?;
            }
            Ok(Some(all))
        }
        _ => Ok(None),
    }
}

/// Refuses more pairs than there is room for.
fn check(pairs: usize, room: Room<'_>) -> Result<()> {
    room.check(pairs.saturating_mul(PAIR_BYTES), "the pairs of values that a rare level leads to")
}

fn with_itself(values: usize, room: Room<'_>) -> Result<Vec<(u32, u32)>> {
    check(values, room)?;
    Ok((0u32..).take(values).map(|place| (place, place)).collect())
}

fn day(date: jiff::civil::Date) -> f64 {
    (date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24) as f64
}

fn sounds<'t>(
    scheme: Phonetic,
    texts: impl Iterator<Item = &'t str>,
) -> impl Iterator<Item = Vec<String>> {
    texts.map(move |text| codes(scheme, &text.chars().collect::<Vec<char>>()))
}

/// Pairs the values that have a key in common, each with itself too.
fn alike(
    keys: impl Iterator<Item = Vec<String>>,
    room: Room<'_>,
) -> Result<Option<Vec<(u32, u32)>>> {
    let mut groups: FxHashMap<String, Vec<u32>> = FxHashMap::default();
    let mut held = 0;
    for (place, keys) in (0u32..).zip(keys) {
        for key in keys {
            groups.entry(key).or_default().push(place);
            held += 2 * size_of::<u32>();
        }
        room.half().check(held + groups.len() * KEY_BYTES, "what values may have in common")?;
    }
    let pairs: usize = groups.values().map(|group| group.len() * (group.len() + 1) / 2).sum();
    if pairs > MOST {
        return Ok(None);
    }
    check(pairs, room.half())?;
    let mut found = Vec::with_capacity(pairs);
    for group in groups.into_values() {
        for (before, one) in group.iter().enumerate() {
            found.extend(group[before..].iter().map(|other| (*one, *other)));
        }
    }
    Ok(Some(found))
}

/// Pairs the values, which ascend, that lie no further apart than this, each with itself too.
fn near(values: &[f64], most: f64, room: Room<'_>) -> Result<Option<Vec<(u32, u32)>>> {
    let mut found = Vec::new();
    for (place, one) in (0u32..).zip(values) {
        let reached = values[place as usize..].iter().take_while(|other| *other - one <= most);
        found.extend((place..).take(reached.count()).map(|other| (place, other)));
        if found.len() > MOST {
            return Ok(None);
        }
        check(found.len(), room)?;
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;
    use crate::observe::Valued;
    use crate::tables::{Table, Tables};
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use std::sync::Arc;

    const RECIPE: &str = r#"
        name = "rare levels"
        link = "LINK"
        threshold = { weight = 0.0 }
        [[column]]
        name = "name"
        from = ["name"]
        [[column]]
        name = "born"
        from = ["born"]
        kind = { date = "%Y-%m-%d" }
        [[column]]
        name = "wage"
        from = ["wage"]
        kind = "number"
        [[rule]]
        keys = [{ column = "name" }]
        [[comparison]]
        name = "name"
        column = "name"
        level = [
            { test = "exact" }, { test = { damerau = 1 } }, { test = { prefix = 3 } }, { test = { suffix = 2 } },
            { test = { sounds = "double_metaphone" } }, { test = { jaro_winkler = 0.7 } }, { test = "else" },
        ]
        [[comparison]]
        name = "born"
        column = "born"
        level = [
            { test = "exact" }, { test = "day_month_swapped" }, { test = { days = 3 } }, { test = { months = 2 } },
            { test = { years = 1 } }, { test = "else" },
        ]
        [[comparison]]
        name = "wage"
        column = "wage"
        level = [{ test = "exact" }, { test = { within = 2.5 } }, { test = "else" }]
        [training]
        seed = 3
        prior = { stated = 0.01 }
        rules = [{ keys = [{ column = "name" }] }]
    "#;

    fn batch(from: u32) -> RecordBatch {
        let syllables = ["an", "bo", "ca", "du", "el", "fi", "go", "hu", "na", "on", "ric", "ta"];
        let (mut names, mut births, mut wages) = (Vec::new(), Vec::new(), Vec::new());
        for row in from..from + 120 {
            let part = |factor: u32| syllables[(row * factor / 3 % 12) as usize];
            names.push(format!("{}{}{}", part(1), part(5), part(7)));
            births.push(format!(
                "19{:02}-{:02}-{:02}",
                50 + row % 9,
                1 + row % 12,
                1 + row * 7 % 12
            ));
            wages.push(format!("{}", f64::from(row * 37 % 400) / 2.0));
        }
        let array = |cells: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(cells)) };
        RecordBatch::try_from_iter([
            ("name", array(names)),
            ("born", array(births)),
            ("wage", array(wages)),
        ])
        .unwrap()
    }

    #[test]
    fn what_a_test_leads_to_are_all_pairs_that_come_to_its_level() {
        let (left, right) = ([batch(0)], [batch(40)]);
        let mut met = 0;
        for link in ["between", "within"] {
            let recipe = Recipe::from_toml(&RECIPE.replace("LINK", link)).unwrap();
            let tables = match link {
                "between" => {
                    Tables::between(recipe.columns(), Table::new(&left), Table::new(&right))
                }
                _ => Tables::within(recipe.columns(), Table::new(&left)),
            };
            let tables = tables.unwrap();
            for comparison in recipe.comparisons() {
                let held = Counted::of(&tables, comparison).unwrap();
                let levels = ColumnLevels::new(&tables, comparison).unwrap();
                let (mut seen, mut all) = (vec![0u64; comparison.levels.len()], 0);
                Valued::new(&held).each_pair(|one, other, pairs| {
                    seen[levels.of(one, other)] += pairs;
                    all += pairs;
                });
                let places: Vec<usize> = (0..seen.len()).collect();
                let counted = counted(comparison, &held, &levels, &places).unwrap();
                for (place, share) in counted.iter().enumerate() {
                    let level = comparison.levels[place].label();
                    let leads = !level.contains("jaro") && level != "else";
                    assert_eq!(share.is_some(), leads, "{level}");
                    let Some(share) = share else { continue };
                    let expected = (seen[place] as f64).max(UNSEEN) / all as f64;
                    assert!((share - expected).abs() < 1e-12, "{link} {level}: {share} {expected}");
                    met += u32::from(seen[place] > 0);
                }
            }
        }
        assert!(met > 15, "{met}: most levels have pairs");
    }
}
