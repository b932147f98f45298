//! Where the files of a ledger are kept, and what such a place promises.
//!
//! A ledger is as safe as these promises: [`crate::log`] acknowledges an entry because a store said that it is
//! durable. [`Disk`] keeps files in a directory, [`Sqlite`] and [`Postgres`] keep them in a database, [`Memory`] keeps
//! them for tests and fails when told to. None knows what the files mean, so a ledger is the same bytes in each, and
//! [`copy`] takes it from one to another. The tests hold all of them to one list of promises.

mod disk;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use disk::{Directory, Disk};
pub use memory::{Fault, Memory};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlite::{Database, Sqlite};

use crate::Error;

/// Files that can be read, by a path such as `tile/0/000`.
///
/// A path is relative, its parts are joined by `/`, and none is empty, `.` or `..`.
pub trait Files {
    /// Returns the bytes of a file, or nothing when there is no such file.
    ///
    /// # Errors
    ///
    /// When the file may exist and cannot be read. An implementation must never answer "nothing" then.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Returns the paths of all files under a directory, or of all files when it is empty; in order.
    ///
    /// # Errors
    ///
    /// When not all can be listed.
    fn list(&self, under: &str) -> Result<Vec<String>, Error>;
}

/// One change of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// Creates a file or replaces its bytes.
    Write {
        /// Which file.
        path: &'a str,
        /// Its bytes from now on.
        bytes: &'a [u8],
    },
    /// Removes a file. It is no error when there is none.
    Remove {
        /// Which file.
        path: &'a str,
    },
    /// Removes all files under a directory. It is no error when there is none.
    Clear {
        /// Which directory.
        under: &'a str,
    },
}

/// What a file must hold for changes to be made: the bytes as they were last read, or that there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held<'a> {
    /// Which file.
    pub path: &'a str,
    /// Its bytes.
    pub bytes: Option<&'a [u8]>,
}

/// Files that one writer can change.
///
/// # Promises
///
/// 1. **Durable on return.** When `commit` returns `Ok`, its changes survive the loss of power. What a newly opened
///    store reads is durable too.
/// 2. **Atomic.** A file has its old bytes or all of its new bytes, after any crash and for any reader. A database
///    makes all changes of one `commit` or none; a directory makes some first ones of them.
/// 3. **Read after write.** `read` gives what the last successful `commit` gave it.
/// 4. **In order.** What comes first is durable first; of one `commit`, first or at once.
/// 5. **Compare and swap.** When the file that is `held` has other bytes, nothing is changed.
/// 6. **One writer.** While a store lives, no other store writes to the same place.
/// 7. **No retry.** After an error other than [`Error::Moved`] it is unknown whether the changes were made, and every
///    later one is refused: a system may forget unwritten data after reporting it once. Only opening the place again
///    tells.
pub trait Store: Files {
    /// Makes changes, provided that the file that is `held` is as it is held to be.
    ///
    /// # Errors
    ///
    /// [`Error::Moved`] when it is not, and nothing was changed; otherwise when it is not known that the changes are
    /// durable. They may be there nevertheless.
    fn commit(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error>;

    /// Creates a file or replaces its bytes.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.commit(None, &[Change::Write { path, bytes }])
    }

    /// Replaces the bytes of a file that has these, or creates it when there is none and none are given.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    fn replace(&mut self, path: &str, old: Option<&[u8]>, bytes: &[u8]) -> Result<(), Error> {
        self.commit(Some(Held { path, bytes: old }), &[Change::Write { path, bytes }])
    }

    /// Removes a file. It is no error when there is none.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.commit(None, &[Change::Remove { path }])
    }
}

/// Copies all files of a ledger, the checkpoint last, so that a copy that was cut short is no ledger.
///
/// # Errors
///
/// When a file cannot be read or written.
pub fn copy<F: Files + ?Sized, S: Store + ?Sized>(from: &F, to: &mut S) -> Result<(), Error> {
    let mut last = None;
    for path in from.list("")? {
        if path == crate::log::CHECKPOINT {
            last = from.read(&path)?;
        } else if let Some(bytes) = from.read(&path)? {
            to.write(&path, &bytes)?;
        }
    }
    last.map_or(Ok(()), |bytes| to.write(crate::log::CHECKPOINT, &bytes))
}

/// Says whether a path is one that [`Files`] allows.
fn is_proper(path: &str) -> bool {
    let proper = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    path.split('/').all(proper)
}

/// Returns the error for a path that is not.
fn improper(path: &str) -> Error {
    let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
    Error::Store { deed: "name", path: path.to_owned(), source }
}

/// Refuses changes of files whose paths are improper, before any is made.
fn check(held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error> {
    let paths = changes.iter().map(|change| match change {
        Change::Write { path, .. } | Change::Remove { path } => *path,
        Change::Clear { under } => *under,
    });
    match paths.chain(held.map(|held| held.path)).find(|path| !is_proper(path)) {
        Some(path) => Err(improper(path)),
        None => Ok(()),
    }
}

impl<F: Files + ?Sized> Files for &F {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        (**self).read(path)
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        (**self).list(under)
    }
}

impl<F: Files + ?Sized> Files for &mut F {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        (**self).read(path)
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        (**self).list(under)
    }
}

/// A store that is lent: the borrow keeps the promise of one writer.
impl<S: Store + ?Sized> Store for &mut S {
    fn commit(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error> {
        (**self).commit(held, changes)
    }
}

impl<F: Files + ?Sized> Files for Box<F> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        (**self).read(path)
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        (**self).list(under)
    }
}

/// A store whose kind is chosen when the program runs.
impl<S: Store + ?Sized> Store for Box<S> {
    fn commit(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error> {
        (**self).commit(held, changes)
    }
}
