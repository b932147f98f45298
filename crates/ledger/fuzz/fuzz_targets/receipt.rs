//! Whatever bytes come as a receipt: no panic, what is read is written again, and nothing is proved.
#![no_main]
use ledger::{Name, Policy, Receipt, Signer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes);
        let log = Signer::from_random(Name::new("ledger.example").unwrap(), [5; 32]);
        assert!(receipt.read(&Policy::of_log(log.verifier().clone())).is_err());
    }
});
