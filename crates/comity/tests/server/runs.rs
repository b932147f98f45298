//! The program is run from the console: by an operator, as an errand, under the gate that `comity run` asks.

use super::corrections::copy;
use super::place::{Browser, Place, example, location, with_leads};
use casework::store::accounts::Role;
use casework::{CaseStage, CaseStore as _, Queue, Stage, Store as _};
use comity::clock::Clock;
use comity::witness::serve;
use http::StatusCode;
use ledger::{Cosigner, Disk, Name, Verifier, Witness};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Waits until an errand has ended, and returns its page.
async fn ended(place: &Place, browser: &mut Browser, errand: &str) -> String {
    for _ in 0..1200 {
        let page = place.get(browser, errand).await.body;
        if !page.contains("data-progress") {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the errand does not end");
}

#[tokio::test]
async fn an_operator_runs_the_program_from_the_console_and_nobody_else_does() {
    let place = Place::new().await;
    place.everybody().await;
    let cycle = place.app.program().schedule.cycles[0].id.to_string();
    let mut reviewer = place.browser("reviewer").await;
    let page = place.get(&mut reviewer, "/program").await;
    assert!(!page.body.contains("/program/run"), "what would be refused is not shown");
    let fields = [("csrf", &*page.csrf()), ("cycle", &cycle)];
    let refused = place.post(&mut reviewer, "/program/run", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);

    let mut operator = place.browser("operator").await;
    let page = place.get(&mut operator, "/program").await;
    assert!(page.body.contains("Run the program"), "{}", page.body);
    let csrf = page.csrf();
    let wrong = [("csrf", &*csrf), ("cycle", "1999Q1")];
    let unknown = place.post(&mut operator, "/program/run", &wrong).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.body.contains("Choose a cycle"), "{}", unknown.body);
    let begun =
        place.post(&mut operator, "/program/run", &[("csrf", &csrf), ("cycle", &cycle)]).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let errand = location(&begun).to_owned();
    let said = ended(&place, &mut operator, &errand).await;
    assert!(said.contains("The program was run"), "{said}");
    let counts = place.app.desk().store().counts().await.unwrap();
    assert!(counts.standing[&CaseStage::Lead] > 0, "leads are open");
    let dashboard = place.get(&mut operator, "/program").await;
    assert!(dashboard.body.contains("finished"), "{}", dashboard.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_told_to_stop_in_the_console_has_let_nothing_out_and_is_gone_on_with() {
    let place = Place::new().await;
    place.everybody().await;
    let cycle = place.app.program().schedule.cycles[0].id.to_string();
    let mut operator = place.browser("operator").await;
    let csrf = place.get(&mut operator, "/program").await.csrf();
    // The run waits for the node, which a test has.
    let node = place.app.node().await;
    let fields = [("csrf", &*csrf), ("cycle", &*cycle)];
    let begun = place.post(&mut operator, "/program/run", &fields).await;
    let errand = location(&begun).to_owned();
    let again = place.post(&mut operator, "/program/run", &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "one at a time: {}", again.body);
    let mut other = place.browser("notice_officer").await;
    let theirs = place.get(&mut other, "/work-lists").await.csrf();
    let cancel = format!("{errand}/cancel");
    let refused = place.post(&mut other, &cancel, &[("csrf", &theirs)]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "its owner's alone");
    let told = place.post(&mut operator, &cancel, &[("csrf", &csrf)]).await;
    assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.body);
    drop(node);
    let said = ended(&place, &mut operator, &errand).await;
    assert!(said.contains("Cancelled") && said.contains("goes on where it stopped"), "{said}");
    let store = place.app.desk().store();
    assert!(store.leads(None).await.unwrap().is_empty(), "nothing is planned");

    let begun = place.post(&mut operator, "/program/run", &fields).await;
    let said = ended(&place, &mut operator, location(&begun)).await;
    assert!(said.contains("The program was run"), "{said}");
    assert!(store.counts().await.unwrap().standing[&CaseStage::Lead] > 0, "leads are open");
}

/// Serves a witness of a place's ledger on a thread of its own, until it is told to stop.
fn witness(
    place: &Place,
    key: Cosigner,
    listener: TcpListener,
) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let log = std::fs::read_to_string(place.folder.path().join("work/ledger.vkey")).unwrap();
    let log = Verifier::parse(log.trim()).unwrap();
    let memory = place.folder.path().join("witness");
    let now = place.now();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let witness = Witness::new(Disk::create(memory).unwrap(), key, vec![log]);
            let stop = async { stopped.await.unwrap_or(()) };
            serve(listener, None, witness, Clock::fixed(now), stop).await.unwrap();
        });
    });
    (stop, serving)
}

