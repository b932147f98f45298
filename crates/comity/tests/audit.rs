//! The audit from outside: no byte that is signed can be changed unseen, a ledger on a web server is audited as one in a
//! folder is, and what a pruned ledger no longer has is said to be open and not to be wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

use agreement::Gate;
use comity::annual::annual;
use comity::audit::{Audited, audit, audit_files};
use comity::event::{Decided, Event};
use comity::remote::Remote;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    Checkpoint, Commitments, Cosigner, Directory, Disk, Files, Leaf, Log, Name, Note, Signer,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ServerConfig, ServerConnection, StreamOwned};

const AGREEMENT: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn signer() -> Signer {
    Signer::from_random(Name::new("audited.example/ledger").unwrap(), [4; 32])
}

fn permit(act: &str) -> Event {
    Event::Permitted(Decided {
        act: act.to_owned(),
        party: "support".to_owned(),
        purpose: "eligibility".to_owned(),
        agreement: AGREEMENT.to_owned(),
        packs: vec!["another 2020-01-01 sha256:00".to_owned()],
        rules: Vec::new(),
        given: String::new(),
        ends: "2037-01-05T00:00:00Z".to_owned(),
    })
}

fn started(permit: u64) -> Event {
    let (files, records) = (BTreeMap::new(), BTreeMap::new());
    Event::RunStarted {
        run: "2027Q1".to_owned(),
        cycle: "2027Q1".to_owned(),
        permit,
        files,
        records,
    }
}

fn disclosed(permit: u64, chunk: u64) -> Event {
    Event::Disclosed {
        run: "2027Q1".to_owned(),
        chunk,
        permit,
        agreement: AGREEMENT.to_owned(),
        source: "payroll".to_owned(),
        recipient: "support".to_owned(),
        purpose: "eligibility".to_owned(),
        elements: vec!["payroll.gross_pay".to_owned()],
        persons: 2,
    }
}

fn finished(opened: u64) -> Event {
    Event::RunFinished { run: "2027Q1".to_owned(), opened, held: 0, report: String::new() }
}

fn stepped(number: u64, step: &str, ends: &str) -> Event {
    Event::CaseStepped {
        case: "2027Q1-1".to_owned(),
        number,
        step: step.to_owned(),
        stage: "noticed".to_owned(),
        ends: ends.to_owned(),
    }
}

fn lifted() -> Event {
    let text = |text: &str| text.to_owned();
    Event::StayLifted { stay: text("7f3a"), by: text("27-cv-2"), authority: text("a court") }
}

/// Writes events a minute apart into a ledger in a folder, in as many appends as are said.
fn grown(place: &Path, appends: &[&[Event]]) {
    let (store, anchor) = (place.join("ledger"), place.join("anchor"));
    let mut log =
        Log::create(Disk::create(store).unwrap(), Disk::create(anchor).unwrap(), signer()).unwrap();
    let first: Timestamp = "2027-01-04T00:00:00Z".parse().unwrap();
    let mut number = 0_u64;
    for events in appends {
        let leaves: Vec<Leaf> = events
            .iter()
            .map(|event| {
                let at = first + SignedDuration::from_mins(i64::try_from(number).unwrap());
                let mut nonce = [0; 32];
                nonce[..8].copy_from_slice(&number.to_be_bytes());
                number += 1;
                event.to_leaf(at, Commitments::new(), nonce).unwrap()
            })
            .collect();
        let _ = log.append(&leaves).unwrap();
    }
    fs::write(place.join("ledger.vkey"), format!("{}\n", signer().verifier())).unwrap();
}

/// A short ledger with a copy of an earlier, narrower tile, a line of a key nobody knows, and a file that is no part of it.
fn small(place: &Path) {
    let begin = [permit("run"), started(0), permit("release")];
    grown(place, &[&begin, &[disclosed(2, 0), finished(2)]]);
    let ledger = place.join("ledger");
    fs::write(ledger.join("notes.txt"), "left here by somebody\n").unwrap();
    let (early, late) = (ledger.join("tile/0/000.p/3"), ledger.join("tile/0/000.p/5"));
    let hashes = fs::read(late).unwrap();
    fs::write(early, &hashes[..3 * 32]).unwrap();
    let mut signed = fs::read_to_string(ledger.join("checkpoint")).unwrap();
    let other = Signer::from_random(Name::new("unknown.example").unwrap(), [9; 32]);
    let text = signed.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let note = ledger::Note::sign(&text, &other).unwrap().to_string();
    signed.push_str(note.split_once("\n\n").unwrap().1);
    fs::write(ledger.join("checkpoint"), signed).unwrap();
}

