//! Traces, with a collector of our own on this machine: a request comes there as a span, and nothing of anybody with it.

use super::place::{Place, with_leads};
use casework::Store as _;
use comity::server::Config;
use comity::server::config::Traces as Settings;
use comity::server::traces::Traces;
use http::StatusCode;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use tracing_subscriber::layer::SubscriberExt as _;

/// What a collector was sent.
#[derive(Clone, Default)]
struct Sent {
    heads: Arc<Mutex<String>>,
    bodies: Arc<Mutex<Vec<u8>>>,
}

impl Sent {
    fn says(&self, text: &str) -> bool {
        let bodies = self.bodies.lock().unwrap();
        bodies.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Begins a collector, which ends with the test.
fn collector() -> (String, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sent = Sent::default();
    let kept = sent.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(said) = line.to_lowercase().strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head += &line;
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            kept.heads.lock().unwrap().push_str(&head);
            kept.bodies.lock().unwrap().extend(body);
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, sent)
}

fn settings(address: &str) -> Config {
    let mut config = Config::of_program("nowhere");
    config.traces = Some(Settings { address: address.to_owned(), authorities: None });
    config
}

#[tokio::test]
async fn a_request_reaches_the_collector_as_a_span_and_nothing_of_anybody_does() {
    let place = Place::new().await;
    let id = with_leads(&place.app).await;
    place.everybody().await;
    let mut reviewer = place.browser("reviewer").await;
    let (address, sent) = collector();
    let traces = Traces::begin(&settings(&address)).unwrap().unwrap();
    {
        let gathered = tracing_subscriber::registry().with(traces.layer());
        let _guard = tracing::subscriber::set_default(gathered);
        let page = place.get(&mut reviewer, &format!("/cases/{id}/review")).await;
        assert_eq!(page.status, StatusCode::OK);
        let missing = place.get(&mut reviewer, "/cases?county=Nowhere&stage=nothing").await;
        assert!(missing.status.is_client_error() || missing.status.is_success());
        assert_eq!(place.get(&mut reviewer, "/stays/new").await.status, StatusCode::FORBIDDEN);
        assert_eq!(place.get(&mut reviewer, "/no/such/page").await.status, StatusCode::NOT_FOUND);
    }
    traces.end().await;

    let head = sent.heads.lock().unwrap().clone();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains("application/x-protobuf"), "{head}");
    for said in ["comity", "request", "GET", "method", "status", "/cases/{id}/review", "/stays/new"]
    {
        assert!(sent.says(said), "a span says `{said}`");
    }
    let lead = place.app.desk().store().lead(&id).await.unwrap();
    let mut personal = vec![
        id.to_string(),
        lead.found.case_id.clone(),
        "reviewer".to_owned(),
        "Nowhere".to_owned(),
        "no/such/page".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    personal.extend(lead.returned.unwrap().into_values());
    personal.extend(reviewer.cookies.values().cloned());
    for value in personal {
        assert!(!sent.says(&value), "no span says `{value}`");
    }
}

#[tokio::test]
async fn nothing_is_sent_unencrypted_to_another_machine() {
    for address in ["http://collector.example.gov:4318", "https://collector.example.gov", "4318"] {
        assert!(Traces::begin(&settings(address)).is_err(), "{address}");
    }
    assert!(Traces::begin(&Config::of_program("nowhere")).unwrap().is_none());
}
