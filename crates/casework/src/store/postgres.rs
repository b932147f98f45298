//! The case store on PostgreSQL: one schema a program, many connections, one writer at a time.
//!
//! Each writing transaction first takes the schema's advisory lock, and holds it until its commit is durable and seen
//! by all. So lines of the outbox come to be in the order of their numbers, and a reader never finds a later one before
//! an earlier one. The session is set to wait for the disk, and the server must be set not to lose what it acknowledges.
//!
//! Connections are not encrypted here: a server is reached by its socket, on this machine, or through a tunnel, and any
//! other only where the URL says `sslmode=disable` in so many words.
//!
//! What this rests on: [`synchronous_commit`, `fsync`, `full_page_writes`](https://www.postgresql.org/docs/15/runtime-config-wal.html)
//! and [advisory locks](https://www.postgresql.org/docs/15/explicit-locking.html#ADVISORY-LOCKS), which a transaction
//! lets go after it is seen by others.

mod cases;
mod destroy;
mod read;
mod step;
mod store;

use super::vault::Vault;
use super::writer::Writer;
use crate::{Drafts, Error};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgQueryResult};
use sqlx::{PgConnection, Postgres as Driver, Transaction};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// How many connections a process holds at most.
const CONNECTIONS: u32 = 16;

/// A case store in one schema of a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
    vault: Vault,
    writer: Arc<Writer>,
}

impl Postgres {
    /// Opens the store that a URL leads to, making its tables if they are not there, and brings them up to date.
    ///
    /// The schema is the first of the connection's `search_path`. The password is best kept in a password file.
    ///
    /// # Errors
    /// The server cannot be reached, is set so that it may lose what it acknowledged, or has tables of a newer version.
    pub async fn open(url: &str, vault: Vault) -> Result<Postgres, Error> {
        let pool = connect(url, "comity casework", None).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Postgres { pool, vault, writer: Arc::default() })
    }

    /// Returns the vault whose keys the store's cells are sealed under.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What is only read comes over the same connections.
    pub(super) fn readers(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction that writes: all others wait until it has ended.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Driver>, Error> {
        // What follows must see what was committed while this waited, whatever isolation the server prefers.
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        sqlx::query(
            "SELECT pg_advisory_xact_lock(hashtextextended('comity casework ' || current_schema(), 0))",
        )
        .execute(&mut *tx)
        .await
        .map_err(busy)?;
        Ok(tx)
    }

    /// Begins a transaction that reads, and sees one state of the store throughout.
    pub(super) async fn begin_reading(&self) -> Result<Transaction<'static, Driver>, Error> {
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }
}

/// Connects to the server that a URL leads to, and holds it and the session to what is promised.
///
/// The schema is the URL's, or the one that is named here in place of it.
pub(super) async fn connect(url: &str, name: &str, schema: Option<&str>) -> Result<PgPool, Error> {
    let options = PgConnectOptions::from_str(url).map_err(|source| Error::CannotOpen {
        // The URL may hold a password, and one that cannot be read cannot be shown without it.
        path: "the database's URL".to_owned(),
        source,
    })?;
    if !is_near(&options, url) {
        return Err(Error::OpenWire);
    }
    let path = shown(&options);
    let options = options.application_name(name).options([
        ("synchronous_commit", "on"),
        ("lock_timeout", "5s"),
        ("client_min_messages", "warning"),
    ]);
    let options = match schema {
        Some(schema) => options.options([("search_path", schema)]),
        None => options,
    };
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await
        .map_err(|source| Error::CannotOpen { path, source })?;
    fitness(&pool).await?;
    Ok(pool)
}

/// Says whether nobody can listen on the way to a server, or whoever gave the URL answers for it.
fn is_near(options: &PgConnectOptions, url: &str) -> bool {
    let host = options.get_host();
    let own = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    options.get_socket().is_some()
        || host == "localhost"
        || host.starts_with('/')
        || own
        || url.contains("sslmode=disable")
}

/// Names server and database, and no more.
fn shown(options: &PgConnectOptions) -> String {
    let host = options
        .get_socket()
        .map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    format!("{host}/{}", options.get_database().unwrap_or_default())
}

/// Holds the server to what the store promises: nothing acknowledged is lost with its power.
async fn fitness(pool: &PgPool) -> Result<(), Error> {
    for (setting, reason) in [
        ("fsync", "its `fsync` is off"),
        ("full_page_writes", "its `full_page_writes` is off"),
        ("synchronous_commit", "its `synchronous_commit` cannot be set to on"),
    ] {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(pool).await?;
        if value != "on" {
            return Err(Error::UnfitDatabase { reason });
        }
    }
    Ok(())
}

fn busy(error: sqlx::Error) -> Error {
    match &error {
        // lock_not_available: another writer held the lock for longer than the session waits.
        sqlx::Error::Database(cause) if cause.code().as_deref() == Some("55P03") => Error::Busy,
        _ => Error::Store(error),
    }
}

/// Returns the time of the outbox's last line. Times never run backwards, so the last line has the latest.
async fn last_second(connection: &mut PgConnection) -> Result<Option<i64>, Error> {
    let second = sqlx::query_scalar("SELECT second FROM outbox ORDER BY number DESC LIMIT 1");
    Ok(second.fetch_optional(connection).await?)
}

async fn put_out(
    connection: &mut PgConnection,
    drafts: &Drafts<'_>,
) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let last = last_second(&mut *connection).await?;
    let (second, leaves) = drafts.spelled(last)?;
    let mut lines = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let number = sqlx::query_scalar(
            "INSERT INTO outbox (second, leaf) VALUES ($1, $2) RETURNING number",
        )
        .bind(second)
        .bind(&leaf)
        .fetch_one(&mut *connection)
        .await?;
        lines.push((number, leaf));
    }
    Ok(lines)
}

/// Says whether a statement moved the run that it was meant to move.
fn moved(done: &PgQueryResult, run: &str) -> Result<(), Error> {
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::RunMoved { run: run.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_reached_only_where_the_url_says_that_the_way_is_trusted() {
        for (url, near) in [
            ("postgres://a@localhost/b", true),
            ("postgres://a@127.0.0.1/b", true),
            ("postgres://a@127.9.9.9/b", true),
            ("postgres://a@%2Fvar%2Frun%2Fpostgresql/b", true),
            ("postgres://a@localhost/b?host=/run/postgresql", true),
            ("postgres://a@db.example/b", false),
            ("postgres://a@10.0.0.1/b", false),
            ("postgres://a@localhost.example/b", false),
            ("postgres://a@localhost/b?host=db.example", false),
            ("postgres://a@db.example/b?sslmode=require", false),
            ("postgres://a@db.example/b?sslmode=disable", true),
        ] {
            let options = PgConnectOptions::from_str(url).unwrap();
            assert_eq!(is_near(&options, url), near, "{url}");
        }
    }
}
