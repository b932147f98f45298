//! `comity receipt`: makes the receipt of an entry, and verifies one from the file alone.

use super::{Done, shown};
use crate::Error;
use crate::event::Event;
use crate::printer::{Printer, thousands};
use crate::program::{read, write_private};
use crate::release::LEAD;
use ledger::receipt::Told;
use ledger::{Directory, Finder, Note, Opening, Outcome, Policy, Reader, Receipt, Verifier};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Makes the receipt of an entry, to be given to whom it concerns
    New {
        /// The ledger's folder
        ledger: PathBuf,
        /// Where the entry stands
        index: u64,
        /// Where the receipt goes; by custom it ends in `.tlog-proof`
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// The ledger's public key; the one beside the ledger if left out
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// A checkpoint that witnesses have cosigned; the ledger's own if left out
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// What opens some of the entry's commitments: a JSON list. Personal data.
        #[arg(long, value_name = "FILE")]
        openings: Option<PathBuf>,
    },
    /// Finds the disclosures about a person in a copy of a ledger, by what the person was given at their door
    Find {
        /// The ledger's folder
        ledger: PathBuf,
        /// The person's finders, one a line. Personal data
        #[arg(long, value_name = "FILE")]
        finder: PathBuf,
        /// The ledger's public key; the one beside the ledger if left out
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Verifies a receipt, with no network and no database
    Verify {
        /// The receipt
        file: PathBuf,
        /// The ledger's public key: no witness is then asked for
        #[arg(
            long,
            value_name = "FILE",
            required_unless_present = "policy",
            conflicts_with = "policy"
        )]
        key: Option<PathBuf>,
        /// Whose signatures are wanted (C2SP tlog-policy)
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        match self.what {
            What::New { ledger, index, to, key, checkpoint, openings } => {
                let key = key.unwrap_or_else(|| ledger.with_file_name("ledger.vkey"));
                let verifier = Verifier::parse(read(&key)?.trim())?;
                let reader = Reader::open(Directory::new(&ledger), verifier)?;
                let note = match checkpoint {
                    Some(file) => Note::parse(read(&file)?.as_bytes())?,
                    None => reader.note().clone(),
                };
                let openings = openings.map(|file| read_openings(&file)).transpose()?;
                let receipt = reader.receipt(index, &note, openings.unwrap_or_default())?;
                // It may hold what was returned about a person.
                write_private(&to, &receipt.to_string())?;
                printer.json(&serde_json::json!({ "receipt": shown(&to), "index": index }));
                printer.labelled("receipt", &shown(&to));
                Ok(Done::Well)
            }
            What::Find { ledger, finder, key } => {
                let key = key.unwrap_or_else(|| ledger.with_file_name("ledger.vkey"));
                let verifier = Verifier::parse(read(&key)?.trim())?;
                let text = read(&finder)?;
                let finders = text.split_whitespace().map(Finder::parse);
                let finders = finders.collect::<Result<Vec<_>, _>>()?;
                find(printer, &Directory::new(&ledger), &verifier, &finders)
            }
            What::Verify { file, key, policy } => {
                let policy = match (&key, &policy) {
                    (_, Some(policy)) => Policy::parse(read(policy)?.as_bytes())?,
                    (Some(key), None) => Policy::of_log(Verifier::parse(read(key)?.trim())?),
                    (None, None) => return Err(Error::Ledger(ledger::Error::NoKnownSignature)),
                };
                let receipt = Receipt::parse(read(&file)?.as_bytes());
                match receipt.and_then(|receipt| receipt.read(&policy)) {
                    Ok(told) => {
                        say(printer, &told);
                        Ok(Done::Well)
                    }
                    Err(error) => {
                        printer.json(
                            &serde_json::json!({ "sound": false, "wrong": error.to_string() }),
                        );
                        printer.wrapped("WRONG     ", &error.to_string());
                        if let Some(hint) = error.hint() {
                            printer.wrapped("          ", hint);
                        }
                        printer.labelled("receipt", "NOT sound");
                        Ok(Done::Wrong)
                    }
                }
            }
        }
    }
}

