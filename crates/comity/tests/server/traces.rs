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
        self.has(text.as_bytes())
    }

    fn has(&self, bytes: &[u8]) -> bool {
        let bodies = self.bodies.lock().unwrap();
        bodies.windows(bytes.len()).any(|window| window == bytes)
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
async fn a_request_joins_the_trace_that_whoever_sends_it_began_and_takes_nothing_else_from_them() {
    let place = Place::new().await;
    let (address, sent) = collector();
    let traces = Traces::begin(&settings(&address)).unwrap().unwrap();
    // Each with a trace of its own: version, trace, parent, flags.
    let joined = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let not_asked_for = "00-77777777777777777777777777777777-7777777777777777-00";
    let others = [
        "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-0000000000000000-01",
        "00-00000000000000000000000000000000-bbbbbbbbbbbbbbbb-01",
        "ff-cccccccccccccccccccccccccccccccc-cccccccccccccccc-01",
        "00-dddddddddddddddddddddddddddddddd-dddddddddddddddd",
        "00-EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE-EEEEEEEEEEEEEEEE-01",
        "Maria Secret",
        "",
    ];
    {
        let gathered = tracing_subscriber::registry().with(traces.layer());
        let _guard = tracing::subscriber::set_default(gathered);
        let ask = async |parents: &[&str]| {
            let mut request = http::Request::get("/health")
                .header("host", "node.example")
                .header("tracestate", "vendor=MariaSecret")
                .header("baggage", "name=MariaSecret");
            for parent in parents {
                request = request.header("traceparent", *parent);
            }
            place.call(request.body(axum::body::Body::empty()).unwrap()).await.status
        };
        assert_eq!(ask(&[joined]).await, StatusCode::OK);
        assert_eq!(ask(&[not_asked_for]).await, StatusCode::OK);
        for parent in others {
            assert_eq!(ask(&[parent]).await, StatusCode::OK, "{parent}");
        }
        let twice = "00-99999999999999999999999999999999-9999999999999999-01";
        assert_eq!(ask(&[twice, twice]).await, StatusCode::OK);
    }
    traces.end().await;
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    assert!(sent.has(&trace) && sent.has(&0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()), "joined");
    assert!(sent.has(&[0x77; 16]), "whether it is traced is ours to say");
    for byte in [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x99] {
        assert!(!sent.has(&[byte; 8]), "{byte:x} is of no trace");
    }
    assert!(!sent.says("Maria"), "what they say besides is not passed on");
}

#[tokio::test]
async fn nothing_is_sent_unencrypted_to_another_machine() {
    for address in ["http://collector.example.gov:4318", "https://collector.example.gov", "4318"] {
        assert!(Traces::begin(&settings(address)).is_err(), "{address}");
    }
    assert!(Traces::begin(&Config::of_program("nowhere")).unwrap().is_none());
}
