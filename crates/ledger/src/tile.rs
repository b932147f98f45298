//! Tiles and entry bundles: which file holds what, and how.
//!
//! A tile is 256 consecutive hashes of one level of the tree; the last of a level is partial and narrower. An
//! entry bundle is the 256 entries under a tile of level 0. This file names them and reads their bytes; it
//! opens no file itself and trusts none: [`Tiles`] is as good as the root it is checked against.
//!
//! Implements [C2SP tlog-tiles v0.1.0](https://c2sp.org/tlog-tiles@v0.1.0).

use std::{cell::RefCell, collections::HashMap, fmt, str::FromStr};

use crate::{
    Error,
    merkle::{self, Hash, Nodes},
    store::Files,
};

/// How many hashes or entries a full tile or bundle has.
pub const WIDTH: u64 = 256;

/// How many levels of the tree one level of tiles spans.
const HEIGHT: u32 = 8;

/// What a file holds: hashes of a level, or entries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Entries: the file is a bundle.
    Entries,
    /// Hashes of this level of tiles, of which 0 holds the hashes of entries.
    Hashes(u8),
}

/// One tile or bundle by its place, as in `tile/1/x001/234.p/17`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tile {
    level: Level,
    index: u64,
    width: u16,
}

impl Tile {
    /// Returns the bundle that holds the entry at `index`, as it stands in a ledger of `size` entries.
    pub fn of_entry(index: u64, size: u64) -> Option<Self> {
        Self::at(Level::Entries, index / WIDTH, size)
    }

    /// Returns the tile of that place as it stands in a ledger of `size` entries; nothing when it is empty.
    pub fn at(level: Level, index: u64, size: u64) -> Option<Self> {
        let hashes = match level {
            Level::Entries => size,
            Level::Hashes(level) => size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0),
        };
        let before = index.checked_mul(WIDTH)?;
        let width = u16::try_from(hashes.saturating_sub(before).min(WIDTH)).ok()?;
        (width > 0).then_some(Self { level, index, width })
    }

    /// Returns what it holds.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Returns which one of its level it is.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns how many hashes or entries it has, 1 to 256.
    pub fn width(&self) -> usize {
        usize::from(self.width)
    }

    /// Says whether it has all the hashes it can have.
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }
}

/// Writes its path.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => f.write_str("tile/entries/")?,
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        // Groups of three digits, the highest first, each but the last with an x before it.
        let groups = (1..=6).rev().filter_map(|power| {
            let rest = self.index / 1000_u64.pow(power);
            (rest > 0).then_some(rest % 1000)
        });
        for group in groups {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let read = || {
            let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
            let level = match level {
                "entries" => Level::Entries,
                number => Level::Hashes(number.parse().ok().filter(|level| *level < 64)?),
            };
            let (place, width) = match rest.split_once(".p/") {
                Some((place, width)) => {
                    (place, width.parse().ok().filter(|w| (1..=255).contains(w))?)
                }
                None => (rest, 256),
            };
            let mut index = 0_u64;
            for group in place.split('/') {
                let digits = group.strip_prefix('x').unwrap_or(group);
                index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
            }
            Some(Self { level, index, width })
        };
        // A path is right when it is the one we would write: that leaves nothing to be lenient about.
        read()
            .filter(|tile| tile.to_string() == path)
            .ok_or_else(|| Error::MalformedTilePath { path: path.to_owned() })
    }
}

/// Reads the bytes of a tile.
///
/// # Errors
///
/// [`Error::Damaged`] unless they are as many hashes as the tile is wide.
pub fn read_hashes(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::SIZE }>();
    if hashes.len() == tile.width() && rest.is_empty() {
        Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
    } else {
        Err(damaged(tile, "its length is not that of its hashes"))
    }
}

/// Writes the bytes of a tile.
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Reads the bytes of an entry bundle: each entry stands after its length in two bytes.
///
/// # Errors
///
/// [`Error::Damaged`] unless they are as many entries as the bundle is wide.
pub fn read_entries<'bytes>(tile: &Tile, bytes: &'bytes [u8]) -> Result<Vec<&'bytes [u8]>, Error> {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (entry, after) = after
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or_else(|| damaged(tile, "an entry is cut short"))?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(damaged(tile, "the length of an entry is cut short"));
    }
    if entries.len() == tile.width() {
        Ok(entries)
    } else {
        Err(damaged(tile, "it does not have as many entries as its place says"))
    }
}

