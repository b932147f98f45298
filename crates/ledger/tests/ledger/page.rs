//! The page for outsiders, `docs/verify.md`: every command on it is run, and does what the page says.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use ledger::{Cosigner, Directory, Files as _, Memory, Name, Note, Verifier};

use crate::{create, leaves};

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.md");
    fs::read_to_string(file).unwrap()
}

/// Returns the blocks of the page that are in a language.
fn blocks(language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let page = page();
    let parts = page.split(&start).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn every_command_of_the_page_for_outsiders_does_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), place.path().join("crates")).unwrap();
    let golden = Directory::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));

    // A witness has cosigned the golden ledger, and there is a receipt.
    let witness = Cosigner::from_random(Name::new("witness.example/w1").unwrap(), [6; 32]);
    let mut note = Note::parse(&golden.read("checkpoint").unwrap().unwrap()).unwrap();
    let line = witness.cosign(note.text(), "2026-01-31T09:00:00Z".parse().unwrap()).unwrap();
    note.add(vec![line]).unwrap();
    fs::write(place.path().join("cosigned"), note.to_string()).unwrap();
    fs::write(place.path().join("witness.vkey"), format!("{}\n", witness.verifier())).unwrap();
    fs::write(place.path().join("receipt.tlog-proof"), receipt()).unwrap();

    let mut expected = [
        (true, ""),
        (true, "Signature Verified Successfully"),
        (true, "Sat Jan 31 09:00:00 UTC 2026"),
        (true, "d3af54854188f9621dd81c646736871382e395f6d3c8d84388fdcc9734328853\n"),
        (true, "sound: 262 entries of golden.example/ledger"),
        (false, "NOT sound: the entries do not have the root that was signed"),
        (true, r#""log_ok": true"#),
        (true, r#""kind":"demo.entry""#),
    ]
    .into_iter();
    // The commands of the virtual environment are found as if it were active.
    let aics = env::var("COMITY_AICS").unwrap_or_default();
    let aics = Path::new(&aics).parent().unwrap_or(Path::new("")).display().to_string();
    let path = format!("{aics}:{}", env::var("PATH").unwrap());
    for block in blocks("sh") {
        let script = format!("set -e\nledger=crates/ledger/tests/golden\n{block}");
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(place.path())
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("tlogcheck/cache"))
            .env("LC_ALL", "C")
            .env("PATH", &path)
            .output()
            .unwrap();
        let (well, says) = expected.next().unwrap();
        assert_eq!(output.status.success(), well, "{block}\n{}", text(&output));
        assert!(text(&output).contains(says), "{block}\n{}", text(&output));
    }
    assert!(expected.next().is_none());
    let key = fs::read_to_string(place.path().join("ledger.vkey")).unwrap();
    assert!(Verifier::parse(key.trim()).is_ok());
}

/// Returns a receipt that opens a commitment to a name beyond ASCII.
fn receipt() -> String {
    let (mut store, mut anchor) = (Memory::new(), Memory::new());
    let mut log = create(&mut store, &mut anchor).unwrap();
    let _ = log.append(&leaves(0..300)).unwrap();
    let (commitment, opening) = ledger::commit([9; 32], "name", "Zo\u{eb} \"Z\"".into()).unwrap();
    let entry = ledger::Entry::new(
        ledger::Kind::new("demo.entry").unwrap(),
        log.last_at().unwrap(),
        ledger::Facts::new(),
        ledger::Commitments::from([("name".to_owned(), vec![commitment])]),
        [8; 32],
    );
    let recorded = log.append_one(&entry.unwrap().to_leaf().unwrap()).unwrap();
    let reader = log.reader().unwrap();
    reader.receipt(recorded.index(), reader.note(), vec![opening]).unwrap().to_string()
}

#[test]
fn pythons_standard_library_alone_verifies_a_receipt_and_refuses_a_changed_one() {
    let place = tempfile::tempdir().unwrap();
    let [program] = &blocks("python")[..] else {
        panic!("the page has one program");
    };
    fs::write(place.path().join("verify.py"), program).unwrap();
    let check = |receipt: &str| {
        fs::write(place.path().join("receipt"), receipt).unwrap();
        Command::new("python3")
            .args(["verify.py", "receipt"])
            .current_dir(place.path())
            .output()
            .unwrap()
    };
    let receipt = receipt();
    let output = check(&receipt);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("name = Zo\u{eb} \"Z\"\n"), "{}", text(&output));
    assert!(text(&output).contains("demo.entry at 2026-01-31T09:01:39Z is entry 300 of 301"));
    assert!(ledger::Receipt::parse(receipt.as_bytes()).is_ok());

    let mut lines: Vec<&str> = receipt.lines().collect();
    let hash = lines[3].to_owned();
    let other = format!("{}{}", if hash.starts_with('A') { 'B' } else { 'A' }, &hash[1..]);
    lines[3] = &other;
    for wrong in [
        lines.join("\n") + "\n",
        receipt.replace("index 300", "index 299"),
        receipt.replace("\n301\n", "\n302\n"),
    ] {
        assert!(!check(&wrong).status.success());
    }
}
