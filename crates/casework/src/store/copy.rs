//! Copies of a whole store, for backup, restore, and the way from one database to the other. A copy is a SQLite file with
//! the same tables, whichever database it is of. What is sealed stays sealed: a copy holds no key.
//!
//! It reads one state of the store and stops nobody who writes meanwhile.

use super::vault::Vault;
use super::{database::Database, postgres::Postgres, sqlite::Sqlite};
use crate::Error;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, SqliteConnection};
use std::path::Path;

/// How many rows are in memory at once.
const AT_ONCE: usize = 1000;

/// A column that both databases have.
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Real,
    Text,
    Blob,
}

impl Kind {
    fn of(declared: &str) -> Result<Kind, Error> {
        match declared {
            "bigint" => Ok(Kind::Integer),
            "double precision" => Ok(Kind::Real),
            "text" => Ok(Kind::Text),
            "bytea" => Ok(Kind::Blob),
            _ => Err(Error::Unreadable { column: "of an unknown type" }),
        }
    }

    fn array(self) -> &'static str {
        match self {
            Kind::Integer => "bigint[]",
            Kind::Real => "float8[]",
            Kind::Text => "text[]",
            Kind::Blob => "bytea[]",
        }
    }
}

impl Database {
    /// Writes a copy of the store as it is now to a file that must not be there yet.
    ///
    /// # Errors
    /// The store cannot be read or the file cannot be written.
    pub async fn copy_to(&self, file: &Path) -> Result<(), Error> {
        match self {
            Database::Sqlite(store) => {
                sqlx::query("VACUUM INTO ?")
                    .bind(file.display().to_string())
                    .execute(store.readers())
                    .await?;
            }
            Database::Postgres(store) => {
                // The file has the tables of this version, as the server has.
                let copy = Sqlite::open(file, store.vault().clone()).await?;
                let mut from = store.begin_reading().await?;
                let mut to = copy.begin().await?;
                // References are held to at the end: a row may come before the one it refers to.
                sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *to).await?;
                for table in tables(&mut to).await? {
                    let columns = columns(&mut from, &table).await?;
                    out(&mut from, &mut to, &table, &columns).await?;
                }
                to.commit().await?;
                copy.close().await?;
            }
        }
        Ok(())
    }

    /// Says whether nothing was put into the store on a server yet.
    ///
    /// # Errors
    /// The store cannot be opened or read.
    pub async fn is_unused(url: &str, vault: Vault) -> Result<bool, Error> {
        let store = Postgres::open(url, vault).await?;
        let mut reading = store.begin_reading().await?;
        let is_used: bool = sqlx::query_scalar(IS_USED).fetch_one(&mut *reading).await?;
        Ok(!is_used)
    }

    /// Fills an empty store on a server with a copy, which is brought up to date if it is of an older version.
    ///
    /// # Errors
    /// The store is not empty ([`Error::NotEmpty`]), or one of the two cannot be read or written.
    pub async fn fill(url: &str, copy: &Path, vault: Vault) -> Result<Database, Error> {
        let store = Postgres::open(url, vault.clone()).await?;
        let copy = Sqlite::open(copy, vault).await?;
        let mut from = copy.begin().await?;
        let mut to = store.begin().await?;
        // Rows may refer to rows that come later.
        sqlx::query("SET CONSTRAINTS ALL DEFERRED").execute(&mut *to).await?;
        if sqlx::query_scalar(IS_USED).fetch_one(&mut *to).await? {
            return Err(Error::NotEmpty);
        }
        for table in tables(&mut from).await? {
            let columns = columns(&mut to, &table).await?;
            fill(&mut from, &mut to, &table, &columns).await?;
        }
        // If we crash before this, the store is empty as it was.
        to.commit().await?;
        drop(from);
        copy.close().await?;
        Ok(Database::Postgres(store))
    }
}

const IS_USED: &str = "SELECT EXISTS (SELECT FROM program) OR EXISTS (SELECT FROM run)
                           OR EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM stay)";

/// Names the tables. Their names are this crate's own, from its migrations.
async fn tables(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let names = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name",
    );
    Ok(names.fetch_all(connection).await?)
}

