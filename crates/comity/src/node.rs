//! One agency's node for one program: the case store, the ledger, the gate and the clock, and the two deeds that
//! everything else is made of: deciding, and recording.
//!
//! Whatever is decided is recorded before anybody acts on it. When the ledger cannot be written the answer is a refusal
//! (floor F9), and that refusal is recorded once it can be.

use crate::clock::{self, Clock, TOLERANCE_SECONDS};
use crate::event::{Decided, Event};
use crate::program::Program;
use crate::quorum::Quorum;
use crate::{Error, outbox, report};
use agreement::{
    CaseRequest, Decision, Environment, Facts, Filed, Gate, Permit, Refusal, Request, Stay,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use casework::{Database, Drafts, Keeper, RecordedStay, Sqlite, StaysState, Store, Vault};
use jiff::Timestamp;
use ledger::{Commitments, Disk, Leaf, Log, Name, Recorded, Signer, Verifier};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_rustls::rustls::ClientConfig;

/// Where a node keeps what it keeps.
#[derive(Clone)]
pub struct Places {
    root: PathBuf,
    server: Option<String>,
    keeper: Option<Keeper>,
}

impl Places {
    /// Names the places under a folder.
    pub fn under(root: impl Into<PathBuf>) -> Places {
        Places { root: root.into(), server: None, keeper: None }
    }

    /// Keeps the case store on the PostgreSQL server that a URL leads to, in place of a file in the folder.
    #[must_use]
    pub fn on_server(mut self, url: impl Into<String>) -> Places {
        self.server = Some(url.into());
        self
    }

    /// Has somebody else keep the key that wraps the case store's keys, in place of a file in the folder.
    #[must_use]
    pub fn kept_by(mut self, keeper: Keeper) -> Places {
        self.keeper = Some(keeper);
        self
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

    /// Returns the accounts of officers: apart from the cases, so that a copy of those lets nobody in.
    pub fn accounts(&self) -> PathBuf {
        self.root.join("accounts.sqlite")
    }

    /// Returns the folder of the case store's keys. No backup of the store holds them.
    pub fn casework_keys(&self) -> PathBuf {
        self.root.join("keys").join("casework")
    }

    /// Returns the URL of the server that keeps the case store, if one does.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Says whether there may be a case store: its file is there, or it is a server's to say.
    pub fn has_store(&self) -> bool {
        self.server.is_some() || self.casework().exists()
    }

    /// Opens the vault, making its keys if there are none yet.
    ///
    /// # Errors
    /// The keys cannot be read or written.
    pub fn open_vault(&self) -> Result<Vault, Error> {
        make_private(&self.root)?;
        let folder = self.casework_keys();
        let keeper = self.keeper.clone().unwrap_or_else(|| Keeper::File(folder.join("key")));
        let random = || clock::random().map_err(|error| error.to_string());
        Ok(Vault::open(&folder, keeper, random)?)
    }

    /// Opens the case store, making it if it is not there yet.
    ///
    /// # Errors
    /// It cannot be opened, or its keys cannot.
    pub async fn open_store(&self) -> Result<Database, Error> {
        let vault = self.open_vault()?;
        Ok(match &self.server {
            Some(url) => Database::open(url, vault).await?,
            None => Database::Sqlite(Sqlite::open(&self.casework(), vault).await?),
        })
    }

    /// Returns the report of a run.
    pub fn report(&self, run: &str) -> PathBuf {
        self.root.join(format!("report-{run}.html"))
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A server's URL may hold a password.
        f.debug_struct("Places").field("root", &self.root).finish_non_exhaustive()
    }
}

/// A node at work.
#[derive(Debug)]
pub struct Node {
    /// Where it keeps what it keeps.
    pub places: Places,
    /// Leads, judgements, disclosures, the outbox.
    pub store: Database,
    /// The rules.
    pub gate: Gate,
    /// Names pairs across cycles, and draws lots; never leaves the node.
    pub(crate) pair_secret: [u8; 32],
    environment: Environment,
    clock: Clock,
    ledger: Result<Log<Disk>, String>,
    /// Why the ledger could last not be written although it is open.
    fault: Option<String>,
    /// Whether it could last be written: for those who act on cases while it is drained.
    writable: Arc<AtomicBool>,
    decisions: Vec<report::Decision>,
    /// How witnesses are asked whose addresses are encrypted.
    witness_tls: Option<Arc<ClientConfig>>,
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
        let store = Box::pin(places.open_store()).await?;
        let begun = store.last_acknowledged().await?.is_some();
        let ledger = open_ledger(&places, origin, begun);
        // What lies here was obtained by the party whose ledger this is, and nobody else reads it (floor F4, F10).
        if let Ok(log) = &ledger
            && log.origin().as_str() != origin
        {
            return Err(Error::OtherNode {
                path: places.root().to_owned(),
                found: log.origin().to_string(),
                wanted: origin.to_owned(),
            });
        }
        // An entry is never dated before the last one: a clock that stands a little back is stamped as of that one.
        let last =
            store.last_second().await?.and_then(|second| Timestamp::from_second(second).ok());
        let now = clock.now();
        let is_before = |last: &Timestamp| now.as_second() + TOLERANCE_SECONDS < last.as_second();
        if let Some(last) = last.filter(is_before) {
            return Err(Error::ClockSetBack { now, last });
        }
        let ledger = ledger.map_err(|error| error.chain());
        let pair_secret = store.pair_secret(&environment.to_string(), clock::random()?).await?;
        let decisions = Vec::new();
        let fault = None;
        let writable = Arc::new(AtomicBool::new(ledger.is_ok()));
        Ok(Node {
            places,
            store,
            gate,
            pair_secret,
            environment,
            clock,
            ledger,
            fault,
            writable,
            decisions,
            witness_tls: None,
        })
    }

    /// Sets how witnesses are asked whose addresses are encrypted.
    pub fn ask_witnesses_over(&mut self, tls: Option<Arc<ClientConfig>>) {
        self.witness_tls = tls;
    }

    /// Returns how witnesses are asked whose addresses are encrypted.
    pub(crate) fn witness_tls(&self) -> Option<Arc<ClientConfig>> {
        self.witness_tls.clone()
    }

    /// Returns the quorum of witnesses that a program's releases wait for on this node's ledger, if for any.
    pub(crate) fn quorum(&self, program: &Program) -> Result<Option<Quorum>, Error> {
        if program.agreement().witnesses.is_none() {
            return Ok(None);
        }
        let key = crate::program::read(&self.places.ledger_key())?;
        let log = Verifier::parse(key.trim())?;
        Quorum::of(program.agreement(), &program.schedule, &log)
    }

    /// Returns what time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
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

    /// Returns the environment that it runs in.
    pub(crate) fn environment(&self) -> Environment {
        self.environment
    }

    /// Returns the flag that says whether the ledger could last be written.
    pub(crate) fn ledger_writable(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.writable)
    }

    /// Returns why the ledger cannot be written, if it cannot.
    pub fn ledger_fault(&self) -> Option<&str> {
        self.ledger.as_ref().err().or(self.fault.as_ref()).map(String::as_str)
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
        request.environment = self.environment;
        self.answer(|gate, ledger_writable| {
            let request = Request { ledger_writable, ..request.clone() };
            let decision = gate.decide(&request, filed, now);
            let event = decided(&decision, gate.facts(&request, filed, now).ok().as_ref());
            (decision, event)
        })
        .await
    }

    /// Asks the gate for an act about cases or what surrounds them, and records its answer before giving it.
    ///
    /// # Errors
    /// As [`Node::decide`].
    pub async fn decide_case(
        &mut self,
        mut request: CaseRequest,
        filed: &Filed,
    ) -> Result<Answer, Error> {
        let now = self.now();
        request.environment = self.environment;
        self.answer(|gate, ledger_writable| {
            let request = CaseRequest { ledger_writable, ..request.clone() };
            let (decision, given) = gate.decide_case_with_facts(&request, filed, now);
            let event = decided(&decision, given.as_ref());
            (decision, event)
        })
        .await
    }

    /// Has something decided, told whether the ledger can be written, and records the answer before giving it.
    async fn answer(
        &mut self,
        decide: impl Fn(&Gate, bool) -> (Decision, Event),
    ) -> Result<Answer, Error> {
        // What an earlier interruption left waiting goes first; if that fails, so would this decision's entry.
        let drained = self.drain().await;
        let writable = drained.is_ok();
        self.fault = drained.err().map(|error| error.chain());
        let (decision, event) = decide(&self.gate, writable);
        self.decisions.push(told(&decision));
        match decision {
            Decision::Permit(permit) => match self.record(vec![event]).await {
                Ok(recorded) => {
                    let index = recorded.first().map_or(0, Recorded::index);
                    Ok(Answer::Permitted(Box::new(permit), index))
                }
                Err(
                    error
                    @ (Error::Ledger(_) | Error::NoLedger { .. } | Error::ForeignEntry { .. }),
                ) => {
                    self.fault = Some(error.chain());
                    self.refuse_unrecorded(permit.act().to_string(), decide).await
                }
                Err(error) => Err(error),
            },
            Decision::Refusal(refusal) => {
                self.note(vec![event]).await?;
                // Recorded once it can be: what cannot be drained now goes on waiting.
                let _ = self.drain().await;
                Ok(Answer::Refused(refusal))
            }
        }
    }

    /// The ledger failed between the decision and its entry: the permit is dropped, and the answer is a refusal.
    async fn refuse_unrecorded(
        &mut self,
        act: String,
        decide: impl Fn(&Gate, bool) -> (Decision, Event),
    ) -> Result<Answer, Error> {
        let (decision, event) = decide(&self.gate, false);
        self.decisions.pop();
        self.decisions.push(told(&decision));
        // The permit's line may reach the ledger later: what follows it there says that nobody acted on it.
        self.note(vec![Event::PermitDropped { act }, event]).await?;
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
    pub async fn record(&mut self, events: Vec<Event>) -> Result<Vec<Recorded>, Error> {
        let numbers = self.note(events).await?;
        let drained = self.drain().await?;
        // Another process may have put lines of its own between: each is known by its number.
        let mine = drained.into_iter().filter(|(number, _)| numbers.contains(number));
        Ok(mine.map(|(_, evidence)| evidence).collect())
    }

    /// Drafts events, for a change of state that stores them in its own transaction.
    pub fn drafts(&self, events: Vec<Event>) -> Drafts<'static> {
        self.drafts_with(events.into_iter().map(|event| (event, Commitments::new())).collect())
    }

    /// Drafts events with what they commit to.
    pub fn drafts_with(&self, events: Vec<(Event, Commitments)>) -> Drafts<'static> {
        drafts(self.now(), events)
    }

    /// Brings what waits in the outbox to the ledger.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn drain(&mut self) -> Result<Vec<(i64, Recorded)>, Error> {
        let drained = match &mut self.ledger {
            Ok(log) => outbox::drain(&self.store, log).await,
            Err(why) => Err(Error::NoLedger { why: why.clone() }),
        };
        self.writable.store(drained.is_ok(), Ordering::Release);
        drained
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

    async fn note(&self, events: Vec<Event>) -> Result<Vec<i64>, Error> {
        Ok(self.store.note(&self.drafts(events)).await?)
    }
}

