//! One list of promises, held against every store: directory, SQLite, PostgreSQL, memory.

use ledger::{
    Disk, Error, Files as _, Log, Memory, Name, Pace, Postgres, Sequencer, Signer, Sqlite, Store,
    store::{Change, Held, copy},
};

use crate::{leaf, leaves, server::Server, signer, sound};

/// Holds a kind of store to its promises, but those that only a crash can break. `open` opens one place again and
/// again; it is always the same place.
fn check<S: Store>(kind: &str, open: impl Fn() -> Result<S, Error>) {
    let write = |path, bytes| Change::Write { path, bytes };

    // Read after write, and after opening again.
    let mut store = open().unwrap();
    assert_eq!(store.read("a/b").unwrap(), None, "{kind}");
    assert!(store.list("").unwrap().is_empty(), "{kind}");
    store.write("a/b", b"one").unwrap();
    store.write("a/b", b"").unwrap();
    assert_eq!(store.read("a/b").unwrap().as_deref(), Some(b"".as_slice()), "{kind}");
    let large = vec![7; 300_000];
    store.write("a/b", &large).unwrap();
    store.write("a/\u{e9}.x", b"named otherwise").unwrap();
    drop(store);
    let mut store = open().unwrap();
    assert_eq!(store.read("a/b").unwrap(), Some(large), "{kind}");
    assert_eq!(store.list("").unwrap(), ["a/b", "a/\u{e9}.x"], "{kind}");

    // One writer.
    assert!(matches!(open(), Err(Error::InUse { .. })), "{kind}");

    // In order, and only what is under a directory is cleared.
    let changes = [
        write("c/1", b"1"),
        write("c/2", b"2"),
        write("c.d/1", b"beside"),
        write("c0", b"after"),
        Change::Clear { under: "c" },
        write("c/2", b"two"),
        write("d", b"d"),
        Change::Remove { path: "d" },
        Change::Remove { path: "a/b" },
        write("a/b", b"again"),
        Change::Remove { path: "never there" },
        Change::Clear { under: "nowhere" },
    ];
    store.commit(None, &changes).unwrap();
    let all = ["a/b", "a/\u{e9}.x", "c.d/1", "c/2", "c0"];
    assert_eq!(store.list("").unwrap(), all, "{kind}");
    assert_eq!(store.list("c").unwrap(), ["c/2"], "{kind}");
    assert_eq!(store.list("a").unwrap(), ["a/b", "a/\u{e9}.x"], "{kind}");
    assert!(store.list("c/2").unwrap_or_default().is_empty(), "{kind}");
    assert_eq!(store.read("a/b").unwrap().as_deref(), Some(b"again".as_slice()), "{kind}");
    assert_eq!(store.read("c/2").unwrap().as_deref(), Some(b"two".as_slice()), "{kind}");
    store.commit(None, &[]).unwrap();

    // Compare and swap: what is not held changes nothing, and does not stop the store.
    for (path, bytes) in [("a/b", Some(b"other".as_slice())), ("a/b", None), ("nothing", Some(b""))]
    {
        let held = Some(Held { path, bytes });
        let changes = [write("a/b", b"changed"), write("e", b"new"), Change::Remove { path: "c0" }];
        let error = store.commit(held, &changes).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{kind}: {error}");
        assert_eq!(store.list("").unwrap(), all, "{kind}");
    }
    store.replace("a/b", Some(b"again"), b"once more").unwrap();
    store.replace("new", None, b"").unwrap();
    store.replace("new", Some(b""), b"filled").unwrap();
    assert!(store.replace("new", None, b"").is_err(), "{kind}");
    assert_eq!(store.read("a/b").unwrap().as_deref(), Some(b"once more".as_slice()), "{kind}");

    // No path leads elsewhere, and a commit with one that would changes nothing.
    for path in ["", "/", "a//b", "../a", "a/..", "./a", "a\\b", "a\0b"] {
        assert!(store.write(path, b"x").is_err(), "{kind} {path:?}");
        assert!(store.read(path).is_err(), "{kind} {path:?}");
        assert!(store.remove(path).is_err(), "{kind} {path:?}");
        let both = [write("f", b"f"), write(path, b"x")];
        assert!(store.commit(None, &both).is_err(), "{kind} {path:?}");
        assert_eq!(store.read("f").unwrap(), None, "{kind} {path:?}");
    }
    store.remove("a/\u{e9}.x").unwrap();
    store.remove("a/\u{e9}.x").unwrap();
    assert_eq!(store.list("").unwrap(), ["a/b", "c.d/1", "c/2", "c0", "new"], "{kind}");
}

