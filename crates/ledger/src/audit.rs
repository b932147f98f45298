//! The audit of bytes: whether the files of a ledger are what its key has signed.
//!
//! It works from files alone, offline, with nothing but the public key, and derives everything again: entries from
//! bundles, hashes from entries, tiles from hashes, the root from tiles. It lists all it finds, not only the first,
//! and says what it could not authenticate. It does not judge what entries mean; that audit stands on this one.
//!
//! Implements what a client of [C2SP tlog-tiles v0.1.0](https://c2sp.org/tlog-tiles@v0.1.0) can check.

mod examine;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

use crate::{
    Error,
    checkpoint::{Checkpoint, Origin},
    edge::Edge,
    entry::Entry,
    log::CHECKPOINT,
    merkle::Hash,
    note::{Note, Verifier},
    prune::{self, PRUNED, Pruned},
    store::Files,
    tile::{self, Level, Tile, Tiles, WIDTH},
};
use examine::{Depth, Examined, Found, Go};

/// What an audit comes to.
#[derive(Debug)]
#[must_use = "an audit is worth what is done about its outcome"]
pub enum Outcome {
    /// Every byte that the key answers for is as it was signed.
    Sound(Audit),
    /// Something is not. What the visitor was shown must not be relied on.
    Unsound(Vec<Finding>),
}

/// What a sound ledger was found to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// Which ledger.
    pub origin: Origin,
    /// How many entries it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// What its key says was taken away, if anything was.
    pub pruned: Option<Pruned>,
    /// How many of what were verified.
    pub verified: Verified,
    /// What lies beside the ledger and nobody answers for: other files, files beyond the checkpoint, and signatures
    /// of unknown keys.
    pub unauthenticated: Vec<String>,
}

/// How much was verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Signatures on the checkpoint.
    pub signatures: u64,
    /// Entries read; none by an audit of bytes alone.
    pub entries: u64,
    /// Files of entries.
    pub bundles: u64,
    /// Files of hashes.
    pub tiles: u64,
    /// Checkpoints held by the auditor that this ledger continues.
    pub held: u64,
}

/// One thing that is wrong, and in which file.
#[derive(Debug)]
pub struct Finding {
    /// The path of the file.
    pub file: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file is not there.
    #[error("it is missing")]
    Missing,
    /// The file is not what its place says.
    #[error(transparent)]
    Unreadable(Error),
    /// An entry cannot be read.
    #[error("entry `{index}`: {source}")]
    Entry {
        /// Which entry.
        index: u64,
        /// Why not.
        source: Error,
    },
    /// An entry is earlier than the one before it.
    #[error("entry `{index}` at `{at}` stands after one at `{last}`")]
    TimeRunsBackwards {
        /// Which entry.
        index: u64,
        /// The time of the one before.
        last: Timestamp,
        /// Its own time.
        at: Timestamp,
    },
    /// A tile does not hold the hashes that follow from the entries: it or they were changed.
    #[error("its hashes do not follow from `{below}`")]
    OtherHashes {
        /// The entries, or the level of tiles, under it.
        below: String,
    },
    /// A narrower copy of a tile or bundle is not the beginning of the wider one.
    #[error("it is not the beginning of `{wider}`")]
    OtherBeginning {
        /// The path of the wider one.
        wider: String,
    },
    /// The entries do not have the root that was signed.
    #[error("the root of the `{size}` entries is not the signed one")]
    OtherRoot {
        /// How many.
        size: u64,
    },
    /// The ledger is not a continuation of a checkpoint that the auditor holds.
    #[error("the ledger of `{size}` entries does not continue the checkpoint held of `{held}`")]
    NotContinued {
        /// Its size.
        size: u64,
        /// The size of the checkpoint held.
        held: u64,
    },
    /// Neither the bundle nor its tile can be read, so nothing after it can be judged.
    #[error("neither entries nor hashes can be read from here on: the rest was not examined")]
    RestUnknown,
}

impl Finding {
    /// Returns what to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.fault {
            Fault::Missing
            | Fault::Unreadable(_)
            | Fault::OtherHashes { .. }
            | Fault::OtherBeginning { .. }
            | Fault::RestUnknown => {
                "restore this file, and any other it names, from a copy that is sound, then audit again"
            }
            Fault::Entry { .. } => {
                "restore this file; if every copy is the same, ask its keeper which release wrote it"
            }
            Fault::TimeRunsBackwards { .. } => {
                "ask the keeper what happened to the clock; no sound release writes this"
            }
            Fault::OtherRoot { .. } => {
                "compare with another copy: the entries or the checkpoint were changed after signing"
            }
            Fault::NotContinued { .. } => {
                "keep both: two checkpoints that contradict each other, signed by one key, are evidence"
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file, self.fault)
    }
}

