//! The log beside a SQLite file: it is brought into the file while steps are taken, and nothing deleted stays in it.

use crate::cases::{assign, day, get, lead, officer, open_cases};
use crate::place::Folder;
use casework::{CaseStore as _, Drafts, Moving, Sqlite, Store as _};
use sqlx::{Connection as _, SqliteConnection};
use std::path::Path;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// How many bytes the log has on the disk.
fn length(folder: &Folder) -> u64 {
    std::fs::metadata(folder.path().join("casework.sqlite-wal")).map_or(0, |log| log.len())
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnection::connect(&file.display().to_string()).await.unwrap()
}

/// Takes so many steps, each with an entry of a MiB.
async fn take(store: &Sqlite, count: usize) {
    for number in 0..count {
        let case = get(store, 1).await;
        let case = case.step(&assign(number), &officer(1), day(0)).unwrap();
        let drafts = Drafts::new(day(0), |_| Ok(vec![vec![b'x'; MIB]]));
        store.take(Moving { case, drafts, openings: Vec::new() }).await.unwrap();
    }
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..300 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} was not so within 15 seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_brought_into_the_file_beside_the_steps_and_begun_anew() {
    let folder = Folder::new();
    let store = folder.open().await;
    open_cases(&store).await;
    let mut beside = connect(&folder.file()).await;
    take(&store, 80).await;
    until("the log is in the file", async || {
        let (_, pages, brought): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(NOOP)").fetch_one(&mut beside).await.unwrap();
        pages - brought < 16_384
    })
    .await;
    take(&store, 60).await;
    let length = length(&folder);
    assert!(length < 120 * MIB as u64, "140 MiB went through a log that has {length} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_somebody_reads_while_leads_are_destroyed_is_emptied_once_nobody_does() {
    let folder = Folder::new();
    let store = folder.open().await;
    open_cases(&store).await;
    let mut reader = connect(&folder.file()).await;
    let mut reading = reader.begin().await.unwrap();
    let _: i64 =
        sqlx::query_scalar("SELECT count(*) FROM lead").fetch_one(&mut *reading).await.unwrap();
    let certificate = |_: &casework::Destroyed| Drafts::none();
    store.destroy_leads("sha256:aa", &[lead(99)], &[], &certificate).await.unwrap();
    assert!(length(&folder) > 0, "the reader holds it");
    reading.rollback().await.unwrap();
    store.acknowledge(1, 0).await.unwrap();
    until("the log is empty", async || length(&folder) == 0).await;
}
