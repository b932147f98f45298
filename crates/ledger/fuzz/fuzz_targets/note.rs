//! Whatever bytes come as a note: no panic, and what is read is written again as it was.
#![no_main]
use ledger::{Note, Verifier};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(verifier) = std::str::from_utf8(bytes).map_err(drop).and_then(|text| Verifier::parse(text).map_err(drop)) {
        assert_eq!(verifier.to_string().as_bytes(), bytes);
    }
});
