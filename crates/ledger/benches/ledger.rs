//! What the ledger manages on this machine: durable entries, the wait for a signed checkpoint, receipts, an audit.
//!
//! Each figure stands beside what the disk and the database manage without us, measured in the same minute. These
//! are runs of seconds over real files, not microbenchmarks, so the measuring is done here and not by a harness.
//! PostgreSQL is a server of its own, begun for this and gone afterwards, unless `--server` names one.
//!
//! `cargo bench -p comity-ledger --bench ledger -- [spell] [sqlite] [postgres] [latency] [receipt] [audit] [write]
//! [--seconds N] [--rate N] [--entries N] [--place FOLDER] [--server PARAMETERS] [--ledger FOLDER]`
//!
//! Without words all but `write` is measured, for a few seconds each. `write` makes a ledger of `--entries` in the
//! folder `--ledger`, and `audit` with that option audits the one there and says what memory that took.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a program that measures: it stops where something fails, prints, and reads the clock"
)]

use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ledger::{
    Checkpoint, Commitments, Cosigner, Directory, Disk, Entry, Facts, Kind, Leaf, Log, Name,
    Outcome, Pace, Policy, Postgres, Receipt, Sequencer, Signer, Sqlite, Store,
};

#[path = "../tests/ledger/server.rs"]
#[expect(dead_code, reason = "a measurement crashes no server")]
mod server;

/// How many append at once.
const WRITERS: u64 = 256;

/// What is measured unless something is asked for.
const ALL: [&str; 6] = ["spell", "sqlite", "latency", "postgres", "receipt", "audit"];

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let said = |what: &str| words.iter().any(|word| word == what);
    let all = !said("write") && !ALL.iter().any(|what| said(what));
    let wanted = |what: &str| all || said(what);
    let number = |name: &str, or: u64| value(name).map_or(or, |text| text.parse().unwrap());
    let (seconds, rate) = (Duration::from_secs(number("--seconds", 5)), number("--rate", 10_000));
    let place = value("--place").map_or_else(env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(place).unwrap();
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap().trim());
    if wanted("spell") {
        spell();
    }
    if wanted("sqlite") {
        disk(place.path(), seconds / 2);
        plain_sqlite(place.path(), 1, seconds);
        plain_sqlite(place.path(), WRITERS as i64, seconds);
        let store = Sqlite::open(place.path().join("throughput.sqlite")).unwrap();
        throughput("SQLite", store, &place.path().join("anchor-s"), seconds);
    }
    if wanted("latency") {
        let store = Sqlite::open(place.path().join("latency.sqlite")).unwrap();
        latency("SQLite", store, &place.path().join("anchor-l"), rate, seconds);
    }
    if wanted("postgres") {
        let own = value("--server").is_none().then(server::Server::start);
        let parameters = own
            .as_ref()
            .map_or_else(|| value("--server").unwrap(), |own: &server::Server| own.parameters());
        plain_postgres(&parameters, 1, seconds);
        plain_postgres(&parameters, WRITERS as i64, seconds);
        let name = format!("bench {}", std::process::id());
        let store = Postgres::open(&parameters, &name).unwrap();
        throughput("PostgreSQL", store, &place.path().join("anchor-p"), seconds);
        let name = format!("bench latency {}", std::process::id());
        let store = Postgres::open(&parameters, &name).unwrap();
        latency("PostgreSQL", store, &place.path().join("anchor-q"), rate, seconds);
    }
    if wanted("receipt") {
        receipt(seconds);
    }
    let ledger = value("--ledger").map(PathBuf::from);
    let entries = number("--entries", 250_000);
    if said("write") {
        write_folder(&ledger.clone().unwrap(), entries);
    }
    if wanted("audit") {
        let folder = ledger.unwrap_or_else(|| {
            let folder = place.path().join("audited");
            write_folder(&folder, entries);
            folder
        });
        audit(&folder, said("entries"));
    }
}

fn signer() -> Signer {
    Signer::from_random(Name::new("ledger.agency.example.gov/2026").unwrap(), [7; 32])
}

