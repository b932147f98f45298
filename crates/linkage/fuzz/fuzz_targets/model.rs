//! Fuzzes the reading of model and recipe files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::model(bytes));
