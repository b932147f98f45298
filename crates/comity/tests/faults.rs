//! A node at work while its world fails: the database goes and comes back, the disk is full for a while, the clock is set
//! back. Each is answered clearly, nothing that was answered with success is lost, and the node recovers by itself. And a
//! node that is told to stop: what was begun is finished, and its log names nobody.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

mod command;
// The ledger's tests have the same throw-away server, and are alone in crashing it.
#[expect(dead_code, reason = "no test here crashes the server")]
#[path = "../../ledger/tests/ledger/server.rs"]
mod server;

use command::{Desk, NOW};
use serde_json::{Value, json};
use server::Server;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A node that is served by a process of its own, until it is dropped.
struct Served {
    child: Child,
    address: String,
    key: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program with leads, its node's settings, and a key that reviews.
fn prepared(store: Option<&str>) -> (Desk, String) {
    let desk = Desk::small();
    let at = store.map(|url| format!(" --store {url}")).unwrap_or_default();
    desk.call(&format!("run benefits --cycle 2027Q1{at}")).well();
    let store = store.map(|url| format!("store = \"{url}\"\n")).unwrap_or_default();
    let settings = "[listen]\naddress = \"127.0.0.1:0\"\n\n[limits]\nrequests_a_minute = 1000000\n";
    desk.write("node.toml", format!("program = \"benefits\"\n{store}\n{settings}"));
    desk.call("account add reviewer --name Reviewer --role reviewer --system").well();
    let key = desk.call("account key reviewer --json").well().json();
    (desk, key["key"].as_str().unwrap().to_owned())
}

fn serve(desk: &Desk, key: &str) -> Served {
    // A file that may grow no further is then an error, and not the end of the process.
    let script = format!("trap '' XFSZ; exec \"$0\" --now {NOW} serve --config node.toml");
    let mut child = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_comity")])
        .current_dir(desk.path("."))
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(desk.path("log")).unwrap())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let (_, address) = line.trim().split_once("http://").unwrap_or_else(|| panic!("{line}"));
    Served { child, address: address.to_owned(), key: key.to_owned() }
}

