//! Backup and restore of a node: the case store, the ledger, its public key and the reports, and the recipient's register of
//! requests as it stands, in one folder.
//!
//! Keys are in no backup, neither the ledger's nor the case store's: what is destroyed by destroying its key stays
//! destroyed, whatever is restored. They lie under `keys/` and are kept elsewhere by whoever runs the node. The anchor
//! is not in it either: it is there to say that a ledger was put back to an earlier state.
//!
//! Store and ledger are copied while the ledger is held, so that what the store says was recorded is in the copy; the register
//! after them, while it is held, so that what the store says was entered is in that. The register is the recipient's other
//! programs' too: it is put back only where there is none, and one that is there stays as it is.

use crate::node::{Node, Places, make_private};
use crate::program::Program;
use crate::register::{self, Register};
use crate::summary::hex;
use crate::{Error, program};
use agreement::RegisterKey;
use casework::{Database, Store as _};
use ledger::{Checkpoint, Directory, Signer, Verifier};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The name of the copy's list of contents.
const CONTENTS: &str = "contents.json";
/// The name of the case store's copy.
const CASEWORK: &str = "casework.sqlite";

/// The folder of the register's copy.
const REGISTER: &str = "requests";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// The version of the program that made it.
    pub version: String,
    /// How many entries the ledger had.
    pub entries: u64,
    /// The root of its tree.
    pub root: String,
    /// The register of requests; none where no look-up of the program was counted in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<Copied>,
    /// SHA-256 of each file, by its path in the folder.
    pub files: BTreeMap<String, String>,
}

/// A register of requests as it was copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Its public key.
    pub key: RegisterKey,
    /// How many entries it had.
    pub entries: u64,
    /// The root of its tree.
    pub root: String,
}

/// What became of a register of requests that a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PutBack {
    /// There was none, and it was put there.
    Restored,
    /// One is there that goes on from the backup's, or is the same: it stays as it is.
    Kept,
}

/// Makes a backup in a folder that is empty or not there.
///
/// # Errors
/// The folder holds something, the ledger is held by another process, or something cannot be read or written.
pub async fn backup(program: &Program, node: &mut Node, to: &Path) -> Result<Contents, Error> {
    // What waits is brought to the ledger first, so that both agree on as much as can be.
    node.drain().await?;
    let Some(checkpoint) = node.checkpoint() else {
        let why = node.ledger_fault().unwrap_or_default().to_owned();
        return Err(Error::NoLedger { why });
    };
    let (entries, root) = (checkpoint.size, checkpoint.root.to_string());
    make_empty(to)?;
    node.store.copy_to(&to.join(CASEWORK)).await?;
    copy_folder(&node.places.ledger(), &to.join("ledger"))?;
    copy_file(&node.places.ledger_key(), &to.join("ledger.vkey"))?;
    for report in reports(node.places.root())? {
        let name = report.file_name().unwrap_or_default();
        copy_file(&report, &to.join(name))?;
    }
    let register = copy_register(program, node, &to.join(REGISTER)).await?;
    let contents = Contents {
        register,
        made_at: node.now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        entries,
        root,
        files: digests(to)?,
    };
    // If we crash before this, there is no list of contents and so no backup.
    let text = serde_json::to_string_pretty(&contents).map_err(|_| Error::UnspeakableEvent)?;
    program::write(&to.join(CONTENTS), &text)?;
    Ok(contents)
}

/// Copies the register that a program's look-ups are counted in, as far as it has one, while nobody enters anything there.
async fn copy_register(program: &Program, node: &Node, to: &Path) -> Result<Option<Copied>, Error> {
    let runs = node.store.runs().await?;
    let has_entered =
        runs.iter().any(|run| run.asked().is_some_and(|asked| asked.entered.is_some()));
    if Register::key_at_hand(program, &node.places)?.is_none() && !has_entered {
        return Ok(None);
    }
    let register = match Register::open(program, &node.places).await {
        // Its key is there, and it was never begun.
        Err(Error::RegisterNotBegun { .. }) if !has_entered => return Ok(None),
        opened => opened?,
    };
    // What is put back must hold all that the store says was entered, and a copy of one that doesn't is of no use.
    register.hold_to(node, &runs).await?;
    let place = Places::under(register.folder());
    make_private(to)?;
    copy_folder(&place.ledger(), &to.join("ledger"))?;
    copy_file(&place.ledger_key(), &to.join("ledger.vkey"))?;
    let (entries, root) = register.state();
    Ok(Some(Copied { key: register.key().clone(), entries, root }))
}

/// Reads a backup's list of contents.
///
/// # Errors
/// The backup is not whole.
pub fn contents_of(from: &Path) -> Result<Contents, Error> {
    let contents = read_contents(from)?;
    if digests(from)? != contents.files {
        return Err(Error::BackupDamaged { path: from.to_owned() });
    }
    Ok(contents)
}

