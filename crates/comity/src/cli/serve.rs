//! `comity serve`: serves a node until it is told to stop.

use super::Done;
use crate::Error;
use crate::clock::Clock;
use crate::printer::Printer;
use crate::server::traces::Traces;
use crate::server::{App, Config, log};
use std::path::PathBuf;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The settings (TOML); docs/guides/serve.md lists them
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let config = Config::read(&self.config, |name| std::env::var(name).ok())?;
        let traces = Traces::begin(&config)?;
        log::begin(&config.log, traces.as_ref());
        let address = config.listen.address;
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let app = App::open(config, clock.clone()).await?;
        let failed = |source: std::io::Error| Error::Unreachable {
            address: address.to_string(),
            why: source.to_string(),
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        printer.json(&serde_json::json!({ "listening": format!("{scheme}://{at}") }));
        printer.labelled("listening", &format!("{scheme}://{at}"));
        let served = app.serve(listener, told_to_stop()).await;
        if let Some(traces) = traces {
            traces.end().await;
        }
        served?;
        printer.labelled("stopped", "what was begun is finished, and the ledger is written");
        Ok(Done::Well)
    }
}

/// Waits for the interrupt of a terminal, or the stop of whatever supervises the server.
pub(super) async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut stop), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = stop.recv() => {}
        _ = interrupt.recv() => {}
    }
}
