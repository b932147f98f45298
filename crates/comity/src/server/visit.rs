//! One request from door to answer: who asks, whether they may, and what every answer carries.
//!
//! It is the one layer around all handlers, so that none can be forgotten: limits, sign-in, roles, forms that come from
//! our own pages, headers, log and counters stand here. What a request is about is the handlers' affair, and whether an
//! act is lawful is the gate's.
//!
//! Cookies: [RFC 6265bis](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis), `__Host-` prefix.
//! Cross-site requests: [Fetch Metadata](https://www.w3.org/TR/fetch-metadata/), and a value in each form that is bound
//! to the session.

use super::door;
use super::listen::Peer;
use super::route::{self, Route, Who};
use super::secret::Carried;
use super::{App, Error};
use crate::clock::Stopwatch;
use agreement::OfficerId;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use casework::store::accounts::{Account, AccountStore as _, Holder, Role, Session};
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tracing::Instrument as _;

/// The cookie of a session.
const SESSION: &str = "__Host-session";
/// The cookie that binds a form to a browser while nobody is signed in.
const FORM: &str = "__Host-form";
/// What was done just now, said on the next page.
const FLASH: &str = "__Host-flash";

/// An officer who is signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// The officer's id, as the gate and the ledger know it.
    pub officer: OfficerId,
    /// The name that is shown.
    pub name: String,
    /// The roles under this program's agreement.
    pub roles: BTreeSet<Role>,
    /// What each form has to bring back in its field `csrf`.
    pub csrf: String,
    /// What was done just now, to be said once.
    pub flash: Option<String>,
    /// Whether other means have to be chosen before anything else.
    pub(crate) must_change: bool,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl SignedIn {
    /// Says whether the officer has a role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The individual at the person's door.
#[derive(Clone)]
pub struct AtTheDoor {
    /// The number of the case that concerns them.
    pub case: String,
    /// What each form has to bring back in its field `csrf`.
    pub csrf: String,
    /// What was done just now, to be said once.
    pub flash: Option<String>,
}

impl fmt::Debug for AtTheDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtTheDoor").field("case", &self.case).finish_non_exhaustive()
    }
}

/// Who asks, whoever it is, with what every page needs.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Who it is.
    pub(crate) who: Visitor,
    /// What each form has to bring back in its field `csrf`.
    pub csrf: String,
    /// What was done just now, to be said once.
    pub flash: Option<String>,
    /// The address it came from.
    pub(crate) address: IpAddr,
    /// The session's secret, where there is one.
    pub(crate) session: Option<Carried>,
}