/// Returns a short random mark, to tell two things of one second apart.
///
/// # Errors
/// There is no randomness.
pub(crate) fn mark() -> Result<String, Error> {
    let [a, b, c, d, ..] = clock::random()?;
    Ok(format!("{a:02x}{b:02x}{c:02x}{d:02x}"))
}

/// Drafts events, to be spelled when the store knows their time.
pub(crate) fn drafts(now: Timestamp, events: Vec<(Event, Commitments)>) -> Drafts<'static> {
    Drafts::new(now, move |at| {
        events
            .iter()
            .map(|(event, commitments)| {
                let nonce = clock::random().map_err(|error| error.to_string())?;
                let leaf = event.to_leaf(at, commitments.clone(), nonce);
                leaf.map(|leaf| leaf.as_bytes().to_vec()).map_err(|error| error.chain())
            })
            .collect()
    })
}

/// Makes a folder that its owner alone can enter: what is personal lies in it.
pub(crate) fn make_private(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| Error::CannotWrite { path: folder.to_owned(), source })
}

/// Looks up the stays that a store holds.
///
/// # Errors
/// The store cannot be read.
pub async fn look_up_stays<S: Store>(store: &S) -> Result<(StaysState, Vec<Stay>), Error> {
    let (state, recorded) = store.stays().await?;
    Ok((state, read_stays(&recorded)?))
}

