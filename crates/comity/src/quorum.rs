//! The quorum of witnesses that a release waits for: asking them, and the evidence that enough of them have cosigned a
//! checkpoint that holds the entry (floor F9).
//!
//! What the agreement states becomes a C2SP tlog-policy over this node's own ledger, and [`ledger::Policy`] judges. Only
//! what it accepted makes a [`Cosigned`]. Nothing is released here; see [`crate::release`].

use crate::Error;
use crate::event::Event;
use crate::witness;
use agreement::{Agreement, Schedule, Witnesses};
use jiff::Timestamp;
use ledger::{Checkpoint, Directory, Note, Policy, Reader, Verifier};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_rustls::rustls::ClientConfig;

/// How long a witness that did not cosign is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// The name of the group in the policy: no witness can have it, since names in an agreement hold no slash.
const GROUP: &str = "agreed/quorum";

/// The quorum that an agreement states, over one ledger.
#[derive(Clone, Debug)]
pub struct Quorum {
    witnesses: Witnesses,
    log: Verifier,
    policy: Policy,
}

/// Evidence that enough witnesses have cosigned a checkpoint of the ledger. Only [`Quorum::judge`] makes it.
#[derive(Clone, Debug)]
#[must_use = "it was waited for to be shown at the release"]
pub struct Cosigned {
    witnesses: Witnesses,
    checkpoint: Checkpoint,
    by: Vec<(String, Timestamp)>,
    note: Note,
}

impl Quorum {
    /// Makes the quorum of an agreement over the ledger of this key; none where the agreement asks for none.
    ///
    /// # Errors
    /// What is stated makes no policy.
    pub fn of(
        agreement: &Agreement,
        schedule: &Schedule,
        log: &Verifier,
    ) -> Result<Option<Quorum>, Error> {
        let address = |id: &agreement::PartyId| {
            let reached = schedule.witnesses.iter().find(|reached| reached.id == *id);
            reached.map(|reached| reached.address.as_str())
        };
        let Some(witnesses) = &agreement.witnesses else { return Ok(None) };
        let members = witnesses.members.iter();
        let members: Vec<_> = members
            .map(|member| (member.id.as_str(), member.key.as_str(), address(&member.id)))
            .collect();
        let policy = policy(log, witnesses.quorum, &members)?;
        Ok(Some(Quorum { witnesses: witnesses.clone(), log: log.clone(), policy }))
    }

    /// Returns what the ledger says of it when the agreement is filed.
    pub fn filed(agreement: &Agreement, digest: &str) -> Option<Event> {
        let witnesses = agreement.witnesses.as_ref()?;
        let members = witnesses.members.iter();
        Some(Event::WitnessesAgreed {
            agreement: digest.to_owned(),
            quorum: u64::from(witnesses.quorum),
            within_seconds: u64::from(witnesses.within_seconds),
            members: members
                .map(|member| (member.id.to_string(), member.key.to_string()))
                .collect(),
        })
    }

    /// Judges a checkpoint: as many have cosigned it as are asked for.
    ///
    /// # Errors
    /// Too few have, or it is not of this ledger.
    pub fn judge(&self, note: &Note) -> Result<Cosigned, ledger::Error> {
        let accepted = self.policy.judge(note)?;
        Ok(Cosigned {
            witnesses: self.witnesses.clone(),
            checkpoint: accepted.checkpoint,
            by: accepted.cosigned.into_iter().map(|(name, at)| (name.to_string(), at)).collect(),
            note: note.clone(),
        })
    }

