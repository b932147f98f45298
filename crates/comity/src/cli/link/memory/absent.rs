//! A build without plans: a bound of memory is refused.

use super::{Bound, Bounded};
use crate::Error;
use crate::cli::link::Files;
use crate::cli::link::shares::Shares;
use linkage::{Model, Recipe};
use std::path::Path;

/// Refuses: there are no plans in this build.
pub(in crate::cli::link) fn link(
    _: &Model,
    _: &Files,
    _: (&Bound, &Shares),
    _: &Path,
) -> Result<Bounded, Error> {
    Err(Error::NoPlan)
}

/// Refuses alike.
pub(in crate::cli::link) fn train(
    _: &Recipe,
    _: &Files,
    _: &Bound,
) -> Result<(Model, Vec<u64>), Error> {
    Err(Error::NoPlan)
}
