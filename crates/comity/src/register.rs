//! The register of requests: what a recipient has asked about persons who are named, counted together over all programs that
//! it takes part in (floor F4).
//!
//! A recipient has one, and the schedule of each of its programs names the folder. It is a ledger of its own, so that nothing
//! can be taken out of it unseen; each program's ledger names its key and the matter's number, and an audit holds the two
//! against each other. It says how many persons were asked about and when, from which program's ledger, and by whom under a
//! keyed digest; it says nothing about those persons.
//!
//! Whoever counts holds it until the request is entered: no two requests are both counted without the other.

use crate::clock::TOLERANCE_SECONDS;
use crate::event::Event;
use crate::node::{Node, Places, kept_secret, ledger_signer, open_ledger};
use crate::program::{self, Program};
use crate::{Error, clock, summary};
use agreement::{
    Agreement, Environment, OfficerId, Party, PartyId, Problem, RegisterKey, Schedule,
};
use casework::{AskedSoFar, Entered, Run, Store as _};
use jiff::{SignedDuration, Timestamp};
use ledger::{Commitments, Disk, Log};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a register that another program holds is tried again, and how long it is waited for between.
const TRIES: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(50);

/// How long requests are counted together.
pub const DAYS: i64 = 90;

/// The most persons that a recipient may ask about in that time. The number is the project's own and not a law's; the gate
/// holds to it by `laws/floor/cases.cedar`.
pub const MOST_PERSONS: u64 = 100;

/// The most matters that an officer may have open. This number is the project's own too.
pub const MOST_MATTERS: u64 = 25;

/// Returns the first instant that counts at another one.
pub fn since(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN)
}

/// A recipient's register of requests, held by one who counts.
pub struct Register {
    log: Log<Disk>,
    places: Places,
    key: RegisterKey,
    secret: [u8; 32],
    matters: BTreeMap<u64, Matter>,
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What becomes of a matter that was entered and of which the case store knows nothing: a look-up that was broken off before it
/// began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbegun {
    /// It is closed: the store is known to fit the ledger. Its persons count all the same.
    Close,
    /// It stays open.
    Leave,
}

/// A request as the register has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// The public key of the program's ledger that it was made from (C2SP vkey).
    pub ledger: String,
    /// Who asked, as a keyed digest.
    pub officer: String,
    /// How many persons.
    pub persons: u64,
    /// When, in seconds since 1970 began, in UTC.
    pub second: i64,
    /// Whether the register has not been told that it is over.
    pub is_open: bool,
}

impl Register {
    /// Names where a program's register is. A demonstration, whose people are made up, has its own beside its ledger.
    ///
    /// # Errors
    /// The schedule names none.
    pub fn place(program: &Program, places: &Places) -> Result<Places, Error> {
        let folder = program.schedule.requests.as_ref().map(|folder| program.folder.join(folder));
        match folder {
            Some(folder) => Ok(Places::under(folder)),
            None if program.agreement().demonstration => Ok(beside(places)),
            None => Err(Error::NoRegister { recipient: program.recipient()?.0.to_string() }),
        }
    }

    /// Begins a program's register, where there is none. A demonstration has made the key with its others.
    ///
    /// # Errors
    /// There is one, or was, or it cannot be written.
    pub async fn begin(program: &Program, places: &Places) -> Result<Register, Error> {
        let place = Register::place(program, places)?;
        let (recipient, _) = program.recipient()?;
        let environment = program.agreement().environment;
        if program.agreement().demonstration {
            return Register::begin_at(recipient, environment, place).await;
        }
        Register::begin_for(recipient, environment, place).await
    }

    /// Begins a recipient's register in a place, where there is none: before there is an agreement that names its key. Under a key
    /// that is there it would count anew, and agreements may name that key.
    ///
    /// # Errors
    /// There is one, or was, or a key lies there, or it cannot be written.
    pub async fn begin_for(
        recipient: &PartyId,
        environment: Environment,
        place: Places,
    ) -> Result<Register, Error> {
        let keys = [place.ledger_secret(), place.ledger_key()];
        let key = keys.into_iter().find(|key| key.exists() && !is_begun(&place));
        if let Some(path) = key {
            return Err(Error::RegisterKeyThere { path });
        }
        Register::begin_at(recipient, environment, place).await
    }

