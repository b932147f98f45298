//! Accepts connections, with or without TLS, and hands their requests to the router until told to stop.
//!
//! The loop is our own because of what it has to bound: connections, handshakes, heads of requests. HTTP itself is
//! hyper's. What was begun when the server is told to stop is finished, within a while. A connection that shakes hands
//! slowly, or sends its head slowly, is let go.

use super::config::Tls;
use crate::Error;
use crate::witness::Certificates;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
use tower_http::add_extension::AddExtension;

/// How long a handshake, the head of a request, or what was begun at the end may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: IpAddr,
}

/// Reads certificates for serving. With authorities, a client may show a certificate, and one that is shown must be
/// good; officers' browsers show none.
///
/// # Errors
/// A file cannot be read or used.
pub(crate) fn server_config(tls: &Tls) -> Result<Arc<ServerConfig>, Error> {
    let unusable = |path: &Path| Error::BadCertificate { path: path.to_owned() };
    let list = |path: &Path| {
        let list = CertificateDer::pem_file_iter(path).map_err(|_| unusable(path))?;
        let list = list.collect::<Result<Vec<_>, _>>().map_err(|_| unusable(path))?;
        if list.is_empty() { Err(unusable(path)) } else { Ok(list) }
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| unusable(&tls.certificate))?;
    let builder = match &tls.authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in list(path)? {
                roots.add(authority).map_err(|_| unusable(path))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(|_| unusable(path))?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|_| unusable(&tls.key))?;
    let mut config = builder
        .with_single_cert(list(&tls.certificate)?, key)
        .map_err(|_| unusable(&tls.certificate))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Reads certificates for asking other nodes, which are believed where one of the authorities has signed for them. None
/// without authorities: then nobody is believed.
///
/// # Errors
/// A file cannot be read or used.
pub(crate) fn client_config(tls: &Tls) -> Result<Option<Arc<ClientConfig>>, Error> {
    let Some(authorities) = &tls.authorities else { return Ok(None) };
    Certificates::read(&tls.certificate, &tls.key, authorities)?.client().map(Some)
}

/// Serves a router until told to stop. Without certificates, only on an address of this machine.
///
/// # Errors
/// The address is open to others and no certificate is given.
pub(crate) async fn serve(
    listener: TcpListener,
    certificates: Option<Arc<ServerConfig>>,
    connections: usize,
    router: Router,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let local = listener.local_addr().map_err(|source| Error::NoRuntime { source })?;
    if certificates.is_none() && !local.ip().is_loopback() {
        return Err(Error::Unencrypted { address: local.to_string() });
    }
    let acceptor = certificates.map(TlsAcceptor::from);
    let (closing, is_closing) = watch::channel(false);
    let mut open = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let full = open.len() >= connections;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = open.join_next(), if !open.is_empty() => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, from)) => {
                    let attended = attend(stream, from, acceptor.clone(), router.clone(), is_closing.clone());
                    open.spawn(attended);
                }
                // Out of file handles: wait for connections to end rather than turn in circles.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let _ = closing.send(true);
    let _ =
        tokio::time::timeout(PATIENCE, async { while open.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn attend(
    stream: TcpStream,
    from: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    is_closing: watch::Receiver<bool>,
) {
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    let address = from.ip().to_canonical();
    match acceptor {
        None => {
            answer_all(stream, Peer { address }, router, is_closing).await;
        }
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
                answer_all(stream, Peer { address }, router, is_closing).await;
            }
        }
    }
}

async fn answer_all<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: T,
    peer: Peer,
    router: Router,
    mut is_closing: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(AddExtension::new(router, peer));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // Let go of what it looked at before anything is waited for again.
    let closed = async move { drop(is_closing.wait_for(|closing| *closing).await) };
    // Whoever breaks the protocol, or leaves, has no answer to get.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = closed => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