    /// Asks the witnesses, all at once and again until enough of them have cosigned the ledger as it stands, or the time
    /// is over that the agreement gives them.
    ///
    /// # Errors
    /// [`Error::QuorumMissed`] when too few cosigned in time; or the ledger cannot be read.
    pub async fn wait(
        &self,
        ledger: &Path,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Cosigned, Error> {
        // All are asked about one checkpoint: should the ledger grow meanwhile, their cosignatures still add up.
        let reader = Arc::new(Reader::open(Directory::new(ledger), self.log.clone())?);
        let mut note = reader.note().clone();
        let mut asked = JoinSet::new();
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        for known in self.policy.witnesses() {
            let Some(address) = known.address.clone() else { continue };
            let address = String::from_utf8_lossy(&address).into_owned();
            let (reader, key, tls, told) =
                (Arc::clone(&reader), known.verifier.clone(), tls.clone(), told.clone());
            asked.spawn(async move {
                loop {
                    let answer = witness::ask(&address, tls.clone(), &reader, &key).await;
                    let has_cosigned = answer.is_ok();
                    // Nobody listens any more once there are enough.
                    if told.send((key.name().to_string(), answer)).is_err() || has_cosigned {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        drop(told);
        let mut refused = BTreeMap::new();
        let waiting = async {
            while let Some((name, answer)) = heard.recv().await {
                match answer {
                    Err(error) => {
                        refused.insert(name, error.chain());
                    }
                    Ok(cosigned) => {
                        refused.remove(&name);
                        note.add(cosigned.signatures().to_vec())?;
                        if let Ok(enough) = self.judge(&note) {
                            return Ok(Some(enough));
                        }
                    }
                }
            }
            Ok::<_, Error>(None)
        };
        let within = Duration::from_secs(u64::from(self.witnesses.within_seconds));
        match tokio::time::timeout(within, waiting).await {
            Ok(Ok(Some(enough))) => Ok(enough),
            Ok(Err(error)) => Err(error),
            Ok(Ok(None)) | Err(_) => Err(Error::QuorumMissed {
                quorum: self.witnesses.quorum,
                members: self.witnesses.members.len(),
                seconds: self.witnesses.within_seconds,
                refused: refused.into_iter().map(|(name, why)| format!("{name}: {why}")).collect(),
            }),
        }
    }
}

impl Cosigned {
    /// Says whether it is what these terms ask for, and holds the entry at an index.
    pub fn suffices(&self, witnesses: &Witnesses, index: u64) -> bool {
        self.witnesses == *witnesses && self.checkpoint.size > index
    }

    /// Returns who cosigned, and when.
    pub fn by(&self) -> &[(String, Timestamp)] {
        &self.by
    }

    /// Returns what the ledger says before the release that waited for it.
    pub fn event(&self, run: &str, disclosure: u64) -> Event {
        Event::CheckpointCosigned {
            run: run.to_owned(),
            disclosure,
            size: self.checkpoint.size,
            note: self.note.to_string(),
        }
    }
}

/// Makes the policy that wants so many of these members over one ledger: each with its name, its key, and where it is
/// reached.
pub(crate) fn policy(
    log: &Verifier,
    quorum: u32,
    members: &[(&str, &str, Option<&str>)],
) -> Result<Policy, Error> {
    let cannot =
        |what: &str| Error::Unrunnable { what: format!("the witnesses agreed on: {what}") };
    let one_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    if !members.iter().all(|(name, key, _)| one_word(name) && one_word(key)) {
        return Err(cannot("a name or a key is not one word"));
    }
    let mut text = format!("log {log}\n");
    // INVARIANT: writing to a text does not fail.
    for (name, key, address) in members {
        let _ = writeln!(text, "witness {name} {key} {}", address.unwrap_or_default());
    }
    let names: Vec<_> = members.iter().map(|(name, ..)| *name).collect();
    let _ = write!(text, "group {GROUP} {quorum} {}\nquorum {GROUP}\n", names.join(" "));
    let policy = Policy::parse(text.as_bytes())?;
    // A witness under two names is one witness, and a ledger is no witness of its own.
    let mut known: Vec<&Verifier> = vec![log];
    for witness in policy.witnesses() {
        if known.iter().any(|one| one.is_same_key(&witness.verifier)) {
            return Err(cannot("two of them, or one and the ledger itself, have the same key"));
        }
        known.push(&witness.verifier);
    }
    Ok(policy)
}
