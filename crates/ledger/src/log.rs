//! The log: how a ledger grows, and the boundary of record-then-release.
//!
//! Appending writes entries, then tiles, then the signed checkpoint, then the anchor, each durable before the next
//! begins, and only then returns [`Recorded`], the evidence without which nothing may leave the node. After a crash
//! there is no special path: what lies beyond the signed checkpoint is not part of the ledger, and is removed before
//! the next entry is written. The log reads no clock, draws no randomness and does not know what entries mean.
//!
//! Layout: [C2SP tlog-tiles v0.1.0](https://c2sp.org/tlog-tiles@v0.1.0). Anti-rollback: the anchor is a second place,
//! best on another disk and never restored from a backup, that holds the last signed checkpoint.

use jiff::Timestamp;

use crate::{
    Error,
    checkpoint::{Checkpoint, Origin},
    edge::Edge,
    entry::{Entry, Leaf},
    merkle::{self, Hash},
    note::{Note, Signer},
    reader::Reader,
    store::{Change, Files, Held, Store},
    tile::{self, Level, Tile, Tiles, WIDTH},
};

/// The path of the signed checkpoint, in the ledger and in its anchor.
pub const CHECKPOINT: &str = "checkpoint";

/// Evidence that an entry is durable and under a signed checkpoint.
///
/// INVARIANT: only a log makes one, after that is so. It cannot be copied, stored or made up, so who asks for a
/// `Recorded` gets one for each release.
///
/// Nobody else can make one:
///
/// ```compile_fail,E0451
/// fn forge(origin: ledger::Origin, leaf_hash: ledger::Hash) -> ledger::Recorded {
///     ledger::Recorded { origin, index: 0, leaf_hash, checkpoint_size: 1 }
/// }
/// ```
///
/// Nor make two of one:
///
/// ```compile_fail,E0382
/// fn release(_: ledger::Recorded) {}
/// fn twice(recorded: ledger::Recorded) {
///     release(recorded);
///     release(recorded);
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn needs_clone<T: Clone>() {}
/// needs_clone::<ledger::Recorded>();
/// ```
#[derive(PartialEq, Eq, Debug)]
#[must_use = "an entry was written so that something may follow"]
pub struct Recorded {
    origin: Origin,
    index: u64,
    leaf_hash: Hash,
    checkpoint_size: u64,
}

impl Recorded {
    /// Returns which ledger the entry is in.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns where in the ledger the entry stands.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the hash of the entry's leaf.
    pub fn leaf_hash(&self) -> &Hash {
        &self.leaf_hash
    }

    /// Returns the size of the signed checkpoint it was found under.
    pub fn checkpoint_size(&self) -> u64 {
        self.checkpoint_size
    }
}

/// A ledger open for writing: its store, and the anchor, which may be a store of another kind.
#[derive(Debug)]
pub struct Log<S, A = S> {
    store: S,
    anchor: A,
    signer: Signer,
    checkpoint: Checkpoint,
    /// The checkpoint as it was signed, which is what store and anchor hold.
    signed: Vec<u8>,
    edge: Edge,
    /// The bytes of the last bundle while it is partial.
    bundle: Vec<u8>,
    last_at: Option<Timestamp>,
    /// Whether what a crash may have left beyond the checkpoint is known to be gone.
    swept: bool,
    stopped: bool,
}

impl<S: Store, A: Store> Log<S, A> {
    /// Begins a ledger, whose origin is the name of its key.
    ///
    /// # Errors
    ///
    /// [`Error::LedgerExists`] or [`Error::AnchorInUse`] when either place is not new, or when a write fails.
    pub fn create(mut store: S, mut anchor: A, signer: Signer) -> Result<Self, Error> {
        if store.read(CHECKPOINT)?.is_some() {
            return Err(Error::LedgerExists { path: CHECKPOINT.to_owned() });
        }
        if let Some(path) = store.list("tile")?.into_iter().next() {
            return Err(Error::LedgerExists { path });
        }
        if let Some(bytes) = anchor.read(CHECKPOINT)? {
            let Checkpoint { origin, size, .. } = Checkpoint::open(&bytes, signer.verifier())?;
            if size > 0 {
                return Err(Error::AnchorInUse { origin, size });
            }
        }
        let checkpoint =
            Checkpoint { origin: Origin::from(signer.name()), size: 0, root: Hash::of_nothing() };
        let latest = checkpoint.sign(&signer)?.to_string().into_bytes();
        // If we crash here, there is no ledger, and beginning it again meets an empty place.
        anchor.write(CHECKPOINT, &latest)?;
        // If we crash here, the anchor remembers no entry, so beginning again is allowed.
        store.write(CHECKPOINT, &latest)?;
        Ok(Self {
            store,
            anchor,
            signer,
            checkpoint,
            signed: latest,
            edge: Edge::default(),
            bundle: Vec::new(),
            last_at: None,
            swept: true,
            stopped: false,
        })
    }

