//! Restore of a node from a backup: what was copied comes back where there is nothing, and goes over nothing that is there.
//!
//! Everything is copied aside first, into a folder beside its place, held against the backup's digests and opened there;
//! only then is it moved into its place, or filled into the server's store. A restore that breaks off while it copies has put
//! nothing anywhere, and one that breaks off while it moves is gone on with by the next from the same backup.
//!
//! The register of requests is the recipient's other programs' too: it is put back only where there is none, and one that is
//! there stays as it is.

use crate::backup::{
    CASEWORK, CONTENTS, Contents, Copied, LEDGER, LEDGER_KEY, REGISTER, contents_of, copy_file,
    copy_folder, digests, reports, unread,
};
use crate::node::{Places, make_private};
use crate::{Error, program, register};
use casework::{Database, Sqlite};
use ledger::{Checkpoint, Directory, Outcome, Signer, Verifier};
use serde::Serialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The folder in which what is restored lies until it is moved into its place.
const ASIDE: &str = "restoring";

/// The file there that says that the server's store was empty, and is being filled.
const FILLING: &str = "filling";

/// What becomes of a register of requests that a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PutBack {
    /// There is none, and it is put there.
    Restored,
    /// One is there that goes on from the backup's, or is the same: it stays as it is.
    Kept,
}

/// Looks at everything that could stand in the way of putting a backup back, and writes nothing.
///
/// # Errors
/// There is something in its place, or there are no keys.
pub fn check(places: &Places, from: &Path, contents: &Contents) -> Result<(), Error> {
    let aside = places.root().join(ASIDE);
    let goes_on = is_whole(&aside, contents);
    for (name, place) in goes_to(places, from)? {
        // What was moved there by a restore that broke off is no more aside.
        if (!goes_on || aside.join(&name).exists()) && is_taken(&place)? {
            return Err(Error::ThereAlready { path: place });
        }
    }
    // A store that a server keeps is no file; and a log that was left of another file would be read as this one's.
    let mut beside = vec![places.root().join(format!("{CASEWORK}-wal"))];
    if places.server().is_some() {
        beside.push(places.casework());
    }
    if let Some(path) = beside.into_iter().find(|path| path.exists()) {
        return Err(Error::ThereAlready { path });
    }
    let keys = places.casework_keys();
    if !keys.join("keys.json").exists() {
        return Err(Error::NoKeys { path: keys });
    }
    Ok(())
}

/// Copies a backup aside, but for the register, and opens it there with the keys, which have to be in their place already. Nothing
/// is put into its place.
///
/// # Errors
/// The backup is not whole, there is something in its place, the keys are not there or others, or something cannot be written.
pub async fn stage(places: &Places, from: &Path) -> Result<Contents, Error> {
    let contents = contents_of(from)?;
    check(places, from, &contents)?;
    let aside = places.root().join(ASIDE);
    if !is_whole(&aside, &contents) {
        copy_aside(places, from, &aside).await?;
        // If we crash before this, nothing was put anywhere; after it, the next restore goes on with what lies there.
        copy_file(&from.join(CONTENTS), &aside.join("contents.new"))?;
        move_to(&aside.join("contents.new"), &aside.join(CONTENTS))?;
    }
    if let Some(url) = places.server()
        && !aside.join(FILLING).exists()
        && !Database::is_unused(url, places.open_vault()?).await?
    {
        return Err(casework::Error::NotEmpty.into());
    }
    Ok(contents)
}

/// Puts a backup back where there is neither case store nor ledger, but for the register.
///
/// # Errors
/// As [`stage`].
pub async fn restore(places: &Places, from: &Path) -> Result<Contents, Error> {
    let contents = stage(places, from).await?;
    let aside = places.root().join(ASIDE);
    let copy = aside.join(CASEWORK);
    if let Some(url) = places.server()
        && copy.exists()
    {
        program::write_private(&aside.join(FILLING), "")?;
        match Database::fill(url, &copy, places.open_vault()?).await {
            // It was empty when this began, and no node opens it before there is a ledger: a restore that broke off filled it.
            Err(casework::Error::NotEmpty) => {}
            filled => drop(filled?),
        }
        fs::remove_file(&copy).map_err(unwritten(&copy))?;
    }
    for (name, place) in goes_to(places, from)? {
        if aside.join(&name).exists() {
            move_to(&aside.join(&name), &place)?;
        }
    }
    clear(&aside)?;
    Ok(contents)
}

/// Copies aside what goes to a node's own places, holds it against the backup, and has the keys open it.
async fn copy_aside(places: &Places, from: &Path, aside: &Path) -> Result<(), Error> {
    clear(aside)?;
    make_private(places.root())?;
    make_private(aside)?;
    copy_file(&from.join(CASEWORK), &aside.join(CASEWORK))?;
    copy_folder(&from.join(LEDGER), &aside.join(LEDGER))?;
    copy_file(&from.join(LEDGER_KEY), &aside.join(LEDGER_KEY))?;
    for report in reports(from)? {
        copy_file(&report, &aside.join(report.file_name().unwrap_or_default()))?;
    }
    let of_register = Path::new(REGISTER);
    let mut wanted = digests(from)?;
    wanted.retain(|name, _| !Path::new(name).starts_with(of_register));
    if digests(aside)? != wanted {
        return Err(Error::BackupDamaged { path: from.to_owned() });
    }
    let store = Sqlite::open(&aside.join(CASEWORK), places.open_vault()?).await?;
    Ok(Database::Sqlite(store).close().await?)
}

