//! `comity key`: makes a signing key, or changes one for another.

use super::{Done, Which, shown};
use crate::Error;
use crate::clock::{self, Clock};
use crate::node::write_secret;
use crate::printer::Printer;
use crate::program::{self, read};
use agreement::{Environment, Filed, KeyChange, PartyId, Signer, SignerRole, SigningKey};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Makes a key and prints its public part, which goes into the agreement
    New {
        /// The secret's file; it must not be there yet
        file: PathBuf,
        /// Whether the key is for tests; production keys sign production agreements alone
        #[arg(long)]
        test: bool,
    },
    /// Changes the key that wraps the case store's keys, which stay as they are
    Rewrap(Which),
    /// States, signed with the old key, that a new one takes its place
    Rotate {
        /// The old secret's file
        old: PathBuf,
        /// The new secret's file; it must not be there yet
        new: PathBuf,
        /// The program's folder, whose keys/ gets the statement
        #[arg(long)]
        program: PathBuf,
        /// The party whose key it is
        #[arg(long = "as", value_name = "PARTY")]
        party: String,
        /// The key is the party's board's
        #[arg(long)]
        board: bool,
    },
}

impl Words {
    pub(super) fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        match self.what {
            What::New { file, test } => {
                let environment = if test { Environment::Test } else { Environment::Production };
                let key = SigningKey::new(environment, clock::random()?);
                write_secret(&file, &key.to_secret_text())?;
                printer.json(&serde_json::json!({ "secret": shown(&file), "public": key.public().to_string() }));
                printer.labelled(
                    "secret",
                    &format!("{} (only you can read it; keep it so)", shown(&file)),
                );
                printer.labelled("public", &key.public().to_string());
            }
            What::Rewrap(which) => {
                which.places().open_vault()?.rotate()?;
                printer.json(&serde_json::json!({ "rewrapped": true }));
                printer
                    .labelled("keys", "wrapped anew; copies of the old key open nothing any more");
            }
            What::Rotate { old, new, program, party, board } => {
                let agreement = program::read_agreement(&program, "agreement.toml")?;
                clock.is_for(agreement.environment)?;
                let role = if board { SignerRole::Board } else { SignerRole::Party };
                let signer = Signer { id: PartyId::new(&party)?, role };
                let old = SigningKey::from_secret_text(&read(&old)?)?;
                is_current(&program::read_filed(&program, agreement.clone())?, &signer, &old)?;
                let fresh = SigningKey::new(agreement.environment, clock::random()?);
                let change = KeyChange::new(&signer, &old, &fresh, clock.now())?;
                write_secret(&new, &fresh.to_secret_text())?;
                let day = clock.now().strftime("%Y%m%dT%H%M%SZ");
                let name = format!("{party}-{role}-{day}");
                let file = file_anew(&program.join("keys"), &name, &change.to_text()?)?;
                printer.json(&serde_json::json!({ "statement": shown(&file), "public": fresh.public().to_string() }));
                printer.labelled("statement", &shown(&file));
                printer.labelled("public", &fresh.public().to_string());
            }
        }
        Ok(Done::Well)
    }
}

/// Says that a key is its signer's newest, under the changes that are filed. A key that was changed before cannot be
/// changed again: two changes of one key leave its signer with none, and then everything is refused.
fn is_current(filed: &Filed, signer: &Signer, key: &SigningKey) -> Result<(), Error> {
    let joined = filed.annexes.iter().map(|annex| &annex.party);
    let party = filed.agreement.parties.iter().chain(joined).find(|party| party.id == signer.id);
    let first = party.and_then(|party| match signer.role {
        SignerRole::Party => Some(&party.key),
        SignerRole::Board => party.board.as_ref().map(|board| &board.key),
        SignerRole::Auditor => None,
    });
    let (id, role) = (signer.id.clone(), signer.role);
    let first = first.ok_or(agreement::Error::UnknownSigner { signer: id.clone(), role })?;
    let key = key.public();
    let mut own =
        filed.key_changes.iter().filter(|change| change.signer == id && change.role == role);
    if own.clone().any(|change| change.key == key) {
        return Err(Error::ReplacedKey { signer: signer.to_string() });
    }
    if *first == key || own.any(|change| change.new_key == key) {
        Ok(())
    } else {
        Err(agreement::Error::OtherKey { signer: id, role }.into())
    }
}

/// Writes a statement under a name that no other has, and never over one: two in the same second are two.
fn file_anew(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let beside = folder.join(format!("{name}.new"));
    program::write(&beside, text)?;
    let mut number = 1_u32;
    let filed = loop {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let file = folder.join(format!("{name}{again}.toml"));
        match fs::hard_link(&beside, &file) {
            Ok(()) => break Ok(file),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => break Err(Error::CannotWrite { path: file, source }),
        }
    };
    let _ = fs::remove_file(&beside);
    filed
}