/// Puts the register of requests of a backup back where there is none; its keys have to be in their place already. One that is
/// there is the recipient's other programs' too, and is never written over: it has to hold all that the backup's holds.
///
/// # Errors
/// Another register is there, or an older one; there are no keys; or something cannot be read or written.
pub fn restore_register(place: &Places, from: &Path, copied: &Copied) -> Result<PutBack, Error> {
    let from = from.join(REGISTER);
    let is_another = |found: Option<String>| Error::OtherRegister {
        path: place.root().to_owned(),
        found: found.unwrap_or_default(),
        wanted: copied.key.to_string(),
    };
    if place.ledger().join("checkpoint").exists() {
        let found = register::key_in(place)?;
        if found.as_ref() != Some(&copied.key) {
            return Err(is_another(found.map(String::from)));
        }
        let key = Verifier::parse(copied.key.as_str())?;
        let held = program::read(&from.join("ledger").join("checkpoint"))?;
        let held = Checkpoint::open(held.as_bytes(), &key)?;
        let folder = Directory::new(place.ledger());
        return match ledger::audit::bytes(&folder, &key, &[held])? {
            ledger::Outcome::Sound(_) => Ok(PutBack::Kept),
            ledger::Outcome::Unsound(_) => {
                let entries = copied.entries;
                Err(Error::RegisterNotContinued { path: place.root().to_owned(), entries })
            }
        };
    }
    let officers = register::officers_secret(place);
    for key in [place.ledger_secret(), officers] {
        if !key.exists() {
            return Err(Error::NoKeys { path: key });
        }
    }
    let signer = Signer::parse(program::read(&place.ledger_secret())?.trim())?;
    let own = signer.verifier().to_string();
    if own != copied.key.as_str() {
        return Err(is_another(Some(own)));
    }
    make_private(place.root())?;
    copy_folder(&from.join("ledger"), &place.ledger())?;
    if !place.ledger_key().exists() {
        copy_file(&from.join("ledger.vkey"), &place.ledger_key())?;
    }
    Ok(PutBack::Restored)
}

/// Puts a backup back where there is neither case store nor ledger. The keys have to be in their place already.
///
/// # Errors
/// The backup is not whole, there is something in its place, there are no keys, or something cannot be written.
pub async fn restore(places: &Places, from: &Path) -> Result<Contents, Error> {
    let contents = contents_of(from)?;
    let reports = reports(from)?;
    let beside = |report: &PathBuf| places.root().join(report.file_name().unwrap_or_default());
    let own = [places.casework(), places.ledger().join("checkpoint"), places.ledger_key()];
    for path in own.into_iter().chain(reports.iter().map(beside)) {
        if path.exists() {
            return Err(Error::ThereAlready { path });
        }
    }
    let keys = places.casework_keys();
    if !keys.join("keys.json").exists() {
        return Err(Error::NoKeys { path: keys });
    }
    make_private(places.root())?;
    let copied = |name: &str, to: &Path| copy_file(&from.join(name), to);
    if let Some(url) = places.server() {
        // The backup stays as it is: what brings its tables up to date works on a copy.
        let copy = places.root().join("restoring.sqlite");
        copied(CASEWORK, &copy)?;
        let filled = Database::fill(url, &copy, places.open_vault()?).await;
        let _ = fs::remove_file(&copy);
        filled?;
    } else {
        copied(CASEWORK, &places.casework())?;
        places.open_store().await?;
    }
    copy_folder(&from.join("ledger"), &places.ledger())?;
    copied("ledger.vkey", &places.ledger_key())?;
    for report in &reports {
        copy_file(report, &beside(report))?;
    }
    Ok(contents)
}

fn read_contents(from: &Path) -> Result<Contents, Error> {
    let path = from.join(CONTENTS);
    let text = program::read(&path)?;
    serde_json::from_str(&text).map_err(|_| Error::BackupDamaged { path: from.to_owned() })
}

fn make_empty(folder: &Path) -> Result<(), Error> {
    make_private(folder)?;
    match fs::read_dir(folder).map_err(unread(folder))?.next() {
        None => Ok(()),
        Some(_) => Err(Error::ThereAlready { path: folder.to_owned() }),
    }
}

fn reports(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).map_err(unread(folder))? {
        let path = item.map_err(unread(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("report-") && path.extension().is_some_and(|ending| ending == "html") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Copies what lies in a folder. A file that is a lock is no part of what it locks.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    make_private(to)?;
    for item in fs::read_dir(from).map_err(unread(from))? {
        let path = item.map_err(unread(from))?.path();
        let Some(name) = path.file_name().filter(|name| *name != "lock") else { continue };
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies a file, and returns when the copy is on the disk.
fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    let cannot = |source| Error::CannotWrite { path: to.to_owned(), source };
    let mut read = File::open(from).map_err(unread(from))?;
    let mut written = File::options().write(true).create_new(true).open(to).map_err(cannot)?;
    io::copy(&mut read, &mut written).map_err(cannot)?;
    written.sync_all().map_err(cannot)
}

fn unread(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::CannotRead { path: path.clone(), source }
}

/// Returns the digest of every file under a folder but its list of contents.
fn digests(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(under) = folders.pop() {
        for item in fs::read_dir(&under).map_err(unread(&under))? {
            let path = item.map_err(unread(&under))?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            if name != CONTENTS {
                found.insert(name, digest(&path)?);
            }
        }
    }
    Ok(found)
}

fn digest(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(unread(path))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(unread(path))?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
    }
    Ok(hex(&digest.finalize()))
}
