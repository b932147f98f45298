//! How long it takes until nothing leaves any more: a stay is recorded over HTTP while a run releases chunk after chunk
//! (floor F8). What must hold is asserted; how long it took is printed.

use super::place::{AtPoint, Place, at};
use agreement::CycleId;
use axum::body::Body;
use casework::Store as _;
use casework::store::accounts::Role;
use comity::clock::{Clock, Stopwatch};
use comity::run::{Outcome, Point, run};
use comity::server::{App, Config};
use http::{Request, StatusCode};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tower::ServiceExt as _;

/// Posts a stay of everything, and returns how long its answer took and how many chunks were out by then.
async fn stay(app: &App, key: &str) -> (f64, usize) {
    let request = Request::post("/api/v1/stays")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Body::from(r#"{"order":"27-cv-1","authority":"Example Court"}"#))
        .unwrap();
    let mut stopwatch = Stopwatch::start();
    let response = app.router().oneshot(request).await.unwrap();
    stopwatch.lap("stay");
    assert_eq!(response.status(), StatusCode::CREATED);
    let out = app.store().register("2027Q1").await.unwrap().len();
    (stopwatch.laps()[0].1, out)
}

#[test]
fn nothing_leaves_after_the_answer_to_a_stay_that_comes_over_http_in_the_middle_of_an_export() {
    let place = Place::with_pilot(1_000);
    let mut config = Config::of_program(&place.folder);
    config.work = Some(place.out.clone());
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let (app, key) = runtime.block_on(async {
        let app = App::open(config, Clock::fixed(at(0))).await.unwrap();
        let roles = BTreeSet::from([Role::PrivacyOfficer]);
        app.door().add("privacy", "privacy", None, None, &roles, at(0)).await.unwrap();
        let key = app.door().new_key("privacy", 1, at(0)).await.unwrap();
        (app, key)
    });
    let answered = Arc::new(AtomicBool::new(false));
    let handle = runtime.handle().clone();
    let (mut stayed, mut begun) = (None, false);
    let outcome = {
        let mut watch = AtPoint::new(|point, _| {
            if point == Point::Released && !begun {
                begun = true;
                let (app, key, answered) = (app.clone(), key.clone(), Arc::clone(&answered));
                let handle = handle.clone();
                stayed = Some(std::thread::spawn(move || {
                    let came = handle.block_on(stay(&app, &key));
                    answered.store(true, Ordering::SeqCst);
                    came
                }));
            }
            // The export goes on meanwhile, at a pace at which the stay comes in its middle.
            for _ in 0..200 {
                if !begun || answered.load(Ordering::SeqCst) || point != Point::Released {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        runtime.block_on(async {
            let mut node = app.node().await;
            let cycle = CycleId::new("2027Q1").unwrap();
            Box::pin(run(app.program(), &mut node, &cycle, &mut watch)).await.unwrap()
        })
    };
    let came = stayed.expect("a chunk was released").join().unwrap();
    let (seconds, out) = came;
    assert!(matches!(outcome, Outcome::Withheld(_)), "{outcome:?}");
    let after = runtime.block_on(app.store().register("2027Q1")).unwrap().len();
    assert_eq!(out, after, "nothing left after the answer");
    println!(
        "time to silence: {:.1} ms from the stay's request to its answer, {out} chunks out",
        seconds * 1000.0
    );
}
