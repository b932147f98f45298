//! The kept corpora of the fuzz targets, each through the checks that the targets make.
//!
//! So what fuzzing once found stays found, in every run of the tests and without libFuzzer.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside any test")]

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets call it as a crate of its own")]
mod checks;

/// A target: what holds of any bytes.
type Check = fn(&[u8]);

/// The targets, by name.
const TARGETS: [(&str, Check); 3] =
    [("model", checks::model), ("splink", checks::splink), ("expression", checks::expression)];

#[test]
fn what_holds_of_any_bytes_holds_of_the_kept_corpora_and_of_bytes_near_them() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, check) in TARGETS {
        let mut files = 0;
        for file in fs::read_dir(corpora.join(target)).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            check(&bytes);
            // Cut short, one byte changed, one byte twice: at most 60 places of each file.
            for place in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
                check(&bytes[..place]);
                let mut changed = bytes.clone();
                changed[place] ^= 1 << (place % 7);
                check(&changed);
                changed.insert(place, bytes[place]);
                check(&changed);
            }
            files += 1;
        }
        assert!(files > 0, "{target} has a corpus");
    }
}