/// A ledger of which everything before entry 256 is gone: its last two entries are left.
fn pruned(place: &Path) {
    let mut events = vec![permit("run"), started(0), permit("release"), disclosed(2, 0)];
    events.extend(std::iter::repeat_n(permit("read"), 252));
    assert_eq!(events.len(), 256);
    events.extend([disclosed(2, 1), finished(4)]);
    grown(place, &[&events]);
    let mut store = Disk::open(place.join("ledger")).unwrap();
    ledger::prune(&mut store, &signer(), 256, "end of the next year").unwrap();
}

/// Files in memory, of which one byte can be another.
struct Copied(BTreeMap<String, Vec<u8>>);

impl Copied {
    fn of(place: &Path) -> Copied {
        let folder = Directory::new(place.join("ledger"));
        let read = |path: String| {
            let bytes = folder.read(&path).unwrap().unwrap();
            (path, bytes)
        };
        Copied(folder.list("").unwrap().into_iter().map(read).collect())
    }
}

impl Files for Copied {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ledger::Error> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self, _under: &str) -> Result<Vec<String>, ledger::Error> {
        Ok(self.0.keys().cloned().collect())
    }
}

/// Flips a bit of every byte of every file, and returns how many flips were found and how many lay in what the audit
/// lists as nobody's. Any other flip fails.
fn flip_every_byte(place: &Path) -> (usize, BTreeMap<String, usize>) {
    let gate = Gate::shipped().unwrap();
    let verifier = signer().verifier().clone();
    let mut files = Copied::of(place);
    let audited = |files: &Copied| audit_files(files, &verifier, &[], &gate).unwrap();
    let before = audited(&files);
    assert!(before.is_sound(), "{before:#?}");
    let (mut found, mut beside) = (0, BTreeMap::new());
    let places: Vec<(String, usize)> = files
        .0
        .iter()
        .flat_map(|(path, bytes)| (0..bytes.len()).map(|byte| (path.clone(), byte)))
        .collect();
    for (path, byte) in places {
        let flip = |files: &mut Copied| files.0.get_mut(&path).unwrap()[byte] ^= 1 << (byte % 8);
        flip(&mut files);
        let told = audited(&files);
        flip(&mut files);
        if !told.is_sound() {
            found += 1;
            continue;
        }
        let listed = told.unauthenticated.iter().any(|what| names(what, &path, byte, &files));
        assert!(listed, "byte {byte} of {path} was changed, and nothing was said: {told:#?}");
        *beside.entry(path).or_default() += 1;
    }
    (found, beside)
}

/// Says whether what the audit lists as nobody's is this byte: a whole file, or the line of a key that is not known.
fn names(what: &str, path: &str, byte: usize, files: &Copied) -> bool {
    if what == path {
        return path != "checkpoint";
    }
    let bytes = &files.0["checkpoint"];
    let name = "— unknown.example".as_bytes();
    let line = bytes.windows(name.len()).position(|part| part == name);
    path == "checkpoint"
        && what.starts_with("checkpoint: ")
        && line.is_some_and(|line| byte >= line)
}

#[test]
fn no_byte_that_is_signed_can_be_changed_unseen() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let bytes: usize = Copied::of(place.path()).0.values().map(Vec::len).sum();
    let (found, beside) = flip_every_byte(place.path());
    assert_eq!(found + beside.values().sum::<usize>(), bytes);
    let listed: Vec<_> = beside.keys().map(String::as_str).collect();
    assert_eq!(listed, ["checkpoint", "notes.txt"]);
    assert_eq!(beside["notes.txt"], "left here by somebody\n".len());
}

#[test]
fn no_byte_of_a_pruned_ledger_and_of_its_statement_can_be_changed_unseen() {
    let place = tempfile::tempdir().unwrap();
    pruned(place.path());
    let (found, beside) = flip_every_byte(place.path());
    assert!(found > 1_000, "{found}");
    assert_eq!(beside, BTreeMap::new());
}

fn audited(place: &Path) -> Audited {
    let gate = Gate::shipped().unwrap();
    audit(&place.join("ledger"), signer().verifier(), &[], &gate).unwrap()
}

#[test]
fn what_a_pruned_ledger_no_longer_has_is_open_and_not_wrong() {
    let place = tempfile::tempdir().unwrap();
    pruned(place.path());
    let told = audited(place.path());
    assert!(told.is_sound(), "{:#?}", told.wrong);
    assert!(
        told.proved.iter().any(|one| one.contains("below 256") && one.contains("next year")),
        "{told:#?}"
    );
    let open = told.open.iter().find(|one| one.starts_with("the entries before 256 are gone"));
    let open = open.expect("it says so");
    for what in ["1 acts whose permit", "1 runs that began", "a stay recorded among them"] {
        assert!(open.contains(what), "{open}");
    }
}

