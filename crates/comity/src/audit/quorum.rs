//! The audit of quorums: where an agreement makes a release wait for witnesses, a checkpoint that holds the disclosure and
//! that enough of them have cosigned is in the ledger before the run ends (floor F9).
//!
//! Nothing but the ledger is needed: it holds the witnesses' keys as they were agreed and the checkpoint with their
//! signatures. Whether these are the agreement's keys, the auditor sees in the agreement, whose digest stands beside them.

use super::{ORDER, Reading};
use crate::quorum::policy;
use ledger::{Checkpoint, Note, Policy};
use std::collections::BTreeMap;

impl Reading<'_> {
    /// An agreement was filed that makes a release wait for witnesses.
    pub(super) fn witnesses_agreed(
        &mut self,
        index: u64,
        agreement: String,
        quorum: u64,
        members: &BTreeMap<String, String>,
    ) {
        let list: Vec<_> =
            members.iter().map(|(name, key)| (name.as_str(), key.as_str(), None)).collect();
        let asked = u32::try_from(quorum).ok();
        let made: Option<Policy> = asked.and_then(|quorum| policy(self.key, quorum, &list).ok());
        let agreed = (quorum, members.clone());
        if self.witnesses.get(&agreement).is_some_and(|before| *before != agreed) {
            let what = "it names other witnesses than were filed for this agreement before";
            self.wrong(index, what, WITNESS);
            return;
        }
        match made {
            Some(policy) => {
                self.witnesses.insert(agreement.clone(), agreed);
                self.quorums.insert(agreement, policy);
            }
            None => self.wrong(index, "the witnesses that it names make no quorum", WITNESS),
        }
    }

    /// Enough witnesses have cosigned a checkpoint that holds a disclosure, it says.
    pub(super) fn cosigned(&mut self, index: u64, disclosure: u64, size: u64, note: &str) {
        let Some(given) = self.disclosures.get_mut(&disclosure) else {
            if self.gone.has(disclosure) {
                self.gone.disclosures += 1;
            } else {
                let what = "it lets out a disclosure that the ledger does not hold before it";
                self.wrong(index, what, ORDER);
            }
            return;
        };
        let Some(policy) = self.quorums.get(&given.parties.agreement) else {
            if self.gone.any() {
                self.gone.disclosures += 1;
            } else {
                self.wrong(index, "it names an agreement that asks for no witness", ORDER);
            }
            return;
        };
        match judge(policy, note, index, disclosure, size) {
            Ok(checkpoint) => {
                given.cosigned = true;
                self.seen.push(checkpoint);
            }
            Err(why) => {
                let what = format!(
                    "the quorum of the disclosure at entry {disclosure} does not stand: {why}"
                );
                self.wrong(index, &what, WITNESS);
            }
        }
    }

    /// A run has ended: whatever it disclosed had its quorum before.
    pub(super) fn quorum_of_run(&mut self, run: &str) {
        let without: Vec<u64> = (self.disclosures.iter())
            .filter(|(_, given)| given.run == run && self.awaits_quorum(given))
            .map(|(index, _)| *index)
            .collect();
        for index in without {
            self.disclosures.entry(index).and_modify(|given| given.cosigned = true);
            let what =
                format!("run {run} ended, and no quorum of witnesses had cosigned this disclosure");
            self.wrong(index, &what, WITNESS);
        }
    }

    /// Counts at the end, and lists what still waits.
    pub(super) fn quorums_end(&mut self) {
        let agreed = |given: &super::Given| self.quorums.contains_key(&given.parties.agreement);
        let waiting: Vec<u64> = (self.disclosures.iter())
            .filter(|(_, given)| self.awaits_quorum(given))
            .map(|(index, _)| *index)
            .collect();
        let all =
            self.disclosures.values().filter(|given| agreed(given) && !given.withdrawn).count();
        self.counted.cosigned = (all - waiting.len()) as u64;
        for index in waiting {
            self.open.push(format!(
                "entry {index}: no quorum of witnesses has cosigned it, and nothing says that it was released"
            ));
        }
    }

    fn awaits_quorum(&self, given: &super::Given) -> bool {
        !given.cosigned && !given.withdrawn && self.quorums.contains_key(&given.parties.agreement)
    }
}

/// Judges the checkpoint of a disclosure: it is this ledger's, it holds the entry, and enough witnesses have signed.
fn judge(
    policy: &Policy,
    note: &str,
    index: u64,
    disclosure: u64,
    size: u64,
) -> Result<Checkpoint, String> {
    let note = Note::parse(note.as_bytes()).map_err(|error| error.to_string())?;
    let checkpoint = policy.judge(&note).map_err(|error| error.to_string())?.checkpoint;
    if checkpoint.size != size || checkpoint.size > index {
        return Err("its checkpoint is of another size".to_owned());
    }
    if checkpoint.size <= disclosure {
        return Err("its checkpoint does not hold the disclosure".to_owned());
    }
    Ok(checkpoint)
}

const WITNESS: &str = "ask the witnesses which checkpoints they cosigned; what was released without them is to be reported";
