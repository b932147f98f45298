//! `comity audit`: verifies a ledger from files alone, bytes first and then what the entries mean together.

use super::Done;
use crate::Error;
use crate::audit::{Audited, Wrong, audit, audit_files, hold_against, hold_to_agreements};
use crate::node::Places;
use crate::printer::{Printer, thousands};
use crate::program::{read, read_agreement, read_filed};
use crate::remote::Remote;
use crate::web;
use crate::witness::Certificates;
use agreement::Gate;
use ledger::{Checkpoint, Note, Policy, Verifier};
use std::path::PathBuf;

/// What became of a cosigned checkpoint: a sentence that is proved, or what is wrong with it; nothing if none came.
type Witnessed = Option<Result<String, Wrong>>;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The ledger's folder, or the folder that holds it, or the address of one on a web server (https://…)
    #[arg(value_name = "LEDGER")]
    ledger: String,
    /// The ledger's public key (a vkey file); the one beside the ledger if left out, which an address never has
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A checkpoint you hold from before: the ledger must continue it
    #[arg(long, value_name = "FILE")]
    held: Vec<PathBuf>,
    /// A checkpoint with witnesses' cosignatures: the ledger must continue it, and the policy must accept it
    #[arg(long, value_name = "FILE", requires = "policy")]
    cosigned: Option<PathBuf>,
    /// Whose signatures are wanted (C2SP tlog-policy)
    #[arg(long, value_name = "FILE", requires = "cosigned")]
    policy: Option<PathBuf>,
    /// The folder of the register of requests that the program's look-ups are counted in: hold the ledger against it. The one in
    /// `requests` beside the ledger if left out
    #[arg(long, value_name = "FOLDER")]
    register: Option<PathBuf>,
    /// The folder of the agreement that was signed: hold the register of requests that look-ups under it were counted in to the one
    /// that it names
    #[arg(long, value_name = "FOLDER")]
    agreement: Vec<PathBuf>,
    /// Law packs to decide decisions again with, besides those that ship with the program
    #[arg(long, value_name = "FOLDER")]
    pack: Vec<PathBuf>,
    /// The authorities whose certificates an address with https may show (PEM)
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Our certificate for a server that asks for one, with those above it (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["certificate_key", "trust"])]
    certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