    /// Opens a ledger. This never begins one, whatever is missing.
    ///
    /// # Errors
    ///
    /// When there is none; when the key is not the one it was begun with; when its anchor is missing, or remembers
    /// more entries or others; when its tiles do not fit its checkpoint.
    pub fn open(store: S, mut anchor: A, signer: Signer) -> Result<Self, Error> {
        let latest = store.read(CHECKPOINT)?.ok_or(Error::NoLedger)?;
        let checkpoint = Checkpoint::open(&latest, signer.verifier())?;
        let size = checkpoint.size;
        let anchored_bytes = anchor.read(CHECKPOINT)?.ok_or(Error::NoAnchor)?;
        let anchored = Checkpoint::open(&anchored_bytes, signer.verifier())?;
        if size < anchored.size {
            return Err(Error::RolledBack { size, anchored: anchored.size });
        }
        let edge = read_edge(&store, size)?;
        if edge.root() != checkpoint.root {
            return Err(Error::Damaged {
                path: "tile".to_owned(),
                reason: "its hashes do not lead to the root of the checkpoint",
            });
        }
        let proof = merkle::prove_consistency(&Tiles::new(&store, size), anchored.size, size)?;
        merkle::verify_consistency(anchored.size, &anchored.root, size, &checkpoint.root, &proof)
            .map_err(|_| Error::Forked { size, anchored: anchored.size })?;
        if anchored_bytes != latest {
            // If we crash here, the anchor is behind by consistent growth, as it was before.
            anchor.write(CHECKPOINT, &latest)?;
        }
        let mut log = Self {
            store,
            anchor,
            signer,
            checkpoint,
            signed: latest,
            edge,
            bundle: Vec::new(),
            last_at: None,
            swept: false,
            stopped: false,
        };
        if let Some(last) = size.checked_sub(1) {
            log.last_at = log.read_bundle(last / WIDTH)?.last().map(Leaf::at);
            if let Some(partial) = Tile::of_entry(last, size).filter(|tile| !tile.is_full()) {
                log.bundle = log.store.read(&partial.to_string())?.unwrap_or_default();
            }
        }
        Ok(log)
    }

    /// Appends entries, and returns evidence of each once all are durable and under a signed checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::TimeRunsBackwards`] and nothing was written; [`Error::AnchorMoved`] and nothing was written; or a
    /// write failed, and whether the entries are in the ledger is known only after opening it again, when
    /// [`Log::find`] and [`Log::recorded`] tell. After a failed write nothing more is appended.
    pub fn append(&mut self, leaves: &[Leaf]) -> Result<Vec<Recorded>, Error> {
        if self.stopped {
            return Err(Error::Stopped);
        }
        let Some(last) = leaves.last() else {
            return Ok(Vec::new());
        };
        self.check_times(leaves)?;
        if self.anchor.read(CHECKPOINT)?.as_ref() != Some(&self.signed) {
            return Err(Error::AnchorMoved);
        }
        let grown = self.grow(leaves)?;
        // INVARIANT: from here to the last write, any return is a failure that stops the log for good.
        self.stopped = true;
        self.sweep()?;
        self.keep(&grown)?;
        let origin = grown.checkpoint.origin.clone();
        let (first, checkpoint_size) = (self.checkpoint.size, grown.checkpoint.size);
        self.checkpoint = grown.checkpoint;
        self.signed = grown.signed;
        self.edge = grown.edge;
        self.bundle = grown.bundle;
        self.last_at = Some(last.at());
        self.stopped = false;
        let recorded = (first..).zip(leaves).map(|(index, leaf)| Recorded {
            origin: origin.clone(),
            index,
            leaf_hash: leaf.hash(),
            checkpoint_size,
        });
        Ok(recorded.collect())
    }