#[test]
fn what_is_wrong_with_what_is_left_of_a_pruned_ledger_is_wrong() {
    let told = |events: &[Event]| {
        let place = tempfile::tempdir().unwrap();
        let mut all = vec![permit("read"); 256];
        all.extend_from_slice(events);
        grown(place.path(), &[&all]);
        let mut store = Disk::open(place.path().join("ledger")).unwrap();
        ledger::prune(&mut store, &signer(), 256, "end of the next year").unwrap();
        drop(store);
        audited(place.path()).wrong.iter().map(|wrong| wrong.what.clone()).collect::<Vec<_>>()
    };
    // What rests on an entry that is gone is open; what rests on one that is there is not.
    assert_eq!(told(&[lifted()]), Vec::<String>::new());
    assert_eq!(told(&[disclosed(3, 0)]), Vec::<String>::new());
    assert_eq!(
        told(&[disclosed(257, 0), permit("release")]),
        ["no permit stands at entry 257, before it"]
    );
    assert_eq!(told(&[permit("take_action"), stepped(7, "take-action", "")]), Vec::<String>::new());
    let again = [
        permit("take_action"),
        stepped(7, "take-action", ""),
        permit("close"),
        stepped(9, "close", ""),
    ];
    assert_eq!(told(&again), ["step 9 of case 2027Q1-1 follows step 7"]);
    // A case that began in what is left is judged whole.
    let begun = [permit("take_action"), stepped(1, "take-action", "")];
    assert_eq!(told(&begun).len(), 2, "{:?}", told(&begun));
}

#[test]
fn a_hole_that_nobody_signed_for_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    pruned(place.path());
    fs::remove_file(place.path().join("ledger/pruned")).unwrap();
    assert!(!audited(place.path()).is_sound());
}

/// Both ways of a connection, encrypted or not.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Serves the files of a folder over HTTP on this machine until the test ends.
fn served(folder: &Path) -> String {
    format!("http://{}/log", listening(folder, None))
}

/// Serves files, over TLS if it is told how.
fn listening(folder: &Path, tls: Option<Arc<ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, folder) = (stream.unwrap(), folder.clone());
            let stream: Box<dyn Stream> = match &tls {
                Some(tls) => {
                    let connection = ServerConnection::new(Arc::clone(tls)).unwrap();
                    Box::new(StreamOwned::new(connection, stream))
                }
                None => Box::new(stream),
            };
            std::thread::spawn(move || answer(BufReader::new(stream), &folder));
        }
    });
    address
}

/// Answers what is asked over one connection.
fn answer(mut reader: BufReader<Box<dyn Stream>>, folder: &Path) {
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        if let Some(asked) = line.strip_prefix("GET /log/") {
            let path = asked.split(' ').next().unwrap_or_default();
            let answer = match fs::read(folder.join(path)) {
                Ok(bytes) => {
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
                    [head.into_bytes(), bytes].concat()
                }
                Err(_) => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            };
            if reader.get_mut().write_all(&answer).and_then(|()| reader.get_mut().flush()).is_err()
            {
                return;
            }
        }
        line.clear();
    }
}

#[test]
fn a_ledger_on_a_web_server_is_audited_as_one_in_a_folder_is() {
    for make in [small, pruned] {
        let place = tempfile::tempdir().unwrap();
        make(place.path());
        let gate = Gate::shipped().unwrap();
        let remote = Remote::open(&served(&place.path().join("ledger")), None).unwrap();
        let verifier = signer().verifier().clone();
        let afar = audit_files(&remote, &verifier, &[], &gate).unwrap();
        let here = audited(place.path());
        assert!(afar.is_sound());
        assert_eq!((afar.root, afar.entries, afar.open), (here.root, here.entries, here.open));
    }
}

fn comity(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity")).args(words).output().unwrap()
}

#[test]
fn the_command_audits_an_address_with_a_key_from_another_hand_and_sees_what_was_changed_there() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let ledger = place.path().join("ledger");
    let address = served(&ledger);
    let key = place.path().join("ledger.vkey").display().to_string();

    let without = comity(&["audit", &address]);
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&without.stderr).contains("--key"), "{without:?}");

    let sound = comity(&["--json", "audit", &address, "--key", &key]);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    let told: serde_json::Value = serde_json::from_slice(&sound.stdout).unwrap();
    assert_eq!(told["entries"], 5);
    let beside = told["unauthenticated"].as_array().unwrap();
    assert!(beside.iter().any(|one| one.as_str().unwrap().contains("unknown.example")), "{told}");

    let file = ledger.join("tile/entries/000.p/5");
    let mut bytes = fs::read(&file).unwrap();
    bytes[700] ^= 1;
    fs::write(&file, bytes).unwrap();
    let changed = comity(&["audit", &address, "--key", &key]);
    assert_eq!(changed.status.code(), Some(1), "{changed:?}");
    assert!(String::from_utf8_lossy(&changed.stdout).contains("NOT sound"), "{changed:?}");
}