impl Visit {
    /// Returns the officer, where one is signed in.
    pub fn officer(&self) -> Option<&SignedIn> {
        match &self.who {
            Visitor::Officer(officer) => Some(officer),
            Visitor::Nobody | Visitor::Individual(_) => None,
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Visitor {
    /// Nobody who is known.
    Nobody,
    /// An officer, by session or by key.
    Officer(SignedIn),
    /// An individual, by the number of their case.
    Individual(String),
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visit, Error> {
        parts.extensions.get::<Visit>().cloned().ok_or(Error::NotSignedIn)
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<SignedIn, Error> {
        match Visit::from_request_parts(parts, state).await?.who {
            Visitor::Officer(officer) => Ok(officer),
            Visitor::Nobody | Visitor::Individual(_) => Err(Error::NotSignedIn),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for AtTheDoor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<AtTheDoor, Error> {
        let visit = Visit::from_request_parts(parts, state).await?;
        match visit.who {
            Visitor::Individual(case) => {
                Ok(AtTheDoor { case, csrf: visit.csrf, flash: visit.flash })
            }
            Visitor::Nobody | Visitor::Officer(_) => Err(Error::NotSignedIn),
        }
    }
}

/// Answers a request: lets it in or not, and puts on the answer what all answers carry.
pub(crate) async fn answer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let mut stopwatch = Stopwatch::start();
    let path = route::path_of(request.uri().path());
    let found = path.and_then(|path| route::find(request.method(), path));
    let method = named(request.method());
    let for_programs = is_for_programs(request.uri().path());
    let is_asset = request.uri().path().starts_with("/assets/");
    let had_flash = cookie(request.headers(), FLASH).is_some();
    let back = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();

    // The router's path with its placeholders: no number of a case, no address, no officer.
    let shown = found.map_or("none", |route| route.path);
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        method,
        route = shown,
        status = tracing::field::Empty,
    );
    super::traces::join(&span, request.headers());

    let mut visit = None;
    // A body that trickles in is waited for no longer than an answer is.
    let patience = Duration::from_secs(app.config().limits.request_seconds);
    let admitted = admit(&app, found, path, &mut request).instrument(span.clone());
    let admitted = tokio::time::timeout(patience, admitted).await;
    let mut response = match admitted.unwrap_or(Err(Error::TooSlow)) {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted.visit.clone());
            let fresh = admitted.fresh_form;
            visit = Some(admitted.visit);
            let mut response = next.run(request).instrument(span.clone()).await;
            if let Some(form) = fresh.filter(|_| !for_programs && !is_asset) {
                set_cookie(&mut response, FORM, form.as_str(), None);
            }
            response
        }
        Err(error) => error.into_response(),
    };

    // Pages that show a form again have their own status; what readers refuse comes as plain text.
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_plain = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    if response.status().is_client_error() && is_plain {
        response = in_our_words(response.status()).into_response();
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let methods = path.map(route::methods).unwrap_or_default().join(", ");
        if let Ok(value) = HeaderValue::from_str(&methods) {
            response.headers_mut().insert(ALLOW, value);
        }
    }
    if !for_programs {
        response = for_people(&app, response, visit.as_ref(), method, &back);
        // What was said once is not said again.
        if had_flash && response.status() == StatusCode::OK && !is_asset {
            set_cookie(&mut response, FLASH, "", Some(0));
        }
    }
    harden(&app, &mut response, is_asset);

    stopwatch.lap("answer");
    let seconds = stopwatch.laps().iter().map(|(_, seconds)| seconds).sum();
    let status = response.status().as_u16();
    span.record("status", status);
    if status == 403 {
        app.metrics().refused();
    }
    app.metrics().answered(method, shown, status, seconds);
    tracing::info!(method, route = shown, status, milliseconds = seconds * 1000.0, "request");
    response
}

/// Says in our words what a reader of forms, addresses or bodies refused: theirs could repeat what was sent.
fn in_our_words(status: StatusCode) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::NoSuchMethod,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLong { most_kib: 0 },
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::WrongType { wanted: "a form" },
        _ => Error::malformed("request", "it cannot be read"),
    }
}

struct Admitted {
    visit: Visit,
    /// A new cookie for forms, where the browser has none yet.
    fresh_form: Option<Carried>,
}

async fn admit(
    app: &App,
    found: Option<&'static Route>,
    path: Option<&str>,
    request: &mut Request,
) -> Result<Admitted, Error> {
    let address = address(app, request);
    app.limits().requests.ask(address, app.now()).map_err(|seconds| Error::TooMany { seconds })?;
    let route = match (found, path) {
        (Some(route), _) => route,
        (None, Some(path)) if !route::methods(path).is_empty() => return Err(Error::NoSuchMethod),
        (None, _) => return Err(Error::NotFound),
    };
    let for_systems = matches!(route.who, Who::Systems(_));
    let headers = request.headers();
    let session = cookie(headers, SESSION).and_then(|text| Carried::brought(&text));
    let (who, session) = if for_systems {
        (by_key(app, headers).await?, None)
    } else {
        match session {
            None => (Visitor::Nobody, None),
            Some(secret) => match by_session(app, &secret).await? {
                Visitor::Nobody => (Visitor::Nobody, None),
                known => (known, Some(secret)),
            },
        }
    };
    let kept = cookie(headers, FORM).and_then(|text| Carried::brought(&text));
    let (form, fresh_form) = match (&session, kept) {
        (Some(secret), _) => (secret.clone(), None),
        (None, Some(kept)) => (kept, None),
        (None, None) => {
            let fresh = Carried::new()?;
            (fresh.clone(), Some(fresh))
        }
    };
    let flash = cookie(headers, FLASH).and_then(|text| super::flash::read(&text));
    let csrf = form.form();
    let who = match who {
        Visitor::Officer(officer) => {
            Visitor::Officer(SignedIn { csrf: csrf.clone(), flash: flash.clone(), ..officer })
        }
        other => other,
    };
    may(route, &who)?;
    if let Visitor::Officer(officer) = &who
        && officer.must_change
        && !route::BEFORE_CHANGE.contains(&route.path)
    {
        return Err(Error::MustChange);
    }
    let changes = route.method == "POST" && !is_for_programs(route.path);
    if changes {
        is_from_here(app, request)?;
        is_our_form(app, request, &form).await?;
    }
    Ok(Admitted { visit: Visit { who, csrf, flash, address, session }, fresh_form })
}

