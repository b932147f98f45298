//! Whatever comes as a proof: no panic, and none leads to a root that nothing is known to have.
#![no_main]
use ledger::{Hash, merkle};

libfuzzer_sys::fuzz_target!(|input: (u64, u64, Vec<[u8; 32]>)| {
    let (one, other, hashes) = input;
    let proof: Vec<_> = hashes.into_iter().map(Hash::from_bytes).collect();
    let (leaf, root) = (Hash::of_leaf(b"leaf"), Hash::of_leaf(b"root"));
    assert!(merkle::verify_inclusion(&leaf, one, other, &root, &proof).is_err());
    assert!(merkle::verify_consistency(one, &leaf, other, &root, &proof).is_err());
});
