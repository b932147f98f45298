//! The way from the case store's outbox to the ledger: in order, once, and whatever a crash left behind.

use crate::Error;
use casework::{CaseStore, Outbox, Outgoing, Store};
use ledger::{Disk, Leaf, Log, Recorded};

/// The most lines that are brought at once: so many entries at most are in the ledger and not acknowledged after a crash.
const MOST: u32 = 4096;

/// Brings everything that waits in the outbox to the ledger, and returns the evidence for each line, in order.
///
/// If we crash after the ledger took lines and before the store noted them, they are still waiting and their entries are
/// already there: the entries beyond the last one acknowledged are held against the waiting lines first, so that
/// nothing is written twice. The same holds for a caller that goes away while this runs: an acknowledgement that it no
/// longer waits for is either in the state that the next caller reads or not.
///
/// # Errors
/// The ledger cannot be written (what waits goes on waiting), or it holds an entry that never was in the outbox.
pub async fn drain<S: Store + CaseStore>(
    store: &S,
    log: &mut Log<Disk>,
) -> Result<Vec<(i64, Recorded)>, Error> {
    let mut all = Vec::new();
    loop {
        let recorded = drain_some(store, log).await?;
        let is_last = recorded.len() < MOST as usize;
        all.extend(recorded);
        if is_last {
            return Ok(all);
        }
    }
}

async fn drain_some<S: Store + CaseStore>(
    store: &S,
    log: &mut Log<Disk>,
) -> Result<Vec<(i64, Recorded)>, Error> {
    let Outbox { acknowledged, waiting } = store.outbox(MOST).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let leaves = waiting.into_iter().map(leaf_of).collect::<Result<Vec<_>, Error>>()?;
    let next = acknowledged.map_or(0, |index| index + 1);

    if log.size() < next {
        return Err(Error::ForeignEntry { index: log.size() });
    }
    let mut recorded = Vec::with_capacity(leaves.len());
    let mut rest = leaves.as_slice();
    for index in next..log.size() {
        let Some(((number, leaf), others)) = rest.split_first() else {
            return Err(Error::ForeignEntry { index });
        };
        let Some(evidence) = log.recorded(index, leaf)? else {
            return Err(Error::ForeignEntry { index });
        };
        recorded.push((*number, evidence));
        rest = others;
    }
    let fresh: Vec<Leaf> = rest.iter().map(|(_, leaf)| leaf.clone()).collect();
    let numbers = rest.iter().map(|(number, _)| *number);
    if !fresh.is_empty() {
        recorded.extend(numbers.zip(log.append(&fresh)?));
    }
    let lines: Vec<_> =
        recorded.iter().map(|(number, evidence)| (*number, evidence.index())).collect();
    store.acknowledge_all(&lines).await?;
    Ok(recorded)
}

fn leaf_of(line: Outgoing) -> Result<(i64, Leaf), Error> {
    Ok((line.number, Leaf::parse(line.leaf)?))
}
