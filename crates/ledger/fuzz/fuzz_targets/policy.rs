//! Whatever bytes come as a policy: no panic.
#![no_main]
use ledger::Policy;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Policy::parse(bytes);
});