/// An authority's certificate as PEM, and a server that shows a certificate of it for this machine's own address.
fn certified() -> (String, Arc<ServerConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(parameters, key);
    let own = rcgen::KeyPair::generate().unwrap();
    let shown = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let shown = shown.signed_by(&own, &issuer).unwrap();
    let secret = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![shown.der().clone()], secret)
            .unwrap();
    (authority, Arc::new(config))
}

#[test]
fn the_command_audits_an_encrypted_address_whose_authority_it_is_told_and_no_other() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let (authority, config) = certified();
    let (other, _) = certified();
    let file = |name: &str| place.path().join(name).display().to_string();
    fs::write(file("authority.pem"), authority).unwrap();
    fs::write(file("other.pem"), other).unwrap();
    let address = format!("https://{}/log", listening(&place.path().join("ledger"), Some(config)));
    let audit = |words: &[&str]| {
        comity(&[&["audit", &address, "--key", &file("ledger.vkey")], words].concat())
    };
    let sound = audit(&["--trust", &file("authority.pem")]);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    for words in [&["--trust", &file("other.pem")][..], &[]] {
        let refused = audit(words);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.stdout.is_empty(), "{refused:?}");
    }
}

#[test]
fn a_ledger_that_is_older_than_a_checkpoint_held_is_not_sound_wherever_it_is() {
    let place = tempfile::tempdir().unwrap();
    small(place.path());
    let copy = Copied::of(place.path());
    let held = Checkpoint::open(&copy.0["checkpoint"], signer().verifier()).unwrap();
    let older = tempfile::tempdir().unwrap();
    grown(older.path(), &[&[permit("run"), started(0), permit("release")]]);
    let remote = Remote::open(&served(&older.path().join("ledger")), None).unwrap();
    let gate = Gate::shipped().unwrap();
    let told = audit_files(&remote, signer().verifier(), &[held], &gate).unwrap();
    assert!(told.wrong.iter().any(|wrong| wrong.what.contains("does not continue")), "{told:#?}");
}

/// What an audit lists as wrong and as open of these events.
fn told(events: &[Event]) -> (Vec<String>, Vec<String>) {
    let place = tempfile::tempdir().unwrap();
    grown(place.path(), &[events]);
    let audited = audited(place.path());
    let open = audited.open.into_iter().filter(|one| one.contains("correction"));
    (audited.wrong.into_iter().map(|wrong| wrong.what).collect(), open.collect())
}

#[test]
fn a_correction_reaches_every_recipient_before_the_case_closes_and_is_open_until_then() {
    let case = || "2027Q1-1".to_owned();
    let ordered = |recipients: &[&str]| Event::CorrectionOrdered {
        case: case(),
        number: 1,
        recipients: recipients.iter().map(|&one| one.to_owned()).collect::<BTreeSet<_>>(),
    };
    let acknowledged = |recipient: &str| Event::CorrectionAcknowledged {
        case: case(),
        number: 1,
        recipient: recipient.to_owned(),
        answer: "00".to_owned(),
    };
    let sent = |recipient: &str| Event::CorrectionSent {
        case: case(),
        number: 1,
        recipient: recipient.to_owned(),
        attempt: 1,
        arrived: true,
    };
    let begin = [permit("correct"), stepped(1, "correct", "")];
    let run = |rest: &[Event]| told(&[&begin, rest].concat());
    let none = Vec::<String>::new;

    // Both acknowledged: nothing is open.
    let whole = [
        ordered(&["payroll", "support"]),
        sent("payroll"),
        sent("support"),
        stepped(2, "acknowledge", ""),
        acknowledged("payroll"),
        stepped(3, "acknowledge", ""),
        acknowledged("support"),
        permit("correct"),
        stepped(4, "tell-individual", ""),
        permit("close"),
        stepped(5, "close", ""),
    ];
    assert_eq!(run(&whole), (none(), none()));
    // One has not: it is open, and wrong once the case is closed.
    let waiting = [
        ordered(&["payroll", "support"]),
        sent("payroll"),
        stepped(2, "acknowledge", ""),
        acknowledged("payroll"),
    ];
    let awaits = "entry 1: the correction of case 2027Q1-1 awaits support".to_owned();
    assert_eq!(run(&waiting), (none(), vec![awaits.clone()]));
    let tell = [permit("correct"), stepped(3, "tell-individual", "")];
    let closed = [&waiting[..], &tell[..], &[permit("close"), stepped(4, "close", "")]].concat();
    let wrong = "case 2027Q1-1 is closed, and its correction awaits support".to_owned();
    assert_eq!(run(&closed), (vec![wrong], vec![awaits]));
    // Sent to who never got the record.
    assert_eq!(run(&[ordered(&["support"]), sent("police")]).0.len(), 1);
    // An older ledger that names no recipients: whom it was sent to must have acknowledged.
    let old = [sent("payroll"), sent("support"), stepped(2, "acknowledge", "")];
    let (wrong, open) = run(&old);
    assert_eq!(wrong, none());
    assert_eq!(open, ["entry 1: the correction of case 2027Q1-1 awaits 1 of those it was sent to"]);
    // Told or sent without an order.
    assert_eq!(told(&[ordered(&["support"])]).0.len(), 1);
    assert_eq!(told(&[sent("support")]).0.len(), 1);
    assert_eq!(told(&[acknowledged("support")]).0.len(), 1);
}

