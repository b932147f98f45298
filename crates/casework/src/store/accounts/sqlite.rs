//! Accounts on SQLite: one file beside the case store, one writer, many readers.

use super::{AccessKey, Account, AccountStore, Attempt, Holder, Received, Role, Session, Vote};
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

fn read_account(row: &SqliteRow) -> Result<Account, Error> {
    let issuer: Option<String> = row.try_get("issuer")?;
    let issued_as: Option<String> = row.try_get("issued_as")?;
    let closed: Option<i64> = row.try_get("closed_at")?;
    Ok(Account {
        officer: row.try_get("officer")?,
        name: row.try_get("name")?,
        password: row.try_get("password")?,
        code_secret: row.try_get("code_secret")?,
        issued: issuer.zip(issued_as),
        closed: closed.is_some(),
    })
}

fn read_role(text: &str) -> Result<Role, Error> {
    Role::named(text).ok_or(Error::Unreadable { column: "role" })
}

fn there(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(cause) if cause.is_unique_violation() => Error::AccountThere,
        _ => Error::Store(error),
    }
}

impl AccountStore for SqliteAccounts {
    async fn add_account(&self, account: &Account, at: i64) -> Result<(), Error> {
        let (issuer, issued_as) = account.issued.clone().unzip();
        sqlx::query(
            "INSERT INTO account (officer, name, password, code_secret, issuer, issued_as, made_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&account.officer)
        .bind(&account.name)
        .bind(&account.password)
        .bind(&account.code_secret)
        .bind(issuer)
        .bind(issued_as)
        .bind(at)
        .execute(&self.writer)
        .await
        .map_err(there)?;
        Ok(())
    }

    async fn account(&self, officer: &str) -> Result<Option<Account>, Error> {
        let row = sqlx::query("SELECT * FROM account WHERE officer = ?")
            .bind(officer)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read_account).transpose()
    }

