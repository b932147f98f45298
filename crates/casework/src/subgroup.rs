//! Subgroups: which group of each subgroup that the agreement names a case is in, and which rates of groups may be shown.
//!
//! Groups are counted to see whether leads about some people are wrong more often (floor F3(e), F12), and serve nothing
//! else: no list is drawn by them, no page says of one person in which they are, and no weight knows them.

use crate::Rate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// No rate of fewer than so many is shown. The project's own number.
pub const LEAST_SHOWN: u64 = 10;

/// The group of each subgroup that a case is in, by the subgroup's name.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Groups(BTreeMap<String, String>);

impl Groups {
    /// Tells whether the agreement names no subgroup.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each subgroup with its group.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(subgroup, group)| (subgroup.as_str(), group.as_str()))
    }
}

impl FromIterator<(String, String)> for Groups {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(groups: I) -> Groups {
        Groups(groups.into_iter().collect())
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Groups([redacted])")
    }
}

/// Leaves out the rates of a subgroup that would say something about few people.
///
/// A rate of fewer than [`LEAST_SHOWN`] is left out; and as long as all that is left out together are fewer than that, the
/// smallest that is shown is left out too, since the program's own rate less those of the groups gives the rest away.
pub fn shown(rates: &[Rate]) -> Vec<Option<Rate>> {
    let mut shown: Vec<Option<Rate>> =
        rates.iter().map(|rate| (rate.whole >= LEAST_SHOWN).then_some(*rate)).collect();
    let kept_back = |shown: &[Option<Rate>]| {
        let left_out = rates.iter().zip(shown).filter(|(_, shown)| shown.is_none());
        left_out.map(|(rate, _)| rate.whole).sum::<u64>()
    };
    while (1..LEAST_SHOWN).contains(&kept_back(&shown)) {
        let smallest = shown.iter_mut().filter(|rate| rate.is_some());
        match smallest.min_by_key(|rate| rate.map(|rate| rate.whole)) {
            Some(smallest) => *smallest = None,
            None => break,
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wholes: &[u64], expected: &[bool]) {
        let rates: Vec<Rate> = wholes.iter().map(|whole| Rate { part: 1, whole: *whole }).collect();
        let shown = shown(&rates);
        assert_eq!(shown.iter().map(Option::is_some).collect::<Vec<_>>(), expected, "{wholes:?}");
        for (shown, rate) in shown.iter().zip(&rates) {
            assert!(shown.is_none_or(|shown| shown == *rate));
        }
    }

    #[test]
    fn a_group_of_fewer_than_ten_is_not_shown() {
        check(&[10, 10], &[true, true]);
        check(&[5, 5, 40], &[false, false, true]);
        check(&[], &[]);
        check(&[9], &[false]);
    }

    #[test]
    fn what_is_left_out_cannot_be_told_from_the_rest() {
        check(&[9, 40, 12], &[false, true, false]);
        check(&[1, 2, 40, 12, 11], &[false, false, true, true, false]);
        check(&[9, 40], &[false, false]);
        // Nobody is in a group of none.
        check(&[0, 40, 12], &[false, true, true]);
    }

    #[test]
    fn groups_are_not_printed() {
        let groups: Groups = [("born".to_owned(), "1980 to 1999".to_owned())].into_iter().collect();
        assert_eq!(format!("{groups:?}"), "Groups([redacted])");
    }
}