    /// Appends one entry. See [`Log::append`].
    ///
    /// # Errors
    ///
    /// As [`Log::append`].
    pub fn append_one(&mut self, leaf: &Leaf) -> Result<Recorded, Error> {
        self.append(std::slice::from_ref(leaf))?.pop().ok_or(Error::Stopped)
    }

    /// Returns evidence of an entry that was appended earlier, perhaps by a program that crashed before it could
    /// use it: nothing unless that very leaf stands at that index under the signed checkpoint.
    ///
    /// # Errors
    ///
    /// When the files cannot be read or do not fit the checkpoint.
    pub fn recorded(&self, index: u64, leaf: &Leaf) -> Result<Option<Recorded>, Error> {
        // After a failed write the checkpoint we remember may not be the one that is stored.
        if self.stopped {
            return Err(Error::Stopped);
        }
        if index >= self.size() || self.leaf(index)? != *leaf {
            return Ok(None);
        }
        Ok(Some(Recorded {
            origin: self.origin().clone(),
            index,
            leaf_hash: leaf.hash(),
            checkpoint_size: self.size(),
        }))
    }

    /// Returns the first entry from an index on for which `wanted` says yes, and where it stands.
    ///
    /// # Errors
    ///
    /// When the files cannot be read or do not fit the checkpoint.
    pub fn find(
        &self,
        from: u64,
        mut wanted: impl FnMut(&Entry) -> bool,
    ) -> Result<Option<(u64, Leaf)>, Error> {
        for bundle in from / WIDTH..self.size().div_ceil(WIDTH) {
            for (index, leaf) in (bundle * WIDTH..).zip(self.read_bundle(bundle)?) {
                if index >= from && wanted(&leaf.to_entry()?) {
                    return Ok(Some((index, leaf)));
                }
            }
        }
        Ok(None)
    }

    /// Returns the leaf at an index, checked against the signed checkpoint.
    ///
    /// # Errors
    ///
    /// When there is none, or the files cannot be read or do not fit the checkpoint.
    pub fn leaf(&self, index: u64) -> Result<Leaf, Error> {
        let beyond = || Error::BeyondSize { asked: index, size: self.size() };
        if index >= self.size() {
            return Err(beyond());
        }
        let place = usize::try_from(index % WIDTH).map_err(|_| beyond())?;
        self.read_bundle(index / WIDTH)?.into_iter().nth(place).ok_or_else(beyond)
    }

    /// Returns the entry at an index. See [`Log::leaf`].
    ///
    /// # Errors
    ///
    /// As [`Log::leaf`].
    pub fn entry(&self, index: u64) -> Result<Entry, Error> {
        self.leaf(index)?.to_entry()
    }

