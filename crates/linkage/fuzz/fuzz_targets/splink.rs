//! Fuzzes the reading of Splink's settings.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::splink(bytes));