#[test]
fn a_split_stands_behind_its_correction_the_individual_is_told_and_nothing_goes_on_with_the_case() {
    let case = || "2027Q1-1".to_owned();
    let ordered =
        || Event::CorrectionOrdered { case: case(), number: 1, recipients: BTreeSet::new() };
    let split = |cut| Event::ClusterSplit { case: case(), number: 1, cut, kept: 1 };
    let begin = [permit("correct"), stepped(1, "correct", "")];
    let run = |rest: &[Event]| told(&[&begin, rest].concat()).0;
    let tell = [permit("correct"), stepped(2, "tell-individual", "")];
    let close = |number| [permit("close"), stepped(number, "close", "")];
    let sound = [&[ordered(), split(2)][..], &tell, &close(3)].concat();
    assert_eq!(run(&sound), Vec::<String>::new());
    // The judgement is taken back, and the lead is looked at anew.
    let back = [permit("correct"), stepped(4, "reverse-judgement", "")];
    let again = [permit("review_lead"), stepped(5, "review", "")];
    assert_eq!(run(&[&sound[..], &back, &again].concat()), Vec::<String>::new());

    let untold = "case 2027Q1-1 is closed, and nobody told the individual of its correction";
    assert_eq!(run(&[&[ordered(), split(2)][..], &close(2)].concat()), [untold]);
    let returned = [permit("note_returned_mail"), stepped(3, "note-returned-mail", "")];
    let came_back = [&[ordered(), split(2)][..], &tell, &returned, &close(4)].concat();
    assert_eq!(run(&came_back), [untold]);
    let goes_on =
        [&[ordered(), split(2), permit("review_lead")][..], &[stepped(2, "review", "")]].concat();
    let wrong = "case 2027Q1-1 goes on, and its records were said to be of different people";
    assert_eq!(run(&goes_on), [wrong]);
    assert_eq!(run(&[ordered(), split(0)]).len(), 1, "it cuts nothing");
    assert_eq!(told(&[split(2)]).0.len(), 1, "nothing was ordered");
    assert_eq!(run(&[split(2), ordered()]).len(), 1, "not behind it");
}

#[test]
fn an_answer_stands_behind_its_dispute_and_one_that_waits_is_open() {
    let told = |events: &[Event]| {
        let place = tempfile::tempdir().unwrap();
        grown(place.path(), &[events]);
        let audited = audited(place.path());
        let open = audited.open.into_iter().filter(|one| one.contains("dispute"));
        let wrong = audited.wrong.into_iter().map(|wrong| wrong.what);
        (wrong.collect::<Vec<_>>(), open.collect::<Vec<_>>())
    };
    let none = Vec::<String>::new;
    let case = || "2027Q1-1".to_owned();
    let sent =
        || Event::DisputeSent { case: case(), number: 1, source: "payroll".into(), attempt: 1 };
    let settled = || Event::DisputeSettled {
        case: case(),
        number: 1,
        settled: "stands".into(),
        answer: "00".into(),
    };
    let opened = [permit("dispute_record"), stepped(1, "open-dispute", "")];
    let run = |rest: &[Event]| told(&[&opened, rest].concat());
    assert_eq!(run(&[sent(), stepped(2, "answer-dispute", ""), settled()]), (none(), none()));
    let waits = "entry 1: 1 of the disputes of case 2027Q1-1 await the source's answer".to_owned();
    assert_eq!(run(&[sent()]), (none(), vec![waits.clone()]));
    // An answer that nobody signed, and one that no step notes.
    assert_eq!(run(&[stepped(2, "answer-dispute", "")]).0.len(), 1);
    assert_eq!(
        run(&[settled()]),
        (
            vec!["no step notes the answer to a dispute of case 2027Q1-1 before it".into()],
            vec![waits]
        )
    );
    assert_eq!(told(&[sent()]).0.len(), 1, "none was opened");

    // At the source.
    let received = || Event::DisputeReceived {
        from: "support".into(),
        agreement: AGREEMENT.into(),
        message: "aa".into(),
        due: "2027-02-04T09:00:00Z".into(),
    };
    let answered = || Event::DisputeAnswered { message: "aa".into(), settled: "stands".into() };
    let awaits = "entry 0: a dispute of support awaits an answer, due 2027-02-04T09:00:00Z";
    assert_eq!(told(&[received()]), (none(), vec![awaits.into()]));
    assert_eq!(told(&[received(), permit("answer_dispute"), answered()]), (none(), none()));
    assert_eq!(told(&[received(), answered()]).0.len(), 1, "no permit");
    assert_eq!(told(&[permit("answer_dispute"), answered()]).0.len(), 1, "it never came");
}