/// Says whether somebody may ask for a route.
fn may(route: &Route, who: &Visitor) -> Result<(), Error> {
    match (route.who, who) {
        (Who::Anybody, _)
        | (Who::SignedIn, Visitor::Officer(_) | Visitor::Individual(_))
        | (Who::Officers, Visitor::Officer(_))
        | (Who::Individual, Visitor::Individual(_)) => Ok(()),
        (Who::Roles(roles) | Who::Systems(roles), Visitor::Officer(officer)) => {
            if roles.iter().any(|role| officer.is(*role)) {
                Ok(())
            } else {
                Err(Error::NotYours { roles: roles.iter().copied().collect() })
            }
        }
        (Who::Officers | Who::Roles(_) | Who::Systems(_), Visitor::Individual(_))
        | (Who::Individual, Visitor::Officer(_)) => Err(Error::NotYours { roles: BTreeSet::new() }),
        (_, Visitor::Nobody) => Err(Error::NotSignedIn),
    }
}

async fn by_session(app: &App, secret: &Carried) -> Result<Visitor, Error> {
    let hash = secret.hash();
    let Some(session) = app.accounts().session(&hash).await? else {
        return Ok(Visitor::Nobody);
    };
    let now = app.now().as_second();
    if has_ended(app, &session, now) {
        app.accounts().end_session(&hash).await?;
        return Ok(Visitor::Nobody);
    }
    let who = match &session.holder {
        Holder::Individual(case) => Visitor::Individual(case.clone()),
        Holder::Officer(officer) => match app.accounts().account(officer).await? {
            Some(account) if !account.closed => officer_of(app, &account).await?,
            _ => Visitor::Nobody,
        },
    };
    // Once a minute is enough to tell a session in use from one that is not, and costs one write a minute.
    if now - session.seen_at >= 60 {
        app.accounts().touch_session(&hash, now).await?;
    }
    Ok(who)
}

fn has_ended(app: &App, session: &Session, now: i64) -> bool {
    let sessions = &app.config().sessions;
    // An individual reads and answers in one sitting; whoever finds the browser open later must not.
    let idle = match session.holder {
        Holder::Officer(_) => i64::from(sessions.idle_minutes) * 60,
        Holder::Individual(_) => 20 * 60,
    };
    let longest = match session.holder {
        Holder::Officer(_) => i64::from(sessions.longest_hours) * 3600,
        Holder::Individual(_) => 2 * 3600,
    };
    // A session that begins in the future is of a clock that was set back: it ends too.
    now - session.seen_at >= idle
        || now - session.begun_at >= longest
        || session.begun_at > now + 60
}

async fn by_key(app: &App, headers: &HeaderMap) -> Result<Visitor, Error> {
    let brought = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = brought.and_then(|text| {
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Carried::brought(key.trim())).flatten()
    });
    let Some(key) = key else { return Ok(Visitor::Nobody) };
    match app.accounts().key_holder(&key.hash(), app.now().as_second()).await? {
        Some(account) => officer_of(app, &account).await,
        None => Ok(Visitor::Nobody),
    }
}

async fn officer_of(app: &App, account: &Account) -> Result<Visitor, Error> {
    let roles = app.accounts().roles(&account.officer, app.program_name()).await?;
    let officer = OfficerId::new(&account.officer).map_err(|error| Error::failed(&error))?;
    let (name, must_change) = (account.name.clone(), account.must_change);
    let (csrf, flash) = (String::new(), None);
    Ok(Visitor::Officer(SignedIn { officer, name, roles, csrf, flash, must_change }))
}

/// Requires that a browser sent this from one of our own pages.
fn is_from_here(app: &App, request: &Request) -> Result<(), Error> {
    let text =
        |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(&HeaderName::from_static("sec-fetch-site"))
        && site != "same-origin"
        && site != "none"
    {
        return Err(Error::Forged);
    }
    if let Some(origin) = text(&ORIGIN) {
        let ours = match &app.config().listen.public {
            Some(public) => origin == public.trim_end_matches('/'),
            None => origin.split_once("://").map(|(_, host)| host) == text(&HOST),
        };
        if !ours {
            return Err(Error::Forged);
        }
    }
    Ok(())
}