    async fn begin_at(
        recipient: &PartyId,
        environment: Environment,
        place: Places,
    ) -> Result<Register, Error> {
        if is_begun(&place) || officers_secret(&place).exists() {
            return Err(Error::ThereAlready { path: place.root().to_owned() });
        }
        Register::at(place, &origin_of(recipient, environment), TRIES).await
    }

    /// Returns the public key of the register that a demonstration will count in, and makes it where there is none: it is thrown
    /// away with the demonstration's other keys.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub(crate) fn key_for_demonstration(
        recipient: &PartyId,
        environment: Environment,
        place: &Places,
    ) -> Result<RegisterKey, Error> {
        let signer = ledger_signer(place, &origin_of(recipient, environment))?;
        Ok(signer.verifier().to_string().parse()?)
    }

    /// Opens a program's register, and waits a little for whoever holds it. It never begins one: that counts anew. A
    /// demonstration's begins by itself.
    ///
    /// # Errors
    /// It was not begun, is another recipient's, is held by others, or cannot be read.
    pub async fn open(program: &Program, places: &Places) -> Result<Register, Error> {
        Register::open_in(program, places, TRIES).await
    }

    /// Opens a program's register as [`Register::open`] does, but begins none, not even a demonstration's.
    ///
    /// # Errors
    /// As [`Register::open`].
    pub async fn open_begun(program: &Program, places: &Places) -> Result<Register, Error> {
        let place = Register::place(program, places)?;
        if !is_begun(&place) {
            return Err(Error::RegisterNotBegun { path: place.root().to_owned() });
        }
        Register::open(program, places).await
    }

    async fn open_in(program: &Program, places: &Places, tries: u32) -> Result<Register, Error> {
        let place = Register::place(program, places)?;
        let begins_by_itself =
            program.schedule.requests.is_none() && !officers_secret(&place).exists();
        if !is_begun(&place) && !begins_by_itself {
            return Err(Error::RegisterNotBegun { path: place.root().to_owned() });
        }
        let (recipient, _) = program.recipient()?;
        let origin = origin_of(recipient, program.agreement().environment);
        Register::at(place, &origin, tries).await
    }

    async fn at(places: Places, origin: &str, mut tries: u32) -> Result<Register, Error> {
        let log = loop {
            match open_ledger(&places, origin, false) {
                Err(Error::Ledger(ledger::Error::InUse { .. })) if tries > 0 => {
                    tries -= 1;
                    tokio::time::sleep(BETWEEN).await;
                }
                opened => break opened?,
            }
        };
        if log.origin().as_str() != origin {
            return Err(Error::OtherNode {
                path: places.root().to_owned(),
                found: log.origin().to_string(),
                wanted: origin.to_owned(),
            });
        }
        let officers = officers_secret(&places);
        if log.size() > 0 && !officers.exists() {
            // Another would make nobody's matters known again.
            return Err(Error::OfficersSecretGone { path: officers });
        }
        let secret = kept_secret(&officers, "officers.secret of the register")?;
        // What lies beside it in a file may be another's: this is the key that signs.
        let key = ledger_signer(&places, origin)?.verifier().to_string().parse()?;
        let mut matters = Matters::default();
        for index in 0..log.size() {
            let event = Event::of(&log.entry(index)?);
            event
                .and_then(|event| matters.take(index, &event))
                .ok_or(Error::OldSummary { what: "register of requests" })?;
        }
        Ok(Register { log, places, key, secret, matters: matters.0 })
    }

    /// Returns its public key (C2SP vkey).
    pub fn key(&self) -> &RegisterKey {
        &self.key
    }

    /// Returns where it lies.
    pub fn folder(&self) -> PathBuf {
        self.places.root().to_owned()
    }

    /// Returns how many entries it has, and the root of its tree.
    pub(crate) fn state(&self) -> (u64, String) {
        let checkpoint = self.log.checkpoint();
        (checkpoint.size, checkpoint.root.to_string())
    }

    /// Returns what was asked, by the number of the matter.
    pub fn matters(&self) -> &BTreeMap<u64, Matter> {
        &self.matters
    }

    /// Counts persons asked about since an instant, whoever asked, and an officer's open matters, over all programs; those of
    /// this node's own count at least as many as its case store says.
    ///
    /// # Errors
    /// The officer's id cannot be digested.
    pub fn so_far(
        &self,
        node: &Node,
        here: AskedSoFar,
        officer: &OfficerId,
        since: Timestamp,
    ) -> Result<AskedSoFar, Error> {
        let (officer, own) = (self.mark(officer)?, ledger_of(node)?);
        let count = |is_own: bool| {
            let matters = self.matters.values().filter(|matter| (matter.ledger == own) == is_own);
            let recent = matters.clone().filter(|matter| matter.second >= since.as_second());
            let persons = recent.fold(0_u64, |sum, matter| sum.saturating_add(matter.persons));
            let open = matters.filter(|matter| matter.is_open && matter.officer == officer);
            AskedSoFar { persons, open_matters: open.count() as u64 }
        };
        let (own, others) = (count(true), count(false));
        Ok(AskedSoFar {
            persons: others.persons.saturating_add(own.persons.max(here.persons)),
            open_matters: others.open_matters + own.open_matters.max(here.open_matters),
        })
    }

    /// Enters a request, and lets the register go.
    ///
    /// # Errors
    /// It cannot be written, or the clock stands before its last entry: what was asked would be counted as older than it is.
    pub fn enter(
        mut self,
        node: &Node,
        officer: &OfficerId,
        persons: u64,
        second: i64,
    ) -> Result<Entered, Error> {
        let event = Event::MatterOpened {
            ledger: ledger_of(node)?,
            officer: self.mark(officer)?,
            persons,
            second,
        };
        let matter = self.append(&event, node.now())?;
        Ok(Entered { register: self.key.into(), matter })
    }

    /// Says that the register holds every request that a node's case store has in it, but for those that are over and count no
    /// more: one that was copied back, or begun anew, would count too few.
    ///
    /// # Errors
    /// It lacks one, or is another register.
    pub async fn hold_to(&self, node: &Node, runs: &[Run]) -> Result<(), Error> {
        let (open, own) = (node.store.open_matters().await?, ledger_of(node)?);
        let since = since(node.now()).as_second();
        for asked in runs.iter().filter_map(Run::asked) {
            let Some(entered) = asked.entered else { continue };
            if asked.second < since && !open.contains(&entered.matter) {
                continue;
            }
            let path = self.folder();
            if entered.register != self.key.as_str() {
                let (found, wanted) = (self.key.to_string(), entered.register);
                return Err(Error::OtherRegister { path, found, wanted });
            }
            let is_there = self.matters.get(&entered.matter).is_some_and(|matter| {
                matter.ledger == own
                    && (matter.persons, matter.second) == (asked.persons, asked.second)
            });
            if !is_there {
                return Err(Error::RegisterBehind { path, matter: entered.matter });
            }
        }
        Ok(())
    }

    /// Closes what this node's ledger opened and is over, as its case store says, and opens what is open again.
    ///
    /// # Errors
    /// It cannot be written, or the store cannot be read.
    pub async fn follow(
        &mut self,
        node: &Node,
        runs: &[Run],
        unbegun: Unbegun,
    ) -> Result<(), Error> {
        let open = node.store.open_matters().await?;
        let own = ledger_of(node)?;
        let known: BTreeSet<u64> =
            runs.iter().filter_map(|run| Some(run.asked()?.entered?.matter)).collect();
        let mut events = Vec::new();
        for (&matter, kept) in self.matters.iter().filter(|(_, kept)| kept.ledger == own) {
            let may_close = known.contains(&matter) || unbegun == Unbegun::Close;
            match (kept.is_open, open.contains(&matter)) {
                (true, false) if may_close => events.push(Event::MatterClosed { matter }),
                (false, true) => events.push(Event::MatterReopened { matter }),
                (true | false, _) => {}
            }
        }
        for event in events {
            self.append(&event, node.now())?;
        }
        Ok(())
    }

    fn append(&mut self, event: &Event, now: Timestamp) -> Result<u64, Error> {
        // The clocks of two machines differ by a little: no entry is dated before the last.
        let last = self.log.last_at().unwrap_or(now);
        if now.as_second() + TOLERANCE_SECONDS < last.as_second() {
            return Err(Error::ClockSetBack { now, last });
        }
        let at = last.max(now);
        let leaf = event.to_leaf(at, Commitments::new(), clock::random()?)?;
        let index = self.log.append_one(&leaf)?.index();
        let mut matters = Matters(std::mem::take(&mut self.matters));
        let taken = matters.take(index, event);
        self.matters = matters.0;
        taken.map(|()| index).ok_or(Error::UnspeakableEvent)
    }

    /// Marks an officer so that matters of one can be counted, and nobody else can tell whose they are.
    fn mark(&self, officer: &OfficerId) -> Result<String, Error> {
        Ok(summary::hex(&summary::keyed(&self.secret, "officer", officer)?))
    }
}

