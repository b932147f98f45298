//! Fuzzes the reading of conditions in SQL.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::expression(bytes));
