//! Reading the bundles of a ledger, by as many threads as the machine has cores, and handing them on in order.
//!
//! What costs time in an audit is hashing and reading entries, and no bundle needs another for that. Each thread
//! takes every so-manieth bundle and may be a few ahead of who judges them, so memory is bounded whatever the size of
//! the ledger. What is wrong with a bundle is for [`super`] to say.

use std::{sync::mpsc, thread};

use crate::{
    Error,
    entry::Entry,
    merkle::Hash,
    store::Files,
    tile::{self, Level, Tile, WIDTH},
};

/// How many bundles a thread may be ahead.
const AHEAD: usize = 16;

/// A bundle as it was found.
pub(super) struct Examined {
    /// Which bundle.
    pub(super) bundle: Tile,
    /// What is in it.
    pub(super) found: Found,
}

/// What a bundle was found to be.
pub(super) enum Found {
    /// There is no such file.
    Nothing,
    /// It cannot be taken apart.
    Unreadable(Error),
    /// Entries.
    Entries {
        /// The bytes of the file.
        bytes: Vec<u8>,
        /// Where each entry ends in them.
        ends: Vec<usize>,
        /// The hashes of the entries.
        hashes: Vec<Hash>,
        /// The entries, each read or not; none at all when nobody asked for them.
        entries: Vec<Result<Entry, Error>>,
    },
}

/// Whether entries are read, or only hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// Entries are hashed.
    Bytes,
    /// Entries are read, too.
    Entries,
}

/// Examines the bundles of a ledger of this size from one on, and shows them in order, until told to stop.
///
/// # Errors
///
/// When a file cannot be read, or the one who judges returns an error.
pub(super) fn examine_all<F: Files + Sync + ?Sized>(
    files: &F,
    from: u64,
    size: u64,
    depth: Depth,
    mut judge: impl FnMut(Examined) -> Result<Go, Error>,
) -> Result<(), Error> {
    let bundles = size.div_ceil(WIDTH).saturating_sub(from);
    let threads = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let threads = threads.min(bundles.div_ceil(AHEAD as u64)).max(1);
    thread::scope(|scope| {
        let mut channels = Vec::new();
        for thread in 0..threads {
            let (sender, receiver) = mpsc::sync_channel(AHEAD);
            channels.push(receiver);
            scope.spawn(move || {
                let mut index = from + thread;
                while let Some(bundle) = Tile::at(Level::Entries, index, size) {
                    // Who judges has stopped, and nobody listens any more.
                    if sender.send(examine(files, bundle, depth)).is_err() {
                        return;
                    }
                    index += threads;
                }
            });
        }
        // As many bundles as there are, each from the thread whose turn it is.
        for (_, channel) in (0..bundles).zip(channels.iter().cycle()) {
            let examined = channel.recv().unwrap_or(Err(Error::Stopped))?;
            if judge(examined)? == Go::Stop {
                break;
            }
        }
        Ok(())
    })
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Go {
    /// The next bundle is wanted.
    On,
    /// No other bundle is.
    Stop,
}

fn examine<F: Files + ?Sized>(files: &F, bundle: Tile, depth: Depth) -> Result<Examined, Error> {
    let found = match files.read(&bundle.to_string())? {
        None => Found::Nothing,
        Some(bytes) => match tile::read_entries(&bundle, &bytes) {
            Err(error) => Found::Unreadable(error),
            Ok(list) => {
                let hashes = list.iter().map(|entry| Hash::of_leaf(entry)).collect();
                let mut end = 0;
                let ends = list.iter().map(|entry| {
                    end += 2 + entry.len();
                    end
                });
                let ends = ends.collect();
                let entries = match depth {
                    Depth::Bytes => Vec::new(),
                    Depth::Entries => list.iter().map(|entry| Entry::parse(entry)).collect(),
                };
                Found::Entries { ends, hashes, entries, bytes }
            }
        },
    };
    Ok(Examined { bundle, found })
}