/// What a register's entries come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matters(pub(crate) BTreeMap<u64, Matter>);

impl Matters {
    /// Takes an entry; none if it is no register's, or closes what is not open.
    pub(crate) fn take(&mut self, index: u64, event: &Event) -> Option<()> {
        match event {
            Event::MatterOpened { ledger, officer, persons, second } => {
                let matter = Matter {
                    ledger: ledger.clone(),
                    officer: officer.clone(),
                    persons: *persons,
                    second: *second,
                    is_open: true,
                };
                self.0.insert(index, matter);
                Some(())
            }
            Event::MatterClosed { matter } => {
                let matter = self.0.get_mut(matter).filter(|matter| matter.is_open)?;
                matter.is_open = false;
                Some(())
            }
            Event::MatterReopened { matter } => {
                let matter = self.0.get_mut(matter).filter(|matter| !matter.is_open)?;
                matter.is_open = true;
                Some(())
            }
            _ => None,
        }
    }
}

/// Tells a program's register what is over, if it has entered anything there. One that others hold is told another time.
///
/// # Errors
/// The register or the store cannot be read, or the register cannot be written.
pub async fn tell(program: &Program, node: &mut Node) -> Result<(), Error> {
    let runs = node.store.runs().await?;
    let has_entered = |run: &Run| run.asked().is_some_and(|asked| asked.entered.is_some());
    // Only whoever has the ledger, and a store that fits it, may say what is over.
    if !runs.iter().any(has_entered) || node.drain().await.is_err() {
        return Ok(());
    }
    match Register::open_in(program, &node.places, 0).await {
        Err(Error::Ledger(ledger::Error::InUse { .. })) => Ok(()),
        opened => {
            let mut register = opened?;
            register.hold_to(node, &runs).await?;
            register.follow(node, &runs, Unbegun::Leave).await
        }
    }
}

