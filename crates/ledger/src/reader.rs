//! Reading a ledger that somebody else may be writing: its checkpoint, and the proofs that others ask for.
//!
//! It needs the files and the public key, and neither lock nor secret. What it hands out it has checked against the
//! signed checkpoint; judging a whole ledger is [`crate::audit()`]'s.

use std::ops::Range;

use crate::{
    Error,
    checkpoint::Checkpoint,
    commitment::Opening,
    entry::{Entry, Leaf},
    log, merkle,
    note::{Note, Verifier},
    receipt::Receipt,
    store::Files,
    tile::{self, Tile, Tiles, WIDTH},
    witness::Request,
};

/// A ledger open for reading, as of the checkpoint that was found.
#[derive(Debug)]
pub struct Reader<F> {
    files: F,
    verifier: Verifier,
    checkpoint: Checkpoint,
    note: Note,
}

impl<F: Files> Reader<F> {
    /// Reads the checkpoint of a ledger, which must be signed by this key.
    ///
    /// # Errors
    ///
    /// [`Error::NoLedger`] when there is none, or as [`Checkpoint::open`].
    pub fn open(files: F, verifier: Verifier) -> Result<Self, Error> {
        let (checkpoint, note) = log::read_checkpoint(&files, &verifier)?;
        Ok(Self { files, verifier, checkpoint, note })
    }

    /// Returns the checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Returns the signed checkpoint.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Returns what a witness is sent that cosigned this ledger last at the size `old`.
    ///
    /// # Errors
    ///
    /// When the ledger was never of that size, or the tiles cannot be read.
    pub fn request(&self, old: u64) -> Result<Request, Error> {
        let size = self.checkpoint.size;
        let proof = merkle::prove_consistency(&Tiles::new(&self.files, size), old, size)?;
        Ok(Request { old, proof, note: self.note.clone() })
    }

    /// Returns the receipt of an entry, under a checkpoint of this ledger with the cosignatures it has.
    ///
    /// The checkpoint may be an older one, as those are that witnesses have cosigned. Openings are put in for the one
    /// who will hold the receipt; they are personal data.
    ///
    /// # Errors
    ///
    /// When the note is of another ledger or not signed by its key; when its checkpoint does not have the entry, or
    /// does not agree with this ledger; when an opening opens nothing of it; when the files cannot be read.
    pub fn receipt(
        &self,
        index: u64,
        note: &Note,
        openings: Vec<Opening>,
    ) -> Result<Receipt, Error> {
        let older = Checkpoint::open(note.to_string().as_bytes(), &self.verifier)?;
        let size = self.checkpoint.size;
        if older.size > size || index >= older.size {
            return Err(Error::BeyondSize {
                asked: index.max(older.size),
                size: size.min(older.size),
            });
        }
        let leaf = self.leaf(index)?;
        // A subtree that was whole in the older tree is the same in this one.
        let proof = merkle::prove_inclusion(&Tiles::new(&self.files, size), index, older.size)?;
        merkle::verify_inclusion(&leaf.hash(), index, older.size, &older.root, &proof)?;
        Receipt::new(index, proof, note.clone()).with_entry(&leaf, openings)
    }

    /// Returns the entries from one index up to another, each held against the checkpoint, whose signature was verified
    /// when the ledger was opened: a page of them costs one signature and not one each.
    ///
    /// # Errors
    ///
    /// When the ledger is shorter; when an entry does not agree with the checkpoint or is none of ours; when the files
    /// cannot be read.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<Entry>, Error> {
        let (size, root) = (self.checkpoint.size, &self.checkpoint.root);
        let tiles = Tiles::new(&self.files, size);
        let proved = |index| {
            let leaf = self.leaf(index)?;
            let proof = merkle::prove_inclusion(&tiles, index, size)?;
            merkle::verify_inclusion(&leaf.hash(), index, size, root, &proof)?;
            leaf.to_entry()
        };
        range.map(proved).collect()
    }

    /// Reads a leaf, which is not yet held against anything.
    fn leaf(&self, index: u64) -> Result<Leaf, Error> {
        let beyond = || Error::BeyondSize { asked: index, size: self.checkpoint.size };
        let bundle = Tile::of_entry(index, self.checkpoint.size).ok_or_else(beyond)?;
        let bytes = self
            .files
            .read(&bundle.to_string())?
            .ok_or_else(|| tile::damaged(&bundle, "it is missing"))?;
        let place = usize::try_from(index % WIDTH).map_err(|_| beyond())?;
        let entries = tile::read_entries(&bundle, &bytes)?;
        Leaf::parse(entries.get(place).ok_or_else(beyond)?.to_vec())
    }
}
