//! Fuzzes the reading of checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::checkpoint(bytes));