/// Lists what is wrong between an agreement, as it stands for the recipient whose node this is, its schedule and the register
/// that lies where that says. A demonstration's register is made with its other keys.
pub(crate) fn problems(
    folder: &Path,
    agreement: &Agreement,
    schedule: &Schedule,
    file: &Path,
) -> Vec<Problem> {
    let caseload = agreement.record_sets.iter().find(|set| set.caseload_id.is_some());
    let Some(recipient) = caseload.map(|set| &set.owner).filter(|_| !agreement.demonstration)
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut add = |what: String, remedy: &str| {
        let mut problem = program::problem(file, &what, remedy);
        problem.cite = Some("floor F4".to_owned());
        found.push(problem);
    };
    let origin = origin_of(recipient, agreement.environment);
    if let Some(agreed) = agreement.requests_key().filter(|agreed| agreed.name() != origin) {
        let what = format!(
            "the agreement names the register of requests `{}`, and that of `{recipient}` is called `{origin}`",
            agreed.name()
        );
        add(what, "write the key that `comity register` prints for this recipient");
    }
    let Some(named) = &schedule.requests else { return found };
    let remedy = "write its key into the agreement before it is signed (`requests_key`, with the recipient), as `comity register` \
                  prints it";
    let place = Places::under(folder.join(named));
    let at_hand = match key_in(&place) {
        Ok(at_hand) => at_hand,
        Err(error) => {
            let what = format!("`{}`: {}", place.ledger_key().display(), error.chain());
            add(what, "put the register's public key back, as `comity register` printed it");
            return found;
        }
    };
    match (agreement.requests_key(), at_hand) {
        (None, _) => {
            let what = format!(
                "`requests` names a register, and the agreement names none for `{recipient}`: look-ups are refused"
            );
            add(what, remedy);
        }
        (Some(agreed), Some(at_hand)) if *agreed != at_hand => {
            let what = format!(
                "the register of requests in `{named}` has the key `{at_hand}`, and the agreement names `{agreed}`: look-ups are \
                 refused"
            );
            add(
                what,
                "name the folder of the register that was agreed on; another takes a new agreement",
            );
        }
        (Some(_), _) => {}
    }
    found
}

