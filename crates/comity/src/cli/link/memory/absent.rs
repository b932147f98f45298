//! A build without plans: a bound of memory is refused.

use super::{Bound, Bounded};
use crate::Error;
use crate::cli::link::Files;
use linkage::{Model, Tables};

/// Refuses: there are no plans in this build.
pub(in crate::cli::link) fn link(
    _: &Model,
    _: &Files,
    _: &Bound,
) -> Result<Bounded<Tables>, Error> {
    Err(Error::NoPlan)
}
