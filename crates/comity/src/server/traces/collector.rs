//! Spans on their way to a collector: gathered and spelled by OpenTelemetry's own libraries, carried by our own connections,
//! so that there is one way to speak TLS. What cannot be sent is dropped, and that is said; no request waits for it.

use crate::Error;
use crate::server::Config;
use crate::web::Address;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_rustls::rustls::ClientConfig;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;

/// Where a collector takes traces.
const PATH: &str = "/v1/traces";

/// The header that names the trace that a request belongs to.
const TRACE_PARENT: &str = "traceparent";

/// How much of an answer is read, in bytes.
const MOST: usize = 64 * 1024;

/// Traces that are being gathered and sent.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to send traces to the collector that the settings name, if they name one. It takes a runtime of tokio.
    ///
    /// # Errors
    /// The address is none, or not encrypted and not of this machine; or its authorities cannot be read.
    pub fn begin(config: &Config) -> Result<Option<Traces>, Error> {
        let Some(traces) = &config.traces else { return Ok(None) };
        let address = Address::parse(&traces.address)?;
        let tls = match &traces.authorities {
            Some(authorities) => Some(crate::web::without_own_certificate(authorities)?),
            None => None,
        };
        let is_safe = address.is_here() || address.is_encrypted && tls.is_some();
        if !is_safe {
            return Err(Error::Unencrypted { address: traces.address.clone() });
        }
        let endpoint = format!("{}{PATH}", traces.address.trim_end_matches('/'));
        let runtime = Handle::current();
        let carrier = Carrier { address, tls, runtime, is_failing: Arc::default() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(carrier)
            .with_endpoint(endpoint)
            .build()
            .map_err(|error| crate::web::unreachable(&traces.address, &error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            // Nothing of the machine or its environment is told.
            .with_resource(Resource::builder_empty().with_service_name("comity").build())
            // Whether a request is traced is not for whoever sends it to say.
            .with_sampler(Sampler::AlwaysOn)
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Traces { provider }))
    }

    /// Returns what spans are gathered by.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("comity"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left.
    pub async fn end(self) {
        // It waits for a thread of its own, which needs this runtime to send.
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last traces were not sent");
        }
    }
}

/// Puts a request's span into the trace that whoever sends it began ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).
/// Nothing else of theirs is taken over: what stands in `tracestate` and `baggage` is not looked at.
pub(crate) fn join(span: &tracing::Span, headers: &HeaderMap) {
    let begun = TraceContextPropagator::new().extract(&Parent(headers));
    if begun.span().span_context().is_valid() {
        // Where nobody gathers spans there is nothing to join.
        let _ = span.set_parent(begun);
    }
}

/// Of the headers of a request, the one that names its trace.
struct Parent<'a>(&'a HeaderMap);

impl Extractor for Parent<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if name != TRACE_PARENT {
            return None;
        }
        // One that comes twice names no trace.
        let mut all = self.0.get_all(name).iter();
        let only = all.next().filter(|_| all.next().is_none());
        only.and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACE_PARENT]
    }
}

/// Carries what the exporter has spelled.
struct Carrier {
    address: Address,
    tls: Option<Arc<ClientConfig>>,
    runtime: Handle,
    is_failing: Arc<AtomicBool>,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").field("address", &self.address).finish_non_exhaustive()
    }
}

impl HttpClient for Carrier {
    // As the attribute `async_trait` would spell it.
    fn send_bytes<'here, 'sent>(
        &'here self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'here: 'sent,
        Self: 'sent,
    {
        Box::pin(async move {
            let (address, tls) = (self.address.clone(), self.tls.clone());
            // The exporter waits on a thread that is none of tokio's.
            let mut sending = JoinSet::new();
            sending.spawn_on(
                async move {
                    let (mut head, body) = request.into_parts();
                    head.uri = format!("{}{PATH}", address.path).parse()?;
                    let request = Request::from_parts(head, Full::new(body));
                    let answer = address.exchange(tls.as_ref(), request, MOST).await?;
                    let mut response = Response::new(answer.body);
                    *response.status_mut() = answer.status.try_into()?;
                    *response.headers_mut() = answer.headers;
                    Ok::<_, HttpError>(response)
                },
                &self.runtime,
            );
            let sent = match sending.join_next().await {
                Some(Ok(sent)) => sent,
                Some(Err(error)) => Err(error.into()),
                None => Err("nothing was sent".into()),
            };
            let is_failing = !sent.as_ref().is_ok_and(|response| response.status().is_success());
            if self.is_failing.swap(is_failing, Ordering::Relaxed) != is_failing {
                if is_failing {
                    tracing::warn!("the collector takes no traces");
                } else {
                    tracing::info!("the collector takes traces again");
                }
            }
            sent
        })
    }
}
