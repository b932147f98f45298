//! Fuzzes the reading of bundles, tiles and entries.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::bundle(bytes));
