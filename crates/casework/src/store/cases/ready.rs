//! A step with all of it spelled and sealed, ready for either database. What is wrong with it is found here, before
//! anything of it is written, so that others in the same transaction are not held up.

use super::row::{Beside, Row, beside, seal_step};
use super::{Moving, Tally, tallies};
use crate::store::cell;
use crate::store::vault::Vault;
use crate::{Case, Drafts, Error};
use std::collections::BTreeMap;

/// A step as it is stored: the case after it, the entries that tell of it, and what opens them.
pub(in crate::store) struct Step<'step> {
    pub(in crate::store) case: &'step Case,
    pub(in crate::store) drafts: &'step Drafts<'step>,
    pub(in crate::store) openings: &'step [String],
}

impl<'step> Step<'step> {
    pub(in crate::store) fn of(moving: &'step Moving) -> Step<'step> {
        Step { case: &moving.case, drafts: &moving.drafts, openings: &moving.openings }
    }
}

/// A step with all of it spelled and sealed.
pub(in crate::store) struct Ready<'step> {
    pub(in crate::store) case: &'step Case,
    pub(in crate::store) row: Row,
    pub(in crate::store) taken_at: String,
    pub(in crate::store) by: String,
    pub(in crate::store) kind: &'static str,
    pub(in crate::store) payload: Vec<u8>,
    pub(in crate::store) second: i64,
    pub(in crate::store) leaves: Vec<Vec<u8>>,
    pub(in crate::store) openings: Vec<Vec<u8>>,
    pub(in crate::store) beside: Vec<(Beside<'step>, Option<Vec<u8>>)>,
}

impl<'step> Ready<'step> {
    pub(in crate::store) fn of(
        vault: &Vault,
        step: &Step<'step>,
        last: &mut Option<i64>,
    ) -> Result<Self, Error> {
        let case = step.case;
        let taken = case.steps().last().ok_or(Error::NoStep)?;
        let id = case.id().as_str();
        let (second, leaves) = step.drafts.spelled(*last)?;
        let key = cell::key_of_agreement(vault, &case.terms().agreement)?;
        let openings = step.openings.iter().map(|text| cell::seal_opening(&key, id, text));
        let sealed = |change: Beside<'step>| {
            let reason = match &change {
                Beside::Judgement { reason, .. } => Some(cell::seal_reason(&key, id, reason)?),
                _other => None,
            };
            Ok((change, reason))
        };
        let ready = Ready {
            case,
            row: Row::of(case),
            taken_at: taken.at.to_string(),
            by: taken.by.spelled(),
            kind: taken.step.kind().as_str(),
            payload: seal_step(vault, case, &taken.step)?,
            second,
            openings: openings.collect::<Result<_, _>>()?,
            beside: beside(case).into_iter().map(sealed).collect::<Result<_, Error>>()?,
            leaves,
        };
        if !ready.leaves.is_empty() {
            *last = Some(second);
        }
        Ok(ready)
    }

    pub(in crate::store) fn id(&self) -> &str {
        self.case.id().as_str()
    }

    pub(in crate::store) fn version(&self) -> i64 {
        self.case.version().cast_signed()
    }

    /// Says what the step changes of the case's line. An assignment moves no case and no day; nothing else assigns it.
    pub(in crate::store) fn changes(&self) -> Changes {
        match self.case.steps().last().map(|taken| &taken.step) {
            Some(crate::Step::Assign(given))
                if given.county.is_none() && given.worker.is_none() =>
            {
                Changes::Officer
            }
            Some(crate::Step::Assign(_)) => Changes::Assignment,
            _other => Changes::Standing,
        }
    }
}

/// What is answered to each of several steps, in their order: the numbers of its lines, or what is wrong with it alone.
pub(in crate::store) type Results = Vec<Result<Vec<i64>, Error>>;

/// Makes several steps ready, each with its place among them. One that cannot be spelled or sealed has its error in the
/// results and is left out; the others have no numbers there yet.
pub(in crate::store) fn all_ready<'step>(
    vault: &Vault,
    steps: &[Step<'step>],
    last: &mut Option<i64>,
) -> (Vec<(usize, Ready<'step>)>, Results) {
    let mut ready = Vec::with_capacity(steps.len());
    let results = steps.iter().enumerate().map(|(place, step)| {
        ready.push((place, Ready::of(vault, step, last)?));
        Ok(Vec::new())
    });
    let results = results.collect();
    (ready, results)
}

/// What a step changes of its case's line in lists, beside how many steps it has taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::store) enum Changes {
    /// The officer alone.
    Officer,
    /// Officer, county and worker.
    Assignment,
    /// Where it stands, and what is due.
    Standing,
}

/// Sums up what steps change in the counts: each count is changed once, whatever changes it.
pub(in crate::store) fn sums(changes: impl IntoIterator<Item = Tally>) -> Vec<Tally> {
    let mut sums: BTreeMap<(&'static str, String, &'static str), i64> = BTreeMap::new();
    for change in changes {
        let sum = sums.entry((change.what, change.of, change.name)).or_default();
        *sum = sum.saturating_add(change.n);
    }
    let sums = sums.into_iter().filter(|(_, n)| *n != 0);
    sums.map(|((what, of, name), n)| Tally { what, of, name, n }).collect()
}

/// Returns what a batch of steps changes in the counts.
pub(in crate::store) fn counted(steps: &[&Ready<'_>]) -> Vec<Tally> {
    sums(steps.iter().flat_map(|step| tallies(step.case)))
}
