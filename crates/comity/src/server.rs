//! The server: one agency's node over HTTP, for officers, for the individual, and for other systems.
//!
//! It is a door, as the command line is: it knows who asks and how an answer travels; what may be done is the gate's to
//! say and what a case is, casework's. [`route`] is the list of who may ask for what, `visit` the one layer around all
//! handlers, `page` draws for people and `api` answers programs.

mod account;
pub mod api;
mod ask;
mod chase;
pub mod config;
pub mod correction;
pub(crate) mod demonstration;
pub mod dispute;
mod door;
mod errand;
pub mod error;
mod first;
mod flash;
mod health;
pub mod import;
mod individual;
mod issuer;
mod limit;
mod listen;
pub mod log;
mod message;
mod metrics;
mod page;
pub mod password;
mod retire;
pub mod route;
mod secret;
mod send;
mod sheet;
mod sign_in;
mod signature;
pub mod stay;
pub mod traces;
mod visit;

pub use account::{Accounts, Means};
pub use config::{Config, StoreUrl};
pub use error::Error;
use individual::answer;
pub use individual::{AnswerView, CorrectedView, DisclosedView, LetterView, MeView, StepView};
pub use sign_in::{AccountView, SignInView};
pub use visit::{AtTheDoor, SignedIn, Visit, done};

use crate::clock::Clock;
use crate::desk::Desk;
use crate::node::{Node, Places};
use crate::program::Program;
use agreement::{Gate, PartyId};
use axum::routing::{get, post};
use axum::{Router, middleware};
use casework::store::accounts::{AccountDatabase, AccountStore as _};
use casework::{Database, Store as _};
use jiff::Timestamp;
use limit::Limit;
use metrics::Metrics;
use secret::Secret;
use signature::MessageKey;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore, SemaphorePermit};
use tokio_rustls::rustls::ClientConfig;
use tower_http::catch_panic::CatchPanicLayer;

/// How long the drain waits when nobody wakes it.
const DRAIN_EVERY: Duration = Duration::from_millis(500);

/// How often what is over is removed from the accounts.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// The node as its handlers see it. Clones are the same node.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    program: Program,
    party: PartyId,
    message_key: MessageKey,
    client_tls: Option<Arc<ClientConfig>>,
    node: Mutex<Node>,
    store: Database,
    desk: Desk,
    ledger_writable: AtomicBool,
    accounts: Accounts,
    issuers: issuer::Issuers,
    nobodys_password: String,
    clock: Clock,
    limits: Limits,
    metrics: Metrics,
    hashing: Semaphore,
    uploads: Semaphore,
    drain: Notify,
    errands: errand::Errands,
    voting: Mutex<()>,
    own: Mutex<BTreeMap<String, page::Own>>,
}

/// What is held back by address.
pub(crate) struct Limits {
    requests: Limit,
    sign_ins: Limit,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("program", &self.program_name()).finish_non_exhaustive()
    }
}

impl App {
    /// Opens the node that the settings name.
    ///
    /// # Errors
    /// The program or its stores cannot be opened, or the clock stands before the ledger's last entry.
    pub async fn open(config: Config, clock: Clock) -> Result<App, crate::Error> {
        let places = places(&config);
        let program = Program::load(&config.program, &places, &clock)?;
        let party = match &config.party {
            Some(id) => PartyId::new(id)?,
            None => program.recipient()?.0.clone(),
        };
        if program.agreement().party(&party).is_none() {
            return Err(crate::Error::BadConfig {
                place: "`party`".to_owned(),
                why: "the agreement has no such party".to_owned(),
            });
        }
        let lacking = program.letters().lacking();
        if !lacking.is_empty() && party == *program.recipient()?.0 {
            return Err(crate::Error::Problems { problems: lacking.to_vec() });
        }
        let origin = format!("{}.{party}.comity.example/ledger", program.agreement().program);
        let client_tls = config.tls.as_ref().map(listen::client_config).transpose()?.flatten();
        let environment = program.agreement().environment;
        let mut node =
            Node::open(places.clone(), Gate::shipped()?, clock.clone(), environment, &origin)
                .await?;
        node.ask_witnesses_over(client_tls.clone());
        let (store, ledger_writable) =
            (node.store.clone(), AtomicBool::new(node.ledger_fault().is_none()));
        let desk = Desk::open(&node, &program, Gate::shipped()?).await?;
        let accounts = Accounts::open(&config).await?;
        let issuers = issuer::Issuers::open(&config)?;
        let limits = Limits {
            requests: Limit::a_minute(config.limits.requests_a_minute),
            sign_ins: Limit::a_minute(config.limits.sign_ins_a_minute),
        };
        let inner = Inner {
            party,
            message_key: MessageKey::open(&places)?,
            client_tls,
            program,
            node: Mutex::new(node),
            store,
            desk,
            ledger_writable,
            accounts,
            issuers,
            nobodys_password: password::nobodys()?,
            clock,
            limits,
            metrics: Metrics::new(),
            hashing: Semaphore::new(2),
            uploads: Semaphore::new(4),
            drain: Notify::new(),
            errands: errand::Errands::default(),
            voting: Mutex::default(),
            own: Mutex::default(),
            config,
        };
        Ok(App { inner: Arc::new(inner) })
    }

