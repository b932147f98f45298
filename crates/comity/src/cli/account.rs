//! `comity account`: makes, lists and changes accounts of officers. The first is made here: no program has a password
//! that it came with.
//!
//! Whoever owns the folder acts as its operator. Each change is asked of the gate and in the ledger before it is made, as
//! in the console: nobody both sits on the board and works on cases, whoever asks.

use super::Done;
use crate::Error;
use crate::clock::Clock;
use crate::desk::{Officer, Read};
use crate::printer::Printer;
use crate::program::read;
use crate::server::{Accounts, App, Config, Means};
use agreement::{Account, Act, OfficerId, Refusal};
use casework::store::accounts::{AccountStore as _, Role};
use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The server's settings (TOML)
    #[arg(long, value_name = "FILE", global = true, default_value = "node.toml")]
    config: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Makes an account. The password is the first line of the standard input
    Add {
        /// The officer's id: small letters, digits, `-` and `_`
        officer: String,
        /// The name that the console shows
        #[arg(long)]
        name: String,
        /// A role under this program's agreement; again for each
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Vec<Role>,
        /// The account is another system's: it acts by keys, and nobody signs in with it
        #[arg(long)]
        system: bool,
        /// Who the issuer of the settings (`issuers.officers`) says the officer is: they sign in there, without a password
        #[arg(long, value_name = "SUBJECT", conflicts_with = "system")]
        issued_as: Option<String>,
        /// The file whose first line is the password, in place of the standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Lists the accounts and their roles
    List,
    /// Gives an officer these roles and no others; sessions end
    Roles {
        /// The officer
        officer: String,
        /// A role; again for each
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Vec<Role>,
    },
    /// Gives an officer a new password and a new secret for the app; sessions end
    Reset {
        /// The officer
        officer: String,
        /// The file whose first line is the password, in place of the standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Closes an account: its sessions and keys end
    Close {
        /// The officer
        officer: String,
    },
    /// Makes a key by which another system acts in the name of an account
    Key {
        /// The account
        officer: String,
        /// For how many days it counts
        #[arg(long, default_value = "90", value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
    },
    /// Revokes a key, or lists them if no number is given
    Keys {
        /// The key's number
        #[arg(long, value_name = "NUMBER")]
        revoke: Option<i64>,
    },
}

/// Who acts at the command line, as the ledger knows them.
const OPERATOR: &str = "command-line";

fn role(text: &str) -> Result<Role, String> {
    let all: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let word = text.replace('-', "_");
    Role::named(&word).ok_or_else(|| format!("there are {}", all.join(", ")))
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let config = Config::read(&self.config, |name| std::env::var(name).ok())?;
        let accounts = Accounts::open(&config).await?;
        let now = clock.now();
        match self.what {
            What::Add { officer, name, role, system, issued_as, password_file } => {
                let issued = issued_as.map(|subject| issued(&config, subject)).transpose()?;
                let by_password = !system && issued.is_none();
                let password = by_password.then(|| first_line(password_file)).transpose()?;
                let roles: BTreeSet<Role> = role.into_iter().collect();
                if let Some(refusal) = may(&config, clock, &officer, &roles).await? {
                    printer.refusal(&refusal);
                    return Ok(Done::Refused);
                }
                let made =
                    accounts.add(&officer, &name, password.as_deref(), issued, &roles, now).await?;
                printer.labelled("account", &officer);
                printer.labelled("roles", &spelled(&roles));
                say(printer, &officer, made.as_ref());
            }
            What::List => {
                let all = accounts.store.accounts(accounts.program()).await?;
                let shown: Vec<_> = all
                    .iter()
                    .map(|(account, roles)| {
                        serde_json::json!({
                            "officer": account.officer, "name": account.name, "closed": account.closed,
                            "roles": roles,
                        })
                    })
                    .collect();
                printer.json(&shown);
                if all.is_empty() {
                    printer.line("no accounts");
                }
                for (account, roles) in &all {
                    let closed = if account.closed { " (closed)" } else { "" };
                    printer.line(&format!(
                        "{:<20} {}{closed}: {}",
                        account.officer,
                        account.name,
                        spelled(roles)
                    ));
                }
            }
            What::Roles { officer, role } => {
                let roles: BTreeSet<Role> = role.into_iter().collect();
                if let Some(refusal) = may(&config, clock, &officer, &roles).await? {
                    printer.refusal(&refusal);
                    return Ok(Done::Refused);
                }
                accounts.set_roles(&officer, &roles).await?;
                printer.json(&serde_json::json!({ "officer": officer, "roles": roles }));
                printer.labelled("account", &officer);
                printer.labelled("roles", &spelled(&roles));
            }
            What::Reset { officer, password_file } => {
                let password = first_line(password_file)?;
                let roles = accounts.store.roles(&officer, accounts.program()).await?;
                if let Some(refusal) = may(&config, clock, &officer, &roles).await? {
                    printer.refusal(&refusal);
                    return Ok(Done::Refused);
                }
                let means = accounts.reset(&officer, &password).await?;
                printer.labelled("account", &officer);
                say(printer, &officer, Some(&means));
            }
            What::Close { officer } => {
                if let Some(refusal) = may(&config, clock, &officer, &BTreeSet::new()).await? {
                    printer.refusal(&refusal);
                    return Ok(Done::Refused);
                }
                accounts.store.close_account(&officer, now.as_second()).await?;
                printer.json(&serde_json::json!({ "closed": officer }));
                printer.labelled("closed", &officer);
            }
            What::Key { officer, days } => {
                let roles = accounts.store.roles(&officer, accounts.program()).await?;
                if let Some(refusal) = may(&config, clock, &officer, &roles).await? {
                    printer.refusal(&refusal);
                    return Ok(Done::Refused);
                }
                let key = accounts.new_key(&officer, days, now).await?;
                printer.json(&serde_json::json!({ "officer": officer, "key": key, "days": days }));
                printer.labelled("key", &key);
                printer.labelled("", "it is shown this once; send it as `Authorization: Bearer …`");
            }
            What::Keys { revoke } => {
                if let Some(number) = revoke {
                    let keys = accounts.store.keys().await?;
                    if let Some(key) = keys.iter().find(|key| key.number == number) {
                        let roles = accounts.store.roles(&key.officer, accounts.program()).await?;
                        if let Some(refusal) = may(&config, clock, &key.officer, &roles).await? {
                            printer.refusal(&refusal);
                            return Ok(Done::Refused);
                        }
                    }
                }
                if let Some(number) = revoke
                    && !accounts.store.revoke_key(number, now.as_second()).await?
                {
                    return Err(Error::Unrunnable {
                        what: format!("there is no key {number} to revoke"),
                    });
                }
                let keys = accounts.store.keys().await?;
                let stands = |revoked: bool, ends: i64| match (revoked, ends <= now.as_second()) {
                    (true, _) => "revoked",
                    (false, true) => "over",
                    (false, false) => "counts",
                };
                let shown: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        serde_json::json!({
                            "number": key.number, "officer": key.officer,
                            "state": stands(key.revoked, key.expires_at),
                        })
                    })
                    .collect();
                printer.json(&shown);
                for key in &keys {
                    let state = stands(key.revoked, key.expires_at);
                    printer.line(&format!("{:<5} {:<20} {state}", key.number, key.officer));
                }
            }
        }
        Ok(Done::Well)
    }
}

