//! Subgroups: how the agreement divides the recipient's own cases to see whether leads about some people are wrong more
//! often than leads about others.
//!
//! They are there to watch for error and for nothing else: nobody is selected, weighed or listed by one (floor F3, F5). So
//! that nothing more is disclosed for them, each is drawn from an element of the recipient's own caseload that the agreement
//! names anyway, and never from a protected trait or its proxy: to look at those, F3(e) wants an audit for bias, in
//! aggregate and under an agreement of its own. Which group a case is in is worked out by the run; no values here, ever.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ElementRef, SubgroupId};

/// A division of the recipient's cases into groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subgroup {
    /// Its name, as the program's dashboard shows it.
    pub id: SubgroupId,
    /// The element of the recipient's own caseload that it is drawn from.
    pub element: ElementRef,
    /// How its values become groups.
    pub grouping: Grouping,
    /// Why error has to be watched by it.
    pub reason: String,
}

/// How the values of an element become groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Grouping {
    /// Each code is a group of its own.
    Value {},
    /// The years of a date, so many together: with 20, everybody from 1980 to 1999 is one group.
    Years {
        /// How many years together, five at least.
        #[schemars(extend("x-least" = 5, "x-greatest" = 100))]
        span: u32,
    },
    /// The first characters of a code, such as those of a postcode that stand for a region.
    Beginning {
        /// How many, four at most.
        #[schemars(extend("x-least" = 1, "x-greatest" = 4))]
        characters: u32,
    },
}
