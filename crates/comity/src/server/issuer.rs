//! Signing in where somebody else vouches: an issuer that speaks OpenID Connect says who came, and what they may do here
//! stays ours to say.
//!
//! The code flow, with a proof key (PKCE) and a nonce. What was begun is remembered here for ten minutes, by the digest
//! of its state, bound to the browser that began it, and forgotten when the browser comes back: what comes twice, from
//! another browser or too late is not taken. A restart forgets what is under way, and it is begun again.
//!
//! An officer is whom an account names by issuer and subject. An individual is known by the issuer only after the code
//! of a letter has let them in and they have said that this issuer may vouch for them from then on: no issuer knows
//! whose case a case is.
//!
//! [OpenID Connect Core 1.0](https://openid.net/specs/openid-connect-core-1_0.html),
//! [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636), [RFC 9207](https://www.rfc-editor.org/rfc/rfc9207). Speaking to
//! an issuer takes the feature `oidc`; without it, settings that name one are refused.

#[cfg(not(feature = "oidc"))]
mod absent;
#[cfg(feature = "oidc")]
mod connect;

#[cfg(not(feature = "oidc"))]
use absent::Provider;
#[cfg(feature = "oidc")]
use connect::Provider;

use super::page::wrong;
use super::secret::Carried;
use super::sign_in::{SignInView, begin, local};
use super::visit::{AtTheDoor, Visit, Visitor, done, see_other};
use super::{App, Error, config, door};
use axum::extract::{Query, State};
use axum::response::Response;
use casework::store::accounts::{AccountStore as _, Attempt, Holder};
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How long somebody may take at the issuer, in seconds.
const PATIENCE: i64 = 10 * 60;

/// How many may be under way at once.
const AT_ONCE: usize = 10_000;

/// Who vouches, for whom, and what is under way.
pub(crate) struct Issuers {
    officers: Option<Provider>,
    individuals: Option<Provider>,
    pending: Mutex<HashMap<[u8; 32], Pending>>,
}

/// What was begun.
struct Pending {
    aim: Aim,
    secrets: Secrets,
    /// What the forms of the browser bring back that began it.
    browser: String,
    until: i64,
}

/// What somebody is to be let do who comes back.
enum Aim {
    /// To sign in as an officer, and go on to where they were going.
    Officer { next: String },
    /// To come in at the person's door.
    Individual,
    /// To be known by this issuer from now on as the individual whom a case concerns.
    Bind { case: String },
}

/// What the issuer's answer has to fit.
#[cfg_attr(
    not(feature = "oidc"),
    expect(dead_code, reason = "only an issuer that is asked needs it")
)]
struct Secrets {
    nonce: String,
    verifier: String,
}

/// Where the browser is sent, and what its return has to fit.
struct Begun {
    address: String,
    secrets: Secrets,
}

/// Whom the issuer vouches for: its own name for them.
struct Vouched {
    subject: String,
}

/// Why an issuer's answer is not taken.
#[cfg_attr(
    not(feature = "oidc"),
    expect(dead_code, reason = "only an issuer that is asked needs it")
)]
enum Failure {
    /// The issuer cannot be asked.
    Unreachable(crate::Error),
    /// It does not prove who came; the word is for the log, and holds nothing that was sent.
    NotVouched(&'static str),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Unreachable(error) => Error::Unavailable { why: error.chain() },
            Failure::NotVouched(why) => {
                tracing::warn!(why, "an issuer's answer was not taken");
                Error::NotVouched
            }
        }
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuers([redacted])")
    }
}

impl Issuers {
    /// Makes them ready as the settings name them. None is asked yet.
    ///
    /// # Errors
    /// A file that the settings name cannot be used, or this build speaks to no issuer.
    pub(crate) fn open(config: &config::Config) -> Result<Issuers, crate::Error> {
        let public = config.listen.public.as_deref().unwrap_or_default().trim_end_matches('/');
        let open = |issuer: &Option<config::Issuer>, back: &str| {
            issuer.as_ref().map(|one| Provider::open(one, &format!("{public}{back}"))).transpose()
        };
        let officers = open(&config.issuers.officers, "/sign-in/issuer/back")?;
        let individuals = open(&config.issuers.individuals, "/me/sign-in/issuer/back")?;
        Ok(Issuers { officers, individuals, pending: Mutex::default() })
    }

