//! A store in a directory, laid out so that any file server can serve it and any tool can read it.
//!
//! [`Disk`] writes and holds a lock; [`Directory`] only reads, so that an auditor can work on a copy or on read-only
//! media. The file `lock` is the lock, and `.new` is a file on its way: neither belongs to the ledger.
//!
//! How a failed `fsync` must be treated: Rebello and others, "Can applications recover from fsync failures?",
//! [USENIX ATC 2020](https://www.usenix.org/conference/atc20/presentation/rebello).

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{Change, Files, Held, Store, check, improper, is_proper};
use crate::Error;

const LOCK: &str = "lock";
const NEW: &str = ".new";

/// The most bytes that any file of a ledger has: those of a full bundle of the largest entries.
const BYTES: u64 = 256 * (2 + 65_535);

/// A directory of files that are only read.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Takes a directory to read from. It is looked at only when something is read.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns where a file is, refusing paths that lead elsewhere.
    fn place(&self, path: &str) -> Result<PathBuf, Error> {
        if is_proper(path) { Ok(self.root.join(path)) } else { Err(improper(path)) }
    }

    /// Reads a file that may be hostile: no link leads out of the directory, no pipe is waited for, and no size
    /// fills the memory.
    fn read_regular(&self, path: &str) -> io::Result<Vec<u8>> {
        let refused = |reason| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        let mut place = self.root.clone();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            place.push(part);
            let kind = fs::symlink_metadata(&place)?.file_type();
            if parts.peek().is_some() && !kind.is_dir() {
                return refused("it does not stand in a directory of its own");
            }
            if parts.peek().is_none() && !kind.is_file() {
                return refused("it is not a regular file");
            }
        }
        let mut bytes = Vec::new();
        File::open(&place)?.take(BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES {
            return refused("it is larger than any file of a ledger");
        }
        Ok(bytes)
    }

    fn walk(&self, directory: &Path, found: &mut Vec<String>) -> io::Result<()> {
        for item in fs::read_dir(directory)? {
            let item = item?;
            let path = item.path();
            if item.file_type()?.is_dir() {
                self.walk(&path, found)?;
            } else if path == self.root.join(LOCK) && is_own_lock(&item.metadata()?) {
                // The store's own, and it says nothing.
            } else {
                let path = path.strip_prefix(&self.root).unwrap_or(&path);
                found.push(path.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }
}

impl Files for Directory {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        self.place(path)?;
        match self.read_regular(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A file that is missing with its whole directory is a wrong place, not an empty one.
                if self.root.is_dir() { Ok(None) } else { Err(failed("read", path, error)) }
            }
            Err(error) => Err(failed("read", path, error)),
        }
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let start = if under.is_empty() { self.root.clone() } else { self.place(under)? };
        match self.walk(&start, &mut found) {
            Ok(()) => {}
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && !start.exists()
                    && !under.is_empty() => {}
            Err(error) => return Err(failed("list", under, error)),
        }
        found.sort();
        Ok(found)
    }
}

/// A directory of files with one writer.
#[derive(Debug)]
pub struct Disk {
    directory: Directory,
    /// Directories that are known to be durable, up to the root.
    durable: HashSet<PathBuf>,
    stopped: bool,
    /// Held while this lives; the system gives it back when the program ends, however it ends.
    _lock: File,
}

impl Disk {
    /// Makes the directory, if there is none, and opens it.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or another program has it open.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        let name = root.display().to_string();
        fs::create_dir_all(&root).map_err(|error| failed("create", &name, error))?;
        // A directory is durable once the one it stands in is; we cannot know how many of them were new.
        let whole = fs::canonicalize(&root).map_err(|error| failed("create", &name, error))?;
        if let Some(parent) = whole.parent() {
            sync(parent).map_err(|error| failed("create", &name, error))?;
        }
        Self::open(root)
    }

    /// Opens a directory, which must exist.
    ///
    /// # Errors
    ///
    /// When it does not exist, or another program has it open.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        let name = root.display().to_string();
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join(LOCK))
            .map_err(|error| failed("open", &name, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: name }),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &name, error)),
        }
        // A program that was killed may have renamed a file and not made that durable: we do, before we read it.
        sync(&root).map_err(|error| failed("open", &name, error))?;
        let directory = Directory::new(root);
        Ok(Self { directory, durable: HashSet::new(), stopped: false, _lock: lock })
    }

    /// Runs a change and, should it fail, lets no other follow.
    fn change(
        &mut self,
        deed: &'static str,
        path: &str,
        change: impl FnOnce(&mut Self, &Path) -> io::Result<()>,
    ) -> Result<(), Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        let place = self.directory.place(path)?;
        change(self, &place).map_err(|error| {
            self.stopped = true;
            failed(deed, path, error)
        })
    }

    /// Makes a directory and those above it, durably.
    fn prepare(&mut self, directory: &Path) -> io::Result<()> {
        if directory == self.directory.root || self.durable.contains(directory) {
            return Ok(());
        }
        if let Some(parent) = directory.parent() {
            self.prepare(parent)?;
            match fs::create_dir(directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                // It may exist because a killed program made it, so its parent is made durable either way.
                Ok(()) | Err(_) => sync(parent)?,
            }
        }
        self.durable.insert(directory.to_owned());
        Ok(())
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        self.directory.read(path)
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        self.directory.list(under)
    }
}