fn destroyed(agreement: &str, key: bool, cases: u64) -> Event {
    Event::DataDestroyed {
        agreement: agreement.to_owned(),
        due: "2027-01-04".to_owned(),
        key,
        leads: String::new(),
        rows: BTreeMap::from([("opening".to_owned(), 12_u64), ("case_file".to_owned(), cases)]),
        kept: 0,
    }
}

#[test]
fn what_was_destroyed_is_said_and_the_ledger_stays_sound() {
    let place = tempfile::tempdir().unwrap();
    let begin = [permit("run"), started(0), permit("release"), disclosed(2, 0), finished(2)];
    let end = [permit("destroy"), destroyed(AGREEMENT, true, 7)];
    grown(place.path(), &[&begin, &end]);
    let told = audited(place.path());
    assert!(told.is_sound(), "{told:#?}");
    let [erased] = &told.erased[..] else { unreachable!("one destruction: {told:#?}") };
    assert!(erased.contains("its key and 12 openings"), "{erased}");
    assert!(erased.contains("what 1 disclosures about 2 persons commit to"), "{erased}");
}

#[test]
fn what_is_destroyed_has_a_permit_to_destroy_for_each_case_or_one_for_all() {
    let wrong = |events: &[Event]| {
        let place = tempfile::tempdir().unwrap();
        grown(place.path(), &[events]);
        audited(place.path()).wrong.into_iter().map(|one| one.what).collect::<Vec<_>>()
    };
    let short = |short: u64, of: u64| {
        vec![format!("{short} of {of} permits to destroy do not stand before it")]
    };
    let all = |cases| destroyed(AGREEMENT, true, cases);
    let some = |cases| destroyed(AGREEMENT, false, cases);
    let may = || permit("destroy");
    assert_eq!(wrong(&[may(), all(9)]), Vec::<String>::new());
    assert_eq!(wrong(&[may(), may(), some(2)]), Vec::<String>::new());
    // A case may have been opened again since, and kept.
    assert_eq!(wrong(&[may(), may(), some(1)]), Vec::<String>::new());
    assert_eq!(wrong(&[all(9)]), short(1, 1));
    assert_eq!(wrong(&[permit("release"), all(9)]), short(1, 1));
    assert_eq!(wrong(&[may(), some(2)]), short(1, 2));
    // A permit serves once, and under its own agreement.
    assert_eq!(wrong(&[may(), some(1), some(1)]), short(1, 1));
    assert_eq!(wrong(&[may(), destroyed(&AGREEMENT.replace('a', "b"), true, 1)]), short(1, 1));
    // It had ended.
    let Event::Permitted(mut ended) = may() else { unreachable!() };
    ended.ends = "2027-01-04T00:00:00Z".to_owned();
    assert!(!wrong(&[Event::Permitted(ended), all(1)]).is_empty());
}

fn cosigner(number: u8) -> Cosigner {
    Cosigner::from_random(Name::new(&format!("w{number}.example")).unwrap(), [60 + number; 32])
}

/// Writes a run whose disclosure waits for two of three witnesses: what is cosigned is what `change` makes of the checkpoint
/// over the first four entries, by these witnesses, and whether it is told before the run ends. Returns what the audit says.
fn witnessed(
    by: &[u8],
    is_told: bool,
    change: impl Fn(Checkpoint) -> Checkpoint,
    withdrawn: bool,
) -> (Vec<String>, Vec<String>, bool) {
    let place = tempfile::tempdir().unwrap();
    let members =
        (1..=3).map(|number| (format!("w{number}"), cosigner(number).verifier().to_string()));
    let agreed = Event::WitnessesAgreed {
        agreement: AGREEMENT.to_owned(),
        quorum: 2,
        within_seconds: 60,
        members: members.collect(),
    };
    let begin = [agreed, permit("run"), started(1), permit("release"), disclosed(3, 0)];
    // The same entries alone give the checkpoint that the witnesses saw.
    let first = tempfile::tempdir().unwrap();
    grown(first.path(), &[&begin]);
    let signed = fs::read(first.path().join("ledger/checkpoint")).unwrap();
    let seen = change(Checkpoint::open(&signed, signer().verifier()).unwrap());
    let mut note = seen.sign(&signer()).unwrap();
    for number in by {
        let line = cosigner(*number).cosign(note.text(), "2027-01-04T00:05:00Z".parse().unwrap());
        note.add(vec![line.unwrap()]).unwrap();
    }
    let told = Event::CheckpointCosigned {
        run: "2027Q1".to_owned(),
        disclosure: 4,
        size: seen.size,
        note: note.to_string(),
    };
    let mut rest = if is_told { vec![told] } else { Vec::new() };
    if withdrawn {
        let (run, why) = ("2027Q1".to_owned(), "too few witnesses".to_owned());
        rest.push(Event::DisclosureWithdrawn { run, chunk: 0, disclosure: 4, why });
    }
    rest.push(finished(if withdrawn { 0 } else { 2 }));
    grown(place.path(), &[&begin, &rest]);
    let audited = audited(place.path());
    let proved = audited.proved.iter().any(|one| one.contains("quorum of witnesses cosigned"));
    let open = audited.open.into_iter().filter(|one| one.contains("quorum")).collect();
    (audited.wrong.into_iter().map(|wrong| wrong.what).collect(), open, proved)
}

