//! A ledger on a web server: the files of a C2SP tlog-tiles tree, read over HTTP as they would be from a folder.
//!
//! What comes is believed no more than what lies on a found disk: [`ledger::audit()`] holds it against the signed
//! checkpoint. A server is not asked what else it has. This file writes nothing, follows no redirection, and asks for
//! nothing but the ledger's own paths.

use crate::Error;
use crate::web::{Address, Connection};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use ledger::Files;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_rustls::rustls::ClientConfig;

/// The longest file of a ledger: a bundle of 256 entries of 65,535 bytes, each after its length in two bytes.
const BYTES: usize = 256 * 65_537;

/// How long a connection or an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The files of a ledger on a web server. Those who ask wait for their own answer; several may ask at once.
#[derive(Debug)]
pub struct Remote {
    asks: UnboundedSender<Ask>,
}

/// A file that somebody waits for.
struct Ask {
    path: String,
    answer: mpsc::SyncSender<Result<Option<Vec<u8>>, ledger::Error>>,
}

impl Remote {
    /// Names the tree under an address. Nothing is asked for yet. `tls` is needed for an address with `https`.
    ///
    /// # Errors
    /// It is no address, or no thread can be started.
    pub fn open(address: &str, tls: Option<Arc<ClientConfig>>) -> Result<Remote, Error> {
        let server =
            Arc::new(Server { address: Address::parse(address)?, tls, idle: Mutex::default() });
        if server.address.is_encrypted && server.tls.is_none() {
            return Err(Error::NoAuthority { address: address.to_owned() });
        }
        let (asks, asked) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| Error::NoRuntime { source })?;
        // A thread of its own: who reads files waits for them and must not be one who carries the bytes.
        std::thread::Builder::new()
            .name("remote".to_owned())
            .spawn(move || runtime.block_on(answer_all(server, asked)))
            .map_err(|source| Error::NoRuntime { source })?;
        Ok(Remote { asks })
    }
}

impl Files for Remote {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ledger::Error> {
        let gone = || ledger::Error::Store {
            deed: "fetch",
            path: path.to_owned(),
            source: io::Error::from(io::ErrorKind::BrokenPipe),
        };
        let (answer, answered) = mpsc::sync_channel(1);
        self.asks.send(Ask { path: path.to_owned(), answer }).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }

    /// Returns nothing: a web server does not say what it has. An audit is then of what the checkpoint implies, and
    /// of nothing that lies beside it.
    fn list(&self, _under: &str) -> Result<Vec<String>, ledger::Error> {
        Ok(Vec::new())
    }
}

/// The server, and the connections to it that nobody uses just now.
struct Server {
    address: Address,
    tls: Option<Arc<ClientConfig>>,
    idle: Mutex<Vec<Connection>>,
}

async fn answer_all(server: Arc<Server>, mut asked: UnboundedReceiver<Ask>) {
    let mut answering = JoinSet::new();
    while let Some(Ask { path, answer }) = asked.recv().await {
        // Those that are done are let go.
        while answering.try_join_next().is_some() {}
        let server = Arc::clone(&server);
        answering.spawn(async move {
            let fetched = tokio::time::timeout(PATIENCE, server.fetch(&path)).await;
            let late = || Err(server.address.unreachable("it took too long"));
            let fetched = fetched.unwrap_or_else(|_| late());
            let told = fetched.map_err(|error| ledger::Error::Store {
                deed: "fetch",
                path,
                source: io::Error::other(error),
            });
            // Who has stopped waiting has its reason.
            let _ = answer.send(told);
        });
    }
}

impl Server {
    async fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = kept
            && let Ok(file) = self.fetch_over(&mut connection, path).await
        {
            self.keep(connection);
            return Ok(file);
        }
        // A connection that was kept may have been closed by the other side: a new one tells.
        let mut connection = self.address.connect(self.tls.as_ref()).await?;
        let file = self.fetch_over(&mut connection, path).await?;
        self.keep(connection);
        Ok(file)
    }

    fn keep(&self, connection: Connection) {
        if !connection.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    async fn fetch_over(
        &self,
        connection: &mut Connection,
        path: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let failed = |error: &dyn std::error::Error| self.address.unreachable(&error.to_string());
        let request = Request::get(format!("{}/{path}", self.address.path))
            .header(hyper::header::HOST, &self.address.authority)
            .body(Full::new(Bytes::new()))
            .map_err(|error| failed(&error))?;
        let response = connection.send(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BYTES).collect().await;
        let too_long = |_| self.address.unreachable("its answer is too long or cut short");
        let body = body.map_err(too_long)?.to_bytes();
        match status {
            StatusCode::OK => Ok(Some(body.to_vec())),
            // Anything else than these does not say that there is no such file.
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            other => Err(self.address.unreachable(&format!("for `{path}` it answers {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    /// Answers each request of one connection after the other as told, and returns the lines that were asked.
    fn served(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/log", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                asked.push(line.trim().to_owned());
                while line != "\r\n" {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                }
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (address, serving)
    }

    #[test]
    fn a_file_is_there_or_is_not_and_any_other_answer_is_no_answer() {
        let (address, serving) = served(vec![
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhello",
        ]);
        let remote = Remote::open(&address, None).unwrap();
        assert_eq!(remote.read("checkpoint").unwrap().as_deref(), Some(b"hello".as_slice()));
        assert_eq!(remote.read("pruned").unwrap(), None);
        for path in ["tile/0/000", "tile/0/001", "tile/0/002"] {
            assert!(remote.read(path).is_err(), "{path}");
        }
        let asked = serving.join().unwrap();
        assert_eq!(asked[0], "GET /log/checkpoint HTTP/1.1");
        assert_eq!(asked[2], "GET /log/tile/0/000 HTTP/1.1");
    }

    #[test]
    fn an_encrypted_address_wants_to_know_whom_to_trust() {
        let opened = Remote::open("https://ledger.example", None);
        assert!(matches!(opened, Err(Error::NoAuthority { .. })));
    }
}
