//! `comity witness`: makes a witness's key, serves it, and asks other witnesses to cosign this ledger.

use super::tls::Tls;
use super::{Done, shown};
use crate::Error;
use crate::clock::{self, Clock};
use crate::node::write_secret;
use crate::printer::Printer;
use crate::program::{read, write};
use crate::witness::{ask, serve};
use ledger::{Cosigner, Directory, Disk, Name, Note, Policy, Reader, Verifier, Witness};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Makes a witness's key and prints its public part, which ledgers' owners put into their policies
    Key {
        /// The secret's file; it must not be there yet
        file: PathBuf,
        /// The witness's name, such as `court.example.gov/witness`
        #[arg(long)]
        name: String,
    },
    /// Cosigns the checkpoints of the ledgers it knows, for whoever asks, until it is stopped
    Serve {
        /// Where it remembers what it has cosigned; never restore it from a backup
        folder: PathBuf,
        /// The witness's secret
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The public key of a ledger it cosigns; again for each
        #[arg(long, value_name = "FILE", required = true)]
        log: Vec<PathBuf>,
        /// Where it listens
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7380")]
        listen: String,
        #[command(flatten)]
        tls: Tls,
    },
    /// Asks every witness of a policy that has an address, and keeps the checkpoint with what they signed
    Ask {
        /// The ledger's folder
        ledger: PathBuf,
        /// Whose signatures are wanted: logs, witnesses and quorum (C2SP tlog-policy)
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        /// Where the cosigned checkpoint goes
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        tls: Tls,
    },
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        match self.what {
            What::Key { file, name } => {
                let cosigner = Cosigner::from_random(Name::new(&name)?, clock::random()?);
                write_secret(&file, &cosigner.to_secret_text())?;
                let public = cosigner.verifier().to_string();
                printer.json(&serde_json::json!({ "secret": shown(&file), "public": public }));
                let secret = format!("{} (only you can read it; keep it so)", shown(&file));
                printer.labelled("secret", &secret);
                printer.labelled("public", &public);
                Ok(Done::Well)
            }
            What::Serve { folder, key, log, listen, tls } => {
                let cosigner = Cosigner::parse(read(&key)?.trim())?;
                let logs = log.iter().map(|file| Ok(Verifier::parse(read(file)?.trim())?));
                let logs = logs.collect::<Result<Vec<_>, Error>>()?;
                let config = tls.read()?.map(|certificates| certificates.server()).transpose()?;
                let witness = Witness::new(Disk::create(folder)?, cosigner, logs);
                let listener = tokio::net::TcpListener::bind(&listen).await;
                let failed = |why: std::io::Error| Error::Unreachable {
                    address: listen.clone(),
                    why: why.to_string(),
                };
                let listener = listener.map_err(failed)?;
                let at = listener.local_addr().map_err(failed)?.to_string();
                printer.json(&serde_json::json!({ "listening": at, "public": witness.verifier().to_string() }));
                printer.labelled("listening", &at);
                printer.labelled("public", &witness.verifier().to_string());
                serve(listener, config, witness, clock.clone(), std::future::pending()).await?;
                Ok(Done::Well)
            }
            What::Ask { ledger, policy, to, tls } => {
                let policy = Policy::parse(read(&policy)?.as_bytes())?;
                let config = tls.read()?.map(|certificates| certificates.client()).transpose()?;
                let reader = open(&ledger, &policy)?;
                let mut note = reader.note().clone();
                let mut refused = Vec::new();
                for witness in policy.witnesses() {
                    let Some(address) = &witness.address else {
                        continue;
                    };
                    let address = String::from_utf8_lossy(address);
                    match ask(&address, config.clone(), &reader, &witness.verifier).await {
                        Ok(cosigned) => note.add(cosigned.signatures().to_vec())?,
                        Err(error) => {
                            refused.push(format!("{}: {}", witness.verifier.name(), error.chain()));
                        }
                    }
                }
                write(&to, &note.to_string())?;
                Ok(say(printer, &policy, &note, &refused))
            }
        }
    }
}

/// Opens a ledger under the one key of the policy that has signed it.
fn open(folder: &PathBuf, policy: &Policy) -> Result<Reader<Directory>, Error> {
    let mut last = ledger::Error::NoKnownSignature;
    for log in policy.logs() {
        match Reader::open(Directory::new(folder), log.verifier.clone()) {
            Ok(reader) => return Ok(reader),
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

fn say(printer: &Printer, policy: &Policy, note: &Note, refused: &[String]) -> Done {
    let judged = policy.judge(note);
    let cosigned: Vec<_> = judged.iter().flat_map(|accepted| &accepted.cosigned).collect();
    let lines: Vec<_> = cosigned.iter().map(|(name, at)| format!("{name} at {at}")).collect();
    let quorum = judged.is_ok();
    printer.json(&serde_json::json!({ "cosigned": lines, "refused": refused, "quorum": quorum }));
    for line in &lines {
        printer.labelled("cosigned", line);
    }
    for line in refused {
        printer.wrapped("refused   ", line);
    }
    match judged {
        Ok(_) => printer.labelled("quorum", "reached"),
        Err(error) => printer.wrapped("quorum    ", &format!("NOT reached: {error}")),
    }
    if quorum { Done::Well } else { Done::Wrong }
}
