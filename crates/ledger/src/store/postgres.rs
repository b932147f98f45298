//! A store in a PostgreSQL database.
//!
//! Each commit is one statement, and so one transaction and one round trip; the server answers when its log is on its
//! disk. One session holds an advisory lock for as long as the store lives: should the connection be lost, so is the
//! store, and opening it again finds out what the server has. Connections are not encrypted here: reach the server by
//! its socket, or through a tunnel.
//!
//! What this rests on: [`synchronous_commit`](https://www.postgresql.org/docs/15/runtime-config-wal.html), set for the
//! session, and `fsync` and `full_page_writes`, which must be on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use postgres::{Client, NoTls, Statement};

use super::{Change, Files, Held, Store, check, improper, is_proper};
use crate::Error;

/// One statement for a whole commit. What is written is not also removed, so the order of its parts does not matter.
const COMMIT: &str = "
    WITH held AS (
        SELECT 1 WHERE $2::text IS NULL
            OR (SELECT bytes FROM comity_ledger_file WHERE place = $1 AND path = $2 FOR UPDATE)
               IS NOT DISTINCT FROM $3::bytea
    ), gone AS (
        DELETE FROM comity_ledger_file AS file
        USING unnest($4::text[], $5::text[]) AS span (low, high), held
        WHERE file.place = $1 AND file.path >= span.low COLLATE \"C\" AND file.path < span.high COLLATE \"C\"
            AND file.path <> ALL ($6::text[])
    ), put AS (
        INSERT INTO comity_ledger_file (place, path, bytes)
        SELECT $1, change.path, change.bytes FROM unnest($6::text[], $7::bytea[]) AS change (path, bytes), held
        ON CONFLICT (place, path) DO UPDATE SET bytes = excluded.bytes
    )
    SELECT count(*) FROM held";

/// A place in a database, with one writer.
pub struct Postgres {
    place: String,
    session: Mutex<Session>,
    stopped: bool,
}

struct Session {
    client: Client,
    commit: Statement,
    read: Statement,
    list: Statement,
}

impl Postgres {
    /// Opens a place in the database that the parameters lead to, making its table if there is none.
    ///
    /// The parameters are those of [`postgres::Config`], such as `host=/var/run/postgresql user=comity`. A database
    /// has as many places as one likes, each for a ledger or an anchor. A ledger is never begun by opening a place.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, another session has the place open, or the server is set not to keep what
    /// it acknowledges.
    pub fn open(parameters: &str, place: &str) -> Result<Self, Error> {
        let unfit = |reason| Err(Error::UnfitDatabase { reason });
        let wrong = |error| failed("open", place, error);
        let mut client = Client::connect(parameters, NoTls).map_err(wrong)?;
        for (setting, reason) in
            [("fsync", "its `fsync` is off"), ("full_page_writes", "its `full_page_writes` is off")]
        {
            let row = client.query_one("SELECT current_setting($1)", &[&setting]).map_err(wrong)?;
            if row.try_get::<_, String>(0).map_err(wrong)? != "on" {
                return unfit(reason);
            }
        }
        // Two sessions must not make the table at once, so the lock on it comes first.
        let begin = "SET SESSION synchronous_commit = on;
            SET SESSION client_min_messages = warning;
            SELECT pg_advisory_lock(5071460093);
            CREATE TABLE IF NOT EXISTS comity_ledger_file (
                place text COLLATE \"C\" NOT NULL, path text COLLATE \"C\" NOT NULL, bytes bytea NOT NULL,
                PRIMARY KEY (place, path));
            ALTER TABLE comity_ledger_file ALTER COLUMN bytes SET STORAGE EXTERNAL;
            SELECT pg_advisory_unlock(5071460093)";
        client.batch_execute(begin).map_err(wrong)?;
        let locked = client
            .query_one(
                "SELECT pg_try_advisory_lock(hashtextextended('comity ledger ' || $1, 0))",
                &[&place],
            )
            .and_then(|row| row.try_get::<_, bool>(0))
            .map_err(wrong)?;
        if !locked {
            return Err(Error::InUse { path: place.to_owned() });
        }
        let commit = client.prepare(COMMIT).map_err(wrong)?;
        let read = client
            .prepare("SELECT bytes FROM comity_ledger_file WHERE place = $1 AND path = $2")
            .map_err(wrong)?;
        let list = client
            .prepare(
                "SELECT path FROM comity_ledger_file
                 WHERE place = $1 AND ($2 = '' OR (path >= $2 AND path < $3)) ORDER BY path",
            )
            .map_err(wrong)?;
        let session = Mutex::new(Session { client, commit, read, list });
        Ok(Self { place: place.to_owned(), session, stopped: false })
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        // A thread that panicked while it read has changed nothing.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &self,
        held: Option<Held<'_>>,
        changes: &[Change<'_>],
    ) -> Result<bool, postgres::Error> {
        let mut net = Net::default();
        for change in changes {
            net.add(change);
        }
        let spans = net.removed.iter().map(|path| (path.clone(), format!("{path}\u{1}")));
        let (low, high): (Vec<_>, Vec<_>) =
            spans.chain(net.cleared.iter().map(|under| bounds(under))).unzip();
        let (paths, bytes): (Vec<_>, Vec<_>) = net.written.into_iter().unzip();
        let (held_path, held_bytes) =
            held.map_or((None, None), |held| (Some(held.path), held.bytes));
        let session = &mut *self.session();
        let row = session.client.query_one(
            &session.commit,
            &[&self.place, &held_path, &held_bytes, &low, &high, &paths, &bytes],
        )?;
        Ok(row.try_get::<_, i64>(0)? == 1)
    }
}

/// What a list of changes comes to, once all are made.
#[derive(Default)]
struct Net<'a> {
    written: BTreeMap<&'a str, &'a [u8]>,
    removed: BTreeSet<String>,
    cleared: BTreeSet<&'a str>,
}

impl<'a> Net<'a> {
    fn add(&mut self, change: &Change<'a>) {
        match change {
            Change::Write { path, bytes } => {
                self.written.insert(path, bytes);
            }
            Change::Remove { path } => {
                self.written.remove(path);
                self.removed.insert((*path).to_owned());
            }
            Change::Clear { under } => {
                let (low, high) = bounds(under);
                self.written.retain(|path, _| *path < low.as_str() || *path >= high.as_str());
                self.cleared.insert(under);
            }
        }
    }
}

impl Files for Postgres {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        if !is_proper(path) {
            return Err(improper(path));
        }
        let session = &mut *self.session();
        let row = session.client.query_opt(&session.read, &[&self.place, &path]);
        row.and_then(|row| row.map(|row| row.try_get(0)).transpose())
            .map_err(|error| failed("read", path, error))
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        if !under.is_empty() && !is_proper(under) {
            return Err(improper(under));
        }
        let (low, high) = bounds(under);
        let session = &mut *self.session();
        let rows = session.client.query(&session.list, &[&self.place, &low, &high]);
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(|error| failed("list", under, error))
    }
}

impl Store for Postgres {
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
                Err(failed("write", &self.place, error))
            }
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Returns between which paths all those under a directory lie; `0` follows `/`.
fn bounds(under: &str) -> (String, String) {
    if under.is_empty() { Default::default() } else { (format!("{under}/"), format!("{under}0")) }
}

fn failed(deed: &'static str, path: &str, error: postgres::Error) -> Error {
    Error::Store { deed, path: path.to_owned(), source: io::Error::other(error) }
}