/// Lists what is wrong between the register that a party names which joins by an annex, and those that others name which join by
/// theirs: a recipient has one, and no two have the same.
pub(crate) fn joining_problems(
    others: &[(PathBuf, Party)],
    party: &Party,
    file: &Path,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let Some(key) = &party.requests_key else { return found };
    for (of, other) in others {
        let Some(theirs) = &other.requests_key else { continue };
        let (what, remedy) = match (other.id == party.id, theirs.is_same(key)) {
            (true, false) => (
                format!("`{}` names another register of requests in `{}`", party.id, of.display()),
                "write one key into all annexes of a recipient: its look-ups are counted together",
            ),
            (false, true) => (
                format!(
                    "`{}` names the register of requests of `{}`, which joins by `{}`",
                    party.id,
                    other.id,
                    of.display()
                ),
                "each recipient counts its look-ups in a register of its own",
            ),
            (true, true) | (false, false) => continue,
        };
        let mut problem = program::problem(file, &what, remedy);
        problem.cite = Some("floor F4".to_owned());
        found.push(problem);
    }
    found
}

/// Names a recipient's register: what is tried out counts apart from what is meant.
pub fn origin_of(recipient: &PartyId, environment: Environment) -> String {
    format!("{recipient}.comity.example/requests-{environment}")
}

/// Returns the public key that lies in a register's place; none where there is none.
pub(crate) fn key_in(place: &Places) -> Result<Option<RegisterKey>, Error> {
    let key = place.ledger_key();
    if !key.exists() {
        return Ok(None);
    }
    Ok(Some(crate::program::read(&key)?.trim().parse()?))
}

/// Returns where the register of a program's folder is, without making anything there; none where the schedule names none.
///
/// # Errors
/// Agreement or schedule cannot be read.
pub(crate) fn place_of(folder: &Path, places: &Places) -> Result<Option<Places>, Error> {
    let (agreement, schedule) = program::read_terms(folder)?;
    Ok(match &schedule.requests {
        Some(named) => Some(Places::under(folder.join(named))),
        None if agreement.demonstration => Some(beside(places)),
        None => None,
    })
}

/// Returns where a demonstration's register is that no schedule names.
pub(crate) fn beside(places: &Places) -> Places {
    Places::under(places.root().join("requests"))
}

/// Says whether a register stands in a place.
fn is_begun(places: &Places) -> bool {
    places.ledger().join("checkpoint").exists()
}

/// Returns where the key lies that officers are marked under. It comes after the register itself, and so shows that one was begun.
pub(crate) fn officers_secret(places: &Places) -> PathBuf {
    places.root().join("keys").join("officers.secret")
}

/// Returns the public key of a node's ledger.
fn ledger_of(node: &Node) -> Result<String, Error> {
    Ok(crate::program::read(&node.places.ledger_key())?.trim().to_owned())
}
