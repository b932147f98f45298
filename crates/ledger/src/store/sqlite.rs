//! A store in a SQLite database.
//!
//! [`Sqlite`] writes and holds a lock beside the database; [`Database`] only reads. Each commit is one transaction and
//! one fsync of the write-ahead log. The database holds files by their paths and knows no more of them than a
//! directory would.
//!
//! The settings this rests on: [`synchronous=FULL`](https://www.sqlite.org/pragma.html#pragma_synchronous), without
//! which a commit in [WAL mode](https://www.sqlite.org/wal.html) is not durable; and a version without the
//! [WAL-reset bug](https://www.sqlite.org/releaselog/3_51_3.html).

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{Change, Files, Held, Store, check, improper, is_proper};
use crate::Error;

/// The first version without the bug that can corrupt a database when its log is reset.
const VERSION: i32 = 3_051_003;

/// How many pages the write-ahead log grows to before it is brought into the database: 32 MiB of 4 KiB.
const LOG_PAGES: u32 = 8192;

/// A database that is only read.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens a database to read from.
    ///
    /// # Errors
    ///
    /// When there is none, or SQLite is not fit.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::connect(path.into(), OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<Self, Error> {
        if rusqlite::version_number() < VERSION {
            return Err(Error::UnfitDatabase { reason: "its version is older than 3.51.3" });
        }
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|error| failed("open", &path, error))?;
        Ok(Self { path, connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A thread that panicked while it read has changed nothing.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_row(&self, path: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT bytes FROM file WHERE path = ?1")?;
        statement.query_row([path], |row| row.get(0)).optional()
    }

    fn list_rows(&self, under: &str) -> rusqlite::Result<Vec<String>> {
        let connection = self.connection();
        let (low, high) = bounds(under);
        let mut statement = connection.prepare_cached(
            "SELECT path FROM file WHERE ?1 = '' OR (path >= ?1 AND path < ?2) ORDER BY path",
        )?;
        statement.query_map([low, high], |row| row.get(0))?.collect()
    }
}

impl Files for Database {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        if !is_proper(path) {
            return Err(improper(path));
        }
        self.read_row(path).map_err(|error| failed("read", Path::new(path), error))
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        if !under.is_empty() && !is_proper(under) {
            return Err(improper(under));
        }
        self.list_rows(under).map_err(|error| failed("list", Path::new(under), error))
    }
}

/// A database with one writer.
#[derive(Debug)]
pub struct Sqlite {
    database: Database,
    stopped: bool,
    /// Held while this lives; the system gives it back when the program ends, however it ends.
    _lock: File,
}

impl Sqlite {
    /// Opens a database, making it if there is none. A ledger is never begun by that, only by its own act.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, another program has it open, or it cannot be set to keep what it acknowledges.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let beside = |end: &str| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        let locked =
            |error| Error::Store { deed: "lock", path: path.display().to_string(), source: error };
        let lock = File::options().create(true).truncate(false).write(true).open(beside(".lock"));
        let lock = lock.map_err(locked)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { path: path.display().to_string() });
            }
            Err(TryLockError::Error(error)) => return Err(locked(error)),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let database = Database::connect(path.clone(), flags)?;
        prepare(&database.connection()).map_err(|error| failed("open", &path, error))??;
        // The names of the database and its log must be durable, too.
        let folder = fs::canonicalize(&path).and_then(|whole| {
            whole.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        });
        folder.map_err(locked)?;
        Ok(Self { database, stopped: false, _lock: lock })
    }

    fn change(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> rusqlite::Result<bool> {
        let mut connection = self.database.connection();
        let transaction = Transaction::new(&mut connection, TransactionBehavior::Immediate)?;
        if let Some(held) = held {
            let mut statement =
                transaction.prepare_cached("SELECT bytes FROM file WHERE path = ?1")?;
            let bytes: Option<Vec<u8>> =
                statement.query_row([held.path], |row| row.get(0)).optional()?;
            if bytes.as_deref() != held.bytes {
                return Ok(false);
            }
        }
        for change in changes {
            match change {
                Change::Write { path, bytes } => {
                    transaction
                        .prepare_cached(
                            "INSERT INTO file (path, bytes) VALUES (?1, ?2)
                             ON CONFLICT (path) DO UPDATE SET bytes = excluded.bytes",
                        )?
                        .execute((path, bytes))?;
                }
                Change::Remove { path } => {
                    transaction
                        .prepare_cached("DELETE FROM file WHERE path = ?1")?
                        .execute([path])?;
                }
                Change::Clear { under } => {
                    transaction
                        .prepare_cached("DELETE FROM file WHERE path >= ?1 AND path < ?2")?
                        .execute(bounds(under))?;
                }
            }
        }
        // If we crash before this returns, all of it is there or nothing is.
        transaction.commit()?;
        Ok(true)
    }
}

impl Files for Sqlite {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        self.database.read(path)
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        self.database.list(under)
    }
}

impl Store for Sqlite {
    fn commit(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        check(held, changes)?;
        match self.change(held, changes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Moved { path: held.map_or("", |held| held.path).to_owned() }),
            Err(error) => {
                self.stopped = true;
                Err(failed("write", &self.database.path.clone(), error))
            }
        }
    }
}

/// Sets a connection to keep what it acknowledges, and makes what was acknowledged to nobody durable or gone.
fn prepare(connection: &Connection) -> rusqlite::Result<Result<(), Error>> {
    let unfit = |reason| Ok(Err(Error::UnfitDatabase { reason }));
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return unfit("it cannot keep a write-ahead log");
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    let level: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if level != 2 {
        return unfit("it does not sync each commit");
    }
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS file (path TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT",
    )?;
    // After a failed fsync the log may look written and not be: its pages are clean in memory. What is read from
    // here on must be durable, so all of it is written anew, into the database, and synced there.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Ok(()))
}

/// Returns between which paths all those under a directory lie; `0` follows `/`.
fn bounds(under: &str) -> (String, String) {
    if under.is_empty() { Default::default() } else { (format!("{under}/"), format!("{under}0")) }
}

fn failed(deed: &'static str, path: &Path, error: rusqlite::Error) -> Error {
    Error::Store { deed, path: path.display().to_string(), source: io::Error::other(error) }
}