/// An entry of 512 bytes at a second, whose number makes it another.
fn leaf(number: u64, second: i64) -> Leaf {
    let mut facts = Facts::new();
    facts.insert("number".to_owned(), number.into());
    let mut nonce = [3; 32];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    let (commitment, _) = ledger::commit(nonce, "name", "value".into()).unwrap();
    let commitments = Commitments::from([("name".to_owned(), vec![commitment])]);
    let at = jiff::Timestamp::from_second(1_769_850_000 + second).unwrap();
    let kind = Kind::new("decision.permitted").unwrap();
    let leaf = Entry::new(kind, at, facts, commitments, nonce).unwrap().to_leaf().unwrap();
    assert_eq!(leaf.as_bytes().len(), 512);
    leaf
}

fn say(what: &str, count: u64, took: Duration) {
    println!(
        "{what}: {:.0}/s ({count} in {:.2} s)",
        count as f64 / took.as_secs_f64(),
        took.as_secs_f64()
    );
}

/// What it costs to spell entries, and to read them.
fn spell() {
    let start = Instant::now();
    let spelled: Vec<_> = (0..65_536).map(|number| leaf(number, 0)).collect();
    say("entries of 512 bytes made and spelled, one core", 65_536, start.elapsed());
    let start = Instant::now();
    for leaf in &spelled {
        assert_eq!(Leaf::parse(leaf.as_bytes().to_vec()).unwrap().hash(), leaf.hash());
    }
    say("entries of 512 bytes read, one core", 65_536, start.elapsed());
}

