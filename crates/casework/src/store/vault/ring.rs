//! The wrapped keys as they lie in their folder: one file, put in place whole, and a lock for whoever changes it.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The keys of one store, wrapped, and the names of those that were destroyed.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ring {
    keys: Vec<Kept>,
    destroyed: Vec<Destroyed>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    number: u32,
    agreement: String,
    wrapped: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Destroyed {
    number: u32,
    agreement: String,
}

/// Tells one state of the file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Ring {
    /// Returns the number of an agreement's key; none if it has none yet.
    pub(super) fn number_of(&self, agreement: &str) -> Result<Option<u32>, Error> {
        if self.is_destroyed(agreement) {
            return Err(Error::KeyDestroyed { agreement: agreement.to_owned() });
        }
        Ok(self.keys.iter().find(|key| key.agreement == agreement).map(|key| key.number))
    }

    /// Says whether there never was a key.
    pub(super) fn is_new(&self) -> bool {
        self.keys.is_empty() && self.destroyed.is_empty()
    }

    pub(super) fn is_destroyed(&self, agreement: &str) -> bool {
        self.destroyed.iter().any(|key| key.agreement == agreement)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|key| key.number)
    }

    pub(super) fn wrapped(&self, number: u32) -> Result<&str, Error> {
        let destroyed = self.destroyed.iter().find(|key| key.number == number);
        if let Some(Destroyed { agreement, .. }) = destroyed {
            return Err(Error::KeyDestroyed { agreement: agreement.clone() });
        }
        let key = self.keys.iter().find(|key| key.number == number);
        key.map(|key| key.wrapped.as_str()).ok_or(Error::NoKey { number })
    }

    pub(super) fn add(&mut self, agreement: &str, wrapped: String) {
        let gone = self.destroyed.iter().map(|key| key.number);
        let number = self.numbers().chain(gone).max().map_or(1, |last| last + 1);
        self.keys.push(Kept { number, agreement: agreement.to_owned(), wrapped });
    }

    pub(super) fn rewrap(&mut self, number: u32, wrapped: String) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.number == number) {
            key.wrapped = wrapped;
        }
    }

    /// Takes an agreement's key away, and remembers that it was.
    pub(super) fn remove(&mut self, agreement: &str) -> Option<u32> {
        let place = self.keys.iter().position(|key| key.agreement == agreement)?;
        let Kept { number, agreement, .. } = self.keys.remove(place);
        self.destroyed.push(Destroyed { number, agreement });
        Some(number)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("keys.json")
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Keys { path: path.clone(), source }
}

/// Makes a folder that its owner alone can enter.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))
}

/// Waits until no other process changes the keys.
pub(super) fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(failed(&path))?;
    file.lock().map_err(failed(&path))?;
    Ok(file)
}

pub(super) fn seen(folder: &Path) -> Result<Option<Seen>, Error> {
    let path = file(folder);
    match fs::metadata(&path) {
        Ok(data) => Ok(Some(Seen {
            inode: data.ino(),
            seconds: data.mtime(),
            nanoseconds: data.mtime_nsec(),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&path)(error)),
    }
}

pub(super) fn read(folder: &Path) -> Result<Ring, Error> {
    let path = file(folder);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(&path)(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ring::default()),
        Err(error) => Err(failed(&path)(error)),
    }
}

pub(super) fn write(folder: &Path, ring: &Ring) -> Result<(), Error> {
    let path = file(folder);
    let bytes = serde_json::to_vec_pretty(ring).map_err(|error| failed(&path)(error.into()))?;
    replace(&path, &bytes).map_err(failed(&path))
}

/// Puts a file in place of another, whole and durably, and overwrites the bytes of the one before.
///
/// Where the disk keeps old blocks, as flash does, overwriting does not reach them: this is why the key file is changed
/// whenever a key is destroyed, and why a key management system is better than a file.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let before = match OpenOptions::new().write(true).open(path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut options = OpenOptions::new();
    let mut fresh = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    fresh.write_all(bytes)?;
    fresh.sync_all()?;
    // If we crash before this, the file is as it was; after it, as it is to be.
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    if let Some(mut before) = before {
        let length = usize::try_from(before.metadata()?.len()).unwrap_or_default();
        before.rewind()?;
        before.write_all(&vec![0; length])?;
        before.sync_all()?;
    }
    Ok(())
}
