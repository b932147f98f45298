//! Who may come in: accounts of officers, their roles under each agreement, sessions, keys of other systems, and
//! one-time codes of individuals.
//!
//! It keeps and looks up; whether a password is right or a person may act is decided elsewhere (the server, the gate).
//! No secret comes here as such: passwords come hashed, codes and keys as digests, the secrets of time-based codes
//! sealed. It is kept apart from the cases, so that nobody waits for a case's transaction to sign in.

mod database;
mod kept;
pub mod postgres;
pub mod sqlite;

pub use database::AccountDatabase;

pub use agreement::OfficerRole as Role;

use crate::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

/// An officer's account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The officer's id, by which the gate and the ledger know them.
    pub officer: String,
    /// The name shown in the console.
    pub name: String,
    /// The hashed password (a PHC string); none for a system, or where another issuer vouches.
    pub password: Option<String>,
    /// The sealed secret of time-based codes.
    pub code_secret: Option<Vec<u8>>,
    /// Who vouches for the officer, and the issuer's name for them.
    pub issued: Option<(String, String)>,
    /// Whether the officer has to choose other means before anything else: somebody else saw those they have.
    pub must_change: bool,
    /// Whether the account has been closed.
    pub closed: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("officer", &"[redacted]")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// Whose session or code it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// An officer, by id.
    Officer(String),
    /// The individual whom a case concerns, by the case's number.
    Individual(String),
}

impl Holder {
    /// Returns the word as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Holder::Officer(_) => "officer",
            Holder::Individual(_) => "individual",
        }
    }

    /// Returns the officer's id or the case's number.
    pub fn as_str(&self) -> &str {
        match self {
            Holder::Officer(text) | Holder::Individual(text) => text,
        }
    }

    fn read(kind: &str, text: String) -> Option<Holder> {
        match kind {
            "officer" => Some(Holder::Officer(text)),
            "individual" => Some(Holder::Individual(text)),
            _ => None,
        }
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holder({}, [redacted])", self.kind())
    }
}

/// A session, as kept: the secret itself is with the browser alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Whose it is.
    pub holder: Holder,
    /// When it began, in seconds.
    pub begun_at: i64,
    /// When it was last used, in seconds; kept to the minute.
    pub seen_at: i64,
}

/// A key by which another system acts in the name of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// Its number.
    pub number: i64,
    /// The account.
    pub officer: String,
    /// When it was made, in seconds.
    pub made_at: i64,
    /// When it ends, in seconds.
    pub expires_at: i64,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Somebody tried to come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `officer` or `individual`.
    pub kind: &'static str,
    /// A keyed digest of the name or number that was typed.
    pub holder: [u8; 32],
    /// A keyed digest of the address it came from.
    pub address: [u8; 32],
    /// When, in seconds.
    pub at: i64,
    /// What came of it: `in`, `wrong`, `replayed`, `closed`, `waiting`.
    pub outcome: &'static str,
}

/// A message of another party's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The party.
    pub party: String,
    /// The party's own number for it.
    pub number: String,
    /// SHA-256 of the message as it came.
    pub digest: [u8; 32],
    /// The message, sealed.
    pub body: Vec<u8>,
    /// When it was taken, in seconds.
    pub at: i64,
}

/// A dispute that another party has raised about a record of ours, and how far our answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The message that raised it.
    pub message: Received,
    /// By when it must be answered, in seconds.
    pub due: i64,
    /// Our answer, sealed, and when it was given.
    pub answer: Option<(Vec<u8>, i64)>,
    /// How often the answer was sent.
    pub attempts: u32,
    /// When the answer is sent next; none before it is given, and once it is acknowledged.
    pub next: Option<i64>,
}

/// How a member of the board voted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// What on, by its digest.
    pub subject: String,
    /// What on, in words.
    pub title: String,
    /// The member.
    pub member: String,
    /// Whether it was for it.
    pub is_for: bool,
    /// When, in seconds.
    pub at: i64,
}