/// What the disk manages: 512 bytes and an fsync.
fn disk(place: &Path, wanted: Duration) {
    let file = fs::File::create(place.join("disk")).unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < wanted {
        file.write_all_at(&[7; 512], count * 512).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    say("the disk alone, fsyncs after 512 bytes", count, start.elapsed());
}

/// What SQLite manages: rows of an index and 512 bytes, so many in a transaction.
fn plain_sqlite(place: &Path, batch: i64, wanted: Duration) {
    let mut database =
        rusqlite::Connection::open(place.join(format!("plain-{batch}.sqlite"))).unwrap();
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    database.pragma_update(None, "synchronous", "FULL").unwrap();
    database
        .execute_batch("CREATE TABLE entry (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        .unwrap();
    let (start, mut count) = (Instant::now(), 0_i64);
    while start.elapsed() < wanted {
        let transaction =
            database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        for _ in 0..batch {
            transaction
                .prepare_cached("INSERT INTO entry VALUES (?1, ?2)")
                .unwrap()
                .execute((count, [7_u8; 512]))
                .unwrap();
            count += 1;
        }
        transaction.commit().unwrap();
    }
    say(
        &format!("SQLite alone, plain inserts of 512 bytes, {batch} a transaction"),
        count as u64,
        start.elapsed(),
    );
}

/// What PostgreSQL manages: the same.
fn plain_postgres(parameters: &str, batch: i64, wanted: Duration) {
    let mut client = postgres::Client::connect(parameters, postgres::NoTls).unwrap();
    client
        .batch_execute(
            "SET SESSION synchronous_commit = on;
             CREATE TABLE IF NOT EXISTS plain (number bigint PRIMARY KEY, bytes bytea NOT NULL);
             TRUNCATE plain",
        )
        .unwrap();
    let insert = client
        .prepare("INSERT INTO plain SELECT unnest($1::bigint[]), unnest($2::bytea[])")
        .unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < wanted {
        let numbers: Vec<i64> = (count..count + batch).collect();
        let rows: Vec<&[u8]> = numbers.iter().map(|_| [7_u8; 512].as_slice()).collect();
        client.execute(&insert, &[&numbers, &rows]).unwrap();
        count += batch;
    }
    let took = start.elapsed();
    say(
        &format!("PostgreSQL alone, plain inserts of 512 bytes, {batch} a transaction"),
        count as u64,
        took,
    );
}

/// Durable entries: so many append at once, each waiting for its answer before it appends again.
fn throughput<S: Store + Send + 'static>(kind: &str, store: S, anchor: &Path, wanted: Duration) {
    let log = Log::create(store, Disk::create(anchor).unwrap(), signer()).unwrap();
    let sequencer = Sequencer::start(log, Pace::default());
    // Spelling an entry is the caller's work and is measured by itself: here each is taken from those spelled before.
    let spelled: Vec<_> = (0..65_536).map(|number| leaf(number, 0)).collect();
    let (count, next) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            let (sequencer, count, spelled, next) = (&sequencer, &count, &spelled, &next);
            thread::Builder::new()
                .stack_size(128 * 1024)
                .spawn_scoped(scope, move || {
                    while start.elapsed() < wanted {
                        let number = next.fetch_add(1, Ordering::Relaxed) % 65_536;
                        let leaf = spelled[number as usize].clone();
                        let written = sequencer.append(leaf).unwrap();
                        assert!(written.recorded.index() < written.recorded.checkpoint_size());
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
                .unwrap();
        }
    });
    let took = start.elapsed();
    let count = count.into_inner();
    say(&format!("{kind}, durable entries of 512 bytes, {WRITERS} writers"), count, took);
    assert_eq!(sequencer.stop().unwrap().size(), count);
}

/// Append to signed checkpoint, at a rate: entries come evenly, whether or not earlier ones were answered.
fn latency<S: Store + Send + 'static>(
    kind: &str,
    store: S,
    anchor: &Path,
    rate: u64,
    wanted: Duration,
) {
    let log = Log::create(store, Disk::create(anchor).unwrap(), signer()).unwrap();
    let sequencer = Sequencer::start(log, Pace::default());
    let spelled: Vec<_> = (0..65_536).map(|number| leaf(number, 0)).collect();
    let took = Mutex::new(Vec::new());
    let total = rate * wanted.as_secs();
    let next = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            let (sequencer, took, next, spelled) = (&sequencer, &took, &next, &spelled);
            thread::Builder::new()
                .stack_size(128 * 1024)
                .spawn_scoped(scope, move || {
                    let mut own = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= total {
                            break;
                        }
                        // Counted from when the entry was to come, so that a stall is not left out.
                        let due = Duration::from_nanos(number * 1_000_000_000 / rate);
                        thread::sleep(due.saturating_sub(start.elapsed()));
                        let leaf = spelled[number as usize % 65_536].clone();
                        let _ = sequencer.append(leaf).unwrap();
                        own.push(start.elapsed().saturating_sub(due));
                    }
                    took.lock().unwrap().extend(own);
                })
                .unwrap();
        }
    });
    let lasted = start.elapsed();
    let mut took = took.into_inner().unwrap();
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "{kind}, append to signed checkpoint at {rate}/s ({:.0}/s reached): p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, most {:.1} ms",
        took.len() as f64 / lasted.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
    );
}

/// A receipt in a ledger of ten million entries, with two cosignatures and one opening.
fn receipt(wanted: Duration) {
    let size = 10_000_000;
    let mut nonce = [3; 32];
    nonce[..8].copy_from_slice(&7_777_777_u64.to_be_bytes());
    let (_, opening) = ledger::commit(nonce, "name", "value".into()).unwrap();
    let leaf = leaf(7_777_777, 0);
    // A proof of the right length for that size: its siblings are made up, and the root follows from them.
    let index = 7_777_777_u64;
    let (mut at, mut last, mut hash, mut proof) = (index, size - 1, leaf.hash(), Vec::new());
    while last > 0 {
        if at & 1 == 1 || at != last {
            let sibling = ledger::Hash::of_leaf(&last.to_be_bytes());
            proof.push(sibling);
            let (left, right) = if at & 1 == 1 { (sibling, hash) } else { (hash, sibling) };
            hash = ledger::Hash::of_node(&left, &right);
        }
        at >>= 1;
        last >>= 1;
    }
    let checkpoint = Checkpoint { size, root: hash, ..Checkpoint::of_nothing(signer().name()) };
    let mut note = checkpoint.sign(&signer()).unwrap();
    let witnesses = ["node.department.example.gov/witness", "court.example.gov/witness"]
        .map(|name| Cosigner::from_random(Name::new(name).unwrap(), [name.len() as u8; 32]));
    let now = jiff::Timestamp::from_second(1_769_850_000).unwrap();
    let lines = witnesses.iter().map(|witness| witness.cosign(note.text(), now).unwrap());
    let lines = lines.collect();
    note.add(lines).unwrap();
    let text =
        Receipt::new(index, proof, note).with_entry(&leaf, vec![opening]).unwrap().to_string();
    let policy = format!(
        "log {}\nwitness a {}\nwitness b {}\ngroup both all a b\nquorum both\n",
        signer().verifier(),
        witnesses[0].verifier(),
        witnesses[1].verifier()
    );
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < wanted {
        let told = Receipt::parse(text.as_bytes()).unwrap().read(&policy).unwrap();
        assert_eq!(told.openings.len(), 1);
        count += 1;
    }
    println!(
        "receipt with its entry, an opening and 2 cosignatures, of {size} entries: {} bytes",
        text.len()
    );
    say("receipts read and verified, one core", count, start.elapsed());
}