/// Reads stays as they are stored.
///
/// # Errors
/// One is of another version.
pub(crate) fn read_stays(recorded: &[RecordedStay]) -> Result<Vec<Stay>, Error> {
    recorded
        .iter()
        .map(|stay| {
            serde_json::from_str(&stay.stay).map_err(|_| Error::OldSummary { what: "stay" })
        })
        .collect()
}

/// Opens the ledger, or begins it where there is none. A key that is missing where a ledger is, or a ledger that is
/// missing where the store has entries in one, never begins another.
pub(crate) fn open_ledger(places: &Places, origin: &str, begun: bool) -> Result<Log<Disk>, Error> {
    let exists = places.ledger().join("checkpoint").exists();
    if begun && !exists {
        return Err(Error::LedgerGone { path: places.ledger() });
    }
    let signer = ledger_signer(places, origin)?;
    if exists {
        Ok(Log::open(Disk::open(places.ledger())?, Disk::open(places.anchor())?, signer)?)
    } else {
        // If we crash between the two creations, the folders are empty and this is done again.
        Ok(Log::create(Disk::create(places.ledger())?, Disk::create(places.anchor())?, signer)?)
    }
}

/// Returns the key that signs a ledger, and makes it where there is neither key nor ledger yet.
pub(crate) fn ledger_signer(places: &Places, origin: &str) -> Result<Signer, Error> {
    let secret = places.ledger_secret();
    if !secret.exists() && !places.ledger().join("checkpoint").exists() {
        let signer = Signer::from_random(Name::new(origin)?, clock::random()?);
        write_secret(&secret, &signer.to_secret_text())?;
    }
    let text =
        fs::read_to_string(&secret).map_err(|source| Error::CannotRead { path: secret, source })?;
    let signer = Signer::parse(text.trim())?;
    // If we crashed before this was written, it is written now: the public key follows from the secret one.
    let public = places.ledger_key();
    if !public.exists() {
        crate::program::write(&public, &format!("{}\n", signer.verifier()))?;
    }
    Ok(signer)
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
    // It is written beside its place and then linked to it: it is there whole or not at all, and never over another.
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(cannot)?;
    writeln!(file, "{}", text.trim_end()).map_err(cannot)?;
    file.sync_all().map_err(cannot)?;
    let linked = fs::hard_link(&beside, path);
    let _ = fs::remove_file(&beside);
    linked.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::ThereAlready { path: path.to_owned() },
        _ => cannot(source),
    })
}

/// Finds a secret of 32 bytes in a file that its owner alone can read, or makes it.
pub(crate) fn kept_secret(path: &Path, what: &'static str) -> Result<[u8; 32], Error> {
    if !path.exists() {
        write_secret(path, &format!("{}\n", BASE64_URL_SAFE_NO_PAD.encode(clock::random()?)))?;
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(crate::program::read(path)?.trim()).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(Error::OldSummary { what })
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
pub(crate) fn decided(decision: &Decision, given: Option<&Facts>) -> Event {
    let grounds = decision.grounds();
    let given =
        given.and_then(|facts| serde_json_canonicalizer::to_string(facts).ok()).unwrap_or_default();
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