impl Served {
    /// Calls the interface: status, and the body as JSON.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn first_case(&self) -> String {
        let (status, said) = self.call("GET", "/api/v1/program", None);
        assert_eq!(status, 200, "{said}");
        "2027Q1-0001".to_owned()
    }

    /// Lists a case under a county whose name is that long: a step that takes room.
    fn step(&self, case: &str, version: u64, long: usize) -> (u16, Value) {
        let step = json!({ "step": "assign", "with": { "county": "x".repeat(long) } });
        let body = json!({ "version": version, "step": step });
        self.call("POST", &format!("/api/v1/cases/{case}/steps"), Some(&body))
    }

    /// Waits until a step is taken again, and returns the version after it. Whether the step that failed was taken is
    /// seen by its version: it is either one further or not.
    fn recovers(&self, case: &str, version: u64) -> u64 {
        for _ in 0..200 {
            for next in [version, version + 1] {
                if let (200, stands) = self.step(case, next, 5) {
                    assert_eq!(stands["version"], next + 1);
                    return next + 1;
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("it did not recover within 20 seconds")
    }

    /// Tells it to stop, as whoever supervises it would.
    fn tell_to_stop(&self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
    }

    /// Stops it, and waits for its end.
    fn stop(mut self) {
        self.tell_to_stop();
        self.child.wait().unwrap();
    }
}

/// Held against the ledger and the store: nothing that was answered with success is missing.
fn nothing_is_lost(desk: &Desk, key: &str, case: &str, version: u64) {
    let served = serve(desk, key);
    let (status, shown) = served.call("GET", &format!("/api/v1/cases/{case}"), None);
    assert_eq!((status, &shown["version"]), (200, &json!(version)), "{shown}");
    served.stop();
    let audited = desk.call("audit benefits/work");
    assert_eq!(audited.code, 0, "{}{}", audited.out, audited.err);
}

fn is_unavailable(status: u16, said: &Value) -> bool {
    // A problem that says what is the matter, or the gate's refusal where the ledger cannot be written (F9).
    (status == 503 && said["detail"].as_str().is_some_and(|detail| !detail.is_empty()))
        || (status == 403 && said["reasons"].to_string().contains("F9"))
}

#[test]
fn a_node_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let (desk, key) = prepared(None);
    let served = serve(&desk, &key);
    let case = served.first_case();
    let mut version = 0;
    for _ in 0..5 {
        let (status, stands) = served.step(&case, version, 5);
        assert_eq!(status, 200, "{stands}");
        version += 1;
    }
    // No file grows beyond what the largest is now and a little more.
    let pid = served.child.id().to_string();
    let limit = |to: &str| {
        let set = Command::new("prlimit").args(["--pid", &pid, to]).status().unwrap();
        assert!(set.success());
    };
    let largest = ["casework.sqlite", "casework.sqlite-wal"].map(|name| {
        std::fs::metadata(desk.path("benefits/work").join(name)).map_or(0, |file| file.len())
    });
    limit(&format!("--fsize={}:", largest.into_iter().max().unwrap() + 300_000));
    let mut refused = None;
    for _ in 0..400 {
        let (status, said) = served.step(&case, version, 20_000);
        if status != 200 {
            refused = Some((status, said));
            break;
        }
        version += 1;
    }
    let (status, said) = refused.unwrap_or_else(|| panic!("the disk was never full"));
    assert!(is_unavailable(status, &said), "{status} {said}");
    let (health, _) = served.call("GET", "/health", None);
    assert!([200, 503].contains(&health), "it answers whoever asks how it is");
    limit("--fsize=unlimited:");
    let version = served.recovers(&case, version);
    served.stop();
    nothing_is_lost(&desk, &key, &case, version);
}

#[test]
fn a_node_whose_database_is_gone_says_so_and_goes_on_when_it_is_back() {
    let mut database = Server::start();
    let parameters = database.parameters();
    let host =
        parameters.split(' ').find_map(|part| part.strip_prefix("host=")).unwrap().to_owned();
    let url = format!("postgres://comity@localhost/postgres?host={host}");
    let (desk, key) = prepared(Some(&url));
    let served = serve(&desk, &key);
    let case = served.first_case();
    let mut version = 0;
    for _ in 0..5 {
        let (status, stands) = served.step(&case, version, 5);
        assert_eq!(status, 200, "{stands}");
        version += 1;
    }
    database.stop();
    let (status, said) = served.step(&case, version, 5);
    assert!(is_unavailable(status, &said), "{status} {said}");
    let (health, _) = served.call("GET", "/health", None);
    assert_eq!(health, 503);
    database.start_again();
    let version = served.recovers(&case, version);
    let (health, said) = served.call("GET", "/health", None);
    assert_eq!(health, 200, "{said}");
    served.stop();
    nothing_is_lost(&desk, &key, &case, version);
}

#[test]
fn a_node_whose_clock_was_set_back_is_not_served_and_says_what_to_do() {
    let (desk, key) = prepared(None);
    let served = serve(&desk, &key);
    let case = served.first_case();
    let (status, stands) = served.step(&case, 0, 5);
    assert_eq!(status, 200, "{stands}");
    served.stop();
    let early = desk.call_at("2027-03-01T09:00:00Z", "serve --config node.toml");
    assert_ne!(early.code, 0);
    assert!(early.err.contains("clock"), "{}", early.err);
    // Set right again, it goes on.
    nothing_is_lost(&desk, &key, &case, 1);
}

#[test]
fn a_node_that_is_told_to_stop_finishes_what_was_begun_and_its_log_names_nobody() {
    let (desk, key) = prepared(None);
    let mut served = serve(&desk, &key);
    let case = served.first_case();
    let (status, shown) = served.call("GET", &format!("/api/v1/cases/{case}"), None);
    assert_eq!(status, 200, "{shown}");

    // A step whose body is on its way: the node has read its head, and asks for the rest.
    let step = json!({ "step": "assign", "with": { "county": "Nowhere Valley" } });
    let body = json!({ "version": 0, "step": step }).to_string();
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(
        stream,
        "POST /api/v1/cases/{case}/steps HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        served.address,
        body.len()
    )
    .unwrap();
    let mut said = [0; 25];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(said, *b"HTTP/1.1 100 Continue\r\n\r\n");
    served.tell_to_stop();
    let is_closed = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(50));
        TcpStream::connect(&served.address).is_err()
    });
    assert!(is_closed, "nobody else is let in");
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(served.child.wait().unwrap().success(), "it ends in good order");
    drop(served);

    let log = std::fs::read_to_string(desk.path("log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let routes: Vec<_> = lines.iter().filter_map(|line| line["route"].as_str()).collect();
    for route in ["/api/v1/cases/{id}", "/api/v1/cases/{id}/steps"] {
        assert!(routes.contains(&route), "{log}");
    }
    let returned = shown["returned"].as_object().unwrap().values();
    let returned = returned.map(|value| value.as_str().unwrap().to_owned());
    // A short one, such as a number of hours, may stand in any line by chance.
    let mut secret: Vec<String> = returned.filter(|value| value.len() > 4).collect();
    assert!(!secret.is_empty(), "{shown}");
    secret.extend([case.clone(), key.clone(), "Nowhere Valley".to_owned(), "reviewer".to_owned()]);
    for value in secret {
        assert!(!log.contains(&value), "the log says `{value}`: {log}");
    }
    nothing_is_lost(&desk, &key, &case, 1);
}
