//! Linking by a plan of DataFusion that spills.
//!
//! Files are read piece by piece, each time they are gone through, and pairs come out in order, so that neither stands whole
//! in memory; only pairs that are settled one to one do.

use super::one_to_one;
use super::opened::Opened;
use super::{Bound, Bounded};
use crate::Error;
use crate::cli::link::Files;
use crate::cli::link::pairs::{self, Put};
use crate::cli::link::shares::Shares;
use linkage::model::OneToOne;
use linkage::plan::{Bounds, PlannedPair, link_bounded_in_order};
use linkage::{Model, Pair};
use std::path::Path;
use std::sync::Arc;

/// What a pair takes while they are gathered to be settled: a list that has to grow is copied to one of twice its size.
const GATHERED_BYTES: u64 = 3 * size_of::<Pair>() as u64;

/// Links by a model within a bound, and writes the pairs as they come.
pub(in crate::cli::link) fn link(
    model: &Model,
    files: &Files,
    (bound, shares): (&Bound, &Shares),
    out: &Path,
) -> Result<Bounded, Error> {
    link_opened(model, &Opened::new((model.columns(), model.link()), files, bound)?, shares, out)
}

/// Does the same with files that are open.
pub(super) fn link_opened(
    model: &Model,
    opened: &Opened,
    shares: &Shares,
    out: &Path,
) -> Result<Bounded, Error> {
    let Opened { files, holder, rows, trouble, given, taken, .. } = opened;
    let bounds = Bounds { populations: shares.populations(model)?, ..opened.bounds.clone() };
    let (model, least) = (Arc::new(model.clone()), model.threshold());
    let link = |put: &mut Put<'_>| {
        let mut put = |found: &[PlannedPair]| {
            let pairs: Vec<Pair> = found.iter().map(Pair::from).collect();
            put(&pairs).map_err(|error| trouble.passed(error))
        };
        opened.run(|| link_bounded_in_order(&model, rows, least, &bounds, &mut put))
    };
    let (linked, kept, tied) = if model.one_to_one() == OneToOne::Off {
        let linked = pairs::write_as_they_come(out, holder, &model, link)?;
        let kept = linked.pairs;
        (linked, kept, 0)
    } else {
        let mut found = Vec::new();
        let linked = link(&mut |pairs| {
            found.extend_from_slice(pairs);
            let needed = taken + bounds.memory_bytes as u64 + found.len() as u64 * GATHERED_BYTES;
            let (given, fits) = (*given, needed <= *given);
            if fits { Ok(()) } else { Err(Error::TooLittleMemory { given, needed }) }
        })?;
        let settled = one_to_one::settle(&model, files, holder, &found, (*given, *taken))?;
        pairs::write(out, holder, &model, &settled.pairs)?;
        (linked, settled.pairs.len() as u64, settled.tied)
    };
    Ok(Bounded {
        pairs: kept,
        tied_pairs: tied,
        units: linked.units,
        staged_bytes: linked.staged_bytes,
        spilled_bytes: linked.spilled_bytes,
        spills: linked.spills,
    })
}
