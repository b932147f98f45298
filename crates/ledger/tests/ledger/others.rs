//! Somebody else's verifier accepts what is written here, and refuses what was changed.
//!
//! One is a small program around Go's `golang.org/x/mod/sumdb/note` and `sumdb/tlog`; the other, a second opinion, one
//! around `aics-tlog` from PyPI. Both are in `tests/verifiers`. Whatever they refuse our own audit must refuse, and the
//! other way round.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, OnceLock},
};

use ledger::{Files as _, Log, Memory, Store as _};

use crate::{findings, leaf, leaf_of, leaves, signer, verifier};

/// Builds the program once, and returns where it is.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tlogcheck");
        fs::create_dir_all(&place).unwrap();
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifiers/tlogcheck/main.go");
        let program = place.join(format!("tlogcheck-{}", std::process::id()));
        let output = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(source)
            // Debian puts the libraries where Go's older mode looks for them; nothing is fetched.
            .envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", "")])
            .env("GOCACHE", place.join("cache"))
            .output()
            .expect("install Debian's packages golang-go and golang-golang-x-mod-dev");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        program
    })
}

/// Asks `aics-tlog` of a ledger, a key and checkpoints held before; the answer begins with `yes` or `no`.
fn ask_aics(ledger: &Path, key: &Path, held: &[PathBuf]) -> String {
    static RUNNING: OnceLock<Mutex<Child>> = OnceLock::new();
    let running = RUNNING.get_or_init(|| {
        let python = env::var_os("COMITY_AICS").unwrap_or_else(|| "python3".into());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifiers/aics.py");
        let mut command = Command::new(python);
        command.arg(source).stdin(Stdio::piped()).stdout(Stdio::piped());
        Mutex::new(command.spawn().unwrap())
    });
    let mut child = running.lock().unwrap();
    let words: Vec<_> = [ledger, key]
        .into_iter()
        .chain(held.iter().map(PathBuf::as_path))
        .map(|path| path.display().to_string())
        .collect();
    let line = words.join("\t") + "\n";
    child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    // It says nothing unasked, so a reader made for one line takes no other.
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
    assert!(
        answer.starts_with("yes") || answer.starts_with("no "),
        "make a venv, DIR/bin/pip install --ignore-requires-python aics-tlog==0.2.1, and set \
         COMITY_AICS=DIR/bin/python"
    );
    answer
}

/// A folder with a copy of a ledger and its public key.
struct Copied {
    place: tempfile::TempDir,
}

impl Copied {
    fn of(store: &Memory) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("key"), format!("{}\n", verifier())).unwrap();
        let copied = Self { place };
        for path in store.list("").unwrap() {
            copied.put(&path, &store.read(&path).unwrap().unwrap());
        }
        copied
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let file = self.place.path().join("ledger").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn ask(&self, held: &[Vec<u8>]) -> Output {
        let mut command = Command::new(built());
        command.arg(self.place.path().join("ledger")).arg(self.place.path().join("key"));
        for (number, bytes) in held.iter().enumerate() {
            let file = self.place.path().join(format!("held-{number}"));
            fs::write(&file, bytes).unwrap();
            command.arg(file);
        }
        command.output().unwrap()
    }

    /// Says whether both accept it; they never differ.
    fn accepts(&self, held: &[Vec<u8>]) -> bool {
        let go = self.ask(held);
        let held: Vec<_> =
            (0..held.len()).map(|n| self.place.path().join(format!("held-{n}"))).collect();
        let key = self.place.path().join("key");
        let aics = ask_aics(&self.place.path().join("ledger"), &key, &held);
        let (go_says, aics_says) = (go.status.success(), aics.starts_with("yes"));
        assert_eq!(go_says, aics_says, "{aics}{}", String::from_utf8_lossy(&go.stderr));
        go_says
    }
}

/// Returns a ledger of this size and all checkpoints that were signed on the way.
fn grown(sizes: &[u64]) -> (Memory, Vec<Vec<u8>>) {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut held = Vec::new();
    let mut log = crate::create(&mut store, &mut anchor).unwrap();
    held.push(log.signed_checkpoint().to_vec());
    for size in sizes {
        let _ = log.append(&leaves(log.size()..*size)).unwrap();
        held.push(log.signed_checkpoint().to_vec());
    }
    (store, held)
}

#[test]
fn gos_libraries_and_aics_accept_ledgers_of_every_shape() {
    let sizes = [0, 1, 2, 255, 256, 257, 511];
    for (number, size) in sizes.iter().enumerate() {
        let (store, held) = grown(&sizes[..=number]);
        assert!(Copied::of(&store).accepts(&held), "{size}");
    }
}

#[test]
fn gos_libraries_and_aics_accept_a_ledger_as_it_grows_over_65536_entries() {
    // One ledger, looked at on its way: at the last entry of a whole tree of tiles, the next, and beyond.
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("key"), format!("{}\n", verifier())).unwrap();
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut held = Vec::new();
    let mut log = crate::create(&mut store, &mut anchor).unwrap();
    for size in [65_535, 65_536, 65_537, 70_000] {
        let _ = log.append(&leaves(log.size()..size)).unwrap();
        let copied = Copied::of(log.files());
        let folder = copied.place.path().join("ledger");
        let mut command = Command::new(built());
        command.arg(&folder).arg(place.path().join("key")).args(&held);
        let answer = command.output().unwrap();
        assert!(answer.status.success(), "{size}: {}", String::from_utf8_lossy(&answer.stderr));
        assert!(String::from_utf8_lossy(&answer.stdout).contains(&format!("{size} entries")));
        let answer = ask_aics(&folder, &place.path().join("key"), &held);
        assert!(answer.starts_with("yes"), "{size}: {answer}");
        let file = place.path().join(format!("held-{size}"));
        fs::write(&file, log.signed_checkpoint()).unwrap();
        held.push(file);
    }
}