/// A ledger grows, is opened again, evidences and audits in this kind of store; and it is the same ledger in all.
fn grow<S: Store + std::fmt::Debug + Send + Sync + 'static>(
    kind: &str,
    open: impl Fn(&str) -> Result<S, Error>,
) {
    let mut log = Log::create(open("ledger").unwrap(), open("anchor").unwrap(), signer()).unwrap();
    let _ = log.append(&leaves(0..1)).unwrap();
    let _ = log.append(&leaves(1..255)).unwrap();
    drop(log);
    let log = Log::open(open("ledger").unwrap(), open("anchor").unwrap(), signer()).unwrap();
    let sequencer = Sequencer::start(log, Pace::default());
    for index in 255..260 {
        let written = sequencer.append(leaf(index)).unwrap();
        assert_eq!((written.recorded.index(), &written.leaf), (index, &leaf(index)), "{kind}");
    }
    let mut log = sequencer.stop().unwrap();
    let _ = log.append(&leaves(260..600)).unwrap();
    for index in [0, 254, 255, 256, 599] {
        assert!(log.recorded(index, &leaf(index)).unwrap().is_some(), "{kind}");
    }
    let note = ledger::Note::parse(log.signed_checkpoint()).unwrap();
    let receipt = log.reader().unwrap().receipt(257, &note, Vec::new()).unwrap();
    let policy = ledger::Policy::of_log(crate::verifier());
    assert_eq!(receipt.read(&policy).unwrap().entry, leaf(257).to_entry().unwrap(), "{kind}");

    let reader = log.reader().unwrap();
    let entries = reader.entries(254..258).unwrap();
    let expected: Vec<_> = (254..258).map(|index| leaf(index).to_entry().unwrap()).collect();
    assert_eq!(entries, expected, "{kind}");
    assert!(reader.entries(600..600).unwrap().is_empty(), "{kind}");
    assert!(matches!(reader.entries(599..601), Err(Error::BeyondSize { .. })), "{kind}");

    // Whoever else signs for this ledger is noticed before anything is written.
    let audit = sound(log.files(), &[]);
    assert_eq!((audit.size, audit.unauthenticated.len()), (600, 0), "{kind}");
    drop(log);

    // The same bytes as any other store would hold: copied into a directory they are a ledger there.
    let place = tempfile::tempdir().unwrap();
    let mut folder = Disk::create(place.path().join("ledger")).unwrap();
    let store = open("ledger").unwrap();
    copy(&store, &mut folder).unwrap();
    let mut memory = Memory::new();
    let mut anchor = Memory::new();
    let mut same = crate::create(&mut memory, &mut anchor).unwrap();
    let _ = same.append(&leaves(0..255)).unwrap();
    for index in 255..260 {
        let _ = same.append_one(&leaf(index)).unwrap();
    }
    let _ = same.append(&leaves(260..600)).unwrap();
    assert_eq!(folder.list("").unwrap(), memory.list("").unwrap(), "{kind}");
    for path in memory.list("").unwrap() {
        assert_eq!(folder.read(&path).unwrap(), memory.read(&path).unwrap(), "{kind} {path}");
    }

    // Another key, and a ledger that was set back, are refused.
    let anchor = open("anchor").unwrap();
    let other = Signer::from_random(Name::new("test.example/ledger").unwrap(), [1; 32]);
    drop(store);
    assert!(Log::open(open("ledger").unwrap(), anchor, other).is_err(), "{kind}");
    let mut store = open("ledger").unwrap();
    let older =
        crate::create(&mut Memory::new(), &mut Memory::new()).unwrap().signed_checkpoint().to_vec();
    store.write("checkpoint", &older).unwrap();
    drop(store);
    let error = Log::open(open("ledger").unwrap(), open("anchor").unwrap(), signer()).unwrap_err();
    assert!(matches!(error, Error::RolledBack { .. }), "{kind}: {error}");
}

#[test]
fn a_directory_keeps_the_promises_of_a_store() {
    let place = tempfile::tempdir().unwrap();
    check("directory", || Disk::create(place.path().join("check")));
    grow("directory", |name| Disk::create(place.path().join(name)));
}

#[test]
fn sqlite_keeps_the_promises_of_a_store() {
    let place = tempfile::tempdir().unwrap();
    check("sqlite", || Sqlite::open(place.path().join("check.sqlite")));
    grow("sqlite", |name| Sqlite::open(place.path().join(format!("{name}.sqlite"))));
    // Another program may read meanwhile.
    let _writer = Sqlite::open(place.path().join("ledger.sqlite")).unwrap();
    let reader = ledger::Database::open(place.path().join("ledger.sqlite")).unwrap();
    assert!(reader.list("tile").unwrap().len() > 5);
    assert!(ledger::Database::open(place.path().join("nothing.sqlite")).is_err());
}

#[test]
fn postgresql_keeps_the_promises_of_a_store() {
    let server = Server::start();
    let parameters = server.parameters();
    check("postgresql", || retry(|| Postgres::open(&parameters, "check")));
    grow("postgresql", |name| retry(|| Postgres::open(&parameters, name)));

    // The server crashes: the store stops, what was acknowledged is there, and the next start needs no help.
    let open = |name: &str| retry(|| Postgres::open(&parameters, &format!("again/{name}")));
    let mut log = Log::create(open("ledger").unwrap(), open("anchor").unwrap(), signer()).unwrap();
    let _ = log.append(&leaves(0..300)).unwrap();
    let server = server.crash();
    assert!(log.append_one(&leaf(300)).is_err());
    assert!(log.append_one(&leaf(300)).is_err(), "it stays stopped");
    drop(log);
    let mut log = Log::open(open("ledger").unwrap(), open("anchor").unwrap(), signer()).unwrap();
    assert_eq!(log.size(), 300);
    assert_eq!(log.append_one(&leaf(300)).unwrap().index(), 300);
    assert_eq!(sound(log.files(), &[]).size, 301);
    drop(log);
    drop(server);
}

/// A session's lock is given back a moment after its connection is closed.
fn retry<S>(open: impl Fn() -> Result<S, Error>) -> Result<S, Error> {
    for _ in 0..20 {
        match open() {
            Err(Error::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(10)),
            other => return other,
        }
    }
    open()
}

#[test]
fn memory_keeps_the_promises_of_a_store_while_it_lives() {
    let mut memory = Memory::new();
    memory.write("a", b"1").unwrap();
    memory.replace("a", Some(b"1"), b"2").unwrap();
    assert!(matches!(memory.replace("a", Some(b"1"), b"3"), Err(Error::Moved { .. })));
    memory.commit(None, &[Change::Clear { under: "a" }]).unwrap();
    assert_eq!(memory.read("a").unwrap().as_deref(), Some(b"2".as_slice()));
}
