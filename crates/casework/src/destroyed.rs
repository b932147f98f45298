//! What was destroyed when an agreement's time to keep was over, as its certificate says it: how much of what, and of
//! which leads, in numbers and a digest. It names nobody.

use crate::Drafts;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// The agreement's digest.
    pub agreement: String,
    /// How many rows of each table.
    pub rows: BTreeMap<&'static str, u64>,
    /// SHA-256 over the numbers of the leads, in order, each with a line feed after it, in hexadecimal.
    pub leads: String,
    /// How many "not the same" stay, without their reason, because they protect somebody.
    pub kept: u64,
    /// Whether the agreement's key is destroyed: by this, or by an attempt before that was interrupted.
    pub key: bool,
}

/// Drafts the certificate's entries, once it is known what was destroyed.
pub type Certificate<'a> = &'a (dyn Fn(&Destroyed) -> Drafts<'static> + Send + Sync);

impl Destroyed {
    pub(crate) fn new(agreement: &str, leads: &[String], key: bool) -> Destroyed {
        let mut digest = Sha256::new();
        for lead in leads {
            digest.update(lead.as_bytes());
            digest.update(b"\n");
        }
        let mut text = String::new();
        for byte in digest.finalize() {
            // INVARIANT: writing to a text does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        let (agreement, rows) = (agreement.to_owned(), BTreeMap::new());
        Destroyed { agreement, rows, leads: text, kept: 0, key }
    }

    pub(crate) fn count(&mut self, table: &'static str, rows: u64) {
        *self.rows.entry(table).or_default() += rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_the_numbers_and_their_order() {
        let of = |leads: &[&str]| {
            let leads: Vec<_> = leads.iter().map(|&lead| lead.to_owned()).collect();
            Destroyed::new("a", &leads, true).leads
        };
        assert_eq!(of(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_ne!(of(&["1", "23"]), of(&["12", "3"]));
        assert_ne!(of(&["1", "2"]), of(&["2", "1"]));
    }
}