#[test]
fn gos_libraries_aics_and_our_audit_refuse_every_kind_of_changed_byte() {
    let (store, _) = grown(&[255, 259]);
    let copied = Copied::of(&store);
    assert!(copied.accepts(&[]));
    let mut changed = 0;
    for path in store.list("").unwrap() {
        let bytes = store.read(&path).unwrap().unwrap();
        // Of each file: its first bytes (lengths, names), its last ones, and some between: for the checkpoint all.
        let step = if path == "checkpoint" { 1 } else { bytes.len() / 9 + 1 };
        let places = (0..bytes.len()).step_by(step).chain([1, bytes.len() - 1]);
        for place in places {
            let mut wrong = bytes.clone();
            wrong[place] ^= 1 << (place % 8);
            copied.put(&path, &wrong);
            let mut tampered = store.clone();
            tampered.tamper(&path, wrong);
            assert!(!findings(&tampered, &[]).is_empty(), "{path} byte {place}");
            // Files of older, narrower tiles are no part of what the others read.
            if !path.contains(".p/255") {
                assert!(!copied.accepts(&[]), "{path} byte {place}");
            }
            changed += 1;
        }
        copied.put(&path, &bytes);
    }
    assert!(copied.accepts(&[]));
    assert!(changed > 200, "{changed}");
}

#[test]
fn gos_libraries_aics_and_our_audit_refuse_dropped_doubled_and_moved_entries() {
    let (store, _) = grown(&[259]);
    let path = "tile/entries/001.p/3";
    let bytes = store.read(path).unwrap().unwrap();
    let entries: Vec<_> = bytes.chunks_exact(514).collect();
    for order in [&[0, 1][..], &[0, 1, 1], &[1, 0, 2], &[0, 0, 2], &[0, 1, 2, 2], &[]] {
        let wrong: Vec<u8> = order.iter().flat_map(|i| entries[*i]).copied().collect();
        let copied = Copied::of(&store);
        copied.put(path, &wrong);
        assert!(!copied.accepts(&[]), "{order:?}");
        let mut tampered = store.clone();
        tampered.tamper(path, wrong);
        assert!(!findings(&tampered, &[]).is_empty(), "{order:?}");
    }
}

#[test]
fn gos_libraries_aics_our_audit_and_a_witness_refuse_a_ledger_that_was_forked_or_rolled_back() {
    let (_, held) = grown(&[5, 300, 600]);
    // The same key signs another history, from entry 299 on: as large, larger, and smaller than what was shown.
    for size in [299, 300, 600, 700] {
        let (mut store, mut anchor) = (Memory::new(), Memory::new());
        let mut log = Log::create(&mut store, &mut anchor, signer()).unwrap();
        let other: Vec<_> =
            (0..size).map(|i| if i < 299 { leaf(i) } else { leaf_of("demo.other", i) }).collect();
        let _ = log.append(&other).unwrap();
        let forked = log.signed_checkpoint().to_vec();
        let mut witness_store = Memory::new();
        let mut witness = ledger::Witness::new(
            &mut witness_store,
            ledger::Cosigner::from_random(ledger::Name::new("witness.example").unwrap(), [6; 32]),
            [verifier()],
        );
        let at = "2026-01-31T09:00:00Z".parse().unwrap();
        let (_, honest) = grown(&[300]);
        let first = ledger::witness::Request {
            old: 0,
            proof: Vec::new(),
            note: ledger::Note::parse(&honest[1]).unwrap(),
        };
        assert_eq!(witness.add_checkpoint(first.to_string().as_bytes(), at).unwrap().status(), 200);
        let proof = if size >= 300 { log.prove_consistency(300).unwrap() } else { Vec::new() };
        let request = ledger::witness::Request {
            old: 300.min(size),
            proof,
            note: ledger::Note::parse(&forked).unwrap(),
        };
        let status = witness.add_checkpoint(request.to_string().as_bytes(), at).unwrap().status();
        assert_eq!(status, if size >= 300 { 422 } else { 409 }, "{size}");

        let copied = Copied::of(&store);
        assert!(copied.accepts(&[]), "alone it cannot be told");
        assert!(copied.accepts(&held[..2]), "what both share");
        assert!(!copied.accepts(&held[2..3]), "{size}");
        let held_checkpoint = ledger::Checkpoint::open(&held[2], &verifier()).unwrap();
        assert!(!findings(&store, &[held_checkpoint]).is_empty(), "{size}");
    }
    // A missing file, another key.
    let (mut store, held) = grown(&[300]);
    store.remove("tile/1/000.p/1").unwrap();
    assert!(!Copied::of(&store).accepts(&[]));
    let (store, _) = grown(&[300]);
    let copied = Copied::of(&store);
    assert!(copied.accepts(&held));
    let other =
        ledger::Signer::from_random(ledger::Name::new("test.example/ledger").unwrap(), [9; 32]);
    fs::write(copied.place.path().join("key"), other.verifier().to_string()).unwrap();
    assert!(!copied.accepts(&[]));
}
