//! The register of requests: what a recipient has asked about persons who are named, counted together over all programs that
//! it takes part in (floor F4).
//!
//! A recipient has one, and the schedule of each of its programs names the folder. It is a ledger of its own, so that nothing
//! can be taken out of it unseen; each program's ledger names its key and the matter's number, and an audit holds the two
//! against each other. It says how many persons were asked about and when, from which program's ledger, and by whom under a
//! keyed digest; it says nothing about those persons.
//!
//! Whoever counts holds it until the request is entered: no two requests are both counted without the other.

use crate::event::Event;
use crate::node::{Node, Places, kept_secret, open_ledger};
use crate::program::Program;
use crate::{Error, clock, summary};
use agreement::{OfficerId, PartyId};
use casework::{AskedSoFar, Entered, Store as _};
use jiff::Timestamp;
use ledger::{Commitments, Disk, Log};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// How often a register that another program holds is tried again, and how long it is waited for between.
const TRIES: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(50);

/// A recipient's register of requests, held by one who counts.
pub struct Register {
    log: Log<Disk>,
    places: Places,
    key: String,
    secret: [u8; 32],
    matters: BTreeMap<u64, Matter>,
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("key", &self.key).finish_non_exhaustive()
    }
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
        match &program.schedule.requests {
            Some(folder) => Ok(Places::under(program.folder.join(folder))),
            None if program.agreement().demonstration => {
                Ok(Places::under(places.root().join("requests")))
            }
            None => Err(Error::NoRegister { recipient: program.recipient()?.0.to_string() }),
        }
    }

    /// Begins a program's register, where there is none.
    ///
    /// # Errors
    /// There is one, or it cannot be written.
    pub async fn begin(program: &Program, places: &Places) -> Result<Register, Error> {
        let place = Register::place(program, places)?;
        if place.ledger_key().exists() || place.ledger().exists() {
            return Err(Error::ThereAlready { path: place.root().to_owned() });
        }
        Register::at(place, program.recipient()?.0).await
    }

    /// Opens a program's register, and waits a little for whoever holds it. It never begins one: that counts anew. A
    /// demonstration's begins by itself.
    ///
    /// # Errors
    /// It was not begun, is another recipient's, is held by others, or cannot be read.
    pub async fn open(program: &Program, places: &Places) -> Result<Register, Error> {
        let place = Register::place(program, places)?;
        let may_begin = program.schedule.requests.is_none();
        if !may_begin && !place.ledger().join("checkpoint").exists() {
            return Err(Error::RegisterNotBegun { path: place.root().to_owned() });
        }
        Register::at(place, program.recipient()?.0).await
    }

    async fn at(places: Places, recipient: &PartyId) -> Result<Register, Error> {
        let origin = format!("{recipient}.comity.example/requests");
        let mut tries = 0;
        let log = loop {
            match open_ledger(&places, &origin, false) {
                Err(Error::Ledger(ledger::Error::InUse { .. })) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(BETWEEN).await;
                }
                opened => break opened?,
            }
        };
        if log.origin().as_str() != origin {
            return Err(Error::OtherNode {
                path: places.root().to_owned(),
                found: log.origin().to_string(),
                wanted: origin,
            });
        }
        let secret = kept_secret(
            &places.root().join("keys").join("officers.secret"),
            "officers.secret of the register",
        )?;
        let key = crate::program::read(&places.ledger_key())?.trim().to_owned();
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
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns where it lies.
    pub fn folder(&self) -> PathBuf {
        self.places.root().to_owned()
    }

    /// Returns what was asked, by the number of the matter.
    pub fn matters(&self) -> &BTreeMap<u64, Matter> {
        &self.matters
    }

    /// Counts persons asked about since an instant, whoever asked, and an officer's open matters.
    ///
    /// # Errors
    /// The officer's id cannot be digested.
    pub fn so_far(&self, officer: &OfficerId, since: Timestamp) -> Result<AskedSoFar, Error> {
        let officer = self.mark(officer)?;
        let recent = self.matters.values().filter(|matter| matter.second >= since.as_second());
        let persons = recent.fold(0_u64, |sum, matter| sum.saturating_add(matter.persons));
        let open = self.matters.values().filter(|one| one.is_open && one.officer == officer);
        Ok(AskedSoFar { persons, open_matters: open.count() as u64 })
    }

    /// Enters a request, and lets the register go.
    ///
    /// # Errors
    /// It cannot be written.
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
        Ok(Entered { register: self.key, matter })
    }

    /// Closes what this node's ledger opened and is over, as its case store says.
    ///
    /// Only whoever has the node's ledger may say so: a request is entered before the store knows of it.
    ///
    /// # Errors
    /// It cannot be written, or the store cannot be read.
    pub async fn follow(&mut self, node: &Node) -> Result<(), Error> {
        let open = node.store.open_matters().await?;
        let own = ledger_of(node)?;
        let over: Vec<u64> = (self.matters.iter())
            .filter(|(index, matter)| {
                matter.is_open && matter.ledger == own && !open.contains(index)
            })
            .map(|(index, _)| *index)
            .collect();
        for matter in over {
            self.append(&Event::MatterClosed { matter }, node.now())?;
        }
        Ok(())
    }

    fn append(&mut self, event: &Event, now: Timestamp) -> Result<u64, Error> {
        // The clocks of two machines differ by a little: no entry is dated before the last.
        let at = self.log.last_at().map_or(now, |last| last.max(now));
        let leaf = event.to_leaf(at, Commitments::new(), clock::random()?)?;
        let index = self.log.append_one(&leaf)?.index();
        let mut matters = Matters(std::mem::take(&mut self.matters));
        let taken = matters.take(index, event);
        self.matters = matters.0;
        taken.map(|()| index).ok_or(Error::UnspeakableEvent)
    }

    /// Marks an officer so that matters of one can be counted, and nobody else can tell whose they are.
    fn mark(&self, officer: &OfficerId) -> Result<String, Error> {
        let mut mark = String::new();
        for byte in summary::keyed(&self.secret, "officer", officer)? {
            // Writing to a string can't fail.
            let _ = write!(mark, "{byte:02x}");
        }
        Ok(mark)
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
            _ => None,
        }
    }
}

/// Tells a program's register what is over, if it has entered anything there. One that others hold is told another time.
///
/// # Errors
/// The register or the store cannot be read, or the register cannot be written.
pub async fn tell(program: &Program, node: &Node) -> Result<(), Error> {
    if node.ledger_fault().is_some() {
        return Ok(());
    }
    let runs = node.store.runs().await?;
    let entered: BTreeSet<u64> =
        runs.iter().filter_map(|run| Some(run.asked()?.entered?.matter)).collect();
    if entered.is_empty() {
        return Ok(());
    }
    match Register::open(program, &node.places).await {
        Err(Error::Ledger(ledger::Error::InUse { .. })) => Ok(()),
        opened => opened?.follow(node).await,
    }
}

/// Returns the public key of a node's ledger.
fn ledger_of(node: &Node) -> Result<String, Error> {
    Ok(crate::program::read(&node.places.ledger_key())?.trim().to_owned())
}
