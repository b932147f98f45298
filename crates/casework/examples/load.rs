//! The load generator of the case store: fills a store with cases and steps, works it as officers do, and prints what it
//! measured. It stands outside the path of the data: everything in it is synthetic, and named so.
//!
//! `bench/casework/run` calls it for both databases; see the README there.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it measures time, prints a table, and fails loudly"
)]

use casework::{
    Actor, Case, CaseStage, CaseStore, Database, Disclosure, DisclosureId, Drafts, Groups,
    Judgement, Keeper, LeadId, Moving, Opinion, PairKey, Planned, Queue, Run, RunState, Step,
    Store, Terms, Vault,
};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The agreement that all of it is under.
const AGREEMENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// Leads a run plans at once.
const A_RUN: u64 = 10_000;
/// How many officers there are.
const OFFICERS: u64 = 20;
/// How many callers take steps at once.
const CALLERS: u64 = 64;
/// How many lines a page of the queue has.
const A_PAGE: u32 = 50;
/// About as many bytes as an entry has.
const ENTRY: usize = 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Words {
    store: String,
    folder: PathBuf,
    cases: u64,
    steps: u64,
    seconds: u64,
    fills: bool,
    works: bool,
}

fn words() -> Option<Words> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (words, only) = words.split_at_checked(5)?;
    let [store, folder, cases, steps, seconds] = words else { return None };
    let only = only.first().map(String::as_str);
    Some(Words {
        store: store.clone(),
        folder: folder.into(),
        cases: cases.parse().ok()?,
        steps: steps.parse().ok()?,
        seconds: seconds.parse().ok()?,
        fills: only != Some("work"),
        works: only != Some("fill"),
    })
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let Some(words) = words() else {
        println!("usage: load STORE FOLDER CASES STEPS-A-CASE SECONDS [fill | work]");
        return Ok(());
    };
    let keys = words.folder.join("keys");
    let vault = Vault::open(&keys, Keeper::File(keys.join("key")), random)?;
    let store = Arc::new(Database::open(&words.store, vault).await?);
    let kind = match &*store {
        Database::Sqlite(_) => "SQLite",
        Database::Postgres(_) => "PostgreSQL",
    };
    println!("| {kind} | |\n| --- | ---: |");
    row("the disk's plain appends of 4 KiB, each durable", &rate(syncs(&words.folder)?));
    row("plain inserts of one row of 1 KiB, each its own commit", &rate(plain(&words).await?));
    row("cases", &words.cases.to_string());
    row("steps", &(words.cases * words.steps).to_string());
    if words.fills {
        row("steps taken while filling, 64 callers", &rate(fill(&store, &words).await?));
    }
    if words.works {
        queues(&store, &words).await?;
        steps(&store, &words, false).await?;
        steps(&store, &words, true).await?;
    }
    row("resident memory, highest", &format!("{} MiB", resident()? / 1024));
    Ok(())
}

fn row(what: &str, value: &str) {
    println!("| {what} | {value} |");
}

fn rate((count, taken): (u64, Duration)) -> String {
    format!("{:.0}/s", count as f64 / taken.as_secs_f64())
}

/// Draws from the system.
fn random() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map(|()| bytes).map_err(|error| error.to_string())
}

/// Spreads numbers: not random, and the same in every run.
fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn officer(number: u64) -> Actor {
    Actor::read(&format!("synthetic-officer-{:02}", number % OFFICERS)).unwrap()
}

/// How often the disk can say that a small append is durable.
fn syncs(folder: &Path) -> Result<(u64, Duration), Failure> {
    let path = folder.join("plain-appends");
    let mut file = File::create(&path)?;
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    let taken = begun.elapsed();
    std::fs::remove_file(path)?;
    Ok((count, taken))
}

/// How often a row is inserted and committed without anything of ours, one after the other, each durable.
async fn plain(words: &Words) -> Result<(u64, Duration), Failure> {
    let seconds = Duration::from_secs(2);
    let mut count = 0;
    if words.store.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(&words.store).await?;
        sqlx::query("DROP TABLE IF EXISTS plain").execute(&mut connection).await?;
        sqlx::query("CREATE TABLE plain (a BYTEA)").execute(&mut connection).await?;
        let insert = "INSERT INTO plain VALUES ($1)";
        let begun = Instant::now();
        while begun.elapsed() < seconds {
            sqlx::query(insert).bind(vec![7_u8; ENTRY]).execute(&mut connection).await?;
            count += 1;
        }
        let taken = begun.elapsed();
        sqlx::query("DROP TABLE plain").execute(&mut connection).await?;
        return Ok((count, taken));
    }
    let path = words.folder.join("plain.sqlite");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS plain (a BLOB)").execute(&mut connection).await?;
    let begun = Instant::now();
    while begun.elapsed() < seconds {
        sqlx::query("INSERT INTO plain VALUES ($1)")
            .bind(vec![7_u8; ENTRY])
            .execute(&mut connection)
            .await?;
        count += 1;
    }
    let taken = begun.elapsed();
    connection.close().await?;
    std::fs::remove_file(path)?;
    Ok((count, taken))
}

