//! The part of `docs/verify.md` that is about our own program: each of its commands is run, and does what the page says. The
//! rest of the page is the ledger's to test. And no byte of a receipt can be changed unseen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

use ledger::{
    Commitments, Cosigner, Directory, Disk, Entry, Facts, Files as _, Kind, Log, Name, Note,
    Policy, Receipt, Signer, Verifier,
};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

const KEY: &str = "golden.example/ledger+5c55b484+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.md");
    fs::read_to_string(file).unwrap()
}

fn golden() -> Directory {
    Directory::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../ledger/tests/golden"))
}

fn witness() -> Cosigner {
    Cosigner::from_random(Name::new("witness.example/w1").unwrap(), [6; 32])
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// The golden checkpoint with the witness's line.
fn cosigned() -> Note {
    let mut note = Note::parse(&golden().read("checkpoint").unwrap().unwrap()).unwrap();
    let line = witness().cosign(note.text(), "2026-01-31T09:00:00Z".parse().unwrap()).unwrap();
    note.add(vec![line]).unwrap();
    note
}

/// Serves the golden ledger as plain files on this machine.
fn served() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/ledger", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            std::thread::spawn(move || {
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if let Some(asked) = line.strip_prefix("GET /ledger/") {
                        let path = asked.split(' ').next().unwrap();
                        let answer = match golden().read(path).unwrap() {
                            Some(bytes) => {
                                let length = bytes.len();
                                let head =
                                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                                [head.into_bytes(), bytes].concat()
                            }
                            None => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
                        };
                        reader.get_mut().write_all(&answer).unwrap();
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

#[test]
fn every_command_of_our_own_on_the_page_for_outsiders_does_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), place.path().join("crates")).unwrap();
    let write = |name: &str, text: String| fs::write(place.path().join(name), text).unwrap();
    write("ledger.vkey", format!("{KEY}\n"));
    write("witness.vkey", format!("{}\n", witness().verifier()));
    write("cosigned", cosigned().to_string());
    write("finders", format!("{}\n", ledger::Finder::from_secret([1; 32]).to_secret_text()));
    let reader = ledger::Reader::open(golden(), Verifier::parse(KEY).unwrap()).unwrap();
    let receipt = reader.receipt(7, &cosigned(), Vec::new()).unwrap();
    write("receipt.tlog-proof", receipt.to_string());

    let program = Path::new(env!("CARGO_BIN_EXE_comity")).parent().unwrap().display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap_or_default());
    let address = served();
    let mut expected = [
        vec!["all 262 entries", "it continues 1 checkpoint held by the auditor"],
        vec!["cosigned by witness.example/w1 at 2026-01-31T09:00:00Z", r#""wrong": []"#],
        vec!["all 262 entries", "a web server does not say what else it has"],
        vec!["3 of 262 entries", "receipt   sound", "cosigned  witness.example/w1"],
        vec!["0 disclosures about you"],
    ]
    .into_iter();
    let page = page();
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let script = format!("set -e\nledger=crates/ledger/tests/golden\n{block}");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(place.path()).env("PATH", &path);
        let output = command.env("address", &address).env("COLUMNS", "200").output().unwrap();
        assert!(output.status.success(), "{block}\n{}", text(&output));
        let flat = text(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for says in expected.next().unwrap() {
            let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(&says), "{says}\n{block}\n{}", text(&output));
        }
    }
    assert!(expected.next().is_none());
}

#[test]
fn no_byte_of_a_receipt_that_somebody_answers_for_can_be_changed_unseen() {
    let place = tempfile::tempdir().unwrap();
    let signer = || Signer::from_random(Name::new("small.example/ledger").unwrap(), [2; 32]);
    let (store, anchor) = (place.path().join("ledger"), place.path().join("anchor"));
    let (store, anchor) = (Disk::create(store).unwrap(), Disk::create(anchor).unwrap());
    let mut log = Log::create(store, anchor, signer()).unwrap();
    let (commitment, opening) = ledger::commit([9; 32], "name", "Ada".into()).unwrap();
    for number in 0..5_u8 {
        let commitments = Commitments::from([("name".to_owned(), vec![commitment])]);
        let at = "2026-01-31T09:00:00Z".parse().unwrap();
        let kind = Kind::new("demo").unwrap();
        let entry = Entry::new(kind, at, Facts::new(), commitments, [number; 32]).unwrap();
        let _ = log.append_one(&entry.to_leaf().unwrap()).unwrap();
    }
    let reader = log.reader().unwrap();
    let mut note = reader.note().clone();
    let unknown = Cosigner::from_random(Name::new("unknown.example").unwrap(), [8; 32]);
    for cosigner in [witness(), unknown] {
        let at = "2026-01-31T09:00:00Z".parse().unwrap();
        note.add(vec![cosigner.cosign(note.text(), at).unwrap()]).unwrap();
    }
    let receipt = reader.receipt(3, &note, vec![opening]).unwrap().to_string();
    let policy =
        format!("log {}\nwitness w1 {}\nquorum w1\n", signer().verifier(), witness().verifier());
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let read = |bytes: &[u8]| Receipt::parse(bytes).and_then(|receipt| receipt.read(&policy));
    let whole = read(receipt.as_bytes()).unwrap();
    let names: Vec<_> = whole.accepted.ignored.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["unknown.example"]);

    let line = receipt.find("— unknown.example").unwrap();
    let end = line + receipt[line..].find('\n').unwrap();
    let mut unseen = 0;
    for place in 0..receipt.len() {
        let mut changed = receipt.clone().into_bytes();
        changed[place] ^= 1 << (place % 8);
        if let Ok(told) = read(&changed) {
            // Only the line of a key that is not known, and it is listed still.
            assert!((line..end).contains(&place), "byte {place} of {receipt}");
            assert_eq!(told.accepted.ignored.len(), 1);
            unseen += 1;
        }
    }
    assert!(unseen > 0, "the line that nobody answers for can be changed, and it is listed");
}
