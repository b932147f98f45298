//! The backup of a node: the case store, the ledger, its public key and the reports, and the recipient's register of requests as it
//! stands, in one folder. [`crate::restore`] puts it back.
//!
//! Keys are in no backup, neither the ledger's nor the case store's: what is destroyed by destroying its key stays
//! destroyed, whatever is restored. They lie under `keys/` and are kept elsewhere by whoever runs the node. The anchor
//! is not in it either: it is there to say that a ledger was put back to an earlier state.
//!
//! Ledger and register are held while all is copied, so that what the store says was recorded and entered is in the copy.

use crate::node::{Node, Places, make_private};
use crate::program::Program;
use crate::register::Register;
use crate::summary::hex;
use crate::{Error, program};
use agreement::RegisterKey;
use casework::Store as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The name of the copy's list of contents.
pub(crate) const CONTENTS: &str = "contents.json";
/// The name of the case store's copy.
pub(crate) const CASEWORK: &str = "casework.sqlite";
/// The folder of a ledger's copy, and the file of its public key.
pub(crate) const LEDGER: &str = "ledger";
pub(crate) const LEDGER_KEY: &str = "ledger.vkey";
/// The folder of the register's copy.
pub(crate) const REGISTER: &str = "requests";

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
    /// Why the register of requests is not in it, where one should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_left_out: Option<String>,
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

/// Makes a backup in a folder that is empty or not there. A register of requests that cannot be taken along keeps nothing else from
/// being copied: the list of contents says why it is not in it.
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
    // It is held from here on, so that it has what the store says was entered, and nothing comes in between.
    let register = match held_register(program, node).await {
        Err(error @ Error::Casework(_)) => return Err(error),
        opened => opened,
    };
    node.store.copy_to(&to.join(CASEWORK)).await?;
    copy_folder(&node.places.ledger(), &to.join(LEDGER))?;
    copy_file(&node.places.ledger_key(), &to.join(LEDGER_KEY))?;
    for report in reports(node.places.root())? {
        let name = report.file_name().unwrap_or_default();
        copy_file(&report, &to.join(name))?;
    }
    let (register, register_left_out) = match register {
        Ok(Some(register)) => (Some(copy_register(&register, &to.join(REGISTER))?), None),
        Ok(None) => (None, None),
        Err(error) => (None, Some(error.chain())),
    };
    let contents = Contents {
        register,
        register_left_out,
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

/// Opens the register that a program's look-ups are counted in, as far as it has one, and begins none. It has to hold all that the
/// store says was entered: a copy of one that doesn't is of no use.
async fn held_register(program: &Program, node: &Node) -> Result<Option<Register>, Error> {
    let runs = node.store.runs().await?;
    let has_entered =
        runs.iter().any(|run| run.asked().is_some_and(|asked| asked.entered.is_some()));
    match Register::open_begun(program, &node.places).await {
        Err(Error::NoRegister { .. } | Error::RegisterNotBegun { .. }) if !has_entered => Ok(None),
        opened => {
            let register = opened?;
            // Another than was agreed on counts for nothing, and is not put back later as if it did.
            if let Some(agreed) = program.agreement().requests_key()
                && agreed != register.key()
            {
                let (found, wanted) = (register.key().to_string(), agreed.to_string());
                let path = register.folder().clone();
                return Err(Error::OtherRegister { path, found, wanted });
            }
            register.hold_to(node, &runs).await?;
            Ok(Some(register))
        }
    }
}

/// Copies a register while nobody enters anything there.
fn copy_register(register: &Register, to: &Path) -> Result<Copied, Error> {
    let place = Places::under(register.folder());
    make_private(to)?;
    copy_folder(&place.ledger(), &to.join(LEDGER))?;
    copy_file(&place.ledger_key(), &to.join(LEDGER_KEY))?;
    let (entries, root) = register.state();
    Ok(Copied { key: register.key().clone(), entries, root })
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

pub(crate) fn reports(folder: &Path) -> Result<Vec<PathBuf>, Error> {
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
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
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
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    let cannot = |source| Error::CannotWrite { path: to.to_owned(), source };
    let mut read = File::open(from).map_err(unread(from))?;
    let mut written = File::options().write(true).create_new(true).open(to).map_err(cannot)?;
    io::copy(&mut read, &mut written).map_err(cannot)?;
    written.sync_all().map_err(cannot)
}

pub(crate) fn unread(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::CannotRead { path: path.clone(), source }
}

/// Returns the digest of every file under a folder but its list of contents.
pub(crate) fn digests(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
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