fn terms() -> Terms {
    Terms { agreement: AGREEMENT.to_owned(), ..Terms::strict() }
}

/// Fills the store: leads are planned and released run by run, and their cases take their steps.
async fn fill(store: &Arc<Database>, words: &Words) -> Result<(u64, Duration), Failure> {
    store.keep_terms(&terms()).await?;
    let (mut taken, mut count) = (Duration::ZERO, 0);
    for first in (0..words.cases).step_by(usize::try_from(A_RUN)?) {
        let some = A_RUN.min(words.cases - first);
        let run = format!("synthetic-{:05}", first / A_RUN);
        release(store, &run, first, some).await?;
        let begun = Instant::now();
        let next = Arc::new(AtomicU64::new(0));
        let callers = (0..CALLERS).map(|_| {
            let (store, run, next) = (Arc::clone(store), run.clone(), Arc::clone(&next));
            let steps = words.steps;
            async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= some {
                        return Ok::<(), Failure>(());
                    }
                    let id = LeadId::new(&run, usize::try_from(number + 1)?);
                    for step in 0..steps {
                        take(&store, &id, |_| planned_step(first + number, step, steps)).await?;
                    }
                }
            }
        });
        try_join_all(callers).await?;
        taken += begun.elapsed();
        count += some * words.steps;
        drain(store).await?;
    }
    Ok((count, taken))
}

/// Takes what waits for the ledger out of the store, as the server does once the ledger holds it. The ledger's own part is
/// left out. Returns how many lines it was.
async fn drain(store: &Database) -> Result<u64, Failure> {
    let mut index = store.last_acknowledged().await?.map_or(0, |index| index + 1);
    let begun = index;
    loop {
        let lines = store.outbox(4096).await?.waiting;
        if lines.is_empty() {
            return Ok(index - begun);
        }
        let lines: Vec<_> =
            lines.iter().zip(index..).map(|(line, index)| (line.number, index)).collect();
        index += lines.len() as u64;
        store.acknowledge_all(&lines).await?;
    }
}

/// Plans and releases the leads of a run, so that they are cases.
async fn release(store: &Database, run: &str, first: u64, some: u64) -> Result<(), Failure> {
    let begun = Run {
        id: run.to_owned(),
        cycle: run.to_owned(),
        state: RunState::Started,
        started_at: now().to_string(),
        finished_at: None,
        inputs: format!(r#"{{"model":"synthetic","bound":0.0,"agreement":"{AGREEMENT}"}}"#),
        summary: None,
    };
    store.start(&begun, &Drafts::none()).await?;
    let leads: Vec<Planned> = (0..some)
        .map(|number| {
            let mut pair = [0; 32];
            pair[..8].copy_from_slice(&(first + number).to_be_bytes());
            Planned {
                id: LeadId::new(run, usize::try_from(number + 1).unwrap()),
                pair: PairKey(pair),
                bond: None,
                case_id: format!("synthetic-case-{}", first + number),
                source_record: u32::try_from(number).unwrap(),
                recipient_record: u32::try_from(number).unwrap(),
                weight: 8.0 + (spread(first + number) % 1000) as f64 / 100.0,
                probability: 0.99,
                explanation: "x".repeat(2048),
                groups: Groups::default(),
                returned_digest: [0; 32],
                reopens: None,
                chunk: Some(0),
            }
        })
        .collect();
    store.plan(run, "{}", &leads, &Drafts::none()).await?;
    let disclosure = Disclosure {
        id: DisclosureId(format!("{run}/0")),
        run: run.to_owned(),
        chunk: 0,
        prepared_at: now().to_string(),
        recipient: "synthetic-recipient".to_owned(),
        purpose: "synthetic".to_owned(),
        elements: vec!["synthetic.element".to_owned()],
        persons: u32::try_from(some)?,
        leaf: Vec::new(),
        ledger_index: None,
    };
    store.prepare(&disclosure, &[], &entry(1)).await?;
    let (stays, _) = store.stays().await?;
    let values = BTreeMap::from([("synthetic.element".to_owned(), "1234.56".to_owned())]);
    let returned: Vec<_> = leads.iter().map(|lead| (lead.id.clone(), values.clone())).collect();
    store.release(&disclosure.id, first, &now().to_string(), stays, &returned).await?;
    Ok(())
}

/// As many entries of about the usual size.
fn entry(count: usize) -> Drafts<'static> {
    Drafts::new(now(), move |_| Ok(vec![vec![7_u8; ENTRY]; count]))
}

