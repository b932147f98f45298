//! Whatever body comes to a witness, and whatever comes back from one: no panic, and no cosignature of it.
#![no_main]
use ledger::{
    Cosigner, Memory, Name, Signer, Witness,
    witness::{Answer, Request},
};

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (status, bytes) = input;
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }
    let _ = Answer::parse(status, bytes);
    let log = Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32]);
    let cosigner = Cosigner::from_random(Name::new("witness.example").unwrap(), [6; 32]);
    let mut witness = Witness::new(Memory::new(), cosigner, [log.verifier().clone()]);
    let answer = witness.add_checkpoint(bytes, "2026-01-31T09:00:00Z".parse().unwrap()).unwrap();
    assert_ne!(answer.status(), 200);
});
