//! One agency's node for one program: the case store, the ledger, the gate and the clock, and the two deeds that
//! everything else is made of: deciding, and recording.
//!
//! Whatever is decided is recorded before anybody acts on it. When the ledger cannot be written the answer is a refusal
//! (floor F9), and that refusal is recorded once it can be.

use crate::clock::{self, Clock};
use crate::event::{Decided, Event};
use crate::{Error, outbox, report};
use agreement::{Decision, Environment, Filed, Gate, Permit, Refusal, Request, Stay};
use casework::{Sqlite, StaysState, Store};
use jiff::Timestamp;
use ledger::{Commitments, Disk, Leaf, Log, Name, Recorded, Signer};
use std::fs;
use std::path::{Path, PathBuf};

/// Where a node keeps what it keeps.
#[derive(Clone, Debug)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// Names the places under a folder.
    pub fn under(root: impl Into<PathBuf>) -> Places {
        Places { root: root.into() }
    }

    /// Returns the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the ledger's folder: nothing but the ledger, so that any tool for its format can read it.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// Returns the anchor's folder, best put on another disk, and never restored from a backup.
    pub fn anchor(&self) -> PathBuf {
        self.root.join("anchor")
    }

    /// Returns the ledger's public key.
    pub fn ledger_key(&self) -> PathBuf {
        self.root.join("ledger.vkey")
    }

    /// Returns the ledger's secret key.
    pub fn ledger_secret(&self) -> PathBuf {
        self.root.join("keys").join("ledger.secret")
    }

    /// Returns the case store.
    pub fn casework(&self) -> PathBuf {
        self.root.join("casework.sqlite")
    }

    /// Returns the report of a run.
    pub fn report(&self, run: &str) -> PathBuf {
        self.root.join(format!("report-{run}.html"))
    }
}

/// A node at work.
#[derive(Debug)]
pub struct Node {
    /// Where it keeps what it keeps.
    pub places: Places,
    /// Leads, judgements, disclosures, the outbox.
    pub store: Sqlite,
    /// The rules.
    pub gate: Gate,
    /// Names pairs across cycles, and draws lots; never leaves the node.
    pub(crate) pair_secret: [u8; 32],
    clock: Clock,
    ledger: Result<Log<Disk>, String>,
    decisions: Vec<report::Decision>,
}

/// What came of asking the gate.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum Answer {
    /// The permit, and where the ledger holds it.
    Permitted(Box<Permit>, u64),
    /// The refusal, recorded if the ledger could be written.
    Refused(Refusal),
}

impl Node {
    /// Opens a node, making what is not there yet. A ledger that cannot be opened for writing does not stop it: the
    /// gate will refuse, and say why.
    ///
    /// # Errors
    /// The case store cannot be opened, or the clock stands before the ledger's last entry.
    pub async fn open(
        places: Places,
        gate: Gate,
        clock: Clock,
        environment: Environment,
        origin: &str,
    ) -> Result<Node, Error> {
        let root = places.root().to_owned();
        fs::create_dir_all(&root).map_err(|source| Error::CannotWrite { path: root, source })?;
        let store = Sqlite::open(&places.casework()).await?;
        let ledger = open_ledger(&places, origin);
        if let Ok(log) = &ledger
            && let (now, Some(last)) = (clock.now(), log.last_at())
            && now < last
        {
            return Err(Error::ClockSetBack { now, last });
        }
        let ledger = ledger.map_err(|error| error.chain());
        let pair_secret = store.pair_secret(&environment.to_string(), clock::random()?).await?;
        Ok(Node { places, store, gate, pair_secret, clock, ledger, decisions: Vec::new() })
    }

    /// Returns what time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns what the gate was asked since the node was opened, and what it answered.
    pub fn decisions(&self) -> &[report::Decision] {
        &self.decisions
    }

