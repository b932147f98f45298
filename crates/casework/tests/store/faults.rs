//! What goes wrong beneath a store: the server gone and back, no room on the disk, two writers at once.

use crate::place::{self, Folder, Schema};
use crate::promises::{new_run, planned, words};
use crate::server::Server;
use casework::{Drafts, Error, Postgres, RunState, Sqlite, Store};
use sqlx::Executor as _;

#[tokio::test]
async fn a_server_that_was_gone_and_is_back_has_all_that_was_acknowledged() {
    let keys = tempfile::tempdir().unwrap();
    let server = Server::start();
    let url = place::url_of(&server, "public");
    let store = Postgres::open(&url, place::vault(keys.path())).await.unwrap();
    store.note(&words(vec![b"a".to_vec()])).await.unwrap();
    // Killed with all its sessions, and started again on what it left.
    let server = server.crash();
    // A call may fail on a connection that is gone; the next one has another.
    let mut failed = 0;
    while store.note(&words(vec![b"b".to_vec()])).await.is_err() {
        failed += 1;
        assert!(failed < 20, "the store does not come back");
    }
    let leaves: Vec<_> = store.waiting().await.unwrap().into_iter().map(|line| line.leaf).collect();
    assert_eq!(leaves, [b"a", b"b"]);
    drop(server);
    let gone = store.note(&words(vec![b"c".to_vec()])).await.unwrap_err();
    assert!(matches!(gone, Error::Store(_)), "{gone}");
    assert!(gone.hint().is_some());
    assert!(!format!("{gone} {gone:?}").contains("comity@"));
}

#[tokio::test]
async fn a_second_writer_waits_and_is_then_told_that_the_store_is_busy() {
    let place = Schema::new().await;
    let store = place.open().await;
    let pool = sqlx::PgPool::connect(&place.url).await.unwrap();
    let mut other = pool.begin().await.unwrap();
    other
        .execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('comity casework ' || current_schema(), 0))",
        )
        .await
        .unwrap();
    let refused = store.note(&words(vec![b"a".to_vec()])).await;
    assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    other.rollback().await.unwrap();
    store.note(&words(vec![b"a".to_vec()])).await.unwrap();
    assert_eq!(store.waiting().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_not_used() {
    let keys = tempfile::tempdir().unwrap();
    let server = Server::start();
    let url = place::url_of(&server, "public");
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    pool.execute("ALTER SYSTEM SET full_page_writes = off").await.unwrap();
    pool.execute("SELECT pg_reload_conf()").await.unwrap();
    let mut unfit = None;
    for _ in 0..50 {
        match Postgres::open(&url, place::vault(keys.path())).await {
            Err(error) => {
                unfit = Some(error);
                break;
            }
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    assert!(matches!(unfit, Some(Error::UnfitDatabase { .. })), "{unfit:?}");
}

#[tokio::test]
async fn a_session_waits_for_the_disk_whatever_the_server_prefers() {
    let place = Schema::new().await;
    let pool = sqlx::PgPool::connect(&place.url).await.unwrap();
    pool.execute("ALTER ROLE comity SET synchronous_commit = off").await.unwrap();
    let opened = Postgres::open(&place.url, place.vault()).await;
    pool.execute("ALTER ROLE comity RESET synchronous_commit").await.unwrap();
    assert!(opened.is_ok(), "the session's own setting counts");
}

const LITTLE_ROOM: &str = "COMITY_CASEWORK_LITTLE_ROOM";

/// Two thousand leads, which take more room than there is.
async fn plan_much<S: Store>(store: &S, entry: &'static [u8]) -> Result<(), Error> {
    let leads: Vec<_> = (1..=2000_u32)
        .map(|number| {
            let mut lead = planned("2027Q1", number as usize, 0, None);
            lead.pair.0[..4].copy_from_slice(&number.to_be_bytes());
            lead
        })
        .collect();
    store.plan("2027Q1", "{}", &leads, &words(vec![entry.to_vec()])).await
}

/// The part of the test below that runs where no file may grow past a limit.
#[tokio::test]
async fn plans_where_there_is_little_room() {
    // In an ordinary run of the tests there is no place given, and nothing to do.
    let Some(place) = std::env::var_os(LITTLE_ROOM) else {
        return;
    };
    let place = std::path::PathBuf::from(place);
    let store = Sqlite::open(&place.join("casework.sqlite"), place::vault(&place)).await.unwrap();
    let failed = plan_much(&store, b"never").await;
    assert!(matches!(failed, Err(Error::Store(_))), "{failed:?}");
    assert!(failed.unwrap_err().hint().unwrap().contains("space"));
    // What was there before is still to be read, and a small thing still to be written.
    assert_eq!(store.run("2027Q1").await.unwrap().unwrap().state, RunState::Started);
    assert!(store.leads(None).await.unwrap().is_empty());
    store.note(&words(vec![b"small".to_vec()])).await.unwrap();
    println!("failed as it should");
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_stores_nothing_and_passes_when_there_is_room() {
    let folder = Folder::new();
    let store = folder.open().await;
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    drop(store);
    // A file that would grow past 512 KiB fails as on a full disk; the signal that would come first is passed over.
    let out = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::plans_where_there_is_little_room", "--nocapture"])
        .env(LITTLE_ROOM, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        said.contains("failed as it should"),
        "{said} {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let store = folder.open().await;
    plan_much(&store, b"planned").await.unwrap();
    assert_eq!(store.leads(None).await.unwrap().len(), 2000);
    let leaves: Vec<_> = store.waiting().await.unwrap().into_iter().map(|line| line.leaf).collect();
    assert_eq!(leaves, [b"small".to_vec(), b"planned".to_vec()]);
}
