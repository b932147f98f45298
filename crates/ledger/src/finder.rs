//! Finders: what lets a person find the entries about them, and lets nobody else tell that two entries are about one.
//!
//! A name, or any token that is always the same for one person, would tie a person's entries together for whoever reads
//! the ledger. So an entry holds, beside another commitment of it, a *tag*: a commitment under a key that follows from
//! the person's finder and from that other commitment, which is fresh each time. Two tags have nothing in common that
//! can be seen without the finder; with it, each is found by trying. Who has destroyed the secret that finders are made
//! of has made the tags dumb. This file keeps no finder and draws no randomness.
//!
//! The idea is the subject tag of VAMS (Hicks et al., 2018). A tag is an ordinary commitment, so its [`Opening`] shows one
//! entry to somebody who is to find no other.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    Error,
    commitment::{Commitment, Opening, commit},
    crypto,
    entry::Commitments,
};

/// Separates the keys of tags from any other use of the same function.
const DOMAIN: &[u8] = b"comity ledger tag v1";

/// The field under which tags stand in an entry, in the order of the field they stand beside.
pub const TAG: &str = "tag";

/// Finds the tags that were made with it. It is secret, and personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Finder([u8; 32]);

impl Finder {
    /// Takes bytes for a finder: 32 that nobody can guess, such as a keyed digest of whom it is of.
    pub const fn from_secret(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a finder as [`Finder::to_secret_text`] writes it.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedKey`] when it is not 32 bytes in base64.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Error::MalformedKey { reason: "a finder is not 32 bytes in base64" })
    }

    /// Writes it, for whom it is of and nobody else.
    pub fn to_secret_text(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    /// Makes the tag to stand beside a commitment of the same entry, whose key was fresh.
    ///
    /// # Errors
    ///
    /// Never: the field and the value of a tag can be committed to.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), ledger::Error> {
    /// use ledger::{Commitments, Finder, finder::TAG};
    ///
    /// # let fresh = [7; 32]; // 32 bytes from the system's random source
    /// let finder = Finder::from_secret([1; 32]);
    /// let (number, _) = ledger::commit(fresh, "lead", "2027Q1-000001".into())?;
    /// let (tag, _) = finder.tag(&number)?;
    /// let entry = Commitments::from([("lead".to_owned(), vec![number]), (TAG.to_owned(), vec![tag])]);
    /// assert_eq!(finder.find(&entry, "lead"), [0]);
    /// assert!(Finder::from_secret([2; 32]).find(&entry, "lead").is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn tag(&self, beside: &Commitment) -> Result<(Commitment, Opening), Error> {
        let length = (DOMAIN.len() as u64).to_be_bytes();
        let key = crypto::hmac(&self.0, &[&length, DOMAIN, beside.as_bytes()]);
        commit(key, TAG, "about you".into())
    }

    /// Returns the places, in the field that tags stand beside, of those that are this finder's.
    pub fn find(&self, commitments: &Commitments, beside: &str) -> Vec<usize> {
        let (Some(others), Some(tags)) = (commitments.get(beside), commitments.get(TAG)) else {
            return Vec::new();
        };
        let is_mine = |(other, tag): (&Commitment, &Commitment)| {
            self.tag(other).is_ok_and(|(mine, _)| mine == *tag)
        };
        let places = others.iter().zip(tags).map(is_mine).enumerate();
        places.filter_map(|(place, is_mine)| is_mine.then_some(place)).collect()
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finder([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn finder(person: u8) -> Finder {
        Finder::from_secret([person; 32])
    }

    /// The commitments of an entry about these persons, made with fresh keys.
    fn entry(number: u8, persons: &[u8]) -> Commitments {
        let (mut leads, mut tags) = (Vec::new(), Vec::new());
        for (place, person) in (0..).zip(persons) {
            let mut fresh = [0; 32];
            fresh[..2].copy_from_slice(&[number, place]);
            let (lead, _) = commit(fresh, "lead", "a number".into()).unwrap();
            tags.push(finder(*person).tag(&lead).unwrap().0);
            leads.push(lead);
        }
        Commitments::from([("lead".to_owned(), leads), (TAG.to_owned(), tags)])
    }

    #[test]
    fn a_person_finds_the_entries_about_them_and_nobody_elses() {
        let entries = [entry(0, &[1, 2, 1]), entry(1, &[2]), entry(2, &[3, 1])];
        let found = |person| -> Vec<_> {
            entries.iter().map(|entry| finder(person).find(entry, "lead")).collect()
        };
        assert_eq!(found(1), [vec![0, 2], vec![], vec![1]]);
        assert_eq!(found(2), [vec![1], vec![0], vec![]]);
        assert_eq!(found(4), [vec![], vec![], vec![]] as [Vec<usize>; 3]);
    }

    #[test]
    fn no_two_tags_of_one_person_are_alike_nor_is_any_part_of_them() {
        let entries: Vec<_> = (0..50).map(|number| entry(number, &[1, 1])).collect();
        let tags: BTreeSet<_> = entries.iter().flat_map(|entry| &entry[TAG]).collect();
        assert_eq!(tags.len(), 100);
    }

    #[test]
    fn a_tag_moved_to_another_place_or_entry_is_found_by_nobody() {
        let (one, other) = (entry(0, &[1, 2]), entry(1, &[3, 3]));
        let moved = Commitments::from([
            ("lead".to_owned(), other["lead"].clone()),
            (TAG.to_owned(), one[TAG].clone()),
        ]);
        assert!(finder(1).find(&moved, "lead").is_empty());
        assert!(finder(1).find(&one, "employer").is_empty());
    }

    #[test]
    fn a_tags_opening_shows_that_one_and_no_other() {
        let (lead, _) = commit([8; 32], "lead", "a number".into()).unwrap();
        let (other, _) = commit([9; 32], "lead", "a number".into()).unwrap();
        let (tag, opening) = finder(1).tag(&lead).unwrap();
        assert!(opening.opens(&tag));
        assert!(!opening.opens(&finder(1).tag(&other).unwrap().0));
    }

    #[test]
    fn a_finder_is_written_and_read_back_and_never_shown() {
        let text = finder(5).to_secret_text();
        assert_eq!(Finder::parse(&text).unwrap(), finder(5));
        assert!(Finder::parse(&text[1..]).is_err());
        assert_eq!(format!("{:?}", finder(5)), "Finder([redacted])");
    }
}
