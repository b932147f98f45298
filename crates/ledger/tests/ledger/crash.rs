//! A program that appends until something stops it, and an observer that knows what it has acknowledged.
//!
//! The program is this test program, started again to run [`appends_until_it_is_stopped`] alone. It tells each
//! acknowledged entry on its output, with the checkpoint it is under. Whatever stopped it, the observer then opens
//! the ledger as the next start would, without any help, and holds it to all that was ever told.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::Path,
    process::Command,
    sync::Mutex,
    thread,
    time::Duration,
};

use ledger::{Checkpoint, Disk, Error, Hash, Log, Origin, Outcome, Pace, Sequencer, Sqlite, Store};

use crate::{leaf, signer, verifier};

const PLACE: &str = "COMITY_LEDGER_CRASH_PLACE";
const KIND: &str = "COMITY_LEDGER_CRASH_KIND";
const HOW: &str = "COMITY_LEDGER_CRASH_HOW";

/// A store whose kind is chosen when the test runs.
pub(crate) type AnyStore = Box<dyn Store + Send + Sync>;

/// Where a ledger of a crash test is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Kind {
    Folder,
    Sqlite,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Folder, Self::Sqlite];

    fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Sqlite => "sqlite",
        }
    }

    pub(crate) fn open(self, place: &Path, name: &str) -> Result<AnyStore, Error> {
        // A test beside this one that starts a program holds copies of our locks for a moment, between its fork and
        // its exec.
        for _ in 0..500 {
            match self.open_once(place, name) {
                Err(Error::InUse { .. }) => thread::sleep(Duration::from_millis(10)),
                other => return other,
            }
        }
        self.open_once(place, name)
    }

    fn open_once(self, place: &Path, name: &str) -> Result<AnyStore, Error> {
        Ok(match self {
            Self::Folder => Box::new(Disk::create(place.join(name))?),
            Self::Sqlite => Box::new(Sqlite::open(place.join(format!("{name}.sqlite")))?),
        })
    }

    /// Opens or begins the ledger, as a program would that knows from its own configuration that it may begin one.
    pub(crate) fn start(self, place: &Path) -> Result<Log<AnyStore>, Error> {
        let open = |name| self.open(place, name);
        match Log::create(open("ledger")?, open("anchor")?, signer()) {
            Err(Error::LedgerExists { .. }) => {
                Log::open(open("ledger")?, open("anchor")?, signer())
            }
            other => other,
        }
    }
}

/// How the program appends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum How {
    /// Four threads through a sequencer, for ever.
    Together,
    /// One thread, a few groups of different sizes, and then it ends.
    Alone,
}

/// The command that starts the program.
pub(crate) fn program(kind: Kind, how: How, place: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    told(&mut command, kind, how, place);
    command
}

/// Tells a command that leads to the program what to do.
pub(crate) fn told(command: &mut Command, kind: Kind, how: How, place: &Path) {
    command
        .args(["--exact", "crash::appends_until_it_is_stopped", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .env(KIND, kind.name())
        .env(HOW, if how == How::Alone { "alone" } else { "together" });
}

#[test]
fn appends_until_it_is_stopped() {
    // In an ordinary run of the tests there is no place given, and nothing to do.
    let Some(place) = env::var_os(PLACE) else {
        return;
    };
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind.name().into()) == env::var_os(KIND));
    let log = kind.unwrap().start(Path::new(&place)).unwrap();
    if env::var(HOW).unwrap() == "alone" { append_alone(log) } else { append_together(log) }
}

fn tell(index: u64, leaf: &Hash, checkpoint: &Checkpoint) {
    let mut out = std::io::stdout().lock();
    let Checkpoint { size, root, .. } = checkpoint;
    // One write, so that no line is told in part.
    out.write_all(format!("acknowledged {index} {leaf} {size} {root}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn append_alone(mut log: Log<AnyStore>) {
    // Within a tile, to its end, over it.
    for group in [1, 2, 250, 3, 1, 5] {
        let size = log.size();
        let leaves: Vec<_> = (size..size + group).map(leaf).collect();
        let recorded = log.append(&leaves).unwrap();
        let last = recorded.last().unwrap();
        tell(last.index(), last.leaf_hash(), log.checkpoint());
    }
}

fn append_together(log: Log<AnyStore>) {
    let next = Mutex::new(log.size());
    let sequencer = Sequencer::start(log, Pace::default());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next
                    };
                    let written = sequencer.append(leaf(number)).unwrap();
                    let signed = sequencer.signed_checkpoint();
                    let checkpoint = Checkpoint::open(&signed, &verifier()).unwrap();
                    tell(written.recorded.index(), written.recorded.leaf_hash(), &checkpoint);
                }
            });
        }
    });
}

/// What the program has told so far, and what it may therefore never take back.
#[derive(Default)]
pub(crate) struct Observer {
    pub(crate) acknowledged: Vec<(u64, String)>,
    held: Vec<Checkpoint>,
}

impl Observer {
    /// Listens until the program is gone.
    pub(crate) fn listen(&mut self, out: impl Read) {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            self.hear(&line);
        }
    }

    /// Hears one line of the program's output.
    pub(crate) fn hear(&mut self, line: &str) {
        // The test harness writes on the same line first.
        let Some((_, told)) = line.rsplit_once("acknowledged ") else {
            return;
        };
        let told: Vec<_> = told.split(' ').collect();
        let [index, leaf, size, root] = told[..] else {
            return;
        };
        let text = format!("{}\n{size}\n{root}\n", Origin::from(verifier().name()));
        let Ok(checkpoint) = Checkpoint::parse(&text) else {
            return;
        };
        self.acknowledged.push((index.parse().unwrap(), leaf.to_owned()));
        if self.held.last().is_none_or(|last| last.size < checkpoint.size) {
            self.held.push(checkpoint);
        }
    }

    /// Opens the ledger as the next start would and holds it to all that was told. Returns its size.
    pub(crate) fn hold(&mut self, kind: Kind, place: &Path, case: &str) -> u64 {
        let log = kind.start(place).unwrap_or_else(|error| panic!("{case}: {error}: {error:?}"));
        let last = self.acknowledged.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        assert!(log.size() >= last, "{case}: {} entries, acknowledged {last}", log.size());
        let told: BTreeMap<u64, &String> =
            self.acknowledged.iter().map(|(index, leaf)| (*index, leaf)).collect();
        let mut found = 0;
        let outcome = ledger::audit(log.files(), &verifier(), &self.held, |index, entry| {
            if let Some(leaf) = told.get(&index) {
                assert_eq!(entry.to_leaf().unwrap().hash().to_string(), **leaf, "{case}: {index}");
                found += 1;
            }
        });
        let Outcome::Sound(audit) = outcome.unwrap() else {
            panic!("{case}: the ledger is not sound");
        };
        assert_eq!(found, told.len(), "{case}");
        assert_eq!(audit.verified.held, self.held.len() as u64, "{case}: a fork");
        assert_eq!(audit.size, log.size());
        self.held.push(log.checkpoint().clone());
        self.held.dedup();
        log.size()
    }
}