/// Keeps accounts, sessions, keys, codes and the board's votes.
///
/// # Promises
/// 1. **Durable on return**, as [`Store`](crate::Store).
/// 2. **Once.** [`take_step`](AccountStore::take_step), [`take_recovery_code`](AccountStore::take_recovery_code),
///    [`take_code`](AccountStore::take_code) and [`receive`](AccountStore::receive) say yes to exactly one of any
///    number of callers that ask for the same thing, at once or after a restart.
/// 3. **No secret.** What is stored lets nobody sign in.
pub trait AccountStore {
    /// Adds an account. It is an error if the officer has one ([`Error::AccountThere`]).
    fn add_account(
        &self,
        account: &Account,
        at: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns an officer's account.
    fn account(&self, officer: &str)
    -> impl Future<Output = Result<Option<Account>, Error>> + Send;

    /// Returns the account for whom an issuer vouches under a name.
    fn account_issued(
        &self,
        issuer: &str,
        issued_as: &str,
    ) -> impl Future<Output = Result<Option<Account>, Error>> + Send;

    /// Returns every account with its roles under a program, in the order of ids.
    fn accounts(
        &self,
        program: &str,
    ) -> impl Future<Output = Result<Vec<(Account, BTreeSet<Role>)>, Error>> + Send;

    /// Returns an officer's roles under a program.
    fn roles(
        &self,
        officer: &str,
        program: &str,
    ) -> impl Future<Output = Result<BTreeSet<Role>, Error>> + Send;

    /// Returns every officer's roles under a program, as the gate wants them. Closed accounts have none.
    fn all_roles(
        &self,
        program: &str,
    ) -> impl Future<Output = Result<BTreeMap<String, BTreeSet<Role>>, Error>> + Send;

    /// Sets an officer's roles under a program, and ends the officer's sessions: they begin again with the new ones.
    fn set_roles(
        &self,
        officer: &str,
        program: &str,
        roles: &BTreeSet<Role>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Sets password and sealed code secret, and ends the officer's sessions.
    fn set_means(
        &self,
        officer: &str,
        password: Option<&str>,
        code_secret: Option<&[u8]>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Keeps whether an officer has to choose other means before anything else.
    fn set_must_change(
        &self,
        officer: &str,
        must_change: bool,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Closes an account: its sessions and keys end.
    fn close_account(
        &self,
        officer: &str,
        at: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes the step of a time-based code, unless it or a later one was taken (RFC 6238 §5.2). Says whether it was
    /// taken by this call.
    fn take_step(
        &self,
        officer: &str,
        step: u64,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Replaces an officer's recovery codes by others, given as digests.
    fn set_recovery_codes(
        &self,
        officer: &str,
        hashes: &[[u8; 32]],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes a recovery code that was not taken yet. Says whether there was one.
    fn take_recovery_code(
        &self,
        officer: &str,
        hash: &[u8; 32],
        at: i64,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Begins a session.
    fn begin_session(&self, session: &Session) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns a session by the digest of its secret; whether it has ended by the clock is the caller's to say.
    fn session(
        &self,
        hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<Session>, Error>> + Send;

    /// Notes that a session was used.
    fn touch_session(
        &self,
        hash: &[u8; 32],
        at: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ends a session.
    fn end_session(&self, hash: &[u8; 32]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Ends every session of somebody. Returns how many there were.
    fn end_sessions(&self, holder: &Holder) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Counts the sessions used since an instant.
    fn count_sessions(&self, seen_since: i64) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Adds a key, given as a digest. Returns its number.
    fn add_key(
        &self,
        officer: &str,
        hash: &[u8; 32],
        at: i64,
        expires_at: i64,
    ) -> impl Future<Output = Result<i64, Error>> + Send;

    /// Returns the account whose key this is, if the key is neither revoked nor over.
    fn key_holder(
        &self,
        hash: &[u8; 32],
        now: i64,
    ) -> impl Future<Output = Result<Option<Account>, Error>> + Send;

    /// Returns every key.
    fn keys(&self) -> impl Future<Output = Result<Vec<AccessKey>, Error>> + Send;

    /// Revokes a key. Says whether there was one to revoke.
    fn revoke_key(&self, number: i64, at: i64) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Issues a one-time code, given as a digest; earlier ones of the same holder are void.
    fn issue_code(
        &self,
        holder: &Holder,
        hash: &[u8; 32],
        at: i64,
        expires_at: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes a one-time code that is neither taken nor over, and says whose it was and when it would have ended.
    fn take_code(
        &self,
        hash: &[u8; 32],
        now: i64,
    ) -> impl Future<Output = Result<Option<(Holder, i64)>, Error>> + Send;

    /// Keeps that whoever an issuer knows under a name, given as a keyed digest of both, is the individual whom a case
    /// concerns, as long as the last code of theirs counts. Says whether there is such a code.
    fn bind_issued(
        &self,
        hash: &[u8; 32],
        case: &str,
        now: i64,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Returns the case of whom an issuer knows under a name, if that was kept and is not over.
    fn issued_individual(
        &self,
        hash: &[u8; 32],
        now: i64,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// Notes that somebody tried to come in.
    fn note_attempt(&self, attempt: &Attempt) -> impl Future<Output = Result<(), Error>> + Send;

    /// Counts what was tried in vain for one name since an instant, after the last time that it went well.
    fn failures(
        &self,
        kind: &'static str,
        holder: &[u8; 32],
        since: i64,
    ) -> impl Future<Output = Result<u32, Error>> + Send;

    /// Keeps a message of another party, by the party's own number for it. Says when it was first taken, and none if the
    /// number came before with another message.
    fn receive(
        &self,
        message: &Received,
    ) -> impl Future<Output = Result<Option<i64>, Error>> + Send;

    /// Returns the messages received, the latest first, at most so many.
    fn received(&self, limit: u32) -> impl Future<Output = Result<Vec<Received>, Error>> + Send;

    /// Keeps a dispute of another party, by the party's own number for it. Says when it was first taken, and none if the
    /// number came before with another message.
    fn raise(
        &self,
        message: &Received,
        due: i64,
    ) -> impl Future<Output = Result<Option<i64>, Error>> + Send;

    /// Returns the disputes raised, those not answered first and of these what is due first, at most so many.
    fn raised(&self, limit: u32) -> impl Future<Output = Result<Vec<Raised>, Error>> + Send;

    /// Keeps the answer to a dispute, to be sent at once. Says no if it was answered before, or there is none.
    fn answer_raised(
        &self,
        party: &str,
        number: &str,
        answer: &[u8],
        at: i64,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Returns answers that are to be sent now, at most so many.
    fn answers_due(
        &self,
        now: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Raised>, Error>> + Send;

    /// Notes how far an answer is.
    fn note_answer(
        &self,
        party: &str,
        number: &str,
        attempts: u32,
        next: Option<i64>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Keeps a member's vote; an earlier one of theirs on the same subject is replaced.
    fn keep_vote(&self, vote: &Vote) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns every vote, the latest first.
    fn votes(&self) -> impl Future<Output = Result<Vec<Vote>, Error>> + Send;

    /// Removes sessions, codes and attempts that are over: sessions not used since, codes that ended before, attempts
    /// made before an instant.
    fn sweep(
        &self,
        sessions_before: i64,
        codes_before: i64,
        attempts_before: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Asks the database for a sign of life.
    fn is_alive(&self) -> impl Future<Output = Result<(), Error>> + Send;
}
