//! Where a test keeps its store: a temporary folder, or a schema of a throw-away server.
//!
//! The tests of one process share a server, which is gone with the last of them.

use crate::server::Server;
use casework::{Keeper, Postgres, Sqlite, Vault};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tempfile::TempDir;

/// Draws bytes that differ from call to call and are the same in every run.
#[expect(clippy::unnecessary_wraps, reason = "a source of randomness may fail; this one does not")]
pub(crate) fn fixed_random() -> Result<[u8; 32], String> {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let number = DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ok(std::array::from_fn(|i| number[i % 8] ^ u8::try_from(i).unwrap().wrapping_mul(37)))
}

/// A folder with a store in SQLite.
pub(crate) struct Folder {
    place: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder { place: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("casework.sqlite")
    }

    pub(crate) fn vault(&self) -> Vault {
        vault(self.path())
    }

    pub(crate) async fn open(&self) -> Sqlite {
        Sqlite::open(&self.file(), self.vault()).await.unwrap()
    }
}

/// Opens the vault whose keys lie beside a store.
pub(crate) fn vault(folder: &Path) -> Vault {
    let keeper = Keeper::File(folder.join("keys").join("key"));
    Vault::open(&folder.join("keys"), keeper, fixed_random).unwrap()
}

/// A schema of one's own on a server, and a folder for its keys.
pub(crate) struct Schema {
    pub(crate) url: String,
    keys: TempDir,
    _server: Arc<Server>,
}

impl Schema {
    pub(crate) async fn new() -> Schema {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let server = {
            let mut shared = SHARED.lock().unwrap();
            shared.upgrade().unwrap_or_else(|| {
                let server = Arc::new(Server::start());
                *shared = Arc::downgrade(&server);
                server
            })
        };
        let name = format!("program_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        make_schema(&server, &name).await;
        let url = url_of(&server, &name);
        Schema { url, keys: tempfile::tempdir().unwrap(), _server: server }
    }

    pub(crate) fn keys(&self) -> &Path {
        self.keys.path()
    }

    pub(crate) fn vault(&self) -> Vault {
        vault(self.keys())
    }

    pub(crate) async fn open(&self) -> Postgres {
        Postgres::open(&self.url, self.vault()).await.unwrap()
    }
}

pub(crate) async fn make_schema(server: &Server, name: &str) {
    use sqlx::{Connection as _, Executor as _};
    let url = url_of(server, "public");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let make = format!("CREATE SCHEMA {name}");
    connection.execute(sqlx::AssertSqlSafe(make)).await.unwrap();
    connection.close().await.unwrap();
}

/// Returns the URL of a schema.
pub(crate) fn url_of(server: &Server, schema: &str) -> String {
    let parameters = server.parameters();
    let host = parameters.split(' ').find_map(|part| part.strip_prefix("host=")).unwrap();
    format!("postgres://comity@localhost/postgres?host={host}&options[search_path]={schema}")
}
