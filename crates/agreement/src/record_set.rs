//! A set of records that takes part in a matching program, and what may be done with each of its elements.
//!
//! 5 U.S.C. 552a(o)(1)(C): the records, every data element, the approximate number. An agreement alone is no basis
//! for disclosing anything, so each set names its own (552a(b); F1). Paths and formats are not terms; they stand in
//! the [`crate::Schedule`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Category, Element, ElementName, ElementRef, PartyId, RecordSetId};

/// A set of records and its elements, in lists that say what is done with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSet {
    /// The set's name, used as `set.element` elsewhere.
    pub id: RecordSetId,
    /// The party whose records they are.
    pub owner: PartyId,
    /// What the records are, in words.
    pub title: String,
    /// How many records there are, about. A run over 110 % of it stops (F2).
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(C)", "x-least" = 1))]
    pub approx_count: u64,
    /// Why the owner may disclose or use these records; the agreement alone is no reason.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(b)"))]
    pub basis: Basis,
    /// The federal system of records they belong to, if they belong to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_of_records: Option<SystemOfRecords>,
    /// In the recipient's set: the element that names a case of its own caseload (F4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caseload_id: Option<ElementName>,
    /// Elements that pairs are compared on.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(o)(1)(C)"))]
    pub matched_on: Vec<Element>,
    /// Elements of the source that the recipient gets with a lead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<Element>,
    /// Elements that stay with their owner and that only the discrepancy rule looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Element>,
}

impl RecordSet {
    /// Returns every element of the set with the list it stands in, the caseload id apart.
    pub fn elements(&self) -> impl Iterator<Item = (Use, &Element)> {
        let each = |list: Use| move |element| (list, element);
        (self.matched_on.iter().map(each(Use::MatchedOn)))
            .chain(self.returned.iter().map(each(Use::Returned)))
            .chain(self.compared.iter().map(each(Use::Compared)))
    }

    /// Returns the reference to one of the set's elements.
    pub fn reference(&self, element: &ElementName) -> ElementRef {
        ElementRef::new(&self.id, element)
    }

    /// Returns the elements of a list, by reference.
    pub(crate) fn references(&self, list: Use) -> impl Iterator<Item = ElementRef> {
        self.elements().filter(move |(of, _)| *of == list).map(|(_, e)| self.reference(&e.name))
    }

    /// Returns the categories of a list's elements.
    pub(crate) fn categories(&self, list: Use) -> impl Iterator<Item = Category> {
        self.elements().filter(move |(of, _)| *of == list).map(|(_, element)| element.category)
    }
}

/// What is done with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Pairs are compared on it.
    MatchedOn,
    /// The recipient gets it with a lead.
    Returned,
    /// The discrepancy rule looks at it; it stays with its owner.
    Compared,
}

/// Why records may be disclosed or used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// Where it stands, for instance `5 U.S.C. 552a(b)(3)` and the routine use.
    pub citation: String,
    /// What it says, in a sentence.
    pub statement: String,
}

/// A federal system of records, 5 U.S.C. 552a(a)(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemOfRecords {
    /// Its number and name.
    pub name: String,
    /// Its notice in the Federal Register.
    #[schemars(extend("x-cite" = "5 U.S.C. 552a(e)(4)"))]
    pub notice: String,
}
