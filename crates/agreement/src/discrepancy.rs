//! The discrepancy rule: what must differ or overlap before a pair is a lead.
//!
//! Two records of one person are no reason to look at anybody. The rule says what would be: periods that overlap, an
//! amount beyond a tolerance, a record where none should be. It is a term of the agreement; who applies it to values
//! is the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ElementRef, RecordSetId};

/// A rule without which a pair is no lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Discrepancy {
    /// Every one of these holds.
    All {
        /// The rules.
        of: Vec<Discrepancy>,
    },
    /// At least one of these holds.
    Any {
        /// The rules.
        of: Vec<Discrepancy>,
    },
    /// The person is in both record sets.
    PresentInBoth {
        /// The two record sets.
        record_sets: Vec<RecordSetId>,
    },
    /// Two periods have at least so many days in common.
    PeriodsOverlap {
        /// The one period.
        one: Period,
        /// The other period.
        other: Period,
        /// Days in common, one at least.
        #[schemars(extend("x-least" = 1))]
        least_days: u32,
    },
    /// One sum is greater than another by more than a tolerance.
    AmountExceeds {
        /// The greater sum.
        amount: ElementRef,
        /// The sum it is held against, over the same span of time.
        over: ElementRef,
        /// By more than this, in hundredths of the currency.
        tolerance_cents: u64,
    },
    /// Two sums differ by more than a tolerance.
    AmountDiffers {
        /// The one sum.
        amount: ElementRef,
        /// The other sum, over the same span of time.
        from: ElementRef,
        /// By more than this, in hundredths of the currency.
        tolerance_cents: u64,
    },
    /// Two values are not the same.
    ValueDiffers {
        /// The one value.
        value: ElementRef,
        /// The other value.
        from: ElementRef,
    },
}

/// A period: the elements that hold its first and last day. An empty last day means that it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The element with the first day.
    pub from: ElementRef,
    /// The element with the last day.
    pub to: ElementRef,
}

impl Discrepancy {
    /// Returns every element the rule looks at.
    pub fn elements(&self) -> Vec<&ElementRef> {
        match self {
            Self::All { of } | Self::Any { of } => of.iter().flat_map(Self::elements).collect(),
            Self::PresentInBoth { .. } => Vec::new(),
            Self::PeriodsOverlap { one, other, .. } => {
                vec![&one.from, &one.to, &other.from, &other.to]
            }
            Self::AmountExceeds { amount, over: other, .. }
            | Self::AmountDiffers { amount, from: other, .. }
            | Self::ValueDiffers { value: amount, from: other } => vec![amount, other],
        }
    }
}