    async fn account_issued(
        &self,
        issuer: &str,
        issued_as: &str,
    ) -> Result<Option<Account>, Error> {
        let row = sqlx::query("SELECT * FROM account WHERE issuer = ? AND issued_as = ?")
            .bind(issuer)
            .bind(issued_as)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read_account).transpose()
    }

    async fn accounts(&self, program: &str) -> Result<Vec<(Account, BTreeSet<Role>)>, Error> {
        let mut roles = self.all_roles(program).await?;
        let rows =
            sqlx::query("SELECT * FROM account ORDER BY officer").fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let account = read_account(row)?;
                let roles = roles.remove(&account.officer).unwrap_or_default();
                Ok((account, roles))
            })
            .collect()
    }

    async fn roles(&self, officer: &str, program: &str) -> Result<BTreeSet<Role>, Error> {
        let words: Vec<String> =
            sqlx::query_scalar("SELECT role FROM role WHERE officer = ? AND program = ?")
                .bind(officer)
                .bind(program)
                .fetch_all(&self.readers)
                .await?;
        words.iter().map(|word| read_role(word)).collect()
    }

    async fn all_roles(&self, program: &str) -> Result<BTreeMap<String, BTreeSet<Role>>, Error> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT role.officer, role.role FROM role JOIN account USING (officer)
             WHERE role.program = ? AND account.closed_at IS NULL",
        )
        .bind(program)
        .fetch_all(&self.readers)
        .await?;
        let mut roles: BTreeMap<String, BTreeSet<Role>> = BTreeMap::new();
        for (officer, role) in rows {
            roles.entry(officer).or_default().insert(read_role(&role)?);
        }
        Ok(roles)
    }

    async fn set_roles(
        &self,
        officer: &str,
        program: &str,
        roles: &BTreeSet<Role>,
    ) -> Result<(), Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM account WHERE officer = ?")
            .bind(officer)
            .fetch_one(&mut *tx)
            .await?;
        if known == 0 {
            return Err(Error::NoSuchAccount);
        }
        sqlx::query("DELETE FROM role WHERE officer = ? AND program = ?")
            .bind(officer)
            .bind(program)
            .execute(&mut *tx)
            .await?;
        for role in roles {
            sqlx::query("INSERT INTO role (officer, program, role) VALUES (?, ?, ?)")
                .bind(officer)
                .bind(program)
                .bind(role.as_str())
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query("DELETE FROM session WHERE kind = 'officer' AND holder = ?")
            .bind(officer)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn set_means(
        &self,
        officer: &str,
        password: Option<&str>,
        code_secret: Option<&[u8]>,
    ) -> Result<(), Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let done =
            sqlx::query("UPDATE account SET password = ?, code_secret = ? WHERE officer = ?")
                .bind(password)
                .bind(code_secret)
                .bind(officer)
                .execute(&mut *tx)
                .await?;
        if done.rows_affected() != 1 {
            return Err(Error::NoSuchAccount);
        }
        sqlx::query("DELETE FROM session WHERE kind = 'officer' AND holder = ?")
            .bind(officer)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn close_account(&self, officer: &str, at: i64) -> Result<(), Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let done =
            sqlx::query("UPDATE account SET closed_at = coalesce(closed_at, ?) WHERE officer = ?")
                .bind(at)
                .bind(officer)
                .execute(&mut *tx)
                .await?;
        if done.rows_affected() != 1 {
            return Err(Error::NoSuchAccount);
        }
        sqlx::query("DELETE FROM session WHERE kind = 'officer' AND holder = ?")
            .bind(officer)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE access_key SET revoked_at = ? WHERE officer = ? AND revoked_at IS NULL",
        )
        .bind(at)
        .bind(officer)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn take_step(&self, officer: &str, step: u64) -> Result<bool, Error> {
        // One statement: of two that bring the same code at once, one finds the step taken.
        let done =
            sqlx::query("UPDATE account SET code_step = ?1 WHERE officer = ?2 AND code_step < ?1")
                .bind(step.cast_signed())
                .bind(officer)
                .execute(&self.writer)
                .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn set_recovery_codes(&self, officer: &str, hashes: &[[u8; 32]]) -> Result<(), Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM recovery_code WHERE officer = ?")
            .bind(officer)
            .execute(&mut *tx)
            .await?;
        for hash in hashes {
            sqlx::query("INSERT INTO recovery_code (officer, hash) VALUES (?, ?)")
                .bind(officer)
                .bind(hash.as_slice())
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn take_recovery_code(
        &self,
        officer: &str,
        hash: &[u8; 32],
        at: i64,
    ) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE recovery_code SET used_at = ? WHERE officer = ? AND hash = ? AND used_at IS NULL",
        )
        .bind(at)
        .bind(officer)
        .bind(hash.as_slice())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn begin_session(&self, session: &Session) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO session (hash, holder, kind, begun_at, seen_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(session.hash.as_slice())
        .bind(session.holder.as_str())
        .bind(session.holder.kind())
        .bind(session.begun_at)
        .bind(session.seen_at)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, Error> {
        let row = sqlx::query("SELECT holder, kind, begun_at, seen_at FROM session WHERE hash = ?")
            .bind(hash.as_slice())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| {
            let kind: String = row.try_get("kind")?;
            let holder = Holder::read(&kind, row.try_get("holder")?)
                .ok_or(Error::Unreadable { column: "kind" })?;
            let (begun_at, seen_at) = (row.try_get("begun_at")?, row.try_get("seen_at")?);
            Ok(Session { hash: *hash, holder, begun_at, seen_at })
        })
        .transpose()
    }

    async fn touch_session(&self, hash: &[u8; 32], at: i64) -> Result<(), Error> {
        sqlx::query("UPDATE session SET seen_at = max(seen_at, ?) WHERE hash = ?")
            .bind(at)
            .bind(hash.as_slice())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn end_session(&self, hash: &[u8; 32]) -> Result<(), Error> {
        sqlx::query("DELETE FROM session WHERE hash = ?")
            .bind(hash.as_slice())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn end_sessions(&self, holder: &Holder) -> Result<u64, Error> {
        let done = sqlx::query("DELETE FROM session WHERE kind = ? AND holder = ?")
            .bind(holder.kind())
            .bind(holder.as_str())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected())
    }

    async fn count_sessions(&self, seen_since: i64) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM session WHERE seen_at >= ?")
            .bind(seen_since)
            .fetch_one(&self.readers)
            .await?;
        Ok(count.cast_unsigned())
    }

    async fn add_key(
        &self,
        officer: &str,
        hash: &[u8; 32],
        at: i64,
        expires_at: i64,
    ) -> Result<i64, Error> {
        let done = sqlx::query(
            "INSERT INTO access_key (officer, hash, made_at, expires_at)
             SELECT officer, ?2, ?3, ?4 FROM account WHERE officer = ?1 AND closed_at IS NULL",
        )
        .bind(officer)
        .bind(hash.as_slice())
        .bind(at)
        .bind(expires_at)
        .execute(&self.writer)
        .await?;
        if done.rows_affected() == 1 {
            Ok(done.last_insert_rowid())
        } else {
            Err(Error::NoSuchAccount)
        }
    }

    async fn key_holder(&self, hash: &[u8; 32], now: i64) -> Result<Option<Account>, Error> {
        let row = sqlx::query(
            "SELECT account.* FROM access_key JOIN account USING (officer)
             WHERE access_key.hash = ? AND access_key.revoked_at IS NULL AND access_key.expires_at > ?
               AND account.closed_at IS NULL",
        )
        .bind(hash.as_slice())
        .bind(now)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(read_account).transpose()
    }

    async fn keys(&self) -> Result<Vec<AccessKey>, Error> {
        let rows = sqlx::query("SELECT * FROM access_key ORDER BY number")
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let revoked: Option<i64> = row.try_get("revoked_at")?;
                Ok(AccessKey {
                    number: row.try_get("number")?,
                    officer: row.try_get("officer")?,
                    made_at: row.try_get("made_at")?,
                    expires_at: row.try_get("expires_at")?,
                    revoked: revoked.is_some(),
                })
            })
            .collect()
    }

    async fn revoke_key(&self, number: i64, at: i64) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE access_key SET revoked_at = ? WHERE number = ? AND revoked_at IS NULL",
        )
        .bind(at)
        .bind(number)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn issue_code(
        &self,
        holder: &Holder,
        hash: &[u8; 32],
        at: i64,
        expires_at: i64,
    ) -> Result<(), Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM one_time_code WHERE kind = ? AND holder = ? AND used_at IS NULL")
            .bind(holder.kind())
            .bind(holder.as_str())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO one_time_code (hash, holder, kind, made_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(hash.as_slice())
        .bind(holder.as_str())
        .bind(holder.kind())
        .bind(at)
        .bind(expires_at)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn take_code(&self, hash: &[u8; 32], now: i64) -> Result<Option<(Holder, i64)>, Error> {
        let row = sqlx::query(
            "UPDATE one_time_code SET used_at = ?2
             WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2 RETURNING holder, kind, expires_at",
        )
        .bind(hash.as_slice())
        .bind(now)
        .fetch_optional(&self.writer)
        .await?;
        row.map(|row| {
            let kind: String = row.try_get("kind")?;
            let holder = Holder::read(&kind, row.try_get("holder")?);
            Ok((holder.ok_or(Error::Unreadable { column: "kind" })?, row.try_get("expires_at")?))
        })
        .transpose()
    }

    async fn note_attempt(&self, attempt: &Attempt) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO attempt (kind, holder, address, at, outcome) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(attempt.kind)
        .bind(attempt.holder.as_slice())
        .bind(attempt.address.as_slice())
        .bind(attempt.at)
        .bind(attempt.outcome)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn failures(
        &self,
        kind: &'static str,
        holder: &[u8; 32],
        since: i64,
    ) -> Result<u32, Error> {
        // `waiting` is no failure: asking again too early must not keep anybody out for ever.
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM attempt
             WHERE kind = ?1 AND holder = ?2 AND at > ?3 AND outcome IN ('wrong', 'replayed')
               AND number > coalesce((SELECT max(number) FROM attempt WHERE kind = ?1 AND holder = ?2 AND outcome = 'in'), 0)",
        )
        .bind(kind)
        .bind(holder.as_slice())
        .bind(since)
        .fetch_one(&self.readers)
        .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn receive(&self, message: &Received) -> Result<Option<i64>, Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT OR IGNORE INTO received (party, number, digest, body, at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&message.party)
        .bind(&message.number)
        .bind(message.digest.as_slice())
        .bind(&message.body)
        .bind(message.at)
        .execute(&mut *tx)
        .await?;
        let at: Option<i64> = sqlx::query_scalar(
            "SELECT at FROM received WHERE party = ? AND number = ? AND digest = ?",
        )
        .bind(&message.party)
        .bind(&message.number)
        .bind(message.digest.as_slice())
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(at)
    }

    async fn received(&self, limit: u32) -> Result<Vec<Received>, Error> {
        let rows = sqlx::query("SELECT * FROM received ORDER BY at DESC, party, number LIMIT ?")
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let digest: Vec<u8> = row.try_get("digest")?;
                Ok(Received {
                    party: row.try_get("party")?,
                    number: row.try_get("number")?,
                    digest: digest
                        .try_into()
                        .map_err(|_| Error::Unreadable { column: "digest" })?,
                    body: row.try_get("body")?,
                    at: row.try_get("at")?,
                })
            })
            .collect()
    }

    async fn keep_vote(&self, vote: &Vote) -> Result<(), Error> {
        sqlx::query("INSERT OR REPLACE INTO vote (subject, title, member, is_for, at) VALUES (?, ?, ?, ?, ?)")
            .bind(&vote.subject)
            .bind(&vote.title)
            .bind(&vote.member)
            .bind(vote.is_for)
            .bind(vote.at)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn votes(&self) -> Result<Vec<Vote>, Error> {
        let rows = sqlx::query("SELECT * FROM vote ORDER BY at DESC, subject, member")
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Vote {
                    subject: row.try_get("subject")?,
                    title: row.try_get("title")?,
                    member: row.try_get("member")?,
                    is_for: row.try_get("is_for")?,
                    at: row.try_get("at")?,
                })
            })
            .collect()
    }

    async fn sweep(
        &self,
        sessions_before: i64,
        codes_before: i64,
        attempts_before: i64,
    ) -> Result<(), Error> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for (statement, before) in [
            ("DELETE FROM session WHERE seen_at < ?", sessions_before),
            ("DELETE FROM one_time_code WHERE expires_at < ?", codes_before),
            ("DELETE FROM attempt WHERE at < ?", attempts_before),
        ] {
            sqlx::query(statement).bind(before).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn is_alive(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }
}