/// Finds the entries with a tag of these finders, in a ledger whose bytes are all as they were signed.
fn find(
    printer: &Printer,
    files: &Directory,
    verifier: &Verifier,
    finders: &[Finder],
) -> Result<Done, Error> {
    let mut found = Vec::new();
    let outcome = ledger::audit(files, verifier, &[], |index, entry| {
        let commitments = entry.commitments();
        if finders.iter().any(|finder| !finder.find(commitments, LEAD).is_empty()) {
            found.push((index, entry.clone()));
        }
    })?;
    if let Outcome::Unsound(findings) = outcome {
        let wrong: Vec<_> = findings.iter().map(ToString::to_string).collect();
        printer.json(&serde_json::json!({ "sound": false, "wrong": wrong }));
        for finding in &wrong {
            printer.wrapped("WRONG     ", finding);
        }
        printer.labelled("ledger", "NOT sound: nothing in it is to be relied on");
        return Ok(Done::Wrong);
    }
    let shown: Vec<_> = found
        .iter()
        .map(|(index, entry)| {
            serde_json::json!({ "index": index, "at": entry.at().to_string(), "facts": entry.facts() })
        })
        .collect();
    printer.json(&serde_json::json!({ "sound": true, "found": shown }));
    for (index, entry) in &found {
        if let Some(Event::Disclosed { source, recipient, purpose, elements, .. }) =
            Event::of(entry)
        {
            let what = elements.join(", ");
            let text = format!("{} {source} to {recipient}, for {purpose}: {what}", entry.at());
            printer.wrapped(&format!("entry {index:<4}"), &text);
        }
    }
    printer.labelled("found", &format!("{} disclosures about you", thousands(found.len() as u64)));
    Ok(Done::Well)
}

fn read_openings(file: &std::path::Path) -> Result<Vec<Opening>, Error> {
    // The reason is left out: it would repeat what the file holds.
    let unreadable =
        |_| ledger::Error::MalformedReceipt { reason: "its openings are not a list of openings" };
    Ok(serde_json::from_str(&read(file)?).map_err(unreadable)?)
}

/// Shows what was proved. The holder of a receipt is who may read what it opens.
fn say(printer: &Printer, told: &Told) {
    let accepted = &told.accepted;
    let checkpoint = &accepted.checkpoint;
    let cosigned: Vec<_> =
        accepted.cosigned.iter().map(|(name, at)| format!("{name} at {at}")).collect();
    let ignored: Vec<_> = accepted.ignored.iter().map(ToString::to_string).collect();
    let opened: Vec<_> = told
        .openings
        .iter()
        .map(|opening| serde_json::json!({ "field": opening.field(), "value": opening.value() }))
        .collect();
    let unopened = told.entry.commitments().values().map(Vec::len).sum::<usize>() - opened.len();
    printer.json(&serde_json::json!({
        "sound": true,
        "origin": checkpoint.origin.as_str(),
        "index": told.index,
        "entries": checkpoint.size,
        "root": checkpoint.root.to_string(),
        "at": told.entry.at().to_string(),
        "kind": told.entry.kind().as_str(),
        "facts": told.entry.facts(),
        "opened": opened,
        "unopened": unopened,
        "cosigned": cosigned,
        "unauthenticated": ignored,
    }));
    printer.labelled("ledger", checkpoint.origin.as_str());
    let place = format!("{} of {} entries", thousands(told.index), thousands(checkpoint.size));
    printer.labelled("entry", &place);
    printer.labelled("kind", told.entry.kind().as_str());
    printer.labelled("at", &told.entry.at().to_string());
    for (name, value) in told.entry.facts() {
        printer.wrapped("fact      ", &format!("{name}: {value}"));
    }
    for opening in &told.openings {
        printer.wrapped("opened    ", &format!("{}: {}", opening.field(), opening.value()));
    }
    for line in &cosigned {
        printer.labelled("cosigned", line);
    }
    if unopened > 0 {
        printer.wrapped("open      ", &format!("{unopened} commitments are not opened here"));
    }
    if cosigned.is_empty() {
        printer.wrapped(
            "open      ",
            "no witness was asked for: the ledger's keeper alone stands for it",
        );
    }
    for name in &ignored {
        printer.wrapped(
            "beside    ",
            &format!("a signature in the name of `{name}`, whose key is not known here"),
        );
    }
    printer.labelled("receipt", "sound");
}