#[test]
fn what_an_agreement_makes_wait_for_witnesses_was_seen_by_enough_of_them_before_its_run_ended() {
    let none = Vec::<String>::new;
    let same = |seen| seen;
    assert_eq!(witnessed(&[1, 3], true, same, false), (none(), none(), true));
    assert_eq!(witnessed(&[1, 2, 3], true, same, false), (none(), none(), true));
    let ended = "run 2027Q1 ended, and no quorum of witnesses had cosigned this disclosure";
    // Nothing told; too few; none.
    assert_eq!(witnessed(&[1, 2], false, same, false), (vec![ended.to_owned()], none(), false));
    for by in [&[2][..], &[]] {
        let (wrong, ..) = witnessed(by, true, same, false);
        assert_eq!(wrong[0], ended);
        let told = &wrong[1];
        assert!(told.contains("quorum of the disclosure at entry 4 does not stand"), "{told}");
    }
    // What was withdrawn needs none.
    assert_eq!(witnessed(&[], false, same, true), (none(), none(), false));
    // A checkpoint from before the disclosure, or one that is no ancestor of this ledger though its key has signed it.
    let before = |seen: Checkpoint| Checkpoint { size: 4, ..seen };
    let (wrong, ..) = witnessed(&[1, 2], true, before, false);
    assert!(wrong[1].contains("does not hold the disclosure"), "{wrong:?}");
    let forked = |seen: Checkpoint| Checkpoint { root: ledger::Hash::of_leaf(b"other"), ..seen };
    let (wrong, _, proved) = witnessed(&[1, 2], true, forked, false);
    assert!(wrong[0].starts_with("a checkpoint that witnesses cosigned: "), "{wrong:?}");
    assert!(!proved);
}

#[test]
fn a_witness_under_two_names_is_one_and_who_was_agreed_on_is_not_changed_afterwards() {
    let agreed = |quorum, members: &[(&str, u8)]| Event::WitnessesAgreed {
        agreement: AGREEMENT.to_owned(),
        quorum,
        within_seconds: 60,
        members: (members.iter())
            .map(|(name, key)| ((*name).to_owned(), cosigner(*key).verifier().to_string()))
            .collect(),
    };
    let wrong = |events: &[Event]| {
        let place = tempfile::tempdir().unwrap();
        grown(place.path(), &[events]);
        audited(place.path()).wrong.into_iter().map(|one| one.what).collect::<Vec<_>>()
    };
    let two = || agreed(2, &[("court", 1), ("inspector", 2)]);
    assert_eq!(wrong(&[two(), two()]), Vec::<String>::new());
    assert_eq!(
        wrong(&[agreed(2, &[("court", 1), ("inspector", 1)])]),
        ["the witnesses that it names make no quorum"]
    );
    for other in [
        agreed(1, &[("court", 1), ("inspector", 2)]),
        agreed(2, &[("court", 1), ("inspector", 3)]),
        agreed(2, &[("court", 1), ("inspector", 2), ("clerk", 3)]),
    ] {
        assert_eq!(
            wrong(&[two(), other]),
            ["it names other witnesses than were filed for this agreement before"]
        );
    }
}

#[test]
fn a_disclosure_that_waits_is_open_and_a_quorum_nobody_agreed_on_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    let note = Checkpoint::of_nothing(signer().name()).sign(&signer()).unwrap();
    let told = |disclosure| Event::CheckpointCosigned {
        run: "2027Q1".to_owned(),
        disclosure,
        size: 0,
        note: Note::to_string(&note),
    };
    let events = [permit("run"), started(0), permit("release"), disclosed(2, 0), told(3), told(9)];
    grown(place.path(), &[&events]);
    let wrong: Vec<_> = audited(place.path()).wrong.into_iter().map(|one| one.what).collect();
    assert_eq!(
        wrong,
        [
            "it names an agreement that asks for no witness",
            "it lets out a disclosure that the ledger does not hold before it",
        ]
    );
}

