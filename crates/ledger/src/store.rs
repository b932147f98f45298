//! Where the files of a ledger are kept, and what such a place promises.
//!
//! A ledger is as safe as these promises: [`crate::log`] acknowledges an entry because a store said that it is
//! durable. [`Disk`] keeps files in a directory, [`Memory`] keeps them for tests and fails when told to. Neither
//! knows what the files mean.

mod disk;
mod memory;

pub use disk::{Directory, Disk};
pub use memory::{Fault, Memory};

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

/// Files that one writer can change.
///
/// # Promises
///
/// 1. **Durable on return.** When `write` or `remove` returns `Ok`, the change survives the loss of power. What a
///    newly opened store reads is durable too.
/// 2. **Atomic.** A file has its old bytes or all of its new bytes, after any crash and for any reader.
/// 3. **Read after write.** `read` gives what the last successful `write` gave it.
/// 4. **In order.** What was written first is durable first.
/// 5. **One writer.** While a store lives, no other store writes to the same place.
/// 6. **No retry.** After an error it is unknown whether the change was made, and every later change is refused:
///    a system may forget unwritten data after reporting it once. Only opening the place again tells.
pub trait Store: Files {
    /// Creates a file or replaces its bytes.
    ///
    /// # Errors
    ///
    /// When it is not known that the bytes are durable. They may be there nevertheless.
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error>;

    /// Removes a file. It is no error when there is none.
    ///
    /// # Errors
    ///
    /// When it is not known that the file is gone.
    fn remove(&mut self, path: &str) -> Result<(), Error>;
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
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        (**self).write(path, bytes)
    }

    fn remove(&mut self, path: &str) -> Result<(), Error> {
        (**self).remove(path)
    }
}