/// Adds an entry to the bytes of a bundle.
///
/// # Errors
///
/// [`Error::EntryTooLarge`] when its length does not fit in two bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Error> {
    let length =
        u16::try_from(entry.len()).map_err(|_| Error::EntryTooLarge { bytes: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The nodes of a ledger of some size, read from its tiles and remembered while this lives.
#[derive(Debug)]
pub struct Tiles<'files, F: ?Sized> {
    files: &'files F,
    size: u64,
    read: RefCell<HashMap<Tile, Vec<Hash>>>,
}

impl<'files, F: Files + ?Sized> Tiles<'files, F> {
    /// Reads the tiles of a ledger of `size` entries.
    pub fn new(files: &'files F, size: u64) -> Self {
        Self { files, size, read: RefCell::default() }
    }

    /// Returns all hashes of a tile.
    ///
    /// # Errors
    ///
    /// When the file is missing, damaged or cannot be read.
    pub fn hashes(&self, tile: Tile) -> Result<Vec<Hash>, Error> {
        if let Some(hashes) = self.read.borrow().get(&tile) {
            return Ok(hashes.clone());
        }
        let path = tile.to_string();
        let bytes = self.files.read(&path)?.ok_or_else(|| damaged(&tile, "it is missing"))?;
        let hashes = read_hashes(&tile, &bytes)?;
        self.read.borrow_mut().insert(tile, hashes.clone());
        Ok(hashes)
    }
}

impl<F: Files + ?Sized> Nodes for Tiles<'_, F> {
    fn node(&self, level: u32, index: u64) -> Result<Hash, Error> {
        let beyond = || Error::BeyondSize { asked: index, size: self.size };
        // The node is over `1 << inner` hashes of one tile, from `first` on.
        let inner = level % HEIGHT;
        let first = index.checked_mul(1 << inner).ok_or_else(beyond)?;
        let tile_level = u8::try_from(level / HEIGHT).map_err(|_| beyond())?;
        let tile =
            Tile::at(Level::Hashes(tile_level), first / WIDTH, self.size).ok_or_else(beyond)?;
        let hashes = self.hashes(tile)?;
        let start = usize::try_from(first % WIDTH).map_err(|_| beyond())?;
        hashes.get(start..start + (1 << inner)).and_then(merkle::fold).ok_or_else(beyond)
    }
}

pub(crate) fn damaged(tile: &Tile, reason: &'static str) -> Error {
    Error::Damaged { path: tile.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for path in [
            "tile/0/000",
            "tile/0/x001/x234/067",
            "tile/63/000.p/1",
            "tile/entries/x001/000.p/255",
            "tile/entries/999",
        ] {
            assert_eq!(path.parse::<Tile>().unwrap().to_string(), path);
        }
        let largest = Tile { level: Level::Hashes(0), index: u64::MAX, width: 256 };
        assert_eq!(largest.to_string(), "tile/0/x018/x446/x744/x073/x709/x551/615");
        assert_eq!(largest.to_string().parse::<Tile>().unwrap(), largest);
    }

    #[test]
    fn any_other_path_is_refused() {
        for path in [
            "",
            "checkpoint",
            "tile/0",
            "tile/0/",
            "tile/64/000",
            "tile/00/000",
            "tile/+1/000",
            "tile/-1/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/x000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000/",
            "tile/0/+00",
            "tile/0/../000",
            "/tile/0/000",
            "tile/data/000",
            "tile/Entries/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(path.parse::<Tile>().is_err(), "{path}");
        }
    }

    #[test]
    fn the_tiles_of_70_000_entries_are_those_the_specification_lists() {
        let widths = |level| -> Vec<u16> {
            (0..).map_while(|index| Tile::at(level, index, 70_000)).map(|tile| tile.width).collect()
        };
        let level_0 = widths(Level::Hashes(0));
        assert_eq!(level_0.len(), 274);
        assert_eq!(level_0.last(), Some(&112));
        assert_eq!(widths(Level::Entries), level_0);
        assert_eq!(widths(Level::Hashes(1)), [256, 17]);
        assert_eq!(widths(Level::Hashes(2)), [1]);
        assert!(widths(Level::Hashes(3)).is_empty());
        assert_eq!(Tile::at(Level::Hashes(1), 0, 256).unwrap().width, 1);
        assert_eq!(Tile::at(Level::Hashes(63), 0, u64::MAX), None);
        assert_eq!(Tile::at(Level::Hashes(0), u64::MAX, u64::MAX), None);
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written_and_in_no_other_way() {
        let tile: Tile = "tile/entries/000.p/3".parse().unwrap();
        let mut bundle = Vec::new();
        for entry in [&b"one"[..], b"", b"three"] {
            push_entry(&mut bundle, entry).unwrap();
        }
        assert_eq!(bundle, b"\0\x03one\0\0\0\x05three");
        assert_eq!(read_entries(&tile, &bundle).unwrap(), [&b"one"[..], b"", b"three"]);
        for end in 0..bundle.len() {
            assert!(read_entries(&tile, bundle.get(..end).unwrap()).is_err());
        }
        bundle.push(0);
        assert!(read_entries(&tile, &bundle).is_err());
        bundle.push(0);
        assert!(read_entries(&tile, &bundle).is_err());
        assert!(push_entry(&mut bundle, &vec![0; 65_536]).is_err());
        assert!(push_entry(&mut bundle, &vec![0; 65_535]).is_ok());
    }

    #[test]
    fn a_tile_is_read_only_at_its_own_length() {
        let tile: Tile = "tile/0/000.p/2".parse().unwrap();
        let hashes = [Hash::of_leaf(b"a"), Hash::of_leaf(b"b")];
        let bytes = write_hashes(&hashes);
        assert_eq!(read_hashes(&tile, &bytes).unwrap(), hashes);
        for wrong in [&bytes[..63], &bytes[..32], &[&bytes[..], &[0]].concat()] {
            assert!(read_hashes(&tile, wrong).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_tile_has_one_path(level in 0u8..64, index in any::<u64>(), width in 1u16..=256) {
            for level in [Level::Hashes(level), Level::Entries] {
                let tile = Tile { level, index, width };
                prop_assert_eq!(tile.to_string().parse::<Tile>().unwrap(), tile);
            }
        }

        #[test]
        fn no_text_makes_the_reader_fail_otherwise_than_with_an_error(
            path in "tile/[0-9entris]{1,7}/[x0-9./p]{0,30}", bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            if let Ok(tile) = path.parse::<Tile>() {
                prop_assert_eq!(tile.to_string(), path);
                let _ = read_entries(&tile, &bytes);
                let _ = read_hashes(&tile, &bytes);
            }
        }
    }
}
