//! Fuzzes the reading of proofs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::proof(bytes));