/// Where the ledger is.
enum Source {
    Folder(PathBuf),
    Server(Remote),
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let source = self.source()?;
        let key = match (&self.key, &source) {
            (Some(key), _) => key.clone(),
            (None, Source::Folder(folder)) => folder.with_file_name("ledger.vkey"),
            (None, Source::Server(_)) => return Err(Error::NoKeyFromAfar),
        };
        let verifier = Verifier::parse(read(&key)?.trim())?;
        let held = self
            .held
            .iter()
            .map(|file| Ok(Checkpoint::open(read(file)?.as_bytes(), &verifier)?))
            .collect::<Result<Vec<_>, Error>>()?;
        let (witnessed, held) = self.witnessed(held)?;
        let packs = self.pack.iter().map(|pack| agreement::Pack::read_folder(pack));
        let packs = packs.collect::<Result<Vec<_>, _>>()?;
        let gate = if packs.is_empty() { Gate::shipped()? } else { Gate::new(packs)? };
        let mut audited = match &source {
            Source::Folder(folder) => audit(folder, &verifier, &held, &gate)?,
            Source::Server(remote) => {
                let mut audited = audit_files(remote, &verifier, &held, &gate)?;
                let text = "a web server does not say what else it has: what lies beside the ledger was not looked for";
                audited.open.push(text.to_owned());
                audited
            }
        };
        self.hold_to_the_agreements(&mut audited)?;
        self.hold_against_the_register(&source, &gate, &mut audited)?;
        match witnessed {
            Some(Ok(sentence)) if audited.is_sound() => audited.proved.push(sentence),
            Some(Ok(_)) => {}
            Some(Err(wrong)) => audited.wrong.push(wrong),
            None => audited.open.push(
                "no witness was asked for: give --cosigned and --policy to have their word"
                    .to_owned(),
            ),
        }
        printer.json(&audited);
        self.say(printer, &audited);
        Ok(if audited.is_sound() { Done::Well } else { Done::Wrong })
    }

    /// Finds the ledger: at an address, in the folder, or in the place for it under a program's folder.
    fn source(&self) -> Result<Source, Error> {
        if self.ledger.starts_with("https://") || self.ledger.starts_with("http://") {
            let tls = match (&self.certificate, &self.certificate_key, &self.trust) {
                (Some(own), Some(key), Some(trust)) => {
                    Some(Certificates::read(own, key, trust)?.client()?)
                }
                (_, _, Some(trust)) => Some(web::without_own_certificate(trust)?),
                _ => None,
            };
            return Ok(Source::Server(Remote::open(&self.ledger, tls)?));
        }
        let folder = PathBuf::from(&self.ledger);
        let candidates =
            [folder.clone(), folder.join("ledger"), folder.join("work").join("ledger")];
        let found = candidates.into_iter().find(|folder| folder.join("checkpoint").exists());
        found.map(Source::Folder).ok_or(Error::NoLedgerThere { path: folder })
    }

    /// Holds what look-ups were permitted on to the agreements that were signed.
    fn hold_to_the_agreements(&self, audited: &mut Audited) -> Result<(), Error> {
        let mut filed = Vec::new();
        for folder in &self.agreement {
            filed.push(read_filed(folder, read_agreement(folder, "agreement.toml")?)?);
        }
        hold_to_agreements(audited, &filed)
    }

    /// Holds the ledger against the register that its look-ups are counted in, with those of the recipient's other programs.
    fn hold_against_the_register(
        &self,
        source: &Source,
        gate: &Gate,
        audited: &mut Audited,
    ) -> Result<(), Error> {
        let beside = match source {
            Source::Folder(folder) => Some(folder.with_file_name("requests")),
            Source::Server(_) => None,
        };
        let beside = beside.filter(|folder| folder.join("ledger").join("checkpoint").exists());
        let Some(folder) = self.register.clone().or(beside) else {
            if audited.requests.want_a_register() {
                let text = "its look-ups are counted in a register of requests, with those of other programs: give --register to \
                            hold it against that";
                audited.open.push(text.to_owned());
            }
            return Ok(());
        };
        let register = Places::under(folder);
        let verifier = Verifier::parse(read(&register.ledger_key())?.trim())?;
        let register = audit(&register.ledger(), &verifier, &[], gate)?;
        hold_against(audited, &register);
        Ok(())
    }

    /// Judges the cosigned checkpoint, if one was given, and adds it to those that the ledger must continue.
    fn witnessed(&self, mut held: Vec<Checkpoint>) -> Result<(Witnessed, Vec<Checkpoint>), Error> {
        let (Some(cosigned), Some(policy)) = (&self.cosigned, &self.policy) else {
            return Ok((None, held));
        };
        let policy = Policy::parse(read(policy)?.as_bytes())?;
        let note = Note::parse(read(cosigned)?.as_bytes())?;
        let judged = match policy.judge(&note) {
            Ok(accepted) => {
                let size = accepted.checkpoint.size;
                let names: Vec<_> =
                    accepted.cosigned.iter().map(|(name, at)| format!("{name} at {at}")).collect();
                held.push(accepted.checkpoint);
                Ok(format!("it continues the {size} entries cosigned by {}", names.join(", ")))
            }
            Err(error) => Err(Wrong::with(
                cosigned.display().to_string(),
                error.to_string(),
                error.hint().unwrap_or("ask its keeper for the true one"),
            )),
        };
        Ok((Some(judged), held))
    }

    fn say(&self, printer: &Printer, audited: &Audited) {
        if audited.is_sound() {
            printer.labelled(
                "ledger",
                &format!("{}, {} entries", audited.origin, thousands(audited.entries)),
            );
            printer.labelled("root", &audited.root);
        }
        for sentence in &audited.proved {
            printer.wrapped("proved    ", sentence);
        }
        for sentence in &audited.erased {
            printer.wrapped("erased    ", sentence);
        }
        for sentence in &audited.open {
            printer.wrapped("open      ", sentence);
        }
        for place in &audited.unauthenticated {
            printer.wrapped(
                "beside    ",
                &format!("`{place}`: nobody answers for it; it is no part of what was signed"),
            );
        }
        for wrong in &audited.wrong {
            printer.wrapped("WRONG     ", &format!("{}: {}", wrong.place, wrong.what));
            printer.wrapped("          ", &wrong.remedy);
        }
        if self.key.is_none() {
            let text =
                "the key was taken from beside the ledger: compare it with the one you were given";
            printer.wrapped("open      ", text);
        }
        printer.labelled("audit", if audited.is_sound() { "sound" } else { "NOT sound" });
    }
}