    fn officers(&self) -> Result<&Provider, Error> {
        self.officers.as_ref().ok_or(Error::NotFound)
    }

    fn individuals(&self) -> Result<&Provider, Error> {
        self.individuals.as_ref().ok_or(Error::NotFound)
    }

    /// Remembers what is begun, under its state.
    fn remember(&self, state: &Carried, now: i64, pending: Pending) -> Result<(), Error> {
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= AT_ONCE {
            all.retain(|_, one| one.until > now);
        }
        if all.len() >= AT_ONCE {
            return Err(Error::TooMany { seconds: 60 });
        }
        all.insert(state.hash(), pending);
        Ok(())
    }

    /// Takes what was begun under a state: once, in time, for the browser that began it.
    fn recall(&self, state: &str, browser: &str, now: i64) -> Result<Pending, Failure> {
        let state = Carried::brought(state).ok_or(Failure::NotVouched("state"))?;
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = all.remove(&state.hash()).ok_or(Failure::NotVouched("state"))?;
        if pending.until <= now {
            return Err(Failure::NotVouched("time"));
        }
        if pending.browser != browser {
            return Err(Failure::NotVouched("browser"));
        }
        Ok(pending)
    }
}

/// Where one was going.
#[derive(Deserialize)]
pub(crate) struct Going {
    #[serde(default)]
    next: String,
}

/// What the browser brings back from the issuer.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    iss: Option<String>,
}

/// Sends an officer to the issuer.
pub(crate) async fn officer(
    State(app): State<App>,
    visit: Visit,
    Query(going): Query<Going>,
) -> Result<Response, Error> {
    let provider = app.issuers().officers()?;
    let aim = Aim::Officer { next: local(&going.next) };
    Ok(see_other(&start(&app, provider, &visit, aim).await?))
}

/// Takes an officer who comes back.
pub(crate) async fn officer_back(
    State(app): State<App>,
    visit: Visit,
    Query(back): Query<Back>,
) -> Result<Response, Error> {
    let provider = app.issuers().officers()?;
    let (aim, vouched) = finish(&app, provider, &visit, &back).await?;
    let Aim::Officer { next } = aim else { return Err(Error::NotVouched) };
    let account = app.accounts().account_issued(provider.issuer(), &vouched.subject).await?;
    let outcome = match &account {
        None => "wrong",
        Some(account) if account.closed => "closed",
        Some(_) => "in",
    };
    note(&app, &visit, "officer", &vouched, outcome).await?;
    if let Some(account) = account.filter(|account| !account.closed) {
        return begin(&app, &visit, Holder::Officer(account.officer), &next).await;
    }
    // Only they themselves read it: it is what the operator needs to make the account.
    let why = format!(
        "{} knows you, as {}. There is no account here for that: ask an operator of this node for one.",
        provider.name(),
        vouched.subject
    );
    let view = SignInView { next, wrong: Some(why), ..SignInView::default() };
    Ok(wrong(door::sign_in(&app, &visit, &view)))
}

/// Sends an individual to the issuer, who has said before that it may vouch for them.
pub(crate) async fn individual(State(app): State<App>, visit: Visit) -> Result<Response, Error> {
    let provider = app.issuers().individuals()?;
    Ok(see_other(&start(&app, provider, &visit, Aim::Individual).await?))
}

/// Shows an individual who is in the way to the issuer. The form is ours and the way is a link: a browser that is only
/// made to follow addresses binds nobody.
pub(crate) async fn bind(
    State(app): State<App>,
    visit: Visit,
    door: AtTheDoor,
) -> Result<Response, Error> {
    let provider = app.issuers().individuals()?;
    let address = start(&app, provider, &visit, Aim::Bind { case: door.case }).await?;
    Ok(door::to_issuer(&app, &visit, provider.name(), &address))
}

