//! Whatever bytes come as a bundle, a tile, a path or an entry: no panic, and what is read is written again.
#![no_main]
use ledger::{
    Leaf,
    tile::{Level, Tile, push_entry, read_entries, read_hashes, write_hashes},
};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (width, bytes) = input;
    let size = u64::from(width) + 1;
    if let Some(bundle) = Tile::at(Level::Entries, 0, size)
        && let Ok(entries) = read_entries(&bundle, bytes)
    {
        let mut again = Vec::new();
        for entry in &entries {
            push_entry(&mut again, entry).unwrap();
        }
        assert_eq!(again, bytes);
    }
    if let Some(tile) = Tile::at(Level::Hashes(0), 0, size)
        && let Ok(hashes) = read_hashes(&tile, bytes)
    {
        assert_eq!(write_hashes(&hashes), bytes);
    }
    if let Some(tile) = std::str::from_utf8(bytes).ok().and_then(|path| path.parse::<Tile>().ok()) {
        assert_eq!(tile.to_string().as_bytes(), bytes);
    }
    if let Ok(leaf) = Leaf::parse(bytes.to_vec()) {
        assert_eq!(leaf.to_entry().unwrap().to_leaf().unwrap().as_bytes(), bytes);
    }
});
