//! What the server counts, in the form that Prometheus reads: how much, how long, how it ended. No label names a person,
//! an officer or a case: paths are the router's own, with their placeholders.
//!
//! Format: [OpenMetrics](https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md).

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: &'static str,
    status: u16,
}

/// Which of a few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Bounds of durations, in seconds; a page has 50 ms.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// What the server counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Histogram,
    sign_ins: Family<Outcome, Counter>,
    refusals: Counter,
    entries: Counter,
    waiting: Gauge,
    sessions: Gauge,
    corrections: Family<Outcome, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("comity");
        let requests = Family::default();
        let seconds = Histogram::new(SECONDS);
        let sign_ins = Family::default();
        let refusals = Counter::default();
        let entries = Counter::default();
        let waiting = Gauge::default();
        let sessions = Gauge::default();
        let corrections = Family::default();
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "How long answers took",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("sign_ins", "Attempts to sign in", sign_ins.clone());
        registry.register("refusals", "Refusals of the gate", refusals.clone());
        registry.register("ledger_entries", "Lines brought to the ledger", entries.clone());
        registry.register("outbox_waiting", "Lines that wait for the ledger", waiting.clone());
        registry.register("sessions", "Sessions in use", sessions.clone());
        registry.register("corrections", "Corrections sent or received", corrections.clone());
        Metrics {
            registry,
            requests,
            seconds,
            sign_ins,
            refusals,
            entries,
            waiting,
            sessions,
            corrections,
        }
    }

    pub(crate) fn answered(
        &self,
        method: &'static str,
        route: &'static str,
        status: u16,
        seconds: f64,
    ) {
        self.requests.get_or_create(&Answered { method, route, status }).inc();
        self.seconds.observe(seconds);
    }

    pub(crate) fn signed_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn refused(&self) {
        self.refusals.inc();
    }

    pub(crate) fn drained(&self, lines: u64, waiting: i64) {
        self.entries.inc_by(lines);
        self.waiting.set(waiting);
    }

    pub(crate) fn sessions(&self, count: u64) {
        self.sessions.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn correction(&self, outcome: &'static str) {
        self.corrections.get_or_create(&Outcome { outcome }).inc();
    }

    /// Writes all of it.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