/// An audit of bytes and signatures over a ledger in a folder, and one that reads every entry if it is small.
fn audit(folder: &Path, reading: bool) {
    let verifier = signer().verifier().clone();
    let start = Instant::now();
    let Outcome::Sound(audit) =
        ledger::audit::bytes(&Directory::new(folder), &verifier, &[]).unwrap()
    else {
        unreachable!("the ledger is sound")
    };
    say("audit of bytes and signatures", audit.size, start.elapsed());
    println!("most memory of this program so far: {} MB", memory() / 1024);
    if !reading && audit.size > 1_000_000 {
        println!("(say `entries` to have every entry read, too)");
        return;
    }
    let (start, mut shown) = (Instant::now(), 0);
    let outcome =
        ledger::audit(&Directory::new(folder), &verifier, &[], |_, _| shown += 1).unwrap();
    let took = start.elapsed();
    let Outcome::Sound(audit) = outcome else { unreachable!("the ledger is sound") };
    assert_eq!(audit.size, shown);
    say("audit that reads every entry", audit.size, took);
    println!("most memory of this program: {} MB", memory() / 1024);
}

/// Writes a ledger without syncing each file: what is measured is its audit. No two entries are the same.
fn write_folder(folder: &Path, entries: u64) {
    struct Fast(PathBuf);
    impl ledger::Files for Fast {
        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ledger::Error> {
            Ok(fs::read(self.0.join(path)).ok())
        }
        fn list(&self, _: &str) -> Result<Vec<String>, ledger::Error> {
            Ok(Vec::new())
        }
    }
    impl Store for Fast {
        fn commit(
            &mut self,
            _: Option<ledger::store::Held<'_>>,
            changes: &[ledger::store::Change<'_>],
        ) -> Result<(), ledger::Error> {
            for change in changes {
                if let ledger::store::Change::Write { path, bytes } = change {
                    let file = self.0.join(path);
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::File::create(file).unwrap().write_all(bytes).unwrap();
                }
            }
            Ok(())
        }
    }
    let anchor = folder.with_extension("anchor");
    let mut log = Log::create(Fast(folder.to_owned()), Fast(anchor), signer()).unwrap();
    let start = Instant::now();
    let mut size = 0;
    while size < entries {
        // Whole bundles, so that no partial ones are left behind; spelled by two threads.
        let next = entries.min(size + 256 * 64);
        let half = u64::midpoint(size, next);
        let spelled = |from, to| (from..to).map(|number| leaf(number, 0)).collect::<Vec<_>>();
        let leaves = thread::scope(|scope| {
            let second = scope.spawn(move || spelled(half, next));
            [spelled(size, half), second.join().unwrap()].concat()
        });
        let _ = log.append(&leaves).unwrap();
        size = next;
    }
    say("entries of 512 bytes written for an audit, not durably", entries, start.elapsed());
}

fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
