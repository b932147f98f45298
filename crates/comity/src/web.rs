//! Addresses on the web and the connection to one: what asking a witness, reading a ledger from afar, writing to another
//! party's node and asking who somebody is have in common.
//!
//! A connection speaks HTTP/1.1, over TLS where the address says so. Whether an unencrypted one is good enough is for
//! who connects to say; [`Address::exchange`] takes one to this machine alone.

use crate::Error;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What requests are sent over, one after the other.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Carries the bytes as long as this is held.
    _carried: JoinSet<()>,
}

impl Connection {
    /// Sends a request, and returns the answer as it begins.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    /// Says whether the other side has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// An address that begins with `https://` or `http://`, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    text: String,
    pub(crate) is_encrypted: bool,
    host: String,
    port: u16,
    /// Host and port as a request names them.
    pub(crate) authority: String,
    /// The path without its last slash: what is asked for is put behind it.
    pub(crate) path: String,
}

impl Address {
    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Address, Error> {
        let uri: Uri = text.parse().map_err(|_| unreachable(text, "it is no address"))?;
        let host = uri.host().ok_or_else(|| unreachable(text, "it names no host"))?;
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unreachable(text, "it begins with neither https nor http")),
        };
        if uri.query().is_some() {
            return Err(unreachable(text, "it has a question mark in it"));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(unreachable(text, "it holds a name or a password"));
        }
        Ok(Address {
            text: text.to_owned(),
            is_encrypted,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Says whether it is an address of this machine.
    pub(crate) fn is_here(&self) -> bool {
        let loopback = |ip: IpAddr| ip.is_loopback();
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(loopback)
    }

    /// Connects to it. An encrypted address needs to know whose certificates are taken.
    pub(crate) async fn connect(
        &self,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Connection, Error> {
        let failed = |error: &dyn std::error::Error| self.unreachable(&error.to_string());
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| failed(&error))?;
        // What is sent is small, and the answer is waited for.
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        if !self.is_encrypted {
            return self.speak(stream).await;
        }
        let unencrypted = || Error::Unencrypted { address: self.text.clone() };
        let config = tls.ok_or_else(unencrypted)?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| failed(&error))?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        self.speak(stream.map_err(|error| failed(&error))?).await
    }

    async fn speak<T>(&self, stream: T) -> Result<Connection, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error.to_string()))?;
        let mut carried = JoinSet::new();
        // It ends when the other side closes it; the answer then says what is amiss.
        carried.spawn(async move {
            let _ = connection.await;
        });
        Ok(Connection { sender, _carried: carried })
    }

    /// Sends one request over a connection of its own, and reads the answer up to so many bytes. Encrypted, unless the
    /// address is of this machine.
    ///
    /// # Errors
    /// It cannot be reached, takes too long, or answers more than is read.
    pub(crate) async fn exchange(
        &self,
        tls: Option<&Arc<ClientConfig>>,
        mut request: Request<Full<Bytes>>,
        most: usize,
    ) -> Result<Answer, Error> {
        if !self.is_encrypted && !self.is_here() {
            return Err(Error::Unencrypted { address: self.text.clone() });
        }
        let failed = |error: &dyn std::error::Error| self.unreachable(&error.to_string());
        let host = HeaderValue::from_str(&self.authority).map_err(|error| failed(&error))?;
        request.headers_mut().insert(http::header::HOST, host);
        let exchanged = async {
            let mut connection = self.connect(tls).await?;
            let response = connection.send(request).await.map_err(|error| failed(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, most).collect().await;
            let body = body.map_err(|_| self.unreachable("its answer is too long or cut short"))?;
            let (status, headers) = (parts.status.as_u16(), parts.headers);
            Ok(Answer { status, headers, body: body.to_bytes() })
        };
        let exchanged = tokio::time::timeout(PATIENCE, exchanged).await;
        exchanged.map_err(|_| self.unreachable("it took too long"))?
    }

    /// Returns the error for what did not come.
    pub(crate) fn unreachable(&self, why: &str) -> Error {
        unreachable(&self.text, why)
    }
}

/// Returns the error for an address that does not answer as it should.
pub(crate) fn unreachable(address: &str, why: &str) -> Error {
    Error::Unreachable { address: address.to_owned(), why: why.to_owned() }
}

/// Reads the authorities whose certificates are taken for the other side's (PEM).
pub(crate) fn read_authorities(path: &Path) -> Result<RootCertStore, Error> {
    let bad = || Error::BadCertificate { path: path.to_owned() };
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(path).map_err(|_| bad())? {
        roots.add(authority.map_err(|_| bad())?).map_err(|_| bad())?;
    }
    if roots.is_empty() { Err(bad()) } else { Ok(roots) }
}

/// Returns how a client speaks that shows no certificate of its own, and takes a server whose name one of these
/// authorities has signed.
pub(crate) fn without_own_certificate(authorities: &Path) -> Result<Arc<ClientConfig>, Error> {
    let bad = |_| Error::BadCertificate { path: authorities.to_owned() };
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(bad)?
        .with_root_certificates(read_authorities(authorities)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let address = Address::parse("https://ledger.example.gov:8443/2027/").unwrap();
        assert!(address.is_encrypted && !address.is_here());
        assert_eq!((address.host.as_str(), address.port), ("ledger.example.gov", 8443));
        assert_eq!(
            (address.authority.as_str(), address.path.as_str()),
            ("ledger.example.gov:8443", "/2027")
        );
        let address = Address::parse("http://[::1]").unwrap();
        assert!(!address.is_encrypted && address.is_here());
        assert_eq!((address.host.as_str(), address.port, address.path.as_str()), ("::1", 80, ""));
    }

    #[test]
    fn what_is_no_address_or_holds_more_than_one_is_refused() {
        for text in [
            "",
            "ledger",
            "ftp://ledger.example",
            "/srv/ledger",
            "http://me:secret@ledger.example/",
            "https://l.example/?a=b",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