impl Store for Disk {
    fn commit(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        check(held, changes)?;
        if let Some(held) = held
            && self.read(held.path)?.as_deref() != held.bytes
        {
            return Err(Error::Moved { path: held.path.to_owned() });
        }
        for change in changes {
            match change {
                Change::Write { path, bytes } => self.put(path, bytes)?,
                Change::Remove { path } => self.take(path)?,
                Change::Clear { under } => self.clear(under)?,
            }
        }
        Ok(())
    }
}

impl Disk {
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.change("write", path, |disk, place| {
            let Some(parent) = place.parent() else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            disk.prepare(parent)?;
            let new = disk.directory.root.join(NEW);
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            // If we crash here, the old file stands and `.new` is written over next time.
            file.sync_all()?;
            fs::rename(&new, place)?;
            // If we crash here, the file is old or new, whole either way; who opens next makes it durable.
            sync(parent)
        })
    }

    fn take(&mut self, path: &str) -> Result<(), Error> {
        self.change("remove", path, |disk, place| {
            if unlink(place)?
                && let Some(parent) = place.parent()
            {
                disk.left(parent)?;
            }
            Ok(())
        })
    }

    /// Removes all files under a directory, and waits for the disk once for each directory, not once for each file.
    fn clear(&mut self, under: &str) -> Result<(), Error> {
        let mut parents = BTreeSet::new();
        for path in self.list(under)? {
            self.change("remove", &path, |_, place| {
                if unlink(place)? {
                    parents.extend(place.parent().map(Path::to_owned));
                }
                Ok(())
            })?;
        }
        // If we crash before this, some of them may be there again; so it is if we crash among them.
        for parent in parents {
            self.change("remove", under, |disk, _| disk.left(&parent))?;
        }
        Ok(())
    }

    /// Makes durable that files have left a directory.
    fn left(&mut self, directory: &Path) -> io::Result<()> {
        sync(directory)?;
        // The directory of partial tiles goes with the last of them. It matters to nobody if it stays.
        if directory.extension().is_some_and(|end| end == "p") && fs::remove_dir(directory).is_ok()
        {
            self.durable.remove(directory);
        }
        Ok(())
    }
}

/// Removes a file, and says whether it was there.
fn unlink(place: &Path) -> io::Result<bool> {
    match fs::remove_file(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map(|()| true),
    }
}