/// Returns by whom and as whom an officer is known elsewhere.
fn issued(config: &Config, subject: String) -> Result<(String, String), Error> {
    let issuer = config.issuers.officers.as_ref().ok_or_else(|| Error::BadConfig {
        place: "`issuers.officers`".to_owned(),
        why: "the settings name no issuer for officers".to_owned(),
    })?;
    Ok((issuer.address.clone(), subject))
}

/// Asks the gate for leave to give an account these roles, and waits until the ledger holds that it said yes.
async fn may(
    config: &Config,
    clock: &Clock,
    officer: &str,
    roles: &BTreeSet<Role>,
) -> Result<Option<Refusal>, Error> {
    let account = Account { officer: OfficerId::new(officer)?, roles: roles.clone() };
    let app = Box::pin(App::open(config.clone(), clock.clone())).await?;
    let operator = Officer { id: OfficerId::new(OPERATOR)?, roles: [Role::Operator].into() };
    let fill = |request: &mut agreement::CaseRequest| request.account = Some(account);
    match app.desk().permit(&operator, Act::ADMINISTER, fill, Vec::new()).await? {
        Read::Refused(refusal) => {
            app.node().await.drain().await?;
            Ok(Some(refusal))
        }
        Read::Shown((), lines) => {
            app.node().await.drain().await?;
            if app.desk().is_recorded(&lines).await? {
                return Ok(None);
            }
            Err(Error::Unrunnable { what: "the ledger does not hold the decision".to_owned() })
        }
    }
}

/// Reads a password: from a file, or from whoever types it or sends it.
fn first_line(file: Option<PathBuf>) -> Result<String, Error> {
    let text = if let Some(file) = file {
        read(&file)?
    } else {
        let mut line = String::new();
        let input = std::io::stdin().lock().read_line(&mut line);
        input.map_err(|source| Error::CannotRead { path: "the standard input".into(), source })?;
        line
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn spelled(roles: &BTreeSet<Role>) -> String {
    if roles.is_empty() {
        return "none".to_owned();
    }
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// Shows what lets an officer sign in, this once.
fn say(printer: &Printer, officer: &str, means: Option<&Means>) {
    let Some(means) = means else {
        printer.json(&serde_json::json!({ "officer": officer }));
        return;
    };
    printer.json(&serde_json::json!({
        "officer": officer, "app": means.app, "recovery": means.recovery,
    }));
    printer.labelled("app", &means.app);
    printer.labelled("", "put that into an authenticator app; it is shown this once");
    for code in &means.recovery {
        printer.labelled("code", code);
    }
    printer.labelled("", "keep those on paper: each counts once, when the app is lost");
}
