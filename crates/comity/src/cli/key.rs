//! `comity key`: makes a signing key, or changes one for another.

use super::{Done, Which, shown};
use crate::Error;
use crate::clock::{self, Clock};
use crate::node::write_secret;
use crate::printer::Printer;
use crate::program::{self, read};
use agreement::{Environment, KeyChange, PartyId, Signer, SignerRole, SigningKey};
use std::path::PathBuf;

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
                let fresh = SigningKey::new(agreement.environment, clock::random()?);
                let change = KeyChange::new(&signer, &old, &fresh, clock.now())?;
                write_secret(&new, &fresh.to_secret_text())?;
                let day = clock.now().strftime("%Y%m%dT%H%M%SZ");
                let file = program.join("keys").join(format!("{party}-{role}-{day}.toml"));
                program::write(&file, &change.to_text()?)?;
                printer.json(&serde_json::json!({ "statement": shown(&file), "public": fresh.public().to_string() }));
                printer.labelled("statement", &shown(&file));
                printer.labelled("public", &fresh.public().to_string());
            }
        }
        Ok(Done::Well)
    }
}