    /// Returns the proof that the entry at `index` is under the checkpoint, for [`merkle::verify_inclusion`].
    ///
    /// # Errors
    ///
    /// When there is no such entry, or the tiles cannot be read.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>, Error> {
        merkle::prove_inclusion(&Tiles::new(&self.store, self.size()), index, self.size())
    }

    /// Returns the proof that the ledger continues the one of `old_size`, for [`merkle::verify_consistency`].
    ///
    /// # Errors
    ///
    /// When the ledger is smaller, or the tiles cannot be read.
    pub fn prove_consistency(&self, old_size: u64) -> Result<Vec<Hash>, Error> {
        merkle::prove_consistency(&Tiles::new(&self.store, self.size()), old_size, self.size())
    }

    /// Returns the place where its files are, to be read.
    pub fn files(&self) -> &S {
        &self.store
    }

    /// Returns a reader of the ledger as it is now, which makes receipts and requests to witnesses.
    ///
    /// # Errors
    ///
    /// When the checkpoint cannot be read.
    pub fn reader(&self) -> Result<Reader<&S>, Error> {
        Reader::open(&self.store, self.signer.verifier().clone())
    }

    /// Returns the checkpoint that was last signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns that checkpoint as it was signed: what witnesses and auditors are given.
    pub fn signed_checkpoint(&self) -> &[u8] {
        &self.signed
    }

    /// Returns which ledger this is.
    pub fn origin(&self) -> &Origin {
        &self.checkpoint.origin
    }

    /// Returns how many entries it has.
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// Returns the time of the last entry, before which no other can stand; none for a ledger without entries.
    ///
    /// It is that of the last entry under the signed checkpoint: read from its bytes and proven when the ledger is
    /// opened, moved by each [`Log::append`] that returns, left alone by one that fails. The time is part of a leaf's
    /// bytes, so who stamps entries stamps each with the later of this and the clock, while no other can append. A
    /// leaf that was stamped earlier and stored can never be appended.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    fn check_times(&self, leaves: &[Leaf]) -> Result<(), Error> {
        let mut last = self.last_at;
        for at in leaves.iter().map(Leaf::at) {
            if let Some(last) = last.filter(|last| *last > at) {
                return Err(Error::TimeRunsBackwards { last, at });
            }
            last = Some(at);
        }
        Ok(())
    }

    /// Returns what the ledger will be with these leaves, and the files that make it so. Changes nothing.
    fn grow(&self, leaves: &[Leaf]) -> Result<Grown, Error> {
        let (mut edge, mut bundle, mut size) =
            (self.edge.clone(), self.bundle.clone(), self.size());
        let mut files = Vec::new();
        let mut highest = 0;
        for leaf in leaves {
            tile::push_entry(&mut bundle, leaf.as_bytes())?;
            let full = edge.push(leaf.hash());
            size += 1;
            // A tile that became full is the one before the place where the next hash of its level goes.
            if !full.is_empty() {
                let index = size / WIDTH - 1;
                files.extend(
                    Tile::at(Level::Entries, index, size)
                        .map(|tile| (tile, std::mem::take(&mut bundle))),
                );
            }
            highest = highest.max(full.len());
            for (level, hashes) in (0..).zip(full) {
                let index = (size >> (8 * (u32::from(level) + 1))) - 1;
                files.extend(
                    Tile::at(Level::Hashes(level), index, size)
                        .map(|tile| (tile, tile::write_hashes(&hashes))),
                );
            }
        }
        if !bundle.is_empty() {
            files.extend(
                Tile::at(Level::Entries, size / WIDTH, size).map(|tile| (tile, bundle.clone())),
            );
        }
        // Above the highest level that overflowed into its parent nothing has changed.
        for (level, hashes) in (0..).zip(edge.levels()).take(highest + 1) {
            let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            files.extend(
                Tile::at(Level::Hashes(level), index, size)
                    .filter(|tile| tile.width() == hashes.len())
                    .map(|tile| (tile, tile::write_hashes(hashes))),
            );
        }
        // Entries sort before hashes, and lower levels before higher ones.
        files.sort_by_key(|(tile, _)| *tile);
        let checkpoint =
            Checkpoint { origin: self.checkpoint.origin.clone(), size, root: edge.root() };
        let signed = checkpoint.sign(&self.signer)?.to_string().into_bytes();
        Ok(Grown { edge, bundle, files, checkpoint, signed })
    }

    /// Removes the tiles beyond the checkpoint that a crash has left.
    ///
    /// Writing over them would not do: the next append may be of another length, and a partial tile left behind
    /// would then contradict the full one.
    fn sweep(&mut self) -> Result<(), Error> {
        if self.swept {
            return Ok(());
        }
        for path in self.store.list("tile")? {
            let Ok(found) = path.parse::<Tile>() else {
                continue;
            };
            let signed = Tile::at(found.level(), found.index(), self.size());
            if signed.is_none_or(|signed| signed.width() < found.width()) {
                // If we crash here, the rest is removed the next time.
                self.store.remove(&path)?;
            }
        }
        self.swept = true;
        Ok(())
    }

    /// Writes what has grown, in the one order in which a crash loses nothing.
    fn keep(&mut self, grown: &Grown) -> Result<(), Error> {
        // INVARIANT: no file that the signed checkpoint needs is ever written over or removed.
        let paths: Vec<_> =
            grown.files.iter().map(|(tile, bytes)| (tile.to_string(), bytes)).collect();
        let full = grown.files.iter().filter(|(tile, _)| tile.is_full());
        let partial: Vec<_> = full.map(|(tile, _)| format!("{tile}.p")).collect();
        // If we crash among these, the signed checkpoint is the old one, and the files written lie beyond it.
        let mut changes: Vec<_> =
            paths.iter().map(|(path, bytes)| Change::Write { path, bytes }).collect();
        // If we crash after it, the ledger has grown and its anchor has not; opening it puts that right.
        changes.push(Change::Write { path: CHECKPOINT, bytes: &grown.signed });
        // If we crash among these, partial tiles stay beside full ones: their beginnings, true and of no use.
        changes.extend(partial.iter().map(|under| Change::Clear { under }));
        // Whoever else signed for this ledger meanwhile would have changed the checkpoint: then nothing is written.
        let held = Held { path: CHECKPOINT, bytes: Some(&self.signed) };
        self.store.commit(Some(held), &changes)?;
        self.anchor.replace(CHECKPOINT, Some(&self.signed), &grown.signed)
    }

    /// Reads a bundle and checks every entry of it against the signed checkpoint.
    fn read_bundle(&self, index: u64) -> Result<Vec<Leaf>, Error> {
        let size = self.size();
        let (Some(entries), Some(hashes)) =
            (Tile::at(Level::Entries, index, size), Tile::at(Level::Hashes(0), index, size))
        else {
            return Err(Error::BeyondSize { asked: index.saturating_mul(WIDTH), size });
        };
        let bytes = self
            .store
            .read(&entries.to_string())?
            .ok_or_else(|| tile::damaged(&entries, "it is missing"))?;
        let leaves: Vec<_> = tile::read_entries(&entries, &bytes)?
            .into_iter()
            .map(|entry| Leaf::parse(entry.to_vec()))
            .collect::<Result<_, _>>()?;
        let tiles = Tiles::new(&self.store, size);
        let derived: Vec<_> = leaves.iter().map(Leaf::hash).collect();
        if tiles.hashes(hashes)? != derived {
            return Err(tile::damaged(&entries, "its entries do not have the hashes of its tile"));
        }
        // The tile holds what we derived, so a proof for its first entry is one for the whole tile.
        let first = index * WIDTH;
        let proof = merkle::prove_inclusion(&tiles, first, size)?;
        if let Some(leaf) = derived.first() {
            merkle::verify_inclusion(leaf, first, size, &self.checkpoint.root, &proof).map_err(
                |_| tile::damaged(&hashes, "it does not lead to the root of the checkpoint"),
            )?;
        }
        Ok(leaves)
    }
}

