//! Fuzzes the reading of notes and keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::note(bytes));
