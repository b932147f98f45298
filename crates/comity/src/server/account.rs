//! Accounts as they are made and changed: passwords hashed, secrets of authenticator apps sealed, codes and keys shown
//! once and kept as digests. For the server, and for the command line, which makes the first account beside it.
//!
//! It decides nothing about who may be what: at the command line whoever owns the folder does, in the console the gate.

use super::config::Config;
use super::password;
use super::places;
use super::secret::{Carried, Secret};
use crate::{Error, program};
use agreement::OfficerId;
use casework::store::accounts::postgres::PostgresAccounts;
use casework::store::accounts::sqlite::SqliteAccounts;
use casework::store::accounts::{Account, AccountDatabase, AccountStore as _, Holder, Role};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;

/// The accounts of a node, with the secret that they are kept under.
pub struct Accounts {
    pub(crate) store: AccountDatabase,
    pub(crate) secret: Secret,
    program: String,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("program", &self.program).finish_non_exhaustive()
    }
}

/// What lets an officer sign in: shown once.
pub struct Means {
    /// The address that an authenticator app reads; it holds the secret.
    pub app: String,
    /// The app's secret itself.
    pub secret: Vec<u8>,
    /// Codes that count once each, for when the app is lost.
    pub recovery: Vec<String>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Means([redacted])")
    }
}

impl Accounts {
    /// Opens the accounts of the node that the settings name, making what is not there yet.
    ///
    /// # Errors
    /// The program cannot be read, or the store cannot be opened.
    pub async fn open(config: &Config) -> Result<Accounts, Error> {
        let agreement = program::read_agreement(&config.program, "agreement.toml")?;
        let places = places(config);
        crate::node::make_private(places.root())?;
        let store = match places.server() {
            Some(url) => AccountDatabase::Postgres(PostgresAccounts::open(url).await?),
            None => AccountDatabase::Sqlite(SqliteAccounts::open(&places.accounts()).await?),
        };
        let secret = Secret::open(&places)?;
        Ok(Accounts { store, secret, program: agreement.program.to_string() })
    }

    /// Returns the program's name, under which roles are given.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Makes an account. With a password it gets the secret of an authenticator app and ten codes for when that is
    /// lost; without, it is another system's, which acts by keys, or one that an issuer vouches for.
    ///
    /// # Errors
    /// The password is too weak, the officer has an account, or the store fails.
    pub async fn add(
        &self,
        officer: &str,
        name: &str,
        password: Option<&str>,
        issued: Option<(String, String)>,
        roles: &BTreeSet<Role>,
        now: Timestamp,
    ) -> Result<Option<Means>, Error> {
        // The gate's spelling is the account's.
        let officer = OfficerId::new(officer)?.to_string();
        let hashed = password.map(password::hash).transpose()?;
        let secret = password::code_secret()?;
        let sealed = self.secret.seal(&officer, &secret)?;
        let account = Account {
            officer: officer.clone(),
            name: name.to_owned(),
            code_secret: hashed.is_some().then_some(sealed),
            // Whoever made the account has seen what lets the officer in.
            must_change: hashed.is_some(),
            password: hashed,
            issued,
            closed: false,
        };
        self.store.add_account(&account, now.as_second()).await?;
        self.store.set_roles(&officer, &self.program, roles).await?;
        if password.is_none() {
            return Ok(None);
        }
        let recovery = self.renew_recovery(&officer).await?;
        let app = password::code_address(&secret, &officer).unwrap_or_default();
        Ok(Some(Means { app, secret, recovery }))
    }

