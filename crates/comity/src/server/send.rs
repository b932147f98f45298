//! Posts a message to another party's node: one request, one answer, within limits. Encrypted, unless the node is on
//! this machine.

use crate::Error;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long sending and being answered may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer may be, in bytes.
const MOST: usize = 64 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Posts a body of JSON to a path of a node.
///
/// # Errors
/// The node cannot be reached, takes too long, or answers more than is read.
pub(crate) async fn post(
    address: &str,
    path: &str,
    tls: Option<Arc<ClientConfig>>,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Result<Answer, Error> {
    let sent = tokio::time::timeout(PATIENCE, try_post(address, path, tls, headers, body)).await;
    sent.map_err(|_| unreachable(address, "it took too long"))?
}

async fn try_post(
    address: &str,
    path: &str,
    tls: Option<Arc<ClientConfig>>,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Result<Answer, Error> {
    let failed = |error: &dyn std::error::Error| unreachable(address, &error.to_string());
    let uri: Uri = format!("{}{path}", address.trim_end_matches('/'))
        .parse()
        .map_err(|_| unreachable(address, "it is no address"))?;
    let host = uri.host().ok_or_else(|| unreachable(address, "it names no host"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_encrypted = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(unreachable(address, "it begins with neither https nor http")),
    };
    let is_here = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !is_encrypted && !is_here {
        return Err(Error::Unencrypted { address: address.to_owned() });
    }
    let mut request = Request::post(uri.path())
        .header(http::header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(http::header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| failed(&error))?;
    let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
    let stream = TcpStream::connect((bare.as_str(), port)).await.map_err(|error| failed(&error))?;
    if !is_encrypted {
        return exchange(stream, request, address).await;
    }
    let config = tls.ok_or_else(|| Error::Unencrypted { address: address.to_owned() })?;
    let name = ServerName::try_from(bare).map_err(|error| failed(&error))?;
    let stream =
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| failed(&error))?;
    exchange(stream, request, address).await
}

async fn exchange<T>(
    stream: T,
    request: Request<Full<Bytes>>,
    address: &str,
) -> Result<Answer, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: &dyn std::error::Error| unreachable(address, &error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST).collect().await;
        let body = body.map_err(|_| unreachable(address, "its answer is too long or cut short"))?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        answered = &mut answer => answered,
        // The connection ends first when the other side closes it; the answer may be complete by then.
        _ = &mut connection => answer.await,
    }
}

fn unreachable(address: &str, why: &str) -> Error {
    Error::Unreachable { address: address.to_owned(), why: why.to_owned() }
}