    /// Returns what time it is.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Says whether the machine's clock was set back while the node runs.
    pub(crate) fn is_clock_set_back(&self) -> bool {
        self.inner.clock.is_set_back()
    }

    /// Returns the settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Returns the matching program.
    pub fn program(&self) -> &Program {
        &self.inner.program
    }

    /// Returns the program's name, under which roles are given.
    pub fn program_name(&self) -> &str {
        self.inner.accounts.program()
    }

    /// Returns the name of the agency whose node it is.
    pub fn agency(&self) -> Option<String> {
        self.inner.program.agreement().party(&self.inner.party).map(|party| party.name.clone())
    }

    /// Returns the party whose node it is.
    pub fn party(&self) -> &PartyId {
        &self.inner.party
    }

    /// Returns the public key by which other nodes know what this one sends.
    pub fn message_public_key(&self) -> String {
        self.inner.message_key.public()
    }

    pub(crate) fn message_key(&self) -> &MessageKey {
        &self.inner.message_key
    }

    pub(crate) fn client_tls(&self) -> Option<Arc<ClientConfig>> {
        self.inner.client_tls.clone()
    }

    /// Says whether all of it is made up.
    pub fn is_demonstration(&self) -> bool {
        self.inner.program.agreement().demonstration
    }

    /// Says whether browsers reach it encrypted.
    pub fn is_encrypted(&self) -> bool {
        let public = self.inner.config.listen.public.as_deref();
        self.inner.config.tls.is_some() || public.is_some_and(|public| public.starts_with("https"))
    }

    /// Returns where accounts are made and changed.
    pub fn door(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Returns who vouches for people beside our own accounts.
    pub(crate) fn issuers(&self) -> &issuer::Issuers {
        &self.inner.issuers
    }

    /// Returns the accounts as they are kept.
    pub fn accounts(&self) -> &AccountDatabase {
        &self.inner.accounts.store
    }

    /// Waits for the node, of which one at a time makes use.
    pub async fn node(&self) -> MutexGuard<'_, Node> {
        self.inner.node.lock().await
    }

    /// Returns the case store, which answers while a run has the node.
    pub fn store(&self) -> &Database {
        &self.inner.store
    }