/// Names what a backup holds of a node, and where each goes: the ledger last, without which no node is opened.
fn goes_to(places: &Places, from: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let mut found = Vec::new();
    for report in reports(from)? {
        let name = PathBuf::from(report.file_name().unwrap_or_default());
        found.push((name.clone(), places.root().join(name)));
    }
    if places.server().is_none() {
        found.push((CASEWORK.into(), places.casework()));
    }
    found.push((LEDGER_KEY.into(), places.ledger_key()));
    found.push((LEDGER.into(), places.ledger()));
    Ok(found)
}

/// Says whether all that a backup holds was copied aside.
fn is_whole(aside: &Path, contents: &Contents) -> bool {
    let text = fs::read_to_string(aside.join(CONTENTS)).unwrap_or_default();
    serde_json::from_str::<Contents>(&text).is_ok_and(|whole| whole == *contents)
}

/// Looks at everything that could stand in the way of putting a backup's register of requests back, writes nothing, and returns what
/// would become of it.
///
/// # Errors
/// The backup's is not what was signed; another register is there, or an older one; or there are no keys.
pub fn check_register(place: &Places, from: &Path, copied: &Copied) -> Result<PutBack, Error> {
    let from = from.join(REGISTER);
    let is_another = |found: Option<String>| Error::OtherRegister {
        path: place.root().to_owned(),
        found: found.unwrap_or_default(),
        wanted: copied.key.to_string(),
    };
    let key = Verifier::parse(copied.key.as_str())?;
    if place.ledger().join("checkpoint").exists() {
        let found = register::key_in(place)?;
        if found.as_ref() != Some(&copied.key) {
            return Err(is_another(found.map(String::from)));
        }
        let held = program::read(&from.join(LEDGER).join("checkpoint"))?;
        let held = Checkpoint::open(held.as_bytes(), &key)?;
        return match ledger::audit::bytes(&Directory::new(place.ledger()), &key, &[held])? {
            Outcome::Sound(_) => Ok(PutBack::Kept),
            Outcome::Unsound(_) => {
                let entries = copied.entries;
                Err(Error::RegisterNotContinued { path: place.root().to_owned(), entries })
            }
        };
    }
    if is_taken(&place.ledger())? {
        return Err(Error::ThereAlready { path: place.ledger() });
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
    match ledger::audit::bytes(&Directory::new(from.join(LEDGER)), &key, &[])? {
        Outcome::Sound(_) => Ok(PutBack::Restored),
        Outcome::Unsound(_) => Err(Error::BackupDamaged { path: from }),
    }
}

/// Puts the register of requests of a backup back where there is none; its keys have to be in their place already. One that is
/// there is the recipient's other programs' too, and is never written over: it has to hold all that the backup's holds.
///
/// # Errors
/// As [`check_register`], or something cannot be written.
pub fn restore_register(place: &Places, from: &Path, copied: &Copied) -> Result<PutBack, Error> {
    let put_back = check_register(place, from, copied)?;
    if put_back == PutBack::Kept {
        return Ok(put_back);
    }
    let (from, aside) = (from.join(REGISTER), place.root().join(ASIDE));
    clear(&aside)?;
    make_private(place.root())?;
    copy_folder(&from, &aside)?;
    if digests(&aside)? != digests(&from)? {
        return Err(Error::BackupDamaged { path: from });
    }
    if !place.ledger_key().exists() {
        move_to(&aside.join(LEDGER_KEY), &place.ledger_key())?;
    }
    // If we crash before this, there is still no register.
    move_to(&aside.join(LEDGER), &place.ledger())?;
    clear(&aside)?;
    Ok(put_back)
}

/// Says whether something lies in a place: a file, or a folder that holds more than a lock.
fn is_taken(place: &Path) -> Result<bool, Error> {
    if !place.is_dir() {
        return Ok(place.exists());
    }
    for item in fs::read_dir(place).map_err(unread(place))? {
        if item.map_err(unread(place))?.file_name() != "lock" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves a file or a folder into a place where nothing lies, and returns when that is on the disk.
fn move_to(from: &Path, to: &Path) -> Result<(), Error> {
    if is_taken(to)? {
        return Err(Error::ThereAlready { path: to.to_owned() });
    }
    if to.is_dir() {
        fs::remove_dir_all(to).map_err(unwritten(to))?;
    }
    fs::rename(from, to).map_err(unwritten(to))?;
    let folder = to.parent().unwrap_or(to);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritten(folder))
}

/// Takes away what a restore that broke off has left aside.
fn clear(aside: &Path) -> Result<(), Error> {
    if aside.exists() {
        fs::remove_dir_all(aside).map_err(unwritten(aside))?;
    }
    Ok(())
}

fn unwritten(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::CannotWrite { path: path.clone(), source }
}
