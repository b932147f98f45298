//! Names of things inside an agreement: parties, purposes, record sets, elements, and the rest.
//!
//! Each has a type of its own, so that a party cannot stand where a purpose belongs. None of them ever names a
//! person's record.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The rule for identifiers as a regular expression; `TODO` is let through so that a draft has the right shape.
const PATTERN: &str = "^(TODO|[a-z][a-z0-9_-]*)$";

/// The rule for the names of cycles, which often begin with a year.
const CYCLE_PATTERN: &str = "^(TODO|[A-Za-z0-9_-]+)$";

/// Tells whether a text may name a cycle.
fn is_cycle(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Tells whether a text may be an identifier.
pub(crate) fn is_id(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

macro_rules! id {
    ($(#[doc = $doc:literal] $name:ident $format:literal $pattern:ident $is:ident)+) => {$(
        #[doc = $doc]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the identifier for a text.
            ///
            /// # Errors
            ///
            /// [`Error::NotAnId`] when the text breaks the rule for identifiers.
            pub fn new(text: &str) -> Result<Self, Error> {
                if $is(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Error::NotAnId { text: text.to_owned() })
                }
            }

            /// Returns the identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{}`", self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "pattern": $pattern })
            }
        }
    )+};
}

id! {
    /// Names a matching program.
    ProgramId "comity-id" PATTERN is_id
    /// Names a party.
    PartyId "comity-id" PATTERN is_id
    /// Names a purpose.
    PurposeId "comity-id" PATTERN is_id
    /// Names a record set.
    RecordSetId "comity-id" PATTERN is_id
    /// Names an element inside its record set.
    ElementName "comity-id" PATTERN is_id
    /// Names a law pack.
    PackId "comity-id" PATTERN is_id
    /// Names a cycle of a recurring program.
    CycleId "comity-cycle" CYCLE_PATTERN is_cycle
    /// Names an officer, as the party's own system does.
    OfficerId "comity-id" PATTERN is_id
    /// Names a case, as its store does; never an identifier the person has.
    CaseRef "comity-cycle" CYCLE_PATTERN is_cycle
    /// Names a claimed waiver or exemption.
    ClaimId "comity-id" PATTERN is_id
    /// Names a division of the recipient's cases into groups.
    SubgroupId "comity-id" PATTERN is_id
    /// Names a population or a territory, as an order or an agreement does.
    GroupId "comity-id" PATTERN is_id
}

/// Names an element by its record set, written `payroll.gross_pay`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ElementRef {
    /// The record set.
    pub record_set: RecordSetId,
    /// The element in it.
    pub element: ElementName,
}

impl ElementRef {
    /// Returns the reference to an element of a record set.
    pub fn new(record_set: &RecordSetId, element: &ElementName) -> Self {
        Self { record_set: record_set.clone(), element: element.clone() }
    }
}

impl std::str::FromStr for ElementRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::NotAnElement { text: text.to_owned() };
        let (record_set, element) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            record_set: RecordSetId::new(record_set).map_err(|_| wrong())?,
            element: ElementName::new(element).map_err(|_| wrong())?,
        })
    }
}

impl TryFrom<String> for ElementRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ElementRef> for String {
    fn from(element: ElementRef) -> Self {
        element.to_string()
    }
}

impl fmt::Display for ElementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.record_set, self.element)
    }
}

impl fmt::Debug for ElementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl JsonSchema for ElementRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ElementRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "comity-element",
            "pattern": "^(TODO|[a-z][a-z0-9_-]*\\.[a-z][a-z0-9_-]*)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_lower_case_and_begins_with_a_letter() {
        for good in ["a", "payroll", "us-cmppa", "given_name2"] {
            assert!(PartyId::new(good).is_ok(), "{good}");
        }
        for wrong in ["", "2a", "A", "a b", "a.b", "-a", "é"] {
            assert!(PartyId::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_element_is_named_with_its_record_set() {
        let element: ElementRef = "payroll.gross_pay".parse().unwrap();
        assert_eq!(element.to_string(), "payroll.gross_pay");
        for wrong in ["payroll", "payroll.", ".gross_pay", "a.b.c", ""] {
            assert!(wrong.parse::<ElementRef>().is_err(), "{wrong}");
        }
    }
}
