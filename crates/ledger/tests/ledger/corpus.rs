//! The kept corpora of the fuzz targets, each through the checks that the targets make.
//!
//! So what fuzzing once found stays found, in every run of the tests and without libFuzzer. With `UPDATE_CORPUS` set,
//! the seeds are written anew.

use std::{collections::BTreeMap, env, fs, path::Path};

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of the fuzz targets, too")]
mod checks;

/// What is checked of any bytes.
type Check = fn(&[u8]);

/// The targets, by name.
const TARGETS: [(&str, Check); 7] = [
    ("note", checks::note),
    ("checkpoint", checks::checkpoint),
    ("bundle", checks::bundle),
    ("proof", checks::proof),
    ("witness", checks::witness),
    ("receipt", checks::receipt),
    ("policy", checks::policy),
];

#[test]
fn what_holds_of_any_bytes_holds_of_the_kept_corpora_and_of_bytes_near_them() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    if env::var_os("UPDATE_CORPUS").is_some() {
        for (target, name, bytes) in checks::seeds() {
            fs::create_dir_all(corpora.join(target)).unwrap();
            fs::write(corpora.join(target).join(name), bytes).unwrap();
        }
    }
    let mut counts = BTreeMap::new();
    for (target, check) in TARGETS {
        for file in fs::read_dir(corpora.join(target)).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            check(&bytes);
            // Cut short, one byte changed, one byte twice: at most 200 places of each file.
            for place in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
                check(&bytes[..place]);
                let mut changed = bytes.clone();
                changed[place] ^= 1 << (place % 8);
                check(&changed);
                changed.insert(place, bytes[place]);
                check(&changed);
            }
            *counts.entry(target).or_insert(0) += 1;
        }
    }
    for (target, name, bytes) in checks::seeds() {
        assert!(fs::read(corpora.join(target).join(name)).unwrap() == bytes, "{target}/{name}");
        assert!(counts[target] > 0);
    }
}