/// Takes an individual who comes back.
pub(crate) async fn individual_back(
    State(app): State<App>,
    visit: Visit,
    Query(back): Query<Back>,
) -> Result<Response, Error> {
    let provider = app.issuers().individuals()?;
    let (aim, vouched) = finish(&app, provider, &visit, &back).await?;
    let hash = app.secret().digest("issued", &[provider.issuer(), &vouched.subject]);
    let now = app.now().as_second();
    match aim {
        Aim::Officer { .. } => Err(Error::NotVouched),
        Aim::Bind { case } => {
            // Who is in now is who began it: the state is bound to the session.
            if !matches!(&visit.who, Visitor::Individual(who) if *who == case) {
                return Err(Error::NotVouched);
            }
            if !app.accounts().bind_issued(&hash, &case, now).await? {
                return Err(Error::NotAllowed {
                    why: "the time in which the letter lets you in is over".to_owned(),
                });
            }
            Ok(done("/me", &format!("From now on {} lets you in.", provider.name())))
        }
        Aim::Individual => {
            let case = app.accounts().issued_individual(&hash, now).await?;
            let outcome = if case.is_some() { "in" } else { "wrong" };
            note(&app, &visit, "individual", &vouched, outcome).await?;
            match case {
                Some(case) => begin(&app, &visit, Holder::Individual(case), "/me").await,
                None => Ok(unknown(&app, &visit, provider.name())),
            }
        }
    }
}

fn unknown(app: &App, visit: &Visit, name: &str) -> Response {
    let why = format!(
        "{name} knows you, and this place does not yet. Come in with the code on your letter first; then you can choose {name} for the next time."
    );
    let view = super::individual::LetterView { wrong: Some(why), ..Default::default() };
    wrong(door::letter(app, visit, &view))
}

/// Begins, and returns where the browser has to go.
async fn start(app: &App, provider: &Provider, visit: &Visit, aim: Aim) -> Result<String, Error> {
    let now = app.now();
    app.may_try_to_sign_in(visit.address)?;
    let state = Carried::new()?;
    let secrets = Secrets {
        nonce: Carried::new()?.as_str().to_owned(),
        verifier: Carried::new()?.as_str().to_owned(),
    };
    let Begun { address, secrets } = provider.begin(&state, secrets, now).await?;
    let until = now.as_second() + PATIENCE;
    let pending = Pending { aim, secrets, browser: visit.csrf.clone(), until };
    app.issuers().remember(&state, now.as_second(), pending)?;
    Ok(address)
}

/// Finds out whom the issuer vouches for.
async fn finish(
    app: &App,
    provider: &Provider,
    visit: &Visit,
    back: &Back,
) -> Result<(Aim, Vouched), Error> {
    let now = app.now();
    app.may_try_to_sign_in(visit.address)?;
    let pending = app.issuers().recall(&back.state, &visit.csrf, now.as_second())?;
    if back.iss.as_deref().is_some_and(|iss| iss != provider.issuer()) {
        return Err(Failure::NotVouched("another issuer").into());
    }
    if back.code.is_empty() {
        return Err(Failure::NotVouched("no code").into());
    }
    let vouched = provider.finish(&back.code, pending.secrets, now).await?;
    Ok((pending.aim, vouched))
}

async fn note(
    app: &App,
    visit: &Visit,
    kind: &'static str,
    vouched: &Vouched,
    outcome: &'static str,
) -> Result<(), Error> {
    app.metrics().signed_in(outcome);
    let holder = app.secret().digest("attempt", &[kind, "issuer", &vouched.subject]);
    let address = app.secret().digest("address", &[&visit.address.to_string()]);
    let attempt = Attempt { kind, holder, address, at: app.now().as_second(), outcome };
    Ok(app.accounts().note_attempt(&attempt).await?)
}