    /// Gives an officer a new password, a new secret for the app and new codes; all sessions end.
    ///
    /// # Errors
    /// The password is too weak, there is no such account, or the store fails.
    pub async fn reset(&self, officer: &str, password: &str) -> Result<Means, Error> {
        let officer = OfficerId::new(officer)?.to_string();
        let hashed = password::hash(password)?;
        let secret = password::code_secret()?;
        let sealed = self.secret.seal(&officer, &secret)?;
        // First: if we crash after this, the officer has to change what they have.
        self.store.set_must_change(&officer, true).await?;
        self.store.set_means(&officer, Some(&hashed), Some(&sealed)).await?;
        let recovery = self.renew_recovery(&officer).await?;
        let app = password::code_address(&secret, &officer).unwrap_or_default();
        Ok(Means { app, secret, recovery })
    }

    /// Makes the secret of an authenticator app for an officer who has to choose other means: as it is shown to them, and
    /// as the form brings it back, sealed.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub(crate) fn offer(&self, officer: &str) -> Result<(String, Vec<u8>), Error> {
        let secret = password::code_secret()?;
        let address = password::code_address(&secret, officer).unwrap_or_default();
        Ok((address, self.secret.seal(officer, &secret)?))
    }

    /// Gives an officer the means that they chose themselves, and other codes for when the app is lost; all sessions end.
    ///
    /// # Errors
    /// The password is too weak, there is no such account, or the store fails.
    pub(crate) async fn choose(
        &self,
        officer: &str,
        password: &str,
        sealed: &[u8],
    ) -> Result<Vec<String>, Error> {
        let hashed = password::hash(password)?;
        let recovery = self.renew_recovery(officer).await?;
        self.store.set_means(officer, Some(&hashed), Some(sealed)).await?;
        // Last: if we crash before this, they choose again.
        self.store.set_must_change(officer, false).await?;
        Ok(recovery)
    }

    /// Gives an officer other roles; all sessions of theirs end.
    ///
    /// # Errors
    /// There is no such account, or the store fails.
    pub async fn set_roles(&self, officer: &str, roles: &BTreeSet<Role>) -> Result<(), Error> {
        Ok(self.store.set_roles(officer, &self.program, roles).await?)
    }

    /// Makes a key by which another system acts in the name of an account. It is shown once.
    ///
    /// # Errors
    /// There is no such account, or the store fails.
    pub async fn new_key(&self, officer: &str, days: u16, now: Timestamp) -> Result<String, Error> {
        let key = Carried::new()?;
        let now = now.as_second();
        self.store.add_key(officer, &key.hash(), now, now + i64::from(days) * 86_400).await?;
        Ok(key.as_str().to_owned())
    }

    /// Makes a link that signs an officer in once, within a day. The server takes such links in a demonstration alone.
    ///
    /// # Errors
    /// The store fails.
    pub async fn once_link(&self, officer: &str, now: Timestamp) -> Result<String, Error> {
        let code = password::once()?;
        let hash = self.secret.digest("once", &[&code.replace('-', "")]);
        let now = now.as_second();
        let holder = Holder::Officer(officer.to_owned());
        self.store.issue_code(&holder, &hash, now, now + 86_400).await?;
        Ok(format!("/sign-in/once/{code}"))
    }

    /// Makes the code that a notice prints, by which the individual proves to be the one it was sent to. It is shown
    /// nowhere else, counts once, and voids the case's earlier ones.
    ///
    /// # Errors
    /// The store fails.
    pub async fn notice_code(
        &self,
        case: &str,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<String, Error> {
        let code = password::once()?;
        let hash = self.secret.digest("notice", &[case, &code.replace('-', "")]);
        let holder = Holder::Individual(case.to_owned());
        self.store.issue_code(&holder, &hash, now.as_second(), ends.as_second()).await?;
        Ok(code)
    }

    async fn renew_recovery(&self, officer: &str) -> Result<Vec<String>, Error> {
        let codes = (0..10).map(|_| password::once()).collect::<Result<Vec<_>, _>>()?;
        let hashes: Vec<_> = codes
            .iter()
            .map(|code| self.secret.digest("recovery", &[officer, &code.replace('-', "")]))
            .collect();
        self.store.set_recovery_codes(officer, &hashes).await?;
        Ok(codes)
    }
}
