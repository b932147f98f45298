//! Accounts on SQLite: one file beside the case store, one writer, many readers.

use super::kept::{
    END_OFFICERS_SESSIONS, FIND_DISPUTE, FIND_RECEIVED, KEEP_DISPUTE, KEEP_RECEIVED, keep_accounts,
    read_role, there,
};
use super::{AccessKey, Account, Attempt, Holder, Raised, Received, Role, Session, Vote};
use crate::Error;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, SqlitePool};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/accounts-sqlite");

/// How many may read at once.
const READERS: u32 = 4;

/// One that reads before it writes would otherwise fail at once when another writer is at work.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Accounts in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteAccounts {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteAccounts {
    /// Opens the accounts at a path, making the file if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or its tables are of a newer version.
    pub async fn open(path: &Path) -> Result<SqliteAccounts, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let cannot = |source| Error::CannotOpen { path: path.display().to_string(), source };
        let pool = SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(5));
        let writer =
            pool.clone().max_connections(1).connect_with(options.clone()).await.map_err(cannot)?;
        MIGRATIONS.run(&writer).await?;
        let readers = pool.max_connections(READERS).connect_lazy_with(options.read_only(true));
        Ok(SqliteAccounts { writer, readers })
    }
}

keep_accounts!(SqliteAccounts, SqliteRow);