    /// Does something that takes long with the node, on a thread of its own and not on one that answers pages: comparing keeps
    /// every core busy. Others wait for the node meanwhile.
    pub(crate) async fn with_node<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&App, &mut Node) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (runtime, app) = (tokio::runtime::Handle::current(), self.clone());
        let worked = tokio::task::spawn_blocking(move || {
            runtime.block_on(async move {
                let mut node = app.node().await;
                work(&app, &mut node).await
            })
        });
        worked.await.map_err(|error| Error::failed(&error))
    }

    /// Returns the desk, where acts on cases become decisions, steps and entries.
    pub fn desk(&self) -> &Desk {
        &self.inner.desk
    }

    /// Says whether the ledger can be written: tried now, or, while a run has the node and writes it, as of the last try.
    pub(crate) async fn is_ledger_writable(&self) -> bool {
        if let Ok(mut node) = self.inner.node.try_lock() {
            let drained = node.drain().await;
            self.inner.ledger_writable.store(drained.is_ok(), Ordering::Relaxed);
            if let Err(error) = drained {
                tracing::error!(why = error.chain(), "the ledger was not written");
            }
        }
        self.inner.ledger_writable.load(Ordering::Relaxed)
    }

    /// Returns what is held of the recipient's own records, by run, in memory alone.
    pub(crate) fn own(&self) -> &Mutex<BTreeMap<String, page::Own>> {
        &self.inner.own
    }

    /// Returns what takes longer than a page.
    pub(crate) fn errands(&self) -> &errand::Errands {
        &self.inner.errands
    }

    /// Waits until nobody else votes.
    pub(crate) async fn voting(&self) -> MutexGuard<'_, ()> {
        self.inner.voting.lock().await
    }

    /// Wakes what brings waiting lines to the ledger.
    pub fn drain_soon(&self) {
        self.inner.drain.notify_one();
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Holds back whoever tries to sign in too often from one address.
    pub(crate) fn may_try_to_sign_in(&self, address: IpAddr) -> Result<(), Error> {
        let asked = self.inner.limits.sign_ins.ask(address, self.now());
        asked.map_err(|seconds| Error::TooMany { seconds })
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.inner.accounts.secret
    }

    pub(crate) fn nobodys_password(&self) -> &str {
        &self.inner.nobodys_password
    }

    pub(crate) async fn hashing(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.inner.hashing.acquire().await.map_err(|error| Error::failed(&error))
    }

    pub(crate) async fn upload(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.inner.uploads.acquire().await.map_err(|error| Error::failed(&error))
    }

    /// Returns the router, for a socket or for a test.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/sign-in", get(sign_in::ask).post(sign_in::take))
            .route("/sign-in/once/{code}", get(sign_in::ask_once).post(sign_in::take_once))
            .route("/sign-in/issuer", get(issuer::officer))
            .route("/sign-in/issuer/back", get(issuer::officer_back))
            .route("/sign-out", post(sign_in::out))
            .route("/sign-out/everywhere", post(sign_in::out_everywhere))
            .route("/account", get(sign_in::account))
            .route("/account/password", post(sign_in::change_password))
            .route("/account/first", get(first::ask).post(first::take))
            .route("/me/sign-in", get(individual::ask).post(individual::take))
            .route("/me/sign-in/issuer", get(issuer::individual))
            .route("/me/sign-in/issuer/back", get(issuer::individual_back))
            .route("/me/issuer", post(issuer::bind))
            .route("/me", get(individual::show))
            .route("/me/contest", get(answer::ask).post(answer::take))
            .route("/me/receipts/{index}", get(individual::receipt))
            .route("/health", get(health::health))
            .route("/metrics", get(health::metrics))
            .route("/assets/{digest}/{name}", get(door::asset))
            .merge(api::routes())
            .merge(page::routes())
            .fallback(async || Error::NotFound)
            .method_not_allowed_fallback(async || Error::NoSuchMethod)
            .layer(CatchPanicLayer::custom(panicked))
            .layer(middleware::from_fn_with_state(self.clone(), in_time))
            .layer(middleware::from_fn_with_state(self.clone(), visit::answer))
            .layer(axum::extract::DefaultBodyLimit::max(self.config().limits.upload_mib << 20))
            .with_state(self.clone())
    }

    /// Serves until told to stop, and finishes what was begun.
    ///
    /// # Errors
    /// The address cannot be listened on, or would be open to others without certificates.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), crate::Error> {
        let tls = self.config().tls.as_ref().map(listen::server_config).transpose()?;
        let connections = self.config().limits.connections;
        let served = listen::serve(listener, tls, connections, self.router(), stop);
        tokio::select! {
            served = served => served?,
            () = self.drain() => {}
            () = self.sweep() => {}
            () = self.chase() => {}
            () = Box::pin(self.retire()) => {}
        }
        // What waits still goes to the ledger before the end.
        self.drain_once().await;
        Ok(())
    }

    /// Brings what waits to the ledger, for ever.
    async fn drain(&self) {
        loop {
            self.drain_once().await;
            let _ = tokio::time::timeout(DRAIN_EVERY, self.inner.drain.notified()).await;
        }
    }

    async fn drain_once(&self) {
        let mut node = self.node().await;
        let drained = node.drain().await;
        let waiting = node
            .store
            .count_waiting()
            .await
            .map_or(-1, |lines| i64::try_from(lines).unwrap_or(i64::MAX));
        self.inner.ledger_writable.store(drained.is_ok(), Ordering::Relaxed);
        match drained {
            Ok(lines) => self.metrics().drained(lines.len() as u64, waiting),
            Err(error) => {
                self.metrics().drained(0, waiting);
                tracing::error!(why = error.chain(), "the ledger was not written");
            }
        }
    }

    /// Removes sessions, codes and attempts that are over, and tells the register of requests which matters are, for ever.
    async fn sweep(&self) {
        loop {
            let now = self.now().as_second();
            let idle = i64::from(self.config().sessions.idle_minutes) * 60;
            if let Err(error) = self.accounts().sweep(now - idle, now, now - 90 * 86_400).await {
                tracing::warn!(why = crate::Error::from(error).chain(), "nothing was swept");
            }
            if let Ok(count) = self.accounts().count_sessions(now - idle).await {
                self.metrics().sessions(count);
            }
            let told = crate::register::tell(self.program(), &mut *self.node().await).await;
            if let Err(error) = told {
                tracing::warn!(why = error.chain(), "the register of requests was not told");
            }
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    }
}

/// Returns where a node of these settings keeps what it keeps.
pub fn places(config: &Config) -> Places {
    let places = Places::under(config.work.clone().unwrap_or_else(|| config.program.join("work")));
    match &config.store {
        Some(StoreUrl(url)) => places.on_server(url),
        None => places,
    }
}

/// Ends a request that takes too long.
async fn in_time(
    axum::extract::State(app): axum::extract::State<App>,
    request: axum::extract::Request,
    next: middleware::Next,
) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let patience = Duration::from_secs(app.config().limits.request_seconds);
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::TooSlow.into_response(),
    }
}

/// A mistake of ours ends one request. What it says could hold a value, so it is not logged.
fn panicked(_: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    Error::Failed { why: "a handler panicked".to_owned() }.into_response()
}