/// What a ledger will be once its files are written.
struct Grown {
    edge: Edge,
    bundle: Vec<u8>,
    files: Vec<(Tile, Vec<u8>)>,
    checkpoint: Checkpoint,
    signed: Vec<u8>,
}

/// Reads the partial tiles of a ledger of this size.
fn read_edge<F: Files>(files: &F, size: u64) -> Result<Edge, Error> {
    let tiles = Tiles::new(files, size);
    let mut levels = Vec::new();
    for level in 0..8_u8 {
        let below = size >> (8 * u32::from(level));
        if below == 0 {
            break;
        }
        let partial = Tile::at(Level::Hashes(level), below / WIDTH, size);
        levels.push(partial.map_or(Ok(Vec::new()), |tile| tiles.hashes(tile))?);
    }
    Ok(Edge::new(levels))
}

/// Reads a signed checkpoint without a log, for who only needs to know where a ledger stands.
///
/// # Errors
///
/// [`Error::NoLedger`] when there is none, or as [`Checkpoint::open`].
pub fn read_checkpoint<F: Files>(
    files: &F,
    verifier: &crate::note::Verifier,
) -> Result<(Checkpoint, Note), Error> {
    let bytes = files.read(CHECKPOINT)?.ok_or(Error::NoLedger)?;
    Ok((Checkpoint::open(&bytes, verifier)?, Note::parse(&bytes)?))
}