fn is_own_lock(lock: &fs::Metadata) -> bool {
    lock.is_file() && lock.len() == 0
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn failed(deed: &'static str, path: &str, source: io::Error) -> Error {
    Error::Store { deed, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_last_written() {
        let place = tempfile::tempdir().unwrap();
        let mut disk = Disk::create(place.path().join("a/b")).unwrap();
        assert_eq!(disk.read("tile/0/000").unwrap(), None);
        disk.write("tile/0/000", b"one").unwrap();
        disk.write("tile/0/000", b"two").unwrap();
        disk.write("checkpoint", b"").unwrap();
        assert_eq!(disk.read("tile/0/000").unwrap().unwrap(), b"two");
        assert_eq!(disk.list("").unwrap(), ["checkpoint", "tile/0/000"]);
        assert_eq!(disk.list("tile").unwrap(), ["tile/0/000"]);
        assert!(disk.list("tile/1").unwrap().is_empty());
    }

    #[test]
    fn the_directory_of_partial_tiles_goes_with_the_last_of_them() {
        let place = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(place.path()).unwrap();
        disk.write("tile/0/000.p/1", b"").unwrap();
        disk.write("tile/0/000.p/2", b"").unwrap();
        disk.remove("tile/0/000.p/1").unwrap();
        assert!(place.path().join("tile/0/000.p").exists());
        disk.remove("tile/0/000.p/2").unwrap();
        assert!(!place.path().join("tile/0/000.p").exists());
        disk.remove("tile/0/000.p/2").unwrap();
        disk.write("tile/0/000.p/3", b"").unwrap();
        disk.write("tile/0/000.p/4", b"").unwrap();
        disk.commit(None, &[Change::Clear { under: "tile/0/000.p" }]).unwrap();
        assert!(!place.path().join("tile/0/000.p").exists());
        disk.write("tile/0/000.p/5", b"").unwrap();
        assert_eq!(disk.list("").unwrap(), ["tile/0/000.p/5"]);
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(place.path()).unwrap();
        for path in ["", "..", "../x", "/etc/x", "a//b", "a/./b", "a/", "a\\b"] {
            assert!(disk.write(path, b"").is_err(), "{path}");
            assert!(disk.read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_an_empty_one() {
        let place = tempfile::tempdir().unwrap();
        let nowhere = place.path().join("nowhere");
        assert!(Disk::open(&nowhere).is_err());
        assert!(Directory::new(&nowhere).read("checkpoint").is_err());
        assert!(Directory::new(&nowhere).list("").is_err());
        assert!(!nowhere.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_hostile_copy_leads_nowhere_and_fills_nothing() {
        use std::os::unix::{fs::symlink, net::UnixListener};

        let place = tempfile::tempdir().unwrap();
        let (copy, outside) = (place.path().join("copy"), place.path().join("outside"));
        fs::create_dir_all(copy.join("tile")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("000"), b"secret").unwrap();
        symlink(outside.join("000"), copy.join("checkpoint")).unwrap();
        symlink(&outside, copy.join("tile/0")).unwrap();
        // A pipe and a socket are told apart from a file in the same way; only the socket needs no other program.
        let _socket = UnixListener::bind(copy.join("tile/1")).unwrap();
        File::create(copy.join("tile/2")).unwrap().set_len(BYTES + 1).unwrap();
        File::create(copy.join("tile/3")).unwrap().set_len(BYTES).unwrap();
        let directory = Directory::new(&copy);
        for (path, reason) in [
            ("checkpoint", "it is not a regular file"),
            ("tile/0/000", "it does not stand in a directory of its own"),
            ("tile/1", "it is not a regular file"),
            ("tile/2", "it is larger than any file of a ledger"),
        ] {
            match directory.read(path) {
                Err(Error::Store { source, .. }) => {
                    assert_eq!(source.to_string(), reason, "{path}");
                }
                other => panic!("{path}: {}", other.is_ok()),
            }
        }
        assert_eq!(directory.read("tile/3").unwrap().unwrap().len() as u64, BYTES);
        assert_eq!(directory.read("tile/4/000").unwrap(), None);
    }

    #[test]
    fn a_lock_that_says_something_is_listed() {
        let place = tempfile::tempdir().unwrap();
        drop(Disk::open(place.path()).unwrap());
        assert!(Directory::new(place.path()).list("").unwrap().is_empty());
        fs::write(place.path().join(LOCK), b"something").unwrap();
        assert_eq!(Directory::new(place.path()).list("").unwrap(), ["lock"]);
    }

    #[test]
    fn a_directory_has_one_writer() {
        let place = tempfile::tempdir().unwrap();
        let first = Disk::open(place.path()).unwrap();
        assert!(matches!(Disk::open(place.path()), Err(Error::InUse { .. })));
        drop(first);
        assert!(Disk::open(place.path()).is_ok());
    }

    #[test]
    fn after_a_failed_write_every_other_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(place.path()).unwrap();
        disk.write("tile", b"a file where a directory must be").unwrap();
        assert!(matches!(disk.write("tile/0/000", b""), Err(Error::Store { .. })));
        assert!(matches!(disk.write("checkpoint", b""), Err(Error::Stopped)));
        assert!(matches!(disk.remove("tile"), Err(Error::Stopped)));
        drop(disk);
        assert!(Disk::open(place.path()).unwrap().write("checkpoint", b"").is_ok());
    }
}
