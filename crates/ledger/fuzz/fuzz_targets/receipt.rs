//! Fuzzes the reading of receipts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::receipt(bytes));