/// Audits the files of a ledger that nobody is writing.
///
/// `held` are checkpoints that the auditor has from elsewhere, which the ledger must continue: without one, an audit
/// cannot tell a ledger from a shorter or other one that the same key has signed. `visit` is shown each entry in
/// order, one at a time, before the outcome is known: what it gathers counts only if that is [`Outcome::Sound`].
///
/// # Errors
///
/// When a file cannot be read at all. What is wrong with its content is a finding.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), ledger::Error> {
/// use ledger::{Directory, Outcome, Verifier};
///
/// let files = Directory::new("copy-of-the-ledger");
/// let verifier = Verifier::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")?;
/// match ledger::audit(&files, &verifier, &[], |_index, _entry| {})? {
///     Outcome::Sound(audit) => println!("{} entries are as they were signed", audit.size),
///     Outcome::Unsound(findings) => findings.iter().for_each(|f| println!("{f}\n{}", f.remedy())),
/// }
/// # Ok(())
/// # }
/// ```
pub fn audit<F: Files + Sync + ?Sized>(
    files: &F,
    verifier: &Verifier,
    held: &[Checkpoint],
    visit: impl FnMut(u64, &Entry),
) -> Result<Outcome, Error> {
    audit_to(Depth::Entries, files, verifier, held, visit)
}

/// Audits bytes and signatures alone: entries are hashed and not read, so what is signed but no entry, or out of the
/// order of time, is not found. For ledgers of any writer that have the same layout, and for the largest ones.
///
/// # Errors
///
/// As [`audit`].
pub fn bytes<F: Files + Sync + ?Sized>(
    files: &F,
    verifier: &Verifier,
    held: &[Checkpoint],
) -> Result<Outcome, Error> {
    audit_to(Depth::Bytes, files, verifier, held, |_, _| {})
}

fn audit_to<F: Files + Sync + ?Sized>(
    depth: Depth,
    files: &F,
    verifier: &Verifier,
    held: &[Checkpoint],
    visit: impl FnMut(u64, &Entry),
) -> Result<Outcome, Error> {
    let unsound =
        |fault| Ok(Outcome::Unsound(vec![Finding { file: CHECKPOINT.to_owned(), fault }]));
    let Some(bytes) = files.read(CHECKPOINT)? else {
        return unsound(Fault::Missing);
    };
    let opened = Checkpoint::open(&bytes, verifier)
        .and_then(|checkpoint| Ok((checkpoint, Note::parse(&bytes)?)));
    let (checkpoint, note) = match opened {
        Ok(opened) => opened,
        Err(error) => return unsound(Fault::Unreadable(error)),
    };
    let signatures = match note.verify(&[verifier]) {
        Ok(signatures) => signatures,
        Err(error) => return unsound(Fault::Unreadable(error)),
    };
    let pruned = match Pruned::read(files, verifier) {
        Ok(pruned) => pruned.filter(|pruned| pruned.start() < checkpoint.size),
        Err(error @ Error::Store { .. }) => return Err(error),
        Err(error) => {
            let finding = Finding { file: PRUNED.to_owned(), fault: Fault::Unreadable(error) };
            return Ok(Outcome::Unsound(vec![finding]));
        }
    };
    let start = pruned.as_ref().map_or(0, Pruned::start);
    let mut auditor = Auditor {
        files,
        size: checkpoint.size,
        start,
        held: in_order(held),
        edge: Edge::default(),
        copies: BTreeMap::new(),
        last_at: None,
        verified: Verified { signatures: signatures.by.len() as u64, ..Verified::default() },
        findings: Vec::new(),
    };
    let mut unauthenticated = auditor.sort_files()?;
    unauthenticated
        .extend(signatures.ignored.iter().map(|signature| format!("{CHECKPOINT}: {signature}")));
    if start > 0 && !auditor.begin_at_start()? {
        return Ok(Outcome::Unsound(auditor.findings));
    }
    auditor.read_all(depth, visit)?;
    if auditor.is_complete() {
        auditor.close(&checkpoint)?;
    }
    if auditor.findings.is_empty() {
        let Checkpoint { origin, size, root } = checkpoint;
        Ok(Outcome::Sound(Audit {
            origin,
            size,
            root,
            pruned,
            verified: auditor.verified,
            unauthenticated,
        }))
    } else {
        Ok(Outcome::Unsound(auditor.findings))
    }
}

/// Puts checkpoints in order of their sizes: there may be one for each of many releases.
fn in_order(held: &[Checkpoint]) -> Vec<&Checkpoint> {
    let mut held: Vec<_> = held.iter().collect();
    held.sort_by_key(|held| held.size);
    held
}

