//! Whatever text comes as a checkpoint: no panic, and its first three lines are written again as they were.
#![no_main]
use ledger::Checkpoint;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert!(text.starts_with(&checkpoint.text()));
    }
});