/// Adds to a file of a program.
fn add(program: &Path, file: &str, more: &str) {
    let path = program.join(file);
    let text = std::fs::read_to_string(&path).unwrap() + more;
    std::fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_told_to_stop_between_two_chunks_has_let_out_the_first_and_goes_on_with_the_rest()
 {
    // Its releases wait for a witness, so that it is known where the run is when it is told to stop: the first chunk is
    // recorded and not yet out.
    let program = tempfile::tempdir().unwrap();
    copy(&example(), program.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let key = Cosigner::from_random(Name::new("w.example").unwrap(), [91; 32]);
    let terms = format!(
        "\n[witnesses]\nquorum = 1\nwithin_seconds = 60\n\n[[witnesses.members]]\nid = \"w\"\nkey = \"{}\"\n",
        key.verifier()
    );
    let address = listener.local_addr().unwrap();
    let reached = format!("\n[[witnesses]]\nid = \"w\"\naddress = \"http://{address}\"\n");
    add(program.path(), "agreement.toml", &terms);
    add(program.path(), "schedule.toml", &reached);
    let agreement = program.path().join("agreement.toml");
    let text = std::fs::read_to_string(&agreement).unwrap();
    assert!(text.contains("sample = 40"));
    std::fs::write(&agreement, text.replace("sample = 40", "sample = 1000")).unwrap();

    let place = Place::with(|config| config.program = program.path().to_owned()).await;
    place.everybody().await;
    let cycle = place.app.program().schedule.cycles[0].id.to_string();
    let mut operator = place.browser("operator").await;
    let csrf = place.get(&mut operator, "/program").await.csrf();
    let fields = [("csrf", &*csrf), ("cycle", &*cycle)];
    let begun = place.post(&mut operator, "/program/run", &fields).await;
    let errand = location(&begun).to_owned();
    // The run asks the witness, who does not answer yet.
    let asked = tokio::task::spawn_blocking(move || listener.accept().map(|_| listener));
    let listener = asked.await.unwrap().unwrap();
    let told = place.post(&mut operator, &format!("{errand}/cancel"), &[("csrf", &csrf)]).await;
    assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.body);
    let (stop, serving) = witness(&place, key, listener);
    let said = ended(&place, &mut operator, &errand).await;
    assert!(said.contains("Cancelled") && said.contains("goes on where it stopped"), "{said}");
    let store = place.app.desk().store();
    let at = async |stage| {
        let leads = store.leads(None).await.unwrap();
        leads.iter().filter(|lead| lead.stage == stage).count()
    };
    assert_eq!(at(Stage::Open).await, 50, "the chunk that was recorded is out");
    let rest = at(Stage::Planned).await;
    assert!(rest > 0, "the others wait");
    assert_eq!(store.register(&cycle).await.unwrap().len(), 1);

    let begun = place.post(&mut operator, "/program/run", &fields).await;
    let said = ended(&place, &mut operator, location(&begun)).await;
    assert!(said.contains("The program was run"), "{said}");
    assert_eq!((at(Stage::Open).await, at(Stage::Planned).await), (50 + rest, 0));
    drop(stop);
    serving.join().unwrap();
}

/// Gives the people of a caseload's file postcodes anew, and returns them: half of them one, the others one of sixteen.
fn with_postcodes(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let place = head.iter().position(|name| name == "postcode").unwrap();
    let (mut written, mut postcodes) = (head.join(","), Vec::new());
    for (number, mut line) in lines.enumerate() {
        let other = char::from(b'A' + u8::try_from(number / 2 % 16).unwrap());
        let region = if number % 2 == 0 { "EM".to_owned() } else { format!("{other}Q") };
        line[place] = format!("{region}1 1AA");
        postcodes.push(line[place].clone());
        written = format!("{written}\n{}", line.join(","));
    }
    std::fs::write(file, written + "\n").unwrap();
    postcodes
}

#[tokio::test]
async fn the_dashboard_shows_how_often_leads_were_wrong_by_the_groups_of_the_agreement() {
    let program = tempfile::tempdir().unwrap();
    copy(&example(), program.path());
    let postcodes = with_postcodes(&program.path().join("caseload.csv"));
    let place = Place::with(|config| config.program = program.path().to_owned()).await;
    with_leads(&place.app).await;
    place.officer("reviewer-1", &[Role::Reviewer]).await;
    let key = place.key("reviewer-1").await;
    let store = place.app.desk().store();
    // What is judged is reckoned here from the file alone: how many of each region, and how many of them are not right.
    let mut truth: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let open = store.queue(&Queue::default(), 100).await.unwrap().lines;
    for (number, line) in open.iter().enumerate() {
        let record = store.lead(&line.id).await.unwrap().found.recipient_record;
        let region = format!("{}…", &postcodes[record as usize][..2]);
        let judgement = if number % 4 == 0 { "not-same" } else { "same" };
        let step = format!(
            r#"{{"version":0,"step":{{"step":"review","with":{{"judgement":"{judgement}","reason":"looked at both","expires":null}}}}}}"#
        );
        let path = format!("/api/v1/cases/{}/steps", line.id);
        let taken = place.program(&key, "POST", &path, Some(&step)).await;
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
        let (judged, wrong) = truth.entry(region).or_default();
        *judged += 1;
        *wrong += u64::from(judgement == "not-same");
    }
    let counts = store.group_counts().await.unwrap();
    let found: BTreeMap<String, (u64, u64)> = counts["region"]
        .iter()
        .map(|(group, outcomes)| {
            let of = |outcome: &str| outcomes.get(outcome).copied().unwrap_or(0);
            (group.clone(), (of("same") + of("not-same"), of("not-same")))
        })
        .collect();
    assert_eq!(found, truth);

    let mut reviewer = place.browser("reviewer-1").await;
    let page = place.get(&mut reviewer, "/program").await.body;
    let row = |group: &str| {
        let at = page.find(&format!("{group}<")).unwrap_or_else(|| panic!("{group} is shown"));
        page[at..].split("</tr>").next().unwrap().to_owned()
    };
    let shown = casework::subgroup::LEAST_SHOWN;
    // Which leads the pilot draws is by chance; that of forty at most nine are of one half, or ten of a thirty-second part,
    // is not to be expected.
    let of_few = truth.values().map(|(judged, _)| *judged).filter(|judged| *judged < shown);
    let (few, together) = (of_few.clone().count(), of_few.sum::<u64>());
    assert!(few + 1 == truth.len() && together >= shown, "one is of many: {truth:?}");
    for (group, (judged, wrong)) in &truth {
        if *judged < shown {
            assert!(!page.contains(&format!("{group}<")), "{group} is of few");
            continue;
        }
        let share = format!("{:.1} %", *wrong as f64 / *judged as f64 * 100.0);
        assert!(row(group).contains(&format!(">{judged}<")), "{group}: {}", row(group));
        assert!(row(group).contains(&share), "{group}: {}", row(group));
    }
    assert!(page.contains(&format!("{few} other groups")), "{page}");
}
