//! How often leads were wrong by the subgroups that the agreement names, with intervals: a part of the program's dashboard,
//! and what the page of the agreement says of them.
//!
//! It shows rates of groups and no person; what would say something about few people is left out ([`casework::subgroup`]).

use super::number;
use super::part::{Cell, Part, Table};
use super::review::words;
use agreement::{Grouping, Subgroup};
use casework::subgroup::{LEAST_SHOWN, shown};
use casework::{GroupCounts, Rate, Tripwire};
use std::collections::BTreeMap;

/// How many groups of a subgroup are shown at most: those with the most judged leads.
const MOST: usize = 50;

/// Draws the rates of each subgroup.
pub(super) fn parts(subgroups: &[Subgroup], counts: &GroupCounts) -> Vec<Part> {
    let mut parts = vec![Part::heading("By subgroup")];
    if subgroups.is_empty() {
        parts.push(Part::text(
            "The agreement names no subgroup, so that nobody sees here whether leads about some people are wrong more \
             often than leads about others.",
        ));
        return parts;
    }
    parts.push(Part::text(format!(
        "To see whether leads about some people are wrong more often. Nobody is selected or listed by a group. A rate of \
         fewer than {LEAST_SHOWN} is not shown, nor another that would give it away."
    )));
    let none = BTreeMap::new();
    for subgroup in subgroups {
        let groups = counts.get(subgroup.id.as_str()).unwrap_or(&none);
        parts.push(Part::Table(table(subgroup, groups)));
    }
    parts
}

fn table(subgroup: &Subgroup, groups: &BTreeMap<String, BTreeMap<String, u64>>) -> Table {
    let name = words(subgroup.id.as_str());
    let table = Table::new(
        format!("{name}: what came of the leads about each group"),
        &[
            "Group",
            "#Judged",
            "#Not right",
            "Interval",
            "#Refuted later",
            "Interval",
            "#Reversed later",
            "Interval",
        ],
    )
    .empty("Nobody has judged a lead yet.");
    let wires: Vec<(&str, Tripwire)> =
        groups.iter().map(|(group, outcomes)| (group.as_str(), Tripwire::of(outcomes))).collect();
    let of = |rate: fn(&Tripwire) -> Rate| {
        shown(&wires.iter().map(|(_, wire)| rate(wire)).collect::<Vec<_>>())
    };
    let (not_same, refuted, reversed) =
        (of(|wire| wire.not_same), of(|wire| wire.refuted), of(|wire| wire.reversed));
    let at = |rates: &[Option<Rate>], place: usize| rates.get(place).copied().flatten();
    let rates = |place| [at(&not_same, place), at(&refuted, place), at(&reversed, place)];
    let mut places: Vec<usize> =
        (0..wires.len()).filter(|place| rates(*place).iter().any(Option::is_some)).collect();
    places.sort_by_key(|place| std::cmp::Reverse(wires[*place].1.not_same.whole));
    places.truncate(MOST);
    places.sort_unstable();
    let rest = wires.len() - places.len();
    let row = |name: String, rates: [Option<Rate>; 3]| {
        let judged = rates[0].map_or_else(hidden, |rate| Cell::number(number::count(rate.whole)));
        let mut row = vec![name.into(), judged];
        for rate in rates {
            row.extend(match rate {
                Some(rate) => [
                    Cell::number(number::percent(rate.part, rate.whole)),
                    number::between(rate.part, rate.whole).into(),
                ],
                None => [hidden(), "–".into()],
            });
        }
        row
    };
    let mut table =
        table.with(places.into_iter().map(|place| row(wires[place].0.to_owned(), rates(place))));
    if rest > 0 {
        let name = if rest == 1 { "1 other group".into() } else { format!("{rest} other groups") };
        table.row(row(name, [None; 3]));
    }
    table
}

fn hidden() -> Cell {
    Cell::number("not shown")
}

/// Says a subgroup in words.
pub(super) fn said(subgroup: &Subgroup) -> String {
    let element = words(subgroup.element.element.as_str()).to_lowercase();
    let by = match subgroup.grouping {
        Grouping::Value {} => format!("by {element}"),
        Grouping::Years { span } => format!("by {element}, {span} years together"),
        Grouping::Beginning { characters: 1 } => format!("by the first character of {element}"),
        Grouping::Beginning { characters } => {
            format!("by the first {characters} characters of {element}")
        }
    };
    format!("{}, {by}: {}", words(subgroup.id.as_str()), subgroup.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subgroup() -> Subgroup {
        Subgroup {
            id: "region".parse().unwrap(),
            element: "caseload.postcode".parse().unwrap(),
            grouping: Grouping::Beginning { characters: 2 },
            reason: "Addresses are kept otherwise in each region.".into(),
        }
    }

    fn rows(counted: &[(&str, &str, u64)]) -> Vec<Vec<String>> {
        let mut groups: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (group, outcome, n) in counted {
            groups.entry((*group).to_owned()).or_default().insert((*outcome).to_owned(), *n);
        }
        let rows = table(&subgroup(), &groups).rows;
        rows.into_iter().map(|row| row.into_iter().map(|cell| cell.text).collect()).collect()
    }

    #[test]
    fn rates_stand_with_their_intervals_and_those_of_few_are_left_out() {
        let rows = rows(&[
            ("10…", "same", 90),
            ("10…", "not-same", 8),
            ("10…", "unsure", 2),
            ("10…", "verified", 9),
            ("20…", "same", 20),
            ("30…", "same", 9),
            ("40…", "same", 12),
        ]);
        // 10 of 100: the textbook's interval. Of the regions 30 and 40, the second would give the first away.
        assert_eq!(
            rows[0],
            ["10…", "100", "10.0 %", "5.5 to 17.4 %", "not shown", "–", "not shown", "–"]
        );
        assert_eq!(rows[1][..4], ["20…", "20", "0.0 %", "0.0 to 16.1 %"]);
        assert_eq!(rows[2][..4], ["2 other groups", "not shown", "not shown", "–"]);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn of_many_groups_those_with_the_most_are_shown() {
        let names: Vec<String> = (0..MOST + 5).map(|number| format!("{number:03}")).collect();
        let counted: Vec<(&str, &str, u64)> =
            (10..).zip(&names).map(|(n, name)| (name.as_str(), "same", n)).collect();
        let rows = rows(&counted);
        assert_eq!((rows.len(), rows[0][0].as_str()), (MOST + 1, "005"));
        assert_eq!(rows[MOST][0], "5 other groups");
    }

    #[test]
    fn a_subgroup_is_said_in_plain_words() {
        assert_eq!(
            said(&subgroup()),
            "Region, by the first 2 characters of postcode: Addresses are kept otherwise in each region."
        );
    }
}
