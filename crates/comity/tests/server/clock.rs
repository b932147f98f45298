//! The clock is set back while the node runs: nothing moves back, nothing that is due comes early or is left out, and it is
//! said.

use super::place::{Place, with_leads};
use agreement::{OfficerId, PartyId};
use casework::store::accounts::Role;
use casework::{CaseStore as _, CorrectionOrder, Queue, Step, Store as _};
use comity::clock::Clock;
use comity::desk::{Acted, Officer};
use http::StatusCode;
use ledger::Verifier;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

const DAY: i64 = 86_400;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn says(&self, what: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(what).count()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_moves_nothing_back_and_nothing_due_is_early_or_left_out() {
    let kept = Kept::default();
    let to = kept.clone();
    let lines = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
    let _guard = tracing::subscriber::set_default(lines);
    let (clock, hands) = Clock::by_hand("2027-01-04T09:00:00Z".parse().unwrap());
    let place = Place::by(clock).await;
    let corrected = with_leads(&place.app).await;
    place.officer("reviewer-1", &[Role::Reviewer]).await;
    let key = place.key("reviewer-1").await;
    let store = place.app.desk().store();
    let open = store.queue(&Queue::default(), 100).await.unwrap().lines;
    let judged = |number: usize| {
        let path = format!("/api/v1/cases/{}/steps", open[number].id);
        let step = r#"{"version":0,"step":{"step":"review","with":{"judgement":"same","reason":"name and birth","expires":null}}}"#;
        let (place, key) = (&place, &key);
        async move { place.program(key, "POST", &path, Some(step)).await }
    };
    let health = async || {
        let answer = place.program(&key, "GET", "/health", None).await;
        (answer.status, answer.json()["clock"].as_str().unwrap().to_owned())
    };
    let last_second = async || store.last_second().await.unwrap().unwrap();

    // A correction is tried, and is due again in five minutes.
    let source = place.app.program().source().unwrap().0.to_string();
    let order = Step::Correct(CorrectionOrder {
        words: "the wages were of another person".to_owned(),
        recipients: BTreeSet::from([PartyId::new(&source).unwrap()]),
        splits: false,
        language: "en".to_owned(),
    });
    let roles = BTreeSet::from([Role::PrivacyOfficer]);
    let officer = Officer { id: OfficerId::new("privacy-1").unwrap(), roles };
    let acted = place.app.desk().act(&officer, &corrected, 0, order).await.unwrap();
    assert!(matches!(acted, Acted::Done(..)), "{acted:?}");
    let tried = async || {
        place.app.chase_once().await.unwrap();
        store.corrections_of(&corrected).await.unwrap().remove(0).delivery.attempts
    };
    assert_eq!(tried().await, 1);
    assert_eq!(judged(1).await.status, StatusCode::OK);
    assert_eq!(health().await, (StatusCode::OK, "well".to_owned()));
    let before = last_second().await;

    hands.turn(-DAY);
    assert_eq!(health().await, (StatusCode::SERVICE_UNAVAILABLE, "ill".to_owned()));
    assert_eq!(judged(2).await.status, StatusCode::OK, "who works goes on");
    assert_eq!(tried().await, 1, "not early");
    assert!(last_second().await >= before);
    hands.wait(299);
    assert_eq!(tried().await, 1, "not early");
    hands.wait(1);
    assert_eq!(tried().await, 2, "and not a day late");
    assert_eq!(judged(3).await.status, StatusCode::OK);
    assert_eq!(last_second().await, before + 300, "time has gone on");
    assert_eq!(kept.says("the clock was set back"), 1, "it is said once");

    // Set right, it is followed again.
    hands.turn(DAY);
    assert_eq!(health().await, (StatusCode::OK, "well".to_owned()));
    hands.wait(60);
    assert_eq!(judged(4).await.status, StatusCode::OK);
    assert_eq!(last_second().await, before + 360);
    assert_eq!(kept.says("the clock is right again"), 1);

    // What the ledger holds is in order, each entry no earlier than the one before.
    let mut node = place.app.node().await;
    node.drain().await.unwrap();
    drop(node);
    let places = comity::server::places(place.app.config());
    let text = std::fs::read_to_string(places.ledger_key()).unwrap();
    let mut times = Vec::new();
    let files = ledger::Directory::new(places.ledger());
    let key = Verifier::parse(text.trim()).unwrap();
    let outcome = ledger::audit(&files, &key, &[], |_, entry| times.push(entry.at())).unwrap();
    assert!(matches!(outcome, ledger::Outcome::Sound(_)), "{outcome:?}");
    assert!(times.len() > 10 && times.is_sorted(), "{times:?}");
}
