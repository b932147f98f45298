//! Fuzzes the reading of policies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::policy(bytes));