async fn columns(connection: &mut PgConnection, table: &str) -> Result<Vec<Column>, Error> {
    let rows = sqlx::query(
        "SELECT column_name::text AS name, data_type::text AS declared FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let declared: String = row.try_get("declared")?;
            Ok(Column { name: row.try_get("name")?, kind: Kind::of(&declared)? })
        })
        .collect()
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}

/// Copies a table from the server to the file.
async fn out(
    from: &mut PgConnection,
    to: &mut SqliteConnection,
    table: &str,
    columns: &[Column],
) -> Result<(), Error> {
    let names = names(columns);
    // A new file has what its migrations put into it.
    let clear = format!("DELETE FROM {table}");
    sqlx::query(AssertSqlSafe(clear)).execute(&mut *to).await?;
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("INSERT INTO {table} ({names}) VALUES ({marks})");
    let select = format!("SELECT {names} FROM {table}");
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(from);
    while let Some(row) = rows.try_next().await? {
        let mut query = sqlx::query(AssertSqlSafe(insert.as_str()));
        for (place, column) in columns.iter().enumerate() {
            query = bind_cell(query, &row, place, column.kind)?;
        }
        query.execute(&mut *to).await?;
    }
    Ok(())
}

type ToSqlite<'q> = Query<'q, sqlx::Sqlite, SqliteArguments>;
type ToServer<'q> = Query<'q, sqlx::Postgres, PgArguments>;

fn bind_cell<'q>(
    query: ToSqlite<'q>,
    row: &PgRow,
    place: usize,
    kind: Kind,
) -> Result<ToSqlite<'q>, Error> {
    Ok(match kind {
        Kind::Integer => query.bind(row.try_get::<Option<i64>, _>(place)?),
        Kind::Real => query.bind(row.try_get::<Option<f64>, _>(place)?),
        Kind::Text => query.bind(row.try_get::<Option<String>, _>(place)?),
        Kind::Blob => query.bind(row.try_get::<Option<Vec<u8>>, _>(place)?),
    })
}

/// Copies a table from the file to the server, and lets its numbers go on after the highest.
async fn fill(
    from: &mut SqliteConnection,
    to: &mut PgConnection,
    table: &str,
    columns: &[Column],
) -> Result<(), Error> {
    let names = names(columns);
    let arrays = columns.iter().enumerate();
    let arrays = arrays.map(|(place, column)| format!("${}::{}", place + 1, column.kind.array()));
    let arrays = arrays.collect::<Vec<_>>().join(", ");
    let clear = format!("DELETE FROM {table}");
    sqlx::query(AssertSqlSafe(clear)).execute(&mut *to).await?;
    let insert = format!(
        "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT * FROM unnest({arrays})"
    );
    let select = format!("SELECT {names} FROM {table}");
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(from);
    loop {
        let mut some = Vec::with_capacity(AT_ONCE);
        while some.len() < AT_ONCE {
            let Some(row) = rows.try_next().await? else { break };
            some.push(row);
        }
        if some.is_empty() {
            break;
        }
        let mut query = sqlx::query(AssertSqlSafe(insert.as_str()));
        for (place, column) in columns.iter().enumerate() {
            query = bind_column(query, &some, place, column.kind)?;
        }
        query.execute(&mut *to).await?;
    }
    if columns.iter().any(|column| column.name == "number") {
        let go_on = format!(
            "SELECT setval(sequence, greatest((SELECT max(number) FROM {table}), 1), EXISTS (SELECT FROM {table}))
             FROM pg_get_serial_sequence('{table}', 'number') AS sequence WHERE sequence IS NOT NULL"
        );
        sqlx::query(AssertSqlSafe(go_on)).execute(to).await?;
    }
    Ok(())
}

fn bind_column<'q>(
    query: ToServer<'q>,
    rows: &[SqliteRow],
    place: usize,
    kind: Kind,
) -> Result<ToServer<'q>, Error> {
    fn all<'r, T>(rows: &'r [SqliteRow], place: usize) -> Result<Vec<Option<T>>, Error>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        rows.iter().map(|row| Ok(row.try_get(place)?)).collect()
    }
    Ok(match kind {
        Kind::Integer => query.bind(all::<i64>(rows, place)?),
        Kind::Real => query.bind(all::<f64>(rows, place)?),
        Kind::Text => query.bind(all::<String>(rows, place)?),
        Kind::Blob => query.bind(all::<Vec<u8>>(rows, place)?),
    })
}
