//! `comity audit`: verifies a ledger from files alone, bytes first and then what the entries mean together.

use super::Done;
use crate::Error;
use crate::audit::{Audited, Wrong, audit};
use crate::printer::{Printer, thousands};
use crate::program::read;
use agreement::Gate;
use ledger::{Checkpoint, Note, Policy, Verifier};
use std::path::PathBuf;

/// What became of a cosigned checkpoint: a sentence that is proved, or what is wrong with it; nothing if none came.
type Witnessed = Option<Result<String, Wrong>>;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The ledger's folder, or the folder that holds it
    folder: PathBuf,
    /// The ledger's public key (a vkey file); the one beside the ledger if left out
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
    /// Law packs to decide decisions again with, besides those that ship with the program
    #[arg(long, value_name = "FOLDER")]
    pack: Vec<PathBuf>,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let inside = |folder: &PathBuf| folder.join("checkpoint").exists();
        let candidates = [
            self.folder.clone(),
            self.folder.join("ledger"),
            self.folder.join("work").join("ledger"),
        ];
        let folder = candidates
            .into_iter()
            .find(inside)
            .ok_or_else(|| Error::NoLedgerThere { path: self.folder.clone() })?;
        let key = self.key.clone().unwrap_or_else(|| folder.with_file_name("ledger.vkey"));
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
        let mut audited = audit(&folder, &verifier, &held, &gate)?;
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
            Err(error) => Err(Wrong {
                place: cosigned.display().to_string(),
                what: error.to_string(),
                remedy: error.hint().unwrap_or("ask its keeper for the true one").to_owned(),
            }),
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
        for sentence in &audited.open {
            printer.wrapped("open      ", sentence);
        }
        for place in &audited.unauthenticated {
            printer.wrapped(
                "beside    ",
                &format!("`{place}` lies in the ledger's folder and is no part of the ledger"),
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
