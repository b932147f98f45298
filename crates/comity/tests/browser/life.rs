//! A case from lead to action, and one that is contested and won, on a node whose time is moved on between the scenes.

use super::play;
use casework::store::accounts::Role;
use casework::store::cases::Queue;
use casework::{CaseStore as _, LeadId};
use comity::clock::Clock;
use comity::run::{Outcome, Step, Watch, run};
use comity::server::config::Peer;
use comity::server::{App, Config};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

struct Nobody;

impl Watch for Nobody {
    fn said(&mut self, _: &Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
}

/// Two nodes on this machine, which know each other.
struct Nodes {
    folder: tempfile::TempDir,
    recipient: Node,
    source: Node,
}

/// A node as it is set up.
struct Node {
    party: String,
    key: String,
    port: u16,
}

pub(crate) fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits")
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

pub(crate) async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

impl Nodes {
    async fn new() -> Nodes {
        let folder = tempfile::tempdir().unwrap();
        let node = async |party: &str| {
            let mut config = Config::of_program(example());
            config.work = Some(folder.path().join(party));
            config.party = Some(party.to_owned());
            let app = App::open(config, at("2027-01-04")).await.unwrap();
            let names = (
                app.program().source().unwrap().0.to_string(),
                app.program().recipient().unwrap().0.to_string(),
            );
            (app.message_public_key(), names)
        };
        let (source_key, names) = node("payroll-administration").await;
        assert_eq!(names.0, "payroll-administration", "the example's source");
        // A demonstration is signed with keys of its own: both nodes file the same one.
        let demonstration = |party: &str| folder.path().join(party).join("demonstration");
        copied(&demonstration("payroll-administration"), &demonstration(&names.1));
        let (recipient_key, _) = node(&names.1).await;
        let recipient = Node { party: names.1, key: recipient_key, port: free_port().await };
        let source = Node { party: names.0, key: source_key, port: free_port().await };
        Nodes { folder, recipient, source }
    }

    async fn open(&self, node: &Node, day: &str) -> App {
        let other = if node.party == self.source.party { &self.recipient } else { &self.source };
        let mut config = Config::of_program(example());
        config.work = Some(self.folder.path().join(&node.party));
        config.party = Some(node.party.clone());
        config.listen.public = Some(format!("http://localhost:{}", node.port));
        // The clock of a test stands still, and so does what is counted by the minute.
        config.limits.requests_a_minute = 1_000_000;
        config.limits.sign_ins_a_minute = 1_000_000;
        let address = format!("http://localhost:{}", other.port);
        let peer = Peer { address, key: other.key.clone() };
        config.parties.insert(other.party.clone(), peer);
        App::open(config, at(day)).await.unwrap()
    }
}

pub(crate) fn at(day: &str) -> Clock {
    Clock::fixed(format!("{day}T09:00:00Z").parse().unwrap())
}

/// Serves a node while something is done.
pub(crate) async fn while_served<T>(app: &App, port: u16, work: impl Future<Output = T>) -> T {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = app.clone();
    let mut served = JoinSet::new();
    served.spawn(async move { serving.serve(listener, async { drop(stopped.await) }).await });
    let done = work.await;
    stop.send(()).unwrap();
    served.join_next().await.unwrap().unwrap().unwrap();
    done
}

const CAST: [(&str, Role); 5] = [
    ("reviewer", Role::Reviewer),
    ("verifier", Role::Verifier),
    ("second", Role::Verifier),
    ("notices", Role::NoticeOfficer),
    ("privacy", Role::PrivacyOfficer),
];

/// Plays a scene about a case, with a new link for each officer.
async fn scene(app: &App, port: u16, name: &str, id: &LeadId, more: Value) -> Value {
    let mut links = BTreeMap::new();
    for (officer, _) in CAST {
        links.insert(officer, app.door().once_link(officer, app.now()).await.unwrap());
    }
    let mut told = json!({
        "base": format!("http://localhost:{port}"),
        "part": name,
        "id": id.as_str(),
        "links": links,
        "days": { "from": "2026-08-01", "to": "2026-08-31", "seen": "2027-01-03" },
    });
    told.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    tokio::task::spawn_blocking(move || play("life", &told)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_lives_from_lead_to_action_and_whoever_contests_and_wins_is_put_right_everywhere() {
    let nodes = Nodes::new().await;
    let (port, recipient) = (nodes.recipient.port, &nodes.recipient);

    let app = nodes.open(recipient, "2027-01-04").await;
    for (officer, role) in CAST {
        app.door().add(officer, officer, None, None, &[role].into(), app.now()).await.unwrap();
    }
    let cycle = app.program().schedule.cycles.first().unwrap().id.clone();
    let outcome =
        Box::pin(run(app.program(), &mut *app.node().await, &cycle, &mut Nobody)).await.unwrap();
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let lines = app.store().queue(&Queue::default(), 2).await.unwrap().lines;
    let (silent, contested) = (lines[0].id.clone(), lines[1].id.clone());
    while_served(&app, port, scene(&app, port, "letter", &silent, json!({}))).await;
    drop(app);

    // Fifty days after the letter nobody has answered: action may be taken. Another letter goes out.
    let app = nodes.open(recipient, "2027-02-23").await;
    let code = Box::pin(while_served(&app, port, async {
        let days = json!({ "days": { "from": "2027-03-01" } });
        scene(&app, port, "action", &silent, days).await;
        scene(&app, port, "letter", &contested, json!({})).await["code"].clone()
    }))
    .await;
    drop(app);

    // Ten days later the person answers, and wins. The correction reaches the source's node.
    let (app, source) =
        (nodes.open(recipient, "2027-03-05").await, nodes.open(&nodes.source, "2027-03-05").await);
    let next = Box::pin(while_served(&app, port, async {
        let next = scene(&app, port, "contest", &contested, json!({ "code": code })).await;
        scene(&app, port, "decide", &contested, json!({})).await;
        let acknowledged =
            while_served(&source, nodes.source.port, async { app.chase_once().await.unwrap() });
        assert_eq!(Box::pin(acknowledged).await, 1);
        let next = json!({ "next": next["next"] });
        scene(&app, port, "corrected", &contested, next.clone()).await;
        next
    }))
    .await;
    assert!(next["next"].is_string());
    let came = comity::server::correction::came(&source).await.unwrap();
    assert_eq!(came.len(), 1);
    assert_eq!(came[0].correction.words, "The job ended in June.");
}