/// Requires that a form brought back what it was given. The body is read whole, within its limit, and put back.
async fn is_our_form(app: &App, request: &mut Request, form: &Carried) -> Result<(), Error> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let limits = &app.config().limits;
    let most = match essence.as_str() {
        "application/x-www-form-urlencoded" => limits.body_kib * 1024,
        "multipart/form-data" => limits.upload_mib * 1024 * 1024,
        _ => return Err(Error::WrongType { wanted: "a form" }),
    };
    // Uploads are held in memory for their length: a few at a time.
    let _room = if essence.starts_with("multipart") { Some(app.upload().await?) } else { None };
    let body = std::mem::take(request.body_mut());
    let bytes = axum::body::to_bytes(body, most)
        .await
        .map_err(|_| Error::TooLong { most_kib: most / 1024 })?;
    let brought = if essence.starts_with("multipart") {
        csrf_of_upload(&kind, bytes.clone()).await
    } else {
        csrf_of_form(&bytes)
    };
    *request.body_mut() = Body::from(bytes);
    match brought {
        Some(brought) if form.is_form(&brought) => Ok(()),
        _ => Err(Error::Forged),
    }
}

fn csrf_of_form(bytes: &[u8]) -> Option<String> {
    form_urlencoded::parse(bytes)
        .find(|(key, _)| key == "csrf")
        .map(|(_, value)| value.into_owned())
}

async fn csrf_of_upload(kind: &str, bytes: Bytes) -> Option<String> {
    use axum::extract::FromRequest as _;
    let request = Request::post("/").header(CONTENT_TYPE, kind).body(Body::from(bytes)).ok()?;
    let mut parts = axum::extract::Multipart::from_request(request, &()).await.ok()?;
    while let Some(field) = parts.next_field().await.ok()? {
        if field.name() == Some("csrf") {
            return field.text().await.ok();
        }
    }
    None
}

/// Draws a page of a problem, or sends whoever is not signed in to where that is done.
fn for_people(
    app: &App,
    response: Response,
    visit: Option<&Visit>,
    method: &'static str,
    back: &str,
) -> Response {
    let Some(problem) = response.extensions().get::<super::error::Problem>().cloned() else {
        return response;
    };
    if problem.status == 401 {
        let door =
            if back == "/me" || back.starts_with("/me/") { "/me/sign-in" } else { "/sign-in" };
        let to = if method == "GET" && door == "/sign-in" && back != "/" {
            let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
            format!("{door}?next={back}")
        } else {
            door.to_owned()
        };
        return see_other(&to);
    }
    if response.extensions().get::<super::error::ToFirst>().is_some() {
        return see_other("/account/first");
    }
    let (parts, _) = response.into_parts();
    let nobody = Visit {
        who: Visitor::Nobody,
        csrf: String::new(),
        flash: None,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        session: None,
    };
    let mut page = door::problem(app, visit.unwrap_or(&nobody), &problem);
    *page.status_mut() = parts.status;
    for name in [ALLOW, http::header::RETRY_AFTER, SET_COOKIE] {
        for value in parts.headers.get_all(&name) {
            page.headers_mut().append(name.clone(), value.clone());
        }
    }
    page
}

/// Sends the browser on with GET.
pub(crate) fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Sends the browser on, to a page that says first what was done. No personal value may be in it.
pub fn done(to: &str, said: &str) -> Response {
    let mut response = see_other(to);
    set_cookie(&mut response, FLASH, &super::flash::write(said), Some(60));
    response
}

/// Gives the browser a session.
pub(crate) fn give_session(response: &mut Response, secret: &Carried) {
    set_cookie(response, SESSION, secret.as_str(), None);
    set_cookie(response, FORM, "", Some(0));
}

/// Takes the session from the browser.
pub(crate) fn take_session(response: &mut Response) {
    set_cookie(response, SESSION, "", Some(0));
}

fn set_cookie(response: &mut Response, name: &str, value: &str, seconds: Option<u32>) {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Returns where a request came from: the last address that a trusted proxy has not added itself.
fn address(app: &App, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let proxies = &app.config().listen.proxies;
    if !proxies.contains(&peer) {
        return peer;
    }
    let told = request.headers().get_all("x-forwarded-for").iter();
    let told: Vec<IpAddr> = told
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|text| text.trim().parse().ok())
        .collect();
    told.into_iter().rev().find(|address| !proxies.contains(address)).unwrap_or(peer)
}

fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || ["/health", "/metrics", "/openapi.json"].contains(&path)
}

fn named(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}

/// Headers that every answer carries.
fn harden(app: &App, response: &mut Response, is_asset: bool) {
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &'static str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    put(
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    put("x-content-type-options", "nosniff");
    put("x-frame-options", "DENY");
    put("referrer-policy", "same-origin");
    put("cross-origin-opener-policy", "same-origin");
    put("cross-origin-resource-policy", "same-origin");
    put("permissions-policy", "camera=(), geolocation=(), microphone=()");
    if app.is_encrypted() {
        put("strict-transport-security", "max-age=63072000; includeSubDomains");
    }
    if is_asset && response.status() == StatusCode::OK {
        return;
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
