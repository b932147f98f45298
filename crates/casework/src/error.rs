//! What can go wrong with the case store. A refusal is not here: that is the gate's answer.

use sqlx::migrate::MigrateError;

/// Why the case store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database cannot be opened or created.
    #[error("the case store `{path}` cannot be opened")]
    CannotOpen {
        /// The file, or the server and its database.
        path: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// The linked SQLite is one with the WAL-reset defect.
    #[error("SQLite {version} can corrupt a store in WAL mode: 3.51.3 or newer is needed")]
    OldSqlite {
        /// The version linked.
        version: String,
    },
    /// A store that is to be filled already holds something.
    #[error("the case store is not empty")]
    NotEmpty,
    /// The database server is set so that it may lose what it has acknowledged.
    #[error("the database server cannot be relied on: {reason}")]
    UnfitDatabase {
        /// What is set wrong.
        reason: &'static str,
    },
    /// A server would be reached over a network that anybody may listen to.
    #[error("the way to the database server is not encrypted")]
    OpenWire,
    /// The keys' folder cannot be read or written.
    #[error("the case store's keys in `{path}` cannot be read or written")]
    Keys {
        /// The file or folder.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The key file is not there, is no key file, or is another than the one that wrapped the keys.
    #[error("the key file `{path}` does not open the case store's keys")]
    KeyFile {
        /// The file.
        path: String,
    },
    /// The command that wraps keys did not do it.
    #[error("the key command could not {deed} a key: {why}")]
    KeyCommand {
        /// `wrap` or `unwrap`.
        deed: &'static str,
        /// Why not.
        why: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {why}")]
    NoRandomness {
        /// What it said.
        why: String,
    },
    /// The keys are others than those that the store was sealed under.
    #[error("the case store was sealed under other keys than there are")]
    OtherKeys,
    /// A cell is sealed under a key that is not among the keys.
    #[error("the case store holds what was sealed under key {number}, which is not among its keys")]
    NoKey {
        /// The key's number.
        number: u32,
    },
    /// A cell is sealed under a key that was destroyed, and so are its contents.
    #[error("what was obtained under the agreement `{agreement}` was destroyed")]
    KeyDestroyed {
        /// The agreement's digest.
        agreement: String,
    },
    /// The schema could not be brought up to date.
    #[error("the case store's tables could not be brought up to date")]
    CannotMigrate(#[from] MigrateError),
    /// A statement failed.
    #[error("the case store did not answer")]
    Store(#[from] sqlx::Error),
    /// A column holds what this version never writes.
    #[error("the case store holds an unreadable `{column}`")]
    Unreadable {
        /// The column.
        column: &'static str,
    },
    /// No lead has that number.
    #[error("there is no lead `{lead}`")]
    NoSuchLead {
        /// The number asked for.
        lead: String,
    },
    /// The store belongs to another environment.
    #[error("the case store is of the environment `{made_for}`, and the agreement is of `{asked}`")]
    OtherEnvironment {
        /// What it was made for.
        made_for: String,
        /// What was asked for.
        asked: String,
    },
    /// A lead that is not open cannot be reviewed.
    #[error("lead `{lead}` is {stage}: only an open lead can be reviewed")]
    NotOpen {
        /// The lead.
        lead: String,
        /// Where it stands.
        stage: &'static str,
    },
    /// No standing stay has that number.
    #[error("there is no standing stay number {number}")]
    NoSuchStay {
        /// The number asked for.
        number: i64,
    },
    /// A disclosure may be released once.
    #[error("disclosure `{disclosure}` is not waiting to be released")]
    NotWaiting {
        /// The disclosure.
        disclosure: String,
    },
    /// An entry could not be spelled.
    #[error("an entry could not be spelled: {why}")]
    CannotSpell {
        /// Why not.
        why: String,
    },
    /// A run is no longer at the point from which it would be moved on.
    #[error("run `{run}` is not where it was: another process has moved it on")]
    RunMoved {
        /// The run.
        run: String,
    },
    /// A lead that is released was not waiting for it.
    #[error("lead `{lead}` was not waiting to be released")]
    LeadMoved {
        /// The lead.
        lead: String,
    },
    /// A stay was recorded or lifted between look-up and release.
    #[error("a stay was recorded or lifted since they were last looked up")]
    StaysChanged,
    /// No case has that number.
    #[error("there is no case `{case}`")]
    NoSuchCase {
        /// The number asked for.
        case: String,
    },
    /// Nothing was done that could be stored.
    #[error("a case without a step is not stored")]
    NoStep,
    /// The step is not one that the case takes.
    #[error("case `{case}` does not take the step")]
    NotTaken {
        /// The case.
        case: String,
        /// Why not.
        #[source]
        why: crate::NotAllowed,
    },
    /// Somebody else took a step meanwhile.
    #[error("case `{case}` has moved on: it has taken {version} steps by now")]
    CaseMoved {
        /// The case.
        case: String,
        /// How many steps it has taken.
        version: u64,
    },
    /// The steps of a case do not follow from one another.
    #[error("step {number} of case `{case}` cannot have been taken")]
    NotItsSteps {
        /// The case.
        case: String,
        /// The step.
        number: usize,
        /// Why not.
        #[source]
        why: crate::NotAllowed,
    },
    /// The one who wrote for several stopped before answering.
    #[error("it is not known whether the step was stored")]
    Unanswered,
    /// Another process holds the program's folder.
    #[error("another run is at work on this program")]
    Busy,
    /// Cases are not closed whose data would be destroyed.
    #[error("{standing} cases under the agreement are not closed")]
    CasesStanding {
        /// How many.
        standing: u64,
    },
    /// An officer has one account.
    #[error("that officer has an account already")]
    AccountThere,
    /// No officer of that id has an account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// Something is asked for in the name of somebody who has no account, or whose account is closed.
    #[error("there is no open account of an officer `{officer}`")]
    NoOpenAccount {
        /// The name as it was given.
        officer: String,
    },
}

impl Error {
    /// Returns what the reader can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::CannotOpen { .. } => Some(
                "check that the folder exists and can be written and that its disk has room, or that the server can be reached",
            ),
            Error::OldSqlite { .. } => Some("build with the bundled SQLite, as shipped"),
            Error::UnfitDatabase { .. } => {
                Some("set `fsync`, `full_page_writes` and `synchronous_commit` to on")
            }
            Error::OpenWire => Some(
                "reach it by its socket or through a tunnel, or say `sslmode=disable` where the way to it is trusted",
            ),
            Error::Keys { .. } => Some(
                "check that the folder of the keys can be read and written, and that its disk has room",
            ),
            Error::KeyFile { .. } | Error::OtherKeys | Error::NoKey { .. } => {
                Some("put the keys back from where they are kept; without them nothing can be read")
            }
            Error::KeyCommand { .. } => Some("run the command by hand to see what it says"),
            // Writing the tables failed: that says nothing of the version.
            Error::CannotMigrate(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
            | Error::Store(_) => Some(
                "free some space on the disk, or name a folder on another (--out), and see that it can be written; then run again",
            ),
            Error::CannotMigrate(_) => Some(
                "the store may be of a newer version of the program; use that version, or a copy of the store",
            ),
            Error::Unreadable { .. } | Error::NotItsSteps { .. } => {
                Some("restore the program's folder from its last backup")
            }
            Error::NoSuchLead { .. } => Some("`comity leads PROGRAM` lists them"),
            Error::NotOpen { .. } => Some(
                "`comity leads PROGRAM --stage open` lists the leads that wait for a judgement",
            ),
            Error::OtherEnvironment { .. } => {
                Some("begin in an empty folder (--out): what was made in a test is never promoted")
            }
            Error::RunMoved { .. } | Error::Busy => Some("wait for it to end, then try again"),
            Error::CasesStanding { .. } => {
                Some("close them first: what undoing an action takes is kept until then")
            }
            Error::NoSuchStay { .. } => Some("`comity stay list PROGRAM` shows them"),
            Error::AccountThere => Some("name another officer, or change that account's roles"),
            Error::NoSuchAccount => Some("`comity account list` shows them"),
            Error::NoOpenAccount { .. } => Some(
                "`comity account list` shows who has one, and `comity account add` makes one for an officer who has none",
            ),
            Error::NotEmpty => Some("restore into an empty folder or schema"),
            Error::CaseMoved { .. } => {
                Some("look at the case again: nothing of yours was stored, and nothing is lost")
            }
            Error::NoSuchCase { .. } => Some(
                "a case is opened when its lead is disclosed; `comity leads PROGRAM` lists leads",
            ),
            Error::Unanswered => Some("look at the case again before trying once more"),
            Error::NoStep
            | Error::NotTaken { .. }
            | Error::KeyDestroyed { .. }
            | Error::NoRandomness { .. }
            | Error::NotWaiting { .. }
            | Error::StaysChanged
            | Error::CannotSpell { .. }
            | Error::LeadMoved { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_store_of_another_version_is_called_one() {
        let hint = |error: MigrateError| Error::from(error).hint().unwrap();
        let full = || sqlx::Error::Protocol("database or disk is full".to_owned());
        for failed in [MigrateError::Execute(full()), MigrateError::ExecuteMigration(full(), 1)] {
            let said = hint(failed);
            assert!(said.contains("space") && !said.contains("version"), "{said}");
        }
        for other in [MigrateError::VersionMissing(9), MigrateError::VersionMismatch(9)] {
            assert!(hint(other).contains("newer version"));
        }
    }
}
