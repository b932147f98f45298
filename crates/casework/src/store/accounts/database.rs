//! Accounts in either database. It only passes calls on.

use super::postgres::PostgresAccounts;
use super::sqlite::SqliteAccounts;
use super::{
    AccessKey, Account, AccountStore, Attempt, Holder, Raised, Received, Role, Session, Vote,
};
use crate::Error;
use std::collections::{BTreeMap, BTreeSet};

/// Accounts in one of the databases there are.
#[derive(Clone, Debug)]
pub enum AccountDatabase {
    /// A SQLite file.
    Sqlite(SqliteAccounts),
    /// A schema of a PostgreSQL server.
    Postgres(PostgresAccounts),
}

/// Passes a call on to the database that there is.
macro_rules! on {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            AccountDatabase::Sqlite($store) => $call.await,
            AccountDatabase::Postgres($store) => $call.await,
        }
    };
}

impl AccountStore for AccountDatabase {
    async fn add_account(&self, account: &Account, at: i64) -> Result<(), Error> {
        on!(self, store => store.add_account(account, at))
    }

    async fn account(&self, officer: &str) -> Result<Option<Account>, Error> {
        on!(self, store => store.account(officer))
    }

    async fn account_issued(
        &self,
        issuer: &str,
        issued_as: &str,
    ) -> Result<Option<Account>, Error> {
        on!(self, store => store.account_issued(issuer, issued_as))
    }

    async fn accounts(&self, program: &str) -> Result<Vec<(Account, BTreeSet<Role>)>, Error> {
        on!(self, store => store.accounts(program))
    }

    async fn roles(&self, officer: &str, program: &str) -> Result<BTreeSet<Role>, Error> {
        on!(self, store => store.roles(officer, program))
    }

    async fn all_roles(&self, program: &str) -> Result<BTreeMap<String, BTreeSet<Role>>, Error> {
        on!(self, store => store.all_roles(program))
    }

    async fn set_roles(
        &self,
        officer: &str,
        program: &str,
        roles: &BTreeSet<Role>,
    ) -> Result<(), Error> {
        on!(self, store => store.set_roles(officer, program, roles))
    }

    async fn set_means(
        &self,
        officer: &str,
        password: Option<&str>,
        code_secret: Option<&[u8]>,
    ) -> Result<(), Error> {
        on!(self, store => store.set_means(officer, password, code_secret))
    }

    async fn set_must_change(&self, officer: &str, must_change: bool) -> Result<(), Error> {
        on!(self, store => store.set_must_change(officer, must_change))
    }

    async fn close_account(&self, officer: &str, at: i64) -> Result<(), Error> {
        on!(self, store => store.close_account(officer, at))
    }

    async fn take_step(&self, officer: &str, step: u64) -> Result<bool, Error> {
        on!(self, store => store.take_step(officer, step))
    }

    async fn set_recovery_codes(&self, officer: &str, hashes: &[[u8; 32]]) -> Result<(), Error> {
        on!(self, store => store.set_recovery_codes(officer, hashes))
    }

    async fn take_recovery_code(
        &self,
        officer: &str,
        hash: &[u8; 32],
        at: i64,
    ) -> Result<bool, Error> {
        on!(self, store => store.take_recovery_code(officer, hash, at))
    }

    async fn begin_session(&self, session: &Session) -> Result<(), Error> {
        on!(self, store => store.begin_session(session))
    }

    async fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, Error> {
        on!(self, store => store.session(hash))
    }

    async fn touch_session(&self, hash: &[u8; 32], at: i64) -> Result<(), Error> {
        on!(self, store => store.touch_session(hash, at))
    }

    async fn end_session(&self, hash: &[u8; 32]) -> Result<(), Error> {
        on!(self, store => store.end_session(hash))
    }

    async fn end_sessions(&self, holder: &Holder) -> Result<u64, Error> {
        on!(self, store => store.end_sessions(holder))
    }

    async fn count_sessions(&self, seen_since: i64) -> Result<u64, Error> {
        on!(self, store => store.count_sessions(seen_since))
    }

    async fn add_key(
        &self,
        officer: &str,
        hash: &[u8; 32],
        at: i64,
        expires_at: i64,
    ) -> Result<i64, Error> {
        on!(self, store => store.add_key(officer, hash, at, expires_at))
    }

    async fn key_holder(&self, hash: &[u8; 32], now: i64) -> Result<Option<Account>, Error> {
        on!(self, store => store.key_holder(hash, now))
    }

    async fn keys(&self) -> Result<Vec<AccessKey>, Error> {
        on!(self, store => store.keys())
    }

    async fn revoke_key(&self, number: i64, at: i64) -> Result<bool, Error> {
        on!(self, store => store.revoke_key(number, at))
    }

    async fn keep_vote(&self, vote: &Vote) -> Result<(), Error> {
        on!(self, store => store.keep_vote(vote))
    }

    async fn votes(&self) -> Result<Vec<Vote>, Error> {
        on!(self, store => store.votes())
    }

    async fn issue_code(
        &self,
        holder: &Holder,
        hash: &[u8; 32],
        at: i64,
        expires_at: i64,
    ) -> Result<(), Error> {
        on!(self, store => store.issue_code(holder, hash, at, expires_at))
    }

    async fn take_code(&self, hash: &[u8; 32], now: i64) -> Result<Option<(Holder, i64)>, Error> {
        on!(self, store => store.take_code(hash, now))
    }

    async fn bind_issued(&self, hash: &[u8; 32], case: &str, now: i64) -> Result<bool, Error> {
        on!(self, store => store.bind_issued(hash, case, now))
    }

    async fn issued_individual(&self, hash: &[u8; 32], now: i64) -> Result<Option<String>, Error> {
        on!(self, store => store.issued_individual(hash, now))
    }

    async fn note_attempt(&self, attempt: &Attempt) -> Result<(), Error> {
        on!(self, store => store.note_attempt(attempt))
    }

    async fn failures(
        &self,
        kind: &'static str,
        holder: &[u8; 32],
        since: i64,
    ) -> Result<u32, Error> {
        on!(self, store => store.failures(kind, holder, since))
    }

    async fn receive(&self, message: &Received) -> Result<Option<i64>, Error> {
        on!(self, store => store.receive(message))
    }

    async fn raise(&self, message: &Received, due: i64) -> Result<Option<i64>, Error> {
        on!(self, store => store.raise(message, due))
    }

    async fn raised(&self, limit: u32) -> Result<Vec<Raised>, Error> {
        on!(self, store => store.raised(limit))
    }

    async fn answer_raised(
        &self,
        party: &str,
        number: &str,
        answer: &[u8],
        at: i64,
    ) -> Result<bool, Error> {
        on!(self, store => store.answer_raised(party, number, answer, at))
    }

    async fn answers_due(&self, now: i64, limit: u32) -> Result<Vec<Raised>, Error> {
        on!(self, store => store.answers_due(now, limit))
    }

    async fn note_answer(
        &self,
        party: &str,
        number: &str,
        attempts: u32,
        next: Option<i64>,
    ) -> Result<(), Error> {
        on!(self, store => store.note_answer(party, number, attempts, next))
    }

    async fn received(&self, limit: u32) -> Result<Vec<Received>, Error> {
        on!(self, store => store.received(limit))
    }

    async fn sweep(
        &self,
        sessions_before: i64,
        codes_before: i64,
        attempts_before: i64,
    ) -> Result<(), Error> {
        on!(self, store => store.sweep(sessions_before, codes_before, attempts_before))
    }

    async fn is_alive(&self) -> Result<(), Error> {
        on!(self, store => store.is_alive())
    }
}
