//! A store in memory, which fails when told to.
//!
//! It is for tests, of this crate and of those who use it: it stands for a disk that outlives the program, so a log
//! is opened on `&mut Memory` and, after a fault, opened again. It keeps the promises of [`Store`] but the first.

use std::{collections::BTreeMap, io};

use super::{Change, Files, Held, Store, check};
use crate::Error;

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    changes: usize,
    fault: Option<(usize, Fault)>,
    stopped: bool,
}

/// How a change fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// An error is returned and nothing was changed.
    NotStored,
    /// An error is returned although the change was made.
    Stored,
}

impl Memory {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the change that comes after `after` more changes fail.
    pub fn fail_after(&mut self, after: usize, fault: Fault) {
        self.fault = Some((self.changes + after, fault));
    }

    /// Ends all faults, as opening the place again after a crash would.
    pub fn restart(&mut self) {
        self.fault = None;
        self.stopped = false;
    }

    /// Returns how many changes were asked for so far.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// Puts bytes in a file behind the back of any log.
    pub fn tamper(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.to_owned(), bytes);
    }

    /// Makes one change, or fails as told.
    fn change(
        &mut self,
        deed: &'static str,
        path: &str,
        change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>),
    ) -> Result<(), Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        let fault = self.fault.filter(|(at, _)| *at == self.changes).map(|(_, fault)| fault);
        self.changes += 1;
        if fault != Some(Fault::NotStored) {
            change(&mut self.files);
        }
        if fault.is_some() {
            self.stopped = true;
            let source = io::Error::other("a fault was asked for");
            return Err(Error::Store { deed, path: path.to_owned(), source });
        }
        Ok(())
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.files.get(path).cloned())
    }

    fn list(&self, under: &str) -> Result<Vec<String>, Error> {
        let inside = |path: &&String| {
            under.is_empty() || path.strip_prefix(under).is_some_and(|rest| rest.starts_with('/'))
        };
        Ok(self.files.keys().filter(inside).cloned().collect())
    }
}

impl Store for Memory {
    fn commit(&mut self, held: Option<Held<'_>>, changes: &[Change<'_>]) -> Result<(), Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        check(held, changes)?;
        if let Some(held) = held
            && self.files.get(held.path).map(Vec::as_slice) != held.bytes
        {
            return Err(Error::Moved { path: held.path.to_owned() });
        }
        // Each is a change of its own, as in a directory: so a fault may strike between any two.
        for change in changes {
            match change {
                Change::Write { path, bytes } => {
                    self.change("write", path, |files| {
                        files.insert((*path).to_owned(), bytes.to_vec());
                    })?;
                }
                Change::Remove { path } => self.take(path)?,
                Change::Clear { under } => {
                    for path in self.list(under)? {
                        self.take(&path)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Memory {
    fn take(&mut self, path: &str) -> Result<(), Error> {
        self.change("remove", path, |files| {
            files.remove(path);
        })
    }
}
