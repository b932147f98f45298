//! The way from the outbox to the ledger is broken off anywhere, by a caller that goes away: each line is in the ledger
//! once, and the next caller goes on.
//!
//! A request that takes too long and a server that is stopped drop what they wait for in its midst. The database then
//! may still be storing what it was told, in its own time.

use super::place::{Place, at};
use casework::Store as _;
use comity::event::Event;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Goes away from something at the so manieth time that it waits: what it has told the database by then is under way.
async fn broken_off_at<T>(waits: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = waits;
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_broken_off_anywhere_writes_each_line_once_and_the_next_goes_on() {
    const LINES: usize = 400;
    let place = Place::of_the_example();
    let mut node = place.node(at(0)).await;
    let mut broken = 0;
    for line in 0..LINES {
        let event = Event::RunAbandoned { run: format!("run-{line}"), why: "of a test".to_owned() };
        node.store.note(&node.drafts(vec![event])).await.unwrap();
        broken += usize::from(broken_off_at(line % 12, node.drain()).await.is_none());
        node.drain().await.unwrap_or_else(|error| panic!("after line {line}: {error}"));
    }
    assert!(broken > LINES / 4, "only {broken} were broken off");
    drop(node);
    let runs: Vec<_> = place
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::RunAbandoned { run, .. } => Some(run),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = (0..LINES).map(|line| format!("run-{line}")).collect();
    assert_eq!(runs, expected, "each once and in order");
}
