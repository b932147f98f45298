//! The log beside the file is brought into the file by a connection of its own, while the writer goes on.
//!
//! Steps on cases far apart change pages far apart. To bring a log of them into the file takes several hundred reads and
//! writes and a wait for the disk; were it the writer's work, as SQLite has it by itself, all callers would wait for it
//! once a second. What is left for the writer is the log's last pages: nobody else then writes, the log is in the file to
//! its end, and the next commit begins it anew.

use super::busy;
use crate::Error;
use sqlx::sqlite::SqlitePool;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// How many pages of 4 KiB the log has before they are brought to the file: 64 MiB.
const PAGES: i64 = 16_384;
/// How many of them may be left for the writer: 4 MiB.
const FEW: i64 = 1_024;
/// How often it is tried to come so near to a writer that goes on.
const ROUNDS: usize = 4;
/// After how many commits the log is looked at.
const BETWEEN: u32 = 16;

/// What brings the log into the file.
#[derive(Debug)]
pub(super) struct Log {
    keeper: SqlitePool,
    /// SQLite lets one do it at a time, and refuses at once whoever comes second.
    turn: Arc<tokio::sync::Mutex<()>>,
    commits: AtomicU32,
    /// Something was deleted and stands in the log yet, since somebody read what is older.
    owed: Arc<AtomicBool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Log {
    /// Makes it, of a pool that is no other's and opens its connection when it is needed.
    pub(super) fn of(keeper: SqlitePool) -> Log {
        Log {
            keeper,
            turn: Arc::default(),
            commits: AtomicU32::new(0),
            owed: Arc::default(),
            tasks: Mutex::default(),
        }
    }

    /// Is told of a commit, and looks at the log now and then. Nobody waits for that, and whatever fails is done later: until
    /// then the log holds all.
    pub(super) fn committed(&self, writer: &SqlitePool) {
        let is_time = self.commits.fetch_add(1, Ordering::Relaxed) % BETWEEN == BETWEEN - 1;
        if !is_time && !self.owed.load(Ordering::Acquire) {
            return;
        }
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else { return };
        let (keeper, writer, owed) = (self.keeper.clone(), writer.clone(), Arc::clone(&self.owed));
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let _ = if owed.load(Ordering::Acquire) {
                empty(&writer, &owed).await
            } else {
                bring(&keeper, &writer).await
            };
            drop(turn);
        });
    }

    /// Brings all of it into the file and leaves it empty, so that nothing of what was deleted is left in it. If somebody
    /// reads what is older for longer than a connection waits, that is owed: a later commit sees to it, and opening the
    /// store anew does.
    ///
    /// # Errors
    /// The file or the log cannot be read or written.
    pub(super) async fn empty(&self, writer: &SqlitePool) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        empty(writer, &self.owed).await.map_err(busy)
    }

    /// Ends its connection.
    pub(super) async fn close(&self) {
        self.keeper.close().await;
    }
}

async fn empty(writer: &SqlitePool, owed: &AtomicBool) -> Result<(), sqlx::Error> {
    owed.store(true, Ordering::Release);
    let (refused, _, _): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?;
    owed.store(refused != 0, Ordering::Release);
    Ok(())
}

async fn bring(keeper: &SqlitePool, writer: &SqlitePool) -> Result<(), sqlx::Error> {
    if rest("PRAGMA wal_checkpoint(NOOP)", keeper).await? < PAGES {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        if rest("PRAGMA wal_checkpoint(PASSIVE)", keeper).await? < FEW {
            break;
        }
    }
    rest("PRAGMA wal_checkpoint(PASSIVE)", writer).await?;
    Ok(())
}

/// Returns how many of the log's pages are not in the file after it.
async fn rest(statement: &'static str, by: &SqlitePool) -> Result<i64, sqlx::Error> {
    let (_, log, brought): (i64, i64, i64) = sqlx::query_as(statement).fetch_one(by).await?;
    Ok(log - brought)
}
