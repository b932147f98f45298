//! A seal: what keeps an entry from the person concerned for a time, under a power that a law gives (F10).
//!
//! Without a cited power, or after its end, a seal hides nothing. Sealing is an act of its own and recorded. What is
//! sealed is left out of the person's view without a word, because a hint would tell what the seal keeps.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A seal on an entry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The section of law that gives the power.
    pub power: String,
    /// Who ordered it.
    pub authority: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when: there is no seal without an end.
    pub until: Timestamp,
}

impl Seal {
    /// Tells whether the seal hides an entry at an instant.
    pub fn hides(&self, now: Timestamp) -> bool {
        self.is_cited() && self.from <= now && now < self.until
    }

    /// Tells whether the seal cites a power and who ordered it.
    pub fn is_cited(&self) -> bool {
        let says = |text: &str| !crate::reader::is_placeholder(text);
        says(&self.power) && says(&self.authority)
    }
}

impl fmt::Debug for Seal {
    /// Shows nothing of who ordered what: that there is a seal can be all that somebody wants to know.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal {
            power: "5 U.S.C. 552a(c)(3), (b)(7)".to_owned(),
            authority: "Example District Court".to_owned(),
            from: "2027-05-04T00:00:00Z".parse().unwrap(),
            until: "2027-06-04T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_seal_hides_from_its_first_instant_until_its_end() {
        for (now, hides) in [
            ("2027-05-03T23:59:59Z", false),
            ("2027-05-04T00:00:00Z", true),
            ("2027-06-03T23:59:59Z", true),
            ("2027-06-04T00:00:00Z", false),
        ] {
            assert_eq!(seal().hides(now.parse().unwrap()), hides, "{now}");
        }
    }

    #[test]
    fn a_seal_without_a_cited_power_or_an_authority_hides_nothing() {
        let now = "2027-05-10T00:00:00Z".parse().unwrap();
        for empty in ["", "TODO", "n/a"] {
            assert!(!Seal { power: empty.to_owned(), ..seal() }.hides(now), "{empty}");
            assert!(!Seal { authority: empty.to_owned(), ..seal() }.hides(now), "{empty}");
        }
    }
}
