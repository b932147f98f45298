//! The case store on SQLite: one file in the program's folder, one writer. What is personal in it is sealed.
//!
//! `synchronous = FULL` is set by hand, since in WAL mode the default does not wait for the disk on commit; each
//! writing transaction begins `IMMEDIATE`, since one that reads before it writes would otherwise fail at once when
//! another writer is at work.

use self::log::Log;
use super::vault::Vault;
use super::writer::Writer;
use crate::{Drafts, Error};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite as Driver, SqliteConnection, SqlitePool, Transaction};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

mod cases;
mod destroy;
mod log;
mod open_text;
mod read;
mod step;
mod store;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How many read at once.
const READERS: u32 = 4;

/// How much of the file the writer keeps in memory: 48 MiB, in KiB with a minus before it.
const WRITERS_CACHE: &str = "-49152";
/// How many pages of 4 KiB the log has at most before the writer itself brings them to the file: 256 MiB.
const MOST_LOG_PAGES: &str = "65536";

/// A case store in one SQLite file.
#[derive(Clone, Debug)]
pub struct Sqlite {
    pool: SqlitePool,
    /// In WAL mode readers see the last commit and never wait for the writer.
    readers: SqlitePool,
    vault: Vault,
    writer: Arc<Writer>,
    log: Arc<Log>,
}

impl Sqlite {
    /// Opens the store at a path, making it if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, its tables are of a newer version, or the SQLite linked is one that corrupts.
    pub async fn open(path: &Path, vault: Vault) -> Result<Sqlite, Error> {
        make_private(path);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted is overwritten.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(5));
        // Steps on cases far apart change pages far apart: the writer keeps them at hand, and leaves it to another
        // connection to bring them from the log to the file.
        let writing = options
            .clone()
            .pragma("cache_size", WRITERS_CACHE)
            .pragma("wal_autocheckpoint", MOST_LOG_PAGES);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(writing)
            .await
            .map_err(|source| Error::CannotOpen { path: path.display().to_string(), source })?;
        let version: String =
            sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&pool).await?;
        if !is_sound(&version) {
            return Err(Error::OldSqlite { version });
        }
        MIGRATIONS.run(&pool).await?;
        // A connection to a file does not go away by itself: none is asked whether it still stands.
        let options = options.create_if_missing(false);
        let keeper = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone());
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true));
        let log = Arc::new(Log::of(keeper));
        let store = Sqlite { pool, readers, vault, writer: Arc::default(), log };
        open_text::seal(&store).await?;
        // What a process that ended in between had deleted may stand in the log yet.
        store.empty_log().await?;
        Ok(store)
    }

    /// Returns the vault whose keys the store's cells are sealed under.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Writes the file anew and empties the log beside it, so that nothing deleted is left in either.
    pub(super) async fn rewrite(&self) -> Result<(), Error> {
        sqlx::query("VACUUM").execute(&self.pool).await.map_err(busy)?;
        self.empty_log().await
    }

    /// Empties the log beside the file.
    pub(super) async fn empty_log(&self) -> Result<(), Error> {
        self.log.empty(&self.pool).await
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Ends all connections, so that the file stands alone, without a log beside it.
    pub(super) async fn close(self) -> Result<(), Error> {
        self.empty_log().await?;
        self.log.close().await;
        self.readers.close().await;
        self.pool.close().await;
        Ok(())
    }

    /// Begins a transaction that writes: all others wait until it has ended.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Driver>, Error> {
        match self.pool.begin_with("BEGIN IMMEDIATE").await {
            // On a full disk SQLite ends a transaction by itself, and the connection's own count of them is off from
            // then on: it goes, and another takes its place.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.pool.acquire().await?.close().await?;
                self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(busy)
            }
            begun => begun.map_err(busy),
        }
    }
}

/// Makes the file if it is not there, so that its owner alone can read it, whatever the folder allows; SQLite gives the
/// files that it puts beside it the same mode. Where this fails, so does opening, which says why.
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// Says whether a SQLite version is free of the WAL-reset defect (fixed in 3.51.3).
fn is_sound(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= (3, 51, 3)
}

fn busy(error: sqlx::Error) -> Error {
    match &error {
        // SQLITE_BUSY and its extended codes share the low byte 5.
        sqlx::Error::Database(cause)
            if cause
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .is_some_and(|code| code & 0xff == 5) =>
        {
            Error::Busy
        }
        _ => Error::Store(error),
    }
}

/// Returns the time of the outbox's last line. Times never run backwards, so the last line has the latest.
async fn last_second(connection: &mut SqliteConnection) -> Result<Option<i64>, Error> {
    let second = sqlx::query_scalar("SELECT second FROM outbox ORDER BY number DESC LIMIT 1");
    Ok(second.fetch_optional(connection).await?)
}

async fn put_out(
    connection: &mut SqliteConnection,
    drafts: &Drafts<'_>,
) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let last = last_second(&mut *connection).await?;
    let (second, leaves) = drafts.spelled(last)?;
    let mut lines = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let done = sqlx::query("INSERT INTO outbox (second, leaf) VALUES (?, ?)")
            .bind(second)
            .bind(&leaf)
            .execute(&mut *connection)
            .await?;
        lines.push((done.last_insert_rowid(), leaf));
    }
    Ok(lines)
}

/// Says whether a statement moved the run that it was meant to move.
fn moved(done: &sqlx::sqlite::SqliteQueryResult, run: &str) -> Result<(), Error> {
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::RunMoved { run: run.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_with_the_wal_reset_defect_is_not_sound() {
        for (version, sound) in [
            ("3.51.2", false),
            ("3.7.0", false),
            ("3.51.3", true),
            ("3.54.1", true),
            ("4.0", true),
            ("", false),
        ] {
            assert_eq!(is_sound(version), sound, "{version}");
        }
    }
}
