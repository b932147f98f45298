//! Accounts on PostgreSQL: a schema of their own beside the cases' schema, so that a copy of the cases lets nobody in.

use super::kept::{
    END_OFFICERS_SESSIONS, FIND_DISPUTE, FIND_RECEIVED, KEEP_DISPUTE, KEEP_RECEIVED, keep_accounts,
    read_role, there,
};
use super::{AccessKey, Account, Attempt, Holder, Raised, Received, Role, Session, Vote};
use crate::Error;
use crate::store::postgres::connect;
use sqlx::Row;
use sqlx::postgres::{PgPool, PgRow};
use std::collections::{BTreeMap, BTreeSet};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/accounts-postgres");

/// Each statement sees what was committed before it, whatever the server prefers.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Accounts in a schema of a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresAccounts {
    writer: PgPool,
    readers: PgPool,
}

impl PostgresAccounts {
    /// Opens the accounts of the program whose cases lie where a URL leads: in a schema whose name is that one's with
    /// `_accounts` after it, which is made if it is not there.
    ///
    /// # Errors
    /// The server cannot be reached, or its tables are of a newer version.
    pub async fn open(url: &str) -> Result<PostgresAccounts, Error> {
        let cases = connect(url, "comity accounts", None).await?;
        let schema: String =
            sqlx::query_scalar("SELECT quote_ident(current_schema() || '_accounts')")
                .fetch_one(&cases)
                .await?;
        let make = sqlx::AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
        sqlx::query(make).execute(&cases).await?;
        cases.close().await;
        let pool = connect(url, "comity accounts", Some(&schema)).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(PostgresAccounts { writer: pool.clone(), readers: pool })
    }
}

keep_accounts!(PostgresAccounts, PgRow);