/// Cases end at different stages: a third wait for a judgement, a third are judged, a third are being verified.
fn planned_step(case: u64, step: u64, steps: u64) -> Step {
    let judged_at = match case % 3 {
        0 => steps,
        1 => steps - 1,
        _ => steps.saturating_sub(2),
    };
    if step < judged_at {
        return assign(case + step);
    }
    if step > judged_at {
        return Step::Verify;
    }
    judge()
}

/// What an officer does next with a case: a lead is judged, a judged one is verified, and one that is being verified goes
/// to another officer.
fn next_step(case: &Case, number: u64) -> Step {
    match case.stage() {
        CaseStage::Lead => judge(),
        CaseStage::Reviewed => Step::Verify,
        _later => Step::Assign(casework::Assignment {
            officer: officer(spread(number)).officer().cloned(),
            county: None,
            worker: None,
        }),
    }
}

fn judge() -> Step {
    let reason = "the synthetic records agree in all that is compared".to_owned();
    Step::Review(Opinion { judgement: Judgement::Same, reason, expires: None })
}

fn assign(number: u64) -> Step {
    let assignment = casework::Assignment {
        officer: officer(spread(number)).officer().cloned(),
        county: Some(format!("county-{:02}", spread(number) % 50)),
        worker: Some(format!("worker-{:03}", spread(number) % 400)),
    };
    Step::Assign(assignment)
}

/// Reads a case, takes a step and stores it with its two entries: a decision and the step.
async fn take(
    store: &Database,
    id: &LeadId,
    step: impl FnOnce(&Case) -> Step,
) -> Result<(), Failure> {
    let case: Case = store.case(id).await?.case;
    let step = step(&case);
    let by = officer(spread(case.version()));
    let case = case.step(&step, &by, now()).map_err(|why| format!("{why:?}"))?;
    store.take(Moving { case, drafts: entry(2), openings: Vec::new() }).await?;
    Ok(())
}

/// What twenty officers wait for their queue's pages, while nobody else is at work.
async fn queues(store: &Arc<Database>, words: &Words) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(words.seconds);
    let officers = (0..OFFICERS).map(|number| {
        let store = Arc::clone(store);
        async move {
            let mut waits = Vec::new();
            let mut queue =
                Queue { assigned: officer(number).officer().cloned(), ..Queue::default() };
            while Instant::now() < until {
                let asked = Instant::now();
                let page = store.queue(&queue, A_PAGE).await?;
                waits.push(asked.elapsed());
                queue.after = page.next;
            }
            Ok::<_, Failure>(waits)
        }
    });
    let mut waits: Vec<Duration> = try_join_all(officers).await?.concat();
    waits.sort_unstable();
    row(
        "pages of the queue, 20 officers at once",
        &rate((waits.len() as u64, Duration::from_secs(words.seconds))),
    );
    show(&waits, "page of the queue");
    Ok(())
}

/// What sixty-four callers get done, each step durable before the next of that caller, and what each waits; alone, or while
/// what they leave for the ledger is taken away.
async fn steps(store: &Arc<Database>, words: &Words, is_drained: bool) -> Result<(), Failure> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(words.seconds);
    let (cases, first) = (words.cases, if is_drained { 1 << 40 } else { 0 });
    let draining = async {
        let mut lines = 0;
        while is_drained && Instant::now() < until {
            lines += drain(store).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Failure>(lines)
    };
    let callers = (0..CALLERS).map(|caller| {
        let store = Arc::clone(store);
        async move {
            let mut waits = Vec::new();
            let mut number = first + caller;
            while Instant::now() < until {
                // Each caller has cases of its own, spread over the store.
                let case = spread(number) % cases / CALLERS * CALLERS + caller;
                number += CALLERS;
                if case >= cases {
                    continue;
                }
                let run = format!("synthetic-{:05}", case / A_RUN);
                let id = LeadId::new(&run, usize::try_from(case % A_RUN + 1)?);
                let asked = Instant::now();
                take(&store, &id, |case| next_step(case, number)).await?;
                waits.push(asked.elapsed());
            }
            Ok::<_, Failure>(waits)
        }
    });
    let (waits, lines) = futures_util::future::try_join(try_join_all(callers), draining).await?;
    let taken = begun.elapsed();
    let mut waits: Vec<Duration> = waits.concat();
    waits.sort_unstable();
    let (name, one) = if is_drained {
        row("lines taken out of the outbox beside the steps", &rate((lines, taken)));
        ("the same, the outbox drained beside them", "step, drained")
    } else {
        ("steps with two entries, read, taken and durable, 64 callers", "step")
    };
    row(name, &rate((waits.len() as u64, taken)));
    show(&waits, one);
    Ok(())
}

fn show(sorted: &[Duration], what: &str) {
    for (name, permille) in [("median", 500), ("99th of a hundred", 990)] {
        if let Some(wait) = sorted.get(sorted.len() * permille / 1000) {
            row(&format!("{what}, {name}"), &format!("{:.1} ms", wait.as_secs_f64() * 1000.0));
        }
    }
}

/// The most memory the process ever had, in KiB.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
