//! Posts a message to another party's node: one request, one answer, within limits. Encrypted, unless the node is on
//! this machine.

use crate::Error;
use crate::web::{Address, Answer};
use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;

/// How long an answer may be, in bytes.
const MOST: usize = 64 * 1024;

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
    let web = Address::parse(address)?;
    let mut request = Request::post(format!("{}{path}", web.path))
        .header(http::header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| web.unreachable(&error.to_string()))?;
    web.exchange(tls.as_ref(), request, MOST).await
}
