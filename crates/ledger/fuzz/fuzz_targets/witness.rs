//! Fuzzes the reading of requests to a witness and its answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::witness(bytes));
