//! Witnessing over the network: a service that cosigns other ledgers' checkpoints, and the asking of one.
//!
//! What is cosigned is decided in [`ledger::witness`]; here bytes travel. Two nodes witness each other so, and a court
//! or inspector joins as a third with a key of its own and an address. Between agencies both sides show certificates
//! (mutual TLS); without certificates only addresses of this machine are served or asked. A request carries hashes
//! and signatures, no entry.
//!
//! Wire form: [C2SP tlog-witness v1](https://c2sp.org/tlog-witness@v1.0.0).

use crate::Error;
use crate::clock::Clock;
use crate::web::{self, Address, read_authorities, unreachable};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use ledger::witness::{Answer, BYTES};
use ledger::{Note, Reader, Store, Witness};
use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};

/// How many connections are open at once; who comes when they are is waited for.
const CONNECTIONS: usize = 64;

/// How long a handshake, a request or an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Certificates for both directions: our own, and those whose word is taken for the other side's.
#[derive(Debug)]
pub struct Certificates {
    own: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    trusted: Arc<RootCertStore>,
}

impl Certificates {
    /// Reads PEM files: our certificate with those above it, its private key, and the authorities that are trusted.
    ///
    /// # Errors
    /// A file cannot be read, or holds nothing that can be used.
    pub fn read(own: &Path, key: &Path, trusted: &Path) -> Result<Certificates, Error> {
        let list = |path: &Path| {
            let bad = || Error::BadCertificate { path: path.to_owned() };
            let list = CertificateDer::pem_file_iter(path).map_err(|_| bad())?;
            let list = list.collect::<Result<Vec<_>, _>>().map_err(|_| bad())?;
            if list.is_empty() { Err(bad()) } else { Ok(list) }
        };
        let roots = read_authorities(trusted)?;
        let bad = |_| Error::BadCertificate { path: key.to_owned() };
        let secret = PrivateKeyDer::from_pem_file(key).map_err(bad)?;
        Ok(Certificates { own: list(own)?, key: secret, trusted: Arc::new(roots) })
    }

    /// Returns how a server speaks: it shows its certificate and asks for one that a trusted authority has signed.
    ///
    /// # Errors
    /// Certificate and key do not belong together.
    pub fn server(&self) -> Result<Arc<ServerConfig>, Error> {
        let unusable = || Error::BadCertificate { path: "the certificate".into() };
        let provider = Arc::new(crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(
            Arc::clone(&self.trusted),
            Arc::clone(&provider),
        );
        let clients = clients.build().map_err(|_| unusable())?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable())?
            .with_client_cert_verifier(clients)
            .with_single_cert(self.own.clone(), self.key.clone_key())
            .map_err(|_| unusable())?;
        Ok(Arc::new(config))
    }

    /// Returns how a client speaks: it shows its certificate, and takes only a server whose name a trusted authority
    /// has signed.
    ///
    /// # Errors
    /// Certificate and key do not belong together.
    pub fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        let unusable = || Error::BadCertificate { path: "the certificate".into() };
        let config =
            ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|_| unusable())?
                .with_root_certificates(Arc::clone(&self.trusted))
                .with_client_auth_cert(self.own.clone(), self.key.clone_key())
                .map_err(|_| unusable())?;
        Ok(Arc::new(config))
    }
}

/// Serves a witness until told to stop. Without certificates, only on an address of this machine.
///
/// # Errors
/// The address is open to others and no certificate is given.
pub async fn serve<S: Store + Send + 'static>(
    listener: TcpListener,
    certificates: Option<Arc<ServerConfig>>,
    witness: Witness<S>,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let local = listener.local_addr().map_err(|source| Error::NoRuntime { source })?;
    if certificates.is_none() && !local.ip().is_loopback() {
        return Err(Error::Unencrypted { address: local.to_string() });
    }
    let service = Arc::new(Service { witness: Mutex::new(witness), clock });
    let acceptor = certificates.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let full = connections.len() >= CONNECTIONS;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if !full => {
                // A connection that failed before it began is the other side's loss.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(attend(stream, acceptor.clone(), Arc::clone(&service)));
                }
            }
        }
    }
    // What was begun is finished: an answer may be a cosignature that is stored already.
    let _ =
        tokio::time::timeout(PATIENCE, async { while connections.join_next().await.is_some() {} })
            .await;
    Ok(())
}