#[test]
fn a_seal_cites_a_power_and_ends() {
    let sealed = |power: &str, until: &str| Event::EntrySealed {
        power: power.to_owned(),
        authority: "a court".to_owned(),
        from: "2027-01-04T00:00:00Z".to_owned(),
        until: until.to_owned(),
    };
    let wrong = |events: &[Event]| {
        let place = tempfile::tempdir().unwrap();
        grown(place.path(), &[events]);
        audited(place.path()).wrong.len()
    };
    assert_eq!(wrong(&[permit("seal"), sealed("5 U.S.C. 552a(c)(3)", "2027-02-01T00:00:00Z")]), 0);
    assert_eq!(wrong(&[sealed("5 U.S.C. 552a(c)(3)", "2027-02-01T00:00:00Z")]), 1);
    assert_eq!(
        wrong(&[permit("release"), sealed("5 U.S.C. 552a(c)(3)", "2027-02-01T00:00:00Z")]),
        1
    );
    assert_eq!(wrong(&[permit("seal"), sealed("n/a", "2027-02-01T00:00:00Z")]), 1);
    assert_eq!(wrong(&[permit("seal"), sealed("5 U.S.C. 552a(c)(3)", "2027-01-04T00:01:00Z")]), 1);
    assert_eq!(wrong(&[permit("seal"), sealed("5 U.S.C. 552a(c)(3)", "never")]), 1);
}

#[test]
fn a_person_finds_the_disclosures_about_them_in_a_copy_of_the_ledger_and_nobody_elses() {
    use casework::LeadId;
    let place = tempfile::tempdir().unwrap();
    let finder = |number: u8| ledger::Finder::from_secret([number; 32]);
    let told = |persons: &[u8]| {
        let returned: Vec<_> = (1..)
            .zip(persons)
            .map(|(lead, person)| {
                let values = BTreeMap::from([("payroll.gross_pay".to_owned(), "100".to_owned())]);
                (LeadId::new("2027Q1", lead), finder(*person), values)
            })
            .collect();
        comity::release::commit(&returned).unwrap().0
    };
    let (store, anchor) = (place.path().join("ledger"), place.path().join("anchor"));
    let mut log =
        Log::create(Disk::create(store).unwrap(), Disk::create(anchor).unwrap(), signer()).unwrap();
    for (chunk, persons) in (0..).zip([&[1, 2][..], &[2, 3], &[1, 1]]) {
        let at = "2027-01-04T00:00:00Z".parse().unwrap();
        let leaf = disclosed(0, chunk).to_leaf(at, told(persons), [1; 32]).unwrap();
        let _ = log.append_one(&leaf).unwrap();
    }
    fs::write(place.path().join("ledger.vkey"), format!("{}\n", signer().verifier())).unwrap();
    let found = |numbers: &[u8]| -> Vec<u64> {
        let file = place.path().join("finder");
        let lines: String =
            numbers.iter().map(|number| finder(*number).to_secret_text() + "\n").collect();
        fs::write(&file, lines).unwrap();
        let ledger = place.path().join("ledger").display().to_string();
        let output = comity(&[
            "--json",
            "receipt",
            "find",
            &ledger,
            "--finder",
            &file.display().to_string(),
        ]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = told["found"].as_array().unwrap();
        found.iter().map(|one| one["index"].as_u64().unwrap()).collect()
    };
    assert_eq!(found(&[1]), [0, 2]);
    assert_eq!(found(&[2]), [0, 1]);
    assert_eq!(found(&[3]), [1]);
    assert_eq!(found(&[1, 3]), [0, 1, 2]);
    assert_eq!(found(&[4]), Vec::<u64>::new());
}

fn vote(vote: &str, instead_of: &str) -> Event {
    let (on, vote, instead_of) = ("sha256:00".to_owned(), vote.to_owned(), instead_of.to_owned());
    Event::VoteCast { on, vote, instead_of }
}

#[test]
fn a_years_report_counts_a_member_who_votes_anew_once_and_is_given_up_when_told_to_stop() {
    let place = tempfile::tempdir().unwrap();
    grown(place.path(), &[&[vote("for", ""), vote("against", ""), vote("against", "for")]]);
    let (folder, signer) = (place.path().join("ledger"), signer());
    let key = signer.verifier();
    let counted = annual(&folder, key, 2027, |_| {}, &|| false).unwrap().unwrap();
    assert_eq!(counted.votes["sha256:00"], (0, 2));
    let seen = std::cell::Cell::new(0);
    let stopped = annual(&folder, key, 2027, |index| seen.set(index), &|| true);
    assert!(stopped.is_err() && seen.get() == 0, "nothing is read any more: {stopped:?}");
}