/// An audit under way.
struct Auditor<'a, F: ?Sized> {
    files: &'a F,
    size: u64,
    /// The first entry that must be there.
    start: u64,
    /// In order of their sizes.
    held: Vec<&'a Checkpoint>,
    edge: Edge,
    /// The narrower copies of each tile that lie beside it.
    copies: BTreeMap<(Level, u64), Vec<Tile>>,
    last_at: Option<Timestamp>,
    verified: Verified,
    findings: Vec<Finding>,
}

impl<F: Files + Sync + ?Sized> Auditor<'_, F> {
    /// Notes which narrower copies there are, and returns the files that nobody answers for.
    fn sort_files(&mut self) -> Result<Vec<String>, Error> {
        let mut unauthenticated = Vec::new();
        for path in self.files.list("")? {
            if path == CHECKPOINT || (path == PRUNED && self.start > 0) {
                continue;
            }
            let found = path.parse::<Tile>().ok();
            // What should be gone and is not, is not looked at.
            if found.is_some_and(|found| prune::is_gone(&found, self.start)) {
                unauthenticated.push(path);
                continue;
            }
            let signed = found.and_then(|found| Tile::at(found.level(), found.index(), self.size));
            match (found, signed) {
                (Some(found), Some(signed)) if found == signed => {}
                (Some(found), Some(signed)) if found.width() < signed.width() => {
                    self.copies.entry((found.level(), found.index())).or_default().push(found);
                }
                _ => unauthenticated.push(path),
            }
        }
        Ok(unauthenticated)
    }

    /// Takes the hashes over what was pruned from the tiles that are left. The root, in the end, tells whether they are
    /// the true ones. Says whether they could be read.
    fn begin_at_start(&mut self) -> Result<bool, Error> {
        let tiles = Tiles::new(self.files, self.size);
        let mut levels = vec![Vec::new()];
        for level in 1..8_u8 {
            let below = self.start >> (8 * u32::from(level));
            if below == 0 {
                break;
            }
            let width = usize::try_from(below % WIDTH).unwrap_or(0);
            let tile = Tile::at(Level::Hashes(level), below / WIDTH, self.size);
            let hashes = match tile.filter(|_| width > 0).map(|tile| (tile, tiles.hashes(tile))) {
                None => Vec::new(),
                Some((_, Ok(hashes))) => hashes.into_iter().take(width).collect(),
                Some((_, Err(error @ Error::Store { .. }))) => return Err(error),
                Some((tile, Err(error))) => {
                    self.find(tile, Fault::Unreadable(error));
                    return Ok(false);
                }
            };
            levels.push(hashes);
        }
        self.edge = Edge::new(levels);
        // A checkpoint from before can no longer be held against anything but the one that was signed.
        self.compare_held(self.start);
        Ok(true)
    }

    /// Reads every bundle, shows its entries, and grows the tree from them.
    fn read_all(&mut self, depth: Depth, mut visit: impl FnMut(u64, &Entry)) -> Result<(), Error> {
        if self.start == 0 {
            self.compare_held(0);
        }
        let (files, size, from) = (self.files, self.size, self.start / WIDTH);
        examine::examine_all(files, from, size, depth, |examined| {
            let bundle = examined.bundle;
            let mut hashes = self.judge_bundle(examined, &mut visit)?;
            if hashes.is_none() {
                // The tile lets the rest be judged as if the entries were there; the finding is made already.
                let tile = Tile::at(Level::Hashes(0), bundle.index(), size);
                hashes = tile.map_or(Ok(None), |tile| self.read_tile(tile))?;
            }
            let Some(hashes) = hashes else {
                self.find(bundle, Fault::RestUnknown);
                return Ok(Go::Stop);
            };
            for (position, hash) in (bundle.index() * WIDTH + 1..).zip(hashes) {
                let full = self.edge.push(hash);
                for (level, hashes) in (0..).zip(full) {
                    let place = (position >> (8 * (u32::from(level) + 1))) - 1;
                    self.compare_tile(Level::Hashes(level), place, &hashes)?;
                }
                self.compare_held(position);
            }
            Ok(Go::On)
        })
    }

    /// Says whether the tree was grown to its whole size.
    fn is_complete(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding.fault, Fault::RestUnknown))
    }

    /// Checks what is known only at the end: partial tiles, the root, and checkpoints of larger ledgers.
    fn close(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        for (level, hashes) in (0..).zip(self.edge.levels().to_vec()) {
            if !hashes.is_empty() {
                let place = self.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
                self.compare_tile(Level::Hashes(level), place, &hashes)?;
            }
        }
        if self.edge.root() != checkpoint.root {
            let fault = Fault::OtherRoot { size: self.size };
            self.findings.push(Finding { file: CHECKPOINT.to_owned(), fault });
        }
        for held in std::mem::take(&mut self.held) {
            // One from before the first entry that is left cannot be shown to be continued.
            if held.origin != checkpoint.origin || held.size > self.size || held.size < self.start {
                self.not_continued(held.size);
            }
        }
        Ok(())
    }

    /// Judges a bundle and shows its entries; returns their hashes, or nothing when it cannot be taken apart.
    fn judge_bundle(
        &mut self,
        examined: Examined,
        visit: &mut impl FnMut(u64, &Entry),
    ) -> Result<Option<Vec<Hash>>, Error> {
        let bundle = examined.bundle;
        let (bytes, ends, hashes, entries) = match examined.found {
            Found::Nothing => {
                self.find(bundle, Fault::Missing);
                return Ok(None);
            }
            Found::Unreadable(error) => {
                self.find(bundle, Fault::Unreadable(error));
                return Ok(None);
            }
            Found::Entries { bytes, ends, hashes, entries } => (bytes, ends, hashes, entries),
        };
        self.verified.bundles += 1;
        for (index, entry) in (bundle.index() * WIDTH..).zip(entries) {
            match entry {
                Ok(entry) => {
                    self.verified.entries += 1;
                    self.compare_time(bundle, index, entry.at());
                    visit(index, &entry);
                }
                Err(source) => self.find(bundle, Fault::Entry { index, source }),
            }
        }
        self.compare_copies(bundle, |width| {
            ends.get(width.checked_sub(1)?).and_then(|end| bytes.get(..*end))
        })?;
        Ok(Some(hashes))
    }

    /// Reads a tile in place of a bundle that cannot be read.
    fn read_tile(&mut self, tile: Tile) -> Result<Option<Vec<Hash>>, Error> {
        let bytes = self.files.read(&tile.to_string())?;
        Ok(bytes.and_then(|bytes| tile::read_hashes(&tile, &bytes).ok()))
    }

    /// Compares the file of a tile with what it should hold.
    fn compare_tile(&mut self, level: Level, index: u64, hashes: &[Hash]) -> Result<(), Error> {
        let Some(tile) = Tile::at(level, index, self.size) else {
            return Ok(());
        };
        let expected = tile::write_hashes(hashes);
        match self.files.read(&tile.to_string())? {
            None => self.find(tile, Fault::Missing),
            Some(bytes) if bytes == expected => self.verified.tiles += 1,
            Some(_) => {
                let below = match level {
                    Level::Entries | Level::Hashes(0) => {
                        Tile::at(Level::Entries, index, self.size).map(|below| below.to_string())
                    }
                    Level::Hashes(level) => Some(format!("tile/{}", level - 1)),
                };
                self.find(tile, Fault::OtherHashes { below: below.unwrap_or_default() });
            }
        }
        self.compare_copies(tile, |width| expected.get(..width * Hash::SIZE))
    }

    /// Compares the narrower copies beside a tile or bundle with its beginning.
    fn compare_copies<'bytes>(
        &mut self,
        wider: Tile,
        beginning: impl Fn(usize) -> Option<&'bytes [u8]>,
    ) -> Result<(), Error> {
        for copy in self.copies.remove(&(wider.level(), wider.index())).unwrap_or_default() {
            let bytes = self.files.read(&copy.to_string())?;
            if bytes.as_deref() == beginning(copy.width()) {
                match copy.level() {
                    Level::Entries => self.verified.bundles += 1,
                    Level::Hashes(_) => self.verified.tiles += 1,
                }
            } else {
                self.find(copy, Fault::OtherBeginning { wider: wider.to_string() });
            }
        }
        Ok(())
    }

    fn compare_time(&mut self, bundle: Tile, index: u64, at: Timestamp) {
        if let Some(last) = self.last_at.filter(|last| *last > at) {
            self.find(bundle, Fault::TimeRunsBackwards { index, last, at });
        }
        self.last_at = Some(at);
    }

    /// Compares the tree as it was at this size with the checkpoints held of it.
    fn compare_held(&mut self, size: u64) {
        let from = self.held.partition_point(|held| held.size < size);
        let roots: Vec<Hash> = self
            .held
            .iter()
            .skip(from)
            .take_while(|held| held.size == size)
            .map(|held| held.root)
            .collect();
        for root in roots {
            if self.edge.root() == root {
                self.verified.held += 1;
            } else {
                self.not_continued(size);
            }
        }
    }

    fn not_continued(&mut self, held: u64) {
        let fault = Fault::NotContinued { size: self.size, held };
        self.findings.push(Finding { file: CHECKPOINT.to_owned(), fault });
    }

    fn find(&mut self, tile: Tile, fault: Fault) {
        self.findings.push(Finding { file: tile.to_string(), fault });
    }
}