/// The witness, one request at a time.
struct Service<S> {
    witness: Mutex<Witness<S>>,
    clock: Clock,
}

async fn attend<S: Store + Send + 'static>(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    service: Arc<Service<S>>,
) {
    match acceptor {
        None => answer_all(stream, service).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
                answer_all(stream, service).await;
            }
        }
    }
}

async fn answer_all<S, T>(stream: T, service: Arc<Service<S>>)
where
    S: Store + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    // Whoever breaks the protocol, or leaves, has no answer to get.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

impl<S: Store> Service<S> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        match (request.method(), path.as_str()) {
            (&Method::POST, "add-checkpoint") => {
                let body = Limited::new(request.into_body(), BYTES).collect();
                let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, body).await else {
                    return respond(413, "text/plain; charset=utf-8", "the request is too long\n");
                };
                let body = body.to_bytes();
                let mut witness = self.witness.lock().await;
                match witness.add_checkpoint(&body, self.clock.now()) {
                    Ok(answer) => respond(answer.status(), answer.content_type(), answer.body()),
                    Err(_) => respond(500, "text/plain; charset=utf-8", "the witness has failed\n"),
                }
            }
            (&Method::GET, path) => match self.witness.lock().await.checkpoint_at(path) {
                Ok(Some(bytes)) => respond(200, "text/plain; charset=utf-8", bytes),
                Ok(None) => respond(404, "text/plain; charset=utf-8", "nothing is known here\n"),
                Err(_) => respond(500, "text/plain; charset=utf-8", "the witness has failed\n"),
            },
            _ => respond(405, "text/plain; charset=utf-8", "a witness has no such thing\n"),
        }
    }
}

fn respond(
    status: u16,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let value = hyper::header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, value);
    response
}

/// Asks a witness to cosign the checkpoint of a ledger, and returns it with the witness's line verified.
///
/// # Errors
/// The witness cannot be reached, does not cosign, or remembers more of the ledger than there is.
pub async fn ask<F: ledger::Files>(
    address: &str,
    certificates: Option<Arc<ClientConfig>>,
    reader: &Reader<F>,
    witness: &ledger::Verifier,
) -> Result<Note, Error> {
    let mut old = 0;
    // A witness that has cosigned before says so, and is asked again from there.
    for _ in 0..3 {
        let body = reader.request(old)?.to_string();
        let answer =
            tokio::time::timeout(PATIENCE, post(address, certificates.clone(), body)).await;
        let answer = answer.map_err(|_| unreachable(address, "it took too long"))??;
        match answer {
            Answer::Cosigned(lines) => {
                let mut note = reader.note().clone();
                let ours = lines.into_iter().filter(|line| witness.is_named_by(line)).collect();
                note.add(ours)?;
                note.verify(&[witness])?;
                return Ok(note);
            }
            Answer::OtherSize(size) if size > reader.checkpoint().size => {
                return Err(Error::WitnessedMore {
                    witnessed: size,
                    size: reader.checkpoint().size,
                });
            }
            Answer::OtherSize(size) => old = size,
            Answer::Malformed | Answer::Unsigned | Answer::UnknownLog | Answer::NotContinued => {
                let what = answer.body().trim_end().to_owned();
                return Err(Error::NotCosigned {
                    address: address.to_owned(),
                    status: answer.status(),
                    what,
                });
            }
        }
    }
    Err(unreachable(address, "it changes its mind about what it has cosigned"))
}

async fn post(
    address: &str,
    certificates: Option<Arc<ClientConfig>>,
    body: String,
) -> Result<Answer, Error> {
    let web = Address::parse(address)?;
    let request = Request::post(format!("{}/add-checkpoint", web.path))
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| web.unreachable(&error.to_string()))?;
    let web::Answer { status, body, .. } =
        web.exchange(certificates.as_ref(), request, BYTES).await?;
    Ok(Answer::parse(status, &body)?)
}