    /// Returns what is filed about an agreement with the stays that are recorded here.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn with_stays(&self, filed: &Filed) -> Result<Filed, Error> {
        let mut filed = filed.clone();
        filed.stays = self.stays().await?.1;
        Ok(filed)
    }

    /// Returns why the ledger cannot be written, if it cannot.
    pub fn ledger_fault(&self) -> Option<&str> {
        self.ledger.as_ref().err().map(String::as_str)
    }

    /// Returns the ledger's checkpoint: origin, size and root.
    pub fn checkpoint(&self) -> Option<&ledger::Checkpoint> {
        self.ledger.as_ref().ok().map(Log::checkpoint)
    }

    /// Asks the gate, and records its answer before giving it.
    ///
    /// # Errors
    /// The case store cannot be written, so that not even a refusal could be kept.
    pub async fn decide(&mut self, mut request: Request, filed: &Filed) -> Result<Answer, Error> {
        let now = self.now();
        // What an earlier interruption left waiting goes first; if that fails, so would this decision's entry.
        request.ledger_writable = self.drain().await.is_ok();
        let decision = self.gate.decide(&request, filed, now);
        let event = decided(&self.gate, &decision, &request, filed, now);
        self.decisions.push(told(&decision));
        match decision {
            Decision::Permit(permit) => match self.record(&[event]).await {
                Ok(recorded) => {
                    let index = recorded.first().map_or(0, Recorded::index);
                    Ok(Answer::Permitted(Box::new(permit), index))
                }
                Err(_) => self.refuse_unrecorded(request, filed, now).await,
            },
            Decision::Refusal(refusal) => {
                self.note(&[event]).await?;
                // Recorded once it can be: what cannot be drained now goes on waiting.
                let _ = self.drain().await;
                Ok(Answer::Refused(refusal))
            }
        }
    }

    /// The ledger failed between the decision and its entry: the permit is dropped, and the answer is a refusal.
    async fn refuse_unrecorded(
        &mut self,
        mut request: Request,
        filed: &Filed,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        request.ledger_writable = false;
        let decision = self.gate.decide(&request, filed, now);
        let event = decided(&self.gate, &decision, &request, filed, now);
        self.note(&[event]).await?;
        match decision {
            Decision::Refusal(refusal) => Ok(Answer::Refused(refusal)),
            // INVARIANT: the floor refuses every act while the ledger cannot be written; were a policy set ever to
            // permit one, it would still not be acted on.
            Decision::Permit(_) => Err(Error::OtherPermit),
        }
    }

    /// Records events, and returns the evidence for each.
    ///
    /// # Errors
    /// The store or the ledger cannot be written. What reached the outbox is recorded once the ledger can be.
    pub async fn record(&mut self, events: &[Event]) -> Result<Vec<Recorded>, Error> {
        self.note(events).await?;
        let mut recorded = self.drain().await?;
        let mine = recorded.split_off(recorded.len().saturating_sub(events.len()));
        Ok(mine)
    }

    /// Makes the leaves of events, for a change of state that stores them in its own transaction.
    ///
    /// # Errors
    /// An event is larger than an entry may be, or there is no randomness.
    pub fn leaves(&self, events: &[Event]) -> Result<Vec<Vec<u8>>, Error> {
        events
            .iter()
            .map(|event| Ok(self.leaf(event, Commitments::new())?.as_bytes().to_vec()))
            .collect()
    }

    /// Makes the leaf of one event with commitments.
    ///
    /// # Errors
    /// As [`Node::leaves`].
    pub fn leaf(&self, event: &Event, commitments: Commitments) -> Result<Leaf, Error> {
        event.to_leaf(self.now(), commitments, clock::random()?)
    }

    /// Returns a short random mark, to tell two things of one second apart.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn mark(&self) -> Result<String, Error> {
        let [a, b, c, d, ..] = clock::random()?;
        Ok(format!("{a:02x}{b:02x}{c:02x}{d:02x}"))
    }

    /// Brings what waits in the outbox to the ledger.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn drain(&mut self) -> Result<Vec<Recorded>, Error> {
        match &mut self.ledger {
            Ok(log) => {
                let recorded = outbox::drain(&self.store, log).await?;
                Ok(recorded.into_iter().map(|(_, evidence)| evidence).collect())
            }
            Err(why) => Err(Error::NoLedger { why: why.clone() }),
        }
    }

    /// Finds the evidence for a leaf that the ledger already holds.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn find(&self, leaf: &Leaf) -> Result<Option<Recorded>, Error> {
        let Ok(log) = &self.ledger else {
            return Ok(None);
        };
        for index in (0..log.size()).rev() {
            if let Some(evidence) = log.recorded(index, leaf)? {
                return Ok(Some(evidence));
            }
        }
        Ok(None)
    }

    /// Looks up the stays as they are now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn stays(&self) -> Result<(StaysState, Vec<Stay>), Error> {
        look_up_stays(&self.store).await
    }

    async fn note(&self, events: &[Event]) -> Result<(), Error> {
        Ok(self.store.note(&self.leaves(events)?).await?)
    }
}

