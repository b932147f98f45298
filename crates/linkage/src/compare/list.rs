//! What two lists have in common, as sets of items.
//!
//! A list column has a dictionary of its items besides that of its lists, so that two items are compared by their codes
//! here, and by any test of text where the model asks for likeness. Order and repeats don't count. It doesn't say
//! which items the lists share.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::tables::Values;

/// The distinct lists of a column, each as the ascending codes of its items.
pub(crate) struct Lists {
    /// The distinct items, text, in ascending order; code `c` stands for the item at `c - 1`.
    items: Box<Values>,
    lists: Vec<Box<[u32]>>,
}

impl Lists {
    /// Gives the items of some lists their codes. Each list has its items in ascending order, each once.
    pub(crate) fn new(lists: &[Vec<String>]) -> Self {
        let items: BTreeSet<&str> = lists.iter().flatten().map(String::as_str).collect();
        let items: Vec<&str> = items.into_iter().collect();
        let codes = |list: &Vec<String>| {
            let places =
                list.iter().map(|item| items.partition_point(|other| *other <= item.as_str()));
            // No more items than values, and those are numbered in 32 bits at the door.
            places.map(|place| u32::try_from(place).unwrap_or(u32::MAX)).collect()
        };
        let lists = lists.iter().map(codes).collect();
        Self { items: Box::new(Values::Text(items.iter().collect())), lists }
    }

    /// Returns the place of another dictionary's only list among these, while they are in ascending order.
    pub(crate) fn find(&self, guest: &Self) -> Option<usize> {
        let Values::Text(items) = &*self.items else {
            return None;
        };
        let code = |item| Some(u32::try_from(items.find(item)? + 1).unwrap_or(u32::MAX));
        let codes: Vec<u32> = guest.letters(0).map(code).collect::<Option<_>>()?;
        self.lists.binary_search_by(|list| list[..].cmp(&codes[..])).ok()
    }

    /// Puts another dictionary's only list behind the last one, and returns how many items were new.
    pub(crate) fn add(&mut self, guest: &Self) -> usize {
        let Values::Text(items) = &mut *self.items else {
            return 0;
        };
        let before = items.len();
        let mut codes = Vec::with_capacity(guest.codes(0).len());
        for item in guest.letters(0) {
            let index = items.find_first(item, before).unwrap_or_else(|| {
                items.push(item);
                items.len() - 1
            });
            codes.push(u32::try_from(index + 1).unwrap_or(u32::MAX));
        }
        // Items that are new stand behind all others, whatever they are, and sets are compared by ascending codes.
        codes.sort_unstable();
        self.lists.push(codes.into());
        items.len() - before
    }

    /// Takes the last list away, and as many of the last items.
    pub(crate) fn take_away(&mut self, new: usize) {
        self.lists.pop();
        if let Values::Text(items) = &mut *self.items {
            (0..new).for_each(|_| items.pop());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lists.len()
    }

    /// The dictionary of items.
    pub(crate) fn items(&self) -> &Values {
        &self.items
    }

    /// The codes of the items of the list at a place.
    pub(crate) fn codes(&self, index: usize) -> &[u32] {
        &self.lists[index]
    }

    /// The items of a list, apart by a character that no text of a table has.
    pub(crate) fn text(&self, index: usize) -> String {
        let mut text = String::new();
        for (place, item) in self.letters(index).enumerate() {
            if place > 0 {
                text.push('\u{1f}');
            }
            text.push_str(item);
        }
        text
    }

    /// Says whether two lists of two columns have the same items.
    pub(crate) fn equal(&self, index: usize, others: &Self, other: usize) -> bool {
        self.letters(index).eq(others.letters(other))
    }

    pub(crate) fn letters(&self, index: usize) -> impl Iterator<Item = &str> {
        self.lists[index].iter().map(|code| match self.items.as_ref() {
            Values::Text(items) => items.get(*code as usize - 1),
            Values::Dates(..)
            | Values::Numbers(_)
            | Values::Times(_)
            | Values::Places(_)
            | Values::Lists(_) => "",
        })
    }
}

/// Returns how many items two ascending lists have in common.
///
/// # Examples
///
/// ```
/// assert_eq!(linkage::compare::list::shared(&[1, 3, 5], &[2, 3, 5, 7]), 2);
/// ```
pub fn shared<T: Ord>(one: &[T], other: &[T]) -> usize {
    in_common(one, other).count()
}

/// Goes through the items that two ascending lists have in common.
pub(crate) fn in_common<'l, T: Ord>(one: &'l [T], other: &'l [T]) -> impl Iterator<Item = &'l T> {
    let (mut here, mut there) = (0, 0);
    std::iter::from_fn(move || {
        while here < one.len() && there < other.len() {
            match one[here].cmp(&other[there]) {
                Ordering::Less => here += 1,
                Ordering::Greater => there += 1,
                Ordering::Equal => {
                    (here, there) = (here + 1, there + 1);
                    return one.get(here - 1);
                }
            }
        }
        None
    })
}

/// Says whether all items of one of two ascending lists are in the other.
pub fn subset<T: Ord>(one: &[T], other: &[T]) -> bool {
    shared(one, other) == one.len().min(other.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_subset_may_be_either_and_may_be_the_whole() {
        assert!(subset(&[1, 2], &[1, 2]));
        assert!(subset(&[2], &[1, 2]));
        assert!(subset(&[1, 2, 3], &[1, 3]));
        assert!(!subset(&[1, 4], &[1, 2, 3]));
        assert!(!subset(&[1], &[2]));
    }

    #[test]
    fn lists_are_told_apart_and_found_equal_across_columns() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let one = Lists::new(&[list(&["a", "b"]), list(&["c"])]);
        let other = Lists::new(&[list(&["a", "b"]), list(&["b", "c"])]);
        assert_eq!(one.codes(0), [1, 2]);
        assert_eq!(one.text(0), "a\u{1f}b");
        assert!(one.equal(0, &other, 0));
        assert!(!one.equal(1, &other, 1));
    }

    proptest! {
        #[test]
        fn what_is_shared_is_what_two_sets_have_in_common(
            one in prop::collection::btree_set(0..12_u32, 0..8),
            other in prop::collection::btree_set(0..12_u32, 0..8),
        ) {
            let ascending = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            let (here, there) = (ascending(&one), ascending(&other));
            prop_assert_eq!(shared(&here, &there), one.intersection(&other).count());
            prop_assert_eq!(subset(&here, &there), one.is_subset(&other) || other.is_subset(&one));
        }
    }
}