/// Looks up the stays that a store holds.
///
/// # Errors
/// The store cannot be read.
pub async fn look_up_stays<S: Store>(store: &S) -> Result<(StaysState, Vec<Stay>), Error> {
    let (state, recorded) = store.stays().await?;
    let stays = recorded
        .iter()
        .map(|stay| {
            serde_json::from_str(&stay.stay).map_err(|_| Error::OldSummary { what: "stay" })
        })
        .collect::<Result<_, _>>()?;
    Ok((state, stays))
}

/// Opens the ledger, or begins it where there is none; a key that is missing where a ledger is never begins another.
fn open_ledger(places: &Places, origin: &str) -> Result<Log<Disk>, Error> {
    let secret = places.ledger_secret();
    let exists = places.ledger().join("checkpoint").exists();
    if !secret.exists() && !exists {
        let signer = Signer::from_random(Name::new(origin)?, clock::random()?);
        write_secret(&secret, &signer.to_secret_text())?;
        let key = places.ledger_key();
        fs::write(&key, format!("{}\n", signer.verifier()))
            .map_err(|source| Error::CannotWrite { path: key, source })?;
    }
    let text =
        fs::read_to_string(&secret).map_err(|source| Error::CannotRead { path: secret, source })?;
    let signer = Signer::parse(text.trim())?;
    if exists {
        Ok(Log::open(Disk::open(places.ledger())?, Disk::open(places.anchor())?, signer)?)
    } else {
        // If we crash between the two creations, the folders are empty and this is done again.
        Ok(Log::create(Disk::create(places.ledger())?, Disk::create(places.anchor())?, signer)?)
    }
}

/// Writes a secret so that only its owner can read it.
///
/// # Errors
/// The file exists already or cannot be written.
pub fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::ThereAlready { path: path.to_owned() },
        _ => cannot(source),
    })?;
    writeln!(file, "{}", text.trim_end()).map_err(cannot)?;
    file.sync_all().map_err(cannot)
}

/// Puts a decision as the report shows it.
fn told(decision: &Decision) -> report::Decision {
    let grounds = decision.grounds();
    report::Decision {
        when: grounds.now.to_string(),
        act: grounds.act.to_string(),
        party: grounds.party.to_string(),
        outcome: match decision {
            Decision::Permit(_) => report::Outcome::Permit,
            Decision::Refusal(refusal) => report::Outcome::Refusal(
                refusal
                    .reasons
                    .iter()
                    .map(|reason| report::Reason {
                        id: reason.id.clone(),
                        reason: reason.detail.clone().map_or_else(
                            || reason.reason.clone(),
                            |detail| format!("{} ({detail})", reason.reason),
                        ),
                        cite: reason.cite.clone(),
                        remedy: reason.remedy.clone(),
                    })
                    .collect(),
            ),
        },
    }
}

/// Puts a decision into words that let anybody decide it again.
fn decided(
    gate: &Gate,
    decision: &Decision,
    request: &Request,
    filed: &Filed,
    now: Timestamp,
) -> Event {
    let grounds = decision.grounds();
    let given = gate.facts(request, filed, now).ok();
    let given = given
        .and_then(|facts| serde_json_canonicalizer::to_string(&facts).ok())
        .unwrap_or_default();
    let told = |ends: String| Decided {
        act: grounds.act.to_string(),
        party: grounds.party.to_string(),
        purpose: grounds.purpose.to_string(),
        agreement: grounds.agreement.map(|digest| digest.to_string()).unwrap_or_default(),
        packs: grounds
            .packs
            .iter()
            .map(|pack| format!("{} {} {}", pack.id, pack.version, pack.digest))
            .collect(),
        rules: grounds.rules.clone(),
        given,
        ends,
    };
    match decision {
        Decision::Permit(permit) => Event::Permitted(told(permit.ends().to_string())),
        Decision::Refusal(_) => Event::Refused(told(String::new())),
    }
}
